"""INSERT, UPDATE and DELETE, immutable: each method returns a new statement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self, TypeVar

from flask_uow.exc import ArgumentError, did_you_mean
from flask_uow.sql.expressions import BindParameter, ColumnElement, coerce_condition, coerce_value
from flask_uow.sql.nodes import ClauseElement, Executable
from flask_uow.sql.select import expand_entity
from flask_uow.sql.select_base import SelectBase
from flask_uow.sql.selectable import coerce_from

__all__ = ["Delete", "Insert", "Update", "delete", "insert", "update"]

D = TypeVar("D", bound="DMLStatement")


class DMLStatement(Executable):
    """What the three share: a table, RETURNING."""

    __slots__ = ("_entity", "_returning", "table")

    def __init__(self, table: Any) -> None:
        self.table: Any = coerce_from(table)
        self._entity = getattr(table, "__uow_entity__", None)
        self._returning: tuple[ColumnElement[Any], ...] = ()

    @property
    def entity(self) -> Any:
        """The mapped entity that the statement was made for, or None."""
        return self._entity

    def _clone(self) -> Self:
        clone = type(self).__new__(type(self))
        for cls in type(self).__mro__:
            for slot in getattr(cls, "__slots__", ()):
                if hasattr(self, slot):
                    setattr(clone, slot, getattr(self, slot))
        return clone

    def returning(self, *columns: Any) -> Self:
        """Return the statement with ``RETURNING columns``."""
        clone = self._clone()
        clone._returning = (*self._returning, *(made for column in columns for made in expand_entity(column)))
        return clone

    def _column(self, name: Any) -> ColumnElement[Any]:
        if isinstance(name, str):
            if self._entity is not None:
                return self._entity.attribute_for_filter(name).__clause_element__()  # type: ignore[no-any-return]
            if name not in self.table.c:
                message = f"{self.table.description} has no column {name!r}.{did_you_mean(name, self.table.c.keys())}"
                raise ArgumentError(message)
            return self.table.c[name]  # type: ignore[no-any-return]
        return name.__clause_element__() if hasattr(name, "__clause_element__") else name  # type: ignore[no-any-return]

    def _pairs(self, values: Mapping[Any, Any]) -> tuple[tuple[ColumnElement[Any], ColumnElement[Any]], ...]:
        made: list[tuple[ColumnElement[Any], ColumnElement[Any]]] = []
        for name, value in values.items():
            column = self._column(name)
            if hasattr(value, "__clause_element__") or isinstance(value, ClauseElement):
                made.append((column, coerce_value(value, column.type)))
            else:
                # a value to be stored has to fit the column; one to be compared has not
                made.append((column, BindParameter(value, column.type)))
        return tuple(made)


class Insert(DMLStatement):
    """``INSERT INTO table``; without values it takes them, all columns, at execution."""

    __slots__ = ("_rows", "_select", "_select_columns")
    __visit_name__ = "insert"

    def __init__(self, table: Any) -> None:
        super().__init__(table)
        self._rows: tuple[tuple[tuple[ColumnElement[Any], ColumnElement[Any]], ...], ...] = ()
        self._select: SelectBase | None = None
        self._select_columns: tuple[ColumnElement[Any], ...] = ()

    @property
    def has_values(self) -> bool:
        """False while the statement takes its values at execution."""
        return bool(self._rows) or self._select is not None

    def values(self, *rows: Any, **columns: Any) -> Insert:
        """Return the statement with one row (a mapping, or keywords) or several (a list of mappings).

        :raises ArgumentError: for a column that the table does not have, or rows with different columns.
        """
        given: list[Mapping[Any, Any]] = []
        for row in rows:
            given.extend(row if isinstance(row, (list, tuple)) else [row])
        if columns:
            given.append(columns)
        clone = self._clone()
        clone._rows = (*self._rows, *(self._pairs(row) for row in given))
        if len({tuple(id(column) for column, _ in row) for row in clone._rows}) > 1:
            raise ArgumentError("the rows of values() must all have the same columns, in the same order.")
        return clone

    def from_select(self, columns: Sequence[Any], select: SelectBase) -> Insert:
        """Return ``INSERT INTO table (columns) SELECT ...``."""
        clone = self._clone()
        clone._select_columns = tuple(self._column(column) for column in columns)
        clone._select = select
        return clone

    def for_parameters(self, names: list[str]) -> Insert:
        """Return the statement for values of these names, all of them columns."""
        return self.with_columns(names)

    def with_columns(self, names: Iterable[str]) -> Insert:
        """Return the statement with a named parameter for each of these columns; for values given at execution."""
        columns = [(name, self._column(name)) for name in names]
        clone = self._clone()
        clone._rows = (
            tuple((column, BindParameter(None, column.type, name, required=True)) for name, column in columns),
        )
        return clone

    def _parts(self) -> tuple[Any, ...]:
        rows = tuple(item for row in self._rows for pair in row for item in pair)
        return (self.table, len(self._rows), rows, self._select, self._select_columns, self._returning)


class Update(DMLStatement):
    """``UPDATE table SET ... WHERE ...``."""

    __slots__ = ("_values", "_where")
    __visit_name__ = "update"

    def __init__(self, table: Any) -> None:
        super().__init__(table)
        self._values: tuple[tuple[ColumnElement[Any], ColumnElement[Any]], ...] = ()
        self._where: tuple[ColumnElement[Any], ...] = ()

    @property
    def has_values(self) -> bool:
        """False while the statement takes its values at execution."""
        return bool(self._values)

    def values(self, values: Mapping[Any, Any] | None = None, **columns: Any) -> Update:
        """Return the statement with columns set; values may be expressions."""
        clone = self._clone()
        clone._values = (*self._values, *self._pairs({**(values or {}), **columns}))
        return clone

    def where(self, *conditions: Any) -> Update:
        """Return the statement with conditions added by AND."""
        clone = self._clone()
        clone._where = (*self._where, *(coerce_condition(condition) for condition in conditions))
        return clone

    filter = where

    def for_parameters(self, names: list[str]) -> Update:
        """Return the statement for values of these names: columns to be set, and parameters of its conditions."""
        of_conditions = {bind.key for bind in self.shape().binds}
        return self.with_columns([name for name in names if name not in of_conditions])

    def with_columns(self, names: Iterable[str]) -> Update:
        """Return the statement setting each of these columns to a named parameter; for values given at execution."""
        columns = [(name, self._column(name)) for name in names]
        clone = self._clone()
        clone._values = tuple(
            (column, BindParameter(None, column.type, name, required=True)) for name, column in columns
        )
        return clone

    def _parts(self) -> tuple[Any, ...]:
        values = tuple(item for pair in self._values for item in pair)
        return (self.table, values, self._where, self._returning)


class Delete(DMLStatement):
    """``DELETE FROM table WHERE ...``."""

    __slots__ = ("_where",)
    __visit_name__ = "delete"

    def __init__(self, table: Any) -> None:
        super().__init__(table)
        self._where: tuple[ColumnElement[Any], ...] = ()

    def where(self, *conditions: Any) -> Delete:
        """Return the statement with conditions added by AND."""
        clone = self._clone()
        clone._where = (*self._where, *(coerce_condition(condition) for condition in conditions))
        return clone

    filter = where

    def _parts(self) -> tuple[Any, ...]:
        return (self.table, self._where, self._returning)


def insert(table: Any) -> Insert:
    """Return ``INSERT INTO`` a table or the table of a mapped class."""
    return Insert(table)


def update(table: Any) -> Update:
    """Return ``UPDATE`` of a table or the table of a mapped class."""
    return Update(table)


def delete(table: Any) -> Delete:
    """Return ``DELETE FROM`` a table or the table of a mapped class."""
    return Delete(table)
