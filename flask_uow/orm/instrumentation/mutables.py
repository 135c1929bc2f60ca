"""Values that change in place: pickled ones, and composites. Nobody is told when they change, so they are compared before a flush.

An object with such values is held by its Session from the time they were loaded (or handed out) until they are expired: a change that only
the value itself knows of must not be lost with the object.
"""

from __future__ import annotations

from typing import Any

from flask_uow.orm.symbols import NO_VALUE, STATE

__all__ = ["COMPOSITES", "find_mutations", "remember", "settle_mutations", "write_composites"]

# the key under which an object keeps the composite values that were handed out, with the column values they were made of
COMPOSITES = "_uow_composites"


def remember(state: Any, obj: Any) -> None:
    """Look at an object before each flush from now on."""
    owner = state.owner
    if state in owner.mutable:
        return
    types = type(obj).__mapper__.mutable_types
    values = obj.__dict__
    owner.mutable[state] = (obj, {name: type_.copy_value(values[name]) for name, type_ in types if name in values})


def write_composites(obj: Any) -> None:
    """Set the columns of composite values that were changed in place."""
    given = obj.__dict__.get(COMPOSITES)
    if not given:
        return
    for prop in type(obj).__mapper__.composites:
        made = given.get(prop.key)
        if made is None:
            continue
        before, value = made
        parts = prop.values_of(value)
        if parts != before and tuple(getattr(obj, name) for name in prop.names) == before:
            prop.set(obj, value)


def find_mutations(mutable: dict[Any, tuple[Any, dict[str, Any]]]) -> None:
    """Record changes in place as changes of their objects; forget objects that have no such values any more."""
    for state, (obj, snapshots) in list(mutable.items()):
        values = obj.__dict__
        if state.owner is None or state.owner.mutable is not mutable:
            del mutable[state]
            continue
        write_composites(obj)
        mapper = type(obj).__mapper__
        held = COMPOSITES in values
        for name, type_ in mapper.mutable_types:
            if name not in values:
                snapshots.pop(name, None)
                continue
            held = True
            if name not in snapshots:
                snapshots[name] = type_.copy_value(values[name])
                continue
            if name not in (state.changes or ()) and not type_.compare_values(snapshots[name], values[name]):
                if state.changes is None:
                    state.changes = {}
                    state.owner.modified[state] = obj
                state.changes[name] = snapshots[name]
        if not held:
            del mutable[state]


def settle_mutations(mutable: dict[Any, tuple[Any, dict[str, Any]]], objects: Any) -> None:
    """Take the present values of flushed objects as the ones to compare with."""
    for obj in objects:
        state = obj.__dict__.get(STATE)
        entry = mutable.get(state)
        if entry is None:
            continue
        for name, type_ in type(obj).__mapper__.mutable_types:
            value = obj.__dict__.get(name, NO_VALUE)
            if value is not NO_VALUE:
                entry[1][name] = type_.copy_value(value)
