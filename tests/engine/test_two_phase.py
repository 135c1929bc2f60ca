"""Transactions that are prepared before they are committed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flask_uow import (
    ArgumentError,
    Engine,
    InternalError,
    InvalidRequestError,
    OperationalError,
    ProgrammingError,
    ResourceClosedError,
    create_engine,
)
from tests.postgresql import execute, postgresql_server
from tests.statements import StatementLog


@pytest.fixture
def engine(postgresql_uri: str) -> Iterator[Engine]:
    engine = create_engine(postgresql_uri)
    execute(postgresql_uri, "CREATE TABLE t (a INTEGER)")
    yield engine
    assert engine.pool.checked_out() == 0
    engine.dispose()


def prepared(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        sql = "SELECT gid FROM pg_prepared_xacts WHERE database = current_database() ORDER BY gid"
        return list(connection.scalars(sql))


def test_a_prepared_transaction_waits_for_the_commit(engine: Engine) -> None:
    with engine.connect() as connection:
        transaction = connection.begin_twophase("it's me")
        connection.execute("INSERT INTO t VALUES (1)")
        transaction.prepare()
        transaction.prepare()
        assert transaction.is_prepared
        assert prepared(engine) == ["it's me"]
        transaction.commit()
        assert prepared(engine) == []
        assert connection.scalar("SELECT count(*) FROM t") == 1


def test_a_prepared_transaction_can_be_rolled_back(engine: Engine) -> None:
    with engine.connect() as connection:
        transaction = connection.begin_twophase()
        connection.execute("INSERT INTO t VALUES (1)")
        transaction.prepare()
        transaction.rollback()
        assert prepared(engine) == []
        assert connection.scalar("SELECT count(*) FROM t") == 0


def test_identifiers_are_made_up_and_differ(engine: Engine) -> None:
    with engine.connect() as one, engine.connect() as two:
        first, second = one.begin_twophase(), two.begin_twophase()
        assert first.xid != second.xid
        first.rollback()
        second.rollback()


def test_nothing_can_be_executed_after_prepare(engine: Engine) -> None:
    with engine.connect() as connection:
        transaction = connection.begin_twophase()
        connection.execute("INSERT INTO t VALUES (1)")
        transaction.prepare()
        with pytest.raises(ResourceClosedError, match="prepared"):
            connection.execute("SELECT 1")
        with pytest.raises(InvalidRequestError):
            connection.begin()
        transaction.rollback()


def test_without_prepare_it_is_an_ordinary_transaction(engine: Engine) -> None:
    log = StatementLog().attach(engine)
    with engine.connect() as connection:
        with connection.begin_twophase():
            connection.execute("INSERT INTO t VALUES (1)")
        with pytest.raises(ZeroDivisionError), connection.begin_twophase():
            connection.execute("INSERT INTO t VALUES (2)")
            raise ZeroDivisionError
        assert log.transactions == ["BEGIN", "COMMIT", "BEGIN", "ROLLBACK"]
        assert connection.scalar("SELECT sum(a) FROM t") == 1


def test_an_empty_transaction_prepares_nothing(engine: Engine) -> None:
    with engine.connect() as connection:
        for end in ("commit", "rollback"):
            transaction = connection.begin_twophase()
            transaction.prepare()
            assert prepared(engine) == []
            getattr(transaction, end)()
        assert connection.scalar("SELECT 1") == 1


def test_savepoints_are_part_of_what_is_prepared(engine: Engine) -> None:
    with engine.connect() as connection:
        transaction = connection.begin_twophase()
        connection.execute("INSERT INTO t VALUES (1)")
        savepoint = connection.begin_nested()
        connection.execute("INSERT INTO t VALUES (2)")
        transaction.prepare()
        assert not savepoint.is_active
        transaction.commit()
        assert connection.scalar("SELECT sum(a) FROM t") == 3


def test_a_failed_transaction_cannot_be_prepared(engine: Engine) -> None:
    with engine.connect() as connection:
        transaction = connection.begin_twophase()
        connection.execute("INSERT INTO t VALUES (1)")
        with pytest.raises(ProgrammingError):
            connection.execute("SELECT nothing FROM nowhere")
        with pytest.raises(InternalError, match=r"rolled the transaction back.*rollback\(\)"):
            transaction.prepare()
        assert not transaction.is_active


def test_the_end_comes_once(engine: Engine) -> None:
    with engine.connect() as connection:
        transaction = connection.begin_twophase()
        connection.execute("INSERT INTO t VALUES (1)")
        transaction.prepare()
        transaction.commit()
        for verb in ("commit", "prepare"):
            with pytest.raises(InvalidRequestError, match=f"cannot {verb}"):
                getattr(transaction, verb)()
        transaction.rollback()


def test_a_connection_that_is_lost_leaves_the_transaction_prepared_and_says_so(
    engine: Engine, postgresql_uri: str
) -> None:
    connection = engine.connect()
    transaction = connection.begin_twophase("orphan")
    connection.execute("INSERT INTO t VALUES (1)")
    pid = connection.scalar("SELECT pg_backend_pid()")
    transaction.prepare()
    execute(postgresql_uri, f"SELECT pg_terminate_backend({pid}, 5000)")
    with pytest.raises(OperationalError):
        transaction.commit()
    connection.invalidate()
    assert prepared(engine) == ["orphan"]
    execute(postgresql_uri, "COMMIT PREPARED 'orphan'")
    with engine.connect() as again:
        assert again.scalar("SELECT count(*) FROM t") == 1


def test_identifiers_are_checked(engine: Engine) -> None:
    with engine.connect() as connection:
        for xid in ("", "x" * 200, "é" * 150):
            with pytest.raises(ArgumentError, match="199 bytes"):
                connection.begin_twophase(xid)


def test_sqlite_has_no_two_phase_commit() -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection, pytest.raises(InvalidRequestError, match=r"sqlite.*begin\(\)"):
        connection.begin_twophase()
    engine.dispose()


@pytest.mark.slow
def test_a_server_that_allows_no_prepared_transactions_gets_an_error_that_names_the_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("UOW_TEST_POSTGRESQL_URI", raising=False)
    with postgresql_server("max_prepared_transactions = 0\nfsync = off\n") as uri:
        engine = create_engine(uri)
        with engine.connect() as connection:
            transaction = connection.begin_twophase()
            connection.execute("CREATE TABLE t (a INTEGER)")
            with pytest.raises(OperationalError, match="max_prepared_transactions"):
                transaction.prepare()
            assert not transaction.is_active
            assert connection.scalar("SELECT to_regclass('t')") is None
        engine.dispose()


def test_prepared_transactions_are_finished_over_another_connection(engine: Engine) -> None:
    with engine.connect() as connection:
        for xid in ("it's one", "two"):
            transaction = connection.begin_twophase(xid)
            connection.execute("INSERT INTO t VALUES (1)")
            transaction.prepare()
            transaction.leave()
    with engine.connect() as connection:
        assert connection.recover_twophase() == ["it's one", "two"]
        connection.commit_prepared("it's one")
        assert connection.scalar("SELECT count(*) FROM t") == 1
        connection.rollback_prepared("two", recover=True)
        assert connection.recover_twophase() == []
        with pytest.raises(ProgrammingError):
            connection.commit_prepared("two")
        connection.execute("INSERT INTO t VALUES (2)")
        with pytest.raises(InvalidRequestError, match="something was written since"):
            connection.commit_prepared("two")
    sqlite = create_engine("sqlite://")
    with sqlite.connect() as connection, pytest.raises(InvalidRequestError, match="nothing to finish"):
        connection.recover_twophase()
