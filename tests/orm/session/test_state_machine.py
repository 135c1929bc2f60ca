"""Random sequences of Session operations against a plain model in memory, on both databases.

The model is a dict of users and one of posts, with a stack of copies for transactions and savepoints. After every step the Session
must show what the model says; after every commit the rows must.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from flask_uow import Engine, Session, func, select
from tests.orm.models import Base, Post, Tag, User


class Model:
    """What the database should hold: names of users, titles, authors and tags of posts, by a number of our own."""

    def __init__(self) -> None:
        self.users: dict[int, str] = {}
        self.posts: dict[int, tuple[str, int]] = {}
        self.tags: dict[int, set[int]] = {}


class SessionMachine(RuleBasedStateMachine):
    """Drives a Session and the model side by side."""

    engine: Engine

    @initialize()
    def begin(self) -> None:
        with self.engine.begin() as connection:
            for table in reversed(Base.metadata.sorted_tables):
                connection.execute(table.delete())
        self.session = Session(self.engine)
        self.label_objects: list[Tag] = [Tag(label=f"t{n}") for n in range(3)]
        self.session.add_all(self.label_objects)
        self.session.commit()
        self.labels = {n: tag.id for n, tag in enumerate(self.label_objects)}
        self.model = Model()
        self.stack: list[Model] = [copy.deepcopy(self.model)]
        self.number = 0

    def teardown(self) -> None:
        if hasattr(self, "session"):
            self.session.close()

    # -- finding objects

    def user(self, number: int) -> User:
        return self.session.query(User).filter_by(email=str(number)).one()

    def post(self, number: int) -> Post:
        return self.session.query(Post).filter(Post.title.startswith(f"{number}:")).one()

    def some(self, data: Any, things: dict[int, Any]) -> int:
        return int(data.draw(st.sampled_from(sorted(things))))

    # -- steps

    @rule(name=st.text("ab'\"\\%é", max_size=5))
    def add_user(self, name: str) -> None:
        self.number += 1
        self.session.add(User(name=f"{self.number}{name}", email=str(self.number)))
        self.model.users[self.number] = f"{self.number}{name}"

    @precondition(lambda self: self.model.users)
    @rule(data=st.data(), through_collection=st.booleans())
    def add_post(self, data: Any, through_collection: bool) -> None:
        author = self.some(data, self.model.users)
        self.number += 1
        post = Post(title=f"{self.number}:")
        if through_collection:
            self.user(author).posts.append(post)
        else:
            post.author = self.user(author)
        self.model.posts[self.number] = (post.title, author)
        self.model.tags[self.number] = set()

    @precondition(lambda self: self.model.users)
    @rule(data=st.data(), name=st.text("xyz", max_size=3))
    def rename_user(self, data: Any, name: str) -> None:
        number = self.some(data, self.model.users)
        # a number of its own: another user may have been passed the name of this one
        self.number += 1
        self.user(number).name = self.model.users[number] = f"{self.number}{name}"

    @precondition(lambda self: self.model.posts)
    @rule(data=st.data(), through_collection=st.booleans())
    def move_post(self, data: Any, through_collection: bool) -> None:
        number, author = self.some(data, self.model.posts), self.some(data, self.model.users)
        post, user = self.post(number), self.user(author)
        if not through_collection:
            post.author = user
        elif post not in user.posts:
            user.posts.append(post)
        self.model.posts[number] = (self.model.posts[number][0], author)

    @precondition(lambda self: self.model.posts)
    @rule(data=st.data(), how=st.sampled_from(["delete", "remove", "none"]))
    def drop_post(self, data: Any, how: str) -> None:
        number = self.some(data, self.model.posts)
        post = self.post(number)
        if how == "delete":
            self.session.delete(post)
            self.session.flush()
        elif how == "remove":
            post.author.posts.remove(post)
        else:
            post.author = None  # type: ignore[assignment]
        del self.model.posts[number]
        del self.model.tags[number]
        self.session.flush()
        self.session.expire_all()

    @precondition(lambda self: self.model.users)
    @rule(data=st.data(), steps=st.permutations(["author", "title", "tag", "look", "add"]), none_first=st.booleans())
    def make_a_post_bit_by_bit(self, data: Any, steps: list[str], none_first: bool) -> None:
        author = self.some(data, self.model.users)
        user, tag = self.user(author), self.session.get(Tag, self.labels[0])
        self.number += 1
        post = Post(author=None) if none_first else Post()
        if "add" in steps[:4]:
            # what was added is written as it is: the others come first
            steps = [*(step for step in steps if step != "add"), "add"]
        for step in steps:
            if step == "author":
                post.author = user
            elif step == "title":
                post.title = f"{self.number}:"
            elif step == "tag":
                tag.posts.append(post)
            elif step == "add":
                self.session.add(post)
            else:
                self.session.query(User).count()
                self.session.refresh(user)
        self.model.posts[self.number] = (post.title, author)
        self.model.tags[self.number] = {0}

    @precondition(lambda self: self.model.posts)
    @rule(data=st.data(), how=st.sampled_from(["refresh", "expire", "expire author"]), loaded=st.booleans())
    def forget_a_post_that_was_put_in(self, data: Any, how: str, loaded: bool) -> None:
        number, author = self.some(data, self.model.posts), self.some(data, self.model.users)
        post, user = self.post(number), self.user(author)
        with self.session.no_autoflush:
            if loaded:
                assert user.posts is not None
            else:
                self.session.expire(user, ["posts"])
            if post not in user.posts:
                user.posts.append(post)
            if how == "refresh":
                self.session.refresh(post)
            elif how == "expire":
                self.session.expire(post)
            else:
                self.session.expire(post, ["author", "author_id"])
        self.model.posts[number] = (self.model.posts[number][0], author)

    @precondition(lambda self: self.model.posts)
    @rule(data=st.data(), how=st.sampled_from(["reference", "collection", "none between", "taken out before"]))
    def move_a_post_in_steps(self, data: Any, how: str) -> None:
        number, author = self.some(data, self.model.posts), self.some(data, self.model.users)
        post, user = self.post(number), self.user(author)
        if how == "none between":
            post.author = None  # type: ignore[assignment]
        elif how == "taken out before":
            post.author.posts.remove(post)
        if how in ("collection", "taken out before"):
            if post not in user.posts:
                user.posts.append(post)
        else:
            post.author = user
        self.model.posts[number] = (self.model.posts[number][0], author)

    @precondition(lambda self: len(self.model.users) > 1)
    @rule(data=st.data(), delete_first=st.booleans())
    def delete_a_user_whose_posts_have_moved(self, data: Any, delete_first: bool) -> None:
        number = self.some(data, self.model.users)
        heir = data.draw(st.sampled_from(sorted(set(self.model.users) - {number})))
        user, other = self.user(number), self.user(heir)
        posts = list(user.posts)
        assert other.posts is not None
        moved = [post for post in posts if data.draw(st.booleans())]
        with self.session.no_autoflush:
            if delete_first:
                self.session.delete(user)
            for post in moved:
                other.posts.append(post)
            if not delete_first:
                self.session.delete(user)
        self.session.flush()
        self.session.expire_all()
        titles = {post.title for post in moved}
        for post in [p for p, (_, author) in self.model.posts.items() if author == number]:
            if self.model.posts[post][0] in titles:
                self.model.posts[post] = (self.model.posts[post][0], heir)
            else:
                del self.model.posts[post]
                del self.model.tags[post]
        del self.model.users[number]

    @precondition(lambda self: len(self.model.users) > 1)
    @rule(step=st.sampled_from([1, -1]))
    def pass_names_on(self, step: int) -> None:
        # each takes the name that the one before it leaves
        numbers = sorted(self.model.users)[::step]
        users = [self.user(number) for number in numbers]
        names = [self.model.users[number] for number in numbers]
        self.number += 1
        with self.session.no_autoflush:
            for user, name in zip(users, [f"{self.number}first", *names], strict=False):
                user.name = name
        self.session.flush()
        self.model.users.update(zip(numbers, [f"{self.number}first", *names], strict=False))

    @precondition(lambda self: self.model.posts)
    @rule(data=st.data(), label=st.integers(0, 2), other_side=st.booleans())
    def toggle_tag(self, data: Any, label: int, other_side: bool) -> None:
        number = self.some(data, self.model.posts)
        post, tag = self.post(number), self.session.get(Tag, self.labels[label])
        if label in self.model.tags[number]:
            tag.posts.remove(post) if other_side else post.tags.remove(tag)
            self.model.tags[number].remove(label)
        else:
            tag.posts.append(post) if other_side else post.tags.append(tag)
            self.model.tags[number].add(label)

    @precondition(lambda self: self.model.posts)
    @rule(data=st.data(), labels=st.sets(st.integers(0, 2)), author_loaded=st.booleans())
    def merge_post(self, data: Any, labels: set[int], author_loaded: bool) -> None:
        number, author = self.some(data, self.model.posts), self.some(data, self.model.users)
        post, user = self.post(number), self.user(author)
        self.number += 1
        name = f"{self.number}merged"
        copy_of_user = User(id=user.id, name=name, posts=[]) if author_loaded else User(id=user.id)
        if author_loaded:
            copy_of_user.posts.extend(Post(id=other.id) for other in user.posts if other is not post)
        tags = [Tag(id=self.labels[n]) for n in sorted(labels)]
        merged = self.session.merge(Post(id=post.id, title=f"{number}:merged", author=copy_of_user, tags=tags))
        assert merged is post
        if author_loaded:
            self.model.users[author] = name
        self.model.posts[number] = (f"{number}:merged", author)
        self.model.tags[number] = labels

    @precondition(lambda self: self.model.posts)
    @rule(data=st.data(), how=st.sampled_from(["add", "merge", "merge without load"]))
    def take_out_and_bring_back(self, data: Any, how: str) -> None:
        number = self.some(data, self.model.posts)
        post = self.post(number)
        author, tags = post.author, list(post.tags)
        self.session.flush()
        self.session.expunge(post)
        assert post not in self.session
        assert post.author is author
        if how == "merge without load":
            again = self.session.merge(post, load=False)
        else:
            post.title = f"{number}:{how}"
            again = post if how == "add" else self.session.merge(post)
            if how == "add":
                self.session.add(post)
            self.model.posts[number] = (post.title, self.model.posts[number][1])
        assert (again is post) is (how == "add")
        assert again in self.session
        assert again.author is author
        assert list(again.tags) == tags
        self.session.flush()
        self.session.expire_all()

    @precondition(lambda self: self.model.users)
    @rule(data=st.data())
    def change_within_a_subtransaction(self, data: Any) -> None:
        number = self.some(data, self.model.users)
        self.number += 1
        with self.session.begin(subtransactions=True):
            self.user(number).name = f"{self.number}sub"
        self.model.users[number] = f"{self.number}sub"

    @precondition(lambda self: self.model.users)
    @rule(data=st.data())
    def delete_user(self, data: Any) -> None:
        number = self.some(data, self.model.users)
        self.session.delete(self.user(number))
        self.session.flush()
        self.session.expire_all()
        del self.model.users[number]
        for post in [p for p, (_, author) in self.model.posts.items() if author == number]:
            del self.model.posts[post]
            del self.model.tags[post]

    @rule()
    def flush(self) -> None:
        self.session.flush()

    @rule()
    def expire(self) -> None:
        self.session.flush()
        self.session.expire_all()

    @rule()
    def forget(self) -> None:
        self.session.flush()
        self.session.expunge_all()

    @precondition(lambda self: len(self.stack) < 4)
    @rule()
    def begin_nested(self) -> None:
        self.session.begin_nested()
        self.stack.append(copy.deepcopy(self.model))

    @rule()
    def commit(self) -> None:
        self.session.commit()
        if len(self.stack) > 1:
            self.stack.pop()
        else:
            self.stack = [copy.deepcopy(self.model)]
            self.check_rows()

    @rule()
    def rollback(self) -> None:
        self.session.rollback()
        self.model = copy.deepcopy(self.stack[-1])
        if len(self.stack) > 1:
            self.stack.pop()

    # -- what must hold

    @invariant()
    def session_shows_the_model(self) -> None:
        if not hasattr(self, "model"):
            return
        if len(self.model.posts) % 2:
            # what is pending is written by a statement that gives no objects, as by one that does
            assert self.session.scalar(select(func.count(Post.id))) == len(self.model.posts)
        users = {int(u.email or 0): u for u in self.session.query(User)}
        assert {number: user.name for number, user in users.items()} == self.model.users
        for number, user in users.items():
            expected = {title for title, author in self.model.posts.values() if author == number}
            assert {post.title for post in user.posts} == expected
            assert self.session.query(Post).filter(Post.author == user).count() == len(expected)
        for number, (title, author) in self.model.posts.items():
            post = self.post(number)
            assert post.title == title
            assert post.author is users[author]
            assert {tag.id for tag in post.tags} == {self.labels[n] for n in self.model.tags[number]}
            assert len(post.tags) == len(self.model.tags[number])

    def check_rows(self) -> None:
        with self.engine.connect() as connection:
            rows = connection.execute('SELECT email, name FROM "user"').all()
            assert {int(email): name for email, name in rows} == self.model.users
            posts = connection.execute('SELECT p.title, u.email FROM post p JOIN "user" u ON u.id = p.author_id').all()
            assert sorted(posts) == sorted((title, str(author)) for title, author in self.model.posts.values())
            pairs = connection.execute("SELECT count(*) FROM post_tag").scalar()
            assert pairs == sum(len(labels) for labels in self.model.tags.values())


@pytest.fixture
def machine(tables: Engine) -> type[SessionMachine]:
    class Machine(SessionMachine):
        engine = tables

    return Machine


def test_a_session_always_shows_what_a_plain_model_says(machine: type[SessionMachine]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
