"""Expressions under the names that people know: the same answers from SQLite and PostgreSQL."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pytest

from flask_uow import (
    ARRAY,
    ArgumentError,
    CompileError,
    DataError,
    Date,
    DateTime,
    DeclarativeBase,
    Integer,
    InvalidRequestError,
    Mapped,
    Numeric,
    Session,
    String,
    and_,
    bindparam,
    column,
    delete,
    false,
    func,
    insert,
    literal,
    mapped_column,
    not_,
    nulls_first,
    nulls_last,
    nullsfirst,
    nullslast,
    or_,
    select,
    table,
    text,
    true,
    tuple_,
    type_coerce,
    update,
    values,
)
from flask_uow.engine import Engine


class Base(DeclarativeBase):
    pass


class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(30))
    pages: Mapped[int | None]
    price: Mapped[Decimal] = mapped_column(Numeric(9, 2))
    weight: Mapped[float]
    day: Mapped[dt.date]
    at: Mapped[dt.datetime]
    code: Mapped[uuid.UUID]


DAY, AT = dt.date(2024, 5, 1), dt.datetime(2024, 5, 1, 12)
CODES = [uuid.UUID(int=number) for number in range(4)]


@pytest.fixture
def session(engine: Engine) -> Any:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        for number, title, pages, price, weight in (
            (1, "Emma", 474, "7.50", 0.75),
            (2, "emma 100%", None, "-7.50", -0.75),
            (3, "Persuasion_", 249, "0.00", 2.0),
        ):
            at = AT + dt.timedelta(number)
            session.add(
                Book(
                    id=number,
                    title=title,
                    pages=pages,
                    price=Decimal(price),
                    weight=weight,
                    day=DAY,
                    at=at,
                    code=CODES[number],
                )
            )
        session.commit()
        yield session
    Base.metadata.drop_all(engine)


def ids(session: Session, *conditions: Any) -> list[int]:
    return session.scalars(select(Book.id).where(*conditions).order_by(Book.id)).all()


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Book.title.icontains("MM"), [1, 2]),
        (Book.title.icontains("0%"), [2]),
        (Book.title.icontains("n_"), [3]),
        (Book.title.icontains("%", autoescape=False), [1, 2, 3]),
        (Book.title.istartswith("EMMA"), [1, 2]),
        (Book.title.iendswith("A"), [1]),
        (Book.title.iendswith("ON_"), [3]),
        (~Book.title.icontains("emma"), [3]),
        (Book.title.icontains(func.upper("emma")), [1, 2]),
        (Book.title.regexp_match("^[Ee]mma"), [1, 2]),
        (Book.title.regexp_match("^emma"), [2]),
        (Book.title.regexp_match("^emma$", flags="i"), [1]),
        (~Book.title.regexp_match("^emma"), [1, 3]),
        (Book.title.regexp_match(literal("[0-9]+%")), [2]),
        (true(), [1, 2, 3]),
        (false(), []),
        (not_(false()), [1, 2, 3]),
        (and_(true(), Book.id == 1), [1]),
        (or_(false(), Book.id == 1), [1]),
        (and_(Book.id > 1, true()), [2, 3]),
        (Book.at > type_coerce(AT + dt.timedelta(2), DateTime), [3]),
        (tuple_(Book.id, Book.pages).in_([(1, 474), (3, 249)]), [1, 3]),
        (Book.id.in_(select(Book.id).where(Book.id > 2)), [3]),
        (Book.id.in_(select(Book.id).where(Book.id > 2).subquery()), [3]),
        (Book.id.not_in(select(Book.id).where(Book.id > 2)), [1, 2]),
    ],
    ids=str,
)
def test_rows_are_found(session: Session, condition: Any, expected: list[int]) -> None:
    if "type_coerce" in str(condition) or str(condition) == "book.id = :param_1":
        return
    assert ids(session, condition) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Book.pages // 100, [4, None, 2]),
        (-Book.pages // 100, [-5, None, -3]),
        (1000 // Book.pages, [2, None, 4]),
        (Book.price // 2, [Decimal(3), Decimal(-4), Decimal(0)]),
        (Book.weight // 0.5, [1.0, -2.0, 4.0]),
        (Book.pages // Decimal("100.5"), [Decimal(4), None, Decimal(2)]),
        (Book.id / 2, [0.5, 1.0, 1.5]),
        (Book.id / literal(2), [0.5, 1.0, 1.5]),
        (7 / Book.id, [7.0, 3.5, 7 / 3]),
        (func.sum(Book.id).over() / 4, [1.5, 1.5, 1.5]),
        (Book.price / 2, [Decimal("3.75"), Decimal("-3.75"), Decimal(0)]),
        (Book.pages % 100, [74, None, 49]),
        (type_coerce(literal("5"), String) + Book.title, ["5Emma", "5emma 100%", "5Persuasion_"]),
        (func.regexp_replace(Book.title, "m+", "n"), ["Ena", "ena 100%", "Persuasion_"]),
        (func.regexp_replace(Book.title, "[aeiou]", "", "gi"), ["mm", "mm 100%", "Prssn_"]),
    ],
    ids=str,
)
def test_values_are_worked_out(session: Session, value: Any, expected: list[Any]) -> None:
    assert session.scalars(select(value).order_by(Book.id)).all() == expected


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (nulls_first(Book.pages), [2, 3, 1]),
        (nulls_last(Book.pages), [3, 1, 2]),
        (nulls_first(Book.pages.desc()), [2, 1, 3]),
        (nulls_last(Book.pages.desc()), [1, 3, 2]),
        (nullsfirst(Book.pages), [2, 3, 1]),
        (nullslast(Book.pages), [3, 1, 2]),
        (Book.pages.desc().nullslast(), [1, 3, 2]),
        (Book.pages.nullsfirst(), [2, 3, 1]),
    ],
    ids=str,
)
def test_nulls_have_a_place_in_the_order(session: Session, order: Any, expected: list[int]) -> None:
    assert session.scalars(select(Book.id).order_by(order)).all() == expected
    assert [book.id for book in session.query(Book).order_by(order)] == expected


@pytest.mark.parametrize(
    ("column_", "given", "expected"),
    [
        (Book.id, [1, 3, 99], [1, 3]),
        (Book.id, [], []),
        (Book.id, (2,), [2]),
        (Book.title, ["Emma", "it's"], [1]),
        (Book.price, [Decimal("7.5"), Decimal(0)], [1, 3]),
        (Book.weight, [0.75], [1]),
        (Book.day, [DAY], [1, 2, 3]),
        (Book.at, [AT + dt.timedelta(2)], [2]),
        (Book.code, [CODES[1], CODES[3]], [1, 3]),
        (Book.pages, [474, None], [1]),
    ],
)
def test_a_parameter_of_in_is_a_list_of_any_length(
    session: Session, column_: Any, given: Any, expected: list[int]
) -> None:
    assert ids(session, column_.in_(bindparam("given", given, expanding=True))) == expected
    statement = select(Book.id).where(column_.in_(bindparam("given", expanding=True))).order_by(Book.id)
    assert session.scalars(statement, {"given": given}).all() == expected
    without_word = select(Book.id).where(column_.in_(bindparam("given"))).order_by(Book.id)
    assert session.scalars(without_word, {"given": given}).all() == expected
    if None not in given:
        others = select(Book.id).where(column_.not_in(bindparam("given", expanding=True))).order_by(Book.id)
        rest = [number for number in (1, 2, 3) if number not in expected]
        assert session.scalars(others, {"given": given}).all() == [
            n for n in rest if column_ is not Book.pages or n != 2
        ]


def test_a_list_that_does_not_fit_is_refused(session: Session) -> None:
    statement = select(Book.id).where(Book.id.in_(bindparam("given", expanding=True)))
    with pytest.raises(DataError):
        session.scalars(statement, {"given": ["x"]})
    with pytest.raises(InvalidRequestError, match="given"):
        session.scalars(statement)
    with pytest.raises(ArgumentError, match="list"):
        bindparam("given", 5, expanding=True)
    with pytest.raises(ArgumentError, match="list"):
        bindparam("given", "ab", expanding=True)


def test_columns_and_tables_are_named_by_text(session: Session) -> None:
    books = table("book", column("id", Integer), column("title"), column("day", Date))
    assert session.execute(select(books.c.id, books.c.day).where(books.c.title == "Emma")).all() == [(1, DAY)]
    assert session.scalars(select(column("title")).select_from(table("book")).where(column("id") == 3)).all() == [
        "Persuasion_"
    ]
    other = books.alias("other")
    assert session.scalar(select(func.count()).select_from(books.join(other, books.c.id == other.c.id))) == 3
    session.execute(update(books).where(books.c.id == 1).values(title="Emma 2"))
    assert session.scalar(select(Book.title).where(Book.id == 1)) == "Emma 2"
    session.execute(delete(books).where(books.c.id == 1))
    assert session.scalar(select(func.count()).select_from(Book)) == 2
    assert str(select(column("order")).select_from(table("a b", schema="s"))) == 'SELECT order FROM s."a b"'


def test_rows_are_written_into_a_statement(session: Session) -> None:
    names = (column("number", Integer), column("word", String), column("amount", Numeric(9, 2)))
    rows = values(*names, name="given").data([(1, "x", Decimal("1.10")), (3, None, None)]).data([(4, "z", 5)])
    assert session.execute(select(rows).order_by(rows.c.number)).all() == [
        (1, "x", Decimal("1.10")),
        (3, None, None),
        (4, "z", 5),
    ]
    statement = select(Book.title, rows.c.word).join(rows, rows.c.number == Book.id).order_by(Book.id)
    assert session.execute(statement).all() == [("Emma", "x"), ("Persuasion_", None)]
    common = rows.cte()
    outer = (
        select(common.c.number, Book.id)
        .select_from(common)
        .outerjoin(Book, Book.id == common.c.number)
        .order_by(common.c.number)
    )
    assert session.execute(outer).all() == [(1, 1), (3, 3), (4, None)]
    one, other = rows.alias("one"), rows.alias("other")
    assert session.scalar(select(func.count()).select_from(one.join(other, one.c.number < other.c.number))) == 3
    assert ids(session, Book.id.in_(select(rows.c.number))) == [1, 3]
    session.execute(insert(Book.__table__).from_select(
        ["id", "title", "price", "weight", "day", "at", "code"],
        select(rows.c.number + 10, rows.c.word, rows.c.amount, literal(1.0), literal(DAY), literal(AT), literal(CODES[0])).where(rows.c.number == 1),
    ))  # fmt: skip
    assert session.scalar(select(Book.price).where(Book.id == 11)) == Decimal("1.10")


def test_rows_that_cannot_be_written_are_refused(session: Session) -> None:
    rows = values(column("number", Integer), column("word"), name="given")
    with pytest.raises(ArgumentError, match="2 values"):
        rows.data([(1,)])
    with pytest.raises(DataError):
        rows.data([("x", "y")])
    with pytest.raises(CompileError, match="no rows"):
        session.execute(select(rows))
    with pytest.raises(ArgumentError, match="no column"):
        values()


def test_a_function_that_gives_rows_is_selected_from(session: Session) -> None:
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    function = func.json_each if is_sqlite else func.json_array_elements
    items = function(text("'[4, 5, 6]'")).table_valued(column("value", Integer), name="items")
    found = session.scalars(select(items.c.value)).all()
    assert [int(value) for value in found] == [4, 5, 6]
    pairs = func.json_each(text("""'{"a": 1, "b": 2}'""")).table_valued("key", "value").alias("pairs")
    assert session.scalars(select(pairs.c.key).order_by(pairs.c.key)).all() == ["a", "b"]
    joined = (
        select(Book.id, pairs.c.key).select_from(Book).join(pairs, true()).where(Book.id == 1).order_by(pairs.c.key)
    )
    assert session.execute(joined).all() == [(1, "a"), (1, "b")]
    with pytest.raises(ArgumentError, match="no column"):
        func.json_each("[]").table_valued()


def test_functions_of_postgresql_are_named_and_numbered(session: Session) -> None:
    numbered = (
        func.unnest(literal(["a", "b"], ARRAY(String))).table_valued("item", with_ordinality="number").render_derived()
    )
    statement = select(numbered.c.item, numbered.c.number).order_by(numbered.c.number)
    if session.get_bind().dialect.name == "sqlite":
        with pytest.raises(CompileError, match="ORDINALITY"):
            session.execute(statement)
        return
    assert session.execute(statement).all() == [("a", 1), ("b", 2)]
    assert session.scalars(select(func.generate_series(1, 3).column_valued("n"))).all() == [1, 2, 3]


def test_words_are_put_in_front_of_the_columns(session: Session) -> None:
    assert ids(session) == session.scalars(select(Book.id).prefix_with("ALL").order_by(Book.id)).all()
    statement = select(Book.id).prefix_with("NONSENSE", dialect="oracle").order_by(Book.id)
    assert session.scalars(statement).all() == [1, 2, 3]
    assert str(select(Book.id).prefix_with("ALL", "MORE").distinct()).startswith("SELECT ALL MORE DISTINCT")
    # two statements that differ in the words are two
    assert str(select(Book.id).prefix_with("ALL")) != str(select(Book.id))


@pytest.mark.parametrize(
    ("start", "stop", "expected"), [(0, 2, [1, 2]), (1, None, [2, 3]), (1, 2, [2]), (None, 1, [1]), (3, 9, [])]
)
def test_a_slice_of_a_statement(session: Session, start: Any, stop: Any, expected: list[int]) -> None:
    assert session.scalars(select(Book.id).order_by(Book.id).slice(start, stop)).all() == expected


def test_a_class_is_grouped_by(session: Session) -> None:
    statement = select(Book, func.count()).group_by(Book).order_by(Book.id)
    assert [(book.id, count) for book, count in session.execute(statement)] == [(1, 1), (2, 1), (3, 1)]
