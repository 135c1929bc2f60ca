"""The request context that pytest-flask keeps pushed around every test with an ``app`` fixture."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

CONFTEST = """
import pytest
from tests.web.apps import add_note, make_app, make_db, saved_texts

DB = make_db()

@pytest.fixture
def db():
    return DB

@pytest.fixture(scope="session")
def app(tmp_path_factory):
    app = make_app(DB, f"sqlite:///{tmp_path_factory.mktemp('db') / 'test.db'}")
    app.config["TESTING"] = True
    app.add_url_rule("/<text>", "add", lambda text: add_note(DB, text) and "", methods=["POST"])
    yield app
    with app.app_context():
        DB.engine.dispose()
"""


def run(pytester: pytest.Pytester, tests: str) -> pytest.RunResult:
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(f"from tests.web.apps import add_note, saved_texts\n{tests}")
    return pytester.runpytest_inprocess("-p", "no:cov", "-p", "no:cacheprovider", "-W", "default")


def test_what_a_test_leaves_uncommitted_is_rolled_back_with_a_warning(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
def test_first(app, db):
    add_note(db, "left behind")
    db.session.flush()

def test_second(app, db):
    assert saved_texts(db, app) == []
""",
    )
    result.assert_outcomes(passed=2, warnings=1)
    result.stdout.fnmatch_lines(["*the test ended with uncommitted work*"])


def test_the_pushed_context_does_not_lock_out_the_client(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
def test_post(app, client, db):
    add_note(db, "by the test")
    db.session.commit()
    assert db.session.query(db.Note).count() == 1
    assert client.post("/by-the-client").status_code == 200
    assert client.post("/again").status_code == 200
    assert saved_texts(db, app) == ["again", "by the test", "by-the-client"]
    assert [note.text for note in db.session.query(db.Note).order_by(db.Note.id)] == [
        "by the test", "by-the-client", "again"
    ]
""",
    )
    result.assert_outcomes(passed=1)
