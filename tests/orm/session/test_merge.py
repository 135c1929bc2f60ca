"""Session.merge: the state of outside objects on the Session's own."""

from __future__ import annotations

import copy
import gc
import pickle
from typing import Any

import pytest

from flask_uow import (
    DeclarativeBase,
    Engine,
    ForeignKey,
    InvalidRequestError,
    Mapped,
    Session,
    UnmappedInstanceError,
    UOWDeprecationWarning,
    inspect,
    load_only,
    mapped_column,
    relationship,
)
from tests.orm.models import Node, Place, Post, Tag, User
from tests.statements import StatementLog


def saved_user(session: Session) -> User:
    user = User(name="ed", posts=[Post(title="one", tags=[Tag(label="t")]), Post(title="two")])
    session.add(user)
    session.commit()
    return user


def loaded_and_detached(session: Session, ident: int) -> User:
    user = session.get(User, ident)
    assert user is not None
    assert all(post.tags is not None for post in user.posts)
    assert all(post.author is user for post in user.posts)
    session.expunge_all()
    session.rollback()
    return user


def test_a_detached_object_is_copied_onto_the_persistent_one(make_session: Any) -> None:
    session, other = make_session(), make_session()
    ident = saved_user(session).id
    user = loaded_and_detached(session, ident)
    user.name = "changed"
    merged = other.merge(user)
    assert merged is not user
    assert merged is other.get(User, ident)
    assert inspect(user).detached
    assert merged.name == "changed"
    assert other.dirty == {merged}
    other.commit()
    assert session.get(User, ident).name == "changed"


def test_merging_what_is_the_same_writes_nothing(make_session: Any, statements: StatementLog) -> None:
    session, other = make_session(), make_session()
    ident = saved_user(session).id
    user = loaded_and_detached(session, ident)
    other.merge(user)
    with statements.expect(0):
        other.flush()
    merged = other.merge(user)
    assert not other.is_modified(merged)


def test_merging_onto_an_expired_object_writes_net_changes_only(session: Session, statements: StatementLog) -> None:
    user = saved_user(session)
    outside = User(id=user.id, name="ed", email="new@example.org")
    session.commit()
    merged = session.merge(outside)
    statements.clear()
    session.flush()
    assert merged is user
    assert len(statements.sql) == 1
    assert "email" in statements.sql[0]
    assert "name" not in statements.sql[0]


def test_a_transient_object_becomes_a_new_one(session: Session) -> None:
    user = User(name="new", posts=[Post(title="p")])
    merged = session.merge(user)
    assert merged is not user
    assert merged in session.new
    assert user not in session
    assert inspect(user).transient
    assert merged.posts[0] is not user.posts[0]
    assert merged.posts[0].author is merged
    session.commit()
    assert session.query(Post).count() == 1


def test_a_transient_object_with_a_key_finds_its_row(session: Session) -> None:
    ident = saved_user(session).id
    session.expunge_all()
    merged = session.merge(User(id=ident, name="by key"))
    assert inspect(merged).persistent
    session.commit()
    assert session.query(User).one().name == "by key"
    assert session.query(Post).count() == 2, "what was not loaded on the given object stays"


def test_a_key_without_a_row_makes_a_new_object_with_that_key(session: Session) -> None:
    merged = session.merge(Place(x=1, y=2, label="here"))
    assert merged in session.new
    session.commit()
    assert session.merge(Place(x=1, y=2, label="there")) is merged
    session.commit()
    assert session.query(Place).one().label == "there"


def test_cycles_are_walked_once(session: Session) -> None:
    root = Node(name="root")
    root.children = [Node(name="a"), Node(name="b")]
    merged = session.merge(root)
    assert [child.name for child in merged.children] == ["a", "b"]
    assert all(child.parent is merged for child in merged.children)
    assert len(session.new) == 3
    session.commit()
    assert session.query(Node).count() == 3


def test_collections_become_what_was_merged(make_session: Any) -> None:
    session, other = make_session(), make_session()
    ident = saved_user(session).id
    user = loaded_and_detached(session, ident)
    user.posts[:] = [user.posts[1], Post(title="three")]
    merged = other.merge(user)
    assert [post.title for post in merged.posts] == ["two", "three"]
    other.commit()
    session.rollback()
    assert [post.title for post in session.query(Post).order_by(Post.id)] == ["two", "three"]


def test_what_an_object_was_reached_from_is_not_all_that_its_other_side_holds(session: Session) -> None:
    user = saved_user(session)
    one, two = user.posts
    tag = one.tags[0]
    two.tags.append(tag)
    session.commit()
    # both sides of these copies know of post one only
    session.merge(Post(id=one.id, title="changed", author=User(id=user.id), tags=[Tag(id=tag.id)]))
    session.commit()
    assert (one.title, set(user.posts), set(tag.posts)) == ("changed", {one, two}, {one, two})


def test_a_reference_set_to_none_is_merged(session: Session) -> None:
    root = Node(name="root", children=[Node(name="a")])
    session.add(root)
    session.commit()
    child = root.children[0]
    outside = Node(id=child.id, name="a")
    outside.parent = None  # type: ignore[attr-defined]
    session.merge(outside)
    session.commit()
    assert child.parent is None  # type: ignore[attr-defined]


def test_what_is_in_the_session_already_is_returned_as_it_is(session: Session) -> None:
    user = saved_user(session)
    assert session.merge(user) is user
    pending = User(name="pending")
    session.add(pending)
    assert session.merge(pending) is pending
    assert session.query(User).count() == 2


def test_without_the_cascade_nothing_else_is_merged(session: Session) -> None:
    node = Node(name="n")
    post = Post(title="p", author=User(name="a"))
    assert session.merge(node).children == []
    assert session.merge(post).author in session.new


def test_load_false_copies_without_sql(make_session: Any, statements: StatementLog) -> None:
    session, other = make_session(), make_session()
    ident = saved_user(session).id
    user = loaded_and_detached(session, ident)
    cached = pickle.loads(pickle.dumps(user))
    statements.clear()
    with statements.expect(0):
        merged = other.merge(cached, load=False)
        assert merged.name == "ed"
        assert [post.title for post in merged.posts] == ["one", "two"]
        assert merged.posts[0].author is merged
        assert merged.posts[0].tags[0].label == "t"
        assert not other.dirty
        other.flush()
        assert other.get(User, ident) is merged
        assert other.merge(cached, load=False) is merged
    merged.name = "changed"
    other.commit()
    assert session.get(User, ident).name == "changed"


def test_load_false_refuses_new_and_changed_objects(make_session: Any) -> None:
    session, other = make_session(), make_session()
    with pytest.raises(InvalidRequestError, match="has none"):
        other.merge(User(name="x"), load=False)
    user = loaded_and_detached(session, saved_user(session).id)
    user.name = "changed"
    with pytest.raises(InvalidRequestError, match=r"without changes.*name"):
        other.merge(user, load=False)


def test_the_old_word_for_load_false_warns(make_session: Any) -> None:
    session, other = make_session(), make_session()
    user = loaded_and_detached(session, saved_user(session).id)
    with pytest.warns(UOWDeprecationWarning, match="load=False"):
        assert other.merge(user, dont_load=True).name == "ed"
    with pytest.raises(TypeError, match="nonsense"):
        other.merge(user, nonsense=1)


def test_merge_flushes_first_and_not_meanwhile(session: Session, statements: StatementLog) -> None:
    session.add(Place(x=5, y=5, label="pending"))
    merged = session.merge(Place(x=5, y=5, label="merged"))
    assert len(session.new) == 0
    assert merged.label == "merged"
    session.flush()
    assert session.query(Place).count() == 1


def test_merge_refuses_what_is_not_mapped(session: Session) -> None:
    with pytest.raises(UnmappedInstanceError):
        session.merge(object())


def test_merged_objects_are_collected_like_any_other(tables: Engine, session: Session) -> None:
    ident = saved_user(session).id
    session.expunge_all()
    session.merge(User(id=ident, name="ed"))
    gc.collect()
    assert len(session.identity_map) == 0


def test_two_objects_of_one_key_have_one_counterpart(session: Session) -> None:
    merged = session.merge(User(id=5, name="ed", posts=[Post(id=7, title="first"), Post(id=7, title="last")]))
    assert [post.title for post in merged.posts] == ["last"]
    session.commit()
    assert [post.title for post in merged.posts] == ["last"]
    saved = session.merge(User(id=5, name="ed", posts=[Post(id=7, title="one"), Post(id=7, title="two")]))
    assert [post.title for post in saved.posts] == ["two"]
    session.commit()
    assert session.query(Post).one().title == "two"


def test_two_objects_of_one_key_are_one_along_different_relationships(session: Session) -> None:
    tag = Tag(id=3, label="x")
    user = User(
        id=5,
        name="ed",
        posts=[
            Post(id=7, title="a", tags=[tag, Tag(id=3, label="y")]),
            Post(id=8, title="b", tags=[Tag(id=3, label="z")]),
        ],
    )
    merged = session.merge(user)
    session.commit()
    assert [[tag.label for tag in post.tags] for post in sorted(merged.posts, key=lambda post: post.id)] == [
        ["z"],
        ["z"],
    ]
    assert session.query(Tag).count() == 1


def test_merging_new_objects_of_one_key_gives_the_same_object(session: Session) -> None:
    first = session.merge(User(id=9, name="1"))
    second = session.merge(User(id=9, name="2"))
    assert first is second
    assert first.name == "2"


def test_load_false_keeps_loaded_viewonly_relationships(engine: Engine, statements: StatementLog) -> None:
    class Base(DeclarativeBase):
        pass

    class Order(Base):
        __tablename__ = "orders"
        id: Mapped[int] = mapped_column(primary_key=True)
        lines: Mapped[list[Line]] = relationship(back_populates="order", order_by="Line.id")
        shown: Mapped[list[Line]] = relationship(viewonly=True, order_by="Line.id.desc()")

    class Line(Base):
        __tablename__ = "line"
        id: Mapped[int] = mapped_column(primary_key=True)
        order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id"))
        order: Mapped[Order | None] = relationship(back_populates="lines")
        seen: Mapped[Order | None] = relationship(viewonly=True)

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Order(id=1, lines=[Line(id=1), Line(id=2)]))
        session.commit()
        order = session.get(Order, 1)
        assert order is not None
        assert [line.seen for line in order.lines] == [order, order]
        assert len(order.shown) == 2
        session.expunge_all()
    with Session(engine) as session:
        merged = session.merge(order, load=False)
        with statements.expect(0):
            assert [line.id for line in merged.shown] == [2, 1]
            assert [line.id for line in merged.lines] == [1, 2]
            assert [line.seen for line in merged.lines] == [merged, merged]
        assert not session.dirty
        # with load=True, what is only viewed is loaded
        again = session.merge(Order(id=1, shown=[]))
        assert [line.id for line in again.shown] == [2, 1]


def test_merge_loads_a_column_that_programs_may_not_load(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    class Sheet(Base):
        __tablename__ = "sheet"
        id: Mapped[int] = mapped_column(primary_key=True)
        title: Mapped[str | None]
        text: Mapped[str | None] = mapped_column(deferred=True, deferred_raiseload=True)

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Sheet(id=1, title="a", text="x"))
        session.commit()
        session.expunge_all()
        merged = session.merge(Sheet(id=1, text="x"))
        assert not session.is_modified(merged)
        assert merged.title == "a"
        merged = session.merge(Sheet(id=1, title="b", text="y"))
        session.commit()
        session.expunge_all()
        assert session.execute("SELECT title, text FROM sheet").all() == [("b", "y")]
        limited = session.query(Sheet).options(load_only(Sheet.id, raiseload=True)).one()
        session.merge(Sheet(id=1, title="c"))
        session.commit()
        assert session.execute("SELECT title FROM sheet").scalar() == "c"
        assert limited.id == 1


@pytest.mark.parametrize("way", [lambda obj: obj, lambda obj: pickle.loads(pickle.dumps(obj)), copy.copy])
def test_a_collection_that_was_read_on_a_new_object_says_nothing_of_the_row(session: Session, way: Any) -> None:
    session.add(User(id=7, name="ann", posts=[Post(title="p")]))
    session.commit()
    given = User(id=7, name="eva")
    assert given.posts == []
    merged = session.merge(way(given))
    assert [post.title for post in merged.posts] == ["p"]
    session.commit()
    assert (merged.name, session.query(Post).count()) == ("eva", 1)
    # one that was set to be empty does
    emptied = session.merge(User(id=7, posts=[]))
    session.commit()
    assert (emptied.posts, session.query(Post).count()) == ([], 0)
