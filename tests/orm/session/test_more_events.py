"""Events of values that come and go: refresh, expire, pickles, what a flush fills in; of collections and unset values; of queries; of reflection."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import (
    Column,
    DeclarativeBase,
    Engine,
    ForeignKey,
    Integer,
    IntegrityError,
    Mapped,
    MetaData,
    Query,
    Session,
    Table,
    event,
    flag_modified,
    func,
    mapped_column,
    registry,
    relationship,
    select,
    selectinload,
)


class Base(DeclarativeBase):
    pass


class Plant(Base):
    __tablename__ = "heard_plant"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None] = mapped_column(unique=True)
    height: Mapped[int | None] = mapped_column(default=7)
    kind: Mapped[str]
    served: Mapped[str | None] = mapped_column(server_default="yes")
    leaves: Mapped[list[Leaf]] = relationship(back_populates="plant", order_by="Leaf.id")
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "plant"}


class Tree(Plant):
    __mapper_args__ = {"polymorphic_identity": "tree"}


class Leaf(Base):
    __tablename__ = "heard_leaf"
    id: Mapped[int] = mapped_column(primary_key=True)
    plant_id: Mapped[int | None] = mapped_column(ForeignKey("heard_plant.id"))
    plant: Mapped[Plant | None] = relationship(back_populates="leaves")


class Ear:
    """Listens for the time of a test."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self._given: list[Any] = []

    def listen(self, target: Any, name: str, make: Any = lambda *arguments: arguments, **options: Any) -> None:
        def hear(*arguments: Any) -> Any:
            self.heard.append(make(*arguments))
            return self.heard[-1]

        event.listen(target, name, hear, **options)
        self._given.append((target, name, hear))

    def taken(self) -> list[Any]:
        taken, self.heard = self.heard, []
        return taken

    def remove(self) -> None:
        for given in self._given:
            event.remove(*given)


@pytest.fixture
def ear() -> Iterator[Ear]:
    ear = Ear()
    yield ear
    ear.remove()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Plant(name="fern", leaves=[Leaf()]), Tree(name="oak")])
        session.commit()
        yield session


def test_expire_is_told_with_the_names_that_were_given(session: Session, ear: Ear) -> None:
    fern, oak = session.get_one(Plant, 1), session.get_one(Plant, 2)
    ear.listen(Plant, "expire", propagate=True)
    session.expire(fern, ["name"])
    session.expire(oak)
    assert ear.taken() == [(fern, ["name"]), (oak, None)]
    session.commit()
    assert sorted(ear.taken(), key=lambda told: told[0].id) == [(fern, None), (oak, None)]
    session.rollback()


def test_refresh_is_told_with_what_was_loaded_again(session: Session, ear: Ear) -> None:
    fern, oak = session.get_one(Plant, 1), session.get_one(Plant, 2)
    ear.listen(Plant, "refresh", propagate=True)
    session.refresh(fern)
    assert ear.taken() == [(fern, None, {"id", "name", "height", "kind", "served"})]
    session.expire(oak, ["name", "height"])
    assert oak.name == "oak"
    assert ear.taken() == [(oak, None, {"name", "height"})]
    session.expire_all()
    assert fern.name == "fern"
    session.expire(fern, ["height"])
    ear.taken()
    # a query fills what is absent, and leaves alone what is there
    session.scalars(select(Plant)).all()
    told = {obj.id: names for obj, _, names in ear.taken()}
    assert told[1] == {"height"}
    session.scalars(select(Plant)).all()
    assert ear.taken() == []
    session.scalars(select(Plant).execution_options(populate_existing=True)).all()
    assert sorted(obj.id for obj, *_ in ear.taken()) == [1, 2]


def test_what_was_expired_together_is_told_for_each(session: Session, ear: Ear) -> None:
    plants = session.scalars(select(Plant).order_by(Plant.id)).all()
    session.expire_all()
    ear.listen(Plant, "refresh", lambda plant, context, names: plant.__dict__["id"], propagate=True)
    assert plants[0].name == "fern"
    assert sorted(ear.taken()) == [1, 2]


def test_load_is_not_refresh(session: Session, ear: Ear) -> None:
    session.expunge_all()
    ear.listen(Plant, "refresh", propagate=True)
    ear.listen(Plant, "load", lambda plant, context: plant.id, propagate=True)
    found = session.scalars(select(Plant).order_by(Plant.id)).all()
    assert (ear.taken(), len(found)) == ([1, 2], 2)


def test_refresh_flush_is_told_of_what_a_flush_has_filled_in(session: Session, ear: Ear) -> None:
    ear.listen(Plant, "refresh_flush", lambda plant, context, names: (plant, context.session, names))
    rose = Plant(name="rose")
    session.add_all([rose, Tree(name="elm"), Plant(name="ivy", height=1, served="no")])
    session.flush()
    assert ear.taken() == [(rose, session, {"height", "served"})]
    session.add(Plant(name="rose"))
    with pytest.raises(IntegrityError):
        session.flush()
    assert ear.taken() == []


def test_pickles_are_told(session: Session, ear: Ear) -> None:
    fern = session.get_one(Plant, 1)
    ear.listen(Plant, "pickle", lambda plant, values: values.update(noted="there"))
    ear.listen(Plant, "unpickle", lambda plant, values: values["noted"])
    copied = pickle.loads(pickle.dumps(fern))
    assert (ear.taken(), copied.noted, copied.name) == ([None, "there"], "there", "fern")


def test_loaded_objects_are_told_to_listeners_of_the_session(session: Session, ear: Ear) -> None:
    session.expunge_all()
    ear.listen(session, "loaded_as_persistent", lambda told, obj: (type(obj).__name__, obj.id, told is session))
    kept = session.scalars(select(Plant).options(selectinload(Plant.leaves)).order_by(Plant.id)).all()
    assert ear.taken() == [("Plant", 1, True), ("Tree", 2, True), ("Leaf", 1, True)]
    session.scalars(select(Plant)).all()
    assert ear.taken() == []
    session.add(Plant())
    session.flush()
    assert ear.taken() == []
    session.expunge(kept[0])
    assert session.get_one(Plant, 1)
    assert ear.taken() == [("Plant", 1, True)]


def test_classes_are_told_when_they_are_mapped(ear: Ear) -> None:
    class OwnBase(DeclarativeBase):
        pass

    for name in ("instrument_class", "after_mapper_constructed"):
        ear.listen(OwnBase, name, lambda mapper, cls: (mapper.class_, cls), propagate=True)

    class Stone(OwnBase):
        __tablename__ = "heard_stone"
        id: Mapped[int] = mapped_column(primary_key=True)

    assert ear.taken() == [(Stone, Stone)] * 2


def test_collections_that_are_replaced_are_told(ear: Ear) -> None:
    first, second = Leaf(), Leaf()
    ear.listen(Plant.leaves, "bulk_replace", lambda plant, values, initiator: list(values))
    ear.listen(Plant.leaves, "init_collection", lambda plant, collection, adapter: len(adapter))
    ear.listen(Plant.leaves, "dispose_collection", lambda plant, collection, adapter: list(adapter))
    plant = Plant(leaves=[first])
    assert ear.taken() == [0, [first], [], 1]
    plant.leaves = [second]
    assert ear.taken() == [[second], [first], 1]


def test_the_values_of_a_collection_may_be_changed_before_it_is_replaced() -> None:
    first, second = Leaf(), Leaf()

    def keep_one(plant: Any, values: list[Any], initiator: Any) -> None:
        del values[1:]

    event.listen(Plant.leaves, "bulk_replace", keep_one)
    plant = Plant(leaves=[first, second])
    event.remove(Plant.leaves, "bulk_replace", keep_one)
    assert (plant.leaves, second.plant) == ([first], None)


def test_an_unset_value_may_be_given_at_its_first_access(session: Session) -> None:
    def give(plant: Any, value: Any, values: dict[str, Any]) -> Any:
        values["height"] = 12
        return 12

    event.listen(Plant.height, "init_scalar", give, retval=True, propagate=True)
    plant, tree = Plant(), Tree()
    assert (plant.height, tree.height, plant.__dict__["height"], plant.name) == (12, 12, 12, None)
    event.remove(Plant.height, "init_scalar", give)
    assert (Plant().height, plant.height) == (None, 12)
    session.add(plant)
    session.commit()
    assert plant.height == 12


def test_a_value_that_is_flagged_is_told(session: Session, ear: Ear) -> None:
    ear.listen(Plant.name, "modified", lambda plant, initiator: (plant.id, initiator.key))
    flag_modified(session.get_one(Plant, 1), "name")
    assert ear.taken() == [(1, "name")]


def test_a_query_may_be_changed_before_it_is_compiled(session: Session) -> None:
    class Careful(Query[Any]):
        pass

    def without_trees(query: Query[Any]) -> Query[Any]:
        for description in query.column_descriptions:
            if description["entity"] is Plant:
                query = query.enable_assertions(False).filter(Plant.kind != "tree")
        return query

    event.listen(Careful, "before_compile", without_trees, retval=True)
    with Session(session.get_bind(), query_cls=Careful) as other:
        query = other.query(Plant)
        assert [plant.name for plant in query] == ["fern"]
        assert (query.count(), query.limit(5).all()[0].name, len(other.query(Leaf).all())) == (1, "fern", 1)
        assert (query.first().name, query.filter_by(name="oak").one_or_none()) == ("fern", None)
    assert session.query(Plant).count() == 2
    event.remove(Careful, "before_compile", without_trees)
    with Session(session.get_bind(), query_cls=Careful) as other:
        assert other.query(Plant).count() == 2


def test_updates_and_deletes_by_queries_may_be_changed(session: Session) -> None:
    class Careful(Query[Any]):
        pass

    @event.listens_for(Careful, "before_compile_update", retval=True)
    def update_low(query: Any, context: Any) -> Any:
        context.values[Plant.height] = 3
        return query.filter(Plant.id == 1)

    @event.listens_for(Careful, "before_compile_delete", retval=True)
    def keep_ferns(query: Any, context: Any) -> Any:
        return query.filter(Plant.name != "fern") if context.query is query else query

    with Session(session.get_bind(), query_cls=Careful) as other:
        assert other.query(Plant).update({Plant.served: "no"}) == 1
        assert other.query(Plant).delete() == 1
        other.commit()
    assert session.execute(select(Plant.name, Plant.height, Plant.served)).all() == [("fern", 3, "no")]


def test_columns_that_are_reflected_may_be_changed(session: Session, engine: Engine) -> None:
    metadata = MetaData()

    @event.listens_for(metadata, "column_reflect")
    def rename(inspector: Any, table: Any, column_info: Any) -> None:
        column_info["key"] = f"the_{column_info['name']}"
        if column_info["name"] == "served":
            column_info["default"] = None

    plants = Table("heard_plant", metadata, autoload_with=engine)
    leaves = Table("heard_leaf", metadata, autoload_with=engine)
    assert plants.c.keys() == ["the_id", "the_name", "the_height", "the_kind", "the_served"]
    assert (plants.c.the_name.name, plants.c.the_served.server_default) == ("name", None)
    assert [key.column for key in leaves.foreign_keys] == [plants.c.the_id]
    assert list(plants.primary_key.columns) == [plants.c.the_id]
    statement = select(func.count()).select_from(leaves.join(plants)).where(plants.c.the_name == "fern")
    assert session.scalar(statement) == 1

    reg = registry(metadata=metadata)

    @reg.mapped
    class Reflected:
        __table__ = plants

    found = session.scalars(select(Reflected).order_by(plants.c.the_id)).first()
    assert found.the_name == "fern"  # type: ignore[union-attr]


def test_the_classes_table_and_metadata_stand_for_all_of_them(engine: Engine) -> None:
    told: list[Any] = []

    def note(name: str) -> Any:
        return lambda target, connection, **given: told.append((name, type(target).__name__))

    def reflected(inspector: Any, table: Any, column_info: Any) -> None:
        told.append((table.name, column_info["name"]))

    listening = [
        (Table, "column_reflect", reflected),
        (Table, "after_create", note("created")),
        (MetaData, "before_drop", note("dropping")),
    ]
    for target, name, function in listening:
        event.listen(target, name, function)
    metadata = MetaData()
    Table("heard_shed", metadata, Column("id", Integer, primary_key=True))
    metadata.create_all(engine)
    Table("heard_shed", MetaData(), autoload_with=engine)
    metadata.drop_all(engine)
    for target, name, function in listening:
        event.remove(target, name, function)
    metadata.create_all(engine)
    metadata.drop_all(engine)
    assert told == [("created", "Table"), ("heard_shed", "id"), ("dropping", "MetaData")]


def test_a_function_that_listens_already_is_not_called_twice(session: Session) -> None:
    called: list[str] = []

    class Journal:
        def note(self, session: Any) -> None:
            called.append("note")

    journal = Journal()
    for _ in range(2):
        event.listen(session, "before_commit", journal.note)
    session.commit()
    assert called == ["note"]
    event.remove(session, "before_commit", journal.note)
    session.commit()
    assert called == ["note"]


def test_a_hook_of_a_new_transaction_may_use_the_session(session: Session) -> None:
    seen: list[tuple[bool, Any]] = []

    def created(session: Session, transaction: Any) -> None:
        assert session.get_nested_transaction() is (transaction if transaction.nested else None)
        seen.append((transaction.nested, session.execute("SELECT 1").scalar()))

    session.rollback()
    event.listen(session, "after_transaction_create", created)
    session.execute("SELECT 2")
    with session.begin_nested():
        pass
    session.commit()
    with session.begin():
        pass
    assert seen == [(False, 1), (True, 1), (False, 1)]

    def fails(session: Session, transaction: Any) -> None:
        raise ValueError("no")

    event.listen(session, "after_transaction_create", fails)
    with pytest.raises(ValueError, match="no"):
        session.execute("SELECT 2")
    assert not session.in_transaction()
    event.remove(session, "after_transaction_create", fails)
    assert session.execute("SELECT 2").scalar() == 2
    session.rollback()


def test_the_configuration_of_a_class_is_told_of_once(no_left_over_mappings: None) -> None:
    class Own(DeclarativeBase):
        pass

    told: list[tuple[str, str]] = []
    for name in ("before_mapper_configured", "mapper_configured"):
        event.listen(Own, name, lambda mapper, cls, name=name: told.append((name, cls.__name__)), propagate=True)

    class Stem(Own):
        __tablename__ = "stem"
        id: Mapped[int] = mapped_column(primary_key=True)
        twigs: Mapped[list[Twig]] = relationship(back_populates="stem")

    class Twig(Own):
        __tablename__ = "twig"
        id: Mapped[int] = mapped_column(primary_key=True)
        stem_id: Mapped[int] = mapped_column(ForeignKey("stem.id"))
        stem: Mapped[Stem] = relationship(back_populates="twigs")

    Own.registry.configure()
    Stem.first = relationship(Twig, viewonly=True, uselist=False)
    assert Stem.first.property.mapper is Twig.__mapper__
    assert sorted(told) == sorted(
        (name, cls) for name in ("before_mapper_configured", "mapper_configured") for cls in ("Stem", "Twig")
    )
