"""SessionExtension and MapperExtension: which hook is called when, with what, and what it may do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import (
    EXT_CONTINUE,
    EXT_STOP,
    ArgumentError,
    Column,
    Connection,
    Engine,
    Integer,
    IntegrityError,
    MapperExtension,
    MetaData,
    Session,
    SessionExtension,
    SessionTransaction,
    String,
    Table,
    attributes,
    create_session,
    mapper,
    update,
)
from flask_uow.orm import Registry
from tests.orm.models import Post, Tag, User


class Recorder(SessionExtension):
    """Writes down each call, with what the Session showed at the time."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.details: dict[str, Any] = {}

    def before_commit(self, session: Any) -> None:
        self.calls.append("before_commit")

    def after_commit(self, session: Any) -> None:
        self.calls.append("after_commit")

    def after_rollback(self, session: Any) -> None:
        self.calls.append("after_rollback")

    def before_flush(self, session: Any, flush_context: Any, instances: Any) -> None:
        self.calls.append("before_flush")
        self.details["instances"] = instances

    def after_flush(self, session: Any, flush_context: Any) -> None:
        self.calls.append("after_flush")
        self.details["after_flush"] = [list(found) for found in (session.new, session.dirty, session.deleted)]
        self.details["context"] = [flush_context.new, flush_context.dirty, flush_context.deleted]
        self.details["histories"] = [attributes.get_history(obj, "name") for obj in (*session.new, *session.dirty)]

    def after_flush_postexec(self, session: Any, flush_context: Any) -> None:
        self.calls.append("after_flush_postexec")
        self.details["after_postexec"] = [list(found) for found in (session.new, session.dirty, session.deleted)]

    def after_begin(self, session: Any, transaction: Any, connection: Any) -> None:
        self.calls.append("after_begin")
        self.details["begin"] = (session, transaction, connection)

    def after_attach(self, session: Any, instance: Any) -> None:
        self.calls.append(f"after_attach {type(instance).__name__}")

    def after_bulk_update(self, session: Any, query: Any, query_context: Any, result: Any) -> None:
        self.calls.append(f"after_bulk_update {result.rowcount}")
        self.details["bulk"] = (session, query, query_context)

    def after_bulk_delete(self, session: Any, query: Any, query_context: Any, result: Any) -> None:
        self.calls.append(f"after_bulk_delete {result.rowcount}")


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def session(make_session: Any, recorder: Recorder) -> Session:
    session: Session = make_session(extension=recorder)
    return session


def taken(recorder: Recorder) -> list[str]:
    calls, recorder.calls = recorder.calls, []
    return calls


def test_the_hooks_of_a_commit_come_in_order(session: Session, recorder: Recorder) -> None:
    session.add(User(name="ed"))
    assert taken(recorder) == ["after_attach User"]
    session.commit()
    assert taken(recorder) == [
        "before_commit",
        "before_flush",
        "after_begin",
        "after_flush",
        "after_flush_postexec",
        "after_commit",
    ]
    began = recorder.details["begin"]
    assert began[0] is session
    assert isinstance(began[1], SessionTransaction)
    assert isinstance(began[2], Connection)


def test_after_flush_still_sees_what_is_new_dirty_and_deleted(session: Session, recorder: Recorder) -> None:
    changed, deleted = User(name="old"), User(name="gone")
    session.add_all([changed, deleted])
    session.commit()
    session.delete(deleted)
    changed.name = "changed"
    new = User(name="new")
    session.add(new)
    session.flush()
    assert recorder.details["after_flush"] == [[new], [changed], [deleted]]
    assert recorder.details["context"] == [(new,), (changed,), (deleted,)]
    assert [(h.added, h.deleted) for h in recorder.details["histories"]] == [(["new"], []), (["changed"], ["old"])]
    assert recorder.details["after_postexec"] == [[], [], []]


def test_histories_in_after_flush_have_the_old_value_where_it_was_loaded(session: Session, recorder: Recorder) -> None:
    user = User(name="old")
    session.add(user)
    session.commit()
    assert user.name == "old"
    user.name = "new"
    session.flush()
    assert [(h.added, h.deleted) for h in recorder.details["histories"]] == [(["new"], ["old"])]


def test_before_flush_is_given_the_chosen_objects(session: Session, recorder: Recorder) -> None:
    one, two = User(name="one"), User(name="two")
    session.add_all([one, two])
    session.flush([one])
    assert recorder.details["instances"] == (one,)
    assert session.new == {two}
    session.flush()
    assert recorder.details["instances"] is None
    taken(recorder)
    session.flush()
    assert taken(recorder) == []


def test_what_before_flush_adds_is_flushed_too(make_session: Any) -> None:
    class Tagger(SessionExtension):
        def before_flush(self, session: Any, flush_context: Any, instances: Any) -> None:
            if not any(isinstance(obj, Tag) for obj in session.new):
                session.add(Tag(label=f"for {len(session.new)}"))

    session = make_session(extension=[Tagger()])
    session.add(User(name="ed"))
    session.commit()
    assert session.query(Tag).one().label == "for 1"


def test_before_commit_may_still_add_work(make_session: Any) -> None:
    class Audit(SessionExtension):
        def before_commit(self, session: Any) -> None:
            session.add(Tag(label="audit"))

    session = make_session(extension=Audit())
    session.add(User(name="ed"))
    session.commit()
    assert session.query(Tag).count() == 1


def test_an_error_in_a_hook_ends_the_flush_and_rolls_back(make_session: Any) -> None:
    class Refuse(SessionExtension):
        def after_flush(self, session: Any, flush_context: Any) -> None:
            raise ZeroDivisionError("no")

    session = make_session(extension=Refuse())
    user = User(name="ed")
    session.add(user)
    with pytest.raises(ZeroDivisionError):
        session.flush()
    assert not session.is_active
    session.rollback()
    assert user not in session
    assert user.id is None


def test_savepoints_call_the_hooks_too(session: Session, recorder: Recorder) -> None:
    session.query(User).all()
    assert taken(recorder) == ["after_begin"]
    session.begin_nested()
    assert taken(recorder) == ["after_begin"]
    session.commit()
    assert taken(recorder) == ["before_commit", "after_commit"]
    session.begin_nested()
    session.rollback()
    session.rollback()
    assert taken(recorder) == ["after_begin", "after_rollback", "after_rollback"]


def test_subtransactions_call_none(session: Session, recorder: Recorder) -> None:
    session.query(User).all()
    session.begin(subtransactions=True)
    taken(recorder)
    session.commit()
    assert taken(recorder) == []


def test_a_failed_flush_calls_after_rollback_once(session: Session, recorder: Recorder) -> None:
    session.add_all([User(name="same"), User(name="same")])
    with pytest.raises(IntegrityError):
        session.flush()
    assert taken(recorder)[-1] == "after_rollback"
    session.rollback()
    assert taken(recorder) == []


def test_bulk_statements_are_told(session: Session, recorder: Recorder) -> None:
    session.add_all([User(name="a"), User(name="b")])
    session.flush()
    taken(recorder)
    query = session.query(User).filter(User.name == "a")
    assert query.update({"email": "x"}) == 1
    told_session, told_query, statement = recorder.details["bulk"]
    assert (told_session, told_query) == (session, query)
    assert str(statement).startswith("UPDATE")
    session.query(User).delete()
    assert taken(recorder) == ["after_bulk_update 1", "after_bulk_delete 2"]
    session.execute(update(User).values(email="y"))
    assert taken(recorder) == []


def test_cascades_and_merge_attach_too(session: Session, recorder: Recorder) -> None:
    user = User(name="ed")
    session.add(user)
    user.posts.append(Post(title="p"))
    session.merge(Tag(label="t"))
    assert [call for call in taken(recorder) if "attach" in call] == [
        "after_attach User",
        "after_attach Post",
        "after_attach Tag",
    ]
    session.add(user)
    assert taken(recorder) == []


def test_several_extensions_are_called_in_order(make_session: Any) -> None:
    order: list[int] = []

    class Numbered(SessionExtension):
        def __init__(self, number: int) -> None:
            self.number = number

        def before_commit(self, session: Any) -> None:
            order.append(self.number)

    session = make_session(extension=[Numbered(1), Numbered(2)])
    session.commit()
    assert order == [1, 2]


@pytest.mark.parametrize("wrong", [object(), Recorder, [Recorder]])
def test_what_is_no_extension_is_refused(wrong: Any) -> None:
    with pytest.raises(ArgumentError, match="SessionExtension"):
        Session(extension=wrong)


# -- mappers


class Item:
    id: int
    name: str

    def __init__(self, name: str) -> None:
        self.name = name


class MapperRecorder(MapperExtension):
    def __init__(self, answer: Any = EXT_CONTINUE) -> None:
        self.calls: list[tuple[str, str, bool]] = []
        self.answer = answer

    def _note(self, kind: str, mapper: Any, connection: Any, instance: Any) -> Any:
        assert mapper.class_ is Item
        found = connection.scalar(f"SELECT count(*) FROM item WHERE name = '{instance.name}'")
        self.calls.append((kind, instance.name, bool(found)))
        return self.answer

    def before_insert(self, mapper: Any, connection: Any, instance: Any) -> Any:
        return self._note("before_insert", mapper, connection, instance)

    def after_insert(self, mapper: Any, connection: Any, instance: Any) -> Any:
        assert instance.id is not None
        return self._note("after_insert", mapper, connection, instance)

    def before_update(self, mapper: Any, connection: Any, instance: Any) -> Any:
        return self._note("before_update", mapper, connection, instance)

    def after_update(self, mapper: Any, connection: Any, instance: Any) -> Any:
        return self._note("after_update", mapper, connection, instance)

    def before_delete(self, mapper: Any, connection: Any, instance: Any) -> Any:
        return self._note("before_delete", mapper, connection, instance)

    def after_delete(self, mapper: Any, connection: Any, instance: Any) -> Any:
        return self._note("after_delete", mapper, connection, instance)


@pytest.fixture
def items(engine: Engine) -> Iterator[Any]:
    metadata, registry = MetaData(), Registry()
    table = Table("item", metadata, Column("id", Integer, primary_key=True), Column("name", String))
    metadata.create_all(engine)

    def map_with(extension: Any) -> Session:
        mapper(Item, table, extension=extension, registry=registry)
        sessions.append(Session(engine))
        return sessions[-1]

    sessions: list[Session] = []
    yield map_with
    for session in sessions:
        session.close()
    registry.dispose()


def test_a_mapper_extension_is_called_before_and_after_each_row(items: Any) -> None:
    recorder = MapperRecorder()
    session = items(recorder)
    one, two = Item("one"), Item("two")
    session.add_all([one, two])
    session.flush()
    one.name = "uno"
    session.delete(two)
    session.commit()
    assert recorder.calls == [
        ("before_insert", "one", False),
        ("before_insert", "two", False),
        ("after_insert", "one", True),
        ("after_insert", "two", True),
        ("before_update", "uno", False),
        ("after_update", "uno", True),
        ("before_delete", "two", True),
        ("after_delete", "two", False),
    ]


def test_a_mapper_extension_may_set_columns_before_they_are_written(items: Any) -> None:
    class Shout(MapperExtension):
        def before_insert(self, mapper: Any, connection: Any, instance: Any) -> None:
            instance.name = instance.name.upper()

        def before_update(self, mapper: Any, connection: Any, instance: Any) -> None:
            instance.name += "!"

    session = items([Shout()])
    item = Item("quiet")
    session.add(item)
    session.commit()
    assert item.name == "QUIET"
    item.name = "louder"
    session.commit()
    assert item.name == "louder!"


def test_a_hook_that_touches_another_object_leaves_it_to_the_next_flush(items: Any) -> None:
    class Touch(MapperExtension):
        def after_insert(self, mapper: Any, connection: Any, instance: Any) -> None:
            other.name = "touched"

    session = items(Touch())
    other = Item("other")
    session.add(other)
    session.flush()
    other.name = "other"
    session.flush()
    session.add(Item("new"))
    session.flush()
    assert other in session.dirty
    session.commit()
    assert session.query(Item).filter(Item.name == "touched").one() is other


def test_ext_stop_keeps_later_extensions_from_being_called(items: Any) -> None:
    first, second = MapperRecorder(EXT_STOP), MapperRecorder()
    session = items([first, second])
    session.add(Item("one"))
    session.commit()
    assert len(first.calls) == 2
    assert second.calls == []


def test_a_mapper_extension_must_be_one() -> None:
    table = Table("t", MetaData(), Column("id", Integer, primary_key=True))

    class Plain:
        pass

    with pytest.raises(ArgumentError, match="MapperExtension"):
        mapper(Plain, table, extension=SessionExtension(), registry=Registry())


def test_after_flush_postexec_comes_when_the_flush_and_its_transaction_are_over(tables: Engine) -> None:
    calls: list[tuple[str, bool]] = []

    class Log(SessionExtension):
        def after_flush(self, session: Session, flush_context: Any) -> None:
            calls.append(("after_flush", session.is_active))

        def after_commit(self, session: Session) -> None:
            calls.append(("after_commit", session.is_active))

        def after_flush_postexec(self, session: Session, flush_context: Any) -> None:
            calls.append(("postexec", session.is_active))
            assert not session.new
            session.flush()

    with create_session(bind=tables, extension=Log()) as session:
        session.add(User(name="ed"))
        session.flush()
        assert calls == [("after_flush", True), ("after_commit", False), ("postexec", False)]
    calls.clear()
    with Session(tables, extension=Log()) as session:
        session.add(User(name="fred"))
        session.flush()
        assert calls == [("after_flush", True), ("postexec", True)]
