"""Random units of work over rows with keys of their own: joined subclasses, composite and natural keys that change, keys and values that are handed on.

Like :mod:`tests.orm.flush.test_random_handing_on`, with what that leaves out: rows of two classes and two tables, unique values that may be NULL and may
be exchanged, primary keys that change or are taken over from deleted rows, foreign keys that follow.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_uow import (
    DeclarativeBase,
    Engine,
    ForeignKeyConstraint,
    Mapped,
    Session,
    UniqueConstraint,
    delete,
    mapped_column,
    relationship,
    select,
    update,
)


class Base(DeclarativeBase):
    """The models of this file."""


class Room(Base):
    __tablename__ = "keyed_room"
    house: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    code: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    name: Mapped[str | None] = mapped_column(unique=True)
    in_house: Mapped[int | None] = mapped_column()
    in_code: Mapped[str | None] = mapped_column()
    version: Mapped[int]
    inside: Mapped[Room | None] = relationship(remote_side=[house, code], back_populates="rooms")
    rooms: Mapped[list[Room]] = relationship(back_populates="inside")
    chairs: Mapped[list[Chair]] = relationship(back_populates="room")
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "room", "version_id_col": "version"}
    __table_args__ = (
        ForeignKeyConstraint(["in_house", "in_code"], ["keyed_room.house", "keyed_room.code"], onupdate="CASCADE"),
    )


class Hall(Room):
    __tablename__ = "keyed_hall"
    house: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    code: Mapped[str] = mapped_column(primary_key=True)
    label: Mapped[str | None] = mapped_column(unique=True)
    __mapper_args__ = {"polymorphic_identity": "hall"}
    __table_args__ = (
        ForeignKeyConstraint(["house", "code"], ["keyed_room.house", "keyed_room.code"], onupdate="CASCADE"),
    )


class Chair(Base):
    __tablename__ = "keyed_chair"
    id: Mapped[int] = mapped_column(primary_key=True)
    room_house: Mapped[int | None]
    room_code: Mapped[str | None]
    place: Mapped[int | None]
    room: Mapped[Room | None] = relationship(back_populates="chairs")
    __table_args__ = (
        UniqueConstraint("room_house", "room_code", "place"),
        ForeignKeyConstraint(["room_house", "room_code"], ["keyed_room.house", "keyed_room.code"], onupdate="CASCADE"),
    )


NAMES = "abcdefgh"


@pytest.fixture
def rooms(engine: Engine) -> Iterator[Engine]:
    Base.metadata.create_all(engine)
    yield engine
    Base.metadata.drop_all(engine)


@dataclass
class Wanted:
    """What a room is to have."""

    room: Room
    name: str | None
    label: str | None
    inside: Room | None


class Unit:
    """One unit of work on rooms of its own.

    :ivar wanted: what the rooms that are left, and the new ones, are to have.
    :ivar chairs: the chairs that there are to be, each with its room and place.
    """

    def __init__(self, session: Session, data: st.DataObject) -> None:
        self.session = session
        self.draw: Any = data.draw
        self.wanted: list[Wanted] = []
        self.chairs: list[tuple[Chair, Room, int | None]] = []

    def build(self) -> tuple[list[Room], list[Chair]]:
        """Return rooms and chairs, committed, and loaded, expired or fresh."""
        session, draw = self.session, self.draw
        session.execute(delete(Chair))
        session.execute(update(Room).values(in_house=None, in_code=None))
        session.execute(delete(Hall))
        session.execute(delete(Room))
        session.expunge_all()
        rooms: list[Room] = []
        names, labels = draw(st.permutations(NAMES)), draw(st.permutations(NAMES))
        for number in range(draw(st.integers(1, 5))):
            own = {"name": draw(st.sampled_from([names[number], names[number], None]))}
            key = {"house": draw(st.integers(1, 2)), "code": f"k{number}"}
            inside = draw(st.sampled_from([None, *rooms]))
            if draw(st.booleans()):
                rooms.append(Hall(label=labels[number], inside=inside, **key, **own))
            else:
                rooms.append(Room(inside=inside, **key, **own))
        taken = draw(st.sets(st.tuples(st.sampled_from(rooms), st.integers(1, 3)), max_size=4))
        chairs = [Chair(room=room, place=place) for room, place in taken]
        session.add_all([*rooms, *chairs])
        session.commit()
        state = draw(st.sampled_from(["loaded", "expired", "fresh"]))
        if state == "fresh":
            session.expunge_all()
        if state != "expired":
            rooms = list(session.scalars(select(Room).order_by(Room.code)))
            chairs = list(session.scalars(select(Chair).order_by(Chair.id)))
        return rooms, chairs

    def change(self) -> None:
        """Change everything at once, without a flush in between."""
        rooms, chairs = self.build()
        session, draw = self.session, self.draw
        with session.no_autoflush:
            gone = draw(st.lists(st.sampled_from(rooms), unique_by=id, max_size=3))
            stay = [room for room in rooms if not any(room is other for other in gone)]
            goes_first = draw(st.booleans())
            if goes_first:
                self._delete(gone)
            freed = [(room.house, room.code) for room in gone]
            new: list[Room] = []
            for number in range(draw(st.integers(0, 2))):
                key = (1, f"n{number}")
                if freed and draw(st.booleans()):
                    key = freed.pop()
                new.append(draw(st.sampled_from([Room, Hall]))(house=key[0], code=key[1]))
            session.add_all(new)
            moved = [room for room in stay if draw(st.integers(0, 3)) == 0]
            for number, room in enumerate(moved):
                room.code = f"m{number}"
            self._want(draw(st.permutations([*stay, *new])), new, moved)
            for wanted in draw(st.permutations(self.wanted)):
                self._apply(wanted, {(room.house, room.code) for room in gone})
            self._move_chairs(chairs, [*stay, *new])
            if not goes_first:
                self._delete(gone)

    def _delete(self, rooms: list[Room]) -> None:
        for room in rooms:
            self.session.delete(room)

    def _want(self, order: list[Room], new: list[Room], moved: list[Room]) -> None:
        names, labels = self.draw(st.permutations(NAMES)), self.draw(st.permutations(NAMES))
        for number, room in enumerate(order):
            # no circles, and no new row between two changed ones that wait for it and for which it waits
            others = [other for other in order[:number] if not (_among(new, room) and _among(moved, other))]
            inside = self.draw(st.sampled_from([None, *others]))
            name = self.draw(st.sampled_from([names[number], names[number], None]))
            label = self.draw(st.sampled_from([labels[number], labels[number], None]))
            self.wanted.append(Wanted(room, name, label if isinstance(room, Hall) else None, inside))

    def _apply(self, wanted: Wanted, freed: set[tuple[int, str]]) -> None:
        room, inside = wanted.room, wanted.inside
        key = (inside.house, inside.code) if inside is not None else (None, None)
        # the same foreign key as before, set by hand, is no change
        if self.draw(st.booleans()) and key not in freed:
            room.in_house, room.in_code = key
        else:
            room.inside = inside
        room.name = wanted.name
        if isinstance(room, Hall):
            room.label = wanted.label

    def _move_chairs(self, chairs: list[Chair], rooms: list[Room]) -> None:
        taken: set[tuple[int, int]] = set()
        for chair in [*chairs, *(Chair() for _ in range(self.draw(st.integers(0, 2))))]:
            room = self.draw(st.sampled_from(rooms)) if rooms else None
            place = self.draw(st.sampled_from([None, 1, 2, 3]))
            if room is not None and (place is None or (id(room), place) not in taken):
                if place is not None:
                    taken.add((id(room), place))
                chair.room, chair.place = room, place
                self.session.add(chair)
                self.chairs.append((chair, room, place))
            elif chair in self.session:
                self.session.delete(chair)

    def check(self) -> None:
        """Compare the rows with what was wanted."""
        room, hall, chair = Room.__table__.c, Hall.__table__.c, Chair.__table__.c
        found = self.session.execute(select(room.house, room.code, room.name, room.in_house, room.in_code))
        assert set(map(tuple, found)) == {
            (*_key(wanted.room), wanted.name, *_key(wanted.inside)) for wanted in self.wanted
        }
        found = self.session.execute(select(hall.house, hall.code, hall.label))
        assert set(map(tuple, found)) == {
            (*_key(wanted.room), wanted.label) for wanted in self.wanted if isinstance(wanted.room, Hall)
        }
        found = self.session.execute(select(chair.id, chair.room_house, chair.room_code, chair.place))
        assert set(map(tuple, found)) == {(chair.id, *_key(room), place) for chair, room, place in self.chairs}


def _among(rooms: list[Room], room: Room) -> bool:
    return any(room is other for other in rooms)


def _key(room: Room | None) -> tuple[int | None, str | None]:
    return (room.house, room.code) if room is not None else (None, None)


def test_keys_and_values_are_handed_on_in_one_flush(rooms: Engine) -> None:
    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def run(data: st.DataObject) -> None:
        with Session(rooms) as session:
            unit = Unit(session, data)
            unit.change()
            session.commit()
            unit.check()

    run()
