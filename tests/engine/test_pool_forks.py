"""A process that is forked while connections are open, for real."""

from __future__ import annotations

import os
import signal
import threading
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from flask_uow import ResourceClosedError, Session
from flask_uow.engine import Engine, create_engine

pytestmark = pytest.mark.filterwarnings("ignore:This process.*fork:DeprecationWarning")


def in_child(check: Callable[[], Any]) -> None:
    """Run ``check`` in a forked process; fail with its traceback when it raises."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        message = ""
        try:
            check()
        except BaseException:  # noqa: BLE001 (told by the parent)
            message = traceback.format_exc()
        finally:
            os.write(writer, message.encode()[-60_000:])
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        message = pipe.read()
    os.waitpid(child, 0)
    assert message == ""


def test_the_child_opens_connections_of_its_own_and_the_parents_go_on(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute("CREATE TABLE numbers (n INTEGER)")
    parents = engine.connect()
    parents.begin()
    assert parents.execute("SELECT count(*) FROM numbers").scalar() == 0

    def check() -> None:
        with engine.begin() as connection:
            assert connection._record.raw is not parents._record.raw  # type: ignore[union-attr]
            connection.execute("INSERT INTO numbers (n) VALUES (1)")
        with pytest.raises(ResourceClosedError, match="forked"):
            parents.execute("SELECT 1")
        parents.close()
        assert engine.pool.checked_out() == 0
        engine.dispose()

    in_child(check)
    parents.execute("INSERT INTO numbers (n) VALUES (2)")
    parents._stack[0].commit()
    parents.close()
    with engine.connect() as connection:
        assert connection.execute("SELECT n FROM numbers ORDER BY n").scalars().all() == [1, 2]


def test_the_end_of_the_child_does_not_end_the_parents_sessions(postgresql_uri: str) -> None:
    engine = create_engine(postgresql_uri)
    with engine.connect() as connection:
        pid = connection.scalar("SELECT pg_backend_pid()")

    def check() -> None:
        with engine.connect() as connection:
            assert connection.scalar("SELECT pg_backend_pid()") != pid

    in_child(check)
    with engine.connect() as connection:
        assert connection.scalar("SELECT pg_backend_pid()") == pid
    engine.dispose()


def test_a_session_inherited_in_a_transaction_can_only_be_closed(engine: Engine) -> None:
    session = Session(bind=engine)
    session.execute("SELECT 1")

    def check() -> None:
        with pytest.raises(ResourceClosedError, match="forked"):
            session.execute("SELECT 1")
        session.rollback()
        assert session.scalar("SELECT 2") == 2
        session.close()

    in_child(check)
    assert session.scalar("SELECT 3") == 3
    session.close()


def test_a_database_in_memory_is_the_childs_own_copy() -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        connection.execute("CREATE TABLE numbers (n INTEGER)")

    def check() -> None:
        with engine.begin() as connection:
            connection.execute("INSERT INTO numbers (n) VALUES (1)")
            assert connection.scalar("SELECT count(*) FROM numbers") == 1

    in_child(check)
    with engine.connect() as connection:
        assert connection.scalar("SELECT count(*) FROM numbers") == 0
    engine.dispose()


def test_a_child_forked_while_threads_take_and_return_connections_opens_its_own(postgresql_uri: str) -> None:
    engine = create_engine(postgresql_uri, pool_size=2, max_overflow=0)
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            with engine.connect() as connection:
                connection.scalar("SELECT 1")

    def check() -> None:
        signal.alarm(30)
        with engine.connect() as connection, engine.connect() as other:
            assert connection.scalar("SELECT 7") == other.scalar("SELECT 7") == 7

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(5):
            in_child(check)
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    assert engine.pool.checked_out() == 0
    engine.dispose()
