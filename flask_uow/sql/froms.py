"""The elements of FROM that columns, mapped classes and joins bring in, each once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from flask_uow.exc import InvalidRequestError
from flask_uow.sql.nodes import ClauseElement
from flask_uow.sql.rewriting import rewritten
from flask_uow.sql.select_base import Exists, ScalarSelect, SelectBase
from flask_uow.sql.selectable import FromClause, Join
from flask_uow.sql.sourced import Sourced

__all__ = [
    "collect_froms",
    "criteria_of",
    "froms_of",
    "is_among",
    "refuse_overlap",
    "sources_of",
    "without_own_sources",
]

N = TypeVar("N", bound=ClauseElement)


def froms_of(node: ClauseElement) -> Iterator[FromClause]:
    """Yield the FROM elements that an expression's columns belong to; subqueries keep theirs to themselves."""
    if isinstance(node, (SelectBase, ScalarSelect, Exists)):
        return
    table = getattr(node, "table", None)
    if isinstance(table, FromClause):
        yield table
        return
    if isinstance(node, Sourced) and node.is_expression:
        yield node.source.selectable
    for child in node.child_nodes():
        yield from froms_of(child)


def sources_of(node: ClauseElement) -> Iterator[Sourced[Any]]:
    """Yield what attributes of mapped classes an expression was made of; subqueries keep theirs to themselves."""
    if isinstance(node, (SelectBase, ScalarSelect, Exists)):
        return
    if isinstance(node, Sourced):
        yield node
        return
    for child in node.child_nodes():
        yield from sources_of(child)


def without_own_sources(node: N) -> N:
    """Return an expression with plain columns; its subqueries keep theirs, which are about classes of their own."""

    def plain(inner: ClauseElement) -> ClauseElement | None:
        if isinstance(inner, Sourced):
            return rewritten(inner.element, plain)
        return inner if isinstance(inner, (SelectBase, ScalarSelect, Exists)) else None

    return rewritten(node, plain)


def collect_froms(explicit: tuple[FromClause, ...], expressions: tuple[ClauseElement, ...]) -> list[FromClause]:
    """Return the FROM list: explicit elements first, then what the expressions bring in and no join contains already."""
    found: list[FromClause] = list(explicit)
    covered = {id(part) for element in explicit for part in element.from_objects()}
    for expression in expressions:
        for element in froms_of(expression):
            if id(element) not in covered:
                covered.add(id(element))
                found.append(element)
    return found


def refuse_overlap(left: FromClause, right: FromClause) -> None:
    """Refuse to have one table twice under one name.

    :raises InvalidRequestError: naming it.
    """
    present = {id(part) for part in left.from_objects() if not isinstance(part, Join)}
    for part in right.from_objects():
        if id(part) in present:
            raise InvalidRequestError(
                f"{part.description} is in the statement already, and would be joined again under the same name. Join an alias:"
                " aliased(Class) for a mapped class, table.alias() for a table."
            )


def criteria_of(target: object) -> Sequence[Any]:
    """Return the conditions that tell the rows of a mapped class from others in its table; none for anything else."""
    entity = getattr(target, "__uow_entity__", None)
    return entity.own_criteria if entity is not None else ()


def is_among(item: object, others: tuple[Any, ...]) -> bool:
    # == of columns would make an expression
    return any(item is other for other in others)
