"""Streamed bodies: committed before the first byte; the generator's own work is decided when it ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, Response, stream_with_context
from flask.testing import FlaskClient

from flask_uow import IntegrityError, InvalidRequestError, UnitOfWork
from tests.web.apps import add_note, dispose, make_app, make_db, saved_texts


def test_the_work_is_committed_and_the_connection_is_back_before_the_first_byte(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    seen: list[Any] = []

    @flask_app.post("/")
    def view() -> Any:
        add_note(db, "a")
        engine = db.engine

        def body() -> Iterator[str]:
            seen.append((engine.pool.checked_out(), saved_texts(db, flask_app)))
            yield "body"

        return Response(body())

    assert http.post("/").text == "body"
    assert seen == [(0, ["a"])]


def test_objects_are_attached_inside_stream_with_context(db: UnitOfWork, flask_app: Flask, http: FlaskClient) -> None:
    @flask_app.post("/")
    def view() -> Any:
        note = add_note(db, "a")

        def body() -> Iterator[str]:
            yield note.text
            db.session.expire(note)
            yield note.text

        return Response(stream_with_context(body()))

    assert http.post("/").text == "aa"
    with flask_app.app_context():
        assert db.engine.pool.checked_out() == 0


@pytest.mark.parametrize("commit_on", ["response", "teardown", None])
def test_objects_are_attached_in_a_streamed_body_whatever_commits(database_uri: str, commit_on: str | None) -> None:
    db = make_db()
    app = make_app(db, database_uri, UOW_COMMIT_ON=commit_on)

    @app.post("/")
    def view() -> Any:
        note = add_note(db, "a")
        db.session.commit()
        other = db.session.query(db.Note).one()
        add_note(db, "b")

        def body() -> Iterator[str]:
            db.session.expire(other)
            yield f"{note.text} {other.text}"
            add_note(db, "c")

        return Response(stream_with_context(body()))

    assert app.test_client().post("/").text == "a a"
    with app.app_context():
        assert db.engine.pool.checked_out() == 0
    assert saved_texts(db, app) == (["a"] if commit_on is None else ["a", "b", "c"])
    dispose(db, app)


def test_a_commit_at_teardown_that_fails_before_a_streamed_body_leaves_nothing_open(database_uri: str) -> None:
    db = make_db()
    app = make_app(db, database_uri, UOW_COMMIT_ON="teardown")

    @app.post("/")
    def view() -> Any:
        add_note(db, "a")
        add_note(db, "a")
        return Response(stream_with_context(iter(["a"])))

    with pytest.raises(IntegrityError):
        app.test_client().post("/")
    with app.app_context():
        assert db.engine.pool.checked_out() == 0
    assert saved_texts(db, app) == []
    dispose(db, app)


@pytest.mark.parametrize("commit_on", ["response", "teardown", None])
@pytest.mark.parametrize("fails", [False, True])
def test_a_body_outside_the_context_gives_its_connection_back_when_it_has_ended(
    database_uri: str, commit_on: str | None, fails: bool
) -> None:
    db = make_db()
    app = make_app(db, database_uri, UOW_COMMIT_ON=commit_on)
    with app.app_context():
        add_note(db, "a")
        db.session.commit()
    engine = None

    @app.get("/")
    def view() -> Any:
        nonlocal engine
        engine = db.engine
        notes = db.session.query(db.Note).all()
        db.session.commit()

        def body() -> Iterator[str]:
            for note in notes:
                yield note.text  # loaded anew
            if fails:
                raise KeyError

        return Response(body())

    try:
        assert app.test_client().get("/").text == "a"  # nobody closes the response
    except KeyError:
        assert fails
    assert engine is not None
    assert engine.pool.checked_out() == 0
    dispose(db, app)


def test_a_generator_outside_the_context_is_told_of_stream_with_context(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    @flask_app.get("/")
    def view() -> Any:
        def body() -> Iterator[str]:
            yield str(db.session.scalar("SELECT 1"))

        return Response(body())

    with pytest.raises(InvalidRequestError, match=r"outside of any scope.*stream_with_context\(\)"):
        http.get("/")


@pytest.mark.parametrize(("status", "expected"), [(200, ["generator", "view"]), (400, [])])
def test_the_work_of_a_generator_shares_the_fate_of_its_request(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient, status: int, expected: list[str]
) -> None:
    @flask_app.post("/")
    def view() -> Any:
        add_note(db, "view")

        def body() -> Iterator[str]:
            add_note(db, "generator")
            yield "body"

        return Response(stream_with_context(body()), status)

    assert http.post("/").text == "body"
    assert saved_texts(db, flask_app) == expected


def test_a_generator_that_raises_rolls_back_its_own_part_only(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    @flask_app.post("/")
    def view() -> Any:
        add_note(db, "view")

        def body() -> Iterator[str]:
            add_note(db, "generator")
            db.session.flush()
            yield "body"
            raise LookupError("broken generator")

        return Response(stream_with_context(body()))

    with pytest.raises(LookupError, match="broken generator"):
        http.post("/", buffered=True)
    assert saved_texts(db, flask_app) == ["view"]


def test_a_client_that_hangs_up_rolls_back_the_generators_part(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    @flask_app.post("/")
    def view() -> Any:
        add_note(db, "view")

        def body() -> Iterator[str]:
            add_note(db, "generator")
            db.session.flush()
            yield "one"
            yield "two"

        return Response(stream_with_context(body()))

    response = http.post("/", buffered=False)
    assert next(iter(response.response)) == b"one"
    response.close()
    assert saved_texts(db, flask_app) == ["view"]
    with flask_app.app_context():
        assert db.engine.pool.checked_out() == 0
