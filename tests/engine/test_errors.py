"""Driver errors become errors of ours, with the statement, the parameters and the cause."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flask_uow import exc
from flask_uow.engine import Connection, Engine, create_engine
from flask_uow.engine.dbapi_errors import translate
from flask_uow.sql.constructors import bindparam
from flask_uow.sql.dml import Delete
from flask_uow.sql.schema import Column, MetaData, Table
from flask_uow.sql.types import Integer


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        connection.run("CREATE TABLE numbers (n INTEGER PRIMARY KEY, name VARCHAR(5) NOT NULL)")
        connection.run("INSERT INTO numbers (n, name) VALUES (1, 'one')")
        yield connection


@pytest.mark.parametrize(
    ("sql", "parameters", "expected"),
    [
        ("INSERT INTO numbers (n, name) VALUES (:n, :name)", {"n": 1, "name": "again"}, exc.IntegrityError),
        ("INSERT INTO numbers (n, name) VALUES (:n, :name)", {"n": 2, "name": None}, exc.IntegrityError),
        ("SELEKT 1", None, (exc.ProgrammingError, exc.OperationalError)),
        ("SELECT * FROM nowhere", None, (exc.ProgrammingError, exc.OperationalError)),
    ],
)
def test_an_error_of_the_database_is_translated(
    connection: Connection, sql: str, parameters: Any, expected: Any
) -> None:
    with pytest.raises(expected) as caught:
        connection.execute(sql, parameters)
    error = caught.value
    assert error.__cause__ is error.orig
    assert type(error.orig).__module__ in ("sqlite3", "psycopg2.errors", "psycopg2")
    assert error.statement is not None
    assert error.statement.split()[0] == sql.split()[0]
    assert "[SQL: " in str(error)
    assert not error.connection_invalidated
    assert error.params == (tuple(parameters.values()) if parameters else ())


def test_every_way_to_send_a_statement_translates(connection: Connection) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: connection.fetch_all("SELECT * FROM nowhere"),
        lambda: connection.run("DELETE FROM nowhere"),
        lambda: connection.run_many("DELETE FROM nowhere", [(), ()]),
        lambda: connection.cursor_execute("SELECT * FROM nowhere", write=False),
        lambda: connection.run_transaction_sql("ROLLBACK TO SAVEPOINT nowhere"),
    ]
    for call in calls:
        with pytest.raises((exc.ProgrammingError, exc.OperationalError, exc.InternalError)):
            call()


def test_parameters_that_a_driver_cannot_send_are_programming_errors(connection: Connection) -> None:
    mark = connection.dialect.placeholder
    with pytest.raises(exc.ProgrammingError):
        connection.fetch_all(f"SELECT {mark}", (object(),))
    with pytest.raises(exc.ProgrammingError):
        connection.fetch_all(f"SELECT {mark}, {mark}", (1,))
    with pytest.raises(exc.ProgrammingError):
        connection.fetch_all(f"SELECT {mark}", (1, 2))


def test_values_that_a_driver_cannot_convert_are_data_errors(connection: Connection) -> None:
    mark = connection.dialect.placeholder
    with pytest.raises(exc.DataError):
        connection.fetch_all(f"SELECT {mark}", ("\ud800",))
    if connection.dialect.exact_decimal_text:
        with pytest.raises(exc.DataError):
            connection.fetch_all(f"SELECT {mark}", (2**70,))
    else:
        with pytest.raises(exc.DataError):
            connection.fetch_all("SELECT '0044-03-15 BC'::timestamp")
        with pytest.raises(exc.DataError):
            connection.run("INSERT INTO numbers (n, name) VALUES (2, 'longer than five')")


def test_a_failed_statement_can_be_shown_and_pickled(connection: Connection) -> None:
    with pytest.raises(exc.IntegrityError) as caught:
        connection.execute("INSERT INTO numbers (n, name) VALUES (:n, :name)", {"n": 1, "name": "x"})
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is exc.IntegrityError
    assert again.statement == caught.value.statement
    assert again.orig is None


def test_errors_are_told_apart_by_the_names_of_pep_249() -> None:
    class Error(Exception):
        pass

    class IntegrityError(Error):
        pass

    class UniqueViolation(IntegrityError):
        pass

    assert type(translate(UniqueViolation("twice"), "INSERT", ())) is exc.IntegrityError
    assert type(translate(Error("what"), None, None)) is exc.InterfaceError
    assert type(translate(OverflowError("big"), None, None)) is exc.DataError
    assert type(translate(IndexError("few"), None, None)) is exc.ProgrammingError
    made = exc.DataError("already ours")
    assert translate(made, None, None) is made
    assert str(translate(Error(), None, None)) == "Error"


def test_an_unreachable_server_is_an_operational_error_without_a_password() -> None:
    engine = create_engine("postgresql://ed:hunter2@127.0.0.1:1/blog?connect_timeout=2")
    with pytest.raises(exc.OperationalError, match=r"cannot connect to postgresql://ed:\*\*\*@127") as caught:
        engine.connect()
    assert "hunter2" not in str(caught.value)
    assert engine.pool.checked_out() == 0


def test_an_option_of_a_url_that_libpq_does_not_know_is_refused_before_it_connects() -> None:
    with pytest.raises(exc.ArgumentError, match=r"unknown option 'nonsense'.*libpq"):
        create_engine("postgresql://ed:hunter2@localhost/blog?connect_timeout=2&nonsense=hunter2")


def test_a_connect_argument_that_the_driver_does_not_know_names_the_database() -> None:
    with pytest.raises(exc.ProgrammingError, match=r"cannot connect to postgresql://.*nonsense"):
        create_engine("postgresql://localhost/blog", connect_args={"nonsense": "1"}).connect()


@pytest.mark.parametrize("options", ["", "?mode=rwc"])
def test_a_file_in_a_folder_that_is_missing_is_an_operational_error_that_says_so(tmp_path: Any, options: str) -> None:
    folder = tmp_path / "missing folder"
    with pytest.raises(
        exc.OperationalError, match=r"cannot connect to sqlite:///.*its folder .* does not exist"
    ) as caught:
        create_engine(f"sqlite:///{folder / 'file.db'}{options}").connect()
    assert repr(str(folder)) in str(caught.value)


def test_a_file_that_cannot_be_opened_is_an_operational_error(tmp_path: Any) -> None:
    with pytest.raises(exc.OperationalError, match=r"cannot connect to sqlite:///.*unable to open") as caught:
        create_engine(f"sqlite:///{tmp_path}").connect()
    assert "does not exist" not in str(caught.value)


@pytest.mark.parametrize(
    "send",
    [
        lambda connection: connection.execute("SELECT * FROM nowhere"),
        lambda connection: connection.execute("INSERT INTO nowhere (n) VALUES (:n)", [{"n": 1}, {"n": 2}]),
        lambda connection: next(connection.stream("SELECT * FROM nowhere")),
    ],
)
def test_a_table_that_is_missing_is_an_error_that_says_how_tables_are_made(
    connection: Connection, send: Callable[[Connection], Any]
) -> None:
    with pytest.raises(exc.DBAPIError, match=r"nowhere[^[]*metadata\.create_all\(engine\)[^[]*\n\[SQL: ") as caught:
        send(connection)
    assert "create_all" in caught.value.args[0]


def test_a_write_lock_that_is_kept_too_long_is_an_error_that_says_what_to_do(tmp_path: Any) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'file.db'}?timeout=0.01")
    with engine.begin() as first, engine.connect() as second:
        first.execute("CREATE TABLE numbers (n INTEGER)")
        cure = r"database is locked\n.*time-out of 0\.01 seconds.*\?timeout=.*waits for itself[^[]*\n\[SQL: BEGIN IMMEDIATE"
        second.begin()
        with pytest.raises(exc.OperationalError, match=cure):
            second.execute("CREATE TABLE others (n INTEGER)")
    engine.dispose()


@pytest.mark.parametrize(
    "sql",
    ["SELECT nothing FROM numbers", "SELECT nowhere.n FROM numbers", "SELEKT 1", "SELECT nowhere(n) FROM numbers"],
)
def test_other_errors_do_not_speak_of_making_tables(connection: Connection, sql: str) -> None:
    with pytest.raises(exc.DBAPIError) as caught:
        connection.execute(sql)
    assert "create_all" not in str(caught.value)


def test_a_list_of_parameters_is_refused_for_a_statement_that_returns_rows(connection: Connection) -> None:
    table = Table("numbers", MetaData(), Column("n", Integer, primary_key=True))
    statement = Delete(table).where(table.c.n == bindparam("n")).returning(table.c.n)
    with pytest.raises(exc.InvalidRequestError, match="Pass one mapping, or drop RETURNING"):
        connection.execute(statement, [{"n": 1}, {"n": 2}])
    assert connection.execute(statement, [{"n": 1}]).all() == [(1,)]
