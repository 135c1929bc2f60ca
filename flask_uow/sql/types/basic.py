"""The base of all column types, and the types that databases have; threads may share them, for they are immutable.

Owns the domain of each type: its Python type, the check of a value, the type of a value compared with it and of an
arithmetic result. How a value travels to a database and back, and how DDL writes the type, is decided by the dialects
(``engine/dialects/*_types.py``), which find their entry by :attr:`TypeEngine.name`.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import functools
import operator
import uuid
from copy import deepcopy
from typing import Any, ClassVar, Generic, TypeVar, cast

from flask_uow.exc import ArgumentError, DataError
from flask_uow.sql.type_arithmetic import RESULT_FAMILIES
from flask_uow.sql.value_errors import out_of_range, wrong_kind

__all__ = [
    "JSON", "BigInteger", "Boolean", "Date", "DateTime", "Enum", "Float", "Integer", "Interval", "LargeBinary",
    "NullType", "Numeric", "SmallInteger", "String", "Text", "Time", "TypeEngine", "Unicode", "Uuid", "type_for_value",
]  # fmt: skip

T = TypeVar("T")


class TypeEngine(Generic[T]):
    """The base of all column types. Immutable: every parameter is given at construction.

    :ivar name: the name under which a dialect finds its conversion.
    :ivar python_type: the Python type of loaded values.
    :ivar checks_on_assignment: True where the orm checks a value when it is assigned; else it is checked when bound.
    :ivar cache_key: the class and the parameters; a part of the key of compiled SQL.
    """

    name: ClassVar[str] = "null"
    python_type: Any = object
    checks_on_assignment: ClassVar[bool] = False
    _compared: ClassVar[tuple[type[Any], ...]] = ()

    def __init__(self) -> None:
        self.cache_key: tuple[Any, ...] = (type(self),)

    def check(self, value: Any) -> None:
        """Check that a column of this type can hold ``value``, on whatever database; None always fits.

        :raises DataError: for a value of the wrong kind or out of range; ``orig`` is a TypeError or a ValueError.
        """

    def coerce_compared(self, value: Any) -> TypeEngine[Any]:
        """Return the type for a plain Python value that stands beside an expression of this type."""
        return self if type(value) in self._compared else type_for_value(value)

    def combined_with(self, other: TypeEngine[Any], op: str) -> TypeEngine[Any]:
        """Return the type of ``self op other``, for the arithmetic operators add, sub, mul, div and mod."""
        if other.name == "null":
            return self
        result = RESULT_FAMILIES.get((_family(self), op, _family(other)))
        return self if result is None else _FAMILIES[result]

    @property
    def storage(self) -> TypeEngine[Any]:
        """The type that the database sees: the type itself, or what a :class:`TypeDecorator` is made of."""
        return self

    def is_mutable(self) -> bool:
        """Return True where values are changed in place, so that a copy is kept of each to compare it with."""
        return False

    def copy_value(self, value: Any) -> Any:
        """Return a copy that later changes of ``value`` in place do not reach; ``value`` itself where there are none."""
        return value

    def compare_values(self, a: Any, b: Any) -> bool:
        """Return True where two values, None among them, are the same to the database."""
        return bool(a == b)

    def __repr__(self) -> str:
        given = ", ".join(f"{key}={value!r}" for key, value in self._arguments().items() if value is not None)
        return f"{type(self).__name__}({given})"

    def _arguments(self) -> dict[str, Any]:
        return {}


class NullType(TypeEngine[Any]):
    """The type of an expression about which nothing is known; values pass as the driver has them."""

    name = "null"

    def combined_with(self, other: TypeEngine[Any], op: str) -> TypeEngine[Any]:
        return other


class Integer(TypeEngine[int]):
    """An integer of 32 bits."""

    name = "integer"
    python_type = int
    minimum: ClassVar[int] = -(2**31)
    maximum: ClassVar[int] = 2**31 - 1

    def check(self, value: Any) -> None:
        if value is None:
            return
        try:
            number = operator.index(value)
        except TypeError:
            wrong_kind(self, value, "an int", "Convert it with int(), or use Float or Numeric for fractions.")
        if not self.minimum <= number <= self.maximum:
            cure = "Use BigInteger" if self.name != "big_integer" else "Use Numeric"
            out_of_range(self, value, f"{self.minimum} to {self.maximum}", f"{cure} for larger numbers.")

    def coerce_compared(self, value: Any) -> TypeEngine[Any]:
        # a number that no row can hold compares as false, it is no error
        fits = type(value) is int and self.minimum <= value <= self.maximum
        return self if fits else type_for_value(value)


class SmallInteger(Integer):
    """An integer of 16 bits."""

    name = "small_integer"
    minimum = -(2**15)
    maximum = 2**15 - 1


class BigInteger(Integer):
    """An integer of 64 bits."""

    name = "big_integer"
    minimum = -(2**63)
    maximum = 2**63 - 1


class String(TypeEngine[str]):
    """Text.

    :param length: the largest number of characters, None for no limit.
    :raises ArgumentError: for a length that is not a positive int.
    """

    name = "string"
    python_type = str

    def __init__(self, length: int | None = None) -> None:
        if length is not None and (type(length) is not int or length < 1):
            name = type(self).__name__
            raise ArgumentError(f"{name}(length={length!r}): the length is a positive int, or None for no limit.")
        self.length = length
        self.cache_key = (type(self), length)

    def check(self, value: Any) -> None:
        if value is None:
            return
        if not isinstance(value, str):
            wrong_kind(self, value, "a str", "Convert it with str(), or decode bytes first.")
        if self.length is not None and len(value) > self.length:
            message = (
                f"a str of {len(value)} characters does not fit {self!r}: expected {self.length} at most. "
                "Shorten it, or give the column a larger length, or Text."
            )
            raise DataError(message, orig=ValueError(message))

    def coerce_compared(self, value: Any) -> TypeEngine[Any]:
        # no limit: a text longer than the column is unequal to every row, it is no error; a pattern may be longer too
        return STRINGTYPE if isinstance(value, str) else type_for_value(value)

    def _arguments(self) -> dict[str, Any]:
        return {"length": self.length}


class Text(String):
    """Text of any length."""

    name = "text"


class Unicode(String):
    """Text; the same as :class:`String`, which holds every character already."""

    name = "unicode"


class Boolean(TypeEngine[bool]):
    """True or False; the ints 1 and 0 are taken for them."""

    name = "boolean"
    python_type = bool
    _compared = (bool,)

    def check(self, value: Any) -> None:
        if value is not None and not (isinstance(value, int) and value in (0, 1)):
            wrong_kind(self, value, "True or False", "Convert it with bool().")


class Float(TypeEngine[float]):
    """A binary floating point number.

    :param precision: binary digits, as SQL counts them: up to 24 is single precision, None is double.
    """

    name = "float"
    python_type = float
    _compared = (float, int)

    def __init__(self, precision: int | None = None) -> None:
        self.precision = precision
        self.cache_key = (type(self), precision)

    def check(self, value: Any) -> None:
        if value is None or isinstance(value, float):
            return
        if not isinstance(value, int):
            wrong_kind(self, value, "a float", "Convert it with float(), or use Numeric for exact fractions.")
        try:
            float(value)
        except OverflowError:
            out_of_range(self, value, "a number that a float can hold", "Use Numeric for larger numbers.")

    def _arguments(self) -> dict[str, Any]:
        return {"precision": self.precision}


class Numeric(TypeEngine[decimal.Decimal]):
    """An exact decimal number.

    :param precision: the largest number of digits; None for no limit.
    :param scale: the digits behind the point; 0 when only a precision is given, as in SQL.
    :param asdecimal: False loads floats and takes them.
    """

    name = "numeric"
    python_type: Any = decimal.Decimal
    checks_on_assignment = True

    def __init__(self, precision: int | None = None, scale: int | None = None, asdecimal: bool = True) -> None:
        if scale is not None and (precision is None or not 0 <= scale <= precision):
            given = f"Numeric(precision={precision!r}, scale={scale!r})"
            raise ArgumentError(f"{given}: a scale needs a precision that is not smaller. Pass both, or none.")
        self.precision = precision
        self.scale = scale
        self.asdecimal = asdecimal
        if not asdecimal:
            self.python_type = float
        self.cache_key = (type(self), precision, scale, asdecimal)

    def check(self, value: Any) -> None:
        if value is None or (isinstance(value, (decimal.Decimal, int)) and not isinstance(value, bool)):
            return
        if self.asdecimal or not isinstance(value, float):
            wrong_kind(
                self, value, "a Decimal or an int", "Make a Decimal of a str, Decimal('1.10'): no float is exact."
            )

    def coerce_compared(self, value: Any) -> TypeEngine[Any]:
        # no precision: a number that no row can hold is unequal to all, it is no error
        if isinstance(value, (decimal.Decimal, int)) and not isinstance(value, bool):
            return _NUMERIC
        return self if isinstance(value, float) and not self.asdecimal else type_for_value(value)

    def _arguments(self) -> dict[str, Any]:
        return {"precision": self.precision, "scale": self.scale, "asdecimal": None if self.asdecimal else "False"}


class Date(TypeEngine[dt.date]):
    """A date; a datetime is refused, since its time would be lost."""

    name = "date"
    python_type = dt.date
    _compared = (dt.date,)
    checks_on_assignment = True

    def check(self, value: Any) -> None:
        if value is not None and (not isinstance(value, dt.date) or isinstance(value, dt.datetime)):
            cure = "Take .date() of a datetime; parse a str with date.fromisoformat()."
            wrong_kind(self, value, "a datetime.date", cure)


class _Zoned(TypeEngine[T]):
    """What Time and DateTime share.

    :param timezone: True for values with a zone, False for values without one; the other kind is refused.
    """

    checks_on_assignment = True

    def __init__(self, timezone: bool = False) -> None:
        self.timezone = timezone
        self.cache_key = (type(self), timezone)

    def check(self, value: Any) -> None:
        if value is None:
            return
        if not isinstance(value, self.python_type):
            name = self.python_type.__name__
            wrong_kind(self, value, f"a datetime.{name}", f"Parse a str with {name}.fromisoformat().")
        zoned = value.utcoffset() is not None
        if self.timezone and not zoned:
            cure = "Give it one, value.replace(tzinfo=...), or use timezone=False."
            wrong_kind(self, value, "a value with a time zone", cure)
        if zoned and not self.timezone:
            cure = f"Use {type(self).__name__}(timezone=True) to keep the moment."
            wrong_kind(self, value, "a value without a time zone", cure)

    def _arguments(self) -> dict[str, Any]:
        return {"timezone": self.timezone or None}


class Time(_Zoned[dt.time]):
    """A time of day, with a zone or without one."""

    name = "time"
    python_type = dt.time
    _compared = (dt.time,)


class DateTime(_Zoned[dt.datetime]):
    """A moment with a zone (loaded in UTC), or a date and time without one."""

    name = "datetime"
    python_type = dt.datetime
    _compared = (dt.datetime,)


class Interval(TypeEngine[dt.timedelta]):
    """A span of time."""

    name = "interval"
    python_type = dt.timedelta
    _compared = (dt.timedelta,)
    checks_on_assignment = True

    def check(self, value: Any) -> None:
        if value is not None and not isinstance(value, dt.timedelta):
            wrong_kind(self, value, "a datetime.timedelta", "Make it one: timedelta(seconds=...).")


class LargeBinary(TypeEngine[bytes]):
    """Bytes; a bytearray or a memoryview is taken too."""

    name = "large_binary"
    python_type = bytes
    _compared = (bytes, bytearray, memoryview)

    def check(self, value: Any) -> None:
        if value is not None and not isinstance(value, (bytes, bytearray, memoryview)):
            wrong_kind(self, value, "bytes", "Encode a str first: value.encode('utf-8').")


class JSON(TypeEngine[Any]):
    """Whatever :func:`json.dumps` takes; None is SQL's NULL. As JSON has it, tuples come back as lists, keys as str.

    :param mutable: notice changes in place too (``user.settings["color"] = "red"``), at the cost of a copy of each value.
    """

    name = "json"

    def __init__(self, mutable: bool = False) -> None:
        self.mutable = mutable
        self.cache_key = (type(self), mutable)

    def coerce_compared(self, value: Any) -> TypeEngine[Any]:
        return self

    def is_mutable(self) -> bool:
        return self.mutable

    def copy_value(self, value: Any) -> Any:
        return deepcopy(value) if self.mutable else value

    def _arguments(self) -> dict[str, Any]:
        return {"mutable": self.mutable or None}


class Uuid(TypeEngine[uuid.UUID]):
    """A :class:`uuid.UUID`."""

    name = "uuid"
    python_type = uuid.UUID
    _compared = (uuid.UUID,)
    checks_on_assignment = True

    def check(self, value: Any) -> None:
        if value is not None and not isinstance(value, uuid.UUID):
            wrong_kind(self, value, "a uuid.UUID", "Make it one: uuid.UUID(value).")


class Enum(TypeEngine[Any]):
    """One of a fixed set; stored as text: the member's name for an enum class, the string itself otherwise.

    :param values: one enum class, or strings.
    :param name: a name for the set, for a constraint of the user's own.
    :param length: the length of the column; that of the longest name when None.
    :raises ArgumentError: without any value, or for a mix.
    """

    name = "enum"
    checks_on_assignment = True

    def __init__(self, *values: type[enum.Enum] | str, name: str | None = None, length: int | None = None) -> None:
        self.enum_class: type[enum.Enum] | None = None
        first = values[0] if values else None
        if len(values) == 1 and isinstance(first, type) and issubclass(first, enum.Enum):
            self.enum_class = first
            self.python_type = first
            self.names: tuple[str, ...] = tuple(first.__members__)
        else:
            self.python_type = str
            self.names = tuple(cast("tuple[str, ...]", values))
        if not self.names or not all(isinstance(value, str) for value in self.names):
            given = ", ".join(map(repr, values))
            raise ArgumentError(f"Enum({given}): expected one enum class with members, or strings.")
        self.set_name = name
        self.length = length if length is not None else max(map(len, self.names))
        self._allowed = frozenset(self.names)
        self.cache_key = (type(self), self.enum_class, self.names, self.length)

    def check(self, value: Any) -> None:
        if value is None:
            return
        if self.enum_class is not None:
            if not isinstance(value, self.enum_class):
                name = self.enum_class.__name__
                wrong_kind(self, value, f"a member of {name}", f"Pass {name}.{self.names[0]}, say.")
        elif not isinstance(value, str) or value not in self._allowed:
            expected = f"one of {', '.join(map(repr, self.names))}"
            out_of_range(self, value, expected, "Pass one of them, or add the value to the Enum.")

    def coerce_compared(self, value: Any) -> TypeEngine[Any]:
        if self.enum_class is not None:
            return self if isinstance(value, self.enum_class) else type_for_value(value)
        return self if isinstance(value, str) and value in self._allowed else type_for_value(value)

    def _arguments(self) -> dict[str, Any]:
        return {"of": self.enum_class.__name__ if self.enum_class is not None else self.names}


NULLTYPE: TypeEngine[Any] = NullType()
BOOLEANTYPE = Boolean()
INTEGERTYPE = Integer()
STRINGTYPE = String()
_BIG_INTEGER, _NUMERIC, _FLOAT = BigInteger(), Numeric(), Float()
_DATE, _INTERVAL = Date(), Interval()
_DATETIME, _DATETIME_ZONED = DateTime(), DateTime(timezone=True)
_TIME, _TIME_ZONED = Time(), Time(timezone=True)
_BINARY, _JSON, _UUID = LargeBinary(), JSON(), Uuid()

_BY_PYTHON_TYPE: dict[type[Any], TypeEngine[Any]] = {
    str: STRINGTYPE, bool: BOOLEANTYPE, float: _FLOAT, decimal.Decimal: _NUMERIC, bytes: _BINARY, bytearray: _BINARY,
    memoryview: _BINARY, dt.date: _DATE, dt.timedelta: _INTERVAL, uuid.UUID: _UUID, dict: _JSON, list: _JSON,
}  # fmt: skip
BY_ANNOTATION = {**_BY_PYTHON_TYPE, int: INTEGERTYPE, dt.datetime: _DATETIME, dt.time: _TIME}
# by the names that type_arithmetic uses
_FAMILIES: dict[str, TypeEngine[Any]] = {
    "integer": _BIG_INTEGER, "float": _FLOAT, "numeric": _NUMERIC, "date": _DATE, "time": _TIME, "datetime": _DATETIME,
    "interval": _INTERVAL,
}  # fmt: skip


def type_for_value(value: Any) -> TypeEngine[Any]:
    """Return the type that a plain Python value has by itself; ``NULLTYPE`` for None and for unknown classes."""
    if type(value) is int:
        return _integer_for(value)
    known = _BY_PYTHON_TYPE.get(type(value))
    if known is not None:
        return known
    if isinstance(value, enum.Enum):
        return enum_for(type(value))
    if isinstance(value, dt.datetime):
        return _DATETIME if value.utcoffset() is None else _DATETIME_ZONED
    if isinstance(value, dt.time):
        return _TIME if value.utcoffset() is None else _TIME_ZONED
    if isinstance(value, int):
        return _integer_for(value)
    return next((type_ for python_type, type_ in _BY_PYTHON_TYPE.items() if isinstance(value, python_type)), NULLTYPE)


@functools.lru_cache(maxsize=512)
def enum_for(enum_class: type[enum.Enum]) -> Enum:
    """Return the type of an enum class."""
    return Enum(enum_class)


def _integer_for(value: int) -> TypeEngine[Any]:
    if Integer.minimum <= value <= Integer.maximum:
        return INTEGERTYPE
    return _BIG_INTEGER if BigInteger.minimum <= value <= BigInteger.maximum else _NUMERIC


def _family(type_: TypeEngine[Any]) -> str:
    type_ = type_.storage
    if isinstance(type_, Integer):
        return "integer"
    return "float" if isinstance(type_, Float) or type_.python_type is float else type_.name
