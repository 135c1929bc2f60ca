"""Everything on an engine inside one transaction that is rolled back at the end: ``with engine.rolled_back():``, for tests.

Meanwhile all connections of the engine share one connection of the database, and what they take for transactions are savepoints in it:
BEGIN becomes SAVEPOINT, COMMIT becomes RELEASE, ROLLBACK becomes ROLLBACK TO, and a prepared transaction is a savepoint as well. What one
of them has committed the others see, deferred constraints are checked where the commit would have checked them, and an error outside any
transaction undoes that statement alone. Isolation levels and ``SET LOCAL`` have no effect, and units of work that overlap must end in
reverse order, as nested ones do. Used by flask_uow.web.pytest_plugin.
"""

from __future__ import annotations

import itertools
import os
import queue
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, TypeVar

from flask_uow.engine.connection import Connection
from flask_uow.engine.dbapi_errors import translate
from flask_uow.engine.gate import CLOSED, LOST, Gate
from flask_uow.engine.transaction import Transaction
from flask_uow.exc import IntegrityError

if TYPE_CHECKING:
    from flask_uow.engine.dbapi import DBAPICursor
    from flask_uow.engine.engine import Engine
    from flask_uow.engine.pool import PooledConnection
    from flask_uow.engine.rows import RowMaker

__all__ = ["RollbackOnly"]

T = TypeVar("T", bound=Transaction)

_ENDED = Gate(
    refusal="the transaction around the test has ended, and this connection with it. Take a new one with engine.connect()."
)


class RollbackOnly:
    """The transaction around everything. It begins when the first connection is asked for.

    :param engine: the engine whose connections are to be part of it.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._process = os.getpid()
        self._record: PooledConnection | None = None
        self._control: Any = None
        self._numbers = itertools.count(1)
        self._open: list[str] = []
        # finalizers may run in the middle of a put(), which only this queue allows
        self._dropped: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._connections: weakref.WeakSet[_SavepointConnection] = weakref.WeakSet()
        self._violations: frozenset[Any] = frozenset()

    def connect(self) -> Connection:
        """Return a connection whose transactions are savepoints; in a forked process, a real one."""
        # the transaction is the parent's, and two processes must not write to one socket
        if os.getpid() != self._process:
            return Connection(self._engine)
        record = self._record if self._record is not None else self._begin()
        while not self._dropped.empty():
            self.roll_back(self._dropped.get_nowait())
        connection = _SavepointConnection(self._engine, record, self)
        self._connections.add(connection)
        return connection

    def _begin(self) -> PooledConnection:
        record = self._engine.pool.checkout(self)
        record.holder = lambda: "engine.rolled_back()"
        try:
            self._control = record.raw.cursor()
            # references that were broken before the test are no faults of it
            self._violations = self._broken_references()
            dialect = self._engine.dialect
            self._control.execute(dialect.with_settings(dialect.begin_sql(None, False)))
        except BaseException:
            record.broken = True
            self._engine.pool.checkin(record)
            raise
        self._record = record
        return record

    def end(self) -> None:
        """Roll everything back and give the connection back; connections that are still in use are closed."""
        for connection in list(self._connections):
            connection.detach()
        record, self._record = self._record, None
        if record is not None and not record.inherited:
            # the pool rolls back; where that fails it discards the connection, and the database rolls back
            self._engine.pool.checkin(record)

    def disown(self) -> None:
        """In a forked process: leave the connection to the parent."""
        self._record = None

    # -- for the connections

    def send(self, sql: str) -> None:
        """Send a statement that controls the transaction; not over a cursor that may hold rows which are still to be read."""
        self._control.execute(sql)

    def next_name(self) -> str:
        """Return the name of a savepoint that does not exist yet."""
        return f"uow_unit_{next(self._numbers)}"

    def began(self, name: str) -> None:
        """Note that a savepoint was set."""
        self._open.append(name)

    def release(self, name: str) -> None:
        """Make the work since a savepoint part of what is around it."""
        if self._forget(name):
            self.send(f"RELEASE SAVEPOINT {name}")

    def roll_back(self, name: str) -> None:
        """Undo the work since a savepoint; nothing is left to do where one around it has ended."""
        if self._record is not None and self._forget(name):
            self._undo(name)

    def drop(self, name: str) -> None:
        """Have a savepoint rolled back by the next :meth:`connect`; takes no lock and sends nothing: for finalizers."""
        self._dropped.put(name)

    def _undo(self, name: str) -> None:
        self.send(f"ROLLBACK TO SAVEPOINT {name}")
        self.send(f"RELEASE SAVEPOINT {name}")

    def _forget(self, name: str) -> bool:
        if name not in self._open:
            return False
        del self._open[self._open.index(name) :]
        return True

    @contextmanager
    def guard(self, commits: bool) -> Iterator[None]:
        """Let an error undo what is inside alone: on PostgreSQL it would make the whole transaction unusable.

        :param commits: check deferred constraints at the end.
        """
        name = self.next_name()
        self.send(f"SAVEPOINT {name}")
        try:
            yield
            if commits:
                self.check_constraints()
        except BaseException:
            if self._record is not None and not self._record.broken:
                self._undo(name)
            raise
        self.send(f"RELEASE SAVEPOINT {name}")

    def check_constraints(self) -> None:
        """Check deferred constraints now, as a commit does, and leave them deferred.

        :raises IntegrityError: when one is violated; the savepoint around is to be rolled back then.
        """
        if self._engine.name == "postgresql":
            self.send("SAVEPOINT uow_check")
            try:
                self.send("SET CONSTRAINTS ALL IMMEDIATE")
            except self._engine.dialect.errors as error:
                raise translate(error, "COMMIT", ()) from error
            # the setting is undone: constraints are deferred again
            self._undo("uow_check")
        # SQLite checks at COMMIT, which never comes here
        elif self._broken_references() - self._violations:
            raise IntegrityError("FOREIGN KEY constraint failed", "COMMIT")

    def _broken_references(self) -> frozenset[Any]:
        if self._engine.name != "sqlite":
            return frozenset()
        return frozenset(self._control.execute("PRAGMA foreign_key_check").fetchall())


class _SavepointConnection(Connection):
    """A connection inside a :class:`RollbackOnly`."""

    __slots__ = ("_name", "_outer")

    def __init__(self, engine: Engine, record: PooledConnection, outer: RollbackOnly) -> None:
        super().__init__(engine, record)
        self._outer = outer
        self._name = ""
        # a savepoint goes out by itself, over the cursor of the outer transaction, and may write whatever it is to be
        self._begins_with_statement = False
        # its own cursor: several connections may have rows to read at once
        self._cursor = engine.pool.new_cursor(record.raw)

    # -- statements

    def fetch_all(
        self, sql: str, params: Sequence[Any] = (), *, write: bool = False, make: RowMaker | None = None
    ) -> list[Any]:
        with self._guarded(write):
            return super().fetch_all(sql, params, write=write, make=make)

    def run(self, sql: str, params: Sequence[Any] = (), *, write: bool = True) -> int:
        with self._guarded(write):
            return super().run(sql, params, write=write)

    def run_on(self, cursor: DBAPICursor, sql: str, params: Sequence[Any], *, write: bool) -> None:
        gate = self._gate
        if gate is not None and gate.refusal is None and not self._has_begun:
            # rows that are read page by page need a savepoint that stays, for their error to be undone
            if write:
                self._pass_gate(sql, write)
            else:
                self._open_now(gate)
        super().run_on(cursor, sql, params, write=write)

    def copy_in(self, sql: str, source: object) -> int:
        if self._stack:
            return super().copy_in(sql, source)
        # a transaction for itself, so that a failure undoes what has gone in
        with self.begin():
            return super().copy_in(sql, source)

    def _guarded(self, write: bool) -> Any:
        gate = self._gate
        if self._has_begun or (gate is not None and (gate.refusal is not None or write or gate.for_reads)):
            return nullcontext()
        return self._outer.guard(commits=write)

    def _open_now(self, gate: Gate) -> None:
        super()._open_now(gate)
        self._outer.began(self._name)

    # -- transactions

    def is_rolled_back_later(self) -> bool:
        return True

    def _open(
        self,
        transaction: T,
        isolation_level: str | None = None,
        read_only: bool = False,
        setup: Sequence[str] = (),
        for_reads: bool = False,
    ) -> T:
        opened = super()._open(transaction, isolation_level, read_only, setup, for_reads)
        if self._gate is None:  # AUTOCOMMIT: each statement is by itself
            return opened
        self._name = self._outer.next_name()
        self._gate = Gate(f"SAVEPOINT {self._name}", for_reads, read_only)
        return opened

    def _send_transaction_sql(self, sql: str, shown: str | None = None) -> None:
        self._translated(lambda: self._outer.send(sql), sql if shown is None else shown)

    def send_prepare(self, xid: str, limit: float | None) -> None:
        self._translated(self._outer.check_constraints, f"PREPARE TRANSACTION '{xid}'")

    def finish_prepared(self, xid: str, commit: bool, limit: float | None = None) -> None:
        end = self._outer.release if commit else self._outer.roll_back
        self._translated(lambda: end(self._name), f"{'COMMIT' if commit else 'ROLLBACK'} PREPARED '{xid}'")

    def _translated(self, send: Callable[[], object], sql: str) -> None:
        try:
            send()
        except self.dialect.errors as error:
            self._fail(error, sql, ())
        self._notify(sql, 0.0, "transaction")

    def _commit_now(self, transaction: Transaction) -> None:
        try:
            self._outer.check_constraints()
            self._outer.release(self._name)
        except self.dialect.errors as error:
            raise translate(error, "COMMIT", ()) from error
        self._has_begun = False
        self._notify("COMMIT", 0.0, "transaction")

    def _rollback_root(self, transaction: Transaction) -> None:
        record = self._record
        self._end_stack()
        has_begun, self._has_begun = self._has_begun, False
        if record is None or record.broken:
            return
        self._gate = None
        if has_begun:
            self._translated(lambda: self._outer.roll_back(self._name), "ROLLBACK")

    # -- end of life

    def close(self) -> None:
        if self._record is None:
            return
        if self._stack:
            self._stack[0].rollback()
        self._forget(CLOSED)

    def invalidate(self) -> None:
        if self._record is not None:
            self._record.broken = True
            self._forget(LOST)

    def detach(self) -> None:
        """Refuse to work from now on: the transaction around has ended."""
        self._has_begun = False
        self._forget(_ENDED)

    def __del__(self) -> None:
        if self._record is not None and self._has_begun:
            self._outer.drop(self._name)
