"""Objects of two Sessions that are put together: refused, where the cascade save-update would take one into the Session of the other."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pytest

from flask_uow import DeclarativeBase, ForeignKey, InvalidRequestError, Mapped, Session, mapped_column, relationship
from tests.orm.models import Member, Post, Profile, Tag, Team, User


@pytest.fixture
def sessions(make_session: Any) -> tuple[Session, Session]:
    """Two Sessions on a database with one object of each class."""
    first, second = make_session(), make_session()
    first.add_all([User(name="ed", posts=[Post(title="a")]), Tag(label="t"), Team(), Member(name="m")])
    first.commit()
    first.close()
    return first, second


def relate(parent: type, child: type, way: Callable[[Any, Any], None]) -> tuple[type, type, Callable[[Any, Any], None]]:
    return parent, child, way


WAYS = {
    "append": relate(User, Post, lambda user, post: user.posts.append(post)),
    "insert": relate(User, Post, lambda user, post: user.posts.insert(0, post)),
    "extend": relate(User, Post, lambda user, post: user.posts.extend([post])),
    "slice": relate(User, Post, lambda user, post: user.posts.__setitem__(slice(0, 0), [post])),
    "assign a list": relate(User, Post, lambda user, post: setattr(user, "posts", [post])),
    "refer": relate(Post, User, lambda post, user: setattr(post, "author", user)),
    "many-to-many": relate(Post, Tag, lambda post, tag: post.tags.append(tag)),
    "a set of one side": relate(Team, Member, lambda team, member: team.members.add(member)),
}


@pytest.mark.parametrize("name", WAYS)
def test_an_object_of_another_session_cannot_be_related(sessions: tuple[Session, Session], name: str) -> None:
    first, second = sessions
    parent_class, child_class, way = WAYS[name]
    parent, child = first.query(parent_class).one(), second.query(child_class).one()
    with pytest.raises(InvalidRequestError, match=rf"<{child_class.__name__} \d+, persistent> is in another Session"):
        way(parent, child)
    # nothing has changed
    assert not first.is_modified(parent)
    assert not second.is_modified(child)
    first.commit()
    second.commit()
    # and what the message says is a way out
    way(parent, first.merge(child))
    second.expunge(child)
    first.commit()


def test_a_new_object_of_another_session_cannot_be_related(make_session: Any) -> None:
    first, second = make_session(), make_session()
    user, post = User(name="ed"), Post(title="a")
    first.add(user)
    second.add(post)
    with pytest.raises(InvalidRequestError, match="<Post, pending> is in another Session"):
        user.posts.append(post)
    with pytest.raises(InvalidRequestError, match="<User, pending> is in another Session"):
        post.author = user
    profile = Profile(text="p")
    second.add(profile)
    with pytest.raises(InvalidRequestError, match="<Profile, pending> is in another Session"):
        user.profile = profile
    assert "posts" not in vars(user) or user.posts == []
    assert vars(post).get("author") is None


@pytest.mark.parametrize("name", ["refer", "append"])
def test_an_object_of_a_session_that_is_gone_comes_along(make_session: Any, name: str) -> None:
    session = make_session()
    gone = Session(session.bind, expire_on_commit=False)
    user = User(name="ed", posts=[])
    gone.add(user)
    gone.commit()
    del gone
    gc.collect()
    post = Post(title="a")
    session.add(post)
    if name == "refer":
        post.author = user
    else:
        user.posts.append(post)
    assert user in session
    session.commit()
    assert session.query(Post).one().author is user


class Local(DeclarativeBase):
    pass


class Depot(Local):
    __tablename__ = "depot"
    id: Mapped[int] = mapped_column(primary_key=True)
    parcels: Mapped[list[Parcel]] = relationship(lazy="dynamic", back_populates="depot")


class Parcel(Local):
    __tablename__ = "parcel"
    id: Mapped[int] = mapped_column(primary_key=True)
    depot_id: Mapped[int | None] = mapped_column(ForeignKey("depot.id"))
    depot: Mapped[Depot | None] = relationship(back_populates="parcels", cascade="merge")


def test_a_dynamic_collection_refuses_it_too_and_without_the_cascade_nothing_is_refused(engine: Any) -> None:
    Local.metadata.create_all(engine)
    with Session(engine) as first, Session(engine) as second:
        first.add(Depot())
        first.commit()
        second.add(Parcel())
        second.commit()
        depot, parcel = first.query(Depot).one(), second.query(Parcel).one()
        with pytest.raises(InvalidRequestError, match=r"<Parcel 1, persistent> is in another Session"):
            depot.parcels.append(parcel)
        first.commit()
        second.commit()
        # the reference has no cascade, but the other side would take the parcel along
        with pytest.raises(InvalidRequestError, match=r"<Parcel 1, persistent> is in another Session"):
            parcel.depot = depot
