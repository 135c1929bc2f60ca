"""Options for single databases, ``postgresql_using="gin"``, and what exists on some of them only."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Self

from flask_uow.exc import ArgumentError, did_you_mean

__all__ = ["ForSomeDatabases", "checked_options", "table_options_text"]

# databases whose options say nothing to ours
_OTHERS = ("mysql_", "mariadb_", "oracle_", "mssql_")


def checked_options(owner: str, given: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """Return keyword arguments that are options for one database each; those for databases that are not served here are left out.

    :param owner: what they are given to, for messages.
    :param known: the options that there are.
    :raises ArgumentError: for another name.
    """
    made = {}
    for name, value in given.items():
        if name in known:
            made[name] = value
        elif not name.startswith(_OTHERS):
            raise ArgumentError(
                f"{owner} got an unknown option {name!r}.{did_you_mean(name, known)} Those for one database are: {', '.join(sorted(known))}."
            )
    return made


class ForSomeDatabases:
    """The base of what a table may have on some databases only.

    :ivar dialects: the names of these databases; None for all.
    """

    dialects: frozenset[str] | None = None

    def ddl_if(self, dialect: str | Collection[str]) -> Self:
        """Have it on some databases only, and return it: ``ExcludeConstraint(...).ddl_if("postgresql")``.

        :param dialect: the name of a database, ``"postgresql"`` or ``"sqlite"``, or several.
        """
        self.dialects = frozenset((dialect,) if isinstance(dialect, str) else dialect)
        return self

    def is_for(self, dialect: str) -> bool:
        """Return True where a database has it; the generic form, for people, has all."""
        return self.dialects is None or dialect in self.dialects or dialect == "generic"


def table_options_text(options: Mapping[str, Any], quote: Callable[[str], str]) -> str:
    """Return the clauses of PostgreSQL behind the columns of a table (https://www.postgresql.org/docs/current/sql-createtable.html).

    :param options: the table's options.
    :param quote: quotes a name.
    """
    parts = []
    inherits = options.get("postgresql_inherits")
    if inherits:
        names = (inherits,) if isinstance(inherits, str) else inherits
        parts.append(f"INHERITS ({', '.join(map(quote, names))})")
    if "postgresql_partition_by" in options:
        parts.append(f"PARTITION BY {options['postgresql_partition_by']}")
    if "postgresql_using" in options:
        parts.append(f"USING {quote(options['postgresql_using'])}")
    if options.get("postgresql_with"):
        parts.append(f"WITH ({storage_parameters(options['postgresql_with'])})")
    if "postgresql_on_commit" in options:
        parts.append(f"ON COMMIT {options['postgresql_on_commit'].replace('_', ' ').upper()}")
    if "postgresql_tablespace" in options:
        parts.append(f"TABLESPACE {quote(options['postgresql_tablespace'])}")
    return "".join(f" {part}" for part in parts)


def storage_parameters(given: Mapping[str, Any]) -> str:
    """Return storage parameters as SQL: ``fillfactor = 70``."""
    return ", ".join(
        f"{name} = {str(value).lower() if isinstance(value, bool) else value}" for name, value in given.items()
    )
