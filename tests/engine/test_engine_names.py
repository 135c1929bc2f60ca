"""Names of engines, URLs, inspectors, results and pools that people know from elsewhere, with what they do; on both databases."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest

import flask_uow
from flask_uow import (
    URL,
    AssertionPool,
    Connection,
    Engine,
    InvalidRequestError,
    NullPool,
    ObjectKind,
    QueuePool,
    ResourceClosedError,
    StaticPool,
    TimeoutError,
    create_engine,
    engine_from_config,
    event,
    inspect,
    make_url,
)
from flask_uow.exc import ArgumentError, NoSuchTableError
from flask_uow.sql import (
    DOMAIN,
    Column,
    CreateTable,
    Enum,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Sequence,
    String,
    Table,
    Text,
    literal,
    select,
    text,
    union_all,
)

# -- URLs


def test_a_url_is_made_of_its_parts() -> None:
    url = URL.create("postgresql+psycopg2", "ed", "se/cr:et@", "localhost", 5433, "blog", {"sslmode": "require"})
    assert str(url) == "postgresql+psycopg2://ed:***@localhost:5433/blog?sslmode=require"
    assert make_url(url.render_as_string(hide_password=False)) == url
    assert url.render_as_string() == str(url)
    assert (url.get_backend_name(), url.get_driver_name()) == ("postgresql", "psycopg2")
    assert (make_url("sqlite://").get_backend_name(), make_url("sqlite://").get_driver_name()) == ("sqlite", "pysqlite")
    changed = url.set(database="test", port=None, password=None)
    assert str(changed) == "postgresql+psycopg2://ed@localhost/test?sslmode=require"
    assert url.database == "blog"
    several = make_url("postgresql://a:1,b:2/x")
    assert str(several.set(database="y")) == "postgresql://a:1,b:2/y"
    assert str(several.set(host="c")) == "postgresql://c/x"


def test_options_of_a_url() -> None:
    url = make_url("postgresql://localhost/blog?a=1")
    assert dict(url.update_query_dict({"b": "2"}).query) == {"a": "1", "b": "2"}
    assert dict(url.update_query_pairs([("a", "3")]).query) == {"a": "3"}
    assert dict(url.update_query_string("c=4&d=").query) == {"a": "1", "c": "4", "d": ""}
    assert dict(url.difference_update_query(["a", "x"]).query) == {}
    assert url.normalized_query == {"a": ("1",)}
    assert dict(url.query) == {"a": "1"}


def test_options_of_a_url_may_have_several_values() -> None:
    url = make_url("postgresql://localhost/blog?a=1&b=2&b=3")
    assert dict(url.query) == {"a": "1", "b": ("2", "3")}
    assert url.normalized_query == {"a": ("1",), "b": ("2", "3")}
    assert make_url(url.render_as_string()) == url
    assert dict(url.update_query_dict({"a": "9"}, append=True).query) == {"a": ("1", "9"), "b": ("2", "3")}
    assert dict(url.update_query_dict({"b": ["7"], "c": ["8", "9"]}).query) == {"a": "1", "b": "7", "c": ("8", "9")}
    pairs = [("a", "9"), ("c", "1"), ("c", "2")]
    assert dict(url.update_query_pairs(pairs, append=True).query) == {"a": ("1", "9"), "b": ("2", "3"), "c": ("1", "2")}
    assert dict(url.update_query_string("b=5", append=True).query) == {"a": "1", "b": ("2", "3", "5")}
    assert dict(URL.create("sqlite", query={"x": ["1", "2"]}).query) == {"x": ("1", "2")}
    assert "secret" not in str(make_url("postgresql:///blog?password=secret&password=secret2"))
    for given in ("postgresql:///blog?sslmode=require&sslmode=disable", "sqlite:///x.db?timeout=1&timeout=2"):
        with pytest.raises(ArgumentError, match="2 times"):
            create_engine(given)


def test_a_url_may_name_several_servers_behind_the_question_mark() -> None:
    engine = create_engine("postgresql://ed@/blog?host=one:5433&host=two&host=/run/pg")
    parameters = engine.dialect._connection_parameters()  # type: ignore[attr-defined]
    assert (parameters["host"], parameters["port"]) == ("one,two,/run/pg", "5433,,")


def test_parts_of_a_url_for_a_driver() -> None:
    url = URL.create("postgresql", "ed", "secret", "localhost", 5432, "blog")
    assert url.translate_connect_args(username="user", database="dbname") == {
        "host": "localhost", "dbname": "blog", "user": "ed", "password": "secret", "port": 5432,
    }  # fmt: skip
    assert make_url("sqlite:///x.db").translate_connect_args() == {"database": "x.db"}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: URL.create("sqlite", port=0), "from 1 to 65535"),
        (lambda: URL.create("postgresql", password=5), "got int"),  # type: ignore[arg-type]
        (lambda: URL.create(None), "expected a str, got NoneType"),  # type: ignore[arg-type]
        (lambda: make_url("sqlite://").set(databse="x"), "Did you mean 'database'"),
        (lambda: URL.create("sqlite", query={"a": 1}), "mapping of texts"),  # type: ignore[dict-item]
    ],
)
def test_malformed_parts(make: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        make()


# -- making engines


def test_an_engine_of_a_configuration(tmp_path: Any) -> None:
    settings = {
        "db.url": "sqlite://",
        "db.pool_size": "3",
        "db.hide_parameters": "true",
        "db.pool_recycle": "60.5",
        "other.url": "x",
    }
    engine = engine_from_config(settings, prefix="db.")
    assert engine.pool.size() == 3
    assert engine.hide_parameters is True
    assert engine_from_config({"sqlalchemy.url": "sqlite://"}, pool_size=2).pool.size() == 2
    with pytest.raises(ArgumentError, match=r"db\.echo = 'perhaps': expected true or false"):
        engine_from_config({**settings, "db.echo": "perhaps"}, prefix="db.")
    with pytest.raises(ArgumentError, match="expected a number"):
        engine_from_config({**settings, "db.pool_size": "many"}, prefix="db.")
    with pytest.raises(ArgumentError, match=r"no sqlalchemy\.url"):
        engine_from_config(settings)
    with pytest.raises(ArgumentError, match="no option 'pol_size'"):
        engine_from_config({"sqlalchemy.url": "sqlite://", "sqlalchemy.pol_size": "3"})


def test_connections_are_made_by_a_function(engine: Engine, tmp_path: Any) -> None:
    made: list[Any] = []
    url = engine.url

    def connect() -> Any:
        if engine.name == "sqlite":
            made.append(sqlite3.connect(str(url.database), check_same_thread=False))
        else:
            made.append(psycopg2.connect(url.render(hide_password=False)))
        return made[-1]

    own = create_engine(f"{engine.name}://", creator=connect)
    table = Table("t", MetaData(), Column("id", Integer, primary_key=True))
    table.create(own)
    with own.begin() as connection:
        connection.execute(table.insert())
    with own.connect() as connection:
        connection.execute(table.insert())
        connection.rollback()
        assert connection.scalars(select(table.c.id)).all() == [1]
    assert len(made) == 1
    own.dispose()
    with pytest.raises(ArgumentError, match="creator"):
        create_engine("sqlite://", creator="x")  # type: ignore[arg-type]


def test_options_of_all_executions(database_uri: str) -> None:
    engine = create_engine(
        database_uri, execution_options={"isolation_level": "AUTOCOMMIT", "mine": 1}, query_cache_size=2, future=True
    )
    assert engine.get_execution_options()["mine"] == 1
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE t (n INTEGER)")
        connection.exec_driver_sql("INSERT INTO t VALUES (1)")
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT n FROM t")) == 1
        for number in range(5):
            connection.execute(select(*[literal(1)] * (number + 1)))
    assert len(engine.compiled_cache) <= 2
    engine.clear_compiled_cache()
    assert len(engine.compiled_cache) == 0
    engine.update_execution_options(isolation_level="SERIALIZABLE")
    assert engine.isolation_level == "SERIALIZABLE"
    assert engine.get_execution_options()["mine"] == 1
    assert engine.engine is engine
    assert engine.driver == ("pysqlite" if engine.name == "sqlite" else "psycopg2")
    engine.dispose(close=False)
    assert "1 open" in engine.pool.status()
    engine.dispose()


@pytest.mark.parametrize("option", ["paramstyle", "plugins", "insertmanyvalues_page_size", "module"])
def test_options_that_are_not_needed(option: str) -> None:
    with pytest.raises(ArgumentError, match=f"no option '{option}'.*future[.] [A-Z].*[.]$"):
        create_engine("sqlite://", **{option: 1})


def test_malformed_options() -> None:
    with pytest.raises(ArgumentError, match="future"):
        create_engine("sqlite://", future=False)
    with pytest.raises(ArgumentError, match="query_cache_size"):
        create_engine("sqlite://", query_cache_size=0)
    with pytest.raises(ArgumentError, match="echo_pool"):
        create_engine("sqlite://", echo_pool="yes")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="execution_options"):
        create_engine("sqlite://", execution_options=1)  # type: ignore[arg-type]


def test_connections_are_on_the_log(database_uri: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "flask_uow.pool"):
        quiet, loud = create_engine(database_uri, echo_pool=True), create_engine(database_uri, echo_pool="debug")
        for engine, expected in ((quiet, ["opened", "closed"]), (loud, ["opened", "lent", "came", "closed"])):
            caplog.clear()
            with engine.connect() as connection:
                connection.scalar(text("SELECT 1"))
            engine.dispose()
            assert [record.message.split()[0] for record in caplog.records] == expected


def test_names_that_have_another_cure() -> None:
    for name, words in (("try_cast", "case"), ("SingletonThreadPool", "StaticPool"), ("lambda_stmt", "select")):
        with pytest.raises(AttributeError, match=words):
            getattr(flask_uow, name)


# -- connections and pools


def test_a_connection_has_a_dict(engine: Engine) -> None:
    def greet(raw: Any, record: Any) -> None:
        record.info["greeted"] = True

    event.listen(engine, "connect", greet)
    with engine.connect() as connection:
        assert connection.info == {"greeted": True}
        connection.info["mine"] = 1
        assert not connection.invalidated
    with engine.connect() as connection:
        assert connection.info["mine"] == 1
        connection.invalidate()
        assert connection.invalidated
    with pytest.raises(ResourceClosedError, match="info"):
        connection.info
    with engine.connect() as connection:
        assert connection.info == {"greeted": True}


def test_a_pool_that_lends_one_connection(database_uri: str) -> None:
    engine = create_engine(database_uri, poolclass=AssertionPool)
    with engine.connect(), pytest.raises(AssertionError, match="second connection"):
        engine.connect()
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT 1")) == 1
    engine.dispose()
    with pytest.raises(ArgumentError, match="pool_size"):
        create_engine(database_uri, poolclass=AssertionPool, pool_size=3)


# -- results


def test_results_in_parts_and_together(engine: Engine) -> None:
    numbers = union_all(*(select(literal(n).label("n")) for n in range(5)))
    with engine.connect() as connection:
        parts = [[row.n for row in part] for part in connection.execute(numbers).yield_per(2).partitions()]
        assert [len(part) for part in parts] == [2, 2, 1]
        assert [len(part) for part in connection.execute(numbers).yield_per(2).partitions(3)] == [3, 2]
        assert [len(part) for part in connection.execute(numbers).partitions()] == [5]
        merged = connection.execute(select(literal(1).label("n"))).merge(
            connection.execute(select(literal(2).label("other"))), connection.execute(numbers)
        )
        assert merged.keys() == ("n",)
        assert sorted(row.n for row in merged) == [0, 1, 1, 2, 2, 3, 4]
        with pytest.raises(ArgumentError, match="same columns"):
            connection.execute(numbers).merge(connection.execute(select(literal(1), literal(2))))
        with pytest.raises(ArgumentError):
            connection.execute(numbers).yield_per(0)


# -- inspectors


@pytest.fixture
def inspected(engine: Engine) -> Iterator[Connection]:
    metadata = MetaData()
    Table(
        "child",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("parent_id", Integer, ForeignKey("parent.id", name="fk_parent"), index=True),
    )
    parent = Table(
        "parent",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("word", String, comment="a word"),
        comment="them all",
    )
    Table(
        "a",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("b_id", Integer, ForeignKey("b.id", name="a_b", use_alter=True)),
    )
    Table(
        "b", metadata, Column("id", Integer, primary_key=True), Column("a_id", Integer, ForeignKey("a.id", name="b_a"))
    )
    Index("ix_word", parent.c.word, unique=True)
    Sequence("numbers", metadata=metadata)
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(text("CREATE VIEW seen AS SELECT id FROM parent"))
    with engine.connect() as connection:
        yield connection


def test_an_inspector_answers_for_many_tables(engine: Engine, inspected: Connection) -> None:
    inspector = inspect(engine)
    columns = inspector.get_multi_columns()
    assert sorted(name for _, name in columns) == ["a", "b", "child", "parent"]
    assert [column["name"] for column in columns[None, "parent"]] == ["id", "word"]
    assert list(inspector.get_multi_columns(kind=ObjectKind.VIEW)) == [(None, "seen")]
    assert len(inspector.get_multi_columns(kind=ObjectKind.ANY)) == 5
    assert list(inspector.get_multi_pk_constraint(filter_names=["parent", "none"])) == [(None, "parent")]
    assert [key["name"] for key in inspector.get_multi_foreign_keys()[None, "child"]] == ["fk_parent"]
    assert [index["name"] for index in inspector.get_multi_indexes()[None, "parent"]] == ["ix_word"]
    assert inspector.get_multi_unique_constraints()[None, "parent"] == []
    assert inspector.get_multi_check_constraints()[None, "parent"] == []
    comment = "them all" if engine.name == "postgresql" else None
    assert inspector.get_multi_table_comment()[None, "parent"] == {"text": comment}


def test_an_inspector_knows_the_order_of_tables(engine: Engine, inspected: Connection) -> None:
    inspector = inspect(inspected)
    found = inspector.get_sorted_table_and_fkc_names()
    names = [name for name, _ in found]
    assert names.index("parent") < names.index("child")
    assert dict(found)["child"] == [("child", "fk_parent")]
    assert names[-1] is None
    assert len(found[-1][1]) == 1
    assert found[-1][1][0][1] in ("a_b", "b_a")
    assert inspector.sort_tables_on_foreign_key_dependency() == names[:-1]


def test_what_an_inspector_is_asked_beside(engine: Engine, inspected: Connection) -> None:
    inspector = inspect(inspected)
    assert inspector.engine is engine
    assert type(inspector).from_engine(engine).engine is engine
    inspector.clear_cache()
    assert inspector.has_index("parent", "ix_word")
    assert not inspector.has_index("parent", "ix_none")
    assert inspector.has_schema(inspector.default_schema_name)
    assert not inspector.has_schema("nowhere")
    assert inspector.has_sequence("numbers") is (engine.name == "postgresql")
    assert inspector.get_table_options("parent") == {}
    inspected.execute(CreateTable(Table("passing", MetaData(), Column("id", Integer), prefixes=["TEMPORARY"])))
    inspected.execute(text("CREATE TEMPORARY VIEW glimpsed AS SELECT 1 AS n"))
    assert inspector.get_temp_table_names() == ["passing"]
    assert inspector.get_temp_view_names() == ["glimpsed"]
    inspected.rollback()
    found = Table("parent", MetaData())
    inspector.reflect_table(found, exclude_columns=["word"])
    assert found.c.keys() == ["id"]
    also = Table("parent", MetaData())
    inspector.reflect_table(also, include_columns=["word"])
    assert also.c.keys() == ["word"]
    with pytest.raises(NoSuchTableError):
        inspector.reflect_table(Table("none", MetaData()))


def test_types_and_views_that_are_kept(engine: Engine) -> None:
    table = Table(
        "t", MetaData(), Column("id", Integer, primary_key=True), Column("c", Enum("red", "blue", name="color", native_enum=True)),
        Column("mail", DOMAIN("email", Text, check="VALUE LIKE '%@%'", not_null=True, constraint_name="looks")),
    )  # fmt: skip
    table.metadata.create_all(engine)
    inspector = inspect(engine)
    if engine.name == "sqlite":
        assert (inspector.get_enums(), inspector.get_domains(), inspector.get_materialized_view_names()) == ([], [], [])
        return
    assert inspector.get_enums() == [{"name": "color", "schema": "public", "labels": ["red", "blue"]}]
    (domain,) = inspector.get_domains()
    assert (domain["name"], domain["type"], domain["nullable"], domain["default"]) == ("email", "text", False, None)
    assert domain["constraints"] == [{"name": "looks", "check": "VALUE ~~ '%@%'::text"}]
    assert inspector.get_domains(schema="pg_catalog") == []
    with engine.begin() as connection:
        connection.execute(text("CREATE MATERIALIZED VIEW kept AS SELECT 1 AS n"))
    assert inspector.get_materialized_view_names() == ["kept"]
    assert list(inspector.get_multi_columns(kind=ObjectKind.MATERIALIZED_VIEW)) == [(None, "kept")]


@pytest.mark.parametrize("poolclass", [QueuePool, NullPool, StaticPool, AssertionPool])
def test_a_pool_may_be_made_without_an_engine(poolclass: Any) -> None:
    opened: list[Any] = []

    def connect() -> sqlite3.Connection:
        opened.append(sqlite3.connect(":memory:", check_same_thread=False))
        return opened[-1]

    pool = poolclass(connect, recycle=100, pre_ping=True, reset_on_return="rollback", use_lifo=True)
    told: list[Any] = []
    event.listen(pool, "checkout", lambda raw, record, proxy: told.append(raw))
    lent = pool.connect()
    cursor = lent.cursor()
    cursor.execute("SELECT 1")
    assert cursor.fetchall() == [(1,)]
    assert lent.dbapi_connection is opened[0] is told[0]
    assert (lent.is_valid, lent.info) == (True, {})
    lent.close()
    lent.close()
    assert not lent.is_valid
    with pytest.raises(ResourceClosedError, match="given back"):
        lent.cursor()
    with pool.connect() as lent:
        assert (lent.dbapi_connection is opened[0]) == (poolclass is not NullPool)
        lent.invalidate()
    assert pool.recreate().connect().cursor().execute("SELECT 2").fetchone() == (2,)
    assert pool.checked_out() == 0
    pool.dispose()


def test_a_pool_of_a_function_has_limits_and_may_be_that_of_an_engine() -> None:
    def connect() -> sqlite3.Connection:
        return sqlite3.connect(":memory:", check_same_thread=False)

    pool = QueuePool(creator=connect, pool_size=1, max_overflow=0, timeout=0.01)
    first = pool.connect()
    with pytest.raises(TimeoutError):
        pool.connect()
    first.detach()
    second = pool.connect()
    assert first.dbapi_connection is not second.dbapi_connection
    first.close()
    second.close()
    with pytest.raises(ArgumentError, match="keeps 1 connections"):
        StaticPool(connect, pool_size=3)
    engine = create_engine("sqlite://", pool=pool)
    assert (type(engine.pool), engine.pool.size(), engine.pool.timeout()) == (QueuePool, 1, 30.0)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT 1")) == 1
    with pytest.raises(InvalidRequestError, match="raw_connection"):
        engine.pool.connect()  # type: ignore[attr-defined]
    engine.dispose()
    with pytest.raises(ArgumentError, match="in place of creator"):
        create_engine("sqlite://", pool=pool, creator=connect)
    for given in (None, "commit"):
        with pytest.raises(ArgumentError, match="always rolled back"):
            create_engine("sqlite://", pool_reset_on_return=given)
    create_engine("sqlite://", pool_reset_on_return="rollback", pool_use_lifo=False)


def test_engines_may_have_loggers_of_their_own(database_uri: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "flask_uow"):
        engine = create_engine(database_uri, echo=True, echo_pool=True, logging_name="orders", pool_logging_name="p")
        assert engine.logging_name == "orders"
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
        assert {record.name for record in caplog.records} == {"flask_uow.engine.orders", "flask_uow.pool.p"}
        engine.echo = False
        caplog.clear()
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
        assert not caplog.records
        engine.dispose()
