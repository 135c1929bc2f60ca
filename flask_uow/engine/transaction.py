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
    :ivar is_implicit: True where the connection's first statement has begun it, and nobody called ``begin()``.
    :ivar owner: what commits it and rolls it back, for messages, where the connection's own ``commit()`` and ``rollback()`` must not.
    """

    __slots__ = ("commit_limit", "connection", "is_active", "is_implicit", "is_read_only", "owner")
    is_nested = False

    def __init__(self, connection: Connection, is_implicit: bool = False) -> None:
        self.connection = connection
        self.is_active = True
        self.is_read_only = False
        self.commit_limit: float | None = None
        self.is_implicit = is_implicit
        self.owner: str | None = None

    def commit(self) -> None:
        """Commit, and release savepoints that are still open. Sends nothing when no statement was sent.

        :raises InvalidRequestError: when the transaction has ended already.
        :raises CommitOutcomeUnknown: when the connection was lost while COMMIT was under way.
        :raises DBAPIError: when the database refuses (a deferred constraint, a serialization failure); the transaction
            is rolled back then.
        """
        if not self.is_active:
            raise self._ended("commit")
        if self.connection.blocks:
            with self.connection.ending_in_block():
                self._commit()
        else:
            self._commit()

    def rollback(self) -> None:
        """Roll back, savepoints inside included; nothing happens when the transaction has ended already."""
        if not self.is_active:
            return
        if self.connection.blocks:
            with self.connection.ending_in_block():
                self._rollback()
        else:
            self._rollback()

    close = rollback

    def _commit(self) -> None:
        self.connection._commit_root(self)

    def _rollback(self) -> None:
        self.connection._rollback_root(self)

    def _ended(self, verb: str) -> InvalidRequestError:
        return InvalidRequestError(
            f"cannot {verb} this transaction: it has ended already, by commit(), rollback() or the end of the one "
            "around it. Begin another one with connection.begin()."
        )

    def __enter__(self) -> Self:
        self.connection.enter_block(self)
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.connection.leave_block(self)
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
