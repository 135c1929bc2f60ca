"""Criteria and new values worked out in Python, as SQL would: for ``synchronize_session="evaluate"``.

Each expression becomes a function of an object. NULL is None, and the logic is SQL's, with three values: a comparison with None is None,
``None OR True`` is True. What cannot be known to be the same in the database (collations, functions, patterns) is refused.
"""

from __future__ import annotations

import datetime as dt
import operator
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from flask_uow.exc import DataError
from flask_uow.orm.symbols import NO_VALUE, STATE
from flask_uow.sql import operators as ops
from flask_uow.sql.constructors import Case
from flask_uow.sql.expressions import (
    Between,
    BinaryExpression,
    BindParameter,
    BooleanList,
    ColumnElement,
    ExpressionList,
    Label,
    LiteralColumn,
    Null,
    UnaryExpression,
)
from flask_uow.sql.schema import Column
from flask_uow.sql.sourced import Sourced
from flask_uow.sql.types import ARRAY, JSON, Float, Numeric, TypeDecorator, TypeEngine, UserDefinedType
from flask_uow.sql.types.expressing import expressing
from flask_uow.sql.types.postgresql import PostgreSQLText

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.mapping.mapper import Mapper

__all__ = ["Evaluator", "NotEvaluable", "NotLoaded", "has_forms"]

Function = Callable[[Any], Any]

_COMPARISONS: dict[Any, Callable[[Any, Any], Any]] = {
    ops.EQ: operator.eq, ops.NE: operator.ne, ops.LT: operator.lt, ops.LE: operator.le, ops.GT: operator.gt, ops.GE: operator.ge,
}  # fmt: skip
_ARITHMETIC: dict[Any, Callable[[Any, Any], Any]] = {
    ops.ADD: operator.add,
    ops.SUB: operator.sub,
    ops.MUL: operator.mul,
}
# integers that a float holds exactly
_EXACT = 2**53
# text sorts by the database's collation, which Python does not know
_ORDERING = frozenset((ops.LT, ops.LE, ops.GT, ops.GE))
# those that only sort in a way of their own: by bytes, or as a language does
_EXACT_COLLATION = re.compile(r"C|POSIX|C\..*|binary|ucs_basic|[a-z]{2,3}([-_].*)?", re.IGNORECASE)
_CONSTANTS = {"1 = 1": True, "1 = 0": False, "TRUE": True, "FALSE": False}


class NotEvaluable(Exception):
    """The expression means something that only the database can work out."""


class NotLoaded(Exception):
    """An object lacks a value that the expression needs, or has another one than its row."""


def has_forms(type_: TypeEngine[Any]) -> bool:
    """Return True for a type whose values have several forms that the database holds equal: in another case, or with blanks at the end."""
    collation = getattr(type_, "collation", None)
    return (
        isinstance(type_, PostgreSQLText)
        or type_.lookup_name == "char"
        or (collation is not None and _EXACT_COLLATION.fullmatch(collation) is None)
    )


def _has_expression(type_: TypeEngine[Any]) -> bool:
    return type(type_).bind_expression is not TypeEngine.bind_expression


def _compares_alike(type_: TypeEngine[Any]) -> bool:
    """Return True for a type whose values are equal in the database where they are in Python."""
    # the database has these in another form than the object, padded or rounded say, and compares that
    if isinstance(type_, (TypeDecorator, UserDefinedType, JSON, ARRAY)) or type_.lookup_name in ("real", "null"):
        return False
    if expressing.are_there and any(map(_has_expression, (type_, *type_.dialect_variants.values()))):
        return False
    # of single precision, maybe: the row holds another number than the object
    return not (isinstance(type_, Float) and type_.precision is not None) and not has_forms(type_)


class Evaluator:
    """Makes functions of expressions over the columns of one mapper.

    :param mapper: the mapper.
    :param params: values for named parameters.
    """

    def __init__(self, mapper: Mapper, params: Mapping[str, Any]) -> None:
        self._mapper = mapper
        self._params = params

    def condition(self, conditions: tuple[Any, ...]) -> Function:
        """Return the function that says whether an object fulfils all conditions.

        :raises NotEvaluable: for one that only the database can work out.
        """
        tests = [self.function(condition) for condition in conditions]
        # a condition that is NULL takes no row, as in WHERE
        return lambda obj: all(test(obj) is True for test in tests)

    def function(self, node: object) -> Function:
        """Return the function from an object to the expression's value.

        :raises NotEvaluable: for an expression that only the database can work out.
        """
        if isinstance(node, Column):
            return self._column(node)
        if isinstance(node, BindParameter):
            return self._parameter(node)
        if isinstance(node, Null):
            return lambda obj: None
        if isinstance(node, LiteralColumn):
            return self._constant(node)
        if isinstance(node, (Label, Sourced)):
            return self.function(node.element)
        if isinstance(node, BinaryExpression):
            return self._binary(node)
        if isinstance(node, Between):
            return self._between(node)
        if isinstance(node, BooleanList):
            return self._list(node)
        if isinstance(node, UnaryExpression):
            return self._unary(node)
        if isinstance(node, Case):
            return self._case(node)
        raise NotEvaluable(f"{node}")

    def _column(self, node: Column[Any]) -> Function:
        if not _compares_alike(node.type):
            raise NotEvaluable(f"{node}")
        name = next((n for n, prop in self._mapper.column_attrs.items() if prop.column is node), None)
        if name is None:
            raise NotEvaluable(f"{node}")

        def read(obj: MappedObject) -> Any:
            value = obj.__dict__.get(name, NO_VALUE)
            if value is NO_VALUE or name in (obj.__dict__[STATE].changes or ()):
                # what the database has is not known: the change was not flushed
                raise NotLoaded(name)
            return value

        return read

    def _parameter(self, node: BindParameter[Any]) -> Function:
        value = node.value
        if str(node.key) in self._params:
            try:
                value = node.type.to_stored(self._params[str(node.key)])
            except DataError as error:
                # the database is to refuse it
                raise NotEvaluable(str(error)) from error
        return lambda obj: value

    def _constant(self, node: LiteralColumn) -> Function:
        if node.text not in _CONSTANTS:
            raise NotEvaluable(node.text)
        value = _CONSTANTS[node.text]
        return lambda obj: value

    def _binary(self, node: BinaryExpression[Any]) -> Function:
        op = node.operator
        if op in (ops.IN, ops.NOT_IN):
            return self._in(node)
        left, right = self.function(node.left), self.function(node.right)
        if op is ops.IS:
            return lambda obj: left(obj) is right(obj)
        if op is ops.IS_NOT:
            return lambda obj: left(obj) is not right(obj)
        if op is ops.IS_DISTINCT_FROM:
            return lambda obj: not _same(left(obj), right(obj))
        if op is ops.IS_NOT_DISTINCT_FROM:
            return lambda obj: _same(left(obj), right(obj))
        compute = _ARITHMETIC.get(op)
        if compute is not None:
            return lambda obj: _computed(compute, left(obj), right(obj))
        compare = _COMPARISONS.get(op)
        if compare is None:
            raise NotEvaluable(op.sql)
        if op in _ORDERING and _is_text(node.left):
            raise NotEvaluable(f"{op.sql} of texts")
        return lambda obj: _applied(compare, left(obj), right(obj))

    def _in(self, node: BinaryExpression[Any]) -> Function:
        if not isinstance(node.right, ExpressionList) or isinstance(node.left, ExpressionList):
            raise NotEvaluable("IN (SELECT ...)")
        left = self.function(node.left)
        items = [self.function(item) for item in node.right.items]
        negated = node.operator is ops.NOT_IN

        def test(obj: MappedObject) -> Any:
            value = left(obj)
            if value is None:
                return None
            found = [item(obj) for item in items]
            if any(_same(value, item) for item in found if item is not None):
                return not negated
            # beside a NULL nobody can say that a value is not in the list
            return None if None in found else negated

        return test

    def _between(self, node: Between) -> Function:
        if _is_text(node.element):
            raise NotEvaluable("BETWEEN of texts")
        element, low, high = (self.function(part) for part in (node.element, node.low, node.high))
        negated = node.operator is ops.NOT_BETWEEN

        def test(obj: MappedObject) -> Any:
            value = element(obj)
            found = _all([_applied(operator.ge, value, low(obj)), _applied(operator.le, value, high(obj))])
            return found if found is None or not negated else not found

        return test

    def _list(self, node: BooleanList) -> Function:
        clauses = [self.function(clause) for clause in node.clauses]
        decide = _all if node.operator is ops.AND else _any
        return lambda obj: decide([clause(obj) for clause in clauses])

    def _unary(self, node: UnaryExpression[Any]) -> Function:
        element = self.function(node.element)
        if node.operator is ops.NOT:
            return lambda obj: None if (value := element(obj)) is None else not value
        if node.operator is ops.NEG:
            return lambda obj: None if (value := element(obj)) is None else -value
        raise NotEvaluable(node.operator.sql)

    def _case(self, node: Case[Any]) -> Function:
        whens = [(self.function(condition), self.function(value)) for condition, value in node.whens]
        otherwise = self.function(node.else_) if node.else_ is not None else lambda obj: None

        def choose(obj: MappedObject) -> Any:
            for condition, value in whens:
                if condition(obj) is True:
                    return value(obj)
            return otherwise(obj)

        return choose

    def new_value(self, column: ColumnElement[Any], node: object) -> Function:
        """Return the function that gives a column's new value, exactly as it would be loaded.

        :raises NotEvaluable: where the database (or the column's type) has a say in that.
        """
        type_ = column.type
        if isinstance(type_, (TypeDecorator, JSON, ARRAY, Numeric)) or type_.lookup_name in (
            "char",
            "real",
            "float",
            "time",
            "datetime",
        ):
            raise NotEvaluable(f"{type_!r}")
        if isinstance(node, BindParameter):
            value = self._params.get(str(node.key), node.value)
            # of a subclass the database keeps the plain value, and that is what would be loaded
            if value is not None and type(value) is not type_.value_class:
                raise NotEvaluable(f"{value!r}")
        elif not isinstance(node, Null) and type_.value_class is not int:
            raise NotEvaluable(f"{node}")
        return self.function(node)


def _is_text(node: ColumnElement[Any]) -> bool:
    value_class = node.type.value_class
    return isinstance(value_class, type) and issubclass(value_class, str)


def _applied(compare: Callable[[Any, Any], Any], left: object, right: object) -> Any:
    if left is None or right is None:
        return None
    left, right = _alike(left, right)
    try:
        return compare(left, right)
    except TypeError as error:
        raise NotEvaluable(str(error)) from error


def _same(left: object, right: object) -> bool:
    """Return True where two values, None among them, are not distinct."""
    return left is right if left is None or right is None else bool(_applied(operator.eq, left, right))


def _alike(left: object, right: object) -> tuple[Any, Any]:
    """Return two values as the database compares them.

    :raises NotEvaluable: for classes that databases compare in ways of their own, or that they do not compare.
    """
    classes = {type(left), type(right)}
    if len(classes) == 1 and not isinstance(left, (dt.datetime, dt.time)):
        return left, right
    if isinstance(left, dt.date) and isinstance(right, dt.date):
        return _moments(left, right)
    if isinstance(left, dt.time) and isinstance(right, dt.time) and left.tzinfo is None and right.tzinfo is None:
        return left, right
    if classes <= {int, bool, Decimal}:
        return left, right
    if classes == {int, float} and all(abs(value) < _EXACT for value in (left, right) if isinstance(value, int)):
        return left, right
    raise NotEvaluable(f"{left!r} beside {right!r}")


def _moments(left: dt.date, right: dt.date) -> tuple[dt.datetime, dt.datetime]:
    """Return dates as their midnights, and moments without a zone as UTC where the other one has a zone."""
    first, second = (
        value if isinstance(value, dt.datetime) else dt.datetime.combine(value, dt.time()) for value in (left, right)
    )
    if (first.tzinfo is None) == (second.tzinfo is None):
        return first, second
    a, b = (value if value.tzinfo is not None else value.replace(tzinfo=dt.UTC) for value in (first, second))
    return a, b


def _computed(compute: Callable[[Any, Any], Any], left: object, right: object) -> Any:
    if left is None or right is None:
        return None
    pair = (left, right)
    of_integers = all(type(value) is int for value in pair)
    of_floats = all(type(value) in (int, float) for value in pair)
    of_moments = all(isinstance(value, (dt.datetime, dt.timedelta)) for value in pair)
    if not (of_integers or of_floats or of_moments):
        # decimals have digits that Python's context would round, a date moved by an interval becomes a moment
        raise NotEvaluable(f"arithmetic with {left!r} and {right!r}")
    try:
        return compute(left, right)
    except (TypeError, OverflowError) as error:
        raise NotEvaluable(str(error)) from error


def _all(values: list[Any]) -> bool | None:
    if any(value is False for value in values):
        return False
    return None if None in values else True


def _any(values: list[Any]) -> bool | None:
    if any(value is True for value in values):
        return True
    return None if None in values else False
