"""scoped_session: one Session for each scope; its methods, and the deprecated mapper()."""

from __future__ import annotations

import inspect
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    Column,
    Engine,
    Integer,
    InvalidRequestError,
    MetaData,
    Query,
    ScopedSession,
    Session,
    String,
    Table,
    UOWDeprecationWarning,
    create_session,
    scoped_session,
    sessionmaker,
)
from flask_uow.orm import Registry
from tests.orm.models import Place, User


@pytest.fixture
def scoped(tables: Engine) -> Iterator[ScopedSession]:
    scoped = scoped_session(sessionmaker(bind=tables))
    yield scoped
    scoped.remove()


def test_each_thread_has_a_session_of_its_own(scoped: ScopedSession) -> None:
    mine = scoped()
    assert scoped() is mine
    with ThreadPoolExecutor(1) as pool:
        theirs = pool.submit(lambda: (scoped(), scoped())).result(30)
        assert theirs[0] is theirs[1] is not mine
        pool.submit(scoped.remove).result(30)


def test_a_scopefunc_names_the_scope(tables: Engine) -> None:
    current = ["a"]
    scoped = scoped_session(sessionmaker(bind=tables), scopefunc=lambda: current[0])
    first = scoped()
    current[0] = "b"
    assert scoped() is not first
    scoped.remove()
    current[0] = "a"
    assert scoped() is first
    scoped.remove()


def test_remove_closes_the_session_and_the_next_use_makes_another(scoped: ScopedSession, tables: Engine) -> None:
    user = User(name="ed")
    scoped.add(user)
    scoped.flush()
    before = scoped()
    scoped.remove()
    scoped.remove()
    assert tables.pool.checked_out() == 0
    assert user not in before
    assert scoped() is not before


def test_arguments_make_the_session_and_come_too_late_afterwards(scoped: ScopedSession) -> None:
    assert scoped(autoflush=False).autoflush is False
    with pytest.raises(InvalidRequestError, match=r"remove\(\) first"):
        scoped(autoflush=True)


def test_configure_changes_sessions_that_are_made_later(tables: Engine) -> None:
    scoped = scoped_session(sessionmaker())
    scoped.configure(bind=tables, expire_on_commit=False)
    assert scoped().bind is tables
    assert scoped().expire_on_commit is False
    scoped.remove()
    fixed = scoped_session(lambda: create_session(tables))
    assert fixed().autocommit
    with pytest.raises(InvalidRequestError, match="sessionmaker"):
        fixed.configure(bind=None)
    fixed.remove()


def test_every_public_name_of_session_is_there_with_the_same_parameters() -> None:
    missing = []
    # the docstring names what the package itself uses, and users don't program against
    assert Session.__doc__ is not None
    for_the_package = set(re.findall(r"``(\w+)(?:\(\))?``", Session.__doc__.split("For the package")[1]))
    for name, member in inspect.getmembers(Session):
        if name.startswith("_") or name in for_the_package:
            continue
        proxy = inspect.getattr_static(ScopedSession, name, None)
        if proxy is None:
            missing.append(name)
        elif inspect.isfunction(member) and name != "get_bind":  # a subclass may take other keywords there
            own = inspect.signature(getattr(ScopedSession, name)).parameters
            assert [(p.name, p.default, p.kind) for p in own.values()] == [
                (p.name, p.default, p.kind) for p in inspect.signature(member).parameters.values()
            ], name
        elif isinstance(member, property):
            assert isinstance(proxy, property), name
    assert missing == []


def test_methods_and_properties_are_those_of_the_scopes_session(scoped: ScopedSession, tables: Engine) -> None:
    session = scoped()
    user, place = User(name="ed"), Place(x=1, y=1)
    scoped.add_all([user])
    scoped.add(place)
    assert scoped.new == session.new
    assert user in scoped
    assert set(scoped) == {user, place}
    scoped.commit()
    assert scoped.get(User, user.id) is user
    assert scoped.query(User).one() is user
    user.name = "changed"
    assert scoped.dirty == {user}
    assert scoped.is_modified(user)
    scoped.refresh(user)
    scoped.expire(user)
    scoped.expire_all()
    scoped.delete(place)
    assert scoped.deleted == {place}
    with scoped.no_autoflush:
        assert scoped.scalar("SELECT count(*) FROM place") == 1
    with scoped.begin_nested():
        assert scoped.merge(User(id=user.id, name="merged")) is user
    assert scoped.transaction is session.transaction
    assert scoped.execute('SELECT name FROM "user"').scalar() == "merged"
    assert scoped.scalars('SELECT name FROM "user"').all() == ["merged"]
    assert scoped.connection().engine is scoped.get_bind() is scoped.bind is tables
    scoped.begin(subtransactions=True)
    scoped.rollback()
    assert not scoped.is_active
    scoped.rollback()
    assert scoped.prune() == 0
    scoped.expunge(user)
    assert len(scoped.identity_map) == 1
    scoped.expunge_all()
    assert scoped.object_session(user) is None
    with pytest.raises(InvalidRequestError):
        scoped.prepare()
    scoped.bind_mapper(User, tables)
    scoped.bind_table(User.__mapper__.local_table, tables)  # type: ignore[attr-defined]
    scoped.autoflush = False
    assert session.autoflush is scoped.autoflush is False
    scoped.add(user)
    scoped.close()
    assert user not in scoped
    scoped.add(user)
    scoped.close_all()
    assert user not in scoped


def test_query_property_takes_a_query_class(scoped: ScopedSession) -> None:
    made: list[Any] = []

    class Special(Query[Any]):
        def __init__(self, entities: Any, session: Any = None) -> None:
            made.append(entities)
            super().__init__(entities, session)

    class Owner:
        plain = scoped.query_property()
        special = scoped.query_property(Special)

    scoped.add(User(name="ed"))
    assert Owner.__dict__["plain"].__get__(None, User).one().name == "ed"
    query = Owner.__dict__["special"].__get__(None, User)
    assert type(query) is Special
    assert made == [User.__mapper__]  # type: ignore[attr-defined]
    assert query.filter(User.name == "ed").one().name == "ed"


# -- the deprecated mapper()


@pytest.fixture
def item_table(engine: Engine) -> Table:
    metadata = MetaData()
    table = Table("item", metadata, Column("id", Integer, primary_key=True), Column("name", String))
    metadata.create_all(engine)
    return table


def map_it(scoped: ScopedSession, class_: type, table: Table, **options: Any) -> Registry:
    registry = Registry()
    with pytest.warns(UOWDeprecationWarning, match="query_property"):
        scoped.mapper(class_, table, registry=registry, **options)
    return registry


def test_scoped_mapper_adds_new_objects_and_gives_a_query(scoped: ScopedSession, item_table: Table) -> None:
    class Item:
        query: Any
        name: str

    registry = map_it(scoped, Item, item_table)
    item = Item(name="n")  # type: ignore[call-arg]
    assert item in scoped.new
    scoped.commit()
    assert Item.query.filter_by(name="n").one() is item
    scoped.expunge_all()
    assert Item.query.one().name == "n", "loading does not call __init__"
    registry.dispose()
    assert "query" not in vars(Item)
    assert "__init__" not in vars(Item)


def test_the_query_of_scoped_mapper_may_be_called(scoped: ScopedSession, item_table: Table) -> None:
    class Item:
        query: Any

    map_it(scoped, Item, item_table)
    item = Item(name="n")  # type: ignore[call-arg]
    assert Item.query().all() == Item.query.all() == [item]
    assert Item.query().filter_by(name="n").one() is Item.query.filter_by(name="n")().one() is item


def test_scoped_mapper_keeps_an_init_and_a_query_of_the_class(scoped: ScopedSession, item_table: Table) -> None:
    class Item:
        query = "mine"

        def __init__(self, name: str) -> None:
            self.name = name.upper()

    own = Item.__init__
    registry = map_it(scoped, Item, item_table)
    item = Item("n")
    assert item in scoped
    assert (item.name, Item.query) == ("N", "mine")
    registry.dispose()
    assert Item.__init__ is own


def test_scoped_mapper_takes_options(scoped: ScopedSession, item_table: Table) -> None:
    class Item:
        pass

    registry = map_it(scoped, Item, item_table, save_on_init=False, validate=True)
    assert Item() not in scoped
    with pytest.raises(ArgumentError, match=r"no mapped attribute 'nmae'.*'name'"):
        Item(nmae="x")  # type: ignore[call-arg]
    registry.dispose()


def test_scoped_mapper_leaves_nothing_behind_when_mapping_fails(scoped: ScopedSession) -> None:
    class Item:
        pass

    keyless = Table("keyless", MetaData(), Column("a", Integer))
    with pytest.warns(UOWDeprecationWarning, match="deprecated"), pytest.raises(ArgumentError, match="primary key"):
        scoped.mapper(Item, keyless)
    assert "query" not in vars(Item)


def test_sessions_of_other_threads_stay_theirs(scoped: ScopedSession) -> None:
    ready, done = threading.Event(), threading.Event()
    user = User(name="theirs")

    def work() -> bool:
        scoped.add(user)
        ready.set()
        done.wait(30)
        found = user in scoped
        scoped.remove()
        return found

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work)
        assert ready.wait(30)
        assert user not in scoped
        scoped.remove()
        done.set()
        assert future.result(30)


def test_factories_can_be_named_by_annotations_and_told_by_isinstance() -> None:
    class OwnSession(Session):
        pass

    maker = sessionmaker[OwnSession](class_=OwnSession)
    assert isinstance(maker, sessionmaker)
    assert not isinstance(OwnSession, sessionmaker)
    assert not isinstance(maker(), sessionmaker)
    scoped = scoped_session[OwnSession](maker)
    assert isinstance(scoped, scoped_session)
    assert isinstance(scoped, ScopedSession)
    assert isinstance(scoped(), OwnSession)
    scoped.remove()
