"""The observer of a unit of work: told of the boundaries of a Session's transactions, and asked what they are to be like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from flask_uow.orm.state.expiry import expire_all

if TYPE_CHECKING:
    from flask_uow.engine import Connection
    from flask_uow.orm.session.session import Session
    from flask_uow.orm.session.transaction import SessionTransaction

__all__ = ["QUIET", "UnitObserver"]


class UnitObserver:
    """Base of observers; this one does nothing but expire values where a transaction has ended.

    The Session is handed over with each call, and an observer keeps no reference to it: Sessions go by reference count. Commits and
    rollbacks are those of root transactions and of savepoints (``transaction.nested``), whoever ends them.
    """

    __slots__ = ()

    #: True where expired values are set aside, so that detached objects stay readable
    keeps_values: ClassVar[bool] = False

    def begin_options(self, session: Session, connection: Connection) -> Mapping[str, Any]:
        """Return the options of ``begin()`` for a connection that takes part from now on."""
        return {}

    def before_commit(self, session: Session, transaction: SessionTransaction) -> None:
        """Called before the flush of a commit; may still add work."""

    def committed(self, session: Session, transaction: SessionTransaction) -> None:
        """Called when a root transaction was committed, and has its connections still."""

    def after_commit(self, session: Session, transaction: SessionTransaction) -> None:
        """Called when a transaction was committed, or a savepoint released."""

    def before_rollback(self, session: Session, transaction: SessionTransaction) -> None:
        """Called before a rollback."""

    def after_rollback(self, session: Session, transaction: SessionTransaction) -> None:
        """Called when a transaction or a savepoint was rolled back."""

    def expire_after_commit(self, session: Session, are_told: bool) -> None:
        """Have all values loaded anew, since others may change them from now on.

        :param are_told: hooks were told of the commit; what these have changed is work of the next transaction.
        """
        expire_all(session.objects, None, spares_changed=are_told)

    def expire_after_rollback(self, session: Session, are_true: bool) -> None:
        """Have all values loaded anew.

        :param are_true: nothing was undone that they could have come from.
        """
        expire_all(session.objects, None)


#: the observer of a Session that nobody observes
QUIET = UnitObserver()
