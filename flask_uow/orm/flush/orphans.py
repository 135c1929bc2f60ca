"""Objects that were taken out of a relationship with the cascade delete-orphan: a flush deletes those that no parent has now."""

from __future__ import annotations

from typing import Any

from flask_uow.orm.state.cascades import related
from flask_uow.orm.state.history import get_history
from flask_uow.orm.state.instance_state import InstanceState
from flask_uow.orm.symbols import NO_VALUE, STATE

__all__ = ["delete_orphans"]


def delete_orphans(session: Any, loading: Any = None) -> dict[int, Any]:
    """Mark as deleted what was taken out of a relationship with the cascade delete-orphan, and what deleted objects have got since.

    :param loading: the relationship that is being loaded, if that is the reason of the flush: what was taken out of one of its collections
        may be on its way into another, and is left alone.
    :returns: the objects that were left alone, by id.
    """
    if session.objects.deleted:
        _follow_deletes(session)
    spared: dict[int, Any] = {}
    holders: dict[Any, dict[int, list[InstanceState]]] = {}
    for prop, item in _candidates(session):
        state = item.__dict__.get(STATE)
        if state is None or state.row_key is None or state in session.objects.deleted or state.session is not session:
            continue
        if prop.reverse is not None and not prop.reverse.uselist:
            has_parent = item.__dict__.get(prop.reverse.key) is not None
        else:
            if prop not in holders:
                holders[prop] = _parents_by_item(session, prop)
            has_parent = any(parent not in session.objects.deleted for parent in holders[prop].get(id(item), ()))
        if has_parent:
            continue
        if prop is loading and not any(isinstance(obj, prop.parent.class_) for obj in session.objects.deleted.values()):
            spared[id(item)] = item
        else:
            session.objects.mark_deleted(item)
    return spared


def _candidates(session: Any) -> list[tuple[Any, Any]]:
    """Return what was taken out of relationships: the side with the cascade, and the object."""
    found: list[tuple[Any, Any]] = []
    for state, obj in list(session.objects.modified.items()):
        for name in state.changes or ():
            prop = type(obj).__mapper__.relationships.get(name)
            if prop is None or prop.viewonly:
                continue
            if prop.cascade.delete_orphan:
                found.extend((prop, item) for item in get_history(obj, name, passive=True).deleted)
            elif (
                prop.reverse is not None
                and prop.reverse.cascade.delete_orphan
                and not prop.uselist
                and obj.__dict__.get(name) is None
                and _had_parent(obj, state, prop)
            ):
                found.append((prop.reverse, obj))
    return found


def _had_parent(obj: Any, state: InstanceState, prop: Any) -> bool:
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


def _follow_deletes(session: Any) -> None:
    # what was put into an object after it was marked as deleted goes with it
    for state, obj in list(session.objects.modified.items()):
        for name in (state.changes or ()) if state in session.objects.deleted else ():
            prop = type(obj).__mapper__.relationships.get(name)
            if prop is None or prop.viewonly or not prop.cascade.delete:
                continue
            for item in get_history(obj, name, passive=True).added:
                if item is None:
                    continue
                own = item.__dict__[STATE]
                if own.row_key is not None:
                    session.objects.mark_deleted(item)
                elif own.session is session:
                    session.objects.expunge_one(item, own)


def _parents_by_item(session: Any, prop: Any) -> dict[int, list[InstanceState]]:
    """Return which new and changed parents have an object now, by the identity of the object."""
    found: dict[int, list[InstanceState]] = {}
    for states in (session.objects.new, session.objects.modified):
        for state, parent in list(states.items()):
            if isinstance(parent, prop.parent.class_):
                for item in related(parent, prop, load=False):
                    found.setdefault(id(item), []).append(state)
    return found
