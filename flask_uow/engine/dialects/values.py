"""Conversions that the dialects share. A processor takes None as well and returns it.

Each one has a fast path for exactly the expected class; everything else goes through the type's own ``convert``, which
raises DataError for what it does not take.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Callable
from typing import Any, cast

from flask_uow.engine.dialects.base import Processor
from flask_uow.sql.stored_values import StoredValueError
from flask_uow.sql.types import ARRAY, JSON, Boolean, Enum, Float, Integer, LargeBinary, String, TypeEngine, Uuid
from flask_uow.sql.value_errors import wrong_kind

__all__ = [
    "array_loader",
    "binary_binder",
    "checking_binder",
    "enum_binder",
    "enum_loader",
    "exact_class_binder",
    "float_binder",
    "float_loader",
    "integer_binder",
    "json_binder",
    "string_binder",
    "uuid_binder",
    "uuid_loader",
]


def integer_binder(type_: Integer) -> Processor:
    """Return the processor for ints of the type's range."""
    minimum, maximum = type_.minimum, type_.maximum

    def bind(value: object) -> Any:
        # what is usual first: this is called for each value that is sent
        if type(value) is int and minimum <= value <= maximum:
            return value
        if value is None:
            return None
        return type_.to_stored(value)

    return bind


def string_binder(type_: String) -> Processor:
    """Return the processor for text, which checks the length where the type has one."""
    length = type_.length

    def bind(value: object) -> Any:
        if type(value) is str or value is None:
            return value
        return type_.to_stored(value)

    def bind_limited(value: object) -> Any:
        if value is None or (type(value) is str and len(value) <= cast("int", length)):
            return value
        return type_.to_stored(value)

    return bind if length is None else bind_limited


def float_binder(type_: Float) -> Processor:
    """Return the processor for floats, which takes ints as well."""
    if type_.asdecimal:
        return lambda value: None if value is None else float(type_.to_stored(value))

    def bind(value: object) -> Any:
        if type(value) is float or value is None:
            return value
        return type_.to_stored(value)

    return bind


def float_loader(type_: Float) -> Processor | None:
    """Return the processor that makes Decimals of floats, None for a type that has floats."""
    if not type_.asdecimal:
        return None
    return lambda value: None if value is None else type_.loaded(value)


def boolean_binder(type_: Boolean, true: object, false: object) -> Processor:
    """Return the processor for bools that sends ``true`` and ``false``."""

    def bind(value: object) -> Any:
        if value is True:
            return true
        if value is False:
            return false
        return None if value is None else (true if type_.to_stored(value) else false)

    return bind


def binary_binder(type_: LargeBinary) -> Processor:
    """Return the processor for bytes."""

    length = type_.length

    def bind(value: object) -> Any:
        if value is None or (type(value) is bytes and (length is None or len(value) <= length)):
            return value
        return type_.to_stored(value)

    return bind


def exact_class_binder(type_: TypeEngine[Any], cls: type[Any]) -> Processor:
    """Return the processor that passes instances of ``cls`` as they are, and converts everything else."""

    def bind(value: object) -> Any:
        return value if type(value) is cls else type_.to_stored(value)

    return bind


def checking_binder(type_: TypeEngine[Any]) -> Processor:
    """Return the processor that converts and checks every value."""
    return type_.to_stored


def enum_binder(type_: Enum) -> Processor:
    """Return the processor from a member (or a string) to its name."""
    if type_.enum_class is None:
        return checking_binder(type_)

    def bind(value: object) -> Any:
        if value is None:
            return None
        member = type_.to_stored(value)
        # a str is there only where the type lets strings pass that are none of its texts
        return texts[member] if not isinstance(member, str) else texts.get(member, member)

    texts = type_.texts
    return bind


class _Members(dict[Any, Any]):
    """The members of an enum by their texts; None is None."""

    def __init__(self, type_: Enum) -> None:
        super().__init__(type_.members)
        self[None] = None
        self.type = type_

    def __missing__(self, name: object) -> Any:
        raise StoredValueError.of(self.type, name, None, "Add the member to the enum, or correct the row.")


def enum_loader(type_: Enum) -> Processor | None:
    """Return the processor from a stored name to its member; None for an enum of strings."""
    # a look-up in a dict, which calls no Python code for the values that are there
    return None if type_.enum_class is None else _Members(type_).__getitem__


def json_binder(type_: JSON) -> Processor:
    """Return the processor that writes JSON text; NaN and infinity are refused, since JSON has none."""
    encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
    none = None if type_.none_as_null else "null"

    def bind(value: object) -> Any:
        if value is None:
            return none
        if value is JSON.NULL:
            return "null"
        try:
            return encode(value)
        except (TypeError, ValueError, RecursionError) as error:
            wrong_kind(
                type_, value, f"what JSON can hold ({error})", "Convert it to dicts, lists, str, numbers and bools."
            )

    return bind


def array_loader(type_: ARRAY, item_loader: Processor | None) -> Processor | None:
    """Return the processor that loads the items of a list, however deep it is nested; None where there is nothing to do.

    :param item_loader: the processor of the items.
    """
    if item_loader is None and not type_.as_tuple:
        return None
    make = tuple if type_.as_tuple else list

    def load(value: object) -> Any:
        if isinstance(value, list):
            return make(load(item) for item in value)
        return value if item_loader is None else item_loader(value)

    return lambda value: None if value is None else load(value)


def utc_datetime(value: dt.datetime) -> dt.datetime:
    """Return a datetime in UTC; one without a zone is taken to be in UTC already."""
    return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


def uuid_binder(type_: Uuid) -> Processor:
    """Return the processor for UUIDs, which travel as text, with dashes or as their 32 digits."""

    def bind(value: object) -> Any:
        if type(value) is not uuid.UUID:
            if value is None:
                return None
            value = type_.to_stored(value)
        return str(value)

    def bind_digits(value: object) -> Any:
        return None if value is None else bind(value).replace("-", "")

    return bind if type_.native_uuid else bind_digits


def uuid_loader(type_: Uuid) -> Callable[[Any], Any]:
    """Return the function from a UUID, or any text of one, to what the type loads."""
    if type_.as_uuid:
        return lambda value: value if type(value) is uuid.UUID else uuid.UUID(value)
    return lambda value: str(value if type(value) is uuid.UUID else uuid.UUID(value))
