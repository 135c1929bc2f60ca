"""What contains_eager() takes from the query's own joins, beside collections that are joined for loading, under limits."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_uow import Engine, InvalidRequestError, Session, aliased, contains_eager, join, joinedload, select
from tests.orm.models import Base, Node, Post, Profile, Tag, User
from tests.statements import StatementLog

writer, written, tagged = aliased(User), aliased(Post), aliased(Tag)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    authors=st.lists(st.integers(0, 2), min_size=1, max_size=8),
    tags=st.lists(st.sets(st.integers(0, 2)), min_size=8, max_size=8),
    limit=st.none() | st.integers(1, 5),
    offset=st.none() | st.integers(0, 4),
    is_distinct=st.booleans(),
    is_query=st.booleans(),
    target=st.sampled_from([User, writer]),
    further=st.booleans(),
)
def test_contained_objects_are_those_of_their_rows(
    engine: Engine, authors: list[int], tags: list[set[int]], limit: Any, offset: Any, is_distinct: bool, is_query: bool,
    target: Any, further: bool,
) -> None:  # fmt: skip
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        labels = [Tag(label=str(n)) for n in range(3)]
        users = [User(name=f"u{n}", profile=Profile(text=str(n))) for n in range(3)]
        session.add_all([*labels, *users])
        session.flush()
        for number, author in enumerate(authors):
            session.add(Post(title=f"p{number}", author=users[author], tags=[labels[n] for n in sorted(tags[number])]))
            session.flush()
        session.commit()
    expected = [(f"p{n}", f"u{author}", sorted(map(str, tags[n]))) for n, author in enumerate(authors)]
    start = offset or 0
    expected = expected[start : None if limit is None else start + limit]
    contained = contains_eager(Post.author.of_type(target))
    options = [joinedload(Post.tags), contained.joinedload(User.profile) if further else contained]
    with Session(engine) as session:
        statement: Any = session.query(Post) if is_query else select(Post)
        statement = statement.join(Post.author.of_type(target)).options(*options).order_by(Post.id)
        statement = statement.distinct() if is_distinct else statement
        statement = statement.limit(limit) if limit is not None else statement
        statement = statement.offset(offset) if offset is not None else statement
        found = statement.all() if is_query else session.scalars(statement).unique().all()
        for post in found:
            assert {"author", "tags"} <= vars(post).keys()
            assert not further or vars(post.author)["profile"].text == post.author.name[1:]
        assert [(p.title, p.author.name, sorted(tag.label for tag in p.tags)) for p in found] == expected


@pytest.fixture
def filled(session: Session) -> Session:
    """Three users, each with the posts p0, p1 and p2, which have the tags t0, t1 and t2."""
    tags = [Tag(label=f"t{n}") for n in range(3)]
    session.add_all(User(name=f"u{n}", posts=[Post(title=f"p{m}", tags=[tags[m]]) for m in range(3)]) for n in range(3))
    session.add(Node(name="root", children=[Node(name="a", children=[Node(name="a1")]), Node(name="b")]))
    session.commit()
    session.expunge_all()
    return session


def found(users: Any) -> list[Any]:
    return [(u.name, [(p.title, [t.label for t in vars(p)["tags"]]) for p in vars(u)["posts"]]) for u in users]


def test_a_collection_below_what_is_contained_is_joined_around_the_limit(
    filled: Session, statements: StatementLog
) -> None:
    filled.connection()
    for far in (Post, written):
        with statements.expect(1):
            query = filled.query(User).join(User.posts.of_type(far)).order_by(User.id, far.title)
            contained = contains_eager(User.posts.of_type(far))
            users = query.options(contained.joinedload(Post.tags)).limit(2).all()
            assert found(users) == [("u0", [("p0", ["t0"]), ("p1", ["t1"])])]
        filled.expunge_all()


def test_what_is_contained_twice_down_stays_with_its_rows(filled: Session) -> None:
    down, further = aliased(Node), aliased(Node)
    query = filled.query(Node).join(Node.children.of_type(down)).outerjoin(down.children.of_type(further))
    contained = contains_eager(Node.children.of_type(down)).contains_eager(down.children.of_type(further))
    nodes = query.options(contained, joinedload(Node.parent)).order_by(Node.id, down.id).limit(2).all()
    children = {node.name: [child.name for child in vars(node)["children"]] for node in nodes}
    assert children == {"root": ["a", "b"]}
    assert [child.name for child in vars(nodes[0].children[0])["children"]] == ["a1"]


NOT_JOINED: dict[str, Any] = {
    "nothing": lambda s, option: s.query(User).options(option),
    "an alias": lambda s, option: s.query(User).join(written, User.posts).options(option),
    "within from_self": lambda s, option: s.query(User).join(User.posts).from_self().options(option),
    "within a union": lambda s, option: s.query(User).join(User.posts).union(s.query(User)).options(option),
    "in a subquery": lambda s, option: s.query(User).filter(User.posts.any()).options(option),
}


@pytest.mark.parametrize("case", NOT_JOINED)
def test_what_the_query_has_not_joined_is_not_contained(filled: Session, case: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"contains_eager\(User.posts\): table 'post' is not in the FROM"):
        NOT_JOINED[case](filled, contains_eager(User.posts)).all()
    with pytest.raises(InvalidRequestError, match="an alias of table 'post' is not in the FROM"):
        filled.query(User).join(User.posts).options(contains_eager(User.posts, alias=aliased(Post))).all()


def test_tables_that_criteria_bring_in_are_contained(filled: Session) -> None:
    by_criteria = (
        filled.query(User).filter(Post.author_id == User.id, Post.title == "p1").options(contains_eager(User.posts))
    )
    assert [[post.title for post in vars(user)["posts"]] for user in by_criteria] == [["p1"]] * 3


@pytest.mark.parametrize("first", [True, False])
def test_an_alias_on_the_way_to_another_is_kept(filled: Session, first: bool) -> None:
    query = filled.query(User).outerjoin(written, User.posts).outerjoin(tagged, written.tags)
    options = [contains_eager(User.posts, alias=written), contains_eager(User.posts, Post.tags, alias=tagged)]
    query = query.options(*(options if first else reversed(options))).order_by(User.id, written.title)
    assert found(query) == [(f"u{n}", [(f"p{m}", [f"t{m}"]) for m in range(3)]) for n in range(3)]


def test_contained_objects_are_taken_from_their_columns_of_a_subquery_of_several(filled: Session) -> None:
    both = select(User.__table__, Post.__table__).select_from(join(User, Post, User.posts)).subquery()
    alias = aliased(User, both)
    query = filled.query(alias).options(contains_eager(alias.posts, alias=both)).order_by(both.c.title, alias.id)
    users = query.all()
    assert [(u.name, [p.title for p in vars(u)["posts"]]) for u in users] == [
        (f"u{n}", ["p0", "p1", "p2"]) for n in range(3)
    ]
    assert all(post.author_id == user.id for user in users for post in user.posts)
    assert {post.id for user in users for post in user.posts} == set(filled.scalars(select(Post.id)))
