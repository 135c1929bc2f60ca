"""commit() and rollback() of a connection, the transaction that its first statement begins, and the driver's own text and connection."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flask_uow import Session
from flask_uow.engine import Connection, Engine, RawConnection
from flask_uow.exc import ArgumentError, DBAPIError, IntegrityError, InvalidRequestError, ResourceClosedError
from flask_uow.sql import Column, Integer, MetaData, Table, insert, literal, select
from tests.statements import StatementLog

metadata = MetaData()
numbers = Table("numbers", metadata, Column("n", Integer, primary_key=True, autoincrement=False))


@pytest.fixture(autouse=True)
def tables(engine: Engine) -> None:
    metadata.create_all(engine)


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        yield connection


@pytest.fixture
def mark(engine: Engine) -> str:
    return engine.dialect.placeholder


def add(connection: Connection, *values: int) -> None:
    for value in values:
        connection.execute(insert(numbers).values(n=value))


def stored(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        return connection.scalars(select(numbers.c.n).order_by(numbers.c.n)).all()


def test_the_first_statement_begins_a_transaction_that_commit_ends(engine: Engine, connection: Connection) -> None:
    assert not connection.in_transaction()
    add(connection, 1)
    assert connection.in_transaction()
    assert stored(engine) == []
    connection.commit()
    assert not connection.in_transaction()
    assert stored(engine) == [1]


def test_rollback_undoes_what_was_done_since_the_last_commit(engine: Engine, connection: Connection) -> None:
    add(connection, 1)
    connection.commit()
    add(connection, 2, 3)
    connection.rollback()
    add(connection, 4)
    connection.commit()
    assert stored(engine) == [1, 4]


def test_without_a_transaction_commit_and_rollback_do_nothing(connection: Connection, statements: StatementLog) -> None:
    connection.commit()
    connection.rollback()
    assert statements.transactions == []


def test_what_is_not_committed_is_rolled_back_and_the_log_says_so(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "flask_uow.engine"), engine.connect() as connection:
        add(connection, 1)
    assert stored(engine) == []
    assert "rolled back" in caplog.text
    assert "connection.commit()" in caplog.text


@pytest.mark.parametrize("end", ["commit", "rollback", "read", "raise"])
def test_the_log_says_nothing_where_no_work_is_lost_by_surprise(
    engine: Engine, caplog: pytest.LogCaptureFixture, end: str
) -> None:
    try:
        with caplog.at_level(logging.WARNING, "flask_uow.engine"), engine.connect() as connection:
            if end == "read":
                connection.execute(select(numbers)).all()
            else:
                add(connection, 1)
            if end == "raise":
                raise ZeroDivisionError
            if end != "read":
                getattr(connection, end)()
    except ZeroDivisionError:
        pass
    assert caplog.text == ""


def test_a_statement_that_fails_leaves_no_transaction_behind_that_it_began(
    engine: Engine, connection: Connection
) -> None:
    with pytest.raises(DBAPIError):
        connection.execute("SELECT * FROM nowhere")
    assert not connection.in_transaction()
    add(connection, 1)
    connection.commit()
    assert stored(engine) == [1]


def test_commit_of_a_transaction_begun_by_hand_ends_it_with_its_savepoints(
    engine: Engine, connection: Connection
) -> None:
    transaction = connection.begin()
    add(connection, 1)
    connection.begin_nested()
    add(connection, 2)
    connection.commit()
    assert not transaction.is_active
    assert stored(engine) == [1, 2]


def test_a_savepoint_may_be_rolled_back_within_the_transaction_of_the_first_statement(
    engine: Engine, connection: Connection
) -> None:
    add(connection, 1)
    with pytest.raises(IntegrityError), connection.begin_nested():
        add(connection, 1)
    add(connection, 2)
    connection.commit()
    assert stored(engine) == [1, 2]


def test_begin_after_reading_begins_anew_and_after_writing_is_refused(engine: Engine, connection: Connection) -> None:
    assert connection.scalar("SELECT count(*) FROM numbers") == 0
    with connection.begin():
        add(connection, 1)
    assert stored(engine) == [1]
    add(connection, 2)
    with pytest.raises(InvalidRequestError, match=r"Call commit\(\) or rollback\(\) before begin\(\)"):
        connection.begin()
    connection.commit()
    with connection.begin():
        add(connection, 3)
    assert stored(engine) == [1, 2, 3]


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_with_block_whose_transaction_was_ended_inside_takes_no_more_statements(
    engine: Engine, connection: Connection, end: str
) -> None:
    with connection.begin():
        add(connection, 1)
        getattr(connection, end)()
        with pytest.raises(InvalidRequestError, match="Leave the block first"):
            add(connection, 2)
    assert stored(engine) == ([1] if end == "commit" else [])
    add(connection, 2)
    connection.commit()
    assert 2 in stored(engine)


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_with_block_whose_savepoint_was_ended_inside_takes_no_more_statements(
    engine: Engine, connection: Connection, end: str
) -> None:
    with connection.begin():
        with connection.begin_nested() as savepoint:
            add(connection, 1)
            getattr(savepoint, end)()
            refused: list[Callable[[], object]] = [
                lambda: add(connection, 2),
                lambda: connection.exec_driver_sql("SELECT 1"),
                lambda: connection.run("DELETE FROM numbers"),
                connection.begin_nested,
                connection.begin,
            ]
            for use in refused:
                with pytest.raises(InvalidRequestError, match=r"Leave the block first|begin_nested"):
                    use()
        add(connection, 3)
    assert stored(engine) == ([1, 3] if end == "commit" else [3])


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_an_outer_transaction_may_be_ended_inside_the_block_of_a_savepoint(
    engine: Engine, connection: Connection, end: str
) -> None:
    with connection.begin() as outer, connection.begin_nested() as around:
        add(connection, 1)
        with connection.begin_nested() as inner:
            inner.rollback()
            around.commit()
            with pytest.raises(InvalidRequestError, match="Leave the block first"):
                add(connection, 2)
        with pytest.raises(InvalidRequestError, match="Leave the block first"):
            add(connection, 2)
        getattr(outer, end)()
        with pytest.raises(InvalidRequestError, match="Leave the block first"):
            connection.begin()
    assert stored(engine) == ([1] if end == "commit" else [])
    with connection.begin():
        add(connection, 4)
    assert 4 in stored(engine)


def test_the_block_of_a_transaction_in_autocommit_ends_with_it(engine: Engine) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        with connection.begin() as transaction:
            transaction.rollback()
            with pytest.raises(InvalidRequestError, match="Leave the block first"):
                add(connection, 1)
        add(connection, 2)
    assert stored(engine) == [2]


@pytest.mark.parametrize("end", ["commit", "rollback"])
@pytest.mark.parametrize("of", ["transaction", "session"])
def test_a_session_takes_nothing_more_in_a_with_block_whose_transaction_was_ended(
    engine: Engine, end: str, of: str
) -> None:
    with Session(engine) as session:
        with session.begin() as transaction:
            add(session.connection(), 1)
            getattr(transaction if of == "transaction" else session, end)()
            refused: list[Callable[[], object]] = [
                lambda: session.execute(insert(numbers).values(n=2)),
                session.connection,
                session.begin,
                session.begin_nested,
                session.commit,
            ]
            for use in refused:
                with pytest.raises(InvalidRequestError, match="Leave the block first"):
                    use()
            session.rollback()
        session.execute(insert(numbers).values(n=3))
        session.commit()
    assert stored(engine) == ([1, 3] if end == "commit" else [3])


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_session_takes_nothing_more_in_a_with_block_whose_savepoint_was_ended(engine: Engine, end: str) -> None:
    with Session(engine) as session, session.begin():
        session.execute(insert(numbers).values(n=1))
        with session.begin_nested() as savepoint:
            session.execute(insert(numbers).values(n=2))
            getattr(savepoint, end)()
            for use in (lambda: session.execute(insert(numbers).values(n=3)), session.begin_nested):
                with pytest.raises(InvalidRequestError, match="Leave the block first"):
                    use()
        session.execute(insert(numbers).values(n=4))
    assert stored(engine) == ([1, 2, 4] if end == "commit" else [1, 4])


def test_the_connection_of_a_session_is_ended_by_the_session(engine: Engine) -> None:
    with Session(engine) as session:
        add(session.connection(), 1)
        for end in ("commit", "rollback"):
            with pytest.raises(InvalidRequestError, match=rf"Call {end}\(\) of the Session"):
                getattr(session.connection(), end)()
        session.commit()
    assert stored(engine) == [1]


def test_a_session_on_a_connection_in_use_leaves_the_commit_to_the_connection(
    engine: Engine, connection: Connection
) -> None:
    add(connection, 1)
    with Session(connection) as session:
        session.execute(insert(numbers).values(n=2))
        session.commit()
    assert stored(engine) == []
    connection.commit()
    assert stored(engine) == [1, 2]


def test_each_statement_commits_by_itself_with_autocommit(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        add(connection, 1)
        assert not connection.in_transaction()
        connection.rollback()
        assert stored(engine) == [1]


def test_rows_are_streamed_within_the_transaction_of_the_statement(engine: Engine, connection: Connection) -> None:
    add(connection, *range(5))
    connection.commit()
    rows = connection.execution_options(yield_per=2).execute(select(numbers.c.n).order_by(numbers.c.n))
    assert [row.n for row in rows] == [0, 1, 2, 3, 4]
    assert connection.in_transaction()


def test_a_closed_connection_can_be_neither_committed_nor_rolled_back(engine: Engine) -> None:
    connection = engine.connect()
    connection.close()
    for end in (connection.commit, connection.rollback, connection.get_raw_connection):
        with pytest.raises(ResourceClosedError, match="closed"):
            end()


def test_an_autocommit_session_commits_what_it_executes(engine: Engine) -> None:
    session = Session(engine, autocommit=True)
    session.execute(insert(numbers).values(n=1))
    session.execute("INSERT INTO numbers (n) VALUES (2)")
    assert stored(engine) == [1, 2]


# -- the driver's text


def test_text_of_the_driver_takes_the_drivers_placeholders(engine: Engine, connection: Connection, mark: str) -> None:
    written = connection.exec_driver_sql(f"INSERT INTO numbers (n) VALUES ({mark}), ({mark})", (1, 2))
    assert (written.rowcount, written.returns_rows) == (2, False)
    rows = connection.exec_driver_sql(f"SELECT n, n * 2 AS twice FROM numbers WHERE n > {mark}", (1,))
    assert rows.mappings().all() == [{"n": 2, "twice": 4}]
    connection.rollback()
    assert stored(engine) == []


def test_text_of_the_driver_takes_names_and_lists_of_parameters(
    engine: Engine, connection: Connection, mark: str, database: str
) -> None:
    name = {"sqlite": ":n", "postgresql": "%(n)s"}[database]
    connection.exec_driver_sql(f"INSERT INTO numbers (n) VALUES ({name})", {"n": 1})
    connection.exec_driver_sql(f"INSERT INTO numbers (n) VALUES ({mark})", [(2,), (3,)])
    connection.exec_driver_sql(f"INSERT INTO numbers (n) VALUES ({mark})", [])
    connection.commit()
    assert stored(engine) == [1, 2, 3]


def test_in_text_of_the_driver_without_parameters_a_percent_sign_and_a_colon_stand_for_themselves(
    connection: Connection,
) -> None:
    assert connection.exec_driver_sql("SELECT '100%', '%%', ':name', '%s'").one() == ("100%", "%%", ":name", "%s")


def test_text_of_the_driver_refuses_options_that_it_cannot_heed(connection: Connection) -> None:
    assert connection.exec_driver_sql("SELECT 1", execution_options={"note": "x", "yield_per": None}).scalar() == 1
    for options in ({"yield_per": 10}, {"stream_results": True}, {"isolation_level": "SERIALIZABLE"}):
        with pytest.raises(ArgumentError, match="its rows are fetched at once, in the transaction that there is"):
            connection.exec_driver_sql("SELECT 1", execution_options=options)


def test_text_of_the_driver_is_text(connection: Connection) -> None:
    with pytest.raises(ArgumentError, match=r"Pass statements to execute\(\)"):
        connection.exec_driver_sql(select(numbers))  # type: ignore[arg-type]
    with pytest.raises(DBAPIError):
        connection.exec_driver_sql("SELEKT 1")
    assert not connection.in_transaction()


# -- the driver's connection


def run(raw: RawConnection, sql: str, *parameters: Any) -> Any:
    cursor = raw.cursor()
    cursor.execute(sql, parameters)
    found = cursor.fetchall() if cursor.description else None
    cursor.close()
    return found


def test_a_raw_connection_commits_and_rolls_back_as_the_driver_does(engine: Engine, mark: str) -> None:
    raw = engine.raw_connection()
    run(raw, f"INSERT INTO numbers (n) VALUES ({mark})", 1)
    raw.commit()
    run(raw, f"INSERT INTO numbers (n) VALUES ({mark})", 2)
    raw.rollback()
    run(raw, f"INSERT INTO numbers (n) VALUES ({mark})", 3)
    raw.close()
    assert stored(engine) == [1]


def test_a_raw_connection_goes_back_to_the_pool_as_it_was(engine: Engine, mark: str) -> None:
    for leave in ("close", "drop"):
        with engine.connect() as connection:
            driver = connection.connection.driver_connection
        raw = engine.raw_connection()
        assert raw.dbapi_connection is driver
        run(raw, f"INSERT INTO numbers (n) VALUES ({mark})", 1)
        if leave == "close":
            raw.close()
            raw.close()
        else:
            dropped = [raw]
            del raw
            with pytest.warns(ResourceWarning):
                dropped.clear()
            gc.collect()
        assert engine.pool.checked_out() == 0
        with engine.connect() as connection, connection.begin() as transaction:
            assert connection.connection.driver_connection is driver
            add(connection, 5)
            transaction.rollback()
        assert stored(engine) == []


def test_a_raw_connection_that_was_closed_says_so(engine: Engine) -> None:
    with engine.raw_connection() as raw:
        assert raw.is_valid
    assert not raw.is_valid
    for use in (raw.cursor, raw.commit, raw.rollback, lambda: raw.driver_connection):
        with pytest.raises(ResourceClosedError, match=r"engine\.raw_connection\(\)"):
            use()


def test_a_cursor_of_the_driver_works_inside_the_transaction_of_the_connection(
    engine: Engine, connection: Connection, mark: str
) -> None:
    run(connection.connection, f"INSERT INTO numbers (n) VALUES ({mark})", 1)
    assert connection.in_transaction()
    assert stored(engine) == []
    connection.rollback()
    with connection.begin():
        run(connection.get_raw_connection(), f"INSERT INTO numbers (n) VALUES ({mark})", 2)
        assert connection.scalars(select(numbers.c.n)).all() == [2]
    assert stored(engine) == [2]
    raw = connection.connection
    run(raw, f"INSERT INTO numbers (n) VALUES ({mark})", 3)
    raw.commit()
    raw.close()
    assert not connection.closed
    assert stored(engine) == [2, 3]


def test_a_session_saves_what_the_drivers_cursor_wrote(engine: Engine, mark: str) -> None:
    with Session(engine) as session:
        run(session.connection().connection, f"INSERT INTO numbers (n) VALUES ({mark})", 1)
        session.commit()
        run(session.connection().connection, f"INSERT INTO numbers (n) VALUES ({mark})", 2)
        session.rollback()
    assert stored(engine) == [1]


def test_inside_rolled_back_a_raw_connection_is_undone_as_well(engine: Engine, mark: str) -> None:
    with engine.rolled_back():
        with engine.raw_connection() as raw:
            run(raw, f"INSERT INTO numbers (n) VALUES ({mark})", 1)
            raw.commit()
            run(raw, f"INSERT INTO numbers (n) VALUES ({mark})", 2)
            raw.rollback()
        assert stored(engine) == [1]
    assert stored(engine) == []


def test_a_detached_connection_is_no_part_of_the_pool_any_more(engine: Engine) -> None:
    pool = engine.pool
    connection = engine.connect()
    raw = connection.connection.driver_connection
    before = pool.checked_out()
    connection.detach()
    connection.detach()
    assert pool.checked_out() == before - 1
    assert connection.scalar(select(literal(1))) == 1
    connection.close()
    with engine.connect() as another:
        assert another.connection.driver_connection is not raw
    assert pool.checked_out() == before - 1
    with pytest.raises(ResourceClosedError):
        connection.detach()


def test_the_isolation_level_of_transactions_that_ask_for_none_is_told(engine: Engine) -> None:
    expected = "SERIALIZABLE" if engine.dialect.name == "sqlite" else "READ COMMITTED"
    with engine.connect() as connection:
        assert connection.default_isolation_level == expected
        connection.execution_options(isolation_level="SERIALIZABLE")
        assert connection.default_isolation_level == expected


def test_text_of_the_driver_with_an_empty_list_is_executed_without_parameters(
    engine: Engine, connection: Connection
) -> None:
    add(connection, 1, 2)
    assert connection.exec_driver_sql("SELECT n FROM numbers ORDER BY n", []).scalars().all() == [1, 2]
    assert connection.exec_driver_sql("DELETE FROM numbers", []).rowcount == 2
    connection.commit()
    assert stored(engine) == []
