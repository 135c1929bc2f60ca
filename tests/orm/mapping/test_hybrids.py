"""Hybrids: one definition that is a value on objects and an expression on their class, wherever a query takes one."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    Comparator,
    DeclarativeBase,
    Engine,
    ForeignKey,
    Mapped,
    Session,
    aliased,
    case,
    func,
    hybrid_method,
    hybrid_property,
    mapped_column,
    relationship,
    select,
    update,
)


class Base(DeclarativeBase):
    pass


class Folded(Comparator):
    def __eq__(self, other: object) -> Any:
        return func.lower(self.__clause_element__()) == func.lower(other)


class Named:
    first: Mapped[str]

    @hybrid_property
    def initial(self) -> str:
        return self.first[0]

    @initial.inplace.expression
    @classmethod
    def _initial(cls) -> Any:
        return func.substr(cls.first, 1, 1)


class Person(Named, Base):
    __tablename__ = "person"
    id: Mapped[int] = mapped_column(primary_key=True)
    last: Mapped[str]
    kind: Mapped[str] = mapped_column(default="person")
    pets: Mapped[list[Pet]] = relationship(back_populates="owner")
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "person"}

    @hybrid_property
    def name(self) -> str:
        return f"{self.first} {self.last}"

    @name.setter
    def name(self, value: str) -> None:
        self.first, self.last = value.split(" ")

    @name.deleter
    def name(self) -> None:
        self.first = self.last = ""

    @name.expression
    def name(cls) -> Any:
        return cls.first + " " + cls.last

    @name.update_expression
    def name(cls, value: str) -> Any:
        first, last = value.split(" ")
        return [(cls.first, first), (cls.last, last)]

    @hybrid_property
    def surname(self) -> str:
        return self.last

    @hybrid_property
    def folded(self) -> str:
        return self.last.lower()

    @folded.comparator
    def folded(cls) -> Any:
        return Folded(cls.last)

    @hybrid_property
    def pet_count(self) -> int:
        return len(self.pets)

    @pet_count.expression
    def pet_count(cls) -> Any:
        return select(func.count(Pet.id)).where(Pet.owner_id == cls.id)

    @hybrid_method
    def is_called(self, name: str, exactly: bool = True) -> Any:
        return self.first == name if exactly else self.first.startswith(name)


class Worker(Person):
    __tablename__ = "worker"
    id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    wage: Mapped[int]
    __mapper_args__ = {"polymorphic_identity": "worker"}

    @hybrid_property
    def yearly(self) -> int:
        return self.wage * 12

    @hybrid_property
    def level(self) -> str:
        return "high" if self.wage > 50 else "low"

    @level.expression
    def level(cls) -> Any:
        return case((cls.wage > 50, "high"), else_="low")


class Pet(Base):
    __tablename__ = "pet"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    owner_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    owner: Mapped[Person] = relationship(back_populates="pets")

    @hybrid_property
    def owner_name(self) -> str:
        return self.owner.name

    @owner_name.expression
    def owner_name(cls) -> Any:
        return select(Person.name).where(Person.id == cls.owner_id).scalar_subquery()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        ann = Person(name="Ann Bee", pets=[Pet(name="Rex"), Pet(name="Ivy")])
        session.add_all(
            [ann, Person(name="Cy Dee"), Worker(name="Eve Fox", wage=100), Worker(first="Gil", last="Ham", wage=10)]
        )
        session.commit()
        yield session


def test_a_hybrid_is_called_by_its_name_in_rows(session: Session) -> None:
    row = session.execute(select(Person.name, Person.surname, Person.id).order_by(Person.name)).first()
    assert row is not None
    assert list(row._mapping) == ["name", "surname", "id"]
    assert (row.name, row.surname) == ("Ann Bee", "Bee")


@pytest.mark.parametrize("form", ["where", "filter_by", "select filter_by", "order", "group", "having", "in"])
def test_a_hybrid_stands_wherever_a_column_does(session: Session, form: str) -> None:
    if form == "where":
        assert session.scalars(select(Person.id).where(Person.name == "Cy Dee")).all() == [2]
    elif form == "filter_by":
        assert session.query(Person).filter_by(name="Cy Dee").one().last == "Dee"
    elif form == "select filter_by":
        assert session.scalars(select(Person).filter_by(initial="E")).one().last == "Fox"
    elif form == "order":
        assert session.scalars(select(Person.first).order_by(Person.name.desc())).all() == ["Gil", "Eve", "Cy", "Ann"]
    elif form == "group":
        counted = session.execute(
            select(Worker.level, func.count()).group_by(Worker.level).order_by(Worker.level)
        ).all()
        assert [tuple(row) for row in counted] == [("high", 1), ("low", 1)]
    elif form == "having":
        found = session.scalars(
            select(Person.initial).group_by(Person.initial).having(Person.initial > "C").order_by(Person.initial)
        )
        assert found.all() == ["E", "G"]
    else:
        assert session.scalars(select(Person.id).where(Person.name.in_(["Ann Bee", "?"]))).all() == [1]


def test_hybrids_of_mixins_and_of_bases_are_those_of_the_class_that_is_asked(session: Session) -> None:
    assert session.scalars(select(Worker.name).order_by(Worker.name)).all() == ["Eve Fox", "Gil Ham"]
    assert session.scalars(select(Worker.initial).order_by(Worker.initial)).all() == ["E", "G"]
    assert session.scalars(select(Worker.yearly).order_by(Worker.yearly)).all() == [120, 1200]
    assert session.query(Worker).filter(Worker.yearly > 200).one().yearly == 1200


def test_hybrids_of_an_alias_are_about_the_alias(session: Session) -> None:
    other = aliased(Person)
    pairs = select(Person.id, other.id).join(other, Person.name < other.name).where(other.name == "Cy Dee")
    assert [tuple(row) for row in session.execute(pairs)] == [(1, 2)]
    assert session.scalars(select(other.pet_count).where(other.is_called("A", exactly=False))).all() == [2]
    assert session.scalars(select(other.name).order_by(other.name).limit(1)).all() == ["Ann Bee"]


def test_a_hybrid_may_be_a_select_of_one_value(session: Session) -> None:
    assert session.scalars(select(Person.first).where(Person.pet_count == 2)).all() == ["Ann"]
    counts = session.execute(select(Person.first, Person.pet_count).order_by(Person.id)).all()
    assert [tuple(row) for row in counts] == [("Ann", 2), ("Cy", 0), ("Eve", 0), ("Gil", 0)]
    assert session.scalars(select(Pet.name).where(Pet.owner_name == "Ann Bee").order_by(Pet.name)).all() == [
        "Ivy",
        "Rex",
    ]
    assert session.get_one(Person, 1).pet_count == 2


def test_a_comparator_has_operators_of_its_own(session: Session) -> None:
    assert session.scalars(select(Person.first).where(Person.folded == "BEE")).all() == ["Ann"]
    assert session.query(Person).filter_by(folded="FOX").one().folded == "fox"
    assert session.scalars(select(Person.folded).order_by(Person.folded)).first() == "Bee"


def test_setting_and_deleting_go_through_the_hybrid(session: Session) -> None:
    person = session.get_one(Person, 2)
    person.name = "Jo King"
    session.commit()
    assert (person.first, person.last) == ("Jo", "King")
    del person.name
    assert person.first == ""
    with pytest.raises(AttributeError, match="surname is a hybrid without a setter"):
        person.surname = "x"


@pytest.mark.parametrize("form", ["keyword", "attribute", "query"])
@pytest.mark.parametrize("synchronize", ["evaluate", "fetch", False])
def test_an_update_sets_what_a_hybrid_stands_for(session: Session, form: str, synchronize: Any) -> None:
    person = session.get_one(Person, 2)
    if form == "query":
        session.query(Person).filter(Person.id == 2).update({Person.name: "Jo King"}, synchronize_session=synchronize)
    else:
        given: Any = {"name": "Jo King"} if form == "keyword" else {Person.name: "Jo King"}
        statement = update(Person).where(Person.id == 2).values(given)
        session.execute(statement.execution_options(synchronize_session=synchronize))
    session.expire_all()
    assert (person.first, person.last) == ("Jo", "King")


def test_an_update_sets_the_column_that_a_hybrid_is(session: Session) -> None:
    session.execute(update(Person).where(Person.id == 2).values(surname="Zed"))
    assert session.get_one(Person, 2, populate_existing=True).last == "Zed"


def test_an_update_of_an_expression_says_what_is_missing() -> None:
    with pytest.raises(ArgumentError, match=r"@pet_count\.update_expression"):
        update(Person).values(pet_count=3)


def test_a_subclass_can_define_a_part_anew(engine: Engine) -> None:
    class Own(DeclarativeBase):
        pass

    class Animal(Own):
        __tablename__ = "animal"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]
        kind: Mapped[str]
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "animal"}

        @hybrid_property
        def title(self) -> str:
            return self.name

    class Dog(Animal):
        __mapper_args__ = {"polymorphic_identity": "dog"}

        @Animal.title.overrides.getter
        def title(self) -> str:
            return "Dog " + self.name

        @title.setter
        def title(self, value: str) -> None:
            self.name = value.removeprefix("Dog ")

    Own.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Dog(title="Dog Rex"), Animal(name="Tom")])
        session.commit()
        assert sorted(animal.title for animal in session.scalars(select(Animal))) == ["Dog Rex", "Tom"]
        assert session.scalars(select(Dog.title)).all() == ["Dog Rex"]


@pytest.mark.parametrize("compare", [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge])
@pytest.mark.parametrize("right", ["value", "column", "hybrid"])
def test_comparisons_are_those_of_the_values(session: Session, compare: Any, right: str) -> None:
    other = {"value": 120, "column": Worker.wage, "hybrid": Worker.yearly}[right]
    found = session.scalars(select(Worker.id).where(compare(Worker.yearly, other))).all()
    expected = [
        worker.id
        for worker in session.scalars(select(Worker))
        if compare(worker.yearly, {"value": 120, "column": worker.wage, "hybrid": worker.yearly}[right])
    ]
    assert sorted(found) == sorted(expected)


def test_a_hybrid_that_is_changed_in_place_keeps_its_name(engine: Engine) -> None:
    class Own(DeclarativeBase):
        pass

    class Box(Own):
        __tablename__ = "box"
        id: Mapped[int] = mapped_column(primary_key=True)
        width: Mapped[int]

        @hybrid_property
        def double(self) -> int:
            return self.width * 2

        @double.inplace.setter
        def _set_double(self, value: int) -> None:
            self.width = value // 2

        @double.inplace.expression
        @classmethod
        def _double_expression(cls) -> Any:
            return cls.width * 2

    Own.metadata.create_all(engine)
    try:
        with Session(engine) as session:
            session.add(Box(double=8))
            session.commit()
            assert session.execute(select(Box.double)).one()._fields == ("double",)
            assert session.query(Box.double).filter(Box.double == 8).one().double == 8
    finally:
        Own.metadata.drop_all(engine)
