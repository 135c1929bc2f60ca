"""16 threads in real conflicts at SERIALIZABLE, resolved by UOW_RETRY_ATTEMPTS and by transactional: what is promised is there, once.

Each request reads counters, and writes what it has read plus one; two of them that overlap would lose an update at a lower level. The short form
runs in CI; the long one is marked ``soak``.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask, request

from flask_uow import Mapped, UnitOfWork, mapped_column, select
from tests.postgresql import execute

THREADS = 16
COUNTERS = 4
ATTEMPTS = 1000


class Tally:
    """An app with counters, and a line for each request that has counted."""

    def __init__(self, uri: str, **config: Any) -> None:
        self.db = db = UnitOfWork()
        self.app = app = Flask("tally")
        app.config.update(
            SECRET_KEY="x",
            UOW_DATABASE_URI=uri,
            UOW_ENGINE_OPTIONS={"pool_size": THREADS, "max_overflow": 0, "isolation_level": "SERIALIZABLE"},
            **config,
        )
        self.attempts: list[int] = []

        class Count(db.Model):  # type: ignore[name-defined, misc]
            __tablename__ = "count"
            id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
            value: Mapped[int]

        class Line(db.Model):  # type: ignore[name-defined, misc]
            __tablename__ = "line"
            id: Mapped[int] = mapped_column(primary_key=True)
            reference: Mapped[str]

        def count(reference: str) -> tuple[str, int]:
            self.attempts.append(1)
            first, second = (int(number) for number in request.args.getlist("counter"))
            values = dict(db.session.execute(select(Count.id, Count.value)).all())
            for number in (first, second):
                found = db.session.get(Count, number)
                found.value = values[number] + 1
                db.session.flush()
            db.session.add(Line(reference=reference))
            return "", 201

        db.init_app(app)
        app.post("/request/<reference>")(count)
        app.post("/transactional/<reference>", endpoint="transactional")(db.transactional(attempts=ATTEMPTS)(count))
        with app.app_context():
            db.create_all()
            db.session.add_all([Count(id=number, value=0) for number in range(COUNTERS)])
            db.session.commit()
            self.engine = db.engine


@pytest.fixture
def tally(postgresql_uri: str) -> Iterator[Callable[..., Tally]]:
    made: list[Tally] = []

    def make(**config: Any) -> Tally:
        made.append(Tally(postgresql_uri, **config))
        return made[-1]

    yield make
    for each in made:
        each.engine.dispose()


@pytest.mark.parametrize("path", ["request", "transactional"])
@pytest.mark.parametrize("seconds", [pytest.param(1.5), pytest.param(60, marks=pytest.mark.soak)])
def test_what_is_promised_in_conflicts_is_there_once(
    tally: Callable[..., Tally], postgresql_uri: str, path: str, seconds: float
) -> None:
    made = tally(UOW_RETRY_ATTEMPTS=ATTEMPTS if path == "request" else 1)
    told: dict[str, int] = {}
    started = time.monotonic()
    failures: list[BaseException] = []

    def unfinished() -> bool:
        # A machine that stands still for a while makes few requests: the run goes on until there was a conflict, for a minute at most.
        passed = time.monotonic() - started
        return passed < seconds or (len(made.attempts) <= len(told) and passed < seconds + 60)

    def run(number: int) -> None:
        chooser = random.Random(number)
        client = made.app.test_client()
        turn = 0
        try:
            while unfinished():
                turn += 1
                first, second = chooser.sample(range(COUNTERS), 2)
                reference = f"{number}.{turn}"
                told[reference] = client.post(f"/{path}/{reference}?counter={first}&counter={second}").status_code
        except BaseException as error:  # noqa: BLE001 - told by the test
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds + 120)
    assert failures == []
    assert set(told.values()) == {201}
    assert len(made.attempts) > len(told) > THREADS, "there were no conflicts"
    lines = Counter(reference for (reference,) in execute(postgresql_uri, "SELECT reference FROM line"))
    assert lines == dict.fromkeys(told, 1)
    assert execute(postgresql_uri, "SELECT sum(value) FROM count") == [(2 * len(told),)]
