"""What callbacks and receivers may do after the commit: read, register further callbacks, write in a unit of work of their own."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_uow import UnitOfWork, signals, update
from tests.web.apps import add_note, saved_texts


def write_by_add(db: UnitOfWork) -> None:
    add_note(db, "late")


def write_by_flush(db: UnitOfWork) -> None:
    add_note(db, "late")
    db.session.flush()


def write_by_commit(db: UnitOfWork) -> None:
    add_note(db, "late")
    db.session.commit()


def write_by_autoflush(db: UnitOfWork) -> None:
    add_note(db, "late")
    db.session.query(db.Note).all()  # type: ignore[attr-defined]


def write_by_change(db: UnitOfWork) -> None:
    db.session.query(db.Note).first().text = "late"  # type: ignore[attr-defined]


def write_by_delete(db: UnitOfWork) -> None:
    db.session.delete(db.session.query(db.Note).first())  # type: ignore[attr-defined]


def write_by_update(db: UnitOfWork) -> None:
    db.session.execute(update(db.Note).values(text="late"))  # type: ignore[attr-defined]


def write_in_bulk(db: UnitOfWork) -> None:
    db.session.bulk_insert(db.Note, [{"text": "late"}])  # type: ignore[attr-defined]


def write_by_text(db: UnitOfWork) -> None:
    db.session.execute("UPDATE note SET text = 'late'")


def write_by_connection(db: UnitOfWork) -> None:
    db.session.connection().execute("UPDATE note SET text = 'late'")


WRITES = [
    write_by_add,
    write_by_flush,
    write_by_commit,
    write_by_autoflush,
    write_by_change,
    write_by_delete,
    write_by_update,
    write_in_bulk,
    write_by_text,
    write_by_connection,
]


@pytest.mark.parametrize("write", WRITES)
def test_what_a_callback_writes_through_the_session_is_not_saved_and_an_error_is_logged(
    db: UnitOfWork, flask_app: Flask, caplog: pytest.LogCaptureFixture, write: Any
) -> None:
    with flask_app.app_context():
        add_note(db, "a")
        db.after_commit(lambda: write(db))
    assert saved_texts(db, flask_app) == ["a"]
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "db.unit_of_work()" in record.getMessage()


@pytest.mark.parametrize("write", [write_by_add, write_by_flush, write_by_change, write_by_text])
def test_what_a_receiver_of_after_commit_writes_through_the_session_is_not_saved_and_an_error_is_logged(
    db: UnitOfWork, flask_app: Flask, caplog: pytest.LogCaptureFixture, write: Any
) -> None:
    def receive(sender: Flask, session: Any) -> None:
        write(db)

    with signals.after_commit.connected_to(receive, flask_app), db.unit_of_work() as session:
        session.add(db.Note(text="a"))  # type: ignore[attr-defined]
    assert saved_texts(db, flask_app) == ["a"]
    assert [record.levelname for record in caplog.records if record.name == flask_app.logger.name] == ["ERROR"]


def test_the_error_about_objects_that_a_callback_has_left_names_them(
    db: UnitOfWork, flask_app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    def add_many() -> None:
        for number in range(5):
            add_note(db, f"late {number}")

    with flask_app.app_context():
        add_note(db, "a")
        db.after_commit(add_many)
    (record,) = caplog.records
    assert "add_many" in record.getMessage()
    assert "<Note, pending>" in record.getMessage()
    assert "2 more" in record.getMessage()


def test_a_callback_after_one_that_left_changes_reads_as_ever(
    db: UnitOfWork, flask_app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    read: list[str] = []
    with flask_app.app_context():
        add_note(db, "a")
        db.after_commit(lambda: add_note(db, "late"))
        db.after_commit(lambda: read.extend(note.text for note in db.session.query(db.Note)))  # type: ignore[attr-defined]
    assert read == ["a"]
    assert len(caplog.records) == 1


def test_the_view_that_has_committed_goes_on_writing_after_the_callbacks(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    def receive(sender: Flask, session: Any) -> None:
        assert db.session.query(db.Note).count()  # type: ignore[attr-defined]

    def view() -> str:
        note = add_note(db, "a")
        db.after_commit(lambda: db.session.query(db.Note).all())  # type: ignore[attr-defined]
        db.session.commit()
        note.text = "b"
        add_note(db, "c")
        return ""

    flask_app.add_url_rule("/", "index", view, methods=["POST"])
    with signals.after_commit.connected_to(receive, flask_app):
        assert http.post("/").status_code == 200
    assert saved_texts(db, flask_app) == ["b", "c"]


def test_a_callback_writes_in_a_unit_of_work_whose_own_callbacks_run(db: UnitOfWork, flask_app: Flask) -> None:
    ran: list[str] = []

    def write() -> None:
        with db.unit_of_work() as session:
            session.add(db.Note(text="b"))  # type: ignore[attr-defined]
            db.after_commit(lambda: ran.append("inner"))
        ran.append("outer")

    with flask_app.app_context():
        add_note(db, "a")
        db.after_commit(write)
    assert ran == ["inner", "outer"]
    assert saved_texts(db, flask_app) == ["a", "b"]


def test_a_callback_that_another_one_registers_runs_after_those_that_waited_already(
    db: UnitOfWork, flask_app: Flask
) -> None:
    ran: list[str] = []

    def first() -> None:
        ran.append("first")
        db.after_commit(lambda: ran.append("third"))

    with flask_app.app_context():
        add_note(db, "a")
        db.after_commit(first)
        db.after_commit(lambda: ran.append("second"))
    assert ran == ["first", "second", "third"]


@pytest.mark.parametrize("ending", ["reads and commits", "leaves changes", "fails"])
def test_a_registered_callback_runs_however_the_one_that_registered_it_ends(
    db: UnitOfWork, flask_app: Flask, ending: str
) -> None:
    ran: list[str] = []

    def first() -> None:
        db.after_commit(lambda: ran.append("second"))
        if ending == "reads and commits":
            db.session.query(db.Note).all()  # type: ignore[attr-defined]
            db.session.commit()
        elif ending == "leaves changes":
            add_note(db, "late")
        else:
            raise LookupError

    with flask_app.app_context():
        add_note(db, "a")
        db.after_commit(first)
    assert ran == ["second"]


def test_a_callback_that_a_callback_registers_and_rolls_back_is_dropped(db: UnitOfWork, flask_app: Flask) -> None:
    ran: list[str] = []

    def first() -> None:
        db.after_commit(lambda: ran.append("second"))
        db.session.rollback()

    with flask_app.app_context():
        add_note(db, "a")
        db.after_commit(first)
    assert ran == []


def test_callbacks_that_register_each_other_for_ever_come_to_an_end_with_an_error(
    db: UnitOfWork, flask_app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    ran: list[int] = []

    def again() -> None:
        ran.append(1)
        db.after_commit(again)

    with flask_app.app_context():
        add_note(db, "a")
        db.after_commit(again)
    assert len(ran) == 100
    assert "100 times in a row" in caplog.text
    assert saved_texts(db, flask_app) == ["a"]
