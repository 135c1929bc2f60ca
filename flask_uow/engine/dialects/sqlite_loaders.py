"""From SQLite's storage forms back to Python values; the forms are listed in
:mod:`flask_uow.engine.dialects.sqlite_types`.

A loader takes None as well. What another program has written is taken where it can be read without doubt (a date and
time without fractions of a second, a number for a decimal); anything else is a DataError that shows the stored value.
"""

from __future__ import annotations

import datetime as dt
import decimal
import json
from collections.abc import Callable
from typing import Any

from flask_uow.engine.dialects.base import Processor
from flask_uow.engine.dialects.values import array_loader, utc_datetime, uuid_loader
from flask_uow.sql.stored_values import StoredValueError
from flask_uow.sql.types import ARRAY, DateTime, Numeric, TypeEngine, Uuid

__all__ = [
    "array_text_loader", "boolean_loader", "load_date", "load_datetime", "load_interval", "load_json", "load_numeric", "load_time",
    "uuid_text_loader",
]  # fmt: skip

_CURE = "Correct the row, or give the column the type of what it holds."


class _Booleans(dict[Any, Any]):
    """1 and 0 to True and False by look-up; any other number as SQL takes it."""

    def __missing__(self, value: object) -> bool:
        return bool(value)


def _load_with(convert: Callable[[Any], Any]) -> Callable[[TypeEngine[Any]], Processor]:
    """Return the maker of a loader that applies ``convert`` to everything but NULL."""

    def make(type_: TypeEngine[Any]) -> Processor:
        def load(value: object) -> Any:
            if value is None:
                return None
            try:
                return convert(value)
            except (TypeError, ValueError, AttributeError, decimal.InvalidOperation) as error:
                raise StoredValueError.of(type_, value, error, _CURE) from error

        return load

    return make


def load_datetime(type_: DateTime) -> Processor:
    """Return the loader of a moment."""
    from_text = dt.datetime.fromisoformat
    utc = dt.UTC

    # one function each, in place of _load_with(): nearly every table has such a column (benchmark: load_entities)
    def load_zoned(value: Any) -> Any:
        if value is None:
            return None
        try:
            moment = from_text(value)
        except (TypeError, ValueError) as error:
            raise StoredValueError.of(type_, value, error, _CURE) from error
        return moment if moment.tzinfo is utc else utc_datetime(moment)

    def load_naive(value: Any) -> Any:
        if value is None:
            return None
        try:
            moment = from_text(value)
        except (TypeError, ValueError) as error:
            raise StoredValueError.of(type_, value, error, _CURE) from error
        # SQLite's own clock, as a server default, writes UTC with its zone
        return moment if moment.tzinfo is None else utc_datetime(moment).replace(tzinfo=None)

    return load_zoned if type_.timezone else load_naive


def array_text_loader(type_: ARRAY, item_loader: Processor | None) -> Processor:
    """Return the loader of a list that is kept as JSON.

    :param item_loader: the loader of its items.
    """
    load_items = array_loader(type_, item_loader)

    def from_text(text: str) -> Any:
        found = json.loads(text)
        return found if load_items is None else load_items(found)

    return _load_with(from_text)(type_)


def _decimal(value: object) -> decimal.Decimal:
    return decimal.Decimal(value if isinstance(value, (str, int)) else repr(value))


def load_numeric(type_: Numeric) -> Processor:
    """Return the loader of a decimal."""
    return _load_with(_decimal if type_.asdecimal else float)(type_)


_EPOCH = dt.datetime(1970, 1, 1)


def _timedelta(value: int | str) -> dt.timedelta:
    if isinstance(value, str):
        # a moment counted from 1970, as SQLAlchemy keeps spans of time
        return dt.datetime.fromisoformat(value) - _EPOCH
    return dt.timedelta(microseconds=value)


def uuid_text_loader(type_: Uuid) -> Processor:
    """Return the loader of a UUID."""
    return _load_with(uuid_loader(type_))(type_)


def boolean_loader(type_: TypeEngine[Any]) -> Processor:
    """Return the loader of a truth value."""
    return _Booleans({1: True, 0: False, None: None}).__getitem__


load_date = _load_with(dt.date.fromisoformat)
load_time = _load_with(dt.time.fromisoformat)
load_interval = _load_with(_timedelta)
load_json = _load_with(json.loads)
