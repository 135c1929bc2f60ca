"""The pools that ``create_engine(poolclass=...)`` takes, under the names that they have in the field.

They differ in how many connections are kept; :mod:`flask_uow.engine.pool` does the work. Each may also be made without an engine, of a
function that opens a connection of a driver: ``QueuePool(connect).connect()`` lends one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self

from flask_uow.engine.pool import Connector, Pool
from flask_uow.engine.pool_echo import start_pool_echo
from flask_uow.engine.pool_record import PooledConnection, User
from flask_uow.exc import ArgumentError, InvalidRequestError, ResourceClosedError, TimeoutError
from flask_uow.sql import event

__all__ = ["AssertionPool", "LentConnection", "NullPool", "QueuePool", "StaticPool"]


class _CreatorConnector:
    """A function that opens connections, as the pool sees it."""

    drop_closes = False

    def __init__(self, creator: Callable[[], Any]) -> None:
        self.creator = creator

    def connect(self) -> Any:
        return self.creator()

    def cursor(self, raw: Any) -> Any:
        return raw.cursor()

    def reset(self, raw: Any) -> bool:
        try:
            raw.rollback()
        except Exception:  # noqa: BLE001 - whatever the driver raises for a connection that is lost
            return False
        return True

    def clean(self, raw: Any) -> bool:
        return False

    def settle(self, raw: Any) -> None:
        return None

    def is_refusal(self, error: BaseException) -> bool:
        return False

    def is_absence(self, error: BaseException) -> bool:
        return False

    def is_quiet(self, raw: Any) -> bool:
        return True

    def ping(self, raw: Any) -> bool:
        try:
            with contextlib.closing(raw.cursor()) as cursor:
                cursor.execute("SELECT 1")
            raw.rollback()
        except Exception:  # noqa: BLE001 - as above
            return False
        return True

    def close(self, raw: Any) -> None:
        with contextlib.suppress(Exception):
            raw.close()

    def after_fork(self) -> None:
        pass


class LentConnection:
    """A connection of a driver while a pool lends it; what is not named here is the driver's own. :meth:`close` gives it back."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._record: PooledConnection | None = pool.checkout(self)

    @property
    def dbapi_connection(self) -> Any:
        """The driver's connection.

        :raises ResourceClosedError: after close().
        """
        if self._record is None:
            raise ResourceClosedError("this connection was given back to its pool. Take a new one with pool.connect().")
        return self._record.raw

    driver_connection = connection = dbapi_connection

    @property
    def is_valid(self) -> bool:
        """True until it was given back."""
        return self._record is not None

    @property
    def info(self) -> dict[Any, Any]:
        """A dict for the application's own use, which lasts as long as the driver's connection."""
        return self._record.info if self._record is not None else {}

    def close(self) -> None:
        """Roll back what is open and give the connection back; nothing happens the second time."""
        record, self._record = self._record, None
        if record is not None:
            self._pool.checkin(record)

    def invalidate(self, e: BaseException | None = None, soft: bool = False) -> None:
        """Have the driver's connection closed in place of given back."""
        if self._record is not None:
            self._record.invalidate(e, soft)
            self.close()

    def detach(self) -> None:
        """Take the connection out of the pool, which may open another one; close() closes it."""
        if self._record is not None:
            self._pool.detach(self._record)

    def disown(self) -> None:
        """Know nothing of it any more, in a forked process: the connection is the parent's."""
        self._record = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.dbapi_connection, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        record = self.__dict__.get("_record")
        if record is not None:
            self._pool.abandon(record, self)


class _NamedPool(Pool):
    """A pool that may be made of a function.

    :param creator: a driver as the pool sees it, or a function that opens a connection.
    :param options: of a pool that is made of a function: ``pool_size``, ``max_overflow``, ``timeout``, ``recycle``, ``pre_ping``, ``echo``,
        ``logging_name``, ``events`` (pairs of a function and a name); ``use_lifo``, ``reset_on_return`` and ``dialect`` are not heeded.
    """

    def __init__(self, creator: Connector | Callable[[], Any], **options: Any) -> None:
        if not callable(creator):
            super().__init__(creator, **options)
            return
        echo, name = options.pop("echo", False), options.pop("logging_name", None)
        events: Iterable[tuple[Callable[..., Any], str]] = options.pop("events", None) or ()
        for unheeded in ("use_lifo", "reset_on_return", "dialect"):
            options.pop(unheeded, None)
        if "pool_size" in options:
            options["size"] = options.pop("pool_size")
        super().__init__(_CreatorConnector(creator), **options)
        self.numbers = options
        if echo:
            start_pool_echo(self, echo, name)
        for function, event_name in events:
            event.listen(self, event_name, function)

    def connect(self) -> LentConnection:
        """Lend a connection of the driver, until its ``close()``.

        :raises InvalidRequestError: for the pool of an engine, whose connections need more than a pool.
        :raises TimeoutError: when none became free in time.
        """
        if self.creator is None:
            raise InvalidRequestError(
                "this is the pool of an engine, whose connections are set up for it. Call engine.raw_connection() for one of the driver."
            )
        return LentConnection(self)

    def recreate(self) -> Self:
        """Return a new pool like this one, which was made of a function.

        :raises InvalidRequestError: for the pool of an engine.
        """
        if self.creator is None:
            raise InvalidRequestError(
                "this is the pool of an engine. Call engine.dispose(), after which it begins anew."
            )
        return type(self)(self.creator, **self.numbers)


class QueuePool(_NamedPool):
    """The pool that engines have where nothing else is said: ``pool_size`` connections are kept, ``max_overflow`` more are opened."""


class _FixedPool(_NamedPool):
    """A pool whose numbers are part of what it is.

    :raises ArgumentError: for a number of connections.
    """

    kept: int

    def __init__(self, creator: Connector | Callable[[], Any], **options: Any) -> None:
        for name, spelled in (("size", "pool_size"), ("pool_size", "pool_size"), ("max_overflow", "max_overflow")):
            if name in options:
                raise ArgumentError(
                    f"{type(self).__name__} keeps {self.kept} connections, and was given {spelled}={options[name]!r}. Leave {spelled} out, or"
                    " use QueuePool."
                )
        super().__init__(creator, size=self.kept, max_overflow=-1, **options)
        self.numbers = {name: value for name, value in self.numbers.items() if name not in ("size", "max_overflow")}


class NullPool(_FixedPool):
    """Keeps no connection: each is opened when it is asked for, and closed when it comes back."""

    kept = 0


class StaticPool(_FixedPool):
    """Keeps one connection. Who asks for one while it is in use gets another: two users never share a transaction.

    A database in memory needs no such pool: all connections of an engine on ``sqlite://`` see the same one.
    """

    kept = 1


class AssertionPool(_NamedPool):
    """Keeps one connection and lends no other: to find, in tests, the code that takes a second one while it has the first."""

    def __init__(self, creator: Connector | Callable[[], Any], **options: Any) -> None:
        for name, spelled in (("size", "pool_size"), ("pool_size", "pool_size"), ("max_overflow", "max_overflow")):
            if name in options:
                raise ArgumentError(
                    f"AssertionPool lends one connection, and was given {spelled}={options[name]!r}. Leave {spelled} out."
                )
        super().__init__(creator, size=1, max_overflow=0, **{**options, "timeout": 0.0})
        self.numbers = {}

    def checkout(self, user: User | None = None) -> PooledConnection:
        """Lend the connection.

        :raises AssertionError: while it is lent.
        """
        try:
            return super().checkout(user)
        except TimeoutError as error:
            raise AssertionError(f"a second connection was asked for while the only one is in use. {error}") from error
