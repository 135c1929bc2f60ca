"""CASE and CAST, and the functions that make expressions: literals, parameters, orderings, row values."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar, overload

from flask_uow.exc import ArgumentError
from flask_uow.sql.coercion import coerce_condition, coerce_order, coerce_value, refuse_mapped
from flask_uow.sql.common_type import coerce_alike, common_type
from flask_uow.sql.expressions import (
    BindParameter,
    CalledParameter,
    Cast,
    ColumnElement,
    ColumnOperators,
    ExpressionList,
    Label,
    ListParameter,
    LiteralColumn,
    Null,
    UniqueParameter,
    UniqueUntypedParameter,
    UntypedListParameter,
    UntypedParameter,
)
from flask_uow.sql.nodes import ClauseElement
from flask_uow.sql.parts import TypeCoerce
from flask_uow.sql.types import BOOLEANTYPE, NULLTYPE, TypeArgument, TypeEngine, to_instance, type_for_value

T = TypeVar("T")

__all__ = [
    "all_", "any_", "asc", "between", "bindparam", "bitwise_not", "case", "cast_", "collate", "desc", "distinct", "false", "label", "literal",
    "literal_column", "null", "nulls_first", "nulls_last", "true", "tuple_", "type_coerce",
]  # fmt: skip


class Case(ColumnElement[T]):
    """``CASE WHEN condition THEN value ... ELSE value END``."""

    __slots__ = ("else_", "whens")
    __visit_name__ = "case"

    def __init__(
        self, whens: tuple[tuple[ColumnElement[Any], ColumnElement[Any]], ...], else_: ColumnElement[Any] | None
    ) -> None:
        self.whens = whens
        self.else_ = else_
        values = [value for _, value in whens]
        self.type = common_type(values if else_ is None else [*values, else_])

    def _parts(self) -> tuple[Any, ...]:
        return (tuple(item for pair in self.whens for item in pair), self.else_)


def null() -> ColumnElement[None]:
    """Return NULL."""
    return Null()


def literal(value: T, type_: TypeArgument | None = None) -> BindParameter[T]:
    """Return ``value`` as a bind parameter, typed by ``type_`` or by the value itself."""
    resolved = to_instance(type_) if type_ is not None else type_for_value(value)
    refuse_mapped(value, resolved)
    return BindParameter(value, resolved)


def literal_column(text: str, type_: TypeArgument | None = None) -> LiteralColumn:
    """Return SQL text as a column. The text goes into the statement as it is: never pass what a user has given."""
    return LiteralColumn(text, to_instance(type_) if type_ is not None else NULLTYPE)


_NO_VALUE = object()


def bindparam(
    key: str | None,
    value: Any = _NO_VALUE,
    type_: TypeArgument | None = None,
    expanding: bool = False,
    *,
    unique: bool = False,
    required: bool | None = None,
    callable_: Callable[[], Any] | None = None,
    literal_execute: bool = False,
) -> BindParameter[Any]:
    """Return a named parameter, to be given when the statement is executed.

    :param key: the name under which ``execute(statement, {key: value})`` finds it.
    :param value: the value where none is given; without it, one must be.
    :param type_: its type; that of what it is compared with, or of the value, when None.
    :param expanding: True for a list of values of any length, on the right of ``in_()``; a value that is a list says so by itself.
    :param unique: True for one that is no other's, whatever their names: its value is this one, and none is given when the statement is executed.
    :param required: True demands a value at the execution even where there is one here; False takes NULL where there is none.
    :param callable_: a function that gives the value, called at each execution.
    :param literal_execute: not heeded: values travel beside the text.
    :raises ArgumentError: for a value that is no list, where it is to be one; for a value and a function; for a unique one that has no value.
    """
    if callable_ is not None and value is not _NO_VALUE:
        raise ArgumentError(
            f"bindparam({key!r}) got a value, and a function (callable_) that gives it. Pass one of them."
        )
    if required is None:
        required = value is _NO_VALUE and callable_ is None
    elif not required and value is _NO_VALUE:
        value = None
    if unique:
        if required:
            raise ArgumentError(
                f"bindparam({key!r}, unique=True) has no value, and none could be given to it at the execution. Pass one, or leave out unique."
            )
        if not expanding and callable_ is None:
            return _unique(key, value, type_)
        key = None
    if callable_ is not None:
        called_type = to_instance(type_) if type_ is not None else NULLTYPE
        return CalledParameter(callable_, called_type, key, required, expanding)
    if expanding:
        if not required and value is not None and (isinstance(value, (str, bytes)) or not isinstance(value, Iterable)):
            raise ArgumentError(
                f"bindparam({key!r}, expanding=True) is a list of values, got {value!r}. Wrap a single value in a list."
            )
        given = None if required or value is None else list(value)
        if type_ is None:
            return UntypedListParameter(given, NULLTYPE, key, required)
        return ListParameter(given, to_instance(type_), key, required)
    if not required:
        refuse_mapped(value, to_instance(type_) if type_ is not None else NULLTYPE)
    if type_ is None:
        return (
            UntypedParameter(None, NULLTYPE, key, True)
            if required
            else UntypedParameter(value, type_for_value(value), key)
        )
    return BindParameter(None if required else value, to_instance(type_), key, required)


def _unique(name: str | None, value: Any, type_: TypeArgument | None) -> BindParameter[Any]:
    resolved = type_for_value(value) if type_ is None else to_instance(type_)
    refuse_mapped(value, NULLTYPE if type_ is None else resolved)
    if type_ is None:
        untyped: UniqueUntypedParameter[Any] = UniqueUntypedParameter(value, resolved)
        untyped.own_name = name
        return untyped
    made: UniqueParameter[Any] = UniqueParameter(value, resolved)
    made.own_name = name
    return made


@overload
def label(name: str, element: ColumnElement[T]) -> Label[T]: ...


@overload
def label(name: str, element: object, type_: TypeEngine[T] | type[TypeEngine[T]]) -> Label[T]: ...


@overload
def label(name: str, element: object) -> Label[Any]: ...


def label(name: str, element: object, type_: TypeEngine[Any] | type[TypeEngine[Any]] | None = None) -> Label[Any]:
    """Return ``element AS name``.

    :param type_: the type that its values are taken for; the element's own when None.
    """
    if type_ is not None:
        element = type_coerce(element, type_)
    return Label(name, coerce_value(element, NULLTYPE))


def cast_(element: object, type_: TypeEngine[T] | type[TypeEngine[T]]) -> Cast[T]:
    """Return ``CAST(element AS type_)``."""
    resolved = to_instance(type_)
    return Cast(coerce_value(element, resolved), resolved)


def case(*whens: Any, value: object = None, else_: object = None) -> Case[Any]:
    """Return ``CASE WHEN condition THEN value ... ELSE else_ END`` from ``(condition, value)`` pairs.

    :param whens: pairs, a list of them, or a dict: ``case({"a": 1, "b": 2}, value=User.name)``.
    :param value: an expression that each ``condition`` is compared with.
    :raises ArgumentError: without any pair.
    """
    pairs: Iterable[Any] = whens[0] if len(whens) == 1 and isinstance(whens[0], (list, dict)) else whens
    pairs = pairs.items() if isinstance(pairs, dict) else pairs
    if value is not None:
        compared = coerce_value(value, NULLTYPE)
        pairs = [(compared == condition, result) for condition, result in pairs]
    given = list(pairs)
    if not given:
        raise ArgumentError("case() got no (condition, value) pair; pass at least one.")
    values = coerce_alike([*(result for _, result in given), else_])
    made = tuple((coerce_condition(given_), made_) for (given_, _), made_ in zip(given, values[:-1], strict=True))
    return Case(made, values[-1] if else_ is not None else None)


def between(element: object, low: object, high: object, symmetric: bool = False) -> ColumnElement[bool]:
    """Return ``element BETWEEN low AND high``.

    :param symmetric: True takes the ends in whichever order.
    """
    return coerce_value(element, NULLTYPE).between(low, high, symmetric)


def any_(element: object) -> ColumnElement[Any]:
    """Return any item of an array, or row of a SELECT of one column, for one side of a comparison.

    ``5 == any_(Post.marks)``, ``User.name.like(any_(select(Pattern.text)))``.

    :raises ArgumentError: for something else.
    """
    return coerce_value(element, NULLTYPE).any_()


def all_(element: object) -> ColumnElement[Any]:
    """Return all items of an array, or rows of a SELECT of one column, for one side of a comparison; see :func:`any_`."""
    return coerce_value(element, NULLTYPE).all_()


def bitwise_not(element: object) -> ColumnElement[Any]:
    """Return ``~element``, all bits the other way round."""
    return coerce_value(element, NULLTYPE).bitwise_not()


def collate(element: object, collation: str) -> ColumnElement[Any]:
    """Return ``element COLLATE collation``."""
    return coerce_value(element, NULLTYPE).collate(collation)


@overload
def asc(element: ColumnElement[T]) -> ColumnElement[T]: ...


@overload
def asc(element: object) -> ColumnElement[Any]: ...


def asc(element: object) -> ColumnElement[Any]:
    """Return ascending order by ``element``."""
    ordered: ColumnElement[Any] = _whole(element).asc()
    return ordered


def _whole(element: object) -> Any:
    """Return the expression that is given a direction; a composite itself, which gives it to all of its columns."""
    return element if getattr(element, "bundle_members", None) is not None else coerce_order(element)


@overload
def desc(element: ColumnElement[T]) -> ColumnElement[T]: ...


@overload
def desc(element: object) -> ColumnElement[Any]: ...


def desc(element: object) -> ColumnElement[Any]:
    """Return descending order by ``element``."""
    ordered: ColumnElement[Any] = _whole(element).desc()
    return ordered


@overload
def distinct(element: ColumnElement[T]) -> ColumnElement[T]: ...


@overload
def distinct(element: object) -> ColumnElement[Any]: ...


def distinct(element: object) -> ColumnElement[Any]:
    """Return ``DISTINCT element``."""
    return coerce_value(element, NULLTYPE).distinct()


def nulls_first(element: object) -> ColumnElement[Any]:
    """Return the order by ``element`` with NULLs before all values."""
    return coerce_order(element).nulls_first()


def nulls_last(element: object) -> ColumnElement[Any]:
    """Return the order by ``element`` with NULLs after all values."""
    return coerce_order(element).nulls_last()


def true() -> ColumnElement[bool]:
    """Return the condition that every row fulfils."""
    return LiteralColumn("TRUE", BOOLEANTYPE)


def false() -> ColumnElement[bool]:
    """Return the condition that no row fulfils."""
    return LiteralColumn("FALSE", BOOLEANTYPE)


def type_coerce(element: object, type_: TypeArgument) -> ColumnElement[Any]:
    """Return an expression that Python takes to be of a type: values go there and come back as the type has them, and SQL is not told of it.

    :param element: an expression, or a plain value.
    """
    resolved = to_instance(type_)
    if not isinstance(element, ColumnOperators):
        return coerce_value(element, NULLTYPE) if isinstance(element, ClauseElement) else literal(element, resolved)
    found = element.as_operand()
    if isinstance(found, UntypedParameter):
        return BindParameter(found.value, resolved, found.key, found.required)
    return TypeCoerce(found, resolved)


def tuple_(*items: Any) -> ExpressionList:
    """Return a row value, ``(a, b)``, for ``tuple_(A.x, A.y).in_([(1, 2), (3, 4)])``."""
    return ExpressionList(tuple(coerce_value(item, NULLTYPE) for item in items))
