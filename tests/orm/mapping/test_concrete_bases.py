"""``ConcreteBase``: a family of classes with a table each is queried by a union."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    ConcreteBase,
    DeclarativeBase,
    Engine,
    ForeignKey,
    Integer,
    Mapped,
    Session,
    configure_mappers,
    func,
    mapped_column,
    relationship,
    select,
)


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
