"""Values that foreign keys hold, carried on: along chains of tables, to the tables of subclasses, to rows that nobody has loaded."""

from __future__ import annotations

from typing import Any

import pytest

from flask_uow import (
    Engine,
    ForeignKey,
    ForeignKeyConstraint,
    Mapped,
    Session,
    Table,
    declarative_base,
    mapped_column,
    relationship,
    text,
)
from flask_uow.sql import Column


def _rule(passive: bool) -> dict[str, Any]:
    return {"onupdate": "CASCADE"} if passive else {"deferrable": True, "initially": "DEFERRED"}


@pytest.mark.parametrize("passive", [True, False], ids=["passive", "active"])
@pytest.mark.parametrize("loaded", [True, False], ids=["loaded", "not loaded"])
def test_a_unique_value_is_carried_along_a_chain(engine: Engine, passive: bool, loaded: bool) -> None:
    base, rule = declarative_base(), _rule(passive)
    marked = Table(
        "marked", base.metadata, Column("shelf_code", ForeignKey("shelf.room_code", **rule), primary_key=True),
        Column("mark_id", ForeignKey("mark.id"), primary_key=True),
    )  # fmt: skip

    class Room(base):
        __tablename__ = "room"
        id: Mapped[int] = mapped_column(primary_key=True)
        code: Mapped[str] = mapped_column(unique=True)
        shelves: Mapped[list[Shelf]] = relationship(back_populates="room", passive_updates=passive)

    class Shelf(base):
        __tablename__ = "shelf"
        id: Mapped[int] = mapped_column(primary_key=True)
        room_code: Mapped[str | None] = mapped_column(ForeignKey("room.code", **rule), unique=True)
        room: Mapped[Room | None] = relationship(back_populates="shelves", passive_updates=passive)
        boxes: Mapped[list[Box]] = relationship(passive_updates=passive)
        marks: Mapped[list[Mark]] = relationship(secondary=marked, passive_updates=passive)

    class Mark(base):
        __tablename__ = "mark"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Box(base):
        __tablename__ = "box"
        id: Mapped[int] = mapped_column(primary_key=True)
        shelf_code: Mapped[str | None] = mapped_column(ForeignKey("shelf.room_code", **rule), unique=True)
        things: Mapped[list[Thing]] = relationship(passive_updates=passive)

    class Thing(base):
        __tablename__ = "thing"
        id: Mapped[int] = mapped_column(primary_key=True)
        box_code: Mapped[str | None] = mapped_column(ForeignKey("box.shelf_code", **rule))

    base.metadata.create_all(engine)
    rows = text(
        "SELECT room_code, marked.shelf_code, box.shelf_code, box_code FROM shelf, marked, box, thing"
        " WHERE marked.shelf_code = room_code"
    )
    with Session(engine, expire_on_commit=False) as session:
        thing = Thing()
        box = Box(things=[thing])
        shelf = Shelf(boxes=[box], marks=[Mark()])
        room, other = Room(code="a", shelves=[shelf]), Room(code="c")
        session.add_all([room, other])
        session.commit()
        if not loaded:
            session.expunge_all()
            room, other = session.query(Room).order_by(Room.id)
        room.code = "b"
        session.commit()
        assert session.execute(rows).all() == [("b",) * 4]
        if loaded:
            assert (shelf.room_code, box.shelf_code, thing.box_code) == ("b",) * 3
        # the middle of the chain changes
        room.shelves[0].room = other
        session.commit()
        assert session.execute(rows).all() == [("c",) * 4]
        if loaded:
            assert (shelf.room_code, box.shelf_code, thing.box_code) == ("c",) * 3


@pytest.mark.parametrize("passive", [True, False], ids=["passive", "active"])
@pytest.mark.parametrize("loaded", [True, False], ids=["loaded", "not loaded"])
def test_a_natural_key_is_carried_to_the_tables_of_subclasses_and_on(
    engine: Engine, passive: bool, loaded: bool
) -> None:
    base, rule = declarative_base(), _rule(passive)

    class Person(base):
        __tablename__ = "person"
        name: Mapped[str] = mapped_column(primary_key=True)
        kind: Mapped[str]
        lead_name: Mapped[str | None] = mapped_column(ForeignKey("person.name", **rule))
        lead: Mapped[Person | None] = relationship(
            remote_side="Person.name", foreign_keys="Person.lead_name", passive_updates=passive
        )
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "p", "passive_updates": passive}

    class Coder(Person):
        __tablename__ = "coder"
        person_name: Mapped[str] = mapped_column(ForeignKey("person.name", **rule), primary_key=True)
        language: Mapped[str] = mapped_column(primary_key=True)
        chief_name: Mapped[str | None] = mapped_column(ForeignKey("person.name", **rule))
        chief: Mapped[Person | None] = relationship(
            foreign_keys=chief_name, passive_updates=passive, primaryjoin="Coder.chief_name == person.c.name"
        )
        __mapper_args__ = {"polymorphic_identity": "c", "inherit_condition": person_name == Person.name}

    class Bonus(base):
        __tablename__ = "bonus"
        id: Mapped[int] = mapped_column(primary_key=True)
        coder_name: Mapped[str]
        coder_language: Mapped[str]
        coder: Mapped[Coder] = relationship(passive_updates=passive)
        __table_args__ = (
            ForeignKeyConstraint(["coder_name", "coder_language"], ["coder.person_name", "coder.language"], **rule),
        )

    base.metadata.create_all(engine)
    rows = text(
        "SELECT person.name, lead_name, person_name, language, chief_name, coder_name, coder_language"
        " FROM person JOIN coder ON person_name = person.name JOIN bonus ON coder_name = person.name"
    )
    with Session(engine) as session:
        chief = Person(name="ann")
        coder = Coder(name="bo", language="c", chief=chief, lead=chief)
        bonus = Bonus(coder=coder)
        session.add_all([coder, bonus])
        session.commit()
        if loaded:
            session.query(Coder).all(), session.query(Bonus).all()
        else:
            session.expunge(coder)
            session.expunge(bonus)
        chief.name = "eva"
        session.commit()
        assert session.execute(rows).one() == ("bo", "eva", "bo", "c", "eva", "bo", "c")
        coder = session.query(Coder).one()
        assert (coder.chief, coder.lead) == (chief, chief)
        coder.name = "bob"
        session.commit()
        assert session.execute(rows).one() == ("bob", "eva", "bob", "c", "eva", "bob", "c")
        assert session.get(Coder, "bob") is coder
        coder.language = "d"
        session.commit()
        assert session.execute(rows).one() == ("bob", "eva", "bob", "d", "eva", "bob", "d")
        assert session.query(Bonus).one().coder is coder
