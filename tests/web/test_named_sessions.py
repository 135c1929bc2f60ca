"""Several Sessions of one scope: ``db.get_session(name)``."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import click
import pytest
from flask import Flask, stream_with_context

from flask_uow import (
    ArgumentError,
    ConfigurationError,
    ForeignKey,
    IntegrityError,
    InvalidRequestError,
    Mapped,
    Session,
    SessionExtension,
    UnitOfWork,
    mapped_column,
    signals,
)
from tests.web.apps import dispose, make_app, make_db, saved_texts
from tests.web.test_retry import conflict


def add(session: Session, db: Any, *texts: str) -> None:
    session.add_all([db.Note(text=text) for text in texts])


@pytest.fixture
def both(flask_app: Flask, db: Any) -> Flask:
    """An app whose view /<status> adds a note through db.session and one through another Session."""

    @flask_app.post("/both/<int:status>")
    def both(status: int) -> tuple[str, int]:
        add(db.session, db, "usual")
        add(db.get_session("batch"), db, "batch")
        return "", status

    return flask_app


def test_without_a_name_it_is_the_session_of_the_extension(flask_app: Flask, db: UnitOfWork) -> None:
    with flask_app.app_context():
        assert db.get_session() is db.get_session("default") is db.session()


def test_a_name_gives_one_session_a_scope(flask_app: Flask, db: UnitOfWork) -> None:
    with flask_app.app_context():
        batch = db.get_session("batch")
        assert batch is db.get_session("batch")
        assert len({id(batch), id(db.session()), id(db.get_session("other"))}) == 3
        with flask_app.app_context():
            assert db.get_session("batch") is not batch
        with db.unit_of_work():
            assert db.get_session("batch") is not batch
        with flask_app.test_request_context():
            assert db.get_session("batch") is not batch
        assert db.get_session("batch") is batch
    with flask_app.app_context():
        assert db.get_session("batch") is not batch


@pytest.mark.parametrize("name", ["", None, 3, ("batch",)])
def test_what_is_no_name_is_refused(flask_app: Flask, db: Any, name: object) -> None:
    with flask_app.app_context(), pytest.raises(ArgumentError, match="name of a Session"):
        db.get_session(name)


def test_outside_of_a_scope_there_is_none(flask_app: Flask, db: UnitOfWork) -> None:
    with pytest.raises(InvalidRequestError, match=r"get_session\(\) was used outside of any scope"):
        db.get_session("batch")


# -- how they end


def test_all_are_committed_when_the_request_ends_well(both: Flask, db: UnitOfWork) -> None:
    assert both.test_client().post("/both/200").status_code == 200
    assert saved_texts(db, both) == ["batch", "usual"]


def test_all_are_rolled_back_when_it_ends_badly(both: Flask, db: UnitOfWork) -> None:
    assert both.test_client().post("/both/400").status_code == 400
    assert saved_texts(db, both) == []


def test_a_named_session_alone_is_committed(flask_app: Flask, db: UnitOfWork) -> None:
    with flask_app.app_context():
        add(db.get_session("batch"), db, "alone")
    assert saved_texts(db, flask_app) == ["alone"]


@pytest.mark.parametrize("bad", ["usual", "batch", "third"])
def test_where_one_cannot_be_flushed_none_is_saved(flask_app: Flask, db: UnitOfWork, bad: str) -> None:
    with flask_app.app_context():
        add(db.session, db, "taken")

    @flask_app.post("/")
    def view() -> str:
        sessions: dict[str, Any] = {
            "usual": db.session,
            "batch": db.get_session("batch"),
            "third": db.get_session("third"),
        }
        for name, session in sessions.items():
            add(session, db, "taken" if name == bad else name)
        return ""

    assert flask_app.test_client().post("/").status_code == 500
    assert saved_texts(db, flask_app) == ["taken"]


def test_sessions_that_save_the_same_unique_value_are_an_error_and_do_not_wait_for_each_other(
    flask_app: Flask, db: UnitOfWork
) -> None:
    with pytest.raises(IntegrityError), flask_app.app_context():
        add(db.get_session("batch"), db, "same")
        add(db.session, db, "same")
    assert saved_texts(db, flask_app) == []


def test_one_that_has_written_before_and_one_that_has_not_are_committed_together(
    flask_app: Flask, db: UnitOfWork
) -> None:
    with flask_app.app_context():
        batch = db.get_session("batch")
        add(batch, db, "flushed")
        assert db.session.query(db.Note).count() == 0
        batch.flush()
        add(db.session, db, "pending")
    assert saved_texts(db, flask_app) == ["flushed", "pending"]


def test_one_may_be_committed_by_hand_and_the_others_rolled_back(flask_app: Flask, db: UnitOfWork) -> None:
    with pytest.raises(ZeroDivisionError), flask_app.app_context():
        add(db.session, db, "usual")
        batch = db.get_session("batch")
        add(batch, db, "by hand")
        batch.commit()
        add(batch, db, "later")
        1 / 0
    assert saved_texts(db, flask_app) == ["by hand"]


def test_rollback_at_end_is_about_all(both: Flask, db: UnitOfWork) -> None:
    both.before_request(db.rollback_at_end)
    assert both.test_client().post("/both/200").status_code == 200
    assert saved_texts(db, both) == []


def test_what_a_failed_view_has_done_through_any_of_them_is_undone_before_its_handler(
    flask_app: Flask, db: UnitOfWork
) -> None:
    @flask_app.post("/")
    def view() -> str:
        add(db.get_session("batch"), db, "view")
        raise ZeroDivisionError

    @flask_app.errorhandler(ZeroDivisionError)
    def handle(error: ZeroDivisionError) -> str:
        add(db.get_session("batch"), db, "handler")
        return ""

    assert flask_app.test_client().post("/").status_code == 200
    assert saved_texts(db, flask_app) == ["handler"]


def test_all_are_closed_with_the_scope(flask_app: Flask, db: UnitOfWork) -> None:
    with flask_app.test_request_context():
        batch = db.get_session("batch")
        note = batch.merge(db.Note(text="kept"))
        batch.flush()
    assert db.engine.pool.checked_out() == 0
    assert note.text == "kept"
    with pytest.raises(InvalidRequestError, match="has ended"):
        batch.add(note)


def test_a_command_commits_all_or_none(flask_app: Flask, db: UnitOfWork) -> None:
    @flask_app.cli.command("work")
    @click.argument("code", type=int)
    def work(code: int) -> None:
        add(db.session, db, f"usual {code}")
        add(db.get_session("batch"), db, f"batch {code}")
        click.get_current_context().exit(code)

    runner = flask_app.test_cli_runner()
    assert runner.invoke(args=["work", "0"]).exit_code == 0
    assert runner.invoke(args=["work", "3"]).exit_code == 3
    assert saved_texts(db, flask_app) == ["batch 0", "usual 0"]


def test_a_unit_of_work_that_only_reads_has_no_session_that_writes(flask_app: Flask, db: UnitOfWork) -> None:
    with flask_app.app_context(), pytest.raises(Exception, match=r"read.?only"), db.unit_of_work(read_only=True):
        add(db.get_session("batch"), db, "x")
    assert saved_texts(db, flask_app) == []


def test_a_streamed_body_may_use_them(flask_app: Flask, db: UnitOfWork) -> None:
    @flask_app.get("/")
    def view() -> Any:
        batch = db.get_session("batch")
        add(batch, db, "before")

        def body() -> Iterator[str]:
            yield db.get_session("batch").query(db.Note).one().text
            add(db.get_session("batch"), db, "in the body")

        return flask_app.response_class(stream_with_context(body()))

    assert flask_app.test_client().get("/").text == "before"
    assert saved_texts(db, flask_app) == ["before", "in the body"]


def test_a_request_that_is_dispatched_again_begins_with_new_ones(db: UnitOfWork, database_uri: str) -> None:
    app = make_app(db, database_uri, UOW_RETRY_ATTEMPTS=2)
    seen: list[Session] = []

    @app.post("/")
    def view() -> str:
        batch = db.get_session("batch")
        seen.append(batch)
        add(batch, db, f"attempt {len(seen)}")
        batch.flush()
        if len(seen) == 1:
            raise conflict()
        return ""

    assert app.test_client().post("/").status_code == 200
    assert len(set(map(id, seen))) == 2
    assert saved_texts(db, app) == ["attempt 2"]
    dispose(db, app)


def test_a_transactional_view_commits_all_inside_of_its_decorator(flask_app: Flask, db: UnitOfWork) -> None:
    @flask_app.post("/<int:status>")
    @db.transactional
    def view(status: int) -> tuple[str, int]:
        add(db.session, db, f"usual {status}")
        add(db.get_session("batch"), db, f"batch {status}")
        return "", status

    assert flask_app.test_client().post("/200").status_code == 200
    assert flask_app.test_client().post("/400").status_code == 400
    assert saved_texts(db, flask_app) == ["batch 200", "usual 200"]


def test_drop_all_does_not_wait_for_one_of_them(flask_app: Flask, db: UnitOfWork) -> None:
    with flask_app.app_context():
        batch = db.get_session("batch")
        add(batch, db, "x")
        batch.flush()
        with pytest.raises(InvalidRequestError, match=r"db\.get_session\('batch'\) is in a transaction"):
            db.drop_all()
        batch.rollback()
        db.drop_all()


def test_inside_of_a_transaction_for_tests_all_are_rolled_back_later(both: Flask, db: UnitOfWork) -> None:
    with db.engine.rolled_back():
        assert both.test_client().post("/both/400").status_code == 400
        assert saved_texts(db, both) == []
        assert both.test_client().post("/both/200").status_code == 200
        assert saved_texts(db, both) == ["batch", "usual"]
    assert saved_texts(db, both) == []


# -- who is told


def test_callbacks_run_once_all_are_committed(flask_app: Flask, db: UnitOfWork) -> None:
    seen: list[list[str]] = []
    with flask_app.app_context():
        db.after_commit(lambda: seen.append(saved_texts(db, flask_app)))
        add(db.session, db, "usual")
        add(db.get_session("batch"), db, "batch")
    assert seen == [["batch", "usual"]]


def test_callbacks_are_dropped_when_one_refuses(flask_app: Flask, db: UnitOfWork) -> None:
    seen: list[str] = []
    with pytest.raises(IntegrityError), flask_app.app_context():
        db.after_commit(lambda: seen.append("called"))
        add(db.session, db, "usual")
        add(db.get_session("batch"), db, "same", "same")
    assert seen == []


@pytest.mark.parametrize("name", ["batch", "opened in the callback"])
def test_what_a_callback_changes_through_any_of_them_is_not_saved_and_told(
    flask_app: Flask, db: UnitOfWork, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    with flask_app.app_context():
        add(db.get_session("batch"), db, "batch")
        db.after_commit(lambda: add(db.get_session(name), db, "too late"))
    assert saved_texts(db, flask_app) == ["batch"]
    assert "are not saved: <Note" in caplog.text


def test_a_session_that_a_callback_opens_can_write_when_the_callback_is_over(flask_app: Flask, db: UnitOfWork) -> None:
    with flask_app.app_context():
        db.after_commit(lambda: add(db.get_session("batch"), db, "too late"))
        db.session.commit()
        add(db.get_session("batch"), db, "after it")
    assert saved_texts(db, flask_app) == ["after it"]


def test_a_commit_by_hand_calls_what_waits_for_that_session_and_leaves_the_others_as_they_are(
    flask_app: Flask, db: UnitOfWork
) -> None:
    seen: list[list[str]] = []
    with flask_app.app_context():
        add(db.get_session("batch"), db, "batch")
        db.after_commit(lambda: seen.append(saved_texts(db, flask_app)))
        db.session.commit()
    assert seen == [[]]
    assert saved_texts(db, flask_app) == ["batch"]


def test_what_a_callback_flushes_through_any_of_them_is_refused(
    flask_app: Flask, db: UnitOfWork, caplog: pytest.LogCaptureFixture
) -> None:
    def callback() -> None:
        add(db.get_session("batch"), db, "too late")
        db.get_session("batch").flush()

    with flask_app.app_context():
        add(db.get_session("batch"), db, "batch")
        db.after_commit(callback)
    assert saved_texts(db, flask_app) == ["batch"]
    assert "An after-commit callback failed" in caplog.text


def test_signals_are_sent_for_each_when_all_are_committed(both: Flask, db: UnitOfWork) -> None:
    seen: list[tuple[str, int]] = []

    def count() -> int:
        with db.engine.connect() as connection:
            return len(connection.execute("SELECT text FROM note").all())

    def before(sender: Flask, session: Session, **extra: Any) -> None:
        seen.append(("before", count()))

    def after(sender: Flask, session: Session, **extra: Any) -> None:
        seen.append(("after", count()))

    with signals.before_commit.connected_to(before, both), signals.after_commit.connected_to(after, both):
        both.test_client().post("/both/200")
    assert seen == [("before", 0), ("before", 0), ("after", 2), ("after", 2)]


@pytest.mark.parametrize("uses_both", [True, False])
def test_a_receiver_may_add_work_to_another_session(flask_app: Flask, db: UnitOfWork, uses_both: bool) -> None:
    def audit(sender: Flask, session: Session, **extra: Any) -> None:
        if session is not db.get_session("audit") and not session.info.get("seen"):
            session.info["seen"] = True
            add(db.get_session("audit"), db, "audited")
            db.session.add(db.Note(text="by the receiver"))

    with signals.before_commit.connected_to(audit, flask_app), flask_app.app_context():
        if uses_both:
            add(db.get_session("audit"), db, "before")
        add(db.session, db, "usual")
    assert saved_texts(db, flask_app) == [
        "audited",
        *(["before"] if uses_both else []),
        "by the receiver",
        "usual",
    ]


def test_a_hook_of_a_session_may_use_another_one(db: Any, database_uri: str) -> None:
    class Audit(SessionExtension):
        def before_commit(self, session: Any) -> None:
            if session is not db.get_session("audit"):
                add(db.get_session("audit"), db, "audited")

    app = make_app(db, database_uri, UOW_SESSION_OPTIONS={"extension": Audit()})
    with app.app_context():
        add(db.session, db, "usual")
    with app.app_context():
        assert {note.text for note in db.session.query(db.Note)} == {"usual", "audited"}
        db.rollback_at_end()
    dispose(db, app)


# -- several databases


def books_app(database_uri: str, second_database_uri: str, **config: Any) -> tuple[Any, Flask]:
    db: Any = UnitOfWork()

    class Shelf(db.Model):  # type: ignore[misc]
        id: Mapped[int] = mapped_column(primary_key=True)

    class Book(db.Model):  # type: ignore[misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        shelf_id: Mapped[int] = mapped_column(ForeignKey("shelf.id", deferrable=True, initially="DEFERRED"))

    class Entry(db.Model):  # type: ignore[misc]
        __bind_key__ = "audit"
        id: Mapped[int] = mapped_column(primary_key=True)

    db.Shelf, db.Book, db.Entry = Shelf, Book, Entry
    return db, make_app(db, database_uri, UOW_BINDS={"audit": second_database_uri}, **config)


def counts(db: Any, app: Flask) -> tuple[int, int]:
    with app.app_context():
        return db.session.query(db.Book).count(), db.session.query(db.Entry).count()


@pytest.mark.parametrize("entry_first", [True, False])
def test_with_two_phase_commit_nothing_is_saved_when_a_commit_refuses(
    postgresql_uri: str, second_database_uri: str, entry_first: bool
) -> None:
    # (the other bind cannot prepare where it is SQLite; one such may take part)
    db, app = books_app(postgresql_uri, second_database_uri, UOW_TWOPHASE=True)
    entries, books = ("default", "batch") if entry_first else ("batch", "default")
    with pytest.raises(IntegrityError), app.app_context():
        db.get_session(entries).add(db.Entry())
        db.get_session(books).add(db.Book(shelf_id=5))
    assert counts(db, app) == (0, 0)
    dispose(db, app)


def test_with_two_phase_commit_all_is_saved(database_uri: str, second_database_uri: str) -> None:
    db, app = books_app(database_uri, second_database_uri, UOW_TWOPHASE=True)
    with app.app_context():
        db.get_session("batch").add(db.Shelf(id=1))
        db.session.add(db.Book(shelf_id=1))
        db.get_session("third").add(db.Shelf(id=2))
    assert counts(db, app)[0] == 1
    dispose(db, app)


def test_transactions_of_two_sessions_on_one_server_are_committed_as_one(postgresql_uri: str) -> None:
    db, app = books_app(postgresql_uri, "sqlite://", UOW_TWOPHASE=True)
    with app.app_context():
        batch = db.get_session("batch")
        for session in (db.session, batch):
            session.add(db.Shelf())
            session.flush()
    with pytest.raises(IntegrityError), app.app_context():
        batch = db.get_session("batch")
        batch.add(db.Book(shelf_id=9))
        batch.flush()
        db.session.add(db.Shelf())
        db.session.flush()
    with app.app_context():
        assert (db.session.query(db.Shelf).count(), db.session.query(db.Book).count()) == (2, 0)
    dispose(db, app)


def test_without_two_phase_commit_a_late_refusal_is_logged_and_the_client_told(
    database_uri: str, second_database_uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    db, app = books_app(database_uri, second_database_uri)
    called: list[str] = []

    @app.post("/")
    def view() -> str:
        db.session.add(db.Entry())
        db.get_session("batch").add(db.Book(shelf_id=5))
        db.after_commit(lambda: called.append("called"))
        return ""

    with caplog.at_level(logging.CRITICAL):
        assert app.test_client().post("/").status_code == 500
    assert "was committed in part" in caplog.text
    assert counts(db, app) == (0, 1)
    assert called == []
    dispose(db, app)


# -- options


def test_options_are_those_of_all_sessions_and_those_of_the_name(database_uri: str) -> None:
    db: Any = make_db(sessions={"batch": {"autoflush": False}, "report": {"info": {"who": "code"}}})
    app = make_app(
        db,
        database_uri,
        UOW_SESSION_OPTIONS={"expire_on_commit": False},
        UOW_SESSIONS={"report": {"expire_on_commit": True}},
    )
    with app.app_context():
        assert db.session().autoflush
        assert not db.get_session("batch").autoflush
        assert not db.get_session("batch").expire_on_commit
        assert db.get_session("report").expire_on_commit
        assert not db.get_session("other").expire_on_commit
    dispose(db, app)


def test_a_session_of_a_name_may_have_a_class_and_a_database_of_its_own(
    database_uri: str, second_database_uri: str
) -> None:
    class Batch(Session):
        def greet(self) -> str:
            return "hello"

    db: Any = make_db(sessions={"batch": {"class_": Batch}})
    app = make_app(
        db,
        database_uri,
        UOW_BINDS={"copy": second_database_uri},
        UOW_SESSIONS={"copy": {"binds": {db.Note: "copy"}}},
    )
    with app.app_context():
        db.Note.__table__.create(db.engines["copy"])
        assert db.get_session("batch").greet() == "hello"
        add(db.session, db, "usual")
        add(db.get_session("copy"), db, "copied")
    with app.app_context():
        assert db.session.query(db.Note.text).scalar() == "usual"
        assert db.get_session("copy").query(db.Note.text).scalar() == "copied"
    dispose(db, app)


@pytest.mark.parametrize(
    ("sessions", "words"),
    [
        ({"default": {}}, r"UOW_SESSIONS'\]\['default'\].*db.session"),
        ({"": {}}, "the name of a Session is a string"),
        ({3: {}}, "the name of a Session is a string"),
        ({"batch": 3}, "a dict of options"),
        ({"batch": {"autoflsh": False}}, r"\['batch'\] has 'autoflsh'.*Did you mean 'autoflush'"),
        ({"batch": {"autoflush": "no"}}, "True or False"),
        ({"batch": {"binds": {"nowhere": "x"}}}, "UOW_SESSIONS"),
        ([], "UOW_SESSIONS"),
    ],
)
def test_wrong_options_are_an_error_that_names_the_place(sessions: object, words: str) -> None:
    app = Flask("wrong")
    app.config.update(UOW_DATABASE_URI="sqlite://", UOW_SESSIONS=sessions)
    with pytest.raises(ConfigurationError, match=words):
        UnitOfWork(app)


def test_options_given_as_an_argument_are_named_as_such() -> None:
    app = Flask("wrong")
    app.config.update(UOW_DATABASE_URI="sqlite://")
    with pytest.raises(ConfigurationError, match=r"UnitOfWork\(sessions=\.\.\.\)\['batch'\] has 'x'"):
        UnitOfWork(app, sessions={"batch": {"x": 1}})
