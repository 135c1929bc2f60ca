"""The pools that ``create_engine(poolclass=...)`` takes, under the names that they have in the field.

They differ in how many connections are kept; :mod:`flask_uow.engine.pool` does the work.
"""

from __future__ import annotations

from typing import Any

from flask_uow.engine.pool import Connector, Pool
from flask_uow.engine.pool_record import PooledConnection, User
from flask_uow.exc import ArgumentError, TimeoutError

__all__ = ["AssertionPool", "NullPool", "QueuePool", "StaticPool"]


class QueuePool(Pool):
    """The pool that engines have where nothing else is said: ``pool_size`` connections are kept, ``max_overflow`` more are opened."""


class _FixedPool(Pool):
    """A pool whose numbers are part of what it is.

    :raises ArgumentError: for a number of connections.
    """

    kept: int

    def __init__(self, connector: Connector, **options: Any) -> None:
        for name, spelled in (("size", "pool_size"), ("max_overflow", "max_overflow")):
            if name in options:
                raise ArgumentError(
                    f"{type(self).__name__} keeps {self.kept} connections, and was given {spelled}={options[name]!r}. Leave {spelled} out, or"
                    " use QueuePool."
                )
        super().__init__(connector, size=self.kept, max_overflow=-1, **options)


class NullPool(_FixedPool):
    """Keeps no connection: each is opened when it is asked for, and closed when it comes back."""

    kept = 0


class StaticPool(_FixedPool):
    """Keeps one connection. Who asks for one while it is in use gets another: two users never share a transaction.

    A database in memory needs no such pool: all connections of an engine on ``sqlite://`` see the same one.
    """

    kept = 1


class AssertionPool(Pool):
    """Keeps one connection and lends no other: to find, in tests, the code that takes a second one while it has the first."""

    def __init__(self, connector: Connector, **options: Any) -> None:
        for name, spelled in (("size", "pool_size"), ("max_overflow", "max_overflow")):
            if name in options:
                raise ArgumentError(
                    f"AssertionPool lends one connection, and was given {spelled}={options[name]!r}. Leave {spelled} out."
                )
        super().__init__(connector, size=1, max_overflow=0, **{**options, "timeout": 0.0})

    def checkout(self, user: User | None = None) -> PooledConnection:
        """Lend the connection.

        :raises AssertionError: while it is lent.
        """
        try:
            return super().checkout(user)
        except TimeoutError as error:
            raise AssertionError(f"a second connection was asked for while the only one is in use. {error}") from error
