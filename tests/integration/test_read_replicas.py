"""Read replicas: real streaming standbys on loopback, whose replay is paused where a delay is wanted."""

from __future__ import annotations

import gc
import random
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any, Self

import pytest
from flask import Flask, Request, Response, abort, request, stream_with_context
from flask.sessions import SecureCookieSessionInterface

from flask_uow import (
    InvalidRequestError,
    Mapped,
    OperationalError,
    UnitOfWork,
    func,
    get_recorded_queries,
    literal_column,
    mapped_column,
    select,
    text,
    union_all,
    update,
)
from tests.servers import Server, free_port, servers

pause = threading.Event().wait


@pytest.fixture(scope="module")
def start() -> Iterator[Callable[..., Server]]:
    with servers() as made:
        yield made


@pytest.fixture(scope="module")
def primary(start: Callable[..., Server]) -> Server:
    server = start("wal_level = replica")
    server.execute("CREATE TABLE item (id serial PRIMARY KEY, name text NOT NULL, hits integer NOT NULL DEFAULT 0)")
    return server


@pytest.fixture(scope="module")
def standby(start: Callable[..., Server], primary: Server) -> Server:
    return start(primary=primary)


@pytest.fixture(autouse=True)
def rows(primary: Server, standby: Server) -> Iterator[None]:
    """One row, id 1, in both servers when a test begins."""
    resume(standby)
    primary.execute("TRUNCATE item RESTART IDENTITY", "INSERT INTO item (name) VALUES ('tea')")
    catch_up(primary, standby)
    yield
    resume(standby)


def catch_up(primary: Server, standby: Server) -> None:
    ((position,),) = primary.execute("SELECT pg_current_wal_insert_lsn()::text")
    for _ in range(1000):
        if standby.execute(f"SELECT pg_last_wal_replay_lsn() >= '{position}'::pg_lsn") == [(True,)]:
            return
        # what was committed without waiting is flushed with the next commit
        primary.execute("SELECT pg_switch_wal()") if _ % 100 == 99 else pause(0.01)
    raise AssertionError("the standby does not catch up")


def stop_replay(standby: Server) -> None:
    standby.execute("SELECT pg_wal_replay_pause()")
    while standby.execute("SELECT pg_get_wal_replay_pause_state()") != [("paused",)]:
        pause(0.01)


def resume(standby: Server) -> None:
    standby.execute("SELECT pg_wal_replay_resume()")


def end_clients(server: Server) -> None:
    server.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )


class Shop:
    """An app with one model, whose views tell which server has answered."""

    def __init__(self, primary: str, *replicas: str, **config: Any) -> None:
        self.db = db = UnitOfWork()
        self.app = Flask("shop")
        self.app.config.update(
            SECRET_KEY="x",
            PROPAGATE_EXCEPTIONS=False,
            UOW_DATABASE_URI={"url": primary, "replicas": list(replicas)},
            **{"UOW_ROUTE_READS": True, "UOW_REPLICA_WAIT_SECONDS": 0.1, **config},
        )

        class Item(db.Model):  # type: ignore[name-defined, misc]
            id: Mapped[int] = mapped_column(primary_key=True)
            name: Mapped[str]
            hits: Mapped[int] = mapped_column(default=0)

        self.Item = Item
        db.init_app(self.app)
        self.client = self.app.test_client()

        @self.app.get("/where")
        def where() -> str:
            return self.where()

        @self.app.get("/names")
        def names() -> list[str]:
            return list(db.session.scalars(select(Item.name).order_by(Item.id)).all())

        @self.app.post("/<name>")
        def add(name: str) -> tuple[str, int]:
            db.session.add(Item(name=name))
            return "", 201

    def where(self) -> str:
        """Return which server answers a query of the present scope: ``primary`` or ``replica``."""
        return "replica" if self.db.session.scalar(select(func.pg_is_in_recovery())) else "primary"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self.app.app_context():
            engines = [*self.db.engines.values(), *(each for many in self.db.replicas.values() for each in many)]
            left = [engine.pool.checked_out() for engine in engines]
            for engine in engines:
                engine.dispose()
        assert not any(left)


@pytest.fixture
def shop(primary: Server, standby: Server) -> Iterator[Shop]:
    with Shop(primary.uri(), standby.uri()) as made:
        yield made


def test_requests_that_only_read_go_to_a_replica(shop: Shop) -> None:
    assert shop.client.get("/where").text == "replica"
    assert shop.client.get("/names").json == ["tea"]
    assert shop.client.head("/where").status_code == 200
    with shop.app.app_context():
        assert shop.where() == "primary"
    with shop.app.test_request_context("/where"):
        assert shop.where() == "primary"


def test_a_client_reads_what_it_has_written(shop: Shop, standby: Server) -> None:
    stop_replay(standby)
    assert shop.client.post("/cake").status_code == 201
    assert shop.client.get("/names").json == ["tea", "cake"]
    assert shop.client.get("/where").text == "primary"
    assert shop.app.test_client().get("/names").json == ["tea"]
    resume(standby)
    pause(1.1)
    assert shop.client.get("/where").text == "replica"
    assert shop.client.get("/names").json == ["tea", "cake"]


def test_a_read_only_unit_of_work_reads_from_a_replica_and_refuses_to_write_before_anything_is_sent(
    primary: Server, standby: Server
) -> None:
    with Shop(primary.uri(), standby.uri(), UOW_ROUTE_READS=False) as shop:
        db, Item = shop.db, shop.Item
        assert shop.client.get("/where").text == "primary"
        with db.unit_of_work(read_only=True) as session:
            assert shop.where() == "replica"
            assert session.get(Item, 1).name == "tea"  # type: ignore[union-attr]
        assert db.run(shop.where, read_only=True) == "replica"
        assert db.run(shop.where, read_only=True, isolation_level="REPEATABLE READ") == "replica"
        # a standby has no SERIALIZABLE
        for level in ("SERIALIZABLE", "serializable"):
            assert db.run(shop.where, read_only=True, isolation_level=level) == "primary"
        with pytest.raises(InvalidRequestError, match="read only"), db.unit_of_work(read_only=True) as session:
            session.get(Item, 1).name = "cake"  # type: ignore[union-attr]
            session.flush()
        with pytest.raises(InvalidRequestError, match="read only"), db.unit_of_work(read_only=True) as session:
            session.execute(update(Item).values(hits=1))
        assert primary.execute("SELECT name, hits FROM item") == [("tea", 0)]


def test_a_read_only_unit_inside_of_one_that_has_written_reads_from_the_primary(shop: Shop, standby: Server) -> None:
    db, Item = shop.db, shop.Item
    stop_replay(standby)
    with shop.app.app_context():
        assert db.run(shop.where, read_only=True) == "replica"
        with db.unit_of_work() as session:
            session.add(Item(name="cake"))
        with db.unit_of_work(read_only=True) as session:
            assert session.scalar(select(func.count(Item.id))) == 2


def test_a_request_sees_what_a_unit_of_work_inside_of_it_has_committed(shop: Shop, standby: Server) -> None:
    db, Item = shop.db, shop.Item

    @shop.app.get("/inside")
    def inside() -> list[Any]:
        before = shop.where()
        with db.unit_of_work() as session:
            session.add(Item(name="cake"))
        with db.unit_of_work(read_only=True) as session:
            return [before, shop.where(), session.query(Item).count(), db.run(shop.where, read_only=True)]

    @shop.app.get("/after")
    def after() -> list[Any]:
        with db.unit_of_work(read_only=True):
            before = shop.where()
            with db.unit_of_work() as session:
                session.add(Item(name="pie"))
            return [before, shop.where(), db.session.query(Item).count()]

    stop_replay(standby)
    assert shop.client.get("/inside").json == ["replica", "primary", 2, "primary"]
    assert shop.app.test_client().get("/after").json == ["replica", "primary", 3]
    # the request that a client makes next is told of it by the cookie
    assert shop.client.get("/where").text == "primary"


@pytest.mark.parametrize("kind", ["flush", "update", "text", "lock", "connection"])
def test_a_request_that_writes_reads_from_the_primary_from_then_on(shop: Shop, standby: Server, kind: str) -> None:
    db, Item = shop.db, shop.Item

    @shop.app.get("/write")
    def write() -> list[Any]:
        item = db.session.get(Item, 1)
        before = (item.hits, shop.where())
        match kind:
            case "flush":
                db.session.add(Item(name="cake"))
                db.session.flush()
            case "update":
                db.session.execute(update(Item).values(name=Item.name))
            case "text":
                db.session.execute(text("UPDATE item SET name = name"))
            case "lock":
                db.session.scalars(select(Item).with_for_update()).all()
            case "connection":
                db.session.connection()
        return [*before, item.hits, shop.where(), db.session.scalar(text("SELECT count(*) FROM item"))]

    stop_replay(standby)
    shop.db.run(lambda: shop.db.session.execute(update(Item).values(hits=7)))
    assert shop.client.get("/write").json == [0, "replica", 7, "primary", 2 if kind == "flush" else 1]


def test_which_statements_go_to_a_replica(shop: Shop) -> None:
    db, Item = shop.db, shop.Item
    server = "SELECT pg_is_in_recovery()"
    cases: dict[str, Any] = {
        "a text": (text(server), True),
        "a plain text": (server, True),
        "with a comment": (f"-- a\n/* b */ ( {server})", True),
        "columns": (text(server).columns(Item.hits), True),
        "a common table expression": ("WITH a AS (SELECT 1) SELECT pg_is_in_recovery() FROM a", True),
        "a label": (select(func.pg_is_in_recovery().label("x")), True),
        "a lock in text": (f"{server} FROM item FOR NO KEY UPDATE", False),
        "a lock": (select(func.pg_is_in_recovery()).select_from(Item).with_for_update(), False),
        "a lock inside": (
            select(func.pg_is_in_recovery(), select(Item.id).with_for_update().limit(1).scalar_subquery()),
            False,
        ),
        "several statements": (f"SELECT 1; {server}", False),
        "a function that nobody knows": ("SELECT pg_is_in_recovery() FROM pg_stat_get_activity(NULL)", False),
        "a function": (select(func.pg_is_in_recovery(), func.txid_current()), False),
        "a sequence": ("SELECT pg_is_in_recovery() FROM (SELECT nextval('item_id_seq')) AS a", False),
        "a lock of the application's own": (select(func.pg_is_in_recovery(), func.pg_advisory_xact_lock(1)), False),
        "DML inside": (
            select(func.pg_is_in_recovery()).select_from(update(Item).values(hits=1).returning(Item.id).cte("changed")),
            False,
        ),
        "DML in text": (f"WITH a AS (UPDATE item SET hits = 1 RETURNING 1) {server} FROM a", False),
        "a common function": (
            select(func.pg_is_in_recovery(), func.max(Item.hits), func.lower(func.max(Item.name))),
            True,
        ),
        "a literal column": (select(func.pg_is_in_recovery(), literal_column("1 + 1")), True),
        "a function in a literal column": (select(func.pg_is_in_recovery(), literal_column("txid_current()")), False),
        "words": (select(func.pg_is_in_recovery()).select_from(Item).suffix_with("FOR UPDATE"), False),
        "DML that nothing refers to": (
            select(func.pg_is_in_recovery()).add_cte(update(Item).values(hits=1).returning(Item.id).cte("changed")),
            False,
        ),
        "rows of a function": (
            select(func.pg_is_in_recovery()).select_from(func.generate_series(1, 1).table_valued("n")),
            True,
        ),
        "rows of a function that nobody knows": (
            select(func.pg_is_in_recovery()).select_from(func.pg_stat_get_activity(None).table_valued("n")),
            False,
        ),
        "a union": (union_all(select(func.pg_is_in_recovery()), select(func.txid_current() > 0)), False),
        "a text as a condition": (select(func.pg_is_in_recovery()).where(text("txid_current() > 0")), False),
    }
    found: dict[str, object] = {}

    @shop.app.get("/answer/<case>")
    def answer(case: str) -> str:
        found[case] = db.session.scalar(cases[case][0])
        return ""

    for case in cases:
        assert shop.client.get(f"/answer/{case}").status_code == 200, case
    assert found == {case: is_read for case, (_, is_read) in cases.items()}


def test_a_change_of_what_a_replica_has_read_is_saved_where_the_row_is_the_same(shop: Shop, primary: Server) -> None:
    db, Item = shop.db, shop.Item

    @shop.app.get("/hit")
    def hit() -> dict[str, Any]:
        item = db.session.get(Item, 1)
        item.hits += 1
        db.session.flush()
        return {"hits": item.hits, "name": item.name}

    assert shop.client.get("/hit").json == {"hits": 1, "name": "tea"}
    assert primary.execute("SELECT hits FROM item") == [(1,)]


def test_a_change_of_an_old_row_has_the_request_dispatched_again(shop: Shop, primary: Server, standby: Server) -> None:
    db, Item = shop.db, shop.Item
    seen: list[Any] = []

    @shop.app.get("/hit")
    def hit() -> str:
        item = db.session.get(Item, 1)
        seen.append((shop.where(), item.hits))
        item.hits += 1
        return ""

    @shop.app.get("/once")
    @db.no_retry
    def once() -> str:
        db.session.get(Item, 1).name = "changed"
        return ""

    stop_replay(standby)
    primary.execute("UPDATE item SET hits = 41")
    assert shop.client.get("/hit").status_code == 200
    assert seen == [("replica", 0), ("primary", 41)]
    assert primary.execute("SELECT hits FROM item") == [(42,)]
    # a client of its own, that is not known to have written
    assert shop.app.test_client().get("/once").status_code == 500
    assert primary.execute("SELECT hits, name FROM item") == [(42, "tea")]


def test_a_view_says_that_it_needs_the_primary(shop: Shop) -> None:
    db = shop.db

    @shop.app.get("/marked")
    @db.use_primary
    def marked() -> str:
        return shop.where()

    @shop.app.get("/moved")
    def moved() -> str:
        first = shop.where()
        assert db.use_primary() is None
        return f"{first}, {shop.where()}"

    assert shop.client.get("/marked").text == "primary"
    assert shop.client.get("/moved").text == "replica, primary"


def test_the_cookie_is_set_by_requests_that_have_written_and_by_no_others(shop: Shop) -> None:
    db, Item = shop.db, shop.Item

    @shop.app.post("/refused")
    def refused() -> None:
        db.session.add(Item(name="never"))
        db.session.flush()
        abort(400)

    @shop.app.post("/committed")
    def committed() -> None:
        db.session.add(Item(name="saved"))
        db.session.commit()
        abort(400)

    @shop.app.post("/inside")
    def inside() -> str:
        with db.unit_of_work() as session:
            session.add(Item(name="inside"))
        return ""

    @shop.app.post("/nothing")
    def nothing() -> str:
        return shop.where()

    assert "Set-Cookie" not in shop.client.get("/where").headers
    assert "Set-Cookie" not in shop.client.post("/refused").headers
    assert "Set-Cookie" not in shop.client.post("/nothing").headers
    for path in ("/cake", "/committed", "/inside"):
        response = shop.app.test_client().post(path)
        assert "session_writes=" in response.headers["Set-Cookie"], path
        assert "HttpOnly" in response.headers["Set-Cookie"]
        assert "SameSite=Lax" in response.headers["Set-Cookie"]
        assert response.headers["Vary"] == "Cookie"


def test_a_failed_request_is_dispatched_again_when_its_replica_is_lost(shop: Shop, standby: Server) -> None:
    db, Item = shop.db, shop.Item
    seen: list[str] = []

    @shop.app.get("/lost")
    def lost() -> list[str]:
        seen.append(shop.where())
        if seen == ["replica"]:
            end_clients(standby)
        return list(db.session.scalars(select(Item.name)).all())

    assert shop.client.get("/lost").json == ["tea"]
    assert seen == ["replica", "primary"]
    assert shop.client.get("/where").text == "replica"


def test_a_read_only_unit_whose_replica_is_lost_is_tried_again_on_the_primary(shop: Shop, standby: Server) -> None:
    db, seen = shop.db, []

    def work() -> str:
        seen.append(shop.where())
        if len(seen) == 1:
            end_clients(standby)
        return shop.where()

    assert db.run(work, read_only=True) == "primary"
    assert seen == ["replica", "primary"]
    seen.clear()
    with pytest.raises(OperationalError) as caught, db.unit_of_work(read_only=True):
        work()
    assert caught.value.from_replica
    assert db.run(shop.where, read_only=True) == "replica"


def test_statements_are_recorded_wherever_they_go(primary: Server, standby: Server) -> None:
    with Shop(primary.uri(), standby.uri(), UOW_RECORD_QUERIES=True) as shop:

        @shop.app.get("/recorded")
        def recorded() -> list[str]:
            shop.where()
            shop.db.use_primary()
            shop.where()
            return [query.statement for query in get_recorded_queries()]

        shop.client.post("/cake")
        # what the library asks for itself is not among them
        assert shop.client.get("/recorded").json == ["SELECT pg_is_in_recovery() AS pg_is_in_recovery"] * 2


def test_ping_tells_of_replicas_and_fails_for_none_of_them(primary: Server, standby: Server) -> None:
    with Shop(primary.uri(), standby.uri(), f"postgresql://postgres@127.0.0.1:{free_port()}/postgres") as shop:
        result = shop.app.test_cli_runner().invoke(args=["uow", "ping"])
        assert [line.split("  ")[:2] for line in result.output.splitlines()] == [
            ["default", ""],
            ["default, replica 1", "reachable"],
            ["default, replica 2", "unreachable"],
        ]
        assert result.exit_code == 0


def test_a_commit_does_not_fail_with_a_replica_that_was_lost(shop: Shop, primary: Server, standby: Server) -> None:
    db, Item = shop.db, shop.Item

    @shop.app.get("/write")
    def write() -> str:
        db.session.get(Item, 1)
        db.session.add(Item(name="cake"))
        db.session.flush()
        end_clients(standby)
        return ""

    assert shop.client.get("/write").status_code == 200
    assert primary.execute("SELECT name FROM item ORDER BY id") == [("tea",), ("cake",)]


def test_what_was_missing_in_the_replica_only_has_the_request_dispatched_again(
    shop: Shop, primary: Server, standby: Server
) -> None:
    db, Item = shop.db, shop.Item

    @shop.app.get("/made/<int:number>")
    def made(number: int) -> str:
        item = db.session.get(Item, number)
        if item is None:
            item = Item(id=number, name="made")
            db.session.add(item)
        return f"{item.name} {shop.where()}"

    stop_replay(standby)
    primary.execute("INSERT INTO item (id, name) VALUES (70, 'there')")
    assert shop.client.get("/made/70").text == "there primary"
    assert shop.client.get("/made/71").text == "made primary"


def test_a_query_that_the_replica_cancels_has_the_request_dispatched_again(
    shop: Shop, primary: Server, standby: Server
) -> None:
    db = shop.db
    standby.execute("ALTER SYSTEM SET max_standby_streaming_delay = '50ms'", "SELECT pg_reload_conf()")
    seen: list[str] = []

    @shop.app.get("/slow")
    def slow() -> list[str]:
        seen.append(shop.where())
        names = db.session.scalars("SELECT name FROM item").all()
        if len(seen) == 1:
            primary.execute("ALTER TABLE item ADD COLUMN extra integer", "ALTER TABLE item DROP COLUMN extra")
            pause(0.5)
            db.session.scalars("SELECT name FROM item")
        return list(names)

    assert shop.client.get("/slow").json == ["tea"]
    assert seen == ["replica", "primary"]


def test_a_stream_reads_from_a_replica_and_writes_to_the_primary(shop: Shop, primary: Server) -> None:
    db, Item = shop.db, shop.Item

    @shop.app.get("/stream")
    def stream() -> Response:
        def body() -> Iterator[str]:
            yield shop.where()
            for item in db.session.query(Item).yield_per(1):
                yield f" {item.name} "
                db.session.add(Item(name="late"))
                db.session.flush()
                yield shop.where()

        return Response(stream_with_context(body()))

    assert shop.client.get("/stream").text == "replica tea primary"
    assert primary.execute("SELECT name FROM item ORDER BY id") == [("tea",), ("late",)]


def test_all_sessions_of_a_request_turn_to_the_primary(shop: Shop) -> None:
    db, Item = shop.db, shop.Item

    @shop.app.get("/both")
    def both() -> list[Any]:
        other = db.get_session("other")
        before = other.scalar("SELECT pg_is_in_recovery()")
        db.session.add(Item(name="cake"))
        db.session.flush()
        return [before, other.scalar("SELECT pg_is_in_recovery()"), other.query(Item).count()]

    assert shop.client.get("/both").json == [True, False, 1]
    assert shop.client.get("/names").json == ["tea", "cake"]


def test_a_session_that_is_used_before_the_dispatch_keeps_no_view_from_its_replica(shop: Shop) -> None:
    seen: list[str] = []

    class Interface(SecureCookieSessionInterface):
        def open_session(self, app: Flask, request: Request) -> Any:
            seen.append(shop.where())
            return super().open_session(app, request)

    @shop.app.get("/marked")
    @shop.db.use_primary
    def marked() -> str:
        return shop.where()

    shop.app.session_interface = Interface()
    assert shop.client.get("/where").text == "replica"
    assert shop.client.get("/marked").text == "primary"
    assert seen == ["primary", "primary"]


def test_a_commit_that_does_not_wait_for_the_disk_counts(shop: Shop, standby: Server) -> None:
    db, Item = shop.db, shop.Item

    @shop.app.post("/quick/<name>")
    def quick(name: str) -> str:
        db.session.execute("SET LOCAL synchronous_commit = off")
        db.session.add(Item(name=name))
        return ""

    for number in range(20):
        assert shop.client.post(f"/quick/{number}").status_code == 200
        assert shop.client.get("/names").json[-1] == str(number)  # type: ignore[index]


def test_several_databases_committed_as_one(primary: Server, standby: Server) -> None:
    primary.execute("CREATE DATABASE log")
    log = {"url": primary.uri("log"), "replicas": [standby.uri("log")]}
    with Shop(primary.uri(), standby.uri(), UOW_TWOPHASE=True, UOW_BINDS={"log": log}) as shop:
        db, Item = shop.db, shop.Item

        class Entry(db.Model):  # type: ignore[name-defined, misc]
            __bind_key__ = "log"
            id: Mapped[int] = mapped_column(primary_key=True)

        def counts() -> list[int]:
            return [db.session.query(Entry).count(), db.session.query(Item).count()]

        @shop.app.get("/counts")
        def look() -> list[Any]:
            return [*counts(), shop.where()]

        @shop.app.get("/both")
        def both() -> list[int]:
            before = counts()
            db.session.add_all([Entry(), Item(name="cake")])
            db.session.flush()
            return [*before, *counts()]

        with shop.app.app_context():
            db.create_all()
        catch_up(primary, standby)
        stop_replay(standby)
        assert shop.client.get("/both").json == [0, 1, 1, 2]
        assert shop.client.get("/counts").json == [1, 2, "primary"]
        assert shop.app.test_client().get("/counts").json == [0, 1, "replica"]
        # what a client has written to one database is no reason to forget what it has written to another one
        cookie = shop.client.get_cookie("session_writes")
        assert shop.client.post("/tea").status_code == 201
        assert shop.client.get_cookie("session_writes") != cookie
        assert shop.client.get("/counts").json == [1, 3, "primary"]
        assert primary.execute("SELECT gid FROM pg_prepared_xacts") == []
        resume(standby)


def test_a_replica_whose_connections_are_all_in_use_comes_last(primary: Server, standby: Server) -> None:
    options = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 20}
    with Shop(primary.uri(), standby.uri(), standby.uri(), UOW_ENGINE_OPTIONS=options) as shop:
        with shop.app.app_context():
            first, second = shop.db.replicas[None]
        for engine in (first, second):
            with engine.connect():
                # waits for nobody
                assert [shop.client.get("/where").text for _ in range(2)] == ["replica"] * 2


def test_an_ordinary_role_may_ask_for_positions(primary: Server, standby: Server) -> None:
    primary.execute(
        "CREATE ROLE visitor LOGIN", "GRANT SELECT, INSERT ON item TO visitor", "GRANT USAGE ON item_id_seq TO visitor"
    )
    catch_up(primary, standby)
    with Shop(primary.uri(user="visitor"), standby.uri(user="visitor"), UOW_REPLICA_WAIT_SECONDS=5) as shop:
        assert shop.client.post("/cake").status_code == 201
        assert shop.client.get("/where").text == "replica"
        assert shop.client.get("/names").json == ["tea", "cake"]


def test_after_a_failover_no_client_is_shown_an_old_row(start: Callable[..., Server]) -> None:
    primary = start("wal_level = replica")
    primary.execute("CREATE TABLE item (id serial PRIMARY KEY, name text NOT NULL, hits integer NOT NULL DEFAULT 0)")
    heir, stray = start(primary=primary), start(primary=primary)
    everybody = f"127.0.0.1:{primary.port},127.0.0.1:{heir.port},127.0.0.1:{stray.port}"
    writable = f"postgresql://postgres@{everybody}/postgres?target_session_attrs=read-write"
    replicas = [server.uri() for server in (primary, heir, stray)]
    with Shop(writable, *replicas, UOW_REPLICA_LEFT_OUT_SECONDS=0.1) as shop:
        assert shop.client.post("/tea").status_code == 201
        assert shop.client.get("/names").json == ["tea"]
        # the one that follows does not get all of what the other one replays
        catch_up(primary, heir)
        heir.stop()
        primary.execute("INSERT INTO item (name) SELECT 'lost' FROM generate_series(1, 5000)")
        catch_up(primary, stray)
        primary.stop("immediate")
        heir.start()
        heir.promote()
        for name in ("cake", "pie"):
            # the first one may find connections to the server that is gone
            assert any(shop.client.post(f"/{name}").status_code == 201 for _ in range(3))
            assert shop.client.get("/names").json[-1] == name  # type: ignore[index]
        assert stray.execute("SELECT pg_last_wal_replay_lsn()") > heir.execute("SELECT pg_current_wal_insert_lsn()")
        assert shop.client.get("/where").text == "primary"
        follower = start(primary=heir)
    with Shop(heir.uri(), follower.uri()) as shop:
        assert shop.client.post("/milk").status_code == 201
        assert shop.client.get("/names").json == ["tea", "cake", "pie", "milk"]
        follower.promote()
        pause(0.2)
        # a server that is no standby any more serves nobody
        shop.app.test_client().get("/where")
        assert [shop.app.test_client().get("/where").text for _ in range(2)] == ["primary", "primary"]
        assert shop.client.get("/where").text == "primary"


@pytest.mark.soak
def test_clients_read_their_own_writes_while_replicas_come_and_go(start: Callable[..., Server]) -> None:
    primary = start("wal_level = replica\nsynchronous_commit = off")
    primary.execute("CREATE TABLE item (id serial PRIMARY KEY, name text NOT NULL, hits integer NOT NULL DEFAULT 0)")
    replicas = [start(primary=primary) for _ in range(2)]
    uris = [server.uri() for server in replicas]
    with Shop(primary.uri(), *uris, UOW_REPLICA_LEFT_OUT_SECONDS=0.5) as shop:
        db, Item = shop.db, shop.Item

        @shop.app.route("/hit/<name>", methods=["GET", "POST"])
        def hit(name: str) -> str:
            item = db.session.query(Item).filter_by(name=name).one()
            item.hits += 1
            return ""

        @shop.app.get("/hits/<name>")
        def hits(name: str) -> list[Any]:
            return [db.session.query(Item).filter_by(name=name).one().hits, shop.where()]

        over, wrong, served = threading.Event(), [], set()

        def client(number: int) -> None:
            http, expected, chance = shop.app.test_client(), 0, random.Random(number)
            http.post(f"/client {number}")
            while not over.is_set():
                if chance.random() < 0.3:
                    response = chance.choice([http.get, http.post])(f"/hit/client {number}")
                    expected += 1
                else:
                    response = http.get(f"/hits/client {number}")
                    found, where = response.json if response.status_code == 200 else (None, None)
                    served.add(where)
                    if found != expected:
                        wrong.append((found, expected))
                if response.status_code != 200:
                    wrong.append((response.status_code, expected))

        threads = [threading.Thread(target=client, args=[number]) for number in range(6)]
        for thread in threads:
            thread.start()
        chance = random.Random(1)
        for _ in range(200):
            server, choice = chance.choice(replicas), chance.random()
            if choice < 0.3:
                server.execute("SELECT pg_wal_replay_pause()")
            elif choice < 0.6:
                server.execute("SELECT pg_wal_replay_resume()")
            elif choice < 0.9:
                end_clients(server)
            else:
                server.stop("immediate")
                server.start()
            pause(chance.random() * 0.4)
        over.set()
        for thread in threads:
            thread.join()
        assert wrong == []
        assert served == {"primary", "replica"}
        assert primary.execute("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'") == [
            (0,)
        ]


@pytest.mark.parametrize("writes", [False, True])
def test_a_request_goes_without_the_garbage_collector(shop: Shop, writes: bool) -> None:
    db, Item = shop.db, shop.Item
    alive: list[weakref.ref[Any]] = []

    @shop.app.get("/item")
    def view() -> str:
        item = db.session.get(Item, 1)
        if writes:
            item.hits += 1
            db.session.flush()
        alive.extend(map(weakref.ref, (db.session(), item, request._get_current_object())))
        return shop.where()

    # what is made once for all requests
    shop.client.get("/item")
    shop.client.get("/where")
    alive.clear()
    gc.collect()
    gc.disable()
    try:
        assert shop.client.get("/item").text == ("primary" if writes else "replica")
        assert [each() for each in alive] == [None] * 3
    finally:
        gc.enable()
