"""What is said of a family of classes that is mapped by mistake: what happened, what was expected, how to mend it."""

from __future__ import annotations

from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    Column,
    Engine,
    FlushError,
    ForeignKey,
    Integer,
    InvalidRequestError,
    Mapped,
    MetaData,
    Session,
    String,
    Table,
    declarative_base,
    mapped_column,
    mapper,
    relationship,
)
from flask_uow.orm.mapping.registry import Registry


def _base(**arguments: Any) -> Any:
    base = declarative_base()

    class Animal(base):
        __tablename__ = "animal"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str | None] = mapped_column(String(9))
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "animal", **arguments}

    return Animal


def test_rows_of_a_class_without_an_identity_are_not_inserted(engine: Engine) -> None:
    Animal = _base()

    class Cat(Animal):
        lives: Mapped[int | None]

    class Dog(Animal):
        __tablename__ = "dog"
        id: Mapped[int] = mapped_column(ForeignKey("animal.id"), primary_key=True)

    class Puppy(Dog):
        __mapper_args__ = {"polymorphic_identity": "puppy"}

    Animal.metadata.create_all(engine)
    for class_ in (Cat, Dog):
        with Session(engine) as session:
            session.add(class_())
            with pytest.raises(FlushError, match=f"{class_.__name__} has no polymorphic_identity, and 'kind' tells"):
                session.flush()
    with Session(engine) as session:
        # a class between others, that has no rows of its own
        session.add(Puppy())
        session.commit()
        assert type(session.query(Dog).one()) is Puppy


def test_an_identity_needs_a_column_that_holds_it() -> None:
    base = declarative_base()
    with pytest.raises(
        ArgumentError, match=r"Animal has polymorphic_identity='x', and no class .* says with polymorphic_on="
    ):

        class Animal(base):
            __tablename__ = "animal"
            id: Mapped[int] = mapped_column(primary_key=True)
            __mapper_args__ = {"polymorphic_identity": "x"}

        base.registry.configure()

    with pytest.raises(ArgumentError, match=r"polymorphic_identity= takes one value of the discriminator, got \['a'\]"):
        _base(polymorphic_identity=["a"])


@pytest.mark.parametrize("annotated", [True, False])
def test_columns_of_a_subclass_in_its_parents_table_need_a_discriminator(annotated: bool) -> None:
    base = declarative_base()

    class Animal(base):
        __tablename__ = "animal"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Plain(Animal):
        def speak(self) -> str:
            return "nothing of its own to map"

    assert Plain(id=1).speak()
    with pytest.raises(
        ArgumentError, match=r"Cat declares columns for the table of Animal, and no polymorphic_on= tells"
    ):
        if annotated:

            class Cat(Animal):
                lives: Mapped[int | None]

        else:
            type("Cat", (Animal,), {"lives": mapped_column(String), "__module__": __name__})


def test_with_polymorphic_lists_subclasses() -> None:
    class Other(declarative_base()):  # type: ignore[misc]
        __tablename__ = "other"
        id: Mapped[int] = mapped_column(primary_key=True)

    for member in ("Cat", Other):
        Animal = _base(with_polymorphic=[member])
        with pytest.raises(
            ArgumentError, match=r"with_polymorphic= takes '\*' or a list of mapped subclasses, and .* is none"
        ):
            Session().query(Animal).all()


def test_a_subclass_that_names_its_parents_table_is_told_of_single_table_inheritance() -> None:
    Animal = _base()
    with pytest.raises(ArgumentError, match=r"Cat has __tablename__ = 'animal', which is the table of Animal\. Leave"):

        class Cat(Animal):
            __tablename__ = "animal"
            __mapper_args__ = {"polymorphic_identity": "cat"}


def test_a_subclass_in_its_parents_table_has_no_primary_key_of_its_own() -> None:
    Animal = _base()
    with pytest.raises(
        ArgumentError, match=r"Cat\.number is declared as a primary key, and the rows of Cat are in table"
    ):

        class Cat(Animal):
            number: Mapped[int] = mapped_column(primary_key=True)
            __mapper_args__ = {"polymorphic_identity": "cat"}


def test_a_class_derives_from_one_mapped_class() -> None:
    Animal = _base()

    class Swimmer(Animal):
        __mapper_args__ = {"polymorphic_identity": "swimmer"}

    class Flyer(Animal):
        __mapper_args__ = {"polymorphic_identity": "flyer"}

    with pytest.raises(
        ArgumentError, match="Duck derives from two mapped classes, Swimmer and Flyer, and a row is of one"
    ):

        class Duck(Swimmer, Flyer):
            __mapper_args__ = {"polymorphic_identity": "duck"}

    class Mallard(Swimmer, Animal):
        __mapper_args__ = {"polymorphic_identity": "mallard"}

    assert Mallard().kind == "mallard"


def test_an_object_is_not_given_as_one_of_another_class(engine: Engine) -> None:
    base = declarative_base()

    class Animal(base):
        __tablename__ = "animal"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Cat(Animal):
        __tablename__ = "cat"
        id: Mapped[int] = mapped_column(ForeignKey("animal.id"), primary_key=True)

    base.metadata.create_all(engine)
    with Session(engine) as session:
        cat = Cat()
        session.add(cat)
        session.commit()
        assert session.query(Animal).one() is cat
        session.expunge_all()
        held = session.query(Animal).one()
        with pytest.raises(InvalidRequestError, match=r"is a row of Cat, and this Session has loaded it as a Animal"):
            session.query(Cat).all()
        session.expunge(held)
        assert type(session.query(Cat).one()) is Cat


@pytest.mark.parametrize("kind", ["to many", "to one", "many to many"])
def test_an_object_that_would_be_loaded_as_another_class_is_not_flushed(engine: Engine, kind: str) -> None:
    base = declarative_base()

    class Animal(base):  # type: ignore[misc, valid-type]
        __tablename__ = "animal"
        id: Mapped[int] = mapped_column(primary_key=True)
        cage_id: Mapped[int | None] = mapped_column(ForeignKey("cage.id"))

    class Bird(Animal):
        __tablename__ = "bird"
        id: Mapped[int] = mapped_column(ForeignKey("animal.id"), primary_key=True)

    class Plain(Animal):
        """A subclass that is not mapped itself."""

    pairs = Table(
        "pairs", base.metadata, Column("cage_id", ForeignKey("cage.id")), Column("animal_id", ForeignKey("animal.id"))
    )

    def options(**more: Any) -> dict[str, Any]:
        if kind == "many to many":
            return {"secondary": pairs, **more}
        return {"foreign_keys": lambda: Animal.cage_id if kind == "to many" else Cage.animal_id, **more}

    class Cage(base):  # type: ignore[misc, valid-type]
        __tablename__ = "cage"
        id: Mapped[int] = mapped_column(primary_key=True)
        animal_id: Mapped[int | None] = mapped_column(ForeignKey("animal.id", use_alter=True))
        animals = relationship(Animal, post_update=kind == "to one", **options())
        any_animals = relationship(Animal, post_update=kind == "to one", enable_typechecks=False, **options())

    def put(cage: Any, name: str, animal: Any) -> None:
        if kind == "to one":
            setattr(cage, name, animal)
        else:
            getattr(cage, name).append(animal)

    base.metadata.create_all(engine)
    with Session(engine) as session:
        cage = Cage()
        put(cage, "animals", Bird())
        session.add(cage)
        with pytest.raises(
            FlushError, match=r"Cage\.animals: .*subclass Bird of Animal.*polymorphic_on=.*enable_typechecks=False"
        ):
            session.commit()
        session.rollback()
        for name, animal in (("any_animals", Bird()), ("animals", Plain()), ("animals", Animal())):
            cage = Cage()
            put(cage, name, animal)
            session.add(cage)
            session.commit()
        assert session.query(Animal).count() == 3
    base.metadata.drop_all(engine)
    base.registry.dispose()


def test_a_reference_to_an_object_that_would_be_loaded_as_another_class_is_not_flushed(engine: Engine) -> None:
    metadata, registry = MetaData(), Registry()
    animal = Table("animal", metadata, Column("id", Integer, primary_key=True))
    bird = Table("bird", metadata, Column("id", ForeignKey("animal.id"), primary_key=True))
    cage = Table(
        "cage", metadata, Column("id", Integer, primary_key=True), Column("animal_id", ForeignKey("animal.id"))
    )

    class Animal:
        pass

    class Bird(Animal):
        pass

    class Cage:
        animal: Any
        any_animal: Any

    mapper(Animal, animal, registry=registry)
    mapper(Bird, bird, inherits=Animal, registry=registry)
    references = {"animal": relationship(Animal), "any_animal": relationship(Animal, enable_typechecks=False)}
    mapper(Cage, cage, registry=registry, properties=references)
    metadata.create_all(engine)
    with Session(engine) as session:
        new = Cage()
        new.animal = Bird()
        session.add(new)
        with pytest.raises(FlushError, match=r"Cage\.animal: .*subclass Bird of Animal"):
            session.flush()
        session.rollback()
        known = Cage()
        known.animal = Animal()
        session.add(known)
        session.commit()
        known.animal = Bird()
        with pytest.raises(FlushError, match=r"Cage\.animal: .*subclass Bird of Animal"):
            session.flush()
        session.rollback()
        known.any_animal = Bird()
        session.commit()
        assert session.query(Bird).count() == 1
    registry.dispose()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_subclass_may_have_a_table_of_its_parents_name_in_another_schema(engine: Engine) -> None:
    Animal = _base()

    class Cat(Animal):
        __tablename__ = "animal"
        __table_args__: Any = {"schema": "cats"}
        id: Mapped[int] = mapped_column(ForeignKey("animal.id"), primary_key=True)
        lives: Mapped[int]
        __mapper_args__ = {"polymorphic_identity": "cat"}

    with engine.begin() as connection:
        connection.execute("CREATE SCHEMA cats")
    Animal.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Cat(lives=9), Animal()])
        session.commit()
        session.expunge_all()
        assert [getattr(animal, "lives", None) for animal in session.query(Animal).order_by(Animal.id)] == [9, None]
    Animal.metadata.drop_all(engine)
    with engine.begin() as connection:
        connection.execute("DROP SCHEMA cats")
