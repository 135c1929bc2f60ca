"""Settles objects when their rows were written: the one place where a flush changes what an object, or its Session, is known to be.

While steps are executed, new objects enter the identity map (:func:`enter_inserted`), objects whose key has changed move in it
(:func:`move_identity`), and those whose keys other rows are about to take leave it (:func:`free_keys`): what comes later in the same flush needs
that. :func:`settle` comes at the end. All of it is noted in the transaction, so that a rollback takes it back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_uow.orm.exc import FlushError
from flask_uow.orm.state.history import get_history
from flask_uow.orm.state.instance_state import describe
from flask_uow.orm.state.keys import identity_from
from flask_uow.orm.state.members import members_of
from flask_uow.orm.state.mutables import remember, take_snapshots
from flask_uow.orm.state.siblings import Siblings
from flask_uow.orm.symbols import NO_VALUE, PENDING, READ, STATE, STAYED, UNDONE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flask_uow.orm.extensions import FlushContext
    from flask_uow.orm.flush.work import WorkList
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.session.session import Session
    from flask_uow.orm.session.transaction import Filled, SessionTransaction
    from flask_uow.orm.state.accounts import Accounts
    from flask_uow.orm.state.identity import FamilyIdentities
    from flask_uow.orm.state.instance_state import InstanceState

__all__ = [
    "accounts_of",
    "enter_inserted",
    "free_keys",
    "level_of",
    "move_identity",
    "refuse_known_keys",
    "settle",
    "tell_filled",
]


def accounts_of(session: Session) -> Accounts:
    """Return the accounts of the transaction that this flush is part of."""
    return level_of(session).accounts


def level_of(session: Session) -> SessionTransaction:
    """Return the level of the transaction that this flush has begun."""
    level = session.current_transaction
    assert level is not None
    return level


# -- while steps are executed


def enter_inserted(session: Session, base: Mapper, objects: list[Any]) -> None:
    """Enter objects whose rows have been written into the identity map.

    :param base: the mapper at the head of their family.
    :raises FlushError: when one has no primary key, or that of another object that has its row.
    """
    # it is there since they came in
    identities = session.objects.families[base]
    entries = identities.entries
    strong = identities.strong
    level = level_of(session)
    inserted = level.accounts.inserted
    names = base.primary_key_names
    single = names[0] if len(names) == 1 else None
    # objects that were written together are loaded together, once they have expired
    siblings = Siblings(batch=session.batch_loading) if len(objects) > 1 else None
    may_mutate = bool(base.mutable_types or base.subclasses)
    for obj in objects:
        values = obj.__dict__
        state: InstanceState = values[STATE]
        identity = values.get(single) if single is not None else tuple([values.get(name) for name in names])
        if identity is None or (single is None and None in identity and not base.may_identify(identity)):
            raise FlushError(
                f"{describe(obj)} has no primary key ({', '.join(names)}), and the database does not make one. Set it before the flush."
            )
        # two objects for one row would overwrite each other's changes
        other = entries.get(identity)
        if other is not None and other is not state:
            _take_out_holder(session, base, obj, other)
        state.row_key = identity
        entries[identity] = state
        if siblings is not None:
            state.siblings = siblings
            siblings.states.append(state)
        if strong is not None:
            strong[state] = obj
        # setdefault: where the database made the key, its name stands there already
        inserted.setdefault(state, None)
        if may_mutate and type(obj).__mapper__.mutable_types:
            take_snapshots(obj)
            remember(state, obj)
    if level.accounts.deleted:
        level.note_replaced(base, objects)
    if session.hooks.pending_to_persistent:
        for obj in objects:
            session.objects.tell("pending_to_persistent", obj)


def _take_out_holder(session: Session, base: Mapper, obj: MappedObject, other: InstanceState) -> None:
    """Take out the object that held the key of a row that was inserted just now.

    The INSERT has shown that the other's row was no longer there. That is all right where the object was expired, waiting to find that
    out: SQLite, for one, gives the keys of rows that were rolled back to the next ones.
    """
    holder = other()
    if holder is None:
        return
    values = holder.__dict__
    if (
        other.changes
        or other in session.objects.deleted
        or any(name in values for name, _ in base.column_attrs.items())
    ):
        raise _key_in_use(obj, holder)
    session.objects.expunge_one(holder, other)


def refuse_known_keys(session: Session, base: Mapper, objects: list[Any]) -> None:
    """Refuse new objects whose key an object of the Session has, which is known to have its row.

    :raises FlushError: naming both.
    """
    entries = session.objects.identities_of(base).entries
    names = base.primary_key_names
    deleted = session.objects.deleted
    if not entries:
        return
    for obj in objects:
        values = obj.__dict__
        key = tuple([values.get(name) for name in names])
        try:
            other = entries.get(identity_from(key))
        except TypeError:
            # an SQL expression cannot be looked up
            continue
        holder = other() if other is not None else None
        if other is None or holder is None or holder is obj or holder.__dict__[STATE] in deleted:
            continue
        if any(name in holder.__dict__ for name, _ in base.column_attrs.items()):
            raise _key_in_use(obj, holder)


def _key_in_use(obj: MappedObject, holder: MappedObject) -> FlushError:
    return FlushError(
        f"cannot insert a new {type(obj).__name__} with the primary key {holder.__dict__[STATE].row_key!r}: {describe(holder)} has that key in"
        " this Session. Change the object that is there, or delete it and flush first."
    )


def free_keys(session: Session, objects: list[Any]) -> None:
    """Have deleted objects leave the identity map in the middle of a flush, for others to take their keys."""
    deleted = accounts_of(session).deleted
    for obj in objects:
        state: InstanceState = obj.__dict__[STATE]
        deleted[state] = obj
        # the flush still has them marked as deleted; only their place in the identity map is free
        if state.owner is not None:
            state.owner.remove(state)


def move_identity(session: Session, identities: FamilyIdentities, obj: object, key: tuple[Any, ...]) -> None:
    """Have an object under another key in the identity map, until a rollback."""
    state = obj.__dict__[STATE]
    identities.remove(state)
    accounts_of(session).moved.setdefault(state, state.row_key)
    state.row_key = identity_from(key)
    identities.put(state, obj)


# -- at the end


def settle(session: Session, work: WorkList) -> None:
    """Forget the changes that a flush has written; what it left out stays a change."""
    if work.repeated or work.forgotten:
        _bring_into_step(work)
    # before histories are gone
    kept = _kept_changes(work) if work.kept else []
    _settle_new(session, work)
    _settle_changed(session, work)
    for obj, key, original in kept:
        state = obj.__dict__[STATE]
        if state.changes is None:
            state.changes = {}
            session.objects.modified[state] = obj
        state.changes[key] = original
    for members in work.deleted.values():
        session.objects.register_deleted(members)
    if session.objects.waiting:
        _settle_unloaded(session)
    session.objects.taken_back = False


def tell_filled(filled: Iterable[Filled], context: FlushContext) -> None:
    """Tell what listens to ``refresh_flush`` which attributes of new objects a flush has filled in."""
    names_by_object: dict[int, tuple[Any, set[str]]] = {}
    for name, unset, nones in filled:
        for values in (*unset, *nones):
            obj = values[STATE].obj
            if name in values and obj is not None and type(obj).__mapper__.hooks.refresh_flush:
                names_by_object.setdefault(id(obj), (obj, set()))[1].add(name)
    for obj, names in names_by_object.values():
        for hook in type(obj).__mapper__.hooks.refresh_flush:
            hook(obj, context, names)


def _settle_new(session: Session, work: WorkList) -> None:
    new, unasked = session.objects.new, session.objects.unasked
    for members in work.new.values():
        for obj in members:
            values = obj.__dict__
            state = values[STATE]
            new.pop(state, None)
            if unasked:
                unasked.pop(state, None)
            if UNDONE in values:
                del values[UNDONE]
                _forget_stayed(obj, values.pop(STAYED, None))
            if READ in values:
                _forget_empty(obj, values.pop(READ))
            if PENDING in values:
                # what waited for a dynamic collection is written
                _settle_waiting(obj, work)


def _settle_changed(session: Session, work: WorkList) -> None:
    modified = session.objects.modified
    level = session.current_transaction.real if session.current_transaction is not None else None
    # the rollback of a SAVEPOINT gives objects the values back that they had before it
    note = level.accounts.note_updated if level is not None and level.nested else None
    for members in work.changed.values():
        for obj in members:
            state = obj.__dict__[STATE]
            if note is not None:
                note(state, state.changes)
            state.changes = None
            if PENDING in obj.__dict__:
                _settle_waiting(obj, work)
            modified.pop(state, None)


def _bring_into_step(work: WorkList) -> None:
    """Have objects in memory say what their rows say, where they did not."""
    for obj, prop in work.repeated:
        # a pair of objects is one row, whichever side has said it how often
        collection = obj.__dict__[prop.key]
        seen: set[int] = set()
        for item in members_of(collection):
            if id(item) in seen:
                collection.__uow_take__(item)
            seen.add(id(item))
    for child, prop, parent in work.forgotten:
        child.__dict__[prop.key] = parent


def _forget_stayed(obj: MappedObject, stayed: dict[str, list[Any]] | None) -> None:
    # their rows refer to another one: what refers to this one is loaded at the next access
    for key, members in (stayed or {}).items():
        if members:
            obj.__dict__.pop(key, None)


def _forget_empty(obj: MappedObject, names: set[str]) -> None:
    # what was read as empty while there was no row is loaded at the next access
    values = obj.__dict__
    for name in names:
        collection = values.get(name)
        if collection is not None and not collection.__uow_items__():
            del values[name]


def _settle_unloaded(session: Session) -> None:
    """Forget what was put into collections that are not loaded, or taken out, and is written: the database tells it when they are loaded.

    The objects were changed from the other side, and need not have been part of the flush. What was written may be changed again before that.
    """
    objects = session.objects
    for state in list(objects.waiting):
        obj = state()
        waiting = obj.__dict__.get(PENDING) if obj is not None else None
        if waiting is None or state.owner is None:
            objects.waiting.discard(state)
            continue
        for key, changes in list(waiting.items()):
            added, removed = ([item for item in items if _is_unwritten(session, item)] for items in changes)
            if added or removed:
                waiting[key] = (added, removed)
            else:
                del waiting[key]
        if not waiting:
            del obj.__dict__[PENDING]
            objects.waiting.discard(state)


def _is_unwritten(session: Session, item: MappedObject) -> bool:
    state = item.__dict__.get(STATE)
    return state is None or state.row_key is None or state in session.objects.modified


def _settle_waiting(obj: MappedObject, work: WorkList) -> None:
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
