"""What an object whose row was deleted still tells of its relationships, until the transaction ends."""

from __future__ import annotations

import copy
import gc
import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import (
    Column,
    DeclarativeBase,
    DetachedInstanceError,
    Engine,
    ForeignKey,
    Mapped,
    Session,
    Table,
    deferred,
    inspect,
    mapped_column,
    relationship,
)


class Base(DeclarativeBase):
    """The models of this file."""


crate_label = Table(
    "crate_label",
    Base.metadata,
    Column("crate_id", ForeignKey("crate.id"), primary_key=True),
    Column("label_id", ForeignKey("label.id"), primary_key=True),
)


class Depot(Base):
    __tablename__ = "depot"
    id: Mapped[int] = mapped_column(primary_key=True)


class Label(Base):
    __tablename__ = "label"
    id: Mapped[int] = mapped_column(primary_key=True)


class Crate(Base):
    __tablename__ = "crate"
    id: Mapped[int] = mapped_column(primary_key=True)
    depot_id: Mapped[int | None] = mapped_column(ForeignKey("depot.id"))
    note: Mapped[str | None] = deferred(mapped_column())
    depot: Mapped[Depot | None] = relationship()
    items: Mapped[list[Item]] = relationship(back_populates="crate")
    left_to_database: Mapped[list[Stamp]] = relationship(passive_deletes=True)
    owned: Mapped[list[Part]] = relationship(cascade="all, delete-orphan")
    labels: Mapped[list[Label]] = relationship(secondary=crate_label)
    seen: Mapped[list[Item]] = relationship(viewonly=True)
    asked: Any = relationship("Item", lazy="dynamic", viewonly=True)


class Item(Base):
    __tablename__ = "item"
    id: Mapped[int] = mapped_column(primary_key=True)
    crate_id: Mapped[int | None] = mapped_column(ForeignKey("crate.id"))
    crate: Mapped[Crate | None] = relationship(back_populates="items")


class Stamp(Base):
    __tablename__ = "stamp"
    id: Mapped[int] = mapped_column(primary_key=True)
    crate_id: Mapped[int] = mapped_column(ForeignKey("crate.id", ondelete="CASCADE"))


class Part(Base):
    __tablename__ = "part"
    id: Mapped[int] = mapped_column(primary_key=True)
    crate_id: Mapped[int | None] = mapped_column(ForeignKey("crate.id"))


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        yield session


def filled(session: Session, more: bool = True) -> Crate:
    crate = Crate(id=1, note="n", depot=Depot(id=5))
    if more:
        crate.items, crate.owned, crate.labels = [Item(), Item()], [Part()], [Label()]
        crate.left_to_database = [Stamp()]
    session.add(crate)
    session.commit()
    session.expunge_all()
    found = session.get(Crate, 1)
    assert found is not None
    return found


@pytest.mark.parametrize("more", [True, False])
@pytest.mark.parametrize("expired", ["nothing", "object", "all"])
def test_relationships_that_were_not_loaded_can_still_be_read(session: Session, more: bool, expired: str) -> None:
    crate = filled(session, more)
    depot = session.get(Depot, 5)
    session.delete(crate)
    if expired != "nothing":
        _ = session.expire(crate) if expired == "object" else session.expire_all()
    session.flush()
    assert inspect(crate).deleted
    assert (len(crate.items), crate.left_to_database, crate.seen) == (2 if more else 0, [], [])
    assert [type(part) for part in crate.owned] == ([Part] if more and expired == "nothing" else [])
    assert [type(label) for label in crate.labels] == ([Label] if more else [])
    assert crate.depot is depot
    assert (crate.id, crate.asked.all(), crate.asked.count()) == (1, [], 0)


def test_a_dynamic_relationship_can_be_asked_first(session: Session) -> None:
    crate = filled(session)
    session.delete(crate)
    session.expire(crate)
    session.flush()
    assert (list(crate.asked), crate.asked.filter_by(id=1).first()) == ([], None)
    session.rollback()
    assert crate.asked.count() == 2


def test_what_was_not_loaded_of_the_row_is_gone_and_the_error_says_so(session: Session) -> None:
    crate = filled(session)
    session.delete(crate)
    session.flush()
    with pytest.raises(DetachedInstanceError, match=r"Crate\.note .* row was deleted in this transaction"):
        _ = crate.note


def test_after_a_rollback_the_relationships_are_what_they_were(session: Session) -> None:
    crate = filled(session)
    session.delete(crate)
    session.flush()
    assert crate.left_to_database == crate.seen == []
    session.rollback()
    assert inspect(crate).persistent
    assert [len(found) for found in (crate.items, crate.left_to_database, crate.seen, crate.owned)] == [2, 1, 2, 1]


def test_after_a_rollback_to_a_savepoint_the_relationships_are_what_they_were(session: Session) -> None:
    crate = filled(session)
    nested = session.begin_nested()
    session.delete(crate)
    session.flush()
    assert crate.left_to_database == crate.seen == []
    nested.rollback()
    assert inspect(crate).persistent
    assert [len(found) for found in (crate.items, crate.left_to_database, crate.seen, crate.owned)] == [2, 1, 2, 1]


def test_after_the_commit_the_object_is_like_a_new_one(session: Session) -> None:
    crate = filled(session)
    session.delete(crate)
    session.commit()
    assert (crate.left_to_database, crate.note) == ([], None)


def test_without_the_session_nothing_can_load_it(engine: Engine) -> None:
    Base.metadata.create_all(engine)
    session = Session(engine)
    crate = filled(session)
    session.delete(crate)
    session.flush()
    connection = session.connection()
    copied, restored = copy.copy(crate.__dict__), pickle.loads(pickle.dumps(crate))
    assert copied
    with pytest.raises(DetachedInstanceError):
        _ = restored.left_to_database
    session.close()
    del session, connection
    gc.collect()
    with pytest.raises(DetachedInstanceError):
        _ = crate.left_to_database
