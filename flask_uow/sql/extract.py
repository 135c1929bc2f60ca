"""EXTRACT: a part of a date, a time or a span of time as a number."""

from __future__ import annotations

from typing import Any

from flask_uow.exc import ArgumentError
from flask_uow.sql.coercion import coerce_value
from flask_uow.sql.expressions import ColumnElement
from flask_uow.sql.types import NULLTYPE, Float, Integer, TypeEngine

__all__ = ["Extract", "extract"]

_INTEGER, _FLOAT = Integer(), Float()
_OF_DATES: dict[str, TypeEngine[Any]] = {
    "year": _INTEGER, "quarter": _INTEGER, "month": _INTEGER, "week": _INTEGER, "day": _INTEGER, "doy": _INTEGER, "dow": _INTEGER,
    "isodow": _INTEGER, "isoyear": _INTEGER,
}  # fmt: skip
_OF_TIMES: dict[str, TypeEngine[Any]] = {"hour": _INTEGER, "minute": _INTEGER, "second": _FLOAT}
_FIELDS: dict[str, dict[str, TypeEngine[Any]]] = {
    "date": _OF_DATES,
    "time": _OF_TIMES,
    "datetime": {**_OF_DATES, **_OF_TIMES, "epoch": _FLOAT},
    "interval": {"day": _INTEGER, **_OF_TIMES, "epoch": _FLOAT},
}


class Extract(ColumnElement[Any]):
    """``EXTRACT(field FROM element)``; made by :func:`extract`."""

    __slots__ = ("element", "field")
    __visit_name__ = "extract"

    def __init__(self, field: str, element: ColumnElement[Any], type_: TypeEngine[Any]) -> None:
        self.field, self.element = field, element
        self.type = type_

    @property
    def name(self) -> str | None:
        return self.field

    def _parts(self) -> tuple[Any, ...]:
        return (self.field, self.element)


def extract(field: str, element: object) -> Extract:
    """Return a part of a date, a time or both as a number: ``extract("year", Post.created)``.

    :param field: ``year``, ``quarter``, ``month``, ``week`` (ISO 8601), ``day``, ``doy`` (from 1), ``dow`` (Sunday is 0), ``isodow`` (Monday is 1,
        Sunday 7), ``isoyear``: whole numbers; ``hour``, ``minute``: whole numbers; ``second``: with its fraction; ``epoch``: seconds since
        1970. A moment with a zone is taken in UTC. A span of time has ``day``, ``hour``, ``minute``, ``second``, and ``epoch``, all of it in
        seconds. The meanings are PostgreSQL's
        (https://www.postgresql.org/docs/current/functions-datetime.html, "EXTRACT, date_part").
    :param element: a column or expression of the type Date, Time, DateTime or Interval.
    :raises ArgumentError: for something else, and for a field that it does not have.
    """
    expression = coerce_value(element, NULLTYPE)
    fields = _FIELDS.get(expression.type.stored_type.lookup_name)
    if fields is None:
        raise ArgumentError(
            f"extract({field!r}, ...) takes an expression of the type Date, Time, DateTime or Interval, got {expression.type!r}. Where the type is"
            " not known, say it with cast(..., DateTime)."
        )
    type_ = fields.get(field)
    if type_ is None:
        raise ArgumentError(f"extract(): {expression.type!r} has no field {field!r}. There are: {', '.join(fields)}.")
    return Extract(field, expression, type_)
