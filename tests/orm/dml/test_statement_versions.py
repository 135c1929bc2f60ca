"""Version columns and what writes past the unit of work: statements, rows in bulk, locks, merge()."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from flask_uow import (
    Engine,
    ForeignKey,
    InvalidRequestError,
    Mapped,
    Session,
    StaleDataError,
    aliased,
    bindparam,
    declarative_base,
    insert,
    literal,
    mapped_column,
    select,
    update,
)

Base = declarative_base()


class Page(Base):
    __tablename__ = "page"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    author: Mapped[str | None]
    version: Mapped[int] = mapped_column("v")
    __mapper_args__ = {"version_id_col": "version"}


class Employee(Base):
    __tablename__ = "employee"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    name: Mapped[str]
    version: Mapped[int]
    __mapper_args__ = {
        "polymorphic_on": "kind",
        "polymorphic_identity": "employee",
        "version_id_col": "version",
    }


class Engineer(Employee):
    __tablename__ = "engineer"
    id: Mapped[int] = mapped_column(ForeignKey("employee.id"), primary_key=True)
    language: Mapped[str]
    __mapper_args__ = {"polymorphic_identity": "engineer"}


class Manager(Employee):
    car: Mapped[str | None]
    __mapper_args__ = {"polymorphic_identity": "manager"}


class Letter(Base):
    __tablename__ = "letter"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]
    stamp: Mapped[str]
    __mapper_args__ = {"version_id_col": "stamp", "version_id_generator": lambda old: uuid.uuid4().hex}


@pytest.fixture
def session(engine: Engine) -> Any:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Page(title="a"), Page(title="b"), Letter(text="x")])
        session.add(Engineer(name="ann", language="C"))
        session.flush()
        session.add(Manager(name="bo"))
        session.commit()
        yield session


def versions(session: Session, class_: Any = Page) -> list[int]:
    return list(session.scalars(select(class_.version).order_by(class_.id)))


def change(engine: Any, class_: Any, key: int, **values: Any) -> None:
    """Change a row as someone else does."""
    with Session(engine) as other:
        obj = other.get(class_, key)
        for name, value in values.items():
            setattr(obj, name, value)
        other.commit()


# -- UPDATE


@pytest.mark.parametrize("way", ["auto", "evaluate", "fetch", False])
def test_an_update_by_criteria_counts_the_versions_of_its_rows(session: Session, way: Any) -> None:
    page = session.get(Page, 1)
    assert session.query(Page).filter_by(id=1).update({"title": "new"}, synchronize_session=way) == 1
    assert versions(session) == [2, 1]
    if way is False:
        session.expire(page)
    assert page is not None
    assert (page.title, page.version) == ("new", 2)
    page.title = "newer"
    session.commit()
    assert versions(session) == [3, 1]


@pytest.mark.parametrize(
    "statement",
    [
        update(Page).where(Page.id == 1).values(title="new"),
        update(Page).where(Page.id == 1).values({Page.title: Page.title + "!"}),
        update(Page).where(Page.version == 1, Page.id < 2).values(title="new"),
        update(Page).where(Page.id == 1).values(title="new").returning(Page.id),
        update(Page).where(Page.id == 1).values(title="new").returning(Page),
        update(aliased(Page, name="p")).where(literal(True)).values(title="new"),
    ],
)
def test_an_update_statement_counts(session: Session, statement: Any) -> None:
    page = session.get(Page, 1)
    session.execute(statement)
    assert versions(session)[0] == 2
    assert page is not None
    assert page.version == 2
    page.title = "newer"
    session.commit()


def test_parameters_of_an_update_count(session: Session) -> None:
    session.execute(update(Page), {"author": "x"})
    session.execute(
        update(Page).where(Page.id == bindparam("page")), [{"page": 1, "title": "c"}, {"page": 2, "title": "d"}]
    )
    assert versions(session) == [3, 3]


def test_a_version_that_the_statement_sets_itself_is_taken(session: Session) -> None:
    session.execute(update(Page).where(Page.id == 1).values(title="new", version=9))
    session.query(Page).filter_by(id=2).update({Page.version: Page.version + 10})
    assert versions(session) == [9, 11]


def test_an_update_of_a_joined_table_counts_in_the_table_of_the_version(session: Session) -> None:
    engineer, manager = session.get(Engineer, 1), session.get(Manager, 2)
    assert engineer is not None
    assert manager is not None
    assert session.query(Engineer).filter(Engineer.version == 1).update({"language": "Go"}) == 1
    assert (engineer.language, engineer.version) == ("Go", 2)
    session.query(Engineer).filter(Engineer.language == "Go").update({"name": "anna"})
    session.query(Employee).update({"name": Employee.name + "!"})
    session.query(Manager).update({"car": "red"})
    assert (engineer.name, engineer.version, manager.version) == ("anna!", 4, 3)
    engineer.language = "C"
    session.commit()
    assert versions(session, Employee) == [5, 3]
    statement = update(Engineer).where(Engineer.id == bindparam("key"))
    assert session.execute(statement, [{"key": 1, "language": "D"}, {"key": 9, "language": "E"}]).rowcount == 1
    assert engineer.version == 6
    with pytest.raises(InvalidRequestError, match="takes two statements"):
        session.execute(update(Engineer).values(language="F").returning(Engineer.language))


def test_an_object_that_is_older_than_its_row_stays_so(session: Session) -> None:
    with Session(session.bind, expire_on_commit=False, autoflush=False) as mine:
        page = mine.get(Page, 1)
        assert page is not None
        for step in (
            lambda: mine.query(Page).filter_by(id=1).update({"title": "x"}),
            lambda: mine.query(Page).filter_by(id=1).update({"title": "x"}, synchronize_session="fetch"),
            lambda: mine.query(Page).filter_by(id=1).update({"title": "x"}, synchronize_session=False),
            lambda: mine.bulk_update(Page, [{"id": 1, "title": "x"}]),
            lambda: mine.execute(update(Page), [{"id": 1, "title": "x"}]),
        ):
            mine.refresh(page)
            mine.commit()
            change(session.bind, Page, 1, author=f"theirs {page.version}")
            step()
            page.author = "mine, from the old values"
            with pytest.raises(StaleDataError):
                mine.flush()
            mine.rollback()


def test_unflushed_changes_are_not_taken_for_what_the_database_has(session: Session) -> None:
    with Session(session.bind, autoflush=False) as mine:
        first, second = mine.query(Page).order_by(Page.id)
        first.author = "not flushed"
        mine.query(Page).filter(Page.author == "not flushed").update({"title": "x"})
        assert (first.title, second.title, first.author) == ("a", "b", "not flushed")
        first.title = "not flushed"
        mine.query(Page).update({"title": Page.title + "!"})
        assert (first.title, second.title) == ("a!", "b!")
        mine.commit()
        assert (first.title, first.author) == ("a!", "not flushed")


# -- UPDATE by key


def test_rows_by_key_count_their_versions(session: Session) -> None:
    page = session.get(Page, 1)
    session.execute(update(Page), [{"id": 1, "title": "x"}, {"id": 2, "title": "y", "version": 1}])
    session.bulk_update(Page, [{"id": 1, "author": "z"}])
    assert versions(session) == [3, 2]
    assert page is not None
    assert page.version == 3
    page.title = "newer"
    session.commit()


@pytest.mark.parametrize(
    "write",
    [
        lambda session, rows: session.bulk_update(Page, rows),
        lambda session, rows: session.execute(update(Page), rows),
    ],
)
@pytest.mark.parametrize("rows", [[{"id": 1, "title": "x", "version": 99}], [{"id": 1, "title": "x", "version": 1},
                                                                            {"id": 2, "title": "x", "version": 0}]])  # fmt: skip
def test_a_row_by_key_with_another_version_is_stale(session: Session, write: Callable[..., Any], rows: Any) -> None:
    with pytest.raises(StaleDataError, match="have another version"):
        write(session, rows)
    session.rollback()
    assert session.execute(select(Page.title, Page.version).order_by(Page.id)).all() == [("a", 1), ("b", 1)]


def test_objects_in_bulk_are_written_under_the_version_they_were_loaded_with(session: Session) -> None:
    page = session.get(Page, 1)
    assert page is not None
    session.expunge(page)
    page.title = "x"
    session.bulk_update(Page, [page])
    assert versions(session) == [2, 1]
    with pytest.raises(StaleDataError):
        session.bulk_update(Page, [page])
    session.rollback()


def test_rows_in_several_tables_have_one_version(session: Session) -> None:
    engineer = session.get(Engineer, 1)
    assert engineer is not None
    session.execute(update(Engineer), [{"id": 1, "language": "Go"}])
    session.execute(update(Engineer), [{"id": 1, "language": "D", "name": "anna", "version": 2}])
    assert engineer.version == 3
    with pytest.raises(StaleDataError):
        session.execute(update(Engineer), [{"id": 1, "language": "E", "version": 2}])
    session.rollback()


# -- versions of another kind


def test_a_statement_cannot_make_versions_of_another_kind(session: Session) -> None:
    letter = session.get(Letter, 1)
    for write in (
        lambda: session.query(Letter).update({"text": "y"}),
        lambda: session.execute(update(Letter), [{"id": 1, "text": "y"}]),
        lambda: session.bulk_update(Letter, [{"id": 1, "text": "y"}]),
        lambda: session.execute(
            insert(Letter).values(id=1, text="y").on_conflict_do_update([Letter.id], {"text": "y"})
        ),
    ):
        with pytest.raises(InvalidRequestError, match="Give 'stamp' a value"):
            write()
    session.query(Letter).update({"text": "y", "stamp": "mine"})
    assert letter is not None
    assert letter.stamp == "mine"
    session.execute(update(Letter), [{"id": 1, "text": "z", "stamp": "mine"}])
    assert letter.text == "z"
    assert letter.stamp != "mine"
    letter.text = "flushed"
    session.commit()


def test_new_rows_have_versions_of_their_own_kind(session: Session) -> None:
    session.execute(insert(Letter).values([{"text": "a"}, {"text": "b"}]))
    session.execute(insert(Letter), [{"text": "c"}, {"text": "d"}])
    session.execute(insert(Letter).from_select(["text"], select(literal("e"))))
    assert len(set(session.scalars(select(Letter.stamp)))) == 6


# -- INSERT


@pytest.mark.parametrize(
    ("statement", "rows"),
    [
        (insert(Page).values(title="c"), None),
        (insert(Page).values([{"title": "c"}]), None),
        (insert(Page), {"title": "c"}),
        (insert(Page), [{"title": "c"}]),
        (insert(Page), [{"title": "c", "version": 1}]),
        (insert(Page).from_select(["title"], select(Page.title).where(Page.id == 1)), None),
    ],
)
def test_an_insert_statement_gives_the_first_version(session: Session, statement: Any, rows: Any) -> None:
    session.query(Page).filter_by(id=2).delete()
    session.execute(statement, rows)
    assert versions(session) == [1, 1]


def test_an_upsert_counts_the_version_of_the_row_that_is_there(session: Session) -> None:
    page = session.get(Page, 1)
    new = insert(Page).values(id=1, title="x")
    session.execute(new.on_conflict_do_update([Page.id], {"title": new.excluded.title}))
    session.execute(new.on_conflict_do_update([Page.id]))
    assert versions(session) == [3, 1]
    assert page is not None
    assert (page.title, page.version) == ("x", 3)
    session.execute(new.on_conflict_do_update([Page.id], {"version": 20}))
    session.execute(insert(Page).values(id=3, title="x").on_conflict_do_update([Page.id]))
    assert versions(session) == [20, 1, 1]


def test_rows_of_single_table_classes_have_versions(session: Session) -> None:
    session.execute(insert(Manager).values(name="x"))
    session.execute(insert(Manager), [{"name": "y"}])
    assert versions(session, Manager) == [1, 1, 1]


# -- locks, merge


LOCKS: list[Callable[..., Any]] = [
    lambda session, class_, key: session.query(class_).with_lockmode("update").get(key),
    lambda session, class_, key: session.query(class_).with_lockmode("read").get(key),
    lambda session, class_, key: session.query(class_).with_for_update().get(key),
    lambda session, class_, key: session.get(class_, key, with_for_update=True),
]


@pytest.mark.parametrize("lock", LOCKS)
@pytest.mark.parametrize(("class_", "key"), [(Page, 1), (Engineer, 1), (Employee, 1)])
def test_a_lock_finds_an_object_that_is_older_than_its_row(
    session: Session, lock: Callable[..., Any], class_: Any, key: int
) -> None:
    name, theirs = ("title", "theirs") if class_ is Page else ("name", "theirs")
    with Session(session.bind, expire_on_commit=False, autoflush=False) as mine:
        obj = mine.get(class_, key)
        mine.commit()
        change(session.bind, class_, key, **{name: theirs})
        with pytest.raises(StaleDataError, match="was to be locked, and its row has the version 2"):
            lock(mine, class_, key)
        setattr(obj, name, "mine")
        with pytest.raises(StaleDataError):
            lock(mine, class_, key)
        with pytest.raises(StaleDataError):
            mine.refresh(obj, lockmode="update")
        assert getattr(obj, name) == "mine"
        mine.rollback()
        assert lock(mine, class_, key) is obj
        assert getattr(obj, name) == "theirs"
        assert lock(mine, class_, 99) is None


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_keeps_the_unflushed_changes_of_an_object_with_the_version_of_its_row(
    session: Session, lock: Callable[..., Any]
) -> None:
    with Session(session.bind, autoflush=False) as mine:
        page = mine.get(Page, 1)
        assert page is not None
        page.title = "mine"
        mine.expire(page, ["author"])
        assert lock(mine, Page, 1) is page
        assert page.title == "mine"
        mine.commit()
        assert page.title == "mine"


def test_a_merge_of_an_older_object_is_refused(session: Session) -> None:
    page = session.get(Page, 1)
    assert page is not None
    session.expunge(page)
    session.commit()
    change(session.bind, Page, 1, author="theirs")
    page.title = "mine"
    with pytest.raises(StaleDataError, match="with the version 1, and the row has 2"):
        session.merge(page)
    assert session.merge(Page(id=1, title="no version is any version")).author == "theirs"
