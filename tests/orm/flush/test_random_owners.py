"""Random units of work in which children change their owners, from either side, loaded or not, while an owner and some children are deleted.

A lid has one box, and no two lids the same; things have places in their boxes, and are deleted with them. What the objects say is what the rows say.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_uow import (
    DeclarativeBase,
    Engine,
    ForeignKey,
    Mapped,
    Session,
    UniqueConstraint,
    delete,
    mapped_column,
    relationship,
    select,
)


class Base(DeclarativeBase):
    """The models of this file."""


class Box(Base):
    __tablename__ = "owning_box"
    id: Mapped[int] = mapped_column(primary_key=True)
    lid: Mapped[Lid | None] = relationship(back_populates="box", cascade="all, delete-orphan")
    things: Mapped[list[Thing]] = relationship(back_populates="box", cascade="all, delete-orphan")


class Lid(Base):
    __tablename__ = "owned_lid"
    id: Mapped[int] = mapped_column(primary_key=True)
    mark: Mapped[str | None] = mapped_column(unique=True)
    box_id: Mapped[int | None] = mapped_column(ForeignKey("owning_box.id"), unique=True)
    box: Mapped[Box | None] = relationship(back_populates="lid")


class Thing(Base):
    __tablename__ = "owned_thing"
    id: Mapped[int] = mapped_column(primary_key=True)
    box_id: Mapped[int | None] = mapped_column(ForeignKey("owning_box.id"))
    place: Mapped[int | None]
    box: Mapped[Box | None] = relationship(back_populates="things")
    __table_args__ = (UniqueConstraint("box_id", "place"),)


@pytest.fixture
def boxes(engine: Engine) -> Iterator[Engine]:
    Base.metadata.create_all(engine)
    yield engine
    Base.metadata.drop_all(engine)


class Unit:
    """One unit of work on boxes of its own.

    :ivar lids: the lids that there are to be, each with its box and mark.
    :ivar things: the things that there are to be, each with its box and place.
    """

    def __init__(self, session: Session, data: st.DataObject) -> None:
        self.session = session
        self.draw: Any = data.draw
        self.lids: list[tuple[Lid, Box, str]] = []
        self.things: list[tuple[Thing, Box, int]] = []

    def fill(self) -> tuple[list[Box], list[Lid], list[Thing]]:
        """Return boxes, lids and things, committed, and loaded, expired or fresh."""
        session, draw = self.session, self.draw
        for class_ in (Thing, Lid, Box):
            session.execute(delete(class_))
        session.expunge_all()
        boxes = [Box() for _ in range(4)]
        lids = [Lid(mark=f"m{number}", box=boxes[number]) for number in range(draw(st.integers(1, 4)))]
        things = [Thing(box=box, place=place) for box in boxes for place in range(draw(st.integers(0, 2)))]
        session.add_all([*boxes, *lids, *things])
        session.commit()
        state = draw(st.sampled_from(["loaded", "expired", "fresh"]))
        if state == "fresh":
            session.expunge_all()
        if state != "expired":
            boxes = list(session.scalars(select(Box).order_by(Box.id)))
            lids = list(session.scalars(select(Lid).order_by(Lid.id)))
            things = list(session.scalars(select(Thing).order_by(Thing.id)))
        if state == "loaded" and draw(st.booleans()):
            assert [(box.lid, box.things) for box in boxes]
        return boxes, lids, things

    def change(self) -> None:
        """Change everything at once, without a flush in between."""
        boxes, lids, things = self.fill()
        session, draw = self.session, self.draw
        with session.no_autoflush:
            doomed = draw(st.sampled_from([None, *boxes]))
            left = [box for box in boxes if box is not doomed]
            lids += [Lid() for _ in range(draw(st.integers(0, 1)))]
            owners = draw(st.permutations(left))
            from_box, marks = draw(st.booleans()), draw(st.permutations("abcdef"))
            gone = [lid for lid in lids if draw(st.integers(0, 4)) == 0 or not owners]
            for lid in gone:
                self._drop(lid)
            for lid, box, mark in zip([lid for lid in lids if lid not in gone], owners, marks, strict=False):
                if from_box:
                    box.lid = lid
                else:
                    lid.box = box
                lid.mark = mark
                session.add(lid)
                self.lids.append((lid, box, mark))
            kept = [lid for lid, _, _ in self.lids]
            for lid in lids:
                if lid not in kept and lid not in gone:
                    self._drop(lid)
            self._move(things, left)
            if doomed is not None:
                session.delete(doomed)

    def _drop(self, lid: Lid) -> None:
        if lid.id is not None:
            self.session.delete(lid)

    def _move(self, things: list[Thing], boxes: list[Box]) -> None:
        members: dict[int, list[Thing]] = {id(box): [] for box in boxes}
        for thing in things:
            if self.draw(st.integers(0, 5)) == 0:
                self.session.delete(thing)
                continue
            thing.box = box = self.draw(st.sampled_from(boxes))
            members[id(box)].append(thing)
        for box in boxes:
            for place, thing in enumerate(self.draw(st.permutations(members[id(box)]))):
                thing.place = place
                self.things.append((thing, box, place))

    def check(self) -> None:
        """Compare the rows with what was wanted."""
        rows = self.session.execute(select(Lid.id, Lid.box_id, Lid.mark)).all()
        assert sorted(map(tuple, rows)) == sorted((lid.id, box.id, mark) for lid, box, mark in self.lids)
        rows = self.session.execute(select(Thing.id, Thing.box_id, Thing.place)).all()
        assert sorted(map(tuple, rows)) == sorted((thing.id, box.id, place) for thing, box, place in self.things)


def test_children_are_where_the_objects_say(boxes: Engine) -> None:
    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def run(data: st.DataObject) -> None:
        with Session(boxes) as session:
            unit = Unit(session, data)
            unit.change()
            session.commit()
            unit.check()

    run()
