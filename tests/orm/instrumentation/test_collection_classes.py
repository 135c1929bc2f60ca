"""Collections that are dicts, subclasses of the user's own, and classes that are neither list, set nor dict."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    Engine,
    ForeignKey,
    InstrumentedList,
    InstrumentedSet,
    InvalidRequestError,
    Mapped,
    MappedCollection,
    Session,
    attribute_mapped_collection,
    collection,
    column_mapped_collection,
    declarative_base,
    joinedload,
    mapped_collection,
    mapped_column,
    relationship,
)
from tests.statements import StatementLog

Base = declarative_base()


class Sorted(list[Any]):
    """A subclass that does something of its own."""

    def append(self, item: Any) -> None:
        super().append(item)
        self.sort(key=lambda other: other.name)


class Bag:
    """Neither list, set nor dict."""

    def __init__(self) -> None:
        self.data: dict[int, Any] = {}

    @collection.appender
    def put(self, item: Any) -> None:
        self.data[id(item)] = item

    @collection.remover
    def take(self, item: Any) -> None:
        del self.data[id(item)]

    @collection.iterator
    def __iter__(self) -> Iterator[Any]:
        return iter(list(self.data.values()))

    @collection.removes_return()
    def take_any(self) -> Any:
        return self.data.popitem()[1]

    @collection.replaces(1)
    def swap(self, item: Any) -> Any:
        old = self.data.popitem()[1] if self.data else None
        self.data[id(item)] = item
        return old

    @collection.adds(1)
    def also_put(self, item: Any) -> None:
        self.data[id(item)] = item

    @collection.removes(1)
    def also_take(self, item: Any) -> None:
        self.take(item)

    @collection.internally_instrumented
    def put_all(self, items: Any) -> None:
        for item in items:
            self.put(item)

    @collection.converter
    def convert(self, value: Any) -> Any:
        return value.split("|") if isinstance(value, str) else value


class Owner(Base):
    __tablename__ = "owner"
    id: Mapped[int] = mapped_column(primary_key=True)
    by_name: Mapped[dict[str, Part]] = relationship(
        back_populates="owner", collection_class=attribute_mapped_collection("name"), cascade="all, delete-orphan"
    )
    sorted: Mapped[list[Piece]] = relationship(collection_class=Sorted)
    bag: Mapped[Any] = relationship("Thing", collection_class=Bag, back_populates="owner")


class Part(Base):
    __tablename__ = "part"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("owner.id"))
    owner: Mapped[Owner | None] = relationship(back_populates="by_name")


class Piece(Base):
    __tablename__ = "piece"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("owner.id"))


class Thing(Base):
    __tablename__ = "thing"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("owner.id"))
    owner: Mapped[Owner | None] = relationship(back_populates="bag")


@pytest.fixture
def session(engine: Engine) -> Any:
    Base.metadata.create_all(engine)
    with Session(bind=engine) as session:
        yield session


# -- dicts


def test_a_dict_collection_is_saved_and_loaded(session: Session, statements: StatementLog) -> None:
    owner = Owner()
    owner.by_name["a"] = Part(name="a")
    owner.by_name.set(Part(name="b"))  # type: ignore[attr-defined]
    session.add(owner)
    session.commit()
    session.expunge_all()
    owner = session.query(Owner).options(joinedload(Owner.by_name)).one()
    with statements.expect(0):
        assert {key: part.name for key, part in owner.by_name.items()} == {"a": "a", "b": "b"}
        assert isinstance(owner.by_name, dict)
        assert isinstance(owner.by_name, MappedCollection)


def test_every_change_of_a_dict_is_noticed(session: Session) -> None:
    owner = Owner()
    a, b, c, d = (Part(name=name) for name in "abcd")
    owner.by_name.update(a=a, b=b)
    assert a.owner is owner
    replaced = Part(name="a")
    owner.by_name["a"] = replaced
    assert a.owner is None
    assert owner.by_name.pop("a") is replaced
    assert replaced.owner is None
    assert owner.by_name.pop("nothing", 5) == 5
    with pytest.raises(KeyError):
        owner.by_name.pop("nothing")
    assert owner.by_name.setdefault("c", c) is c
    assert owner.by_name.setdefault("c", d) is c
    assert owner.by_name.popitem() == ("c", c)
    owner.by_name |= {"d": d}
    del owner.by_name["d"]
    assert d.owner is None
    owner.by_name.remove(b)  # type: ignore[attr-defined]
    assert owner.by_name == {}
    owner.by_name.update({"a": a})
    owner.by_name.clear()
    assert a.owner is None
    with pytest.raises(KeyError):
        owner.by_name.popitem()
    with pytest.raises(InvalidRequestError, match="is not under its key 'b'"):
        owner.by_name.remove(b)  # type: ignore[attr-defined]


def test_the_other_side_finds_its_key(session: Session) -> None:
    owner = Owner()
    part = Part(name="x", owner=owner)
    assert owner.by_name == {"x": part}
    part.owner = None
    assert owner.by_name == {}
    session.add(owner)
    session.commit()
    Part(name="y", owner=owner)
    session.commit()
    assert list(owner.by_name) == ["y"]
    removed = owner.by_name["y"]
    del owner.by_name["y"]
    session.commit()
    assert removed not in session
    assert session.query(Part).count() == 0


def test_a_dict_can_be_assigned_with_the_right_keys(session: Session) -> None:
    owner = Owner()
    a, b = Part(name="a"), Part(name="b")
    owner.by_name = {"a": a}
    owner.by_name = [b]  # type: ignore[assignment]
    assert list(owner.by_name) == ["b"]
    assert a.owner is None
    with pytest.raises(ArgumentError, match="is given under the key 'wrong', and its key in this collection is 'a'"):
        owner.by_name = {"wrong": a}
    with pytest.raises(ArgumentError, match=r"Owner\.by_name takes objects of Part"):
        owner.by_name["a"] = 5  # type: ignore[assignment]


def test_a_dict_collection_can_be_pickled_and_merged(session: Session) -> None:
    owner = Owner(by_name=[Part(name="a")])
    session.add(owner)
    session.commit()
    assert list(owner.by_name) == ["a"]
    copied = pickle.loads(pickle.dumps(owner))
    assert list(copied.by_name) == ["a"]
    copied.by_name["a"].name = "changed"
    merged = session.merge(copied)
    assert merged is owner
    assert [part.name for part in merged.by_name.values()] == ["changed"]


def test_keys_by_a_function_and_by_columns(engine: Engine) -> None:
    base = declarative_base()

    class Note(base):
        __tablename__ = "note"
        id: Mapped[int] = mapped_column(primary_key=True)
        book_id: Mapped[int] = mapped_column(ForeignKey("book.id"))
        page: Mapped[int]
        text: Mapped[str]

    class Book(base):
        __tablename__ = "book"
        id: Mapped[int] = mapped_column(primary_key=True)
        notes: Mapped[dict[str, Note]] = relationship(collection_class=mapped_collection(lambda n: n.text[0]))
        pages: Mapped[dict[int, Note]] = relationship(
            viewonly=True, collection_class=column_mapped_collection(Note.page)
        )
        places: Mapped[dict[Any, Note]] = relationship(
            viewonly=True, collection_class=column_mapped_collection([Note.page, Note.__table__.c.text])
        )

    base.metadata.create_all(engine)
    with Session(bind=engine) as session:
        session.add(Book(notes=[Note(page=1, text="xyz"), Note(page=2, text="abc")]))
        session.commit()
        book = session.query(Book).one()
        assert sorted(book.notes) == ["a", "x"]
        assert sorted(book.pages) == [1, 2]
        assert sorted(book.places) == [(1, "xyz"), (2, "abc")]


# -- subclasses of list


def test_a_subclass_of_list_keeps_its_behaviour(session: Session) -> None:
    owner = Owner(sorted=[Piece(name="c"), Piece(name="a")])
    assert isinstance(owner.sorted, Sorted)
    assert [p.name for p in owner.sorted] == ["a", "c"]
    owner.sorted.append(Piece(name="b"))
    assert [p.name for p in owner.sorted] == ["a", "b", "c"]
    session.add(owner)
    session.commit()
    del owner.sorted[0]
    session.commit()
    assert [p.name for p in owner.sorted] == ["b", "c"]
    assert session.query(Piece).filter_by(owner_id=None).one().name == "a"


# -- other classes


def test_a_class_with_marked_methods(session: Session) -> None:
    owner = Owner()
    a, b, c, d, e = (Thing(name=name) for name in "abcde")
    owner.bag.put(a)
    assert a.owner is owner
    owner.bag.put_all([b])
    assert b.owner is owner
    assert owner.bag.swap(c) is b
    assert (b.owner, c.owner) == (None, owner)
    assert owner.bag.take_any() is c
    assert c.owner is None
    owner.bag.also_put(d)
    assert d.owner is owner
    owner.bag.also_take(d)
    assert d.owner is None
    e.owner = owner
    assert set(owner.bag) == {a, e}
    session.add(owner)
    session.commit()
    assert {thing.name for thing in owner.bag} == {"a", "e"}
    a.owner = None
    session.commit()
    assert [thing.name for thing in owner.bag] == ["e"]
    with pytest.raises(ArgumentError, match=r"Owner\.bag takes objects of Thing"):
        owner.bag = "x|y"
    owner.bag = [b]
    session.commit()
    assert [thing.name for thing in owner.bag] == ["b"]
    assert isinstance(owner.bag, Bag)


# -- mistakes


def test_wrong_collection_classes_are_named() -> None:
    class Nothing:
        pass

    class Needs(list[Any]):
        def __init__(self, argument: int) -> None:
            super().__init__()

    class PlainDict(dict[Any, Any]):
        pass

    for wrong, message in (
        (5, "no class and no function that makes a collection"),
        (dict, "does not say under which keys"),
        (Nothing, "has no appender.*@collection.appender"),
        (Needs, "cannot be called without arguments"),
        (PlainDict, "Derive it from MappedCollection"),
    ):
        with pytest.raises(ArgumentError, match=message):
            relationship("X", collection_class=wrong)


def test_a_list_of_related_objects_cannot_be_multiplied() -> None:
    owner = Owner(sorted=[Piece(name="a")])
    with pytest.raises(InvalidRequestError, match="cannot be multiplied"):
        owner.sorted *= 2


class Counted(InstrumentedList):
    """A list that counts what is put in by ``append()``, and goes on to what its base does."""

    appended = 0

    def append(self, item: Any) -> None:
        self.appended += 1
        super().append(item)

    def names(self) -> list[str]:
        return [item.name for item in self]


class Named(InstrumentedSet):
    def names(self) -> list[str]:
        return sorted(item.name for item in self)


@pytest.mark.parametrize("kind", [Counted, Named])
def test_collection_classes_may_derive_from_the_instrumented_ones(engine: Engine, kind: Any) -> None:
    base = declarative_base()

    class Box(base):
        __tablename__ = "box"
        id: Mapped[int] = mapped_column(primary_key=True)
        toys = relationship("Toy", back_populates="box", collection_class=kind, cascade="all, delete-orphan")

    class Toy(base):
        __tablename__ = "toy"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]
        box_id: Mapped[int] = mapped_column(ForeignKey("box.id"))
        box = relationship(Box, back_populates="toys")

    base.metadata.create_all(engine)
    put = "append" if kind is Counted else "add"
    with Session(engine) as session:
        box = Box()
        ball, bear = Toy(name="ball"), Toy(name="bear")
        getattr(box.toys, put)(ball)
        Toy(name="top", box=box)
        getattr(box.toys, put)(bear)
        assert isinstance(box.toys, kind)
        assert bear.box is box
        session.add(box)
        session.commit()
        assert sorted(box.toys.names()) == ["ball", "bear", "top"]
        box.toys.remove(bear)
        session.commit()
        assert sorted(box.toys.names()) == ["ball", "top"]
        assert session.query(Toy).count() == 2
        box.toys = kind([Toy(name="kite")])
        session.commit()
        assert (box.toys.names(), session.query(Toy).count()) == (["kite"], 1)
        if kind is Counted:
            box.toys.append(Toy(name="drum"))
            assert box.toys.appended == 1
