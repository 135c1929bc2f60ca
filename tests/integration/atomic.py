"""A unit of work over several databases whose statements can be watched, stopped and interrupted one by one, below the library.

Used by test_atomic_commits.
"""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from psycopg2.extensions import cursor as PsycopgCursor  # noqa: N812

from flask_uow import DeclarativeBase, Engine, Mapped, Session, create_engine, mapped_column
from flask_uow.sql import MetaData

Hook = Callable[[str, str, Any], None]


def base_for(key: str | None) -> type[DeclarativeBase]:
    """Return a declarative base whose tables belong to a bind."""

    class Base(DeclarativeBase):
        metadata = MetaData()

    if key is not None:
        Base.metadata.info["bind_key"] = key
    return Base


class Paper(base_for(None)):  # type: ignore[misc]
    """In the default bind."""

    __tablename__ = "paper"
    id: Mapped[int] = mapped_column(primary_key=True)
    reference: Mapped[str]


class Stone(base_for("stone")):  # type: ignore[misc]
    """In the bind ``stone``."""

    __tablename__ = "stone"
    id: Mapped[int] = mapped_column(primary_key=True)
    reference: Mapped[str]


class Wood(base_for("wood")):  # type: ignore[misc]
    """In the bind ``wood``."""

    __tablename__ = "wood"
    id: Mapped[int] = mapped_column(primary_key=True)
    reference: Mapped[str]


MODELS: dict[str | None, Any] = {None: Paper, "stone": Stone, "wood": Wood}


class Spy:
    """Sees what is sent to the drivers: ``hook("before" | "after", sql, driver's cursor)`` is called around each statement while it is set."""

    def __init__(self) -> None:
        self.hook: Hook | None = None

    def engine(self, uri: str, **options: Any) -> Engine:
        """Return an engine that is watched."""
        spy = self

        def watched(send: Callable[..., Any], cursor: Any, sql: Any, *values: Any) -> Any:
            hook = spy.hook
            if hook is None:
                return send(sql, *values)
            hook("before", str(sql), cursor)
            result = send(sql, *values)
            hook("after", str(sql), cursor)
            return result

        class WatchedPsycopg(PsycopgCursor):
            def execute(self, sql: Any, values: Any = None) -> None:
                watched(super().execute, self, sql, values)

        class WatchedSQLite(sqlite3.Cursor):
            def execute(self, sql: str, values: Any = ()) -> Any:
                return watched(super().execute, self, sql, values)

        class SQLiteConnection(sqlite3.Connection):
            def cursor(self, factory: Any = WatchedSQLite) -> Any:
                return super().cursor(factory)

        watched_driver: dict[str, Any] = (
            {"factory": SQLiteConnection} if uri.startswith("sqlite") else {"cursor_factory": WatchedPsycopg}
        )
        return create_engine(uri, connect_args=watched_driver, **options)

    @contextmanager
    def watching(self, hook: Hook) -> Iterator[None]:
        """Call ``hook`` around each statement of the block."""
        self.hook = hook
        try:
            yield
        finally:
            self.hook = None


def write_everywhere(engines: dict[str | None, Engine], reference: str) -> Session:
    """Return a Session that has written a row with the reference to each database."""
    session = Session(twophase=True, bind_key_engines=engines)
    session.add_all([MODELS[key](reference=reference) for key in engines])
    session.flush()
    return session


def kill_at(moment: str, number: int) -> Hook:
    """Return a hook that kills this process before or after a statement, counted from 1."""
    seen = {"before": 0, "after": 0}

    def hook(when: str, sql: str, cursor: Any) -> None:
        seen[when] += 1
        if when == moment and seen[when] == number:
            os.kill(os.getpid(), signal.SIGKILL)

    return hook


def run_and_kill(uris: dict[str | None, str], reference: str, moment: str, number: int, by_hand: bool) -> bool:
    """Write a row everywhere and commit, in a forked process that is killed at a statement of the commit.

    :returns: True when the commit has ended well before that, False when the process was killed.
    """
    process = os.fork()
    if process == 0:
        # the child ends here, whatever happens: it must not go on as a second test run
        code = 1
        try:
            spy = Spy()
            session = write_everywhere({key: spy.engine(uri) for key, uri in uris.items()}, reference)
            with spy.watching(kill_at(moment, number)):
                if by_hand:
                    session.prepare()
                session.commit()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(process, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return False
    assert os.WEXITSTATUS(status) == 0, "the unit of work failed"
    return True
