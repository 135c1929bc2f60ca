"""Loader options for objects whose rows come from a statement of the user's own."""

from __future__ import annotations

from typing import Any

import pytest

from flask_uow import (
    InvalidRequestError,
    Session,
    aliased,
    contains_eager,
    defer,
    joinedload,
    select,
    selectinload,
    text,
)
from tests.orm.models import Post, User
from tests.statements import StatementLog

EVERY_USER = 'SELECT * FROM "user" ORDER BY id'


@pytest.fixture
def filled(session: Session) -> Session:
    """A Session with three users; user n has n posts."""
    session.add_all(
        User(name=f"u{n}", email=f"u{n}@x", posts=[Post(title=f"p{n}.{m}") for m in range(n)]) for n in range(3)
    )
    session.commit()
    session.expunge_all()
    return session


def posts_of(users: list[User]) -> list[Any]:
    """What is loaded of each user's posts, without asking for more."""
    loaded = (vars(user).get("posts") for user in users)
    return [sorted(post.title for post in posts) if posts is not None else None for posts in loaded]


ALL_POSTS = [[], ["p1.0"], ["p2.0", "p2.1"]]


@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
def test_contains_eager_takes_collections_from_a_given_select(
    filled: Session, statements: StatementLog, first: bool
) -> None:
    given = select(User, Post).outerjoin(User.posts).order_by(User.id)
    option = contains_eager(User.posts)
    query = filled.query(User)
    filled.connection()
    query = query.options(option).from_statement(given) if first else query.from_statement(given).options(option)
    with statements.expect(1, "JOIN post"):
        found = query.all()
    assert posts_of(found) == ALL_POSTS


def test_contains_eager_takes_collections_from_a_text_whose_columns_are_known(filled: Session) -> None:
    sql = text(
        'SELECT u.id, u.name, p.id, p.title FROM "user" u LEFT JOIN post p ON p.author_id = u.id ORDER BY u.id'
    ).columns(User.id, User.name, Post.id, Post.title)
    found = filled.query(User).options(contains_eager("posts")).from_statement(sql).all()
    assert posts_of(found) == ALL_POSTS


def test_contains_eager_takes_an_alias_from_a_given_select(filled: Session) -> None:
    second = aliased(Post)
    given = select(User, second).join(User.posts.of_type(second)).where(second.title == "p2.1")
    found = filled.query(User).options(contains_eager(User.posts, alias=second)).from_statement(given).all()
    assert posts_of(found) == [["p2.1"]]


def test_rows_of_several_entities_keep_what_they_contain(filled: Session) -> None:
    given = select(User, Post).join(User.posts).order_by(Post.id)
    rows = filled.query(User, Post).options(contains_eager(User.posts)).from_statement(given).all()
    assert [(user.name, post.title) for user, post in rows] == [("u1", "p1.0"), ("u2", "p2.0"), ("u2", "p2.1")]
    assert posts_of([user for user, _ in rows][1:]) == [["p2.0", "p2.1"]] * 2


@pytest.mark.parametrize("option", [selectinload, joinedload])
def test_options_load_more_for_the_objects_of_a_text(filled: Session, statements: StatementLog, option: Any) -> None:
    filled.connection()
    with statements.expect(2):
        found = filled.query(User).options(option(User.posts)).from_statement(text(EVERY_USER)).all()
    assert posts_of(found) == ALL_POSTS


def test_options_of_a_select_are_for_its_given_statement(filled: Session) -> None:
    chosen = select(User).options(selectinload(User.posts)).from_statement(text(EVERY_USER))
    assert posts_of(filled.scalars(chosen).all()) == ALL_POSTS
    filled.expunge_all()
    chosen = select(User).from_statement(text(EVERY_USER)).options(selectinload(User.posts))
    assert posts_of(filled.scalars(chosen).all()) == ALL_POSTS


def test_columns_may_be_deferred_though_a_text_gives_them(filled: Session) -> None:
    found = filled.query(User).options(defer(User.email)).from_statement(text(EVERY_USER)).all()
    assert ["email" in vars(user) for user in found] == [False] * 3
    assert found[2].email == "u2@x"


def test_options_hold_for_every_page_of_a_given_statement(filled: Session) -> None:
    query = filled.query(User).options(selectinload(User.posts)).yield_per(2)
    assert [posts_of([user]) for user in query.from_statement(select(User).order_by(User.id))] == [
        [posts] for posts in ALL_POSTS
    ]


def test_contains_eager_needs_a_statement_that_says_which_columns_are_whose(filled: Session) -> None:
    query = filled.query(User).options(contains_eager(User.posts)).from_statement(text(EVERY_USER))
    with pytest.raises(InvalidRequestError, match=r"does not say which of its columns is Post\.id"):
        query.all()


# -- which column is whose, told by names

JOINED = 'FROM "user" JOIN post ON post.author_id = "user".id ORDER BY post.id'
# the keys of users and posts differ
PAIRS = [("u1", "p1.0"), ("u2", "p2.0"), ("u2", "p2.1")]


@pytest.mark.parametrize(
    "columns",
    [
        '"user".id AS user_id, "user".name AS user_name, post.id AS post_id, post.title AS post_title',
        'post.title, post.id AS post_id, "user".id AS user_id, "user".name',
        '"user".id, "user".name, post.id AS post_id, post.title',
        'post.id, "user".id AS user_id, 7 AS extra',
    ],
    ids=["all labelled", "the keys", "one key", "the other key"],
)
@pytest.mark.parametrize("first", [True, False], ids=["query", "select"])
def test_columns_may_have_the_name_of_their_table_before_their_own(filled: Session, columns: str, first: bool) -> None:
    sql = text(f"SELECT {columns} {JOINED}")
    if first:
        rows = filled.query(User, Post).from_statement(sql).all()
        keys = filled.query(Post.id, User.id).from_statement(sql).all()
    else:
        rows = filled.execute(select(User, Post).from_statement(sql)).all()
        keys = filled.execute(select(Post.id, User.id).from_statement(sql)).all()
    assert [(user.name, post.title) for user, post in rows] == PAIRS
    assert keys == [(post.id, user.id) for user, post in rows]


def test_columns_may_have_the_name_of_an_alias_before_their_own(filled: Session) -> None:
    writer = aliased(User, name="writer")
    sql = text(
        'SELECT "user".id AS user_id, writer.id AS writer_id FROM "user", "user" writer WHERE writer.id > "user".id'
    )
    found = filled.query(User, writer).from_statement(sql).all()
    assert sorted((one.name, other.name) for one, other in found) == [("u0", "u1"), ("u0", "u2"), ("u1", "u2")]
    assert filled.query(writer.id).from_statement(text("SELECT 5 AS writer_id, 6 AS user_id")).all() == [(5,)]


def test_contains_eager_takes_columns_with_the_names_of_their_tables(filled: Session, statements: StatementLog) -> None:
    columns = '"user".id AS user_id, "user".name AS user_name, post.id AS post_id, post.title AS post_title'
    filled.connection()
    with statements.expect(1):
        query = (
            filled.query(User).options(contains_eager(User.posts)).from_statement(text(f"SELECT {columns} {JOINED}"))
        )
        assert [(user.name, len(user.posts)) for user in query] == [("u1", 1), ("u2", 2)]


def test_the_name_alone_counts_where_one_entity_has_it(filled: Session) -> None:
    # user_id is no key of a user here
    found = filled.query(User).from_statement(text('SELECT id, name, 99 AS user_id FROM "user" ORDER BY id')).all()
    assert [user.name for user in found] == ["u0", "u1", "u2"]
    pairs = filled.query(User, User.name).from_statement(text('SELECT id, name FROM "user" ORDER BY id')).all()
    assert [(user.name, name) for user, name in pairs] == [(f"u{n}", f"u{n}") for n in range(3)]


@pytest.mark.parametrize(
    "ask",
    [
        lambda s: s.query(User, Post).from_statement(text(f'SELECT "user".*, post.* {JOINED}')),
        lambda s: s.query(Post).from_statement(text(f'SELECT "user".*, post.* {JOINED}')),
        lambda s: s.query(User.id, Post.id).from_statement(text(f'SELECT "user".id, post.id {JOINED}')),
        lambda s: s.query(User, Post).from_statement(text(f'SELECT "user".id, post.title {JOINED}')),
        lambda s: s.query(User, aliased(User)).from_statement(text(EVERY_USER)),
    ],
    ids=["all of two", "the second of two", "two keys", "a key that is missing", "an alias"],
)
def test_a_name_that_means_several_columns_is_refused(filled: Session, ask: Any) -> None:
    with pytest.raises(InvalidRequestError, match=r"which means several; it gives .*text\(...\).columns"):
        ask(filled).all()
