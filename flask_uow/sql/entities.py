"""What may be selected: columns, tables, values, and mapped classes with the columns that they stand for."""

from __future__ import annotations

from typing import Any

from flask_uow.exc import UnfitArgumentError
from flask_uow.sql.expressions import ColumnElement, ColumnOperators, coerce_value
from flask_uow.sql.nodes import ClauseElement
from flask_uow.sql.selectable import FromClause
from flask_uow.sql.types import NULLTYPE

__all__ = ["expand_entity"]


def expand_entity(entity: Any) -> tuple[ColumnElement[Any], ...]:
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
        return tuple(mapped.entity_columns())
    if isinstance(entity, ColumnOperators):
        return (entity.__clause_element__(),)
    if isinstance(entity, FromClause):
        return tuple(entity.c)
    if isinstance(entity, (ClauseElement, int, float, bool)) or entity is None:
        return (coerce_value(entity, NULLTYPE),)
    raise UnfitArgumentError(
        f"select() takes columns, tables and mapped classes, got {entity!r}."
        " Is the class mapped? For SQL text use text() or literal_column()."
    )
