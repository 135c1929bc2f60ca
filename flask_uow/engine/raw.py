"""RawConnection: the driver's own connection, lent to code that wants a DB-API connection.

``engine.raw_connection()`` lends one in the driver's usual transaction mode, so that its ``commit()`` and ``rollback()`` do what DB-API says.
``connection.connection`` is that of a :class:`~flask_uow.engine.connection.Connection`, inside its transaction, which the Connection ends.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from flask_uow.exc import ResourceClosedError

if TYPE_CHECKING:
    from flask_uow.engine.connection import Connection
    from flask_uow.engine.dbapi import DBAPIConnection

__all__ = ["RawConnection"]


class RawConnection:
    """A connection of the driver while it is lent; everything that is not named here is the driver's own.

    :param lender: the Connection that has it.
    :param raw: the driver's connection.
    :param is_lent: True where :meth:`close` gives the connection back to the pool, and commit() and rollback() are the driver's; False
        where they are those of ``lender``, which stays open.
    """

    __slots__ = ("_is_lent", "_lender", "_raw", "_through_lender")

    def __init__(self, lender: Connection, raw: DBAPIConnection, is_lent: bool, through_lender: bool) -> None:
        self._lender = lender
        self._raw: DBAPIConnection | None = raw
        self._is_lent = is_lent
        self._through_lender = through_lender

    @property
    def driver_connection(self) -> Any:
        """The driver's connection itself.

        :raises ResourceClosedError: after close().
        """
        if self._raw is None or self._lender.closed:
            raise ResourceClosedError(
                "this connection of the driver was given back. Take a new one with engine.raw_connection()."
            )
        return self._raw

    dbapi_connection = driver_connection

    @property
    def is_valid(self) -> bool:
        """True until the connection was closed or lost."""
        return self._raw is not None and not self._lender.closed

    def cursor(self, *arguments: Any, **options: Any) -> Any:
        """Return a cursor of the driver, which takes its arguments.

        :raises ResourceClosedError: after close().
        """
        raw = self.driver_connection
        if self._through_lender:
            self._lender.open_transaction()
        return raw.cursor(*arguments, **options)

    def commit(self) -> None:
        """Commit what the cursors have sent."""
        raw = self.driver_connection
        if self._through_lender:
            self._lender.commit()
        else:
            raw.commit()

    def rollback(self) -> None:
        """Roll back what the cursors have sent."""
        raw = self.driver_connection
        if self._through_lender:
            self._lender.rollback()
        else:
            raw.rollback()

    def close(self) -> None:
        """Roll back what is open and give the connection back; nothing happens the second time, nor to that of a Connection in use."""
        if self._is_lent:
            self._lender.close()
            self._raw = None

    def invalidate(self) -> None:
        """Close the driver's connection, since it cannot be trusted any more."""
        self._lender.invalidate()
        self._raw = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.driver_connection, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<RawConnection to {self._lender.engine.url}{'' if self.is_valid else ', closed'}>"
