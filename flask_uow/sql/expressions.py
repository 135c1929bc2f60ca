"""Column expressions: the nodes that operators and values become.

Anything a user passes beside an expression becomes a :class:`BindParameter`; no value ever becomes SQL text. Schema's columns and the orm's
attributes take part through :class:`ColumnOperators`. :mod:`flask_uow.sql.operations` makes the node of an operator,
:mod:`flask_uow.sql.coercion` that of a value; :mod:`flask_uow.sql.compiler` writes the nodes out.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import TYPE_CHECKING, Any, Generic, TypeGuard, TypeVar, cast, overload

from flask_uow.exc import ArgumentError
from flask_uow.sql import operators as ops
from flask_uow.sql.column_operators import ColumnOperators
from flask_uow.sql.nodes import ClauseElement, Shape
from flask_uow.sql.operators import Operator
from flask_uow.sql.types import ARRAY, BOOLEANTYPE, NULLTYPE, TypeEngine

__all__ = [
    "Between", "BinaryExpression", "BindParameter", "BooleanList", "CalledList", "CalledParameter", "CalledRows", "Cast", "Collate", "ColumnElement",
    "ColumnOperators", "ExpandingParameter", "ExpandingRows", "ExpressionList", "FixedCondition", "Label", "LiteralColumn", "Null", "OrderName",
    "UnaryExpression", "UniqueParameter", "UniqueUntypedParameter", "UntypedParameter", "is_parameter",
]  # fmt: skip

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class _Operations:
    """Holds the function that makes the node of an operator; :mod:`flask_uow.sql.operations`, which stands above the nodes, fills it."""

    operate: Callable[[ColumnElement[Any], Operator, Any, dict[str, Any]], ColumnElement[Any]]


operations = _Operations()


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

    def operate(self, op: Operator, other: object = None, **modifiers: Any) -> ColumnElement[Any]:
        return operations.operate(self, op, other, modifiers)

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
        def __add__(self, other: object) -> ColumnElement[Any]: ...
        def __add__(self, other: object) -> Any: ...
        @overload
        def __sub__(self: ColumnElement[int], other: int | ColumnElement[int]) -> ColumnElement[int]: ...
        @overload
        def __sub__(self, other: object) -> ColumnElement[Any]: ...
        def __sub__(self, other: object) -> Any: ...
        @overload
        def __mul__(self: ColumnElement[int], other: int | ColumnElement[int]) -> ColumnElement[int]: ...
        @overload
        def __mul__(self, other: object) -> ColumnElement[Any]: ...
        def __mul__(self, other: object) -> Any: ...


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

    def collect_shape(self, shape: Shape) -> None:
        # a statement that has to be given the value is compiled apart from one that brings it
        key = self.key or "?"
        shape.key.append((key, "required") if self.required else key)
        shape.add_bind(self)

    def with_value(self, value: object) -> BindParameter[T]:
        """Return the parameter with a value."""
        clone = copy(self)
        clone.value = value
        clone.required = False
        return clone


def is_parameter(node: ClauseElement) -> TypeGuard[BindParameter[Any]]:
    """Return True for a parameter that is one value; not for the list of values on the right of IN."""
    return node.__visit_name__ == "bindparam"


class UntypedParameter(BindParameter[T]):
    """A named parameter that was given no type; beside an expression, or stored in a column, it takes that of the other."""

    __slots__ = ()

    def stored_as(self, type_: TypeEngine[Any]) -> BindParameter[T]:
        """Return the parameter with the type of the column that it is stored in."""
        return BindParameter(self.value, type_, self.key, self.required)


class UniqueParameter(BindParameter[T]):
    """A parameter that is no other's, whatever their names.

    :ivar own_name: the name that it was given, by which SQL text has it.
    """

    __slots__ = ("own_name",)
    own_name: str | None


class UniqueUntypedParameter(UntypedParameter[T]):
    """One that was given no type."""

    __slots__ = ("own_name",)
    own_name: str | None


class CalledParameter(UntypedParameter[T]):
    """A parameter whose value a function gives, which is called each time that a statement with it is executed.

    :ivar is_list: True for one that was said to give a list of values.
    """

    __slots__ = ("function", "is_list")

    def __init__(
        self,
        function: Callable[[], Any],
        type_: TypeEngine[Any],
        key: str | None = None,
        required: bool = False,
        is_list: bool = False,
    ) -> None:
        self.function = function
        self.is_list = is_list
        super().__init__(None, type_, key, required)

    @property
    def value(self) -> Any:
        """The value that the function gives now."""
        return self.function()

    @value.setter
    def value(self, value: object) -> None:
        """Leave it to the function."""

    def stored_as(self, type_: TypeEngine[Any]) -> BindParameter[T]:
        type_ = type_ if self.type is NULLTYPE else self.type
        return CalledParameter(self.function, type_, self.key, self.required, self.is_list)

    def __copy__(self) -> CalledParameter[T]:
        return CalledParameter(self.function, self.type, self.key, self.required, self.is_list)

    def with_value(self, value: object) -> BindParameter[T]:
        return BindParameter(value, self.type, self.key)


class ListParameter(BindParameter[Any]):
    """A named parameter that was said to be a list of values; its type is that of the values."""

    __slots__ = ()


class UntypedListParameter(UntypedParameter[Any]):
    """The same without a type of its own."""

    __slots__ = ()


class ExpandingParameter(BindParameter[Any]):
    """A list of values on the right of IN, of any length: one parameter, whose text in the statement is the same for all lengths."""

    __slots__ = ()
    __visit_name__ = "expanding_bindparam"

    @classmethod
    def beside(cls, left: ColumnElement[Any], given: BindParameter[Any]) -> BindParameter[Any]:
        """Return a parameter that is to be a list of values beside an expression; of rows, beside a row value."""
        if isinstance(left, ExpressionList):
            types = tuple(item.type.of_parameters for item in left.items)
            return CalledRows(given, types) if isinstance(given, CalledParameter) else ExpandingRows(given, types)
        if isinstance(given, CalledParameter):
            return CalledList(given, left.type.of_parameters)
        item_type = left.type.of_parameters if isinstance(given, UntypedParameter) else given.type
        value = list(given.value) if given.value is not None else None
        return cls(value, ARRAY(item_type), given.key, given.required)


class CalledList(ExpandingParameter):
    """A list of values on the right of IN that a function gives, at each execution."""

    __slots__ = ("given",)

    def __init__(self, given: CalledParameter[Any], item_type: TypeEngine[Any]) -> None:
        self.given = given
        item_type = item_type if given.type is NULLTYPE else given.type
        super().__init__(None, ARRAY(item_type), given.key, given.required)

    @property
    def value(self) -> Any:
        """The list that the function gives now."""
        return self.given.value

    @value.setter
    def value(self, value: object) -> None:
        """Leave it to the function."""

    def with_value(self, value: object) -> BindParameter[Any]:
        return ExpandingParameter(value, self.type, self.key)


class ExpandingRows(BindParameter[Any]):
    """A list of rows on the right of IN, of any length, beside a row value.

    :ivar types: the types of the columns.
    """

    __slots__ = ("types",)
    __visit_name__ = "expanding_rows"

    def __init__(self, given: BindParameter[Any], types: tuple[TypeEngine[Any], ...]) -> None:
        value = given.value
        super().__init__(list(value) if value is not None else None, NULLTYPE, given.key, given.required)
        self.types = types

    def collect_shape(self, shape: Shape) -> None:
        super().collect_shape(shape)
        shape.key.append(tuple(type_.cache_key for type_ in self.types))

    def values_of(self, position: int, bind: Callable[[list[Any]], Any]) -> Callable[[Any], Any]:
        """Return the function from rows to what the driver is given for one of their columns.

        :param bind: converts a list of the column's values.
        """
        count = len(self.types)

        def values(rows: Any) -> Any:
            # each column is read from them
            if not isinstance(rows, (list, tuple, set, frozenset)):
                raise ArgumentError(
                    f"the parameter :{self.key} is a list of rows, got {rows!r}. Make it one: [(1, 2), ...]."
                )
            for row in rows:
                if not isinstance(row, (tuple, list)) or len(row) != count:
                    raise ArgumentError(
                        f"the parameter :{self.key} stands beside a row of {count} columns, and got {row!r} among its rows. Give a value for each."
                    )
            return bind([row[position] for row in rows])

        return values


class CalledRows(ExpandingRows):
    """A list of rows on the right of IN that a function gives, at each execution."""

    __slots__ = ("given",)

    def __init__(self, given: CalledParameter[Any], types: tuple[TypeEngine[Any], ...]) -> None:
        self.given = given
        super().__init__(BindParameter(None, NULLTYPE, given.key, given.required), types)

    @property
    def value(self) -> Any:
        """The rows that the function gives now."""
        return self.given.value

    @value.setter
    def value(self, value: object) -> None:
        """Leave it to the function."""

    def with_value(self, value: object) -> BindParameter[Any]:
        return ExpandingRows(BindParameter(value, NULLTYPE, self.key), self.types)


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


class FixedCondition(LiteralColumn):
    """A condition that is true of every row, or false: what ``in_([])`` and ``and_()`` stand for.

    :ivar about: the expression whose rows it is about, which brings its table into FROM; or None.
    """

    __slots__ = ("about",)
    operator = ops.EQ

    def __init__(self, value: bool, about: ColumnElement[Any] | None = None) -> None:
        super().__init__("1 = 1" if value else "1 = 0", BOOLEANTYPE)
        self.about = about

    def _parts(self) -> tuple[Any, ...]:
        return (*super()._parts(), self.about)

    @property
    def precedence(self) -> int:
        return self.operator.precedence


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

    def collect_shape(self, shape: Shape) -> None:
        # the commonest node by far, hence by hand
        shape.key.append(self.operator.name)
        self.left.collect_shape(shape)
        self.right.collect_shape(shape)
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

    def __init__(self, element: ColumnElement[Any], op: Operator, type_: TypeEngine[Any] | None = None) -> None:
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


class Cast(ColumnElement[T]):
    """``CAST(element AS type)``."""

    __slots__ = ("element",)
    __visit_name__ = "cast"

    def __init__(self, element: ColumnElement[Any], type_: TypeEngine[Any]) -> None:
        self.element = element
        self.type = type_

    def _parts(self) -> tuple[Any, ...]:
        return (self.element, self.type.cache_key)


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
