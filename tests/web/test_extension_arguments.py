"""What the arguments of UnitOfWork do for models and queries."""

from __future__ import annotations

import abc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    DeclarativeBase,
    ForeignKey,
    InvalidRequestError,
    Mapped,
    MetaData,
    Query,
    UnitOfWork,
    declarative_base,
    declared_attr,
    mapped_column,
)
from tests.web.apps import dispose, make_app


@contextmanager
def _in_app(db: UnitOfWork, database_uri: str, **config: Any) -> Iterator[None]:
    app = make_app(db, database_uri, **config)
    with app.app_context():
        yield
    dispose(db, app)


def _add_cat(db: UnitOfWork, base: Any = None) -> Any:
    class Cat(base or db.Model):  # type: ignore[misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str] = mapped_column(unique=True)

    return Cat


class Helpers:
    """A plain class for all models."""

    @classmethod
    def named(cls, name: str) -> Any:
        return cls.query.filter_by(name=name).all()  # type: ignore[attr-defined]


class Abstract(metaclass=abc.ABCMeta):  # noqa: B024
    """One with a metaclass."""

    def greet(self) -> str:
        return "hello"


class WithKey:
    """One with a column."""

    id: Mapped[int] = mapped_column(primary_key=True)


class WithText:
    """One with a text."""

    def __repr__(self) -> str:
        return "own"


class Toms(Query[Any]):
    """A query class."""

    def toms(self) -> Any:
        return self.filter_by(name="Tom")


def test_models_have_what_a_plain_model_class_has(database_uri: str) -> None:
    db = UnitOfWork(model_class=Helpers)
    Cat = _add_cat(db)
    with _in_app(db, database_uri):
        db.session.add_all([Cat(name="Tom"), Cat(name="Kit")])
        db.session.flush()
        assert issubclass(Cat, Helpers)
        assert [cat.name for cat in Cat.named("Kit")] == ["Kit"]


def test_a_plain_model_class_may_have_a_metaclass_or_columns() -> None:
    assert _add_cat(UnitOfWork(model_class=Abstract))(name="a").greet() == "hello"
    db = UnitOfWork(model_class=WithKey)

    class Dog(db.Model):  # type: ignore[misc]
        name: Mapped[str]

    assert Dog.__table__.c.keys() == ["id", "name"]
    assert WithKey.id is not Dog.id


@pytest.mark.parametrize("wrong", [dict, KeyError, 5, "Base", DeclarativeBase])
def test_a_model_class_of_another_kind_is_refused(wrong: Any) -> None:
    with pytest.raises(ArgumentError, match=r"model_class.*class Base\(DeclarativeBase\)"):
        UnitOfWork(model_class=wrong)


@pytest.mark.parametrize("kind", ["own", "base", "plain", "made"])
def test_the_default_text_of_an_object_tells_class_and_key(kind: str, database_uri: str) -> None:
    class Base(DeclarativeBase):
        pass

    db = UnitOfWork(model_class={"own": None, "base": Base, "plain": Helpers, "made": declarative_base()}[kind])
    Cat = _add_cat(db)

    class Seat(db.Model):  # type: ignore[misc]
        row: Mapped[int] = mapped_column(primary_key=True)
        place: Mapped[str] = mapped_column(primary_key=True)

    with _in_app(db, database_uri):
        cat, seat = Cat(id=2, name="Tom"), Seat(row=1, place="b")
        assert repr(cat) == f"<Cat (transient {id(cat)})>"
        db.session.add_all([cat, seat])
        assert repr(cat) == f"<Cat (pending {id(cat)})>"
        db.session.commit()
        db.session.rollback()
        assert (repr(cat), repr(seat)) == ("<Cat 2>", "<Seat 1, 'b'>")
        db.session.expunge(cat)
        assert str(cat) == "<Cat 2>"


def test_a_text_of_the_model_or_its_base_wins() -> None:
    assert repr(_add_cat(UnitOfWork(model_class=WithText))()) == "own"

    class Dog(WithText, UnitOfWork().Model):  # type: ignore[misc]
        id: Mapped[int] = mapped_column(primary_key=True)

    assert repr(Dog()) == "own"


def test_the_metadata_is_that_of_the_models_and_its_conventions_are_those_of_all_binds() -> None:
    metadata = MetaData(naming_convention={"uq": "unique_%(table_name)s_%(column_0_name)s"})
    db = UnitOfWork(metadata=metadata)
    Cat = _add_cat(db)
    assert db.metadata is metadata
    assert db.metadatas[None] is metadata
    assert Cat.__table__.metadata is db.Table("plain").metadata is metadata
    assert "unique_cat_name" in {constraint.name for constraint in Cat.__table__.constraints}
    assert db.metadatas["audit"].naming_convention == metadata.naming_convention
    assert _add_cat(UnitOfWork(model_class=Helpers, metadata=(other := MetaData()))).__table__.metadata is other


def test_a_base_with_another_metadata_is_refused() -> None:
    class Base(DeclarativeBase):
        pass

    assert UnitOfWork(model_class=Base, metadata=Base.metadata).metadata is Base.metadata
    with pytest.raises(ArgumentError, match=r"metadata=.*model_class=Base"):
        UnitOfWork(model_class=Base, metadata=MetaData())
    with pytest.raises(ArgumentError, match="metadata='x'"):
        UnitOfWork(metadata="x")  # type: ignore[arg-type]


def test_queries_are_of_the_query_class(database_uri: str) -> None:
    db = UnitOfWork(query_class=Toms)
    Cat = _add_cat(db)
    with _in_app(db, database_uri):
        db.session.add_all([Cat(name="Tom"), Cat(name="Kit")])
        db.session.commit()
        assert isinstance(Cat.query, Toms)
        assert isinstance(db.session.query(Cat), db.Query)
        assert Cat.query.toms().paginate().total == db.session.query(Cat).toms().count() == 1  # type: ignore[attr-defined]
        with db.unit_of_work() as session:
            assert isinstance(session.query(Cat), Toms)


def test_a_query_class_among_the_sessions_options_wins(database_uri: str) -> None:
    db = UnitOfWork(query_class=Toms)
    Cat = _add_cat(db)

    class Other(db.Query):  # type: ignore[misc, name-defined]
        pass

    with _in_app(db, database_uri, UOW_SESSION_OPTIONS={"query_cls": Other}):
        assert type(Cat.query) is Other


def test_a_model_may_name_its_own_query_class(database_uri: str) -> None:
    db = UnitOfWork()

    class Dog(db.Model):  # type: ignore[misc]
        query_class = Toms
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]

    Cat = _add_cat(db)
    with _in_app(db, database_uri):
        db.session.add(Dog(name="Tom"))
        assert Dog.query.toms().one_or_404().name == "Tom"
        assert not isinstance(Cat.query, Toms)


@pytest.mark.parametrize("wrong", [dict, "Query", Query([])])
def test_a_query_class_of_another_kind_is_refused(wrong: Any) -> None:
    with pytest.raises(ArgumentError, match="query_class="):
        UnitOfWork(query_class=wrong)


@pytest.mark.parametrize("own_base", [False, True])
def test_models_may_have_to_name_their_tables(own_base: bool) -> None:
    class Base(DeclarativeBase):
        pass

    db = UnitOfWork(disable_autonaming=True, model_class=Base if own_base else None)

    class Named(db.Model):  # type: ignore[misc]
        __tablename__ = "called"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Special(Named):
        """Lives in the table of its parent."""

    class Mixin:
        @declared_attr
        def __tablename__(cls) -> str:
            return "t_" + cls.__name__.lower()  # type: ignore[attr-defined, no-any-return]

    class Mixed(Mixin, db.Model):  # type: ignore[misc, name-defined]
        id: Mapped[int] = mapped_column(primary_key=True)

    class Bare(db.Model):  # type: ignore[misc]
        __abstract__ = True
        id: Mapped[int] = mapped_column(primary_key=True)

    given = db.Table("given", db.Column("id", db.Integer, primary_key=True))
    Given = type(db.Model)("Given", (db.Model,), {"__table__": given})
    names = [model.__table__.name for model in (Named, Special, Mixed, Given)]
    assert names == ["called", "called", "t_mixed", "given"]
    with pytest.raises(InvalidRequestError, match=r"Unnamed has no table.*__tablename__"):

        class Unnamed(db.Model):  # type: ignore[misc]
            id: Mapped[int] = mapped_column(primary_key=True)

    with pytest.raises(InvalidRequestError, match=r"Child has no table.*__tablename__"):

        class Child(Bare):
            name: Mapped[str]


def test_a_subclass_with_a_key_of_its_own_has_to_name_its_table_too() -> None:
    db = UnitOfWork(disable_autonaming=True)

    class Parent(db.Model):  # type: ignore[misc]
        __tablename__ = "parent"
        id: Mapped[int] = mapped_column(primary_key=True)

    with pytest.raises(InvalidRequestError, match=r"Joined has no table.*__tablename__"):

        class Joined(Parent):
            id: Mapped[int] = mapped_column(ForeignKey("parent.id"), primary_key=True)


def test_whether_tables_are_named_is_true_or_false() -> None:
    with pytest.raises(ArgumentError, match="disable_autonaming='yes'"):
        UnitOfWork(disable_autonaming="yes")  # type: ignore[arg-type]
