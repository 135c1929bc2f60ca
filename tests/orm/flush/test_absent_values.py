"""What an INSERT makes of None, of null(), of what was never set, and of columns that no attribute stands for."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import (
    JSON,
    Column,
    Engine,
    FlushError,
    ForeignKey,
    Integer,
    IntegrityError,
    Mapped,
    MetaData,
    Session,
    String,
    Table,
    create_engine,
    declarative_base,
    func,
    insert,
    mapped_column,
    mapper,
    null,
    select,
)
from flask_uow.orm import Registry

Base = declarative_base()


class Order(Base):
    __tablename__ = "order"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str | None]
    count: Mapped[int | None] = mapped_column(default=5)
    made: Mapped[str | None] = mapped_column(default=lambda: "made")
    served: Mapped[str | None] = mapped_column(server_default="served")
    worked_out: Mapped[int | None] = mapped_column(default=func.abs(-3))
    document: Mapped[Any] = mapped_column(JSON, nullable=True, default=lambda: {"d": 1})
    plain: Mapped[int | None]
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "order"}


class Express(Order):
    __tablename__ = "express"
    id: Mapped[int] = mapped_column(ForeignKey("order.id"), primary_key=True)
    hours: Mapped[int | None] = mapped_column(default=6)
    route: Mapped[str | None] = mapped_column(server_default="north")
    __mapper_args__ = {"polymorphic_identity": "express"}


class Token(Base):
    __tablename__ = "token"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=lambda: uuid.uuid4().hex)
    scope: Mapped[str | None] = mapped_column(server_default="all")


DEFAULTS = {"count": 5, "made": "made", "served": "served", "worked_out": 3, "document": {"d": 1}, "plain": None}
NONE = dict.fromkeys(DEFAULTS)


def values_of(order: Any) -> dict[str, Any]:
    return {name: getattr(order, name) for name in DEFAULTS}


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        yield session


def assigned(class_: type) -> Any:
    order = class_()
    for name in NONE:
        setattr(order, name, None)
    return order


@pytest.mark.parametrize("class_", [Order, Express])
@pytest.mark.parametrize("together", [True, False])
def test_none_on_a_new_object_takes_the_default(session: Session, class_: Any, together: bool) -> None:
    orders = [class_(**NONE), assigned(class_), class_()]
    for order in orders:
        session.add(order)
        if not together:
            session.flush()
    session.flush()
    assert [values_of(order) for order in orders] == [DEFAULTS] * 3
    session.commit()
    assert [values_of(order) for order in orders] == [DEFAULTS] * 3
    if class_ is Express:
        assert {(order.hours, order.route) for order in orders} == {(6, "north")}


def test_none_beside_values_takes_the_default(session: Session) -> None:
    orders = [Order(count=1, served=None), Order(count=None, served="here"), Order(count=None, plain=func.abs(-9))]
    session.add_all(orders)
    session.flush()
    assert [(o.count, o.served, o.plain) for o in orders] == [(1, "served", None), (5, "here", None), (5, "served", 9)]


@pytest.mark.parametrize("class_", [Order, Express])
def test_null_is_null(session: Session, class_: Any) -> None:
    order = class_(**{name: null() for name in NONE})
    other = class_()
    session.add_all([order, other])
    session.flush()
    assert values_of(order) == NONE
    session.commit()
    assert (values_of(order), values_of(other)) == (NONE, DEFAULTS)


def test_none_on_an_object_with_a_row_is_null(session: Session) -> None:
    order = Order()
    session.add(order)
    session.commit()
    for name in NONE:
        setattr(order, name, None)
    session.commit()
    assert values_of(order) == NONE


def test_a_key_that_a_default_makes(session: Session) -> None:
    tokens = [Token(id=None, scope=None), Token(scope=None), Token(id="a", scope=None), Token(scope="some")]
    session.add_all(tokens)
    session.flush()
    assert [token.scope for token in tokens] == ["all", "all", "all", "some"]
    assert len({token.id for token in tokens}) == 4


def test_a_merged_object_and_one_that_takes_the_place_of_a_row(session: Session) -> None:
    merged = session.merge(Order(count=None, served=None))
    session.flush()
    assert values_of(merged) == DEFAULTS
    session.delete(merged)
    again = Order(id=merged.id, count=None, served=None)
    session.add(again)
    session.commit()
    assert values_of(again) == DEFAULTS


@pytest.mark.parametrize("class_", [Order, Express])
def test_a_flush_that_fails_takes_its_defaults_back(session: Session, class_: Any) -> None:
    # the first one gets a row, with what the database makes of it, before the second one fails
    orders = [class_(id=7, count=None), class_(id=8, count=1, made=None), Order(id=8, count=None)]
    session.add_all(orders)
    before = [{name: order.__dict__.get(name, "unset") for name in DEFAULTS} for order in orders]
    with pytest.raises((IntegrityError, FlushError)):
        session.flush()
    session.rollback()
    assert [{name: order.__dict__.get(name, "unset") for name in DEFAULTS} for order in orders[:2]] == [
        {
            **values,
            "plain": order.__dict__.get("plain", "unset"),
            "worked_out": order.__dict__.get("worked_out", "unset"),
        }
        for values, order in zip(before[:2], orders[:2], strict=True)
    ]
    assert [(order.count, order.made, order.served) for order in orders] == [(None,) * 3, (1, None, None), (None,) * 3]
    del orders[2]
    session.add_all(orders)
    session.commit()
    assert [values_of(order) for order in orders] == [DEFAULTS, {**DEFAULTS, "count": 1}]


def test_a_key_that_a_default_made_for_a_failed_flush_is_made_anew(session: Session) -> None:
    session.execute(insert(Token).values(id="twice"))
    session.commit()
    token = Token(scope=None)
    with pytest.raises(IntegrityError), session.begin_nested():
        session.add_all([token, Token(id="twice", scope=None)])
    assert (token.id, token.scope) == (None, None)
    session.add(token)
    session.commit()
    assert (len(token.id), token.scope) == (32, "all")


def test_rows_in_bulk_are_as_new_objects(session: Session) -> None:
    rows: list[Any] = [NONE, {}, Order(count=None), {"served": None}]
    session.bulk_insert(Order, [*rows, {"count": null(), "served": null()}])
    found = session.query(Order).order_by(Order.id).all()
    assert [values_of(order) for order in found[:4]] == [DEFAULTS] * 4
    assert (found[4].count, found[4].served) == (None, None)


@pytest.mark.parametrize(
    ("statement", "rows"),
    [
        (insert(Order).values(count=None, served=None), None),
        (insert(Order), {"count": None, "served": None}),
        (insert(Order), [{"count": None, "served": None}]),
        (insert(Order.__table__).values(count=None, served=None), None),
    ],
)
def test_none_in_a_statement_is_null(session: Session, statement: Any, rows: Any) -> None:
    session.execute(statement, rows)
    assert session.execute(select(Order.count, Order.served, Order.made)).all() == [(None, None, "made")]


def test_none_in_rows_that_are_copied_is_null(session: Session) -> None:
    session.copy_from(Order, [{"count": None, "served": None, "worked_out": 1}])
    assert session.execute(select(Order.count, Order.served, Order.made)).all() == [(None, None, "made")]


# -- columns without an attribute

metadata = MetaData()
cards = Table(
    "card",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String),
    Column("state", String, nullable=False, default=lambda: "new", onupdate=lambda: "changed"),
)
counters = Table(
    "counter",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String),
    Column("start", Integer, default=func.abs(-4), onupdate=func.abs(-5)),
)


class Card:
    pass


class Counter:
    pass


# of their own: tests of the default registry dispose of it
registry = Registry()
mapper(Card, cards, exclude_properties=["state"], registry=registry)
mapper(Counter, counters, exclude_properties=["start"], registry=registry)


@pytest.mark.parametrize(
    ("class_", "column", "new", "changed"), [(Card, cards.c.state, "new", "changed"), (Counter, counters.c.start, 4, 5)]
)
def test_columns_that_are_not_mapped_have_their_defaults(
    engine: Engine, class_: Any, column: Any, new: Any, changed: Any
) -> None:
    metadata.create_all(engine)
    with Session(engine) as session:
        objects = [class_() for _ in range(3)]
        session.add_all(objects)
        session.flush()
        assert list(session.scalars(select(column))) == [new] * 3
        for obj in objects[:2]:
            obj.name = "x"
        session.flush()
        session.bulk_insert(class_, [{"name": "y"}, {}])
        session.bulk_update(class_, [{"id": objects[2].id, "name": "z"}])
        found = session.execute(select(column).order_by(column.table.c.id)).scalars().all()
        assert found == [changed] * 3 + [new] * 2


# -- NULL in a key

slots = Table(
    "slot",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("wing", Integer, primary_key=True, nullable=True, autoincrement=False),
    Column("load", Integer),
    Column("version", Integer),
)


class Slot:
    def __init__(self, id: int | None, wing: int | None) -> None:
        self.id, self.wing, self.load = id, wing, 0


mapper(Slot, slots, version_id_col=slots.c.version, registry=registry)


def test_null_in_a_part_of_a_key_tells_a_row_on_sqlite() -> None:
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with Session(engine) as session:
        objects = [Slot(5, None), Slot(5, 1), Slot(6, None), Slot(7, 2)]
        session.add_all(objects)
        session.commit()
        for number, obj in enumerate(objects):
            assert obj.load == 0
            obj.load = number
        session.commit()
        assert [(obj.load, obj.version) for obj in objects] == [(0, 1), (1, 2), (2, 2), (3, 2)]
        assert session.get(Slot, (5, None)) is objects[0]
        session.delete(objects[0])
        session.delete(objects[3])
        session.commit()
        assert session.execute(select(slots.c.id, slots.c.wing).order_by(slots.c.id)).all() == [(5, 1), (6, None)]


def test_a_row_without_a_version_gets_one() -> None:
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with Session(engine) as session:
        session.execute(insert(slots).values(id=1, wing=1))
        slot = session.query(Slot).one()
        slot.load = 1
        session.commit()
        assert slot.version == 1
