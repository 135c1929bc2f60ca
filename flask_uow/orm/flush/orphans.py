"""Objects that a flush deletes although nobody said so: orphans, which were taken out of a relationship with the cascade delete-orphan and have
no parent now, and what was put into an object after it was marked as deleted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_uow.orm.state.cascades import cascaded, related
from flask_uow.orm.state.history import get_history
from flask_uow.orm.state.instance_state import ensure_state
from flask_uow.orm.symbols import NO_VALUE, STATE

if TYPE_CHECKING:
    from flask_uow.orm.flush.changes import Automatic, Changes
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.mapping.relationship_property import RelationshipProperty
    from flask_uow.orm.state.instance_state import InstanceState
    from flask_uow.orm.state.session_objects import SessionObjects

__all__ = ["Orphans", "find_orphans", "mark_orphans", "orphaning_relationships"]


class Orphans:
    """The objects that a flush deletes besides those that were marked.

    :ivar doomed: those with a row, by state.
    :ivar expunged: new ones, which leave the Session.
    :ivar spared: those that an autoflush leaves alone for now, by id.
    """

    __slots__ = ("doomed", "expunged", "spared")

    def __init__(self) -> None:
        self.doomed: dict[InstanceState, Any] = {}
        self.expunged: dict[InstanceState, Any] = {}
        self.spared: dict[int, Any] = {}


def find_orphans(changes: Changes, automatic: Automatic | None) -> Orphans:
    """Find what was taken out of relationships with the cascade delete-orphan, and objects put into a deleted object after ``delete()``.

    They are deleted objects in ``changes`` from then on; the Session stays as it is.

    :param automatic: an autoflush, which may be there to load a relationship: what was taken out of one of its collections may be on its way
        into another, and is left alone.
    """
    orphans = Orphans()
    if changes.deleted:
        _follow_deletes(changes, orphans)
    loading = automatic.loading if automatic is not None else None
    holders: dict[RelationshipProperty, dict[int, list[InstanceState]]] = {}
    for prop, item in _candidates(changes):
        state = item.__dict__.get(STATE)
        if state is None or state.row_key is None or state in changes.deleted or state.session is not changes.session:
            continue
        # the object itself knows its parent, so that no collection need be gone through
        if prop.reverse is not None and not prop.reverse.uselist:
            has_parent = item.__dict__.get(prop.reverse.key) is not None
        else:
            if prop not in holders:
                holders[prop] = _parents_by_item(changes, prop)
            has_parent = any(parent not in changes.deleted for parent in holders[prop].get(id(item), ()))
        if has_parent:
            continue
        if prop is loading and not any(isinstance(obj, prop.parent.class_) for obj in changes.deleted.values()):
            orphans.spared[id(item)] = item
        else:
            _doom(changes, orphans, item)
    return orphans


def mark_orphans(objects: SessionObjects, orphans: Orphans) -> None:
    """Mark orphans as deleted among the objects of their Session; new ones go out of it."""
    for state, obj in orphans.doomed.items():
        objects.attach(obj)
        objects.deleted[state] = obj
    for state, obj in orphans.expunged.items():
        objects.expunge_one(obj, state)


def _doom(changes: Changes, orphans: Orphans, instance: MappedObject) -> None:
    """Note an object, and those that the cascade delete reaches from it, as deleted."""
    root = ensure_state(instance)
    # deleted by a flush before this one, as an orphan say
    if root.owner is None and changes.session.objects.was_deleted(root):
        return
    for obj in (instance, *cascaded("delete", instance, load=True)):
        state = ensure_state(obj)
        if state.row_key is None:
            if state.owner is not None:
                _expunge(changes, orphans, obj, state)
        elif state.owner is None and changes.session.objects.was_deleted(state):
            # a flush before this one was faster: it has deleted the object as an orphan, say
            continue
        elif state not in changes.deleted:
            changes.deleted[state] = orphans.doomed[state] = obj


def _expunge(changes: Changes, orphans: Orphans, obj: MappedObject, state: InstanceState) -> None:
    changes.new.pop(state, None)
    changes.left_out[state] = orphans.expunged[state] = obj


def _candidates(changes: Changes) -> list[tuple[RelationshipProperty, Any]]:
    """Return the objects that were taken out of relationships, each after the side with the cascade."""
    found: list[tuple[RelationshipProperty, Any]] = []
    class_: type | None = None
    orphaning: dict[str, RelationshipProperty] = {}
    modified = changes.modified
    # two lists of what is there, instead of one of as many tuples: the garbage collector would look through those
    for state, obj in zip(list(modified), list(modified.values()), strict=True):
        if type(obj) is not class_:
            class_ = type(obj)
            orphaning = orphaning_relationships(class_.__mapper__)
        # most changes are of columns, and most relationships orphan nothing
        if not orphaning or state in changes.left_out:
            continue
        for name in state.changes or ():
            prop = orphaning.get(name)
            if prop is None:
                continue
            if prop.cascade.delete_orphan:
                found.extend((prop, item) for item in get_history(obj, name, passive=True).deleted)
            elif prop.reverse is not None and obj.__dict__.get(name) is None and _had_parent(obj, state, prop):
                found.append((prop.reverse, obj))
    return found


def orphaning_relationships(mapper: Mapper) -> dict[str, RelationshipProperty]:
    """Return the relationships whose changes may leave orphans: those with the cascade, and references whose other side has it."""
    found: dict[str, RelationshipProperty] | None = mapper.memo.get("orphaning")
    if found is None:
        found = mapper.memo["orphaning"] = {
            name: prop
            for name, prop in mapper.relationships.items()
            if not prop.viewonly
            and (
                prop.cascade.delete_orphan
                or (prop.reverse is not None and prop.reverse.cascade.delete_orphan and not prop.uselist)
            )
        }
    return found


def _had_parent(obj: MappedObject, state: InstanceState, prop: RelationshipProperty) -> bool:
    """Return True when a many-to-one relationship that is empty now was not: what never had a parent is no orphan."""
    original = (state.changes or {}).get(prop.key, NO_VALUE)
    if original is not NO_VALUE:
        return original is not None
    for own, _ in prop.pairs:
        value = (state.changes or {}).get(own, NO_VALUE)
        if value is NO_VALUE:
            value = getattr(obj, own)
        if value is None:
            return False
    return True


def _follow_deletes(changes: Changes, orphans: Orphans) -> None:
    # what was put into an object after it was marked as deleted goes with it
    for state, obj in list(changes.modified.items()):
        for name in (state.changes or ()) if state in changes.deleted else ():
            prop = type(obj).__mapper__.relationships.get(name)
            if prop is None or prop.viewonly or not prop.cascade.delete:
                continue
            for item in get_history(obj, name, passive=True).added:
                if item is None:
                    continue
                own = item.__dict__[STATE]
                if own.row_key is not None:
                    if own not in changes.deleted:
                        _doom(changes, orphans, item)
                elif own.session is changes.session:
                    _expunge(changes, orphans, item, own)


def _parents_by_item(changes: Changes, prop: RelationshipProperty) -> dict[int, list[InstanceState]]:
    """Return which new and changed parents have an object now, by the identity of the object."""
    found: dict[int, list[InstanceState]] = {}
    for states in (changes.new, changes.modified):
        for state, obj in list(states.items()):
            parent: MappedObject = obj
            if isinstance(obj, prop.parent.class_) and state not in changes.left_out:
                for item in related(parent, prop, load=False):
                    found.setdefault(id(item), []).append(state)
    return found
