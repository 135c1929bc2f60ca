"""The columns of an element of FROM, in order and by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flask_uow.exc import did_you_mean
from flask_uow.sql.nodes import NO_OPTIONS

__all__ = ["ColumnCollection", "ColumnList"]

_NO_OTHERS: Mapping[str, str] = NO_OPTIONS


class ColumnCollection:
    """The columns of a FROM element, in order; by attribute, by name, or as an iterable."""

    __slots__ = ("_columns", "_others", "_owner")

    def __init__(
        self, owner: str, columns: Iterable[tuple[str, Any]] = (), others: Mapping[str, str] = _NO_OTHERS
    ) -> None:
        self._owner = owner
        self._columns: dict[str, Any] = dict(columns)
        # further names that columns are found by
        self._others = others

    def add(self, name: str, column: object) -> None:
        """Append a column under ``name``."""
        self._columns[name] = column

    def free_name(self, name: str) -> str:
        """Return a name for one more column: this one, or with a number where a column has it."""
        made, number = name, 1
        while made in self._columns:
            made = f"{name}_{number}"
            number += 1
        return made

    def remove(self, column: object) -> int:
        """Take a column out, and return its place."""
        place = next(place for place, known in enumerate(self._columns.values()) if known is column)
        self._columns = {name: known for name, known in self._columns.items() if known is not column}
        return place

    def move_last(self, place: int) -> None:
        """Move the last column to another place."""
        items = list(self._columns.items())
        items.insert(place, items.pop())
        self._columns = dict(items)

    def __getattr__(self, name: str) -> Any:
        # copy and pickle ask an empty object for these, whose columns would be asked for without an end
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self._columns[name]
        except KeyError:
            if name in self._others:
                return self._columns[self._others[name]]
            message = f"{self._owner} has no column {name!r}.{did_you_mean(name, self._columns)}"
            raise AttributeError(f"{message} Its columns: {', '.join(self._columns)}.") from None

    def __getitem__(self, name: str | int | slice | tuple[str | int, ...]) -> Any:
        """Return the column of a name, or at a place from 0; several names, or a slice of places, give a list of columns."""
        if not isinstance(name, str):
            return [self[each] for each in name] if isinstance(name, tuple) else self.values()[name]
        try:
            return self._columns[name]
        except KeyError:
            if name in self._others:
                return self._columns[self._others[name]]
            raise KeyError(f"{self._owner} has no column {name!r}.{did_you_mean(name, self._columns)}") from None

    def get(self, name: str, default: object = None) -> Any:
        """Return the column of that name, or ``default``."""
        return self._columns.get(self._others.get(name, name), default)

    @property
    def others(self) -> Mapping[str, str]:
        """Further names that columns are found by, each with that of the column."""
        return self._others

    def contains_column(self, column: object) -> bool:
        """Return True where a column is one of these."""
        return any(known is column for known in self._columns.values())

    def keys(self) -> list[str]:
        """The names of the columns, in order."""
        return list(self._columns)

    def values(self) -> list[Any]:
        """The columns, in order."""
        return list(self._columns.values())

    def items(self) -> list[tuple[str, Any]]:
        """Names and columns, in order."""
        return list(self._columns.items())

    def __contains__(self, item: object) -> bool:
        if isinstance(item, str):
            return item in self._columns or item in self._others
        return any(column is item for column in self._columns.values())

    def __iter__(self) -> Iterator[Any]:
        return iter(self._columns.values())

    def __len__(self) -> int:
        return len(self._columns)

    def __repr__(self) -> str:
        return f"<columns of {self._owner}: {', '.join(self._columns)}>"


class ColumnList(list[Any]):
    """The columns of a constraint, in order; also by their keys."""

    __slots__ = ()

    def __getitem__(self, place: Any) -> Any:
        """Return the column at a place, or of a key; a slice gives several."""
        if isinstance(place, str):
            return dict(self.items())[place]
        return super().__getitem__(place)

    def __contains__(self, item: object) -> bool:
        # == of columns would make an expression
        return item in self.keys() if isinstance(item, str) else any(column is item for column in self)

    def contains_column(self, column: object) -> bool:
        """Return True where a column is one of these."""
        return any(known is column for known in self)

    def keys(self) -> list[str]:
        """The keys of the columns, in order."""
        return [str(column.key) for column in self]

    def values(self) -> list[Any]:
        """The columns, in order."""
        return list(self)

    def items(self) -> list[tuple[str, Any]]:
        """Keys and columns, in order."""
        return [(str(column.key), column) for column in self]
