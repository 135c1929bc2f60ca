"""Everything on an engine inside one transaction that is rolled back at the end: ``with engine.rolled_back():``, for tests.

Meanwhile all connections of the engine share one connection of the database, and what they take for transactions are savepoints in it:
BEGIN becomes SAVEPOINT, COMMIT becomes RELEASE, ROLLBACK becomes ROLLBACK TO, and a prepared transaction is a savepoint as well. What one
of them has committed the others see, deferred constraints are checked where the commit would have checked them, and an error outside any
transaction undoes that statement alone. Isolation levels and ``SET LOCAL`` have no effect. Threads take turns, statement by statement. Where
units of work overlap, one that is committed keeps its savepoint until those that were set later have ended; one that is rolled back takes
with it what later ones have done, and who is still at that is told so. Used by flask_uow.web.pytest_plugin.
"""

from __future__ import annotations

import itertools
import os
import queue
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from flask_uow.engine.connection import Connection
from flask_uow.engine.dbapi_errors import translate
from flask_uow.engine.gate import CLOSED, LOST, Gate
from flask_uow.engine.marks import MAY_WRITE
from flask_uow.engine.transaction import Transaction
from flask_uow.exc import IntegrityError

if TYPE_CHECKING:
    from flask_uow.engine.dbapi import DBAPICursor
    from flask_uow.engine.engine import Engine
    from flask_uow.engine.inserted import InsertedKeys
    from flask_uow.engine.pool import PooledConnection
    from flask_uow.engine.result import Result
    from flask_uow.engine.rows import RowMaker
    from flask_uow.sql.compiler import Compiled

__all__ = ["RollbackOnly"]

T = TypeVar("T", bound=Transaction)

_ENDED = Gate(
    refusal="the transaction around the test has ended, and this connection with it. Take a new one with engine.connect()."
)
_TAKEN_ALONG = Gate(
    refusal="this transaction was undone by the rollback of another one that had begun before and overlaps with it: inside"
    " engine.rolled_back(), as in tests with uow_rollback, all share one transaction of the database, in which they are savepoints. Call"
    " rollback(); have units of work end in reverse order, or one after the other."
)


class _Savepoint:
    """A savepoint in the transaction around everything.

    :ivar owner: the connection that has set it.
    :ivar set_at: when, on the clock of the transaction.
    :ivar is_committed: it is kept only because others were set later.
    """

    __slots__ = ("is_committed", "owner", "set_at")

    def __init__(self, owner: _SavepointConnection, set_at: int) -> None:
        self.owner = weakref.ref(owner)
        self.set_at = set_at
        self.is_committed = False


class RollbackOnly:
    """The transaction around everything. It begins when the first connection is asked for.

    :param engine: the engine whose connections are to be part of it.

    :ivar lock: held by whoever sends something; threads share the driver's connection.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._process = os.getpid()
        self._record: PooledConnection | None = None
        self._control: Any = None
        self._numbers = itertools.count(1)
        self.lock = threading.RLock()
        # those that the database has, in their order
        self._open: dict[str, _Savepoint] = {}
        self._clock = itertools.count(1)
        # finalizers may run in the middle of a put(), which only this queue allows
        self._dropped: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._connections: weakref.WeakSet[_SavepointConnection] = weakref.WeakSet()
        self._violations: frozenset[Any] = frozenset()

    def connect(self) -> Connection:
        """Return a connection whose transactions are savepoints; in a forked process, a real one."""
        # the transaction is the parent's, and two processes must not write to one socket
        if os.getpid() != self._process:
            return Connection(self._engine)
        with self.lock:
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
        with self.lock:
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

    def tick(self) -> int:
        """Return a number that is greater than all before."""
        return next(self._clock)

    def set_savepoint(self, name: str, connection: _SavepointConnection) -> None:
        """Begin a savepoint of a connection's."""
        self.send(f"SAVEPOINT {name}")
        self._open[name] = _Savepoint(connection, self.tick())

    def release(self, name: str) -> None:
        """Make the work since a savepoint part of what is around it."""
        if name not in self._open:
            return
        own = self._open[name].owner()
        for savepoint in self._since(name):
            # with it those within it that its connection has left open
            if savepoint.owner() is own:
                savepoint.is_committed = True
        # to release one would release those that others have set later, and still need
        while self._open and self._open[last := next(reversed(self._open))].is_committed:
            del self._open[last]
            self.send(f"RELEASE SAVEPOINT {last}")

    def roll_back(self, name: str) -> None:
        """Undo the work since a savepoint, which is gone then; nothing is left to do where one around it has ended."""
        if self._record is not None and name in self._open:
            self.roll_back_to(name)
            self.release(name)

    def roll_back_to(self, name: str) -> None:
        """Undo the work since a savepoint, and tell whoever has done some of it and is not at its end yet."""
        if name not in self._open:
            return
        target, *later = self._since(name)
        own = target.owner()
        if own is not None and own.wrote_at < target.set_at and not self._engine.dialect.awaits_rollback(self._raw()):
            # who has only read leaves alone what others have written meanwhile
            return
        self.send(f"ROLLBACK TO SAVEPOINT {name}")
        losers = {savepoint.owner() for savepoint in later if not savepoint.is_committed}
        losers.update(each for each in self._connections if each.has_begun and each.wrote_at > target.set_at)
        for connection in losers:
            if connection is not None and connection is not own:
                connection.be_taken_along()
        while self._open[last := next(reversed(self._open))] is not target:
            del self._open[last]

    def _raw(self) -> Any:
        assert self._record is not None
        return self._record.raw

    def _since(self, name: str) -> list[_Savepoint]:
        """Return a savepoint and those that were set later."""
        names = list(self._open)
        return [self._open[each] for each in names[names.index(name) :]]

    def drop(self, name: str) -> None:
        """Have a savepoint rolled back by the next :meth:`connect`; takes no lock and sends nothing: for finalizers."""
        self._dropped.put(name)

    def _undo(self, name: str) -> None:
        self.send(f"ROLLBACK TO SAVEPOINT {name}")
        self.send(f"RELEASE SAVEPOINT {name}")

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
    """A connection inside a :class:`RollbackOnly`.

    :ivar wrote_at: when it has sent its last statement that writes, on the clock of the transaction.
    """

    __slots__ = ("_name", "_outer", "wrote_at")

    def __init__(self, engine: Engine, record: PooledConnection, outer: RollbackOnly) -> None:
        super().__init__(engine, record)
        self._outer = outer
        self._name = ""
        self.wrote_at = 0
        # a savepoint goes out by itself, over the cursor of the outer transaction, and may write whatever it is to be
        self._begins_with_statement = False
        # its own cursor: several connections may have rows to read at once
        self._cursor = engine.pool.new_cursor(record.raw)

    # -- statements

    def fetch_all(
        self, sql: str, params: Sequence[Any] = (), *, write: bool = False, make: RowMaker | None = None
    ) -> list[Any]:
        with self._sending(sql, write), self._guarded(write):
            return super().fetch_all(sql, params, write=write, make=make)

    def look_up(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._outer.lock:
            return super().look_up(sql, params)

    def run(self, sql: str, params: Sequence[Any] = (), *, write: bool = True) -> int:
        with self._sending(sql, write), self._guarded(write):
            return super().run(sql, params, write=write)

    def run_many(self, sql: str, list_of_params: Sequence[Sequence[Any]], *, write: bool = True) -> int:
        with self._sending(sql, write):
            return super().run_many(sql, list_of_params, write=write)

    def read_result(
        self, compiled: Compiled, cursor: DBAPICursor, keys: InsertedKeys | None = None, statement: object = None
    ) -> Result:
        with self._outer.lock:
            return super().read_result(compiled, cursor, keys, statement)

    def new_cursor(self) -> Any:
        with self._outer.lock:
            return super().new_cursor()

    def run_on(self, cursor: DBAPICursor, sql: str, params: Sequence[Any], *, write: bool) -> None:
        with self._sending(sql, write):
            gate = self._gate
            if gate is not None and gate.refusal is None and not self._has_begun:
                # rows that are read page by page need a savepoint that stays, for their error to be undone
                if write:
                    self._pass_gate(sql, write)
                else:
                    self._open_now(gate)
            super().run_on(cursor, sql, params, write=write)

    def take_from(self, cursor: DBAPICursor, size: int) -> list[tuple[Any, ...]]:
        with self._outer.lock:
            return super().take_from(cursor, size)

    def copy_in(self, sql: str, source: object) -> int:
        if self._stack:
            with self._sending(sql, True):
                return super().copy_in(sql, source)
        # a transaction for itself, so that a failure undoes what has gone in
        with self.begin():
            return self.copy_in(sql, source)

    def open_transaction(self) -> None:
        with self._outer.lock:
            super().open_transaction()
            # whoever has a cursor of the driver's may write with it at any time
            self.wrote_at = sys.maxsize

    @contextmanager
    def _sending(self, sql: str, write: bool) -> Iterator[None]:
        """Keep other threads from the driver's connection, and note what is written."""
        with self._outer.lock:
            yield
            if write or self.dialect.marks(sql) & MAY_WRITE:
                self.wrote_at = max(self.wrote_at, self._outer.tick())

    def _guarded(self, write: bool) -> Any:
        gate = self._gate
        if self._has_begun or (gate is not None and (gate.refusal is not None or write or gate.for_reads)):
            return nullcontext()
        return self._outer.guard(commits=write)

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
        self.wrote_at = 0
        if self._gate is None:  # AUTOCOMMIT: each statement is by itself
            return opened
        self._name = self._outer.next_name()
        self._gate = Gate(f"SAVEPOINT {self._name}", for_reads, read_only)
        return opened

    def begin_nested(self) -> Transaction:
        # so that no other connection gives its savepoint the same name
        self._savepoints = self._outer.tick()
        return super().begin_nested()

    def run_transaction_sql(self, sql: str) -> None:
        with self._outer.lock:
            super().run_transaction_sql(sql)

    def _send_transaction_sql(self, sql: str, shown: str | None = None) -> None:
        verb, _, name = sql.rpartition(" ")
        outer = self._outer
        send: Callable[[], object]
        if verb == "SAVEPOINT":
            send = partial(outer.set_savepoint, name, self)
        elif verb == "RELEASE SAVEPOINT":
            send = partial(outer.release, name)
        elif verb == "ROLLBACK TO SAVEPOINT":
            send = partial(outer.roll_back_to, name)
        else:
            send = partial(outer.send, sql)
        self._translated(send, sql if shown is None else shown)

    def send_prepare(self, xid: str, limit: float | None) -> None:
        self._translated(self._outer.check_constraints, f"PREPARE TRANSACTION '{xid}'")

    def finish_prepared(self, xid: str, commit: bool, limit: float | None = None) -> None:
        end = self._outer.release if commit else self._outer.roll_back
        self._translated(lambda: end(self._name), f"{'COMMIT' if commit else 'ROLLBACK'} PREPARED '{xid}'")

    def _translated(self, send: Callable[[], object], sql: str) -> None:
        with self._outer.lock:
            try:
                send()
            except self.dialect.errors as error:
                self._fail(error, sql, ())
        self._notify(sql, 0.0, "transaction")

    def _commit_root(self, transaction: Transaction) -> None:
        with self._outer.lock:
            super()._commit_root(transaction)

    def _commit_now(self, transaction: Transaction) -> None:
        try:
            self._outer.check_constraints()
            self._outer.release(self._name)
        except self.dialect.errors as error:
            raise translate(error, "COMMIT", ()) from error
        self._has_begun = False
        self._notify("COMMIT", 0.0, "transaction")

    def _rollback_root(self, transaction: Transaction) -> None:
        with self._outer.lock:
            record = self._record
            self._end_stack()
            has_begun, self._has_begun = self._has_begun, False
            if record is None or record.broken:
                return
            self._gate = None
            if has_begun:
                self._translated(lambda: self._outer.roll_back(self._name), "ROLLBACK")

    def be_taken_along(self) -> None:
        """Refuse to go on with a transaction that the rollback of another one has undone."""
        self._gate = _TAKEN_ALONG

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
