"""The end of a scope's work: its Sessions are committed, rolled back and closed, all in the same way.

What is to be done is decided in flask_uow.web.outcome; flask_uow.web.boundary and the blocks of ``unit_of_work()`` call in here.
"""

from __future__ import annotations

from collections.abc import Iterable

from flask_uow.orm.session.together import be_ready_together
from flask_uow.orm.session.transaction import SessionTransaction
from flask_uow.web import signals
from flask_uow.web.outcome import Outcome
from flask_uow.web.scope import Scope
from flask_uow.web.session import WebSession, tell_together

__all__ = ["close_sessions", "end_scope", "finish", "has_changes", "is_settled", "roll_back"]


def is_settled(scope: Scope) -> bool:
    """Return whether nothing is left to be done at the scope's end but to close its Sessions."""
    for session in scope.sessions:  # noqa: SIM110 (twice in each request: without a generator)
        if session.observer.callbacks or session.has_work():
            return False
    return True


def has_changes(scope: Scope) -> bool:
    """Return whether a Session of the scope has work that a rollback would undo."""
    return any(session.has_changes() for session in scope.sessions)


def finish(scope: Scope, outcome: Outcome, is_last: bool = False) -> None:
    """Commit or roll back what the scope's Sessions hold; nothing when there is nothing.

    :param is_last: the Sessions are closed next.
    :raises Exception: when the commit fails; everything has been rolled back then. An error that comes after the commit is logged.
    """
    if is_settled(scope):
        return
    if outcome is Outcome.ROLLBACK:
        _roll_back([session for session in scope.sessions if session.observer.callbacks or session.has_work()])
        return
    try:
        # a receiver of the signal may open another Session, which then belongs to the same commit
        if len(scope.sessions) > 1 or signals.before_commit.receivers:
            _commit_together(scope, is_last)
            return
        for session in scope.sessions:
            _commit(session, is_last)
    except BaseException:
        roll_back(scope)
        raise
    if len(scope.sessions) > 1:
        # a hook of the commit has used another Session
        finish(scope, outcome, is_last)


def end_scope(scope: Scope, outcome: Outcome, *, keep_session: bool = False) -> None:
    """Finish the scope's work and close its Sessions, whatever fails on the way. The scope may begin anew.

    :param keep_session: leave the Sessions open, without a transaction or a connection, for a body that is still to
        come.
    """
    scope.forget_ending()
    if not scope.sessions and not scope.kept:
        return
    try:
        finish(scope, outcome, not keep_session)
    except BaseException:
        # no body follows
        close_sessions(scope)
        raise
    if not keep_session:
        close_sessions(scope)


def close_sessions(scope: Scope) -> None:
    """Close the Sessions of a scope, which has none any more."""
    for session in scope.take_sessions():
        try:
            session.end(scope.kind)
        except Exception:
            scope.app.logger.exception("A Session could not be closed; its connection is discarded")


def roll_back(scope: Scope) -> None:
    """Roll back; an error in that is logged, since the work is lost as it should be and the connection is discarded."""
    _roll_back(scope.sessions)


def _roll_back(sessions: Iterable[WebSession]) -> None:
    for session in sessions:
        try:
            session.rollback_all()
        except Exception:
            session.app.logger.exception("A rollback failed; the connection is discarded and the database rolls back")


def _commit(session: WebSession, is_last: bool) -> None:
    """Commit a Session.

    :raises Exception: when that fails; nothing of it is committed then.
    """
    commits = session.observer.commits
    try:
        session.commit_all(is_last)
    except Exception:
        if session.observer.commits == commits:
            # the commit itself has failed
            raise
        _roll_back([session])
        session.app.logger.exception("The after_commit hook of a SessionExtension failed; the commit stands")


def _commit_together(scope: Scope, is_last: bool) -> None:
    """Commit all Sessions of a scope: none, where one of them cannot be flushed. Callbacks and signals follow when all are committed.

    :raises Exception: when one fails; those that follow are to be rolled back then.
    """
    sessions: list[WebSession] = []
    transactions: list[SessionTransaction] = []
    # a receiver of before_commit may use a Session that had no work, or was not there
    while fresh := [
        each for each in scope.sessions if each not in sessions and (each.observer.callbacks or each.has_work())
    ]:
        for session in fresh:
            transactions.append(session.get_ready(transactions, scope.sessions))
            sessions.append(session)
    be_ready_together(transactions)
    for session in sessions:
        session.observer.is_told_later = True
    try:
        for session in sessions:
            _commit(session, is_last)
    finally:
        for session in sessions:
            session.observer.is_told_later = False
    tell_together(sessions)
