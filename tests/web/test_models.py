"""db.Model, table names, bind keys, db.Table, create_all, and the helpers for views."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.exceptions import NotFound

from flask_uow import (
    Column,
    DeclarativeBase,
    ForeignKey,
    Integer,
    InvalidRequestError,
    Mapped,
    MetaData,
    UniqueConstraint,
    UnitOfWork,
    aliased,
    bindparam,
    declared_attr,
    exc,
    mapped_column,
    relationship,
    select,
)
from flask_uow.web.models import table_name_of
from tests.web.apps import add_note, dispose, make_app


@pytest.mark.parametrize(
    ("class_name", "table_name"),
    [
        ("User", "user"),
        ("AuditEntry", "audit_entry"),
        ("HTTPRequest", "http_request"),
        ("OAuth2Token", "o_auth2_token"),
        ("user", "user"),
    ],
)
def test_the_default_table_name_is_the_class_name_in_snake_case(class_name: str, table_name: str) -> None:
    assert table_name_of(class_name) == table_name


def test_a_given_table_name_wins() -> None:
    db = UnitOfWork()

    class User(db.Model):  # type: ignore[misc]
        __tablename__ = "people"
        id: Mapped[int] = mapped_column(primary_key=True)

    assert User.__table__.name == "people"


def test_an_abstract_class_has_no_table_and_its_children_have_their_own() -> None:
    db = UnitOfWork()

    class WithId(db.Model):  # type: ignore[misc]
        __abstract__ = True
        id: Mapped[int] = mapped_column(primary_key=True)

    class Cat(WithId):
        pass

    class Dog(WithId):
        pass

    assert set(db.metadata.tables) == {"cat", "dog"}
    assert (Cat.__table__.name, Dog.__table__.name) == ("cat", "dog")


def test_a_mixin_that_names_tables_names_those_of_subclasses() -> None:
    db = UnitOfWork()

    class Prefixed:
        @declared_attr
        def __tablename__(cls) -> str:
            return "shop_" + cls.__name__.lower()  # type: ignore[attr-defined, no-any-return]

    class Person(Prefixed, db.Model):  # type: ignore[misc, name-defined]
        id: Mapped[int] = mapped_column(primary_key=True)

    class Clerk(Person):
        id: Mapped[int] = mapped_column(ForeignKey(Person.id), primary_key=True)

    class OfPerson:
        @declared_attr
        def id(cls) -> Mapped[int]:
            return mapped_column(ForeignKey(Person.id), primary_key=True)

    class Guest(OfPerson, Person):
        pass

    class PlainPerson(db.Model):  # type: ignore[misc, name-defined]
        id: Mapped[int] = mapped_column(primary_key=True)

    class PlainGuest(OfPerson, PlainPerson):
        id: Mapped[int] = mapped_column(ForeignKey(PlainPerson.id), primary_key=True)

    assert sorted(db.metadata.tables) == ["plain_guest", "plain_person", "shop_clerk", "shop_guest", "shop_person"]


def test_the_naming_convention_of_a_base_is_that_of_every_bind() -> None:
    convention = {"ix": "index_of_%(column_0_name)s", "uq": "unique_%(table_name)s_%(column_0_name)s"}

    class Base(DeclarativeBase):
        metadata = MetaData(naming_convention=convention)

    db = UnitOfWork(model_class=Base)

    class Event(db.Model):  # type: ignore[misc, name-defined]
        __bind_key__ = "audit"
        id: Mapped[int] = mapped_column(primary_key=True)
        at: Mapped[int] = mapped_column(index=True)
        code: Mapped[str]
        __table_args__ = (UniqueConstraint("code"),)

    tag = db.Table(
        "tag", Column("id", Integer, primary_key=True), Column("word", Integer, unique=True), bind_key="words"
    )
    assert [index.name for index in Event.__table__.indexes] == ["index_of_at"]
    assert [each.name for each in Event.__table__.constraints] == ["unique_event_code"]
    assert [each.name for each in tag.constraints] == ["unique_tag_word"]
    assert Event.__table__.metadata is db.metadatas["audit"]


def test_models_that_were_there_before_the_extension_have_their_bind_keys() -> None:
    class Base(DeclarativeBase):
        pass

    class Silo(Base):
        __tablename__ = "silo"
        __bind_key__ = "harvest"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Grain(Base):
        __tablename__ = "grain"
        __bind_key__ = "harvest"
        id: Mapped[int] = mapped_column(primary_key=True)
        silo_id: Mapped[int] = mapped_column(ForeignKey("silo.id"))

    class Barn(Base):
        __tablename__ = "barn"
        id: Mapped[int] = mapped_column(primary_key=True)

    db = UnitOfWork(model_class=Base)
    assert {key: sorted(metadata.tables) for key, metadata in db.metadatas.items()} == {
        None: ["barn"],
        "harvest": ["grain", "silo"],
    }
    app = make_app(db, "sqlite://", UOW_BINDS={"harvest": "sqlite://"})
    with app.app_context():
        db.create_all()
        db.session.add_all([Silo(id=1), Barn(id=2)])
        db.session.flush()
        db.session.add(Grain(id=3, silo_id=1))
        db.session.commit()
        assert db.session.query(Grain).one().silo_id == 1
        assert db.session.get_bind(Silo) is db.engines["harvest"]
    dispose(db, app)


def test_a_base_of_the_users_own_has_the_same_defaults() -> None:
    class Base(DeclarativeBase):
        pass

    db = UnitOfWork(model_class=Base)

    class AuditEntry(Base):
        id: Mapped[int] = mapped_column(primary_key=True)

    class Log(Base):
        __bind_key__ = "logs"
        id: Mapped[int] = mapped_column(primary_key=True)

    assert db.Model is Base
    assert AuditEntry.__table__.name == "audit_entry"
    assert db.metadata is Base.metadata
    assert list(db.metadatas["logs"].tables) == ["log"]


def test_a_bind_key_that_is_no_string_is_refused() -> None:
    db = UnitOfWork()
    with pytest.raises(exc.ArgumentError, match="a bind key is a string or None, got 7"):

        class Entry(db.Model):  # type: ignore[misc]
            __bind_key__ = 7
            id: Mapped[int] = mapped_column(primary_key=True)


def test_a_model_class_that_is_no_declarative_base_is_refused() -> None:
    with pytest.raises(exc.ArgumentError, match="model_class"):
        UnitOfWork(model_class=int)  # type: ignore[arg-type]


def test_two_extensions_have_models_of_the_same_name() -> None:
    for _ in range(2):
        db = UnitOfWork()

        class Thing(db.Model):  # type: ignore[misc]
            id: Mapped[int] = mapped_column(primary_key=True)

        assert list(db.metadata.tables) == ["thing"]


@pytest.fixture
def two_binds(database_uri: str, second_database_uri: str) -> Iterator[tuple[UnitOfWork, Flask]]:
    db = UnitOfWork()

    class Author(db.Model):  # type: ignore[misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]
        posts: Mapped[list[Post]] = relationship(back_populates="author")

    class Post(db.Model):  # type: ignore[misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        author_id: Mapped[int] = mapped_column(ForeignKey("author.id"))
        author: Mapped[Author] = relationship(back_populates="posts")

    class AuditEntry(db.Model):  # type: ignore[misc]
        __bind_key__ = "audit"
        id: Mapped[int] = mapped_column(primary_key=True)
        text: Mapped[str]

    db.Author, db.Post, db.AuditEntry = Author, Post, AuditEntry  # type: ignore[attr-defined]
    app = make_app(db, database_uri, create=False, UOW_BINDS={"audit": second_database_uri})
    yield db, app
    dispose(db, app)


def tables(db: UnitOfWork, key: str | None) -> list[str]:
    with db.engines[key].connect() as connection:
        return sorted(connection.table_names())


def test_create_all_makes_each_table_on_the_engine_of_its_bind_key(two_binds: tuple[UnitOfWork, Flask]) -> None:
    db, app = two_binds
    with app.app_context():
        db.create_all()
        assert (tables(db, None), tables(db, "audit")) == (["author", "post"], ["audit_entry"])
        db.drop_all()
        assert (tables(db, None), tables(db, "audit")) == ([], [])


@pytest.mark.parametrize(("key", "expected"), [(None, (["author", "post"], [])), ("audit", ([], ["audit_entry"]))])
def test_create_all_of_one_bind_leaves_the_others_alone(
    two_binds: tuple[UnitOfWork, Flask], key: str | None, expected: tuple[list[str], list[str]]
) -> None:
    db, app = two_binds
    with app.app_context():
        db.create_all(key)
        assert (tables(db, None), tables(db, "audit")) == expected


def test_an_unknown_bind_key_is_an_error_with_a_suggestion(two_binds: tuple[UnitOfWork, Flask]) -> None:
    db, app = two_binds
    with app.app_context(), pytest.raises(exc.ArgumentError, match=r"no bind 'audits'. Did you mean 'audit'\?"):
        db.create_all("audits")


def test_objects_of_several_binds_are_saved_by_one_session(two_binds: tuple[UnitOfWork, Flask]) -> None:
    db, app = two_binds
    with app.app_context():
        db.create_all()
        db.session.add_all([db.Author(name="ed"), db.AuditEntry(text="made ed")])  # type: ignore[attr-defined]
    with app.app_context():
        with db.engine.connect() as default, db.engines["audit"].connect() as audit:
            assert default.fetch_all("SELECT name FROM author") == [("ed",)]
            assert audit.fetch_all("SELECT text FROM audit_entry") == [("made ed",)]
        assert db.session.scalars(select(db.AuditEntry.text)).all() == ["made ed"]  # type: ignore[attr-defined]


def test_a_table_goes_to_the_metadata_of_its_bind_key() -> None:
    db = UnitOfWork()
    default = db.Table("a", Column("id", Integer, primary_key=True))
    audit = db.Table("b", Column("id", Integer, primary_key=True), bind_key="audit")
    own = MetaData()
    elsewhere = db.Table("c", own, Column("id", Integer, primary_key=True))
    assert list(db.metadata.tables.values()) == [default]
    assert list(db.metadatas["audit"].tables.values()) == [audit]
    assert list(own.tables.values()) == [elsewhere]


def test_query_of_a_model_uses_the_current_session(db: UnitOfWork, flask_app: Flask) -> None:
    with flask_app.app_context():
        note = add_note(db, "a")
        assert db.Note.query.filter_by(text="a").one() is note  # type: ignore[attr-defined]


def test_models_of_a_given_base_have_query_and_so_have_those_of_bases_derived_from_it(database_uri: str) -> None:
    class Base(DeclarativeBase):
        pass

    db = UnitOfWork(model_class=Base)

    class Oven(Base):
        __tablename__ = "oven"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Tray(db.Model):  # type: ignore[misc, name-defined]
        id: Mapped[int] = mapped_column(primary_key=True)

    app = make_app(db, database_uri)
    with app.app_context():
        db.session.add_all([Oven(), Tray(), Tray()])
        assert (Oven.query.count(), Tray.query.count()) == (1, 2)  # type: ignore[attr-defined]
        assert Oven.query.filter_by(id=1).one() in db.session  # type: ignore[attr-defined]
    dispose(db, app)


def test_a_query_attribute_of_a_given_base_is_left_alone(tmp_path: Path) -> None:
    class Base(DeclarativeBase):
        @classmethod
        def query(cls) -> str:
            return cls.__name__

    db = UnitOfWork(model_class=Base)

    class Oven(Base):
        __tablename__ = "oven"
        id: Mapped[int] = mapped_column(primary_key=True)

    assert Oven.query() == "Oven"
    assert db.metadata is Base.metadata


def test_a_base_that_two_extensions_share_has_the_query_of_the_one_at_hand(tmp_path: Path) -> None:
    class Base(DeclarativeBase):
        pass

    class Oven(Base):
        __tablename__ = "oven"
        id: Mapped[int] = mapped_column(primary_key=True)

    made = [UnitOfWork(model_class=Base) for _ in range(3)]
    for number, db in enumerate(made):
        app = make_app(db, f"sqlite:///{tmp_path / str(number)}.db")
        with app.app_context():
            db.session.add_all(Oven() for _ in range(number))
            assert Oven.query.count() == number  # type: ignore[attr-defined]
            assert Oven.query.session is db.session()  # type: ignore[attr-defined]
        dispose(db, app)


def test_get_or_404(db: UnitOfWork, flask_app: Flask) -> None:
    with flask_app.app_context():
        note = add_note(db, "a")
        db.session.flush()
        assert db.get_or_404(db.Note, note.id) is note  # type: ignore[attr-defined]
        with pytest.raises(NotFound, match="no such note"):
            db.get_or_404(db.Note, 99, description="no such note")  # type: ignore[attr-defined]


def test_get_or_404_is_a_404_for_a_key_that_no_row_can_have(db: UnitOfWork, flask_app: Flask) -> None:
    with flask_app.app_context():
        with pytest.raises(NotFound):
            db.get_or_404(db.Note, 10**20)  # type: ignore[attr-defined]
        add_note(db, "the unit of work goes on")
        db.session.flush()


def test_get_or_404_of_a_key_of_the_wrong_kind_is_an_error(db: UnitOfWork, flask_app: Flask) -> None:
    with flask_app.app_context(), pytest.raises(exc.DataError, match=r"Note\.id.*cannot be stored as Integer"):
        db.get_or_404(db.Note, datetime.date(2026, 1, 1))  # type: ignore[attr-defined]


def test_get_or_404_takes_the_text_of_a_key_from_a_url(db: UnitOfWork, flask_app: Flask) -> None:
    with flask_app.app_context():
        note = add_note(db, "first")
        db.session.flush()
        assert db.get_or_404(db.Note, str(note.id)) is note  # type: ignore[attr-defined]
        for text in ("abc", "", f" {note.id}", f"{note.id}.0", "9" * 50):
            with pytest.raises(NotFound):
                db.get_or_404(db.Note, text)  # type: ignore[attr-defined]
        with pytest.raises(NotFound):
            db.get_or_404(db.Note, {"id": "abc"})  # type: ignore[attr-defined]


def test_helpers_for_views_refuse_what_is_no_statement(db: UnitOfWork, flask_app: Flask) -> None:
    with flask_app.app_context():
        for helper in (db.first_or_404, db.one_or_404, db.session.execute, db.session.scalars):
            for wrong in (5, None, db.Note):  # type: ignore[attr-defined]
                with pytest.raises(exc.ArgumentError, match=r"takes a statement, such as select\(...\), or SQL text"):
                    helper(wrong)


def test_first_or_404_and_one_or_404(db: UnitOfWork, flask_app: Flask) -> None:
    with flask_app.app_context():
        Note = db.Note  # type: ignore[attr-defined]
        notes = [add_note(db, text) for text in ("a", "b")]
        every, one, none = select(Note).order_by(Note.text), select(Note).where(Note.text == "b"), select(Note).limit(0)
        assert db.first_or_404(every) is notes[0]
        assert db.one_or_404(one) is notes[1]
        # a query gives an object once, however often a join repeats it
        other = aliased(Note)
        joined = db.session.query(Note).join(other, other.id > 0).filter(Note.text == bindparam("text"))
        assert db.one_or_404(joined.params(text="b")) is db.first_or_404(joined.params(text="b")) is notes[1]
        assert db.one_or_404(db.session.query(Note.text).filter(Note.text == "b")) == "b"
        for wrong in (joined.params(text="c"), db.session.query(Note)):
            with pytest.raises(NotFound):
                db.one_or_404(wrong)
        for call, statement in [(db.first_or_404, none), (db.one_or_404, none), (db.one_or_404, every)]:
            with pytest.raises(NotFound):
                call(statement)


def test_drop_all_refuses_to_wait_for_the_session_of_its_own_scope(db: UnitOfWork, flask_app: Flask) -> None:
    with flask_app.app_context():
        add_note(db, "a")
        db.session.flush()
        with pytest.raises(InvalidRequestError, match=r"wait for ever.*db\.session\.commit\(\)"):
            db.drop_all()
        db.session.rollback()
        db.drop_all()
        db.create_all()
