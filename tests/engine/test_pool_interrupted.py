"""A pool that is interrupted anywhere: an exception, as the handler of a signal raises one, at every line of a checkout and a check-in."""

from __future__ import annotations

import contextlib
import gc
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest

from flask_uow.engine import Engine, create_engine
from flask_uow.engine.pool import Pool
from flask_uow.exc import TimeoutError
from tests.engine.test_pool import FakeConnector


class Interruption(BaseException):
    """What the handler of a signal raises."""


class InterruptAt:
    """Raises before the n-th line of the package that this thread runs inside ``with``."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.seen = 0
        self.where = ""

    def trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        if not frame.f_globals.get("__name__", "").startswith("flask_uow."):
            return None
        if event == "line":
            self.seen += 1
            if self.seen == self.number:
                self.where = f"{frame.f_code.co_qualname}, line {frame.f_lineno}"
                sys.settrace(None)
                raise Interruption
        return self.trace

    def run(self, job: Callable[[], object]) -> None:
        before = sys.gettrace()
        sys.settrace(self.trace)
        try:
            with contextlib.suppress(Interruption, TimeoutError):
                job()
        finally:
            sys.settrace(before)


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # an interruption inside a finalizer can only be reported, and that is done by Python itself
    monkeypatch.setattr(sys, "unraisablehook", lambda details: None)
    gc.collect()
    yield
    gc.collect()


def lines_of(job: Callable[[], object]) -> int:
    whole = InterruptAt(-1)
    whole.run(job)
    return whole.seen


class User:
    """Who has a connection."""

    def disown(self) -> None:
        """Nothing is done in a forked process."""


def use(pool: Pool) -> None:
    user = User()
    record = pool.checkout(user)
    pool.checkin(record)


def works(pool: Pool) -> bool:
    """Return whether another thread gets a connection, now or once what was dropped is collected."""
    outcome: list[bool] = []

    def another() -> None:
        for _ in range(2):
            with contextlib.suppress(TimeoutError):
                use(pool)
                outcome.append(True)
                return
            gc.collect()

    thread = threading.Thread(target=another, daemon=True)
    thread.start()
    thread.join(10)
    return bool(outcome)


@pytest.mark.parametrize("state", ["empty", "idle", "broken", "silent", "marked"])
def test_an_exception_at_any_line_of_checkout_and_checkin_loses_no_slot(state: str) -> None:
    def prepared() -> Pool:
        connector = FakeConnector()
        pool = Pool(connector, size=1, max_overflow=0, timeout=0.2)
        if state != "empty":
            use(pool)
            connector.made[0].is_quiet = state not in ("silent", "broken")
            connector.made[0].alive = state != "broken"
        return pool

    def job(pool: Pool) -> Callable[[], object]:
        def run() -> None:
            user = User()
            record = pool.checkout(user)
            record.marks = 1 if state == "marked" else 0
            pool.checkin(record)

        return run

    number = lines_of(job(prepared()))
    assert number > 15
    lost = []
    for line in range(1, number + 1):
        pool = prepared()
        interruption = InterruptAt(line)
        interruption.run(job(pool))
        if not works(pool) or "1 open, 1 idle, 0 lent" not in pool.status():
            lost.append((interruption.where, pool.status()))
    assert lost == []


def test_an_exception_at_any_line_of_waiting_and_of_serving_who_waits_loses_no_slot() -> None:
    lost = []
    line = 0
    while True:
        line += 1
        connector = FakeConnector()
        pool = Pool(connector, size=1, max_overflow=0, timeout=0.3)
        user = User()
        record = pool.checkout(user)
        waiting = InterruptAt(line)
        waiter = threading.Thread(target=waiting.run, args=(lambda pool=pool: use(pool),))
        waiter.start()
        while "1 waiting" not in pool.status() and waiter.is_alive():
            pass
        serving = InterruptAt(line)
        serving.run(lambda pool=pool, record=record: pool.checkin(record))  # type: ignore[misc]
        del user, record
        waiter.join(10)
        if not works(pool):
            lost.append((waiting.where, serving.where, pool.status()))
        if waiting.seen < line and serving.seen < line:
            break
    assert line > 40
    assert lost == []


@pytest.mark.filterwarnings("ignore:a connection of .* was dropped:ResourceWarning")
def test_an_exception_at_any_line_of_the_use_of_an_engine_loses_no_connection(database_uri: str) -> None:
    def job(engine: Engine) -> Callable[[], object]:
        def run() -> None:
            with engine.connect() as connection, connection.begin():
                connection.scalar("SELECT 1")

        return run

    def new() -> Engine:
        made = create_engine(database_uri, pool_size=1, max_overflow=0, pool_timeout=0.2)
        job(made)()
        return made

    engine = new()
    number = lines_of(job(engine))
    lost = []
    for line in range(1, number + 1):
        interruption = InterruptAt(line)
        interruption.run(job(engine))
        if not works(engine.pool):
            lost.append((interruption.where, engine.pool.status()))
            engine = new()
    engine.dispose()
    assert lost == []
