"""How queries are executed: rows of statements of the user's own, populate_existing, streaming, locks."""

from __future__ import annotations

import datetime as dt
import gc
from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    Column,
    Date,
    DBAPIError,
    Engine,
    ForeignKey,
    Integer,
    InvalidRequestError,
    MetaData,
    MultipleResultsFound,
    NoResultFound,
    Registry,
    Session,
    StreamedResult,
    String,
    Table,
    aliased,
    contains_eager,
    defer,
    func,
    insert,
    inspect,
    joinedload,
    mapper,
    relationship,
    select,
    selectinload,
    text,
    update,
)
from tests.orm.models import Node, Place, Post, Tag, User
from tests.statements import StatementLog


@pytest.fixture
def filled(session: Session) -> Session:
    """A Session with three users; user n has n posts."""
    session.add_all(
        User(name=f"u{n}", email=f"u{n}@x", posts=[Post(title=f"p{n}.{m}") for m in range(n)]) for n in range(3)
    )
    session.commit()
    return session


# -- statements of the user's own


def test_the_rows_of_a_text_become_objects(filled: Session, statements: StatementLog) -> None:
    query = filled.query(User).from_statement(text('SELECT email, name, id FROM "user" WHERE name > :low ORDER BY id'))
    found = query.params(low="u0").all()
    assert [(user.name, user.email) for user in found] == [("u1", "u1@x"), ("u2", "u2@x")]
    assert found[0] is filled.query(User).filter_by(name="u1").one()
    assert [user.name for user in query.params(low="u1")] == ["u2"]
    with pytest.raises(NoResultFound):
        query.params(low="z").one()
    with pytest.raises(MultipleResultsFound):
        query.params(low="a").one()
    assert query.params(low="a").first().name == "u0"


def test_attributes_that_a_text_leaves_out_are_loaded_when_they_are_read(
    filled: Session, statements: StatementLog
) -> None:
    found = filled.scalars(select(User).from_statement(text('SELECT id FROM "user" ORDER BY id'))).all()
    assert "name" not in vars(found[0])
    with statements.expect(1):
        assert [user.name for user in found] == ["u0", "u1", "u2"]


def test_the_columns_of_a_text_may_be_named_by_position(filled: Session) -> None:
    sql = text(
        'SELECT u.id, u.name AS somebody, count(p.id) FROM "user" u JOIN post p ON p.author_id = u.id GROUP BY 1, 2'
    )
    typed = sql.columns(User.id, User.name)
    with pytest.raises(InvalidRequestError, match="returns 3 columns, and 2 were declared"):
        filled.execute(typed)
    count = func.count(Post.id).label("posts")
    query = filled.query(User, count).from_statement(sql.columns(User.id, User.name, count))
    assert sorted((user.name, posts) for user, posts in query) == [("u1", 1), ("u2", 2)]


def test_a_text_with_columns_stands_in_from_and_is_typed(filled: Session) -> None:
    days = text("SELECT CAST('2020-01-02' AS date) AS day UNION ALL SELECT NULL").columns(day=Date).subquery()
    if filled.get_bind().name == "postgresql":
        assert filled.query(days.c.day).filter(days.c.day.is_not(None)).scalar() == dt.date(2020, 1, 2)
    sub = (
        text('SELECT id, name FROM "user" WHERE name <> :no')
        .bindparams(no="u0")
        .columns(User.id, User.name)
        .subquery("s")
    )
    rows = filled.query(Post.title, sub.c.name).join(sub, sub.c.id == Post.author_id).filter(sub.c.name == "u1").all()
    assert rows == [("p1.0", "u1")]
    some = aliased(User, text('SELECT id, name, email FROM "user"').columns(User.id, User.name, User.email).cte("t"))
    assert filled.query(some).filter(some.name == "u2").one().name == "u2"


def test_objects_may_come_from_any_statement(filled: Session) -> None:
    statement = select(User.__table__).where(User.name == "u2")
    assert filled.query(User).from_statement(statement).one().name == "u2"
    returned = update(User.__table__).where(User.name == "u2").values(email="new").returning(User.__table__)
    found = filled.query(User).populate_existing().from_statement(returned).one()
    assert (found.name, found.email) == ("u2", "new")


def test_mistakes_with_statements_of_ones_own_are_explained(filled: Session) -> None:
    with pytest.raises(InvalidRequestError, match="gives no column 'id'; it gives name"):
        filled.query(User).from_statement(text('SELECT name FROM "user"')).all()
    with pytest.raises(InvalidRequestError, match="has criteria already"):
        filled.query(User).filter_by(name="x").from_statement(text("SELECT 1"))
    query = filled.query(User).from_statement(text("SELECT 1"))
    with pytest.raises(InvalidRequestError, match="nothing can be added"):
        query.filter_by(name="x")
    with pytest.raises(ArgumentError, match="takes text\\(\\) or a statement"):
        filled.query(User).from_statement("SELECT 1")
    with pytest.raises(ArgumentError, match="order and limit are part of the text"):
        text("SELECT 1").columns(User.id).limit(1)
    with pytest.raises(ArgumentError, match="got no column"):
        text("SELECT 1").columns()


# -- populate_existing


def test_populate_existing_overwrites_what_is_loaded(filled: Session, statements: StatementLog) -> None:
    user = filled.query(User).filter_by(name="u1").one()
    assert len(user.posts) == 1
    filled.execute(text("UPDATE \"user\" SET email = 'changed'"))
    with filled.no_autoflush:
        user.name = "mine"
        assert filled.query(User).filter(User.id == user.id).one().email == "u1@x"
        again = filled.query(User).populate_existing().filter(User.id == user.id).one()
    assert again is user
    assert (user.name, user.email) == ("u1", "changed")
    assert user not in filled.dirty
    assert "posts" not in vars(user)
    both = filled.query(User).options(joinedload(User.posts)).populate_existing().filter(User.id == user.id).one()
    assert [post.title for post in both.posts] == ["p1.0"]


def test_get_with_populate_existing_or_a_lock_asks_the_database(filled: Session, statements: StatementLog) -> None:
    user = filled.query(User).first()
    with statements.expect(0):
        assert filled.query(User).get(user.id) is user
    with statements.expect(1):
        assert filled.query(User).populate_existing().get(user.id) is user
    with statements.expect(1):
        assert filled.query(User).with_for_update().get(user.id) is user
    filled.add(Place(x=1, y=2))
    filled.commit()
    assert filled.query(Place).populate_existing().get((1, 2)).label == "nowhere"
    assert filled.query(Place).populate_existing().get((1, 3)) is None


def test_a_class_may_be_refreshed_by_every_query(engine: Engine) -> None:
    metadata = MetaData()
    rates = Table("rate", metadata, Column("id", Integer, primary_key=True), Column("value", Integer))
    quotes = Table(
        "quote",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("rate_id", Integer, ForeignKey("rate.id")),
        Column("value", Integer),
    )

    class Rate:
        value: Any

    class Quote:
        rates: Any
        rate: Any
        value: Any

    registry = Registry()
    mapper(Rate, rates, registry=registry, always_refresh=True)
    mapper(Quote, quotes, registry=registry, properties={"rate": relationship(Rate, backref="quotes")})
    metadata.create_all(engine)
    with Session(engine, autoflush=False) as session:
        quote, rate = Quote(), Rate()
        quote.value = rate.value = 1
        quote.rate = rate
        session.add(quote)
        session.commit()

        def change() -> None:
            _ = rate.value, quote.value
            session.execute(update(rates).values(value=rates.c.value + 1))
            rate.value = quote.value = 0

        change()
        assert session.query(Rate).one() is rate
        assert rate.value == 2
        change()
        assert session.query(Quote, Rate).one() == (quote, rate)
        assert (quote.value, rate.value) == (0, 3), "the other class keeps what was changed"
        change()
        assert session.get(Rate, 1) is session.query(Rate).get(1) is rate
        assert rate.value == 4
        change()
        assert session.query(Quote).options(joinedload("rate")).populate_existing().one().rate is rate
        assert rate.value == 5
        change()
        assert session.scalars(select(Rate).execution_options(yield_per=1)).all() == [rate]
        assert rate.value == 6


# -- yield_per


@pytest.fixture
def many(filled: Session) -> Session:
    filled.execute(insert(Tag), [{"label": f"t{n}"} for n in range(100)])
    filled.commit()
    return filled


def test_a_query_yields_objects_page_by_page(many: Session, statements: StatementLog, database: str) -> None:
    seen = []
    for tag in many.query(Tag).order_by(Tag.id).yield_per(40):
        seen.append(tag.label)
        assert tag in many
    assert seen == [f"t{n}" for n in range(100)]
    if database == "postgresql":
        sent = statements.sql
        assert sum("DECLARE" in sql for sql in sent) == 1
        assert sum("FETCH FORWARD 40" in sql for sql in sent) == 3
        assert sum("CLOSE" in sql for sql in sent) == 1


def test_what_is_said_of_the_execution_before_a_statement_of_ones_own_holds(
    many: Session,
) -> None:
    table = Tag.__table__
    whole = select(table).order_by(table.c.id)
    for query in (
        many.query(Tag).yield_per(10).from_statement(whole),
        many.query(Tag).from_statement(whole).yield_per(10),
        many.query(Tag).execution_options(yield_per=10).from_statement(whole),
        many.scalars(select(Tag).execution_options(yield_per=10).from_statement(whole)),
    ):
        many.expunge_all()
        iterator = iter(query)
        assert len(many.identity_map) == 0
        held = [next(iterator) for _ in range(15)]
        assert 15 <= len(many.identity_map) <= 20, "two pages"
        assert [tag.label for tag in held + list(iterator)] == [f"t{n}" for n in range(100)]
    first = many.query(Tag).order_by(Tag.id).first()
    first.label = "changed"
    with many.no_autoflush:
        again = many.query(Tag).populate_existing().from_statement(whole).all()
    assert (again[0] is first, first.label) == (True, "t0")
    with pytest.raises(InvalidRequestError, match="has to know the columns of a text"):
        list(many.query(Tag).yield_per(10).from_statement(text("SELECT * FROM tag")))


def test_only_a_page_of_objects_is_alive_at_a_time(many: Session) -> None:
    most = 0
    # what was there before is not looked through a hundred times
    gc.freeze()
    try:
        for _ in many.query(Tag).yield_per(10):
            gc.collect()
            most = max(most, len(many.identity_map))
    finally:
        gc.unfreeze()
    assert most <= 10


def test_pages_are_of_any_kind_of_item(many: Session) -> None:
    assert sum(1 for _ in many.query(Tag.id, Tag).yield_per(7)) == 100
    assert [row.id for row in many.query(Tag.id).order_by(Tag.id).yield_per(33)] == list(range(1, 101))
    streamed = many.scalars(select(Tag).order_by(Tag.id).execution_options(yield_per=30))
    assert isinstance(streamed, StreamedResult)
    assert [len(page) for page in streamed.partitions()] == [30, 30, 30, 10]
    rows = many.execute(select(Tag.id, Tag).order_by(Tag.id).execution_options(yield_per=50))
    assert rows.keys() == ("id", "Tag")
    assert [row.Tag.label for row in rows][:2] == ["t0", "t1"]
    typed = text("SELECT id, label FROM tag").columns(Tag.id, Tag.label)
    assert sum(1 for _ in many.query(Tag).from_statement(typed).yield_per(9)) == 100
    with pytest.raises(InvalidRequestError, match="Say what they are"):
        list(many.query(Tag).from_statement(text("SELECT * FROM tag")).yield_per(9))


def test_an_iteration_may_be_left_and_the_session_used_meanwhile(many: Session) -> None:
    for number, tag in enumerate(many.query(Tag).order_by(Tag.id).yield_per(10)):
        assert many.query(func.count(User.id)).scalar() == 3
        tag.label += "!"
        many.flush()
        if number == 24:
            break
    assert many.query(Tag).filter(Tag.label.endswith("!")).count() == 25


def test_the_end_of_the_transaction_is_noticed_by_an_iteration(many: Session) -> None:
    pages = iter(many.query(Tag).yield_per(10))
    assert sum(1 for _ in zip(range(10), pages, strict=False)) == 10
    many.commit()
    with pytest.raises(InvalidRequestError, match="the transaction ended while rows were still being read"):
        list(pages)
    failed = iter(many.query(Tag).yield_per(10))
    next(failed)
    with pytest.raises(DBAPIError):
        many.execute("SELECT no_such_column FROM tag")
    del failed
    many.rollback()
    assert many.query(Tag).count() == 100


def test_relationships_are_loaded_for_each_page(many: Session, statements: StatementLog) -> None:
    many.expunge_all()
    query = many.query(User).order_by(User.id).options(selectinload(User.posts), defer(User.email)).yield_per(2)
    found = [(user.name, len(vars(user)["posts"]), "email" in vars(user)) for user in query]
    assert found == [("u0", 0, False), ("u1", 1, False), ("u2", 2, False)]
    with_join = many.query(User).options(joinedload(User.posts)).order_by(User.id).yield_per(2)
    assert [len(vars(user)["posts"]) for user in with_join] == [0, 1, 2]
    with pytest.raises(InvalidRequestError, match="do not go together"):
        list(many.query(User).join(User.posts).options(contains_eager(User.posts)).yield_per(2))
    with pytest.raises(ArgumentError, match="expected 1 row at a time"):
        many.query(User).yield_per(0)


def test_pages_are_read_outside_a_transaction_too(many: Session, make_session: Any) -> None:
    free: Session = make_session(autocommit=True)
    assert sum(1 for _ in free.query(Tag).yield_per(30)) == 100
    for _ in free.query(Tag).yield_per(30):
        break
    assert free.query(Tag).count() == 100


def test_populate_existing_holds_for_pages(many: Session) -> None:
    tag = many.query(Tag).filter_by(label="t3").one()
    many.execute(text("UPDATE tag SET label = label || '?'"))
    found = list(many.query(Tag).order_by(Tag.id).populate_existing().yield_per(8))
    assert tag in found
    assert tag.label == "t3?"


# -- the rest


def test_a_query_may_be_told_not_to_flush(filled: Session) -> None:
    filled.add(Node(name="new"))
    assert filled.query(Node).autoflush(False).count() == 0
    assert filled.query(Node).autoflush(False).all() == []
    assert filled.query(Node).count() == 1


def test_locks_in_all_their_forms(filled: Session, statements: StatementLog, database: str) -> None:
    query = filled.query(User).join(User.posts)
    queries = [
        (query.with_for_update(), " FOR UPDATE"),
        (query.with_for_update(nowait=True), " FOR UPDATE NOWAIT"),
        (query.with_for_update(skip_locked=True, of=User), ' FOR UPDATE OF "user" SKIP LOCKED'),
        (query.with_for_update(read=True, of=[User, Post]), ' FOR SHARE OF "user", post'),
        (query.with_for_update(key_share=True), " FOR NO KEY UPDATE"),
        (query.with_for_update(key_share=True, read=True), " FOR KEY SHARE"),
    ]
    for locked, written in queries:
        locked.all()
        assert statements.sql[-1].endswith(written) is (database == "postgresql")
    with pytest.raises(ArgumentError, match="not both"):
        query.with_for_update(nowait=True, skip_locked=True)
    alias = aliased(User, name="locked")
    assert filled.query(alias).with_for_update(of=alias).count() == 3


def test_a_locked_row_is_left_out_or_refused_by_the_other_session(
    make_session: Any, filled: Session, database: str
) -> None:
    if database == "sqlite":
        # the writer holds the whole database there
        return
    other: Session = make_session()
    filled.query(User).filter_by(name="u1").with_for_update().one()
    free = other.query(User).order_by(User.id).with_for_update(skip_locked=True)
    assert [user.name for user in free] == ["u0", "u2"]
    with pytest.raises(DBAPIError, match="could not obtain lock"):
        other.query(User).with_for_update(nowait=True).all()
    other.rollback()


def test_a_query_prints_as_its_statement(filled: Session) -> None:
    query = filled.query(User.name).filter(User.id == 5)
    assert str(query) == "SELECT user.name FROM user WHERE user.id = :param_1"
    assert inspect(User) is query.statement.entities[0].parent


def test_objects_of_a_text_whose_columns_are_known_by_name(session: Session) -> None:
    session.add(User(id=7, name="ed", email="e"))
    session.commit()
    sql = text('SELECT id, name, email FROM "user"').columns(email=String, name=String, id=Integer)
    user = session.scalars(select(User).from_statement(sql)).one()
    assert (user.id, user.name, user.email) == (7, "ed", "e")
    assert session.execute(sql).one()._asdict() == {"id": 7, "name": "ed", "email": "e"}
    with pytest.raises(InvalidRequestError, match="in order"):
        session.execute(select(User).from_statement(sql), execution_options={"yield_per": 5}).all()
