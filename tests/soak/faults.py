"""The table of docs/deployment.md: what clients were promised, and what is in the database, while servers stop, restart and are promoted.

``python -m tests.soak.faults [NAME ...] [--seconds 5]`` runs each fault against PostgreSQL servers (and PgBouncer) of its own, on loopback, under
16 threads of clients of a Flask app. Each request writes two rows in one unit of work, under a reference that nobody else has.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from flask import Flask

from flask_uow import CommitOutcomeUnknown, Mapped, UnitOfWork, mapped_column
from tests.servers import Server, pgbouncer, servers

__all__ = ["FAULTS", "Report", "measure"]

THREADS = 16
SAVED, UNKNOWN, REFUSED = 201, 504, 500
# a client that was refused comes again after so many seconds
BACK_OFF = 0.02
Start = Callable[..., Server]


@dataclass
class Place:
    """Where the clients' database is, and what befalls it.

    :ivar uri: the app's URL.
    :ivar fault: brings the fault about; returns once the database can be used again.
    :ivar survivor: returns the server that has the rows at the end.
    :ivar is_lossless: False where PostgreSQL itself does not promise that a commit outlasts the fault.
    """

    uri: str
    fault: Callable[[], object]
    survivor: Callable[[], Server]
    is_lossless: bool = True


@dataclass
class Report:
    """What came of a fault.

    :ivar promised: requests whose client was told that the rows are saved.
    :ivar lost: those of them whose rows are not there.
    :ivar half: requests of which one row is there and the other one is not.
    :ivar unknown: requests whose client was told that the outcome is unknown.
    :ivar refused: requests whose client was told that nothing was saved.
    :ivar false_refusals: those of them whose rows are there.
    :ivar outage: the longest time between two answers that promised, in seconds.
    :ivar recovery: seconds from when the database could be used again to the first promise.
    :ivar idle_in_transaction: sessions of the server in a transaction that nobody works on, after the last request.
    :ivar held: connections of the pool that were not given back.
    """

    name: str
    promised: int
    lost: int
    half: int
    unknown: int
    refused: int
    false_refusals: int
    outage: float
    recovery: float
    idle_in_transaction: int
    held: int
    is_lossless: bool = field(default=True, repr=False)

    @property
    def is_right(self) -> bool:
        """True where nobody was told a lie, and nothing was left behind."""
        wrong = (self.half, self.false_refusals, self.idle_in_transaction, self.held, self.lost * self.is_lossless)
        return not any(wrong) and self.promised > 0


# -- the app and its clients


def make_app(uri: str) -> tuple[Flask, UnitOfWork]:
    db = UnitOfWork()
    app = Flask("faults")
    app.logger.disabled = True
    app.config.update(
        SECRET_KEY="x",
        UOW_DATABASE_URI=uri,
        UOW_STATEMENT_TIMEOUT_SECONDS=5,
        UOW_ENGINE_OPTIONS={"pool_size": THREADS, "max_overflow": 0, "pool_timeout": 10},
    )

    class Half(db.Model):  # type: ignore[name-defined, misc]
        __tablename__ = "half"
        reference: Mapped[str] = mapped_column(primary_key=True)
        side: Mapped[str] = mapped_column(primary_key=True)

    db.init_app(app)

    @app.post("/<reference>")
    def save(reference: str) -> tuple[str, int]:
        db.session.add(Half(reference=reference, side="left"))
        db.session.flush()
        db.session.add(Half(reference=reference, side="right"))
        return "", SAVED

    @app.errorhandler(CommitOutcomeUnknown)
    def unknown(error: CommitOutcomeUnknown) -> tuple[str, int]:
        return "", UNKNOWN

    return app, db


class Clients:
    """16 threads that send requests one after the other, until they are told to stop."""

    def __init__(self, app: Flask) -> None:
        self.told: dict[str, int] = {}
        self.promises: list[float] = []
        self.failures: list[BaseException] = []
        self._app = app
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(THREADS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(120)
        if any(thread.is_alive() for thread in self._threads):
            raise AssertionError("a request has not come back within two minutes")
        if self.failures:
            raise self.failures[0]

    def wait_for_promise(self, after: float) -> float:
        """Return when the first promise after a moment was made."""
        while True:
            if self.promises and self.promises[-1] > after:
                return min(when for when in list(self.promises) if when > after)
            if self.failures or time.monotonic() > after + 60:
                raise AssertionError("no request succeeded within a minute after the fault")
            time.sleep(0.002)

    def _run(self, number: int) -> None:
        try:
            client = self._app.test_client()
            turn = 0
            while not self._stop.is_set():
                reference = f"{number}.{turn}"
                turn += 1
                status = self.told[reference] = client.post(f"/{reference}").status_code
                if status == SAVED:
                    self.promises.append(time.monotonic())
                else:
                    self._stop.wait(BACK_OFF)
        except BaseException as error:  # noqa: BLE001 - told by the thread that waits
            self.failures.append(error)


# -- the faults


def stop_and_start(mode: str) -> Callable[[Start], Any]:
    @contextmanager
    def place(start: Start) -> Iterator[Place]:
        server = start()

        def fault() -> None:
            server.stop(mode)
            server.start()

        yield Place(server.uri(), fault, lambda: server)

    return place


@contextmanager
def terminated_backends(start: Start) -> Iterator[Place]:
    server = start()
    sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    yield Place(server.uri(), lambda: server.execute(sql), lambda: server)


def promotion(mode: str, synchronous: bool) -> Callable[[Start], Any]:
    @contextmanager
    def place(start: Start) -> Iterator[Place]:
        primary = start("wal_level = replica")
        standby = start(primary=primary)
        if synchronous:
            # not in the file that the standby has a copy of
            primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
            while primary.execute("SELECT sync_state FROM pg_stat_replication") != [("sync",)]:
                time.sleep(0.01)

        def fault() -> None:
            primary.stop(mode)
            standby.promote()

        hosts = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
        uri = f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write"
        yield Place(uri, fault, lambda: standby, is_lossless=synchronous)

    return place


@contextmanager
def pooler_restart(start: Start) -> Iterator[Place]:
    server = start()
    with pgbouncer(server, size=8) as pooler:

        def fault() -> None:
            pooler.stop()
            pooler.start()

        yield Place(pooler.uri(), fault, lambda: server)


@contextmanager
def restart_behind_pooler(start: Start) -> Iterator[Place]:
    server = start()
    with pgbouncer(server, size=8) as pooler:

        def fault() -> None:
            server.stop()
            server.start()

        yield Place(pooler.uri(), fault, lambda: server)


FAULTS: dict[str, Callable[[Start], Any]] = {
    "server restart (fast stop, start)": stop_and_start("fast"),
    "immediate stop, start": stop_and_start("immediate"),
    "all sessions terminated": terminated_backends,
    "fast stop, promotion of a synchronous standby": promotion("fast", synchronous=True),
    "immediate stop, promotion of a synchronous standby": promotion("immediate", synchronous=True),
    "immediate stop, promotion of an asynchronous standby": promotion("immediate", synchronous=False),
    "pooler restart": pooler_restart,
    "server restart behind the pooler": restart_behind_pooler,
}


def measure(name: str, seconds: float) -> Report:
    """Bring a fault about under load.

    :param name: one of :data:`FAULTS`.
    :param seconds: how long requests are sent before it, and again after the first one that has succeeded after it.
    :raises RuntimeError: when a server cannot be had.
    """
    with servers() as start, FAULTS[name](start) as place:
        app, db = make_app(place.uri)
        with app.app_context():
            db.create_all()
            engine = db.engine
        try:
            with Clients(app) as clients:
                time.sleep(seconds)
                place.fault()
                usable = time.monotonic()
                recovery = clients.wait_for_promise(usable) - usable
                time.sleep(seconds)
            return _report(name, place, clients, recovery, len(engine.pool.holders()))
        finally:
            engine.dispose()


def _report(name: str, place: Place, clients: Clients, recovery: float, held: int) -> Report:
    server = place.survivor()
    sides = Counter(reference for (reference,) in server.execute("SELECT reference FROM half"))
    by_status: dict[int, list[str]] = {}
    for reference, status in clients.told.items():
        by_status.setdefault(status, []).append(reference)
    promised = by_status.pop(SAVED, [])
    unknown = by_status.pop(UNKNOWN, [])
    refused = [reference for references in by_status.values() for reference in references]
    idle = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
    times = sorted(clients.promises)
    return Report(
        name=name,
        promised=len(promised),
        lost=sum(reference not in sides for reference in promised),
        half=sum(count != 2 for count in sides.values()),
        unknown=len(unknown),
        refused=len(refused),
        false_refusals=sum(reference in sides for reference in refused),
        outage=max(later - earlier for earlier, later in itertools.pairwise(times)),
        recovery=recovery,
        idle_in_transaction=int(server.execute(idle)[0][0]),
        held=held,
        is_lossless=place.is_lossless,
    )


HEADER = """\
| fault | promised | lost | half | unknown | refused | longest time without a success | from recovery to the first success |
|---|---|---|---|---|---|---|---|
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"all when none is given: {', '.join(map(repr, FAULTS))}"
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="of load before a fault, and after the recovery")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(FAULTS):
        parser.error(f"no such fault: {', '.join(unknown)}")
    sys.stdout.write(HEADER)
    all_right = True
    for name in arguments.names or FAULTS:
        told = measure(name, arguments.seconds)
        all_right = all_right and told.is_right
        sys.stdout.write(
            f"| {told.name} | {told.promised} | {told.lost} | {told.half} | {told.unknown} | {told.refused} | {told.outage:.2f} s |"
            f" {told.recovery:.2f} s |\n"
        )
        if not told.is_right:
            sys.stdout.write(f"{told}\n")
        sys.stdout.flush()
    return 0 if all_right else 1


if __name__ == "__main__":
    sys.exit(main())
