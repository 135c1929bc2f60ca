"""Row: a tuple whose values can also be had by column name.

There is one class for each sequence of column names, made once and kept, so that a row is a tuple with no dictionary of
its own and ``row.name`` is a descriptor in C. :func:`row_maker` writes the loop that turns a driver's rows into Row
objects as Python source: with the loop unrolled and no look-up per value it runs two to six times as fast as a generic
one, see tests/benchmarks. The source holds numbers only, never a name or a value.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NoReturn, Self, TypeAlias

from flask_uow.engine.names import ColumnChoice, ColumnNames, has_name, name_of
from flask_uow.exc import ArgumentError, InvalidRequestError, NoSuchColumnError, did_you_mean
from flask_uow.sql.stored_values import StoredValueError, column_label, of_some_column
from flask_uow.sql.typed import TP_co, Ts

__all__ = ["ColumnChoice", "Row", "RowMaker", "RowMapping", "picker", "position_of", "row_class", "row_maker"]

# under names of their own, since a row has a method tuple()
Names: TypeAlias = tuple[str, ...]
Pickled: TypeAlias = tuple[Any, ...]

if TYPE_CHECKING:

    class _Tuple(Sequence[Any], Generic[TP_co]):
        """A row as a type checker sees it beside its names: a sequence that knows the types of its items."""

        def __new__(cls, items: Iterable[Any] = ()) -> Self: ...

else:
    _Tuple = tuple

RowMaker = Callable[[Iterable[tuple[Any, ...]]], "list[Row]"]


class Row(_Tuple[TP_co]):
    """One row of a result. Compares, hashes and unpacks as the tuple that it is; ``row.name`` gives a column's value.

    A name that occurs twice can only be had by position; label the columns to tell them apart.
    """

    __slots__ = ()
    _fields: ClassVar[Names] = ()

    @property
    def _mapping(self) -> RowMapping:
        """The row as a read-only mapping by column name."""
        return RowMapping(self)

    def _tuple(self) -> TP_co:
        """Return the row itself: it is a tuple already."""
        return self  # type: ignore[return-value]

    def tuple(self) -> TP_co:
        """Return the row itself; of a row with a column ``tuple``, this is that column's value, and :meth:`_tuple` the row."""
        return self._tuple()

    @property
    def t(self) -> TP_co:
        """The row itself; of a row with a column ``t``, that column's value."""
        return self._tuple()

    _t = t

    def _asdict(self) -> dict[str, Any]:
        """Return the row as a new dict by column name."""
        return dict(self._mapping)

    def keys(self) -> Names:
        """Return the names of the columns."""
        return self._fields

    def __getattr__(self, name: str) -> Any:
        # reached only for names that are no column
        fields = ", ".join(self._fields)
        raise AttributeError(
            f"the row has no column {name!r}; its columns are {fields}.{did_you_mean(name, self._fields)}"
        )

    def __repr__(self) -> str:
        return repr(tuple(self))

    def __reduce__(self) -> Pickled:
        return (_rebuild, (self._fields, tuple(self)))


if TYPE_CHECKING:

    class TypedRow(tuple[*Ts], Row[tuple[*Ts]]):
        """A row as results give it to a type checker: a ``Row[tuple[...]]`` that unpacks into items of known types."""


class RowMapping(Mapping[str, Any]):
    """A row as a read-only mapping from column names to values; a column that was selected stands for its name.

    :ivar row: the row.
    """

    __slots__ = ("row",)

    def __init__(self, row: Row) -> None:
        self.row = row

    def __getitem__(self, column: ColumnChoice) -> Any:
        row = self.row
        fields = row._fields
        name = column if isinstance(column, str) else name_of(column)
        if type(fields) is ColumnNames and not isinstance(column, str):
            positions = fields.positions_of(column, name)
            if len(positions) == 1:
                return row[positions[0]]
            if positions:
                raise InvalidRequestError(_ambiguous(str(name)))
            if name is not None and name in fields:
                raise NoSuchColumnError(_not_selected(column, name, fields))
        count = fields.count(name) if name is not None else 0
        if count == 1:
            return row[row._fields.index(name)]
        if count:
            raise InvalidRequestError(_ambiguous(str(name)))
        hint = did_you_mean(str(name), row._fields)
        raise NoSuchColumnError(f"{name or column!r}; the row has the columns {', '.join(row._fields)}.{hint}")

    def __contains__(self, column: object) -> bool:
        return has_name(self.row._fields, column)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(self.row._fields))

    def __len__(self) -> int:
        return len(set(self.row._fields))

    def __repr__(self) -> str:
        return repr(dict(zip(self.row._fields, self.row, strict=True)))


def position_of(names: tuple[str, ...], column: ColumnChoice, called: str) -> int:
    """Return the position of a column of a result.

    :param names: the names of the columns.
    :param called: the method that was called, for messages.
    :raises ArgumentError: for something that is no column.
    :raises InvalidRequestError: when there is no such column, or several of that name.
    """
    count = len(names)
    if isinstance(column, int):
        if -count <= column < count:
            return column
        raise InvalidRequestError(
            f"{called[:-1]}{column}): the result has {count} columns, and none at this position. Pass a position of one."
        )
    name = column if isinstance(column, str) else name_of(column)
    if name is None:
        raise ArgumentError(
            f"{called} takes names and positions, and columns that were selected; got {column!r}. Pass the column's name in the result."
        )
    if type(names) is ColumnNames and not isinstance(column, str):
        positions = names.positions_of(column, name)
        if len(positions) == 1:
            return positions[0]
        if positions:
            raise InvalidRequestError(
                f"the result has several columns {name!r}, and one was expected. Pass a position, or label the columns."
            )
        if name in names:
            raise NoSuchColumnError(_not_selected(column, name, names))
    if names.count(name) == 1:
        return names.index(name)
    if name in names:
        raise InvalidRequestError(
            f"the result has several columns {name!r}, and one was expected. Pass a position, or label the columns."
        )
    raise NoSuchColumnError(
        f"the result has no column {name!r}; its columns are {', '.join(names)}."
        f"{did_you_mean(name, names)} Pass one of them, or a position."
    )


def picker(
    names: tuple[str, ...], columns: Sequence[ColumnChoice]
) -> tuple[tuple[str, ...], Callable[[Sequence[Any]], Row]]:
    """Return the names of some columns of a result, and the function that makes a row of these of a whole one.

    :raises ArgumentError: without columns, or for something that is no column.
    :raises InvalidRequestError: when there is no such column, or several of that name.
    """
    if not columns:
        raise ArgumentError(
            "columns() was called without columns. Pass the names or positions of those that are wanted."
        )
    positions = tuple(position_of(names, column, "columns()") for column in columns)
    chosen = tuple(names[position] for position in positions)
    if type(names) is ColumnNames:
        chosen = names.chosen(positions)
    make = row_class(chosen)
    return chosen, lambda row: make([row[position] for position in positions])


def row_class(names: tuple[str, ...]) -> type[Row]:
    """Return the class of rows with these column names."""
    if type(names) is not ColumnNames:
        return _row_class(names)
    # equal to the names of other columns, which are not to be taken for these
    if names.row_class is None:
        names.row_class = _new_class(names)
    made: type[Row] = names.row_class
    return made


# bounded: an application may make up statements with ever new names
@functools.lru_cache(maxsize=1000)
def _row_class(names: tuple[str, ...]) -> type[Row]:
    return _new_class(names)


def _new_class(names: tuple[str, ...]) -> type[Row]:
    namespace: dict[str, Any] = {"__slots__": (), "_fields": names, "__doc__": "A row of a result."}
    for index, name in enumerate(names):
        if name.startswith("_") and (name in Row.__dict__ or name.startswith("__")):
            # the names of Row itself stay what they are; such a column is reached through _mapping
            continue
        if names.count(name) > 1:
            namespace[name] = property(functools.partial(_refuse_ambiguous, name))
        else:
            namespace[name] = property(operator.itemgetter(index))
    return type("Row", (Row,), namespace)


def row_maker(
    names: tuple[str, ...],
    processors: Sequence[Callable[[Any], Any] | None],
    columns: Sequence[object] = (),
) -> RowMaker:
    """Return the function that turns a driver's rows into a list of :class:`Row`.

    :param names: the names of the columns.
    :param processors: for each column the function that converts its values, None to take them as they are.
    :param columns: what the columns are, for messages.
    """
    cls = row_class(names)
    if not any(processors):
        return lambda rows: list(map(cls, rows))
    # generated code, with each processor at its place: no loop over the columns runs for each row
    scope: dict[str, Any] = {"new": tuple.__new__, "cls": cls}
    targets = "".join(f"c{index}, " for index in range(len(names)))
    item = (
        "("
        + "".join(f"{'c' if p is None else f'p{i}(c'}{i}{'' if p is None else ')'}, " for i, p in enumerate(processors))
        + ")"
    )
    scope.update({f"p{index}": processor for index, processor in enumerate(processors)})

    def located(error: StoredValueError) -> StoredValueError:
        return of_some_column(
            error, processors, lambda number: column_label(columns[number] if columns else None, names[number])
        )

    scope.update(Unfit=StoredValueError, located=located)
    lines = (
        "def make(rows):",
        "    try:",
        f"        return [new(cls, {item}) for {targets} in rows]",
        "    except Unfit as error:",
        "        raise located(error) from error.__cause__",
    )
    exec("\n".join(lines), scope)
    made: RowMaker = scope["make"]
    return made


def _refuse_ambiguous(name: str, row: Row) -> NoReturn:
    raise InvalidRequestError(_ambiguous(name))


def _not_selected(column: object, name: str, names: Sequence[str]) -> str:
    return (
        f"{column}: this column was not selected; the column {name!r} of the rows, which are {', '.join(names)}, is another one's. Select it, or"
        " pass the name."
    )


def _ambiguous(name: str) -> str:
    return f"the row has several columns {name!r}: take the value by position, or label the columns with .label(...)."


def _rebuild(names: tuple[str, ...], values: tuple[Any, ...]) -> Row:
    return row_class(names)(values)
