"""Queries of a read-only transaction at READ COMMITTED go out without BEGIN, where they do the same by themselves (PostgreSQL)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest

from flask_uow import Connection, DBAPIError, Engine, Integer, Session, create_engine, text
from tests.statements import StatementLog

NUMBERS = "SELECT n FROM numbers ORDER BY n"


@pytest.fixture
def postgresql_engine(postgresql_uri: str) -> Iterator[Engine]:
    engine = create_engine(postgresql_uri)
    yield engine
    engine.dispose()


@pytest.fixture
def connection(postgresql_engine: Engine) -> Iterator[Connection]:
    with postgresql_engine.begin() as connection:
        connection.run("CREATE TABLE numbers (n INTEGER PRIMARY KEY)")
        connection.run("INSERT INTO numbers VALUES (1), (2)")
    # a connection whose settings nobody could have changed
    postgresql_engine.dispose()
    with postgresql_engine.connect() as connection:
        yield connection


@pytest.fixture
def sent(postgresql_engine: Engine) -> Iterator[StatementLog]:
    log = StatementLog().attach(postgresql_engine)
    yield log
    log.detach()


def test_queries_need_no_transaction(connection: Connection, sent: StatementLog) -> None:
    with connection.begin(read_only=True):
        assert connection.scalars(NUMBERS).all() == [1, 2]
        assert connection.scalar(text("SELECT count(*) FROM numbers WHERE n > :n"), {"n": 1}) == 1
        assert connection.in_transaction()
        assert not connection.has_begun
        # nothing is open for as long as the program does something else
        assert connection.scalar("SHOW transaction_isolation") == "read committed"
    assert sent.transactions == ["BEGIN READ ONLY", "COMMIT"]
    sent.clear()
    with connection.begin(isolation_level="READ COMMITTED", read_only=True):
        assert connection.scalars(NUMBERS).all() == [1, 2]
    assert sent.transactions == []


BY_ITSELF_DIFFERENT: dict[str, Callable[[Connection], Any]] = {
    "the time of the transaction": lambda connection: connection.scalar("SELECT now()"),
    "the same without brackets": lambda connection: connection.scalar("SELECT CURRENT_TIMESTAMP"),
    "a function that nobody knows": lambda connection: connection.scalar("SELECT pg_catalog.txid_current()"),
    "a setting for the transaction": lambda connection: connection.scalar("SELECT set_config('a.b', 'c', true)"),
    "a statement that is no query": lambda connection: connection.run("SET LOCAL lock_timeout = 1000", write=False),
    "a savepoint": lambda connection: connection.begin_nested(),
    "a cursor": lambda connection: (
        connection.execution_options(yield_per=1).execute(text(NUMBERS).columns(n=Integer)).all()
    ),
    "locks of rows": lambda connection: connection.scalars(f"{NUMBERS} FOR SHARE").all(),
    "two queries": lambda connection: connection.scalar("SELECT 1; SELECT 2"),
}


@pytest.mark.parametrize("what", BY_ITSELF_DIFFERENT)
def test_what_does_something_else_by_itself_begins_the_transaction(
    connection: Connection, sent: StatementLog, what: str
) -> None:
    transaction = connection.begin(read_only=True)
    connection.scalars(NUMBERS).all()
    assert sent.transactions == []
    # locks of rows are refused
    with pytest.raises(DBAPIError, match="read-only") if what == "locks of rows" else nullcontext():
        BY_ITSELF_DIFFERENT[what](connection)
    assert sent.transactions[:1] == ["BEGIN READ ONLY"]
    transaction.rollback()
    assert sent.transactions[-1] == "ROLLBACK"


def test_the_settings_of_a_transaction_hold_for_its_queries(connection: Connection, sent: StatementLog) -> None:
    with connection.begin(read_only=True, setup=["SET LOCAL lock_timeout = 1000"]):
        connection.scalars(NUMBERS).all()
        assert connection.scalar("SHOW lock_timeout") == "1s"
    assert sent.transactions == ["BEGIN READ ONLY; SET LOCAL lock_timeout = 1000", "COMMIT"]


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
@pytest.mark.parametrize("how", ["asked for", "the engine's", "the connection's", "the role's", "set since"])
def test_a_stricter_level_has_one_view_of_the_data(
    postgresql_engine: Engine, connection: Connection, level: str, how: str
) -> None:
    with connection.begin():
        if how == "the role's":
            connection.run(f"ALTER ROLE CURRENT_USER SET default_transaction_isolation = '{level}'")
    options = {"isolation_level": level} if how == "the engine's" else {}
    url = postgresql_engine.url
    if how == "the connection's":
        escaped = level.lower().replace(" ", r"\ ")
        url = url.update_query_dict({"options": f"-c default_transaction_isolation={escaped}"})
    engine = create_engine(url, **options)
    try:
        with engine.connect() as reading:
            if how == "set since":
                reading.run(f"SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL {level}", write=False)
                reading.commit()
            with reading.begin(isolation_level=level if how == "asked for" else None, read_only=True):
                assert reading.scalars(NUMBERS).all() == [1, 2]
                with connection.begin():
                    connection.run("INSERT INTO numbers VALUES (3)")
                assert reading.scalars(NUMBERS).all() == [1, 2]
    finally:
        engine.dispose()
        with connection.begin():
            connection.run("ALTER ROLE CURRENT_USER RESET default_transaction_isolation")


def test_an_error_is_that_of_its_query_alone(connection: Connection, sent: StatementLog) -> None:
    with connection.begin(read_only=True):
        with pytest.raises(DBAPIError, match="division by zero"):
            connection.scalar("SELECT 1 / 0")
        assert connection.scalars(NUMBERS).all() == [1, 2]
    assert sent.transactions == []


def test_nothing_can_be_written_after_queries(postgresql_engine: Engine, connection: Connection) -> None:
    with pytest.raises(DBAPIError, match="read-only"), connection.begin(read_only=True):
        connection.scalars(NUMBERS).all()
        connection.run("DELETE FROM numbers")
    assert connection.scalars(NUMBERS).all() == [1, 2]


def test_a_transaction_that_may_write_begins_with_its_first_query(connection: Connection, sent: StatementLog) -> None:
    with connection.begin():
        connection.scalars(NUMBERS).all()
    assert sent.transactions == ["BEGIN", "COMMIT"]


def test_a_session_knows_of_no_difference(
    postgresql_engine: Engine, connection: Connection, sent: StatementLog
) -> None:
    with postgresql_engine.connect() as own:
        own.begin(read_only=True)
        with Session(own) as session:
            assert session.execute(text(NUMBERS)).all() == [(1,), (2,)]
            assert session.in_transaction()
    assert sent.transactions == []
