"""The trace that attributes of mapped classes leave in an expression: which class they were about.

The column of an inherited attribute belongs to a table that holds the rows of other classes as well, and an attribute that is a
subquery belongs to no table. An expression of such an attribute still is about its class, so a statement looks for these nodes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar

from flask_uow.sql.expressions import ColumnElement
from flask_uow.sql.nodes import ClauseElement, Shape
from flask_uow.sql.rewriting import rewritten

if TYPE_CHECKING:
    from flask_uow.sql.interfaces import EntitySource

__all__ = ["Sourced", "is_sourced", "without_sources"]

T = TypeVar("T")
N = TypeVar("N", bound=ClauseElement)


class Sourced(ColumnElement[T]):
    """The column or expression of an attribute, with the mapped class that has it; SQL shows the former only.

    :param source: says what a statement that selects the expression needs beside the column's table, see
        :class:`flask_uow.sql.interfaces.EntitySource`.
    """

    __slots__ = ("element", "source")
    __visit_name__ = "sourced"

    def __init__(self, element: ColumnElement[T], source: EntitySource) -> None:
        self.element, self.source = element, source
        self.type = element.type

    @property
    def is_expression(self) -> bool:
        """True where the attribute is no column, so that its tables need not be those of its class: a subquery, say."""
        return getattr(self.element, "table", None) is None

    @property
    def name(self) -> str | None:
        return self.element.name

    @property
    def precedence(self) -> int:
        return self.element.precedence

    def _parts(self) -> tuple[Any, ...]:
        return (self.element,)

    def collect_shape(self, shape: Shape) -> None:
        # what the source asks for is elsewhere in the statement, unless something stands for its table
        stand_ins = self.source.stand_ins
        if stand_ins is not None:
            shape.key.append(stand_ins)
            stand_ins.selectable.collect_shape(shape)
        # of a class that only conditions name, they are written when the statement is compiled
        for criterion in self.source.own_criteria:
            criterion.collect_shape(shape)
        self.element.collect_shape(shape)

    def with_replaced(self, original: ClauseElement) -> ClauseElement:
        # the column is one of something else now
        return self.element


def is_sourced(node: ClauseElement) -> TypeGuard[Sourced[Any]]:
    """Return True for what SQL writes as its ``element`` alone: that of an attribute, or a part of a join condition that is marked."""
    return node.__visit_name__ == "sourced"


def without_sources(node: N) -> N:
    """Return an expression with plain columns, for those who look for columns in it."""
    return rewritten(node, lambda inner: inner.element if isinstance(inner, Sourced) else None)
