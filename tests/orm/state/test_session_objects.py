"""The objects of a Session, without a Session and without a database."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from flask_uow import DeclarativeBase, ForeignKey, Mapped, mapped_column, relationship
from flask_uow.exc import InvalidRequestError
from flask_uow.orm.exc import UnmappedInstanceError
from flask_uow.orm.extensions import SESSION_EVENTS, Hooks, SessionExtension
from flask_uow.orm.state.accounts import Accounts
from flask_uow.orm.state.by_hand import make_transient
from flask_uow.orm.state.instance_state import ensure_state
from flask_uow.orm.state.session_objects import SessionObjects


def hooks_of(attached: Any) -> Hooks:
    hooks = Hooks(SessionExtension, None, SESSION_EVENTS)
    hooks.listen("after_attach", [lambda _, obj: attached(obj)])
    return hooks


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
    books: Mapped[list[Book]] = relationship(back_populates="author", cascade="all, delete-orphan")


class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str | None]
    author_id: Mapped[int | None] = mapped_column(ForeignKey("author.id"))
    author: Mapped[Author | None] = relationship(back_populates="books")


class Mark(Base):
    __tablename__ = "mark"
    book_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    page: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class Level:
    """One level of a transaction that nobody has to begin."""

    def __init__(self, parent: Level | None = None) -> None:
        self.parent = parent
        self.accounts = Accounts()


class Desk:
    """What holds the objects here in place of a Session."""

    def __init__(self, **options: Any) -> None:
        self.current_transaction: Level | None = Level()
        self.attached: list[Any] = []
        self.objects = SessionObjects(self, hooks=hooks_of(self.attached.append), **options)

    def stored(self, class_: type, identity: Any) -> Any:
        """Return an object as if its row had been written."""
        obj = class_()
        ensure_state(obj).row_key = identity
        self.objects.attach(obj)
        return obj


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_an_object_without_a_row_is_new_and_one_with_a_row_is_found_by_its_key(desk: Desk) -> None:
    new, stored = Book(), desk.stored(Book, 5)
    desk.objects.attach(new)
    assert list(desk.objects.new.values()) == [new]
    assert desk.objects.identities_of(Book.__mapper__).get(5) is stored
    assert desk.objects.identity_map[(Book, (5,))] is stored
    assert (ensure_state(new).status, ensure_state(stored).status) == ("pending", "persistent")
    assert desk.attached == [stored, new]


def test_a_key_of_several_columns_is_found_by_its_values_in_order(desk: Desk) -> None:
    mark = desk.stored(Mark, (5, 20))
    assert desk.objects.identity_map.get((Mark, (5, 20))) is mark
    assert desk.objects.identity_map.get((Mark, (20, 5))) is None
    assert ensure_state(mark).key == (Mark, (5, 20))


def test_add_goes_on_to_related_objects(desk: Desk) -> None:
    author = Author(books=[Book(), Book()])
    desk.objects.add(author)
    assert list(desk.objects.new.values()) == [author, *author.books]
    assert not desk.objects.unasked


def test_what_is_related_to_an_object_comes_along_unasked_until_it_is_added(desk: Desk) -> None:
    author, book = Author(), Book()
    desk.objects.add(author)
    author.books.append(book)
    assert list(desk.objects.unasked) == [ensure_state(book)]
    desk.objects.add(book)
    assert not desk.objects.unasked


def test_an_object_of_another_session_is_refused_until_that_one_is_gone(desk: Desk) -> None:
    other = Desk()
    book = Book()
    other.objects.attach(book)
    with pytest.raises(InvalidRequestError, match="another Session"):
        desk.objects.attach(book)
    del other
    gc.collect()
    desk.objects.attach(book)
    assert desk.objects.holds(ensure_state(book))


def test_a_second_object_with_the_same_key_is_refused(desk: Desk) -> None:
    first = desk.stored(Book, 1)
    with pytest.raises(InvalidRequestError, match="another object with this key"):
        desk.stored(Book, 1)
    assert desk.objects.identities_of(Book.__mapper__).get(1) is first


def test_an_unmapped_object_is_refused(desk: Desk) -> None:
    with pytest.raises(UnmappedInstanceError):
        desk.objects.add(object())


def test_delete_marks_what_the_cascade_reaches_and_add_takes_the_mark_back(desk: Desk) -> None:
    author, book = desk.stored(Author, 1), desk.stored(Book, 2)
    author.__dict__["books"] = [book]
    desk.objects.mark_deleted(author)
    assert list(desk.objects.deleted.values()) == [author, book]
    assert not desk.objects.taken_back
    desk.objects.attach(book)
    assert list(desk.objects.deleted.values()) == [author]
    assert desk.objects.taken_back


def test_a_new_object_cannot_be_deleted(desk: Desk) -> None:
    book = Book()
    desk.objects.add(book)
    with pytest.raises(InvalidRequestError, match="not persisted"):
        desk.objects.mark_deleted(book)


def test_a_deleted_row_is_remembered_for_as_long_as_the_transaction(desk: Desk) -> None:
    book = desk.stored(Book, 1)
    desk.objects.mark_deleted(book)
    desk.objects.register_deleted([book])
    state = ensure_state(book)
    assert state.status == "detached"
    assert desk.objects.was_deleted(state)
    desk.current_transaction = Level(desk.current_transaction)
    assert desk.objects.was_deleted(state), "in a level around this one"
    with pytest.raises(InvalidRequestError, match="was deleted in this transaction"):
        desk.objects.add(book)
    desk.objects.restore_deleted(book, state)
    assert state.status == "persistent"


def test_a_row_that_is_deleted_outside_of_a_transaction_is_gone_for_good(desk: Desk) -> None:
    book = desk.stored(Book, 1)
    desk.current_transaction = None
    desk.objects.register_deleted([book])
    state = ensure_state(book)
    assert (state.status, state.identity, state.was_deleted) == ("detached", None, True)


def test_an_undone_insert_leaves_the_object_as_if_it_had_never_been_in_a_session(desk: Desk) -> None:
    book = desk.stored(Book, 1)
    book.title = "changed"
    state = ensure_state(book)
    desk.objects.identities_of(Book.__mapper__).remove(state)
    desk.objects.make_transient_again(state)
    assert state.status == "transient"
    assert not desk.objects.has_changes()
    assert book.title == "changed"


def test_a_changed_object_counts_as_a_change_and_is_held(desk: Desk) -> None:
    book = desk.stored(Book, 1)
    book.__dict__["title"] = "before"
    assert not desk.objects.may_have_changes()
    book.title = "after"
    assert desk.objects.has_changes()
    del book
    gc.collect()
    assert desk.objects.identities_of(Book.__mapper__).get(1).title == "after"


def test_an_unchanged_object_goes_with_the_last_reference(desk: Desk) -> None:
    book = desk.stored(Book, 1)
    desk.attached.clear()
    assert len(desk.objects.identity_map) == 1
    del book
    gc.collect()
    assert len(desk.objects.identity_map) == 0


def test_strong_objects_are_held_until_they_are_pruned() -> None:
    desk = Desk(weak=False)
    kept = desk.stored(Book, 1)
    changed = desk.stored(Book, 2)
    changed.__dict__["title"] = "before"
    changed.title = "after"
    desk.stored(Book, 3)
    desk.attached.clear()
    del changed
    gc.collect()
    assert len(desk.objects.identity_map) == 3
    assert desk.objects.prune() == 1
    assert [ensure_state(book).row_key for book in desk.objects.identity_map.values()] == [1, 2]
    assert kept is desk.objects.identity_map[(Book, (1,))]


def test_expunge_goes_on_to_related_objects_and_refuses_strangers(desk: Desk) -> None:
    author = Author(books=[Book()])
    desk.objects.add(author)
    desk.objects.expunge(author)
    assert not desk.objects.new
    assert ensure_state(author.books[0]).status == "transient"
    with pytest.raises(InvalidRequestError, match="not in this Session"):
        desk.objects.expunge(author)


def test_expunge_all_takes_everything_out(desk: Desk) -> None:
    new, stored, doomed = Book(), desk.stored(Book, 1), desk.stored(Book, 2)
    desk.objects.add(new)
    stored.__dict__["title"] = "before"
    stored.title = "after"
    desk.objects.mark_deleted(doomed)
    desk.objects.expunge_all()
    assert not desk.objects.may_have_changes()
    assert [ensure_state(obj).status for obj in (new, stored, doomed)] == ["transient", "detached", "detached"]


def test_make_transient_takes_row_and_session_away(desk: Desk) -> None:
    book = desk.stored(Book, 1)
    make_transient(book)
    assert ensure_state(book).status == "transient"
    assert len(desk.objects.identity_map) == 0


def test_the_objects_say_how_many_they_are(desk: Desk) -> None:
    held = [Book(), desk.stored(Book, 1)]
    desk.objects.add(held[0])
    assert repr(desk.objects) == "<SessionObjects: 1 new, 0 modified, 0 deleted, 1 persistent>"
