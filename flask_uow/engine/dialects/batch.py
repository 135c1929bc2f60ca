"""BatchWriter: writes many rows of one table with few statements; the base of the dialects' writers.

A flush hands over columns of Python values (``values[i]`` holds the values of ``columns[i]``, one for each row); the
writer checks and converts them, cuts them into pages and sends one statement for each. A single row takes the plain
form of a statement. The texts are made once for each table, kind and set of columns. Threads share a writer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar
from weakref import WeakKeyDictionary

from flask_uow.exc import CompileError, DataError, InternalError
from flask_uow.sql.compiler.compiled import Binder, binder
from flask_uow.sql.compiler.values import column_read, value_written
from flask_uow.sql.types import TypeEngine

if TYPE_CHECKING:
    from flask_uow.engine.dialects.base import Dialect

__all__ = [
    "BatchConnection", "BatchWriter", "ColumnInfo", "Columns", "Fetched", "NewRows", "SingleRow", "TableInfo", "Values", "column_error", "names_of",
]  # fmt: skip

T = TypeVar("T")

_name_of = attrgetter("name")
# stands for a value in a text that is being made
_VALUE = "\x01"


class BatchConnection(Protocol):
    """A connection, as a writer sees it; see :class:`flask_uow.engine.connection.Connection`."""

    @abstractmethod
    def fetch_all(self, sql: str, params: Sequence[Any] = (), *, write: bool = False) -> list[tuple[Any, ...]]:
        """Send a statement and return its rows."""

    @abstractmethod
    def run(self, sql: str, params: Sequence[Any] = (), *, write: bool = True) -> int:
        """Send a statement and return the number of rows it changed."""

    @abstractmethod
    def look_up(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Send a question about the schema, of which listeners are told nothing, and return its rows."""

    @abstractmethod
    def in_transaction(self) -> bool:
        """Return True within a transaction."""

    @abstractmethod
    def begin(self) -> AbstractContextManager[Any]:
        """Begin a transaction that ends with the block."""


class TableInfo(Protocol):
    """A table, as a writer sees it."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Its name."""

    @property
    @abstractmethod
    def schema(self) -> str | None:
        """Its schema, None for the default one."""

    @property
    @abstractmethod
    def revision(self) -> int:
        """Another number for each change of what its columns are."""


class ColumnInfo(Protocol):
    """A column, as a writer sees it."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Its name."""

    @property
    @abstractmethod
    def type(self) -> TypeEngine[Any]:
        """Its type."""


Columns = Sequence[ColumnInfo]
Values = Sequence[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class NewRows:
    """Rows to be inserted, with columns whose values are to be read from what the database has stored.

    :ivar columns: the columns that are given.
    :ivar values: their values, column by column; empty, as ``columns`` are, where the database makes everything.
    :ivar count: how many rows there are.
    :ivar key: the columns of the primary key, by which rows are told.
    :ivar generated_key: the column whose values the database makes, not among ``columns``; None without one.
    :ivar fetched: the columns that are read.
    """

    columns: Columns
    values: Values
    count: int
    key: Columns
    generated_key: ColumnInfo | None
    fetched: Columns

    def are_told_by_key(self) -> bool:
        """Return True where all of the key is given, so that it tells the rows that come back."""
        return {column.name for column in self.key} <= set(names_of(self.columns))

    def page(self, start: int, stop: int) -> NewRows:
        """Return some of the rows."""
        stop = min(stop, self.count)
        values = [cells[start:stop] for cells in self.values]
        return NewRows(self.columns, values, stop - start, self.key, self.generated_key, self.fetched)


class Fetched(NamedTuple):
    """The keys and values that came back of :class:`NewRows`.

    :ivar keys: the generated keys in the order of the rows; None where none were to be made.
    :ivar rows: for each row the driver's values of the fetched columns; None for one that could not be told.
    """

    keys: list[Any] | None
    rows: list[tuple[Any, ...] | None]


@dataclass(frozen=True, slots=True)
class SingleRow:
    """The statement for one row of a table, and the way of the row's values into it.

    :ivar sql: its text; empty where even one row takes the statement for many.
    :ivar bind: takes the row's values in the order of the columns, returns the driver's parameters.
    :ivar columns: the columns.
    :ivar processors: what turns their values into the driver's; None to pass one as it is.
    """

    sql: str
    bind: Binder
    columns: tuple[str, ...]
    processors: tuple[Callable[[Any], Any] | None, ...]

    def parameters(self, table: TableInfo, values: Values) -> tuple[Any, ...]:
        """Return the driver's parameters.

        :param values: one sequence for each column, with the value of the row.
        :raises DataError: for a value that does not fit its column; the message names the column.
        """
        (row,) = zip(*values, strict=True)
        try:
            return self.bind(row)
        except DataError:
            # by another try: values are converted without a word of where they go, which is quicker
            for name, processor, value in zip(self.columns, self.processors, row, strict=True):
                try:
                    if processor is not None:
                        processor(value)
                except DataError as found:
                    raise column_error(table, name, found) from found
            raise


class BatchWriter(ABC):
    """Inserts, updates and deletes rows of one table at a time.

    :param dialect: gives the conversions of values and the quoting of names.
    """

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        # by table, weakly: tables that are made and dropped at run time take their texts along
        self._texts: WeakKeyDictionary[Any, dict[Any, Any]] = WeakKeyDictionary()

    def insert(
        self,
        connection: BatchConnection,
        table: TableInfo,
        columns: Columns,
        values: Values,
        *,
        generated_key: ColumnInfo | None = None,
    ) -> list[Any] | None:
        """Insert rows.

        :param values: one sequence for each column, all of one length.
        :param generated_key: a column, not among ``columns``, whose values the database makes.
        :returns: the keys in the order of the rows, ascending; None without ``generated_key``.
        :raises DataError: for a value that does not fit its column; the message names the column.
        :raises InternalError: when the database did not insert exactly these rows under these keys (a trigger).
        """
        # one row is what most requests write, and goes out as the plainest statement
        if len(values[0]) == 1:
            key = generated_key.name if generated_key is not None else None
            single = self.text(
                table, ("insert one", key, tuple(map(_name_of, columns))), self._insert_one, columns, generated_key
            )
            if single.sql:
                return self._run_insert_one(
                    connection, table, single.sql, single.parameters(table, values), generated_key
                )
        if generated_key is None:
            self._insert_rows(connection, table, columns, values)
            return None
        return self._insert_with_keys(connection, table, columns, values, generated_key)

    def insert_and_fetch(self, connection: BatchConnection, table: TableInfo, new: NewRows) -> Fetched:
        """Insert rows, and return what the database has made of columns that were not given, from the same statement.

        :returns: the generated keys, as :meth:`insert` does; and for each row the driver's values of ``new.fetched``, None for a row
            that could not be told by its key.
        """
        if new.count > 1:
            return self._insert_and_fetch(connection, table, new)
        key = new.generated_key.name if new.generated_key is not None else None
        memo = ("insert one, fetch", key, names_of(new.fetched), names_of(new.columns))
        single = self.text(table, memo, self._insert_one_and_fetch, new)
        parameters = single.parameters(table, new.values) if new.columns else ()
        rows = connection.fetch_all(single.sql, parameters, write=True)
        if len(rows) != 1:
            raise self.mismatch(table, 1, len(rows))
        if new.generated_key is None:
            return Fetched(None, [rows[0]])
        return Fetched([rows[0][0]], [rows[0][1:]])

    @abstractmethod
    def _insert_and_fetch(self, connection: BatchConnection, table: TableInfo, new: NewRows) -> Fetched:
        """Insert two or more rows; see :meth:`insert_and_fetch`."""

    def _fetch_one_by_one(self, connection: BatchConnection, table: TableInfo, new: NewRows) -> Fetched:
        parts = [self.insert_and_fetch(connection, table, new.page(n, n + 1)) for n in range(new.count)]
        keys = [key for part in parts for key in part.keys or ()] if new.generated_key is not None else None
        return Fetched(keys, [row for part in parts for row in part.rows])

    def rows_by_key(self, new: NewRows, rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...] | None]:
        """Return rows in the order of the values that were inserted; their first items are the key."""
        # keys come back in the driver's form, and the ones that were given are in Python's
        processors = [self.dialect.result_processor(column.type) for column in new.key]
        found = {
            tuple(p(v) if p is not None else v for p, v in zip(processors, row, strict=False)): row[len(new.key) :]
            for row in rows
        }
        names = names_of(new.columns)
        given = [new.values[names.index(name)] for name in names_of(new.key) if name in names]
        # the database has made part of the key, so nothing tells which of the rows is whose
        if len(given) < len(new.key):
            return [None] * new.count
        return [found.get(identity) for identity in zip(*given, strict=True)]

    def update_returning(
        self,
        connection: BatchConnection,
        table: TableInfo,
        key_columns: Columns,
        key_values: Values,
        set_columns: Columns,
        set_values: Values,
        returned: Columns,
    ) -> list[tuple[Any, ...]]:
        """Update like :meth:`update`, and return the driver's values of some columns for each row that matched."""
        collected: list[tuple[Any, ...]] = []
        # the same statements, to which the connection in between adds RETURNING
        collecting = _Collecting(connection, self._returning(returned, key_values), collected)
        self.update(collecting, table, key_columns, key_values, set_columns, set_values)
        return collected

    def delete_returning(
        self, connection: BatchConnection, table: TableInfo, key_columns: Columns, key_values: Values, returned: Columns
    ) -> list[tuple[Any, ...]]:
        """Delete like :meth:`delete`, and return the driver's values of some columns for each row that matched."""
        collected: list[tuple[Any, ...]] = []
        collecting = _Collecting(connection, self._returning(returned, key_values), collected)
        self.delete(collecting, table, key_columns, key_values)
        return collected

    def _returning(self, columns: Columns, key_values: Values) -> str:
        names = self.read_list(columns) if len(key_values[0]) == 1 else self.returned(columns)
        return f" RETURNING {names}"

    def returned(self, columns: Columns) -> str:
        """Return the names of columns for RETURNING of an UPDATE or DELETE of many rows, where their values are in sight as well."""
        return self.read_list(columns)

    def insert_defaults(
        self, connection: BatchConnection, table: TableInfo, count: int, *, generated_key: ColumnInfo | None = None
    ) -> list[Any] | None:
        """Insert ``count`` rows for which the application gives no value at all; returns and raises like insert."""
        sql = f"INSERT INTO {self.escaped_table(table)} DEFAULT VALUES"
        if generated_key is not None:
            sql = self._with_key(sql, generated_key)
        keys: list[Any] = []
        # one by one: DEFAULT VALUES has no form for many rows
        for _ in range(count):
            keys += self._run_insert_one(connection, table, sql, (), generated_key) or ()
        return keys if generated_key is not None else None

    def update(
        self,
        connection: BatchConnection,
        table: TableInfo,
        key_columns: Columns,
        key_values: Values,
        set_columns: Columns,
        set_values: Values,
    ) -> int:
        """Update the rows with these keys; each has new values of its own. Returns the number of rows that matched."""
        if len(key_values[0]) == 1:
            memo = ("update one", tuple(map(_name_of, set_columns)), tuple(map(_name_of, key_columns)))
            single = self.text(table, memo, self._update_one, set_columns, key_columns)
            if single.sql:
                return connection.run(single.sql, single.parameters(table, [*set_values, *key_values]))
        return self._update_rows(connection, table, key_columns, key_values, set_columns, set_values)

    def delete(self, connection: BatchConnection, table: TableInfo, key_columns: Columns, key_values: Values) -> int:
        """Delete the rows with these keys. Returns the number of rows that matched."""
        if len(key_values[0]) == 1:
            single = self.text(table, ("delete one", names_of(key_columns)), self._delete_one, key_columns)
            if single.sql:
                return connection.run(single.sql, single.parameters(table, key_values))
        return self._delete_rows(connection, table, key_columns, key_values)

    def needs_rows(self, key_columns: Columns) -> bool:
        """Return True where even a single row is told by the statement for many, since its key may be kept in several forms."""
        return False

    @abstractmethod
    def allocate_keys(
        self, connection: BatchConnection, table: TableInfo, key: ColumnInfo, count: int
    ) -> list[Any] | None:
        """Return the next ``count`` keys that the database would make, ascending, for rows that are inserted with them.

        For rows of one table that need several statements and whose keys are to follow one order all the same. Returns None
        where the key is not made by a sequence.
        """

    # -- for the dialects

    @abstractmethod
    def _insert_rows(self, connection: BatchConnection, table: TableInfo, columns: Columns, values: Values) -> None:
        """Insert two or more rows."""

    @abstractmethod
    def _insert_with_keys(
        self, connection: BatchConnection, table: TableInfo, columns: Columns, values: Values, key: ColumnInfo
    ) -> list[Any]:
        """Insert two or more rows and return the keys that the database made for them."""

    @abstractmethod
    def _update_rows(
        self,
        connection: BatchConnection,
        table: TableInfo,
        key_columns: Columns,
        key_values: Values,
        set_columns: Columns,
        set_values: Values,
    ) -> int:
        """Update two or more rows."""

    @abstractmethod
    def _delete_rows(
        self, connection: BatchConnection, table: TableInfo, key_columns: Columns, key_values: Values
    ) -> int:
        """Delete two or more rows."""

    def table_name(self, table: TableInfo) -> str:
        """Return the quoted name of a table."""
        quote = self.dialect.quote
        return f"{quote(table.schema)}.{quote(table.name)}" if table.schema else quote(table.name)

    def text(self, table: TableInfo, key: object, make: Callable[..., T], *arguments: Any) -> T:
        """Return the value that ``make(table, *arguments)`` gave for this table and key the first time."""
        texts = self._texts.get(table)
        if texts is None:
            # two threads may come here at once: they get the same dict, and a text that is made twice is equal
            texts = self._texts.setdefault(table, {})
        of_now = (key, table.revision)
        made: T | None = texts.get(of_now)
        if made is None:
            made = texts[of_now] = make(table, *arguments)
        return made

    def bind(self, table: TableInfo, column: ColumnInfo, values: Sequence[Any]) -> Sequence[Any]:
        """Return one column of values as the driver takes them.

        :raises DataError: for a value that does not fit; the message names the column.
        """
        processor = self.dialect.bind_processor(column.type)
        if processor is None:
            return values
        try:
            return [processor(value) for value in values]
        except DataError as error:
            raise column_error(table, column.name, error) from error

    # -- one row

    def _run_insert_one(
        self,
        connection: BatchConnection,
        table: TableInfo,
        sql: str,
        parameters: tuple[Any, ...],
        key: ColumnInfo | None,
    ) -> list[Any] | None:
        """Insert one row; returns and raises as :meth:`insert`.

        :param sql: the statement, with the key behind RETURNING where there is one.
        """
        if key is None:
            inserted = connection.run(sql, parameters)
            if inserted != 1:
                raise self.mismatch(table, 1, inserted)
            return None
        rows = connection.fetch_all(sql, parameters, write=True)
        if len(rows) != 1:
            raise self.mismatch(table, 1, len(rows))
        return [rows[0][0]]

    def mismatch(self, table: TableInfo, expected: int, found: int) -> InternalError:
        """Return the error for rows that a trigger left out or gave another key."""
        return InternalError(
            f"{expected} rows were inserted into {table.name}, and {found} are there under the keys that were meant "
            "for them. Look for a trigger or a rule on the table that drops rows or changes their key."
        )

    def single(self, sql: str, columns: Columns) -> SingleRow:
        """Return a statement for one row, together with the way of its values."""
        processors = tuple(self.dialect.bind_processor(column.type) for column in columns)
        return SingleRow(sql, binder(tuple(enumerate(processors))), names_of(columns), processors)

    def _insert_one(self, table: TableInfo, columns: Columns, key: ColumnInfo | None) -> SingleRow:
        sql = self.insert_one_text(table, columns, key)
        return self.single(self._with_key(sql, key) if sql and key is not None else sql, columns)

    def _insert_one_and_fetch(self, table: TableInfo, new: NewRows) -> SingleRow:
        returned = [*((new.generated_key,) if new.generated_key is not None else ()), *new.fetched]
        sql = self.insert_one_text(table, new.columns, new.generated_key)
        return self.single(f"{sql} RETURNING {self.read_list(returned)}", new.columns)

    def insert_one_text(self, table: TableInfo, columns: Columns, key: ColumnInfo | None) -> str:
        """Return the INSERT of one row, without RETURNING; empty where the key has to be known before.

        :param key: the column whose values the database makes.
        """
        if not columns:
            return f"INSERT INTO {self.escaped_table(table)} DEFAULT VALUES"
        marks = self.marks(columns)
        return f"INSERT INTO {self.escaped_table(table)} ({self.column_list(columns)}) VALUES ({marks})"

    def _with_key(self, sql: str, key: ColumnInfo) -> str:
        return f"{sql} RETURNING {self.read(key)}"

    def _update_one(self, table: TableInfo, set_columns: Columns, key_columns: Columns) -> SingleRow:
        assignments, condition = self._equal(set_columns, ", "), self._equal(key_columns, " AND ")
        sql = f"UPDATE {self.escaped_table(table)} SET {assignments} WHERE {condition}"
        return self.single("" if self.needs_rows(key_columns) else sql, [*set_columns, *key_columns])

    def _delete_one(self, table: TableInfo, key_columns: Columns) -> SingleRow:
        sql = f"DELETE FROM {self.escaped_table(table)} WHERE {self._equal(key_columns, ' AND ')}"
        return self.single("" if self.needs_rows(key_columns) else sql, key_columns)

    def _equal(self, columns: Columns, separator: str) -> str:
        return separator.join(f"{self.escaped(column)} = {self.mark(column)}" for column in columns)

    def mark(self, column: ColumnInfo) -> str:
        """Return the placeholder of a column's value, with what its type puts around it.

        :raises CompileError: where the type has the value stand there more than once, or not at all.
        """
        placeholder = self.dialect.placeholder
        # made up, so that no other question mark is taken for one
        text = value_written(column.type, self.dialect, _VALUE)
        if text.count(_VALUE) != 1:
            raise CompileError(
                f"{type(column.type).__name__}.bind_expression() uses the value {text.count(_VALUE)} times, and a row that is written takes it"
                " once. Have a function of the database do what needs it several times."
            )
        return text.replace(_VALUE, placeholder)

    def marks(self, columns: Columns) -> str:
        """Return the placeholders of the values of a row."""
        return ", ".join(map(self.mark, columns))

    def read(self, column: ColumnInfo, text: str | None = None) -> str:
        """Return a column of RETURNING, with what its type puts around it.

        :param text: the column as it is named there; its name alone when None.
        """
        return column_read(column.type, self.dialect, self.escaped(column) if text is None else text)

    def read_list(self, columns: Columns) -> str:
        """Return columns of RETURNING, with commas."""
        return ", ".join(map(self.read, columns))

    def column_list(self, columns: Columns) -> str:
        """Return the quoted names, with commas."""
        return ", ".join(self.escaped(column) for column in columns)

    def escaped(self, column: ColumnInfo) -> str:
        """Return a quoted name for a text with placeholders."""
        quoted = self.dialect.quote(column.name)
        return quoted.replace("%", "%%") if self.dialect.escapes_percent else quoted

    def escaped_table(self, table: TableInfo) -> str:
        """Return the quoted name of a table for a text with placeholders."""
        name = self.table_name(table)
        return name.replace("%", "%%") if self.dialect.escapes_percent else name


def names_of(columns: Columns) -> tuple[str, ...]:
    """Return the names of columns, which stand for them in the keys of texts."""
    return tuple(map(_name_of, columns))


def column_error(table: TableInfo, column: str, error: DataError) -> DataError:
    """Return ``error`` with the column's name in its message."""
    return DataError(f"{table.name}.{column}: {error.message}", orig=error.orig)


class _Collecting:
    """A connection whose data-changing statements return rows, which are gathered.

    :param suffix: the RETURNING clause.
    """

    def __init__(self, connection: BatchConnection, suffix: str, rows: list[tuple[Any, ...]]) -> None:
        self._connection = connection
        self._suffix = suffix
        self._rows = rows

    def fetch_all(self, sql: str, params: Sequence[Any] = (), *, write: bool = False) -> list[tuple[Any, ...]]:
        """Send a statement and return its rows."""
        return self._connection.fetch_all(sql, params, write=write)

    def run(self, sql: str, params: Sequence[Any] = (), *, write: bool = True) -> int:
        """Send a statement and return the number of rows it changed."""
        found = self._connection.fetch_all(f"{sql}{self._suffix}", params, write=True)
        self._rows.extend(found)
        return len(found)

    def look_up(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Send a question about the schema and return its rows."""
        return self._connection.look_up(sql, params)

    def in_transaction(self) -> bool:
        """Return True within a transaction."""
        return self._connection.in_transaction()

    def begin(self) -> AbstractContextManager[Any]:
        """Begin a transaction that ends with the block."""
        return self._connection.begin()
