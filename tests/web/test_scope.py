"""Whose Session is it: tokens, contexts within contexts, blocks of unit_of_work()."""

from __future__ import annotations

import contextlib
import contextvars
import gc
import re
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, copy_current_request_context, current_app, g
from flask.testing import FlaskClient

from flask_uow import DetachedInstanceError, InvalidRequestError, UnitOfWork, defer, exc, select, signals
from tests.web.apps import add_note, dispose, make_app, make_db, saved_texts


def test_every_request_has_a_scope_and_a_session_of_its_own(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    seen: list[tuple[int, Any]] = []
    flask_app.add_url_rule("/", "index", lambda: seen.append((db.scope_id(), db.session())) or "")
    for _ in range(50):
        http.get("/")
    assert len({token for token, _ in seen}) == 50
    assert len({id(session) for _, session in seen}) == 50


def test_a_request_inside_a_pushed_app_context_leaves_the_outer_scope_alone(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    inner: list[int] = []
    flask_app.add_url_rule("/", "index", lambda: inner.append(db.scope_id()) or "", methods=["POST"])
    with flask_app.app_context():
        note = add_note(db, "outer")
        db.session.commit()
        outer = db.scope_id()
        for _ in range(2):
            http.post("/")
        assert db.scope_id() == outer
        assert note in db.session
        assert note.text == "outer"
    assert len({outer, *inner}) == 3


def test_the_unit_of_work_of_a_request_inside_a_pushed_app_context_ends_with_the_request(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    flask_app.add_url_rule("/good", "good", lambda: add_note(db, "good") and "", methods=["POST"])
    flask_app.add_url_rule("/bad", "bad", lambda: (add_note(db, "bad") and "", 400), methods=["POST"])
    with flask_app.app_context():
        http.post("/good")
        http.post("/bad")
        assert db.engine.pool.checked_out() == 0
        assert saved_texts(db, flask_app) == ["good"]


def test_an_app_context_inside_a_request_is_a_scope_of_its_own(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    def view() -> Any:
        add_note(db, "request")
        outer = db.scope_id()
        with flask_app.app_context():
            assert db.scope_id() != outer
            add_note(db, "inner")
        assert db.scope_id() == outer
        return "", 400

    flask_app.add_url_rule("/", "index", view, methods=["POST"])
    assert http.post("/").status_code == 400
    assert saved_texts(db, flask_app) == ["inner"]


def test_nested_app_contexts_have_scopes_of_their_own(db: UnitOfWork, flask_app: Flask) -> None:
    with flask_app.app_context():
        outer = db.scope_id()
        with pytest.raises(LookupError), flask_app.app_context():
            assert db.scope_id() != outer
            add_note(db, "inner")
            raise LookupError
        assert db.scope_id() == outer
        add_note(db, "outer")
    assert saved_texts(db, flask_app) == ["outer"]


def test_a_scope_that_was_ended_may_begin_anew(db: UnitOfWork, flask_app: Flask) -> None:
    context = flask_app.app_context()
    for text in ("first", "second"):
        with context:
            add_note(db, text)
    assert saved_texts(db, flask_app) == ["first", "second"]


def test_a_copied_request_context_in_a_thread_has_a_scope_of_its_own(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    def view() -> Any:
        mine = db.scope_id()
        theirs: list[int] = []

        @copy_current_request_context
        def work() -> None:
            theirs.append(db.scope_id())
            add_note(db, "thread")

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert theirs[0] != mine
        return "", 400

    flask_app.add_url_rule("/", "index", view, methods=["POST"])
    assert http.post("/").status_code == 400
    assert saved_texts(db, flask_app) == ["thread"]


def test_two_threads_in_the_session_of_one_scope_are_told_how_to_get_one_each(db: UnitOfWork, flask_app: Flask) -> None:
    errors: list[str] = []

    def use(session: Any) -> None:
        try:
            session.flush()
        except InvalidRequestError as error:
            errors.append(str(error))

    def meanwhile(sender: Flask, session: Any, **extra: Any) -> None:
        thread = threading.Thread(target=use, args=[session])
        thread.start()
        thread.join()

    with signals.before_flush.connected_to(meanwhile, flask_app), flask_app.app_context():
        add_note(db, "a")
    (error,) = errors
    assert error.startswith("this Session is being used by two threads at once")
    assert "copy_current_request_context() once for each thread" in error
    assert saved_texts(db, flask_app) == ["a"]


def test_the_session_outside_any_scope_is_an_error_that_says_how_to_mend_it(db: UnitOfWork, flask_app: Flask) -> None:
    with pytest.raises(exc.InvalidRequestError, match=r"with app\.app_context\(\)") as error:
        db.session.query(db.Note)  # type: ignore[attr-defined]
    assert "with db.unit_of_work()" in str(error.value)


def test_what_else_needs_a_scope_is_named_in_the_error(db: UnitOfWork, flask_app: Flask) -> None:
    for name, use in {
        "db.scope_id()": db.scope_id,
        "db.rollback_at_end()": db.rollback_at_end,
        "db.after_commit()": lambda: db.after_commit(list),
    }.items():
        with pytest.raises(exc.InvalidRequestError, match=rf"^{re.escape(name)} was used outside of any scope"):
            use()
        with (
            Flask("stranger").app_context(),
            pytest.raises(
                exc.InvalidRequestError, match=rf"^{re.escape(name)} was used in a context of the app 'stranger'"
            ),
        ):
            use()


def test_tables_are_made_and_dropped_outside_of_any_context_when_there_is_one_app(database_uri: str) -> None:
    db = make_db()
    app = make_app(db, database_uri, create=False)
    for act, names in (db.create_all, ["note"]), (db.drop_all, []):
        act()
        with db.engine.connect() as connection:
            assert connection.table_names() == names
    dispose(db, app)


def test_the_session_in_a_context_of_an_app_without_the_extension_is_an_error(db: UnitOfWork, flask_app: Flask) -> None:
    with Flask("stranger").app_context(), pytest.raises(exc.InvalidRequestError, match=r"'stranger'.*db\.init_app"):
        db.session()


def test_a_context_of_another_app_inside_a_request_does_not_lend_the_session_of_the_request(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    def view() -> Any:
        db.session()
        with Flask("stranger").app_context(), pytest.raises(exc.InvalidRequestError, match="'stranger'"):
            db.session()
        return ""

    flask_app.add_url_rule("/", "index", view)
    assert http.get("/").status_code == 200


def test_a_bare_app_context_commits_when_it_ends_cleanly(db: UnitOfWork, flask_app: Flask) -> None:
    with flask_app.app_context():
        add_note(db, "a")
    assert saved_texts(db, flask_app) == ["a"]


def test_a_bare_app_context_rolls_back_when_it_raises(db: UnitOfWork, flask_app: Flask) -> None:
    with pytest.raises(LookupError), flask_app.app_context():
        add_note(db, "a")
        db.session.flush()
        raise LookupError
    assert saved_texts(db, flask_app) == []


def test_a_bare_app_context_whose_commit_fails_raises_and_leaks_nothing(db: UnitOfWork, flask_app: Flask) -> None:
    with pytest.raises(exc.IntegrityError), flask_app.app_context():
        add_note(db, "twice")
        add_note(db, "twice")
    assert saved_texts(db, flask_app) == []


def test_a_request_context_without_a_response_is_like_a_bare_app_context(db: UnitOfWork, flask_app: Flask) -> None:
    with flask_app.test_request_context():
        add_note(db, "clean")
    with pytest.raises(LookupError), flask_app.test_request_context():
        add_note(db, "failed")
        raise LookupError
    assert saved_texts(db, flask_app) == ["clean"]


def test_the_test_client_used_as_context_manager_keeps_a_usable_scope(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    def view() -> Any:
        g.text = "kept"
        add_note(db, "a")
        return ""

    flask_app.add_url_rule("/", "index", view, methods=["POST"])
    with http:
        http.post("/")
        assert g.text == "kept"
        assert [note.text for note in db.session.query(db.Note).all()] == ["a"]  # type: ignore[attr-defined]
    assert saved_texts(db, flask_app) == ["a"]


def test_removing_the_session_rolls_back_and_the_scope_gets_another(db: UnitOfWork, flask_app: Flask) -> None:
    with flask_app.app_context():
        first = db.session()
        add_note(db, "removed")
        db.session.flush()
        db.session.remove()
        assert db.session() is not first
        add_note(db, "kept")
    assert saved_texts(db, flask_app) == ["kept"]


def test_arguments_for_the_session_of_a_scope_can_be_given_before_its_first_use(
    db: UnitOfWork, flask_app: Flask
) -> None:
    with flask_app.app_context():
        assert db.session(autoflush=False).autoflush is False
        assert db.session().autoflush is False
        with pytest.raises(exc.InvalidRequestError, match="has a Session already"):
            db.session(autoflush=True)


# -- levels of the transaction that were left open


def _open_savepoint(db: UnitOfWork) -> None:
    db.session.begin_nested()


def _open_subtransaction(db: UnitOfWork) -> None:
    db.session.begin(subtransactions=True)


def _in_app_context(db: UnitOfWork, app: Flask, work: Callable[[], object]) -> None:
    with app.app_context():
        work()


def _in_block(db: UnitOfWork, app: Flask, work: Callable[[], object]) -> None:
    with db.unit_of_work():
        work()


def _in_run(db: UnitOfWork, app: Flask, work: Callable[[], object]) -> None:
    db.run(work)


@pytest.mark.parametrize("in_scope", [_in_app_context, _in_block, _in_run])
@pytest.mark.parametrize("open_level", [_open_savepoint, _open_subtransaction])
def test_levels_that_were_left_open_are_committed_with_the_scope(
    db: UnitOfWork, flask_app: Flask, in_scope: Callable[..., None], open_level: Callable[[UnitOfWork], None]
) -> None:
    def work() -> None:
        add_note(db, "outer")
        open_level(db)
        add_note(db, "inner")

    in_scope(db, flask_app, work)
    assert saved_texts(db, flask_app) == ["inner", "outer"]


# -- unit_of_work()


def test_a_block_commits_at_its_end_and_rolls_back_when_it_raises(db: UnitOfWork, flask_app: Flask) -> None:
    with flask_app.app_context():
        with db.unit_of_work() as session:
            session.add(db.Note(text="clean"))  # type: ignore[attr-defined]
        with pytest.raises(LookupError), db.unit_of_work() as session:
            session.add(db.Note(text="failed"))  # type: ignore[attr-defined]
            session.flush()
            raise LookupError
    assert saved_texts(db, flask_app) == ["clean"]


def test_inside_a_block_the_session_is_that_of_the_block(db: UnitOfWork, flask_app: Flask) -> None:
    with flask_app.app_context():
        outer = db.session()
        with db.unit_of_work() as first:
            assert db.session() is first
            with db.unit_of_work() as second:
                assert db.session() is second
            assert db.session() is first
        assert db.session() is outer
        assert len({id(outer), id(first), id(second)}) == 3


def test_a_block_in_a_request_is_independent_of_the_outcome_of_the_request(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    def view() -> Any:
        with db.unit_of_work():
            add_note(db, "block")
        add_note(db, "request")
        return "", 500

    flask_app.add_url_rule("/", "index", view, methods=["POST"])
    http.post("/")
    assert saved_texts(db, flask_app) == ["block"]


def test_a_request_made_inside_a_block_has_a_session_of_its_own(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    seen: list[int] = []
    flask_app.add_url_rule("/", "index", lambda: seen.append(db.scope_id()) or "")
    with flask_app.app_context(), db.unit_of_work():
        http.get("/")
        assert seen != [db.scope_id()]


def _uses(db: UnitOfWork) -> list[Callable[[Any], object]]:
    Note = db.Note  # type: ignore[attr-defined]
    return [
        lambda session: session.query(Note).all(),
        lambda session: session.get(Note, 1),
        lambda session: session.execute(select(Note)),
        lambda session: session.scalar("SELECT 1"),
        lambda session: session.connection(),
        lambda session: session.add(Note(text="late")),
        lambda session: session.add_all([Note(text="late")]),
        lambda session: session.merge(Note(text="late")),
        lambda session: session.bulk_insert(Note, [{"text": "late"}]),
        lambda session: session.begin(),
        lambda session: session.begin_nested(),
        lambda session: session.commit(),
    ]


@pytest.mark.parametrize("autocommit", [False, True])
@pytest.mark.parametrize("fails", [False, True])
def test_the_session_of_a_block_is_refused_after_the_block(database_uri: str, fails: bool, autocommit: bool) -> None:
    db = make_db(session_options={"autocommit": autocommit})
    app = make_app(db, database_uri)
    with app.app_context():
        with contextlib.suppress(LookupError), db.unit_of_work() as session:
            note = db.Note(text="a")  # type: ignore[attr-defined]
            session.add(note)
            query = session.query(db.Note)  # type: ignore[attr-defined]
            session.flush()
            if fails:
                raise LookupError
        for use in [*_uses(db), lambda _: query.all(), lambda session: session.delete(note)]:
            with pytest.raises(exc.InvalidRequestError, match=r"a unit of work, which has ended.*db\.unit_of_work\(\)"):
                use(session)
        session.rollback()
        session.close()
        assert db.engine.pool.checked_out() == 0
    dispose(db, app)


def test_objects_of_a_block_that_has_ended_are_readable_and_load_nothing(database_uri: str) -> None:
    db = make_db(session_options={"expire_on_commit": False})
    app = make_app(db, database_uri)
    with app.app_context():
        with db.unit_of_work() as session:
            session.add(db.Note(text="a"))  # type: ignore[attr-defined]
        with db.unit_of_work() as session:
            note = session.query(db.Note).options(defer("text")).one()  # type: ignore[attr-defined]
        assert note.id == 1
        with pytest.raises(DetachedInstanceError, match=r"Note\.text.*merge"):
            note.text
        with db.unit_of_work() as session:
            assert session.merge(note).text == "a"
    dispose(db, app)


def test_the_session_of_a_request_is_refused_after_the_request(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    seen: list[Any] = []
    flask_app.add_url_rule("/", "index", lambda: seen.append(db.session()) or "")
    http.get("/")
    with pytest.raises(exc.InvalidRequestError, match="of a request, which has ended"):
        seen[0].query(db.Note).all()  # type: ignore[attr-defined]


def test_the_pool_names_a_unit_of_work_that_holds_a_connection(db: UnitOfWork, database_uri: str) -> None:
    app = make_app(
        db, database_uri, create=False, UOW_ENGINE_OPTIONS={"pool_size": 1, "max_overflow": 0, "pool_timeout": 0}
    )
    with db.unit_of_work() as session:
        session.scalar("SELECT 1")
        with pytest.raises(exc.TimeoutError, match=r"unit of work [0-9]+"), db.engine.connect():
            pass
    dispose(db, app)


def test_blocks_in_generators_may_end_in_any_order(db: UnitOfWork, flask_app: Flask) -> None:
    def hold() -> Iterator[bool]:
        with db.unit_of_work() as session:
            yield db.session() is session
            yield db.session() is session

    with flask_app.app_context():
        outside = db.scope_id()
        first, second = hold(), hold()
        assert next(first)
        assert next(second)
        first.close()
        assert next(second)
        second.close()
        assert db.scope_id() == outside
        add_note(db, "a")
    assert saved_texts(db, flask_app) == ["a"]


@pytest.mark.parametrize("end", ["close", "collect", "exhaust"])
@pytest.mark.parametrize("where", ["thread", "context"])
def test_a_block_in_a_generator_may_end_in_another_thread_or_context_of_python(
    db: UnitOfWork, flask_app: Flask, where: str, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", errors.append)
    monkeypatch.setattr(threading, "excepthook", errors.append)

    def hold() -> Iterator[int]:
        with db.unit_of_work():
            add_note(db, "a")
            yield 1
            yield 2

    generators = [hold()]
    next(generators[0])

    def finish() -> None:
        generator = generators.pop()
        if end == "close":
            generator.close()
        elif end == "exhaust":
            assert list(generator) == [2]

    if where == "thread":
        thread = threading.Thread(target=finish)
        thread.start()
        thread.join()
    else:
        contextvars.copy_context().run(finish)
    assert errors == []
    with pytest.raises(InvalidRequestError, match="outside of any scope"):
        db.scope_id()
    assert saved_texts(db, flask_app) == (["a"] if end == "exhaust" else [])


def test_rollback_at_end_inside_a_block_is_about_the_block(db: UnitOfWork, flask_app: Flask) -> None:
    with flask_app.app_context():
        add_note(db, "outer")
        with db.unit_of_work():
            add_note(db, "block")
            db.rollback_at_end()
    assert saved_texts(db, flask_app) == ["outer"]


def test_a_block_works_outside_any_context_when_there_is_one_app(db: UnitOfWork, flask_app: Flask) -> None:
    with db.unit_of_work() as session:
        session.add(db.Note(text="a"))  # type: ignore[attr-defined]
    assert saved_texts(db, flask_app) == ["a"]


def test_a_block_outside_any_context_is_an_error_with_several_apps_or_none(database_uri: str) -> None:
    db = make_db()
    with pytest.raises(exc.InvalidRequestError, match="was not initialized"), db.unit_of_work():
        pass
    apps = [make_app(db, database_uri) for _ in range(2)]
    with pytest.raises(exc.InvalidRequestError, match=r"serves 2 apps.*app_context"), db.unit_of_work():
        pass
    for app in apps:
        dispose(db, app)


def test_a_block_in_a_thread_is_independent(db: UnitOfWork, flask_app: Flask) -> None:
    def work() -> None:
        with db.unit_of_work() as session:
            session.add(db.Note(text="thread"))  # type: ignore[attr-defined]

    with flask_app.app_context():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        db.rollback_at_end()
    assert saved_texts(db, flask_app) == ["thread"]


def test_an_app_may_be_given_by_its_proxy(tmp_path: Path, database_uri: str) -> None:
    db = make_db()
    app = Flask(__name__, instance_path=str(tmp_path))
    app.config.update(UOW_DATABASE_URI=database_uri)
    with app.app_context():
        db.init_app(current_app)
        db.create_all()
        add_note(db, "a")
        assert db.engines_of(current_app) is db.engines
        with pytest.raises(InvalidRequestError, match="has a UnitOfWork already"):
            UnitOfWork(current_app)
    assert saved_texts(db, app) == ["a"]
    dispose(db, app)


def test_two_extensions_do_not_see_each_others_sessions(database_uri: str, second_database_uri: str) -> None:
    first, second = make_db(), make_db()
    first_app, second_app = make_app(first, database_uri), make_app(second, second_database_uri)
    with first_app.app_context():
        add_note(first, "first")
        with second_app.app_context():
            add_note(second, "second")
            with pytest.raises(exc.InvalidRequestError, match="does not serve"):
                first.session()
    assert saved_texts(first, first_app) == ["first"]
    assert saved_texts(second, second_app) == ["second"]
    dispose(first, first_app)
    dispose(second, second_app)


def test_one_extension_on_two_apps_uses_the_engines_of_the_current_app(
    database_uri: str, second_database_uri: str
) -> None:
    db = make_db()
    apps = [make_app(db, uri) for uri in (database_uri, second_database_uri)]
    for number, app in enumerate(apps):
        with app.app_context():
            add_note(db, f"app {number}")
    assert [saved_texts(db, app) for app in apps] == [["app 0"], ["app 1"]]
    for app in apps:
        dispose(db, app)


def test_a_context_that_is_never_popped_is_rolled_back_and_named(db: UnitOfWork, flask_app: Flask) -> None:
    def forget() -> None:
        flask_app.app_context().push()
        add_note(db, "lost")
        db.session.flush()

    thread = threading.Thread(target=forget)
    thread.start()
    thread.join()
    del thread
    with pytest.warns(ResourceWarning) as caught:
        gc.collect()
    assert any("never popped" in str(w.message) and "apps.py:" in str(w.message) for w in caught)
    with flask_app.app_context():
        for engine in db.engines.values():
            assert engine.pool.checked_out() == 0
    assert saved_texts(db, flask_app) == []


def test_the_number_of_a_scope_is_never_used_again_even_where_python_uses_the_address_of_its_context_again(
    db: UnitOfWork, flask_app: Flask
) -> None:
    numbers, addresses = set(), set()
    for _ in range(500):
        with flask_app.app_context() as context:
            numbers.add(db.scope_id())
            addresses.add(id(context))
    assert len(numbers) == 500
    assert len(addresses) < 500, "the test shows nothing when no address is used again"


@pytest.mark.parametrize(("fails", "expected"), [(False, ["thread"]), (True, [])])
def test_a_thread_with_a_copied_request_context_commits_when_it_ends_cleanly_and_rolls_back_when_it_raises(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient, fails: bool, expected: list[str]
) -> None:
    def view() -> Any:
        @copy_current_request_context
        def work() -> None:
            add_note(db, "thread")
            if fails:
                raise LookupError

        def run() -> None:
            with contextlib.suppress(LookupError):
                work()

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        return ""

    flask_app.add_url_rule("/", "index", view, methods=["POST"])
    assert http.post("/").status_code == 200
    assert saved_texts(db, flask_app) == expected


def test_the_session_of_a_scope_is_never_configured_globally(db: UnitOfWork) -> None:
    with pytest.raises(InvalidRequestError, match="cannot be configured"):
        db.session.configure(bind=None)


def test_an_object_read_after_its_scope_has_ended_names_its_class_the_attribute_and_the_cure(
    db: UnitOfWork, flask_app: Flask, http: FlaskClient
) -> None:
    kept: list[Any] = []

    def view() -> str:
        kept.append(add_note(db, "a"))
        db.session.flush()
        db.session.expire(kept[0])
        return ""

    flask_app.add_url_rule("/", "index", view, methods=["POST"])
    assert http.post("/").status_code == 200
    with pytest.raises(DetachedInstanceError, match=r"Note\.text of <Note .*detached.*(add|merge)"):
        kept[0].text


def test_a_session_that_cannot_be_closed_is_logged_and_the_response_stands(
    db: UnitOfWork,
    flask_app: Flask,
    http: FlaskClient,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def view() -> str:
        add_note(db, "a")

        def close() -> None:
            raise LookupError("in close")

        monkeypatch.setattr(db.session(), "close", close)
        return "fine"

    flask_app.add_url_rule("/", "index", view, methods=["POST"])
    assert http.post("/").text == "fine"
    assert "A Session could not be closed" in caplog.text
    assert saved_texts(db, flask_app) == ["a"]
