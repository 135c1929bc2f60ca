"""Values on their way into an expression: what stands for one as a column, beside another in a comparison, in an order, as a condition."""

from __future__ import annotations

from typing import Any, cast

from flask_uow.exc import ArgumentError, DataError
from flask_uow.sql.column_operators import ColumnOperators
from flask_uow.sql.expressions import (
    BindParameter,
    CalledParameter,
    ColumnElement,
    FixedCondition,
    Null,
    OrderName,
    UniqueUntypedParameter,
    UntypedParameter,
)
from flask_uow.sql.nodes import ClauseElement
from flask_uow.sql.types import NULLTYPE, TypeDecorator, TypeEngine

__all__ = ["coerce_compared", "coerce_condition", "coerce_order", "coerce_value", "refuse_mapped"]


def coerce_value(value: object, type_: TypeEngine[Any]) -> ColumnElement[Any]:
    """Return ``value`` as an expression; a plain value becomes a bind parameter typed as fits beside ``type_``."""
    if isinstance(value, ColumnOperators):
        return value.as_operand()
    if value is None:
        return Null()
    if isinstance(value, ClauseElement):
        scalar_subquery = getattr(value, "scalar_subquery", None)
        # of the elements of FROM, a subquery of one column
        if scalar_subquery is not None and len(getattr(value, "c", (None,))) == 1:
            return cast("ColumnElement[Any]", scalar_subquery())
        raise ArgumentError(
            f"{type(value).__name__} cannot be used as a column or a value here. Pass a column, a value or a SELECT"
            " (a subquery of one column will do)."
        )
    if hasattr(value, "__uow_entity__"):
        refuse_mapped(value, type_)
    return BindParameter(value, type_.coerce_compared(value))


def refuse_mapped(given: object, type_: TypeEngine[Any]) -> None:
    """Refuse a mapped class, an alias or an object of one where a value is expected; a type of the user's own may take it.

    :raises ArgumentError: naming the class.
    """
    entity = getattr(given, "__uow_entity__", None)
    if entity is None or isinstance(type_, TypeDecorator):
        return
    name = entity.mapper.class_.__name__
    key = entity.mapper.primary_key_names[0]
    if getattr(type(given), "__uow_entity__", None) is entity:
        raise ArgumentError(
            f"an object of {name} stands where a column or a value was expected. Pass one of its attributes, such as its {key}, or compare"
            " a relationship with the object."
        )
    called = f"the class {name}" if isinstance(given, type) else f"an alias of {name}"
    raise ArgumentError(
        f"{called} stands where a column or a value was expected. Pass one of its attributes, such as {name}.{key}."
    )


_TYPED_BY_THE_OTHER = frozenset({UntypedParameter, CalledParameter, UniqueUntypedParameter})


def coerce_compared(value: object, left: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return ``value`` as an expression that stands beside ``left`` in a comparison.

    :raises DataError: for a plain value that ``left`` cannot be compared with; the message names ``left``.
    """
    if isinstance(value, ColumnOperators):
        # not asked for the type, which a foreign key takes from a table that may come later
        if type(value) in _TYPED_BY_THE_OTHER:
            return _typed_like(cast("UntypedParameter[Any]", value), left)
        return value.as_operand()
    if value is None or isinstance(value, ClauseElement):
        return coerce_value(value, NULLTYPE)
    type_ = left.type
    # nearly every comparison: there is nothing to convert
    if type(value) is type_.value_class and type_.compares_all_of_its_class:
        return BindParameter(value, type_.coerce_compared(value))
    if hasattr(value, "__uow_entity__"):
        refuse_mapped(value, type_)
    try:
        converted, beside = type_.for_comparison(value)
    except DataError as error:
        message = f"{left} is compared with what it cannot hold: {error.message}"
        raise DataError(message, orig=error.orig) from error
    return BindParameter(converted, beside)


def _typed_like(parameter: UntypedParameter[Any], left: ColumnElement[Any]) -> BindParameter[Any]:
    if isinstance(parameter, CalledParameter):
        # what the function will give is not known
        type_ = parameter.type if parameter.type is not NULLTYPE else left.type.of_parameters
        return CalledParameter(parameter.function, type_, parameter.key, parameter.required)
    if parameter.required or parameter.value is None:
        return BindParameter(parameter.value, left.type.of_parameters, parameter.key, parameter.required)
    made = coerce_compared(parameter.value, left)
    assert isinstance(made, BindParameter)
    return BindParameter(made.value, made.type, parameter.key)


def coerce_order(criterion: object) -> ColumnElement[Any]:
    """Return an ORDER BY or GROUP BY criterion as an expression; a str names a result column."""
    if isinstance(criterion, str):
        return OrderName(criterion)
    if isinstance(criterion, ColumnOperators):
        return criterion.__clause_element__()
    return coerce_value(criterion, NULLTYPE)


def coerce_condition(value: object) -> ColumnElement[bool]:
    """Return ``value`` as a condition for WHERE, HAVING or ON.

    :raises ArgumentError: for anything but an expression or a bool.
    """
    if isinstance(value, ColumnOperators):
        return value.as_operand()
    if value is True or value is False:
        return FixedCondition(value)
    as_condition = getattr(value, "__clause_element__", None)
    if as_condition is not None:
        return cast("ColumnElement[bool]", as_condition())
    raise ArgumentError(
        f"a condition was expected, got {value!r}. Pass an expression such as User.name == 'ed', or text(...) for SQL of your own."
    )
