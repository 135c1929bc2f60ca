"""Relationships compared with nothing, and ``with_parent()``: rows related to an object that is there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    Column,
    Engine,
    ForeignKey,
    Integer,
    InvalidRequestError,
    MetaData,
    Registry,
    Session,
    String,
    Table,
    aliased,
    backref,
    composite,
    dynamic_loader,
    mapper,
    not_,
    null,
    relationship,
    select,
    synonym,
    with_parent,
)
from flask_uow.orm.exc import UnmappedInstanceError
from tests.orm.models import Node, Post, Profile, Tag, User


@pytest.fixture
def filled(session: Session) -> Session:
    """User n has n posts, only u1 has a profile; the posts of u2 have no tags; a tree of nodes."""
    tag = Tag(label="t")
    for n in range(3):
        posts = [Post(title=f"p{n}.{m}", tags=[tag] if n == 1 else []) for m in range(n)]
        session.add(User(name=f"u{n}", posts=posts, profile=Profile(text="x") if n == 1 else None))
    session.add(Profile(text="of nobody"))
    session.add(Node(name="root", children=[Node(name="a", children=[Node(name="a1")]), Node(name="b")]))
    session.commit()
    return session


metadata = MetaData()
harbours = Table("harbour", metadata, Column("id", Integer, primary_key=True), Column("name", String(9)))
ships = Table(
    "ship",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("harbour_id", Integer, ForeignKey("harbour.id")),
    Column("name", String(9)),
    Column("kind", String(9)),
    Column("x", Integer),
    Column("y", Integer),
)


class Thing:
    def __init__(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self, name, value)


class Harbour(Thing):
    pass


class Ship(Thing):
    pass


class Tug(Ship):
    pass


class Place:
    def __init__(self, x: int, y: int) -> None:
        self.x, self.y = x, y

    def __composite_values__(self) -> tuple[int, int]:
        return self.x, self.y


registry = Registry()
mapper(
    Harbour,
    harbours,
    registry=registry,
    properties={
        "ships": relationship(Ship, backref=backref("harbour")),
        "fleet": synonym("ships"),
        "later": dynamic_loader(Ship, viewonly=True),
    },
)
mapper(
    Ship,
    ships,
    registry=registry,
    polymorphic_on=ships.c.kind,
    polymorphic_identity="ship",
    properties={"place": composite(Place, ships.c.x, ships.c.y)},
)
mapper(Tug, inherits=Ship, polymorphic_identity="tug")


@pytest.fixture
def sea(engine: Engine) -> Iterator[Session]:
    metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all(
            [Harbour(name="full", ships=[Ship(name="s", place=Place(1, 2)), Tug(name="t")]), Harbour(name="empty")]
        )
        session.add(Ship(name="lost"))
        session.commit()
        yield session


def names(found: Any) -> list[Any]:
    return sorted(item.name for item in found)


# -- compared with nothing


def test_null_is_none(filled: Session, sea: Session) -> None:
    profiles = filled.query(Profile)
    for nothing in (None, null()):
        assert [p.text for p in profiles.filter(Profile.user == nothing)] == ["of nobody"]
        assert [p.text for p in profiles.filter(Profile.user != nothing)] == ["x"]
        assert [p.text for p in profiles.filter(Profile.user.is_(nothing))] == ["of nobody"]
        assert [p.text for p in profiles.filter_by(user=nothing)] == ["of nobody"]
        assert names(filled.query(User).filter(User.profile == nothing)) == ["u0", "u2"]
        assert names(filled.query(User).filter(User.profile.is_not(nothing))) == ["u1"]
        assert names(filled.query(Node).filter(Node.parent == nothing)) == ["root"]
        assert names(sea.query(Ship).filter(Ship.harbour == nothing)) == ["lost"]
        assert names(sea.query(Ship).filter(Ship.place == nothing)) == ["lost", "t"]
        assert names(sea.query(Ship).filter(Ship.place != nothing)) == ["s"]


def test_a_collection_compared_with_none_asks_whether_it_is_empty(filled: Session, sea: Session) -> None:
    for nothing in (None, null()):
        assert names(filled.query(User).filter(User.posts == nothing)) == ["u0"]
        assert names(filled.query(User).filter(User.posts != nothing)) == ["u1", "u2"]
        assert names(filled.query(User).filter(User.posts.is_(nothing))) == ["u0"]
        assert names(filled.query(User).filter(not_(User.posts == nothing))) == ["u1", "u2"]
        assert names(filled.query(User).filter_by(posts=nothing)) == ["u0"]
        assert [p.title for p in filled.query(Post).filter(Post.tags != nothing)] == ["p1.0"]
        assert names(filled.query(Node).filter(Node.children == nothing)) == ["a1", "b"]
        assert names(sea.query(Harbour).filter(Harbour.ships == nothing)) == ["empty"]
        assert names(sea.query(Harbour).filter(Harbour.later == nothing)) == ["empty"]
        assert names(sea.query(Harbour).filter(Harbour.fleet != nothing)) == ["full"]


def test_an_alias_compares_with_nothing_for_its_own_rows(filled: Session) -> None:
    node = aliased(Node)
    assert names(filled.query(node).filter(node.children == None)) == ["a1", "b"]  # noqa: E711
    assert names(filled.scalars(select(node).where(node.parent == null()))) == ["root"]
    pairs = filled.query(Node.name).join(node, Node.children).filter(node.children == None)  # noqa: E711
    assert sorted(pairs) == [("a",), ("root",)]


def test_a_collection_is_not_compared_with_an_object(filled: Session) -> None:
    with pytest.raises(InvalidRequestError, match=r"contains\(obj\)"):
        filled.query(User).filter(User.posts == Post())
    with pytest.raises(InvalidRequestError, match=r"contains\(obj\)"):
        filled.query(User).filter(User.posts != [])


# -- with_parent()


def test_with_parent_takes_the_relationship_in_every_spelling(filled: Session, sea: Session) -> None:
    u2 = filled.query(User).filter_by(name="u2").one()
    posts = filled.query(Post)
    for query in (
        posts.with_parent(u2),
        posts.with_parent(u2, "posts"),
        posts.with_parent(u2, User.posts),
        posts.with_parent(u2, property="posts"),
        posts.with_parent(u2, property=User.posts),
        posts.with_parent(u2, User.posts.property),
        posts.filter(with_parent(u2, User.posts)),
        posts.filter(with_parent(u2, "posts")),
        posts.from_self().with_parent(u2),
    ):
        assert sorted(post.title for post in query) == ["p2.0", "p2.1"]
    harbour = sea.query(Harbour).filter_by(name="full").one()
    assert names(sea.query(Ship).with_parent(harbour, property="fleet")) == ["s", "t"]
    assert names(sea.query(Ship).filter(with_parent(harbour, Harbour.fleet))) == ["s", "t"]
    assert names(sea.query(Ship).with_parent(harbour, Harbour.later)) == ["s", "t"]
    with pytest.raises(InvalidRequestError, match="several lead from Harbour"):
        sea.query(Ship).with_parent(harbour)
    assert names(sea.query(Tug).with_parent(harbour, "ships")) == ["t"]


def test_with_parent_is_a_condition_among_others(filled: Session) -> None:
    u1, u2 = (filled.query(User).filter_by(name=name).one() for name in ("u1", "u2"))
    either = with_parent(u1, User.posts) | (with_parent(u2, "posts") & (Post.title == "p2.1"))
    assert sorted(filled.scalars(select(Post.title).where(either))) == ["p1.0", "p2.1"]
    assert filled.query(Post).filter(~with_parent(u2, User.posts)).one().title == "p1.0"
    post = u1.posts[0]
    assert filled.query(Tag).filter(with_parent(post, Post.tags)).one().label == "t"
    assert filled.query(User).filter(with_parent(post, Post.author)).one() is u1


def test_with_parent_is_about_the_alias_that_is_queried(filled: Session) -> None:
    root = filled.query(Node).filter_by(name="root").one()
    node = aliased(Node)
    assert names(filled.query(node).with_parent(root, "children")) == ["a", "b"]
    assert names(filled.query(node).filter(with_parent(root, Node.children.of_type(node)))) == ["a", "b"]
    pairs = filled.query(Node.name, node.name).join(node, Node.children)
    assert pairs.filter(with_parent(root, Node.children.of_type(node))).order_by(node.name).all() == [
        ("root", "a"),
        ("root", "b"),
    ]
    tag = aliased(Tag)
    post = filled.query(Post).filter_by(title="p1.0").one()
    assert filled.query(tag).with_parent(post).one().label == "t"


def test_with_parent_says_what_it_cannot_take(filled: Session) -> None:
    u2 = filled.query(User).filter_by(name="u2").one()
    with pytest.raises(InvalidRequestError, match="no mapped attribute 'post'"):
        filled.query(Post).with_parent(u2, "post")
    with pytest.raises(ArgumentError, match=r"no relationship of User\. It has: posts, profile"):
        filled.query(Post).with_parent(u2, "name")
    with pytest.raises(ArgumentError, match="no relationship of User"):
        filled.query(Tag).with_parent(u2, Post.tags)
    with pytest.raises(UnmappedInstanceError):
        filled.query(Post).with_parent(object())
    with pytest.raises(InvalidRequestError, match="without a primary key"):
        filled.query(Post).filter(with_parent(User(), User.posts)).all()
