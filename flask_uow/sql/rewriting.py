"""Statements with some of their nodes replaced: what aliases of mapped classes and joined loading need."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from flask_uow.exc import InvalidRequestError, did_you_mean
from flask_uow.sql import operators as ops
from flask_uow.sql.expressions import BindParameter, ColumnElement, UnaryExpression
from flask_uow.sql.nodes import ClauseElement, Shape, rewriting
from flask_uow.sql.selectable import FromClause

__all__ = ["columns_of", "rewritten", "without_direction"]

N = TypeVar("N", bound=ClauseElement)
Replace = Callable[[ClauseElement], ClauseElement | None]


def rewritten(node: N, replace: Replace, keep_own: bool = False) -> N:
    """Return a node with others in place of some below it; the node itself when none was replaced.

    :param replace: returns what stands in place of a node, or None for the node itself. Elements of FROM are only asked for
        themselves, not for what is inside them.
    :param keep_own: True leaves alone, inside a SELECT, the columns of what it has in its own FROM: they are about other rows than
        those around it.
    """
    found: Any = replace(node)
    if found is not None:
        in_place: N = found
        return in_place
    # columns know their element of FROM by identity, so it is never copied
    if isinstance(node, (FromClause, BindParameter)):
        return node
    if isinstance(node, ColumnElement) and isinstance(getattr(node, "table", None), FromClause):
        return node
    if keep_own and (own := node.own_froms()):
        replace = _sparing(own, replace)
    clone: Any = None
    slots = [name for kind in type(node).__mro__ for name in vars(kind).get("__slots__", ())]
    for name in (*slots, *vars(node)) if node.has_attributes else slots:
        value = getattr(node, name, None)
        made = _rewritten_value(value, replace, keep_own)
        if made is not value:
            if clone is None:
                clone = copy.copy(node)
            setattr(clone, name, made)
    if clone is None:
        return node
    changed: N = clone.with_replaced(node)
    return changed


def _sparing(own: Iterable[FromClause], replace: Replace) -> Replace:
    kept = {id(part) for element in own for part in element.from_objects()}

    def spare(node: ClauseElement) -> ClauseElement | None:
        # an attribute of a mapped class is about the rows of its column
        table = getattr(node, "table", None) or getattr(getattr(node, "element", None), "table", None)
        return None if table is not None and id(table) in kept else replace(node)

    return spare


def _rewritten_value(value: object, replace: Replace, keep_own: bool) -> Any:
    if isinstance(value, ClauseElement):
        return rewritten(value, replace, keep_own)
    if isinstance(value, tuple):
        made = tuple(_rewritten_value(item, replace, keep_own) for item in value)
        return value if all(a is b for a, b in zip(made, value, strict=True)) else made
    if isinstance(value, list):
        items = [_rewritten_value(item, replace, keep_own) for item in value]
        return value if all(a is b for a, b in zip(items, value, strict=True)) else items
    return value


def with_values(node: N, values: Mapping[str, Any], *, as_far_as_known: bool = False) -> N:
    """Return a node with values for its named parameters.

    :param as_far_as_known: True leaves names out that would be an error.
    :raises InvalidRequestError: for a name that no parameter has, or one that only elements of FROM have.
    """
    given: set[str] = set()

    def replaced(inner: ClauseElement) -> ClauseElement | None:
        if not isinstance(inner, BindParameter) or inner.key is None or inner.key not in values:
            return None
        given.add(inner.key)
        # a parameter that stands in several places stays one
        return made.setdefault(id(inner), inner.with_value(values[inner.key]))

    made: dict[int, ClauseElement] = {}
    found: Any = rewritten(node, replaced)
    if found is not node and hasattr(node, "columns_clause"):
        # it goes on being about the same classes
        statement: Any = node
        found = found.with_parts(entities=_rewritten_value(statement.entities, replaced, False))
    with_them: N = found
    if as_far_as_known:
        return with_them
    shape = Shape()
    node.collect_shape(shape)
    known = sorted({bind.key for bind in shape.binds if bind.key is not None})
    for name in values:
        if name not in known:
            raise InvalidRequestError(
                f"params() got {name!r}, and the statement has no such parameter.{did_you_mean(name, known)} It has: {', '.join(known) or 'none'}."
            )
        if name not in given:
            raise InvalidRequestError(
                f"params() got {name!r}, a parameter inside an element of FROM, which others may refer to. Pass the value when the statement is"
                f" executed: execute(statement, {{{name!r}: ...}})."
            )
    return with_them


rewriting.with_values = with_values


def columns_of(node: ClauseElement) -> list[Any]:
    """Return the columns of FROM elements that occur in an expression, in order, each once."""
    found: dict[int, Any] = {}

    def note(inner: ClauseElement) -> None:
        if isinstance(getattr(inner, "table", None), FromClause):
            found[id(inner)] = inner

    rewritten(node, note)
    return list(found.values())


def without_direction(criterion: object) -> Any:
    """Return a criterion of ORDER BY without ASC, DESC and what is said of NULLs."""
    while isinstance(criterion, UnaryExpression) and criterion.operator in ops.ORDERINGS:
        criterion = criterion.element
    return criterion
