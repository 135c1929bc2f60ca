"""Lists and sets of related objects: every way to change them reaches both sides and the database."""

from __future__ import annotations

import gc
import random
from collections.abc import Callable
from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    Engine,
    ForeignKey,
    InvalidRequestError,
    Mapped,
    Session,
    declarative_base,
    mapped_column,
    relationship,
)
from tests.orm.models import Member, Post, Tag, Team, User


@pytest.mark.parametrize(
    "change",
    [
        lambda members, new: members.append(new[0]),
        lambda members, new: members.extend(new),
        lambda members, new: members.__iadd__(new),
        lambda members, new: members.insert(1, new[0]),
        lambda members, new: members.pop(),
        lambda members, new: members.pop(0),
        lambda members, new: members.remove(members[1]),
        lambda members, new: members.clear(),
        lambda members, new: members.__setitem__(1, new[0]),
        lambda members, new: members.__setitem__(slice(0, 2), new),
        lambda members, new: members.__setitem__(slice(None), new),
        lambda members, new: members.__delitem__(0),
        lambda members, new: members.__delitem__(slice(1, None)),
        lambda members, new: members.reverse(),
        lambda members, new: members.sort(key=lambda post: -post.id),
    ],
)
def test_every_change_of_a_list_is_that_of_a_plain_list(session: Session, change: Callable[[Any, Any], Any]) -> None:
    user = User(name="ed", posts=[Post(title=title) for title in "abc"])
    session.add(user)
    session.commit()
    plain: Any = list(user.posts)
    before = list(plain)
    new = [Post(title=title) for title in "xy"]
    change(user.posts, new)
    change(plain, new)
    assert list(user.posts) == plain
    for post in (*before, *new):
        assert post.author is (user if post in plain else None)
    assert all(post in session for post in plain)
    session.commit()
    assert {post.title for post in session.query(Post)} == {post.title for post in plain}


@pytest.mark.parametrize(
    "change",
    [
        lambda members, new: members.add(new[0]),
        lambda members, new: members.update(new),
        lambda members, new: members.update([new[0]], [new[1]]),
        lambda members, new: members.__ior__(set(new)),
        lambda members, new: members.remove(min(members, key=lambda m: m.name)),
        lambda members, new: members.discard(min(members, key=lambda m: m.name)),
        lambda members, new: members.discard(new[0]),
        lambda members, new: members.clear(),
        lambda members, new: members.difference_update({min(members, key=lambda m: m.name)}, new),
        lambda members, new: members.__isub__({min(members, key=lambda m: m.name)}),
        lambda members, new: members.intersection_update({min(members, key=lambda m: m.name), *new}),
        lambda members, new: members.__iand__({min(members, key=lambda m: m.name), *new}),
        lambda members, new: members.symmetric_difference_update({min(members, key=lambda m: m.name), *new}),
        lambda members, new: members.__ixor__({min(members, key=lambda m: m.name), *new}),
        lambda members, new: members.add(min(members, key=lambda m: m.name)),
    ],
)
def test_every_change_of_a_set_is_that_of_a_plain_set(session: Session, change: Callable[[Any, Any], Any]) -> None:
    team = Team(members={Member(name=name) for name in "abc"})
    session.add(team)
    session.commit()
    plain: Any = set(team.members)
    new = [Member(name=name) for name in "xy"]
    change(team.members, new)
    change(plain, new)
    assert set(team.members) == plain
    assert all(member in session for member in plain)
    session.commit()
    found = session.query(Member).filter(Member.team_id == team.id)
    assert {member.name for member in found} == {member.name for member in plain}


def test_set_operators_change_the_attribute_in_place(session: Session) -> None:
    one, two, three = (Member(name=name) for name in "abc")
    team = Team(members={one})
    session.add(team)
    team.members |= {two, three}
    team.members -= {one}
    team.members &= {two, three}
    team.members ^= {three}
    assert set(team.members) == {two}
    assert team.members.pop() is two
    with pytest.raises(KeyError):
        team.members.pop()
    with pytest.raises(KeyError):
        team.members.remove(one)


def test_what_is_not_in_a_list_cannot_be_removed(session: Session) -> None:
    user = User(name="ed", posts=[Post(title="a")])
    with pytest.raises(ValueError, match="not in the collection"):
        user.posts.remove(Post(title="a"))


def test_a_member_that_stands_twice_belongs_until_both_are_gone(session: Session) -> None:
    post = Post(title="p")
    tag = Tag(label="t")
    post.tags = [tag, tag]
    del post.tags[0]
    assert tag.posts == [post]
    del post.tags[0]
    assert tag.posts == []


def test_random_lists_of_tags_agree_on_both_sides_and_in_the_database(session: Session) -> None:
    chance = random.Random(7)
    tags = [Tag(label=str(number)) for number in range(6)]
    posts = [Post(title=str(number), author=User(name=str(number))) for number in range(4)]
    session.add_all([*tags, *posts])
    for turn in range(150):
        post, tag = chance.choice(posts), chance.choice(tags)
        if tag in post.tags:
            (post.tags.remove(tag) if turn % 2 else tag.posts.remove(post))
        else:
            (post.tags.append(tag) if turn % 2 else tag.posts.append(post))
        if turn % 20 == 0:
            session.commit()
    expected = {(post.title, tag.label) for post in posts for tag in post.tags}
    assert expected == {(post.title, tag.label) for tag in tags for post in tag.posts}
    session.commit()
    assert expected == {(post.title, tag.label) for post in posts for tag in post.tags}


def test_a_replaced_collection_is_a_plain_one(session: Session) -> None:
    user = User(name="ed", posts=[Post(title="a")])
    session.add(user)
    session.flush()
    old = user.posts
    user.posts = [Post(title="b")]
    old.append(Post(title="c"))
    old.clear()
    team = Team(members={Member(name="m")})
    session.add(team)
    members = team.members
    team.members = set()
    members.add(Member(name="n"))
    members.discard(Member(name="x"))
    members.clear()
    session.commit()
    assert [post.title for post in session.query(Post)] == ["b"]


def test_a_collection_brings_its_object_back_while_it_can(session: Session) -> None:
    session.add(User(name="ed", posts=[Post(title="a")]))
    session.commit()
    ident = session.query(User).one().id
    posts = session.get(User, ident).posts  # type: ignore[union-attr]
    gc.collect()
    posts.append(Post(title="b"))
    session.commit()
    assert session.query(Post).count() == 2
    posts = session.get(User, ident).posts  # type: ignore[union-attr]
    gc.collect()
    session.execute("DELETE FROM post")
    session.execute('DELETE FROM "user"')
    with pytest.raises(InvalidRequestError, match="Keep a reference"):
        posts.append(Post(title="c"))
    members = Team(members={Member(name="m")}).members
    gc.collect()
    members.add(Member(name="n"))
    assert len(members) == 2


def test_wrong_members_and_wrong_collections_are_refused() -> None:
    user = User(name="ed")
    with pytest.raises(ArgumentError, match="takes objects of Post, got Tag"):
        user.posts.append(Tag(label="t"))  # type: ignore[arg-type]
    for wrong in (None, "abc", 5):
        with pytest.raises(ArgumentError, match="To empty it"):
            user.posts = wrong  # type: ignore[assignment]
    with pytest.raises(ArgumentError, match="takes objects of User"):
        Post(author=Tag(label="t"))


def test_deleting_the_attribute_empties_it(session: Session) -> None:
    user = User(name="ed", posts=[Post(title="a")])
    post = user.posts[0]
    del user.posts
    assert (list(user.posts), post.author) == ([], None)
    post.author = user
    del post.author
    assert list(user.posts) == []
    user.extra = 1  # type: ignore[attr-defined]
    del user.extra  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        del user.extra  # type: ignore[attr-defined]


def test_a_long_list_that_is_changed_from_both_sides_holds_each_object_once(session: Session) -> None:
    user, other = User(name="ed"), User(name="bo")
    session.add_all([user, other])
    session.commit()
    assert (list(user.posts), list(other.posts)) == ([], [])
    posts = [Post(title=str(number), author=user) for number in range(60)]
    plain = list(posts)
    rng = random.Random(7)
    for step in range(400):
        post = rng.choice(posts)
        kind = rng.randrange(6)
        if kind == 0:
            post.author = other
        elif kind == 1:
            post.author = user
        elif post in plain:
            index = plain.index(post)
            if kind == 2:
                user.posts.remove(post)
            elif kind == 3:
                assert user.posts.pop(index) is post
            elif kind == 4:
                del user.posts[index]
            else:
                user.posts[index : index + 1] = []
            plain.remove(post)
            continue
        else:
            user.posts.insert(3, post)
            plain.insert(3, post)
            continue
        if kind == 0 and post in plain:
            plain.remove(post)
        elif kind == 1 and post not in plain:
            plain.append(post)
        assert list(user.posts) == plain, step
    assert len(plain) > 32
    for post in posts:
        post.author = post.author or other
    session.commit()
    assert {post.title for post in user.posts} == {post.title for post in plain}


def test_an_equal_object_takes_its_like_out_of_a_set(engine: Engine) -> None:
    base = declarative_base()

    class Box(base):
        __tablename__ = "box"
        id: Mapped[int] = mapped_column(primary_key=True)
        labels: Mapped[set[Label]] = relationship(back_populates="box")

    class Label(base):
        __tablename__ = "label"
        id: Mapped[int] = mapped_column(primary_key=True)
        box_id: Mapped[int | None] = mapped_column(ForeignKey("box.id"))
        text: Mapped[str]
        box: Mapped[Box | None] = relationship(back_populates="labels")

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Label) and self.text == other.text

        def __hash__(self) -> int:
            return hash(self.text)

    base.metadata.create_all(engine)
    with Session(engine) as session:
        box = Box(labels={Label(text="a"), Label(text="b")})
        session.add(box)
        session.commit()
        members = {label.text: label for label in box.labels}
        box.labels.discard(Label(text="a"))
        box.labels -= {Label(text="b")}
        assert [label.box for label in members.values()] == [None, None]
        session.commit()
        assert session.query(Label).filter(Label.box_id == None).count() == 2  # noqa: E711


def test_the_collection_of_an_object_that_is_gone_and_had_no_row_takes_nothing(session: Session) -> None:
    post = Post(title="x")
    session.add(post)
    with pytest.raises(InvalidRequestError, match="Keep a reference"):
        User().posts.append(post)
    posts = User().posts
    with pytest.raises(InvalidRequestError, match="Keep a reference"):
        posts.extend([post])
    user = User(name="ed")
    user.posts.append(post)
    assert post.author is user
