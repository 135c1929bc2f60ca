"""PostgreSQL through psycopg2.

Connections are in psycopg2's autocommit mode, and BEGIN is ours: it travels in one string with the first statement and
costs no round trip of its own. So do the settings that values depend on: see :mod:`flask_uow.engine.dialects.postgresql_session`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import select
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import psycopg2
from psycopg2.errors import ObjectNotInPrerequisiteState, UndefinedColumn, UndefinedTable
from psycopg2.extensions import (
    TRANSACTION_STATUS_IDLE,
    TRANSACTION_STATUS_INERROR,
    TRANSACTION_STATUS_INTRANS,
    connection,
    get_wait_callback,
    libpq_version,
    make_dsn,
)
from psycopg2.extras import execute_batch, register_default_json, register_default_jsonb

from flask_uow.engine.dbapi import DBAPICursor
from flask_uow.engine.dialects.base import Dialect
from flask_uow.engine.dialects.postgresql_batch import PostgreSQLBatchWriter
from flask_uow.engine.dialects.postgresql_compiler import PostgreSQLCompiler
from flask_uow.engine.dialects.postgresql_copy import CopySource, copy_statement
from flask_uow.engine.dialects.postgresql_session import (
    REPORTED,
    SESSION_SETTINGS,
    SETTINGS,
    SETTLE,
    SETTLED,
    UNSETTLE,
    calls_only_readers,
    does_alone,
    find_marks,
    needs_settings,
    only_reads,
)
from flask_uow.engine.dialects.postgresql_types import RECORDS, register_types
from flask_uow.engine.dialects.postgresql_waiting import cooperate
from flask_uow.engine.dialects.reserved import POSTGRESQL_RESERVED
from flask_uow.engine.gate import Opening
from flask_uow.engine.reflection.catalog import Catalog
from flask_uow.engine.reflection.postgresql import PostgreSQLCatalog
from flask_uow.engine.url import URL, shown_option
from flask_uow.engine.watchdog import watchdog
from flask_uow.exc import ArgumentError, CommitOutcomeUnknown, InternalError, OperationalError
from flask_uow.sql.types import ARRAY, Enum, TypeEngine

if TYPE_CHECKING:
    from flask_uow.sql.schema import Table

__all__ = ["PostgreSQLDialect"]

T = TypeVar("T")

_log = logging.getLogger("flask_uow.engine")

# so that nobody waits for ever for a server whose packets vanish; what the URL, connect_args or the environment say counts more
_TIME_LIMITS = {
    "connect_timeout": (10, "PGCONNECT_TIMEOUT"),
    "tcp_user_timeout": (30_000, ""),
    "keepalives_idle": (30, ""),
    "keepalives_interval": (10, ""),
    "keepalives_count": (3, ""),
}
_PING_SECONDS = 3.0
_KNOWN_READS = 5000  # texts of which is remembered whether they only read
# the words of the server, then those of PgBouncer; each of them passes, so that who asks again may get a connection
_REFUSALS = re.compile(
    r"too many (?:connections|clients)|remaining connection slots are reserved|the database system is (?:starting up|shutting down"
    r"|in recovery mode|not (?:yet )?accepting connections)|no more connections allowed|server_login_retry|pooler is shutting down"
)
_ABSENCES = re.compile("Connection refused|Connection reset|No such file or directory|server closed the connection")
# in the languages of the server's messages; the warning has no other mark that the driver passes on
_NOT_REPLICATED = re.compile(
    r"synchronous replication|synchrone Replikation|réplication synchrone|replicación sincrónica|replica sincrona|replicação síncrona"
    r"|синхронн|同期レプリケーション|同步复制|동기식 복제|synkron replikering|senkron replikasyon|სინქრონულ"
)
_PLAIN_STRINGS = "-c standard_conforming_strings=on"
_NO_OPTIONS = (
    "the server has standard_conforming_strings = off, and the pooler in front of it does not let a client say otherwise. Set it on for"
    " the database (ALTER DATABASE ... SET standard_conforming_strings = on) or the role; then renew the pooler's connections (RECONNECT)."
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
def _time_limit(raw: connection, seconds: float | None) -> Iterator[None]:
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
                thread.join(_PING_SECONDS)


def _cancel(raw: connection) -> None:
    try:
        raw.cancel()
    except psycopg2.Error as error:
        _log.warning("a commit that takes too long could not be cancelled: %s", error)


def _check_option(name: str, value: str) -> None:
    if (name, value) == ("ssl", "true"):  # libpq takes JDBC's word for sslmode=require
        return
    try:
        # libpq itself knows its options: a list of ours would be out of date with its next version
        make_dsn(**{name: ""})
    except psycopg2.ProgrammingError:
        raise ArgumentError(
            f"the PostgreSQL URL has an unknown option {shown_option(name)}. Its options are those of libpq:"
            " https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS"
        ) from None


class PostgreSQLDialect(Dialect[connection, PsycopgCursor]):
    """PostgreSQL, with psycopg2 as driver."""

    name = "postgresql"
    is_server = True
    placeholder = "%s"
    escapes_percent = True
    exact_decimal_text = False
    supports_for_update = True
    supports_two_phase = True
    takes_lists = True
    awaits_standbys = True
    # the server numbers a transaction when it writes or locks for the first time; the older of two names for the function
    written_sql = "SELECT txid_current_if_assigned() IS NOT NULL"
    supports_alter = True
    supports_comments = True
    supports_sequences = True
    supports_enums = True
    max_parameters = 1_000_000  # psycopg2 writes values into the text, so the protocol's 65,535 does not count
    begins_with_statement = True
    drop_closes = False  # psycopg2 closes only what the same process has opened
    streams_by_declared_cursor = True
    driver_loads_json = True
    reserved_words = POSTGRESQL_RESERVED
    compiler_class = PostgreSQLCompiler
    settings_sql = SETTINGS
    records = RECORDS
    errors = (psycopg2.Error, ValueError, TypeError, IndexError, OverflowError, KeyError)

    def __init__(self, url: URL, connect_args: Mapping[str, Any]) -> None:
        super().__init__(url, connect_args)
        if url.driver not in (None, "psycopg2"):
            raise ArgumentError(
                f"the driver {url.driver!r} is not supported for PostgreSQL: expected psycopg2. "
                "Write the URL as postgresql://... or postgresql+psycopg2://..."
            )
        for option, value in url.query.items():
            _check_option(option, value)
        self._parameters = self._connection_parameters()
        self.usual_timeout = self.statement_timeout((str(self._parameters.get("options", "")),))
        self._wanted_server: str | None = None
        self.batch = PostgreSQLBatchWriter(self)
        self._known_reads: dict[tuple[str, str], bool] = {}

    def _connection_parameters(self) -> dict[str, Any]:
        url = self.url
        named = {
            "user": url.username,
            "password": url.password,
            "host": url.host,
            "port": ",".join("" if port is None else str(port) for port in url.ports) or url.port,
            "dbname": url.database,
        }
        parameters: dict[str, Any] = {"client_encoding": "UTF8"}
        parameters.update({key: value for key, value in named.items() if value is not None})
        # as libpq has it, what is said behind the question mark counts
        parameters.update(url.query)
        if parameters.get("ssl") == "true":
            parameters["sslmode"] = "require"
        parameters.pop("ssl", None)
        parameters.update(self.connect_args)
        # a service file or a whole DSN may set these itself, and libpq lets what is passed here win over it
        if not {"service", "dsn"} & parameters.keys() and not any(
            name in os.environ for name in ("PGSERVICE", "PGSERVICEFILE")
        ):
            for name, (value, variable) in _TIME_LIMITS.items():
                if variable not in os.environ:
                    parameters.setdefault(name, value)
        return parameters

    def do_without(self, lacks: frozenset[str]) -> None:
        self.lacks = lacks
        self.supports_two_phase = "two_phase" not in lacks
        self.supports_sequences = "sequences" not in lacks
        self.supports_enums = "enums" not in lacks
        self.supports_comments = "comments" not in lacks
        if "transaction_ids" in lacks:
            self.written_sql = ""
        # settings are made once then, when a connection is opened
        if "set_local" in lacks:
            self.settings_sql = ""

    @property
    def restoring_sql(self) -> str:
        return self.settings_sql or SESSION_SETTINGS

    # -- connections

    def connect(self) -> connection:
        cooperate()
        raw = psycopg2.connect(**self._parameters) if self.creator is None else self.creator()
        if (
            self.creator is None
            and raw.info.parameter_status("standard_conforming_strings") == "off"
            and not self._has_plain_strings()
        ):
            # the text of a statement is read before any setting in it is made, so this one has to be there from the start
            raw.close()
            options = self._parameters.get("options", "")
            with_options = {**self._parameters, "options": f"{options} {_PLAIN_STRINGS}".strip()}
            try:
                raw = psycopg2.connect(**with_options)
            except psycopg2.OperationalError as error:
                if "unsupported startup parameter" not in str(error):
                    raise
                raise psycopg2.OperationalError(_NO_OPTIONS) from error
            self._parameters = with_options
        self._learn(raw.info.dsn_parameters)
        try:
            # BEGIN is sent by the Connection, in one string with the first statement; psycopg2 would send it by
            # itself, a round trip earlier
            raw.autocommit = True
            register_types(raw)
            if not self.settings_sql:
                self._set_for_session(raw)
            if self.json_deserializer is not None:
                register_default_json(raw, loads=self.json_deserializer)
                register_default_jsonb(raw, loads=self.json_deserializer)
        except BaseException:
            raw.close()
            raise
        return raw

    def reset(self, raw: connection) -> bool:
        if raw.closed:
            return False
        if not raw.autocommit:
            # the driver has begun transactions by itself
            try:
                raw.rollback()
            except psycopg2.Error:
                return False
            raw.autocommit = True
        status = raw.info.transaction_status
        if status == TRANSACTION_STATUS_IDLE:
            return self._wanted_server is None or self._may_stay(raw)
        if status not in (TRANSACTION_STATUS_INTRANS, TRANSACTION_STATUS_INERROR):
            # a statement is still under way: whoever ran it was interrupted
            return False
        # by hand: in autocommit mode the driver knows of no transaction, and its rollback() would send nothing
        try:
            with raw.cursor() as cursor:
                cursor.execute("ROLLBACK")
        except psycopg2.Error:
            return False
        return bool(raw.info.transaction_status == TRANSACTION_STATUS_IDLE) and self._may_stay(raw)

    def _has_plain_strings(self) -> bool:
        return _PLAIN_STRINGS in str(self._parameters.get("options", ""))

    def _learn(self, told: Mapping[str, str]) -> None:
        """Take note of what libpq was told by the URL, a service file or the environment."""
        wanted = told.get("target_session_attrs")
        self._wanted_server = wanted if wanted in ("read-write", "read-only", "primary", "standby") else None
        self.usual_timeout = self.statement_timeout((told.get("options", ""),))

    def _set_for_session(self, raw: connection) -> None:
        with raw.cursor() as cursor:
            cursor.execute(SESSION_SETTINGS)

    def settle(self, raw: connection) -> str | None:
        if not self.settings_sql or self.creator is not None:
            return None
        try:
            with raw.cursor() as cursor:
                cursor.execute(SETTLE, (raw.info.backend_pid,))
                found = cursor.fetchone()
        except psycopg2.Error:
            # a server that speaks the protocol and has other functions, or a connection that is lost, as its next statement tells
            return None
        return found[0].upper() if found is not None and self.is_settled(raw) else None

    def is_settled(self, raw: connection) -> bool:
        return tuple(map(raw.get_parameter_status, REPORTED)) == SETTLED

    def unsettle(self, raw: connection) -> None:
        with raw.cursor() as cursor:
            cursor.execute(UNSETTLE)

    def clean(self, raw: connection) -> bool:
        if "discard_all" in self.lacks:
            return False
        try:
            with raw.cursor() as cursor:
                # outside a transaction only; it drops temporary tables, locks, listens and prepared statements as
                # well as settings
                cursor.execute("DISCARD ALL")
            if not self.settings_sql:
                self._set_for_session(raw)
        except psycopg2.Error:
            return False
        # psycopg2 keeps them on the connection, where the next user would take them for its own
        del raw.notices[:], raw.notifies[:]
        return True

    def find_marks(self, sql: str) -> int:
        return find_marks(sql)

    def takes_only_standbys(self) -> bool:
        # target_session_attrs=standby came with libpq 14
        return libpq_version() >= 140000

    def only_reads(self, sql: str) -> bool:
        return self._known(("statement", sql), only_reads)

    def does_alone(self, sql: str) -> bool:
        return self._known(("alone", sql), does_alone)

    def calls_only_readers(self, sql: str) -> bool:
        return self._known(("part", sql), calls_only_readers)

    def _known(self, key: tuple[str, str], find: Callable[[str], bool]) -> bool:
        """Return the findings about a text, searched once for each text."""
        found = self._known_reads.get(key)
        if found is None:
            if len(self._known_reads) >= _KNOWN_READS:
                # all at once: what the application goes on sending is soon known again, and nobody has to count uses
                self._known_reads.clear()
            found = self._known_reads[key] = find(key[1])
        return found

    def by_itself(self, sql: str) -> str:
        # the server takes one string for one transaction, so that SET LOCAL holds for the statement behind it, and no
        # longer
        return Opening(f"{self.settings_sql};\n{sql}", sql) if self.settings_sql and needs_settings(sql) else sql

    def begin_by_driver(self, raw: connection) -> None:
        raw.autocommit = False

    def ping(self, raw: connection) -> bool:
        # a server whose packets vanish never answers: then the socket is closed from here, which ends the waiting
        if raw.closed:
            return False
        # a duplicate of the descriptor: shutdown() of it wakes the driver, while close() here leaves the driver's own
        # open
        ending = socket.fromfd(raw.fileno(), socket.AF_INET, socket.SOCK_STREAM)
        watch = watchdog.watch(_PING_SECONDS, lambda: ending.shutdown(socket.SHUT_RDWR))
        try:
            with raw.cursor() as cursor:
                cursor.execute("SELECT 1")
        except psycopg2.Error:
            return False
        finally:
            in_time = watchdog.call_off(watch)
            ending.close()
        return in_time and self._may_stay(raw)

    def _may_stay(self, raw: connection) -> bool:
        """Return False where the server has become another than the URL asks for: read only, or a standby (or no standby any more)."""
        wanted = self._wanted_server
        if wanted is None:
            return True
        told = raw.info.parameter_status
        standby, read_only = told("in_hot_standby"), told("default_transaction_read_only")
        if standby is None or read_only is None:  # a server before 14
            return True
        is_standby: bool = standby == "on"
        is_writable: bool = not is_standby and read_only == "off"
        return {
            "read-write": is_writable,
            "read-only": not is_writable,
            "primary": not is_standby,
            "standby": is_standby,
        }.get(wanted, True)

    def is_quiet(self, raw: connection) -> bool:
        if raw.closed:
            return False
        if not hasattr(select, "poll"):  # Windows
            return not select.select([raw.fileno()], [], [], 0)[0]
        # select() takes no descriptor beyond 1023
        watcher = select.poll()
        watcher.register(raw.fileno(), select.POLLIN | select.POLLPRI)
        return not watcher.poll(0)

    def after_fork(self) -> None:
        """Nothing is held."""

    def close(self, raw: connection) -> None:
        raw.close()

    def dispose(self) -> None:
        """Nothing is held."""

    def is_refusal(self, error: BaseException) -> bool:
        # libpq has no codes for errors on connecting, only words: 53300 (too many connections) and 57P03 (starting or stopping)
        return isinstance(error, psycopg2.OperationalError) and _REFUSALS.search(str(error)) is not None

    def is_absence(self, error: BaseException) -> bool:
        return isinstance(error, psycopg2.OperationalError) and _ABSENCES.search(str(error)) is not None

    def is_misplaced(self, error: BaseException) -> bool:
        # read_only_sql_transaction
        return getattr(error, "pgcode", None) == "25006"

    def is_ambiguous(self, error: BaseException) -> bool:
        # statement_completion_unknown: never said by PostgreSQL itself, but by others that speak its protocol
        return getattr(error, "pgcode", None) == "40003"

    def is_lost(self, error: BaseException, raw: connection) -> bool:
        if raw.closed:
            return True
        # 57P01-57P03: the server is shutting down; 08xxx: connection errors (appendix A of the manual)
        code = getattr(error, "pgcode", None) or ""
        return code.startswith("08") or code in ("57P01", "57P02", "57P03")

    def lacks_table(self, error: BaseException) -> bool:
        # PostgreSQL has the same code for a table that is there and was not listed in FROM
        return isinstance(error, UndefinedTable) and error.diag.source_function != "errorMissingRTE"

    def lacks_column(self, error: BaseException) -> bool:
        return isinstance(error, UndefinedColumn)

    def missing_table(self, error: BaseException) -> str | None:
        if not isinstance(error, UndefinedTable) or not self.lacks_table(error):
            return None
        # quoted in one way or another in every language of the server's messages
        found = re.search(r'["«„“](.+?)["»“”]', error.diag.message_primary or "")
        return found[1].strip() if found is not None else None

    # -- transactions

    def in_transaction(self, raw: connection) -> bool:
        return not raw.closed and raw.info.transaction_status != TRANSACTION_STATUS_IDLE

    def has_failed(self, raw: connection) -> bool:
        # the server itself refuses statements in a failed transaction
        return False

    def awaits_rollback(self, raw: connection) -> bool:
        return bool(raw.closed or raw.info.transaction_status == TRANSACTION_STATUS_INERROR)

    def has_written(self, cursor: PsycopgCursor) -> bool:
        cursor.execute(self.written_sql)
        return bool(cursor.fetchone()[0])

    def begin_sql(self, isolation_level: str | None, read_only: bool) -> str:
        level = f" ISOLATION LEVEL {isolation_level}" if isolation_level is not None else ""
        return f"BEGIN{level}{' READ ONLY' if read_only else ''}"

    def begins_for_reads(self, isolation_level: str | None) -> bool:
        # BEGIN travels with the statement, so that a read pays nothing for it
        return True

    def commit(self, cursor: PsycopgCursor) -> None:
        raw = cursor.connection
        # something that can be read before anything was asked may be the server's last word: that it has ended the
        # session
        if not self.is_quiet(raw):
            self._check_alive(cursor)
        # older ones, so that the warning looked for below is that of this COMMIT
        if raw.notices:
            del raw.notices[:]
        cursor.execute("COMMIT")
        # in a failed transaction the server answers COMMIT with ROLLBACK and reports no error
        if cursor.statusmessage != "COMMIT":
            raise InternalError(_ROLLED_BACK, "COMMIT")
        if raw.notices:
            _check_confirmed(raw, _COMMITTED)

    def commit_within(self, cursor: PsycopgCursor, seconds: float) -> None:
        with _time_limit(cursor.connection, seconds):
            self.commit(cursor)

    def alone(self, raw: connection, send: Callable[[], T]) -> T:
        if raw.notices:
            del raw.notices[:]
        if self.usual_timeout is None:
            sent = send()
        else:
            # as in a transaction: the time-out is the statement's, which the server itself ends, and the commit's
            with _time_limit(raw, 2 * self.usual_timeout):
                sent = send()
        if raw.notices:
            _check_confirmed(raw, _COMMITTED_ALONE)
        return sent

    def _check_alive(self, cursor: PsycopgCursor) -> None:
        """Find out, before COMMIT is sent, whether the session has ended already: then the outcome is known.

        :raises OperationalError: when it has.
        """
        try:
            cursor.execute("SELECT 1")
        except psycopg2.Error as error:
            if self.is_lost(error, cursor.connection):
                raise OperationalError(
                    f"the connection was lost before COMMIT was sent, so nothing was saved. ({str(error).strip()})",
                    "COMMIT",
                    None,
                    error,
                    connection_invalidated=True,
                ) from error

    def prepare(self, cursor: PsycopgCursor, xid: str, seconds: float | None = None) -> None:
        raw = cursor.connection
        del raw.notices[:]
        try:
            with _time_limit(raw, seconds):
                cursor.execute("PREPARE TRANSACTION %s", (xid,))
        except ObjectNotInPrerequisiteState as error:
            raise OperationalError(_NO_PREPARE, "PREPARE TRANSACTION", None, error) from error
        # in a failed transaction the server answers ROLLBACK and reports no error
        if cursor.statusmessage != "PREPARE TRANSACTION":
            raise InternalError(_ROLLED_BACK, "PREPARE TRANSACTION")
        _check_confirmed(raw, _PREPARED)

    def finish_prepared(self, cursor: PsycopgCursor, xid: str, commit: bool, seconds: float | None = None) -> None:
        raw = cursor.connection
        del raw.notices[:]
        with _time_limit(raw, seconds):
            cursor.execute(f"{'COMMIT' if commit else 'ROLLBACK'} PREPARED %s", (xid,))
        # no server that takes over can bring back what was rolled back here
        if commit:
            _check_confirmed(raw, _COMMITTED)

    def execute_many(self, cursor: PsycopgCursor, sql: str, list_of_params: Sequence[Sequence[Any]]) -> int:
        # many statements in one string: the driver's executemany() waits for the answer to each
        execute_batch(cursor, sql, list_of_params, page_size=200)
        return -1

    def can_copy(self) -> bool:
        # with a wait callback, such as gevent's, psycopg2 refuses COPY
        return get_wait_callback() is None and "copy" not in self.lacks

    def copy_source(
        self,
        table: Table,
        columns: Sequence[Any],
        rows: Iterable[Sequence[Any]],
        progress: Callable[[int], object] | None,
        every: int,
    ) -> tuple[str, Any]:
        return copy_statement(self, table, columns), CopySource(self, table, columns, rows, progress, every)

    # -- schema

    def catalog(self, fetch_all: Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]) -> Catalog:
        return PostgreSQLCatalog(fetch_all)

    # -- types

    def type_ddl(self, type_: TypeEngine[Any]) -> str:
        stored = self.stored_as(type_)
        if stored.native is not None:
            return stored.native
        if isinstance(stored, ARRAY):
            return self.type_ddl(stored.item_type) + "[]" * (stored.dimensions or 1)
        if isinstance(stored, Enum) and stored.native_enum and not self.supports_enums:
            return f"VARCHAR({stored.length})"
        return super().type_ddl(stored)

    def cast_name(self, type_: TypeEngine[Any]) -> str:
        stored = self.stored_as(type_)
        if stored.native is not None:
            return stored.native
        if isinstance(stored, Enum) and stored.native_enum and not self.supports_enums:
            return "varchar"
        return f"{self.cast_name(stored.item_type)}[]" if isinstance(stored, ARRAY) else super().cast_name(stored)
