"""Operators that a type brings along for its columns: ``comparator_factory`` of a type is a subclass of :class:`Comparator`.

Nothing is looked up while no type has one.
"""

from __future__ import annotations

from typing import Any

from flask_uow.sql import operators as ops
from flask_uow.sql.column_operators import ColumnOperators
from flask_uow.sql.columns import Column
from flask_uow.sql.expressions import ColumnElement, operations
from flask_uow.sql.operators import Operator
from flask_uow.sql.types import TypeEngine
from flask_uow.sql.types.comparing import factories

__all__ = ["Comparator"]

# the methods that may be overridden, with the one for the operands the other way round
_METHODS: dict[Operator, tuple[str, str]] = {
    ops.EQ: ("__eq__", "__eq__"), ops.NE: ("__ne__", "__ne__"), ops.LT: ("__lt__", "__gt__"), ops.LE: ("__le__", "__ge__"),
    ops.GT: ("__gt__", "__lt__"), ops.GE: ("__ge__", "__le__"), ops.ADD: ("__add__", "__radd__"), ops.SUB: ("__sub__", "__rsub__"),
    ops.MUL: ("__mul__", "__rmul__"), ops.DIV: ("__truediv__", "__rtruediv__"), ops.MOD: ("__mod__", "__rmod__"),
    ops.FLOORDIV: ("__floordiv__", "__rfloordiv__"), ops.AND: ("__and__", ""), ops.OR: ("__or__", ""), ops.IN: ("in_", ""),
    ops.NOT_IN: ("not_in", ""), ops.CONCAT: ("concat", ""), ops.IS: ("is_", ""), ops.IS_NOT: ("is_not", ""), ops.ITEM: ("__getitem__", ""),
    ops.IS_DISTINCT_FROM: ("is_distinct_from", ""), ops.IS_NOT_DISTINCT_FROM: ("is_not_distinct_from", ""),
}  # fmt: skip
_UNARY: dict[Operator, str] = {ops.NEG: "__neg__", ops.NOT: "__invert__"}


class Comparator(ColumnOperators):
    """The operators of an expression of a type; a type's ``comparator_factory`` overrides some of them, or adds methods::

        class Money(TypeDecorator):
            impl = Numeric(12, 2)

            class comparator_factory(TypeDecorator.Comparator):
                def rounded(self):
                    return func.round(self.expr)

    :ivar expr: the expression.
    :ivar type: its type.
    """

    def __init__(self, expr: ColumnElement[Any]) -> None:
        self.expr = expr
        self.type: TypeEngine[Any] = expr.type

    def __clause_element__(self) -> ColumnElement[Any]:
        return self.expr

    def operate(self, op: Operator, other: object = None, **modifiers: Any) -> Any:
        """Return ``expr op other``; overridden, it is asked for every operator.

        :param op: the operator; ``op(left, right)`` applies it to other operands.
        """
        with factories.asleep():
            return operations.operate(self.expr, op, other, modifiers)


def _dispatched(element: ColumnElement[Any], op: Operator, other: object, modifiers: dict[str, Any]) -> Any:
    """Return the expression that the comparator of an expression's type makes of an operator; None where it leaves the operator alone."""
    factory = _factory_of(element)
    if factory is None:
        return None
    if factory.operate is not Comparator.operate:
        return factory(element).operate(op, other, **modifiers)
    is_reversed = bool(modifiers.get("reverse"))
    if modifiers and not is_reversed:
        return None
    unary = _UNARY.get(op)
    if unary is not None:
        return getattr(factory(element), unary)() if _is_own(factory, unary) else None
    name = _METHODS.get(op, ("", ""))[is_reversed]
    return getattr(factory(element), name)(other) if name and _is_own(factory, name) else None


def _factory_of(element: ColumnElement[Any]) -> Any:
    # a foreign key may still wait for the table that it takes its type from
    is_known = not isinstance(element, Column) or element.has_own_type
    return element.type.comparator_factory if is_known else None


def _is_own(factory: type[Any], name: str) -> bool:
    return getattr(factory, name) is not getattr(ColumnOperators, name)


def _method_of_type(self: ColumnOperators, name: str) -> Any:
    """Return a method that the comparator of an expression's type has beside those of all expressions."""
    if name in factories.names:
        element = self.as_operand()
        factory = _factory_of(element)
        if factory is not None and hasattr(factory, name):
            return getattr(factory(element), name)
    raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


def _begin() -> None:
    """Have methods that only a type's comparator has be found; asked once, by the first type that has one."""
    kind: Any = ColumnOperators
    kind.__getattr__ = _method_of_type


factories.comparator = Comparator
factories.dispatch = _dispatched
factories.when_first = _begin
TypeEngine.Comparator = Comparator
