"""The Python operators and methods of everything that stands for a column: of columns, and of the orm's attributes.

Each of them ends in one call of :meth:`ColumnOperators.operate`, which :mod:`flask_uow.sql.expressions` turns into a node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from flask_uow.sql import operators as ops
from flask_uow.sql.operators import Operator

if TYPE_CHECKING:
    from flask_uow.sql.expressions import ColumnElement, Label

__all__ = ["ColumnOperators"]


class ColumnOperators:
    """Stands for a column expression, which :meth:`__clause_element__` returns."""

    __slots__ = ()

    def __clause_element__(self) -> ColumnElement[Any]:
        """Return the column expression that this object stands for."""
        raise NotImplementedError

    def operate(self, op: Operator, other: Any = None, **modifiers: Any) -> ColumnElement[Any]:
        """Return ``self op other`` as an expression; every operator below ends here.

        :param modifiers: ``escape`` of LIKE; ``reverse=True`` for ``other op self``; ``high`` of BETWEEN.
        """
        # what orders is not selected
        element = self.__clause_element__() if op in ops.ORDERINGS else self.as_operand()
        return element.operate(op, other, **modifiers)

    def as_operand(self) -> ColumnElement[Any]:
        """Return the column expression as it stands within a larger one, which remembers what it is about."""
        return self.__clause_element__()

    def __eq__(self, other: object) -> ColumnElement[bool]:  # type: ignore[override]
        return self.operate(ops.EQ, other)

    def __ne__(self, other: object) -> ColumnElement[bool]:  # type: ignore[override]
        return self.operate(ops.NE, other)

    def __hash__(self) -> int:
        return id(self) >> 4

    def __lt__(self, other: Any) -> ColumnElement[bool]:
        return self.operate(ops.LT, other)

    def __le__(self, other: Any) -> ColumnElement[bool]:
        return self.operate(ops.LE, other)

    def __gt__(self, other: Any) -> ColumnElement[bool]:
        return self.operate(ops.GT, other)

    def __ge__(self, other: Any) -> ColumnElement[bool]:
        return self.operate(ops.GE, other)

    def __add__(self, other: Any) -> ColumnElement[Any]:
        return self.operate(ops.ADD, other)

    def __radd__(self, other: Any) -> ColumnElement[Any]:
        return self.operate(ops.ADD, other, reverse=True)

    def __sub__(self, other: Any) -> ColumnElement[Any]:
        return self.operate(ops.SUB, other)

    def __rsub__(self, other: Any) -> ColumnElement[Any]:
        return self.operate(ops.SUB, other, reverse=True)

    def __mul__(self, other: Any) -> ColumnElement[Any]:
        return self.operate(ops.MUL, other)

    def __rmul__(self, other: Any) -> ColumnElement[Any]:
        return self.operate(ops.MUL, other, reverse=True)

    def __truediv__(self, other: Any) -> ColumnElement[Any]:
        return self.operate(ops.DIV, other)

    def __rtruediv__(self, other: Any) -> ColumnElement[Any]:
        return self.operate(ops.DIV, other, reverse=True)

    def __mod__(self, other: Any) -> ColumnElement[Any]:
        return self.operate(ops.MOD, other)

    def __neg__(self) -> ColumnElement[Any]:
        return self.operate(ops.NEG)

    def __and__(self, other: Any) -> ColumnElement[bool]:
        return self.operate(ops.AND, other)

    def __or__(self, other: Any) -> ColumnElement[bool]:
        return self.operate(ops.OR, other)

    def __invert__(self) -> ColumnElement[bool]:
        return self.operate(ops.NOT)

    def in_(self, values: Any) -> ColumnElement[bool]:
        """``self IN (values)``; ``values`` is an iterable of values, or a SELECT. An empty iterable is never true."""
        return self.operate(ops.IN, values)

    def not_in(self, values: Any) -> ColumnElement[bool]:
        """``self NOT IN (values)``; always true for an empty iterable."""
        return self.operate(ops.NOT_IN, values)

    notin_ = not_in

    def like(self, pattern: Any, escape: str | None = None) -> ColumnElement[bool]:
        """``self LIKE pattern``; ``escape`` is the character that makes ``%`` and ``_`` literal."""
        return self.operate(ops.LIKE, pattern, escape=escape)

    def not_like(self, pattern: Any, escape: str | None = None) -> ColumnElement[bool]:
        """``self NOT LIKE pattern``."""
        return self.operate(ops.NOT_LIKE, pattern, escape=escape)

    def ilike(self, pattern: Any, escape: str | None = None) -> ColumnElement[bool]:
        """``self ILIKE pattern``, or ``lower(self) LIKE lower(pattern)`` where the database has no ILIKE."""
        return self.operate(ops.ILIKE, pattern, escape=escape)

    def not_ilike(self, pattern: Any, escape: str | None = None) -> ColumnElement[bool]:
        """The negation of :meth:`ilike`."""
        return self.operate(ops.NOT_ILIKE, pattern, escape=escape)

    def contains(self, other: Any, autoescape: bool = True) -> ColumnElement[bool]:
        """True where the text contains ``other``; ``%`` and ``_`` in a plain string are taken literally.

        An array contains the items of another: ``Post.tags.contains(["a", "b"])`` (PostgreSQL).
        """
        return self._like_parts("%", other, "%", autoescape)

    def startswith(self, other: Any, autoescape: bool = True) -> ColumnElement[bool]:
        """True where the text starts with ``other``."""
        return self._like_parts("", other, "%", autoescape)

    def endswith(self, other: Any, autoescape: bool = True) -> ColumnElement[bool]:
        """True where the text ends with ``other``."""
        return self._like_parts("%", other, "", autoescape)

    def _like_parts(self, before: str, other: Any, after: str, autoescape: bool) -> ColumnElement[bool]:
        return self.operate(ops.LIKE, other, before=before, after=after, autoescape=autoescape)

    def overlap(self, other: Any) -> ColumnElement[bool]:
        """True where two arrays have an item in common: ``Post.tags.overlap(["a", "b"])`` (PostgreSQL)."""
        return self.operate(ops.ARRAY_OVERLAPS, other)

    def between(self, low: Any, high: Any) -> ColumnElement[bool]:
        """``self BETWEEN low AND high``, both ends included."""
        return self.operate(ops.BETWEEN, low, high=high)

    def is_(self, other: Any) -> ColumnElement[bool]:
        """``self IS other``: None, True or False."""
        return self.operate(ops.IS, other)

    def is_not(self, other: Any) -> ColumnElement[bool]:
        """``self IS NOT other``."""
        return self.operate(ops.IS_NOT, other)

    isnot = is_not

    def is_distinct_from(self, other: Any) -> ColumnElement[bool]:
        """Unequal, where NULL equals NULL."""
        return self.operate(ops.IS_DISTINCT_FROM, other)

    def is_not_distinct_from(self, other: Any) -> ColumnElement[bool]:
        """Equal, where NULL equals NULL."""
        return self.operate(ops.IS_NOT_DISTINCT_FROM, other)

    def concat(self, other: Any) -> ColumnElement[str]:
        """``self || other``."""
        return self.operate(ops.CONCAT, other)

    def op(self, opstring: str, precedence: int = 7, is_comparison: bool = False) -> Any:
        """Return a function that applies an operator of the database's own: ``User.tags.op("&&")(other)``.

        :param opstring: the operator's text. It is SQL: never pass text that a user has given.
        """
        operator = ops.custom(opstring, precedence, is_comparison=is_comparison)
        return lambda other: self.operate(operator, other)

    def asc(self) -> ColumnElement[Any]:
        """Ascending order."""
        return self.operate(ops.ASC)

    def desc(self) -> ColumnElement[Any]:
        """Descending order."""
        return self.operate(ops.DESC)

    def nulls_first(self) -> ColumnElement[Any]:
        """NULLs before all values."""
        return self.operate(ops.NULLS_FIRST)

    def nulls_last(self) -> ColumnElement[Any]:
        """NULLs after all values."""
        return self.operate(ops.NULLS_LAST)

    def distinct(self) -> ColumnElement[Any]:
        """``DISTINCT self``, as in ``func.count(User.name.distinct())``."""
        return self.operate(ops.DISTINCT)

    def collate(self, collation: str) -> ColumnElement[Any]:
        """``self COLLATE collation``."""
        return self.operate(ops.COLLATE, collation)

    def label(self, name: str) -> Label[Any]:
        """``self AS name``."""
        return cast("Label[Any]", self.operate(ops.LABEL, name))
