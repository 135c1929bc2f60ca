"""Statements and queries as users write them, type-checked by mypy and pyright and never run: each ``assert_type`` has to hold."""

from __future__ import annotations

from typing import Any, assert_type

from flask_uow import (
    CompoundSelect,
    Engine,
    Insert,
    KeysetPagination,
    Mapper,
    Pagination,
    Query,
    Result,
    Row,
    Select,
    Session,
    String,
    aliased,
    and_,
    case,
    cast,
    delete,
    exists,
    func,
    insert,
    inspect,
    joinedload,
    literal,
    scoped_session,
    select,
    sessionmaker,
    text,
    union_all,
    update,
)
from flask_uow.sql import ColumnElement
from flask_uow.sql.expressions import Label
from tests.typing.user_code import Post, User, db


def select_objects(session: Session) -> None:
    assert_type(select(User), Select[tuple[User]])
    statement = (
        select(User).join(Post).where(User.name == "ed").options(joinedload(User.posts)).with_for_update(of=User)
    )
    assert_type(statement.order_by(User.name.desc()).limit(3).offset(1).distinct(), Select[tuple[User]])
    assert_type(session.scalars(statement).all(), list[User])
    assert_type(session.scalars(statement).unique().one(), User)
    assert_type(session.scalars(statement).first(), User | None)
    assert_type(session.scalar(statement), User | None)
    assert_type(session.execute(statement).scalars().all(), list[User])
    assert_type(session.execute(statement).scalar_one_or_none(), User | None)
    assert_type(session.execute(statement).unique().scalar_one(), User)
    for user in session.scalars(statement):
        assert_type(user.posts[0].author, User)
    assert_type(select(User).from_statement(text("SELECT * FROM user")).execution_options(yield_per=5).is_select, bool)
    assert_type(session.scalars(select(User).from_statement(text("SELECT * FROM user"))).all(), list[User])


def select_columns(session: Session) -> None:
    assert_type(select(User.id, User.email), Select[tuple[int, str | None]])
    row = session.execute(select(User.id, User.email)).one()
    number, email = row
    assert_type(number, int)
    assert_type(email, str | None)
    assert_type(row[0], int)
    assert_type(row[-1], str | None)
    assert_type(row._asdict(), dict[str, Any])
    assert_type(row.email, Any)
    for number, email in session.execute(select(User.id, User.email).where(User.id > 1)):
        assert_type(email, str | None)
    for number, email in session.execute(select(User.id, User.email)).all():
        assert_type(number, int)
    for part in session.execute(select(User.id, User.email)).partitions(10):
        assert_type(part[0][1], str | None)
    for user, post in session.execute(select(User, Post).join(Post)):
        assert_type(user, User)
        assert_type(post, Post)
    maybe = session.execute(select(User, Post.id)).first()
    if maybe is not None:
        assert_type(maybe[1], int)
    assert_type(session.scalar(select(User.id)), int | None)
    assert_type(session.scalars(select(User.email)).all(), list[str | None])
    assert_type(session.execute(select(User.id).add_columns(User.name, Post)).one()[2], Post)
    assert_type(select(User).with_only_columns(User.id), Select[tuple[int]])
    assert_type(select(User.id).union(select(Post.id)), CompoundSelect[tuple[int]])
    assert_type(session.scalars(union_all(select(User.name), select(User.name))).all(), list[str])


def select_expressions(session: Session) -> None:
    assert_type(session.scalar(select(func.count(User.id))), int | None)
    assert_type(session.execute(select(func.count()).select_from(User)).scalar_one(), int)
    assert_type(session.scalar(select(func.max(User.joined).label("last"))) is None, bool)
    assert_type(select(func.lower(User.name), func.max(User.id)), Select[tuple[str, int]])
    assert_type(session.scalar(select(func.coalesce(User.email, ""))), str | None)
    assert_type(session.execute(select(func.coalesce(User.email, ""))).scalar_one(), str)
    assert_type(session.execute(select(func.row_number().over(order_by=User.id))).scalar_one(), int)
    assert_type(session.execute(select(cast(User.id, String))).scalar_one(), str)
    assert_type(session.execute(select(literal(3))).scalar_one(), int)
    assert_type(session.execute(select(User.id + 1, User.name + "x")).one()[1], str)
    assert_type(User.id.label("number"), Label[int])
    assert_type(session.execute(select(select(User.id).scalar_subquery())).scalar_one(), int)
    assert_type(session.execute(select(exists(select(User.id)))).scalar_one(), bool)
    other = aliased(User)
    assert_type(session.execute(select(User, other)).one()[1], User)
    assert_type(session.execute(select(other.name)).scalar_one(), str)
    assert_type(session.execute(select(case((User.id > 1, "a"), else_="b"))).scalar_one(), Any)


def write_criteria() -> None:
    assert_type(User.name == "ed", ColumnElement[bool])
    assert_type(User.id.in_([1, 2]), ColumnElement[bool])
    assert_type(User.email.is_(None), ColumnElement[bool])
    assert_type(User.posts.any(Post.id == 1), ColumnElement[bool])
    assert_type(Post.author.has(User.name == "ed"), ColumnElement[bool])
    assert_type(and_(User.id > 1, ~User.name.like("e%")) | (User.id < 7), ColumnElement[bool])


def ask_for_nothing_known(session: Session, engine: Engine, statement: Any, given: Result[Any], bare: Result) -> None:
    for number, name in session.execute(text("SELECT 1, 'a'")):
        assert_type(number, Any)
    for number, name in session.execute(statement):
        assert_type(name, Any)
    number, name = given.one()
    number, name = bare.one()
    assert_type(session.scalar(text("SELECT 1")), Any)
    assert_type(session.execute(insert(User).values(name="ed")).rowcount, int)
    session.execute(update(User).where(User.id == 1).values(name="ed"))
    session.execute(delete(User).where(User.id == 1))
    session.execute(select(User.__table__))
    with engine.connect() as connection:
        assert_type(connection.execute(select(User.id, User.name)).one()[1], str)
        assert_type(connection.scalar(select(User.id)), int | None)
        assert_type(connection.scalars(select(User.name)).all(), list[str])


def return_rows(session: Session) -> None:
    assert_type(session.scalars(insert(User).returning(User.id), [{"name": "ed"}]).all(), list[int])
    assert_type(session.scalars(insert(User).values(name="ed").returning(User)).one(), User)
    number, email = session.execute(update(User).where(User.id == 1).returning(User.id, User.email)).one()
    assert_type(email, str | None)
    assert_type(session.scalar(delete(User).returning(User.id).where(User.id == 1)), int | None)
    statement: Insert = insert(User).returning(User.id)
    session.execute(statement)


def look_inside(user: User, engine: Engine) -> None:
    assert_type(inspect(User), Mapper)
    assert_type(inspect(User).relationships.posts.uselist, bool)
    assert_type([column.key for column in inspect(User).column_attrs], list[str])
    assert_type(inspect(user).persistent, bool)
    assert_type(inspect(user).attrs.name.history.has_changes(), bool)
    assert_type(inspect(engine).get_table_names(), list[str])


def annotate(session: Session) -> Select[tuple[User]]:
    def first(row: Row[tuple[int, str]]) -> Any:
        return row[0]

    def names(result: Result[tuple[int, str]]) -> list[str]:
        return [name for _, name in result]

    first(session.execute(select(User.id, User.name)).one())
    names(session.execute(select(User.id, User.name)))
    return select(User).where(User.id == 1)


def query(session: Session) -> None:
    assert_type(session.query(User), Query[User])
    found = session.query(User).filter_by(name="ed").join(User.posts).order_by(User.id).with_for_update().limit(3)
    assert_type(found.populate_existing().execution_options(yield_per=3).all(), list[User])
    assert_type(session.query(User).filter(User.name == "ed").first(), User | None)
    assert_type(session.query(User).get(1), User | None)
    assert_type(session.query(User).count(), int)
    assert_type(session.query(func.count(User.id)).scalar(), int | None)
    for number, email in session.query(User.id, User.email):
        assert_type(email, str | None)
    for (number,) in session.query(User.id):
        assert_type(number, int)
    user, name = session.query(User, User.name).one()
    assert_type(user, User)
    assert_type(name, str)
    assert_type(session.get(User, 1, with_for_update=True, options=[joinedload(User.posts)]), User | None)
    assert_type(session.get_one(User, 1), User)
    assert_type(session.merge(User(name="ed")), User)
    assert_type(session.merge_all([User(name="ed")]), list[User])
    session.refresh(User(name="ed"), with_for_update={"nowait": True})


class OwnSession(Session):
    pass


def make_sessions(engine: Engine) -> None:
    maker = sessionmaker(engine, expire_on_commit=False)
    with maker() as session:
        assert_type(session.scalars(select(User)).all(), list[User])
    with maker.begin() as session:
        assert_type(session, Session)
    maker.configure(autoflush=False)
    with sessionmaker(engine, class_=OwnSession).begin() as own:
        assert_type(own, OwnSession)
    scoped = scoped_session(maker)
    assert_type(scoped.scalars(select(User)).all(), list[User])
    assert_type(scoped.query(User.id, User.name).all()[0][1], str)


def use_the_session_of_an_app() -> None:
    assert_type(db.session.scalars(select(Post)).all(), list[Post])
    assert_type(db.session.scalar(select(Post.author_id)), int | None)
    assert_type(db.session.execute(select(User.id, User.name)).one()[1], str)
    assert_type(db.session.get(User, 1), User | None)
    assert_type(db.session.query(User).first_or_404("no user"), User)
    assert_type(db.session.query(User).get_or_404(1), User)
    assert_type(db.session.query(User.id).all()[0][0], int)
    assert_type(db.session.execute(db.select(User)).scalar_one(), User)
    assert_type(User.query.filter_by(name="ed").all(), list[User])
    assert_type(User.query.get_or_404(1), User)
    assert_type(User.query.order_by(User.id).one_or_404(), User)


def answer_a_request() -> None:
    assert_type(db.get_or_404(User, 1), User)
    assert_type(db.first_or_404(select(User)), User)
    assert_type(db.first_or_404(select(User.name, User.id)), str)
    assert_type(db.one_or_404(User.query.filter_by(name="ed")), User)
    assert_type(db.one_or_404(db.session.query(User.name)), str)
    page = db.paginate(select(User).order_by(User.id), per_page=5, error_out=False)
    assert_type(page, Pagination[User])
    assert_type(page.items, list[User])
    assert_type(page.next().items[0], User)
    assert_type(page.total, int | None)
    for user in page:
        assert_type(user, User)
    for number, name in db.paginate(select(User.id, User.name)):
        assert_type(name, str)
    assert_type(db.paginate(select(User.name)).items, list[str])
    assert_type(User.query.paginate(page=3).items, list[User])
    assert_type(db.paginate(User.query), Pagination[User])
    assert_type(db.paginate(select(User), keyset=[User.id]), KeysetPagination[User])
    assert_type(User.query.paginate(keyset=[User.id.desc()], after=None).items, list[User])
