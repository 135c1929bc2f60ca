"""Parts of documents and arrays in queries: the same answers from SQLite and PostgreSQL."""

from __future__ import annotations

import operator
from typing import Any

import pytest

from flask_uow import (
    ARRAY,
    JSON,
    JSONB,
    ArgumentError,
    DeclarativeBase,
    Integer,
    Mapped,
    Numeric,
    Session,
    String,
    aliased,
    array,
    cast,
    func,
    literal,
    mapped_column,
    null,
    select,
    update,
)
from flask_uow.engine import Engine


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    data: Mapped[Any] = mapped_column(JSON, nullable=True)
    # the text as it was written: json, not jsonb, on PostgreSQL
    raw: Mapped[Any] = mapped_column(JSON(binary=False), nullable=True)
    kept: Mapped[Any] = mapped_column(JSONB(none_as_null=False), nullable=True)
    tags: Mapped[Any] = mapped_column(ARRAY(String), nullable=True)
    marks: Mapped[Any] = mapped_column(ARRAY(Integer), nullable=True)
    grid: Mapped[Any] = mapped_column(ARRAY(Integer, dimensions=2), nullable=True)
    prices: Mapped[Any] = mapped_column(ARRAY(Numeric(9, 2)), nullable=True)


ONE = {
    "to": {"city": "Rome", "zip": 11, 'a"b': 1, "a\\b": 2, "ü": 3, "$x": 4, "x.y": 5, "7": "seven", "": 6},
    "items": ["a", "b", 3],
    "paid": True,
    "price": 1.5,
    "big": 1234567890123456789,
    "note": None,
    "code": "0012",
}
TWO = {"to": {"city": "Oslo", "zip": 700}, "items": [], "paid": False, "price": 20, "note": "it's"}


@pytest.fixture
def session(engine: Engine) -> Any:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(
            Order(id=1, data=ONE, raw=ONE, tags=["a", "b"], marks=[1, None, 3], grid=[[1, 2], [3, 4]], prices=[])
        )
        session.add(Order(id=2, data=TWO, raw=TWO, tags=[], marks=[7], kept={"a": 1}))
        session.add(Order(id=3))
        session.commit()
        yield session
    Base.metadata.drop_all(engine)


def ids(session: Session, condition: Any) -> list[int]:
    return session.scalars(select(Order.id).where(condition).order_by(Order.id)).all()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Order.data["to"]["city"].as_string(), "Rome"),
        (Order.data["to"]["zip"].as_integer(), 11),
        (Order.data["to"]["zip"].as_float(), 11.0),
        (Order.data["to"]["zip"].as_string(), "11"),
        (Order.data[("to", "zip")].as_integer(), 11),
        (Order.data["to"]['a"b'].as_integer(), 1),
        (Order.data["to"]["a\\b"].as_integer(), 2),
        (Order.data["to"]["ü"].as_integer(), 3),
        (Order.data["to"]["$x"].as_integer(), 4),
        (Order.data["to"]["x.y"].as_integer(), 5),
        (Order.data["to"]["7"].as_string(), "seven"),
        (Order.data["to"][""].as_integer(), 6),
        (Order.data["to"][7], None),
        (Order.data["items"][0].as_string(), "a"),
        (Order.data["items"][-1].as_integer(), 3),
        (Order.data["items"][-4], None),
        (Order.data["items"][3], None),
        (Order.data["items"]["0"], None),
        (Order.data["paid"].as_boolean(), True),
        (Order.data["paid"].as_string(), "true"),
        (Order.data["paid"].as_integer(), None),
        (Order.data["price"].as_float(), 1.5),
        (Order.data["price"].as_integer(), None),
        (Order.data["big"].as_integer(), 1234567890123456789),
        (Order.data["note"].as_string(), None),
        (Order.data["note"], None),
        (Order.data["code"].as_string(), "0012"),
        (Order.data["code"].as_integer(), None),
        (Order.data["missing"]["deeper"].as_string(), None),
        (Order.data["to"]["city"], "Rome"),
        (Order.data["items"], ["a", "b", 3]),
        (Order.data["items"].as_string(), '["a", "b", 3]'),
        (Order.raw["to"]["city"].as_string(), "Rome"),
        (Order.raw["items"][1], "b"),
        (Order.data[literal("code")].as_string(), "0012"),
    ],
    ids=str,
)  # fmt: skip
def test_a_part_of_a_document_is_read(session: Session, value: Any, expected: Any) -> None:
    found = session.scalar(select(value).where(Order.id == 1))
    assert found == expected
    assert type(found) is type(expected)


def test_a_part_is_read_as_a_decimal(session: Session) -> None:
    found = session.scalars(select(Order.data["price"].as_numeric(9, 2)).order_by(Order.id)).all()
    assert [str(number) for number in found] == ["1.50", "20.00", "None"]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Order.data["to"]["city"].as_string() == "Rome", [1]),
        (Order.data["to"]["city"].as_string().like("%o%"), [1, 2]),
        (Order.data["to"]["city"].as_string().in_(["Oslo", "Bern"]), [2]),
        (Order.data["to"]["zip"].as_integer() > 100, [2]),
        (Order.data["to"]["zip"].as_integer().between(1, 20), [1]),
        (Order.data["to"]["zip"].as_integer() + 1 == 12, [1]),
        (Order.data["to"]["zip"].as_integer() * 2 > Order.id + 20, [1, 2]),
        (Order.data["paid"].as_boolean(), [1]),
        (~Order.data["paid"].as_boolean(), [2]),
        (Order.data["paid"].as_boolean().is_(False), [2]),
        (Order.data["note"].as_string().is_(None), [1, 3]),
        (Order.data["note"].is_(None), [3]),
        (Order.data["note"] == JSON.NULL, [1]),
        (Order.data["missing"].is_(None), [1, 2, 3]),
        (Order.data["to"]["city"] == "Rome", [1]),
        (Order.data["to"]["zip"] == 11, [1]),
        (Order.data["to"]["zip"] == 11.0, [1]),
        (Order.data["to"]["zip"] > 100, [2]),
        (Order.data["to"]["zip"] != 11, [2]),
        (Order.data["to"]["zip"].in_([700, 5]), [2]),
        (Order.data["to"] == {"zip": 700, "city": "Oslo"}, [2]),
        (Order.data["items"] == [], [2]),
        (Order.data["paid"] == True, [1]),  # noqa: E712
        (Order.data == TWO, [2]),
        (Order.data == dict(reversed(TWO.items())), [2]),
        (Order.raw["to"]["zip"] == 700, [2]),
        (Order.raw["to"]["zip"] > 100, [2]),
        (Order.data["to"]["city"] == Order.raw["to"]["city"], [1, 2]),
        (Order.data.has_key("paid"), [1, 2]),
        (Order.data.has_key("big"), [1]),
        (~Order.data.has_key("big"), [2]),
        (Order.data["items"].has_key("a"), [1]),
        (Order.data["to"].has_key('a"b'), [1]),
        (Order.raw.has_key("big"), [1]),
        (Order.data.has_all(["paid", "big"]), [1]),
        (Order.data.has_any(["big", "paid"]), [1, 2]),
        (Order.data.has_any(array(["big", "paid"])), [1, 2]),
        (Order.data.contains({"to": {"zip": 700}}), [2]),
        (Order.data.contains({"to": {"zip": 700.0}}), [2]),
        (Order.data["items"].contains(["b"]), [1]),
        (Order.data["items"].contains("b"), [1]),
        (Order.data["items"].contains([]), [1, 2]),
        (Order.raw.contains({"paid": True}), [1]),
        (Order.data["to"].contained_by({"zip": 700, "city": "Oslo", "more": 1}), [2]),
        (cast(Order.data["to"]["zip"], Integer) == 11, [1]),
        (func.coalesce(Order.data["to"]["zip"].as_integer(), 0) == 0, [3]),
    ],
    ids=str,
)  # fmt: skip
def test_rows_are_found_by_parts_of_documents(session: Session, condition: Any, expected: list[int]) -> None:
    assert ids(session, condition) == expected


def test_documents_are_sorted_and_grouped_as_what_they_are(session: Session) -> None:
    values = [10, 9, "b", "a", None, True, [1, 2], [3], {"b": 1}, {"a": 2, "b": 1}]
    for number, value in enumerate(values, 10):
        session.add(Order(id=number, data={"v": value}))
    session.add(Order(id=30, data={"v": {"b": 1.0}}))
    session.flush()
    wanted = session.scalars(select(Order.data["v"]).where(Order.id > 9).order_by(Order.data["v"], Order.id)).all()
    assert wanted == [None, "a", "b", 9, 10, True, [3], [1, 2], {"b": 1}, {"b": 1}, {"a": 2, "b": 1}]
    grouped = select(func.count()).where(Order.id > 9).group_by(Order.data["v"]).having(func.count() > 1)
    assert session.scalars(grouped).all() == [2]
    assert len(session.scalars(select(Order.data["v"]).where(Order.id > 9).distinct()).all()) == len(values)


def test_parts_of_documents_stand_wherever_columns_do(session: Session) -> None:
    city = Order.data["to"]["city"].as_string().label("city")
    assert session.execute(select(Order.id, city).where(Order.id < 3).order_by(city)).all() == [
        (2, "Oslo"),
        (1, "Rome"),
    ]
    inner = select(Order.id, Order.data["to"].label("target")).where(Order.id < 3).cte("inner_orders")
    assert session.scalars(select(inner.c.target["city"].as_string()).order_by(inner.c.id)).all() == ["Rome", "Oslo"]
    other = aliased(Order)
    assert session.scalars(select(other.data["to"]["zip"].as_integer()).where(other.id == 1)).all() == [11]
    session.execute(update(Order).where(Order.data["to"]["zip"].as_integer() == 11).values(data=Order.data["to"]))
    assert session.scalar(select(Order.data["city"].as_string()).where(Order.id == 1)) == "Rome"
    assert session.query(Order).filter(Order.data["paid"].as_boolean()).count() == 0


def test_a_document_that_is_null_is_told_from_no_document(session: Session) -> None:
    session.add(Order(id=4, data=JSON.NULL, kept=None))
    session.add(Order(id=5, data=None, kept=null()))
    session.flush()
    session.expire_all()
    assert [session.get_one(Order, number).data for number in (4, 5)] == [None, None]
    assert ids(session, (Order.id > 3) & Order.data.is_(None)) == [5]
    assert ids(session, Order.data == JSON.NULL) == [4]
    assert ids(session, (Order.id > 3) & (Order.kept == JSON.NULL)) == [4]
    assert ids(session, (Order.id > 3) & Order.kept.is_(None)) == [5]
    session.bulk_insert(Order, [{"id": 6, "data": None, "kept": None}, {"id": 7, "data": JSON.NULL, "kept": JSON.NULL}])
    assert ids(session, (Order.id > 5) & Order.data.is_(None)) == [6]
    assert ids(session, (Order.id > 5) & (Order.kept == JSON.NULL)) == [6, 7]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Order.tags[1], "a"),
        (Order.tags[2], "b"),
        (Order.tags[3], None),
        (Order.tags[Order.id + 1], "b"),
        (Order.tags[Order.id - 1], None),
        (Order.marks[1] + 1, 2),
        (Order.marks[2], None),
        (Order.grid[2][1], 3),
        (Order.tags[1:1], ["a"]),
        (Order.marks[2:9], [None, 3]),
        (Order.prices[1], None),
    ],
    ids=str,
)
def test_an_item_of_an_array_is_read(session: Session, value: Any, expected: Any) -> None:
    assert session.scalar(select(value).where(Order.id == 1)) == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Order.tags.any("a"), [1]),
        (~Order.tags.any("a"), [2]),
        (Order.marks.any(7), [2]),
        (Order.marks.all(7), [2]),
        (Order.marks.any(2, operator=operator.lt), [1, 2]),
        (Order.marks.all(8, operator=operator.gt), [2]),
        (~Order.marks.any(5), [2]),
        (Order.tags.all("x"), [2]),
        (Order.tags.contains(["a"]), [1]),
        (Order.tags.contains(["b", "a"]), [1]),
        (Order.tags.contains([]), [1, 2]),
        (Order.marks.contains([1, 7]), []),
        (Order.tags.contained_by(["a", "b", "c"]), [1, 2]),
        (Order.tags.overlap(["x", "b"]), [1]),
        (Order.marks.overlaps([7, 8]), [2]),
        (Order.tags[1] == "a", [1]),
        (Order.marks[1].in_([7, 8]), [2]),
        (Order.tags == ["a", "b"], [1]),
    ],
    ids=str,
)
def test_rows_are_found_by_items_of_arrays(session: Session, condition: Any, expected: list[int]) -> None:
    assert ids(session, condition) == expected


@pytest.mark.parametrize(
    "ask",
    [
        lambda: Order.id["a"],
        lambda: Order.data[True],
        lambda: Order.data[1:2],
        lambda: Order.tags[0],
        lambda: Order.tags["a"],
        lambda: Order.tags[1:],
        lambda: Order.id.has_key("a"),
        lambda: Order.data.has_all("ab"),
        lambda: Order.data.has_any([]),
        lambda: Order.data.any("a"),
        lambda: Order.tags.any("a", operator=operator.add),
        lambda: Order.id.contained_by([1]),
        lambda: Order.data.overlap([1]),
    ],
)
def test_what_a_column_does_not_have_is_refused_where_it_is_written(ask: Any) -> None:
    with pytest.raises(ArgumentError):
        ask()


def test_an_expression_is_no_list_of_its_parts() -> None:
    with pytest.raises(TypeError):
        list(Order.data)
