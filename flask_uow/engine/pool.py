"""The pool: lends connections of a driver, resets them when they come back, and bounds their number.

Last in, first out, so that a quiet application uses few connections. Opening, resetting and closing connections is the
dialect's work, given to the pool as a :class:`Connector`; none of it happens while the pool's lock is held. A finalizer
(``__del__``, ``weakref.finalize``) may run in the middle of any allocation, also in a thread that holds that lock, so a
finalizer only ever calls :meth:`Pool.abandon`. Engines own one pool each; all methods may be called from any thread.
"""

from __future__ import annotations

import queue
import threading
import time
from abc import abstractmethod
from typing import Any, Protocol

from flask_uow.exc import ArgumentError, TimeoutError

__all__ = ["Connector", "Pool", "PooledConnection"]


class Connector(Protocol):
    """What the pool needs to know about a driver."""

    @abstractmethod
    def connect(self) -> Any:
        """Open a connection and make it ready for use."""

    @abstractmethod
    def reset(self, raw: Any) -> bool:
        """Roll back what is open; return False when the connection is lost and must not be lent again."""

    @abstractmethod
    def ping(self, raw: Any) -> bool:
        """Return True when the connection still answers."""

    @abstractmethod
    def close(self, raw: Any) -> None:
        """Close the connection; never raises."""


class PooledConnection:
    """A driver's connection while it belongs to a pool.

    :ivar raw: the driver's connection.
    :ivar cursor: a cursor of it, used again for each statement whose result is fetched at once.
    :ivar created: when it was opened, on the clock of :func:`time.monotonic`.
    :ivar returned: when it last came back, likewise; 0.0 where the pool has no use for it.
    :ivar generation: how many times the pool had been emptied when it was opened.
    :ivar broken: True once the connection must not be lent again.
    """

    __slots__ = ("broken", "created", "cursor", "generation", "raw", "returned")

    def __init__(self, raw: Any, generation: int) -> None:
        self.raw = raw
        self.cursor = raw.cursor()
        self.created = time.monotonic()
        self.returned = 0.0
        self.generation = generation
        self.broken = False


class Pool:
    """Lends at most ``size + max_overflow`` connections; up to ``size`` are kept open.

    :param connector: opens, resets and closes the driver's connections.
    :param size: connections kept open when nobody uses them; 0 or more.
    :param max_overflow: connections beyond ``size`` under load; -1 for no limit.
    :param timeout: seconds to wait for a connection when all are lent.
    :param pre_ping: ask a connection that was not used for a second whether it still answers.
    :param recycle: seconds after which a connection is replaced; -1 for never.
    :raises ArgumentError: for a number that makes no sense.
    """

    _FRESH = 1.0  # seconds during which a connection is believed to be alive

    def __init__(
        self,
        connector: Connector,
        *,
        size: int = 5,
        max_overflow: int = 10,
        timeout: float = 30.0,
        pre_ping: bool = False,
        recycle: float = -1,
    ) -> None:
        _check_number("pool_size", size, 0)
        _check_number("max_overflow", max_overflow, -1)
        _check_number("pool_timeout", timeout, 0)
        _check_number("pool_recycle", recycle, -1)
        if size == 0 and max_overflow == 0:
            raise ArgumentError("pool_size=0 with max_overflow=0 allows no connection at all. Raise one of them.")
        self._connector = connector
        self._size = size
        self._limit = float("inf") if max_overflow < 0 else size + max_overflow
        self._max_overflow = max_overflow
        self._timeout = timeout
        self._pre_ping = pre_ping
        self._recycle = recycle
        self._examines = pre_ping or recycle >= 0
        self._idle: list[PooledConnection] = []
        self._lent: set[PooledConnection] = set()
        self._total = 0
        self._waiting = 0
        self._generation = 0
        self._changed = threading.Condition(threading.Lock())
        self._abandoned: queue.SimpleQueue[PooledConnection] = queue.SimpleQueue()

    def checkout(self) -> PooledConnection:
        """Return a connection that nobody else has; give it back with :meth:`checkin`.

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
            elif self._examines and not self._is_usable(record):
                self._discard(record)
                continue
            # held here too: the collector must find a dropped Connection, and not the driver's connection with it
            self._lent.add(record)
            return record

    def checkin(self, record: PooledConnection) -> None:
        """Take a connection back: reset it and keep it, or close it when it is broken or one too many."""
        self._lent.discard(record)
        usable = not record.broken and self._connector.reset(record.raw)
        if not usable or record.generation != self._generation:
            self._discard(record)
        else:
            if self._examines:
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
        return (
            f"no connection became free within {self._timeout:g} seconds: all {self._total} of the pool are in use "
            f"(pool_size={self._size}, max_overflow={self._max_overflow}). Give connections back sooner (close "
            "Sessions and connections), or raise pool_size, max_overflow or pool_timeout."
        )

    def _open(self, generation: int) -> PooledConnection:
        try:
            return PooledConnection(self._connector.connect(), generation)
        except BaseException:
            self._forget_one()
            raise

    def _is_usable(self, record: PooledConnection) -> bool:
        now = time.monotonic()
        if 0 <= self._recycle < now - record.created:
            return False
        fresh = now - record.returned < self._FRESH
        return fresh or not self._pre_ping or self._connector.ping(record.raw)

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


def _check_number(name: str, value: Any, minimum: int) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < minimum:
        raise ArgumentError(f"{name}={value!r}: expected a number, {minimum} or more. Pass one, or leave the default.")
