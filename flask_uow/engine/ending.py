"""How the transaction of a connection ends: committed, rolled back, prepared; and what becomes of its savepoints.

Base of :class:`flask_uow.engine.connection.Connection`, which begins transactions. :class:`flask_uow.engine.transaction.Transaction` calls what
is here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from flask_uow.engine.gate import FAILED, LOST, PREPARED, READING, BlockOver
from flask_uow.engine.sending import SendingConnection
from flask_uow.exc import DBAPIError, InvalidRequestError

if TYPE_CHECKING:
    from flask_uow.engine.transaction import NestedTransaction, Transaction

__all__ = ["EndingConnection"]

_PREPARED = "SELECT gid FROM pg_prepared_xacts WHERE database = current_database() ORDER BY prepared, gid"


class EndingConnection(SendingConnection):
    """A connection whose transactions come to their end.

    :ivar blocks: the transactions whose ``with`` blocks are running, the innermost last.
    """

    __slots__ = ("blocks",)
    blocks: list[Transaction]

    def enter_block(self, transaction: Transaction) -> None:
        """Note that the with block of a transaction begins."""
        self.blocks.append(transaction)

    def leave_block(self, transaction: Transaction) -> None:
        """Note that the with block of a transaction ends."""
        self.blocks.remove(transaction)
        self._look_at_block()

    @contextmanager
    def ending_in_block(self) -> Iterator[None]:
        """End a transaction or savepoint inside a with block, which may be that of another one."""
        if isinstance(self._gate, BlockOver):
            self._gate = self._gate.behind
        try:
            yield
        finally:
            self._look_at_block()

    def _look_at_block(self) -> None:
        """Refuse statements where the transaction of the innermost with block has ended, and take them where it has not."""
        gate = self._gate
        is_over = bool(self.blocks) and not self.blocks[-1].is_active
        if isinstance(gate, BlockOver):
            if not is_over:
                self._gate = gate.behind
        elif is_over and (gate is None or gate.refusal is None):
            self._gate = BlockOver(gate)

    def _commit_root(self, transaction: Transaction) -> None:
        if self.listeners.around:
            self._tell_of_end(transaction, "commit")
        try:
            if self._gate is not None and self._gate.refusal is not None:
                self._refuse(self._gate)
            if self._has_begun:
                self._commit_now(transaction)
        except BaseException:
            self._rollback_root(transaction)
            raise
        self._end_stack()

    def note_begin(self) -> None:
        """Send no BEGIN for the transaction that is open: a statement that does so comes now, as on SQLite the application may have it."""
        gate = self._gate
        if gate is not None and gate.refusal is None and self._stack and not self._begins_with_statement:
            self._gate = READING if gate.read_only else None
            self._has_begun = True

    def _commit_now(self, transaction: Transaction) -> None:
        start = time.perf_counter()
        try:
            if transaction.commit_limit is None:
                self.dialect.commit(self._cursor)
            else:
                self.dialect.commit_within(self._cursor, transaction.commit_limit)
        except self.dialect.errors as error:
            self._fail_to_commit(error, transaction.is_read_only)
        self._has_begun = False
        if self.listeners.after_execute:
            self._notify("COMMIT", time.perf_counter() - start, "transaction")

    def recover_twophase(self) -> list[str]:
        """Return the identifiers of the transactions of this database that are prepared, and wait for their end; the oldest first.

        :raises InvalidRequestError: where the database has no PREPARE TRANSACTION.
        """
        self._require_two_phase("recover_twophase()")
        return [str(xid) for (xid,) in self.look_up(_PREPARED)]

    def commit_prepared(self, xid: str, recover: bool = False) -> None:
        """Commit a transaction that was prepared, over whichever connection.

        :param xid: its identifier.
        :param recover: not heeded.
        :raises InvalidRequestError: where this connection is in a transaction that has written.
        :raises ProgrammingError: when there is none of that name.
        """
        self._finish_alone(xid, commit=True)

    def rollback_prepared(self, xid: str, recover: bool = False) -> None:
        """Roll back a transaction that was prepared; parameters and errors as for :meth:`commit_prepared`."""
        self._finish_alone(xid, commit=False)

    def _finish_alone(self, xid: str, commit: bool) -> None:
        self._require_two_phase("commit_prepared()" if commit else "rollback_prepared()")
        if self._stack:
            self._end_unwritten()
        self.finish_prepared(xid, commit)

    def _require_two_phase(self, called: str) -> None:
        self.dialect.require("two_phase", f"{called} needs PREPARE TRANSACTION")
        if not self.dialect.supports_two_phase:
            raise InvalidRequestError(
                f"{self.dialect.name} has no two-phase commit (PREPARE TRANSACTION), and nothing to finish."
            )

    def ask_whether_written(self) -> bool:
        """Return whether the open transaction has changed anything, or may have; the database is asked where it is not known.

        :raises DBAPIError: when it cannot be asked.
        """
        if not self._has_begun or self._gate is READING:
            return False
        if self.has_written:
            return True
        if not self.dialect.written_sql:
            return self.may_have_written or not self.dialect.is_server
        return self._control(self.dialect.written_sql, self.dialect.has_written, self._cursor)

    def _end_unwritten(self) -> None:
        """Make room for a transaction: end one that the first statement has begun and that has written nothing.

        :raises InvalidRequestError: for any other one.
        """
        transaction = self._stack[0]
        if not transaction.is_implicit:
            raise InvalidRequestError(
                "a transaction is open on this connection already. Use begin_nested() for a savepoint within it."
            )
        if len(self._stack) > 1 or self.ask_whether_written():
            raise InvalidRequestError(
                "a transaction is open on this connection already: its first statement has begun it, and something was written since. Call"
                " commit() or rollback() before begin(), or begin() before the first statement; begin_nested() is for a savepoint."
            )
        transaction.rollback()

    def end_savepoints(self) -> None:
        """Make what was done in savepoints part of the transaction, which is to be prepared.

        :raises InvalidRequestError: where the database has given the transaction up.
        :raises ResourceClosedError: where the connection is gone.
        """
        if len(self._stack) > 1:
            self._end_stack(1)
        if self._gate is not None and self._gate.refusal is not None:
            self._refuse(self._gate)

    def rest_prepared(self) -> None:
        """Send nothing more before the transaction that is prepared has ended: the database is in none any more."""
        self._has_begun = False
        self._gate = PREPARED

    def leave_prepared(self) -> bool:
        """Be in no transaction any more, without a word to the database about the one that is prepared; return False where it is out of reach."""
        self._end_stack()
        if self._gate is PREPARED:
            self._gate = None
        return self._gate is not LOST and self._record is not None

    @contextmanager
    def between_transactions(self) -> Iterator[Self]:
        """Give the connection, for transactions of its own, while the one that it is in is prepared."""
        if self._gate is not PREPARED:
            yield self
            return
        stack, self._stack, self._gate = self._stack, [], None
        try:
            yield self
        finally:
            self._stack = stack
            # a connection that was lost meanwhile stays so
            self._gate = PREPARED if self._gate is None else self._gate

    def _tell_of_end(self, transaction: Transaction, end: str) -> None:
        xid = getattr(transaction, "xid", None)
        if xid is None:
            self.listeners.tell(end, self)
        else:
            self.listeners.tell(f"{end}_twophase", self, xid, False)

    def _rollback_root(self, transaction: Transaction) -> None:
        record = self._record
        if self.listeners.around and record is not None and not record.broken:
            self._tell_of_end(transaction, "rollback")
        self._end_stack()
        has_begun, self._has_begun = self._has_begun, False
        if record is None or record.broken:
            return
        self._gate = None
        # a COMMIT that failed has ended the transaction already, as does an error of some kinds on SQLite
        if has_begun and self.dialect.in_transaction(record.raw):
            try:
                self._send_transaction_sql("ROLLBACK")
            except DBAPIError as error:
                # with the connection gone the database rolls back by itself
                if not error.connection_invalidated:
                    raise

    def _release_savepoint(self, nested: NestedTransaction) -> None:
        if self.listeners.around:
            self.listeners.tell("release_savepoint", self, nested.name, None)
        self.run_transaction_sql(f"RELEASE SAVEPOINT {nested.name}")
        self._end_stack(self._stack.index(nested))
        self._has_written = self._has_written or nested.had_written

    def _rollback_to_savepoint(self, nested: NestedTransaction) -> None:
        self._end_stack(self._stack.index(nested))
        self._has_written = nested.had_written
        record = self._record
        if record is None or record.broken or self._gate is FAILED:
            # the whole transaction is gone, and the outer rollback says so
            return
        if self.listeners.around:
            self.listeners.tell("rollback_savepoint", self, nested.name, None)
        self._send_transaction_sql(f"ROLLBACK TO SAVEPOINT {nested.name}")
        # ROLLBACK TO leaves the savepoint itself in place
        self._send_transaction_sql(f"RELEASE SAVEPOINT {nested.name}")

    def _end_stack(self, start: int = 0) -> None:
        """Mark the transaction at a place of the stack, and everything within it, as ended."""
        stack = self._stack
        for transaction in stack[start:]:
            transaction.is_active = False
            if transaction.commit_limit is not None:
                self._cursor = self.dialect.untimed(self._cursor)
        del stack[start:]
        gate = self._gate
        # BEGIN has never gone out, and is not due any more
        if gate is not None and gate.refusal is None and not stack:
            self._gate = None
