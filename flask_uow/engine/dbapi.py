"""The DB-API (PEP 249) as far as the engine uses it: Protocols for a driver's connection and its cursors.

A dialect names what its driver has beyond them: ``Dialect[sqlite3.Connection, SQLiteCursor]``. A cursor may be a wrapper of ours around the
driver's, such as :class:`~flask_uow.engine.comments.CommentingCursor`, so that a cursor's type is always a Protocol and never the driver's class.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    import typing_extensions

__all__ = ["CursorT", "DBAPIConnection", "DBAPICursor", "Description", "RawT"]

# a sequence for each column of a result, the column's name first
Description = Sequence[Sequence[Any]]


class DBAPICursor(Protocol):
    """A cursor of a driver."""

    @property
    def description(self) -> Description | None:
        """The columns of the rows; None where the statement returns no rows."""
        ...

    @property
    def rowcount(self) -> int:
        """How many rows the last statement changed or returned; -1 where the driver does not know."""
        ...

    def execute(self, sql: str, parameters: Any = ..., /) -> object:
        """Send a statement."""
        ...

    def executemany(self, sql: str, list_of_parameters: Iterable[Any], /) -> object:
        """Send a statement for each set of parameters."""
        ...

    def fetchone(self) -> Any:
        """Return the next row, None after the last one."""
        ...

    def fetchmany(self, size: int = ..., /) -> list[Any]:
        """Return the next rows, ``size`` at most."""
        ...

    def fetchall(self) -> list[Any]:
        """Return all rows that are left."""
        ...

    def close(self) -> None:
        """Close the cursor."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """Give the rows that are left, one by one."""
        ...


class DBAPIConnection(Protocol):
    """A connection of a driver."""

    def cursor(self) -> Any:
        """Return a new cursor."""
        ...

    def commit(self) -> None:
        """Commit the transaction."""
        ...

    def rollback(self) -> None:
        """Roll the transaction back."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


# the connection and the cursors of one driver. A plain Dialect is one whose driver nobody asks about
if TYPE_CHECKING:
    RawT = typing_extensions.TypeVar("RawT", bound=DBAPIConnection, default=Any)
    CursorT = typing_extensions.TypeVar("CursorT", bound=DBAPICursor, default=Any)
else:
    RawT = TypeVar("RawT", bound=DBAPIConnection)
    CursorT = TypeVar("CursorT", bound=DBAPICursor)
