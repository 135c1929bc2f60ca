"""Two-phase transactions: what ``Connection.begin_twophase()`` returns.

PREPARE TRANSACTION makes a transaction wait for COMMIT PREPARED or ROLLBACK PREPARED, across crashes of the server and of this
process (https://www.postgresql.org/docs/current/sql-prepare-transaction.html). They are sent as plain SQL, so that the
connection goes on working after PREPARE. Who prepares what, and in which order, is decided by
:mod:`flask_uow.engine.atomic`.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from flask_uow.engine.transaction import Transaction
from flask_uow.exc import ArgumentError, CommitOutcomeUnknown, InvalidRequestError, OperationalError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from flask_uow.engine.connection import Connection

__all__ = ["TwoPhaseTransaction"]

# bytes: what PostgreSQL takes as the identifier of a prepared transaction
_LONGEST = 199


class TwoPhaseTransaction(Transaction):
    """A transaction that can be prepared.

    :ivar xid: its global identifier; it may be changed until it is prepared.
    :ivar is_prepared: True between :meth:`prepare` and the end.
    """

    __slots__ = ("_is_empty", "is_prepared", "xid")

    def __init__(self, connection: Connection, xid: str | None) -> None:
        if not connection.dialect.supports_two_phase:
            connection.dialect.require("two_phase", "begin_twophase() needs PREPARE TRANSACTION")
            raise InvalidRequestError(
                f"{connection.dialect.name} has no two-phase commit (PREPARE TRANSACTION). Use begin() there."
            )
        if xid is not None and not 0 < len(xid.encode()) <= _LONGEST:
            raise ArgumentError(f"xid= is a text of 1 to {_LONGEST} bytes, got {xid!r}.")
        super().__init__(connection)
        self.xid = xid if xid is not None else f"uow_{uuid.uuid4().hex}"
        self.is_prepared = False
        self._is_empty = False

    def prepare(self) -> None:
        """Make the transaction ready, so that :meth:`commit` cannot fail any more; nothing else can be executed in it then.

        :raises DBAPIError: when the database refuses; the transaction is rolled back.
        :raises OperationalError: when no other server has confirmed it where it was to wait for one; it is prepared, and to be rolled back.
        """
        if not self.is_active:
            raise self._ended("prepare")
        if self.is_prepared:
            return
        connection = self.connection
        connection.end_savepoints()
        if connection.listeners.around:
            connection.listeners.tell("prepare_twophase", connection, self.xid)
        # without any statement there is nothing that could be prepared
        self._is_empty = not connection.has_begun
        try:
            if not self._is_empty:
                connection.send_prepare(self.xid, self.commit_limit)
        except CommitOutcomeUnknown as error:
            # the database may have prepared it: then nothing but ROLLBACK PREPARED ends it
            self._note_prepared()
            # nothing is committed, so the outcome is known: none
            raise OperationalError(str(error), "PREPARE TRANSACTION") from error
        except BaseException:
            self.rollback()
            raise
        self._note_prepared()

    def _note_prepared(self) -> None:
        self.is_prepared = True
        self.connection.rest_prepared()

    def leave(self) -> None:
        """End here what is prepared, without a word to the database, where it goes on waiting for somebody who finishes it."""
        self.connection.leave_prepared()

    def set_aside(self) -> AbstractContextManager[Connection]:
        """Give the connection, for transactions of its own, while this one is prepared."""
        return self.connection.between_transactions()

    def _commit(self) -> None:
        if self.is_prepared:
            self._finish(commit=True)
        else:
            super()._commit()

    def _rollback(self) -> None:
        if self.is_prepared:
            self._finish(commit=False)
        else:
            super()._rollback()

    def _finish(self, commit: bool) -> None:
        connection = self.connection
        if connection.listeners.around:
            connection.listeners.tell(f"{'commit' if commit else 'rollback'}_twophase", connection, self.xid, True)
        if not connection.leave_prepared():
            raise InvalidRequestError(
                f"the connection to {connection.engine.url} was lost, and the transaction {self.xid!r} stays prepared there."
                f" Finish it with {'COMMIT' if commit else 'ROLLBACK'} PREPARED '{self.xid}'."
            )
        if not self._is_empty:
            connection.finish_prepared(self.xid, commit, self.commit_limit)
