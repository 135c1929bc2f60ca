"""Corners of flush, loading and mapping that the larger tests do not reach."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    Column,
    DeclarativeBase,
    Engine,
    FlushError,
    ForeignKey,
    Integer,
    InvalidRequestError,
    Mapped,
    MetaData,
    Query,
    Session,
    SessionExtension,
    StaleDataError,
    String,
    Table,
    UnboundExecutionError,
    UnmappedInstanceError,
    attributes,
    backref,
    class_mapper,
    func,
    inspect,
    mapped_column,
    mapper,
    relationship,
    select,
)
from flask_uow.orm import Registry, configure_mappers
from flask_uow.orm.symbols import NO_VALUE, Cascades
from tests.orm.models import Member, Node, Place, Post, Profile, Tag, Team, User
from tests.statements import StatementLog


@pytest.fixture
def registry() -> Iterator[Registry]:
    registry = Registry()
    yield registry
    registry.dispose()


# -- flush


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


# -- the identity map and states, seen from outside


def test_the_identity_map_is_a_mapping(session: Session) -> None:
    user, place = User(name="ed"), Place(x=1, y=2)
    session.add_all([user, place])
    session.flush()
    identities = session.identity_map
    key = inspect(user).identity_key
    assert key == (User, (user.id,))
    assert identities[key] is user
    assert identities[Place, (1, 2)] is place
    assert identities.get((Place, (9, 9))) is None
    assert identities.get((Tag, (1,)), "none") == "none"
    assert identities.get((int, (1,))) is None
    with pytest.raises(KeyError):
        identities[Place, (9, 9)]
    assert key in identities
    assert (Place, (9, 9)) not in identities
    assert set(identities) == {key, (Place, (1, 2))} == set(identities.keys())
    assert len(identities) == 2


def test_states_show_their_object(session: Session) -> None:
    user = User(name="ed")
    state = inspect(user)
    assert state.obj is user
    assert state.mapper is class_mapper(User)
    assert state.key is None
    assert repr(state) == "<InstanceState of <User, transient>>"
    session.add(user)
    session.flush()
    session.expire(user, ["name"])
    assert "name" in state.unloaded
    assert "posts" in state.unloaded
    assert repr(session.new) == "IdentitySet([])"
    del user
    session.expunge_all()
    assert repr(state) == "<InstanceState of an object that is gone>"
    with pytest.raises(UnmappedInstanceError, match="no mapped object"):
        inspect(5)


def test_histories_have_three_parts(session: Session) -> None:
    post = Post(title="p", author=User(name="a"), tags=[Tag(label="t")])
    assert attributes.get_history(post, "title") == (["p"], [], [])
    assert attributes.get_history(post, "tags").added == post.tags
    assert not attributes.get_history(User(), "name")
    session.add(post)
    session.commit()
    assert not attributes.get_history(post, "title").has_changes()
    (tag,) = post.tags
    assert attributes.get_history(post, "tags") == ([], [tag], [])
    new = Tag(label="n")
    post.tags = [new]
    assert attributes.get_history(post, "tags") == ([new], [], [tag])
    author = post.author
    other = User(name="b")
    post.author = other
    assert attributes.get_history(post, "author") == ([other], [], [author])
    assert attributes.get_history(post, "title") == ([], ["p"], [])
    assert (bool(NO_VALUE), repr(NO_VALUE)) == (False, "NO_VALUE")


def test_an_expired_attribute_that_was_changed_is_forgotten_alone(session: Session) -> None:
    user = User(name="ed", email="e")
    session.add(user)
    session.commit()
    assert user.name == "ed"
    user.name, user.email = "x", "y"
    session.expire(user, ["name"])
    assert user in session.dirty
    session.expire(user, ["email"])
    assert user not in session.dirty
    assert (user.name, user.email) == ("ed", "e")


def test_a_collection_with_waiting_changes_forgets_them_when_it_is_expired(session: Session) -> None:
    user = User(name="ed", posts=[Post(title="p")])
    session.add(user)
    session.commit()
    assert user.name == "ed"
    with session.no_autoflush:
        post = Post(title="q")
        post.author = user
        session.expire(user, ["posts"])
        assert [found.title for found in user.posts] == ["p"]
        assert post in session


def test_objects_of_other_sessions_are_left_alone_by_cascades(make_session: Any) -> None:
    session, other = make_session(), make_session()
    user = User(name="ed", posts=[Post(title="p")])
    session.add(user)
    session.commit()
    (post,) = user.posts
    session.expunge(post)
    other.add(post)
    session.expire(user)
    assert user.name == "ed"
    assert post in other
    session.expunge(user)
    assert post in other


def test_deleting_takes_pending_children_out(session: Session) -> None:
    user = User(name="ed", posts=[Post(title="p")])
    session.add(user)
    session.commit()
    assert len(user.posts) == 1
    with session.no_autoflush:
        pending = Post(title="q")
        user.posts.append(pending)
        session.delete(user)
        assert pending not in session
    session.commit()
    assert session.query(Post).count() == 0


# -- engines


def test_binds_by_table_and_by_mapper_serve_statements_too(tables: Engine) -> None:
    place = Place.__mapper__.local_table  # type: ignore[attr-defined]
    with Session(binds={place: tables, User: tables}) as session:
        assert session.query(Place).all() == []
        assert session.execute(select(place.c.x)).all() == []
        assert session.execute(select(User.__mapper__.local_table)).all() == []  # type: ignore[attr-defined]
        with pytest.raises(UnboundExecutionError, match="this statement"):
            session.execute(select(Tag.__mapper__.local_table))  # type: ignore[attr-defined]
    with pytest.raises(ArgumentError, match="takes mapped classes"):
        Session(binds={"place": tables})
    session = Session()
    session.bind = tables
    assert session.query(Place).count() == 0
    session.close()
    with Session(bind_key_engines={"other": tables}) as session, pytest.raises(UnboundExecutionError, match="Place"):
        session.query(Place).all()


def test_lazy_loads_pass_through_in_autocommit_mode(tables: Engine, statements: StatementLog) -> None:
    with tables.connect() as connection:
        session = Session(connection, autocommit=True, autoflush=False)
        session.add(User(name="ed", posts=[Post(title="p")]))
        session.flush()
        session.expunge_all()
        assert session.query(User).one().posts[0].title == "p"
        assert session.query(User).update({"email": "x"}) == 1
        assert session.query(User).one().email == "x"
        session.close()


# -- queries


def test_a_query_without_a_session_says_so(session: Session) -> None:
    query: Query[User] = Query(User)
    with pytest.raises(InvalidRequestError, match="with_session"):
        query.all()
    assert query.with_session(session).all() == []
    with pytest.raises(InvalidRequestError, match="filter_by"):
        session.query(func.count()).filter_by(name="x")


def test_the_parts_of_a_query(session: Session) -> None:
    session.add_all([User(name=name, email=name[0]) for name in ("ada", "abe", "bob")])
    counted = session.query(User.email, func.count()).group_by(User.email).having(func.count() > 1)
    assert counted.all() == [("a", 2)]
    names = session.query(User.name).filter(User.email == "a")
    assert session.query(User).filter(User.name.in_(names)).count() == 2
    assert session.query(User.email).distinct().order_by(User.email).all() == [("a",), ("b",)]
    assert session.query(func.max(User.name)).select_from(User).scalar() == "bob"
    longest = session.query(func.max(User.name)).scalar_subquery()
    assert session.query(User).filter(User.name == longest).one().name == "bob"
    ordered = session.query(User).order_by(User.name)
    assert [user.name for user in ordered[::2]] == ["abe", "bob"]
    assert [user.name for user in ordered[-2:]] == ["ada", "bob"]
    assert ordered.with_for_update().first().name == "abe"  # type: ignore[union-attr]
    for refused in (session.query(User.name), session.query(User).limit(1)):
        with pytest.raises(InvalidRequestError, match=r"update\(\) and delete\(\)"):
            refused.delete()


def test_relationships_as_criteria(session: Session) -> None:
    root = Node(name="root", children=[Node(name="a", children=[Node(name="deep")]), Node(name="b")])
    user, other = User(name="ed", posts=[Post(title="p", tags=[Tag(label="t")])]), User(name="al")
    session.add_all([root, user, other, Profile(text="x", user=user)])
    session.flush()
    assert session.query(Node).filter(Node.children.any(Node.name == "deep")).one().name == "a"
    assert session.query(Node).filter(Node.children.contains(root.children[0])).one() is root
    assert {n.name for n in session.query(Node).filter(Node.parent == root)} == {"a", "b"}  # type: ignore[attr-defined]
    assert {n.name for n in session.query(Node).filter(Node.parent == None)} == {"root"}  # type: ignore[attr-defined]  # noqa: E711
    assert session.query(Node).filter(Node.parent.has(name="a")).one().name == "deep"  # type: ignore[attr-defined]
    assert session.query(User).filter(User.posts.any(Post.tags.any(label="t"))).one() is user
    assert session.query(User).filter(User.profile == None).one() is other  # noqa: E711
    assert session.query(User).filter(User.profile != None).one() is user  # noqa: E711
    assert session.query(Post).filter(Post.author != other).one().author is user
    assert session.query(Post).filter(Post.tags.contains(session.query(Tag).one())).count() == 1
    with pytest.raises(InvalidRequestError, match="no primary key yet"):
        session.query(Post).filter(Post.author == User(name="new")).all()
    with pytest.raises(InvalidRequestError, match="without a primary key"):
        session.query(User).filter(User.posts.contains(Post(title="new"))).all()
    with pytest.raises(ArgumentError, match="== and !="):
        session.query(Post).filter(Post.author > user)
    with pytest.raises(ArgumentError, match="is a relationship, not a column"):
        session.query(User).order_by(User.posts)
    assert str(session.query(User)).startswith("SELECT")


# -- mapping


def test_mappers_show_what_they_map(registry: Registry) -> None:
    prop = class_mapper(User).get_property("name")
    assert prop.columns == [class_mapper(User).local_table.c.name]
    assert repr(prop).startswith("<ColumnProperty name")
    assert repr(class_mapper(User).get_property("posts")) == "<relationship User.posts>"
    assert repr(class_mapper(User)) == "<Mapper of User on user>"
    assert "merge" in Cascades("all")
    assert repr(Cascades("merge")) == "Cascades('merge')"
    configure_mappers()
    assert User.posts.property.mapper is class_mapper(Post)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("User", "table"), "takes a class first"),
        ((type("A", (), {}), "table"), "takes a Table second"),
    ],
)
def test_wrong_arguments_of_mapper(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        mapper(*arguments)


def test_wrong_properties_are_named(registry: Registry) -> None:
    metadata = MetaData()
    table = Table("t", metadata, Column("id", Integer, primary_key=True), Column("name", String))

    def fresh() -> type:
        return type("Fresh", (), {})

    with pytest.raises(ArgumentError, match=r"Fresh\.name is declared as"):
        mapper(fresh(), table, properties={"name": relationship(User)}, registry=registry)
    with pytest.raises(ArgumentError, match="a column or a relationship"):
        mapper(fresh(), table, properties={"other": 5}, registry=registry)
    made = mapper(fresh(), table, include_properties=["id"], registry=registry)
    with pytest.raises(ArgumentError, match="Map it as well"):
        made.name_of_column(table.c.name)
    made.add_property("label", table.c.name)
    assert made.name_of_column(table.c.name) == "label"
    made.add_property("more", relationship(User))
    with pytest.raises(ArgumentError, match="'more' already"):
        made.add_property("more", relationship(User))


def test_relationships_that_lead_astray_are_named(registry: Registry) -> None:
    metadata = MetaData()
    one = Table("one", metadata, Column("id", Integer, primary_key=True))
    two = Table(
        "two",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("one_id", ForeignKey("one.id")),
        Column("next_id", ForeignKey("two.id")),
    )

    def attempt(match: str, first: dict[str, Any], second: dict[str, Any]) -> None:
        own = Registry()
        One, Two = type("One", (), {}), type("Two", (), {})
        classes = {"One": One, "Two": Two}
        given = [{n: relationship(classes[a], **o) for n, (a, o) in props.items()} for props in (first, second)]
        mapper(One, one, properties=given[0], registry=own)
        mapper(Two, two, properties=given[1], registry=own)
        with pytest.raises(ArgumentError, match=match):
            own.configure()
        with pytest.raises((ArgumentError, InvalidRequestError), match=match):
            One()
        own.dispose()

    attempt("delete-orphan", {}, {"one": ("One", {"cascade": "all, delete-orphan"})})
    attempt("is a collection", {}, {"one": ("One", {"uselist": True})})
    attempt("has an attribute of that name", {"twos": ("Two", {"backref": "one_id"})}, {})
    attempt("leads to", {"twos": ("Two", {"back_populates": "twos"})}, {"twos": ("Two", {"remote_side": [two.c.id]})})


def test_declarative_mistakes_are_named() -> None:
    class Base(DeclarativeBase):
        pass

    def declare(message: str, **body: Any) -> None:
        annotations = body.pop("annotations", {})
        namespace = {"__annotations__": annotations, "__module__": __name__, "__tablename__": "x", **body}
        with pytest.raises(ArgumentError, match=message):
            type("Wrong", (Base,), namespace)

    key = mapped_column(primary_key=True)
    declare("Mapped without a type", annotations={"id": Mapped})
    declare("cannot be read", annotations={"id": "Mapped[1 +]"})
    declare("union of several types", annotations={"id": Mapped[int | str]})
    declare("annotated as Mapped and set to 5", annotations={"id": Mapped[int]}, id=5)
    declare("annotated as a collection", annotations={"id": Mapped[int], "many": Mapped[set[int]]}, id=key)
    declare(
        "does not say where it leads",
        annotations={"id": Mapped[int]},
        id=mapped_column(primary_key=True),
        r=relationship(),
    )

    class WithRelationship:
        author = relationship("Base")

    with pytest.raises(ArgumentError, match="mixin"):
        type("Mixed", (WithRelationship, Base), {"__tablename__": "mixed"})


def test_a_many_to_many_of_one_table_with_itself_has_two_sides(engine: Engine, registry: Registry) -> None:
    metadata = MetaData()
    person = Table("person", metadata, Column("id", Integer, primary_key=True), Column("name", String))
    follows = Table(
        "follows", metadata,
        Column("follower", ForeignKey("person.id"), primary_key=True),
        Column("followed", ForeignKey("person.id"), primary_key=True),
    )  # fmt: skip

    class Person:
        following: Any
        followers: Any

        def __init__(self, name: str) -> None:
            self.name = name

    following = relationship(Person, secondary=follows, backref=backref("followers"), remote_side=[follows.c.followed])
    mapper(Person, person, properties={"following": following}, registry=registry)
    metadata.create_all(engine)
    with Session(engine) as session:
        ann, bob = Person("ann"), Person("bob")
        ann.following = [bob]
        session.add(ann)
        session.commit()
        assert session.execute(select(follows.c.follower, follows.c.followed)).all() == [(ann.id, bob.id)]  # type: ignore[attr-defined]
        assert (list(bob.followers), list(bob.following)) == ([ann], [])
        assert session.query(Person).filter(Person.following.any(name="bob")).one() is ann
        bob.followers.remove(ann)
        session.commit()
        assert ann.following == []
