"""Several servers, and servers that turn read only, go silent, refuse connections or wait for a standby: real ones, on loopback."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from flask import Flask

from flask_uow import (
    CommitOutcomeUnknown,
    DBAPIError,
    Mapped,
    OperationalError,
    UnitOfWork,
    column,
    create_engine,
    func,
    insert,
    mapped_column,
    select,
    table,
    text,
)
from flask_uow.engine import Connection
from flask_uow.engine.atomic import recover
from flask_uow.engine.listeners import StatementEvent
from tests.servers import Proxy, Server, servers

pause = threading.Event().wait


@pytest.fixture(scope="module")
def start() -> Iterator[Callable[..., Server]]:
    with servers() as made:
        yield made


@pytest.fixture(scope="module")
def server(start: Callable[..., Server]) -> Server:
    return start("wal_level = replica")


@pytest.fixture(scope="module")
def standby(start: Callable[..., Server], server: Server) -> Server:
    return start(primary=server)


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    made = Proxy(server.port)
    yield made
    made.close()


class Shop:
    """An app with one model."""

    def __init__(self, uri: str, **config: Any) -> None:
        self.db = db = UnitOfWork()
        self.app = Flask("shop")
        self.app.config.update(SECRET_KEY="x", UOW_DATABASE_URI=uri, **config)

        class Order(db.Model):  # type: ignore[name-defined, misc]
            __tablename__ = "orders"
            id: Mapped[int] = mapped_column(primary_key=True)
            item: Mapped[str]

        self.Order = Order
        db.init_app(self.app)

        @self.app.post("/")
        def add() -> tuple[str, int]:
            db.session.add(Order(item="tea"))
            return "", 201

        @self.app.get("/")
        def count() -> str:
            return str(db.session.query(Order).count())

        with self.app.app_context():
            db.drop_all()
            db.create_all()
        self.http = self.app.test_client()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        with self.app.app_context():
            for engine in self.db.engines.values():
                engine.dispose()


def in_thread(work: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    outcome: list[object] = []

    def run() -> None:
        try:
            outcome.append(work())
        except Exception as error:  # noqa: BLE001 - the test looks at it
            outcome.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, outcome


def port_of(uri: str) -> int:
    engine = create_engine(uri)
    with engine.connect() as connection:
        port = int(connection.execute("SHOW port").scalar())
    engine.dispose()
    return port


# -- several hosts


FORMS = [
    "127.0.0.1:{a},127.0.0.1:{b}/postgres?",
    "/postgres?host=127.0.0.1,127.0.0.1&port={a},{b}&",
    "x:1/postgres?hostaddr=127.0.0.1,127.0.0.1&host=a,b&port={a},{b}&",
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("wanted", "is_standby"),
    [
        ("any", True),
        ("read-write", False),
        ("read-only", True),
        ("primary", False),
        ("standby", True),
        ("prefer-standby", True),
    ],
)
def test_a_url_with_two_hosts_reaches_the_server_that_is_asked_for(
    server: Server, standby: Server, form: str, wanted: str, is_standby: bool
) -> None:
    uri = "postgresql://postgres@" + form.format(a=standby.port, b=server.port) + f"target_session_attrs={wanted}"
    assert port_of(uri) == (standby if is_standby else server).port


def test_a_host_that_is_down_is_passed_over(server: Server) -> None:
    assert port_of(f"postgresql://postgres@127.0.0.1:1,127.0.0.1:{server.port}/postgres") == server.port


# -- a server that turns read only


@pytest.mark.parametrize("told_by", ["URL", "service file"])
def test_writes_go_to_the_other_server_once_the_first_has_become_read_only(
    start: Callable[..., Server], told_by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = start(), start()
    second.execute("CREATE TABLE orders (id serial PRIMARY KEY, item text NOT NULL)")
    hosts = f"127.0.0.1:{first.port},127.0.0.1:{second.port}"
    uri = f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write"
    if told_by == "service file":
        (tmp_path / "services").write_text(
            f"[shop]\nhost=127.0.0.1,127.0.0.1\nport={first.port},{second.port}\nuser=postgres\ndbname=postgres\n"
            "target_session_attrs=read-write\n"
        )
        monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
        uri = "postgresql:///?service=shop"
    with Shop(uri) as shop:
        told = [shop.http.post("/").status_code]
        assert told == [201]
        first.execute("ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
        # the session hears of it at one of its next statements: a write before that is still the first server's
        while second.execute("SELECT count(*) FROM orders") == [(0,)]:
            told.append(shop.http.post("/").status_code)
        assert [shop.http.post("/").status_code for _ in range(3)] == [201] * 3
    ((on_first,),) = first.execute("SELECT count(*) FROM orders")
    assert second.execute("SELECT count(*) FROM orders") == [(4,)]
    assert on_first + 1 == told.count(201)
    assert told.count(500) <= 1


def test_a_connection_on_which_a_write_was_refused_by_a_read_only_server_is_not_lent_again(
    server: Server, standby: Server
) -> None:
    engine = create_engine(standby.uri(), pool_size=1, max_overflow=0, pool_timeout=2)
    with engine.connect() as connection:
        pid = connection.scalar("SELECT pg_backend_pid()")
    with pytest.raises(DBAPIError, match="read-only"), engine.begin() as connection:
        connection.execute("CREATE TABLE never (id int)")
    with engine.connect() as connection:
        assert connection.scalar("SELECT pg_backend_pid()") != pid
    engine.dispose()


def test_a_write_in_a_read_only_transaction_costs_no_connection(server: Server) -> None:
    engine = create_engine(server.uri(), pool_size=1, max_overflow=0, pool_timeout=2)
    with engine.connect() as connection:
        pid = connection.scalar("SELECT pg_backend_pid()")
        with pytest.raises(DBAPIError, match="read-only"), connection.begin(read_only=True):
            connection.execute("CREATE TABLE never (id int)")
    with engine.connect() as connection:
        assert connection.scalar("SELECT pg_backend_pid()") == pid
    engine.dispose()


# -- lost and silent connections


@pytest.mark.parametrize("read_only", [False, True])
def test_a_connection_lost_at_the_commit_of_reads_can_be_used_anew(proxy: Proxy, read_only: bool) -> None:
    with Shop(proxy.uri()) as shop:
        proxy.cut_at(b"COMMIT")
        with (
            pytest.raises(OperationalError, match="has only read"),
            shop.db.unit_of_work(read_only=read_only) as session,
        ):
            session.query(shop.Order).all()
        proxy.cut_at(None)


def test_reads_whose_connection_was_lost_at_commit_are_tried_again(proxy: Proxy) -> None:
    with Shop(proxy.uri()) as shop:
        proxy.cut_at(b"COMMIT")
        attempts = []

        def count() -> int:
            attempts.append(1)
            found = shop.db.session.query(shop.Order).count()
            if len(attempts) == 2:
                proxy.cut_at(None)
            return int(found)

        assert shop.db.run(count, attempts=3) == 0
        assert len(attempts) == 2


WRITES: dict[str, Callable[[Any, Shop], object]] = {
    "an object": lambda session, shop: session.add(shop.Order(item="tea")),
    "a statement": lambda session, shop: session.execute("UPDATE orders SET item = 'tea'"),
    "a CTE": lambda session, shop: session.execute("WITH x AS (DELETE FROM orders RETURNING 1) SELECT * FROM x"),
    "a function in SQL": lambda session, shop: session.execute("SELECT pg_notify('news', 'x')"),
    "a function behind a comment": lambda session, shop: session.execute("SELECT pg_notify/* x */('news', 'x')"),
    "a function": lambda session, shop: session.execute(select(func.lo_create(0))),
    "a block": lambda session, shop: session.execute("DO $$ BEGIN DELETE FROM orders; END $$"),
}


@pytest.mark.parametrize("kind", WRITES)
def test_a_connection_lost_at_the_commit_of_anything_else_is_an_unknown_outcome(proxy: Proxy, kind: str) -> None:
    with Shop(proxy.uri()) as shop:
        proxy.cut_at(b"COMMIT")
        with pytest.raises(CommitOutcomeUnknown), shop.db.unit_of_work() as session:
            WRITES[kind](session, shop)
        proxy.cut_at(None)


def test_functions_that_only_compute_are_reads(proxy: Proxy) -> None:
    with Shop(proxy.uri()) as shop:
        for statement in (
            "SELECT count(*), max(lower(item)) FROM orders WHERE id IN (1, 2) AND EXISTS (SELECT 1)",
            "SELECT coalesce(sum(id), 0), now()::varchar(30) FROM orders",
        ):
            proxy.cut_at(b"COMMIT")
            with pytest.raises(OperationalError, match="has only read"), shop.db.unit_of_work() as session:
                session.execute(text(statement))
            proxy.cut_at(None)


def test_the_ping_of_a_silent_connection_ends(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flask_uow.engine.dialects.postgresql._PING_SECONDS", 0.3)
    engine = create_engine(proxy.uri(), pool_size=1, max_overflow=0, pool_timeout=5)
    with engine.connect() as connection:
        pid = connection.scalar("SELECT pg_backend_pid()")
    proxy.swallow()
    monkeypatch.setattr(engine.pool, "_ping_after", 0.0)
    with engine.connect() as connection:
        assert connection.scalar("SELECT pg_backend_pid()") != pid
    engine.dispose()


def test_connects_have_a_time_limit_that_the_url_can_change(server: Server) -> None:
    for options, expected in (("", "10"), ("?connect_timeout=4&tcp_user_timeout=7000", "4")):
        engine = create_engine(server.uri(options=options))
        with engine.connect() as connection:
            told = connection._record.raw.info.dsn_parameters  # type: ignore[union-attr]
        assert told["connect_timeout"] == expected
        engine.dispose()


# -- a server that takes no further connection


def test_a_pool_that_is_refused_a_further_connection_waits_for_its_own(server: Server) -> None:
    server.execute("DROP ROLE IF EXISTS visitor", "CREATE ROLE visitor LOGIN CONNECTION LIMIT 1")
    engine = create_engine(server.uri(user="visitor"), pool_size=3, pool_timeout=20)
    pids = set()

    def use() -> None:
        with engine.connect() as connection:
            pids.add(connection.scalar("SELECT pg_backend_pid() FROM pg_sleep(0.05)"))

    users = [in_thread(use) for _ in range(6)]
    for thread, _ in users:
        thread.join(30)
    assert [outcome for _, outcome in users] == [[None]] * 6
    assert len(pids) == 1
    engine.dispose()


def test_a_pool_without_connections_says_that_there_are_too_many(server: Server) -> None:
    server.execute("DROP ROLE IF EXISTS stranger", "CREATE ROLE stranger LOGIN CONNECTION LIMIT 0")
    with pytest.raises(OperationalError, match="too many connections"):
        create_engine(server.uri(user="stranger"), pool_timeout=0.3).connect()


def test_a_server_that_is_starting_is_waited_for(start: Callable[..., Server]) -> None:
    primary = start("wal_level = replica")
    late = start(primary=primary)
    late.stop()
    # a standby that does not take connections is "not accepting connections" until its settings say otherwise
    with (late.folder / "postgresql.conf").open("a") as configuration:
        configuration.write("hot_standby = off\n")
    late._run("pg_ctl", "-W", "-D", str(late.folder), "-l", str(late.folder / "log"), "start")
    engine = create_engine(late.uri(), pool_timeout=20)
    while True:  # until it answers at all
        try:
            create_engine(late.uri(), pool_timeout=0).connect().close()
        except OperationalError as error:
            if "not accepting connections" in str(error) or "starting up" in str(error):
                break
    thread, outcome = in_thread(lambda: engine.connect().close())
    pause(0.3)
    assert thread.is_alive(), outcome
    late.promote()
    thread.join(30)
    assert outcome == [None]
    engine.dispose()


def test_a_server_that_is_restarted_is_waited_for_by_those_whom_it_has_told(start: Callable[..., Server]) -> None:
    server = start()
    user = create_engine(server.uri())
    last = user.connect()
    restarting, restarted = in_thread(lambda: (server.stop("smart"), server.start()))
    while True:
        try:
            create_engine(server.uri(), pool_timeout=0).connect().close()
        except OperationalError as error:
            if "shutting down" in str(error):
                break
    engine = create_engine(server.uri(), pool_timeout=30)
    thread, outcome = in_thread(lambda: engine.connect().close())
    pause(0.3)
    assert thread.is_alive(), outcome
    last.close()
    user.dispose()
    restarting.join(60)
    thread.join(30)
    assert (restarted, outcome) == ([(None, None)], [None])
    engine.dispose()


# -- a synchronous standby that is away


@pytest.fixture
def lonely(start: Callable[..., Server]) -> Server:
    return start("wal_level = replica")


def lose_standby(server: Server) -> None:
    server.execute("ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
    # it is in effect once the checkpointer has read it
    cancelled = 0
    while not cancelled:
        thread, _ = in_thread(lambda: server.execute("SELECT pg_logical_emit_message(true, 'news', 'x')"))
        while thread.is_alive():
            cancelled += cancel_waiting(server)
            thread.join(0.01)


def find_standby(server: Server) -> None:
    server.execute("ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")


def cancel_waiting(server: Server) -> int:
    return len(server.execute("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"))


def test_a_commit_that_no_standby_confirms_is_bounded_and_no_success(lonely: Server) -> None:
    with (
        Shop(lonely.uri(), UOW_STATEMENT_TIMEOUT_SECONDS=0.5) as bounded,
        Shop(lonely.uri(), UOW_ENGINE_OPTIONS={"connect_args": {"options": "-c statement_timeout=500ms"}}) as by_url,
        Shop(lonely.uri()) as unbounded,
    ):
        lose_standby(lonely)
        for shop in (bounded, by_url):
            with (
                pytest.raises(CommitOutcomeUnknown, match="no standby has confirmed"),
                shop.db.unit_of_work() as session,
            ):
                session.add(shop.Order(item="tea"))
        thread, outcome = in_thread(lambda: unbounded.http.post("/").status_code)
        while not cancel_waiting(lonely):
            assert thread.is_alive()
        thread.join(20)
        assert outcome == [500]
        find_standby(lonely)
        assert unbounded.http.get("/").text == "3"
        assert bounded.http.post("/").status_code == 201


ALONE: dict[str, Callable[[Connection], object]] = {
    "an INSERT": lambda connection: connection.run("INSERT INTO news VALUES (1)"),
    "an INSERT of the statement language": lambda connection: connection.execute(
        insert(table("news", column("id"))), {"id": 1}
    ),
    "RETURNING": lambda connection: connection.fetch_all("INSERT INTO news VALUES (1) RETURNING id", write=True),
    "a function": lambda connection: connection.fetch_all("SELECT make_news()"),
    "a list": lambda connection: connection.run_many("INSERT INTO news VALUES (%s)", [(1,)]),
    "COPY": lambda connection: connection.copy_in("COPY news FROM STDIN", io.StringIO("1\n")),
    "DO": lambda connection: connection.run("DO $$ BEGIN INSERT INTO news VALUES (1); END $$"),
    "DDL": lambda connection: connection.run("CREATE TABLE more_news AS SELECT 1 AS id"),
}


@pytest.fixture(scope="module")
def unconfirmed(start: Callable[..., Server]) -> Server:
    """A server whose standby never answers."""
    server = start("wal_level = replica")
    server.execute(
        "CREATE TABLE news (id int)",
        "CREATE FUNCTION make_news() RETURNS int LANGUAGE sql AS 'INSERT INTO news VALUES (1) RETURNING id'",
    )
    lose_standby(server)
    return server


@pytest.mark.parametrize(("kind", "listened_to"), [*((kind, False) for kind in ALONE), ("RETURNING", True)])
def test_a_statement_by_itself_that_no_standby_confirms_is_bounded_and_no_success(
    unconfirmed: Server, kind: str, listened_to: bool
) -> None:
    unconfirmed.execute(
        "SET synchronous_commit = local", "DROP TABLE IF EXISTS more_news", "DELETE FROM news WHERE true"
    )
    engine = create_engine(
        unconfirmed.uri(),
        isolation_level="AUTOCOMMIT",
        connect_args={"options": "-c statement_timeout=150ms"},
    )
    if listened_to:
        engine.listeners.after_execute.append(lambda event: None)
    with engine.connect() as connection:
        with pytest.raises(CommitOutcomeUnknown, match="no standby has confirmed"):
            ALONE[kind](connection)
        found = connection.fetch_all(f"SELECT id FROM {'more_news' if kind == 'DDL' else 'news'}")
        assert found == [(1,)]
    engine.dispose()


def test_the_wait_of_a_statement_by_itself_can_be_cancelled_by_others(unconfirmed: Server) -> None:
    engine = create_engine(unconfirmed.uri())

    def write() -> int:
        with engine.connect() as connection:
            return connection.run("INSERT INTO news VALUES (2)")

    thread, outcome = in_thread(write)
    while not cancel_waiting(unconfirmed):
        assert thread.is_alive()
    thread.join(20)
    assert isinstance(outcome[0], CommitOutcomeUnknown)
    engine.dispose()


def prepared_in(server: Server) -> int:
    ((count,),) = server.execute("SELECT count(*) FROM pg_prepared_xacts")
    return int(count)


def test_a_prepare_that_no_standby_confirms_is_an_error_and_can_be_rolled_back(unconfirmed: Server) -> None:
    engine = create_engine(unconfirmed.uri(options="?options=-c%20statement_timeout%3D150ms"))
    with engine.connect() as connection:
        transaction = connection.begin_twophase()
        connection.run("INSERT INTO news VALUES (3)")
        with pytest.raises(OperationalError, match=r"prepared.* no standby has confirmed"):
            transaction.prepare()
        assert prepared_in(unconfirmed) == 1
        transaction.rollback()
        assert prepared_in(unconfirmed) == 0
        assert connection.fetch_all("SELECT 1 FROM news WHERE id = 3") == []
    engine.dispose()


def test_a_commit_prepared_that_no_standby_confirms_is_no_success(unconfirmed: Server) -> None:
    engine = create_engine(unconfirmed.uri(options="?options=-c%20statement_timeout%3D150ms"))
    with engine.connect() as connection:
        transaction = connection.begin_twophase()
        connection.run("INSERT INTO news VALUES (4)")
        # this server's own word is enough for the first step
        connection.run("SET LOCAL synchronous_commit = local")
        transaction.prepare()
        with pytest.raises(CommitOutcomeUnknown, match="no standby has confirmed"):
            transaction.commit()
    engine.dispose()
    # over a connection without the short time-out, which a busy machine may exceed
    assert unconfirmed.execute("SELECT id FROM news WHERE id = 4") == [(4,)]


class Pair:
    """An app whose units of work are saved on two servers together."""

    def __init__(self, first: Server, second: Server) -> None:
        self.servers = first, second
        self.db = UnitOfWork()
        app = Flask("pair")
        app.config.update(
            UOW_DATABASE_URI=first.uri(),
            UOW_BINDS={"audit": second.uri()},
            UOW_TWOPHASE=True,
            UOW_STATEMENT_TIMEOUT_SECONDS=0.15,
        )

        class Order(self.db.Model):  # type: ignore[name-defined, misc]
            __tablename__ = "pair_order"
            id: Mapped[int] = mapped_column(primary_key=True)

        class Entry(self.db.Model):  # type: ignore[name-defined, misc]
            __tablename__ = "pair_entry"
            __bind_key__ = "audit"
            id: Mapped[int] = mapped_column(primary_key=True)

        self.Order, self.Entry = Order, Entry
        self.db.init_app(app)
        with app.app_context():
            self.db.create_all()
            self.engines = dict(self.db.engines)
        self.save()

    def save(self) -> None:
        with self.db.unit_of_work() as session:
            session.add_all([self.Order(), self.Entry()])

    def rows(self) -> list[int]:
        tables = ("pair_order", "pair_entry")
        return [
            int(server.execute(f"SELECT count(*) FROM {name}")[0][0])
            for server, name in zip(self.servers, tables, strict=True)
        ]

    def recover(self) -> None:
        assert recover(self.engines, grace=0).is_complete

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for engine in self.engines.values():
            engine.dispose()


def test_a_decision_that_no_standby_confirms_is_no_success_and_recovery_ends_it_everywhere(
    start: Callable[..., Server],
) -> None:
    with Pair(start("wal_level = replica"), start()) as pair:
        deciding, other = pair.servers
        lose_standby(deciding)
        with pytest.raises(CommitOutcomeUnknown, match="flask uow recover"):
            pair.save()
        assert prepared_in(other) == 1
        find_standby(deciding)
        pair.recover()
        assert pair.rows() == [2, 2]


def test_a_unit_of_work_whose_second_database_cannot_prepare_in_sight_of_its_standby_is_saved_nowhere(
    start: Callable[..., Server],
) -> None:
    with Pair(start(), start("wal_level = replica")) as pair:
        lose_standby(pair.servers[1])
        with pytest.raises(OperationalError, match="no standby has confirmed"):
            pair.save()
        assert prepared_in(pair.servers[1]) == 0
        find_standby(pair.servers[1])
        assert pair.rows() == [1, 1]


def test_a_decision_is_kept_while_no_standby_has_confirmed_that_it_was_carried_out(
    start: Callable[..., Server], caplog: pytest.LogCaptureFixture
) -> None:
    with Pair(start(), start("wal_level = replica")) as pair:
        deciding, other = pair.servers

        def lose_it_then(event: StatementEvent) -> None:
            if event.statement == "COMMIT":
                lose_standby(other)

        pair.engines[None].listeners.after_execute.append(lose_it_then)
        pair.save()
        assert "no standby of" in caplog.text
        assert deciding.execute("SELECT outcome FROM uow_decision") == [("commit",)]
        assert pair.rows() == [2, 2]
