"""``engine.rolled_back()``: everything on an engine inside one transaction that is undone at the end."""

from __future__ import annotations

import gc
import io
from collections.abc import Iterator

import pytest

from flask_uow import DBAPIError, IntegrityError, InvalidRequestError, ResourceClosedError
from flask_uow.engine import Engine, create_engine


@pytest.fixture
def numbers(engine: Engine) -> Iterator[Engine]:
    """An engine with a table that holds the number 0."""
    with engine.begin() as connection:
        connection.execute("CREATE TABLE numbers (n INTEGER PRIMARY KEY)")
        connection.execute("INSERT INTO numbers (n) VALUES (0)")
    yield engine
    with engine.connect() as connection:
        assert connection.scalars("SELECT n FROM numbers").all() == [0], "all was rolled back"


def insert(connection: object, n: int) -> None:
    connection.execute("INSERT INTO numbers (n) VALUES (:n)", {"n": n})  # type: ignore[attr-defined]


def rows(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        return list(connection.scalars("SELECT n FROM numbers ORDER BY n").all())


def test_what_one_connection_commits_another_sees_and_all_is_undone_at_the_end(numbers: Engine) -> None:
    with numbers.rolled_back():
        with numbers.begin() as connection:
            insert(connection, 1)
        assert rows(numbers) == [0, 1]
        with numbers.connect() as connection:
            insert(connection, 2)
            connection.commit()
        assert rows(numbers) == [0, 1, 2]
    assert rows(numbers) == [0]


def test_a_rollback_undoes_its_own_transaction_only(numbers: Engine) -> None:
    with numbers.rolled_back():
        with numbers.begin() as connection:
            insert(connection, 1)
        with numbers.connect() as connection:
            transaction = connection.begin()
            insert(connection, 2)
            nested = connection.begin_nested()
            insert(connection, 3)
            nested.rollback()
            assert rows(numbers) == [0, 1, 2]
            transaction.rollback()
        assert rows(numbers) == [0, 1]
        with numbers.connect() as connection:
            connection.begin()
            insert(connection, 4)
        assert rows(numbers) == [0, 1]


def test_a_reader_that_rolls_back_undoes_nothing_that_others_have_committed_meanwhile(numbers: Engine) -> None:
    with numbers.rolled_back(), numbers.connect() as reader:
        transaction = reader.begin()
        assert reader.scalar("SELECT count(*) FROM numbers") == 1
        with numbers.begin() as writer:
            insert(writer, 1)
        assert reader.scalar("SELECT count(*) FROM numbers") == 2
        transaction.rollback()
        assert rows(numbers) == [0, 1]


@pytest.mark.parametrize("wrong", ["SELECT * FROM nowhere", "SELEKT 1", "INSERT INTO numbers (n) VALUES (0)"])
@pytest.mark.parametrize("within", ["nothing", "transaction", "transaction that has written"])
def test_an_error_spoils_no_more_than_its_own_transaction(numbers: Engine, wrong: str, within: str) -> None:
    with numbers.rolled_back():
        with numbers.begin() as connection:
            insert(connection, 1)
        with numbers.connect() as connection:
            transaction = connection.begin() if within != "nothing" else None
            if within == "transaction that has written":
                insert(connection, 2)
            with pytest.raises(DBAPIError):
                connection.execute(wrong)
            if transaction is not None:
                transaction.rollback()
            assert connection.scalar("SELECT count(*) FROM numbers") == 2
        with numbers.begin() as connection:
            insert(connection, 3)
        assert rows(numbers) == [0, 1, 3]


def test_deferred_constraints_are_checked_where_the_commit_would_check_them(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute("CREATE TABLE parents (id INTEGER PRIMARY KEY)")
        connection.execute(
            "CREATE TABLE children (parent INTEGER REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)"
        )
    with engine.rolled_back():
        with pytest.raises(IntegrityError), engine.begin() as connection:
            connection.execute("INSERT INTO children (parent) VALUES (1)")
        with engine.begin() as connection:
            connection.execute("INSERT INTO children (parent) VALUES (2)")
            connection.execute("INSERT INTO parents (id) VALUES (2)")
        with engine.connect() as connection:
            assert connection.scalars("SELECT parent FROM children").all() == [2]
            with pytest.raises(IntegrityError):
                connection.execute("INSERT INTO children (parent) VALUES (3)")
                connection.commit()
            assert connection.scalars("SELECT parent FROM children").all() == [2]


def test_a_read_only_transaction_refuses_to_write(numbers: Engine) -> None:
    with numbers.rolled_back(), numbers.connect() as connection:
        transaction = connection.begin(read_only=True, for_reads=True)
        assert connection.scalar("SELECT count(*) FROM numbers") == 1
        with pytest.raises(InvalidRequestError, match="read only"):
            insert(connection, 1)
        transaction.rollback()


@pytest.mark.parametrize("reads_before", [True, False])
def test_a_read_only_transaction_refuses_a_list_of_rows_too(numbers: Engine, reads_before: bool) -> None:
    with numbers.rolled_back(), numbers.connect() as connection:
        transaction = connection.begin(read_only=True)
        if reads_before:
            assert connection.scalar("SELECT count(*) FROM numbers") == 1
        with pytest.raises(InvalidRequestError, match="read only"):
            connection.execute("INSERT INTO numbers (n) VALUES (:n)", [{"n": 1}, {"n": 2}])
        transaction.rollback()
        assert rows(numbers) == [0]


@pytest.mark.parametrize("for_reads", [True, False])
def test_a_read_only_transaction_refuses_copy_too(postgresql_uri: str, for_reads: bool) -> None:
    engine = create_engine(postgresql_uri)
    with engine.begin() as connection:
        connection.execute("CREATE TABLE numbers (n INTEGER PRIMARY KEY)")
    with engine.rolled_back(), engine.connect() as connection:
        transaction = connection.begin(read_only=True, for_reads=for_reads)
        assert connection.scalar("SELECT count(*) FROM numbers") == 0
        with pytest.raises(InvalidRequestError, match="read only"):
            connection.copy_in("COPY numbers (n) FROM STDIN", io.BytesIO(b"1\n"))
        transaction.rollback()
        assert rows(engine) == []
    engine.dispose()


@pytest.mark.parametrize("commits", [True, False])
def test_a_two_phase_transaction_is_a_savepoint_too(postgresql_uri: str, commits: bool) -> None:
    engine = create_engine(postgresql_uri)
    with engine.begin() as connection:
        connection.execute("CREATE TABLE numbers (n INTEGER PRIMARY KEY)")
    with engine.rolled_back():
        with engine.connect() as connection:
            transaction = connection.begin_twophase()
            insert(connection, 1)
            transaction.prepare()
            with pytest.raises(ResourceClosedError, match="prepared"):
                insert(connection, 2)
            if commits:
                transaction.commit()
            else:
                transaction.rollback()
        assert rows(engine) == ([1] if commits else [])
    assert rows(engine) == []
    engine.dispose()


def test_a_connection_dropped_inside_is_rolled_back(numbers: Engine) -> None:
    with numbers.rolled_back():
        connection = numbers.connect()
        connection.begin()
        insert(connection, 1)
        del connection
        gc.collect()
        assert rows(numbers) == [0]


def test_a_connection_that_outlives_the_block_is_closed(numbers: Engine) -> None:
    with numbers.rolled_back():
        connection = numbers.connect()
        transaction = connection.begin()
        insert(connection, 1)
    with pytest.raises(ResourceClosedError, match="has ended"):
        insert(connection, 2)
    transaction.rollback()
    connection.close()
    assert rows(numbers) == [0]


def test_blocks_on_one_engine_do_not_nest(numbers: Engine) -> None:
    with numbers.rolled_back(), pytest.raises(InvalidRequestError, match="inside rolled_back"), numbers.rolled_back():
        pass


def test_a_block_that_uses_nothing_takes_no_connection(engine: Engine) -> None:
    with engine.rolled_back():
        assert engine.pool.checked_out() == 0
