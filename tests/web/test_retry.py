"""Conflicts: ``transactional``, ``run`` and ``UOW_RETRY_ATTEMPTS`` try again, and never what lasts already."""

from __future__ import annotations

import asyncio
import io
import sqlite3
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask import (
    Flask,
    Response,
    abort,
    after_this_request,
    g,
    has_app_context,
    redirect,
    request,
    session,
    stream_with_context,
)
from flask.testing import FlaskClient
from flask.views import MethodView

from flask_uow import (
    ArgumentError,
    CommitOutcomeUnknown,
    OperationalError,
    UnboundExecutionError,
    UnitOfWork,
    exc,
    mapped_column,
    select,
    signals,
)
from flask_uow.orm import Mapped
from flask_uow.web import retry
from flask_uow.web.scope import current_scope
from tests.statements import StatementLog
from tests.web.apps import add_note, dispose, make_app, make_db, saved_texts


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_LONGEST", 0.0)


def conflict(code: str = "40001") -> OperationalError:
    """Return the error of a serialization failure, as a dialect translates it."""
    driver_error = sqlite3.OperationalError("could not serialize access")
    driver_error.pgcode = code  # type: ignore[attr-defined]
    return OperationalError("could not serialize access", "UPDATE x", (), driver_error)


class Flaky:
    """Raises a conflict the first ``failures`` times, then nothing."""

    def __init__(self, failures: int, error: Any = conflict) -> None:
        self.failures = failures
        self.error = error
        self.calls = 0

    def __call__(self) -> None:
        self.calls += 1
        if self.calls <= self.failures:
            raise self.error()


# -- transactional and run


def test_run_commits_and_returns_what_the_function_returns(db: UnitOfWork, flask_app: Flask) -> None:
    assert db.run(lambda: add_note(db, "a").text) == "a"
    assert saved_texts(db, flask_app) == ["a"]


def test_a_conflict_is_tried_again_in_a_fresh_session_with_fresh_objects(db: UnitOfWork, flask_app: Flask) -> None:
    flaky = Flaky(2)
    sessions: list[int] = []

    @db.transactional
    def work() -> None:
        sessions.append(db.scope_id())
        assert list(db.session) == []
        add_note(db, f"attempt {flaky.calls}")
        db.session.flush()
        flaky()

    work()
    assert len(set(sessions)) == 3
    assert saved_texts(db, flask_app) == ["attempt 2"]


@pytest.mark.parametrize("code", ["40001", "40P01"])
def test_serialization_failures_and_deadlocks_are_tried_again(db: UnitOfWork, flask_app: Flask, code: str) -> None:
    flaky = Flaky(1, lambda: conflict(code))
    db.run(flaky)
    assert flaky.calls == 2


def test_other_errors_are_not_tried_again(db: UnitOfWork, flask_app: Flask) -> None:
    for error in (LookupError, lambda: conflict("23505"), lambda: CommitOutcomeUnknown("lost")):
        flaky = Flaky(1, error)
        with pytest.raises(Exception):  # noqa: B017
            db.run(flaky)
        assert flaky.calls == 1


def test_when_attempts_run_out_the_last_error_is_raised_with_the_count_in_its_message(
    db: UnitOfWork, flask_app: Flask
) -> None:
    flaky = Flaky(9)
    with pytest.raises(OperationalError, match=r"could not serialize access \(tried 4 times\)"):
        db.run(flaky, attempts=4)
    assert flaky.calls == 4


@pytest.mark.parametrize("attempts", [0, -1, True, "3", 1.5])
def test_a_number_of_attempts_that_is_none_is_refused(db: UnitOfWork, flask_app: Flask, attempts: Any) -> None:
    with pytest.raises(ArgumentError, match="whole number"):
        db.transactional(attempts=attempts)


def test_something_else_than_a_function_is_refused(db: UnitOfWork) -> None:
    with pytest.raises(ArgumentError, match="Write attempts="):
        db.transactional(5)  # type: ignore[call-overload]


def test_the_error_handler_of_a_transactional_view_sees_the_last_error(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    @flask_app.post("/")
    @db.transactional(attempts=2)
    def view() -> None:
        raise conflict()

    @flask_app.errorhandler(OperationalError)
    def handle(error: OperationalError) -> Any:
        return str(error), 503

    response = http.post("/")
    assert response.status_code == 503
    assert "(tried 2 times)" in response.text


def test_an_async_function_gives_up_as_well(db: UnitOfWork, flask_app: Flask) -> None:
    flaky = Flaky(9)

    @db.transactional(attempts=2)
    async def work() -> None:
        flaky()

    with pytest.raises(OperationalError, match=r"\(tried 2 times\)"):
        asyncio.run(work())
    assert flaky.calls == 2


def test_a_view_that_returns_no_response_is_rolled_back_and_an_error(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    @flask_app.post("/")
    @db.transactional()
    def view() -> Any:
        add_note(db, "a")
        db.session.flush()

    assert http.post("/").status_code == 500
    assert saved_texts(db, flask_app) == []


def test_commit_when_decides_about_a_transactional_view_too(database_uri: str) -> None:
    db = make_db(commit_when=lambda response, error: response is not None and response.status_code == 409)
    app = make_app(db, database_uri)
    for status in (200, 409):

        @app.post(f"/{status}", endpoint=str(status))
        @db.transactional()
        def view(status: int = status) -> Any:
            add_note(db, str(status))
            return "", status

    client = app.test_client()
    client.post("/200")
    client.post("/409")
    assert saved_texts(db, app) == ["409"]
    dispose(db, app)


def test_nothing_is_tried_again_after_a_commit_of_the_attempt(db: UnitOfWork, flask_app: Flask) -> None:
    flaky = Flaky(1)

    def work() -> None:
        add_note(db, "once")
        db.session.commit()
        flaky()

    with pytest.raises(OperationalError):
        db.run(work)
    assert flaky.calls == 1
    assert saved_texts(db, flask_app) == ["once"]


def test_nothing_is_tried_again_after_a_unit_inside_has_committed(db: UnitOfWork, flask_app: Flask) -> None:
    flaky = Flaky(1)

    def work() -> None:
        with db.unit_of_work():
            add_note(db, "audit")
        flaky()

    with pytest.raises(OperationalError):
        db.run(work)
    assert saved_texts(db, flask_app) == ["audit"]


def test_a_generator_function_is_refused(db: UnitOfWork) -> None:
    with pytest.raises(ArgumentError, match="generator function"):

        @db.transactional()
        def work() -> Iterator[int]:
            yield 1


def test_a_coroutine_function_is_tried_again_too(db: UnitOfWork, flask_app: Flask, http: FlaskClient) -> None:
    flaky = Flaky(1)

    @flask_app.post("/")
    @db.transactional(attempts=2)
    async def view() -> Any:
        add_note(db, f"attempt {flaky.calls}")
        flaky()
        return "", 201

    assert http.post("/").status_code == 201
    assert saved_texts(db, flask_app) == ["attempt 1"]


def test_the_commit_is_part_of_what_is_tried_again(postgresql_uri: str) -> None:
    # write skew: each transaction reads what the other one writes, and only the second COMMIT can notice
    db = make_db()
    app = make_app(db, postgresql_uri)
    with app.app_context():
        add_note(db, "a")
    attempts: list[int] = []

    @app.post("/")
    @db.transactional(isolation_level="SERIALIZABLE")
    def view() -> str:
        number = len(attempts)
        attempts.append(db.session.query(db.Note).count())  # type: ignore[attr-defined]
        if number == 0:
            with db.unit_of_work(isolation_level="SERIALIZABLE") as other:
                other.query(db.Note).count()  # type: ignore[attr-defined]
                other.add(db.Note(text="other"))  # type: ignore[attr-defined]
            request_progress_is_ignored(db)
        add_note(db, f"attempt {number}")
        return ""

    assert app.test_client().post("/").status_code == 200
    assert attempts == [1, 2]
    assert saved_texts(db, app) == ["a", "attempt 1", "other"]
    dispose(db, app)


def request_progress_is_ignored(db: UnitOfWork) -> None:
    """Take back the fence of the unit inside: here it plays another process."""
    current_scope(db).progress.is_lasting = False


@pytest.mark.parametrize("threads", [8])
def test_read_modify_write_loses_no_update(database_uri: str, threads: int) -> None:
    db = make_db()
    app = make_app(db, database_uri)
    with app.app_context():
        db.session.execute("CREATE TABLE counters (n INTEGER)")
        db.session.execute("INSERT INTO counters (n) VALUES (0)")

    @db.transactional(attempts=50, isolation_level="REPEATABLE READ")
    def count() -> None:
        n = db.session.scalar("SELECT n FROM counters")
        db.session.execute("UPDATE counters SET n = :n", {"n": n + 1})

    def work() -> None:
        for _ in range(5):
            count()

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    with app.app_context():
        assert db.session.scalar("SELECT n FROM counters") == threads * 5
    with app.app_context():
        db.session.execute("DROP TABLE counters")
    dispose(db, app)


def test_a_transactional_unit_on_sqlite_begins_at_its_first_read(tmp_path: Any) -> None:
    db = make_db(engine_options={"connect_args": {"timeout": 0.0}})
    app = make_app(db, f"sqlite:///{tmp_path / 'x.db'}")

    def read_and_look() -> bool:
        db.session.query(db.Note).all()  # type: ignore[attr-defined]
        return db.session.connection().has_begun

    assert db.run(read_and_look)
    with db.unit_of_work():
        assert not read_and_look()
    with db.unit_of_work(isolation_level="SERIALIZABLE"):
        assert read_and_look()
    dispose(db, app)


def test_a_busy_sqlite_file_is_a_conflict(tmp_path: Any) -> None:
    db = make_db(engine_options={"connect_args": {"timeout": 0.0}})
    app = make_app(db, f"sqlite:///{tmp_path / 'x.db'}")
    other = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    calls: list[int] = []

    def work() -> None:
        calls.append(1)
        if len(calls) == 3:
            other.execute("ROLLBACK")
        add_note(db, "a")

    db.run(work)
    assert len(calls) == 3
    other.close()
    assert saved_texts(db, app) == ["a"]
    dispose(db, app)


def test_what_waits_for_its_own_thread_is_not_tried_again(tmp_path: Any) -> None:
    db = make_db(engine_options={"connect_args": {"timeout": 0.05}})
    app = make_app(db, f"sqlite:///{tmp_path / 'x.db'}", UOW_RETRY_ATTEMPTS=3)
    calls: list[str] = []

    @app.post("/")
    def view() -> str:
        calls.append("view")
        add_note(db, "outer")
        db.session.flush()
        db.run(inner)
        return ""

    def inner() -> None:
        calls.append("inner")
        add_note(db, "inner")

    @app.errorhandler(OperationalError)
    def handle(error: OperationalError) -> Any:
        return str(error), 503

    response = app.test_client().post("/")
    assert response.status_code == 503
    assert "waits for itself" in response.text
    assert "by this very thread" in response.text
    assert calls == ["view", "inner"]
    assert saved_texts(db, app) == []
    dispose(db, app)


# -- transactional views


def test_a_transactional_view_is_committed_inside_its_decorator(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    seen: list[Any] = []

    @flask_app.post("/")
    @db.transactional()
    def view() -> Any:
        return {"text": add_note(db, "a").text}, 201

    @flask_app.after_request
    def look(response: Response) -> Response:
        seen.append(saved_texts(db, flask_app))
        return response

    response = http.post("/")
    assert (response.status_code, response.json) == (201, {"text": "a"})
    assert seen == [["a"]]


@pytest.mark.parametrize("way", ["returned", "aborted"])
def test_a_transactional_view_with_a_status_of_400_rolls_back(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient, way: str
) -> None:
    @flask_app.post("/")
    @db.transactional()
    def view() -> Any:
        add_note(db, "a")
        db.session.flush()
        if way == "aborted":
            abort(409)
        return "no", 409

    assert http.post("/").status_code == 409
    assert saved_texts(db, flask_app) == []


@pytest.mark.parametrize("way", ["returned", "aborted"])
def test_a_transactional_view_that_redirects_is_committed(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient, way: str
) -> None:
    @flask_app.post("/")
    @db.transactional()
    def view() -> Any:
        add_note(db, "a")
        if way == "aborted":
            abort(redirect("/there"))
        return redirect("/there")

    assert http.post("/").status_code == 302
    assert saved_texts(db, flask_app) == ["a"]


def test_rollback_at_end_in_a_transactional_view_rolls_back(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    @flask_app.post("/")
    @db.transactional()
    def view() -> str:
        add_note(db, "a")
        db.rollback_at_end()
        return ""

    assert http.post("/").status_code == 200
    assert saved_texts(db, flask_app) == []


def test_objects_of_a_transactional_view_stay_readable_until_the_request_ends(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    @flask_app.post("/")
    @db.transactional()
    def view() -> Any:
        g.note = add_note(db, "a")

        def body() -> Iterator[str]:
            yield g.note.text

        return Response(stream_with_context(body()))

    @flask_app.after_request
    def tell(response: Response) -> Response:
        response.headers["X-Note"] = g.note.text
        return response

    response = http.post("/")
    assert (response.text, response.headers["X-Note"]) == ("a", "a")
    with flask_app.app_context():
        assert db.engine.pool.checked_out() == 0


def test_objects_stay_readable_also_when_the_request_has_a_session_of_its_own(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    @flask_app.before_request
    def touch() -> None:
        db.session.query(db.Note).count()  # type: ignore[attr-defined]

    @flask_app.post("/")
    @db.transactional()
    def view() -> str:
        g.note = add_note(db, "a")
        return ""

    @flask_app.after_request
    def tell(response: Response) -> Response:
        response.headers["X-Note"] = g.note.text
        return response

    assert http.post("/").headers["X-Note"] == "a"
    with flask_app.app_context():
        assert db.engine.pool.checked_out() == 0


def test_the_method_of_a_class_based_view_can_be_transactional(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    class Notes(MethodView):
        @db.transactional()
        def post(self) -> Any:
            add_note(db, "a")
            return "no", 400

        @db.transactional()
        def put(self) -> Any:
            add_note(db, "b")
            return "", 201

    flask_app.add_url_rule("/", view_func=Notes.as_view("notes"))
    assert http.post("/").status_code == 400
    assert http.put("/").status_code == 201
    assert saved_texts(db, flask_app) == ["b"]


def test_a_transactional_function_that_is_no_view_returns_what_it_returns(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    @db.transactional()
    def helper() -> Any:
        add_note(db, "by the helper")
        return {"a": 1}, 404

    @flask_app.post("/")
    def view() -> Any:
        assert helper() == ({"a": 1}, 404)
        abort(400)

    assert http.post("/").status_code == 400
    assert saved_texts(db, flask_app) == ["by the helper"]


# -- UOW_RETRY_ATTEMPTS


@pytest.fixture
def retried(db: UnitOfWork, database_uri: str) -> Iterator[Flask]:
    """An app that dispatches a request up to three times."""
    app = make_app(db, database_uri, UOW_RETRY_ATTEMPTS=3)
    yield app
    dispose(db, app)


def test_a_view_that_meets_a_conflict_is_dispatched_again(db: UnitOfWork, retried: Flask) -> None:
    flaky = Flaky(2)

    @retried.post("/<text>")
    def view(text: str) -> str:
        g.setdefault("seen", []).append(1)
        session["count"] = session.get("count", 0) + 1
        after_this_request(lambda response: response.headers.add("X-After", "1") or response)
        assert request.get_json() == {"a": 1}
        add_note(db, f"{text} {flaky.calls}")
        db.session.flush()
        flaky()
        return f"{len(g.seen)} {session['count']}"

    response = retried.test_client().post("/note", json={"a": 1})
    assert (response.status_code, response.text) == (200, "1 1")
    assert response.headers.getlist("X-After") == ["1"]
    assert saved_texts(db, retried) == ["note 2"]


def test_a_conflict_of_the_commit_is_dispatched_again(db: UnitOfWork, retried: Flask) -> None:
    flaky = Flaky(1)

    @retried.post("/")
    def view() -> str:
        add_note(db, f"attempt {flaky.calls}")
        return ""

    with signals.before_commit.connected_to(lambda sender, session, **extra: flaky(), sender=retried):
        assert retried.test_client().post("/").status_code == 200
    assert saved_texts(db, retried) == ["attempt 1"]


def test_the_response_of_an_attempt_that_failed_after_its_view_is_closed_before_the_next_one(
    db: UnitOfWork, retried: Flask
) -> None:
    flaky = Flaky(2)
    events: list[str] = []
    # a frame that refers to the error keeps all that its traceback leads to, the response among it
    errors: list[BaseException] = []

    @retried.post("/")
    def view() -> Response:
        events.append("view")
        add_note(db, f"attempt {flaky.calls}")
        response = Response(stream_with_context(iter(["a"])))
        response.call_on_close(lambda: events.append("closed"))
        return response

    @retried.after_request
    def meet_conflict(response: Response) -> Response:
        try:
            flaky()
        except OperationalError as error:
            errors.append(error)
            raise
        return response

    with retried.test_client().post("/") as response:
        assert (response.status_code, response.text) == (200, "a")
    assert events == ["view", "closed"] * 3
    assert not has_app_context()
    assert saved_texts(db, retried) == ["attempt 2"]


def test_when_a_request_was_dispatched_often_enough_the_error_goes_to_the_handlers(
    db: UnitOfWork, retried: Flask
) -> None:
    flaky = Flaky(9)

    @retried.post("/")
    def view() -> str:
        add_note(db, "a")
        flaky()
        return ""

    @retried.errorhandler(OperationalError)
    def handle(error: OperationalError) -> Any:
        return str(error), 503

    response = retried.test_client().post("/")
    assert response.status_code == 503
    assert "(tried 3 times)" in response.text
    assert flaky.calls == 3
    assert saved_texts(db, retried) == []


def test_a_view_marked_no_retry_is_dispatched_once(db: UnitOfWork, retried: Flask) -> None:
    flaky = Flaky(1)

    @retried.post("/")
    @db.no_retry
    def view() -> str:
        flaky()
        return ""

    assert retried.test_client().post("/").status_code == 500
    assert flaky.calls == 1


def test_a_request_that_has_committed_is_dispatched_once(db: UnitOfWork, retried: Flask) -> None:
    flaky = Flaky(1)

    @retried.post("/")
    def view() -> str:
        add_note(db, "a")
        db.session.commit()
        flaky()
        return ""

    assert retried.test_client().post("/").status_code == 500
    assert flaky.calls == 1
    assert saved_texts(db, retried) == ["a"]


def test_a_request_whose_after_commit_callback_ran_is_dispatched_once(db: UnitOfWork, retried: Flask) -> None:
    flaky = Flaky(1)
    mails: list[str] = []

    @retried.post("/")
    def view() -> str:
        db.after_commit(lambda: mails.append("mail"))
        db.session.commit()
        flaky()
        return ""

    assert retried.test_client().post("/").status_code == 500
    assert (flaky.calls, mails) == (1, ["mail"])


@pytest.mark.parametrize(("way", "calls"), [("stream", 1), ("data", 2), ("form", 2), ("nothing", 2)])
def test_a_body_consumed_as_a_stream_is_dispatched_once(db: UnitOfWork, retried: Flask, way: str, calls: int) -> None:
    flaky = Flaky(1)

    @retried.post("/")
    def view() -> str:
        read = {
            "stream": lambda: request.stream.read(),
            "data": lambda: request.get_data(),
            "form": lambda: request.form["a"],
            "nothing": lambda: None,
        }[way]()
        flaky()
        return str(read)

    response = retried.test_client().post("/", data={"a": "1"})
    assert flaky.calls == calls
    assert response.status_code == (200 if calls == 2 else 500)


def test_an_uploaded_file_can_be_read_by_each_attempt(db: UnitOfWork, retried: Flask) -> None:
    flaky = Flaky(1)

    @retried.post("/")
    def view() -> bytes:
        content = request.files["f"].read()
        flaky()
        return content

    assert retried.test_client().post("/", data={"f": (io.BytesIO(b"content"), "f.txt")}).data == b"content"


def test_without_the_setting_a_request_is_dispatched_once(db: UnitOfWork, flask_app: Flask, http: FlaskClient) -> None:
    flaky = Flaky(1)

    @flask_app.post("/")
    def view() -> str:
        flaky()
        return ""

    assert http.post("/").status_code == 500
    assert flaky.calls == 1


def test_attempts_of_a_transactional_view_are_not_multiplied_by_those_of_the_request(
    db: UnitOfWork, retried: Flask
) -> None:
    flaky = Flaky(99)

    @retried.post("/")
    @db.transactional(attempts=2)
    def view() -> str:
        flaky()
        return ""

    assert retried.test_client().post("/").status_code == 500
    assert flaky.calls == 2


def test_pauses_are_a_random_share_of_a_bound_that_doubles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_LONGEST", 1.0)
    monkeypatch.setattr(retry.random, "uniform", lambda low, high: high)
    assert [retry.pause(number) for number in (1, 2, 3, 9)] == [0.02, 0.04, 0.08, 1.0]


# -- unit_of_work(isolation_level=, read_only=, binds=)


def test_the_isolation_level_of_a_block_holds_for_that_block(postgresql_uri: str) -> None:
    db = make_db()
    app = make_app(db, postgresql_uri)
    with db.unit_of_work(isolation_level="REPEATABLE READ") as session:
        assert session.scalar("SHOW transaction_isolation") == "repeatable read"
        session.commit()
        assert session.scalar("SHOW transaction_isolation") == "repeatable read"
    with db.unit_of_work() as session:
        assert session.scalar("SHOW transaction_isolation") == "read committed"
    dispose(db, app)


def test_an_unknown_isolation_level_is_refused_before_the_block(db: UnitOfWork, flask_app: Flask) -> None:
    with pytest.raises(ArgumentError, match=r"isolation_level='SERIALISABLE'.*Did you mean"):
        db.unit_of_work(isolation_level="SERIALISABLE")


@pytest.mark.parametrize("reads_first", [False, True])
@pytest.mark.parametrize("level", [None, "SERIALIZABLE"])
def test_a_read_only_block_can_read_and_not_write(
    db: UnitOfWork, flask_app: Flask, reads_first: bool, level: str | None
) -> None:
    with pytest.raises(Exception, match=r"read[- ]only"), db.unit_of_work(level, read_only=True):
        if reads_first:
            assert db.session.query(db.Note).all() == []  # type: ignore[attr-defined]
        add_note(db, "a")
    assert saved_texts(db, flask_app) == []
    with db.unit_of_work(read_only=True) as session:
        assert session.scalar(select(db.Note.id)) is None  # type: ignore[attr-defined]


@pytest.mark.parametrize("asks", ["in a block", "by its decorator"])
def test_a_view_that_says_it_only_reads_is_spared_begin_and_commit(
    db: UnitOfWork, flask_app: Flask, database: str, asks: str
) -> None:
    def read() -> list[str]:
        return [db.session.scalars(select(db.Note.text)).all() for _ in range(2)][1]  # type: ignore[attr-defined]

    def read_in_block() -> list[str]:
        with db.unit_of_work(read_only=True):
            return read()

    flask_app.get("/")(read_in_block if asks == "in a block" else db.transactional(read_only=True)(read))
    with flask_app.app_context():
        add_note(db, "a")
        db.session.commit()
        # a new connection has settings that nobody can have changed
        db.engine.dispose()
        log = StatementLog().attach(db.engine)
    assert flask_app.test_client().get("/").json == ["a"]
    log.detach()
    assert len(log.sql) == 2
    opened = ["BEGIN DEFERRED", "COMMIT"] if database == "sqlite" and asks == "by its decorator" else []
    assert log.transactions == opened


@pytest.fixture
def two_binds(database_uri: str, second_database_uri: str) -> Iterator[tuple[UnitOfWork, Flask]]:
    db = make_db()

    class Entry(db.Model):  # type: ignore[misc, name-defined]
        __bind_key__ = "audit"
        id: Mapped[int] = mapped_column(primary_key=True)

    db.Entry = Entry  # type: ignore[attr-defined]
    app = make_app(db, database_uri, UOW_BINDS={"audit": second_database_uri})
    yield db, app
    dispose(db, app)


def test_a_block_limited_to_some_binds_refuses_the_others(two_binds: tuple[UnitOfWork, Flask]) -> None:
    db, _ = two_binds
    with db.unit_of_work(binds=["audit"]) as session:
        session.add(db.Entry())  # type: ignore[attr-defined]
        session.flush()
        with pytest.raises(UnboundExecutionError):
            session.query(db.Note).all()  # type: ignore[attr-defined]


def test_a_block_may_use_other_engines_for_its_binds(two_binds: tuple[UnitOfWork, Flask]) -> None:
    db, app = two_binds
    with app.app_context():
        db.metadatas[None].create_all(db.engines["audit"])
        add_note(db, "in the default database")
    with db.unit_of_work(binds={None: "audit"}):
        add_note(db, "in the other database")
    with app.app_context():
        assert [note.text for note in db.session.query(db.Note)] == ["in the default database"]  # type: ignore[attr-defined]
        for binds in ({db.Note: db.engines["audit"]}, {db.Note.__table__: "audit"}):  # type: ignore[attr-defined]
            with db.unit_of_work(binds=binds) as session:
                assert [note.text for note in session.query(db.Note)] == ["in the other database"]  # type: ignore[attr-defined]
        db.metadatas[None].drop_all(db.engines["audit"])


@pytest.mark.parametrize("binds", ["audit", 7, ["audti"], {"audti": "audit"}, {None: "audti"}])
def test_binds_that_the_app_does_not_have_are_refused(two_binds: tuple[UnitOfWork, Flask], binds: Any) -> None:
    db, _ = two_binds
    with pytest.raises(ArgumentError, match="bind"):
        db.unit_of_work(binds=binds)


def test_nothing_is_tried_again_when_one_of_two_databases_has_committed(two_binds: tuple[UnitOfWork, Flask]) -> None:
    db, app = two_binds
    calls: list[int] = []

    def work() -> None:
        calls.append(1)
        add_note(db, "committed first")
        db.session.flush()
        db.session.add(db.Entry())  # type: ignore[attr-defined]
        db.session.flush()
        second = list(db.session.transaction.participants.members.values())[1]

        def refuse() -> None:
            raise conflict()

        second.transaction = type(
            "Refusing", (), {"is_active": True, "commit": staticmethod(refuse), "rollback": second.transaction.rollback}
        )()

    with pytest.raises(OperationalError):
        db.run(work)
    assert len(calls) == 1
    assert saved_texts(db, app) == ["committed first"]


@pytest.mark.parametrize("wrong", [3, "view", UnitOfWork])
def test_transactional_refuses_a_class_and_what_is_no_function(db: UnitOfWork, wrong: Any) -> None:
    with pytest.raises(exc.ArgumentError, match=r"@db.transactional was put on .*Decorate a function or a method"):
        db.transactional(attempts=2)(wrong)


def test_run_and_no_retry_refuse_what_is_no_function(db: UnitOfWork, flask_app: Flask) -> None:
    with flask_app.app_context(), pytest.raises(exc.ArgumentError, match=r"db.run\(\) takes a function"):
        db.run(None)  # type: ignore[arg-type]
    with pytest.raises(exc.ArgumentError, match=r"@db\.no_retry was put on 5"):
        db.no_retry(5)  # type: ignore[type-var]
