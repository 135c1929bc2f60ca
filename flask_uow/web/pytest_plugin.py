"""The pytest plugin: the fixture ``uow_rollback``, registered under the entry point ``pytest11``.

It takes the test suite's own ``app`` fixture, as pytest-flask does, and undoes after each test what the test and the app have saved.
The work is that of :meth:`flask_uow.engine.engine.Engine.rolled_back`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from flask import Flask

from flask_uow.exc import InvalidRequestError
from flask_uow.web.extension import UnitOfWork

__all__ = ["uow_rollback"]


@pytest.fixture
def uow_rollback(request: pytest.FixtureRequest, app: Flask) -> Iterator[UnitOfWork]:
    """Run the test inside a transaction on each bind of ``app``; all are rolled back at its end.

    The app's own commits, those of nested client calls and two-phase ones included, are savepoints meanwhile. Tables and rows that
    were there before the test, from a fixture with a wider scope say, stay. Yields the app's UnitOfWork.

    :raises InvalidRequestError: when the app has no UnitOfWork.
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
    with ExitStack() as stack:
        for engine in extension.engines_of(app).values():
            stack.enter_context(engine.rolled_back())
        yield extension
