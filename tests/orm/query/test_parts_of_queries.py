"""Queries without a Session, the parts of a query, relationships as criteria."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flask_uow import (
    ArgumentError,
    InvalidRequestError,
    Query,
    Session,
    func,
)
from flask_uow.orm import Registry
from tests.orm.models import Node, Post, Profile, Tag, User


@pytest.fixture
def registry() -> Iterator[Registry]:
    registry = Registry()
    yield registry
    registry.dispose()


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
