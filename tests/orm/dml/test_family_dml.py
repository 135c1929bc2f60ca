"""INSERT, UPDATE and DELETE of one class of a family, single-table and joined: which rows they are about, and the Session's objects after them."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from flask_uow import (
    Column,
    CompileError,
    Engine,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    IntegrityError,
    InvalidRequestError,
    Mapped,
    MetaData,
    Registry,
    Session,
    StaleDataError,
    String,
    Table,
    aliased,
    declarative_base,
    delete,
    func,
    insert,
    mapped_column,
    mapper,
    polymorphic_union,
    select,
    update,
)
from tests.statements import StatementLog

WAYS = ("auto", "evaluate", "fetch", False)


def _zoo(with_polymorphic: Any) -> SimpleNamespace:
    base = declarative_base()

    class Animal(base):
        __tablename__ = "animal"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str]
        name: Mapped[str]
        age: Mapped[int | None]
        __mapper_args__ = {
            "polymorphic_on": "kind", "polymorphic_identity": "animal", "with_polymorphic": with_polymorphic,
        }  # fmt: skip

    class Cat(Animal):
        lives: Mapped[int | None]
        __mapper_args__ = {"polymorphic_identity": "cat"}

    class Dog(Animal):
        __tablename__ = "dog"
        id: Mapped[int] = mapped_column(ForeignKey("animal.id"), primary_key=True)
        tricks: Mapped[int | None]
        __mapper_args__ = {"polymorphic_identity": "dog"}

    class Puppy(Dog):
        weeks: Mapped[int | None]
        __mapper_args__ = {"polymorphic_identity": "puppy"}

    class Hound(Dog):
        __tablename__ = "hound"
        id: Mapped[int] = mapped_column(ForeignKey("dog.id"), primary_key=True)
        speed: Mapped[int | None]
        __mapper_args__ = {"polymorphic_identity": "hound"}

    return SimpleNamespace(**{k: v for k, v in locals().items() if isinstance(v, type)}, metadata=base.metadata)


@pytest.fixture(params=[None, "*"], ids=["base table", "with_polymorphic"])
def zoo(request: Any, engine: Engine) -> Iterator[SimpleNamespace]:
    z = _zoo(request.param)
    z.metadata.create_all(engine)
    z.session = Session(bind=engine)
    z.session.add_all(
        [
            z.Animal(name="a", age=1), z.Cat(name="c", age=2, lives=9), z.Dog(name="d", age=3, tricks=1),
            z.Puppy(name="p", age=4, tricks=2, weeks=5), z.Hound(name="h", age=5, tricks=3, speed=7),
        ]
    )  # fmt: skip
    z.session.commit()
    z.session.expunge_all()
    yield z
    z.session.close()


def ages(z: Any) -> dict[str, int]:
    return {animal.name: animal.age for animal in z.session.query(z.Animal)}


MEMBERS = {"Animal": "acdph", "Cat": "c", "Dog": "dph", "Puppy": "p", "Hound": "h"}
OWN = {"Cat": "lives", "Dog": "tricks", "Puppy": "weeks", "Hound": "speed"}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", MEMBERS)
def test_an_update_of_a_class_is_about_its_rows(zoo: Any, name: str, way: Any) -> None:
    session, class_ = zoo.session, getattr(zoo, name)
    objects = session.query(zoo.Animal).all()
    before = {obj.name: obj.age for obj in objects}
    wanted = {n: age + 10 if n in MEMBERS[name] else age for n, age in before.items()}
    assert session.query(class_).filter(class_.age > 0).update({"age": class_.age + 10}, way) == len(MEMBERS[name])
    assert {obj.name: obj.age for obj in objects} == (before if way is False else wanted)
    session.expire_all()
    assert {obj.name: obj.age for obj in objects} == wanted
    assert session.execute(update(class_).values(age=0)).rowcount == len(MEMBERS[name])
    assert sorted(n for n, age in ages(zoo).items() if age == 0) == sorted(MEMBERS[name])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", OWN)
def test_an_update_of_a_subclasss_own_columns_may_ask_for_inherited_ones(zoo: Any, name: str, way: Any) -> None:
    session, class_, own = zoo.session, getattr(zoo, name), OWN[name]
    objects = session.query(class_).all()
    assert session.query(class_).filter(class_.age > 0, class_.name != "x").update({own: 99}, way) == len(objects)
    session.expire_all()
    assert {getattr(obj, own) for obj in objects} == {99}
    assert session.query(class_).filter(class_.name == "x").update({own: 1}, way) == 0
    assert session.query(class_).filter(getattr(class_, own) == 99, class_.name == "h").update({"age": 50}, way) == (
        1 if "h" in MEMBERS[name] else 0
    )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", MEMBERS)
def test_a_delete_of_a_class_removes_its_rows_from_all_tables(zoo: Any, name: str, way: Any) -> None:
    session, class_ = zoo.session, getattr(zoo, name)
    objects = {obj.name: obj for obj in session.query(zoo.Animal)}
    assert session.query(class_).filter(class_.name == name[0].lower()).delete(way) == 1
    assert session.query(class_).filter(class_.age > 0).delete(way) == len(MEMBERS[name]) - 1
    if way is not False:
        assert {n for n, obj in objects.items() if obj not in session} == set(MEMBERS[name])
    left = set("acdph") - set(MEMBERS[name])
    session.expunge_all()
    assert set(ages(zoo)) == left
    assert session.scalar("SELECT count(*) FROM dog") == len(left & set("dph"))
    assert session.scalar("SELECT count(*) FROM hound") == len(left & set("h"))
    session.rollback()
    assert session.execute(delete(class_)).rowcount == len(MEMBERS[name])
    assert set(ages(zoo)) == left


@pytest.mark.parametrize("name", MEMBERS)
def test_a_delete_of_an_alias_is_about_the_rows_that_its_criteria_fit(zoo: Any, name: str) -> None:
    alias = aliased(getattr(zoo, name))
    session, doomed = zoo.session, MEMBERS[name][-1]
    assert session.query(alias).filter(alias.name == doomed).delete() == 1
    session.expunge_all()
    assert set(ages(zoo)) == set("acdph") - {doomed}


@pytest.mark.parametrize("way", ["auto", "fetch"])
def test_an_update_of_an_alias_brings_objects_in_step(zoo: Any, way: Any) -> None:
    session, alias = zoo.session, aliased(zoo.Cat)
    cat = session.query(zoo.Cat).one()
    assert session.query(alias).filter(alias.name == "c").update({"age": alias.age + 1, "lives": 3}, way) == 1
    assert (cat.age, cat.lives) == (3, 3)
    assert session.query(alias).filter(alias.age == 2).update({alias.age: 9}, way) == 0
    assert ages(zoo)["a"] == 1
    key = cat.id + 100
    assert session.query(alias).filter(alias.name == "c").update({"id": key}, way) == 1
    assert session.get(zoo.Animal, key).name == "c"


def test_a_delete_from_several_tables_is_one_transaction_in_autocommit_mode(
    zoo: Any, engine: Engine, statements: StatementLog
) -> None:
    zoo.session.close()
    with Session(engine, autocommit=True) as session:
        dogs = session.query(zoo.Dog).all()
        statements.clear()
        assert session.query(zoo.Dog).filter(zoo.Dog.age > 0).delete() == 3
        assert [sql for sql in statements.transactions if sql.startswith("COMMIT")] == ["COMMIT"]
        assert not any(dog in session for dog in dogs)
        assert session.query(zoo.Animal).count() == 2


def test_rows_that_are_deleted_from_several_tables_may_refer_to_each_other(engine: Engine) -> None:
    base = declarative_base()

    class Vehicle(base):
        __tablename__ = "vehicle"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str]
        tows_id: Mapped[int | None] = mapped_column(ForeignKey("vehicle.id"))
        best_id: Mapped[int | None] = mapped_column(ForeignKey("truck.id", use_alter=True, name="best"))
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "vehicle"}

    class Truck(Vehicle):
        __tablename__ = "truck"
        id: Mapped[int] = mapped_column(ForeignKey("vehicle.id"), primary_key=True)
        next_id: Mapped[int | None] = mapped_column(ForeignKey("truck.id"))
        __mapper_args__ = {"polymorphic_identity": "truck", "inherit_condition": id == Vehicle.id}

    base.metadata.create_all(engine)
    with Session(engine) as session:
        trucks = [Truck() for _ in range(2500)]
        session.add_all(trucks)
        session.flush()
        ids = [truck.id for truck in trucks]
        session.execute(update(Vehicle).values(tows_id=ids[0], best_id=ids[-1]))
        session.execute(update(Truck).values(next_id=ids[7]))
        kept = Vehicle(tows_id=None)
        session.add(kept)
        session.flush()
        assert session.query(Truck).delete() == 2500
        assert session.query(Vehicle).all() == [kept]
        first, second = Truck(), Truck()
        session.add_all([first, second])
        session.flush()
        kept.best_id = first.id
        session.commit()
        if engine.dialect.name == "postgresql":
            # what stays refers to it; SQLite adds no constraint to a table that is there
            with pytest.raises(IntegrityError):
                session.execute(delete(Truck))
            session.rollback()
            assert session.query(Truck).count() == 2


def test_a_delete_of_several_tables_counts_nothing_where_nothing_fits(zoo: Any, statements: StatementLog) -> None:
    with statements.expect(1, "SELECT"):
        assert zoo.session.query(zoo.Dog).filter(zoo.Dog.name == "none").delete() == 0


def test_a_value_may_come_from_another_table_of_the_class(zoo: Any) -> None:
    session, Hound = zoo.session, zoo.Hound
    hound = session.query(Hound).one()
    assert session.query(Hound).update({"age": Hound.speed + Hound.tricks + Hound.age}) == 1
    assert hound.age == 15
    session.expire_all()
    assert hound.age == 15
    assert session.query(Hound).update({"name": Hound.name + "!", Hound.age: func.abs(-Hound.tricks)}) == 1
    assert (hound.name, hound.age) == ("h!", 3)
    with pytest.raises(InvalidRequestError, match=r"takes a value from table 'other'.*scalar subquery"):
        session.query(Hound).update({"age": _other().c.id})
    largest = select(func.max(zoo.Cat.lives)).scalar_subquery()
    assert session.query(Hound).update({"age": largest}) == 1
    assert hound.age == 9


def _other() -> Any:
    base = declarative_base()

    class Other(base):
        __tablename__ = "other"
        id: Mapped[int] = mapped_column(primary_key=True)

    return Other.__table__


def test_an_update_takes_values_and_parameters_at_execution(zoo: Any) -> None:
    session = zoo.session
    assert session.execute(update(zoo.Dog), {"tricks": 8}).rowcount == 3
    assert {dog.tricks for dog in session.query(zoo.Dog)} == {8}
    assert session.execute(update(zoo.Cat), {"age": 8}).rowcount == 1
    assert ages(zoo) == {"a": 1, "c": 8, "d": 3, "p": 4, "h": 5}


def test_an_update_of_several_tables_says_what_it_lacks(zoo: Any, engine: Engine) -> None:
    session, Dog = zoo.session, zoo.Dog
    with pytest.raises(InvalidRequestError, match="sets columns of the tables 'dog' and 'animal'"):
        session.query(Dog).update({"tricks": 1, "name": "x"})
    with pytest.raises(InvalidRequestError, match="sets columns of table 'hound', which its rows are not stored in"):
        session.query(Dog).update({zoo.Hound.speed: 1})
    with pytest.raises(InvalidRequestError, match="UPDATE of Dog has nothing to set"):
        session.execute(update(Dog))
    with pytest.raises(InvalidRequestError, match="DELETE of Dog was given RETURNING"):
        session.execute(delete(Dog).returning(Dog.id))
    with pytest.raises(InvalidRequestError, match=r"the rows of Dog are in several\. Use session.add_all"):
        session.execute(insert(Dog).values(name="x"))
    with pytest.raises(
        InvalidRequestError, match=r"RETURNING gives columns of that table only, not table 'dog'\.tricks"
    ):
        session.execute(update(Dog).values(age=1).returning(Dog))
    rows = session.execute(update(Dog).values(tricks=1).where(Dog.name == "d").returning(Dog.id, Dog.tricks)).all()
    assert rows == [(3, 1)]
    with pytest.raises(InvalidRequestError, match="this alias of Dog stands for several"):
        session.query(aliased(Dog)).update({"tricks": 1})
    with engine.connect() as connection, pytest.raises(CompileError, match="UPDATE writes one table, and was given"):
        connection.execute(update(Dog).values(tricks=1))


def test_an_insert_says_which_class_the_rows_are_of(zoo: Any) -> None:
    session, Cat, Animal = zoo.session, zoo.Cat, zoo.Animal
    session.execute(insert(Cat).values([{"name": "c1"}, {"name": "c2"}]))
    session.execute(insert(Cat), [{"name": "c3"}, {"name": "c4", "kind": "cat"}][:1])
    session.execute(insert(Cat), {"name": "c4"})
    session.execute(insert(Cat).values(name="a1", kind="animal"))
    session.execute(insert(Cat).from_select(["name"], select(zoo.Dog.name).where(zoo.Dog.name == "h")))
    assert type(session.scalars(insert(Cat).values(name="c5").returning(Cat)).one()) is Cat
    session.execute(insert(Animal).values(name="a2"))
    assert sorted(cat.name for cat in session.query(Cat)) == ["c", "c1", "c2", "c3", "c4", "c5", "h"]
    assert {type(a) for a in session.query(Animal).filter(Animal.name.in_(["a1", "a2"]))} == {Animal}


def test_rows_that_are_loaded_in_bulk_are_of_their_class(zoo: Any) -> None:
    session, Animal, Cat = zoo.session, zoo.Animal, zoo.Cat
    assert session.copy_from(Cat, [("x", 3)], columns=["name", "lives"]) == 1
    assert session.copy_from(Cat, [{"name": "y"}, {"name": "z"}]) == 2
    assert session.copy_from(Animal, [{"name": "w", "kind": "cat"}]) == 1
    assert session.copy_from(Cat, [Cat(name="v")]) == 1
    assert sorted(cat.name for cat in session.query(Cat)) == ["c", "v", "w", "x", "y", "z"]


@pytest.mark.parametrize("method", ["bulk_insert", "bulk_update", "copy_from"])
def test_bulk_operations_lose_nothing_of_a_subclasss_objects(zoo: Any, method: str) -> None:
    write = getattr(zoo.session, method)
    with pytest.raises(InvalidRequestError, match=r"would lose what only Cat has: lives\. Call it for Cat"):
        write(zoo.Animal, [zoo.Cat(id=1, name="x", lives=3)])
    zoo.session.rollback()
    with pytest.raises(InvalidRequestError, match="would lose what only Dog has: dog"):
        write(zoo.Animal, [zoo.Dog(id=1, name="x")])
    zoo.session.rollback()
    zoo.session.bulk_insert(zoo.Animal, [zoo.Cat(name="x")])
    assert type(zoo.session.query(zoo.Animal).filter_by(name="x").one()) is zoo.Cat


def test_a_bulk_update_of_a_class_leaves_rows_of_its_relatives_alone(zoo: Any) -> None:
    session = zoo.session
    cat, dog = session.query(zoo.Cat).one().id, session.query(zoo.Dog).first().id
    assert session.bulk_update(zoo.Cat, [{"id": cat, "age": 20}]) == 1
    session.commit()
    with pytest.raises(StaleDataError, match=r"bulk_update\(\) of Cat found 1 of 2 rows.*of other classes"):
        session.bulk_update(zoo.Cat, [{"id": cat, "age": 30}, {"id": dog, "age": 30}])
    session.rollback()
    assert session.bulk_update(zoo.Animal, [{"id": dog, "age": 40}]) == 1
    assert (ages(zoo)["c"], ages(zoo)["d"]) == (20, 40)


@pytest.mark.parametrize("way", WAYS)
def test_classes_with_keys_of_several_columns(engine: Engine, way: Any) -> None:
    base = declarative_base()

    class Item(base):
        __tablename__ = "item"
        a: Mapped[int] = mapped_column(primary_key=True)
        b: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str]
        price: Mapped[int | None]
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "item"}

    class Book(Item):
        __tablename__ = "book"
        second: Mapped[int] = mapped_column(primary_key=True)
        first: Mapped[int] = mapped_column(primary_key=True)
        pages: Mapped[int | None]
        __table_args__ = (ForeignKeyConstraint(["first", "second"], ["item.a", "item.b"]),)
        __mapper_args__ = {"polymorphic_identity": "book"}

    base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Item(a=1, b=2, price=1), Book(a=2, b=1, price=1, pages=5), Book(a=2, b=2, price=2, pages=6)])
        session.commit()
        books = session.query(Book).order_by(Book.b).all()
        assert session.query(Book).filter(Book.price == 1).update({"pages": 50}, way) == 1
        assert session.query(Book).filter(Book.pages == 6).update({"price": Book.pages + 1}, way) == 1
        session.expire_all()
        assert [(book.price, book.pages) for book in books] == [(1, 50), (7, 6)]
        assert session.query(Book).filter(Book.price == 7).delete(way) == 1
        if way is not False:
            assert [book in session for book in books] == [True, False]
        session.commit()
        assert [(i.a, i.b) for i in session.query(Item).order_by(Item.a)] == [(1, 2), (2, 1)]
        assert session.scalar("SELECT count(*) FROM book") == 1


@pytest.mark.parametrize("way", ["auto", "fetch", False])
def test_statements_of_a_concrete_class_that_is_queried_by_a_union(engine: Engine, way: Any) -> None:
    metadata, registry = MetaData(), Registry()
    workers, bosses = (
        Table(name, metadata, Column("id", Integer, primary_key=True), Column("name", String), Column("age", Integer))
        for name in ("worker", "boss")
    )
    union = polymorphic_union({"worker": workers, "boss": bosses}, "kind", "everyone")

    class Worker:
        name: Any
        age: Any

        def __init__(self, name: str, age: int) -> None:
            self.name, self.age = name, age

    class Boss(Worker):
        pass

    mapper(
        Worker, workers, with_polymorphic=("*", union), polymorphic_on=union.c.kind, polymorphic_identity="worker",
        registry=registry,
    )  # fmt: skip
    mapper(Boss, bosses, inherits=Worker, concrete=True, polymorphic_identity="boss", registry=registry)
    metadata.create_all(engine)
    with Session(engine) as session:
        # the keys are the same in both tables
        session.add_all([cls(name, 1) for cls in (Worker, Boss) for name in ("a", "b", "c")])
        session.query(Boss).update({"name": Boss.name + "!"}, False)
        session.commit()
        query = session.query(Worker).filter(Worker.name.in_(["a", "b!"]))
        assert query.update({"age": Worker.age + 10}, way) == 1
        session.expire_all()
        assert sorted((w.name, w.age) for w in session.query(Worker)) == [
            ("a", 11), ("a!", 1), ("b", 1), ("b!", 1), ("c", 1), ("c!", 1),
        ]  # fmt: skip
        assert query.delete(way) == 1
        session.expunge_all()
        assert sorted(w.name for w in session.query(Worker)) == ["a!", "b", "b!", "c", "c!"]
