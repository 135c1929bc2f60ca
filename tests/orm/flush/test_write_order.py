"""In what order a flush writes: rows that refer to each other, keys that are reused, keys that change."""

from __future__ import annotations

from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    CircularDependencyError,
    Column,
    Engine,
    FlushError,
    ForeignKey,
    Index,
    Integer,
    IntegrityError,
    InvalidRequestError,
    Mapped,
    MapperExtension,
    MetaData,
    Registry,
    Session,
    String,
    Table,
    UniqueConstraint,
    declarative_base,
    foreign,
    mapped_column,
    mapper,
    relationship,
    text,
)
from tests.statements import StatementLog

# -- rows that refer to each other


@pytest.fixture
def widgets(engine: Engine) -> Any:
    base = declarative_base()

    class Widget(base):
        __tablename__ = "widget"
        id: Mapped[int] = mapped_column(primary_key=True)
        favourite_id: Mapped[int | None] = mapped_column(ForeignKey("entry.id", use_alter=True, name="fk_favourite"))
        entries: Mapped[list[Entry]] = relationship(
            back_populates="widget", foreign_keys="Entry.widget_id", cascade="all, delete-orphan", order_by="Entry.id"
        )
        favourite: Mapped[Entry | None] = relationship(foreign_keys=favourite_id, post_update=True)

    class Entry(base):
        __tablename__ = "entry"
        id: Mapped[int] = mapped_column(primary_key=True)
        widget_id: Mapped[int] = mapped_column(ForeignKey("widget.id"))
        widget: Mapped[Widget] = relationship(back_populates="entries", foreign_keys=widget_id)

    base.metadata.create_all(engine)
    session = Session(bind=engine)
    yield session, Widget, Entry
    session.close()


def test_post_update_breaks_a_circle_of_two_tables(widgets: Any, statements: StatementLog) -> None:
    session, Widget, Entry = widgets
    made = []
    for _ in range(3):
        widget = Widget(entries=[Entry(), Entry()])
        widget.favourite = widget.entries[1]
        made.append(widget)
    session.add_all(made)
    with statements.expect(3 if "sqlite" not in str(session.bind) else 5):
        session.flush()
    assert statements.sql[-1].startswith("UPDATE widget")
    session.commit()
    assert all(widget.favourite is widget.entries[1] for widget in made)
    made[0].favourite = made[0].entries[0]
    with statements.expect(1, "UPDATE widget"):
        session.flush()
    session.commit()
    assert made[0].favourite is made[0].entries[0]


def test_post_update_clears_the_reference_before_deletes(widgets: Any) -> None:
    session, Widget, Entry = widgets
    widget = Widget(entries=[Entry(), Entry()])
    widget.favourite = widget.entries[0]
    session.add(widget)
    session.commit()
    session.delete(widget)
    session.commit()
    assert session.query(Entry).count() == 0
    assert session.query(Widget).count() == 0


@pytest.mark.parametrize("name", ["favourite", "favourite_id"])
def test_post_update_clears_a_reference_that_was_set_to_none_just_before_both_are_deleted(
    widgets: Any, name: str
) -> None:
    session, Widget, Entry = widgets
    widget = Widget(entries=[Entry(), Entry()])
    widget.favourite = widget.entries[0]
    session.add(widget)
    session.commit()
    with session.no_autoflush:
        setattr(widget, name, None)
        session.delete(widget)
    session.commit()
    assert (session.query(Entry).count(), session.query(Widget).count()) == (0, 0)


def test_a_row_that_refers_to_itself(engine: Engine) -> None:
    base = declarative_base()

    class Person(base):
        __tablename__ = "person"
        id: Mapped[int] = mapped_column(primary_key=True)
        best_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
        best: Mapped[Person | None] = relationship(remote_side="Person.id", post_update=True)

    base.metadata.create_all(engine)
    with Session(bind=engine) as session:
        narcissus, echo, other = Person(), Person(), Person()
        narcissus.best = narcissus
        echo.best, other.best = other, echo
        session.add_all([narcissus, echo, other])
        session.commit()
        assert narcissus.best_id == narcissus.id
        assert (echo.best, other.best) == (other, echo)
        for person in (echo, other, narcissus):
            session.delete(person)
        session.commit()
        assert session.query(Person).count() == 0


def test_a_collection_with_post_update(engine: Engine) -> None:
    base = declarative_base()

    class Parent(base):
        __tablename__ = "parent"
        id: Mapped[int] = mapped_column(primary_key=True)
        children: Mapped[list[Child]] = relationship(post_update=True)

    class Child(base):
        __tablename__ = "child"
        id: Mapped[int] = mapped_column(primary_key=True)
        parent_id: Mapped[int | None] = mapped_column(ForeignKey("parent.id"))

    base.metadata.create_all(engine)
    with Session(bind=engine) as session:
        parent = Parent(children=[Child(), Child()])
        session.add(parent)
        session.commit()
        assert [child.parent_id for child in parent.children] == [parent.id] * 2
        gone = parent.children.pop()
        session.commit()
        assert gone.parent_id is None
        session.delete(parent)
        session.commit()
        assert session.query(Child).filter(Child.parent_id.isnot(None)).count() == 0


def test_a_circle_without_post_update_is_printed(engine: Engine) -> None:
    base = declarative_base()

    class Link(base):
        __tablename__ = "link"
        id: Mapped[int] = mapped_column(primary_key=True)
        next_id: Mapped[int | None] = mapped_column(ForeignKey("link.id"))
        next: Mapped[Link | None] = relationship(remote_side="Link.id")

    base.metadata.create_all(engine)
    with Session(bind=engine) as session:
        one, two = Link(), Link()
        one.next, two.next = two, one
        session.add(one)
        with pytest.raises(CircularDependencyError, match=r"<Link, pending> -> <Link, pending>.*post_update=True"):
            session.flush()


def test_children_without_a_relationship_back_are_deleted_first(engine: Engine) -> None:
    base = declarative_base()

    class Folder(base):
        __tablename__ = "folder"
        id: Mapped[int] = mapped_column(primary_key=True)
        parent_id: Mapped[int | None] = mapped_column(ForeignKey("folder.id"))

    base.metadata.create_all(engine)
    with Session(bind=engine) as session:
        session.add_all([Folder(id=3, parent_id=2), Folder(id=2, parent_id=1), Folder(id=1)])
        session.commit()
        for folder in session.query(Folder).order_by(Folder.id):
            session.delete(folder)
        session.commit()
        assert session.query(Folder).count() == 0


def test_two_thousand_objects_in_a_graph_with_circles(engine: Engine) -> None:
    base = declarative_base()
    edge = Table(
        "edge", base.metadata, Column("a", ForeignKey("vertex.id"), primary_key=True),
        Column("b", ForeignKey("vertex.id"), primary_key=True),
    )  # fmt: skip

    class Vertex(base):
        __tablename__ = "vertex"
        id: Mapped[int] = mapped_column(primary_key=True)
        number: Mapped[int]
        parent_id: Mapped[int | None] = mapped_column(ForeignKey("vertex.id"))
        twin_id: Mapped[int | None] = mapped_column(ForeignKey("vertex.id"))
        parent: Mapped[Vertex | None] = relationship(remote_side="Vertex.id", foreign_keys=parent_id)
        twin: Mapped[Vertex | None] = relationship(remote_side="Vertex.id", foreign_keys=twin_id, post_update=True)
        out: Mapped[set[Vertex]] = relationship(
            secondary=edge, primaryjoin=lambda: Vertex.id == edge.c.a, secondaryjoin=lambda: Vertex.id == edge.c.b
        )

    base.metadata.create_all(engine)
    with Session(bind=engine) as session:
        vertices = [Vertex(number=n) for n in range(2000)]
        for n, vertex in enumerate(vertices):
            vertex.parent = vertices[n // 2] if n else None
            vertex.twin = vertices[(n * 7 + 1) % 2000]
            vertex.out = {vertices[(n + 1) % 2000], vertices[(n * 3) % 2000]}
        session.add_all(reversed(vertices))
        session.commit()
        session.expunge_all()
        loaded = {vertex.number: vertex for vertex in session.query(Vertex)}
        assert len(loaded) == 2000
        for n, vertex in loaded.items():
            assert vertex.parent is (loaded[n // 2] if n else None)
            assert vertex.twin is loaded[(n * 7 + 1) % 2000]
            assert vertex.out == {loaded[(n + 1) % 2000], loaded[(n * 3) % 2000]}
        for vertex in loaded.values():
            session.delete(vertex)
        session.commit()
        assert session.query(Vertex).count() == 0


# -- keys that are reused


@pytest.fixture
def shop(engine: Engine) -> Any:
    base = declarative_base()

    class Customer(base):
        __tablename__ = "customer"
        __table_args__ = (UniqueConstraint("city", "number"),)
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str] = mapped_column(unique=True)
        city: Mapped[str | None]
        number: Mapped[int | None]
        orders: Mapped[list[Order]] = relationship(back_populates="customer", cascade="all, delete-orphan")

    class Order(base):
        __tablename__ = "order"
        id: Mapped[int] = mapped_column(primary_key=True)
        customer_id: Mapped[int | None] = mapped_column(ForeignKey("customer.id"))
        customer: Mapped[Customer | None] = relationship(back_populates="orders")

    base.metadata.create_all(engine)
    session = Session(bind=engine)
    session.add(Customer(name="ed", city="oslo", number=1, orders=[Order()]))
    session.commit()
    yield session, Customer, Order
    session.close()


def test_a_new_object_may_take_the_primary_key_of_a_deleted_one(shop: Any) -> None:
    session, Customer, Order = shop
    old = session.get(Customer, 1)
    session.delete(old)
    new = Customer(id=1, name="jo")
    session.add(new)
    session.flush()
    assert session.get(Customer, 1) is new
    assert old not in session
    assert session.query(Order).count() == 0
    session.rollback()
    assert session.get(Customer, 1) is old
    assert old.name == "ed"
    assert new not in session
    assert session.query(Order).count() == 1


@pytest.mark.parametrize("values", [{"name": "ed"}, {"name": "x", "city": "oslo", "number": 1}])
def test_a_new_object_may_take_the_unique_values_of_a_deleted_one(shop: Any, values: dict[str, Any]) -> None:
    session, Customer, _ = shop
    session.delete(session.get(Customer, 1))
    session.add(Customer(**values))
    session.commit()
    assert session.query(Customer).one().name == values["name"]


def test_a_changed_object_may_take_the_unique_values_of_a_deleted_one(shop: Any) -> None:
    session, Customer, _ = shop
    session.add(jo := Customer(name="jo"))
    session.flush()
    session.delete(session.get(Customer, 1))
    jo.name = "ed"
    session.commit()
    assert session.query(Customer).one() is jo


def test_what_stays_lets_go_of_a_row_that_is_deleted_first(shop: Any) -> None:
    session, Customer, Order = shop
    session.add(other := Customer(name="other"))
    session.flush()
    old = session.get(Customer, 1)
    old.orders[0].customer = other
    session.delete(old)
    session.add(Customer(name="ed", orders=[Order()]))
    session.commit()
    assert sorted(order.customer.name for order in session.query(Order)) == ["ed", "other"]


@pytest.mark.parametrize("expired", [False, True])
@pytest.mark.parametrize("two_way", [False, True])
def test_association_objects_may_be_replaced_by_others_with_their_keys(
    engine: Engine, expired: bool, two_way: bool
) -> None:
    base = declarative_base()
    back = {"back_populates": "order"} if two_way else {}

    class Order(base):
        __tablename__ = "order"
        id: Mapped[int] = mapped_column(primary_key=True)
        lines: Mapped[list[Line]] = relationship(cascade="all, delete-orphan", order_by="Line.product_id", **back)

    class Product(base):
        __tablename__ = "product"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Line(base):
        __tablename__ = "line"
        order_id: Mapped[int] = mapped_column(ForeignKey("order.id"), primary_key=True)
        product_id: Mapped[int] = mapped_column(ForeignKey("product.id"), primary_key=True)
        quantity: Mapped[int]
        product: Mapped[Product] = relationship()

    if two_way:
        Line.order = relationship(Order, back_populates="lines")
    base.metadata.create_all(engine)
    with Session(engine) as session:
        pen, ink = Product(), Product()
        order = Order(lines=[Line(product=pen, quantity=1), Line(product=ink, quantity=2)])
        session.add(order)
        session.commit()
        old = list(order.lines)
        if expired:
            session.expire_all()
        order.lines = [Line(product=ink, quantity=20), Line(product=pen, quantity=10)]
        session.flush()
        assert all(line not in session for line in old)
        session.expire_all()
        assert [(line.product_id, line.quantity) for line in order.lines] == [(1, 10), (2, 20)]
        order.lines[0] = Line(product=pen, quantity=11)
        session.commit()
        assert [line.quantity for line in order.lines] == [11, 20]


def test_without_reuse_deletions_come_last(shop: Any, statements: StatementLog) -> None:
    session, Customer, Order = shop
    session.delete(session.query(Order).one())
    session.add(Customer(name="new"))
    with statements.expect(2) as sent:
        session.flush()
    assert [sql.split()[0] for sql in sent] == ["INSERT", "DELETE"]


def test_a_deleted_object_that_is_expired_is_not_loaded_for_its_key(engine: Engine, statements: StatementLog) -> None:
    base = declarative_base()

    class Place(base):
        __tablename__ = "place"
        id: Mapped[int] = mapped_column(primary_key=True)
        label: Mapped[str | None]

    base.metadata.create_all(engine)
    with Session(bind=engine) as session:
        place = Place(id=1)
        session.add(place)
        session.commit()
        session.delete(place)
        session.add(Place(id=2))
        with statements.expect(2) as sent:
            session.flush()
        assert [sql.split()[0] for sql in sent] == ["INSERT", "DELETE"]


def test_a_unique_value_that_a_living_object_has_is_still_refused(shop: Any) -> None:
    session, Customer, _ = shop
    session.add(Customer(name="ed"))
    with pytest.raises(IntegrityError):
        session.flush()


def test_a_deleted_object_and_a_later_one_with_its_key_are_told_apart_at_rollback(shop: Any) -> None:
    session, Customer, _ = shop
    old = session.get(Customer, 1)
    session.delete(old)
    session.flush()
    new = Customer(id=1, name="new")
    session.add(new)
    session.flush()
    session.rollback()
    assert old in session
    assert new not in session
    assert old.name == "ed"


# -- keys that change


def _countries(engine: Engine, passive: bool) -> tuple[Session, Any, Any, Any]:
    base = declarative_base()
    options: dict[str, Any] = {"onupdate": "CASCADE"} if passive else {"deferrable": True, "initially": "DEFERRED"}
    spoken = Table(
        "spoken", base.metadata,
        Column("country", ForeignKey("country.code", **options), primary_key=True),
        Column("language", ForeignKey("language.id"), primary_key=True),
    )  # fmt: skip

    class Country(base):
        __tablename__ = "country"
        code: Mapped[str] = mapped_column(String(5), primary_key=True)
        cities: Mapped[list[City]] = relationship(back_populates="country", passive_updates=passive)
        languages: Mapped[list[Language]] = relationship(secondary=spoken, passive_updates=passive)

    class City(base):
        __tablename__ = "city"
        country_code: Mapped[str] = mapped_column(ForeignKey("country.code", **options), primary_key=True)
        name: Mapped[str] = mapped_column(String(10), primary_key=True)
        country: Mapped[Country] = relationship(back_populates="cities")

    class Language(base):
        __tablename__ = "language"
        id: Mapped[int] = mapped_column(primary_key=True)

    base.metadata.create_all(engine)
    session = Session(bind=engine)
    session.add(Country(code="no", cities=[City(name="oslo"), City(name="bodo")], languages=[Language()]))
    session.commit()
    return session, Country, City, Language


@pytest.mark.parametrize("passive", [True, False], ids=["passive", "active"])
def test_a_changed_natural_key_is_carried_to_what_refers_to_it(engine: Engine, passive: bool) -> None:
    session, Country, City, _ = _countries(engine, passive)
    country = session.get(Country, "no")
    cities = sorted(country.cities, key=lambda city: city.name)
    country.code = "nor"
    session.flush()
    assert [city.country_code for city in cities] == ["nor", "nor"]
    assert session.get(City, ("nor", "oslo")) is cities[1]
    assert session.get(Country, "nor") is country
    session.commit()
    assert [city.country_code for city in cities] == ["nor", "nor"]
    assert len(country.languages) == 1
    country.code = "n"
    session.flush()
    session.rollback()
    assert session.get(City, ("nor", "bodo")) is cities[0]
    assert country.code == "nor"
    session.close()


def test_children_that_are_not_loaded_follow_a_changed_key(engine: Engine) -> None:
    session, Country, City, _ = _countries(engine, passive=False)
    session.get(Country, "no").code = "nor"
    session.commit()
    session.expunge_all()
    assert {city.country_code for city in session.query(City)} == {"nor"}
    session.close()


@pytest.mark.parametrize("passive", [True, False], ids=["passive", "active"])
@pytest.mark.parametrize("both_sides", [True, False])
def test_a_changed_value_that_is_no_key_is_carried_to_what_refers_to_it(
    engine: Engine, passive: bool, both_sides: bool
) -> None:
    base = declarative_base()
    options: dict[str, Any] = {"onupdate": "CASCADE"} if passive else {"deferrable": True, "initially": "DEFERRED"}
    side: dict[str, Any] = {"back_populates": "country"} if both_sides else {}

    class Country(base):
        __tablename__ = "country"
        id: Mapped[int] = mapped_column(primary_key=True)
        code: Mapped[str] = mapped_column(String(5), unique=True)
        name: Mapped[str | None]
        cities: Mapped[list[City]] = relationship(passive_updates=passive, order_by="City.id", **side)

    class City(base):
        __tablename__ = "city"
        id: Mapped[int] = mapped_column(primary_key=True)
        country_code: Mapped[str] = mapped_column(ForeignKey("country.code", **options))
        if both_sides:
            country: Mapped[Country] = relationship(back_populates="cities", passive_updates=passive)

    base.metadata.create_all(engine)
    with Session(engine) as session:
        country, other = Country(code="no", cities=[City(), City()]), Country(code="se", cities=[City()])
        session.add_all([country, other])
        session.commit()
        cities = country.cities
        assert [city.country_code for city in [*cities, other.cities[0]]] == ["no", "no", "se"]
        country.code = "nor"
        country.name = "Norge"
        session.flush()
        assert [city.country_code for city in [*cities, other.cities[0]]] == ["nor", "nor", "se"]
        assert not session.dirty
        session.commit()
        rows = session.execute("SELECT country_code FROM city ORDER BY id").scalars().all()
        assert rows == ["nor", "nor", "se"]
        # in the same flush as a move
        assert (country.code, cities[0].country_code) == ("nor", "nor")
        moved = other.cities[0]
        country.code = "n"
        country.cities.append(moved)
        session.commit()
        assert session.execute("SELECT country_code FROM city ORDER BY id").scalars().all() == ["n", "n", "n"]
        assert moved.country_code == "n"


@pytest.mark.parametrize("passive", [True, False], ids=["passive", "active"])
def test_a_value_that_an_expression_makes_is_carried_to_what_refers_to_it(engine: Engine, passive: bool) -> None:
    base = declarative_base()
    options: dict[str, Any] = {"onupdate": "CASCADE"} if passive else {"deferrable": True, "initially": "DEFERRED"}

    class Country(base):
        __tablename__ = "country"
        id: Mapped[int] = mapped_column(primary_key=True)
        code: Mapped[str] = mapped_column(String(5), unique=True)
        cities: Mapped[list[City]] = relationship(passive_updates=passive, order_by="City.id")

    class City(base):
        __tablename__ = "city"
        id: Mapped[int] = mapped_column(primary_key=True)
        country_code: Mapped[str | None] = mapped_column(ForeignKey("country.code", **options))

    base.metadata.create_all(engine)
    with Session(engine) as session:
        country = Country(code="no", cities=[City()])
        session.add(country)
        session.commit()
        (city,) = country.cities
        assert city.country_code == "no"
        country.code = Country.code + "r"
        session.flush()
        assert (country.code, city.country_code) == ("nor", "nor")
        session.commit()
        assert session.execute("SELECT country_code FROM city").scalars().all() == ["nor"]
        # without having been loaded
        for value, made in ((Country.code + "w", "norw"), ("n", "n")):
            assert "code" not in country.__dict__
            city.country_code
            country.code = value
            session.flush()
            assert (country.code, city.country_code) == (made, made)
            session.commit()
            assert session.execute("SELECT country_code FROM city").scalars().all() == [made]


def test_the_database_carries_no_value_along_where_it_has_no_foreign_key(engine: Engine) -> None:
    base = declarative_base()

    class Place(base):
        __tablename__ = "place"
        id: Mapped[int] = mapped_column(primary_key=True)
        town: Mapped[str]
        reports: Mapped[list[Report]] = relationship(primaryjoin=lambda: Place.town == foreign(Report.town))

    class Report(base):
        __tablename__ = "report"
        id: Mapped[int] = mapped_column(primary_key=True)
        town: Mapped[str | None]

    base.metadata.create_all(engine)
    with Session(engine) as session:
        place = Place(town="bodo", reports=[Report()])
        session.add(place)
        session.commit()
        (report,) = place.reports
        assert report.town == "bodo"
        place.town = "oslo"
        session.flush()
        assert report.town == session.execute("SELECT town FROM report").scalar() == "bodo"


@pytest.mark.parametrize("passive", [True, False], ids=["passive", "active"])
def test_the_key_of_a_joined_subclass_changes_with_its_bases(engine: Engine, passive: bool) -> None:
    base = declarative_base()
    options: dict[str, Any] = {"onupdate": "CASCADE"} if passive else {"deferrable": True, "initially": "DEFERRED"}

    class Vehicle(base):
        __tablename__ = "vehicle"
        plate: Mapped[str] = mapped_column(String(9), primary_key=True)
        kind: Mapped[str]
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "v", "passive_updates": passive}

    class Truck(Vehicle):
        __tablename__ = "truck"
        plate: Mapped[str] = mapped_column(String(9), ForeignKey("vehicle.plate", **options), primary_key=True)
        load: Mapped[int | None]
        __mapper_args__ = {"polymorphic_identity": "t"}

    base.metadata.create_all(engine)
    with Session(bind=engine) as session:
        session.add(truck := Truck(plate="a", load=1))
        session.commit()
        truck.plate, truck.load = "b", 2
        session.commit()
        assert (truck.plate, truck.load) == ("b", 2)
        assert session.get(Truck, "b") is truck


# -- hooks


def test_a_mapper_without_batch_calls_hooks_around_each_row(engine: Engine, statements: StatementLog) -> None:
    metadata, registry = MetaData(), Registry()
    table = Table("hooked", metadata, Column("id", Integer, primary_key=True), Column("n", Integer))
    calls: list[str] = []

    class Recorder(MapperExtension):
        def before_insert(self, mapper: Any, connection: Any, instance: Any) -> None:
            calls.append(f"before {instance.n}")

        def after_insert(self, mapper: Any, connection: Any, instance: Any) -> None:
            calls.append(f"after {instance.n} {instance.id}")

    class Hooked:
        def __init__(self, n: int) -> None:
            self.n = n

    mapper(Hooked, table, batch=False, extension=Recorder(), registry=registry)
    metadata.create_all(engine)
    with Session(bind=engine) as session:
        session.add_all([Hooked(1), Hooked(2)])
        session.flush()
    assert calls == ["before 1", "after 1 1", "before 2", "after 2 2"]


# -- single parents


def test_a_single_parent_reference_deletes_its_orphan(engine: Engine) -> None:
    base = declarative_base()

    class Car(base):
        __tablename__ = "car"
        id: Mapped[int] = mapped_column(primary_key=True)
        engine_id: Mapped[int | None] = mapped_column(ForeignKey("motor.id"))
        motor: Mapped[Motor | None] = relationship(cascade="all, delete-orphan", single_parent=True)

    class Motor(base):
        __tablename__ = "motor"
        id: Mapped[int] = mapped_column(primary_key=True)

    base.metadata.create_all(engine)
    with Session(bind=engine) as session:
        car = Car(motor=Motor())
        session.add(car)
        session.commit()
        assert car.motor is not None
        car.motor = shared = Motor()
        session.commit()
        assert session.query(Motor).count() == 1
        assert car.motor is shared
        with pytest.raises(InvalidRequestError, match=r"Car\.motor.*single_parent"):
            Car(motor=shared)
        car.motor = None
        session.commit()
        assert session.query(Motor).count() == 0


@pytest.mark.parametrize("many", [False, True])
def test_the_one_parent_may_be_told_from_the_other_side(engine: Engine, many: bool) -> None:
    base = declarative_base()

    class Car(base):
        __tablename__ = "car"
        id: Mapped[int] = mapped_column(primary_key=True)
        plate_id: Mapped[int | None] = mapped_column(ForeignKey("plate.id"))
        plate: Mapped[Plate | None] = relationship(single_parent=True, back_populates="cars")

    class Plate(base):
        __tablename__ = "plate"
        id: Mapped[int] = mapped_column(primary_key=True)
        cars: Any = relationship(Car, back_populates="plate", uselist=many)

    def tell(plate: Any, car: Any) -> None:
        if many:
            plate.cars.append(car)
        else:
            plate.cars = car

    plate, car = Plate(), Car()
    tell(plate, car)
    with pytest.raises(InvalidRequestError, match=r"Car\.plate has single_parent=True"):
        Car(plate=plate)
    other = Car()
    if many:
        with pytest.raises(InvalidRequestError, match=r"Car\.plate has single_parent=True"):
            plate.cars.append(other)
        with pytest.raises(InvalidRequestError, match=r"Car\.plate has single_parent=True"):
            plate.cars = [car, other]
        assert plate.cars == [car]
        assert other.plate is None
        plate.cars.remove(car)
    # the other side holds one car, so that a second one takes the place of the first
    tell(plate, other)
    assert (car.plate, other.plate) == (None, plate)
    with pytest.raises(InvalidRequestError, match=r"Car\.plate has single_parent=True"):
        car.plate = plate
    other.plate = None
    car.plate = plate
    base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([car, other])
        session.commit()
        assert (car.plate, other.plate) == (plate, None)


def test_members_of_a_collection_have_one_parent() -> None:
    base = declarative_base()
    links = Table(
        "links", base.metadata, Column("box_id", ForeignKey("box.id"), primary_key=True), Column("item_id", ForeignKey("item.id"), primary_key=True),
    )  # fmt: skip

    class Box(base):
        __tablename__ = "box"
        id: Mapped[int] = mapped_column(primary_key=True)
        items: Mapped[list[Item]] = relationship(secondary=links, single_parent=True, back_populates="boxes")

    class Item(base):
        __tablename__ = "item"
        id: Mapped[int] = mapped_column(primary_key=True)
        boxes: Mapped[list[Box]] = relationship(secondary=links, back_populates="items")

    one, two, item = Box(), Box(), Item()
    item.boxes.append(one)
    for attempt in (
        lambda: two.items.append(item),
        lambda: item.boxes.append(two),
        lambda: setattr(two, "items", [item]),
    ):
        with pytest.raises(InvalidRequestError, match=r"Box\.items has single_parent=True"):
            attempt()
    assert (one.items, two.items, item.boxes) == ([item], [], [one])
    one.items.remove(item)
    item.boxes.append(two)
    assert (two.items, item.boxes) == ([item], [two])


def test_delete_orphan_on_a_reference_needs_single_parent() -> None:
    base = declarative_base()

    class A(base):
        __tablename__ = "a"
        id: Mapped[int] = mapped_column(primary_key=True)
        b_id: Mapped[int] = mapped_column(ForeignKey("b.id"))
        b: Mapped[B] = relationship(cascade="all, delete-orphan")

    class B(base):
        __tablename__ = "b"
        id: Mapped[int] = mapped_column(primary_key=True)

    with pytest.raises(ArgumentError, match="single_parent=True"):
        A()


def test_passive_deletes_all_leaves_loaded_children_to_the_database(engine: Engine, statements: StatementLog) -> None:
    base = declarative_base()

    class Parent(base):
        __tablename__ = "parent"
        id: Mapped[int] = mapped_column(primary_key=True)
        children: Mapped[list[Child]] = relationship(passive_deletes="all")

    class Child(base):
        __tablename__ = "child"
        id: Mapped[int] = mapped_column(primary_key=True)
        parent_id: Mapped[int] = mapped_column(ForeignKey("parent.id", ondelete="CASCADE"))

    base.metadata.create_all(engine)
    with Session(bind=engine) as session:
        parent = Parent(children=[Child()])
        session.add(parent)
        session.commit()
        assert len(parent.children) == 1
        session.delete(parent)
        with statements.expect(1, "DELETE FROM parent"):
            session.flush()
        assert session.query(Child).count() == 0
    # seen at once, before any class is mapped
    for cascade in ("all", "save-update, delete", "save-update, delete, delete-orphan"):
        with pytest.raises(ArgumentError, match="passive_deletes='all' leaves everything to the database"):
            relationship("Child", passive_deletes="all", cascade=cascade)


# -- values that an UPDATE frees


@pytest.fixture
def seats(engine: Engine) -> Any:
    base = declarative_base()

    class Owner(base):
        __tablename__ = "owner"
        id: Mapped[int] = mapped_column(primary_key=True)
        seat: Mapped[Seat | None] = relationship(back_populates="owner", uselist=False)
        badge: Mapped[Badge | None] = relationship(back_populates="owner", uselist=False, cascade="all, delete-orphan")

    class Seat(base):
        __tablename__ = "seat"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str] = mapped_column(unique=True)
        owner_id: Mapped[int | None] = mapped_column(ForeignKey("owner.id"), unique=True)
        next_to_id: Mapped[int | None] = mapped_column(ForeignKey("seat.id"))
        owner: Mapped[Owner | None] = relationship(back_populates="seat")
        next_to: Mapped[Seat | None] = relationship(remote_side=id)

    class Badge(base):
        __tablename__ = "badge"
        id: Mapped[int] = mapped_column(primary_key=True)
        owner_id: Mapped[int] = mapped_column(ForeignKey("owner.id"), unique=True)
        active: Mapped[bool] = mapped_column(default=True)
        text: Mapped[str]
        owner: Mapped[Owner] = relationship(back_populates="badge")
        __table_args__ = (Index("active_text", "text", unique=True, where=text("active")),)

    base.metadata.create_all(engine)
    with Session(engine) as session:
        yield session, Owner, Seat, Badge


def test_the_object_of_a_one_to_one_relationship_is_replaced_in_one_flush(seats: Any) -> None:
    session, Owner, Seat, _ = seats
    owner = Owner(seat=Seat(name="old"))
    session.add(owner)
    session.commit()
    owner.seat = Seat(name="new")
    session.commit()
    assert [(s.name, s.owner_id) for s in session.query(Seat).order_by(Seat.id)] == [("old", None), ("new", owner.id)]


def test_a_new_row_takes_a_unique_value_that_an_update_frees_and_another_refers_to_it(seats: Any) -> None:
    session, _, Seat, _ = seats
    first, other = Seat(name="A1"), Seat(name="B1")
    session.add_all([first, other])
    session.commit()
    first.name = "A2"
    new = Seat(name="A1", next_to=first)
    other.next_to = new
    session.add(new)
    session.commit()
    assert [s.name for s in session.query(Seat).order_by(Seat.id)] == ["A2", "B1", "A1"]
    assert other.next_to is new
    assert new.next_to is first


def test_an_update_that_names_the_key_of_a_new_row_waits_for_it(seats: Any) -> None:
    session, _, Seat, _ = seats
    seat = Seat(name="A1")
    session.add(seat)
    session.commit()
    seat.next_to_id = 77
    session.add(Seat(id=77, name="A2"))
    session.commit()
    assert seat.next_to.name == "A2"


def test_a_new_object_that_is_replaced_in_a_one_to_one_relationship_is_not_written(seats: Any) -> None:
    session, Owner, _, Badge = seats
    owner = Owner()
    session.add(owner)
    session.flush()
    owner.badge = replaced = Badge(text="first")
    owner.badge = Badge(text="second")
    assert replaced not in session
    Badge(owner=owner, text="third")
    session.commit()
    assert [b.text for b in session.query(Badge)] == ["third"]
    moved = owner.badge
    other = Owner(badge=moved)
    owner.badge = Badge(text="fourth")
    session.add(other)
    session.commit()
    assert (owner.badge.text, other.badge.text) == ("fourth", "third")


def test_a_deleted_row_frees_the_values_of_a_partial_unique_index(seats: Any) -> None:
    session, Owner, _, Badge = seats
    first, second = Owner(badge=Badge(text="boss")), Owner()
    session.add_all([first, second])
    session.commit()
    assert second.badge is None
    session.delete(first.badge)
    second.badge = Badge(text="boss")
    session.commit()
    assert [b.owner_id for b in session.query(Badge)] == [second.id]


def test_an_orphan_that_a_flush_has_deleted_may_be_deleted_again(seats: Any) -> None:
    session, Owner, _, Badge = seats
    owner = Owner(badge=Badge(text="x"))
    session.add(owner)
    session.commit()
    badge = owner.badge
    owner.badge = None
    assert session.query(Badge).count() == 0
    session.delete(badge)
    session.commit()
    assert session.query(Badge).count() == 0


def test_a_child_whose_key_has_that_of_its_parent_moves_between_collections_of_one_side(engine: Engine) -> None:
    base = declarative_base()

    class Shelf(base):
        __tablename__ = "shelf"
        name: Mapped[str] = mapped_column(primary_key=True)
        boxes: Mapped[list[Box]] = relationship(order_by="Box.number")

    class Box(base):
        __tablename__ = "box"
        shelf_name: Mapped[str] = mapped_column(ForeignKey("shelf.name"), primary_key=True)
        number: Mapped[int] = mapped_column(primary_key=True)

    base.metadata.create_all(engine)
    with Session(engine) as session:
        left = Shelf(name="left", boxes=[Box(number=1), Box(number=2)])
        right = Shelf(name="right", boxes=[Box(number=3)])
        session.add_all([left, right])
        session.commit()
        for taken, given in ((left, right), (right, left)):
            box = taken.boxes[0]
            with session.no_autoflush:
                # whichever shelf is looked at first
                taken.boxes.remove(box)
                given.boxes.append(box)
            session.commit()
            assert box.shelf_name == given.name
            assert box in given.boxes
            assert session.get(Box, (given.name, box.number)) is box
        with pytest.raises(FlushError, match="is to refer to nothing any more"):
            right.boxes.clear()
            session.flush()
