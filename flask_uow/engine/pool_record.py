"""What a pool keeps about one connection, and what it must know about a driver.

:class:`PooledConnection` also knows who has it at this moment, for the error of a pool that is exhausted. Used by
:mod:`flask_uow.engine.pool` and, for the driver's connection and cursor in it, by :mod:`flask_uow.engine.connection`.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
import weakref
from abc import abstractmethod
from collections.abc import Callable
from types import CodeType
from typing import Any, Protocol

__all__ = ["INSIDE", "Connector", "PooledConnection"]

# frames of the project itself, and of with statements over its generators, are not where a connection was asked for
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
INSIDE = (_PACKAGE, contextlib.__file__)


class Connector(Protocol):
    """What the pool needs to know about a driver.

    :ivar drop_closes: True where dropping the last reference closes the connection, also in a forked process that must not.
    """

    drop_closes: bool

    @abstractmethod
    def connect(self) -> Any:
        """Open a connection and make it ready for use."""

    @abstractmethod
    def cursor(self, raw: Any) -> Any:
        """Return the cursor that all statements of the connection use."""

    @abstractmethod
    def reset(self, raw: Any) -> bool:
        """Roll back what is open; return False when the connection is lost and must not be lent again."""

    @abstractmethod
    def is_quiet(self, raw: Any) -> bool:
        """Return False when something has arrived on the socket of an idle connection: its end, most likely."""

    @abstractmethod
    def ping(self, raw: Any) -> bool:
        """Return True when the connection still answers; costs a round trip."""

    @abstractmethod
    def close(self, raw: Any) -> None:
        """Close the connection; never raises."""

    @abstractmethod
    def after_fork(self) -> None:
        """Forget, without closing it, what the driver's side of the engine holds open: called in a forked process."""


class PooledConnection:
    """A driver's connection while it belongs to a pool.

    :ivar raw: the driver's connection.
    :ivar cursor: a cursor of it, used again for each statement whose result is fetched at once.
    :ivar created: when it was opened, on the clock of :func:`time.monotonic`.
    :ivar returned: when it last came back, likewise.
    :ivar generation: how many times the pool had been emptied when it was opened.
    :ivar broken: True once the connection must not be lent again.
    :ivar inherited: True in a forked process, where the connection belongs to the parent.
    :ivar apart: True where the pool does not count the connection, and closes it when it comes back.
    :ivar user: the Connection that has it.
    :ivar holder: tells what its user works for (a request, a command), None where nobody said.
    :ivar acquired: when it was lent, on the same clock.
    """

    __slots__ = (
        "_asked_by", "_asked_line", "acquired", "apart", "broken", "created", "cursor", "generation", "holder", "inherited", "raw",
        "returned", "user",
    )  # fmt: skip

    def __init__(self, raw: Any, cursor: Any, generation: int) -> None:
        self.raw = raw
        self.cursor = cursor
        self.created = self.returned = self.acquired = time.monotonic()
        self.generation = generation
        self.broken = False
        self.inherited = False
        self.apart = False
        self.user: weakref.ref[Any] | None = None
        self.holder: Callable[[], str] | None = None
        self._asked_by: CodeType | None = None
        self._asked_line = 0

    def lend_to(self, user: Any) -> None:
        """Note who has the connection from now on, and which line of the application asked for it."""
        self.acquired = time.monotonic()
        self.user = weakref.ref(user) if user is not None else None
        self.holder = None
        frame = sys._getframe(1)
        while frame.f_back is not None and frame.f_code.co_filename.startswith(INSIDE):
            frame = frame.f_back
        self._asked_by = frame.f_code
        self._asked_line = frame.f_lineno

    def describe_holder(self, now: float) -> str:
        """Return who has the connection, for how long, and where it was taken."""
        who = self.holder() if self.holder is not None else "no request"
        code = self._asked_by
        where = (
            f"{code.co_filename}:{self._asked_line} in {code.co_qualname}" if code is not None else "an unknown place"
        )
        return f"{who}, for {now - self.acquired:.1f} s, acquired at {where}"
