"""Types that put SQL around their values: which have ``bind_expression()`` or ``column_expression()``.

Few applications have one, and until a class of theirs overrides one of the two nothing asks for them. The compiler and the writers of rows
(:mod:`flask_uow.sql.compiler.values`) write what the methods return.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from flask_uow.sql.interfaces import SQLDialect

__all__ = ["ExpressionName", "expressing", "expression_of"]

ExpressionName: TypeAlias = Literal["bind_expression", "column_expression"]


class _Expressing:
    """Whether any type puts SQL around its values.

    :ivar are_there: True once a class of types overrides one of the methods.
    :ivar base: the class that has them first.
    """

    are_there = False
    base: Any


expressing = _Expressing()


def expression_of(type_: Any, dialect: SQLDialect, name: ExpressionName) -> Callable[[Any], Any] | None:
    """Return the method of a type, as one database sees it, that puts SQL around a value or a column; None where there is none."""
    if not expressing.are_there:
        return None
    chosen = type_.dialect_variants.get(dialect.name, type_)
    if getattr(type(chosen), name) is not getattr(expressing.base, name):
        found: Callable[[Any], Any] = getattr(chosen, name)
        return found
    # a decorated type has those of what it is made of
    inner = getattr(chosen, "load_dialect_impl", None)
    if inner is None:
        return None
    made = inner(dialect)
    return expression_of(made() if isinstance(made, type) else made, dialect, name)
