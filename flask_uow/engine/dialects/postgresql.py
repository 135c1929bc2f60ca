"""PostgreSQL through psycopg2.

Connections are in psycopg2's autocommit mode, and BEGIN is ours: it travels in one string with the first statement and
costs no round trip of its own. So do the settings that values depend on: see :mod:`flask_uow.engine.dialects.postgresql_session`.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg2
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

from flask_uow.engine.dialects import postgresql_commits as commits
from flask_uow.engine.dialects import postgresql_errors as meanings
from flask_uow.engine.dialects.base import Dialect
from flask_uow.engine.dialects.postgresql_batch import PostgreSQLBatchWriter
from flask_uow.engine.dialects.postgresql_commits import PsycopgCursor
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
from flask_uow.engine.dialects.postgresql_waiting import cooperate, is_quiet
from flask_uow.engine.dialects.reserved import POSTGRESQL_RESERVED
from flask_uow.engine.gate import Opening
from flask_uow.engine.reflection.catalog import Catalog
from flask_uow.engine.reflection.postgresql import PostgreSQLCatalog
from flask_uow.engine.url import URL, shown_option, single_options
from flask_uow.engine.watchdog import watchdog
from flask_uow.exc import ArgumentError
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
_PLAIN_STRINGS = "-c standard_conforming_strings=on"
_NO_OPTIONS = (
    "the server has standard_conforming_strings = off, and the pooler in front of it does not let a client say otherwise. Set it on for"
    " the database (ALTER DATABASE ... SET standard_conforming_strings = on) or the role; then renew the pooler's connections (RECONNECT)."
)


def _with_servers(url: URL) -> dict[str, str]:
    """Return the options of a URL; of several hosts in them, ``host=one:5432&host=two``, as libpq has them."""
    hosts = url.query.get("host", "")
    if isinstance(hosts, str):
        return single_options(url)
    names, ports = [], []
    for host in hosts:
        name, _, port = host.rpartition(":")
        has_port = port.isdecimal() and bool(name) and not host.startswith("/")
        names.append(name if has_port else host)
        ports.append(port if has_port else "")
    made = single_options(url.difference_update_query(["host"]))
    made["host"] = ",".join(names)
    if any(ports):
        made["port"] = ",".join(ports)
    return made


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
    schema_lock_sql = "SELECT pg_advisory_xact_lock(1970239234)"
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
        self._options = _with_servers(url)
        for option, value in self._options.items():
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
        parameters.update(self._options)
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
        if "advisory_locks" in lacks:
            self.schema_lock_sql = ""
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
        raw = self.open_by(psycopg2.connect, **self._parameters) if self.creator is None else self.creator()
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
                raw = self.open_by(psycopg2.connect, **with_options)
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
        return is_quiet(raw)

    def after_fork(self) -> None:
        """Nothing is held."""

    def close(self, raw: connection) -> None:
        raw.close()

    def dispose(self) -> None:
        """Nothing is held."""

    # -- errors

    def is_refusal(self, error: BaseException) -> bool:
        return meanings.is_refusal(error)

    def is_absence(self, error: BaseException) -> bool:
        return meanings.is_absence(error)

    def is_misplaced(self, error: BaseException) -> bool:
        return meanings.is_misplaced(error)

    def is_ambiguous(self, error: BaseException) -> bool:
        return meanings.is_ambiguous(error)

    def is_lost(self, error: BaseException, raw: connection) -> bool:
        return meanings.is_lost(error, raw)

    def lacks_table(self, error: BaseException) -> bool:
        return meanings.lacks_table(error)

    def lacks_column(self, error: BaseException) -> bool:
        return meanings.lacks_column(error)

    def missing_table(self, error: BaseException) -> str | None:
        return meanings.missing_table(error)

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

    def default_isolation_level(self, look_up: Callable[[str], list[tuple[Any, ...]]]) -> str:
        return str(look_up("SHOW default_transaction_isolation")[0][0]).upper()

    def begins_for_reads(self, isolation_level: str | None) -> bool:
        # BEGIN travels with the statement, so that a read pays nothing for it
        return True

    def commit(self, cursor: PsycopgCursor) -> None:
        commits.commit(cursor)

    def commit_within(self, cursor: PsycopgCursor, seconds: float) -> None:
        with commits.time_limit(cursor.connection, seconds):
            commits.commit(cursor)

    def alone(self, raw: connection, send: Callable[[], T]) -> T:
        return commits.send_alone(raw, send, self.usual_timeout)

    def prepare(self, cursor: PsycopgCursor, xid: str, seconds: float | None = None) -> None:
        commits.prepare(cursor, xid, seconds)

    def finish_prepared(self, cursor: PsycopgCursor, xid: str, commit: bool, seconds: float | None = None) -> None:
        commits.finish_prepared(cursor, xid, commit, seconds)

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
        if stored.native_name is not None:
            return stored.native_name
        if isinstance(stored, ARRAY):
            return self.type_ddl(stored.item_type) + "[]" * (stored.dimensions or 1)
        if isinstance(stored, Enum) and stored.native_enum and not self.supports_enums:
            return f"VARCHAR({stored.length})"
        return super().type_ddl(stored)

    def cast_name(self, type_: TypeEngine[Any]) -> str:
        stored = self.stored_as(type_)
        if stored.native_name is not None:
            return stored.native_name
        if isinstance(stored, Enum) and stored.native_enum and not self.supports_enums:
            return "varchar"
        return f"{self.cast_name(stored.item_type)}[]" if isinstance(stored, ARRAY) else super().cast_name(stored)
