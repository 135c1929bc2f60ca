"""What is pending in a Session is flushed before each statement that the Session executes, whatever the statement is about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flask_uow import (
    DeclarativeBase,
    Engine,
    FlaskUowError,
    ForeignKey,
    IntegrityError,
    InvalidRequestError,
    Mapped,
    Session,
    SessionExtension,
    aliased,
    case,
    delete,
    exists,
    func,
    insert,
    inspect,
    literal,
    literal_column,
    load_only,
    mapped_column,
    relationship,
    select,
    text,
    tuple_,
    union_all,
    update,
)
from tests.orm.models import Place, Post, User
from tests.statements import StatementLog

users = User.__table__  # type: ignore[attr-defined]
other = aliased(User)
named = select(User.name).where(User.name == "ann")

# each asks for the number of users, however deep the class or its table stands in it
COUNTS: dict[str, Callable[[], Any]] = {
    "a count of a column": lambda: select(func.count(User.id)),
    "a count over a class": lambda: select(func.count()).select_from(User),
    "a count over an alias": lambda: select(func.count()).select_from(other),
    "a count over a subquery": lambda: select(func.count()).select_from(named.subquery()),
    "a count over a subquery in a subquery": lambda: select(func.count()).select_from(
        select(named.subquery().c.name).subquery()
    ),
    "a count over a CTE": lambda: select(func.count()).select_from(named.cte("named")),
    "a recursive CTE": lambda: select(func.count()).select_from(
        (start := select(User.id).cte("start", recursive=True)).union_all(
            select(start.c.id + 1000).where(start.c.id < 0)
        )
    ),
    "a count over a union": lambda: select(func.count()).select_from(
        union_all(named, select(User.name).where(User.name == "nobody")).subquery()
    ),
    "a lateral subquery": lambda: (
        select(func.count()).select_from(select(literal(1).label("one")).subquery()).where(exists(named))
    ),
    "a scalar subquery": lambda: select(select(func.count(User.id)).scalar_subquery()),
    "a scalar subquery in an expression": lambda: select(literal(0) + select(func.count(User.id)).scalar_subquery()),
    "a subquery in CASE": lambda: select(case((exists(named), 1), else_=0)),
    "a subquery in IN": lambda: select(func.count()).where(literal("ann").in_(named)),
    "a table": lambda: select(func.count(users.c.id)),
    "a table in FROM": lambda: select(func.count()).select_from(users),
    "an alias of a table": lambda: select(func.count()).select_from(users.alias()),
    "text": lambda: text('SELECT count(*) FROM "user"'),
    "text with columns": lambda: text('SELECT count(*) AS n FROM "user"').columns(literal_column("n")),
    "a str": lambda: 'SELECT count(*) FROM "user"',
    "a column of text": lambda: select(literal_column('(SELECT count(*) FROM "user")')),
    "an attribute": lambda: select(User.id - User.id + 1),
    "a compound of expressions": lambda: select(func.count(User.id)).union(select(func.count(User.id))),
    "a row value": lambda: select(func.count()).where(
        tuple_(literal("ann"), literal(1)).in_(select(User.name, literal(1)))
    ),
    "an UPDATE of a class": lambda: update(User).values(email="new").returning(literal(1)),
    "an UPDATE of a table": lambda: update(users).values(email="new").returning(literal_column("1")),
    "a DELETE of a class": lambda: delete(User).returning(literal(1)),
    "a DELETE of a table": lambda: delete(users).returning(literal_column("1")),
    "an INSERT from a SELECT": lambda: (
        insert(Place)
        .from_select(["x", "y", "label"], select(func.count(User.id), literal(1), literal("here")))
        .returning(Place.x)
    ),
}


@pytest.mark.parametrize("kind", COUNTS)
@pytest.mark.parametrize("way", ["execute", "scalar", "scalars"])
def test_a_statement_sees_what_is_pending(session: Session, kind: str, way: str) -> None:
    session.add(User(name="ann"))
    statement = COUNTS[kind]()
    if way == "execute":
        found = session.execute(statement).scalar()
    else:
        found = session.scalar(statement) if way == "scalar" else session.scalars(statement).first()
    assert found == 1
    assert not session.new


QUERIES: dict[str, Callable[[Session], Any]] = {
    "count": lambda session: session.query(User).count(),
    "count of a column": lambda session: session.query(func.count(User.id)).scalar(),
    "a column of a subquery": lambda session: session.query(func.count(named.subquery().c.name)).scalar(),
    "one expression": lambda session: session.query().value(select(func.count(User.id)).scalar_subquery()),
    "values": lambda session: next(iter(session.query(User).values(func.count())))[0],
    "from_statement": lambda session: len(session.query(User).from_statement(text('SELECT * FROM "user"')).all()),
    "yield_per": lambda session: len(list(session.query(User).yield_per(10))),
    "streamed columns": lambda session: len(session.execute(select(users.c.id).execution_options(yield_per=2)).all()),
    "exists": lambda session: int(session.query(session.query(User).exists()).scalar()),
    "get by options": lambda session: len([session.query(Place).populate_existing().get((1, 1))]),
    "update": lambda session: session.query(User).update({"email": "x"}),
    "delete": lambda session: session.query(User).filter(User.name == "ann").delete(),
    "bulk_update": lambda session: session.bulk_update(
        User, ({"id": key, "email": "x"} for key in session.scalars(select(User.id)))
    ),
}


@pytest.mark.parametrize("kind", QUERIES)
def test_a_query_sees_what_is_pending(session: Session, kind: str) -> None:
    session.add_all([User(name="ann"), Place(x=1, y=1)])
    assert QUERIES[kind](session) == 1


@pytest.mark.parametrize(
    "kind", [kind for kind in COUNTS if not kind.startswith(("an UPDATE", "a DELETE", "an INSERT"))]
)
def test_statements_see_changed_and_deleted_objects_and_no_autoflush_suspends_that(session: Session, kind: str) -> None:
    ann = User(name="ann")
    session.add(ann)
    session.commit()
    session.delete(ann)
    with session.no_autoflush:
        assert session.scalar(COUNTS[kind]()) == 1
    assert session.scalar(COUNTS[kind]()) in (0, None)
    assert ann not in session


def test_values_that_were_changed_are_summed_as_they_are_now(session: Session) -> None:
    places = [Place(x=1, y=n, label="a") for n in range(3)]
    session.add_all(places)
    session.commit()
    places[0].label = "b"
    places[1].x = 5
    assert session.execute(select(func.count()).where(Place.label == "b")).scalar() == 1
    assert session.scalar(select(func.sum(Place.x))) == 7
    places[2].label = "b"
    assert session.execute("SELECT count(*) FROM place WHERE label = :label", {"label": "b"}).scalar() == 2


def test_a_statement_sends_nothing_more_when_nothing_is_pending(session: Session, statements: StatementLog) -> None:
    session.add(User(name="ann"))
    session.commit()
    with statements.expect(3):
        session.execute(text("SELECT 1"))
        session.scalar(select(func.count(User.id)))
        session.get(User, 1000)


def test_statements_within_a_flush_do_not_flush_again(make_session: Any) -> None:
    from_hook: list[int] = []

    class Counting(SessionExtension):
        def before_flush(self, session: Any, context: Any, instances: Any) -> None:
            from_hook.append(session.scalar(select(func.count(User.id))))

        def after_flush(self, session: Any, context: Any) -> None:
            from_hook.append(session.scalar(select(func.count(User.id))))

    session = make_session(extension=Counting())
    session.add(User(name="ann"))
    assert session.scalar(select(func.count(User.id))) == 1
    assert from_hook == [0, 1]


def test_a_failed_autoflush_leaves_the_statement_out(session: Session) -> None:
    session.add_all([User(name="same"), User(name="same")])
    with pytest.raises(IntegrityError):
        session.execute(text("SELECT 1"))
    session.rollback()
    assert session.execute(text("SELECT 1")).scalar() == 1


# -- get()


def test_get_finds_an_object_that_is_pending_by_its_key(session: Session) -> None:
    place, user = Place(x=1, y=2), User(id=7, name="ann")
    session.add_all([place, user])
    assert session.get(Place, (1, 2)) is place
    assert session.get(User, 7) is user
    assert session.query(User).get(7) is user
    session.add(Place(x=3, y=4))
    assert session.query(Place).populate_existing().get((3, 4)).x == 3  # type: ignore[union-attr]
    session.add(Place(x=5, y=6))
    assert session.query(Place).options(load_only(Place.x)).get((5, 6)) in session
    session.add(Place(x=7, y=8))
    assert session.get(Place, {"x": 7, "y": 8}, with_for_update=True) in session


def test_get_sees_what_was_deleted_or_given_another_key(session: Session) -> None:
    first, second = Place(x=1, y=1), Place(x=2, y=2)
    session.add_all([first, second])
    session.commit()
    first.y = 9
    assert session.get(Place, (1, 9)) is first
    assert session.get(Place, (1, 1)) is None
    session.delete(second)
    session.expunge(first)
    assert session.get(Place, (1, 9)) is not None
    assert session.get(Place, (2, 2)) is None


def test_get_without_autoflush_asks_the_database_alone(session: Session) -> None:
    session.add(Place(x=1, y=2))
    with session.no_autoflush:
        assert session.get(Place, (1, 2)) is None
    assert session.query(Place).autoflush(False).get((1, 2)) is None
    assert session.new


# -- criteria that name an object


class Local(DeclarativeBase):
    pass


class Depot(Local):
    __tablename__ = "depot"
    code: Mapped[str] = mapped_column(primary_key=True)
    parcels: Mapped[list[Parcel]] = relationship(back_populates="depot")
    notes: Mapped[Any] = relationship("Parcel", lazy="dynamic", viewonly=True)


class Parcel(Local):
    __tablename__ = "parcel"
    id: Mapped[int] = mapped_column(primary_key=True)
    depot_code: Mapped[str | None] = mapped_column(ForeignKey("depot.code", onupdate="CASCADE"))
    depot: Mapped[Depot | None] = relationship(back_populates="parcels")


@pytest.fixture
def depots(engine: Engine) -> Iterator[Session]:
    Local.metadata.create_all(engine)
    with Session(engine) as session:
        yield session


CRITERIA: dict[str, Callable[[Session, Any, Any], list[Any]]] = {
    "==": lambda s, depot, parcel: s.query(Parcel).filter(Parcel.depot == depot).all(),
    "filter_by": lambda s, depot, parcel: s.query(Parcel).filter_by(depot=depot).all(),
    "not !=": lambda s, depot, parcel: s.query(Parcel).filter(~(Parcel.depot != depot)).all(),
    "an alias": lambda s, depot, parcel: s.query(a := aliased(Parcel)).filter(a.depot == depot).all(),
    "select": lambda s, depot, parcel: s.scalars(select(Parcel).where(Parcel.depot == depot)).all(),
    "a count": lambda s, depot, parcel: [parcel] * s.scalar(select(func.count(Parcel.id)).where(Parcel.depot == depot)),
    "a subquery": lambda s, depot, parcel: (
        s.query(Parcel).filter(Parcel.id.in_(select(Parcel.id).where(Parcel.depot == depot))).all()
    ),
    "with_parent": lambda s, depot, parcel: s.query(Parcel).with_parent(depot, "parcels").all(),
    "a dynamic relationship": lambda s, depot, parcel: depot.notes.all(),
    "contains": lambda s, depot, parcel: [
        p for d in s.query(Depot).filter(Depot.parcels.contains(parcel)) for p in d.parcels
    ],
    "with_parent of the other side": lambda s, depot, parcel: [
        p for d in s.query(Depot).with_parent(parcel, "depot") for p in d.parcels
    ],
    "has": lambda s, depot, parcel: s.query(Parcel).filter(Parcel.depot.has(Depot.parcels.contains(parcel))).all(),
    "any": lambda s, depot, parcel: [
        p for d in s.query(Depot).filter(Depot.parcels.any(Parcel.depot == depot)) for p in d.parcels
    ],
    "any by name": lambda s, depot, parcel: [
        p for d in s.query(Depot).filter(Depot.parcels.any(depot=depot)) for p in d.parcels
    ],
    "update": lambda s, depot, parcel: (
        [parcel] * s.query(Parcel).filter(Parcel.depot == depot).update({"id": Parcel.id})
    ),
    "delete": lambda s, depot, parcel: [parcel] * s.query(Parcel).filter(Parcel.depot == depot).delete(),
}


@pytest.mark.parametrize("form", CRITERIA)
@pytest.mark.parametrize("state", ["pending", "moved", "key changed", "expired"])
def test_a_criterion_is_about_the_object_as_it_is_when_the_statement_runs(
    depots: Session, form: str, state: str
) -> None:
    session = depots
    depot, other_depot, parcel = Depot(code="a"), Depot(code="b"), Parcel()
    session.add_all([depot, other_depot, parcel, Parcel(depot=other_depot)])
    if state == "pending":
        parcel.depot = depot
    else:
        parcel.depot = other_depot
        session.commit()
        parcel.depot = depot
    if state == "key changed":
        session.flush()
        depot.code = "c"
    elif state == "expired":
        session.commit()
    found = CRITERIA[form](session, depot, parcel)
    assert found == [parcel]


@pytest.mark.parametrize("form", ["==", "contains", "with_parent"])
def test_one_statement_can_be_executed_again_after_the_object_has_changed(depots: Session, form: str) -> None:
    session = depots
    old, new, parcel = Depot(code="old"), Depot(code="new"), Parcel()
    session.add_all([old, new, parcel])
    parcel.depot = old
    query = {
        "==": lambda: session.query(Depot.code).filter(Depot.parcels.any(Parcel.depot == old)),
        "contains": lambda: session.query(Depot.code).filter(Depot.parcels.contains(parcel)),
        "with_parent": lambda: session.query(Depot).with_parent(parcel, "depot").with_entities(Depot.code),
    }[form]()
    assert query.all() == [("old",)]
    parcel.depot = new
    assert query.all() == ([] if form == "==" else [("new",)])
    parcel.depot = old
    old.code = "older"
    assert query.all() == [("older",)]
    session.commit()
    assert query.all() == [("older",)]
    session.expunge_all()
    assert query.all() == [("older",)]


def test_a_criterion_is_built_before_its_object_has_a_key_and_printed(session: Session) -> None:
    user = User(name="ann")
    session.add(user)
    query = session.query(Post).filter(Post.author == user)
    assert "author_id = " in str(query)
    session.add(Post(author=user, title="t"))
    assert query.one().title == "t"
    assert query.statement.compile(session.get_bind().dialect).params == {"param_1": user.id}


def test_an_object_without_a_key_in_a_criterion_is_an_error(session: Session) -> None:
    with pytest.raises(InvalidRequestError, match="no primary key yet"):
        session.query(Post).filter(Post.author == User(name="in no Session")).all()
    with pytest.raises(InvalidRequestError, match=r"with_parent\(\) got <User, transient>"):
        session.query(Post).with_parent(User(name="in no Session"), User.posts).all()
    user = User(name="ann")
    session.add(user)
    with session.no_autoflush, pytest.raises(InvalidRequestError, match=r"Post\.author == obj got <User, pending>"):
        session.query(Post).filter(Post.author == user).all()
    with session.no_autoflush, pytest.raises(InvalidRequestError, match=r"with_parent\(\) got <User, pending>"):
        session.query(Post).with_parent(user, User.posts).all()
    assert session.query(Post).filter(Post.author == user).all() == []
    query = session.query(User).filter(User.posts.contains(post := Post(title="p", author=user)))
    session.rollback()
    with pytest.raises(InvalidRequestError, match="no primary key yet"):
        query.all()
    assert post not in session


def test_a_criterion_may_name_an_object_that_is_added_before_the_statement_runs(session: Session) -> None:
    user, post = User(name="ann"), Post(title="p")
    posts = session.query(Post).filter(Post.author == user)
    others = session.query(Post).filter(Post.author != user)
    of_parent = session.query(Post).with_parent(user, User.posts)
    authors = select(User).where(User.posts.contains(post))
    post.author = user
    session.add(post)
    assert posts.all() == of_parent.all() == [post]
    assert others.count() == 0
    assert session.scalars(authors).all() == [user]


def test_an_object_that_left_its_session_is_known_by_what_it_was(depots: Session) -> None:
    session = depots
    parcel = Parcel(depot=Depot(code="a"))
    session.add(parcel)
    session.commit()
    assert parcel.depot_code == "a"
    query = session.query(Depot).with_parent(parcel, "depot")
    session.expire(parcel)
    session.expunge(parcel)
    assert query.one().code == "a"


# -- dynamic relationships


def test_a_dynamic_relationship_of_a_pending_object_is_a_query(depots: Session) -> None:
    session = depots
    depot = Depot(code="a")
    session.add(depot)
    session.add_all([Parcel(depot=depot), Parcel(depot=depot)])
    assert depot.notes.filter(Parcel.id > 0).count() == 2
    questions = (
        lambda d: d.notes.count(),
        lambda d: len(list(d.notes)),
        lambda d: len(d.notes[0:5]),
        lambda d: len(d.notes.all()),
    )
    for number, ask in enumerate(questions):
        pending = Depot(code=f"b{number}")
        session.add(pending)
        session.add(Parcel(depot=pending))
        assert ask(pending) == 1
    with session.no_autoflush:
        late = Depot(code="late")
        session.add(late)
        assert (late.notes.count(), list(late.notes), late.notes[0:1]) == (0, [], [])
        assert late.notes.filter(Parcel.id > 0).all() == []


def test_an_error_of_an_autoflush_says_where_it_comes_from(session: Session) -> None:
    session.add(Post(title=3))
    with pytest.raises(FlaskUowError) as caught:
        session.query(User).count()
    assert "no_autoflush" in caught.value.__notes__[0]
    session.rollback()


@pytest.mark.parametrize(
    "execute",
    [
        lambda session, options: session.scalar(select(func.count(User.id)).execution_options(**options)),
        lambda session, options: session.scalar(select(func.count(User.id)), execution_options=options),
        lambda session, options: session.execute(
            text('SELECT count(*) FROM "user"'), execution_options=options
        ).scalar(),
        lambda session, options: len(session.scalars(select(User).execution_options(**options)).all()),
        lambda session, options: len(
            session.scalars(select(User), execution_options={**options, "yield_per": 2}).all()
        ),
        lambda session, options: session.execute(delete(User), execution_options=options).rowcount,
        lambda session, options: session.query(User).execution_options(**options).count(),
        lambda session, options: len(session.query(User).execution_options(**options).all()),
        lambda session, options: len(list(session.query(User).execution_options(**options).yield_per(2))),
        lambda session, options: int(session.query(User).execution_options(**options).get(77) is not None),
        lambda session, options: int(session.get(User, 77, execution_options=options) is not None),
    ],
)
def test_an_option_keeps_one_statement_from_flushing(session: Session, execute: Callable[..., int]) -> None:
    user = User(id=77, name="ann")
    session.add(user)
    assert execute(session, {"autoflush": False}) == 0
    assert inspect(user).pending
    assert execute(session, {"autoflush": True}) == 1
