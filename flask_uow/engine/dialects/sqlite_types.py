"""How values are kept in SQLite, which stores whatever it is given: the storage form of each type, and its checks.

| type | storage |
|---|---|
| integers, Boolean | INTEGER; True is 1 |
| Float | REAL |
| Numeric | TEXT: plain digits, padded to the scale (see sqlite_decimal) |
| String, Text, Enum | TEXT |
| Date | TEXT ``YYYY-MM-DD`` |
| Time | TEXT ``HH:MM:SS.ffffff``, with ``+HH:MM`` where zoned |
| DateTime | TEXT ``YYYY-MM-DD HH:MM:SS.ffffff``; zoned in UTC, with ``+00:00`` |
| Interval | INTEGER, microseconds |
| LargeBinary | BLOB |
| Uuid | TEXT, 36 characters |
| JSON | TEXT |
| ARRAY | TEXT, the storage forms of the items as JSON |

Texts of one type have one width where it matters, so that they sort like their values.
"""

from __future__ import annotations

import datetime as dt
import decimal
import json
from collections.abc import Callable
from typing import Any

from flask_uow.engine.dialects.base import Processor
from flask_uow.engine.dialects.sqlite_loaders import LOADERS
from flask_uow.engine.dialects.values import (
    binary_binder,
    boolean_binder,
    enum_binder,
    float_binder,
    integer_binder,
    json_binder,
    string_binder,
    uuid_binder,
)
from flask_uow.sql.type_values import as_decimal
from flask_uow.sql.types import ARRAY, Float, Interval, Numeric, TypeEngine, type_for_value
from flask_uow.sql.value_errors import out_of_range

__all__ = ["array_binder", "bind_processor", "cast_name", "result_processor", "type_ddl"]

_UTC = dt.UTC
_MAX_INTEGER = 2**63 - 1


def bind_processor(type_: TypeEngine[Any]) -> Processor | None:
    """Return the function from a Python value to its storage form."""
    make = _BINDERS.get(type_.name)
    return make(type_) if make is not None else None


def result_processor(type_: TypeEngine[Any]) -> Processor | None:
    """Return the function from the storage form to Python's value."""
    make = LOADERS.get(type_.name)
    return make(type_) if make is not None else None


def type_ddl(type_: TypeEngine[Any]) -> str:
    """Return the type as CREATE TABLE writes it; its words decide the affinity (https://www.sqlite.org/datatype3.html).

    Each type has a word of its own, by which reflection knows it again.
    """
    name = type_.name
    if name == "numeric":
        digits = [str(n) for n in (type_.precision, type_.scale) if n is not None]  # type: ignore[attr-defined]
        given = f"({', '.join(digits)})" if digits else ""
        return f"DECIMAL_TEXT{given}"
    if name in ("datetime", "time") and type_.timezone:  # type: ignore[attr-defined]
        return f"{'TIMESTAMP' if name == 'datetime' else 'TIME'} WITH TIME ZONE"
    if name == "float" and (precision := type_.precision) is not None:  # type: ignore[attr-defined]
        return f"FLOAT({precision})"
    if name in ("string", "unicode", "char", "enum"):
        length = type_.length  # type: ignore[attr-defined]
        base = "CHAR" if name == "char" else "VARCHAR"
        return f"{base}({length})" if length is not None else base
    return _DDL[name]


def cast_name(type_: TypeEngine[Any]) -> str:
    """Return the storage class that CAST turns a value into."""
    return _CASTS.get(type_.name, "TEXT")


def array_binder(type_: ARRAY, item_binder: Processor | None) -> Processor:
    """Return the function from a list, however deep it is nested, to JSON text.

    :param item_binder: the function for the items.
    """

    def store(value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return [store(item) for item in value]
        return value if item_binder is None else item_binder(value)

    def bind(value: Any) -> Any:
        if value is None:
            return None
        type_.convert(value)
        return json.dumps(store(value), ensure_ascii=False, separators=(",", ":"))

    return bind


_DDL = {
    "integer": "INTEGER", "small_integer": "SMALLINT", "big_integer": "BIGINT", "text": "TEXT", "boolean": "BOOLEAN",
    "float": "FLOAT", "real": "REAL", "date": "DATE", "time": "TIME", "datetime": "DATETIME", "large_binary": "BLOB",
    # JSON would have numeric affinity, and the document 1 would become a number; INTERVAL has an integer's, for its INT
    "json": "JSON_TEXT", "array": "ARRAY_TEXT", "uuid": "UUID_TEXT", "interval": "INTERVAL", "null": "",
}  # fmt: skip
_CASTS = {
    "integer": "INTEGER", "small_integer": "INTEGER", "big_integer": "INTEGER", "boolean": "INTEGER", "interval":
    "INTEGER", "float": "REAL", "real": "REAL", "large_binary": "BLOB", "null": "BLOB",
}  # fmt: skip


def _bind_float(type_: Float) -> Processor:
    bind_any = float_binder(type_)

    def bind(value: Any) -> Any:
        number = value if type(value) is float else bind_any(value)
        # SQLite would store NULL for NaN
        if number is not None and number != number:
            out_of_range(type_, value, "a number: SQLite has no NaN", "Store None for a missing value.")
        return number

    return bind


def _bind_numeric(type_: Numeric) -> Processor:
    fit = type_.fit

    def bind(value: Any) -> Any:
        if value is None:
            return None
        number = value if type(value) is decimal.Decimal else as_decimal(type_, value)
        return format(fit(number, value), "f")

    return bind


def _bind_date(type_: TypeEngine[Any]) -> Processor:
    def bind(value: Any) -> Any:
        if value is None:
            return None
        if type(value) is not dt.date:
            value = type_.convert(value)
        return value.isoformat()

    return bind


def _bind_time(type_: TypeEngine[Any]) -> Processor:
    def bind(value: Any) -> Any:
        if value is None:
            return None
        return type_.convert(value).isoformat("microseconds")

    return bind


def _bind_datetime(type_: Any) -> Processor:
    def bind_naive(value: Any) -> Any:
        if value is None:
            return None
        if type(value) is not dt.datetime or value.tzinfo is not None:
            value = type_.convert(value).replace(tzinfo=None)
        return value.isoformat(" ", "microseconds")

    def bind_zoned(value: Any) -> Any:
        if value is None:
            return None
        if type(value) is not dt.datetime or value.tzinfo is not _UTC:
            value = type_.convert(value)
            try:
                value = value.astimezone(_UTC)
            except OverflowError:
                out_of_range(type_, value, "a moment of the years 1 to 9999 in UTC", "Use an earlier or a later one.")
        return value.isoformat(" ", "microseconds")

    return bind_zoned if type_.timezone else bind_naive


def _bind_interval(type_: Interval) -> Processor:
    def bind(value: Any) -> Any:
        if value is None:
            return None
        if type(value) is not dt.timedelta:
            value = type_.convert(value)
        microseconds = (value.days * 86_400 + value.seconds) * 1_000_000 + value.microseconds
        if not -_MAX_INTEGER <= microseconds <= _MAX_INTEGER:
            out_of_range(type_, value, "less than 292,000 years", "Store a number of days instead.")
        return microseconds

    return bind


def _bind_unknown(type_: TypeEngine[Any]) -> Processor:
    """For a parameter of unknown type: the value's own class decides."""

    def bind(value: Any) -> Any:
        if type(value) in _NATIVE:
            return value
        guessed = type_for_value(value)
        processor = bind_processor(guessed) if guessed.name != "null" else None
        return value if processor is None else processor(value)

    return bind


_NATIVE = frozenset((int, str, float, bytes, type(None)))
_BINDERS: dict[str, Callable[[Any], Processor]] = {
    "integer": integer_binder,
    "small_integer": integer_binder,
    "big_integer": integer_binder,
    "string": string_binder,
    "text": string_binder,
    "unicode": string_binder,
    "char": string_binder,
    "boolean": lambda type_: boolean_binder(type_, 1, 0),
    "float": _bind_float,
    "real": _bind_float,
    "numeric": _bind_numeric,
    "date": _bind_date,
    "time": _bind_time,
    "datetime": _bind_datetime,
    "interval": _bind_interval,
    "large_binary": binary_binder,
    "json": json_binder,
    "uuid": uuid_binder,
    "enum": enum_binder,
    "null": _bind_unknown,
}
