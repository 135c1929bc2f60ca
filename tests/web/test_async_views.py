"""Async views: Flask runs them in another thread, and they are in their request's scope all the same."""

from __future__ import annotations

import threading
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from flask_uow import UnitOfWork
from tests.web.apps import add_note, saved_texts


def test_an_async_view_has_the_session_of_its_request_in_whichever_thread(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    seen: list[tuple[int, int]] = []

    def look() -> None:
        seen.append((threading.get_ident(), db.scope_id()))

    @flask_app.before_request
    def before() -> None:
        look()
        add_note(db, "before")
        db.session.flush()  # the connection is opened in this thread, and used in the other one

    @flask_app.post("/")
    async def view() -> Any:
        look()
        assert db.session.query(db.Note).count() == 1  # type: ignore[attr-defined]
        add_note(db, "view")
        return "", 201

    assert http.post("/").status_code == 201
    (first, scope), (second, same_scope) = seen
    assert first != second
    assert scope == same_scope
    assert saved_texts(db, flask_app) == ["before", "view"]


def test_an_async_view_that_raises_is_rolled_back(db: UnitOfWork, flask_app: Flask, http: FlaskClient) -> None:
    @flask_app.post("/")
    async def view() -> Any:
        add_note(db, "a")
        db.session.flush()
        raise LookupError

    assert http.post("/").status_code == 500
    assert saved_texts(db, flask_app) == []


def test_a_unit_of_work_inside_an_async_view_is_its_own(db: UnitOfWork, flask_app: Flask, http: FlaskClient) -> None:
    @flask_app.post("/")
    async def view() -> Any:
        with db.unit_of_work():
            add_note(db, "block")
        add_note(db, "view")
        return "", 400

    assert http.post("/").status_code == 400
    assert saved_texts(db, flask_app) == ["block"]
