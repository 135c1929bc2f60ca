"""References that were set while their object was in no Session: what the row referred to before is known to the database alone."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flask_uow import (
    Column,
    DeclarativeBase,
    Engine,
    ForeignKey,
    Mapped,
    Session,
    Table,
    mapped_column,
    relationship,
    select,
)


class Base(DeclarativeBase):
    pass


owner_key = Table(
    "owner_key",
    Base.metadata,
    Column("owner_id", ForeignKey("owner.id"), primary_key=True),
    Column("key_id", ForeignKey("key.id"), primary_key=True),
)


class Owner(Base):
    __tablename__ = "owner"
    id: Mapped[int] = mapped_column(primary_key=True)
    room_id: Mapped[int | None] = mapped_column(ForeignKey("room.id"))
    card: Mapped[Card | None] = relationship(back_populates="owner")
    badge: Mapped[Badge | None] = relationship(back_populates="owner", cascade="all, delete-orphan")
    key: Mapped[Key | None] = relationship(secondary=owner_key)
    room: Mapped[Room | None] = relationship(cascade="all, delete-orphan", single_parent=True)


class Card(Base):
    __tablename__ = "card"
    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("owner.id"))
    owner: Mapped[Owner | None] = relationship(back_populates="card")


class Badge(Base):
    __tablename__ = "badge"
    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("owner.id"))
    owner: Mapped[Owner | None] = relationship(back_populates="badge")


class Key(Base):
    __tablename__ = "key"
    id: Mapped[int] = mapped_column(primary_key=True)


class Room(Base):
    __tablename__ = "room"
    id: Mapped[int] = mapped_column(primary_key=True)


@pytest.fixture
def stored(engine: Engine) -> Iterator[Engine]:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Owner(id=1, card=Card(id=1), badge=Badge(id=1), key=Key(id=1), room=Room(id=1)))
        session.commit()
    yield engine
    Base.metadata.drop_all(engine)


def detached(engine: Engine, how: str) -> Any:
    with Session(engine) as session:
        owner = session.get_one(Owner, 1)
        if how == "expired":
            session.expire(owner)
    return pickle.loads(pickle.dumps(owner)) if how == "unpickled" else owner


def rows(engine: Engine) -> dict[str, list[Any]]:
    with engine.connect() as connection:
        found = {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns))]
            for table in (Card.__table__, Badge.__table__, owner_key, Room.__table__)  # type: ignore[attr-defined]
        }
        found["owner"] = connection.scalars(select(Owner.__table__.c.room_id)).all()  # type: ignore[attr-defined]
        return found


BEFORE = {"card": [(1, 1)], "badge": [(1, 1)], "owner_key": [(1, 1)], "room": [(1,)], "owner": [1]}

CHANGES: dict[str, tuple[Callable[[Any], None], dict[str, Any]]] = {
    "no card": (lambda owner: setattr(owner, "card", None), {"card": [(1, None)]}),
    "another card": (lambda owner: setattr(owner, "card", Card(id=2)), {"card": [(1, None), (2, 1)]}),
    "a card that is given its owner": (lambda owner: Card(id=2, owner=owner) and None, {"card": [(1, None), (2, 1)]}),
    "no badge": (lambda owner: setattr(owner, "badge", None), {"badge": []}),
    "another badge": (lambda owner: setattr(owner, "badge", Badge(id=2)), {"badge": [(2, 1)]}),
    "no key": (lambda owner: setattr(owner, "key", None), {"owner_key": []}),
    "another key": (lambda owner: setattr(owner, "key", Key(id=2)), {"owner_key": [(1, 2)]}),
    "no room": (lambda owner: setattr(owner, "room", None), {"room": [], "owner": [None]}),
    "another room": (lambda owner: setattr(owner, "room", Room(id=2)), {"room": [(2,)], "owner": [2]}),
}


@pytest.mark.parametrize("how", ["loaded", "expired", "unpickled"])
@pytest.mark.parametrize("what", CHANGES)
def test_what_was_referred_to_before_is_let_go(stored: Engine, how: str, what: str) -> None:
    owner = detached(stored, how)
    change, after = CHANGES[what]
    change(owner)
    with Session(stored) as session:
        session.add(owner)
        session.commit()
    assert rows(stored) == BEFORE | after


def test_the_same_as_before_is_no_change(stored: Engine) -> None:
    owner = detached(stored, "loaded")
    with Session(stored) as session:
        card = session.get_one(Card, 1)
        owner.card = session.get_one(Card, 1)
        session.add(owner)
        session.flush()
        assert owner.card is card
        assert not session.dirty
        session.commit()
    assert rows(stored) == BEFORE


def test_objects_in_memory_know_it(stored: Engine) -> None:
    owner = detached(stored, "loaded")
    owner.card = Card(id=2)
    with Session(stored) as session:
        old = session.get_one(Card, 1)
        assert old.owner is not None
        session.expunge(old.owner)
        session.expire(old, ["owner"])
        session.add(owner)
        session.flush()
        assert old.owner is None
        assert owner.card.owner is owner
        session.rollback()
    assert rows(stored) == BEFORE
