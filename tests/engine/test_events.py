"""Events of engines and their pools, and of tables; DDL of one's own; defaults that look at the other values of a row."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import pytest

from flask_uow import (
    DDL,
    ArgumentError,
    Column,
    DeclarativeBase,
    Engine,
    Enum,
    Integer,
    InvalidRequestError,
    Mapped,
    MetaData,
    Session,
    String,
    Table,
    create_engine,
    event,
    insert,
    inspect,
    mapped_column,
    select,
    text,
)


def test_an_engine_tells_of_its_connections(database_uri: str) -> None:
    engine = create_engine(database_uri)
    calls: list[str] = []
    for name in ("first_connect", "connect", "checkout", "checkin", "close"):
        event.listen(engine, name, lambda raw, record, *more, name=name: calls.append(name))
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    assert calls == ["first_connect", "connect", "checkout", "checkin", "checkout", "checkin"]
    engine.dispose()
    assert calls[-1] == "close"


@pytest.mark.parametrize("name", ["first_connect", "connect", "checkout", "checkin", "close"])
@pytest.mark.parametrize("apart", [False, True])
def test_a_listener_that_raises_loses_no_connection(database_uri: str, name: str, apart: bool) -> None:
    engine = create_engine(database_uri, pool_size=1, max_overflow=0, pool_timeout=1)

    def fail(*arguments: object) -> None:
        raise LookupError(name)

    event.listen(engine, name, fail)
    kept: list[Any] = []
    for _ in range(2):
        try:
            # kept, since the connection of one that is collected is taken back
            kept.append(engine.connect_apart() if apart else engine.connect())
            kept[-1].close()
        except LookupError as error:
            kept.append(error)
    event.remove(engine, name, fail)
    assert engine.pool.checked_out() == 0
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT 1")) == 1
    engine.dispose()


def test_what_a_new_connection_is_told_lasts(database_uri: str, database: str) -> None:
    engine = create_engine(database_uri)

    @event.listens_for(engine, "connect")
    def prepare(raw: Any, record: Any) -> None:
        cursor = raw.cursor()
        cursor.execute("PRAGMA cache_size = -1234" if database == "sqlite" else "SET work_mem = '5MB'")
        cursor.close()
        if database == "postgresql":
            raw.commit()

    with engine.connect() as connection:
        found = connection.scalar(text("PRAGMA cache_size" if database == "sqlite" else "SHOW work_mem"))
    assert found == (-1234 if database == "sqlite" else "5MB")
    engine.dispose()


def test_every_engine_can_be_listened_to(database_uri: str) -> None:
    early = create_engine(database_uri)
    calls: list[Any] = []

    def connected(raw: Any, record: Any) -> None:
        calls.append(raw)

    event.listen(Engine, "connect", connected)
    try:
        late = create_engine(database_uri)
        for engine in (early, late):
            with engine.connect() as connection:
                connection.execute(text("SELECT 1"))
    finally:
        event.remove(Engine, "connect", connected)
    assert len(calls) == 2
    other = create_engine(database_uri)
    with other.connect() as connection:
        connection.execute(text("SELECT 1"))
    assert len(calls) == 2
    for engine in (early, late, other):
        engine.dispose()


def test_statements_are_told_of_and_may_be_changed(engine: Engine) -> None:
    calls: list[Any] = []

    @event.listens_for(engine, "before_cursor_execute", retval=True)
    def change(conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool) -> Any:
        return statement.replace("40", "41"), parameters

    @event.listens_for(engine, "before_cursor_execute")
    def before(conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool) -> None:
        calls.append(("before", statement))

    @event.listens_for(engine, "after_cursor_execute")
    def after(conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool) -> None:
        calls.append(("after", statement))

    with engine.begin() as connection:
        assert connection.scalar(text("SELECT 40 + 1")) == 42
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT 40 + 2")) == 43
    assert [kind for kind, statement in calls if "+ 1" in statement] == ["before", "after"]
    event.remove(engine, "before_cursor_execute", change)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT 40 + 2")) == 42


def test_an_error_in_a_listener_loses_no_connection(database_uri: str) -> None:
    engine = create_engine(database_uri, pool_size=1, max_overflow=0, pool_timeout=1)

    def refuse(raw: Any, record: Any, proxy: Any) -> None:
        raise ValueError("no")

    event.listen(engine, "checkout", refuse)
    for _ in range(3):
        with pytest.raises(ValueError, match="no"):
            engine.connect()
    event.remove(engine, "checkout", refuse)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT 1")) == 1
    engine.dispose()


def test_tables_tell_when_they_are_created_and_dropped(engine: Engine, database: str) -> None:
    metadata = MetaData()
    table = Table("thing", metadata, Column("id", Integer, primary_key=True), Column("name", String(10)))
    other = Table("other", metadata, Column("id", Integer, primary_key=True))
    calls: list[Any] = []
    for target in (metadata, table):
        for name in ("before_create", "after_create", "before_drop", "after_drop"):
            event.listen(
                target, name, lambda target, connection, name=name, **given: calls.append((name, type(target).__name__))
            )
    index = DDL("CREATE INDEX thing_name ON %(table)s (name)")
    event.listen(table, "after_create", index.execute_if(dialect=database))
    event.listen(table, "after_create", DDL("NONSENSE").execute_if(dialect="oracle"))
    event.listen(
        table, "after_create", DDL("NONSENSE").execute_if(callable_=lambda ddl, target, connection, **given: False)
    )
    metadata.create_all(engine)
    assert calls == [
        ("before_create", "MetaData"), ("before_create", "Table"), ("after_create", "Table"), ("after_create", "MetaData"),
    ]  # fmt: skip
    assert [found["name"] for found in inspect(engine).get_indexes("thing")] == ["thing_name"]
    del calls[:]
    metadata.create_all(engine)
    assert [call for call in calls if call[1] == "Table"] == []
    other.drop(engine)
    del calls[:]
    metadata.drop_all(engine)
    assert [call for call in calls if call[1] == "Table"] == [("before_drop", "Table"), ("after_drop", "Table")]


def test_ddl_can_be_executed_itself(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(DDL("CREATE TABLE own (n INTEGER, rest TEXT DEFAULT '100%%')"))
        connection.execute(text("INSERT INTO own (n) VALUES (1)"))
        assert connection.scalar(text("SELECT rest FROM own")) == "100%"
    with pytest.raises(ArgumentError, match="written as %%"), engine.begin() as connection:
        connection.execute(DDL("CREATE TABLE %(table)s (n INTEGER)"))


def test_unknown_events_are_named(engine: Engine) -> None:
    with pytest.raises(InvalidRequestError, match="Did you mean 'checkout'"):
        event.listen(engine, "check_out", print)
    with pytest.raises(InvalidRequestError, match="has no event 'create'"):
        event.listen(MetaData(), "create", print)


class Base(DeclarativeBase):
    pass


class Page(Base):
    __tablename__ = "page"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    slug: Mapped[str] = mapped_column(default=lambda context: context.get_current_parameters()["title"].lower())
    note: Mapped[str | None] = mapped_column(onupdate=lambda context: context.current_parameters["title"] + "!")


def test_a_default_may_look_at_the_other_values(engine: Engine) -> None:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        page = Page(title="ABC")
        session.add_all([page, Page(title="DE", slug="own")])
        session.commit()
        page.title = "XYZ"
        session.commit()
        assert page.note == "XYZ!"
        session.bulk_insert(Page, [{"title": "FG"}])
        session.execute(insert(Page).values(title="HI"))
        session.execute(insert(Page), [{"title": "JK"}, {"title": "LM"}])
        session.execute(insert(Page.__table__), [{"title": "NO"}, {"title": "PQ"}])
        session.commit()
        assert session.scalars(select(Page.slug).order_by(Page.id)).all() == [
            "abc",
            "own",
            "fg",
            "hi",
            "jk",
            "lm",
            "no",
            "pq",
        ]
    with pytest.raises(ArgumentError, match="a function without arguments or of one"):
        mapped_column(String, default=lambda one, two: None)


@pytest.mark.parametrize("level", [None, "REPEATABLE READ"])
@pytest.mark.parametrize("action", ["create_all", "drop_all"])
def test_two_that_make_or_drop_the_same_tables_at_once_both_succeed(
    database_uri: str, action: str, level: str | None
) -> None:
    engine = create_engine(database_uri, isolation_level=level)
    metadata = MetaData()
    color = Enum("red", "blue", name="color", native_enum=True)
    for name in ("one", "two"):
        Table(name, metadata, Column("id", Integer, primary_key=True), Column("color", color, index=True))
    if action == "drop_all":
        metadata.create_all(engine)
    # the other one comes between the look at what is there and the work; where it has to wait, nobody waits for it for ever
    both_have_looked = threading.Barrier(2)

    @event.listens_for(metadata, "before_create" if action == "create_all" else "before_drop")
    def wait(*arguments: Any, **options: Any) -> None:
        with contextlib.suppress(threading.BrokenBarrierError):
            both_have_looked.wait(0.5)

    failures: list[Exception] = []

    def work() -> None:
        try:
            getattr(metadata, action)(engine)
        except Exception as error:  # noqa: BLE001 (shown by the test)
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []
    assert inspect(engine).get_table_names() == (["one", "two"] if action == "create_all" else [])
    engine.dispose()


def test_who_finds_all_tables_there_waits_for_nobody(database_uri: str) -> None:
    engine = create_engine(database_uri)
    metadata, others = MetaData(), MetaData()
    Table("one", metadata, Column("id", Integer, primary_key=True))
    Table("two", others, Column("id", Integer, primary_key=True))
    metadata.create_all(engine)
    looker = threading.Thread(target=metadata.create_all, args=(engine,), daemon=True)
    with engine.begin() as connection:
        others.create_all(connection)
        looker.start()
        looker.join(4)
        assert not looker.is_alive()
    engine.dispose()
