"""Subclasses loaded with their base: polymorphic_load, and with_polymorphic() with attributes for its classes and names of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    DeclarativeBase,
    Engine,
    ForeignKey,
    Mapped,
    Session,
    aliased,
    declarative_base,
    hybrid_property,
    immediateload,
    inspect,
    joinedload,
    lazyload,
    load_only,
    mapped_column,
    relationship,
    select,
    selectinload,
    subqueryload,
    with_polymorphic,
)
from tests.statements import StatementLog


class Base(DeclarativeBase):
    pass


class Vehicle(Base):
    __tablename__ = "vehicle"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    owner: Mapped[str] = mapped_column(default="me")
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "vehicle"}


class Car(Vehicle):
    __tablename__ = "car"
    id: Mapped[int] = mapped_column(ForeignKey("vehicle.id"), primary_key=True)
    doors: Mapped[int]
    __mapper_args__ = {"polymorphic_identity": "car", "polymorphic_load": "inline"}


class Sports(Car):
    __tablename__ = "sports"
    id: Mapped[int] = mapped_column(ForeignKey("car.id"), primary_key=True)
    speed: Mapped[int]
    __mapper_args__ = {"polymorphic_identity": "sports", "polymorphic_load": "inline"}


class Boat(Vehicle):
    __tablename__ = "boat"
    id: Mapped[int] = mapped_column(ForeignKey("vehicle.id"), primary_key=True)
    sails: Mapped[int]
    __mapper_args__ = {"polymorphic_identity": "boat"}


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Car(doors=3), Boat(sails=2), Vehicle(), Sports(doors=2, speed=300)])
        session.commit()
        yield session


def test_inline_subclasses_come_with_their_base(session: Session, statements: StatementLog) -> None:
    with statements.expect(1):
        found = session.scalars(select(Vehicle).order_by(Vehicle.id)).all()
        assert [(type(v), vars(v).get("doors"), vars(v).get("speed")) for v in found] == [
            (Car, 3, None),
            (Boat, None, None),
            (Vehicle, None, None),
            (Sports, 2, 300),
        ]
    session.expunge_all()
    with statements.expect(1):
        assert [car.doors for car in session.scalars(select(Car).order_by(Car.id))] == [3, 2]


@pytest.mark.parametrize("options", [{}, {"flat": True}, {"aliased": True}, {"name": "v", "flat": True}])
def test_classes_are_attributes_of_with_polymorphic(session: Session, options: Any, statements: StatementLog) -> None:
    some = with_polymorphic(Vehicle, [Car, Boat], **options)
    with statements.expect(1):
        found = session.scalars(
            select(some).where((some.Car.doors == 3) | (some.Boat.sails == 2)).order_by(some.id)
        ).all()
        assert [vars(vehicle).get("doors") or vars(vehicle).get("sails") for vehicle in found] == [3, 2]
    assert session.scalars(select(some.Boat.sails).where(some.Boat.sails > 0)).all() == [2]


def test_a_family_can_stand_twice_in_a_statement(session: Session) -> None:
    one, other = with_polymorphic(Vehicle, "*", flat=True), with_polymorphic(Vehicle, [Boat], aliased=True)
    pairs = session.execute(
        select(one.id, other.id).join(other, one.owner == other.owner).where(one.Car.doors == 3, other.Boat.sails == 2)
    ).all()
    assert [tuple(pair) for pair in pairs] == [(1, 2)]


def test_plain_joins_find_only_objects_of_all_classes(session: Session) -> None:
    assert [v.id for v in session.scalars(select(with_polymorphic(Vehicle, [Boat], innerjoin=True)))] == [2]


def test_mistakes_are_named() -> None:
    class Own(DeclarativeBase):
        pass

    with pytest.raises(ArgumentError, match="polymorphic_load='joined' is unknown"):

        class Parent(Own):
            __tablename__ = "parent"
            id: Mapped[int] = mapped_column(primary_key=True)
            __mapper_args__ = {"polymorphic_load": "joined"}

    with pytest.raises(ArgumentError, match="inherits from no mapped class"):

        class Alone(Own):
            __tablename__ = "alone"
            id: Mapped[int] = mapped_column(primary_key=True)
            __mapper_args__ = {"polymorphic_load": "inline"}

    with pytest.raises(AttributeError, match="has no attribute 'Ship'"):
        with_polymorphic(Vehicle, [Boat]).Ship


def test_an_inline_class_in_the_table_of_a_joined_subclass_comes_with_that_table(engine: Engine) -> None:
    class Own(DeclarativeBase):
        pass

    class Animal(Own):
        __tablename__ = "animal"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str]
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "animal"}

    class Dog(Animal):
        __tablename__ = "dog"
        id: Mapped[int] = mapped_column(ForeignKey("animal.id"), primary_key=True)
        size: Mapped[int]
        __mapper_args__ = {"polymorphic_identity": "dog"}

    class Poodle(Dog):
        curls: Mapped[int | None]
        __mapper_args__ = {"polymorphic_identity": "poodle", "polymorphic_load": "inline"}

    Own.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Dog(id=1, size=5), Poodle(id=2, size=3, curls=40), Poodle(id=3, size=4, curls=50)])
        session.commit()
        session.expunge_all()
        animals = session.scalars(select(Animal).order_by(Animal.id)).all()
        assert [(animal.id, vars(animal).get("size"), vars(animal).get("curls")) for animal in animals][1:] == [
            (2, 3, 40),
            (3, 4, 50),
        ]
        other = aliased(Animal)
        assert session.scalars(select(other).order_by(other.id)).all() == animals
    Own.metadata.drop_all(engine)


@pytest.mark.parametrize("options", [{}, {"flat": True}, {"aliased": True}, {"name": "v", "flat": True}])
@pytest.mark.parametrize("again", [0, 1, 2])
def test_columns_of_classes_are_of_the_rows_of_the_whole(session: Session, options: Any, again: int) -> None:
    some: Any = with_polymorphic(Vehicle, "*", **options)
    for _ in range(again):
        some = aliased(some)
    rows = session.execute(select(some.id, some.Car.doors, some.Boat.sails, some.Sports.speed).order_by(some.id)).all()
    assert rows == [(1, 3, None, None), (2, None, 2, None), (3, None, None, None), (4, 2, None, 300)]
    assert session.scalars(select(some.Boat.sails).order_by(some.id)).all() == [None, 2, None, None]
    assert session.scalars(select(some.id).where(some.Boat.sails == 2)).all() == [2]
    assert session.query(some.id).filter(some.Boat.sails.is_(None)).count() == 3
    # the class itself is about its own objects
    assert [type(found) for found in session.scalars(select(some.Car).order_by(some.Car.id))] == [Car, Sports]
    if options or again:
        pairs = session.execute(select(some, some.Sports)).all()
        assert [(type(one), one is other) for one, other in pairs] == [(Sports, True)]


def test_columns_of_classes_in_one_table_are_of_all_rows(engine: Engine) -> None:
    class Own(DeclarativeBase):
        pass

    class Animal(Own):
        __tablename__ = "animal"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str]
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "animal"}

    class Dog(Animal):
        barks: Mapped[str | None]
        __mapper_args__ = {"polymorphic_identity": "dog"}

        @hybrid_property
        def twice(self) -> Any:
            return self.barks + self.barks  # type: ignore[operator]

    class Cat(Animal):
        purrs: Mapped[str | None]
        __mapper_args__ = {"polymorphic_identity": "cat"}

    Own.metadata.create_all(engine)
    try:
        with Session(engine) as session:
            session.add_all([Dog(barks="w"), Cat(purrs="p"), Animal()])
            session.commit()
            for some in (with_polymorphic(Animal, [Dog, Cat]), with_polymorphic(Animal, "*", aliased=True)):
                rows = session.execute(select(some.Dog.barks, some.Dog.twice, some.Cat.purrs).order_by(some.id)).all()
                assert rows == [("w", "ww", None), (None, None, "p"), (None, None, None)]
                assert inspect(some).with_polymorphic_mappers == [inspect(Dog), inspect(Cat)]
    finally:
        Own.metadata.drop_all(engine)


def test_columns_left_out_by_options_leave_those_of_subclasses(session: Session, statements: StatementLog) -> None:
    for options in ({}, {"aliased": True}):
        some: Any = with_polymorphic(Vehicle, [Boat], **options)
        session.expunge_all()
        with statements.expect(1):
            found = session.scalars(select(some).options(load_only(some.Boat.sails)).order_by(some.id)).all()
            assert [vars(vehicle).get("sails") for vehicle in found] == [None, 2, None, None]


def test_an_alias_of_an_alias_keeps_what_its_rows_come_from(session: Session) -> None:
    first = aliased(Vehicle, select(Vehicle).where(Vehicle.id < 3).subquery())
    for found in (first, aliased(first), aliased(aliased(first), name="other")):
        assert [v.id for v in session.scalars(select(found).order_by(found.id))] == [1, 2]
        assert session.scalars(select(found.id).order_by(found.id)).all() == [1, 2]


@pytest.mark.parametrize("cls", [Vehicle, Car])
@pytest.mark.parametrize("form", ["class and alias", "alias and class", "aliases", "names"])
def test_a_subquery_with_a_class_twice_gives_each_its_own_columns(session: Session, cls: Any, form: str) -> None:
    one, other = {
        "class and alias": lambda: (cls, aliased(cls)),
        "alias and class": lambda: (aliased(cls), cls),
        "aliases": lambda: (aliased(cls), aliased(cls)),
        "names": lambda: (aliased(cls, name="l"), aliased(cls, name="r")),
    }[form]()
    pairs = select(one, other).where(one.id < other.id)
    expected = [(a.id, b.id) for a, b in session.execute(pairs)]
    inner = pairs.subquery()
    left, right = aliased(one, inner), aliased(other, inner)
    assert sorted((a.id, b.id) for a, b in session.execute(select(left, right))) == sorted(expected)
    assert sorted(map(tuple, session.execute(select(left.id, right.id)))) == sorted(expected)


class Garage(Base):
    __tablename__ = "garage"
    id: Mapped[int] = mapped_column(primary_key=True)
    places: Mapped[list[Place]] = relationship(order_by="Place.id")


class Place(Base):
    __tablename__ = "place"
    id: Mapped[int] = mapped_column(primary_key=True)
    garage_id: Mapped[int] = mapped_column(ForeignKey("garage.id"))
    kind: Mapped[str]
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "place"}


class Roofed(Place):
    __tablename__ = "roofed"
    id: Mapped[int] = mapped_column(ForeignKey("place.id"), primary_key=True)
    height: Mapped[int]
    __mapper_args__ = {"polymorphic_identity": "roofed"}


class Wide(Place):
    width: Mapped[int | None]
    __mapper_args__ = {"polymorphic_identity": "wide"}


@pytest.mark.parametrize("load", [joinedload, selectinload, subqueryload, immediateload, lazyload])
@pytest.mark.parametrize("form", ["class", "alias", "together", "together under a name", "one table"])
def test_what_is_loaded_of_a_type_may_have_criteria_on_it(session: Session, load: Any, form: str) -> None:
    session.add(Garage(places=[Wide(width=3), Roofed(height=2), Roofed(height=4), Place()]))
    session.commit()
    for wanted in (2, 4, 9):
        session.expunge_all()
        if form == "class":
            places = Garage.places.of_type(Roofed).and_(Roofed.height == wanted)
        elif form == "alias":
            roofed = aliased(Roofed)
            places = Garage.places.of_type(roofed).and_(roofed.height == wanted)
        elif form == "one table":
            places = Garage.places.of_type(Wide).and_(Wide.width == wanted - 1)
        else:
            every = with_polymorphic(Place, "*", flat=form != "together")
            places = Garage.places.of_type(every).and_(every.Roofed.height == wanted)
        garage = session.scalars(select(Garage).options(load(places))).unique().one()
        if form == "one table":
            assert [place.width for place in garage.places] == [3] * (wanted == 4)
        else:
            assert [place.height for place in garage.places] == [wanted] * (wanted < 9)


@pytest.mark.parametrize("load", [joinedload, selectinload, subqueryload, immediateload])
def test_columns_of_a_type_are_loaded_with_it(session: Session, load: Any, statements: StatementLog) -> None:
    session.add(Garage(places=[Wide(width=3), Roofed(height=2), Place()]))
    session.commit()
    for places in (Garage.places.of_type(Roofed), Garage.places.of_type(with_polymorphic(Place, [Roofed]))):
        session.expunge_all()
        garage = session.scalars(select(Garage).options(load(places))).unique().one()
        with statements.expect(0):
            assert [getattr(place, "height", None) for place in garage.places] == [None, 2, None]


@pytest.mark.parametrize("options", [{}, {"flat": True}, {"aliased": True}])
def test_a_limited_family_comes_with_what_is_joined_to_it(engine: Engine, options: Any) -> None:
    base: Any = declarative_base()

    class Plant(base):
        __tablename__ = "plant"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str]
        leaves: Mapped[list[Leaf]] = relationship()
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "plant"}

    class Tree(Plant):
        __tablename__ = "tree"
        id: Mapped[int] = mapped_column(ForeignKey("plant.id"), primary_key=True)
        height: Mapped[int]
        __mapper_args__ = {"polymorphic_identity": "tree"}

    class Oak(Tree):
        __tablename__ = "oak"
        id: Mapped[int] = mapped_column(ForeignKey("tree.id"), primary_key=True)
        acorns: Mapped[int]
        __mapper_args__ = {"polymorphic_identity": "oak"}

    class Leaf(base):
        __tablename__ = "leaf"
        id: Mapped[int] = mapped_column(primary_key=True)
        plant_id: Mapped[int] = mapped_column(ForeignKey("plant.id"))

    base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Plant(id=1, leaves=[Leaf(), Leaf()]), Tree(id=2, height=3), Plant(id=4)])
        session.add(Oak(id=3, height=4, acorns=5, leaves=[Leaf()]))
        session.commit()
        for some in (with_polymorphic(Plant, "*", **options), with_polymorphic(Plant, [Tree, Oak], **options)):
            session.expunge_all()
            statement = select(some).order_by(some.id).limit(3).options(joinedload(some.leaves))
            plants = session.scalars(statement).unique().all()
            assert [len(vars(plant)["leaves"]) for plant in plants] == [2, 0, 1]
            assert [vars(plant).get("height") for plant in plants] == [None, 3, 4]
            assert [vars(plant).get("acorns") for plant in plants] == [None, None, 5]
    base.metadata.drop_all(engine)
    base.registry.dispose()
