"""Names of the Query that users of SQLAlchemy 2 know."""

from __future__ import annotations

import pytest

from flask_uow import (
    LABEL_STYLE_NONE,
    LABEL_STYLE_TABLENAME_PLUS_COL,
    ArgumentError,
    Integer,
    Query,
    Session,
    aliased,
    func,
    inspect,
    select,
    with_parent,
)
from tests.orm.models import Post, User


def test_a_query_describes_what_it_selects(session: Session) -> None:
    other = aliased(User, name="other")
    counted = func.count(User.id).label("n")
    query = session.query(User, User.id, other, other.name, counted, User.id + 1)
    found = query.column_descriptions
    assert [each["name"] for each in found] == ["User", "id", "other", "name", "n", None]
    assert [each["aliased"] for each in found] == [False, False, True, True, False, False]
    assert [each["entity"] for each in found] == [User, User, other, other, None, None]
    assert (found[0]["type"], isinstance(found[1]["type"], Integer), found[2]["type"]) == (User, True, User)
    assert [each["expr"] for each in found[:4]] == [User, User.id, other, other.name]
    assert found[4]["expr"] is counted
    assert inspect(other).entity is other


def test_a_query_tells_whether_it_gives_objects(session: Session) -> None:
    assert session.query(User).is_single_entity
    assert session.query(aliased(User)).is_single_entity
    assert not session.query(User.id).is_single_entity
    assert not session.query(User, Post).is_single_entity


def test_a_query_shows_its_options_and_is_transformed_by_functions(session: Session) -> None:
    session.add_all([User(name="ed"), User(name="wendy")])
    session.flush()

    def only_ed(query: Query[User]) -> Query[User]:
        return query.filter_by(name="ed")

    query = session.query(User).execution_options(yield_per=3)
    assert query.get_execution_options()["yield_per"] == 3
    assert [user.name for user in query.with_transformation(only_ed)] == ["ed"]
    assert session.query(User.name).order_by(User.id).tuples().all() == [("ed",), ("wendy",)]


def test_words_and_label_styles_of_queries(session: Session) -> None:
    session.add_all([User(name="ann", email="x"), User(name="bob", email="x")])
    session.flush()
    names = (
        session.query(User.email)
        .prefix_with("DISTINCT")
        .suffix_with("/* the end */")
        .suffix_with("LIMIT 5", dialect="sqlite")
    )
    assert names.all() == [("x",)]
    labelled = session.query(User).set_label_style(LABEL_STYLE_TABLENAME_PLUS_COL)
    assert labelled.get_label_style() == LABEL_STYLE_TABLENAME_PLUS_COL
    assert f"{User.__table__.name}_name" in labelled.subquery().c
    for made in (session.query(User).subquery(with_labels=True), session.query(User).apply_labels().subquery()):
        assert made.c.keys() == [f"user_{name}" for name in ("id", "name", "email")]
    plain = session.query(User).set_label_style(LABEL_STYLE_NONE)
    assert plain.get_label_style() == LABEL_STYLE_NONE
    assert [user.name for user in plain.order_by(User.name)] == ["ann", "bob"]
    assert plain.subquery().c.keys() == ["id", "name", "email"]
    hinted = session.query(User).with_hint(User, "NOT INDEXED", "sqlite")
    assert len(hinted.all()) == 2


def test_with_parent_about_an_alias_that_is_named(session: Session) -> None:
    ann = User(name="ann", posts=[Post(title="a"), Post(title="b")])
    session.add_all([ann, User(name="bob", posts=[Post(title="c")])])
    session.flush()
    alias = aliased(Post)
    titles = select(alias.title).where(with_parent(ann, User.posts, from_entity=alias)).order_by(alias.title)
    assert session.scalars(titles).all() == ["a", "b"]
    assert session.query(Post).filter(with_parent(ann, User.posts, from_entity=Post)).count() == 2
    pairs = session.query(Post.title, alias.title).filter(Post.id > alias.id)
    assert pairs.with_parent(ann, User.posts, from_entity=alias).order_by(Post.title, alias.title).all() == [
        ("b", "a"),
        ("c", "a"),
        ("c", "b"),
    ]
    with pytest.raises(ArgumentError, match="takes a mapped class or an alias"):
        with_parent(ann, User.posts, from_entity=3)
