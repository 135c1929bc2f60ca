"""Dates, times of day, moments, and spans of time."""

from __future__ import annotations

import datetime as dt
from typing import Any, TypeVar

from flask_uow.exc import ArgumentError
from flask_uow.sql.types.base import TypeEngine
from flask_uow.sql.types.plain import PLAIN
from flask_uow.sql.value_errors import wrong_kind

__all__ = ["Date", "DateTime", "Interval", "Time"]

T = TypeVar("T")


class Date(TypeEngine[dt.date]):
    """A date; a datetime is refused, since its time would be lost."""

    lookup_name = "date"
    value_class = dt.date
    _compared = (dt.date,)
    _widened = (dt.datetime,)
    checks_on_assignment = True
    takes_all_of_its_class = True
    compares_all_of_its_class = True

    def _to_stored(self, value: object) -> dt.date:
        if not isinstance(value, dt.date) or isinstance(value, dt.datetime):
            cure = (
                "Take .date() of a datetime."
                if isinstance(value, dt.datetime)
                else "Parse a str with date.fromisoformat()."
            )
            wrong_kind(self, value, "a datetime.date", cure)
        return value


class _Zoned(TypeEngine[T]):
    """The base of Time and DateTime.

    :param timezone: True for values with a zone, False for values without one; the other kind is refused.
    :param precision: the digits of seconds that PostgreSQL keeps, 0 to 6, to which it rounds; None for all. SQLite keeps all.
    """

    checks_on_assignment = True

    def __init__(self, timezone: bool = False, precision: int | None = None) -> None:
        self.timezone = timezone
        self.precision = _seconds_precision(type(self), precision)
        self.cache_key = (type(self), timezone, precision)

    def _type_arguments(self) -> dict[str, Any]:
        return {"timezone": self.timezone or None, "precision": self.precision}

    def _to_stored(self, value: Any) -> Any:
        cls = self.value_class
        if cls is dt.datetime and isinstance(value, dt.date) and not isinstance(value, dt.datetime):
            if self.timezone:
                cure = "Say which midnight is meant: datetime.combine(value, time(), UTC)."
                wrong_kind(self, value, "a datetime.datetime with a time zone", cure)
            return dt.datetime.combine(value, dt.time())
        if not isinstance(value, cls):
            wrong_kind(self, value, f"a datetime.{cls.__name__}", f"Parse a str with {cls.__name__}.fromisoformat().")
        has_zone = value.utcoffset() is not None
        if self.timezone and not has_zone:
            cure = "Give it one, value.replace(tzinfo=...), or use timezone=False."
            wrong_kind(self, value, "a value with a time zone", cure)
        if has_zone and not self.timezone:
            cure = f"Use {type(self).__name__}(timezone=True) to keep the moment."
            wrong_kind(self, value, "a value without a time zone", cure)
        return value


def _seconds_precision(cls: type[Any], precision: int | None) -> int | None:
    if precision is not None and (type(precision) is not int or not 0 <= precision <= 6):
        raise ArgumentError(
            f"{cls.__name__}(precision={precision!r}): expected the number of digits behind seconds, 0 to 6. Leave it out to keep all."
        )
    return precision


class Time(_Zoned[dt.time]):
    """A time of day, with a zone or without one."""

    lookup_name = "time"
    value_class = dt.time
    _compared = (dt.time,)


class DateTime(_Zoned[dt.datetime]):
    """A moment with a zone (loaded in UTC), or a date and time without one."""

    lookup_name = "datetime"
    value_class = dt.datetime
    _compared = (dt.datetime,)

    def for_comparison(self, value: object) -> tuple[Any, TypeEngine[Any]]:
        # zoned moments are in UTC on both databases, and a date is its midnight there
        if type(value) is dt.date and self.timezone:
            return value, DATETYPE
        return super().for_comparison(value)


class Interval(TypeEngine[dt.timedelta]):
    """A span of time.

    :param fields: which parts PostgreSQL keeps, ``"DAY TO SECOND"`` say; None for all. SQLite keeps all.
    :param precision: the digits of seconds that PostgreSQL keeps, 0 to 6; None for all.
    :param second_precision: another name of ``precision``.
    :param native: False keeps it on SQLite as SQLAlchemy does, as a moment counted from 1970: for tables that other programs share.
        PostgreSQL keeps it as its own interval in either case.
    """

    lookup_name = "interval"
    value_class = dt.timedelta
    _compared = (dt.timedelta,)
    checks_on_assignment = True
    takes_all_of_its_class = True
    compares_all_of_its_class = True

    def __init__(
        self,
        fields: str | None = None,
        precision: int | None = None,
        native: bool = True,
        *,
        second_precision: int | None = None,
    ) -> None:
        precision = precision if precision is not None else second_precision
        self.is_native = native
        self.fields = fields.upper() if fields is not None else None
        if self.fields is not None and self.fields not in INTERVAL_FIELDS:
            known = ", ".join(INTERVAL_FIELDS)
            raise ArgumentError(f"Interval(fields={fields!r}): expected one of {known}. Leave it out to keep all.")
        self.precision = _seconds_precision(type(self), precision)
        self.cache_key = (type(self), self.fields, precision, native)

    def _type_arguments(self) -> dict[str, Any]:
        return {"fields": self.fields, "precision": self.precision, "native": None if self.is_native else False}

    def _to_stored(self, value: object) -> dt.timedelta:
        if not isinstance(value, dt.timedelta):
            wrong_kind(self, value, "a datetime.timedelta", "Make it one: timedelta(seconds=...).")
        return value


INTERVAL_FIELDS = (
    "YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND", "YEAR TO MONTH", "DAY TO HOUR", "DAY TO MINUTE", "DAY TO SECOND",
    "HOUR TO MINUTE", "HOUR TO SECOND", "MINUTE TO SECOND",
)  # fmt: skip


DATETYPE = Date()
_PLAIN_DATETIME, _ZONED_DATETIME = DateTime(), DateTime(timezone=True)
_PLAIN_TIME, _ZONED_TIME = Time(), Time(timezone=True)


def _datetime_for(value: dt.datetime) -> TypeEngine[Any]:
    return _PLAIN_DATETIME if value.utcoffset() is None else _ZONED_DATETIME


def _time_for(value: dt.time) -> TypeEngine[Any]:
    return _PLAIN_TIME if value.utcoffset() is None else _ZONED_TIME


PLAIN.add(DATETYPE, [dt.date], family="date")
PLAIN.add(_PLAIN_DATETIME, [dt.datetime], choose=_datetime_for, family="datetime")
PLAIN.add(_PLAIN_TIME, [dt.time], choose=_time_for, family="time")
PLAIN.add(Interval(), [dt.timedelta], family="interval")
