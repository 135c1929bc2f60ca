"""Values of which an expression yields one or another: CASE, coalesce(), greatest() and their kin need one type for all.

Called by :mod:`flask_uow.sql.constructors` and :mod:`flask_uow.sql.functions`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_uow.sql.coercion import coerce_value
from flask_uow.sql.expressions import BindParameter, ColumnElement, ColumnOperators
from flask_uow.sql.nodes import ClauseElement
from flask_uow.sql.types import NULLTYPE, Float, Numeric, TypeEngine

__all__ = ["coerce_alike", "common_type"]


def common_type(elements: Iterable[ColumnElement[Any]]) -> TypeEngine[Any]:
    """Return the type of a value that is one of ``elements``: the widest of numbers, else the first that is known."""
    types = [element.type for element in elements if element.type is not NULLTYPE]
    # a float beside a decimal makes a float, as in PostgreSQL
    for number in (Float, Numeric):
        found = next((type_ for type_ in types if isinstance(type_.stored_type, number)), None)
        if found is not None:
            return found
    return types[0] if types else NULLTYPE


def coerce_alike(values: Iterable[Any]) -> tuple[ColumnElement[Any], ...]:
    """Return values as expressions of one type: plain values get that of the expressions among them."""
    given = list(values)
    plain = [not isinstance(value, (ColumnOperators, ClauseElement)) for value in given]
    type_ = common_type(coerce_value(v, NULLTYPE) for v, is_plain in zip(given, plain, strict=True) if not is_plain)
    return tuple(
        _coerced(value, type_) if is_plain else coerce_value(value, type_)
        for value, is_plain in zip(given, plain, strict=True)
    )


def _coerced(value: object, type_: TypeEngine[Any]) -> ColumnElement[Any]:
    if value is None:
        return coerce_value(value, type_)
    converted, own = type_.for_comparison(value)
    return BindParameter(converted, own)
