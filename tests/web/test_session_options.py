"""The class and the engines of an app's Sessions, as its session options name them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask

from flask_uow import (
    ConfigurationError,
    InvalidRequestError,
    Mapped,
    Session,
    SessionExtension,
    UnitOfWork,
    mapped_column,
    signals,
)
from tests.web.apps import add_note, dispose, make_app, make_db, saved_texts


class Counted(Session):
    """A Session that counts what was committed with it."""

    commits_asked = 0

    def greet(self) -> str:
        return "hello"

    def commit(self) -> None:
        self.commits_asked += 1
        super().commit()


class Placed(Session):
    """A Session that sends everything to one database."""

    def get_bind(self, mapper: Any = None, clause: Any = None, **kw: Any) -> Any:
        from_key: Any = self.binds_asked.append(mapper) or super().get_bind(mapper, clause, **kw)  # type: ignore[func-returns-value]
        return from_key

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.binds_asked: list[Any] = []


class Strange(Session):
    """A Session that cannot be made as an app makes it."""

    def __init__(self) -> None:
        super().__init__()


@contextmanager
def _in_app(db: UnitOfWork, database_uri: str, **config: Any) -> Iterator[Flask]:
    app = make_app(db, database_uri, **config)
    with app.app_context():
        yield app
    dispose(db, app)


@pytest.mark.parametrize("by_config", [False, True])
def test_sessions_are_of_the_class_that_the_options_name(database_uri: str, by_config: bool) -> None:
    options = {"class_": Counted, "autoflush": False}
    db = make_db(session_options=None if by_config else options)
    with _in_app(db, database_uri, **({"UOW_SESSION_OPTIONS": options} if by_config else {})):
        session: Any = db.session()
        assert isinstance(session, Counted)
        assert (session.greet(), session.autoflush) == ("hello", False)
        note = add_note(db, "a")
        db.session.commit()
        assert session.commits_asked == 1
        assert db.session.get(type(note), note.id) is note
        with db.unit_of_work() as unit:
            assert isinstance(unit, Counted)
            assert unit is not session


def test_such_a_session_is_that_of_the_request_in_all_it_does(database_uri: str) -> None:
    db = make_db(session_options={"class_": Counted})
    app = make_app(db, database_uri)
    heard: list[Any] = []
    mails: list[str] = []

    @app.post("/notes")
    def make_note() -> str:
        add_note(db, "a")
        db.after_commit(lambda: mails.append("mail"))
        return ""

    @app.post("/bad")
    def make_bad() -> tuple[str, int]:
        add_note(db, "b")
        return "", 400

    with signals.after_commit.connected_to(lambda sender, session, **more: heard.append(session.greet()), sender=app):
        assert app.test_client().post("/notes").status_code == 200
        assert app.test_client().post("/bad").status_code == 400
    assert (heard, mails, saved_texts(db, app)) == (["hello"], ["mail"], ["a"])
    dispose(db, app)


def test_such_a_session_is_still_one_when_its_scope_has_ended_and_refuses_work(database_uri: str) -> None:
    db = make_db(session_options={"class_": Counted})
    with _in_app(db, database_uri):
        with db.unit_of_work() as unit:
            unit.add(db.Note(text="a"))  # type: ignore[attr-defined]
        ended: Any = unit
        assert isinstance(ended, Counted)
        assert ended.greet() == "hello"
        with pytest.raises(InvalidRequestError, match="has ended"):
            ended.commit()


def test_such_a_class_may_choose_engines_and_have_a_constructor(database_uri: str) -> None:
    db = make_db(session_options={"class_": Placed})
    with _in_app(db, database_uri):
        add_note(db, "a")
        db.session.commit()
        session: Any = db.session()
        assert session.binds_asked


def test_a_class_that_cannot_be_made_is_refused_at_init_app(database_uri: str) -> None:
    with pytest.raises(ConfigurationError, match=r"UOW_SESSION_OPTIONS.*does not fit the Session"):
        make_app(make_db(session_options={"class_": Strange}), database_uri, create=False)


@pytest.mark.parametrize("target", ["class", "table"])
@pytest.mark.parametrize("by_engine", [False, True])
def test_a_class_or_table_may_have_its_own_engine(
    database_uri: str, second_database_uri: str, target: str, by_engine: bool
) -> None:
    db = make_db()

    class Log(db.Model):  # type: ignore[misc, name-defined]
        id: Mapped[int] = mapped_column(primary_key=True)

    engine = db.create_engine(second_database_uri)
    binds = {Log if target == "class" else Log.__table__: engine if by_engine else "audit"}
    config = {"UOW_BINDS": {"audit": second_database_uri}, "UOW_SESSION_OPTIONS": {"binds": binds}}
    with _in_app(db, database_uri, **config):
        Log.__table__.create(engine, checkfirst=True)
        add_note(db, "a")
        db.session.add(Log(id=5))
        db.session.commit()
        with engine.connect() as connection:
            assert connection.execute(Log.__table__.select()).all() == [(5,)]
        with db.engine.connect() as connection:
            assert connection.execute(Log.__table__.select()).all() == []
        Log.__table__.drop(engine)
    engine.dispose()


class Hearing(SessionExtension):
    """Notes each flush."""

    def __init__(self) -> None:
        self.flushes = 0

    def before_flush(self, session: Any, flush_context: Any, instances: Any) -> None:
        self.flushes += 1


def test_an_extension_among_the_options_is_that_of_each_session_unless_one_is_made_with_another(
    database_uri: str,
) -> None:
    usual, other = Hearing(), Hearing()
    db = make_db(session_options={"extension": usual})
    with _in_app(db, database_uri) as app:
        for options in ({}, {"autoflush": False}, {"extension": [other]}):
            with app.app_context():
                db.session(**options)
                add_note(db, f"with {sorted(options)}")
        assert (usual.flushes, other.flushes) == (2, 1)
        with db.unit_of_work():
            add_note(db, "in a unit")
        assert usual.flushes == 3
