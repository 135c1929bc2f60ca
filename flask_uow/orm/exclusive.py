"""Two threads in one Session at once: noticed, and refused.

A Session is for one thread at a time; threads may use it one after the other. Every method that changes its state, and every load,
holds the Session's lock meanwhile, and an attempt of a second thread raises instead of corrupting data. Sessions in autocommit mode that
only read are excepted, as the specification allows. Like ``assert``, the check is off under ``python -O``.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from threading import RLock
from typing import Any, ParamSpec, Protocol, TypeVar, cast

from flask_uow.exc import InvalidRequestError

__all__ = ["exclusive", "exclusively"]


class Guarded(Protocol):
    """A Session, as far as it is to be guarded."""

    @property
    def autocommit(self) -> bool:
        """True where no transaction is kept open."""
        ...

    @property
    def current_transaction(self) -> object:
        """The innermost level of the transaction, None outside of one."""
        ...

    @property
    def thread_lock(self) -> RLock:
        """Held by the thread that is inside."""
        ...

    @property
    def cure_for_threads(self) -> str:
        """Tells how several threads get on."""
        ...


P = ParamSpec("P")
R = TypeVar("R")
M = TypeVar("M", bound=Callable[..., Any])


def _two_threads(session: Guarded) -> InvalidRequestError:
    return InvalidRequestError(
        f"this Session is being used by two threads at once, and it is for one at a time. {session.cure_for_threads}"
    )


def exclusive(method: M) -> M:
    """Let only one thread at a time into a Session by this method.

    :raises InvalidRequestError: when called while another thread is inside.
    """
    if not __debug__:
        return method

    if _takes_an_instance(method):
        # the methods that are called for each object: without packing arguments
        @functools.wraps(method)
        def guarded_for(self: Any, instance: object) -> Any:
            lock = self.thread_lock
            # nobody waits here: a Session is not made for two threads, and waiting would only hide it
            if not lock.acquire(False):
                raise _two_threads(self)
            try:
                return method(self, instance)
            finally:
                lock.release()

        return cast(M, guarded_for)

    @functools.wraps(method)
    def guarded(self: Any, *args: Any, **kwargs: Any) -> Any:
        lock = self.thread_lock
        if not lock.acquire(False):
            raise _two_threads(self)
        try:
            return method(self, *args, **kwargs)
        finally:
            lock.release()

    return cast(M, guarded)


def _takes_an_instance(method: Callable[..., Any]) -> bool:
    return list(inspect.signature(method).parameters) == ["self", "instance"]


def exclusively(session: Guarded, load: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a function that loads into a Session, with no other thread inside.

    :raises InvalidRequestError: when another thread is inside.
    """
    if not __debug__ or (session.autocommit and session.current_transaction is None):
        return load(*args, **kwargs)
    lock = session.thread_lock
    if not lock.acquire(False):
        raise _two_threads(session)
    try:
        return load(*args, **kwargs)
    finally:
        lock.release()
