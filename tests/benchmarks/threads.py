"""``python -m tests.benchmarks.threads``: one small app under gunicorn's gthread worker with 1, 4 and 16 threads, on PostgreSQL.

The app is written three times (``apps``): on flask_uow, on Flask-SQLAlchemy, on psycopg2 with a pool. Of five requests four read a
parent with its ten children and one changes a parent and adds a child. 16 clients send from another process: Debian's ``wrk`` where it is
installed, else ``load``. Afterwards the database must hold what was written. The servers take turns.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.benchmarks.commands import finish, options_of, parser_of, say
from tests.benchmarks.data import CHILDREN_PER_PARENT, Database
from tests.benchmarks.load import PARENTS, WRITES_ONE_OF
from tests.benchmarks.machine import describe
from tests.benchmarks.places import Places
from tests.benchmarks.report import short, table, title
from tests.benchmarks.runner import PeerKind
from tests.integration.processes import free_port, running, wait_until_up

APPS = {
    "psycopg2": PeerKind("psycopg2_app", ("gunicorn",), ("postgresql",)),
    "flask_uow": PeerKind("flask_uow_app", ("gunicorn",), ("postgresql",)),
    "flask_sqlalchemy": PeerKind("flask_sqlalchemy_app", ("gunicorn", "flask_sqlalchemy"), ("postgresql",)),
}
THREADS = (1, 4, 16)
CLIENTS = 16
SECONDS = 10
WARM_UP_SECONDS = 1
REQUESTS_OF_A_SECOND = 300
QUICK = {"threads": (4,), "seconds": 0.5}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return the exit code: 1 when an app cannot be measured or has failed."""
    parser = parser_of("threads", __doc__)
    parser.add_argument("--threads", type=_numbers, default=THREADS, help="default: 1,4,16")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each measurement; default: 10")
    options = options_of(parser, arguments, "threads.json", list(APPS), QUICK)
    missing = {name: packages for name in options.peers if (packages := APPS[name].missing())}
    present = [name for name in options.peers if name not in missing]
    wrk = shutil.which("wrk")
    content: dict[str, Any] = {
        "machine": describe(),
        "missing": missing,
        "seconds": options.seconds,
        "load": wrk or "tests.benchmarks.load",
        "cells": [],
    }
    with (
        Places(content["machine"]) as places,
        places.empty("postgresql") as uri,
        closing(Database(uri)) as database,
    ):
        for _ in range(options.repetitions):
            for threads in options.threads:
                for name in present:
                    cell = measured(database, uri, name, threads, options.seconds, wrk)
                    content["cells"].append(cell)
                    say(f"{name} with {threads} threads: {cell}")
    failed = bool(missing) or any(cell["error"] for cell in content["cells"])
    return finish(options, content, tables(content), failed)


def measured(database: Database, uri: str, name: str, threads: int, seconds: float, wrk: str | None) -> dict[str, Any]:
    """Serve an app, put it under load, and look at what the database then holds.

    :param wrk: the program that makes the load; None for ``load``.
    """
    cell: dict[str, Any] = {"app": name, "threads": threads, "error": None}
    database.spoil()
    database.prepare({"parent": PARENTS, "child": PARENTS * CHILDREN_PER_PARENT})
    port = free_port()
    application = f"tests.benchmarks.apps.{APPS[name].module}:create_app({uri!r})"
    served = ["-k", "gthread", "--threads", str(threads), "--workers", "1", "--bind", f"127.0.0.1:{port}"]
    settings = ["--no-control-socket", "--log-level", "warning", "--keep-alive", "30"]
    with running("gunicorn", [*served, *settings, application], {}) as server:
        wait_until_up(server, f"http://127.0.0.1:{port}/parents/1")
        if wrk:
            _load(port, WARM_UP_SECONDS, wrk)
        (before,) = database.row(_WRITTEN)
        found = _load(port, seconds, wrk)
    (after,) = database.row(_WRITTEN)
    cell["error"] = _wrong(found, after - before)
    if cell["error"] is None:
        cell.update({key: found[key] for key in ("requests", "per_second", "p50", "p99")})
    return cell


_WRITTEN = (
    "SELECT count(*) FROM child JOIN parent ON parent.id = parent_id"
    " WHERE position = 10 AND title LIKE 'new %' AND name = 'renamed'"
)


def _load(port: int, seconds: float, wrk: str | None) -> dict[str, Any]:
    url = f"http://127.0.0.1:{port}"
    if wrk:
        script = str(Path(__file__).with_name("load.lua"))
        command = [wrk, "-t", "1", "-c", str(CLIENTS), "-d", f"{seconds:.0f}s", "--timeout", "30s", "-s", script, url]
    else:
        requests = round(seconds * REQUESTS_OF_A_SECOND)
        command = [sys.executable, "-m", "tests.benchmarks.load", url, str(CLIENTS), str(requests)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def _wrong(found: dict[str, Any], written: int) -> str | None:
    """Return what is wrong with the answers, or with the number of children whose parent was changed with them."""
    if found.get("failed") or found.get("wrong"):
        return f"wrong answers: {found.get('failed') or found['wrong'][:3]}"
    if "written" in found and written != found["written"]:
        return f"{found['written']} children were made by the answers, {written} are in the database"
    # wrk leaves at the end of its time, whatever its clients still wait for
    if "written" not in found and abs(written - found["requests"] / WRITES_ONE_OF) > CLIENTS:
        return f"{written} children are in the database after {found['requests']} requests"
    return None


def tables(content: dict[str, Any]) -> str:
    """Return all that was measured, as tables of Markdown."""
    groups: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for cell in content["cells"]:
        if cell["error"] is None:
            groups.setdefault((cell["app"], cell["threads"]), []).append(cell)
    apps = [name for name in APPS if any(key[0] == name for key in groups)]
    parts = [f"{CLIENTS} clients of {Path(content['load']).name} for {content['seconds']:g} seconds."]
    for key, says in (("per_second", "Requests per second"), ("p50", "Median, ms"), ("p99", "99th percentile, ms")):
        body = [
            [str(threads), *(_median(groups.get((name, threads), []), key) for name in apps)]
            for threads in sorted({key[1] for key in groups})
        ]
        parts.append(title(says, True) + table(["threads", *apps], body, True))
    parts += [
        f"FAILED: {cell['app']} with {cell['threads']} threads: {cell['error']}"
        for cell in content["cells"]
        if cell["error"]
    ]
    parts += [f"NOT MEASURED: {name}: {', '.join(names)} not installed" for name, names in content["missing"].items()]
    return "\n\n".join(parts) + "\n"


def _median(cells: Sequence[dict[str, Any]], key: str) -> str:
    return short(statistics.median(cell[key] for cell in cells)) if cells else "-"


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


if __name__ == "__main__":
    sys.exit(main())
