"""``python -m tests.benchmarks.segments``: where the time of a request goes.

The same request by apps that each do one thing more than the one before; the difference is what that thing costs. The
processor's time of the process and the time that passes: what passes and is not the process's own is waiting for the server.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any
from unittest.mock import ANY

import flask

from tests.benchmarks.commands import finish, options_of, parser_of, say
from tests.benchmarks.data import CHILDREN_PER_PARENT, Database
from tests.benchmarks.machine import describe
from tests.benchmarks.peers import flask_uow_orm, raw
from tests.benchmarks.places import Places
from tests.benchmarks.report import TITLES, table, title
from tests.benchmarks.requests import flask_functions

PARENTS = 100
REQUESTS = 200
ROUNDS = 9

STEPS = {
    "flask": "Flask and its test client; the answer is made of plain values",
    "extension": "the extension, whose Session nobody asks for",
    "parent": "a Session, `db.get_or_404(Parent, id)`, the end of the transaction",
    "children": "the ten children, loaded when `parent.children` is first read (request_get)",
    "commit": "on top of the first line: a parent read and changed, a new child, flush, commit (request_post)",
}
BY_HAND = {
    "raw": "on top of the first line: request_get written by hand",
    "raw_commit": "on top of the first line: request_post written by hand",
}
WRITING = ("commit", "raw_commit")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the exit code."""
    parser = parser_of("segments", __doc__)
    options = options_of(parser, arguments, "segments.json", [])
    rounds, requests = (1, 5) if options.quick else (ROUNDS, REQUESTS)
    content: dict[str, Any] = {"machine": describe(), "requests": requests, "rounds": rounds, "segments": {}}
    with Places(content["machine"]) as places:
        for database in options.databases:
            with places.empty(database) as uri:
                content["segments"][database] = measured(uri, rounds, requests)
            say(f"{database} done")
    return finish(options, content, tables(content), failed=False)


def measured(uri: str, rounds: int, requests: int) -> dict[str, dict[str, float]]:
    """Return microseconds a request, of the processor and in all, for each step, and for hand-written code.

    :param uri: of an empty database.
    """
    ours, by_hand = flask_uow_orm.Peer(uri), raw.Peer(uri)
    steps = _steps(ours, by_hand)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in steps}
    with closing(Database(uri)) as database:
        for turn in range(rounds + 1):
            for name, request in steps.items():
                database.spoil()
                database.prepare({"parent": PARENTS, "child": PARENTS * CHILDREN_PER_PARENT})
                value = _timed(request, requests, right=_key if name in WRITING else _body)
                if turn:
                    found[name].append(value)
    ours.close()
    by_hand.close()
    return {
        name: {
            "processor": statistics.median(value[0] for value in values),
            "passed": statistics.median(value[1] for value in values),
        }
        for name, values in found.items()
    }


def _steps(ours: flask_uow_orm.Peer, by_hand: raw.Peer) -> dict[str, Callable[[int], Any]]:
    """Return functions that send one request for the parent with a key and return the JSON of the answer."""
    plain = flask.Flask("plain")
    plain.add_url_rule("/fixed/<int:id>", view_func=_body)
    ours.app.add_url_rule("/fixed/<int:id>", view_func=_body)

    @ours.app.get("/parent/<int:id>")
    def parent(id: int) -> dict[str, Any]:
        return {**_body(id), "name": ours.db.get_or_404(flask_uow_orm.Parent, id).name}

    without_extension, _ = flask_functions(plain)

    def data(key: int) -> dict[str, str]:
        return {"name": f"renamed {key}", "title": f"new {key}"}

    return {
        "flask": lambda key: without_extension(f"/fixed/{key}"),
        "extension": lambda key: ours.get(f"/fixed/{key}"),
        "parent": lambda key: ours.get(f"/parent/{key}"),
        "children": lambda key: ours.get(f"/parents/{key}"),
        "raw": lambda key: by_hand.get(f"/parents/{key}"),
        "commit": lambda key: ours.post(f"/parents/{key}", data(key)),
        "raw_commit": lambda key: by_hand.post(f"/parents/{key}", data(key)),
    }


def _timed(request: Callable[[int], Any], requests: int, right: Callable[[int], Any]) -> tuple[float, float]:
    keys = [index % PARENTS + 1 for index in range(requests)]
    request(1)
    gc.collect()
    processor, passed = time.process_time(), time.perf_counter()
    answers = [request(key) for key in keys]
    processor, passed = time.process_time() - processor, time.perf_counter() - passed
    wrong = [answer for key, answer in zip(keys, answers, strict=True) if answer != right(key)]
    assert not wrong, f"wrong answer: {wrong[0]}"
    return processor / requests * 1e6, passed / requests * 1e6


def _body(id: int) -> dict[str, Any]:
    """Return the answer that ``data.Database.prepare`` makes right."""
    numbers = range((id - 1) * CHILDREN_PER_PARENT, id * CHILDREN_PER_PARENT)
    children = [
        {"id": number + 1, "title": f"child {number}", "position": number % CHILDREN_PER_PARENT} for number in numbers
    ]
    return {"id": id, "name": f"parent {id - 1}", "children": children}


def _key(id: int) -> Any:
    return {"id": ANY}


def tables(content: dict[str, Any]) -> str:
    """Return what each step adds, as tables of Markdown."""
    parts = [f"Medians of {content['rounds']} rounds of {content['requests']} requests, in turns."]
    for database, found in content["segments"].items():
        body = []
        before = dict.fromkeys(("processor", "passed"), 0.0)
        for name, says in STEPS.items():
            values = found[name]
            base = found["flask"] if name == "commit" else before
            added = [f"{values[kind] - base[kind]:.0f}" for kind in before]
            body.append([says, *added, *(f"{values[kind]:.0f}" for kind in before)])
            before = values
        for name, says in BY_HAND.items():
            values = found[name]
            added = [f"{values[kind] - found['flask'][kind]:.0f}" for kind in values]
            body.append([says, *added, *(f"{value:.0f}" for value in values.values())])
        heading = ["µs a request", "adds: processor", "adds: time", "in all: processor", "in all: time"]
        parts.append(title(TITLES[database], True) + table(heading, body, True))
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.exit(main())
