"""A subclass that is mapped to a SELECT, and ``inherit_foreign_keys=``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    Column,
    Engine,
    FlushError,
    ForeignKey,
    Integer,
    MetaData,
    Session,
    String,
    Table,
    class_mapper,
    func,
    joinedload,
    mapper,
    relationship,
    select,
)
from flask_uow.orm.mapping.registry import Registry


class Person:
    id: Any
    name: Any


class Worker(Person):
    hours: Any
    boss: Any


class Office:
    people: Any


class Staff:
    """People, some of whom are workers: a SELECT adds up the hours of these."""

    def __init__(self, engine: Engine, **options: Any) -> None:
        metadata = MetaData()
        self.registry = Registry()
        office = Table("office", metadata, Column("id", Integer, primary_key=True))
        person = Table(
            "person", metadata, Column("id", Integer, primary_key=True), Column("kind", String(9)),
            Column("name", String(9)), Column("office_id", ForeignKey("office.id")),
        )  # fmt: skip
        shift = Table(
            "shift", metadata, Column("id", Integer, primary_key=True), Column("person_id", ForeignKey("person.id")),
            Column("hours", Integer), Column("boss_id", ForeignKey("person.id")),
        )  # fmt: skip
        worked = (
            select(
                shift.c.person_id, func.sum(shift.c.hours).label("hours"), func.max(shift.c.boss_id).label("boss_id")
            )
            .group_by(shift.c.person_id)
            .subquery("worked")
        )
        mapper(
            Person, person, polymorphic_on=person.c.kind, polymorphic_identity="person", registry=self.registry,
            properties={"office": relationship(Office, backref="people")},
        )  # fmt: skip
        mapper(Office, office, registry=self.registry)
        mapper(
            Worker, worked, inherits=Person, polymorphic_identity="worker", registry=self.registry,
            inherit_condition=worked.c.person_id == person.c.id,
            properties={
                "boss": relationship(
                    Person, primaryjoin=worked.c.boss_id == person.c.id, foreign_keys=[worked.c.boss_id],
                    remote_side=[person.c.id], viewonly=True,
                )
            },
            **options,
        )  # fmt: skip
        metadata.create_all(engine)
        self.engine, self.worked = engine, worked
        with engine.begin() as connection:
            connection.execute(office.insert(), [{"id": 1}])
            connection.execute(
                person.insert(),
                [
                    {"id": 1, "kind": "person", "name": "ann", "office_id": 1},
                    {"id": 2, "kind": "worker", "name": "bob", "office_id": 1},
                ],
            )
            hours = [{"person_id": 2, "hours": h, "boss_id": 1} for h in (3, 4)]
            connection.execute(shift.insert(), hours)


@pytest.fixture
def staff(engine: Engine) -> Iterator[Staff]:
    made = Staff(engine)
    yield made
    made.registry.dispose()


def test_a_subclass_is_selected_from_its_base_and_a_select(staff: Staff) -> None:
    with Session(staff.engine) as session:
        bob = session.query(Worker).filter(Worker.hours > 5).one()
        assert (bob.id, bob.name, bob.hours) == (2, "bob", 7)
        assert session.query(Worker).filter(Worker.hours > 7).all() == []


def test_objects_of_the_base_load_what_the_select_of_a_subclass_adds(staff: Staff) -> None:
    with Session(staff.engine) as session:
        ann, bob = session.query(Person).order_by(Person.id)
        assert (type(ann), type(bob)) == (Person, Worker)
        assert bob.hours == 7
        session.expire(bob)
        assert (bob.name, bob.hours) == ("bob", 7)
        whole = session.query(Person).with_polymorphic("*").order_by(Person.id).all()
        assert whole == [ann, bob]


def test_relationships_of_the_base_and_of_the_select_lead_on(staff: Staff) -> None:
    with Session(staff.engine) as session:
        office = session.query(Office).one()
        assert [type(person) for person in sorted(office.people, key=lambda p: p.id)] == [Person, Worker]
        bob = session.query(Worker).one()
        assert bob.boss.name == "ann"
        session.expunge_all()
        bob = session.query(Worker).options(joinedload("boss")).one()
        assert vars(bob)["boss"].name == "ann"


def test_what_the_base_has_is_written_and_what_the_select_has_is_not(staff: Staff) -> None:
    with Session(staff.engine) as session:
        bob = session.query(Worker).one()
        bob.name = "bert"
        new = Worker()
        new.id, new.name = 9, "cy"
        session.add(new)
        session.commit()
        assert [person.name for person in session.query(Person).order_by(Person.id)] == ["ann", "bert", "cy"]
        session.delete(new)
        session.commit()
        assert session.query(Person).count() == 2
        bob.hours = 9
        with pytest.raises(FlushError, match="hours"):
            session.flush()


@pytest.mark.filterwarnings("error")
def test_a_subclass_may_be_mapped_to_a_select_of_its_bases_table(engine: Engine) -> None:
    metadata, registry = MetaData(), Registry()
    base = Table(
        "base", metadata, Column("id", Integer, primary_key=True), Column("kind", String(9)), Column("data", String(9))
    )

    class Base:
        data: Any

    class Sub(Base):
        pass

    mapper(Base, base, polymorphic_on=base.c.kind, polymorphic_identity="base", registry=registry)
    chosen = select(base).where(base.c.kind == "sub", base.c.data != "hidden").subquery("chosen")
    mapper(
        Sub, chosen, inherits=Base, polymorphic_identity="sub", inherit_condition=chosen.c.id == base.c.id,
        inherit_foreign_keys=[chosen.c.id], registry=registry,
    )  # fmt: skip
    metadata.create_all(engine)
    with Session(engine) as session:
        for class_, data in ((Base, "one"), (Sub, "two"), (Sub, "hidden")):
            made = class_()
            made.data = data
            session.add(made)
        session.commit()
        session.expunge_all()
        found = session.query(Sub).one()
        found.data = "new"
        session.commit()
        assert session.query(Sub).filter(Sub.data == "new").one() is found
        assert sorted(type(obj).__name__ for obj in session.query(Base)) == ["Base", "Sub", "Sub"]
    registry.dispose()


def make_pair(**options: Any) -> tuple[Registry, Any, Any]:
    metadata, registry = MetaData(), Registry()
    base = Table("base", metadata, Column("id", Integer, primary_key=True), Column("n", Integer))
    sub = Table(
        "sub", metadata, Column("base_id", Integer, primary_key=True, autoincrement=False), Column("note", String(9)),
        Column("one", ForeignKey("base.id")), Column("two", ForeignKey("base.id")),
    )  # fmt: skip

    class Base:
        id: Any

    class Sub(Base):
        note: Any

    chosen = {name: value(base, sub) for name, value in options.items()}
    mapper(Base, base, registry=registry)
    try:
        mapper(Sub, sub, inherits=Base, registry=registry, **chosen)
    except ArgumentError:
        registry.dispose()
        raise
    return registry, metadata, Sub


@pytest.mark.parametrize("turned", [False, True])
def test_inherit_foreign_keys_says_which_side_of_the_condition_refers_to_the_other(
    engine: Engine, turned: bool
) -> None:
    registry, metadata, Sub = make_pair(
        inherit_condition=lambda b, s: s.c.base_id == b.c.id if turned else b.c.id == s.c.base_id,
        inherit_foreign_keys=lambda b, s: [s.c.base_id],
    )
    metadata.create_all(engine)
    with Session(engine) as session:
        new = Sub()
        new.note = "x"
        session.add(new)
        session.commit()
        assert session.query(Sub).one().note == "x"
        assert session.execute(select(class_mapper(Sub).local_table.c.base_id)).scalar() == new.id
    registry.dispose()


def test_inherit_foreign_keys_chooses_among_several_foreign_keys() -> None:
    registry, _, Sub = make_pair(inherit_foreign_keys=lambda b, s: s.c.two)
    join = class_mapper(Sub, configure=False).mapped_selectable
    assert str(join.onclause) == "base.id = sub.two"
    registry.dispose()


def test_inherit_foreign_keys_has_to_name_columns_of_the_condition() -> None:
    with pytest.raises(ArgumentError, match=r"inherit_foreign_keys= names .*note"):
        make_pair(
            inherit_condition=lambda b, s: b.c.id == s.c.base_id, inherit_foreign_keys=lambda b, s: [s.c.note],
        )  # fmt: skip


def test_inherit_foreign_keys_needs_two_tables() -> None:
    table = Table("t", MetaData(), Column("id", Integer, primary_key=True))
    with pytest.raises(ArgumentError, match="no two tables to connect"):
        mapper(type("Plain", (), {}), table, inherit_foreign_keys=[table.c.id], registry=Registry())
