"""Functions by which a program has to do with an attribute itself: marks it as changed or as loaded, reads, sets and deletes it by name."""

from __future__ import annotations

from typing import Any

from flask_uow.exc import InvalidRequestError
from flask_uow.orm.instrumentation.collection_attribute import CollectionAdapter, CollectionAttribute
from flask_uow.orm.state.instance_state import InstanceState, instance_state
from flask_uow.orm.state.members import members_of
from flask_uow.orm.state.mutables import take_snapshots
from flask_uow.orm.symbols import NO_VALUE, PENDING, STAYED

__all__ = [
    "del_attribute",
    "flag_dirty",
    "flag_modified",
    "get_attribute",
    "init_collection",
    "set_attribute",
    "set_committed_value",
]


def flag_modified(instance: object, key: str) -> None:
    """Have the next flush write an attribute, whether or not its value looks changed: one that was changed in place, say.

    :raises UnmappedInstanceError: when the object's class is not mapped.
    :raises InvalidRequestError: for a name that is no column attribute, or a value that is not loaded.
    """
    state = instance_state(instance)
    if key not in state.mapper.column_attrs:
        if key in state.mapper.relationships:
            raise InvalidRequestError(
                f"{type(state.obj).__name__}.{key} is a relationship, whose changes are noticed. flag_modified() is for columns."
            )
        raise state.mapper.unknown_attribute(key)
    if key not in state.obj.__dict__:
        raise InvalidRequestError(
            f"{type(state.obj).__name__}.{key} cannot be flagged as modified: it is not loaded, so there is no value to write. Read or set it first."
        )
    changes = _changes(state)
    if changes is not None:
        # an original that equals the value would be no change
        changes[key] = NO_VALUE
    listeners = state.mapper.events.of(key)
    if listeners is not None:
        listeners.tell("modified", state.obj, getattr(type(state.obj), key))


def flag_dirty(instance: object) -> None:
    """Have the next flush look at an object that has no changes: its hooks see it in ``session.dirty``.

    :raises UnmappedInstanceError: when the object's class is not mapped.
    """
    _changes(instance_state(instance))


def _changes(state: InstanceState) -> dict[str, Any] | None:
    if state.row_key is None:
        # a new object is written whole
        return None
    if state.changes is None:
        state.changes = {}
    if state.owner is not None:
        state.owner.modified[state] = state.obj
    return state.changes


def set_committed_value(instance: object, key: str, value: object) -> None:
    """Set an attribute as if its value had been loaded: no change is recorded, no event, and no other side of a relationship is told.

    :param value: for a collection an iterable of its objects.
    :raises UnmappedInstanceError: when the object's class is not mapped.
    :raises InvalidRequestError: for a name that is not mapped.
    """
    state = instance_state(instance)
    obj, mapper = state.obj, state.mapper
    if key not in mapper.attribute_names:
        raise mapper.unknown_attribute(key)
    for mark in (PENDING, STAYED):
        noted = obj.__dict__.get(mark)
        if noted is not None:
            noted.pop(key, None)
    if state.changes is not None:
        state.changes.pop(key, None)
        if not state.changes:
            state.changes = None
            if state.owner is not None:
                state.owner.modified.pop(state, None)
    attribute = mapper.manager.relationships.get(key)
    if isinstance(attribute, CollectionAttribute):
        present = obj.__dict__.get(key)
        if present is not None:
            present.__uow_detach__()
        obj.__dict__[key] = attribute.new_collection(obj, members_of(value))
        return
    obj.__dict__[key] = value
    take_snapshots(obj, (key,))


def get_attribute(instance: object, key: str) -> Any:
    """Return the value of a mapped attribute, loaded where it is absent; properties of the class of the same name are not asked.

    :raises UnmappedInstanceError: when the object's class is not mapped.
    :raises InvalidRequestError: for a name that is not mapped.
    """
    state = _state_of_mapped(instance, key)
    return getattr(state.obj, key)


def set_attribute(instance: object, key: str, value: object, initiator: object = None) -> None:
    """Set a mapped attribute as an assignment does, whatever ``__setattr__`` the class has: the change is tracked and told.

    :param initiator: taken as SQLAlchemy takes it, and not needed: no event runs in a circle here.
    :raises UnmappedInstanceError: when the object's class is not mapped.
    :raises InvalidRequestError: for a name that is not mapped.
    """
    state = _state_of_mapped(instance, key)
    state.mapper.manager.setattr_hook(state.obj, key, value)


def del_attribute(instance: object, key: str) -> None:
    """Delete a mapped attribute as ``del`` does: a column is NULL then, a relationship empty.

    :raises UnmappedInstanceError: when the object's class is not mapped.
    :raises InvalidRequestError: for a name that is not mapped.
    """
    state = _state_of_mapped(instance, key)
    state.mapper.manager.delattr_hook(state.obj, key)


def _state_of_mapped(instance: object, key: str) -> InstanceState:
    state = instance_state(instance)
    state.mapper.configure()
    if key not in state.mapper.attribute_names:
        raise state.mapper.unknown_attribute(key)
    return state


def init_collection(instance: object, key: str) -> CollectionAdapter:
    """Give an object an empty collection as if that had been loaded, to be filled without events.

    :returns: what fills it: ``init_collection(user, "posts").append_without_event(post)``.
    :raises UnmappedInstanceError: when the object's class is not mapped.
    :raises InvalidRequestError: for a name that is no relationship with a collection of objects.
    """
    state = _state_of_mapped(instance, key)
    if not isinstance(state.mapper.manager.relationships.get(key), CollectionAttribute):
        raise InvalidRequestError(
            f"{type(state.obj).__name__}.{key} holds no collection of objects, so none can be made for it. Use set_committed_value()."
        )
    set_committed_value(state.obj, key, ())
    return CollectionAdapter(state.obj.__dict__[key])
