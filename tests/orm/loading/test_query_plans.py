"""Plans of queries: made once for a shape and its options, free of values, the same for all threads, and printed."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    Engine,
    ForeignKey,
    InvalidRequestError,
    Mapped,
    Session,
    String,
    aliased,
    bindparam,
    column_property,
    contains_eager,
    declarative_base,
    defer,
    joinedload,
    lazyload,
    load_only,
    mapped_column,
    raiseload,
    relationship,
    select,
    selectinload,
    subqueryload,
    text,
)
from tests.orm.models import Node, Post, Tag, User
from tests.statements import StatementLog

EAGER = [joinedload, selectinload, subqueryload]


@pytest.fixture
def filled(session: Session) -> Session:
    """Four users: the first has no posts, the second one, and so on; each post has two tags."""
    tags = [Tag(label="red"), Tag(label="green")]
    for number in range(4):
        posts = [Post(title=f"{number}.{n}", tags=list(tags)) for n in range(number)]
        session.add(User(name=f"user {number}", posts=posts))
    session.commit()
    session.expunge_all()
    return session


def titles(users: list[User]) -> list[list[str]]:
    return [[post.title for post in user.posts] for user in users]


# -- one plan


@pytest.mark.parametrize("eagerly", EAGER)
def test_a_plan_is_found_again_by_the_shape_and_the_options_of_a_statement(
    filled: Session, eagerly: Callable[..., Any]
) -> None:
    def query(name: str, option: Any) -> Any:
        return filled.query(User).filter(User.name == name).options(option)

    first = filled.plan_query(query("user 1", eagerly(User.posts)))
    assert filled.plan_query(query("user 3", eagerly(User.posts))) is first
    assert filled.plan_query(query("user 3", eagerly("posts"))) is not None
    for other in (eagerly(User.posts, Post.tags), eagerly(User.posts).defer(Post.title), lazyload(User.posts)):
        assert filled.plan_query(query("user 1", other)) is not first
    assert filled.plan_query(query("user 1", eagerly(User.posts)).limit(1)) is not first


def test_the_kind_of_a_join_belongs_to_the_plan(filled: Session) -> None:
    for option, expected in (
        (joinedload(User.posts, innerjoin=True), ["user 1", "user 2", "user 3"]),
        (joinedload(User.posts), ["user 0", "user 1", "user 2", "user 3"]),
        (joinedload(User.posts, innerjoin=False), ["user 0", "user 1", "user 2", "user 3"]),
        (joinedload(User.posts, innerjoin=True), ["user 1", "user 2", "user 3"]),
    ):
        users = filled.query(User).options(option).order_by(User.id).all()
        assert [user.name for user in users] == expected
        filled.expunge_all()


# -- no values in it


@pytest.mark.parametrize("eagerly", EAGER)
def test_each_execution_has_its_own_values(filled: Session, statements: StatementLog, eagerly: Any) -> None:
    for number in (1, 3, 2, 0):
        (user,) = filled.query(User).filter(User.name == f"user {number}").options(eagerly(User.posts)).all()
        before = len(statements.events)
        assert titles([user]) == [[f"{number}.{n}" for n in range(number)]]
        assert len(statements.events) == before
        filled.expunge_all()


@pytest.mark.parametrize("eagerly", EAGER)
def test_a_limit_and_an_offset_are_values_like_others(filled: Session, eagerly: Any) -> None:
    for offset, limit in ((0, 2), (2, 2), (1, 1), (3, 5)):
        query = filled.query(User).options(eagerly(User.posts)).filter(User.id > 0).order_by(User.id)
        users = query.offset(offset).limit(limit).all()
        assert [user.name for user in users] == [f"user {n}" for n in range(4)][offset : offset + limit]
        assert titles(users) == [[f"{n}.{m}" for m in range(n)] for n in range(4)][offset : offset + limit]
        filled.expunge_all()


@pytest.mark.parametrize("eagerly", [joinedload, selectinload])
def test_named_parameters_are_given_to_each_execution(filled: Session, eagerly: Any) -> None:
    statement = select(User).where(User.name == bindparam("name")).options(eagerly(User.posts))
    for number in (2, 1):
        users = filled.scalars(statement, {"name": f"user {number}"}).all()
        assert titles(users) == [[f"{number}.{n}" for n in range(number)]]
        filled.expunge_all()


def test_values_among_the_selected_columns_are_those_of_the_statement(filled: Session) -> None:
    for factor in (10, 100):
        query = filled.query(User, (User.id * factor).label("big")).options(joinedload(User.posts)).order_by(User.id)
        for wanted in (query, query.limit(2)):
            rows = wanted.all()
            assert [row.big for row in rows] == [row.User.id * factor for row in rows]


def test_a_plan_keeps_no_object_that_a_criterion_named(filled: Session) -> None:
    author = filled.query(User).filter_by(name="user 3").one()
    query = filled.query(Post).filter(Post.author == author).options(joinedload(Post.tags), subqueryload(Post.author))
    assert [post.title for post in query] == ["3.0", "3.1", "3.2"]
    gone = weakref.ref(author)
    filled.expunge_all()
    del author, query
    gc.collect()
    assert gone() is None
    author = filled.query(User).filter_by(name="user 1").one()
    assert [post.title for post in filled.query(Post).filter(Post.author == author).options(joinedload(Post.tags))] == [
        "1.0"
    ]


# -- aliases, which are others in each statement


def test_a_new_alias_in_each_statement_is_told_by_its_place(filled: Session) -> None:
    plans = set()
    for number in (1, 2, 3):
        post, other = aliased(Post), aliased(Post)
        query = (
            filled.query(User)
            .join(post, User.posts)
            .join(other, User.posts)
            .filter(post.title == f"{number}.0", other.title == f"{number}.{number - 1}")
            .options(contains_eager(User.posts, alias=other))
        )
        plans.add(filled.plan_query(query))
        assert titles(query.all()) == [[f"{number}.{number - 1}"]]
        filled.expunge_all()
        swapped = query.options(contains_eager(User.posts, alias=post))
        assert titles(swapped.all()) == [[f"{number}.0"]]
        filled.expunge_all()
    assert len(plans) == 1


def test_aliases_of_one_class_are_loaded_with_the_options_of_the_first(filled: Session) -> None:
    for _ in range(2):
        one, two = aliased(User), aliased(User)
        query = filled.query(one, two).filter(one.id == two.id - 1).options(joinedload(one.posts)).order_by(one.id)
        assert [(a.name, b.name) for a, b in query] == [(f"user {n}", f"user {n + 1}") for n in range(3)]
        filled.expunge_all()


def test_a_class_that_refers_to_itself_is_planned_as_deep_as_the_options_go(
    session: Session, statements: StatementLog
) -> None:
    session.add(Node(name="a", children=[Node(name="b", children=[Node(name="c", children=[Node(name="d")])])]))
    session.commit()
    for _ in range(2):
        for depth in (1, 2, 3):
            session.expunge_all()
            option = joinedload(Node.children)
            for _ in range(depth - 1):
                option = option.joinedload(Node.children)
            (root,) = session.query(Node).filter_by(name="a").options(option).all()
            before, node = len(statements.events), root
            for _ in range(depth):
                (node,) = node.children
            assert len(statements.events) == before
            assert node.name == "abcd"[depth]


# -- the mapping may change


def test_what_a_class_is_given_later_is_in_the_plans_from_then_on(engine: Engine) -> None:
    base: Any = declarative_base()

    class Owner(base):
        __tablename__ = "owner"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Thing(base):
        __tablename__ = "thing"
        id: Mapped[int] = mapped_column(primary_key=True)
        owner_id: Mapped[int] = mapped_column(ForeignKey("owner.id"))

    Owner.things = relationship(Thing)
    statement = select(Owner).options(selectinload(Owner.things))
    with Session(engine) as session:
        session.execute(text("CREATE TABLE owner (id INTEGER PRIMARY KEY, name VARCHAR(10))"))
        session.execute(text("CREATE TABLE thing (id INTEGER PRIMARY KEY, owner_id INTEGER, label VARCHAR(10))"))
        session.execute(text("INSERT INTO owner VALUES (1, 'o')"))
        session.execute(text("INSERT INTO thing VALUES (1, 1, 't')"))
        (owner,) = session.scalars(select(Owner)).all()
        (owner,) = session.scalars(statement).all()
        assert "name" not in owner.__dict__
        session.expunge_all()

        Owner.name = mapped_column(String)
        Thing.label = mapped_column(String)
        Thing.shout = column_property(Thing.label + "!")
        Owner.same = relationship(Thing, lazy="joined", viewonly=True)
        for query in (select(Owner), statement):
            (owner,) = session.scalars(query).all()
            assert owner.__dict__["name"] == "o"
            (same,) = owner.__dict__["same"]
            (thing,) = owner.things
            assert same is thing
            assert thing.__dict__["label"] == "t"
            assert thing.__dict__["shout"] == "t!"
            session.expunge_all()
        base.metadata.drop_all(session.connection())


def test_parameters_of_the_mapping_itself_are_in_their_places(engine: Engine) -> None:
    base: Any = declarative_base()

    class Owner(base):
        __tablename__ = "owner"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Thing(base):
        __tablename__ = "thing"
        id: Mapped[int] = mapped_column(primary_key=True)
        owner_id: Mapped[int] = mapped_column(ForeignKey("owner.id"))
        size: Mapped[int]

    Owner.big = relationship(
        Thing, primaryjoin=(Thing.owner_id == Owner.id) & (Thing.size > 5), viewonly=True, order_by=Thing.id
    )
    Thing.bigger = column_property(Thing.size + 100)
    base.metadata.create_all(engine)
    with Session(engine) as session:
        for key in (1, 2, 3):
            session.add(Owner(id=key))
            session.flush()
            session.add_all([Thing(owner_id=key, size=size) for size in (1, key * 10)])
        session.commit()
        for eagerly in EAGER:
            for key in (3, 1):
                session.expunge_all()
                statement = select(Owner).where(Owner.id == key, Owner.id < 50).options(eagerly(Owner.big)).limit(7)
                (owner,) = session.scalars(statement).all()
                assert [(thing.size, thing.bigger) for thing in owner.big] == [(key * 10, key * 10 + 100)]
    base.metadata.drop_all(engine)


# -- runs


def test_threads_share_a_plan(filled: Session, make_session: Any) -> None:
    barrier = threading.Barrier(4)

    def work(number: int) -> list[tuple[int, list[list[str]]]]:
        found = []
        with make_session() as session:
            barrier.wait(10)
            for turn in range(20):
                wanted = (number + turn) % 4
                for option in (joinedload(User.posts).selectinload(Post.tags), selectinload(User.posts, Post.tags)):
                    query = session.query(User).filter(User.name == f"user {wanted}").options(option)
                    found.append((wanted, titles(query.all())))
                    session.expunge_all()
        return found

    with ThreadPoolExecutor(4) as threads:
        for found in threads.map(work, range(4)):
            assert all(posts == [[f"{number}.{n}" for n in range(number)]] for number, posts in found)


def test_populate_existing_and_pages_belong_to_the_run(filled: Session) -> None:
    query = filled.query(User).options(joinedload(User.posts)).order_by(User.id)
    users = query.all()
    users[3].posts[0].title = "changed"
    with filled.no_autoflush:
        assert titles(query.all())[3][0] == "changed"
        assert titles(query.populate_existing().all())[3][0] == "3.0"
        assert titles(query.all())[3][0] == "3.0"
    filled.expunge_all()
    assert titles(list(query.yield_per(3))) == [[f"{n}.{m}" for m in range(n)] for n in range(4)]


def test_objects_that_were_expired_are_filled_by_a_plan_that_was_used_before(filled: Session) -> None:
    query = filled.query(User).options(joinedload(User.posts), defer(User.email)).order_by(User.id)
    users = query.all()
    filled.expire_all()
    assert titles(query.all()) == [[f"{n}.{m}" for m in range(n)] for n in range(4)]
    assert all("name" in user.__dict__ and "email" not in user.__dict__ for user in users)


def test_one_object_in_many_rows_of_a_join_is_made_once(filled: Session) -> None:
    user = filled.query(User).filter_by(name="user 3").one()
    filled.add_all([Post(title=f"more {number}", author=user, tags=[]) for number in range(100)])
    filled.commit()
    filled.expunge_all()
    for option in (joinedload(Post.author), joinedload(Post.author).joinedload(User.posts)):
        posts = filled.query(Post).options(option).order_by(Post.id).all()
        assert len(posts) == 106
        assert [post.author.name for post in posts[-100:]] == ["user 3"] * 100
        assert len(posts[-1].author.posts) == 103
        filled.expunge_all()
    rows = filled.query(Post, User).outerjoin(User, (User.id == Post.author_id) & (User.name != "user 3")).all()
    assert sorted(user.name if user is not None else "" for _, user in rows) == [""] * 103 + ["user 1"] + ["user 2"] * 2


# -- to look at


def test_a_plan_prints_what_is_sent_and_what_follows(filled: Session) -> None:
    option = joinedload(User.posts).selectinload(Post.tags).defer(Tag.label)
    plan = filled.plan_query(select(User).options(option, load_only(User.name)))
    sent, *lines = str(plan).splitlines()
    assert sent == plan.sql
    assert "LEFT OUTER JOIN" in sent
    assert lines == [
        "  User: columns 0 to 1 (id, name)",
        "    posts, joined, a Post: columns 2 to 4 (id, author_id, title)",
        "      then tags, selectin: SELECT of Tag by the keys of these objects",
        "        label: deferred",
    ]
    columns = filled.query(User.name, Post).join(User.posts).options(raiseload("*"))
    assert str(filled.plan_query(columns)).splitlines()[1:] == [
        "  name: column 0",
        "  Post: columns 1 to 3 (id, author_id, title)",
    ]
    assert "by the query as a subquery" in str(filled.plan_query(select(User).options(subqueryload(User.posts))))


def test_a_plan_is_made_without_sending_anything(filled: Session, statements: StatementLog) -> None:
    before = len(statements.events)
    filled.add(User(name="pending"))
    filled.plan_query(filled.query(User).options(joinedload(User.posts)))
    assert len(statements.events) == before


def test_what_has_no_plan_is_refused(filled: Session) -> None:
    for wrong in (text("SELECT 1"), "SELECT 1", User, None, select(User.__table__.c.id)):
        with pytest.raises(ArgumentError, match=r"plan_query\(\) takes a query, or a SELECT of mapped classes"):
            filled.plan_query(wrong)  # type: ignore[arg-type]
    with pytest.raises(InvalidRequestError, match=r"plan_query\(\) has to know the columns"):
        filled.plan_query(filled.query(User).from_statement(text("SELECT * FROM post")))
    given = text('SELECT id, name FROM "user"').columns(User.id, User.name)
    assert "columns 0 to 1 (id, name)" in str(filled.plan_query(filled.query(User).from_statement(given)))
