"""Columns, tables and rows that are written into a statement without a schema: ``column("name")``, ``table("author")``, ``values(...)``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeGuard

from flask_uow.exc import ArgumentError
from flask_uow.sql.coercion import coerce_value
from flask_uow.sql.dml import Delete, Insert, Update
from flask_uow.sql.expressions import BindParameter, ColumnElement
from flask_uow.sql.nodes import NO_OPTIONS, ClauseElement
from flask_uow.sql.select_base import SelectBase
from flask_uow.sql.selectable import ColumnClause, ColumnCollection, FromClause
from flask_uow.sql.subqueries import CTE, Subquery
from flask_uow.sql.types import NULLTYPE, TypeArgument, TypeEngine, to_instance

if TYPE_CHECKING:
    from flask_uow.sql.schema import Table

__all__ = ["TableClause", "Values", "column", "is_table", "table", "values"]


class _UnknownKey:
    """Stands for the primary key of a table of which only the name is known."""

    columns: tuple[()] = ()


def is_table(element: ClauseElement) -> TypeGuard[Table | TableClause]:
    """Return True for a table, whether all of it is known or its name alone."""
    return element.__visit_name__ == "table"


class TableClause(FromClause):
    """A table by its name; made by :func:`table`."""

    __slots__ = ("_c", "fullname", "name", "schema")
    __visit_name__ = "table"
    # what is only known of a table of a schema
    generated_key = None
    primary_key = _UnknownKey()
    sqlite_autoincrement = False
    revision = 0

    def __init__(self, name: str, columns: Sequence[ColumnClause], schema: str | None) -> None:
        self.name = name
        self.schema = schema
        self.fullname = f"{schema}.{name}" if schema else name
        made = ((given.name, ColumnClause(given.name, given.type, self, key=given.key)) for given in columns)
        self._c = ColumnCollection(self.description, made)

    @property
    def c(self) -> ColumnCollection:
        return self._c

    @property
    def description(self) -> str:
        return f"table {self.fullname!r}"

    def insert(self) -> Insert:
        """Return ``INSERT INTO`` this table."""
        return Insert(self)

    def update(self) -> Update:
        """Return ``UPDATE`` of this table."""
        return Update(self)

    def delete(self) -> Delete:
        """Return ``DELETE FROM`` this table."""
        return Delete(self)

    def _parts(self) -> tuple[Any, ...]:
        return (self.schema, self.name)


class RowsSelect(SelectBase):
    """The rows of :class:`Values` as a SELECT."""

    __slots__ = ("columns", "entities", "rows")
    __visit_name__ = "rows"

    def __init__(self, columns: tuple[ColumnClause, ...], rows: tuple[tuple[ColumnElement[Any], ...], ...]) -> None:
        self.columns = columns
        self.entities = columns
        self.rows = rows
        self._execution_options = NO_OPTIONS
        self.order_by_clauses = ()
        self.limit_clause = self.offset_clause = None

    def _parts(self) -> tuple[Any, ...]:
        named = tuple((column.name, column.type.cache_key) for column in self.columns)
        return (named, len(self.rows), tuple(value for row in self.rows for value in row))

    def result_columns(self) -> list[tuple[str, ColumnElement[Any]]]:
        return [(column.name, column) for column in self.columns]


class Values(Subquery):
    """Rows that stand in a statement like those of a table; see :func:`values`, whose parameters it takes."""

    __slots__ = ()
    select_element: RowsSelect

    def __init__(self, *columns: ColumnElement[Any], name: str | None = None, literal_binds: bool = False) -> None:
        if not columns:
            raise ArgumentError("values() got no column. Pass one at least, column('n', Integer) say.")
        super().__init__(RowsSelect(tuple(map(_plain_column, columns)), ()), name)

    @classmethod
    def _of(cls, select_element: RowsSelect, name: str | None) -> Values:
        made = cls.__new__(cls)
        Subquery.__init__(made, select_element, name)
        return made

    def data(self, rows: Sequence[Sequence[Any]]) -> Values:
        """Return the same with more rows.

        :param rows: rows of values (or expressions) in the order of the columns.
        :raises ArgumentError: for a row of another length.
        :raises DataError: for a value that the column's type does not take.
        """
        columns = self.select_element.columns
        made = []
        for row in rows:
            if len(row) != len(columns):
                names = ", ".join(column.name for column in columns)
                raise ArgumentError(f"data() got the row {row!r}: expected {len(columns)} values, for {names}.")
            made.append(tuple(_cell(value, column.type) for value, column in zip(row, columns, strict=True)))
        return self._of(RowsSelect(columns, (*self.select_element.rows, *made)), self.name)

    def alias(self, name: str | None = None) -> Values:
        """Return the rows under another name."""
        return self._of(self.select_element, name)

    def cte(self, name: str | None = None) -> CTE:
        """Return the rows as a common table expression."""
        return self.select_element.cte(name if name is not None else self.name)


def _cell(value: object, type_: TypeEngine[Any]) -> ColumnElement[Any]:
    if isinstance(value, ClauseElement) or hasattr(value, "__clause_element__"):
        return coerce_value(value, type_)
    return coerce_value(value, NULLTYPE) if type_ is NULLTYPE else BindParameter(type_.to_stored(value), type_)


def column(name: str, type_: TypeArgument | None = None) -> ColumnClause:
    """Return a column by its name, for a statement about a table that is no part of the schema.

    :param name: the name; it is quoted where it has to be. Use ``literal_column()`` for SQL.
    :param type_: its type, where values go there and come back as one.
    """
    return ColumnClause(name, to_instance(type_) if type_ is not None else NULLTYPE, None)


def table(name: str, *columns: ColumnClause, schema: str | None = None) -> TableClause:
    """Return a table by its name: ``table("author", column("id"), column("name"))``.

    :param columns: those of its columns that are asked for, as ``.c``.
    """
    return TableClause(name, columns, schema)


def values(*columns: ColumnElement[Any], name: str | None = None, literal_binds: bool = False) -> Values:
    """Return rows to be written into a statement: ``values(column("n", Integer), name="rows").data([(1,), (2,)])``.

    :param columns: the names and types of the columns; those of a table or a class stand for their own.
    :param name: the name of the rows as an element of FROM.
    :param literal_binds: not heeded: values travel beside the text.
    :raises ArgumentError: without any column.
    """
    return Values(*columns, name=name)


def _plain_column(given: ColumnElement[Any]) -> ColumnClause:
    """Return a column that has a column's name and type, and belongs to nothing."""
    element: Any = coerce_value(given, NULLTYPE)
    return element if type(element) is ColumnClause else ColumnClause(element.name, element.type, None)
