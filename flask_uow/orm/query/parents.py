"""``with_parent()``: the condition that rows are related to an object that is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_uow.exc import ArgumentError, InvalidRequestError
from flask_uow.orm.mapping.entity import EntityView
from flask_uow.orm.mapping.mapper import object_mapper
from flask_uow.orm.state.instance_state import instance_state
from flask_uow.sql.expressions import ColumnElement

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import Entity
    from flask_uow.orm.mapping.relationship_property import RelationshipProperty

__all__ = ["leads_to", "with_parent"]


def with_parent(instance: object, prop: object, from_entity: object = None) -> ColumnElement[bool]:
    """Return the condition that a relationship of ``instance`` leads to a row: ``filter(with_parent(user, User.posts))``.

    :param instance: the object that the relationship belongs to.
    :param prop: the relationship (``of_type(alias)`` says that the condition is about an alias), a synonym of one, or the name of either.
    :param from_entity: the class or the alias of it that the condition is about, in place of ``of_type()``.
    :raises UnmappedInstanceError: for an object of a class that is not mapped.
    :raises ArgumentError: for something that is no relationship of the object's class, and for another class in ``from_entity``.
    :raises InvalidRequestError: for a name that the class does not have, and where the object has no primary key yet.

    >>> session.query(Post).filter(with_parent(user, User.posts))                               # doctest: +SKIP
    """
    if from_entity is None:
        return _condition(instance, prop, None)
    entity: Entity | None = getattr(from_entity, "__uow_entity__", None)
    if entity is None:
        raise ArgumentError(f"with_parent(from_entity=) takes a mapped class or an alias of one, got {from_entity!r}.")
    return _condition(instance, prop, entity)


def leads_to(instance: object, prop: object, entity: Entity | None) -> ColumnElement[bool]:
    """Return the condition for a query of an entity.

    :param prop: as for :func:`with_parent`; None for the one relationship that leads to the entity.
    :raises InvalidRequestError: where none leads there, or several.
    """
    if prop is not None:
        return _condition(instance, prop, entity)
    # a proxy of the object stands for it
    instance = instance_state(instance).obj
    target = entity.mapper if entity is not None else None
    relationships = list(object_mapper(instance).relationships.values())
    found = [candidate for candidate in relationships if candidate.mapper is target]
    if not found and target is not None:
        found = [candidate for candidate in relationships if target.isa(candidate.mapper)]
    if len(found) != 1:
        what = "several lead" if found else "none leads"
        raise InvalidRequestError(
            f"with_parent(): {what} from {type(instance).__name__} to the queried class. Pass the relationship."
        )
    return found[0].sql.leads_from(instance, _entity_for(found[0], entity))


def _condition(instance: object, given: object, entity: Entity | None) -> ColumnElement[bool]:
    instance = instance_state(instance).obj
    mapper = object_mapper(instance)
    attribute = mapper.attribute_for_filter(given) if isinstance(given, str) else given
    prop: Any = getattr(attribute, "relationship", attribute)
    relationship = getattr(prop, "sql", None)
    if relationship is None or not mapper.isa(prop.parent):
        raise ArgumentError(
            f"with_parent(): {given!r} is no relationship of {mapper.class_.__name__}. It has:"
            f" {', '.join(sorted(mapper.relationships.keys())) or 'none'}."
        )
    # the relationship itself has the table that it leads to under this name
    named = getattr(attribute, "target", None) if attribute is not prop else None
    target = named if named is not None else _entity_for(prop, entity)
    condition: ColumnElement[bool] = relationship.leads_from(instance, target)
    return condition


def _entity_for(prop: RelationshipProperty, entity: Entity | None) -> Entity | None:
    """Return the queried entity where it is an alias or a subclass of what the relationship leads to; it may be selected from elsewhere."""
    if entity is None or entity is prop.mapper or entity.mapper.base_mapper is not prop.mapper.base_mapper:
        return None
    return entity if isinstance(entity, EntityView) or entity.isa(prop.mapper) else None
