"""The pool, with a connector that counts."""

from __future__ import annotations

import _thread
import gc
import inspect
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from flask_uow import Session, select
from flask_uow.engine import Connection, create_engine
from flask_uow.engine.pool import Pool, PooledConnection
from flask_uow.exc import ArgumentError, OperationalError, TimeoutError


class FakeConnection:
    def __init__(self, number: int) -> None:
        self.number = number
        self.alive = True
        self.is_quiet = True
        self.is_open = True
        self.resets = 0
        self.cleanings = 0

    def cursor(self) -> object:
        return object()


class FakeConnector:
    drop_closes = False

    def __init__(self) -> None:
        self.made: list[FakeConnection] = []
        self.pings = 0
        self.forks = 0
        self.refuses = False
        self.is_full = False

    def connect(self) -> FakeConnection:
        if self.refuses:
            raise OperationalError("no server")
        if self.is_full:
            raise OperationalError("too many clients")
        self.made.append(FakeConnection(len(self.made)))
        return self.made[-1]

    def reset(self, raw: FakeConnection) -> bool:
        raw.resets += 1
        return raw.alive

    def settle(self, raw: Any) -> None:
        return None

    def clean(self, raw: FakeConnection) -> bool:
        raw.cleanings += 1
        return raw.alive

    def is_refusal(self, error: BaseException) -> bool:
        return self.is_full

    def is_absence(self, error: BaseException) -> bool:
        return False

    def cursor(self, raw: FakeConnection) -> object:
        return raw.cursor()

    def is_quiet(self, raw: FakeConnection) -> bool:
        return raw.is_quiet

    def after_fork(self) -> None:
        self.forks += 1

    def ping(self, raw: FakeConnection) -> bool:
        self.pings += 1
        return raw.alive

    def close(self, raw: FakeConnection) -> None:
        raw.is_open = False


@pytest.fixture
def connector() -> FakeConnector:
    return FakeConnector()


def test_nothing_is_opened_before_the_first_checkout(connector: FakeConnector) -> None:
    pool = Pool(connector)
    assert connector.made == []
    assert (pool.size(), pool.checked_out()) == (5, 0)


def test_the_connection_that_came_back_last_goes_out_first(connector: FakeConnector) -> None:
    pool = Pool(connector)
    first, second = pool.checkout(), pool.checkout()
    pool.checkin(second)
    pool.checkin(first)
    assert pool.checkout() is first
    assert first.raw.resets == 1
    assert len(connector.made) == 2


def test_a_pool_counts_its_connections(connector: FakeConnector) -> None:
    pool = Pool(connector, size=2, max_overflow=1, timeout=7)
    assert (pool.checkedin(), pool.checkedout(), pool.overflow(), pool.timeout()) == (0, 0, -2, 7)
    records = [pool.checkout() for _ in range(3)]
    assert (pool.checkedin(), pool.checkedout(), pool.overflow()) == (0, 3, 1)
    pool.checkin(records[0])
    assert (pool.checkedin(), pool.checkedout(), pool.overflow()) == (1, 2, 1)
    for record in records[1:]:
        pool.checkin(record)
    assert (pool.checkedin(), pool.checkedout(), pool.overflow()) == (2, 0, 0)


def test_connections_beyond_the_size_are_closed_when_they_come_back(connector: FakeConnector) -> None:
    pool = Pool(connector, size=1, max_overflow=1)
    records = [pool.checkout(), pool.checkout()]
    for record in records:
        pool.checkin(record)
    assert [raw.is_open for raw in connector.made] == [True, False]
    assert pool.status() == "pool size 1, overflow 1: 1 open, 1 idle, 0 lent, 0 waiting"


def test_an_exhausted_pool_says_after_how_long_and_what_to_do(connector: FakeConnector) -> None:
    pool = Pool(connector, size=1, max_overflow=1, timeout=0.01)
    pool.checkout()
    pool.checkout()
    with pytest.raises(
        TimeoutError, match=r"within 0\.01 seconds: all 2 .*pool_size=1, max_overflow=1.*raise pool_size"
    ):
        pool.checkout()
    assert pool.checked_out() == 2


def test_a_waiting_thread_gets_the_connection_that_comes_back(connector: FakeConnector) -> None:
    pool = Pool(connector, size=1, max_overflow=0, timeout=30)
    record = pool.checkout()
    got: list[PooledConnection] = []
    waiter = threading.Thread(target=lambda: got.append(pool.checkout()))
    waiter.start()
    while "1 waiting" not in pool.status():
        assert waiter.is_alive()
    pool.checkin(record)
    waiter.join(30)
    assert got == [record]


def test_a_waiting_thread_opens_a_new_one_when_a_broken_one_comes_back(connector: FakeConnector) -> None:
    pool = Pool(connector, size=1, max_overflow=0, timeout=30)
    record = pool.checkout()
    got: list[PooledConnection] = []
    waiter = threading.Thread(target=lambda: got.append(pool.checkout()))
    waiter.start()
    while "1 waiting" not in pool.status():
        assert waiter.is_alive()
    record.broken = True
    pool.checkin(record)
    waiter.join(30)
    assert got[0].raw is connector.made[1]
    assert not record.raw.is_open


def test_a_connection_that_cannot_be_reset_is_not_lent_again(connector: FakeConnector) -> None:
    pool = Pool(connector)
    record = pool.checkout()
    record.raw.alive = False
    pool.checkin(record)
    assert not record.raw.is_open
    assert pool.checkout().raw is not record.raw


def test_a_failed_connect_leaves_room_for_the_next(connector: FakeConnector) -> None:
    pool = Pool(connector, size=1, max_overflow=0, timeout=0.01)
    connector.refuses = True
    for _ in range(3):
        with pytest.raises(OperationalError, match="no server"):
            pool.checkout()
    connector.refuses = False
    assert pool.checkout().raw.is_open


def test_dispose_closes_idle_connections_now_and_lent_ones_later(connector: FakeConnector) -> None:
    pool = Pool(connector)
    idle, lent = pool.checkout(), pool.checkout()
    pool.checkin(idle)
    pool.dispose()
    assert not idle.raw.is_open
    assert lent.raw.is_open
    pool.checkin(lent)
    assert not lent.raw.is_open
    assert pool.checkout().raw.is_open


def test_an_abandoned_connection_comes_back_with_the_next_use(connector: FakeConnector) -> None:
    pool = Pool(connector, size=1, max_overflow=0, timeout=0.01)
    record = pool.checkout()
    pool.abandon(record)
    assert record.raw.resets == 0
    assert pool.checkout() is record
    assert record.raw.resets == 1


@pytest.mark.parametrize(
    ("pre_ping", "idle", "pings"), [(None, 29, 0), (None, 31, 1), (True, 0.5, 0), (True, 2, 1), (False, 9999, 0)]
)
def test_a_ping_replaces_a_dead_connection_after_some_idle_time_but_spares_a_fresh_one(
    connector: FakeConnector, monkeypatch: pytest.MonkeyPatch, pre_ping: bool | None, idle: float, pings: int
) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    pool = Pool(connector, pre_ping=pre_ping)
    record = pool.checkout()
    pool.checkin(record)
    assert pool.checkout() is record
    assert connector.pings == 0
    pool.checkin(record)
    now[0] += idle
    record.raw.alive = False
    assert (pool.checkout() is record) is (pings == 0)
    assert connector.pings == pings
    assert record.raw.is_open is (pings == 0)


def test_a_connection_whose_socket_was_closed_is_replaced_at_checkout(connector: FakeConnector) -> None:
    pool = Pool(connector)
    record = pool.checkout()
    pool.checkin(record)
    record.raw.is_quiet = record.raw.alive = False
    assert pool.checkout() is not record
    assert not record.raw.is_open
    assert pool.checked_out() == 1


def test_a_connection_with_a_notice_on_its_socket_is_kept_when_it_answers(connector: FakeConnector) -> None:
    pool = Pool(connector)
    record = pool.checkout()
    pool.checkin(record)
    record.raw.is_quiet = False
    assert pool.checkout() is record
    assert connector.pings == 1


def test_a_time_out_names_who_holds_the_connections_for_how_long_and_where(
    connector: FakeConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    pool = Pool(connector, size=2, max_overflow=0, timeout=0)
    first = pool.checkout()
    first.holder = lambda: "GET of endpoint 'slow'"
    now[0] += 12.5
    pool.checkout()
    with pytest.raises(TimeoutError) as caught:
        pool.checkout()
    lines = str(caught.value).splitlines()
    assert "pool_size=2" in lines[0]
    assert lines[1].startswith("- GET of endpoint 'slow', for 12.5 s, acquired at ")
    assert "test_pool.py" in lines[1]
    assert lines[2].startswith("- no request, for 0.0 s, acquired at ")
    pool.checkin(first)
    assert pool.checkout() is first


def test_whoever_holds_a_connection_is_told_by_the_line_that_asked_for_it(database_uri: str) -> None:
    engine = create_engine(database_uri)

    def ask() -> tuple[Connection, int]:
        # the line of the call, behind whichever functions of the package
        connection = engine.connect()
        return connection, inspect.getsourcelines(ask)[1] + 2

    with engine.begin(), Session(engine) as session:
        connection, line = ask()
        session.scalar(select(1))
        places = [holder.partition("acquired at ")[2] for holder in engine.pool.holders()]
        connection.close()
    name = inspect.currentframe().f_code.co_qualname  # type: ignore[union-attr]
    here = f"{__file__}:{{}} in {name}, by this very thread"
    assert places == [
        here.format(line + 3),
        f"{__file__}:{line} in {name}.<locals>.ask, by this very thread",
        here.format(line + 5),
    ]
    engine.dispose()


def test_a_connection_may_be_asked_for_where_no_function_of_the_application_is(connector: FakeConnector) -> None:
    pool = Pool(connector)
    _thread.start_new_thread(pool.checkout, ())
    deadline = time.monotonic() + 30
    while not any(" in Pool." in line for line in pool.holders()):
        assert time.monotonic() < deadline, pool.holders()
        time.sleep(0.001)


def test_a_time_out_of_a_large_pool_names_the_oldest_holders(connector: FakeConnector) -> None:
    pool = Pool(connector, size=30, max_overflow=0, timeout=0)
    for _ in range(30):
        pool.checkout()
    with pytest.raises(TimeoutError, match="and 10 more"):
        pool.checkout()


def test_an_old_connection_is_recycled(connector: FakeConnector, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    pool = Pool(connector, recycle=60)
    record = pool.checkout()
    pool.checkin(record)
    now[0] += 61
    assert pool.checkout() is not record
    assert pool.checked_out() == 1


@pytest.mark.parametrize(
    "options",
    [
        {"size": -1},
        {"size": "5"},
        {"size": True},
        {"max_overflow": -2},
        {"timeout": None},
        {"timeout": float("nan")},
        {"timeout": float("inf")},
        {"timeout": 1e12},
        {"recycle": -5},
        {"recycle": float("nan")},
    ],
)
def test_numbers_that_make_no_sense_are_refused(connector: FakeConnector, options: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match="expected a number"):
        Pool(connector, **options)


def test_a_pool_for_no_connection_at_all_is_refused(connector: FakeConnector) -> None:
    with pytest.raises(ArgumentError, match="allows no connection"):
        Pool(connector, size=0, max_overflow=0)


def test_many_threads_never_share_a_connection_or_exceed_the_limit(connector: FakeConnector) -> None:
    pool = Pool(connector, size=2, max_overflow=1, timeout=30)
    in_use: set[int] = set()
    errors: list[str] = []
    barrier = threading.Barrier(8)

    def work() -> None:
        barrier.wait(30)
        for _ in range(200):
            record = pool.checkout()
            if record.raw.number in in_use:
                errors.append("shared")
            in_use.add(record.raw.number)
            if len(in_use) > 3:
                errors.append("too many")
            in_use.discard(record.raw.number)
            pool.checkin(record)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert pool.checked_out() == 0


def test_an_engine_that_nobody_holds_closes_its_connections(postgresql_uri: str) -> None:
    marked = create_engine(postgresql_uri, connect_args={"application_name": "uow-dropped"})
    count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'uow-dropped'"
    with marked.connect() as connection:
        assert connection.scalar(count) == 1
    del marked, connection
    gc.collect()
    watcher = create_engine(postgresql_uri)
    with watcher.connect() as connection:
        for _ in range(1000):
            if connection.scalar(count) == 0:
                break
        assert connection.scalar(count) == 0
    watcher.dispose()


class User:
    disowned = False

    def disown(self) -> None:
        self.disowned = True


@pytest.mark.parametrize("drop_closes", [False, True])
def test_a_forked_process_neither_uses_nor_closes_what_its_parent_opened(
    connector: FakeConnector, drop_closes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[PooledConnection] = []
    monkeypatch.setattr("flask_uow.engine.pool._inherited", kept)
    connector.drop_closes = drop_closes
    pool = Pool(connector)
    user = User()
    lent, idle, dropped = pool.checkout(user), pool.checkout(), pool.checkout()
    pool.checkin(idle)
    pool.abandon(dropped)
    pool.after_fork()  # what the child does
    assert pool.status() == "pool size 5, overflow 10: 0 open, 0 idle, 0 lent, 0 waiting"
    assert user.disowned
    assert pool.checkout() not in (lent, idle, dropped)
    pool.checkin(lent)
    assert pool.checked_out() == 1
    assert all(record.raw.is_open for record in (lent, idle, dropped))
    assert set(kept) == ({lent, idle, dropped} if drop_closes else set())
    assert connector.forks == 1


# -- who waits


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(3000):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it did not come to that within 30 seconds")


def test_who_waits_is_served_in_the_order_of_arrival(connector: FakeConnector) -> None:
    pool = Pool(connector, size=1, max_overflow=0, timeout=30)
    record = pool.checkout()
    served: list[int] = []

    def use(number: int) -> None:
        mine = pool.checkout()
        served.append(number)
        pool.checkin(mine)

    threads = []
    for number in range(8):
        threads.append(threading.Thread(target=use, args=(number,)))
        threads[-1].start()
        wait_for(lambda number=number: f"{number + 1} waiting" in pool.status())  # type: ignore[misc]
    pool.checkin(record)
    for thread in threads:
        thread.join(30)
    assert served == list(range(8))
    assert pool.status() == "pool size 1, overflow 0: 1 open, 1 idle, 0 lent, 0 waiting"


def test_who_comes_later_does_not_overtake_who_waits(connector: FakeConnector) -> None:
    pool = Pool(connector, size=1, max_overflow=0, timeout=30)
    record = pool.checkout()
    got: list[PooledConnection] = []
    waiter = threading.Thread(target=lambda: got.append(pool.checkout()))
    waiter.start()
    wait_for(lambda: "1 waiting" in pool.status())
    pool.checkin(record)
    late = threading.Thread(target=lambda: pool.checkin(pool.checkout()))
    late.start()
    waiter.join(30)
    assert got == [record]
    wait_for(lambda: "1 waiting" in pool.status())
    pool.checkin(record)
    late.join(30)


def test_who_waits_gets_what_somebody_has_dropped_without_a_word(connector: FakeConnector) -> None:
    class User:
        def disown(self) -> None:
            raise AssertionError("there is no fork")

    pool = Pool(connector, size=1, max_overflow=0, timeout=30)
    user = User()
    record = pool.checkout(user)
    got: list[PooledConnection] = []
    waiter = threading.Thread(target=lambda: got.append(pool.checkout()))
    waiter.start()
    wait_for(lambda: "1 waiting" in pool.status())
    del user
    gc.collect()
    waiter.join(30)
    assert got == [record]
    assert connector.made[0].resets == 1


def test_who_waits_gets_the_connection_of_a_connection_object_that_was_dropped(database_uri: str) -> None:
    engine = create_engine(database_uri, pool_size=1, max_overflow=0, pool_timeout=30)
    held = [engine.connect()]
    held[0].begin()
    held[0].run("CREATE TABLE never (id INTEGER)")
    got: list[object] = []

    def use() -> None:
        with engine.connect() as connection:
            got.append(connection.table_names())

    waiter = threading.Thread(target=use)
    waiter.start()
    wait_for(lambda: "1 waiting" in engine.pool.status())

    def drop() -> None:
        held.clear()
        gc.collect()

    with pytest.warns(ResourceWarning):
        drop()
    waiter.join(30)
    assert got == [[]]
    engine.dispose()


def test_a_time_out_says_which_connections_the_waiting_thread_itself_has(connector: FakeConnector) -> None:
    pool = Pool(connector, size=2, max_overflow=0, timeout=0.01)
    pool.checkout()
    other = threading.Thread(target=pool.checkout)
    other.start()
    other.join()
    with pytest.raises(TimeoutError) as caught:
        pool.checkout()
    assert [line.endswith("by this very thread") for line in str(caught.value).splitlines()[1:]] == [True, False]


# -- a server that takes no further connection


def test_a_refused_connection_is_asked_for_again_until_the_time_is_up(connector: FakeConnector) -> None:
    pool = Pool(connector, size=2, timeout=30)
    connector.is_full = True
    got: list[PooledConnection] = []
    waiter = threading.Thread(target=lambda: got.append(pool.checkout()))
    waiter.start()
    wait_for(lambda: "1 waiting" in pool.status())
    connector.is_full = False
    waiter.join(30)
    assert len(got) == 1
    connector.is_full = True
    impatient = Pool(connector, timeout=0.1)
    with pytest.raises(OperationalError, match="too many clients"):
        impatient.checkout()
    assert impatient.checked_out() == 0


def test_who_is_refused_a_further_connection_takes_one_that_comes_back(connector: FakeConnector) -> None:
    pool = Pool(connector, size=2, timeout=30)
    record = pool.checkout()
    connector.is_full = True
    got: list[PooledConnection] = []
    waiter = threading.Thread(target=lambda: got.append(pool.checkout()))
    waiter.start()
    wait_for(lambda: "1 waiting" in pool.status())
    pool.checkin(record)
    waiter.join(30)
    assert got == [record]


# -- cleaning


@pytest.mark.parametrize(("clean", "expected"), [("changed", [0, 1]), ("always", [1, 2]), ("never", [0, 0])])
def test_connections_are_cleaned_when_asked_for(connector: FakeConnector, clean: str, expected: list[int]) -> None:
    pool = Pool(connector, size=1, clean=clean)
    counts = []
    for marks in (0, 1):
        record = pool.checkout()
        record.marks = marks
        pool.checkin(record)
        counts.append(record.raw.cleanings)
    assert counts == expected


def test_another_word_for_cleaning_is_refused(connector: FakeConnector) -> None:
    with pytest.raises(ArgumentError, match="pool_clean='often': expected one of 'changed', 'always', 'never'"):
        Pool(connector, clean="often")


def test_a_cleaned_connection_that_does_not_answer_is_replaced(connector: FakeConnector) -> None:
    pool = Pool(connector, size=1)
    record = pool.checkout()
    record.marks = 1
    connector.clean = lambda raw: False  # type: ignore[method-assign]
    pool.checkin(record)
    assert "0 open" in pool.status()
