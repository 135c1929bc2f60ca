"""A request that works with several databases: commits one after the other, or in two phases where the Session is told so."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from flask_uow import ConfigurationError, Mapped, UnitOfWork, exc, func, mapped_column, select
from tests.web.apps import add_note, dispose, make_app, make_db, saved_texts


def make_two_binds(uri: str, second_uri: str, **config: Any) -> tuple[UnitOfWork, Flask]:
    db = make_db()

    class Entry(db.Model):  # type: ignore[misc, name-defined]
        __bind_key__ = "audit"
        id: Mapped[int] = mapped_column(primary_key=True)
        text: Mapped[str] = mapped_column(unique=True)

    db.Entry = Entry  # type: ignore[attr-defined]
    return db, make_app(db, uri, UOW_BINDS={"audit": second_uri}, **config)


@pytest.fixture
def two(database_uri: str, second_database_uri: str) -> Iterator[tuple[UnitOfWork, Flask]]:
    db, app = make_two_binds(database_uri, second_database_uri)
    yield db, app
    dispose(db, app)


def entries(db: UnitOfWork, app: Flask) -> list[str]:
    with app.app_context():
        return [entry.text for entry in db.session.query(db.Entry).order_by(db.Entry.id)]  # type: ignore[attr-defined]


def write_to_both(db: UnitOfWork, mails: list[str], refuse: bool) -> None:
    add_note(db, "note")
    db.session.flush()
    db.session.add(db.Entry(text="entry"))  # type: ignore[attr-defined]
    db.session.flush()
    db.after_commit(lambda: mails.append("mail"))
    if refuse:
        audit = db.session.connection(db.Entry)  # type: ignore[attr-defined]
        # whatever the database: the second COMMIT meets a connection that is gone
        audit._record.raw.close()


def test_after_commit_runs_when_all_binds_have_committed(two: tuple[UnitOfWork, Flask]) -> None:
    db, app = two
    mails: list[str] = []
    app.add_url_rule("/", "view", lambda: write_to_both(db, mails, False) or "", methods=["POST"])
    assert app.test_client().post("/").status_code == 200
    assert (mails, saved_texts(db, app), entries(db, app)) == (["mail"], ["note"], ["entry"])


def test_when_the_second_bind_refuses_the_client_and_the_log_are_told_and_no_callback_runs(
    two: tuple[UnitOfWork, Flask], caplog: pytest.LogCaptureFixture
) -> None:
    db, app = two
    mails: list[str] = []
    app.add_url_rule("/", "view", lambda: write_to_both(db, mails, True) or "", methods=["POST"])
    with caplog.at_level(logging.CRITICAL):
        assert app.test_client().post("/").status_code == 500
    assert (mails, saved_texts(db, app), entries(db, app)) == ([], ["note"], [])
    (message,) = [record.getMessage() for record in caplog.records if record.levelno == logging.CRITICAL]
    assert "committed in part" in message


def test_a_request_that_fails_is_rolled_back_on_all_binds(two: tuple[UnitOfWork, Flask]) -> None:
    db, app = two

    @app.post("/")
    def view() -> Any:
        write_to_both(db, [], False)
        return "", 409

    assert app.test_client().post("/").status_code == 409
    assert (saved_texts(db, app), entries(db, app)) == ([], [])


def test_with_two_phase_commit_after_commit_runs_after_the_decision(
    postgresql_uri: str, second_postgresql_uri: str
) -> None:
    db, app = make_two_binds(postgresql_uri, second_postgresql_uri)
    sent: list[str] = []
    with app.app_context():
        for engine in db.engines.values():
            engine.listeners.after_execute.append(lambda event: sent.append(event.statement.partition("'")[0].strip()))

    @app.post("/")
    def view() -> str:
        db.session(twophase=True)
        write_to_both(db, sent, False)
        return ""

    assert app.test_client().post("/").status_code == 200
    ends = [statement for statement in sent if "PREPARE" in statement or statement == "mail"]
    assert ends == ["PREPARE TRANSACTION", "COMMIT PREPARED", "mail"]
    dispose(db, app)


def test_a_missing_driver_is_a_configuration_error_that_names_the_key_and_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError("No module named 'psycopg2'", name="psycopg2")

    monkeypatch.setattr("flask_uow.engine.engine.importlib.import_module", missing)
    with pytest.raises(ConfigurationError, match=r"UOW_DATABASE_URI.*psycopg2-binary") as caught:
        make_two_binds("postgresql://ed:hunter2@localhost/x", "postgresql://ed:hunter2@localhost/x")
    assert "hunter2" not in str(caught.value)


def test_a_unit_limited_to_other_databases_says_how_to_reach_the_one_that_it_lacks() -> None:
    db = make_db()
    app = Flask(__name__)
    app.config.update(UOW_DATABASE_URI="sqlite://", UOW_BINDS={"audit": "sqlite://"})
    db.init_app(app)
    with (
        app.app_context(),
        db.unit_of_work(binds=["audit"]) as session,
        pytest.raises(exc.UnboundExecutionError, match=r"given those of 'audit' only. Add None"),
    ):
        session.query(db.Note).all()  # type: ignore[attr-defined]


def test_an_unknown_key_of_engines_is_a_keyerror_that_names_those_there_are() -> None:
    db = make_db()
    app = Flask(__name__)
    app.config.update(UOW_DATABASE_URI="sqlite://", UOW_BINDS={"audit": "sqlite://"})
    db.init_app(app)
    with app.app_context():
        with pytest.raises(KeyError, match=r"the app has no bind 'audti'. Did you mean 'audit'\?"):
            db.engines["audti"]
        assert db.engines.get("audti") is None


# -- a statement goes to one database

ACROSS: dict[str, Any] = {
    "query": lambda db: db.session.query(db.Note, db.Entry).all(),
    "select": lambda db: db.session.execute(select(db.Note).where(db.Note.id == db.Entry.id)),
    "the other first": lambda db: db.session.query(db.Entry, db.Note).all(),
    "subquery": lambda db: db.session.query(db.Note).filter(db.Note.id.in_(select(db.Entry.id))).all(),
    "update": lambda db: (
        db.session.query(db.Note).filter(select(db.Entry.id).exists()).update({"text": "x"}, synchronize_session=False)
    ),
    "text": lambda db: db.session.execute("SELECT * FROM entry"),
    "connection": lambda db: db.session.connection(db.Entry).execute("SELECT * FROM note"),
}


@pytest.mark.parametrize("use", ACROSS)
def test_a_statement_across_two_databases_is_an_error_that_names_the_other_bind(
    two: tuple[UnitOfWork, Flask], use: str
) -> None:
    db, _ = two
    with db.unit_of_work(), pytest.raises(exc.DBAPIError, match="one database") as caught:
        try:
            ACROSS[use](db)
        finally:
            db.session.rollback()
    assert "bind 'audit'" in str(caught.value)
    assert "create" not in str(caught.value)


def test_sql_text_goes_to_the_database_of_the_model_that_is_named(two: tuple[UnitOfWork, Flask]) -> None:
    db, app = two
    with app.app_context():
        db.session.add(db.Entry(text="a"))  # type: ignore[attr-defined]
        db.session.flush()
        assert db.session.scalar(select(func.count()).select_from(db.Entry)) == 1  # type: ignore[attr-defined]
        assert db.session.execute("SELECT text FROM entry", mapper=db.Entry).all() == [("a",)]  # type: ignore[attr-defined]


def test_a_table_that_no_bind_knows_is_told_as_ever(two: tuple[UnitOfWork, Flask]) -> None:
    db, app = two
    with pytest.raises(exc.DBAPIError, match="create-all"), app.app_context():
        db.session.execute("SELECT * FROM nowhere")


def test_a_column_that_the_table_lacks_is_told_with_the_way_to_add_it(two: tuple[UnitOfWork, Flask]) -> None:
    db, app = two
    with app.app_context():
        db.session.execute("ALTER TABLE note DROP COLUMN text" if db.engine.name == "postgresql" else "DROP TABLE note")
        if db.engine.name == "sqlite":
            db.session.execute("CREATE TABLE note (id INTEGER PRIMARY KEY)")
        db.session.commit()
        for use in (lambda: db.session.query(db.Note).all(), lambda: (add_note(db, "a"), db.session.flush())):  # type: ignore[attr-defined]
            with pytest.raises(exc.DBAPIError, match="ALTER TABLE"):
                use()
            db.session.rollback()
