"""Statements as a connection sends them, and everything before and behind them: BEGIN, the listeners, the driver's errors.

Base of :class:`flask_uow.engine.connection.Connection`. ``fetch_all``, ``run``, ``run_many`` and ``cursor_execute`` take plain SQL with
the driver's parameters and are the orm's hot path: when nothing is pending and nobody listens they add one test each to the
driver's own work.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from flask_uow.engine.collector import MANY_ROWS, with_collector_at_rest
from flask_uow.engine.dbapi_errors import EXPANDING, HIDDEN, lacks_expansion, lost_at_commit, translate
from flask_uow.engine.gate import FAILED, LOST, READING, BlockOver, Gate, Opening, settings_gate
from flask_uow.engine.listeners import ExecutionContext, Kind, StatementEvent, tell_of_error
from flask_uow.engine.marks import CHANGES_FORMATS, CHANGES_SESSION, DEPENDS, MAY_WRITE
from flask_uow.engine.result import Result, read_cursor
from flask_uow.engine.transaction import Transaction
from flask_uow.exc import CommitOutcomeUnknown, DBAPIError, InvalidRequestError, ResourceClosedError
from flask_uow.sql.compiler import Compiled

if TYPE_CHECKING:
    from flask_uow.engine.dbapi import DBAPICursor
    from flask_uow.engine.engine import Engine
    from flask_uow.engine.inserted import InsertedKeys
    from flask_uow.engine.pool import PooledConnection
    from flask_uow.engine.rows import RowMaker

__all__ = ["SendingConnection"]

T = TypeVar("T")

# how statements begin that need a write transaction and leave nothing that a rollback would undo: SELECT ... FOR UPDATE, a cursor of it,
# LOCK TABLE, SET
_LEAVE_NOTHING = ("SELE", "DECL", "LOCK", "SET ")


class SendingConnection:
    """Sends plain SQL over one connection of the driver.

    :ivar engine: the engine it came from.
    :ivar dialect: the dialect of the database.
    :ivar listeners: what is told of its statements: the engine's, until something listens to this connection alone.
    """

    __slots__ = (
        "__weakref__",
        "_begins_with_statement",
        "_cursor",
        "_gate",
        "_has_begun",
        "_has_written",
        "_known_marks",
        "_record",
        "_stack",
        "dialect",
        "engine",
        "listeners",
    )
    _record: PooledConnection | None
    _stack: list[Transaction]
    _gate: Gate | None
    engine: Engine

    def __init__(self, engine: Engine) -> None:
        self._record = None
        self.engine = engine
        self.dialect = engine.dialect
        self.listeners = engine.listeners
        self._known_marks = engine.dialect.known_marks
        self._gate = None
        self._has_begun = False
        self._has_written = False
        self._stack = []
        self._cursor: Any = None
        # where BEGIN travels with the first statement the database itself knows a read-only transaction
        self._begins_with_statement = self.dialect.begins_with_statement

    def in_transaction(self) -> bool:
        """Return True between begin() and the transaction's end, also before BEGIN has gone out."""
        return bool(self._stack)

    @property
    def info(self) -> dict[Any, Any]:
        """A dict for the application's own use, which lasts as long as the driver's connection: longer than this one, where the pool keeps it.

        :raises ResourceClosedError: after close().
        """
        if self._record is None:
            raise ResourceClosedError(
                "this connection was closed, and has no info any more. Take a new one with engine.connect()."
            )
        return self._record.info

    @property
    def invalidated(self) -> bool:
        """True after :meth:`invalidate`, and once the connection was lost."""
        return self._gate is LOST or (self._record is not None and self._record.broken)

    # -- plain SQL with the driver's parameters

    def fetch_all(
        self, sql: str, params: Sequence[Any] = (), *, write: bool = False, make: RowMaker | None = None
    ) -> list[Any]:
        """Send a statement that returns rows and return them all.

        :param sql: the SQL text with the driver's placeholders.
        :param params: the driver's parameters, in order.
        :param write: True for a statement that needs a write transaction (DML with RETURNING, SELECT ... FOR UPDATE).
        :param make: makes the rows of the driver's, which it takes from the cursor one by one: faster, and in less memory, than of a
            list of them. None returns the driver's tuples.
        :raises DBAPIError: what the driver reported, translated.
        """
        if write and not self._has_written:
            self._note_write(sql)
        # by the statement alone, before BEGIN is put in front of it
        marks = self._known_marks.get(sql)
        if self._gate is not None or not self._has_begun:
            sql = self._pass_gate(sql, write)
            # outside a transaction the server commits with the statement; whether standbys have confirmed that is told
            # by a warning
            if not self._has_begun and self.dialect.awaits_standbys:
                rows = self._send_alone(self._fetch, sql, params)
                return rows if make is None else make(rows)
        if marks != 0:
            self._note_marks(sql, params)
        listeners = self.listeners
        # the four lists by themselves: the property is_heard would be a call more at every statement
        if listeners.before_execute or listeners.after_execute or listeners.before_cursor or listeners.after_cursor:
            # listeners are told how many rows there were, so these are fetched before any is made
            rows = self._observe(self._fetch, sql, params, False)
            return rows if make is None else make(rows)
        cursor = self._cursor
        try:
            cursor.execute(sql, params)
            # -1 where the database makes the rows only as they are fetched: that may take long
            if cursor.rowcount < MANY_ROWS:
                return cursor.fetchall() if make is None else make(cursor)
            if make is None:
                return with_collector_at_rest(cursor.fetchall)
            return with_collector_at_rest(make, cursor)
        except self.dialect.errors as error:
            self._fail(error, sql, params)

    def look_up(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Send a question of the library's own about the schema, of which listeners are told nothing, and return its rows.

        :raises DBAPIError: what the driver reported, translated.
        """
        if self._gate is not None or not self._has_begun:
            sql = self._pass_gate(sql, False)
        try:
            return self._fetch(sql, params)
        except self.dialect.errors as error:
            self._fail(error, sql, params)

    def lock_schema(self) -> None:
        """Keep other connections that do the same, before they make or drop tables, waiting until the transaction ends."""
        if self.dialect.schema_lock_sql:
            self.look_up(self.dialect.schema_lock_sql)
        elif self._gate is not None and not self._begins_with_statement:
            # the write lock
            self._pass_gate("", True)

    def run(self, sql: str, params: Sequence[Any] = (), *, write: bool = True) -> int:
        """Send a statement and return the number of rows it changed, -1 where unknown; parameters as in fetch_all."""
        if write and not self._has_written:
            self._note_write(sql)
        marks = self._known_marks.get(sql)
        if self._gate is not None or not self._has_begun:
            sql = self._pass_gate(sql, write)
            if not self._has_begun and self.dialect.awaits_standbys:
                return self._send_alone(self._execute, sql, params)
        if marks != 0:
            self._note_marks(sql, params)
        listeners = self.listeners
        if listeners.before_execute or listeners.after_execute or listeners.before_cursor or listeners.after_cursor:
            return self._observe(self._execute, sql, params, False)
        cursor = self._cursor
        try:
            cursor.execute(sql, params)
            count: int = cursor.rowcount
            return count if count >= 0 else self.dialect.unknown_rowcount(cursor, sql)
        except self.dialect.errors as error:
            self._fail(error, sql, params)

    def run_many(self, sql: str, list_of_params: Sequence[Sequence[Any]], *, write: bool = True) -> int:
        """Send a statement once for each set of parameters.

        :returns: the rows changed in all, -1 where the driver does not know (psycopg2).
        """
        if write and not self._has_written:
            self._note_write(sql)
        if self._gate is not None:
            self._pass_gate_alone(sql, write)
        if self._known_marks.get(sql) != 0:
            # the parameters may decide (set_config), so every set is looked at
            for params in list_of_params:
                self._note_marks(sql, params)
        if not self._has_begun and self.dialect.awaits_standbys:
            return self._send_alone(self._execute_many, sql, list_of_params, many=True)
        if self.listeners.is_heard:
            return self._observe(self._execute_many, sql, list_of_params, True)
        try:
            return self._execute_many(sql, list_of_params)
        except self.dialect.errors as error:
            self._fail(error, sql, list_of_params)

    def fetch_described(
        self, sql: str, params: Sequence[Any] = (), *, write: bool = False
    ) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """Like :meth:`fetch_all`, with the names of the columns as the database gives them."""
        rows = self.fetch_all(sql, params, write=write)
        return tuple(column[0] for column in self._cursor.description), rows

    def copy_in(self, sql: str, source: object) -> int:
        """Send ``COPY ... FROM STDIN`` with the data that ``source.read(size)`` gives; return the number of rows.

        :raises InvalidRequestError: where the database (or the driver, with a wait callback as gevent's) has no COPY.
        :raises DBAPIError: what the driver reported, translated.
        """
        self.dialect.require("copy", "copy_in() needs COPY")
        if not self.dialect.can_copy():
            raise InvalidRequestError(
                f"COPY cannot be used on {self.dialect.name} here: it needs PostgreSQL, and psycopg2 without a wait callback."
            )
        if not self._has_written:
            self._note_write(sql)
        if self._gate is not None:
            self._pass_gate_alone(sql, True)
        if not self._has_begun and self.dialect.awaits_standbys:
            return self._send_alone(lambda text, _: self._copy_alone(text, source), sql, ())
        if self.listeners.is_heard:
            return self._observe(lambda text, _: self._copy(text, source), sql, (), False)
        try:
            return self._copy(sql, source)
        except self.dialect.errors as error:
            self._fail(error, sql, ())

    def _copy(self, sql: str, source: object) -> int:
        self._cursor.copy_expert(sql, source)
        count: int = self._cursor.rowcount
        return count

    def _copy_alone(self, sql: str, source: object) -> int:
        count = self._copy(sql, source)
        # the driver hears what the server has warned of with its next statement
        self._cursor.execute("SELECT 1")
        return count

    # -- results, for what executes statements

    def read_result(
        self,
        compiled: Compiled,
        cursor: DBAPICursor,
        keys: InsertedKeys | None = None,
        statement: object = None,
    ) -> Result:
        """Return the result of a statement that was sent over a cursor.

        :param keys: what is known of the keys of inserted rows.
        :param statement: the one that was executed, which ``compiled`` may be of an equal one of.
        """
        try:
            return read_cursor(compiled, cursor, self.dialect, keys, statement)
        except self.dialect.errors as error:
            self._fail(error, compiled.sql, ())

    @property
    def last_rowid(self) -> int | None:
        """The number of the row that the last INSERT has written, where the database tells it."""
        return getattr(self._cursor, "lastrowid", None) or None

    # -- a cursor beside the usual one, for streams

    def new_cursor(self) -> Any:
        """Return another cursor of the driver."""
        if self._record is None:
            assert self._gate is not None
            self._refuse(self._gate)
        cursor = self.engine.pool.new_cursor(self._record.raw)
        limit = self._stack[0].commit_limit if self._stack else None
        return cursor if limit is None else self.dialect.timed(cursor, limit)

    def run_on(self, cursor: DBAPICursor, sql: str, params: Sequence[Any], *, write: bool) -> None:
        """Send a statement over a cursor from :meth:`new_cursor`."""
        if write and not self._has_written:
            self._note_write(sql)
        marks = self._known_marks.get(sql)
        if self._gate is not None or not self._has_begun:
            sql = self._pass_gate(sql, write)
        if marks != 0:
            self._note_marks(sql, params)

        def send(text: str, values: object) -> Any:
            cursor.execute(text, values)
            return cursor.rowcount

        if not self._has_begun and self.dialect.awaits_standbys:
            self._send_alone(send, sql, params)
            return
        if self.listeners.is_heard:
            self._observe(send, sql, params, False)
            return
        try:
            send(sql, params)
        except self.dialect.errors as error:
            self._fail(error, sql, params)

    def take_from(self, cursor: DBAPICursor, size: int) -> list[tuple[Any, ...]]:
        """Return the next rows of a cursor from :meth:`new_cursor`."""
        try:
            rows: list[tuple[Any, ...]] = cursor.fetchmany(size)
            return rows
        except self.dialect.errors as error:
            self._fail(error, "FETCH", ())

    @property
    def transaction_level(self) -> Transaction | None:
        """The outermost transaction that is open, or None."""
        return self._stack[0] if self._stack else None

    @property
    def is_autocommit(self) -> bool:
        """True within a ``begin()`` that opens no transaction, for the isolation level is AUTOCOMMIT."""
        return bool(self._stack) and self._gate is None and not self._has_begun

    @property
    def has_written(self) -> bool:
        """True when a rollback of the innermost transaction or savepoint would undo (or has undone) what was written since it began."""
        return self._has_written and not self.is_autocommit

    @property
    def is_usable(self) -> bool:
        """True while statements can be sent: not closed, not lost, the transaction not given up by the database."""
        if self._record is None or self._record.broken or (self._gate is not None and self._gate.refusal is not None):
            return False
        return not self.dialect.awaits_rollback(self._record.raw)

    def cursor_execute(self, sql: str, params: Sequence[Any] = (), *, write: bool) -> Any:
        """Send a statement and return the driver's cursor, which the next statement of this connection uses again."""
        self.run(sql, params, write=write)
        return self._cursor

    # -- inside: before and after a statement

    def _note_write(self, sql: str) -> None:
        self._has_written = sql.lstrip()[:4].upper() not in _LEAVE_NOTHING

    def _pass_gate(self, sql: str, write: bool) -> str:
        """Do what must happen before a statement; return the text to send in its place."""
        gate = self._gate
        if gate is None:
            record = self._record
            return sql if record is not None and self._is_settled(record) else self.dialect.by_itself(sql)
        if gate.refusal is not None:
            self._refuse(gate)
        # On SQLite a read goes out by itself until something is written: it takes no lock, and sees what is newest. On
        # PostgreSQL for_reads is always True, and queries are spared where nothing may be written.
        if not write and (not gate.for_reads or (gate.spares_queries and self.dialect.does_alone(sql))):
            return sql
        if not self._begins_with_statement:
            if gate.read_only and write:
                raise InvalidRequestError(f"this transaction is read only, and the statement writes.\n[SQL: {sql}]")
            self._open_now(gate)
            return sql
        # before the statement goes out; _fail() puts the gate back where BEGIN turns out not to have been executed
        self._gate = None
        self._has_begun = True
        if gate.begin_sql and self.listeners.after_execute:
            self._notify(gate.begin_sql, 0.0, "transaction")
        return Opening(f"{gate.sent};\n{sql}", sql, gate)

    def _is_settled(self, record: PooledConnection) -> bool:
        """Return True where the session has the settings that values depend on, and no statement may have changed them since the connection was lent."""
        return record.is_settled and not record.marks and self.dialect.is_settled(record.raw)

    def _spares_queries(self, record: PooledConnection, isolation_level: str | None) -> bool:
        """Return True where the queries of a transaction that must not write need no BEGIN: each sees what is newest, within it or not.

        :param isolation_level: the one asked for; None for that of the session.
        """
        # that a transaction over a replica must not write was not asked for by anybody
        return (isolation_level or record.isolation_level) == "READ COMMITTED" and not self.engine.is_replica

    def unsettle(self) -> None:
        """Undo the settings that the connection has for its whole session: for somebody who uses the driver's connection without it."""
        record = self._record
        if record is not None and record.is_settled:
            record.is_settled = False
            self.dialect.unsettle(record.raw)

    def _note_marks(self, sql: str, params: Sequence[Any]) -> None:
        """Remember what a statement that is about to be sent may do besides reading and writing rows."""
        marks = self.dialect.marks(sql.statement if isinstance(sql, Opening) else sql)
        record = self._record
        if not marks or record is None:
            return
        if marks & DEPENDS and (True not in params or False in params):
            # set_config(name, value, is_local)
            marks |= CHANGES_SESSION
        record.marks |= marks
        if marks & CHANGES_FORMATS and self._has_begun and self._gate is None and self._begins_with_statement:
            self._gate = settings_gate(self.dialect)

    @property
    def may_have_written(self) -> bool:
        """True unless it is known that the open transaction has changed nothing."""
        return self._has_written or self._record is None or bool(self._record.marks & MAY_WRITE)

    def _pass_gate_alone(self, sql: str, write: bool) -> None:
        """The same for a statement that cannot carry BEGIN: it goes out by itself, whatever the statement is."""
        gate = self._gate
        if gate is None or not self._begins_with_statement:
            self._pass_gate(sql, write)
            return
        if gate.refusal is not None:
            self._refuse(gate)
        self._open_now(gate)

    def _open_now(self, gate: Gate) -> None:
        """Send BEGIN by itself.

        :param gate: the one that is up.
        """
        self._send_transaction_sql(gate.sent, gate.begin_sql)
        self._gate = READING if gate.read_only and not self._begins_with_statement else None
        self._has_begun = True

    def _send_alone(self, send: Callable[[str, Any], T], sql: str, params: Any, *, many: bool = False) -> T:
        """Send a statement that is a transaction of its own, whose commit may have to be confirmed by other servers.

        :raises CommitOutcomeUnknown: when it was committed, and none has confirmed it.
        """
        record, dialect = self._record, self.dialect
        assert record is not None
        if not many:
            self._note_marks(sql, params)

        def send_now() -> T:
            if self.listeners.is_heard:
                return self._observe(send, sql, params, many)
            try:
                return send(sql, params)
            except dialect.errors as error:
                self._fail(error, sql, params)

        return dialect.alone(record.raw, send_now)

    def _refuse(self, gate: Gate) -> NoReturn:
        if gate is FAILED or isinstance(gate, BlockOver):
            raise InvalidRequestError(str(gate.refusal))
        raise ResourceClosedError(str(gate.refusal))

    def _fail(self, error: Exception, sql: str, params: object) -> NoReturn:
        """Raise our error for the driver's, after noting what it means for the transaction and the connection."""
        record = self._record
        assert record is not None
        lost = self.dialect.is_lost(error, record.raw)
        statement = sql.statement if isinstance(sql, Opening) else sql
        if lost:
            record.broken = True
            self._gate = LOST
            # what has cut this connection off, a restart say, has very likely cut off the idle ones too
            self.engine.pool.discard_idle()
        elif isinstance(sql, Opening) and not self.dialect.in_transaction(record.raw):
            # the string did not even parse, so that BEGIN was not executed: it goes with the next statement
            self._gate = sql.gate
            self._has_begun = False
        elif self._has_begun and self.dialect.has_failed(record.raw):
            self._gate = FAILED
        elif self.dialect.is_misplaced(error) and not (self._stack and self._stack[0].is_read_only):
            # the server has become read only, or a standby: the next connection may find one that writes
            record.broken = True
            self.engine.pool.discard_idle()
        if self.dialect.is_ambiguous(error):
            raise CommitOutcomeUnknown(
                f"the database does not know whether it has committed. Look there before you repeat it. ({error})"
            ) from error
        given, params = params, HIDDEN if self.engine.hide_parameters and params else params
        cure = self.engine.cure(error)
        if not cure and lacks_expansion(str(error), str(statement), given):
            cure = EXPANDING
        # no name for it here: the traceback would hold this frame, and the frame the error
        raise self._told_of(
            translate(
                error,
                statement,
                params,
                connection_invalidated=lost,
                cure=cure,
                from_replica=self.engine.is_replica,
                waits_for_itself=self.engine.waits_for_itself(error, record),
            ),
            error,
        ) from error

    def _told_of(self, made: DBAPIError, error: BaseException) -> BaseException:
        return tell_of_error(self, self.engine, made, error) if self.listeners.around else made

    def note_lost(self, discards: bool = True) -> None:
        """Take note that the connection cannot be used any more.

        :param discards: True where the idle connections of the pool are very likely lost, too.
        """
        if self._record is not None:
            self._record.broken = True
            self._gate = LOST
            if discards:
                self.engine.pool.discard_idle()

    @property
    def cursor(self) -> Any:
        """The driver's cursor that statements are executed by; None after close()."""
        return self._cursor

    def _fail_to_commit(self, error: Exception, is_read_only: bool) -> NoReturn:
        """The same for an error of COMMIT.

        :param is_read_only: True for a transaction that was begun as one that must not write.
        """
        record = self._record
        assert record is not None
        if self.dialect.is_ambiguous(error):
            self._fail(error, "COMMIT", ())
        if not self.dialect.is_lost(error, record.raw):
            raise self._told_of(translate(error, "COMMIT", ()), error) from error
        record.broken = True
        self._gate = LOST
        self.engine.pool.discard_idle()
        raise lost_at_commit(error, is_read_only or not self.may_have_written) from error

    def _execute(self, sql: str, params: object) -> int:
        cursor = self._cursor
        cursor.execute(sql, params)
        count: int = cursor.rowcount
        return count if count >= 0 else self.dialect.unknown_rowcount(cursor, sql)

    def _fetch(self, sql: str, params: object) -> list[tuple[Any, ...]]:
        self._cursor.execute(sql, params)
        rows: list[tuple[Any, ...]] = self._cursor.fetchall()
        return rows

    def _execute_many(self, sql: str, list_of_params: Sequence[Sequence[Any]]) -> int:
        return self.dialect.execute_many(self._cursor, sql, list_of_params)

    def _observe(self, send: Callable[[str, Any], T], sql: str, params: object, many: bool) -> T:
        """Send a statement between calls of the listeners."""
        shown = sql.statement if isinstance(sql, Opening) else sql
        if self.listeners.before_execute:
            event = StatementEvent(self.engine, shown, params, 0.0, many, -1)
            # a copy, since a listener may take itself out of the list
            for listener in tuple(self.listeners.before_execute):
                listener(event)
        context = None
        if self.listeners.before_cursor or self.listeners.after_cursor:
            context = ExecutionContext(self, self._cursor, shown, params, many)
        if self.listeners.before_cursor:
            sql, params = self._changed_by_listeners(sql, shown, params, many, context)
        start = time.perf_counter()
        try:
            result = send(sql, params)
        except self.dialect.errors as error:
            self._notify(shown, time.perf_counter() - start, "statement", -1, params, many, error)
            self._fail(error, sql, params)
        rowcount = len(result) if isinstance(result, list) else result if isinstance(result, int) else -1
        self._notify(shown, time.perf_counter() - start, "statement", rowcount, params, many)
        for listener in self.listeners.after_cursor:
            listener(self, self._cursor, shown, params, context, many)
        return result

    def _changed_by_listeners(
        self, sql: str, shown: str, params: object, many: bool, context: ExecutionContext | None
    ) -> tuple[str, Any]:
        """Return a statement and its parameters as what listens to ``before_cursor_execute`` has them sent."""
        text = shown
        for listener in self.listeners.before_cursor:
            text, params = listener(self, self._cursor, text, params, context, many)
        if text == shown:
            return sql, params
        return (sql.with_statement(text) if isinstance(sql, Opening) else text), params

    def _notify(
        self,
        sql: str,
        duration: float,
        kind: Kind,
        rowcount: int = -1,
        params: object = (),
        many: bool = False,
        error: BaseException | None = None,
    ) -> None:
        if self.listeners.after_execute:
            event = StatementEvent(self.engine, sql, params, duration, many, rowcount, kind, error)
            for listener in tuple(self.listeners.after_execute):
                listener(event)

    # -- statements that control the transaction

    def run_transaction_sql(self, sql: str) -> None:
        """Send a statement that controls the transaction (SAVEPOINT, PREPARE TRANSACTION ...), opening it first."""
        if self._gate is not None:
            sql = self._pass_gate(sql, not self._gate.read_only)
        self._send_transaction_sql(sql)

    def send_prepare(self, xid: str, limit: float | None) -> None:
        """Have the database prepare the transaction that is open.

        :param limit: seconds that it may wait for another server; None for ever.
        :raises CommitOutcomeUnknown: when it is prepared, and no other server has confirmed it where it was to wait for one.
        :raises DBAPIError: when the database refuses.
        """
        self._control(f"PREPARE TRANSACTION '{xid}'", self.dialect.prepare, self._cursor, xid, limit)

    def finish_prepared(self, xid: str, commit: bool, limit: float | None = None) -> None:
        """Commit or roll back a transaction that was prepared over another connection. This one must be in no transaction.

        :param limit: seconds that it may wait for another server; None for ever.
        :raises CommitOutcomeUnknown: when it is committed, and no other server has confirmed a commit that was to wait for one.
        :raises ProgrammingError: when there is none of that name.
        """
        sql = f"{'COMMIT' if commit else 'ROLLBACK'} PREPARED '{xid}'"
        self._control(sql, self.dialect.finish_prepared, self._cursor, xid, commit, limit)

    def _send_transaction_sql(self, sql: str, shown: str | None = None) -> None:
        self._control(sql if shown is None else shown, self._cursor.execute, sql)

    def _control(self, sql: str, send: Callable[..., T], *arguments: Any) -> T:
        """Have ``send(*arguments)`` control the transaction; ``sql`` is what messages and listeners are shown."""
        start = time.perf_counter()
        try:
            found = send(*arguments)
        except self.dialect.errors as error:
            self._fail(error, sql, ())
        if self.listeners.after_execute:
            shown = sql.statement if isinstance(sql, Opening) else sql
            if shown:
                self._notify(shown, time.perf_counter() - start, "transaction")
        return found
