"""``python -m tests.benchmarks``: measures, checks that all peers did the same work, prints medians and ratios to raw.

Full, on both databases with all peers: some 12 minutes. Results are written to a file as they come; ``--report`` makes
tables of such a file again.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.commands import DATABASES, names, refuse_unknown, say
from tests.benchmarks.machine import describe
from tests.benchmarks.places import Places
from tests.benchmarks.report import tables
from tests.benchmarks.rows import ROWS
from tests.benchmarks.runner import OURS, PEERS, RAW, Run, as_json, write_json

QUICK_SCALE = 0.01


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the exit code: 1 when a peer is missing or has failed."""
    options = parse(arguments)
    if options.report:
        print(tables(json.loads(options.report.read_text(encoding="utf-8")), markdown=True), end="")
        return 0
    missing = {peer: packages for peer in options.peers if (packages := PEERS[peer].missing())}
    for peer, packages in missing.items():
        say(f"NOT MEASURED: {peer}: {', '.join(packages)} not installed (pip install --group benchmarks)")
    machine = describe()
    present = [peer for peer in options.peers if peer not in missing]

    def save() -> None:
        write_json(options.json, as_json(run, machine, missing))

    run = Run(options.rows or list(ROWS), present, options.scale, options.repetitions, say, save)
    with Places(machine) as places:
        for database in options.databases:
            with places.empty(database) as uri:
                run.on(database, uri)
    save()
    print(tables(as_json(run, machine, missing), options.markdown), end="")
    say(f"results: {options.json}")
    return 1 if missing or any(cell.error for cell in run.cells.values()) else 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options, with those that ``--quick`` stands for filled in."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="row", help=f"of {', '.join(ROWS)}; default: all")
    parser.add_argument("--peers", type=names, help=f"comma-separated, of {', '.join(PEERS)}; default: all")
    parser.add_argument("--databases", type=names, default=list(DATABASES), help="sqlite,postgresql")
    parser.add_argument("--repetitions", type=int, help="default: 3")
    parser.add_argument("--scale", type=float, help="1.0 is full size")
    parser.add_argument("--quick", action="store_true", help=f"raw and {OURS} only, once, at {QUICK_SCALE} of the size")
    parser.add_argument("--json", type=Path, help="the file of results; default: build/benchmarks.json")
    parser.add_argument("--markdown", action="store_true", help="print tables of Markdown")
    parser.add_argument("--report", type=Path, metavar="FILE", help="measure nothing; print the tables of such a file")
    options = parser.parse_args(arguments)
    options.peers = options.peers or ([RAW, OURS] if options.quick else list(PEERS))
    options.repetitions = options.repetitions or (1 if options.quick else 3)
    options.scale = options.scale or (QUICK_SCALE if options.quick else 1.0)
    options.json = options.json or Path("build", "benchmarks.json")
    refuse_unknown(parser, options.rows, list(ROWS))
    refuse_unknown(parser, options.peers, list(PEERS))
    refuse_unknown(parser, options.databases, DATABASES)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    return options


if __name__ == "__main__":
    sys.exit(main())
