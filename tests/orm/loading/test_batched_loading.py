"""Batched lazy loading: the first access on one object of a result loads for all of them."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

from flask_uow import (
    Engine,
    ForeignKey,
    Mapped,
    ObjectDeletedError,
    Session,
    declarative_base,
    mapped_column,
    relationship,
    select,
)
from tests.orm.models import Node, Place, Post, Profile, Tag, User
from tests.statements import StatementLog


@pytest.fixture
def page(session: Session) -> Session:
    """A Session over 100 posts of 100 authors with two tags each, where nothing is loaded."""
    tags = [Tag(label=f"t{n}") for n in range(5)]
    for n in range(100):
        post = Post(title=f"p{n}", tags=[tags[n % 5], tags[(n + 1) % 5]])
        session.add(User(name=f"u{n:03}", posts=[post], profile=Profile(text=f"x{n}")))
    session.commit()
    session.expunge_all()
    return session


def test_a_page_of_posts_with_authors_and_tags_costs_three_statements(page: Session, statements: StatementLog) -> None:
    with statements.expect(3):
        shown = [(p.title, p.author.name, [t.label for t in p.tags]) for p in page.query(Post).order_by(Post.id)]
    assert shown[7] == ("p7", "u007", ["t2", "t3"])
    assert len(shown) == 100


@pytest.mark.parametrize("how", ["scalars", "rows"])
def test_results_of_select_are_siblings_as_well(page: Session, statements: StatementLog, how: str) -> None:
    if how == "scalars":
        posts = list(page.scalars(select(Post)))
    else:
        posts = [row[0] for row in page.execute(select(Post, Post.id))]
    with statements.expect(1):
        assert {post.author.email for post in posts} == {None}


def test_every_kind_of_relationship_is_loaded_in_one_statement(page: Session, statements: StatementLog) -> None:
    users = page.query(User).all()
    with statements.expect(1, "post"):
        assert [len(user.posts) for user in users] == [1] * 100
    with statements.expect(1, "profile"):
        assert {user.profile.text for user in users if user.profile} == {f"x{n}" for n in range(100)}
    tags = page.query(Tag).all()
    with statements.expect(1, "post_tag"):
        assert sum(len(tag.posts) for tag in tags) == 200


def test_chains_are_batched_at_each_step(page: Session, statements: StatementLog) -> None:
    with statements.expect(4):
        found = {
            other.label
            for user in page.query(User)
            for post in user.posts
            for tag in post.tags
            for tagged in tag.posts[:1]
            for other in tagged.tags
        }
    assert found == {f"t{n}" for n in range(5)}


def test_a_tree_is_loaded_level_by_level(session: Session, statements: StatementLog) -> None:
    for root in range(3):
        session.add(Node(name=f"{root}", children=[Node(name="c", children=[Node(name="g")]) for _ in range(4)]))
    session.commit()
    session.expunge_all()
    with statements.expect(4):
        roots = session.query(Node).filter(Node.parent_id == None).all()  # noqa: E711
        assert sum(len(g.children) for r in roots for c in r.children for g in c.children) == 0
        assert sum(len(c.children) for r in roots for c in r.children) == 12


def test_objects_touched_after_a_commit_are_refreshed_in_one_statement(page: Session, statements: StatementLog) -> None:
    users = page.query(User).all()
    page.commit()
    with statements.expect(1):
        assert len({user.name for user in users}) == 100
    # those that were added together, too
    places = [Place(x=n, y=n + 1) for n in range(100)]
    page.add_all(places)
    page.commit()
    with statements.expect(1):
        assert [place.x for place in places] == list(range(100))


def test_a_row_that_is_gone_concerns_its_own_object_only(page: Session, statements: StatementLog) -> None:
    profiles = page.query(Profile).order_by(Profile.id).limit(3).all()
    page.commit()
    page.execute("DELETE FROM profile WHERE text = 'x1'")
    with statements.expect(1):
        assert (profiles[0].text, profiles[2].text) == ("x0", "x2")
    with pytest.raises(ObjectDeletedError):
        assert profiles[1].text


def test_values_are_as_of_the_first_access(page: Session) -> None:
    users = page.query(User).order_by(User.id).limit(2).all()
    assert len(users[0].posts) == 1
    page.execute("DELETE FROM post_tag")
    page.execute("DELETE FROM post")
    assert len(users[1].posts) == 1
    page.expire_all()
    assert users[1].posts == []


def test_the_reverse_side_is_not_filled(page: Session) -> None:
    users = page.query(User).all()
    assert users[0].posts
    assert "author" not in users[5].posts[0].__dict__


def test_siblings_are_held_weakly(page: Session, statements: StatementLog) -> None:
    posts = page.query(Post).order_by(Post.id).all()
    gone = weakref.ref(posts[1])
    gc.disable()
    try:
        del posts[1:]
        assert gone() is None
    finally:
        gc.enable()
    with statements.expect(1):
        assert posts[0].author.name == "u000"
    # the author of that one post only
    assert len(page.identity_map) == 2


def test_objects_of_other_results_and_sessions_are_left_alone(page: Session, make_session: Any) -> None:
    first = page.query(Post).order_by(Post.id).limit(2).all()
    second = page.query(Post).order_by(Post.id).offset(2).limit(2).all()
    assert first[0].author
    assert "author" in first[1].__dict__
    assert "author" not in second[0].__dict__
    third = page.query(Post).order_by(Post.id).offset(4).limit(3).all()
    other = make_session()
    page.expunge(third[1])
    other.add(third[1])
    assert third[0].author
    assert "author" not in third[1].__dict__
    assert "author" in third[2].__dict__
    other.expunge_all()


def test_changes_of_siblings_are_kept(page: Session) -> None:
    users = page.query(User).order_by(User.id).limit(3).all()
    page.commit()
    users[1].email = "changed"
    tag = Tag(label="new")
    posts = page.query(Post).order_by(Post.id).limit(2).all()
    tag.posts.append(posts[1])
    page.add(tag)
    with page.no_autoflush:
        assert users[0].name == "u000"
        assert users[1].email == "changed"
        assert len(posts[0].tags) == 2
        assert posts[1].tags[-1] is tag
    page.commit()
    assert users[1].email == "changed"
    assert len(posts[1].tags) == 3


def test_a_large_result_is_loaded_for_in_pages(session: Session, statements: StatementLog) -> None:
    session.add_all([User(name=f"u{n}", posts=[Post(title="p")]) for n in range(1100)])
    session.commit()
    session.expunge_all()
    posts = session.query(Post).order_by(Post.id).all()
    with statements.expect(1):
        assert posts[600].author.name == "u600"
    assert sum("author" in post.__dict__ for post in posts) == 500
    with statements.expect(0):
        assert posts[1099].author.name == "u1099"
    with statements.expect(2):
        assert len({post.author.name for post in posts}) == 1100


def test_keys_of_several_columns_are_batched(engine: Engine, statements: StatementLog) -> None:
    base: Any = declarative_base()

    class Cell(base):
        __tablename__ = "cell"
        x: Mapped[int] = mapped_column(primary_key=True)
        y: Mapped[str] = mapped_column(primary_key=True)
        text: Mapped[str]
        notes: Mapped[list[Note]] = relationship(
            back_populates="cell",
            primaryjoin=lambda: (Note.x == Cell.x) & (Note.y == Cell.y),
            foreign_keys=lambda: [Note.x, Note.y],
        )

    class Note(base):
        __tablename__ = "note"
        id: Mapped[int] = mapped_column(primary_key=True)
        x: Mapped[int]
        y: Mapped[str]
        cell: Mapped[Cell] = relationship(
            back_populates="notes",
            primaryjoin=lambda: (Note.x == Cell.x) & (Note.y == Cell.y),
            foreign_keys=lambda: [Note.x, Note.y],
        )

    base.metadata.create_all(engine)
    try:
        with Session(engine) as session:
            session.add_all([Cell(x=n, y=f"{n}", text="t", notes=[Note(), Note()]) for n in range(7)])
            session.commit()
            session.expunge_all()
            with statements.expect(2):
                assert {note.cell.text for note in session.query(Note)} == {"t"}
            cells = session.query(Cell).all()
            with statements.expect(1):
                assert [len(cell.notes) for cell in cells] == [2] * 7
    finally:
        base.metadata.drop_all(engine)
        base.registry.dispose()


def test_it_is_turned_off_for_a_query(page: Session, statements: StatementLog) -> None:
    posts = page.query(Post).order_by(Post.id).limit(3).batch_loading(False).all()
    with statements.expect(3):
        assert [post.author.name for post in posts] == ["u000", "u001", "u002"]


def test_it_is_turned_off_for_a_session(page: Session, engine: Engine, statements: StatementLog) -> None:
    with Session(engine, batch_loading=False) as session:
        posts = session.query(Post).order_by(Post.id).limit(3).all()
        with statements.expect(3):
            assert [post.author.name for post in posts] == ["u000", "u001", "u002"]
        again = session.query(Post).order_by(Post.id).limit(3).batch_loading(True).all()
        with statements.expect(1):
            assert [len(post.tags) for post in again] == [2, 2, 2]


def test_it_is_turned_off_for_a_relationship(engine: Engine, statements: StatementLog) -> None:
    base: Any = declarative_base()

    class Owner(base):
        __tablename__ = "owner"
        id: Mapped[int] = mapped_column(primary_key=True)
        things: Mapped[list[Thing]] = relationship(batch_loading=False)

    class Thing(base):
        __tablename__ = "thing"
        id: Mapped[int] = mapped_column(primary_key=True)
        owner_id: Mapped[int] = mapped_column(ForeignKey("owner.id"))

    base.metadata.create_all(engine)
    try:
        with Session(engine) as session:
            session.add_all([Owner(things=[Thing()]), Owner(things=[Thing()])])
            session.commit()
            session.expunge_all()
            owners = session.query(Owner).all()
            with statements.expect(2):
                assert [len(owner.things) for owner in owners] == [1, 1]
    finally:
        base.metadata.drop_all(engine)
        base.registry.dispose()
