"""How the values of a type stand in an array literal of PostgreSQL, one by one and a column of them at a time."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flask_uow.engine.dialects.type_records import TypeRecord
from flask_uow.sql.types import DateTime, LargeBinary, Numeric, String, Time, TypeEngine

__all__ = [
    "FLOATS", "INTEGERS", "LIMITED_TEXTS", "PROCESSED", "TEXTS", "ArrayElement", "PostgreSQLRecord", "bytes_text", "check_all", "check_digits",
    "check_lengths", "check_sizes", "check_zones", "interval_text", "range_text",
]  # fmt: skip


def check_lengths(type_: String, values: Sequence[str]) -> None:
    """Check that texts are not longer than the type allows."""
    if type_.length is not None and max(map(len, values)) > type_.length:
        check_all(type_, values)


def check_sizes(type_: LargeBinary, values: Sequence[bytes]) -> None:
    """Check that bytes are not more than the type allows."""
    if type_.length is not None and max(map(len, values)) > type_.length:
        check_all(type_, values)


def check_digits(type_: Numeric, values: Sequence[decimal.Decimal]) -> None:
    """Check that decimals have no more digits than the type keeps."""
    fit = type_.fit
    for value in values:
        fit(value, value)


def check_zones(type_: DateTime | Time, values: Sequence[dt.datetime | dt.time]) -> None:
    """Check that moments have a zone where the type has one, and none where it has none."""
    timezone = type_.timezone
    # without a tzinfo there is no zone; with one, its offset has the last word
    if timezone or not {value.tzinfo for value in values} <= {None}:
        check_all(type_, values)


def check_all(type_: TypeEngine[Any], values: Sequence[Any]) -> None:
    """Check values one by one."""
    check = type_.check
    for value in values:
        check(value)


def interval_text(value: dt.timedelta) -> str:
    """Return a span of time as text."""
    return f"{value.days} days {value.seconds}.{value.microseconds:06d} seconds"


def bytes_text(value: bytes) -> str:
    """Return bytes as a quoted text."""
    return f'"\\\\x{value.hex()}"'


def range_text(value: Any) -> str:
    """Return a range as text (https://www.postgresql.org/docs/current/rangetypes.html#RANGETYPES-IO)."""
    if value.isempty:
        return "empty"
    ends = [
        "" if end is None else '"' + str(end).replace("\\", "\\\\").replace('"', '\\"') + '"'
        for end in (value.lower, value.upper)
    ]
    return f"{'[' if value.lower_inc else '('}{','.join(ends)}{']' if value.upper_inc else ')'}"


@dataclass(frozen=True, slots=True)
class ArrayElement:
    """How values of a type are written in an array.

    :ivar cls: the class of the values that need no conversion.
    :ivar element: writes one of them; None for texts, which are quoted together.
    :ivar check: checks a column of such values.
    """

    cls: type[Any]
    element: Callable[[Any], str] | None
    check: Callable[[Any, Sequence[Any]], None] | None = None


INTEGERS = ArrayElement(int, str)
FLOATS = ArrayElement(float, repr)
TEXTS = ArrayElement(str, None)
LIMITED_TEXTS = ArrayElement(str, None, check_lengths)
# the processor of these gives texts, and no class goes without it
PROCESSED = ArrayElement(type(None), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgreSQLRecord(TypeRecord):
    """A type on PostgreSQL, with what batches need to know of it.

    :ivar element: how its values stand in an array.
    :ivar array_cast: what an array of it is cast to; the type's own array when None.
    :ivar is_textual: True where values go as texts, which the server does not assign to every type that the column may really have.
    """

    element: ArrayElement = TEXTS
    array_cast: str | None = None
    is_textual: bool = False
