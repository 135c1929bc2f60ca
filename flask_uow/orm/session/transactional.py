"""The part of a Session that flushes its objects, and begins and ends transactions."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Any, Self

from flask_uow.engine.atomic import identify_early
from flask_uow.exc import FlaskUowError, InvalidRequestError
from flask_uow.orm.exclusive import exclusive
from flask_uow.orm.extensions import Hooks, SessionExtension, session_hooks
from flask_uow.orm.flush.changes import Automatic
from flask_uow.orm.flush.flush import flush
from flask_uow.orm.session.participants import JOIN_MODES, check_join_mode
from flask_uow.orm.session.transaction import SessionTransaction
from flask_uow.orm.session.unit_observer import UnitObserver
from flask_uow.orm.state.instance_state import instance_state
from flask_uow.orm.state.mutables import refuse_lost_changes
from flask_uow.orm.state.proxies import real_object
from flask_uow.orm.state.session_objects import ClosedObjects, SessionObjects, closed_for_good
from flask_uow.sql.nodes import Executable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import TracebackType

    from flask_uow.engine import Connection, Transaction
    from flask_uow.orm.mapping.relationship_property import RelationshipProperty
    from flask_uow.orm.session.binds import Binds
    from flask_uow.orm.session.routing import Router
    from flask_uow.orm.session.session import Session

__all__ = ["TransactionalSession", "open_sessions"]

# plain references and no WeakSet: a Session for each request has to be entered at little cost
_sessions: set[weakref.ref[TransactionalSession]] = set()


def open_sessions() -> list[TransactionalSession]:
    """Return all Sessions that are alive."""
    return [session for reference in list(_sessions) if (session := reference()) is not None]


class TransactionalSession:
    """Base of :class:`~flask_uow.orm.session.session.Session`: its objects, their flush, and the transactions that hang on them.

    :ivar objects: the objects of the Session.
    :ivar observer: what is told of the boundaries of its transactions.
    """

    def __init__(
        self,
        expire_on_commit: bool,
        accounting: bool,
        autocommit: bool,
        autobegin: bool,
        twophase: bool,
        join_mode: str,
        extension: Hooks | SessionExtension | Sequence[SessionExtension] | None,
        observer: UnitObserver,
        autoflush: bool,
        weak_identity_map: bool,
    ) -> None:
        self.observer = observer
        self.autoflush = autoflush
        self.expire_on_commit = expire_on_commit
        self.autocommit = autocommit
        self.autobegin = autobegin
        self.twophase = twophase
        self.join_transaction_mode = join_mode if join_mode == JOIN_MODES[0] else check_join_mode(join_mode)
        self.accounting = accounting
        self.hooks = extension if isinstance(extension, Hooks) else session_hooks(type(self), extension)
        # True once what listens to this Session alone has hooks of its own
        self.has_own_hooks = extension is not None and not isinstance(extension, Hooks)
        self.current_transaction: SessionTransaction | None = None
        self.is_flushing = False
        self.thread_lock = threading.RLock()
        self.objects = SessionObjects(
            self, weak=weak_identity_map, hooks=self.hooks, keeps_values=observer.keeps_values
        )
        _sessions.add(weakref.ref(self, _sessions.discard))

    def _whole(self) -> Session:
        # to be handed on: nothing of it is called here
        given: Any = self
        whole: Session = given
        return whole

    # how several threads get on, said by the error for two that use one Session
    cure_for_threads = (
        "Give each thread a Session of its own (scoped_session does), or let the threads take turns with a lock."
    )
    _binds: Binds
    # of the full Session: close_resets_only=False, and that it was closed since
    closes_for_good: bool
    is_closed = False
    # the levels whose with blocks are running, the innermost last
    blocks: tuple[SessionTransaction, ...] = ()
    # where its binds have read replicas, and its reads may go there
    router: Router | None = None

    # -- flush

    def autoflush_now(self, loading: RelationshipProperty | None = None, statement: object = None) -> bool:
        """Flush where the Session has autoflush and something to write; return True when it did. For the package.

        :param loading: the relationship that is to be loaded, if that is the reason.
        :param statement: what is to be executed; one with the option ``autoflush=False`` keeps the flush from happening.
        """
        # the cheap question before the other one, which compares values that change in place
        if self.autoflush and not self.is_flushing and self.objects.may_have_changes() and self.objects.has_changes():
            if isinstance(statement, Executable) and not statement.get_execution_options().get("autoflush", True):
                return False
            try:
                self._flush_by_itself(None, Automatic(loading))
            except FlaskUowError as error:
                error.add_note(
                    "This came from an autoflush: the Session writes its changes before a query, so that the query sees them. What is not finished"
                    " yet is kept from that by `with session.no_autoflush:`."
                )
                raise
            return True
        return False

    @exclusive
    def flush(self, objects: Iterable[Any] | None = None) -> None:
        """Write all changes to the database, ordered by dependency, in the current transaction.

        :param objects: write only these objects.
        :raises UnmappedInstanceError: when one of ``objects`` is no mapped object.
        :raises InvalidRequestError: where a value that its object had expired was changed in place.
        :raises DBAPIError: what the database refused; the transaction is rolled back, and ``rollback()`` makes the Session usable again.
        """
        chosen = self._chosen(objects, "flush") if objects is not None or self.is_flushing else None
        if self.objects.left_behind:
            refuse_lost_changes(self.objects)
        if self.objects.has_changes():
            self._flush(chosen, None)

    def _chosen(self, objects: Iterable[Any] | None, called: str) -> tuple[Any, ...] | None:
        if self.is_flushing:
            raise InvalidRequestError(f"the Session is flushing already; {called}() was called from within it.")
        chosen = tuple(map(real_object, objects)) if objects is not None else None
        for obj in chosen or ():
            instance_state(obj)
        return chosen

    def _flush(self, chosen: tuple[Any, ...] | None, automatic: Automatic | None) -> None:
        if self.router is not None:
            self.router.before_write(self._whole())
        self.is_flushing = True
        try:
            context = flush(self._whole(), chosen, automatic)
        finally:
            self.is_flushing = False
        for hook in self.hooks.after_flush_postexec:
            hook(self, context)

    # an autoflush may come before the lock is taken for what it precedes
    _flush_by_itself = exclusive(_flush)

    # -- transactions

    @property
    def transaction(self) -> SessionTransaction | None:
        """The innermost level of the current transaction; None in autocommit mode outside ``begin()``."""
        current: SessionTransaction | None = self.current_transaction
        if current is None and not self.autocommit:
            if self.is_closed:
                raise closed_for_good()
            if not self.autobegin:
                raise InvalidRequestError(
                    "this Session has autobegin=False, and no transaction was begun. Call session.begin() first, or write"
                    " `with session.begin():`."
                )
            self.check_block()
            current = self.current_transaction = SessionTransaction(self._whole())
        return current

    @property
    def is_active(self) -> bool:
        """True if the Session has an active transaction: one that was not ended by a failed flush."""
        if self.current_transaction is None:
            return not self.autocommit
        return self.current_transaction.is_active

    def in_transaction(self) -> bool:
        """Return True when a transaction is in progress, be it one that a failed flush ended and that waits for ``rollback()``.

        It begins with ``begin()`` or the first statement, not when an object is added.
        """
        return self.current_transaction is not None

    def in_nested_transaction(self) -> bool:
        """Return True within a SAVEPOINT of this Session (``begin_nested()``)."""
        level = self.current_transaction
        while level is not None:
            if level.nested:
                return True
            level = level.parent
        return False

    def get_transaction(self) -> SessionTransaction | None:
        """Return the transaction in progress, the outermost level of it; None when there is none."""
        level = self.current_transaction
        while level is not None and level.parent is not None:
            level = level.parent
        return level

    def get_nested_transaction(self) -> SessionTransaction | None:
        """Return the innermost SAVEPOINT in progress, or None."""
        level = self.current_transaction
        while level is not None and not level.nested:
            level = level.parent
        return level

    @exclusive
    def begin(self, subtransactions: bool = False, nested: bool = False) -> SessionTransaction:
        """Begin a transaction. In autocommit mode, what is pending is flushed before, in a transaction of its own.

        :param subtransactions: inside a transaction, begin a subtransaction, which only delimits.
        :param nested: begin a SAVEPOINT.
        :returns: the transaction, also a context manager that commits or rolls back.
        :raises InvalidRequestError: inside a transaction, without one of the two flags; for a SAVEPOINT outside of one.
        """
        if self.is_closed:
            raise closed_for_good()
        self.check_block()
        # outside autocommit mode a Session that was not used yet counts as in a transaction for everything but a plain begin()
        current = self.current_transaction
        if current is None and nested and not self.autocommit and not self.autobegin:
            # said explicitly enough
            current = self.current_transaction = SessionTransaction(self._whole())
        elif subtransactions or nested:
            current = self.transaction
        if current is None:
            if nested:
                raise InvalidRequestError(
                    "a SAVEPOINT needs a transaction around it, and none is in progress. In autocommit mode, call begin() first."
                )
            if self.autocommit and self.accounting and not self.is_flushing:
                # what was added before is no part of the transaction, and not undone with it
                self.flush()
            root = self.current_transaction = SessionTransaction(self._whole())
            return root
        if not subtransactions and not nested:
            raise InvalidRequestError(
                "this Session is in a transaction already: the first use of it begins one, as begin() does. In a request or a unit of work"
                " nothing needs to be begun: remove begin(). For a part of the present transaction pass subtransactions=True, for a SAVEPOINT"
                " nested=True, or call begin_nested()."
            )
        if not current.is_active:
            raise current.inactive_error()
        # before the SAVEPOINT, whose rollback is not to undo what was changed earlier
        if nested and self.accounting:
            self.flush()
        level = self.current_transaction = SessionTransaction(self._whole(), current, nested)
        return level

    def check_block(self) -> None:
        """Refuse what needs a transaction within the ``with`` block of one that has ended already. For the package.

        :raises InvalidRequestError: there.
        """
        # in autocommit mode what comes outside a transaction commits by itself
        is_by_itself = self.autocommit and self.current_transaction is None
        if self.blocks and self.blocks[-1].is_closed and not is_by_itself:
            raise InvalidRequestError(
                "the transaction of this with block was committed or rolled back inside the block, and what came now would be part of no"
                " transaction that the block ends. Leave the block first; what may be undone by itself goes into `with session.begin_nested():`."
            )

    def leave_block(self, level: SessionTransaction) -> None:
        """Take note that the ``with`` block of a level ends. For the package."""
        self.blocks = tuple(other for other in self.blocks if other is not level)

    def begin_nested(self) -> SessionTransaction:
        """Begin a SAVEPOINT; the next ``commit()`` or ``rollback()`` is about it."""
        return self.begin(nested=True)

    @exclusive
    def prepare(self) -> None:
        """Flush, and prepare the current transaction for two-phase commit; ``commit()`` or ``rollback()`` has to follow.

        :raises InvalidRequestError: when no transaction is in progress, the current one is not the root transaction of a Session with
            ``twophase=True``, or a database that takes part cannot prepare.
        """
        transaction = self.transaction
        if transaction is None:
            raise InvalidRequestError("no transaction is in progress. In autocommit mode, call begin() first.")
        transaction.prepare()

    @exclusive
    def commit(self) -> None:
        """Flush and commit the current transaction (or the innermost level of it).

        :raises InvalidRequestError: in autocommit mode when none was begun, or after a failed flush.
        """
        transaction = self.transaction
        if transaction is None:
            raise InvalidRequestError("no transaction is in progress. In autocommit mode, call begin() first.")
        transaction.commit()

    @exclusive
    def rollback(self) -> None:
        """Roll back the current transaction, or the innermost SAVEPOINT; nothing happens when there is none.

        Objects that were new become transient again, deleted ones persistent; all others are loaded anew at their next use. In a
        subtransaction the real transaction is rolled back, and each level around has to be ended by a ``rollback()`` of its own.
        """
        if self.current_transaction is None:
            # nothing was sent to the database, but there may be objects whose states and values go back
            if self.autocommit or not (self.objects.has_changes() or self.objects.families):
                return
            self.current_transaction = SessionTransaction(self._whole())
        self.current_transaction.rollback()

    @exclusive
    def close(self) -> None:
        """End any transaction by rolling back, give connections back, and take all objects out.

        The Session may be used again, but with ``close_resets_only=False``.
        """
        self._end()
        if self.closes_for_good and not self.is_closed:
            self.is_closed = True
            self.objects = ClosedObjects(self, hooks=self.hooks)

    def _end(self) -> None:
        try:
            if self.current_transaction is not None:
                self.current_transaction.close()
        finally:
            self.objects.expunge_all()

    @exclusive
    def expunge_all(self) -> None:
        """Take all objects out of the Session."""
        self.objects.expunge_all()

    @exclusive
    def reset(self) -> None:
        """End any transaction by rolling back, and take all objects out, so that the Session is as good as new; see :meth:`close`."""
        self._end()

    @exclusive
    def invalidate(self) -> None:
        """Close, and have the connections of the transaction thrown away instead of given back: nobody knows their state."""
        level = self.current_transaction
        if level is not None:
            for connection in level.participants.connections():
                connection.invalidate()
        self.close()

    @classmethod
    def close_all(cls) -> None:
        """Close all Sessions in memory, whichever thread they belong to.

        :raises InvalidRequestError: when another thread is inside one of them at this moment; the others are closed.
        """
        failure: Exception | None = None
        for session in open_sessions():
            try:
                session.close()
            except Exception as error:  # noqa: BLE001 - the others must be closed all the same
                failure = failure or error
        if failure is not None:
            raise failure

    def begin_flush(self) -> SessionTransaction:
        """Begin the level of the transaction that a flush is: a transaction of its own in autocommit mode outside of one. For the package.

        :raises InvalidRequestError: when the transaction has failed and was not rolled back yet.
        """
        current = self.current_transaction or self.transaction
        if current is not None and not current.is_active:
            raise current.inactive_error()
        if self.blocks:
            self.check_block()
        level = self.current_transaction = SessionTransaction(self._whole(), current)
        return level

    def begin_on(self, connection: Connection) -> Transaction:
        """Begin a transaction on a connection that takes part from now on."""
        options = self.observer.begin_options(self._whole(), connection)
        # where nothing can be written there is nothing to prepare either
        if connection.engine.is_replica:
            return connection.begin(**{**options, "read_only": True})
        if self.twophase:
            if connection.dialect.supports_two_phase:
                return connection.begin_twophase(**options)
            if not options.get("read_only") and self._binds.are_several():
                identify_early(connection)
        return connection.begin(**options)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
