"""Many rows at a time for SQLite: multi-row VALUES, UPDATE ... FROM (VALUES ...), DELETE ... IN.

Keys that the database makes are chosen here: the writer holds the write lock (BEGIN IMMEDIATE), so that the largest key
it reads stays the largest, and RETURNING, which promises no order, is not needed. Page sizes are measured in
tests/benchmarks.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from itertools import chain
from typing import Any

from flask_uow.engine.dialects.batch import (
    BatchConnection,
    BatchWriter,
    ColumnInfo,
    Columns,
    Fetched,
    NewRows,
    TableInfo,
    Values,
    names_of,
)
from flask_uow.engine.dialects.sqlite_comparing import kind_of_type
from flask_uow.exc import DataError
from flask_uow.sql.compiler.values import value_written
from flask_uow.sql.types import Integer, String

__all__ = ["SQLiteBatchWriter"]

_PAGE = 100
_DELETE_PAGE = 1000
# types of which a column may hold values in several forms
_OF_FORMS = frozenset(("uuid", "numeric", "datetime", "time"))
_LARGEST_KEY = 2**63 - 1


class SQLiteBatchWriter(BatchWriter):
    """Writes through VALUES."""

    def _insert_rows(self, connection: BatchConnection, table: TableInfo, columns: Columns, values: Values) -> None:
        # there may be several pages, and all rows are written or none
        if not connection.in_transaction():
            with connection.begin():
                self._insert_rows(connection, table, columns, values)
            return
        bound = [self.bind(table, column, cells) for column, cells in zip(columns, values, strict=True)]
        self._send_rows(connection, table, columns, bound)

    def insert_and_fetch(self, connection: BatchConnection, table: TableInfo, new: NewRows) -> Fetched:
        # no column of a composite key is the rowid, and so SQLite numbers none of them
        if new.generated_key is not None and not _numbers_rows(table):
            return self._insert_and_fetch(connection, table, new)
        return super().insert_and_fetch(connection, table, new)

    def insert_one_text(self, table: TableInfo, columns: Columns, key: ColumnInfo | None) -> str:
        # rows of such a table are inserted under keys that are worked out before
        return "" if key is not None and not _numbers_rows(table) else super().insert_one_text(table, columns, key)

    def _insert_with_keys(
        self, connection: BatchConnection, table: TableInfo, columns: Columns, values: Values, key: ColumnInfo
    ) -> list[Any]:
        return self._insert_keys(connection, table, columns, values, key, len(values[0]))

    def _insert_keys(
        self,
        connection: BatchConnection,
        table: TableInfo,
        columns: Columns,
        values: Values,
        key: ColumnInfo,
        count: int,
    ) -> list[Any]:
        """Insert ``count`` rows under the next keys; there may be no other column at all."""
        # the next keys are free for as long as the write lock is held, so it has to last until the rows are in
        if not connection.in_transaction():
            with connection.begin():
                return self._insert_keys(connection, table, columns, values, key, count)
        bound = [self.bind(table, column, cells) for column, cells in zip(columns, values, strict=True)]
        keys = self._next_keys(connection, table, key, count)
        self._send_rows(connection, table, [key, *columns], [keys, *bound])
        return keys

    def _insert_and_fetch(self, connection: BatchConnection, table: TableInfo, new: NewRows) -> Fetched:
        if not connection.in_transaction():
            with connection.begin():
                return self._insert_and_fetch(connection, table, new)
        bound = [self.bind(table, column, cells) for column, cells in zip(new.columns, new.values, strict=True)]
        keys: list[Any] | None = None
        if new.generated_key is not None:
            keys = self._next_keys(connection, table, new.generated_key, new.count)
            columns, values, bound = [new.generated_key, *new.columns], [keys, *new.values], [keys, *bound]
            # the keys are given ones from here on, and tell the rows that come back
            new = NewRows(columns, values, new.count, new.key, None, new.fetched)
        if not new.columns or not new.are_told_by_key():
            return self._fetch_one_by_one(connection, table, new)
        returning = f" RETURNING {self.read_list([*new.key, *new.fetched])}"
        rows = self._send_rows(connection, table, new.columns, bound, returning)
        return Fetched(keys, self.rows_by_key(new, rows))

    def insert_defaults(
        self, connection: BatchConnection, table: TableInfo, count: int, *, generated_key: ColumnInfo | None = None
    ) -> list[Any] | None:
        if count == 1 or generated_key is None:
            return super().insert_defaults(connection, table, count, generated_key=generated_key)
        return self._insert_keys(connection, table, [], [], generated_key, count)

    def allocate_keys(
        self, connection: BatchConnection, table: TableInfo, key: ColumnInfo, count: int
    ) -> list[Any] | None:
        return self._next_keys(connection, table, key, count)

    def _next_keys(self, connection: BatchConnection, table: TableInfo, key: ColumnInfo, count: int) -> list[int]:
        """Return the next ``count`` keys; the write transaction that is opened here keeps them free."""
        sql = self.text(table, ("largest", key.name), self._largest_text, key)
        largest = connection.fetch_all(sql, write=True)[0][0] or 0
        if largest > _LARGEST_KEY - count:
            message = (
                f"{table.name} has no room for {count} keys after {largest}: the largest key that SQLite has is "
                f"{_LARGEST_KEY}. Give the rows keys of their own, or renumber the table."
            )
            raise DataError(message, orig=OverflowError(message))
        # keys below 1 are left to those who chose them
        first = max(largest, 0) + 1
        return list(range(first, first + count))

    def _send_rows(
        self, connection: BatchConnection, table: TableInfo, columns: Columns, bound: Values, returning: str = ""
    ) -> list[tuple[Any, ...]]:
        """Insert rows page by page; return what RETURNING gives, without it nothing."""
        returned: list[tuple[Any, ...]] = []
        count = len(bound[0])
        page = max(1, min(_PAGE, self.dialect.max_parameters // len(columns)))
        names = names_of(columns)
        flat = list(chain.from_iterable(zip(*bound, strict=True)))
        width = len(columns)
        for start in range(0, count, page):
            rows = min(page, count - start)
            sql = self.text(table, ("insert", names, rows), self._insert_text, columns, rows)
            page_values = flat[start * width : (start + rows) * width]
            if returning:
                found = connection.fetch_all(f"{sql}{returning}", page_values, write=True)
                returned.extend(found)
                inserted = len(found)
            else:
                inserted = connection.run(sql, page_values)
            if inserted != rows:
                raise self.mismatch(table, rows, inserted)
        return returned

    def _update_rows(
        self,
        connection: BatchConnection,
        table: TableInfo,
        key_columns: Columns,
        key_values: Values,
        set_columns: Columns,
        set_values: Values,
    ) -> int:
        if not connection.in_transaction():
            with connection.begin():
                return self._update_rows(connection, table, key_columns, key_values, set_columns, set_values)
        columns, values = [*key_columns, *set_columns], [*key_values, *set_values]
        bound = [self.bind(table, column, cells) for column, cells in zip(columns, values, strict=True)]
        names = (names_of(key_columns), names_of(set_columns))
        page = max(1, min(_PAGE, self.dialect.max_parameters // len(columns)))
        matched = 0
        for start in range(0, len(bound[0]), page):
            part = [cells[start : start + page] for cells in bound]
            rows = len(part[0])
            sql = self.text(table, ("update", names, rows), self._update_text, key_columns, set_columns, rows)
            matched += connection.run(sql, list(chain.from_iterable(zip(*part, strict=True))))
        return matched

    def _delete_rows(
        self, connection: BatchConnection, table: TableInfo, key_columns: Columns, key_values: Values
    ) -> int:
        if not connection.in_transaction():
            with connection.begin():
                return self._delete_rows(connection, table, key_columns, key_values)
        bound = [self.bind(table, column, cells) for column, cells in zip(key_columns, key_values, strict=True)]
        page = max(1, min(_DELETE_PAGE, self.dialect.max_parameters // len(key_columns)))
        matched = 0
        for start in range(0, len(bound[0]), page):
            part = [cells[start : start + page] for cells in bound]
            rows = len(part[0])
            sql = self.text(table, ("delete", names_of(key_columns), rows), self._delete_text, key_columns, rows)
            matched += connection.run(sql, list(chain.from_iterable(zip(*part, strict=True))))
        return matched

    def bind(self, table: TableInfo, column: ColumnInfo, values: Sequence[Any]) -> Sequence[Any]:
        # a column of one class, the common case, is checked as a whole; everything else goes value by value
        type_: Any = column.type
        classes = set(map(type, values))
        if classes == {int}:
            plain = isinstance(type_, Integer) and min(values) >= type_.minimum and max(values) <= type_.maximum
        elif classes == {str}:
            plain = isinstance(type_, String) and (type_.length is None or max(map(len, values)) <= type_.length)
        elif classes == {dt.datetime} and type_.lookup_name == "datetime" and not type_.timezone:
            if {value.tzinfo for value in values} == {None}:
                return [value.isoformat(" ", "microseconds") for value in values]
            plain = False
        else:
            plain = False
        return values if plain else super().bind(table, column, values)

    # -- texts

    def _largest_text(self, table: TableInfo, key: ColumnInfo) -> str:
        largest = f"SELECT max({self.dialect.quote(key.name)}) FROM {self.table_name(table)}"
        if not getattr(table, "sqlite_autoincrement", False):
            return largest
        # AUTOINCREMENT remembers the keys of rows that are gone (https://www.sqlite.org/autoinc.html)
        schema = f"{self.dialect.quote(table.schema)}." if table.schema else ""
        name = table.name.replace("'", "''")
        remembered = f"SELECT seq FROM {schema}sqlite_sequence WHERE name = '{name}'"
        return f"SELECT max(coalesce(({largest}), 0), coalesce(({remembered}), 0))"

    def _insert_text(self, table: TableInfo, columns: Columns, rows: int) -> str:
        return f"INSERT INTO {self.table_name(table)} ({self.column_list(columns)}) VALUES {', '.join([f'({self.marks(columns)})'] * rows)}"

    def _update_text(self, table: TableInfo, key_columns: Columns, set_columns: Columns, rows: int) -> str:
        name = self.table_name(table)
        keys = len(key_columns)
        assignments = ", ".join(
            f"{self.dialect.quote(column.name)} = {value_written(column.type, self.dialect, f'v.column{index}')}"
            for index, column in enumerate(set_columns, keys + 1)
        )
        condition = self._matches(name, key_columns)
        source = f"(VALUES {_rows(keys + len(set_columns), rows)})"
        return f"UPDATE {name} SET {assignments} FROM {source} AS v WHERE {condition}"

    def _delete_text(self, table: TableInfo, key_columns: Columns, rows: int) -> str:
        name = self.table_name(table)
        target = f"DELETE FROM {name} WHERE"
        if self.needs_rows(key_columns):
            names = ", ".join(f"{name}.{self.dialect.quote(column.name)}" for column in key_columns)
            source = f"(VALUES {_rows(len(key_columns), rows)}) AS v, {name}"
            return f"{target} ({self.column_list(key_columns)}) IN (SELECT {names} FROM {source} WHERE {self._matches(name, key_columns)})"
        if len(key_columns) == 1:
            return f"{target} {self.dialect.quote(key_columns[0].name)} IN ({', '.join([self.mark(key_columns[0])] * rows)})"
        return f"{target} ({self.column_list(key_columns)}) IN (VALUES {', '.join([f'({self.marks(key_columns)})'] * rows)})"

    def needs_rows(self, key_columns: Columns) -> bool:
        return any(self.dialect.stored_as(column.type).lookup_name in _OF_FORMS for column in key_columns)

    def _matches(self, table: str, key_columns: Columns) -> str:
        """Return the condition that a row has the key in the columns of ``v``, in whichever form it is kept."""
        return " AND ".join(
            self._equals(
                f"{table}.{self.dialect.quote(column.name)}",
                value_written(column.type, self.dialect, f"v.column{index}"),
                column,
            )
            for index, column in enumerate(key_columns, 1)
        )

    def _equals(self, kept: str, given: str, column: ColumnInfo) -> str:
        type_: Any = self.dialect.stored_as(column.type)
        if type_.lookup_name == "uuid":
            return f"{kept} IN ({given}, replace({given}, '-', ''))"
        if type_.lookup_name == "numeric":
            return f"{kept} = {given} COLLATE decimal"
        kind = kind_of_type(type_)
        if type_.lookup_name == "datetime":
            # the dates are for an index, see sqlite_comparing
            near = f"{kept} >= coalesce(date({given}, '-2 days'), '') AND {kept} < coalesce(date({given}, '+2 days'), '9999-99')"
            return f"{near} AND moment_as('{kind}', {kept}) = {given}"
        return f"moment_as('{kind}', {kept}) = {given}" if kind == "time" else f"{kept} = {given}"


def _numbers_rows(table: TableInfo) -> bool:
    """Return True where SQLite numbers rows by itself: where the primary key is one column."""
    key = getattr(table, "primary_key", None)
    return key is None or len(key.columns) < 2


def _rows(width: int, rows: int) -> str:
    return ", ".join([f"({', '.join('?' * width)})"] * rows)
