"""Query and select: the same compiler, the same objects."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    Column,
    Engine,
    Integer,
    InvalidRequestError,
    MetaData,
    MultipleResultsFound,
    NoResultFound,
    Query,
    Registry,
    Session,
    Table,
    composite,
    exists,
    func,
    literal,
    mapper,
    relationship,
    select,
    text,
)
from flask_uow.orm.exc import UnmappedClassError
from tests.orm.models import Node, Place, Post, Tag, User
from tests.statements import StatementLog


@pytest.fixture
def filled(session: Session) -> Session:
    """A Session with three users; user n has n posts."""
    session.add_all(
        User(name=f"u{n}", email=None if n == 0 else f"u{n}@x", posts=[Post(title=f"p{n}.{m}") for m in range(n)])
        for n in range(3)
    )
    session.commit()
    return session


def test_filters_orders_limits_and_slices(filled: Session) -> None:
    query = filled.query(User).order_by(User.name.desc())
    assert [u.name for u in query] == ["u2", "u1", "u0"]
    assert [u.name for u in query.filter(User.name > "u0", User.email.is_not(None))] == ["u2", "u1"]
    assert [u.name for u in query.limit(1).offset(1)] == ["u1"]
    assert [u.name for u in query[1:3]] == ["u1", "u0"]
    assert query[0].name == "u2"
    assert query[-1].name == "u0"
    assert query.filter_by(name="u1", email="u1@x").one().name == "u1"
    assert [u.name for u in query.filter(User.name.in_(["u0", "u2"]))] == ["u2", "u0"]


def test_queries_are_immutable(filled: Session) -> None:
    base = filled.query(User)
    base.filter(User.name == "u0")
    assert base.count() == 3


def test_first_one_and_scalar(filled: Session) -> None:
    query = filled.query(User).order_by(User.id)
    assert query.first().name == "u0"
    assert query.filter_by(name="nobody").first() is None
    assert query.filter_by(name="nobody").one_or_none() is None
    with pytest.raises(NoResultFound, match="found no row"):
        query.filter_by(name="nobody").one()
    with pytest.raises(MultipleResultsFound, match="there are several"):
        query.one()
    assert filled.query(func.count(User.id)).scalar() == 3
    assert filled.query(User.name).filter_by(name="u1").scalar() == "u1"


def test_count_exists_and_subqueries(filled: Session) -> None:
    assert filled.query(Post).count() == 3
    assert filled.query(Post).limit(2).count() == 2
    posts = filled.query(Post.author_id, func.count(Post.id).label("n")).group_by(Post.author_id).subquery()
    rows = filled.query(User.name, posts.c.n).join(posts, posts.c.author_id == User.id).order_by(User.name).all()
    assert rows == [("u1", 1), ("u2", 2)]
    has_post = exists(select(Post.id).where(Post.author_id == User.id))
    assert {u.name for u in filled.query(User).filter(has_post)} == {"u1", "u2"}
    assert filled.query(User).filter(User.id.in_(select(Post.author_id))).count() == 2
    assert filled.scalar(select(filled.query(User).filter_by(name="u1").exists())) in (True, 1)


def test_rows_of_entities_and_columns_have_names(filled: Session) -> None:
    row = filled.query(User, Post.title).join(User.posts).filter(Post.title == "p1.0").one()
    assert row.User.name == "u1"
    assert row.title == "p1.0"
    user, title = row
    assert (user, title) == tuple(row)


def test_select_gives_the_same_objects(filled: Session) -> None:
    by_query = filled.query(User).order_by(User.id).all()
    assert filled.scalars(select(User).order_by(User.id)).all() == by_query
    assert [row[0] for row in filled.execute(select(User).order_by(User.id))] == by_query
    assert filled.scalar(select(User).where(User.name == "u2")) is by_query[2]
    assert filled.execute(select(User).filter_by(name="u0")).scalar_one() is by_query[0]
    assert filled.execute(select(User.__table__).order_by(User.id)).first()[1] == "u0"


def test_a_statement_of_the_same_shape_is_compiled_once(filled: Session, statements: StatementLog) -> None:
    cache = filled.get_bind().compiled_cache
    filled.query(User).filter(User.name == "a").all()
    before = len(cache)
    for name in "bcdef":
        assert filled.query(User).filter(User.name == name).limit(5).offset(0).all() == []
    assert len(cache) == before + 1


def test_an_outer_join_gives_none_where_there_is_no_row(filled: Session) -> None:
    rows = filled.query(User, Post).outerjoin(User.posts).order_by(User.name, Post.title).all()
    assert [(u.name, p and p.title) for u, p in rows] == [("u0", None), ("u1", "p1.0"), ("u2", "p2.0"), ("u2", "p2.1")]


def test_loading_again_keeps_what_was_changed(filled: Session) -> None:
    user = filled.query(User).filter_by(name="u0").one()
    with filled.no_autoflush:
        user.name = "changed"
        assert filled.query(User).filter_by(name="u0").one() is user
    assert user.name == "changed"


def test_text_and_parameters(filled: Session) -> None:
    found = filled.execute('SELECT name FROM "user" WHERE name = :name', {"name": "u1"}).scalar()
    assert found == "u1"
    assert (
        filled.scalar(text("SELECT count(*) FROM post WHERE title LIKE 'p%' AND title <> :t").bindparams(t="p1.0")) == 2
    )
    assert filled.query(User).filter(text("name = 'u2'")).one().name == "u2"
    with pytest.raises(InvalidRequestError, match=":name"):
        filled.execute("SELECT :name")


def test_hostile_values_are_values(filled: Session) -> None:
    for hostile in ("'; DROP TABLE post; --", '" OR 1=1', "%s %(x)s", ":name", "\\", "\\'"):
        filled.add(User(name=hostile))
        filled.flush()
        assert filled.query(User).filter_by(name=hostile).one().name == hostile
        assert filled.query(User).filter(User.name.contains(hostile)).one().name == hostile
    assert filled.query(Post).count() == 3


def test_a_class_of_queries_may_be_the_users_own(make_session: Any) -> None:
    class Counting(Query[Any]):
        def twice(self) -> int:
            return self.count() * 2

    session: Session = make_session(query_cls=Counting)
    session.add(Node())
    assert session.query(Node).filter(Node.name.is_(None)).twice() == 2


@pytest.mark.parametrize("load", [True, False])
def test_results_from_elsewhere_are_merged_into_the_session(
    filled: Session, make_session: Any, statements: StatementLog, load: bool
) -> None:
    cached = filled.query(User).order_by(User.id).all()
    rows = filled.query(User.name, User, Post).outerjoin(User.posts).order_by(User.id, Post.id).all()
    pickled = pickle.loads(pickle.dumps(rows))
    other = make_session()
    with statements.expect(3 if load else 0):
        merged = other.query(User).merge_result(iter(cached), load=load)
    assert [user.name for user in merged] == ["u0", "u1", "u2"]
    assert all(mine in other and mine is not theirs for mine, theirs in zip(merged, cached, strict=True))
    found = other.query(User.name, User, Post).merge_result(pickled, load)
    assert [(name, post and post.title) for name, _, post in found] == [
        ("u0", None), ("u1", "p1.0"), ("u2", "p2.0"), ("u2", "p2.1"),
    ]  # fmt: skip
    assert [user for _, user, _ in found] == [merged[0], merged[1], merged[2], merged[2]]
    assert found[1].User is merged[1]
    assert found[1].Post in other


def test_a_composite_value_stands_for_a_key(engine: Engine) -> None:
    metadata = MetaData()
    docs = Table("doc", metadata, Column("a", Integer, primary_key=True), Column("b", Integer, primary_key=True))

    class Version:
        def __init__(self, minor: int, major: int) -> None:
            self.minor, self.major = minor, major

        def __composite_values__(self) -> tuple[int, int]:
            return self.minor, self.major

    class Pair(list[int]):
        def __composite_values__(self) -> list[int]:
            return list(self)

    class Doc:
        version: Any

    # the composite has the columns in another order than the key
    mapper(Doc, docs, registry=Registry(), properties={"version": composite(Version, docs.c.b, docs.c.a)})
    metadata.create_all(engine)
    with Session(engine) as session:
        doc = Doc()
        doc.version = Version(1, 2)
        session.add(doc)
        session.commit()
        for ident in (Version(1, 2), (2, 1), [2, 1], Pair([2, 1]), {"a": 2, "b": 1}):
            assert session.query(Doc).get(ident) is doc
            assert session.get(Doc, ident) is doc
            assert session.query(Doc).populate_existing().get(ident) is doc
        session.expunge_all()
        found = session.query(Doc).get(Version(1, 2))
        assert found is not None
        assert found.version.major == 2
        assert session.query(Doc).get(Version(2, 1)) is None
        with pytest.raises(InvalidRequestError, match="primary key of Doc"):
            session.query(Doc).get(Pair([1, 2, 3]))


def test_a_mistake_is_of_the_class_that_programs_catch(filled: Session) -> None:
    class Unmapped:
        pass

    for call, error, message in (
        (lambda: filled.query(Place).get(7), InvalidRequestError, r"primary key of Place is \(x, y\)"),
        (lambda: filled.get(Place, (1, 2, 3)), InvalidRequestError, r"primary key of Place is \(x, y\)"),
        (lambda: filled.query(User).add_column(object()), InvalidRequestError, "takes columns, tables and mapped"),
        (lambda: filled.query(object()), InvalidRequestError, "takes columns, tables and mapped"),
        (lambda: filled.query(User()), InvalidRequestError, "got an object of one"),
        (lambda: filled.query(literal(1)).join(Post), InvalidRequestError, "nothing to join"),
        (lambda: filled.query(func.count()).join("posts"), InvalidRequestError, "no mapped class that the name"),
        (lambda: Post.author.in_([User()]), NotImplementedError, "compared with == and != only"),
        (lambda: User.posts.like("x"), NotImplementedError, "compared with == and != only"),
        (lambda: Post.author < User(), NotImplementedError, "compared with == and != only"),
        (lambda: filled.query(User).filter(User.posts == Post()), InvalidRequestError, "is a collection"),
    ):
        with pytest.raises(error, match=message) as caught:
            call()
        assert isinstance(caught.value, ArgumentError)
    registry = Registry()
    table = Table("lonely", MetaData(), Column("id", Integer, primary_key=True))

    class Lonely:
        pass

    mapper(Lonely, table, registry=registry, properties={"others": relationship(Unmapped)})
    with pytest.raises(UnmappedClassError, match=r"Lonely\.others leads to .*Unmapped"):
        registry.configure()


def test_mistakes_in_queries_say_what_is_meant(filled: Session) -> None:
    with pytest.raises(InvalidRequestError, match=r"User has no mapped attribute 'nmae'\. Did you mean 'name'\?"):
        filled.query(User).filter_by(nmae="x")
    with pytest.raises(InvalidRequestError, match="Did you mean 'name'"):
        select(User).filter_by(nmae="x")
    with pytest.raises(ArgumentError, match="select\\(\\) takes columns, tables and mapped classes"):
        filled.query("User")
    with pytest.raises(ArgumentError, match="whole number of rows"):
        filled.query(User).limit(-1)
    with pytest.raises(InvalidRequestError, match="get\\(\\) asks for a primary key"):
        filled.query(User).filter_by(name="u0").get(1)
    with pytest.raises(ArgumentError, match="primary key of User is"):
        filled.get(User, (1, 2))
    with pytest.raises(TypeError, match="truth value"):
        bool(User.name < "x")
    with pytest.raises(ArgumentError, match="a condition was expected"):
        filled.query(User).filter("name = 'x'")


def test_locked_reads_are_written_where_the_database_knows_them(
    filled: Session, statements: StatementLog, database: str
) -> None:
    filled.rollback()
    statements.clear()
    assert filled.query(Tag).with_lockmode("update").all() == []
    if database == "postgresql":
        assert statements.sql[-1].endswith("FOR UPDATE")
    else:
        assert statements.transactions == ["BEGIN IMMEDIATE"]
    with pytest.raises(ArgumentError, match="lock mode"):
        filled.query(Tag).with_lockmode("hard")
