"""The fixture ``uow_rollback``, in test suites as users write them: with the installed plugin, beside pytest-flask."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

APP = """
from flask import Flask, request
from flask_uow import Mapped, UnitOfWork, mapped_column, select

db = UnitOfWork()


class Note(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(unique=True)


class Entry(db.Model):
    __bind_key__ = "audit"
    id: Mapped[int] = mapped_column(primary_key=True)


def create_app(twophase=False, **config):
    app = Flask(__name__)
    app.config.update(config)
    db.init_app(app)

    @app.before_request
    def make_session():
        db.session(twophase=twophase)

    @app.post("/<text>")
    def create(text):
        db.session.add_all([Note(text=text), Entry()])
        db.session.flush()
        return "", int(request.args.get("status", 201))

    @app.get("/")
    def index():
        return " ".join(sorted(db.session.scalars(select(Note.text))))

    @app.post("/own/<text>")
    def own_commit(text):
        db.session.add(Note(text=text))
        db.session.commit()
        db.session.add(Note(text=text + " not committed"))
        db.session.flush()
        return "", 400

    return app
"""

CONFTEST = """
import pytest
from myapp import create_app, db


@pytest.fixture(scope="session")
def app():
    app = create_app(UOW_DATABASE_URI=%r, UOW_BINDS={"audit": %r}, TESTING=True, twophase=%r)
    with app.app_context():
        db.create_all()
    yield app
    with app.app_context():
        db.drop_all()
        for engine in db.engines.values():
            engine.dispose()


@pytest.fixture(autouse=True)
def _rolled_back(uow_rollback):
    yield
"""

TESTS = """
import pytest
from myapp import Entry, Note, db

@pytest.mark.parametrize("turn", [1, 2])
def test_commits_of_the_app_are_seen_and_gone_in_the_next_test(client, turn):
    assert client.get("/").text == ""
    assert client.post("/a").status_code == 201
    assert client.post("/b?status=400").status_code == 400
    assert client.get("/").text == "a"
    assert db.session.query(Entry).count() == 1

@pytest.mark.parametrize("turn", [1, 2])
def test_the_test_and_its_client_share_the_data(client, turn):
    db.session.add(Note(text="by the test"))
    db.session.commit()
    assert client.get("/").text == "by the test"
    client.post("/by-the-client")
    assert db.session.query(Note).count() == 2
    db.session.rollback()
    assert db.session.query(Note).count() == 2

@pytest.mark.parametrize("turn", [1, 2])
def test_commits_of_views_and_units_of_work_are_undone_too(app, client, turn):
    client.post("/own/a")
    with db.unit_of_work() as session:
        session.add_all([Note(text="b"), Entry()])
    assert db.run(lambda: db.session.query(Note).count()) == 2
    with pytest.raises(LookupError), db.unit_of_work() as session:
        session.add(Note(text="c"))
        session.flush()
        raise LookupError
    assert client.get("/").text == "a b"

@pytest.mark.parametrize("turn", [1, 2])
def test_a_failing_commit_fails_as_ever(app, client, turn):
    from flask_uow import IntegrityError
    client.post("/a")
    with pytest.raises(IntegrityError):
        client.post("/a")
    assert client.get("/").text == "a"
"""


def suite(pytester: pytest.Pytester, uri: str, second_uri: str, tests: str, twophase: bool = False) -> pytest.RunResult:
    pytester.makepyfile(myapp=APP, test_it=tests)
    pytester.makeconftest(CONFTEST % (uri, second_uri, twophase))
    return pytester.runpytest_inprocess("-p", "no:cov", "-p", "no:cacheprovider", "-W", "error")


def test_every_test_runs_in_transactions_that_are_rolled_back_on_every_bind(
    database_uri: str, second_database_uri: str, pytester: pytest.Pytester
) -> None:
    suite(pytester, database_uri, second_database_uri, TESTS).assert_outcomes(passed=8)


def test_databases_in_memory_are_rolled_back_too(pytester: pytest.Pytester) -> None:
    suite(pytester, "sqlite://", "sqlite://", TESTS).assert_outcomes(passed=8)


def test_two_phase_commits_are_rolled_back_too(
    pytester: pytest.Pytester, postgresql_uri: str, second_postgresql_uri: str
) -> None:
    suite(pytester, postgresql_uri, second_postgresql_uri, TESTS, twophase=True).assert_outcomes(passed=8)


def test_the_plugin_works_without_pytest_flask(
    database_uri: str, second_database_uri: str, pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(
        myapp=APP,
        test_it="""
import pytest
from myapp import Note, db

@pytest.mark.parametrize("turn", [1, 2])
def test_it(app, turn):
    client = app.test_client()
    assert client.post("/a").status_code == 201
    assert client.get("/").text == "a"
    with app.app_context():
        db.session.add(Note(text="b"))
    assert client.get("/").text == "a b"
""",
    )
    pytester.makeconftest(CONFTEST % (database_uri, second_database_uri, False))
    result = pytester.runpytest_inprocess("-p", "no:cov", "-p", "no:flask", "-p", "no:cacheprovider", "-W", "error")
    result.assert_outcomes(passed=2)


def test_live_server_works_beside_it_and_a_test_that_uses_both_is_told(
    database_uri: str, second_database_uri: str, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FLASK_RUN_FROM_CLI", raising=False)  # left by the commands that other tests invoke
    pytester.makepyfile(
        myapp=APP,
        test_it="""
import multiprocessing
import urllib.request
import pytest
from myapp import Note, db

multiprocessing.set_start_method("fork", force=True)

@pytest.mark.filterwarnings("default")
def test_both(live_server, client):
    assert client.post("/client").status_code == 201
    # pytest-flask sets SERVER_NAME, and Flask before 3.1 routes no other host
    headers = {"Host": live_server.app.config["SERVER_NAME"]}
    request = urllib.request.Request(f"http://localhost:{live_server.port}/", headers=headers)
    with urllib.request.urlopen(request, timeout=30) as response:
        assert response.read() == b""
    request = urllib.request.Request(f"http://localhost:{live_server.port}/server", method="POST", headers=headers)
    %s

def test_client_only(client):
    assert client.get("/").text == "%s"
"""
        % (
            ("assert urllib.request.urlopen(request, timeout=30).status == 201", "server")
            if database_uri.startswith("postgresql")
            else ("pass", "")
        ),
    )
    pytester.makeconftest(CONFTEST % (database_uri, second_database_uri, False))
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-W", "error")
    result.assert_outcomes(passed=2, warnings=1)
    result.stdout.fnmatch_lines(["*live server is another process*"])


def test_an_app_without_the_extension_is_an_error_that_says_so(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("import flask, pytest\n@pytest.fixture\ndef app():\n    return flask.Flask('x')\n")
    pytester.makepyfile("def test_it(uow_rollback): pass")
    result = pytester.runpytest_inprocess("-p", "no:cov", "-p", "no:cacheprovider")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*has no UnitOfWork*"])


def test_the_conftest_of_the_documentation_can_be_copied(
    database_uri: str, second_database_uri: str, pytester: pytest.Pytester
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "testing.md").read_text(encoding="utf-8")
    (conftest,) = re.findall(r"```python\n(# conftest\.py\n.*?)```", page, re.DOTALL)
    pytester.makepyfile(myapp=APP, test_it=TESTS)
    config = f'UOW_DATABASE_URI="{database_uri}", UOW_BINDS={{"audit": "{second_database_uri}"}}, TESTING=True'
    changed = conftest.replace('UOW_DATABASE_URI="sqlite://", TESTING=True', config)
    assert changed != conftest
    pytester.makeconftest(changed)
    pytester.runpytest_inprocess("-p", "no:cov", "-p", "no:cacheprovider", "-W", "error").assert_outcomes(passed=8)


@pytest.mark.parametrize("pytest_flask", [(), ("-p", "no:flask")], ids=["beside pytest-flask", "without it"])
def test_the_conftest_and_test_of_the_documentation_work_with_the_app_of_the_quickstart(
    pytest_flask: tuple[str, ...], pytester: pytest.Pytester
) -> None:
    docs = Path(__file__).parents[2] / "docs"
    quickstart = (docs / "quickstart.md").read_text(encoding="utf-8")
    (app,) = re.findall(r"```python\n(from flask import .*?)\n\napp = create_app", quickstart, re.DOTALL)
    page = (docs / "testing.md").read_text(encoding="utf-8")
    (conftest,) = re.findall(r"```python\n(# conftest\.py\n.*?)```", page, re.DOTALL)
    (test,) = re.findall(r"```python\n(from myapp import .*?)```", page, re.DOTALL)
    pytester.makeconftest(conftest)
    pytester.makepyfile(myapp=app, test_first=test, test_second=test)
    # a test sees one row, also after the other: what that has saved was rolled back
    options = ("-p", "no:cov", "-p", "no:cacheprovider", "-W", "error", *pytest_flask)
    pytester.runpytest_inprocess(*options).assert_outcomes(passed=2)


# -- app fixtures that yield inside a context, as tutorials show

CONTEXT_CONFTEST = """
import pytest
from myapp import Note, create_app, db


@pytest.fixture(scope={scope!r})
def app():
    app = create_app(UOW_DATABASE_URI={uri!r}, UOW_BINDS={{"audit": {second_uri!r}}}, TESTING=True)
    with {context}:
        db.create_all()
        {seed}
        yield app
        db.drop_all()
        for engine in db.engines.values():
            engine.dispose()


@pytest.fixture
def browser(app):
    return app.test_client()
"""

CONTEXT_TESTS = """
import pytest
from myapp import Entry, Note, db

pytestmark = pytest.mark.usefixtures("uow_rollback")


def texts():
    return [note.text for note in db.session.query(Note).order_by(Note.text)]


@pytest.mark.parametrize("turn", [1, 2])
def test_it_commits(app, turn):
    assert texts() == {seeded}
    db.session.add_all([Note(text="committed"), Entry()])
    db.session.commit()
    assert texts() == sorted([*{seeded}, "committed"])


@pytest.mark.parametrize("turn", [1, 2])
@pytest.mark.parametrize("flush", [False, True])
def test_it_adds_without_a_commit(app, turn, flush):
    assert texts() == {seeded}
    db.session.add(Note(text="only added"))
    if flush:
        db.session.flush()


@pytest.mark.parametrize("turn", [1, 2])
def test_it_only_adds_and_reads_nothing(app, turn):
    db.session.add(Note(text="only added"))


@pytest.mark.parametrize("turn", [1, 2])
def test_it_posts(app, browser, turn):
    before = texts()
    assert before == {seeded}
    assert browser.post("/posted").status_code == 201
    assert browser.post("/refused?status=400").status_code == 400
    assert texts() == sorted([*before, "posted"])
    with browser:
        assert browser.post("/preserved").status_code == 201
        assert db.session.query(Note).count() == len(before) + 2
    with db.unit_of_work() as session:
        session.add(Note(text="in a unit"))
        session.add(Entry())


@pytest.mark.parametrize("turn", [1, 2])
def test_it_opens_a_context_of_its_own(app, turn):
    with app.app_context():
        db.session.add(Note(text="inner"))
    assert texts() == sorted([*{seeded}, "inner"])


@pytest.mark.parametrize("turn", [1, 2])
def test_it_fails_a_commit_and_leaves_the_session_so(app, turn):
    from flask_uow import IntegrityError
    db.session.add_all([Note(text="twice"), Note(text="twice")])
    with pytest.raises(IntegrityError):
        db.session.flush()


def test_nothing_is_left(app):
    assert texts() == {seeded}
    assert db.session.query(Entry).count() == 0
"""


@pytest.mark.parametrize(
    ("scope", "beside"),
    [
        ("function", "alone"),
        ("module", "alone"),
        ("session", "alone"),
        ("function", "pytest-flask"),
        ("session", "pytest-flask"),
    ],
)
def test_an_app_fixture_may_yield_inside_its_context(
    database_uri: str, second_database_uri: str, pytester: pytest.Pytester, scope: str, beside: str
) -> None:
    pytester.makepyfile(myapp=APP, test_it=CONTEXT_TESTS.format(seeded="[]"))
    pytester.makeconftest(
        CONTEXT_CONFTEST.format(
            scope=scope, uri=database_uri, second_uri=second_database_uri, context="app.app_context()", seed="pass"
        )
    )
    plugins = ("-p", "no:flask") if beside == "alone" else ()
    warned = "error" if beside == "alone" else "default"
    result = pytester.runpytest_inprocess("-p", "no:cov", "-p", "no:cacheprovider", "-W", warned, *plugins)
    # in the context that pytest-flask pushes, a test that leaves work uncommitted is told so
    result.assert_outcomes(passed=15, warnings=0 if beside == "alone" else 6)


@pytest.mark.parametrize(
    ("scope", "context", "seed"),
    [
        ("function", "app.app_context()", "db.session.add(Note(text='seed')); db.session.commit()"),
        ("session", "app.test_request_context()", "db.session.add(Note(text='seed')); db.session.commit()"),
        (
            "session",
            "app.app_context()",
            "db.session.add(Note(text='seed')); db.session.commit(); db.session.query(Note).all()",
        ),
    ],
    ids=["app context", "request context", "with a read afterwards"],
)
def test_what_the_app_fixture_commits_stays_for_all_tests(
    database_uri: str, second_database_uri: str, pytester: pytest.Pytester, scope: str, seed: str, context: str
) -> None:
    pytester.makepyfile(myapp=APP, test_it=CONTEXT_TESTS.format(seeded="['seed']"))
    pytester.makeconftest(
        CONTEXT_CONFTEST.format(
            scope=scope, uri=database_uri, second_uri=second_database_uri, context=context, seed=seed
        )
    )
    result = pytester.runpytest_inprocess("-p", "no:cov", "-p", "no:cacheprovider", "-p", "no:flask", "-W", "error")
    result.assert_outcomes(passed=15)


def test_what_the_app_fixture_only_adds_is_part_of_each_test(
    database_uri: str, second_database_uri: str, pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(
        myapp=APP,
        test_it="""
import pytest
from myapp import Note, db

@pytest.mark.parametrize("turn", [1, 2])
def test_it(app, uow_rollback, turn):
    assert [note.text for note in db.session.query(Note)] == ["seed"]
""",
    )
    pytester.makeconftest(
        CONTEXT_CONFTEST.format(
            scope="function",
            uri=database_uri,
            second_uri=second_database_uri,
            context="app.app_context()",
            seed="db.session.add(Note(text='seed'))",
        )
    )
    result = pytester.runpytest_inprocess("-p", "no:cov", "-p", "no:cacheprovider", "-p", "no:flask", "-W", "error")
    result.assert_outcomes(passed=2)


def test_work_of_a_fixture_that_was_sent_and_not_committed_is_an_error_with_both_cures(
    database_uri: str, second_database_uri: str, pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(myapp=APP, test_it="def test_it(app, uow_rollback): pass")
    pytester.makeconftest(
        CONTEXT_CONFTEST.format(
            scope="function",
            uri=database_uri,
            second_uri=second_database_uri,
            context="app.app_context()",
            seed="db.session.add(Note(text='seed')); db.session.flush()",
        )
    )
    result = pytester.runpytest_inprocess("-p", "no:cov", "-p", "no:cacheprovider", "-p", "no:flask")
    # the second one is that of drop_all() in the fixture, which would wait for the same work
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["*uncommitted work of a fixture*commit()*uow_rollback as an argument*"])


def test_a_unit_of_work_that_a_fixture_keeps_open_is_rolled_back_with_the_test(
    database_uri: str, second_database_uri: str, pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(
        myapp=APP,
        test_it="""
import pytest
from myapp import Note, db

@pytest.fixture
def session(app):
    with db.unit_of_work() as session:
        yield session

@pytest.mark.parametrize("turn", [1, 2])
def test_it(app, session, uow_rollback, turn):
    assert session.query(Note).count() == 0
    session.add(Note(text="a"))
""",
    )
    pytester.makeconftest(CONFTEST % (database_uri, second_database_uri, False))
    result = pytester.runpytest_inprocess("-p", "no:cov", "-p", "no:cacheprovider", "-p", "no:flask", "-W", "error")
    result.assert_outcomes(passed=2)
