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

    def operate(self, op: Operator, other: object = None, **modifiers: Any) -> ColumnElement[Any]:
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

    def __lt__(self, other: object) -> ColumnElement[bool]:
        return self.operate(ops.LT, other)

    def __le__(self, other: object) -> ColumnElement[bool]:
        return self.operate(ops.LE, other)

    def __gt__(self, other: object) -> ColumnElement[bool]:
        return self.operate(ops.GT, other)

    def __ge__(self, other: object) -> ColumnElement[bool]:
        return self.operate(ops.GE, other)

    def __add__(self, other: object) -> ColumnElement[Any]:
        return self.operate(ops.ADD, other)

    def __radd__(self, other: object) -> ColumnElement[Any]:
        return self.operate(ops.ADD, other, reverse=True)

    def __sub__(self, other: object) -> ColumnElement[Any]:
        return self.operate(ops.SUB, other)

    def __rsub__(self, other: object) -> ColumnElement[Any]:
        return self.operate(ops.SUB, other, reverse=True)

    def __mul__(self, other: object) -> ColumnElement[Any]:
        return self.operate(ops.MUL, other)

    def __rmul__(self, other: object) -> ColumnElement[Any]:
        return self.operate(ops.MUL, other, reverse=True)

    def __truediv__(self, other: object) -> ColumnElement[Any]:
        return self.operate(ops.DIV, other)

    def __rtruediv__(self, other: object) -> ColumnElement[Any]:
        return self.operate(ops.DIV, other, reverse=True)

    def __floordiv__(self, other: object) -> ColumnElement[Any]:
        return self.operate(ops.FLOORDIV, other)

    def __rfloordiv__(self, other: object) -> ColumnElement[Any]:
        return self.operate(ops.FLOORDIV, other, reverse=True)

    def __mod__(self, other: object) -> ColumnElement[Any]:
        return self.operate(ops.MOD, other)

    def __neg__(self) -> ColumnElement[Any]:
        return self.operate(ops.NEG)

    def __and__(self, other: object) -> ColumnElement[bool]:
        return self.operate(ops.AND, other)

    def __or__(self, other: object) -> ColumnElement[bool]:
        return self.operate(ops.OR, other)

    def __invert__(self) -> ColumnElement[bool]:
        return self.operate(ops.NOT)

    def in_(self, values: object) -> ColumnElement[bool]:
        """``self IN (values)``; ``values`` is an iterable of values, or a SELECT. An empty iterable is never true."""
        return self.operate(ops.IN, values)

    def not_in(self, values: object) -> ColumnElement[bool]:
        """``self NOT IN (values)``; always true for an empty iterable."""
        return self.operate(ops.NOT_IN, values)

    notin_ = not_in

    def like(self, pattern: object, escape: str | None = None) -> ColumnElement[bool]:
        """``self LIKE pattern``; ``escape`` is the character that makes ``%`` and ``_`` literal."""
        return self.operate(ops.LIKE, pattern, escape=escape)

    def not_like(self, pattern: object, escape: str | None = None) -> ColumnElement[bool]:
        """``self NOT LIKE pattern``."""
        return self.operate(ops.NOT_LIKE, pattern, escape=escape)

    def ilike(self, pattern: object, escape: str | None = None) -> ColumnElement[bool]:
        """``self ILIKE pattern``, or ``lower(self) LIKE lower(pattern)`` where the database has no ILIKE."""
        return self.operate(ops.ILIKE, pattern, escape=escape)

    def not_ilike(self, pattern: object, escape: str | None = None) -> ColumnElement[bool]:
        """The negation of :meth:`ilike`."""
        return self.operate(ops.NOT_ILIKE, pattern, escape=escape)

    def contains(self, other: object, autoescape: bool = True) -> ColumnElement[bool]:
        """True where the text contains ``other``; ``%`` and ``_`` in a plain string are taken literally.

        An array contains the items of another, ``Post.tags.contains(["a", "b"])``; a document contains another that has a part of what it has,
        ``Order.data.contains({"paid": True})``; a range (PostgreSQL) contains a value or another range.
        """
        return self.operate(ops.CONTAINS, other, autoescape=autoescape)

    def icontains(self, other: object, autoescape: bool = True) -> ColumnElement[bool]:
        """True where the text contains ``other``, whatever the case of the letters."""
        return self.operate(ops.ILIKE, other, before="%", after="%", autoescape=autoescape)

    def startswith(self, other: object, autoescape: bool = True) -> ColumnElement[bool]:
        """True where the text starts with ``other``."""
        return self.operate(ops.LIKE, other, after="%", autoescape=autoescape)

    def istartswith(self, other: object, autoescape: bool = True) -> ColumnElement[bool]:
        """True where the text starts with ``other``, whatever the case of the letters."""
        return self.operate(ops.ILIKE, other, after="%", autoescape=autoescape)

    def endswith(self, other: object, autoescape: bool = True) -> ColumnElement[bool]:
        """True where the text ends with ``other``."""
        return self.operate(ops.LIKE, other, before="%", autoescape=autoescape)

    def iendswith(self, other: object, autoescape: bool = True) -> ColumnElement[bool]:
        """True where the text ends with ``other``, whatever the case of the letters."""
        return self.operate(ops.ILIKE, other, before="%", autoescape=autoescape)

    def regexp_match(self, pattern: object, flags: str | None = None) -> ColumnElement[bool]:
        """True where the text has a match of a regular expression: PostgreSQL's own, Python's on SQLite.

        :param flags: ``"i"`` ignores the case of letters.
        """
        return self.operate(ops.REGEXP_MATCH, pattern, flags=flags)

    def overlap(self, other: object) -> ColumnElement[bool]:
        """True where two arrays have an item in common, ``Post.tags.overlap(["a", "b"])``; or two ranges a value (PostgreSQL)."""
        return self.operate(ops.OVERLAPS, other)

    overlaps = overlap

    def contained_by(self, other: object) -> ColumnElement[bool]:
        """True where ``other`` contains the array, the document or the range; see :meth:`contains`."""
        return self.operate(ops.CONTAINED_BY, other)

    def has_key(self, key: object) -> ColumnElement[bool]:
        """True where a document has the key, or is a list that has the text among its items."""
        return self.operate(ops.HAS_KEY, key)

    def has_all(self, keys: object) -> ColumnElement[bool]:
        """True where a document has all keys of a list."""
        return self.operate(ops.HAS_KEY, keys, quantifier="all")

    def has_any(self, keys: object) -> ColumnElement[bool]:
        """True where a document has one of the keys of a list."""
        return self.operate(ops.HAS_KEY, keys, quantifier="any")

    def any(self, other: object = None, /, **options: Any) -> ColumnElement[bool]:
        """True where an array has an item that ``other`` is equal to: ``Post.tags.any("new")``.

        :param operator: another comparison: ``Post.marks.any(3, operator=operator.lt)`` is ``3 < ANY (marks)``.
        """
        return self.operate(ops.ANY, other, **options)

    def all(self, other: object, /, **options: Any) -> ColumnElement[bool]:
        """True where ``other`` is equal to all items of an array; see :meth:`any`."""
        return self.operate(ops.ALL, other, **options)

    def __getitem__(self, key: object) -> Any:
        """Return a part of a document by its key or position (from 0), ``Order.data["to"]["city"]``; or an item of an array (from 1).

        :raises ArgumentError: for a column of another type.
        """
        return self.operate(ops.ITEM, key)

    # items are asked for one by one: without this, Python would go through the numbers without an end
    __iter__ = None

    def between(self, low: object, high: object) -> ColumnElement[bool]:
        """``self BETWEEN low AND high``, both ends included."""
        return self.operate(ops.BETWEEN, low, high=high)

    def is_(self, other: object) -> ColumnElement[bool]:
        """``self IS other``: None, True or False."""
        return self.operate(ops.IS, other)

    def is_not(self, other: object) -> ColumnElement[bool]:
        """``self IS NOT other``."""
        return self.operate(ops.IS_NOT, other)

    isnot = is_not

    def is_distinct_from(self, other: object) -> ColumnElement[bool]:
        """Unequal, where NULL equals NULL."""
        return self.operate(ops.IS_DISTINCT_FROM, other)

    def is_not_distinct_from(self, other: object) -> ColumnElement[bool]:
        """Equal, where NULL equals NULL."""
        return self.operate(ops.IS_NOT_DISTINCT_FROM, other)

    def concat(self, other: object) -> ColumnElement[str]:
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

    nullsfirst, nullslast = nulls_first, nulls_last

    def distinct(self) -> ColumnElement[Any]:
        """``DISTINCT self``, as in ``func.count(User.name.distinct())``."""
        return self.operate(ops.DISTINCT)

    def collate(self, collation: str) -> ColumnElement[Any]:
        """``self COLLATE collation``."""
        return self.operate(ops.COLLATE, collation)

    def label(self, name: str) -> Label[Any]:
        """``self AS name``."""
        return cast("Label[Any]", self.operate(ops.LABEL, name))
