"""Exact decimals in SQLite, which has none: numbers kept as text, compared and computed by functions of ours.

A connection gets the collation ``decimal`` and the functions ``decimal_add``, ``decimal_sub``, ``decimal_mul`` and
``decimal_sum``, under the names of SQLite's own "decimal" extension (https://www.sqlite.org/floatingpoint.html, chapter
3), so that the sqlite3 shell can work with such a file; and ``decimal_div``, ``decimal_neg``, ``decimal_abs``,
``decimal_round``, ``decimal_min``, ``decimal_max`` and ``decimal_avg`` beside them, and ``float_round`` for CAST. No value ever passes through a
float.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Any

__all__ = ["collate_decimal", "register_decimal"]

# exact for addition and multiplication, see the FAQ of Python's decimal module
_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)
# a quotient may have no end; 38 digits are what SQL databases commonly keep
_QUOTIENT = Context(prec=38, rounding=ROUND_HALF_UP)


def register_decimal(raw: sqlite3.Connection) -> None:
    """Give one connection the collation and the functions."""
    raw.create_collation("decimal", collate_decimal)
    for name, arguments, function in (
        ("decimal_add", 2, _add),
        ("decimal_sub", 2, _subtract),
        ("decimal_mul", 2, _multiply),
        ("decimal_div", 2, _divide),
        ("decimal_neg", 1, _negate),
        ("decimal_abs", 1, _absolute),
        ("decimal_round", 1, _round),
        ("decimal_round", 2, _round),
        ("float_round", 1, _round_float),
    ):
        raw.create_function(name, arguments, function, deterministic=True)
    raw.create_window_function("decimal_sum", 1, _Sum)
    raw.create_window_function("decimal_avg", 1, _Average)
    # not over windows: when the least value leaves one, nothing tells which is the least then
    raw.create_aggregate("decimal_min", 1, _Minimum)
    raw.create_aggregate("decimal_max", 1, _Maximum)


def collate_decimal(left: str, right: str) -> int:
    """Compare two texts as numbers: -1, 0 or 1. A text that is no number comes after all numbers."""
    if left == right:
        return 0
    a, b = _number_or_none(left), _number_or_none(right)
    if a is None or b is None:
        if a is b:
            return -1 if left < right else 1
        return 1 if a is None else -1
    return (a > b) - (a < b)


def _number_or_none(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    # columns of floats have infinities, which compare as numbers do
    return None if number.is_nan() else number


def _number(value: object) -> Decimal:
    return Decimal(value if isinstance(value, (str, int)) else repr(value))


def _text(number: Decimal) -> str:
    # SQL knows one zero, without a sign
    return format(number if number else number.copy_abs(), "f")


def _binary(operation: Callable[[Decimal, Decimal], Decimal | None]) -> Callable[[Any, Any], str | None]:
    def function(left: object, right: object) -> str | None:
        if left is None or right is None:
            return None
        result = operation(_number(left), _number(right))
        return None if result is None else _text(result)

    return function


def _quotient(left: Decimal, right: Decimal) -> Decimal | None:
    # SQLite's own division by zero gives NULL
    return _QUOTIENT.divide(left, right) if right else None


_add = _binary(_EXACT.add)
_subtract = _binary(_EXACT.subtract)
_multiply = _binary(_EXACT.multiply)
_divide = _binary(_quotient)


def _negate(value: object) -> str | None:
    return None if value is None else _text(_number(value).copy_negate())


def _absolute(value: object) -> str | None:
    return None if value is None else _text(_number(value).copy_abs())


def _round(value: Any, digits: Any = 0) -> str | None:
    if value is None or digits is None:
        return None
    # halves away from zero, as SQL's round() does
    return _text(_number(value).quantize(Decimal(1).scaleb(-int(digits)), ROUND_HALF_UP, context=_EXACT))


def _round_float(value: Any) -> int | None:
    # halves to the even neighbour, as a float becomes an integer in PostgreSQL
    return None if value is None else round(value)


class _Sum:
    """SUM, also over a window; NULL without any value."""

    def __init__(self) -> None:
        self.total = Decimal(0)
        self.count = 0

    def step(self, value: object) -> None:
        if value is not None:
            self.total = _EXACT.add(self.total, _number(value))
            self.count += 1

    def inverse(self, value: object) -> None:
        if value is not None:
            self.total = _EXACT.subtract(self.total, _number(value))
            self.count -= 1

    def value(self) -> str | None:
        return _text(self.total) if self.count else None

    finalize = value


class _Average(_Sum):
    """AVG."""

    def value(self) -> str | None:
        return _text(_QUOTIENT.divide(self.total, Decimal(self.count))) if self.count else None

    finalize = value


class _Minimum:
    """MIN."""

    def __init__(self) -> None:
        self.best: Decimal | None = None

    def is_better(self, number: Decimal, best: Decimal) -> bool:
        return number < best

    def step(self, value: object) -> None:
        if value is not None:
            number = _number(value)
            if self.best is None or self.is_better(number, self.best):
                self.best = number

    # typeshed has aggregates return an int alone
    def finalize(self) -> Any:
        return None if self.best is None else _text(self.best)


class _Maximum(_Minimum):
    """MAX."""

    def is_better(self, number: Decimal, best: Decimal) -> bool:
        return number > best
