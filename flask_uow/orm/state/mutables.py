"""Values that change in place: pickled ones, and composites. Nobody is told when they change, so they are compared before a flush.

What they are compared with is a copy from the time they were loaded or written. It is kept with the object, under :data:`SNAPSHOTS`, and so stays
with one that leaves its Session: a change that is made in between is noticed when the object comes back. While an object with such values is in a
Session, that holds it: a change that only the value itself knows of must not be lost with the object.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from copy import deepcopy
from typing import TYPE_CHECKING, Any, NamedTuple

from flask_uow.exc import InvalidRequestError
from flask_uow.orm.symbols import NO_VALUE, STATE

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.state.instance_state import InstanceState
    from flask_uow.orm.state.session_objects import SessionObjects
    from flask_uow.sql.types import TypeEngine

__all__ = [
    "COMPOSITES",
    "SNAPSHOTS",
    "LeftBehind",
    "copied",
    "find_mutations",
    "lost_changes",
    "leave_behind",
    "refuse_lost_changes",
    "values_at_hand",
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


class LeftBehind(NamedTuple):
    """A value that its object has expired, and that somebody may hold still.

    :ivar holder: the object.
    :ivar name: its attribute.
    """

    value: weakref.ref[Any]
    copy: Any
    type_: TypeEngine[Any]
    holder: weakref.ref[Any]
    name: str


def values_at_hand(obj: MappedObject, names: Iterable[str] | None = None) -> list[LeftBehind]:
    """Return the values of an object that is about to expire which tell of their changes.

    :param names: the attributes that expire; all when None.
    """
    values = obj.__dict__
    snapshots = values.get(SNAPSHOTS, {})
    found: list[LeftBehind] = []
    for name, type_ in type(obj).__mapper__.mutable_types if snapshots else ():
        value = values.get(name)
        # a plain dict or list cannot be referred to weakly
        if value is None or name not in snapshots or type(value).__weakrefoffset__ == 0:
            continue
        if names is None or name in names:
            found.append(LeftBehind(weakref.ref(value), snapshots[name], type_, weakref.ref(obj), name))
    return found


def leave_behind(objects: SessionObjects, at_hand: list[LeftBehind], gives_up: bool = False) -> None:
    """Note which values somebody holds that objects have just expired, but for those with changes: these were given up knowingly.

    :param at_hand: what :func:`values_at_hand` has found before.
    :param gives_up: True where all changes are given up, those of values that were left behind before, too.
    """
    # the dead ones go here, as a Session that only reads never looks at them before a flush
    objects.left_behind = [
        one
        for one in objects.left_behind
        if (value := one.value()) is not None and not (gives_up and not one.type_.compare_values(one.copy, value))
    ]
    for one in at_hand:
        value, holder = one.value(), one.holder()
        if value is None or (holder is not None and holder.__dict__.get(one.name) is value):
            continue
        if one.type_.compare_values(one.copy, value):
            objects.left_behind.append(one)


def lost_changes(objects: SessionObjects) -> list[LeftBehind]:
    """Return the values that were changed after their objects had expired: nobody would write that. Forget those that are gone."""
    alive = [(one, value) for one in objects.left_behind if (value := one.value()) is not None]
    changed = [(one, value) for one, value in alive if not one.type_.compare_values(one.copy, value)]
    known = _values_of(objects, changed) if changed else set()
    found_again = {id(one) for one, value in changed if id(value) in known}
    objects.left_behind = [one for one, _ in alive if id(one) not in found_again]
    return [one for one, _ in changed if id(one) not in found_again]


def refuse_lost_changes(objects: SessionObjects) -> None:
    """Raise an error where a value was changed that its object has expired; once.

    :raises InvalidRequestError: naming the attribute.
    """
    lost = lost_changes(objects)
    if lost:
        objects.left_behind = []
        called = f"{type(lost[0].holder()).__name__}.{lost[0].name}" if lost[0].holder() is not None else lost[0].name
        raise InvalidRequestError(
            f"a value of {called} was changed after its object had expired, by a commit or rollback say, and belongs to no object any more. Read"
            f" {called} again after the commit, and change that value."
        )


def _values_of(objects: SessionObjects, changed: list[tuple[LeftBehind, Any]]) -> set[int]:
    """Return the ids of the values that objects of a Session have, and those that have left them: the value may have been set again."""
    holders = [*objects.new.values(), *objects.modified.values(), *objects.mutable.values()]
    holders += [holder for one, _ in changed if (holder := one.holder()) is not None]
    return {id(obj.__dict__.get(name)) for obj in holders for name, _ in type(obj).__mapper__.mutable_types}


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
