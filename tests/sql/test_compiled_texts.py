"""compile(): statements as text for a database, with the values of their parameters written out, and DDL."""

from __future__ import annotations

import datetime as dt
import enum
import math
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from flask_uow.engine import Connection, Engine, create_engine
from flask_uow.exc import ArgumentError, CompileError
from flask_uow.sql import (
    ARRAY,
    JSON,
    AddConstraint,
    BigInteger,
    Boolean,
    Column,
    CreateIndex,
    CreateSchema,
    CreateTable,
    Date,
    DateTime,
    DropIndex,
    DropTable,
    Enum,
    Float,
    ForeignKey,
    Index,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    Numeric,
    PickleType,
    String,
    Table,
    Text,
    Time,
    Uuid,
    and_,
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
    text,
    tuple_,
    update,
)

LITERALS = {"literal_binds": True}
UTC = dt.UTC


class Color(enum.Enum):
    RED = 1
    GREEN = 2


VALUES: list[tuple[Any, list[Any]]] = [
    (Integer(), [0, 7, -7]),
    (BigInteger(), [2**62, -(2**62)]),
    (Float(), [1.5, -0.25, 1e300, 3.0, math.inf, -math.inf]),
    (Numeric(12, 4), [Decimal("1.5000"), Decimal("-2.2500")]),
    (String(60), ["plain", "it's", 'a "quote"', "back\\slash", "100% :name ? %s", "", "ünïcode ☃", "line\nbreak", "-- no comment", "; DROP TABLE t"]),
    (Text(), ["''", "\\'"]),
    (Boolean(), [True, False]),
    (Date(), [dt.date(2020, 2, 29)]),
    (Time(), [dt.time(1, 2, 3, 4), dt.time(23, 59)]),
    (DateTime(), [dt.datetime(2020, 1, 2, 3, 4, 5, 6), dt.datetime(1999, 12, 31)]),
    (DateTime(timezone=True), [dt.datetime(2020, 1, 2, 3, 4, 5, 6, UTC)]),
    (Interval(), [dt.timedelta(days=2, microseconds=3), -dt.timedelta(hours=1)]),
    (LargeBinary(), [b"", b"\x00\xff'\\%"]),
    (Uuid(), [uuid.UUID(int=5)]),
    (Enum(Color), [Color.GREEN]),
    (Enum("a", "it's"), ["it's"]),
    (JSON(), [{"a": [1, None, "it's %s"]}, [], "text"]),
    (JSON(binary=False), [{"a": 1}]),
    (ARRAY(Integer), [[1, 2], []]),
    (ARRAY(String), [["it's", "a,b", '"', "\\"]]),
    (PickleType(), [{"any": ("thing",)}]),
]  # fmt: skip


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        yield connection
        connection.rollback()


@pytest.mark.parametrize(("type_", "values"), VALUES, ids=lambda given: type(given).__name__)
def test_a_value_that_is_written_out_is_the_value(connection: Connection, type_: Any, values: list[Any]) -> None:
    table = Table("t", MetaData(), Column("id", Integer, primary_key=True), Column("v", type_))
    table.create(connection)
    for number, value in enumerate([*values, None]):
        statement = insert(table).values(id=number, v=value).compile(connection, compile_kwargs=LITERALS)
        assert statement.params == {}
        connection.exec_driver_sql(str(statement))
        assert connection.scalar(select(table.c.v).where(table.c.id == number)) == value
        computed = select(literal(value, type_)).compile(connection.engine, compile_kwargs=LITERALS)
        by_text = connection.exec_driver_sql(str(computed)).one()
        by_parameter = connection.exec_driver_sql(f"SELECT v FROM t WHERE id = {number}").one()
        assert repr(by_text) == repr(by_parameter) or by_text == by_parameter


@pytest.mark.parametrize(("type_", "values"), VALUES[:11], ids=lambda given: type(given).__name__)
def test_criteria_that_are_written_out_find_what_parameters_find(
    connection: Connection, type_: Any, values: list[Any]
) -> None:
    table = Table("t", MetaData(), Column("id", Integer, primary_key=True), Column("v", type_))
    table.create(connection)
    connection.execute(insert(table), [{"id": number, "v": value} for number, value in enumerate(values)])
    for number, value in enumerate(values):
        conditions = [table.c.v == value, table.c.v.in_([value]), and_(table.c.v <= value, table.c.v >= value)]
        for condition in conditions if not isinstance(type_, Boolean) else conditions[:2]:
            written = select(table.c.id).where(condition).compile(connection, compile_kwargs=LITERALS)
            assert connection.exec_driver_sql(str(written)).scalars().all() == [number]
    changed = (
        update(table).where(table.c.v == values[0]).values(v=values[-1]).compile(connection, compile_kwargs=LITERALS)
    )
    assert connection.exec_driver_sql(str(changed)).rowcount == 1
    gone = delete(table).where(table.c.v == values[-1]).compile(connection, compile_kwargs=LITERALS)
    assert connection.exec_driver_sql(str(gone)).rowcount == min(2, len(values))


def test_a_statement_is_compiled_for_an_engine_a_connection_or_a_dialect(engine: Engine, database: str) -> None:
    statement = select(literal(1.5).label("x")).limit(3)
    marks = {"sqlite": "SELECT ? AS x LIMIT ?", "postgresql": "SELECT %s::float8 AS x LIMIT %s"}[database]
    written = {"sqlite": "SELECT 1.5 AS x LIMIT 3", "postgresql": "SELECT 1.5::float8 AS x LIMIT 3"}[database]
    with engine.connect() as connection:
        for bind in (engine, connection, engine.dialect):
            compiled = statement.compile(bind)
            assert str(compiled) == compiled.string == marks
            assert compiled.params == {"param_1": 1.5, "param_2": 3}
        assert str(statement.compile(dialect=engine.dialect)) == marks
    assert str(statement.compile(engine, compile_kwargs=LITERALS)) == written
    assert str(statement.compile(compile_kwargs=LITERALS)) == "SELECT 1.5 AS x LIMIT 3"


def test_negative_numbers_and_percent_signs_stay_what_they_are(connection: Connection) -> None:
    written = select(-literal(-1), literal(5) - literal(-2), literal("5 %")).compile(
        connection, compile_kwargs=LITERALS
    )
    assert "--" not in str(written)
    assert connection.exec_driver_sql(str(written)).one() == (1, 7, "5 %")
    assert "5 %%" not in str(written)


def test_defaults_and_functions_are_written_out_as_well(connection: Connection) -> None:
    table = Table(
        "t",
        MetaData(),
        Column("id", Integer, primary_key=True),
        Column("n", Integer, default=lambda: 42),
        Column("s", String),
    )
    table.create(connection)
    written = insert(table).values(s=func.upper("it's")).compile(connection, compile_kwargs=LITERALS)
    connection.exec_driver_sql(str(written))
    assert connection.execute(select(table.c.n, table.c.s)).one() == (42, "IT'S")
    assert sorted(map(str, insert(table).values(s="x").compile().params.values())) == ["42", "x"]
    inner = select(func.count()).where(table.c.n == 42).scalar_subquery()
    cte = select(table.c.id).where(table.c.n > 1).cte("c")
    both = select(cte.c.id, inner).compile(connection, compile_kwargs=LITERALS)
    assert connection.exec_driver_sql(str(both)).one() == (1, 1)
    assert (
        str(text("SELECT :a, ':a'").bindparams(a="x").compile(connection, compile_kwargs=LITERALS))
        == "SELECT 'x', ':a'"
    )


def test_what_cannot_be_written_out_is_refused(connection: Connection) -> None:
    for needed in (text("SELECT :x"), select(literal(1)).where(bindparam("x", type_=Integer) == 1)):
        with pytest.raises(CompileError, match=r"the parameter :x has no value.*compile without literal_binds"):
            needed.compile(connection, compile_kwargs=LITERALS)
    with pytest.raises(CompileError, match="cannot be written into the text"):
        select(literal("a\x00b")).compile(connection, compile_kwargs=LITERALS)
    with pytest.raises(CompileError, match="Compile without literal_binds"):
        select(literal({"a": 1}, JSON())).compile(compile_kwargs=LITERALS)
    with pytest.raises(ArgumentError, match="Did you mean 'literal_binds'"):
        select(literal(1)).compile(compile_kwargs={"literal_bind": True})
    with pytest.raises(ArgumentError, match="takes an engine, a connection or a dialect"):
        select(literal(1)).compile("sqlite")  # type: ignore[arg-type]


# -- DDL

metadata = MetaData()
parent = Table("parent", metadata, Column("id", Integer, primary_key=True), Column("name", String(20), nullable=False))
child = Table(
    "child",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("parent_id", ForeignKey("parent.id", name="child_parent")),
)
by_name = Index("by_name", parent.c.name, unique=True)


def test_ddl_is_compiled_for_an_engine(engine: Engine, database: str) -> None:
    key = {"sqlite": "id INTEGER PRIMARY KEY", "postgresql": "id INTEGER GENERATED BY DEFAULT AS IDENTITY NOT NULL"}[
        database
    ]
    created = str(CreateTable(parent).compile(engine))
    assert created.startswith(f"CREATE TABLE parent (\n\t{key}")
    assert str(CreateTable(parent, if_not_exists=True).compile(engine)).startswith(
        "CREATE TABLE IF NOT EXISTS parent ("
    )
    assert str(CreateIndex(by_name).compile(engine)) == "CREATE UNIQUE INDEX by_name ON parent (name)"
    assert str(DropIndex(by_name, if_exists=True).compile(engine)) == "DROP INDEX IF EXISTS by_name"
    assert str(DropTable(child).compile(engine)) == "DROP TABLE child"
    assert str(CreateSchema("s", if_not_exists=True)) == "CREATE SCHEMA IF NOT EXISTS s"
    (foreign_key,) = [constraint for constraint in child.constraints if constraint.name == "child_parent"]
    assert str(AddConstraint(foreign_key)).startswith("ALTER TABLE child ADD CONSTRAINT child_parent FOREIGN KEY")


def test_ddl_is_executed(connection: Connection) -> None:
    for _ in range(2):
        connection.execute(CreateTable(parent, if_not_exists=True))
        connection.execute(CreateIndex(by_name, if_not_exists=True))
    connection.execute(insert(parent).values(name="a"))
    connection.execute(DropIndex(by_name))
    connection.execute(insert(parent).values(name="a"))
    assert connection.scalar(select(func.count()).select_from(parent)) == 2
    connection.execute(DropIndex(by_name, if_exists=True))
    for _ in range(2):
        connection.execute(DropTable(parent, if_exists=True))
    assert "parent" not in connection.table_names()


def test_groups_of_several_kinds_are_written_as_two_words() -> None:
    table = Table("sale", MetaData(), Column("a", Integer), Column("b", Integer), Column("n", Integer))
    sets = func.grouping_sets(tuple_(table.c.a), tuple_(table.c.a, table.c.b), tuple_())
    grouped = select(table.c.a, func.sum(table.c.n)).group_by(sets)
    assert str(grouped).endswith("GROUP BY GROUPING SETS((sale.a), (sale.a, sale.b), ())")


def test_groups_of_several_kinds_have_a_row_for_each(postgresql_uri: str) -> None:
    engine = create_engine(postgresql_uri)
    metadata = MetaData()
    table = Table("sale", metadata, Column("a", Integer), Column("b", Integer), Column("n", Integer))
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(
            insert(table), [{"a": 1, "b": 1, "n": 1}, {"a": 1, "b": 2, "n": 2}, {"a": 2, "b": 1, "n": 4}]
        )
        sets = func.grouping_sets(tuple_(table.c.a), tuple_())
        found = connection.execute(select(table.c.a, func.sum(table.c.n)).group_by(sets).order_by(table.c.a)).all()
        assert [tuple(row) for row in found] == [(1, 3), (2, 4), (None, 7)]
    engine.dispose()
