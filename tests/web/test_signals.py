"""Signals, and callbacks that wait for the commit."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_uow import SessionExtension, UnitOfWork, exc, signals
from tests.web.apps import add_note, dispose, make_app, make_db, saved_texts


@pytest.fixture
def sent(flask_app: Flask) -> Iterator[list[str]]:
    """The names of the signals sent by ``flask_app``, in order."""
    names: list[str] = []
    receivers = {
        signal: lambda sender, name=name, **extra: names.append(name)
        for name, signal in [
            ("before_commit", signals.before_commit),
            ("after_commit", signals.after_commit),
            ("after_rollback", signals.after_rollback),
        ]
    }
    for signal, receiver in receivers.items():
        signal.connect(receiver, flask_app)
    yield names
    for signal, receiver in receivers.items():
        signal.disconnect(receiver, flask_app)


def test_a_commit_sends_before_commit_and_after_commit(db: UnitOfWork, flask_app: Flask, sent: list[str]) -> None:
    with flask_app.app_context():
        add_note(db, "a")
    assert sent == ["before_commit", "after_commit"]


def test_a_rollback_sends_after_rollback_once(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient, sent: list[str]
) -> None:
    def view() -> Any:
        add_note(db, "a")
        db.session.flush()
        raise LookupError

    flask_app.add_url_rule("/", "index", view)
    http.get("/")
    assert sent == ["after_rollback"]


def test_a_failed_commit_sends_after_rollback(db: UnitOfWork, flask_app: Flask, sent: list[str]) -> None:
    with pytest.raises(exc.IntegrityError), flask_app.app_context():
        add_note(db, "twice")
        add_note(db, "twice")
    assert sent == ["before_commit", "after_rollback"]


def test_a_scope_that_was_never_used_sends_nothing(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient, sent: list[str]
) -> None:
    flask_app.add_url_rule("/", "index", lambda: str(db.session.is_active))
    http.get("/")
    assert sent == []


def test_a_savepoint_sends_nothing(db: UnitOfWork, flask_app: Flask, sent: list[str]) -> None:
    with flask_app.app_context():
        add_note(db, "a")
        db.session.begin_nested()
        add_note(db, "b")
        db.session.commit()
        assert sent == []
    assert saved_texts(db, flask_app) == ["a", "b"]


def test_a_receiver_of_before_commit_may_add_work(db: UnitOfWork, flask_app: Flask) -> None:
    def add_more(sender: Flask, session: Any) -> None:
        session.add(db.Note(text="added"))  # type: ignore[attr-defined]

    with signals.before_commit.connected_to(add_more, flask_app), flask_app.app_context():
        add_note(db, "a")
    assert saved_texts(db, flask_app) == ["a", "added"]


def test_the_moments_of_a_flush_are_signals(db: UnitOfWork, flask_app: Flask) -> None:
    seen: list[tuple[str, Any]] = []

    def receiver(name: str) -> Any:
        def receive(sender: Flask, session: Any, **extra: Any) -> None:
            assert sender is flask_app
            assert session is db.session()
            seen.append((name, extra))

        return receive

    receivers = {
        name: receiver(name)
        for name in ("before_flush", "after_flush", "after_flush_postexec", "after_begin", "after_attach")
    }
    for name, function in receivers.items():
        getattr(signals, name).connect(function, flask_app)
    with flask_app.app_context():
        note = add_note(db, "a")
        db.session.flush()
    assert [name for name, _ in seen] == [
        "after_attach",
        "before_flush",
        "after_begin",
        "after_flush",
        "after_flush_postexec",
    ]
    extras = dict(seen)
    assert extras["after_attach"] == {"instance": note}
    assert extras["before_flush"]["instances"] is None
    assert extras["after_flush"]["flush_context"].new == (note,)
    assert set(extras["after_begin"]) == {"transaction", "connection"}


@pytest.mark.parametrize("extension", [None, SessionExtension()])
def test_a_receiver_hears_the_flushes_of_sessions_that_were_there_before_it(
    database_uri: str, extension: SessionExtension | None
) -> None:
    db = make_db(session_options={"extension": extension})
    app = make_app(db, database_uri)
    heard: list[str] = []

    def receiver(sender: Flask, session: Any, flush_context: Any) -> None:
        heard.append(",".join(sorted(note.text for note in flush_context.new)))

    with app.app_context():
        for number, is_connected in enumerate((False, True, False, True)):
            with signals.after_flush.connected_to(receiver, app) if is_connected else contextlib.nullcontext():
                add_note(db, f"note {number}")
                db.session.flush()
    assert heard == ["note 1", "note 3"]
    dispose(db, app)


def test_what_changes_many_rows_at_once_is_signalled(db: UnitOfWork, flask_app: Flask) -> None:
    seen: list[tuple[str, int]] = []

    def updated(sender: Flask, session: Any, query: Any, query_context: Any, result: Any) -> None:
        seen.append(("update", result.rowcount))

    def deleted(sender: Flask, session: Any, query: Any, query_context: Any, result: Any) -> None:
        seen.append(("delete", result.rowcount))

    with (
        signals.after_bulk_update.connected_to(updated, flask_app),
        signals.after_bulk_delete.connected_to(deleted, flask_app),
        flask_app.app_context(),
    ):
        add_note(db, "a")
        add_note(db, "b")
        query = db.session.query(db.Note)  # type: ignore[attr-defined]
        query.filter_by(text="a").update({"text": "c"})
        query.delete()
    assert seen == [("update", 1), ("delete", 2)]
    assert saved_texts(db, flask_app) == []


def test_signals_of_another_app_are_not_sent_here(db: UnitOfWork, flask_app: Flask) -> None:
    seen: list[Any] = []

    def receive(sender: Any, **extra: Any) -> None:
        seen.append(sender)

    with signals.after_flush.connected_to(receive, Flask("other")), flask_app.app_context():
        add_note(db, "a")
    assert seen == []


# -- after_commit()


def test_a_callback_runs_once_when_the_data_is_there(db: UnitOfWork, flask_app: Flask, http: FlaskClient) -> None:
    seen: list[list[str]] = []

    def view() -> Any:
        add_note(db, "a")
        db.after_commit(lambda: seen.append(saved_texts(db, flask_app)))
        return ""

    flask_app.add_url_rule("/", "index", view)
    http.get("/")
    assert seen == [["a"]]


def test_a_callback_runs_when_a_scope_without_other_work_ends_well(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient, sent: list[str]
) -> None:
    called: list[str] = []

    @flask_app.post("/<int:status>")
    def view(status: int) -> Any:
        db.after_commit(lambda: called.append(f"request {status}"))
        return "", status

    assert [http.post(f"/{status}").status_code for status in (200, 400)] == [200, 400]
    with flask_app.app_context():
        db.after_commit(lambda: called.append("context"))
    with db.unit_of_work():
        db.after_commit(lambda: called.append("block"))
    with contextlib.suppress(LookupError), db.unit_of_work():
        db.after_commit(lambda: called.append("failed block"))
        raise LookupError
    assert called == ["request 200", "context", "block"]
    assert sent == []


def test_a_callback_in_autocommit_mode_needs_a_transaction(database_uri: str) -> None:
    db = make_db(session_options={"autocommit": True})
    app = make_app(db, database_uri)
    called: list[str] = []
    with app.app_context():
        add_note(db, "a")
        db.session.flush()
        with pytest.raises(
            exc.InvalidRequestError, match=r"autocommit mode outside of a transaction.*db\.session\.begin\(\)"
        ):
            db.after_commit(lambda: called.append("outside"))
        with db.session.begin():
            db.after_commit(lambda: called.append("inside"))
        assert called == ["inside"]
    dispose(db, app)


def test_a_callback_is_dropped_by_a_rollback_before_any_work(db: UnitOfWork, flask_app: Flask) -> None:
    called: list[str] = []
    with flask_app.app_context():
        db.after_commit(lambda: called.append("callback"))
        db.session.rollback()
        add_note(db, "a")
    assert (saved_texts(db, flask_app), called) == (["a"], [])


def test_an_error_in_an_after_commit_hook_undoes_nothing_and_is_no_reason_to_try_again(
    database_uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(SessionExtension):
        def after_commit(self, session: Any) -> None:
            driver_error = sqlite3.OperationalError("database is locked")
            driver_error.sqlite_errorcode = sqlite3.SQLITE_BUSY  # type: ignore[attr-defined]
            raise exc.OperationalError("database is locked", orig=driver_error)

    db = make_db(session_options={"extension": Failing()})
    app = make_app(db, database_uri, UOW_RETRY_ATTEMPTS=3)
    called: list[str] = []

    @app.post("/<text>")
    def view(text: str) -> str:
        add_note(db, f"{text} {len(called)}")
        db.after_commit(lambda: called.append("callback"))
        if text == "own":
            db.session.commit()
        return ""

    client = app.test_client()
    assert [client.post("/rule").status_code, client.post("/own").status_code] == [200, 500]
    assert called == ["callback", "callback"]
    assert "The after_commit hook of a SessionExtension failed; the commit stands" in caplog.text
    with app.app_context(), db.engine.connect() as connection:
        assert connection.scalars("SELECT text FROM note ORDER BY id").all() == ["rule 0", "own 1"]
    dispose(db, app)


def test_a_callback_runs_at_the_views_own_commit(db: UnitOfWork, flask_app: Flask) -> None:
    seen: list[str] = []
    with flask_app.app_context():
        add_note(db, "a")
        db.after_commit(lambda: seen.append("called"))
        db.session.commit()
        assert seen == ["called"]
        add_note(db, "b")
    assert seen == ["called"]


def test_a_callback_is_dropped_with_a_rolled_back_transaction(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    seen: list[str] = []

    def view() -> Any:
        add_note(db, "a")
        db.after_commit(lambda: seen.append("dropped"))
        db.session.rollback()
        add_note(db, "b")
        db.after_commit(lambda: seen.append("kept"))
        return ""

    flask_app.add_url_rule("/", "index", view)
    http.get("/")
    assert seen == ["kept"]


def test_a_callback_of_a_savepoint_shares_its_fate(db: UnitOfWork, flask_app: Flask) -> None:
    seen: list[str] = []
    with flask_app.app_context():
        add_note(db, "a")
        for name in ("rolled back", "released"):
            db.session.begin_nested()
            add_note(db, name)
            db.after_commit(lambda name=name: seen.append(name))
            db.session.rollback() if name == "rolled back" else db.session.commit()
        assert seen == []
    assert seen == ["released"]
    assert saved_texts(db, flask_app) == ["a", "released"]


def test_an_error_in_a_callback_is_logged_and_stops_neither_commit_nor_the_other_callbacks(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[str] = []

    def fail() -> None:
        raise LookupError("broken callback")

    def view() -> Any:
        add_note(db, "a")
        db.after_commit(fail)
        db.after_commit(lambda: seen.append("second"))
        return ""

    flask_app.add_url_rule("/", "index", view)
    with caplog.at_level(logging.ERROR):
        assert http.get("/").status_code == 200
    assert seen == ["second"]
    assert "broken callback" in caplog.text
    assert saved_texts(db, flask_app) == ["a"]


def test_a_callback_that_leaves_a_savepoint_open_writes_nothing_either(db: UnitOfWork, flask_app: Flask) -> None:
    def callback() -> None:
        add_note(db, "callback")
        db.session.begin_nested()
        add_note(db, "callback in a savepoint")
        db.session.flush()

    with flask_app.app_context():
        add_note(db, "a")
        db.after_commit(callback)
        db.session.commit()
        add_note(db, "b")
    assert saved_texts(db, flask_app) == ["a", "b"]


def test_an_error_in_a_receiver_of_after_commit_is_logged_and_the_client_is_told_the_truth(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    called: list[str] = []

    def fail(sender: Flask, session: Any, **extra: Any) -> None:
        raise LookupError("receiver")

    @flask_app.post("/")
    def view() -> str:
        add_note(db, "a")
        db.after_commit(lambda: called.append("callback"))
        return ""

    with signals.after_commit.connected_to(fail, flask_app):
        assert http.post("/").status_code == 200
    assert (saved_texts(db, flask_app), called) == (["a"], ["callback"])
    assert "A receiver of the signal uow-after-commit failed; the commit stands" in caplog.text


def test_an_error_in_a_receiver_of_after_rollback_does_not_hide_the_error_of_the_commit(
    db: UnitOfWork, flask_app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(sender: Flask, session: Any, **extra: Any) -> None:
        raise LookupError("receiver")

    with (
        signals.after_rollback.connected_to(fail, flask_app),
        pytest.raises(exc.IntegrityError),
        flask_app.app_context(),
    ):
        add_note(db, "twice")
        add_note(db, "twice")
    assert "A receiver of the signal uow-after-rollback failed; the work is rolled back" in caplog.text


def test_an_error_in_a_receiver_of_before_commit_keeps_the_work_from_being_committed(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    def refuse(sender: Flask, session: Any, **extra: Any) -> None:
        raise LookupError("receiver")

    flask_app.add_url_rule("/", "view", lambda: add_note(db, "a").text, methods=["POST"])
    with signals.before_commit.connected_to(refuse, flask_app):
        assert http.post("/").status_code == 500
    assert saved_texts(db, flask_app) == []


def test_a_callback_reads_objects_and_what_it_leaves_in_the_session_is_rolled_back(
    db: UnitOfWork, flask_app: Flask
) -> None:
    seen: list[str] = []
    with flask_app.app_context():
        note = add_note(db, "a")

        def callback() -> None:
            seen.append(note.text)
            add_note(db, "left behind")
            with db.unit_of_work():
                add_note(db, "written")

        db.after_commit(callback)
    assert seen == ["a"]
    assert saved_texts(db, flask_app) == ["a", "written"]


def test_transactions_ended_by_a_with_block_count_as_well(db: UnitOfWork, flask_app: Flask, sent: list[str]) -> None:
    called: list[str] = []
    with flask_app.app_context():
        with db.session.begin():
            add_note(db, "ed")
            db.after_commit(lambda: called.append("kept"))
        assert called == ["kept"]
        with pytest.raises(ZeroDivisionError), db.session.begin_nested():
            add_note(db, "fred")
            db.after_commit(lambda: called.append("dropped"))
            raise ZeroDivisionError
        db.session.commit()
    assert called == ["kept"]
    assert sent[:2] == ["before_commit", "after_commit"]


@pytest.mark.parametrize("wrong", [None, 5])
def test_after_commit_refuses_what_cannot_be_called(db: UnitOfWork, flask_app: Flask, wrong: Any) -> None:
    with flask_app.app_context(), pytest.raises(exc.ArgumentError, match="takes a function without arguments"):
        db.after_commit(wrong)
