"""Which engine serves what: bind, binds, bind_mapper, bind_table, bind keys, get_bind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    DeclarativeBase,
    Engine,
    Mapped,
    MetaData,
    Session,
    UnboundExecutionError,
    UnmappedClassError,
    create_engine,
    mapped_column,
    scoped_session,
    select,
    sessionmaker,
)


class Base(DeclarativeBase):
    pass


class Here(Base):
    __tablename__ = "here"
    id: Mapped[int] = mapped_column(primary_key=True)


class There(Base):
    __tablename__ = "there"
    id: Mapped[int] = mapped_column(primary_key=True)


class Keyed(DeclarativeBase):
    metadata = MetaData(info={"bind_key": "audit"})


class Entry(Keyed):
    __tablename__ = "entry"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


@pytest.fixture
def engines(database_uri: str, second_database_uri: str) -> Iterator[tuple[Engine, Engine]]:
    """Two databases of the same kind, with all tables in both."""
    made = create_engine(database_uri), create_engine(second_database_uri)
    for engine in made:
        Base.metadata.create_all(engine)
        Keyed.metadata.create_all(engine)
    yield made
    for engine in made:
        assert engine.pool.checked_out() == 0
        engine.dispose()


def count(engine: Engine, table: str) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(f"SELECT count(*) FROM {table}"))


def test_explicit_binds_come_before_the_sessions_own(engines: tuple[Engine, Engine]) -> None:
    first, second = engines
    with Session(bind=first, binds={There: second}) as session:
        session.add_all([Here(), There()])
        session.commit()
        assert session.get_bind(Here) is first
        assert session.get_bind(There) is second
        assert session.get_bind(None, select(There.__table__)) is second
        assert session.query(There).count() == 1
    assert (count(first, "here"), count(second, "there")) == (1, 1)
    assert (count(second, "here"), count(first, "there")) == (0, 0)


def test_binds_can_be_added_by_mapper_and_by_table(engines: tuple[Engine, Engine]) -> None:
    first, second = engines
    with Session() as session:
        session.bind_mapper(Here, first)
        session.bind_table(There.__table__, second)
        session.add_all([Here(), There()])
        session.commit()
        assert session.scalar(select(There.id)) is not None
    assert (count(first, "here"), count(second, "there")) == (1, 1)


@pytest.mark.parametrize("how", ["bind", "bind_mapper", "bind_table"])
def test_a_bind_that_changes_within_a_transaction_counts_from_then_on(engines: tuple[Engine, Engine], how: str) -> None:
    first, second = engines
    with Session(bind=second) as session:
        session.add(Here(id=7))
        session.commit()
    with Session(bind=first) as session:
        assert session.get(Here, 7) is None
        assert session.get(There, 1) is None
        if how == "bind":
            session.bind = second
        elif how == "bind_mapper":
            session.bind_mapper(Here, second)
        else:
            session.bind_table(Here.__table__, second)
        assert session.get(Here, 7) is not None


def test_an_overridden_get_bind_is_asked_each_time(engines: tuple[Engine, Engine]) -> None:
    first, second = engines

    class Alternating(Session):
        turn = 0

        def get_bind(self, mapper: Any = None, clause: Any = None, **kw: Any) -> Any:
            self.turn += 1
            return engines[self.turn % 2]

    with Session(bind=first) as session:
        session.add(Here(id=7))
        session.commit()
    with Alternating() as session:
        found = [session.get(Here, 7) is not None for _ in range(2)]
        session.expunge_all()
        found += [session.get(Here, 7) is not None for _ in range(2)]
    assert set(found) == {True, False}
    with Session(bind=first) as session:
        session.get_bind = lambda *args, **kw: second  # type: ignore[method-assign]
        assert session.get(Here, 7) is None


def test_an_overridden_get_bind_is_given_keywords(engines: tuple[Engine, Engine]) -> None:
    first, second = engines
    seen: list[set[str]] = []

    class Sharded(Session):
        def get_bind(self, **kw: Any) -> Any:
            seen.append(set(kw))
            return second if kw["mapper"] is not None else first

    with Sharded() as session:
        session.add(Here(id=7))
        session.commit()
        assert session.execute("SELECT count(*) FROM here").scalar() == 0
    assert all({"mapper", "clause"} <= names for names in seen)
    assert count(second, "here") == 1


def test_a_bind_key_chooses_the_engine_and_none_the_default(engines: tuple[Engine, Engine]) -> None:
    first, second = engines
    with Session(bind_key_engines={None: first, "audit": second}) as session:
        session.add_all([Here(), Entry(text="x")])
        session.commit()
        assert session.get_bind(Entry) is second
        assert session.get_bind() is first
    assert (count(first, "here"), count(second, "entry")) == (1, 1)
    with Session(bind_key_engines={None: first}) as session:
        session.add(Entry(text="x"))
        with pytest.raises(UnboundExecutionError, match=r"bind key 'audit' is not configured.*UOW_BINDS"):
            session.flush()


def test_without_any_engine_the_error_says_what_to_do() -> None:
    with Session() as session:
        with pytest.raises(UnboundExecutionError, match=r"no engine is known for mapper of Here.*bind="):
            session.query(Here).all()
        with pytest.raises(UnboundExecutionError):
            session.execute("SELECT 1")
    with pytest.raises(ArgumentError, match="binds= takes"):
        Session(binds={"here": None})


def test_keywords_of_execute_reach_an_overridden_get_bind(engines: tuple[Engine, Engine]) -> None:
    first, second = engines
    seen: list[dict[str, Any]] = []

    class Sharded(Session):
        def get_bind(self, mapper: Any = None, clause: Any = None, **kw: Any) -> Any:
            seen.append(kw)
            return second if kw.get("shard") == 2 else first

    with Sharded() as session:
        session.execute("INSERT INTO here (id) VALUES (7)", shard=2)
        assert session.scalar("SELECT count(*) FROM here", shard=1) == 0
        session.commit()
    assert {"shard": 2} in seen
    assert count(second, "here") == 1


def test_scoped_session_gives_each_scope_a_session(engines: tuple[Engine, Engine]) -> None:
    scope = ["a"]
    sessions = scoped_session(sessionmaker(bind=engines[0]), scopefunc=lambda: scope[0])
    first = sessions()
    assert sessions() is first
    sessions.add(Here())
    scope[0] = "b"
    assert sessions() is not first
    assert not list(sessions.new)
    scope[0] = "a"
    sessions.commit()
    assert sessions.query(Here).count() == 1
    sessions.remove()
    assert not sessions.registry.has()
    assert sessions() is not first
    sessions.remove()
    scope[0] = "b"
    sessions.remove()


def test_query_property_asks_the_session_of_the_scope(engines: tuple[Engine, Engine]) -> None:
    sessions = scoped_session(sessionmaker(bind=engines[0]))

    class Local(DeclarativeBase):
        pass

    class Thing(Local):
        __tablename__ = "here"
        id: Mapped[int] = mapped_column(primary_key=True)
        query = sessions.query_property()

    sessions.add(Thing(id=3))
    assert Thing.query.filter(Thing.id == 3).one().id == 3
    sessions.remove()


class Marked:
    """A mixin."""


class Marking(Marked, Keyed):
    __tablename__ = "marking"
    id: Mapped[int] = mapped_column(primary_key=True)


@pytest.mark.parametrize("way", ["binds", "bind_mapper"])
def test_a_declarative_base_or_a_mixin_stands_for_the_classes_with_it(engines: tuple[Engine, Engine], way: str) -> None:
    first, second = engines
    given: dict[Any, Any] = {Base: first, Keyed: second}
    session = Session(binds=given) if way == "binds" else Session()
    if way == "bind_mapper":
        for class_, engine in given.items():
            session.bind_mapper(class_, engine)
    with session:
        assert session.get_bind(Here) is session.get_bind(There) is first
        assert session.get_bind(Entry) is session.get_bind(Marking) is second
        session.add_all([Here(id=1), There(id=1), Entry(text="a")])
        session.commit()
        assert session.scalars(select(Entry.text)).all() == ["a"]
        # statements about tables go to the base that has them
        assert session.execute(select(Entry.__table__)).all() == [(1, "a")]
        assert session.execute(Here.__table__.select()).all() == [(1,)]
        with pytest.raises(UnboundExecutionError):
            session.execute("SELECT 1")
    with first.connect() as connection:
        assert connection.execute("SELECT count(*) FROM entry").scalar() == 0


def test_what_is_said_of_a_class_goes_before_what_is_said_of_its_bases(engines: tuple[Engine, Engine]) -> None:
    first, second = engines
    for binds in ({Base: first, Here: second}, {Here: second, Base: first}, {Base: first, Here.__table__: second}):
        with Session(binds=binds) as session:
            assert session.get_bind(Here) is second
            assert session.get_bind(There) is first
            assert session.get_bind(clause=select(Here)) is second
            assert session.get_bind(clause=select(There)) is first
    with Session(first, binds={Marked: second}) as session:
        assert session.get_bind(Marking) is second
        assert session.get_bind(Entry) is first
    with Session(binds={Marked: first, Keyed: second}) as session:
        # the nearer base
        assert session.get_bind(Marking) is first


def test_a_class_of_python_itself_is_no_base_of_mapped_ones(engines: tuple[Engine, Engine]) -> None:
    with pytest.raises(UnmappedClassError, match="int is not a mapped class"):
        Session(binds={int: engines[0]})
    with pytest.raises(UnmappedClassError, match="object is not a mapped class"):
        Session().bind_mapper(object, engines[0])


def test_a_concrete_class_goes_where_its_base_goes(engines: tuple[Engine, Engine]) -> None:
    first, second = engines

    class Own(DeclarativeBase):
        pass

    class Document(Own):
        __tablename__ = "document"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Letter(Document):
        __tablename__ = "letter"
        id: Mapped[int] = mapped_column(primary_key=True)
        __mapper_args__ = {"concrete": True}

    with Session(binds={Document: first}) as session:
        assert session.get_bind(Letter) is first
    with Session(binds={Document: first, Letter: second}) as session:
        assert session.get_bind(Letter) is second
        assert session.get_bind(Document) is first
