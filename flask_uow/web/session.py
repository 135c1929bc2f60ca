"""The Session of ``db.session``: the orm's, which also tells signals and after-commit callbacks what happened.

Made by flask_uow.web.extension, one for a scope that is used; its commits and rollbacks are the scope's, whoever calls
them. A savepoint sends no signals, and callbacks that were registered inside it share its fate.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, NoReturn

from blinker import NamedSignal
from flask import Flask

from flask_uow.exc import InvalidRequestError
from flask_uow.orm import FlushContext, Session, SessionExtension
from flask_uow.orm.exclusive import exclusive
from flask_uow.orm.extensions import SESSION_EVENTS, Hooks, hooks_of_class
from flask_uow.orm.session.transaction import SessionTransaction
from flask_uow.orm.state.instance_state import describe
from flask_uow.orm.state.mutables import lost_changes
from flask_uow.web import signals
from flask_uow.web.outcome import Kind
from flask_uow.web.retry import Progress
from flask_uow.web.unit import Callback, ScopeUnit

__all__ = ["WebSession", "hooks_of_extension", "hooks_with", "session_class_of", "tell_together"]


class _NoWritesInCallbacks(SessionExtension):
    """Refuses what after-commit callbacks would write: the work is committed already."""

    def before_flush(self, session: Session, flush_context: FlushContext, instances: Sequence[Any] | None) -> None:
        assert isinstance(session, WebSession)
        if session.observer.told_with is not None:
            raise InvalidRequestError(
                "an after-commit callback (or a receiver of the signal after_commit) changes objects of db.session, whose work is committed"
                " already: nothing would save them. Write in a unit of work of its own: `with db.unit_of_work() as session:`."
            )


# those of the Sessions of all extensions
_hooks = Hooks(SessionExtension, _NoWritesInCallbacks(), SESSION_EVENTS, (hooks_of_class(Session),))


def _send_from_first_receiver_on(name: str, signal: NamedSignal) -> None:
    """Have the hook of a name send a signal as soon as that has a receiver: most apps have none, and nothing is called for it."""

    def listen(sender: NamedSignal, /, **connected: Any) -> None:
        signal.receiver_connected.disconnect(listen)
        # after self and session
        names = list(inspect.signature(getattr(SessionExtension, name)).parameters)[2:]

        def send(session: Session, *values: Any) -> None:
            assert isinstance(session, WebSession)
            signal.send(session.app, session=session, **dict(zip(names, values, strict=True)))

        _hooks.listen(name, [send])

    signal.receiver_connected.connect(listen, weak=False)


for _name in signals.HOOKS:
    _send_from_first_receiver_on(_name, getattr(signals, _name))


def hooks_of_extension() -> Hooks:
    """Return the hooks of all Sessions of one extension: its signals, and what listens to ``db.session``."""
    return Hooks(SessionExtension, None, SESSION_EVENTS, (_hooks,))


def hooks_with(hooks: Hooks, extension: SessionExtension | Sequence[SessionExtension] | None) -> Hooks:
    """Return hooks of an extension, and after them those of the SessionExtensions that a Session is given.

    :raises ArgumentError: for something that is none.
    """
    if extension is None or (isinstance(extension, (list, tuple)) and not extension):
        return hooks
    return Hooks(SessionExtension, extension, SESSION_EVENTS, (hooks,))


class WebSession(Session):
    """A Session that belongs to a scope of an app. For one thread at a time.

    The parameters are those of the orm's Session.

    :ivar observer: its unit of work: what it does at the boundaries of its transactions, and what it knows of their past.
    """

    cure_for_threads = (
        "Give each thread a scope of its own: wrap its function in copy_current_request_context() once for each thread, or use"
        " `with db.unit_of_work() as session:` in it."
    )
    observer: ScopeUnit
    # of the scope that has ended
    _ended: Kind | None = None
    # what it becomes then
    ended_class: ClassVar[type[WebSession]]

    @property
    def app(self) -> Flask:
        """The app, which signals have as their sender."""
        return self.observer.app

    def has_work(self) -> bool:
        """Return whether there is anything to commit or to roll back: changes, or SQL in the current transaction."""
        transaction = self.current_transaction
        # one that a failed flush made inactive counts: committing it must fail
        if transaction is not None and (transaction.participants.members or not transaction.is_active):
            return True
        # a change that nobody would write is an error of the commit
        return self.objects.has_changes() or bool(self.objects.left_behind and lost_changes(self.objects))

    def has_changes(self) -> bool:
        """Return whether there is work that a rollback would undo: changes, flushed or not, and whatever else was sent that writes."""
        transaction = self.current_transaction
        while transaction is not None:
            # what a failed flush has undone is lost already, and was told
            if transaction.is_active and transaction.participants.has_written:
                return True
            transaction = transaction.parent
        return self.objects.has_changes()

    def has_connections(self) -> bool:
        """Return whether the current transaction has taken a connection."""
        return self.current_transaction is not None and bool(self.current_transaction.participants.members)

    def join_telling(self, others: Iterable[WebSession]) -> None:
        """Only read, too, where one of the ``others`` of the scope does."""
        for other in others:
            told = other.observer.told_with
            if told is not None:
                self.observer.told_with = told
                told.append(self)
                return

    @exclusive
    def commit_all(self, is_last: bool = False) -> None:
        """Commit the whole transaction, whatever savepoints and subtransactions were left open in it.

        :param is_last: the Session is closed next.
        """
        self.observer.is_ending = is_last
        root = self.get_transaction()
        if root is None:
            self.commit()
        else:
            root.commit()

    @exclusive
    def get_ready(self, ready: Sequence[SessionTransaction], others: Sequence[WebSession]) -> SessionTransaction:
        """Flush the whole transaction, which is committed together with those of ``others``, and return it; ``commit_all`` has to follow.

        :param ready: transactions that this was done for before.
        :raises InvalidRequestError: in autocommit mode outside ``begin()``.
        """
        root = self.get_transaction() or self.transaction
        if root is None:
            raise InvalidRequestError(
                "no transaction is in progress, and what was added to this Session would not be saved. In autocommit mode, call flush(), or"
                " open a transaction with `with session.begin():` before."
            )
        begun = [each.get_transaction() for each in others if each is not self]
        root.get_ready(ready, [each for each in begun if each is not None and each not in ready])
        return root

    @exclusive
    def rollback_all(self) -> None:
        """Roll back the whole transaction, as :meth:`commit_all` commits it."""
        root = self.get_transaction()
        if root is None:
            self.rollback()
        else:
            root.rollback()

    def call_after_commit(self, function: Callable[[], object]) -> None:
        """Have ``function`` called once, after the commit that makes the present work last.

        :raises InvalidRequestError: in autocommit mode outside ``begin()``.
        """
        # begun now (which takes no connection yet), so that a rollback before any work drops the callback
        if self.transaction is None:
            raise InvalidRequestError(
                "db.after_commit() was used in autocommit mode outside of a transaction: what was flushed is committed, and no commit is"
                " to come. Call the function itself, or open a transaction with `with db.session.begin():` before."
            )
        self.observer.callbacks.append(Callback(function, self.savepoint()))

    def move_to(self, holder: Callable[[], str], progress: Progress) -> None:
        """Go on as the Session of another scope, with transactions as the app has them by default."""
        self.observer.holder = holder
        self.observer.progress = progress
        self.observer.options = None
        self.router = None

    def tell_alone(self) -> None:
        """Send the signal of a commit of this Session alone, and call what waits for it."""
        tell_together([self])

    def tell(self, sessions: Sequence[WebSession]) -> None:
        """Send the signal of a commit, and call what waits for it.

        :param sessions: those that were committed together, in which nothing may be left by that.
        """
        unit = self.observer
        if unit.had_work:
            is_well = unit.send_afterwards(self, signals.after_commit, "the commit stands")
            for session in sessions:
                session.drop_changes("A receiver of the signal uow-after-commit", tell=is_well)
        unit.run_callbacks(sessions)

    def _end(self) -> None:
        # what waited for a commit is dropped
        self.observer.callbacks.clear()
        super()._end()

    def end(self, kind: Kind) -> None:
        """Close for good: whoever goes on using the Session is told that its scope has ended. Objects stay readable as detached ones.

        :param kind: what sort of scope it was, for the error.
        """
        try:
            self.close()
        finally:
            self._ended = kind
            # another class, so that a Session in use does not pay for the question whether it has ended
            ended: Any = self
            ended.__class__ = self.ended_class

    def savepoint(self) -> SessionTransaction | None:
        """Return the innermost savepoint, None outside of any."""
        transaction = self.current_transaction
        return transaction.real if transaction is not None and transaction.real.nested else None

    def drop_changes(self, who: str, tell: bool) -> None:
        """Drop the changes that somebody has left in the Session after its commit.

        :param tell: log an error about them; else somebody has been told already.
        """
        if not self.objects.has_changes():
            return
        left = [describe(obj) for objects in (self.new, self.dirty, self.deleted) for obj in objects]
        if tell:
            shown = ", ".join(left[:3]) + (f" and {len(left) - 3} more" if len(left) > 3 else "")
            self.app.logger.error(
                "%s has changed objects of db.session after its commit, and they are not saved: %s. Write in a unit of work of its own:"
                " `with db.unit_of_work() as session:`.",
                who,
                shown,
            )
        waiting, self.observer.callbacks = self.observer.callbacks, []
        self.rollback_all()
        self.observer.callbacks = waiting


def tell_together(sessions: Sequence[WebSession]) -> None:
    """Send the signals of Sessions that were committed just now, and call what waits for that; meanwhile they can only read."""
    # those that are opened meanwhile come in
    told = list(sessions)
    for session in sessions:
        session.observer.told_with = told
    try:
        for session in sessions:
            session.tell(told)
        for session in told:
            if session.has_work():
                # what they have read must not become part of the next transaction, which may write
                session.rollback_all()
    finally:
        for session in told:
            session.observer.told_with = None


_WORDS: Mapping[Kind | None, str] = {
    Kind.REQUEST: "a request",
    Kind.COMMAND: "a command",
    Kind.SHELL: "a shell",
    Kind.BLOCK: "a unit of work",
}


class _EndedSession(WebSession):
    """A Session whose scope has ended. What would begin a transaction, or wait for a commit that never comes, is refused."""

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise InvalidRequestError(
            f"this Session was that of {_WORDS.get(self._ended, 'a context')}, which has ended, and the Session with it. A Session is used inside of its"
            " scope only: move this work into it, or open another one with `with db.unit_of_work() as session:` and bring"
            " objects over with session.merge(obj)."
        )

    add = add_all = delete = merge = begin = prepare = commit = _refuse

    @property
    def transaction(self) -> NoReturn:
        self._refuse()


WebSession.ended_class = _EndedSession


def session_class_of(own: type[Session]) -> type[WebSession]:
    """Return the class of an app's Sessions: WebSession with what a class of the user's own has before it."""
    if issubclass(WebSession, own):
        return WebSession
    if issubclass(own, WebSession):
        return own
    bases: tuple[Any, ...] = (own, WebSession)
    body = {"__module__": own.__module__, "__qualname__": own.__qualname__, "__doc__": own.__doc__}
    made: type[WebSession] = type(own.__name__, bases, body)
    ended: tuple[Any, ...] = (_EndedSession, made)
    made.ended_class = type(own.__name__, ended, body)
    return made
