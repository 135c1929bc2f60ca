"""A process that is killed in the middle of a request leaves nothing half-written, and the next one just works."""

from __future__ import annotations

import http.client
import signal
import threading
from pathlib import Path

from flask_uow import create_engine
from tests.integration.processes import free_port, running, wait_until_up


def rows(uri: str) -> tuple[int, int]:
    engine = create_engine(uri)
    with engine.connect() as connection:
        counts = connection.scalar("SELECT count(*) FROM parent"), connection.scalar("SELECT count(*) FROM child")
    engine.dispose()
    return counts


def post(port: int, path: str) -> int | None:
    """Return the status of a request, None when the connection was cut."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", path)
        return connection.getresponse().status
    except (http.client.HTTPException, OSError):
        return None
    finally:
        connection.close()


def test_a_kill_between_flush_and_commit_leaves_nothing(database_uri: str, tmp_path: Path) -> None:
    environment = {"HALF_WRITTEN_URI": database_uri, "HALF_WRITTEN_FOLDER": str(tmp_path)}
    port = free_port()
    arguments = ["--app", "tests.integration.half_written", "run", "--port", str(port), "--with-threads"]
    told: list[int | None] = []
    with running("flask", arguments, environment, expected_exit=None) as server:
        wait_until_up(server, f"http://127.0.0.1:{port}/")
        waiting = threading.Thread(target=lambda: told.append(post(port, "/hang")))
        waiting.start()
        for _ in range(600):
            if (tmp_path / "flushed").exists():
                break
            waiting.join(0.1)
        assert (tmp_path / "flushed").exists()
        server.send_signal(signal.SIGKILL)
        waiting.join(60)
        assert server.wait(30) == -signal.SIGKILL
    assert told == [None]
    assert rows(database_uri) == (0, 0)
    with running("flask", arguments, environment, expected_exit=None) as server:
        wait_until_up(server, f"http://127.0.0.1:{port}/")
        assert post(port, "/write") == 200
    assert rows(database_uri) == (500, 5000)
