"""The pool: lends connections of a driver, resets them when they come back, and bounds their number.

Last in, first out, so that a quiet application uses few connections. Opening, resetting and closing connections is the
dialect's work, given to the pool as a :class:`~flask_uow.engine.pool_record.Connector`; none of it happens while the pool's
lock is held. A finalizer (``__del__``, ``weakref.finalize``) may run in the middle of any allocation, also in a thread that
holds that lock, so a finalizer only ever calls :meth:`Pool.abandon`. Engines own one pool each; all methods may be called
from any thread.

A forked process (gunicorn ``--preload``, multiprocessing) never uses nor closes a connection of its parent's: the pools are
told of the fork by :func:`os.register_at_fork`.
"""

from __future__ import annotations

import math
import os
import queue
import threading
import time
import weakref
from typing import Any

from flask_uow.engine.pool_record import Connector, PooledConnection
from flask_uow.exc import ArgumentError, TimeoutError

__all__ = ["Connector", "Pool", "PooledConnection"]

_PING_AFTER = 30.0  # seconds of idling after which a connection is asked whether it still answers
_PING_SOON = 1.0  # the same with pool_pre_ping=True
_SHOWN_HOLDERS = 20

_pools: weakref.WeakSet[Pool] = weakref.WeakSet()
# connections of the parent process that would be closed if nobody held them; SQLite's manual demands that they are not
# (https://www.sqlite.org/howtocorrupt.html#_carrying_an_open_database_connection_across_a_fork_)
_inherited: list[PooledConnection] = []


class Pool:
    """Lends at most ``size + max_overflow`` connections; up to ``size`` are kept open.

    :param connector: opens, resets and closes the driver's connections.
    :param size: connections kept open when nobody uses them; 0 or more.
    :param max_overflow: connections beyond ``size`` under load; -1 for no limit.
    :param timeout: seconds to wait for a connection when all are lent.
    :param pre_ping: before a connection that was not used for a second is lent, ask it whether it still answers (a round
        trip); None: only after 30 seconds; False: never. A look whether its socket was closed costs next to nothing and
        happens always.
    :param recycle: seconds after which a connection is replaced; -1 for never.
    :raises ArgumentError: for a number that makes no sense.
    """

    def __init__(
        self,
        connector: Connector,
        *,
        size: int = 5,
        max_overflow: int = 10,
        timeout: float = 30.0,
        pre_ping: bool | None = None,
        recycle: float = -1,
    ) -> None:
        _check_number("pool_size", size, 0)
        _check_number("max_overflow", max_overflow, -1)
        _check_number("pool_timeout", timeout, 0, threading.TIMEOUT_MAX)
        _check_number("pool_recycle", recycle, -1)
        if size == 0 and max_overflow == 0:
            raise ArgumentError("pool_size=0 with max_overflow=0 allows no connection at all. Raise one of them.")
        self._connector = connector
        self._size = size
        self._limit = float("inf") if max_overflow < 0 else size + max_overflow
        self._max_overflow = max_overflow
        self._timeout = timeout
        self._ping_after = _PING_AFTER if pre_ping is None else _PING_SOON if pre_ping else float("inf")
        self._recycle = recycle if recycle >= 0 else float("inf")
        self._idle: list[PooledConnection] = []
        self._lent: set[PooledConnection] = set()
        self._total = 0
        self._waiting = 0
        self._generation = 0
        self._changed = threading.Condition(threading.Lock())
        self._abandoned: queue.SimpleQueue[PooledConnection] = queue.SimpleQueue()
        _pools.add(self)

    def checkout(self, user: Any = None) -> PooledConnection:
        """Return a connection that nobody else has; give it back with :meth:`checkin`.

        :param user: who will have it, held weakly; told by ``user.disown()`` in a forked process that it is the parent's.
        :raises TimeoutError: when none became free in time.
        :raises DBAPIError: when a new one could not be opened.
        """
        while True:
            if not self._abandoned.empty():
                self._take_back_abandoned()
            with self._changed:
                if self._idle:
                    record = self._idle.pop()
                elif self._total < self._limit:
                    self._total += 1
                    record = None
                else:
                    record = self._wait()
                generation = self._generation
            if record is None:
                record = self._open(generation)
            elif not self._is_usable(record):
                self._discard(record)
                continue
            record.lend_to(user)
            # held here too: the collector must find a dropped Connection, and not the driver's connection with it
            self._lent.add(record)
            return record

    def checkin(self, record: PooledConnection) -> None:
        """Take a connection back: reset it and keep it, or close it when it is broken or one too many."""
        if record.inherited:
            return
        self._lent.discard(record)
        if record.apart:
            self._connector.close(record.raw)
            return
        record.user = record.holder = None
        usable = not record.broken and self._connector.reset(record.raw)
        if not usable or record.generation != self._generation:
            self._discard(record)
        else:
            record.returned = time.monotonic()
            with self._changed:
                keep = len(self._idle) < self._size or self._waiting > 0
                if keep:
                    self._idle.append(record)
                    if self._waiting:
                        self._changed.notify()
            if not keep:
                self._discard(record)
        if not self._abandoned.empty():
            self._take_back_abandoned()

    def open_apart(self, user: Any = None) -> PooledConnection:
        """Return a new connection beyond all limits, which :meth:`checkin` closes: for what must never wait for the pool.

        :param user: as for :meth:`checkout`.
        :raises DBAPIError: when it could not be opened.
        """
        raw = self._connector.connect()
        record = PooledConnection(raw, self._connector.cursor(raw), self._generation)
        record.apart = True
        record.lend_to(user)
        self._lent.add(record)
        return record

    def new_cursor(self, raw: Any) -> Any:
        """Return another cursor of a connection that is lent."""
        return self._connector.cursor(raw)

    def abandon(self, record: PooledConnection) -> None:
        """Leave a connection whose user is gone; the next checkout or checkin takes it back. Takes no lock."""
        self._abandoned.put(record)

    def discard_idle(self) -> None:
        """Close every connection that is not lent, and those that are when they come back."""
        with self._changed:
            idle, self._idle = self._idle, []
            self._generation += 1
        for record in idle:
            self._discard(record)

    dispose = discard_idle

    def close_idle_unlocked(self) -> None:
        """Close the idle and the dropped connections of a pool that nobody can use any more. For finalizers: takes no lock."""
        while self._idle:
            self._connector.close(self._idle.pop().raw)
        while not self._abandoned.empty():
            self._connector.close(self._abandoned.get_nowait().raw)

    def after_fork(self) -> None:
        """Begin anew, in a forked process; what the parent had open is neither used nor closed here."""
        self._changed = threading.Condition(threading.Lock())
        records = [*self._idle, *self._lent]
        while not self._abandoned.empty():
            records.append(self._abandoned.get_nowait())
        self._abandoned = queue.SimpleQueue()
        self._idle, self._lent = [], set()
        self._total = self._waiting = 0
        self._generation += 1
        for record in records:
            record.inherited = record.broken = True
            user = record.user() if record.user is not None else None
            if user is not None:
                user.disown()
        if self._connector.drop_closes:
            _inherited.extend(records)
        self._connector.after_fork()

    def holders(self) -> list[str]:
        """Return a line for each connection that is lent: to whom, for how long, acquired where; the oldest first."""
        now = time.monotonic()
        return [record.describe_holder(now) for record in sorted(self._lent, key=lambda held: held.acquired)]

    def size(self) -> int:
        """Return how many connections are kept open when nobody uses them."""
        return self._size

    def checked_out(self) -> int:
        """Return how many connections are lent at this moment."""
        if not self._abandoned.empty():
            self._take_back_abandoned()
        with self._changed:
            return self._total - len(self._idle)

    def status(self) -> str:
        """Return a line for people: how many connections are open, idle, lent and waited for."""
        with self._changed:
            lent = self._total - len(self._idle)
            return (
                f"pool size {self._size}, overflow {self._max_overflow}: {self._total} open, {len(self._idle)} idle, "
                f"{lent} lent, {self._waiting} waiting"
            )

    # -- inside

    def _wait(self) -> PooledConnection | None:
        """Wait, holding the lock, until a connection is idle (returned) or may be opened (None)."""
        deadline = time.monotonic() + self._timeout
        self._waiting += 1
        try:
            while not self._idle and self._total >= self._limit:
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    raise TimeoutError(self._timeout_message())
                self._changed.wait(remaining)
        finally:
            self._waiting -= 1
        if self._idle:
            return self._idle.pop()
        self._total += 1
        return None

    def _timeout_message(self) -> str:
        holders = self.holders()
        lines = "".join(f"\n- {line}" for line in holders[:_SHOWN_HOLDERS])
        if len(holders) > _SHOWN_HOLDERS:
            lines += f"\n- and {len(holders) - _SHOWN_HOLDERS} more"
        return (
            f"no connection became free within {self._timeout:g} seconds: all {self._total} of the pool are in use "
            f"(pool_size={self._size}, max_overflow={self._max_overflow}). Give connections back sooner (close "
            "Sessions and connections), or raise pool_size, max_overflow or pool_timeout. They are held by:" + lines
        )

    def _open(self, generation: int) -> PooledConnection:
        try:
            raw = self._connector.connect()
            return PooledConnection(raw, self._connector.cursor(raw), generation)
        except BaseException:
            self._forget_one()
            raise

    def _is_usable(self, record: PooledConnection) -> bool:
        now = time.monotonic()
        if now - record.created > self._recycle:
            return False
        if now - record.returned >= self._ping_after or not self._connector.is_quiet(record.raw):
            # what has arrived may also be a notice or a changed setting, so the connection is asked
            return self._connector.ping(record.raw)
        return True

    def _discard(self, record: PooledConnection) -> None:
        try:
            self._connector.close(record.raw)
        finally:
            self._forget_one()

    def _forget_one(self) -> None:
        with self._changed:
            self._total -= 1
            if self._waiting:
                self._changed.notify()

    def _take_back_abandoned(self) -> None:
        while True:
            try:
                record = self._abandoned.get_nowait()
            except queue.Empty:
                return
            self.checkin(record)


def _check_number(name: str, value: Any, minimum: int, maximum: float = math.inf) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not minimum <= value <= maximum:
        most = "" if maximum == math.inf else f", and at most {maximum:.0f}"
        raise ArgumentError(
            f"{name}={value!r}: expected a number, {minimum} or more{most}. Pass one, or leave the default."
        )


def _after_fork() -> None:
    for pool in list(_pools):
        pool.after_fork()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_after_fork)
