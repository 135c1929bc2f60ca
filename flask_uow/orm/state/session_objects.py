"""The ways of objects into a Session and out of it, and the bookkeeping of each.

The functions here move single objects between the states of the specification; cascades are the Session's and the flush's business.
"""

from __future__ import annotations

import gc
from typing import Any

from flask_uow.exc import InvalidRequestError
from flask_uow.orm.state.cascades import cascaded, related
from flask_uow.orm.state.instance_state import InstanceState, describe, ensure_state, instance_state, unmapped
from flask_uow.orm.state.keeping import put_values_back
from flask_uow.orm.state.mutables import remember
from flask_uow.orm.state.proxies import real_object
from flask_uow.orm.symbols import KEPT, PENDING

__all__ = [
    "attach",
    "expunge_all",
    "expunge_one",
    "forget_deleted",
    "make_transient",
    "make_transient_again",
    "mark_deleted",
    "prune",
    "register_deleted",
    "restore_deleted",
    "was_deleted",
]


def attach(session: Any, obj: Any) -> Any:
    """Transient to pending, detached to persistent; an object marked as deleted is unmarked.

    :returns: the object; where a proxy was given, the one that it stands for.
    :raises UnmappedInstanceError: when its class is not mapped.
    :raises InvalidRequestError: when it is in another Session, its key belongs to another object of this one, or its row was deleted in the
        current transaction.
    """
    mapper = getattr(type(obj), "__mapper__", None)
    if mapper is None:
        found = real_object(obj)
        if found is obj:
            raise unmapped(obj)
        return attach(session, found)
    if type(obj) is not mapper.class_:
        mapper.manager.adopt(type(obj))
    state = ensure_state(obj)
    owner = state.owner
    if owner is not None:
        holder = owner.session_ref()
        if holder is session:
            if session._deleted.pop(state, None) is not None:
                session._taken_back = True
            return obj
        if holder is not None:
            raise _in_another_session(obj, state, holder)
    identities = session._identities_of(mapper)
    if state.identity is None:
        state.owner = identities
        session._new[state] = obj
        for hook in session._hooks.after_attach:
            hook(session, obj)
        return obj
    if session._transaction is not None:
        _refuse_deleted(session, obj, state)
    present = identities.get(state.identity)
    if present is not None and present is not obj:
        raise InvalidRequestError(
            f"cannot add {describe(obj)}: another object with this key is in the Session. Change that one instead, or expunge() it first."
        )
    identities.put(state, obj)
    if mapper.mutable_types or mapper.composites:
        remember(state, obj)
    if state.changes:
        session._modified[state] = obj
    for hook in session._hooks.after_attach:
        hook(session, obj)
    return obj


def _in_another_session(obj: Any, state: InstanceState, holder: Any) -> InvalidRequestError:
    """Return the error for an object that another Session holds; it names the one that came there first, where a relationship has taken it along."""
    if state.identity is None:
        for prop in type(obj).__mapper__.relationships.values():
            for other in related(obj, prop, load=False):
                own = ensure_state(other)
                if own.session is holder and own.identity is not None:
                    return InvalidRequestError(
                        f"{describe(obj)} is in another Session already: there is {describe(other)}, to which {prop.name} relates it. Bring that"
                        " one here first, with expunge() there and add() here, or relate to its copy from merge()."
                    )
    return InvalidRequestError(
        f"{describe(obj)} is in another Session already. Take it out there with expunge(), or copy it here with merge()."
    )


def was_deleted(session: Any, state: InstanceState) -> bool:
    """Return True when an object's row was deleted in the current transaction."""
    level = session._transaction
    while level is not None:
        if state in level.deleted:
            return True
        level = level.parent
    return False


def _refuse_deleted(session: Any, obj: Any, state: InstanceState) -> None:
    if was_deleted(session, state):
        raise InvalidRequestError(
            f"{describe(obj)} was deleted in this transaction. To insert it again, call make_transient(obj) and then session.add(obj)."
            " If it was only to be moved to another parent with the cascade delete-orphan, a query in between has flushed it while it had none: set"
            " the new parent in one step, or move it within `with session.no_autoflush:`."
        )


def mark_deleted(session: Any, instance: Any) -> None:
    """Mark an object, and those that the cascade delete reaches, to be deleted by the next flush.

    :raises InvalidRequestError: when the object has no row yet.
    """
    state = instance_state(instance)
    if state in session._deleted:
        return
    if state.identity is None:
        raise InvalidRequestError(
            f"{describe(instance)} is not persisted, so it cannot be deleted. Use expunge() to take it out of the Session."
        )
    if state.owner is None and was_deleted(session, state):
        # a flush was faster: it has deleted the object as an orphan, say
        return
    instance = attach(session, instance)
    for obj in [instance, *cascaded("delete", instance, load=True)]:
        own = ensure_state(obj)
        if own.owner is None and own.identity is not None and was_deleted(session, own):
            # the cascade has loaded something, and the flush before that has deleted this one
            continue
        if own.identity is not None:
            attach(session, obj)
            session._deleted[own] = obj
        elif own.owner is not None:
            expunge_one(session, obj, own)


def expunge_one(session: Any, obj: Any, state: InstanceState) -> None:
    """Persistent to detached, pending to transient."""
    session._new.pop(state, None)
    session._unasked.pop(state, None)
    session._deleted.pop(state, None)
    session._modified.pop(state, None)
    session._mutable.pop(state, None)
    if state.owner is not None:
        state.owner.remove(state)
        state.owner = None
    if KEPT in obj.__dict__:
        put_values_back(obj)


def expunge_all(session: Any) -> None:
    """Take all objects out."""
    for states in (session._new, session._deleted):
        for state in states:
            state.owner = None
        states.clear()
    session._modified.clear()
    session._mutable.clear()
    session._unasked.clear()
    if session._strong is not None:
        session._strong.clear()
    keeps_values = session._keeps_values
    for identities in session._identities.values():
        for state in list(identities.entries.values()):
            state.owner = None
            if keeps_values and (obj := state()) is not None and KEPT in obj.__dict__:
                put_values_back(obj)
        identities.entries.clear()


def register_deleted(session: Any, obj: Any, state: InstanceState) -> None:
    """Note that an object's row was deleted in the current transaction; the object leaves the Session."""
    if state.owner is not None:
        state.owner.remove(state)
        state.owner = None
    session._deleted.pop(state, None)
    session._modified.pop(state, None)
    state.changes = None
    session.transaction.deleted[state] = obj


def make_transient_again(session: Any, state: InstanceState) -> None:
    """Undo of an INSERT or of add(): the object is as if it had never been in a Session, with its values."""
    state.identity = state.owner = state.changes = None
    session._modified.pop(state, None)
    session._unasked.pop(state, None)


def forget_deleted(deleted: dict[InstanceState, Any]) -> None:
    """The rows are gone for good: the objects are transient, and could be inserted again."""
    for state, obj in deleted.items():
        if state.owner is None:
            state.identity = state.changes = None
            put_values_back(obj)


def make_transient(instance: Any) -> None:
    """Make an object transient: out of its Session, without a primary key of its own, as if newly made with its values.

    Expired and unloaded attributes become undefined: they read as None, or as an empty collection, and load nothing.

    :raises UnmappedInstanceError: when its class is not mapped.
    """
    state = instance_state(instance)
    session, instance = state.session, state.obj
    instance.__dict__.pop(KEPT, None)
    if session is not None:
        expunge_one(session, instance, state)
    state.identity = state.owner = state.changes = None
    instance.__dict__.pop(PENDING, None)


def prune(session: Any) -> int:
    """Let go of the objects that only a strong identity map holds; return how many are gone."""
    strong = session._strong
    if strong is None:
        return 0
    kept = {state: obj for state, obj in strong.items() if state in session._modified or state in session._deleted}
    waiting = [state for state in strong if state not in kept]
    strong.clear()
    strong.update(kept)
    if any(state() is not None for state in waiting):
        # objects that only refer to each other
        gc.collect()
    for state in waiting:
        obj = state()
        if obj is not None:
            strong[state] = obj
    return sum(1 for state in waiting if state() is None)


def restore_deleted(session: Any, obj: Any, state: InstanceState) -> None:
    """Undo of a DELETE: the object is persistent again, unless it was made transient since, or put elsewhere."""
    if state.identity is None or (state.owner is not None and state.owner.entries.get(state.identity) is state):
        return
    session._identities_of(type(obj).__mapper__).put(state, obj)
