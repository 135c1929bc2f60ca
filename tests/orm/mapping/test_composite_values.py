"""Composite attributes of dataclasses and of other classes: declared in passing, selected, compared, changed in place, in statements."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import (
    JSON,
    NO_VALUE,
    ArgumentError,
    CompositeProperty,
    DeclarativeBase,
    Engine,
    Integer,
    InvalidRequestError,
    Mapped,
    MappedAsDataclass,
    Mutable,
    MutableComposite,
    Session,
    aliased,
    and_,
    composite,
    defer,
    desc,
    func,
    insert,
    inspect,
    load_only,
    mapped_column,
    select,
    undefer,
    undefer_group,
    update,
)


class Base(DeclarativeBase):
    pass


@dataclasses.dataclass
class Point:
    x: int
    y: int


@dataclasses.dataclass(frozen=True)
class Span:
    low: int
    high: int | None


@dataclasses.dataclass
class Color(MutableComposite):
    red: int
    green: int

    def __setattr__(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)
        self.changed()

    @classmethod
    def coerce(cls, key: str, value: Any) -> Any:
        return cls(*value) if isinstance(value, tuple) else super().coerce(key, value)


class Further(CompositeProperty.Comparator):
    def __gt__(self, other: Any) -> Any:
        values = dataclasses.astuple(other)
        return and_(*[column > value for column, value in zip(self.__clause_element__().clauses, values, strict=True)])


class Edge(Base):
    __tablename__ = "composite_edge"
    id: Mapped[int] = mapped_column(primary_key=True)
    start: Mapped[Point] = composite(mapped_column("x1"), mapped_column("y1"), comparator_factory=Further)
    end: Mapped[Point] = composite(mapped_column("x2"), mapped_column("y2"), info={"label": "End"})
    span: Mapped[Span | None] = composite()
    color: Mapped[Color | None] = composite(Color, "r", "g")
    r: Mapped[int | None]
    g: Mapped[int | None]


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Edge(id=1, start=Point(1, 2), end=Point(3, 4), span=Span(5, None)))
        session.add(Edge(id=2, start=Point(5, 6), end=Point(3, 4), color=Color(1, 2)))
        session.commit()
        yield session


def test_the_columns_of_a_composite_follow_from_its_class() -> None:
    columns = Edge.__table__.c
    assert columns.keys() == ["id", "x1", "y1", "x2", "y2", "low", "high", "r", "g"]
    assert [columns[name].nullable for name in ("x1", "y2", "low", "high")] == [False, False, True, True]
    assert {type(columns[name].type) for name in ("x1", "y1", "low", "high")} == {Integer}


def test_values_are_of_the_class(session: Session) -> None:
    first, second = session.get_one(Edge, 1), session.get_one(Edge, 2)
    assert (first.start, first.end, first.span, first.color) == (Point(1, 2), Point(3, 4), Span(5, None), None)
    assert (second.span, second.color, second.x1) == (None, Color(1, 2), 5)
    first.start = Point(7, 8)
    first.end.y = 9
    first.span = None
    session.commit()
    assert (first.start, first.end, first.span, first.y2) == (Point(7, 8), Point(3, 9), None, 9)
    with pytest.raises(ArgumentError, match="takes a Point"):
        first.start = (1, 2)


def test_a_value_that_is_deleted_is_none(session: Session) -> None:
    first, second = session.get_one(Edge, 1), session.get_one(Edge, 2)
    del first.span
    del second.color
    assert (first.span, first.low, second.color, second.r) == (None, None, None, None)
    session.commit()
    assert session.execute(select(Edge.low, Edge.r).order_by(Edge.id)).all() == [(None, None), (None, None)]


def test_composites_are_selected_as_values(session: Session) -> None:
    rows = session.execute(select(Edge.id, Edge.start, Edge.span).order_by(Edge.id)).all()
    assert rows == [(1, Point(1, 2), Span(5, None)), (2, Point(5, 6), None)]
    assert rows[0].start == Point(1, 2)
    assert session.scalars(select(Edge.end).distinct()).all() == [Point(3, 4)]
    alias = aliased(Edge)
    assert session.scalars(select(alias.start).where(alias.start == Point(5, 6))).all() == [Point(5, 6)]
    assert [row.start for row in session.query(Edge.start).order_by(Edge.start)] == [Point(1, 2), Point(5, 6)]
    assert session.execute(select(Edge.end, func.count()).group_by(Edge.end)).all() == [(Point(3, 4), 2)]


def test_composites_are_compared_with_values(session: Session) -> None:
    def ids(criterion: Any) -> list[int]:
        return list(session.scalars(select(Edge.id).where(criterion).order_by(Edge.id)))

    assert ids(Edge.start == Point(1, 2)) == [1]
    assert ids(Edge.start != Point(1, 2)) == [2]
    assert ids(Edge.start == Edge.end) == []
    assert ids(Edge.start.in_([Point(5, 6), Point(0, 0)])) == [2]
    assert ids(Edge.start.not_in([Point(5, 6)])) == [1]
    assert ids(Edge.start > Point(2, 2)) == [2]
    assert ids(Edge.color == None) == [1]  # noqa: E711
    assert session.scalars(select(Edge).filter_by(end=Point(3, 4), id=2)).one().id == 2
    with pytest.raises(ArgumentError, match="takes a Point"):
        ids(Edge.end == 3)


def test_statements_set_composites(session: Session) -> None:
    session.execute(update(Edge).where(Edge.id == 1).values({Edge.start: Point(8, 9), Edge.span: None}))
    assert session.get_one(Edge, 1).start == Point(8, 9)
    session.execute(update(Edge).where(Edge.id == 2).values(end=Point(0, 1)))
    session.execute(insert(Edge).values(id=3, start=Point(1, 1), end=Point(2, 2)))
    found = session.execute(select(Edge.start, Edge.end).order_by(Edge.id)).all()
    assert found == [(Point(8, 9), Point(3, 4)), (Point(5, 6), Point(0, 1)), (Point(1, 1), Point(2, 2))]


def test_composites_are_inspected(session: Session) -> None:
    edge = session.get_one(Edge, 1)
    prop = inspect(Edge).attrs.start
    assert (prop.composite_class, prop.attrs, [p.key for p in prop.props]) == (Point, [Edge.x1, Edge.y1], ["x1", "y1"])  # type: ignore[attr-defined]
    assert inspect(Edge).attrs.end.info == {"label": "End"} == Edge.end.info
    state = inspect(edge).attrs.start
    assert (state.value, state.loaded_value, state.history) == (Point(1, 2), Point(1, 2), ([], [Point(1, 2)], []))
    edge.start = Point(3, 2)
    assert inspect(edge).attrs.start.history == ([Point(3, 2)], [], [Point(1, 2)])
    session.expire(edge)
    assert inspect(edge).attrs.start.loaded_value is NO_VALUE


def test_a_mutable_composite_tells_of_its_changes(session: Session) -> None:
    edge = session.get_one(Edge, 2)
    assert edge.color is not None
    edge.color.red = 7
    assert edge in session.dirty
    session.commit()
    assert (edge.r, edge.color) == (7, Color(7, 2))
    edge.color = (3, 4)  # type: ignore[assignment]
    session.commit()
    assert edge.color == Color(3, 4)
    with pytest.raises(ArgumentError, match=r"Edge\.color takes a Color or None"):
        edge.color = 3  # type: ignore[assignment]


def test_a_function_may_make_the_values(engine: Engine) -> None:
    class OwnBase(DeclarativeBase):
        pass

    class Pair:
        def __init__(self, values: tuple[Any, ...]) -> None:
            self.values = values

        @classmethod
        def of(cls, first: int, second: str) -> Pair:
            return cls((first, second))

        def __composite_values__(self) -> tuple[Any, ...]:
            return self.values

    class Thing(OwnBase):
        __tablename__ = "composite_thing"
        id: Mapped[int] = mapped_column(primary_key=True)
        pair: Mapped[Any] = composite(Pair.of, mapped_column(), mapped_column("other"))

    OwnBase.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Thing(pair=Pair((1, "a"))))
        session.commit()
        assert session.scalars(select(Thing.pair)).one().values == (1, "a")
    assert Thing.__table__.c.keys() == ["id", "first", "other"]


def test_a_composite_can_be_mapped_later_and_be_a_key(engine: Engine) -> None:
    class OwnBase(DeclarativeBase):
        pass

    class Cell(OwnBase):
        __tablename__ = "composite_cell"
        x: Mapped[int] = mapped_column(primary_key=True)
        y: Mapped[int] = mapped_column(primary_key=True)

    Cell.place = composite(Point, Cell.x, Cell.y)  # type: ignore[attr-defined]
    Cell.size = composite(Span, mapped_column(Integer), mapped_column("top", Integer, nullable=True))  # type: ignore[attr-defined]
    OwnBase.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Cell(place=Point(1, 2), size=Span(3, None)))
        session.commit()
        cell = session.get_one(Cell, Point(1, 2))
        assert (cell.x, cell.size) == (1, Span(3, None))  # type: ignore[attr-defined]


def test_composites_of_mapped_dataclasses(engine: Engine) -> None:
    class OwnBase(MappedAsDataclass, DeclarativeBase):
        pass

    class Line(OwnBase):
        __tablename__ = "composite_line"
        id: Mapped[int] = mapped_column(init=False, primary_key=True)
        start: Mapped[Point] = composite(mapped_column("x1"), mapped_column("y1"))
        end: Mapped[Point | None] = composite(mapped_column("x2"), mapped_column("y2"), default=None)

    OwnBase.metadata.create_all(engine)
    with Session(engine) as session:
        line = Line(Point(1, 2))
        session.add(line)
        session.commit()
        assert (line.start, line.end) == (Point(1, 2), None)
        assert repr(line).endswith("Line(id=1, start=Point(x=1, y=2), end=None)")


def test_composites_that_lack_something_are_refused() -> None:
    class OwnBase(DeclarativeBase):
        pass

    with pytest.raises(ArgumentError, match="does not say of which class"):

        class First(OwnBase):
            __tablename__ = "first"
            id: Mapped[int] = mapped_column(primary_key=True)
            point = composite(mapped_column("x", Integer))

    with pytest.raises(ArgumentError, match="the column 3 has no name"):

        class Second(OwnBase):
            __tablename__ = "second"
            id: Mapped[int] = mapped_column(primary_key=True)
            point: Mapped[Point] = composite(mapped_column(), mapped_column(), mapped_column())


def test_a_mutable_value_that_tells_of_changes_while_it_is_copied(engine: Engine) -> None:
    class Noted(Mutable, dict[str, Any]):
        @classmethod
        def coerce(cls, key: str, value: Any) -> Any:
            return cls(value) if isinstance(value, dict) and not isinstance(value, cls) else super().coerce(key, value)

        def __setitem__(self, key: str, value: Any) -> None:
            dict.__setitem__(self, key, value)
            self.changed()

        def __getstate__(self) -> dict[str, Any]:
            return dict(self)

        def __setstate__(self, state: dict[str, Any]) -> None:
            self.update(state)

    class OwnBase(DeclarativeBase):
        pass

    class Document(OwnBase):
        __tablename__ = "noted_document"
        id: Mapped[int] = mapped_column(primary_key=True)
        data: Mapped[dict[str, Any]] = mapped_column(Noted.as_mutable(JSON))

    OwnBase.metadata.create_all(engine)
    with Session(engine) as session:
        document = Document(data={"a": 1})
        session.add(document)
        session.commit()
        assert document.data == {"a": 1}
        assert not session.dirty
        document.data["b"] = 2
        assert session.dirty
        session.commit()
        assert document.data == {"a": 1, "b": 2}


@pytest.mark.parametrize("form", ["types", "annotations", "renamed"])
def test_the_columns_of_a_composite_may_be_attributes_of_the_class(engine: Engine, form: str) -> None:
    class Own(DeclarativeBase):
        pass

    class Buoy(Own):
        __tablename__ = "buoy"
        id: Mapped[int] = mapped_column(primary_key=True)
        if form == "annotations":
            x: Mapped[int] = mapped_column()
            y: Mapped[int] = mapped_column()
            place: Mapped[Point] = composite(x, y)
        else:
            x = mapped_column("easting" if form == "renamed" else "x", Integer)
            y = mapped_column(Integer)
            place = composite(Point, x, y)

    Own.metadata.create_all(engine)
    try:
        with Session(engine) as session:
            session.add(Buoy(id=1, place=Point(3, 4)))
            session.commit()
            buoy = session.scalars(select(Buoy).where(Buoy.place == Point(3, 4), Buoy.x == 3)).one()
            assert (buoy.x, buoy.y, buoy.place) == (3, 4, Point(3, 4))
        wanted = ["id", "easting" if form == "renamed" else "x", "y"]
        assert sorted(Buoy.__table__.c.keys()) == sorted(wanted)
    finally:
        Own.metadata.drop_all(engine)


def _places(engine: Engine, **options: Any) -> tuple[Any, Session]:
    class OwnBase(DeclarativeBase):
        pass

    class Place(OwnBase):
        __tablename__ = "composite_place"
        id: Mapped[int] = mapped_column(primary_key=True)
        x: Mapped[int | None]
        y: Mapped[int | None]
        at: Mapped[Point | None] = composite(Point, "x", "y", **options)

    OwnBase.metadata.drop_all(engine)
    OwnBase.metadata.create_all(engine)
    session = Session(engine)
    session.add_all([Place(id=1, at=Point(1, 5)), Place(id=2, at=Point(3, 4)), Place(id=3, x=None, y=None)])
    session.commit()
    session.expunge_all()
    return Place, session


def test_composites_are_compared_column_by_column_and_ordered_by_all_of_them(engine: Engine) -> None:
    Place, session = _places(engine)
    other = aliased(Place)
    with session:
        for place in (Place, other):
            ids = select(place.id).order_by(place.id)
            assert session.scalars(ids.where(place.at < Point(4, 5))).all() == [2]
            assert session.scalars(ids.where(place.at <= Point(4, 5))).all() == [1, 2]
            assert session.scalars(ids.where(place.at > Point(0, 4))).all() == [1]
            assert session.scalars(ids.where(place.at >= Point(0, 4))).all() == [1, 2]
        present = select(Place.id).where(Place.x.is_not(None))
        for order in (Place.at.desc(), desc(Place.at), Place.at.desc().nulls_last()):
            assert session.scalars(present.order_by(order)).all() == [2, 1]
        assert session.scalars(select(Place.id).order_by(Place.at.asc().nulls_first())).all() == [3, 1, 2]
        row = session.execute(select(Place.at.label("where"), Place.id).order_by(Place.id)).first()
        assert row.where == Point(1, 5)


def test_return_none_on_says_when_a_composite_is_none(engine: Engine) -> None:
    Place, session = _places(engine, return_none_on=lambda x, y: x == 3)
    with session:
        assert [place.at for place in session.query(Place).order_by(Place.id)] == [Point(1, 5), None, Point(None, None)]  # type: ignore[arg-type]
    Place, session = _places(engine, return_none_on=None)
    with session:
        assert session.get(Place, 3).at == Point(None, None)  # type: ignore[arg-type]
        assert session.scalars(select(Place.at).where(Place.id == 3)).one() == Point(None, None)  # type: ignore[arg-type]


def test_options_name_composites_for_their_columns(engine: Engine) -> None:
    Place, session = _places(engine)

    def loaded(*options: Any) -> set[str]:
        session.expunge_all()
        first = session.query(Place).options(*options).order_by(Place.id).first()
        return {name for name in ("id", "x", "y") if name in vars(first)}

    with session:
        assert loaded() == {"id", "x", "y"}
        assert loaded(defer(Place.at)) == {"id"}
        assert loaded(defer("at")) == {"id"}
        assert loaded(defer("*"), undefer(Place.at)) == {"id", "x", "y"}
        assert loaded(load_only(Place.at)) == {"id", "x", "y"}
    Place, session = _places(engine, deferred=True, group="where")
    with session:
        assert loaded() == {"id"}
        assert loaded(undefer(Place.at)) == {"id", "x", "y"}
        assert loaded(undefer_group("where")) == {"id", "x", "y"}
        session.expunge_all()
        assert session.get(Place, 1).at == Point(1, 5)


def test_bulk_operations_take_composites(engine: Engine) -> None:
    Place, session = _places(engine)
    with session:
        session.bulk_insert_mappings(Place, [{"id": 4, "at": Point(7, 8)}, {"id": 5, "at": None}])
        session.execute(insert(Place), [{"id": 6, "at": Point(9, 9)}, {"id": 7, "x": 1}])
        session.execute(update(Place), [{"id": 1, "at": Point(2, 2)}, {"id": 2, "at": Point(3, 3)}])
        session.bulk_update_mappings(Place, [{"id": 3, "at": Point(0, 1)}])
        found = [place.at for place in session.query(Place).order_by(Place.id)]
        assert found[:6] == [Point(2, 2), Point(3, 3), Point(0, 1), Point(7, 8), None, Point(9, 9)]
        with pytest.raises(InvalidRequestError, match="no column attribute 'atx'"):
            session.bulk_insert_mappings(Place, [{"atx": Point(7, 8)}])
