"""Parts of documents and of arrays, and the operators that look into them: items, keys, ``ANY``, containment.

Which of them a column has is decided by its type: :data:`~flask_uow.sql.operators.ITEM` of a JSON column is a document, that of an ARRAY one of its
items. :mod:`flask_uow.sql.operations` comes here with what a user's operator is given.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import Any

from flask_uow.exc import ArgumentError
from flask_uow.sql import operators as ops
from flask_uow.sql.coercion import coerce_compared, coerce_value
from flask_uow.sql.expressions import BinaryExpression, BindParameter, BooleanList, ColumnElement
from flask_uow.sql.nodes import Shape
from flask_uow.sql.operators import Operator
from flask_uow.sql.types import (
    ARRAY,
    BOOLEANTYPE,
    HSTORE,
    INTEGERTYPE,
    JSON,
    STRINGTYPE,
    BigInteger,
    Float,
    NullType,
    Numeric,
    RangeType,
    TypeEngine,
)

__all__ = [
    "ArraySlice", "JsonElement", "JsonValue", "Match", "Quantified", "Quantifier", "RegexpReplace", "TypeCoerce", "contained_by", "contains", "has_key",
    "item_of", "match", "overlaps", "quantified", "quantifier", "regexp_replace",
]  # fmt: skip

_BIGINTEGER, _FLOAT = BigInteger(), Float()


class TypeCoerce(ColumnElement[Any]):
    """An expression that Python takes to be of another type; SQL is not told of it."""

    __slots__ = ("element",)
    __visit_name__ = "type_coerce"

    def __init__(self, element: ColumnElement[Any], type_: TypeEngine[Any]) -> None:
        self.element = element
        self.type = type_

    @property
    def name(self) -> str | None:
        return self.element.name

    @property
    def precedence(self) -> int:
        return self.element.precedence

    def _parts(self) -> tuple[Any, ...]:
        return (self.element, self.type.cache_key)


class JsonElement(BinaryExpression[Any]):
    """A part of a document by its key or its position; itself a document. NULL where the document does not have it."""

    __slots__ = ()

    def as_string(self) -> JsonValue:
        """Return the part as text: of a text itself, of everything else the JSON; NULL for the null of JSON."""
        return JsonValue(self, "string", STRINGTYPE)

    def as_integer(self) -> JsonValue:
        """Return the part as an integer; NULL for what is not written as one."""
        return JsonValue(self, "integer", _BIGINTEGER)

    def as_float(self) -> JsonValue:
        """Return the part as a float; NULL for what is not written as a number."""
        return JsonValue(self, "float", _FLOAT)

    def as_numeric(self, precision: int | None = None, scale: int | None = None) -> JsonValue:
        """Return the part as an exact decimal; NULL for what is not written as a number.

        :param precision: the largest number of digits, see :class:`~flask_uow.sql.types.Numeric`.
        :param scale: the digits behind the point, to which it is rounded.
        """
        return JsonValue(self, "numeric", Numeric(precision, scale))

    def as_boolean(self) -> JsonValue:
        """Return the part as a truth value; NULL for everything but true and false."""
        return JsonValue(self, "boolean", BOOLEANTYPE)

    @property
    def astext(self) -> JsonValue:
        """The part as text; another name of :meth:`as_string`."""
        return self.as_string()

    def as_json(self) -> JsonElement:
        """Return the part as the document that it is."""
        return self


class JsonValue(ColumnElement[Any]):
    """A part of a document as a value of another type.

    :ivar kind: string, integer, float, numeric or boolean.
    """

    __slots__ = ("element", "kind")
    __visit_name__ = "json_value"

    def __init__(self, element: JsonElement, kind: str, type_: TypeEngine[Any]) -> None:
        self.element = element
        self.kind = kind
        self.type = type_

    def _parts(self) -> tuple[Any, ...]:
        return (self.kind, self.element, self.type.cache_key)


class ArraySlice(ColumnElement[Any]):
    """The items of an array from one position to another, both included."""

    __slots__ = ("element", "first", "last")
    __visit_name__ = "array_slice"

    def __init__(self, element: ColumnElement[Any], first: ColumnElement[Any], last: ColumnElement[Any]) -> None:
        self.element, self.first, self.last = element, first, last
        self.type = element.type

    def _parts(self) -> tuple[Any, ...]:
        return (self.element, self.first, self.last)


class Quantified(ColumnElement[bool]):
    """``value op ANY (array)``, or ALL.

    :ivar quantifier: ``ANY`` or ``ALL``.
    """

    __slots__ = ("element", "operator", "quantifier", "value")
    __visit_name__ = "quantified"

    def __init__(self, value: ColumnElement[Any], op: Operator, quantifier: str, element: ColumnElement[Any]) -> None:
        self.value, self.operator, self.quantifier, self.element = value, op, quantifier, element
        self.type = BOOLEANTYPE

    @property
    def precedence(self) -> int:
        return self.operator.precedence

    def _parts(self) -> tuple[Any, ...]:
        return (self.operator.name, self.quantifier, self.value, self.element)


class Quantifier(ColumnElement[Any]):
    """Any, or all, of the items of an array or of the rows of a subquery: the right side of a comparison.

    :ivar quantifier: ``ANY`` or ``ALL``.
    """

    __slots__ = ("element", "quantifier")
    __visit_name__ = "quantifier"

    def __init__(self, quantifier: str, element: ColumnElement[Any]) -> None:
        self.quantifier, self.element = quantifier, element
        self.type = _item_beside(element).type

    def _parts(self) -> tuple[Any, ...]:
        return (self.quantifier, self.element)

    def beside(self, left: ColumnElement[Any], op: Operator) -> Quantified:
        """Return ``left op ANY (element)``.

        :raises ArgumentError: for an operator that is no comparison.
        """
        if op not in _QUANTIFIED and not (op.name.startswith("custom:") and op.result == "boolean"):
            raise ArgumentError(
                f"{self.quantifier.lower()}_() stands on one side of a comparison (==, !=, <, <=, >, >=, like() or ilike()), got {op.sql}."
            )
        return Quantified(left, op, self.quantifier, self.element)

    def operate(self, op: Operator, other: object = None, **modifiers: Any) -> ColumnElement[Any]:
        """Return ``other op' self``, the comparison the other way round."""
        mirrored = ops.MIRRORED.get(op)
        if mirrored is None:
            raise ArgumentError(
                f"{self.quantifier.lower()}_() stands in a comparison (==, !=, <, <=, > or >=), and on the right of like() and ilike(); got"
                f" {op.sql} behind it."
            )
        return self.beside(coerce_compared(other, _item_beside(self.element)), mirrored)


# what ANY and ALL stand beside
_QUANTIFIED = frozenset((*ops.MIRRORED, ops.LIKE, ops.NOT_LIKE, ops.ILIKE, ops.NOT_ILIKE))


def quantifier(element: ColumnElement[Any], op: Operator, other: object = None) -> Quantifier:
    """Return any, or all, of the items of an array or the rows of a subquery.

    :raises ArgumentError: for something else.
    """
    if element.__visit_name__ != "scalar_select" and not isinstance(element.type.stored_type, (ARRAY, NullType)):
        raise ArgumentError(
            f"{op.sql.lower()}_({element}): a {element.type!r} has no items. Pass an array, or a SELECT of one column."
        )
    return Quantifier(op.sql, element)


def _item_beside(element: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return an expression for one of the items of an array or of the rows of a subquery, beside which values stand."""
    storage = element.type.stored_type
    if element.__visit_name__ == "scalar_select" or not isinstance(storage, ARRAY):
        return element
    return BinaryExpression(element, ops.ARRAY_GET, BindParameter(1, INTEGERTYPE), storage.item_type)


class Match(BinaryExpression[bool]):
    """``left @@ right``, a full text search.

    :ivar regconfig: the configuration that tells how words are read; the server's when None.
    """

    __slots__ = ("regconfig",)
    __visit_name__ = "match"

    def __init__(self, left: ColumnElement[Any], right: ColumnElement[Any], regconfig: str | None) -> None:
        super().__init__(left, ops.MATCH, right, BOOLEANTYPE)
        self.regconfig = regconfig

    def collect_shape(self, shape: Shape) -> None:
        super().collect_shape(shape)
        shape.key.append(self.regconfig)


def match(element: ColumnElement[Any], op: Operator, other: object, regconfig: str | None = None) -> Match:
    """Return the condition that a full text search finds something.

    :param regconfig: the name of a configuration of the server.
    """
    return Match(element, coerce_value(other, STRINGTYPE), regconfig)


class RegexpReplace(ColumnElement[str]):
    """A text with matches of a regular expression replaced."""

    __slots__ = ("element", "flags", "pattern", "replacement")
    __visit_name__ = "regexp_replace"

    def __init__(
        self,
        element: ColumnElement[Any],
        pattern: ColumnElement[Any],
        replacement: ColumnElement[Any],
        flags: str | None,
    ) -> None:
        self.element, self.pattern, self.replacement, self.flags = element, pattern, replacement, flags
        self.type = STRINGTYPE

    def _parts(self) -> tuple[Any, ...]:
        return (self.element, self.pattern, self.replacement, self.flags)


def regexp_replace(
    element: ColumnElement[Any], op: Operator, pattern: object, replacement: object, flags: str | None = None
) -> RegexpReplace:
    """Return a text with matches of a regular expression replaced; see :meth:`ColumnOperators.regexp_replace`.

    :raises ArgumentError: for flags that are no letters.
    """
    if flags is not None and not (flags.isalpha() and flags.isascii()):
        raise ArgumentError(
            f"regexp_replace(flags={flags!r}): expected letters, 'i' to ignore case, 'g' for all matches. Leave it out for none."
        )
    return RegexpReplace(element, coerce_value(pattern, STRINGTYPE), coerce_value(replacement, STRINGTYPE), flags)


def item_of(element: ColumnElement[Any], op: Operator, key: object) -> ColumnElement[Any]:
    """Return ``element[key]``.

    :raises ArgumentError: for an expression that has no items, or a key that is none.
    """
    storage = element.type.stored_type
    if isinstance(storage, JSON):
        found = element
        for step in key if isinstance(key, tuple) else (key,):
            found = _part(found, step, storage)
        return found
    if isinstance(storage, ARRAY):
        return _array_item(element, key, storage)
    if isinstance(storage, HSTORE):
        return BinaryExpression(element, ops.JSON_GET, coerce_value(key, STRINGTYPE), STRINGTYPE)
    raise ArgumentError(f"{element}[{key!r}]: a {element.type!r} has no items. Documents (JSON) and arrays have.")


def _part(document: ColumnElement[Any], key: object, type_: JSON) -> JsonElement:
    if isinstance(key, bool) or key is None or isinstance(key, (slice, float)):
        raise ArgumentError(f"{document}[{key!r}]: expected a key (str) or a position (int). Give a path one by one.")
    if isinstance(key, int):
        return JsonElement(document, ops.JSON_GET, BindParameter(key, INTEGERTYPE), type_)
    if isinstance(key, str):
        plain = key.isascii() and key.isprintable() and not {'"', "\\"} & set(key)
        return JsonElement(document, ops.JSON_GET if plain else ops.JSON_GET_ODD, BindParameter(key, STRINGTYPE), type_)
    return JsonElement(document, ops.JSON_GET_ODD, coerce_value(key, STRINGTYPE), type_)


def _array_item(array: ColumnElement[Any], key: object, type_: ARRAY) -> ColumnElement[Any]:
    if isinstance(key, slice):
        if key.start is None or key.stop is None or key.step is not None:
            raise ArgumentError(
                f"{array}[{key.start}:{key.stop}]: a slice of an array has both ends, the first item being 1: [1:3] are three items."
            )
        return ArraySlice(array, _position(array, key.start), _position(array, key.stop))
    depth = (type_.dimensions or 1) - 1
    item_type: TypeEngine[Any] = type_.item_type if depth < 1 else ARRAY(type_.item_type, dimensions=depth)
    return BinaryExpression(array, ops.ARRAY_GET, _position(array, key), item_type)


def _position(array: ColumnElement[Any], key: object) -> ColumnElement[Any]:
    if isinstance(key, bool) or (isinstance(key, int) and key < 1) or isinstance(key, (str, float)) or key is None:
        raise ArgumentError(f"{array}[{key!r}]: the items of an array are numbered from 1. Pass such a number.")
    return coerce_value(key, INTEGERTYPE)


def contains(element: ColumnElement[Any], other: object) -> ColumnElement[bool] | None:
    """Return the condition that a document, an array or a range contains another (or a value); None where the type is none of these."""
    storage = element.type.stored_type
    if isinstance(storage, ARRAY):
        return _compared(element, ops.ARRAY_CONTAINS, other)
    if isinstance(storage, (JSON, HSTORE)):
        return _compared(element, ops.JSON_CONTAINS, other)
    if not isinstance(storage, RangeType):
        return None
    is_range = hasattr(other, "lower_inc") or isinstance(other, tuple)
    if is_range or hasattr(other, "__clause_element__"):
        return _compared(element, ops.RANGE_CONTAINS, other)
    value, type_ = storage.subtype.for_comparison(other)
    # else the server takes a number for one of another size, which the range does not hold
    return BinaryExpression(
        element, ops.RANGE_CONTAINS, RangeEnd(BindParameter(value, type_), storage.subtype), BOOLEANTYPE
    )


class RangeEnd(TypeCoerce):
    """A value beside a range, as the type of the range's ends."""

    __slots__ = ()
    __visit_name__ = "range_end"


def contained_by(element: ColumnElement[Any], op: Operator, other: object) -> ColumnElement[bool]:
    """Return the condition that a document, an array or a range is contained by another.

    :raises ArgumentError: for an expression of another type.
    """
    return _compared(element, _of_type(element, op, _CONTAINED_BY), other)


def overlaps(element: ColumnElement[Any], op: Operator, other: object) -> ColumnElement[bool]:
    """Return the condition that two arrays, or ranges, have something in common.

    :raises ArgumentError: for an expression of another type.
    """
    return _compared(element, _of_type(element, op, _OVERLAPS), other)


_Table = tuple[tuple[type[TypeEngine[Any]], Operator], ...]
_CONTAINED_BY: _Table = (
    (ARRAY, ops.ARRAY_CONTAINED_BY), (JSON, ops.JSON_CONTAINED_BY), (HSTORE, ops.JSON_CONTAINED_BY),
    (RangeType, ops.RANGE_CONTAINED_BY),
)  # fmt: skip
_OVERLAPS: _Table = ((ARRAY, ops.ARRAY_OVERLAPS), (RangeType, ops.RANGE_OVERLAPS))


def _of_type(element: ColumnElement[Any], op: Operator, table: _Table) -> Operator:
    for cls, found in table:
        if isinstance(element.type.stored_type, cls):
            return found
    names = ", ".join(cls.__name__ for cls, _ in table)
    raise ArgumentError(
        f"{element} is a {element.type!r}, which has no {op.name}(). Columns of these types have: {names}."
    )


def _compared(element: ColumnElement[Any], op: Operator, other: object) -> ColumnElement[bool]:
    return BinaryExpression(element, op, coerce_compared(other, element), BOOLEANTYPE)


def has_key(
    element: ColumnElement[Any], op: Operator, keys: object, quantifier: str | None = None
) -> ColumnElement[bool]:
    """Return the condition that a document has a key, or that it has all or any of several.

    :param quantifier: ``all`` or ``any``; None for one key.
    :raises ArgumentError: for an expression that is no document, and for several keys that are no list.
    """
    if not isinstance(element.type.stored_type, (JSON, HSTORE)):
        raise ArgumentError(f"{element} is a {element.type!r}, which has no keys. Columns of JSON have.")
    if quantifier is None:
        key = coerce_value(keys, STRINGTYPE)
        return BinaryExpression(element, ops.JSON_HAS_KEY, key, BOOLEANTYPE)
    if getattr(keys, "__visit_name__", None) == "array_literal":
        keys = getattr(keys, "items", keys)
    if isinstance(keys, str) or not isinstance(keys, Iterable):
        raise ArgumentError(f"has_{quantifier}() takes a list of keys, got {keys!r}. Use has_key() for one.")
    found = tuple(has_key(element, op, key) for key in keys)
    if not found:
        raise ArgumentError(f"has_{quantifier}() got no key. Pass one at least.")
    return BooleanList(ops.AND if quantifier == "all" else ops.OR, found)


# what Python's operator module calls them
_COMPARISONS: dict[Callable[[Any, Any], Any], Operator] = {
    operator.eq: ops.EQ, operator.ne: ops.NE, operator.lt: ops.LT, operator.le: ops.LE, operator.gt: ops.GT, operator.ge: ops.GE,
}  # fmt: skip


def quantified(
    element: ColumnElement[Any], op: Operator, other: object, operator: Callable[[Any, Any], Any] = operator.eq
) -> ColumnElement[bool]:
    """Return ``other = ANY (element)``, or ALL; with another comparison where one of :mod:`operator` is given.

    :raises ArgumentError: for an expression that is no array, or a function that is no comparison.
    """
    storage = element.type.stored_type
    if not isinstance(storage, ARRAY):
        raise ArgumentError(f"{element} is a {element.type!r}, which has no {op.name}(). Columns of ARRAY have.")
    found = _COMPARISONS.get(operator)
    if found is None:
        raise ArgumentError(f"{op.name}(operator={operator!r}): expected one of operator.eq, ne, lt, le, gt and ge.")
    return Quantified(coerce_compared(other, _item_beside(element)), found, op.sql, element)
