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
    func,
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
