"""Versions that the database makes, or that the program sets: version_id_generator=False."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from flask_uow import (
    Column,
    Engine,
    FetchedValue,
    ForeignKey,
    Mapped,
    Session,
    StaleDataError,
    String,
    declarative_base,
    func,
    mapped_column,
    select,
    text,
    update,
)
from tests.statements import StatementLog

Base = declarative_base()
_BY_DATABASE = {"version_id_generator": False}


class Doc(Base):
    """A trigger counts; see the fixture."""

    __tablename__ = "doc"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    version: Mapped[int] = mapped_column(server_default=FetchedValue(), server_onupdate=FetchedValue(), nullable=True)
    kind: Mapped[str | None]
    __mapper_args__ = {
        "version_id_col": version,
        "polymorphic_on": "kind",
        "polymorphic_identity": "doc",
        **_BY_DATABASE,
    }


class Paper(Doc):
    __tablename__ = "paper"
    id: Mapped[int] = mapped_column(ForeignKey("doc.id"), primary_key=True)
    journal: Mapped[str]
    __mapper_args__ = {"polymorphic_identity": "paper"}


class Draft(Base):
    """The program sets the version where it wants to."""

    __tablename__ = "draft"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    stamp: Mapped[UUID]
    __mapper_args__ = {"version_id_col": "stamp", **_BY_DATABASE}


class Line(Base):
    """An expression makes the version, at each UPDATE as well."""

    __tablename__ = "line"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    version: Mapped[int] = mapped_column(server_default=text("1"), onupdate=text("version + 1"))
    __mapper_args__ = {"version_id_col": version, **_BY_DATABASE}


class Tray(Base):
    """Without a version."""

    __tablename__ = "tray"
    id: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str]
    size: Mapped[int | None] = mapped_column(server_default=FetchedValue())


_TRIGGERS = {
    "sqlite": [
        "CREATE TRIGGER doc_new AFTER INSERT ON doc BEGIN UPDATE doc SET version = 1 WHERE id = new.id; END",
        "CREATE TRIGGER doc_changed AFTER UPDATE ON doc WHEN new.version = old.version"
        " BEGIN UPDATE doc SET version = old.version + 1 WHERE id = new.id; END",
        "CREATE TRIGGER tray_new AFTER INSERT ON tray BEGIN UPDATE tray SET size = 7 WHERE id = new.id; END",
    ],
    "postgresql": [
        "CREATE FUNCTION size_tray() RETURNS trigger AS 'BEGIN NEW.size := 7; RETURN NEW; END' LANGUAGE plpgsql",
        "CREATE TRIGGER tray_new BEFORE INSERT ON tray FOR EACH ROW EXECUTE FUNCTION size_tray()",
        "CREATE FUNCTION count_doc() RETURNS trigger AS 'BEGIN NEW.version := COALESCE(OLD.version, 0) + 1; RETURN NEW;"
        " END' LANGUAGE plpgsql",
        "CREATE TRIGGER doc_counts BEFORE INSERT OR UPDATE ON doc FOR EACH ROW EXECUTE FUNCTION count_doc()",
    ],
}


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        for statement in _TRIGGERS[engine.dialect.name]:
            connection.execute(statement)
    with Session(bind=engine, expire_on_commit=False) as session:
        yield session


def _elsewhere(session: Session, statement: str) -> None:
    with session.get_bind().begin() as connection:
        connection.execute(statement)


@pytest.mark.parametrize("class_", [Doc, Paper])
@pytest.mark.parametrize("count", [1, 3])
def test_a_trigger_makes_versions(session: Session, statements: StatementLog, class_: Any, count: int) -> None:
    more = {"journal": "j"} if class_ is Paper else {}
    docs = [class_(title=str(n), **more) for n in range(count)]
    session.add_all(docs)
    session.commit()
    with statements.expect(0):
        assert [doc.version for doc in docs] == [1] * count
    for number in (2, 3):
        for doc in docs:
            doc.title += "!"
        session.commit()
        with statements.expect(0):
            assert [doc.version for doc in docs] == [number] * count
    _elsewhere(session, "UPDATE doc SET title = 'x' WHERE id = 1")
    for doc in docs:
        doc.title += "?"
    with pytest.raises(StaleDataError, match=rf"UPDATE of 'doc' found {count - 1} of {count} rows"):
        session.commit()


def test_a_change_in_the_table_of_a_subclass_makes_a_version_too(session: Session) -> None:
    paper = Paper(title="t", journal="j")
    session.add(paper)
    session.commit()
    paper.journal = "k"
    session.commit()
    assert paper.version == 2
    assert session.scalar(select(Doc.version)) == 2
    session.add(Paper(id=7, title="t", journal="j"))
    session.commit()
    paper.journal = func.lower("L")
    session.commit()
    assert (paper.version, paper.journal) == (3, "l")


def test_a_delete_checks_what_a_trigger_has_made(session: Session) -> None:
    doc = Doc(title="t")
    session.add(doc)
    session.commit()
    _elsewhere(session, "UPDATE doc SET title = 'x'")
    session.delete(doc)
    with pytest.raises(StaleDataError):
        session.commit()
    session.rollback()
    session.refresh(doc)
    session.delete(doc)
    session.commit()
    assert session.query(Doc).count() == 0


def test_the_program_sets_versions(session: Session) -> None:
    first, second = uuid4(), uuid4()
    draft = Draft(title="a", stamp=first)
    session.add(draft)
    session.commit()
    draft.title = "b"
    session.commit()
    assert (draft.stamp, session.scalar(select(Draft.stamp))) == (first, first)
    draft.title, draft.stamp = "c", second
    session.commit()
    assert (draft.stamp, session.scalar(select(Draft.stamp))) == (second, second)
    with session.get_bind().begin() as connection:
        connection.execute(update(Draft).values(stamp=first))
    draft.title = "d"
    with pytest.raises(StaleDataError, match="UPDATE of 'draft' found 0 of 1 rows"):
        session.commit()


def test_a_version_that_is_set_unloaded_is_compared_with_the_one_before(session: Session) -> None:
    first, second = uuid4(), uuid4()
    draft = Draft(title="a", stamp=first)
    session.add(draft)
    session.commit()
    session.expire(draft)
    draft.title, draft.stamp = "b", second
    session.commit()
    assert session.scalar(select(Draft.stamp)) == second
    session.expire(draft)
    draft.stamp = first
    with session.no_autoflush:
        session.execute(update(Draft.__table__).values(stamp=uuid4()))
    with pytest.raises(StaleDataError):
        session.flush()


def test_an_expression_makes_versions(session: Session) -> None:
    lines = [Line(title=str(n)) for n in range(3)]
    session.add_all(lines)
    session.commit()
    assert [line.version for line in lines] == [1, 1, 1]
    for line in lines[:2]:
        line.title += "!"
    session.commit()
    assert [line.__dict__["version"] for line in lines] == [2, 2, 1]
    _elsewhere(session, "UPDATE line SET version = 9 WHERE id = 1")
    lines[0].title = "z"
    with pytest.raises(StaleDataError):
        session.commit()


def test_statements_leave_versions_to_the_database(session: Session) -> None:
    docs = [Doc(title=str(n)) for n in range(3)]
    session.add_all(docs)
    session.commit()
    session.execute(update(Doc).where(Doc.title == "0").values(title="x"))
    assert [doc.version for doc in docs] == [2, 1, 1]
    session.bulk_update_mappings(Doc, [{"id": docs[1].id, "title": "y", "version": 1}])
    session.bulk_update_mappings(Doc, [{"id": docs[2].id, "title": "z"}])
    assert [(doc.title, doc.version) for doc in docs] == [("x", 2), ("y", 2), ("z", 2)]
    with pytest.raises(StaleDataError):
        session.bulk_update_mappings(Doc, [{"id": docs[1].id, "title": "y", "version": 1}])
    session.rollback()
    session.bulk_insert_mappings(Doc, [{"title": "new"}])
    assert session.scalar(select(Doc.version).where(Doc.title == "new")) == 1


def test_a_new_object_takes_over_the_row_of_a_deleted_one(session: Session) -> None:
    session.add(Doc(id=5, title="a"))
    session.commit()
    session.delete(session.get(Doc, 5))
    doc = Doc(id=5, title="b")
    session.add(doc)
    session.commit()
    assert doc.version == session.scalar(select(Doc.version))


def test_a_key_may_change_with_the_version(session: Session) -> None:
    doc = Doc(id=5, title="a")
    session.add(doc)
    session.commit()
    doc.id, doc.title = 6, "b"
    session.commit()
    assert doc.__dict__["version"] == 2


def test_what_a_trigger_makes_of_a_new_row_is_loaded(session: Session) -> None:
    docs = [Tray(label=str(n)) for n in range(2)]
    for some in (docs[:1], docs):
        session.add_all(some)
        session.flush()
        assert [tray.size for tray in some] == [7] * len(some)
    assert session.scalars(select(Tray.size)).all() == [7, 7]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_the_transaction_that_wrote_a_row_is_its_version(engine: Engine) -> None:
    base = declarative_base()

    class Note(base):
        __tablename__ = "note"
        id: Mapped[int] = mapped_column(primary_key=True)
        text: Mapped[str]
        xmin = Column("xmin", String, system=True, server_default=FetchedValue())
        __mapper_args__ = {"version_id_col": xmin, "version_id_generator": False}

    base.metadata.create_all(engine)
    with Session(engine, expire_on_commit=False) as session:
        notes = [Note(text=str(n)) for n in range(3)]
        session.add_all(notes)
        session.commit()
        assert len({note.xmin for note in notes}) == 1
        for count in (3, 1):
            for note in notes[:count]:
                note.text += "!"
            session.commit()
            assert [note.__dict__["xmin"] for note in notes] == session.scalars(
                select(Note.xmin).order_by(Note.id)
            ).all()
        with engine.begin() as connection:
            connection.execute("UPDATE note SET text = 'x' WHERE id = 2")
        for note in notes:
            note.text += "?"
        with pytest.raises(StaleDataError, match="UPDATE of 'note' found 2 of 3 rows; gone: <Note 2"):
            session.commit()
        session.rollback()
        assert notes[2].xmin is not None
        session.delete(notes[2])
        session.commit()
        assert session.query(Note).count() == 2
