"""The base of all column types, and the types that databases have; threads may share them, for they are immutable.

Owns the domain of each type: its Python type, the type of a value compared with it and of an arithmetic result. Which values it takes is in
:mod:`flask_uow.sql.type_values`. How a value travels to a database and back, and how DDL writes the type, is decided by the dialects
(``engine/dialects/*_types.py``), which find their entry by :attr:`TypeEngine.name`.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import functools
import uuid
from copy import deepcopy
from typing import Any, ClassVar, Generic, TypeVar, cast

from flask_uow.exc import ArgumentError
from flask_uow.sql.type_arithmetic import RESULT_FAMILIES
from flask_uow.sql.type_values import CONVERSIONS, as_decimal
from flask_uow.sql.value_errors import out_of_range

__all__ = [
    "JSON", "BigInteger", "Boolean", "Date", "DateTime", "Enum", "Float", "Integer", "Interval", "LargeBinary",
    "NativeType", "NullType", "Numeric", "SmallInteger", "String", "Text", "Time", "TypeEngine", "Unicode", "Uuid", "type_for_value",
]  # fmt: skip

T = TypeVar("T")


class TypeEngine(Generic[T]):
    """The base of all column types. Immutable: every parameter is given at construction.

    :ivar name: the name under which a dialect finds its conversion.
    :ivar python_type: the Python type of loaded values.
    :ivar checks_on_assignment: True where the orm checks a value when it is assigned; else it is checked when bound.
    :ivar takes_all_of_its_class: True where every value of exactly :attr:`python_type` fits, so that nothing else needs a look.
    :ivar compares_all_of_its_class: True where each of them can be compared with a column of the type.
    :ivar native: what the database calls the type, where that is another name: that of a domain, say.
    :ivar cache_key: the class and the parameters; a part of the key of compiled SQL.
    """

    name: ClassVar[str] = "null"
    python_type: Any = object
    checks_on_assignment: ClassVar[bool] = False
    takes_all_of_its_class: ClassVar[bool] = False
    compares_all_of_its_class: bool = False
    native: str | None = None
    _compared: ClassVar[tuple[type[Any], ...]] = ()
    # classes of other types, values of which databases compare with this one's without losing anything
    _widened: ClassVar[tuple[type[Any], ...]] = ()

    def __init__(self) -> None:
        self.cache_key: tuple[Any, ...] = (type(self),)

    def convert(self, value: Any) -> Any:
        """Return what a column of this type stores for ``value``: a value of :attr:`python_type`; None stays None.

        :raises DataError: for a value of the wrong kind, out of range, or that would lose something; ``orig`` is a TypeError or a ValueError.
        """
        conversion = CONVERSIONS.get(self.name) if value is not None else None
        return value if conversion is None else conversion(self, value)

    def check(self, value: Any) -> None:
        """Check that a column of this type can hold ``value``, on whatever database; None always fits.

        :raises DataError: as :meth:`convert` does.
        """
        self.convert(value)

    def for_comparison(self, value: Any) -> tuple[Any, TypeEngine[Any]]:
        """Return what stands for a plain value that is compared (``=``, ``<``, IN, BETWEEN) with an expression of this type, and its type.

        :raises DataError: for a value that a column of this type would not take, and that databases do not compare with one either.
        """
        if type(value) not in self._widened:
            value = self.convert(value)
        return value, self.coerce_compared(value)

    @property
    def of_parameters(self) -> TypeEngine[Any]:
        """The type of a parameter without a type of its own that is compared with an expression of this type."""
        return self

    def coerce_compared(self, value: Any) -> TypeEngine[Any]:
        """Return the type for a plain Python value that stands beside an expression of this type."""
        return self if type(value) in self._compared else type_for_value(value)

    def of_operand(self, operator: str, value: Any) -> TypeEngine[Any]:
        """Return the type beside which a plain value stands as the right operand of an operator of the user's own, or of arithmetic."""
        return self

    def of_result(self, operator: str) -> TypeEngine[Any]:
        """Return the type of what an operator of the user's own makes of an expression of this type."""
        return self

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


class NativeType(NullType):
    """A type of the database that has no counterpart here: ``NativeType("inet")``. Values pass as the driver has them, or as text.

    :param native: the type as DDL and casts of the database write it.
    """

    def __init__(self, native: str) -> None:
        self.native = native
        self.cache_key = (type(self), native)

    def _arguments(self) -> dict[str, Any]:
        return {"native": self.native}


class Integer(TypeEngine[int]):
    """An integer of 32 bits."""

    name = "integer"
    python_type = int
    compares_all_of_its_class = True
    minimum: ClassVar[int] = -(2**31)
    maximum: ClassVar[int] = 2**31 - 1
    _widened = (int, float, decimal.Decimal)

    def coerce_compared(self, value: Any) -> TypeEngine[Any]:
        # a number that no row can hold compares as false, it is no error
        fits = type(value) is int and self.minimum <= value <= self.maximum
        return self if fits else type_for_value(value)

    @property
    def of_parameters(self) -> TypeEngine[Any]:
        return _BIG_INTEGER


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
    compares_all_of_its_class = True

    def __init__(self, length: int | None = None) -> None:
        if length is not None and (type(length) is not int or length < 1):
            name = type(self).__name__
            raise ArgumentError(f"{name}(length={length!r}): the length is a positive int, or None for no limit.")
        self.length = length
        self.cache_key = (type(self), length)

    def coerce_compared(self, value: Any) -> TypeEngine[Any]:
        # no limit: a text longer than the column is unequal to every row, it is no error; a pattern may be longer too
        return STRINGTYPE if isinstance(value, str) else type_for_value(value)

    def for_comparison(self, value: Any) -> tuple[Any, TypeEngine[Any]]:
        return STRINGTYPE.convert(value), STRINGTYPE

    @property
    def of_parameters(self) -> TypeEngine[Any]:
        return STRINGTYPE

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
    compares_all_of_its_class = True
    _compared = (bool,)


class Float(TypeEngine[float]):
    """A binary floating point number.

    :param precision: binary digits, as SQL counts them: up to 24 is single precision, None is double.
    """

    name = "float"
    python_type = float
    compares_all_of_its_class = True
    _compared = (float, int)
    _widened = (int, float, decimal.Decimal)

    def __init__(self, precision: int | None = None) -> None:
        self.precision = precision
        self.cache_key = (type(self), precision)

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
        digits = scale if scale is not None or precision is None else 0
        self._step = None if digits is None else decimal.Decimal(1).scaleb(-digits)
        self._context = decimal.Context(
            prec=precision or decimal.MAX_PREC, traps=[decimal.Inexact, decimal.InvalidOperation]
        )

    def fit(self, number: decimal.Decimal, value: Any) -> decimal.Decimal:
        """Return ``number`` with the digits that the column keeps.

        :param value: what was given, for the message.
        :raises DataError: for one that is not finite, or has more digits than the column.
        """
        if not number.is_finite():
            cure = "Store None for a missing value, or use Float for infinity."
            out_of_range(self, value, "a finite number", cure)
        if self._step is None:
            return number
        try:
            return number.quantize(self._step, context=self._context)
        except (decimal.Inexact, decimal.InvalidOperation):
            cure = "Round it first, value.quantize(...), or give the column more digits."
            expected = f"{self.precision} digits, {-self._step.as_tuple().exponent} of them behind the point"  # type: ignore[operator]
            out_of_range(self, value, expected, cure)

    def for_comparison(self, value: Any) -> tuple[Any, TypeEngine[Any]]:
        # a number with more digits than any row has is unequal to all, it is no error
        number = as_decimal(self, value)
        _NUMERIC.fit(number, value)
        return (number, _NUMERIC) if self.asdecimal or not isinstance(value, float) else (value, self)

    @property
    def of_parameters(self) -> TypeEngine[Any]:
        return _NUMERIC if self.asdecimal else self

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
    _widened = (dt.datetime,)
    checks_on_assignment = True
    takes_all_of_its_class = True
    compares_all_of_its_class = True


class _Zoned(TypeEngine[T]):
    """What Time and DateTime share.

    :param timezone: True for values with a zone, False for values without one; the other kind is refused.
    :param precision: the digits of seconds that PostgreSQL keeps, 0 to 6, to which it rounds; None for all. SQLite keeps all.
    """

    checks_on_assignment = True

    def __init__(self, timezone: bool = False, precision: int | None = None) -> None:
        self.timezone = timezone
        self.precision = _seconds_precision(type(self), precision)
        self.cache_key = (type(self), timezone, precision)

    def _arguments(self) -> dict[str, Any]:
        return {"timezone": self.timezone or None, "precision": self.precision}


def _seconds_precision(cls: type[Any], precision: int | None) -> int | None:
    if precision is not None and (type(precision) is not int or not 0 <= precision <= 6):
        raise ArgumentError(
            f"{cls.__name__}(precision={precision!r}): expected the number of digits behind seconds, 0 to 6. Leave it out to keep all."
        )
    return precision


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

    def for_comparison(self, value: Any) -> tuple[Any, TypeEngine[Any]]:
        # zoned moments are in UTC on both databases, and a date is its midnight there
        if type(value) is dt.date and self.timezone:
            return value, _DATE
        return super().for_comparison(value)


class Interval(TypeEngine[dt.timedelta]):
    """A span of time.

    :param fields: which parts PostgreSQL keeps, ``"DAY TO SECOND"`` say; None for all. SQLite keeps all.
    :param precision: the digits of seconds that PostgreSQL keeps, 0 to 6; None for all.
    """

    name = "interval"
    python_type = dt.timedelta
    _compared = (dt.timedelta,)
    checks_on_assignment = True
    takes_all_of_its_class = True
    compares_all_of_its_class = True

    def __init__(self, fields: str | None = None, precision: int | None = None) -> None:
        self.fields = fields.upper() if fields is not None else None
        if self.fields is not None and self.fields not in _INTERVAL_FIELDS:
            known = ", ".join(_INTERVAL_FIELDS)
            raise ArgumentError(f"Interval(fields={fields!r}): expected one of {known}. Leave it out to keep all.")
        self.precision = _seconds_precision(type(self), precision)
        self.cache_key = (type(self), self.fields, precision)

    def _arguments(self) -> dict[str, Any]:
        return {"fields": self.fields, "precision": self.precision}


_INTERVAL_FIELDS = (
    "YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND", "YEAR TO MONTH", "DAY TO HOUR", "DAY TO MINUTE", "DAY TO SECOND",
    "HOUR TO MINUTE", "HOUR TO SECOND", "MINUTE TO SECOND",
)  # fmt: skip


class LargeBinary(TypeEngine[bytes]):
    """Bytes; a bytearray or a memoryview is taken too."""

    name = "large_binary"
    python_type = bytes
    compares_all_of_its_class = True
    _compared = (bytes, bytearray, memoryview)


# operators of JSON, see https://www.postgresql.org/docs/current/functions-json.html
_OF_KEYS = frozenset(("->", "->>", "#>", "#>>", "-", "#-", "?", "?|", "?&", "@?", "@@"))
_ASKING = frozenset(("?", "?|", "?&", "@?", "@@", "@>", "<@"))


class JSON(TypeEngine[Any]):
    """Whatever :func:`json.dumps` takes; None is SQL's NULL. As JSON has it, tuples come back as lists, keys as str.

    :param mutable: notice changes in place too (``user.settings["color"] = "red"``), at the cost of a copy of each value.
    :param binary: False for PostgreSQL's ``json`` in place of ``jsonb``: the text as it was written, which cannot be compared or indexed.
    """

    name = "json"

    def __init__(self, mutable: bool = False, binary: bool = True) -> None:
        self.mutable = mutable
        self.binary = binary
        self.cache_key = (type(self), mutable, binary)

    def coerce_compared(self, value: Any) -> TypeEngine[Any]:
        return self

    def of_operand(self, operator: str, value: Any) -> TypeEngine[Any]:
        # keys, positions and paths are no documents
        return NULLTYPE if operator in _OF_KEYS else self

    def of_result(self, operator: str) -> TypeEngine[Any]:
        if operator in ("->>", "#>>"):
            return STRINGTYPE
        return BOOLEANTYPE if operator in _ASKING else self

    def is_mutable(self) -> bool:
        return self.mutable

    def copy_value(self, value: Any) -> Any:
        return deepcopy(value) if self.mutable else value

    def _arguments(self) -> dict[str, Any]:
        return {"mutable": self.mutable or None, "binary": None if self.binary else False}


class Uuid(TypeEngine[uuid.UUID]):
    """A :class:`uuid.UUID`."""

    name = "uuid"
    python_type = uuid.UUID
    _compared = (uuid.UUID,)
    checks_on_assignment = True
    takes_all_of_its_class = True
    compares_all_of_its_class = True


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
            self.compares_all_of_its_class = True
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
