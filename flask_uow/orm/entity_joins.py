"""``join()`` and ``outerjoin()`` of mapped classes, for ``select_from()``.

Both take tables as well as mapped classes, so that the package's top level needs no others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_uow.exc import ArgumentError
from flask_uow.sql.expressions import ColumnElement
from flask_uow.sql.froms import criteria_of
from flask_uow.sql.operations import and_
from flask_uow.sql.selectable import FromClause, Join, coerce_from

if TYPE_CHECKING:
    from flask_uow.orm.instrumentation.relationship_attributes import RelationshipAttribute
    from flask_uow.orm.mapping.view_attributes import ViewRelationship

__all__ = ["EntityJoin", "join", "joined_entities", "outerjoin"]


class EntityJoin(Join):
    """A join of mapped classes; made by :func:`join`. Joined further, it goes on knowing their relationships.

    :ivar joined_entities: the mapped entities of it, from left to right.
    :ivar outer_entities: those of them that a row may be without, whose criteria are in the conditions of the joins.
    """

    __slots__ = ("joined_entities", "outer_entities")

    def __init__(
        self, left: FromClause, right: FromClause, onclause: ColumnElement[bool] | None, isouter: bool, full: bool
    ) -> None:
        super().__init__(left, right, onclause, isouter, full)
        self.joined_entities: tuple[Any, ...] = ()
        self.outer_entities: tuple[Any, ...] = ()

    def join(self, right: object, onclause: object = None, isouter: bool = False, full: bool = False) -> Join:
        """Return ``self JOIN right``; see :func:`join`."""
        return join(self, right, onclause, isouter, full)

    def outerjoin(self, right: object, onclause: object = None, full: bool = False) -> Join:
        """Return ``self LEFT OUTER JOIN right``; see :func:`join`."""
        return join(self, right, onclause, True, full)


def join(left: object, right: object, onclause: object = None, isouter: bool = False, full: bool = False) -> Join:
    """Return ``left JOIN right`` of mapped classes, aliases or tables, for ``select_from()``.

    Its methods ``join()`` and ``outerjoin()`` take the same: ``join(User, Post, "posts").join(Tag, "tags")``.

    :param onclause: a condition, or the relationship from left to right (or its name); None looks for the one foreign key between them. A
        name is one of the class that was joined last, or of one before it.
    :raises ArgumentError: for a relationship that does not lead to ``right``.
    :raises InvalidRequestError: where the foreign keys give no condition, or several.
    """
    path: Any = _relationship_of(left, onclause) if isinstance(onclause, str) else onclause
    source, target = coerce_from(left), coerce_from(right)
    steps = getattr(path, "join_steps", None)
    conditions = [(target, path)]
    if steps is not None:
        entity = getattr(right, "__uow_entity__", target)
        steps = _starting_in(left, path).join_steps(None, entity, isouter and not full)
        conditions = [(element, condition) for _, element, condition in steps]
    made = source
    for element, condition in conditions:
        made = EntityJoin(made, element, condition, isouter, full)
    assert isinstance(made, EntityJoin)
    criteria = criteria_of(right) if steps is None else ()
    if criteria:
        made = EntityJoin(source, target, and_(made.onclause, *criteria), isouter, full)
    made.joined_entities = (*joined_entities(left), *joined_entities(right))
    added = joined_entities(right) if isouter and not full else _outer_entities(right)
    made.outer_entities = (*_outer_entities(left), *added)
    return made


def outerjoin(left: object, right: object, onclause: object = None, full: bool = False) -> Join:
    """Return ``left LEFT OUTER JOIN right``; see :func:`join`."""
    return join(left, right, onclause, True, full)


def joined_entities(element: object) -> tuple[Any, ...]:
    """Return the mapped entities that an element of FROM stands for: that of a class or an alias, those of a join of classes."""
    entity = getattr(element, "__uow_entity__", None)
    if entity is not None:
        return (entity,)
    return element.joined_entities if isinstance(element, EntityJoin) else ()


def _outer_entities(element: object) -> tuple[Any, ...]:
    return element.outer_entities if isinstance(element, EntityJoin) else ()


def _starting_in(left: object, relationship: RelationshipAttribute | ViewRelationship) -> Any:
    """Return a relationship that begins at the alias or subclass of its class in ``left``, where the class itself is not there."""
    entities = joined_entities(left)
    if any(entity is relationship.parent for entity in entities):
        return relationship
    heirs = [entity for entity in entities if entity.mapper.isa(relationship.parent.mapper)]
    return relationship.starting_at(heirs[0]) if len(heirs) == 1 else relationship


def _relationship_of(left: object, name: str) -> Any:
    entities = joined_entities(left)
    if not entities:
        raise ArgumentError(
            f"join(): {name!r} names a relationship, and {left!r} is no mapped class. Pass the relationship itself."
        )
    has = (e for e in reversed(entities) if name in e.mapper.attribute_names or name in e.mapper.descriptors)
    return next(has, entities[-1]).attribute_for_filter(name)
