"""UOW_STATEMENT_TIMEOUT_SECONDS: a statement that takes too long is ended, and nothing of the limit is left for others."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_uow import CommitOutcomeUnknown, DBAPIError, OperationalError, UnitOfWork
from flask_uow.engine.dialects.sqlite_time_limit import TimedCursor
from tests.web.apps import add_note, dispose, make_app, make_db, saved_texts

FOREVER = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000000000) SELECT count(*) FROM n"
)
WRITES = f"INSERT INTO note (text) SELECT 'x' WHERE ({FOREVER}) > 0"


@pytest.fixture
def timed(database_uri: str) -> Iterator[tuple[UnitOfWork, Flask]]:
    db = make_db()
    app = make_app(
        db,
        database_uri,
        UOW_STATEMENT_TIMEOUT_SECONDS=0.1,
        UOW_ENGINE_OPTIONS={"pool_size": 1, "max_overflow": 0, "pool_timeout": 5},
    )
    yield db, app
    dispose(db, app)


def test_a_slow_statement_is_an_error_and_the_connection_serves_the_next_request(
    timed: tuple[UnitOfWork, Flask],
) -> None:
    db, app = timed

    @app.get("/")
    def view() -> str:
        add_note(db, "a")
        return str(db.session.scalar(FOREVER))

    @app.errorhandler(OperationalError)
    def handle(error: OperationalError) -> Any:
        return str(error), 503

    response = app.test_client().get("/")
    assert response.status_code == 503
    assert "statement timeout" in response.text
    assert FOREVER in response.text
    assert saved_texts(db, app) == []
    with app.app_context():
        add_note(db, "b")
    assert saved_texts(db, app) == ["b"]


@pytest.mark.parametrize("wrote_before", [False, True])
def test_a_slow_write_is_ended_and_can_be_rolled_back(timed: tuple[UnitOfWork, Flask], wrote_before: bool) -> None:
    db, app = timed
    with app.app_context():
        if wrote_before:
            add_note(db, "a")
            db.session.flush()
        with pytest.raises(OperationalError, match="statement timeout"):
            db.session.execute(WRITES)
        db.session.rollback()
        add_note(db, "b")
    assert saved_texts(db, app) == ["b"]


def test_a_connection_of_the_engine_has_no_limit(timed: tuple[UnitOfWork, Flask]) -> None:
    db, app = timed
    counting = FOREVER.replace("100000000000", "1000000")
    with app.app_context():
        with pytest.raises(OperationalError, match="statement timeout"):
            db.session.scalar(FOREVER)
        db.session.rollback()
        db.session.close()
        with db.engine.connect() as connection:
            assert connection.scalar(counting) == 1_000_000


def test_each_page_of_a_stream_has_the_whole_time(timed: tuple[UnitOfWork, Flask]) -> None:
    db, app = timed
    rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40) SELECT i FROM n"
    with app.app_context():
        found = []
        for page in db.session.connection().stream(rows, size=10):
            found += [i for (i,) in page]
            threading.Event().wait(0.06)  # all pages together take longer than the limit
        assert found == list(range(1, 41))


def test_a_stream_that_takes_too_long_for_its_first_page_is_ended(timed: tuple[UnitOfWork, Flask]) -> None:
    db, app = timed
    with app.app_context():
        pages = db.session.connection().stream(FOREVER, size=10)
        with pytest.raises(OperationalError, match="statement timeout"):
            next(pages)
        db.session.rollback()


def test_the_limit_holds_in_savepoints_and_after_them(timed: tuple[UnitOfWork, Flask]) -> None:
    db, app = timed
    with app.app_context():
        with db.session.begin_nested():
            add_note(db, "a")
        with pytest.raises(OperationalError, match="statement timeout"):
            db.session.scalar(FOREVER)
        db.session.rollback()


def test_the_limit_holds_within_a_test_that_is_rolled_back(tmp_path: Path) -> None:
    db = make_db()
    app = make_app(db, f"sqlite:///{tmp_path / 'notes.db'}", UOW_STATEMENT_TIMEOUT_SECONDS=0.1)
    with app.app_context():
        engine = db.engine
    with engine.rolled_back(), app.app_context():
        add_note(db, "a")
        with pytest.raises(OperationalError, match="statement timeout"):
            db.session.scalar(FOREVER)
        db.session.rollback()
        add_note(db, "b")
        db.session.commit()
        assert db.session.query(db.Note).count() == 1  # type: ignore[attr-defined]
    dispose(db, app)


def test_the_limit_holds_for_statements_with_comments(tmp_path: Path) -> None:
    db = make_db()
    app = make_app(db, f"sqlite:///{tmp_path / 'notes.db'}", UOW_STATEMENT_TIMEOUT_SECONDS=0.1, UOW_SQL_COMMENTS=True)
    with app.test_request_context("/", headers={"X-Request-ID": "abc"}):
        with pytest.raises(OperationalError, match="statement timeout"):
            db.session.scalar(FOREVER)
        db.session.rollback()
    dispose(db, app)


def test_a_statement_that_somebody_interrupts_did_not_take_too_long(tmp_path: Path) -> None:
    db = make_db()
    app = make_app(db, f"sqlite:///{tmp_path / 'notes.db'}", UOW_STATEMENT_TIMEOUT_SECONDS=100)
    with app.app_context():
        raw = db.session.connection().connection.driver_connection
        threading.Timer(0.1, raw.interrupt).start()
        with pytest.raises(DBAPIError, match="interrupted") as told:
            db.session.scalar(FOREVER)
        assert "timeout" not in str(told.value)
        assert not isinstance(told.value, CommitOutcomeUnknown)
        db.session.rollback()
    dispose(db, app)


# -- the cursor on SQLite


@pytest.fixture
def raw() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.create_function("slowly", 1, lambda value: time.sleep(0.03) or value)
    yield connection
    connection.close()


def test_each_set_of_parameters_has_the_whole_time(raw: sqlite3.Connection) -> None:
    raw.execute("CREATE TABLE number (n INTEGER)")
    cursor = TimedCursor(raw.cursor(), 0.1)
    cursor.executemany("INSERT INTO number VALUES (slowly(?))", [(n,) for n in range(10)])
    assert cursor.execute("SELECT count(*) FROM number").fetchall() == [(10,)]


def test_the_rows_of_a_statement_are_part_of_its_time(raw: sqlite3.Connection) -> None:
    numbers = FOREVER.replace("count(*)", "i").replace("100000000000", "100000000")
    with pytest.raises(sqlite3.OperationalError, match=r"longer than 0\.05 seconds") as told:
        TimedCursor(raw.cursor(), 0.05).execute(numbers).fetchall()
    assert told.value.sqlite_errorname == "SQLITE_INTERRUPT"


def test_rows_are_iterated_and_the_rest_is_the_drivers(raw: sqlite3.Connection) -> None:
    cursor = TimedCursor(raw.cursor(), 5)
    assert list(cursor.execute("SELECT ? UNION ALL SELECT 2", (1,))) == [(1,), (2,)]
    assert cursor.execute("SELECT 1 AS one").description[0][0] == "one"
    assert cursor.fetchmany(5) == [(1,)]
    assert cursor.fetchone() is None


def test_a_handler_is_left_behind_by_no_statement(raw: sqlite3.Connection) -> None:
    cursor = TimedCursor(raw.cursor(), 0.01)
    with pytest.raises(sqlite3.OperationalError):
        cursor.execute(FOREVER)
    counting = FOREVER.replace("100000000000", "1000000")
    assert raw.execute(counting).fetchone() == (1_000_000,)
