"""What statements leave in the session of a connection does not reach its next user, nor do values depend on it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_uow import (
    ARRAY,
    JSON,
    Column,
    Date,
    DateTime,
    Engine,
    Float,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    Table,
    create_engine,
    event,
    func,
    insert,
    select,
)
from flask_uow.engine import Connection
from flask_uow.engine.marks import MAY_WRITE
from tests.postgresql import execute
from tests.statements import StatementLog

VALUES = {
    "length": dt.timedelta(days=-2, hours=5, minutes=45, microseconds=7),
    "start": dt.datetime(2025, 6, 4, 22, 1, 2, 300, tzinfo=dt.UTC),
    "day": dt.date(2025, 6, 4),
    "naive": dt.datetime(2025, 6, 4, 22),
    "factor": 0.7 + 0.1,
    "data": b"\x00\\\xff'",
}
FORMATS = {
    "intervalstyle": ["sql_standard", "iso_8601", "postgres_verbose"],
    "datestyle": ["SQL, DMY", "German", "Postgres, MDY"],
    "extra_float_digits": ["0", "-3"],
    "TimeZone": ["Asia/Kathmandu"],
    "bytea_output": ["escape"],
}
CASES = [pytest.param(name, value, id=f"{name}={value}") for name, values in FORMATS.items() for value in values]
formats = pytest.mark.parametrize(("name", "value"), CASES)


@pytest.fixture
def one(postgresql_uri: str) -> Iterator[Engine]:
    """An engine with one connection at most."""
    engine = create_engine(postgresql_uri, pool_size=1, max_overflow=0, pool_timeout=5)
    yield engine
    engine.dispose()


@pytest.fixture
def shifts(one: Engine) -> Iterator[Table]:
    table = Table(
        "shift",
        MetaData(),
        Column("id", Integer, primary_key=True),
        Column("length", Interval),
        Column("start", DateTime(timezone=True)),
        Column("day", Date),
        Column("naive", DateTime),
        Column("factor", Float),
        Column("data", LargeBinary),
    )
    table.metadata.create_all(one)
    with one.begin() as connection:
        connection.execute(insert(table).values(**VALUES))
    yield table
    table.metadata.drop_all(one)


def read(connection: Connection, table: Table) -> dict[str, object]:
    row = connection.execute(select(*(table.c[name] for name in VALUES))).one()
    return dict(zip(VALUES, row, strict=True))


@pytest.fixture
def default(postgresql_uri: str) -> Iterator[Callable[[str, str], None]]:
    """Changes a default of the database until the end of the test."""
    changed: list[str] = []
    database = execute(postgresql_uri, "SELECT current_database()")[0][0]

    def change(name: str, value: str) -> None:
        changed.append(name)
        execute(postgresql_uri, f"ALTER DATABASE {database} SET {name} = '{value}'")

    yield change
    for name in changed:
        execute(postgresql_uri, f"ALTER DATABASE {database} RESET {name}")


@formats
def test_values_are_read_right_whatever_the_database_sets(
    one: Engine, shifts: Table, default: Callable[[str, str], None], name: str, value: str
) -> None:
    default(name, value)
    one.dispose()
    with one.connect() as connection:
        assert read(connection, shifts) == VALUES
    with one.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        assert read(connection, shifts) == VALUES
        for cleaning in ("RESET ALL", "DISCARD ALL"):
            connection.execute(cleaning)
            assert read(connection, shifts) == VALUES
        with connection.begin():
            assert read(connection, shifts) == VALUES
    with one.begin() as connection:
        assert read(connection, shifts) == VALUES


LISTS = Table(
    "lists",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("lengths", ARRAY(Interval)),
    Column("starts", ARRAY(DateTime(timezone=True))),
    Column("days", ARRAY(Date)),
    Column("factors", ARRAY(Float)),
    Column("data", ARRAY(LargeBinary)),
    Column("document", JSON),
)
LISTED = {
    "lengths": [VALUES["length"]],
    "starts": [VALUES["start"], None],
    "days": [VALUES["day"]],
    "factors": [VALUES["factor"], -0.1],
    "data": [VALUES["data"]],
    "document": {"a\\": "\\n'"},
}


@formats
@pytest.mark.parametrize("level", [None, "AUTOCOMMIT"])
def test_lists_of_values_are_read_right_whatever_the_role_sets(
    postgresql_uri: str, name: str, value: str, level: str | None
) -> None:
    role = execute(postgresql_uri, "SELECT current_user")[0][0]
    execute(postgresql_uri, f"ALTER ROLE {role} SET {name} = '{value}'")
    try:
        engine = create_engine(postgresql_uri, isolation_level=level)
        LISTS.create(engine)
        with engine.connect() as connection:
            connection.execute(insert(LISTS).values(**LISTED))
            row = connection.execute(select(*(LISTS.c[name] for name in LISTED))).one()
            assert dict(zip(LISTED, row, strict=True)) == LISTED
            connection.commit()
        engine.dispose()
    finally:
        execute(postgresql_uri, f"ALTER ROLE {role} RESET {name}")


@formats
def test_a_prepared_statement_outside_of_a_transaction_returns_right_values(
    one: Engine, shifts: Table, default: Callable[[str, str], None], name: str, value: str
) -> None:
    default(name, value)
    one.dispose()
    with one.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.run(f"PREPARE look AS SELECT {', '.join(VALUES)} FROM shift", write=False)
        assert connection.fetch_all("EXECUTE look") == connection.fetch_all(f"SELECT {', '.join(VALUES)} FROM shift")


@formats
@pytest.mark.parametrize(
    "statement",
    [
        "SET {name} = '{value}'",
        "SET LOCAL {name} TO '{value}'",
        "SELECT set_config('{name}', '{value}', false)",
        "RESET ALL",
    ],
)
def test_values_are_read_right_in_the_transaction_that_changes_the_format(
    one: Engine, shifts: Table, default: Callable[[str, str], None], name: str, value: str, statement: str
) -> None:
    default(name, value)
    one.dispose()
    with one.begin() as connection:
        connection.execute(statement.format(name=name, value=value))
        assert read(connection, shifts) == VALUES
        assert [next(page)[0][0] for page in [connection.stream("SELECT factor FROM shift")]] == [VALUES["factor"]]


def test_texts_with_backslashes_arrive_where_the_server_has_another_way_of_quoting(
    one: Engine, default: Callable[[str, str], None]
) -> None:
    default("standard_conforming_strings", "off")
    one.dispose()
    for value in ("a\\b", "\\", "'\\'", "\\n"):
        with one.connect() as connection:
            assert connection.fetch_all("SELECT %s", (value,)) == [(value,)]
            assert connection.fetch_all(r"SELECT 'a\b'") == [("a\\b",)]
            connection.run("RESET ALL", write=False)
            assert connection.fetch_all("SELECT %s, %s", (value, b"\x00\\")) == [(value, b"\x00\\")]


CHANGES = {
    "SET search_path TO pg_catalog": "SHOW search_path",
    "SET statement_timeout = '5s'": "SHOW statement_timeout",
    "SET SESSION work_mem = '3MB'": "SHOW work_mem",
    "/* for later */ SET application_name = 'other'": "SHOW application_name",
    "-- for later\nset role pg_monitor": "SELECT current_user",
    "SET SESSION AUTHORIZATION pg_monitor": "SELECT session_user",
    "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE": "SHOW transaction_isolation",
    "SELECT 1; SET app.customer = '12'": "SELECT coalesce(current_setting('app.customer', true), '')",
    "SELECT set_config('work_mem', '3MB', false)": "SHOW work_mem",
    "DO $$ BEGIN PERFORM set_config('work_mem', '3MB', false); END $$": "SHOW work_mem",
    "CREATE TEMP TABLE left_over (id int)": "SELECT count(*) FROM pg_class WHERE relname = 'left_over'",
    "CREATE TABLE pg_temp.left_over (id int)": "SELECT count(*) FROM pg_class WHERE relname = 'left_over'",
    "SELECT 1 AS id INTO TEMPORARY left_over": "SELECT count(*) FROM pg_class WHERE relname = 'left_over'",
    "CREATE OR REPLACE TEMPORARY VIEW left_over AS SELECT 1": "SELECT count(*) FROM pg_class WHERE relname = 'left_over'",
    "SELECT pg_advisory_lock(5)": "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'",
    "SELECT pg_try_advisory_lock_shared(5, 6)": "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'",
    "SET /* for later */ work_mem = '3MB'": "SHOW work_mem",
    "SET --LOCAL\n work_mem = '3MB'": "SHOW work_mem",
    "SELECT 'a -- b'; SET work_mem = '3MB'": "SHOW work_mem",
    "UPDATE pg_catalog.pg_settings SET setting = '3072' WHERE name = 'work_mem'": "SHOW work_mem",
    'CREATE TABLE "pg_temp".left_over (id int)': "SELECT count(*) FROM pg_class WHERE relname = 'left_over'",
    "LISTEN news": "SELECT count(*) FROM pg_listening_channels()",
    "PREPARE look AS SELECT 1": "SELECT count(*) FROM pg_prepared_statements",
    "DECLARE rest CURSOR WITH HOLD FOR SELECT 1": "SELECT count(*) FROM pg_cursors",
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_statement_sets_does_not_reach_the_next_user(one: Engine, change: str) -> None:
    with one.connect() as connection:
        before = connection.fetch_all(CHANGES[change])
        pid = connection.scalar("SELECT pg_backend_pid()")
    with one.begin() as connection:
        connection.execute(change)
    with one.connect() as connection:
        assert connection.fetch_all(CHANGES[change]) == before
        assert connection.scalar("SELECT pg_backend_pid()") == pid


def test_what_a_function_of_the_statement_language_sets_does_not_reach_the_next_user(one: Engine) -> None:
    with one.begin() as connection:
        connection.execute(select(func.set_config("work_mem", "3MB", False)))
        connection.execute(select(func.pg_advisory_lock(5)))
    with one.connect() as connection:
        assert connection.scalar("SHOW work_mem") == "4MB"
        assert connection.scalar("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0


def test_what_is_set_over_the_drivers_own_connection_does_not_reach_the_next_user(one: Engine) -> None:
    with one.raw_connection() as raw:
        raw.cursor().execute("SET work_mem = '3MB'")
        raw.commit()
    with one.connect() as connection:
        assert connection.scalar("SHOW work_mem") == "4MB"
        connection.connection.cursor().execute("SET work_mem = '3MB'")
        connection.commit()
    with one.connect() as connection:
        assert connection.scalar("SHOW work_mem") == "4MB"


def test_what_the_application_sets_for_each_new_connection_outlasts_a_cleaning(one: Engine) -> None:
    @event.listens_for(one, "connect")
    def set_up(raw: Any, record: Any) -> None:
        with raw.cursor() as cursor:
            cursor.execute("SET work_mem = '7MB'")

    for _ in range(2):
        with one.begin() as connection:
            assert connection.scalar("SHOW work_mem") == "7MB"
            connection.execute("SET work_mem = '3MB'")


@pytest.mark.parametrize(
    ("sql", "reads"),
    [
        ("/* news */ SELECT lower(name) FROM t -- all of it", True),
        ("SELECT nextval/**/('x')", False),
        ("SELECT write_news /* now */ (1)", False),
        ("SELECT 1 FROM t FOR/**/SHARE", False),
        ("SELECT '--'; DELETE FROM t", False),
        ("SELECT '/*'; DELETE FROM t; SELECT '*/'", False),
    ],
)
def test_comments_do_not_hide_that_a_query_writes(one: Engine, sql: str, reads: bool) -> None:
    assert one.dialect.only_reads(sql) == reads


QUIET = [
    "SELECT 'temp' AS temp",
    "SET LOCAL work_mem = '3MB'",
    "SET CONSTRAINTS ALL DEFERRED",
    "SELECT set_config('work_mem', '3MB', true)",
    "SELECT pg_advisory_xact_lock(5)",
    "CREATE TABLE settings (set int, reset int)",
    "UPDATE settings SET set = 1, reset = 2",
    "INSERT INTO settings SELECT 1, 2",
    "DROP TABLE settings",
]


def test_a_connection_on_which_nothing_was_set_is_not_cleaned(one: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    cleaned: list[str] = []
    monkeypatch.setattr(one.pool._connector, "clean", lambda raw: bool(cleaned.append("it was")) or True)
    for statement in QUIET:
        with one.begin() as connection:
            connection.execute(statement)
    with one.begin() as connection:
        connection.execute(select(func.set_config("work_mem", "3MB", True)))
    assert cleaned == []
    with one.begin() as connection:
        connection.execute("SET work_mem = '3MB'")
    assert cleaned == ["it was"]


def first_query(engine: Engine) -> bytes:
    """What a transaction sends with its first statement."""
    with engine.begin() as connection:
        query: bytes = connection.cursor_execute("SELECT 1", write=False).query
        return query


def test_a_session_that_is_our_own_has_the_settings_once(one: Engine) -> None:
    statements = StatementLog().attach(one)
    assert first_query(one) == first_query(one) == b"BEGIN;\nSELECT 1"
    assert statements.transactions == ["BEGIN", "COMMIT"] * 2
    statements.detach()


def test_writing_rows_leaves_the_settings_of_a_session_as_they_are(one: Engine, shifts: Table) -> None:
    row = dict(VALUES)
    # the connection that has created the table has not kept them
    one.dispose()
    with one.begin() as connection:
        writer, key = connection.dialect.batch, shifts.c.id
        columns = [shifts.c[name] for name in row]
        for rows in (1, 3):
            values = [[value] * rows for value in row.values()]
            keys = writer.insert(connection, shifts, columns, values, generated_key=key)
            assert keys is not None
            writer.update(connection, shifts, [key], [keys], columns, values)
            writer.delete(connection, shifts, [key], [keys])
        connection.execute(insert(shifts), [row, row])
        connection.execute('INSERT INTO public . "shift" (factor) VALUES (1.5)')
    assert first_query(one) == b"BEGIN;\nSELECT 1"


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO shift (factor) SELECT length(few_digits())",
        "INSERT INTO shift SELECT length(few_digits())",
        "SELECT 1 AS few, few_digits() AS few_digits",
        "/* INSERT INTO */ SELECT 1 /* AS */, few_digits ()",
        "WITH few AS (SELECT few_digits()) SELECT * FROM few",
        "EXPLAIN ANALYZE INSERT INTO shift (factor) VALUES (1)",
        "SELECT 'AS' , \"few_digits\" ()",
    ],
)
def test_what_may_write_unseen_is_noticed(one: Engine, sql: str) -> None:
    with one.connect() as connection:
        assert connection.dialect.marks(sql) == MAY_WRITE


def test_settings_and_begin_cost_no_round_trip_where_others_set_something(
    postgresql_uri: str, one: Engine, shifts: Table
) -> None:
    execute(
        postgresql_uri,
        "CREATE FUNCTION few_digits() RETURNS text LANGUAGE sql AS $$ SELECT set_config('extra_float_digits', '-3', false) $$",
    )
    with one.begin() as connection:
        connection.execute("SELECT few_digits()")
    statements = StatementLog().attach(one)
    assert first_query(one).startswith(b"BEGIN; SET LOCAL ")
    assert statements.transactions == ["BEGIN", "COMMIT"]
    statements.detach()
    with one.begin() as connection:
        assert read(connection, shifts) == VALUES
        connection.execute("DROP FUNCTION few_digits()")


def uses_until_settled(engine: Engine, most: int = 100) -> int:
    """How many transactions make settings of their own before one finds them made."""
    for number in range(most):
        if first_query(engine) == b"BEGIN;\nSELECT 1":
            return number
    return most


UNSETTLING = {
    "tables": lambda engine, shifts: shifts.metadata.create_all(engine, checkfirst=False),
    "function": lambda engine, shifts: first_scalar(engine, "SELECT few_digits()"),
    "setting": lambda engine, shifts: first_scalar(engine, "SET extra_float_digits = -3"),
    "driver": lambda engine, shifts: engine.raw_connection().close(),
}


def first_scalar(engine: Engine, sql: str) -> None:
    with engine.begin() as connection:
        connection.execute(sql)


@pytest.fixture
def few_digits(postgresql_uri: str) -> None:
    """A function that sets something for the session, of which its text says nothing."""
    execute(
        postgresql_uri,
        "CREATE FUNCTION few_digits() RETURNS text LANGUAGE sql AS $$ SELECT set_config('extra_float_digits', '-3', false) $$",
    )


@pytest.mark.parametrize("how", UNSETTLING)
def test_a_session_of_which_nothing_is_known_is_given_the_settings_again_after_some_quiet_uses(
    one: Engine, few_digits: None, how: str
) -> None:
    others = Table("other", MetaData(), Column("id", Integer, primary_key=True), Column("factor", Float))
    assert uses_until_settled(one) == 0
    UNSETTLING[how](one, others)
    assert 0 < uses_until_settled(one) < 10
    assert uses_until_settled(one) == 0
    with one.begin() as connection:
        assert connection.scalar("SELECT 0.7::float8 + 0.1::float8") == 0.7 + 0.1


def test_a_session_that_loses_its_settings_again_and_again_is_seldom_given_them(one: Engine, few_digits: None) -> None:
    waits = []
    for _ in range(4):
        UNSETTLING["function"](one, None)
        waits.append(uses_until_settled(one))
    assert waits == sorted(set(waits))
    # between two calls there are too few uses
    statements: list[str] = []
    settle = one.pool._connector.settle
    one.pool._connector.settle = lambda raw: bool(statements.append("settled")) or settle(raw)  # type: ignore[method-assign]
    for _ in range(20):
        UNSETTLING["function"](one, None)
        first_query(one)
    assert statements == []


def test_a_session_that_is_not_our_own_is_never_given_settings(
    one: Engine, few_digits: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one.pool._connector, "settle", lambda raw: False)
    UNSETTLING["function"](one, None)
    assert uses_until_settled(one, 30) == 30


@pytest.mark.parametrize("name", ["datestyle", "intervalstyle", "timezone"])
def test_a_trigger_that_sets_something_for_the_session_is_noticed(
    postgresql_uri: str, one: Engine, shifts: Table, name: str
) -> None:
    value = {"datestyle": "German", "intervalstyle": "iso_8601", "timezone": "Asia/Tokyo"}[name]
    execute(
        postgresql_uri,
        "CREATE FUNCTION on_write() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN PERFORM set_config('{name}', '{value}', false); RETURN NEW; END $$;"
        " CREATE TRIGGER written BEFORE INSERT ON shift FOR EACH ROW EXECUTE FUNCTION on_write()",
    )
    with one.begin() as connection:
        connection.execute(insert(shifts).values(**VALUES))
    with one.begin() as connection:
        for row in connection.execute(select(*(shifts.c[name] for name in VALUES))):
            assert tuple(row) == tuple(VALUES.values())
        connection.execute("DROP FUNCTION on_write CASCADE")


def test_who_uses_the_connection_of_the_driver_has_none_of_our_settings(
    one: Engine, shifts: Table, default: Callable[[str, str], None]
) -> None:
    default("intervalstyle", "iso_8601")
    one.dispose()
    assert first_query(one) == b"BEGIN;\nSELECT 1"
    raw = one.raw_connection()
    cursor = raw.cursor()
    cursor.execute("SHOW intervalstyle")
    assert cursor.fetchone() == ("iso_8601",)
    raw.close()
    with one.begin() as connection:
        assert read(connection, shifts) == VALUES


def test_a_connection_whose_listener_sets_something_makes_the_settings_with_each_transaction(
    one: Engine, shifts: Table
) -> None:
    @event.listens_for(one, "connect")
    def on_connect(raw: Any, record: object) -> None:
        with raw.cursor() as cursor:
            cursor.execute("SET extra_float_digits = -3")

    for _ in range(2):
        with one.begin() as connection:
            assert read(connection, shifts) == VALUES


def test_a_pool_can_clean_always_or_never(postgresql_uri: str) -> None:
    setter = "CREATE FUNCTION hidden() RETURNS text LANGUAGE sql AS $$ SELECT set_config('work_mem', '3MB', false) $$"
    shown = {}
    for clean in ("always", "never"):
        engine = create_engine(postgresql_uri, pool_size=1, max_overflow=0, pool_clean=clean)
        with engine.begin() as connection:
            connection.execute(setter)
        with engine.begin() as connection:
            connection.execute("SELECT hidden()")
        with engine.begin() as connection:
            shown[clean] = connection.scalar("SHOW work_mem")
            connection.execute("DROP FUNCTION hidden()")
        engine.dispose()
    assert shown == {"always": "4MB", "never": "3MB"}


SQLITE_CHANGES = {
    "PRAGMA foreign_keys = OFF": "PRAGMA foreign_keys",
    "PRAGMA foreign_keys(0)": "PRAGMA foreign_keys",
    "pragma main.query_only=1": "PRAGMA query_only",
    "PRAGMA busy_timeout = 17": "PRAGMA busy_timeout",
    "PRAGMA recursive_triggers = ON": "PRAGMA recursive_triggers",
    "/* aside */ ATTACH ':memory:' AS side": "SELECT count(*) FROM pragma_database_list WHERE name = 'side'",
    "CREATE TEMP TABLE left_over (id int)": "SELECT count(*) FROM sqlite_temp_master",
    "CREATE TEMPORARY VIEW left_over AS SELECT 1": "SELECT count(*) FROM sqlite_temp_master",
    "CREATE TABLE temp.left_over (id int)": "SELECT count(*) FROM sqlite_temp_master",
    'CREATE TABLE "temp".left_over (id int)': "SELECT count(*) FROM sqlite_temp_master",
    "CREATE TABLE [temp] . left_over (id int)": "SELECT count(*) FROM sqlite_temp_master",
    "CREATE /* aside */ TEMP TABLE left_over (id int)": "SELECT count(*) FROM sqlite_temp_master",
    'PRAGMA "foreign_keys" = 0': "PRAGMA foreign_keys",
    "PRAGMA main.[foreign_keys] /* off */ = 0": "PRAGMA foreign_keys",
    "PRAGMA defer_foreign_keys = ON": "PRAGMA defer_foreign_keys",
}


@pytest.fixture
def sqlite_uri(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'test.db'}"


@pytest.mark.parametrize("place", ["file", "memory"])
@pytest.mark.parametrize("change", SQLITE_CHANGES)
def test_what_a_statement_sets_on_sqlite_does_not_reach_the_next_user(sqlite_uri: str, change: str, place: str) -> None:
    engine = create_engine(sqlite_uri if place == "file" else "sqlite://", pool_size=1, max_overflow=0)
    with engine.connect() as connection:
        connection.run("CREATE TABLE kept (id int)")
        before = connection.fetch_all(SQLITE_CHANGES[change])
    with engine.connect() as connection:
        connection.run(change, write=False)
    with engine.connect() as connection:
        assert connection.fetch_all(SQLITE_CHANGES[change]) == before
        assert connection.fetch_all("SELECT count(*) FROM kept") == [(0,)]
    engine.dispose()


def test_a_sqlite_connection_that_was_only_asked_is_kept(sqlite_uri: str) -> None:
    engine = create_engine(sqlite_uri, pool_size=1, max_overflow=0)
    with engine.connect() as connection:
        kept = connection._record.raw  # type: ignore[union-attr]
        for statement in (
            "PRAGMA table_info('x')",
            "PRAGMA foreign_keys",
            "PRAGMA wal_checkpoint(TRUNCATE)",
            "SELECT 1 AS temp",
        ):
            connection.fetch_all(statement)
    with engine.connect() as connection:
        assert connection._record.raw is kept  # type: ignore[union-attr]
    engine.dispose()
