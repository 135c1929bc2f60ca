"""SELECTs that the orm itself emits, compiled once per mapper (or relationship) and dialect."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from flask_uow.sql.compiler import Compiled, compile_statement
from flask_uow.sql.expressions import BindParameter, ColumnElement, and_, or_
from flask_uow.sql.select import Select

__all__ = [
    "KeyedStatement",
    "compiled_once",
    "key_condition",
    "keys_condition",
    "padded",
    "unknown_but_null",
    "unknown_keys",
]

# stands for the value of a key that is given at execution
_KEY: Final = object()


class KeyedStatement:
    """A compiled SELECT whose keys are given at each execution.

    :ivar compiled: the statement.
    """

    __slots__ = ("_all_keys", "_template", "compiled")

    def __init__(self, compiled: Compiled, template: list[Any]) -> None:
        self.compiled = compiled
        self._template = template
        self._all_keys = all(value is _KEY for value in template)

    def parameters(self, values: Sequence[Any]) -> Any:
        """Return the driver's parameters for the values of the keys, in order."""
        if not self._all_keys:
            given = iter(values)
            values = [next(given) if value is _KEY else value for value in self._template]
        return self.compiled.parameters(values)


def compiled_once(memo: dict[Any, Any], key: Any, dialect: Any, build: Callable[[], Select]) -> KeyedStatement:
    """Return the compiled form of what ``build`` returns, from ``memo`` after the first time."""
    found = memo.get((key, dialect.name))
    if found is None:
        found = memo[key, dialect.name] = KeyedStatement(*compile_statement(build(), dialect, {}))
    return found


def padded(keys: Sequence[Any]) -> list[Any]:
    """Return the keys with the last one repeated, so that their number is a power of two and statements are few."""
    return [*keys, *([keys[-1]] * ((1 << (len(keys) - 1).bit_length()) - len(keys)))]


def unknown_keys(columns: Sequence[Any], count: int) -> list[tuple[Any, ...]]:
    """Return what stands for ``count`` keys that are given at execution."""
    return [(_KEY,) * len(columns)] * count


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
    """Return what stands for a key that is given at execution, but for NULL in it."""
    return [None if value is None else _KEY for value in key]


def keys_condition(columns: Sequence[Any], keys: Sequence[tuple[Any, ...]]) -> ColumnElement[bool]:
    """Return the condition that the columns hold one of several keys."""
    if len(keys) == 1:
        return key_condition(columns, keys[0])
    if len(columns) == 1:
        return columns[0].in_([BindParameter(value, columns[0].type) for (value,) in keys])  # type: ignore[no-any-return]
    return or_(*(key_condition(columns, key) for key in keys))
