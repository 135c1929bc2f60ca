"""The transaction of a Session: how it nests, and what is undone when it fails.

A :class:`SessionTransaction` is the root transaction, a SAVEPOINT (``nested``), or a *subtransaction*, which only marks a
``begin()``/``commit()`` pair inside another. The connections that take part, and the order in which they end, are the business of
:mod:`flask_uow.orm.session.participants`.

Each real transaction keeps :class:`~flask_uow.orm.state.accounts.Accounts` of what it does to objects, which a rollback takes back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from flask_uow.engine import Connection
from flask_uow.exc import InvalidRequestError, ResourceClosedError
from flask_uow.orm.session.participants import Participants
from flask_uow.orm.state.accounts import Accounts
from flask_uow.orm.state.mutables import refuse_lost_changes
from flask_uow.orm.state.session_objects import forget_deleted
from flask_uow.orm.symbols import STATE

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

    # by identity: that of Enum is a function in Python, called several times in each transaction
    __hash__ = object.__hash__

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


# each transaction looks at them a dozen times, and CPython 3.11 reads a member from its Enum in 80 ns, a name in 10
_ACTIVE, _FAILED, _PREPARED, _CLOSED = Status


class SessionTransaction:
    """One level of a Session's transaction; a context manager that commits, or rolls back when the block raises.

    :ivar parent: the level around this one, None for the root.
    :ivar nested: True for a SAVEPOINT.
    :ivar status: how far it is; :data:`STATUS_CHANGES` has the legal changes.
    :ivar accounts: what was done to objects in the real transaction that this level is, or is part of.
    :ivar filled: what the flush that this level is of has filled in where new objects had no value.
    :ivar lent: connections by the mapper that they were last found for; they hold while the level is active.
    :ivar failure: the error that made the transaction inactive.
    """

    def __init__(self, session: Session, parent: SessionTransaction | None = None, nested: bool = False) -> None:
        self.session = session
        self.parent = parent
        self.nested = nested
        self.failure: BaseException | None = None
        self.status = _ACTIVE
        self.filled: list[Filled] = []
        self.is_subtransaction = parent is not None and not nested
        around = parent.real if parent is not None else None
        if around is not None and not nested:
            # a subtransaction is part of the real transaction around it, and keeps no accounts of its own
            self._around: SessionTransaction | None = around
            self.accounts: Accounts = around.accounts
            self.lent: dict[object, Connection] = around.lent
            self.participants: Participants = around.participants
        else:
            self._around = None
            self.accounts = Accounts()
            self.lent = {}
            self.participants = Participants(around.participants if around is not None else None, session)
            # a rollback to a savepoint must undo what is done on every connection, so all have it from the beginning
            for bind in list(around.participants.members) if around is not None else ():
                self.connection_for(bind)
        if session.hooks.after_transaction_create:
            # the level stands by then, so that a hook may use the Session
            before, session.current_transaction = session.current_transaction, self
            try:
                for hook in session.hooks.after_transaction_create:
                    hook(session, self)
            except BaseException:
                session.current_transaction = before
                if self._around is None:
                    self.participants.close()
                    self.participants.release()
                raise

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
        return self.status is _ACTIVE

    @property
    def is_prepared(self) -> bool:
        """True after :meth:`prepare`, until the end."""
        return self.status is _PREPARED

    @property
    def is_closed(self) -> bool:
        """True when it has ended."""
        return self.status is _CLOSED

    def become(self, status: Status) -> None:
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
        self.lent.clear()

    def _check_not_ended(self) -> None:
        if self.status is _CLOSED:
            raise ResourceClosedError(
                "this transaction was ended while its commit was under way: a hook has called commit(), rollback() or close()."
                " Let the hook raise an error instead; that keeps the transaction from being committed."
            )

    def connection_for(self, bind: Bind, options: Mapping[str, Any] | None = None) -> Connection:
        """Return the connection of a bind in this transaction; it begins at first use.

        :param options: execution options of the connection for this transaction.
        :raises InvalidRequestError: when the transaction has failed and was not rolled back yet, or is prepared; for options of a connection
            that takes part already.
        """
        if self.status is not _ACTIVE:
            raise self.inactive_error()
        if self.session.blocks:
            self.session.check_block()
        participants = self.participants
        if options:
            participants.set_options(bind, options)
        if bind in participants.members:
            return participants.connection_for(bind)
        real = self.real
        if real.parent is not None:
            # the transaction around a savepoint comes first
            real.parent.connection_for(bind)
        connection = participants.connection_for(bind)
        for hook in self.session.hooks.after_begin:
            hook(self.session, real, connection)
        return connection

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
            raise self.inactive_error()
        # before it is asked who can prepare: the flush may have a further database take part
        self._flush()
        self.participants.check_preparable()
        try:
            self.participants.prepare()
        except BaseException as error:
            self.failure = error
            self.rollback()
            raise
        self.become(_PREPARED)

    def get_ready(self, ready: Iterable[SessionTransaction], begun: Iterable[SessionTransaction]) -> None:
        """Flush, and leave nothing but the end to commit(): for root transactions of several Sessions that are committed together.

        :param ready: those that have gone through this before.
        :param begun: those that follow.
        :raises InvalidRequestError: when this level has failed.
        """
        for level in self._end_inner("commit"):
            level.commit()
        if not self.is_active:
            raise self.inactive_error()
        for other in ready:
            self.participants.join(other.participants, is_flushed=True)
        for other in begun:
            self.participants.join(other.participants, is_flushed=False)
        # a connection of the other's may have taken the place of one of these
        self.lent.clear()
        self._flush()

    def be_ready(self) -> None:
        """Have :meth:`commit` only end the transaction, which :meth:`get_ready` has flushed."""
        self.become(_PREPARED)

    def commit(self) -> None:
        """Flush and commit this level, and levels inside it that are still open; a subtransaction only ends.

        :raises InvalidRequestError: when this level has failed.
        """
        session = self.session
        if session.current_transaction is not self:
            for level in self._end_inner("commit"):
                level.commit()
        if self.status is _FAILED:
            raise self.inactive_error()
        # the level of a flush has nothing to flush itself
        if self.status is _ACTIVE and not (session.is_flushing and self.is_subtransaction):
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
            # a released savepoint becomes part of the transaction around it
            assert self.parent is not None
            outer = self.parent.real
            self.accounts.hand_over(outer.accounts, to_savepoint=outer.nested)
        else:
            session.observer.committed(session, self)
            self.participants.release()
            if self.accounts.deleted and session.accounting:
                deleted = self.accounts.deleted
                gone = list(deleted.values()) if session.hooks.deleted_to_detached else ()
                forget_deleted(deleted)
                for obj in gone:
                    session.objects.tell("deleted_to_detached", obj)
        self._close()
        # a hook may be one that is told once, and is gone then
        are_told = bool(session.hooks.after_commit)
        try:
            for hook in session.hooks.after_commit:
                hook(session)
        finally:
            # an error in a hook comes too late to change that
            if not self.nested and session.expire_on_commit and session.accounting:
                session.observer.expire_after_commit(session, are_told)
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
        if session.objects.left_behind:
            refuse_lost_changes(session.objects)
        # hooks may leave changes behind, hence more than one turn; a circle of them is an error of the application
        for _ in range(100):
            if not session.objects.has_changes():
                return
            session.flush()
        raise InvalidRequestError(
            "100 flushes in a row left changes behind. A hook changes objects at every flush; let it come to rest."
        )

    def rollback(self) -> None:
        """Roll back the innermost real transaction; levels inside this one end as well."""
        for level in self._end_inner("rollback"):
            level.rollback()
        if self.is_subtransaction:
            self._fail_enclosing()
            return
        session = self.session
        session.observer.before_rollback(session, self)
        was_undone = self.status is _FAILED
        has_written = self.participants.has_written
        try:
            self.participants.rollback()
        finally:
            self.restore_objects(has_written)
            self.participants.release()
            self._close()
        # of a level that had failed this was told when it did
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
                real.restore_objects(has_written)
        finally:
            level: SessionTransaction | None = self.parent
            while level is not None:
                level.become(_FAILED)
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
            # the participants of a subtransaction are its parent's, which is closed below
            if not self.is_subtransaction:
                self.participants.close()
        finally:
            if not self.is_subtransaction:
                self.participants.release()
            self._close()
            if self.parent is not None:
                self.parent.close()

    def _close(self) -> None:
        # every other status may become this one
        self._check_not_ended()
        self.status = _CLOSED
        if not self.is_subtransaction:
            self.lent.clear()
        session = self.session
        if session.blocks and self.parent is not None:
            # found anew, and refused where the with block of this level is running
            self.parent.lent.clear()
        if session.current_transaction is self:
            session.current_transaction = self.parent
        # its traceback leads to frames that know this level
        self.failure = None
        for hook in session.hooks.after_transaction_end:
            hook(session, self)

    def _end_inner(self, verb: str) -> list[SessionTransaction]:
        """Return the levels inside this one that are still open, the innermost first.

        :raises ResourceClosedError: when this level has ended already.
        """
        inner: list[SessionTransaction] = []
        level = self.session.current_transaction
        while level is not None and level is not self:
            inner.append(level)
            level = level.parent
        if self.status is _CLOSED or level is None:
            raise ResourceClosedError(f"cannot {verb}: this transaction has ended already.")
        return inner

    # -- objects

    def note_replaced(self, base: Mapper, objects: Iterable[Any]) -> None:
        """Note which objects that were deleted before had the keys of objects that were inserted just now."""
        keys = {obj.__dict__[STATE].row_key for obj in objects}
        level: SessionTransaction | None = self
        while level is not None:
            level.accounts.note_replaced(base, keys)
            level = level.parent

    def restore_objects(self, has_written: bool) -> None:
        """Have objects say again what they said before this level, after its rollback.

        :param has_written: whether the database has been changed in it.
        """
        session = self.session
        if not session.accounting:
            return
        if self.nested:
            level = self.parent
            while level is not None:
                self.accounts.keep_values(level.accounts)
                level = level.parent
        self.accounts.undo(session.objects)
        # what was read in a savepoint may still be undone by the transaction around it
        session.observer.expire_after_rollback(session, not (has_written or (self.nested and self._follows_writes())))
        self.accounts.clear()

    def _follows_writes(self) -> bool:
        """Return whether something may have been written before this savepoint, in the transaction around it."""
        assert self.parent is not None
        outer = self.parent.real
        return outer.nested or outer.participants.has_written

    def take_back_filled(self) -> None:
        """Have new objects without the values again that a failed flush has filled in: another one asks the defaults anew."""
        for name, unset, nones in self.filled:
            for values in unset:
                values.pop(name, None)
            for values in nones:
                values[name] = None
        self.filled.clear()

    def inactive_error(self) -> InvalidRequestError:
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
        self.session.blocks = (*self.session.blocks, self)
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.session.leave_block(self)
        if self.is_closed:
            return
        if error is not None:
            self.rollback()
            return
        try:
            self.commit()
        # a commit that was refused leaves the level open, and nobody else would end it
        except BaseException:
            if not self.is_closed:
                self.rollback()
            raise
