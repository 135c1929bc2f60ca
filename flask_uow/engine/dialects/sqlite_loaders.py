"""From SQLite's storage forms back to Python values; the forms are listed in
:mod:`flask_uow.engine.dialects.sqlite_types`.

A loader takes None as well. What another program has written is taken where it can be read without doubt (a date and
time without fractions of a second, a number for a decimal); anything else is a DataError that shows the stored value.
"""

from __future__ import annotations

import datetime as dt
import decimal
import json
import uuid
from collections.abc import Callable
from typing import Any

from flask_uow.engine.dialects.base import Processor
from flask_uow.engine.dialects.values import array_loader, enum_loader, load_error, utc_datetime
from flask_uow.sql.types import ARRAY, Numeric, TypeEngine

__all__ = ["LOADERS", "array_text_loader"]

_CURE = "Correct the row, or give the column the type of what it holds."


class _Booleans(dict[Any, Any]):
    """1 and 0 to True and False by look-up; any other number as SQL takes it."""

    def __missing__(self, value: Any) -> bool:
        return bool(value)


def _load_with(convert: Callable[[Any], Any]) -> Callable[[TypeEngine[Any]], Processor]:
    """Return the maker of a loader that applies ``convert`` to everything but NULL."""

    def make(type_: TypeEngine[Any]) -> Processor:
        def load(value: Any) -> Any:
            if value is None:
                return None
            try:
                return convert(value)
            except (TypeError, ValueError, AttributeError, decimal.InvalidOperation) as error:
                raise load_error(type_, value, error, _CURE) from error

        return load

    return make


def _load_datetime(type_: Any) -> Processor:
    from_text = dt.datetime.fromisoformat
    utc = dt.UTC

    def load_zoned(value: Any) -> Any:
        if value is None:
            return None
        try:
            moment = from_text(value)
        except (TypeError, ValueError) as error:
            raise load_error(type_, value, error, _CURE) from error
        return moment if moment.tzinfo is utc else utc_datetime(moment)

    def without_zone(text: str) -> dt.datetime:
        moment = from_text(text)
        # SQLite's own clock, as a server default, writes UTC with its zone
        return moment if moment.tzinfo is None else utc_datetime(moment).replace(tzinfo=None)

    return load_zoned if type_.timezone else _load_with(without_zone)(type_)


def array_text_loader(type_: ARRAY, item_loader: Processor | None) -> Processor:
    """Return the loader of a list that is kept as JSON.

    :param item_loader: the loader of its items.
    """
    load_items = array_loader(type_, item_loader)

    def from_text(text: str) -> Any:
        found = json.loads(text)
        return found if load_items is None else load_items(found)

    return _load_with(from_text)(type_)


def _decimal(value: Any) -> decimal.Decimal:
    return decimal.Decimal(value if isinstance(value, (str, int)) else repr(value))


def _load_numeric(type_: Numeric) -> Processor:
    return _load_with(_decimal if type_.asdecimal else float)(type_)


def _timedelta(microseconds: int) -> dt.timedelta:
    return dt.timedelta(microseconds=microseconds)


LOADERS: dict[str, Callable[[Any], Processor | None]] = {
    "boolean": lambda type_: _Booleans({1: True, 0: False, None: None}).__getitem__,
    "numeric": _load_numeric,
    "date": _load_with(dt.date.fromisoformat),
    "time": _load_with(dt.time.fromisoformat),
    "datetime": _load_datetime,
    "interval": _load_with(_timedelta),
    "uuid": _load_with(uuid.UUID),
    "json": _load_with(json.loads),
    "enum": enum_loader,
}
