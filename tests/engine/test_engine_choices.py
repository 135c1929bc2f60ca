"""What create_engine() lets an application choose: the class of the pool, and its own functions for documents."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest

from flask_uow import DeclarativeBase, Mapped, NullPool, QueuePool, Session, StaticPool, TypeDecorator, mapped_column
from flask_uow.engine import Engine, Pool, create_engine
from flask_uow.exc import ArgumentError, DataError
from flask_uow.sql import JSON, Column, Integer, MetaData, Table, func, insert, select


def raw(engine: Engine) -> Any:
    with engine.connect() as connection:
        return connection.connection.driver_connection


def test_engines_have_a_queue_pool_where_nothing_is_said(database_uri: str) -> None:
    engine = create_engine(database_uri)
    assert type(engine.pool) is QueuePool
    assert engine.pool.size() == 5
    chosen = create_engine(database_uri, poolclass=QueuePool, pool_size=2, max_overflow=0)
    assert (type(chosen.pool), chosen.pool.size()) == (QueuePool, 2)


def test_a_null_pool_closes_what_comes_back(database_uri: str) -> None:
    engine = create_engine(database_uri, poolclass=NullPool)
    with engine.connect() as first, engine.connect() as second:
        kept = first.connection.driver_connection
        assert first.scalar("SELECT 1") == second.scalar("SELECT 1") == 1
    assert (engine.pool.size(), engine.pool.checked_out()) == (0, 0)
    with pytest.raises(engine.dialect.errors):
        kept.cursor().execute("SELECT 1")
    assert raw(engine) is not kept
    engine.dispose()


def test_a_static_pool_keeps_one_connection(database_uri: str) -> None:
    engine = create_engine(database_uri, poolclass=StaticPool)
    assert raw(engine) is raw(engine)
    with engine.connect() as first, engine.connect() as second:
        assert first.connection.driver_connection is not second.connection.driver_connection
    assert engine.pool.size() == 1
    engine.dispose()


@pytest.mark.parametrize("poolclass", [StaticPool, NullPool, QueuePool])
def test_a_database_in_memory_is_one_whatever_the_pool(poolclass: type[Pool]) -> None:
    engine = create_engine("sqlite://", poolclass=poolclass, connect_args={"check_same_thread": False})
    with engine.begin() as connection:
        connection.execute("CREATE TABLE t (n INTEGER)")
        connection.execute("INSERT INTO t VALUES (4)")
    with engine.connect() as connection:
        assert connection.scalar("SELECT n FROM t") == 4
    engine.dispose()


def test_a_pool_that_cannot_be_is_refused(database_uri: str) -> None:
    for poolclass in (NullPool, StaticPool):
        with pytest.raises(ArgumentError, match=r"pool_size=5\. Leave pool_size out, or use QueuePool"):
            create_engine(database_uri, poolclass=poolclass, pool_size=5)
        with pytest.raises(ArgumentError, match="max_overflow"):
            create_engine(database_uri, poolclass=poolclass, max_overflow=0)
    for wrong in ("NullPool", object, NullPool.__init__):
        with pytest.raises(ArgumentError, match="expected QueuePool, NullPool or StaticPool"):
            create_engine(database_uri, poolclass=wrong)  # type: ignore[arg-type]


# -- documents


def write(value: Any) -> str:
    return json.dumps(value, default=lambda other: {"$": str(other)})


def read(text: str) -> Any:
    return json.loads(text, parse_float=Decimal, object_hook=lambda found: found.get("$", found))


class Tagged(TypeDecorator):
    impl = JSON
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> Any:
        return None if value is None else {"tagged": value}

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return None if value is None else value["tagged"]


VALUES = [{"at": dt.date(2020, 1, 2), "price": Decimal("1.50")}, [1.25, "ü", None], "text", 7, True, {}, []]
READ = [{"at": "2020-01-02", "price": "1.50"}, [Decimal("1.25"), "ü", None], "text", 7, True, {}, []]


@pytest.fixture
def own(database_uri: str) -> Any:
    engine = create_engine(database_uri, json_serializer=write, json_deserializer=read)
    yield engine
    engine.dispose()


@pytest.mark.parametrize("type_", [JSON(), JSON(binary=False), Tagged()])
def test_documents_go_through_the_functions_of_the_application(own: Engine, type_: Any) -> None:
    table = Table("t", MetaData(), Column("id", Integer, primary_key=True), Column("doc", type_))
    table.create(own)
    with own.connect() as connection:
        for value in VALUES:
            connection.execute(insert(table).values(doc=value))
        connection.execute(insert(table), [{"doc": value} for value in VALUES])
        connection.execute(insert(table).values(doc=None))
        stored = connection.scalars(select(table.c.doc).order_by(table.c.id)).all()
        assert stored == [*READ, *READ, None]
        assert [type(item) for item in stored[1]] == [Decimal, str, type(None)]
        found = connection.scalars(insert(table).returning(table.c.doc), [{"doc": value} for value in VALUES]).all()
        assert sorted(map(repr, found)) == sorted(map(repr, READ))
        connection.commit()


def test_objects_and_bulk_operations_use_the_functions_too(own: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    class Note(Base):
        __tablename__ = "note"
        id: Mapped[int] = mapped_column(primary_key=True)
        doc: Mapped[Any] = mapped_column(JSON)

    Base.metadata.create_all(own)
    with Session(own) as session:
        session.add(Note(doc=VALUES[0]))
        session.add_all([Note(doc=value) for value in VALUES])
        session.commit()
        session.bulk_insert(Note, [{"doc": value} for value in VALUES])
        session.copy_from(Note, [{"doc": value} for value in VALUES])
        session.bulk_update(Note, [{"id": 1, "doc": VALUES[1]}])
        assert session.scalars(select(Note.doc).order_by(Note.id)).all() == [READ[1], *READ, *READ, *READ]
        note = session.get_one(Note, 2)
        assert note.doc == READ[0]
        note.doc = {"new": dt.date(2021, 1, 1)}
        session.commit()
        assert note.doc == {"new": "2021-01-01"}
        assert session.scalar(select(func.count()).where(Note.doc == VALUES[1])) >= 0


def test_a_serializer_may_give_bytes(database_uri: str) -> None:
    engine = create_engine(database_uri, json_serializer=lambda value: write(value).encode())
    table = Table("t", MetaData(), Column("id", Integer, primary_key=True), Column("doc", JSON))
    table.create(engine)
    with engine.begin() as connection:
        connection.execute(insert(table).values(doc={"a": "ü"}))
        assert connection.scalar(select(table.c.doc)) == {"a": "ü"}
    engine.dispose()


def test_a_value_that_the_serializer_refuses_is_an_error_that_names_its_column(database_uri: str) -> None:
    engine = create_engine(database_uri, json_serializer=json.dumps)
    table = Table("t", MetaData(), Column("id", Integer, primary_key=True), Column("doc", JSON))
    table.create(engine)
    with engine.connect() as connection, pytest.raises(DataError, match=r"t\.doc: .*what json_serializer takes"):
        connection.execute(insert(table).values(doc={1, 2}))
    engine.dispose()


def test_a_function_for_documents_is_a_function(database_uri: str) -> None:
    for name in ("json_serializer", "json_deserializer"):
        with pytest.raises(ArgumentError, match=f"{name}='json': expected a function"):
            create_engine(database_uri, **{name: "json"})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        ("-c statement_timeout=5000", 5.0),
        ("-cstatement_timeout=2s", 2.0),
        ("-c statement_timeout=1.5s", 1.5),
        ("--statement_timeout=2min", 120.0),
        ("-c statement_timeout=1h -c statement_timeout=300ms", 0.3),
        ("-c statement_timeout=0", None),
        ("-c work_mem=4MB -c lock_timeout=5s", None),
    ],
)
def test_a_commit_is_bounded_by_the_statement_time_out_of_the_options(
    postgresql_uri: str, options: str, seconds: float | None
) -> None:
    engine = create_engine(postgresql_uri, connect_args={"options": options})
    with engine.connect() as connection, connection.begin() as transaction:
        assert transaction.commit_limit == seconds
    engine.dispose()
