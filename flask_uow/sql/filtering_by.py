"""The names of ``filter_by()``: which mapped class, or which element of FROM, of a SELECT they are about.

That is what was joined last; before anything is, the class that ``select_from()`` was given; else the first item that says of what it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from flask_uow.exc import InvalidRequestError, did_you_mean
from flask_uow.sql.entities import expand_entity, members_of_bundle
from flask_uow.sql.expressions import ColumnElement, ColumnOperators
from flask_uow.sql.froms import froms_of, sources_of
from flask_uow.sql.selectable import FromClause, coerce_from

if TYPE_CHECKING:
    from flask_uow.sql.select import Select

__all__ = ["named_conditions"]


def named_conditions(select: Select, values: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    """Return ``attribute == value`` for each name.

    :raises InvalidRequestError: for a name that there is not, and where nothing says what the names are about.
    """
    about = _about(select)
    return [_named(about, name) == value for name, value in values.items()]


def _named(about: Any, name: str) -> Any:
    if not isinstance(about, FromClause):
        return about.attribute_for_filter(name)
    if name not in about.c:
        keys = about.c.keys()
        raise InvalidRequestError(
            f"filter_by(): {about.description} has no column {name!r}.{did_you_mean(name, keys)} It has: {', '.join(keys)}."
        )
    return about.c[name]


def _about(select: Select) -> Any:
    chosen = select.joined_last if select.joined_last is not None else select.begins_at
    if chosen is not None:
        entity = getattr(chosen, "__uow_entity__", None)
        return entity if entity is not None else coerce_from(chosen)
    for item in select.entities:
        for found in _told_by(item):
            return found
    for element in select.given_froms:
        return element
    raise InvalidRequestError(
        "filter_by() is about a class or a table of the statement, and it has none. Call select_from() first, or use filter(column == value)."
    )


def _told_by(item: Any) -> Iterator[Any]:
    """Yield what an item of ``select()`` is about: an entity, or elements of FROM."""
    entity = getattr(item, "__uow_entity__", None)
    members = members_of_bundle(item) or getattr(item, "bundle_members", None)
    if entity is not None:
        yield entity
    elif members is not None:
        for member in members:
            yield from _told_by(member)
    elif isinstance(item, FromClause):
        yield item
    elif isinstance(item, ColumnOperators) and not isinstance(item, ColumnElement):
        # an attribute of a class, or of an alias of one
        parent = getattr(item, "parent", None)
        if getattr(parent, "attribute_for_filter", None) is not None:
            yield parent
        else:
            yield from _in_expressions(expand_entity(item))
    else:
        yield from _in_expressions(expand_entity(item))


def _in_expressions(columns: tuple[ColumnElement[Any], ...]) -> Iterator[Any]:
    for column in columns:
        for node in sources_of(column):
            yield node.source
        yield from froms_of(column)
