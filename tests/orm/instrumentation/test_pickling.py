"""Mapped objects through pickle and copy: what travels, and how it comes back into a Session."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flask_uow import DeclarativeBase, DetachedInstanceError, Engine, Mapped, Session, inspect, mapped_column
from tests.orm.models import Post, Tag, User


def there_and_back(obj: Any) -> Any:
    return pickle.loads(pickle.dumps(obj))


def saved(session: Session) -> User:
    user = User(name="ed", posts=[Post(title="one"), Post(title="two")])
    session.add(user)
    session.commit()
    assert [post.title for post in user.posts] == ["one", "two"]
    assert user.name == "ed"
    return user


def test_a_persistent_object_comes_back_detached_with_its_values(session: Session) -> None:
    user = saved(session)
    double = there_and_back(user)
    assert double is not user
    assert inspect(double).detached
    assert inspect(double).identity_key == inspect(user).identity_key
    assert double.name == "ed"
    assert [post.title for post in double.posts] == ["one", "two"]
    with pytest.raises(DetachedInstanceError, match=r"Post\.tags"):
        double.posts[0].tags


def test_it_can_be_put_into_another_session(make_session: Any) -> None:
    session, other = make_session(), make_session()
    double = there_and_back(saved(session))
    session.rollback()
    other.add(double)
    assert inspect(double).persistent
    assert all(post in other for post in double.posts)
    assert double.posts[0].tags == []
    double.name = "changed"
    double.posts.append(Post(title="three"))
    other.commit()
    assert [post.title for post in session.query(Post).order_by(Post.id)] == ["one", "two", "three"]
    assert session.query(User).one().name == "changed"


def test_changes_that_were_not_flushed_travel(make_session: Any) -> None:
    session, other = make_session(), make_session()
    user = saved(session)
    user.name = "changed"
    double = there_and_back(user)
    session.rollback()
    assert inspect(double).detached
    other.add(double)
    assert double in other.dirty
    other.commit()
    assert session.query(User).one().name == "changed"


def test_changes_after_the_journey_are_tracked_before_the_object_is_in_a_session(make_session: Any) -> None:
    session, other = make_session(), make_session()
    double = there_and_back(saved(session))
    session.rollback()
    double.posts.remove(double.posts[0])
    double.posts.append(Post(title="three", tags=[Tag(label="t")]))
    double.name = "later"
    other.add(double)
    other.commit()
    assert [post.title for post in session.query(Post).order_by(Post.id)] == ["two", "three"]
    assert session.query(User).one().name == "later"


def test_a_pickled_object_can_be_merged(make_session: Any) -> None:
    session, other = make_session(), make_session()
    double = there_and_back(saved(session))
    session.rollback()
    double.name = "merged"
    merged = other.merge(double)
    other.commit()
    assert session.query(User).one().name == "merged"
    assert merged is not double


def test_transient_objects_travel_with_what_they_refer_to(session: Session) -> None:
    post = Post(title="p", author=User(name="a"), tags=[Tag(label="t")])
    double = there_and_back(post)
    assert inspect(double).transient
    assert double.author.posts == [double]
    session.add(double)
    session.commit()
    assert session.query(User).one().posts == [double]


def test_expired_attributes_stay_expired(session: Session) -> None:
    user = saved(session)
    session.commit()
    double = there_and_back(user)
    assert "name" not in double.__dict__
    with pytest.raises(DetachedInstanceError):
        double.name
    session.expunge(user)
    session.add(double)
    assert double.name == "ed"


def test_pickles_cross_processes(tables: Engine, session: Session, tmp_path: Path) -> None:
    user = saved(session)
    user.name = "sent"
    path = tmp_path / "user.pickle"
    path.write_bytes(pickle.dumps(user))
    session.rollback()
    url = tables.url.render(hide_password=False)
    code = f"""
import pickle, sys
from pathlib import Path
from flask_uow import Session, create_engine
user = pickle.loads(Path({str(path)!r}).read_bytes())
session = Session(create_engine({url!r}))
session.add(user)
assert [post.title for post in user.posts] == ["one", "two"]
user.posts[0].title = "changed there"
session.commit()
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, cwd=Path(__file__).parents[3])
    assert session.query(User).one().name == "sent"
    assert session.query(Post).order_by(Post.id).first().title == "changed there"  # type: ignore[union-attr]


def test_copies_are_transient_with_the_same_values(session: Session) -> None:
    user = saved(session)
    shallow = copy.copy(user)
    assert inspect(shallow).transient
    assert shallow.name == "ed"
    assert shallow.posts is not user.posts
    assert list(shallow.posts) == list(user.posts)
    shallow.posts.clear()
    assert len(user.posts) == 2
    deep = copy.deepcopy(user)
    assert inspect(deep).transient
    assert inspect(deep.posts[0]).transient
    deep.id, deep.name = None, "copy"
    for post in deep.posts:
        post.id = None
    session.add(deep)
    session.commit()
    assert session.query(User).count() == 2
    assert session.query(Post).count() == 4


class Base(DeclarativeBase):
    pass


class OwnState(Base):
    """Says itself how it is pickled, the way classes with caches do."""

    __tablename__ = "own_state"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "cache"}

    def __setstate__(self, values: dict[str, Any]) -> None:
        self.__dict__.update(values)
        self.__dict__["cache"] = "empty"


def test_a_class_that_says_itself_how_it_is_pickled_comes_back_too(engine: Engine) -> None:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(OwnState(id=1, name="x"))
        session.commit()
        obj = session.query(OwnState).one()
        obj.name = "changed"
        obj.cache = "full"  # type: ignore[attr-defined]
        double = there_and_back(obj)
        assert double.cache == "empty"
        session.rollback()
        session.expunge_all()
        assert double.name == "changed"
        session.add(double)
        assert inspect(double).persistent
        session.commit()
        assert session.scalar("SELECT name FROM own_state") == "changed"
    assert inspect(copy.deepcopy(double)).transient


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol_of_pickle_carries_an_object(session: Session, protocol: int) -> None:
    user = saved(session)
    user.name = "changed"
    assert user.posts[0].author is user
    double = pickle.loads(pickle.dumps(user, protocol))
    session.rollback()
    session.expunge_all()
    assert double.posts[0].author is double
    session.add(double)
    assert session.is_modified(double)
    session.commit()
    assert session.query(User).one().name == "changed"
