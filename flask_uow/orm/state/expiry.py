"""Expiring objects: their mapped values go, so that the next access loads them.

A Session that says so has them set aside instead (:class:`Keep`): the next access loads all the same, and an object that leaves the
Session gets back what was not loaded anew meanwhile (:mod:`flask_uow.orm.state.keeping`).
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flask_uow.orm.state.cascades import related
from flask_uow.orm.state.history import get_history
from flask_uow.orm.state.instance_state import InstanceState
from flask_uow.orm.state.keeping import collection_names, set_all_aside, set_values_aside
from flask_uow.orm.state.members import contains_identical, members_of
from flask_uow.orm.state.mutables import COMPOSITES, SNAPSHOTS, leave_behind, values_at_hand
from flask_uow.orm.symbols import DELETED, KEPT, NO_VALUE, PENDING, READ, STATE, STAYED, UNDONE, Direction

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.mapping.relationship_property import RelationshipProperty
    from flask_uow.orm.state.session_objects import SessionObjects

__all__ = [
    "Keep",
    "expire_all",
    "expire_changed",
    "expire_object",
    "loaded_values",
    "new_orphans",
    "restore_values",
]

# what of our own bookkeeping goes together with the values
_OURS = frozenset({PENDING, COMPOSITES, SNAPSHOTS, KEPT, READ, UNDONE, STAYED, DELETED})


class Keep(enum.Enum):
    """The values that expired objects keep for the time after their Session."""

    NOTHING = enum.auto()
    OLDER = enum.auto()  # what was set aside before
    LOADED = enum.auto()  # that, and what is loaded now


def expire_all(
    objects: SessionObjects, mappers: Iterable[Any] | None, keep: Keep = Keep.NOTHING, *, spares_changed: bool = False
) -> None:
    """Expire all persistent objects of a Session.

    :param mappers: only those of these mappers; all when None. Changes that were not flushed are forgotten.
    :param keep: what the objects keep for the time after the Session.
    :param spares_changed: leave those alone that have changes, or any that wait for a collection, or are marked as deleted.
    """
    wanted = None if mappers is None else {mapper.base_mapper for mapper in mappers}
    keeps_loaded, keeps_older = keep is Keep.LOADED, keep is Keep.OLDER
    at_hand = [one for holder in objects.mutable.values() for one in values_at_hand(holder)]
    for base, identities in list(objects.families.items()):
        if wanted is not None and base not in wanted:
            continue
        class_: type | None = None
        mapper = base
        told: list[Any] = []
        is_heard = False
        names: frozenset[str] = frozenset()
        collections: tuple[str, ...] = ()
        # a copy in one step: objects may go while the loop runs, and their entries with them
        for state in list(identities.entries.values()):
            obj: Any = state()
            if obj is None or (
                spares_changed and (state.changes or state in objects.deleted or PENDING in obj.__dict__)
            ):
                continue
            # looked up again only where the class changes: objects of one class mostly follow one another
            if type(obj) is not class_:
                class_ = type(obj)
                mapper = class_.__mapper__
                names, collections = mapper.attribute_names, collection_names(mapper)
                is_heard = bool(mapper.hooks.expire)
            if is_heard:
                told.append(obj)
            values = obj.__dict__
            for name in collections:
                collection = values.get(name)
                if collection is not None:
                    # one that someone still holds must not report changes to an attribute that will be loaded anew
                    collection.__uow_detach__()
            others = values.keys() - names
            changes = state.changes
            given = _forget_changes(objects, mapper, obj, state) if changes is not None else None
            if len(others) == 1:
                # our own bookkeeping is all that is left
                # the whole dict is set aside as it is, where a copy would cost more
                if keeps_loaded and not changes and len(values) > 1:
                    set_all_aside(obj, values)
                    continue
                kept = set_values_aside(mapper, values, others, changes) if keeps_loaded else None
                values.clear()
                values[STATE] = state
            else:
                kept = values.get(KEPT) if keeps_older else None
                if keeps_loaded:
                    kept = set_values_aside(mapper, values, others, changes)
                own = [(name, values[name]) for name in values if name in others and name not in _OURS]
                values.clear()
                values.update(own)
            if kept:
                values[KEPT] = kept
            if given:
                values.update(given)
        for obj in told:
            for hook in type(obj).__mapper__.hooks.expire:
                hook(obj, None)
    if at_hand or objects.left_behind:
        leave_behind(objects, at_hand, gives_up=wanted is None)


def _forget_changes(objects: SessionObjects, mapper: Mapper, obj: MappedObject, state: InstanceState) -> dict[str, Any]:
    """Forget the changes of an object that expires, and return what stays: its new parents, which hold it in their collections."""
    assert state.changes is not None
    given = {
        name: parent
        for name, parent in _given_by_parents(mapper, obj, state, [*state.changes]).items()
        # persistent parents forget their collections, too
        if parent is not None and parent.__dict__[STATE] in objects.new
    }
    state.changes = dict.fromkeys(given, NO_VALUE) if given else None
    if not given:
        objects.modified.pop(state, None)
    return given


def expire_object(obj: MappedObject, state: InstanceState, attribute_names: Iterable[str] | None) -> None:
    """Expire one object, or some of its attributes.

    :raises InvalidRequestError: for a name that is no attribute.
    """
    mapper = type(obj).__mapper__
    values = obj.__dict__
    names = list(attribute_names) if attribute_names is not None else list(mapper.attribute_names)
    # all names before anything is expired, so that an unknown one leaves the object as it is
    for name in names:
        if name not in mapper.attribute_names:
            raise mapper.unknown_attribute(name)
    kept = values.get(KEPT, {})
    snapshots = values.get(SNAPSHOTS, {})
    at_hand = values_at_hand(obj, names) if snapshots else []
    given = _given_by_parents(mapper, obj, state, names)
    if state.changes or PENDING in values:
        _leave_to_other_sides(mapper, obj, names)
    for name in names:
        value = values.pop(name, None)
        kept.pop(name, None)
        snapshots.pop(name, None)
        if name in mapper.relationships and mapper.relationships[name].uselist and value is not None:
            value.__uow_detach__()
        elif mapper.composites:
            values.pop(COMPOSITES, None)
        if state.changes is not None:
            state.changes.pop(name, None)
        waiting = values.get(PENDING)
        if waiting is not None:
            waiting.pop(name, None)
    if given:
        values.update(given)
        state.changes = {**(state.changes or {}), **dict.fromkeys(given, NO_VALUE)}
    if not state.changes:
        state.changes = None
        if state.owner is not None:
            state.owner.modified.pop(state, None)
    session = state.owner.session_ref() if at_hand and state.owner is not None else None
    if session is not None:
        # not the popped value of the loop, which would count as held
        value = None
        leave_behind(session.objects, at_hand)
    for hook in mapper.hooks.expire:
        hook(obj, names if attribute_names is not None else None)


def expire_changed(obj: MappedObject, names: Iterable[str]) -> None:
    """Expire the attributes of an object that a statement has changed in its row, and what follows from them.

    That is what the database changes with every UPDATE, what SQL makes of columns, and references by a foreign key that is among them.
    """
    mapper = type(obj).__mapper__
    following = mapper.memo.get("changed by every UPDATE")
    if following is None:
        made = (
            n for n, prop in mapper.column_attrs.items() if getattr(prop.column, "server_onupdate", None) is not None
        )
        version = [mapper.versioning.name] if mapper.versioning is not None and mapper.versioning.is_given else []
        following = mapper.memo["changed by every UPDATE"] = [*mapper.computed_names, *made, *version]
    changed = {name for name in names if name in mapper.column_attrs}
    led_by = [
        prop.key
        for prop in mapper.relationships.values()
        if prop.direction is Direction.MANY_TO_ONE and not changed.isdisjoint(prop.local_names)
    ]
    expire_object(obj, obj.__dict__[STATE], {*changed, *following, *led_by})


def loaded_values(obj: MappedObject, originals: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that are loaded on an object, the members of collections, for :func:`restore_values`.

    :param originals: values to be returned in place of those of the same attributes; NO_VALUE for none.
    """
    mapper = type(obj).__mapper__
    values = {name: obj.__dict__[name] for name in mapper.attribute_names if name in obj.__dict__}
    for name, prop in mapper.relationships.items():
        if prop.uselist and name in values:
            values[name] = members_of(values[name])
    values.update((name, value) for name, value in originals.items() if name in mapper.attribute_names)
    return {name: value for name, value in values.items() if value is not NO_VALUE}


def restore_values(obj: MappedObject, values: Mapping[str, Any]) -> None:
    """Give an object without a row values that it had, where it has none."""
    relationships = type(obj).__mapper__.relationships
    for name, value in values.items():
        if name not in obj.__dict__:
            prop = relationships.get(name)
            if prop is not None and prop.uselist:
                value = prop.attribute.new_collection(obj, value)
            obj.__dict__[name] = value


def new_orphans(obj: MappedObject) -> list[Any]:
    """Return the objects that expiring one would leave without a parent: those of a relationship with refresh-expire and delete-orphan."""
    found: list[Any] = []
    for prop in type(obj).__mapper__.relationships.values():
        if prop.cascade.refresh_expire and prop.cascade.delete_orphan and not prop.viewonly:
            found.extend(related(obj, prop, load=False))
    return found


def _given_by_parents(mapper: Mapper, obj: MappedObject, state: InstanceState, names: list[str]) -> dict[str, Any]:
    """Return many-to-one relationships among ``names`` whose present value is a change of the other object's.

    A collection that the object was put into still holds it, and one that it was taken out of does so no more: both are to be written.
    """
    found: dict[str, Any] = {}
    changes = state.changes or {}
    for name in names if changes else ():
        prop = mapper.relationships.get(name)
        if prop is None or prop.reverse is None or prop.direction is not Direction.MANY_TO_ONE:
            continue
        parent = obj.__dict__.get(name)
        if name not in changes:
            continue
        if parent is not None:
            if contains_identical(_changes_of(parent, prop.reverse)[0], obj):
                found[name] = parent
        elif (former := changes[name]) is not None and former is not NO_VALUE:
            if contains_identical(_changes_of(former, prop.reverse)[1], obj):
                found[name] = None
    return found


def _leave_to_other_sides(mapper: Mapper, obj: MappedObject, names: list[str]) -> None:
    """Have the other sides of many-to-many relationships among ``names`` write what is changed about them, where theirs are not loaded.

    What was put into one side is in the other one as well, and that one says so still.
    """
    for name in names:
        prop = mapper.relationships.get(name)
        if (
            prop is None
            or prop.reverse is None
            or prop.direction is not Direction.MANY_TO_MANY
            or prop.reverse.viewonly
        ):
            continue
        other = prop.reverse.key
        for item in (item for items in _changes_of(obj, prop) for item in items if item is not None):
            own: InstanceState = item.__dict__[STATE]
            # a loaded one has noted its change
            if own.owner is not None and other in item.__dict__.get(PENDING, ()):
                own.noted_changes(item).setdefault(other, NO_VALUE)


def _changes_of(parent: MappedObject, prop: RelationshipProperty) -> tuple[Sequence[Any], Sequence[Any]]:
    """Return the objects that were added on the parent's side, and those that were removed there."""
    waiting = parent.__dict__.get(PENDING, {}).get(prop.key)
    if waiting is not None:
        added, removed = waiting
        return added, removed
    history = get_history(parent, prop.key, passive=True)
    return history.added, history.deleted
