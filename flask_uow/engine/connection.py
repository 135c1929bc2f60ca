"""Connection: sends statements over one connection of the pool, and keeps its transaction.

``execute()`` begins a transaction where none is open; ``commit()`` and ``rollback()`` end it, and ``close()`` rolls back what was not
committed. ``begin()`` itself sends nothing: on PostgreSQL BEGIN travels in one string with the first statement, on SQLite it goes out before
the first write (see docs/architecture, "Transactions: our own BEGIN"). ``execute`` takes statements; plain SQL is sent by the base class in
:mod:`flask_uow.engine.sending`, each outside a transaction in one of its own. A connection is for one thread at a time.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import attrgetter
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from flask_uow.engine.dialects.base import AUTOCOMMIT
from flask_uow.engine.ending import EndingConnection
from flask_uow.engine.executing import (
    check_driver_options,
    execute_driver_sql,
    execute_statement,
    execute_told,
    with_options,
)
from flask_uow.engine.gate import CLOSED, INHERITED, LOST, READING, Gate, opening_gate
from flask_uow.engine.listeners import tell_of_error
from flask_uow.engine.marks import CHANGES_SESSION
from flask_uow.engine.raw import RawConnection
from flask_uow.engine.reflection.tables import reflect_table, reflectable_names
from flask_uow.engine.result import Result, ScalarResult
from flask_uow.engine.streaming import stream_pages
from flask_uow.engine.transaction import NestedTransaction, Transaction
from flask_uow.engine.two_phase import TwoPhaseTransaction
from flask_uow.exc import ArgumentError, DBAPIError, InvalidRequestError
from flask_uow.sql.nodes import check_options
from flask_uow.sql.select import Select
from flask_uow.sql.sequences import Sequence as SchemaSequence
from flask_uow.sql.typed import T0, ReturnsRows, Ts

if TYPE_CHECKING:
    from flask_uow.engine.dbapi import Description
    from flask_uow.engine.engine import Engine
    from flask_uow.engine.pool import PooledConnection
    from flask_uow.sql.schema import Table
    from flask_uow.sql.typed import Parameters, Statement

__all__ = ["Connection"]

T = TypeVar("T", bound=Transaction)

logger = logging.getLogger("flask_uow.engine")


class Connection(EndingConnection):
    """A connection that is lent from the engine's pool until :meth:`close`; a context manager.

    :ivar engine: the engine it came from.
    :ivar dialect: the dialect of the database.
    :ivar begins_implicitly: False where each statement outside ``begin()`` commits by itself.
    """

    # listeners leave notes on it under names of their own
    __slots__ = ("__dict__", "_options", "_savepoints", "begins_implicitly")

    def __init__(self, engine: Engine, record: PooledConnection | None = None) -> None:
        super().__init__(engine)
        self._savepoints = 0
        self.blocks = []
        self.begins_implicitly = True
        self._options = engine.options
        # the attributes before: a connection that the pool gives nothing is finalized all the same, and asks for them
        if record is None:
            try:
                record = engine.pool.checkout(self)
            except DBAPIError as error:
                raise tell_of_error(None, engine, error, error.orig or error) from error.__cause__
        self._record = record
        self._cursor = record.cursor

    # -- options

    def execution_options(self, **options: Any) -> Self:
        """Set options for what this connection executes from now on; return the connection.

        :param options: ``isolation_level`` of the transactions that begin from now on (``"AUTOCOMMIT"``: each statement commits by
            itself, also within ``begin()``); ``yield_per`` (or ``stream_results=True``): ``execute()`` gives a :class:`StreamedResult`;
            ``postgresql_readonly``, ``postgresql_deferrable``: True for the transactions that begin from now on (PostgreSQL).
        :raises ArgumentError: for an unknown isolation level.
        :raises InvalidRequestError: for an isolation level while a transaction is open.
        """
        if "isolation_level" in options:
            options["isolation_level"] = self.dialect.check_isolation_level(options["isolation_level"])
            if self._stack:
                raise InvalidRequestError(
                    "the isolation level cannot change while a transaction is open. Set it before begin(), or pass it to begin()."
                )
        check_options(options)
        self._options = {**self._options, **options}
        if self.listeners.around:
            self.listeners.tell("set_connection_execution_options", self, options)
        return self

    def get_execution_options(self) -> Mapping[str, Any]:
        """Return the options that are set."""
        return self._options

    def get_isolation_level(self) -> str | None:
        """Return the isolation level of the next transaction; None for the database's own."""
        level: str | None = self._options.get("isolation_level", self.engine.isolation_level)
        return level

    @property
    def default_isolation_level(self) -> str:
        """The isolation level of transactions that ask for none, as the database has it."""
        known = self._record.isolation_level if self._record is not None else None
        return known or self.dialect.default_isolation_level(self.look_up)

    # -- statements

    @overload
    def execute(
        self,
        statement: SchemaSequence,
        parameters: Parameters = None,
        *,
        execution_options: Mapping[str, Any] | None = None,
    ) -> Any: ...

    @overload
    def execute(
        self,
        statement: ReturnsRows[tuple[*Ts]],
        parameters: Parameters = None,
        *,
        execution_options: Mapping[str, Any] | None = None,
    ) -> Result[tuple[*Ts]]: ...

    @overload
    def execute(
        self,
        statement: Statement,
        parameters: Parameters = None,
        *,
        execution_options: Mapping[str, Any] | None = None,
    ) -> Result: ...

    def execute(
        self,
        statement: Statement,
        parameters: Parameters = None,
        *,
        execution_options: Mapping[str, Any] | None = None,
    ) -> Any:
        """Execute a statement and return its rows, fetched at once.

        :param statement: a statement object, or SQL text with ``:name`` parameters; a :class:`Sequence` gives its next number, a call of
            a function its value.
        :param parameters: a mapping of values by name; a list of mappings executes the statement once for each.
        :param execution_options: options for this execution, as :meth:`Select.execution_options` takes them.
        :raises ArgumentError: for what is no statement; for an UPDATE or DELETE of all rows that is given a list.
        :raises InvalidRequestError: when the statement needs a value that was not given.
        :raises DBAPIError: what the driver reported, translated.
        """
        if isinstance(statement, SchemaSequence):
            # as the field has it: the number itself
            return self.scalar(statement)
        if execution_options:
            statement = with_options(statement, execution_options)
        if self.listeners.around:
            return execute_told(self, statement, parameters)
        return self.execute_untold(statement, parameters)

    def execute_untold(
        self, statement: Any, parameters: Any, send: Callable[[Connection, Any, Any], Any] = execute_statement
    ) -> Any:
        """Execute a statement; what listens to ``before_execute`` has been told of it. For the package.

        :param send: executes it in the transaction that there is.
        """
        if not self._stack and self._begin_implicitly():
            try:
                return send(self, statement, parameters)
            except BaseException:
                # a statement that fails leaves no transaction behind that it began itself
                self.rollback()
                raise
        return send(self, statement, parameters)

    def exec_driver_sql(
        self, statement: str, parameters: object = None, execution_options: Mapping[str, Any] | None = None
    ) -> Result:
        """Execute SQL text as the driver takes it, with the driver's own placeholders (``?`` on SQLite, ``%s`` on PostgreSQL).

        :param statement: the text; without parameters, a ``%`` in it is a ``%``.
        :param parameters: a sequence of values (or a mapping, for placeholders with names); a list of them executes the text once for each.
        :param execution_options: as those of :meth:`execution_options`, but for none that has the rows fetched some at a time.
        :raises ArgumentError: for what is no text, and for such an option.
        :raises DBAPIError: what the driver reported, translated.
        """
        if not isinstance(statement, str):
            raise ArgumentError(f"exec_driver_sql() takes SQL text, got {statement!r}. Pass statements to execute().")
        check_driver_options(execution_options or {})
        result: Result = self.execute_untold(statement, parameters, execute_driver_sql)
        return result

    @property
    def connection(self) -> RawConnection:
        """The driver's connection, for what only the driver can do; its cursors work inside this connection's transaction.

        :raises ResourceClosedError: when the connection is closed.
        """
        if self._record is None:
            assert self._gate is not None
            self._refuse(self._gate)
        if self.dialect.is_server:
            # nobody knows what is sent over it
            self._record.marks |= CHANGES_SESSION
        return RawConnection(self, self._record.raw, is_lent=False, through_lender=True)

    def get_raw_connection(self) -> RawConnection:
        """Return :attr:`connection`."""
        return self.connection

    def open_transaction(self) -> None:
        """Send the BEGIN that is due, beginning a transaction where none is open: before a cursor of the driver's is used."""
        if not self._stack and not self._begin_implicitly():
            return
        gate = self._gate
        if gate is not None:
            if gate.refusal is not None:
                self._refuse(gate)
            if gate is not READING:
                self._open_now(gate)
        if not self._stack[0].is_implicit:
            self._has_written = True

    @overload
    def scalar(
        self,
        statement: ReturnsRows[tuple[T0, *tuple[Any, ...]]],
        parameters: Parameters = None,
        *,
        execution_options: Mapping[str, Any] | None = None,
    ) -> T0 | None: ...

    @overload
    def scalar(
        self,
        statement: Statement,
        parameters: Parameters = None,
        *,
        execution_options: Mapping[str, Any] | None = None,
    ) -> Any: ...

    def scalar(
        self,
        statement: Statement,
        parameters: Parameters = None,
        *,
        execution_options: Mapping[str, Any] | None = None,
    ) -> Any:
        """Execute a statement and return the first column of its first row, None when there is no row; parameters as in :meth:`execute`."""
        if isinstance(statement, SchemaSequence):
            statement = Select((statement.next_value(),))
        return self.execute(statement, parameters, execution_options=execution_options).scalar()

    @overload
    def scalars(
        self,
        statement: ReturnsRows[tuple[T0, *tuple[Any, ...]]],
        parameters: Parameters = None,
        *,
        execution_options: Mapping[str, Any] | None = None,
    ) -> ScalarResult[T0]: ...

    @overload
    def scalars(
        self,
        statement: Statement,
        parameters: Parameters = None,
        *,
        execution_options: Mapping[str, Any] | None = None,
    ) -> ScalarResult: ...

    def scalars(
        self,
        statement: Statement,
        parameters: Parameters = None,
        *,
        execution_options: Mapping[str, Any] | None = None,
    ) -> ScalarResult:
        """Execute a statement and return the values of its first column; parameters as in :meth:`execute`."""
        result: Result = self.execute(statement, parameters, execution_options=execution_options)
        return result.scalars()

    def run_many(self, sql: str, list_of_params: Sequence[Sequence[Any]], *, write: bool = True) -> int:
        if write and not self._stack:
            # all sets of parameters or none
            with self.begin():
                return super().run_many(sql, list_of_params)
        return super().run_many(sql, list_of_params, write=write)

    def stream(
        self,
        sql: str,
        params: Sequence[Any] = (),
        size: int = 1000,
        *,
        write: bool = False,
        describe: Callable[[Description], object] | None = None,
    ) -> Iterator[list[tuple[Any, ...]]]:
        """Send a statement that returns rows and yield them in pages; the server keeps what is not fetched yet.

        The transaction must stay open until the last page; outside one, one is begun for it. Parameters as in fetch_all.

        :param size: rows in each page.
        :param describe: told of the columns, as the driver describes them, before the first page comes.
        """
        return stream_pages(self, sql, params, size, write, describe)

    def table_names(self, schema: str | None = None) -> list[str]:
        """Return the names of the tables that exist in ``schema`` (in the default one when None), sorted."""
        return self.dialect.catalog(self.fetch_all).tables(schema)

    def reflect_table(
        self,
        table: Table,
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
        return self._open(Transaction(self), isolation_level, read_only, setup, for_reads)

    def _begin_implicitly(self) -> bool:
        """Begin a transaction for a statement outside one; return False where each statement commits by itself."""
        if not self.begins_implicitly or self.get_isolation_level() == AUTOCOMMIT:
            return False
        self._open(Transaction(self, is_implicit=True))
        return True

    def commit(self) -> None:
        """Commit the open transaction, which ``begin()`` or the first statement has begun; nothing happens where none is open.

        :raises InvalidRequestError: for the transaction of a Session, which ``session.commit()`` ends.
        :raises ResourceClosedError: when the connection is closed.
        :raises DBAPIError: as :meth:`Transaction.commit`.
        """
        transaction = self._to_be_ended("commit")
        if transaction is not None:
            transaction.commit()

    def rollback(self) -> None:
        """Roll back the open transaction, which ``begin()`` or the first statement has begun; nothing happens where none is open.

        :raises InvalidRequestError: for the transaction of a Session, which ``session.rollback()`` ends.
        :raises ResourceClosedError: when the connection is closed.
        """
        transaction = self._to_be_ended("rollback")
        if transaction is not None:
            transaction.rollback()

    def _to_be_ended(self, verb: str) -> Transaction | None:
        if self._record is None:
            assert self._gate is not None
            self._refuse(self._gate)
        if not self._stack:
            return None
        transaction = self._stack[0]
        if transaction.owner is not None:
            raise InvalidRequestError(
                f"this connection's transaction is that of {transaction.owner}, whose objects would know nothing of its end."
                f" Call {verb}() of {transaction.owner}."
            )
        return transaction

    def begin_twophase(self, xid: str | None = None, **options: Any) -> TwoPhaseTransaction:
        """Begin a transaction that can be prepared before it is committed.

        :param xid: its global identifier, up to 199 bytes; one is made up when None.
        :param options: as for :meth:`begin`.
        :raises InvalidRequestError: when a transaction is open already, or the database has no PREPARE TRANSACTION.
        """
        return self._open(TwoPhaseTransaction(self, xid), **options)

    def _open(
        self,
        transaction: T,
        isolation_level: str | None = None,
        read_only: bool = False,
        setup: Sequence[str] = (),
        for_reads: bool = False,
    ) -> T:
        if self._stack:
            self._end_unwritten()
        if self._gate is not None:
            self._refuse(self._gate)
        self._has_written = False
        dialect = self.dialect
        if isolation_level:
            level = dialect.check_isolation_level(isolation_level)
        else:
            level = self._options.get("isolation_level", self.engine.isolation_level)
        if self._options and dialect.is_server:
            read_only = read_only or bool(self._options.get("postgresql_readonly"))
            setup = (*setup, "SET TRANSACTION DEFERRABLE") if self._options.get("postgresql_deferrable") else setup
        if level == AUTOCOMMIT:
            if read_only or isinstance(transaction, TwoPhaseTransaction):
                raise InvalidRequestError(
                    "with isolation_level='AUTOCOMMIT' there is no transaction that could be read only or prepared."
                )
            self._stack.append(transaction)
            return self._told_of_begin(transaction)
        record = self._record
        assert record is not None
        is_settled = record.is_settled and self._is_settled(record)
        limit = dialect.usual_timeout
        if setup:
            # of these there may be any number
            self._gate = opening_gate(dialect, level, is_settled, read_only, for_reads, setup=setup)
            limit = dialect.statement_timeout(setup, limit)
        else:
            spares_queries = read_only and is_settled and self._spares_queries(record, level)
            self._gate = dialect.opening_gates[level, is_settled, read_only, for_reads, spares_queries]
        transaction.is_read_only = read_only
        if limit is not None:
            transaction.commit_limit = limit
            self._cursor = dialect.timed(self._cursor, limit)
        self._stack.append(transaction)
        return self._told_of_begin(transaction) if self.listeners.around else transaction

    def _told_of_begin(self, transaction: T) -> T:
        try:
            if isinstance(transaction, TwoPhaseTransaction):
                self.listeners.tell("begin_twophase", self, transaction.xid)
            else:
                self.listeners.tell("begin", self)
        except BaseException:
            transaction.rollback()
            raise
        return transaction

    def begin_nested(self) -> Transaction:
        """Set a savepoint within the open transaction; begin a transaction when none is open."""
        if not self._stack:
            return self.begin()
        if self.is_autocommit:
            raise InvalidRequestError(
                "with isolation_level='AUTOCOMMIT' there is no transaction that could have savepoints."
            )
        self.dialect.require("savepoints", "begin_nested() sets a savepoint")
        # a name is never used twice, so that RELEASE and ROLLBACK TO cannot meet another savepoint of that name
        self._savepoints += 1
        name = f"uow_{self._savepoints}"
        if self.listeners.around:
            self.listeners.tell("savepoint", self, name)
        self.run_transaction_sql(f"SAVEPOINT {name}")
        nested = NestedTransaction(self, name, self._has_written)
        # counted from here on: whether the rollback of the savepoint alone would undo anything
        self._has_written = False
        self._stack.append(nested)
        return nested

    has_begun = property(attrgetter("_has_begun"), doc="True once BEGIN has gone out, until the transaction's end.")

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
        # before another can have the connection: from here on nothing must be sent from here
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

    def detach(self) -> None:
        """Take the driver's connection out of the pool for good, which may open another one in its place: ``close()`` closes it.

        :raises ResourceClosedError: when the connection is closed.
        """
        record = self._record
        if record is None:
            assert self._gate is not None
            self._refuse(self._gate)
        self.engine.pool.detach(record)

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
        # nobody is told by an error that this work is lost
        is_lost = error is None and self._stack and self._stack[0].is_implicit and self._has_written
        self.close()
        if is_lost:
            logger.warning(
                "%r was closed at the end of its with block, and what it had written since the last commit() was rolled back. Call"
                " connection.commit() at the end, or use engine.begin(); call rollback() where that is meant.",
                self.engine,
            )

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

    # -- inside

    def _forget(self, gate: Gate) -> None:
        if self._stack:
            self._end_stack()
        self._record = None
        self._cursor = None
        self._gate = gate
