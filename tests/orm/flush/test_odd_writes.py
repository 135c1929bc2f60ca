"""Odd rows in a flush: values that the database works out, rows that are gone, keys that cannot become None."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import (
    Column,
    Engine,
    FlushError,
    ForeignKey,
    Integer,
    InvalidRequestError,
    MetaData,
    Session,
    SessionExtension,
    StaleDataError,
    String,
    Table,
    func,
    mapper,
    relationship,
    select,
)
from flask_uow.orm import Registry
from tests.orm.models import Member, Node, Place, Post, Tag, Team, User


@pytest.fixture
def registry() -> Iterator[Registry]:
    registry = Registry()
    yield registry
    registry.dispose()


def test_values_that_the_database_works_out_at_the_insert(session: Session) -> None:
    users = [User(name=func.lower("ABC"), email="e"), User(name="plain")]  # type: ignore[arg-type]
    session.add_all(users)
    session.flush()
    assert [user.name for user in users] == ["abc", "plain"]
    assert users[0].id != users[1].id
    session.add(Place(x=1, y=2, label=func.upper("x")))  # type: ignore[arg-type]
    session.flush()
    assert session.get(Place, (1, 2)).label == "X"  # type: ignore[union-attr]


def test_a_value_that_the_database_works_out_for_a_row_that_is_gone_is_stale(session: Session) -> None:
    place = Place(x=1, y=1)
    session.add(place)
    session.commit()
    assert place.label == "nowhere"
    session.execute("DELETE FROM place")
    place.label = func.upper("x")  # type: ignore[assignment]
    with pytest.raises(StaleDataError, match="Place"):
        session.flush()
    session.rollback()


def test_stale_rows_are_named_up_to_five(session: Session) -> None:
    places = [Place(x=number, y=1) for number in range(8)]
    session.add_all(places)
    session.commit()
    session.execute("DELETE FROM place WHERE x > 0")
    for place in places:
        place.label = "changed"
    with pytest.raises(StaleDataError, match=r"found 1 of 8 rows") as stale:
        session.flush()
    assert str(stale.value).count("<Place") == 5


def test_a_member_that_has_another_one_sided_parent_is_no_orphan(engine: Engine, registry: Registry) -> None:
    metadata = MetaData()
    box = Table("box", metadata, Column("id", Integer, primary_key=True))
    thing = Table("thing", metadata, Column("id", Integer, primary_key=True), Column("box_id", ForeignKey("box.id")))

    class Box:
        things: Any

    class Thing:
        id: int

    mapper(Box, box, properties={"things": relationship(Thing, cascade="all, delete-orphan")}, registry=registry)
    mapper(Thing, thing, registry=registry)
    metadata.create_all(engine)
    with Session(engine) as session:
        one, two, moved, dropped = Box(), Box(), Thing(), Thing()
        one.things = [moved, dropped]
        session.add_all([one, two])
        session.commit()
        assert list(two.things) == []
        two.things.append(moved)
        one.things.clear()
        session.commit()
        assert session.query(Thing).all() == [moved]
        assert two.things == [moved]


def test_a_one_sided_one_to_one_is_written_from_its_owner(engine: Engine, registry: Registry) -> None:
    metadata = MetaData()
    owner = Table("owner", metadata, Column("id", Integer, primary_key=True))
    part = Table("part", metadata, Column("id", Integer, primary_key=True), Column("owner_id", ForeignKey("owner.id")))

    class Owner:
        part: Any

    class Part:
        owner_id: int | None

    mapper(Owner, owner, properties={"part": relationship(Part, uselist=False)}, registry=registry)
    mapper(Part, part, registry=registry)
    metadata.create_all(engine)
    with Session(engine) as session:
        first, second, top = Part(), Part(), Owner()
        top.part = first
        session.add_all([top, second])
        session.commit()
        assert (top.part, first.owner_id) == (first, top.id)  # type: ignore[attr-defined]
        top.part = second
        session.commit()
        assert (first.owner_id, second.owner_id) == (None, top.id)  # type: ignore[attr-defined]
        top.part = None
        session.commit()
        assert second.owner_id is None
        top.part = first
        session.delete(first)
        session.commit()
        assert session.query(Part).all() == [second]


def test_parents_whose_collections_are_not_loaded_release_their_children(session: Session) -> None:
    team = Team(members={Member(name="a"), Member(name="b")})
    node = Node(name="top", children=[Node(name="a")])
    session.add_all([team, node])
    session.commit()
    session.delete(team)
    session.delete(node)
    session.commit()
    assert [member.team_id for member in session.query(Member)] == [None, None]
    assert session.query(Node).one().parent_id is None


def test_a_detached_target_is_enough_for_a_foreign_key(make_session: Any) -> None:
    session = make_session()
    user = User(name="ed")
    session.add(user)
    session.commit()
    ident = user.id
    session.expunge(user)
    post = Post(title="p", author_id=ident)
    session.add(post)
    session.flush()
    assert post.author_id == ident


def test_a_detached_object_that_has_forgotten_its_values_is_related_by_its_key(session: Session) -> None:
    post, tag, team, member = Post(title="p", author=User(name="a")), Tag(label="t"), Team(), Member(name="m")
    session.add_all([post, tag, team, member])
    session.commit()
    keys = tag.id, team.id
    post.tags.append(tag)
    team.members.add(member)
    post_id = post.id
    session.expire(tag)
    session.expunge(tag)
    session.flush()
    assert "id" not in vars(tag)
    assert session.execute("SELECT post_id, tag_id FROM post_tag").all() == [(post_id, keys[0])]
    assert member.team_id == keys[1]


def test_secondary_rows_that_someone_else_deleted_are_stale(session: Session) -> None:
    post = Post(title="p", author=User(name="a"), tags=[Tag(label="t")])
    session.add(post)
    session.commit()
    assert len(post.tags) == 1
    session.execute("DELETE FROM post_tag")
    post.tags.clear()
    with pytest.raises(StaleDataError, match=r"post_tag.*found 0 of 1"):
        session.flush()
    session.rollback()


def test_an_expired_object_gives_way_to_the_new_one_that_has_its_key(session: Session) -> None:
    gone, seen = Place(x=1, y=1), Place(x=1, y=2)
    session.add_all([gone, seen])
    session.commit()
    session.refresh(seen)
    session.execute("DELETE FROM place")
    place = Place(x=1, y=1, label="again")
    session.add(place)
    session.flush()
    assert gone not in session
    assert session.get(Place, (1, 1)) is place
    session.add(Place(x=1, y=2))
    with pytest.raises(FlushError, match=r"\(1, 2\).*has that key in this Session"):
        session.flush()
    session.rollback()


def test_a_primary_key_cannot_become_none(session: Session) -> None:
    place = Place(x=1, y=1)
    session.add(place)
    session.commit()
    place.x = None  # type: ignore[assignment]
    with pytest.raises((FlushError, Exception), match=r"x|NULL|None"):
        session.flush()
    session.rollback()
    assert place.x == 1


def test_tables_that_refer_to_each_other_are_ordered_by_row(engine: Engine, registry: Registry) -> None:
    metadata = MetaData()
    hen = Table(
        "hen", metadata, Column("id", Integer, primary_key=True), Column("egg_id", ForeignKey("egg.id", use_alter=True))
    )
    egg = Table("egg", metadata, Column("id", Integer, primary_key=True), Column("hen_id", ForeignKey("hen.id")))

    class Hen:
        egg: Any

    class Egg:
        hen: Any

    mapper(Hen, hen, properties={"egg": relationship(lambda: Egg, foreign_keys=hen.c.egg_id)}, registry=registry)
    mapper(Egg, egg, properties={"hen": relationship(Hen, foreign_keys=egg.c.hen_id)}, registry=registry)
    metadata.create_all(engine)
    with Session(engine) as session:
        first, second, third = Hen(), Egg(), Hen()
        second.hen = first
        third.egg = second
        session.add_all([third, second, first])
        session.commit()
        assert third.egg.hen is first
        for obj in (first, second, third):
            session.delete(obj)
        session.commit()
        assert session.query(Hen).count() == 0
    metadata.drop_all(engine)


def test_a_hook_that_never_rests_is_reported(make_session: Any) -> None:
    class Restless(SessionExtension):
        def after_flush_postexec(self, session: Any, flush_context: Any) -> None:
            session.add(Tag(label="again"))

    session = make_session(extension=Restless())
    session.add(Tag(label="first"))
    with pytest.raises(InvalidRequestError, match="100 flushes"):
        session.commit()
    session.rollback()


def test_a_relationship_that_a_subclass_gets_after_a_flush_is_written(engine: Engine, registry: Registry) -> None:
    metadata = MetaData()
    animal = Table("animal", metadata, Column("id", Integer, primary_key=True), Column("kind", String(10)))
    toy = Table("toy", metadata, Column("id", Integer, primary_key=True))
    has = Table(
        "dog_toy",
        metadata,
        Column("dog_id", ForeignKey("animal.id"), primary_key=True),
        Column("toy_id", ForeignKey("toy.id"), primary_key=True),
    )

    class Animal:
        pass

    class Dog(Animal):
        toys: Any

    class Toy:
        pass

    mapper(Animal, animal, polymorphic_on=animal.c.kind, polymorphic_identity="animal", registry=registry)
    dogs = mapper(Dog, inherits=Animal, polymorphic_identity="dog", registry=registry)
    mapper(Toy, toy, registry=registry)
    metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Dog(), Toy()])
        session.commit()
        dogs.add_property("toys", relationship(Toy, secondary=has))
        dog = session.query(Dog).one()
        dog.toys.append(session.query(Toy).one())
        session.commit()
        assert session.execute(has.select()).all() == [(1, 1)]
    metadata.drop_all(engine)


def test_columns_of_a_secondary_table_may_have_other_keys_than_names(engine: Engine, registry: Registry) -> None:
    metadata = MetaData()
    boats = Table("boat", metadata, Column("boat_id", Integer, primary_key=True, key="id"))
    ports = Table("port", metadata, Column("port_id", Integer, primary_key=True, key="id"))
    calls = Table(
        "call",
        metadata,
        Column("call_boat", ForeignKey(boats.c.id, onupdate="CASCADE"), primary_key=True, key="boat"),
        Column("call_port", ForeignKey(ports.c.id), primary_key=True, key="port"),
    )

    class Boat:
        ports: Any
        id: int

    class Port:
        pass

    ports_of = relationship(Port, secondary=calls, backref="boats", order_by=ports.c.id)
    mapper(Boat, boats, properties={"ports": ports_of}, registry=registry)
    mapper(Port, ports, registry=registry)
    metadata.create_all(engine)
    with Session(engine) as session:
        two: list[Any] = [Port(), Port()]
        boat = Boat()
        boat.ports = list(two)
        session.add(boat)
        assert sorted(session.plan_flush()[-1].columns) == ["call_boat", "call_port"]
        session.commit()
        assert boat.ports == two
        boat.ports.remove(two[0])
        session.commit()
        assert (boat.ports, two[0].boats, two[1].boats) == ([two[1]], [], [boat])
        boat.id += 50
        session.commit()
        assert session.execute(select(calls.c.boat)).all() == [(boat.id,)]
        boat.ports.append(two[0])
        session.delete(two[1])
        session.commit()
        assert [port.boats for port in boat.ports] == [[boat]]
        session.delete(boat)
        session.commit()
        assert session.query(Port).count() == 1
