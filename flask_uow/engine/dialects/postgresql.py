"""PostgreSQL through psycopg2.

Connections are in psycopg2's autocommit mode, and BEGIN is ours: it travels in one string with the first statement and
costs no round trip of its own. Each connection is set to UTC and to the output formats that psycopg2 reads exactly.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import psycopg2
from psycopg2.errors import ObjectNotInPrerequisiteState, UndefinedColumn, UndefinedTable
from psycopg2.extensions import (
    TRANSACTION_STATUS_IDLE,
    TRANSACTION_STATUS_INERROR,
    TRANSACTION_STATUS_INTRANS,
    get_wait_callback,
    make_dsn,
)
from psycopg2.extras import execute_batch, register_default_json, register_default_jsonb

from flask_uow.engine.dialects import postgresql_types as types
from flask_uow.engine.dialects.base import Dialect, Processor
from flask_uow.engine.dialects.postgresql_arrays import array_binder, array_items
from flask_uow.engine.dialects.postgresql_batch import PostgreSQLBatchWriter
from flask_uow.engine.dialects.postgresql_compiler import PostgreSQLCompiler
from flask_uow.engine.dialects.postgresql_copy import CopySource, copy_statement
from flask_uow.engine.dialects.postgresql_waiting import cooperate, is_quiet
from flask_uow.engine.dialects.reserved import POSTGRESQL_RESERVED
from flask_uow.engine.dialects.values import array_loader
from flask_uow.engine.reflection.catalog import Catalog
from flask_uow.engine.reflection.postgresql import PostgreSQLCatalog
from flask_uow.engine.url import URL
from flask_uow.exc import ArgumentError, InternalError, OperationalError
from flask_uow.sql.types import ARRAY, TypeEngine

__all__ = ["PostgreSQLDialect"]

# one round trip for each new connection; extra_float_digits makes servers before 12 send floats exactly
_SETTINGS = (
    "SET TIME ZONE 'UTC'; SET datestyle = 'ISO, MDY'; SET intervalstyle = 'postgres'; SET extra_float_digits = 3; "
    "SET standard_conforming_strings = on"
)
_NO_PREPARE = (
    "the PostgreSQL server does not allow prepared transactions, and two-phase commit needs them. Set max_prepared_transactions in"
    " postgresql.conf to at least max_connections, and restart the server."
)
_ROLLED_BACK = (
    "the database rolled the transaction back, since a statement of the transaction had failed before and the error was not handled by a "
    "ROLLBACK. Call rollback() after a failed statement, or run it within begin_nested()."
)


def _check_option(name: str) -> None:
    try:
        make_dsn(**{name: ""})
    except psycopg2.ProgrammingError:
        raise ArgumentError(
            f"the PostgreSQL URL has an unknown option {name!r}. Its options are those of libpq:"
            " https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS"
        ) from None


class PostgreSQLDialect(Dialect):
    """PostgreSQL, with psycopg2 as driver."""

    name = "postgresql"
    placeholder = "%s"
    escapes_percent = True
    exact_decimal_text = False
    supports_for_update = True
    supports_two_phase = True
    # the server numbers a transaction when it writes or locks for the first time; the older of two names for the function
    written_sql = "SELECT txid_current_if_assigned() IS NOT NULL"
    supports_alter = True
    supports_comments = True
    supports_sequences = True
    max_parameters = 1_000_000  # psycopg2 writes values into the text, so the protocol's 65,535 does not count
    begins_with_statement = True
    drop_closes = False  # psycopg2 closes only what the same process has opened
    streams_by_declared_cursor = True
    driver_loads_json = True
    reserved_words = POSTGRESQL_RESERVED
    compiler_class = PostgreSQLCompiler
    errors = (psycopg2.Error, ValueError, TypeError, IndexError, OverflowError, KeyError)

    def __init__(self, url: URL, connect_args: Mapping[str, Any]) -> None:
        super().__init__(url, connect_args)
        if url.driver not in (None, "psycopg2"):
            raise ArgumentError(
                f"the driver {url.driver!r} is not supported for PostgreSQL: expected psycopg2. "
                "Write the URL as postgresql://... or postgresql+psycopg2://..."
            )
        for option in url.query:
            _check_option(option)
        self._parameters = self._connection_parameters()
        self.batch = PostgreSQLBatchWriter(self)

    def _connection_parameters(self) -> dict[str, Any]:
        url = self.url
        named = {
            "user": url.username,
            "password": url.password,
            "host": url.host,
            "port": url.port,
            "dbname": url.database,
        }
        parameters: dict[str, Any] = {"client_encoding": "UTF8"}
        parameters.update(url.query)
        parameters.update({key: value for key, value in named.items() if value is not None})
        parameters.update(self.connect_args)
        return parameters

    # -- connections

    def connect(self) -> Any:
        cooperate()
        raw = psycopg2.connect(**self._parameters)
        try:
            raw.autocommit = True
            with raw.cursor() as cursor:
                cursor.execute(_SETTINGS)
            types.register_types(raw)
            if self.json_deserializer is not None:
                register_default_json(raw, loads=self.json_deserializer)
                register_default_jsonb(raw, loads=self.json_deserializer)
        except BaseException:
            raw.close()
            raise
        return raw

    def reset(self, raw: Any) -> bool:
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
            return True
        if status not in (TRANSACTION_STATUS_INTRANS, TRANSACTION_STATUS_INERROR):
            # a statement is still under way: whoever ran it was interrupted
            return False
        try:
            with raw.cursor() as cursor:
                cursor.execute("ROLLBACK")
        except psycopg2.Error:
            return False
        return bool(raw.info.transaction_status == TRANSACTION_STATUS_IDLE)

    def begin_by_driver(self, raw: Any) -> None:
        raw.autocommit = False

    def ping(self, raw: Any) -> bool:
        try:
            with raw.cursor() as cursor:
                cursor.execute("SELECT 1")
        except psycopg2.Error:
            return False
        return True

    def is_quiet(self, raw: Any) -> bool:
        return not raw.closed and is_quiet(raw.fileno())

    def after_fork(self) -> None:
        """Nothing is held."""

    def close(self, raw: Any) -> None:
        raw.close()

    def dispose(self) -> None:
        """Nothing is held."""

    def is_lost(self, error: BaseException, raw: Any) -> bool:
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

    def in_transaction(self, raw: Any) -> bool:
        return not raw.closed and raw.info.transaction_status != TRANSACTION_STATUS_IDLE

    def has_failed(self, raw: Any) -> bool:
        # the server itself refuses statements in a failed transaction
        return False

    def awaits_rollback(self, raw: Any) -> bool:
        return bool(raw.closed or raw.info.transaction_status == TRANSACTION_STATUS_INERROR)

    def has_written(self, cursor: Any) -> bool:
        cursor.execute(self.written_sql)
        return bool(cursor.fetchone()[0])

    def begin_sql(self, isolation_level: str | None, read_only: bool) -> str:
        level = f" ISOLATION LEVEL {isolation_level}" if isolation_level is not None else ""
        return f"BEGIN{level}{' READ ONLY' if read_only else ''}"

    def begins_for_reads(self, isolation_level: str | None) -> bool:
        return True

    def commit(self, cursor: Any) -> None:
        if not self.is_quiet(cursor.connection):
            self._check_alive(cursor)
        cursor.execute("COMMIT")
        # in a failed transaction the server answers COMMIT with ROLLBACK and reports no error
        if cursor.statusmessage != "COMMIT":
            raise InternalError(_ROLLED_BACK, "COMMIT")

    def _check_alive(self, cursor: Any) -> None:
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

    def prepare(self, cursor: Any, xid: str) -> None:
        try:
            cursor.execute("PREPARE TRANSACTION %s", (xid,))
        except ObjectNotInPrerequisiteState as error:
            raise OperationalError(_NO_PREPARE, "PREPARE TRANSACTION", None, error) from error
        # in a failed transaction the server answers ROLLBACK and reports no error
        if cursor.statusmessage != "PREPARE TRANSACTION":
            raise InternalError(_ROLLED_BACK, "PREPARE TRANSACTION")

    def finish_prepared(self, cursor: Any, xid: str, commit: bool) -> None:
        cursor.execute(f"{'COMMIT' if commit else 'ROLLBACK'} PREPARED %s", (xid,))

    def execute_many(self, cursor: Any, sql: str, list_of_params: Sequence[Sequence[Any]]) -> int:
        execute_batch(cursor, sql, list_of_params, page_size=200)
        return -1

    def can_copy(self) -> bool:
        # with a wait callback, such as gevent's, psycopg2 refuses COPY
        return get_wait_callback() is None

    def copy_source(
        self,
        table: Any,
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

    def make_bind_processor(self, type_: TypeEngine[Any]) -> Processor | None:
        return array_binder(type_, self) if isinstance(type_, ARRAY) else types.bind_processor(type_)

    def make_result_processor(self, type_: TypeEngine[Any]) -> Processor | None:
        if isinstance(type_, ARRAY):
            load = array_loader(type_, self.result_processor(type_.item_type))
            if type_.item_type.name not in ("null", "enum", "string", "text", "unicode"):
                return load
            return array_items if load is None else lambda value: load(array_items(value))
        return types.result_processor(type_)

    def type_ddl(self, type_: TypeEngine[Any]) -> str:
        stored = self.stored_as(type_)
        if isinstance(stored, ARRAY):
            return self.type_ddl(stored.item_type) + "[]" * (stored.dimensions or 1)
        return types.type_ddl(stored)

    def cast_name(self, type_: TypeEngine[Any]) -> str:
        stored = self.stored_as(type_)
        if isinstance(stored, ARRAY):
            return f"{self.cast_name(stored.item_type)}[]"
        return types.cast_name(stored)
