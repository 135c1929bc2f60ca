"""The lifecycle behind real servers on loopback: werkzeug's, and gunicorn with sync, gthread (``--preload``) and gevent workers."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from tests.integration.bank import ACCOUNTS, OPENING_BALANCE, create_app, create_tables, db
from tests.integration.processes import free_port, running, wait_until_up
from tests.postgresql import execute

# a worker that is told to stop while it boots may miss the signal, and is killed after the graceful time-out
GUNICORN = ["--no-control-socket", "--graceful-timeout", "5", "tests.integration.bank:create_app()"]
SERVERS = {
    "werkzeug": ("flask", ["--app", "tests.integration.bank", "run", "--with-threads"]),
    "gunicorn sync": ("gunicorn", ["-k", "sync", "--workers", "2", *GUNICORN]),
    "gunicorn gthread --preload": ("gunicorn", ["-k", "gthread", "--threads", "4", "--workers", "2", "--preload", *GUNICORN]),
    "gunicorn gevent": ("gunicorn", ["-k", "gevent", "--workers", "1", *GUNICORN]),
}  # fmt: skip


def make_bank(uri: str) -> None:
    """Make tables and accounts, by an engine that is closed again."""
    app = create_app(uri)
    with app.app_context():
        create_tables()
        engine = db.engine
    engine.dispose()


@contextmanager
def serving(name: str, uri: str, tmp_path: Path, **environment: str) -> Iterator[str]:
    """Run a server of the bank, and give its URL."""
    module, arguments = SERVERS[name]
    port = free_port()
    where = (
        ["--port", str(port)]
        if module == "flask"
        else ["--bind", f"127.0.0.1:{port}", "--worker-tmp-dir", str(tmp_path)]
    )
    url = f"http://127.0.0.1:{port}"
    expected = None if module == "flask" else 0
    with running(module, [*arguments, *where], {"BANK_URI": uri, **environment}, expected_exit=expected) as process:
        wait_until_up(process, f"{url}/")
        yield url


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any) -> None:
        return None


def ask(url: str, method: str = "GET") -> tuple[int, str]:
    """Return status and body."""
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        with opener.open(urllib.request.Request(url, method=method), timeout=60) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def references(uri: str) -> list[str]:
    return [reference for (reference,) in execute(uri, "SELECT reference FROM transfer ORDER BY 1")]


def states(uri: str) -> set[str]:
    """Return the states of the sessions of all but this connection."""
    rows = execute(
        uri,
        "SELECT DISTINCT state FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
    )
    return {state for (state,) in rows}


@pytest.mark.parametrize("server", SERVERS)
def test_what_a_client_is_told_is_what_the_database_holds(server: str, postgresql_uri: str, tmp_path: Path) -> None:
    make_bank(postgresql_uri)
    with serving(server, postgresql_uri, tmp_path) as url:
        assert ask(f"{url}/transfers/ok/1/2/10", "POST")[0] == 201
        assert ask(f"{url}/transfers/ok/1/2/10", "POST")[0] == 500, "the reference is taken: the commit fails"
        assert ask(f"{url}/transfers/raises/1/2/10?fail=exception", "POST")[0] == 500
        assert ask(f"{url}/transfers/aborts/1/2/10?fail=abort", "POST")[0] == 409
        assert ask(f"{url}/transfers/returns/1/2/10?fail=returned", "POST")[0] == 422
        assert ask(f"{url}/plain/plain/1/2/10", "POST")[0] == 201
        assert ask(f"{url}/plain/redirects/1/2/10?redirect=1", "POST")[0] == 302
        assert ask(f"{url}/plain/plain-raises/1/2/10?fail=1", "POST")[0] == 500
        status, body = ask(f"{url}/stream/3?reference=streamed")
        assert (status, len(body)) == (200, 3 * 65_536)
        assert json.loads(ask(f"{url}/total")[1]) == {"total": ACCOUNTS * OPENING_BALANCE}
        assert states(postgresql_uri) <= {"idle"}
    assert references(postgresql_uri) == ["ok", "plain", "redirects", "streamed", "streamed in the body"]


@pytest.mark.parametrize("server", SERVERS)
def test_many_clients_at_once_lose_no_update(server: str, postgresql_uri: str, tmp_path: Path) -> None:
    make_bank(postgresql_uri)
    statuses: list[int] = []

    def client(number: int) -> None:
        for turn in range(5):
            source, target = (number + turn) % ACCOUNTS, (number + turn * 3 + 1) % ACCOUNTS
            if source != target:
                statuses.append(ask(f"{url}/transfers/{number}.{turn}/{source}/{target}/1", "POST")[0])

    with serving(server, postgresql_uri, tmp_path) as url:
        clients = [threading.Thread(target=client, args=[number]) for number in range(6)]
        for thread in clients:
            thread.start()
        for thread in clients:
            thread.join()
    assert set(statuses) == {201}
    assert len(references(postgresql_uri)) == len(statuses)
    assert execute(postgresql_uri, "SELECT sum(balance) FROM account") == [(ACCOUNTS * OPENING_BALANCE,)]


@pytest.mark.parametrize("server", ["gunicorn sync", "gunicorn gthread --preload", "gunicorn gevent"])
def test_workers_do_not_use_the_connection_that_was_opened_before_the_fork(
    server: str, postgresql_uri: str, tmp_path: Path
) -> None:
    make_bank(postgresql_uri)
    with serving(server, postgresql_uri, tmp_path, BANK_PRELOAD="1") as url:
        seen = [json.loads(ask(f"{url}/process")[1]) for _ in range(20)]
        if "--preload" in server:
            # alive, idle and nobody else's: the parent's own
            parent = seen[0]["parent"]
            assert {answer["backend"] for answer in seen}.isdisjoint({parent})
            alive = execute(postgresql_uri, f"SELECT state FROM pg_stat_activity WHERE pid = {int(parent)}")
            assert alive == [("idle",)]
    by_process = {answer["pid"]: {a["backend"] for a in seen if a["pid"] == answer["pid"]} for answer in seen}
    backends = [backend for found in by_process.values() for backend in found]
    assert len(backends) == len(set(backends)), f"two processes shared a connection: {by_process}"


def test_under_gevent_a_slow_query_blocks_its_request_and_not_the_worker(postgresql_uri: str, tmp_path: Path) -> None:
    make_bank(postgresql_uri)
    slow: list[tuple[int, str]] = []
    with (
        closing(psycopg2.connect(postgresql_uri)) as holder,
        serving("gunicorn gevent", postgresql_uri, tmp_path) as url,
    ):
        cursor = holder.cursor()
        cursor.execute("SELECT pg_advisory_lock(1)")
        waiting = threading.Thread(target=lambda: slow.append(ask(f"{url}/wait/slow/1", "POST")))
        waiting.start()
        while not execute(postgresql_uri, "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
            assert waiting.is_alive()
        # the only worker has a request that waits for the database, and answers others all the same
        answered = [json.loads(ask(f"{url}/process")[1])["pid"] for _ in range(5)]
        assert slow == []
        cursor.execute("SELECT pg_advisory_unlock(1)")
        waiting.join(60)
    ((status, body),) = slow
    assert status == 200
    assert set(answered) == {json.loads(body)["pid"]}
    assert references(postgresql_uri) == ["slow"]
