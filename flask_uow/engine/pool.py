"""The pool: lends connections of a driver, resets them when they come back, and bounds their number.

Last in, first out, so that a quiet application uses few connections; who waits is served in the order of arrival. Opening, resetting
and closing connections is the dialect's work, given to the pool as a :class:`~flask_uow.engine.pool_record.Connector`. Engines own
one pool each; all methods may be called from any thread.

The handler of a signal, or gevent's Timeout, may raise between any two steps of a checkout or a check-in, and a finalizer may run
there. So there is no lock that could stay locked, and no count that could become wrong: each step is one operation on a dict or a list,
which is atomic. ``_slots`` has every connection of the pool, each with a weak reference to whoever has it. What an interrupted step has
left lying about has a holder that is gone: another may claim it then, and does as soon as the pool is short of connections.

A forked process (gunicorn ``--preload``, multiprocessing) never uses nor closes a connection of its parent's: the pools are
told of the fork by :func:`os.register_at_fork`.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import queue
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from flask_uow.engine.marks import CHANGES_SESSION, UNSETTLED
from flask_uow.engine.pool_record import RESET, Connector, Holder, PooledConnection, Temporary, User, Waiter
from flask_uow.exc import ArgumentError, DBAPIError, DisconnectionError, TimeoutError

if TYPE_CHECKING:
    from flask_uow.engine.dbapi import DBAPIConnection, DBAPICursor

__all__ = ["Connector", "Pool", "PooledConnection"]

_PING_AFTER = 30.0  # seconds of idling after which a connection is asked whether it still answers
_PING_SOON = 1.0  # the same with pool_pre_ping=True
_SHOWN_HOLDERS = 20
_CLEAN = ("changed", "always", "never")
_LOOK_AGAIN = 0.1  # seconds after which who waits looks for connections whose holder is gone
_MOST_PATIENCE = 1000  # users after whom a connection is given its settings again, at most
_PAUSE, _LONGEST_PAUSE = 0.05, 1.0  # seconds without further attempts after the server took no further connection

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
    :param clean: when a connection that comes back is rid of what statements have left in its session: ``"changed"``, after statements that
        may have left something; ``"always"``; ``"never"``.
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
        clean: str = "changed",
    ) -> None:
        _check_number("pool_size", size, 0)
        _check_number("max_overflow", max_overflow, -1)
        _check_number("pool_timeout", timeout, 0, threading.TIMEOUT_MAX)
        _check_number("pool_recycle", recycle, -1)
        if clean not in _CLEAN:
            raise ArgumentError(
                f"pool_clean={clean!r}: expected one of {', '.join(map(repr, _CLEAN))}. Pass one, or leave the default."
            )
        if size == 0 and max_overflow == 0:
            raise ArgumentError("pool_size=0 with max_overflow=0 allows no connection at all. Raise one of them.")
        # of a pool that was made without an engine
        self.creator: Callable[[], Any] | None = getattr(connector, "creator", None)
        self.numbers: dict[str, Any] = {}
        self._connector = connector
        self._size = size
        self._limit = math.inf if max_overflow < 0 else size + max_overflow
        self._max_overflow = max_overflow
        self._timeout = timeout
        self._ping_after = _PING_AFTER if pre_ping is None else _PING_SOON if pre_ping else math.inf
        self._recycle = recycle if recycle >= 0 else math.inf
        self._always_cleans = clean == "always"
        self._cleans = clean != "never"
        # what listens to connections, by the name of the event; see flask_uow.engine.events
        self._listeners: dict[str, tuple[Callable[..., Any], ...]] = {}
        self._opened_once = False
        self._begin_anew()
        self._generations = itertools.count(1)
        self._generation = 0
        _pools.add(self)

    def _begin_anew(self) -> None:
        self._slots: dict[int, PooledConnection] = {}
        # where to look first: what is in it may have been claimed all the same
        self._idle: list[PooledConnection] = []
        self._waiters: list[Waiter] = []
        self._abandoned: queue.SimpleQueue[PooledConnection] = queue.SimpleQueue()
        self._apart: set[PooledConnection] = set()
        self._refusals = 0
        self._refused_until = 0.0

    def checkout(self, user: User | None = None) -> PooledConnection:
        """Return a connection that nobody else has; give it back with :meth:`checkin`.

        A server that takes no further connection at the moment, or that is starting or stopping, is asked again until the time is up, while
        connections of this pool that come back are taken.

        :param user: who will have it, held weakly: once it is gone, so is its claim. In a forked process it is told by ``user.disown()``
            that the connection is the parent's.
        :raises TimeoutError: when none became free in time.
        :raises DBAPIError: when a new one could not be opened.
        """
        if not self._abandoned.empty():
            self._take_back_abandoned()
        holder = weakref.ref(user) if user is not None else None
        idle = self._idle
        # No lock: list.pop() is atomic, and claim() decides between threads that found the same record. Those who
        # wait came first, so nobody passes them here.
        while idle and not self._waiters:
            try:
                record = idle.pop()
            except IndexError:
                break
            if not record.claim(holder):
                continue
            if self._is_ready(record):
                record.lend()
                if self._listeners and not self._is_taken(record):
                    continue
                return record
        return self._checkout_slowly(holder)

    def checkin(self, record: PooledConnection) -> None:
        """Take a connection back: reset it and keep it, or close it when it is broken or one too many."""
        # a forked process must not touch the parent's connection: a reset would be sent over the socket that both
        # have
        if record.inherited:
            return
        if self._listeners:
            self._tell_of_checkin(record)
        if record.apart:
            self._apart.discard(record)
            if self._listeners:
                self._tell("close", record)
            self._connector.close(record.raw)
            return
        try:
            usable = self._is_reusable(record)
        # interrupted in the middle of the reset, by a signal or gevent's Timeout: nobody knows what state it is in
        except BaseException:
            self._remove(record)
            raise
        if usable:
            self._keep(record)
        else:
            self._remove(record)
        if not self._abandoned.empty():
            self._take_back_abandoned()

    def open_apart(self, user: User | None = None) -> PooledConnection:
        """Return a new connection beyond all limits, which :meth:`checkin` closes: for what must never wait for the pool.

        :param user: as for :meth:`checkout`.
        :raises DBAPIError: when it could not be opened.
        """
        record = PooledConnection(self._generation)
        record.apart = True
        record.pass_to(weakref.ref(user) if user is not None else None)
        raw = self._connector.connect()
        record.open(raw, self._connector.cursor(raw))
        record.lend()
        self._apart.add(record)
        return record

    def detach(self, record: PooledConnection) -> None:
        """Count a connection that is lent no more: another one may be opened in its place, and :meth:`checkin` closes it."""
        if record.apart:
            return
        if self._listeners:
            self._tell("detach", record)
        record.apart = True
        self._apart.add(record)
        if self._slots.get(record.number) is record:
            del self._slots[record.number]
        if self._waiters:
            self._serve_waiters()

    def new_cursor(self, raw: DBAPIConnection) -> DBAPICursor:
        """Return another cursor of a connection that is lent."""
        return self._connector.cursor(raw)

    def abandon(self, record: PooledConnection, user: User | None = None) -> None:
        """Leave a connection whose user is gone; the next checkout or checkin takes it back, or who waits. For finalizers: takes no lock."""
        # SimpleQueue.put() is reentrant, which locks and lists are not: the garbage collector may run this in the
        # middle of any line of the pool
        record.abandon(user)
        self._abandoned.put(record)

    def discard_idle(self) -> None:
        """Close every connection that is not lent, and those that are when they come back."""
        # lent connections are of an older generation from now on, by which they are known when they come back
        self._generation = next(self._generations)
        worker = Temporary()
        while self._idle:
            try:
                record = self._idle.pop()
            except IndexError:
                break
            if record.claim(weakref.ref(worker)):
                self._remove(record)

    dispose = discard_idle

    def close_idle_unlocked(self) -> None:
        """Close the idle and the dropped connections of a pool that nobody can use any more. For finalizers: takes no lock."""
        while self._idle:
            self._connector.close(self._idle.pop().raw)
        while not self._abandoned.empty():
            self._connector.close(self._abandoned.get_nowait().raw)

    def after_fork(self) -> None:
        """Begin anew, in a forked process; what the parent had open is neither used nor closed here."""
        records = [*self._slots.values(), *self._apart]
        self._begin_anew()
        self._generation = next(self._generations)
        for record in records:
            record.inherited = record.broken = True
            user = record.user
            if user is not None:
                user.disown()
        # to drop the driver's object would close the connection for the parent, so that is kept for good
        if self._connector.drop_closes:
            _inherited.extend(records)
        self._connector.after_fork()

    def holders(self) -> list[str]:
        """Return a line for each connection that is lent: to whom, for how long, acquired where; the oldest first."""
        return self.holders_where(lambda raw: True)

    def holders_where(self, condition: Callable[[Any], bool]) -> list[str]:
        """Return the same for those whose driver's connection meets a condition."""
        now = time.monotonic()
        records = sorted([*self._slots.values(), *self._apart], key=lambda record: record.acquired)
        return [
            record.describe_holder(now)
            for record in records
            if not record.is_idle and record.raw is not None and condition(record.raw)
        ]

    def is_held_by_this_thread(self, condition: Callable[[Any], bool], besides: PooledConnection) -> bool:
        """Return whether the thread that calls has another connection, whose driver's connection meets a condition."""
        return any(
            record is not besides and record.is_of_this_thread and not record.is_idle and condition(record.raw)
            for record in list(self._slots.values())
            if record.raw is not None
        )

    def size(self) -> int:
        """Return how many connections are kept open when nobody uses them."""
        return self._size

    def checked_out(self) -> int:
        """Return how many connections are lent at this moment."""
        if not self._abandoned.empty():
            self._take_back_abandoned()
        return sum(not record.is_idle for record in list(self._slots.values()))

    checkedout = checked_out

    def checkedin(self) -> int:
        """Return how many connections are open and lent to nobody."""
        return len(self._slots) - self.checked_out()

    def overflow(self) -> int:
        """Return how many connections are open beyond :meth:`size`; negative while there are fewer."""
        return len(self._slots) - self._size

    def timeout(self) -> float:
        """Return for how many seconds at most a checkout waits."""
        return self._timeout

    @property
    def is_exhausted(self) -> bool:
        """True while whoever asks for a connection has to wait for one that comes back."""
        return len(self._slots) >= self._limit and not self._idle

    def status(self) -> str:
        """Return a line for people: how many connections are open, idle, lent and waited for."""
        records = list(self._slots.values())
        idle = sum(record.is_idle for record in records)
        return (
            f"pool size {self._size}, overflow {self._max_overflow}: {len(records)} open, {idle} idle, "
            f"{len(records) - idle} lent, {len(self._waiters)} waiting"
        )

    # -- inside: lending

    def _checkout_slowly(self, holder: Holder | None) -> PooledConnection:
        """Open a connection, or wait until one comes back."""
        deadline = time.monotonic() + self._timeout
        refusal: DBAPIError | None = None
        while True:
            record = self._take(holder) if not self._waiters else None
            if record is None:
                record = self._wait(holder, deadline, refusal)
            try:
                ready = self._is_ready(record)
            except DBAPIError as error:
                # a server that said that it is stopping, and does not answer now, is restarted perhaps
                may_come = self._connector.is_refusal(error) or (
                    refusal is not None and self._connector.is_absence(error)
                )
                if not may_come or time.monotonic() >= deadline:
                    raise
                self._note_refusal()
                refusal = error
                continue
            if ready:
                record.lend()
                if self._listeners and not self._is_taken(record):
                    continue
                return record

    def listen(self, name: str, calls: tuple[Callable[..., Any], ...]) -> None:
        """Call these functions at each event of a name, in place of those that were called."""
        if calls:
            # a new dict in place of a changed one: other threads may be going through the old one
            self._listeners = {**self._listeners, name: calls}
        else:
            self._listeners = {known: own for known, own in self._listeners.items() if known != name}

    def _tell(self, name: str, record: PooledConnection, *more: Any) -> None:
        for call in self._listeners.get(name, ()):
            call(record.raw, record, *more)

    def _is_taken(self, record: PooledConnection) -> bool:
        """Tell what listens of a connection that is lent; return False where it says that the connection is lost."""
        try:
            self._tell("checkout", record, record)
        except DisconnectionError as error:
            self._tell("invalidate", record, error)
            self._remove(record)
            # one that was opened for this checkout: the next one would be refused, too
            if record.returned == record.created:
                raise
            return False
        except BaseException:
            self._give_back(record)
            raise
        return True

    def _tell_of_checkin(self, record: PooledConnection) -> None:
        try:
            self._tell("checkin", record)
        except BaseException:
            # whoever gives it back will not do so again
            self._apart.discard(record)
            self._remove(record)
            raise

    def _take(self, holder: Holder | None) -> PooledConnection | None:
        """Return a connection that ``holder`` has now: an idle one, one that is still to be opened, or one that got lost; else None."""
        idle = self._idle
        while idle:
            try:
                record = idle.pop()
            except IndexError:
                break
            if record.claim(holder):
                return record
        # a server that is full is not asked again at once: each attempt costs it a process that only says no
        if self._refusals and time.monotonic() < self._refused_until:
            return None
        slots = self._slots
        if len(slots) < self._limit:
            record = PooledConnection(self._generation)
            record.pass_to(holder)
            numbers: Iterable[int] = range(int(self._limit)) if self._limit < math.inf else itertools.count(len(slots))
            for number in numbers:
                if number not in slots:
                    record.number = number
                    # setdefault() is atomic: of two threads that want the same slot one gets it, and the limit holds
                    # without a lock
                    if slots.setdefault(number, record) is record:
                        return record
        # the claim of a user who went without giving back has lapsed with the weak reference to it
        for record in list(slots.values()):
            if record.claim(holder):
                return record
        return None

    def _wait(self, holder: Holder | None, deadline: float, refusal: DBAPIError | None) -> PooledConnection:
        """Wait, behind those who came before, until there is a connection to use or to open; it is the holder's then."""
        waiter = Waiter()
        self._waiters.append(waiter)
        try:
            # what came back before the waiter was in the list has woken nobody
            self._serve_waiters()
            while not waiter.given:
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    if refusal is not None:
                        raise refusal
                    raise TimeoutError(self._timeout_message())
                # in short turns, since a connection whose user was dropped comes back without anybody who could wake
                # a waiter
                waiter.served.acquire(timeout=min(remaining, _LOOK_AGAIN))
                if waiter.given:
                    break
                if waiter not in self._waiters:
                    # whoever was about to serve it was interrupted
                    self._waiters.insert(0, waiter)
                self._take_back_abandoned()
                self._serve_waiters()
            record = waiter.given.pop()
            record.pass_to(holder)
            return record
        finally:
            with contextlib.suppress(ValueError):  # it was served
                self._waiters.remove(waiter)
            # interrupted after it was served
            while waiter.given:
                self._give_back(waiter.given.pop())

    def _serve_waiters(self) -> None:
        """Give what there is to those who wait, the one who came first before the others."""
        server = Temporary()
        while self._waiters:
            record = self._take(weakref.ref(server))
            if record is None:
                return
            try:
                waiter = self._waiters.pop(0)
            except IndexError:
                self._give_back(record)
                continue
            # from hand to hand: at no moment is the record without a claim, or a third thread could take it
            record.pass_to(weakref.ref(waiter))
            waiter.give(record)
            # a waiter that was interrupted has nobody else to keep it
            del waiter

    def _give_back(self, record: PooledConnection) -> None:
        """Take back what was to be lent, and was not used."""
        if record.raw is None or record.is_dirty:
            self._remove(record)
        else:
            self._keep(record)

    # -- inside: single connections

    def _is_ready(self, record: PooledConnection) -> bool:
        """Open a connection, or look whether it can be used; it is removed when it cannot.

        :raises DBAPIError: when it cannot be opened.
        """
        try:
            if record.raw is None:
                self._open(record)
                return True
            now = time.monotonic()
            if record.is_dirty:
                ready = self._is_reusable(record)
            # monotonic, so that a clock that is set does not age connections
            elif now - record.created > self._recycle or record.generation != self._generation:
                ready = False
            # what has arrived may also be a notice or a changed setting, so the connection is asked
            elif now - record.returned >= self._ping_after or not self._connector.is_quiet(record.raw):
                ready = self._connector.ping(record.raw)
            else:
                return True
        except BaseException:
            self._remove(record)
            raise
        if not ready:
            self._remove(record)
        return ready

    def _open(self, record: PooledConnection) -> None:
        raw = self._connector.connect()
        record.open(raw, self._connector.cursor(raw))
        self._refusals = 0
        if self._listeners:
            self._tell_of_connection(record)
        self._settle(record)

    def _settle(self, record: PooledConnection) -> None:
        # one that is used once gains nothing by it, and what listens to new connections may have set the same, and means it
        if self._size and not self._listeners.get("connect"):
            record.settle_by(self._connector)
            record.can_settle = record.is_settled

    def _tell_of_connection(self, record: PooledConnection) -> None:
        """Call what listens to new connections; what it leaves open is rolled back."""
        if not self._opened_once:
            self._opened_once = True
            self._tell("first_connect", record)
        self._tell("connect", record)
        self._connector.reset(record.raw)

    def _tell_of_reset(self, record: PooledConnection) -> None:
        if record.broken:
            self._tell("invalidate", record, None)
        else:
            self._tell("reset", record, RESET)

    def _is_reusable(self, record: PooledConnection) -> bool:
        """Roll back what is open, and undo what was set, so that another can use the connection; return False when that cannot be."""
        record.holder = None
        if self._listeners:
            self._tell_of_reset(record)
        if record.broken or not self._connector.reset(record.raw):
            return False
        # a statement that leaves something in the session has marked the record; others are spared the round trip
        if (record.marks or self._always_cleans) and not self._tidy(record):
            return False
        record.is_dirty = False
        # of an older generation where the pool was told, while it was lent, to discard what it has
        return record.generation == self._generation

    def _tidy(self, record: PooledConnection) -> bool:
        """Undo what was set in the session of a connection; return False when that cannot be."""
        if record.marks == UNSETTLED and not self._always_cleans:
            self._settle_again(record)
            return True
        must_clean = self._always_cleans or (record.marks & CHANGES_SESSION and self._cleans)
        # what listens to new connections has set something that cleaning would undo
        if must_clean and (self._listeners.get("connect") or not self._connector.clean(record.raw)):
            return False
        # cleaning undoes our settings too, and a function whose text nobody sees may have set anything; to make them again now would cost
        # another round trip, while each transaction can make its own
        record.is_settled = False
        record.marks = 0
        if record.can_settle:
            record.marks = UNSETTLED
            record.uses_until_settled = record.patience
            record.patience = min(record.patience * 2, _MOST_PATIENCE)
        return True

    def _settle_again(self, record: PooledConnection) -> None:
        """Make the settings for the session anew, once several in a row have used the connection without a reason to mistrust it."""
        record.uses_until_settled -= 1
        if record.uses_until_settled <= 0:
            record.settle_by(self._connector)
            record.marks = 0

    def _keep(self, record: PooledConnection) -> None:
        """Make a connection idle; close it when it is one too many."""
        record.returned = time.monotonic()
        record.let_go()
        idle = self._idle
        # the last in is the first out: connections that are not needed at quiet times stay idle, and age
        idle.append(record)
        if self._waiters:
            self._serve_waiters()
        if len(idle) > self._size:
            worker = Temporary()
            record = idle.pop()
            if record.claim(weakref.ref(worker)):
                self._remove(record)

    def _remove(self, record: PooledConnection) -> None:
        """Close a connection, and let another take its place."""
        record.broken = True
        try:
            if record.raw is not None:
                if self._listeners:
                    self._tell("close", record)
                self._connector.close(record.raw)
        finally:
            # whatever a listener or the driver has raised, the slot is free for another one
            if self._slots.get(record.number) is record:
                del self._slots[record.number]
        if self._waiters:
            self._serve_waiters()

    def _take_back_abandoned(self) -> None:
        worker = Temporary()
        while True:
            try:
                record = self._abandoned.get_nowait()
            except queue.Empty:
                return
            if record.apart or record.claim(weakref.ref(worker)):
                self.checkin(record)

    def _note_refusal(self) -> None:
        """Let a while pass before the server is asked for a further connection."""
        self._refused_until = time.monotonic() + min(_PAUSE * 2**self._refusals, _LONGEST_PAUSE)
        self._refusals = min(self._refusals + 1, 10)

    def _timeout_message(self) -> str:
        holders = self.holders()
        lines = "".join(f"\n- {line}" for line in holders[:_SHOWN_HOLDERS])
        if len(holders) > _SHOWN_HOLDERS:
            lines += f"\n- and {len(holders) - _SHOWN_HOLDERS} more"
        return (
            f"no connection became free within {self._timeout:g} seconds: all {len(self._slots)} of the pool are in use "
            f"(pool_size={self._size}, max_overflow={self._max_overflow}). Give connections back sooner (close "
            "Sessions and connections), or raise pool_size, max_overflow or pool_timeout. They are held by:" + lines
        )


def _check_number(name: str, value: object, minimum: int, maximum: float = math.inf) -> None:
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
