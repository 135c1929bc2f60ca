"""Relationships that programs may not load (``raiseload``): what the Session has to know of them it loads all the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flask_uow import (
    Column,
    DeclarativeBase,
    Engine,
    ForeignKey,
    InvalidRequestError,
    Mapped,
    Session,
    Table,
    mapped_column,
    raiseload,
    relationship,
    select,
)
from tests.orm.models import Post, Tag, User

Models = tuple[Any, Any, Any]


def models(lazy: str, cascade: str) -> Models:
    class Base(DeclarativeBase):
        pass

    part_label = Table(
        "part_label",
        Base.metadata,
        Column("part_id", ForeignKey("part.id"), primary_key=True),
        Column("label_id", ForeignKey("label.id"), primary_key=True),
    )

    class Machine(Base):
        __tablename__ = "machine"
        id: Mapped[int] = mapped_column(primary_key=True)
        parts: Mapped[list[Part]] = relationship(back_populates="machine", lazy=lazy, cascade=cascade)

    class Part(Base):
        __tablename__ = "part"
        id: Mapped[int] = mapped_column(primary_key=True)
        machine_id: Mapped[int | None] = mapped_column(ForeignKey("machine.id"))
        machine: Mapped[Machine | None] = relationship(back_populates="parts", lazy=lazy)
        labels: Mapped[list[Label]] = relationship(secondary=part_label, back_populates="parts", lazy=lazy)

    class Label(Base):
        __tablename__ = "label"
        id: Mapped[int] = mapped_column(primary_key=True)
        parts: Mapped[list[Part]] = relationship(secondary=part_label, back_populates="labels", lazy=lazy)

    return Machine, Part, Label


def delete_machine(session: Session, machine: Any, part: Any, label: Any) -> None:
    session.delete(session.get(machine, 1))


def delete_part(session: Session, machine: Any, part: Any, label: Any) -> None:
    session.delete(session.get(part, 1))


def delete_label(session: Session, machine: Any, part: Any, label: Any) -> None:
    session.delete(session.get(label, 1))


def merge_machine(session: Session, machine: Any, part: Any, label: Any) -> None:
    session.merge(machine(id=1, parts=[part(id=2)]))


def merge_part(session: Session, machine: Any, part: Any, label: Any) -> None:
    session.merge(part(id=1, machine=machine(id=1), labels=[]))


def take_away(session: Session, machine: Any, part: Any, label: Any) -> None:
    session.get(part, 1).machine = None


def move_before_delete(session: Session, machine: Any, part: Any, label: Any) -> None:
    moved = session.get(part, 2)
    moved.machine = session.get(machine, 2)
    session.delete(session.get(machine, 1))


# of the parts 1 and 2 of machine 1, and label 1 of part 1: the rows that stay without and with the cascade, and the pairs
OUTCOMES: dict[Callable[..., None], tuple[Any, Any, Any, Any]] = {
    delete_machine: ([(1, None), (2, None)], [(1, 1)], [], []),
    delete_part: ([(2, 1)], [], [(2, 1)], []),
    delete_label: ([(1, 1), (2, 1)], [], [(1, 1), (2, 1)], []),
    merge_machine: ([(1, None), (2, 1)], [(1, 1)], [(2, 1)], []),
    merge_part: ([(1, 1), (2, 1)], [], [(1, 1), (2, 1)], []),
    take_away: ([(1, None), (2, 1)], [(1, 1)], [(2, 1)], []),
    move_before_delete: ([(1, None), (2, 2)], [(1, 1)], [(2, 2)], []),
}


@pytest.mark.parametrize("lazy", ["select", "raise", "raise_on_sql"])
@pytest.mark.parametrize("cascade", ["save-update, merge", "all, delete-orphan"])
@pytest.mark.parametrize("change", OUTCOMES)
def test_deletes_flushes_and_merges_load_what_programs_may_not(
    engine: Engine, lazy: str, cascade: str, change: Callable[..., None]
) -> None:
    machine, part, label = models(lazy, cascade)
    machine.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([machine(id=1, parts=[part(id=1, labels=[label(id=1)]), part(id=2)]), machine(id=2)])
        session.commit()
    with Session(engine) as session:
        change(session, machine, part, label)
        session.commit()
        rows = session.execute(select(part.id, part.machine_id).order_by(part.id)).all()
        pairs = session.execute("SELECT part_id, label_id FROM part_label").all()
    expected = OUTCOMES[change]
    assert (rows, pairs) == (expected[:2] if "orphan" not in cascade else expected[2:])


def test_an_option_of_the_query_keeps_no_delete_from_happening(session: Session) -> None:
    session.add(User(name="ed", posts=[Post(title="a", tags=[Tag(label="t")]), Post(title="b")]))
    session.commit()
    user = session.scalars(select(User).options(raiseload("*"))).one()
    with pytest.raises(InvalidRequestError, match="raiseload"):
        _ = user.posts
    session.delete(user)
    session.commit()
    assert session.query(Post).count() == 0
    assert session.query(Tag).count() == 1


def test_refresh_loads_a_relationship_that_it_names(session: Session) -> None:
    session.add(User(name="ed", posts=[Post(title="a")]))
    session.commit()
    user = session.scalars(select(User).options(raiseload(User.posts))).one()
    session.refresh(user, ["posts"])
    assert [post.title for post in user.posts] == ["a"]


def test_an_access_and_an_assignment_of_a_whole_collection_are_refused_as_before(session: Session) -> None:
    session.add(User(name="ed", posts=[Post(title="a")]))
    session.commit()
    user = session.scalars(select(User).options(raiseload(User.posts))).one()
    with pytest.raises(InvalidRequestError, match="raiseload"):
        user.posts.append(Post(title="b"))
    with pytest.raises(InvalidRequestError, match="raiseload"):
        user.posts = []
