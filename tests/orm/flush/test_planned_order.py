"""Flushes do what their plans say, on a database: the order of statements where rows depend on values of each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import DeclarativeBase, Engine, ForeignKey, Mapped, Session, mapped_column, relationship


class Base(DeclarativeBase):
    """The base of the classes here."""


class Place(Base):
    __tablename__ = "planned_place"
    name: Mapped[str] = mapped_column(primary_key=True)
    inside_name: Mapped[str | None] = mapped_column(ForeignKey("planned_place.name", onupdate="CASCADE"))
    number: Mapped[int | None] = mapped_column(unique=True)
    inside: Mapped[Place | None] = relationship(back_populates="parts", remote_side=[name])
    parts: Mapped[list[Place]] = relationship(back_populates="inside")


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """A Session on a database with the table."""
    Base.metadata.create_all(engine)
    with Session(engine) as made:
        yield made
    Base.metadata.drop_all(engine)


def planned(session: Session) -> list[str]:
    """Return the operations and tables of the plan."""
    written = []
    for step in session.plan_flush():
        columns = f" ({', '.join(step.columns)})" if step.operation == "UPDATE" else ""
        written.append(f"{step.operation} {step.table}{columns}")
    return written


def test_a_row_may_refer_to_one_whose_key_changes_in_the_same_flush(session: Session) -> None:
    # the first to be loaded refers to the second, whose key is new
    part, whole = Place(name="part"), Place(name="whole")
    session.add_all([part, whole])
    session.commit()
    part.inside = whole
    part.name, whole.name = "a", "b"
    session.commit()
    assert (part.name, part.inside_name, whole.name) == ("a", "b", "b")


def test_a_foreign_key_that_is_set_by_hand_may_name_a_key_that_changes(session: Session) -> None:
    part, whole = Place(name="part"), Place(name="whole")
    session.add_all([part, whole])
    session.commit()
    part.inside_name, whole.name = "b", "b"
    session.commit()
    assert part.inside is whole


def test_rows_in_a_collection_follow_the_changed_key_of_its_owner(session: Session) -> None:
    part, whole = Place(name="part"), Place(name="whole")
    session.add_all([part, whole])
    session.commit()
    whole.parts.append(part)
    part.number, whole.name = 1, "b"
    session.commit()
    assert part.inside_name == "b"


def test_rows_that_refer_to_each_others_changed_keys_are_left_to_the_database(session: Session) -> None:
    one, other = Place(name="one"), Place(name="other")
    session.add_all([one, other])
    session.commit()
    one.inside, other.inside = other, one
    session.commit()
    one.name, other.name = "a", "b"
    session.commit()
    assert (one.inside_name, other.inside_name) == ("b", "a")


def test_values_that_were_set_without_being_loaded_move_up_to_a_deleted_rows(session: Session) -> None:
    places = [Place(name=f"p{number}", number=number) for number in range(4)]
    session.add_all(places)
    session.commit()
    session.delete(places[3])
    for number, place in enumerate(places[:3]):
        place.number = number + 1
    assert planned(session) == ["DELETE planned_place", *["UPDATE planned_place (number)"] * 3]
    session.commit()
    assert [place.number for place in places[:3]] == [1, 2, 3]


def test_a_plan_leaves_what_a_flush_will_find(session: Session, statements: Any) -> None:
    whole = Place(name="whole", parts=[Place(name="a"), Place(name="b")])
    session.add(whole)
    session.commit()
    session.delete(whole)
    plans = [planned(session) for _ in range(3)]
    assert plans == [["UPDATE planned_place (inside_name)", "DELETE planned_place"]] * 3
    with statements.expect(2):
        session.flush()
    assert planned(session) == []
