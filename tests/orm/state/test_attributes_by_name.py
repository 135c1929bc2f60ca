"""Attributes of one object that a program reads, sets and fills by name, and states that it gives an object itself."""

from __future__ import annotations

from typing import Any

import pytest

from flask_uow import (
    NO_VALUE,
    DeclarativeBase,
    Engine,
    ForeignKey,
    InvalidRequestError,
    Mapped,
    ObjectDeletedError,
    Session,
    UnmappedClassError,
    UnmappedInstanceError,
    attributes,
    close_all_sessions,
    inspect,
    make_transient_to_detached,
    mapped_column,
    relationship,
    sessionmaker,
    was_deleted,
)
from flask_uow.orm.attributes import flag_modified, instance_dict, instance_state, manager_of_class
from tests.statements import StatementLog


class Base(DeclarativeBase):
    pass


class Owner(Base):
    __tablename__ = "named_owner"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    boats: Mapped[list[Boat]] = relationship(back_populates="owner", order_by="Boat.id")

    def __setattr__(self, name: str, value: object) -> None:
        if name == "name":
            raise AttributeError("the name is final")
        super().__setattr__(name, value)


class Boat(Base):
    __tablename__ = "named_boat"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("named_owner.id"))
    owner: Mapped[Owner | None] = relationship(back_populates="boats")


@pytest.fixture
def session(engine: Engine) -> Any:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        yield session


def test_attributes_are_set_read_and_deleted_by_name(session: Session) -> None:
    boat, owner = Boat(), Owner()
    attributes.set_attribute(boat, "name", "Anna")
    attributes.set_attribute(boat, "owner", owner)
    session.add(boat)
    session.commit()
    assert (attributes.get_attribute(boat, "name"), attributes.get_attribute(owner, "boats")) == ("Anna", [boat])
    attributes.set_attribute(boat, "name", "Berta", initiator=None)
    assert attributes.get_history(boat, "name") == (["Berta"], [], ["Anna"])
    attributes.del_attribute(boat, "owner")
    attributes.del_attribute(boat, "name")
    session.commit()
    assert (boat.name, boat.owner_id, owner.boats) == (None, None, [])
    for function in (attributes.get_attribute, attributes.del_attribute):
        with pytest.raises(InvalidRequestError, match=r"no mapped attribute 'nme'\. Did you mean 'name'"):
            function(boat, "nme")
    with pytest.raises(UnmappedInstanceError):
        attributes.set_attribute(object(), "name", "x")


def test_a_setattr_of_the_class_has_charge_of_values_that_are_set_by_name() -> None:
    with pytest.raises(AttributeError, match="the name is final"):
        attributes.set_attribute(Owner(), "name", "x")


def test_a_collection_is_filled_as_if_it_had_been_loaded(session: Session, statements: StatementLog) -> None:
    owner, boats = Owner(), [Boat(name="a"), Boat(name="b"), Boat(name="c")]
    session.add_all([owner, *boats])
    session.commit()
    assert [boat.owner_id for boat in boats] == [None] * 3
    adapter = attributes.init_collection(owner, "boats")
    adapter.append_without_event(boats[0])
    adapter.append_multiple_without_event(boats[1:])
    adapter.remove_without_event(boats[1])
    with statements.expect(0):
        assert (owner.boats, list(adapter), len(adapter)) == ([boats[0], boats[2]],) * 2 + (2,)
        session.flush()
    assert not session.dirty
    owner.boats.append(boats[1])
    session.flush()
    assert [boat.owner_id for boat in boats] == [None, owner.id, None]
    with pytest.raises(InvalidRequestError, match="holds no collection"):
        attributes.init_collection(boats[0], "owner")


def test_a_history_gives_its_parts_together(session: Session) -> None:
    owner = Owner(boats=[Boat(name="a"), Boat(name="b")])
    session.add(owner)
    session.commit()
    first, second = owner.boats
    third = Boat(name="c")
    owner.boats = [second, third]
    history = inspect(owner).attrs.boats.history
    assert history == ([third], [second], [first])
    assert (history.sum(), history.non_added(), history.non_deleted()) == (
        [third, second, first], [second, first], [third, second],
    )  # fmt: skip
    assert (history.empty(), inspect(third).attrs.owner_id.history.empty()) == (False, True)
    assert (
        inspect(owner).get_history("boats")
        == Owner.boats.get_history(owner)
        == Owner.boats.get_history(inspect(owner))
        == history
    )


def test_functions_about_objects_and_classes() -> None:
    boat = Boat(name="x")
    assert instance_dict(boat) is boat.__dict__
    assert instance_state(boat) is inspect(boat)
    assert manager_of_class(Boat) is inspect(Boat).class_manager is inspect(boat).manager
    assert attributes.NO_VALUE is NO_VALUE is inspect(boat).attrs.owner.loaded_value
    assert inspect(boat).unmodified_intersection(["name", "owner"]) == {"owner"}
    assert inspect(boat).unloaded_expirable == inspect(boat).unloaded
    assert inspect(boat).identity_token is None
    with pytest.raises(UnmappedClassError):
        manager_of_class(dict)
    assert attributes.flag_modified is flag_modified


def test_a_transient_object_is_made_one_of_a_row(session: Session, statements: StatementLog) -> None:
    session.add(Boat(id=5, name="Anna", owner=Owner(id=1)))
    session.commit()
    session.expunge_all()
    boat = Boat(id=5, name="not this")
    make_transient_to_detached(boat)
    assert (inspect(boat).detached, inspect(boat).key) == (True, (Boat, (5,)))
    with statements.expect(0):
        session.add(boat)
        session.flush()
    assert (boat.name, boat.owner.id, session.get(Boat, 5)) == ("Anna", 1, boat)
    boat.name = "Berta"
    session.commit()
    assert boat.name == "Berta"
    with pytest.raises(InvalidRequestError, match="is not transient"):
        make_transient_to_detached(boat)
    with pytest.raises(InvalidRequestError, match=r"has no primary key \(id\)"):
        make_transient_to_detached(Boat())


def test_one_that_was_made_of_a_missing_row_says_so(session: Session) -> None:
    boat = Boat(id=9)
    make_transient_to_detached(boat)
    session.add(boat)
    with pytest.raises(ObjectDeletedError):
        assert boat.name


def test_was_deleted(session: Session) -> None:
    boat = Boat()
    session.add(boat)
    session.flush()
    session.delete(boat)
    assert not was_deleted(boat)
    session.flush()
    assert was_deleted(boat)
    session.rollback()
    assert not was_deleted(boat)


def test_close_all_sessions(engine: Engine) -> None:
    Base.metadata.create_all(engine)
    factory = sessionmaker(engine)
    sessions = [factory(), factory(), Session(engine)]
    boats = [Boat() for _ in sessions]
    for session, boat in zip(sessions, boats, strict=True):
        session.add(boat)
    sessions[0].flush()
    close_all_sessions()
    assert [inspect(boat).session for boat in boats] == [None] * 3
    assert [session.in_transaction() for session in sessions] == [False] * 3
