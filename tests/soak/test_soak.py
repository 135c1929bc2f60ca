"""16 threads against gunicorn on PostgreSQL, with random failures; then the invariants.

The clients transfer money under references of their own; at random a view raises, aborts or returns an error after it has written, a
client hangs up, and now and then a worker is killed. Afterwards: no money was made or lost, the ledger holds exactly what clients were told was saved
(and perhaps what they were told nothing about), no 5xx but those that were injected, and no connection is left in a transaction.
The short form runs in CI; the long one is marked ``soak``.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from tests.integration.bank import ACCOUNTS, OPENING_BALANCE
from tests.integration.processes import free_port, running, wait_until_up
from tests.integration.test_real_servers import GUNICORN, make_bank
from tests.postgresql import execute

THREADS = 16
WORKERS = 2
KILLS_EVERY = 4.0  # seconds
INJECTED = {"exception": 500, "abort": 409, "returned": 422}


class Client(threading.Thread):
    """Sends transfers until the deadline, and keeps what it was told.

    :ivar saved: references of which it was told that they were saved.
    :ivar refused: references of which it was told that they were not.
    :ivar untold: references whose request was cut, by itself or by the end of a worker.
    """

    def __init__(self, port: int, number: int, deadline: float) -> None:
        super().__init__()
        self.port = port
        self.number = number
        self.deadline = deadline
        self.random = random.Random(number)
        self.saved: set[str] = set()
        self.refused: set[str] = set()
        self.untold: set[str] = set()
        self.wrong: list[str] = []
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            turn = 0
            while time.monotonic() < self.deadline:
                self.step(f"{self.number}.{turn}")
                turn += 1
        except BaseException as error:  # noqa: BLE001 (told by the test)
            self.failure = error

    def step(self, reference: str) -> None:
        choice = self.random.random()
        source, target = self.random.sample(range(ACCOUNTS), 2)
        path = f"/transfers/{reference}/{source}/{target}/{self.random.randint(1, 3)}"
        if choice < 0.02:
            self.hang_up(reference, f"POST {path}")
        elif choice < 0.04:
            self.hang_up(f"{reference}", f"GET /stream/1000?reference={reference}")
            self.untold.add(f"{reference} in the body")
        elif choice < 0.10:
            injected = self.random.choice(sorted(INJECTED))
            self.send(reference, f"{path}?fail={injected}", INJECTED[injected])
        elif choice < 0.15:
            self.look()
        else:
            self.send(reference, path, 201)

    def send(self, reference: str, path: str, expected: int) -> None:
        status = self.request("POST", path)[0]
        if status is None:
            self.untold.add(reference)
        elif status == 201:
            self.saved.add(reference)
        else:
            self.refused.add(reference)
        if status not in (None, expected):
            self.wrong.append(f"{path}: {status} instead of {expected}")

    def look(self) -> None:
        status, body = self.request("GET", "/total")
        if status is not None and (status != 200 or json.loads(body) != {"total": ACCOUNTS * OPENING_BALANCE}):
            self.wrong.append(f"/total: {status} {body!r}")

    def request(self, method: str, path: str) -> tuple[int | None, bytes]:
        """Return status and body; None where the connection was cut, as by the end of a worker."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.read()
        except (http.client.HTTPException, ConnectionError):
            return None, b""
        finally:
            connection.close()

    def hang_up(self, reference: str, line: str) -> None:
        """Send a request, and leave before the answer, or in the middle of it."""
        self.untold.add(reference)
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=60) as raw:
                raw.sendall(f"{line} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n".encode())
                if self.random.random() < 0.5:
                    raw.recv(1000)
        except ConnectionError:
            pass  # the worker was killed first


def kill_workers(master: int, deadline: float, stop: threading.Event) -> None:
    """Kill a worker now and then, by its process id."""
    chooser = random.Random(0)
    while time.monotonic() + KILLS_EVERY < deadline and not stop.wait(KILLS_EVERY):
        workers = Path(f"/proc/{master}/task/{master}/children").read_text(encoding="ascii").split()
        if workers:
            os.kill(int(chooser.choice(workers)), signal.SIGKILL)


@pytest.mark.parametrize("seconds", [pytest.param(10), pytest.param(60, marks=pytest.mark.soak)])
def test_clients_are_told_the_truth_under_load_and_random_failures(
    seconds: int, postgresql_uri: str, tmp_path: Path
) -> None:
    make_bank(postgresql_uri)
    port = free_port()
    arguments = [
        "-k",
        "gthread",
        "--threads",
        "8",
        "--workers",
        str(WORKERS),
        "--preload",
        "--bind",
        f"127.0.0.1:{port}",
    ]
    arguments += ["--worker-tmp-dir", str(tmp_path), "--backlog", "512", *GUNICORN]
    stop = threading.Event()
    with running("gunicorn", arguments, {"BANK_URI": postgresql_uri, "BANK_PRELOAD": "1"}) as server:
        wait_until_up(server, f"http://127.0.0.1:{port}/")
        deadline = time.monotonic() + seconds
        clients = [Client(port, number, deadline) for number in range(THREADS)]
        killer = threading.Thread(target=kill_workers, args=[server.pid, deadline, stop])
        for thread in (killer, *clients):
            thread.start()
        for client in clients:
            client.join(seconds + 120)
        stop.set()
        killer.join()
        assert [client.failure for client in clients] == [None] * THREADS
        wait_until_nothing_runs(postgresql_uri, 30.0)
        # each worker keeps its pool of five; the master the one that it opened before it forked
        wait_until_connected(postgresql_uri, WORKERS * 5 + 1, 30.0)
    assert [wrong for client in clients for wrong in client.wrong] == []
    saved = set().union(*(client.saved for client in clients))
    refused = set().union(*(client.refused for client in clients))
    untold = set().union(*(client.untold for client in clients))
    ledger = {reference for (reference,) in execute(postgresql_uri, "SELECT reference FROM transfer")}
    assert saved <= ledger <= saved | untold
    assert ledger.isdisjoint(refused)
    assert len(saved) > 50
    assert len(refused) > 1
    assert execute(postgresql_uri, "SELECT sum(balance) FROM account") == [(ACCOUNTS * OPENING_BALANCE,)]
    booked = "SELECT id, balance - (SELECT coalesce(sum(amount), 0) FROM transfer WHERE target = account.id)"
    booked += " + (SELECT coalesce(sum(amount), 0) FROM transfer WHERE source = account.id) FROM account ORDER BY id"
    assert execute(postgresql_uri, booked) == [(number, OPENING_BALANCE) for number in range(ACCOUNTS)]


def wait_until_connected(uri: str, most: int, seconds: float) -> None:
    """Return when there are no more sessions than ``most``: on a busy machine those of a killed worker take a moment to end."""
    deadline = time.monotonic() + seconds
    sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    while (connections := execute(uri, sql)[0][0]) > most:
        assert time.monotonic() < deadline, f"{connections} sessions, expected {most} at most"


def wait_until_nothing_runs(uri: str, seconds: float) -> None:
    """Return when no session is in a transaction: the server notices the end of a killed client when it writes to it."""
    deadline = time.monotonic() + seconds
    while busy := execute(
        uri,
        "SELECT state, query FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND backend_type = 'client backend' AND state <> 'idle'",
    ):
        assert time.monotonic() < deadline, busy
