"""``python -m tests.benchmarks.round_trips``: how many times a request waits for the PostgreSQL server, and for what.

Counted by a proxy between the peer's process and the server (``proxy``), not by the libraries: a wait begins when the client
sends after the server had the last word. The requests are those of the rows request_get and request_post.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import closing
from typing import Any
from unittest import mock

from tests.benchmarks.commands import finish, options_of, parser_of, say
from tests.benchmarks.data import Database
from tests.benchmarks.machine import describe
from tests.benchmarks.places import Places
from tests.benchmarks.proxy import ProtocolProxy
from tests.benchmarks.report import table, title
from tests.benchmarks.rows import ROWS
from tests.benchmarks.runner import OURS, PEERS, PeerFailed, Worker

REQUESTS = ("request_get", "request_post")
FEW, MANY = 10, 30
DATABASE = "postgresql"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the exit code: 1 when a peer is missing or has failed."""
    options = options_of(parser_of("round_trips", __doc__), arguments, "round_trips.json", list(PEERS))
    missing = {peer: packages for peer in options.peers if (packages := PEERS[peer].missing())}
    content: dict[str, Any] = {"machine": describe(), "missing": missing, "cells": []}
    with Places(content["machine"]) as places, places.empty(DATABASE) as uri:
        content["cells"] = counted(uri, [peer for peer in options.peers if peer not in missing])
    failed = bool(missing) or any(cell["error"] for cell in content["cells"])
    return finish(options, content, tables(content), failed)


def counted(uri: str, peers: Sequence[str]) -> list[dict[str, Any]]:
    """Return one cell for each kind of request and peer.

    :param uri: of an empty PostgreSQL database.
    """
    cells = []
    # libpq looks for it in the environment: what the proxy is to read must not be encrypted
    plain = mock.patch.dict(os.environ, PGSSLMODE="disable", PGGSSENCMODE="disable")
    with closing(Database(uri)) as database, ProtocolProxy(uri) as proxy, plain:
        for peer in peers:
            worker = Worker(peer, proxy.uri)
            try:
                for row in REQUESTS:
                    cells.append(_cell(database, proxy, worker, peer, row))
                    say(f"{row} {peer}: {cells[-1]['waits'] or cells[-1]['error']}")
            finally:
                worker.close()
    return cells


def _cell(database: Database, proxy: ProtocolProxy, worker: Worker, peer: str, row: str) -> dict[str, Any]:
    cell: dict[str, Any] = {"row": row, "peer": peer, "waits": None, "messages": [], "error": None}
    try:
        # a connection is opened, and what is done once is done
        _run(database, proxy, worker, row, FEW)
        few = _run(database, proxy, worker, row, FEW)
        many = _run(database, proxy, worker, row, MANY)
    except PeerFailed as error:
        cell["error"] = str(error)
        return cell
    waits = (len(many) - len(few)) / (MANY - FEW)
    cell["waits"] = waits
    if waits.is_integer():
        cell["messages"] = many[len(many) - int(waits) :]
    return cell


def _run(database: Database, proxy: ProtocolProxy, worker: Worker, row: str, size: int) -> list[list[str]]:
    database.spoil()
    database.prepare(ROWS[row].contents(size))
    proxy.clear()
    _, figures = worker.run(row, size)
    expected = ROWS[row].expected(size)
    if figures != expected:
        raise PeerFailed(f"wrong figures: {figures}, expected {expected}")
    return [list(wait.messages) for wait in proxy.waits]


def tables(content: dict[str, Any]) -> str:
    """Return all that was counted, as tables of Markdown."""
    cells = {(cell["row"], cell["peer"]): cell for cell in content["cells"]}
    peers = list(dict.fromkeys(cell["peer"] for cell in content["cells"]))
    body = [[peer, *(_count(cells[row, peer]) for row in REQUESTS)] for peer in peers]
    parts = [title("Waits for the server in a request", True) + table(["peer", *REQUESTS], body, True)]
    for row in REQUESTS:
        if (row, OURS) in cells:
            lines = [
                [str(number), "; ".join(f"`{' '.join(message.split())}`" for message in wait)]
                for number, wait in enumerate(cells[row, OURS]["messages"], 1)
            ]
            parts.append(title(f"{row} by {OURS}", True) + table(["wait", "sent"], lines, True))
    parts += [
        f"FAILED: {cell['row']} by {cell['peer']}: {cell['error'].strip().splitlines()[-1]}"
        for cell in content["cells"]
        if cell["error"]
    ]
    parts += [f"NOT MEASURED: {peer}: {', '.join(names)} not installed" for peer, names in content["missing"].items()]
    return "\n\n".join(parts) + "\n"


def _count(cell: dict[str, Any]) -> str:
    return "FAILED" if cell["waits"] is None else f"{cell['waits']:g}"


if __name__ == "__main__":
    sys.exit(main())
