"""The pool's record of one connection, and its view of a driver.

:class:`PooledConnection` also knows who has it at this moment: whoever was the first to :meth:`~PooledConnection.claim` it. That is one
atomic step, and it names the holder weakly, so that a connection whose holder is gone, for whatever reason, can be claimed by another.
Used by :mod:`flask_uow.engine.pool` and, for the driver's connection and cursor in it, by :mod:`flask_uow.engine.connection`.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
import weakref
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from flask_uow.engine.dbapi import DBAPIConnection, DBAPICursor

__all__ = ["INSIDE", "Connector", "Holder", "PooledConnection", "Temporary", "User"]

_PATIENCE = 5  # a transaction's own settings cost less than a round trip, so a few come before it
# frames of the project itself, and of with statements over its generators, are not where a connection was asked for
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
INSIDE = (_PACKAGE, contextlib.__file__)


class _Inside(dict[str, bool]):
    """Whether a file is such a one; there are as many as a program has modules."""

    def __missing__(self, name: str) -> bool:
        is_inside = self[name] = name.startswith(INSIDE)
        return is_inside


_inside = _Inside()


@runtime_checkable
class User(Protocol):
    """Who has a connection: told in a forked process that it is the parent's."""

    @abstractmethod
    def disown(self) -> None:
        """Refuse to use the connection from now on."""


class Temporary:
    """Has a connection for as long as a function of the pool's works on it."""

    __slots__ = ("__weakref__",)


# a weak reference to whoever has a connection: gives None once that is gone
Holder = Callable[[], object]
_gone: Holder = weakref.ref(Temporary())


class Connector(Protocol):
    """A driver, as the pool sees it.

    :ivar drop_closes: True where dropping the last reference closes the connection, also in a forked process that must not.
    """

    drop_closes: bool

    @abstractmethod
    def connect(self) -> DBAPIConnection:
        """Open a connection and make it ready for use."""

    @abstractmethod
    def cursor(self, raw: DBAPIConnection) -> DBAPICursor:
        """Return the cursor that all statements of the connection use."""

    @abstractmethod
    def reset(self, raw: DBAPIConnection) -> bool:
        """Roll back what is open; return False when the connection is lost and must not be lent again."""

    @abstractmethod
    def clean(self, raw: DBAPIConnection) -> bool:
        """Undo what statements have left in the session of an idle connection; return False where it must be closed for that."""

    @abstractmethod
    def settle(self, raw: DBAPIConnection) -> str | None:
        """Make the settings that values depend on for as long as an idle connection is open.

        :returns: the isolation level of transactions that ask for none; None where each transaction has to make the settings.
        """

    @abstractmethod
    def is_refusal(self, error: BaseException) -> bool:
        """Return True when the database takes no further connection at the moment, and may take one soon."""

    @abstractmethod
    def is_absence(self, error: BaseException) -> bool:
        """Return True when no server answers, as while it is restarted."""

    @abstractmethod
    def is_quiet(self, raw: DBAPIConnection) -> bool:
        """Return False when something has arrived on the socket of an idle connection: its end, most likely."""

    @abstractmethod
    def ping(self, raw: DBAPIConnection) -> bool:
        """Return True when the connection still answers; costs a round trip."""

    @abstractmethod
    def close(self, raw: DBAPIConnection) -> None:
        """Close the connection; never raises."""

    @abstractmethod
    def after_fork(self) -> None:
        """Forget, without closing it, what the driver's side of the engine holds open: called in a forked process."""


@dataclass(frozen=True)
class ResetState:
    """The things that the event ``reset`` is told of a connection that comes back.

    :ivar transaction_was_reset: False: a transaction that is open is rolled back after the event.
    :ivar terminate_only: False: the connection will be used again.
    :ivar asyncio_safe: True.
    """

    transaction_was_reset: bool = False
    terminate_only: bool = False
    asyncio_safe: bool = True


RESET = ResetState()


class PooledConnection:
    """A driver's connection while it belongs to a pool.

    :ivar raw: the driver's connection; None until it was opened.
    :ivar cursor: a cursor of it, used again for each statement whose result is fetched at once.
    :ivar number: its place among those of the pool.
    :ivar created: when it was opened, on the clock of :func:`time.monotonic`.
    :ivar returned: when it last came back, likewise.
    :ivar generation: how many times the pool had been emptied when it was opened.
    :ivar broken: True once the connection must not be lent again.
    :ivar inherited: True in a forked process, where the connection belongs to the parent.
    :ivar apart: True where the pool does not count the connection, and closes it when it comes back.
    :ivar info: for the application's own use, as long as the driver's connection is open.
    :ivar marks: what the statements of its user leave behind; see :mod:`flask_uow.engine.marks`.
    :ivar is_settled: True where the session has the settings that values depend on; see :meth:`Connector.settle`.
    :ivar isolation_level: that of transactions that ask for none; None where it is not known.
    :ivar can_settle: True where it had them when it was opened, and so may be given them again.
    :ivar uses_until_settled: how many further users, who leave nothing behind, it needs for that.
    :ivar patience: that number at first; it grows each time, since whoever calls functions of his own will do so again.
    :ivar is_dirty: True where it was claimed after a holder that had not given it back.
    :ivar holder: tells what its user works for (a request, a command), None where nobody said.
    :ivar acquired: when it was lent, on the same clock.
    """

    __slots__ = (
        "__weakref__", "_asked_at", "_asked_by", "_lease", "_thread", "acquired", "apart", "broken", "can_settle", "created", "cursor",
        "generation", "holder", "info", "inherited", "is_dirty", "is_settled", "isolation_level", "marks", "number", "patience", "raw", "returned",
        "uses_until_settled",
    )  # fmt: skip

    def __init__(self, generation: int) -> None:
        self.raw: Any = None
        self.cursor: Any = None
        self.info: dict[Any, Any] = {}
        self.number = -1
        self.created = self.returned = self.acquired = time.monotonic()
        self.generation = generation
        self.broken = False
        self.inherited = False
        self.apart = False
        self.is_dirty = False
        self.is_settled = self.can_settle = False
        self.isolation_level: str | None = None
        self.uses_until_settled = 0
        self.patience = _PATIENCE
        self.marks = 0
        self.holder: Callable[[], str] | None = None
        self._asked_by: CodeType | None = None
        self._asked_at = 0
        self._thread = 0
        # who has it: the last one, where that one is alive; empty while it is idle. A new dict for each time that it is lent
        self._lease: dict[int, Holder] = {}

    # under the names that listeners know
    @property
    def dbapi_connection(self) -> Any:
        """The driver's connection."""
        return self.raw

    @dbapi_connection.setter
    def dbapi_connection(self, raw: object) -> None:
        self.raw = raw

    driver_connection = connection = dbapi_connection

    def invalidate(self, e: BaseException | None = None, soft: bool = False) -> None:
        """Have the connection closed when it comes back.

        :param e: the reason.
        :param soft: the same.
        """
        self.broken = True

    def open(self, raw: DBAPIConnection, cursor: DBAPICursor) -> None:
        """Note the driver's connection, which was opened now."""
        self.created = self.returned = time.monotonic()
        self.raw = raw
        self.cursor = cursor
        self.info = {}

    # -- who has it

    def claim(self, holder: Holder | None) -> bool:
        """Become the one who has it; return False when somebody living has it.

        :param holder: who; None: somebody who cannot get lost.
        """
        lease = self._lease
        owners = len(lease)
        if owners and lease[owners - 1]() is not None:
            return False
        # somebody who has no name: the claim lasts until the connection is given back
        if holder is None:
            holder = weakref.ref(self)
        # of several who try, one succeeds
        if lease.setdefault(owners, holder) is not holder:
            return False
        # whoever had it is gone without giving it back, perhaps in the middle of something
        if owners:
            self.is_dirty = True
        return True

    def pass_to(self, holder: Holder | None) -> None:
        """Let somebody else have it; called by the one who has it."""
        self._lease = {0: holder if holder is not None else weakref.ref(self)}

    def settle_by(self, connector: Connector) -> None:
        """Have the driver make the settings that values depend on, for as long as the connection is open."""
        self.isolation_level = connector.settle(self.raw)
        self.is_settled = self.isolation_level is not None

    def let_go(self) -> None:
        """Make it idle; called by the one who has it."""
        self._lease = {}

    def abandon(self, user: object) -> None:
        """Let others claim it, where ``user`` (or nobody that is known by name) has it. Takes no lock."""
        lease = self._lease
        holder = lease.get(0)
        known = holder() if holder is not None else None
        if known is user or known is self:
            lease.setdefault(1, _gone)

    @property
    def is_idle(self) -> bool:
        """True while nobody has it."""
        return not self._lease

    @property
    def user(self) -> User | None:
        """Who has it, None where that is not known."""
        holder = self._lease.get(0)
        user = holder() if holder is not None else None
        return user if isinstance(user, User) else None

    def lend(self) -> None:
        """Note that its user has it from now on, and which line of the application asked for it."""
        self.acquired = time.monotonic()
        self.holder = None
        self._thread = threading.get_ident()
        # the line is counted when somebody asks for it, for this is done at each checkout
        frame: FrameType | None = sys._getframe(1)
        inside = _inside
        while frame is not None and inside[frame.f_code.co_filename]:
            frame = frame.f_back
        if frame is None:
            # a thread or greenlet that begins inside
            frame = sys._getframe(1)
        # the code and the place in it: the frame itself would keep the locals of a request alive
        self._asked_by = frame.f_code
        self._asked_at = frame.f_lasti

    @property
    def is_of_this_thread(self) -> bool:
        """True where the thread that calls was the one that took it."""
        return self._thread == threading.get_ident()

    def describe_holder(self, now: float) -> str:
        """Return who has the connection, for how long, and where it was taken."""
        who = self.holder() if self.holder is not None else "no request"
        code = self._asked_by
        where = (
            f"{code.co_filename}:{_line_of(code, self._asked_at)} in {code.co_qualname}"
            if code is not None
            else "an unknown place"
        )
        # whoever is told so waits for itself
        own = ", by this very thread" if self.is_of_this_thread else ""
        return f"{who}, for {now - self.acquired:.1f} s, acquired at {where}{own}"


def _line_of(code: CodeType, place: int) -> int:
    """Return the line of an instruction, that of the function where it has none."""
    return next((line for start, end, line in code.co_lines() if start <= place < end and line), code.co_firstlineno)


class Waiter:
    """Somebody who waits for a connection.

    :ivar given: the connection, once it is there.
    :ivar served: a lock that is locked until then.
    """

    __slots__ = ("__weakref__", "given", "served")

    def __init__(self) -> None:
        self.given: list[PooledConnection] = []
        # taken from the start: who waits asks for it, and who serves releases it
        self.served = threading.Lock()
        self.served.acquire()

    def give(self, record: PooledConnection) -> None:
        """Hand a connection over, and end the waiting."""
        self.given.append(record)
        # two may give it something at once; it gives back what it does not need
        with contextlib.suppress(RuntimeError):
            self.served.release()
