"""States that a program gives an object itself, past the Session: transient, detached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_uow.exc import InvalidRequestError
from flask_uow.orm.state.expiry import expire_object
from flask_uow.orm.state.instance_state import describe, instance_state
from flask_uow.orm.state.keys import identity_from
from flask_uow.orm.state.members import members_of
from flask_uow.orm.symbols import DELETED, KEPT, NO_VALUE, PENDING, STATE, STAYED, UNDONE, Direction

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.mapping.relationship_property import RelationshipProperty
    from flask_uow.orm.state.instance_state import InstanceState

__all__ = ["make_transient", "make_transient_to_detached", "was_deleted"]


def make_transient(instance: object) -> None:
    """Make an object transient: out of its Session, without a primary key of its own, as if newly made with its values.

    Expired and unloaded attributes become undefined: they read as None, or as an empty collection, and load nothing. Objects with rows that refer
    to its row by a foreign key of theirs keep that reference, also when it is added again under another key; those that are made transient
    as well come along with it.

    :raises UnmappedInstanceError: when its class is not mapped.
    """
    state = instance_state(instance)
    session, obj = state.session, state.obj
    obj.__dict__.pop(KEPT, None)
    obj.__dict__.pop(DELETED, None)
    if session is not None:
        session.objects.expunge_one(obj, state)
    children = [
        prop
        for name, prop in state.mapper.relationships.items()
        if prop.direction is Direction.ONE_TO_MANY and name in obj.__dict__
    ]
    if children:
        # members that are made transient, too, may not know that they are to follow it
        obj.__dict__[UNDONE] = True
        obj.__dict__[STAYED] = {prop.key: _referring(obj, state, prop) for prop in children}
    state.row_key = state.owner = state.changes = None
    obj.__dict__.pop(PENDING, None)


def _referring(obj: MappedObject, state: InstanceState, prop: RelationshipProperty) -> list[Any]:
    """Return the objects whose rows refer to the row of an object, as far as a relationship knows them."""
    value = (state.changes or {}).get(prop.key, NO_VALUE)
    if value is NO_VALUE:
        value = obj.__dict__[prop.key]
    found = []
    for member in value if isinstance(value, list) else members_of(value) if prop.uselist else (value,):
        member_state = member.__dict__.get(STATE) if member is not None else None
        if member_state is not None and member_state.row_key is not None:
            # a foreign key that is empty, as the deletion of the row has left it, leads to no row that the member could stay with
            if None not in [member.__dict__.get(name, NO_VALUE) for _, name in prop.pairs]:
                found.append(member)
    return found


def make_transient_to_detached(instance: object) -> None:
    """Make a transient object one of a row that is taken to exist: detached, its values but for the primary key expired.

    ``session.add()`` brings it in without any SQL; the first access of an attribute loads the row.

    :raises UnmappedInstanceError: when its class is not mapped.
    :raises InvalidRequestError: when it has a row or a Session already, or no primary key.
    """
    state = instance_state(instance)
    obj, mapper = state.obj, state.mapper
    if state.row_key is not None or state.owner is not None:
        raise InvalidRequestError(f"{describe(obj)} is not transient, so it cannot be made detached.")
    mapper.configure()
    key = tuple(obj.__dict__.get(name) for name in mapper.primary_key_names)
    if None in key and not mapper.may_identify(key):
        raise InvalidRequestError(
            f"{describe(obj)} has no primary key ({', '.join(mapper.primary_key_names)}), so nothing says which row it is of. Set it first."
        )
    state.row_key = identity_from(key)
    for mark in (DELETED, UNDONE, STAYED):
        obj.__dict__.pop(mark, None)
    expire_object(obj, state, [name for name in mapper.attribute_names if name not in mapper.primary_key_names])
    state.changes = None


def was_deleted(instance: object) -> bool:
    """Return True when a flush has deleted the object's row, in the present transaction or one that was committed.

    :raises UnmappedInstanceError: when its class is not mapped.
    """
    return instance_state(instance).was_deleted
