"""The pytest plugin: the fixture ``uow_rollback``, and what must be known of pytest-flask. Registered under the entry point ``pytest11``.

The fixture takes the test suite's own ``app`` fixture, as pytest-flask does, and undoes after each test what the test and the app have saved.
The work is that of :meth:`flask_uow.engine.engine.Engine.rolled_back`.
"""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterator
from contextlib import ExitStack

import pytest
from flask import Flask

from flask_uow.exc import InvalidRequestError
from flask_uow.web.boundary import tell_of_dropped_work
from flask_uow.web.ending import end_scope, has_changes
from flask_uow.web.extension import UnitOfWork
from flask_uow.web.outcome import Kind, Outcome
from flask_uow.web.scope import active_scopes, keep_for_test, request_context

__all__ = ["pytest_fixture_setup", "uow_rollback"]


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
    """Notice the request context that pytest-flask keeps pushed around each test that uses ``app``: the work in it is the test's.

    It is popped like a context of the application, after which nothing tells it from one whose work is to be committed.
    """
    before = request_context()
    value = yield
    pushed = request_context()
    if pushed is not before and fixturedef.func.__module__ == "pytest_flask.plugin":
        keep_for_test(pushed)
    return value


@pytest.fixture
def uow_rollback(request: pytest.FixtureRequest, app: Flask) -> Iterator[UnitOfWork]:
    """Run the test inside a transaction on each bind of ``app``; all are rolled back at its end.

    The app's own commits, those of nested client calls and two-phase ones included, are savepoints meanwhile. Tables and rows that
    were there before the test, from a fixture with a wider scope say, stay. The Sessions of contexts that stay pushed, around the
    ``yield`` of an app fixture say, are rolled back and closed at the end of the test. Yields the app's UnitOfWork.

    :raises InvalidRequestError: when the app has no UnitOfWork; when ``db.session`` holds uncommitted work of another fixture.
    """
    extension = app.extensions.get("uow")
    if not isinstance(extension, UnitOfWork):
        raise InvalidRequestError(
            f"uow_rollback was used with the app {app.name!r}, which has no UnitOfWork. Call db.init_app(app) in the app fixture."
        )
    if "live_server" in request.fixturenames:
        warnings.warn(
            "uow_rollback and live_server are used by one test: the live server is another process, whose commits are real and cannot be"
            " rolled back. Use `client` with uow_rollback, or clean up after live_server in the test.",
            stacklevel=1,
        )
    _give_connections_back(extension)
    with ExitStack() as stack:
        for engine in extension.engines_of(app).values():
            stack.enter_context(engine.rolled_back())
        # entered last and so run first: the Sessions end while the transactions of the test are there
        stack.callback(_end_scopes, extension)
        yield extension


def _give_connections_back(extension: UnitOfWork) -> None:
    """Have the Sessions of contexts that fixtures keep pushed let go of connections, whose transactions are none of the test's.

    :raises InvalidRequestError: for one that holds work, which would neither be saved nor rolled back with the test.
    """
    for session in [session for scope in active_scopes(extension) for session in scope.sessions]:
        if not session.has_work():
            continue
        if session.has_connections() and session.has_changes():
            raise InvalidRequestError(
                "uow_rollback begins when db.session holds uncommitted work of a fixture, which would be outside of the test's transaction."
                " Call db.session.commit() in that fixture; or have it take uow_rollback as an argument, so that its work is rolled back too."
            )
        if not session.has_changes():
            session.rollback_all()


def _end_scopes(extension: UnitOfWork) -> None:
    """Roll back what contexts hold that stay pushed after the test, as an app fixture with ``yield`` in one does.

    Their ends would commit it outside of the test's transaction. The next test finds new Sessions there.
    """
    for scope in active_scopes(extension):
        holds_work = has_changes(scope)
        end_scope(scope, Outcome.ROLLBACK)
        if holds_work and scope.kind is Kind.TEST:
            tell_of_dropped_work(Kind.TEST)
