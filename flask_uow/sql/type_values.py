"""Which Python values each type takes, and what it makes of them: one table for every way into a statement.

Assignments, ``values()``, bulk operations, criteria and ``get()`` come here, so they take the same values. What loses nothing is converted; what
would lose something, or guess, is refused. docs/types.md shows the table to users. :meth:`flask_uow.sql.types.TypeEngine.convert` looks a type up by
its name; None never gets here.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import operator
import uuid
from collections.abc import Callable
from typing import Any, cast

from flask_uow.exc import DataError
from flask_uow.sql.value_errors import out_of_range, wrong_kind

__all__ = ["CONVERSIONS", "as_decimal", "whole_number"]

# more digits than the largest integer of 64 bits has, with its sign
_MOST_DIGITS = 20
_HEX_DIGITS = 32


def whole_number(text: str) -> int | None:
    """Return the int that is written as exactly this text, None for any other text."""
    if len(text) > _MOST_DIGITS or not text.isascii() or not text.removeprefix("-").isdigit():
        return None
    number = int(text)
    return number if str(number) == text else None


def _integer(type_: Any, value: Any) -> int:
    read = whole_number(value) if isinstance(value, str) else None
    try:
        number = operator.index(cast("int", value)) if read is None else read
    except TypeError:
        wrong_kind(type_, value, "an int", "Convert it with int(), or use Float or Numeric for fractions.")
    if not type_.minimum <= number <= type_.maximum:
        cure = "Use BigInteger" if type_.name != "big_integer" else "Use Numeric"
        out_of_range(type_, value, f"{type_.minimum} to {type_.maximum}", f"{cure} for larger numbers.")
    return number


def _string(type_: Any, value: Any) -> str:
    if not isinstance(value, str):
        wrong_kind(type_, value, "a str", "Convert it with str(), or decode bytes first.")
    if type_.length is not None and len(value) > type_.length:
        message = (
            f"a str of {len(value)} characters does not fit {type_!r}: expected {type_.length} at most. "
            "Shorten it, or give the column a larger length, or Text."
        )
        raise DataError(message, orig=ValueError(message))
    # the text of a subclass of str, an enum among them
    return value if type(value) is str else str.__str__(value)


def _boolean(type_: Any, value: Any) -> bool:
    if not (isinstance(value, int) and value in (0, 1)):
        wrong_kind(type_, value, "True or False", "Convert it with bool().")
    return bool(value)


def _float(type_: Any, value: Any) -> float:
    if not isinstance(value, (int, float)):
        wrong_kind(type_, value, "a float", "Convert it with float(), or use Numeric for exact fractions.")
    try:
        return float(value)
    except OverflowError:
        out_of_range(type_, value, "a number that a float can hold", "Use Numeric for larger numbers.")


def _numeric(type_: Any, value: Any) -> decimal.Decimal | float:
    type_.fit(as_decimal(type_, value), value)
    if type_.asdecimal:
        return value if isinstance(value, decimal.Decimal) else decimal.Decimal(value)
    return float(value)


def as_decimal(type_: Any, value: Any) -> decimal.Decimal:
    """Return a value of a Numeric as a Decimal.

    :raises DataError: for one of another kind, and for a float that is not exactly the decimal that it is written as; a type that loads floats takes
        every float as it is written.
    """
    if isinstance(value, decimal.Decimal):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return decimal.Decimal(value)
    if isinstance(value, float):
        written = decimal.Decimal(repr(float(value)))
        if type_.asdecimal and written.is_finite() and written != decimal.Decimal(value):
            cure = f"Write Decimal('{value!r}'): no float is exact here."
            wrong_kind(type_, value, "a Decimal, an int or an exact float", cure)
        return written
    return wrong_kind(
        type_, value, "a Decimal or an int", "Make a Decimal of a str, Decimal('1.10'): no float is exact."
    )


def _date(type_: Any, value: Any) -> dt.date:
    if not isinstance(value, dt.date) or isinstance(value, dt.datetime):
        cure = (
            "Take .date() of a datetime."
            if isinstance(value, dt.datetime)
            else "Parse a str with date.fromisoformat()."
        )
        wrong_kind(type_, value, "a datetime.date", cure)
    return value


def _zoned(type_: Any, value: Any) -> Any:
    cls = type_.python_type
    if cls is dt.datetime and isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        if type_.timezone:
            cure = "Say which midnight is meant: datetime.combine(value, time(), UTC)."
            wrong_kind(type_, value, "a datetime.datetime with a time zone", cure)
        return dt.datetime.combine(value, dt.time())
    if not isinstance(value, cls):
        wrong_kind(type_, value, f"a datetime.{cls.__name__}", f"Parse a str with {cls.__name__}.fromisoformat().")
    has_zone = value.utcoffset() is not None
    if type_.timezone and not has_zone:
        cure = "Give it one, value.replace(tzinfo=...), or use timezone=False."
        wrong_kind(type_, value, "a value with a time zone", cure)
    if has_zone and not type_.timezone:
        cure = f"Use {type(type_).__name__}(timezone=True) to keep the moment."
        wrong_kind(type_, value, "a value without a time zone", cure)
    return value


def _interval(type_: Any, value: Any) -> dt.timedelta:
    if not isinstance(value, dt.timedelta):
        wrong_kind(type_, value, "a datetime.timedelta", "Make it one: timedelta(seconds=...).")
    return value


def _binary(type_: Any, value: Any) -> bytes:
    if not isinstance(value, (bytes, bytearray, memoryview)):
        wrong_kind(type_, value, "bytes", "Encode a str first: value.encode('utf-8').")
    return bytes(value)


def _uuid(type_: Any, value: Any) -> uuid.UUID:
    if isinstance(value, str) and len(digits := value.replace("-", "")) == _HEX_DIGITS and digits.isalnum():
        try:
            read = uuid.UUID(value)
        except ValueError:
            read = None
        if read is not None and value.lower() in (str(read), read.hex):
            return read
    if not isinstance(value, uuid.UUID):
        wrong_kind(type_, value, "a uuid.UUID", "Make it one: uuid.UUID(value).")
    return value


def _enum(type_: Any, value: Any) -> Any:
    enum_class = type_.enum_class
    if enum_class is None:
        if not isinstance(value, str) or value not in type_.names:
            expected = f"one of {', '.join(map(repr, type_.names))}"
            out_of_range(type_, value, expected, "Pass one of them, or add the value to the Enum.")
        return str.__str__(value)
    if not isinstance(value, enum_class):
        wrong_kind(type_, value, f"a member of {enum_class.__name__}", f"Pass {_meant(enum_class, value)}.")
    return value


def _meant(enum_class: type[enum.Enum], value: Any) -> str:
    """Return the member that a name or a value is about, as the programmer writes it; one of them all where it is about none."""
    members = enum_class.__members__
    by_name = value if isinstance(value, str) and value in members else None
    by_value = [name for name, member in members.items() if member.value == value]
    found = by_name or next(iter(by_value), None)
    return (
        f"{enum_class.__name__}.{found}" if found is not None else f"{enum_class.__name__}.{next(iter(members))}, say"
    )


# by the names of types; what has no entry passes as it is
CONVERSIONS: dict[str, Callable[[Any, Any], Any]] = {
    "integer": _integer,
    "small_integer": _integer,
    "big_integer": _integer,
    "string": _string,
    "text": _string,
    "unicode": _string,
    "char": _string,
    "boolean": _boolean,
    "float": _float,
    "real": _float,
    "numeric": _numeric,
    "date": _date,
    "time": _zoned,
    "datetime": _zoned,
    "interval": _interval,
    "large_binary": _binary,
    "uuid": _uuid,
    "enum": _enum,
}
