"""Flushes of a few objects, which are written without a plan: what they send, and what makes them ask for one all the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_uow import (
    Column,
    DeclarativeBase,
    Engine,
    FlaskUowError,
    ForeignKey,
    Mapped,
    Session,
    Table,
    event,
    inspect,
    mapped_column,
    relationship,
    select,
)
from tests.statements import StatementLog


class Base(DeclarativeBase):
    """The base of the classes here."""


labelled = Table(
    "plain_labelled",
    Base.metadata,
    Column("book_id", ForeignKey("plain_book.id"), primary_key=True),
    Column("label_id", ForeignKey("plain_label.id"), primary_key=True),
)


class Shelf(Base):
    __tablename__ = "plain_shelf"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None] = mapped_column(unique=True)
    books: Mapped[list[Book]] = relationship(back_populates="shelf")
    notes: Mapped[list[Note]] = relationship(cascade="all, delete-orphan")


class Book(Base):
    __tablename__ = "plain_book"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str | None]
    shelf_id: Mapped[int | None] = mapped_column(ForeignKey("plain_shelf.id"))
    shelf: Mapped[Shelf | None] = relationship(back_populates="books")
    labels: Mapped[list[Label]] = relationship(secondary=labelled)


class Label(Base):
    __tablename__ = "plain_label"
    id: Mapped[int] = mapped_column(primary_key=True)
    word: Mapped[str | None]


class Note(Base):
    __tablename__ = "plain_note"
    id: Mapped[int] = mapped_column(primary_key=True)
    shelf_id: Mapped[int | None] = mapped_column(ForeignKey("plain_shelf.id"))


class Hen(Base):
    __tablename__ = "plain_hen"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    egg_id: Mapped[int | None] = mapped_column(ForeignKey("plain_egg.id", use_alter=True, name="hens_egg"))


class Egg(Base):
    __tablename__ = "plain_egg"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    hen_id: Mapped[int | None] = mapped_column(ForeignKey("plain_hen.id"))


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """A Session on a database with the tables."""
    Base.metadata.create_all(engine)
    with Session(engine) as made:
        yield made
    Base.metadata.drop_all(engine)


def sent(session: Session, statements: StatementLog) -> list[str]:
    """Flush, and return the operations and tables of the statements; the plan says the same before."""
    planned = [f"{step.operation} {rows.table.name}" for step in session.plan_flush() for rows in step.rows()]
    statements.clear()
    session.flush()
    found = [re.match(r'(INSERT|UPDATE|DELETE)(?: INTO| FROM)? "?(\w+)', sql) for sql in statements.sql]
    written = [" ".join(match.groups()) for match in found if match is not None]
    assert list(dict.fromkeys(written)) == list(dict.fromkeys(planned))
    return written


def test_parents_are_written_before_children_and_updates_before_inserts(
    session: Session, statements: StatementLog
) -> None:
    book, shelf = Book(title="old"), Shelf(name="a")
    session.add_all([book, shelf])
    session.commit()
    book.title, shelf.name = "new", "b"
    session.add_all([Book(title="other"), Shelf(name="c")])
    assert sent(session, statements) == [
        "UPDATE plain_shelf",
        "INSERT plain_shelf",
        "UPDATE plain_book",
        "INSERT plain_book",
    ]
    session.commit()
    assert session.scalars(select(Book.title).order_by(Book.id)).all() == ["new", "other"]


def test_a_new_row_takes_the_unique_value_that_a_changed_one_leaves(session: Session, statements: StatementLog) -> None:
    shelf = Shelf(name="a")
    session.add(shelf)
    session.commit()
    shelf.name = "b"
    session.add(Shelf(name="a"))
    assert sent(session, statements) == ["UPDATE plain_shelf", "INSERT plain_shelf"]


def test_two_rows_hand_a_unique_value_on(session: Session, statements: StatementLog) -> None:
    one, other = Shelf(name="a"), Shelf(name="b")
    session.add_all([one, other])
    session.commit()
    one.name, other.name = "b", "c"
    assert sent(session, statements) == ["UPDATE plain_shelf", "UPDATE plain_shelf"]


@pytest.mark.parametrize("is_loaded", [True, False])
def test_a_new_row_gets_the_key_of_the_row_that_it_refers_to(
    session: Session, statements: StatementLog, is_loaded: bool
) -> None:
    shelf = Shelf(name="a")
    session.add(shelf)
    session.commit()
    assert not is_loaded or shelf.books == []
    book = Book(title="new", shelf=shelf)
    session.add(book)
    assert sent(session, statements) == ["INSERT plain_book"]
    assert book.shelf_id == shelf.id
    assert shelf.books == [book]
    session.commit()
    assert [book.title for book in shelf.books] == ["new"]


def test_a_new_row_that_refers_to_a_new_one_waits_for_its_key(session: Session, statements: StatementLog) -> None:
    book = Book(title="new", shelf=Shelf(name="a"))
    session.add(book)
    assert sent(session, statements) == ["INSERT plain_shelf", "INSERT plain_book"]
    assert book.shelf_id == book.shelf.id  # type: ignore[union-attr]


def test_a_new_row_may_refer_to_one_that_the_session_has_expired(session: Session, statements: StatementLog) -> None:
    shelf = Shelf(name="a")
    session.add(shelf)
    session.commit()
    book = Book(shelf=shelf)
    session.expire(shelf)
    session.add(book)
    session.flush()
    assert book.shelf_id == shelf.id


def test_collections_that_are_written_from_their_own_side_are_planned(
    session: Session, statements: StatementLog
) -> None:
    book, shelf = Book(title="b", labels=[Label(word="x")]), Shelf(name="a", notes=[Note()])
    session.add_all([book, shelf])
    assert sent(session, statements)[-1] == "INSERT plain_labelled"
    session.commit()
    assert ([label.word for label in book.labels], len(shelf.notes)) == (["x"], 1)
    book.labels.append(Label(word="y"))
    del shelf.notes[0]
    session.commit()
    assert ([label.word for label in book.labels], shelf.notes) == (["x", "y"], [])
    assert session.query(Note).count() == 0


def test_a_reference_that_changes_is_planned(session: Session, statements: StatementLog) -> None:
    book, one, other = Book(), Shelf(name="a"), Shelf(name="b")
    book.shelf = one
    session.add_all([book, one, other])
    session.commit()
    book.shelf = other
    assert sent(session, statements) == ["UPDATE plain_book"]
    session.commit()
    assert (book.shelf_id, one.books, other.books) == (other.id, [], [book])


def test_tables_that_refer_to_each_other_are_planned(session: Session, statements: StatementLog) -> None:
    session.add_all([Egg(id=1, hen_id=1), Hen(id=1)])
    assert sent(session, statements) == ["INSERT plain_hen", "INSERT plain_egg"]


def test_a_key_that_changes_is_planned(session: Session, statements: StatementLog) -> None:
    hen = Hen(id=1)
    session.add(hen)
    session.commit()
    hen.id = 2
    session.add(Egg(id=7, hen_id=2))
    assert sent(session, statements) == ["UPDATE plain_hen", "INSERT plain_egg"]
    assert session.get(Hen, 2) is hen


def test_a_failed_flush_leaves_new_objects_as_they_were(session: Session) -> None:
    session.add(Shelf(name="a"))
    session.commit()
    book, shelf = Book(title="new"), Shelf(name="a")
    session.add_all([book, shelf])
    with pytest.raises(Exception, match=r"(?i)unique"):
        session.flush()
    session.rollback()
    assert (book.id, book in session) == (None, False)
    shelf.name = "b"
    session.add_all([book, shelf])
    session.commit()
    assert session.query(Book).count() == 1


def test_what_listens_is_told_of_the_objects(session: Session) -> None:
    told: list[Any] = []
    book = Book(title="old")
    session.add(book)
    session.commit()
    event.listen(session, "after_flush", lambda session, context: told.append(([*session.new], [*session.dirty])))
    book.title, shelf = "new", Shelf(name="a")
    session.add(shelf)
    session.flush()
    assert told == [([shelf], [book])]


Step = tuple[str, int, int]
STEPS = st.tuples(
    st.sampled_from(
        ["shelf", "book", "name", "title", "shelf_id", "move", "delete", "flush", "commit", "rollback", "nested"]
    ),
    st.integers(0, 5),
    st.integers(0, 5),
)


def told_by(session: Session) -> list[Any]:
    """Return a list that the Session's events are noted in."""
    told: list[Any] = []
    names = ("pending_to_persistent", "persistent_to_deleted", "persistent_to_transient", "deleted_to_persistent")
    for name in names:
        event.listen(session, name, lambda session, obj, name=name: told.append((name, type(obj).__name__)))
    event.listen(
        session, "after_flush", lambda session, context: told.append(("flush", len(session.new), len(session.dirty)))
    )
    return told


def played(engine: Engine, steps: list[Step]) -> list[Any]:
    """Play steps on empty tables; return what was told of them, and the rows and objects in the end."""
    with Session(engine) as session:
        told = told_by(session)
        shelves: list[Shelf] = []
        books: list[Book] = []
        for what, one, other in steps:
            shelf = shelves[one % len(shelves)] if shelves else None
            book = books[other % len(books)] if books else None
            try:
                if what == "shelf":
                    shelves.append(Shelf(id=len(shelves) + 1, name=f"s{one}"))
                    session.add(shelves[-1])
                elif what == "book":
                    books.append(Book(id=len(books) + 1, title=f"b{one}", shelf=shelf if other else None))
                    session.add(books[-1])
                elif what == "name" and shelf is not None:
                    shelf.name = f"s{other}"
                elif what == "title" and book is not None:
                    book.title = f"b{one}"
                elif what == "shelf_id" and book is not None:
                    book.shelf_id = one
                elif what == "move" and book is not None:
                    book.shelf = shelf if one else None
                elif what == "delete" and book is not None and inspect(book).persistent:
                    session.delete(book)
                elif what == "nested" and not session.in_nested_transaction():
                    session.begin_nested()
                elif what in ("flush", "commit", "rollback"):
                    getattr(session, what)()
            except FlaskUowError as error:
                told.append((type(error).__name__, str(error).partition("\n")[0]))
                session.rollback()
        try:
            session.commit()
            session.commit()
        except FlaskUowError as error:
            told.append((type(error).__name__, str(error).partition("\n")[0]))
            session.rollback()
            session.rollback()
        held = [
            (inspect(obj).persistent, obj.id, obj.shelf_id if isinstance(obj, Book) else None)
            for obj in (*shelves, *books)
        ]
    with Session(engine) as session:
        rows = [
            session.execute(select(Shelf.id, Shelf.name).order_by(Shelf.id)).all(),
            session.execute(select(Book.id, Book.title, Book.shelf_id).order_by(Book.id)).all(),
        ]
        session.execute(Book.__table__.delete())  # type: ignore[attr-defined]
        session.execute(Shelf.__table__.delete())  # type: ignore[attr-defined]
        session.commit()
    return [told, held, rows]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, min_size=3, max_size=14))
def test_a_flush_without_a_plan_does_what_the_plan_does(session: Session, steps: list[Step]) -> None:
    engine = session.get_bind()
    assert isinstance(engine, Engine)
    plainly = played(engine, steps)
    with mock.patch("flask_uow.orm.flush.flush.write_plain", return_value=None):
        assert played(engine, steps) == plainly
