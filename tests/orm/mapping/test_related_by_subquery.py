"""Relationships whose condition has a subquery about the parent or the related row: the subquery is evaluated for each of them."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from flask_uow import (
    Column,
    Engine,
    ForeignKey,
    Integer,
    Mapped,
    MetaData,
    Session,
    Table,
    aliased,
    and_,
    contains_eager,
    declarative_base,
    exists,
    func,
    joinedload,
    mapped_column,
    mapper,
    not_,
    relationship,
    select,
    selectinload,
    subqueryload,
)
from flask_uow.exc import UOWWarning
from flask_uow.orm.mapping.registry import Registry


class _Readings:
    """Meters with readings, whose latest, highest and so on are told by a subquery."""

    def __init__(self) -> None:
        metadata, registry = MetaData(), Registry()
        meter = Table("meter", metadata, Column("id", Integer, primary_key=True), Column("low", Integer))
        reading = Table(
            "reading", metadata, Column("id", Integer, primary_key=True), Column("meter_id", ForeignKey("meter.id")), Column("day", Integer),
        )  # fmt: skip
        other = reading.alias("other")
        self.Meter: Any = type("Meter", (), {})
        self.Reading: Any = type("Reading", (), {})
        latest = (
            select(reading.c.id)
            .where(reading.c.meter_id == meter.c.id)
            .correlate(meter)
            .order_by(reading.c.day.desc())
            .limit(1)
        ).scalar_subquery()
        last_day = select(func.max(other.c.day)).where(other.c.meter_id == meter.c.id).scalar_subquery()
        none_later = not_(
            exists(select(other.c.id).where(other.c.meter_id == reading.c.meter_id, other.c.day > reading.c.day))
        )
        conditions = {
            "latest": reading.c.id == latest,
            "of_last_day": reading.c.day == last_day,
            "without_later": none_later,
            "above": reading.c.day
            > select(meter.c.low).where(meter.c.id == reading.c.meter_id).correlate(reading).scalar_subquery(),
        }
        mapper(self.Reading, reading, registry=registry)
        mapper(
            self.Meter, meter, registry=registry,
            properties={
                name: relationship(
                    self.Reading, viewonly=True, primaryjoin=and_(meter.c.id == reading.c.meter_id, condition), order_by=reading.c.id
                )
                for name, condition in conditions.items()
            },
        )  # fmt: skip
        self.metadata, self.meter, self.reading = metadata, meter, reading

    def fill(self, session: Session) -> None:
        self.metadata.create_all(session.get_bind())
        session.execute(self.meter.insert(), [{"id": 1, "low": 4}, {"id": 2, "low": 9}, {"id": 3, "low": 0}])
        rows = [(1, 1, 5), (2, 1, 9), (3, 2, 7), (4, 2, 3)]
        session.execute(self.reading.insert(), [{"id": id_, "meter_id": meter, "day": day} for id_, meter, day in rows])


RIGHT = {
    "latest": [[2], [3], []],
    "of_last_day": [[2], [3], []],
    "without_later": [[2], [3], []],
    "above": [[1, 2], [], []],
}


@pytest.mark.parametrize("option", [None, joinedload, selectinload, subqueryload])
@pytest.mark.parametrize("name", RIGHT)
def test_a_subquery_about_the_parent_is_evaluated_for_each(engine: Engine, name: str, option: Any) -> None:
    readings = _Readings()
    with Session(engine) as session:
        readings.fill(session)
        query = session.query(readings.Meter).order_by(readings.Meter.id)
        query = query.options(option(getattr(readings.Meter, name))) if option is not None else query
        assert [[r.id for r in getattr(m, name)] for m in query] == RIGHT[name]
        session.expunge_all()
        alone = session.get(readings.Meter, 1)
        assert [r.id for r in getattr(alone, name)] == RIGHT[name][0]
        session.expunge_all()
        assert [[r.id for r in getattr(m, name)] for m in query.limit(1)] == RIGHT[name][:1]


@pytest.mark.parametrize("name", RIGHT)
def test_criteria_and_joins_along_such_a_relationship(engine: Engine, name: str) -> None:
    readings = _Readings()
    with Session(engine) as session:
        readings.fill(session)
        Meter, Reading = readings.Meter, readings.Reading
        link = getattr(Meter, name)
        pairs = [(number + 1, id_) for number, ids in enumerate(RIGHT[name]) for id_ in ids]
        assert session.query(Meter.id, Reading.id).join(link).order_by(Reading.id).all() == pairs
        far = aliased(Reading)
        assert session.query(Meter.id, far.id).join(far, link).order_by(far.id).all() == pairs
        near = aliased(Meter)
        assert session.query(near.id, Reading.id).join(getattr(near, name)).order_by(Reading.id).all() == pairs
        assert session.query(Meter.id).filter(link.any()).order_by(Meter.id).all() == sorted({(m,) for m, _ in pairs})
        assert session.query(Meter.id).filter(link.any(Reading.day == 9)).all() == [(1,)] * any(
            id_ == 2 for _, id_ in pairs
        )
        inner = session.query(Meter).filter(Meter.id < 2).from_self()
        assert inner.join(link).with_entities(Reading.id).order_by(Reading.id).all() == [
            (id_,) for m, id_ in pairs if m == 1
        ]


@pytest.mark.parametrize("option", [None, joinedload, selectinload, subqueryload])
def test_a_subquery_in_the_condition_of_a_secondary_table(engine: Engine, option: Any) -> None:
    metadata, registry = MetaData(), Registry()
    song = Table("song", metadata, Column("id", Integer, primary_key=True), Column("length", Integer))
    mix = Table("mix", metadata, Column("id", Integer, primary_key=True))
    track = Table(
        "track",
        metadata,
        Column("mix_id", ForeignKey("mix.id")),
        Column("song_id", ForeignKey("song.id")),
        Column("pos", Integer),
    )
    first = select(func.min(track.c.pos)).where(track.c.mix_id == mix.c.id).correlate(mix).scalar_subquery()
    Song: Any = type("Song", (), {})
    Mix: Any = type("Mix", (), {})
    mapper(Song, song, registry=registry)
    opening = relationship(
        Song, secondary=track, viewonly=True, primaryjoin=and_(mix.c.id == track.c.mix_id, track.c.pos == first),
        secondaryjoin=track.c.song_id == song.c.id,
    )  # fmt: skip
    mapper(Mix, mix, registry=registry, properties={"opening": opening})
    metadata.create_all(engine)
    with Session(engine) as session:
        session.execute(song.insert(), [{"id": n, "length": n} for n in (1, 2, 3)])
        session.execute(mix.insert(), [{"id": 1}, {"id": 2}])
        rows = [(1, 1, 5), (1, 2, 3), (2, 3, 1), (2, 1, 4)]
        session.execute(track.insert(), [{"mix_id": m, "song_id": s, "pos": p} for m, s, p in rows])
        query = session.query(Mix).order_by(Mix.id)
        query = query.options(option(Mix.opening)) if option is not None else query
        assert [[s.id for s in m.opening] for m in query] == [[2], [3]]


# -- order by the secondary table


@pytest.mark.parametrize("lazy", ["select", "joined", "selectin", "subquery"])
@pytest.mark.parametrize("with_condition", [False, True])
def test_a_collection_is_ordered_by_the_secondary_table(engine: Engine, lazy: str, with_condition: bool) -> None:
    metadata, registry = MetaData(), Registry()
    song = Table("song", metadata, Column("id", Integer, primary_key=True))
    mix = Table("mix", metadata, Column("id", Integer, primary_key=True))
    track = Table(
        "track",
        metadata,
        Column("pos", Integer),
        Column("mix_id", ForeignKey("mix.id")),
        Column("song_id", ForeignKey("song.id")),
    )
    Song: Any = type("Song", (), {})
    Mix: Any = type("Mix", (), {})
    mapper(Song, song, registry=registry)
    condition = and_(mix.c.id == track.c.mix_id, track.c.pos > 0) if with_condition else mix.c.id == track.c.mix_id
    order = [func.coalesce(track.c.pos, 0), song.c.id.desc()]
    songs = relationship(Song, secondary=track, order_by=order, lazy=lazy, viewonly=True, primaryjoin=condition)
    backwards = relationship(Song, secondary=track, order_by=track.c.pos.desc(), lazy=lazy, viewonly=True)
    mapper(Mix, mix, registry=registry, properties={"songs": songs, "backwards": backwards})
    metadata.create_all(engine)
    with Session(engine) as session:
        session.execute(song.insert(), [{"id": n} for n in (1, 2, 3)])
        session.execute(mix.insert(), [{"id": 1}, {"id": 2}, {"id": 3}])
        rows = [(3, 1, 1), (1, 1, 2), (2, 1, 3), (7, 2, 1), (7, 2, 2)]
        session.execute(track.insert(), [{"pos": p, "mix_id": m, "song_id": s} for p, m, s in rows])
        right = [([2, 3, 1], [1, 3, 2]), ([2, 1], [1, 2]), ([], [])]
        query = session.query(Mix).order_by(Mix.id)
        found = [([s.id for s in m.songs], sorted(s.id for s in m.backwards)) for m in query]
        assert found == [(songs, sorted(back)) for songs, back in right]
        assert [s.id for s in query.first().backwards] == right[0][1]
        session.expunge_all()
        assert [[s.id for s in m.songs] for m in query.limit(2)] == [[2, 3, 1], [2, 1]]


# -- one object, and several rows


def _desks(order: bool) -> tuple[Any, Any, Any]:
    base: Any = declarative_base()

    class Desk(base):
        __tablename__ = "desk"
        id: Mapped[int] = mapped_column(primary_key=True)
        lamp: Mapped[Any] = relationship(
            "Lamp", uselist=False, order_by=lambda: Lamp.id if order else None, back_populates="desk"
        )

    class Lamp(base):
        __tablename__ = "lamp"
        id: Mapped[int] = mapped_column(primary_key=True)
        desk_id: Mapped[int | None] = mapped_column(ForeignKey("desk.id"))
        desk: Mapped[Any] = relationship(Desk, back_populates="lamp")

    return base, Desk, Lamp


@pytest.mark.parametrize("option", [None, joinedload, selectinload, subqueryload, contains_eager])
def test_several_rows_of_a_relationship_to_one_object_are_warned_of(engine: Engine, option: Any) -> None:
    base, Desk, Lamp = _desks(order=True)
    base.metadata.create_all(engine)
    with Session(engine) as session:
        session.execute(Desk.__table__.insert(), [{"id": 1}, {"id": 2}, {"id": 3}])
        session.execute(
            Lamp.__table__.insert(), [{"id": 1, "desk_id": 1}, {"id": 2, "desk_id": 1}, {"id": 3, "desk_id": 2}]
        )
        query = session.query(Desk).order_by(Desk.id)
        if option is contains_eager:
            query = query.join(Desk.lamp)
        query = query.options(option(Desk.lamp)) if option is not None else query
        with pytest.warns(UOWWarning, match=r"Desk\.lamp refers to one object, and 2 rows belong to .*Desk.*1") as seen:
            assert query.all()[0].lamp.id in (1, 2)
        assert {warning.category for warning in seen} == {UOWWarning}
        session.expunge_all()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert query.filter(Desk.id == 2).one().lamp.id == 3
            assert session.get(Desk, 3).lamp is None
            assert [lamp.desk.id for lamp in session.query(Lamp).order_by(Lamp.id)] == [1, 1, 2]
