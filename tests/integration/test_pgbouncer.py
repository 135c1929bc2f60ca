"""PgBouncer in transaction mode, for real: from one transaction to the next a client has another connection of the server's."""

from __future__ import annotations

import datetime as dt
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from flask_uow import DateTime, DBAPIError, Interval, Mapped, OperationalError, UnitOfWork, create_engine, mapped_column
from tests.servers import Pooler, Server, pgbouncer, servers

THREADS = 8


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with servers() as start:
        yield start()


@pytest.fixture(scope="module")
def pooler(server: Server) -> Iterator[Pooler]:
    try:
        with pgbouncer(server, size=3) as made:
            yield made
    except RuntimeError as error:
        warnings.warn(f"PgBouncer cannot be had, and nothing was tested with it: {error}", stacklevel=1)
        pytest.skip(f"PgBouncer cannot be had: {error}")


class Office:
    """An app behind the pooler, with one model."""

    def __init__(self, uri: str, **config: Any) -> None:
        self.db = db = UnitOfWork()
        self.app = Flask("office")
        self.app.config.update(SECRET_KEY="x", UOW_DATABASE_URI=uri, **config)

        class Shift(db.Model):  # type: ignore[name-defined, misc]
            __tablename__ = "shift"
            id: Mapped[int] = mapped_column(primary_key=True)
            start: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True))
            length: Mapped[dt.timedelta] = mapped_column(Interval)
            factor: Mapped[float]

        self.Shift = Shift
        db.init_app(self.app)
        with self.app.app_context():
            db.create_all()

    def dispose(self) -> None:
        with self.app.app_context():
            for engine in self.db.engines.values():
                engine.dispose()


@pytest.fixture
def office(server: Server, pooler: Pooler) -> Iterator[Callable[..., Office]]:
    """``office(**config)`` is a new office on an empty database."""
    server.execute("DROP DATABASE IF EXISTS office WITH (FORCE)", "CREATE DATABASE office")
    made: list[Office] = []

    def make(**config: Any) -> Office:
        made.append(Office(pooler.uri("office"), **config))
        return made[-1]

    yield make
    for each in made:
        each.dispose()


def in_threads(work: Callable[[int], object]) -> None:
    errors: list[BaseException] = []

    def run(number: int) -> None:
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001 - told by the test
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []


VALUES = {
    "start": dt.datetime(2025, 6, 4, 22, tzinfo=dt.UTC),
    "length": dt.timedelta(days=-2, hours=5),
    "factor": 0.7 + 0.1,
}


@pytest.mark.parametrize(
    "setting",
    ["datestyle = 'SQL, DMY'", "intervalstyle = 'sql_standard'", "extra_float_digits = 0", "timezone = 'Asia/Tokyo'"],
)
def test_eight_threads_read_right_values_whatever_the_connections_of_the_server_are_set_to(
    server: Server, pooler: Pooler, office: Callable[..., Office], setting: str
) -> None:
    made = office()
    server.execute(f"ALTER DATABASE office SET {setting}")
    pooler.renew()
    with made.db.unit_of_work() as session:
        session.add(made.Shift(**VALUES))

    def work(number: int) -> None:
        for turn in range(20):
            with made.db.unit_of_work(read_only=turn % 3 == 0) as session:
                found = session.query(made.Shift).first()
                assert {name: getattr(found, name) for name in VALUES} == VALUES
            with made.db.unit_of_work() as session:
                session.add(made.Shift(**VALUES))

    in_threads(work)
    with made.db.unit_of_work() as session:
        assert session.query(made.Shift).count() == THREADS * 20 + 1


def test_no_setting_of_ours_reaches_other_clients(
    server: Server, pooler: Pooler, office: Callable[..., Office]
) -> None:
    made = office(UOW_STATEMENT_TIMEOUT_SECONDS=7)
    server.execute("ALTER DATABASE office SET intervalstyle = 'iso_8601'")
    pooler.renew()
    in_threads(lambda number: [made.db.run(lambda: made.db.session.query(made.Shift).count()) for _ in range(5)])
    import_psycopg2 = __import__("psycopg2")
    other = import_psycopg2.connect(pooler.uri("office"))
    other.autocommit = True
    with other.cursor() as cursor:
        for name, expected in (
            ("intervalstyle", "iso_8601"),
            ("statement_timeout", "0"),
            ("transaction_read_only", "off"),
        ):
            for _ in range(4):
                cursor.execute(f"SHOW {name}")
                assert cursor.fetchone() == (expected,)
    other.close()


def test_time_outs_isolation_levels_and_read_only_transactions_hold_for_their_transaction(
    office: Callable[..., Office],
) -> None:
    made = office(UOW_STATEMENT_TIMEOUT_SECONDS=1)
    db = made.db
    with pytest.raises(DBAPIError, match="statement timeout"), db.unit_of_work() as session:
        session.execute("SELECT pg_sleep(20)")
    for level in ("SERIALIZABLE", "REPEATABLE READ"):
        with db.unit_of_work(isolation_level=level) as session:
            assert session.execute("SHOW transaction_isolation").scalar() == level.lower()
    with pytest.raises(DBAPIError, match="read-only"), db.unit_of_work(read_only=True) as session:
        session.execute("CREATE TABLE never (id int)")
    with db.unit_of_work() as session:
        assert session.execute("SHOW transaction_isolation").scalar() == "read committed"
        session.add(made.Shift(**VALUES))


def test_rows_are_streamed_and_transactions_prepared(office: Callable[..., Office]) -> None:
    made = office()
    with made.app.app_context():
        engine = made.db.engine
    with engine.begin() as connection:
        pages = connection.stream("SELECT n FROM generate_series(1, 2500) AS s(n)", size=1000)
        assert [len(page) for page in pages] == [1000, 1000, 500]
    with engine.connect() as connection:
        transaction = connection.begin_twophase()
        connection.execute("INSERT INTO shift (start, length, factor) VALUES (now(), '1 day', 1)")
        transaction.prepare()
        transaction.commit()
        assert connection.scalar("SELECT count(*) FROM shift") == 1


def test_two_databases_behind_the_pooler_are_committed_together(
    server: Server, pooler: Pooler, office: Callable[..., Office]
) -> None:
    server.execute("DROP DATABASE IF EXISTS audit WITH (FORCE)", "CREATE DATABASE audit")
    # with fewer connections than transactions at once, those would wait for each other
    pooler.set_size(THREADS + 1)
    made = office(UOW_BINDS={"audit": pooler.uri("audit")}, UOW_TWOPHASE=True)
    db = made.db

    class Entry(db.Model):  # type: ignore[name-defined, misc]
        __bind_key__ = "audit"
        id: Mapped[int] = mapped_column(primary_key=True)

    with made.app.app_context():
        db.create_all()

    def work(number: int) -> None:
        for _ in range(4):
            with db.unit_of_work() as session:
                session.add_all([made.Shift(**VALUES), Entry()])

    in_threads(work)
    with db.unit_of_work() as session:
        assert session.query(made.Shift).count() == session.query(Entry).count() == 4 * THREADS
    assert server.execute("SELECT count(*) FROM pg_prepared_xacts") == [(0,)]
    pooler.set_size(3)


def test_a_pooler_that_is_restarted_is_found_again(pooler: Pooler, office: Callable[..., Office]) -> None:
    made = office()
    with made.db.unit_of_work() as session:
        session.add(made.Shift(**VALUES))
    pooler.stop()
    pooler.start()
    with made.db.unit_of_work() as session:
        assert session.query(made.Shift).count() == 1


def test_a_server_with_another_way_of_quoting_is_refused_with_the_cure(
    server: Server, pooler: Pooler, office: Callable[..., Office]
) -> None:
    server.execute("ALTER DATABASE postgres SET standard_conforming_strings = off")
    pooler.renew()
    try:
        with pytest.raises(OperationalError, match="ALTER DATABASE"):
            create_engine(pooler.uri()).connect()
        server.execute("ALTER DATABASE postgres SET standard_conforming_strings = on")
        pooler.renew()
        with create_engine(pooler.uri()).connect() as connection:
            assert connection.fetch_all("SELECT %s", ("a\\b",)) == [("a\\b",)]
    finally:
        server.execute("ALTER DATABASE postgres RESET standard_conforming_strings")
        pooler.renew()
