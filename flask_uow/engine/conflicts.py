"""Which errors are a database asking to try the whole transaction again.

PostgreSQL says so with SQLSTATE 40001 (serialization_failure) and 40P01 (deadlock_detected), see
https://www.postgresql.org/docs/current/mvcc-serialization-failure-handling.html; databases that speak its protocol do the same.
SQLite says SQLITE_BUSY, with extended codes for its reasons (https://www.sqlite.org/rescode.html#busy); where the same thread has the lock,
it would wait in vain again. A connection that was lost at COMMIT, where it is known that nothing was saved, is as good a reason. Asked by
flask_uow.web.retry; drivers' errors are recognized by their attributes, so that no driver is imported.
"""

from __future__ import annotations

from flask_uow.exc import DBAPIError, FlaskUowError

__all__ = ["is_conflict", "is_fault_of_replica"]

# serialization_failure and deadlock_detected
_SQLSTATES = frozenset(("40001", "40P01"))
_SQLITE_BUSY = 5
# what a replica refuses and its primary may do: a write (25006), what a standby has not (0A000, 55000); what the replica has not replayed yet: a
# table (42P01), a column (42703), a function (42883), a schema (3F000), a type (42704)
_NOT_ON_REPLICA = frozenset(("25006", "0A000", "55000", "42P01", "42703", "42883", "3F000", "42704"))


def is_conflict(error: BaseException | None) -> bool:
    """Return True when the error, or one of ours that it was raised from, asks for the transaction to be tried again."""
    while isinstance(error, FlaskUowError):
        if isinstance(error, DBAPIError) and error.orig is not None:
            if getattr(error.orig, "pgcode", None) in _SQLSTATES:
                return True
            # where the outcome is unknown the error is CommitOutcomeUnknown
            if error.connection_invalidated and error.statement == "COMMIT":
                return True
            # extended codes, such as SQLITE_BUSY_SNAPSHOT, have the plain one in their low byte
            code = getattr(error.orig, "sqlite_errorcode", None)
            if isinstance(code, int) and code & 0xFF == _SQLITE_BUSY and not error.waits_for_itself:
                return True
        error = error.__cause__
    return False


def is_fault_of_replica(error: BaseException | None) -> bool:
    """Return True when the error, or one of ours that it was raised from, is one that the primary need not have: a replica was lost, or refused."""
    while isinstance(error, FlaskUowError):
        if isinstance(error, DBAPIError) and error.from_replica:
            if error.connection_invalidated or getattr(error.orig, "pgcode", None) in _SQLSTATES | _NOT_ON_REPLICA:
                return True
        error = error.__cause__
    return False
