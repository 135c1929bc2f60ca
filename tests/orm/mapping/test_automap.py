"""Classes of the tables of a database: ``DeferredReflection``, and ``automap_base()`` with the relationships of foreign keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import (
    MANYTOONE,
    ArgumentError,
    Column,
    DeclarativeBase,
    DeferredReflection,
    Engine,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    NoSuchTableError,
    Session,
    String,
    Table,
    UnmappedClassError,
    automap_base,
    inspect,
    mapped_column,
    registry,
    relationship,
    select,
)


@pytest.fixture
def filled(engine: Engine) -> Iterator[Engine]:
    """Tables of a shop, with a row or two."""
    metadata = MetaData()
    key = Column("id", Integer, primary_key=True)
    Table("client", metadata, key.copy(), Column("name", String(20)))
    Table(
        "purchase", metadata, key.copy(), Column("client_id", ForeignKey("client.id"), nullable=False),
        Column("parent_id", ForeignKey("purchase.id")), Column("note", String(20)),
    )  # fmt: skip
    Table("good", metadata, key.copy(), Column("title", String(20)))
    Table(
        "purchase_good", metadata, Column("purchase_id", ForeignKey("purchase.id"), primary_key=True),
        Column("good_id", ForeignKey("good.id"), primary_key=True),
    )  # fmt: skip
    Table("area", metadata, Column("country", String(2), primary_key=True), Column("code", Integer, primary_key=True))
    Table(
        "client_area", metadata, key.copy(), Column("client_id", ForeignKey("client.id", ondelete="SET NULL")),
        Column("country", String(2)), Column("code", Integer),
        ForeignKeyConstraint(["country", "code"], ["area.country", "area.code"]),
    )  # fmt: skip
    Table("log", metadata, Column("line", String(20)))
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO client (name) VALUES ('ann')")
        connection.exec_driver_sql("INSERT INTO purchase (client_id, note) VALUES (1, 'first')")
        connection.exec_driver_sql("INSERT INTO purchase (client_id, parent_id) VALUES (1, 1)")
        connection.exec_driver_sql("INSERT INTO good (title) VALUES ('tea')")
        connection.exec_driver_sql("INSERT INTO purchase_good (purchase_id, good_id) VALUES (1, 1)")
    return engine


def test_each_table_with_a_key_gets_a_class(filled: Engine) -> None:
    base: Any = automap_base()
    base.prepare(autoload_with=filled)
    assert sorted(base.classes.keys()) == ["area", "client", "client_area", "good", "purchase"]
    assert base.classes.client is base.classes["client"]
    assert issubclass(base.classes.client, base)
    with pytest.raises(AttributeError, match=r"no class 'clint' was made of a table\. Did you mean 'client'"):
        base.classes.clint
    with Session(filled) as session:
        client = session.scalars(select(base.classes.client)).one()
        assert (client.name, client.id) == ("ann", 1)


def test_foreign_keys_become_relationships(filled: Engine) -> None:
    base: Any = automap_base()
    base.prepare(autoload_with=filled)
    client, purchase, good = base.classes.client, base.classes.purchase, base.classes.good
    assert inspect(purchase).relationships.client.direction is MANYTOONE
    with Session(filled) as session:
        ann = session.get_one(client, 1)
        first, second = sorted(ann.purchase_collection, key=lambda one: one.id)
        assert (second.purchase, first.purchase_collection, second.client) == (first, [second], ann)
        assert [one.title for one in first.good_collection] == ["tea"]
        assert session.get_one(good, 1).purchase_collection == [first]
        session.add(
            client(name="bob", purchase_collection=[purchase(note="third", good_collection=[good(title="salt")])])
        )
        session.flush()
        assert session.scalars(select(purchase.note).join(purchase.client).where(client.name == "bob")).all() == [
            "third"
        ]
        # a purchase cannot be without its client
        bob = session.scalars(select(client).where(client.name == "bob")).one()
        bob.purchase_collection = []
        session.flush()
        assert session.scalars(select(purchase.note).where(purchase.note == "third")).all() == []
        area, link = base.classes.area, base.classes.client_area
        session.add(link(client=ann, area=area(country="no", code=5)))
        session.commit()
        assert ann.client_area_collection[0].area.code == 5


def test_declared_classes_count_more(filled: Engine) -> None:
    base: Any = automap_base()

    class Client(base):  # type: ignore[misc]
        __tablename__ = "client"
        called = mapped_column("name", String(20))
        orders = relationship("Order", back_populates="owner")

        def shout(self) -> str:
            return str(self.called).upper()

    class Order(base):  # type: ignore[misc]
        __tablename__ = "purchase"
        owner = relationship(Client, back_populates="orders", foreign_keys="Order.client_id")

    with pytest.raises(UnmappedClassError):
        inspect(Client)
    base.prepare(autoload_with=filled)
    assert sorted(base.classes.keys()) == ["Client", "Order", "area", "client_area", "good"]
    names = inspect(Order).relationships.keys()
    assert sorted(names) == ["good_collection", "order", "order_collection", "owner"]
    with Session(filled) as session:
        ann = session.get_one(Client, 1)
        assert (ann.shout(), [order.note for order in ann.orders if order.note]) == ("ANN", ["first"])


def test_names_and_relationships_may_be_chosen(filled: Engine) -> None:
    reg = registry()
    own: Any = reg.generate_base()
    base: Any = automap_base(own)

    def generate(
        base: Any, direction: Any, return_fn: Any, name: str, local: type, referred: type, **options: Any
    ) -> Any:
        if local.__name__ == "Good":
            return None
        return return_fn(referred, **options, info={"made": name})

    base.prepare(
        autoload_with=filled,
        classname_for_table=lambda base, name, table: "".join(part.title() for part in name.split("_")),
        name_for_scalar_relationship=lambda base, local, referred, key: f"the_{referred.__name__.lower()}",
        name_for_collection_relationship=lambda base, local, referred, key: f"{referred.__name__.lower()}s",
        generate_relationship=generate,
        collection_class=set,
        reflection_options={"only": ["client", "purchase", "good", "purchase_good"]},
    )
    assert sorted(base.classes.keys()) == ["Client", "Good", "Purchase"]
    purchase = inspect(base.classes.Purchase)
    assert sorted(purchase.relationships.keys()) == ["goods", "purchases", "the_client", "the_purchase"]
    assert purchase.relationships.goods.info == {"made": "goods"}
    assert inspect(base.classes.Good).relationships.keys() == {}.keys()
    assert base.classes.Client.registry is reg
    with Session(filled) as session:
        assert type(session.get_one(base.classes.Client, 1).purchases).__name__ == "InstrumentedSet"


def test_tables_that_the_metadata_has_need_no_database() -> None:
    metadata = MetaData()
    Table("one", metadata, Column("id", Integer, primary_key=True))
    Table("two", metadata, Column("id", Integer, primary_key=True), Column("one_id", ForeignKey("one.id")))
    base: Any = automap_base(metadata=metadata)
    base.prepare()
    two = base.classes.two(one=base.classes.one())
    assert two.one.two_collection == [two]


def test_reflected_classes_are_mapped_when_they_are_prepared(filled: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    class Reflected(DeferredReflection):
        __abstract__ = True

    class Other(DeferredReflection):
        __abstract__ = True

    class Client(Reflected, Base):
        __tablename__ = "client"
        called = mapped_column("name", String(20))
        orders = relationship("Order", back_populates="owner", order_by="Order.id")

    class Order(Reflected, Base):
        __tablename__ = "purchase"
        owner = relationship(Client, back_populates="orders")

    class Missing(Other, Base):
        __tablename__ = "missing"

    with pytest.raises(UnmappedClassError):
        inspect(Client)
    Reflected.prepare(filled)
    assert sorted(inspect(Client).columns.keys()) == ["called", "id"]
    with Session(filled) as session:
        ann = session.get_one(Client, 1)
        assert (ann.called, [order.note for order in ann.orders]) == ("ann", ["first", None])
    with pytest.raises(NoSuchTableError):
        Other.prepare(filled)


def test_a_class_that_is_mapped_at_once_may_be_among_them(filled: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    class Reflected(DeferredReflection):
        __abstract__ = True

    class Good(Reflected, Base):
        __table__ = Table("good", Base.metadata, Column("id", Integer, primary_key=True))

    assert inspect(Good).columns.keys() == ["id"]
    Reflected.prepare(filled)


def test_a_table_without_a_key_cannot_be_declared(filled: Engine) -> None:
    base: Any = automap_base()

    class Log(base):  # type: ignore[misc]
        __tablename__ = "log"

    with pytest.raises(ArgumentError, match="has no primary key"):
        base.prepare(autoload_with=filled)
