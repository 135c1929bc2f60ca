"""The identity map, states and histories, seen from outside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import (
    Session,
    UnmappedInstanceError,
    attributes,
    class_mapper,
    inspect,
)
from flask_uow.orm import Registry
from flask_uow.orm.symbols import NO_VALUE
from tests.orm.models import Place, Post, Tag, User


@pytest.fixture
def registry() -> Iterator[Registry]:
    registry = Registry()
    yield registry
    registry.dispose()


def test_the_identity_map_is_a_mapping(session: Session) -> None:
    user, place = User(name="ed"), Place(x=1, y=2)
    session.add_all([user, place])
    session.flush()
    identities = session.identity_map
    key = inspect(user).identity_key
    assert key == (User, (user.id,))
    assert identities[key] is user
    assert identities[Place, (1, 2)] is place
    assert identities.get((Place, (9, 9))) is None
    assert identities.get((Tag, (1,)), "none") == "none"
    assert identities.get((int, (1,))) is None
    with pytest.raises(KeyError):
        identities[Place, (9, 9)]
    assert key in identities
    assert (Place, (9, 9)) not in identities
    assert set(identities) == {key, (Place, (1, 2))} == set(identities.keys())
    assert len(identities) == 2


def test_states_show_their_object(session: Session) -> None:
    user = User(name="ed")
    state = inspect(user)
    assert state.obj is user
    assert state.mapper is class_mapper(User)
    assert state.key is None
    assert repr(state) == "<InstanceState of <User, transient>>"
    session.add(user)
    session.flush()
    session.expire(user, ["name"])
    assert "name" in state.unloaded
    assert "posts" in state.unloaded
    assert repr(session.new) == "IdentitySet([])"
    del user
    session.expunge_all()
    assert repr(state) == "<InstanceState of an object that is gone>"
    with pytest.raises(UnmappedInstanceError, match="no mapped object"):
        inspect(5)


def test_histories_have_three_parts(session: Session) -> None:
    post = Post(title="p", author=User(name="a"), tags=[Tag(label="t")])
    assert attributes.get_history(post, "title") == (["p"], [], [])
    assert attributes.get_history(post, "tags").added == post.tags
    assert not attributes.get_history(User(), "name")
    session.add(post)
    session.commit()
    assert not attributes.get_history(post, "title").has_changes()
    (tag,) = post.tags
    assert attributes.get_history(post, "tags") == ([], [tag], [])
    new = Tag(label="n")
    post.tags = [new]
    assert attributes.get_history(post, "tags") == ([new], [], [tag])
    author = post.author
    other = User(name="b")
    post.author = other
    assert attributes.get_history(post, "author") == ([other], [], [author])
    assert attributes.get_history(post, "title") == ([], ["p"], [])
    assert (bool(NO_VALUE), repr(NO_VALUE)) == (False, "NO_VALUE")


def test_an_expired_attribute_that_was_changed_is_forgotten_alone(session: Session) -> None:
    user = User(name="ed", email="e")
    session.add(user)
    session.commit()
    assert user.name == "ed"
    user.name, user.email = "x", "y"
    session.expire(user, ["name"])
    assert user in session.dirty
    session.expire(user, ["email"])
    assert user not in session.dirty
    assert (user.name, user.email) == ("ed", "e")


def test_a_collection_with_waiting_changes_forgets_them_when_it_is_expired(session: Session) -> None:
    user = User(name="ed", posts=[Post(title="p")])
    session.add(user)
    session.commit()
    assert user.name == "ed"
    with session.no_autoflush:
        post = Post(title="q")
        post.author = user
        session.expire(user, ["posts"])
        assert [found.title for found in user.posts] == ["p"]
        assert post in session


def test_objects_of_other_sessions_are_left_alone_by_cascades(make_session: Any) -> None:
    session, other = make_session(), make_session()
    user = User(name="ed", posts=[Post(title="p")])
    session.add(user)
    session.commit()
    (post,) = user.posts
    session.expunge(post)
    other.add(post)
    session.expire(user)
    assert user.name == "ed"
    assert post in other
    session.expunge(user)
    assert post in other


def test_deleting_takes_pending_children_out(session: Session) -> None:
    user = User(name="ed", posts=[Post(title="p")])
    session.add(user)
    session.commit()
    assert len(user.posts) == 1
    with session.no_autoflush:
        pending = Post(title="q")
        user.posts.append(pending)
        session.delete(user)
        assert pending not in session
    session.commit()
    assert session.query(Post).count() == 0
