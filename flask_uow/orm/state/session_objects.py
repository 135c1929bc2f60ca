"""The objects of a Session: which are new, changed or marked as deleted, where each is found, and their ways in and out.

A Session, or whatever holds objects in its place, has one :class:`SessionObjects`; flush, loading and the tracked attributes use it directly. No
SQL is sent from here, but by the cascade delete, which loads what it goes on to.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

from flask_uow.engine.collector import MANY_ROWS, with_collector_at_rest
from flask_uow.exc import InvalidRequestError
from flask_uow.orm.extensions import SESSION_EVENTS, Hooks, SessionExtension
from flask_uow.orm.state.cascades import cascaded, is_alone, related
from flask_uow.orm.state.identity import FamilyIdentities, IdentityMap
from flask_uow.orm.state.instance_state import (
    InstanceState,
    describe,
    ensure_state,
    forget,
    instance_state,
    unmapped,
)
from flask_uow.orm.state.keeping import put_values_back
from flask_uow.orm.state.mutables import LeftBehind, find_mutations, remember
from flask_uow.orm.state.proxies import real_object
from flask_uow.orm.symbols import DELETED, KEPT, NO_VALUE, STATE

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.state.accounts import Accounts

__all__ = [
    "ClosedObjects", "Holder", "SessionObjects", "TransactionLevel", "closed_for_good", "forget_deleted", "in_another_session",
]  # fmt: skip


_NO_HOOKS = Hooks(SessionExtension, None, SESSION_EVENTS)


class TransactionLevel(Protocol):
    """One level of a transaction: what was done to objects in it."""

    @property
    def parent(self) -> TransactionLevel | None:
        """The level around this one."""

    @property
    def accounts(self) -> Accounts:
        """The changes of objects in it."""
        raise NotImplementedError


class Holder(Protocol):
    """A Session, as the holder of objects."""

    @property
    def current_transaction(self) -> TransactionLevel | None:
        """The innermost level of the transaction, None outside of one."""


class SessionObjects:
    """The objects of a Session, by their states.

    The dicts are shared with the identity maps of the families and read by the flush; their order is that in which objects came in.

    :param holder: the Session; held weakly.
    :param weak: hold persistent objects weakly, changed ones strongly until they are flushed; False holds all.
    :param hooks: those of the Session: what is called with it and an object that comes in, goes out or changes its state.
    :param keeps_values: True where expired values are set aside for the time after the Session.

    :ivar new: the pending objects.
    :ivar unasked: those of the new objects that nobody has added: they came along with others.
    :ivar modified: the persistent objects that have changes.
    :ivar deleted: those that are marked as deleted.
    :ivar taken_back: True when an object that was marked as deleted is not any more, since the last flush.
    :ivar mutable: those whose values may change in place.
    :ivar left_behind: values of these that have expired, and that somebody may hold still.
    :ivar waiting: those that have changes of collections that are not loaded, or were given others to refer to while they were in no Session;
        by weak states, until a flush has written the changes.
    :ivar strong: all persistent objects, where they are not held weakly; else None.
    :ivar families: the identity maps by base mapper.
    :ivar session_ref: the weak reference to the holder, by which states tell whose they are.
    """

    __slots__ = (
        "_keeps_values", "deleted", "families", "hooks", "left_behind", "modified", "mutable", "new", "session_ref", "strong",
        "taken_back", "unasked", "waiting",
    )  # fmt: skip

    def __init__(
        self,
        holder: Holder,
        *,
        weak: bool = True,
        hooks: Hooks | None = None,
        keeps_values: bool = False,
    ) -> None:
        self.session_ref: weakref.ref[Any] = weakref.ref(holder)
        self.new: dict[InstanceState, Any] = {}
        self.unasked: dict[InstanceState, None] = {}
        self.modified: dict[InstanceState, Any] = {}
        self.deleted: dict[InstanceState, Any] = {}
        self.taken_back = False
        self.mutable: dict[InstanceState, Any] = {}
        self.left_behind: list[LeftBehind] = []
        self.waiting: set[InstanceState] = set()
        self.strong: dict[InstanceState, Any] | None = None if weak else {}
        self.families: dict[Mapper, FamilyIdentities] = {}
        self.hooks = hooks if hooks is not None else _NO_HOOKS
        self._keeps_values = keeps_values

    def __repr__(self) -> str:
        return (
            f"<SessionObjects: {len(self.new)} new, {len(self.modified)} modified, {len(self.deleted)} deleted,"
            f" {len(self.identity_map)} persistent>"
        )

    # -- looking

    @property
    def identity_map(self) -> IdentityMap:
        """The identity maps of all families as one mapping."""
        return IdentityMap(self.families)

    def identities_of(self, mapper: Mapper) -> FamilyIdentities:
        """Return the identity map of a mapper's family."""
        base = mapper.base_mapper
        identities = self.families.get(base)
        if identities is None:
            base.configure()
            identities = self.families[base] = FamilyIdentities(
                base, self.session_ref, self.modified, self.strong, self.mutable, self.waiting
            )
        return identities

    def holds(self, state: InstanceState) -> bool:
        """Return True when an object is in this Session, pending or persistent."""
        return state.owner is not None and state.owner.session_ref is self.session_ref

    def may_have_changes(self) -> bool:
        """Return False when there is certainly nothing to flush; values that change in place are not compared for it."""
        return bool(self.new or self.modified or self.deleted or self.mutable)

    def has_changes(self) -> bool:
        """Return True when there is something to flush; changes in place are recorded as changes first."""
        if self.mutable:
            find_mutations(self.mutable)
        return bool(self.new or self.modified or self.deleted)

    def was_deleted(self, state: InstanceState) -> bool:
        """Return True when an object's row was deleted in the current transaction."""
        level = self._level()
        while level is not None:
            if state in level.accounts.deleted:
                return True
            level = level.parent
        return False

    def _level(self) -> TransactionLevel | None:
        holder: Holder | None = self.session_ref()
        return holder.current_transaction if holder is not None else None

    # -- coming in

    def add(self, instance: object) -> None:
        """Put an object in, and those that its relationships reach (cascade save-update).

        :raises: as :meth:`attach`.
        """
        added: MappedObject = self.attach(instance)
        unasked, state = self.unasked, added.__dict__[STATE]
        if unasked:
            unasked.pop(state, None)
        if not is_alone(added, state):
            # what is in the Session was followed when it came in
            for obj in cascaded("save_update", added, stop_in=self, past_unasked=bool(unasked)):
                self.attach(obj)
                if unasked:
                    unasked.pop(obj.__dict__[STATE], None)

    def add_all(self, instances: Iterable[object]) -> None:
        """Put objects in one after the other, see :meth:`add`."""
        hooks = self.hooks
        if (
            isinstance(instances, list)
            and len(instances) >= MANY_ROWS
            and not (
                hooks.before_attach or hooks.after_attach or hooks.transient_to_pending or hooks.detached_to_persistent
            )
        ):
            with_collector_at_rest(self._add_each, instances)
        else:
            # what makes the objects one by one, or is told of each, may send statements
            self._add_each(instances)

    def _add_each(self, instances: Iterable[object]) -> None:
        for instance in instances:
            self.add(instance)

    def bring_along(self, instance: MappedObject) -> None:
        """Put an object in because one that is in was related to it; nobody has added it yet, see :attr:`unasked`."""
        unasked = self.unasked
        self.attach(instance)
        state = instance.__dict__[STATE]
        if state.row_key is None:
            unasked[state] = None
        if type(instance).__mapper__.relationships:
            for obj in cascaded("save_update", instance, stop_in=self):
                self.attach(obj)
                state = obj.__dict__[STATE]
                if state.row_key is None:
                    unasked[state] = None

    def attach(self, obj: Any) -> Any:
        """Transient to pending, detached to persistent; an object marked as deleted is unmarked. Without cascades.

        :returns: the object; where a proxy was given, the one that it stands for.
        :raises UnmappedInstanceError: when its class is not mapped.
        :raises InvalidRequestError: when it is in another Session, its key belongs to another object of this one, or its row was deleted in
            the current transaction.
        """
        mapper = getattr(type(obj), "__mapper__", None)
        if mapper is None:
            real = real_object(obj)
            if real is obj:
                raise unmapped(obj)
            return self.attach(real)
        if type(obj) is not mapper.class_:
            mapper.manager.adopt(type(obj))
        values = obj.__dict__
        state = values.get(STATE)
        if state is None:
            # nearly always, and so without a call: a new object (benchmark: insert_graph)
            state = values[STATE] = InstanceState(obj, forget)
            state.row_key = state.owner = state.changes = state.siblings = None
        elif type(state) is not InstanceState:
            state = ensure_state(obj)
        owner = state.owner
        if owner is not None:
            if owner.session_ref is self.session_ref:
                if self.deleted.pop(state, None) is not None:
                    self.taken_back = True
                return obj
            holder = owner.session_ref()
            if holder is not None:
                raise in_another_session(obj, state, holder)
        hooks = self.hooks
        if hooks.before_attach:
            self.tell("before_attach", obj)
        identities = self.families.get(mapper.base_mapper)
        if identities is None:
            identities = self.identities_of(mapper)
        if state.row_key is None:
            state.owner = identities
            self.new[state] = obj
            if DELETED in values:
                # its row is gone, and it gets another one
                del values[DELETED]
            if hooks.transient_to_pending:
                self.tell("transient_to_pending", obj)
        else:
            self._attach_detached(obj, state, identities)
            if hooks.detached_to_persistent:
                self.tell("detached_to_persistent", obj)
        if hooks.after_attach:
            self.tell("after_attach", obj)
        return obj

    def tell(self, name: str, obj: object) -> None:
        """Call the hooks of a name with the Session and an object."""
        session = self.session_ref()
        for hook in getattr(self.hooks, name):
            hook(session, obj)

    def _attach_detached(self, obj: MappedObject, state: InstanceState, identities: FamilyIdentities) -> None:
        if self.was_deleted(state):
            raise InvalidRequestError(
                f"{describe(obj)} was deleted in this transaction. To insert it again, call make_transient(obj) and then session.add(obj)."
                " If it was only to be moved to another parent with the cascade delete-orphan, a query in between has flushed it while it had"
                " none: set the new parent in one step, or move it within `with session.no_autoflush:`."
            )
        present = identities.get(state.row_key)
        if present is not None and present is not obj:
            raise InvalidRequestError(
                f"cannot add {describe(obj)}: another object with this key is in the Session. Change that one instead, or expunge() it first."
            )
        identities.put(state, obj)
        mapper = type(obj).__mapper__
        if mapper.mutable_types or mapper.composites:
            remember(state, obj)
        if state.changes:
            self.modified[state] = obj
            if any(original is NO_VALUE for original in state.changes.values()):
                # a row that it referred to is known to the database alone
                self.waiting.add(state)

    def mark_deleted(self, instance: object) -> None:
        """Mark an object, and those that the cascade delete reaches, to be deleted by the next flush.

        :raises InvalidRequestError: when the object has no row yet.
        """
        # benchmark: delete_objects
        state = getattr(instance, "__dict__", {}).get(STATE)
        if type(state) is not InstanceState:
            state = instance_state(instance)
        if state in self.deleted:
            return
        if state.row_key is None:
            raise InvalidRequestError(
                f"{describe(instance)} is not persisted, so it cannot be deleted. Use expunge() to take it out of the Session."
            )
        marked: Any = state()
        owner = state.owner
        if owner is None or owner.session_ref is not self.session_ref:
            if owner is None and self.was_deleted(state):
                # a flush was faster: it has deleted the object as an orphan, say
                return
            self.attach(marked)
        if not type(marked).__mapper__.relationships:
            self.deleted[state] = marked
            return
        for obj in [marked, *cascaded("delete", marked, load=True)]:
            state = ensure_state(obj)
            if state.owner is None and state.row_key is not None and self.was_deleted(state):
                # the cascade has loaded something, and the flush before that has deleted this one
                continue
            if state.row_key is not None:
                if not self.holds(state):
                    self.attach(obj)
                self.deleted[state] = obj
            # a new object that goes with its parent need not be written first
            elif state.owner is not None:
                self.expunge_one(obj, state)

    def restore_deleted(self, obj: MappedObject, state: InstanceState) -> None:
        """Undo of a DELETE: the object is persistent again, unless it was made transient since, or put elsewhere."""
        obj.__dict__.pop(DELETED, None)
        if state.row_key is None or (state.owner is not None and state.owner.entries.get(state.row_key) is state):
            return
        self.put_back(state, obj, self.identities_of(type(obj).__mapper__))
        if self.hooks.deleted_to_persistent:
            self.tell("deleted_to_persistent", obj)

    def put_back(self, state: InstanceState, obj: MappedObject, identities: FamilyIdentities) -> None:
        """Enter an object under the key that its row has again; one that stood for another row of this key, which is gone, leaves."""
        present = identities.entries.get(state.row_key)
        other: Any = present() if present is not None and present is not state else None
        if other is not None:
            self.expunge_one(other, other.__dict__[STATE])
        identities.put(state, obj)

    # -- going out

    def expunge(self, instance: object) -> None:
        """Take an object out, and those that its relationships reach (cascade expunge).

        One whose row was deleted in the current transaction stays out then, however the transaction ends.

        :raises InvalidRequestError: when it is not in this Session.
        """
        state = instance_state(instance)
        if not self.holds(state):
            if self._let_go_of_deleted(state):
                return
            raise InvalidRequestError(f"{describe(state.obj)} is not in this Session.")
        expunged: MappedObject = state.obj
        for obj in [expunged, *cascaded("expunge", expunged)]:
            state = ensure_state(obj)
            if self.holds(state):
                self.expunge_one(obj, state)

    def _let_go_of_deleted(self, state: InstanceState) -> bool:
        """Forget an object whose row was deleted in the current transaction; return False for another one."""
        level = self._level()
        while level is not None:
            obj = level.accounts.deleted.pop(state, None)
            if obj is not None:
                forget_deleted({state: obj})
                if self.hooks.deleted_to_detached:
                    self.tell("deleted_to_detached", obj)
                return True
            level = level.parent
        return False

    def expunge_one(self, obj: MappedObject, state: InstanceState) -> None:
        """Persistent to detached, pending to transient."""
        self.new.pop(state, None)
        self.unasked.pop(state, None)
        self.deleted.pop(state, None)
        self.modified.pop(state, None)
        self.mutable.pop(state, None)
        if state.owner is not None:
            state.owner.remove(state)
            state.owner = None
        if KEPT in obj.__dict__:
            put_values_back(obj)
        if self.hooks.pending_to_transient and state.row_key is None:
            self.tell("pending_to_transient", obj)
        elif self.hooks.persistent_to_detached and state.row_key is not None:
            self.tell("persistent_to_detached", obj)

    def expunge_all(self) -> None:
        """Take all objects out."""
        hooks = self.hooks
        # collected before anything goes: afterwards nothing tells which event is theirs
        leaving = self._all_by_event() if hooks.pending_to_transient or hooks.persistent_to_detached else []
        for states in (self.new, self.deleted):
            for state in states:
                state.owner = None
            states.clear()
        self.modified.clear()
        self.mutable.clear()
        self.left_behind.clear()
        self.unasked.clear()
        if self.strong is not None:
            self.strong.clear()
        keeps_values = self._keeps_values
        for identities in self.families.values():
            # a copy in one step: objects may go while the loop runs, and their entries with them
            persistent = list(identities.entries.values())
            identities.entries.clear()
            for state in persistent:
                state.owner = None
            for state in persistent if keeps_values else ():
                if (obj := state()) is not None and KEPT in obj.__dict__:
                    put_values_back(obj)
        for name, obj in leaving:
            self.tell(name, obj)

    def _all_by_event(self) -> list[tuple[str, Any]]:
        pending = [("pending_to_transient", obj) for obj in self.new.values()]
        return [*pending, *(("persistent_to_detached", obj) for obj in self.identity_map.values())]

    def register_deleted(self, objects: Iterable[Any]) -> None:
        """Note that the rows of objects were deleted in the current transaction; the objects go out.

        Outside of a transaction they are deleted for good.
        """
        level = self._level()
        marked, modified, is_told = self.deleted, self.modified, bool(self.hooks.persistent_to_deleted)
        for obj in objects:
            values = obj.__dict__
            state: InstanceState = values[STATE]
            if state.owner is not None:
                state.owner.remove(state)
                state.owner = None
            marked.pop(state, None)
            if modified:
                modified.pop(state, None)
            state.changes = None
            # by which what was not loaded may still be
            values[DELETED] = self.session_ref
            if level is not None:
                level.accounts.deleted[state] = obj
                if is_told:
                    self.tell("persistent_to_deleted", obj)
            else:
                # outside of a transaction no rollback brings the row back
                forget_deleted({state: obj})

    def make_transient_again(self, state: InstanceState) -> None:
        """Undo of an INSERT or of add(): the object is as if it had never been in a Session, with its values."""
        was_persistent = state.row_key is not None
        state.row_key = state.owner = state.changes = None
        obj = state()
        if obj is not None:
            obj.__dict__.pop(DELETED, None)
            name = "persistent_to_transient" if was_persistent else "pending_to_transient"
            if getattr(self.hooks, name):
                self.tell(name, obj)
        self.modified.pop(state, None)
        self.unasked.pop(state, None)

    def prune(self) -> int:
        """Let go of the objects that only a strong identity map holds; return how many are gone."""
        strong = self.strong
        if strong is None:
            return 0
        kept = {state: obj for state, obj in strong.items() if state in self.modified or state in self.deleted}
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


class ClosedObjects(SessionObjects):
    """The objects of a Session that was closed for good: there are none, and none comes in."""

    __slots__ = ()

    def attach(self, obj: Any) -> Any:
        raise closed_for_good()


def closed_for_good() -> InvalidRequestError:
    """Return the error for the use of a Session with ``close_resets_only=False`` after its ``close()``."""
    return InvalidRequestError(
        "this Session was closed for good: it has close_resets_only=False. Make a new one; call reset() in place of close() where one is to be"
        " used again."
    )


def in_another_session(obj: MappedObject, state: InstanceState, holder: object) -> InvalidRequestError:
    """Return the error for an object that another Session holds; it names the one that came there first, where a relationship has taken it along."""
    if state.row_key is None:
        for prop in type(obj).__mapper__.relationships.values():
            for other in related(obj, prop, load=False):
                own = ensure_state(other)
                if own.session is holder and own.row_key is not None:
                    return InvalidRequestError(
                        f"{describe(obj)} is in another Session already: there is {describe(other)}, to which {prop.name} relates it. Bring that"
                        " one here first, with expunge() there and add() here, or relate to its copy from merge()."
                    )
    return InvalidRequestError(
        f"{describe(obj)} is in another Session already. Take it out there with expunge(), or copy it here with merge()."
    )


def forget_deleted(deleted: dict[InstanceState, Any]) -> None:
    """The rows are gone for good: the objects have none any more, and could be inserted again."""
    for state, obj in deleted.items():
        values = obj.__dict__
        if state.owner is not None:
            values.pop(DELETED, None)
        else:
            state.row_key = state.changes = None
            if KEPT in values:
                put_values_back(obj)
