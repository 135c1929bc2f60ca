"""The unit of work of a scope: what the Session of ``db.session`` has its transactions begin with, and what follows their commits.

It is the observer of its Session (:class:`~flask_uow.orm.session.unit_observer.UnitObserver`), which hands itself over with each call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from blinker import NamedSignal
from flask import Flask

from flask_uow.engine import Connection
from flask_uow.engine.dialects.base import AUTOCOMMIT
from flask_uow.orm import Session
from flask_uow.orm.session.transaction import SessionTransaction
from flask_uow.orm.session.unit_observer import UnitObserver
from flask_uow.orm.state.expiry import Keep, expire_all
from flask_uow.web import signals
from flask_uow.web.retry import Progress

if TYPE_CHECKING:
    from flask_uow.web.reading import Reading
    from flask_uow.web.session import WebSession

__all__ = ["Callback", "ScopeUnit", "UnitOptions"]


@dataclass(frozen=True, slots=True)
class UnitOptions:
    """The options of the transactions of one unit of work.

    :ivar isolation_level: as for ``create_engine``; None for the engine's.
    :ivar read_only: the database refuses to write.
    :ivar for_reads: a first statement that only reads opens the transaction on SQLite too, so that read-modify-write loses nothing.
    :ivar session_options: arguments of the Session, its engines among them.
    """

    isolation_level: str | None = None
    read_only: bool = False
    for_reads: bool = False
    session_options: Mapping[str, Any] = field(default_factory=dict)


_DEFAULTS = UnitOptions()

# how often callbacks may register others, which register others
_MOST_ROUNDS = 100


@dataclass(slots=True)
class Callback:
    """A function to call after the commit.

    :ivar savepoint: the savepoint whose rollback drops it; None when only that of the whole transaction does.
    """

    function: Callable[[], object]
    savepoint: SessionTransaction | None


class ScopeUnit(UnitObserver):
    """The observer of a Session of a scope: acts at the boundaries of its transactions, and remembers how they ended.

    :param app: the app, which signals have as their sender.
    :param holder: tells what the Session works for; asked when the pool is exhausted.
    :param progress: told when something was done that lasts.
    :param setup: SQL to send with each BEGIN, on PostgreSQL: ``SET LOCAL ...``.
    :param options: what the transactions are to be like; None for the app's default.
    :param reading: told of commits where the app has read replicas.

    :ivar callbacks: what waits for the commit.
    :ivar commits: how many transactions were committed.
    :ivar had_work: the transaction that ended last had any.
    :ivar is_ending: the Session is closed after this commit.
    :ivar is_told_later: the signal of the commit is sent, and the callbacks are called, by ``tell_together()``.
    :ivar told_with: while after-commit callbacks and receivers of the signal run: the Sessions that were committed. Writing is refused then.
    """

    # what was loaded stays readable when the scope has ended; within it values are loaded anew after a commit
    keeps_values = True
    # of the class until something has happened
    had_work = False
    told_with: list[WebSession] | None = None
    is_ending = False
    is_told_later = False
    commits = 0

    def __init__(
        self,
        app: Flask,
        holder: Callable[[], str] | None,
        progress: Progress,
        setup: Sequence[str],
        options: UnitOptions | None,
        reading: Reading | None,
    ) -> None:
        self.app = app
        self.reading = reading
        self.holder = holder
        self.progress = progress
        self.setup = setup
        self.options = options
        self.callbacks: list[Callback] = []

    def begin_options(self, session: Session, connection: Connection) -> Mapping[str, Any]:
        connection.set_holder(self.holder)
        if self.options is None and not self.setup and self.told_with is None:
            return {}
        options = self.options or _DEFAULTS
        # in AUTOCOMMIT there is no transaction that could be read only, and nothing that could be lost with it
        is_lost = (
            self.told_with is not None and (options.isolation_level or connection.get_isolation_level()) != AUTOCOMMIT
        )
        return {
            "isolation_level": options.isolation_level,
            "read_only": options.read_only or is_lost,
            "for_reads": options.for_reads,
            "setup": self.setup,
        }

    def expire_after_commit(self, session: Session, are_told: bool) -> None:
        if self.is_ending and not (self.is_told_later or self.callbacks or are_told or signals.after_commit.receivers):
            # nobody looks any more: what is detached at once needs not be set aside before
            return
        expire_all(session.objects, None, Keep.LOADED, spares_changed=are_told)

    def expire_after_rollback(self, session: Session, are_true: bool) -> None:
        # where something was undone nobody can tell which of the values were never true
        expire_all(session.objects, None, Keep.LOADED if are_true else Keep.OLDER)

    def before_commit(self, session: Session, transaction: SessionTransaction) -> None:
        if transaction.nested:
            return
        observed: Any = session
        self.had_work = observed.has_work()
        if self.had_work and signals.before_commit.receivers:
            signals.before_commit.send(self.app, session=session)

    def committed(self, session: Session, transaction: SessionTransaction) -> None:
        if self.reading is not None:
            self.reading.note_commit(self.progress, transaction.participants)

    def after_commit(self, session: Session, transaction: SessionTransaction) -> None:
        observed: Any = session
        if transaction.nested:
            # a released savepoint shares the fate of what is around it
            outer = observed.savepoint()
            for callback in self.callbacks:
                if callback.savepoint is transaction:
                    callback.savepoint = outer
            return
        self.commits += 1
        if self.had_work:
            self.progress.note()
        if (self.callbacks or signals.after_commit.receivers) and self.told_with is None and not self.is_told_later:
            # (a callback may commit what it has read; the callbacks that wait are called when it returns)
            observed.tell_alone()

    def before_rollback(self, session: Session, transaction: SessionTransaction) -> None:
        if transaction.nested:
            self.callbacks = [c for c in self.callbacks if c.savepoint is not transaction]
            return
        if transaction.participants.has_committed:
            # one database has committed and another one refused
            self.progress.note()
        observed: Any = session
        self.had_work = observed.has_work()
        self.callbacks.clear()

    def after_rollback(self, session: Session, transaction: SessionTransaction) -> None:
        if not transaction.nested and self.had_work and self.told_with is None:
            self.send_afterwards(session, signals.after_rollback, "the work is rolled back")

    def send_afterwards(self, session: Session, signal: NamedSignal, fact: str) -> bool:
        """Send a signal about what has happened. An error in a receiver is logged: raised, it would say that it has not happened.

        :returns: False when a receiver failed.
        """
        try:
            signal.send(self.app, session=session)
        except Exception:
            self.app.logger.exception("A receiver of the signal %s failed; %s", signal.name, fact)
            return False
        return True

    def run_callbacks(self, sessions: Sequence[WebSession]) -> None:
        """Call what waits for the commit, and what these callbacks have registered in turn.

        :param sessions: those that were committed together, in which nothing may be left by that.
        """
        if not self.callbacks:
            return
        # a callback may send a mail: the work must not be done again
        self.progress.note()
        for _ in range(_MOST_ROUNDS):
            # taken out first: what a callback registers waits for the next round
            callbacks, self.callbacks = self.callbacks, []
            for callback in callbacks:
                self._call(callback.function, sessions)
            if not self.callbacks:
                break
        else:
            self.app.logger.error(
                "After-commit callbacks have registered others %d times in a row; %d are not called. Let the chain come to an end.",
                _MOST_ROUNDS,
                len(self.callbacks),
            )
            self.callbacks.clear()

    def _call(self, function: Callable[[], object], sessions: Sequence[WebSession]) -> None:
        is_well = False
        try:
            function()
            is_well = True
        except Exception:
            self.app.logger.exception(
                "An after-commit callback failed; the commit stands. (One that writes opens `with db.unit_of_work() as session:`.)"
            )
        finally:
            for session in sessions:
                session.drop_changes(f"The after-commit callback {function!r}", tell=is_well)
