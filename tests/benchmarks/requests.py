"""What the rows with requests send, and the figures of what comes back.

A peer gives two functions that send one request through its framework's own test client and return the JSON of the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flask

from tests.benchmarks.peers import Clock
from tests.benchmarks.rows import REQUESTED_PARENTS

Get = Callable[[str], Any]
Post = Callable[[str, dict[str, Any]], Any]


def run_gets(get: Get, clock: Clock, size: int) -> Any:
    """Send the requests of request_get."""
    paths = [f"/parents/{index % REQUESTED_PARENTS + 1}" for index in range(size)]
    total = 0
    get(paths[0])
    with clock:
        for path in paths:
            body = get(path)
            total += body["id"] + len(body["children"]) + body["children"][-1]["id"]
    return total


def run_posts(get: Get, post: Post, clock: Clock, size: int) -> Any:
    """Send the requests of request_post."""
    requests = [
        (f"/parents/{index % REQUESTED_PARENTS + 1}", {"name": f"renamed {index}", "title": f"new {index}"})
        for index in range(size)
    ]
    keys = set()
    get(requests[0][0])
    with clock:
        for path, data in requests:
            keys.add(post(path, data)["id"])
    return [len(keys), size if all(isinstance(key, int) for key in keys) else 0]


def flask_functions(app: flask.Flask) -> tuple[Get, Post]:
    """Return the two functions for a Flask app."""
    client = app.test_client()

    def get(path: str) -> Any:
        return client.get(path).get_json()

    def post(path: str, data: dict[str, Any]) -> Any:
        return client.post(path, json=data).get_json()

    return get, post
