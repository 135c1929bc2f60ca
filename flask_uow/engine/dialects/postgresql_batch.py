"""Many rows at a time for PostgreSQL: one array literal for each column, taken apart by ``unnest``.

Keys that the database makes are drawn from the column's sequence within the INSERT itself, in row order, and the same
statement proves that each row is there under its key: RETURNING gives no order, and a trigger may do what it likes. See
docs/architecture/flush.md; variants and timings are in tests/benchmarks.
"""

from __future__ import annotations

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
    SingleRow,
    TableInfo,
    Values,
    column_error,
    names_of,
)
from flask_uow.engine.dialects.postgresql_arrays import array_literal, array_type, selected
from flask_uow.engine.dialects.postgresql_types import RECORDS
from flask_uow.exc import DataError
from flask_uow.sql.types.expressing import expressing, expression_of

__all__ = ["PostgreSQLBatchWriter"]

_PAGE = 5000
# rows of VALUES, of which the server parses each
_VALUES_PAGE = 500
# types that travel as texts, and may stand for one that the database alone knows
# -1 is for names without a length, which would cut; the category S is that of texts
_REAL_TYPES = (
    "SELECT a.attname::text, format_type(a.atttypid, -1), t.typcategory::text FROM pg_catalog.pg_attribute a"
    " JOIN pg_catalog.pg_type t ON t.oid = a.atttypid WHERE a.attrelid = to_regclass(%s) AND NOT a.attisdropped"
)

# for each column, what its values are cast to; None where they are assigned as they are
Casts = tuple[str | None, ...]


class PostgreSQLBatchWriter(BatchWriter):
    """Writes through ``unnest``; through VALUES where types put SQL around values, whose own types nobody knows then."""

    def _insert_rows(self, connection: BatchConnection, table: TableInfo, columns: Columns, values: Values) -> None:
        if self._has_expressions(columns):
            self._insert_values(connection, table, columns, values, None)
            return
        casts = self._casts(connection, table, columns)
        sql = self.text(table, ("insert", names_of(columns), casts), self._insert_text, columns, casts)
        for start in range(0, len(values[0]), _PAGE):
            page = self._page(table, columns, values, start)
            inserted = connection.run(sql, page)
            expected = min(_PAGE, len(values[0]) - start)
            if inserted != expected:
                raise self.mismatch(table, expected, inserted)

    def _insert_with_keys(
        self, connection: BatchConnection, table: TableInfo, columns: Columns, values: Values, key: ColumnInfo
    ) -> list[Any]:
        if self._has_expressions(columns):
            return self._insert_values_with_keys(connection, table, columns, values, key)
        casts = self._casts(connection, table, columns)
        text_key = ("keys", key.name, names_of(columns), casts)
        sql = self.text(table, text_key, self._insert_with_keys_text, columns, key, casts)
        keys: list[Any] = []
        for start in range(0, len(values[0]), _PAGE):
            page = self._page(table, columns, values, start)
            expected = min(_PAGE, len(values[0]) - start)
            made = None
            if self.dialect.supports_sequences:
                made = self._run_with_keys(connection, table, sql, page, expected)
            if made is None:
                # the key has no sequence, a trigger makes it say: only one row at a time is sure then
                for index in range(start, start + expected):
                    row = [column_values[index : index + 1] for column_values in values]
                    keys.extend(self.insert(connection, table, columns, row, generated_key=key) or ())
            else:
                keys.extend(made)
        return keys

    def _has_expressions(self, columns: Columns) -> bool:
        return expressing.are_there and any(
            expression_of(column.type, self.dialect, "bind_expression") is not None for column in columns
        )

    def _insert_values(
        self,
        connection: BatchConnection,
        table: TableInfo,
        columns: Columns,
        values: Values,
        key: ColumnInfo | None,
        returned: Columns = (),
    ) -> list[tuple[Any, ...]]:
        """Insert rows by VALUES, in pages; return what they return.

        :param key: the column among those that is given numbers of its own sequence; None without one.
        """
        overriding = _overriding(key) if key is not None else ""
        head = f"INSERT INTO {self.escaped_table(table)} ({self.column_list(columns)}) {overriding}VALUES "
        row = f"({self.marks(columns)})"
        tail = f" RETURNING {self.read_list(returned)}" if returned else ""
        rows = list(
            zip(*(self.bind(table, column, cells) for column, cells in zip(columns, values, strict=True)), strict=True)
        )
        found: list[tuple[Any, ...]] = []
        for start in range(0, len(rows), _VALUES_PAGE):
            page = rows[start : start + _VALUES_PAGE]
            sql, given = f"{head}{', '.join([row] * len(page))}{tail}", list(chain.from_iterable(page))
            if tail:
                found.extend(connection.fetch_all(sql, given, write=True))
                inserted = len(found) - start
            else:
                inserted = connection.run(sql, given)
            if inserted != len(page):
                raise self.mismatch(table, len(page), inserted)
        return found

    def _insert_values_with_keys(
        self, connection: BatchConnection, table: TableInfo, columns: Columns, values: Values, key: ColumnInfo
    ) -> list[Any]:
        keys = self.allocate_keys(connection, table, key, len(values[0]))
        if keys is not None:
            self._insert_values(connection, table, [key, *columns], [keys, *values], key)
            return keys
        made: list[Any] = []
        for index in range(len(values[0])):
            one = [cells[index : index + 1] for cells in values]
            made.extend(self.insert(connection, table, columns, one, generated_key=key) or ())
        return made

    def _fetch_values(self, connection: BatchConnection, table: TableInfo, new: NewRows) -> Fetched:
        keys: list[Any] | None = None
        key = new.generated_key
        if key is not None:
            keys = self.allocate_keys(connection, table, key, new.count)
            if keys is None:
                return self._fetch_one_by_one(connection, table, new)
            new = NewRows([key, *new.columns], [keys, *new.values], new.count, new.key, None, new.fetched)
        if not new.are_told_by_key():
            return self._fetch_one_by_one(connection, table, new)
        rows = self._insert_values(connection, table, new.columns, new.values, key, [*new.key, *new.fetched])
        return Fetched(keys, self.rows_by_key(new, rows))

    def _insert_and_fetch(self, connection: BatchConnection, table: TableInfo, new: NewRows) -> Fetched:
        if self._has_expressions(new.columns):
            return self._fetch_values(connection, table, new)
        if new.columns and new.generated_key is None and new.are_told_by_key():
            return self._fetch_by_key(connection, table, new)
        if new.columns and new.generated_key is not None and self.dialect.supports_sequences:
            found = self._fetch_with_keys(connection, table, new, new.generated_key)
            if found is not None:
                return found
        # no sequence to draw keys from, or no column to tell rows by: one at a time
        return self._fetch_one_by_one(connection, table, new)

    def _fetch_by_key(self, connection: BatchConnection, table: TableInfo, new: NewRows) -> Fetched:
        casts = self._casts(connection, table, new.columns)
        sql = self.text(table, ("insert", names_of(new.columns), casts), self._insert_text, new.columns, casts)
        returning = f"{sql} RETURNING {self.read_list([*new.key, *new.fetched])}"
        found: list[tuple[Any, ...] | None] = []
        for start in range(0, new.count, _PAGE):
            part = new.page(start, start + _PAGE)
            rows = connection.fetch_all(returning, self._page(table, part.columns, part.values, 0), write=True)
            if len(rows) != part.count:
                raise self.mismatch(table, part.count, len(rows))
            found.extend(self.rows_by_key(part, rows))
        return Fetched(None, found)

    def _fetch_with_keys(
        self, connection: BatchConnection, table: TableInfo, new: NewRows, generated_key: ColumnInfo
    ) -> Fetched | None:
        """Return None, with nothing inserted, where the key has no sequence."""
        casts = self._casts(connection, table, new.columns)
        text_key = ("keys fetch", generated_key.name, names_of(new.columns), names_of(new.fetched), casts)
        sql = self.text(table, text_key, self._insert_fetch_text, new.columns, generated_key, new.fetched, casts)
        keys: list[Any] = []
        found: list[tuple[Any, ...] | None] = []
        for start in range(0, new.count, _PAGE):
            rows = connection.fetch_all(sql, self._page(table, new.columns, new.values, start), write=True)
            if rows[0][0] is None:
                return None
            expected = min(_PAGE, new.count - start)
            present = sum(1 for row in rows if row[1] is not None)
            if present != expected:
                raise self.mismatch(table, expected, present)
            keys.extend(row[0] for row in rows)
            found.extend(row[2:] for row in rows)
        return Fetched(keys, found)

    def insert_defaults(
        self, connection: BatchConnection, table: TableInfo, count: int, *, generated_key: ColumnInfo | None = None
    ) -> list[Any] | None:
        if count == 1:
            return super().insert_defaults(connection, table, count, generated_key=generated_key)
        if generated_key is None:
            sql = f"INSERT INTO {self.escaped_table(table)} SELECT FROM generate_series(1, %s)"
            inserted = connection.run(sql, (count,))
            if inserted != count:
                raise self.mismatch(table, count, inserted)
            return None
        sql = self.text(table, ("default keys", generated_key.name), self._default_keys_text, generated_key)
        made = self._run_with_keys(connection, table, sql, (count,), count) if self.dialect.supports_sequences else None
        if made is None:
            return super().insert_defaults(connection, table, count, generated_key=generated_key)
        return made

    def allocate_keys(
        self, connection: BatchConnection, table: TableInfo, key: ColumnInfo, count: int
    ) -> list[Any] | None:
        if not self.dialect.supports_sequences:
            return None
        sql = self.text(table, ("allocate", key.name), self._allocate_text, key)
        keys = [made for (made,) in connection.fetch_all(sql, (count,), write=True)]
        # without a sequence nextval() gives NULL
        return None if None in keys else sorted(keys)

    def _run_with_keys(
        self, connection: BatchConnection, table: TableInfo, sql: str, parameters: Sequence[Any], expected: int
    ) -> list[Any] | None:
        """Insert rows under keys of the sequence and return these; None, with nothing inserted, without a sequence."""
        ((keys, found),) = connection.fetch_all(sql, parameters, write=True)
        if keys is None or keys[0] is None:
            return None
        if found != expected or len(keys) != expected:
            raise self.mismatch(table, expected, found)
        return list(keys)

    def _update_rows(
        self,
        connection: BatchConnection,
        table: TableInfo,
        key_columns: Columns,
        key_values: Values,
        set_columns: Columns,
        set_values: Values,
    ) -> int:
        columns, values = [*set_columns, *key_columns], [*set_values, *key_values]
        if self._has_expressions(columns):
            single = self._update_one(table, set_columns, key_columns)
            return self._one_by_one(connection, table, single, values)
        casts = self._casts(connection, table, columns)
        key = ("update", names_of(set_columns), names_of(key_columns), casts)
        sql = self.text(table, key, self._update_text, set_columns, key_columns, casts)
        return sum(
            connection.run(sql, self._page(table, columns, values, start))
            for start in range(0, len(key_values[0]), _PAGE)
        )

    def _delete_rows(
        self, connection: BatchConnection, table: TableInfo, key_columns: Columns, key_values: Values
    ) -> int:
        if self._has_expressions(key_columns):
            return self._one_by_one(connection, table, self._delete_one(table, key_columns), key_values)
        casts = self._casts(connection, table, key_columns)
        sql = self.text(table, ("delete", names_of(key_columns), casts), self._delete_text, key_columns, casts)
        return sum(
            connection.run(sql, self._page(table, key_columns, key_values, start))
            for start in range(0, len(key_values[0]), _PAGE)
        )

    def _one_by_one(self, connection: BatchConnection, table: TableInfo, single: SingleRow, values: Values) -> int:
        rows = ([cells[index : index + 1] for cells in values] for index in range(len(values[0])))
        # under the name that RETURNING of many rows calls it by
        name = self.escaped_table(table)
        sql = single.sql.replace(name, f"{name} AS t", 1)
        return sum(connection.run(sql, single.parameters(table, row)) for row in rows)

    def _page(self, table: TableInfo, columns: Columns, values: Values, start: int) -> tuple[str, ...]:
        """Return the array literals of one page of rows."""
        literals = []
        for column, cells in zip(columns, values, strict=True):
            # a column that fits into one page is not copied
            page = cells if start == 0 and len(cells) <= _PAGE else cells[start : start + _PAGE]
            try:
                literals.append(array_literal(column.type, page, self.dialect))
            except DataError as error:
                raise column_error(table, column.name, error) from error
        return tuple(literals)

    # -- texts

    def insert_one_text(self, table: TableInfo, columns: Columns, key: ColumnInfo | None) -> str:
        if key is None or getattr(key, "sequence", None) is None or not self.dialect.supports_sequences:
            return super().insert_one_text(table, columns, key)
        # the table may not have the sequence as its default
        names = ", ".join(self.escaped(column) for column in (key, *columns))
        marks = ", ".join([f"nextval({self._sequence(table, key)})", *map(self.mark, columns)])
        return f"INSERT INTO {self.escaped_table(table)} ({names}) VALUES ({marks})"

    def _casts(self, connection: BatchConnection, table: TableInfo, columns: Columns) -> Casts:
        """Return the types that the texts of columns must be cast to: the server assigns no text to an enum, an inet or a range by itself."""
        known = self.text(table, ("casts", names_of(columns)), _casts_to_be)[0]
        if known is not None:
            return known
        textual = [self._is_textual(column) for column in columns]
        if not any(textual):
            casts: Casts = (None,) * len(columns)
        else:
            real = self.text(table, "real types", _types_to_be)
            if not real:
                rows = connection.look_up(_REAL_TYPES, (self.table_name(table),))
                real.update({name: (type_, category) for name, type_, category in rows})
            if not real:
                # there is no such table, as the statement will say
                return (None,) * len(columns)
            casts = tuple(
                self._cast_of(column, *real.get(column.name, (None, "S"))) if is_textual else None
                for column, is_textual in zip(columns, textual, strict=True)
            )
        self.text(table, ("casts", names_of(columns)), _casts_to_be)[0] = casts
        return casts

    def _is_textual(self, column: ColumnInfo) -> bool:
        stored = self.dialect.stored_as(column.type)
        return stored.native_name is not None or RECORDS[stored.lookup_name].is_textual

    def _cast_of(self, column: ColumnInfo, real: str | None, category: str) -> str | None:
        stored = self.dialect.stored_as(column.type)
        if stored.lookup_name not in ("array", "json") and category == "S":
            # assigned to varchar(n) with its length checked, where a cast would cut it
            return None
        return real

    def _selected(self, column: ColumnInfo, expression: str, cast: str | None) -> str:
        return selected(column.type, expression, self.dialect, cast)

    def _unnest(self, columns: Columns) -> str:
        return "unnest(" + ", ".join(f"%s::{array_type(column.type, self.dialect)}" for column in columns) + ")"

    def _sequence(self, table: TableInfo, key: ColumnInfo) -> str:
        """Return an expression for the sequence of a serial or identity column; evaluated once, NULL without one."""
        own = getattr(key, "sequence", None)
        if own is not None:
            name = self.escaped_table(own).replace("'", "''")
            return f"'{name}'::regclass"
        names = ", ".join(
            "'" + name.replace("'", "''") + "'" for name in (self.escaped_table(table), key.name.replace("%", "%%"))
        )
        return f"(SELECT pg_get_serial_sequence({names})::regclass)"

    def _allocate_text(self, table: TableInfo, key: ColumnInfo) -> str:
        return f"SELECT nextval({self._sequence(table, key)}) FROM generate_series(1, %s)"

    def _chosen(self, columns: Columns, casts: Casts) -> str:
        return ", ".join(
            self._selected(column, f"u.c{index}", cast)
            for index, (column, cast) in enumerate(zip(columns, casts, strict=True))
        )

    def _insert_text(self, table: TableInfo, columns: Columns, casts: Casts) -> str:
        chosen = self._chosen(columns, casts)
        return (
            f"INSERT INTO {self.escaped_table(table)} ({self.column_list(columns)}) "
            f"SELECT {chosen} FROM {self._unnest(columns)} AS u({_numbered('c', columns)})"
        )

    def _insert_with_keys_text(self, table: TableInfo, columns: Columns, key: ColumnInfo, casts: Casts) -> str:
        keyed = self._keyed_insert_text(table, columns, key, "", casts)
        # what is counted are rows under the very keys that were drawn for them: a trigger that changes a key or drops a
        # row is found out, and no object gets the key of another
        return f"{keyed} SELECT array_agg(v.k ORDER BY v.o), (SELECT count(*) FROM i JOIN v ON v.k = i.k) FROM v"

    def _insert_fetch_text(
        self, table: TableInfo, columns: Columns, key: ColumnInfo, fetched: Columns, casts: Casts
    ) -> str:
        returned = "".join(f", {self.read(column)} AS f{index}" for index, column in enumerate(fetched))
        values = ", ".join(f"i.f{index}" for index in range(len(fetched)))
        keyed = self._keyed_insert_text(table, columns, key, returned, casts)
        return f"{keyed} SELECT v.k, i.k, {values} FROM v LEFT JOIN i ON i.k = v.k ORDER BY v.o"

    def _keyed_insert_text(
        self, table: TableInfo, columns: Columns, key: ColumnInfo, returned: str, casts: Casts
    ) -> str:
        """Return the CTEs ``v``, the rows with keys drawn for them, and ``i``, the INSERT of these; ``returned`` is more for RETURNING."""
        chosen = self._chosen(columns, casts)
        # MATERIALIZED, since v is read twice and each row is to draw one number. The ordinality says which row a key
        # was drawn for: RETURNING promises no order. Where there is no sequence, k is NULL and nothing is inserted.
        return (
            f"WITH v AS MATERIALIZED (SELECT nextval({self._sequence(table, key)}) AS k, u.* "
            f"FROM {self._unnest(columns)} WITH ORDINALITY AS u({_numbered('c', columns)}, o)), "
            f"i AS (INSERT INTO {self.escaped_table(table)} ({self.escaped(key)}, {self.column_list(columns)}) {_overriding(key)}"
            f"SELECT u.k, {chosen} FROM v AS u WHERE u.k IS NOT NULL RETURNING {self.escaped(key)} AS k{returned})"
        )

    def returned(self, columns: Columns) -> str:
        return ", ".join(self.read(column, f"t.{self.escaped(column)}") for column in columns)

    def _default_keys_text(self, table: TableInfo, key: ColumnInfo) -> str:
        return (
            f"WITH v AS MATERIALIZED (SELECT nextval({self._sequence(table, key)}) AS k FROM generate_series(1, %s)), "
            f"i AS (INSERT INTO {self.escaped_table(table)} ({self.escaped(key)}) {_overriding(key)}"
            f"SELECT k FROM v WHERE k IS NOT NULL RETURNING {self.escaped(key)} AS k) "
            "SELECT array_agg(v.k ORDER BY v.k), (SELECT count(*) FROM i JOIN v ON v.k = i.k) FROM v"
        )

    def _update_text(self, table: TableInfo, set_columns: Columns, key_columns: Columns, casts: Casts) -> str:
        columns = [*set_columns, *key_columns]
        assignments = ", ".join(
            f"{self.escaped(column)} = {self._selected(column, f'v.c{index}', casts[index])}"
            for index, column in enumerate(set_columns)
        )
        return (
            f"UPDATE {self.escaped_table(table)} AS t SET {assignments} "
            f"FROM {self._unnest(columns)} AS v({_numbered('c', columns)}) "
            f"WHERE {self._matches(key_columns, len(set_columns), casts)}"
        )

    def _delete_text(self, table: TableInfo, key_columns: Columns, casts: Casts) -> str:
        target = f"DELETE FROM {self.escaped_table(table)} AS t"
        if len(key_columns) == 1:
            column = key_columns[0]
            type_ = f"{casts[0]}[]" if casts[0] is not None else array_type(column.type, self.dialect)
            # one text for any number of keys, so that the server parses and we make only one
            return f"{target} WHERE t.{self.escaped(column)} = ANY(%s::{type_})"
        return (
            f"{target} USING {self._unnest(key_columns)} AS v({_numbered('c', key_columns)}) "
            f"WHERE {self._matches(key_columns, 0, casts)}"
        )

    def _matches(self, key_columns: Columns, offset: int, casts: Casts) -> str:
        return " AND ".join(
            f"t.{self.escaped(column)} = {self._selected(column, f'v.c{offset + index}', casts[offset + index])}"
            for index, column in enumerate(key_columns)
        )


def _overriding(key: ColumnInfo) -> str:
    # a column that is GENERATED ALWAYS takes the numbers that were drawn from its own sequence
    identity = getattr(key, "identity", None)
    return "OVERRIDING SYSTEM VALUE " if identity is not None and identity.always else ""


def _numbered(prefix: str, columns: Columns) -> str:
    return ", ".join(f"{prefix}{index}" for index in range(len(columns)))


def _casts_to_be(table: TableInfo) -> list[Casts | None]:
    # a place for what is found out at first use
    return [None]


def _types_to_be(table: TableInfo) -> dict[str, tuple[str | None, str]]:
    return {}
