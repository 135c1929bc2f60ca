"""The accounts of a transaction: what a rollback takes back, without a Session and without a database."""

from __future__ import annotations

from typing import Any

import pytest

from flask_uow import DeclarativeBase, Mapped, mapped_column
from flask_uow.orm.state.accounts import Accounts
from flask_uow.orm.state.instance_state import ensure_state
from flask_uow.orm.state.session_objects import SessionObjects


class Base(DeclarativeBase):
    pass


class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str | None]


class Level:
    """The one level of a transaction."""

    parent: Level | None = None

    def __init__(self) -> None:
        self.accounts = Accounts()


class Desk:
    """What holds the objects here in place of a Session."""

    def __init__(self) -> None:
        self.current_transaction: Level | None = Level()
        self.objects = SessionObjects(self)

    def stored(self, identity: int) -> Book:
        """Return an object as if its row had been written."""
        book = Book()
        book.__dict__["id"] = identity
        ensure_state(book).row_key = identity
        self.objects.attach(book)
        return book


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def accounts(desk: Desk) -> Accounts:
    assert desk.current_transaction is not None
    return desk.current_transaction.accounts


def found(desk: Desk, identity: int) -> Any:
    return desk.objects.identities_of(Book.__mapper__).get(identity)


def test_an_inserted_object_is_transient_again_without_the_key_that_the_database_made(
    desk: Desk, accounts: Accounts
) -> None:
    book = desk.stored(1)
    accounts.inserted[ensure_state(book)] = "id"
    accounts.undo(desk.objects)
    assert ensure_state(book).status == "transient"
    assert book.id is None
    assert found(desk, 1) is None


def test_an_inserted_object_keeps_a_key_that_was_given(desk: Desk, accounts: Accounts) -> None:
    book = desk.stored(1)
    accounts.inserted[ensure_state(book)] = None
    accounts.undo(desk.objects)
    assert (ensure_state(book).status, book.id) == ("transient", 1)


def test_a_deleted_object_is_persistent_again(desk: Desk, accounts: Accounts) -> None:
    book = desk.stored(1)
    desk.objects.register_deleted([book])
    assert accounts.deleted == {ensure_state(book): book}
    assert found(desk, 1) is None
    accounts.undo(desk.objects)
    assert ensure_state(book).status == "persistent"
    assert found(desk, 1) is book


def test_what_was_inserted_and_deleted_is_transient(desk: Desk, accounts: Accounts) -> None:
    book = desk.stored(1)
    accounts.inserted[ensure_state(book)] = "id"
    desk.objects.register_deleted([book])
    accounts.undo(desk.objects)
    assert ensure_state(book).status == "transient"


def test_a_moved_object_has_its_key_back(desk: Desk, accounts: Accounts) -> None:
    book = desk.stored(1)
    state = ensure_state(book)
    identities = desk.objects.identities_of(Book.__mapper__)
    identities.remove(state)
    accounts.moved[state] = 1
    state.row_key = 2
    identities.put(state, book)
    accounts.undo(desk.objects)
    assert (found(desk, 1), found(desk, 2)) == (book, None)


def test_the_first_values_before_an_update_count(desk: Desk, accounts: Accounts) -> None:
    state = ensure_state(desk.stored(1))
    accounts.note_updated(state, {"title": "first"})
    accounts.note_updated(state, {"title": "second", "id": 1})
    accounts.note_updated(state, None)
    assert accounts.updated == {state: {"title": "first", "id": 1}}


def test_a_released_savepoint_hands_its_accounts_over(desk: Desk, accounts: Accounts) -> None:
    new, gone, moved = (ensure_state(desk.stored(number)) for number in (1, 2, 3))
    accounts.moved[moved] = 3
    inner = Accounts()
    inner.inserted[new], inner.deleted[gone], inner.moved[moved] = "id", gone.obj, 30
    inner.note_updated(moved, {"title": "before"})
    inner.hand_over(accounts, to_savepoint=False)
    assert (accounts.inserted, accounts.deleted) == ({new: "id"}, {gone: gone.obj})
    # of a key that was changed on both levels the outer one knows the original
    assert accounts.moved == {moved: 3}
    assert accounts.updated == {}
    inner.hand_over(accounts, to_savepoint=True)
    assert accounts.updated == {moved: {"title": "before"}}


def test_only_objects_of_the_family_are_replaced(desk: Desk, accounts: Accounts) -> None:
    book = desk.stored(1)
    desk.objects.register_deleted([book])
    accounts.note_replaced(Book.__mapper__, {2})
    assert accounts.replaced == set()
    accounts.note_replaced(Book.__mapper__, {1})
    assert accounts.replaced == {ensure_state(book)}


def test_cleared_accounts_have_nothing_to_undo(desk: Desk, accounts: Accounts) -> None:
    book = desk.stored(1)
    accounts.inserted[ensure_state(book)] = "id"
    accounts.clear()
    accounts.undo(desk.objects)
    assert ensure_state(book).status == "persistent"
