"""Connection: sends statements over one connection of the pool, and keeps its transaction.

Outside ``begin()`` every statement is a transaction of its own. ``begin()`` itself sends nothing: on PostgreSQL BEGIN
travels in one string with the first statement, on SQLite it goes out before the first write (see docs/architecture,
"Transactions: our own BEGIN"). ``execute`` takes statements; plain SQL is sent by the base class in
:mod:`flask_uow.engine.sending`. A connection is for one thread at a time.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import attrgetter
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from flask_uow.engine.dbapi_errors import translate
from flask_uow.engine.dialects.base import AUTOCOMMIT
from flask_uow.engine.gate import CLOSED, FAILED, INHERITED, LOST, READING, Gate, opening_gate
from flask_uow.engine.reflection.tables import reflect_table, reflectable_names
from flask_uow.engine.result import Result, ScalarResult, read_cursor, stream_result
from flask_uow.engine.sending import SendingConnection
from flask_uow.engine.transaction import NestedTransaction, Transaction
from flask_uow.engine.two_phase import TwoPhaseTransaction
from flask_uow.exc import ArgumentError, CommitOutcomeUnknown, DBAPIError, InvalidRequestError, OperationalError
from flask_uow.sql.compiler import Compiled, compile_statement
from flask_uow.sql.nodes import ClauseElement
from flask_uow.sql.select import Select
from flask_uow.sql.sequences import Sequence as SchemaSequence
from flask_uow.sql.text import text
from flask_uow.sql.typed import T0, ReturnsRows, Ts

if TYPE_CHECKING:
    from flask_uow.engine.engine import Engine
    from flask_uow.engine.pool import PooledConnection

__all__ = ["Connection"]

# rows at a time where only streaming was asked for
_STREAM_PAGE = 1000

T = TypeVar("T", bound=Transaction)


class Connection(SendingConnection):
    """A connection that is lent from the engine's pool until :meth:`close`; a context manager.

    :ivar engine: the engine it came from.
    :ivar dialect: the dialect of the database.
    """

    __slots__ = ("_options", "_savepoints")

    def __init__(self, engine: Engine, record: PooledConnection | None = None) -> None:
        super().__init__(engine, record)
        self._savepoints = 0
        self._options = engine.get_execution_options()

    # -- options

    def execution_options(self, **options: Any) -> Self:
        """Set options for what this connection executes from now on; return the connection.

        :param options: ``isolation_level`` of the transactions that begin from now on (``"AUTOCOMMIT"``: each statement commits by
            itself, also within ``begin()``); ``yield_per`` (or ``stream_results=True``): ``execute()`` gives a :class:`StreamedResult`.
        :raises ArgumentError: for an unknown isolation level.
        :raises InvalidRequestError: for an isolation level while a transaction is open.
        """
        if "isolation_level" in options:
            options["isolation_level"] = self.dialect.check_isolation_level(options["isolation_level"])
            if self._stack:
                raise InvalidRequestError(
                    "the isolation level cannot change while a transaction is open. Set it before begin(), or pass it to begin()."
                )
        self._options = {**self._options, **options}
        return self

    def get_execution_options(self) -> Mapping[str, Any]:
        """Return the options that are set."""
        return self._options

    def get_isolation_level(self) -> str | None:
        """Return the isolation level of the next transaction; None for the database's own."""
        level: str | None = self._options.get("isolation_level", self.engine.isolation_level)
        return level

    # -- statements

    @overload
    def execute(self, statement: SchemaSequence, parameters: Any = None) -> Any: ...

    @overload
    def execute(self, statement: ReturnsRows[tuple[*Ts]], parameters: Any = None) -> Result[tuple[*Ts]]: ...

    @overload
    def execute(self, statement: Any, parameters: Any = None) -> Result: ...

    def execute(self, statement: Any, parameters: Any = None) -> Any:
        """Execute a statement and return its rows, fetched at once.

        :param statement: a statement object, or SQL text with ``:name`` parameters; a :class:`Sequence` gives its next number.
        :param parameters: a mapping of values by name; a list of mappings executes the statement once for each.
        :raises ArgumentError: for what is no statement; for an UPDATE or DELETE of all rows that is given a list.
        :raises InvalidRequestError: when the statement needs a value that was not given.
        :raises DBAPIError: what the driver reported, translated.
        """
        if isinstance(statement, SchemaSequence):
            # as the field has it: the number itself
            return self.scalar(statement)
        if isinstance(statement, str):
            statement = text(statement)
        elif parameters and not getattr(statement, "has_values", True):
            # an INSERT or UPDATE that was given no values sets the columns that the parameters name
            names = parameters if isinstance(parameters, Mapping) else parameters[0]
            statement = statement.for_parameters(list(names))
        try:
            compiled, values = compile_statement(statement, self.dialect, self.engine.compiled_cache)
        except AttributeError:
            if isinstance(statement, ClauseElement):
                raise
            raise ArgumentError(
                f"execute() takes a statement, such as select(...), or SQL text; got {statement!r}. Wrap a class or a table in select()."
            ) from None
        if parameters is not None and not isinstance(parameters, Mapping):
            _refuse_all_rows(statement)
            if len(parameters) != 1:
                return self._execute_list(compiled, values, parameters)
            parameters = parameters[0]
        if compiled.is_write and not compiled.returns_rows:
            rowcount = self.run(compiled.sql, compiled.parameters(values, parameters))
            return Result(None, (), rowcount, getattr(self._cursor, "lastrowid", None) or None)
        size = self._page_size(statement)
        if size is not None and compiled.returns_rows and getattr(statement, "is_select", False):
            pages = self.stream(compiled.sql, compiled.parameters(values, parameters), size, write=compiled.is_write)
            return stream_result(compiled, pages, self.dialect)
        cursor = self.cursor_execute(compiled.sql, compiled.parameters(values, parameters), write=compiled.is_write)
        return self._make_result(compiled, cursor)

    def _page_size(self, statement: Any) -> int | None:
        """Return the number of rows to fetch at a time; None for all at once."""
        options = statement.get_execution_options()
        for given in (options, self._options):
            if given.get("yield_per") is not None:
                return int(given["yield_per"])
            if given.get("stream_results"):
                return _STREAM_PAGE
        return None

    @overload
    def scalar(self, statement: ReturnsRows[tuple[T0, *tuple[Any, ...]]], parameters: Any = None) -> T0 | None: ...

    @overload
    def scalar(self, statement: Any, parameters: Any = None) -> Any: ...

    def scalar(self, statement: Any, parameters: Any = None) -> Any:
        """Execute a statement and return the first column of its first row, None when there is no row."""
        if isinstance(statement, SchemaSequence):
            statement = Select((statement.next_value(),))
        return self.execute(statement, parameters).scalar()

    @overload
    def scalars(
        self, statement: ReturnsRows[tuple[T0, *tuple[Any, ...]]], parameters: Any = None
    ) -> ScalarResult[T0]: ...

    @overload
    def scalars(self, statement: Any, parameters: Any = None) -> ScalarResult: ...

    def scalars(self, statement: Any, parameters: Any = None) -> ScalarResult:
        """Execute a statement and return the values of its first column."""
        result: Result = self.execute(statement, parameters)
        return result.scalars()

    def table_names(self, schema: str | None = None) -> list[str]:
        """Return the names of the tables that exist in ``schema`` (in the default one when None), sorted."""
        return self.dialect.catalog(self.fetch_all).tables(schema)

    def reflect_table(
        self,
        table: Any,
        given: dict[str, Any],
        include_columns: frozenset[str] | None,
        resolve_fks: bool,
        replace: bool = True,
    ) -> None:
        """Fill a table with what the database has under its name; for ``Table(..., autoload_with=connection)``."""
        catalog = self.dialect.catalog(self.fetch_all)
        reflect_table(catalog, self, table, given, include_columns, resolve_fks, replace)

    def reflectable_names(self, schema: str | None, only: Any, views: bool) -> list[str]:
        """Return the names of the tables that ``MetaData.reflect()`` is to load."""
        return reflectable_names(self.dialect.catalog(self.fetch_all), schema, only, views)

    @contextmanager
    def ddl_connection(self) -> Iterator[Connection]:
        """Give this connection, in a transaction (in the one that is open, where one is): for create_all, drop_all."""
        if self._stack:
            yield self
            return
        with self.begin():
            yield self

    # -- transactions

    def begin(
        self,
        *,
        isolation_level: str | None = None,
        read_only: bool = False,
        setup: Sequence[str] = (),
        for_reads: bool = False,
    ) -> Transaction:
        """Begin a transaction. Sends nothing: BEGIN goes out with the first statement.

        :param isolation_level: the level of this transaction; the engine's when None.
        :param read_only: True where the transaction must not write.
        :param setup: statements to send together with BEGIN where that costs no round trip (``SET LOCAL ...``); left
            out on SQLite. They are SQL: never pass text that a user has given.
        :param for_reads: True where a first statement that only reads opens the transaction on SQLite too.
        :raises InvalidRequestError: when a transaction is open already.
        """
        return self._open(Transaction(self), isolation_level, read_only=read_only, setup=setup, for_reads=for_reads)

    def begin_twophase(self, xid: str | None = None, **options: Any) -> TwoPhaseTransaction:
        """Begin a transaction that can be prepared before it is committed.

        :param xid: its global identifier, up to 199 bytes; one is made up when None.
        :param options: as for :meth:`begin`.
        :raises InvalidRequestError: when a transaction is open already, or the database has no PREPARE TRANSACTION.
        """
        return self._open(TwoPhaseTransaction(self, xid), **options)

    def _open(self, transaction: T, isolation_level: str | None = None, **options: Any) -> T:
        if self._stack:
            raise InvalidRequestError(
                "a transaction is open on this connection already. Use begin_nested() for a savepoint within it."
            )
        if self._gate is not None:
            self._refuse(self._gate)
        self._has_written = False
        dialect = self.dialect
        level = dialect.check_isolation_level(isolation_level) if isolation_level else self.get_isolation_level()
        if level == AUTOCOMMIT:
            if options.get("read_only") or isinstance(transaction, TwoPhaseTransaction):
                raise InvalidRequestError(
                    "with isolation_level='AUTOCOMMIT' there is no transaction that could be read only or prepared."
                )
            self._stack.append(transaction)
            return transaction
        self._gate = opening_gate(dialect, level, **options)
        transaction.is_read_only = bool(options.get("read_only"))
        transaction.commit_limit = dialect.statement_timeout(options.get("setup", ()))
        self._stack.append(transaction)
        return transaction

    def begin_nested(self) -> Transaction:
        """Set a savepoint within the open transaction; begin a transaction when none is open."""
        if not self._stack:
            return self.begin()
        if self.is_autocommit:
            raise InvalidRequestError(
                "with isolation_level='AUTOCOMMIT' there is no transaction that could have savepoints."
            )
        self._savepoints += 1
        name = f"uow_{self._savepoints}"
        self.run_transaction_sql(f"SAVEPOINT {name}")
        nested = NestedTransaction(self, name, self._has_written)
        self._has_written = False
        self._stack.append(nested)
        return nested

    has_begun = property(attrgetter("_has_begun"), doc="True once BEGIN has gone out, until the transaction's end.")

    def ask_whether_written(self) -> bool:
        """Return whether the open transaction has changed anything, or may have; the database is asked where it is not known.

        :raises DBAPIError: when it cannot be asked.
        """
        if not self._has_begun or self._gate is READING:
            return False
        if self.has_written or not self.dialect.written_sql:
            return True
        found: list[bool] = []
        self._control(lambda cursor: found.append(self.dialect.has_written(cursor)), self.dialect.written_sql)
        return found[0]

    def is_rolled_back_later(self) -> bool:
        """Return whether the connection is inside :meth:`Engine.rolled_back`, so that nothing that it commits lasts."""
        return False

    def in_nested_transaction(self) -> bool:
        """Return True while a savepoint is open."""
        return len(self._stack) > 1

    def get_transaction(self) -> Transaction | None:
        """Return the transaction that is open, None when there is none."""
        return self._stack[0] if self._stack else None

    def get_nested_transaction(self) -> Transaction | None:
        """Return the innermost savepoint that is open, None when there is none."""
        return self._stack[-1] if len(self._stack) > 1 else None

    def run_transaction_sql(self, sql: str) -> None:
        """Send a statement that controls the transaction (SAVEPOINT, PREPARE TRANSACTION ...), opening it first."""
        if self._gate is not None:
            sql = self._pass_gate(sql, not self._gate.read_only)
        self._send_transaction_sql(sql)

    # -- end of life

    @property
    def closed(self) -> bool:
        """True after close() or invalidate()."""
        return self._record is None

    def close(self) -> None:
        """Roll back what is open and give the connection back to the pool; nothing happens the second time."""
        record = self._record
        if record is None:
            return
        if self._stack:
            try:
                self._stack[0].rollback()
            except DBAPIError:
                # its state is unknown: the pool closes it, and the database rolls back
                record.broken = True
        self._forget(CLOSED)
        self.engine.pool.checkin(record)

    def invalidate(self) -> None:
        """Close the driver's connection instead of giving it back, since it cannot be trusted any more."""
        record = self._record
        if record is None:
            return
        record.broken = True
        self._forget(LOST)
        self.engine.pool.checkin(record)

    def set_holder(self, holder: Callable[[], str] | None) -> None:
        """Say what the connection is used for: a function that tells, asked when the pool is exhausted."""
        if self._record is not None:
            self._record.holder = holder

    def disown(self) -> None:
        """Refuse to be used from now on: this is the copy, in a forked process, of a connection of its parent's."""
        self._end_stack()
        self._gate = INHERITED

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # no lock may be taken here, so the pool takes the connection back later
        record = self._record
        if record is not None and self._gate is not INHERITED:
            self._record = None
            self.engine.pool.abandon(record, self)
            warnings.warn(
                f"a connection of {self.engine!r} was dropped without close(); it was rolled back. "
                "Use it in a with block.",
                ResourceWarning,
                stacklevel=2,
            )

    def __repr__(self) -> str:
        return f"<Connection to {self.engine.url}{', closed' if self.closed else ''}>"

    # -- inside: the transaction

    def _commit_root(self, transaction: Transaction) -> None:
        try:
            if self._gate is not None and self._gate.refusal is not None:
                self._refuse(self._gate)
            if self._has_begun:
                self._commit_now(transaction)
        except BaseException:
            self._rollback_root(transaction)
            raise
        self._end_stack()

    def _commit_now(self, transaction: Transaction) -> None:
        record = self._record
        assert record is not None
        start = time.perf_counter()
        try:
            self.dialect.commit(self._cursor, transaction.commit_limit)
        except self.dialect.errors as error:
            if not self.dialect.is_lost(error, record.raw):
                raise translate(error, "COMMIT", ()) from error
            record.broken = True
            self._gate = LOST
            self.engine.pool.discard_idle()
            if transaction.is_read_only or not self.may_have_written:
                raise OperationalError(
                    "the connection was lost at the end of a transaction that has only read, so nothing is lost: it can be repeated."
                    f" ({str(error).strip()})",
                    "COMMIT",
                    None,
                    error,
                    connection_invalidated=True,
                ) from error
            raise CommitOutcomeUnknown(
                "the connection was lost while COMMIT was under way: the transaction may be saved or not. "
                f"Look in the database before you repeat it. ({str(error).strip()})"
            ) from error
        self._has_begun = False
        self._notify("COMMIT", time.perf_counter() - start, "transaction")

    def finish_prepared(self, xid: str, commit: bool) -> None:
        """Commit or roll back a transaction that was prepared over another connection. This one must be in no transaction.

        :raises ProgrammingError: when there is none of that name.
        """
        self._commit_prepared(xid) if commit else self._rollback_prepared(xid)

    def _prepare_now(self, xid: str) -> None:
        self._control(lambda cursor: self.dialect.prepare(cursor, xid), f"PREPARE TRANSACTION '{xid}'")

    def _commit_prepared(self, xid: str) -> None:
        self._control(lambda cursor: self.dialect.finish_prepared(cursor, xid, True), f"COMMIT PREPARED '{xid}'")

    def _rollback_prepared(self, xid: str) -> None:
        self._control(lambda cursor: self.dialect.finish_prepared(cursor, xid, False), f"ROLLBACK PREPARED '{xid}'")

    def _rollback_root(self, transaction: Transaction) -> None:
        record = self._record
        self._end_stack()
        has_begun, self._has_begun = self._has_begun, False
        if record is None or record.broken:
            return
        self._gate = None
        if has_begun and self.dialect.in_transaction(record.raw):
            try:
                self._send_transaction_sql("ROLLBACK")
            except DBAPIError as error:
                # with the connection gone the database rolls back by itself
                if not error.connection_invalidated:
                    raise

    def _release_savepoint(self, nested: NestedTransaction) -> None:
        self.run_transaction_sql(f"RELEASE SAVEPOINT {nested.name}")
        self._end_stack(nested)
        self._has_written = self._has_written or nested.had_written

    def _rollback_to_savepoint(self, nested: NestedTransaction) -> None:
        self._end_stack(nested)
        self._has_written = nested.had_written
        record = self._record
        if record is None or record.broken or self._gate is FAILED:
            # the whole transaction is gone, and the outer rollback says so
            return
        self._send_transaction_sql(f"ROLLBACK TO SAVEPOINT {nested.name}")
        self._send_transaction_sql(f"RELEASE SAVEPOINT {nested.name}")

    def _end_stack(self, first: Transaction | None = None) -> None:
        """Mark ``first`` (the outermost when None) and everything within it as ended."""
        start = self._stack.index(first) if first is not None else 0
        for transaction in self._stack[start:]:
            transaction.is_active = False
        del self._stack[start:]
        if not self._stack and self._gate is not None and self._gate.refusal is None:
            self._gate = None

    def _forget(self, gate: Gate) -> None:
        self._end_stack()
        self._record = None
        self._cursor = None
        self._gate = gate

    # -- inside: results

    def _make_result(self, compiled: Compiled, cursor: Any) -> Result:
        try:
            return read_cursor(compiled, cursor, self.dialect)
        except self.dialect.errors as error:
            self._fail(error, compiled.sql, ())

    def _execute_list(self, compiled: Compiled, values: list[Any], parameters: Any) -> Result:
        sets = [compiled.parameters(values, given) for given in parameters]
        if compiled.columns:
            raise InvalidRequestError(
                "a statement that returns rows was given a list of parameter sets. Pass one mapping, or drop RETURNING."
            )
        rowcount = self.run_many(compiled.sql, sets) if sets else 0
        return Result(None, (), rowcount)


def _refuse_all_rows(statement: Any) -> None:
    """Refuse an UPDATE or DELETE without WHERE that was given a list: each set of parameters would be for all rows anew.

    :raises ArgumentError: naming the table.
    """
    if getattr(statement, "is_about_all_rows", False):
        verb, table = statement.__visit_name__, getattr(statement.table, "name", None) or "table"
        raise ArgumentError(
            f"{verb}() of {statement.table.description} was given a list of parameter sets and has no WHERE, so that each of them"
            f" would be about all rows. Say which row a set is about: .where({table}.c.id == bindparam('row'))."
        )
