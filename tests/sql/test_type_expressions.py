"""SQL around the values of types: ``bind_expression()`` and ``column_expression()`` in statements, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import ArgumentError, Connection, Engine
from flask_uow.sql import (
    CHAR,
    Column,
    Integer,
    MetaData,
    String,
    Table,
    TypeDecorator,
    UserDefinedType,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    func,
    insert,
    literal,
    select,
    text,
    tuple_,
    type_coerce,
    union_all,
    update,
)
from tests.loud import Loud


class Quiet(String):
    """The same of a class of the library itself, for values only."""

    def bind_expression(self, bindvalue: Any) -> Any:
        return func.lower(bindvalue)


class Reversed(UserDefinedType):
    """Text that is read in brackets."""

    def get_col_spec(self, **kw: object) -> str:
        return "VARCHAR(20)"

    def column_expression(self, column: Any) -> Any:
        return literal("[") + type_coerce(column, String) + "]"


metadata = MetaData()
word = Table(
    "word",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("text", Loud),
    Column("other", Quiet(20)),
    Column("third", Reversed()),
)
keyed = Table("keyed", metadata, Column("key", Loud, primary_key=True), Column("n", Integer))
with_default = Table(
    "with_default",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("text", Loud, default="made", onupdate=lambda: "changed"),
)


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(
            insert(word),
            [
                {"id": 1, "text": "one", "other": "ONE", "third": "a"},
                {"id": 2, "text": "50%", "other": "Two", "third": "b"},
                {"id": 3, "text": None, "other": None, "third": None},
            ],
        )
        yield connection


def kept(connection: Connection, column: str, table: str = "word") -> list[Any]:
    return list(connection.scalars(text(f"SELECT {column} FROM {table} ORDER BY id")).all())


def test_values_and_columns_go_through_the_expressions_of_their_types(connection: Connection) -> None:
    assert kept(connection, "text") == ["ONE", "50#", None]
    assert kept(connection, "other") == ["one", "two", None]
    assert kept(connection, "third") == ["a", "b", None]
    rows = connection.execute(select(word).order_by(word.c.id)).all()
    assert rows == [(1, "one", "one", "[a]"), (2, "50%", "two", "[b]"), (3, None, None, None)]
    assert rows[0]._fields == ("id", "text", "other", "third")
    # the second time from the cache
    assert connection.execute(select(word).order_by(word.c.id)).all() == rows


def test_values_beside_a_column_have_the_sql_and_the_column_itself_has_none(connection: Connection) -> None:
    def ids(condition: Any) -> list[int]:
        return list(connection.scalars(select(word.c.id).where(condition).order_by(word.c.id)).all())

    t = word.c.text
    assert ids(t == "one") == [1]
    assert ids(t != "one") == [2]
    assert ids(t == "50%") == [2]
    assert ids(t.in_(["one", "50%"])) == [1, 2]
    assert ids(t.not_in(["one"])) == [2]
    assert ids(t.between("40%", "60%")) == [2]
    assert ids(tuple_(t, word.c.id).in_([("one", 1), ("one", 2)])) == [1]
    assert ids(and_(t.is_(None), word.c.other.is_(None))) == [3]
    assert ids(t == bindparam("wanted", "one")) == [1]
    assert ids(t == literal("one", Loud)) == [1]
    assert ids(literal("x", Loud) == type_coerce("x", Loud)) == [1, 2, 3]
    assert ids(case((t == "one", 1), else_=0) == 1) == [1]
    assert connection.scalar(select(word.c.id).where(t == bindparam("wanted")), {"wanted": "50%"}) == 2


@pytest.mark.parametrize("given", [["one", "50%"], ["one"], []])
def test_lists_of_any_length_have_the_sql_around_each_item(connection: Connection, given: list[str]) -> None:
    inside = select(word.c.id).where(word.c.text.in_(bindparam("given", expanding=True))).order_by(word.c.id)
    assert connection.scalars(inside, {"given": given}).all() == [1, 2][: len(given)]
    outside = select(word.c.id).where(word.c.text.not_in(bindparam("given", expanding=True))).order_by(word.c.id)
    assert connection.scalars(outside, {"given": given}).all() == ([1, 2, 3] if not given else [1, 2][len(given) :])
    written = text("SELECT id FROM word WHERE text IN :given ORDER BY id").bindparams(
        bindparam("given", type_=Loud, expanding=True)
    )
    assert connection.scalars(written, {"given": given}).all() == [1, 2][: len(given)]


def test_only_the_rows_of_the_statement_itself_are_read_by_the_sql(connection: Connection) -> None:
    def text_of(statement: Any) -> list[Any]:
        return list(connection.scalars(statement).all())

    t = word.c.text
    inner = select(t, word.c.id).where(t == "one").subquery()
    assert text_of(select(inner.c.text)) == ["one"]
    assert text_of(select(inner.c.text.label("x")).where(inner.c.text == "one")) == ["one"]
    cte = select(t.label("l")).where(word.c.id < 3).cte()
    assert text_of(select(cte.c.l).order_by(cte.c.l)) == ["50%", "one"]
    assert text_of(select(select(t).where(word.c.id == 2).scalar_subquery())) == ["50%"]
    assert text_of(select(word.c.id).where(t.in_(select(t).where(word.c.id == 2)))) == [2]
    both = union_all(select(t).where(word.c.id == 1), select(t).where(word.c.id == 2))
    assert sorted(text_of(both)) == ["50%", "one"]
    assert sorted(text_of(select(both.subquery().c.text))) == ["50%", "one"]
    assert text_of(select(t).where(word.c.id < 3).distinct().order_by("text")) == ["50%", "one"]
    assert text_of(select(func.max(t))) == ["one"]
    assert text_of(select(type_coerce(word.c.other, Loud)).where(word.c.id == 1)) == ["one"]
    assert text_of(select(type_coerce(t, String)).where(word.c.id == 2)) == ["50#"]
    assert text_of(select(func.lower(t)).where(word.c.id == 2)) == ["50#"]
    assert text_of(select(cast(t, String)).where(word.c.id == 2)) == ["50#"]
    assert connection.execute(select(t, func.count()).where(word.c.id < 3).group_by(t).order_by(t)).all() == [
        ("50%", 1),
        ("one", 1),
    ]
    # the text as it is kept goes from table to table
    connection.execute(insert(word).from_select(["id", "text"], select(word.c.id + 10, t).where(word.c.id == 2)))
    assert kept(connection, "text")[-1] == "50#"
    assert str(select(t)) == "SELECT replace(lower(word.text), :default_1, :default_2) AS text FROM word"


def test_insert_update_and_returning(engine: Engine, connection: Connection) -> None:
    t = word.c.text
    assert connection.execute(insert(word).values(id=4, text="four%").returning(t, word.c.third)).one() == (
        "four%",
        None,
    )
    assert connection.execute(
        insert(word).values([{"id": 5, "text": "a"}, {"id": 6, "text": "b"}]).returning(t)
    ).all() == [("a",), ("b",)]
    several = connection.execute(
        insert(word).returning(t, sort_by_parameter_order=True), [{"id": 7, "text": "c%"}, {"id": 8, "text": "d"}]
    )
    assert several.all() == [("c%",), ("d",)]
    assert connection.execute(
        update(word).where(t == "a").values(text="new%").returning(t.label("x"))
    ).one()._asdict() == {"x": "new%"}
    connection.execute(
        update(word).where(t == bindparam("old")).values(text=bindparam("new")),
        [{"old": "b", "new": "bb%"}, {"old": "d", "new": "dd"}],
    )
    assert kept(connection, "text")[3:] == ["FOUR#", "NEW#", "BB#", "C#", "DD"]
    conflict = (
        insert(word).values(id=4, text="x").on_conflict_do_update([word.c.id], {"text": "y%"}, where=t == "four%")
    )
    assert connection.execute(conflict.returning(t)).scalar_one() == "y%"
    excluded = insert(word).values(id=4, text="z%")
    connection.execute(excluded.on_conflict_do_update([word.c.id], {"text": excluded.excluded.text}))
    assert kept(connection, "text")[3] == "Z#"
    if engine.dialect.name == "postgresql":
        written = insert(word).values(id=20, text="w%").returning(word.c.text).cte("written")
        assert connection.scalar(select(written.c.text)) == "w%"


def test_keys_and_defaults(connection: Connection) -> None:
    result = connection.execute(insert(keyed).values(key="k%", n=1))
    assert result.inserted_primary_key == ("k%",)
    assert connection.scalar(text("SELECT key FROM keyed")) == "K#"
    assert connection.scalar(select(keyed.c.key).where(keyed.c.key == "k%")) == "k%"
    assert connection.execute(insert(with_default).values(id=1)).inserted_primary_key == (1,)
    assert kept(connection, "text", "with_default") == ["MADE"]
    connection.execute(update(with_default).values(id=2))
    assert connection.execute(select(with_default)).all() == [(2, "changed")]


def test_values_in_the_text_for_people(engine: Engine) -> None:
    statement = select(word.c.id).where(word.c.text == "it's 5%")
    written = str(statement.compile(engine, compile_kwargs={"literal_binds": True}))
    assert written == "SELECT word.id FROM word WHERE word.text = upper(replace('it''s 5%', '%', '#'))"
    assert (
        str(statement) == "SELECT word.id FROM word WHERE word.text = upper(replace(:param_1, :default_2, :default_3))"
    )


def test_a_type_may_have_the_sql_on_one_database_only(engine: Engine) -> None:
    class OnServers(TypeDecorator):
        impl = String

        def load_dialect_impl(self, dialect: Any) -> Any:
            return dialect.type_descriptor(Loud() if dialect.name == "postgresql" else String(50))

    class Guid(TypeDecorator):
        impl = CHAR

        def load_dialect_impl(self, dialect: Any) -> Any:
            return dialect.type_descriptor(Uuid if dialect.name == "postgresql" else CHAR(32))

    table = Table(
        "one_database",
        MetaData(),
        Column("id", Integer, primary_key=True),
        Column("text", OnServers),
        Column("variant", String(20).with_variant(Quiet(20), "sqlite")),
        Column("guid", Guid),
    )
    table.create(engine)
    is_server = engine.dialect.name == "postgresql"
    with engine.begin() as connection:
        connection.execute(insert(table).values(id=1, text="a%", variant="B"))
        assert kept(connection, "text", "one_database") == ["A#" if is_server else "a%"]
        assert kept(connection, "variant", "one_database") == ["B" if is_server else "b"]
        assert connection.execute(select(table.c.text)).scalar_one() == "a%"
    assert engine.dialect.type_ddl(table.c.guid.type) == ("UUID" if is_server else "CHAR(32)")


def test_what_the_methods_return_is_an_expression_or_nothing(connection: Connection) -> None:
    class Nothing(String):
        def bind_expression(self, bindvalue: Any) -> Any:
            return None

        def column_expression(self, column: Any) -> Any:
            return None

    class Textual(String):
        def bind_expression(self, bindvalue: Any) -> Any:
            return "upper(?)"

    assert connection.scalar(select(literal("a", Nothing))) == "a"
    with pytest.raises(ArgumentError, match=r"Textual\.bind_expression\(\) returned the text"):
        connection.scalar(select(literal("a", Textual)))


class Scaled(Integer):
    """A number that the database keeps multiplied: a class of the library itself, with a parameter."""

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = factor

    def bind_expression(self, bindvalue: Any) -> Any:
        return type_coerce(bindvalue, Integer) * self.factor

    def column_expression(self, column: Any) -> Any:
        return type_coerce(column, Integer) // self.factor


@pytest.mark.parametrize("factors", [(2, 10), (10, 2)])
def test_statements_that_differ_in_what_their_types_hold_are_not_one(
    connection: Connection, factors: tuple[int, int]
) -> None:
    for factor in factors:
        sent = literal(3, Scaled(factor))
        assert connection.scalar(select(type_coerce(sent, Integer))) == 3 * factor
        assert connection.scalars(select(type_coerce(word.c.id, Scaled(factor))).where(word.c.id == 2)).all() == [
            2 // factor
        ]


def test_values_compared_with_a_column_of_such_a_class_have_its_sql(connection: Connection) -> None:
    table = Table(
        "compared",
        MetaData(),
        Column("id", Integer, primary_key=True),
        Column("text", Quiet(20)),
        Column("number", Scaled(10)),
        Column("variant", String(20).with_variant(Quiet(20), "sqlite", "postgresql")),
    )
    table.create(connection)
    connection.execute(
        insert(table), [{"id": n, "text": t, "number": n, "variant": t} for n, t in ((1, "A"), (2, "B"))]
    )

    def ids(condition: Any, **values: Any) -> list[int]:
        return list(connection.scalars(select(table.c.id).where(condition).order_by(table.c.id), values).all())

    for column, value, other in (
        (table.c.text, "A", "B"),
        (table.c.number, 1, 2),
        (table.c.variant, "A", "B"),
    ):
        assert ids(column == value) == [1]
        assert ids(column == bindparam("value"), value=value) == [1]
        assert ids(column.in_([value])) == [1]
        assert ids(column.in_(bindparam("values")), values=[value, other]) == [1, 2]
        assert ids(tuple_(table.c.id, column).in_(bindparam("values")), values=[(1, value), (2, value)]) == [1]
        assert ids(column.between(value, value)) == [1]
