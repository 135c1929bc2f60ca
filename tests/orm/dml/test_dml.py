"""INSERT, UPDATE and DELETE of mapped classes as statements, and the Session's objects beside them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_uow import (
    ArgumentError,
    Bundle,
    CompileError,
    DeclarativeBase,
    Engine,
    InvalidRequestError,
    Mapped,
    MetaData,
    Session,
    aliased,
    and_,
    bindparam,
    case,
    column_property,
    configure_mappers,
    delete,
    func,
    insert,
    inspect,
    literal,
    mapped_column,
    not_,
    null,
    or_,
    select,
    update,
)
from flask_uow import column as column_
from tests.orm.models import Place, Post, Tag, User
from tests.statements import StatementLog


@pytest.fixture
def filled(session: Session) -> Session:
    """A Session with users u0 to u3, of whom u3 has two posts."""
    session.add_all(User(name=f"u{n}", email=None if n == 0 else f"u{n}@x") for n in range(4))
    session.flush()
    author = session.query(User).filter_by(name="u3").one()
    author.posts = [Post(title="a"), Post(title="b")]
    session.commit()
    return session


def loaded(session: Session) -> dict[str, User]:
    return {user.name: user for user in session.query(User)}


# -- objects in step


@pytest.mark.parametrize("way", ["auto", "evaluate", "fetch"])
def test_an_update_by_criteria_changes_the_objects_that_match(
    filled: Session, way: str, statements: StatementLog
) -> None:
    users = loaded(filled)
    with statements.expect(1):
        count = filled.query(User).filter(User.name.in_(["u1", "u2"])).update({"email": "new"}, synchronize_session=way)
    assert count == 2
    assert {name: user.email for name, user in users.items()} == {"u0": None, "u1": "new", "u2": "new", "u3": "u3@x"}
    assert not filled.dirty
    filled.expire_all()
    assert {name: user.email for name, user in users.items()} == {"u0": None, "u1": "new", "u2": "new", "u3": "u3@x"}


@pytest.mark.parametrize("way", ["auto", "evaluate", "fetch"])
def test_a_delete_by_criteria_takes_the_objects_out(filled: Session, way: str) -> None:
    users = loaded(filled)
    assert filled.query(User).filter(User.email == None).delete(way) == 1  # noqa: E711
    assert users["u0"] not in filled
    assert users["u1"] in filled
    filled.rollback()
    assert users["u0"] in filled
    assert users["u0"].name == "u0"


def test_evaluated_values_need_no_further_statement(filled: Session, statements: StatementLog) -> None:
    users = loaded(filled)
    filled.query(User).filter(User.name == "u1").update({User.email: "e"})
    posts = filled.query(Post).all()
    filled.query(Post).filter(Post.title == "a").update({"title": "A"})
    with statements.expect(0):
        assert users["u1"].email == "e"
        assert sorted(post.title for post in posts) == ["A", "b"]
    filled.query(User).filter(User.name == "u1").update({"email": User.name + "!"})
    with statements.expect(1):
        assert users["u1"].email == "u1!"


def test_what_python_cannot_evaluate_is_fetched(filled: Session, statements: StatementLog) -> None:
    users = loaded(filled)
    criteria = func.lower(User.name).like("U%".lower())
    with statements.expect(1, "RETURNING"):
        assert filled.query(User).filter(criteria, User.name != "u0").update({"email": "x"}) == 3
    assert users["u3"].email == "x"
    assert users["u0"].email is None
    with pytest.raises(InvalidRequestError, match="Python cannot work out"):
        filled.query(User).filter(criteria).update({"email": "x"}, synchronize_session="evaluate")
    subquery = select(Post.author_id)
    assert filled.query(User).filter(~User.id.in_(subquery)).delete() == 3
    assert [user.name for user in users.values() if user in filled] == ["u3"]


def test_the_session_may_be_left_out(filled: Session) -> None:
    users = loaded(filled)
    filled.query(User).filter_by(name="u1").update({"email": "new"}, synchronize_session=False)
    assert users["u1"].email == "u1@x"
    filled.query(User).filter_by(name="u2").delete(synchronize_session=False)
    assert users["u2"] in filled
    with pytest.raises(ArgumentError, match=r"synchronize_session='fecth'.*Did you mean 'fetch'"):
        filled.query(User).delete("fecth")


def test_a_foreign_key_that_was_updated_brings_its_relationship_along(filled: Session) -> None:
    users = loaded(filled)
    post = filled.query(Post).filter_by(title="a").one()
    assert post.author is users["u3"]
    filled.query(Post).filter_by(title="a").update({"author_id": users["u1"].id})
    assert post.author is users["u1"]


def test_an_object_whose_values_are_not_loaded_is_asked_about(filled: Session) -> None:
    users = loaded(filled)
    filled.expire(users["u1"])
    filled.expire(users["u2"])
    filled.query(User).filter_by(name="u1").update({"email": "new"})
    assert (users["u1"].email, users["u2"].email) == ("new", "u2@x")
    filled.expire(users["u1"])
    filled.query(User).filter_by(name="u1").delete()
    assert users["u1"] not in filled


def test_unflushed_changes_are_written_before(filled: Session) -> None:
    users = loaded(filled)
    users["u1"].email = "mine"
    assert filled.query(User).filter_by(email="mine").update({"email": "theirs"}) == 1
    assert users["u1"].email == "theirs"
    with filled.no_autoflush:
        users["u2"].email = "unflushed"
        filled.query(User).filter_by(name="u2").update({"email": "theirs"})
        assert users["u2"].email == "theirs"
        assert not filled.is_modified(users["u2"])


def test_a_key_may_be_updated_by_criteria(filled: Session) -> None:
    filled.add(Place(x=1, y=1, label="here"))
    filled.flush()
    filled.query(Place).update({"y": 2})
    assert filled.get(Place, (1, 2)).label == "here"


def test_statements_are_kept_in_step_like_queries(filled: Session) -> None:
    users = loaded(filled)
    filled.execute(update(User).where(User.name == bindparam("who")), {"who": "u1", "email": "given"})
    assert users["u1"].email == "given"
    filled.execute(update(User).where(User.name == "u2").values(email="x").execution_options(synchronize_session=False))
    assert users["u2"].email == "u2@x"
    filled.execute(
        update(User).where(User.id == bindparam("key")),
        [{"key": users["u1"].id, "email": "1"}, {"key": users["u2"].id, "email": "2"}],
    )
    assert (users["u1"].email, users["u2"].email) == ("1", "2")
    filled.execute(delete(User).where(User.name == "u1"))
    assert users["u1"] not in filled


def test_update_takes_values_from_other_tables(filled: Session, database: str) -> None:
    users = loaded(filled)
    filled.execute(update(User).where(User.id == Post.author_id, Post.title == "a").values(email=Post.title))
    assert users["u3"].email == "a"
    newest = select(func.max(Post.title)).where(Post.author_id == User.id).scalar_subquery()
    filled.execute(update(User).values(email=func.coalesce(newest, "none")))
    assert {name: user.email for name, user in users.items()} == {"u0": "none", "u1": "none", "u2": "none", "u3": "b"}
    if database == "postgresql":
        assert filled.execute(delete(Post).where(Post.author_id == User.id, User.name == "u3")).rowcount == 2
    else:
        with pytest.raises(CompileError, match="cannot DELETE by the rows of other tables"):
            filled.execute(delete(Post).where(Post.author_id == User.id, User.name == "u3"))


def test_in_autocommit_mode_deleted_objects_are_detached(filled: Session, make_session: Any) -> None:
    free: Session = make_session(autocommit=True)
    user = free.query(User).filter_by(name="u1").one()
    assert free.query(User).filter_by(name="u1").delete() == 1
    assert user not in free
    assert inspect(user).detached


def test_only_plain_queries_update_and_delete(filled: Session) -> None:
    for query in (
        filled.query(User.name),
        filled.query(User).limit(1),
        filled.query(User).join(User.posts),
        filled.query(User, Post),
    ):
        with pytest.raises(InvalidRequestError, match="update\\(\\) and delete\\(\\)"):
            query.delete()


# -- RETURNING and upsert


def test_returning_a_class_gives_its_objects(filled: Session) -> None:
    users = loaded(filled)
    made = filled.scalars(insert(User).values(name="new", email="n").returning(User)).one()
    assert (made.name, made.id) == ("new", filled.query(User.id).filter_by(name="new").scalar())
    changed = filled.scalars(update(User).where(User.name == "u1").values(email="z").returning(User)).all()
    assert changed == [users["u1"]]
    assert users["u1"].email == "z"
    row = filled.execute(
        update(User)
        .where(User.name == "u2")
        .values(email="y")
        .returning(User, User.email, func.length(User.name).label("n"))
    ).one()
    assert (row.User, row.email, row.n) == (users["u2"], "y", 2)
    assert filled.scalars(delete(User).where(User.name == "new").returning(User.id)).all() == [made.id]
    assert made not in filled


def test_objects_are_in_step_where_returning_gives_columns(filled: Session) -> None:
    users = loaded(filled)
    (key,) = filled.scalars(update(User).where(User.name == "u1").values(email="z").returning(User.id))
    assert (users["u1"].id, users["u1"].email) == (key, "z")
    unknown = func.lower(User.name) == "u2"
    assert filled.scalars(update(User).where(unknown).values(email="y").returning(User.email)).all() == ["y"]
    assert users["u2"].email == "y"
    row = insert(User).values(name="u2", email="x").on_conflict_do_update([User.name]).returning(User.id)
    assert filled.scalars(row).all() == [users["u2"].id]
    assert users["u2"].email == "x"
    assert filled.scalars(delete(User).where(User.name == "u2").returning(User.name)).all() == ["u2"]
    assert users["u2"] not in filled
    given = filled.scalars(
        update(User).where(User.name == bindparam("who")).returning(User), {"who": "u0", "email": "g"}
    )
    assert given.all() == [users["u0"]]
    assert users["u0"].email == "g"
    listed = filled.scalars(insert(User).returning(User), [{"name": "a"}, {"name": "b"}]).all()
    assert sorted(user.name for user in listed) == ["a", "b"]
    with pytest.raises(InvalidRequestError, match="list of parameter sets"):
        filled.execute(
            update(User).where(User.name == bindparam("who")).returning(User),
            [{"who": "a", "email": "1"}, {"who": "b", "email": "2"}],
        )


@pytest.mark.parametrize("is_loaded", [True, False])
@pytest.mark.parametrize("way", ["auto", "evaluate", "fetch"])
@pytest.mark.parametrize("known", [True, False])
def test_objects_that_a_delete_returns_are_gone_and_can_be_read(
    filled: Session, way: str, known: bool, is_loaded: bool
) -> None:
    if way == "evaluate" and not known:
        return
    posts = filled.query(Post).all() if is_loaded else []
    criterion = Post.title == "a" if known else func.lower(Post.title) == "a"
    statement = delete(Post).where(criterion).returning(Post, Post.title)
    post, title = filled.execute(statement.execution_options(synchronize_session=way)).one()
    assert (post.title, title) == ("a", "a")
    assert inspect(post).deleted
    assert post not in filled
    assert [other in filled for other in posts if other is not post] == [True] * is_loaded
    filled.commit()
    assert filled.query(Post.title).all() == [("b",)]


def test_objects_are_in_step_where_returning_gives_columns_for_criteria_of_the_database(filled: Session) -> None:
    users, posts = loaded(filled), {post.title: post for post in filled.query(Post)}
    other = posts["b"]
    gone = delete(Post).where(func.lower(Post.title) == "a").returning(Post.title, func.upper(Post.title), Post.id)
    row = filled.execute(gone).one()
    assert (*row[:2], row.id, list(row._mapping)) == ("a", "A", posts["a"].id, ["title", "upper", "id"])
    assert posts["a"] not in filled
    assert other in filled
    assert "title" in vars(other)
    changed = update(User).where(func.lower(User.name) == "u1").values(email="z").returning(User.email)
    assert filled.scalars(changed).all() == ["z"]
    assert users["u1"].email == "z"
    assert "email" in vars(users["u2"])


def test_objects_are_in_step_where_returning_gives_bundles(filled: Session) -> None:
    user = loaded(filled)["u1"]
    pair = Bundle("pair", User.name, User.email)
    changed = filled.execute(update(User).where(User.name == "u1").values(email="z").returning(pair)).all()
    assert [tuple(row.pair) for row in changed] == [("u1", "z")]
    assert user.email == "z"
    upsert = insert(User).values(name="u1", email="y").on_conflict_do_update([User.name]).returning(pair)
    assert tuple(filled.execute(upsert).one().pair) == ("u1", "y")
    assert user.email == "y"


def test_returning_gives_attributes_that_came_to_the_class_since(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    class Number(Base):
        __tablename__ = "number"
        id: Mapped[int] = mapped_column(primary_key=True)
        value: Mapped[int]

    Base.metadata.create_all(engine)
    before = [insert(Number).returning(Number), update(Number).values(value=7).returning(Number)]
    Number.twice = column_property(Number.value * 2)  # type: ignore[attr-defined]
    after = [insert(Number).returning(Number), delete(Number).returning(Number)]
    configure_mappers()
    with Session(engine) as session:
        for statement, rows in ((before[0], [{"value": 1}, {"value": 2}]), (after[0], {"value": 3})):
            found = session.scalars(statement, rows).all()
            assert [number.twice for number in found] == [2 * number.value for number in found]
        assert {vars(number)["twice"] for number in session.scalars(before[1])} == {14}
        assert len(session.scalars(after[1]).all()) == 3


# -- what is set


@pytest.mark.parametrize(
    "make",
    [
        lambda: update(User).values({Post.id: 9}),
        lambda: update(User).values({Post.__table__.c.id: 9}),
        lambda: update(User.__table__).values({Post.__table__.c.id: 9}),
        lambda: insert(User).values({Post.id: 9, User.name: "x"}),
        lambda: insert(User).values(id=9, name="x").on_conflict_do_update([User.id], {Post.id: 9}),
        lambda: insert(User).values(id=9, name="x").on_conflict_do_nothing([Post.id]),
        lambda: insert(User).from_select([Post.id, User.name], select(Tag.id, Tag.label)),
        lambda: update(aliased(User)).values({aliased(Post).id: 9}),
    ],
    ids=["attribute", "column", "of a table", "insert", "upsert", "conflict", "from a select", "alias"],
)
def test_a_column_of_another_table_is_not_taken_for_its_namesake(make: Callable[[], Any]) -> None:
    with pytest.raises(ArgumentError, match=r"the column 'id' of .*post.*, which it does not write"):
        make()


def test_a_column_of_another_table_is_refused_by_queries_and_lists(filled: Session) -> None:
    with pytest.raises(ArgumentError, match="the column 'id' of table 'post'"):
        filled.query(User).filter(User.name == "u1").update({Post.id: 9})
    with pytest.raises(ArgumentError, match="the column 'id' of table 'post'"):
        filled.execute(insert(User), [{Post.id: 9, User.name: "x"}, {Post.id: 10, User.name: "y"}])


def test_columns_are_named_by_aliases_and_other_tables_of_the_name(filled: Session) -> None:
    users, other = loaded(filled), User.__table__.to_metadata(MetaData())
    alias = aliased(User)
    for number, column in enumerate((alias.email, other.c.email, User.__table__.alias().c.email, column_("email"))):
        filled.execute(update(User).where(User.name == "u1").values({column: str(number)}))
        assert users["u1"].email == str(number)
    filled.query(alias).filter(alias.name == "u1").update({User.email: "by the class"})
    filled.refresh(users["u1"])
    assert users["u1"].email == "by the class"


def test_values_of_an_update_may_be_pairs(filled: Session) -> None:
    users = loaded(filled)
    filled.execute(update(User).where(User.name == "u1").values([("email", "a"), (User.name, "v1")]))
    assert (users["u1"].email, users["u1"].name) == ("a", "v1")
    assert filled.query(User).filter(User.name == "u2").update((("email", "b"),)) == 1
    assert users["u2"].email == "b"
    for wrong in ([{"email": "c"}], ["email", "c"], [("email",)]):
        with pytest.raises(ArgumentError, match="mapping of columns to values, or with pairs"):
            update(User).values(wrong)
    with pytest.raises(ArgumentError, match="got 5 for a column"):
        update(User).values({5: "x"})


def test_queries_of_a_table_update_and_delete(filled: Session) -> None:
    table = User.__table__
    users = loaded(filled)
    assert filled.query(table).filter(table.c.name == "u1").update({"email": "z"}) == 1
    assert filled.query(table.c.email).filter_by(name="u1").scalar() == "z"
    filled.refresh(users["u1"])
    assert users["u1"].email == "z"
    assert filled.query(table).filter_by(name="u2").delete(synchronize_session=False) == 1
    assert filled.query(User).filter_by(name="u2").count() == 0
    with pytest.raises(InvalidRequestError, match="or of a table"):
        filled.query(table.c.name).delete()


def test_no_way_to_bring_objects_in_step_leaves_them(filled: Session) -> None:
    user = loaded(filled)["u1"]
    assert filled.query(User).filter(User.name == "u1").update({"email": "z"}, synchronize_session=None) == 1
    assert user.email == "u1@x"


def test_rows_that_are_there_already_are_left_or_updated(filled: Session) -> None:
    users = loaded(filled)
    nothing = insert(User).values(name="u1", email="new").on_conflict_do_nothing([User.name])
    assert filled.execute(nothing).rowcount == 0
    assert filled.execute(insert(User).values(name="u1").on_conflict_do_nothing()).rowcount == 0
    upsert = insert(User).values([{"name": "u1", "email": "1"}, {"name": "u9", "email": "9"}])
    upsert = upsert.on_conflict_do_update([User.name], {"email": upsert.excluded.email + func.coalesce(User.email, "")})
    assert filled.execute(upsert).rowcount == 2
    assert users["u1"].email == "1u1@x"
    assert filled.query(User).filter_by(name="u9").one().email == "9"
    whole = insert(User).values(name="u2", email="2").on_conflict_do_update(["name"]).returning(User)
    assert filled.scalars(whole).one() is users["u2"]
    assert users["u2"].email == "2"
    conditional = insert(User).values(name="u2", email="3").on_conflict_do_update(["name"], where=User.email != "2")
    assert filled.execute(conditional).rowcount == 0
    by_list = insert(Place).on_conflict_do_update(["x", "y"], {"label": "again"})
    filled.execute(by_list, [{"x": 1, "y": 1, "label": "a"}, {"x": 1, "y": 1, "label": "b"}])
    assert filled.query(Place).one().label == "again"


def test_upserts_from_a_select_and_by_constraint(filled: Session, database: str) -> None:
    source = filled.query(User.name, literal("copied").label("email"))
    statement = insert(User).from_select([User.name, User.email], source).on_conflict_do_update(["name"])
    assert filled.execute(statement).rowcount == 4
    assert {user.email for user in filled.query(User)} == {"copied"}
    constraint = next(c for c in User.__table__.constraints if type(c).__name__ == "UniqueConstraint")
    by_constraint = insert(User).values(name="u1", email="k").on_conflict_do_update(constraint=constraint)
    assert filled.execute(by_constraint).rowcount == 1


def test_upserts_that_make_no_sense_are_refused() -> None:
    row = insert(User).values(name="x")
    with pytest.raises(ArgumentError, match="which key is meant"):
        row.on_conflict_do_update(set_={"name": "x"})
    with pytest.raises(ArgumentError, match="needs the columns first"):
        insert(User).on_conflict_do_update(["name"])
    with pytest.raises(ArgumentError, match="nothing to set"):
        row.on_conflict_do_update(["name"], {})
    with pytest.raises(ArgumentError, match="not both"):
        row.on_conflict_do_nothing(["name"], constraint="c")
    with pytest.raises(InvalidRequestError, match="no mapped attribute 'nmae'"):
        row.on_conflict_do_update(["nmae"])


def test_rows_are_inserted_from_a_query(filled: Session) -> None:
    statement = insert(Tag).from_select(["label"], filled.query(User.name).filter(User.name > "u1"))
    assert filled.execute(statement).rowcount == 2
    assert [label for (label,) in filled.query(Tag.label).order_by(Tag.label)] == ["u2", "u3"]
    busy = select(User.name).where(User.posts.any()).cte("busy")
    filled.execute(insert(Tag).from_select(["label"], select(busy.c.name)))
    assert filled.query(Tag).count() == 3
    with pytest.raises(ArgumentError, match="got 1 columns and a SELECT of 2"):
        insert(Tag).from_select(["label"], filled.query(User.id, User.name))


# -- the evaluator against the database


class Base(DeclarativeBase):
    pass


class Thing(Base):
    __tablename__ = "thing"
    id: Mapped[int] = mapped_column(primary_key=True)
    a: Mapped[int | None]
    b: Mapped[int | None]
    t: Mapped[str | None]
    on: Mapped[bool | None]


columns = st.sampled_from([Thing.a, Thing.b])
numbers = columns | st.integers(-2, 3)
terms = st.recursive(
    numbers,
    lambda inner: st.tuples(columns, st.sampled_from("+-*"), inner).map(
        lambda p: {"+": p[0] + p[2], "-": p[0] - p[2], "*": p[0] * p[2]}[p[1]]
    ),
)
comparisons = st.one_of(
    st.tuples(columns, st.sampled_from(["__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"]), terms).map(
        lambda p: getattr(p[0], p[1])(p[2])
    ),
    st.tuples(columns, st.lists(st.integers(-2, 3) | st.none(), max_size=3)).map(lambda p: p[0].in_(p[1])),
    st.tuples(columns, st.lists(st.integers(-2, 3) | st.none(), max_size=3)).map(lambda p: p[0].not_in(p[1])),
    st.tuples(columns, st.integers(-2, 3), terms).map(lambda p: p[0].between(p[1], p[2])),
    columns.map(lambda c: c.is_(None)),
    columns.map(lambda c: c.is_not(None)),
    st.sampled_from([Thing.t == "x", Thing.t != "x", Thing.t.in_(["x", "y"]), Thing.on == True, Thing.on.is_(None)]),  # noqa: E712
    st.tuples(columns, terms).map(lambda p: case((p[0] > 0, p[1]), else_=p[0]) == 1),
)
conditions = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda cs: and_(*cs)),
        st.lists(inner, min_size=1, max_size=3).map(lambda cs: or_(*cs)),
        inner.map(not_),
    ),
    max_leaves=6,
)


def test_python_and_the_database_agree_on_what_matches(engine: Engine) -> None:
    """The evaluator's three-valued logic is the database's own."""
    Base.metadata.create_all(engine)
    small = st.integers(-2, 3) | st.none()
    with contextlib.closing(Session(engine)) as session:
        values = [(a, b) for a in (None, -1, 0, 2) for b in (None, -2, 1, 3)]
        session.add_all(
            Thing(a=a, b=b, t=[None, "x", "y"][n % 3], on=[None, True, False][n % 3]) for n, (a, b) in enumerate(values)
        )
        session.commit()
        things = session.query(Thing).order_by(Thing.id).all()

        @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
        @given(conditions, columns, terms | small | st.just(null()))
        def check(condition: Any, target: Any, value: Any) -> None:
            session.query(Thing).filter(condition).update({target: value}, synchronize_session="evaluate")
            seen = {thing.id: (thing.a, thing.b) for thing in things}
            stored = {row[0]: (row[1], row[2]) for row in session.query(Thing.id, Thing.a, Thing.b)}
            assert seen == stored
            gone = session.query(Thing).filter(condition).delete(synchronize_session="evaluate")
            assert len([thing for thing in things if thing not in session]) == gone
            session.rollback()

        check()


@pytest.mark.parametrize("way", ["auto", "evaluate", "fetch", False])
def test_an_update_with_values_takes_further_attributes_when_it_is_executed(filled: Session, way: Any) -> None:
    user = loaded(filled)["u1"]
    statement = update(User).where(User.name == "u1").values(name="other")
    filled.execute(statement, {"email": "new@x"}, execution_options={"synchronize_session": way})
    assert filled.execute(select(User.name, User.email).where(User.id == user.id)).one() == ("other", "new@x")
    if way is not False:
        assert (user.name, user.email) == ("other", "new@x")
    row = filled.execute(update(User).where(User.id == user.id).values(name="a").returning(User.email), {"email": "b"})
    assert row.scalar() == "b"
