"""The Session of ``db.session``: the orm's, which also tells signals and after-commit callbacks what happened.

Made by flask_uow.web.extension, one for a scope that is used; its commits and rollbacks are the scope's, whoever calls
them. A savepoint sends no signals, and callbacks that were registered inside it share its fate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Flask

from flask_uow.orm import Session
from flask_uow.orm.session.transaction import SessionTransaction
from flask_uow.web import signals

__all__ = ["WebSession"]


@dataclass(slots=True)
class _Callback:
    """A function to call after the commit.

    :ivar savepoint: the savepoint whose rollback drops it; None when only that of the whole transaction does.
    """

    function: Callable[[], object]
    savepoint: SessionTransaction | None


class WebSession(Session):
    """A Session that belongs to a scope of an app. For one thread at a time.

    :param app: the sender of the signals.
    :param options: as for the orm's Session.
    """

    def __init__(self, app: Flask, **options: Any) -> None:
        super().__init__(**options)
        self._app = app
        self._callbacks: list[_Callback] = []

    def has_work(self) -> bool:
        """Return whether there is anything to commit or to roll back: changes, or SQL in the current transaction."""
        transaction = self._transaction
        if self._has_changes():
            return True
        # one that a failed flush made inactive counts: committing it must fail
        return transaction is not None and (bool(transaction.participants) or not transaction.is_active)

    def has_changes(self) -> bool:
        """Return whether there is work that a rollback would undo: changes, flushed or not."""
        transaction = self._transaction
        while transaction is not None:
            if transaction.inserted or transaction.deleted or transaction.moved:
                return True
            transaction = transaction.parent
        return self._has_changes()

    def call_after_commit(self, function: Callable[[], object]) -> None:
        """Have ``function`` called once, after the commit that makes the present work last."""
        self._callbacks.append(_Callback(function, self._savepoint()))

    def commit(self) -> None:
        """Commit, as the orm's Session does; then send ``after_commit`` and call what waits for it."""
        if self._transaction is not None and self._transaction.parent is not None:
            self._release_savepoint()
            return
        had_work = self.has_work()
        if had_work:
            signals.before_commit.send(self._app, session=self)
        try:
            super().commit()
        except BaseException:
            if self._transaction is None:
                self._tell_rollback()
            raise
        if had_work:
            signals.after_commit.send(self._app, session=self)
        self._run_callbacks()

    def rollback(self) -> None:
        """Roll back, as the orm's Session does; then send ``after_rollback``, and drop what waited for the commit."""
        savepoint = self._savepoint()
        if savepoint is not None:
            super().rollback()
            self._callbacks = [c for c in self._callbacks if c.savepoint is not savepoint]
            return
        had_work = self.has_work()
        self._callbacks.clear()
        super().rollback()
        if had_work:
            self._tell_rollback()

    def close(self) -> None:
        """Close, as the orm's Session does; what waited for a commit is dropped."""
        self._callbacks.clear()
        super().close()

    def _savepoint(self) -> SessionTransaction | None:
        """Return the innermost savepoint, None outside of any."""
        transaction = self._transaction
        return transaction.real if transaction is not None and transaction.real.nested else None

    def _release_savepoint(self) -> None:
        savepoint = self._savepoint()
        super().commit()
        if savepoint is not None and savepoint.is_closed:
            outer = self._savepoint()
            for callback in self._callbacks:
                if callback.savepoint is savepoint:
                    callback.savepoint = outer

    def _tell_rollback(self) -> None:
        self._callbacks.clear()
        signals.after_rollback.send(self._app, session=self)

    def _run_callbacks(self) -> None:
        if not self._callbacks:
            return
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            try:
                callback.function()
            except Exception:
                self._app.logger.exception("An after-commit callback failed; the commit stands")
        # what a callback read or left behind must not become part of the next transaction
        super().rollback()
