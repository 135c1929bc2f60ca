"""Collections that were not loaded when something was put into them from the other side: after a flush the database tells what they hold."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flask_uow import (
    Column,
    DeclarativeBase,
    Engine,
    ForeignKey,
    Mapped,
    Session,
    Table,
    attribute_keyed_dict,
    inspect,
    joinedload,
    mapped_column,
    relationship,
)


class Base(DeclarativeBase):
    """The models of this file."""


zoo_tag = Table(
    "zoo_tag",
    Base.metadata,
    Column("zoo_id", ForeignKey("zoo.id"), primary_key=True),
    Column("tag_id", ForeignKey("zoo_word.id"), primary_key=True),
)


class Zoo(Base):
    __tablename__ = "zoo"
    id: Mapped[int] = mapped_column(primary_key=True)
    animals: Mapped[list[Animal]] = relationship(back_populates="zoo")
    keepers: Mapped[dict[str, Keeper]] = relationship(
        back_populates="zoo", collection_class=attribute_keyed_dict("name")
    )
    words: Mapped[set[Word]] = relationship(secondary=zoo_tag, back_populates="zoos")


class Animal(Base):
    __tablename__ = "zoo_animal"
    id: Mapped[int] = mapped_column(primary_key=True)
    zoo_id: Mapped[int | None] = mapped_column(ForeignKey("zoo.id"))
    zoo: Mapped[Zoo | None] = relationship(back_populates="animals")


class Keeper(Base):
    __tablename__ = "zoo_keeper"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    zoo_id: Mapped[int | None] = mapped_column(ForeignKey("zoo.id"))
    zoo: Mapped[Zoo | None] = relationship(back_populates="keepers")


class Word(Base):
    __tablename__ = "zoo_word"
    id: Mapped[int] = mapped_column(primary_key=True)
    zoos: Mapped[list[Zoo]] = relationship(secondary=zoo_tag, back_populates="words")


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        yield session


@pytest.fixture
def zoo(session: Session) -> Zoo:
    zoo = Zoo(id=1)
    session.add_all([zoo, Zoo(id=2), Animal(id=1), Keeper(id=1, name="ann"), Word(id=1)])
    session.commit()
    return zoo


def test_what_was_put_in_and_deleted_afterwards_is_not_there(session: Session, zoo: Zoo) -> None:
    animal, keeper, word = session.get_one(Animal, 1), session.get_one(Keeper, 1), session.get_one(Word, 1)
    with session.no_autoflush:
        animal.zoo = keeper.zoo = zoo
        word.zoos.append(zoo)
        session.flush()
        for obj in (animal, keeper, word):
            session.delete(obj)
        session.flush()
        assert (zoo.animals, zoo.keepers, zoo.words) == ([], {}, set())
    session.commit()
    assert (zoo.animals, zoo.keepers, zoo.words) == ([], {}, set())


def test_what_was_put_in_and_deleted_at_once_is_not_there(session: Session, zoo: Zoo) -> None:
    animal, keeper = session.get_one(Animal, 1), session.get_one(Keeper, 1)
    with session.no_autoflush:
        animal.zoo = keeper.zoo = zoo
        session.delete(animal)
        session.delete(keeper)
        session.flush()
        assert (zoo.animals, zoo.keepers) == ([], {})


def test_what_was_put_in_and_moved_by_its_key_is_where_the_key_says(session: Session, zoo: Zoo) -> None:
    animal = session.get_one(Animal, 1)
    animal.zoo = zoo
    session.flush()
    animal.zoo_id = 2
    session.flush()
    assert zoo.animals == []
    session.commit()
    assert (animal.zoo_id, zoo.animals) == (2, [])


def test_what_was_taken_out_and_put_back_by_its_key_is_there(session: Session, zoo: Zoo) -> None:
    animal = session.get_one(Animal, 1)
    animal.zoo = zoo
    session.commit()
    assert animal.zoo is zoo
    with session.no_autoflush:
        animal.zoo = None
        session.flush()
        animal.zoo_id = 1
        session.flush()
        assert zoo.animals == [animal]


def test_after_the_flush_the_object_is_not_changed_any_more(session: Session, zoo: Zoo) -> None:
    animal = session.get_one(Animal, 1)
    animal.zoo = zoo
    assert inspect(zoo).modified
    session.flush()
    assert not inspect(zoo).modified
    assert not session.is_modified(zoo)
    assert zoo.animals == [animal]


@pytest.mark.parametrize("committed", [True, False])
def test_a_deleted_object_can_be_taken_out_of_a_collection(session: Session, zoo: Zoo, committed: bool) -> None:
    word, other, animal = session.get_one(Word, 1), Word(id=2), session.get_one(Animal, 1)
    session.expire_on_commit = False
    zoo.words, zoo.animals = {word, other}, [animal]
    session.commit()
    session.delete(word)
    session.delete(animal)
    session.commit() if committed else session.flush()
    assert (zoo.words, zoo.animals) == ({word, other}, [animal])
    zoo.words.remove(word)
    zoo.animals.remove(animal)
    session.commit()
    session.expire_all()
    assert (zoo.words, zoo.animals) == ({other}, [])


def test_an_object_goes_whose_collection_holds_one_that_went_before(session: Session, zoo: Zoo) -> None:
    word = session.get_one(Word, 1)
    zoo.words.add(word)
    session.commit()
    assert zoo.words == {word}
    session.delete(word)
    session.flush()
    session.delete(zoo)
    session.commit()
    assert [found.id for found in session.query(Zoo)] == [2]


def test_what_a_flush_of_others_leaves_out_goes_on_waiting(session: Session, zoo: Zoo) -> None:
    one, other = session.get_one(Animal, 1), Animal(id=2)
    session.add(other)
    session.flush()
    with session.no_autoflush:
        one.zoo = other.zoo = zoo
        session.flush([one])
        assert sorted(animal.id for animal in zoo.animals) == [1, 2]
    session.commit()
    assert sorted(animal.id for animal in zoo.animals) == [1, 2]


def test_a_rollback_takes_it_out_again(session: Session, zoo: Zoo) -> None:
    animal = session.get_one(Animal, 1)
    animal.zoo = zoo
    session.flush()
    session.rollback()
    assert (zoo.animals, animal.zoo) == ([], None)
    with session.begin_nested() as nested:
        animal.zoo = zoo
        session.flush()
        nested.rollback()
    assert (zoo.animals, animal.zoo) == ([], None)


@pytest.mark.parametrize("loaded", ["nothing", "child", "parent"])
def test_children_that_have_left_are_not_in_the_collection_that_is_loaded_then(
    session: Session, zoo: Zoo, loaded: str
) -> None:
    one, two = session.get_one(Animal, 1), Animal(id=2, zoo=zoo)
    one.zoo = zoo
    session.add(two)
    session.commit()
    other = session.get_one(Zoo, 2)
    session.expire_all()
    if loaded != "nothing":
        assert (one.zoo_id if loaded == "child" else zoo.id) == 1
    with session.no_autoflush:
        one.zoo = other
        assert zoo.animals == [two]
        assert other.animals == [one]
        two.zoo = None
        assert zoo.animals == []
    session.commit()
    assert (zoo.animals, other.animals, two.zoo) == ([], [one], None)


@pytest.mark.parametrize("loaded", [True, False])
def test_a_child_that_has_left_is_not_deleted_with_its_old_parent(engine: Engine, loaded: bool) -> None:
    class Own(DeclarativeBase):
        pass

    class Box(Own):
        __tablename__ = "left_box"
        id: Mapped[int] = mapped_column(primary_key=True)
        things: Mapped[list[Thing]] = relationship(back_populates="box", cascade="all, delete-orphan")
        lid: Mapped[Lid | None] = relationship(back_populates="box", cascade="all, delete-orphan")

    class Thing(Own):
        __tablename__ = "left_thing"
        id: Mapped[int] = mapped_column(primary_key=True)
        box_id: Mapped[int | None] = mapped_column(ForeignKey("left_box.id"))
        box: Mapped[Box | None] = relationship(back_populates="things")

    class Lid(Own):
        __tablename__ = "left_lid"
        id: Mapped[int] = mapped_column(primary_key=True)
        box_id: Mapped[int | None] = mapped_column(ForeignKey("left_box.id"))
        box: Mapped[Box | None] = relationship(back_populates="lid")

    Own.metadata.create_all(engine)
    with Session(engine) as session:
        old, new = Box(id=1, things=[Thing(id=1), Thing(id=2)], lid=Lid(id=1)), Box(id=2)
        session.add_all([old, new])
        session.commit()
        moved, lid = session.get_one(Thing, 1), session.get_one(Lid, 1)
        session.expire_all()
        assert not loaded or moved.box is lid.box is old
        with session.no_autoflush:
            moved.box = lid.box = new
            options = [joinedload(Box.things), joinedload(Box.lid)] if loaded else []
            found = session.query(Box).options(*options).filter_by(id=1).one()
            assert (found.lid, [thing.id for thing in found.things]) == (None, [2])
            session.delete(old)
        session.commit()
        assert [(thing.id, thing.box) for thing in session.query(Thing)] == [(1, new)]
        assert [(found.id, found.box) for found in session.query(Lid)] == [(1, new)]
