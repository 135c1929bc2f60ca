"""Random requests: whatever a view does with its Sessions, and however it ends, what is saved is what the rules say."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask, Response, redirect, stream_with_context
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_uow import IntegrityError, UnitOfWork
from tests.web.apps import add_note, dispose, make_app, make_db, saved_texts

_numbers = itertools.count()


@dataclass
class Expected:
    """What the rules say about one request.

    :ivar levels: what waits for a commit in ``db.session``: in its transaction, and in each savepoint.
    :ivar other: what waits in another Session of the scope.
    :ivar callbacks: what ``db.after_commit()`` was given, each with the level that it belongs to.
    """

    saved: set[str] = field(default_factory=set)
    called: list[str] = field(default_factory=list)
    levels: list[set[str]] = field(default_factory=lambda: [set()])
    other: set[str] = field(default_factory=set)
    callbacks: list[tuple[str, int]] = field(default_factory=list)
    rolls_back: bool = False

    def commit_level(self) -> None:
        """Commit the innermost level."""
        done = self.levels.pop()
        if self.levels:
            self.levels[-1] |= done
            self.callbacks = [(name, min(level, len(self.levels) - 1)) for name, level in self.callbacks]
            return
        self.saved |= done
        self.called += [name for name, _ in self.callbacks]
        self.drop()

    def roll_back_level(self) -> None:
        """Roll the innermost level back."""
        self.levels.pop()
        self.callbacks = [(name, level) for name, level in self.callbacks if level < len(self.levels)]
        if not self.levels:
            self.drop()

    def drop(self) -> None:
        """Begin anew."""
        self.levels, self.callbacks = [set()], []

    def end(self, well: bool) -> None:
        """End the scope."""
        if well and not self.rolls_back:
            while len(self.levels) > 1:
                self.commit_level()
            self.commit_level()
            self.saved |= self.other
        self.drop()
        self.other = set()


Step = Callable[[UnitOfWork, Flask, Expected, str], object]


def add(db: UnitOfWork, app: Flask, expected: Expected, text: str) -> None:
    add_note(db, text)
    expected.levels[-1].add(text)


def add_to_another_session(db: UnitOfWork, app: Flask, expected: Expected, text: str) -> None:
    db.get_session("other").add(db.Note(text=text))  # type: ignore[attr-defined]
    expected.other.add(text)


def flush(db: UnitOfWork, app: Flask, expected: Expected, text: str) -> None:
    db.session.flush()


def read(db: UnitOfWork, app: Flask, expected: Expected, text: str) -> None:
    db.session.query(db.Note).count()  # type: ignore[attr-defined]


def commit(db: UnitOfWork, app: Flask, expected: Expected, text: str) -> None:
    db.session.commit()
    expected.commit_level()


def roll_back(db: UnitOfWork, app: Flask, expected: Expected, text: str) -> None:
    db.session.rollback()
    expected.roll_back_level()


def begin_nested(db: UnitOfWork, app: Flask, expected: Expected, text: str) -> None:
    db.session.begin_nested()
    expected.levels.append(set())


def add_the_same_twice_in_a_savepoint(db: UnitOfWork, app: Flask, expected: Expected, text: str) -> None:
    with pytest.raises(IntegrityError), db.session.begin_nested():
        add_note(db, text)
        add_note(db, text)


def close(db: UnitOfWork, app: Flask, expected: Expected, text: str) -> None:
    db.session.close()
    expected.drop()


def remove(db: UnitOfWork, app: Flask, expected: Expected, text: str) -> None:
    db.session.remove()
    expected.drop()


def wait_for_commit(db: UnitOfWork, app: Flask, expected: Expected, text: str) -> None:
    db.after_commit(lambda: called.append(text))
    expected.callbacks.append((text, len(expected.levels) - 1))


def ask_for_rollback(db: UnitOfWork, app: Flask, expected: Expected, text: str) -> None:
    db.rollback_at_end()
    expected.rolls_back = True


def open_unit(db: UnitOfWork, app: Flask, expected: Expected, text: str) -> None:
    with db.unit_of_work() as session:
        session.add(db.Note(text=text))  # type: ignore[attr-defined]
    expected.saved.add(text)


def open_unit_that_raises(db: UnitOfWork, app: Flask, expected: Expected, text: str) -> None:
    with pytest.raises(LookupError), db.unit_of_work() as session:
        session.add(db.Note(text=text))  # type: ignore[attr-defined]
        session.flush()
        raise LookupError


def push_app_context(db: UnitOfWork, app: Flask, expected: Expected, text: str) -> None:
    with app.app_context():
        add_note(db, text)
    if app.config["UOW_COMMIT_ON"] is not None:
        expected.saved.add(text)


def run(db: UnitOfWork, app: Flask, expected: Expected, text: str) -> None:
    db.run(lambda: add_note(db, text))
    expected.saved.add(text)


# on SQLite these would wait for the write lock that db.session has, and so for themselves
NEED_THE_LOCK: tuple[Step, ...] = (open_unit, open_unit_that_raises, push_app_context, run)
STEPS: tuple[Step, ...] = (
    add, add, add_to_another_session, flush, read, commit, roll_back, begin_nested, add_the_same_twice_in_a_savepoint, close, remove,
    wait_for_commit, ask_for_rollback, *NEED_THE_LOCK,
)  # fmt: skip
ENDS = ["well", "redirect", "stream", "refused", "raises", "handled"]

called: list[str] = []
plan: dict[str, Any] = {}


def may_be_done(step: Step, db: UnitOfWork, expected: Expected) -> bool:
    if db.engine.name == "postgresql":
        return True
    if step in NEED_THE_LOCK:
        return not (expected.other or any(expected.levels) or db.session().in_transaction())
    # two Sessions of a scope are two connections
    return (
        not expected.other if step is not add_to_another_session else not (any(expected.levels) or expected.levels[1:])
    )


@pytest.fixture(params=["response", "teardown", None])
def served(request: pytest.FixtureRequest, database_uri: str) -> Iterator[tuple[UnitOfWork, Flask]]:
    """An app whose one view does what ``plan`` says."""
    db = make_db()
    app = make_app(db, database_uri, UOW_COMMIT_ON=request.param, UOW_ENGINE_OPTIONS={"pool_timeout": 5})

    @app.post("/")
    def view() -> Any:
        expected: Expected = plan["expected"]
        for step in plan["steps"]:
            if may_be_done(step, db, expected):
                step(db, app, expected, f"{plan['id']}-{next(_numbers)}")
        if plan["end"] == "raises":
            raise LookupError
        if plan["end"] == "handled":
            raise ArithmeticError
        if plan["end"] == "stream":
            return Response(stream_with_context(body()))
        return redirect("/") if plan["end"] == "redirect" else ("", 409 if plan["end"] == "refused" else 200)

    def body() -> Iterator[str]:
        yield "a"
        add_note(db, f"{plan['id']}-body")
        yield "b"

    @app.errorhandler(ArithmeticError)
    def handle(error: ArithmeticError) -> str:
        add_note(db, f"{plan['id']}-handler")
        return "handled"

    yield db, app
    dispose(db, app)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(STEPS), max_size=9), st.sampled_from(ENDS))
def test_what_a_random_request_saves_is_what_the_rules_say(
    served: tuple[UnitOfWork, Flask], steps: list[Step], end: str
) -> None:
    db, app = served
    expected = Expected()
    called.clear()
    plan.update(expected=expected, steps=steps, end=end, id=f"request {next(_numbers)}")
    with app.test_client().post("/", buffered=False) as response:
        assert response.status_code == {"redirect": 302, "refused": 409, "raises": 500}.get(end, 200)
        assert response.get_data() is not None
    commits = app.config["UOW_COMMIT_ON"] is not None
    expected.end(commits and end in ("well", "redirect", "stream"))
    if commits and not expected.rolls_back and end in ("stream", "handled"):
        expected.saved.add(f"{plan['id']}-{'body' if end == 'stream' else 'handler'}")
    assert {text for text in saved_texts(db, app) if text.startswith(f"{plan['id']}-")} == expected.saved
    assert called == expected.called
    with app.app_context():
        assert db.engine.pool.checked_out() == 0
