"""Arrays that a statement makes, aggregates of ordered rows, and what types tell and are told; alike on both databases."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from typing import Any

import pytest

from flask_uow import DeclarativeBase, Engine, Mapped, Session, create_engine, mapped_column
from flask_uow.exc import ArgumentError, CompileError, DataError
from flask_uow.sql import (
    ARRAY,
    BIGINT,
    ENUM,
    HSTORE,
    JSON,
    JSONB,
    NUMERIC,
    VARCHAR,
    BigInteger,
    Column,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    TypeDecorator,
    aggregate_order_by,
    any_,
    array,
    array_agg,
    func,
    insert,
    literal,
    select,
)
from tests.sql.conftest import item, person

c = person.c
i = item.c


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (array([c.a, c.b, 9]), [7, 2, 9]),
        (array([1, None]), [1, None]),
        (array(["x", c.name]), ["x", "Ann"]),
        (array([Decimal("1.50"), Decimal(2)], Numeric(8, 2)), [Decimal("1.50"), Decimal("2.00")]),
        (array([], Integer), []),
        (array([array([1, c.a]), array([3, 4])]), [[1, 7], [3, 4]]),
        (array([c.a, c.b])[2], 2),
        (c.a == any_(array([1, 7])), True),
        (array([1, 2, 3]).contains([2]), True),
        (array([True, False]), [True, False]),
    ],
)
def test_arrays_are_made_of_expressions(connection: Any, expression: Any, expected: Any) -> None:
    assert connection.scalar(select(expression).where(c.id == 1)) == expected


def test_an_empty_array_needs_a_type() -> None:
    with pytest.raises(ArgumentError, match="Integer"):
        array([])


def test_arrays_of_rows(connection: Any) -> None:
    assert sorted(connection.scalar(select(array_agg(c.a)))) == [5, 7]
    assert connection.scalar(select(func.array_agg(c.a)).where(c.id < 0)) is None
    of_owner = select(i.owner, func.array_agg(i.price)).where(i.owner == 1).group_by(i.owner)
    owner, prices = connection.execute(of_owner).one()
    assert (owner, sorted(prices)) == (1, [Decimal("9.99"), Decimal("10.01")])
    some = func.array_agg(c.a).filter(c.a > 5)
    assert connection.scalar(select(some)) == [7]
    assert connection.scalar(select(func.array_agg(c.a).filter(c.a > 50))) is None
    assert connection.scalars(select(func.array_agg(c.a).over(order_by=c.id)).order_by(c.id)).all() == [[7], [7, 5]]
    assert isinstance(array_agg(c.a).type, ARRAY)


def test_texts_are_joined(connection: Any) -> None:
    assert connection.scalar(select(func.aggregate_strings(c.name, ", "))) in ("Ann, bob", "bob, Ann")


def test_aggregates_take_their_rows_in_an_order(connection: Any) -> None:
    descending = select(func.array_agg(aggregate_order_by(c.name, c.id.desc())))
    joined = select(func.aggregate_strings(c.name, aggregate_order_by(literal("-"), c.id.desc())))
    if connection.dialect.name == "sqlite" and sqlite3.sqlite_version_info < (3, 44):
        with pytest.raises(CompileError, match=r"3\.44"):
            connection.execute(descending)
        return
    assert connection.scalar(descending) == ["bob", "Ann"]
    assert connection.scalar(joined) == "bob-Ann"
    with pytest.raises(ArgumentError, match="no order"):
        aggregate_order_by(c.name)


# -- types


def test_a_column_has_a_collation(engine: Engine) -> None:
    name = "C" if engine.dialect.name == "postgresql" else "NOCASE"
    table = Table("t", MetaData(), Column("id", Integer, primary_key=True), Column("word", String(9, collation=name)))
    table.create(engine)
    with engine.begin() as connection:
        connection.execute(insert(table), [{"word": word} for word in ("b", "A", "a", "B")])
        expected = ["A", "B", "a", "b"] if name == "C" else ["A", "a", "B", "b"]
        found = connection.scalars(select(table.c.word).order_by(table.c.word, table.c.id)).all()
        assert found == expected if name == "C" else [word.lower() for word in found] == ["a", "a", "b", "b"]
    assert repr(String(9, collation="C")) == "String(length=9, collation='C')"


def test_types_have_general_names() -> None:
    assert repr(VARCHAR(50).as_generic()) == "String(length=50)"
    assert repr(NUMERIC(5, 2).as_generic()) == "Numeric(precision=5, scale=2)"
    assert type(BIGINT().as_generic()) is BigInteger
    assert BIGINT().as_generic().cache_key == BigInteger().cache_key
    assert type(String().as_generic()) is String
    assert isinstance(JSON().as_generic(), JSON)


def test_types_are_written_out(engine: Engine) -> None:
    assert String(5).compile(engine.dialect) == "VARCHAR(5)"
    assert Integer().compile() == "INTEGER"


def test_an_enum_is_a_type_of_its_own(engine: Engine) -> None:
    table = Table(
        "t", MetaData(), Column("id", Integer, primary_key=True), Column("c", ENUM("red", "blue", name="color"))
    )
    table.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(table).values(c="red"))
        assert connection.scalars(select(table.c.c)).all() == ["red"]
        with pytest.raises(DataError):
            connection.execute(insert(table).values(c="green"))
    table.metadata.drop_all(engine)


def test_a_decorated_type_says_what_is_compared_with_it(engine: Engine) -> None:
    class Doubled(TypeDecorator):
        impl = Integer
        cache_ok = True

        def process_bind_param(self, value: Any, dialect: Any) -> Any:
            return None if value is None else value * 2

        def coerce_compared_value(self, op: Any, value: Any) -> Any:
            return self.impl.coerce_compared_value(op, value)

    class Base(DeclarativeBase):
        pass

    class Thing(Base):
        __tablename__ = "thing"
        id: Mapped[int] = mapped_column(primary_key=True)
        number: Mapped[int] = mapped_column(Doubled)

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Thing(number=4))
        session.flush()
        assert session.scalars(select(Thing.id).where(Thing.number == 8)).all() == [1]
        assert session.scalars(select(Thing.id).where(Thing.number == 4)).all() == []
    assert isinstance(Doubled().impl_instance, Integer)


def test_parts_of_documents_as_text(engine: Engine) -> None:
    table = Table("t", MetaData(), Column("id", Integer, primary_key=True), Column("data", JSON))
    table.create(engine)
    with engine.begin() as connection:
        connection.execute(insert(table).values(data={"a": {"b": "x"}}))
        assert connection.scalars(select(table.c.id).where(table.c.data["a"]["b"].astext == "x")).all() == [1]
        assert connection.scalar(select(table.c.data[("a", "b")].astext)) == "x"


# the server of the tests has no extensions: a domain stands for the type, which shows the way of values; the operators as they are written


def test_hstore_keeps_texts_by_keys(postgresql_uri: str) -> None:
    engine = create_engine(postgresql_uri)
    table = Table(
        "t", MetaData(), Column("id", Integer, primary_key=True), Column("tags", HSTORE), Column("note", Text)
    )
    given = {"color": "red", "size": None, 'q"uo\\te': "a => b, \n'c'", "": ""}
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE DOMAIN hstore AS text")
        table.create(connection)
        connection.execute(insert(table), [{"tags": given}, {"tags": {}}, {"tags": None}])
        assert connection.scalars(select(table.c.tags).order_by(table.c.id)).all() == [given, {}, None]
        assert connection.scalars(select(table.c.id).where(table.c.tags == given)).all() == [1]
        with pytest.raises(DataError, match="dict of texts"):
            connection.execute(insert(table).values(tags={"a": 1}))
        with pytest.raises(DataError, match="texts as keys"):
            connection.execute(insert(table).values(tags={1: "a"}))
    tags = table.c.tags
    written = [
        str(expression.compile(engine, compile_kwargs={"literal_binds": True}))
        for expression in (tags["color"], tags.has_key("a"), tags.contains({"a": "b"}), tags.contained_by({"a": "b"}))
    ]
    assert written == [
        "t.tags -> 'color'",
        "t.tags ? 'a'",
        't.tags @> \'"a"=>"b"\'::hstore',
        't.tags <@ \'"a"=>"b"\'::hstore',
    ]
    assert isinstance(tags["color"].type, String)
    engine.dispose()
    with pytest.raises(CompileError, match="no type of sqlite"):
        table.create(create_engine("sqlite://"))


def test_plus_joins_arrays_and_documents(engine: Engine) -> None:
    table = Table(
        "joined",
        MetaData(),
        Column("id", Integer, primary_key=True),
        Column("tags", ARRAY(String)),
        Column("doc", JSONB),
    )
    table.create(engine)
    c = table.c
    with engine.begin() as connection:
        connection.execute(table.insert().values(id=1, tags=["a"], doc={"a": 1, "l": [1.10]}))

        def value(element: Any) -> Any:
            return connection.scalar(select(element).select_from(table))

        one, more = ["b"], ["b", "c"]
        assert value(c.tags + more) == ["a", "b", "c"]
        assert value(one + c.tags) == ["b", "a"]
        assert value(c.tags + c.tags + []) == ["a", "a"]
        assert value((c.tags + one).contains(one)) in (True, 1)
        assert value(array([1, 2]) + array([3])) == [1, 2, 3]
        assert value(c.doc + {"b": None, "a": 2}) == {"a": 2, "b": None, "l": [1.1]}
        assert value(c.doc["l"] + [2]) == [1.1, 2]
        connection.execute(table.update().values(tags=c.tags + one, doc=c.doc + {"q": "r"}))
        assert connection.execute(select(c.tags, c.doc["q"].as_string())).one() == (["a", "b"], "r")
