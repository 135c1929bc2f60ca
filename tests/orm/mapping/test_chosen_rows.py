"""Relationships that lead to some rows of a class: to a non-primary mapper, or to an alias of the class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    Column,
    DeclarativeBase,
    Engine,
    ForeignKey,
    Integer,
    Mapped,
    MetaData,
    Session,
    String,
    Table,
    aliased,
    and_,
    class_mapper,
    exists,
    func,
    join,
    joinedload,
    mapped_column,
    mapper,
    relationship,
    select,
    selectinload,
    subqueryload,
)
from flask_uow.orm.mapping.registry import Registry


class Shop:
    """Buyers with deals, of which some are open; a relationship leads to these."""

    def __init__(self, engine: Engine, source: str, **options: Any) -> None:
        metadata = MetaData()
        self.registry = Registry()
        buyer = Table("buyer", metadata, Column("id", Integer, primary_key=True), Column("name", String(9)))
        deal = Table(
            "deal", metadata, Column("id", Integer, primary_key=True), Column("buyer_id", ForeignKey("buyer.id")),
            Column("is_open", Integer), Column("size", Integer),
        )  # fmt: skip

        class Buyer:
            id: Any
            name: Any
            deals: Any
            open_deals: Any

            def __init__(self, name: str, *deals: Any) -> None:
                self.name = name
                self.deals = list(deals)

        class Deal:
            def __init__(self, size: int, is_open: int) -> None:
                self.size, self.is_open = size, is_open

        mapper(Deal, deal, registry=self.registry)
        condition: Any
        if source == "alias":
            of: Any = deal.alias("opened")
            condition = and_(of.c.is_open == 1, buyer.c.id == of.c.buyer_id)
        elif source == "select":
            of = select(deal).where(deal.c.is_open == 1).alias("opened")
            condition = buyer.c.id == of.c.buyer_id
        else:
            of = select(deal).where(deal.c.is_open == 1).alias("opened")
            condition = None
        second = mapper(Deal, of, non_primary=True)
        mapper(
            Buyer, buyer, registry=self.registry,
            properties={
                "deals": relationship(Deal),
                "open_deals": relationship(second, primaryjoin=condition, order_by=of.c.size.desc(), **options),
            },
        )  # fmt: skip
        metadata.create_all(engine)
        self.Buyer, self.Deal, self.engine = Buyer, Deal, engine


@pytest.fixture
def shop(engine: Engine) -> Iterator[Any]:
    made: list[Shop] = []

    def make(source: str, **options: Any) -> Shop:
        made.append(Shop(engine, source, **options))
        return made[-1]

    yield make
    for one in made:
        one.registry.dispose()


def fill(shop: Shop, session: Session) -> None:
    session.add(shop.Buyer("ann", shop.Deal(1, 1), shop.Deal(2, 0), shop.Deal(3, 1)))
    session.add(shop.Buyer("bob", shop.Deal(4, 0)))
    session.add(shop.Buyer("cy", shop.Deal(5, 1)))
    session.commit()
    session.expunge_all()


OPEN = {"ann": [3, 1], "bob": [], "cy": [5]}
SOURCES = ["alias", "select", "select with its foreign key"]


def sizes(buyers: list[Any]) -> dict[str, list[int]]:
    return {buyer.name: [deal.size for deal in buyer.open_deals] for buyer in buyers}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("option", [None, joinedload, selectinload, subqueryload])
def test_a_relationship_leads_to_the_rows_that_a_second_mapper_selects(shop: Any, source: str, option: Any) -> None:
    s = shop(source, viewonly=True)
    with Session(s.engine) as session:
        fill(s, session)
        query = session.query(s.Buyer).order_by(s.Buyer.id)
        buyers = (query.options(option(s.Buyer.open_deals)) if option is not None else query).all()
        if option is not None:
            assert all("open_deals" in vars(buyer) for buyer in buyers)
        assert sizes(buyers) == OPEN
        deal = buyers[0].open_deals[0]
        assert type(deal) is s.Deal
        assert deal in buyers[0].deals


@pytest.mark.parametrize("source", SOURCES)
def test_criteria_and_joins_are_about_the_chosen_rows(shop: Any, source: str) -> None:
    s = shop(source, viewonly=True)
    Buyer, Deal = s.Buyer, s.Deal
    with Session(s.engine) as session:
        fill(s, session)
        names = session.query(Buyer.name).order_by(Buyer.id)
        assert names.filter(Buyer.open_deals.any()).all() == [("ann",), ("cy",)]
        assert names.filter(Buyer.open_deals.any(Deal.size > 4)).all() == [("cy",)]
        assert names.filter(Buyer.open_deals == None).all() == [("bob",)]  # noqa: E711
        closed = session.query(Deal).filter_by(size=4).one()
        first = session.query(Deal).filter_by(size=1).one()
        assert names.filter(Buyer.open_deals.contains(closed)).all() == []
        assert names.filter(Buyer.open_deals.contains(first)).all() == [("ann",)]
        counted = session.query(Buyer.name, func.count(Deal.id)).outerjoin(Buyer.open_deals).group_by(Buyer.name)
        assert dict(counted.all()) == {"ann": 2, "bob": 0, "cy": 1}
        ann = session.query(Buyer).filter_by(name="ann").one()
        found = session.query(Deal).with_parent(ann, Buyer.open_deals)
        assert sorted(deal.size for deal in found) == [1, 3]


def test_an_object_that_is_put_in_is_written_by_the_classs_own_foreign_key(shop: Any) -> None:
    s = shop("alias")
    with Session(s.engine) as session:
        buyer = s.Buyer("dee")
        buyer.open_deals.append(s.Deal(7, 1))
        session.add(buyer)
        session.commit()
        session.expunge_all()
        assert sizes(session.query(s.Buyer).all()) == {"dee": [7]}


def test_a_declarative_relationship_leads_to_an_alias_of_the_latest_rows(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    class Meter(Base):
        __tablename__ = "meter"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Reading(Base):
        __tablename__ = "reading"
        id: Mapped[int] = mapped_column(primary_key=True)
        meter_id: Mapped[int] = mapped_column(ForeignKey("meter.id"))
        day: Mapped[int]

    table = Reading.__table__
    newest = select(table.c.meter_id, func.max(table.c.day).label("day")).group_by(table.c.meter_id).subquery()
    whole = select(table).join(newest, and_(table.c.meter_id == newest.c.meter_id, table.c.day == newest.c.day))
    last: Any = aliased(Reading, whole.subquery("last"))
    latest: Any = relationship(last, primaryjoin=Meter.id == last.meter_id, uselist=False, viewonly=True)
    class_mapper(Meter).add_property("latest", latest)

    def days_of(meter: Any) -> Any:
        return meter.latest.day if meter.latest is not None else None

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Meter(id=1), Meter(id=2), Meter(id=3)])
        session.flush()
        session.add_all([Reading(meter_id=m, day=d) for m, d in ((1, 5), (1, 9), (2, 7))])
        session.commit()
        meters = session.query(Meter).order_by(Meter.id).all()
        assert [days_of(meter) for meter in meters] == [9, 7, None]
        session.expunge_all()
        joined = session.query(Meter).options(joinedload("latest")).order_by(Meter.id).all()
        assert all("latest" in vars(meter) for meter in joined)
        assert [days_of(meter) for meter in joined] == [9, 7, None]


def test_a_relationship_of_a_class_to_an_alias_of_itself(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    class Node(Base):
        __tablename__ = "node"
        id: Mapped[int] = mapped_column(primary_key=True)
        up_id: Mapped[int | None] = mapped_column(ForeignKey("node.id"))
        is_leaf: Mapped[int]

    child: Any = aliased(Node)
    tree: Any = Node
    tree.leaves = relationship(
        child, primaryjoin=and_(Node.id == child.up_id, child.is_leaf == 1), viewonly=True, order_by=Node.id
    )
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Node(id=1, is_leaf=0))
        session.flush()
        session.add_all([Node(id=n, up_id=1, is_leaf=n % 2) for n in (2, 3, 4, 5)])
        session.commit()
        nodes = session.query(tree).order_by(tree.id).all()
        assert [[leaf.id for leaf in node.leaves] for node in nodes] == [[3, 5], [], [], [], []]
        assert session.query(Node.id).filter(tree.leaves.any()).all() == [(1,)]
        assert session.query(Node.id).filter(tree.leaves.any(child.id == 4)).all() == []
        assert session.query(Node.id, child.id).join(tree.leaves).order_by(child.id).all() == [(1, 3), (1, 5)]


def test_a_secondary_table_does_not_go_with_chosen_rows(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    pairs = Table(
        "pairs", Base.metadata, Column("tag_id", ForeignKey("tag.id")), Column("post_id", ForeignKey("post.id"))
    )

    class Tag(Base):
        __tablename__ = "tag"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Post(Base):
        __tablename__ = "post"
        id: Mapped[int] = mapped_column(primary_key=True)

    class_mapper(Post, configure=False).add_property("tags", relationship(aliased(Tag), secondary=pairs))
    with pytest.raises(ArgumentError, match="has secondary=, which do not go together"):
        Base.registry.configure()
    Base.registry.dispose()


def test_what_is_written_has_to_be_a_column_of_the_class(engine: Engine) -> None:
    metadata, registry = MetaData(), Registry()
    a = Table("a", metadata, Column("id", Integer, primary_key=True))
    b = Table("b", metadata, Column("id", Integer, primary_key=True), Column("a_id", Integer))
    A, B = type("A", (), {}), type("B", (), {})
    mapper(B, b, registry=registry)
    source = select(b, (b.c.a_id + 0).label("other")).subquery()
    condition = a.c.id == source.c.other
    second = mapper(B, source, non_primary=True)
    mapper(
        A, a, registry=registry,
        properties={"bs": relationship(second, primaryjoin=condition, foreign_keys=[source.c.other])},
    )  # fmt: skip
    try:
        with pytest.raises(
            ArgumentError, match=r"A\.bs: other of .* is no column of B, and cannot be written.*viewonly"
        ):
            registry.configure()
    finally:
        registry.dispose()


# -- the alias that a relationship leads to, in a query


class Depots:
    """Depots with trucks, of which each has two parkers at most; the relationship leads to these."""

    def __init__(self, engine: Engine) -> None:
        class Base(DeclarativeBase):
            pass

        class Depot(Base):
            __tablename__ = "depot"
            id: Mapped[int] = mapped_column(primary_key=True)

        class Truck(Base):
            __tablename__ = "truck"
            id: Mapped[int] = mapped_column(primary_key=True)
            depot_id: Mapped[int] = mapped_column(ForeignKey("depot.id"))

        place = func.row_number().over(order_by=Truck.id, partition_by=Truck.depot_id).label("place")
        self.numbered = select(Truck, place).subquery()
        self.Depot: Any = Depot
        self.Truck: Any = Truck
        self.parked: Any = aliased(Truck, self.numbered)
        condition = and_(self.parked.depot_id == Depot.id, self.numbered.c.place < 3)
        self.Depot.first_two = relationship(self.parked, primaryjoin=condition, viewonly=True, order_by=Truck.id)
        Base.metadata.create_all(engine)
        self.session = Session(engine)
        self.session.add_all([Depot(id=1), Depot(id=2), Depot(id=3)])
        self.session.flush()
        # the odd ones are in depot 1, the even ones in depot 2
        self.session.add_all(Truck(id=number, depot_id=2 - number % 2) for number in range(1, 7))
        self.session.commit()


@pytest.fixture
def depots(engine: Engine) -> Iterator[Depots]:
    made = Depots(engine)
    yield made
    made.session.close()


def test_a_join_along_the_relationship_brings_in_its_alias_and_the_class(depots: Depots) -> None:
    Depot, Truck, parked, session = depots.Depot, depots.Truck, depots.parked, depots.session
    pairs = [(1, 1), (1, 3), (2, 2), (2, 4)]
    other = aliased(Depot)
    for start, far in ((Depot, parked), (Depot, Truck), (other, parked), (other, Truck)):
        statement = select(start.id, far.id).join(start.first_two).order_by(start.id, far.id)
        assert session.execute(statement).all() == pairs
        assert session.query(start.id, far.id).join(start.first_two).order_by(start.id, far.id).all() == pairs
        outer = select(start.id, far.id).outerjoin(start.first_two).order_by(start.id, far.id)
        assert session.execute(outer).all() == [*pairs, (3, None)]
        assert session.execute(select(start.id).join(start.first_two).where(far.id == 3)).all() == [(1,)]
        assert session.execute(select(start.id).join(start.first_two.and_(far.id == 4))).all() == [(2,)]
    named = select(Depot.id, parked.id).join(parked, Depot.first_two).order_by(parked.id)
    assert session.execute(named).all() == sorted(pairs, key=lambda pair: pair[1])
    assert session.execute(select(Depot.id).join(Depot.first_two.of_type(parked)).where(parked.id > 3)).all() == [(2,)]
    assert session.execute(select(Depot.id).join(Depot.first_two).where(depots.numbered.c.place == 2)).all() == [
        (1,),
        (2,),
    ]
    third = aliased(Depot)
    crossed = select(Depot.id, third.id).join(Depot.first_two).join(third, third.id != Depot.id)
    crossed = crossed.join(third.first_two.of_type(aliased(Truck)))
    assert session.execute(crossed.where(parked.id == 1)).all() == [(1, 2), (1, 2)]


def test_criteria_of_any_and_of_options_may_name_the_alias(depots: Depots) -> None:
    Depot, parked, session = depots.Depot, depots.parked, depots.session
    for criterion in (
        parked.id > 3,
        depots.Truck.id > 3,
        and_(parked.id > 2, depots.numbered.c.place == 2, parked.id != 3),
    ):
        assert session.execute(select(Depot.id).where(Depot.first_two.any(criterion))).all() == [(2,)]
        assert session.execute(select(Depot.id).where(Depot.first_two.of_type(parked).any(parked.id > 3))).all() == [
            (2,)
        ]
        for option in (joinedload, selectinload, subqueryload):
            session.expunge_all()
            statement = select(Depot).options(option(Depot.first_two.and_(criterion))).order_by(Depot.id)
            found = session.scalars(statement).unique().all()
            assert [[truck.id for truck in depot.first_two] for depot in found] == [[], [4], []]
    # the alias is in the statement around it, too
    around = select(parked.id).where(exists(select(Depot.id).where(Depot.first_two.any(parked.id == 4))))
    assert len(session.execute(around).all()) == 6


@pytest.mark.parametrize("is_given", ["the join's columns", "the classes' attributes"])
def test_a_relationship_leads_to_an_alias_of_a_join(engine: Engine, is_given: str) -> None:
    class Base(DeclarativeBase):
        pass

    class Order(Base):
        __tablename__ = "order"
        id: Mapped[int] = mapped_column(primary_key=True)
        item_id: Mapped[int | None] = mapped_column(ForeignKey("item.id"))

    class Item(Base):
        __tablename__ = "item"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Stock(Base):
        __tablename__ = "stock"
        id: Mapped[int] = mapped_column(primary_key=True)
        item_id: Mapped[int] = mapped_column(ForeignKey("item.id"))
        shelf_id: Mapped[int] = mapped_column(ForeignKey("shelf.id"))

    class Shelf(Base):
        __tablename__ = "shelf"
        id: Mapped[int] = mapped_column(primary_key=True)
        height: Mapped[int]

    there = join(Item, Stock, Stock.item_id == Item.id).join(Shelf, Shelf.id == Stock.shelf_id)
    in_stock: Any = aliased(Item, there, flat=True)
    order: Any = Order
    if is_given == "the join's columns":
        order.item = relationship(in_stock, primaryjoin=Order.item_id == there.c.item_id)
        high = and_(Order.item_id == there.c.item_id, there.c.shelf_height > 3)
    else:
        order.item = relationship(in_stock, primaryjoin=Order.item_id == Item.id)
        high = and_(Order.item_id == Item.id, Shelf.height > 3)
    order.high_item = relationship(aliased(Item, there), primaryjoin=high, viewonly=True)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Item(id=1), Item(id=2), Item(id=3), Shelf(id=1, height=1), Shelf(id=2, height=5)])
        session.flush()
        session.add_all(
            [Stock(item_id=1, shelf_id=1), Stock(item_id=2, shelf_id=2), *(Order(id=n, item_id=n) for n in (1, 2, 3))]
        )
        session.commit()
        for option in (None, joinedload, selectinload, subqueryload):
            session.expunge_all()
            options = [] if option is None else [option(order.item), option(order.high_item)]
            found = session.scalars(select(Order).options(*options).order_by(Order.id)).all()
            assert [getattr(one.item, "id", None) for one in found] == [1, 2, None]
            assert [getattr(one.high_item, "id", None) for one in found] == [None, 2, None]
        joined = select(Order.id, in_stock.id).join(order.item).order_by(Order.id)
        assert session.execute(joined).all() == [(1, 1), (2, 2)]
        assert session.scalars(select(Order.id).where(order.high_item.has())).all() == [2]
        new = order(id=9, item=Item(id=9))
        session.add(new)
        session.flush()
        assert new.item_id == 9
