"""Sessions whose transaction spans several databases: all are prepared before the first is committed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_uow import (
    DeclarativeBase,
    InvalidRequestError,
    Mapped,
    OperationalError,
    Session,
    create_engine,
    mapped_column,
)
from tests.postgresql import execute
from tests.statements import StatementLog


class Base(DeclarativeBase):
    pass


class Account(Base):
    __tablename__ = "account"
    id: Mapped[int] = mapped_column(primary_key=True)
    balance: Mapped[int]


class Entry(Base):
    __tablename__ = "entry"
    id: Mapped[int] = mapped_column(primary_key=True)
    amount: Mapped[int]


class Note(Base):
    __tablename__ = "note"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


class Databases:
    """Two PostgreSQL databases and a SQLite file, with a log of what is sent to any of them."""

    def __init__(self, uris: list[str]) -> None:
        self.engines = [create_engine(uri) for uri in uris]
        self.one, self.two, self.file = self.engines
        self.log = StatementLog()
        for engine in self.engines:
            Base.metadata.create_all(engine)
            self.log.attach(engine)

    def session(self, **options: Any) -> Session:
        binds = {Account: self.one, Entry: self.two, Note: self.file}
        return Session(twophase=True, binds=binds, **options)

    def prepared(self) -> int:
        with self.one.connect() as connection:
            return int(connection.scalar("SELECT count(*) FROM pg_prepared_xacts WHERE gid LIKE 'uow%'"))

    def counts(self) -> list[int]:
        found = []
        for engine, table in zip(self.engines, ("account", "entry", "note"), strict=True):
            with engine.connect() as connection:
                found.append(int(connection.scalar(f"SELECT count(*) FROM {table}")))
        return found

    def controls(self) -> list[str]:
        """Return what was sent to control transactions, without identifiers."""
        sent = [sql.split(" 'uow")[0] for sql in self.log.transactions if not sql.startswith("BEGIN")]
        self.log.clear()
        return sent


@pytest.fixture
def databases(postgresql_uri: str, second_postgresql_uri: str, tmp_path: Path) -> Iterator[Databases]:
    databases = Databases([postgresql_uri, second_postgresql_uri, f"sqlite:///{tmp_path / 'notes.db'}"])
    databases.log.clear()
    yield databases
    for engine in databases.engines:
        assert engine.pool.checked_out() == 0
        engine.dispose()


def test_commit_prepares_all_before_it_commits_any(databases: Databases) -> None:
    with databases.session() as session:
        session.add_all([Account(balance=1), Entry(amount=1)])
        session.commit()
        assert databases.controls() == ["PREPARE TRANSACTION"] * 2 + ["COMMIT PREPARED"] * 2
    assert databases.counts() == [1, 1, 0]
    assert databases.prepared() == 0


def test_a_single_database_is_committed_in_one_phase(databases: Databases) -> None:
    with databases.session() as session:
        session.add(Account(balance=1))
        session.commit()
    assert databases.controls() == ["COMMIT"]


def test_a_database_that_cannot_prepare_decides(databases: Databases) -> None:
    with databases.session() as session:
        session.add_all([Note(text="n"), Account(balance=1), Entry(amount=1)])
        session.commit()
    expected = ["PREPARE TRANSACTION"] * 2 + ["COMMIT"] + ["COMMIT PREPARED"] * 2
    assert databases.controls() == expected
    assert databases.counts() == [1, 1, 1]


def test_when_one_database_refuses_to_prepare_nothing_is_saved_anywhere(databases: Databases) -> None:
    execute(
        databases.two.url.render(hide_password=False),
        "CREATE TABLE twice (a INTEGER UNIQUE DEFERRABLE INITIALLY DEFERRED)",
    )
    with databases.session() as session:
        session.add_all([Account(balance=1), Entry(amount=1), Note(text="n")])
        session.flush()
        session.execute("INSERT INTO twice VALUES (1), (1)", mapper=Entry)
        with pytest.raises(Exception, match="twice"):
            session.commit()
        assert databases.counts() == [0, 0, 0]
        assert databases.prepared() == 0
        session.add(Account(balance=2))
        session.commit()
    assert databases.counts() == [1, 0, 0]


def test_when_the_deciding_database_refuses_the_prepared_ones_are_rolled_back(databases: Databases) -> None:
    with databases.session() as session:
        session.execute("CREATE TABLE parent (id INTEGER PRIMARY KEY)", mapper=Note)
        session.execute("CREATE TABLE child (id INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED)", mapper=Note)
        session.commit()
        session.add_all([Account(balance=1), Entry(amount=1)])
        session.execute("INSERT INTO child VALUES (7)", mapper=Note)
        with pytest.raises(Exception, match="FOREIGN KEY"):
            session.commit()
    assert databases.counts() == [0, 0, 0]
    assert databases.prepared() == 0


def test_two_databases_that_cannot_prepare_are_refused_before_anything_is_committed(
    databases: Databases, tmp_path: Path
) -> None:
    other = create_engine(f"sqlite:///{tmp_path / 'other.db'}")
    Base.metadata.create_all(other)
    session = Session(twophase=True, binds={Account: other, Note: databases.file})
    session.add_all([Account(balance=1), Note(text="n")])
    with pytest.raises(InvalidRequestError, match=r"notes.db.*other.db|other.db.*notes.db"):
        session.commit()
    session.close()
    assert databases.counts() == [0, 0, 0]
    other.dispose()


def test_a_database_that_is_lost_after_the_decision_is_reported_and_the_commit_stands(
    databases: Databases, caplog: pytest.LogCaptureFixture
) -> None:
    uri = databases.one.url.render(hide_password=False)
    with databases.session() as session:
        session.add_all([Account(balance=1), Entry(amount=1), Note(text="n")])
        session.flush()
        pid = session.scalar("SELECT pg_backend_pid()", mapper=Account)

        def cut(event: Any) -> None:
            if event.statement == "COMMIT" and event.kind == "transaction":
                execute(uri, f"SELECT pg_terminate_backend({pid}, 5000)")

        databases.file.listeners.after_execute.append(cut)
        with caplog.at_level(logging.CRITICAL, "flask_uow.orm"):
            session.commit()
        databases.file.listeners.after_execute.remove(cut)
    assert "COMMIT PREPARED 'uow" in caplog.text
    assert databases.prepared() == 1
    (gid,) = execute(uri, "SELECT gid FROM pg_prepared_xacts WHERE database = current_database()")[0]
    execute(uri, f"COMMIT PREPARED '{gid}'")
    assert databases.counts() == [1, 1, 1]


def test_without_two_phase_a_partial_commit_is_reported(databases: Databases, caplog: pytest.LogCaptureFixture) -> None:
    uri = databases.two.url.render(hide_password=False)
    execute(uri, "CREATE TABLE twice (a INTEGER UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    session = Session(binds={Account: databases.one, Entry: databases.two})
    session.add(Account(balance=1))
    session.flush()
    session.execute("INSERT INTO twice VALUES (1), (1)", mapper=Entry)
    with caplog.at_level(logging.CRITICAL, "flask_uow.orm"), pytest.raises(Exception, match="twice"):
        session.commit()
    session.close()
    assert "committed in part" in caplog.text
    assert "twophase=True" in caplog.text
    assert databases.counts() == [1, 0, 0]


# -- prepare() by hand


def test_prepare_by_hand_prepares_and_commit_finishes(databases: Databases) -> None:
    with databases.session() as session:
        session.add_all([Account(balance=1), Entry(amount=1)])
        session.prepare()
        assert databases.prepared() == 2
        assert not session.is_active
        with pytest.raises(InvalidRequestError, match="prepared"):
            session.query(Account).all()
        session.commit()
        assert session.is_active
    assert databases.prepared() == 0
    assert databases.counts() == [1, 1, 0]


def test_prepare_by_hand_prepares_a_single_database_too(databases: Databases) -> None:
    with databases.session() as session:
        session.add(Account(balance=1))
        session.prepare()
        assert databases.prepared() == 1
        session.commit()
    assert databases.counts() == [1, 0, 0]


def test_what_was_prepared_can_be_rolled_back(databases: Databases) -> None:
    account = Account(balance=1)
    with databases.session() as session:
        session.add_all([account, Entry(amount=1)])
        session.prepare()
        session.rollback()
        assert account not in session
        assert session.query(Account).count() == 0
    assert databases.prepared() == 0


def test_closing_a_session_rolls_back_what_was_prepared(databases: Databases) -> None:
    session = databases.session()
    session.add_all([Account(balance=1), Entry(amount=1)])
    session.prepare()
    session.close()
    assert databases.prepared() == 0
    assert databases.counts() == [0, 0, 0]


def test_prepare_by_hand_with_a_database_that_cannot_is_refused_before_any_is_prepared(databases: Databases) -> None:
    with databases.session() as session:
        session.add_all([Account(balance=1), Note(text="n")])
        with pytest.raises(InvalidRequestError, match=r"notes.db.*PREPARE TRANSACTION"):
            session.prepare()
        assert databases.prepared() == 0
        assert session.is_active
        session.commit()
    assert databases.counts() == [1, 0, 1]


def test_only_the_root_of_a_two_phase_session_can_be_prepared(databases: Databases) -> None:
    with Session(databases.one) as session, pytest.raises(InvalidRequestError, match="twophase=True"):
        session.prepare()
    with databases.session() as session:
        session.begin_nested()
        with pytest.raises(InvalidRequestError, match="root"):
            session.prepare()
    with databases.session(autocommit=True) as session:
        with pytest.raises(InvalidRequestError, match="no transaction is in progress"):
            session.prepare()
        session.begin()
        session.begin(subtransactions=True)
        with pytest.raises(InvalidRequestError, match="root"):
            session.prepare()
        session.commit()
        session.prepare()
        session.commit()


def test_a_failing_prepare_rolls_everything_back(databases: Databases) -> None:
    uri = databases.two.url.render(hide_password=False)
    execute(uri, "CREATE TABLE twice (a INTEGER UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    with databases.session() as session:
        session.add(Account(balance=1))
        session.flush()
        session.execute("INSERT INTO twice VALUES (1), (1)", mapper=Entry)
        with pytest.raises(Exception, match="twice"):
            session.prepare()
        assert session.query(Account).count() == 0
    assert databases.prepared() == 0


def test_savepoints_work_in_two_phase_sessions(databases: Databases) -> None:
    with databases.session() as session:
        session.add(Account(balance=1))
        with session.begin_nested():
            session.add(Entry(amount=1))
        nested = session.begin_nested()
        session.add(Entry(amount=2))
        session.flush()
        nested.rollback()
        session.commit()
    assert databases.counts() == [1, 1, 0]


def test_a_connection_of_ones_own_takes_part_when_no_transaction_is_open_on_it(databases: Databases) -> None:
    with databases.one.connect() as connection:
        session = Session(twophase=True, binds={Account: connection, Entry: databases.two})
        session.add_all([Account(balance=1), Entry(amount=1)])
        session.commit()
        session.close()
        assert not connection.closed
        with connection.begin():
            session = Session(connection, twophase=True)
            session.add(Account(balance=2))
            with pytest.raises(InvalidRequestError, match="begun outside"):
                session.prepare()
            session.commit()
            session.close()
            assert connection.in_transaction()
    assert databases.counts() == [2, 1, 0]


def test_an_unreachable_database_at_prepare_leaves_nothing_behind(databases: Databases) -> None:
    uri = databases.one.url.render(hide_password=False)
    with databases.session() as session:
        session.add_all([Account(balance=1), Entry(amount=1)])
        session.flush()
        pid = session.scalar("SELECT pg_backend_pid()", mapper=Account)
        execute(uri, f"SELECT pg_terminate_backend({pid}, 5000)")
        with pytest.raises(OperationalError):
            session.commit()
    assert databases.prepared() == 0
    assert databases.counts() == [0, 0, 0]
