"""The nodes of ``left op other``, for every operator from :mod:`flask_uow.sql.operators`, beside whatever a user passes.

:meth:`~flask_uow.sql.expressions.ColumnElement.operate` ends in :func:`operate`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from flask_uow.exc import ArgumentError
from flask_uow.sql import operators as ops
from flask_uow.sql import parts
from flask_uow.sql.coercion import coerce_compared, coerce_condition, coerce_value
from flask_uow.sql.column_operators import ColumnOperators
from flask_uow.sql.expressions import (
    Between,
    BinaryExpression,
    BindParameter,
    BooleanList,
    CalledParameter,
    Cast,
    Collate,
    ColumnElement,
    ExpandingParameter,
    ExpressionList,
    FixedCondition,
    Label,
    LiteralColumn,
    Null,
    UnaryExpression,
    operations,
)
from flask_uow.sql.nodes import ClauseElement
from flask_uow.sql.operators import Operator
from flask_uow.sql.types import BOOLEANTYPE, NULLTYPE, STRINGTYPE, BigInteger, Integer, TypeEngine, to_instance
from flask_uow.sql.types.comparing import factories

__all__ = ["and_", "binary", "not_", "operate", "or_"]

_BIGINTEGER = BigInteger()


def binary(
    left: ColumnElement[Any],
    op: Operator,
    other: object,
    escape: str | None = None,
    return_type: TypeEngine[Any] | None = None,
) -> ColumnElement[Any]:
    """Return ``left op other``; ``== None`` becomes IS NULL."""
    if type(other) is parts.Quantifier:
        return other.beside(left, op)
    if other is None or isinstance(other, Null):
        if op is ops.EQ or op is ops.IS:
            return BinaryExpression(left, ops.IS, Null(), BOOLEANTYPE)
        if op is ops.NE or op is ops.IS_NOT:
            return BinaryExpression(left, ops.IS_NOT, Null(), BOOLEANTYPE)
    # IS stands before a keyword: PostgreSQL takes no parameter there
    if (op is ops.IS or op is ops.IS_NOT) and isinstance(other, bool):
        right: ColumnElement[Any] = LiteralColumn("TRUE" if other else "FALSE", BOOLEANTYPE)
    elif isinstance(left, ExpressionList) and isinstance(other, (tuple, list)):
        right = _row_value(other, left)
    elif op in ops.COMPARISONS:
        right = coerce_compared(other, left)
    elif isinstance(other, ColumnOperators):
        right = other.as_operand()
    else:
        right = coerce_value(other, left.type.of_operand(op.sql, other))
    type_ = return_type if return_type is not None else _result_type(op, left, right)
    return BinaryExpression(left, op, right, type_, escape)


def _adds_text(element: ColumnElement[Any], other: object) -> bool:
    # text is added by ||
    if isinstance(element.type.value_class, type) and issubclass(element.type.value_class, str):
        return True
    return isinstance(other, str) and element.type is NULLTYPE


def _result_type(op: Operator, left: ColumnElement[Any], right: ColumnElement[Any]) -> TypeEngine[Any]:
    if op.result == "boolean":
        return BOOLEANTYPE
    if op.result == "string":
        return STRINGTYPE
    if op.result == "same":
        return left.type.combined_with(right.type, op.name)
    return left.type.of_result(op.sql)


def in_expression(left: ColumnElement[Any], op: Operator, values: object) -> ColumnElement[bool]:
    """Return ``left IN values`` for an iterable of values or a SELECT."""
    as_select = getattr(values, "__clause_element__", None)
    select: Any = values if as_select is None else as_select()
    # how many values there are is known when the statement is executed
    if isinstance(select, BindParameter) and (
        select.required or isinstance(select, CalledParameter) or isinstance(select.value, (list, tuple, set))
    ):
        return BinaryExpression(left, op, ExpandingParameter.beside(left, select), BOOLEANTYPE)
    if isinstance(select, ClauseElement):
        subquery = getattr(select, "scalar_subquery", None)
        right = subquery() if subquery is not None else select
        if not isinstance(right, ColumnElement):
            raise ArgumentError(f"in_() takes an iterable of values or a SELECT, got {type(values).__name__}.")
        return BinaryExpression(left, op, right, BOOLEANTYPE)
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise ArgumentError(
            f"in_() takes an iterable of values or a SELECT, got {values!r}. Wrap a single value in a list."
        )
    if isinstance(left, ExpressionList):
        items = tuple(_row_value(value, left) for value in values)
    else:
        items = tuple(coerce_compared(value, left) for value in values)
    # IN () is an error in PostgreSQL
    if not items:
        return FixedCondition(op is not ops.IN, left)
    return BinaryExpression(left, op, ExpressionList(items), BOOLEANTYPE)


def _row_value(value: object, left: ExpressionList) -> ColumnElement[Any]:
    """Return a tuple of values to stand beside a row value."""
    if isinstance(value, ExpressionList):
        return value
    given = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    if len(given) != len(left.items):
        raise ArgumentError(f"{value!r} stands beside a row of {len(left.items)} columns. Give a value for each.")
    return ExpressionList(tuple(coerce_compared(item, beside) for item, beside in zip(given, left.items, strict=True)))


def _join_conditions(op: Operator, conditions: Sequence[Any], empty: bool) -> ColumnElement[bool]:
    clauses: list[ColumnElement[Any]] = []
    for condition in conditions:
        clause = coerce_condition(condition)
        if isinstance(clause, BooleanList) and clause.operator is op:
            clauses.extend(clause.clauses)
        else:
            clauses.append(clause)
    if not clauses:
        return FixedCondition(empty)
    return clauses[0] if len(clauses) == 1 else BooleanList(op, tuple(clauses))


def and_(*conditions: Any) -> ColumnElement[bool]:
    """Return the conditions joined by AND; true when there are none."""
    return _join_conditions(ops.AND, conditions, True)


def or_(*conditions: Any) -> ColumnElement[bool]:
    """Return the conditions joined by OR; false when there are none."""
    return _join_conditions(ops.OR, conditions, False)


def not_(condition: object) -> ColumnElement[bool]:
    """Return the negation of a condition: ``NOT IN`` for ``IN``, ``!=`` for ``=`` and so on."""
    return coerce_condition(condition).self_negated()


def like_expression(
    left: ColumnElement[Any],
    op: Operator,
    other: object,
    before: str = "",
    after: str = "",
    autoescape: bool | None = None,
    escape: str | None = None,
) -> ColumnElement[bool]:
    """Return ``left LIKE before || other || after``.

    :param autoescape: True escapes ``%`` and ``_`` of a plain string; None does where something stands around it and no ``escape`` is given.
    :param escape: the character that makes them literal.
    :raises ArgumentError: for an ``escape`` that is no single character.
    """
    if escape is not None and (not isinstance(escape, str) or len(escape) != 1):
        raise ArgumentError(f"escape={escape!r}: expected a single character, such as '/', or None.")
    if type(other) is parts.Quantifier:
        return other.beside(left, op)
    if isinstance(other, str):
        if autoescape is None:
            autoescape = escape is None and bool(before or after)
        if autoescape:
            mark = escape = escape or "/"
            # the mark first: it is put before the others after that
            for special in (mark, "%", "_"):
                other = other.replace(special, f"{mark}{special}")
        return binary(left, op, f"{before}{other}{after}", escape)
    pattern = coerce_compared(other, LiteralColumn("the pattern of LIKE", STRINGTYPE))
    wildcard = LiteralColumn("'%'", STRINGTYPE)
    if before:
        pattern = binary(wildcard, ops.CONCAT, pattern)
    if after:
        pattern = binary(pattern, ops.CONCAT, wildcard)
    return binary(left, op, pattern, escape)


def _contains(
    left: ColumnElement[Any], op: Operator, other: object, autoescape: bool | None, escape: str | None
) -> ColumnElement[bool]:
    """Return the condition that a text, an array, a document or a range contains another."""
    found = parts.contains(left, other)
    return like_expression(left, ops.LIKE, other, "%", "%", autoescape, escape) if found is None else found


def _regexp(left: ColumnElement[Any], op: Operator, pattern: object, flags: str | None = None) -> ColumnElement[bool]:
    """Return the condition that a text has a match of a regular expression.

    :param flags: letters that both databases know at the head of an expression, ``i`` for one that ignores case.
    :raises ArgumentError: for flags that are no letters.
    """
    given = coerce_value(pattern, STRINGTYPE)
    if flags is not None:
        if not (flags.isalpha() and flags.isascii()):
            raise ArgumentError(
                f"regexp_match(flags={flags!r}): expected letters, 'i' to ignore case. Leave it out for none."
            )
        given = binary(LiteralColumn(f"'(?{flags})'", STRINGTYPE), ops.CONCAT, given)
    return BinaryExpression(left, op, given, BOOLEANTYPE)


def _between(left: ColumnElement[Any], op: Operator, low: object, high: object) -> ColumnElement[bool]:
    return Between(left, coerce_compared(low, left), coerce_compared(high, left), op)


def _shifted(left: ColumnElement[Any], op: Operator, other: object) -> ColumnElement[Any]:
    # an integer may become a large one
    type_ = _BIGINTEGER if isinstance(left.type.stored_type, Integer) else left.type
    return binary(left, op, other, return_type=type_)


def _unary(element: ColumnElement[Any], op: Operator, other: object) -> ColumnElement[Any]:
    return UnaryExpression(element, op)


# operators that are more than `left op right`
_SPECIAL: dict[Operator, Callable[..., ColumnElement[Any]]] = {
    ops.IN: in_expression,
    ops.NOT_IN: in_expression,
    **dict.fromkeys((ops.LIKE, ops.ILIKE, ops.NOT_LIKE, ops.NOT_ILIKE), like_expression),
    ops.CONTAINS: _contains,
    ops.CONTAINED_BY: parts.contained_by,
    ops.OVERLAPS: parts.overlaps,
    ops.HAS_KEY: parts.has_key,
    ops.ITEM: parts.item_of,
    ops.ANY: parts.quantified,
    ops.ALL: parts.quantified,
    ops.REGEXP_MATCH: _regexp,
    ops.REGEXP_REPLACE: parts.regexp_replace,
    ops.MATCH: parts.match,
    ops.ANY_OF: parts.quantifier,
    ops.ALL_OF: parts.quantifier,
    ops.CAST: lambda element, op, type_: Cast(element, to_instance(type_)),
    ops.BITWISE_LSHIFT: _shifted,
    ops.BETWEEN: _between,
    ops.BETWEEN_SYMMETRIC: _between,
    ops.AND: lambda left, op, other: and_(left, other),
    ops.OR: lambda left, op, other: or_(left, other),
    ops.NOT: lambda element, op, other: element.self_negated(),
    ops.COLLATE: lambda element, op, collation: Collate(element, collation),
    ops.LABEL: lambda element, op, name: Label(name, element),
    **dict.fromkeys(
        (ops.NEG, ops.BITWISE_NOT, ops.ASC, ops.DESC, ops.NULLS_FIRST, ops.NULLS_LAST, ops.DISTINCT), _unary
    ),
}


def operate(element: ColumnElement[Any], op: Operator, other: object, modifiers: dict[str, Any]) -> ColumnElement[Any]:
    """Return the node of ``element op other``.

    :param modifiers: what the operator's method was given beside, see :meth:`ColumnOperators.operate`.
    """
    # each operator asks, and few applications have types with operators of their own
    if factories.are_there:
        made: ColumnElement[Any] | None = factories.dispatched(element, op, other, modifiers)
        if made is not None:
            return made
    special = _SPECIAL.get(op)
    if special is not None:
        return special(element, op, other, **modifiers)
    if op is ops.ADD:
        if element.type.stored_type.is_joined:
            op = ops.JOINED
        elif _adds_text(element, other):
            op = ops.CONCAT
    if modifiers and modifiers.pop("reverse", False):
        left = other.as_operand() if isinstance(other, ColumnOperators) else coerce_value(other, element.type)
        return binary(left, op, element)
    return binary(element, op, other, **modifiers)


operations.operate = operate
