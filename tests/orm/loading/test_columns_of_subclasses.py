"""selectin_polymorphic() and polymorphic_load="selectin": the columns of subclasses by one more statement for each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    DeclarativeBase,
    Engine,
    ForeignKey,
    Load,
    Mapped,
    Session,
    defer,
    joinedload,
    mapped_column,
    relationship,
    select,
    selectin_polymorphic,
    selectinload,
    with_polymorphic,
)
from tests.statements import StatementLog


class Base(DeclarativeBase):
    pass


class Garage(Base):
    __tablename__ = "garage"
    id: Mapped[int] = mapped_column(primary_key=True)
    vehicles: Mapped[list[Vehicle]] = relationship(order_by="Vehicle.id")


class Vehicle(Base):
    __tablename__ = "vehicle"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    garage_id: Mapped[int | None] = mapped_column(ForeignKey("garage.id"))
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "vehicle"}


class Car(Vehicle):
    __tablename__ = "car"
    id: Mapped[int] = mapped_column(ForeignKey("vehicle.id"), primary_key=True)
    doors: Mapped[int]
    manual: Mapped[str] = mapped_column(deferred=True, default="...")
    __mapper_args__ = {"polymorphic_identity": "car", "polymorphic_load": "selectin"}


class Sports(Car):
    __tablename__ = "sports"
    id: Mapped[int] = mapped_column(ForeignKey("car.id"), primary_key=True)
    speed: Mapped[int]
    __mapper_args__ = {"polymorphic_identity": "sports"}


class Harbour(Base):
    __tablename__ = "harbour"
    id: Mapped[int] = mapped_column(primary_key=True)


class Boat(Vehicle):
    __tablename__ = "boat"
    id: Mapped[int] = mapped_column(ForeignKey("vehicle.id"), primary_key=True)
    sails: Mapped[int]
    harbour_id: Mapped[int | None] = mapped_column(ForeignKey("harbour.id"))
    harbour: Mapped[Harbour | None] = relationship()
    __mapper_args__ = {"polymorphic_identity": "boat"}


class Raft(Vehicle):
    logs: Mapped[int | None]
    __mapper_args__ = {"polymorphic_identity": "raft"}


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        first, second = Garage(), Garage()
        first.vehicles = [Car(doors=3), Boat(sails=2, harbour=Harbour())]
        session.add(first)
        session.flush()
        second.vehicles = [Vehicle(), Sports(doors=2, speed=300), Car(doors=5), Raft(logs=9)]
        session.add(second)
        session.commit()
        session.expunge_all()
        yield session


def loaded(objects: Any, name: str) -> list[Any]:
    return [vars(obj)[name] for obj in objects if name in vars(obj)]


def test_the_mapping_has_columns_of_a_subclass_loaded_after_the_base(
    session: Session, statements: StatementLog
) -> None:
    with statements.expect(2) as sent:
        found = session.scalars(select(Vehicle).order_by(Vehicle.id)).all()
        assert loaded(found, "doors") == [3, 2, 5]
        assert loaded(found, "sails") == loaded(found, "speed") == loaded(found, "manual") == []
    assert "boat" not in sent[1]
    with statements.expect(1):
        assert found[0].manual == "..."


def test_an_option_has_columns_of_subclasses_loaded_after_the_base(session: Session, statements: StatementLog) -> None:
    with statements.expect(4):
        found = session.query(Vehicle).options(selectin_polymorphic(Vehicle, [Sports, Boat])).order_by(Vehicle.id).all()
        assert loaded(found, "doors") == [3, 2, 5]
        assert loaded(found, "speed") == [300]
        assert loaded(found, "sails") == [2]
    # all of them are there: nothing is left to be loaded
    with statements.expect(1):
        session.query(Vehicle).options(selectin_polymorphic(Vehicle, [Sports, Boat])).all()


def test_a_subclass_without_a_table_has_its_columns_loaded_too(session: Session, statements: StatementLog) -> None:
    option = selectin_polymorphic(Vehicle, [Raft])
    found = session.scalars(select(Vehicle).options(option).where(Vehicle.kind == "raft")).all()
    with statements.expect(0):
        assert [raft.logs for raft in found] == [9]


def test_no_statement_is_sent_where_no_object_is_of_the_subclass(session: Session, statements: StatementLog) -> None:
    with statements.expect(1):
        session.scalars(select(Vehicle).where(Vehicle.kind == "boat")).all()


def test_a_relationship_of_the_base_loads_columns_of_subclasses(session: Session, statements: StatementLog) -> None:
    for load, count in ((selectinload, 4), (joinedload, 3)):
        session.expunge_all()
        option = load(Garage.vehicles).options(selectin_polymorphic(Vehicle, [Boat]))
        with statements.expect(count):
            garages = session.query(Garage).options(option).order_by(Garage.id).all()
            assert [loaded(garage.vehicles, "sails") for garage in garages] == [[2], []]
            assert [loaded(garage.vehicles, "doors") for garage in garages] == [[3], [2, 5]]
    session.expunge_all()
    garages = session.query(Garage).order_by(Garage.id).all()
    with statements.expect(2):
        assert [loaded(garage.vehicles, "doors") for garage in garages] == [[3], [2, 5]]


def test_objects_that_were_there_get_the_columns_of_their_subclass(session: Session, statements: StatementLog) -> None:
    garage = session.scalars(select(Garage).options(selectinload(Garage.vehicles)).order_by(Garage.id)).first()
    option = selectinload(Garage.vehicles).selectin_polymorphic([Boat])
    with statements.expect(2):
        session.scalars(select(Garage).options(option).where(Garage.id == garage.id)).all()
        assert loaded(garage.vehicles, "sails") == [2]


def test_get_loads_the_columns_of_a_subclass_with_its_object(session: Session, statements: StatementLog) -> None:
    with statements.expect(2):
        assert vars(session.get(Vehicle, 1))["doors"] == 3


def test_a_relationship_of_a_subclass_follows_its_columns(session: Session, statements: StatementLog) -> None:
    options = selectin_polymorphic(Vehicle, [Boat]), selectinload(Boat.harbour)
    with statements.expect(3):
        (boat,) = session.scalars(select(Vehicle).options(*options).where(Vehicle.kind == "boat"))
        assert boat.harbour.id == 1


def test_a_column_that_an_option_defers_stays_away(session: Session, statements: StatementLog) -> None:
    with statements.expect(1):
        found = session.scalars(select(Vehicle).options(defer(Car.doors))).all()
    assert loaded(found, "doors") == []


def test_pages_of_rows_are_followed_by_the_columns_of_their_objects(session: Session) -> None:
    statement = select(Vehicle).order_by(Vehicle.id).execution_options(yield_per=2)
    assert [vars(v).get("doors") for v in session.scalars(statement)] == [3, None, None, 2, 5, None]


def test_with_polymorphic_leaves_nothing_to_be_loaded(session: Session, statements: StatementLog) -> None:
    every = with_polymorphic(Vehicle, "*")
    with statements.expect(1):
        found = session.scalars(select(every).order_by(every.id)).all()
        assert loaded(found, "doors") == [3, 2, 5]


def test_a_changed_value_is_not_overwritten(session: Session) -> None:
    car = session.get(Car, 1)
    car.doors = 7
    with session.no_autoflush:
        session.scalars(select(Vehicle).options(selectin_polymorphic(Vehicle, [Car]))).all()
    assert car.doors == 7
    session.rollback()
    session.scalars(select(Vehicle)).all()
    assert vars(car)["doors"] == 3


def test_more_objects_than_a_statement_has_parameters_for(session: Session, statements: StatementLog) -> None:
    session.add_all([Boat(sails=number) for number in range(600)])
    session.commit()
    session.expunge_all()
    with statements.expect(4):
        found = session.query(Vehicle).options(selectin_polymorphic(Vehicle, [Boat])).order_by(Vehicle.id).all()
    assert loaded(found, "sails") == [2, *range(600)]


def test_a_plan_says_which_columns_follow(session: Session) -> None:
    plan = str(session.plan_query(select(Vehicle)))
    assert "then columns of Car (doors): SELECT of Car by the keys of these objects" in plan


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: select(Vehicle).options(selectin_polymorphic(Vehicle, [Garage])), "no subclass of Vehicle"),
        (lambda: selectin_polymorphic(Vehicle, []), "takes a list of mapped subclasses"),
        (lambda: selectin_polymorphic(Vehicle, [int]), "takes a list of mapped subclasses"),
        (lambda: selectin_polymorphic(int, [Car]), "takes a mapped class"),
        (lambda: select(Garage).options(selectin_polymorphic(Vehicle, [Car])), "the query is for Garage"),
        (lambda: select(Garage).options(Load(Vehicle).raiseload("*")), "the query is for Garage"),
    ],
)
def test_what_is_no_subclass_is_refused(session: Session, make: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        session.scalars(make()).all()


def test_a_joined_subclass_refers_to_a_class_that_comes_later(engine: Engine) -> None:
    class Own(DeclarativeBase):
        pass

    class Vessel(Own):
        __tablename__ = "vessel"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str]
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "vessel"}

    class Ferry(Vessel):
        __tablename__ = "ferry"
        id: Mapped[int] = mapped_column(ForeignKey("vessel.id"), primary_key=True)
        port_id: Mapped[int] = mapped_column(ForeignKey("port.id"))
        __mapper_args__ = {"polymorphic_identity": "ferry"}

    class Port(Own):
        __tablename__ = "port"
        id: Mapped[int] = mapped_column(primary_key=True)

    Own.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Port(id=3))
        session.flush()
        session.add(Ferry(port_id=3))
        session.commit()
        assert [ferry.port_id for ferry in session.query(Vessel)] == [3]
