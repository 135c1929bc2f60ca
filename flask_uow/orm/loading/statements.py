"""Conditions on keys, in SELECTs that the orm itself makes: these are planned once, and given other keys at each execution."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from flask_uow.sql import operators as ops
from flask_uow.sql.expressions import BinaryExpression, BindParameter, ColumnElement, ExpandingParameter
from flask_uow.sql.operations import and_, or_
from flask_uow.sql.types import ARRAY, BOOLEANTYPE

__all__ = [
    "is_unknown_key",
    "key_condition",
    "keys_condition",
    "listed_key_condition",
    "padded",
    "unknown_but_null",
    "unknown_keys",
]

# stands for the value of a key that is given at execution
_KEY: Final = object()


def is_unknown_key(bind: BindParameter[Any]) -> bool:
    """Return True for a parameter whose value is given at execution."""
    return bind.value is _KEY


def padded(keys: Sequence[Any]) -> list[Any]:
    """Return the keys with the last one repeated, so that their number is a power of two and statements are few."""
    return [*keys, *([keys[-1]] * ((1 << (len(keys) - 1).bit_length()) - len(keys)))]


def unknown_keys(columns: Sequence[Any], count: int) -> list[tuple[Any, ...]]:
    """Return ``count`` keys of placeholders, for values that are given at execution."""
    return [(_KEY,) * len(columns)] * count


def listed_key_condition(column: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition that a column holds one of several keys: a list, given at execution as one value."""
    keys = ExpandingParameter(_KEY, ARRAY(column.type, dimensions=1))
    return BinaryExpression(column, ops.IN, keys, BOOLEANTYPE)


def key_condition(columns: Sequence[Any], key: Iterable[Any] | None = None) -> ColumnElement[bool]:
    """Return ``column = ?`` for each column, joined by AND; ``column IS NULL`` where that is the value.

    :param key: the values; None where they are given at execution.
    """
    values = tuple(key) if key is not None else unknown_keys(columns, 1)[0]
    return and_(
        *(
            column.is_(None) if value is None else column == BindParameter(value, column.type)
            for column, value in zip(columns, values, strict=True)
        )
    )


def unknown_but_null(key: Sequence[Any]) -> list[Any]:
    """Return a key of placeholders, for values that are given at execution; None where the value is NULL."""
    return [None if value is None else _KEY for value in key]


def keys_condition(columns: Sequence[Any], keys: Sequence[tuple[Any, ...]]) -> ColumnElement[bool]:
    """Return the condition that the columns hold one of several keys."""
    if len(keys) == 1:
        return key_condition(columns, keys[0])
    if len(columns) == 1:
        found: ColumnElement[bool] = columns[0].in_([BindParameter(value, columns[0].type) for (value,) in keys])
        return found
    return or_(*(key_condition(columns, key) for key in keys))
