"""Faults against a real PostgreSQL. After each: nothing idle in a transaction, no connection leaked, no wrong row."""

from __future__ import annotations

import gc
import json
import logging
import os
import signal
import socket
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_uow import CommitOutcomeUnknown, TimeoutError
from tests.integration.bank import ACCOUNTS, OPENING_BALANCE, create_app, create_tables, db, transfer
from tests.integration.processes import free_port, running, wait_until_up
from tests.integration.test_real_servers import ask, make_bank, references, serving
from tests.postgresql import execute, fresh_database, own_server
from tests.web.test_servers import serving as serving_in_thread

THREADS = 16


@pytest.fixture
def bank(postgresql_uri: str) -> Iterator[Flask]:
    """The bank in this process; afterwards nothing may be left open, and no money be made or lost."""
    app = create_app(postgresql_uri)
    with app.app_context():
        create_tables()
    yield app
    with app.app_context():
        engine = db.engine
        held = engine.pool.holders()
    open_transactions = execute(
        postgresql_uri,
        "SELECT state, query FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        " AND state <> 'idle'",
    )
    engine.dispose()
    assert held == []
    assert open_transactions == []
    assert execute(postgresql_uri, "SELECT sum(balance) FROM account") == [(ACCOUNTS * OPENING_BALANCE,)]


def terminate_all(uri: str) -> int:
    """End every other session of the database; return how many there were."""
    rows = execute(
        uri,
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
    )
    return len(rows)


def post(app: Flask, reference: str, query: str = "", path: str = "plain") -> int:
    return app.test_client().post(f"/{path}/{reference}/1/2/10{query}").status_code


def test_a_backend_terminated_between_requests_is_replaced_unnoticed(bank: Flask, postgresql_uri: str) -> None:
    for turn in range(3):
        assert post(bank, f"turn {turn}") == 201
        assert terminate_all(postgresql_uri) >= 1
    assert bank.test_client().get("/total").json == {"total": ACCOUNTS * OPENING_BALANCE}
    assert references(postgresql_uri) == ["turn 0", "turn 1", "turn 2"]


def test_all_connections_of_a_pool_terminated_while_idle_are_replaced_unnoticed(
    bank: Flask, postgresql_uri: str
) -> None:
    with bank.app_context():
        engine = db.engine
    connections = [engine.connect() for _ in range(5)]
    for connection in connections:
        connection.close()
    assert terminate_all(postgresql_uri) == 5
    for turn in range(5):
        assert post(bank, f"turn {turn}") == 201


def test_a_backend_terminated_during_a_request_is_a_500_and_saves_nothing(bank: Flask, postgresql_uri: str) -> None:
    @bank.post("/lost")
    def lost() -> str:
        transfer("lost", 1, 2, 10)
        db.session.flush()
        terminate_all(postgresql_uri)
        return "never told"

    assert bank.test_client().post("/lost").status_code == 500
    assert post(bank, "next") == 201
    assert references(postgresql_uri) == ["next"]


# the trigger is deferred: it runs inside COMMIT, and ends the session that commits
DIE_AT_COMMIT = """
CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.reference LIKE 'die%' THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER die AFTER INSERT ON transfer DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die()
"""


@pytest.mark.parametrize("path", ["plain", "transfers"])
def test_a_backend_terminated_during_commit_is_an_unknown_outcome_and_never_tried_again(
    bank: Flask, postgresql_uri: str, path: str
) -> None:
    execute(postgresql_uri, DIE_AT_COMMIT)
    seen: list[CommitOutcomeUnknown] = []

    @bank.errorhandler(CommitOutcomeUnknown)
    def handle(error: CommitOutcomeUnknown) -> Any:
        seen.append(error)
        return "unknown", 504

    assert post(bank, "die", path=path) == 504
    (error,) = seen
    assert "may be saved or not" in str(error)
    assert post(bank, "next", path=path) == 201
    assert references(postgresql_uri) == ["next"], "PostgreSQL had not committed yet when it ended this session"


# as CockroachDB says of a commit whose outcome it does not know
DOUBT_AT_COMMIT = DIE_AT_COMMIT.replace(
    "PERFORM pg_terminate_backend(pg_backend_pid())", "RAISE EXCEPTION SQLSTATE '40003'"
)


@pytest.mark.parametrize("path", ["plain", "transfers"])
def test_a_commit_of_which_the_database_knows_no_outcome_is_never_tried_again(
    bank: Flask, postgresql_uri: str, path: str
) -> None:
    execute(postgresql_uri, DOUBT_AT_COMMIT)
    assert post(bank, "die", path=path) == 504
    assert post(bank, "next", path=path) == 201


def test_a_statement_by_itself_of_which_the_database_knows_no_outcome(bank: Flask, postgresql_uri: str) -> None:
    execute(postgresql_uri, DOUBT_AT_COMMIT)
    with bank.app_context(), db.engine.connect() as connection, pytest.raises(CommitOutcomeUnknown):
        connection.run("INSERT INTO transfer (reference, source, target, amount) VALUES ('die', 1, 2, 3)")


def test_an_unknown_outcome_is_a_500_by_default_also_with_retries(postgresql_uri: str) -> None:
    app = create_app(postgresql_uri, UOW_RETRY_ATTEMPTS=5)
    app.error_handler_spec[None][None].clear()
    with app.app_context():
        create_tables()
        engine = db.engine
    execute(postgresql_uri, DIE_AT_COMMIT)
    calls: list[int] = []
    app.before_request(lambda: calls.append(1))
    assert post(app, "die") == 500
    assert calls == [1]
    engine.dispose()


def test_an_exhausted_pool_is_a_clear_error_that_names_the_holders_and_then_recovers(
    postgresql_uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    options = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.05}
    app = create_app(postgresql_uri, UOW_ENGINE_OPTIONS=options)
    with app.app_context():
        create_tables()
        engine = db.engine
    inside, go_on = threading.Event(), threading.Event()

    @app.post("/hold")
    def hold() -> str:
        transfer("held", 1, 2, 10)
        db.session.flush()
        inside.set()
        go_on.wait(60)
        return "done"

    statuses: list[int] = []
    holder = threading.Thread(target=lambda: statuses.append(app.test_client().post("/hold").status_code))
    holder.start()
    assert inside.wait(60)
    with caplog.at_level(logging.ERROR):
        assert post(app, "refused") == 500
    error = caplog.records[-1].exc_info[1]  # type: ignore[index]
    assert isinstance(error, TimeoutError)
    headline, line = str(error).splitlines()
    assert "pool_size=1, max_overflow=0" in headline
    assert line.startswith("- POST of endpoint 'hold' (scope ")
    assert "bank.py:" in line or "test_faults.py:" in line
    assert "in transfer" in line
    go_on.set()
    holder.join(60)
    assert statuses == [200]
    assert post(app, "after") == 201
    assert references(postgresql_uri) == ["after", "held"]
    assert engine.pool.holders() == []
    engine.dispose()


def in_threads(work: Any, count: int = THREADS) -> None:
    """Run ``work(number)`` in threads, and raise what the first of them raised."""
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001 (told by the test)
            failures.append(error)

    threads = [threading.Thread(target=run, args=[number]) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not any(thread.is_alive() for thread in threads)
    if failures:
        raise failures[0]


def test_deadlocks_of_16_threads_are_resolved_by_transactional_and_no_update_is_lost(
    bank: Flask, postgresql_uri: str
) -> None:
    ((database,),) = execute(postgresql_uri, "SELECT current_database()")
    execute(postgresql_uri, f"ALTER DATABASE {database} SET deadlock_timeout = '10ms'")
    with bank.app_context():
        db.engine.dispose()
    barrier = threading.Barrier(THREADS)

    def work(number: int) -> None:
        client = bank.test_client()
        barrier.wait(60)
        for turn in range(10):
            # one half locks 1 and then 2, the other half 2 and then 1
            source, target = (1, 2) if number % 2 else (2, 1)
            assert client.post(f"/transfers/{number}.{turn}/{source}/{target}/1").status_code == 201

    in_threads(work)
    ((deadlocks,),) = execute(
        postgresql_uri,
        "SELECT pg_stat_force_next_flush()",
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()",
    )
    assert deadlocks > 0, "the test provoked none"
    assert len(references(postgresql_uri)) == THREADS * 10
    assert execute(postgresql_uri, "SELECT balance FROM account WHERE id IN (1, 2)") == [(1000,), (1000,)]
    execute(postgresql_uri, f"ALTER DATABASE {database} RESET deadlock_timeout")


def test_serialization_failures_of_16_threads_are_resolved_by_transactional_and_no_update_is_lost(
    bank: Flask, postgresql_uri: str
) -> None:
    attempts: list[int] = []

    @bank.post("/count")
    @db.transactional(attempts=200, isolation_level="SERIALIZABLE")
    def count() -> str:
        attempts.append(1)
        one, two = (db.session.scalar("SELECT balance FROM account WHERE id = :id", {"id": id}) for id in (1, 2))
        db.session.execute("UPDATE account SET balance = :new WHERE id = 1", {"new": one - 1})
        db.session.execute("UPDATE account SET balance = :new WHERE id = 2", {"new": two + 1})
        return ""

    def work(number: int) -> None:
        for _ in range(5):
            assert bank.test_client().post("/count").status_code == 200

    in_threads(work)
    assert len(attempts) > THREADS * 5, "the test provoked no failure"
    assert execute(postgresql_uri, "SELECT balance FROM account WHERE id IN (1, 2) ORDER BY id") == [(920,), (1080,)]


def test_a_server_restarted_under_load_tells_no_lie_and_the_next_requests_just_work() -> None:
    told: dict[str, int] = {}
    restarted = threading.Event()
    with own_server() as server, fresh_database(server.get_uri()) as uri:
        app = create_app(uri, UOW_ENGINE_OPTIONS={"pool_size": THREADS})
        with app.app_context():
            create_tables()
            engine = db.engine

        def work(number: int) -> None:
            client = app.test_client()
            after = 0
            for turn in range(5000):
                reference = f"{number}.{turn}"
                has_restarted = restarted.is_set()
                told[reference] = client.post(f"/transfers/{reference}/{number % 5}/{number % 5 + 5}/1").status_code
                if has_restarted:
                    assert told[reference] == 201, "the server is up again"
                    after += 1
                    if after == 5:
                        return

        def restart() -> None:
            while sum(status == 201 for status in list(told.values())) < 100:
                pass
            server.stop()
            server.start()
            restarted.set()

        restarter = threading.Thread(target=restart)
        restarter.start()
        in_threads(work, 8)
        restarter.join(60)
        assert engine.pool.holders() == []
        saved = set(references(uri))
        assert execute(uri, "SELECT sum(balance) FROM account") == [(ACCOUNTS * OPENING_BALANCE,)]
        engine.dispose()
    successes = {reference for reference, status in told.items() if status == 201}
    unknown = {reference for reference, status in told.items() if status == 504}
    assert set(told.values()) <= {201, 500, 504}
    assert successes <= saved <= successes | unknown


def test_a_worker_killed_in_the_middle_of_a_request_leaves_nothing_behind(postgresql_uri: str, tmp_path: Path) -> None:
    make_bank(postgresql_uri)
    told: list[Any] = []

    def hang() -> None:
        try:
            told.append(ask(f"{url}/wait/killed/1", "POST"))
        except OSError:
            told.append("cut")

    with serving("gunicorn sync", postgresql_uri, tmp_path) as url:
        execute(postgresql_uri, "CREATE TABLE gate ()")
        holder = threading.Event()
        locked = threading.Event()

        def lock() -> None:
            app = create_app(postgresql_uri)
            with app.app_context(), db.engine.connect() as connection:
                connection.execute("SELECT pg_advisory_lock(1)")
                locked.set()
                holder.wait(60)
            with app.app_context():
                db.engine.dispose()

        locker = threading.Thread(target=lock)
        locker.start()
        assert locked.wait(60)
        waiting = threading.Thread(target=hang)
        waiting.start()
        while not execute(postgresql_uri, "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
            assert waiting.is_alive()
        # the other worker answers; the one that does not is the one to kill
        children = {json.loads(ask(f"{url}/process")[1])["pid"] for _ in range(5)}
        (alive,) = children
        parent = int(Path(f"/proc/{alive}/stat").read_text().split()[3])
        workers = [int(child) for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
        (victim,) = [worker for worker in workers if worker != alive]
        os.kill(victim, signal.SIGKILL)
        waiting.join(60)
        assert told == ["cut"]
        holder.set()
        locker.join(60)
        assert ask(f"{url}/transfers/next/1/2/10", "POST")[0] == 201
        while execute(
            postgresql_uri,
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend' AND state <> 'idle'",
        ):
            pass  # the server notices the end of the worker when it writes to it
    assert references(postgresql_uri) == ["next"]


def test_a_client_gone_in_the_middle_of_a_stream_rolls_back_the_generators_part(
    bank: Flask, postgresql_uri: str
) -> None:
    with serving_in_thread(bank) as url:
        port = int(url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
            client.sendall(b"GET /stream/100000?reference=s HTTP/1.0\r\nHost: localhost\r\n\r\n")
            assert client.recv(65_536).startswith(b"HTTP/1.")
        with bank.app_context():
            engine = db.engine
        while engine.pool.holders():
            pass  # the server notices when it writes the next chunks
        assert post(bank, "next") == 201
    assert references(postgresql_uri) == ["next", "s"]


def test_a_context_pushed_and_abandoned_is_never_committed_by_others_and_its_connection_comes_back(
    bank: Flask, postgresql_uri: str
) -> None:
    def abandon() -> None:
        bank.app_context().push()
        transfer("abandoned", 3, 4, 10)
        db.session.flush()

    thread = threading.Thread(target=abandon)
    thread.start()
    thread.join()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for turn in range(300):
            with bank.app_context():
                if turn % 100 == 0:
                    transfer(f"other {turn}", 1, 2, 1)
        gc.collect()
        assert post(bank, "next") == 201
    assert any("was never popped" in str(warning.message) for warning in caught)
    assert references(postgresql_uri) == ["next", "other 0", "other 100", "other 200"]


def test_an_app_that_is_started_while_the_server_is_down_works_as_soon_as_it_is_up(tmp_path: Path) -> None:
    with own_server() as server, fresh_database(server.get_uri()) as uri:
        make_bank(uri)
        server.stop()
        port = free_port()
        arguments = ["--app", "tests.integration.bank", "run", "--port", str(port), "--with-threads"]
        with running("flask", arguments, {"BANK_URI": uri}, expected_exit=None) as process:
            url = f"http://127.0.0.1:{port}"
            wait_until_up(process, f"{url}/")
            assert ask(f"{url}/total")[0] == 500
            server.start()
            assert ask(f"{url}/total")[0] == 200
