"""The Python operators and methods of everything that stands for a column: of columns, and of the orm's attributes.

Each of them ends in one call of :meth:`ColumnOperators.operate`, which :mod:`flask_uow.sql.expressions` turns into a node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from flask_uow.sql import operators as ops
from flask_uow.sql.operators import Operator
from flask_uow.sql.types import TypeArgument, to_instance

if TYPE_CHECKING:
    from flask_uow.sql.expressions import ColumnElement, Label

__all__ = ["ColumnOperators"]


class ColumnOperators:
    """Stands for a column expression, which :meth:`__clause_element__` returns."""

    __slots__ = ()

    # what stands for several expressions, whose values are one item of a row, has them here
    bundle_members: Any = None

    def __clause_element__(self) -> ColumnElement[Any]:
        """Return the column expression that this object stands for."""
        raise NotImplementedError

    def operate(self, op: Operator, other: object = None, **modifiers: Any) -> ColumnElement[Any]:
        """Return ``self op other`` as an expression; every operator below ends here.

        :param modifiers: ``escape`` of LIKE; ``reverse=True`` for ``other op self``; ``high`` of BETWEEN, and so on.
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
        # by identity, since == makes an expression; the lowest bits of an address are always zero
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

    def __rmod__(self, other: object) -> ColumnElement[Any]:
        return self.operate(ops.MOD, other, reverse=True)

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

    notlike = not_like

    def ilike(self, pattern: object, escape: str | None = None) -> ColumnElement[bool]:
        """``self ILIKE pattern``, or ``lower(self) LIKE lower(pattern)`` where the database has no ILIKE."""
        return self.operate(ops.ILIKE, pattern, escape=escape)

    def not_ilike(self, pattern: object, escape: str | None = None) -> ColumnElement[bool]:
        """The negation of :meth:`ilike`."""
        return self.operate(ops.NOT_ILIKE, pattern, escape=escape)

    notilike = not_ilike

    def contains(self, other: object, autoescape: bool | None = None, escape: str | None = None) -> ColumnElement[bool]:
        """True where the text contains ``other``; ``%`` and ``_`` in a plain string are taken literally.

        An array contains the items of another, ``Post.tags.contains(["a", "b"])``; a document contains another that has a part of what it has,
        ``Order.data.contains({"paid": True})``; a range (PostgreSQL) contains a value or another range.

        :param autoescape: False takes ``%`` and ``_`` as the wildcards of LIKE; None does where ``escape`` is given.
        :param escape: the character that makes them literal: that in ``other``, or the one to use with ``autoescape=True``.
        """
        return self.operate(ops.CONTAINS, other, autoescape=autoescape, escape=escape)

    def icontains(
        self, other: object, autoescape: bool | None = None, escape: str | None = None
    ) -> ColumnElement[bool]:
        """True where the text contains ``other``, whatever the case of the letters; see :meth:`contains`."""
        return self.operate(ops.ILIKE, other, before="%", after="%", autoescape=autoescape, escape=escape)

    def startswith(
        self, other: object, autoescape: bool | None = None, escape: str | None = None
    ) -> ColumnElement[bool]:
        """True where the text starts with ``other``; see :meth:`contains`."""
        return self.operate(ops.LIKE, other, after="%", autoescape=autoescape, escape=escape)

    def istartswith(
        self, other: object, autoescape: bool | None = None, escape: str | None = None
    ) -> ColumnElement[bool]:
        """True where the text starts with ``other``, whatever the case of the letters; see :meth:`contains`."""
        return self.operate(ops.ILIKE, other, after="%", autoescape=autoescape, escape=escape)

    def endswith(self, other: object, autoescape: bool | None = None, escape: str | None = None) -> ColumnElement[bool]:
        """True where the text ends with ``other``; see :meth:`contains`."""
        return self.operate(ops.LIKE, other, before="%", autoescape=autoescape, escape=escape)

    def iendswith(
        self, other: object, autoescape: bool | None = None, escape: str | None = None
    ) -> ColumnElement[bool]:
        """True where the text ends with ``other``, whatever the case of the letters; see :meth:`contains`."""
        return self.operate(ops.ILIKE, other, before="%", autoescape=autoescape, escape=escape)

    def regexp_match(self, pattern: object, flags: str | None = None) -> ColumnElement[bool]:
        """True where the text has a match of a regular expression: PostgreSQL's own, Python's on SQLite.

        :param flags: ``"i"`` ignores the case of letters.
        """
        return self.operate(ops.REGEXP_MATCH, pattern, flags=flags)

    def regexp_replace(self, pattern: object, replacement: object, flags: str | None = None) -> ColumnElement[str]:
        """The text with the first match of a regular expression replaced; see :meth:`regexp_match`.

        :param replacement: the text in its place; ``\\1`` is what the first group has found.
        :param flags: letters: ``"i"`` ignores case, ``"g"`` replaces all matches.
        """
        return self.operate(ops.REGEXP_REPLACE, pattern, replacement=replacement, flags=flags)

    def match(self, other: object, *, postgresql_regconfig: str | None = None) -> ColumnElement[bool]:
        """True where a full text search finds all words of ``other`` (``@@`` of PostgreSQL); MATCH of a table of FTS5 on SQLite.

        :param other: words; or a query that ``func.to_tsquery()`` and the like give.
        :param postgresql_regconfig: the configuration that tells how words are read, ``"english"`` say; the server's when None.
        """
        return self.operate(ops.MATCH, other, regconfig=postgresql_regconfig)

    def any_(self) -> ColumnElement[Any]:
        """Any item of the array, or row of the subquery, on the right of a comparison: ``5 == Post.marks.any_()``."""
        return self.operate(ops.ANY_OF)

    def all_(self) -> ColumnElement[Any]:
        """All items of the array, or rows of the subquery, on the right of a comparison: ``literal(5) < Post.marks.all_()``."""
        return self.operate(ops.ALL_OF)

    def bitwise_and(self, other: object) -> ColumnElement[Any]:
        """``self & other``, bit by bit; ``User.flags.bitwise_and(4) != 0``."""
        return self.operate(ops.BITWISE_AND, other)

    def bitwise_or(self, other: object) -> ColumnElement[Any]:
        """``self | other``, bit by bit."""
        return self.operate(ops.BITWISE_OR, other)

    def bitwise_xor(self, other: object) -> ColumnElement[Any]:
        """The bits that one of both has, and not the other."""
        return self.operate(ops.BITWISE_XOR, other)

    def bitwise_not(self) -> ColumnElement[Any]:
        """``~self``, all bits the other way round."""
        return self.operate(ops.BITWISE_NOT)

    def bitwise_lshift(self, other: object) -> ColumnElement[Any]:
        """``self << other``: the bits moved up, within 64."""
        return self.operate(ops.BITWISE_LSHIFT, other)

    def bitwise_rshift(self, other: object) -> ColumnElement[Any]:
        """``self >> other``: the bits moved down."""
        return self.operate(ops.BITWISE_RSHIFT, other)

    def cast(self, type_: TypeArgument) -> ColumnElement[Any]:
        """``CAST(self AS type_)``."""
        return self.operate(ops.CAST, type_)

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

    def adjacent_to(self, other: object) -> ColumnElement[bool]:
        """True where a range and another touch, and have nothing in common (PostgreSQL)."""
        return self._of_ranges("-|-", other)

    def strictly_left_of(self, other: object) -> ColumnElement[bool]:
        """True where a range ends before another begins (PostgreSQL)."""
        return self._of_ranges("<<", other)

    def strictly_right_of(self, other: object) -> ColumnElement[bool]:
        """True where a range begins after the end of another (PostgreSQL)."""
        return self._of_ranges(">>", other)

    def not_extend_right_of(self, other: object) -> ColumnElement[bool]:
        """True where a range has nothing behind the end of another (PostgreSQL)."""
        return self._of_ranges("&<", other)

    def not_extend_left_of(self, other: object) -> ColumnElement[bool]:
        """True where a range has nothing before the beginning of another (PostgreSQL)."""
        return self._of_ranges("&>", other)

    def _of_ranges(self, sign: str, other: object) -> ColumnElement[bool]:
        made: ColumnElement[bool] = self.bool_op(sign)(other)
        return made

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

    def between(self, low: object, high: object, symmetric: bool = False) -> ColumnElement[bool]:
        """``self BETWEEN low AND high``, both ends included.

        :param symmetric: True takes the ends in whichever order.
        """
        return self.operate(ops.BETWEEN_SYMMETRIC if symmetric else ops.BETWEEN, low, high=high)

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

    isnot_distinct_from = is_not_distinct_from

    def concat(self, other: object) -> ColumnElement[str]:
        """``self || other``."""
        return self.operate(ops.CONCAT, other)

    def op(
        self,
        opstring: str,
        precedence: int = 7,
        is_comparison: bool = False,
        return_type: TypeArgument | None = None,
    ) -> Any:
        """Return a function that applies an operator of the database's own: ``User.tags.op("&&")(other)``.

        :param opstring: the operator's text. It is SQL: never pass text that a user has given.
        :param precedence: how tightly it binds: 5 like comparisons, 7 like ``||``, 8 like ``+``.
        :param is_comparison: True where the result is a truth value.
        :param return_type: the type of the result; that of the left side when None.
        """
        operator = ops.custom(opstring, precedence, is_comparison=is_comparison)
        modifiers = {} if return_type is None else {"return_type": to_instance(return_type)}
        return lambda other: self.operate(operator, other, **modifiers)

    def bool_op(self, opstring: str, precedence: int = 7) -> Any:
        """Return a function that applies an operator of the database's own whose result is a truth value; see :meth:`op`."""
        return self.op(opstring, precedence, is_comparison=True)

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
