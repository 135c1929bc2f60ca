"""What a Query gives: each object once, rows of the same objects once, and a limit that stays about what it was set on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flask_uow import (
    JSON,
    ArgumentError,
    Bundle,
    DeclarativeBase,
    Engine,
    InvalidRequestError,
    Mapped,
    MultipleResultsFound,
    NoResultFound,
    Session,
    aliased,
    bindparam,
    contains_eager,
    event,
    func,
    joinedload,
    literal_column,
    mapped_column,
    select,
    selectinload,
    text,
    with_polymorphic,
)
from tests.orm.models import Node, Post, Tag, User


@pytest.fixture
def filled(session: Session) -> Session:
    """ann has three posts, bob one, cy none; every post has the same two tags."""
    tags = [Tag(label="x"), Tag(label="y")]
    session.add_all(
        [
            User(name="ann", posts=[Post(title=f"a{n}", tags=tags) for n in range(3)]),
            User(name="bob", posts=[Post(title="b0", tags=tags)]),
            User(name="cy"),
        ]
    )
    session.commit()
    return session


def names(found: Any) -> list[str]:
    return [user.name if user is not None else "none" for user in found]


other = aliased(User)

# queries of users whose rows repeat them, in the order of the names
REPEATED: dict[str, tuple[Callable[[Session], Any], list[str]]] = {
    "a join": (lambda s: s.query(User).join(User.posts), ["ann", "bob"]),
    "two joins": (lambda s: s.query(User).join(User.posts, Post.tags), ["ann", "bob"]),
    "an outer join": (lambda s: s.query(User).outerjoin(User.posts), ["ann", "bob", "cy"]),
    "a full product": (lambda s: s.query(User).filter(Post.id > 0), ["ann", "bob", "cy"]),
    "a table of a criterion": (lambda s: s.query(User).filter(User.id == Post.author_id), ["ann", "bob"]),
    "select_from": (lambda s: s.query(User).select_from(Post).join(Post.author), ["ann", "bob"]),
    "a join to an alias": (lambda s: s.query(User).join(User.posts, aliased=True).reset_joinpoint(), ["ann", "bob"]),
    "from_self": (lambda s: s.query(User).join(User.posts).from_self(), ["ann", "bob"]),
    "union_all": (lambda s: s.query(User).filter(User.name == "ann").union_all(s.query(User)), ["ann", "bob", "cy"]),
    "joined loading": (lambda s: s.query(User).join(User.posts).options(joinedload(User.posts)), ["ann", "bob"]),
    "selectin loading": (lambda s: s.query(User).join(User.posts).options(selectinload(User.posts)), ["ann", "bob"]),
    "joined loading alone": (lambda s: s.query(User).options(joinedload(User.posts)), ["ann", "bob", "cy"]),
    "contains_eager": (
        lambda s: s.query(User).join(User.posts).options(contains_eager(User.posts)), ["ann", "bob"],
    ),
    "populate_existing": (lambda s: s.query(User).join(User.posts).populate_existing(), ["ann", "bob"]),
}  # fmt: skip


@pytest.mark.parametrize("kind", REPEATED)
def test_a_query_of_one_class_gives_each_object_once(filled: Session, kind: str) -> None:
    make, wanted = REPEATED[kind]
    query = make(filled).order_by(User.name)
    assert names(query) == names(query.all()) == wanted
    assert names(query[0:100]) == wanted
    assert names(query[-2:]) == wanted[-2:]
    assert names([query.first()]) == wanted[:1]
    assert query.filter(User.name == "ann").one().name == "ann"
    assert query.filter(User.name == "ann").one_or_none().name == "ann"
    assert query.filter(User.name == "ann").scalar().name == "ann"
    with pytest.raises(MultipleResultsFound):
        query.one()
    with pytest.raises(NoResultFound):
        query.filter(User.name == "nobody").one()


@pytest.mark.parametrize("kind", sorted({*REPEATED} - {"contains_eager", "joined loading", "selectin loading"}))
@pytest.mark.parametrize("size", [1, 2, 50])
def test_an_object_whose_rows_are_on_several_pages_is_given_once(filled: Session, kind: str, size: int) -> None:
    make, wanted = REPEATED[kind]
    assert names(make(filled).order_by(User.name).yield_per(size)) == wanted


def test_other_entities_than_a_class_itself_are_given_once_too(filled: Session) -> None:
    assert names(filled.query(other).join(other.posts).order_by(other.name)) == ["ann", "bob"]
    assert names(filled.query(User).from_statement(text('SELECT u.* FROM "user" u, post ORDER BY u.name'))) == [
        "ann",
        "bob",
        "cy",
    ]
    assert [u.name if u else None for u in filled.query(other).select_from(Tag).outerjoin(other, other.id < 0)] == [
        None
    ]
    everything = with_polymorphic(User, "*") if len(User.__mapper__.descendants) > 1 else User  # type: ignore[attr-defined]
    assert names(filled.query(everything).join(Post, Post.author_id == User.id).order_by(User.name)) == ["ann", "bob"]


def test_objects_are_told_apart_by_identity_and_not_by_their_own_equality(session: Session) -> None:
    local = type("Base", (DeclarativeBase,), {})

    class Word(local):  # type: ignore[misc,valid-type]
        __tablename__ = "node"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str | None]

        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]

    session.add_all([Node(name="a"), Node(name="b")])
    session.flush()
    twice = aliased(Word)
    assert [word.name for word in session.query(Word).join(twice, twice.id > 0).order_by(Word.id)] == ["a", "b"]


ann_of = [("ann", "x"), ("ann", "y")]

# queries of a class and something else, whose rows a join repeats
ROWS: dict[str, tuple[Callable[[Session], Any], list[tuple[str, Any]]]] = {
    "a column": (lambda s: s.query(User, Tag.label).join(User.posts, Post.tags), ann_of),
    "another class": (lambda s: s.query(User, Tag).join(User.posts, Post.tags), ann_of),
    "the column first": (lambda s: s.query(Tag.label, User).join(Post.tags).join(Post.author), ann_of),
    "a function": (lambda s: s.query(User, func.upper(Tag.label)).join(User.posts, Post.tags), [("ann", "X"), ("ann", "Y")]),
    "added later": (lambda s: s.query(User).join(User.posts, Post.tags).add_columns(Tag.label), ann_of),
    "an alias": (lambda s: s.query(User, (tag := aliased(Tag)).label).join(User.posts).join(tag, Post.tags), ann_of),
    "a bundle": (lambda s: s.query(User, Bundle("of", Tag.label)).join(User.posts, Post.tags), ann_of),
    "joined loading": (lambda s: s.query(User, Tag.label).join(User.posts, Post.tags).options(joinedload(User.posts)), ann_of),
    "a statement": (
        lambda s: s.query(User, Tag.label).from_statement(
            select(User, Tag.label).join(User.posts).join(Post.tags).where(User.name == "ann").order_by(Tag.label)
        ),
        ann_of,
    ),
    "the same class": (lambda s: s.query(User, User).join(User.posts), [("ann", "ann")]),
    "nothing": (lambda s: s.query(User, other).select_from(User).outerjoin(Post).outerjoin(other, other.id < 0), [("ann", None)]),
}  # fmt: skip


def told(row: Any) -> tuple[Any, ...]:
    """Return a row with the names and labels of its objects; the users first."""
    items = sorted(row, key=lambda item: not isinstance(item, User))
    return tuple(getattr(item, "name", getattr(item, "label", item)) for item in items)


@pytest.mark.parametrize("kind", ROWS)
def test_a_query_of_a_class_and_more_gives_rows_of_the_same_once(filled: Session, kind: str) -> None:
    make, wanted = ROWS[kind]
    query = make(filled)
    if kind != "a statement":
        query = query.filter(User.name == "ann")
        assert query.count() > len(wanted)
    assert sorted(map(told, query.all()), key=repr) == sorted(map(told, query), key=repr) == wanted
    if kind not in {"a statement", "joined loading"}:
        for size in (1, 2, 50):
            assert sorted(map(told, query.yield_per(size)), key=repr) == wanted


def test_one_row_of_a_class_and_more_may_stand_for_several(filled: Session) -> None:
    rows = filled.query(User, func.upper(Tag.label)).join(User.posts, Post.tags)
    one = rows.filter(User.name == "ann", Tag.label == "x")
    assert told(one.one()) == told(one.one_or_none()) == ("ann", "X")
    assert one.scalar().name == "ann"
    with pytest.raises(MultipleResultsFound):
        rows.filter(User.name == "ann").one()
    assert len(rows.filter(User.name == "ann").order_by(Tag.label).limit(4).all()) == 2


def test_what_a_listener_returns_in_place_of_a_query_is_given_once_too(filled: Session) -> None:
    event.listen(filled, "do_orm_execute", lambda state: state.invoke_statement())
    assert names(filled.query(User).join(User.posts).order_by(User.name)) == ["ann", "bob"]
    assert len(filled.query(User, Tag.label).join(User.posts, Post.tags).all()) == 4
    assert len(filled.query(User.name).join(User.posts).all()) == 4
    assert filled.query(User).join(User.posts).filter(User.name == "ann").one().name == "ann"


def test_values_without_a_hash_are_told_apart_by_what_they_say(session: Session) -> None:
    class Own(DeclarativeBase):
        pass

    class Note(Own):
        __tablename__ = "note"
        id: Mapped[int] = mapped_column(primary_key=True)
        data: Mapped[Any] = mapped_column(JSON)

    Own.metadata.create_all(session.connection())
    session.add_all([Note(data=["a"]), Note(data=["a"]), Note(data=["b"])])
    session.flush()
    more = aliased(Note)
    rows = session.query(Note, more.data).join(more, more.id > 0)
    for query in (rows, rows.yield_per(2)):
        assert sorted((note.id, data) for note, data in query) == [(n, [text]) for n in (1, 2, 3) for text in "ab"]


def test_rows_of_columns_alone_and_selects_stay_as_they_are(filled: Session) -> None:
    assert filled.query(User.name).join(User.posts).order_by(User.name).all() == [("ann",)] * 3 + [("bob",)]
    with pytest.raises(MultipleResultsFound):
        filled.query(User.name).join(User.posts).filter(User.name == "ann").one()
    assert names(filled.scalars(select(User).join(User.posts).order_by(User.name))) == ["ann"] * 3 + ["bob"]
    assert len(filled.execute(select(User).join(User.posts)).all()) == 4
    assert len(filled.execute(select(User, Tag.label).join(User.posts).join(Post.tags)).all()) == 8
    assert len(filled.query(User).join(User.posts).add_columns(Post.id).all()) == 4


def test_one_object_has_all_that_its_rows_say_of_it(filled: Session) -> None:
    query = filled.query(User).join(User.posts).options(contains_eager(User.posts)).filter(User.name == "ann")
    assert len(query.one().posts) == len(query.scalar().posts) == 3


def test_counts_and_limits_are_about_rows(filled: Session) -> None:
    query = filled.query(User).join(User.posts).order_by(User.name)
    assert query.count() == 4
    assert names(query.limit(3)) == ["ann"]
    assert names(query.limit(2).offset(2)) == names(query[2:4]) == ["ann", "bob"]
    assert query.limit(3).one().name == "ann"
    assert query[3].name == "bob"
    assert names(query.distinct().limit(2)) == ["ann", "bob"]


# -- after a limit

STEPS: dict[str, Callable[[Any], Any]] = {
    "filter": lambda q: q.filter(User.name == "cy"),
    "where": lambda q: q.where(User.name == "cy"),
    "filter_by": lambda q: q.filter_by(name="cy"),
    "with_parent": lambda q: q.with_parent(q.session.query(Post).first(), "author"),
    "order_by": lambda q: q.order_by(User.name.desc()),
    "order_by none": lambda q: q.order_by(None),
    "group_by": lambda q: q.group_by(User.id),
    "having": lambda q: q.having(func.count() > 1),
    "distinct": lambda q: q.distinct(),
    "join": lambda q: q.join(User.posts),
    "join by name": lambda q: q.join("posts"),
    "outerjoin": lambda q: q.outerjoin(User.posts),
    "select_from": lambda q: q.select_from(Post),
    "from_statement": lambda q: q.from_statement(text('SELECT * FROM "user"')),
    "get": lambda q: q.get(1),
    "update": lambda q: q.update({"email": "x"}),
    "delete": lambda q: q.delete(),
}
LIMITS: dict[str, Callable[[Any], Any]] = {
    "limit": lambda q: q.limit(2),
    "offset": lambda q: q.offset(1),
    "limit and offset": lambda q: q.offset(0).limit(1),
    "slice": lambda q: q.slice(0, 2),
    "a limit that is given later": lambda q: q.limit(bindparam("n", 2)),
}


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("step", STEPS)
def test_what_would_change_the_limited_rows_is_refused(filled: Session, step: str, limit: str) -> None:
    limited = LIMITS[limit](filled.query(User))
    with pytest.raises(InvalidRequestError):
        STEPS[step](limited)


def test_the_refusal_names_the_cure(filled: Session) -> None:
    two = filled.query(User).order_by(User.name).limit(2)
    with pytest.raises(InvalidRequestError, match=r"filter\(\) comes after limit\(\).*from_self\(\)"):
        two.filter(User.name == "cy")
    assert two.from_self().filter(User.name == "cy").all() == []
    assert names(two.from_self().order_by(User.name.desc())) == ["bob", "ann"]
    assert two.from_self().join(User.posts).count() == 4
    assert names(two.limit(None).filter(User.name == "cy")) == ["cy"]
    ids = filled.query(User.id).order_by(User.name).limit(2).subquery()
    assert filled.query(User).filter(User.id.in_(select(ids.c.id)), User.name == "cy").all() == []


def test_what_leaves_the_limited_rows_as_they_are_is_taken(filled: Session) -> None:
    two = filled.query(User).order_by(User.name).limit(2)
    assert names(two.options(selectinload(User.posts))) == ["ann", "bob"]
    assert two.with_entities(User.name).all() == [("ann",), ("bob",)]
    assert two.add_columns(User.name.label("n")).first().n == "ann"
    assert names(two.union(filled.query(User).filter(User.name == "cy")).order_by(User.name)) == ["ann", "bob", "cy"]
    assert two.limit(1).count() == 1
    assert names(two.execution_options(yield_per=1)) == ["ann", "bob"]
    assert filled.query(two.exists()).scalar()


def test_a_slice_of_a_limited_query_is_a_slice_of_its_rows(filled: Session) -> None:
    query = filled.query(User).order_by(User.name)
    assert names(query.limit(2)[0:100]) == ["ann", "bob"]
    assert names(query.limit(2)[1:100]) == ["bob"]
    assert names(query.offset(1)[0:1]) == names(query.offset(1)[:1]) == ["bob"]
    assert names(query.offset(1)[1:2]) == ["cy"]
    assert query.offset(1)[1].name == "cy"
    assert names(query.slice(1, 3).slice(1, 5)) == ["cy"]
    assert names(query.limit(2)[5:9]) == []
    assert names(query.limit(2)[:]) == ["ann", "bob"]
    with pytest.raises(InvalidRequestError, match="limit or offset is an expression"):
        query.limit(bindparam("n", 2))[0:1]


def test_assertions_can_be_turned_off(filled: Session) -> None:
    query = filled.query(User).order_by(User.name).limit(1).enable_assertions(False)
    assert names(query.filter(User.name == "cy")) == ["cy"]
    assert filled.query(User).filter(User.name == "x").enable_assertions(False).get(1) is filled.get(User, 1)
    with pytest.raises(InvalidRequestError):
        query.enable_assertions(True).filter(User.name == "cy")


# -- what would be ignored

IGNORED: dict[str, Callable[[Session], Any]] = {
    "get of two classes": lambda s: s.query(User, Post).get(1),
    "get of a column": lambda s: s.query(User.id).get(1),
    "get with criteria": lambda s: s.query(User).filter(User.name == "x").get(1),
    "get of groups": lambda s: s.query(User).group_by(User.id).get(1),
    "get of a statement": lambda s: s.query(User).from_statement(text("SELECT 1")).get(1),
    "from_statement after order_by": lambda s: s.query(User).order_by(User.id).from_statement(text("SELECT 1")),
    "from_statement after group_by": lambda s: s.query(User).group_by(User.id).from_statement(text("SELECT 1")),
    "from_statement after having": lambda s: s.query(User).having(User.id > 1).from_statement(text("SELECT 1")),
    "from_statement after distinct": lambda s: s.query(User).distinct().from_statement(text("SELECT 1")),
    "from_statement after join": lambda s: s.query(User).join(User.posts).from_statement(text("SELECT 1")),
    "update after order_by": lambda s: s.query(User).order_by(User.id).update({"email": "x"}),
    "delete after order_by": lambda s: s.query(User).order_by(User.id).delete(),
    "delete after having": lambda s: s.query(User).having(User.id > 1).delete(),
}


@pytest.mark.parametrize("form", IGNORED)
def test_what_would_be_ignored_is_refused(filled: Session, form: str) -> None:
    with pytest.raises(InvalidRequestError):
        IGNORED[form](filled)
    assert filled.query(User).filter(User.email == "x").count() == 0


def test_an_order_of_the_mapping_is_not_what_a_query_was_given(session: Session) -> None:
    local = type("Base", (DeclarativeBase,), {})

    class Word(local):  # type: ignore[misc,valid-type]
        __tablename__ = "node"
        __mapper_args__ = {"order_by": "name"}
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str | None]

    session.add_all([Word(name="b"), Word(name="a")])
    query = session.query(Word)
    assert [word.name for word in query] == ["a", "b"]
    assert query.get(query.first().id) is query.first()  # type: ignore[union-attr]
    assert len(query.from_statement(text("SELECT * FROM node")).all()) == 2
    assert query.update({"name": "c"}) == 2
    assert query.delete() == 2


def test_a_query_may_be_given_what_it_asks_for_later(filled: Session) -> None:
    assert filled.query().value(literal_column("1")) == 1
    assert filled.query().add_columns(User.name).filter(User.name == "ann").all() == [("ann",)]
    assert filled.query().select_from(User).value(func.count()) == 3
    assert list(filled.query(User).values()) == []
    with pytest.raises(ArgumentError, match="at least one mapped class or column"):
        filled.query().first()


# -- classes, aliases and objects in the place of columns

OPERANDS: dict[str, Callable[[Session, Any], Any]] = {
    "==": lambda s, it: s.query(User).filter(User.id == it),
    "<": lambda s, it: s.query(User).filter(User.id < it),
    "in": lambda s, it: s.query(User).filter(User.id.in_([1, it])),
    "between": lambda s, it: s.query(User).filter(User.id.between(it, 3)),
    "like": lambda s, it: s.query(User).filter(User.name.like(it)),
    "+": lambda s, it: s.query(User.id + it),
    "filter_by": lambda s, it: s.query(User).filter_by(id=it),
    "a function": lambda s, it: s.query(func.count(it)),
    "order_by": lambda s, it: s.query(User).order_by(it),
    "distinct": lambda s, it: s.query(User).distinct(it),
    "a window": lambda s, it: s.query(func.count().over(partition_by=it)),
    "bindparam": lambda s, it: s.query(User).filter(User.id == bindparam("key", it)),
    "having": lambda s, it: s.query(User).group_by(User.id).having(User.id == it),
    "a join condition": lambda s, it: s.query(User).join(Post, Post.id == it),
    "select": lambda s, it: s.scalars(select(User).where(User.id == it)),
}


@pytest.mark.parametrize("place", OPERANDS)
def test_a_class_an_alias_or_an_object_in_the_place_of_a_value_is_refused(filled: Session, place: str) -> None:
    ann = filled.query(User).filter_by(name="ann").one()
    for it, called in ((User, "the class User"), (other, "an alias of User"), (ann, "an object of User")):
        with pytest.raises(ArgumentError, match=f"{called} stands where"):
            OPERANDS[place](filled, it)


def test_group_by_takes_a_class_an_alias_and_a_table_for_their_columns(filled: Session) -> None:
    table = User.__table__  # type: ignore[attr-defined]
    for what in (User, table):
        query = filled.query(User).join(User.posts).group_by(what).having(func.count(Post.id) > 1)
        assert names(query) == ["ann"]
        counts = select(User.name, func.count(Post.id)).join(User.posts).group_by(what).order_by(User.name)
        assert filled.execute(counts).all() == [("ann", 3), ("bob", 1)]
    by_alias = filled.query(other).join(other.posts).group_by(other).having(func.count(Post.id) == 1)
    assert names(by_alias) == ["bob"]
    of_query = filled.query(User).filter(User.name < "c").from_self().join(User.posts).group_by(User)
    assert of_query.having(func.count() == 3).one().name == "ann"
    with pytest.raises(ArgumentError, match="an object of User"):
        filled.query(User).group_by(filled.query(User).first())


def test_a_query_that_is_executed_as_a_statement_keeps_its_parameters(filled: Session) -> None:
    query = filled.query(User).filter(User.name == bindparam("name")).params(name="bob")
    assert names(filled.scalars(query)) == ["bob"]
    assert filled.execute(query).scalar().name == "bob"
    assert filled.scalar(query, {"name": "cy"}).name == "cy"


def test_a_unique_result_tells_objects_apart_by_identity(filled: Session) -> None:
    joined = select(User).join(User.posts).order_by(User.id)
    assert [user.name for user in filled.scalars(joined).unique()] == ["ann", "bob"]
    assert [user.name for user in filled.execute(joined).unique().scalars()] == ["ann", "bob"]
    labels = filled.execute(select(User, Tag.label).join(User.posts).join(Post.tags).order_by(Tag.label))
    assert labels.unique().columns(1).all() == [("x",), ("y",)]
    eager = select(User).options(joinedload(User.posts)).order_by(User.id)
    assert [user.name for user in filled.scalars(eager).unique()] == ["ann", "bob", "cy"]


def test_a_unique_result_keeps_objects_that_are_equal_by_a_method_of_their_class(session: Session) -> None:
    class Base(DeclarativeBase):
        pass

    class Alike(Base):
        __tablename__ = "alike"
        id: Mapped[int] = mapped_column(primary_key=True)

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Alike)

        __hash__ = None  # type: ignore[assignment]

    connection = session.connection()
    Base.metadata.create_all(connection)
    session.add_all([Alike(id=1), Alike(id=2)])
    session.flush()
    assert [one.id for one in session.scalars(select(Alike).order_by(Alike.id)).unique()] == [1, 2]
    assert len(session.execute(select(Alike)).unique().all()) == 2
    session.rollback()


# -- outside of a transaction


@pytest.mark.parametrize("way", ["isolation level", "session", "both"])
def test_rows_of_columns_are_rows_where_each_statement_is_a_transaction_of_its_own(tables: Engine, way: str) -> None:
    with Session(tables) as session:
        session.add(User(name="ed", posts=[Post(title="p")]))
        session.commit()
    engine = tables.execution_options(isolation_level="AUTOCOMMIT") if way != "session" else tables
    with Session(engine, autocommit=way != "isolation level") as session:
        row = session.execute(select(User.id, User.name.label("called"))).one()
        assert (row.called, row._fields) == ("ed", ("id", "called"))
        assert session.query(User.name).one().name == "ed"
        assert session.query(func.count(Post.id).label("posts")).one().posts == 1
