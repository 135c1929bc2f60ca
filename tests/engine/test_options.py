"""Isolation levels, execution options, streaming and the log of statements."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    Column,
    Connection,
    DBAPIError,
    Engine,
    Integer,
    InvalidRequestError,
    MetaData,
    Session,
    StreamedResult,
    String,
    Table,
    create_engine,
    insert,
    literal,
    select,
    text,
)
from tests.statements import StatementLog

metadata = MetaData()
thing = Table("thing", metadata, Column("id", Integer, primary_key=True), Column("name", String))


@pytest.fixture
def filled(engine: Engine) -> Engine:
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(thing), [{"name": f"t{n}"} for n in range(25)])
    return engine


def level_of(connection: Connection) -> Any:
    """The isolation level as PostgreSQL names it; whether a read has begun a transaction, on SQLite."""
    if connection.dialect.name == "postgresql":
        return connection.scalar("SHOW transaction_isolation")
    connection.scalar(select(thing.c.id))
    return "serializable" if connection.dialect.in_transaction(connection._record.raw) else "read committed"  # type: ignore[union-attr]


def test_a_level_is_set_for_an_engine_a_connection_or_a_transaction(filled: Engine) -> None:
    with filled.connect() as connection:
        with connection.begin():
            assert level_of(connection) == "read committed"
        with connection.begin(isolation_level="SERIALIZABLE"):
            assert level_of(connection) == "serializable"
        assert connection.execution_options(isolation_level="serializable") is connection
        assert connection.get_isolation_level() == "SERIALIZABLE"
        with connection.begin():
            assert level_of(connection) == "serializable"
    with filled.connect() as connection, connection.begin():
        assert level_of(connection) == "read committed"
    strict = filled.execution_options(isolation_level="SERIALIZABLE")
    assert strict.pool is filled.pool
    with strict.begin() as connection:
        assert level_of(connection) == "serializable"
    assert filled.isolation_level is None


def test_a_session_works_at_the_level_of_its_engine(filled: Engine) -> None:
    session = Session(filled.execution_options(isolation_level="SERIALIZABLE"))
    assert level_of(session.connection()) == "serializable"
    session.close()


def test_a_level_cannot_change_within_a_transaction(filled: Engine) -> None:
    with (
        filled.connect() as connection,
        connection.begin(),
        pytest.raises(InvalidRequestError, match="cannot change while a transaction is open"),
    ):
        connection.execution_options(isolation_level="SERIALIZABLE")
    with pytest.raises(ArgumentError, match="Did you mean 'SERIALIZABLE'"):
        filled.execution_options(isolation_level="SERIALISABLE")


def test_with_autocommit_each_statement_commits_by_itself(
    filled: Engine, statements: StatementLog, database: str
) -> None:
    free = filled.execution_options(isolation_level="AUTOCOMMIT")
    with free.connect() as connection:
        transaction = connection.begin()
        connection.execute(insert(thing).values(name="kept"))
        with pytest.raises(InvalidRequestError, match="no transaction that could have savepoints"):
            connection.begin_nested()
        rows = connection.execute(select(thing.c.id).execution_options(yield_per=10))
        assert sum(1 for _ in rows) == 26
        transaction.rollback()
    assert statements.transactions == []
    with filled.connect() as connection:
        assert connection.scalar(select(thing.c.name).where(thing.c.name == "kept")) == "kept"
        if database == "postgresql":
            with pytest.raises(DBAPIError, match="cannot run inside a transaction block"), connection.begin():
                connection.execute("VACUUM thing")
            connection.execution_options(isolation_level="AUTOCOMMIT")
            with connection.begin():
                connection.execute("VACUUM thing")
            with pytest.raises(InvalidRequestError, match="prepared"):
                connection.begin_twophase()
    session = Session(free)
    session.execute(insert(thing).values(name="kept too"))
    session.rollback()
    assert session.scalar(select(thing.c.id).where(thing.c.name == "kept too")) == 27
    session.close()


def test_rows_are_streamed_where_that_is_asked_for(filled: Engine, statements: StatementLog, database: str) -> None:
    statement = select(thing.c.id, thing.c.name).order_by(thing.c.id)
    with filled.connect() as connection:
        rows = connection.execute(statement.execution_options(yield_per=10))
        assert isinstance(rows, StreamedResult)
        assert rows.keys() == ("id", "name")
        assert rows.fetchone() == (1, "t0")
        assert [row.id for row in rows.fetchmany(12)] == list(range(2, 14))
        assert [len(page) for page in rows.partitions()] == [7, 5]
        assert rows.all() == []
        assert connection.execute(statement).all()[0].name == "t0"
        connection.execution_options(stream_results=True)
        with connection.execute(statement) as rows:
            assert rows.first() == (1, "t0")
        assert connection.execute(statement).scalars(1).all()[-1] == "t24"
        assert connection.execute(statement).scalar() == 1
        typed = text("SELECT id, name FROM thing").columns(thing.c.id, thing.c.name)
        assert len(connection.execute(typed).all()) == 25
        # the columns of a plain text are not known, so its rows are fetched at once
        assert len(connection.execute("SELECT id FROM thing").all()) == 25
    if database == "postgresql":
        assert any(sql.startswith("FETCH FORWARD 1000") for sql in statements.sql)


def test_a_stream_begins_and_ends_a_transaction_of_its_own(
    filled: Engine, statements: StatementLog, database: str
) -> None:
    with filled.connect() as connection:
        pages = connection.stream("SELECT id FROM thing ORDER BY id", (), 20)
        assert len(next(pages)) == 20
        assert connection.in_transaction()
        assert [len(page) for page in pages] == [5]
        assert not connection.in_transaction()
        with pytest.raises(ArgumentError, match="pages of 1 or more"):
            next(connection.stream("SELECT 1", (), 0))
        with pytest.raises(DBAPIError, match="no_such_table"):
            next(connection.stream("SELECT * FROM no_such_table", (), 1))
        assert connection.scalar("SELECT 1") == 1


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.INFO, logger="flask_uow.engine"):
        yield caplog


def test_echo_writes_statements_to_the_log(filled: Engine, log: pytest.LogCaptureFixture) -> None:
    filled.echo = True
    assert filled.echo
    with filled.connect() as connection:
        connection.execute(select(thing.c.id).where(thing.c.name == "secret"))
        with pytest.raises(DBAPIError):
            connection.execute("SELECT * FROM nowhere")
    filled.echo = False
    with filled.connect() as connection:
        connection.scalar("SELECT 7")
    assert "WHERE thing.name =" in log.text
    assert "'secret'" in log.text
    assert "SELECT * FROM nowhere () failed" in log.text
    assert "SELECT 7" not in log.text


def test_no_password_and_no_hidden_parameter_is_logged(database_uri: str, log: pytest.LogCaptureFixture) -> None:
    engine = create_engine(database_uri, echo=True, hide_parameters=True)
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(thing).values(name="hush"))
    with engine.connect() as connection, pytest.raises(DBAPIError) as caught:
        connection.execute(text("SELECT :x FROM nowhere"), {"x": "hush"})
    engine.dispose()
    assert "INSERT INTO thing" in log.text
    assert "hush" not in log.text
    assert caught.value.params == "hidden"
    password = engine.url.password
    assert not password or password not in log.text


def test_another_schema_for_the_same_tables_is_refused(engine: Engine) -> None:
    options: dict[str, Any] = {"schema_translate_map": {None: "other"}}
    with engine.connect() as connection:
        uses: list[Callable[[], object]] = [
            lambda: connection.execution_options(**options),
            lambda: engine.execution_options(**options),
            lambda: engine.update_execution_options(**options),
            lambda: create_engine(engine.url, execution_options=options),
            lambda: select(literal(1)).execution_options(**options),
            lambda: connection.execute(select(literal(1)), execution_options=options),
            lambda: Session(engine).execute(select(literal(1)), execution_options=options),
        ]
        for use in uses:
            with pytest.raises(ArgumentError, match="search_path"):
                use()


def test_transactions_are_read_only_and_deferrable_by_options(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execution_options(
            isolation_level="SERIALIZABLE", postgresql_readonly=True, postgresql_deferrable=True
        )
        if engine.dialect.name == "sqlite":
            assert connection.scalar(text("SELECT 1")) == 1
            return
        for _ in range(2):
            assert connection.scalar(text("SHOW transaction_read_only")) == "on"
            assert connection.scalar(text("SHOW transaction_deferrable")) == "on"
            connection.commit()
        connection.execution_options(postgresql_readonly=False, postgresql_deferrable=False)
        assert connection.scalar(text("SHOW transaction_read_only")) == "off"
