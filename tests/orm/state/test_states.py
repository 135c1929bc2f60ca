"""Transient, pending, persistent, detached, deleted: the states of an object and every way between them."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from typing import Any

import pytest

from flask_uow import (
    DetachedInstanceError,
    InvalidRequestError,
    ObjectDeletedError,
    Session,
    UnmappedInstanceError,
    inspect,
    object_session,
)
from tests.orm.models import Member, Node, Place, Post, Tag, User
from tests.statements import StatementLog


def states(obj: Any) -> list[str]:
    state = inspect(obj)
    return [name for name in ("transient", "pending", "persistent", "detached") if getattr(state, name)]


def test_an_object_goes_from_transient_to_pending_to_persistent_to_detached(session: Session) -> None:
    user = User(name="ed")
    assert states(user) == ["transient"]
    assert object_session(user) is None
    session.add(user)
    assert states(user) == ["pending"]
    assert user in session.new
    assert user in session
    session.flush()
    assert states(user) == ["persistent"]
    assert user not in session.new
    assert inspect(user).key == inspect(user).identity_key == (User, (user.id,))
    session.expunge(user)
    assert states(user) == ["detached"]
    assert user not in session
    session.add(user)
    assert states(user) == ["persistent"]
    assert object_session(user) is session


def test_one_row_is_one_object(session: Session, statements: StatementLog) -> None:
    user = User(name="ed")
    session.add(user)
    session.commit()
    assert session.query(User).one() is user
    assert session.query(User).filter_by(name="ed").first() is user
    with statements.expect(0):
        assert session.get(User, user.id) is user
        assert session.query(User).get(user.id) is user
    assert session.identity_map[User, (user.id,)] is user
    assert (User, (user.id + 1,)) not in session.identity_map
    assert list(session) == [user]


def test_get_of_a_missing_row_is_none(session: Session) -> None:
    assert session.get(User, 99) is None
    assert session.get(Place, (1, 2)) is None
    assert session.get(User, None) is None


def test_get_takes_composite_keys_as_tuple_and_mapping(session: Session) -> None:
    place = Place(x=1, y=2)
    session.add(place)
    session.commit()
    assert session.get(Place, (1, 2)) is session.get(Place, {"x": 1, "y": 2}) is place


def test_an_object_that_nobody_holds_is_gone_at_once(session: Session) -> None:
    session.add(User(name="ed"))
    session.commit()
    gc.disable()
    try:
        user = session.query(User).one()
        reference = weakref.ref(user)
        assert len(session.identity_map) == 1
        del user
        assert reference() is None
        assert len(session.identity_map) == 0
    finally:
        gc.enable()


def test_a_changed_object_that_nobody_holds_survives_until_it_is_flushed(session: Session) -> None:
    session.add(User(name="ed"))
    session.commit()
    session.query(User).one().email = "kept"
    gc.collect()
    session.commit()
    assert session.query(User).one().email == "kept"
    gc.collect()
    assert len(session.identity_map) == 0


def test_a_strong_identity_map_holds_everything(make_session: Any) -> None:
    session: Session = make_session(weak_identity_map=False)
    session.add(User(name="ed"))
    session.commit()
    session.query(User).all()
    gc.collect()
    assert len(session.identity_map) == 1


def test_rollback_makes_new_objects_transient_again_with_their_values(session: Session) -> None:
    user = User(name="ed", email="e")
    session.add(user)
    session.flush()
    assert user.id is not None
    session.rollback()
    assert states(user) == ["transient"]
    assert (user.name, user.email, user.id) == ("ed", "e", None)
    session.add(user)
    session.commit()
    assert session.query(User).one() is user


def test_rollback_forgets_pending_objects(session: Session) -> None:
    user = User(name="ed")
    session.add(user)
    session.rollback()
    assert states(user) == ["transient"]
    assert user not in session
    session.commit()
    assert session.query(User).count() == 0


def test_rollback_restores_changed_and_deleted_objects(session: Session) -> None:
    keep, drop = User(name="keep"), User(name="drop")
    session.add_all([keep, drop])
    session.commit()
    keep.name = "changed"
    session.delete(drop)
    assert drop in session.deleted
    session.flush()
    assert drop not in session
    session.rollback()
    assert (keep.name, drop.name) == ("keep", "drop")
    assert states(drop) == ["persistent"]
    assert not session.dirty
    assert not session.deleted


def test_rollback_before_the_flush_drops_the_mark_of_deletion(session: Session) -> None:
    user = User(name="ed")
    session.add(user)
    session.commit()
    session.delete(user)
    session.rollback()
    session.commit()
    assert session.query(User).count() == 1


def test_commit_expires_and_the_next_access_loads(session: Session, statements: StatementLog) -> None:
    user = User(name="ed")
    session.add(user)
    session.commit()
    assert "name" not in user.__dict__
    with statements.expect(1, "SELECT"):
        assert (user.name, user.email) == ("ed", None)


def test_without_expire_on_commit_values_stay(make_session: Any, statements: StatementLog) -> None:
    session: Session = make_session(expire_on_commit=False)
    user = User(name="ed")
    session.add(user)
    session.commit()
    with statements.expect(0):
        assert user.name == "ed"


def test_expire_and_refresh_load_what_others_have_written(make_session: Any) -> None:
    session, other = make_session(), make_session()
    user = User(name="ed", email="old")
    session.add(user)
    session.commit()
    assert user.email == "old"
    session.rollback()
    other.execute("UPDATE \"user\" SET email = 'new'")
    other.commit()
    session.expire(user, ["email"])
    assert "email" not in user.__dict__
    assert user.email == "new"
    session.rollback()
    other.execute("UPDATE \"user\" SET email = 'newer'")
    other.commit()
    session.refresh(user)
    assert user.__dict__["email"] == "newer"


def test_refreshing_an_object_whose_row_is_gone_says_so(make_session: Any) -> None:
    session, other = make_session(), make_session()
    user = User(name="ed")
    session.add(user)
    session.commit()
    other.execute('DELETE FROM "user"')
    other.commit()
    with pytest.raises(ObjectDeletedError, match=r"<User \d+, persistent> cannot be refreshed: its row is gone"):
        _ = user.name
    assert session.get(User, inspect(user).identity) is None


def test_a_detached_object_cannot_load_and_says_what_to_do(session: Session) -> None:
    user = User(name="ed", posts=[Post(title="t")])
    session.add(user)
    session.commit()
    assert user.name == "ed"
    session.close()
    assert user.name == "ed"
    with pytest.raises(DetachedInstanceError, match=r"User\.posts of <User \d+, detached>.*merge"):
        _ = user.posts


def test_changes_to_a_detached_object_are_flushed_when_it_comes_back(make_session: Any) -> None:
    session, other = make_session(), make_session()
    user = User(name="ed")
    session.add(user)
    session.commit()
    assert user.name == "ed"
    session.close()
    user.name = "fred"
    other.add(user)
    other.commit()
    assert other.scalar('SELECT name FROM "user"') == "fred"


def test_an_object_belongs_to_one_session(make_session: Any) -> None:
    session, other = make_session(), make_session()
    user = User(name="ed")
    session.add(user)
    session.commit()
    with pytest.raises(InvalidRequestError, match="in another Session already"):
        other.add(user)
    copy = other.get(User, user.id)
    session.expunge(user)
    with pytest.raises(InvalidRequestError, match="another object with this key"):
        other.add(user)
    assert copy is not user


def test_a_deleted_object_can_be_added_back_before_the_flush(session: Session) -> None:
    user = User(name="ed")
    session.add(user)
    session.commit()
    session.delete(user)
    session.add(user)
    session.commit()
    assert session.query(User).one() is user


def test_an_object_without_a_row_cannot_be_deleted(session: Session) -> None:
    with pytest.raises(InvalidRequestError, match=r"not persisted.*expunge"):
        session.delete(User(name="ed"))


def test_unmapped_objects_are_refused_by_name(session: Session) -> None:
    with pytest.raises(UnmappedInstanceError, match=r"builtins\.object is not mapped"):
        session.add(object())
    with pytest.raises(UnmappedInstanceError, match="the class User itself"):
        session.add(User)


def test_the_users_own_eq_hash_bool_and_len_are_never_called(session: Session) -> None:
    class Touchy(Node):
        def __eq__(self, other: object) -> bool:
            raise AssertionError

        def __hash__(self) -> int:
            raise AssertionError

        def __bool__(self) -> bool:
            raise AssertionError

        def __len__(self) -> int:
            raise AssertionError

    root = Touchy(name="root")
    child = Touchy(name="child", parent=root)
    session.add(child)
    session.flush()
    root.name = "changed"
    child.parent = None
    session.flush()
    root.children.append(child)
    assert child in session
    session.commit()
    root.children.remove(child)
    session.delete(root)
    session.commit()
    session.refresh(child)
    assert (child.name, child.parent) == ("child", None)


def test_loaded_values_live_in_the_dict_and_expired_ones_do_not(session: Session) -> None:
    user = User(name="ed")
    user.note = "mine"  # type: ignore[attr-defined]
    session.add(user)
    session.commit()
    assert set(user.__dict__) - {"note"} == {name for name in user.__dict__ if name.startswith("_")}
    _ = user.name
    assert user.__dict__["name"] == "ed"
    assert user.__dict__["note"] == "mine"


def test_copies_and_pickles_are_objects_of_their_own(session: Session) -> None:
    user = User(name="ed", posts=[Post(title="t")])
    session.add(user)
    session.flush()
    for double in (copy.copy(user), pickle.loads(pickle.dumps(user))):
        double.name = "other"
        assert double not in session
    assert user.name == "ed"
    assert not session.dirty


def test_is_modified_tells_net_changes_from_touches(session: Session) -> None:
    user, tag = User(name="ed"), Tag(label="x")
    post = Post(title="t", author=user)
    session.add_all([user, tag])
    session.flush()
    assert not session.is_modified(post)
    post.tags.append(tag)
    assert session.is_modified(post)
    assert not session.is_modified(post, include_collections=False)
    post.tags.remove(tag)
    assert post in session.dirty
    assert not session.is_modified(post)


def test_iteration_and_new_dirty_deleted_show_what_is_inside(session: Session) -> None:
    a, b, c = Member(name="a"), Member(name="b"), Member(name="c")
    session.add_all([a, b])
    session.flush()
    session.add(c)
    a.name = "x"
    session.delete(b)
    assert list(session.new) == [c]
    assert list(session.dirty) == [a]
    assert list(session.deleted) == [b]
    assert set(session) == {a, b, c}
    session.expunge_all()
    assert not list(session)


def test_the_error_for_an_object_that_a_relationship_took_into_another_session_names_what_was_there_first(
    make_session: Any,
) -> None:
    first, second = make_session(), make_session()
    user = User(name="ed")
    first.add(user)
    first.commit()
    user_id = user.id
    with pytest.raises(InvalidRequestError, match=rf"<Post, pending> .*<User {user_id}, persistent>.*Post\.author"):
        second.add(Post(title="a", author=user))
    with pytest.raises(InvalidRequestError, match=rf"<User {user_id}, persistent> is in another Session"):
        second.add(user)


def test_the_state_of_an_object_that_is_gone(session: Session) -> None:
    assert [name for name in ("transient", "pending", "detached") if getattr(inspect(User()), name)] == ["transient"]
    session.add(User(name="ed"))
    session.commit()
    state = inspect(session.query(User).one())
    gc.collect()
    assert state.obj is None
    assert state.dict == {}
    assert not state.transient
