"""What classes, mixins and bases say of tables and mappers: ``__tablename__``, ``__table_args__``, ``__mapper_args__``."""

from __future__ import annotations

import enum
from typing import Annotated, Any

import pytest

from flask_uow import (
    ArgumentError,
    CheckConstraint,
    Column,
    DeclarativeBase,
    DeclarativeMeta,
    Engine,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    Mapped,
    Session,
    String,
    UniqueConstraint,
    declarative_base,
    declared_attr,
    mapped_column,
    select,
)


def uniques(cls: Any) -> list[list[str]]:
    return [[c.name for c in each.columns] for each in cls.__table__.constraints if isinstance(each, UniqueConstraint)]


def test_a_mixin_names_the_table_of_each_class_that_has_one(engine: Engine) -> None:
    class Prefixed:
        @declared_attr
        def __tablename__(cls) -> str:
            return "shop_" + cls.__name__.lower()  # type: ignore[attr-defined, no-any-return]

    class Base(DeclarativeBase):
        pass

    class Person(Prefixed, Base):
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str]
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "person"}

    class Clerk(Person):
        id: Mapped[int] = mapped_column(ForeignKey(Person.id), primary_key=True)
        desk: Mapped[int]
        __mapper_args__ = {"polymorphic_identity": "clerk"}

    class Head(Clerk):
        id: Mapped[int] = mapped_column(ForeignKey(Clerk.id), primary_key=True)
        __mapper_args__ = {"polymorphic_identity": "head"}

    class Guest(Person):
        badge: Mapped[int | None]
        __mapper_args__ = {"polymorphic_identity": "guest"}

    class Named(Person):
        __tablename__ = "own_name"
        id: Mapped[int] = mapped_column(ForeignKey(Person.id), primary_key=True)
        __mapper_args__ = {"polymorphic_identity": "named"}

    names = [cls.__table__.name for cls in (Person, Clerk, Head, Named)]
    assert names == ["shop_person", "shop_clerk", "shop_head", "own_name"]
    assert Guest.__mapper__.local_table is Person.__table__
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Person(), Clerk(desk=1), Head(desk=2), Guest(badge=3)])
        session.commit()
        assert [type(each).__name__ for each in session.query(Person).order_by(Person.id)] == [
            "Person",
            "Clerk",
            "Head",
            "Guest",
        ]


def test_a_method_of_a_base_names_tables_too_and_may_say_none() -> None:
    class Base(DeclarativeBase):
        @declared_attr
        @classmethod
        def __tablename__(cls) -> str | None:
            return None if cls.__name__ == "Draft" else cls.__name__.lower() + "s"

    class Note(Base):
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str]
        __mapper_args__ = {"polymorphic_on": "kind"}

    class Draft(Note):
        __mapper_args__ = {"polymorphic_identity": "draft"}

    class Copy(Note):
        id: Mapped[int] = mapped_column(primary_key=True)
        __mapper_args__ = {"concrete": True}

    class Silent(Note):
        __tablename__ = None  # type: ignore[assignment]
        __mapper_args__ = {"polymorphic_identity": "silent"}

    assert (Note.__table__.name, Copy.__table__.name) == ("notes", "copys")
    assert all(cls.__mapper__.local_table is Note.__table__ for cls in (Draft, Silent))


def test_the_key_that_gives_a_subclass_a_table_may_come_from_a_mixin() -> None:
    class Base(DeclarativeBase):
        @declared_attr
        def __tablename__(cls) -> str:
            return cls.__name__.lower()  # type: ignore[attr-defined, no-any-return]

    class Plant(Base):
        id: Mapped[int] = mapped_column(primary_key=True)

    class OfPlant:
        @declared_attr
        def id(cls) -> Mapped[int]:
            return mapped_column(ForeignKey("plant.id"), primary_key=True)

    class Tree(OfPlant, Plant):
        height: Mapped[int]

    assert Tree.__table__.name == "tree"
    assert Tree.__table__.c.keys() == ["id", "height"]


def test_table_arguments_of_a_mapped_class_are_its_own() -> None:
    class Base(DeclarativeBase):
        pass

    class Asset(Base):
        __tablename__ = "asset"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str]
        tag: Mapped[str]
        __table_args__ = (UniqueConstraint("tag"), {"comment": "what the firm owns"})
        __mapper_args__ = {"polymorphic_on": "kind"}

    class Machine(Asset):
        __tablename__ = "machine"
        id: Mapped[int] = mapped_column(ForeignKey("asset.id"), primary_key=True)

    class Idea(Asset):
        __mapper_args__ = {"polymorphic_identity": "idea"}

    assert uniques(Asset) == [["tag"]]
    assert uniques(Machine) == []
    assert Machine.__table__.comment is None
    assert Idea.__mapper__.local_table is Asset.__table__


def test_table_arguments_of_a_base_are_those_of_each_table(engine: Engine) -> None:
    class Base(DeclarativeBase):
        __table_args__: Any = {"comment": "ours"}

    class Tagged:
        tag: Mapped[str] = mapped_column(String(9))
        rank: Mapped[int] = mapped_column(default=0)
        __table_args__ = (UniqueConstraint("tag", "rank"), Index(None, "rank"), {"comment": "tagged"})

    class Dog(Tagged, Base):
        __tablename__ = "dog"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Cat(Tagged, Base):
        __tablename__ = "cat"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Kitten(Cat):
        __tablename__ = "kitten"
        id: Mapped[int] = mapped_column(ForeignKey("cat.id"), primary_key=True)

    class Stone(Base):
        __tablename__ = "stone"
        id: Mapped[int] = mapped_column(primary_key=True)

    for cls in (Dog, Cat):
        assert uniques(cls) == [["tag", "rank"]]
        assert all(column.table is cls.__table__ for each in cls.__table__.constraints for column in each.columns)
        assert [index.name for index in cls.__table__.indexes] == [f"ix_{cls.__tablename__}_rank"]
    assert (uniques(Kitten), Kitten.__table__.indexes) == ([], [])
    assert [cls.__table__.comment for cls in (Dog, Kitten, Stone)] == ["tagged", "tagged", "ours"]
    Base.metadata.create_all(engine)


def test_table_arguments_made_for_each_class_leave_to_the_parent_what_is_about_its_columns() -> None:
    class Base(DeclarativeBase):
        pass

    class Coded:
        code: Mapped[str]

        @declared_attr
        def __table_args__(cls) -> Any:
            return (
                UniqueConstraint("code", name=f"uq_{cls.__tablename__}"),  # type: ignore[attr-defined]
                CheckConstraint("id > 0", name=f"ck_{cls.__tablename__}"),  # type: ignore[attr-defined]
            )

    class Box(Coded, Base):
        __tablename__ = "box"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Crate(Box):
        __tablename__ = "crate"
        id: Mapped[int] = mapped_column(ForeignKey("box.id"), primary_key=True)

    def names(cls: Any) -> list[str]:
        return sorted(each.name for each in cls.__table__.constraints if not isinstance(each, ForeignKeyConstraint))

    assert (names(Box), names(Crate)) == (["ck_box", "uq_box"], ["ck_crate"])


def test_columns_of_a_mixin_in_its_arguments_are_those_of_the_class() -> None:
    class Base(DeclarativeBase):
        pass

    class Versioned:
        version: Mapped[int] = mapped_column()
        area = Column(Integer)
        __table_args__ = (UniqueConstraint(version, area), ForeignKeyConstraint([area], ["area.id"]))
        __mapper_args__ = {"version_id_col": version}

    class Area(Base):
        __tablename__ = "area"
        id: Mapped[int] = mapped_column(primary_key=True)

    class One(Versioned, Base):
        __tablename__ = "one"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Two(Versioned, Base):
        __tablename__ = "two"
        id: Mapped[int] = mapped_column(primary_key=True)

    for cls in (One, Two):
        table = cls.__table__
        assert uniques(cls) == [["version", "area"]]
        assert all(column.table is table for each in table.constraints for column in each.columns)
        assert table.c.area.foreign_keys[0].column is Area.__table__.c.id
        assert cls(id=1) is not None


def test_mapper_arguments_made_for_each_class_are_those_of_subclasses_too(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    class Typed:
        kind: Mapped[str]

        @declared_attr
        def __mapper_args__(cls) -> dict[str, Any]:
            name = cls.__name__  # type: ignore[attr-defined]
            own = {"polymorphic_identity": name.lower()}
            return {"polymorphic_on": "kind", **own} if name == "Animal" else own

    class Animal(Typed, Base):
        __tablename__ = "animal"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Bird(Animal):
        pass

    class Fish(Animal):
        __tablename__ = "fish"
        id: Mapped[int] = mapped_column(ForeignKey("animal.id"), primary_key=True)

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Animal(), Bird(), Fish()])
        session.commit()
        session.expunge_all()
        assert [type(each) for each in session.query(Animal).order_by(Animal.id)] == [Animal, Bird, Fish]


def test_the_condition_that_joins_a_subclass_may_name_attributes_of_a_subclass(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    class A(Base):
        __tablename__ = "a"
        id = mapped_column(String(5), primary_key=True)
        kind: Mapped[str]
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "a"}

    class B(A):
        __tablename__ = "b"
        id = mapped_column(ForeignKey("a.id"), primary_key=True)
        __mapper_args__ = {"polymorphic_identity": "b", "inherit_condition": id == A.id}

    class C(B):
        __tablename__ = "c"
        id = mapped_column(ForeignKey("b.id"), primary_key=True)
        twin_id = mapped_column(ForeignKey("b.id"))
        __mapper_args__ = {"polymorphic_identity": "c", "inherit_condition": id == B.id}

    class D(C):
        __tablename__ = "d"
        own_id = mapped_column("id", ForeignKey("c.id"), primary_key=True)
        twin_of_c_id = mapped_column(ForeignKey("c.id"))
        __mapper_args__ = {"polymorphic_identity": "d", "inherit_condition": C.id == own_id}

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([B(id="b"), C(id="c", twin_id="b"), D(id="d", twin_id="b", twin_of_c_id="c")])
        session.commit()
        session.expunge_all()
        assert [(type(each).__name__, each.id) for each in session.query(A).order_by(A.id)] == [
            ("B", "b"),
            ("C", "c"),
            ("D", "d"),
        ]
        assert session.query(D.twin_id, D.twin_of_c_id, D.own_id).one() == ("b", "c", "d")


def test_wrong_arguments_of_a_class_are_refused() -> None:
    class Base(DeclarativeBase):
        pass

    class Person(Base):
        __tablename__ = "person"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str]
        __mapper_args__ = {"polymorphic_on": "kind"}

    key = {"id": mapped_column(Integer, primary_key=True)}
    with pytest.raises(ArgumentError, match=r"Wrong\.__tablename__ is the name of a table.*@declared_attr"):
        type("Wrong", (Base,), {"__tablename__": lambda cls: "wrong", **key})
    with pytest.raises(ArgumentError, match=r"Wrong\.__mapper_args__ is a dict.*@declared_attr"):
        type("Wrong", (Base,), {"__tablename__": "wrong", "__mapper_args__": lambda cls: {}, **key})
    with pytest.raises(
        ArgumentError, match=r"Wrong has __table_args__ and no __tablename__.*where the table is declared"
    ):
        type(
            "Wrong", (Person,),
            {"__table_args__": (UniqueConstraint("kind"),), "__mapper_args__": {"polymorphic_identity": "w"}},
        )  # fmt: skip


def test_methods_of_subclasses_share_a_column_that_an_annotation_describes(engine: Engine) -> None:
    Text40 = Annotated[str, mapped_column(String(40))]

    class Base(DeclarativeBase):
        pass

    class Vessel(Base):
        __tablename__ = "vessel_of_methods"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[Text40]
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "vessel"}

    def shared(cls: Any) -> Mapped[Text40]:
        return Vessel.__table__.c.get("crew", mapped_column(String(30)))

    class Tug(Vessel):
        crew = declared_attr(shared)
        __mapper_args__ = {"polymorphic_identity": "tug"}

    class Ferry(Vessel):
        crew = declared_attr(shared)
        __mapper_args__ = {"polymorphic_identity": "ferry"}

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Tug(crew="a"), Ferry(crew="b")])
        session.commit()
        assert [(vessel.kind, vessel.crew) for vessel in session.scalars(select(Vessel).order_by(Vessel.id))] == [
            ("tug", "a"),
            ("ferry", "b"),
        ]
    assert list(Vessel.__table__.c.keys()) == ["id", "kind", "crew"]


def test_a_class_made_in_the_constructor_of_an_object_annotates_with_names_of_that() -> None:
    class Models:
        def __new__(cls) -> Any:
            made = super().__new__(cls)

            class Base(DeclarativeBase):
                pass

            class Size(enum.Enum):
                small = 1

            class Box(Base):
                __tablename__ = "box"
                id: Mapped[int] = mapped_column(primary_key=True)
                size: Mapped[Size]

            made.box = Box  # type: ignore[attr-defined]
            return made

        def __init__(self) -> None:
            class Base(DeclarativeBase):
                pass

            class Color(enum.Enum):
                red = 1

            class Ship(Base):
                __tablename__ = "ship"
                id: Mapped[int] = mapped_column(primary_key=True)
                color: Mapped[Color]

            self.ship = Ship

    models: Any = Models()
    assert models.ship.__table__.c.color.type.enum_class.__name__ == "Color"
    assert models.box.__table__.c.size.type.enum_class.__name__ == "Size"


@pytest.mark.parametrize("when", ["before", "new"])
def test_a_metaclass_names_tables(engine: Engine, when: str) -> None:
    class Naming(DeclarativeMeta):
        def __new__(mcs, name: str, bases: Any, body: dict[str, Any]) -> Any:
            made: Any = super().__new__(mcs, name, bases, body)
            if when == "new":
                mcs.name_table(made, name, body)
            return made

        def __init__(cls, name: str, bases: Any, body: dict[str, Any]) -> None:
            if when == "before":
                type(cls).name_table(cls, name, body)
            super().__init__(name, bases, body)

        @staticmethod
        def name_table(made: Any, name: str, body: dict[str, Any]) -> None:
            if "id" in body and "__tablename__" not in body:
                made.__tablename__ = "t_" + name.lower()

    base: Any = declarative_base(metaclass=Naming)

    class Ship(base):
        id = Column(Integer, primary_key=True)
        kind = Column(String(9))
        __mapper_args__ = {"polymorphic_on": kind, "polymorphic_identity": "ship"}

    class Tug(Ship):
        power = Column(Integer)
        __mapper_args__ = {"polymorphic_identity": "tug"}

    class Ferry(Ship):
        id = Column(ForeignKey("t_ship.id"), primary_key=True)
        __mapper_args__ = {"polymorphic_identity": "ferry"}

    class Named(base):
        __tablename__ = "named_by_itself"
        id = Column(Integer, primary_key=True)

    assert [cls.__table__.name for cls in (Ship, Tug, Ferry, Named)] == [
        "t_ship",
        "t_ship",
        "t_ferry",
        "named_by_itself",
    ]
    base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Tug(power=3), Ferry(), Named()])
        session.commit()
        assert [type(ship).__name__ for ship in session.scalars(select(Ship).order_by(Ship.id))] == ["Tug", "Ferry"]
