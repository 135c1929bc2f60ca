"""The transaction of a Session: how it nests, and what is undone when it fails.

A :class:`SessionTransaction` is the root transaction, a SAVEPOINT (``nested``), or a *subtransaction*, which only marks a
``begin()``/``commit()`` pair inside another. The connections that take part, and the order in which they end, are the business of
:mod:`flask_uow.orm.session.participants`.

Accounting: each real transaction notes which objects it inserted, deleted and gave another key, so that a rollback makes them
transient, persistent, or what they were again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from flask_uow.engine import Connection
from flask_uow.exc import InvalidRequestError, ResourceClosedError
from flask_uow.orm.session.participants import Participants
from flask_uow.orm.state.expiry import loaded_values, restore_values
from flask_uow.orm.state.instance_state import InstanceState
from flask_uow.orm.state.session_objects import forget_deleted
from flask_uow.orm.symbols import STATE, UNDONE

if TYPE_CHECKING:
    from types import TracebackType

    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.session.participants import Bind
    from flask_uow.orm.session.session import Session

__all__ = ["STATUS_CHANGES", "Filled", "SessionTransaction", "Status"]

# an attribute that a flush has given values, and the __dict__s of the objects: of those that had none, and of those that had None
Filled = tuple[str, Sequence[dict[str, Any]], Sequence[dict[str, Any]]]


class Status(Enum):
    """How far a level of a transaction is."""

    ACTIVE = "active"
    """Work can be done in it."""

    FAILED = "failed"
    """An error inside it has undone its work; it waits for ``rollback()``."""

    PREPARED = "prepared"
    """It is flushed, and prepared for two-phase commit or for a commit with others; only ``commit()`` or ``rollback()`` can follow."""

    CLOSED = "closed"
    """It has ended."""


#: Which statuses may follow which. A level that has failed fails again when a second level inside it is rolled back.
STATUS_CHANGES = MappingProxyType(
    {
        Status.ACTIVE: frozenset({Status.FAILED, Status.PREPARED, Status.CLOSED}),
        Status.FAILED: frozenset({Status.FAILED, Status.CLOSED}),
        Status.PREPARED: frozenset({Status.CLOSED}),
        Status.CLOSED: frozenset[Status](),
    }
)


class SessionTransaction:
    """One level of a Session's transaction; a context manager that commits, or rolls back when the block raises.

    :ivar parent: the level around this one, None for the root.
    :ivar nested: True for a SAVEPOINT.
    :ivar status: how far it is; :data:`STATUS_CHANGES` has the legal changes.
    :ivar inserted: objects that became persistent here, with the attribute whose value the database made (or None).
    :ivar deleted: objects whose rows were deleted here.
    :ivar replaced: deleted objects whose key an object that was inserted later has.
    :ivar moved: the original primary keys of objects whose key was changed here.
    :ivar updated: the original values of objects whose rows were updated here, where this is a SAVEPOINT.
    :ivar kept: values of inserted objects that the rollback of a SAVEPOINT within has expired.
    :ivar filled: what the flush that this level is of has filled in where new objects had no value.
    :ivar failure: the error that made the transaction inactive.
    """

    def __init__(self, session: Session, parent: SessionTransaction | None = None, nested: bool = False) -> None:
        self.session = session
        self.parent = parent
        self.nested = nested
        self.is_subtransaction = parent is not None and not nested
        self.failure: BaseException | None = None
        self.status = Status.ACTIVE
        # a subtransaction keeps the accounts of the real transaction that it is part of
        real = parent.real if parent is not None and not nested else None
        self._around = real
        self.inserted: dict[InstanceState, str | None] = real.inserted if real is not None else {}
        self.deleted: dict[InstanceState, Any] = real.deleted if real is not None else {}
        self.replaced: set[InstanceState] = real.replaced if real is not None else set()
        self.moved: dict[InstanceState, Any] = real.moved if real is not None else {}
        self.updated: dict[InstanceState, dict[str, Any]] = real.updated if real is not None else {}
        self.kept: dict[InstanceState, dict[str, Any]] = real.kept if real is not None else {}
        self.filled: list[Filled] = []
        self.participants: Participants
        if real is not None:
            self.participants = real.participants
        else:
            outer = parent.real.participants if parent is not None else None
            self.participants = Participants(
                outer,
                session.twophase,
                session.join_transaction_mode,
                session.begin_on,
                self._has_begun,
                session._binds.name_of,
            )
        for hook in session.hooks.after_transaction_create:
            hook(session, self)

    @property
    def real(self) -> SessionTransaction:
        """The level that the database knows: this one, or the one around a subtransaction."""
        # no reference of an object to itself: a Session goes without the garbage collector
        return self._around if self._around is not None else self

    def __repr__(self) -> str:
        kind = "savepoint" if self.nested else "subtransaction" if self.is_subtransaction else "root"
        return f"<SessionTransaction {kind}, {self.status.value} at {id(self):#x}>"

    @property
    def is_active(self) -> bool:
        """True while work can be done in it."""
        return self.status is Status.ACTIVE

    @property
    def is_prepared(self) -> bool:
        """True after :meth:`prepare`, until the end."""
        return self.status is Status.PREPARED

    @property
    def is_closed(self) -> bool:
        """True when it has ended."""
        return self.status is Status.CLOSED

    def _become(self, status: Status) -> None:
        """Change the status.

        :raises ResourceClosedError: when this level has ended meanwhile.
        :raises InvalidRequestError: for another change that is not in :data:`STATUS_CHANGES`.
        """
        if status not in STATUS_CHANGES[self.status]:
            self._check_not_ended()
            raise InvalidRequestError(
                f"a transaction that is {self.status.value} cannot become {status.value}. Call rollback(), and begin another one."
            )
        self.status = status

    def _check_not_ended(self) -> None:
        if self.is_closed:
            raise ResourceClosedError(
                "this transaction was ended while its commit was under way: a hook has called commit(), rollback() or close()."
                " Let the hook raise an error instead; that keeps the transaction from being committed."
            )

    def _has_begun(self, connection: Connection) -> None:
        for hook in self.session.hooks.after_begin:
            hook(self.session, self, connection)

    def connection_for(self, bind: Bind, options: Mapping[str, Any] | None = None) -> Connection:
        """Return the connection of a bind in this transaction; it begins at first use.

        :param options: execution options of the connection for this transaction.
        :raises InvalidRequestError: when the transaction has failed and was not rolled back yet, or is prepared; for options of a connection
            that takes part already.
        """
        if not self.is_active:
            raise self._inactive()
        if options:
            self.participants.set_options(bind, options)
        return self.participants.connection_for(bind)

    # -- ending

    def prepare(self) -> None:
        """Flush, and prepare the transaction for two-phase commit; only commit() or rollback() can follow.

        :raises InvalidRequestError: when this is no root transaction of a two-phase Session, or a database cannot prepare.
        """
        if self.parent is not None or not self.session.twophase:
            raise InvalidRequestError(
                "only the root transaction of a two-phase Session can be prepared."
                + (
                    " End the levels inside it first."
                    if self.parent is not None
                    else " Make it with Session(twophase=True)."
                )
            )
        self._end_inner("prepare")
        if not self.is_active:
            raise self._inactive()
        self._flush()
        self.participants.check_preparable()
        try:
            self.participants.prepare()
        except BaseException as error:
            self.failure = error
            self.rollback()
            raise
        self._become(Status.PREPARED)

    def get_ready(self, ready: Iterable[SessionTransaction], begun: Iterable[SessionTransaction]) -> None:
        """Flush, and leave nothing but the end to commit(): for root transactions of several Sessions that are committed together.

        :param ready: those that have gone through this before.
        :param begun: those that follow.
        :raises InvalidRequestError: when this level has failed.
        """
        for level in self._end_inner("commit"):
            level.commit()
        if not self.is_active:
            raise self._inactive()
        for other in ready:
            self.participants.join(other.participants, is_flushed=True)
        for other in begun:
            self.participants.join(other.participants, is_flushed=False)
        self._flush()

    def be_ready(self) -> None:
        """Have :meth:`commit` only end the transaction, which :meth:`get_ready` has flushed."""
        self._become(Status.PREPARED)

    def commit(self) -> None:
        """Flush and commit this level, and levels inside it that are still open; a subtransaction only ends.

        :raises InvalidRequestError: when this level has failed.
        """
        for level in self._end_inner("commit"):
            level.commit()
        if self.status is Status.FAILED:
            raise self._inactive()
        session = self.session
        if self.status is Status.ACTIVE:
            self._flush()
        if self.is_subtransaction:
            self._close()
            return
        try:
            self.participants.commit()
        except BaseException as error:
            self.failure = error
            self.rollback()
            raise
        if self.nested:
            self._hand_over()
        else:
            session.observer.committed(session, self)
            self.participants.release()
            if session.accounting:
                gone = list(self.deleted.values()) if session.hooks.deleted_to_detached else ()
                forget_deleted(self.deleted)
                for obj in gone:
                    session.objects.tell("deleted_to_detached", obj)
        self._close()
        if not self.nested and session.expire_on_commit and session.accounting:
            session.observer.expire_after_commit(session)
        try:
            for hook in session.hooks.after_commit:
                hook(session)
        finally:
            # an error in a hook comes too late to change that
            session.observer.after_commit(session, self)

    def _flush(self) -> None:
        session = self.session
        if not self.is_subtransaction:
            for hook in session.hooks.before_commit:
                hook(session)
            session.observer.before_commit(session, self)
            self._check_not_ended()
        if session.is_flushing:
            return
        # hooks may leave changes behind, hence more than one turn; a circle of them is an error of the application
        for _ in range(100):
            if not session.objects.has_changes():
                return
            session.flush()
        raise InvalidRequestError(
            "100 flushes in a row left changes behind. A hook changes objects at every flush; let it come to rest."
        )

    def _hand_over(self) -> None:
        # a released savepoint becomes part of the transaction around it
        assert self.parent is not None
        outer = self.parent.real
        outer.inserted.update(self.inserted)
        outer.deleted.update(self.deleted)
        outer.replaced.update(self.replaced)
        outer.kept.update(self.kept)
        if outer.nested:
            for state, originals in self.updated.items():
                outer.note_updated(state, originals)
        for state, identity in self.moved.items():
            outer.moved.setdefault(state, identity)

    def rollback(self) -> None:
        """Roll back the innermost real transaction; levels inside this one end as well."""
        for level in self._end_inner("rollback"):
            level.rollback()
        if self.is_subtransaction:
            self._fail_enclosing()
            return
        session = self.session
        session.observer.before_rollback(session, self)
        was_undone = self.status is Status.FAILED
        has_written = self.participants.has_written
        try:
            self.participants.rollback()
        finally:
            self._restore(has_written)
            self.participants.release()
            self._close()
        if not was_undone:
            self._call_after_rollback()
        for hook in session.hooks.after_soft_rollback:
            hook(session, self)
        session.observer.after_rollback(session, self)

    def _call_after_rollback(self) -> None:
        for hook in self.session.hooks.after_rollback:
            hook(self.session)

    def _fail_enclosing(self) -> None:
        # the database's transaction is undone now; the levels around this one have to be rolled back one by one
        real = self.real
        was_active = real.is_active
        try:
            if was_active:
                has_written = real.participants.has_written
                real.participants.rollback()
                real._restore(has_written)
        finally:
            level: SessionTransaction | None = self.parent
            while level is not None:
                level._become(Status.FAILED)
                level.failure = level.failure or self.failure
                if level is real:
                    break
                level = level.parent
            self._close()
        if was_active:
            self._call_after_rollback()

    def close(self) -> None:
        """Roll back this level and all around it, but nothing that was begun outside, and give the connections back. May be called again."""
        if self.is_closed:
            return
        try:
            if not self.is_subtransaction:
                self.participants.close()
        finally:
            if not self.is_subtransaction:
                self.participants.release()
            self._close()
            if self.parent is not None:
                self.parent.close()

    def _close(self) -> None:
        self._become(Status.CLOSED)
        self.session.transaction_ended(self)
        if not self.is_subtransaction:
            self.participants.let_go()
        # its traceback leads to frames that know this level
        self.failure = None
        for hook in self.session.hooks.after_transaction_end:
            hook(self.session, self)

    def _end_inner(self, verb: str) -> list[SessionTransaction]:
        """Return the levels inside this one that are still open, the innermost first.

        :raises ResourceClosedError: when this level has ended already.
        """
        inner: list[SessionTransaction] = []
        level = self.session.current_transaction
        while level is not None and level is not self:
            inner.append(level)
            level = level.parent
        if self.is_closed or level is None:
            raise ResourceClosedError(f"cannot {verb}: this transaction has ended already.")
        return inner

    # -- accounting

    def note_replaced(self, base: Mapper, objects: Iterable[Any]) -> None:
        """Note which objects that were deleted before had the keys of objects that were inserted just now."""
        keys = {obj.__dict__[STATE].row_key for obj in objects}
        level: SessionTransaction | None = self
        while level is not None:
            for state, obj in level.deleted.items():
                if state.row_key in keys and type(obj).__mapper__.base_mapper is base:
                    level.replaced.add(state)
            level = level.parent

    def note_updated(self, state: InstanceState, originals: dict[str, Any] | None) -> None:
        """Note the values that an object had before its row was updated."""
        if originals:
            self.updated[state] = {**originals, **self.updated.get(state, {})}

    def _keep_values(self) -> None:
        """Keep the values, as they were before this SAVEPOINT, of objects that are new in a transaction around it: that may be undone as well."""
        level = self.parent
        while level is not None:
            for state in level.inserted:
                obj = state()
                if obj is not None and state.row_key is not None:
                    originals = {**(state.changes or {}), **self.updated.get(state, {})}
                    # what an earlier rollback has expired, and nobody has loaded since, is kept already
                    level.kept[state] = {**level.kept.get(state, {}), **loaded_values(obj, originals)}
            level = level.parent

    def _restore(self, has_written: bool) -> None:
        session = self.session
        if not session.accounting:
            return
        if self.nested:
            self._keep_values()
        pending = list(session.objects.new)
        for state, identity in self.moved.items():
            obj = state()
            if obj is not None and state.owner is not None:
                state.owner.remove(state)
                state.row_key = identity
                state.owner.put(state, obj)
        undone = self._undo_inserts()
        for state in pending:
            session.objects.make_transient_again(state)
        session.objects.new.clear()
        for state, obj in self.deleted.items():
            if state not in self.replaced and (type(obj).__mapper__.base_mapper, state.row_key) in undone:
                session.objects.make_transient_again(state)
            else:
                session.objects.restore_deleted(obj, state)
        session.objects.deleted.clear()
        # those of a savepoint may still be undone by the transaction around it
        session.observer.expire_after_rollback(session, not has_written and not self.nested)
        self.inserted.clear()
        self.deleted.clear()
        self.replaced.clear()
        self.moved.clear()
        self.updated.clear()
        self.kept.clear()

    def _undo_inserts(self) -> set[tuple[Any, Any]]:
        """Make inserted objects transient again; return the keys of those that nobody holds any more.

        Their rows may have been loaded into other objects since, which are as transient as they were.
        """
        session = self.session
        undone: set[tuple[Any, Any]] = set()
        for state, generated in self.inserted.items():
            if state.row_key is None:
                # made transient by the user since
                continue
            obj = state()
            base = type(obj).__mapper__.base_mapper if obj is not None else state.owner.mapper if state.owner else None
            if base is None:
                continue
            undone.add((base, state.row_key))
            loaded = session.objects.identities_of(base).get(state.row_key)
            for gone in (obj, loaded if loaded is not obj else None):
                if gone is None:
                    continue
                own: InstanceState = gone.__dict__[STATE]
                if own.owner is not None:
                    own.owner.remove(own)
                self.deleted.pop(own, None)
                session.objects.make_transient_again(own)
                gone.__dict__[UNDONE] = True
                if own is state:
                    restore_values(gone, self.kept.get(state, {}))
                if generated is not None:
                    gone.__dict__.pop(generated, None)
        return undone

    def take_back_filled(self) -> None:
        """Have new objects without the values again that a failed flush has filled in: another one asks the defaults anew."""
        for name, unset, nones in self.filled:
            for values in unset:
                values.pop(name, None)
            for values in nones:
                values[name] = None
        self.filled.clear()

    def undo_flush(self) -> None:
        """Make the objects that a failed flush has inserted pending again, where no accounting will make them transient."""
        for state, obj in self.session.objects.new.items():
            generated = self.inserted.pop(state, None)
            if state.row_key is not None and state.owner is not None:
                state.owner.remove(state)
                state.row_key = None
                if generated is not None:
                    obj.__dict__.pop(generated, None)

    def _inactive(self) -> InvalidRequestError:
        if self.is_prepared:
            return InvalidRequestError(
                "this Session's transaction is prepared: nothing more can be done in it. Call commit() or rollback()."
            )
        reason = f" The error was: {type(self.failure).__name__}: {self.failure}" if self.failure is not None else ""
        error = InvalidRequestError(
            "this Session's transaction was rolled back by an error during a flush; call session.rollback() to begin again. To go on after such an"
            f" error, do what may fail within `with session.begin_nested():`.{reason}"
        )
        error.__cause__ = self.failure
        return error

    # -- context manager

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.is_closed:
            return
        if error is not None:
            self.rollback()
            return
        try:
            self.commit()
        except BaseException:
            if not self.is_closed:
                self.rollback()
            raise
