"""A mapper's extension is told when a class is mapped, when objects of it are made, when that fails, and when they are loaded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import (
    EXT_STOP,
    JSON,
    Column,
    DeclarativeBase,
    Engine,
    ForeignKey,
    Integer,
    Mapped,
    MapperExtension,
    MetaData,
    MutableDict,
    Session,
    String,
    Table,
    class_mapper,
    declarative_base,
    event,
    mapped_column,
    mapper,
    reconstructor,
    relationship,
)
from flask_uow.orm.mapping.registry import Registry


class Recorder(MapperExtension):
    """Notes each call: the hook, the class, and what it was about."""

    def __init__(self, answer: Any = None) -> None:
        self.calls: list[Any] = []
        self.answer = answer

    def instrument_class(self, mapper: Any, class_: type) -> Any:
        self.calls.append(("mapped", mapper.class_ is class_, class_.__name__))
        return self.answer

    def init_instance(self, mapper: Any, class_: type, oldinit: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        self.calls.append(("making", type(instance).__name__, args, kwargs, hasattr(instance, "made")))
        return self.answer

    def init_failed(self, mapper: Any, class_: type, oldinit: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        self.calls.append(("failed", type(instance).__name__, args, kwargs))
        return self.answer

    def reconstruct_instance(self, mapper: Any, instance: Any) -> Any:
        self.calls.append(("loaded", type(instance).__name__, instance.name))
        return self.answer


class Zoo:
    """Animals, and birds that have a table of their own, mapped with an extension."""

    def __init__(self, engine: Engine, *extensions: Any) -> None:
        metadata = MetaData()
        animal = Table(
            "animal", metadata, Column("id", Integer, primary_key=True), Column("name", String(9)),
            Column("kind", String(9)),
        )  # fmt: skip
        bird = Table("bird", metadata, Column("id", ForeignKey("animal.id"), primary_key=True))

        class Animal:
            name: Any
            made: bool

            def __init__(self, name: str) -> None:
                if not name:
                    raise ValueError("a name, please")
                self.name = name
                self.made = True

        class Bird(Animal):
            def __init__(self, name: str) -> None:
                super().__init__(name)

        self.Animal, self.Bird = Animal, Bird
        self.registry = Registry()
        kind: dict[str, Any] = {"polymorphic_on": animal.c.kind, "registry": self.registry}
        mapper(Animal, animal, extension=list(extensions), polymorphic_identity="animal", **kind)
        mapper(Bird, bird, inherits=Animal, polymorphic_identity="bird", registry=self.registry)
        metadata.create_all(engine)
        self.engine = engine


@pytest.fixture
def zoo(engine: Engine) -> Iterator[Any]:
    made: list[Zoo] = []

    def make(*extensions: Any) -> Zoo:
        made.append(Zoo(engine, *extensions))
        return made[-1]

    yield make
    for one in made:
        one.registry.dispose()


def test_an_extension_is_told_of_each_class_that_is_mapped(zoo: Any) -> None:
    recorder = Recorder()
    zoo(recorder)
    assert recorder.calls == [("mapped", True, "Animal"), ("mapped", True, "Bird")]


def test_an_extension_is_told_before_an_object_is_made(zoo: Any) -> None:
    recorder = Recorder()
    z = zoo(recorder)
    recorder.calls.clear()
    assert z.Animal("owl").name == "owl"
    assert recorder.calls == [("making", "Animal", ("owl",), {}, False)]


def test_an_object_of_a_subclass_is_told_of_once(zoo: Any) -> None:
    recorder = Recorder()
    z = zoo(recorder)

    class Owl(z.Bird):  # type: ignore[misc, name-defined]
        pass

    recorder.calls.clear()
    z.Bird(name="kea")
    Owl("uhu")
    assert recorder.calls == [("making", "Bird", (), {"name": "kea"}, False), ("making", "Owl", ("uhu",), {}, False)]


def test_an_extension_is_told_when_an_object_could_not_be_made(zoo: Any) -> None:
    recorder = Recorder()
    z = zoo(recorder)
    recorder.calls.clear()
    with pytest.raises(ValueError, match="a name, please"):
        z.Bird("")
    assert [call[:2] for call in recorder.calls] == [("making", "Bird"), ("failed", "Bird")]


def test_an_extension_is_told_of_each_object_that_is_loaded(zoo: Any) -> None:
    recorder = Recorder()
    z = zoo(recorder)
    with Session(z.engine) as session:
        session.add_all([z.Animal("cat"), z.Bird("kea")])
        session.commit()
        session.expunge_all()
        recorder.calls.clear()
        found = session.query(z.Animal).order_by(z.Animal.id).all()
        assert session.query(z.Animal).filter_by(name="kea").one() is found[1]
    assert recorder.calls == [("loaded", "Animal", "cat"), ("loaded", "Bird", "kea")]


def test_ext_stop_keeps_the_instance_hooks_of_later_extensions_from_being_called(zoo: Any) -> None:
    first, second = Recorder(EXT_STOP), Recorder()
    z = zoo(first, second)
    z.Animal("cat")
    assert len(first.calls) == 3
    assert second.calls == []


def test_a_class_of_which_the_mapper_was_cleared_tells_nothing(zoo: Any) -> None:
    recorder = Recorder()
    z = zoo(recorder)
    z.Animal("cat")
    z.registry.dispose()
    recorder.calls.clear()
    z.Animal("dog")
    z.Bird("kea")
    assert recorder.calls == []


def test_an_extension_of_a_declarative_class_comes_after_its_reconstructor(engine: Engine) -> None:
    order: list[str] = []

    class Late(MapperExtension):
        def init_instance(self, mapper: Any, class_: type, oldinit: Any, instance: Any, args: Any, kwargs: Any) -> None:
            order.append(f"making {kwargs['name']}")

        def reconstruct_instance(self, mapper: Any, instance: Any) -> None:
            order.append(f"extension {instance.name}")

    class Base(DeclarativeBase):
        pass

    class Leaf(Base):
        __tablename__ = "leaf"
        __mapper_args__ = {"extension": Late()}
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]

        @reconstructor
        def loaded(self) -> None:
            order.append(f"own {self.name}")

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Leaf(name="oak"))
        session.commit()
        session.expunge_all()
        assert session.query(Leaf).one().name == "oak"
    assert order == ["making oak", "own oak", "extension oak"]
    assert class_mapper(Leaf).class_ is Leaf


def sheets(engine: Engine) -> tuple[Any, Any]:
    class Base(DeclarativeBase):
        pass

    class Sheet(Base):
        __tablename__ = "sheet"
        id: Mapped[int] = mapped_column(primary_key=True)
        title: Mapped[str]
        names: Mapped[Any] = mapped_column(JSON(mutable=True), nullable=True)
        lines: Mapped[list[Line]] = relationship(back_populates="sheet")

        def __init__(self, **values: Any) -> None:
            super().__init__(**values)
            self.cache: dict[str, Any] = {}

        @reconstructor
        def loaded(self) -> None:
            self.cache = {}
            self.title = self.title.upper()
            self.names = [*(self.names or []), "x"]

    class Line(Base):
        __tablename__ = "line"
        id: Mapped[int] = mapped_column(primary_key=True)
        sheet_id: Mapped[int | None] = mapped_column(ForeignKey("sheet.id"))
        sheet: Mapped[Sheet | None] = relationship(back_populates="lines")

    Base.metadata.create_all(engine)
    return Sheet, Line


def test_what_a_reconstructor_makes_of_loaded_values_is_not_written(engine: Engine) -> None:
    sheet_class, _ = sheets(engine)
    with Session(engine) as session:
        session.add_all([sheet_class(title="a"), sheet_class(title="b")])
        session.commit()
    with Session(engine) as session:
        one = session.get(sheet_class, 1)
        first, second = session.query(sheet_class).order_by(sheet_class.id).all()
        assert (one, one.title, second.title, one.names) == (first, "A", "B", ["x"])
        assert not session.dirty
        assert not session.is_modified(one)
        session.commit()
        assert session.execute("SELECT title FROM sheet ORDER BY id").scalars().all() == ["a", "b"]
    with Session(engine) as session:
        one = session.get(sheet_class, 1)
        # what comes after that is a change
        one.title = "c"
        one.names.append("y")
        session.commit()
        assert session.execute("SELECT title FROM sheet ORDER BY id").scalars().all() == ["c", "b"]
        assert one.names == ["x", "y"]


def test_neither_loads_of_a_reconstructor_nor_its_changes_in_place_write(engine: Engine) -> None:
    base = declarative_base()

    class Parcel(base):
        __tablename__ = "parcel"
        id: Mapped[int] = mapped_column(primary_key=True)
        title: Mapped[str]
        notes: Mapped[dict[str, int]] = mapped_column(MutableDict.as_mutable(JSON))
        stamps: Mapped[list[Stamp]] = relationship()

        @reconstructor
        def prepare(self) -> None:
            self.title = self.title.upper()
            self.count = len(self.stamps)
            self.notes["read"] = 1

    class Stamp(base):
        __tablename__ = "stamp"
        id: Mapped[int] = mapped_column(primary_key=True)
        parcel_id: Mapped[int] = mapped_column(ForeignKey("parcel.id"))

    base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Parcel(title="a", notes={}, stamps=[Stamp()]))
        session.commit()
    with Session(engine) as session:
        parcel = session.get(Parcel, 1)
        assert (parcel.title, parcel.count, parcel.notes) == ("A", 1, {"read": 1})
        assert not session.dirty
        assert session.autoflush
        session.commit()
        assert session.execute("SELECT title FROM parcel").scalar() == "a"
        assert parcel.notes == {}
        parcel.notes["later"] = 2
        session.commit()
        assert parcel.notes == {"later": 2}


def test_what_a_listener_to_load_sets_is_not_written_and_what_it_relates_is(engine: Engine) -> None:
    sheet_class, line_class = sheets(engine)
    with Session(engine) as session:
        session.add(sheet_class(title="a"))
        session.commit()

    def load(sheet: Any, context: Any) -> None:
        sheet.title = "heard"
        line_class(sheet=sheet)

    event.listen(sheet_class, "load", load)
    with Session(engine) as session:
        sheet = session.query(sheet_class).one()
        assert sheet.title == "heard"
        session.commit()
        assert session.execute("SELECT title FROM sheet").scalar() == "a"
        assert session.execute("SELECT sheet_id FROM line").scalars().all() == [1]


@pytest.mark.parametrize("load", [True, False])
def test_a_reconstructor_is_called_for_what_merge_makes(engine: Engine, load: bool) -> None:
    sheet_class, line_class = sheets(engine)
    with Session(engine) as session:
        given = sheet_class(title="a", lines=[line_class()])
        if not load:
            session.add(given)
            session.commit()
            assert given.lines[0].id == 1
            assert given.title == "a"
            session.expunge_all()
        merged = session.merge(given, load=load)
        assert merged is not given
        assert merged.cache == {}
        # after its values are there
        assert merged.title == "A"
        assert len(merged.lines) == 1
        assert bool(session.dirty) is False
        session.commit()
        assert session.execute("SELECT title FROM sheet").scalar() == ("A" if load else "a")
        again = session.merge(merged)
        assert again is merged
