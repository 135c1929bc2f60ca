"""``query.join()``: where a path begins, what was joined already, targets that are tables; joins of mapped classes that are joined further."""

from __future__ import annotations

from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    Column,
    Engine,
    ForeignKey,
    Integer,
    InvalidRequestError,
    Mapped,
    MetaData,
    Registry,
    Session,
    String,
    Table,
    aliased,
    declarative_base,
    join,
    mapped_column,
    mapper,
    outerjoin,
    polymorphic_union,
    relationship,
    select,
    synonym,
    with_loader_criteria,
)
from tests.orm.models import Node, Post, Tag, User


@pytest.fixture
def filled(session: Session) -> Session:
    """User n has n posts, the post n.m the tag m; a tree of nodes."""
    tags = [Tag(label=f"t{n}") for n in range(3)]
    for n in range(3):
        session.add(User(name=f"u{n}", posts=[Post(title=f"p{n}.{m}", tags=[tags[m]]) for m in range(n)]))
    session.add(Node(name="root", children=[Node(name="a", children=[Node(name="a1")]), Node(name="b")]))
    session.commit()
    return session


class Thing:
    def __init__(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self, name, value)


class Depot(Thing):
    pass


class Vehicle(Thing):
    pass


class Truck(Vehicle):
    pass


class Fine(Thing):
    pass


class Note(Thing):
    pass


# depots have vehicles (trucks have a table of their own), these have fines; depots and fines have notes; the registry is
# their own, since tests of the default one dispose it
depots_registry = Registry()
metadata = MetaData()
depot = Table("depot", metadata, Column("id", Integer, primary_key=True), Column("town", String(9)))
vehicle = Table(
    "vehicle",
    metadata,
    Column("vid", Integer, primary_key=True),
    Column("depot_id", Integer, ForeignKey("depot.id")),
    Column("plate", String(9)),
    Column("kind", String(9)),
)
truck = Table(
    "truck",
    metadata,
    Column("vid", Integer, ForeignKey("vehicle.vid"), primary_key=True),
    Column("load_kg", Integer),
)
fine = Table(
    "fine",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("vid", Integer, ForeignKey("vehicle.vid")),
    Column("why", String(9)),
)
note = Table(
    "note",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("depot_id", Integer, ForeignKey("depot.id")),
    Column("fine_id", Integer, ForeignKey("fine.id")),
    Column("words", String(9)),
)
mapper(
    Depot,
    depot,
    properties={"vehicles": relationship(Vehicle), "cars": synonym("vehicles"), "notes": relationship(Note)},
    registry=depots_registry,
)
mapper(
    Vehicle,
    vehicle,
    polymorphic_on=vehicle.c.kind,
    polymorphic_identity="vehicle",
    properties={"fines": relationship(Fine)},
    registry=depots_registry,
)
mapper(Truck, truck, inherits=Vehicle, polymorphic_identity="truck", registry=depots_registry)
mapper(
    Fine,
    fine,
    properties={"vehicle": relationship(Vehicle), "notes": relationship(Note)},
    registry=depots_registry,
)
mapper(Note, note, registry=depots_registry)


@pytest.fixture
def depots(engine: Engine) -> Any:
    """A Session on the depots' tables, and the tables."""
    metadata.create_all(engine)
    session = Session(engine)
    session.add_all(
        [
            Depot(
                town="ulm",
                notes=[Note(words="big")],
                vehicles=[
                    Truck(plate="U1", load_kg=5, fines=[Fine(why="speed", notes=[Note(words="paid")])]),
                    Vehicle(plate="U2"),
                ],
            ),
            Depot(town="aue", vehicles=[Truck(plate="A1", load_kg=9, fines=[Fine(why="park")])]),
        ]
    )
    session.commit()
    yield session, metadata.tables
    session.close()


def names(query: Any) -> list[Any]:
    return sorted(item.name for item in query)


def towns(query: Any) -> list[str]:
    return sorted({item.town for item in query})


# -- where a path begins


def test_each_path_begins_at_the_class_of_the_query(filled: Session) -> None:
    users = filled.query(User)
    for query in (
        users.join("posts", aliased=True).filter(Post.title == "p2.0").join("posts", "tags", aliased=True),
        users.join("posts", aliased=True).filter(Post.title == "p2.0").join(User.posts, Post.tags, aliased=True),
        users.join("posts", aliased=True).filter(Post.title == "p2.0").join("posts.tags", aliased=True),
        users.join("posts", aliased=True).filter(Post.title == "p2.0").join("posts", "tags"),
    ):
        assert names(query.filter(Tag.label == "t1")) == ["u2"]


def test_a_name_that_two_classes_have_is_that_of_the_query(depots: Any) -> None:
    session, _ = depots
    query = session.query(Depot).join("vehicles", "fines").join("notes")
    assert towns(query.filter(Note.words == "big")) == ["ulm"]
    assert query.filter(Note.words == "paid").count() == 0
    further = session.query(Depot).join("vehicles", "fines").join("notes", from_joinpoint=True)
    assert towns(further.filter(Note.words == "paid")) == ["ulm"]
    assert further.filter(Note.words == "big").count() == 0


def test_a_name_that_only_the_joined_class_has_goes_on_from_there(filled: Session) -> None:
    assert names(filled.query(User).join("posts").join("tags").filter(Tag.label == "t1")) == ["u2"]
    assert names(filled.query(User).join("posts", aliased=True).join("tags").filter(Tag.label == "t1")) == ["u2"]
    begun = filled.query(User).join(User.posts, aliased=True).filter(Post.title == "p2.1")
    assert names(begun.join(Post.tags).filter(Tag.label == "t1")) == ["u2"]
    assert begun.join(Post.tags, aliased=True).filter(Tag.label == "t0").count() == 0


def test_a_path_begins_at_what_select_from_was_given(depots: Any) -> None:
    session, _ = depots
    query = session.query(Note.words).select_from(Fine).join("notes")
    assert query.all() == [("paid",)]
    assert session.query(Fine.why).join("notes").all() == [("speed",)]
    assert session.query(Note.words).select_from(join(Depot, Vehicle, "vehicles")).join("notes").all() == [("big",)] * 2


def test_a_path_in_a_tree_begins_at_its_root_again(filled: Session) -> None:
    grandparents = filled.query(Node).join("children", "children", aliased=True).filter(Node.name == "a1")
    assert names(grandparents) == ["root"]
    both = grandparents.join("children", aliased=True).filter(Node.name == "b")
    assert names(both) == ["root"]
    deeper = filled.query(Node).join("children", aliased=True).filter(Node.name == "a")
    assert names(deeper.join("children", aliased=True, from_joinpoint=True).filter(Node.name == "a1")) == ["root"]
    parent = aliased(Node)
    again = filled.query(Node).join("children", aliased=True).join(parent, Node.parent).filter(parent.name == "root")
    assert names(again.filter(Node.name == "a")) == ["a"], "the parent is that of the queried node"


def test_criteria_are_about_every_alias_of_the_last_path(filled: Session) -> None:
    query = filled.query(User).join("posts", "tags", aliased=True)
    assert names(query.filter(Post.title == "p2.1", Tag.label == "t1")) == ["u2"]
    assert query.filter(Post.title == "p2.1", Tag.label == "t0").count() == 0
    stepwise = filled.query(User).join("posts", aliased=True).join("tags", aliased=True, from_joinpoint=True)
    assert stepwise.filter(Post.title == "p2.1").filter(Tag.label == "t0").count() == 0
    plain = filled.query(User).join("posts", aliased=True).filter(Post.title == "p2.0").join("posts")
    assert names(plain.filter(Post.title == "p2.1")) == ["u2"], "after another join criteria are about the class again"


# -- what was joined already


def test_a_step_that_two_paths_have_in_common_is_joined_once(filled: Session) -> None:
    users = filled.query(User)
    for query in (
        users.join("posts").join("posts", "tags"),
        users.join(User.posts).join(User.posts, Post.tags),
        users.join("posts", "tags").join("posts").join("posts.tags"),
        users.join(Post, User.posts).join("posts", "tags"),
        users.join((Post, User.posts), (Tag, Post.tags)).join("posts"),
        users.outerjoin("posts").join("posts", "tags"),
    ):
        assert names(query.filter(Post.title == "p2.1")) == ["u2"]
        # post and secondary table and tag, each joined once
        assert str(query).count("JOIN") in (1, 3)
    other = aliased(Post)
    twice = users.join(other, User.posts).join(other, User.posts).join(other.tags)
    assert names(twice.filter(Tag.label == "t1")) == ["u2"]


def test_a_step_that_was_joined_before_is_what_filter_by_is_about(filled: Session) -> None:
    query = filled.query(User).join("posts").join("posts", "tags").filter_by(label="t1").join("posts")
    assert names(query.filter_by(title="p2.1")) == ["u2"]


def test_the_same_step_under_an_alias_is_another_join(filled: Session) -> None:
    query = filled.query(User).join("posts").filter(Post.title == "p2.0")
    assert names(query.join("posts", aliased=True).filter(Post.title == "p2.1")) == ["u2"]
    one, other = aliased(Post), aliased(Post)
    query = (
        filled.query(User).join(one, "posts").join(other, "posts").filter(one.title == "p2.0", other.title == "p2.1")
    )
    assert names(query) == ["u2"]


def test_a_join_that_is_asked_for_in_two_kinds_is_refused(filled: Session) -> None:
    with pytest.raises(InvalidRequestError, match="in the statement already"):
        filled.query(User).join("posts").outerjoin("posts")


def test_joins_around_a_subquery_of_aliases_begin_at_what_stands_for_them(filled: Session) -> None:
    older = aliased(User)
    pairs = filled.query(User, older).filter(User.id > older.id).from_self()
    assert pairs.join(older.posts, aliased=True).filter(Post.title == "p1.0").join(User.posts).count() == 2
    assert pairs.join(User.posts, aliased=True).filter(Post.title == "p2.0").join(older.posts).count() == 1
    assert pairs.join("posts", aliased=True).filter(Post.title == "p2.0").join("posts", "tags").count() == 4


def test_what_a_subquery_has_joined_is_joined_anew_around_it(filled: Session) -> None:
    inner = filled.query(User).join("posts").filter(Post.title == "p2.0").from_self()
    assert names(inner.join("posts").filter(Post.title == "p2.1")) == ["u2"]


# -- pairs, and tables along a relationship


def test_relationship_and_target_stand_in_either_order(filled: Session) -> None:
    post = aliased(Post)
    users = filled.query(User)
    for query in (
        users.join((post, User.posts)),
        users.join((User.posts, post)),
        users.join(("posts", post)),
        users.join((post, "posts")),
        users.join(User.posts, post),
        users.join("posts", post),
        users.join(post, User.posts),
        users.join(User.posts, onclause=post),
        users.outerjoin((User.posts, post)),
    ):
        assert names(query.filter(post.title == "p2.1")) == ["u2"]
        assert str(query).count("JOIN") == 1
    tag = aliased(Tag)
    for query in (
        users.join(("posts", post), ("tags", tag)),
        users.join((User.posts, post), (post.tags, tag)),
        users.join(Post, (Tag, Post.tags)).join((tag, Post.tags)),
    ):
        assert names(query.filter(tag.label == "t1")) == ["u2"]


def test_classes_and_pairs_are_mixed(depots: Any) -> None:
    session, _ = depots
    for query in (
        session.query(Depot).join(Vehicle, (Fine, Vehicle.fines)),
        session.query(Depot).join(Vehicle, Fine),
        session.query(Depot).join((Vehicle, Vehicle.depot_id == Depot.id), Fine),
        session.query(Depot).join("vehicles", (Fine, "fines")),
        session.query(Depot).join("cars", Vehicle.fines),
    ):
        assert towns(query.filter(Fine.why == "park")) == ["aue"]


def test_of_a_table_along_a_relationship_the_condition_is_taken(depots: Any) -> None:
    session, tables = depots
    vehicle, truck = tables["vehicle"], tables["truck"]
    other = vehicle.alias()
    rows = select(vehicle).where(vehicle.c.kind == "truck").subquery()
    depot = session.query(Depot)
    for query, plate in (
        (depot.join(vehicle, Depot.vehicles), vehicle.c.plate),
        (depot.join((Depot.vehicles, vehicle)), Vehicle.plate),
        (depot.join(other, "vehicles"), other.c.plate),
        (depot.join(("vehicles", other)), other.c.plate),
        (depot.join(vehicle.join(truck), Depot.vehicles), vehicle.c.plate),
        (depot.join(rows, Depot.vehicles), rows.c.plate),
        (depot.join(Truck, Depot.vehicles), Truck.plate),
        (depot.select_from(join(Depot, other, "vehicles")), other.c.plate),
    ):
        assert towns(query.filter(plate == "A1")) == ["aue"]
        assert towns(query.filter(plate == "U1")) == ["ulm"]
    assert depot.join(vehicle.join(truck), Depot.vehicles).filter(vehicle.c.plate == "U2").count() == 0
    statement = select(Depot).join(other, Depot.vehicles).where(other.c.plate == "A1")
    assert towns(session.scalars(statement)) == ["aue"]
    assert session.query(Fine).outerjoin(other, Fine.vehicle).filter(other.c.vid.is_(None)).count() == 0


def test_a_table_on_the_far_side_of_a_secondary_one(filled: Session) -> None:
    tag = Tag.__table__.alias()
    assert [post.title for post in filled.query(Post).join(tag, Post.tags).filter(tag.c.label == "t1")] == ["p2.1"]
    assert [post.title for post in filled.query(Post).join(("tags", Tag.__table__)).filter(Tag.label == "t1")] == [
        "p2.1"
    ]


def test_a_target_that_a_relationship_does_not_lead_to_is_refused(filled: Session) -> None:
    with pytest.raises(ArgumentError, match=r"User\.posts leads to Post, and .*Tag"):
        filled.query(User).join(Tag, User.posts)
    with pytest.raises(ArgumentError, match=r"User\.posts leads to Post, and .* has no column 'author_id'"):
        filled.query(User).join(Tag.__table__, User.posts)
    with pytest.raises(ArgumentError, match=r"tuples \(target, condition\)"):
        filled.query(User).join((Post, User.posts, 1))


# -- joins of mapped classes


def test_a_join_of_classes_is_joined_further_along_their_relationships(filled: Session) -> None:
    post = aliased(Post)
    tags = Tag.__table__
    for source, title in (
        (join(User, Post).join(Tag, Post.tags), Post.title),
        (join(User, Post, "posts").join(Tag, "tags"), Post.title),
        (join(User, Post, User.posts).outerjoin(Tag, "tags"), Post.title),
        (join(join(User, Post, "posts"), Tag, "tags"), Post.title),
        (outerjoin(outerjoin(User, Post, "posts"), Tag, "tags"), Post.title),
        (join(User, post, "posts").join(Tag, "tags"), post.title),
        (join(User, post, User.posts).join(Tag, Post.tags), post.title),
        (join(User, Post, "posts").join(tags, "tags"), Post.title),
    ):
        assert names(filled.query(User).select_from(source).filter(Tag.label == "t1", title == "p2.1")) == ["u2"]


def test_a_join_of_classes_knows_inherited_relationships_of_a_family_that_a_union_gives(engine: Engine) -> None:
    registry, own = Registry(), MetaData()
    tables = {
        name: table.to_metadata(own)
        for name, table in metadata.tables.items()
        if name in ("depot", "vehicle", "truck", "fine")
    }
    vehicle, truck = tables["vehicle"], tables["truck"]
    rows = polymorphic_union({"truck": vehicle.join(truck), "vehicle": vehicle.outerjoin(truck)}, None, "rows")
    classes = [type(name, (Thing,), {}) for name in ("Yard", "Car", "Ticket")]
    yard_class, car_class, ticket_class = classes
    lorry_class = type("Lorry", (car_class,), {})
    mapper(yard_class, tables["depot"], registry=registry, properties={"cars": relationship(car_class)})
    mapper(
        car_class, vehicle, registry=registry, polymorphic_on=vehicle.c.kind, polymorphic_identity="vehicle",
        with_polymorphic=("*", rows), properties={"fines": relationship(ticket_class)},
    )  # fmt: skip
    mapper(lorry_class, truck, inherits=car_class, polymorphic_identity="truck")
    mapper(ticket_class, tables["fine"], registry=registry)
    own.create_all(engine)
    with Session(engine) as session:
        ulm = yard_class(
            town="ulm", cars=[lorry_class(plate="U1", fines=[ticket_class(why="speed")]), car_class(plate="U2")]
        )
        session.add_all([ulm, yard_class(town="aue", cars=[lorry_class(plate="A1")])])
        session.commit()
        source = join(yard_class, lorry_class, "cars").join(ticket_class, "fines")
        assert towns(session.query(yard_class).select_from(source)) == ["ulm"]
        assert [lorry.plate for lorry in session.query(lorry_class).with_parent(ulm)] == ["U1"]


def test_names_in_a_join_of_classes_are_those_of_what_was_joined_last_or_before(depots: Any) -> None:
    session, _ = depots
    source = join(Depot, Vehicle, "vehicles").join(Fine, "fines").join(Note, "notes")
    assert session.query(Note.words).select_from(source).all() == [("paid",)]
    source = join(Depot, Vehicle, "vehicles").outerjoin(Note, "notes")
    assert towns(session.query(Depot).select_from(source).filter(Note.words == "big")) == ["ulm"]
    with pytest.raises(InvalidRequestError, match="Vehicle has no mapped attribute 'wheels'"):
        join(Depot, Vehicle, "vehicles").join(Note, "wheels")
    with pytest.raises(ArgumentError, match="names a relationship"):
        join(Depot.__table__ if hasattr(Depot, "__table__") else depots[1]["depot"], Vehicle, "vehicles")


def test_a_query_from_a_join_of_classes_is_joined_further(filled: Session) -> None:
    source = join(User, Post, "posts")
    for query in (
        filled.query(User).select_from(source).join("tags"),
        filled.query(User).select_from(source).join(Post.tags),
        filled.query(User).select_from(source).join((Tag, "tags")),
    ):
        assert names(query.filter(Tag.label == "t1")) == ["u2"]


@pytest.mark.parametrize(
    "statement",
    [
        select(Post.title, Tag.label).outerjoin(Post.tags.and_(Tag.label == "t1")),
        select(Post.title, Tag.label).select_from(outerjoin(Post, Tag, Post.tags.and_(Tag.label == "t1"))),
        select(Post.title, Tag.label).outerjoin(Post.tags).options(with_loader_criteria(Tag, Tag.label == "t1")),
    ],
    ids=["criterion", "join of classes", "option"],
)
def test_an_outer_join_by_a_secondary_table_has_a_row_without_a_partner_once(filled: Session, statement: Any) -> None:
    tags = filled.query(Tag).order_by(Tag.label).all()
    filled.query(Post).filter_by(title="p2.1").one().tags = tags
    filled.query(Post).filter_by(title="p2.0").one().tags = [tags[0], Tag(label="t2"), Tag(label="t3")]
    filled.flush()
    rows = filled.execute(statement.order_by(Post.title)).all()
    assert rows == [("p1.0", None), ("p2.0", None), ("p2.1", "t1")]


def test_a_join_of_classes_keeps_rows_without_an_object_of_a_class_in_its_base_s_table(session: Session) -> None:
    base = declarative_base()

    class Crew(base):  # type: ignore[misc, valid-type]
        __tablename__ = "crew"
        id: Mapped[int] = mapped_column(primary_key=True)
        members: Mapped[list[Any]] = relationship("Sailor", order_by="Sailor.id")

    class Sailor(base):  # type: ignore[misc, valid-type]
        __tablename__ = "sailor"
        id: Mapped[int] = mapped_column(primary_key=True)
        rank: Mapped[str]
        crew_id: Mapped[int] = mapped_column(ForeignKey("crew.id"))
        __mapper_args__ = {"polymorphic_on": "rank", "polymorphic_identity": "sailor"}

    class Cook(Sailor):
        __mapper_args__ = {"polymorphic_identity": "cook"}

    base.metadata.create_all(session.connection())
    session.add_all([Crew(id=1, members=[Sailor(id=1), Cook(id=2)]), Crew(id=2, members=[Sailor(id=3)])])
    session.flush()
    source = outerjoin(Crew, Cook, Crew.members)
    assert session.execute(select(Crew.id, Cook.id).select_from(source).order_by(Crew.id)).all() == [(1, 2), (2, None)]


def test_a_join_begins_at_what_its_condition_is_about(filled: Session) -> None:
    writer, post = aliased(User, name="writer"), aliased(Post)
    # the alias that is selected, too, is joined later; or what is selected first has nothing to do with the join
    join_post, join_writer = (post, post.author_id == User.id), (writer, writer.id == post.author_id)
    pairs = [("u1", "u1"), ("u2", "u2"), ("u2", "u2")]
    for statement in (select(User.name, writer.name), select(writer.name, User.name)):
        assert sorted(filled.execute(statement.join(*join_post).join(*join_writer)).all()) == pairs
    query = filled.query(User, writer).join(*join_post).join(*join_writer).order_by(User.id)
    assert [(user.name, other.name) for user, other in query] == [("u1", "u1"), ("u2", "u2")]
    for apart in (select(Tag.label, User.name), select(User.name, Tag.label)):
        assert len(filled.execute(apart.join(*join_post)).all()) == 3 * 2
