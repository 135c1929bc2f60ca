"""BatchWriter: many rows, few statements, and keys that surely belong to their rows."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from flask_uow.engine import Connection, Engine
from flask_uow.engine.dialects.batch import BatchWriter
from flask_uow.exc import DataError, IntegrityError, InternalError
from flask_uow.sql.schema import Column, MetaData, Table
from flask_uow.sql.select import select
from flask_uow.sql.types import JSON, BigInteger, Boolean, Date, Integer, Numeric, String, Text, Uuid
from tests.statements import StatementLog

NASTY = [
    "it's",
    'a "quote"',
    "back\\slash",
    "{brace},comma",
    "NULL",
    "",
    " ",
    "\n\t",
    "ünï©ødé 🎉",
    "%s %% %(x)s",
    "\\x41",
    "?",
]


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        yield connection


@pytest.fixture
def writer(engine: Engine) -> BatchWriter:
    return engine.dialect.batch


@pytest.fixture
def table(connection: Connection) -> Table:
    """A table with a key that the database makes, and names that need quoting."""
    table = Table(
        "order", MetaData(), Column("id", Integer, primary_key=True), Column("Na%me", Text), Column("amount", Numeric(12, 2)),
    )  # fmt: skip
    table.metadata.create_all(connection)
    return table


def insert(writer: BatchWriter, connection: Connection, table: Table, names: list[Any]) -> list[Any] | None:
    return writer.insert(connection, table, [table.c["Na%me"]], [names], generated_key=table.c.id)


def names_by_key(connection: Connection, table: Table) -> dict[Any, Any]:
    return {row[0]: row[1] for row in connection.execute(select(table.c.id, table.c["Na%me"]))}


def test_keys_come_back_ascending_in_row_order(writer: BatchWriter, connection: Connection, table: Table) -> None:
    names = [f"name {number}" for number in range(5321)]
    keys = insert(writer, connection, table, names)
    assert keys == list(range(1, 5322))
    assert names_by_key(connection, table) == dict(zip(keys, names, strict=True))


def test_keys_continue_where_others_stopped(writer: BatchWriter, connection: Connection, table: Table) -> None:
    first = insert(writer, connection, table, ["a", "b"])
    single = insert(writer, connection, table, ["c"])
    last = insert(writer, connection, table, ["d", "e"])
    assert (first, single, last) == ([1, 2], [3], [4, 5])


def test_nulls_and_characters_with_a_meaning_in_sql_arrive_as_they_are(
    writer: BatchWriter, connection: Connection, table: Table
) -> None:
    names: list[Any] = [*NASTY, None, *reversed(NASTY), None]
    keys = insert(writer, connection, table, names)
    assert keys is not None
    assert names_by_key(connection, table) == dict(zip(keys, names, strict=True))
    for name in NASTY:
        key = insert(writer, connection, table, [name])
        assert key is not None
        assert names_by_key(connection, table)[key[0]] == name


def test_a_nul_is_a_data_error_where_the_database_has_none(
    writer: BatchWriter, connection: Connection, table: Table
) -> None:
    if connection.dialect.exact_decimal_text:
        keys = insert(writer, connection, table, ["a\x00b", "c"])
        assert keys is not None
        assert names_by_key(connection, table)[keys[0]] == "a\x00b"
        return
    for names in (["a\x00b"], ["a\x00b", "c"]):
        with pytest.raises(DataError, match="NUL"):
            insert(writer, connection, table, names)


def test_a_batch_is_one_statement_for_each_page(
    engine: Engine, writer: BatchWriter, connection: Connection, table: Table, statements: StatementLog
) -> None:
    names = [str(number) for number in range(250)]
    with connection.begin():
        insert(writer, connection, table, names)
        inserts = [sql for sql in statements.sql if "INSERT" in sql]
        assert len(inserts) == (1 if engine.dialect.begins_with_statement else 3)
        keys = list(range(1, 251))
        with statements.expect(1 if engine.dialect.begins_with_statement else 3, "UPDATE"):
            writer.update(connection, table, [table.c.id], [keys], [table.c["Na%me"]], [names])
        with statements.expect(1, "DELETE"):
            writer.delete(connection, table, [table.c.id], [keys])


def test_a_single_row_is_a_plain_statement(
    writer: BatchWriter, connection: Connection, table: Table, statements: StatementLog
) -> None:
    with statements.expect(1, "INSERT INTO", "RETURNING id"):
        insert(writer, connection, table, ["x"])
    with statements.expect(1, "UPDATE", "WHERE id ="):
        assert writer.update(connection, table, [table.c.id], [[1]], [table.c["Na%me"]], [["y"]]) == 1
    with statements.expect(1, "DELETE", "WHERE id ="):
        assert writer.delete(connection, table, [table.c.id], [[1]]) == 1


def test_without_a_generated_key_rows_keep_the_keys_they_have(
    writer: BatchWriter, connection: Connection, table: Table
) -> None:
    columns = [table.c.id, table.c["Na%me"]]
    assert writer.insert(connection, table, columns, [[30, 10], ["a", "b"]]) is None
    assert writer.insert(connection, table, columns, [[20], ["c"]]) is None
    assert names_by_key(connection, table) == {30: "a", 10: "b", 20: "c"}


def test_rows_without_any_value_get_keys_too(writer: BatchWriter, connection: Connection, table: Table) -> None:
    assert writer.insert_defaults(connection, table, 3, generated_key=table.c.id) == [1, 2, 3]
    assert writer.insert_defaults(connection, table, 1, generated_key=table.c.id) == [4]
    assert writer.insert_defaults(connection, table, 2) is None
    assert connection.scalar('SELECT count(*) FROM "order"') == 6


def test_an_update_reports_the_rows_that_were_there(writer: BatchWriter, connection: Connection, table: Table) -> None:
    insert(writer, connection, table, ["a", "b", "c"])
    amounts = [Decimal("1.10"), None, Decimal("3.30")]
    matched = writer.update(
        connection, table, [table.c.id], [[1, 2, 99]], [table.c.amount, table.c["Na%me"]], [amounts, ["x", None, "z"]]
    )
    assert matched == 2
    rows = connection.execute(select(table.c["Na%me"], table.c.amount).order_by(table.c.id)).all()
    assert rows == [("x", Decimal("1.10")), (None, None), ("c", None)]


def test_keys_of_several_columns_match_as_a_whole(writer: BatchWriter, connection: Connection) -> None:
    table = Table(
        "pairs", MetaData(), Column("a", Integer, primary_key=True), Column("b", String(10), primary_key=True),
        Column("n", Integer),
    )  # fmt: skip
    table.metadata.create_all(connection)
    keys: list[list[Any]] = [[1, 1, 2], ["x", "y", "x"]]
    writer.insert(connection, table, [table.c.a, table.c.b, table.c.n], [*keys, [0, 0, 0]])
    key_columns = [table.c.a, table.c.b]
    assert writer.update(connection, table, key_columns, [[1, 2], ["y", "y"]], [table.c.n], [[7, 8]]) == 1
    assert connection.execute(select(table).order_by(table.c.a, table.c.b)).all() == [
        (1, "x", 0),
        (1, "y", 7),
        (2, "x", 0),
    ]
    assert writer.delete(connection, table, key_columns, [[1, 2], ["x", "z"]]) == 1
    assert writer.delete(connection, table, key_columns, [[2], ["x"]]) == 1
    assert connection.execute(select(table)).all() == [(1, "y", 7)]


@pytest.mark.parametrize(
    ("type_", "keys"),
    [
        (BigInteger(), [2**40, -1]),
        (String(20), ["a'b", 'c"d']),
        (Uuid(), [uuid.UUID(int=1), uuid.UUID(int=2)]),
        (Date(), [dt.date(2020, 1, 1), dt.date(2020, 1, 2)]),
        (Numeric(10, 2), [Decimal("1.5"), Decimal("10")]),
        (Boolean(), [True, False]),
    ],
)
def test_keys_of_every_type_find_their_rows(
    writer: BatchWriter, connection: Connection, type_: Any, keys: list[Any]
) -> None:
    table = Table("keyed", MetaData(), Column("k", type_, primary_key=True), Column("j", JSON))
    if table.generated_key is not None:
        table.c.k.autoincrement = False
    table.metadata.create_all(connection)
    writer.insert(connection, table, [table.c.k, table.c.j], [keys, [{"a": 1}, None]])
    assert writer.update(connection, table, [table.c.k], [keys], [table.c.j], [[["x"], {"b": '"'}]]) == 2
    assert [row.j for row in connection.execute(select(table.c.j)).all()] in ([["x"], {"b": '"'}], [{"b": '"'}, ["x"]])
    assert writer.delete(connection, table, [table.c.k], [keys]) == 2


def test_a_failed_batch_leaves_nothing_behind(writer: BatchWriter, connection: Connection, table: Table) -> None:
    columns = [table.c.id, table.c["Na%me"]]
    keys = [*range(1, 250), 1]
    with pytest.raises(IntegrityError):
        writer.insert(connection, table, columns, [keys, ["x"] * 250])
    assert names_by_key(connection, table) == {}


def test_batches_outside_a_transaction_are_whole(
    engine: Engine, writer: BatchWriter, connection: Connection, table: Table
) -> None:
    insert(writer, connection, table, ["x"] * 250)
    keys = list(range(1, 251))
    assert not connection.in_transaction()
    assert writer.update(connection, table, [table.c.id], [keys], [table.c["Na%me"]], [["y"] * 250]) == 250
    assert writer.delete(connection, table, [table.c.id], [keys]) == 250
    assert engine.pool.checked_out() == 1


def test_keys_match_their_rows_when_a_trigger_rewrites_the_rows(
    writer: BatchWriter, connection: Connection, table: Table
) -> None:
    if connection.dialect.exact_decimal_text:
        return
    connection.run(
        "CREATE FUNCTION shuffle() RETURNS trigger LANGUAGE plpgsql AS "
        '$$ BEGIN NEW."Na%%me" := reverse(NEW."Na%%me"); PERFORM nextval(pg_get_serial_sequence(\'"order"\', \'id\')); '
        "RETURN NEW; END $$"
    )
    connection.run('CREATE TRIGGER shuffle BEFORE INSERT ON "order" FOR EACH ROW EXECUTE FUNCTION shuffle()')
    names = [f"name {number}" for number in range(100)]
    keys = insert(writer, connection, table, names)
    assert keys == sorted(keys or [])
    assert names_by_key(connection, table) == {key: name[::-1] for key, name in zip(keys or [], names, strict=True)}


@pytest.mark.parametrize(
    "body", ["NEW.id := 1000 - NEW.id; RETURN NEW;", "IF NEW.id = 2 THEN RETURN NULL; END IF; RETURN NEW;"]
)
def test_a_trigger_that_renumbers_or_drops_rows_is_noticed(
    writer: BatchWriter, connection: Connection, table: Table, body: str
) -> None:
    if connection.dialect.exact_decimal_text:
        return
    connection.run(f"CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$")
    connection.run('CREATE TRIGGER spoil BEFORE INSERT ON "order" FOR EACH ROW EXECUTE FUNCTION spoil()')
    with pytest.raises(InternalError, match="Look for a trigger"), connection.begin():
        insert(writer, connection, table, ["a", "b", "c"])
    assert names_by_key(connection, table) == {}


def test_a_row_that_a_sqlite_trigger_ignores_is_noticed(
    writer: BatchWriter, connection: Connection, table: Table
) -> None:
    if not connection.dialect.exact_decimal_text:
        return
    connection.run(
        'CREATE TRIGGER spoil BEFORE INSERT ON "order" WHEN NEW."Na%me" = \'b\' BEGIN SELECT RAISE(IGNORE); END'
    )
    for names in (["a", "b", "c"], ["b"]):
        with pytest.raises(InternalError, match="Look for a trigger"), connection.begin():
            insert(writer, connection, table, names)
    assert names_by_key(connection, table) == {}


def test_a_key_without_a_sequence_is_asked_for_row_by_row(
    writer: BatchWriter, connection: Connection, statements: StatementLog
) -> None:
    if connection.dialect.exact_decimal_text:
        return
    connection.run("CREATE SEQUENCE loose INCREMENT 10")
    connection.run("CREATE TABLE loosely (id INTEGER PRIMARY KEY DEFAULT nextval('loose'), name TEXT)")
    table = Table("loosely", MetaData(), Column("id", Integer, primary_key=True), Column("name", Text))
    keys = writer.insert(connection, table, [table.c.name], [["a", "b", "c"]], generated_key=table.c.id)
    assert keys == [1, 11, 21]
    assert connection.execute(select(table).order_by(table.c.id)).all() == [(1, "a"), (11, "b"), (21, "c")]
    assert writer.insert_defaults(connection, table, 2, generated_key=table.c.id) == [31, 41]


def test_tables_in_another_schema_are_found(writer: BatchWriter, connection: Connection) -> None:
    if connection.dialect.exact_decimal_text:
        connection.run("ATTACH DATABASE ':memory:' AS \"Other\"")
    else:
        connection.run('CREATE SCHEMA "Other"')
    table = Table("things", MetaData(), Column("id", Integer, primary_key=True), Column("name", Text), schema="Other")
    table.metadata.create_all(connection)
    assert connection.table_names("Other") == ["things"]
    assert writer.insert(connection, table, [table.c.name], [["a", "b"]], generated_key=table.c.id) == [1, 2]
    assert writer.update(connection, table, [table.c.id], [[1, 2]], [table.c.name], [["c", "d"]]) == 2
    assert writer.delete(connection, table, [table.c.id], [[1, 2]]) == 2
    connection.run(
        'DETACH DATABASE "Other"' if connection.dialect.exact_decimal_text else 'DROP SCHEMA "Other" CASCADE'
    )


def test_a_full_sqlite_table_says_so(writer: BatchWriter, connection: Connection, table: Table) -> None:
    if not connection.dialect.exact_decimal_text:
        return
    connection.run(f'INSERT INTO "order" (id) VALUES ({2**63 - 2})')
    with pytest.raises(DataError, match="no room for 2 keys"):
        insert(writer, connection, table, ["a", "b"])


def test_sqlite_keys_never_start_below_one(writer: BatchWriter, connection: Connection, table: Table) -> None:
    if not connection.dialect.exact_decimal_text:
        return
    connection.run('INSERT INTO "order" (id) VALUES (-5)')
    assert insert(writer, connection, table, ["a", "b"]) == [1, 2]


def test_keys_can_be_drawn_before_the_rows_are_inserted(
    writer: BatchWriter, connection: Connection, table: Table
) -> None:
    with connection.begin():
        keys = writer.allocate_keys(connection, table, table.c.id, 3)
        assert keys == [1, 2, 3]
        columns = [table.c.id, table.c["Na%me"]]
        writer.insert(connection, table, columns, [[keys[2], keys[0]], ["c", "a"]])
        writer.insert(connection, table, columns, [[keys[1]], ["b"]])
    assert names_by_key(connection, table) == {1: "a", 2: "b", 3: "c"}
    assert insert(writer, connection, table, ["d", "e"]) == [4, 5]


@pytest.mark.parametrize("rows", [1, 2])
def test_a_column_that_takes_the_place_of_another_has_its_own_way_of_values(
    writer: BatchWriter, connection: Connection, table: Table, rows: int
) -> None:
    Table(table.name, table.metadata, Column("Na%me", String(3)), extend_existing=True)
    values = ["abc"] * rows
    keys = insert(writer, connection, table, values)
    assert keys is not None
    with pytest.raises(DataError, match="Na%me"):
        insert(writer, connection, table, ["abcd"] * rows)
    Table(table.name, table.metadata, Column("Na%me", String(4)), extend_existing=True)
    insert(writer, connection, table, ["abcd"] * rows)
    writer.update(connection, table, [table.c.id], [keys], [table.c["Na%me"]], [["abce"] * rows])
    assert sorted(names_by_key(connection, table).values()) == ["abcd"] * rows + ["abce"] * rows


def test_many_rows_go_by_the_type_of_the_column_that_is_there_now(writer: BatchWriter, connection: Connection) -> None:
    table = Table("counter", MetaData(), Column("id", Integer, primary_key=True), Column("count", BigInteger))
    table.metadata.create_all(connection)
    Table(table.name, table.metadata, Column("count", Integer), extend_existing=True)
    writer.insert(connection, table, [table.c["count"]], [[1, 2]], generated_key=table.c.id)
    Table(table.name, table.metadata, Column("count", BigInteger), extend_existing=True)
    writer.insert(connection, table, [table.c["count"]], [[2**40, 2**41]], generated_key=table.c.id)
    assert sorted(connection.execute(select(table.c["count"])).scalars()) == [1, 2, 2**40, 2**41]
