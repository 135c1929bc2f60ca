"""Conditions on keys, in SELECTs that the orm itself makes: these are planned once, and given other keys at each execution."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from flask_uow.sql import operators as ops
from flask_uow.sql.expressions import BinaryExpression, BindParameter, ColumnElement, ExpandingParameter
from flask_uow.sql.operations import and_, or_
from flask_uow.sql.types import ARRAY, BOOLEANTYPE, Float, Integer, Numeric, String

if TYPE_CHECKING:
    from flask_uow.engine.dialects.base import Dialect
    from flask_uow.sql.types import TypeEngine

__all__ = [
    "asked_keys",
    "is_unknown_key",
    "key_condition",
    "keys_condition",
    "types_of_keys",
    "unknown_but_null",
    "unknown_keys_condition",
]

# stands for the value of a key that is given at execution
_KEY: Final = object()
# types whose values a database compares with each other
_KIN: Final = ((Integer, Numeric, Float), (String,))


def is_unknown_key(bind: BindParameter[Any]) -> bool:
    """Return True for a parameter whose value is given at execution."""
    return bind.value is _KEY


def asked_keys(dialect: Dialect, keys: list[Any]) -> tuple[int | None, list[Any]]:
    """Return how many keys a statement asks for, None where they are one list, and the parameters that stand for them.

    Statements differ by that number, so that it takes few values.

    :param keys: each a value, or a tuple of values where it has several columns.
    """
    is_single = type(keys[0]) is not tuple
    if dialect.takes_lists and is_single and len(keys) > 1:
        return None, [keys]
    # the last one is repeated, up to a power of two
    count = 1 << (len(keys) - 1).bit_length()
    asked = [*keys, *([keys[-1]] * (count - len(keys)))]
    return count, asked if is_single else [value for key in asked for value in key]


def unknown_keys_condition(
    columns: Sequence[Any], count: int | None, types: Sequence[TypeEngine[Any]] | None = None
) -> ColumnElement[bool]:
    """Return the condition that the columns hold one of several keys, which are given at execution.

    :param count: as :func:`asked_keys` returns it.
    :param types: of the columns that the keys are values of; None for these columns' own.
    """
    if types is None:
        types = [column.type for column in columns]
    if count is not None:
        return keys_condition(columns, [(_KEY,) * len(columns)] * count, types)
    (column,), (type_,) = columns, types
    return BinaryExpression(column, ops.IN, ExpandingParameter(_KEY, ARRAY(type_, dimensions=1)), BOOLEANTYPE)


def types_of_keys(columns: Sequence[Any], near: Sequence[TypeEngine[Any]]) -> list[TypeEngine[Any]]:
    """Return the types of values that stand beside columns, where these belong to columns of another table.

    A value fits its own column, and need not fit the one that it is compared with: an ``Integer`` may refer to a ``BigInteger``.

    :param near: the types of the values' own columns.
    """
    return [
        own
        if any(isinstance(own.stored_type, kin) and isinstance(column.type.stored_type, kin) for kin in _KIN)
        else column.type
        for column, own in zip(columns, near, strict=True)
    ]


def key_condition(
    columns: Sequence[Any], key: Iterable[Any] | None = None, types: Sequence[TypeEngine[Any]] | None = None
) -> ColumnElement[bool]:
    """Return ``column = ?`` for each column, joined by AND; ``column IS NULL`` where that is the value.

    :param key: the values; None where they are given at execution.
    :param types: those of the values; None for the columns' own.
    """
    values = tuple(key) if key is not None else (_KEY,) * len(columns)
    if types is None:
        types = [column.type for column in columns]
    return and_(
        *(
            column.is_(None) if value is None else column == BindParameter(value, type_)
            for column, value, type_ in zip(columns, values, types, strict=True)
        )
    )


def unknown_but_null(key: Sequence[Any]) -> list[Any]:
    """Return a key of placeholders, for values that are given at execution; None where the value is NULL."""
    return [None if value is None else _KEY for value in key]


def keys_condition(
    columns: Sequence[Any], keys: Sequence[tuple[Any, ...]], types: Sequence[TypeEngine[Any]] | None = None
) -> ColumnElement[bool]:
    """Return the condition that the columns hold one of several keys.

    :param types: as for :func:`key_condition`.
    """
    if len(keys) == 1:
        return key_condition(columns, keys[0], types)
    if len(columns) == 1:
        type_ = columns[0].type if types is None else types[0]
        found: ColumnElement[bool] = columns[0].in_([BindParameter(value, type_) for (value,) in keys])
        return found
    return or_(*(key_condition(columns, key, types) for key in keys))
