"""Result: the rows of an executed statement, fetched at once.

Nothing stays open in the database: a Result may be kept, iterated later, or dropped. Connections make it
(:meth:`flask_uow.engine.connection.Connection.execute`); the orm has rows and results of its own built on the same
base.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar, overload

from flask_uow.engine.dialects.base import Dialect
from flask_uow.engine.rows import Row, RowMaker, RowMapping, row_class, row_maker
from flask_uow.exc import (
    ArgumentError,
    InvalidRequestError,
    MultipleResultsFound,
    NoResultFound,
    ResourceClosedError,
    did_you_mean,
)
from flask_uow.sql.compiler import Compiled
from flask_uow.sql.typed import TP_co, V

__all__ = [
    "FetchedResult", "FrozenResult", "MappingResult", "Result", "ScalarResult", "StreamedResult", "read_cursor", "stream_result",
]  # fmt: skip

T = TypeVar("T")


def _value_key(value: Any) -> Hashable:
    """Return what a value is told apart by: mapped objects may define an equality of their own, which is not about rows."""
    return (_value_key, id(value)) if hasattr(type(value), "__mapper__") else value


class FetchedResult(Generic[T]):
    """A sequence of results that is consumed from the front.

    :param items: all of them; None when the statement returns no rows.
    """

    __slots__ = ("_items", "_position")

    def __init__(self, items: list[T] | None) -> None:
        self._items = items
        self._position = 0

    def __iter__(self) -> Iterator[T]:
        """Yield what is left."""
        return iter(self.all())

    def all(self) -> list[T]:
        """Return what is left as a list."""
        items = self._open_items()
        position, self._position = self._position, len(items)
        return items[position:] if position else list(items)

    fetchall = all

    def fetchone(self) -> T | None:
        """Return the next one, None at the end."""
        items = self._open_items()
        if self._position >= len(items):
            return None
        self._position += 1
        return items[self._position - 1]

    def fetchmany(self, size: int = 1) -> list[T]:
        """Return the next ``size`` ones, fewer at the end."""
        items = self._open_items()
        taken = items[self._position : self._position + size]
        self._position += len(taken)
        return taken

    def unique(self, strategy: Callable[[T], Hashable] | None = None) -> Self:
        """Drop from what is left the items that came before, and return this result.

        Mapped objects are told apart by identity, other values by equality. Values that are taken from unique rows afterwards (``scalars()``,
        ``columns()``, ``mappings()``) are unique too, unless a strategy chose the rows.

        :param strategy: gives for an item the value that it is told apart by.
        :raises InvalidRequestError: for values that cannot be hashed, such as lists and dicts.
        """
        position = self._position
        found: dict[Hashable, T] = {}
        key = strategy or self._key
        try:
            for item in self._open_items()[position:]:
                found.setdefault(key(item), item)
        except TypeError as error:
            if strategy is not None:
                raise
            raise InvalidRequestError(
                f"unique() compares values by their hashes, and there is one without: {error}. Pass a strategy, such as unique(repr)."
            ) from error
        self._items = list(found.values())
        self._position = 0
        return self

    def _key(self, item: T) -> Hashable:
        return _value_key(item)

    def partitions(self, size: int | None = None) -> Iterator[list[T]]:
        """Yield what is left in lists.

        :param size: how many are in each list, fewer in the last one; None yields one list of all.
        :raises ArgumentError: for a size below 1.
        """
        if size is not None and size < 1:
            raise ArgumentError(
                f"partitions({size}): a list holds 1 item at least. Pass a positive size, or None for one list."
            )
        return self._partitions(size)

    def _partitions(self, size: int | None) -> Iterator[list[T]]:
        while part := self.all() if size is None else self.fetchmany(size):
            yield part

    def first(self) -> T | None:
        """Return the first one, or None; the rest is dropped."""
        items = self.all()
        return items[0] if items else None

    def one(self) -> T:
        """Return the only one.

        :raises NoResultFound: when there is none.
        :raises MultipleResultsFound: when there are several.
        """
        items = self.all()
        if not items:
            raise NoResultFound(
                "one row was expected, and there was none. Use one_or_none() or first() where that may be."
            )
        return self._only(items)

    def one_or_none(self) -> T | None:
        """Return the only one, or None.

        :raises MultipleResultsFound: when there are several.
        """
        items = self.all()
        return self._only(items) if items else None

    def close(self) -> None:
        """Drop what is left; using the result afterwards raises ResourceClosedError."""
        self._items = None

    def _only(self, items: Sequence[T]) -> T:
        if len(items) > 1:
            raise MultipleResultsFound(
                f"one row was expected, and there were {len(items)}. Narrow the statement, or use first()."
            )
        return items[0]

    def _open_items(self) -> list[T]:
        if self._items is None:
            raise ResourceClosedError(
                "this result has no rows: the statement returns none, or the result was closed. "
                "Ask returns_rows first, or add a RETURNING clause."
            )
        return self._items


class ScalarResult(FetchedResult[V]):
    """The values of one column."""

    __slots__ = ()


class MappingResult(FetchedResult[RowMapping]):
    """The rows as mappings by column name."""

    __slots__ = ()

    def _key(self, item: RowMapping) -> Hashable:
        return tuple(map(_value_key, item.values()))


if TYPE_CHECKING:
    from flask_uow.engine.typed_rows import RowsOf
else:
    RowsOf = FetchedResult


class Result(RowsOf[TP_co]):
    """The rows of one statement.

    :ivar rowcount: rows that the statement changed or returned, -1 where the driver does not know.
    :ivar lastrowid: the rowid of the last INSERT on SQLite, else None.
    """

    __slots__ = ("_is_unique", "_names", "lastrowid", "rowcount")

    def __init__(
        self, items: list[Row] | None, names: tuple[str, ...], rowcount: int, lastrowid: int | None = None
    ) -> None:
        super().__init__(items)
        self._names = names
        self._is_unique = False
        self.rowcount = rowcount
        self.lastrowid = lastrowid

    @property
    def returns_rows(self) -> bool:
        """True when the statement returns rows, be it none at all this time."""
        return self._items is not None

    def unique(self, strategy: Callable[[Row], Hashable] | None = None) -> Self:
        """See :meth:`FetchedResult.unique`."""
        super().unique(strategy)
        self._is_unique = strategy is None
        return self

    def _key(self, item: Row) -> Hashable:
        return tuple(map(_value_key, item))

    def keys(self) -> tuple[str, ...]:
        """Return the names of the columns."""
        return self._names

    def scalar(self: Result[tuple[T, *tuple[Any, ...]]]) -> T | None:
        """Return the first column of the first row, None when there is no row."""
        row = self.first()
        return row[0] if row is not None else None

    def scalar_one(self: Result[tuple[T, *tuple[Any, ...]]]) -> T:
        """Return the first column of the only row; raises like :meth:`one`."""
        return self.one()[0]

    def scalar_one_or_none(self: Result[tuple[T, *tuple[Any, ...]]]) -> T | None:
        """Return the first column of the only row, None without any; raises like :meth:`one_or_none`."""
        row = self.one_or_none()
        return row[0] if row is not None else None

    @overload
    def scalars(self: Result[tuple[T, *tuple[Any, ...]]], index: Literal[0] = 0) -> ScalarResult[T]: ...

    @overload
    def scalars(self, index: int) -> ScalarResult[Any]: ...

    def scalars(self, index: int = 0) -> ScalarResult[Any]:
        """Return the values of one column.

        :param index: the column's position.
        :raises InvalidRequestError: when there is no such column.
        """
        items = self.all()
        if not 0 <= index < len(self._names):
            raise InvalidRequestError(
                f"scalars({index}): the result has {len(self._names)} columns. Pass a position of one."
            )
        values = ScalarResult([row[index] for row in items])
        return values.unique() if self._is_unique else values

    def mappings(self) -> MappingResult:
        """Return the rows as mappings by column name."""
        return MappingResult([row._mapping for row in self.all()])

    def tuples(self) -> Result[TP_co]:
        """Return the result itself: its rows are tuples already."""
        return self

    def columns(self, *columns: int | str) -> Result:
        """Return what is left with some of its columns only, in this order.

        :param columns: names or positions of columns.
        :raises ArgumentError: for none, or something that is neither a name nor a position.
        :raises InvalidRequestError: when there is no such column, or several of that name.
        """
        if not columns:
            raise ArgumentError(
                "columns() was called without columns. Pass the names or positions of those that are wanted."
            )
        self._open_items()
        positions = tuple(self._position_of(column) for column in columns)
        names = tuple(self._names[position] for position in positions)
        make = row_class(names)
        rows = [make([row[position] for position in positions]) for row in self.all()]
        chosen = Result(rows, names, self.rowcount, self.lastrowid)
        return chosen.unique() if self._is_unique else chosen

    def freeze(self) -> FrozenResult[TP_co]:
        """Return a copy of what is left that gives a new result at each call; this result is consumed by that."""
        return FrozenResult(self.all(), self._names, self.rowcount, self.lastrowid)

    def _position_of(self, column: int | str) -> int:
        count = len(self._names)
        if isinstance(column, str):
            if self._names.count(column) == 1:
                return self._names.index(column)
            if column in self._names:
                raise InvalidRequestError(
                    f"the result has several columns {column!r}, and one was expected. Pass a position, or label the columns."
                )
            raise InvalidRequestError(
                f"the result has no column {column!r}; its columns are {', '.join(self._names)}."
                f"{did_you_mean(column, self._names)} Pass one of them, or a position."
            )
        if not isinstance(column, int):
            raise ArgumentError(
                f"columns() takes names and positions, got {column!r}. Pass the column's name in the result."
            )
        if not -count <= column < count:
            raise InvalidRequestError(f"columns({column}): the result has {count} columns. Pass a position of one.")
        return column


class FrozenResult(Generic[TP_co]):
    """The rows of a result, kept; each call gives them as a new :class:`Result`. Made by :meth:`Result.freeze`."""

    __slots__ = ("_lastrowid", "_names", "_rowcount", "_rows")

    def __init__(self, rows: Sequence[Any], names: tuple[str, ...], rowcount: int, lastrowid: int | None) -> None:
        self._rows = rows
        self._names = names
        self._rowcount = rowcount
        self._lastrowid = lastrowid

    def __call__(self) -> Result[TP_co]:
        """Return the rows as a result of their own."""
        return Result(list(self._rows), self._names, self._rowcount, self._lastrowid)


class StreamedResult(Generic[T]):
    """Rows that are fetched some at a time while they are iterated; the transaction must stay open meanwhile.

    Iterate it once; or use it in a ``with`` block (or call :meth:`close`) where not all rows may be wanted.

    :param pages: lists of rows.
    """

    __slots__ = ("_is_left", "_names", "_pages", "_rest")

    def __init__(self, pages: Iterator[list[T]], names: Callable[[], tuple[str, ...]]) -> None:
        self._pages = pages
        # True once a loop over the rows was left, which closes the cursor
        self._is_left = False
        self._names = names
        self._rest: list[T] = []

    returns_rows = True
    rowcount = -1

    def keys(self) -> tuple[str, ...]:
        """Return the names of the columns; known once the first rows are there."""
        if not self._rest:
            self._rest = next(self._pages, [])
        return self._names()

    def partitions(self) -> Iterator[list[T]]:
        """Yield the rows in the lists in which they are fetched.

        :raises InvalidRequestError: where a loop over the rows has been left already.
        """
        if self._is_left:
            raise InvalidRequestError(
                "a loop over these rows was left, and the rest was dropped with it. Use one iterator, fetchone() or fetchmany() to read some"
                " of the rows and others later."
            )
        try:
            if self._rest:
                rest, self._rest = self._rest, []
                yield rest
            yield from self._pages
        except GeneratorExit:
            self._is_left = True
            raise

    def __iter__(self) -> Iterator[T]:
        for page in self.partitions():
            yield from page

    def fetchmany(self, size: int) -> list[T]:
        """Return the next ``size`` rows, fewer at the end."""
        while len(self._rest) < size and (page := next(self._pages, None)) is not None:
            self._rest = [*self._rest, *page]
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    def fetchone(self) -> T | None:
        """Return the next row, None at the end."""
        found = self.fetchmany(1)
        return found[0] if found else None

    def all(self) -> list[T]:
        """Return what is left as a list."""
        return [item for page in self.partitions() for item in page]

    fetchall = all

    def first(self) -> T | None:
        """Return the first row, or None; the rest is dropped."""
        found = self.fetchone()
        self.close()
        return found

    def scalars(self, index: int = 0) -> StreamedResult[Any]:
        """Return the values of one column, streamed as well."""
        return StreamedResult(([row[index] for row in page] for page in self.partitions()), self._names)  # type: ignore[index]

    def scalar(self) -> Any:
        """Return the first column of the first row, None when there is no row."""
        row: Any = self.first()
        return row[0] if row is not None else None

    def close(self) -> None:
        """Drop what is left, and release the server's cursor."""
        self._rest = []
        close = getattr(self._pages, "close", None)
        if close is not None:
            close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error_type: Any, error: Any, traceback: Any) -> None:
        self.close()


def stream_result(compiled: Compiled, pages: Iterator[list[tuple[Any, ...]]], dialect: Dialect) -> Any:
    """Return the rows of a statement, fetched page by page.

    :raises InvalidRequestError: for a statement whose columns are not known.
    """
    if not compiled.columns:
        raise InvalidRequestError(
            "the columns of this statement are not known before it is executed, so its rows cannot be streamed. Say what they are with "
            "text(...).columns(...)."
        )
    names = tuple(column.name for column in compiled.columns)
    make = row_maker(names, [dialect.result_processor(column.type) for column in compiled.columns])

    def made() -> Iterator[list[Row]]:
        try:
            for page in pages:
                yield make(page)
        finally:
            pages.close()  # type: ignore[attr-defined]

    return StreamedResult(made(), lambda: names)


def read_cursor(compiled: Compiled, cursor: Any, dialect: Dialect) -> Result:
    """Return the result of a statement that was just executed, its rows fetched."""
    description = cursor.description
    if description is None:
        count = cursor.rowcount if cursor.rowcount >= 0 else dialect.unknown_rowcount(cursor, compiled.sql)
        return Result(None, (), count, getattr(cursor, "lastrowid", None) or None)
    rows = cursor.fetchall()
    memo = compiled.memo
    maker = memo.get(Result)
    if maker is None:
        maker = _result_maker(compiled, description, dialect)
        if compiled.columns:
            memo[Result] = maker
    names, make_rows = maker
    # sqlite3 does not count the rows of a query
    return Result(make_rows(rows), names, len(rows))


def _result_maker(compiled: Compiled, description: Sequence[Any], dialect: Dialect) -> tuple[tuple[str, ...], RowMaker]:
    """Return the column names of a statement's result, and the function that makes its rows.

    :param description: the driver's, for statements whose columns are not known before they are executed.
    """
    if compiled.columns and len(description) != len(compiled.columns):
        raise InvalidRequestError(
            f"the statement returns {len(description)} columns, and {len(compiled.columns)} were declared. Name all of them, in order, in "
            f"text(...).columns(...).\n[SQL: {compiled.sql}]"
        )
    if not compiled.columns:
        names = tuple(column[0] for column in description)
        return names, row_maker(names, (None,) * len(names))
    names = tuple(column.name for column in compiled.columns)
    return names, row_maker(names, [dialect.result_processor(column.type) for column in compiled.columns])
