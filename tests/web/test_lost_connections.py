"""A connection that is lost in the middle of a request: nothing leaks, and the client is told the truth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from flask_uow import UnitOfWork
from tests.postgresql import execute
from tests.web.apps import add_note, dispose, make_app, make_db, saved_texts


@pytest.fixture
def served(postgresql_uri: str) -> Iterator[tuple[UnitOfWork, Flask]]:
    """An app whose view writes, has its connection killed by the server, and answers with the status of the path."""
    db = make_db()
    app = make_app(db, postgresql_uri)

    @app.post("/lost/<int:status>")
    def lose(status: int) -> Any:
        add_note(db, "lost")
        pid = db.session.scalar("SELECT pg_backend_pid()")
        execute(postgresql_uri, f"SELECT pg_terminate_backend({int(pid)}, 5000)")
        return "", status

    @app.post("/saved")
    def save() -> Any:
        add_note(db, "saved")
        return ""

    yield db, app
    dispose(db, app)


@pytest.mark.parametrize(("status", "expected"), [(409, 409), (200, 500)])
def test_a_rollback_or_commit_on_a_lost_connection_leaks_nothing_and_the_next_request_works(
    served: tuple[UnitOfWork, Flask], status: int, expected: int
) -> None:
    db, app = served
    client = app.test_client()
    assert client.post(f"/lost/{status}").status_code == expected
    with app.app_context():
        assert db.engine.pool.checked_out() == 0
    assert client.post("/saved").status_code == 200
    assert saved_texts(db, app) == ["saved"]
