"""What people do to classes: whatever it is, a write to a persistent object reaches the database, or the class is refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    Column,
    Engine,
    ForeignKey,
    Integer,
    MetaData,
    Session,
    String,
    Table,
    mapper,
    relationship,
)
from flask_uow.orm import Registry
from tests.orm.models import Post, User


def plain() -> type:
    class Thing:
        pass

    return Thing


def cooperating() -> type:
    class Thing:
        def __setattr__(self, name: str, value: object) -> None:
            super().__setattr__(name, value)

    return Thing


def writing_the_dict() -> type:
    class Thing:
        def __setattr__(self, name: str, value: object) -> None:
            self.__dict__[name] = value

    return Thing


def bypassing() -> type:
    class Thing:
        def __setattr__(self, name: str, value: object) -> None:
            object.__setattr__(self, name, value)

    return Thing


def inheriting() -> type:
    class Mixin:
        def __setattr__(self, name: str, value: object) -> None:
            self.__dict__[name] = value

    class Thing(Mixin):
        pass

    return Thing


def dataclass() -> type:
    @dataclasses.dataclass
    class Thing:
        name: str | None = None

    return Thing


def slots_with_a_dict() -> type:
    class Thing:
        __slots__ = ("__dict__", "__weakref__", "name")

    return Thing


Mapping = Callable[[type], Session]


@pytest.fixture
def map_to_table(engine: Engine) -> Iterator[Mapping]:
    metadata, registry = MetaData(), Registry()
    table = Table(
        "thing", metadata,
        Column("id", Integer, primary_key=True), Column("name", String), Column("owner_id", ForeignKey("thing.id")),
    )  # fmt: skip
    metadata.create_all(engine)
    sessions: list[Session] = []

    def map_class(class_: type) -> Session:
        owned = relationship(class_, backref="owner", remote_side=table.c.owner_id)
        mapper(class_, table, properties={"owned": owned}, registry=registry)
        sessions.append(Session(engine))
        return sessions[-1]

    yield map_class
    for session in sessions:
        session.close()
    registry.dispose()


def check_tracking(session: Session, obj: Any, make: Callable[[], Any]) -> None:
    obj.name = "first"
    session.add(obj)
    session.commit()
    obj.name = "second"
    assert obj in session.dirty
    session.commit()
    assert session.scalar("SELECT name FROM thing") == "second"
    other = make()
    other.owner = obj
    assert list(obj.owned) == [other]
    session.commit()
    assert session.scalar("SELECT count(*) FROM thing WHERE owner_id IS NOT NULL") == 1
    obj.owned = []
    assert other.owner is None
    session.commit()
    assert session.scalar("SELECT count(*) FROM thing WHERE owner_id IS NOT NULL") == 0
    del obj.name
    session.commit()
    assert session.scalar("SELECT count(*) FROM thing WHERE name IS NULL") == 2


MAKERS = [plain, cooperating, writing_the_dict, bypassing, inheriting, dataclass, slots_with_a_dict]


@pytest.mark.parametrize("make_class", MAKERS)
def test_writes_to_a_mapped_class_are_tracked(map_to_table: Mapping, make_class: Callable[[], type]) -> None:
    class_ = make_class()
    session = map_to_table(class_)
    check_tracking(session, class_(), class_)


def sub_plain(base: type) -> type:
    return type("Sub", (base,), {})


def sub_writing_the_dict(base: type) -> type:
    def __setattr__(self: Any, name: str, value: object) -> None:
        self.__dict__[name] = value

    return type("Sub", (base,), {"__setattr__": __setattr__})


def sub_bypassing(base: type) -> type:
    def __setattr__(self: Any, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    return type("Sub", (base,), {"__setattr__": __setattr__})


def sub_cooperating(base: type) -> type:
    def __setattr__(self: Any, name: str, value: object) -> None:
        base.__setattr__(self, name, value)

    return type("Sub", (base,), {"__setattr__": __setattr__})


def sub_sub(base: type) -> type:
    return type("SubSub", (sub_bypassing(base),), {})


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("make_sub", [sub_plain, sub_writing_the_dict, sub_bypassing, sub_cooperating, sub_sub])
def test_writes_to_an_unmapped_subclass_are_tracked(
    map_to_table: Mapping, make_sub: Callable[[type], type], when: str
) -> None:
    base = plain()
    sub = make_sub(base) if when == "before" else None
    session = map_to_table(base)
    sub = sub or make_sub(base)
    check_tracking(session, sub(), base)


def test_a_subclass_that_hides_mapped_attributes_is_refused(map_to_table: Mapping) -> None:
    base = plain()
    session = map_to_table(base)
    slotted = type("Slotted", (base,), {"__slots__": ("name",)})
    obj = slotted()
    obj.name = "lost"
    with pytest.raises(ArgumentError, match=r"Slotted defines name anew.*Give it another name"):
        session.add(obj)
    with_property = type("WithProperty", (base,), {"owned": property(lambda self: 1)})
    with pytest.raises(ArgumentError, match="owned"):
        session.add(with_property())


def test_frozen_dataclasses_and_slots_without_a_dict_are_refused(map_to_table: Mapping) -> None:
    frozen = dataclasses.make_dataclass("Frozen", ["name"], frozen=True)
    with pytest.raises(ArgumentError, match="frozen"):
        map_to_table(frozen)
    slotted = dataclasses.make_dataclass("Slotted", ["name"], slots=True)
    with pytest.raises(ArgumentError, match="__slots__"):
        map_to_table(slotted)
    unreferenced = type("Unreferenced", (), {"__slots__": ("__dict__",)})
    with pytest.raises(ArgumentError, match="weak references"):
        map_to_table(unreferenced)


def test_clearing_gives_subclasses_back_as_they_were(engine: Engine) -> None:
    registry = Registry()
    table = Table("thing", MetaData(), Column("id", Integer, primary_key=True), Column("name", String))
    base = plain()
    sub = sub_bypassing(base)
    own = vars(sub)["__setattr__"]
    mapper(base, table, registry=registry)
    with Session(engine) as session:
        session.add(sub())
        assert vars(sub)["__setattr__"] is not own
    registry.dispose()
    assert vars(sub)["__setattr__"] is own
    heir = sub_sub(base)
    mapper(base, table, registry=registry)
    with Session(engine) as session:
        session.add(heir())
    registry.dispose()
    assert "__setattr__" not in vars(heir)


def test_an_error_of_an_assignment_has_no_other_error_before_it() -> None:
    with pytest.raises(ArgumentError, match="takes an iterable") as caught:
        User().posts = None  # type: ignore[assignment]
    assert caught.value.__context__ is None
    with pytest.raises(ArgumentError, match="takes objects of User") as refused:
        Post(author="ed")
    assert refused.value.__context__ is None
