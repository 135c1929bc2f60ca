"""filter_by(): what its names are about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flask_uow import (
    Bundle,
    InvalidRequestError,
    Session,
    String,
    aliased,
    bindparam,
    cast,
    delete,
    exists,
    func,
    insert,
    joinedload,
    literal,
    select,
    update,
)
from tests.orm.models import Node, Post, User


@pytest.fixture
def filled(session: Session) -> Session:
    """ann has the posts a1 and a2, bob has b1; a tree of nodes."""
    session.add_all(
        [User(name="ann", posts=[Post(title="a1"), Post(title="a2")]), User(name="bob", posts=[Post(title="b1")])]
    )
    session.add(Node(name="root", children=[Node(name="leaf")]))
    session.commit()
    return session


other = aliased(User)
users, posts = User.__table__, Post.__table__

ONE: dict[str, tuple[tuple[Any, ...], dict[str, Any], tuple[Any, ...]]] = {
    "a function": ((func.count(User.id),), {"name": "ann"}, (1,)),
    "a labelled function": ((func.max(User.name).label("m"), func.count()), {"name": "ann"}, ("ann", 1)),
    "a labelled attribute": ((User.name.label("n"),), {"name": "ann"}, ("ann",)),
    "a cast": ((cast(User.name, String(9)),), {"name": "ann"}, ("ann",)),
    "a comparison": ((User.name == "ann",), {"name": "ann"}, (True,)),
    "a table": ((users.c.name,), {"name": "ann"}, ("ann",)),
    "an attribute of an alias": ((other.name,), {"name": "ann"}, ("ann",)),
    "a function of an alias": ((func.count(other.id),), {"name": "ann"}, (1,)),
    "a bundle": ((Bundle("b", User.name, User.email),), {"name": "ann"}, (("ann", None),)),
    "a subquery": ((select(User.name).subquery(),), {"name": "ann"}, ("ann",)),
    "a CTE": ((func.count(select(User.name).cte().c.name),), {"name": "ann"}, (1,)),
    "the second item": ((literal(5), User.name), {"name": "ann"}, (5, "ann")),
}


@pytest.mark.parametrize("case", ONE)
@pytest.mark.parametrize("is_query", [True, False], ids=["query", "select"])
def test_names_are_about_the_first_item_that_says_of_what_it_is(filled: Session, case: str, is_query: bool) -> None:
    items, values, expected = ONE[case]
    if is_query:
        found: Any = filled.query(*items).filter_by(**values).all()
    else:
        found = filled.execute(select(*items).filter_by(**values)).all()
    assert [tuple(row) for row in found] == [expected]


def test_names_are_about_the_first_item_and_not_the_first_class(filled: Session) -> None:
    query = filled.query(Post.title, User).join(Post.author).reset_joinpoint()
    assert [title for title, _ in query.filter_by(title="b1")] == ["b1"]
    bob = filled.query(User).filter_by(name="bob").one()
    assert filled.query(Post.title).filter_by(author=bob).all() == [("b1",)]


ASK: dict[str, Callable[[Session], Any]] = {
    "a table that was joined": lambda s: (
        s.query(User.name).join(posts, posts.c.author_id == User.id).filter_by(title="b1")
    ),
    "a table between tables": lambda s: (
        s.query(users.c.name).filter_by(name="bob").join(posts, posts.c.author_id == users.c.id).filter_by(title="b1")
    ),
    "what select_from() was given": lambda s: (
        s.query(User.name).select_from(Post).filter_by(title="b1").join(Post.author).filter_by(name="bob")
    ),
    "an alias in select_from()": lambda s: s.query(func.max(other.name)).select_from(other).filter_by(name="bob"),
    "select_from() alone": lambda s: s.query(literal("bob")).select_from(User).filter_by(name="bob"),
    "with_entities": lambda s: s.query(Post).with_entities(func.max(User.name)).filter_by(name="bob"),
    "from_self": lambda s: s.query(User.id, User.name).from_self(User.name).filter_by(name="bob"),
    "a union": lambda s: s.query(User.name).union(s.query(User.name)).filter_by(name="bob"),
}


@pytest.mark.parametrize("case", ASK)
def test_names_are_about_what_was_joined_last_or_where_the_query_begins(filled: Session, case: str) -> None:
    assert ASK[case](filled).all() == [("bob",)]


def test_a_select_begins_where_select_from_says(filled: Session) -> None:
    statement = select(User.name).select_from(Post).filter_by(title="b1").join(Post.author).filter_by(name="bob")
    assert filled.scalars(statement).all() == ["bob"]


def test_names_that_mean_nothing_are_refused(filled: Session) -> None:
    for start in (filled.query(users), select(users)):
        with pytest.raises(InvalidRequestError, match="'user' has no column 'nme'"):
            start.filter_by(nme="ann")
    with pytest.raises(InvalidRequestError, match="no mapped attribute 'nme'"):
        filled.query(User.id).filter_by(nme="ann")
    for start in (filled.query(func.now()), select(func.now())):
        with pytest.raises(InvalidRequestError, match=r"Call select_from\(\) first"):
            start.filter_by(name="ann")


# -- the values of params(), in a part of another statement


def named(session: Session, **options: Any) -> Any:
    return session.query(User.id, **options).filter(User.name == bindparam("who")).params(who="bob")


PARTS: dict[str, Callable[[Session], Any]] = {
    "in_": lambda s: s.query(User).filter(User.id.in_(named(s))),
    "scalar_subquery": lambda s: s.query(User).filter(User.id == named(s).scalar_subquery()),
    "subquery": lambda s: s.query(User).join(part := named(s).subquery(), part.c.id == User.id),
    "cte": lambda s: s.query(User).join(part := named(s).cte(), part.c.id == User.id),
    "exists": lambda s: s.query(User).filter(User.name == "bob", named(s).exists()),
    "union": lambda s: (
        s.query(User)
        .filter(User.name == bindparam("other"))
        .params(other="bob")
        .union(s.query(User).filter(User.name == bindparam("who")).params(who="bob"))
    ),
    "from_self": lambda s: s.query(User).filter(User.name == bindparam("who")).params(who="bob").from_self(),
    "a value at the end": lambda s: (
        s.query(User).filter(User.name == bindparam("who")).params(who="ann").from_self().params(who="bob")
    ),
}


@pytest.mark.parametrize("case", PARTS)
def test_a_query_keeps_its_parameters_as_a_part_of_another(filled: Session, case: str) -> None:
    assert [user.name for user in PARTS[case](filled)] == ["bob"]


def test_the_statement_of_a_query_has_its_parameters(filled: Session) -> None:
    assert filled.execute(named(filled).statement).all() == named(filled).all()
    # one that only FROM has is given at execution, as ever
    inner = filled.query(User.id).filter(User.name == bindparam("who")).subquery()
    query = filled.query(inner).params(who="bob")
    assert query.all() == named(filled).all()
    assert len(filled.execute(query.statement, {"who": "bob"}).all()) == 1


def test_a_statement_with_values_of_parameters_gives_objects_as_before(filled: Session) -> None:
    who = User.name == bindparam("who")
    alias = aliased(User)
    for statement in (
        select(User).where(who),
        select(alias).where(alias.name == bindparam("who")),
        select(User).join(User.posts).where(who),
        select(User).options(joinedload(User.posts)).where(who),
        select(User).from_statement(select(User).where(who)),
        update(User).where(who).values(email="b").returning(User),
    ):
        assert [user.name for user in filled.scalars(statement.params(who="bob")).unique()] == ["bob"]
    worked_out = select(User, func.coalesce(User.email, bindparam("none")).label("mail"), bindparam("none")).where(who)
    row = filled.execute(worked_out.params(who="ann", none="-")).one()
    assert (row.User.name, row.mail, row[2]) == ("ann", "-", "-")
    new = insert(User).values(name=bindparam("who"), email=func.lower(bindparam("mail"))).returning(User)
    assert filled.scalars(new.params(who="dan", mail="D")).one().email == "d"
    filled.execute(delete(User).where(who).params(who="dan"))
    assert filled.query(User).filter_by(name="dan").count() == 0


def test_a_query_without_items_exists_where_its_from_has_rows(filled: Session) -> None:
    there = filled.query().select_from(User).filter(User.name == "bob").exists()
    missing = filled.query().select_from(User).filter(User.name == "cy").exists()
    assert filled.query(there, missing).one() == (True, False)
    assert filled.query(User.name).filter(exists(select(Post.id).where(Post.author_id == User.id))).count() == 2
