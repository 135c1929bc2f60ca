"""The connection of a Session in autocommit mode outside a transaction: taken for one statement, and given back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from flask_uow.engine import Connection, Result
from flask_uow.engine.rows import RowMaker

if TYPE_CHECKING:
    from flask_uow.engine import Engine
    from flask_uow.sql.nodes import Executable
    from flask_uow.sql.typed import Parameters

__all__ = ["PassThrough"]


class PassThrough:
    """Lends a connection for each statement.

    :param bind: the engine, or a connection, which then is used as it is.
    """

    __slots__ = ("_bind", "dialect", "engine", "listeners")

    def __init__(self, bind: Engine | Connection) -> None:
        self._bind = bind
        self.engine = bind.engine if isinstance(bind, Connection) else bind
        self.dialect = self.engine.dialect
        self.listeners = bind.listeners

    @contextmanager
    def _lend(self) -> Iterator[Connection]:
        if isinstance(self._bind, Connection):
            yield self._bind
        else:
            with self._bind.connect() as connection:
                yield connection

    def fetch_all(
        self, sql: str, params: Sequence[Any] = (), *, write: bool = False, make: RowMaker | None = None
    ) -> list[Any]:
        """Send a statement and return its rows, or what ``make`` makes of them."""
        with self._lend() as connection:
            return connection.fetch_all(sql, params, write=write, make=make)

    def fetch_described(
        self, sql: str, params: Sequence[Any] = (), *, write: bool = False
    ) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """Send a statement and return the names of its columns, and its rows."""
        with self._lend() as connection:
            return connection.fetch_described(sql, params, write=write)

    def stream(
        self, sql: str, params: Sequence[Any] = (), size: int = 1000, *, write: bool = False
    ) -> Iterator[list[tuple[Any, ...]]]:
        """Send a statement and yield its rows in pages, over a connection that is lent until the last one."""
        with self._lend() as connection:
            yield from connection.stream(sql, params, size, write=write)

    def run(self, sql: str, params: Sequence[Any] = (), *, write: bool = True) -> int:
        """Send a statement and return the number of rows it changed."""
        with self._lend() as connection:
            return connection.run(sql, params, write=write)

    def execute(self, statement: Executable, parameters: Parameters = None) -> Result:
        """Execute a statement and return its rows, which are fetched at once."""
        with self._lend() as connection:
            is_own = not connection.in_transaction()
            result: Result = connection.execute(statement, parameters)
            if is_own:
                connection.commit()
            return result
