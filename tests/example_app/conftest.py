"""The example application, with pytest-flask's ``client``, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from example_app import create_app, db


@pytest.fixture
def app(database_uri: str, tmp_path: Path) -> Iterator[Flask]:
    app = create_app(
        {
            "TESTING": False,
            "UOW_DATABASE_URI": database_uri,
            "UOW_BINDS": {"audit": f"sqlite:///{tmp_path / 'audit.db'}"},
        }
    )
    yield app
    with app.app_context():
        engines = list(db.engines.values())
    for engine in engines:
        assert engine.pool.checked_out() == 0
        engine.dispose()
