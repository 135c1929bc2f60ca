"""The transaction of a Session: which connections take part, how it nests, and what is undone when it fails.

A :class:`SessionTransaction` is the root transaction, a SAVEPOINT (``nested``), or a *subtransaction*, which only marks a
``begin()``/``commit()`` pair inside another. Everything that decides, orders and ends the participants of a commit is here.

Accounting: each real transaction notes which objects it inserted, deleted and gave another key, so that a rollback makes them
transient, persistent, or what they were again.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Self

from flask_uow.engine import Connection
from flask_uow.exc import DBAPIError, InvalidRequestError, ResourceClosedError
from flask_uow.orm.instrumentation.state import InstanceState
from flask_uow.orm.membership import make_transient_again, restore_deleted
from flask_uow.orm.session.expiry import expire_all
from flask_uow.orm.symbols import STATE

if TYPE_CHECKING:
    from flask_uow.orm.session.session import Session

__all__ = ["SessionTransaction"]

logger = logging.getLogger("flask_uow.orm")


class _Participant:
    """A connection that takes part.

    :ivar transaction: what is committed on it; None where the connection is in an outer transaction, which decides.
    :ivar owned: True where the connection is to be closed at the end.
    """

    __slots__ = ("connection", "owned", "transaction")

    def __init__(self, connection: Connection, transaction: Any, owned: bool) -> None:
        self.connection = connection
        self.transaction = transaction
        self.owned = owned


class SessionTransaction:
    """One level of a Session's transaction.

    :ivar parent: the level around this one, None for the root.
    :ivar nested: True for a SAVEPOINT.
    :ivar inserted: objects that became persistent here, with the attribute whose value the database made (or None).
    :ivar deleted: objects whose rows were deleted here.
    :ivar moved: the original primary keys of objects whose key was changed here.
    :ivar failure: the error that made the transaction inactive.
    """

    def __init__(self, session: Session, parent: SessionTransaction | None = None, nested: bool = False) -> None:
        self.session = session
        self.parent = parent
        self.nested = nested
        self.is_subtransaction = parent is not None and not nested
        self.failure: BaseException | None = None
        self.is_active = True
        self.is_closed = False
        # a subtransaction keeps the accounts of the real transaction that it is part of
        real = parent.real if parent is not None and not nested else None
        self.real: SessionTransaction = real if real is not None else self
        self.inserted: dict[InstanceState, str | None] = real.inserted if real is not None else {}
        self.deleted: dict[InstanceState, Any] = real.deleted if real is not None else {}
        self.moved: dict[InstanceState, Any] = real.moved if real is not None else {}
        self.participants: dict[Any, _Participant] = real.participants if real is not None else {}
        if nested and parent is not None:
            for bind in parent.participants:
                self.connection_for(bind)

    # -- connections

    def connection_for(self, bind: Any) -> Connection:
        """Return the connection of a bind in this transaction; it begins at first use.

        :raises InvalidRequestError: when the transaction has failed and was not rolled back yet.
        """
        if not self.is_active:
            raise self._inactive()
        participant = self.participants.get(bind)
        if participant is None:
            participant = self.real._enlist(bind)
        return participant.connection

    def _enlist(self, bind: Any) -> _Participant:
        if self.parent is not None:
            connection = self.parent.connection_for(bind)
            participant = _Participant(connection, connection.begin_nested(), owned=False)
        elif isinstance(bind, Connection):
            # a Session on a connection that is in a transaction leaves the outcome to whoever began it
            transaction = None if bind.in_transaction() else bind.begin()
            participant = _Participant(bind, transaction, owned=False)
        else:
            connection = bind.connect()
            try:
                transaction = connection.begin()
            except BaseException:
                connection.close()
                raise
            participant = _Participant(connection, transaction, owned=True)
        self.participants[bind] = participant
        return participant

    # -- ending

    def commit(self) -> None:
        """Flush and commit this level; a subtransaction only ends.

        :raises InvalidRequestError: when this level has failed, or is not the innermost.
        """
        self._check_innermost("commit")
        if not self.is_active:
            raise self._inactive()
        session = self.session
        if not self.is_subtransaction:
            session._before_commit(self)
        if not session._flushing:
            # hooks may leave changes behind, hence more than one turn; a circle of them is an error of the application
            for _ in range(100):
                if not session._has_changes():
                    break
                session.flush()
            else:
                raise InvalidRequestError(
                    "100 flushes in a row left changes behind. A hook changes objects at every flush; let it come to rest."
                )
        if self.is_subtransaction:
            self._close()
            return
        if self.nested:
            for participant in self.participants.values():
                participant.transaction.commit()
            self._hand_over()
            self._close()
            session._after_commit(self)
            return
        self._commit_root()

    def _commit_root(self) -> None:
        try:
            for participant in self.participants.values():
                if participant.transaction is not None:
                    participant.transaction.commit()
        except BaseException as error:
            self.failure = error
            self.rollback()
            raise
        session = self.session
        self._release()
        self._close()
        if session.expire_on_commit:
            session.expire_all()
        session._after_commit(self)

    def _hand_over(self) -> None:
        # a released savepoint becomes part of the transaction around it
        assert self.parent is not None
        outer = self.parent.real
        outer.inserted.update(self.inserted)
        outer.deleted.update(self.deleted)
        for state, identity in self.moved.items():
            outer.moved.setdefault(state, identity)

    def rollback(self) -> None:
        """Roll back the innermost real transaction; subtransactions on the way end as well."""
        self._check_innermost("rollback")
        if self.is_subtransaction:
            self._fail_enclosing()
            return
        self.session._before_rollback(self)
        try:
            self._rollback_participants()
        finally:
            self._restore()
            self._release()
            self._close()
        self.session._after_rollback(self)

    def _fail_enclosing(self) -> None:
        # the database's transaction is undone now; the levels around this one have to be rolled back one by one
        real = self.real
        failure = self.failure
        try:
            if real.is_active:
                real._rollback_participants()
                real._restore()
        finally:
            level: SessionTransaction | None = self.parent
            while level is not None:
                level.is_active = False
                level.failure = level.failure or failure
                if level is real:
                    break
                level = level.parent
            self._close()

    def _rollback_participants(self) -> None:
        for participant in self.participants.values():
            if participant.transaction is None or not participant.transaction.is_active:
                continue
            try:
                participant.transaction.rollback()
            except DBAPIError as error:
                # the others must be rolled back all the same; a broken connection is discarded by the pool
                logger.warning("rollback on %r failed: %s", participant.connection.engine, error)
                participant.connection.invalidate()

    def close(self) -> None:
        """Roll back this level and all around it, and give the connections back. May be called again."""
        if self.is_closed:
            return
        try:
            if not self.is_subtransaction:
                self._rollback_participants()
        finally:
            if not self.is_subtransaction:
                self._release()
            self._close()
            if self.parent is not None:
                self.parent.close()

    def _release(self) -> None:
        for participant in self.participants.values():
            if participant.owned:
                participant.connection.close()
        self.participants.clear()

    def _close(self) -> None:
        self.is_closed = True
        self.is_active = False
        self.session._transaction_ended(self)

    # -- accounting

    def _restore(self) -> None:
        session = self.session
        for state in list(session._new):
            make_transient_again(session, state)
        session._new.clear()
        for state, identity in self.moved.items():
            obj = state()
            if obj is not None and state.owner is not None:
                state.owner.remove(state)
                state.identity = identity
                state.owner.put(state, obj)
        undone = self._undo_inserts()
        for state, obj in self.deleted.items():
            if (type(obj).__mapper__.base_mapper, state.identity) in undone:
                make_transient_again(session, state)
            else:
                restore_deleted(session, obj, state)
        session._deleted.clear()
        expire_all(session, None)
        self.inserted.clear()
        self.deleted.clear()
        self.moved.clear()

    def _undo_inserts(self) -> set[tuple[Any, Any]]:
        """Make inserted objects transient again; return the keys of those that nobody holds any more.

        Their rows may have been loaded into other objects since, which are as transient as they were.
        """
        undone: set[tuple[Any, Any]] = set()
        for state, generated in self.inserted.items():
            obj = state()
            if obj is None:
                if state.owner is None:
                    continue
                undone.add((state.owner.mapper, state.identity))
                obj = state.owner.get(state.identity)
                if obj is None:
                    continue
            own: InstanceState = obj.__dict__[STATE]
            if own.owner is not None:
                own.owner.remove(own)
            self.deleted.pop(own, None)
            make_transient_again(self.session, own)
            if generated is not None:
                obj.__dict__.pop(generated, None)
        return undone

    def _check_innermost(self, verb: str) -> None:
        if self.is_closed:
            raise ResourceClosedError(f"cannot {verb}: this transaction has ended already.")
        if self.session._transaction is not self:
            raise InvalidRequestError(
                f"cannot {verb}: another transaction was begun inside this one. End that one first."
            )

    def _inactive(self) -> InvalidRequestError:
        reason = f" The error was: {type(self.failure).__name__}: {self.failure}" if self.failure is not None else ""
        error = InvalidRequestError(
            f"this Session's transaction was rolled back by an error during a flush; call session.rollback() to begin again.{reason}"
        )
        error.__cause__ = self.failure
        return error

    # -- context manager

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error_type: Any, error: BaseException | None, traceback: Any) -> None:
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
