"""``python -m tests.benchmarks``: measures, checks that all peers did the same, prints medians and ratios to raw.

Peers take turns within each round, so that a noisy minute on the machine hits all of them alike.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.benchmarks.worker import OPERATIONS, PEERS
from tests.postgresql import DURABLE_SERVER_SETTINGS, fresh_database, postgresql_server

REQUESTS = 500


def main() -> None:
    arguments = parse_arguments()
    databases = ["sqlite", "postgresql"] if arguments.database == "both" else [arguments.database]
    with ExitStack() as stack:
        uris = {}
        if "sqlite" in databases:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="uow-benchmark-"))
            uris["sqlite"] = f"sqlite:///{Path(folder, 'benchmark.db')}"
        if "postgresql" in databases:
            server = stack.enter_context(postgresql_server(DURABLE_SERVER_SETTINGS))
            uris["postgresql"] = stack.enter_context(fresh_database(server))
        for database, uri in uris.items():
            print_heading(database, arguments.peers)
            for operation in arguments.operations or OPERATIONS:
                print_row(operation, arguments.peers, measure_rounds(operation, uri, arguments))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("operations", nargs="*", metavar="operation", help=f"of {', '.join(OPERATIONS)}; default: all")
    parser.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument("--peers", type=lambda text: text.split(","), default=PEERS, help="comma-separated; raw first")
    parser.add_argument("--rounds", type=int, default=5, help="processes for each cell (default: 5)")
    parser.add_argument("--repeats", type=int, default=3, help="measured repetitions in each process (default: 3)")
    parser.add_argument("--rows", type=int, default=10_000, help="default: 10000")
    arguments = parser.parse_args()
    for name, known in ((name, OPERATIONS) for name in arguments.operations):
        if name not in known:
            parser.error(f"unknown operation {name!r}; choose from {', '.join(known)}")
    for name in arguments.peers:
        if name not in PEERS:
            parser.error(f"unknown peer {name!r}; choose from {', '.join(PEERS)}")
    return arguments


def measure_rounds(operation: str, uri: str, arguments: argparse.Namespace) -> dict[str, list[float]]:
    """Return the seconds of every round by peer; exit when the peers disagree on the result."""
    seconds: dict[str, list[float]] = {peer: [] for peer in arguments.peers}
    results: dict[str, Any] = {}
    rows = REQUESTS if operation == "request_get" else arguments.rows
    for _ in range(arguments.rounds):
        for peer in arguments.peers:
            command = [sys.executable, "-m", "tests.benchmarks.worker", peer, operation, uri, str(rows)]
            done = subprocess.run([*command, str(arguments.repeats)], capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(f"{operation} by {peer} failed:\n{done.stderr}")
            report = json.loads(done.stdout.splitlines()[-1])
            seconds[peer].append(report["seconds"])
            results[peer] = report["result"]
    if any(result != results[arguments.peers[0]] for result in results.values()):
        sys.exit(f"{operation}: the peers disagree: {results}")
    return seconds


def print_heading(database: str, peers: list[str]) -> None:
    print(f"\n{database}: median ms, (min-max), ratio to {peers[0]}")
    print(f"{'':15}" + "".join(f"{peer:>34}" for peer in peers))


def print_row(operation: str, peers: list[str], seconds: dict[str, list[float]]) -> None:
    limit = statistics.median(seconds[peers[0]])
    cells = []
    for peer in peers:
        median = statistics.median(seconds[peer])
        spread = f"({min(seconds[peer]) * 1000:.1f}-{max(seconds[peer]) * 1000:.1f})"
        cells.append(f"{median * 1000:9.1f} {spread:>17} {median / limit:6.2f}")
    print(f"{operation:15}" + "".join(cells), flush=True)


if __name__ == "__main__":
    main()
