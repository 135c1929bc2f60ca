"""Subqueries are about the row of the SELECT directly around them, and have their own tables for themselves."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    CompileError,
    Engine,
    ForeignKey,
    InvalidRequestError,
    Mapped,
    Session,
    String,
    aliased,
    cast,
    column_property,
    contains_eager,
    declarative_base,
    delete,
    exists,
    func,
    insert,
    join,
    joinedload,
    mapped_column,
    outerjoin,
    select,
    update,
    with_polymorphic,
)
from tests.orm.models import Node, Post, Tag, User


@pytest.fixture
def filled(session: Session) -> Session:
    """ann has the posts a1 (tagged t) and a2, bob has b1 (tagged t), cy has none."""
    tag = Tag(label="t")
    session.add_all(
        [
            User(name="ann", posts=[Post(title="a1", tags=[tag]), Post(title="a2")]),
            User(name="bob", posts=[Post(title="b1", tags=[tag])]),
            User(name="cy"),
            Node(name="root", children=[Node(name="leaf"), Node(name="branch", children=[Node(name="tip")])]),
        ]
    )
    session.commit()
    return session


def count_of_posts() -> Any:
    return select(func.count(Post.id)).where(Post.author_id == User.id).scalar_subquery()


NAMES: dict[str, tuple[Callable[[], Any], list[str]]] = {
    "in WHERE": (lambda: select(User.name).where(count_of_posts() > 1), ["ann"]),
    "in the columns": (lambda: select(User.name.concat(":").concat(count_of_posts())), ["ann:2", "bob:1", "cy:0"]),
    "in HAVING": (lambda: select(User.name).group_by(User.id, User.name).having(count_of_posts() == 0), ["cy"]),
    "in ON": (lambda: select(User.name).join(Tag, count_of_posts() > 1), ["ann"]),
    "in CASE of the order": (lambda: select(User.name).order_by(count_of_posts()), ["ann", "bob", "cy"]),
    "exists": (lambda: select(User.name).where(exists().where(Post.author_id == User.id)), ["ann", "bob"]),
    "exists in exists": (
        lambda: select(User.name).where(
            exists().where(Post.author_id == User.id).where(exists(select(Tag.id).where(Tag.posts.any(id=Post.id))))
        ),
        ["ann", "bob"],
    ),
    "a SELECT of its own within any": (
        lambda: select(User.name).where(
            User.posts.any(select(User.id).where(Post.author_id == User.id, User.name == "ann").exists())
        ),
        ["ann"],
    ),
    "a SELECT of its own within has": (
        lambda: select(User.name).where(
            User.posts.any(Post.author.has(select(Post.id).where(Post.author_id == User.id, Post.title == "b1").exists()))
        ),
        ["bob"],
    ),
    "a SELECT of one's own alone, of all rows": (
        lambda: select(User.name).where(User.id == select(func.max(User.id)).scalar_subquery()), ["cy"]
    ),
    "the table of the outer statement, named by correlate": (
        lambda: select(User.name).where(
            exists(
                select(Post.id).where(
                    Post.author_id == User.id,
                    exists(select(Tag.id).where(Tag.id > 0, User.name == "ann").correlate(User)),
                )
            )
        ),
        ["ann"],
    ),
    "all but its own": (
        lambda: select(User.name).join(User.posts).where(
            select(func.count(Post.id)).where(Post.author_id == User.id).correlate_except(Post).scalar_subquery() == 1
        ),
        ["bob"],
    ),
    "a join of its own": (
        lambda: select(User.name).where(
            User.name == select(func.min(User.name)).join(User.posts).scalar_subquery()
        ),
        ["ann"],
    ),
    "a compound": (
        lambda: select(User.name).where(
            User.id.in_(select(Post.author_id).where(Post.author_id == User.id, Post.title == "a1").union_all(
                select(Post.author_id).where(Post.author_id == User.id, Post.title == "b1")))
        ),
        ["ann", "bob"],
    ),
    "a subquery in FROM sees nothing of the statement": (
        lambda: select(User.name).where(
            User.id.in_(select(select(Post.author_id).where(Post.author_id == User.id).subquery().c.author_id))
        ),
        ["ann", "bob"],
    ),
    "a class with itself": (
        lambda: select(Node.name).where(Node.children.any(Node.children.any(Node.name == "tip"))), ["root"]
    ),
}  # fmt: skip


@pytest.mark.parametrize("place", NAMES)
def test_a_subquery_is_about_the_row_around_it(filled: Session, place: str) -> None:
    make, names = NAMES[place]
    assert sorted(filled.scalars(make())) == names


def test_updates_and_deletes_give_their_row_to_subqueries(filled: Session) -> None:
    table = User.__table__  # type: ignore[attr-defined]
    title = select(Post.title).where(Post.author_id == User.id).scalar_subquery()
    filled.execute(update(table).where(count_of_posts() == 1).values(email=title))
    assert filled.query(User.name, User.email).filter(User.email.is_not(None)).all() == [("bob", "b1")]
    counts = update(table).where(table.c.name == "ann").values(email="a").returning(table.c.name, count_of_posts())
    assert filled.execute(counts).all() == [("ann", 2)]
    new = (
        insert(table)
        .values(name="new")
        .returning(table.c.name, count_of_posts(), exists().where(Post.author_id == User.id))
    )
    assert [tuple(row) for row in filled.execute(new)] == [("new", 0, False)]
    again = (
        insert(table)
        .values(name="ann")
        .on_conflict_do_update([table.c.name], {"email": cast(count_of_posts(), String)})
    )
    assert filled.execute(again.returning(table.c.email)).all() == [("2",)]
    filled.execute(delete(table).where(~exists().where(Post.author_id == User.id)))
    assert [user.name for user in filled.query(User).order_by(User.name)] == ["ann", "bob"]


ALL_TAKEN: dict[str, Callable[[], Any]] = {
    "in the columns": lambda: select(User.name, count_of_posts()).join(User.posts),
    "in WHERE": lambda: select(User.name).join(User.posts).where(count_of_posts() > 1),
    "exists": lambda: select(User.name).where(User.id == Post.author_id, exists().where(Post.author_id == User.id)),
    "in a compound": lambda: (
        select(User.name)
        .join(User.posts)
        .where(User.id.in_(select(Post.author_id).where(Post.author_id == User.id).union(select(Tag.id))))
    ),
    "named by correlate": lambda: select(User.name).where(
        exists(select(User.id).where(User.name == "x").correlate(User))
    ),
}


@pytest.mark.parametrize("place", ALL_TAKEN)
def test_a_subquery_without_a_table_of_its_own_is_an_error_with_the_cure(filled: Session, place: str) -> None:
    with pytest.raises(CompileError, match=r"has none of its own.*correlate_except"):
        filled.execute(ALL_TAKEN[place]()).all()


# -- criteria of queries that go on with a subquery or an alias


def test_what_stands_for_a_class_does_not_reach_the_tables_of_subqueries(filled: Session) -> None:
    joined = filled.query(User).join(User.posts, aliased=True).filter(Post.title == "a1")
    assert [user.name for user in joined.filter(User.posts.any(Post.title == "a2"))] == ["ann"]
    inner = filled.query(Post.id).filter(Post.author_id == User.id, Post.title == "a2")
    assert [user.name for user in joined.filter(inner.exists())] == ["ann"]
    both = filled.query(User, Post).join(User.posts).from_self().filter(Post.title == "a1")
    assert [(u.name, p.title) for u, p in both.filter(User.posts.any(Post.title == "a2"))] == [("ann", "a1")]
    assert [(u.name, p.title) for u, p in both.filter(Post.author.has(name="ann"))] == [("ann", "a1")]
    counted = both.with_entities(User.name, count_of_posts())
    assert counted.all() == [("ann", 2)]
    named = filled.query(User).filter(User.name < "c").from_self()
    last = filled.query(func.max(User.name)).as_scalar()
    assert named.with_entities(User.name, last).order_by(User.name).all() == [("ann", "cy"), ("bob", "cy")]
    union = filled.query(User).filter(User.name == "ann").union(filled.query(User).filter(User.name == "cy"))
    assert [user.name for user in union.filter(~User.posts.any())] == ["cy"]
    assert [user.name for user in union.filter(select(Post.id).where(Post.author_id == User.id).exists())] == ["ann"]


def test_a_subquery_that_names_what_it_takes_goes_on_taking_what_stands_for_it(filled: Session) -> None:
    own = select(func.count(Post.id)).where(Post.author_id == User.id).correlate(User).scalar_subquery()
    assert filled.query(User).from_self().filter(own == 2).one().name == "ann"
    but = select(func.count(Post.id)).where(Post.author_id == User.id).correlate_except(Post).scalar_subquery()
    assert filled.query(User).from_self().filter(but == 1).one().name == "bob"
    other = aliased(User)
    of_alias = select(func.count(Post.id)).where(Post.author_id == other.id).scalar_subquery()
    assert filled.query(other.name).filter(of_alias == 0).all() == [("cy",)]


def test_an_expression_of_a_class_is_about_its_object_wherever_the_class_stands(filled: Session) -> None:
    local = declarative_base()

    class Writer(local):
        __tablename__ = "user"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]
        post_count: Mapped[int] = column_property(
            lambda: select(func.count(Post.id)).where(Post.author_id == Writer.id).scalar_subquery()
        )
        has_posts: Mapped[bool] = column_property(lambda: exists().where(Post.author_id == Writer.id))

    over_posts = filled.query(Writer.name, Writer.post_count).join(Post, Post.author_id == Writer.id).order_by(Post.id)
    assert over_posts.all() == [("ann", 2), ("ann", 2), ("bob", 1)]
    assert filled.query(Writer).join(Post, Post.author_id == Writer.id).filter(Writer.post_count == 1).one().has_posts
    writer = aliased(Writer)
    assert filled.query(writer).filter(writer.post_count == 0, ~writer.has_posts).one().name == "cy"
    assert filled.query(Writer).from_self().filter(Writer.post_count == 2).one().name == "ann"
    within = exists(select(Writer.id).where(Writer.id == Post.author_id, Writer.post_count > 1))
    assert [post.title for post in filled.query(Post).filter(within).order_by(Post.id)] == ["a1", "a2"]


def test_joins_after_from_self_start_at_what_stands_for_a_class_or_an_alias(filled: Session) -> None:
    older = aliased(User)
    pairs = filled.query(User, older).filter(User.id > older.id)
    titles = pairs.from_self(older.name, Post.title).join(older.posts).order_by(older.name, Post.title)
    assert titles.all() == [("ann", "a1")] * 2 + [("ann", "a2")] * 2 + [("bob", "b1")]
    assert pairs.from_self().join(older.posts).count() == 5
    assert pairs.from_self().join(User.posts).count() == 1
    twice = filled.query(User).filter(User.name < "c").from_self().filter(User.name > "a").from_self()
    assert twice.join(User.posts).filter(Post.title == "b1").one().name == "bob"
    assert twice.with_entities(User, Post.title).join(User.posts).count() == 3
    alias_twice = filled.query(older).from_self().from_self()
    assert [user.name for user in alias_twice.join(older.posts).order_by(older.name)] == ["ann", "bob"]
    assert alias_twice.filter(older.posts.any(Post.title == "b1")).one().name == "bob"
    assert alias_twice.add_entity(older).filter(older.name == "cy").count() == 1


@pytest.mark.parametrize("is_alias", [False, True], ids=["class", "alias"])
def test_columns_of_a_subquery_have_the_names_of_columns_and_of_attributes(session: Session, is_alias: bool) -> None:
    base = declarative_base()

    class Boat(base):  # type: ignore[misc, valid-type]
        __tablename__ = "boat"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str]
        metres: Mapped[int] = mapped_column("len")
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "boat"}

    class Ferry(Boat):
        __tablename__ = "ferry"
        id: Mapped[int] = mapped_column(ForeignKey("boat.id"), primary_key=True)
        cars: Mapped[int]
        __mapper_args__ = {"polymorphic_identity": "ferry"}

    base.metadata.create_all(session.connection())
    session.add(Ferry(metres=30, cars=9))
    session.flush()
    source = aliased(Ferry) if is_alias else Ferry
    statement = select(source.id, source.metres, source.cars)
    for inner in (statement.subquery(), statement.cte("f"), statement.union(statement).subquery().alias("a")):
        assert inner.c.keys() == ["id", "len", "cars"]
        assert "metres" in inner.c
        assert inner.c.metres is inner.c["metres"] is inner.c.len
        assert session.execute(select(inner.c.id, inner.c.metres, inner.c.cars)).all() == [(1, 30, 9)]


def test_an_alias_of_a_subquery_takes_columns_by_their_names(filled: Session) -> None:
    counted = (
        select(func.min(Post.id).label("id"), func.count().label("author_id"), func.max(Post.title).label("title"))
        .group_by(Post.author_id)
        .subquery()
    )
    for alias in (aliased(Post, counted, adapt_on_names=True), aliased(Post, alias=counted, flat=True)):
        rows = filled.execute(select(alias.title, alias.author_id).order_by(alias.title)).all()
        assert rows == [("a2", 2), ("b1", 1)]


def test_an_alias_of_a_join_has_the_columns_of_its_class(filled: Session) -> None:
    alias = aliased(User, join(User, Post, Post.author_id == User.id))
    assert filled.scalars(select(alias.name).order_by(alias.name)).all() == ["ann", "ann", "bob"]


def test_a_statement_may_name_the_tables_of_a_join_beside_its_alias(filled: Session) -> None:
    alias = aliased(User, outerjoin(User, Post, Post.author_id == User.id))
    pairs = select(alias.name, Post.title).order_by(alias.name, Post.title)
    expected = [("ann", "a1"), ("ann", "a2"), ("bob", "b1")]
    assert [tuple(row) for row in filled.execute(pairs.where(Post.id.is_not(None)))] == expected
    assert filled.scalars(select(alias).where(Post.title == "b1")).one().name == "bob"
    assert {row.title for row in filled.execute(select(alias, Post.title).where(User.name == "ann"))} == {"a1", "a2"}
    found = filled.scalars(select(alias).where(Post.title == "a2").options(contains_eager(alias.posts))).unique().one()
    assert [post.title for post in found.posts] == ["a2"]
    filled.expire_all()
    found = filled.scalars(select(alias).where(Post.title == "a2").options(joinedload(alias.posts))).unique().one()
    assert {post.title for post in found.posts} == {"a1", "a2"}
    assert filled.query(alias).filter(Post.title == "b1").count() == 1
    other = aliased(Post)
    joined = select(other.title, alias.name).join(alias, other.author_id == alias.id).where(Post.title == "b1")
    assert [tuple(row) for row in filled.execute(joined)] == [("b1", "bob")]
    with pytest.raises(InvalidRequestError, match="is in the statement already"):
        filled.execute(select(Post.title, alias.name).join(alias, Post.author_id == alias.id))


def test_an_alias_of_a_join_of_aliases_has_the_rows_of_the_one_that_it_is_made_of(filled: Session) -> None:
    child, parent = aliased(Node), aliased(Node)
    source = join(child, parent, child.parent)
    for entity, name in ((Node, "tip"), (child, "tip"), (parent, "branch")):
        alias = aliased(entity, source, name="of_join")
        found = select(alias, child.name, parent.name).where(child.name == "tip")
        row = filled.execute(found).one()
        assert (row.of_join.name, *row[1:]) == (name, "tip", "branch")
    with pytest.raises(ArgumentError, match="Node cannot be selected from"):
        aliased(Node, join(User, Post, Post.author_id == User.id))


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_an_alias_of_an_alias_takes_its_columns_from_a_subquery_of_several(
    filled: Session, order: tuple[int, ...]
) -> None:
    parent, grandparent = aliased(Node), aliased(Node)
    given = [(Node, "tip"), (parent, "branch"), (grandparent, "root")]
    entities = [given[number][0] for number in order]
    joined = select(*entities).select_from(Node).join(parent, Node.parent).join(grandparent, parent.parent)
    for inner in (joined.subquery(), joined.cte(), joined.union(joined).subquery("u"), joined.subquery().alias()):
        outer = [aliased(entity, inner) for entity in entities]
        expected = [given[number][1] for number in order]
        assert [node.name for node in filled.execute(select(*outer)).one()] == expected
        for others in (outer, [aliased(alias) for alias in outer]):
            assert list(filled.execute(select(*(alias.name for alias in others))).one()) == expected
        assert filled.query(outer[order.index(1)]).filter(outer[order.index(1)].name == "branch").count() == 1


def test_an_alias_does_not_take_what_it_lacks_from_another(filled: Session) -> None:
    parent = aliased(Node)
    columns = (*Node.__table__.c, parent.id)
    inner = select(*columns).join(parent, Node.parent).subquery()
    with pytest.raises(ArgumentError, match=r"no column for table 'node'\.name"):
        filled.execute(select(aliased(parent, inner).name))
    assert {node.name for node in filled.scalars(select(aliased(parent, inner)))} == {"root", "branch"}
    assert {node.name for node in filled.scalars(select(aliased(Node, inner)))} == {"leaf", "branch", "tip"}


@pytest.mark.parametrize("kind", ["subquery", "cte", "label", "alias", "join"])
def test_an_alias_of_an_alias_has_the_rows_of_that(filled: Session, kind: str) -> None:
    chosen = select(Post).where(Post.title != "a1")
    shouted = select(Post.id, Post.author_id, func.upper(Post.title).label("title")).where(Post.title != "a1")
    sources: dict[str, Any] = {
        "subquery": chosen.subquery(),
        "cte": chosen.cte(),
        "label": shouted.subquery(),
        "alias": chosen.subquery("s").alias("t"),
        "join": join(Post, User, Post.author_id == User.id),
    }
    first = aliased(Post, sources[kind])
    expected = ["A2", "B1"] if kind == "label" else ["a1", "a2", "b1"] if kind == "join" else ["a2", "b1"]
    second = aliased(first)
    for alias in (first, second, aliased(first, name="named"), aliased(second), aliased(first, flat=True)):
        assert filled.scalars(select(alias.title).order_by(alias.title)).all() == expected
        assert len(filled.scalars(select(alias)).all()) == len(expected)
        writer = aliased(User)
        names = select(alias.title, writer.name).join(alias.author.of_type(writer)).order_by(alias.title)
        assert [name for _, name in filled.execute(names)][-2:] == ["ann", "bob"]
    pairs = select(first.title, func.count(second.id)).join(second, second.id != first.id).group_by(first.title)
    assert [tuple(row) for row in filled.execute(pairs.order_by(first.title))] == [
        (title, len(expected) - 1) for title in expected
    ]


def test_an_alias_of_several_classes_keeps_its_subclasses(engine: Engine) -> None:
    base = declarative_base()

    class Boat(base):  # type: ignore[misc, valid-type]
        __tablename__ = "boat"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str]
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "boat"}

    class Ferry(Boat):
        __tablename__ = "ferry"
        id: Mapped[int] = mapped_column(ForeignKey("boat.id"), primary_key=True)
        cars: Mapped[int]
        __mapper_args__ = {"polymorphic_identity": "ferry"}

    base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Ferry(cars=9), Ferry(cars=3), Boat()])
        session.commit()
        fleet = with_polymorphic(Boat, [Ferry])
        for alias in (fleet, aliased(fleet), aliased(aliased(fleet), name="f")):
            found = session.scalars(select(alias).where(alias.Ferry.cars > 5)).one()
            assert "cars" in vars(found)
            session.expunge_all()
        mine, other = aliased(fleet), aliased(fleet)
        pairs = select(mine.Ferry.cars, other.Ferry.cars).join(other, mine.Ferry.cars > other.Ferry.cars)
        assert session.execute(pairs).all() == [(9, 3)]
