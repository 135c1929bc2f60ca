"""``python -m tests.benchmarks.scale``: does a row cost the same among 1,000 and among 100,000? And a flush of 100,000 objects
in ten tables, the bytes of a loaded object, the time that an import takes.

Rows, peers, processes and checks are those of the table (``rows``, ``runner``). Full, on both databases: some 15 minutes.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from tests.benchmarks.commands import finish, options_of, parser_of, say
from tests.benchmarks.data import Database
from tests.benchmarks.graph import TABLES, create_nodes, drop_nodes, wrong_nodes
from tests.benchmarks.machine import describe
from tests.benchmarks.places import Places
from tests.benchmarks.report import TITLES, short, table, title
from tests.benchmarks.rows import ROWS
from tests.benchmarks.runner import OURS, PEERS, RAW, PeerFailed, Run, Worker, as_json

SIZES = (1_000, 10_000, 100_000)
WRITTEN = {"insert_flat": "insert", "load_entities": "load", "update_dirty": "update", "delete_objects": "delete"}
MEMORY = "memory_per_object"
ORMS = (OURS, "sqlalchemy")
IMPORTED = (
    "import flask",
    "import flask_uow",
    "import sqlalchemy.orm",
    "import flask_sqlalchemy",
    # both import lazily: what an application has paid when it defines its first model
    "from flask_uow import UnitOfWork; UnitOfWork()",
    "from flask_sqlalchemy import SQLAlchemy; SQLAlchemy()",
)
IMPORTS = 11


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the exit code: 1 when a peer is missing or has failed."""
    parser = parser_of("scale", __doc__)
    parser.add_argument("--sizes", type=_numbers, default=SIZES, help="numbers of objects; default: 1000,10000,100000")
    options = options_of(parser, arguments, "scale.json", [RAW, *ORMS], quick={"sizes": (100, 200)})
    missing = {peer: packages for peer in options.peers if (packages := PEERS[peer].missing())}
    peers = [peer for peer in options.peers if peer not in missing]
    content: dict[str, Any] = {
        "machine": describe(),
        "repetitions": options.repetitions,
        "missing": missing,
        "cells": [],
        "graph": [],
        "imports": imports(IMPORTED, 1 if options.quick else IMPORTS),
    }
    with Places(content["machine"]) as places:
        for database in options.databases:
            for size in options.sizes:
                content["cells"] += cells(places, database, list(WRITTEN), peers, size, options.repetitions)
            content["cells"] += cells(places, database, [MEMORY], peers, ROWS[MEMORY].size, options.repetitions)
            orms = [peer for peer in peers if peer in ORMS]
            with places.empty(database) as uri:
                content["graph"] += flushes(database, uri, orms, max(options.sizes), options.repetitions)
    return finish(options, content, tables(content), failed=bool(missing) or bool(errors(content)))


def cells(
    places: Places, database: str, rows: Sequence[str], peers: Sequence[str], size: int, repetitions: int
) -> list[dict[str, Any]]:
    """Run rows, all of one full size, with ``size`` objects; return the cells."""
    run = Run(rows, peers, size / ROWS[rows[0]].size, repetitions, say)
    with places.empty(database) as uri:
        run.on(database, uri)
    found: list[dict[str, Any]] = as_json(run, {}, {})["cells"]
    return found


def flushes(database: str, uri: str, peers: Sequence[str], size: int, repetitions: int) -> list[dict[str, Any]]:
    """Flush ``size`` pending objects by each peer in turn; return one cell for each peer."""
    found: dict[str, dict[str, Any]] = {
        peer: {"database": database, "peer": peer, "size": size, "values": [], "error": None} for peer in peers
    }
    with closing(Database(uri)) as checked, workers(peers, uri) as started:
        for repetition in range(repetitions):
            for peer in peers if repetition % 2 == 0 else reversed(peers):
                try:
                    found[peer]["values"].append(_flush(checked, started[peer], size))
                except PeerFailed as error:
                    found[peer]["error"] = str(error)
                say(
                    f"{database} {repetition + 1}/{repetitions} flush of {size} by {peer}: {found[peer]['values'][-1:]}"
                )
    return list(found.values())


def _flush(database: Database, worker: Worker, size: int) -> float:
    create_nodes(database)
    try:
        value, figures = worker.run("flush_graph", size)
        wrong = wrong_nodes(database, size)
        if figures != [size, size] or wrong:
            raise PeerFailed(f"wrong result: {figures}; {'; '.join(wrong)}")
    finally:
        drop_nodes(database)
    return value


@contextmanager
def workers(peers: Sequence[str], uri: str) -> Iterator[dict[str, Worker]]:
    """Give a process for each peer."""
    started: dict[str, Worker] = {}
    try:
        for peer in peers:
            started[peer] = Worker(peer, uri)
        yield started
    finally:
        for worker in started.values():
            worker.close()


def imports(codes: Sequence[str], times: int) -> dict[str, list[float]]:
    """Return the seconds of the processor that each line of code took, in fresh processes that take turns.

    The modules are compiled already, as installed ones are: the first process of each, which is not counted, does it.
    """
    found: dict[str, list[float]] = {code: [] for code in codes}
    with tempfile.TemporaryDirectory(prefix="uow-benchmark-") as compiled:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled, "PYTHONDONTWRITEBYTECODE": ""}
        for turn in range(times + 1):
            for code in codes:
                timed = f"import time; start = time.process_time(); {code}; print(time.process_time() - start)"
                command = [sys.executable, "-c", timed]
                done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
                if turn and done.returncode == 0:
                    found[code].append(float(done.stdout))
    return {code: values for code, values in found.items() if values}


def errors(content: dict[str, Any]) -> list[str]:
    """Return what has failed, one line for each cell."""
    return [
        f"FAILED: {cell.get('row', 'flush')} of {cell['size']} by {cell['peer']} on {TITLES[cell['database']]}:"
        f" {cell['error'].strip().splitlines()[-1]}"
        for cell in [*content["cells"], *content["graph"]]
        if cell["error"]
    ]


def tables(content: dict[str, Any]) -> str:
    """Return all that was measured, as tables of Markdown."""
    databases = [name for name in TITLES if any(cell["database"] == name for cell in content["cells"])]
    peers = [peer for peer in PEERS if any(cell["peer"] == peer for cell in content["cells"])]
    medians = {
        (cell["database"], cell["row"], cell["size"], cell["peer"]): statistics.median(cell["values"])
        for cell in content["cells"]
        if cell["values"]
    }
    sizes = sorted({size for _, row, size, _ in medians if row in WRITTEN})
    parts = [f"Repetitions, of which medians are taken: {content['repetitions']}."]
    for database in databases:
        body = []
        for row, says in WRITTEN.items():
            for size in sizes:
                seconds = [medians.get((database, row, size, peer)) for peer in peers]
                body.append([f"{says}, {size:,}", *(_cell(each and each / size * 1e6) for each in seconds)])
        parts.append(title(TITLES[database], True) + table(["µs a row", *peers], body, True))
    parts.append(title(f"One flush of pending objects in {TABLES} tables", True) + _flush_table(content, databases))
    held = [[peer, *(_cell(medians.get((d, MEMORY, ROWS[MEMORY].size, peer))) for d in databases)] for peer in peers]
    heading = ["bytes a loaded object of 7 columns", *(TITLES[name] for name in databases)]
    parts.append(title("Memory", True) + table(heading, held, True))
    times = [[f"`{name}`", f"{statistics.median(v) * 1000:.0f}"] for name, v in content["imports"].items()]
    parts.append(title("Imports", True) + table(["first line of a fresh process", "ms of the processor"], times, True))
    missing = [f"NOT MEASURED: {peer}: {', '.join(names)} not installed" for peer, names in content["missing"].items()]
    return "\n\n".join([*parts, *missing, *errors(content)]) + "\n"


def _flush_table(content: dict[str, Any], databases: Sequence[str]) -> str:
    cells = {(cell["database"], cell["peer"]): cell for cell in content["graph"] if cell["values"]}
    body = []
    for peer in ORMS:
        line = [peer]
        for name in databases:
            cell = cells.get((name, peer))
            seconds = statistics.median(cell["values"]) if cell else 0.0
            line.append(f"{seconds:.2f} s ({seconds / cell['size'] * 1e6:.1f} µs an object)" if cell else "-")
        body.append(line)
    size = max((cell["size"] for cell in content["graph"]), default=0)
    return table([f"{size:,} objects", *(TITLES[name] for name in databases)], body, True)


def _cell(value: float | None) -> str:
    return "-" if value is None else short(value)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


if __name__ == "__main__":
    sys.exit(main())
