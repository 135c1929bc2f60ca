"""Column expressions: the nodes, and what becomes of Python values and operators beside them.

Anything a user passes beside an expression becomes a :class:`BindParameter`; no value ever becomes SQL text. Schema's
columns and the orm's attributes take part through :class:`ColumnOperators`. Read :mod:`flask_uow.sql.operators` beside
this; :mod:`flask_uow.sql.compiler` writes the nodes out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

from flask_uow.exc import ArgumentError, DataError
from flask_uow.sql import operators as ops
from flask_uow.sql.column_operators import ColumnOperators
from flask_uow.sql.nodes import ClauseElement, Shape
from flask_uow.sql.operators import Operator
from flask_uow.sql.types import ARRAY, BOOLEANTYPE, NULLTYPE, STRINGTYPE, TypeDecorator, TypeEngine

__all__ = [
    "BindParameter", "ColumnElement", "ColumnOperators", "Label", "LiteralColumn", "Null", "UntypedParameter", "and_", "binary", "coerce_compared",
    "coerce_condition", "coerce_order", "coerce_value", "not_", "or_", "refuse_mapped",
]  # fmt: skip

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class ColumnElement(ColumnOperators, ClauseElement, Generic[T_co]):
    """An expression that has a value in each row.

    :ivar type: the SQL type of the value.
    :ivar name: the name of its result column, or None.
    """

    __slots__ = ("type",)
    type: TypeEngine[Any]

    @property
    def name(self) -> str | None:
        """The name that the column has in a result, None where the database chooses one."""
        return None

    @property
    def precedence(self) -> int:
        """How tightly the expression binds, see :mod:`flask_uow.sql.operators`."""
        return 20

    def __clause_element__(self) -> ColumnElement[Any]:
        return self

    def operate(self, op: Operator, other: Any = None, **modifiers: Any) -> ColumnElement[Any]:
        special = _SPECIAL.get(op)
        if special is not None:
            return special(self, op, other, **modifiers)
        if op is ops.ADD and _adds_text(self, other):
            op = ops.CONCAT
        if modifiers.pop("reverse", False):
            left = other.as_operand() if isinstance(other, ColumnOperators) else coerce_value(other, self.type)
            return binary(left, op, self)
        return binary(self, op, other, **modifiers)

    def __hash__(self) -> int:
        return id(self) >> 4

    def __bool__(self) -> bool:
        raise TypeError(
            f"the truth value of the SQL expression {str(self)!r} is not known in Python. "
            "Use and_(), or_() and not_() (or &, | and ~), and is_(None) to compare with NULL."
        )

    def self_negated(self) -> ColumnElement[bool]:
        """Return ``NOT self``."""
        return UnaryExpression(self, ops.NOT, BOOLEANTYPE)

    if TYPE_CHECKING:
        # the operators whose results have types that are known
        def label(self, name: str) -> Label[T_co]: ...
        def asc(self) -> ColumnElement[T_co]: ...
        def desc(self) -> ColumnElement[T_co]: ...
        def nulls_first(self) -> ColumnElement[T_co]: ...
        def nulls_last(self) -> ColumnElement[T_co]: ...
        def distinct(self) -> ColumnElement[T_co]: ...
        def collate(self, collation: str) -> ColumnElement[T_co]: ...
        def __neg__(self) -> ColumnElement[T_co]: ...
        @overload
        def __add__(self: ColumnElement[int], other: int | ColumnElement[int]) -> ColumnElement[int]: ...
        @overload
        def __add__(self: ColumnElement[str], other: str | ColumnElement[str]) -> ColumnElement[str]: ...
        @overload
        def __add__(self, other: Any) -> ColumnElement[Any]: ...
        def __add__(self, other: Any) -> Any: ...
        @overload
        def __sub__(self: ColumnElement[int], other: int | ColumnElement[int]) -> ColumnElement[int]: ...
        @overload
        def __sub__(self, other: Any) -> ColumnElement[Any]: ...
        def __sub__(self, other: Any) -> Any: ...
        @overload
        def __mul__(self: ColumnElement[int], other: int | ColumnElement[int]) -> ColumnElement[int]: ...
        @overload
        def __mul__(self, other: Any) -> ColumnElement[Any]: ...
        def __mul__(self, other: Any) -> Any: ...


class BindParameter(ColumnElement[T]):
    """A value that travels beside the SQL text.

    :param value: the value; ignored when the statement is executed with one of that name.
    :param key: the name; None for an anonymous one.
    """

    __slots__ = ("key", "required", "value")
    __visit_name__ = "bindparam"

    def __init__(self, value: Any, type_: TypeEngine[Any], key: str | None = None, required: bool = False) -> None:
        self.value = value
        self.type = type_
        self.key = key
        self.required = required

    def _parts(self) -> tuple[Any, ...]:
        return (self.key,)

    def _collect(self, shape: Shape) -> None:
        shape.key.append(self.key or "?")
        shape.add_bind(self)


class UntypedParameter(BindParameter[T]):
    """A named parameter that was given no type; compared with an expression, it takes that of the expression."""

    __slots__ = ()


class Null(ColumnElement[None]):
    """NULL."""

    __slots__ = ()
    __visit_name__ = "null"

    def __init__(self) -> None:
        self.type = NULLTYPE


class LiteralColumn(ColumnElement[Any]):
    """SQL text used as a column. The text is the programmer's own and must never hold a user's input."""

    __slots__ = ("text",)
    __visit_name__ = "literal_column"

    def __init__(self, text: str, type_: TypeEngine[Any]) -> None:
        self.text = text
        self.type = type_

    @property
    def name(self) -> str | None:
        return self.text

    def _parts(self) -> tuple[Any, ...]:
        return (self.text, self.type.cache_key)


class BinaryExpression(ColumnElement[T]):
    """``left op right``."""

    __slots__ = ("escape", "left", "operator", "right")
    __visit_name__ = "binary"

    def __init__(
        self,
        left: ColumnElement[Any],
        op: Operator,
        right: ColumnElement[Any],
        type_: TypeEngine[Any],
        escape: str | None = None,
    ) -> None:
        self.left = left
        self.operator = op
        self.right = right
        self.type = type_
        self.escape = escape

    @property
    def precedence(self) -> int:
        return self.operator.precedence

    def _parts(self) -> tuple[Any, ...]:
        return (self.operator.name, self.left, self.right, self.escape)

    def _collect(self, shape: Shape) -> None:
        # the commonest node by far, hence by hand
        shape.key.append(self.operator.name)
        self.left._collect(shape)
        self.right._collect(shape)
        if self.escape is not None:
            shape.key.append(self.escape)

    def self_negated(self) -> ColumnElement[bool]:
        negation = ops.NEGATIONS.get(self.operator)
        if negation is None:
            return UnaryExpression(self, ops.NOT, BOOLEANTYPE)
        return BinaryExpression(self.left, negation, self.right, BOOLEANTYPE, self.escape)

    def __bool__(self) -> bool:
        # `column in list` and dict look-ups ask whether the columns themselves are the same; `User.id == 1 and ...` is a mistake
        if self.operator in (ops.EQ, ops.NE) and not isinstance(self.right, BindParameter):
            return (self.left is self.right) == (self.operator is ops.EQ)
        return super().__bool__()


class Between(ColumnElement[bool]):
    """``element BETWEEN low AND high``."""

    __slots__ = ("element", "high", "low", "operator")
    __visit_name__ = "between"

    def __init__(
        self, element: ColumnElement[Any], low: ColumnElement[Any], high: ColumnElement[Any], op: Operator
    ) -> None:
        self.element, self.low, self.high, self.operator = element, low, high, op
        self.type = BOOLEANTYPE

    @property
    def precedence(self) -> int:
        return self.operator.precedence

    def _parts(self) -> tuple[Any, ...]:
        return (self.operator.name, self.element, self.low, self.high)

    def self_negated(self) -> ColumnElement[bool]:
        return Between(self.element, self.low, self.high, ops.NEGATIONS[self.operator])


class UnaryExpression(ColumnElement[T]):
    """An operator with one operand: NOT, minus, ASC, DESC, DISTINCT, EXISTS."""

    __slots__ = ("element", "operator")
    __visit_name__ = "unary"

    def __init__(self, element: ClauseElement, op: Operator, type_: TypeEngine[Any] | None = None) -> None:
        self.element = element
        self.operator = op
        self.type = type_ if type_ is not None else getattr(element, "type", NULLTYPE)

    @property
    def precedence(self) -> int:
        return self.operator.precedence

    def _parts(self) -> tuple[Any, ...]:
        return (self.operator.name, self.element)

    def self_negated(self) -> ColumnElement[bool]:
        if self.operator is ops.NOT:
            return cast("ColumnElement[bool]", self.element)
        return UnaryExpression(self, ops.NOT, BOOLEANTYPE)


class BooleanList(ColumnElement[bool]):
    """Conditions joined by AND or OR."""

    __slots__ = ("clauses", "operator")
    __visit_name__ = "boolean_list"

    def __init__(self, op: Operator, clauses: tuple[ColumnElement[Any], ...]) -> None:
        self.operator = op
        self.clauses = clauses
        self.type = BOOLEANTYPE

    @property
    def precedence(self) -> int:
        return self.operator.precedence

    def _parts(self) -> tuple[Any, ...]:
        return (self.operator.name, self.clauses)


class ExpressionList(ColumnElement[Any]):
    """Expressions in parentheses: the right side of IN, or a row value."""

    __slots__ = ("items",)
    __visit_name__ = "expression_list"

    def __init__(self, items: tuple[ColumnElement[Any], ...]) -> None:
        self.items = items
        self.type = NULLTYPE

    def _parts(self) -> tuple[Any, ...]:
        return (self.items,)


class Collate(ColumnElement[Any]):
    """``element COLLATE collation``."""

    __slots__ = ("collation", "element")
    __visit_name__ = "collate"

    def __init__(self, element: ColumnElement[Any], collation: str) -> None:
        self.element, self.collation = element, collation
        self.type = element.type

    def _parts(self) -> tuple[Any, ...]:
        return (self.element, self.collation)


class Label(ColumnElement[T]):
    """``element AS name`` in the columns of a SELECT; its name alone in ORDER BY and GROUP BY."""

    __slots__ = ("_name", "element")
    __visit_name__ = "label"

    def __init__(self, name: str, element: ColumnElement[Any]) -> None:
        self._name = name
        self.element = element
        self.type = element.type

    @property
    def name(self) -> str | None:
        return self._name

    @property
    def precedence(self) -> int:
        return self.element.precedence

    def _parts(self) -> tuple[Any, ...]:
        return (self._name, self.element)


def coerce_value(value: Any, type_: TypeEngine[Any]) -> ColumnElement[Any]:
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


def refuse_mapped(given: Any, type_: TypeEngine[Any]) -> None:
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


def coerce_compared(value: Any, left: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return ``value`` as an expression that stands beside ``left`` in a comparison.

    :raises DataError: for a plain value that ``left`` cannot be compared with; the message names ``left``.
    """
    if isinstance(value, ColumnOperators):
        # not asked for the type, which a foreign key takes from a table that may come later
        return value.as_operand() if type(value) is not UntypedParameter else _typed_like(value, left)
    if value is None or isinstance(value, ClauseElement):
        return coerce_value(value, NULLTYPE)
    type_ = left.type
    if type(value) is type_.python_type and type_.compares_all_of_its_class:
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
    if parameter.required or parameter.value is None:
        return BindParameter(parameter.value, left.type.of_parameters, parameter.key, parameter.required)
    made = coerce_compared(parameter.value, left)
    assert isinstance(made, BindParameter)
    return BindParameter(made.value, made.type, parameter.key)


class OrderName(ColumnElement[Any]):
    """The name of a result column in ORDER BY; always quoted as an identifier, never SQL."""

    __slots__ = ("_name",)
    __visit_name__ = "order_name"

    def __init__(self, name: str) -> None:
        self._name = name
        self.type = NULLTYPE

    @property
    def name(self) -> str:
        return self._name

    def _parts(self) -> tuple[Any, ...]:
        return (self._name,)


def coerce_order(criterion: Any) -> ColumnElement[Any]:
    """Return an ORDER BY or GROUP BY criterion as an expression; a str names a result column."""
    if isinstance(criterion, str):
        return OrderName(criterion)
    if isinstance(criterion, ColumnOperators):
        return criterion.__clause_element__()
    return coerce_value(criterion, NULLTYPE)


def coerce_condition(value: Any) -> ColumnElement[bool]:
    """Return ``value`` as a condition for WHERE, HAVING or ON.

    :raises ArgumentError: for anything but an expression or a bool.
    """
    if isinstance(value, ColumnOperators):
        return value.as_operand()
    if value is True or value is False:
        return LiteralColumn("1 = 1" if value else "1 = 0", BOOLEANTYPE)
    as_condition = getattr(value, "__clause_element__", None)
    if as_condition is not None:
        return cast("ColumnElement[bool]", as_condition())
    raise ArgumentError(
        f"a condition was expected, got {value!r}. Pass an expression such as User.name == 'ed', or text(...) for SQL of your own."
    )


def binary(left: ColumnElement[Any], op: Operator, other: Any, escape: str | None = None) -> ColumnElement[Any]:
    """Return ``left op other``; ``== None`` becomes IS NULL."""
    if other is None or isinstance(other, Null):
        if op is ops.EQ or op is ops.IS:
            return BinaryExpression(left, ops.IS, Null(), BOOLEANTYPE)
        if op is ops.NE or op is ops.IS_NOT:
            return BinaryExpression(left, ops.IS_NOT, Null(), BOOLEANTYPE)
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
    return BinaryExpression(left, op, right, _result_type(op, left, right), escape)


def _adds_text(element: ColumnElement[Any], other: Any) -> bool:
    # text is added by ||
    if isinstance(element.type.python_type, type) and issubclass(element.type.python_type, str):
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


def in_expression(left: ColumnElement[Any], op: Operator, values: Any) -> ColumnElement[bool]:
    """Return ``left IN values`` for an iterable of values or a SELECT."""
    select = values.__clause_element__() if hasattr(values, "__clause_element__") else values
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
    if not items:
        return LiteralColumn("1 = 0" if op is ops.IN else "1 = 1", BOOLEANTYPE)
    return BinaryExpression(left, op, ExpressionList(items), BOOLEANTYPE)


def _row_value(value: Any, left: ExpressionList) -> ColumnElement[Any]:
    """Return a tuple of values to stand beside a row value."""
    if isinstance(value, ExpressionList):
        return value
    given = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    if len(given) != len(left.items):
        raise ArgumentError(f"{value!r} stands beside a row of {len(left.items)} columns. Give a value for each.")
    return ExpressionList(tuple(coerce_compared(item, beside) for item, beside in zip(given, left.items, strict=True)))


def _join_conditions(op: Operator, conditions: Sequence[Any], empty: str) -> ColumnElement[bool]:
    clauses: list[ColumnElement[Any]] = []
    for condition in conditions:
        clause = coerce_condition(condition)
        if isinstance(clause, BooleanList) and clause.operator is op:
            clauses.extend(clause.clauses)
        else:
            clauses.append(clause)
    if not clauses:
        return LiteralColumn(empty, BOOLEANTYPE)
    return clauses[0] if len(clauses) == 1 else BooleanList(op, tuple(clauses))


def and_(*conditions: Any) -> ColumnElement[bool]:
    """Return the conditions joined by AND; true when there are none."""
    return _join_conditions(ops.AND, conditions, "1 = 1")


def or_(*conditions: Any) -> ColumnElement[bool]:
    """Return the conditions joined by OR; false when there are none."""
    return _join_conditions(ops.OR, conditions, "1 = 0")


def not_(condition: Any) -> ColumnElement[bool]:
    """Return the negation of a condition: ``NOT IN`` for ``IN``, ``!=`` for ``=`` and so on."""
    return coerce_condition(condition).self_negated()


def like_expression(
    left: ColumnElement[Any],
    op: Operator,
    other: Any,
    before: str = "",
    after: str = "",
    autoescape: bool = False,
    escape: str | None = None,
) -> ColumnElement[bool]:
    """Return ``left LIKE before || other || after``; ``%`` and ``_`` of a plain string are escaped where asked for."""
    if before and after and isinstance(left.type.storage, ARRAY):
        return binary(left, ops.ARRAY_CONTAINS, other)
    if isinstance(other, str):
        if autoescape:
            other, escape = other.replace("/", "//").replace("%", "/%").replace("_", "/_"), "/"
        return binary(left, op, f"{before}{other}{after}", escape)
    pattern = coerce_compared(other, LiteralColumn("the pattern of LIKE", STRINGTYPE))
    wildcard = LiteralColumn("'%'", STRINGTYPE)
    if before:
        pattern = binary(wildcard, ops.CONCAT, pattern)
    if after:
        pattern = binary(pattern, ops.CONCAT, wildcard)
    return binary(left, op, pattern, escape)


def _between(left: ColumnElement[Any], op: Operator, low: Any, high: Any) -> ColumnElement[bool]:
    return Between(left, coerce_compared(low, left), coerce_compared(high, left), op)


def _unary(element: ColumnElement[Any], op: Operator, other: Any) -> ColumnElement[Any]:
    return UnaryExpression(element, op)


# operators that are more than `left op right`
_SPECIAL: dict[Operator, Callable[..., ColumnElement[Any]]] = {
    ops.IN: in_expression,
    ops.NOT_IN: in_expression,
    ops.LIKE: like_expression,
    ops.BETWEEN: lambda left, op, low, high: _between(left, op, low, high),
    ops.AND: lambda left, op, other: and_(left, other),
    ops.OR: lambda left, op, other: or_(left, other),
    ops.NOT: lambda element, op, other: element.self_negated(),
    ops.COLLATE: lambda element, op, collation: Collate(element, collation),
    ops.LABEL: lambda element, op, name: Label(name, element),
    **dict.fromkeys((ops.NEG, ops.ASC, ops.DESC, ops.NULLS_FIRST, ops.NULLS_LAST, ops.DISTINCT), _unary),
}
