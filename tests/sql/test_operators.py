"""Operators beyond comparison and arithmetic: bits, quantifiers, patterns, casts, and operators of the database's own; alike on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from flask_uow import Connection, DeclarativeBase, Engine, Mapped, Session, create_engine, mapped_column
from flask_uow.exc import ArgumentError, CompileError, InvalidRequestError
from flask_uow.sql import (
    ARRAY,
    BIT,
    JSONPATH,
    MONEY,
    OID,
    REGCLASS,
    TSVECTOR,
    BigInteger,
    Column,
    DateTime,
    Float,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    all_,
    any_,
    between,
    bindparam,
    bitwise_not,
    cast,
    collate,
    column,
    func,
    funcfilter,
    insert,
    join,
    literal,
    not_,
    outerjoin,
    over,
    select,
    table,
    text,
    within_group,
)
from tests.sql.conftest import item, person

c = person.c

metadata = MetaData()
marks = Table(
    "marks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("bits", Integer),
    Column("word", String),
    Column("several", ARRAY(Integer)),
    Column("prices", ARRAY(Numeric(8, 2))),
)
m = marks.c


@pytest.fixture
def rows(engine: Engine) -> Iterator[Connection]:
    """A connection to a database with three rows of ``marks``."""
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(
            insert(marks),
            [
                {"bits": 6, "word": "50% off", "several": [1, 2], "prices": [Decimal("1.50")]},
                {"bits": 3, "word": "a_b^c", "several": [], "prices": []},
                {"bits": None, "word": None, "several": None, "prices": None},
            ],
        )
    with engine.connect() as connection:
        connection.begin()
        yield connection


def values(connection: Connection, expression: Any) -> list[Any]:
    """The expression's value in each row."""
    return list(connection.scalars(select(expression).order_by(m.id)))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (m.bits.bitwise_and(2), [2, 2, None]),
        (m.bits.bitwise_or(1), [7, 3, None]),
        (m.bits.bitwise_xor(5), [3, 6, None]),
        (m.bits.bitwise_xor(5).bitwise_xor(m.bits), [5, 5, None]),
        (m.bits.bitwise_not(), [-7, -4, None]),
        (bitwise_not(m.bits + 1), [-8, -5, None]),
        (m.bits.bitwise_not() + 1, [-6, -3, None]),
        (m.bits.bitwise_lshift(3), [48, 24, None]),
        (m.bits.bitwise_lshift(40), [6 << 40, 3 << 40, None]),
        (m.bits.bitwise_rshift(1), [3, 1, None]),
        ((m.bits + 1).bitwise_and(3), [3, 0, None]),
        (m.bits + m.bits.bitwise_and(2), [8, 5, None]),
        (m.bits.bitwise_and(4).bitwise_or(1), [5, 1, None]),
        (m.bits.bitwise_and(m.bits.bitwise_or(8)), [6, 3, None]),
        (m.bits.bitwise_and(2) == 2, [True, True, None]),
        (m.bits.bitwise_xor(6) == 0, [True, False, None]),
        (20 % m.bits, [2, 2, None]),
    ],
)
def test_bits(rows: Connection, expression: Any, expected: list[Any]) -> None:
    assert values(rows, expression) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (m.bits == any_(m.several), [False, False, None]),
        (any_(m.several) == 2, [True, False, None]),
        (m.several.any_() == 2, [True, False, None]),
        (any_(m.several) < 2, [True, False, None]),
        (any_(m.several) > 2, [False, False, None]),
        (literal(2) >= all_(m.several), [True, True, None]),
        (all_(m.several) != 3, [True, True, None]),
        (~(any_(m.several) == 2), [False, True, None]),
        (Decimal("1.5") == any_(m.prices), [True, False, None]),
        (m.bits > all_(select(literal(1))), [True, True, None]),
        (m.bits >= any_(select(marks.alias().c.bits)), [True, True, None]),
        (m.bits == any_(select(literal(6))), [True, False, None]),
        (m.bits != all_(select(literal(6))), [False, True, None]),
        (m.bits < any_(select(person.c.a).where(person.c.id < 0)), [False, False, False]),
        (m.bits < all_(select(person.c.a).where(person.c.id < 0)), [True, True, True]),
        (m.word.like(any_(select(literal("50%")))), [True, False, None]),
        (m.word.ilike(any_(select(literal("A%")))), [False, True, None]),
        (m.word.not_like(all_(select(literal("50%")))), [False, True, None]),
        (func.coalesce(m.bits, 0) == any_(select(marks.alias("other").c.bits).where(m.id == 1)), [True, False, False]),
    ],
)
def test_any_and_all(rows: Connection, expression: Any, expected: list[Any]) -> None:
    person.create(rows, checkfirst=True)
    assert values(rows, expression) == expected


def test_decimals_beside_the_rows_of_a_subquery(connection: Connection) -> None:
    prices = select(item.c.price).where(item.c.price.is_not(None))
    found = connection.scalars(select(item.c.id).where(item.c.price >= all_(prices))).all()
    assert found == [2]
    assert connection.scalars(select(item.c.id).where(item.c.price < any_(prices)).order_by(item.c.id)).all() == [1, 4]


def test_what_any_and_all_do_not_take() -> None:
    with pytest.raises(ArgumentError, match="has no items"):
        any_(m.bits)
    with pytest.raises(ArgumentError, match="stands in a comparison"):
        any_(m.several) + 1
    with pytest.raises(ArgumentError, match="one side of a comparison"):
        m.bits + any_(m.several)
    with pytest.raises(CompileError, match="nowhere else"):
        str(select(any_(m.several)))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (m.word.contains("0% o"), [True, False, None]),
        (m.word.contains("0/% o", escape="/"), [True, False, None]),
        (m.word.contains("0%o", autoescape=False), [True, False, None]),
        (m.word.contains("^", autoescape=True, escape="^"), [False, True, None]),
        (m.word.startswith("a__^", escape="^", autoescape=True), [False, False, None]),
        (m.word.startswith("a^_", escape="^"), [False, True, None]),
        (m.word.endswith("_^c"), [False, False, None]),
        (m.word.endswith("_c", autoescape=False), [False, True, None]),
        (m.word.icontains("A!_B", escape="!"), [False, True, None]),
        (m.word.istartswith("A_%", autoescape=False), [False, True, None]),
        (m.word.iendswith("B^C"), [False, True, None]),
        (m.word.notlike("a%"), [True, False, None]),
        (m.word.notilike("A%"), [True, False, None]),
        (m.word.not_like(m.word), [False, False, None]),
        (m.word.regexp_replace("[a-z]", "<\\&>"), ["50% <o>ff", "<a>_b^c", None]),
        (m.word.regexp_replace("([A-C])", "(\\1)", flags="gi"), ["50% off", "(a)_(b)^(c)", None]),
        (m.bits.between(10, 4, symmetric=True), [True, False, None]),
        (not_(m.bits.between(10, 4, symmetric=True)), [False, True, None]),
        (between(5, m.bits, 4, symmetric=True), [True, False, None]),
        (m.bits.cast(String), ["6", "3", None]),
        (m.bits.cast(Numeric(5, 1)) / 4, [Decimal("1.5"), Decimal("0.75"), None]),
        (m.bits.isnot_distinct_from(None), [False, False, True]),
        (m.bits.op("+", return_type=Float)(1), [7.0, 4.0, None]),
        (m.bits.bool_op(">")(4), [True, False, None]),
        (not_(m.bits.bool_op(">")(4)), [False, True, None]),
    ],
)
def test_patterns_casts_and_own_operators(rows: Connection, expression: Any, expected: list[Any]) -> None:
    assert values(rows, expression) == expected


def test_an_operator_may_say_its_type() -> None:
    assert isinstance(m.bits.op("||", return_type=String)("x").type, String)
    assert isinstance(m.bits.op("+")(1).type, Integer)
    assert isinstance(m.bits.cast(BigInteger).type, BigInteger)


def test_moments_between_two_ends_in_any_order(engine: Engine) -> None:
    own = Table("moments", MetaData(), Column("id", Integer, primary_key=True), Column("at", DateTime))
    own.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO moments (at) VALUES ('2020-05-05 00:00:00')"))
        late, early = cast("2021-01-01", DateTime), cast("2020-01-01", DateTime)
        assert connection.scalar(select(own.c.id).where(own.c.at.between(late, early, symmetric=True))) == 1
        assert connection.scalar(select(own.c.id).where(~own.c.at.between(late, early, symmetric=True))) is None


def test_refused_flags_and_escapes() -> None:
    with pytest.raises(ArgumentError, match="expected letters"):
        m.word.regexp_replace("a", "b", flags="i'")
    with pytest.raises(ArgumentError, match="a single character"):
        m.word.contains("a", escape="ab")


def test_functions_of_the_operators(rows: Connection) -> None:
    ranks = select(over(func.row_number(), order_by=m.id.desc())).order_by(m.id)
    assert rows.scalars(ranks).all() == [3, 2, 1]
    assert rows.scalar(select(funcfilter(func.count(m.id), m.bits > 3))) == 1
    collation = '"C"' if rows.dialect.name == "postgresql" else "binary"
    assert "COLLATE" in str(select(collate(m.word, collation)).compile(rows))


def test_ordered_aggregates_have_a_function(postgresql_uri: str) -> None:
    engine = create_engine(postgresql_uri)
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(marks), [{"bits": 4}, {"bits": 2}, {"bits": 9}])
        assert connection.scalar(select(within_group(func.percentile_disc(0.5), m.bits))) == 4
    engine.dispose()


def test_mapped_attributes_have_the_operators(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    class Switch(Base):
        __tablename__ = "switch"
        id: Mapped[int] = mapped_column(primary_key=True)
        flags: Mapped[int]
        words: Mapped[list[str]] = mapped_column(ARRAY(String))

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Switch(flags=5, words=["on"]), Switch(flags=2, words=[])])
        session.flush()
        for criterion in (
            Switch.flags.bitwise_and(4) != 0,
            any_(Switch.words) == "on",
            Switch.words.any_() == "on",
            Switch.flags.cast(String) == "5",
            Switch.flags.between(9, 4, symmetric=True),
        ):
            assert session.scalars(select(Switch.id).where(criterion)).all() == [1]
        assert session.scalar(select(func.sum(Switch.flags.bitwise_lshift(1)))) == 14


# -- text search and other types of PostgreSQL


def test_text_search_on_postgresql(postgresql_uri: str) -> None:
    engine = create_engine(postgresql_uri)
    own = Table(
        "page", MetaData(), Column("id", Integer, primary_key=True), Column("body", String), Column("words", TSVECTOR)
    )
    own.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(own), [{"body": "the cats sat"}, {"body": "a dog"}])
        connection.execute(own.update().values(words=func.to_tsvector("english", own.c.body)))
        for condition in (
            own.c.body.match("cats"),
            own.c.body.match("cat", postgresql_regconfig="english"),
            own.c.words.match("cats"),
            own.c.words.match(func.to_tsquery("english", "cat & sat")),
            own.c.words.bool_op("@@")(func.websearch_to_tsquery("english", "cat -dog")),
        ):
            assert connection.scalars(select(own.c.id).where(condition)).all() == [1]
        assert connection.scalars(select(own.c.id).where(~own.c.body.match("cats"))).all() == [2]
        assert connection.scalar(select(func.ts_rank(own.c.words, func.to_tsquery("cat"))).where(own.c.id == 1)) > 0
    engine.dispose()


def test_text_search_on_sqlite(tmp_path: Any) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'words.db'}")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE VIRTUAL TABLE page USING fts5(body)")
        connection.exec_driver_sql("INSERT INTO page VALUES ('the cats sat'), ('a dog')")
        page = table("page", column("rowid", Integer), column("body", String))
        assert connection.scalars(select(page.c.rowid).where(page.c.body.match("cats"))).all() == [1]
        with pytest.raises(CompileError, match="no such configurations"):
            connection.execute(select(page.c.rowid).where(page.c.body.match("cats", postgresql_regconfig="english")))
    engine.dispose()


def test_more_types_of_postgresql(postgresql_uri: str) -> None:
    engine = create_engine(postgresql_uri)
    own = Table(
        "odd", MetaData(), Column("id", Integer, primary_key=True), Column("bits", BIT(4)), Column("some", BIT(varying=True)),
        Column("price", MONEY), Column("number", OID), Column("path", JSONPATH), Column("table_name", REGCLASS),
    )  # fmt: skip
    own.metadata.create_all(engine)
    with engine.begin() as connection:
        given = {
            "bits": "0110",
            "some": "1",
            "price": "$3.50",
            "number": 4_000_000_000,
            "path": '$."a"',
            "table_name": "odd",
        }
        connection.execute(insert(own), [given])
        row = connection.execute(select(own)).mappings().one()
        assert {name: row[name] for name in given} == given
        assert connection.scalar(select(own.c.bits.bitwise_and("0010"))) == "0010"
        found = Table("odd", MetaData(), autoload_with=connection)
        assert [repr(found.c[name].type) for name in ("bits", "some")] == ["BIT(length=4)", "BIT(varying=True)"]
        assert [type(found.c[name].type) for name in ("price", "number", "path", "table_name")] == [
            MONEY,
            OID,
            JSONPATH,
            REGCLASS,
        ]
    engine.dispose()


# -- statements


def test_a_parameter_without_a_value_has_no_statement_in_common_with_one_that_brings_it(connection: Connection) -> None:
    with_value = select(c.name).where(c.id == bindparam("number", 1))
    without = select(c.name).where(c.id == bindparam("number"))
    assert connection.scalars(with_value).all() == ["Ann"]
    with pytest.raises(InvalidRequestError, match=":number"):
        connection.execute(without)
    assert connection.scalars(without, {"number": 2}).all() == ["bob"]
    assert connection.scalars(with_value).all() == ["Ann"]


def test_a_join_is_selected_as_it_is(connection: Connection) -> None:
    joined = join(person, item)
    rows = connection.execute(select(joined).order_by(item.c.id)).all()
    assert [(row.name, row.quantity) for row in rows] == [("Ann", 1), ("Ann", 1), ("bob", 2), ("bob", 1)]
    outer = outerjoin(person, item, item.c.quantity > person.c.b)
    assert len(connection.execute(select(outer)).all()) == 2
    assert connection.scalar(select(func.count()).select_from(joined)) == 4
    assert len(connection.execute(select(joined, person.c.a + 1)).all()) == 4
