"""Ranges of values, and the types of their columns (PostgreSQL)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from flask_uow.exc import ArgumentError
from flask_uow.sql.types.base import TypeEngine
from flask_uow.sql.types.moments import Date, DateTime
from flask_uow.sql.types.numbers import BigInteger, Integer, Numeric
from flask_uow.sql.value_errors import wrong_kind

__all__ = [
    "DATERANGE",
    "INT4RANGE",
    "INT8RANGE",
    "NUMRANGE",
    "TSRANGE",
    "TSTZRANGE",
    "Range",
    "RangeType",
]

T = TypeVar("T")
_BOUNDS = ("[)", "[]", "(]", "()")


@dataclass(frozen=True, slots=True)
class Range(Generic[T]):
    """A range of values.

    :ivar lower: the lower end, None for none.
    :ivar upper: the upper end, None for none.
    :ivar bounds: which ends belong to it, ``"[)"`` say.
    :ivar empty: True for the range that holds nothing.
    :raises ArgumentError: for other bounds.
    """

    lower: T | None = None
    upper: T | None = None
    bounds: str = "[)"
    empty: bool = False

    def __post_init__(self) -> None:
        if self.bounds not in _BOUNDS:
            raise ArgumentError(f"Range(bounds={self.bounds!r}): expected one of {', '.join(_BOUNDS)}.")

    @property
    def isempty(self) -> bool:
        """True for the range that holds nothing."""
        return self.empty

    @property
    def is_empty(self) -> bool:
        """True for a range that holds nothing, whether it says so or its ends do: ``Range(3, 3)``."""
        return self.empty or not _lower_cut(self) < _upper_cut(self)

    @property
    def lower_inf(self) -> bool:
        """True where there is no lower end."""
        return not self.empty and self.lower is None

    @property
    def upper_inf(self) -> bool:
        """True where there is no upper end."""
        return not self.empty and self.upper is None

    @property
    def lower_inc(self) -> bool:
        """True where the lower end belongs to it."""
        return not self.empty and self.lower is not None and self.bounds[0] == "["

    @property
    def upper_inc(self) -> bool:
        """True where the upper end belongs to it."""
        return not self.empty and self.upper is not None and self.bounds[1] == "]"

    def __contains__(self, value: Any) -> bool:
        if self.empty:
            return False
        above = self.lower is None or value > self.lower or (self.lower_inc and value == self.lower)
        below = self.upper is None or value < self.upper or (self.upper_inc and value == self.upper)
        return bool(above and below)

    def __bool__(self) -> bool:
        return not self.empty

    def contains(self, other: Range[T] | T) -> bool:
        """Return True where a value, or all of a range, is in this one."""
        if not isinstance(other, Range):
            return other in self
        if other.is_empty:
            return True
        return not self.is_empty and _lower_cut(self) <= _lower_cut(other) and _upper_cut(other) <= _upper_cut(self)

    def contained_by(self, other: Range[T]) -> bool:
        """Return True where all of this range is in the other one."""
        return other.contains(self)

    def overlaps(self, other: Range[T]) -> bool:
        """Return True where the ranges have something in common."""
        if self.is_empty or other.is_empty:
            return False
        return _lower_cut(self) < _upper_cut(other) and _lower_cut(other) < _upper_cut(self)

    def strictly_left_of(self, other: Range[T]) -> bool:
        """Return True where this range ends before the other one begins; likewise ``<<``."""
        return not self.is_empty and not other.is_empty and _upper_cut(self) <= _lower_cut(other)

    def strictly_right_of(self, other: Range[T]) -> bool:
        """Return True where this range begins after the other one has ended; likewise ``>>``."""
        return other.strictly_left_of(self)

    def not_extend_right_of(self, other: Range[T]) -> bool:
        """Return True where nothing of this range is beyond the other's upper end."""
        return not self.is_empty and not other.is_empty and _upper_cut(self) <= _upper_cut(other)

    def not_extend_left_of(self, other: Range[T]) -> bool:
        """Return True where nothing of this range is before the other's lower end."""
        return not self.is_empty and not other.is_empty and _lower_cut(other) <= _lower_cut(self)

    def adjacent_to(self, other: Range[T]) -> bool:
        """Return True where one begins as the other ends, and they have nothing in common."""
        if self.is_empty or other.is_empty:
            return False
        return _upper_cut(self) == _lower_cut(other) or _upper_cut(other) == _lower_cut(self)

    def union(self, other: Range[T]) -> Range[T]:
        """Return the range of both; likewise ``+``.

        :raises ValueError: where there is a gap between them, as of the database.
        """
        if self.is_empty:
            return other
        if other.is_empty:
            return self
        if not self.overlaps(other) and not self.adjacent_to(other):
            raise ValueError(f"the union of {self} and {other} is no one range: there is a gap between them.")
        return _between(min(_lower_cut(self), _lower_cut(other)), max(_upper_cut(self), _upper_cut(other)))

    def intersection(self, other: Range[T]) -> Range[T]:
        """Return the values that both ranges hold, as a range; likewise ``*``."""
        if not self.overlaps(other):
            return Range(empty=True)
        return _between(max(_lower_cut(self), _lower_cut(other)), min(_upper_cut(self), _upper_cut(other)))

    def difference(self, other: Range[T]) -> Range[T]:
        """Return this range without the other one; likewise ``-``.

        :raises ValueError: where two ranges would be left, as of the database.
        """
        if not self.overlaps(other):
            return self
        before, behind = _lower_cut(self) < _lower_cut(other), _upper_cut(other) < _upper_cut(self)
        if before and behind:
            raise ValueError(f"{self} without {other} is no one range: something is left on both sides of it.")
        if before:
            return _between(_lower_cut(self), _lower_cut(other))
        return _between(_upper_cut(other), _upper_cut(self)) if behind else Range(empty=True)

    __lshift__ = strictly_left_of
    __rshift__ = strictly_right_of
    __add__ = union
    __sub__ = difference
    __mul__ = intersection

    def __str__(self) -> str:
        if self.empty:
            return "empty"
        ends = ["" if end is None else str(end) for end in (self.lower, self.upper)]
        return f"{self.bounds[0]}{','.join(ends)}{self.bounds[1]}"


# a place between values: before all, just before a value (0) or just behind it (1), behind all
Cut = tuple[int, Any, int]
_BEFORE_ALL: Cut = (-1, 0, 0)
_BEHIND_ALL: Cut = (1, 0, 0)


def _cut(value: Any, is_behind: bool) -> Cut:
    # what is behind one integer or day is before the next, as the database has it
    if is_behind and isinstance(value, int):
        return (0, value + 1, 0)
    if is_behind and isinstance(value, dt.date) and not isinstance(value, dt.datetime) and value < dt.date.max:
        return (0, value + dt.timedelta(days=1), 0)
    return (0, value, int(is_behind))


def _lower_cut(given: Range[Any]) -> Cut:
    return _BEFORE_ALL if given.lower is None else _cut(given.lower, given.bounds[0] == "(")


def _upper_cut(given: Range[Any]) -> Cut:
    return _BEHIND_ALL if given.upper is None else _cut(given.upper, given.bounds[1] == "]")


def _between(lower: Cut, upper: Cut) -> Range[Any]:
    bounds = ("(" if lower is _BEFORE_ALL or lower[2] else "[") + (
        "]" if upper[2] and upper is not _BEHIND_ALL else ")"
    )
    return Range(None if lower is _BEFORE_ALL else lower[1], None if upper is _BEHIND_ALL else upper[1], bounds)


class RangeType(TypeEngine[Range[Any]]):
    """The base of the types of ranges; values are :class:`Range`, or a pair ``(lower, upper)``.

    :ivar subtype: the type of the ends.
    """

    lookup_name = "range"
    value_class = Range
    checks_on_assignment = True
    subtype: ClassVar[TypeEngine[Any]]

    def __init__(self) -> None:
        self.cache_key = (type(self),)

    def coerce_compared(self, value: object) -> TypeEngine[Any]:
        return self

    def _to_stored(self, value: object) -> Range[Any]:
        given: Any = Range(*value) if isinstance(value, tuple) and len(value) == 2 else value
        if not (hasattr(given, "lower_inc") and hasattr(given, "isempty")):
            wrong_kind(self, value, "a Range or a pair of its ends", "Make it one: Range(lower, upper).")
        if given.isempty:
            return Range(empty=True)
        convert = self.subtype.to_stored
        bounds = ("[" if given.lower_inc else "(") + ("]" if given.upper_inc else ")")
        return Range(convert(given.lower), convert(given.upper), bounds)


class INT4RANGE(RangeType):
    """A range of integers of 32 bits; it comes back with the lower end in it and the upper one not."""

    native_name = "int4range"
    subtype = Integer()


class INT8RANGE(RangeType):
    """A range of integers of 64 bits."""

    native_name = "int8range"
    subtype = BigInteger()


class NUMRANGE(RangeType):
    """A range of exact decimals."""

    native_name = "numrange"
    subtype = Numeric()


class DATERANGE(RangeType):
    """A range of dates; it comes back with the lower end in it and the upper one not."""

    native_name = "daterange"
    subtype = Date()


class TSRANGE(RangeType):
    """A range of dates and times without a zone."""

    native_name = "tsrange"
    subtype = DateTime()


class TSTZRANGE(RangeType):
    """A range of moments with a zone."""

    native_name = "tstzrange"
    subtype = DateTime(timezone=True)
