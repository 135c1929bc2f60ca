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
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NoReturn, Self

from flask_uow.exc import InvalidRequestError, did_you_mean
from flask_uow.sql.typed import TP_co, Ts

__all__ = ["Row", "RowMaker", "RowMapping", "row_class", "row_maker"]

if TYPE_CHECKING:

    class _Tuple(Sequence[Any], Generic[TP_co]):
        """What a row is to a type checker beside its names: a sequence that knows the types of its items."""

        def __new__(cls, items: Iterable[Any] = ()) -> Self: ...

else:
    _Tuple = tuple

RowMaker = Callable[[Sequence[tuple[Any, ...]]], "list[Row]"]


class Row(_Tuple[TP_co]):
    """One row of a result. Compares, hashes and unpacks as the tuple that it is; ``row.name`` gives a column's value.

    A name that occurs twice can only be had by position; label the columns to tell them apart.
    """

    __slots__ = ()
    _fields: ClassVar[tuple[str, ...]] = ()

    @property
    def _mapping(self) -> RowMapping:
        """The row as a read-only mapping by column name."""
        return RowMapping(self)

    def _asdict(self) -> dict[str, Any]:
        """Return the row as a new dict by column name."""
        return dict(self._mapping)

    def keys(self) -> tuple[str, ...]:
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

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (self._fields, tuple(self)))


if TYPE_CHECKING:

    class TypedRow(tuple[*Ts], Row[tuple[*Ts]]):
        """A row as results give it to a type checker: a ``Row[tuple[...]]`` that unpacks into items of known types."""


class RowMapping(Mapping[str, Any]):
    """A row as a read-only mapping from column names to values."""

    __slots__ = ("_row",)

    def __init__(self, row: Row) -> None:
        self._row = row

    def __getitem__(self, name: str) -> Any:
        row = self._row
        count = row._fields.count(name)
        if count == 1:
            return row[row._fields.index(name)]
        if count:
            raise InvalidRequestError(_ambiguous(name))
        raise KeyError(f"{name!r}; the row has the columns {', '.join(row._fields)}.{did_you_mean(name, row._fields)}")

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(self._row._fields))

    def __len__(self) -> int:
        return len(set(self._row._fields))

    def __repr__(self) -> str:
        return repr(dict(zip(self._row._fields, self._row, strict=True)))


@functools.lru_cache(maxsize=1000)
def row_class(names: tuple[str, ...]) -> type[Row]:
    """Return the class of rows with these column names."""
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


def row_maker(names: tuple[str, ...], processors: Sequence[Callable[[Any], Any] | None]) -> RowMaker:
    """Return the function that turns a driver's rows into a list of :class:`Row`.

    :param names: the names of the columns.
    :param processors: for each column the function that converts its values, None to take them as they are.
    """
    scope: dict[str, Any] = {"new": tuple.__new__, "cls": row_class(names)}
    if not any(processors):
        item, targets = "row", "row"
    else:
        targets = "".join(f"c{index}, " for index in range(len(names)))
        item = (
            "("
            + "".join(
                f"{'c' if p is None else f'p{i}(c'}{i}{'' if p is None else ')'}, " for i, p in enumerate(processors)
            )
            + ")"
        )
        scope.update({f"p{index}": processor for index, processor in enumerate(processors)})
    exec(f"def make(rows):\n    return [new(cls, {item}) for {targets} in rows]", scope)
    made: RowMaker = scope["make"]
    return made


def _refuse_ambiguous(name: str, row: Row) -> NoReturn:
    raise InvalidRequestError(_ambiguous(name))


def _ambiguous(name: str) -> str:
    return f"the row has several columns {name!r}: take the value by position, or label the columns with .label(...)."


def _rebuild(names: tuple[str, ...], values: tuple[Any, ...]) -> Row:
    return row_class(names)(values)
