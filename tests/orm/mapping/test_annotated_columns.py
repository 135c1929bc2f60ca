"""Columns that are described in Annotated types, aliases of types, Literals, type_annotation_map, declared_attr; more options of columns."""

from __future__ import annotations

import sys
import typing
from typing import Annotated, Any, Literal, NewType

import pytest

from flask_uow import (
    JSON,
    ArgumentError,
    BigInteger,
    DeclarativeBase,
    Engine,
    ForeignKey,
    Integer,
    Mapped,
    Session,
    String,
    attributes,
    column_property,
    declared_attr,
    inspect,
    mapped_column,
    relationship,
    select,
)

Key = Annotated[int, mapped_column(primary_key=True)]
Name = Annotated[str, mapped_column(String(80), index=True)]
MaybeName = Annotated[str | None, mapped_column(String(9))]
Owner = Annotated[int, mapped_column(ForeignKey("owner.id"), comment="who has it")]
Short = Annotated[str, 30]
UserId = NewType("UserId", int)
Stamp = Annotated[str, mapped_column(server_default="now", deferred=True)]


def new_base(**body: Any) -> Any:
    return type("Base", (DeclarativeBase,), body)


def test_a_template_serves_many_attributes(engine: Engine) -> None:
    base = new_base()

    class City(base):
        __tablename__ = "city"
        id: Mapped[Key]
        called: Mapped[Name]
        alias: Mapped[Name | None]
        third: Mapped[Name] = mapped_column("called_third", index=False, unique=True)
        maybe: Mapped[MaybeName]

    class Town(base):
        __tablename__ = "town"
        id: Mapped[Key]
        called: Mapped[Name] = mapped_column(String(10))

    columns = City.__table__.c
    assert [column.name for column in columns] == ["id", "called", "alias", "called_third", "maybe"]
    assert columns.id.primary_key
    assert [(c.type.length, c.index, c.nullable) for c in (columns.called, columns.alias)] == [
        (80, True, False),
        (80, True, True),
    ]
    assert (columns.called_third.index, columns.called_third.unique, columns.called_third.type.length) == (
        False,
        True,
        80,
    )
    assert (columns.maybe.nullable, columns.maybe.type.length) == (True, 9)
    assert (Town.__table__.c.called.type.length, Town.__table__.c.called.index) == (10, True)
    assert Town.__table__.c.called is not City.__table__.c.called
    base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([City(called="Faro", third="x"), Town(called="Faro")])
        session.commit()
        assert session.scalars(select(City.called)).all() == session.scalars(select(Town.called)).all() == ["Faro"]


def test_foreign_keys_and_comments_of_a_template_are_each_tables_own() -> None:
    base = new_base()

    class Person(base):
        __tablename__ = "owner"
        id: Mapped[Key]

    class Cat(base):
        __tablename__ = "cat"
        id: Mapped[Key]
        owner_id: Mapped[Owner]
        owner: Mapped[Person] = relationship()

    class Dog(base):
        __tablename__ = "dog"
        id: Mapped[Key]
        owner_id: Mapped[Owner]
        second_id: Mapped[Owner | None] = mapped_column(index=True)
        stamp: Mapped[Stamp]

    keys = [Cat.__table__.c.owner_id, Dog.__table__.c.owner_id, Dog.__table__.c.second_id]
    assert [len(key.foreign_keys) for key in keys] == [1, 1, 1]
    assert [key.nullable for key in keys] == [False, False, True]
    assert keys[2].index
    assert keys[2].comment == "who has it"
    assert inspect(Dog).column_attrs["stamp"].deferred
    assert Cat(owner=Person()).owner is not None


def test_the_type_annotation_map_knows_aliases_before_what_they_stand_for() -> None:
    base = new_base(type_annotation_map={Short: String(30), UserId: BigInteger, str: String(200), dict[str, Any]: JSON})

    class Page(base):
        __tablename__ = "page"
        id: Mapped[UserId] = mapped_column(primary_key=True)
        slug: Mapped[Short]
        maybe: Mapped[Short | None]
        title: Mapped[str]
        data: Mapped[dict[str, Any]]
        plain: Mapped[NewType("Plain", str)]  # type: ignore[valid-type]

    columns = Page.__table__.c
    assert isinstance(columns.id.type, BigInteger)
    assert [c.type.length for c in (columns.slug, columns.maybe, columns.title, columns.plain)] == [30, 30, 200, 200]
    assert columns.maybe.nullable
    assert isinstance(columns.data.type, JSON)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="`type X = ...` came with Python 3.12")
def test_the_alias_of_a_type_statement_is_looked_through() -> None:
    names: dict[str, Any] = {"Annotated": Annotated, "mapped_column": mapped_column, "String": String}
    exec("type Tiny = Annotated[str, mapped_column(String(3))]\ntype Number = int", names)
    base = new_base(type_annotation_map={names["Number"]: BigInteger})
    row = type(
        "Row",
        (base,),
        {
            "__tablename__": "row",
            "__annotations__": {"id": Mapped[names["Number"]], "tiny": Mapped[names["Tiny"]]},
            "id": mapped_column(primary_key=True),
        },
    )
    assert isinstance(row.__table__.c.id.type, BigInteger)
    assert row.__table__.c.tiny.type.length == 3


def test_a_literal_is_one_of_its_texts(engine: Engine) -> None:
    base = new_base()

    class Shirt(base):
        __tablename__ = "shirt"
        id: Mapped[int] = mapped_column(primary_key=True)
        size: Mapped[Literal["small", "big"]]
        cut: Mapped[Literal["slim"] | None]

    base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Shirt(size="big"))
        session.commit()
        shirt = session.scalars(select(Shirt).where(Shirt.size == "big")).one()
        assert (shirt.size, shirt.cut) == ("big", None)
    assert Shirt.size.type.enums == ["small", "big"]
    with pytest.raises(Exception, match="'huge'"):
        Shirt(size="huge")
    with pytest.raises(ArgumentError, match="Literal of 1, 2"):

        class Wrong(base):
            __tablename__ = "wrong"
            id: Mapped[int] = mapped_column(primary_key=True)
            size: Mapped[Literal[1, 2]]


def test_declared_attr_in_its_forms() -> None:
    base = new_base()

    class Named:
        @declared_attr.directive
        def __tablename__(cls) -> str:
            return "t_" + cls.__name__.lower()  # type: ignore[attr-defined]

        @declared_attr
        @classmethod
        def name(cls) -> Mapped[str]:
            return mapped_column(String(20))

    class HasKey:
        @declared_attr.cascading
        def id(cls) -> Mapped[int]:
            own = () if cls.__name__ == "Pet" else (ForeignKey("t_pet.id"),)  # type: ignore[attr-defined]
            return mapped_column(Integer, *own, primary_key=True)

    class Pet(Named, HasKey, base):
        pass

    class Dog(Pet):
        __tablename__ = "t_dog"

    assert (Pet.__table__.name, Pet.__table__.c.name.type.length) == ("t_pet", 20)
    assert not Pet.__table__.c.id.foreign_keys
    assert len(Dog.__table__.c.id.foreign_keys) == 1


def test_columns_have_places_notes_and_defaults(engine: Engine) -> None:
    base = new_base()

    class Stamped:
        changed: Mapped[str | None] = mapped_column(sort_order=99)

    class Route(Stamped, base):
        __tablename__ = "route"
        length: Mapped[int] = mapped_column(insert_default=7, info={"unit": "m"}, sort_order=1)
        id: Mapped[int] = mapped_column(primary_key=True, sort_order=-1, doc="number")
        name: Mapped[str] = mapped_column(default="x", insert_default="y")

    columns = Route.__table__.c
    assert list(columns.keys()) == ["id", "name", "length", "changed"]
    assert columns.length.info == {"unit": "m"}
    assert columns.id.doc == "number"
    base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Route())
        session.commit()
        route = session.get_one(Route, 1)
        assert (route.length, route.name) == (7, "y")


def test_active_history_loads_the_old_value_first(engine: Engine) -> None:
    base = new_base()

    class Note(base):
        __tablename__ = "note"
        id: Mapped[int] = mapped_column(primary_key=True)
        kept: Mapped[str] = mapped_column(active_history=True)
        plain: Mapped[str]

    base.metadata.create_all(engine)
    with Session(engine) as session:
        note = Note(kept="a", plain="a")
        session.add(note)
        session.commit()
        note.kept = "b"
        assert attributes.get_history(note, "kept").deleted == ["a"]
        session.rollback()
        session.expire(note)
        note.plain = "b"
        note.kept = "c"
        session.commit()
        assert (note.kept, note.plain) == ("c", "b")
    assert Note(kept="z").kept == "z"


def test_a_subclass_may_call_a_column_of_its_parent_otherwise(engine: Engine) -> None:
    base = new_base()

    class Shape(base):
        __tablename__ = "shape"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str]
        size: Mapped[int | None]
        __mapper_args__: typing.ClassVar[Any] = {"polymorphic_on": "kind", "polymorphic_identity": "shape"}

    class Circle(Shape):
        radius = column_property(Shape.__table__.c.size)
        __mapper_args__: typing.ClassVar[Any] = {"polymorphic_identity": "circle"}

    class Ring(Circle):
        width: Mapped[int | None] = mapped_column("size", use_existing_column=True)
        __mapper_args__: typing.ClassVar[Any] = {"polymorphic_identity": "ring"}

    base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Shape(size=1), Circle(radius=2), Ring(width=3)])
        session.commit()
        assert session.scalars(select(Circle.radius).order_by(Circle.id)).all() == [2, 3]
        ring = session.scalars(select(Ring).where(Ring.width == 3)).one()
        ring.radius = 4
        assert (ring.size, ring.width) == (4, 4)
        session.commit()
        assert session.scalars(select(Shape.size).order_by(Shape.id)).all() == [1, 2, 4]


def test_a_column_of_several_subclasses_is_one_column(engine: Engine) -> None:
    base = new_base()

    class Shape(base):
        __tablename__ = "shape"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str]
        __mapper_args__: typing.ClassVar[Any] = {"polymorphic_on": "kind"}

    class Round(Shape):
        __mapper_args__: typing.ClassVar[Any] = {"polymorphic_abstract": True}

    class Circle(Round):
        radius: Mapped[int | None] = mapped_column(use_existing_column=True)
        __mapper_args__: typing.ClassVar[Any] = {"polymorphic_identity": "circle"}

    class Ring(Round):
        radius: Mapped[int | None] = mapped_column(use_existing_column=True)
        __mapper_args__: typing.ClassVar[Any] = {"polymorphic_identity": "ring"}

    base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Circle(radius=1), Ring(radius=2)])
        session.commit()
        assert [shape.radius for shape in session.scalars(select(Round).order_by(Round.id))] == [1, 2]
        assert session.scalars(select(Ring).where(Ring.radius == 1)).all() == []
    assert Circle.__table__.c.radius is Ring.__table__.c.radius
    with pytest.raises(ArgumentError, match="is to use the column of that name"):

        class Wrong(Round):
            radius: Mapped[str | None] = mapped_column(use_existing_column=True)
            __mapper_args__: typing.ClassVar[Any] = {"polymorphic_identity": "wrong"}

    with pytest.raises(ArgumentError, match="no row is of this class"):

        class Contrary(Shape):
            __mapper_args__: typing.ClassVar[Any] = {"polymorphic_identity": "c", "polymorphic_abstract": True}
