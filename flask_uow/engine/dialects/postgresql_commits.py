"""The end of a transaction on PostgreSQL, whose outcome is told truly: what the server answers to COMMIT and PREPARE TRANSACTION.

In a failed transaction the server answers COMMIT with ROLLBACK and reports no error; a commit that has waited for a synchronous standby in
vain is reported by a warning alone (https://www.postgresql.org/docs/current/warm-standby.html#SYNCHRONOUS-REPLICATION). Used by
:mod:`flask_uow.engine.dialects.postgresql`.
"""

from __future__ import annotations

import contextlib
import logging
import re
import threading
from collections.abc import Callable, Iterator
from typing import Final, Protocol, TypeVar

import psycopg2
from psycopg2.errors import ObjectNotInPrerequisiteState
from psycopg2.extensions import connection

from flask_uow.engine.dbapi import DBAPICursor
from flask_uow.engine.dialects.postgresql_errors import is_lost
from flask_uow.engine.dialects.postgresql_waiting import is_quiet
from flask_uow.engine.watchdog import watchdog
from flask_uow.exc import CommitOutcomeUnknown, InternalError, OperationalError

__all__ = ["PsycopgCursor", "commit", "finish_prepared", "prepare", "send_alone", "time_limit"]

T = TypeVar("T")

_log = logging.getLogger("flask_uow.engine")

# how long a cancellation that is under way is waited for
_CANCELLED_WITHIN: Final = 3.0
# in the languages of the server's messages; the warning has no other mark that the driver passes on
_NOT_REPLICATED = re.compile(
    r"synchronous replication|synchrone Replikation|réplication synchrone|replicación sincrónica|replica sincrona|replicação síncrona"
    r"|синхронн|同期レプリケーション|同步复制|동기식 복제|synkron replikering|senkron replikasyon|სინქრონულ"
)
_NO_PREPARE = (
    "the PostgreSQL server does not allow prepared transactions, and two-phase commit needs them. Set max_prepared_transactions in"
    " postgresql.conf to at least max_connections, and restart the server."
)
_COMMITTED, _COMMITTED_ALONE, _PREPARED = (
    f"the {subject} on this server, but its wait for a synchronous standby was cancelled: no standby has confirmed it, and it"
    f" may be lost if another server takes over. {cure}See why no standby answers (synchronous_standby_names, pg_stat_replication)."
    for subject, cure in (
        ("transaction is committed", "Look in the database before you repeat it. "),
        ("statement is committed", "Look in the database before you repeat it. "),
        ("transaction is prepared", "Nothing is committed yet: roll it back. "),
    )
)
_ROLLED_BACK = (
    "the database rolled the transaction back, since a statement of the transaction had failed before and the error was not handled by a "
    "ROLLBACK. Call rollback() after a failed statement, or run it within begin_nested()."
)


class PsycopgCursor(DBAPICursor, Protocol):
    """A cursor of psycopg2's, or a wrapper around one."""

    @property
    def connection(self) -> connection:
        """The driver's connection that it is of."""
        ...

    @property
    def statusmessage(self) -> str | None:
        """The server's answer to the last statement."""
        ...


def _check_confirmed(raw: connection, message: str) -> None:
    """Raise the error where the server has warned that no standby has confirmed what was sent last.

    :raises CommitOutcomeUnknown: with the message.
    """
    if any(_NOT_REPLICATED.search(notice) for notice in raw.notices):
        del raw.notices[:]
        raise CommitOutcomeUnknown(message)


@contextlib.contextmanager
def time_limit(raw: connection, seconds: float | None) -> Iterator[None]:
    """Cancel what takes longer: the server's own time-out does not hold while it waits for a standby."""
    if seconds is None:
        yield
        return
    cancelling: list[threading.Thread] = []

    def cancel() -> None:
        # in a thread of its own: where packets vanish it waits for long, and the watchdog has others to watch
        thread = threading.Thread(target=_cancel, args=(raw,), name="flask_uow cancel", daemon=True)
        cancelling.append(thread)
        thread.start()

    watch = watchdog.watch(seconds, cancel)
    try:
        yield
    finally:
        if not watchdog.call_off(watch):
            for thread in cancelling:
                # what comes next over the connection is not to be cancelled
                thread.join(_CANCELLED_WITHIN)


def _cancel(raw: connection) -> None:
    try:
        raw.cancel()
    except psycopg2.Error as error:
        _log.warning("a commit that takes too long could not be cancelled: %s", error)


def commit(cursor: PsycopgCursor) -> None:
    """Commit the transaction that is open; see :meth:`Dialect.commit`."""
    raw = cursor.connection
    # something that can be read before anything was asked may be the server's last word: that it has ended the session
    if not is_quiet(raw):
        _check_alive(cursor)
    # older ones, so that the warning looked for below is that of this COMMIT
    if raw.notices:
        del raw.notices[:]
    cursor.execute("COMMIT")
    # in a failed transaction the server answers COMMIT with ROLLBACK and reports no error
    if cursor.statusmessage != "COMMIT":
        raise InternalError(_ROLLED_BACK, "COMMIT")
    if raw.notices:
        _check_confirmed(raw, _COMMITTED)


def send_alone(raw: connection, send: Callable[[], T], seconds: float | None) -> T:
    """Call ``send``, which has a statement commit by itself; see :meth:`Dialect.alone`.

    :param seconds: the time-out of statements; None for none.
    """
    if raw.notices:
        del raw.notices[:]
    if seconds is None:
        sent = send()
    else:
        # as in a transaction: the time-out is the statement's, which the server itself ends, and the commit's
        with time_limit(raw, 2 * seconds):
            sent = send()
    if raw.notices:
        _check_confirmed(raw, _COMMITTED_ALONE)
    return sent


def _check_alive(cursor: PsycopgCursor) -> None:
    """Find out, before COMMIT is sent, whether the session has ended already: then the outcome is known.

    :raises OperationalError: when it has.
    """
    try:
        cursor.execute("SELECT 1")
    except psycopg2.Error as error:
        if is_lost(error, cursor.connection):
            raise OperationalError(
                f"the connection was lost before COMMIT was sent, so nothing was saved. ({str(error).strip()})",
                "COMMIT",
                None,
                error,
                connection_invalidated=True,
            ) from error


def prepare(cursor: PsycopgCursor, xid: str, seconds: float | None = None) -> None:
    """Prepare the transaction that is open; see :meth:`Dialect.prepare`."""
    raw = cursor.connection
    del raw.notices[:]
    try:
        with time_limit(raw, seconds):
            cursor.execute("PREPARE TRANSACTION %s", (xid,))
    except ObjectNotInPrerequisiteState as error:
        raise OperationalError(_NO_PREPARE, "PREPARE TRANSACTION", None, error) from error
    # in a failed transaction the server answers ROLLBACK and reports no error
    if cursor.statusmessage != "PREPARE TRANSACTION":
        raise InternalError(_ROLLED_BACK, "PREPARE TRANSACTION")
    _check_confirmed(raw, _PREPARED)


def finish_prepared(cursor: PsycopgCursor, xid: str, commits: bool, seconds: float | None = None) -> None:
    """Commit or roll back a prepared transaction; see :meth:`Dialect.finish_prepared`."""
    raw = cursor.connection
    del raw.notices[:]
    with time_limit(raw, seconds):
        cursor.execute(f"{'COMMIT' if commits else 'ROLLBACK'} PREPARED %s", (xid,))
    # no server that takes over can bring back what was rolled back here
    if commits:
        _check_confirmed(raw, _COMMITTED)
