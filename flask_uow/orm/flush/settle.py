"""After a flush: the objects' bookkeeping. What was written is no change any more."""

from __future__ import annotations

from typing import Any

from flask_uow.orm.flush.collect import WorkList
from flask_uow.orm.state.history import get_history
from flask_uow.orm.symbols import NO_VALUE, PENDING, READ, STATE, UNDONE

__all__ = ["settle"]


def settle(session: Any, work: WorkList) -> None:
    """Forget the changes that a flush has written; what it left out stays a change."""
    new, modified, unasked = session.objects.new, session.objects.modified, session.objects.unasked
    kept = _kept_changes(work) if work.kept else []
    for members in work.new.values():
        for obj in members:
            values = obj.__dict__
            state = values[STATE]
            new.pop(state, None)
            if unasked:
                unasked.pop(state, None)
            if UNDONE in values:
                del values[UNDONE]
            if READ in values:
                _forget_empty(obj, values.pop(READ))
            if PENDING in values:
                # what waited for a dynamic collection is written
                _settle_waiting(obj, work)
    level = session.current_transaction.real if session.current_transaction is not None else None
    note = level.note_updated if level is not None and level.nested else None
    for members in (*work.changed.values(), work.updated_first):
        for obj in members:
            state = obj.__dict__[STATE]
            if note is not None:
                note(state, state.changes)
            state.changes = None
            if PENDING in obj.__dict__:
                _settle_waiting(obj, work)
            modified.pop(state, None)
    for obj, key, original in kept:
        state = obj.__dict__[STATE]
        if state.changes is None:
            state.changes = {}
            modified[state] = obj
        state.changes[key] = original
    for members in (*work.deleted.values(), work.deleted_first):
        session.objects.register_deleted(members)
    session.objects.taken_back = False


def _forget_empty(obj: Any, names: set[str]) -> None:
    # what was read as empty while there was no row is loaded at the next access
    values = obj.__dict__
    for name in names:
        collection = values.get(name)
        if collection is not None and not collection.__uow_items__():
            del values[name]


def _settle_waiting(obj: Any, work: WorkList) -> None:
    if not work.waiting:
        del obj.__dict__[PENDING]
        return
    left = {}
    for key, changes in obj.__dict__[PENDING].items():
        added, removed = ([item for item in items if id(item) in work.waiting] for items in changes)
        if added or removed:
            left[key] = (added, removed)
    if left:
        obj.__dict__[PENDING] = left
    else:
        del obj.__dict__[PENDING]


def _kept_changes(work: WorkList) -> list[tuple[Any, str, Any]]:
    """Return relationships that still have something to be written, with what counts as their original value from now on."""
    found = []
    for obj, prop in work.kept:
        if prop.is_dynamic:
            original: Any = NO_VALUE
        elif prop.uselist:
            history = get_history(obj, prop.key, passive=True)
            original = [item for item in (*history.unchanged, *history.added) if id(item) not in work.waiting]
            original += [item for item in history.unchanged if id(item) in work.waiting]
            original += [item for item in history.deleted if id(item) in work.waiting]
        else:
            original = (obj.__dict__[STATE].changes or {}).get(prop.key)
        found.append((obj, prop.key, original))
    return found
