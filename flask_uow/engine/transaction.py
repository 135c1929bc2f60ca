"""Transaction and savepoint: what ``Connection.begin()`` and ``begin_nested()`` return.

They hold no SQL state of their own but their place on the connection's stack; the connection sends the statements and
knows whether BEGIN has gone out yet. Each is used by one thread, as its connection is.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

from flask_uow.exc import InvalidRequestError

if TYPE_CHECKING:
    from flask_uow.engine.connection import Connection

__all__ = ["NestedTransaction", "Transaction"]


class Transaction:
    """A transaction; as a context manager it commits at the end of the block and rolls back when the block raises.

    :ivar connection: the connection it belongs to.
    :ivar is_active: True until it was committed or rolled back, itself or through an outer one.
    :ivar is_read_only: True where it was begun as one that must not write.
    :ivar commit_limit: seconds that a commit may wait for another server; None for ever.
    """

    __slots__ = ("commit_limit", "connection", "is_active", "is_read_only")
    is_nested = False

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.is_active = True
        self.is_read_only = False
        self.commit_limit: float | None = None

    def commit(self) -> None:
        """Commit, and release savepoints that are still open. Sends nothing when no statement was sent.

        :raises InvalidRequestError: when the transaction has ended already.
        :raises CommitOutcomeUnknown: when the connection was lost while COMMIT was under way.
        :raises DBAPIError: when the database refuses (a deferred constraint, a serialization failure); the transaction
            is rolled back then.
        """
        self._check_active("commit")
        self._commit()

    def rollback(self) -> None:
        """Roll back, savepoints inside included; nothing happens when the transaction has ended already."""
        if self.is_active:
            self._rollback()

    close = rollback

    def _commit(self) -> None:
        self.connection._commit_root(self)

    def _rollback(self) -> None:
        self.connection._rollback_root(self)

    def _check_active(self, verb: str) -> None:
        if not self.is_active:
            raise InvalidRequestError(
                f"cannot {verb} this transaction: it has ended already, by commit(), rollback() or the end of the one "
                "around it. Begin another one with connection.begin()."
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None and self.is_active:
            self.commit()
        else:
            self.rollback()


class NestedTransaction(Transaction):
    """A savepoint within a transaction (SAVEPOINT, RELEASE SAVEPOINT, ROLLBACK TO SAVEPOINT).

    :ivar name: the savepoint's name.
    :ivar had_written: whether something was written before it, in the transaction or savepoint around.
    """

    __slots__ = ("had_written", "name")
    is_nested = True

    def __init__(self, connection: Connection, name: str, had_written: bool) -> None:
        super().__init__(connection)
        self.name = name
        self.had_written = had_written

    def _commit(self) -> None:
        self.connection._release_savepoint(self)

    def _rollback(self) -> None:
        self.connection._rollback_to_savepoint(self)
