"""Mistakes of mappings are named, and mappers show what they map."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    Column,
    DeclarativeBase,
    Engine,
    ForeignKey,
    Integer,
    InvalidRequestError,
    Mapped,
    MetaData,
    Session,
    String,
    Table,
    backref,
    class_mapper,
    mapped_column,
    mapper,
    relationship,
    select,
    validates,
)
from flask_uow.orm import Registry, configure_mappers
from flask_uow.orm.symbols import Cascades
from tests.orm.models import Post, User


@pytest.fixture
def registry() -> Iterator[Registry]:
    registry = Registry()
    yield registry
    registry.dispose()


@pytest.mark.usefixtures("no_left_over_mappings")
def test_mappers_show_what_they_map(registry: Registry) -> None:
    prop = class_mapper(User).get_property("name")
    assert prop.columns == [class_mapper(User).local_table.c.name]
    assert repr(prop).startswith("<ColumnProperty name")
    assert repr(class_mapper(User).get_property("posts")) == "<relationship User.posts>"
    assert repr(class_mapper(User)) == "<Mapper of User on user>"
    assert "merge" in Cascades("all")
    assert repr(Cascades("merge")) == "Cascades('merge')"
    configure_mappers()
    assert User.posts.property.mapper is class_mapper(Post)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("User", "table"), "takes a class first"),
        ((type("A", (), {}), "table"), "takes a Table second"),
    ],
)
def test_wrong_arguments_of_mapper(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        mapper(*arguments)


def test_wrong_properties_are_named(registry: Registry) -> None:
    metadata = MetaData()
    table = Table("t", metadata, Column("id", Integer, primary_key=True), Column("name", String))

    def fresh() -> type:
        return type("Fresh", (), {})

    with pytest.raises(ArgumentError, match=r"Fresh\.name is declared as"):
        mapper(fresh(), table, properties={"name": relationship(User)}, registry=registry)
    with pytest.raises(ArgumentError, match="a column or a relationship"):
        mapper(fresh(), table, properties={"other": 5}, registry=registry)
    made = mapper(fresh(), table, include_properties=["id"], registry=registry)
    with pytest.raises(ArgumentError, match="Map it as well"):
        made.name_of_column(table.c.name)
    made.add_property("label", table.c.name)
    assert made.name_of_column(table.c.name) == "label"
    made.add_property("more", relationship(User))
    with pytest.raises(ArgumentError, match="'more' already"):
        made.add_property("more", relationship(User))


def test_relationships_that_lead_astray_are_named(registry: Registry) -> None:
    metadata = MetaData()
    one = Table("one", metadata, Column("id", Integer, primary_key=True))
    two = Table(
        "two",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("one_id", ForeignKey("one.id")),
        Column("next_id", ForeignKey("two.id")),
    )

    def attempt(match: str, first: dict[str, Any], second: dict[str, Any]) -> None:
        own = Registry()
        One, Two = type("One", (), {}), type("Two", (), {})
        classes = {"One": One, "Two": Two}
        given = [{n: relationship(classes[a], **o) for n, (a, o) in props.items()} for props in (first, second)]
        mapper(One, one, properties=given[0], registry=own)
        mapper(Two, two, properties=given[1], registry=own)
        with pytest.raises(ArgumentError, match=match):
            own.configure()
        with pytest.raises((ArgumentError, InvalidRequestError), match=match):
            One()
        own.dispose()

    attempt("delete-orphan", {}, {"one": ("One", {"cascade": "all, delete-orphan"})})
    attempt("is a collection", {}, {"one": ("One", {"uselist": True})})
    attempt("has an attribute of that name", {"twos": ("Two", {"backref": "one_id"})}, {})
    attempt("leads to", {"twos": ("Two", {"back_populates": "twos"})}, {"twos": ("Two", {"remote_side": [two.c.id]})})


def test_declarative_mistakes_are_named() -> None:
    class Base(DeclarativeBase):
        pass

    def declare(message: str, **body: Any) -> None:
        annotations = body.pop("annotations", {})
        namespace = {"__annotations__": annotations, "__module__": __name__, "__tablename__": "x", **body}
        with pytest.raises(ArgumentError, match=message):
            type("Wrong", (Base,), namespace)

    key = mapped_column(primary_key=True)
    declare("Mapped without a type", annotations={"id": Mapped})
    declare("cannot be read", annotations={"id": "Mapped[1 +]"})
    declare("union of several types", annotations={"id": Mapped[int | str]})
    declare("annotated as Mapped and set to 5", annotations={"id": Mapped[int]}, id=5)
    declare("annotated as a collection", annotations={"id": Mapped[int], "many": Mapped[set[int]]}, id=key)
    declare(
        "does not say where it leads",
        annotations={"id": Mapped[int]},
        id=mapped_column(primary_key=True),
        r=relationship(),
    )

    class WithRelationship:
        author = relationship("Base")

    with pytest.raises(ArgumentError, match="mixin"):
        type("Mixed", (WithRelationship, Base), {"__tablename__": "mixed"})


def test_a_many_to_many_of_one_table_with_itself_has_two_sides(engine: Engine, registry: Registry) -> None:
    metadata = MetaData()
    person = Table("person", metadata, Column("id", Integer, primary_key=True), Column("name", String))
    follows = Table(
        "follows", metadata,
        Column("follower", ForeignKey("person.id"), primary_key=True),
        Column("followed", ForeignKey("person.id"), primary_key=True),
    )  # fmt: skip

    class Person:
        following: Any
        followers: Any

        def __init__(self, name: str) -> None:
            self.name = name

    following = relationship(Person, secondary=follows, backref=backref("followers"), remote_side=[follows.c.followed])
    mapper(Person, person, properties={"following": following}, registry=registry)
    metadata.create_all(engine)
    with Session(engine) as session:
        ann, bob = Person("ann"), Person("bob")
        ann.following = [bob]
        session.add(ann)
        session.commit()
        assert session.execute(select(follows.c.follower, follows.c.followed)).all() == [(ann.id, bob.id)]  # type: ignore[attr-defined]
        assert (list(bob.followers), list(bob.following)) == ([ann], [])
        assert session.query(Person).filter(Person.following.any(name="bob")).one() is ann
        bob.followers.remove(ann)
        session.commit()
        assert ann.following == []


def test_a_validator_of_no_attribute_is_an_error_with_a_suggestion() -> None:
    class Own(DeclarativeBase):
        pass

    class Person(Own):
        __tablename__ = "person"
        id: Mapped[int] = mapped_column(primary_key=True)
        email: Mapped[str]

        @validates("emial")
        def check_email(self, key: str, value: str) -> str:
            return value.lower()

    with pytest.raises(ArgumentError, match=r"Person: @validates.*'emial'.*Did you mean 'email'\?"):
        Person(email="Ed")


def test_a_validator_may_name_what_a_subclass_or_a_class_of_its_mixin_has() -> None:
    class Own(DeclarativeBase):
        pass

    class Checked:
        @validates("code", "email")
        def in_lower_case(self, key: str, value: str) -> str:
            return value.lower()

    class Person(Checked, Own):
        __tablename__ = "person"
        id: Mapped[int] = mapped_column(primary_key=True)
        email: Mapped[str]
        kind: Mapped[str]
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "person"}

        @validates("badge")
        def check_badge(self, key: str, value: str) -> str:
            return value.upper()

    class Guard(Person):
        badge: Mapped[str | None]
        __mapper_args__ = {"polymorphic_identity": "guard"}

    guard = Guard(email="Ed", badge="x")
    assert (guard.email, guard.badge) == ("ed", "X")
