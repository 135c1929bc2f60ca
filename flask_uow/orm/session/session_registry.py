"""Sessions by scope: one for each thread, or for whatever a function names."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable

from flask_uow.orm.session.session import Session

__all__ = ["SessionRegistry"]


class SessionRegistry:
    """Sessions by scope.

    :param create: makes a Session.
    :param scopefunc: returns the present scope's key; the thread is the scope when None.
    """

    def __init__(self, create: Callable[[], Session], scopefunc: Callable[[], Hashable] | None) -> None:
        self._create = create
        self._scopefunc = scopefunc
        self._local = threading.local()
        self._sessions: dict[Hashable, Session] = {}

    def __call__(self) -> Session:
        """Return the Session of the present scope, made at first use."""
        if self._scopefunc is None:
            # there nearly always: one look-up, without asking first
            try:
                session: Session = self._local.session
                return session
            except AttributeError:
                session = self._local.session = self._create()
                return session
        key = self._scopefunc()
        found = self._sessions.get(key)
        if found is None:
            found = self._sessions[key] = self._create()
        return found

    def has(self) -> bool:
        """Return True when the present scope has a Session."""
        if self._scopefunc is None:
            return hasattr(self._local, "session")
        return self._scopefunc() in self._sessions

    def set(self, session: Session) -> None:
        """Make ``session`` the Session of the present scope."""
        if self._scopefunc is None:
            self._local.session = session
        else:
            self._sessions[self._scopefunc()] = session

    def clear(self) -> None:
        """Forget the Session of the present scope."""
        if self._scopefunc is None:
            self._local.__dict__.pop("session", None)
        else:
            self._sessions.pop(self._scopefunc(), None)

    def take(self, key: Hashable) -> Session | None:
        """Forget the Session of a scope that is given by its key, and return it."""
        return self._sessions.pop(key, None)
