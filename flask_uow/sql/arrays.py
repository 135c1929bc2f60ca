"""Arrays that a statement makes: of expressions, ``array([1, User.age])``; and aggregates of ordered rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_uow.exc import ArgumentError
from flask_uow.sql.coercion import coerce_value
from flask_uow.sql.common_type import coerce_alike, common_type
from flask_uow.sql.expressions import ColumnElement
from flask_uow.sql.functions import FunctionElement, func
from flask_uow.sql.types import ARRAY, NULLTYPE, TypeArgument, to_instance
from flask_uow.sql.windows import criteria

__all__ = ["AggregateOrderBy", "ArrayLiteral", "aggregate_order_by", "array", "array_agg"]


class ArrayLiteral(ColumnElement[Any]):
    """``ARRAY[items]``; made by :func:`array`.

    :ivar items: the expressions for the items.
    """

    __slots__ = ("items",)
    __visit_name__ = "array_literal"

    def __init__(self, items: tuple[ColumnElement[Any], ...], type_: ARRAY) -> None:
        self.items = items
        self.type = type_

    def _parts(self) -> tuple[Any, ...]:
        return (self.items, self.type.cache_key)


def array(items: Iterable[Any], type_: TypeArgument | None = None) -> ArrayLiteral:
    """Return an array of expressions and values, or of other such arrays.

    :param items: the items, all of one type.
    :param type_: the type of the items; that of the first one whose type is known when None.
    :raises ArgumentError: for an empty array without a type.
    """
    found = (
        coerce_alike(tuple(items)) if type_ is None else tuple(coerce_value(item, to_instance(type_)) for item in items)
    )
    item_type = to_instance(type_) if type_ is not None else common_type(found)
    if not found and type_ is None:
        raise ArgumentError("array([]) has no item that tells its type. Pass one: array([], Integer).")
    if isinstance(item_type, ARRAY):
        return ArrayLiteral(found, ARRAY(item_type.item_type, dimensions=(item_type.dimensions or 1) + 1))
    return ArrayLiteral(found, ARRAY(item_type, dimensions=1))


def array_agg(element: object) -> FunctionElement[list[Any]]:
    """Return the aggregate that makes an array of the values in all rows, NULL where there are none; the same as ``func.array_agg()``."""
    made: FunctionElement[list[Any]] = func.array_agg(element)
    return made


class AggregateOrderBy(ColumnElement[Any]):
    """``element ORDER BY ...``, the last argument of an aggregate; made by :func:`aggregate_order_by`."""

    __slots__ = ("element", "order_by")
    __visit_name__ = "aggregate_order_by"

    def __init__(self, element: ColumnElement[Any], order_by: tuple[ColumnElement[Any], ...]) -> None:
        self.element = element
        self.order_by = order_by
        self.type = element.type

    def _parts(self) -> tuple[Any, ...]:
        return (self.element, self.order_by)


def aggregate_order_by(element: object, *order_by: Any) -> AggregateOrderBy:
    """Return the last argument of an aggregate that takes its rows in an order: ``func.array_agg(aggregate_order_by(User.name, User.age.desc()))``.

    :param order_by: the criteria.
    :raises ArgumentError: without any.
    """
    if not order_by:
        raise ArgumentError(
            "aggregate_order_by() got no order. Pass an expression at least, behind what is aggregated."
        )
    return AggregateOrderBy(coerce_value(element, NULLTYPE), criteria(order_by))
