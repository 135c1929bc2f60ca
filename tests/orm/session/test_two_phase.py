"""Sessions whose transaction spans several databases: all of it is saved or nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    DeclarativeBase,
    Engine,
    FlaskUowError,
    InvalidRequestError,
    Mapped,
    OperationalError,
    Session,
    create_engine,
    mapped_column,
    select,
)
from flask_uow.engine.atomic import in_doubt, prepare_database, recover
from tests.postgresql import execute, fresh_database, own_server
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

    def has_record(self, engine: Engine) -> bool:
        with engine.connect() as connection:
            return "uow_decision" in connection.table_names()

    def decisions(self, engine: Engine) -> int:
        with engine.connect() as connection:
            return int(connection.scalar("SELECT count(*) FROM uow_decision"))

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


ASKED = "SELECT txid_current_if_assigned() IS NOT NULL"


def test_commit_prepares_the_others_before_the_one_that_decides_commits(databases: Databases) -> None:
    with databases.session() as session:
        session.add_all([Account(balance=1), Entry(amount=1)])
        session.commit()
        databases.log.clear()
        session.add_all([Account(balance=1), Entry(amount=1)])
        session.commit()
        # the last COMMIT is that of the decision's deletion
        assert databases.controls() == ["PREPARE TRANSACTION", "COMMIT", "COMMIT PREPARED", "COMMIT"]
    assert databases.counts() == [2, 2, 0]
    assert databases.prepared() == 0
    assert databases.decisions(databases.one) == 0


def test_when_only_one_database_was_written_to_it_is_committed_in_one_phase(databases: Databases) -> None:
    with databases.session() as session:
        session.add(Account(balance=1))
        session.flush()
        assert session.query(Entry).all() == []
        assert session.query(Note).all() == []
        session.commit()
    assert databases.controls() == ["COMMIT", "COMMIT"] or databases.controls() == []
    with databases.session() as session:
        session.add(Note(text="n"))
        assert session.query(Entry).all() == []
        databases.log.clear()
        session.commit()
    assert sorted(set(databases.controls())) == ["COMMIT", ASKED]
    assert not databases.has_record(databases.one)


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_the_first_commit_is_atomic_in_a_transaction_that_does_not_see_the_record(
    databases: Databases, level: str
) -> None:
    # its snapshot is older than the tables, which the commit makes
    engines = [engine.execution_options(isolation_level=level) for engine in (databases.one, databases.two)]
    with Session(twophase=True, binds={Account: engines[0], Entry: engines[1]}) as session:
        for _ in range(2):
            session.add_all([Account(balance=1), Entry(amount=1)])
            session.commit()
        session.add_all([Account(balance=1), Entry(amount=1)])
        session.prepare()
        session.commit()
    assert databases.counts() == [3, 3, 0]
    assert databases.decisions(databases.one) == 0


def test_a_row_that_was_only_locked_is_committed_with_the_others(databases: Databases) -> None:
    with databases.session() as session:
        session.add_all([Account(balance=1), Entry(amount=1)])
        session.commit()
        session.scalars(select(Account).with_for_update()).all()
        session.add(Entry(amount=2))
        session.flush()
        databases.log.clear()
        session.commit()
    assert "PREPARE TRANSACTION" in databases.controls()


def test_the_default_database_decides(databases: Databases) -> None:
    engines = {None: databases.two, "account": databases.one}
    session = Session(twophase=True, bind_key_engines=engines, binds={Account: databases.one, Entry: databases.two})
    session.add_all([Account(balance=1), Entry(amount=1)])
    session.commit()
    session.close()
    assert databases.has_record(databases.two)
    assert databases.counts() == [1, 1, 0]


def test_a_unit_of_work_that_recovery_has_given_up_saves_nothing(databases: Databases) -> None:
    def give_up(event: Any) -> None:
        if event.statement.startswith("PREPARE TRANSACTION"):
            report = recover({"one": databases.one, "two": databases.two, "file": databases.file}, grace=0)
            assert [each.outcome for each in report.settled] == ["rolled back"]

    with databases.session() as session:
        session.add_all([Account(balance=1), Entry(amount=1)])
        session.flush()
        databases.two.listeners.after_execute.append(give_up)
        with pytest.raises(InvalidRequestError, match="recovery has given this transaction up"):
            session.commit()
        databases.two.listeners.after_execute.remove(give_up)
        session.add_all([Account(balance=1), Entry(amount=1)])
        session.commit()
    assert databases.counts() == [1, 1, 0]


def test_an_error_while_the_decision_is_deleted_is_a_warning(
    databases: Databases, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(event: Any) -> None:
        if event.statement.startswith("DELETE FROM"):
            raise OperationalError("no", event.statement)

    with databases.session() as session:
        session.add_all([Account(balance=1), Entry(amount=1)])
        session.flush()
        databases.one.listeners.before_execute.append(refuse)
        session.commit()
        databases.one.listeners.before_execute.remove(refuse)
    assert "could not be deleted" in caplog.text
    assert databases.counts() == [1, 1, 0]
    engines = {"one": databases.one, "two": databases.two}
    assert recover(engines, grace=0).forgotten == 0
    assert databases.decisions(databases.one) == 1
    # a database that took part is not among those of this run, so somebody may still need the decision
    assert recover({"one": databases.one}, grace=0, retention=0).forgotten == 0
    assert recover(engines, grace=0, retention=0).forgotten == 1


def test_another_identity_in_the_middle_of_a_transaction_is_an_error_and_nothing_is_saved(
    databases: Databases,
) -> None:
    with databases.session() as session:
        session.add_all([Account(balance=1), Entry(amount=1)])
        session.commit()
        session.add_all([Account(balance=1), Entry(amount=1)])
        session.flush()
        execute(databases.one.url.render(hide_password=False), "UPDATE uow_database SET id = '0123456789abcdef'")
        with pytest.raises(InvalidRequestError, match="another identity"):
            session.commit()
    assert databases.counts() == [1, 1, 0]
    assert databases.prepared() == 0


ALTERATIONS = [
    "ALTER TABLE uow_decision DROP CONSTRAINT uow_decision_pkey",
    "ALTER TABLE uow_decision RENAME COLUMN outcome TO result",
    "DROP TABLE uow_decision",
    "INSERT INTO uow_database VALUES ('0000000000000000')",
    "DELETE FROM uow_database",
]


@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_a_record_of_decisions_that_was_altered_is_an_error_and_nothing_is_written(
    databases: Databases, alteration: str
) -> None:
    uri = databases.one.url.render(hide_password=False)
    with databases.one.connect() as connection:
        prepare_database(connection)
    execute(uri, alteration)
    with databases.session() as session:
        session.add_all([Account(balance=1), Entry(amount=1)])
        with pytest.raises(InvalidRequestError, match="was altered"):
            session.commit()
    assert databases.counts() == [0, 0, 0]
    assert databases.prepared() == 0


def test_a_record_that_disappears_while_the_process_runs_is_made_anew_by_the_next_unit_of_work(
    databases: Databases,
) -> None:
    with databases.session() as session:
        session.add_all([Account(balance=1), Entry(amount=1)])
        session.commit()
        execute(databases.one.url.render(hide_password=False), "DROP TABLE uow_decision, uow_database")
        session.add_all([Account(balance=2), Entry(amount=2)])
        with pytest.raises(FlaskUowError):
            session.commit()
        session.rollback()
        assert databases.counts() == [1, 1, 0]
        session.add_all([Account(balance=2), Entry(amount=2)])
        session.commit()
    assert databases.counts() == [2, 2, 0]


def test_a_server_without_prepared_transactions_says_which_setting_to_change() -> None:
    with own_server("max_prepared_transactions = 0\nfsync = off\n") as server:
        uri = server.get_uri()
        with fresh_database(uri) as one, fresh_database(uri) as two:
            engines = [create_engine(one), create_engine(two)]
            for engine in engines:
                Base.metadata.create_all(engine)
            with Session(twophase=True, binds={Account: engines[0], Entry: engines[1]}) as session:
                session.add_all([Account(balance=1), Entry(amount=1)])
                with pytest.raises(OperationalError, match="max_prepared_transactions"):
                    session.commit()
                assert session.query(Account).count() == 0
            for engine in engines:
                engine.dispose()


def test_transactions_that_others_have_prepared_are_left_alone(databases: Databases) -> None:
    uri = databases.one.url.render(hide_password=False)
    foreign = ["by hand", "uow1-0123456789abcdef-" + "0" * 32 + "-stone", "uow1-nonsense"]
    for gid in foreign:
        execute(uri, f"BEGIN; INSERT INTO account VALUES (DEFAULT, 1); PREPARE TRANSACTION '{gid}'")
    engines = {"one": databases.one, "two": databases.two}
    report = recover(engines, grace=0)
    assert (report.settled, report.is_complete) == ([], True)
    waiting, unreachable = in_doubt(engines)
    assert sorted(each.xid for each in waiting) == sorted(foreign)
    assert unreachable == {}
    for gid in foreign:
        execute(uri, f"ROLLBACK PREPARED '{gid}'")


def test_a_dry_run_and_the_time_of_grace_change_nothing(databases: Databases) -> None:
    with databases.session() as session:
        session.add_all([Account(balance=1), Entry(amount=1)])
        session.prepare()
        engines = {"one": databases.one, "two": databases.two}
        assert recover(engines, grace=60).settled == []
        assert [each.outcome for each in recover(engines, grace=0, dry_run=True).settled] == ["rolled back"] * 2
        assert recover(engines, grace=0, binds=["nobody"]).settled == []
        assert databases.prepared() == 2
        session.commit()
    assert databases.counts() == [1, 1, 0]
    with pytest.raises(ArgumentError, match="grace=-1"):
        recover(engines, grace=-1)


def test_a_database_that_does_not_answer_is_reported_by_recovery(databases: Databases) -> None:
    nowhere = create_engine("postgresql://127.0.0.1:1/x", connect_args={"connect_timeout": 2})
    report = recover({"one": databases.one, "gone": nowhere}, grace=0)
    assert list(report.unreachable) == ["gone"]
    assert not report.is_complete
    assert list(in_doubt({"gone": nowhere})[1]) == ["gone"]
    nowhere.dispose()


def test_a_single_database_is_committed_in_one_phase(databases: Databases) -> None:
    with databases.session() as session:
        session.add(Account(balance=1))
        session.commit()
    assert databases.controls() == ["COMMIT"]


def test_a_database_that_cannot_prepare_decides(databases: Databases) -> None:
    with databases.session() as session:
        session.add_all([Note(text="n"), Account(balance=1), Entry(amount=1)])
        session.commit()
    sent = databases.controls()
    prepared = sent.index("PREPARE TRANSACTION")
    expected = ["PREPARE TRANSACTION"] * 2 + ["COMMIT"] + ["COMMIT PREPARED"] * 2 + ["COMMIT"]
    assert sent[prepared:] == expected
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
