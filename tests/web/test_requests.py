"""What becomes of the work of a request, by the way it ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Blueprint, Flask, Response, abort, after_this_request, redirect
from flask.sessions import SecureCookieSessionInterface
from flask.testing import FlaskClient

from flask_uow import IntegrityError, UnitOfWork, exc
from tests.web.apps import add_note, dispose, make_app, make_db, saved_texts


def route(app: Flask, view: Callable[[], Any]) -> None:
    app.add_url_rule("/", "index", view, methods=["GET", "POST"])


@pytest.mark.parametrize("status", [200, 201, 204, 303])
def test_a_response_below_400_commits(db: UnitOfWork, flask_app: Flask, http: FlaskClient, status: int) -> None:
    route(flask_app, lambda: (add_note(db, "a") and "", status))
    assert http.post("/").status_code == status
    assert saved_texts(db, flask_app) == ["a"]


@pytest.mark.parametrize("status", [400, 404, 409, 500, 503])
def test_a_response_of_400_or_above_rolls_back(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient, status: int
) -> None:
    def view() -> Any:
        add_note(db, "a")
        db.session.flush()
        return "", status

    route(flask_app, view)
    assert http.post("/").status_code == status
    assert saved_texts(db, flask_app) == []


def test_abort_rolls_back(db: UnitOfWork, flask_app: Flask, http: FlaskClient) -> None:
    def view() -> Any:
        add_note(db, "a")
        db.session.flush()
        abort(403)

    route(flask_app, view)
    assert http.post("/").status_code == 403
    assert saved_texts(db, flask_app) == []


def test_aborting_with_a_redirect_is_no_error_and_commits(db: UnitOfWork, flask_app: Flask, http: FlaskClient) -> None:
    def view() -> Any:
        add_note(db, "a")
        abort(redirect("/elsewhere"))

    route(flask_app, view)
    assert http.post("/").status_code == 302
    assert saved_texts(db, flask_app) == ["a"]


def test_an_unhandled_exception_rolls_back(db: UnitOfWork, flask_app: Flask, http: FlaskClient) -> None:
    def view() -> Any:
        add_note(db, "a")
        db.session.flush()
        raise RuntimeError("broken view")

    route(flask_app, view)
    assert http.post("/").status_code == 500
    assert saved_texts(db, flask_app) == []


def test_an_exception_that_propagates_to_the_client_rolls_back(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    flask_app.config["PROPAGATE_EXCEPTIONS"] = True

    def view() -> Any:
        add_note(db, "a")
        db.session.flush()
        raise RuntimeError("broken view")

    route(flask_app, view)
    with pytest.raises(RuntimeError, match="broken view"):
        http.post("/")
    assert saved_texts(db, flask_app) == []


def test_what_a_failed_view_did_is_rolled_back_and_what_its_handler_does_is_committed(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    def view() -> Any:
        add_note(db, "view")
        db.session.flush()
        raise LookupError

    @flask_app.errorhandler(LookupError)
    def handle(error: LookupError) -> Any:
        add_note(db, "handler")
        return redirect("/elsewhere")

    route(flask_app, view)
    assert http.post("/").status_code == 302
    assert saved_texts(db, flask_app) == ["handler"]


def test_what_a_handler_of_500_does_is_committed_when_its_response_is_good(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    def view() -> Any:
        add_note(db, "view")
        raise LookupError

    @flask_app.errorhandler(500)
    def handle(error: Exception) -> Any:
        add_note(db, "handler")
        return "sorry", 200

    route(flask_app, view)
    assert http.post("/").status_code == 200
    assert saved_texts(db, flask_app) == ["handler"]


@pytest.mark.parametrize("nested", [True, False])
def test_levels_that_a_failed_view_left_open_are_rolled_back_with_all_around_them(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient, nested: bool
) -> None:
    def view() -> Any:
        add_note(db, "outer")
        db.session.begin(nested=nested, subtransactions=not nested)
        add_note(db, "inner")
        db.session.flush()
        raise LookupError

    @flask_app.errorhandler(LookupError)
    def handle(error: LookupError) -> Any:
        add_note(db, "handler")
        return redirect("/")

    flask_app.add_url_rule("/", "index", view, methods=["POST"])
    assert http.post("/").status_code == 302
    assert saved_texts(db, flask_app) == ["handler"]


def test_levels_that_a_view_left_open_are_committed_before_the_response_leaves(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    seen: list[list[str]] = []

    def view() -> Any:
        add_note(db, "outer")
        db.session.begin_nested()
        add_note(db, "inner")
        return ""

    flask_app.add_url_rule("/", "index", view, methods=["POST"])
    flask_app.teardown_request(lambda error: seen.append(saved_texts(db, flask_app)))
    assert http.post("/").status_code == 200
    assert seen == [["inner", "outer"]]


def test_an_error_handler_with_a_status_of_400_rolls_back_its_own_work(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    def view() -> Any:
        raise LookupError

    @flask_app.errorhandler(LookupError)
    def handle(error: LookupError) -> Any:
        add_note(db, "handler")
        return "", 409

    route(flask_app, view)
    assert http.post("/").status_code == 409
    assert saved_texts(db, flask_app) == []


def test_objects_can_be_read_in_an_error_handler_after_the_rollback(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    with flask_app.app_context():
        add_note(db, "current user")
    loaded: list[Any] = []

    def view() -> Any:
        loaded.append(db.session.get(db.Note, 1))  # type: ignore[attr-defined]
        loaded[0].text = "changed"
        abort(409)

    @flask_app.errorhandler(409)
    def handle(error: Exception) -> Any:
        return loaded[0].text, 409

    route(flask_app, view)
    assert http.post("/").text == "current user"


def test_after_request_functions_write_before_the_commit_wherever_they_were_registered(database_uri: str) -> None:
    db = make_db()
    app = Flask(__name__)
    app.config["UOW_DATABASE_URI"] = database_uri
    app.after_request(lambda response: (add_note(db, "registered before"), response)[1])
    db.init_app(app)
    app.after_request(lambda response: (add_note(db, "registered after"), response)[1])
    with app.app_context():
        db.create_all()

    @app.post("/")
    def view() -> Any:
        @after_this_request
        def write(response: Response) -> Response:
            add_note(db, "after this request")
            return response

        return ""

    assert app.test_client().post("/").status_code == 200
    assert saved_texts(db, app) == ["after this request", "registered after", "registered before"]
    dispose(db, app)


def test_the_status_that_counts_is_the_one_after_the_after_request_functions(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    @flask_app.after_request
    def refuse(response: Response) -> Response:
        response.status_code = 503
        return response

    route(flask_app, lambda: add_note(db, "a") and "")
    assert http.post("/").status_code == 503
    assert saved_texts(db, flask_app) == []


def test_an_exception_in_an_after_request_function_rolls_back(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    @flask_app.after_request
    def fail(response: Response) -> Response:
        if response.status_code == 200:
            raise RuntimeError("broken after_request")
        return response

    route(flask_app, lambda: add_note(db, "a") and "")
    assert http.post("/").status_code == 500
    assert saved_texts(db, flask_app) == []


def test_rollback_at_end_rolls_back_a_good_response(db: UnitOfWork, flask_app: Flask, http: FlaskClient) -> None:
    def view() -> Any:
        add_note(db, "a")
        db.rollback_at_end()
        return ""

    route(flask_app, view)
    assert http.post("/").status_code == 200
    assert saved_texts(db, flask_app) == []


def test_rollback_at_end_holds_for_one_request_only(db: UnitOfWork, flask_app: Flask, http: FlaskClient) -> None:
    @flask_app.post("/rolled-back")
    def rolled_back() -> Any:
        db.rollback_at_end()
        return ""

    route(flask_app, lambda: add_note(db, "a") and "")
    http.post("/rolled-back")
    http.post("/")
    assert saved_texts(db, flask_app) == ["a"]


def test_a_view_may_commit_by_itself_and_what_it_does_afterwards_follows_the_rule(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    def view() -> Any:
        add_note(db, "committed")
        db.session.commit()
        add_note(db, "rolled back")
        return "", 409

    route(flask_app, view)
    http.post("/")
    assert saved_texts(db, flask_app) == ["committed"]


def test_a_request_that_never_touches_the_session_makes_none(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    original = UnitOfWork._make_session
    monkeypatch.setattr(UnitOfWork, "_make_session", lambda self: (made.append(1), original(self))[1])
    route(flask_app, lambda: "")
    assert http.get("/").status_code == 200
    assert made == []


def test_the_connection_is_back_in_the_pool_when_the_response_leaves(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    checked_out: list[int] = []

    def view() -> Any:
        add_note(db, "a")
        db.session.flush()
        checked_out.append(db.engine.pool.checked_out())
        return ""

    @flask_app.teardown_request
    def count(error: BaseException | None) -> None:
        checked_out.append(db.engine.pool.checked_out())

    route(flask_app, view)
    http.post("/")
    assert checked_out == [1, 0]


# -- a commit that fails


def add_twice(db: UnitOfWork) -> None:
    add_note(db, "twice")
    add_note(db, "twice")


def test_a_failed_commit_is_a_500_and_never_a_success(db: UnitOfWork, flask_app: Flask, http: FlaskClient) -> None:
    def view() -> Any:
        add_twice(db)
        return "fine", 201

    route(flask_app, view)
    assert http.post("/").status_code == 500
    assert saved_texts(db, flask_app) == []


def test_a_failed_commit_goes_to_the_handler_of_its_class_and_after_request_sees_the_error_response(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    statuses: list[int] = []

    @flask_app.errorhandler(exc.IntegrityError)
    def handle(error: exc.IntegrityError) -> Any:
        return "conflict", 409

    @flask_app.after_request
    def allow_all(response: Response) -> Response:
        statuses.append(response.status_code)
        response.headers["Access-Control-Allow-Origin"] = "*"
        return response

    route(flask_app, lambda: add_twice(db) or "fine")
    response = http.post("/")
    assert (response.status_code, response.text) == (409, "conflict")
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert statuses == [200, 409]
    assert saved_texts(db, flask_app) == []


@pytest.mark.parametrize("fails", [False, True])
def test_the_response_whose_commit_failed_is_closed(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient, caplog: pytest.LogCaptureFixture, fails: bool
) -> None:
    closed: list[str] = []

    def close() -> None:
        closed.append("closed")
        if fails:
            raise LookupError

    def view() -> Response:
        add_note(db, "twice")
        add_note(db, "twice")
        response = Response(iter(["text"]))
        response.call_on_close(close)
        return response

    @flask_app.errorhandler(IntegrityError)
    def handle(error: IntegrityError) -> Any:
        return "taken", 409

    route(flask_app, view)
    assert http.post("/").status_code == 409
    assert closed == ["closed"]
    assert ("could not be closed" in caplog.text) is fails


def test_a_failed_commit_propagates_under_testing_as_an_error_of_the_view_would(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    flask_app.config["PROPAGATE_EXCEPTIONS"] = True
    route(flask_app, lambda: add_twice(db) or "fine")
    with pytest.raises(exc.IntegrityError):
        http.post("/")
    assert saved_texts(db, flask_app) == []


def test_what_the_handler_of_a_failed_commit_does_is_committed_when_its_response_is_good(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    @flask_app.errorhandler(exc.IntegrityError)
    def handle(error: exc.IntegrityError) -> Any:
        add_note(db, "handler")
        return redirect("/elsewhere")

    route(flask_app, lambda: add_twice(db) or "fine")
    assert http.post("/").status_code == 302
    assert saved_texts(db, flask_app) == ["handler"]


def test_a_handler_whose_own_work_cannot_be_committed_gives_a_500(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    @flask_app.errorhandler(exc.IntegrityError)
    def handle(error: exc.IntegrityError) -> Any:
        add_twice(db)
        return "fine"

    @flask_app.errorhandler(500)
    def handle_crash(error: Exception) -> Any:
        add_twice(db)
        return "fine"

    route(flask_app, lambda: add_twice(db) or "fine")
    assert http.post("/").status_code == 500
    assert saved_texts(db, flask_app) == []


# -- the app's own rule, and other commit points


def test_commit_when_may_keep_the_work_of_a_refused_request(database_uri: str) -> None:
    db = make_db(commit_when=lambda response, error: response is not None and response.status_code < 500)
    app = make_app(db, database_uri)

    @app.post("/<int:status>")
    def view(status: int) -> Any:
        add_note(db, f"status {status}")
        abort(status)

    for status in (403, 500):
        app.test_client().post(f"/{status}")
    assert saved_texts(db, app) == ["status 403"]
    dispose(db, app)


def test_a_commit_when_that_raises_rolls_back_and_is_treated_like_a_failed_commit(database_uri: str) -> None:
    db = make_db()

    def commit_when(response: Response, error: BaseException | None) -> bool:
        if response.status_code == 200:
            raise LookupError("broken rule")
        return False

    app = make_app(db, database_uri, UOW_COMMIT_WHEN=commit_when)

    @app.errorhandler(LookupError)
    def handle(error: LookupError) -> Any:
        return str(error), 418

    route(app, lambda: add_note(db, "a") and "")
    response = app.test_client().post("/")
    assert (response.status_code, response.text) == (418, "broken rule")
    assert saved_texts(db, app) == []
    dispose(db, app)


def test_commit_on_teardown_commits_once_in_the_teardown(database_uri: str) -> None:
    db = make_db()
    app = make_app(db, database_uri, UOW_COMMIT_ON="teardown")
    open_at_teardown: list[bool] = []

    @app.teardown_request
    def look(error: BaseException | None) -> None:
        open_at_teardown.append(saved_texts(db, app) == ["a"])

    route(app, lambda: add_note(db, "a") and "")
    app.test_client().post("/")
    assert open_at_teardown == [False]
    assert saved_texts(db, app) == ["a"]
    dispose(db, app)


def test_commit_on_teardown_lets_a_failed_commit_out(database_uri: str) -> None:
    db = make_db()
    app = make_app(db, database_uri, UOW_COMMIT_ON="teardown")
    route(app, lambda: add_twice(db) or "")
    with pytest.raises(exc.IntegrityError):
        app.test_client().post("/")
    assert saved_texts(db, app) == []
    dispose(db, app)


@pytest.mark.parametrize("status", [404, 500])
def test_commit_on_teardown_rolls_back_a_bad_response(database_uri: str, status: int) -> None:
    db = make_db()
    app = make_app(db, database_uri, UOW_COMMIT_ON="teardown")
    route(app, lambda: (add_note(db, "a") and "", status))
    app.test_client().post("/")
    assert saved_texts(db, app) == []
    dispose(db, app)


def test_commit_on_none_never_commits_by_itself(database_uri: str) -> None:
    db = make_db()
    app = make_app(db, database_uri, UOW_COMMIT_ON=None)

    @app.post("/<text>")
    def view(text: str) -> Any:
        add_note(db, text)
        db.session.flush()
        if text == "committed":
            db.session.commit()
        return ""

    client = app.test_client()
    client.post("/dropped")
    client.post("/committed")
    assert saved_texts(db, app) == ["committed"]
    dispose(db, app)


# -- teardown


def test_a_teardown_function_of_others_that_raises_leaks_nothing(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    @flask_app.teardown_request
    def use_session_then_fail(error: BaseException | None) -> None:
        db.session.execute("SELECT 1")
        raise RuntimeError("broken teardown")

    route(flask_app, lambda: add_note(db, "a") and "")
    with pytest.raises(RuntimeError, match="broken teardown"):
        http.post("/")
    with flask_app.app_context():
        assert db.engine.pool.checked_out() == 0


def test_a_teardown_function_that_raises_leaks_nothing_inside_a_pushed_app_context(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    @flask_app.teardown_request
    def use_session_then_fail(error: BaseException | None) -> None:
        db.session.execute("SELECT 1")
        raise RuntimeError("broken teardown")

    route(flask_app, lambda: "")
    with flask_app.app_context():
        with pytest.raises(RuntimeError, match="broken teardown"):
            http.post("/")
        assert db.engine.pool.checked_out() == 0


@pytest.mark.parametrize(("status", "expected"), [(200, ["late"]), (409, [])])
@pytest.mark.parametrize("hook", ["teardown_request", "teardown_appcontext"])
def test_work_of_teardown_functions_shares_the_fate_of_the_request(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient, hook: str, status: int, expected: list[str]
) -> None:
    def write(error: BaseException | None) -> None:
        if db.session.scalar("SELECT count(*) FROM note") == 0 and pending:
            add_note(db, pending.pop())

    pending = ["late"]
    getattr(flask_app, hook)(write)
    route(flask_app, lambda: ("", status))
    http.post("/")
    pending.clear()
    assert saved_texts(db, flask_app) == expected


def test_objects_stay_readable_after_the_commit_until_the_request_ends(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    read: list[str] = []
    notes: list[Any] = []

    @flask_app.teardown_request
    def look(error: BaseException | None) -> None:
        read.append(notes[0].text)

    route(flask_app, lambda: notes.append(add_note(db, "a")) or "")
    http.post("/")
    assert read == ["a"]


# -- more of the rows


def test_the_after_request_functions_of_a_blueprint_write_before_the_commit(database_uri: str) -> None:
    db = make_db()
    app = Flask(__name__)
    app.config["UOW_DATABASE_URI"] = database_uri
    blueprint = Blueprint("notes", __name__)
    blueprint.post("/")(lambda: "")
    blueprint.after_request(lambda response: (add_note(db, "by the blueprint"), response)[1])
    app.register_blueprint(blueprint)
    db.init_app(app)
    with app.app_context():
        db.create_all()
    assert app.test_client().post("/").status_code == 200
    assert saved_texts(db, app) == ["by the blueprint"]
    dispose(db, app)


def test_a_failed_commit_goes_to_the_handler_of_the_blueprint(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    blueprint = Blueprint("notes", __name__)

    @blueprint.post("/")
    def view() -> str:
        add_note(db, "same")
        add_note(db, "same")
        return ""

    @blueprint.errorhandler(IntegrityError)
    def handle(error: IntegrityError) -> Any:
        return "taken", 409

    flask_app.register_blueprint(blueprint)
    response = http.post("/")
    assert (response.status_code, response.text) == (409, "taken")
    assert saved_texts(db, flask_app) == []


@pytest.mark.parametrize(("status", "expected"), [(200, ["by the session", "view"]), (400, [])])
def test_what_flasks_session_saves_after_the_commit_point_shares_the_fate_of_the_request(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient, status: int, expected: list[str]
) -> None:
    class DatabaseSessions(SecureCookieSessionInterface):
        def save_session(self, app: Any, session: Any, response: Any) -> None:
            add_note(db, "by the session")

    flask_app.session_interface = DatabaseSessions()
    route(flask_app, lambda: (add_note(db, "view") and "", status))
    assert http.post("/").status_code == status
    assert saved_texts(db, flask_app) == expected


def test_objects_used_after_the_rollback_are_reloaded_with_one_statement_a_class(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    with flask_app.app_context():
        for number in range(20):
            add_note(db, f"{number:02}")
    loaded: list[Any] = []
    sent: list[str] = []

    def view() -> Any:
        loaded.extend(db.session.query(db.Note))  # type: ignore[attr-defined]
        db.engine.listeners.after_execute.append(lambda event: sent.append(event.statement))
        abort(409)

    @flask_app.errorhandler(409)
    def handle(error: Exception) -> Any:
        return " ".join(sorted(note.text for note in loaded)), 409

    route(flask_app, view)
    assert http.post("/").text == " ".join(f"{number:02}" for number in range(20))
    assert len([statement for statement in sent if "SELECT" in statement]) == 1


def test_a_session_that_ran_no_sql_takes_no_connection(db: UnitOfWork, flask_app: Flask, http: FlaskClient) -> None:
    seen: list[int] = []

    def view() -> Any:
        add_note(db, "a")
        seen.append(db.engine.pool.checked_out())
        return "", 400

    route(flask_app, view)
    http.post("/")
    assert seen == [0]


def test_a_rollback_that_raises_itself_leaks_nothing(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    def view() -> Any:
        add_note(db, "a")
        db.session.flush()
        connection = db.session.connection()
        connection._record.raw.close()
        raise LookupError("in the view")

    route(flask_app, view)
    assert http.post("/").status_code == 500
    with flask_app.app_context():
        assert db.engine.pool.checked_out() == 0
    assert saved_texts(db, flask_app) == []


@pytest.mark.parametrize("way", ["context", "command"])
def test_commit_on_none_never_commits_a_context_or_a_command(database_uri: str, way: str) -> None:
    db = make_db()
    app = make_app(db, database_uri, UOW_COMMIT_ON=None)
    app.cli.command("write")(lambda: add_note(db, "a") and db.session.flush())
    if way == "context":
        with app.app_context():
            add_note(db, "a")
    else:
        assert app.test_cli_runner().invoke(args=["write"]).exit_code == 0
    assert saved_texts(db, app) == []
    dispose(db, app)


def test_a_table_that_is_missing_is_an_error_that_names_the_command_which_makes_it(database_uri: str) -> None:
    db = make_db()
    app = make_app(db, database_uri, create=False)
    cure = r"note[^[]*`flask uow create-all`.*db\.create_all\(\)"
    with pytest.raises(exc.DBAPIError, match=cure), app.app_context():
        db.session.query(db.Note).all()  # type: ignore[attr-defined]
    dispose(db, app)


def test_a_unit_of_work_nested_in_a_reading_request_works_on_a_database_in_memory() -> None:
    db = make_db()
    app = make_app(db, "sqlite://")

    @app.post("/")
    def view() -> str:
        assert db.session.query(db.Note).all() == []  # type: ignore[attr-defined]
        with db.unit_of_work():
            add_note(db, "inner")
        add_note(db, "outer")
        return ""

    assert app.test_client().post("/").status_code == 200
    assert saved_texts(db, app) == ["inner", "outer"]
    dispose(db, app)
