"""Arithmetic on dates and times in SQLite, which keeps them as text and intervals as microseconds.

Each connection gets ``moment_add(moment, microseconds)``, ``moment_add_days(date, days)``, ``moment_diff(a, b)`` in
microseconds, ``moment_days(a, b)``, ``moment_part(field, moment)`` and ``moment_as(kind, moment)``; the compiler of this
dialect calls them. A moment is a date, a time or a date and time in the forms of
:mod:`flask_uow.engine.dialects.sqlite_types`; a date moved by an interval becomes a date and time.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Callable
from typing import Any

__all__ = ["register_moments"]

_MICROSECOND = dt.timedelta(microseconds=1)
_EPOCH = dt.datetime(1970, 1, 1)
_ANY_DAY = dt.date(2000, 1, 1)


def register_moments(raw: sqlite3.Connection) -> None:
    """Give one connection the functions."""
    for name, function in (
        ("moment_add", _add),
        ("moment_add_days", _add_days),
        ("moment_diff", _difference),
        ("moment_days", _days),
        ("moment_part", _part),
        ("moment_as", _as_kind),
    ):
        # deterministic, so that SQLite calls one with constant arguments once and not for each row
        raw.create_function(name, 2, function, deterministic=True)


def _parse(text: str) -> dt.datetime:
    """Return any moment as a date and time: a date at midnight, a time on a day that does not matter."""
    if text[2:3] == ":":
        return dt.datetime.combine(_ANY_DAY, dt.time.fromisoformat(text))
    return dt.datetime.fromisoformat(text)


def _add(text: str | None, microseconds: int | None) -> str | None:
    if text is None or microseconds is None:
        return None
    moved = _parse(text) + dt.timedelta(microseconds=microseconds)
    if text[2] == ":":
        # a time of day goes round the clock, as in PostgreSQL
        return moved.timetz().isoformat("microseconds")
    return moved.isoformat(" ", "microseconds")


def _add_days(text: str | None, days: int | None) -> str | None:
    if text is None or days is None:
        return None
    return (dt.date.fromisoformat(text) + dt.timedelta(days=days)).isoformat()


def _difference(left: str | None, right: str | None) -> int | None:
    if left is None or right is None:
        return None
    return (_parse(left) - _parse(right)) // _MICROSECOND


def _days(left: str | None, right: str | None) -> int | None:
    if left is None or right is None:
        return None
    return (dt.date.fromisoformat(left) - dt.date.fromisoformat(right)).days


_PARTS: dict[str, Callable[[dt.datetime], int | float]] = {
    "year": lambda m: m.year,
    "quarter": lambda m: (m.month + 2) // 3,
    "month": lambda m: m.month,
    "week": lambda m: m.isocalendar().week,
    "day": lambda m: m.day,
    "doy": lambda m: m.timetuple().tm_yday,
    "dow": lambda m: m.isoweekday() % 7,
    "isodow": lambda m: m.isoweekday(),
    "isoyear": lambda m: m.isocalendar().year,
    "hour": lambda m: m.hour,
    "minute": lambda m: m.minute,
    "second": lambda m: m.second + m.microsecond / 1_000_000,
    "epoch": lambda m: (m if m.tzinfo is not None else m.replace(tzinfo=dt.UTC)).timestamp(),
}


def _part(field: str, text: str | None) -> int | float | None:
    return None if text is None else _PARTS[field](_parse(text))


def _naive(moment: dt.datetime) -> dt.datetime:
    return moment if moment.tzinfo is None else moment.astimezone(dt.UTC).replace(tzinfo=None)


def _zoned(moment: dt.datetime) -> dt.datetime:
    return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)


_KINDS: dict[str, Callable[[dt.datetime], str]] = {
    "date": lambda m: m.date().isoformat(),
    "time": lambda m: m.time().isoformat("microseconds"),
    "datetime": lambda m: _naive(m).isoformat(" ", "microseconds"),
    "zoned": lambda m: _zoned(m).isoformat(" ", "microseconds"),
}
# the lengths of our own forms, and what ends them
_OWN_FORMS = {"datetime": (26, ""), "zoned": (32, "+00:00"), "time": (15, "")}


def _as_kind(kind: str, text: object) -> Any:
    """Return a moment in the form of another type: a date as midnight, what has no zone as UTC. What is no moment stays as it is."""
    if type(text) is not str:
        return text
    if kind == "interval":
        # kept as a moment, counted from 1970
        return (dt.datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND
    length, end = _OWN_FORMS.get(kind, (0, ""))
    if len(text) == length and text[-7 - len(end)] == "." and text.endswith(end) and text[10] != "T":
        return text
    try:
        return _KINDS[kind](_parse(text))
    except (ValueError, OverflowError):
        return text
