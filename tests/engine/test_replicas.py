"""Which replica lends the connection for the next reads."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_uow import create_engine
from flask_uow.engine import Engine
from flask_uow.engine.replicas import UNKNOWN, NoReplica, ReplicaReader, Replicas
from flask_uow.engine.wal import WalPosition


@pytest.fixture
def engines(tmp_path: Path) -> Iterator[list[Engine]]:
    made = [create_engine(f"sqlite:///{tmp_path / f'{number}.db'}") for number in range(4)]
    yield made
    for engine in made:
        assert engine.pool.checked_out() == 0
        engine.dispose()


@pytest.fixture
def missing(tmp_path: Path) -> Engine:
    return create_engine(f"sqlite:///{tmp_path / 'later' / 'there.db'}")


def lent(replicas: Replicas, preferred: Engine | None = None) -> Engine:
    with replicas.lend(preferred, None, 0.0) as connection:
        return connection.engine


def test_they_take_turns(engines: list[Engine]) -> None:
    replicas = Replicas(engines[0], engines[1:], 1.0)
    assert [lent(replicas) for _ in range(6)] == engines[1:] * 2
    assert all(engine.is_replica for engine in engines[1:])
    assert not engines[0].is_replica


def test_a_unit_of_work_stays_with_one(engines: list[Engine]) -> None:
    replicas = Replicas(engines[0], engines[1:], 1.0)
    reader = ReplicaReader(replicas, lambda: None, 0.0)
    served = []
    for _ in range(4):
        with reader.connect() as connection:
            served.append(connection.engine)
    assert len(set(served)) == 1


def test_one_that_fails_is_left_out_and_told_of_once(
    engines: list[Engine], missing: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    replicas = Replicas(engines[0], [missing, engines[1]], 3600.0)
    with caplog.at_level(logging.DEBUG, "flask_uow.engine"):
        assert [lent(replicas) for _ in range(4)] == [engines[1]] * 4
        assert lent(replicas, missing) is engines[1]
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "left out" in record.message


def test_one_that_answers_again_is_used_again(
    engines: list[Engine], missing: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    replicas = Replicas(engines[0], [missing], 0.0)
    with caplog.at_level(logging.INFO, "flask_uow.engine"):
        for _ in range(2):
            with pytest.raises(NoReplica):
                lent(replicas)
        (tmp_path / "later").mkdir()
        assert lent(replicas) is missing
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    missing.dispose()


def test_none_has_what_was_written_nobody_knows_where(engines: list[Engine]) -> None:
    replicas = Replicas(engines[0], engines[1:], 1.0)
    with pytest.raises(NoReplica):
        replicas.lend(None, UNKNOWN, 1.0)


def test_one_that_does_not_say_how_far_it_is_serves_those_who_have_written_nothing(
    engines: list[Engine], caplog: pytest.LogCaptureFixture
) -> None:
    replicas = Replicas(engines[0], engines[1:2], 3600.0)
    for _ in range(3):
        with pytest.raises(NoReplica):
            replicas.lend(None, WalPosition(1, 1), 0.0)
        assert lent(replicas) is engines[1]
    assert len(caplog.records) == 1
