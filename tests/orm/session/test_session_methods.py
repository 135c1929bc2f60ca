"""The smaller methods of the Session: make_transient, prune, expire, refresh, is_modified, flush(objects), execute."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    Column,
    DeclarativeBase,
    Engine,
    ForeignKey,
    Integer,
    IntegrityError,
    InvalidRequestError,
    Mapped,
    MetaData,
    NoResultFound,
    ObjectDeletedError,
    Query,
    Session,
    String,
    Table,
    UnboundExecutionError,
    UnmappedInstanceError,
    aliased,
    create_session,
    func,
    inspect,
    joinedload,
    make_transient,
    mapped_column,
    mapper,
    object_session,
    relationship,
    scoped_session,
    select,
    selectinload,
    sessionmaker,
    text,
)
from flask_uow.orm import Registry
from tests.orm.models import Member, Node, Place, Post, Profile, Tag, Team, User
from tests.statements import StatementLog


def saved(session: Session, *objects: Any) -> None:
    session.add_all(objects)
    session.commit()


# -- make_transient


def test_make_transient_cuts_all_ties(session: Session, statements: StatementLog) -> None:
    user = User(name="ed", email="e", posts=[Post(title="p")])
    saved(session, user)
    assert user.name == "ed"
    session.expire(user, ["email", "posts"])
    make_transient(user)
    assert inspect(user).transient
    assert user not in session
    assert object_session(user) is None
    with statements.expect(0):
        assert user.name == "ed"
        assert user.email is None, "an expired attribute is undefined now and loads nothing"
        assert user.posts == []
    user.id, user.name = None, "copy"  # type: ignore[assignment]
    session.add(user)
    session.commit()
    assert session.query(User).count() == 2


def test_make_transient_takes_pending_and_detached_objects(session: Session) -> None:
    pending = User(name="pending")
    session.add(pending)
    make_transient(pending)
    assert pending not in session.new
    detached = User(name="detached")
    saved(session, detached)
    session.expunge(detached)
    make_transient(detached)
    assert inspect(detached).transient
    make_transient(detached)
    with pytest.raises(UnmappedInstanceError):
        make_transient(object())


def test_a_deleted_object_can_be_inserted_again_once_it_is_transient(session: Session) -> None:
    user = User(name="ed")
    saved(session, user)
    ident = user.id
    session.delete(user)
    session.flush()
    with pytest.raises(InvalidRequestError, match="make_transient"):
        session.add(user)
    make_transient(user)
    session.add(user)
    session.commit()
    assert session.query(User).one().id == ident


def test_a_rollback_leaves_alone_what_was_made_transient(session: Session) -> None:
    new, old = User(name="new"), User(name="old")
    saved(session, old)
    session.add(new)
    session.delete(old)
    session.flush()
    for user in (new, old):
        make_transient(user)
    session.rollback()
    assert inspect(new).transient
    assert inspect(old).transient
    assert session.query(User).one().name == "old"


def test_after_the_commit_a_deleted_object_is_detached_and_can_be_added_again(session: Session) -> None:
    user = User(name="ed")
    saved(session, user)
    session.delete(user)
    session.flush()
    assert not inspect(user).persistent
    session.commit()
    assert inspect(user).detached
    assert not inspect(user).has_identity
    with pytest.raises(InvalidRequestError, match="not persisted"):
        session.delete(user)
    session.add(user)
    assert inspect(user).pending
    assert not inspect(user).was_deleted
    session.commit()
    assert session.query(User).one() is user
    session.expunge(user)
    assert inspect(user).detached
    assert not inspect(user).was_deleted


# -- the identity map


def test_prune_lets_go_of_what_nobody_holds(make_session: Any) -> None:
    session = make_session(weak_identity_map=False)
    held = User(name="held")
    session.add_all([held, *(User(name=str(number)) for number in range(3))])
    session.commit()
    assert len(session.identity_map) == 4
    session.query(User).filter(User.name == "0").one().name = "changed"
    assert session.prune() == 2
    assert len(session.identity_map) == 2
    assert session.prune() == 0
    session.commit()
    assert session.query(User).filter(User.name == "changed").count() == 1
    assert session.prune() == 1
    assert session.get(User, held.id) is held


def test_prune_lets_go_of_objects_that_hold_each_other(make_session: Any) -> None:
    session = make_session(weak_identity_map=False)
    session.add(User(name="ed", posts=[Post(title="p")]))
    session.add(User(name="pending"))
    session.flush()
    session.delete(session.query(User).filter(User.name == "pending").one())
    session.add(Tag(label="new"))
    assert all(post.author for post in session.query(Post).with_session(session))
    session.autoflush = False
    session.delete(session.query(Tag).one())
    kept = session.prune()
    assert kept == 2
    assert [tag.label for tag in session.deleted] == ["new"]


def test_a_weak_identity_map_has_nothing_to_prune(session: Session) -> None:
    saved(session, User(name="ed"))
    users = session.query(User).all()
    assert session.prune() == 0
    assert len(session.identity_map) == len(users) == 1


def test_an_unmodified_object_is_gone_at_once_and_a_modified_one_after_the_flush(session: Session) -> None:
    saved(session, User(name="ed"))
    gc.disable()
    try:
        user = session.query(User).one()
        reference = weakref.ref(user)
        user.name = "changed"
        del user
        assert reference() is not None
        session.flush()
        assert reference() is None
        assert len(session.identity_map) == 0
    finally:
        gc.enable()
    assert session.query(User).one().name == "changed"


@pytest.mark.parametrize("end", ["commit", "rollback", "close", "savepoint", "failed flush"])
def test_a_session_that_is_done_with_goes_without_the_garbage_collector(tables: Engine, end: str) -> None:
    with Session(tables) as session:
        saved(session, User(name="ed"), User(name="wendy"))
    gc.collect()
    gc.disable()
    try:
        session = Session(tables)
        first, _ = session.scalars(select(User).order_by(User.id)).all()
        first.email = "ed@example.com"
        if end == "savepoint":
            with session.begin_nested():
                session.add(User(name="jack"))
            session.rollback()
        elif end == "failed flush":
            session.add(User(name="wendy"))
            try:
                session.flush()
            except IntegrityError:
                session.rollback()
        else:
            getattr(session, end)()
        session.close()
        reference = weakref.ref(session)
        del session, first, _
        assert reference() is None
    finally:
        gc.enable()


# -- expire and refresh


@pytest.fixture
def parents(engine: Engine, request: Any) -> Any:
    """A parent with all cascades and its child, mapped the classical way."""
    metadata, registry = MetaData(), Registry()
    parent = Table("parent", metadata, Column("id", Integer, primary_key=True), Column("name", String))
    child = Table(
        "child", metadata, Column("id", Integer, primary_key=True), Column("name", String), Column("pid", ForeignKey("parent.id"))
    )  # fmt: skip

    class Parent:
        children: list[Any]
        name: Any

    class Child:
        name: Any

    children = relationship(Child, cascade=getattr(request, "param", "all"), backref="parent")
    mapper(Parent, parent, properties={"children": children}, registry=registry)
    mapper(Child, child, registry=registry)
    metadata.create_all(engine)
    with Session(engine) as session:
        yield session, Parent, Child
    registry.dispose()


@pytest.mark.parametrize("parents", ["all, delete-orphan"], indirect=True)
def test_expire_goes_along_the_cascade_and_drops_pending_orphans(parents: Any) -> None:
    session, Parent, Child = parents
    top, one, two = Parent(), Child(), Child()
    one.name = "one"
    top.children = [one]
    session.add(top)
    session.commit()
    assert (top.children, one.name) == ([one], "one")
    one.name = "changed"
    top.children.append(two)
    assert two in session.new
    session.expire(top)
    assert "name" not in one.__dict__
    assert not session.dirty
    assert two not in session
    assert one.name == "one"
    assert top.children == [one]


def test_expire_takes_names_and_then_no_cascade(parents: Any) -> None:
    session, Parent, Child = parents
    top, one = Parent(), Child()
    top.name, one.name, top.children = "top", "one", [one]
    session.add(top)
    session.commit()
    assert (top.children, one.name, top.name) == ([one], "one", "top")
    session.expire(top, ["name"])
    assert "name" not in top.__dict__
    assert top.__dict__["children"] == [one]
    assert "name" in one.__dict__
    with pytest.raises(InvalidRequestError, match="nmae"):
        session.expire(top, ["nmae"])
    with pytest.raises(InvalidRequestError, match="not persistent"):
        session.expire(Child())


def test_refresh_forgets_changes_and_loads_at_once(session: Session, statements: StatementLog) -> None:
    user = User(name="ed", email="e")
    saved(session, user)
    assert user.name == "ed"
    user.name = "changed"
    with statements.expect(1):
        session.refresh(user)
    with statements.expect(0):
        assert (user.name, user.email) == ("ed", "e")
    assert user not in session.dirty
    with statements.expect(0):
        session.flush()


def test_refresh_takes_names_of_columns_and_relationships(session: Session, statements: StatementLog) -> None:
    user = User(name="ed", email="e", posts=[Post(title="p")])
    saved(session, user)
    assert [user.name, [post.title for post in user.posts]] == ["ed", ["p"]]
    user.name = "mine"
    session.execute(text("UPDATE \"user\" SET name = 'theirs', email = 'theirs'"))
    session.refresh(user, ["email"])
    assert (user.name, user.email) == ("mine", "theirs")
    session.execute(text("INSERT INTO post (id, author_id, title) VALUES (77, :id, 'q')"), {"id": user.id})
    with statements.expect(1):
        session.refresh(user, ["posts"])
    with statements.expect(0):
        assert [post.title for post in user.posts] == ["p", "q"]
    assert user.name == "mine"


def test_refresh_locks_the_row(session: Session, statements: StatementLog, database: str) -> None:
    user = User(name="ed")
    saved(session, user)
    statements.clear()
    for mode in ("read", "update", "update_nowait"):
        session.refresh(user, lockmode=mode)
        session.rollback()
    if database == "postgresql":
        assert [sql.split("FOR ")[1] for sql in statements.sql] == ["SHARE", "UPDATE", "UPDATE NOWAIT"]
    else:
        assert statements.transactions.count("BEGIN IMMEDIATE") == 3
    with pytest.raises(ArgumentError, match="'hard' is unknown"):
        session.refresh(user, lockmode="hard")


@pytest.mark.parametrize("lazy", ["joined", "selectin", "subquery", "immediate"])
def test_refresh_loads_what_is_loaded_eagerly(engine: Engine, lazy: str) -> None:
    class Base(DeclarativeBase):
        pass

    class Depot(Base):
        __tablename__ = "depot"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str | None]
        parcels: Mapped[list[Parcel]] = relationship(back_populates="depot", lazy=lazy)

    class Parcel(Base):
        __tablename__ = "parcel"
        id: Mapped[int] = mapped_column(primary_key=True)
        depot_id: Mapped[int | None] = mapped_column(ForeignKey("depot.id"))
        depot: Mapped[Depot | None] = relationship(back_populates="parcels", lazy=lazy)

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        depot, parcel = Depot(parcels=[Parcel(), Parcel()]), Parcel()
        session.add_all([depot, parcel])
        session.commit()
        session.refresh(depot, ["name"])
        assert "parcels" not in vars(depot)
        session.refresh(depot)
        session.refresh(parcel)
    # no Session is needed for them
    assert len(depot.parcels) == 2
    assert parcel.depot is None


def test_refresh_loads_what_the_query_has_loaded_eagerly(session: Session) -> None:
    saved(session, User(name="ed", posts=[Post(title="a")], profile=Profile(text="p")))
    user = session.query(User).options(selectinload(User.posts), joinedload(User.profile)).one()
    other = Session(session.bind)
    session.rollback()
    other.add(Post(title="b", author=other.get(User, user.id)))
    other.commit()
    other.close()
    session.refresh(user)
    session.expunge_all()
    assert [post.title for post in user.posts] == ["a", "b"]
    assert user.profile is not None
    assert user.profile.text == "p"


def test_refresh_of_a_row_that_is_gone_is_an_error(session: Session) -> None:
    place = Place(x=1, y=1)
    saved(session, place)
    session.execute("DELETE FROM place")
    with pytest.raises(ObjectDeletedError, match=r"expunge"):
        session.refresh(place)


def test_a_session_that_is_gone_is_named_when_its_objects_load(tables: Engine) -> None:
    session = Session(tables)
    user = User(name="ed")
    saved(session, user)
    session.commit()
    del session
    gc.collect()
    with pytest.raises(InvalidRequestError, match="Keep the Session"):
        user.name
    with pytest.raises(InvalidRequestError, match="Keep the Session"):
        user.posts


# -- is_modified


def test_is_modified_counts_what_the_row_holds(session: Session) -> None:
    user, other = User(name="ed"), User(name="al")
    post = Post(title="p", author=user)
    profile = Profile(text="t", user=user)
    saved(session, user, other, post, profile)
    assert user.posts == [post]
    assert user.profile is profile
    assert not session.is_modified(user)
    user.posts.append(Post(title="q"))
    assert session.is_modified(user)
    assert not session.is_modified(user, include_collections=False)
    session.rollback()
    assert user.profile is profile
    user.profile = None
    assert session.is_modified(user)
    assert not session.is_modified(user, include_collections=False), "its foreign key is in the other row"
    post.author = other
    assert session.is_modified(post, include_collections=False)


def test_is_modified_knows_collections_that_were_changed_from_the_other_side(
    session: Session, statements: StatementLog
) -> None:
    user = User(name="ed", posts=[Post(title="p")])
    saved(session, user)
    session.expire_all()
    assert session.get(User, user.id) is user
    with session.no_autoflush:
        Post(title="q").author = user
        with statements.expect(0):
            assert session.is_modified(user, passive=True)
            assert not session.is_modified(user, include_collections=False)
        assert session.is_modified(user)
        assert [post.title for post in user.posts] == ["p", "q"]


def test_is_modified_of_new_and_of_unmapped_objects(session: Session) -> None:
    assert session.is_modified(User(name="new"))
    assert not session.is_modified(User())
    with pytest.raises(UnmappedInstanceError):
        session.is_modified(object())


# -- flush


def test_flush_of_chosen_objects_leaves_the_others_waiting(session: Session) -> None:
    old = User(name="old")
    saved(session, old)
    one, two = User(name="one"), User(name="two")
    session.add_all([one, two])
    old.name = "changed"
    session.flush([one])
    assert session.new == {two}
    assert session.dirty == {old}
    session.flush((old,))
    assert not session.dirty
    session.commit()
    assert session.query(User).count() == 3


def test_flush_within_a_flush_is_refused(make_session: Any) -> None:
    session = make_session()
    session.is_flushing = True
    with pytest.raises(InvalidRequestError, match="already"):
        session.flush()
    session.is_flushing = False


# -- execute, scalar, connection


def test_execute_takes_text_statements_and_parameters(session: Session) -> None:
    saved(session, User(name="ed"), User(name="al"))
    assert session.execute('SELECT name FROM "user" WHERE name = :n', {"n": "ed"}).all() == [("ed",)]
    assert session.execute(select(User.__mapper__.local_table.c.name)).rowcount in (-1, 2)  # type: ignore[attr-defined]
    assert session.scalar('SELECT count(*) FROM "user"') == 2
    assert session.scalar(text('SELECT name FROM "user" WHERE id = :id'), {"id": -1}) is None
    session.execute('UPDATE "user" SET email = :e WHERE name = :n', [{"e": "1", "n": "ed"}, {"e": "2", "n": "al"}])
    assert sorted(user.email for user in session.query(User)) == ["1", "2"]  # type: ignore[type-var]
    assert [user.name for user in session.execute(session.query(User).order_by(User.name)).scalars()] == ["al", "ed"]


def test_execute_takes_a_mapper_or_an_instance_where_the_statement_does_not_say(tables: Engine) -> None:
    session = Session(binds={User: tables})
    user = User(name="ed")
    saved(session, user)
    assert session.scalar("SELECT 1", mapper=User) == 1
    assert session.scalar("SELECT 1", instance=user) == 1
    assert session.execute("SELECT 1", None, User.__mapper__).scalar() == 1  # type: ignore[attr-defined]
    assert session.connection(User).engine is tables
    assert session.connection(instance=user).engine is tables
    assert session.connection(clause=select(User.__mapper__.local_table)).engine is tables  # type: ignore[attr-defined]
    with pytest.raises(UnboundExecutionError):
        session.execute("SELECT 1")
    with pytest.raises(TypeError):
        session.execute("SELECT 1", shard=1)
    session.close()


def test_the_connection_shares_the_transaction(session: Session) -> None:
    session.connection().execute("INSERT INTO \"user\" (id, name) VALUES (5, 'raw')")
    assert session.get(User, 5) is not None
    session.rollback()
    assert session.get(User, 5) is None


def test_in_autocommit_mode_the_connection_is_passed_through(tables: Engine) -> None:
    session = create_session(tables)
    with session.connection() as connection:
        assert not connection.in_transaction()
        connection.execute("INSERT INTO \"user\" (id, name) VALUES (5, 'raw')")
    assert session.execute('SELECT name FROM "user"').scalar() == "raw"
    session.execute("UPDATE \"user\" SET name = 'kept'")
    session.close()
    assert session.scalar('SELECT name FROM "user"') == "kept"
    with tables.connect() as connection:
        bound = create_session(connection)
        assert bound.connection() is connection


def test_queries_are_of_the_sessions_class(make_session: Any) -> None:
    class Counting(Query[Any]):
        def names(self) -> list[str]:
            return sorted(user.name for user in self)

    session = make_session(query_cls=Counting)
    saved(session, User(name="b"), User(name="a"))
    assert session.query(User).names() == ["a", "b"]
    assert type(session.query(User).filter(User.name == "a")) is Counting


def test_one_sided_relationships_and_trees_are_tracked_too(session: Session) -> None:
    team = Team(members={Member(name="m")})
    tree = Node(children=[Node(), Node()])
    saved(session, team, tree)
    assert session.is_modified(team) is False
    team.members.clear()
    assert session.is_modified(team)
    session.commit()
    assert session.query(Member).one().team_id is None


def test_begin_in_autocommit_mode_writes_first_what_was_added_before(make_session: Any) -> None:
    session = make_session(autocommit=True)
    before, inside = User(name="before"), User(name="inside")
    session.add(before)
    session.begin()
    session.add(inside)
    session.rollback()
    assert before in session
    assert inside not in session
    assert session.query(User).count() == 1
    other = make_session(autocommit=True, _enable_transaction_accounting=False)
    other.add(inside)
    other.begin()
    assert inside in other.new
    other.rollback()


def test_get_one_returns_what_get_does_and_refuses_a_key_without_a_row(session: Session, make_session: Any) -> None:
    user, tree = User(name="ann"), Node()
    saved(session, user, tree)
    assert session.get_one(User, user.id) is user
    session.execute(User.__table__.update().values(email="new"))  # type: ignore[attr-defined]
    assert session.get_one(User, user.id, populate_existing=True).email == "new"
    assert session.get_one(User, {"id": user.id}, with_for_update=True) is user
    with pytest.raises(NoResultFound, match=r"no User with the primary key 999, and one was expected\. Use get\(\)"):
        session.get_one(User, 999)
    with pytest.raises(NoResultFound, match="no Node"):
        session.get_one(Node, 999, with_for_update=True)
    pending = User(name="bob", id=50)
    session.add(pending)
    assert session.get_one(User, 50) is pending


def test_a_session_tells_whether_it_is_in_a_transaction_or_a_savepoint(session: Session) -> None:
    session.rollback()
    session.add(User(name="ann"))
    assert not session.in_transaction()
    session.flush()
    assert session.in_transaction()
    assert not session.in_nested_transaction()
    with session.begin_nested():
        assert session.in_nested_transaction()
        with session.begin(subtransactions=True):
            assert session.in_nested_transaction()
    assert session.in_transaction()
    assert not session.in_nested_transaction()
    session.commit()
    assert not session.in_transaction()
    with session.begin():
        assert session.in_transaction()
    assert not session.in_transaction()
    session.get(User, 1)
    assert session.in_transaction()
    session.close()
    assert not session.in_transaction()


def test_in_autocommit_mode_only_begin_makes_a_transaction(make_session: Any) -> None:
    session = make_session(autocommit=True)
    assert session.query(User).count() == 0
    assert not session.in_transaction()
    with session.begin():
        assert session.in_transaction()
    assert not session.in_transaction()


def test_info_holds_notes_of_the_application_for_one_session(tables: Engine) -> None:
    notes = {"user": 5}
    make = sessionmaker(bind=tables, info=notes)
    one, other = make(), make()
    one.info["page"] = 2
    assert one.info == {"user": 5, "page": 2}
    assert other.info == notes == {"user": 5}
    one.close()
    assert one.info["page"] == 2
    assert Session(tables).info == {}
    scoped = scoped_session(make)
    scoped.info["trace"] = "x"
    assert scoped().info == {"user": 5, "trace": "x"}
    scoped.remove()
    assert scoped.info == {"user": 5}
    scoped.remove()


def test_a_session_executes_a_call_of_a_function_and_flushes_before(session: Session) -> None:
    session.add_all([User(name="ed", email="e"), User(name="wendy", email="w")])
    assert session.scalar(func.count(User.id)) == 2
    assert session.execute(func.max(User.name)).scalar_one() == "wendy"
    assert session.scalars(func.lower("A"), execution_options={"autoflush": False}).all() == ["a"]


def test_rows_of_a_session_tell_attributes_of_one_name_apart(session: Session) -> None:
    saved(session, User(id=1, name="ed", email="e", posts=[Post(id=5, title="p")]))
    for _ in range(2):
        row = session.execute(select(User.id, Post.id).join(Post)).one()
        assert (row._mapping[User.id], row._mapping[Post.id]) == (1, 5)
        assert session.execute(select(User.id, Post.id).join(Post)).scalars(Post.id).all() == [5]


def test_names_of_a_session_s_rows_are_there_once(session: Session) -> None:
    saved(session, User(id=1, name="ed", email="e", posts=[Post(id=5, title="p")]))
    for _ in range(2):
        statement = select(User.id, Post.id, Post.title).join(Post)
        row = session.execute(statement).one()
        assert row._fields == ("id", "id_1", "title")
        assert (row.id, row.id_1, row._mapping["id_1"], row._asdict()) == (1, 5, 5, {"id": 1, "id_1": 5, "title": "p"})
        assert session.execute(statement).mappings().one() == {"id": 1, "id_1": 5, "title": "p"}
        streamed = session.execute(statement, execution_options={"yield_per": 1})
        assert streamed.keys() == ["id", "id_1", "title"]
        assert streamed.one()._mapping == {"id": 1, "id_1": 5, "title": "p"}
        other = aliased(User)
        pair = session.execute(select(User, other).where(User.id == other.id)).one()
        assert pair._fields == ("User", "User_1")
        assert pair._mapping[User] is pair._mapping[other] is pair.User_1
        # a query has them as they are, and tells of the others
        found = session.query(User.id, Post.id).join(Post).one()
        assert found._fields == ("id", "id")
        assert (found._mapping[User.id], found._mapping[Post.id]) == (1, 5)
        with pytest.raises(InvalidRequestError, match="several columns 'id'"):
            _ = found.id


def test_attributes_of_aliases_made_anew_are_told_apart(session: Session) -> None:
    saved(session, User(id=1, name="ed", email="e"), User(id=2, name="wendy", email="w"))
    for options in ({}, {"yield_per": 1}):
        for _ in range(3):
            one, two = aliased(User), aliased(User)
            statement = select(two.id, one.name, one.id, two.name).where(one.id == 1, two.id == 2)
            row = session.execute(statement, execution_options=options).one()
            assert (row._mapping[one.id], row._mapping[two.id], row._mapping[two.name]) == (1, 2, "wendy")
            with pytest.raises(InvalidRequestError, match="was not selected"):
                _ = row._mapping[aliased(User).id]
            objects = session.execute(select(two, one).where(one.id == 1, two.id == 2), execution_options=options).one()
            assert (objects._mapping[one].id, objects._mapping[two].id) == (1, 2)
    one, two = aliased(User), aliased(User)
    first = session.execute(select(one.id, two.id).where(one.id == 1, two.id == 2)).one()
    second = session.execute(select(two.id, one.id).where(two.id == 2, one.id == 1)).one()
    for row in (first, second):
        assert (row._mapping[one.id], row._mapping[two.id]) == (1, 2)
    # rows of a Query have names as they were given, and know the same of them
    for _ in range(2):
        one, two = two, one
        of_query = session.query(one.id, two.id).filter(one.id == 1, two.id == 2).one()
        assert (of_query._mapping[one.id], of_query._mapping[two.id]) == (1, 2)
        again = session.query(one.id, two.id, one.name).filter(one.id == 1, two.id == 2)
        assert [row._mapping[two.id] for row in again] == [row._mapping[two.id] for row in again.yield_per(1)] == [2]
    with pytest.raises(KeyError, match="was not selected"):
        _ = session.execute(select(User.id)).first()._mapping[Post.id]  # type: ignore[union-attr]
