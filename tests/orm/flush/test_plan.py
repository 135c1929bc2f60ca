"""Plans of flushes: what ``print(session.plan_flush())`` shows, for objects that no database has ever seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_uow import (
    Column,
    DeclarativeBase,
    FlushError,
    ForeignKey,
    InvalidRequestError,
    Mapped,
    MapperExtension,
    Session,
    SessionExtension,
    Table,
    inspect,
    mapped_column,
    relationship,
)


class Base(DeclarativeBase):
    """The base of the classes here."""


book_tag = Table(
    "book_tag",
    Base.metadata,
    Column("book_id", ForeignKey("book.id"), primary_key=True),
    Column("tag_id", ForeignKey("tag.id"), primary_key=True),
)


class Shelf(Base):
    __tablename__ = "shelf"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    books: Mapped[list[Book]] = relationship(back_populates="shelf", cascade="save-update, merge")


class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str | None]
    place: Mapped[int | None] = mapped_column(unique=True)
    shelf_id: Mapped[int | None] = mapped_column(ForeignKey("shelf.id"))
    shelf: Mapped[Shelf | None] = relationship(back_populates="books")
    tags: Mapped[list[Tag]] = relationship(secondary=book_tag)
    notes: Mapped[list[Note]] = relationship(back_populates="book", cascade="all, delete-orphan")


class Tag(Base):
    __tablename__ = "tag"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None]


class Note(Base):
    __tablename__ = "note"
    id: Mapped[int] = mapped_column(primary_key=True)
    book_id: Mapped[int | None] = mapped_column(ForeignKey("book.id"))
    book: Mapped[Book | None] = relationship(back_populates="notes")


class Node(Base):
    __tablename__ = "node"
    name: Mapped[str] = mapped_column(primary_key=True)
    parent_name: Mapped[str | None] = mapped_column(ForeignKey("node.name", onupdate="CASCADE"))
    parent: Mapped[Node | None] = relationship(back_populates="children", remote_side=[name])
    children: Mapped[list[Node]] = relationship(back_populates="parent")


class Person(Base):
    __tablename__ = "person"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str | None]
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "person"}


class Engineer(Person):
    __tablename__ = "engineer"
    id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    language: Mapped[str | None]
    __mapper_args__ = {"polymorphic_identity": "engineer"}


class Team(Base):
    __tablename__ = "team"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    captain_id: Mapped[int | None] = mapped_column(ForeignKey("player.id"))
    captain: Mapped[Player | None] = relationship(foreign_keys=[captain_id], post_update=True)
    players: Mapped[list[Player]] = relationship(back_populates="team", foreign_keys="Player.team_id")


class Player(Base):
    __tablename__ = "player"
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int | None] = mapped_column(ForeignKey("team.id"))
    team: Mapped[Team | None] = relationship(back_populates="players", foreign_keys=[team_id])


class Counted(Base):
    __tablename__ = "counted"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str | None]
    version: Mapped[int | None]
    __mapper_args__ = {"version_id_col": "version"}


@pytest.fixture
def session() -> Iterator[Session]:
    """A Session that has no database: whoever sends a statement fails."""
    made = Session()
    yield made
    made.close()


def stored(session: Session, *objects: Any) -> None:
    """Have objects in a Session as if they had been loaded, with all that they have as it is."""
    for obj in objects:
        mapper = type(obj).__mapper__
        for name in mapper.attribute_names:
            # an attribute that was not set reads as None or as an empty collection, and counts as loaded then
            getattr(obj, name)
        state = inspect(obj)
        key = tuple(getattr(obj, name) for name in mapper.primary_key_names)
        state.row_key = key[0] if len(key) == 1 else key
        state.changes = None
    session.add_all(objects)


def plan(session: Session) -> list[str]:
    """Return the lines of the plan, with single spaces."""
    return [" ".join(line.split()) for line in str(session.plan_flush()).splitlines()]


def test_the_plan_in_the_documentation_is_one(session: Session) -> None:
    old, other = Shelf(id=1, name="a"), Shelf(id=2, name="b")
    left = Book(id=1, shelf_id=1, shelf=old)
    moving = [Book(id=number, shelf_id=2, shelf=other, place=number) for number in (2, 3)]
    tag, notes = Tag(id=1), [Note(id=1, book_id=2), Note(id=2, book_id=2)]
    moving[0].notes = notes
    stored(session, old, other, tag, left, *moving, *notes)
    with session.no_autoflush:
        left.shelf = None
        session.delete(old)
        session.add(Shelf(name="a", books=[Book(tags=[tag, Tag()])]))
        for book in moving:
            book.place = book.id + 1
        moving[0].notes.pop()
    page = Path(__file__).parents[3] / "docs" / "architecture" / "flush.md"
    assert f"```text\n{session.plan_flush()}\n```" in page.read_text(encoding="utf-8")


# -- order of tables


def test_parents_are_inserted_before_children_and_the_plan_says_so(session: Session) -> None:
    session.add_all([Book(shelf=Shelf(name="a")), Book()])
    assert plan(session) == [
        "1. INSERT shelf 1 row before book, which refers to it",
        "2. INSERT book 2 rows after shelf, to which it refers",
    ]


def test_a_plan_is_aligned_and_numbered(session: Session) -> None:
    session.add_all([Book(shelf=Shelf(name="a")), Book()])
    assert str(session.plan_flush()) == (
        "1. INSERT shelf  1 row   before book, which refers to it\n2. INSERT book   2 rows  after shelf, to which it refers"
    )


def test_nothing_to_write_is_an_empty_plan(session: Session) -> None:
    assert str(session.plan_flush()) == "nothing to write"
    assert not session.plan_flush()


def test_children_are_deleted_before_parents(session: Session) -> None:
    book = Book(id=1, notes=[Note(id=1), Note(id=2)])
    stored(session, *book.notes, book)
    session.delete(book)
    assert plan(session) == [
        "1. DELETE note 2 rows before book, to which it refers",
        "2. DELETE book 1 row after note, which refers to it",
    ]


def test_rows_of_a_many_to_many_come_after_both_sides(session: Session) -> None:
    book, old, kept = Book(id=1), Tag(id=1), Tag(id=2)
    book.tags = [old, kept]
    stored(session, old, kept, book)
    book.tags = [kept, Tag(), Tag()]
    assert plan(session) == [
        "1. INSERT tag 2 rows depends on nothing else",
        "2. DELETE book_tag 1 row before rows are deleted to which it refers",
        "3. INSERT book_tag 2 rows after book and tag, whose keys it holds",
    ]


def test_rows_of_one_table_that_refer_to_each_other_are_written_in_levels(session: Session) -> None:
    root = Node(name="root", children=[Node(name="a", children=[Node(name="b")]), Node(name="c")])
    session.add(root)
    assert plan(session) == [
        "1. INSERT node 1 row depends on nothing else",
        "2. INSERT node 2 rows after the rows of its own table to which it refers",
        "3. INSERT node 1 row after the rows of its own table to which it refers",
    ]


def test_rows_of_one_table_are_deleted_from_the_leaves_on(session: Session) -> None:
    root, leaf = Node(name="root"), Node(name="leaf")
    root.children = [leaf]
    leaf.parent_name = "root"
    stored(session, root, leaf)
    for node in (root, leaf):
        session.delete(node)
    assert plan(session) == [
        "1. DELETE node 1 row depends on nothing else",
        "2. DELETE node 1 row after the rows of its own table that refer to it",
    ]


def test_a_row_that_refers_to_a_new_one_of_its_table_is_updated_after_that(session: Session) -> None:
    first, second = Node(name="first"), Node(name="second")
    stored(session, first, second)
    first.parent = Node(name="new")
    second.parent = first
    assert plan(session) == [
        "1. UPDATE node (parent_name) 1 row before the INSERTs of its own table, since it refers to no new row",
        "2. INSERT node 1 row depends on nothing else",
        "3. UPDATE node (parent_name) 1 row after the new rows to which it refers",
    ]


def test_a_class_with_a_table_of_its_own_is_written_to_both_tables_in_one_step(session: Session) -> None:
    session.add_all([Engineer(), Person(), Engineer()])
    assert plan(session) == ["1. INSERT person 3 rows depends on nothing else", "INSERT engineer 2 rows"]


def test_a_changed_object_of_a_subclass_is_updated_in_the_tables_that_have_changes(session: Session) -> None:
    one, other = Engineer(id=1), Engineer(id=2)
    stored(session, one, other)
    one.language = "C"
    assert plan(session) == ["1. UPDATE engineer (language) 1 row depends on nothing else"]


# -- what is updated


def test_rows_with_the_same_changed_columns_are_one_line(session: Session) -> None:
    books = [Book(id=number, title="old") for number in range(4)]
    stored(session, *books)
    for book in books[:3]:
        book.title = "new"
    books[2].place = 7
    assert plan(session) == [
        "1. UPDATE book (title) 2 rows depends on nothing else",
        "UPDATE book (title, place) 1 row",
    ]


def test_a_change_that_is_taken_back_is_not_in_the_plan(session: Session) -> None:
    book = Book(id=1, title="old")
    stored(session, book)
    book.title = "new"
    book.title = "old"
    assert plan(session) == ["nothing to write"]


def test_a_counted_version_is_one_of_the_columns(session: Session) -> None:
    counted = Counted(id=1, version=3)
    stored(session, counted)
    counted.text = "new"
    assert plan(session) == ["1. UPDATE counted (text, version) 1 row depends on nothing else"]


def test_a_foreign_key_that_follows_from_a_relationship_is_one_of_the_columns(session: Session) -> None:
    here, there = Shelf(id=1, name="here"), Shelf(id=2, name="there")
    book = Book(id=1, shelf_id=1, shelf=here)
    stored(session, here, there, book)
    book.shelf = there
    assert plan(session) == ["1. UPDATE book (shelf_id) 1 row depends on nothing else"]
    book.shelf = None
    assert plan(session) == ["1. UPDATE book (shelf_id) 1 row depends on nothing else"]
    book.shelf = Shelf(name="new")
    assert plan(session) == [
        "1. INSERT shelf 1 row before book, which refers to it",
        "2. UPDATE book (shelf_id) 1 row after shelf, to which it refers",
    ]


def test_a_reference_that_is_put_back_is_not_in_the_plan(session: Session) -> None:
    here, there = Shelf(id=1, name="here"), Shelf(id=2, name="there")
    book = Book(id=1, shelf_id=1, shelf=here)
    stored(session, here, there, book)
    book.shelf = there
    book.shelf = here
    assert plan(session) == ["nothing to write"]


def test_children_that_stay_behind_are_updated_before_their_parent_is_deleted(session: Session) -> None:
    shelf = Shelf(id=1, name="a")
    shelf.books = [Book(id=1, shelf_id=1)]
    stored(session, shelf, *shelf.books)
    session.delete(shelf)
    assert plan(session) == [
        "1. UPDATE book (shelf_id) 1 row depends on nothing else",
        "2. DELETE shelf 1 row after what is written",
    ]


# -- values and keys that are handed on


def test_rows_that_hand_on_unique_values_are_updated_in_turns(session: Session) -> None:
    books = [Book(id=number, place=number) for number in range(3)]
    stored(session, *books)
    for book in books:
        book.place = book.id + 1
    turn = "1 row takes unique values that the UPDATE before it leaves"
    assert plan(session) == [
        "1. UPDATE book (place) 1 row depends on nothing else",
        f"2. UPDATE book (place) {turn}",
        f"3. UPDATE book (place) {turn}",
    ]


def test_rows_that_exchange_unique_values_give_them_up_first(session: Session) -> None:
    one, other = Book(id=1, place=1), Book(id=2, place=2)
    stored(session, one, other)
    one.place, other.place = 2, 1
    assert plan(session) == [
        "1. UPDATE book (place) 2 rows rows that exchange unique values give them up first",
        "2. UPDATE book (place) 2 rows depends on nothing else",
    ]
    assert (one.place, other.place) == (2, 1)


def test_a_row_whose_unique_value_is_taken_again_is_deleted_first(session: Session) -> None:
    shelf = Shelf(id=1, name="a")
    book = Book(id=1, shelf_id=1, shelf=shelf)
    stored(session, shelf, book)
    book.shelf = None
    session.delete(shelf)
    session.add(Shelf(name="a", books=[Book()]))
    assert plan(session) == [
        "1. UPDATE book (shelf_id) 1 row before rows are deleted to which it refers, or did",
        "2. DELETE shelf 1 row first, since its key or unique values are taken again",
        "3. INSERT shelf 1 row before book, which refers to it",
        "4. INSERT book 1 row after shelf, to which it refers",
    ]


def test_a_new_object_takes_over_the_row_to_which_others_refer(session: Session) -> None:
    old = Shelf(id=1, name="old")
    book = Book(id=1, shelf_id=1, shelf=old)
    stored(session, old, book)
    book.shelf = Shelf(id=1, name="new")
    session.delete(old)
    assert plan(session) == [
        "1. UPDATE shelf (name) 1 row takes over the row of a deleted object, since rows that stay refer to it"
    ]


def test_a_changed_key_says_that_others_follow(session: Session) -> None:
    node = Node(name="old")
    stored(session, node)
    node.name = "new"
    assert plan(session) == ["1. UPDATE node (name) 1 row depends on nothing else; keys that refer to it follow"]


def test_a_row_that_comes_to_refer_to_a_changed_key_is_updated_after_that(session: Session) -> None:
    child, parent = Node(name="child"), Node(name="parent")
    stored(session, child, parent)
    child.parent = parent
    child.name, parent.name = "small", "big"
    assert plan(session) == [
        "1. UPDATE node (name) 1 row depends on nothing else; keys that refer to it follow",
        "2. UPDATE node (name, parent_name) 1 row after the rows with new keys to which it refers; keys that refer to it follow",
    ]


# -- keys that are written apart


def test_post_update_has_nothing_to_write_for_a_new_row_that_refers_to_nothing(session: Session) -> None:
    team = Team()
    session.add(team)
    team.captain = None
    assert [step.operation for step in session.plan_flush()] == ["INSERT"]


def test_post_update_writes_a_foreign_key_when_all_rows_are_there(session: Session) -> None:
    team = Team(name="a", players=[Player(), Player()])
    team.captain = team.players[0]
    session.add(team)
    assert plan(session) == [
        "1. INSERT team 1 row before player, which refers to it",
        "2. INSERT player 2 rows after team, to which it refers",
        "3. UPDATE team (captain_id) 1 row post_update: when all rows are there",
    ]


def test_post_update_clears_a_foreign_key_before_rows_are_deleted(session: Session) -> None:
    team, player = Team(id=1, captain_id=1), Player(id=1, team_id=1)
    team.captain, team.players = player, [player]
    stored(session, team, player)
    session.delete(team)
    session.delete(player)
    assert plan(session) == [
        "1. UPDATE team (captain_id) 1 row post_update: before the rows are deleted",
        "2. DELETE player 1 row before team, to which it refers",
        "3. DELETE team 1 row after player, which refers to it",
    ]


# -- a plan changes nothing


def test_an_orphan_is_deleted_in_the_plan_and_stays_as_it_is_in_the_session(session: Session) -> None:
    note = Note(id=1, book_id=1)
    book = Book(id=1, notes=[note])
    stored(session, note, book)
    book.notes.remove(note)
    assert plan(session) == ["1. DELETE note 1 row depends on nothing else"]
    assert not session.deleted
    assert note in session.dirty
    book.notes.append(note)
    assert plan(session) == ["nothing to write"]


def test_a_new_object_in_a_deleted_one_is_left_out_of_the_plan_and_stays_in_the_session(session: Session) -> None:
    book = Book(id=1)
    stored(session, book)
    session.delete(book)
    note = Note()
    book.notes.append(note)
    assert plan(session) == ["1. DELETE book 1 row depends on nothing else"]
    assert note in session.new


def test_a_plan_sets_no_foreign_key(session: Session) -> None:
    shelf, book = Shelf(id=5, name="a"), Book()
    shelf.books.append(book)
    session.add(shelf)
    assert plan(session) == plan(session)
    assert book.shelf_id is None
    assert {*session.new} == {shelf, book}


def test_a_list_with_a_repeated_object_keeps_it_in_a_plan(session: Session) -> None:
    book, tag = Book(), Tag()
    book.tags = [tag, tag]
    session.add(book)
    assert plan(session)[-1] == "3. INSERT book_tag 1 row after book and tag, whose keys it holds"
    assert book.tags == [tag, tag]


def test_a_plan_of_chosen_objects_leaves_the_others_out(session: Session) -> None:
    shelf = Shelf(name="a")
    session.add_all([shelf, Tag()])
    assert str(session.plan_flush([shelf])) == "1. INSERT shelf  1 row  depends on nothing else"


def test_a_relationship_that_leads_out_of_the_session_has_no_plan(session: Session) -> None:
    book = Book()
    session.add(book)
    book.tags.append(Tag())
    session.expunge(book.tags[0])
    with pytest.raises(FlushError, match="not in this session"):
        session.plan_flush()


# -- steps


def test_steps_tell_table_columns_objects_and_operation(session: Session) -> None:
    shelf, book = Shelf(name="a"), Book(id=1, title="old")
    stored(session, book)
    book.title, book.shelf = "new", shelf
    insert, update = session.plan_flush()
    assert (insert.operation, insert.objects, insert.table) == ("INSERT", [shelf], Shelf.__table__)
    assert (update.operation, update.objects, update.columns) == ("UPDATE", [book], ("title", "shelf_id"))


def test_hooks_are_not_called_for_a_plan(session: Session) -> None:
    called: list[str] = []

    class Telling(MapperExtension):
        def before_insert(self, mapper: Any, connection: Any, instance: Any) -> None:
            called.append("insert")

    class Own(DeclarativeBase):
        pass

    class Watched(Own):
        __tablename__ = "watched"
        id: Mapped[int] = mapped_column(primary_key=True)
        __mapper_args__ = {"extension": Telling()}

    session.add(Watched())
    assert plan(session) == ["1. INSERT watched 1 row depends on nothing else"]
    assert not called


def test_there_is_no_plan_within_a_flush(session: Session) -> None:
    class Asking(SessionExtension):
        def before_flush(self, session: Session, flush_context: Any, instances: Any) -> None:
            session.plan_flush()

    asking = Session(extension=Asking())
    asking.add(Shelf(name="a"))
    with pytest.raises(InvalidRequestError, match="plan_flush"):
        asking.flush()


def test_a_plan_says_how_many_steps_it_has(session: Session) -> None:
    session.add(Shelf(name="a"))
    assert repr(session.plan_flush()) == "<FlushPlan of 1 steps>"
