"""Results whose rows are fetched page by page while they are taken; the transaction must stay open meanwhile.

``Connection.execute`` gives them for statements with ``yield_per``, a Session too. :mod:`flask_uow.engine.streaming` fetches the pages.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from flask_uow.engine.names import ColumnChoice, ColumnNames, ResultKeys
from flask_uow.engine.result import (
    FrozenResult,
    check_part_size,
    compiled_names,
    has_text,
    made_for,
    mapping_key,
    only_new,
    only_one,
    result_maker,
    row_key,
    rows_of,
    value_key,
    without_hash,
)
from flask_uow.engine.rows import Row, RowMapping, picker, position_of
from flask_uow.exc import InvalidRequestError, ResourceClosedError
from flask_uow.sql.compiler import Compiled

if TYPE_CHECKING:
    from flask_uow.engine.connection import Connection
    from flask_uow.engine.dbapi import Description

__all__ = ["StreamedMappingResult", "StreamedResult", "StreamedRowResult", "StreamedScalarResult", "stream_result"]

T = TypeVar("T")


class StreamedResult(Generic[T]):
    """Rows, or what was made of them, that are fetched some at a time.

    Iterate them once; or use the result in a ``with`` block (or call :meth:`close`) where not all may be wanted.

    :param pages: lists of items.
    """

    __slots__ = ("_is_closed", "_is_left", "_pages", "_part_size", "_rest")

    def __init__(self, pages: Iterator[list[T]]) -> None:
        self._pages = pages
        # True once a loop over the items was left, which closes the cursor
        self._is_left = False
        self._is_closed = False
        self._rest: list[T] = []
        self._part_size: int | None = None

    def yield_per(self, num: int) -> Self:
        """Return this result, whose :meth:`partitions` have that many rows where they are not told otherwise, however they are fetched.

        :raises ArgumentError: for a number below 1.
        """
        check_part_size(num)
        self._part_size = num
        return self

    def partitions(self, size: int | None = None) -> Iterator[list[T]]:
        """Yield what is left in lists.

        :param size: how many are in each list, fewer in the last one; None yields the lists in which they are fetched, or as
            :meth:`yield_per` has said.
        :raises ArgumentError: for a size below 1.
        :raises InvalidRequestError: where a loop over the items has been left already.
        :raises ResourceClosedError: after close().
        """
        check_part_size(size)
        size = size if size is not None else self._part_size
        return self._partitions() if size is None else self._partitions_of(size)

    def _partitions(self) -> Iterator[list[T]]:
        self._check()
        try:
            if self._rest:
                rest, self._rest = self._rest, []
                yield rest
            yield from self._pages
        except GeneratorExit:
            self._is_left = True
            raise

    def _partitions_of(self, size: int) -> Iterator[list[T]]:
        while part := self.fetchmany(size):
            yield part

    def __iter__(self) -> Iterator[T]:
        for page in self._partitions():
            yield from page

    def __next__(self) -> T:
        """Return the next one; raise StopIteration at the end."""
        found = self.fetchmany(1)
        if not found:
            raise StopIteration
        return found[0]

    def fetchmany(self, size: int = 1) -> list[T]:
        """Return the next ``size`` ones, fewer at the end."""
        self._check()
        while len(self._rest) < size and (page := next(self._pages, None)) is not None:
            self._rest = [*self._rest, *page]
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    def fetchone(self) -> T | None:
        """Return the next one, None at the end."""
        found = self.fetchmany(1)
        return found[0] if found else None

    def all(self) -> list[T]:
        """Return the rest as a list."""
        return [item for page in self._partitions() for item in page]

    fetchall = all

    def first(self) -> T | None:
        """Return the first one, or None; the rest is dropped."""
        found = self.fetchone()
        self._drop()
        return found

    def one(self) -> T:
        """Return the only one.

        :raises NoResultFound: when there is none.
        :raises MultipleResultsFound: when there are several.
        """
        return only_one(self.all())

    def one_or_none(self) -> T | None:
        """Return the only one, or None.

        :raises MultipleResultsFound: when there are several.
        """
        items = self.all()
        return only_one(items) if items else None

    def unique(self, strategy: Callable[[T], Hashable] | None = None) -> Self:
        """Leave out items that came before, from now on, and return this result; those that came are remembered.

        :param strategy: gives for an item the value that it is told apart by; see :meth:`FetchedResult.unique`.
        :raises InvalidRequestError: for values that cannot be hashed, such as lists and dicts, when they come.
        """
        seen: dict[Hashable, None] = {}
        key = strategy or self._key
        rest, pages = self._rest, self._pages

        def new_ones() -> Iterator[list[T]]:
            try:
                for page in _chained(rest, pages):
                    yield list(only_new(page, key, seen))
            except TypeError as error:
                if strategy is not None:
                    raise
                raise without_hash(error) from error
            # the cursor is closed with the innermost generator, and closing this one does not reach that by itself
            finally:
                _close(pages)

        self._rest = []
        self._pages = new_ones()
        return self

    @property
    def closed(self) -> bool:
        """True after close()."""
        return self._is_closed

    def close(self) -> None:
        """Drop what is left, and release the server's cursor; using the result afterwards raises ResourceClosedError."""
        self._drop()
        self._is_closed = True

    def _key(self, item: T) -> Hashable:
        """Return the key that tells an item apart."""
        return value_key(item)

    def _drop(self) -> None:
        self._rest = []
        _close(self._pages)

    def _check(self) -> None:
        if self._is_closed:
            raise ResourceClosedError(
                "this result was closed, and its rows with it. Execute the statement again, or close it later."
            )
        if self._is_left:
            raise InvalidRequestError(
                "a loop over these rows was left, and the rest was dropped with it. Use one iterator, fetchone() or fetchmany() to read some"
                " of the rows and others later."
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class StreamedScalarResult(StreamedResult[Any]):
    """The values of one column, streamed."""

    __slots__ = ()


class StreamedMappingResult(StreamedResult[RowMapping]):
    """The rows as mappings by column name, streamed."""

    __slots__ = ("_names",)

    def __init__(self, pages: Iterator[list[RowMapping]], names: tuple[str, ...]) -> None:
        super().__init__(pages)
        self._names = names

    def _key(self, item: RowMapping) -> Hashable:
        return mapping_key(item)

    def keys(self) -> ResultKeys:
        """Return the names of the columns; see :meth:`Result.keys`."""
        return ResultKeys(self._names)

    def columns(self, *columns: ColumnChoice) -> StreamedMappingResult:
        """Return the rest with some of its columns only; see :meth:`Result.columns`."""
        names, pick = picker(self._names, columns)
        pages = ([pick(mapping.row)._mapping for mapping in page] for page in self._partitions())
        return StreamedMappingResult(pages, names)


class StreamedRowResult(StreamedResult[T]):
    """Rows that are fetched some at a time; what a :class:`Result` can do, it can do.

    :param pages: lists of rows.
    :param names: the names of the columns.
    """

    __slots__ = ("_is_unique", "_names")
    returns_rows = True
    rowcount = -1
    is_insert = False

    def __init__(self, pages: Iterator[list[T]], names: tuple[str, ...]) -> None:
        super().__init__(pages)
        self._names = names
        self._is_unique = False

    def _key(self, item: Any) -> Hashable:
        return row_key(item)

    def unique(self, strategy: Callable[[T], Hashable] | None = None) -> Self:
        """See :meth:`StreamedResult.unique`."""
        super().unique(strategy)
        self._is_unique = strategy is None
        return self

    def keys(self) -> ResultKeys:
        """Return the names of the columns; see :meth:`Result.keys`."""
        return ResultKeys(self._names)

    def scalars(self, index: ColumnChoice = 0) -> StreamedScalarResult:
        """Return the values of one column, streamed as well; see :meth:`Result.scalars`."""
        position = position_of(self._names, index, "scalars()")
        values = StreamedScalarResult([row[position] for row in page] for page in self._row_pages())
        return values.unique() if self._is_unique else values

    def mappings(self) -> StreamedMappingResult:
        """Return the rows as mappings by column name, streamed as well."""
        return StreamedMappingResult(([row._mapping for row in page] for page in self._row_pages()), self._names)

    def tuples(self) -> Self:
        """Return the result itself: its rows are tuples already."""
        return self

    def columns(self, *columns: ColumnChoice) -> StreamedRowResult[Row]:
        """Return the rest with some of its columns only, streamed as well; see :meth:`Result.columns`."""
        names, pick = picker(self._names, columns)
        chosen = StreamedRowResult((list(map(pick, page)) for page in self._row_pages()), names)
        return chosen.unique() if self._is_unique else chosen

    def freeze(self) -> FrozenResult:
        """Fetch what is left, and return a copy of it that gives a new result at each call."""
        return FrozenResult(self.all(), self._names, -1, None)

    def scalar(self) -> Any:
        """Return the first column of the first row, None when there is no row."""
        return _first_column(self.first())

    def scalar_one(self) -> Any:
        """Return the first column of the only row; raises like :meth:`one`."""
        return _first_column(self.one())

    def scalar_one_or_none(self) -> Any:
        """Return the first column of the only row, None without any; raises like :meth:`one_or_none`."""
        return _first_column(self.one_or_none())

    def _row_pages(self) -> Iterator[list[Any]]:
        return self._partitions()


def _first_column(row: Any) -> Any:
    return row[0] if row is not None else None


def _chained(first: list[T], pages: Iterable[list[T]]) -> Iterator[list[T]]:
    yield first
    yield from pages


def _close(pages: Iterator[Any]) -> None:
    close = getattr(pages, "close", None)
    if close is not None:
        close()


def stream_result(
    connection: Connection,
    compiled: Compiled,
    parameters: Any,
    size: int,
    statement: object = None,
) -> StreamedRowResult[Row]:
    """Execute a query, and return its rows, fetched page by page.

    :param parameters: the driver's.
    :param size: rows in each page.
    :param statement: the one that was executed, which ``compiled`` may be of an equal one of.
    """
    described: list[Description] = []
    fetched = connection.stream(compiled.sql, parameters, size, write=compiled.is_write, describe=described.append)
    if compiled.columns and not has_text(compiled):
        names = compiled_names(compiled)
        pages, make = fetched, rows_of(compiled, names, connection.dialect)
        if type(names) is ColumnNames and not names.is_fixed:
            names, make = made_for(names, make, statement)
    else:
        # the columns of SQL text are known once it was executed
        pages = _chained(next(fetched, []), fetched)
        names, make = result_maker(compiled, described[0], connection.dialect)

    def made() -> Iterator[list[Row]]:
        try:
            for page in pages:
                yield make(page)
        finally:
            _close(fetched)

    return StreamedRowResult(made(), names)
