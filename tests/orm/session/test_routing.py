"""Reads that go to replicas: here a database with other values, so that a test sees what was asked."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_uow import (
    JSON,
    DeclarativeBase,
    ForeignKey,
    InvalidRequestError,
    Mapped,
    Session,
    create_engine,
    load_only,
    mapped_column,
    relationship,
    select,
    update,
)
from flask_uow.engine import Engine
from flask_uow.engine.replicas import UNKNOWN, ReplicaReader, Replicas
from flask_uow.orm.exc import StaleReadError
from flask_uow.orm.session.routing import Routing


class Base(DeclarativeBase):
    pass


class Thing(Base):
    __tablename__ = "routed_thing"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    size: Mapped[int] = mapped_column(default=1)


class Owner(Base):
    __tablename__ = "routed_owner"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(default="person")
    notes: Mapped[Any] = mapped_column(JSON(mutable=True))
    pets: Mapped[list[Pet]] = relationship(back_populates="owner")
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "person"}


class Club(Owner):
    __tablename__ = "routed_club"
    id: Mapped[int] = mapped_column(ForeignKey("routed_owner.id"), primary_key=True)
    place: Mapped[str]
    __mapper_args__ = {"polymorphic_identity": "club"}


class Pet(Base):
    __tablename__ = "routed_pet"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("routed_owner.id"))
    owner: Mapped[Owner | None] = relationship(back_populates="pets")


OpenSession = Callable[..., Session]


@pytest.fixture
def primary(database_uri: str) -> Iterator[Engine]:
    yield from _filled(database_uri, "in the primary")


@pytest.fixture
def replica(second_database_uri: str) -> Iterator[Engine]:
    yield from _filled(second_database_uri, "in the replica")


def _filled(uri: str, name: str) -> Iterator[Engine]:
    engine = create_engine(uri)
    Base.metadata.create_all(engine)
    with Session(bind=engine) as session:
        session.add_all([Thing(id=1, name=name), Thing(id=2, name="the same")])
        club = Club(id=1, notes={"seen": []}, place="Aix")
        session.add_all(
            [club, Club(id=2, notes={}, place=name), Pet(id=1, name="cat", owner=club), Pet(id=2, name="dog")]
        )
        session.commit()
    yield engine
    assert engine.pool.checked_out() == 0
    engine.dispose()


@pytest.fixture
def open_session(primary: Engine, replica: Engine) -> OpenSession:
    def opened(routing: Routing | None = None, written: Any = None, **options: Any) -> Session:
        readers = {primary: ReplicaReader(Replicas(primary, [replica], 1.0), lambda: written, 0.0)}
        return Session(bind=primary, routing=routing or Routing(readers, **options))

    return opened


def test_reads_go_to_the_replica_and_all_else_to_the_primary(open_session: OpenSession) -> None:
    with open_session() as session:
        thing = session.get(Thing, 1)
        assert thing is not None
        assert thing.name == "in the replica"
        assert session.scalar(select(Thing.name).where(Thing.id == 1)) == "in the replica"
        session.expire(thing)
        assert thing.name == "in the replica"
        session.refresh(thing, lockmode="update")
        assert thing.name == "in the primary"
        # for good
        session.expire(thing)
        assert thing.name == "in the primary"


def test_the_first_write_expires_what_was_read(open_session: OpenSession, primary: Engine) -> None:
    with open_session() as session:
        thing = session.get(Thing, 1)
        assert thing is not None
        session.add(Thing(id=3, name="new"))
        session.flush()
        assert "name" not in thing.__dict__
        assert thing.name == "in the primary"
        session.commit()
        assert [each.name for each in session.query(Thing).order_by(Thing.id)] == ["in the primary", "the same", "new"]


def test_a_statement_that_writes_turns_to_the_primary_too(open_session: OpenSession) -> None:
    with open_session() as session:
        thing = session.get(Thing, 1)
        assert thing is not None
        session.execute(update(Thing).where(Thing.id == 2).values(size=5))
        assert thing.name == "in the primary"
        session.rollback()


def test_a_changed_object_keeps_its_changes_where_its_row_is_the_same(open_session: OpenSession) -> None:
    with open_session() as session:
        other, thing = session.get(Thing, 1), session.get(Thing, 2)
        assert thing is not None
        assert other is not None
        thing.size += 1
        session.flush()
        assert (thing.size, thing.name) == (2, "the same")
        assert other.name == "in the primary"
        session.commit()
        assert thing.size == 2


@pytest.mark.parametrize("change", ["another attribute", "the same attribute", "delete"])
def test_a_change_of_a_row_that_is_another_one_is_refused_before_it_is_sent(
    open_session: OpenSession, primary: Engine, change: str
) -> None:
    with open_session() as session:
        thing = session.get(Thing, 1)
        assert thing is not None
        if change == "delete":
            session.delete(thing)
        else:
            setattr(
                thing, "size" if change == "another attribute" else "name", 7 if change == "another attribute" else "x"
            )
        with pytest.raises(StaleReadError, match="its name is another one"):
            session.flush()
        session.rollback()
    with Session(bind=primary) as session:
        assert [(each.name, each.size) for each in session.query(Thing).filter_by(id=1)] == [("in the primary", 1)]


def test_a_change_of_a_row_that_is_gone_is_refused(open_session: OpenSession, primary: Engine) -> None:
    with primary.begin() as connection:
        connection.execute("DELETE FROM routed_thing WHERE id = 2")
    with open_session() as session:
        thing = session.get(Thing, 2)
        assert thing is not None
        thing.size = 9
        with pytest.raises(StaleReadError, match="its row is gone"):
            session.flush()
        # the change is there still, until it is given up
        assert thing.size == 9


def test_a_write_where_none_is_allowed_is_refused_before_it_is_sent(open_session: OpenSession) -> None:
    with open_session(refuses_writes=True) as session:
        thing = session.get(Thing, 1)
        assert thing is not None
        thing.size = 9
        with pytest.raises(InvalidRequestError, match="read only"):
            session.flush()
        session.rollback()
        with pytest.raises(InvalidRequestError, match="read only"):
            session.execute(update(Thing).values(size=5))
        assert thing.name == "in the replica"


def test_the_sessions_of_one_unit_of_work_turn_together(
    open_session: OpenSession, primary: Engine, replica: Engine
) -> None:
    routing = Routing({primary: ReplicaReader(Replicas(primary, [replica], 1.0), lambda: None, 0.0)})
    with open_session(routing) as first, open_session(routing) as second:
        old = second.get(Thing, 1)
        assert old is not None
        assert old.name == "in the replica"
        first.add(Thing(id=3, name="new"))
        first.commit()
        assert second.scalar(select(Thing.name).where(Thing.id == 1)) == "in the primary"
        # its own objects have to be those of the primary when it writes itself
        old.size = 3
        with pytest.raises(StaleReadError):
            second.flush()
        second.rollback()


def test_a_savepoint_is_set_on_the_replica_as_well(open_session: OpenSession) -> None:
    with open_session() as session:
        assert session.get(Thing, 1) is not None
        with session.begin_nested():
            assert session.scalar(select(Thing.name).where(Thing.id == 1)) == "in the replica"
        with pytest.raises(ZeroDivisionError), session.begin_nested():
            session.add(Thing(id=3, name="never"))
            session.flush()
            raise ZeroDivisionError
        assert session.scalar(select(Thing.name).where(Thing.id == 1)) == "in the primary"
        session.commit()
        assert session.query(Thing).count() == 2


def test_where_no_replica_can_serve_the_primary_does(
    open_session: OpenSession, primary: Engine, tmp_path: Path
) -> None:
    with open_session(written=UNKNOWN) as session:
        assert session.scalar(select(Thing.name).where(Thing.id == 1)) == "in the primary"
    broken = Replicas(primary, [create_engine(f"sqlite:///{tmp_path / 'no' / 'folder.db'}")], 60.0)
    with open_session(Routing({primary: ReplicaReader(broken, lambda: None, 0.0)})) as session:
        assert session.scalar(select(Thing.name).where(Thing.id == 1)) == "in the primary"


def test_a_transaction_on_a_replica_is_read_only(open_session: OpenSession, replica: Engine) -> None:
    with open_session() as session:
        assert session.get(Thing, 1) is not None
        assert session.transaction is not None
        (connection,) = session.transaction.participants.connections()
        assert connection.engine is replica
        with pytest.raises(Exception, match=r"read.?only"):
            connection.run("UPDATE routed_thing SET size = 5")


def test_inside_rolled_back_everything_is_on_the_primary(open_session: OpenSession, primary: Engine) -> None:
    with primary.rolled_back(), open_session() as session:
        assert session.scalar(select(Thing.name).where(Thing.id == 1)) == "in the primary"
        session.rollback()


def test_changes_of_every_kind_are_kept(open_session: OpenSession, primary: Engine) -> None:
    with open_session() as session:
        club = session.get(Owner, 1)
        assert isinstance(club, Club)
        cat, dog = session.query(Pet).order_by(Pet.id)
        assert club.pets == [cat]
        club.notes["seen"].append("today")
        club.place += " en Provence"
        club.pets.append(dog)
        cat.owner = session.get(Owner, 2)
        session.commit()
    with Session(bind=primary) as session:
        club = session.get(Owner, 1)
        assert isinstance(club, Club)
        assert (club.notes, club.place) == ({"seen": ["today"]}, "Aix en Provence")
        assert [pet.name for pet in club.pets] == ["dog"]
        assert session.get_one(Pet, 1).owner_id == 2


def test_a_change_in_the_table_of_a_subclass_is_compared_as_well(open_session: OpenSession) -> None:
    with open_session() as session:
        club = session.get(Owner, 2)
        assert isinstance(club, Club)
        assert club.place == "in the replica"
        club.notes["a"] = 1
        with pytest.raises(StaleReadError, match="its place is another one"):
            session.flush()
        session.rollback()


def test_new_objects_may_refer_to_those_that_were_read(open_session: OpenSession, primary: Engine) -> None:
    with open_session() as session:
        club = session.get(Owner, 1)
        session.add(Pet(id=3, name="bird", owner=club))
        session.commit()
    with Session(bind=primary) as session:
        assert session.get_one(Pet, 3).owner_id == 1


def test_a_value_that_was_set_without_being_read_is_not_compared(open_session: OpenSession, primary: Engine) -> None:
    with open_session() as session:
        thing = session.scalars(select(Thing).where(Thing.id == 1).options(load_only(Thing.id))).one()
        thing.name = "set"
        session.commit()
        assert thing.name == "set"


def test_collections_that_were_read_are_loaded_anew(open_session: OpenSession, primary: Engine) -> None:
    with primary.begin() as connection:
        connection.execute(update(Pet).where(Pet.id == 2).values(owner_id=1))
    with open_session() as session:
        club, other = session.get_one(Owner, 1), session.get_one(Owner, 2)
        assert len(club.pets) == 1
        assert other.pets == []
        club.notes["a"] = 1
        session.flush()
        assert sorted(pet.name for pet in club.pets) == ["cat", "dog"]
        session.rollback()


def test_queries_within_no_autoflush_and_the_flush_after_them(open_session: OpenSession) -> None:
    with open_session() as session:
        thing = session.get_one(Thing, 2)
        thing.size = 4
        with session.no_autoflush:
            assert session.scalar(select(Thing.name).where(Thing.id == 1)) == "in the replica"
            session.execute(update(Thing).where(Thing.id == 1).values(size=8))
            assert thing.size == 4
        session.flush()
        assert session.scalar(select(Thing.size).where(Thing.id == 2)) == 4
        session.rollback()


def test_a_session_with_a_router_goes_without_the_garbage_collector(open_session: OpenSession) -> None:
    gc.collect()
    gc.disable()
    try:
        session = open_session()
        thing = session.get_one(Thing, 2)
        thing.size = 4
        session.flush()
        session.close()
        reference = weakref.ref(session)
        del session, thing
        assert reference() is None
    finally:
        gc.enable()
