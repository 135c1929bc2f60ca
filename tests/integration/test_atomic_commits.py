"""A transaction over several databases is saved in all or in none, whatever dies in the middle of its commit."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Self

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_uow import CommitOutcomeUnknown, Engine, FlaskUowError, create_engine, func, select
from flask_uow.engine.atomic import in_doubt, prepare_database, recover
from tests.integration.atomic import MODELS, Spy, run_and_kill, write_everywhere
from tests.postgresql import SERVER_SETTINGS, execute, fresh_database, own_server

# which databases take part: two of PostgreSQL, of which the default one decides, or those and a SQLite file, which then does
LAYOUTS = ["postgresql", "sqlite"]
# more statements than a commit sends
MANY = 40


@pytest.fixture(params=LAYOUTS)
def uris(
    request: pytest.FixtureRequest, postgresql_uri: str, second_postgresql_uri: str, tmp_path: Path
) -> dict[str | None, str]:
    """The databases by bind key, with their tables, the record of decisions included."""
    found: dict[str | None, str] = {None: postgresql_uri, "stone": second_postgresql_uri}
    if request.param == "sqlite":
        found["wood"] = f"sqlite:///{tmp_path / 'wood.db'}"
    make_tables(found)
    return found


def make_tables(uris: dict[str | None, str]) -> None:
    for key, engine in fresh_engines(uris).items():
        MODELS[key].metadata.create_all(engine)
        with engine.connect() as connection:
            prepare_database(connection)
        engine.dispose()


def fresh_engines(uris: dict[str | None, str]) -> dict[str | None, Engine]:
    return {key: create_engine(uri) for key, uri in uris.items()}


class Look:
    """What another process sees of the databases."""

    def __init__(self, uris: dict[str | None, str]) -> None:
        self.engines = fresh_engines(uris)

    def references(self) -> list[set[str]]:
        """The references of the rows in each database."""
        found = []
        for key, engine in self.engines.items():
            with engine.connect() as connection:
                found.append(set(connection.scalars(select(MODELS[key].reference))))
        return found

    def recover(self) -> None:
        report = recover(self.engines, grace=0)
        assert report.is_complete, report
        assert in_doubt(self.engines) == ([], {})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        for engine in self.engines.values():
            engine.dispose()


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_process_killed_at_any_statement_of_a_commit_leaves_all_or_nothing(
    uris: dict[str | None, str], moment: str
) -> None:
    outcomes: list[bool] = []
    for number in range(1, MANY):
        reference = f"{moment} {number}"
        told = run_and_kill(uris, reference, moment, number, by_hand=False)
        with Look(uris) as look:
            look.recover()
            present = [reference in found for found in look.references()]
            assert len(set(present)) == 1, (number, present)
            if told:
                # the commit has fewer statements
                assert all(present)
                break
            outcomes.append(present[0])
    # the decision is somewhere in the middle: nothing before it was saved, all after it was
    assert sorted(outcomes) == outcomes
    assert {True, False} == set(outcomes)
    assert 6 < len(outcomes) < MANY - 1


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_process_killed_at_any_statement_of_a_commit_by_hand_leaves_all_or_nothing(
    postgresql_uri: str, second_postgresql_uri: str, moment: str
) -> None:
    uris: dict[str | None, str] = {None: postgresql_uri, "stone": second_postgresql_uri}
    make_tables(uris)
    outcomes: list[bool] = []
    for number in range(1, MANY):
        reference = f"{moment} {number}"
        told = run_and_kill(uris, reference, moment, number, by_hand=True)
        with Look(uris) as look:
            look.recover()
            present = [reference in found for found in look.references()]
            assert len(set(present)) == 1, (number, present)
            if told:
                break
            outcomes.append(present[0])
    assert sorted(outcomes) == outcomes
    assert {True, False} == set(outcomes)


def cut_at(uris: dict[str | None, str], moment: str, number: int) -> Any:
    """Return a hook that ends the session of the statement's connection on the server, before or after the statement."""
    seen = {"before": 0, "after": 0}

    def hook(when: str, sql: str, cursor: Any) -> None:
        seen[when] += 1
        if when == moment and seen[when] == number and hasattr(cursor.connection, "get_backend_pid"):
            pid = cursor.connection.get_backend_pid()
            execute(uris[None] or "", f"SELECT pg_terminate_backend({pid}, 10000)")

    hook.seen = seen  # type: ignore[attr-defined]
    return hook


@pytest.mark.parametrize("by_hand", [False, True], ids=["commit", "prepare and commit"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_connection_cut_at_any_statement_of_a_commit_leaves_all_or_nothing(
    uris: dict[str | None, str], moment: str, by_hand: bool
) -> None:
    if by_hand:
        uris = {key: uri for key, uri in uris.items() if key != "wood"}
    verdicts = set()
    for number in range(1, MANY):
        spy = Spy()
        engines = {key: spy.engine(uri) for key, uri in uris.items()}
        reference = f"{moment} {number}"
        session = write_everywhere(engines, reference)
        hook = cut_at(uris, moment, number)
        try:
            with spy.watching(hook):
                if by_hand:
                    session.prepare()
                session.commit()
            verdict = "saved"
        except CommitOutcomeUnknown:
            verdict = "unknown"
        except FlaskUowError:
            verdict = "not saved"
        session.close()
        for engine in engines.values():
            assert engine.pool.checked_out() == 0
            engine.dispose()
        verdicts.add(verdict)
        with Look(uris) as look:
            look.recover()
            present = {reference in found for found in look.references()}
            assert len(present) == 1, (number, verdict)
            if verdict != "unknown":
                assert present == {verdict == "saved"}, number
        if hook.seen[moment] < number:
            break
    assert {"saved", "not saved"} <= verdicts


def test_a_database_that_cannot_be_asked_about_the_decision_is_an_unknown_outcome_that_recovery_settles(
    tmp_path: Path,
) -> None:
    with own_server(SERVER_SETTINGS) as server, own_server(SERVER_SETTINGS) as other:
        uris: dict[str | None, str] = {None: server.get_uri(), "stone": other.get_uri()}
        make_tables(uris)
        spy = Spy()
        engines = {key: spy.engine(uri) for key, uri in uris.items()}
        session = write_everywhere(engines, "a")

        def stop_server(when: str, sql: str, cursor: Any) -> None:
            if when == "after" and "INSERT INTO" in sql:
                server.stop()

        with spy.watching(stop_server), pytest.raises(FlaskUowError) as caught:
            session.commit()
        session.close()
        for engine in engines.values():
            engine.dispose()
        server.start()
        uris[None] = server.get_uri()
        with Look(uris) as look:
            look.recover()
            present = {"a" in found for found in look.references()}
        assert len(present) == 1
        # the server is asked whether it is alive before COMMIT is sent, so that here the outcome is known
        assert isinstance(caught.value, CommitOutcomeUnknown) or present == {False}


def test_a_server_that_restarts_between_prepare_and_commit_keeps_what_is_prepared(tmp_path: Path) -> None:
    with own_server(SERVER_SETTINGS) as server:
        maintenance = server.get_uri()
        with fresh_database(maintenance) as one, fresh_database(maintenance) as two:
            uris: dict[str | None, str] = {None: one, "stone": two, "wood": f"sqlite:///{tmp_path / 'wood.db'}"}
            make_tables(uris)
            spy = Spy()
            engines = {key: spy.engine(uri) for key, uri in uris.items()}
            session = write_everywhere(engines, "a")

            def restart(when: str, sql: str, cursor: Any) -> None:
                if when == "before" and sql == "COMMIT":
                    server.stop()
                    server.start()

            with spy.watching(restart):
                session.commit()
            session.close()
            for engine in engines.values():
                engine.dispose()
            with Look(uris) as look:
                assert [set(), set(), {"a"}] == [found & {"a"} for found in look.references()]
                look.recover()
                assert look.references() == [{"a"}] * 3


class Turns:
    """Lets threads go on one statement at a time, in an order that is given.

    A thread that waits in the database for another one does not come back; then the next one has its turn.
    """

    def __init__(self, count: int) -> None:
        self.condition = threading.Condition()
        self.permits = [0] * count
        self.waiting = [False] * count
        self.ended = [False] * count
        self.free = False

    def pause(self, number: int) -> None:
        """Wait for a turn; called in the thread."""
        with self.condition:
            self.waiting[number] = True
            self.condition.notify_all()
            self.condition.wait_for(lambda: self.free or self.permits[number] > 0)
            self.waiting[number] = False
            if not self.free:
                self.permits[number] -= 1
                self.condition.notify_all()

    def end(self, number: int) -> None:
        with self.condition:
            self.ended[number] = True
            self.condition.notify_all()

    def give(self, number: int) -> None:
        """Let a thread send its next statement, and return when it stands before the one after that, or waits in the database."""
        with self.condition:
            if not self.waiting[number]:
                return
            self.permits[number] += 1
            self.condition.notify_all()
            self.condition.wait_for(lambda: self.permits[number] == 0)
            self.condition.wait_for(lambda: self.waiting[number] or self.ended[number], timeout=0.05)

    def release_all(self) -> None:
        with self.condition:
            self.free = True
            self.condition.notify_all()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.lists(st.integers(0, 3), min_size=5, max_size=40), layout=st.sampled_from(LAYOUTS))
def test_units_of_work_and_recoveries_agree_in_any_order_of_their_statements(
    postgresql_uri: str,
    second_postgresql_uri: str,
    tmp_path_factory: pytest.TempPathFactory,
    order: list[int],
    layout: str,
) -> None:
    uris: dict[str | None, str] = {None: postgresql_uri, "stone": second_postgresql_uri}
    if layout == "sqlite":
        uris["wood"] = f"sqlite:///{tmp_path_factory.mktemp('turns') / 'wood.db'}"
    make_tables(uris)
    turns = Turns(4)
    verdicts: dict[str, str] = {}

    def work(number: int) -> None:
        spy = Spy()
        engines = {key: spy.engine(uri) for key, uri in uris.items()}
        reference = f"unit {number}"
        # on SQLite one unit of work writes at a time: the second one leaves it out
        keys = [key for key in engines if key != "wood" or number == 0]
        session = write_everywhere({key: engines[key] for key in keys}, reference)
        try:
            with spy.watching(lambda when, sql, cursor: turns.pause(number) if when == "before" else None):
                session.commit()
            verdicts[reference] = "saved"
        except CommitOutcomeUnknown:
            verdicts[reference] = "unknown"
        except FlaskUowError:
            verdicts[reference] = "not saved"
        finally:
            session.close()
            for engine in engines.values():
                engine.dispose()
            turns.end(number)

    def settle(number: int) -> None:
        spy = Spy()
        engines = {key: spy.engine(uri) for key, uri in uris.items()}
        try:
            with spy.watching(lambda when, sql, cursor: turns.pause(number) if when == "before" else None):
                recover(engines, grace=0)
        finally:
            for engine in engines.values():
                engine.dispose()
            turns.end(number)

    threads = [
        threading.Thread(target=target, args=(number,)) for number, target in enumerate((work, work, settle, settle))
    ]
    for thread in threads:
        thread.start()
    for number in order:
        turns.give(number)
    turns.release_all()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    with Look(uris) as look:
        look.recover()
        references = look.references()
        for reference, verdict in verdicts.items():
            part = references if reference == "unit 0" else references[:2]
            assert {reference in found for found in part} == {verdict == "saved"}
        for key, engine in look.engines.items():
            with engine.begin() as connection:
                connection.execute(f"DELETE FROM {MODELS[key].__table__.name}")
                assert connection.scalar(select(func.count()).select_from(MODELS[key])) == 0
    assert len(verdicts) == 2
