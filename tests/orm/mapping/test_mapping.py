"""Mapping classes: declarative with annotations, classical on plain classes, and every way of doing it wrongly."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import sys
import types
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import (
    JSON,
    ArgumentError,
    Boolean,
    Column,
    DataError,
    DateTime,
    DeclarativeBase,
    Engine,
    Enum,
    Float,
    ForeignKey,
    Index,
    Integer,
    InvalidRequestError,
    LargeBinary,
    Mapped,
    MetaData,
    NoSuchTableError,
    Numeric,
    Session,
    String,
    Table,
    Text,
    UniqueConstraint,
    UnmappedClassError,
    Uuid,
    backref,
    class_mapper,
    declarative_base,
    inspect,
    mapped_column,
    mapper,
    object_mapper,
    registry,
    relationship,
)
from tests.orm.models import User


@pytest.fixture
def metadata() -> Iterator[MetaData]:
    """A MetaData for classical mappings, which are taken back afterwards (those of other tests' bases stay)."""

    class Probe:
        pass

    registry = mapper(Probe, Table("probe", MetaData(), Column("id", Integer, primary_key=True))).registry
    yield MetaData()
    registry.dispose()


# -- declarative


class Color(enum.Enum):
    RED = "r"
    BLUE = "b"


def test_annotations_give_types_and_nullability() -> None:
    class Base(DeclarativeBase):
        pass

    class Thing(Base):
        __tablename__ = "thing"
        id: Mapped[int] = mapped_column(primary_key=True)
        text: Mapped[str]
        short: Mapped[str] = mapped_column(String(10))
        maybe: Mapped[float | None]
        also: Mapped[bool | None]
        price: Mapped[decimal.Decimal] = mapped_column(Numeric(10, 2))
        when: Mapped[datetime.datetime]
        key: Mapped[uuid.UUID]
        data: Mapped[bytes]
        color: Mapped[Color]
        renamed: Mapped[str] = mapped_column("other_name", Text)

    columns = Thing.__table__.c
    kinds = {name: type(column.type) for name, column in columns.items()}
    assert kinds == {
        "id": Integer, "text": String, "short": String, "maybe": Float, "also": Boolean, "price": Numeric, "when": DateTime,
        "key": Uuid, "data": LargeBinary, "color": Enum, "other_name": Text,
    }  # fmt: skip
    assert [name for name, column in columns.items() if column.nullable] == ["maybe", "also"]
    assert Thing(renamed="x").renamed == "x"


def test_mixins_and_abstract_bases_give_each_class_its_own_columns() -> None:
    class Base(DeclarativeBase):
        pass

    class Named:
        name: Mapped[str] = mapped_column(unique=True)

    class Keyed(Base):
        __abstract__ = True
        id: Mapped[int] = mapped_column(primary_key=True)

    class A(Named, Keyed):
        __tablename__ = "a"

    class B(Named, Keyed):
        __tablename__ = "b"

    assert set(A.__table__.c.keys()) == set(B.__table__.c.keys()) == {"id", "name"}
    assert A.__table__.c.name is not B.__table__.c.name


def test_a_table_can_be_given_and_arguments_added() -> None:
    base: Any = declarative_base()

    class Given(base):  # type: ignore[misc]
        __table__ = Table("given", base.metadata, Column("id", Integer, primary_key=True), Column("name", String))

    class Arguments(base):  # type: ignore[misc]
        __tablename__ = "arguments"
        __table_args__ = {"schema": "other"}
        id = Column(Integer, primary_key=True)

    assert Given(name="x").name == "x"
    assert Arguments.__table__.fullname == "other.arguments"


def test_an_unknown_keyword_is_a_type_error_with_a_suggestion() -> None:
    with pytest.raises(TypeError, match=r"unknown attribute 'nmae'\. Did you mean 'name'\?"):
        User(nmae="ed")


def test_the_constructor_is_the_users_to_write(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    class Point(Base):
        __tablename__ = "point"
        id: Mapped[int] = mapped_column(primary_key=True)
        x: Mapped[int]

        def __init__(self, x: int) -> None:
            self.x = x * 2

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Point(4))
        session.commit()
        assert session.query(Point).one().x == 8


def test_python_side_defaults_are_applied_at_the_insert(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    counter = iter(range(100))

    class Thing(Base):
        __tablename__ = "thing"
        id: Mapped[int] = mapped_column(primary_key=True)
        n: Mapped[int] = mapped_column(default=lambda: next(counter))
        label: Mapped[str] = mapped_column(default="none")
        touched: Mapped[int] = mapped_column(default=0, onupdate=lambda: 7)
        by_server: Mapped[str] = mapped_column(server_default="server")

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        things = [Thing(), Thing(label="given", by_server="me"), Thing()]
        session.add_all(things)
        session.commit()
        assert [(t.n, t.label, t.by_server) for t in things] == [
            (0, "none", "server"),
            (1, "given", "me"),
            (2, "none", "server"),
        ]
        assert [t.id for t in things] == sorted(t.id for t in things)
        things[0].label = "changed"
        session.commit()
        assert (things[0].touched, things[1].touched) == (7, 0)


# -- classical


def test_a_plain_class_is_mapped_to_a_table(engine: Engine, metadata: MetaData) -> None:
    users = Table(
        "users",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("name", String(50)),
        Column("fullname", String),
    )
    addresses = Table(
        "addresses",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("email", String),
        Column("user_id", ForeignKey("users.id")),
    )

    class Person:
        def __init__(self, name: str) -> None:
            self.name = name

    class Address:
        def __init__(self, email: str) -> None:
            self.email = email

    mapper(
        Person, users, properties={"addresses": relationship(Address, backref=backref("user"), order_by=addresses.c.id)}
    )
    mapper(Address, addresses)
    metadata.create_all(engine)
    with Session(engine) as session:
        ed: Any = Person("ed")
        ed.addresses = [Address("a@x"), Address("b@x")]
        session.add(ed)
        session.commit()
        found: Any = session.query(Person).filter_by(name="ed").one()
        assert found is ed
        assert [address.email for address in found.addresses] == ["a@x", "b@x"]
        assert found.addresses[0].user is ed
        assert object_mapper(ed) is class_mapper(Person)


def test_columns_can_be_renamed_prefixed_and_left_out(metadata: MetaData) -> None:
    table = Table("t", metadata, Column("id", Integer, primary_key=True), Column("a", Integer), Column("b", Integer))

    class Renamed:
        pass

    class Prefixed:
        pass

    class Fewer:
        pass

    mapper(Renamed, table, properties={"alpha": table.c.a})
    mapper(Prefixed, table, column_prefix="_")
    mapper(Fewer, table, exclude_properties=["b"])
    assert set(class_mapper(Renamed).columns.keys()) == {"id", "alpha", "b"}
    assert set(class_mapper(Prefixed).columns.keys()) == {"_id", "_a", "_b"}
    assert set(class_mapper(Fewer).columns.keys()) == {"id", "a"}


def test_a_class_with_its_own_setattr_is_tracked(engine: Engine, metadata: MetaData) -> None:
    table = Table("t", metadata, Column("id", Integer, primary_key=True), Column("a", String))

    class Own:
        a: str

        def __setattr__(self, name: str, value: object) -> None:
            super().__setattr__(name, f"<{value}>" if name == "a" else value)

    mapper(Own, table)
    metadata.create_all(engine)
    with Session(engine) as session:
        obj = Own()
        obj.a = "x"
        session.add(obj)
        session.commit()
        obj.a = "y"
        session.commit()
        assert obj.a == "<y>"


def test_a_disposed_registry_gives_its_classes_back(metadata: MetaData) -> None:
    table = Table("t", metadata, Column("id", Integer, primary_key=True))

    class Plain:
        id = "mine"

    before = dict(vars(Plain))
    # of its own: that of mapper() has classes of other tests
    own = registry()
    own.map_imperatively(Plain, table)
    assert Plain.id is not before["id"]
    with pytest.raises(ArgumentError, match="mapped already"):
        own.map_imperatively(Plain, table)
    own.dispose()
    assert {k: v for k, v in vars(Plain).items() if k not in ("__dict__", "__weakref__")} == {
        k: v for k, v in before.items() if k not in ("__dict__", "__weakref__")
    }
    assert own.map_imperatively(Plain, table) is class_mapper(Plain)


def test_inspect_shows_the_mapper_and_the_state() -> None:
    assert inspect(User) is class_mapper(User)
    assert inspect(User(name="x")).transient
    assert {p.key for p in class_mapper(User).iterate_properties} >= {"id", "name", "posts"}
    assert User.name.property is class_mapper(User).get_property("name")
    with pytest.raises(InvalidRequestError, match="Did you mean 'name'"):
        class_mapper(User).get_property("nmae")


# -- wrong mappings


def test_a_table_without_a_primary_key_is_refused(metadata: MetaData) -> None:
    class Keyless:
        pass

    with pytest.raises(ArgumentError, match=r"has no primary key.*primary_key=True"):
        mapper(Keyless, Table("t", metadata, Column("a", Integer)))


def test_classes_that_cannot_be_tracked_are_refused(metadata: MetaData) -> None:
    table = Table("t", metadata, Column("id", Integer, primary_key=True))

    class Slotted:
        __slots__ = ("id",)

    @dataclasses.dataclass(frozen=True)
    class Frozen:
        id: int

    with pytest.raises(ArgumentError, match="__slots__"):
        mapper(Slotted, table)
    with pytest.raises(ArgumentError, match="frozen dataclass"):
        mapper(Frozen, table)


def test_a_relationship_to_nowhere_names_the_class_and_the_cure() -> None:
    class Base(DeclarativeBase):
        pass

    class Book(Base):
        __tablename__ = "book"
        id: Mapped[int] = mapped_column(primary_key=True)
        author: Mapped[Writer] = relationship()  # type: ignore[name-defined]  # noqa: F821

    for _ in range(2):
        with pytest.raises(
            (ArgumentError, InvalidRequestError), match=r"Book\.author.*no mapped class or table is called 'Writer'"
        ):
            Book()


def test_a_relationship_without_a_foreign_key_says_what_to_add() -> None:
    class Base(DeclarativeBase):
        pass

    class Left(Base):
        __tablename__ = "left"
        id: Mapped[int] = mapped_column(primary_key=True)
        rights: Mapped[list[Right]] = relationship()

    class Right(Base):
        __tablename__ = "right"
        id: Mapped[int] = mapped_column(primary_key=True)

    with pytest.raises(ArgumentError, match="no foreign key connects 'left' and 'right'"):
        Base.registry.configure()
    Base.registry.dispose()


def test_an_ambiguous_relationship_lists_the_candidates_and_can_be_mended() -> None:
    class Base(DeclarativeBase):
        pass

    class City(Base):
        __tablename__ = "city"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Trip(Base):
        __tablename__ = "trip"
        id: Mapped[int] = mapped_column(primary_key=True)
        start_id: Mapped[int] = mapped_column(ForeignKey("city.id"))
        end_id: Mapped[int] = mapped_column(ForeignKey("city.id"))
        start: Mapped[City] = relationship()

    with pytest.raises(ArgumentError, match=r"trip\.start_id -> city\.id; trip\.end_id -> city\.id.*foreign_keys"):
        Base.registry.configure()
    Base.registry.dispose()

    class Base2(DeclarativeBase):
        pass

    class City2(Base2):
        __tablename__ = "city"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Trip2(Base2):
        __tablename__ = "trip"
        id: Mapped[int] = mapped_column(primary_key=True)
        start_id: Mapped[int] = mapped_column(ForeignKey("city.id"))
        end_id: Mapped[int] = mapped_column(ForeignKey("city.id"))
        start: Mapped[City2] = relationship(foreign_keys=[start_id])
        end: Mapped[City2] = relationship(foreign_keys=[end_id])

    trip = Trip2(start=City2(), end=City2())
    assert trip.start is not trip.end


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cascade": "delete-orphans"}, "Did you mean 'delete-orphan'"),
        ({"cascade": "delete-orphan"}, "needs 'delete' as well"),
        ({"collection_class": dict}, "collection_class"),
        ({"backref": "a", "back_populates": "b"}, "not both"),
    ],
)
def test_wrong_options_of_relationships_are_refused_at_once(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        relationship("X", **options)


def test_back_populates_must_lead_back() -> None:
    class Base(DeclarativeBase):
        pass

    class Parent(Base):
        __tablename__ = "parent"
        id: Mapped[int] = mapped_column(primary_key=True)
        children: Mapped[list[Child]] = relationship(back_populates="father")

    class Child(Base):
        __tablename__ = "child"
        id: Mapped[int] = mapped_column(primary_key=True)
        parent_id: Mapped[int] = mapped_column(ForeignKey("parent.id"))

    with pytest.raises(ArgumentError, match="has no relationship of that name"):
        Base.registry.configure()
    Base.registry.dispose()


def test_a_foreign_key_to_nowhere_is_named() -> None:
    class Base(DeclarativeBase):
        pass

    class Child(Base):
        __tablename__ = "child"
        id: Mapped[int] = mapped_column(primary_key=True)
        parent_id: Mapped[int] = mapped_column(ForeignKey("parents.id"))

    class Parent(Base):
        __tablename__ = "parent"
        id: Mapped[int] = mapped_column(primary_key=True)

    with pytest.raises(NoSuchTableError, match=r"child\.parent_id refers to 'parents\.id'.*Did you mean 'parent'"):
        _ = Child.__table__.c.parent_id.foreign_keys[0].column


def test_unmapped_classes_are_named() -> None:
    class Stranger:
        pass

    with pytest.raises(UnmappedClassError, match="Stranger is not a mapped class"):
        class_mapper(Stranger)


def test_annotations_that_say_nothing_are_refused() -> None:
    class Base(DeclarativeBase):
        pass

    with pytest.raises(ArgumentError, match=r"Odd\.x is annotated as Mapped\[object\]"):

        class Odd(Base):
            __tablename__ = "odd"
            id: Mapped[int] = mapped_column(primary_key=True)
            x: Mapped[object]


def test_values_are_checked_at_assignment_where_the_type_is_strict() -> None:
    class Base(DeclarativeBase):
        pass

    class Strict(Base):
        __tablename__ = "strict"
        id: Mapped[int] = mapped_column(primary_key=True)
        price: Mapped[decimal.Decimal] = mapped_column(Numeric(10, 2))
        when: Mapped[datetime.datetime] = mapped_column(DateTime(timezone=True))
        color: Mapped[Color]

    row = Strict()
    for name, value in (("price", 0.1), ("when", datetime.datetime(2026, 1, 1)), ("color", "green"), ("price", "1")):
        with pytest.raises(DataError):
            setattr(row, name, value)
    with pytest.raises(DataError):
        Strict(price=0.1)


RERUN = """
from __future__ import annotations
from flask_uow import ForeignKey, Mapped, declarative_base, mapped_column, relationship

Base = declarative_base()

class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
    books: Mapped[list[Book]] = relationship(back_populates="author")

class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id"))
    author: Mapped["Author"] = relationship(back_populates="books")
"""


def test_a_module_that_is_run_again_has_relationships_between_its_new_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("run_again")
    monkeypatch.setitem(sys.modules, "run_again", module)
    for _ in range(2):
        exec(RERUN, vars(module))
        author = module.Author(books=[module.Book()])
        assert author.books[0].author is author
        assert module.Author.books.property.mapper.class_ is module.Book


# -- what is easily got wrong


def test_a_class_without_a_table_is_named_when_it_is_used(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    class Forgotten(Base):
        id: Mapped[int] = mapped_column(primary_key=True)

    class Common(Base):
        __abstract__ = True

    for cls, message in ((Forgotten, "Give it a __tablename__"), (Common, "is abstract"), (Base, "the base of mapped")):
        with pytest.raises(UnmappedClassError, match=message):
            cls()


def test_an_attribute_without_a_type_is_refused() -> None:
    class Base(DeclarativeBase):
        pass

    with pytest.raises(ArgumentError, match=r"Untyped\.x has no SQL type.*Mapped\[int\]"):

        class Untyped(Base):
            __tablename__ = "untyped"
            id: Mapped[int] = mapped_column(primary_key=True)
            x = mapped_column()

    with pytest.raises(ArgumentError, match=r"Plain\.x has no SQL type"):

        class Plain(Base):
            __tablename__ = "plain"
            id: Mapped[int] = mapped_column(primary_key=True)
            x: int = mapped_column()  # type: ignore[assignment]

    class Typed(Base):
        __tablename__ = "typed"
        id: Mapped[int] = mapped_column(primary_key=True)
        x: int = mapped_column(Integer)  # type: ignore[assignment]

    assert Typed.__table__.c.keys() == ["id", "x"]


def test_names_that_the_base_needs_are_refused() -> None:
    class Base(DeclarativeBase):
        pass

    for name in ("metadata", "registry"):
        with pytest.raises(ArgumentError, match=rf"Odd\.{name}: the name '{name}' is taken.*mapped_column\('{name}'\)"):
            type("Odd", (Base,), {"__tablename__": f"odd_{name}", "__annotations__": {name: "Mapped[str]"}})


def test_table_arguments_have_to_be_a_tuple_of_what_the_table_has() -> None:
    class Base(DeclarativeBase):
        pass

    key = {"id": mapped_column(Integer, primary_key=True)}
    with pytest.raises(ArgumentError, match="A tuple of one item needs a comma"):
        type("A", (Base,), {"__tablename__": "a", "__table_args__": UniqueConstraint("id"), **key})
    with pytest.raises(ArgumentError, match=r"Index of table 'b' names a column 'idd'.*Did you mean 'id'"):
        type("B", (Base,), {"__tablename__": "b", "__table_args__": (Index("ix", "idd"),), **key})


def test_each_object_has_a_mutable_default_of_its_own(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    class Settings(Base):
        __tablename__ = "settings"
        id: Mapped[int] = mapped_column(primary_key=True)
        values: Mapped[dict[str, Any]] = mapped_column(JSON, default={"theme": []})

    Base.metadata.create_all(engine)
    with Session(engine, expire_on_commit=False) as session:
        first, second = Settings(), Settings()
        session.add_all([first, second])
        session.commit()
        first.values["theme"].append("dark")
        session.add(third := Settings())
        session.commit()
        assert (second.values, third.values) == ({"theme": []}, {"theme": []})


def test_a_default_function_of_more_than_the_context_is_refused() -> None:
    with pytest.raises(
        ArgumentError,
        match=r"a function without arguments or of one, the context; got .*missing a required argument: 'other'",
    ):
        Column("x", Integer, default=lambda context, other: 1)
    for function in (dict, uuid.uuid4, datetime.datetime.now, lambda size=3: size):
        assert Column("x", Integer, default=function).default is not None


def test_a_relationship_to_its_own_table_says_which_way_it_goes(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    def attempt(**options: Any) -> Any:
        class Base(DeclarativeBase):
            pass

        class Node(Base):
            __tablename__ = "node"
            id: Mapped[int] = mapped_column(primary_key=True)
            parent_id: Mapped[int | None] = mapped_column(ForeignKey("node.id"))
            other: Mapped[Node | None] = relationship(**options)

        Base.registry.configure()
        return Node.other.property.direction.value

    for options in ({}, {"backref": "children"}):
        with pytest.raises(
            ArgumentError, match=r"Node\.other refers to its own table.*remote_side=\[Node\.id\].*uselist=False"
        ):
            attempt(**options)
    assert attempt(remote_side="Node.id", backref="children") == "many-to-one"
    assert attempt(uselist=False) == "one-to-many"


def test_an_object_in_place_of_its_class_is_refused() -> None:
    class Base(DeclarativeBase):
        pass

    class Item(Base):
        __tablename__ = "item"
        id: Mapped[int] = mapped_column(primary_key=True)

    with pytest.raises(ArgumentError, match=r"got an object of one: .*Pass its class"):
        Session().query(Item())
