"""The example application under gunicorn with 8 threads on PostgreSQL, under a bounded load."""

from __future__ import annotations

import http.client
import json
import random
import threading
from pathlib import Path
from typing import Any

from tests.integration.processes import free_port, running, wait_until_up
from tests.postgresql import execute

CLIENTS = 8
REQUESTS = 40


class Client(threading.Thread):
    """Sends its share of requests over one connection and keeps what it was told."""

    def __init__(self, port: int, number: int) -> None:
        super().__init__()
        self.port = port
        self.number = number
        self.random = random.Random(number)
        self.users: dict[int, str] = {}
        self.posts: set[int] = set()
        self.statuses: list[int] = []
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            for turn in range(REQUESTS):
                self.step(turn)
            self.connection.close()
        except BaseException as error:  # noqa: BLE001 (told by the test)
            self.failure = error

    def step(self, turn: int) -> None:
        choice = self.random.random()
        if choice < 0.4 or not self.users:
            # one in three asks for a name that others want as well
            name = f"shared {turn % 7}" if self.random.random() < 0.33 else f"user {self.number}.{turn}"
            status, body = self.send("POST", "/users", {"name": name})
            if status == 201:
                self.users[body["id"]] = name
        elif choice < 0.6:
            author = self.random.choice(sorted(self.users))
            post = {"author_id": author, "title": "t", "body": "b", "tags": [f"tag {self.number}.{turn}"]}
            status, body = self.send("POST", "/posts", post)
            if status == 201:
                self.posts.add(body["id"])
        elif choice < 0.8:
            user = self.random.choice(sorted(self.users))
            status, _ = self.send("PATCH", f"/users/{user}", {"name": f"renamed {self.number}.{turn}"})
            if status == 200:
                self.users[user] = f"renamed {self.number}.{turn}"
        elif choice < 0.9:
            self.send("GET", f"/users/{self.random.choice(sorted(self.users))}")
        else:
            self.send("GET", "/users/999999")

    def send(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        self.connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        response = self.connection.getresponse()
        text = response.read()
        self.statuses.append(response.status)
        return response.status, json.loads(text) if text else None


def test_what_clients_were_told_is_what_the_database_holds(postgresql_uri: str, tmp_path: Path) -> None:
    port = free_port()
    arguments = [
        "-k", "gthread", "--threads", "8", "--workers", "1", "--bind", f"127.0.0.1:{port}", "--worker-tmp-dir", str(tmp_path),
        "--no-control-socket", "--graceful-timeout", "5",
        "example_app:create_app()",
    ]  # fmt: skip
    environment = {"UOW_DATABASE_URI": postgresql_uri}
    with running("gunicorn", arguments, environment) as server:
        wait_until_up(server, f"http://127.0.0.1:{port}/")
        clients = [Client(port, number) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        for client in clients:
            client.join(120)
        assert [client.failure for client in clients] == [None] * CLIENTS
        busy = execute(
            postgresql_uri,
            "SELECT state, query FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND state <> 'idle'",
        )
        assert busy == []
    statuses = [status for client in clients for status in client.statuses]
    assert len(statuses) == CLIENTS * REQUESTS
    assert set(statuses) <= {200, 201, 404, 409}
    assert {200, 201, 404, 409} <= set(statuses)
    users = dict(execute(postgresql_uri, 'SELECT id, name FROM "user"'))
    told = {user: name for client in clients for user, name in client.users.items()}
    assert users == told
    posts = {post for (post,) in execute(postgresql_uri, "SELECT id FROM post")}
    assert posts == {post for client in clients for post in client.posts}
    ((tags,),) = execute(postgresql_uri, "SELECT count(*) FROM tag")
    assert tags == len(posts)
