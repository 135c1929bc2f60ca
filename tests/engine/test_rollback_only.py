"""``engine.rolled_back()``: everything on an engine inside one transaction that is undone at the end."""

from __future__ import annotations

import contextlib
import gc
import io
import itertools
import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_uow import (
    DBAPIError,
    IntegrityError,
    InvalidRequestError,
    ResourceClosedError,
    column,
    select,
    table,
)
from flask_uow.engine import Engine, create_engine
from flask_uow.engine.transaction import Transaction


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


# -- several at once


def test_threads_may_use_the_engine_at_once(numbers: Engine) -> None:
    failures: list[Exception] = []
    barrier = threading.Barrier(6)

    def work(start: int) -> None:
        try:
            barrier.wait(30)
            for n in range(start, start + 10):
                with numbers.begin() as connection:
                    insert(connection, n)
                    assert n in connection.scalars("SELECT n FROM numbers").all()
                    with connection.begin_nested():
                        insert(connection, -n)
                assert n in rows(numbers)
                with numbers.connect() as connection:
                    pages = connection.execute(
                        select(column("n")).select_from(table("numbers")).execution_options(yield_per=2)
                    )
                    assert n in pages.scalars().all()
        except Exception as error:  # noqa: BLE001 (shown by the test)
            failures.append(error)

    with numbers.rolled_back():
        threads = [threading.Thread(target=work, args=(start,)) for start in range(100, 700, 100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert failures == []
        assert len(rows(numbers)) == 121
    assert rows(numbers) == [0]


@pytest.mark.parametrize("way", ["read", "stream", "nested", "error"])
def test_who_has_only_read_takes_nothing_along(numbers: Engine, way: str) -> None:
    with numbers.rolled_back(), numbers.connect() as reader, numbers.connect() as writer:
        transaction = reader.begin()
        if way == "stream":
            pages = select(column("n")).select_from(table("numbers")).execution_options(yield_per=1)
            assert reader.execute(pages).fetchone() is not None
        elif way == "nested":
            reader.begin_nested()
            reader.scalar("SELECT count(*) FROM numbers")
        elif way == "error":
            with pytest.raises(DBAPIError):
                reader.execute("SELECT nothing FROM nowhere")
        else:
            reader.scalar("SELECT count(*) FROM numbers")
        open_one = writer.begin()
        insert(writer, 1)
        with numbers.begin() as connection:
            insert(connection, 2)
        transaction.rollback()
        open_one.commit()
        assert rows(numbers) == [0, 1, 2]


def test_one_that_is_committed_first_keeps_its_work_when_a_later_one_rolls_back(numbers: Engine) -> None:
    with numbers.rolled_back(), numbers.connect() as first, numbers.connect() as second:
        one, two = first.begin(), second.begin()
        insert(first, 1)
        insert(second, 2)
        one.commit()
        assert rows(numbers) == [0, 1, 2]
        two.rollback()
        assert rows(numbers) == [0, 1]
        with numbers.begin() as third:
            insert(third, 3)
        assert rows(numbers) == [0, 1, 3]


@pytest.mark.parametrize("later", ["statement", "commit", "rollback"])
def test_one_whose_work_is_taken_along_by_a_rollback_is_told(numbers: Engine, later: str) -> None:
    with numbers.rolled_back(), numbers.connect() as first, numbers.connect() as second:
        one, two = first.begin(), second.begin()
        insert(first, 1)
        insert(second, 2)
        one.rollback()
        assert rows(numbers) == [0]
        if later == "statement":
            with pytest.raises(ResourceClosedError, match="undone by the rollback of another one"):
                insert(second, 3)
        elif later == "commit":
            with pytest.raises(ResourceClosedError, match="undone by the rollback of another one"):
                two.commit()
        two.rollback()
        with second.begin():
            insert(second, 4)
        assert rows(numbers) == [0, 4]


def test_one_that_has_written_within_the_savepoint_of_another_one_is_told_of_its_rollback(numbers: Engine) -> None:
    with numbers.rolled_back(), numbers.connect() as first, numbers.connect() as second:
        one, two = first.begin(), second.begin()
        insert(first, 1)
        insert(second, 2)
        insert(first, 3)
        two.rollback()
        with pytest.raises(ResourceClosedError, match="undone by the rollback of another one"):
            one.commit()
        assert rows(numbers) == [0]


def test_savepoints_of_two_connections_do_not_meet(numbers: Engine) -> None:
    with numbers.rolled_back(), numbers.connect() as first, numbers.connect() as second:
        one, two = first.begin(), second.begin()
        insert(first, 1)
        inner = first.begin_nested()
        insert(first, 2)
        insert(second, 3)
        within = second.begin_nested()
        insert(second, 4)
        inner.commit()
        one.commit()
        within.rollback()
        two.commit()
        assert rows(numbers) == [0, 1, 2, 3]
        with numbers.begin() as third:
            insert(third, 5)
            third.begin_nested()
            insert(third, 6)
        assert rows(numbers) == [0, 1, 2, 3, 5, 6]


STEPS = ["insert", "insert", "nested", "commit", "rollback", "read"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(STEPS)), max_size=25))
def test_whatever_overlaps_nothing_is_lost_in_silence_and_nothing_undone_stays(
    numbers: Engine, steps: list[tuple[int, str]]
) -> None:
    counter = itertools.count(1)
    committed: set[int] = set()
    undone: set[int] = set()
    with numbers.rolled_back(), contextlib.ExitStack() as stack:
        connections = [stack.enter_context(numbers.connect()) for _ in range(3)]
        # for each: the transaction and its savepoints, with the numbers that were inserted at each level
        levels: list[list[tuple[Transaction, set[int]]]] = [[], [], []]
        for which, step in steps:
            connection, own = connections[which], levels[which]
            if own and not connection.is_usable:
                with pytest.raises(ResourceClosedError, match="undone by the rollback of another one"):
                    own[0][0].commit()
                undone.update(*(inserted for _, inserted in own))
                own.clear()
                committed.intersection_update(rows(numbers))
            elif step == "read":
                with numbers.connect() as reader:
                    reader.scalar("SELECT count(*) FROM numbers")
            elif step == "insert":
                if not own:
                    own.append((connection.begin(), set()))
                n = next(counter)
                insert(connection, n)
                own[-1][1].add(n)
            elif step == "nested" and own:
                own.append((connection.begin_nested(), set()))
            elif step == "commit" and own:
                transaction, inserted = own.pop()
                transaction.commit()
                (own[-1][1] if own else committed).update(inserted)
            elif step == "rollback" and own:
                transaction, inserted = own.pop()
                transaction.rollback()
                undone |= inserted
                # the one thing that cannot be told: it takes along what others have committed meanwhile
                committed.intersection_update(rows(numbers))
            present = set(rows(numbers))
            assert committed <= present
            assert not undone & present
            for other, open_levels in zip(connections, levels, strict=True):
                assert not other.is_usable or all(inserted <= present for _, inserted in open_levels)
        for each in connections:
            each.rollback()
