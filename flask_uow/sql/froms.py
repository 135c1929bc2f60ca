"""The elements of FROM that columns, mapped classes and joins bring in, each once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from flask_uow.exc import InvalidRequestError, UnfitArgumentError
from flask_uow.sql.coercion import coerce_condition
from flask_uow.sql.nodes import ClauseElement
from flask_uow.sql.rewriting import rewritten
from flask_uow.sql.select_base import Exists, ScalarSelect, SelectBase
from flask_uow.sql.selectable import FromClause, Join
from flask_uow.sql.sourced import Sourced

__all__ = [
    "collect_froms",
    "criteria_of",
    "froms_of",
    "implied_from",
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


def implied_from(
    columns: Sequence[ClauseElement], entity_froms: Sequence[FromClause], right: FromClause, onclause: object
) -> FromClause:
    """Return the selected element of FROM to which another is joined: the first, unless the condition is about another.

    :param columns: what is selected.
    :param entity_froms: the elements that mapped classes need, such as the join of several tables.
    :raises UnfitArgumentError: where nothing is selected.
    """
    found: list[FromClause] = []
    wholes = [(one, tuple(one.from_objects())) for one in entity_froms if one is not right]
    for element in (element for column in columns for element in froms_of(column)):
        # of a class that has several tables the join of them, not the one that the column is from
        whole = next((one for one, parts in wholes if is_among(element, parts)), element)
        if whole is not right and not is_among(whole, tuple(found)):
            found.append(whole)
    if not found:
        raise UnfitArgumentError(f"join() has nothing to join {right.description} to. Call select_from() first.")
    if len(found) > 1 and onclause is not None:
        there = tuple(right.from_objects())
        needed = [one for one in froms_of(coerce_condition(onclause)) if not is_among(one, there)]
        for element in found if needed else ():
            if all(is_among(one, tuple(element.from_objects())) for one in needed):
                return element
    return found[0]


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
