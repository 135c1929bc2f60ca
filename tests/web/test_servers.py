"""What a client of a real server is told, over a socket."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from werkzeug.serving import make_server

from tests.web.apps import add_note, dispose, make_app, make_db, saved_texts


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    """Serve ``app`` from a thread, and give its URL."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    server.log = lambda *args: None
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=30) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.mark.parametrize("commit_on", ["response", "teardown"])
def test_a_failed_commit_is_a_500_for_the_client_of_a_server(database_uri: str, commit_on: str) -> None:
    db = make_db()
    app = make_app(db, database_uri, UOW_COMMIT_ON=commit_on)

    @app.post("/<text>/<int:times>")
    def view(text: str, times: int) -> str:
        for _ in range(times):
            add_note(db, text)
        return "saved"

    with serving(app) as url:
        statuses = [status_of(f"{url}/good/1"), status_of(f"{url}/twice/2"), status_of(f"{url}/later/1")]
    assert statuses == [200, 500, 200]
    assert saved_texts(db, app) == ["good", "later"]
    dispose(db, app)


def test_requests_in_many_threads_do_not_share_a_session(database_uri: str) -> None:
    db = make_db(engine_options={"pool_size": 4, "max_overflow": 0})
    app = make_app(db, database_uri)
    barrier = threading.Barrier(4)
    sessions: list[int] = []

    @app.post("/<int:number>")
    def view(number: int) -> str:
        sessions.append(db.scope_id())
        barrier.wait(timeout=30)  # all four are inside their views now
        add_note(db, f"note {number}")
        return ""

    with serving(app) as url:
        threads = [threading.Thread(target=status_of, args=[f"{url}/{number}"]) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(set(sessions)) == 4
    assert saved_texts(db, app) == [f"note {number}" for number in range(4)]
    dispose(db, app)
