"""How values travel to PostgreSQL and back, and what its types are called.

psycopg2 converts most values by itself. What is added: checks of what the server would change without a word (a float
in a numeric column, a zoned datetime in one without a zone), and type casters for uuid and bytea, registered on each
connection and never globally, so that other users of psycopg2 in the process see no difference. On the batches' array
literals see :mod:`flask_uow.engine.dialects.postgresql_arrays`.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import functools
import json
import re
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from psycopg2 import BINARY, extensions
from psycopg2.extensions import new_array_type, new_type, register_type

from flask_uow.engine.dialects.base import Dialect, Processor
from flask_uow.engine.dialects.postgresql_arrays import array_binder, array_items
from flask_uow.engine.dialects.postgresql_elements import (
    FLOATS,
    INTEGERS,
    LIMITED_TEXTS,
    PROCESSED,
    ArrayElement,
    PostgreSQLRecord,
    bytes_text,
    check_digits,
    check_sizes,
    check_zones,
    interval_text,
    range_text,
)
from flask_uow.engine.dialects.type_records import Maker, Reflected
from flask_uow.engine.dialects.values import (
    array_loader,
    binary_binder,
    boolean_binder,
    checking_binder,
    enum_binder,
    enum_loader,
    exact_class_binder,
    float_binder,
    float_loader,
    integer_binder,
    json_binder,
    string_binder,
    utc_datetime,
    uuid_binder,
    uuid_loader,
)
from flask_uow.sql.types import (
    ARRAY,
    BIT,
    CIDR,
    CITEXT,
    DOMAIN,
    HSTORE,
    INET,
    JSON,
    JSONPATH,
    MACADDR,
    MACADDR8,
    MONEY,
    OID,
    REGCLASS,
    REGCONFIG,
    TSQUERY,
    TSVECTOR,
    Boolean,
    Date,
    DateTime,
    Enum,
    Float,
    Integer,
    Interval,
    LargeBinary,
    Numeric,
    RangeType,
    Time,
    TypeEngine,
    Uuid,
    type_for_value,
)
from flask_uow.sql.types import named as sql
from flask_uow.sql.types.moments import INTERVAL_FIELDS
from flask_uow.sql.types.numbers import as_decimal

if TYPE_CHECKING:
    from psycopg2.extensions import connection, cursor

__all__ = ["RECORDS", "register_types"]


def register_types(raw: connection) -> None:
    """Make one connection give uuid as UUID and bytea as bytes, in arrays too."""
    for caster in (_UUID_CASTER, _BYTES_CASTER, _UUIDS_CASTER, _BYTEAS_CASTER):
        register_type(caster, raw)


def _precision(type_: Interval | DateTime | Time) -> str:
    return f"({type_.precision})" if type_.precision is not None else ""


def _moment_ddl(word: str) -> Callable[[Any], str]:
    return lambda type_: f"{word}{_precision(type_)} {'WITH' if type_.timezone else 'WITHOUT'} TIME ZONE"


def _moment_cast(word: str) -> Callable[[Any], str]:
    # a moment is not rounded in passing
    return lambda type_: f"{word} {'with' if type_.timezone else 'without'} time zone"


def _with_length(word: str) -> Callable[[Any], str]:
    """Return the writer of a type that may have a length."""
    return lambda type_: word if type_.length is None else f"{word}({type_.length})"


def _interval_ddl(type_: Interval) -> str:
    return f"INTERVAL{f' {type_.fields}' if type_.fields is not None else ''}{_precision(type_)}"


def _native(type_: TypeEngine[Any]) -> str:
    return str(type_.native_name)


def _numeric_ddl(type_: Numeric) -> str:
    if type_.precision is None:
        return "NUMERIC"
    return f"NUMERIC({type_.precision}, {type_.scale})" if type_.scale is not None else f"NUMERIC({type_.precision})"


def _cast_uuid(text: Any, cursor: cursor) -> uuid.UUID | None:
    return None if text is None else uuid.UUID(text)


def _cast_bytes(text: Any, cursor: cursor) -> bytes | None:
    return None if text is None else bytes(BINARY(text, cursor))


# the numbers are fixed in PostgreSQL's catalog: src/include/catalog/pg_type.dat
_UUID_CASTER = new_type((2950,), "UUID", _cast_uuid)
_BYTES_CASTER = new_type((17,), "BYTES", _cast_bytes)
_UUIDS_CASTER = new_array_type((2951,), "UUID[]", _UUID_CASTER)
_BYTEAS_CASTER = new_array_type((1001,), "BYTES[]", _BYTES_CASTER)


def _load_float(value: Any) -> Any:
    return None if value is None else float(value)


def _load_moment(type_: DateTime) -> Processor | None:
    return _load_zoned if type_.timezone else None


def _load_numeric(type_: Numeric) -> Processor | None:
    return None if type_.asdecimal else _load_float


def _load_uuid(type_: Uuid) -> Processor | None:
    if type_.as_uuid and type_.native_uuid:
        return None
    load = uuid_loader(type_)
    return lambda value: None if value is None else load(value)


# a key, and a quoted text or NULL
_PAIR = re.compile(r'"((?:[^"\\]|\\.)*)"=>(?:"((?:[^"\\]|\\.)*)"|NULL)', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def _load_hstore(type_: HSTORE) -> Processor:
    def load(value: Any) -> Any:
        # a dict where the application has told the driver of the type
        if value is None or isinstance(value, dict):
            return value
        # https://www.postgresql.org/docs/current/hstore.html#HSTORE-EXTERNAL-REP
        return {_ESCAPED.sub(r"\1", k): None if v is None else _ESCAPED.sub(r"\1", v) for k, v in _pairs(value)}

    return load


def _pairs(text: str) -> list[tuple[str, str | None]]:
    return [(match.group(1), match.group(2)) for match in _PAIR.finditer(text)]


def _bind_hstore(type_: HSTORE) -> Processor:
    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    def bind(value: object) -> Any:
        if value is None:
            return None
        items = type_.to_stored(value).items()
        return ", ".join(f"{quoted(key)}=>{'NULL' if text is None else quoted(text)}" for key, text in items)

    return bind


def _load_range(type_: RangeType) -> Processor:
    def load(value: object) -> Any:
        return None if value is None else type_.to_stored(value)

    return load


def _bind_range(type_: RangeType) -> Processor:
    def bind(value: object) -> Any:
        return None if value is None else range_text(type_.to_stored(value))

    return bind


def _load_zoned(value: Any) -> Any:
    # the connection's own time zone is UTC; a SET TIME ZONE of the user's may have changed it
    return value if value is None or value.tzinfo is dt.UTC else utc_datetime(value)


def _bind_numeric(type_: Numeric) -> Processor:
    fit = type_.fit

    def bind(value: object) -> Any:
        if value is None:
            return None
        number = value if type(value) is decimal.Decimal else as_decimal(type_, value)
        # checked here: the server would round without a word, and psycopg2 send NaN for infinity
        fit(number, value)
        return number

    return bind


def _bind_zoned(type_: DateTime | Time) -> Processor:
    cls = type_.value_class
    timezone = type_.timezone

    def bind(value: Any) -> Any:
        if type(value) is not cls or (value.utcoffset() is None) is timezone:
            return type_.to_stored(value)
        return value

    return bind


def _bind_unknown(type_: TypeEngine[Any], dialect: Dialect) -> Processor:
    """For a parameter of unknown type: psycopg2's own conversions, and ours where it has none."""

    def bind(value: object) -> Any:
        if isinstance(value, (uuid.UUID, dict, enum.Enum)):
            processor = dialect.bind_processor(type_for_value(value))
            return value if processor is None else processor(value)
        return value

    return bind


def _bind_booleans(type_: Boolean) -> Processor:
    return boolean_binder(type_, True, False)


def _load_array(type_: ARRAY, dialect: Dialect) -> Processor | None:
    item = type_.item_type
    load_item = dialect.result_processor(item)
    parse = _parser_of(item) if isinstance(item, DOMAIN) or item.native_name is not None else None
    load = array_loader(type_, load_item if parse is None else _parsing(parse, load_item))
    if parse is None and item.lookup_name not in _UNKNOWN_TO_DRIVER and not isinstance(item, DOMAIN):
        return load
    return array_items if load is None else lambda value: load(array_items(value))


def _parser_of(type_: TypeEngine[Any]) -> Callable[[str], Any] | None:
    """Return the function that makes of a text what the driver gives for the type that a domain is made of; None where that is the text."""
    storage = type_.stored_type
    return next((parse for classes, parse in _PARSERS if isinstance(storage, classes)), None)


def _parsing(parse: Callable[[str], Any], load: Processor | None) -> Processor:
    def loaded(text: Any) -> Any:
        value = parse(text) if isinstance(text, str) else text
        return value if load is None else load(value)

    return loaded


# what the driver would give for a type, made of its text
_PARSERS: tuple[tuple[Any, Callable[[str], Any]], ...] = (
    (Boolean, lambda text: text == "t"),
    (Integer, int),
    (Numeric, decimal.Decimal),
    (Float, float),
    (Date, dt.date.fromisoformat),
    (DateTime, dt.datetime.fromisoformat),
    (Time, dt.time.fromisoformat),
    (Interval, lambda text: extensions.PYINTERVAL(text, None)),
    (LargeBinary, lambda text: bytes(BINARY(text, None))),
    (Uuid, uuid.UUID),
    (JSON, json.loads),
)


# arrays of these come as text, for the driver may not know what they are really of
_UNKNOWN_TO_DRIVER = frozenset(("null", "enum", "string", "text", "unicode", "postgresql_text", "user_defined"))


def _enum_ddl(type_: Enum) -> str:
    if not type_.native_enum:
        return f"VARCHAR({type_.length})"
    names = (type_.schema, str(type_.set_name))
    return ".".join(
        name if _PLAIN_NAME.match(name) else '"' + name.replace('"', '""') + '"' for name in names if name is not None
    )


def _enum_cast(type_: Enum) -> str:
    return _enum_ddl(type_) if type_.native_enum else "varchar"


_PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_]*\Z")


def _json_ddl(type_: JSON) -> str:
    return "JSONB" if type_.binary else "JSON"


def _made(make: Callable[[Any], Processor | None]) -> Maker:
    """Return the maker of a processor that the type alone decides on."""
    return lambda type_, dialect: make(type_)


def _numeric_of(*arguments: int) -> TypeEngine[Any]:
    # a scale of 0 goes without saying
    precision, scale = (*arguments, None, None)[:2]
    return sql.NUMERIC(precision, scale or None)


def _interval_words() -> dict[str, Reflected]:
    fields = [None, *INTERVAL_FIELDS]
    return {
        "interval" if field is None else f"interval {field.lower()}": functools.partial(sql.INTERVAL, field)
        for field in fields
    }


def _moment_words(word: str, make: Callable[..., TypeEngine[Any]]) -> dict[str, Reflected]:
    return {
        f"{word} with time zone": functools.partial(make, True),
        f"{word} without time zone": functools.partial(make, False),
    }


_INTEGER = PostgreSQLRecord(
    ddl="INTEGER", bind=_made(integer_binder), reflected={"integer": sql.INTEGER}, element=INTEGERS
)
# a cast to varchar(n) would cut the text without a word, and an array of texts is assigned with the length of each checked
_STRING = PostgreSQLRecord(
    ddl=_with_length("VARCHAR"), bind=_made(string_binder), cast="varchar", reflected_sized={"character varying": sql.VARCHAR},
    element=LIMITED_TEXTS, array_cast="text[]", is_textual=True,
)  # fmt: skip
_FLOAT = PostgreSQLRecord(ddl="DOUBLE PRECISION", bind=_made(float_binder), load=_made(float_loader), element=FLOATS)
_TEXT_OF_SERVER = PostgreSQLRecord(
    ddl=_native, bind=_made(string_binder), element=PROCESSED, array_cast="text[]", is_textual=True
)
RECORDS: dict[str, PostgreSQLRecord] = {
    "integer": _INTEGER,
    "small_integer": replace(_INTEGER, ddl="SMALLINT", reflected={"smallint": sql.SMALLINT}),
    "big_integer": replace(_INTEGER, ddl="BIGINT", reflected={"bigint": sql.BIGINT, "oid": OID}),
    "string": _STRING,
    "unicode": replace(_STRING, reflected_sized={}),
    "char": replace(
        _STRING, ddl=_with_length("CHAR"), cast="bpchar", reflected_sized=dict.fromkeys(("character", "bpchar"), sql.CHAR), array_cast=None,
    ),
    "text": PostgreSQLRecord(
        ddl="TEXT", bind=_made(string_binder), reflected={"text": sql.TEXT}, element=LIMITED_TEXTS, is_textual=True,
    ),
    "enum": PostgreSQLRecord(
        ddl=_enum_ddl, cast=_enum_cast, bind=_made(enum_binder), load=_made(enum_loader), element=PROCESSED, array_cast="text[]",
        is_textual=True,
    ),
    "boolean": PostgreSQLRecord(
        ddl="BOOLEAN", bind=_made(_bind_booleans), reflected={"boolean": sql.BOOLEAN},
        element=ArrayElement(bool, {True: "t", False: "f"}.__getitem__),
    ),
    "float": replace(
        _FLOAT, ddl=lambda type_: "DOUBLE PRECISION" if type_.precision is None else f"FLOAT({type_.precision})",
        reflected={"double precision": sql.DOUBLE_PRECISION},
    ),
    "double": _FLOAT,
    "real": replace(_FLOAT, ddl="REAL", reflected={"real": sql.REAL}),
    "numeric": PostgreSQLRecord(
        ddl=_numeric_ddl, bind=_made(_bind_numeric), load=_made(_load_numeric), reflected_sized={"numeric": _numeric_of},
        element=ArrayElement(decimal.Decimal, str, check_digits), array_cast="numeric[]",
    ),
    "date": PostgreSQLRecord(
        ddl="DATE", bind=_made(lambda type_: exact_class_binder(type_, dt.date)), reflected={"date": sql.DATE},
        element=ArrayElement(dt.date, dt.date.isoformat),
    ),
    "time": PostgreSQLRecord(
        ddl=_moment_ddl("TIME"), cast=_moment_cast("time"), bind=_made(_bind_zoned), reflected_sized=_moment_words("time", sql.TIME),
        element=ArrayElement(dt.time, dt.time.isoformat, check_zones),
    ),
    "datetime": PostgreSQLRecord(
        ddl=_moment_ddl("TIMESTAMP"), cast=_moment_cast("timestamp"), bind=_made(_bind_zoned), load=_made(_load_moment),
        reflected_sized=_moment_words("timestamp", sql.TIMESTAMP), element=ArrayElement(dt.datetime, dt.datetime.isoformat, check_zones),
    ),
    "interval": PostgreSQLRecord(
        ddl=_interval_ddl, cast="interval", bind=_made(lambda type_: exact_class_binder(type_, dt.timedelta)),
        reflected_sized=_interval_words(), element=ArrayElement(dt.timedelta, interval_text),
    ),
    "large_binary": PostgreSQLRecord(
        ddl="BYTEA", bind=_made(binary_binder), reflected={"bytea": sql.BYTEA}, element=ArrayElement(bytes, bytes_text, check_sizes),
    ),
    "json": PostgreSQLRecord(
        ddl=_json_ddl, bind=_made(json_binder), reflected={"jsonb": JSON, "json": functools.partial(JSON, binary=False)}, element=PROCESSED,
        array_cast="text[]", is_textual=True,
    ),
    "array": PostgreSQLRecord(ddl="", bind=array_binder, load=_load_array, element=PROCESSED, array_cast="text[]", is_textual=True),
    "uuid": PostgreSQLRecord(
        ddl="UUID", bind=_made(uuid_binder), load=_made(_load_uuid), reflected={"uuid": sql.UUID}, element=ArrayElement(uuid.UUID, str),
    ),
    "uuid_digits": PostgreSQLRecord(
        ddl="CHAR(32)", cast="bpchar", bind=_made(uuid_binder), load=_made(_load_uuid), element=PROCESSED,
    ),
    "postgresql_text": replace(
        _TEXT_OF_SERVER, bind=_made(checking_binder),
        reflected={
            "inet": INET, "cidr": CIDR, "macaddr": MACADDR, "macaddr8": MACADDR8, "tsvector": TSVECTOR, "tsquery": TSQUERY, "citext": CITEXT,
            "money": MONEY, "regclass": REGCLASS, "regconfig": REGCONFIG, "jsonpath": JSONPATH,
        },
        reflected_sized={"bit": lambda length=None: BIT(None if length == 1 else length), "bit varying": lambda length=None: BIT(length, varying=True)},
    ),
    "hstore": replace(
        _TEXT_OF_SERVER, bind=_made(_bind_hstore), load=_made(_load_hstore), reflected={"hstore": HSTORE},
    ),
    # a reflected range is a NativeType, whose values are the driver's own ranges
    "range": replace(_TEXT_OF_SERVER, bind=_made(_bind_range), load=_made(_load_range)),
    "user_defined": PostgreSQLRecord(
        ddl=lambda type_: type_.get_col_spec(), cast=lambda type_: type_.get_col_spec(), is_textual=True, element=PROCESSED, array_cast="text[]",
        bind=lambda type_, dialect: type_.bind_processor(dialect), load=lambda type_, dialect: type_.result_processor(dialect, None),
    ),
    "null": PostgreSQLRecord(ddl="TEXT", bind=_bind_unknown, array_cast="text[]", is_textual=True),
}  # fmt: skip
