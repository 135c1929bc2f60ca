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
    DBAPIError,
    DeclarativeBase,
    DisconnectionError,
    Engine,
    Enum,
    Integer,
    IntegrityError,
    InvalidRequestError,
    Mapped,
    MetaData,
    OperationalError,
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


@pytest.fixture
def told(engine: Engine) -> Any:
    """A table, and a function that has each event of a target noted by its name and what it was told of."""
    with engine.begin() as connection:
        connection.run("CREATE TABLE numbers (n INTEGER PRIMARY KEY)")

    def listen(target: Any, *names: str) -> list[Any]:
        calls: list[Any] = []
        for name in names:
            event.listen(target, name, lambda conn, *more, name=name: calls.append((name, *more[:1])))
        return calls

    return listen


_TRANSACTIONS = ("begin", "commit", "rollback", "savepoint", "release_savepoint", "rollback_savepoint")


def test_an_engine_tells_of_its_transactions(engine: Engine, told: Any) -> None:
    calls = told(engine, "engine_connect", *_TRANSACTIONS)
    with engine.connect() as connection:
        connection.execute(text("INSERT INTO numbers (n) VALUES (1)"))
        connection.commit()
        with connection.begin():
            with connection.begin_nested() as first:
                connection.execute(text("INSERT INTO numbers (n) VALUES (2)"))
            second = connection.begin_nested()
            second.rollback()
        connection.scalar(text("SELECT 1"))
    names = [first.name, second.name]
    assert calls == [
        ("engine_connect",),
        ("begin",),
        ("commit",),
        ("begin",),
        ("savepoint", names[0]),
        ("release_savepoint", names[0]),
        ("savepoint", names[1]),
        ("rollback_savepoint", names[1]),
        ("commit",),
        ("begin",),
        ("rollback",),
    ]
    calls.clear()
    with Session(engine) as session:
        session.execute(text("INSERT INTO numbers (n) VALUES (5)"))
        session.rollback()
    assert calls == [("engine_connect",), ("begin",), ("rollback",)]


def test_a_listener_may_refuse_a_transaction_or_a_connection(engine: Engine, told: Any) -> None:
    def refuse(conn: Any) -> None:
        raise LookupError("not now")

    event.listen(engine, "begin", refuse)
    with engine.connect() as connection:
        with pytest.raises(LookupError):
            connection.execute(text("INSERT INTO numbers (n) VALUES (1)"))
        assert not connection.in_transaction()
    event.remove(engine, "begin", refuse)
    event.listen(engine, "engine_connect", refuse)
    with pytest.raises(LookupError):
        engine.connect()
    event.remove(engine, "engine_connect", refuse)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM numbers")) == 0


def test_a_transaction_may_be_begun_by_a_listener(tmp_path: Any) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'own.db'}")

    @event.listens_for(engine, "begin")
    def begin(conn: Any) -> None:
        conn.exec_driver_sql("BEGIN IMMEDIATE")

    for _ in range(2):
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE IF NOT EXISTS t (n INTEGER)"))
            connection.execute(text("INSERT INTO t VALUES (1)"))
        with engine.connect() as connection:
            connection.execute(text("INSERT INTO t VALUES (2)"))
            connection.rollback()
            with connection.begin():
                assert connection.scalar(text("SELECT count(*) FROM t")) == 1
            connection.execute(text("DELETE FROM t"))
            connection.commit()
    engine.dispose()


def test_a_connection_can_be_listened_to_alone(engine: Engine, told: Any) -> None:
    with engine.connect() as connection, engine.connect() as other:
        of_one = told(connection, "before_cursor_execute", "after_cursor_execute", *_TRANSACTIONS)
        of_all = told(engine, "before_cursor_execute", "commit")
        for each in (other, connection):
            each.execute(text("SELECT 1"))
            each.commit()
        assert [name for name, *_ in of_one] == ["begin", "before_cursor_execute", "after_cursor_execute", "commit"]
        assert [name for name, *_ in of_all] == ["before_cursor_execute", "commit"] * 2
        with pytest.raises(InvalidRequestError, match="has no event 'checkout'"):
            event.listen(connection, "checkout", print)
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    assert len(of_one) == 4


def test_statements_are_told_of_and_may_be_changed_before_they_are_compiled(engine: Engine, told: Any) -> None:
    numbers = Table("numbers", MetaData(), Column("n", Integer, primary_key=True))
    seen: list[Any] = []

    def before(conn: Any, element: Any, multiparams: Any, params: Any, execution_options: Any) -> None:
        seen.append(("before", element, multiparams, params, dict(execution_options)))

    def after(conn: Any, element: Any, multiparams: Any, params: Any, execution_options: Any, result: Any) -> None:
        seen.append(("after", element, result))

    def in_the_form_of_earlier_times(conn: Any, element: Any, multiparams: Any, params: Any) -> None:
        seen.append(("former", element))

    event.listen(engine, "before_execute", before)
    event.listen(engine, "after_execute", after)
    event.listen(engine, "before_execute", in_the_form_of_earlier_times)
    with engine.begin() as connection:
        statement = insert(numbers)
        result = connection.execute(statement, [{"n": 1}, {"n": 2}])
        assert seen == [
            ("before", statement, [{"n": 1}, {"n": 2}], {}, {}),
            ("former", statement),
            ("after", statement, result),
        ]
        seen.clear()
        assert connection.scalar(select(numbers.c.n).where(numbers.c.n == text(":x")), {"x": 2}) == 2
        assert seen[0][2:4] == ([], {"x": 2})

    def only_first(conn: Any, element: Any, multiparams: Any, params: Any, execution_options: Any) -> Any:
        return element.where(numbers.c.n == 1), multiparams, params

    event.listen(engine, "before_execute", only_first, retval=True)
    with engine.connect() as connection:
        assert connection.scalars(select(numbers.c.n)).all() == [1]
    with Session(engine) as session:
        seen.clear()
        query = select(numbers.c.n)
        assert session.scalars(query).all() == [1]
        assert [one[0] for one in seen] == ["before", "former", "after"]


def test_what_listens_to_cursors_may_keep_something_from_one_to_the_other(engine: Engine, told: Any) -> None:
    kept: list[Any] = []

    @event.listens_for(engine, "before_cursor_execute")
    def before(conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool) -> None:
        context.mark = statement

    @event.listens_for(engine, "after_cursor_execute")
    def after(conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool) -> None:
        kept.append((context.mark == statement, context.connection is conn, context.executemany))

    with engine.begin() as connection:
        connection.execute(text("INSERT INTO numbers (n) VALUES (:n)"), [{"n": 1}, {"n": 2}])
    assert kept == [(True, True, True)]


def test_errors_of_the_driver_are_told_of_and_may_become_others(engine: Engine, told: Any) -> None:
    contexts: list[Any] = []
    event.listen(engine, "handle_error", contexts.append)
    with engine.connect() as connection:
        with pytest.raises(IntegrityError) as caught:
            connection.execute(text("INSERT INTO numbers (n) VALUES (:n)"), [{"n": 1}, {"n": 1}])
        (context,) = contexts
        assert context.translated_exception is context.sqlalchemy_exception is caught.value
        assert context.original_exception is caught.value.orig
        assert context.statement.startswith("INSERT INTO numbers")
        assert (context.connection, context.engine, context.is_disconnect) == (connection, engine, False)

        def another(context: Any) -> Exception:
            return LookupError("another")

        event.listen(connection, "handle_error", another)
        with pytest.raises(LookupError, match="another") as other:
            connection.execute(text("SELECT nothing FROM nowhere"))
        assert other.value.__cause__ is contexts[-1].original_exception
    with engine.connect() as connection, pytest.raises(DBAPIError):
        connection.execute(text("SELECT nothing FROM nowhere"))


def test_a_listener_may_take_an_error_for_a_lost_connection(engine: Engine, told: Any) -> None:
    @event.listens_for(engine, "handle_error")
    def lost(context: Any) -> None:
        context.is_disconnect = "nowhere" in context.statement

    with engine.connect() as connection:
        with pytest.raises(DBAPIError) as caught:
            connection.execute(text("SELECT nothing FROM nowhere"))
        assert caught.value.connection_invalidated
        assert connection.invalidated
        with pytest.raises(InvalidRequestError):
            connection.execute(text("SELECT 1"))
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT 1")) == 1


def test_a_connection_that_cannot_be_opened_is_an_error_told_of() -> None:
    engine = create_engine("sqlite:////nowhere/at/all.db")
    contexts: list[Any] = []
    event.listen(engine, "handle_error", contexts.append)
    with pytest.raises(OperationalError):
        engine.connect()
    (context,) = contexts
    assert (context.connection, context.engine, context.statement, context.cursor) == (None, engine, None, None)


def test_a_listener_may_change_the_arguments_of_the_driver_or_connect_itself(
    database_uri: str, database: str, tmp_path: Any
) -> None:
    engine = create_engine(database_uri)
    given: list[Any] = []

    @event.listens_for(engine, "do_connect")
    def change(dialect: Any, conn_rec: Any, cargs: list[Any], cparams: dict[str, Any]) -> None:
        given.append(dialect is engine.dialect)
        if database == "postgresql":
            cparams["application_name"] = "changed"
        else:
            cargs[0] = str(tmp_path / "another.db")

    with engine.connect() as connection:
        if database == "postgresql":
            assert connection.scalar(text("SHOW application_name")) == "changed"
        else:
            assert "another.db" in str(connection.execute(text("PRAGMA database_list")).all())
    assert given == [True]
    engine.dispose()


def test_a_pool_tells_of_more(database_uri: str) -> None:
    engine = create_engine(database_uri)
    calls: list[Any] = []
    for name in ("reset", "invalidate", "detach", "close"):
        event.listen(engine, name, lambda raw, record, *more, name=name: calls.append((name, *more)))
    former: list[Any] = []

    @event.listens_for(engine, "reset")
    def in_the_form_of_earlier_times(dbapi_connection: Any, connection_record: Any) -> None:
        former.append(connection_record.dbapi_connection is dbapi_connection)

    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    assert [name for name, *_ in calls] == ["reset"]
    assert not calls[0][1].terminate_only
    assert former == [True]
    calls.clear()
    with engine.connect() as connection:
        connection.invalidate()
    assert calls == [("invalidate", None), ("close",)]
    calls.clear()
    with engine.connect() as connection:
        connection.detach()
    assert calls == [("detach",), ("close",)]
    disposed: list[Any] = []
    event.listen(engine, "engine_disposed", disposed.append)
    engine.dispose()
    assert disposed == [engine]


def test_a_lost_connection_is_replaced_where_a_listener_says_so(database_uri: str) -> None:
    engine = create_engine(database_uri)
    with engine.connect() as connection:
        first = connection.connection.driver_connection

    @event.listens_for(engine, "checkout")
    def look(dbapi_connection: Any, connection_record: Any, connection_proxy: Any) -> None:
        if dbapi_connection is first:
            raise DisconnectionError("lost")

    with engine.connect() as connection:
        assert connection.connection.driver_connection is not first
    event.remove(engine, "checkout", look)

    def refuse(*arguments: Any) -> None:
        raise DisconnectionError("all of them")

    event.listen(engine, "checkout", refuse)
    with pytest.raises(DisconnectionError, match="all of them"):
        engine.connect()
    event.remove(engine, "checkout", refuse)
    assert engine.pool.checked_out() == 0
    engine.dispose()


def test_options_that_are_set_are_told_of(engine: Engine) -> None:
    calls: list[Any] = []
    event.listen(engine, "set_connection_execution_options", lambda conn, opts: calls.append(opts))
    event.listen(engine, "set_engine_execution_options", lambda made, opts: calls.append(opts))
    with engine.connect() as connection:
        connection.execution_options(tenant=1)
    engine.execution_options(tenant=2)
    assert calls == [{"tenant": 1}, {"tenant": 2}]


def test_two_phases_are_told_of(postgresql_uri: str) -> None:
    engine = create_engine(postgresql_uri)
    calls: list[Any] = []
    for name in (
        "begin",
        "commit",
        "rollback",
        "begin_twophase",
        "prepare_twophase",
        "commit_twophase",
        "rollback_twophase",
    ):
        event.listen(engine, name, lambda conn, *more, name=name: calls.append((name, *more)))
    with engine.connect() as connection:
        with connection.begin_twophase("x1") as transaction:
            connection.execute(text("CREATE TABLE t (n integer)"))
            transaction.prepare()
        connection.begin_twophase("x2").rollback()
    assert calls == [
        ("begin_twophase", "x1"),
        ("prepare_twophase", "x1"),
        ("commit_twophase", "x1", True),
        ("begin_twophase", "x2"),
        ("rollback_twophase", "x2", False),
    ]
    engine.dispose()


def test_listeners_may_leave_notes_on_a_connection(engine: Engine) -> None:
    @event.listens_for(engine, "before_cursor_execute")
    def count(conn: Any, *_: Any) -> None:
        conn.sent = getattr(conn, "sent", 0) + 1

    with engine.connect() as connection:
        connection.scalar(select(1))
        connection.scalar(select(2))
        assert connection.sent == 2  # type: ignore[attr-defined]
    with engine.connect() as connection:
        assert not hasattr(connection, "sent")
    event.remove(engine, "before_cursor_execute", count)


def test_an_engine_with_options_of_its_own_has_listeners_of_its_own(database_uri: str) -> None:
    engine = create_engine(database_uri)
    calls: list[str] = []
    event.listen(engine, "begin", lambda conn: calls.append("original, before"))
    other = engine.execution_options(tenant=1)
    event.listen(other, "begin", lambda conn: calls.append("other"))
    event.listen(other, "engine_connect", lambda conn: calls.append("other connects"))
    event.listen(other, "checkin", lambda raw, record: calls.append("pool"))
    event.listen(engine, "begin", lambda conn: calls.append("original, later"))
    for one in (engine, other):
        with one.connect() as connection:
            connection.execute(text("SELECT 1"))
    original = ["original, before", "original, later"]
    assert calls == [*original, "pool", "other connects", *original, "other", "pool"]
    engine.dispose()
