"""The models and the app that the tests of the web layer share."""

from __future__ import annotations

from typing import Any

from flask import Flask

from flask_uow import Mapped, UnitOfWork, mapped_column, select


def make_db(**options: Any) -> UnitOfWork:
    """Return an extension with one model, ``db.Model.Note`` (also ``db.Note``): id, text (unique)."""
    db = UnitOfWork(**options)

    class Note(db.Model):  # type: ignore[misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        text: Mapped[str] = mapped_column(unique=True)

    db.Note = Note  # type: ignore[attr-defined]
    return db


def make_app(db: UnitOfWork, database_uri: str, *, create: bool = True, **config: Any) -> Flask:
    """Return an app on ``database_uri`` with the tables of ``db``; errors become responses, as in production."""
    app = Flask(__name__)
    app.config.update(UOW_DATABASE_URI=database_uri, SECRET_KEY="tests", PROPAGATE_EXCEPTIONS=False, **config)
    db.init_app(app)
    if create:
        with app.app_context():
            db.create_all()
    return app


def saved_texts(db: UnitOfWork, app: Flask) -> list[str]:
    """Return what is committed, read by a Session of its own."""
    with app.app_context(), db.unit_of_work() as session:
        Note = db.Note  # type: ignore[attr-defined]
        return list(session.scalars(select(Note.text).order_by(Note.text)).all())


def add_note(db: UnitOfWork, text: str) -> Any:
    """Add a note to the current scope's Session and return it."""
    note = db.Note(text=text)  # type: ignore[attr-defined]
    db.session.add(note)
    return note


def dispose(db: UnitOfWork, app: Flask) -> None:
    """Close all connections; fail when the test left one checked out."""
    with app.app_context():
        left = {key: engine.pool.checked_out() for key, engine in db.engines.items()}
        for engine in db.engines.values():
            engine.dispose()
    assert set(left.values()) == {0}, f"connections left checked out, by bind: {left}"
