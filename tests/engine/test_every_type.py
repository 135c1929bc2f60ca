"""Each public type is complete: DDL, the way of values there and back one by one and many at a time, casts, reflection, annotations, docs.

A type that comes anew fails here until its example is given, and then wherever a place was forgotten.
"""

from __future__ import annotations

import datetime as dt
import enum
import uuid
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import flask_uow
from flask_uow import (
    CompileError,
    Connection,
    Engine,
    NativeType,
    NullType,
    ProgrammingError,
    TypeDecorator,
    TypeEngine,
    UserDefinedType,
    cast,
    inspect,
    literal,
    null,
    select,
)
from flask_uow.sql.dml import Insert
from flask_uow.sql.schema import Column, MetaData, Table
from flask_uow.sql.types import type_for_annotation

DOCS = Path(__file__).parents[2] / "docs" / "types.md"


class Color(enum.Enum):
    RED = "r"
    BLUE = "b"


class Upper(TypeDecorator):
    impl = flask_uow.String(20)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> Any:
        return None if value is None else value.upper()


class Word(UserDefinedType):
    def get_col_spec(self, **kw: object) -> str:
        return "VARCHAR(20)"


class Example(NamedTuple):
    """A type with values that it keeps.

    :ivar reflects: the type that a column of it is found as, on SQLite and on PostgreSQL; the type itself where that is a type of the database.
    :ivar only: the one database that has it.
    :ivar annotates: True where its Python type, as an annotation, means the type.
    :ivar casts: False where nothing is cast to it.
    :ivar compares: False where the database compares none of its values.
    :ivar extension: the extension that the database has to have for it, and the tests' own has not.
    """

    type_: TypeEngine[Any]
    values: list[Any]
    reflects: tuple[str, str]
    only: str | None = None
    annotates: bool = False
    casts: bool = True
    compares: bool = True
    extension: str | None = None


f = flask_uow
MOMENT = dt.datetime(2024, 5, 1, 12, 30, 15, 250_000)
EXAMPLES = [
    Example(f.Integer(), [1, -5], ("INTEGER", "INTEGER"), annotates=True),
    Example(f.INTEGER(), [1, -5], ("INTEGER", "INTEGER")),
    Example(f.INT(), [1, -5], ("INTEGER", "INTEGER")),
    Example(f.SmallInteger(), [1, -5], ("SMALLINT", "SMALLINT")),
    Example(f.SMALLINT(), [1, -5], ("SMALLINT", "SMALLINT")),
    Example(f.BigInteger(), [2**40, -5], ("BIGINT", "BIGINT")),
    Example(f.BIGINT(), [2**40, -5], ("BIGINT", "BIGINT")),
    Example(f.String(9), ["it's", ""], ("VARCHAR(length=9)", "VARCHAR(length=9)"), annotates=True),
    Example(f.VARCHAR(9), ["it's", ""], ("VARCHAR(length=9)", "VARCHAR(length=9)")),
    Example(f.NVARCHAR(9), ["ü", ""], ("VARCHAR(length=9)", "VARCHAR(length=9)")),
    Example(f.Unicode(9), ["ü", ""], ("VARCHAR(length=9)", "VARCHAR(length=9)")),
    Example(f.CHAR(2), ["ab", "cd"], ("CHAR(length=2)", "CHAR(length=2)")),
    Example(f.NCHAR(2), ["ab", "cd"], ("CHAR(length=2)", "CHAR(length=2)")),
    Example(f.CLOB(), ["it's", ""], ("TEXT()", "TEXT()")),
    Example(f.Text(), ["it's", '"{}\\'], ("TEXT()", "TEXT()")),
    Example(f.TEXT(), ["it's", ""], ("TEXT()", "TEXT()")),
    Example(f.UnicodeText(), ["ü", ""], ("TEXT()", "TEXT()")),
    Example(f.Boolean(), [True, False], ("BOOLEAN()", "BOOLEAN()"), annotates=True),
    Example(f.BOOLEAN(), [True, False], ("BOOLEAN()", "BOOLEAN()")),
    Example(f.Float(), [0.1, -2.5], ("FLOAT()", "DOUBLE_PRECISION()"), annotates=True),
    Example(f.FLOAT(53), [0.1, -2.5], ("FLOAT(precision=53)", "DOUBLE_PRECISION()")),
    Example(f.Double(), [0.1, -2.5], ("DOUBLE()", "DOUBLE_PRECISION()")),
    Example(f.DOUBLE(), [0.1, -2.5], ("DOUBLE()", "DOUBLE_PRECISION()")),
    Example(f.DOUBLE_PRECISION(), [0.1, -2.5], ("FLOAT()", "DOUBLE_PRECISION()")),
    Example(f.REAL(), [0.5, -2.5], ("REAL()", "REAL()")),
    Example(f.Numeric(9, 2), [Decimal("1.10"), Decimal("-2.00")], ("NUMERIC(precision=9, scale=2)",) * 2, annotates=True),
    Example(f.NUMERIC(9), [Decimal(110), Decimal(-2)], ("NUMERIC(precision=9)", "NUMERIC(precision=9)")),
    Example(f.DECIMAL(), [Decimal("1.125"), Decimal("-2")], ("NUMERIC()", "NUMERIC()")),
    Example(f.Date(), [dt.date(2024, 5, 1), dt.date(1, 1, 1)], ("DATE()", "DATE()"), annotates=True),
    Example(f.DATE(), [dt.date(2024, 5, 1), dt.date(1, 1, 1)], ("DATE()", "DATE()")),
    Example(f.Time(), [dt.time(1, 2, 3, 4), dt.time()], ("TIME()", "TIME()"), annotates=True),
    Example(f.TIME(timezone=True), [dt.time(1, 2, tzinfo=dt.UTC), dt.time(tzinfo=dt.UTC)], ("TIME(timezone=True)",) * 2),
    Example(f.DateTime(), [MOMENT, dt.datetime(1, 1, 1)], ("DATETIME()", "TIMESTAMP()"), annotates=True),
    Example(f.DATETIME(), [MOMENT, dt.datetime(1, 1, 1)], ("DATETIME()", "TIMESTAMP()")),
    Example(
        f.TIMESTAMP(timezone=True),
        [MOMENT.replace(tzinfo=dt.UTC), dt.datetime(1970, 1, 1, tzinfo=dt.UTC)],
        ("DATETIME(timezone=True)", "TIMESTAMP(timezone=True)"),
    ),
    Example(f.Interval(), [dt.timedelta(3, 4, 5), -dt.timedelta(1)], ("INTERVAL()", "INTERVAL()"), annotates=True),
    Example(f.INTERVAL(), [dt.timedelta(3, 4, 5), -dt.timedelta(1)], ("INTERVAL()", "INTERVAL()")),
    Example(f.LargeBinary(9), [b"\0x", b""], ("BLOB(length=9)", "BYTEA()"), annotates=True),
    Example(f.BLOB(), [b"\0x", b""], ("BLOB()", "BYTEA()")),
    Example(f.BINARY(3), [b"\0x", b""], ("BLOB(length=3)", "BYTEA()")),
    Example(f.VARBINARY(), [b"\0x", b""], ("BLOB()", "BYTEA()")),
    Example(f.BYTEA(), [b"\0x", b""], ("BLOB()", "BYTEA()")),
    Example(f.JSON(), [{"a": [1, None, "ü"]}, []], ("JSON()", "JSON()"), annotates=True),
    Example(f.JSONB(), [{"a": [1, None, "ü"]}, [1.5]], ("JSON()", "JSON()")),
    Example(f.Uuid(), [uuid.UUID(int=5), uuid.UUID(int=2**127)], ("UUID()", "UUID()"), annotates=True),
    Example(f.UUID(as_uuid=False), [str(uuid.UUID(int=5)), str(uuid.UUID(int=7))], ("UUID()", "UUID()")),
    Example(f.Uuid(native_uuid=False), [uuid.UUID(int=5)], ("CHAR(length=32)", "CHAR(length=32)")),
    Example(f.Enum(Color), [Color.RED, Color.BLUE], ("VARCHAR(length=4)", "VARCHAR(length=4)")),
    Example(f.Enum("a", "it's"), ["a", "it's"], ("VARCHAR(length=4)", "VARCHAR(length=4)")),
    Example(f.ENUM("a", "it's", name="example_enum"), ["a", "it's"], ("VARCHAR(length=4)", "NativeType(native='example_enum')")),
    Example(f.DOMAIN("example_domain", f.Integer), [1, -5], ("INTEGER", "INTEGER")),
    Example(f.ARRAY(f.Integer()), [[1, None, 3], []], ("ARRAY(item_type=NullType())", "ARRAY(item_type=INTEGER())")),
    Example(f.PickleType(), [{1: (2, 3)}, "x"], ("BLOB()", "BYTEA()"), casts=False),
    Example(Upper(), ["AB", "C"], ("VARCHAR(length=20)", "VARCHAR(length=20)")),
    Example(Word(), ["ab", "c"], ("VARCHAR(length=20)", "VARCHAR(length=20)")),
    Example(f.INET(), ["10.0.0.1", "10.0.0.0/8"], ("", "INET()"), only="postgresql"),
    Example(f.CIDR(), ["10.0.0.0/8"], ("", "CIDR()"), only="postgresql"),
    Example(f.MACADDR(), ["08:00:2b:01:02:03"], ("", "MACADDR()"), only="postgresql"),
    Example(f.TSVECTOR(), ["'ab':1 'c':2"], ("", "TSVECTOR()"), only="postgresql"),
    Example(f.MACADDR8(), ["08:00:2b:01:02:03:04:05"], ("", "MACADDR8()"), only="postgresql"),
    Example(f.TSQUERY(), ["'ab' & 'c'"], ("", "TSQUERY()"), only="postgresql"),
    Example(f.BIT(4), ["0110"], ("", "BIT(length=4)"), only="postgresql"),
    Example(f.BIT(4, varying=True), ["01"], ("", "BIT(length=4, varying=True)"), only="postgresql"),
    Example(f.MONEY(), ["$1,000.00"], ("", "MONEY()"), only="postgresql"),
    Example(f.OID(), [23], ("BIGINT", "OID()")),
    Example(f.REGCLASS(), ["pg_class"], ("", "REGCLASS()"), only="postgresql"),
    Example(f.REGCONFIG(), ["english"], ("", "REGCONFIG()"), only="postgresql"),
    Example(f.JSONPATH(), ['$."a"[*]'], ("", "JSONPATH()"), only="postgresql", compares=False),
    Example(f.HSTORE(), [{"a": "1", 'q"\\': None}, {}], ("", "HSTORE()"), only="postgresql", extension="hstore"),
    Example(f.CITEXT(), ["a"], ("", "CITEXT()"), only="postgresql", extension="citext"),
    Example(f.INT4RANGE(), [f.Range(1, 5), f.Range(empty=True)], ("", "NativeType(native='int4range')"), only="postgresql"),
    Example(f.INT8RANGE(), [f.Range(2**40, None)], ("", "NativeType(native='int8range')"), only="postgresql"),
    Example(
        f.NUMRANGE(),
        [f.Range(Decimal("1.5"), Decimal("2.5"), "[]"), f.Range(None, Decimal(2), "(]")],
        ("", "NativeType(native='numrange')"),
        only="postgresql",
    ),
    Example(
        f.DATERANGE(), [f.Range(dt.date(2024, 1, 1), dt.date(2024, 2, 1))], ("", "NativeType(native='daterange')"), only="postgresql"
    ),
    Example(f.TSRANGE(), [f.Range(MOMENT, None)], ("", "NativeType(native='tsrange')"), only="postgresql"),
    Example(
        f.TSTZRANGE(), [f.Range(MOMENT.replace(tzinfo=dt.UTC), None)], ("", "NativeType(native='tstzrange')"), only="postgresql"
    ),
]  # fmt: skip
# the bases of others, and what stands for a type that is not known
ABSTRACT = (TypeEngine, TypeDecorator, UserDefinedType, NullType, NativeType, f.RangeType)
every = pytest.mark.parametrize("example", EXAMPLES, ids=[repr(example.type_) for example in EXAMPLES])


def public_types() -> Iterator[type[TypeEngine[Any]]]:
    for name in flask_uow.__all__:
        found = getattr(flask_uow, name)
        if isinstance(found, type) and issubclass(found, TypeEngine) and found not in ABSTRACT:
            yield found


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        connection.run("DROP TABLE IF EXISTS kept", (), write=True)
        yield connection


def table_of(example: Example, connection: Connection) -> Table | None:
    """Return a new table with one column of the type; None for a database that does not have the type, after it said so."""
    table = Table("kept", MetaData(), Column("id", f.Integer, primary_key=True), Column("value", example.type_))
    if example.only not in (None, connection.dialect.name):
        with pytest.raises(CompileError, match="is no type of"):
            table.metadata.create_all(connection)
        return None
    if example.extension is not None:
        with pytest.raises(ProgrammingError, match=f'type "{example.extension}" does not exist'):
            table.metadata.create_all(connection)
        return None
    table.metadata.create_all(connection)
    return table


def test_each_public_type_has_an_example_here() -> None:
    missing = set(public_types()) - {type(example.type_) for example in EXAMPLES}
    assert not missing


@every
def test_values_of_the_type_come_back_from_single_inserts(connection: Connection, example: Example) -> None:
    table = table_of(example, connection)
    if table is None:
        return
    wanted = [*example.values, None]
    for value in wanted:
        connection.execute(Insert(table).with_columns(["value"]), {"value": value})
    assert connection.scalars(select(table.c.value).order_by(table.c.id)).all() == wanted
    for found, value in zip(connection.scalars(select(table.c.value).order_by(table.c.id)), wanted, strict=True):
        assert type(found) is type(value)


@every
def test_values_of_the_type_come_back_from_inserts_of_many(connection: Connection, example: Example) -> None:
    table = table_of(example, connection)
    if table is None:
        return
    wanted = [None, *example.values, *example.values]
    connection.dialect.batch.insert(connection, table, [table.c.value], [wanted], generated_key=table.c.id)
    assert connection.scalars(select(table.c.value).order_by(table.c.id)).all() == wanted


@every
def test_rows_are_found_by_values_of_the_type(connection: Connection, example: Example) -> None:
    table = table_of(example, connection)
    if table is None:
        return
    for value in example.values:
        connection.execute(Insert(table).with_columns(["value"]), {"value": value})
    if not example.compares:
        with pytest.raises(ProgrammingError, match="operator does not exist"):
            connection.scalars(select(table.c.id).where(table.c.value == example.values[0])).all()
        return
    for number, value in enumerate(example.values, 1):
        assert connection.scalars(select(table.c.id).where(table.c.value == value)).all() == [number]
    assert len(connection.scalars(select(table.c.id).where(table.c.value.in_(example.values))).all()) == len(
        example.values
    )


@every
def test_null_is_cast_to_the_type(connection: Connection, example: Example) -> None:
    if table_of(example, connection) is None:
        return
    assert connection.scalar(select(cast(null(), example.type_))) is None
    if example.casts:
        value = connection.scalar(select(cast(literal(example.values[0], example.type_), example.type_)))
        assert value == example.values[0]


@every
def test_a_column_of_the_type_is_reflected(connection: Connection, example: Example) -> None:
    if table_of(example, connection) is None:
        return
    found = next(column["type"] for column in inspect(connection).get_columns("kept") if column["name"] == "value")
    expected = example.reflects[connection.dialect.name == "postgresql"]
    assert repr(found) == (expected if "(" in expected else f"{expected}()")
    assert connection.dialect.type_ddl(found)


@every
def test_the_python_type_of_the_type_annotates_it(example: Example) -> None:
    python_type = dict if isinstance(example.type_, f.JSON) else example.type_.python_type
    assert all(isinstance(value, python_type) for value in example.values) or isinstance(example.type_, f.JSON)
    found = type_for_annotation(python_type)
    assert (type(found) is type(example.type_)) is example.annotates or type(example.type_) in (f.Enum, f.Uuid)


@pytest.mark.parametrize("cls", list(public_types()), ids=lambda cls: str(cls.__name__))
def test_the_docs_have_a_row_that_says_what_the_type_takes(cls: type[TypeEngine[Any]]) -> None:
    rows = [line.split("|")[1] for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    named = {kind.__name__ for kind in cls.__mro__}
    assert any(f"`{name}" in row for row in rows for name in named if name in vars(flask_uow))
