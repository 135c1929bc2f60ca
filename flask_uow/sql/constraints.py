"""Primary keys, unique and check constraints. Foreign keys are in :mod:`flask_uow.sql.foreign_keys`, indexes in :mod:`flask_uow.sql.indexes`.

Each object is made first and attached to its table later (``attach_to``), when the table is made.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from flask_uow.exc import ArgumentError, did_you_mean
from flask_uow.sql.column_collection import ColumnList
from flask_uow.sql.expressions import ColumnElement
from flask_uow.sql.naming import constraint_name
from flask_uow.sql.nodes import ClauseElement
from flask_uow.sql.options import ForSomeDatabases, checked_options

if TYPE_CHECKING:
    from flask_uow.sql.schema import Column, Table

__all__ = [
    "CheckConstraint",
    "Constraint",
    "PrimaryKeyConstraint",
    "UniqueConstraint",
]


class Constraint(ForSomeDatabases):
    """The base of constraints: a name and a table.

    :param info: for the application's own use.
    :param comment: is kept in the database, beside the constraint, which needs a name then (PostgreSQL).

    :ivar given_name: the name that it was given, or None.
    :ivar table: the table, once attached.
    :ivar kind: the key of its entry in a naming convention.
    """

    table: Table | None = None
    kind = ""

    def __init__(
        self,
        name: str | None = None,
        *,
        deferrable: bool | None = None,
        initially: str | None = None,
        info: dict[Any, Any] | None = None,
        comment: str | None = None,
    ) -> None:
        self.info = dict(info or {})
        self.comment = comment
        if initially is not None and initially.upper() not in ("DEFERRED", "IMMEDIATE"):
            raise ArgumentError(f"initially={initially!r} is neither 'DEFERRED' nor 'IMMEDIATE'.")
        self.given_name = name
        self.deferrable = deferrable
        self.initially = initially.upper() if initially else None

    def attach_to(self, table: Table) -> None:
        self.table = table
        # one of columns that had their table already is there
        if not any(each is self for each in table.constraints):
            table.constraints.append(self)

    def _attach_to_owner(self, given: Iterable[Any]) -> None:
        """Attach a constraint that is made for a table that is there: one of columns of that table alone."""
        elements = [each.__clause_element__() if hasattr(each, "__clause_element__") else each for each in given]
        tables = {id(table): table for table in (getattr(each, "table", None) for each in elements)}
        owner = next(iter(tables.values()), None)
        if len(tables) == 1 and owner is not None and hasattr(owner, "constraints"):
            self.attach_to(owner)
        elif owner is None:
            wait_for_columns(self, elements)

    @property
    def name(self) -> str | None:
        """The name in the database: the one given, or that of the MetaData's naming convention; None for the database's own."""
        return constraint_name(self)

    # False for one that is not to be attached when its columns are
    waits = True
    _columns: ColumnList

    @property
    def columns(self) -> ColumnList:
        """The columns that it is about, in order."""
        return self._columns

    @columns.setter
    def columns(self, columns: list[Column[Any]]) -> None:
        self._columns = ColumnList(columns)

    @property
    def c(self) -> ColumnList:
        """The columns; another name of :attr:`columns`."""
        return self.columns

    def __iter__(self) -> Iterator[Column[Any]]:
        """Yield the columns."""
        return iter(self.columns)

    def __len__(self) -> int:
        """Return the number of columns."""
        return len(self.columns)

    def __bool__(self) -> bool:
        return True

    def __contains__(self, column: object) -> bool:
        """Return True where the constraint is about a column, or one of that key."""
        return column in self.columns

    def contains_column(self, column: Column[Any]) -> bool:
        """Return True where the constraint is about a column."""
        return any(column is known for known in self.columns)

    def exchange(self, before: Column[Any], column: Column[Any]) -> None:
        """Be about ``column`` where it has been about ``before``."""
        self.columns = [column if known is before else known for known in self.columns]

    def copy(self) -> Constraint | None:
        """Return an unattached copy; None where the copies of the columns bring it along."""
        raise NotImplementedError

    @property
    def given_names(self) -> list[str]:
        """The columns that were given by name."""
        return []

    def _also_for(self, other: Constraint) -> Self:
        self.dialects = other.dialects
        return self

    def unattached(self, copies: Mapping[Any, Column[Any]]) -> Self:
        """Return a copy of a constraint that is declared once for several tables.

        :param copies: columns of the table that it is for, by the column that the constraint may have been given in its place.
        """
        made = copy.copy(self)
        made.table = None
        # the copy is the table's
        self.waits = False
        return made


class ColumnListConstraint(Constraint):
    """A constraint over columns, given by name or as objects.

    :ivar columns: the columns, once attached.
    """

    def __init__(
        self,
        *columns: Any,
        name: str | None = None,
        deferrable: bool | None = None,
        initially: str | None = None,
        info: dict[Any, Any] | None = None,
        comment: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(name, deferrable=deferrable, initially=initially, info=info, comment=comment)
        self.dialect_options = checked_options(type(self).__name__, options, self._known_options)
        self.given = columns
        self.columns = []
        self._attach_to_owner(columns)

    _known_options: ClassVar[tuple[str, ...]] = ("postgresql_include",)

    @property
    def column_keys(self) -> list[str]:
        """The keys of the columns, in order."""
        return [str(column.key) for column in self.columns]

    @property
    def given_names(self) -> list[str]:
        return [column for column in self.given if isinstance(column, str)]

    def unattached(self, copies: Mapping[Any, Column[Any]]) -> Self:
        made = super().unattached(copies)
        made.given = tuple(own_column(column, copies) for column in self.given)
        return made

    def attach_to(self, table: Table) -> None:
        self.columns = [find_column(table, column, type(self).__name__) for column in self.given]
        super().attach_to(table)


class PrimaryKeyConstraint(ColumnListConstraint):
    """The primary key of a table."""

    kind = "pk"

    def attach_to(self, table: Table) -> None:
        self.columns = [find_column(table, column, "PrimaryKeyConstraint") for column in self.given]
        self.table = table
        # each table has a primary key from the beginning, which takes this one over
        table.primary_key.columns = self.columns
        table.primary_key.given_name = self.given_name
        table.primary_key.comment = self.comment
        table.primary_key.dialect_options = self.dialect_options
        for column in self.columns:
            column.primary_key = True
            column.nullable = False


class UniqueConstraint(ColumnListConstraint):
    """Columns whose values are unique together.

    :param nulls_not_distinct: True where NULL is a value like others, of which there is one (PostgreSQL 15 and later).
    :param options: ``postgresql_include``, columns that its index holds besides; ``postgresql_nulls_not_distinct``, which SQLite goes without.
    """

    kind = "uq"
    _known_options = ("postgresql_include", "postgresql_nulls_not_distinct")

    def __init__(
        self,
        *columns: Any,
        name: str | None = None,
        deferrable: bool | None = None,
        initially: str | None = None,
        nulls_not_distinct: bool = False,
        info: dict[Any, Any] | None = None,
        **options: Any,
    ) -> None:
        self.nulls_not_distinct = nulls_not_distinct
        super().__init__(*columns, name=name, deferrable=deferrable, initially=initially, info=info, **options)

    def copy(self) -> UniqueConstraint | None:
        if len(self.columns) == 1 and self.columns[0].unique and self.given_name is None:
            return None
        names = [column.name for column in self.columns]
        return UniqueConstraint(
            *names,
            name=self.given_name,
            deferrable=self.deferrable,
            initially=self.initially,
            nulls_not_distinct=self.nulls_not_distinct,
            info=self.info,
            comment=self.comment,
            **self.dialect_options,
        )._also_for(self)


class CheckConstraint(Constraint):
    """A condition that each row fulfils.

    :param condition: SQL text or an expression over the table's columns.
    """

    kind = "ck"

    def __init__(
        self,
        condition: object,
        name: str | None = None,
        *,
        info: dict[Any, Any] | None = None,
        comment: str | None = None,
    ) -> None:
        super().__init__(name, info=info, comment=comment)
        self.columns = []
        self.condition = condition
        # True for one that a column was given
        self.of_column = False
        # True for that of an Enum, domain or Boolean, where the database has such types
        self.of_native_type = False
        if isinstance(condition, ClauseElement):
            self._attach_to_owner(_names_in(condition))

    @property
    def sqltext(self) -> object:
        """The condition; another name of ``condition``."""
        return self.condition

    @property
    def expressions(self) -> list[Any]:
        """The columns that it is about, for a naming convention; none where the condition is SQL text."""
        if self.columns or not isinstance(self.condition, ClauseElement):
            return list(self.columns)
        return list(_names_in(self.condition))

    def copy(self) -> CheckConstraint | None:
        return None if self.of_column else self.copy_for_column()

    def copy_for_column(self) -> CheckConstraint:
        """Return an unattached copy, whether or not a column brings the constraint along."""
        # DDL writes columns without their table, so the condition holds for any table that has them
        made = copy.copy(self)
        made.table, made.of_column, made.of_native_type = None, False, False
        made.columns, made.info = [], dict(self.info)
        return made


def wait_for_columns(item: object, elements: Iterable[Any]) -> None:
    """Have a constraint or an index, which is made beside its columns, attached to their table once all of them have it."""
    if any(not isinstance(each, ClauseElement) for each in elements):
        return
    columns = [column for each in elements for column in _names_in(each)]
    if all(hasattr(column, "waiting") and column.table is None for column in columns):
        for column in columns:
            column.waiting = (*column.waiting, (item, columns))


def _names_in(node: ClauseElement) -> Iterator[Any]:
    """Yield the columns of a condition, those that belong to no table as well."""
    if node.__visit_name__ == "column":
        yield node
        return
    for child in node.child_nodes():
        yield from _names_in(child)


def own_column(column: Column[Any], copies: Mapping[Any, Column[Any]]) -> Any:
    found = column.__clause_element__() if hasattr(column, "__clause_element__") else column
    return copies.get(found, column) if isinstance(found, ColumnElement) else column


def find_column(table: Table, column: object, what: str) -> Column[Any]:
    """Return the table's column that is given by name or as an object.

    :raises ArgumentError: when the table has no such column.
    """
    if isinstance(column, str):
        if column not in table.c:
            raise ArgumentError(
                f"{what} of table {table.name!r} names a column {column!r} that the table does not have."
                f"{did_you_mean(column, table.c.keys())}"
            )
        named: Column[Any] = table.c[column]
        return named
    as_element = getattr(column, "__clause_element__", None)
    return cast("Column[Any]", column if as_element is None else as_element())
