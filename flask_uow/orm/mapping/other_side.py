"""The two sides of a relationship brought together: the one that ``backref=`` asks for is made, the one that ``back_populates=`` names is found.

Called by :class:`~flask_uow.orm.mapping.registry.Registry` when the mappers are configured: :func:`make_backref` before, :func:`link` after all
relationships have their join conditions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_uow.exc import ArgumentError
from flask_uow.orm.mapping.relationships import relationship
from flask_uow.orm.symbols import Direction

if TYPE_CHECKING:
    from flask_uow.orm.mapping.relationship_property import RelationshipProperty

__all__ = ["link", "make_backref"]


def make_backref(prop: RelationshipProperty) -> None:
    """Declare the other side that ``backref=`` asks for."""
    if prop.backref is None:
        return
    mapper = prop.mapper
    if mapper.has_attribute(prop.backref.name):
        raise ArgumentError(
            f"relationship {prop.name}: backref={prop.backref.name!r}, and {mapper.class_.__name__} has an attribute of that name."
            " Use back_populates= on both sides, or choose another name."
        )
    options = dict(prop.backref.options)
    # what is said of this side holds for the other one, unless backref() says otherwise
    options.setdefault("secondary", prop.secondary)
    options.setdefault("foreign_keys", prop.foreign_keys_argument)
    options.setdefault("passive_updates", prop.passive_updates)
    options.setdefault("post_update", prop.post_update)
    options.setdefault("viewonly", prop.viewonly)
    # seen from the other side, the two halves of the condition change places
    if prop.direction is Direction.MANY_TO_MANY:
        options.setdefault("primaryjoin", prop.secondaryjoin_argument)
        options.setdefault("secondaryjoin", prop.primaryjoin_argument)
    else:
        options.setdefault("primaryjoin", prop.primaryjoin_argument)
    if prop.refers_to_own_tables and prop.direction is Direction.ONE_TO_MANY:
        options.setdefault("remote_side", [parent for parent, _ in prop.condition.pairs])
    if prop.refers_to_own_tables and prop.direction is Direction.MANY_TO_MANY:
        options.setdefault("remote_side", [column for _, column in prop.condition.pairs])
        options["foreign_keys"] = None
    reverse = relationship(prop.parent.class_, back_populates=prop.key, **options)
    prop.back_populates = prop.backref.name
    prop.backref = None
    mapper.add_property(prop.back_populates, reverse)


def link(prop: RelationshipProperty) -> None:
    """Find the other side.

    :raises ArgumentError: when ``back_populates`` names no relationship that leads back here.
    """
    if prop.back_populates is None or prop.viewonly:
        return
    other = prop.mapper.relationships.get(prop.back_populates)
    target = prop.mapper.class_.__name__
    if other is None:
        raise ArgumentError(
            f"relationship {prop.name}: back_populates={prop.back_populates!r}, and {target} has no relationship of that name."
            f" Add it to {target}, or use backref={prop.back_populates!r}."
        )
    if not other.mapper.isa(prop.parent) and not prop.parent.isa(other.mapper):
        raise ArgumentError(
            f"relationship {prop.name}: back_populates={prop.back_populates!r}, and {other.name} leads to"
            f" {other.mapper.class_.__name__}, not back to {prop.parent.class_.__name__}."
        )
    if other.direction is prop.direction and prop.direction is not Direction.MANY_TO_MANY:
        raise ArgumentError(
            f"relationships {prop.name} and {other.name} are both {prop.direction.value}. One side of a pair is many-to-one;"
            " where a table refers to itself, pass remote_side=[its primary key] on that side."
        )
    prop.reverse = other
    if prop.sync_backref is not False:
        prop.attribute.reverse = other.attribute
    prop.attribute.is_exclusive = other.attribute.is_exclusive = prop.single_parent or other.single_parent
    # either will do, as long as both sides name the same one
    prop.canonical = other.canonical = min(prop, other, key=id)
    # what is said on one side holds for the foreign key, and so for both
    prop.post_update = other.post_update = prop.post_update or other.post_update
    prop.passive_updates = other.passive_updates = prop.passive_updates and other.passive_updates
