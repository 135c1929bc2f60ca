"""``db.session``: the Session of the current scope, behind one object.

Each Session is kept on its scope (flask_uow.web.scope), where it lives and dies. Made by flask_uow.web.extension.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_uow.exc import ArgumentError
from flask_uow.orm import ScopedSession, Session
from flask_uow.orm.extensions import Hooks
from flask_uow.orm.session.scoping import SessionRegistry
from flask_uow.web.scope import USUAL_SESSION, current_scope
from flask_uow.web.session import WebSession

if TYPE_CHECKING:
    from flask_uow.web.extension import UnitOfWork
    from flask_uow.web.typed import QueryingSession as _ScopedSession
else:
    _ScopedSession = ScopedSession

__all__ = ["AppSession", "CurrentSession", "named_session"]


class AppSession(_ScopedSession):
    """The type of ``db.session``."""

    registry: CurrentSession
    # set by the extension
    hooks_of_all: Hooks

    @property
    def event_hooks(self) -> Hooks:
        """The hooks of the Sessions of all scopes."""
        return self.hooks_of_all


class CurrentSession(SessionRegistry):
    """The registry of ``db.session``.

    :param owner: the extension.
    """

    def __init__(self, owner: UnitOfWork) -> None:
        super().__init__(owner._make_session, owner.scope_id)
        self._owner = owner

    def __call__(self) -> WebSession:
        scope = current_scope(self._owner)
        session = scope.session
        if session is None:
            session = self._owner.state_of(scope.app).make_session(scope)
            scope.open_session(session)
        return session

    def has(self) -> bool:
        """Return whether the current scope has a Session."""
        return current_scope(self._owner).session is not None

    def set(self, session: Session) -> None:
        """Make ``session`` the current scope's."""
        assert isinstance(session, WebSession)
        current_scope(self._owner).open_session(session)

    def clear(self) -> None:
        """Forget the current scope's Session."""
        current_scope(self._owner).forget_session()


def named_session(owner: UnitOfWork, name: str) -> WebSession:
    """Return the Session of the current scope that has a name, made at its first use.

    :raises ArgumentError: for what is no name.
    :raises InvalidRequestError: outside any scope.
    """
    if not isinstance(name, str) or not name:
        raise ArgumentError(
            f"get_session({name!r}): the name of a Session was expected, a string that is not empty. Write"
            " db.get_session('batch'), or db.get_session() for db.session."
        )
    scope = current_scope(owner, "db.get_session()")
    if name == USUAL_SESSION:
        usual = owner.session.registry()
        assert isinstance(usual, WebSession)
        return usual
    session = scope.named.get(name)
    if session is None:
        session = owner.state_of(scope.app).make_session(scope, name)
        session.join_telling(scope.sessions)
        scope.open_session(session, name)
    return session
