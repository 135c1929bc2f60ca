"""event.listen() and its kin: mapped classes, Sessions, attributes; when functions are called, with what, and what they may do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    DeclarativeBase,
    Engine,
    ForeignKey,
    InvalidRequestError,
    Mapped,
    Mapper,
    Session,
    UserDefinedOption,
    and_,
    configure_mappers,
    event,
    foreign,
    func,
    insert,
    inspect,
    mapped_column,
    relationship,
    scoped_session,
    select,
    sessionmaker,
    text,
    update,
    with_loader_criteria,
)

WRITES = ("before_insert", "after_insert", "before_update", "after_update", "before_delete", "after_delete")


class World:
    """Mapped classes of their own for each test, since listeners stay with a class."""

    def __init__(self) -> None:
        class Base(DeclarativeBase):
            pass

        class Article(Base):
            __tablename__ = "article"
            id: Mapped[int] = mapped_column(primary_key=True)
            title: Mapped[str]
            slug: Mapped[str | None]
            kind: Mapped[str] = mapped_column(default="article")
            notes: Mapped[list[Note]] = relationship(back_populates="article", cascade="all, delete-orphan")
            __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "article"}

        class Review(Article):
            __mapper_args__ = {"polymorphic_identity": "review"}

        class Note(Base):
            __tablename__ = "note"
            id: Mapped[int] = mapped_column(primary_key=True)
            text: Mapped[str | None]
            article_id: Mapped[int | None] = mapped_column(ForeignKey("article.id"))
            article: Mapped[Article | None] = relationship(back_populates="notes")

        self.Base, self.Article, self.Review, self.Note = Base, Article, Review, Note


@pytest.fixture
def world(engine: Engine) -> World:
    world = World()
    world.Base.metadata.create_all(engine)
    return world


@pytest.fixture
def session(engine: Engine, world: World) -> Iterator[Session]:
    with Session(engine) as session:
        yield session


# -- mapped classes


def test_listeners_of_a_class_are_called_around_each_write(world: World, session: Session) -> None:
    calls: list[Any] = []
    for name in WRITES:
        event.listen(
            world.Article, name, lambda mapper, connection, target, name=name: calls.append((name, target.title))
        )
    article = world.Article(title="a")
    session.add(article)
    session.commit()
    article.title = "b"
    session.commit()
    session.delete(article)
    session.commit()
    assert calls == [
        ("before_insert", "a"), ("after_insert", "a"), ("before_update", "b"), ("after_update", "b"), ("before_delete", "b"), ("after_delete", "b"),
    ]  # fmt: skip


def test_a_listener_may_set_columns_and_send_sql(world: World, session: Session) -> None:
    @event.listens_for(world.Article, "before_insert")
    def make_slug(mapper: Any, connection: Any, target: Any) -> None:
        target.slug = target.title.lower()

    @event.listens_for(world.Article, "after_insert")
    def make_note(mapper: Any, connection: Any, target: Any) -> None:
        connection.execute(world.Note.__table__.insert().values(text=target.slug, article_id=target.id))

    session.add_all([world.Article(title="Green"), world.Article(title="Blue")])
    session.commit()
    assert sorted(session.scalars(select(world.Article.slug))) == ["blue", "green"]
    assert sorted(session.scalars(select(world.Note.text))) == ["blue", "green"]


@pytest.mark.parametrize("target", ["class", "base", "mixin", "mapper", "all", "subclass only"])
def test_listeners_reach_subclasses_where_they_propagate(engine: Engine, target: str) -> None:
    world = World()
    calls: list[str] = []

    def called(mapper: Any, connection: Any, obj: Any) -> None:
        calls.append(type(obj).__name__)

    listened: Any = {
        "class": world.Article, "base": world.Base, "mixin": world.Base, "mapper": inspect(world.Article), "all": Mapper, "subclass only": world.Review,
    }[target]  # fmt: skip
    options = {} if target in ("all", "subclass only") else {"propagate": True}
    event.listen(listened, "before_insert", called, **options)
    try:
        world.Base.metadata.create_all(engine)
        with Session(engine) as session:
            session.add_all([world.Article(title="a"), world.Review(title="b")])
            session.commit()
    finally:
        event.remove(listened, "before_insert", called)
    assert sorted(calls) == (["Review"] if target == "subclass only" else ["Article", "Review"])


def test_listeners_that_do_not_propagate_are_about_the_class_alone(world: World, session: Session) -> None:
    calls: list[str] = []
    event.listen(world.Article, "after_insert", lambda mapper, connection, obj: calls.append(type(obj).__name__))
    session.add_all([world.Article(title="a"), world.Review(title="b")])
    session.commit()
    assert calls == ["Article"]


def test_a_class_that_is_mapped_later_is_heard(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    calls: list[Any] = []
    event.listen(Base, "load", lambda target, context: calls.append(target.name), propagate=True)
    event.listen(Base, "init", lambda target, args, kwargs: calls.append(kwargs), propagate=True)

    class Late(Base):
        __tablename__ = "late"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Late(name="x"))
        session.commit()
    with Session(engine) as session:
        assert session.scalars(select(Late)).one().name == "x"
    assert calls == [{"name": "x"}, "x"]


def test_load_is_heard_for_rows_that_are_read_also_after_earlier_queries(world: World, session: Session) -> None:
    session.add(world.Article(title="new"))
    session.commit()
    session.expunge_all()
    statement = select(world.Article)
    assert len(session.scalars(statement).all()) == 1
    session.expunge_all()
    loaded: list[str] = []

    def called(target: Any, context: Any) -> None:
        loaded.append(target.title)

    event.listen(world.Article, "load", called)
    assert len(session.scalars(statement).all()) == 1
    event.remove(world.Article, "load", called)
    session.expunge_all()
    assert len(session.scalars(statement).all()) == 1
    assert loaded == ["new"]


@pytest.mark.usefixtures("no_left_over_mappings")
def test_mappers_tell_when_they_are_configured() -> None:
    calls: list[Any] = []

    def before() -> None:
        calls.append("before")

    def after() -> None:
        calls.append("after")

    event.listen(Mapper, "before_configured", before)
    event.listen(Mapper, "after_configured", after)
    try:

        class Base(DeclarativeBase):
            pass

        event.listen(Base, "mapper_configured", lambda mapper, cls: calls.append(cls.__name__), propagate=True)

        class Thing(Base):
            __tablename__ = "thing"
            id: Mapped[int] = mapped_column(primary_key=True)

        configure_mappers()
    finally:
        event.remove(Mapper, "before_configured", before)
        event.remove(Mapper, "after_configured", after)
    assert [call for call in calls if call == "Thing"] == ["Thing"]
    assert calls.index("before") < calls.index("Thing") < len(calls) - 1 - calls[::-1].index("after")


def test_what_listens_to_a_mapper_may_use_it_and_add_to_it(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    class Note(Base):
        __tablename__ = "note_of_many"
        id: Mapped[int] = mapped_column(primary_key=True)
        owner: Mapped[str]
        owner_id: Mapped[int]

    class HasNotes:
        id: Mapped[int] = mapped_column(primary_key=True)

    calls: list[str] = []

    @event.listens_for(HasNotes, "mapper_configured", propagate=True)
    def add_notes(mapper: Mapper, cls: Any) -> None:
        calls.append(cls.__name__)
        assert list(mapper.columns.keys()) == ["id"]
        condition = and_(cls.id == foreign(Note.owner_id), Note.owner == cls.__name__)
        cls.notes = relationship(Note, primaryjoin=condition, overlaps="notes")

        @event.listens_for(cls.notes, "append")
        def set_owner(owner: object, note: Note, initiator: object) -> None:
            note.owner = type(owner).__name__

    class House(HasNotes, Base):
        __tablename__ = "house_with_notes"

    class Boat(HasNotes, Base):
        __tablename__ = "boat_with_notes"

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        house, boat = House(notes=[Note(), Note()]), Boat(notes=[Note()])  # type: ignore[call-arg]
        session.add_all([house, boat])
        session.commit()
        assert [(len(each.notes), each.notes[0].owner) for each in (house, boat)] == [(2, "House"), (1, "Boat")]

    class Owner(Base):
        __tablename__ = "owner_of_boats"
        id: Mapped[int] = mapped_column(primary_key=True)
        boat_id: Mapped[int] = mapped_column(ForeignKey("boat_with_notes.id"))
        boat: Mapped[Boat] = relationship()

    configure_mappers()
    # once, also where another class refers to it later
    assert sorted(calls) == ["Boat", "House"]


def test_methods_of_objects_listen_and_are_removed(engine: Engine) -> None:
    class Recorder:
        def __init__(self) -> None:
            self.statements: list[str] = []

        def note(
            self, connection: object, cursor: object, statement: str, parameters: object, context: object, many: object
        ) -> None:
            self.statements.append(statement)

    one, other = Recorder(), Recorder()
    for recorder in (one, other):
        event.listen(engine, "before_cursor_execute", recorder.note)
    assert event.contains(engine, "before_cursor_execute", one.note)
    event.remove(engine, "before_cursor_execute", one.note)
    assert not event.contains(engine, "before_cursor_execute", one.note)
    with engine.connect() as connection:
        connection.scalar(select(1))
    assert (len(one.statements), len(other.statements)) == (0, 1)
    event.remove(engine, "before_cursor_execute", other.note)
    with pytest.raises(InvalidRequestError, match="does not listen"):
        event.remove(engine, "before_cursor_execute", other.note)


def test_the_properties_of_a_mapper_are_listened_to_as_the_attributes_are() -> None:
    class Base(DeclarativeBase):
        pass

    class Box(Base):
        __tablename__ = "box_of_properties"
        id: Mapped[int] = mapped_column(primary_key=True)
        size: Mapped[int] = mapped_column(default=7)
        lids: Mapped[list[Lid]] = relationship()

    class Lid(Base):
        __tablename__ = "lid_of_properties"
        id: Mapped[int] = mapped_column(primary_key=True)
        box_id: Mapped[int | None] = mapped_column(ForeignKey("box_of_properties.id"))

    calls: list[object] = []

    @event.listens_for(inspect(Box).column_attrs["size"], "init_scalar", retval=True)
    def give_default(target: object, value: object, dict_: dict[str, Any]) -> Any:
        dict_["size"] = Box.__table__.c.size.default.arg
        return dict_["size"]

    event.listen(inspect(Box).relationships["lids"], "append", lambda target, value, initiator: calls.append(value))
    box, lid = Box(), Lid()
    assert box.size == 7
    box.lids.append(lid)
    assert calls == [lid]


def test_a_listener_that_fails_keeps_the_mapping_from_being_used() -> None:
    class Base(DeclarativeBase):
        pass

    class Thing(Base):
        __tablename__ = "thing_that_fails"
        id: Mapped[int] = mapped_column(primary_key=True)

    @event.listens_for(Thing, "mapper_configured")
    def fail(mapper: Mapper, cls: type) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        Thing()
    with pytest.raises(InvalidRequestError, match="the mappers cannot be configured: no"):
        Base.registry.configure()
    Base.registry.dispose()


# -- Sessions


def test_listeners_of_a_session_are_called_around_flush_and_commit(world: World, session: Session) -> None:
    calls: list[Any] = []
    event.listen(
        session, "before_flush", lambda session, context, instances: calls.append([o.title for o in session.new])
    )
    for name in ("after_flush", "after_flush_postexec", "before_commit", "after_commit", "after_rollback"):
        event.listen(session, name, lambda *arguments, name=name: calls.append(name))
    session.add(world.Article(title="a"))
    session.flush()
    session.commit()
    assert calls == [["a"], "after_flush", "after_flush_postexec", "before_commit", "after_commit"]
    del calls[:]
    session.add(world.Article(title="b"))
    session.flush()
    session.rollback()
    assert calls[0] == ["b"]
    assert calls[-1] == "after_rollback"


@pytest.mark.parametrize("target", ["Session", "subclass", "sessionmaker", "scoped_session", "session"])
def test_listeners_reach_all_sessions_of_their_target(engine: Engine, world: World, target: str) -> None:
    class Own(Session):
        pass

    maker = sessionmaker(engine, class_=Own)
    scoped = scoped_session(maker)
    early = maker()
    targets: dict[str, Any] = {
        "Session": Session,
        "subclass": Own,
        "sessionmaker": maker,
        "scoped_session": scoped,
        "session": early,
    }
    calls: list[Any] = []

    def called(session: Any, context: Any, instances: Any) -> None:
        calls.append(session)

    event.listen(targets[target], "before_flush", called)
    try:
        sessions = [early, maker(), Own(engine), Session(engine), scoped()]
        for session in sessions:
            session.add(world.Article(title="a"))
            session.flush()
            session.close()
    finally:
        event.remove(targets[target], "before_flush", called)
    heard = {"Session": sessions, "subclass": [*sessions[:3], sessions[4]], "session": [early]}
    assert calls == heard.get(target, [early, sessions[1], sessions[4]])


def test_each_change_of_state_is_told(world: World, session: Session) -> None:
    calls: list[str] = []
    names = (
        "transient_to_pending", "pending_to_transient", "pending_to_persistent", "persistent_to_transient", "persistent_to_detached",
        "detached_to_persistent", "persistent_to_deleted", "deleted_to_persistent", "deleted_to_detached",
    )  # fmt: skip
    for name in names:
        event.listen(session, name, lambda session, obj, name=name: calls.append(name))

    def told() -> list[str]:
        present = list(calls)
        del calls[:]
        return present

    article = world.Article(title="a")
    session.add(article)
    assert told() == ["transient_to_pending"]
    session.expunge(article)
    assert told() == ["pending_to_transient"]
    session.add(article)
    session.flush()
    assert told() == ["transient_to_pending", "pending_to_persistent"]
    session.rollback()
    assert told() == ["persistent_to_transient"]
    session.add(article)
    session.commit()
    told()
    session.expunge(article)
    session.add(article)
    assert told() == ["persistent_to_detached", "detached_to_persistent"]
    session.delete(article)
    session.flush()
    session.rollback()
    assert told() == ["persistent_to_deleted", "deleted_to_persistent"]
    session.delete(article)
    session.commit()
    assert told() == ["persistent_to_deleted", "deleted_to_detached"]
    session.add(world.Article(title="b"))
    session.commit()
    told()
    kept = session.scalars(select(world.Article)).all()
    session.close()
    assert told() == ["persistent_to_detached"] * len(kept)


def test_do_orm_execute_sees_statements_and_may_change_them(world: World, session: Session) -> None:
    session.add_all([world.Article(title="a"), world.Article(title="b")])
    session.commit()
    seen: list[Any] = []

    @event.listens_for(session, "do_orm_execute")
    def only_a(state: Any) -> None:
        seen.append((state.is_select, state.is_update, state.is_orm_statement))
        if state.is_select:
            state.statement = state.statement.where(world.Article.title == "a")

    assert [article.title for article in session.scalars(select(world.Article))] == ["a"]
    assert [article.title for article in session.execute(select(world.Article)).scalars()] == ["a"]
    assert [article.title for article in session.query(world.Article)] == ["a"]
    session.execute(update(world.Article).values(slug="x"))
    assert seen == [(True, False, True)] * 3 + [(False, True, True)]
    event.remove(session, "do_orm_execute", only_a)
    assert session.scalars(select(world.Article.slug)).all() == ["x", "x"]


def test_do_orm_execute_may_give_another_result(world: World, session: Session) -> None:
    session.add_all([world.Article(title="a"), world.Article(title="b")])
    session.commit()

    @event.listens_for(session, "do_orm_execute")
    def reversed_order(state: Any) -> Any:
        return state.invoke_statement(state.statement.order_by(world.Article.title.desc()))

    assert [article.title for article in session.scalars(select(world.Article))] == ["b", "a"]
    assert [article.title for article in session.query(world.Article).all()] == ["b", "a"]


def test_an_option_of_the_application_says_what_a_listener_does(world: World, session: Session) -> None:
    session.add(world.Article(title="a"))
    session.commit()
    kept: dict[str, Any] = {}

    class FromCache(UserDefinedOption):
        def __init__(self, key: str) -> None:
            self.key = key

    @event.listens_for(session, "do_orm_execute")
    def from_cache(state: Any) -> Any:
        for option in state.user_defined_options:
            if isinstance(option, FromCache):
                if option.key not in kept:
                    kept[option.key] = state.invoke_statement().freeze()
                return kept[option.key]()
        return None

    cached = select(world.Article.title).options(FromCache("titles"))
    assert session.scalars(cached).all() == ["a"]
    session.execute(update(world.Article).values(title="b"))
    assert session.scalars(cached).all() == ["a"]
    assert session.scalars(select(world.Article.title)).all() == ["b"]
    assert session.query(world.Article).options(UserDefinedOption({"note": 1})).one().title == "b"
    assert UserDefinedOption(5).payload == 5


def test_do_orm_execute_sees_get_of_what_the_session_has_not(world: World, session: Session) -> None:
    articles = [world.Article(title="a"), world.Review(title="b"), world.Article(title="c", slug="hidden")]
    session.add_all(articles)
    session.commit()
    keys = [article.id for article in articles]
    seen: list[Any] = []

    @event.listens_for(session, "do_orm_execute")
    def without_hidden(state: Any) -> None:
        seen.append([mapper.class_ for mapper in state.all_mappers])
        if state.is_select and not state.execution_options.get("with_hidden"):
            criteria = world.Article.slug.is_distinct_from("hidden")
            state.statement = state.statement.options(with_loader_criteria(world.Article, criteria))

    # what the Session has costs no statement
    assert session.get(world.Article, keys[2]) is articles[2]
    assert seen == []
    session.expunge_all()
    assert session.get(world.Article, keys[2]) is None
    assert session.query(world.Article).get(keys[2]) is None
    assert seen == [[world.Article]] * 2
    found = session.get(world.Article, keys[2], execution_options={"with_hidden": True})
    assert found is not None
    assert found.title == "c"
    assert session.get(world.Article, keys[1]).title == "b"
    session.expunge_all()
    assert session.get(world.Review, keys[1]).title == "b"
    assert session.get(world.Review, keys[0]) is None
    # it is not there, so that a new one is made
    session.expunge_all()
    session.merge(world.Article(id=keys[2], title="new"))
    assert len(session.new) == 1
    session.rollback()


def test_do_orm_execute_is_told_what_a_statement_is(world: World, session: Session) -> None:
    seen: list[Any] = []

    @event.listens_for(session, "do_orm_execute")
    def listen(state: Any) -> None:
        assert state.lazy_loaded_from is None
        assert state.local_execution_options == state.execution_options
        mappers = [mapper.class_.__name__ for mapper in state.all_mappers]
        seen.append((mappers, state.is_from_statement, state.is_executemany))

    session.execute(select(world.Article.id, world.Note, world.Article))
    session.execute(select(world.Article).from_statement(text("SELECT * FROM article")))
    session.execute(insert(world.Note), [{"text": "a"}, {"text": "b"}])
    session.execute(update(world.Note).values(text="c"))
    session.execute(text("SELECT 1"))
    session.execute(select(world.Article.__table__.c.id))
    assert seen == [
        (["Article", "Note"], False, False),
        (["Article"], True, False),
        (["Note"], False, True),
        (["Note"], False, False),
        ([], False, False),
        ([], False, False),
    ]


def test_a_query_that_changes_many_rows_is_told(world: World, session: Session) -> None:
    counts: list[tuple[str, int]] = []
    event.listen(session, "after_bulk_update", lambda context: counts.append(("update", context.rowcount)))
    event.listen(session, "after_bulk_delete", lambda context: counts.append(("delete", context.result.rowcount)))
    session.add_all([world.Article(title="a"), world.Article(title="b")])
    session.commit()
    session.query(world.Article).update({"slug": "s"})
    session.query(world.Article).filter_by(title="a").delete()
    assert counts == [("update", 2), ("delete", 1)]


def test_what_listens_to_load_may_load_more(world: World, session: Session) -> None:
    seen: list[list[str]] = []

    def load(article: Any, context: Any) -> None:
        seen.append([note.text for note in article.notes])

    event.listen(world.Article, "load", load, restore_load_context=True)
    session.add_all([world.Article(title=t, notes=[world.Note(text=t), world.Note(text=t)]) for t in "ab"])
    session.commit()
    session.expunge_all()
    found = session.scalars(select(world.Article).order_by(world.Article.id)).all()
    assert [article.title for article in found] == ["a", "b"]
    assert seen == [["a", "a"], ["b", "b"]]


# -- attributes


def test_listeners_of_attributes_are_called_with_old_and_new_values(world: World, session: Session) -> None:
    calls: list[Any] = []
    event.listen(world.Article.title, "set", lambda target, value, old, initiator: calls.append((value, old)))
    event.listen(world.Article.notes, "append", lambda target, value, initiator: calls.append(("append", value)))
    event.listen(world.Article.notes, "remove", lambda target, value, initiator: calls.append(("remove", value)))
    event.listen(world.Note.article, "set", lambda target, value, old, initiator: calls.append(("article", value)))
    article, note = world.Article(), world.Note()
    article.title = "a"
    article.title = "b"
    article.notes.append(note)
    article.notes.remove(note)
    assert calls[0][0] == "a"
    assert calls[1] == ("b", "a")
    assert ("append", note) in calls
    assert ("remove", note) in calls
    assert ("article", article) in calls


def test_a_listener_may_change_the_value(world: World) -> None:
    @event.listens_for(world.Article.title, "set", retval=True)
    def strip(target: Any, value: str, old: Any, initiator: Any) -> str:
        return value.strip()

    assert world.Article(title=" a ").title == "a"
    event.remove(world.Article.title, "set", strip)
    assert world.Article(title=" a ").title == " a "


@pytest.mark.parametrize("propagate", [True, False])
def test_listeners_of_an_attribute_reach_subclasses_where_they_propagate(world: World, propagate: bool) -> None:
    calls: list[str] = []
    event.listen(
        world.Article.title,
        "set",
        lambda target, value, old, initiator: calls.append(type(target).__name__),
        propagate=propagate,
    )
    world.Article(title="a")
    world.Review(title="b")
    assert calls == (["Article", "Review"] if propagate else ["Article"])


def test_an_old_value_is_loaded_where_the_listener_wants_it(world: World, session: Session) -> None:
    olds: list[Any] = []
    event.listen(
        world.Article.title, "set", lambda target, value, old, initiator: olds.append(old), active_history=True
    )
    article = world.Article(title="a")
    session.add(article)
    session.commit()
    article.title = "b"
    assert olds[-1] == "a"


# -- the functions themselves


def test_options_of_listening(world: World) -> None:
    calls: list[Any] = []
    event.listen(world.Article, "init", lambda target, args, kwargs: calls.append("second"))
    event.listen(world.Article, "init", lambda target, args, kwargs: calls.append("first"), insert=True)
    event.listen(world.Article, "init", lambda target, args, kwargs: calls.append("once"), once=True)
    event.listen(world.Article, "init", lambda **given: calls.append(sorted(given)), named=True)
    event.listen(world.Article, "init", lambda state, args, kwargs: calls.append(type(state).__name__), raw=True)
    world.Article()
    world.Article()
    assert calls == [
        "first", "second", "once", ["args", "kwargs", "target"], "InstanceState", "first", "second", ["args", "kwargs", "target"], "InstanceState",
    ]  # fmt: skip


def test_listeners_can_be_taken_away(world: World, session: Session) -> None:
    calls: list[Any] = []

    def called(*arguments: Any) -> None:
        calls.append(arguments)

    for target, name in (
        (world.Article, "before_insert"),
        (session, "before_flush"),
        (world.Article.title, "set"),
        (Session, "after_flush"),
    ):
        assert not event.contains(target, name, called)
        event.listen(target, name, called)
        assert event.contains(target, name, called)
        event.remove(target, name, called)
        assert not event.contains(target, name, called)
        with pytest.raises(InvalidRequestError, match=f"'called' does not listen to '{name}'"):
            event.remove(target, name, called)
    session.add(world.Article(title="a"))
    session.commit()
    assert calls == []


def test_mistakes_are_named(world: World, session: Session) -> None:
    with pytest.raises(InvalidRequestError, match="has no event 'before_explosion'"):
        event.listen(world.Article, "before_explosion", print)
    with pytest.raises(InvalidRequestError, match="Did you mean 'before_insert'"):
        event.listen(world.Article, "before_insrt", print)
    with pytest.raises(InvalidRequestError, match="has no event 'before_insert'"):
        event.listen(session, "before_insert", print)
    with pytest.raises(InvalidRequestError, match=r"has no events. Targets are: "):
        event.listen(3, "before_insert", print)
    with pytest.raises(ArgumentError, match="takes no propogate"):
        event.listen(world.Article, "before_insert", print, propogate=True)
    with pytest.raises(InvalidRequestError, match="is no class, so that nothing can listen to all"):
        event.listen(scoped_session(lambda: Session()), "before_flush", print)


def test_an_error_in_a_listener_ends_the_flush(world: World, session: Session) -> None:
    @event.listens_for(world.Article, "before_insert")
    def refuse(mapper: Any, connection: Any, target: Any) -> None:
        raise ValueError("no")

    session.add(world.Article(title="a"))
    with pytest.raises(ValueError, match="no"):
        session.commit()
    session.rollback()
    event.remove(world.Article, "before_insert", refuse)
    session.add(world.Article(title="a"))
    session.commit()
    assert session.scalar(select(func.count(world.Article.id))) == 1
