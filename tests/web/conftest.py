"""Fixtures of the web tests.

The app fixture is called ``flask_app``: pytest-flask keeps a request context pushed around every test that uses one
called ``app``, which is a case of its own (test_pytest_flask.py).
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from flask_uow import UnitOfWork
from tests.web.apps import dispose, make_app, make_db


@pytest.fixture
def db() -> UnitOfWork:
    """An extension with the model ``db.Note``."""
    return make_db()


@pytest.fixture
def flask_app(db: UnitOfWork, database_uri: str) -> Iterator[Flask]:
    """An app with ``db`` and its tables."""
    app = make_app(db, database_uri)
    yield app
    dispose(db, app)


@pytest.fixture
def http(flask_app: Flask) -> FlaskClient:
    """A test client of ``flask_app``."""
    return flask_app.test_client()
