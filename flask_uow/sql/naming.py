"""Naming conventions: how constraints and indexes without a name of their own are called.

``MetaData(naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": ..., "ck": ..., "fk": ..., "pk": ...})``. A constraint
that has a name of the application's choosing can be altered and dropped by migrations on every database. The tokens:

===========================  ==========================================================================================
``table_name``               the table
``column_0_name``            the first column; ``column_1_name`` the second, and so on
``column_0_N_name``          all columns, joined by ``_``
``column_0_label``           ``table_column``, for the first column
``referred_table_name``      the table that a foreign key refers to
``referred_column_0_name``   its first column there
``constraint_name``          the name given; for check constraints, whose names are prefixed so
===========================  ==========================================================================================

Further entries of the mapping that are functions ``(constraint, table)`` are tokens of your own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from flask_uow.exc import ArgumentError, CompileError, NoReferenceError, did_you_mean

if TYPE_CHECKING:
    from flask_uow.sql.constraints import Constraint
    from flask_uow.sql.foreign_keys import ForeignKey
    from flask_uow.sql.indexes import Index
    from flask_uow.sql.schema import Table

__all__ = ["check_convention", "constraint_name", "conv", "index_name", "quoted_name", "short_name"]

_KINDS = ("ix", "uq", "ck", "fk", "pk")
_TOKEN = re.compile(r"%\((\w+)\)s")
_NUMBERED = re.compile(r"(referred_)?column_(\d+)_name\Z")
_PLAIN = frozenset(
    (
        "table_name",
        "column_0_N_name",
        "column_0_label",
        "referred_table_name",
        "referred_column_0_N_name",
        "constraint_name",
    )
)
# PostgreSQL cuts a longer name off without a word
_LONGEST = 63


class conv(str):  # noqa: N801 - by the field's name
    """The whole name of a constraint, to which no convention adds anything: ``CheckConstraint("age > 0", name=conv("positive_age"))``.

    The names of reflected constraints are such.
    """


class quoted_name(str):  # noqa: N801 - by the field's name
    """A name of a table or a column that says how it is quoted.

    Names are quoted wherever they need it, so that each is taken as it is written; ``quote=True`` says the same. ``quoted_name("Users", False)``
    is what the database makes of a name without quotes: ``users``.

    :param value: the name.
    :param quote: None, True or False.
    """

    __slots__ = ("quote",)
    quote: bool | None

    def __new__(cls, value: str, quote: bool | None = None) -> Self:
        made = super().__new__(cls, value.lower() if quote is False else value)
        made.quote = quote
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return quoted_name, (str(self), self.quote)


def check_convention(convention: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a convention that is well formed.

    :param convention: patterns by kind, which may be said by a class, too: ``Index`` for ``"ix"``, ``ForeignKeyConstraint`` for ``"fk"``.
    :raises ArgumentError: for an unknown kind of constraint, or an unknown token.
    """
    convention = {kind.kind if hasattr(kind, "kind") else kind: pattern for kind, pattern in convention.items()}
    own = {name for name, value in convention.items() if callable(value)}
    for kind, pattern in convention.items():
        if kind in own:
            continue
        if kind not in _KINDS or not isinstance(pattern, str):
            raise ArgumentError(
                f"naming_convention has an entry {kind!r}: {pattern!r}; expected a pattern for one of {', '.join(_KINDS)}, or a function."
            )
        for token in _TOKEN.findall(pattern):
            if token not in _PLAIN and token not in own and not _NUMBERED.match(token):
                hint = did_you_mean(token, [*_PLAIN, "column_0_name", "referred_column_0_name", *own])
                raise ArgumentError(f"naming_convention[{kind!r}] has an unknown token {token!r}.{hint}")
    return dict(convention)


def constraint_name(constraint: Constraint) -> str | None:
    """Return a constraint's name in the database, None for the database's own choice."""
    given = constraint.given_name
    table = constraint.table
    pattern = table.metadata.naming_convention.get(constraint.kind) if table is not None else None
    if table is None or pattern is None or isinstance(given, conv):
        return given
    if "%(constraint_name)s" not in pattern:
        return given if given is not None else _formatted(pattern, constraint, table)
    # a check without a name has nothing to be called after
    return _formatted(pattern, constraint, table) if given is not None else None


def index_name(index: Index) -> str:
    """Return the name of an index that was given none."""
    table = index.table
    pattern = table.metadata.naming_convention.get("ix") if table is not None else None
    if table is not None and pattern is not None:
        return _formatted(pattern, index, table)
    columns = "_".join(_name_of(expression) for expression in index.expressions)
    return short_name(f"ix_{table.name if table is not None else ''}_{columns}")


def _formatted(pattern: str, item: Constraint | Index, table: Table) -> str:
    return short_name(_TOKEN.sub(lambda match: _token(match.group(1), item, table), pattern))


def _token(token: str, item: Constraint | Index, table: Table) -> str:
    own = table.metadata.naming_convention.get(token)
    if callable(own):
        return str(own(item, table))
    expressions = getattr(item, "expressions", None)
    columns = [_name_of(c) for c in (expressions if expressions is not None else getattr(item, "columns", ()))]
    referred = [_referred(element) for element in getattr(item, "elements", ())]
    if token == "table_name":
        return str(table.name)
    given = getattr(item, "given_name", None)
    if token == "constraint_name" and given is not None:
        return str(given)
    if token == "column_0_N_name":
        return "_".join(columns)
    if token == "column_0_label" and columns:
        return f"{table.name}_{columns[0]}"
    if token == "referred_table_name" and referred:
        return referred[0][0]
    if token == "referred_column_0_N_name":
        return "_".join(name for _, name in referred)
    numbered = _NUMBERED.match(token)
    among = [name for _, name in referred] if numbered is not None and numbered.group(1) else columns
    if numbered is None or int(numbered.group(2)) >= len(among):
        raise CompileError(
            f"the naming convention asks for {token!r}, which {item!r} of table {table.fullname!r} does not have."
        )
    return str(among[int(numbered.group(2))])


def _referred(element: ForeignKey) -> tuple[str, str]:
    """Return the names of the table and the column that a foreign key refers to, whether or not they are there already."""
    try:
        return str(element.column.table.name), str(element.column.name)
    except NoReferenceError:
        table, _, column = element.target.rpartition(".")
        return table.rpartition(".")[2] or column, column


def _name_of(expression: object) -> str:
    inner: Any = expression
    while getattr(inner, "name", None) is None and hasattr(inner, "element"):
        # a column with a direction or a collation
        inner = inner.element
    return str(getattr(inner, "name", None) or "expr")


def short_name(name: str) -> str:
    """Return a name of at most 63 bytes: PostgreSQL would cut a longer one, and make two of them one."""
    if len(name.encode()) <= _LONGEST:
        return name
    # the same in every process, so that migrations find the name again
    digest = hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()[:8]
    return f"{name.encode()[: _LONGEST - 9].decode(errors='ignore')}_{digest}"
