"""``inspect()`` tells what is mapped on a class, and what an object's attributes are and were."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flask_uow import (
    Column,
    DeclarativeBase,
    Engine,
    ForeignKey,
    InvalidRequestError,
    Mapped,
    Session,
    String,
    UnmappedClassError,
    UnmappedInstanceError,
    aliased,
    column_property,
    composite,
    hybrid_property,
    inspect,
    make_transient,
    mapped_column,
    relationship,
    synonym,
)
from flask_uow.orm import HYBRID_PROPERTY, NOT_EXTENSION
from flask_uow.orm.exc import UnmappedColumnError
from flask_uow.orm.symbols import NO_VALUE


class Base(DeclarativeBase):
    pass


class Span:
    def __init__(self, low: int, high: int) -> None:
        self.low, self.high = low, high

    def __composite_values__(self) -> tuple[int, int]:
        return self.low, self.high

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Span) and self.__composite_values__() == other.__composite_values__()

    __hash__ = None  # type: ignore[assignment]


class Bird(Base):
    __tablename__ = "inspected_bird"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column("bird_name")
    kind: Mapped[str]
    low: Mapped[int] = mapped_column(default=0)
    high: Mapped[int] = mapped_column(default=0)
    notes: Mapped[str | None] = mapped_column(String, deferred=True)
    nest_id: Mapped[int | None] = mapped_column(ForeignKey("inspected_nest.id"))
    nest: Mapped[Nest | None] = relationship(back_populates="birds")
    called: Mapped[str] = synonym("name")
    span: Mapped[Span] = composite(Span, "low", "high")
    twice: Mapped[int] = column_property(low * 2)
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "bird"}

    @hybrid_property
    def width(self) -> int:
        return self.high - self.low


class Owl(Bird):
    __tablename__ = "inspected_owl"
    id: Mapped[int] = mapped_column(ForeignKey("inspected_bird.id"), primary_key=True)
    hoots: Mapped[int] = mapped_column(default=1)
    __mapper_args__ = {"polymorphic_identity": "owl"}


class Barn(Owl):
    __mapper_args__ = {"polymorphic_identity": "barn"}


class Nest(Base):
    __tablename__ = "inspected_nest"
    tree: Mapped[str]
    id: Mapped[int] = mapped_column(primary_key=True)
    birds: Mapped[list[Bird]] = relationship(back_populates="nest")


@pytest.fixture
def session(engine: Engine) -> Any:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        yield session
        session.rollback()
        Base.metadata.drop_all(engine)


def test_a_class_shows_its_columns_by_attribute_and_in_order() -> None:
    mapper = inspect(Bird)
    names = ["id", "name", "kind", "low", "high", "notes", "nest_id", "twice"]
    assert [prop.key for prop in mapper.column_attrs] == names
    assert mapper.columns.keys() == names
    assert [column.name for column in mapper.columns][:3] == ["id", "bird_name", "kind"]
    assert mapper.c.name is Bird.__table__.c.bird_name
    assert mapper.columns["nest_id"] is mapper.column_attrs["nest_id"].columns[0]
    assert mapper.column_attrs.name.expression is mapper.c.name
    assert mapper.column_attrs.name.class_attribute is Bird.name
    assert mapper.column_attrs.name.parent is mapper
    assert mapper.get_property_by_column(Bird.__table__.c.bird_name) is mapper.column_attrs["name"]
    with pytest.raises(UnmappedColumnError, match=r"no attribute of Bird is mapped to .* Its columns: id, name"):
        mapper.get_property_by_column(Column("other", String))


def test_a_class_shows_its_relationships_and_all_other_attributes() -> None:
    mapper = inspect(Bird)
    assert [prop.key for prop in mapper.relationships] == ["nest"]
    assert mapper.relationships["nest"].mapper.class_ is Nest
    assert mapper.relationships.nest is mapper.attrs.nest is mapper.get_property("nest")
    assert "nest" in mapper.relationships
    assert len(inspect(Nest).relationships) == 1
    assert mapper.attrs.keys() == {*mapper.column_attrs.keys(), "nest", "called", "span"}
    assert {prop.key for prop in mapper.attrs} == set(mapper.attrs.keys())
    assert mapper.synonyms.keys() == {"called"}
    assert [prop.key for prop in mapper.composites] == ["span"]
    assert mapper.has_property("nest")
    assert not mapper.has_property("width")
    assert set(mapper.all_orm_descriptors.keys()) == {*mapper.attrs.keys(), "width"}
    assert mapper.all_orm_descriptors["name"] is Bird.name
    with pytest.raises(
        AttributeError, match=r"no mapped attribute 'nst' here\. Did you mean 'nest'\? There are: nest\."
    ):
        _ = mapper.relationships.nst
    with pytest.raises(KeyError):
        mapper.relationships["nst"]
    assert "nest" in dir(mapper.relationships)


def test_a_class_shows_its_tables_its_key_and_its_family() -> None:
    mapper, owl, barn = inspect(Bird), inspect(Owl), inspect(Barn)
    assert (mapper.class_, mapper.entity, mapper.mapper) == (Bird, Bird, mapper)
    assert mapper.local_table is Bird.__table__
    assert owl.local_table is Owl.__table__
    assert owl.persist_selectable is owl.mapped_table
    assert [column.name for column in mapper.primary_key] == ["id"]
    assert mapper.polymorphic_on is Bird.__table__.c.kind
    assert (owl.polymorphic_identity, set(owl.polymorphic_map)) == ("owl", {"bird", "owl", "barn"})
    assert list(barn.iterate_to_root()) == [barn, owl, mapper]
    assert list(mapper.self_and_descendants) == list(mapper.polymorphic_iterator()) == [mapper, owl, barn]
    assert (owl.inherits, owl.base_mapper, barn.single, owl.single) == (mapper, mapper, True, False)
    assert owl.common_parent(mapper)
    assert not owl.common_parent(inspect(Nest))
    assert (mapper.is_mapper, mapper.is_aliased_class, mapper.is_instance) == (True, False, False)
    assert mapper.version_id_col is None
    assert owl.columns["hoots"] is Owl.__table__.c.hoots


def test_a_class_tells_the_keys_of_its_objects() -> None:
    mapper, owl = inspect(Bird), Owl(id=4)
    assert inspect(Owl).primary_key_from_instance(owl) == (4,)
    assert inspect(Owl).identity_key_from_instance(owl) == (Bird, (4,))
    assert mapper.identity_key_from_primary_key([4]) == (Bird, (4,))


def test_an_alias_shows_its_class() -> None:
    behind = inspect(aliased(Bird, name="b"))
    assert (behind.mapper, behind.class_, behind.name, behind.is_aliased_class) == (inspect(Bird), Bird, "b", True)
    assert behind.selectable is not Bird.__table__


def test_attributes_columns_and_tables_stand_for_themselves(engine: Engine) -> None:
    assert inspect(Bird.name) is Bird.name
    assert inspect(Bird.__table__) is Bird.__table__
    assert inspect(Bird.__table__.c.id) is Bird.__table__.c.id
    assert isinstance(inspect(engine).get_table_names(), list)


def test_what_is_not_mapped_is_refused_unless_none_will_do() -> None:
    for subject, error in ((int, UnmappedClassError), (object(), UnmappedInstanceError), (None, UnmappedInstanceError)):
        with pytest.raises(error):
            inspect(subject)
        assert inspect(subject, False) is None
        assert inspect(subject, raiseerr=False) is None


def states(obj: object) -> list[str]:
    state = inspect(obj)
    return [name for name in ("transient", "pending", "persistent", "deleted", "detached") if getattr(state, name)]


def test_an_object_is_deleted_from_the_flush_of_its_delete_to_the_end_of_the_transaction(session: Session) -> None:
    nest = Nest(tree="oak")
    session.add(nest)
    session.commit()
    session.delete(nest)
    assert states(nest) == ["persistent"]
    session.flush()
    assert states(nest) == ["deleted"]
    assert inspect(nest).identity == (nest.id,)
    session.rollback()
    assert states(nest) == ["persistent"]
    assert not inspect(nest).was_deleted
    session.delete(nest)
    session.commit()
    assert states(nest) == ["detached"]
    assert inspect(nest).was_deleted
    make_transient(nest)
    assert states(nest) == ["transient"]


@pytest.mark.parametrize("end", ["release", "rollback"])
def test_a_savepoint_ends_what_was_deleted_in_it(session: Session, end: str) -> None:
    nest = Nest(tree="oak")
    session.add(nest)
    session.commit()
    savepoint = session.begin_nested()
    session.delete(nest)
    session.flush()
    if end == "release":
        savepoint.commit()
        assert states(nest) == ["deleted"]
        session.commit()
        assert states(nest) == ["detached"]
    else:
        savepoint.rollback()
        assert states(nest) == ["persistent"]


def test_a_new_object_that_was_deleted_and_rolled_back_is_transient(session: Session) -> None:
    nest = Nest(tree="oak")
    session.add(nest)
    session.flush()
    session.delete(nest)
    session.flush()
    assert states(nest) == ["deleted"]
    session.rollback()
    assert states(nest) == ["transient"]
    session.add(nest)
    session.commit()
    assert states(nest) == ["persistent"]


def test_an_object_shows_who_it_is_and_where_it_belongs(session: Session) -> None:
    owl = Owl(name="Hedwig")
    state = inspect(owl)
    assert (state.identity, state.has_identity, state.session, state.modified) == (None, False, None, True)
    assert not inspect(Owl()).modified
    session.add(owl)
    session.flush()
    assert state.identity == (owl.id,)
    assert state.identity_key == (Bird, (owl.id,))
    assert (state.has_identity, state.session, state.object, state.obj) == (True, session, owl, owl)
    assert (state.class_, state.mapper, state.is_instance, state.is_mapper) == (Owl, inspect(Owl), True, False)
    assert state.dict is owl.__dict__


def test_an_attribute_tells_its_value_and_its_history(session: Session) -> None:
    bird = Bird(name="owl", notes="white")
    session.add(bird)
    session.commit()
    session.refresh(bird)
    name = inspect(bird).attrs.name
    assert (name.key, name.state) == ("name", inspect(bird))
    assert tuple(map(list, name.history)) == ([], ["owl"], [])
    bird.name = "hawk"
    assert (list(name.history.added), list(name.history.deleted), name.history.has_changes()) == (
        ["hawk"],
        ["owl"],
        True,
    )
    assert name.value == name.loaded_value == "hawk"
    assert inspect(bird).modified
    assert "name" not in inspect(bird).unmodified
    assert {"id", "kind", "nest"} <= inspect(bird).unmodified
    session.flush()
    assert not name.history.has_changes()
    assert not inspect(bird).modified


def test_the_loaded_value_of_an_attribute_that_is_not_there_is_no_value(session: Session) -> None:
    bird = Bird(name="owl", notes="white")
    session.add(bird)
    session.commit()
    attrs = inspect(bird).attrs
    assert attrs.name.loaded_value is NO_VALUE
    assert inspect(bird).expired
    assert inspect(bird).expired_attributes == inspect(bird).unloaded - {"notes", "nest"}
    assert not attrs.name.history
    assert list(attrs.name.load_history().unchanged) == ["owl"]
    assert not inspect(bird).expired
    assert inspect(bird).expired_attributes == set()
    assert inspect(bird).unloaded == {"notes", "nest"}
    assert attrs["notes"].value == "white"
    assert inspect(bird).unloaded == {"nest"}
    session.expire(bird, ["low"])
    assert inspect(bird).expired_attributes == {"low"}


def test_relationships_have_a_history_too(session: Session) -> None:
    first, second = Bird(name="a"), Bird(name="b")
    nest = Nest(tree="oak", birds=[first])
    session.add(nest)
    session.commit()
    assert nest.birds == [first]
    nest.birds = [second]
    birds = inspect(nest).attrs.birds
    assert (list(birds.history.added), list(birds.history.deleted)) == ([second], [first])
    assert inspect(nest).modified
    assert list(inspect(second).attrs.nest.history.added) == [nest]


def test_the_attributes_of_an_object_are_a_collection() -> None:
    nest = Nest(tree="oak")
    attrs = inspect(nest).attrs
    assert attrs.keys() == ["tree", "id", "birds"]
    assert [attribute.key for attribute in attrs] == attrs.keys()
    assert {name: attribute.loaded_value for name, attribute in attrs.items()}["tree"] == "oak"
    assert ("tree" in attrs, "treee" in attrs, len(attrs)) == (True, False, 3)
    assert attrs.get("treee") is None
    assert attrs.get("tree").value == "oak"
    wrong: list[Callable[[], object]] = [lambda: attrs.treee, lambda: attrs["treee"]]
    for read in wrong:
        with pytest.raises(
            (AttributeError, KeyError), match=r"Nest has no mapped attribute 'treee'.*Did you mean 'tree'\?"
        ):
            read()
    assert "tree" in dir(attrs)


def test_a_state_whose_object_is_gone_says_so() -> None:
    state = inspect(Nest(tree="oak"))
    assert state.obj is None
    with pytest.raises(InvalidRequestError, match="the object of this state is gone"):
        state.attrs.tree.history


def test_every_attribute_of_a_class_tells_which_kind_of_extension_it_is() -> None:
    class Own(DeclarativeBase):
        pass

    class Den(Own):
        __tablename__ = "den"
        id: Mapped[int] = mapped_column(primary_key=True)
        low: Mapped[int] = mapped_column()
        high: Mapped[int] = mapped_column()
        span = composite(Span, low, high)
        bottom = synonym("low")
        double = column_property(low * 2)
        up: Mapped[int | None] = mapped_column(ForeignKey("den.id"))
        dens: Mapped[list[Den]] = relationship()

        @hybrid_property
        def size(self) -> int:
            return self.high - self.low

    kinds = {name: each.extension_type for name, each in inspect(Den).all_orm_descriptors.items()}
    assert [name for name, kind in kinds.items() if kind is HYBRID_PROPERTY] == ["size"]
    assert all(kind is NOT_EXTENSION for name, kind in kinds.items() if name != "size")
    assert {prop.extension_type for prop in inspect(Den).attrs} == {NOT_EXTENSION}
