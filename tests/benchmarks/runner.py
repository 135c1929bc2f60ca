"""Runs rows by peers that take turns, checks each result, keeps every value.

Each peer is a process that stays for the whole run on one database; only one of them works at a time. Within a repetition the
rows come one after another and, within a row, the peers, in an order that changes with the repetition: a noisy minute hits
all of them alike.
"""

from __future__ import annotations

import importlib.util
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks.data import Database
from tests.benchmarks.rows import ROWS, Row

RAW = "raw"
OURS = "flask_uow"
# the seconds after which a peer is given up for a row, and its process ended
PATIENCE = 180.0
WARM_UP = 0.05


@dataclass(frozen=True)
class PeerKind:
    """A peer that can be asked for.

    :ivar module: in ``peers``.
    :ivar needs: packages, as they are imported.
    :ivar databases: where it can run.
    """

    module: str
    needs: tuple[str, ...] = ()
    databases: tuple[str, ...] = ("sqlite", "postgresql")

    def missing(self) -> list[str]:
        return [name for name in self.needs if importlib.util.find_spec(name) is None]


PEERS = {
    RAW: PeerKind("raw"),
    OURS: PeerKind("flask_uow_orm"),
    "sqlalchemy": PeerKind("sqlalchemy_orm", ("sqlalchemy",)),
    "sqlalchemy_psycopg3": PeerKind("sqlalchemy_psycopg3", ("sqlalchemy", "psycopg"), ("postgresql",)),
    "django": PeerKind("django_orm", ("django", "psycopg")),
    "pony": PeerKind("pony_orm", ("pony",)),
    "peewee": PeerKind("peewee_orm", ("peewee",)),
}


class PeerFailed(Exception):
    """A peer raised an error, gave a wrong result, or took too long."""


@dataclass
class Cell:
    """The values of one row by one peer on one database.

    :ivar values: one for each repetition: seconds, or what the row measures.
    :ivar error: why there are none, or not all.
    """

    database: str
    row: str
    peer: str
    size: int
    values: list[float] = field(default_factory=list)
    error: str | None = None


class Worker:
    """The process of one peer on one database."""

    def __init__(self, peer: str, uri: str) -> None:
        command = [sys.executable, "-m", "tests.benchmarks.worker", PEERS[peer].module, uri]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.cannot: dict[str, str] = self._answer()["cannot"]
        except PeerFailed:
            self.close()
            raise

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as answers:
            for line in answers:
                self._answers.put(line)
        self._answers.put("")

    def _answer(self) -> dict[str, Any]:
        try:
            line = self._answers.get(timeout=PATIENCE)
        except queue.Empty:
            self._process.kill()
            raise PeerFailed(f"no answer within {PATIENCE:.0f} seconds") from None
        if not line:
            raise PeerFailed(f"its process ended with {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def run(self, row: str, size: int) -> tuple[float, Any]:
        """Return the value of a row, and the figures."""
        assert self._process.stdin is not None
        try:
            print(json.dumps({"row": row, "size": size}), file=self._process.stdin, flush=True)
        except OSError:
            raise PeerFailed(f"its process ended with {self._process.wait()}") from None
        answer = self._answer()
        if "error" in answer:
            raise PeerFailed(answer["error"])
        return answer["value"], answer["figures"]

    def close(self) -> None:
        """Let the process end; it has nothing left to do."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
            self._process.wait(timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        self._reader.join()


class Run:
    """All cells of one run; ``save`` is called after each row of a repetition, ``say`` with lines on progress."""

    def __init__(
        self,
        rows: Sequence[str],
        peers: Sequence[str],
        scale: float,
        repetitions: int,
        say: Callable[[str], None],
        save: Callable[[], None] = lambda: None,
    ) -> None:
        self.rows = [ROWS[name] for name in rows]
        self.peers = list(peers)
        self.scale = scale
        self.repetitions = repetitions
        self.cells: dict[tuple[str, str, str], Cell] = {}
        self._say = say
        self._save = save

    def on(self, name: str, uri: str) -> None:
        """Run all rows on a database, which must be empty."""
        database = Database(uri)
        workers: dict[str, Worker] = {}
        try:
            for peer in self.peers:
                if name in PEERS[peer].databases:
                    self._start(name, uri, peer, workers)
            for repetition in range(self.repetitions):
                for row in self.rows:
                    turn = repetition % max(1, len(workers))
                    order = [*list(workers)[turn:], *list(workers)[:turn]]
                    told = [
                        self._cell(name, database, row, peer, workers[peer], warm_up=repetition == 0) for peer in order
                    ]
                    self._say(f"{name} {repetition + 1}/{self.repetitions} {row.name}: {', '.join(filter(None, told))}")
                    self._save()
        finally:
            for worker in workers.values():
                worker.close()
            database.close()

    def _start(self, name: str, uri: str, peer: str, workers: dict[str, Worker]) -> None:
        try:
            workers[peer] = Worker(peer, uri)
        except PeerFailed as error:
            for row in self.rows:
                self._cell_of(name, row, peer).error = f"{peer} did not start: {error}"
            self._say(f"{name}: {peer} DID NOT START: {error}")

    def _cell_of(self, name: str, row: Row, peer: str) -> Cell:
        size = row.scaled(self.scale)
        return self.cells.setdefault((name, row.name, peer), Cell(name, row.name, peer, size))

    def _cell(self, name: str, database: Database, row: Row, peer: str, worker: Worker, warm_up: bool) -> str:
        if row.name in worker.cannot:
            return ""
        cell = self._cell_of(name, row, peer)
        if cell.error is not None:
            return ""
        try:
            if warm_up:
                self._measure(database, row, worker, row.scaled(self.scale * WARM_UP))
            value = self._measure(database, row, worker, cell.size)
        except PeerFailed as error:
            cell.error = str(error)
            return f"{peer} FAILED: {error}"
        cell.values.append(value)
        return f"{peer} {value:.4g}"

    def _measure(self, database: Database, row: Row, worker: Worker, size: int) -> float:
        database.prepare(row.contents(size))
        value, figures = worker.run(row.name, size)
        expected = row.expected(size)
        if row.left is not None:
            database.spoil()
        if expected != figures:
            raise PeerFailed(f"wrong figures: {figures}, expected {expected}")
        if row.left is not None:
            sql, expected_row = row.left(size, figures)
            found = database.row(sql)
            if found != expected_row:
                raise PeerFailed(f"wrong rows in the database: {found}, expected {expected_row}, by {sql}")
        return value


def as_json(run: Run, machine: dict[str, Any], missing: dict[str, list[str]]) -> dict[str, Any]:
    """Return everything that ``report`` needs."""
    return {
        "machine": machine,
        "repetitions": run.repetitions,
        "scale": run.scale,
        "missing": missing,
        "cells": [vars(cell) for cell in run.cells.values()],
    }


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a file that is complete whenever somebody looks."""
    written = path.with_name(f"{path.name}.part")
    written.write_text(json.dumps(content, indent=1), encoding="utf-8")
    written.replace(path)
