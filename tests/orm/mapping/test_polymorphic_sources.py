"""Classes that are selected from something that stands for the tables of their family: polymorphic unions, subqueries, joins of aliases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flask_uow import (
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
    case,
    cast,
    column_property,
    contains_eager,
    exists,
    func,
    joinedload,
    mapped_column,
    mapper,
    or_,
    relationship,
    select,
    selectinload,
    subqueryload,
    text,
    with_polymorphic,
)
from flask_uow.exc import ArgumentError, InvalidRequestError
from flask_uow.orm import polymorphic_union
from flask_uow.orm.mapping.registry import Registry
from tests.statements import StatementLog


class _Made:
    def __init__(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self, name, value)


class Fleet:
    """Depots with vehicles, which are trucks and vans and may be fined; some vehicles are neither."""

    def __init__(self, source: Callable[[Any, Any, Any], Any], **options: Any) -> None:
        self.metadata, self.registry = MetaData(), Registry()
        self.depot = Table(
            "depot", self.metadata, Column("id", Integer, primary_key=True), Column("town", String(30)),
            Column("first_vid", Integer),
        )  # fmt: skip
        self.vehicle = Table(
            "vehicle", self.metadata, Column("vid", Integer, primary_key=True), Column("depot_id", ForeignKey("depot.id")),
            Column("plate", String(30)), Column("kind", String(10)), Column("tows_id", ForeignKey("vehicle.vid")),
        )  # fmt: skip
        self.truck = Table(
            "truck", self.metadata, Column("vid", ForeignKey("vehicle.vid"), primary_key=True), Column("load_kg", Integer),
            Column("note", String(9)),
        )  # fmt: skip
        self.van = Table(
            "van", self.metadata, Column("vid", ForeignKey("vehicle.vid"), primary_key=True), Column("seats", Integer),
            Column("note", String(9)),
        )  # fmt: skip
        self.fine = Table(
            "fine", self.metadata, Column("fid", Integer, primary_key=True), Column("vid", ForeignKey("vehicle.vid")),
            Column("why", String(30)),
        )  # fmt: skip
        self.Depot: Any = type("Depot", (_Made,), {})
        self.Vehicle: Any = type("Vehicle", (_Made,), {})
        self.Truck: Any = type("Truck", (self.Vehicle,), {})
        self.Van: Any = type("Van", (self.Vehicle,), {})
        self.Fine: Any = type("Fine", (_Made,), {})
        registry, vehicle = self.registry, self.vehicle
        mapper(
            self.Depot, self.depot, registry=registry,
            properties={"vehicles": relationship(self.Vehicle, order_by=vehicle.c.vid, back_populates="depot")},
        )  # fmt: skip
        fines = relationship(self.Fine, order_by=self.fine.c.fid, back_populates="vehicle")
        mapper(
            self.Vehicle, vehicle, registry=registry, polymorphic_on=vehicle.c.kind, polymorphic_identity="vehicle",
            with_polymorphic=source(vehicle, self.truck, self.van),
            properties={
                "fines": fines,
                "depot": relationship(self.Depot, back_populates="vehicles"),
                "tows": relationship(self.Vehicle, remote_side=vehicle.c.vid, back_populates="towed_by"),
                "towed_by": relationship(self.Vehicle, back_populates="tows"),
                "shown": column_property(lambda: vehicle.c.kind + ":" + vehicle.c.plate),
            },
            **options,
        )  # fmt: skip
        mapper(self.Truck, self.truck, inherits=self.Vehicle, polymorphic_identity="truck", registry=registry)
        mapper(self.Van, self.van, inherits=self.Vehicle, polymorphic_identity="van", registry=registry)
        mapper(
            self.Fine, self.fine, registry=registry,
            properties={"vehicle": relationship(self.Vehicle, back_populates="fines")},
        )  # fmt: skip
        registry.configure()

    def fill(self, engine: Engine) -> None:
        self.metadata.create_all(engine)
        with Session(engine) as session:
            one = self.Truck(plate="U1", load_kg=5, note="t", fines=[self.Fine(why="speed"), self.Fine(why="lights")])
            two = self.Van(plate="U2", seats=7, note="v", tows=one)
            three = self.Truck(plate="A1", load_kg=9, note="t", fines=[self.Fine(why="park")], tows=two)
            four = self.Vehicle(plate="A2")
            ulm, aue, _ = (self.Depot(town=town) for town in ("ulm", "aue", "rom"))
            for obj in (one, two, three, four):
                obj.depot = ulm if obj.plate.startswith("U") else aue
                session.add(obj)
                session.flush()
            session.add(self.Depot(town="rom"))
            ulm.first_vid, aue.first_vid = one.vid, three.vid
            session.commit()


def _tables(vehicle: Any, truck: Any, van: Any) -> Any:
    return "*"


def _union(vehicle: Any, truck: Any, van: Any) -> Any:
    plain = select(vehicle).where(vehicle.c.kind == "vehicle")
    members = {"truck": vehicle.join(truck), "van": vehicle.join(van), "vehicle": plain}
    return "*", polymorphic_union(members, None, "pu")


def _union_in_another_order(vehicle: Any, truck: Any, van: Any) -> Any:
    plain = select(vehicle).where(vehicle.c.kind == "vehicle")
    members = {"vehicle": plain, "van": van.join(vehicle), "truck": truck.join(vehicle)}
    return "*", polymorphic_union(members, None, "pu")


def _labelled(vehicle: Any, truck: Any, van: Any) -> Any:
    named = [c.label(f"{table.name}_{c.name}") for table in (vehicle, truck, van) for c in table.c]
    return ["*", select(*named).select_from(vehicle.outerjoin(truck).outerjoin(van)).subquery("ps")]


def _labelled_at_random(vehicle: Any, truck: Any, van: Any) -> Any:
    named = [c.label(f"x{n}") for n, c in enumerate([*vehicle.c, truck.c.load_kg, truck.c.note, *van.c])]
    return "*", select(*named).select_from(vehicle.outerjoin(truck).outerjoin(van))


def _subquery_of_a_subquery(vehicle: Any, truck: Any, van: Any) -> Any:
    inner = _labelled(vehicle, truck, van)[1]
    return "*", select(*(c.label(f"y{n}") for n, c in enumerate(inner.c))).subquery("outer_ps")


def _outer_join(vehicle: Any, truck: Any, van: Any) -> Any:
    return "*", vehicle.outerjoin(truck).outerjoin(van)


def _join_of_aliases(vehicle: Any, truck: Any, van: Any) -> Any:
    v, t, w = vehicle.alias("v"), truck.alias("t"), van.alias("w")
    return "*", v.outerjoin(t, v.c.vid == t.c.vid).outerjoin(w, v.c.vid == w.c.vid)


def _alias_joined_with_tables(vehicle: Any, truck: Any, van: Any) -> Any:
    v = vehicle.alias("v")
    return "*", v.outerjoin(truck, v.c.vid == truck.c.vid).outerjoin(van, v.c.vid == van.c.vid)


def _by_name(vehicle: Any, truck: Any, van: Any) -> Any:
    # what a CAST was made of is known by its name only
    columns = [c for c in vehicle.c if c.name != "plate"]
    plate = cast(vehicle.c.plate, String(30)).label("plate")
    load, truck_note = cast(truck.c.load_kg, Integer).label("load_kg"), truck.c.note.label("truck_note")
    joined = vehicle.outerjoin(truck).outerjoin(van)
    return "*", select(*columns, plate, load, truck_note, van.c.seats, van.c.note).select_from(joined).subquery("named")


def _cte(vehicle: Any, truck: Any, van: Any) -> Any:
    named = [c.label(f"{table.name}_{c.name}") for table in (vehicle, truck, van) for c in table.c]
    return "*", select(*named).select_from(vehicle.outerjoin(truck).outerjoin(van)).cte("everything")


def _trucks_only(vehicle: Any, truck: Any, van: Any) -> Any:
    named = [c.label(f"{table.name}_{c.name}") for table in (vehicle, truck) for c in table.c]
    return "*", select(*named).select_from(vehicle.outerjoin(truck)).subquery("with_trucks")


SOURCES = [
    _tables, _union, _union_in_another_order, _labelled, _labelled_at_random, _subquery_of_a_subquery, _outer_join, _join_of_aliases,
    _alias_joined_with_tables, _by_name, _cte,
]  # fmt: skip


@pytest.fixture(params=SOURCES, ids=lambda source: source.__name__.strip("_"))
def fleet(request: Any, engine: Engine) -> Iterator[tuple[Session, Fleet]]:
    made = Fleet(request.param)
    made.fill(engine)
    with Session(engine) as session:
        yield session, made


def _plates(found: Any) -> list[str]:
    return [obj.plate for obj in found]


# -- what is loaded


def test_every_column_of_every_class_comes_with_the_query(
    fleet: tuple[Session, Fleet], statements: StatementLog
) -> None:
    session, f = fleet
    with statements.expect(1):
        found = session.query(f.Vehicle).order_by(f.Vehicle.vid).all()
        assert [(type(v).__name__, v.plate, getattr(v, "note", None), v.shown) for v in found] == [
            ("Truck", "U1", "t", "truck:U1"), ("Van", "U2", "v", "van:U2"), ("Truck", "A1", "t", "truck:A1"),
            ("Vehicle", "A2", None, "vehicle:A2"),
        ]  # fmt: skip
        assert [getattr(v, "load_kg", getattr(v, "seats", None)) for v in found] == [5, 7, 9, None]


def test_subclasses_that_a_source_leaves_out_are_loaded_at_first_access(engine: Engine) -> None:
    f = Fleet(_trucks_only)
    f.fill(engine)
    with Session(engine) as session:
        found = session.query(f.Vehicle).order_by(f.Vehicle.vid).all()
        assert [getattr(v, "note", None) for v in found] == ["t", "v", "t", None]


def test_a_select_gives_the_same_as_a_query(fleet: tuple[Session, Fleet]) -> None:
    session, f = fleet
    vehicle, depot = f.Vehicle, f.Depot
    assert _plates(session.scalars(select(vehicle).where(vehicle.plate > "A1").order_by(vehicle.vid))) == [
        "U1",
        "U2",
        "A2",
    ]
    assert _plates(session.scalars(select(vehicle).where(f.Truck.load_kg == 9))) == ["A1"]
    joined = select(depot.town, f.vehicle.c.plate).join(depot.vehicles).order_by(f.vehicle.c.vid)
    assert session.execute(joined).all() == [("ulm", "U1"), ("ulm", "U2"), ("aue", "A1"), ("aue", "A2")]
    assert (
        session.scalar(select(func.count(vehicle.vid)))
        == session.scalar(select(func.count()).select_from(vehicle))
        == 4
    )
    assert session.get(vehicle, 2).seats == 7


# -- what is said of columns


def test_columns_of_the_tables_are_those_of_the_source(fleet: tuple[Session, Fleet]) -> None:
    session, f = fleet
    vehicle, table = f.Vehicle, f.vehicle
    assert _plates(session.query(vehicle).order_by(table.c.plate.desc())) == ["U2", "U1", "A2", "A1"]
    assert _plates(session.query(vehicle).filter(table.c.plate == "U2", vehicle.kind == "van")) == ["U2"]
    assert session.query(vehicle).filter(table.c.kind == "truck").count() == 2
    assert session.query(vehicle, table.c.plate).order_by(vehicle.vid).first()[1] == "U1"
    assert session.query(vehicle.plate).filter(table.c.vid < 3).order_by(table.c.vid).all() == [("U1",), ("U2",)]
    assert session.query(func.max(vehicle.plate)).filter(table.c.kind == "truck").scalar() == "U1"
    grouped = (
        session.query(vehicle.kind, func.count(vehicle.vid)).group_by(table.c.kind).having(func.count(table.c.vid) > 1)
    )
    assert grouped.all() == [("truck", 2)]
    assert session.query(vehicle).filter(or_(table.c.plate == "A1", vehicle.shown == "van:U2")).count() == 2
    assert _plates(
        session.query(vehicle).order_by(case((table.c.kind == "van", 0), else_=1), vehicle.vid).limit(2)
    ) == ["U2", "U1"]
    assert session.query(vehicle).order_by(table.c.vid)[1].plate == "U2"
    assert session.query(vehicle.kind).distinct().count() == 3


def test_attributes_of_subclasses_are_about_the_rows_of_the_base(fleet: tuple[Session, Fleet]) -> None:
    session, f = fleet
    vehicle, truck, van = f.Vehicle, f.Truck, f.Van
    assert _plates(session.query(vehicle).filter(truck.load_kg == 9)) == ["A1"]
    either = session.query(vehicle).filter(or_(truck.load_kg > 5, van.seats > 5)).order_by(vehicle.vid)
    assert _plates(either) == ["U2", "A1"]
    assert _plates(session.query(vehicle).filter(f.van.c.seats == 7)) == ["U2"]
    assert session.query(vehicle, truck.load_kg).order_by(vehicle.vid).all()[1][1] is None
    loaded = session.query(vehicle).filter(truck.load_kg != None).order_by(truck.load_kg.desc())  # noqa: E711
    assert [v.load_kg for v in loaded] == [9, 5]
    assert _plates(session.query(vehicle).filter(and_(truck.note == "t", truck.plate == "U1"))) == ["U1"]


def test_attributes_of_the_base_are_about_the_rows_of_a_subclass(fleet: tuple[Session, Fleet]) -> None:
    session, f = fleet
    vehicle, truck = f.Vehicle, f.Truck
    assert session.query(truck.load_kg).filter(vehicle.kind == "truck").order_by(vehicle.vid).all() == [(5,), (9,)]
    assert session.query(truck.load_kg, vehicle.plate).order_by(vehicle.plate).all() == [(9, "A1"), (5, "U1")]
    assert session.query(vehicle.plate, truck.load_kg).order_by(f.vehicle.c.plate).all() == [("A1", 9), ("U1", 5)]
    assert _plates(session.query(truck).filter(vehicle.plate == "A1")) == ["A1"]
    assert session.query(truck).filter(f.vehicle.c.plate == "A1").count() == 1
    assert session.query(func.sum(truck.load_kg)).filter(vehicle.plate > "B").scalar() == 5


def test_a_query_may_have_the_base_and_a_subclass(fleet: tuple[Session, Fleet]) -> None:
    session, f = fleet
    if any(part is f.truck for part in f.Vehicle.__mapper__.selectable.from_objects()):
        with pytest.raises(InvalidRequestError, match="is in the statement already"):
            session.query(f.Vehicle, f.Truck).all()
        return
    pairs = (
        session.query(f.Vehicle, f.Truck).filter(f.Vehicle.plate > f.Truck.plate).order_by(f.Vehicle.vid, f.Truck.vid)
    )
    names = [(v.plate, t.plate) for v, t in pairs]
    assert sorted(names) == [("A2", "A1"), ("U1", "A1"), ("U2", "A1"), ("U2", "U1")]
    joined = session.query(f.Vehicle).join(f.Truck, f.Truck.vid == f.Vehicle.vid).filter(f.Truck.load_kg == 5)
    assert _plates(joined) == ["U1"]


# -- relationships


@pytest.mark.parametrize("option", [None, joinedload, selectinload, subqueryload])
def test_relationships_to_and_from_the_base(fleet: tuple[Session, Fleet], option: Any) -> None:
    session, f = fleet
    query = session.query(f.Depot).order_by(f.Depot.id)
    query = query.options(option(f.Depot.vehicles)) if option is not None else query
    assert [_plates(d.vehicles) for d in query] == [["U1", "U2"], ["A1", "A2"], []]
    assert query.limit(1).one().vehicles[1].seats == 7
    session.expunge_all()
    found = session.query(f.Vehicle).order_by(f.vehicle.c.vid)
    found = found.options(option(f.Vehicle.fines)) if option is not None else found
    assert [[fine.why for fine in v.fines] for v in found] == [["speed", "lights"], [], ["park"], []]
    assert [[fine.why for fine in v.fines] for v in found.limit(1)] == [["speed", "lights"]]
    assert session.query(f.Fine).filter_by(why="park").one().vehicle.load_kg == 9
    session.expunge_all()
    towing = session.query(f.Vehicle).order_by(f.Vehicle.vid)
    towing = towing.options(option(f.Vehicle.tows), option(f.Vehicle.towed_by)) if option is not None else towing
    assert [(v.tows and v.tows.plate, _plates(v.towed_by)) for v in towing] == [
        (None, ["U2"]), ("U1", ["A1"]), ("U2", []), (None, []),
    ]  # fmt: skip


def test_joins_along_relationships_of_the_base(fleet: tuple[Session, Fleet]) -> None:
    session, f = fleet
    depot, vehicle, truck, van, fine = f.Depot, f.Vehicle, f.Truck, f.Van, f.Fine
    for along in (truck.fines, vehicle.fines, "fines"):
        assert _plates(session.query(truck).join(along).filter(fine.why == "park")) == ["A1"]
        assert _plates(session.query(vehicle).join(along).filter(fine.why == "park")) == ["A1"]
    assert session.query(truck.load_kg).join(vehicle.fines).filter(fine.why == "park").all() == [(9,)]
    assert session.query(van).join(vehicle.fines).count() == 0
    assert session.query(van).outerjoin(vehicle.fines).count() == 1
    assert session.query(depot.town).join(depot.vehicles).filter(vehicle.plate == "A1").all() == [("aue",)]
    assert session.query(depot.town).join(depot.vehicles).filter(f.vehicle.c.plate == "A1").all() == [("aue",)]
    assert session.query(depot.town).filter(vehicle.plate == "A1").join(depot.vehicles).all() == [("aue",)]
    assert session.query(depot.town).join(depot.vehicles).filter(truck.load_kg == 9).all() == [("aue",)]
    assert session.query(depot.town).join(vehicle, vehicle.depot_id == depot.id).filter(van.seats == 7).all() == [
        ("ulm",)
    ]
    assert session.query(depot.town).join(depot.vehicles, vehicle.fines).filter(fine.why == "park").all() == [("aue",)]
    assert session.query(fine.why).join(fine.vehicle).filter(vehicle.plate == "A1").all() == [("park",)]
    assert session.query(depot.town).outerjoin(depot.vehicles).filter(vehicle.vid == None).all() == [("rom",)]  # noqa: E711
    to_trucks = session.query(depot.town, truck.load_kg).join(depot.vehicles.of_type(truck)).order_by(truck.load_kg)
    assert to_trucks.all() == [("ulm", 5), ("aue", 9)]
    assert session.query(depot.town).join(depot.vehicles.of_type(truck)).filter(vehicle.plate == "A1").all() == [
        ("aue",)
    ]


def test_a_join_ends_at_the_subclass_that_is_selected(fleet: tuple[Session, Fleet]) -> None:
    session, f = fleet
    towns = session.query(f.Truck, f.Depot.town).join(f.Depot.vehicles).order_by(f.Truck.vid)
    assert [(t.plate, town) for t, town in towns] == [("U1", "ulm"), ("A1", "aue")]
    towns = session.query(f.Depot.town, f.Truck).select_from(f.Depot).outerjoin(f.Depot.vehicles).order_by(f.Depot.id)
    assert [(town, t and t.plate) for town, t in towns] == [("ulm", "U1"), ("aue", "A1"), ("rom", None)]
    loads = session.query(f.Depot.town, f.Truck.load_kg).join(f.Depot.vehicles).order_by(f.Truck.load_kg)
    assert loads.all() == [("ulm", 5), ("aue", 9)]
    assert session.query(f.Fine.why, f.Truck.load_kg).join(f.Fine.vehicle).filter(f.Truck.load_kg == 9).all() == [
        ("park", 9)
    ]


def test_criteria_on_relationships(fleet: tuple[Session, Fleet]) -> None:
    session, f = fleet
    depot, vehicle, truck, fine = f.Depot, f.Vehicle, f.Truck, f.Fine
    for asked in (vehicle, truck):
        for owner in (vehicle, truck):
            assert _plates(session.query(asked).filter(owner.fines.any(fine.why == "park"))) == ["A1"]
            assert _plates(session.query(asked).filter(owner.depot.has(town="ulm"), owner.kind == "truck")) == ["U1"]
            aue = session.query(depot).filter_by(town="aue").one()
            assert _plates(session.query(asked).filter(owner.depot == aue, owner.kind == "truck")) == ["A1"]
            assert session.query(asked).filter(owner.depot == None).count() == 0  # noqa: E711
            park = session.query(fine).filter_by(why="park").one()
            assert _plates(session.query(asked).filter(owner.fines.contains(park))) == ["A1"]
            assert _plates(session.query(asked).filter(owner.tows.has(vehicle.plate == "U2"))) == ["A1"]
            assert _plates(session.query(asked).filter(owner.towed_by.any(f.vehicle.c.plate == "U2"))) == ["U1"]
    towns = session.query(depot.town).order_by(depot.id)
    assert towns.filter(depot.vehicles.any(vehicle.plate == "A1")).all() == [("aue",)]
    assert towns.filter(depot.vehicles.any(truck.load_kg == 9)).all() == [("aue",)]
    assert towns.filter(depot.vehicles.any(plate="A1")).all() == [("aue",)]
    assert towns.filter(~depot.vehicles.any()).all() == [("rom",)]
    assert towns.filter(depot.vehicles.of_type(truck).any(truck.load_kg == 9)).all() == [("aue",)]
    one = session.query(vehicle).filter_by(plate="A1").one()
    assert towns.filter(depot.vehicles.contains(one)).all() == [("aue",)]
    assert session.query(vehicle).with_parent(aue).order_by(vehicle.vid).first() is one
    assert session.query(fine).with_parent(one).one() is park
    assert session.query(fine).filter(fine.vehicle == one).one() is park
    assert session.query(fine).filter(fine.vehicle.has(truck.load_kg == 9)).one() is park


# -- subqueries


def test_subqueries_have_rows_of_their_own(fleet: tuple[Session, Fleet]) -> None:
    session, f = fleet
    vehicle, truck, fine, table = f.Vehicle, f.Truck, f.Fine, f.vehicle
    last = select(func.max(table.c.vid)).scalar_subquery()
    assert _plates(session.query(vehicle).filter(vehicle.vid == last)) == ["A2"]
    last = select(func.max(vehicle.vid)).scalar_subquery()
    assert _plates(session.query(vehicle).filter(table.c.vid == last)) == ["A2"]
    wanted = select(table.c.vid).where(table.c.plate > "B")
    assert session.query(vehicle).filter(vehicle.vid.in_(wanted)).count() == 2
    assert session.query(truck).filter(vehicle.vid.in_(wanted)).count() == 1
    fined = select(fine.fid).where(fine.vid == vehicle.vid, fine.why == "park")
    assert _plates(session.query(vehicle).filter(exists(fined))) == ["A1"]
    assert _plates(session.query(truck).filter(exists(fined))) == ["A1"]
    fined = select(f.fine.c.fid).where(f.fine.c.vid == table.c.vid, f.fine.c.why == "park")
    assert _plates(session.query(vehicle).filter(fined.exists())) == ["A1"]
    assert _plates(session.query(truck).filter(fined.exists())) == ["A1"]
    assert _plates(session.query(vehicle).filter(exists().where(fine.vid == vehicle.vid, fine.why == "park"))) == ["A1"]
    number = select(func.count(fine.fid)).where(fine.vid == vehicle.vid).correlate(vehicle).scalar_subquery()
    assert session.query(vehicle.plate, number.label("n")).order_by(vehicle.vid).all() == [
        ("U1", 2), ("U2", 0), ("A1", 1), ("A2", 0),
    ]  # fmt: skip
    other = aliased(vehicle)
    newest = select(func.max(other.vid)).where(other.kind == vehicle.kind).scalar_subquery()
    assert _plates(session.query(vehicle).filter(vehicle.vid == newest).order_by(vehicle.vid)) == ["U2", "A1", "A2"]


def test_queries_around_queries(fleet: tuple[Session, Fleet]) -> None:
    session, f = fleet
    vehicle, truck, table = f.Vehicle, f.Truck, f.vehicle
    inner = session.query(vehicle).filter(truck.load_kg > 0).from_self()
    assert _plates(inner.order_by(table.c.vid.desc())) == ["A1", "U1"]
    assert _plates(inner.filter(truck.load_kg == 9, vehicle.plate == "A1")) == ["A1"]
    assert [v.load_kg for v in inner.order_by(vehicle.vid)] == [5, 9]
    assert inner.join(vehicle.fines).filter(f.Fine.why == "park").one().plate == "A1"
    assert session.query(vehicle.plate, vehicle.kind).from_self().filter(table.c.kind == "van").all() == [("U2", "van")]
    both = session.query(vehicle).filter(vehicle.plate == "U2").union(session.query(vehicle).filter(truck.load_kg == 9))
    assert _plates(both.order_by(vehicle.vid)) == ["U2", "A1"]
    assert both.filter(table.c.kind == "van").one().seats == 7
    first = session.query(vehicle).order_by(vehicle.vid).limit(2).from_self().options(joinedload(vehicle.fines))
    assert [len(v.fines) for v in first.order_by(vehicle.vid)] == [2, 0]
    sub = session.query(vehicle.vid, vehicle.plate).filter(table.c.plate == "U1").subquery()
    assert session.query(f.Fine.why).join(sub, sub.c.vid == f.Fine.vid).order_by(f.Fine.fid).all() == [
        ("speed",),
        ("lights",),
    ]


def test_aliases_of_the_base(fleet: tuple[Session, Fleet]) -> None:
    session, f = fleet
    vehicle, depot = f.Vehicle, f.Depot
    other = aliased(vehicle)
    assert _plates(session.query(other).filter(other.plate > "B").order_by(other.vid)) == ["U1", "U2"]
    assert [getattr(v, "seats", None) for v in session.query(other).order_by(other.vid)] == [None, 7, None, None]
    pairs = session.query(vehicle.plate, other.plate).join(other, vehicle.tows).order_by(vehicle.vid)
    assert pairs.all() == [("U2", "U1"), ("A1", "U2")]
    pairs = session.query(vehicle, other).join(other, other.tows_id == vehicle.vid).order_by(vehicle.vid)
    assert [(a.plate, b.plate) for a, b in pairs] == [("U1", "U2"), ("U2", "A1")]
    assert session.query(depot.town).join(depot.vehicles.of_type(other)).filter(other.plate == "A1").all() == [("aue",)]
    assert session.query(depot).join("vehicles", aliased=True).filter(f.vehicle.c.plate == "A1").one().town == "aue"
    assert session.query(depot).join("vehicles", aliased=True).filter(vehicle.plate == "A1").one().town == "aue"
    part = aliased(vehicle, select(f.vehicle).where(f.vehicle.c.plate > "B").subquery())
    assert _plates(session.query(part).order_by(part.vid)) == ["U1", "U2"]
    assert _plates(session.query(other).join(other.fines).filter(f.Fine.why == "park")) == ["A1"]


def test_what_is_joined_may_be_loaded_from_the_join(fleet: tuple[Session, Fleet], statements: StatementLog) -> None:
    session, f = fleet
    query = session.query(f.Depot).join(f.Depot.vehicles).options(contains_eager(f.Depot.vehicles))
    with statements.expect(1):
        found = query.filter(f.Truck.load_kg > 0).order_by(f.Depot.id).all()
        assert [[v.load_kg for v in d.vehicles] for d in found] == [[5], [9]]


# -- another choice for one query


def test_a_query_chooses_what_it_loads(fleet: tuple[Session, Fleet], statements: StatementLog) -> None:
    session, f = fleet
    vehicle, truck = f.Vehicle, f.Truck
    for given in (truck, [truck], "*", [truck, f.Van]):
        session.expunge_all()
        query = session.query(vehicle).filter(f.vehicle.c.plate < "V").order_by(f.vehicle.c.vid).with_polymorphic(given)
        with statements.expect(1):
            found = query.all()
            assert [v.load_kg for v in found if isinstance(v, truck)] == [5, 9]
        assert _plates(query.filter(truck.load_kg == 9, vehicle.kind == "truck")) == ["A1"]
        assert query.join(vehicle.fines).filter(f.Fine.why == "park").one().plate == "A1"
        assert query.count() == 4
        assert [v.plate for v in query.options(joinedload(vehicle.fines)).limit(2)] == ["U1", "U2"]
        chosen = with_polymorphic(vehicle, given)
        assert _plates(session.query(chosen).filter(chosen.plate == "U2", chosen.depot.has(town="ulm"))) == ["U2"]


def test_rows_are_changed_in_their_tables(fleet: tuple[Session, Fleet]) -> None:
    session, f = fleet
    vehicle = f.Vehicle
    one = session.query(vehicle).filter(vehicle.plate == "U1").one()
    one.plate, one.load_kg = "U9", 10
    session.commit()
    assert session.execute(select(f.vehicle.c.plate, f.truck.c.load_kg).join(f.truck)).first() in [
        ("U9", 10),
        ("A1", 9),
    ]
    assert (one.plate, one.load_kg) == ("U9", 10)
    for way in ("evaluate", "fetch"):
        assert session.query(vehicle).filter(vehicle.plate == "U9").update({"plate": vehicle.plate + "!"}, way) == 1
        assert one.plate == "U9!"
        session.query(vehicle).filter(f.vehicle.c.plate == "U9!").update({"plate": "U9"}, way)
    session.refresh(one)
    session.expire(one)
    assert one.plate == "U9"
    new = f.Van(plate="N", seats=2)
    session.add(new)
    session.flush()
    assert new.kind == "van"
    assert session.query(vehicle).filter(f.Van.seats == 2).one() is new
    session.delete(new)
    session.flush()
    assert session.query(vehicle).count() == 4
    with Session(session.get_bind()) as other:
        copied = other.merge(one)
        assert (copied.plate, [fine.why for fine in copied.fines]) == ("U9", ["speed", "lights"])


def test_rows_of_a_statement_of_ones_own(fleet: tuple[Session, Fleet]) -> None:
    session, f = fleet
    found = session.query(f.Vehicle).from_statement(text("SELECT * FROM vehicle WHERE plate = 'U2'")).one()
    assert (found.plate, found.seats) == ("U2", 7)
    session.expunge_all()
    found = session.query(f.Vehicle).from_statement(select(f.Vehicle).where(f.Vehicle.plate == "U2")).one()
    assert (found.plate, found.seats) == ("U2", 7)
    assert _plates(session.query(f.Vehicle).order_by(f.Vehicle.vid).yield_per(1)) == ["U1", "U2", "A1", "A2"]
    assert _plates(session.query(f.Vehicle).filter(f.Truck.load_kg == 9).populate_existing()) == ["A1"]


def test_the_order_of_the_mapper_is_by_a_column_of_the_table(engine: Engine) -> None:
    for source in (_tables, _union, _labelled):
        f = Fleet(source)
        metadata = f.metadata
        metadata.drop_all(engine)
        f.fill(engine)
        f.Vehicle.__mapper__.order_by = (f.vehicle.c.plate.desc(),)
        with Session(engine) as session:
            assert _plates(session.query(f.Vehicle)) == ["U2", "U1", "A2", "A1"]
            assert _plates(session.query(f.Vehicle).filter(f.Truck.load_kg > 1)) == ["U1", "A1"]
            assert _plates(session.query(f.Truck)) == ["U1", "A1"]
            assert _plates(session.query(aliased(f.Vehicle))) == ["U2", "U1", "A2", "A1"]
            assert _plates(session.query(f.Vehicle).with_polymorphic(f.Truck)) == ["U2", "U1", "A2", "A1"]


# -- what a mapping may say


def test_a_source_without_a_column_of_the_class_is_refused() -> None:
    def without_plate(vehicle: Any, truck: Any, van: Any) -> Any:
        columns = [c for c in vehicle.c if c.name != "plate"]
        return "*", select(*columns, truck.c.load_kg).select_from(vehicle.outerjoin(truck)).subquery("ps")

    with pytest.raises(
        ArgumentError, match=r"cannot be selected from subquery 'ps': no column of it stands for table 'vehicle'.plate"
    ):
        Fleet(without_plate)


@pytest.mark.parametrize("pair", [tuple, list])
def test_classes_and_source_are_given_as_a_tuple_or_a_list(engine: Engine, pair: Any) -> None:
    f = Fleet(lambda *tables: pair(_outer_join(*tables)))
    f.fill(engine)
    with Session(engine) as session:
        assert session.query(f.Vehicle).filter(f.Van.seats == 7).count() == 1


def test_the_discriminator_may_be_the_sources_column(engine: Engine) -> None:
    metadata, registry = MetaData(), Registry()
    thing = Table(
        "thing", metadata, Column("id", Integer, primary_key=True), Column("kind", String(9)), Column("name", String(9))
    )
    box = Table("box", metadata, Column("id", ForeignKey("thing.id"), primary_key=True), Column("size", Integer))
    named = [c.label(f"{t.name}_{c.name}") for t in (thing, box) for c in t.c]
    source = select(*named).select_from(thing.outerjoin(box)).subquery("things")
    Thing: Any = type("Thing", (_Made,), {})
    Box: Any = type("Box", (Thing,), {})
    mapper(
        Thing, thing, registry=registry, polymorphic_on=source.c.thing_kind, polymorphic_identity="thing", with_polymorphic=("*", source),
        properties={"sort": thing.c.kind},
    )  # fmt: skip
    mapper(Box, box, registry=registry, inherits=Thing, polymorphic_identity="box")
    metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Thing(name="a"), Box(name="b", size=2)])
        session.commit()
        session.expunge_all()
        found = session.query(Thing).order_by(thing.c.id).all()
        assert [(type(t).__name__, t.sort, t.name) for t in found] == [("Thing", "thing", "a"), ("Box", "box", "b")]
        assert session.query(Thing).filter(Thing.sort == "box", Box.size == 2).one() is found[1]
        assert session.query(Box).one() is found[1]


def test_the_discriminator_may_be_worked_out_by_a_union_of_joined_tables(engine: Engine) -> None:
    metadata, registry = MetaData(), Registry()
    thing = Table("thing", metadata, Column("id", Integer, primary_key=True), Column("name", String(9)))
    box = Table("box", metadata, Column("id", ForeignKey("thing.id"), primary_key=True), Column("size", Integer))
    bag = Table("bag", metadata, Column("id", ForeignKey("thing.id"), primary_key=True), Column("size", Integer))
    union = polymorphic_union({"box": thing.join(box), "bag": thing.join(bag)}, "sort", "u")
    Thing: Any = type("Thing", (_Made,), {})
    Box: Any = type("Box", (Thing,), {})
    Bag: Any = type("Bag", (Thing,), {})
    mapper(Thing, thing, registry=registry, polymorphic_on=union.c.sort, with_polymorphic=("*", union))
    mapper(Box, box, registry=registry, inherits=Thing, polymorphic_identity="box")
    mapper(Bag, bag, registry=registry, inherits=Thing, polymorphic_identity="bag")
    metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Box(name="a", size=1), Bag(name="b", size=2), Bag(name="c", size=3)])
        session.commit()
        session.expunge_all()
        found = session.query(Thing).order_by(Thing.name).all()
        assert [(type(t).__name__, t.name, t.size) for t in found] == [
            ("Box", "a", 1),
            ("Bag", "b", 2),
            ("Bag", "c", 3),
        ]
        session.expunge_all()
        assert [(type(t).__name__, t.size) for t in session.query(Bag).order_by(Bag.size)] == [("Bag", 2), ("Bag", 3)]
        assert session.query(Thing).filter(Bag.size == 3).one().name == "c"
        assert session.get(Thing, 1).size == 1
        assert session.get(Box, 1).name == "a"


def test_a_class_in_between_has_a_source_of_its_own(engine: Engine) -> None:
    metadata, registry = MetaData(), Registry()
    leaf = Table(
        "leaf", metadata, Column("id", Integer, primary_key=True), Column("kind", String(2)), Column("note", String(9))
    )
    twig = Table("twig", metadata, Column("leaf_id", ForeignKey("leaf.id"), primary_key=True), Column("len", Integer))
    bud = Table(
        "bud", metadata, Column("twig_id", ForeignKey("twig.leaf_id"), primary_key=True), Column("note", String(9))
    )
    plain = select(leaf).where(leaf.c.kind == "l")
    rest = [c.label(f"bud_{c.name}") for c in bud.c]
    all_twigs = select(*leaf.c, *twig.c, *rest).select_from(leaf.join(twig).outerjoin(bud))
    one = polymorphic_union({"l": plain, "t": all_twigs.where(leaf.c.kind != "l")}, None, "one")
    two = all_twigs.subquery("two")
    Leaf: Any = type("Leaf", (_Made,), {})
    Twig: Any = type("Twig", (Leaf,), {})
    Bud: Any = type("Bud", (Twig,), {})
    Sprig: Any = type("Sprig", (Twig,), {})
    mapper(
        Leaf, leaf, registry=registry, with_polymorphic=("*", one), polymorphic_on=one.c.kind, polymorphic_identity="l"
    )
    mapper(Twig, twig, registry=registry, with_polymorphic=("*", two), inherits=Leaf, polymorphic_identity="t")
    mapper(Bud, bud, registry=registry, inherits=Twig, polymorphic_identity="b", properties={"bud_note": bud.c.note})
    registry.configure()
    mapper(Sprig, registry=registry, inherits=Twig, polymorphic_identity="s")
    registry.configure()
    metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all(
            [Leaf(note="a"), Twig(note="b", len=1), Bud(note="c", len=2, bud_note="d"), Sprig(note="e", len=3)]
        )
        session.commit()
        session.expunge_all()
        found = session.query(Leaf).order_by(leaf.c.id).all()
        names = [type(obj).__name__ for obj in found]
        assert names == ["Leaf", "Twig", "Bud", "Sprig"]
        assert [(obj.note, getattr(obj, "len", None), getattr(obj, "bud_note", None)) for obj in found] == [
            ("a", None, None), ("b", 1, None), ("c", 2, "d"), ("e", 3, None),
        ]  # fmt: skip
        for asked in (Leaf, Twig):
            for owner in (Leaf, Twig, Bud):
                assert session.query(asked).filter(owner.note == "c").one() is found[2]
            assert session.query(asked).filter(Bud.bud_note == "d", Twig.len == 2).one() is found[2]
        assert [obj.len for obj in session.query(Twig).order_by(twig.c.len.desc())] == [3, 2, 1]
        assert session.query(Sprig).one() is found[3]
        assert session.query(Bud).filter(Leaf.note == "c", Twig.len == 2).one() is found[2]
        assert session.query(Twig.len).filter(Leaf.kind == "t").all() == [(1,)]


# -- concrete classes


class _Concrete:
    """Firms with workers and bosses, each in a table of its own."""

    def __init__(self, in_mapper: bool) -> None:
        self.metadata, self.registry = MetaData(), Registry()
        self.firm = Table("firm", self.metadata, Column("id", Integer, primary_key=True), Column("name", String(9)))
        self.worker = Table(
            "worker", self.metadata, Column("id", Integer, primary_key=True), Column("name", String(9)),
            Column("firm_id", ForeignKey("firm.id")),
        )  # fmt: skip
        self.boss = Table(
            "boss", self.metadata, Column("id", Integer, primary_key=True), Column("name", String(9)),
            Column("firm_id", ForeignKey("firm.id")), Column("budget", Integer),
        )  # fmt: skip
        self.union = polymorphic_union({"w": self.worker, "b": self.boss}, "kind", "everyone")
        self.Firm: Any = type("Firm", (_Made,), {})
        self.Worker: Any = type("Worker", (_Made,), {})
        self.Boss: Any = type("Boss", (self.Worker,), {})
        options = {"with_polymorphic": ("*", self.union), "polymorphic_on": self.union.c.kind} if in_mapper else {}
        mapper(self.Firm, self.firm, registry=self.registry, properties={"workers": relationship(self.Worker)})
        mapper(self.Worker, self.worker, registry=self.registry, polymorphic_identity="w", **options)
        mapper(
            self.Boss, self.boss, registry=self.registry, inherits=self.Worker, concrete=True, polymorphic_identity="b"
        )

    def fill(self, session: Session) -> None:
        self.metadata.create_all(session.get_bind())
        one, two = self.Firm(name="one"), self.Firm(name="two")
        session.add_all([one, two])
        session.flush()
        session.add_all(
            [
                self.Worker(name="a", firm_id=one.id),
                self.Boss(name="b", firm_id=one.id, budget=5),
                self.Boss(name="c", firm_id=two.id),
            ]
        )
        session.commit()


def test_a_family_of_concrete_classes_is_queried_by_its_union(engine: Engine) -> None:
    c = _Concrete(in_mapper=True)
    with Session(engine) as session:
        c.fill(session)
        names = session.query(c.Worker.name).order_by(c.Worker.name)
        assert names.all() == [("a",), ("b",), ("c",)]
        assert names.filter(c.worker.c.name > "a").all() == [("b",), ("c",)]
        assert session.query(c.Worker).filter(c.Boss.budget == 5).one().name == "b"
        firms = session.query(c.Firm.name).filter(c.Firm.id == c.Worker.firm_id, c.Worker.name == "c")
        assert firms.all() == [("two",)]
        assert session.query(c.Firm.name).join(c.Firm.workers).filter(c.Worker.name == "c").all() == [("two",)]
        assert session.query(c.Firm.name).filter(c.Firm.workers.any(c.Worker.name == "b")).all() == [("one",)]
        assert session.query(c.Firm.name).filter(
            exists().where(c.Worker.firm_id == c.Firm.id, c.Worker.name == "c")
        ).all() == [("two",)]
        assert session.query(c.Boss).filter(c.Boss.name == "b").one().budget == 5
        assert session.query(c.Firm).order_by(c.Firm.id).first().workers[0].name in ("a", "b")


def test_a_query_brings_the_union_of_concrete_classes(engine: Engine) -> None:
    c = _Concrete(in_mapper=False)
    with Session(engine) as session:
        c.fill(session)
        assert [w.name for w in session.query(c.Worker)] == ["a"]
        query = session.query(c.Worker).with_polymorphic("*", c.union, c.union.c.kind)
        found = query.order_by(c.Worker.name).all()
        assert [(type(w).__name__, w.name) for w in found] == [("Worker", "a"), ("Boss", "b"), ("Boss", "c")]
        assert found[1].budget == 5
        assert query.filter(c.Boss.budget == 5).one() is found[1]
        assert query.filter(c.worker.c.name == "c").one() is found[2]
        assert query.count() == 3
        assert query.order_by(c.Worker.name).limit(2).from_self().order_by(c.Worker.name.desc()).all() == [
            found[1],
            found[0],
        ]
        by_name = session.query(c.Worker).with_polymorphic(c.Boss, c.union, discriminator="kind")
        assert by_name.filter(c.Worker.name == "b").one() is found[1]
        everyone = with_polymorphic(c.Worker, "*", c.union, polymorphic_on=c.union.c.kind)
        assert session.scalars(select(everyone).where(everyone.name == "c")).all() == [found[2]]
        assert session.query(everyone, c.Firm).join(c.Firm, c.Firm.id == everyone.firm_id).filter(c.Firm.name == "two").one() == (
            found[2], session.get(c.Firm, 2),
        )  # fmt: skip
        with pytest.raises(ArgumentError, match="needs polymorphic_on="):
            session.query(c.Worker).with_polymorphic("*", c.union)
        with pytest.raises(ArgumentError, match=r"'sort' is no column of subquery 'everyone'. Its columns: id, name"):
            session.query(c.Worker).with_polymorphic("*", c.union, "sort")
        with pytest.raises(ArgumentError, match="got polymorphic_on= and no selectable"):
            session.query(c.Worker).with_polymorphic("*", polymorphic_on=c.union.c.kind)


def test_a_query_brings_a_source_for_joined_classes(fleet: tuple[Session, Fleet], statements: StatementLog) -> None:
    session, f = fleet
    for source in (_union, _labelled, _outer_join, _join_of_aliases):
        session.expunge_all()
        _, given = source(f.vehicle, f.truck, f.van)
        query = (
            session.query(f.Vehicle)
            .filter(f.Vehicle.plate < "V")
            .with_polymorphic("*", given)
            .order_by(f.vehicle.c.vid)
        )
        with statements.expect(1):
            found = query.all()
            assert [getattr(v, "note", None) for v in found] == ["t", "v", "t", None]
        assert _plates(query.filter(f.Truck.load_kg == 9)) == ["A1"]
        assert query.join(f.Vehicle.fines).filter(f.Fine.why == "park").one() is found[2]
        assert [len(v.fines) for v in query.options(joinedload(f.Vehicle.fines)).limit(3)] == [2, 0, 1]


# -- refusals


def test_a_table_that_two_classes_need_is_refused(engine: Engine) -> None:
    f = Fleet(lambda *tables: None)
    f.fill(engine)
    with Session(engine) as session:
        with pytest.raises(InvalidRequestError, match="table 'vehicle' is in the statement already"):
            session.query(f.Truck, f.Van).all()
        with pytest.raises(InvalidRequestError, match="table 'vehicle' is in the statement already"):
            session.query(f.Depot).join(f.Depot.vehicles).add_entity(f.Truck).all()
        with pytest.raises(InvalidRequestError, match="table 'vehicle' is in the statement already"):
            session.query(f.Truck).join(f.Truck.tows).all()
        towns = session.query(f.Truck, f.Depot.town).select_from(f.depot.join(f.vehicle).join(f.truck))
        assert [(t.plate, town) for t, town in towns.order_by(f.Truck.vid)] == [("U1", "ulm"), ("A1", "aue")]
        # where the subclass's table may have no row, what is there is no truck
        with pytest.raises(InvalidRequestError, match="table 'vehicle' is in the statement already"):
            session.query(f.Truck, f.Depot.town).select_from(f.depot.join(f.vehicle).outerjoin(f.truck)).all()


@pytest.mark.parametrize("name", ["weight_note", "weight", "doubled"])
def test_a_deferred_expression_is_read_from_the_row_of_its_object(engine: Engine, name: str) -> None:
    class Base(DeclarativeBase):
        pass

    class Animal(Base):
        __tablename__ = "animal"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str]
        legs: Mapped[int]
        __mapper_args__ = {
            "polymorphic_on": "kind",
            "polymorphic_identity": "animal",
            "with_polymorphic": ("*", lambda: select(*Animal.__table__.c).cte("animals")),
        }

    class Cat(Animal):
        weight: Mapped[int | None] = mapped_column(deferred=True)
        __mapper_args__ = {"polymorphic_identity": "cat"}

    Cat.doubled = column_property(Cat.weight + Animal.legs, deferred=True)
    heavier = aliased(Cat)
    Cat.weight_note = column_property(
        select(func.count(heavier.id)).where(heavier.weight > Cat.weight).scalar_subquery(), deferred=True
    )
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Animal(legs=2), Cat(legs=4, weight=3), Cat(legs=4, weight=5), Cat(legs=3, weight=7)])
        session.commit()
    expected = {"weight": [3, 5, 7], "doubled": [7, 9, 10], "weight_note": [2, 1, 0]}[name]
    with Session(engine) as session:
        # the last two are loaded together, then one alone
        first, *others = session.query(Cat).order_by(Cat.id).all()
        assert [getattr(cat, name) for cat in (*others, first)] == [*expected[1:], expected[0]]
    with Session(engine) as session:
        second = session.query(Cat).order_by(Cat.id).all()[1]
        assert getattr(second, name) == expected[1]
    with Session(engine) as session:
        cats = session.query(Cat).filter(Cat.legs == 4).order_by(Cat.id).all()
        assert [getattr(cat, name) for cat in cats] == expected[:2]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.__name__.strip("_"))
def test_a_join_along_a_relationship_of_a_subclass_begins_at_what_stands_for_its_tables(
    engine: Engine, source: Any
) -> None:
    fleet = Fleet(source)
    trip = Table(
        "trip", fleet.metadata, Column("tid", Integer, primary_key=True), Column("truck_vid", ForeignKey("truck.vid")),
        Column("goal", String(9)),
    )  # fmt: skip
    Trip: Any = type("Trip", (_Made,), {})
    mapper(Trip, trip, registry=fleet.registry)
    fleet.Truck.__mapper__.add_property("trips", relationship(Trip, order_by=trip.c.tid))
    fleet.metadata.create_all(engine)
    with Session(engine) as session:
        depot = fleet.Depot(town="Ulm")
        first = fleet.Truck(plate="T1", load_kg=1, depot=depot, trips=[Trip(goal="Rom"), Trip(goal="Bonn")])
        session.add_all([first, fleet.Truck(plate="T2", load_kg=2), fleet.Van(plate="V1", seats=2, depot=depot)])
        session.flush()
        Vehicle, trips = fleet.Vehicle, fleet.Truck.trips
        other = aliased(Trip)
        for query in (
            session.query(Vehicle).join(trips).filter(Trip.goal == "Rom"),
            session.query(Vehicle).join(trips.of_type(other)).filter(other.goal == "Rom"),
            session.query(Vehicle).join(other, trips).filter(other.goal == "Rom"),
            session.query(Vehicle).filter(trips.any(Trip.goal == "Rom")),
        ):
            assert [vehicle.plate for vehicle in query] == ["T1"]
        without = session.query(Vehicle).outerjoin(trips).filter(Trip.tid.is_(None))
        assert sorted(vehicle.plate for vehicle in without) == ["T2", "V1"]
        goals = select(Trip.goal).select_from(fleet.Depot).join(fleet.Depot.vehicles).join(trips)
        assert sorted(session.scalars(goals)) == ["Bonn", "Rom"]
