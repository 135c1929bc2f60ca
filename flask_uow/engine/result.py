"""Result: the rows of an executed statement, fetched at once.

Nothing stays open in the database: a Result may be kept, iterated later, or dropped. Connections make it
(:meth:`flask_uow.engine.connection.Connection.execute`); the orm has rows and results of its own built on the same
base.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar, overload

from flask_uow.engine.dialects.base import Dialect
from flask_uow.engine.inserted import InsertedKeys
from flask_uow.engine.names import ColumnChoice, ColumnNames, ResultKeys, names_of
from flask_uow.engine.rows import Row, RowMaker, RowMapping, picker, position_of, row_class, row_maker
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
    "FetchedResult",
    "FrozenResult",
    "MappingResult",
    "Result",
    "ScalarResult",
    "made_for",
    "read_cursor",
    "result_maker",
]

T = TypeVar("T")

_ENCLOSED = re.compile(r"'[^']*'|\"[^\"]*\"|\([^()]*\)")


def value_key(value: object) -> Hashable:
    """Return the key that tells a value apart: mapped objects may define an equality of their own, which is not about rows."""
    return (value_key, id(value)) if hasattr(type(value), "__mapper__") else value


def row_key(row: Iterable[Any]) -> Hashable:
    """Return the key that tells a row apart."""
    return tuple(map(value_key, row))


def mapping_key(mapping: RowMapping) -> Hashable:
    """Return the key that tells a row apart that is a mapping."""
    return tuple(map(value_key, mapping.values()))


class FetchedResult(Generic[T]):
    """A sequence of results that is consumed from the front, by whichever method or loop takes them.

    :param items: all of them; None when the statement returns no rows.
    """

    # _part_size is there after yield_per() only
    __slots__ = ("_part_size", "_rest")

    def __init__(self, items: Iterable[T] | None) -> None:
        self._rest = iter(items) if items is not None else None

    def __iter__(self) -> Iterator[T]:
        """Yield what is left; what a loop leaves can be had afterwards."""
        return self._open()

    def __next__(self) -> T:
        """Return the next one; raise StopIteration at the end."""
        return next(self._open())

    def all(self) -> list[T]:
        """Return the rest as a list."""
        return list(self._open())

    fetchall = all

    def fetchone(self) -> T | None:
        """Return the next one, None at the end."""
        return next(self._open(), None)

    def fetchmany(self, size: int = 1) -> list[T]:
        """Return the next ``size`` ones, fewer at the end."""
        return list(islice(self._open(), size))

    def unique(self, strategy: Callable[[T], Hashable] | None = None) -> Self:
        """Drop from what is left the items that came before, and return this result.

        Mapped objects are told apart by identity, other values by equality. Values that are taken from unique rows afterwards (``scalars()``,
        ``columns()``, ``mappings()``) are unique too, unless a strategy chose the rows.

        :param strategy: gives for an item the value that it is told apart by.
        :raises InvalidRequestError: for values that cannot be hashed, such as lists and dicts.
        """
        items = self.all()
        try:
            # to the end before anything is replaced: where a value has no hash, all items are still there
            self._rest = iter(list(only_new(items, strategy or self._key, {})))
        except TypeError as error:
            self._rest = iter(items)
            if strategy is not None:
                raise
            raise without_hash(error) from error
        return self

    def partitions(self, size: int | None = None) -> Iterator[list[T]]:
        """Yield what is left in lists.

        :param size: how many are in each list, fewer in the last one; None yields one list of all, or lists as ``yield_per()`` has said.
        :raises ArgumentError: for a size below 1.
        """
        check_part_size(size)
        return self._partitions(size if size is not None else getattr(self, "_part_size", None))

    def _partitions(self, size: int | None) -> Iterator[list[T]]:
        while part := self.all() if size is None else self.fetchmany(size):
            yield part

    def yield_per(self, num: int) -> Self:
        """Return this result, whose :meth:`partitions` have that many rows where they are not told otherwise.

        The rows are here already; ``execution_options(yield_per=num)`` of the statement has them fetched page by page.

        :raises ArgumentError: for a number below 1.
        """
        check_part_size(num)
        self._part_size = num
        return self

    def first(self) -> T | None:
        """Return the first one, or None; the rest is dropped."""
        found = next(self._open(), None)
        self._rest = iter(())
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

    @property
    def closed(self) -> bool:
        """True where no rows can be had: after close(), or when the statement returns none."""
        return self._rest is None

    def close(self) -> None:
        """Drop what is left; using the result afterwards raises ResourceClosedError."""
        self._rest = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _key(self, item: T) -> Hashable:
        """Return the key that tells an item apart."""
        return value_key(item)

    def _open(self) -> Iterator[T]:
        if self._rest is None:
            raise no_rows()
        return self._rest


def only_new(items: Iterable[T], key: Callable[[T], Hashable], seen: dict[Hashable, None]) -> Iterator[T]:
    """Yield the items whose key is not among ``seen``, which takes it then."""
    for item in items:
        found = key(item)
        if found not in seen:
            seen[found] = None
            yield item


def without_hash(error: TypeError) -> InvalidRequestError:
    """Return the error for values that ``unique()`` cannot tell apart."""
    return InvalidRequestError(
        f"unique() compares values by their hashes, and there is one without: {error}. Pass a strategy, such as unique(repr)."
    )


def check_part_size(size: int | None) -> None:
    """Refuse a size of lists that ``partitions()`` cannot give.

    :raises ArgumentError: for a size below 1.
    """
    if size is not None and size < 1:
        raise ArgumentError(
            f"partitions({size}): a list holds 1 item at least. Pass a positive size, or None for one list."
        )


def only_one(items: Sequence[T]) -> T:
    """Return the only item.

    :raises NoResultFound: when there is none.
    :raises MultipleResultsFound: when there are several.
    """
    if not items:
        raise NoResultFound("one row was expected, and there was none. Use one_or_none() or first() where that may be.")
    if len(items) > 1:
        raise MultipleResultsFound(
            f"one row was expected, and there were {len(items)}. Narrow the statement, or use first()."
        )
    return items[0]


def no_rows() -> ResourceClosedError:
    """Return the error for a result that has no rows to give."""
    return ResourceClosedError(
        "this result has no rows: the statement returns none, or the result was closed. "
        "Ask returns_rows first, or add a RETURNING clause."
    )


class ScalarResult(FetchedResult[V]):
    """The values of one column."""

    __slots__ = ()


class MappingResult(FetchedResult[RowMapping]):
    """The rows as mappings by column name.

    :param names: the names of the columns.
    """

    __slots__ = ("_names",)

    def __init__(self, items: Iterable[RowMapping] | None, names: tuple[str, ...]) -> None:
        super().__init__(items)
        self._names = names

    def _key(self, item: RowMapping) -> Hashable:
        return mapping_key(item)

    def keys(self) -> ResultKeys:
        """Return the names of the columns; equal to a tuple or a list of them, and a column that was selected is among them."""
        return ResultKeys(self._names)

    def columns(self, *columns: ColumnChoice) -> MappingResult:
        """Return the rest with some of its columns only; see :meth:`Result.columns`."""
        self._open()
        names, pick = picker(self._names, columns)
        return MappingResult((pick(mapping.row)._mapping for mapping in self.all()), names)


if TYPE_CHECKING:
    from flask_uow.engine.dbapi import DBAPICursor
    from flask_uow.engine.typed_rows import RowsOf
else:
    RowsOf = FetchedResult


class Result(RowsOf[TP_co]):
    """The rows of one statement.

    :ivar rowcount: rows that the statement changed or returned, -1 where the driver does not know.
    :ivar lastrowid: the rowid of the last INSERT on SQLite, else None.
    :ivar returns_rows: True when the statement returns rows, be it none at all this time.
    """

    __slots__ = ("_inserted", "_is_unique", "_names", "lastrowid", "returns_rows", "rowcount")

    def __init__(
        self,
        items: list[Row] | None,
        names: tuple[str, ...],
        rowcount: int,
        lastrowid: int | None = None,
        inserted: InsertedKeys | None = None,
    ) -> None:
        super().__init__(items)
        self._names = names
        self._is_unique = False
        self._inserted = inserted
        self.returns_rows = items is not None
        self.rowcount = rowcount
        self.lastrowid = lastrowid

    # -- of an INSERT

    @property
    def is_insert(self) -> bool:
        """True for an INSERT that was made with ``insert()``."""
        return self._inserted is not None

    @property
    def inserted_primary_key(self) -> Row:
        """The primary key of the row that an INSERT has written, a :class:`Row` by the names of its columns.

        :raises InvalidRequestError: for another statement, or an INSERT whose keys are not known.
        """
        return self._keys().one("inserted_primary_key")

    @property
    def inserted_primary_key_rows(self) -> list[Row]:
        """The primary keys of the rows that an INSERT has written, in the order of its values.

        :raises InvalidRequestError: for another statement, or an INSERT whose keys are not known.
        """
        return self._keys().all("inserted_primary_key_rows")

    def _keys(self) -> InsertedKeys:
        if self._inserted is None:
            raise InvalidRequestError(
                "only the result of an INSERT made with insert() tells keys, and this is the result of another statement. Execute"
                " insert(table).values(...), or add returning() to it."
            )
        return self._inserted

    # -- rows

    def _key(self, item: Row) -> Hashable:
        return row_key(item)

    def unique(self, strategy: Callable[[Row], Hashable] | None = None) -> Self:
        """See :meth:`FetchedResult.unique`."""
        super().unique(strategy)
        self._is_unique = strategy is None
        return self

    def keys(self) -> ResultKeys:
        """Return the names of the columns; equal to a tuple or a list of them, and a column that was selected is among them."""
        return ResultKeys(self._names)

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
    def scalars(self, index: ColumnChoice) -> ScalarResult[Any]: ...

    def scalars(self, index: ColumnChoice = 0) -> ScalarResult[Any]:
        """Return the values of one column.

        :param index: the column: its position, its name, or the column that was selected.
        :raises ArgumentError: for something that is no column.
        :raises InvalidRequestError: when there is no such column.
        """
        rest = self._open()
        position = position_of(self._names, index, "scalars()")
        values = ScalarResult([row[position] for row in rest])
        return values.unique() if self._is_unique else values

    def mappings(self) -> MappingResult:
        """Return the rows as mappings by column name."""
        return MappingResult([row._mapping for row in self.all()], self._names)

    def tuples(self) -> Result[TP_co]:
        """Return the result itself: its rows are tuples already."""
        return self

    @property
    def t(self) -> Result[TP_co]:
        """The result itself, as :meth:`tuples` returns it."""
        return self

    def columns(self, *columns: ColumnChoice) -> Result:
        """Return the rest with some of its columns only, in this order.

        :param columns: columns: their positions, their names, or the columns that were selected.
        :raises ArgumentError: for none, or something that is no column.
        :raises InvalidRequestError: when there is no such column, or several of that name.
        """
        self._open()
        names, pick = picker(self._names, columns)
        chosen: Result = Result(list(map(pick, self.all())), names, self.rowcount, self.lastrowid, self._inserted)
        return chosen.unique() if self._is_unique else chosen

    def merge(self, *others: Result) -> Result[TP_co]:
        """Return one result of the rows of this one and of others that have as many columns; these results are consumed by that.

        :raises ArgumentError: for a result of other columns.
        """
        rows: list[Any] = self.all()
        count = self.rowcount
        for other in others:
            if len(other.keys()) != len(self._names):
                raise ArgumentError(
                    f"merge() of a result of {len(self._names)} columns and one of {len(other.keys())}. Select the same columns in each."
                )
            rows.extend(row_class(self._names)(row) for row in other.all())
            count = count + other.rowcount if min(count, other.rowcount) >= 0 else -1
        return Result(rows, self._names, count)

    def freeze(self) -> FrozenResult[TP_co]:
        """Return a copy of what is left that gives a new result at each call; this result is consumed by that."""
        return FrozenResult(self.all(), self._names, self.rowcount, self.lastrowid)


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


def read_cursor(
    compiled: Compiled,
    cursor: DBAPICursor,
    dialect: Dialect,
    keys: InsertedKeys | None = None,
    statement: object = None,
) -> Result:
    """Return the result of a statement that was just executed, its rows fetched.

    :param keys: what is known of the keys of inserted rows.
    :param statement: the one that was executed, which ``compiled`` may be of an equal one of.
    """
    description = cursor.description
    if description is None:
        count = cursor.rowcount if cursor.rowcount >= 0 else dialect.unknown_rowcount(cursor, compiled.sql)
        return Result(None, (), count, getattr(cursor, "lastrowid", None) or None)
    memo = compiled.memo
    maker = memo.get(Result)
    if maker is None:
        maker = result_maker(compiled, description, dialect)
        # the columns of SQL text are known by the cursor alone, and may be others the next time
        if compiled.columns and not has_text(compiled):
            memo[Result] = maker
    names, make_rows = maker
    if type(names) is ColumnNames and not names.is_fixed:
        names, make_rows = made_for(names, make_rows, statement)
    # from the cursor one by one, so that the driver's tuples are not kept beside ours: a third faster than fetchall()
    rows = make_rows(cursor)
    # sqlite3 does not count the rows of a query
    return Result(rows, names, len(rows), None, keys)


def result_maker(compiled: Compiled, description: Sequence[Any], dialect: Dialect) -> tuple[tuple[str, ...], RowMaker]:
    """Return the column names of a statement's result, and the function that makes its rows.

    :param description: the driver's, for statements whose columns are not known before they are executed.
    """
    if has_text(compiled):
        return _maker_by_name(compiled, description, dialect)
    if compiled.columns and len(description) != len(compiled.columns):
        raise InvalidRequestError(
            f"the statement returns {len(description)} columns, and {len(compiled.columns)} were declared. Name all of them, in order, in "
            f"text(...).columns(...).\n[SQL: {compiled.sql}]"
        )
    if not compiled.columns:
        names = tuple(column[0] for column in description)
        return names, row_maker(names, (None,) * len(names))
    names = compiled_names(compiled)
    return names, rows_of(compiled, names, dialect)


def has_text(compiled: Compiled) -> bool:
    """Return True where SQL text among the columns of a SELECT may stand for any number of them: ``text("*")``, ``text("id, name")``."""
    return any(_is_several(column.element) for column in compiled.columns) or is_by_name(compiled)


def is_by_name(compiled: Compiled) -> bool:
    """Return True for SQL text whose columns are known by their names: ``text(...).columns(created=DateTime)``."""
    return any(getattr(column.element, "is_named", False) for column in compiled.columns)


def _is_several(element: Any) -> bool:
    kind = getattr(element, "__visit_name__", None)
    if kind not in ("text", "literal_column"):
        return False
    text, found = element.text, 1
    if text.rstrip().endswith("*"):
        return True
    # what is in brackets or in quotes separates no columns
    while found and kind == "text":
        text, found = _ENCLOSED.subn("", text)
    return kind == "text" and "," in text


def compiled_names(compiled: Compiled) -> tuple[str, ...]:
    """Return the names of the columns of a statement that has them."""
    names: tuple[str, ...] | None = compiled.memo.get("names")
    if names is None:
        columns = compiled.columns
        names = names_of([column.name for column in columns], [column.element for column in columns])
        compiled.memo["names"] = names
    return names


def made_for(names: ColumnNames, make: RowMaker, statement: object) -> tuple[ColumnNames, RowMaker]:
    """Return the names of a statement, and what makes its rows, of those of an equal one; see :meth:`ColumnNames.of_statement`."""
    own = names.of_statement(getattr(statement, "entities", ()), whole=False)
    if own is names:
        return names, make
    cls = row_class(own)
    return own, lambda rows: [cls(row) for row in make(rows)]


def _maker_by_name(
    compiled: Compiled, description: Sequence[Any], dialect: Dialect
) -> tuple[tuple[str, ...], RowMaker]:
    """Return names, and what makes rows, where the database alone knows the columns; those that are known have their types."""
    columns = list(compiled.columns)
    if is_by_name(compiled):
        names = tuple(str(given[0]) for given in description)
        for column in columns:
            if column.name not in names:
                raise InvalidRequestError(
                    f"text(...).columns() names a column {column.name!r}, which the statement does not give; it gives {', '.join(names)}."
                    f"{did_you_mean(column.name, names)}\n[SQL: {compiled.sql}]"
                )
        typed = {column.name: column for column in columns}
        return names, row_maker(
            names,
            [dialect.result_processor(typed[name].type) if name in typed else None for name in names],
            [typed[name].element if name in typed else None for name in names],
        )
    several = [number for number, column in enumerate(columns) if _is_several(column.element)]
    behind = len(columns) - several[-1] - 1
    unknown: list[Any] = [None] * (len(description) - several[0] - behind)
    # in the order of the text: those before it and those behind it are where they are
    placed = [*columns[: several[0]], *unknown, *columns[len(columns) - behind :]]
    names = tuple(
        str(given[0]) if column is None else column.name for column, given in zip(placed, description, strict=True)
    )
    processors = [dialect.result_processor(column.type) if column is not None else None for column in placed]
    return names, row_maker(names, processors, [column.element if column is not None else None for column in placed])


def rows_of(compiled: Compiled, names: tuple[str, ...], dialect: Dialect) -> RowMaker:
    """Return the function that makes the rows of a statement whose columns are known."""
    processors = [dialect.result_processor(column.type) for column in compiled.columns]
    return row_maker(names, processors, [column.element for column in compiled.columns])
