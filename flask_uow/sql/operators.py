"""The operator table: SQL text, precedence, negation and the kind of result, for every operator of an expression.

Data only; expressions refer to operators by object, the compiler reads their text and precedence. Precedences follow
SQL:1999 as PostgreSQL documents it (https://www.postgresql.org/docs/current/sql-syntax-lexical.html, "Operator
Precedence"): a higher number binds tighter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from flask_uow.sql.column_operators import ColumnOperators

__all__ = ["Operator"]

ResultKind = Literal["boolean", "same", "string", "left"]


@dataclass(frozen=True, slots=True, eq=False)
class Operator:
    """One operator.

    :ivar name: its name in a statement's shape.
    :ivar sql: its text between (or before) its operands.
    :ivar precedence: a higher number binds tighter.
    :ivar result: the type of the result: boolean, the operands' common type, string, or the left operand's type.
    :ivar associative: True where ``a op (b op c)`` needs no parentheses.
    """

    name: str
    sql: str
    precedence: int
    result: ResultKind = "boolean"
    associative: bool = False

    def __call__(self, left: ColumnOperators, *others: Any, **modifiers: Any) -> Any:
        """Return ``left op other`` as an expression, for an ``operate()`` of a comparator: ``op(func.lower(self.expr), func.lower(other))``."""
        return left.operate(self, *others, **modifiers)

    def __reduce__(self) -> Any:
        # told apart by identity: the same object comes back
        if self.name.startswith("custom:"):
            return _custom, (self.sql, self.precedence, self.result == "boolean")
        return self.name.upper()


OR = Operator("or", "OR", 1, associative=True)
AND = Operator("and", "AND", 2, associative=True)
NOT = Operator("not", "NOT", 3)
EQ = Operator("eq", "=", 5)
NE = Operator("ne", "!=", 5)
LT = Operator("lt", "<", 5)
LE = Operator("le", "<=", 5)
GT = Operator("gt", ">", 5)
GE = Operator("ge", ">=", 5)
IS = Operator("is", "IS", 4)
IS_NOT = Operator("is_not", "IS NOT", 4)
IS_DISTINCT_FROM = Operator("is_distinct_from", "IS DISTINCT FROM", 4)
IS_NOT_DISTINCT_FROM = Operator("is_not_distinct_from", "IS NOT DISTINCT FROM", 4)
IN = Operator("in", "IN", 6)
NOT_IN = Operator("not_in", "NOT IN", 6)
LIKE = Operator("like", "LIKE", 6)
NOT_LIKE = Operator("not_like", "NOT LIKE", 6)
ILIKE = Operator("ilike", "ILIKE", 6)
NOT_ILIKE = Operator("not_ilike", "NOT ILIKE", 6)
BETWEEN = Operator("between", "BETWEEN", 6)
NOT_BETWEEN = Operator("not_between", "NOT BETWEEN", 6)
BETWEEN_SYMMETRIC = Operator("between_symmetric", "BETWEEN SYMMETRIC", 6)
NOT_BETWEEN_SYMMETRIC = Operator("not_between_symmetric", "NOT BETWEEN SYMMETRIC", 6)
ARRAY_CONTAINS = Operator("array_contains", "@>", 7)
ARRAY_OVERLAPS = Operator("array_overlaps", "&&", 7)
ARRAY_CONTAINED_BY = Operator("array_contained_by", "<@", 7)
JSON_CONTAINS = Operator("json_contains", "@>", 7)
JSON_CONTAINED_BY = Operator("json_contained_by", "<@", 7)
JSON_HAS_KEY = Operator("json_has_key", "?", 7)
RANGE_CONTAINS = Operator("range_contains", "@>", 7)
RANGE_CONTAINED_BY = Operator("range_contained_by", "<@", 7)
RANGE_OVERLAPS = Operator("range_overlaps", "&&", 7)
# a part of a document; of a key that not every database reads in the text of a path, the second
JSON_GET = Operator("json_get", "->", 7, "left", associative=True)
JSON_GET_ODD = Operator("json_get_odd", "->", 7, "left", associative=True)
ARRAY_GET = Operator("array_get", "[]", 13, "left")
REGEXP_MATCH = Operator("regexp_match", "~", 6)
NOT_REGEXP_MATCH = Operator("not_regexp_match", "!~", 6)
MATCH = Operator("match", "@@", 6)
BITWISE_AND = Operator("bitwise_and", "&", 7, "left", associative=True)
BITWISE_OR = Operator("bitwise_or", "|", 7, "left", associative=True)
BITWISE_XOR = Operator("bitwise_xor", "#", 7, "left", associative=True)
BITWISE_LSHIFT = Operator("bitwise_lshift", "<<", 7, "left")
BITWISE_RSHIFT = Operator("bitwise_rshift", ">>", 7, "left")
BITWISE_NOT = Operator("bitwise_not", "~", 7, "left")
# arrays, and documents
JOINED = Operator("joined", "||", 7, "left", associative=True)
CONCAT = Operator("concat", "||", 7, "string", associative=True)
ADD = Operator("add", "+", 8, "same", associative=True)
SUB = Operator("sub", "-", 8, "same")
MUL = Operator("mul", "*", 9, "same", associative=True)
DIV = Operator("div", "/", 9, "same")
MOD = Operator("mod", "%", 9, "same")
FLOORDIV = Operator("floordiv", "//", 9, "same")
NEG = Operator("neg", "-", 10, "left")
COLLATE = Operator("collate", "COLLATE", 11, "left")
ASC = Operator("asc", "ASC", 0, "left")
DESC = Operator("desc", "DESC", 0, "left")
NULLS_FIRST = Operator("nulls_first", "NULLS FIRST", 0, "left")
NULLS_LAST = Operator("nulls_last", "NULLS LAST", 0, "left")
EXISTS = Operator("exists", "EXISTS", 12)
COMMA = Operator("comma", ",", -1, "left", associative=True)
LABEL = Operator("label", "AS", -1, "left")
DISTINCT = Operator("distinct", "DISTINCT", -1, "left")

# what the type of the left side makes another operator of
ITEM = Operator("item", "[]", 13, "left")
CONTAINS = Operator("contains", "contains", 7)
CONTAINED_BY = Operator("contained_by", "<@", 7)
OVERLAPS = Operator("overlaps", "&&", 7)
HAS_KEY = Operator("has_key", "?", 7)
ANY = Operator("any", "ANY", 7)
ALL = Operator("all", "ALL", 7)
ANY_OF = Operator("any_of", "ANY", 7)
ALL_OF = Operator("all_of", "ALL", 7)
CAST = Operator("cast", "CAST", 13, "left")
REGEXP_REPLACE = Operator("regexp_replace", "regexp_replace", 13, "string")

NEGATIONS: dict[Operator, Operator] = {}
for _plain, _negated in (
    (EQ, NE), (LT, GE), (GT, LE), (IS, IS_NOT), (IN, NOT_IN), (LIKE, NOT_LIKE), (ILIKE, NOT_ILIKE),
    (BETWEEN, NOT_BETWEEN), (BETWEEN_SYMMETRIC, NOT_BETWEEN_SYMMETRIC), (REGEXP_MATCH, NOT_REGEXP_MATCH), (IS_DISTINCT_FROM, IS_NOT_DISTINCT_FROM),
):  # fmt: skip
    NEGATIONS[_plain] = _negated
    NEGATIONS[_negated] = _plain

COMPARISONS = frozenset(
    (
        EQ,
        NE,
        LT,
        LE,
        GT,
        GE,
        IS_DISTINCT_FROM,
        IS_NOT_DISTINCT_FROM,
        IN,
        NOT_IN,
        BETWEEN,
        NOT_BETWEEN,
        BETWEEN_SYMMETRIC,
        NOT_BETWEEN_SYMMETRIC,
    )
)
# a op b is b op' a
MIRRORED: dict[Operator, Operator] = {EQ: EQ, NE: NE, LT: GT, LE: GE, GT: LT, GE: LE}
ORDERINGS = frozenset((ASC, DESC, NULLS_FIRST, NULLS_LAST))
ARITHMETIC = frozenset((ADD, SUB, MUL, DIV, MOD))


def ambiguous(outer: Operator, precedence: int, inner: Operator) -> bool:
    """Return True where an operand needs parentheses for the databases' sake, though it binds as tight as ``outer``.

    They disagree on comparisons within comparisons, and on ``||`` and operators of their own beside arithmetic: in
    SQLite ``||`` binds tighter than ``+`` (https://www.sqlite.org/lang_expr.html).

    :param precedence: the operand's.
    :param inner: the operand's operator.
    """
    if outer.precedence == CONCAT.precedence:
        return precedence in (8, 9) or (precedence == outer.precedence and inner is not outer)
    return IS.precedence <= outer.precedence <= IN.precedence and IS.precedence <= precedence <= IN.precedence


def custom(sql: str, precedence: int = 7, *, is_comparison: bool = False) -> Operator:
    """Return an operator of the user's own, for :meth:`ColumnOperators.op`."""
    return Operator(
        f"custom:{sql}:{precedence}:{is_comparison}", sql, precedence, "boolean" if is_comparison else "left"
    )


def _custom(sql: str, precedence: int, is_comparison: bool) -> Operator:
    return custom(sql, precedence, is_comparison=is_comparison)
