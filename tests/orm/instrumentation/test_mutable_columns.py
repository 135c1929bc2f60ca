"""MutableDict and its kin, flag_modified, set_committed_value: columns whose values change in place, and what a program says of them itself."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flask_uow import (
    JSON,
    ArgumentError,
    DeclarativeBase,
    Engine,
    ForeignKey,
    InvalidRequestError,
    LargeBinary,
    Mapped,
    Mutable,
    MutableDict,
    MutableList,
    MutableSet,
    PickleType,
    Session,
    TypeDecorator,
    flag_dirty,
    flag_modified,
    inspect,
    mapped_column,
    relationship,
    select,
    set_committed_value,
    text,
)
from flask_uow.orm.attributes import get_history


class Point(Mutable):
    def __init__(self, x: int, y: int) -> None:
        self.x, self.y = x, y

    def move(self, x: int) -> None:
        self.x = x
        self.changed()

    def move_in_secret(self, x: int) -> None:
        self.x = x

    @classmethod
    def coerce(cls, key: str, value: Any) -> Any:
        return cls(*value) if isinstance(value, tuple) else super().coerce(key, value)


class PointType(TypeDecorator):
    impl = JSON

    def process_bind_param(self, value: Any, dialect: Any) -> Any:
        return None if value is None else [value.x, value.y]

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return None if value is None else Point(*value)


class Base(DeclarativeBase):
    pass


class Profile(Base):
    __tablename__ = "profile"
    id: Mapped[int] = mapped_column(primary_key=True)
    data = mapped_column(MutableDict.as_mutable(JSON))
    items = mapped_column(MutableList.as_mutable(JSON()))
    tags = mapped_column(MutableSet.as_mutable(PickleType))
    point = mapped_column(Point.as_mutable(PointType))
    plain = mapped_column(JSON)
    blob: Mapped[bytes | None] = mapped_column(LargeBinary)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("profile.id"))
    children: Mapped[list[Profile]] = relationship()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        yield session


@pytest.fixture
def profile(session: Session) -> Profile:
    profile = Profile(data={"a": 1, "deep": {"x": [1]}}, items=[2, 1], tags={"a"}, point=(1, 2), plain={"a": 1})
    session.add(profile)
    session.commit()
    return profile


CHANGES: dict[str, tuple[str, Callable[[Any], Any], Any]] = {
    "set item": ("data", lambda d: d.__setitem__("b", 2), {"a": 1, "deep": {"x": [1]}, "b": 2}),
    "update": ("data", lambda d: d.update(a=5), {"a": 5, "deep": {"x": [1]}}),
    "setdefault": ("data", lambda d: d.setdefault("c", 3), {"a": 1, "deep": {"x": [1]}, "c": 3}),
    "pop": ("data", lambda d: d.pop("deep"), {"a": 1}),
    "popitem": ("data", lambda d: d.popitem(), None),
    "deep": ("data", lambda d: d["deep"]["x"].append(2), {"a": 1, "deep": {"x": [1, 2]}}),
    "or": ("data", lambda d: d.__ior__({"z": 0}), {"a": 1, "deep": {"x": [1]}, "z": 0}),
    "clear": ("data", lambda d: d.clear(), {}),
    "append": ("items", lambda i: i.append(3), [2, 1, 3]),
    "sort": ("items", lambda i: i.sort(), [1, 2]),
    "slice": ("items", lambda i: i.__setitem__(slice(0, 1), [7, 8]), [7, 8, 1]),
    "delete": ("items", lambda i: i.__delitem__(0), [1]),
    "add": ("tags", lambda t: t.add("b"), {"a", "b"}),
    "discard": ("tags", lambda t: t.discard("a"), set()),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changes_in_place_are_written(session: Session, profile: Profile, change: str) -> None:
    name, act, expected = CHANGES[change]
    act(getattr(profile, name))
    assert profile in session.dirty
    assert session.is_modified(profile)
    present = copy.deepcopy(getattr(profile, name))
    session.commit()
    assert getattr(profile, name) == present
    if expected is not None:
        assert present == expected
    assert profile not in session.dirty


def test_values_are_of_the_class_however_they_came(session: Session, profile: Profile) -> None:
    new = Profile(data={"x": 1}, items=[1], tags=set())
    assert (type(new.data), type(new.items), type(new.tags)) == (MutableDict, MutableList, MutableSet)
    assert (type(profile.data), type(profile.items), type(profile.tags), type(profile.point)) == (
        MutableDict,
        MutableList,
        MutableSet,
        Point,
    )
    profile.data = {"new": 1}
    profile.data["more"] = 2
    session.commit()
    assert profile.data == {"new": 1, "more": 2}
    loaded = session.scalars(select(Profile.data)).one()
    assert type(loaded) is MutableDict


def test_a_value_of_ones_own_tells_of_its_changes(session: Session, profile: Profile) -> None:
    assert profile.point.x == 1
    assert profile not in session.dirty
    profile.point.move_in_secret(5)
    assert profile not in session.dirty
    profile.point.move(6)
    assert profile in session.dirty
    session.commit()
    assert profile.point.x == 6
    profile.point.move(7)
    session.commit()
    assert profile.point.x == 7


def test_nothing_changed_is_nothing_written(session: Session, profile: Profile) -> None:
    profile.data["b"] = 1
    del profile.data["b"]
    assert not session.dirty
    assert profile.data is not None
    assert profile.items
    assert not session.dirty


def test_none_stays_none_and_a_rollback_brings_the_value_back(session: Session, profile: Profile) -> None:
    profile.data["b"] = 2
    session.flush()
    profile.data["c"] = 3
    session.rollback()
    assert profile.data == {"a": 1, "deep": {"x": [1]}}
    profile.data = None
    session.commit()
    assert profile.data is None


def test_other_values_are_refused(profile: Profile) -> None:
    with pytest.raises(ArgumentError, match="takes a MutableDict or None, got list"):
        profile.data = [1]
    with pytest.raises(ArgumentError, match="takes a Point or None, got int"):
        Profile(point=3)


def test_pickled_objects_keep_noticing(session: Session, profile: Profile) -> None:
    assert profile.data
    assert profile.items
    session.expunge(profile)
    copied = pickle.loads(pickle.dumps(profile))
    copied.data["later"] = True
    session.add(copied)
    session.commit()
    assert session.scalars(select(Profile.data)).one()["later"] is True


def test_all_columns_of_a_type_can_be_mutable(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    class Settings(JSON):
        pass

    class Own(DeclarativeBase):
        pass

    MutableDict.associate_with(Settings)

    class Account(Own):
        __tablename__ = "account"
        id: Mapped[int] = mapped_column(primary_key=True)
        settings = mapped_column(Settings)
        other = mapped_column(JSON)

    Own.metadata.create_all(engine)
    with Session(engine) as session:
        account = Account(settings={"a": 1}, other={"a": 1})
        session.add(account)
        session.commit()
        account.settings["b"] = 2
        account.other["b"] = 2
        session.commit()
        assert (account.settings, account.other) == ({"a": 1, "b": 2}, {"a": 1})


def test_one_attribute_can_be_made_mutable_afterwards(engine: Engine) -> None:
    class Own(DeclarativeBase):
        pass

    class Account(Own):
        __tablename__ = "account"
        id: Mapped[int] = mapped_column(primary_key=True)
        settings = mapped_column(JSON)

    MutableDict.associate_with_attribute(Account.settings)
    Own.metadata.create_all(engine)
    with Session(engine) as session:
        account = Account(settings={"a": 1})
        session.add(account)
        session.commit()
        account.settings["b"] = 2
        session.commit()
        assert account.settings == {"a": 1, "b": 2}


def test_a_flagged_value_is_written(session: Session, profile: Profile) -> None:
    profile.plain["b"] = 2
    assert profile not in session.dirty
    flag_modified(profile, "plain")
    assert profile in session.dirty
    session.commit()
    assert profile.plain == {"a": 1, "b": 2}
    new = Profile(plain={"x": 1})
    flag_modified(new, "plain")
    session.add(new)
    session.commit()
    assert new.plain == {"x": 1}


def test_a_change_that_does_not_show_is_written_once(session: Session, profile: Profile) -> None:
    before = dict(profile.data)
    session.execute(text("UPDATE profile SET data = '{}'"))
    profile.data.changed()
    assert session.is_modified(profile)
    session.flush()
    assert not session.is_modified(profile)
    session.commit()
    assert profile.data == before


def test_flagging_what_cannot_be_written_says_so(session: Session, profile: Profile) -> None:
    with pytest.raises(InvalidRequestError, match="not loaded, so there is no value to write"):
        flag_modified(profile, "plain")
    with pytest.raises(InvalidRequestError, match="Did you mean 'plain'"):
        flag_modified(profile, "plane")
    with pytest.raises(InvalidRequestError, match="is a relationship, whose changes are noticed"):
        flag_modified(profile, "children")


def test_a_flagged_object_is_dirty_without_a_statement(session: Session, profile: Profile) -> None:
    flag_dirty(profile)
    assert profile in session.dirty
    session.commit()
    assert profile not in session.dirty


def test_a_committed_value_is_no_change(session: Session, profile: Profile) -> None:
    profile.plain = {"changed": True}
    set_committed_value(profile, "plain", {"c": 3})
    set_committed_value(profile, "data", {"d": 4})
    assert profile.plain == {"c": 3}
    assert profile.data == {"d": 4}
    assert profile not in session.dirty
    session.commit()
    assert profile.plain == {"a": 1}
    assert profile.data["a"] == 1


def test_a_committed_collection_is_as_if_loaded(session: Session, profile: Profile) -> None:
    child = Profile(parent_id=profile.id)
    session.add(child)
    session.commit()
    set_committed_value(profile, "children", [child])
    assert profile.children == [child]
    assert not session.dirty
    profile.children.remove(child)
    session.commit()
    assert child.parent_id is None
    with pytest.raises(InvalidRequestError, match="no mapped attribute"):
        set_committed_value(profile, "nothing", 1)


def test_the_history_knows_of_changes_in_place(engine: Engine) -> None:
    class Own(DeclarativeBase):
        pass

    class Note(Own):
        __tablename__ = "note"
        id: Mapped[int] = mapped_column(primary_key=True)
        tags = mapped_column(MutableDict.as_mutable(JSON))
        plain = mapped_column(PickleType)

    Own.metadata.create_all(engine)
    try:
        with Session(engine) as session:
            note = Note(tags={"a": 1}, plain=[1])
            session.add(note)
            session.commit()
            assert not get_history(note, "tags").has_changes()
            note.tags["b"] = 2
            note.plain.append(2)
            assert get_history(note, "tags") == ([{"a": 1, "b": 2}], [], [{"a": 1}])
            assert inspect(note).attrs.plain.history == ([[1, 2]], [], [[1]])
            session.commit()
            assert not get_history(note, "tags").has_changes()
    finally:
        Own.metadata.drop_all(engine)


LATE_CHANGES: dict[str, tuple[str, Callable[[Any], None]]] = {
    "dict": ("data", lambda value: value.update(x=1)),
    "list": ("items", lambda value: value.append(9)),
    "set": ("tags", lambda value: value.add("x")),
    "own": ("point", lambda value: value.move(7)),
}
EXPIRIES: dict[str, Callable[[Session, Profile], Any]] = {
    "commit": lambda session, profile: session.commit(),
    "rollback": lambda session, profile: session.rollback(),
    "expire": lambda session, profile: session.expire(profile),
    "one attribute": lambda session, profile: session.expire(profile, ["data", "items", "tags", "point"]),
    "refresh": lambda session, profile: session.refresh(profile),
}


@pytest.mark.parametrize("end", list(EXPIRIES))
@pytest.mark.parametrize("kind", list(LATE_CHANGES))
def test_a_change_of_a_value_that_its_object_has_expired_is_an_error_and_not_lost(
    session: Session, kind: str, end: str
) -> None:
    profile = Profile(data={"a": 1}, items=[1], tags={"t"}, point=(1, 2))
    session.add(profile)
    session.commit()
    name, change = LATE_CHANGES[kind]
    value = getattr(profile, name)
    EXPIRIES[end](session, profile)
    change(value)
    with pytest.raises(
        InvalidRequestError, match=rf"a value of Profile\.{name} was changed after its object had expired"
    ):
        session.commit()
    session.rollback()
    # what is read again is written, and what was changed before the rollback was given up knowingly
    change(getattr(profile, name))
    session.commit()
    change(getattr(profile, name))
    session.rollback()
    session.commit()
    unchanged = getattr(profile, name)
    EXPIRIES[end](session, profile)
    session.commit()
    del unchanged
    session.commit()
    assert not session.objects.left_behind


def test_a_value_that_an_object_has_again_is_not_left_behind(session: Session) -> None:
    profile = Profile(data={"a": 1})
    session.add(profile)
    session.commit()
    data = profile.data
    session.commit()
    # set again, or given to another object
    profile.data = data
    data["again"] = 1
    session.commit()
    assert profile.data == {"a": 1, "again": 1}
    session.commit()
    other = Profile(data=data)
    data["other"] = 1
    session.add(other)
    session.commit()
    assert (profile.data, other.data) == ({"a": 1, "again": 1}, {"a": 1, "again": 1, "other": 1})
    template = MutableDict({"n": 0})
    for number in (1, 2, 3):
        template["n"] = number
        session.add(Profile(data=template))
        session.commit()
    found = session.scalars(select(Profile.data).order_by(Profile.id)).all()[-3:]
    assert found == [{"n": 1}, {"n": 2}, {"n": 3}]
    # two objects have it, one of which expires
    shared = Profile(data=profile.data)
    session.add(shared)
    session.flush()
    session.refresh(shared)
    profile.data["k"] = 1
    session.commit()
    assert "k" in profile.data
    assert "k" not in shared.data


def test_a_value_of_an_object_that_has_left_the_session_is_not_left_behind(session: Session) -> None:
    profile = Profile(data={"a": 1})
    session.add(profile)
    session.commit()
    new = Profile(data={"n": 1})
    session.add(new)
    session.flush()
    session.rollback()
    # a new object of no session again
    new.data["m"] = 2
    session.commit()
    assert profile.data == {"a": 1}
    session.expunge(profile)
    session.commit()
    profile.data["k"] = 1
    session.add(Profile())
    session.commit()
    assert profile.data == {"a": 1, "k": 1}


def test_a_rollback_gives_up_the_changes_of_values_that_were_left_behind(session: Session) -> None:
    profile = Profile(data={"a": 1})
    session.add(profile)
    session.commit()
    data = profile.data
    session.begin_nested().rollback()
    data["q"] = 1
    session.rollback()
    session.add(Profile())
    session.commit()
    assert profile.data == {"a": 1}


def test_values_that_nobody_holds_are_not_kept(session: Session) -> None:
    profile = Profile(data={"a": 1})
    session.add(profile)
    session.commit()
    for _ in range(5):
        data = profile.data
        session.rollback()
        assert data == {"a": 1}
        del data
        assert len(session.objects.left_behind) <= 1
