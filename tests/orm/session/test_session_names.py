"""Names of the Session that users of SQLAlchemy 2 know: what they do is what these users expect, or they are refused with the cure."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    DeclarativeBase,
    Engine,
    InvalidRequestError,
    Mapped,
    NoResultFound,
    OperationalError,
    ScopedSession,
    Session,
    StaleDataError,
    event,
    inspect,
    mapped_column,
    select,
    selectinload,
    sessionmaker,
    text,
    update,
)
from tests.orm.models import Node, Place, Post, Team, User
from tests.statements import StatementLog


@pytest.fixture
def user(session: Session) -> User:
    made = User(name="ed", email="e", posts=[Post(title="a")])
    session.add(made)
    session.commit()
    return made


def change_behind(session: Session, user: User, email: str) -> None:
    """Change the row of an object without the object."""
    session.execute(update(User.__table__).where(User.__table__.c.id == user.id).values(email=email))


# -- refresh


@pytest.mark.parametrize(
    "lock", [True, {"nowait": True}, {"read": True}, {"skip_locked": True}, {"of": User}, {"of": [User]}]
)
def test_refresh_with_for_update_locks_and_loads(
    session: Session, user: User, statements: StatementLog, lock: Any
) -> None:
    assert user.email == "e"
    change_behind(session, user, "changed")
    with statements.expect(1) as seen:
        session.refresh(user, with_for_update=lock)
    assert user.email == "changed"
    if session.get_bind().dialect.name == "postgresql":
        assert "FOR SHARE" in seen[0] if lock == {"read": True} else "FOR UPDATE" in seen[0]


@pytest.mark.parametrize("lock", [None, False])
def test_refresh_without_a_lock_just_loads(session: Session, user: User, statements: StatementLog, lock: Any) -> None:
    change_behind(session, user, "changed")
    with statements.expect(1) as seen:
        session.refresh(user, ["email"], with_for_update=lock)
    assert user.email == "changed"
    assert "FOR" not in seen[0]


def test_refresh_refuses_locks_that_it_does_not_know(session: Session, user: User) -> None:
    with pytest.raises(ArgumentError, match=r"unknown name 'nowat'\. Did you mean 'nowait'\?"):
        session.refresh(user, with_for_update={"nowat": True})
    with pytest.raises(ArgumentError, match="True, False or the arguments"):
        session.refresh(user, with_for_update="nowait")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="which say the same"):
        session.refresh(user, lockmode="read", with_for_update=True)
    with pytest.raises(ArgumentError, match="not both"):
        session.refresh(user, with_for_update={"nowait": True, "skip_locked": True})


def test_a_row_that_is_locked_by_another_is_not_waited_for_with_nowait(make_session: Any, user: User) -> None:
    first, second = make_session(), make_session()
    if first.get_bind().dialect.name != "postgresql":
        # SQLite locks the file, which the settings of the engine wait for
        return
    mine, other = first.get(User, user.id), second.get(User, user.id)
    first.refresh(mine, with_for_update=True)
    with pytest.raises(OperationalError):
        second.refresh(other, with_for_update={"nowait": True})


# -- get


def test_get_takes_execution_options(session: Session, user: User) -> None:
    assert user.email == "e"
    change_behind(session, user, "changed")
    assert session.get(User, user.id).email == "e"  # type: ignore[union-attr]
    assert session.get(User, user.id, execution_options={"populate_existing": True}) is user
    assert user.email == "changed"
    change_behind(session, user, "again")
    assert session.get_one(User, user.id, execution_options={"populate_existing": True}).email == "again"
    assert (
        session.get(User, user.id, populate_existing=True, with_for_update=True, options=[selectinload(User.posts)])
        is user
    )
    with pytest.raises(NoResultFound):
        session.get_one(User, 99, execution_options={"populate_existing": True})


def test_get_refuses_the_token_of_a_shard(session: Session, user: User) -> None:
    for get in (session.get, session.get_one):
        with pytest.raises(ArgumentError, match=r"identities here have no token.*Use a Session for each database"):
            get(User, user.id, identity_token="eu")


# -- execute


@pytest.mark.parametrize("form", ["select", "query"])
def test_execution_options_are_those_of_the_statement(session: Session, user: User, form: str) -> None:
    assert user.email == "e"
    change_behind(session, user, "changed")
    statement: Any = select(User) if form == "select" else session.query(User)
    session.execute(statement).all()
    assert user.email == "e"
    session.execute(statement, execution_options={"populate_existing": True}).all()
    assert user.email == "changed"
    change_behind(session, user, "again")
    assert session.scalars(statement, execution_options={"populate_existing": True}).one().email == "again"
    change_behind(session, user, "last")
    assert session.scalar(statement, execution_options={"populate_existing": True}).email == "last"


def test_rows_are_fetched_in_pages_where_execution_options_say_so(session: Session, user: User) -> None:
    session.add_all([User(name=str(number)) for number in range(5)])
    session.commit()
    pages = session.execute(select(User.id), execution_options={"yield_per": 2}).partitions()
    assert [len(page) for page in pages] == [2, 2, 2]


def test_execution_options_are_refused_where_there_are_none(session: Session) -> None:
    with pytest.raises(ArgumentError, match=r"takes none\. Give them to a statement"):
        session.execute(object(), execution_options={"populate_existing": True})


def test_bind_arguments_choose_the_engine(make_session: Any, tables: Engine, user: User) -> None:
    asked = []

    class Choosing(Session):
        def get_bind(self, mapper: Any = None, clause: Any = None, **kw: Any) -> Any:
            asked.append((mapper, kw))
            return super().get_bind(mapper, clause, **{name: value for name, value in kw.items() if name != "shard"})

    with Choosing(binds={User: tables}) as session:
        count = text('SELECT count(*) FROM "user"')
        assert session.execute(count, bind_arguments={"mapper": User}).scalar() == 1
        assert session.scalar(count, bind_arguments={"bind": tables}) == 1
        assert session.scalars(count, bind_arguments={"mapper": User, "shard": 3}).all() == [1]
        assert session.scalars(select(User), bind_arguments={"bind": tables, "shard": 4}).one().name == "ed"
        assert session.connection(bind_arguments={"mapper": User}).engine is tables
        assert session.connection({"mapper": User}).engine is tables
    assert [kw.get("shard") for _, kw in asked] == [None, None, 3, 4, None, None]


def test_bind_arguments_are_checked(session: Session) -> None:
    with pytest.raises(ArgumentError, match="which is the statement itself"):
        session.execute(select(User), bind_arguments={"clause": select(User)})
    with pytest.raises(ArgumentError, match="a mapping was expected"):
        session.execute(select(User), bind_arguments=User)  # type: ignore[arg-type]


def test_get_bind_has_all_its_forms(session: Session, tables: Engine, user: User) -> None:
    forms: list[Callable[[], Any]] = [
        session.get_bind,
        lambda: session.get_bind(User),
        lambda: session.get_bind(mapper=inspect(User)),
        lambda: session.get_bind(clause=select(User)),
        lambda: session.get_bind(instance=user),
        lambda: session.get_bind(bind=tables),
    ]
    assert [form() for form in forms] == [tables] * len(forms)


# -- connection


def test_a_connection_has_options_of_its_own_for_one_transaction(make_session: Any) -> None:
    session = make_session()
    connection = session.connection(execution_options={"isolation_level": "SERIALIZABLE"})
    assert connection.get_isolation_level() == "SERIALIZABLE"
    if session.get_bind().dialect.name == "postgresql":
        assert session.scalar(text("SHOW transaction_isolation")) == "serializable"
    with pytest.raises(InvalidRequestError, match=r"isolation_level.*has begun.*at the beginning of the transaction"):
        session.connection(execution_options={"isolation_level": "SERIALIZABLE"})
    session.rollback()
    assert session.connection().get_isolation_level() != "SERIALIZABLE"


# -- many rows


def test_bulk_save_objects_writes_new_objects_and_changed_ones(
    session: Session, user: User, statements: StatementLog
) -> None:
    user.email = "changed"
    new = [User(name="x"), User(name="y")]
    session.bulk_save_objects([*new, user])
    assert [(inspect(obj).transient, "id" in obj.__dict__) for obj in new] == [(True, False)] * 2
    session.expunge_all()
    session.commit()
    assert session.execute(select(User.name, User.email).order_by(User.id)).all() == [
        ("ed", "changed"),
        ("x", None),
        ("y", None),
    ]


def test_bulk_save_objects_sets_the_keys_where_they_are_asked_for(session: Session) -> None:
    new = [User(name="x"), Place(x=1, y=2), User(name="y")]
    session.bulk_save_objects(new, return_defaults=True)
    session.commit()
    assert [session.get(User, obj.id).name for obj in new if isinstance(obj, User)] == ["x", "y"]  # type: ignore[union-attr]
    assert session.get(Place, (1, 2)).label == "nowhere"  # type: ignore[union-attr]


@pytest.mark.parametrize(("preserve_order", "count"), [(True, 3), (False, 2)])
def test_bulk_save_objects_writes_a_class_at_once_where_the_order_does_not_matter(
    session: Session, statements: StatementLog, preserve_order: bool, count: int
) -> None:
    session.bulk_save_objects([User(name="x"), Place(x=1, y=2), User(name="y")], preserve_order=preserve_order)
    assert len([sql for sql in statements.sql if "INSERT" in sql]) == count


def test_bulk_save_objects_writes_what_was_changed_or_all_of_it(
    make_session: Any, session: Session, user: User
) -> None:
    assert user.email == "e"
    loaded = pickle.loads(pickle.dumps(user))
    change_behind(session, user, "behind")
    session.bulk_save_objects([loaded])
    assert session.scalar(select(User.email)) == "behind"
    loaded.name = "eddie"
    session.bulk_save_objects([loaded])
    assert session.execute(select(User.name, User.email)).one() == ("eddie", "behind")
    session.bulk_save_objects([loaded], update_changed_only=False)
    assert session.execute(select(User.name, User.email)).one() == ("eddie", "e")


def test_bulk_save_objects_wants_the_rows_of_objects_that_had_one(session: Session, user: User) -> None:
    assert user.email == "e"
    loaded = pickle.loads(pickle.dumps(user))
    session.delete(user)
    session.commit()
    with pytest.raises(StaleDataError, match=r"bulk_save_objects\(\) found 0 of 1"):
        session.bulk_save_objects([loaded], update_changed_only=False)


def test_bulk_insert_mappings_gives_the_keys_back_where_they_are_asked_for(session: Session) -> None:
    rows: list[dict[str, Any]] = [{"name": "x"}, {"name": "y", "email": "e"}]
    session.bulk_insert_mappings(User, rows)
    assert rows == [{"name": "x"}, {"name": "y", "email": "e"}]
    rows = [{"name": "v"}, {"name": "w", "email": "e"}]
    session.bulk_insert_mappings(inspect(User), rows, return_defaults=True)
    assert [session.get(User, row["id"]).name for row in rows] == ["v", "w"]  # type: ignore[union-attr]


def test_none_is_null_in_a_bulk_insert_only_where_that_is_asked_for(session: Session) -> None:
    session.bulk_insert_mappings(Node, [{"id": 1, "name": None}])
    session.bulk_insert_mappings(Place, [{"x": 1, "y": 1, "label": None}])
    assert session.get(Place, (1, 1)).label == "nowhere"  # type: ignore[union-attr]
    session.bulk_insert_mappings(Node, [{"id": 2, "name": None}], render_nulls=True)
    assert session.scalars(select(Node.name)).all() == [None, None]


def test_bulk_update_mappings_writes_rows_by_their_keys(session: Session, user: User) -> None:
    assert user.email == "e"
    session.bulk_update_mappings(User, [{"id": user.id, "email": "changed"}])
    assert user.email == "changed"
    with pytest.raises(StaleDataError):
        session.bulk_update_mappings(User, [{"id": 99, "email": "changed"}])
    session.rollback()
    with pytest.raises(ArgumentError, match="without its key id"):
        session.bulk_update_mappings(User, [{"email": "changed"}])
    with pytest.raises(InvalidRequestError, match="no column attribute 'emal'"):
        session.bulk_insert_mappings(User, [{"emal": "changed"}])


def test_several_objects_are_deleted_and_merged_at_once(session: Session, make_session: Any, user: User) -> None:
    other = User(name="x")
    session.add(other)
    session.commit()
    found = make_session().merge_all([user, other])
    assert [obj.name for obj in found] == ["ed", "x"]
    assert user not in found
    session.delete_all([user, other])
    session.commit()
    assert session.query(User).count() == 0


# -- transactions


def test_the_transactions_in_progress_can_be_had(session: Session) -> None:
    assert (session.get_transaction(), session.get_nested_transaction()) == (None, None)
    root = session.begin()
    assert (session.get_transaction(), session.get_nested_transaction()) == (root, None)
    outer = session.begin_nested()
    inner = session.begin_nested()
    with session.begin(subtransactions=True):
        assert (session.get_transaction(), session.get_nested_transaction()) == (root, inner)
    inner.rollback()
    assert session.get_nested_transaction() is outer
    session.close()
    assert session.get_transaction() is None


def test_without_autobegin_a_transaction_is_begun_by_hand(make_session: Any) -> None:
    session = make_session(autobegin=False)
    needing: list[Callable[[], object]] = [
        lambda: session.scalars(select(User)).all(),
        lambda: session.query(User).all(),
        lambda: session.get(User, 1),
        session.connection,
        session.commit,
    ]
    for call in needing:
        with pytest.raises(InvalidRequestError, match=r"autobegin=False.*session\.begin\(\) first"):
            call()
    session.rollback()
    session.flush()
    assert not session.in_transaction()
    with session.begin():
        session.add(User(name="ed"))
    assert not session.in_transaction()
    with pytest.raises(InvalidRequestError, match="autobegin=False"):
        session.query(User).all()
    with session.begin():
        assert session.query(User).count() == 1
    with session.begin_nested():
        assert session.in_transaction()
    session.close()


def test_a_flush_needs_a_transaction_that_was_begun_without_autobegin(make_session: Any) -> None:
    session = make_session(autobegin=False)
    session.add(User(name="ed"))
    with pytest.raises(InvalidRequestError, match="autobegin=False"):
        session.flush()
    session.begin()
    session.commit()
    session.begin()
    assert session.query(User).one().name == "ed"


def test_arguments_that_say_nothing_here_are_refused(tables: Engine) -> None:
    with pytest.raises(ArgumentError, match="there are no baked queries"):
        Session(tables, enable_baked_queries=True)
    with pytest.raises(ArgumentError, match="future=False"):
        Session(tables, future=False)
    with pytest.raises(ArgumentError, match="goes with neither autobegin=False"):
        Session(tables, autobegin=False, autocommit=True)
    Session(tables, enable_baked_queries=False, future=True).close()


def test_a_session_is_reset_and_its_connections_are_thrown_away(session: Session, user: User) -> None:
    session.add(Team())
    session.flush()
    session.reset()
    assert (list(session), session.in_transaction()) == ([], False)
    connection = session.connection()
    session.execute(select(User)).all()
    session.invalidate()
    assert (connection.closed, list(session), session.in_transaction()) == (True, [], False)
    assert session.query(User).count() == 1


def test_identity_keys_can_be_asked_for(session: Session, user: User) -> None:
    assert Session.identity_key(User, user.id) == inspect(user).identity_key == session.identity_key(instance=user)
    assert Session.identity_key(Place, (1, 2)) == (Place, (1, 2))
    assert Session.identity_key(instance=Place(x=1, y=2)) == (Place, (1, 2))
    assert session.identity_key(User, user.id) in session.identity_map
    with pytest.raises(ArgumentError, match="a mapped class and a primary key, or instance= alone"):
        Session.identity_key(User)


# -- factories


def test_a_factory_begins_and_commits(tables: Engine) -> None:
    maker = sessionmaker(tables)
    with maker.begin() as session:
        session.add(User(name="ed"))
    assert not session.in_transaction()
    with pytest.raises(ZeroDivisionError), maker.begin() as session:
        session.add(User(name="x"))
        raise ZeroDivisionError
    with maker() as session, session.begin():
        assert [user.name for user in session.query(User)] == ["ed"]


def test_a_factory_of_sessions_without_autobegin_begins(tables: Engine) -> None:
    maker = sessionmaker(tables, autobegin=False)
    with maker.begin() as session:
        assert session.query(User).count() == 0
    with maker() as session, pytest.raises(InvalidRequestError):
        session.query(User).all()


def test_the_arguments_of_a_factory_can_be_read_and_changed(tables: Engine) -> None:
    class Own(Session):
        pass

    maker = sessionmaker(tables, class_=Own, info={"a": 1})
    assert (maker.class_, maker.kw["info"], maker.kw["bind"]) == (Own, {"a": 1}, tables)
    assert maker().info == {"a": 1}
    assert maker(info={"b": 2}).info == {"a": 1, "b": 2}
    maker.configure(info={"c": 3}, expire_on_commit=False)
    assert (maker().info, maker().expire_on_commit) == ({"a": 1, "c": 3}, False)
    assert isinstance(maker(), Own)


# -- what stands for a Session


def test_the_session_of_a_scope_has_these_names_too(tables: Engine) -> None:
    scoped = ScopedSession(sessionmaker(tables))
    user = User(name="ed")
    scoped.bulk_save_objects([user], return_defaults=True)
    scoped.bulk_insert_mappings(User, [{"name": "x"}])
    scoped.bulk_update_mappings(User, [{"id": user.id, "email": "e"}])
    found = scoped.get_one(User, user.id, execution_options={"populate_existing": True})
    scoped.refresh(found, with_for_update={"read": True})
    assert scoped.execute(select(User.email), execution_options={"yield_per": 1}, bind_arguments={"mapper": User}).all()
    assert scoped.get_transaction() is scoped().get_transaction() is not None
    assert scoped.get_nested_transaction() is None
    assert scoped.identity_key(instance=found) == (User, (found.id,))
    assert [obj.name for obj in scoped.merge_all([found])] == ["ed"]
    scoped.delete_all([found])
    scoped.invalidate()
    scoped.reset()
    scoped.remove()


# -- arguments of newer versions


def test_merge_takes_loader_options(session: Session, user: User, statements: StatementLog) -> None:
    key = user.id
    session.expunge_all()
    merged = session.merge(User(id=key, email="new"), options=[selectinload(User.posts).selectinload(Post.tags)])
    with statements.expect(0):
        assert [post.tags for post in merged.posts] == [[]]
    session.rollback()
    session.expunge_all()
    (merged,) = session.merge_all([User(id=key)], options=[selectinload(User.posts)])
    assert "posts" in vars(merged)


def test_get_takes_bind_arguments(engine: Engine, session: Session, user: User) -> None:
    asked: list[dict[str, Any]] = []

    class Routed(Session):
        def get_bind(self, mapper: Any = None, clause: Any = None, **kw: Any) -> Any:
            asked.append(kw)
            return engine

    with Routed() as other:
        found = other.get(User, user.id, bind_arguments={"shard": "eu"})
        assert asked == [{"shard": "eu"}]
        assert other.get_one(User, user.id, bind_arguments={"shard": "eu"}) is found
        assert len(asked) == 1
        assert (
            other.get(
                User,
                user.id,
                populate_existing=True,
                options=[selectinload(User.posts)],
                bind_arguments={"shard": "us"},
            )
            is found
        )
        assert {"shard": "us"} in asked
        assert other.get(User, 99, bind_arguments={"shard": "eu"}) is None
        with pytest.raises(NoResultFound):
            other.get_one(User, 99, bind_arguments={"shard": "eu"})


def test_a_session_that_is_closed_for_good_cannot_be_used(engine: Engine, session: Session, user: User) -> None:
    with Session(engine, close_resets_only=False) as other:
        mine = other.get(User, user.id)
        assert mine in other
        other.reset()
        assert mine not in other
        assert other.get(User, user.id) is not mine
    uses: list[Callable[[], Any]] = [
        lambda: other.add(User(name="x")),
        lambda: other.add_all([User(name="x")]),
        lambda: other.merge(User(name="x")),
        lambda: other.delete(mine),
        lambda: other.get(User, user.id),
        lambda: other.scalars(select(User)),
        lambda: other.query(User).all(),
        lambda: other.execute(text("SELECT 1")),
        other.begin,
        other.begin_nested,
        other.commit,
        other.connection,
    ]
    for use in uses:
        with pytest.raises(InvalidRequestError, match=r"closed for good.*reset\(\)"):
            use()
    # these end what has ended
    other.rollback()
    other.close()
    other.reset()
    other.expunge_all()
    assert not list(other)
    with pytest.raises(ArgumentError, match="autocommit=True goes with neither"):
        Session(engine, close_resets_only=False, autocommit=True)


def test_a_session_that_is_closed_can_be_used_again(session: Session, user: User) -> None:
    for end in (session.close, session.reset):
        end()
        assert session.get(User, 1) is not None


def test_options_of_a_session_are_those_of_its_statements(make_session: Any, user: User) -> None:
    seen: list[Any] = []
    session = make_session(execution_options={"tenant": 1, "populate_existing": True})
    event.listen(session, "do_orm_execute", lambda state: seen.append(state.execution_options.get("tenant")))
    found = session.get(User, user.id)
    session.query(User).all()
    session.scalars(select(User)).all()
    session.execute(text("SELECT 1"))
    session.execute("SELECT 1")
    session.scalar(select(User.id).execution_options(tenant=2))
    session.execute(select(User.id), execution_options={"tenant": 3})
    assert seen[-6:] == [1, 1, 1, 1, 2, 3]
    session.query(User).count()
    session.query(User).execution_options(tenant=4).count()
    assert seen[-2:] == [1, 4]
    change_behind(session, user, "changed")
    assert session.scalars(select(User)).one() is found
    assert found.email == "changed"
    change_behind(session, user, "streamed")
    assert list(session.query(User).yield_per(1)) == [found]
    assert found.email == "streamed"
    change_behind(session, user, "again")
    assert session.query(User).execution_options(populate_existing=False).one() is found
    assert found.email == "streamed"
    assert session.execution_options == {"tenant": 1, "populate_existing": True}


def test_the_bind_of_a_scoped_session_can_be_set(engine: Engine) -> None:
    scoped = ScopedSession(sessionmaker())
    scoped.bind = engine
    assert scoped.bind is engine
    assert scoped.execute(text("SELECT 1")).scalar() == 1
    scoped.remove()


def test_bulk_save_objects_writes_objects_of_the_session_once(session: Session) -> None:
    class Base(DeclarativeBase):
        pass

    class Sheet(Base):
        __tablename__ = "sheet"
        id: Mapped[int] = mapped_column(primary_key=True)
        version: Mapped[int] = mapped_column()
        title: Mapped[str]
        __mapper_args__ = {"version_id_col": version}

    Base.metadata.create_all(session.connection())
    changed, new = Sheet(title="a"), Sheet(title="b")
    session.add(changed)
    session.commit()
    assert changed.version == 1
    session.add(new)
    changed.title = "changed"
    # the query before has flushed them, as any other does
    session.bulk_save_objects([changed, new, Sheet(title="c")])
    session.commit()
    rows = session.execute("SELECT version, title FROM sheet ORDER BY id").all()
    assert rows == [(2, "changed"), (1, "b"), (1, "c")]
    session.rollback()
    Base.metadata.drop_all(session.connection())
    session.commit()
