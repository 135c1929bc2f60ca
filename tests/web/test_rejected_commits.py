"""What the database refuses: the answer of the app's error handler, and views that go on after an error."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_uow import JSON, IntegrityError, Mapped, MutableDict, UnitOfWork, exc, mapped_column
from tests.web.apps import add_note, dispose, make_app, saved_texts


@pytest.fixture(autouse=True)
def _conflict_handler(db: UnitOfWork, flask_app: Flask) -> None:
    """The handler of the guide, and a note that is there already."""

    @flask_app.errorhandler(IntegrityError)
    def conflict(error: IntegrityError) -> Any:
        return {"error": "This contradicts what is there already."}, 409

    with flask_app.app_context():
        add_note(db, "taken")


def post(flask_app: Flask, http: FlaskClient, view: Any) -> int:
    flask_app.add_url_rule("/", "index", view, methods=["POST"])
    return http.post("/").status_code


@pytest.mark.parametrize("when", ["at the commit point", "flush", "commit"])
def test_a_rejected_commit_is_answered_by_the_handler_for_integrity_errors(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient, when: str
) -> None:
    def view() -> Any:
        add_note(db, "new")
        add_note(db, "taken")
        if when != "at the commit point":
            getattr(db.session, when)()
        return "", 201

    assert post(flask_app, http, view) == 409
    assert saved_texts(db, flask_app) == ["taken"]


def test_a_view_that_swallows_the_error_and_returns_a_200_gets_an_error_out_and_saves_nothing(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    seen: list[BaseException] = []

    @flask_app.errorhandler(exc.InvalidRequestError)
    def failed(error: BaseException) -> Any:
        seen.append(error)
        return "", 500

    def view() -> str:
        add_note(db, "new")
        add_note(db, "taken")
        try:
            db.session.flush()
        except IntegrityError:
            add_note(db, "later")
        return ""

    assert post(flask_app, http, view) == 500
    assert saved_texts(db, flask_app) == ["taken"]
    assert "begin_nested()" in str(seen[0])


def test_a_view_goes_on_after_an_error_within_a_savepoint(db: UnitOfWork, flask_app: Flask, http: FlaskClient) -> None:
    def view() -> str:
        first = add_note(db, "before")
        try:
            with db.session.begin_nested():
                add_note(db, "taken")
        except IntegrityError:
            add_note(db, f"after {first.text}")
        return ""

    assert post(flask_app, http, view) == 200
    assert saved_texts(db, flask_app) == ["after before", "before", "taken"]


def test_a_view_that_rolls_back_after_an_error_saves_what_it_does_afterwards(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    def view() -> str:
        add_note(db, "before")
        add_note(db, "taken")
        try:
            db.session.flush()
        except IntegrityError:
            db.session.rollback()
            add_note(db, "after")
        return ""

    assert post(flask_app, http, view) == 200
    assert saved_texts(db, flask_app) == ["after", "taken"]


def test_a_change_of_a_value_that_a_commit_has_expired_is_no_success(database_uri: str) -> None:
    db = UnitOfWork()

    class Owner(db.Model):  # type: ignore[misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        likes = mapped_column(MutableDict.as_mutable(JSON))

    app = make_app(db, database_uri)
    held: list[Any] = []

    @app.get("/<name>")
    def change(name: str) -> Any:
        owner = db.session.get(Owner, 1)
        held.append(owner.likes)
        db.session.commit()
        (held[-1] if name == "expired" else owner.likes)["x"] = name
        return dict(owner.likes)

    with app.app_context():
        db.create_all()
        db.session.add(Owner(id=1, likes={}))
        db.session.commit()
    http = app.test_client()
    app.testing = False
    assert http.get("/expired").status_code == 500
    assert http.get("/anew").json == {"x": "anew"}
    assert http.get("/expired").status_code == 500
    with app.app_context():
        assert db.session.get(Owner, 1).likes == {"x": "anew"}
    dispose(db, app)
