"""Collection classes of the user's own whose names for their own business are those that anybody would take."""

from __future__ import annotations

from typing import Any

import pytest

from flask_uow import Column, Engine, ForeignKey, Integer, MetaData, Session, Table, collection, mapper, relationship
from flask_uow.orm import Registry

NAMES = (
    "_items", "_owner", "_parent", "_attribute", "_added", "_removed", "_member", "_before", "_admit", "_fill", "_holds", "_detach", "_ids", "_converter",
    "_silently_add", "_silently_remove",
)  # fmt: skip


class Counting(list):  # type: ignore[type-arg]
    """Answers by each of the names with its own word."""

    def append(self, item: Any) -> None:
        assert self._added("in") == "_added in"  # type: ignore[attr-defined]
        super().append(item)

    def remove(self, item: Any) -> None:
        assert self._removed("out") == "_removed out"  # type: ignore[attr-defined]
        super().remove(item)


class Bag:
    """A collection that is neither list, set nor dict, and keeps its members under a common name."""

    def __init__(self) -> None:
        self._items: list[Any] = []
        self._owner = "the bag's own"

    @collection.appender
    def put(self, item: Any) -> None:
        self._items.append(item)

    @collection.remover
    def take(self, item: Any) -> None:
        self._items.remove(item)

    @collection.iterator
    def every(self) -> Any:
        return iter(self._items)


for _name in NAMES:
    setattr(Counting, _name, lambda self, word, name=_name: f"{name} {word}")


class Parent:
    id: int
    children: Any


class Child:
    id: int
    parent: Any


@pytest.fixture(params=[Counting, Bag], ids=["list", "bag"])
def kind(request: pytest.FixtureRequest, engine: Engine) -> Any:
    metadata, registry = MetaData(), Registry()
    parents = Table("named_parents", metadata, Column("id", Integer, primary_key=True))
    children = Table(
        "named_children",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("parent_id", Integer, ForeignKey("named_parents.id")),
    )
    mapper(
        Parent,
        parents,
        registry=registry,
        properties={"children": relationship(Child, collection_class=request.param, back_populates="parent")},
    )
    mapper(Child, children, registry=registry, properties={"parent": relationship(Parent, back_populates="children")})
    metadata.create_all(engine)
    yield request.param
    registry.dispose()


def members(parent: Parent) -> list[Any]:
    found = parent.children
    return list(found.every() if isinstance(found, Bag) else found)


def test_names_of_a_collection_class_keep_their_meaning_over_a_whole_life(engine: Engine, kind: type) -> None:
    put, take = ("append", "remove") if kind is Counting else ("put", "take")
    with Session(engine) as session:
        parent, first, second = Parent(), Child(), Child()
        getattr(parent.children, put)(first)
        second.parent = parent
        session.add(parent)
        session.commit()
        assert set(members(parent)) == {first, second}
        getattr(parent.children, take)(first)
        assert first.parent is None
        second.parent = None
        assert members(parent) == []
        session.commit()
        assert members(parent) == []
        parent.children = [first]
        if kind is Counting:
            for name in NAMES:
                assert getattr(parent.children, name)("x") == f"{name} x"
        else:
            assert parent.children._owner == "the bag's own"
        session.commit()
