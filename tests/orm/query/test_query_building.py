"""Queries step by step: aliases, joins in every form, subqueries, unions, CTEs, windows."""

from __future__ import annotations

from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    CompileError,
    InvalidRequestError,
    Session,
    aliased,
    bindparam,
    case,
    contains_eager,
    exists,
    func,
    join,
    joinedload,
    literal,
    literal_column,
    outerjoin,
    select,
    tuple_,
    union,
)
from tests.orm.models import Node, Post, Tag, User
from tests.statements import StatementLog


@pytest.fixture
def filled(session: Session) -> Session:
    """Three users, user n with n posts; each post has the tag of its number; a tree of nodes."""
    tags = [Tag(label=f"t{n}") for n in range(3)]
    session.add_all(tags)
    for n in range(3):
        posts = [Post(title=f"p{n}.{m}", tags=[tags[m]]) for m in range(n)]
        session.add(User(name=f"u{n}", email=None if n == 0 else f"u{n}@x", posts=posts))
    session.add(
        Node(name="root", children=[Node(name="a", children=[Node(name="a1"), Node(name="a2")]), Node(name="b")])
    )
    session.commit()
    return session


def names(query: Any) -> list[Any]:
    return [item.name for item in query]


# -- aliases


def test_a_class_stands_twice_in_a_query_under_an_alias(filled: Session) -> None:
    parent = aliased(Node, name="parent")
    query = filled.query(Node.name, parent.name).join(parent, Node.parent_id == parent.id).order_by(Node.name)
    assert query.all() == [("a", "root"), ("a1", "a"), ("a2", "a"), ("b", "root")]
    row = filled.query(Node, parent).join(parent, Node.parent).filter(Node.name == "a1").one()
    assert (row.Node.name, row.parent.name) == ("a1", "a")
    assert row.parent is filled.query(Node).filter_by(name="a").one()


def test_an_alias_has_the_relationships_of_its_class(filled: Session) -> None:
    one, two = aliased(User), aliased(Post)
    assert names(filled.query(one).join(one.posts).filter(Post.title == "p1.0")) == ["u1"]
    assert names(filled.query(one).join(one.posts.of_type(two)).filter(two.title == "p2.1")) == ["u2"]
    assert names(filled.query(one).join(two, one.posts).filter_by(title="p2.1")) == ["u2"]
    assert names(filled.query(one).filter(one.posts.any(title="p2.0"))) == ["u2"]
    u1 = filled.query(User).filter_by(name="u1").one()
    assert filled.query(two).filter(two.author == u1).one().title == "p1.0"
    assert filled.query(two).filter(two.author.has(User.name == "u1")).one().title == "p1.0"
    assert filled.query(two).filter(two.author != u1).count() == 2
    child = aliased(Node)
    assert names(filled.query(child).filter(child.parent.has(name="a")).order_by(child.name)) == ["a1", "a2"]
    assert names(filled.query(child).filter(child.children.any(Node.name == "a1"))) == ["a"]
    assert names(filled.query(child).filter(child.parent == None)) == ["root"]  # noqa: E711
    post = u1.posts[0]
    assert filled.query(one).filter(one.posts.contains(post)).one() is u1


def test_an_alias_of_a_subquery_gives_objects(filled: Session) -> None:
    inner = select(User).where(User.name != "u1").subquery()
    some = aliased(User, inner)
    found = filled.query(some).order_by(some.name.desc()).all()
    assert names(found) == ["u2", "u0"]
    assert found[0] is filled.query(User).filter_by(name="u2").one()
    assert filled.scalars(select(some).where(some.name == "u0")).one().name == "u0"
    with pytest.raises(ArgumentError, match="has no column for name, email"):
        aliased(User, select(Post.id).subquery())


def test_an_alias_of_a_subquery_may_lack_what_no_statement_names(filled: Session) -> None:
    few = aliased(User, select(User.id, User.name).where(User.name != "u1").subquery())
    filled.expunge_all()
    found = filled.scalars(select(few).order_by(few.name)).all()
    assert [(user.name, user.email) for user in found] == [("u0", None), ("u2", "u2@x")]
    assert filled.execute(select(few.name, Post.title).join(few.posts).where(Post.title == "p2.1")).one() == (
        "u2",
        "p2.1",
    )
    keys = aliased(Post, select(Post.id).subquery())
    for use in (
        lambda: select(few.email), lambda: select(few).where(few.email == "x"), lambda: select(few).order_by(few.email),
        lambda: select(few).filter_by(email="x"), lambda: select(keys).join(keys.author), lambda: select(few).join(few.posts.of_type(keys)),
        lambda: select(keys).where(keys.author.has(User.name == "u2")),
    ):  # fmt: skip
        with pytest.raises(ArgumentError, match=r"has no column for table '.*Select that column in it as well"):
            filled.execute(use())


def test_an_alias_says_what_it_lacks(filled: Session) -> None:
    alias = aliased(User, name="someone")
    with pytest.raises(AttributeError, match=r"User has no attribute 'nmae'\. Did you mean 'name'"):
        alias.nmae
    with pytest.raises(ArgumentError, match="is no alias of that class"):
        User.posts.of_type(aliased(Tag))
    assert repr(alias) == "<alias 'someone' of User>"
    assert filled.query(alias).filter_by(name="u0").one().name == "u0"
    with pytest.raises(InvalidRequestError, match="Did you mean 'name'"):
        filled.query(alias).filter_by(nmae="u0")


def test_rows_of_a_class_and_of_its_columns_are_not_mixed_up(filled: Session) -> None:
    # both statements have one SQL text; the compiled one is kept under its shape
    alias = aliased(Tag, name="x")
    plain = Tag.__table__.alias("x")
    assert filled.query(alias).order_by(alias.id).first().label == "t0"
    assert filled.query(plain.c.id, plain.c.label).order_by(plain.c.id).first() == (1, "t0")
    assert filled.query(alias).order_by(alias.id).first().label == "t0"


def test_contains_eager_takes_a_relationship_from_an_alias(filled: Session, statements: StatementLog) -> None:
    post = aliased(Post)
    query = filled.query(User).join(User.posts.of_type(post)).options(contains_eager(User.posts, alias=post))
    with statements.expect(1):
        found = query.filter(post.title == "p2.1").one()
        assert [p.title for p in found.posts] == ["p2.1"]


def test_eager_loading_of_an_alias(filled: Session, statements: StatementLog) -> None:
    user = aliased(User)
    with statements.expect(1):
        found = filled.query(user).options(joinedload(user.posts)).filter(user.name == "u2").one()
        assert len(found.posts) == 2


# -- joins


def test_every_form_of_join_means_the_same(filled: Session) -> None:
    query = filled.query(User)
    for joined in (
        query.join(User.posts),
        query.join("posts"),
        query.join(Post, Post.author_id == User.id),
        query.join(Post, User.posts),
        query.join((Post, Post.author_id == User.id)),
        query.join(Post, "posts"),
        query.join(Post),
        query.join(Post.__table__, Post.author_id == User.id),
        query.join(Post, onclause=Post.author_id == User.id),
        query.select_from(join(User, Post, User.posts)),
        query.select_from(join(User, Post, "posts")),
        query.select_from(join(User, Post)),
        query.select_from(join(User.__table__, Post.__table__)),
    ):
        assert names(joined.filter(Post.title == "p2.1")) == ["u2"]
    assert filled.query(User).select_from(outerjoin(User, Post, User.posts)).count() == 4
    assert filled.query(User).outerjoin(User.posts).count() == 4


def test_joins_follow_paths(filled: Session) -> None:
    for joined in (
        filled.query(User).join(User.posts, Post.tags),
        filled.query(User).join("posts", "tags"),
        filled.query(User).join("posts.tags"),
        filled.query(User).join(User.posts).join(Post.tags),
    ):
        assert names(joined.filter(Tag.label == "t1")) == ["u2"]
    through = filled.query(User).select_from(join(join(User, Post, User.posts), Tag, Post.tags))
    assert names(through.filter(Tag.label == "t1")) == ["u2"]


def test_filter_by_is_about_what_was_joined_last(filled: Session) -> None:
    assert names(filled.query(User).join(User.posts).filter_by(title="p2.0")) == ["u2"]
    assert names(filled.scalars(select(User).join(User.posts).filter_by(title="p2.0"))) == ["u2"]
    assert names(filled.query(User).join(User.posts).reset_joinpoint().filter_by(name="u1")) == ["u1"]
    assert names(filled.query(User).filter_by(name="u2").join(User.posts).filter_by(title="p2.0")) == ["u2"]


def test_aliased_joins_of_a_tree_are_told_apart(filled: Session) -> None:
    query = filled.query(Node).filter_by(name="root").join(Node.children, aliased=True).filter(Node.name == "a")
    query = query.join(Node.children, aliased=True, from_joinpoint=True).filter_by(name="a2")
    assert names(query) == ["root"]
    assert names(query.reset_joinpoint().filter(Node.name == "root")) == ["root"]
    both = filled.query(Node).join(Node.children, aliased=True).filter_by(name="a1")
    both = both.join(Node.children, aliased=True).filter_by(name="a2")
    assert names(both) == ["a"]


def test_joins_that_cannot_be_made_are_explained(filled: Session) -> None:
    with pytest.raises(InvalidRequestError, match="User has no mapped attribute 'post'"):
        filled.query(User).join("post")
    with pytest.raises(ArgumentError, match="got nothing"):
        filled.query(User).join()
    with pytest.raises(ArgumentError, match="no mapped class that the name could belong to"):
        filled.query(func.count()).join("posts")
    with pytest.raises(InvalidRequestError, match="no foreign key connects them"):
        filled.query(User).join(Tag)
    with pytest.raises(ArgumentError, match="takes relationships and mapped classes"):
        filled.query(User).join(Post.__table__, aliased=True)


# -- subqueries


def test_criteria_over_relationships_do_not_mix_with_the_joins_of_the_query(filled: Session) -> None:
    # the joined post and the post of the EXISTS are two; so are the tags and their secondary table
    query = filled.query(User).join(User.posts).filter(Post.title == "p2.0", User.posts.any(Post.title == "p2.1"))
    assert names(query) == ["u2"]
    tagged = filled.query(Post).join(Post.tags).filter(Tag.label == "t0", Post.tags.any(Tag.label == "t0"))
    assert [post.title for post in tagged.order_by(Post.id)] == ["p1.0", "p2.0"]
    other = filled.query(User, Tag).filter(User.posts.any(Post.title == literal("p1.") + func.substr(Tag.label, 2)))
    assert [(user.name, tag.label) for user, tag in other] == [("u1", "t0")]


def test_a_subquery_of_one_column_is_a_value(filled: Session) -> None:
    one = filled.query(User.id).filter(User.name == "u2").subquery()
    for condition in (User.id == one, User.id.in_(one), User.id.in_([one]), User.id >= one):
        assert names(filled.query(User).filter(condition)) == ["u2"]
    assert names(filled.scalars(select(User).where(User.id == select(User.id).where(User.name == "u2").alias()))) == [
        "u2"
    ]
    assert names(filled.query(User).filter(User.id != filled.query(User.id).filter_by(name="u2").cte())) == ["u0", "u1"]
    authors = filled.query(Post.author_id).join(Post.author).filter(User.name == "u1").subquery()
    assert names(filled.query(User).filter(User.id == authors)) == ["u1"], "it takes nothing over from around it"
    assert filled.query(func.coalesce(one, 0) == 0).scalar() is False
    assert (
        filled.query(User)
        .filter(User.name == "u1")
        .update({"email": filled.query(User.name).filter_by(id=one).subquery()})
        == 1
    )
    assert filled.query(User.email).filter_by(name="u1").scalar() == "u2"
    two = filled.query(User.id, User.name).subquery()
    assert filled.query(User).filter(tuple_(User.id, User.name).in_(two)).count() == 3
    with pytest.raises(ArgumentError, match="subquery of one column will do"):
        filled.query(User).filter(User.id == two)
    with pytest.raises(ArgumentError, match="cannot be used as a column or a value"):
        filled.query(User).filter(User.id == User.__table__)
    tree = select(Node.id).where(Node.name == "root").cte("tree", recursive=True)
    with pytest.raises(ArgumentError, match="recursive and cannot be used as a value"):
        filled.query(Node).filter(Node.id == tree)


def test_the_columns_of_a_subquery_may_be_called_by_their_tables(filled: Session) -> None:
    post = aliased(Post, name="p")
    other = aliased(Post)
    query = filled.query(User, Post.title, post.title, other.title, func.count().label("n")).with_labels()
    assert query.subquery().c.keys() == [
        "user_id", "user_name", "user_email", "post_title", "p_title", "post_title_1", "n",
    ]  # fmt: skip
    inner = filled.query(User).filter(User.name == "u2").with_labels().subquery()
    assert filled.query(inner.c.user_name).all() == [("u2",)]
    cte = filled.query(User, Post).join(User.posts).with_labels().cte()
    rows = filled.query(cte.c.user_name, cte.c.post_title).order_by(cte.c.post_title).all()
    assert rows == [("u1", "p1.0"), ("u2", "p2.0"), ("u2", "p2.1")]
    assert filled.query(User).with_labels().filter_by(name="u1").one().name == "u1"


def test_an_entity_is_added_under_an_alias_of_its_table(filled: Session) -> None:
    posts = Post.__table__.alias("p")
    query = filled.query(User).add_entity(Post, alias=posts).filter(posts.c.author_id == User.id)
    assert sorted((user.name, post.title) for user, post in query) == [("u1", "p1.0"), ("u2", "p2.0"), ("u2", "p2.1")]
    first = filled.query(Post).order_by(Post.title).limit(1).subquery()
    rows = filled.query(User.name).add_entity(Post, alias=first).filter(first.c.author_id == User.id)
    assert [(name, post.title) for name, post in rows] == [("u1", "p1.0")]
    post = aliased(Post)
    rows = filled.query(User.name).add_entity(Post, alias=post).join(post, User.posts).filter(post.title == "p2.1")
    assert [(name, post.title) for name, post in rows] == [("u2", "p2.1")]
    with pytest.raises(ArgumentError, match="has no column for"):
        filled.query(User).add_entity(Post, alias=Tag.__table__.alias())
    with pytest.raises(ArgumentError, match="takes a mapped class or an alias"):
        filled.query(User).add_entity(Post.__table__)


def test_a_subquery_is_correlated_as_it_is_told(filled: Session) -> None:
    count = select(func.count(Post.id)).where(Post.author_id == User.id).correlate(User).scalar_subquery()
    assert filled.query(User.name, count).order_by(User.name).all() == [("u0", 0), ("u1", 1), ("u2", 2)]
    total = select(func.count(User.id)).correlate(None).scalar_subquery()
    assert filled.query(User.name, total).order_by(User.name).first() == ("u0", 3)
    newest = filled.query(func.max(Post.id)).filter(Post.author_id == User.id).correlate(User).as_scalar()
    assert filled.query(Post.title).join(Post.author).filter(Post.id == newest).order_by(Post.id).all() == [
        ("p1.0",),
        ("p2.1",),
    ]
    alone = select(Post.id).where(Post.author_id == User.id).correlate_except(Post)
    assert names(filled.query(User).filter(exists(alone)).order_by(User.id)) == ["u1", "u2"]
    with pytest.raises(CompileError, match="none of its own"):
        filled.query(User).filter(User.id.in_(select(User.id).correlate(User))).all()


def test_from_self_makes_the_query_a_subquery(filled: Session) -> None:
    last = filled.query(User).order_by(User.id.desc()).limit(2).from_self()
    assert names(last.order_by(User.name)) == ["u1", "u2"]
    assert names(last.filter(User.name != "u1")) == ["u2"]
    assert last.filter_by(name="u0").first() is None
    assert last.join(User.posts).filter(Post.title == "p2.1").one().name == "u2"
    assert names(last.filter(User.posts.any(title="p1.0"))) == ["u1"]
    assert last.count() == 2
    assert last.from_self(func.count(User.id)).scalar() == 2
    assert last.with_entities(User.name).order_by(User.name).all() == [("u1",), ("u2",)]
    assert last.add_columns(User.email).order_by(User.id).first().email == "u1@x"
    again = last.filter(User.name == "u2").from_self().filter(User.email == "u2@x")
    assert names(again) == ["u2"]
    rows = filled.query(User, Post.title).join(User.posts).from_self().filter(Post.title == "p2.0").one()
    assert (rows.User.name, rows.title) == ("u2", "p2.0")
    eager = filled.query(User).limit(5).from_self().options(joinedload(User.posts)).order_by(User.id)
    assert [len(user.posts) for user in eager] == [0, 1, 2]
    with pytest.raises(InvalidRequestError, match="'email' is not among the columns of the inner query"):
        filled.query(User.name).from_self().filter(User.email == "x").all()


def test_unions_of_queries_are_queries(filled: Session) -> None:
    one, two = filled.query(User).filter_by(name="u1"), filled.query(User).filter(User.name > "u0")
    assert names(one.union(two).order_by(User.name)) == ["u1", "u2"]
    assert names(one.union_all(two).order_by(User.name)) == ["u1", "u2"]
    assert one.union_all(two).count() == 3
    assert names(two.intersect(one)) == ["u1"]
    assert names(two.except_(one)) == ["u2"]
    assert names(one.union(two).filter(User.name == "u2")) == ["u2"]
    assert one.union(two, filled.query(User).filter_by(name="u0")).count() == 3
    assert one.union(two).join(User.posts).filter(Post.title == "p1.0").one().name == "u1"
    columns = filled.query(User.name).filter_by(name="u1").union(filled.query(Tag.label).filter_by(label="t0"))
    assert sorted(columns) == [("t0",), ("u1",)]
    limited = filled.query(User).order_by(User.id).limit(1).union(filled.query(User).order_by(User.id.desc()).limit(1))
    assert names(limited.order_by(User.id)) == ["u0", "u2"]
    both = union(select(User).where(User.name == "u0"), select(User).where(User.name == "u2")).order_by("name")
    assert names(filled.scalars(both)) == ["u0", "u2"]
    with pytest.raises(ArgumentError, match="one number of columns"):
        one.union(filled.query(User.id))
    with pytest.raises(ArgumentError, match="a SELECT was expected"):
        union(select(User), User)


def test_union_all_counts_and_intersect_all_are_written_where_they_exist(filled: Session, database: str) -> None:
    query = filled.query(User.name).filter(User.name == "u1")
    doubled = query.union_all(query)
    if database == "postgresql":
        assert doubled.intersect_all(query).all() == [("u1",)]
        assert doubled.except_all(query).all() == [("u1",)]


def test_common_table_expressions(filled: Session) -> None:
    busy = filled.query(Post.author_id, func.count().label("posts")).group_by(Post.author_id).cte("busy")
    rows = filled.query(User.name, busy.c.posts).join(busy, busy.c.author_id == User.id).order_by(User.name)
    assert rows.all() == [("u1", 1), ("u2", 2)]
    some = aliased(User, select(User).where(User.name > "u0").cte("some"))
    assert names(filled.query(some).order_by(some.id)) == ["u1", "u2"]


def test_recursive_common_table_expressions(filled: Session) -> None:
    below = (
        filled.query(Node.id, Node.name, literal_column("0").label("depth")).filter(Node.name == "a").cte("below", True)
    )
    child = aliased(Node)
    below = below.union_all(select(child.id, child.name, below.c.depth + 1).where(child.parent_id == below.c.id))
    assert filled.query(below.c.name, below.c.depth).order_by(below.c.name).all() == [("a", 0), ("a1", 1), ("a2", 1)]
    members = filled.query(Node).filter(Node.id.in_(select(below.c.id)), Node.name != "a").order_by(Node.id)
    assert names(members) == ["a1", "a2"]


# -- columns


def test_window_functions(filled: Session) -> None:
    number = func.row_number().over(partition_by=Post.author_id, order_by=Post.id.desc())
    inner = filled.query(Post.title, number.label("n")).subquery()
    newest = filled.query(inner.c.title).filter(inner.c.n == 1).order_by(inner.c.title)
    assert newest.all() == [("p1.0",), ("p2.1",)]
    running = func.sum(Post.id).over(order_by=Post.id, rows=(None, 0))
    assert [total for (total,) in filled.query(running).order_by(Post.id)] == [1, 3, 6]
    around = func.sum(Post.id).over(order_by=[Post.id], rows=(-1, 1))
    assert [total for (total,) in filled.query(around).order_by(Post.id)] == [3, 6, 5]
    others = func.sum(Post.id).over(order_by=Post.id, rows=(None, None), exclude="CURRENT ROW")
    assert [total for (total,) in filled.query(others).order_by(Post.id)] == [5, 4, 3]
    before = func.lag(Post.title).over(order_by=Post.id)
    assert [title for (title,) in filled.query(before).order_by(Post.id)] == [None, "p1.0", "p2.0"]
    mean = func.avg(Post.id).over(range_=(None, None))
    assert filled.query(mean).distinct().all() == [(2.0,)]
    assert filled.query(func.rank().over(order_by=Post.author_id)).order_by(Post.id).all() == [(1,), (2,), (2,)]


def test_aggregates_are_filtered_and_ordered(filled: Session, database: str) -> None:
    late = func.count(Post.id).filter(Post.title > "p2", Post.title != "p2.1")
    assert filled.query(late).scalar() == 1
    share = func.avg(Post.id).filter(Post.id > 1).over()
    assert filled.query(share).distinct().scalar() == 2.5
    middle = func.percentile_cont(0.5).within_group(Post.id)
    if database == "postgresql":
        assert filled.query(middle).scalar() == 2
    else:
        with pytest.raises(CompileError, match="WITHIN GROUP"):
            filled.query(middle).all()


def test_a_malformed_window_is_refused() -> None:
    for frame in (1, (1,), ("a", 1), (2, 1), (True, None)):
        with pytest.raises(ArgumentError, match="frame"):
            func.count().over(rows=frame)
    with pytest.raises(ArgumentError, match="one of rows, range_ and groups"):
        func.count().over(rows=(0, 1), groups=(0, 1))
    with pytest.raises(ArgumentError, match="'CURRENT ROW', 'GROUP'"):
        func.count().over(rows=(0, 1), exclude="this row")
    with pytest.raises(ArgumentError, match="say which frame"):
        func.count().over(exclude="GROUP")


def test_other_columns_than_before(filled: Session) -> None:
    query = filled.query(User).filter(User.name > "u0").order_by(User.name)
    assert query.with_entities(User.name, User.email).all() == [("u1", "u1@x"), ("u2", "u2@x")]
    assert list(query.values(User.name)) == [("u1",), ("u2",)]
    assert query.value(User.name) == "u1"
    assert query.filter_by(name="none").value(User.name) is None
    row = query.add_columns(User.name, func.length(User.name).label("width")).first()
    assert (row.User.name, row.name, row.width) == ("u1", "u1", 2)
    assert query.add_column(User.email).first().email == "u1@x"
    pair = query.add_entity(Post).filter(Post.author_id == User.id, Post.title == "p2.0").one()
    assert (pair.User.name, pair.Post.title) == ("u2", "p2.0")
    with pytest.raises(ArgumentError, match="add_entity"):
        query.add_entity("Post")


def test_row_values_are_compared_and_looked_up(filled: Session) -> None:
    pairs = filled.query(Post.title).filter(
        tuple_(Post.author_id, Post.title).in_([(2, "p1.0"), (3, "p2.1"), (9, "x")])
    )
    assert pairs.order_by(Post.id).all() == [("p1.0",), ("p2.1",)]
    subquery = select(Post.author_id, Post.title).where(Post.title == "p2.0")
    assert filled.query(Post.title).filter(tuple_(Post.author_id, Post.title).in_(subquery)).all() == [("p2.0",)]
    after = filled.query(Post.title).filter(tuple_(Post.author_id, Post.title) > (3, "p2.0"))
    assert after.all() == [("p2.1",)]
    with pytest.raises(ArgumentError, match="a row of 2 columns"):
        _ = tuple_(Post.author_id, Post.title) == (1,)


def test_named_parameters_are_given_to_the_query(filled: Session) -> None:
    query = filled.query(User).filter(User.name == bindparam("who"))
    assert query.params(who="u1").one().name == "u1"
    assert query.params({"who": "u2"}).count() == 1
    with pytest.raises(InvalidRequestError, match=":who"):
        query.all()


def test_with_parent_finds_what_a_relationship_leads_to(filled: Session) -> None:
    u2 = filled.query(User).filter_by(name="u2").one()
    assert filled.query(Post).with_parent(u2).count() == 2
    assert filled.query(Post).with_parent(u2, User.posts).filter_by(title="p2.0").one().title == "p2.0"
    post = u2.posts[1]
    assert [tag.label for tag in filled.query(Tag).with_parent(post, "tags")] == ["t1"]
    root = filled.query(Node).filter_by(name="root").one()
    assert names(filled.query(Node).with_parent(root, Node.children).order_by(Node.name)) == ["a", "b"]
    with pytest.raises(InvalidRequestError, match="none leads from User"):
        filled.query(Tag).with_parent(u2)
    with pytest.raises(InvalidRequestError, match="without a primary key"):
        filled.query(Post).with_parent(User()).all()


def test_grouping_having_and_case(filled: Session) -> None:
    kind = case((User.email.is_(None), "none"), else_="some").label("kind")
    rows = filled.query(kind, func.count()).group_by(kind).having(func.count() > 1).all()
    assert rows == [("some", 2)]
    authors = filled.query(Post.author_id).group_by(Post.author_id).having(func.count(Post.id) == 2)
    assert authors.scalar() == filled.query(User.id).filter_by(name="u2").scalar()


def test_a_join_that_begins_outside_of_the_query_is_refused(filled: Session) -> None:
    other = aliased(User)
    with pytest.raises(InvalidRequestError, match=r"neither is in the statement.*select_from"):
        filled.query(User).join(other, Post.author)
    with pytest.raises(InvalidRequestError, match="neither is in the statement"):
        filled.query(User).join(Post.tags)
    posts = filled.query(Post).count()
    assert filled.query(Tag).join(Post.tags).distinct().count() > 0
    assert filled.query(func.count()).select_from(Post).join(other, Post.author).scalar() == posts
