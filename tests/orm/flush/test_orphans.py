"""The cascade delete-orphan: a row is deleted when its object has lost its parent, and only then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flask_uow import (
    DeclarativeBase,
    Engine,
    ForeignKey,
    Mapped,
    Session,
    mapped_column,
    raiseload,
    relationship,
    validates,
)


class Base(DeclarativeBase):
    """The models of this file."""


class Shelf(Base):
    """A parent whose books are nothing without it."""

    __tablename__ = "shelf"
    id: Mapped[int] = mapped_column(primary_key=True)
    books: Mapped[list[Book]] = relationship(back_populates="shelf", cascade="all, delete-orphan")
    label: Mapped[Label | None] = relationship(back_populates="shelf", cascade="all, delete-orphan", uselist=False)


class Book(Base):
    """A child, with a child of its own."""

    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    shelf_id: Mapped[int | None] = mapped_column(ForeignKey("shelf.id"))
    title: Mapped[str | None]
    shelf: Mapped[Shelf | None] = relationship(back_populates="books")
    pages: Mapped[list[Page]] = relationship(cascade="all, delete-orphan")


class Page(Base):
    """A child that does not know its parent."""

    __tablename__ = "page"
    id: Mapped[int] = mapped_column(primary_key=True)
    book_id: Mapped[int] = mapped_column(ForeignKey("book.id"))


class Label(Base):
    """The one of a shelf."""

    __tablename__ = "label"
    id: Mapped[int] = mapped_column(primary_key=True)
    shelf_id: Mapped[int | None] = mapped_column(ForeignKey("shelf.id"))
    shelf: Mapped[Shelf | None] = relationship(back_populates="label")


class Key(Base):
    """Owns a lock by a many-to-one relationship."""

    __tablename__ = "key"
    id: Mapped[int] = mapped_column(primary_key=True)
    lock_id: Mapped[int | None] = mapped_column(ForeignKey("lock.id"))
    lock: Mapped[Lock | None] = relationship(single_parent=True, cascade="all, delete-orphan", back_populates="key")


class Lock(Base):
    """The lock of a key."""

    __tablename__ = "lock"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[Key | None] = relationship(back_populates="lock", uselist=False)


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        yield session


def set_none(book: Any) -> None:
    book.shelf = None


def delete_attribute(book: Any) -> None:
    del book.shelf


WAYS: list[Callable[[Any], None]] = [set_none, delete_attribute]
FORGET: list[Callable[[Session, Any], None]] = [
    lambda session, obj: None,
    lambda session, obj: session.expire(obj),
    lambda session, obj: session.expire(obj, ["shelf"]),
    lambda session, obj: session.expire_all(),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("forget", FORGET, ids=["loaded", "expired", "not loaded", "all expired"])
def test_an_object_that_never_had_a_parent_is_no_orphan(session: Session, way: Any, forget: Any) -> None:
    book = Book(title="a", pages=[Page()])
    session.add(book)
    session.commit()
    assert book.shelf is None
    forget(session, book)
    way(book)
    session.commit()
    assert (session.query(Book).count(), session.query(Page).count()) == (1, 1)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("forget", FORGET, ids=["loaded", "expired", "not loaded", "all expired"])
def test_an_object_that_loses_its_parent_is_deleted_with_what_is_its_own(
    session: Session, way: Any, forget: Any
) -> None:
    session.add(Shelf(books=[Book(title="a", pages=[Page()]), Book(title="b")]))
    session.commit()
    book = session.query(Book).filter_by(title="a").one()
    forget(session, book)
    way(book)
    session.commit()
    assert [book.title for book in session.query(Book)] == ["b"]
    assert session.query(Page).count() == 0


@pytest.mark.parametrize("way", WAYS)
def test_a_new_object_without_a_parent_stays_in_the_session(session: Session, way: Any) -> None:
    book = Book(title="a")
    session.add(book)
    way(book)
    assert book in session.new
    session.commit()
    assert session.query(Book).one().shelf is None


def test_a_constructor_may_say_that_there_is_no_parent(session: Session) -> None:
    session.add(Book(title="a", shelf=None))
    session.add(Label(shelf=None))
    session.commit()
    assert (session.query(Book).count(), session.query(Label).count()) == (1, 1)


@pytest.mark.parametrize("way", WAYS)
def test_a_new_object_that_loses_its_parent_leaves_the_session(session: Session, way: Any) -> None:
    shelf = Shelf()
    session.add(shelf)
    session.commit()
    book = Book(shelf=shelf)
    assert book in session
    way(book)
    assert book not in session
    session.commit()
    assert session.query(Book).count() == 0


def test_the_one_of_a_parent_is_deleted_when_it_is_replaced_or_taken_out(session: Session) -> None:
    shelf = Shelf(label=Label())
    session.add_all([shelf, Label()])
    session.commit()
    shelf.label = Label()
    session.commit()
    assert session.query(Label).count() == 2
    session.expire(shelf)
    shelf.label = None
    session.commit()
    assert [label.shelf for label in session.query(Label)] == [None]
    shelf.label = None
    session.commit()
    assert session.query(Label).count() == 1


@pytest.mark.parametrize("side", ["the owner's", "the other"])
def test_what_a_many_to_one_owner_had_is_deleted_although_it_was_not_loaded(session: Session, side: str) -> None:
    session.add(Key(lock=Lock()))
    session.commit()
    old = session.query(Lock).one().id
    session.expunge_all()
    key = session.query(Key).one()
    if side == "the other":
        session.add(Lock(key=key))
    else:
        key.lock = Lock()
    session.commit()
    assert [lock.id for lock in session.query(Lock)] != [old]
    assert session.query(Lock).count() == 1
    session.expire(key)
    key.lock = None
    session.commit()
    assert session.query(Lock).count() == 0


@pytest.mark.parametrize("load_first", [True, False])
def test_an_object_moves_into_a_collection_that_is_not_loaded(session: Session, load_first: bool) -> None:
    session.add_all([Shelf(books=[Book(title="a")]), Shelf(books=[Book(title="b")])])
    session.commit()
    one, two = session.query(Shelf).order_by(Shelf.id)
    if load_first:
        assert len(two.books) == 1
    book = one.books[0]
    one.books.remove(book)
    two.books.append(book)
    session.commit()
    assert sorted(book.title or "" for book in two.books) == ["a", "b"]
    assert one.books == []


def test_an_object_without_a_way_back_moves_into_a_collection_that_is_not_loaded(session: Session) -> None:
    session.add_all([Book(title="a", pages=[Page()]), Book(title="b", pages=[Page()])])
    session.commit()
    one, two = session.query(Book).order_by(Book.id)
    page = one.pages.pop()
    two.pages.append(page)
    session.commit()
    assert (len(one.pages), len(two.pages)) == (0, 2)
    # and one that has found no other is deleted after all
    page = two.pages.pop()
    assert one.pages == []
    assert session.query(Page).count() == 1


def test_an_orphan_of_a_load_in_between_is_deleted_by_the_next_query(session: Session) -> None:
    session.add_all([Shelf(books=[Book(title="a")]), Shelf()])
    session.commit()
    one, two = session.query(Shelf).order_by(Shelf.id)
    one.books.clear()
    assert two.books == []
    assert session.query(Book).count() == 0


def test_an_orphan_goes_before_its_deleted_parent_although_another_collection_is_loaded(session: Session) -> None:
    session.add_all([Shelf(books=[Book(title="a")]), Shelf()])
    session.commit()
    one, two = session.query(Shelf).order_by(Shelf.id)
    one.books.clear()
    session.delete(one)
    assert two.books == []
    session.commit()
    assert (session.query(Shelf).count(), session.query(Book).count()) == (1, 0)


def test_an_object_goes_from_hand_to_hand(session: Session) -> None:
    shelves = [Shelf(books=[Book(title="a")]), Shelf(), Shelf()]
    session.add_all(shelves)
    session.commit()
    book = session.query(Book).one()
    for shelf in (*shelves, None, shelves[1]):
        book.shelf = shelf
    session.commit()
    assert book.shelf is shelves[1]
    assert [len(shelf.books) for shelf in shelves] == [0, 1, 0]


def test_a_detached_object_that_has_lost_a_parent_which_was_not_loaded_is_deleted(session: Session) -> None:
    session.add_all([Shelf(books=[Book(title="a")]), Book(title="alone")])
    session.commit()
    books = session.query(Book).all()
    session.expunge_all()
    for book in books:
        book.shelf = None
    session.add_all(books)
    session.commit()
    assert [book.title for book in session.query(Book)] == ["alone"]


@pytest.mark.parametrize(("cascade", "left"), [("all, delete-orphan", 0), ("all", 1), ("save-update", 2)])
def test_what_was_taken_out_of_an_object_before_it_is_deleted(engine: Engine, cascade: str, left: int) -> None:
    class Base(DeclarativeBase):
        pass

    class Box(Base):
        __tablename__ = "box"
        id: Mapped[int] = mapped_column(primary_key=True)
        items: Mapped[list[Item]] = relationship(cascade=cascade)

    class Item(Base):
        __tablename__ = "item"
        id: Mapped[int] = mapped_column(primary_key=True)
        box_id: Mapped[int | None] = mapped_column(ForeignKey("box.id"))

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        box = Box(items=[Item(), Item()])
        session.add(box)
        session.commit()
        box.items.pop()
        session.delete(box)
        session.commit()
        assert [item.box_id for item in session.query(Item)] == [None] * left


def test_what_is_put_into_an_object_after_it_was_deleted_goes_with_it(session: Session) -> None:
    key, lock = Key(), Lock()
    session.add_all([key, lock])
    session.commit()
    session.delete(key)
    key.lock = lock
    session.commit()
    assert (session.query(Key).count(), session.query(Lock).count()) == (0, 0)


def test_a_reference_that_is_emptied_on_a_deleted_object_leaves_an_orphan(session: Session) -> None:
    key = Key(lock=Lock())
    session.add(key)
    session.commit()
    key.lock = None
    session.delete(key)
    session.commit()
    assert session.query(Lock).count() == 0


@pytest.mark.parametrize("new_is_in", [True, False])
def test_a_child_that_gets_a_new_parent_after_its_old_one_was_deleted_stays(session: Session, new_is_in: bool) -> None:
    session.add(Shelf(books=[Book(title="a", pages=[Page()]), Book(title="b")]))
    session.commit()
    old, new = session.query(Shelf).one(), Shelf()
    books = list(old.books)
    if new_is_in:
        session.add(new)
        session.flush()
        assert new.books == []
    session.delete(old)
    new.books.append(books[0])
    session.add(new)
    session.commit()
    assert [(book.title, book.shelf) for book in session.query(Book)] == [("a", new)]


def test_adding_a_parent_again_does_not_bring_back_a_child_that_was_deleted(session: Session) -> None:
    shelf = Shelf(books=[Book(title="a")])
    session.add(shelf)
    session.commit()
    session.delete(shelf.books[0])
    session.add(shelf)
    session.commit()
    assert session.query(Book).count() == 0


def test_a_reference_from_a_new_object_does_not_bring_back_what_was_deleted(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    class Person(Base):
        __tablename__ = "person"
        id: Mapped[int] = mapped_column(primary_key=True)
        stamps: Mapped[list[Stamp]] = relationship(back_populates="person")

    class Stamp(Base):
        __tablename__ = "stamp"
        id: Mapped[int] = mapped_column(primary_key=True)
        person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
        person: Mapped[Person | None] = relationship(back_populates="stamps")

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        person, stamp = Person(), Stamp()
        session.add_all([person, stamp])
        session.commit()
        session.delete(stamp)
        stamp.person = person
        session.commit()
        assert session.query(Stamp).count() == 0


def test_a_parent_that_may_not_be_loaded_is_not_needed_to_tell_an_orphan(session: Session) -> None:
    session.add_all([Shelf(books=[Book(title="a")]), Book(title="alone")])
    session.commit()
    session.expunge_all()
    for book in session.query(Book).options(raiseload(Book.shelf)).all():
        book.shelf = None
    session.commit()
    assert [book.title for book in session.query(Book)] == ["alone"]


def test_a_validator_sees_who_the_parent_was(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    class Tree(Base):
        __tablename__ = "tree"
        id: Mapped[int] = mapped_column(primary_key=True)
        leaves: Mapped[list[Leaf]] = relationship(back_populates="tree", cascade="all, delete-orphan")

    class Leaf(Base):
        __tablename__ = "leaf"
        id: Mapped[int] = mapped_column(primary_key=True)
        tree_id: Mapped[int | None] = mapped_column(ForeignKey("tree.id"))
        tree: Mapped[Tree | None] = relationship(back_populates="leaves")

        @validates("tree")
        def keep(self, name: str, value: Any) -> Any:
            return value

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Tree(leaves=[Leaf()]), Leaf()])
        session.commit()
        for leaf in session.query(Leaf).options(raiseload(Leaf.tree)):
            session.expire(leaf, ["tree"])
        for leaf in session.query(Leaf):
            leaf.tree = None
        session.commit()
        assert [leaf.tree_id for leaf in session.query(Leaf)] == [None]
