"""SELECTs that the orm itself emits, compiled once per mapper (or relationship) and dialect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask_uow.sql.compiler import Compiled, compile_statement
from flask_uow.sql.expressions import BindParameter, ColumnElement, and_
from flask_uow.sql.select import Select

__all__ = ["compiled_once", "key_condition"]


def compiled_once(memo: dict[Any, Any], key: Any, dialect: Any, build: Callable[[], Select]) -> Compiled:
    """Return the compiled form of what ``build`` returns, from ``memo`` after the first time."""
    found = memo.get((key, dialect.name))
    if found is None:
        found = memo[key, dialect.name] = compile_statement(build(), dialect, {})[0]
    return found


def key_condition(columns: list[Any] | tuple[Any, ...]) -> ColumnElement[bool]:
    """Return ``column = ?`` for each column, joined by AND; the values are given in order at execution."""
    return and_(*(column == BindParameter(None, column.type) for column in columns))
