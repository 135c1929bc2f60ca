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
| Interval | INTEGER, microseconds; TEXT, a moment counted from 1970, where not native |
| LargeBinary | BLOB |
| Uuid | TEXT, 36 characters; the 32 digits where not native |
| JSON | TEXT |
| ARRAY | TEXT, the storage forms of the items as JSON |

Texts of one type have one width where it matters, so that they sort like their values.
"""

from __future__ import annotations

import datetime as dt
import decimal
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from flask_uow.engine.dialects.base import Dialect, Processor
from flask_uow.engine.dialects.sqlite_loaders import (
    array_text_loader,
    boolean_loader,
    load_date,
    load_datetime,
    load_interval,
    load_json,
    load_numeric,
    load_time,
    uuid_text_loader,
)
from flask_uow.engine.dialects.type_records import Maker, TypeRecord
from flask_uow.engine.dialects.values import (
    binary_binder,
    boolean_binder,
    enum_binder,
    enum_loader,
    float_binder,
    float_loader,
    integer_binder,
    json_binder,
    string_binder,
    uuid_binder,
)
from flask_uow.sql.types import ARRAY, JSON, NULLTYPE, DateTime, Float, Interval, Numeric, TypeEngine, type_for_value
from flask_uow.sql.types import named as sql
from flask_uow.sql.types.numbers import as_decimal
from flask_uow.sql.value_errors import out_of_range

__all__ = ["RECORDS", "array_binder"]

_UTC = dt.UTC
_MAX_INTEGER = 2**63 - 1
_EPOCH = dt.datetime(1970, 1, 1)


def array_binder(type_: ARRAY, item_binder: Processor | None) -> Processor:
    """Return the function from a list, however deep it is nested, to JSON text.

    :param item_binder: the function for the items.
    """

    def store(value: object) -> Any:
        if isinstance(value, (list, tuple)):
            return [store(item) for item in value]
        return value if item_binder is None else item_binder(value)

    def bind(value: object) -> Any:
        if value is None:
            return None
        type_.to_stored(value)
        return json.dumps(store(value), ensure_ascii=False, separators=(",", ":"))

    return bind


def _bind_float(type_: Float) -> Processor:
    bind_any = float_binder(type_)

    def bind(value: object) -> Any:
        number = value if type(value) is float and not type_.asdecimal else bind_any(value)
        # SQLite would store NULL for NaN
        if number is not None and number != number:
            out_of_range(type_, value, "a number: SQLite has no NaN", "Store None for a missing value.")
        return number

    return bind


def _bind_numeric(type_: Numeric) -> Processor:
    fit = type_.fit

    def bind(value: object) -> Any:
        if value is None:
            return None
        number = value if type(value) is decimal.Decimal else as_decimal(type_, value)
        number = fit(number, value)
        # SQL knows one zero, without a sign
        return format(number if number else number.copy_abs(), "f")

    return bind


def _bind_date(type_: TypeEngine[Any]) -> Processor:
    def bind(value: Any) -> Any:
        if value is None:
            return None
        if type(value) is not dt.date:
            value = type_.to_stored(value)
        return value.isoformat()

    return bind


def _bind_time(type_: TypeEngine[Any]) -> Processor:
    def bind(value: object) -> Any:
        if value is None:
            return None
        return type_.to_stored(value).isoformat("microseconds")

    return bind


def _bind_datetime(type_: DateTime) -> Processor:
    def bind_naive(value: Any) -> Any:
        if value is None:
            return None
        if type(value) is not dt.datetime or value.tzinfo is not None:
            value = type_.to_stored(value).replace(tzinfo=None)
        # always with microseconds: SQLite compares the texts, which then sort as the moments do
        return value.isoformat(" ", "microseconds")

    def bind_zoned(value: Any) -> Any:
        if value is None:
            return None
        if type(value) is not dt.datetime or value.tzinfo is not _UTC:
            value = type_.to_stored(value)
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
            value = type_.to_stored(value)
        microseconds = (value.days * 86_400 + value.seconds) * 1_000_000 + value.microseconds
        if not -_MAX_INTEGER <= microseconds <= _MAX_INTEGER:
            out_of_range(type_, value, "less than 292,000 years", "Store a number of days instead.")
        return microseconds

    def bind_moment(value: object) -> Any:
        if value is None:
            return None
        try:
            return (_EPOCH + type_.to_stored(value)).isoformat(" ", "microseconds")
        except OverflowError:
            out_of_range(
                type_, value, "a span that ends in the years 1 to 9999, counted from 1970", "Use a shorter one."
            )

    return bind if type_.is_native else bind_moment


_NATIVE = frozenset((int, str, float, bytes, type(None)))


def _bind_unknown(type_: TypeEngine[Any], dialect: Dialect) -> Processor:
    """For a parameter of unknown type: the value's own class decides."""

    def bind(value: object) -> Any:
        if type(value) in _NATIVE:
            return value
        guessed = type_for_value(value)
        processor = dialect.bind_processor(guessed) if guessed.lookup_name != "null" else None
        return value if processor is None else processor(value)

    return bind


def _with_length(word: str) -> Callable[[Any], str]:
    """Return the writer of a type that may have a length."""
    return lambda type_: word if type_.length is None else f"{word}({type_.length})"


def _zoned(word: str, zoned: str) -> Callable[[Any], str]:
    return lambda type_: f"{zoned} WITH TIME ZONE" if type_.timezone else word


def _numeric_ddl(type_: Numeric) -> str:
    digits = [str(n) for n in (type_.precision, type_.scale) if n is not None]
    return f"DECIMAL_TEXT({', '.join(digits)})" if digits else "DECIMAL_TEXT"


def _array_ddl(type_: ARRAY) -> str:
    return "ARRAY_TEXT"


def _bind_array(type_: ARRAY, dialect: Dialect) -> Processor:
    return array_binder(type_, dialect.bind_processor(type_.item_type))


def _load_array(type_: ARRAY, dialect: Dialect) -> Processor:
    return array_text_loader(type_, dialect.result_processor(type_.item_type))


def _made(make: Callable[[Any], Processor | None]) -> Maker:
    """Return the maker of a processor that the type alone decides on."""
    return lambda type_, dialect: make(type_)


_INTEGER = TypeRecord(
    "INTEGER", _made(integer_binder), cast="INTEGER", reflected={"INTEGER": sql.INTEGER, "INT": sql.INT}
)
_STRING = TypeRecord(
    _with_length("VARCHAR"), _made(string_binder), cast="TEXT",
    reflected_sized=dict.fromkeys(("VARCHAR", "CHARACTER VARYING", "NVARCHAR"), sql.VARCHAR),
)  # fmt: skip
_UUID = TypeRecord(
    "UUID_TEXT",
    _made(uuid_binder),
    _made(uuid_text_loader),
    cast="TEXT",
    reflected={"UUID_TEXT": sql.UUID, "UUID": sql.UUID},
)
# Its words decide the affinity of a column (https://www.sqlite.org/datatype3.html); each type has a word of its own, by which reflection knows it.
RECORDS: dict[str, TypeRecord] = {
    "integer": _INTEGER,
    "small_integer": replace(_INTEGER, ddl="SMALLINT", reflected={"SMALLINT": sql.SMALLINT}),
    "big_integer": replace(_INTEGER, ddl="BIGINT", reflected={"BIGINT": sql.BIGINT}),
    "string": _STRING,
    "unicode": replace(_STRING, reflected_sized={}),
    "char": replace(_STRING, ddl=_with_length("CHAR"), reflected_sized=dict.fromkeys(("CHAR", "CHARACTER"), sql.CHAR)),
    "text": TypeRecord("TEXT", _made(string_binder), cast="TEXT", reflected={"TEXT": sql.TEXT, "CLOB": sql.TEXT}),
    "enum": TypeRecord(_with_length("VARCHAR"), _made(enum_binder), _made(enum_loader), cast="TEXT"),
    "boolean": TypeRecord(
        "BOOLEAN", _made(lambda type_: boolean_binder(type_, 1, 0)), _made(boolean_loader), cast="INTEGER",
        reflected={"BOOLEAN": sql.BOOLEAN, "BOOL": sql.BOOLEAN},
    ),
    "float": TypeRecord(
        lambda type_: "FLOAT" if type_.precision is None else f"FLOAT({type_.precision})", _made(_bind_float), _made(float_loader), cast="REAL",
        reflected={"DOUBLE PRECISION": sql.FLOAT}, reflected_sized={"FLOAT": sql.FLOAT},
    ),
    "double": TypeRecord("DOUBLE", _made(_bind_float), _made(float_loader), cast="REAL", reflected={"DOUBLE": sql.DOUBLE}),
    "real": TypeRecord("REAL", _made(_bind_float), _made(float_loader), cast="REAL", reflected={"REAL": sql.REAL}),
    "numeric": TypeRecord(
        _numeric_ddl, _made(_bind_numeric), _made(load_numeric), cast="TEXT",
        reflected_sized=dict.fromkeys(("DECIMAL_TEXT", "NUMERIC", "DECIMAL"), sql.NUMERIC),
    ),
    "date": TypeRecord("DATE", _made(_bind_date), _made(load_date), cast="TEXT", reflected={"DATE": sql.DATE}),
    "time": TypeRecord(
        _zoned("TIME", "TIME"), _made(_bind_time), _made(load_time), cast="TEXT",
        reflected={"TIME": sql.TIME, "TIME WITH TIME ZONE": lambda: sql.TIME(timezone=True)},
    ),
    "datetime": TypeRecord(
        _zoned("DATETIME", "TIMESTAMP"), _made(_bind_datetime), _made(load_datetime), cast="TEXT",
        reflected={
            "DATETIME": sql.DATETIME, "TIMESTAMP": sql.DATETIME, "TIMESTAMP WITH TIME ZONE": lambda: sql.DATETIME(timezone=True),
        },
    ),
    # INTERVAL has an integer's affinity, for its INT
    "interval": TypeRecord(
        lambda type_: "INTERVAL" if type_.is_native else "DATETIME", _made(_bind_interval), _made(load_interval), cast="INTEGER",
        reflected={"INTERVAL": sql.INTERVAL},
    ),
    "large_binary": TypeRecord(_with_length("BLOB"), _made(binary_binder), cast="BLOB", reflected_sized={"BLOB": sql.BLOB}),
    # JSON would have numeric affinity, and the document 1 would become a number
    "json": TypeRecord("JSON_TEXT", _made(json_binder), _made(load_json), cast="TEXT", reflected={"JSON_TEXT": JSON, "JSON": JSON}),
    "array": TypeRecord(
        _array_ddl, _bind_array, _load_array, cast="TEXT", reflected={"ARRAY_TEXT": lambda: ARRAY(NULLTYPE)},
    ),
    "uuid": _UUID,
    "uuid_digits": replace(_UUID, ddl="CHAR(32)", reflected={}),
    "user_defined": TypeRecord(
        lambda type_: type_.get_col_spec(), lambda type_, dialect: type_.bind_processor(dialect),
        lambda type_, dialect: type_.result_processor(dialect, None), cast=lambda type_: type_.get_col_spec(),
    ),
    "null": TypeRecord("", _bind_unknown, cast="BLOB"),
}  # fmt: skip
