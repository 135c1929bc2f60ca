"""The items of ``select()``: columns, tables, values, and mapped classes with the columns that they stand for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_uow.exc import UnfitArgumentError
from flask_uow.sql.coercion import coerce_order, coerce_value
from flask_uow.sql.expressions import ColumnElement, ColumnOperators, Label
from flask_uow.sql.nodes import ClauseElement
from flask_uow.sql.selectable import FromClause
from flask_uow.sql.types import NULLTYPE

__all__ = ["coerce_groups", "coerce_orders", "expand_entity", "expand_groups", "key_of_item", "members_of_bundle"]


def expand_entity(entity: object) -> tuple[ColumnElement[Any], ...]:
    """Return the columns that one argument of ``select()`` stands for.

    :raises UnfitArgumentError: for something that is no column, table or entity.
    """
    if isinstance(entity, ColumnElement):
        return (entity,)
    mapped = getattr(entity, "__uow_entity__", None)
    if mapped is not None:
        if getattr(type(entity), "__uow_entity__", None) is mapped:
            raise UnfitArgumentError(
                f"select() and query() take mapped classes, got an object of one: {entity!r}. Pass its class."
            )
        columns: tuple[ColumnElement[Any], ...] = mapped.entity_columns()
        return columns
    if isinstance(entity, ColumnOperators):
        if entity.bundle_members is not None:
            return _of_members(entity.bundle_members)
        element = entity.__clause_element__()
        name = getattr(entity, "selected_name", None)
        if name is None:
            name = getattr(entity, "column_name", None)
        return (element if name is None else Label(name, element),)
    if isinstance(entity, FromClause):
        return tuple(entity.c)
    if isinstance(entity, (ClauseElement, int, float, bool)) or entity is None:
        return (coerce_value(entity, NULLTYPE),)
    members = members_of_bundle(entity)
    if members is not None:
        return _of_members(members)
    cure = "Is the class mapped? For SQL text use text() or literal_column()."
    if isinstance(entity, (list, tuple)):
        cure = (
            "Pass them one by one: select(User.id, User.name), and say what follows by methods: select(...).where(...)."
        )
    raise UnfitArgumentError(f"select() takes columns, tables and mapped classes, got {entity!r}. {cure}")


def _of_members(members: Iterable[Any]) -> tuple[ColumnElement[Any], ...]:
    return tuple(column for member in members for column in expand_entity(member))


def members_of_bundle(item: object) -> tuple[Any, ...] | None:
    """Return the expressions that one item of ``select()`` has together; None for an item that is no bundle of any."""
    members: tuple[Any, ...] | None = getattr(item, "bundle_members", None)
    return members


def key_of_item(item: object) -> str | None:
    """Return the name in rows of an attribute that is selected; None for an item without a name of its own."""
    name = getattr(item, "selected_name", None)
    key = name if name is not None else getattr(item, "key", None)
    return key if isinstance(key, str) else None


def expand_groups(criteria: Iterable[Any]) -> tuple[Any, ...]:
    """Return GROUP BY criteria, the columns of mapped classes, their aliases and tables in place of these.

    Expressions among the attributes of a class are left out: they are worked out from its columns.
    """
    found: list[Any] = []
    for criterion in criteria:
        entity = getattr(criterion, "__uow_entity__", None)
        is_object = getattr(type(criterion), "__uow_entity__", None) is entity is not None
        if isinstance(criterion, FromClause) or (entity is not None and not is_object):
            found.extend(column for column in expand_entity(criterion) if column.__visit_name__ == "column")
        else:
            members = members_of_bundle(criterion)
            found.extend([criterion] if members is None else members)
    return tuple(found)


def coerce_orders(criteria: Iterable[Any]) -> tuple[ColumnElement[Any], ...]:
    """Return the criteria of ORDER BY as expressions; what stands for several stands for each of them."""
    found: list[ColumnElement[Any]] = []
    for criterion in criteria:
        members = members_of_bundle(criterion)
        if members is None:
            found.append(coerce_order(criterion))
        else:
            found.extend(coerce_orders(members))
    return tuple(found)


def coerce_groups(criteria: Iterable[Any]) -> tuple[ColumnElement[Any], ...]:
    """Return the criteria of GROUP BY as expressions; see :func:`expand_groups`."""
    return tuple(coerce_order(criterion) for criterion in expand_groups(criteria))
