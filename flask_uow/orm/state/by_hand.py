"""States that a program gives an object itself, past the Session: transient, detached."""

from __future__ import annotations

from flask_uow.exc import InvalidRequestError
from flask_uow.orm.state.expiry import expire_object
from flask_uow.orm.state.instance_state import describe, instance_state
from flask_uow.orm.state.keys import identity_from
from flask_uow.orm.symbols import DELETED, KEPT, PENDING, UNDONE, Direction

__all__ = ["make_transient", "make_transient_to_detached", "was_deleted"]


def make_transient(instance: object) -> None:
    """Make an object transient: out of its Session, without a primary key of its own, as if newly made with its values.

    Expired and unloaded attributes become undefined: they read as None, or as an empty collection, and load nothing.

    :raises UnmappedInstanceError: when its class is not mapped.
    """
    state = instance_state(instance)
    session, obj = state.session, state.obj
    obj.__dict__.pop(KEPT, None)
    obj.__dict__.pop(DELETED, None)
    if session is not None:
        session.objects.expunge_one(obj, state)
    state.row_key = state.owner = state.changes = None
    obj.__dict__.pop(PENDING, None)
    if any(
        prop.direction is Direction.ONE_TO_MANY and name in obj.__dict__
        for name, prop in state.mapper.relationships.items()
    ):
        # their members may not know that they are to follow it
        obj.__dict__[UNDONE] = True


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
    obj.__dict__.pop(DELETED, None)
    obj.__dict__.pop(UNDONE, None)
    expire_object(obj, state, [name for name in mapper.attribute_names if name not in mapper.primary_key_names])
    state.changes = None


def was_deleted(instance: object) -> bool:
    """Return True when a flush has deleted the object's row, in the present transaction or one that was committed.

    :raises UnmappedInstanceError: when its class is not mapped.
    """
    return instance_state(instance).was_deleted
