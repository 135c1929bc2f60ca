"""Values that change in place: pickled ones, and composites. Nobody is told when they change, so they are compared before a flush.

What they are compared with is a copy from the time they were loaded or written. It is kept with the object, under :data:`SNAPSHOTS`, and so stays
with one that leaves its Session: a change that is made in between is noticed when the object comes back. While an object with such values is in a
Session, that holds it: a change that only the value itself knows of must not be lost with the object.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from flask_uow.orm.symbols import NO_VALUE, STATE

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.state.instance_state import InstanceState
    from flask_uow.sql.types import TypeEngine

__all__ = [
    "COMPOSITES",
    "SNAPSHOTS",
    "copied",
    "find_mutations",
    "record_mutations",
    "remember",
    "take_as_loaded",
    "take_snapshots",
    "write_composites",
]

# the keys under which an object keeps the composite values that were handed out, with the column values they were made of, and copies of values that
# may change in place
COMPOSITES = "_uow_composites"
SNAPSHOTS = "_uow_snapshots"


def remember(state: InstanceState, obj: MappedObject) -> None:
    """Look at an object of a Session before each flush from now on, and copy values that were loaded just now."""
    values = obj.__dict__
    types = type(obj).__mapper__.mutable_types
    if types:
        snapshots = values.get(SNAPSHOTS)
        if snapshots is None:
            snapshots = values[SNAPSHOTS] = {}
        for name, type_ in types:
            if name in values and name not in snapshots:
                snapshots[name] = type_.copy_value(values[name])
    elif COMPOSITES not in values:
        return
    assert state.owner is not None
    state.owner.mutable[state] = obj


def take_snapshots(obj: MappedObject, names: Iterable[str] | None = None) -> None:
    """Take the present values of an object as those that its row has.

    :param names: those of these attributes; all when None.
    """
    values = obj.__dict__
    for name, type_ in type(obj).__mapper__.mutable_types:
        if name in values and (names is None or name in names):
            values.setdefault(SNAPSHOTS, {})[name] = type_.copy_value(values[name])


def take_as_loaded(state: InstanceState, obj: MappedObject) -> None:
    """Take the present values of the columns of an object as those that its row has; what has changed about its relationships stays noted."""
    columns = type(obj).__mapper__.column_attrs
    changes = {name: old for name, old in (state.changes or {}).items() if name not in columns}
    state.changes = changes or None
    if not changes and state.owner is not None:
        state.owner.modified.pop(state, None)
    take_snapshots(obj)


def copied(type_: TypeEngine[Any], value: object) -> Any:
    """Return a value for another object: a copy, where it could be changed in place."""
    if type_.is_mutable():
        return type_.copy_value(value)
    return deepcopy(value) if isinstance(value, (dict, list, set, bytearray)) else value


def write_composites(obj: MappedObject) -> None:
    """Set the columns of composite values that were changed in place."""
    values = obj.__dict__
    given = values.get(COMPOSITES)
    if not given:
        return
    state = values.get(STATE)
    absent = None if state is None or state.row_key is None else NO_VALUE
    for prop in type(obj).__mapper__.composites:
        made = given.get(prop.key)
        if made is None:
            continue
        before, value = made
        parts = prop.values_of(value)
        # a column that was set by itself counts more than what has changed inside the value
        if parts != before and tuple(values.get(name, absent) for name in prop.names) == before:
            prop.set(obj, value)


def record_mutations(state: InstanceState, obj: MappedObject) -> bool:
    """Record changes in place of an object with a row as changes of it; return whether it has such values at all."""
    values = obj.__dict__
    write_composites(obj)
    held = COMPOSITES in values
    snapshots = values.get(SNAPSHOTS, {})
    for name, type_ in type(obj).__mapper__.mutable_types:
        if name not in values:
            continue
        held = True
        # a value that was set as a whole has its original among the changes already
        if name not in snapshots or name in (state.changes or ()):
            continue
        before = snapshots[name]
        if not type_.compare_values(before, values[name]):
            if state.changes is None:
                state.changes = {}
            # a change that was told of and does not show is written all the same
            state.changes[name] = NO_VALUE if _is_equal(before, values[name]) else before
    if state.changes is not None and state.owner is not None:
        state.owner.modified[state] = obj
    return held


def _is_equal(before: object, value: object) -> bool:
    try:
        return (before == value) is True
    except Exception:  # noqa: BLE001 - values that cannot be compared are not known to be equal
        return False


def find_mutations(mutable: dict[Any, Any]) -> None:
    """Record changes in place of a Session's objects; forget objects that have no such values any more."""
    for state, obj in list(mutable.items()):
        # it has left this Session, for another one perhaps
        if state.owner is None or state.owner.mutable is not mutable:
            del mutable[state]
        elif state.row_key is None:
            write_composites(obj)
        elif not record_mutations(state, obj):
            del mutable[state]
