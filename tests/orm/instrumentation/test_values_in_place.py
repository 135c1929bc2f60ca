"""Values that change in place (JSON, pickles, arrays, composites), on objects that come and go."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from flask_uow import (
    ARRAY,
    JSON,
    Engine,
    ForeignKey,
    Integer,
    InvalidRequestError,
    Mapped,
    PickleType,
    Session,
    TypeDecorator,
    composite,
    declarative_base,
    deferred,
    inspect,
    mapped_column,
    text,
)

Base = declarative_base()


class Span:
    def __init__(self, low: int, high: int) -> None:
        self.low, self.high = low, high

    def __composite_values__(self) -> tuple[int, int]:
        return self.low, self.high

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Span) and self.__composite_values__() == other.__composite_values__()

    __hash__ = None  # type: ignore[assignment]


class Tags(TypeDecorator):
    impl = JSON(mutable=True)


class Profile(Base):
    __tablename__ = "profile"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    options: Mapped[Any] = mapped_column(JSON(mutable=True))
    parts: Mapped[Any] = mapped_column(PickleType)
    numbers: Mapped[Any] = mapped_column(ARRAY(Integer, mutable=True))
    tags: Mapped[Any] = mapped_column(Tags)
    late: Mapped[Any] = deferred(mapped_column(PickleType))
    low: Mapped[int]
    high: Mapped[int]
    version: Mapped[int]
    span: Mapped[Span] = composite(Span, "low", "high")
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "profile", "version_id_col": "version"}


class Detailed(Profile):
    __tablename__ = "detailed"
    id: Mapped[int] = mapped_column(ForeignKey("profile.id"), primary_key=True)
    more: Mapped[Any] = mapped_column(JSON(mutable=True))
    __mapper_args__ = {"polymorphic_identity": "detailed"}


class Plain(Base):
    __tablename__ = "plain"
    id: Mapped[int] = mapped_column(primary_key=True)
    parts: Mapped[Any] = mapped_column(PickleType)
    document: Mapped[Any] = mapped_column(JSON)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__.copy()

    def __setstate__(self, values: dict[str, Any]) -> None:
        self.__dict__.update(values)


class Point:
    """A value without an equality of its own."""

    def __init__(self, x: int) -> None:
        self.x = x


def set_all(profile: Any) -> None:
    profile.options, profile.parts, profile.numbers, profile.tags, profile.late = {"a": 1}, [1], [1], ["x"], [1]
    profile.span, profile.more = Span(1, 2), {"m": 1}


def change_all(profile: Any) -> None:
    profile.options["b"] = 2
    profile.span.high = 9
    profile.more["n"] = 2
    profile.tags.append("y")
    for values in (profile.parts, profile.numbers, profile.late):
        values.append(2)


CHANGED = ({"a": 1, "b": 2}, [1, 2], [1, 2], ["x", "y"], [1, 2], (1, 9), {"m": 1, "n": 2})


def values_of(profile: Any) -> tuple[Any, ...]:
    span = (profile.low, profile.high)
    return (profile.options, profile.parts, profile.numbers, profile.tags, profile.late, span, profile.more)


def stored(engine: Any) -> tuple[Any, ...]:
    with Session(engine) as session:
        return values_of(session.query(Profile).one())


@pytest.fixture
def filled(engine: Engine) -> Engine:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        profile = Detailed()
        set_all(profile)
        session.add(profile)
        session.commit()
    return engine


def detached(engine: Engine, class_: type = Detailed) -> Any:
    """An object with all its values, of a Session that is gone."""
    with Session(engine, expire_on_commit=False) as session:
        profile = session.query(class_).one()
        values_of(profile)
        assert profile.span == Span(1, 2)
    return profile


@pytest.mark.parametrize("class_", [Detailed, Profile])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_detached_object_may_change_before_and_after_it_is_added(filled: Engine, class_: type, when: str) -> None:
    profile = detached(filled, class_)
    if when == "before":
        change_all(profile)
    with Session(filled) as session:
        session.add(profile)
        if when == "after":
            change_all(profile)
        assert session.is_modified(profile)
        assert profile in session.dirty
        session.commit()
        assert profile.version == 2
    assert stored(filled) == CHANGED


def test_an_object_may_change_while_it_is_out_of_its_session(filled: Engine) -> None:
    with Session(filled) as session:
        profile = session.query(Detailed).one()
        values_of(profile)
        session.expunge(profile)
        change_all(profile)
        session.add(profile)
        session.commit()
    assert stored(filled) == CHANGED


@pytest.mark.parametrize("load", [True, False])
@pytest.mark.parametrize("is_there", [True, False])
def test_a_merged_object_may_change(filled: Engine, load: bool, is_there: bool) -> None:
    given = detached(filled)
    with Session(filled) as session:
        there = session.query(Detailed).one() if is_there else None
        profile = session.merge(given, load=load)
        assert there is None or profile is there
        assert not session.dirty
        change_all(profile)
        session.commit()
    assert stored(filled) == CHANGED
    # what it was merged from has values of its own
    assert values_of(given) == ({"a": 1}, [1], [1], ["x"], [1], (1, 2), {"m": 1})


def test_what_was_changed_in_place_is_merged(filled: Engine) -> None:
    given = detached(filled)
    change_all(given)
    with Session(filled) as session:
        session.merge(given)
        session.commit()
    assert stored(filled) == CHANGED


def test_an_object_that_was_changed_in_place_is_not_merged_without_loading(filled: Engine) -> None:
    given = detached(filled)
    change_all(given)
    with Session(filled) as session, pytest.raises(InvalidRequestError, match=r"without changes.*options"):
        session.merge(given, load=False)


def test_a_merge_copies_values_of_types_that_are_not_watched_too(filled: Engine) -> None:
    given = Plain(parts=[1], document={"a": [1]})
    with Session(filled) as session:
        merged = session.merge(given)
        merged.document["a"].append(2)
        assert given.document == {"a": [1]}
        assert merged.parts is not given.parts


@pytest.mark.parametrize("when", ["before", "between", "after"])
def test_a_pickled_object_may_change(filled: Engine, when: str) -> None:
    profile = detached(filled)
    if when == "before":
        change_all(profile)
    again = pickle.loads(pickle.dumps(profile))
    if when == "between":
        change_all(again)
    with Session(filled) as session:
        session.add(again)
        if when == "after":
            change_all(again)
        session.commit()
    assert stored(filled) == CHANGED


def test_an_object_that_pickles_itself_may_change(filled: Engine) -> None:
    with Session(filled, expire_on_commit=False) as session:
        plain = Plain(parts=[1], document={})
        session.add(plain)
        session.commit()
    again = pickle.loads(pickle.dumps(plain))
    again.parts.append(2)
    with Session(filled) as session:
        session.add(again)
        session.commit()
        assert again.parts == [1, 2]


STEPS: dict[str, Callable[[Session, Any], Any]] = {
    "commit": lambda session, profile: session.commit(),
    "commit and a query": lambda session, profile: (session.commit(), session.query(Profile.id).all()),
    "commit and SQL": lambda session, profile: (session.commit(), session.execute(text("SELECT 1")), session.flush()),
    "rollback": lambda session, profile: session.rollback(),
    "rollback of a savepoint": lambda session, profile: session.begin_nested().rollback(),
    "expire": lambda session, profile: session.expire(profile),
    "expire some": lambda session, profile: session.expire(profile, ["options", "parts", "more"]),
    "expire all": lambda session, profile: session.expire_all(),
    "refresh": lambda session, profile: session.refresh(profile),
    "refresh some": lambda session, profile: session.refresh(profile, ["options", "late"]),
    "populate": lambda session, profile: session.query(Profile).populate_existing().all(),
    "get": lambda session, profile: session.get(Profile, profile.id, populate_existing=True),
    "flush": lambda session, profile: session.flush(),
    "expunge and add": lambda session, profile: (session.expunge(profile), session.add(profile)),
    "close and add": lambda session, profile: (session.close(), session.add(profile)),
    "merge into itself": lambda session, profile: session.merge(profile),
    "update": lambda session, profile: session.query(Profile).update({"options": {"a": 1}}),
    "update by key": lambda session, profile: session.bulk_update(Profile, [{"id": profile.id, "parts": [1]}]),
}


@pytest.mark.parametrize("step", STEPS)
def test_an_object_may_change_after_whatever_its_session_has_done(filled: Engine, step: str) -> None:
    with Session(filled) as session:
        profile = session.query(Detailed).one()
        values_of(profile)
        STEPS[step](session, profile)
        change_all(profile)
        session.commit()
    assert stored(filled) == CHANGED


def test_a_value_may_change_that_was_set_where_none_was_loaded(filled: Engine) -> None:
    with Session(filled) as session:
        profile = session.query(Detailed).one()
        session.commit()
        session.query(Profile.id).all()
        profile.options = {"a": 1}
        session.flush()
        profile.options["b"] = 2
        session.commit()
        assert profile.options == {"a": 1, "b": 2}


def test_after_a_failed_flush_an_object_may_change(filled: Engine) -> None:
    with Session(filled) as session:
        profile = session.query(Detailed).one()
        values_of(profile)
        change_all(profile)
        session.flush()
        session.rollback()
        change_all(profile)
        session.commit()
    assert stored(filled) == CHANGED


def test_a_new_object_that_was_rolled_back_may_change(filled: Engine) -> None:
    with Session(filled) as session:
        plain = Plain(parts=[1], document={})
        session.add(plain)
        session.flush()
        plain.parts.append(2)
        session.rollback()
        session.add(plain)
        session.commit()
        plain.parts.append(3)
        session.commit()
        assert plain.parts == [1, 2, 3]


def test_what_has_not_changed_is_not_written(filled: Engine) -> None:
    with Session(filled) as session:
        profile = session.query(Detailed).one()
        for _ in range(2):
            values_of(profile)
            assert profile.span == Span(1, 2)
            session.flush()
            session.commit()
        profile.parts = [Point(1), "text"]
        session.commit()
        assert profile.parts[0].x == 1
        session.commit()
        assert profile.version == 2
        profile.parts[0].x = 2
        session.commit()
        assert (profile.parts[0].x, profile.version) == (2, 3)


@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy])
def test_a_copy_is_new(filled: Engine, make: Callable[[Any], Any]) -> None:
    profile = detached(filled)
    made = make(profile)
    assert inspect(made).transient
    with Session(filled) as session:
        made.id = None
        session.add(made)
        session.commit()
        assert session.query(Profile).count() == 2


def test_a_closed_session_holds_no_objects(filled: Engine) -> None:
    session = Session(filled)
    profile = weakref.ref(session.query(Detailed).one())
    gc.collect()
    assert profile() is not None
    session.close()
    gc.collect()
    assert profile() is None
