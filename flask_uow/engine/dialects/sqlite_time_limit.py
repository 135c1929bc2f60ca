"""A time limit for the statements of SQLite, which has none of its own.

SQLite calls a function after every so many steps of a statement (https://www.sqlite.org/c3ref/progress_handler.html), which can end it. Python's
function needs the interpreter's lock for that, and waits for it behind other threads (up to 5 ms each time), so it is called seldom: some ten
times until the limit. Only cursors of transactions with a limit are wrapped. Used by :mod:`flask_uow.engine.dialects.sqlite`.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from flask_uow.engine.dbapi import DBAPICursor

__all__ = ["SQLiteCursor", "TimedCursor"]

T = TypeVar("T")

# plain steps take some 25 ns
_STEPS_IN_A_SECOND = 4_000_000
_FEWEST_STEPS = 1000


class SQLiteCursor(DBAPICursor, Protocol):
    """A cursor of sqlite3's, or a wrapper around one."""

    @property
    def connection(self) -> sqlite3.Connection:
        """The driver's connection that it is of."""
        ...


class TimedCursor:
    """A driver's cursor whose statements end when they take too long.

    The time that a statement takes is that of ``execute()`` and of ``fetchall()`` after it; for rows that are fetched some at a time, that of
    each fetch; for ``executemany()``, that of each set of parameters.

    :ivar cursor: the driver's cursor.
    """

    __slots__ = ("_deadline", "_seconds", "_steps", "cursor")

    def __init__(self, cursor: SQLiteCursor, seconds: float) -> None:
        self.cursor = cursor
        self._seconds = seconds
        # the handler is called after so many steps: seldom enough to cost nothing, often enough for limits below a
        # second
        self._steps = max(_FEWEST_STEPS, int(min(seconds, 1.0) * _STEPS_IN_A_SECOND))
        self._deadline = 0.0

    def execute(self, *arguments: Any) -> TimedCursor:
        """Send a statement, see PEP 249."""
        self._begin()
        self._within(lambda: self.cursor.execute(*arguments))
        return self

    def executemany(self, sql: str, list_of_parameters: Iterable[Any]) -> TimedCursor:
        """Send a statement for each set of parameters, see PEP 249."""
        self._within(lambda: self.cursor.executemany(sql, self._each(list_of_parameters)))
        return self

    def fetchall(self) -> list[Any]:
        """Return all rows that are left, see PEP 249."""
        # the time of execute() goes on, since SQLite works the rows out while they are fetched
        return self._within(self.cursor.fetchall)

    def fetchmany(self, *size: int) -> list[Any]:
        """Return the next rows, see PEP 249."""
        # anew for each page: between two of them the time is the application's
        self._begin()
        return self._within(lambda: self.cursor.fetchmany(*size))

    def fetchone(self) -> Any:
        """Return the next row, see PEP 249."""
        self._begin()
        return self._within(self.cursor.fetchone)

    def __iter__(self) -> Iterator[Any]:
        while (row := self.fetchone()) is not None:
            yield row

    def __getattr__(self, name: str) -> Any:
        return getattr(self.cursor, name)

    def _begin(self) -> None:
        self._deadline = time.monotonic() + self._seconds

    def _each(self, list_of_parameters: Iterable[Any]) -> Iterator[Sequence[Any]]:
        for parameters in list_of_parameters:
            # each set of parameters is a statement with the whole time for itself
            self._begin()
            yield parameters

    def _is_late(self) -> bool:
        return time.monotonic() > self._deadline

    def _within(self, work: Callable[[], T]) -> T:
        raw = self.cursor.connection
        raw.set_progress_handler(self._is_late, self._steps)
        try:
            return work()
        except sqlite3.OperationalError as error:
            # an interrupt that somebody else has asked for is none of ours
            if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT or not self._is_late():
                raise
            told = sqlite3.OperationalError(
                f"statement timeout: the statement took longer than {self._seconds:g} seconds, and was ended"
            )
            # the codes of the driver's error, which the dialect looks at to tell errors apart
            told.sqlite_errorcode, told.sqlite_errorname = error.sqlite_errorcode, error.sqlite_errorname
            raise told from error
        finally:
            raw.set_progress_handler(None, 0)
