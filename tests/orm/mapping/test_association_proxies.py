"""association_proxy: values of related objects as lists, sets, dicts and single values; and as criteria."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    AssociationProxy,
    DeclarativeBase,
    Engine,
    ForeignKey,
    InvalidRequestError,
    Mapped,
    Session,
    aliased,
    association_proxy,
    attribute_mapped_collection,
    func,
    mapped_column,
    relationship,
    select,
)


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "user_account"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    memberships: Mapped[list[Membership]] = relationship(
        back_populates="user", cascade="all, delete-orphan", order_by="Membership.id"
    )
    groups: AssociationProxy[list[Group]] = association_proxy(
        "memberships", "group", creator=lambda group: Membership(group=group)
    )
    group_names: AssociationProxy[list[str]] = association_proxy(
        "memberships", "group_name", creator=lambda name: Membership(group=Group(name=name))
    )
    labels: Mapped[set[Label]] = relationship(cascade="all, delete-orphan")
    label_texts: AssociationProxy[set[str]] = association_proxy("labels", "text", creator=lambda text: Label(text=text))
    settings: Mapped[dict[str, Setting]] = relationship(
        collection_class=attribute_mapped_collection("key"), cascade="all, delete-orphan"
    )
    options: AssociationProxy[dict[str, str]] = association_proxy(
        "settings", "value", creator=lambda key, value: Setting(key=key, value=value)
    )
    profile: Mapped[Profile | None] = relationship(back_populates="user", cascade="all, delete-orphan")
    motto: AssociationProxy[str | None] = association_proxy(
        "profile", "motto", creator=lambda motto: Profile(motto=motto)
    )
    badly_made = association_proxy("labels", "text")
    plain = association_proxy("labels", "shout")


class Group(Base):
    __tablename__ = "user_group"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Membership(Base):
    __tablename__ = "membership"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    group_id: Mapped[int] = mapped_column(ForeignKey("user_group.id"))
    user: Mapped[User] = relationship(back_populates="memberships")
    group: Mapped[Group] = relationship()
    group_name: AssociationProxy[str] = association_proxy("group", "name")


class Label(Base):
    __tablename__ = "label"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))

    @property
    def shout(self) -> str:
        return self.text.upper()


class Setting(Base):
    __tablename__ = "setting"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str]
    value: Mapped[str]
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))


class Profile(Base):
    __tablename__ = "profile"
    id: Mapped[int] = mapped_column(primary_key=True)
    motto: Mapped[str | None]
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    user: Mapped[User] = relationship(back_populates="profile")


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        yield session


@pytest.fixture
def ann(session: Session) -> User:
    ann = User(name="ann", label_texts={"a", "b"}, options={"lang": "pt", "tz": "utc"}, motto="hm")
    ann.group_names = ["x", "y", "z"]
    session.add_all([ann, User(name="bob")])
    session.commit()
    return ann


def names(session: Session, criterion: Any) -> list[str]:
    return list(session.scalars(select(User.name).where(criterion).order_by(User.name)))


def test_a_list_behaves_as_a_list(session: Session, ann: User) -> None:
    shown = ann.group_names
    assert shown == ["x", "y", "z"]
    assert shown != ["x"]
    assert len(shown) == 3
    assert bool(shown)
    assert shown[0] == "x"
    assert shown[-1] == "z"
    assert shown[1:] == ["y", "z"]
    assert "y" in shown
    assert [*shown, "w"] == ["x", "y", "z", "w"]
    assert shown * 2 == [*shown, *shown]
    assert shown < ["y"]
    assert shown.index("y") == 1
    assert shown.count("x") == 1
    assert repr(shown) == "['x', 'y', 'z']"
    shown.append("w")
    shown.insert(0, "first")
    shown.extend(["u", "v"])
    shown += ["t"]
    assert shown.pop() == "t"
    shown.remove("y")
    del shown[1]
    shown[0] = "renamed"
    session.commit()
    assert sorted(ann.group_names) == ["renamed", "u", "v", "w", "z"]
    ann.group_names = ["z", "w", "u"]
    ann.group_names[0:2] = ["renamed", "s", "v"]
    session.commit()
    assert sorted(ann.group_names) == ["renamed", "s", "u", "v"]
    ann.group_names.sort()
    assert ann.group_names == ["renamed", "s", "u", "v"]
    ann.group_names.reverse()
    assert list(ann.group_names) == ["v", "u", "s", "renamed"]
    ann.group_names.clear()
    session.commit()
    assert ann.group_names == []
    assert not ann.group_names
    assert session.scalar(select(func.count(Membership.id))) == 0


def test_objects_that_are_assigned_again_stay(session: Session, ann: User) -> None:
    before = {membership.group_name: membership.id for membership in ann.memberships}
    ann.group_names = ["z", "new", "x"]
    session.commit()
    after = {membership.group_name: membership.id for membership in ann.memberships}
    assert (after["z"], after["x"]) == (before["z"], before["x"])
    assert set(after) == {"z", "new", "x"}


def test_the_values_may_be_objects(session: Session, ann: User) -> None:
    group = Group(name="w")
    ann.groups.append(group)
    session.commit()
    assert [each.name for each in ann.groups] == ["x", "y", "z", "w"]
    assert names(session, User.groups.contains(group)) == ["ann"]
    assert names(session, User.groups.any(name="y")) == ["ann"]
    assert names(session, User.groups.any(Group.name == "q")) == []
    assert names(session, ~User.groups.any()) == ["bob"]
    ann.groups.remove(group)
    session.commit()
    assert session.get(Group, group.id) is group
    assert len(ann.memberships) == 3


def test_a_set_behaves_as_a_set(session: Session, ann: User) -> None:
    shown = ann.label_texts
    assert shown == {"a", "b"}
    assert "a" in shown
    assert len(shown) == 2
    assert shown | {"c"} == {"a", "b", "c"}
    assert shown.union(["c"]) == {"a", "b", "c"}
    assert shown & {"a"} == {"a"}
    assert shown - {"a"} == {"b"}
    assert shown <= {"a", "b", "c"}
    shown.add("a")
    shown.add("c")
    shown.discard("nothing")
    shown.remove("b")
    with pytest.raises(KeyError):
        shown.remove("b")
    session.commit()
    assert ann.label_texts == {"a", "c"}
    assert session.scalar(select(func.count(Label.id))) == 2
    kept = next(label.id for label in ann.labels if label.text == "a")
    ann.label_texts = ["a", "d"]  # type: ignore[assignment]
    session.commit()
    assert ann.label_texts == {"a", "d"}
    assert kept in {label.id for label in ann.labels}
    shown = ann.label_texts
    shown |= {"e"}
    shown -= {"a"}
    session.commit()
    assert ann.label_texts == {"d", "e"}


def test_a_dict_behaves_as_a_dict(session: Session, ann: User) -> None:
    shown = ann.options
    assert shown == {"lang": "pt", "tz": "utc"}
    assert shown["lang"] == "pt"
    assert shown.get("no") is None
    assert "tz" in shown
    assert sorted(shown) == ["lang", "tz"]
    assert sorted(shown.values()) == ["pt", "utc"]
    kept = ann.settings["lang"].id
    shown["lang"] = "es"
    shown["theme"] = "dark"
    del shown["tz"]
    assert shown.setdefault("x", "1") == "1"
    assert shown.pop("x") == "1"
    session.commit()
    assert ann.options == {"lang": "es", "theme": "dark"}
    assert ann.settings["lang"].id == kept
    ann.options = {"lang": "fr"}
    session.commit()
    assert ann.options == {"lang": "fr"}
    assert session.scalar(select(func.count(Setting.id))) == 1
    with pytest.raises(KeyError):
        ann.options["tz"]


def test_a_single_value(session: Session, ann: User) -> None:
    bob = session.query(User).filter_by(name="bob").one()
    assert ann.motto == "hm"
    assert bob.motto is None
    bob.motto = None
    assert bob.profile is None
    bob.motto = "so"
    session.commit()
    assert bob.profile is not None
    assert bob.profile.motto == "so"
    assert names(session, User.motto == "so") == ["bob"]
    bob.motto = None
    session.commit()
    assert bob.profile.motto is None


def test_a_single_value_may_take_its_object_along(engine: Engine) -> None:
    class Own(DeclarativeBase):
        pass

    class Left(Own):
        __tablename__ = "l"
        id: Mapped[int] = mapped_column(primary_key=True)
        right: Mapped[Right | None] = relationship(cascade="all, delete-orphan")
        value = association_proxy(
            "right",
            "value",
            cascade_scalar_deletes=True,
            create_on_none_assignment=True,
            creator=lambda v: Right(value=v),
        )

    class Right(Own):
        __tablename__ = "r"
        id: Mapped[int] = mapped_column(primary_key=True)
        value: Mapped[str | None]
        left_id: Mapped[int] = mapped_column(ForeignKey("l.id"))

    Own.metadata.create_all(engine)
    with Session(engine) as session:
        left = Left(value="a")
        other = Left(value=None)
        session.add_all([left, other])
        session.commit()
        assert other.right is not None
        left.value = None
        session.commit()
        assert left.right is None
        assert session.scalar(select(func.count(Right.id))) == 1
        del other.value
        session.commit()
        assert other.right is None


def test_comparisons_are_about_related_objects(session: Session, ann: User) -> None:
    assert names(session, User.label_texts == "a") == ["ann"]
    assert names(session, User.label_texts.in_(["q", "b"])) == ["ann"]
    assert names(session, User.label_texts.like("%a%")) == ["ann"]
    assert names(session, User.label_texts > "b") == []
    assert names(session, User.label_texts == None) == ["bob"]  # noqa: E711
    assert names(session, User.options == "utc") == ["ann"]
    assert names(session, User.motto == None) == ["bob"]  # noqa: E711
    assert names(session, User.motto != "x") == ["ann"]
    assert names(session, User.group_names == "y") == ["ann"]
    assert names(session, ~(User.group_names == "y")) == ["bob"]
    assert session.query(User).filter_by(motto="hm").one() is ann
    assert session.scalars(select(Membership.id).where(Membership.group_name == "y")).all() == [2]


def test_a_proxy_of_an_alias_is_about_the_alias(session: Session, ann: User) -> None:
    other = aliased(User)
    found = session.execute(select(User.name, other.name).where(other.label_texts == "a").order_by(User.name)).all()
    assert [tuple(row) for row in found] == [("ann", "ann"), ("bob", "ann")]


def test_mistakes_say_the_cure(session: Session, ann: User) -> None:
    with pytest.raises(InvalidRequestError, match=r"creator=lambda value: Label\(text=value\)"):
        ann.badly_made.add("x")
    with pytest.raises(ArgumentError, match=r"Label\.shout, which is no mapped attribute"):
        User.plain == "A"  # noqa: B015
    with pytest.raises(ArgumentError, match=r"cannot be selected or sorted by\. Join along User.labels"):
        select(User.label_texts)
    with pytest.raises(ArgumentError, match="cannot be selected or sorted by"):
        select(User).order_by(User.motto.desc())
    with pytest.raises(InvalidRequestError, match="Use any"):
        User.groups.has()
    with pytest.raises(InvalidRequestError, match="Use has"):
        User.motto.any()
    with pytest.raises(ArgumentError, match="stands for a column"):
        User.motto.has(text="x")
    assert ann.plain == {"A", "B"}


def test_a_proxy_to_nowhere_is_named() -> None:
    class Own(DeclarativeBase):
        pass

    class Lost(Own):
        __tablename__ = "lost"
        id: Mapped[int] = mapped_column(primary_key=True)
        names = association_proxy("partz", "name")

    with pytest.raises(ArgumentError, match="'partz', which is no relationship of Lost"):
        Lost.names == "x"  # noqa: B015

    class Found(Own):
        __tablename__ = "found"
        id: Mapped[int] = mapped_column(primary_key=True)
        lost_id: Mapped[int] = mapped_column(ForeignKey("lost.id"))
        parts: Mapped[Lost] = relationship()
        names = association_proxy("partz", "name")

    with pytest.raises(ArgumentError, match="'partz', which is no relationship of Found"):
        Found().names


def test_the_parts_of_a_proxy_can_be_read() -> None:
    shown = User.label_texts
    assert shown.target_class is Label
    assert shown.scalar is False
    assert User.motto.scalar is True
    assert [part.key for part in shown.attr] == ["labels", "text"]
    assert shown.remote_attr.key == "text"
