"""One (operation, peer, database) in a process of its own: no peer inherits memory or caches of another.

Called by ``__main__`` as ``python -m tests.benchmarks.worker PEER OPERATION URI ROWS REPEATS``; prints a line of JSON:
``{"seconds": median, "result": figures}``. The first repetition warms up and is not counted.
"""

from __future__ import annotations

import importlib
import json
import statistics
import sys
from typing import Any

from tests.benchmarks import data
from tests.benchmarks.peers import BenchmarkPeer, Clock

OPERATIONS = [
    "insert_flat",
    "insert_graph",
    "load_entities",
    "eager_children",
    "eager_parent",
    "page_eager",
    "get_hit",
    "update_dirty",
    "request_get",
]
PEERS = ["raw", "uow", "sqlalchemy_orm"]


def measure(peer_name: str, operation: str, uri: str, rows: int, repeats: int) -> dict[str, Any]:
    """Run an operation ``repeats`` times after one warm-up, on fresh tables each time.

    :returns: ``seconds``, the median of the measured parts, and ``result``, which is the same for every peer.
    :raises AssertionError: the operation left something else in the database than it should.
    """
    peer: BenchmarkPeer = importlib.import_module(f"tests.benchmarks.peers.{peer_name}").Peer(uri)
    seconds = []
    results = []
    try:
        for _ in range(repeats + 1):
            prepare(operation, uri, rows)
            clock = Clock()
            results.append(getattr(peer, operation)(clock, rows))
            seconds.append(clock.seconds)
            check(operation, uri, rows)
    finally:
        peer.close()
    assert all(result == results[0] for result in results), results
    return {"seconds": statistics.median(seconds[1:]), "result": results[0]}


def prepare(operation: str, uri: str, rows: int) -> None:
    """Make the tables anew, with the rows that the operation reads."""
    data.create_tables(uri)
    if operation in ("load_entities", "get_hit", "update_dirty"):
        data.fill_items(uri, rows)
    elif operation in ("eager_children", "eager_parent", "page_eager"):
        data.fill_graph(uri, rows // data.CHILDREN_PER_PARENT)
    elif operation == "request_get":
        data.fill_graph(uri, 100)


def check(operation: str, uri: str, rows: int) -> None:
    """Look with other eyes at what the operation wrote."""
    if operation == "insert_flat":
        expected = (rows, sum(index % 90 for index in range(rows)), rows * (rows + 1) // 2)
        found = data.query(uri, "SELECT count(*), sum(age), sum(id) FROM item")
    elif operation == "insert_graph":
        expected = (rows // 10, rows // 10, rows)
        found = data.query(
            uri,
            "SELECT count(DISTINCT parent.id), max(parent.id), count(*)"
            " FROM parent JOIN child ON parent_id = parent.id",
        )
    elif operation == "update_dirty":
        expected = (rows,)
        found = data.query(uri, "SELECT count(DISTINCT id) FROM item WHERE name = 'changed ' || id")
    else:
        return
    assert tuple(found) == expected, f"{operation} left {found} in the database, {expected} expected"


if __name__ == "__main__":
    peer_name, operation, uri, rows, repeats = sys.argv[1:]
    print(json.dumps(measure(peer_name, operation, uri, int(rows), int(repeats))))
