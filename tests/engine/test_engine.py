"""Engine: options, connections, listeners, SQLite in memory."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow.engine import Engine, StatementEvent, create_engine
from flask_uow.exc import ArgumentError, DataError, NotSupportedError, OperationalError
from flask_uow.sql.types import DateTime, Float, Integer, Numeric, String
from flask_uow.sql.types.named import CHAR
from tests.statements import StatementLog


@pytest.fixture
def memory() -> Iterator[Engine]:
    engine = create_engine("sqlite://")
    yield engine
    engine.dispose()


def test_nothing_is_connected_before_the_first_use(tmp_path: Any) -> None:
    path = tmp_path / "lazy.db"
    engine = create_engine(f"sqlite:///{path}")
    create_engine("postgresql://nobody@127.0.0.1:1/nothing")
    assert not path.exists()
    with engine.connect():
        assert path.exists()
    engine.dispose()


def test_an_unknown_option_gets_a_hint() -> None:
    with pytest.raises(ArgumentError, match=r"no option 'pool_sise'.*Did you mean 'pool_size'"):
        create_engine("sqlite://", pool_sise=3)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgre://ed:hunter2@localhost/x", "Did you mean 'postgresql'"),
        ("mysql://ed:hunter2@localhost/x", "no dialect 'mysql': expected one of postgresql, sqlite"),
        ("postgresql+asyncpg://ed:hunter2@localhost/x", "expected psycopg2"),
        ("sqlite+aiosqlite:///x", "not supported for SQLite"),
        ("sqlite:///x?timeot=3", "Did you mean 'timeout'"),
        ("sqlite:///x?timeout=soon", "expected seconds"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_its_password(url: str, said: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        create_engine(url)
    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_missing_driver_is_named_together_with_the_extra_to_install() -> None:
    code = """
import sys
sys.modules["psycopg2"] = None
from flask_uow.engine import create_engine
create_engine("sqlite://")
try:
    create_engine("postgresql://localhost/x")
except Exception as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("ArgumentError the driver psycopg2 is not installed")
    assert 'pip install "flask_uow[psycopg2-binary]"' in done.stdout


def test_using_sqlite_imports_no_driver_of_another_database_and_no_flask() -> None:
    code = """
import sys
from flask_uow.engine import create_engine
with create_engine("sqlite://").connect() as connection:
    connection.scalar("SELECT 1")
print(sorted({"psycopg2", "flask", "sqlalchemy"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_engine_can_be_used_again_after_dispose(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.scalar("SELECT 1")
    engine.dispose()
    with engine.connect() as connection:
        assert connection.scalar("SELECT 1") == 1


def test_an_engine_and_its_connections_print_without_a_password() -> None:
    assert repr(create_engine("postgresql://ed:hunter2@localhost/x")) == "Engine(postgresql://ed:***@localhost/x)"
    engine = create_engine("sqlite://")
    connection = engine.connect()
    assert repr(connection) == "<Connection to sqlite://>"
    connection.close()
    assert repr(connection) == "<Connection to sqlite://, closed>"
    engine.dispose()


def test_statements_of_one_shape_are_compiled_once(engine: Engine) -> None:
    with engine.connect() as connection:
        for number in range(3):
            assert connection.scalar("SELECT :n", {"n": str(number)}) == str(number)
    assert len(engine.compiled_cache) == 1


def test_the_cache_of_compiled_statements_is_bounded(engine: Engine) -> None:
    with engine.connect() as connection:
        for number in range(700):
            connection.scalar(f"SELECT {number}")
    assert 300 <= len(engine.compiled_cache) <= 500


def test_tables_are_listed_by_name(engine: Engine) -> None:
    with engine.connect() as connection:
        assert connection.table_names() == []
        for name in ("b", "a", "sqliteX"):
            connection.run(f'CREATE TABLE "{name}" (n INTEGER)')
        assert sorted(connection.table_names()) == ["a", "b", "sqliteX"]


def test_identifiers_are_quoted_where_they_must_be(engine: Engine) -> None:
    quote = engine.dialect.quote
    assert (quote("users"), quote("user_2")) == ("users", "user_2")
    assert (quote("select"), quote("Users"), quote("2x"), quote('a"b'), quote("ä")) == (
        '"select"', '"Users"', '"2x"', '"a""b"', '"ä"',
    )  # fmt: skip
    for wrong in ("", "a\x00b"):
        with pytest.raises(ArgumentError, match="cannot name a table"):
            quote(wrong)
    for word in engine.dialect.reserved_words:
        with engine.begin() as connection:
            connection.run(f"CREATE TABLE {quote(word)} ({quote(word)} INTEGER)")
            assert connection.fetch_all(f"SELECT {quote(word)}.{quote(word)} FROM {quote(word)}") == []
            connection.run(f"DROP TABLE {quote(word)}")


def test_listeners_see_every_statement_with_its_parameters_and_its_rows(engine: Engine) -> None:
    before: list[StatementEvent] = []
    after: list[StatementEvent] = []
    engine.listeners.before_execute.append(before.append)
    engine.listeners.after_execute.append(after.append)
    with engine.connect() as connection, connection.begin():
        connection.execute("CREATE TABLE numbers (n INTEGER)")
        connection.execute("INSERT INTO numbers (n) VALUES (:n)", [{"n": 1}, {"n": 2}])
        connection.fetch_all("SELECT n FROM numbers")
        connection.execute("DELETE FROM numbers WHERE n = :n", {"n": 1})
    engine.listeners.before_execute.clear()
    statements = [event for event in after if event.kind == "statement"]
    assert [event.statement.split()[0] for event in statements] == ["CREATE", "INSERT", "SELECT", "DELETE"]
    assert [event.statement for event in before] == [event.statement for event in statements]
    assert [event.executemany for event in statements] == [False, True, False, False]
    assert [event.parameters for event in statements] == [(), [(1,), (2,)], (), (1,)]
    assert [event.rowcount for event in statements][2:] == [2, 1]
    assert all(event.duration > 0 and event.engine is engine and event.error is None for event in statements)
    assert all(event.duration == 0 for event in before)
    assert [event.statement.split()[0] for event in after if event.kind == "transaction"] == ["BEGIN", "COMMIT"]


def test_listeners_see_failed_statements_with_their_error(engine: Engine) -> None:
    log = StatementLog().attach(engine)
    with engine.connect() as connection, pytest.raises(Exception, match="nowhere"):
        connection.execute("SELECT * FROM nowhere")
    log.detach()
    assert "nowhere" in str(log.events[0].error)
    assert log.events[0].rowcount == -1


def test_echo_logs_statements(caplog: pytest.LogCaptureFixture) -> None:
    engine = create_engine("sqlite://", echo=True)
    with caplog.at_level(logging.INFO, "flask_uow.engine"), engine.begin() as connection:
        connection.run("CREATE TABLE t (n INTEGER)")
        connection.execute("INSERT INTO t (n) VALUES (:n)", {"n": 5})
    engine.dispose()
    assert [message.split(" [")[0] for message in caplog.messages] == [
        "BEGIN IMMEDIATE",
        "CREATE TABLE t (n INTEGER)",
        "INSERT INTO t (n) VALUES (?) (5,)",
        "COMMIT",
    ]


def test_a_database_in_memory_is_one_for_all_connections_and_threads(memory: Engine) -> None:
    with memory.begin() as connection:
        connection.run("CREATE TABLE numbers (n INTEGER)")
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            with memory.begin() as connection:
                connection.run("INSERT INTO numbers (n) VALUES (?)", (number,))
        except Exception as error:  # noqa: BLE001 - handed to the main thread
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    with memory.connect() as one, memory.connect() as two:
        assert one.scalar("SELECT count(*) FROM numbers") == two.scalar("SELECT count(*) FROM numbers") == 8


def test_engines_in_memory_know_nothing_of_each_other(memory: Engine) -> None:
    other = create_engine("sqlite:///:memory:")
    with memory.connect() as connection:
        connection.run("CREATE TABLE numbers (n INTEGER)")
    with other.connect() as connection:
        assert connection.table_names() == []
    other.dispose()


def test_a_database_in_memory_is_gone_after_dispose(memory: Engine) -> None:
    with memory.connect() as connection:
        connection.run("CREATE TABLE numbers (n INTEGER)")
    memory.dispose()
    with memory.connect() as connection:
        assert connection.table_names() == []


def test_a_sqlite_connection_is_set_up(tmp_path: Any) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'new.db'}?timeout=2")
    with engine.connect() as connection:
        assert connection.scalar("PRAGMA journal_mode") == "wal"
        assert connection.scalar("PRAGMA foreign_keys") == 1
        assert connection.scalar("PRAGMA busy_timeout") == 2000
        # a second one at the same time finds the file in WAL mode
        with engine.connect() as other:
            assert other.scalar("PRAGMA journal_mode") == "wal"
    engine.dispose()
    read_only = create_engine(f"sqlite:///{tmp_path / 'new.db'}?mode=ro")
    with read_only.connect() as connection, pytest.raises(OperationalError, match="readonly"):
        connection.run("CREATE TABLE t (n INTEGER)")
    read_only.dispose()
    by_uri = create_engine(f"sqlite:///file:{tmp_path / 'new.db'}?mode=ro&uri=true")
    with by_uri.connect() as connection:
        assert connection.table_names() == []
    by_uri.dispose()


def test_an_old_sqlite_is_refused_with_the_version_that_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sqlite3.sqlite_version_info", (3, 34, 1))
    with pytest.raises(NotSupportedError, match=r"3\.36\.0 or newer is needed"):
        create_engine("sqlite://").connect()
    with pytest.raises(NotSupportedError, match=r"3\.35\.0 or newer is needed"):
        create_engine("sqlite:///x.db").connect()


def test_a_postgresql_connection_is_in_utc_and_changes_no_other(postgresql_uri: str) -> None:
    import_of_others = __import__("psycopg2")
    engine = create_engine(postgresql_uri)
    with engine.connect() as connection:
        assert connection.scalar("SHOW TimeZone") == "UTC"
        assert type(connection.scalar("SELECT gen_random_uuid()")).__name__ == "UUID"
        assert connection.scalar("SELECT '\\x00ff'::bytea") == b"\x00\xff"
        assert connection.scalar("SELECT '{\"a\": 1}'::jsonb") == {"a": 1}
    engine.dispose()
    raw = import_of_others.connect(postgresql_uri)
    with raw.cursor() as cursor:
        cursor.execute("SELECT gen_random_uuid()")
        assert type(cursor.fetchone()[0]) is str
    raw.close()


def test_a_percent_sign_is_only_a_percent_sign(engine: Engine) -> None:
    with engine.connect() as connection:
        assert connection.scalar("SELECT '100%'") == "100%"
        assert connection.scalar("SELECT :a || '%s %(x)s'", {"a": "%d"}) == "%d%s %(x)s"


def test_a_ping_replaces_connections_that_the_server_has_ended(
    postgresql_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = create_engine(postgresql_uri, pool_pre_ping=True)
    with engine.connect() as connection, engine.connect() as other:
        pid = connection.scalar("SELECT pg_backend_pid()")
        other_pid = other.scalar("SELECT pg_backend_pid()")
    with create_engine(postgresql_uri).connect() as killer:
        killer.scalar("SELECT pg_terminate_backend(:pid, 10000)", {"pid": pid})
    monkeypatch.setattr(engine.pool, "_ping_after", 0.0)
    with engine.connect() as first, engine.connect() as second:
        found = {first.scalar("SELECT pg_backend_pid()"), second.scalar("SELECT pg_backend_pid()")}
    assert pid not in found
    assert other_pid in found
    engine.dispose()


def test_a_connection_that_comes_back_within_a_transaction_of_its_users_own_is_rolled_back(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.run("CREATE TABLE numbers (n INTEGER)")
        connection.run("BEGIN")
        connection.run("INSERT INTO numbers (n) VALUES (1)")
    with engine.connect() as connection:
        assert not engine.dialect.in_transaction(connection._record.raw)  # type: ignore[union-attr]
        assert connection.scalar("SELECT count(*) FROM numbers") == 0


def test_a_connection_that_died_while_idle_in_a_transaction_does_not_come_back(postgresql_uri: str) -> None:
    engine = create_engine(postgresql_uri)
    connection = engine.connect()
    record = connection._record
    assert record is not None
    connection.run("BEGIN")
    with create_engine(postgresql_uri).connect() as killer:
        killer.scalar("SELECT pg_terminate_backend(:pid, 10000)", {"pid": record.raw.info.backend_pid})
    connection.close()
    with engine.connect() as connection:
        assert connection._record is not record
        assert connection.scalar("SELECT 1") == 1
    engine.dispose()


def test_a_sqlite_connection_closed_behind_our_back_is_replaced(tmp_path: Any) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'x.db'}")
    connection = engine.connect()
    record = connection._record
    assert record is not None
    record.raw.close()
    with pytest.raises(Exception, match="closed database") as caught:
        connection.scalar("SELECT 1")
    assert getattr(caught.value, "connection_invalidated", False)
    connection.close()
    with engine.connect() as connection:
        assert connection.scalar("SELECT 1") == 1
    engine.dispose()


def test_switching_a_file_to_wal_waits_for_another_program_and_then_gives_up(tmp_path: Any) -> None:
    path = tmp_path / "busy.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("CREATE TABLE t (n INTEGER)")
    other.execute("BEGIN EXCLUSIVE")
    engine = create_engine(f"sqlite:///{path}?timeout=0.02")
    with (
        engine.connect() as connection,
        pytest.raises(OperationalError, match=r"locked.*\n*.*time-out of 0\.02 seconds"),
    ):
        connection.execute("SELECT n FROM t")
    engine.dispose()
    other.execute("COMMIT")
    other.close()
    with engine.connect() as connection:
        assert connection.scalar("PRAGMA journal_mode") == "wal"
    engine.dispose()


def test_rows_that_cannot_be_converted_are_data_errors(postgresql_uri: str) -> None:
    engine = create_engine(postgresql_uri)
    with engine.connect() as connection, pytest.raises(DataError):
        connection.execute("SELECT '0044-03-15 BC'::timestamp")
    engine.dispose()


def test_types_are_written_in_the_databases_own_words(engine: Engine) -> None:
    written = [
        engine.dialect.type_ddl(type_) for type_ in (Numeric(5), Numeric(), String(), String(5), CHAR(2), Float(24))
    ]
    casts = [engine.dialect.cast_name(type_) for type_ in (String(5), CHAR(2), Integer(), DateTime(timezone=True))]
    if engine.dialect.exact_decimal_text:
        assert written == [
            "DECIMAL_TEXT(5)",
            "DECIMAL_TEXT",
            "VARCHAR",
            "VARCHAR(5)",
            "CHAR(2)",
            "FLOAT(24)",
        ]
        assert casts == ["TEXT", "TEXT", "INTEGER", "TEXT"]
    else:
        assert written == ["NUMERIC(5)", "NUMERIC", "VARCHAR", "VARCHAR(5)", "CHAR(2)", "FLOAT(24)"]
        assert casts == ["varchar", "bpchar", "integer", "timestamp with time zone"]
