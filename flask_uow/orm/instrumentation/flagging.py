"""Functions by which a program marks an attribute itself: as changed, or as loaded from the row."""

from __future__ import annotations

from typing import Any

from flask_uow.exc import InvalidRequestError
from flask_uow.orm.instrumentation.collection_attribute import CollectionAttribute
from flask_uow.orm.state.instance_state import InstanceState, instance_state
from flask_uow.orm.state.members import members_of
from flask_uow.orm.state.mutables import take_snapshots
from flask_uow.orm.symbols import NO_VALUE, PENDING

__all__ = ["flag_dirty", "flag_modified", "set_committed_value"]


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
    waiting = obj.__dict__.get(PENDING)
    if waiting is not None:
        waiting.pop(key, None)
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
