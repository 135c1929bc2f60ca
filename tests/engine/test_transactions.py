"""Transactions: when BEGIN is sent, savepoints, what a failed statement or commit leaves behind."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow.engine import Connection, Engine, create_engine
from flask_uow.exc import (
    ArgumentError,
    CommitOutcomeUnknown,
    DBAPIError,
    IntegrityError,
    InternalError,
    InvalidRequestError,
    OperationalError,
    ProgrammingError,
    ResourceClosedError,
)
from tests.statements import StatementLog


@pytest.fixture(autouse=True)
def numbers(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.run("CREATE TABLE numbers (n INTEGER PRIMARY KEY)")


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        yield connection


@pytest.fixture
def sqlite_engine(tmp_path: Any) -> Iterator[Engine]:
    """Two connections to one file that wait for each other's locks for a moment only."""
    engine = create_engine(f"sqlite:///{tmp_path / 'locks.db'}?timeout=0.05")
    with engine.begin() as connection:
        connection.run("CREATE TABLE numbers (n INTEGER PRIMARY KEY)")
    yield engine
    engine.dispose()


def insert(connection: Connection, number: int) -> None:
    connection.execute("INSERT INTO numbers (n) VALUES (:n)", {"n": number})


def stored(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        return connection.scalars("SELECT n FROM numbers ORDER BY n").all()


def test_a_clean_block_is_committed_and_a_raising_one_rolled_back(engine: Engine) -> None:
    with engine.begin() as connection:
        insert(connection, 1)
    with pytest.raises(ZeroDivisionError), engine.begin() as connection:
        insert(connection, 2)
        raise ZeroDivisionError
    assert stored(engine) == [1]


def test_outside_begin_every_statement_commits_by_itself(engine: Engine, connection: Connection) -> None:
    insert(connection, 1)
    assert not connection.in_transaction()
    assert stored(engine) == [1]


def test_a_transaction_without_statements_sends_nothing(connection: Connection, statements: StatementLog) -> None:
    connection.begin().commit()
    connection.begin().rollback()
    assert statements.transactions == []


def test_begin_goes_out_with_the_first_statement_that_needs_it(
    connection: Connection, statements: StatementLog, database: str
) -> None:
    with connection.begin():
        assert statements.transactions == []
        connection.scalar("SELECT 1")
        read = statements.transactions.copy()
        insert(connection, 1)
    assert read == ({"sqlite": [], "postgresql": ["BEGIN"]}[database])
    begin = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "BEGIN"}[database]
    assert statements.transactions == [begin, "COMMIT"]


def test_begin_shares_one_string_with_the_statement_where_the_database_takes_that(engine: Engine) -> None:
    if not engine.dialect.begins_with_statement:
        return
    with engine.connect() as connection, connection.begin(setup=["SET LOCAL lock_timeout = '7s'"]):
        cursor = connection.cursor_execute("SHOW lock_timeout", write=False)
        assert cursor.query.startswith(b"BEGIN; SET LOCAL ")
        assert cursor.query.endswith(b"; SET LOCAL lock_timeout = '7s';\nSHOW lock_timeout")
        assert cursor.fetchall() == [("7s",)]
    with engine.connect() as connection:
        assert connection.scalar("SHOW lock_timeout") == "0"


@pytest.mark.parametrize("level", ["SERIALIZABLE", "repeatable read"])
def test_a_strict_isolation_level_begins_with_the_first_statement(
    connection: Connection, statements: StatementLog, level: str, database: str
) -> None:
    with connection.begin(isolation_level=level):
        connection.scalar("SELECT 1")
        sent = statements.transactions.copy()
    assert sent == [{"sqlite": "BEGIN IMMEDIATE", "postgresql": f"BEGIN ISOLATION LEVEL {level.upper()}"}[database]]


def test_the_engines_isolation_level_holds_for_every_transaction(database_uri: str) -> None:
    engine = create_engine(database_uri, isolation_level="SERIALIZABLE")
    with engine.begin() as connection:
        connection.scalar("SELECT 1")
        if engine.dialect.begins_with_statement:
            assert connection.scalar("SHOW transaction_isolation") == "serializable"
        else:
            assert engine.dialect.in_transaction(connection._record.raw)  # type: ignore[union-attr]
    engine.dispose()


def test_an_unknown_isolation_level_is_refused_with_a_hint(connection: Connection) -> None:
    with pytest.raises(ArgumentError, match="Did you mean 'SERIALIZABLE'"):
        connection.begin(isolation_level="SERIALISABLE")
    with pytest.raises(ArgumentError, match="Did you mean 'AUTOCOMMIT'"):
        create_engine("sqlite://", isolation_level="AUTOCOMIT")


def test_a_read_only_transaction_refuses_to_write(connection: Connection) -> None:
    with pytest.raises((InvalidRequestError, DBAPIError), match=r"read[ -]only"), connection.begin(read_only=True):
        assert connection.scalar("SELECT count(*) FROM numbers") == 0
        insert(connection, 1)


def test_a_second_begin_is_refused(connection: Connection) -> None:
    with connection.begin(), pytest.raises(InvalidRequestError, match="Use begin_nested"):
        connection.begin()


def test_a_savepoint_can_be_rolled_back_alone(engine: Engine, connection: Connection) -> None:
    with connection.begin():
        insert(connection, 1)
        with connection.begin_nested() as nested:
            insert(connection, 2)
            nested.rollback()
        with connection.begin_nested():
            insert(connection, 3)
        assert not connection.in_nested_transaction()
    assert stored(engine) == [1, 3]


def test_a_failed_statement_within_a_savepoint_leaves_the_transaction_usable(
    engine: Engine, connection: Connection
) -> None:
    with connection.begin():
        insert(connection, 1)
        with pytest.raises(IntegrityError), connection.begin_nested():
            insert(connection, 1)
        insert(connection, 2)
    assert stored(engine) == [1, 2]


def test_a_savepoint_opens_the_transaction_around_it(
    engine: Engine, connection: Connection, statements: StatementLog, database: str
) -> None:
    transaction = connection.begin()
    with connection.begin_nested():
        insert(connection, 1)
    begin = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "BEGIN"}[database]
    assert statements.transactions == [begin, "SAVEPOINT uow_1", "RELEASE SAVEPOINT uow_1"]
    transaction.rollback()
    assert stored(engine) == []


def test_without_a_transaction_begin_nested_begins_one(engine: Engine, connection: Connection) -> None:
    with connection.begin_nested() as transaction:
        insert(connection, 1)
        assert not transaction.is_nested
    assert stored(engine) == [1]


def test_the_end_of_the_outer_transaction_ends_its_savepoints(engine: Engine, connection: Connection) -> None:
    outer = connection.begin()
    insert(connection, 1)
    inner = connection.begin_nested()
    innermost = connection.begin_nested()
    insert(connection, 2)
    inner.rollback()
    assert (outer.is_active, inner.is_active, innermost.is_active) == (True, False, False)
    second = connection.begin_nested()
    outer.commit()
    assert not second.is_active
    with pytest.raises(InvalidRequestError, match="ended already"):
        second.commit()
    second.rollback()
    assert stored(engine) == [1]


def test_a_connection_closed_within_a_transaction_is_rolled_back(engine: Engine) -> None:
    connection = engine.connect()
    transaction = connection.begin()
    insert(connection, 1)
    connection.close()
    connection.close()
    assert not transaction.is_active
    assert connection.closed
    assert engine.pool.checked_out() == 0
    assert stored(engine) == []


def test_a_closed_connection_refuses_to_work(engine: Engine) -> None:
    connection = engine.connect()
    connection.close()
    for use in (lambda: connection.scalar("SELECT 1"), connection.begin, lambda: connection.run_many("x", [()])):
        with pytest.raises(ResourceClosedError, match=r"engine\.connect\(\)"):
            use()


def test_a_dropped_connection_is_taken_back_with_a_warning(engine: Engine) -> None:
    connection = engine.connect()
    connection.begin()
    insert(connection, 1)
    del connection
    with pytest.warns(ResourceWarning, match="dropped without close"):
        # the transaction refers to its connection, so that only the collector finds the two
        gc.collect()
    assert engine.pool.checked_out() == 0
    assert stored(engine) == []


def test_a_statement_that_does_not_parse_leaves_begin_for_the_next(engine: Engine, connection: Connection) -> None:
    with connection.begin():
        with pytest.raises((ProgrammingError, OperationalError)):
            connection.execute("SELEKT 1")
        insert(connection, 1)
        assert stored(engine) == []
    assert stored(engine) == [1]


def test_a_commit_after_a_swallowed_error_is_never_silently_a_rollback(engine: Engine, connection: Connection) -> None:
    transaction = connection.begin()
    insert(connection, 1)
    with pytest.raises(IntegrityError):
        insert(connection, 1)
    if engine.dialect.begins_with_statement:
        with pytest.raises(InternalError, match="rolled the transaction back"):
            transaction.commit()
        assert stored(engine) == []
    else:
        transaction.commit()
        assert stored(engine) == [1]
    assert not connection.in_transaction()


def test_a_commit_that_the_database_refuses_rolls_back(engine: Engine, connection: Connection) -> None:
    connection.run("CREATE TABLE children (n INTEGER REFERENCES numbers (n) DEFERRABLE INITIALLY DEFERRED)")
    transaction = connection.begin()
    connection.run("INSERT INTO children (n) VALUES (7)")
    with pytest.raises(IntegrityError) as caught:
        transaction.commit()
    assert caught.value.statement == "COMMIT"
    assert not transaction.is_active
    assert not connection.in_transaction()
    insert(connection, 1)
    assert stored(engine) == [1]
    assert connection.scalar("SELECT count(*) FROM children") == 0


def test_a_connection_lost_during_commit_leaves_the_outcome_open(postgresql_uri: str) -> None:
    engine = create_engine(postgresql_uri)
    with engine.begin() as connection:
        connection.execute("CREATE TABLE mortal (n INTEGER)")
        # the deferred trigger runs inside COMMIT, and ends the session that commits
        connection.execute(
            "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'"
        )
        connection.execute(
            "CREATE CONSTRAINT TRIGGER die AFTER INSERT ON mortal DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die()"
        )
    connection = engine.connect()
    transaction = connection.begin()
    connection.execute("INSERT INTO mortal (n) VALUES (1)")
    with pytest.raises(CommitOutcomeUnknown, match="may be saved or not") as caught:
        transaction.commit()
    assert caught.value.__cause__ is not None
    assert not transaction.is_active
    with pytest.raises(ResourceClosedError, match="was lost"):
        connection.scalar("SELECT 1")
    connection.close()
    assert engine.pool.checked_out() == 0
    engine.dispose()


def test_a_connection_lost_before_commit_is_known_to_have_saved_nothing(engine: Engine, connection: Connection) -> None:
    if not engine.dialect.begins_with_statement:
        return
    transaction = connection.begin()
    insert(connection, 1)
    kill(engine, connection)
    with pytest.raises(OperationalError, match="before COMMIT was sent, so nothing was saved") as caught:
        transaction.commit()
    assert caught.value.connection_invalidated
    assert not transaction.is_active
    connection.close()
    assert engine.pool.checked_out() == 0
    assert stored(engine) == []


def test_a_lost_connection_is_marked_and_replaced(engine: Engine, connection: Connection) -> None:
    if not engine.dialect.begins_with_statement:
        return
    connection.begin()
    insert(connection, 1)
    kill(engine, connection)
    with pytest.raises(DBAPIError) as caught:
        insert(connection, 2)
    assert caught.value.connection_invalidated
    connection.close()
    assert stored(engine) == []


def test_a_rollback_on_a_lost_connection_raises_nothing(engine: Engine, connection: Connection) -> None:
    if not engine.dialect.begins_with_statement:
        return
    transaction = connection.begin()
    insert(connection, 1)
    kill(engine, connection)
    transaction.rollback()
    connection.close()
    assert engine.pool.checked_out() == 0


def test_an_invalidated_connection_is_not_lent_again(engine: Engine) -> None:
    connection = engine.connect()
    record = connection._record
    connection.invalidate()
    connection.invalidate()
    with engine.connect() as other:
        assert other._record is not record


def kill(engine: Engine, connection: Connection) -> None:
    """End the server process of a connection from another one, and wait until it is gone."""
    pid = connection.scalar("SELECT pg_backend_pid()")
    with engine.connect() as killer:
        killer.scalar("SELECT pg_terminate_backend(:pid, 10000)", {"pid": pid})


def test_sqlite_reads_take_no_lock_and_the_first_write_takes_the_write_lock(sqlite_engine: Engine) -> None:
    with sqlite_engine.connect() as one, sqlite_engine.connect() as two:
        first = one.begin()
        two.begin()
        assert one.scalar("SELECT count(*) FROM numbers") == 0
        assert two.scalar("SELECT count(*) FROM numbers") == 0
        insert(one, 1)
        with pytest.raises(OperationalError, match="locked"):
            insert(two, 2)
        # a reader is never in a writer's way, and the writer that was refused may try again
        assert two.scalar("SELECT count(*) FROM numbers") == 0
        first.commit()
        insert(two, 2)


def test_a_sqlite_writer_waits_for_the_other(tmp_path: Any) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'wait.db'}")
    with engine.begin() as connection:
        connection.run("CREATE TABLE numbers (n INTEGER PRIMARY KEY)")
    holds = threading.Event()

    def write() -> None:
        with engine.begin() as connection:
            insert(connection, 1)
            holds.set()
            connection.scalar(
                "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 100000) SELECT max(x) FROM c"
            )

    thread = threading.Thread(target=write)
    thread.start()
    assert holds.wait(30)
    with engine.begin() as connection:
        insert(connection, 2)
    thread.join(30)
    assert stored(engine) == [1, 2]
    engine.dispose()


def test_a_transaction_that_sqlite_ended_by_itself_does_no_more(tmp_path: Any) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'ended.db'}")
    with engine.connect() as connection:
        connection.run("CREATE TABLE numbers (n INTEGER PRIMARY KEY ON CONFLICT ROLLBACK)")
        transaction = connection.begin()
        insert(connection, 1)
        nested = connection.begin_nested()
        with pytest.raises(IntegrityError):
            insert(connection, 1)
        with pytest.raises(InvalidRequestError, match="has rolled this transaction back"):
            insert(connection, 2)
        nested.rollback()
        with pytest.raises(InvalidRequestError, match="has rolled this transaction back"):
            transaction.commit()
        with connection.begin():
            insert(connection, 3)
    assert stored(engine) == [3]
    engine.dispose()


def test_many_sets_of_parameters_go_out_in_one_transaction(engine: Engine, connection: Connection) -> None:
    with pytest.raises(IntegrityError):
        connection.execute("INSERT INTO numbers (n) VALUES (:n)", [{"n": 1}, {"n": 2}, {"n": 1}])
    assert stored(engine) == []
    with connection.begin():
        connection.execute("INSERT INTO numbers (n) VALUES (:n)", [{"n": 1}, {"n": 2}])
        assert stored(engine) == []
    assert stored(engine) == [1, 2]
