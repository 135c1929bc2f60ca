"""Recorded queries, slow queries, statement time-outs and SQL comments."""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask, Response, render_template

import flask_uow
from flask_uow import DBAPIError, InvalidRequestError, OperationalError, RecordedQuery, UnitOfWork, get_recorded_queries
from flask_uow.engine.comments import format_comment
from tests.postgresql import execute
from tests.web.apps import add_note, dispose, make_app, make_db, saved_texts


@contextmanager
def app_with(uri: str, **config: Any) -> Iterator[tuple[UnitOfWork, Flask]]:
    db = make_db()
    app = make_app(db, uri, **config)
    yield db, app
    dispose(db, app)


# -- get_recorded_queries


def test_the_queries_of_a_request_are_recorded_with_statement_parameters_duration_and_location(
    database_uri: str,
) -> None:
    seen: list[RecordedQuery] = []
    with app_with(database_uri, UOW_RECORD_QUERIES=True) as (db, app):
        with app.app_context():
            add_note(db, "a")
        line = 0

        @app.get("/<text>")
        def view(text: str) -> str:
            nonlocal line
            line = inspect.currentframe().f_lineno + 1  # type: ignore[union-attr]
            found = db.session.query(db.Note).filter(db.Note.text == text).one()  # type: ignore[attr-defined]
            return str(found.id)

        @app.after_request
        def look(response: Response) -> Response:
            seen.extend(flask_uow.get_recorded_queries())
            return response

        assert app.test_client().get("/a").status_code == 200
        (query,) = seen
        assert "FROM note" in query.statement
        assert query.parameters[0] == "a"
        assert query.duration > 0
        assert query.location == f"{__file__}:{line} (view)"
        assert (query.bind_key, query.failed) == (None, False)
        assert query.end_time - query.start_time == pytest.approx(query.duration)
        assert query.end_time <= time.perf_counter()
        assert app.test_client().get("/a").status_code == 200
        assert len(seen) == 2, "each request has a list of its own"


def test_a_lazy_load_in_a_template_is_recorded_with_the_line_of_the_template(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "page.html").write_text("<p>\n\n{{ notes.all()[0].text }}\n</p>")
    db = make_db()
    app = Flask(__name__, root_path=str(tmp_path))
    app.config.update(UOW_DATABASE_URI=f"sqlite:///{tmp_path / 'x.db'}", UOW_RECORD_QUERIES=True)
    db.init_app(app)
    with app.app_context():
        db.create_all()
        add_note(db, "a")
        db.session.flush()
        assert "a" in render_template("page.html", notes=db.session.query(db.Note))  # type: ignore[attr-defined]
        assert get_recorded_queries()[-1].location.startswith(f"{tmp_path / 'templates' / 'page.html'}:3 ")
    dispose(db, app)


def test_a_query_that_failed_is_recorded_too(database_uri: str) -> None:
    with app_with(database_uri, UOW_RECORD_QUERIES=True) as (db, app), app.app_context():
        with pytest.raises(DBAPIError):
            db.session.execute("SELECT * FROM nowhere")
        assert [(q.statement, q.failed) for q in get_recorded_queries()] == [("SELECT * FROM nowhere", True)]
        db.session.rollback()


def test_nothing_is_recorded_without_the_setting(database_uri: str) -> None:
    with app_with(database_uri) as (db, app), app.app_context():
        db.session.execute("SELECT 1")
        assert get_recorded_queries() == []
        assert db.engine.listeners.after_execute == []


def test_recorded_queries_outside_any_context_are_an_error_that_says_how_to_mend_it() -> None:
    with pytest.raises(InvalidRequestError, match="app_context"):
        get_recorded_queries()


# -- slow queries


def test_a_slow_query_is_logged_with_the_line_that_caused_it_and_without_its_parameters(
    database_uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    with app_with(database_uri, UOW_SLOW_QUERY_SECONDS=0) as (db, app):

        @app.get("/")
        def slow_view() -> str:
            db.session.execute("SELECT :secret", {"secret": "hunter2"})
            return ""

        with caplog.at_level(logging.WARNING):
            app.test_client().get("/")
    (message,) = [
        r.getMessage() for r in caplog.records if "SELECT" in r.getMessage() and "(slow_view)" in r.getMessage()
    ]
    assert message.startswith("Slow query: 0.0")
    assert "test_recording.py" in message
    assert "(slow_view), endpoint slow_view" in message
    assert "hunter2" not in message


def test_a_fast_query_is_not_logged(database_uri: str, caplog: pytest.LogCaptureFixture) -> None:
    with app_with(database_uri, UOW_SLOW_QUERY_SECONDS=1000) as (db, app), app.app_context():
        db.session.execute("SELECT 1")
    assert caplog.records == []


# -- statement time-outs


def test_a_statement_that_takes_too_long_is_ended_and_the_connection_is_clean_for_the_next(postgresql_uri: str) -> None:
    with app_with(
        postgresql_uri, UOW_STATEMENT_TIMEOUT_SECONDS=0.2, UOW_ENGINE_OPTIONS={"pool_size": 1, "max_overflow": 0}
    ) as (db, app):

        @app.get("/")
        def view() -> str:
            add_note(db, "a")
            db.session.execute("SELECT pg_sleep(20)")
            return ""

        @app.errorhandler(OperationalError)
        def handle(error: OperationalError) -> Any:
            return str(error), 503

        response = app.test_client().get("/")
        assert response.status_code == 503
        assert "statement timeout" in response.text
        with app.app_context():
            assert db.session.scalar("SHOW statement_timeout") == "200ms"
        with app.app_context(), db.engine.connect() as connection:
            assert connection.scalar("SHOW statement_timeout") == "0"
        assert saved_texts(db, app) == []


def test_the_time_out_costs_no_round_trip(postgresql_uri: str) -> None:
    with app_with(postgresql_uri, UOW_STATEMENT_TIMEOUT_SECONDS=5) as (db, app), app.app_context():
        sent: list[str] = []
        db.engine.listeners.after_execute.append(lambda event: sent.append(event.statement) if event.duration else None)
        assert db.session.scalar("SHOW statement_timeout") == "5s"
        assert sent == ["SHOW statement_timeout"]


# -- SQL comments


def test_statements_carry_route_and_request_id_in_a_comment(postgresql_uri: str) -> None:
    with app_with(postgresql_uri, UOW_SQL_COMMENTS=True) as (db, app):

        @app.get("/users/<int:user>")
        def view(user: int) -> str:
            return str(
                db.session.scalar(
                    "SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid() AND '100%' <> :a", {"a": "b"}
                )
            )

        text = app.test_client().get("/users/7", headers={"X-Request-ID": "abc-1"}).text
        assert text.endswith(" /*request_id='abc-1',route='%2Fusers%2F%3Cint%3Auser%3E'*/")
        without_header = app.test_client().get("/users/7").text
        assert "request_id='" in without_header
        with app.app_context():
            alone = db.session.scalar("SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()")
        assert "/*" not in alone


def test_comments_of_ones_own_take_the_place_of_the_usual_ones(postgresql_uri: str) -> None:
    options = {"sql_comments": lambda: {"mine": "1"}}
    with app_with(postgresql_uri, UOW_SQL_COMMENTS=True, UOW_ENGINE_OPTIONS=options) as (db, app), app.app_context():
        sent = db.session.scalar("SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()")
    assert sent.endswith(" /*mine='1'*/")


def test_writes_with_comments_are_saved(database_uri: str) -> None:
    with app_with(database_uri, UOW_SQL_COMMENTS=True) as (db, app):

        @app.post("/")
        def view() -> str:
            for number in range(3):
                add_note(db, f"100% {number}")
            db.session.flush()
            for note in db.session.query(db.Note):  # type: ignore[attr-defined]
                note.text += "!"
            return ""

        assert app.test_client().post("/").status_code == 200
        assert saved_texts(db, app) == ["100% 0!", "100% 1!", "100% 2!"]


def test_no_client_can_end_the_comment(postgresql_uri: str) -> None:
    with app_with(postgresql_uri, UOW_SQL_COMMENTS=True) as (db, app):

        @app.get("/")
        def view() -> str:
            add_note(db, "a")
            db.session.flush()
            return str(db.session.scalar("SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()"))

        evil = "x'*/; DROP TABLE note; /* %s %(a)s \u00e9"
        response = app.test_client().get("/", headers={"X-Request-ID": evil})
        assert response.status_code == 200
        assert response.text.count("*/") == 1
        assert f"request_id='{quote(evil, safe='')}'" in response.text
        assert saved_texts(db, app) == ["a"]


def test_a_statement_with_a_comment_of_its_own_keeps_it(postgresql_uri: str) -> None:
    with app_with(postgresql_uri, UOW_SQL_COMMENTS=True) as (db, app):

        @app.get("/")
        def view() -> str:
            return str(db.session.scalar("SELECT query /* mine */ FROM pg_stat_activity WHERE pid = pg_backend_pid()"))

        assert app.test_client().get("/").text.count("/*") == 1


def test_comments_are_off_by_default(postgresql_uri: str) -> None:
    with app_with(postgresql_uri) as (db, app):

        @app.get("/")
        def view() -> str:
            return str(db.session.scalar("SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()"))

        assert "/*" not in app.test_client().get("/").text
    assert execute(postgresql_uri, "SELECT 1") == [(1,)]


def test_the_comment_has_its_keys_in_order_and_no_value_that_is_none() -> None:
    assert format_comment({"b": 1, "a": "x y", "c": None}) == " /*a='x%20y',b='1'*/"
    assert format_comment({"a": None}) == ""
    assert format_comment({"a": "'" * 1000}) == f" /*a='{'%27' * 250}'*/"
