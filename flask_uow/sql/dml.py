"""INSERT, UPDATE and DELETE, immutable: each method returns a new statement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Never, Self

from flask_uow.exc import ArgumentError
from flask_uow.sql.coercion import coerce_condition
from flask_uow.sql.conflicts import Excluded, OnConflict
from flask_uow.sql.dml_statement import DMLStatement
from flask_uow.sql.expressions import BindParameter, ColumnElement
from flask_uow.sql.operations import and_
from flask_uow.sql.select_base import SelectBase, coerce_select
from flask_uow.sql.selectable import ColumnCollection, FromClause, coerce_from
from flask_uow.sql.value_errors import named_criteria, unnamed_criteria

__all__ = ["Delete", "Insert", "Update", "delete", "insert", "update"]


if TYPE_CHECKING:
    from flask_uow.sql.constraints import Constraint
    from flask_uow.sql.indexes import Index
    from flask_uow.sql.typed_returning import DeleteTypes, InsertTypes, UpdateTypes
else:
    InsertTypes = UpdateTypes = DeleteTypes = DMLStatement


class Insert(InsertTypes):
    """``INSERT INTO table``; without values it takes them, all columns, at execution.

    :ivar value_rows: the rows of VALUES, as pairs of a column and its value.
    :ivar is_list: True where they were given as a list, be it of one.
    :ivar fixed_pairs: such pairs that every row has.
    :ivar source_select: the SELECT whose rows are inserted, or None.
    :ivar source_columns: the columns that it fills.
    :ivar conflict: what is done where the row is there already; None for an error.
    """

    __slots__ = (
        "conflict",
        "_excluded",
        "fixed_pairs",
        "value_rows",
        "source_select",
        "source_columns",
        "has_source_defaults",
        "is_inline",
        "is_list",
        "is_sorted",
    )
    __visit_name__ = "insert"

    def __init__(self, table: object) -> None:
        super().__init__(table)
        self.value_rows: tuple[tuple[tuple[ColumnElement[Any], ColumnElement[Any]], ...], ...] = ()
        self.fixed_pairs: tuple[tuple[ColumnElement[Any], ColumnElement[Any]], ...] = ()
        self.source_select: SelectBase | None = None
        self.source_columns: tuple[ColumnElement[Any], ...] = ()
        self.conflict: OnConflict | None = None
        self._excluded = Excluded(self.table, "excluded")
        self.is_inline = False
        self.is_list = False
        self.is_sorted = False
        self.has_source_defaults = False

    def inline(self) -> Insert:
        """Return the statement that does not ask for the key of its row: where the table gives none back (a rule, a view, a grant)."""
        clone = self._clone()
        clone.is_inline = True
        return clone

    if not TYPE_CHECKING:  # which types it has, typed_returning tells

        def returning(self, *entities: Any, sort_by_parameter_order: bool = False) -> Self:
            """Return the statement with ``RETURNING``; see :meth:`DMLStatement.returning`.

            :param sort_by_parameter_order: give what a list of rows returns in the order of the list.
            """
            clone = super().returning(*entities)
            clone.is_sorted = self.is_sorted or sort_by_parameter_order
            return clone

    @property
    def has_values(self) -> bool:
        """False while the statement takes its values at execution."""
        return bool(self.value_rows) or self.source_select is not None

    @property
    def may_update(self) -> bool:
        """True where rows that are there already may be updated."""
        return self.conflict is not None and self.conflict.pairs is not None

    def values(self, *rows: Any, **columns: Any) -> Self:
        """Return the statement with one row (a mapping, or keywords) or several (a list of mappings).

        One row more says more of the row that is there, a list more adds its rows.

        :raises ArgumentError: for a column that the table does not have, rows with different columns, or one row besides a list.
        """
        given: list[Mapping[Any, Any]] = []
        for row in rows:
            given.extend(self._rows_of(row))
        if columns:
            given.append({**(given.pop() if len(given) == 1 and not _is_list(rows[0]) else {}), **columns})
        if rows and not given:
            raise ArgumentError(
                "values() got a list without rows. Leave the statement out where there is none; values({}) is a row of defaults."
            )
        clone = self._clone()
        clone.is_list = len(given) > 1 or any(map(_is_list, rows))
        if self.value_rows and clone.is_list != self.is_list:
            raise ArgumentError(
                "values() got one row here and a list of rows there. Call it with one list of all rows, or with parts of one row."
            )
        if self.value_rows and not clone.is_list:
            said = (*self.value_rows[0], *self._pairs(given[0]))
            clone.value_rows = (tuple({id(column): (column, value) for column, value in said}.values()),)
            return clone
        clone.value_rows = _in_one_order((*self.value_rows, *((*self.fixed_pairs, *self._pairs(row)) for row in given)))
        return clone

    def _rows_of(self, row: object) -> list[Any]:
        """Return the arguments of ``values()`` as mappings: one, a list of them, or the values of one row or several in the order of the columns."""
        if not isinstance(row, (list, tuple)):
            return [row]
        if not row or isinstance(row[0], Mapping):
            return list(row)
        given = row if isinstance(row[0], (list, tuple)) else [row]
        columns = list(self.table.c)
        for values in given:
            if len(values) > len(columns):
                raise ArgumentError(
                    f"values() got a row of {len(values)} values, and {self.table.description} has {len(columns)} columns."
                    " Name the columns: values(name=...)."
                )
        return [dict(zip(columns, values, strict=False)) for values in given]

    def from_select(self, names: Sequence[Any], select: object, include_defaults: bool = True) -> Self:
        """Return ``INSERT INTO table (columns) SELECT ...``.

        :param names: the columns, by name or as objects, in the order of the SELECT's.
        :param select: a SELECT, or a Query.
        :param include_defaults: fill columns that are not given with their ``default``; a function is called once, for all rows.
        :raises ArgumentError: for different numbers of columns.
        """
        clone = self._clone()
        clone.source_columns = tuple(self.column_of(column) for column in names)
        clone.source_select = coerce_select(select)
        clone.has_source_defaults = include_defaults
        if len(clone.source_columns) != len(clone.source_select.result_columns()):
            raise ArgumentError(
                f"from_select() got {len(clone.source_columns)} columns and a SELECT of {len(clone.source_select.result_columns())}."
            )
        return clone

    # -- where the row is there already

    @property
    def excluded(self) -> ColumnCollection:
        """The columns of the row that could not be inserted: ``set_={"name": stmt.excluded.name}``."""
        return self._excluded.c

    def on_conflict_do_nothing(
        self,
        index_elements: Iterable[Any] = (),
        constraint: Constraint | Index | str | None = None,
        index_where: object = None,
    ) -> Insert:
        """Return the statement that leaves out rows whose key is there already.

        :param index_elements: the columns of the key that is meant; any key when left out.
        :param constraint: the constraint, or its name (PostgreSQL), in their place.
        :param index_where: the condition of a partial unique index.
        """
        clone = self._without_conflict()
        elements, name = self._target(index_elements, constraint)
        clone.conflict = OnConflict(elements, name, index_where, None, None)
        return clone

    def on_conflict_do_update(
        self,
        index_elements: Iterable[Any] = (),
        set_: Mapping[Any, Any] | None = None,
        *,
        constraint: Constraint | Index | str | None = None,
        index_where: object = None,
        where: object = None,
    ) -> Insert:
        """Return the statement that updates the row that is there already ("upsert").

        :param index_elements: the columns of the primary key, unique constraint or unique index that is meant.
        :param set_: new values by column; :attr:`excluded` has those that were to be inserted. All columns of the INSERT
            but the key's take these when None.
        :param constraint: the constraint, or its name (PostgreSQL), in place of ``index_elements``.
        :param index_where: the condition of a partial unique index.
        :param where: a condition on the row that is there; nothing is done where it does not hold.
        :raises ArgumentError: without a key, or when there is nothing to set.
        """
        clone = self._without_conflict()
        elements, name = self._target(index_elements, constraint)
        pairs = self._pairs(set_) if set_ is not None else self._excluded_pairs(elements)
        clone.conflict = OnConflict(elements, name, index_where, pairs, where)
        return clone

    def _without_conflict(self) -> Self:
        if self.conflict is not None:
            raise ArgumentError(
                "on_conflict_do_nothing() or on_conflict_do_update() was called for this INSERT already, and it takes one. Name the key that is"
                " meant, or make a statement for each."
            )
        return self._clone()

    def _target(
        self, elements: Iterable[Any], constraint: Constraint | Index | str | None
    ) -> tuple[list[Any], str | None]:
        if constraint is None or isinstance(constraint, str):
            return [self.column_of(element) for element in elements], constraint
        if elements:
            raise ArgumentError("on_conflict takes index_elements or constraint, not both.")
        return list(constraint.columns), None

    def _excluded_pairs(self, elements: list[Any]) -> tuple[tuple[Any, Any], ...]:
        given = [column for column, _ in self.value_rows[0]] if self.value_rows else list(self.source_columns)
        keys = {id(element) for element in elements}
        if not given:
            raise ArgumentError(
                "on_conflict_do_update() without set_ needs the columns first: call values() before it."
            )
        by_name = {column.name: column for column in self._excluded.c}
        return tuple((column, by_name[column.name]) for column in given if id(column) not in keys)

    def for_parameters(self, names: list[str]) -> Insert:
        """Return the statement for values of these names, all of them columns."""
        return self.with_columns(names)

    def completed_by(self, names: Iterable[str]) -> Insert:
        """Return the statement, which has a row of values, with columns whose values come at execution, in place of those that it has for them.

        :param names: of values that come; those that the statement has a parameter for are left out.
        """
        if len(self.value_rows) != 1:
            return self
        known = {bind.key for bind in self.shape().binds}
        further = [name for name in names if name not in known]
        if not further:
            return self
        clone = self._clone()
        # the row has the fixed values already, which with_columns() puts in front once more
        given = self.with_columns(further).value_rows[0][len(self.fixed_pairs) :]
        clone.value_rows = (
            (*_without(self.value_rows[0], {id(column) for column, _ in given}, self.fixed_pairs), *given),
        )
        return clone

    def with_columns(self, names: Iterable[str]) -> Insert:
        """Return the statement with a named parameter for each of these columns; for values given at execution."""
        columns = [(name, self.column_of(name)) for name in names]
        clone = self._clone()
        clone.value_rows = (
            (
                *self.fixed_pairs,
                *((column, BindParameter(None, column.type, name, required=True)) for name, column in columns),
            ),
        )
        return clone

    def in_every_row(self, values: Mapping[Any, Any]) -> Insert:
        """Return the statement with values that every row is to have, whatever else it is given."""
        clone = self._clone()
        clone.fixed_pairs = (*self.fixed_pairs, *self._pairs(values))
        return clone

    def fixed(self, names: Iterable[object]) -> Insert:
        """Return the statement with its one row of values as those that every row is to have.

        :param names: of what the rows have themselves, which goes before.
        """
        clone = self._clone()
        row = _without(self.value_rows[0], {id(self.column_of(name)) for name in names}, self.fixed_pairs)
        clone.fixed_pairs, clone.value_rows = (*self.fixed_pairs, *row), ()
        return clone

    def _parts(self) -> tuple[Any, ...]:
        rows = tuple(item for row in self.value_rows for pair in row for item in pair)
        return (
            self.table, len(self.value_rows), rows, self.source_select, self.source_columns, self.conflict, self.is_inline,
            self.has_source_defaults, self._returned(),
        )  # fmt: skip


def _without(row: tuple[Any, ...], given: set[int], fixed: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the pairs of a row but those of columns that are given otherwise; fixed ones stay."""
    staying = {id(column) for column, _ in fixed}
    return tuple(pair for pair in row if id(pair[0]) not in given or id(pair[0]) in staying)


def _is_list(row: object) -> bool:
    """Return True for an argument of ``values()`` that is a list of rows, not the values of one."""
    return isinstance(row, (list, tuple)) and bool(row) and isinstance(row[0], (Mapping, list, tuple))


def _in_one_order(rows: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return rows of pairs with their columns in the order of the first row's.

    :raises ArgumentError: for a row that has other columns.
    """
    if len(rows) < 2:
        return rows
    order = [column for column, _ in rows[0]]
    made = []
    for row in rows:
        pairs = {id(column): (column, value) for column, value in row}
        if pairs.keys() != {id(column) for column in order}:
            names, others = (sorted(str(column.name) for column in given) for given in (order, [c for c, _ in row]))
            raise ArgumentError(
                f"the rows of values() must all have the same columns: the first has {', '.join(names)}, another {', '.join(others)}."
                " Give None where there is no value."
            )
        made.append(tuple(pairs[id(column)] for column in order))
    return tuple(made)


class Update(UpdateTypes):
    """``UPDATE table SET ... WHERE ...``.

    :ivar set_pairs: pairs of a column and its value.
    :ivar where_clauses: the conditions of WHERE, to be joined by AND.
    """

    __slots__ = ("set_pairs", "where_clauses")
    __visit_name__ = "update"

    def __init__(self, table: object) -> None:
        super().__init__(table)
        self.set_pairs: tuple[tuple[ColumnElement[Any], ColumnElement[Any]], ...] = ()
        self.where_clauses: tuple[ColumnElement[Any], ...] = ()

    @property
    def has_values(self) -> bool:
        """False while the statement takes its values at execution."""
        return bool(self.set_pairs)

    @property
    def is_about_all_rows(self) -> bool:
        """True without WHERE."""
        return not self.where_clauses

    def values(self, values: Mapping[Any, Any] | Sequence[tuple[Any, Any]] | None = None, **columns: Any) -> Self:
        """Return the statement with columns set; values may be expressions. A column that was set before takes the later value.

        :param values: by column or name, or as pairs of these.
        :raises ArgumentError: for a column that the table does not have, or something that is no pair.
        """
        if values is not None and not isinstance(values, Mapping):
            return self.ordered_values(*values).values(**columns)
        clone = self._clone()
        pairs = (*self.set_pairs, *self._pairs({**(values or {}), **columns}))
        clone.set_pairs = tuple({id(column): (column, value) for column, value in pairs}.values())
        return clone

    def ordered_values(self, *pairs: tuple[Any, Any]) -> Self:
        """Return the statement with columns set in an order, which SET keeps.

        :param pairs: of a column, or its name, and a value.
        :raises ArgumentError: for a column that the table does not have, or something that is no pair.
        """
        for pair in pairs:
            if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                raise ArgumentError(
                    f"{self.table.description} is updated with a mapping of columns to values, or with pairs of a column and a value, got {pair!r}."
                )
        return self.values(dict(pairs))

    def where(self, *conditions: Any, **named: Never) -> Self:
        """Return the statement with conditions added by AND."""
        if named:
            raise named_criteria("where", named, "filter_by")
        clone = self._clone()
        clone.where_clauses = (*self.where_clauses, *(coerce_condition(condition) for condition in conditions))
        return clone

    filter = where

    def filter_by(self, *unnamed: Never, **values: Any) -> Self:
        """Return the statement with ``column == value`` added.

        :raises ArgumentError: for a column that the table does not have.
        """
        if unnamed:
            raise unnamed_criteria(len(unnamed))
        return self.where(*(self._named(name) == value for name, value in values.items()))

    @property
    def whereclause(self) -> ColumnElement[bool] | None:
        """All conditions as one, or None."""
        return and_(*self.where_clauses) if self.where_clauses else None

    def for_parameters(self, names: list[str]) -> Update:
        """Return the statement for values of these names: columns to be set, and parameters of its conditions."""
        # what a condition asks for is no column to be set
        of_conditions = {bind.key for bind in self.shape().binds}
        return self.with_columns([name for name in names if name not in of_conditions])

    def completed_by(self, names: Iterable[str]) -> Update:
        """Return the statement, which has values, with further columns whose values come at execution, in place of those that it has for them.

        :param names: of values that come; those that the statement has a parameter for are left out.
        """
        known = {bind.key for bind in self.shape().binds}
        further = [name for name in names if name not in known]
        if not further:
            return self
        clone = self.with_columns(further)
        given = {id(column) for column, _ in clone.set_pairs}
        clone.set_pairs = (*(pair for pair in self.set_pairs if id(pair[0]) not in given), *clone.set_pairs)
        return clone

    def with_columns(self, names: Iterable[str]) -> Update:
        """Return the statement setting each of these columns to a named parameter; for values given at execution."""
        columns = [(name, self.column_of(name)) for name in names]
        clone = self._clone()
        clone.set_pairs = tuple(
            (column, BindParameter(None, column.type, name, required=True)) for name, column in columns
        )
        return clone

    def _parts(self) -> tuple[Any, ...]:
        values = tuple(item for pair in self.set_pairs for item in pair)
        return (self.table, values, self.where_clauses, self._returned())


class Delete(DeleteTypes):
    """``DELETE FROM table WHERE ...``.

    :ivar using_froms: other elements of FROM, beside those that the conditions bring in.
    """

    __slots__ = ("using_froms", "where_clauses")
    __visit_name__ = "delete"

    def __init__(self, table: object) -> None:
        super().__init__(table)
        self.where_clauses: tuple[ColumnElement[Any], ...] = ()
        self.using_froms: tuple[FromClause, ...] = ()

    @property
    def is_about_all_rows(self) -> bool:
        """True without WHERE."""
        return not self.where_clauses

    def using(self, *elements: Any) -> Self:
        """Return the statement with other tables put into USING explicitly; the conditions bring in theirs by themselves (PostgreSQL)."""
        clone = self._clone()
        clone.using_froms = (*self.using_froms, *map(coerce_from, elements))
        return clone

    def where(self, *conditions: Any, **named: Never) -> Self:
        """Return the statement with conditions added by AND."""
        if named:
            raise named_criteria("where", named, "filter_by")
        clone = self._clone()
        clone.where_clauses = (*self.where_clauses, *(coerce_condition(condition) for condition in conditions))
        return clone

    filter = where

    def filter_by(self, *unnamed: Never, **values: Any) -> Self:
        """Return the statement with ``column == value`` added.

        :raises ArgumentError: for a column that the table does not have.
        """
        if unnamed:
            raise unnamed_criteria(len(unnamed))
        return self.where(*(self._named(name) == value for name, value in values.items()))

    @property
    def whereclause(self) -> ColumnElement[bool] | None:
        """All conditions as one, or None."""
        return and_(*self.where_clauses) if self.where_clauses else None

    def _parts(self) -> tuple[Any, ...]:
        return (self.table, self.using_froms, self.where_clauses, self._returned())


def insert(table: object) -> Insert:
    """Return ``INSERT INTO`` a table or the table of a mapped class."""
    return Insert(table)


def update(table: object) -> Update:
    """Return ``UPDATE`` of a table or the table of a mapped class."""
    return Update(table)


def delete(table: object) -> Delete:
    """Return ``DELETE FROM`` a table or the table of a mapped class."""
    return Delete(table)
