"""Numbers: integers of three sizes, binary floats, exact decimals; and truth values, for which 1 and 0 are taken."""

from __future__ import annotations

import decimal
import operator
from typing import Any, ClassVar, cast

from flask_uow.exc import ArgumentError
from flask_uow.sql.types.base import TypeEngine, type_for_value
from flask_uow.sql.types.plain import PLAIN
from flask_uow.sql.value_errors import out_of_range, wrong_kind

__all__ = ["BigInteger", "Boolean", "Double", "Float", "Integer", "Numeric", "SmallInteger"]

# more digits than the largest integer of 64 bits has, with its sign
_MOST_DIGITS = 20


class Integer(TypeEngine[int]):
    """An integer of 32 bits."""

    lookup_name = "integer"
    value_class = int
    compares_all_of_its_class = True
    minimum: ClassVar[int] = -(2**31)
    maximum: ClassVar[int] = 2**31 - 1
    _widened = (int, float, decimal.Decimal)

    def coerce_compared(self, value: object) -> TypeEngine[Any]:
        # a number that no row can hold compares as false, it is no error
        fits = type(value) is int and self.minimum <= value <= self.maximum
        return self if fits else type_for_value(value)

    @property
    def compared_family(self) -> str:
        # integers of all sizes are one
        return "integer"

    @property
    def of_parameters(self) -> TypeEngine[Any]:
        return self._unlimited or self

    def _to_stored(self, value: object) -> int:
        read = whole_number(value) if isinstance(value, str) else None
        try:
            number = operator.index(cast("int", value)) if read is None else read
        except TypeError:
            wrong_kind(self, value, "an int", "Convert it with int(), or use Float or Numeric for fractions.")
        if not self.minimum <= number <= self.maximum:
            cure = "Use BigInteger" if self.lookup_name != "big_integer" else "Use Numeric"
            out_of_range(self, value, f"{self.minimum} to {self.maximum}", f"{cure} for larger numbers.")
        return number


class SmallInteger(Integer):
    """An integer of 16 bits."""

    lookup_name = "small_integer"
    minimum = -(2**15)
    maximum = 2**15 - 1


class BigInteger(Integer):
    """An integer of 64 bits."""

    lookup_name = "big_integer"
    minimum = -(2**63)
    maximum = 2**63 - 1


# bool("false") is True
_CURE_OF_TEXT = (
    "Compare it with the text that means True, as in `value == 'true'`: bool() of any text but the empty one is True."
)


class Boolean(TypeEngine[bool]):
    """True or False; the ints 1 and 0 are taken for them.

    :param create_constraint: True gives the table a CHECK that refuses other numbers, where the database has no truth values (SQLite).
    :param name: the name of that constraint.
    """

    lookup_name = "boolean"
    value_class = bool
    compares_all_of_its_class = True
    _compared = (bool,)

    def __init__(self, *, create_constraint: bool = False, name: str | None = None) -> None:
        super().__init__()
        self.create_constraint = create_constraint
        self.constraint_name = name

    def _type_arguments(self) -> dict[str, Any]:
        return {"create_constraint": self.create_constraint or None, "name": self.constraint_name}

    def _to_stored(self, value: object) -> bool:
        if not (isinstance(value, int) and value in (0, 1)):
            wrong_kind(
                self, value, "True or False", _CURE_OF_TEXT if isinstance(value, str) else "Convert it with bool()."
            )
        return bool(value)


class Float(TypeEngine[float]):
    """A binary floating point number.

    :param precision: binary digits, as SQL counts them: up to 24 is single precision, None is double.
    :param asdecimal: True loads Decimals, and takes them.
    :param decimal_return_scale: with ``asdecimal``, the digits behind the point of what is loaded; None for the shortest number that is the same
        float.
    """

    lookup_name = "float"
    value_class: Any = float
    compares_all_of_its_class = True
    _compared = (float, int)
    _widened = (int, float, decimal.Decimal)

    def __init__(
        self, precision: int | None = None, asdecimal: bool = False, decimal_return_scale: int | None = None
    ) -> None:
        if decimal_return_scale is not None and not asdecimal:
            raise ArgumentError(
                f"{type(self).__name__}(decimal_return_scale={decimal_return_scale}) is about Decimals. Pass asdecimal=True with it."
            )
        self.precision = precision
        self.asdecimal = asdecimal
        self.decimal_return_scale = decimal_return_scale
        if asdecimal:
            self.value_class = decimal.Decimal
        self.cache_key = (type(self), precision, asdecimal, decimal_return_scale)

    def _type_arguments(self) -> dict[str, Any]:
        return {
            "precision": self.precision,
            "asdecimal": self.asdecimal or None,
            "decimal_return_scale": self.decimal_return_scale,
        }

    @property
    def compared_family(self) -> str:
        return "float"

    def loaded(self, value: float) -> decimal.Decimal:
        """Return the Decimal for a float of the database, where the type has Decimals."""
        scale = self.decimal_return_scale
        return decimal.Decimal(repr(value) if scale is None else f"{value:.{scale}f}")

    def _to_stored(self, value: object) -> Any:
        if self.asdecimal:
            # its column is a float, so that one is no worse than the Decimal that is written like it
            return decimal.Decimal(repr(value)) if isinstance(value, float) else as_decimal(self, value)
        if not isinstance(value, (int, float)):
            wrong_kind(self, value, "a float", "Convert it with float(), or use Numeric for exact fractions.")
        try:
            return float(value)
        except OverflowError:
            out_of_range(self, value, "a number that a float can hold", "Use Numeric for larger numbers.")


class Double(Float):
    """A binary floating point number of double precision.

    :param asdecimal: as of :class:`Float`; likewise ``decimal_return_scale``.
    """

    lookup_name = "double"

    def __init__(self, *, asdecimal: bool = False, decimal_return_scale: int | None = None) -> None:
        super().__init__(None, asdecimal, decimal_return_scale)


class Numeric(TypeEngine[decimal.Decimal]):
    """An exact decimal number.

    :param precision: the largest number of digits; None for no limit.
    :param scale: the digits behind the point; 0 when only a precision is given, as in SQL.
    :param asdecimal: False loads floats and takes them.
    """

    lookup_name = "numeric"
    value_class: Any = decimal.Decimal
    checks_on_assignment = True

    def __init__(self, precision: int | None = None, scale: int | None = None, asdecimal: bool = True) -> None:
        if scale is not None and (precision is None or not 0 <= scale <= precision):
            given = f"Numeric(precision={precision!r}, scale={scale!r})"
            raise ArgumentError(f"{given}: a scale needs a precision that is not smaller. Pass both, or none.")
        self.precision = precision
        self.scale = scale
        self.asdecimal = asdecimal
        if not asdecimal:
            self.value_class = float
        self.cache_key = (type(self), precision, scale, asdecimal)
        digits = scale if scale is not None or precision is None else 0
        self._step = None if digits is None else decimal.Decimal(1).scaleb(-digits)
        self._context = decimal.Context(
            prec=precision or decimal.MAX_PREC, traps=[decimal.Inexact, decimal.InvalidOperation]
        )

    @property
    def compared_family(self) -> str:
        return "numeric" if self.asdecimal else "float"

    def fit(self, number: decimal.Decimal, value: object) -> decimal.Decimal:
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
            expected = f"{self.precision} digits, {self.scale or 0} of them behind the point"
            out_of_range(self, value, expected, cure)

    def for_comparison(self, value: object) -> tuple[Any, TypeEngine[Any]]:
        # a number with more digits than any row has is unequal to all, it is no error
        number = as_decimal(self, value)
        NUMERICTYPE.fit(number, value)
        return (number, self._unlimited or self) if self.asdecimal or not isinstance(value, float) else (value, self)

    @property
    def of_parameters(self) -> TypeEngine[Any]:
        return (self._unlimited or self) if self.asdecimal else self

    def coerce_compared(self, value: object) -> TypeEngine[Any]:
        # no precision: a number that no row can hold is unequal to all, it is no error
        if isinstance(value, (decimal.Decimal, int)) and not isinstance(value, bool):
            return self._unlimited or self
        return self if isinstance(value, float) and not self.asdecimal else type_for_value(value)

    def _type_arguments(self) -> dict[str, Any]:
        return {"precision": self.precision, "scale": self.scale, "asdecimal": None if self.asdecimal else "False"}

    def _to_stored(self, value: Any) -> decimal.Decimal | float:
        self.fit(as_decimal(self, value), value)
        if self.asdecimal:
            return value if isinstance(value, decimal.Decimal) else decimal.Decimal(value)
        return float(value)


def whole_number(text: str) -> int | None:
    """Return the int that is written as exactly this text, None for any other text."""
    if len(text) > _MOST_DIGITS or not text.isascii() or not text.removeprefix("-").isdigit():
        return None
    number = int(text)
    return number if str(number) == text else None


def as_decimal(type_: Numeric | Float, value: object) -> decimal.Decimal:
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


BOOLEANTYPE = Boolean()
INTEGERTYPE = Integer()
BIGINTEGERTYPE = BigInteger()
NUMERICTYPE = Numeric()
Integer._unlimited = BIGINTEGERTYPE
Numeric._unlimited = NUMERICTYPE


def _integer_for(value: int) -> TypeEngine[Any]:
    if Integer.minimum <= value <= Integer.maximum:
        return INTEGERTYPE
    return BIGINTEGERTYPE if BigInteger.minimum <= value <= BigInteger.maximum else NUMERICTYPE


PLAIN.add(INTEGERTYPE, [int], choose=_integer_for)
PLAIN.add(BIGINTEGERTYPE, family="integer")
PLAIN.add(Float(), [float], family="float")
PLAIN.add(NUMERICTYPE, [decimal.Decimal], family="numeric")
PLAIN.add(BOOLEANTYPE, [bool])
