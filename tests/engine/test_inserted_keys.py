"""The keys of inserted rows: inserted_primary_key, and RETURNING of a list of rows."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow.engine import Connection, Engine
from flask_uow.exc import IntegrityError, InternalError, InvalidRequestError
from flask_uow.sql import (
    Column,
    Identity,
    Integer,
    MetaData,
    Sequence,
    String,
    Table,
    Uuid,
    bindparam,
    column,
    func,
    insert,
    literal,
    select,
    table,
    text,
    update,
)
from tests.statements import StatementLog

metadata = MetaData()
numbered = Table("numbered", metadata, Column("id", Integer, primary_key=True), Column("name", String(20), unique=True))
chosen = Table("chosen", metadata, Column("code", String(9), primary_key=True), Column("n", Integer))
pairs = Table(
    "pairs",
    metadata,
    Column("a", Integer, primary_key=True),
    Column("b", String(9), primary_key=True),
    Column("n", Integer),
)
made = Table("made", metadata, Column("id", Uuid, primary_key=True, default=uuid.uuid4), Column("name", String(20)))
by_server = Table(
    "by_server", metadata, Column("code", String(9), primary_key=True, server_default="none"), Column("n", Integer)
)
keyless = Table("keyless", metadata, Column("n", Integer))
counted = Table(
    "counted",
    metadata,
    Column("id", Integer, Sequence("counted_seq", start=100), primary_key=True),
    Column("n", Integer),
)
always = Table("always", metadata, Column("id", Integer, Identity(always=True), primary_key=True), Column("n", Integer))


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    tables = [table for table in metadata.tables.values() if table is not always or engine.name == "postgresql"]
    metadata.create_all(engine, tables=tables)
    with engine.connect() as connection:
        yield connection
        connection.rollback()


def key(connection: Connection, statement: Any, parameters: Any = None) -> tuple[Any, ...]:
    return tuple(connection.execute(statement, parameters).inserted_primary_key)


def test_the_key_that_the_database_made_is_known(connection: Connection) -> None:
    result = connection.execute(insert(numbered).values(name="a"))
    assert result.inserted_primary_key.id == 1
    assert result.inserted_primary_key._mapping == {"id": 1}
    assert (result.is_insert, result.returns_rows, result.rowcount) == (True, False, 1)
    assert result.inserted_primary_key_rows == [(1,)]
    assert key(connection, insert(numbered), {"name": "b"}) == (2,)
    assert key(connection, insert(numbered), [{"name": "c"}]) == (3,)
    assert key(connection, insert(numbered)) == (4,)
    assert connection.scalars(select(numbered.c.id).order_by(numbered.c.id)).all() == [1, 2, 3, 4]


def test_a_key_that_was_given_is_known(connection: Connection) -> None:
    assert key(connection, insert(numbered).values(id=7, name="a")) == (7,)
    assert key(connection, insert(numbered), {"name": "b", "id": 8}) == (8,)
    assert key(connection, insert(chosen).values(code="x")) == ("x",)
    assert key(connection, insert(pairs), {"b": "y", "a": 5}) == (5, "y")


def test_a_key_that_a_default_or_an_expression_makes_is_known(connection: Connection, database: str) -> None:
    found = key(connection, insert(made).values(name="a"))
    assert found == (connection.scalar(select(made.c.id)),)
    assert key(connection, insert(chosen).values(code=func.lower("ABC"))) == ("abc",)
    assert key(connection, insert(by_server).values(n=1)) == ("none",)
    assert key(connection, insert(pairs).values(a=literal(2) + 3, b="b")) == (5, "b")
    assert key(connection, insert(counted).values(n=1)) == ({"sqlite": 1, "postgresql": 100}[database],)


def test_a_key_is_not_asked_for_where_it_is_given(connection: Connection, statements: StatementLog) -> None:
    connection.execute(insert(numbered).values(id=7))
    connection.execute(insert(numbered).values(name="a").inline())
    connection.execute(insert(numbered), [{"name": "b"}, {"name": "c"}])
    connection.execute(insert(keyless).values(n=1))
    assert not any("RETURNING" in statement for statement in statements.sql)


def test_the_text_of_an_insert_that_is_only_looked_at_has_no_returning(engine: Engine) -> None:
    assert "RETURNING" not in str(insert(numbered).values(name="a").compile(engine.dialect))


def test_an_upsert_knows_the_key_of_the_row_that_was_there(connection: Connection) -> None:
    first = key(connection, insert(numbered).values(name="a"))
    key(connection, insert(numbered).values(name="b"))
    upsert = insert(numbered).values(name="a").on_conflict_do_update([numbered.c.name], {"name": "a"})
    assert key(connection, upsert) == first
    nothing = connection.execute(insert(numbered).values(name="a").on_conflict_do_nothing())
    assert (tuple(nothing.inserted_primary_key), nothing.rowcount) == ((None,), 0)


def test_where_nobody_knows_the_key_the_result_says_so(connection: Connection) -> None:
    connection.execute(insert(numbered).values(name="a"))
    unknown = [
        connection.execute(insert(numbered).values([{"name": "b"}, {"name": "c"}])),
        connection.execute(insert(numbered).from_select(["name"], select(func.max("z")))),
        connection.execute(insert(numbered), [{"name": "d"}, {"name": "e"}]),
        connection.execute(insert(numbered).values(name="f").returning(numbered.c.id)),
        connection.execute(insert(keyless).values(n=1)),
    ]
    for result in unknown:
        assert result.is_insert
        with pytest.raises(InvalidRequestError, match=r"Name the key in returning\(\)"):
            result.inserted_primary_key
    others = [select(numbered), update(numbered).values(name=None), text("INSERT INTO keyless (n) VALUES (1)")]
    for statement in others:
        result = connection.execute(statement)
        assert not result.is_insert
        with pytest.raises(InvalidRequestError, match="another statement"):
            result.inserted_primary_key


def test_the_keys_of_a_list_are_known_where_they_are_given(connection: Connection) -> None:
    result = connection.execute(insert(pairs), [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}])
    assert result.inserted_primary_key_rows == [(1, "x"), (2, "y")]
    with pytest.raises(InvalidRequestError, match="2 were inserted"):
        result.inserted_primary_key


# -- RETURNING of a list


def test_a_list_of_rows_is_returned(connection: Connection) -> None:
    statement = insert(numbered).returning(numbered.c.id, (numbered.c.name + "!").label("loud"))
    rows = connection.execute(statement, [{"name": "x"}, {"name": "y"}, {"name": "50%"}])
    assert rows.keys() == ("id", "loud")
    assert sorted(rows) == [(1, "x!"), (2, "y!"), (3, "50%!")]
    assert connection.execute(statement, []).all() == []
    assert connection.execute(statement, [{"name": "z"}]).all() == [(4, "z!")]


@pytest.mark.parametrize("count", [2, 37, 2500])
def test_rows_come_in_the_order_of_the_parameters_where_that_is_asked_for(connection: Connection, count: int) -> None:
    names = [f"n{number * 7919 % count}" for number in range(count)]
    ordered = insert(numbered).returning(numbered.c.name, numbered.c.id, sort_by_parameter_order=True)
    found = connection.execute(ordered, [{"name": name} for name in names]).all()
    assert [row.name for row in found] == names
    given = [{"id": 10_000 + number * 7919 % count, "name": f"m{number}"} for number in range(count)]
    assert connection.execute(ordered, given).all() == [(row["name"], row["id"]) for row in given]


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        (chosen, [{"code": "b", "n": 1}, {"code": "a", "n": 2}]),
        (pairs, [{"a": 2, "b": "x", "n": 1}, {"a": 1, "b": "y", "n": 2}]),
        (made, [{"name": "b"}, {"name": "a"}]),
        (made, [{"id": uuid.UUID(int=2), "name": "b"}, {"id": uuid.UUID(int=1), "name": "a"}]),
        (keyless, [{"n": 2}, {"n": 1}]),
        (counted, [{"n": 2}, {"n": 1}]),
        (always, [{"n": 2}, {"n": 1}]),
    ],
)
def test_rows_come_in_order_whatever_makes_their_key(
    connection: Connection, database: str, table: Table, rows: Any
) -> None:
    if table is always and database != "postgresql":
        return
    columns = [table.c[name] for name in rows[0]]
    found = connection.execute(insert(table).returning(*columns, sort_by_parameter_order=True), rows).all()
    assert [row._asdict() for row in found] == rows


def test_the_order_is_kept_with_an_upsert(connection: Connection) -> None:
    connection.execute(insert(numbered), [{"name": "b"}, {"name": "a"}])
    statement = insert(numbered).on_conflict_do_update([numbered.c.name], {"name": bindparam("name")})
    ordered = statement.returning(numbered.c.name, sort_by_parameter_order=True)
    names = ["c", "a", "d", "b"]
    assert connection.scalars(ordered, [{"name": name} for name in names]).all() == names


def test_defaults_and_conflicts_count_for_each_row_of_a_list(connection: Connection) -> None:
    numbers = itertools.count(1)
    table = Table(
        "t", MetaData(), Column("id", Integer, primary_key=True), Column("n", Integer, default=lambda: next(numbers))
    )
    table.create(connection)
    rows = connection.execute(insert(table).returning(table.c.n, sort_by_parameter_order=True), [{"id": 3}, {"id": 1}])
    assert rows.scalars().all() == [1, 2]
    left_out = insert(table).on_conflict_do_nothing().returning(table.c.id)
    assert connection.scalars(left_out, [{"id": 3}, {"id": 4}]).all() == [4]


def test_a_list_is_inserted_as_a_whole_or_not_at_all(connection: Connection, engine: Engine) -> None:
    with pytest.raises(IntegrityError):
        connection.execute(insert(numbered).returning(numbered.c.id), [{"name": "a"}, {"name": "a"}])
    assert connection.scalar(select(func.count()).select_from(numbered)) == 0


def test_a_trigger_that_changes_keys_is_noticed_where_the_order_is_wanted(
    connection: Connection, database: str
) -> None:
    if database != "postgresql":
        return
    connection.exec_driver_sql(
        "CREATE FUNCTION other_key() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.id = NEW.id + 50; RETURN NEW; END'"
    )
    connection.exec_driver_sql(
        "CREATE TRIGGER keys BEFORE INSERT ON numbered FOR EACH ROW EXECUTE FUNCTION other_key()"
    )
    ordered = insert(numbered).returning(numbered.c.name, sort_by_parameter_order=True)
    with pytest.raises(InternalError, match="Look for a trigger"):
        connection.execute(ordered, [{"name": "a"}, {"name": "b"}])


def test_rows_are_inserted_into_a_table_of_which_only_the_name_is_known(connection: Connection) -> None:
    named = table("numbered", column("id"), column("name"))
    with pytest.raises(InvalidRequestError, match=r"returning\(\)"):
        connection.execute(insert(named).values(id=1, name="a")).inserted_primary_key
    connection.execute(insert(named), [{"id": 2, "name": "b"}, {"id": 3, "name": "c"}])
    connection.execute(insert(named), {"id": 4, "name": "d"})
    returned = connection.scalars(insert(named).returning(named.c.id), [{"id": 5, "name": "e"}, {"id": 6, "name": "f"}])
    assert sorted(returned) == [5, 6]
    assert connection.scalars(select(numbered.c.name).order_by(numbered.c.id)).all() == list("abcdef")
