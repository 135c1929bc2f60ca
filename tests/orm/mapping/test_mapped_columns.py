"""Which columns an attribute stands for: names that a base and a subclass share, keys under the base's name, names that a class uses itself."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

import flask_uow
from flask_uow import (
    ArgumentError,
    AttributeExtension,
    BigInteger,
    Column,
    DeclarativeBase,
    Engine,
    ForeignKey,
    Integer,
    InvalidRequestError,
    Mapped,
    MetaData,
    PropComparator,
    Session,
    String,
    Table,
    UOWWarning,
    class_mapper,
    column_property,
    deferred,
    func,
    mapped_column,
    relationship,
    select,
    synonym,
)
from flask_uow.orm import Registry


@pytest.fixture
def registry() -> Iterator[Registry]:
    made = Registry()
    yield made
    made.dispose()


@pytest.fixture
def mapper(registry: Registry) -> Any:
    """The function, for mappers that are gone after the test."""
    return partial(flask_uow.mapper, registry=registry)


def vehicles() -> tuple[MetaData, Table, Table]:
    metadata = MetaData()
    vehicle = Table(
        "vehicle", metadata,
        Column("id", Integer, primary_key=True), Column("note", String(9)), Column("kind", String(9)), Column("made", Integer, default=7),
    )  # fmt: skip
    lorry = Table(
        "lorry", metadata,
        Column("vehicle_id", ForeignKey("vehicle.id"), primary_key=True), Column("note", String(9)), Column("made", Integer, default=8),
        Column("load", Integer),
    )  # fmt: skip
    return metadata, vehicle, lorry


@pytest.mark.parametrize("polymorphic", [True, False])
def test_an_attribute_stands_for_the_columns_of_a_name_that_base_and_subclass_have(
    engine: Engine, polymorphic: bool, mapper: Any
) -> None:
    metadata, vehicle, lorry = vehicles()

    class Vehicle:
        pass

    class Lorry(Vehicle):
        note: Any

    family = {"polymorphic_on": vehicle.c.kind, "polymorphic_identity": "v"} if polymorphic else {}
    mapper(Vehicle, vehicle, **family)
    with pytest.warns(
        UOWWarning, match=r"Lorry\.(note|made) stands for two columns.*'lorry'.*'vehicle'.*both written"
    ) as told:
        mapper(Lorry, lorry, inherits=Vehicle, **({"polymorphic_identity": "l"} if polymorphic else {}))
    assert len(told) == 2
    assert all(each.filename == __file__ for each in told)
    metadata.create_all(engine)

    def stored() -> list[tuple[Any, ...]]:
        with engine.connect() as connection:
            statement = select(vehicle.c.note, lorry.c.note, vehicle.c.made, lorry.c.made)
            return connection.execute(statement.where(vehicle.c.id == lorry.c.vehicle_id)).all()

    with Session(engine) as session:
        one = Lorry()
        one.note = "x"
        session.add(one)
        session.commit()
        assert [(row[0], row[1], row[2] == row[3]) for row in stored()] == [("x", "x", True)]
        one.note = "y"
        session.commit()
        assert stored()[0][:2] == ("y", "y")
        session.expunge_all()
        found: Any = session.query(Lorry).filter(Lorry.note == "y").one()
        assert (found.note, found.made is not None) == ("y", True)
        assert "lorry.note" in str(session.query(Lorry.note))
        assert "vehicle.note" in str(session.query(Vehicle.note))  # type: ignore[attr-defined]
        session.expire_all()
        assert found.note == "y"
        found.note = None
        session.commit()
        assert stored()[0][:2] == (None, None)
        session.delete(found)
        session.commit()
        assert stored() == []


def test_what_is_declared_to_stand_for_both_columns_is_not_warned_about(
    engine: Engine, mapper: Any, registry: Registry
) -> None:
    metadata, vehicle, lorry = vehicles()

    class Vehicle:
        pass

    class Lorry(Vehicle):
        pass

    mapper(Vehicle, vehicle)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mapper(
            Lorry, lorry, inherits=Vehicle,
            properties={"note": [lorry.c.note, vehicle.c.note], "lorry_made": lorry.c.made},
        )  # fmt: skip
    registry.configure()
    columns = class_mapper(Lorry).column_attrs
    assert [column.table.name for column in columns["note"].columns] == ["lorry", "vehicle"]
    assert [column.table.name for column in columns["made"].columns] == ["vehicle"]
    metadata.create_all(engine)
    with Session(engine) as session:
        one: Any = Lorry()
        one.note, one.made, one.lorry_made = "z", 1, 2
        session.add(one)
        session.commit()
        assert session.execute(select(vehicle.c.note, lorry.c.note, vehicle.c.made, lorry.c.made)).one() == (
            "z",
            "z",
            1,
            2,
        )


def test_declarative_classes_may_share_names_with_their_base(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    class Parent(Base):
        __tablename__ = "parent"
        id: Mapped[int] = mapped_column(primary_key=True)
        note: Mapped[str]
        kind: Mapped[str]
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "parent"}

    with pytest.warns(UOWWarning, match=r"Child\.note stands for two columns"):

        class Child(Parent):
            __tablename__ = "child"
            id: Mapped[int] = mapped_column(ForeignKey("parent.id"), primary_key=True)
            note: Mapped[str]
            __mapper_args__ = {"polymorphic_identity": "child"}

    with pytest.warns(UOWWarning, match=r"Grandchild\.note stands for two columns"):

        class Grandchild(Child):
            __tablename__ = "grandchild"
            id: Mapped[int] = mapped_column(ForeignKey("child.id"), primary_key=True)
            note: Mapped[str]
            __mapper_args__ = {"polymorphic_identity": "grandchild"}

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Parent(note="p"), Child(note="c"), Grandchild(note="g")])
        session.commit()
        session.expunge_all()
        assert [(type(each).__name__, each.note) for each in session.query(Parent).order_by(Parent.id)] == [
            ("Parent", "p"),
            ("Child", "c"),
            ("Grandchild", "g"),
        ]
        notes = [session.scalars(select(cls.__table__.c.note)).all() for cls in (Parent, Child, Grandchild)]
        assert [sorted(each) for each in notes] == [["c", "g", "p"], ["c", "g"], ["g"]]


def test_two_columns_of_one_join_still_need_names(mapper: Any) -> None:
    metadata = MetaData()
    one = Table("one", metadata, Column("id", Integer, primary_key=True), Column("note", Integer))
    two = Table("two", metadata, Column("one_id", ForeignKey("one.id"), primary_key=True), Column("note", Integer))

    class Both:
        pass

    with pytest.raises(ArgumentError, match=r"Both\.note would stand for two columns"):
        mapper(Both, one.join(two))


@pytest.mark.parametrize("how", ["column", "list", "reversed", "property"])
def test_a_subclass_may_name_its_key_as_the_base_does(engine: Engine, how: str, mapper: Any) -> None:
    metadata = MetaData()
    unit = Table("unit", metadata, Column("uid", Integer, primary_key=True), Column("kind", String(5)))
    squad = Table(
        "squad", metadata, Column("sid", Integer, ForeignKey("unit.uid"), primary_key=True), Column("size", Integer)
    )
    troop = Table("troop", metadata, Column("tid", Integer, ForeignKey("squad.sid"), primary_key=True))

    class Unit:
        id: Any

    class Squad(Unit):
        size: Any

    class Troop(Squad):
        pass

    def key(*columns: Any) -> Any:
        chosen: Any = {"column": columns[-1], "list": list(columns), "reversed": list(columns[::-1])}
        return chosen.get(how, column_property(columns[-1]))

    mapper(Unit, unit, polymorphic_on=unit.c.kind, polymorphic_identity="u", properties={"id": unit.c.uid})
    mapper(Squad, squad, inherits=Unit, polymorphic_identity="s", properties={"id": key(unit.c.uid, squad.c.sid)})
    mapper(
        Troop,
        troop,
        inherits=Squad,
        polymorphic_identity="t",
        properties={"id": key(unit.c.uid, squad.c.sid, troop.c.tid)},
    )
    metadata.create_all(engine)
    with Session(engine) as session:
        one, two = Squad(), Troop()
        one.size = 3
        session.add_all([one, two])
        session.commit()
        assert sorted((one.id, two.id)) == [1, 2]
        session.expunge_all()
        assert [type(each) for each in session.query(Unit).order_by(Unit.id)] in ([Squad, Troop], [Troop, Squad])
        found = session.query(Squad).filter(Squad.size == 3).one()
        found.size = 4
        session.commit()
        assert session.query(Squad.size).filter(Squad.id == found.id).scalar() == 4


# -- names that the class uses itself


def pets() -> tuple[MetaData, Table, Table]:
    metadata = MetaData()
    pet = Table(
        "pet", metadata, Column("id", Integer, primary_key=True), Column("name", String(9)), Column("kind", String(9))
    )
    cat = Table("cat", metadata, Column("id", Integer, ForeignKey("pet.id"), primary_key=True), Column("mice", Integer))
    return metadata, pet, cat  # fmt: skip


class Mine:
    """A descriptor."""

    def __get__(self, obj: Any, owner: type) -> str:
        return "mine"


OWN: dict[str, Any] = {
    "property": property(lambda self: "mine"),
    "descriptor": Mine(),
    "cached property": functools.cached_property(lambda self: "mine"),
    "method": lambda self: "mine",
}


@pytest.mark.parametrize("kind", OWN)
@pytest.mark.parametrize("of_subclass", [True, False])
def test_a_property_of_the_class_is_not_replaced_by_a_column(
    engine: Engine, kind: str, of_subclass: bool, mapper: Any
) -> None:
    own = OWN[kind]
    body = {"name": own}
    if isinstance(own, functools.cached_property):
        own.__set_name__(object, own.attrname or "name")
    Pet: Any = type("Pet", (), {} if of_subclass else body)
    Cat: Any = type("Cat", (Pet,), body if of_subclass else {})
    metadata, pet, cat = pets()
    mapper(Pet, pet, polymorphic_on=pet.c.kind, polymorphic_identity="pet")
    mapper(Cat, cat, inherits=Pet, polymorphic_identity="cat")
    metadata.create_all(engine)
    with Session(engine) as session:
        tom = Cat()
        tom.mice = 3
        session.add_all([tom, Pet()])
        session.commit()
        session.execute(pet.update().values(name="theirs"))
        session.commit()
        session.expunge_all()
        found = session.query(Pet).filter(Pet.id == session.query(Cat.id).scalar()).one()
        value = found.name() if kind == "method" else found.name
        assert (type(found), value, found.mice) == (Cat, "mine", 3)
        if of_subclass:
            assert session.query(Pet).filter(Pet.kind == "pet").one().name == "theirs"
            assert class_mapper(Cat).has_attribute("name")
        assert "name" not in class_mapper(Cat).columns
        found.mice = 4
        session.commit()
        session.refresh(found)
        assert session.query(Cat.mice).scalar() == 4
        assert session.scalars(select(pet.c.name)).all() == ["theirs", "theirs"]


def test_a_property_under_a_name_that_properties_maps_is_replaced(mapper: Any) -> None:
    class Pet:
        @property
        def name(self) -> str:
            return "mine"

    _, pet, _ = pets()
    mapper(Pet, pet, properties={"name": pet.c.name})
    assert Pet().name is None


def test_slots_and_plain_values_of_a_class_give_way_to_columns(mapper: Any) -> None:
    class Slotted:
        __slots__ = ("__dict__", "__weakref__", "name")

    class Plain:
        name = "a default"

    for cls in (Slotted, Plain):
        _, pet, _ = pets()
        mapper(cls, pet)
        assert "name" in class_mapper(cls).column_attrs


def test_a_property_in_the_place_of_a_key_is_refused(mapper: Any) -> None:
    class Pet:
        pass

    class Cat(Pet):
        @property
        def id(self) -> int:
            return 1

    _, pet, cat = pets()
    mapper(Pet, pet)
    with pytest.raises(ArgumentError, match=r"Cat\.id is <property.*Give the property another name"):
        mapper(Cat, cat, inherits=Pet)


def test_a_property_of_a_declarative_class_with_a_table_stays(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    _, pet, _ = pets()
    table = pet.to_metadata(Base.metadata)

    class Pet(Base):
        __table__ = table

        @property
        def name(self) -> str:
            return f"pet {self.id}"

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Pet(id=4))
        session.commit()
        assert session.query(Pet).one().name == "pet 4"


# -- columns of other tables, synonyms


@pytest.mark.parametrize("wrap", [lambda column: column, lambda column: [column], column_property])
def test_a_column_of_another_table_is_refused(wrap: Any, mapper: Any) -> None:
    class Song:
        pass

    _, pet, cat = pets()
    with pytest.raises(
        ArgumentError, match=r"Song\.stray is declared as table 'cat'\.mice.*mapped to table 'pet'.*relationship"
    ):
        mapper(Song, pet, properties={"stray": wrap(cat.c.mice)})
    found = mapper(Song, pet)
    with pytest.raises(ArgumentError, match=r"Song\.stray is declared as table 'cat'\.mice"):
        found.add_property("stray", wrap(cat.c.mice))


def test_a_synonym_may_map_a_column_that_is_mapped_under_its_name(engine: Engine, mapper: Any) -> None:
    class Pet:
        pass

    metadata, pet, _ = pets()
    mapper(
        Pet,
        pet,
        properties={
            "_pid": pet.c.id,
            "id": synonym("_pid", map_column=True),
            "name": synonym("_name", map_column=True),
        },
    )
    metadata.create_all(engine)
    with Session(engine) as session:
        one: Any = Pet()
        one.name = "Rex"
        session.add(one)
        session.commit()
        assert (one.id, one._pid, one._name) == (1, 1, "Rex")
        assert session.query(Pet).filter(Pet.id == 1).one() is one  # type: ignore[attr-defined]


def test_relationships_use_columns_of_the_name_that_both_have(engine: Engine, mapper: Any) -> None:
    metadata = MetaData()
    owner = Table("owner", metadata, Column("id", Integer, primary_key=True))
    thing = Table(
        "thing", metadata, Column("id", Integer, primary_key=True), Column("owner_id", ForeignKey("owner.id"))
    )
    tool = Table(
        "tool",
        metadata,
        Column("id", ForeignKey("thing.id"), primary_key=True),
        Column("owner_id", ForeignKey("owner.id")),
    )

    class Owner:
        pass

    class Thing:
        pass

    class Tool(Thing):
        owner: Any

    mapper(Owner, owner)
    mapper(Thing, thing, properties={"owner": relationship(Owner, backref="things")})
    with pytest.warns(UOWWarning, match=r"Tool\.owner_id"):
        mapper(Tool, tool, inherits=Thing)
    metadata.create_all(engine)
    with Session(engine) as session:
        one = Tool()
        one.owner = Owner()
        session.add(one)
        session.commit()
        assert session.execute(select(thing.c.owner_id, tool.c.owner_id)).one() == (1, 1)
        assert session.query(Owner).one().things == [one]  # type: ignore[attr-defined]


# -- what is said of columns


def test_the_doc_of_a_column_is_that_of_its_attribute(mapper: Any) -> None:
    table = Table(
        "t", MetaData(),
        Column("id", Integer, primary_key=True, doc="the key"), Column("x", Integer, doc="said here", comment="said there"),
        Column("y", Integer, comment="a comment"),
    )  # fmt: skip

    class T:
        pass

    mapper(T, table, properties={"x2": column_property(table.c.x, doc="said last")})
    docs = {name: prop.doc for name, prop in class_mapper(T).column_attrs.items()}
    assert docs == {"id": "the key", "x2": "said last", "y": "a comment"}
    assert T.id.__doc__ == "the key"  # type: ignore[attr-defined]
    assert table.c.x.copy().doc == "said here"


class Loud(PropComparator):
    def shouted(self) -> Any:
        return func.upper(self.__clause_element__())


class Trim(AttributeExtension):
    def set(self, state: Any, value: Any, oldvalue: Any, initiator: Any) -> Any:
        return value.strip()


def test_deferred_takes_what_column_property_takes(engine: Engine, mapper: Any) -> None:
    class Base(DeclarativeBase):
        pass

    class Mixin:
        body: Mapped[str] = deferred(
            mapped_column(), comparator_factory=Loud, extension=Trim(), doc="long", group="texts"
        )

    class Page(Mixin, Base):
        __tablename__ = "page"
        id: Mapped[int] = mapped_column(primary_key=True)
        more: Mapped[str] = deferred(mapped_column("m", String(9)), comparator_factory=Loud)

    table = Table("letter", MetaData(), Column("id", Integer, primary_key=True), Column("body", String(20)))

    class Letter:
        pass

    mapper(
        Letter,
        table,
        properties={"body": deferred(table.c.body, comparator_factory=Loud, extension=Trim(), doc="long")},
    )
    Base.metadata.create_all(engine)
    table.create(engine)
    with Session(engine) as session:
        letter: Any = Letter()
        letter.body = " hi "
        session.add_all([Page(body=" hi ", more="x"), letter])
        session.commit()
        for cls in (Page, Letter):
            session.expunge_all()
            found: Any = session.query(cls).filter(cls.body.shouted() == "HI").one()  # type: ignore[attr-defined]
            assert "body" not in vars(found)
            assert (found.body, class_mapper(cls).column_attrs["body"].doc) == ("hi", "long")
        assert session.query(Page).filter(Page.more.shouted() == "X").count() == 1  # type: ignore[attr-defined]


def test_an_extension_of_a_subclass_takes_the_place_of_the_inherited_one(mapper: Any) -> None:
    def saying(word: str) -> AttributeExtension:
        class Say(AttributeExtension):
            def set(self, state: Any, value: Any, oldvalue: Any, initiator: Any) -> Any:
                return f"{word}:{value}"

        return Say()

    song = Table(
        "song", MetaData(), Column("id", Integer, primary_key=True), Column("kind", Integer), Column("title", String(9)),
        Column("note", String(9)),
    )  # fmt: skip

    class A:
        title: Any
        note: Any

    class B(A):
        pass

    class C(B):
        pass

    mapper(A, song, polymorphic_on=song.c.kind, polymorphic_identity=1, properties={
        "title": column_property(song.c.title, extension=saying("one")), "note": column_property(song.c.note, extension=saying("one")),
    })  # fmt: skip
    mapper(
        B,
        inherits=A,
        polymorphic_identity=2,
        properties={"title": column_property(song.c.title, extension=saying("two"))},
    )
    mapper(C, inherits=B, polymorphic_identity=3)
    for cls, title in ((A, "one:z"), (B, "two:z"), (C, "two:z")):
        obj = cls()
        obj.title = obj.note = "z"
        assert (obj.title, obj.note) == (title, "one:z")
    assert len(class_mapper(B).column_attrs["title"].columns) == 1


def test_a_non_primary_mapper_needs_a_class_with_a_mapper_of_its_own(mapper: Any) -> None:
    _, pet, cat = pets()

    class Pet:
        pass

    class Cat(Pet):
        pass

    mapper(Pet, pet)
    with pytest.raises(InvalidRequestError, match=r"Cat has no mapper of its own.*Pet.*Map the class first"):
        flask_uow.mapper(Cat, cat, non_primary=True)
    assert flask_uow.mapper(Pet, pet.alias(), non_primary=True) is not None


def test_the_key_of_an_object_can_be_asked_for(mapper: Any) -> None:
    table = Table("pair", MetaData(), Column("a", Integer, primary_key=True), Column("b", String(3), primary_key=True))

    class Pair:
        pass

    mapper(Pair, table, properties={"second": table.c.b})
    pair: Any = Pair()
    assert class_mapper(Pair).primary_key_from_instance(pair) == (None, None)
    pair.a, pair.second = 1, "x"
    assert class_mapper(Pair).primary_key_from_instance(pair) == (1, "x")


def test_what_is_selected_from_tells_the_columns_of_its_key() -> None:
    _, pet, cat = pets()
    assert [column.name for column in pet.alias().primary_key] == ["id"]
    assert [column.name for column in select(pet.c.name, pet.c.id).subquery().alias().primary_key] == ["id"]
    assert select(pet.c.name).subquery().primary_key == []
    # the key that refers to the other one is that one
    (key,) = pet.join(cat).primary_key
    assert key is pet.c.id
    tag = Table("tag", MetaData(), Column("id", Integer, primary_key=True))
    keys = pet.join(tag, pet.c.id == tag.c.id).primary_key
    assert [column.table.name for column in keys] == ["pet", "tag"]


def test_a_declarative_class_may_name_a_column_of_its_given_table_anew(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    class Hat(Base):
        __table__ = Table(
            "hat", Base.metadata, Column("id", Integer, primary_key=True), Column("name", String(9)),
            Column("size", Integer),
        )  # fmt: skip
        _name = __table__.c.name
        width: Mapped[int | None] = mapped_column("size")
        name = synonym("_name", descriptor=property(lambda self: f"<{self._name}>"))

    assert list(class_mapper(Hat).columns.keys()) == ["id", "_name", "width"]
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Hat(_name="bowler", width=5))
        session.commit()
        hat = session.query(Hat).filter(Hat.name == "bowler").one()
        assert (hat.name, hat.width) == ("<bowler>", 5)
    Base.registry.dispose()


def test_mapped_columns_take_their_name_and_type_by_keyword() -> None:
    class Base(DeclarativeBase):
        pass

    class Crate(Base):
        __tablename__ = "crate_of_keywords"
        id = mapped_column(Integer, name="crate_id", primary_key=True)
        outer = mapped_column(ForeignKey("crate_of_keywords.crate_id"), type_=BigInteger, name="outer_id")

    columns = Crate.__table__.c
    assert [(column.name, type(column.type)) for column in columns] == [("crate_id", Integer), ("outer_id", BigInteger)]
