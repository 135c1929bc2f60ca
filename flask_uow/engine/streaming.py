"""Rows of a statement some at a time, so that a large result never is in memory as a whole.

On PostgreSQL the rows stay with the server: ``DECLARE ... CURSOR``, then ``FETCH``
(https://www.postgresql.org/docs/current/sql-declare.html). SQLite works rows out as they are asked for anyway. ``Connection.stream``
calls :func:`stream_pages`; StreamedResult and Query iterate it.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from flask_uow.exc import ArgumentError, DBAPIError, InvalidRequestError

if TYPE_CHECKING:
    from flask_uow.engine.connection import Connection
    from flask_uow.engine.dbapi import Description

__all__ = ["stream_pages"]

Page = list[tuple[Any, ...]]

_numbers = itertools.count(1)


def stream_pages(
    connection: Connection,
    sql: str,
    params: Sequence[Any],
    size: int,
    write: bool,
    describe: Callable[[Description], object] | None = None,
) -> Iterator[Page]:
    """Yield the rows of a statement in pages of ``size``; the transaction it runs in must stay open meanwhile.

    Outside a transaction, one is begun for it, and committed at the end.

    :param describe: told of the columns, as the driver describes them, before the first page comes.

    :raises ArgumentError: for a size below 1.
    :raises InvalidRequestError: when the transaction ends before the rows do.
    """
    if size < 1:
        raise ArgumentError(f"rows are fetched in pages of 1 or more, got {size!r}.")
    if connection.in_transaction():
        yield from _pages(connection, sql, params, size, write, describe)
        return
    with connection.begin():
        yield from _pages(connection, sql, params, size, write, describe)


def _pages(
    connection: Connection,
    sql: str,
    params: Sequence[Any],
    size: int,
    write: bool,
    describe: Callable[[Description], object] | None,
) -> Iterator[Page]:
    dialect = connection.dialect
    # a cursor of its own: whatever else the connection does meanwhile, and whenever this generator is closed, nobody's rows get lost
    cursor = connection.new_cursor()
    level = connection.transaction_level
    try:
        if not dialect.streams_by_declared_cursor:
            connection.run_on(cursor, sql, params, write=write)
            if describe is not None:
                describe(cursor.description or ())
            while page := connection.take_from(cursor, size):
                yield page
                _check_open(connection, level)
            return
        dialect.require("cursors", "rows that are fetched page by page stay with the server in a cursor")
        name = f"uow_rows_{next(_numbers)}"
        # without a transaction the server works out all rows first, and keeps them
        hold = " WITH HOLD" if connection.is_autocommit else ""
        connection.run_on(cursor, f"DECLARE {name} NO SCROLL CURSOR{hold} FOR {sql}", params, write=write)
        fetch = f"FETCH FORWARD {size} FROM {name}"
        try:
            while True:
                # whoever takes the pages may have committed between two of them, and the cursor is gone with its
                # transaction
                _check_open(connection, level)
                connection.run_on(cursor, fetch, (), write=False)
                if describe is not None:
                    describe(cursor.description or ())
                    describe = None
                page = connection.take_from(cursor, size)
                if page:
                    yield page
                # a short page is the last one: nobody has to ask for an empty one
                if len(page) < size:
                    return
        finally:
            # where the transaction has ended or failed, the cursor is gone with it
            if connection.transaction_level == level and connection.is_usable:
                # where the server is gone, the next statement of the transaction tells; who closes this may be the garbage collector
                with contextlib.suppress(DBAPIError):
                    connection.run_on(cursor, f"CLOSE {name}", (), write=False)
    finally:
        # the driver of SQLite refuses that for a connection that was closed meanwhile
        with contextlib.suppress(*dialect.errors):
            cursor.close()


def _check_open(connection: Connection, level: object) -> None:
    if connection.transaction_level != level:
        raise InvalidRequestError(
            "the transaction ended while rows were still being read from it. Read all of them before commit() or rollback(), or fetch "
            "them at once (without yield_per)."
        )
