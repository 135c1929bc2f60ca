"""``ConcreteBase``: a family of classes with a table each is queried by a union."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import (
    AbstractConcreteBase,
    ArgumentError,
    Column,
    ConcreteBase,
    DeclarativeBase,
    Engine,
    ForeignKey,
    Integer,
    Mapped,
    MetaData,
    Session,
    String,
    Table,
    configure_mappers,
    declared_attr,
    func,
    hybrid_property,
    inspect,
    joinedload,
    mapped_column,
    or_,
    polymorphic_union,
    relationship,
    select,
    selectinload,
    with_polymorphic,
)
from flask_uow.orm.exc import FlushError


class Base(DeclarativeBase):
    pass


class Firm(Base):
    __tablename__ = "concrete_firm"
    id: Mapped[int] = mapped_column(primary_key=True)


class Employee(ConcreteBase, Base):
    __tablename__ = "concrete_employee"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    firm_id: Mapped[int | None] = mapped_column(ForeignKey("concrete_firm.id"))
    firm: Mapped[Firm | None] = relationship()
    __mapper_args__ = {"polymorphic_identity": "employee", "concrete": True}


class Manager(Employee):
    __tablename__ = "concrete_manager"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    budget: Mapped[int | None]
    __mapper_args__ = {"polymorphic_identity": "manager", "concrete": True}


class Engineer(Employee):
    __tablename__ = "concrete_engineer"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    language: Mapped[str | None]
    __mapper_args__ = {"polymorphic_identity": "engineer", "concrete": True}


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Employee(name="ann", firm=Firm()), Manager(name="bob", budget=3), Engineer(name="cid")])
        session.commit()
        session.expunge_all()
        yield session


def test_a_query_of_the_base_gives_objects_of_all_classes(session: Session) -> None:
    found = session.scalars(select(Employee).order_by(Employee.name)).all()
    assert [(type(one), one.name) for one in found] == [(Employee, "ann"), (Manager, "bob"), (Engineer, "cid")]
    assert found[1].budget == 3  # type: ignore[attr-defined]
    assert session.scalars(select(Employee).where(Employee.name == "cid")).one() is found[2]
    assert session.scalars(select(Employee).where(Manager.budget == 3)).one() is found[1]
    assert session.scalar(select(func.count()).select_from(Employee)) == 3


def test_a_query_of_a_subclass_is_about_its_table(session: Session) -> None:
    assert [manager.name for manager in session.scalars(select(Manager))] == ["bob"]
    manager = session.scalars(select(Manager)).one()
    manager.name, manager.budget = "bo", 4
    session.commit()
    assert session.scalars(select(Employee).where(Employee.name == "bo")).one() is manager
    session.delete(manager)
    session.commit()
    assert sorted(one.name for one in session.scalars(select(Employee))) == ["ann", "cid"]


@pytest.mark.usefixtures("no_left_over_mappings")
def test_a_class_that_comes_later_is_in_the_union(engine: Engine) -> None:
    class OwnBase(DeclarativeBase):
        pass

    class Animal(ConcreteBase, OwnBase):
        __tablename__ = "concrete_animal"
        _concrete_discriminator_name = "sort"
        id: Mapped[int] = mapped_column(primary_key=True)
        type: Mapped[str] = mapped_column(default="wild")
        __mapper_args__ = {"polymorphic_identity": "animal"}

    configure_mappers()

    def declare(name: str) -> Any:
        class Made(Animal):
            __tablename__ = f"concrete_{name}"
            id = mapped_column(Integer, primary_key=True)
            type: Mapped[str] = mapped_column(default=name)
            __mapper_args__ = {"polymorphic_identity": name, "concrete": True}

        Made.__name__ = name
        return Made

    cat = declare("cat")
    OwnBase.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Animal(), cat()])
        session.commit()
        assert sorted(one.type for one in session.scalars(select(Animal))) == ["cat", "wild"]
        dog = declare("dog")
        OwnBase.metadata.create_all(session.connection())
        session.add(dog())
        session.commit()
        assert sorted(one.type for one in session.scalars(select(Animal))) == ["cat", "dog", "wild"]


def test_an_attribute_of_the_unions_column_is_refused() -> None:
    class OwnBase(DeclarativeBase):
        pass

    class Animal(ConcreteBase, OwnBase):
        __tablename__ = "concrete_animal"
        id: Mapped[int] = mapped_column(primary_key=True)
        type: Mapped[str]
        __mapper_args__ = {"polymorphic_identity": "animal"}

    with pytest.raises(ArgumentError, match="_concrete_discriminator_name in Animal"):
        OwnBase.registry.configure()


def abstract_family() -> Any:
    class Own(DeclarativeBase):
        pass

    class Firm(Own):
        __tablename__ = "abstract_firm"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Person(AbstractConcreteBase, Own):
        id: Mapped[int] = mapped_column(primary_key=True)
        name = mapped_column(String(20))

        @declared_attr
        def firm_id(cls) -> Mapped[int | None]:
            return mapped_column(ForeignKey(Firm.id))

        @declared_attr
        def firm(cls) -> Mapped[Firm | None]:
            return relationship(Firm)

        @property
        def greeting(self) -> str:
            return f"hello {self.name}"

    class Clerk(Person):
        __tablename__ = "abstract_clerk"
        desk: Mapped[int | None]
        __mapper_args__ = {"polymorphic_identity": "clerk", "concrete": True}

    class Guard(Person):
        __tablename__ = "abstract_guard"
        door: Mapped[str | None]
        __mapper_args__ = {"polymorphic_identity": "guard", "concrete": True}

    class Head(Clerk):
        __tablename__ = "abstract_head"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str | None]
        desk: Mapped[int | None]
        staff: Mapped[int | None]
        __mapper_args__ = {"polymorphic_identity": "head", "concrete": True}

    return Own, Firm, Person, Clerk, Guard, Head


def test_a_class_without_a_table_is_queried_by_the_union_of_its_family(engine: Engine) -> None:
    own, firm, person, clerk, guard, head = abstract_family()
    own.metadata.create_all(engine)
    try:
        with Session(engine) as session:
            # before anything else has used the family
            assert session.scalars(select(person)).all() == []
            session.add_all(
                [clerk(name="c", desk=1, firm=firm()), guard(name="g", door="left"), head(name="h", desk=2, staff=3)]
            )
            session.commit()
            session.expunge_all()
            found = session.scalars(select(person).order_by(person.name)).all()
            assert [(type(one), one.name, one.greeting) for one in found] == [
                (clerk, "c", "hello c"),
                (guard, "g", "hello g"),
                (head, "h", "hello h"),
            ]
            assert (found[0].desk, found[0].firm.id, found[1].door, found[2].staff) == (1, 1, "left", 3)
            assert session.scalars(select(person).where(person.name == "g")).one() is found[1]
            assert session.scalars(select(person).where(guard.door == "left")).one() is found[1]
            assert session.query(person).filter_by(type="head").one() is found[2]
            assert session.execute(select(person.name, person.type).order_by(person.name)).all() == [
                ("c", "clerk"), ("g", "guard"), ("h", "head"),
            ]  # fmt: skip
            assert session.scalars(select(clerk)).all() == [found[0]]
            for missing in (lambda: found[0].door, lambda: clerk.type, lambda: setattr(found[0], "door", "x")):
                with pytest.raises(AttributeError, match="concrete=True"):
                    missing()
            assert session.scalars(select(person).options(joinedload(clerk.firm)).where(person.name == "c")).one()
            assert session.scalars(select(person).join(person.firm)).all() == [found[0]]
            assert session.scalars(select(person).where(person.firm.has(firm.id == 1))).all() == [found[0]]
            session.expire_all()
            again = session.scalars(select(person).options(selectinload(person.firm)).order_by(person.name)).all()
            assert [vars(one)["firm"] for one in again] == [found[0].firm, None, None]
            found[1].name = "gg"
            session.delete(found[0])
            session.commit()
            assert session.scalars(select(person.name).order_by(person.name)).all() == ["gg", "h"]
            assert session.scalar(select(func.count()).select_from(person)) == 2
            session.add(person(name="nobody"))
            with pytest.raises(FlushError, match="no table of it can be written"):
                session.flush()
    finally:
        own.metadata.drop_all(engine)


def test_a_subclass_may_come_after_the_union_was_used(engine: Engine) -> None:
    own, _, person, _, guard, _ = abstract_family()
    configure_mappers()
    assert inspect(person).polymorphic_map.keys() == {"clerk", "guard", "head"}

    class Late(person):
        __tablename__ = "abstract_late"
        __mapper_args__ = {"polymorphic_identity": "late", "concrete": True}

    own.metadata.create_all(engine)
    try:
        with Session(engine) as session:
            session.add_all([Late(name="l"), guard(name="g")])
            session.commit()
            assert [type(one) for one in session.scalars(select(person).order_by(person.name))] == [guard, Late]
    finally:
        own.metadata.drop_all(engine)


def test_the_union_has_a_name_of_its_own_for_the_class_of_a_row(engine: Engine) -> None:
    for name in ("type", "sort"):

        class Own(DeclarativeBase):
            pass

        class Person(AbstractConcreteBase, Own):
            _concrete_discriminator_name = name
            id: Mapped[int] = mapped_column(primary_key=True)
            type: Mapped[str]

        class Clerk(Person):
            __tablename__ = "abstract_clerk"
            __mapper_args__ = {"polymorphic_identity": "clerk", "concrete": True}

        if name == "type":
            with pytest.raises(ArgumentError, match="_concrete_discriminator_name"):
                configure_mappers()
            Own.registry.dispose()
            continue
        Own.metadata.create_all(engine)
        try:
            with Session(engine) as session:
                session.add(Clerk(type="x"))
                session.commit()
                assert session.execute(select(Person.type, Person.sort)).all() == [("x", "clerk")]  # type: ignore[attr-defined]
        finally:
            Own.metadata.drop_all(engine)


def test_a_concrete_class_keeps_the_properties_of_its_own(engine: Engine) -> None:
    class Own(DeclarativeBase):
        pass

    class Animal(Own):
        __tablename__ = "concrete_animal"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str | None]
        sound: Mapped[str | None]
        legs: Mapped[int | None]

    class Loud:
        @property
        def sound(self) -> str:
            return "roar"

    class Lion(Loud, Animal):
        __tablename__ = "concrete_lion"
        id: Mapped[int] = mapped_column(primary_key=True)
        __mapper_args__ = {"concrete": True}

        @hybrid_property
        def name(self) -> str:
            return "lion"

    lion = Lion()
    assert (lion.name, lion.sound) == ("lion", "roar")
    with pytest.raises(AttributeError, match="concrete=True"):
        lion.legs


def test_the_first_class_of_a_family_may_have_no_identity(engine: Engine) -> None:
    class OwnBase(DeclarativeBase):
        pass

    class Animal(ConcreteBase, OwnBase):
        __tablename__ = "concrete_animal"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]

    class Cat(Animal):
        __tablename__ = "concrete_cat"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]
        lives: Mapped[int]
        __mapper_args__ = {"polymorphic_identity": "cat", "concrete": True}

    OwnBase.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Animal(id=1, name="a"), Cat(id=2, name="b", lives=9)])
        session.commit()
        session.expunge_all()
        assert [(type(a), a.name) for a in session.query(Animal).order_by(Animal.id)] == [(Animal, "a"), (Cat, "b")]
        assert [cat.lives for cat in session.query(Cat)] == [9]
        assert type(session.get(Animal, 1)) is Animal


def test_a_union_may_leave_nulls_without_a_type() -> None:
    metadata = MetaData()
    one = Table("one", metadata, Column("id", Integer), Column("x", Integer))
    two = Table("two", metadata, Column("id", Integer))
    union = polymorphic_union({"one": one, "two": two}, None, cast_nulls=False)
    assert "two.id, NULL AS x FROM two" in str(select(union))
    assert isinstance(union.c.x.type, Integer)
    assert "CAST(NULL AS INTEGER) AS x FROM two" in str(select(polymorphic_union({"one": one, "two": two}, None)))


@pytest.mark.parametrize("options", [{}, {"flat": True}, {"name": "staff"}], ids=str)
def test_with_polymorphic_of_a_concrete_family_is_about_its_union(engine: Engine, options: Any) -> None:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all(
            [Employee(id=1, name="e"), Manager(id=2, name="m", budget=5), Manager(id=3, name="n", budget=9)]
        )
        session.flush()
        staff = with_polymorphic(Employee, "*", **options)
        found = session.scalars(
            select(staff).where(or_(staff.Manager.budget == 9, staff.name == "e")).order_by(staff.id)
        )
        assert [(type(one), one.name) for one in found] == [(Employee, "e"), (Manager, "n")]
        rows = session.execute(select(staff.name, staff.Manager.budget).order_by(staff.id))
        assert rows.all() == [("e", None), ("m", 5), ("n", 9)]
