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
import re
import uuid
from collections.abc import Callable
from typing import Any

from psycopg2 import BINARY
from psycopg2.extensions import new_array_type, new_type, register_type

from flask_uow.engine.dialects.base import Processor
from flask_uow.engine.dialects.values import (
    binary_binder,
    boolean_binder,
    enum_binder,
    enum_loader,
    exact_class_binder,
    float_binder,
    integer_binder,
    json_binder,
    string_binder,
    utc_datetime,
    uuid_binder,
)
from flask_uow.sql.type_values import as_decimal
from flask_uow.sql.types import Numeric, TypeEngine, type_for_value

__all__ = ["bind_processor", "cast_name", "register_types", "result_processor", "type_ddl"]


def bind_processor(type_: TypeEngine[Any]) -> Processor | None:
    """Return the function from a Python value to psycopg2's."""
    make = _BINDERS.get(type_.name)
    return make(type_) if make is not None else None


def result_processor(type_: TypeEngine[Any]) -> Processor | None:
    """Return the function from psycopg2's value to Python's."""
    if type_.name == "enum":
        return enum_loader(type_)  # type: ignore[arg-type]
    if type_.name == "numeric" and type_.python_type is float:
        return _load_float
    if type_.name == "datetime" and type_.timezone:  # type: ignore[attr-defined]
        return _load_zoned
    return None


def type_ddl(type_: TypeEngine[Any]) -> str:
    """Return the type as CREATE TABLE writes it."""
    name = type_.name
    if type_.native is not None:
        return type_.native
    if name == "numeric":
        return _numeric_ddl(type_)  # type: ignore[arg-type]
    if name in ("string", "unicode", "char", "enum"):
        length = type_.length  # type: ignore[attr-defined]
        base = "CHAR" if name == "char" else "VARCHAR"
        return f"{base}({length})" if length is not None else base
    if name in ("datetime", "time"):
        base = "TIMESTAMP" if name == "datetime" else "TIME"
        return f"{base}{_precision(type_)} {'WITH' if type_.timezone else 'WITHOUT'} TIME ZONE"  # type: ignore[attr-defined]
    if name == "interval":
        fields = type_.fields  # type: ignore[attr-defined]
        return f"INTERVAL{f' {fields}' if fields is not None else ''}{_precision(type_)}"
    if name == "json" and not type_.binary:  # type: ignore[attr-defined]
        return "JSON"
    if name == "float" and (precision := type_.precision) is not None:  # type: ignore[attr-defined]
        return f"FLOAT({precision})"
    return _DDL[name]


def cast_name(type_: TypeEngine[Any]) -> str:
    """Return the type as CAST and as ``::type[]`` write it."""
    if type_.native is not None:
        return type_.native
    if type_.name in ("string", "unicode", "char", "enum"):
        # a cast to varchar(n) would cut the text without a word
        return "bpchar" if type_.name == "char" else "varchar"
    if type_.name == "interval":
        return "interval"
    if type_.name in ("datetime", "time"):
        # nor is a moment rounded in passing
        return re.sub(r"\(\d\)", "", type_ddl(type_)).lower()
    return type_ddl(type_).lower()


def register_types(raw: Any) -> None:
    """Make one connection give uuid as UUID and bytea as bytes, in arrays too."""
    for caster in (_UUID_CASTER, _BYTES_CASTER, _UUIDS_CASTER, _BYTEAS_CASTER):
        register_type(caster, raw)


def _precision(type_: Any) -> str:
    return f"({type_.precision})" if type_.precision is not None else ""


def _numeric_ddl(type_: Numeric) -> str:
    if type_.precision is None:
        return "NUMERIC"
    return f"NUMERIC({type_.precision}, {type_.scale})" if type_.scale is not None else f"NUMERIC({type_.precision})"


_DDL = {
    "integer": "INTEGER", "small_integer": "SMALLINT", "big_integer": "BIGINT", "text": "TEXT", "boolean": "BOOLEAN",
    "float": "DOUBLE PRECISION", "real": "REAL", "date": "DATE", "interval": "INTERVAL", "large_binary": "BYTEA",
    "json": "JSONB", "uuid": "UUID", "null": "TEXT",
}  # fmt: skip


def _cast_uuid(text: Any, cursor: Any) -> uuid.UUID | None:
    return None if text is None else uuid.UUID(text)


def _cast_bytes(text: Any, cursor: Any) -> bytes | None:
    return None if text is None else bytes(BINARY(text, cursor))


# the numbers are fixed in PostgreSQL's catalog: src/include/catalog/pg_type.dat
_UUID_CASTER = new_type((2950,), "UUID", _cast_uuid)
_BYTES_CASTER = new_type((17,), "BYTES", _cast_bytes)
_UUIDS_CASTER = new_array_type((2951,), "UUID[]", _UUID_CASTER)
_BYTEAS_CASTER = new_array_type((1001,), "BYTES[]", _BYTES_CASTER)


def _load_float(value: Any) -> Any:
    return None if value is None else float(value)


def _load_zoned(value: Any) -> Any:
    # the connection's own time zone is UTC; a SET TIME ZONE of the user's may have changed it
    return value if value is None or value.tzinfo is dt.UTC else utc_datetime(value)


def _bind_numeric(type_: Numeric) -> Processor:
    fit = type_.fit

    def bind(value: Any) -> Any:
        if value is None:
            return None
        number = value if type(value) is decimal.Decimal else as_decimal(type_, value)
        # checked here: the server would round without a word, and psycopg2 send NaN for infinity
        fit(number, value)
        return number

    return bind


def _bind_zoned(type_: Any) -> Processor:
    cls = type_.python_type
    timezone = type_.timezone

    def bind(value: Any) -> Any:
        if type(value) is not cls or (value.utcoffset() is None) is timezone:
            return type_.convert(value)
        return value

    return bind


def _bind_unknown(type_: TypeEngine[Any]) -> Processor:
    """For a parameter of unknown type: psycopg2's own conversions, and ours where it has none."""

    def bind(value: Any) -> Any:
        if isinstance(value, (uuid.UUID, dict, enum.Enum)):
            processor = bind_processor(type_for_value(value))
            return value if processor is None else processor(value)
        return value

    return bind


_BINDERS: dict[str, Callable[[Any], Processor]] = {
    "integer": integer_binder,
    "small_integer": integer_binder,
    "big_integer": integer_binder,
    "string": string_binder,
    "text": string_binder,
    "unicode": string_binder,
    "char": string_binder,
    "boolean": lambda type_: boolean_binder(type_, True, False),
    "float": float_binder,
    "real": float_binder,
    "numeric": _bind_numeric,
    "date": lambda type_: exact_class_binder(type_, dt.date),
    "time": _bind_zoned,
    "datetime": _bind_zoned,
    "interval": lambda type_: exact_class_binder(type_, dt.timedelta),
    "large_binary": binary_binder,
    "json": json_binder,
    "uuid": uuid_binder,
    "enum": enum_binder,
    "null": _bind_unknown,
}
