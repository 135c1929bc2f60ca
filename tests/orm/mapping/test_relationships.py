"""Relationships: both sides in step, lazy loading, cascades, collections."""

from __future__ import annotations

import pytest

from flask_uow import (
    ArgumentError,
    DeclarativeBase,
    Engine,
    ForeignKey,
    InvalidRequestError,
    Mapped,
    Session,
    aliased,
    declarative_base,
    mapped_column,
    relationship,
)
from tests.orm.models import Member, Node, Post, Profile, Tag, Team, User
from tests.statements import StatementLog


def test_both_sides_are_in_step_before_any_flush() -> None:
    user, post = User(name="ed"), Post(title="t")
    user.posts.append(post)
    assert post.author is user
    other = User(name="fred")
    post.author = other
    assert user.posts == []
    assert other.posts == [post]
    other.posts.remove(post)
    assert post.author is None
    user.posts = [post]
    assert post.author is user
    del user.posts
    assert post.author is None


@pytest.mark.parametrize(
    "change",
    [
        lambda posts, new: posts.append(new),
        lambda posts, new: posts.insert(0, new),
        lambda posts, new: posts.extend([new]),
        lambda posts, new: posts.__setitem__(0, new),
        lambda posts, new: posts.__setitem__(slice(0, 1), [new]),
        lambda posts, new: posts.__iadd__([new]),
    ],
)
def test_every_way_into_a_list_sets_the_other_side(change: object) -> None:
    old, new = Post(title="old"), Post(title="new")
    user = User(name="ed", posts=[old])
    change(user.posts, new)  # type: ignore[operator]
    assert new.author is user
    assert (old.author is user) == any(post is old for post in user.posts)


@pytest.mark.parametrize(
    "change",
    [
        lambda posts: posts.pop(),
        lambda posts: posts.clear(),
        lambda posts: posts.__delitem__(0),
        lambda posts: posts.__delitem__(slice(None)),
        lambda posts: posts.remove(posts[0]),
    ],
)
def test_every_way_out_of_a_list_clears_the_other_side(change: object) -> None:
    post = Post(title="t")
    user = User(name="ed", posts=[post])
    change(user.posts)  # type: ignore[operator]
    assert post.author is None
    assert user.posts == []


def test_one_to_one_keeps_both_sides_in_step() -> None:
    first, second = Profile(text="1"), Profile(text="2")
    user = User(name="ed", profile=first)
    assert first.user is user
    user.profile = second
    assert first.user is None
    assert second.user is user
    other = User(name="fred")
    second.user = other
    assert user.profile is None
    assert other.profile is second


def test_many_to_many_keeps_both_sides_in_step() -> None:
    post, tag = Post(title="t"), Tag(label="x")
    post.tags.append(tag)
    assert tag.posts == [post]
    tag.posts.remove(post)
    assert post.tags == []


def test_what_a_relationship_reaches_is_added_with_the_object(session: Session) -> None:
    user = User(name="ed", posts=[Post(title="t", tags=[Tag(label="x")])])
    session.add(user)
    assert len(session.new) == 3
    late = Post(title="late")
    user.posts.append(late)
    assert late in session
    backwards = Post(title="backwards", author=user)
    assert backwards in session


def test_a_change_to_a_collection_that_is_not_loaded_waits_for_it(session: Session, statements: StatementLog) -> None:
    user = User(name="ed", posts=[Post(title="old")])
    session.add(user)
    session.commit()
    assert user.id
    with session.no_autoflush:
        with statements.expect(0):
            new = Post(title="new", author=user)
        assert [post.title for post in user.posts] == ["old", "new"]
        old = user.posts[0]
        session.flush()
        session.expire(user, ["posts"])
        with statements.expect(0):
            old.author = None  # type: ignore[assignment]
            new.author = None  # type: ignore[assignment]
        assert user.posts == []


def test_a_collection_may_be_changed_though_nobody_holds_its_object(session: Session) -> None:
    session.add(User(name="ed", posts=[Post(title="a")]))
    session.commit()
    session.query(User).one().posts.append(Post(title="b"))
    session.commit()
    assert [post.title for post in session.query(User).one().posts] == ["a", "b"]
    posts = session.query(User).one().posts
    session.execute("DELETE FROM post")
    session.execute('DELETE FROM "user"')
    with pytest.raises(InvalidRequestError, match=r"Keep a reference to the object"):
        posts.append(Post(title="c"))


def test_lazy_loading_costs_one_statement_and_many_to_one_none_when_the_object_is_there(
    session: Session, statements: StatementLog
) -> None:
    session.add(User(name="ed", posts=[Post(title="a"), Post(title="b")]))
    session.commit()
    session.expunge_all()
    user = session.query(User).one()
    with statements.expect(1, "SELECT", "post"):
        posts = list(user.posts)
    with statements.expect(0):
        assert all(post.author is user for post in posts)
    session.expunge_all()
    post = session.query(Post).filter_by(title="a").one()
    with statements.expect(1, "SELECT", "user"):
        assert post.author.name == "ed"


def test_collections_are_ordered_as_declared(session: Session) -> None:
    user = User(name="ed")
    user.posts = [Post(title="first"), Post(title="second")]
    session.add(user)
    session.commit()
    assert [post.title for post in user.posts] == ["first", "second"]


def test_removing_from_a_collection_with_delete_orphan_deletes(session: Session) -> None:
    user = User(name="ed", posts=[Post(title="a"), Post(title="b")])
    session.add(user)
    session.commit()
    gone = user.posts.pop(0)
    session.commit()
    assert gone not in session
    assert [post.title for post in session.query(Post)] == ["b"]


def test_an_orphan_from_the_other_side_is_deleted_as_well(session: Session) -> None:
    user = User(name="ed", posts=[Post(title="a")])
    session.add(user)
    session.commit()
    session.query(Post).one().author = None  # type: ignore[assignment]
    session.commit()
    assert session.query(Post).count() == 0


def test_a_child_that_moves_to_another_parent_is_no_orphan(session: Session) -> None:
    ed, fred = User(name="ed", posts=[Post(title="t")]), User(name="fred")
    session.add_all([ed, fred])
    session.commit()
    fred.posts.append(ed.posts[0])
    session.commit()
    assert ed.posts == []
    assert [post.author_id for post in session.query(Post)] == [fred.id]


def test_a_pending_orphan_is_not_inserted(session: Session) -> None:
    user = User(name="ed")
    session.add(user)
    session.flush()
    post = Post(title="t")
    user.posts.append(post)
    assert post in session
    user.posts.remove(post)
    session.commit()
    assert session.query(Post).count() == 0


def test_delete_goes_on_to_children_with_the_cascade_and_to_no_others(session: Session) -> None:
    tag = Tag(label="x")
    user = User(name="ed", posts=[Post(title="t", tags=[tag])])
    session.add(user)
    session.commit()
    session.delete(user)
    session.commit()
    assert (session.query(Post).count(), session.query(Tag).count()) == (0, 1)


def test_a_backref_is_an_attribute_of_the_other_class(session: Session) -> None:
    root = Node(name="root")
    leaf = Node(name="leaf", parent=root)  # type: ignore[call-arg]
    assert root.children == [leaf]
    session.add(root)
    session.commit()
    assert leaf.parent is root  # type: ignore[attr-defined]
    assert session.query(Node).filter(Node.parent == root).one() is leaf  # type: ignore[attr-defined]


def test_sets_of_objects_report_their_changes(session: Session) -> None:
    a, b, c = Member(name="a"), Member(name="b"), Member(name="c")
    team = Team(members={a})
    session.add(team)
    session.commit()
    team.members |= {b}
    team.members.add(c)
    team.members.discard(a)
    session.commit()
    assert {member.name for member in team.members} == {"b", "c"}
    team.members -= {b}
    team.members.clear()
    session.commit()
    assert team.members == set()
    assert session.query(Member).filter(Member.team_id.is_(None)).count() == 3


def test_objects_of_another_class_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"User\.posts takes objects of Post, got Tag"):
        User(name="ed").posts.append(Tag(label="x"))  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"Post\.author takes objects of User, got str"):
        Post(title="t", author="ed")
    with pytest.raises(ArgumentError, match=r"User\.posts is a collection and takes an iterable"):
        User(name="ed", posts=None)


def test_a_row_that_refers_to_nothing_is_unequal_to_every_object(session: Session) -> None:
    root = Node(name="root", children=[Node(name="a"), Node(name="b")])
    session.add(root)
    session.commit()
    parent = aliased(Node)
    names = [node.name for node in session.query(Node).filter(Node.parent != root)]
    assert names == ["root"]
    assert session.query(Node).filter(~(Node.parent == root)).all() == []
    assert [node.name for node in session.query(parent).filter(parent.parent != root)] == ["root"]
    assert "NULL" not in str(session.query(Post).filter(Post.author != User(id=1)))


def test_relationships_are_criteria_of_queries(session: Session) -> None:
    red = Tag(label="red")
    ed = User(name="ed", posts=[Post(title="a", tags=[red]), Post(title="b")])
    session.add_all([ed, User(name="fred")])
    session.commit()
    assert session.query(Post).filter(Post.author == ed).count() == 2
    assert session.query(Post).filter(Post.author != ed).count() == 0
    assert session.query(User).filter(User.posts.any()).one() is ed
    assert session.query(User).filter(~User.posts.any(title="b")).one().name == "fred"
    assert session.query(Post).filter(Post.author.has(name="ed")).count() == 2
    assert session.query(Post).filter(Post.tags.contains(red)).one().title == "a"
    assert session.query(Post).filter(Post.tags.any(Tag.label == "red")).one().title == "a"
    assert session.query(User).filter(User.profile == None).count() == 2  # noqa: E711
    with pytest.raises(ArgumentError, match="is a collection"):
        session.query(User).filter(User.posts == ed.posts[0])
    with pytest.raises(InvalidRequestError, match=r"use any\(\), not has\(\)"):
        User.posts.has()


def test_joins_follow_relationships(session: Session) -> None:
    ed = User(name="ed", posts=[Post(title="a", tags=[Tag(label="x")]), Post(title="b")])
    session.add(ed)
    session.commit()
    rows = session.query(User.name, Post.title).join(User.posts).order_by(Post.title).all()
    assert rows == [("ed", "a"), ("ed", "b")]
    assert session.query(Post).join(Post.tags).filter(Tag.label == "x").one().title == "a"
    assert session.query(User).outerjoin(User.profile).filter(Profile.id.is_(None)).one() is ed


def test_a_one_to_one_partner_that_is_not_loaded_is_let_go_from_the_other_side(session: Session) -> None:
    ed = User(name="ed", profile=Profile(text="old"))
    new = Profile(text="new")
    session.add_all([ed, new])
    session.commit()
    new.user = ed
    session.commit()
    assert ed.profile is new
    assert session.query(Profile).filter_by(text="old").one().user_id is None


def test_a_pair_with_an_object_that_is_deleted_in_the_same_flush_is_not_written(session: Session) -> None:
    post, tag = Post(title="p", author=User(name="u")), Tag(label="t")
    session.add_all([post, tag, Tag(label="other")])
    session.flush()
    post.tags.append(tag)
    session.delete(post)
    session.commit()
    assert tag.posts == []
    assert session.scalar("SELECT count(*) FROM post_tag") == 0


def test_a_pair_is_written_once_when_its_other_side_is_loaded_in_the_middle_of_a_flush(session: Session) -> None:
    posts = [Post(title=f"p{n}", author=User(name=f"u{n}")) for n in range(2)]
    tags = [Tag(label=f"t{n}") for n in range(3)]
    session.add_all([*posts, *tags])
    session.flush()
    # nobody has loaded the tags' posts: the change waits there
    posts[0].tags.append(tags[0])
    # the flush loads the posts of a deleted tag, and with them those of its siblings
    session.delete(tags[2])
    session.commit()
    assert session.scalar("SELECT count(*) FROM post_tag") == 1
    assert tags[0].posts == [posts[0]]


def test_an_orphan_of_a_one_way_relationship_is_what_no_other_parent_has_taken(engine: Engine) -> None:
    base = declarative_base()

    class Shelf(base):
        __tablename__ = "shelf"
        id: Mapped[int] = mapped_column(primary_key=True)
        books: Mapped[list[Book]] = relationship(cascade="all, delete-orphan", order_by="Book.id")

    class Book(base):
        __tablename__ = "book"
        id: Mapped[int] = mapped_column(primary_key=True)
        shelf_id: Mapped[int | None] = mapped_column(ForeignKey("shelf.id"))

    base.metadata.create_all(engine)
    with Session(engine) as session:
        shelves = [Shelf(books=[Book(), Book()]) for _ in range(4)]
        session.add_all(shelves)
        session.commit()
        books = [list(shelf.books) for shelf in shelves]
        for number, shelf in enumerate(shelves):
            # one goes to the next shelf, but for the last one's, which is taken by nobody
            shelf.books = [books[number][1], *(books[number - 1][:1] if number else [])]
        gone = books[3][0]
        # a shelf that goes itself does not keep what it has taken
        session.delete(shelves[2])
        session.commit()
        kept = {book.id for shelf in shelves[:2] for book in shelf.books} | {book.id for book in shelves[3].books}
        assert kept == {book.id for book in session.query(Book)}
        assert gone not in session
        assert [len(shelf.books) for shelf in (shelves[0], shelves[1], shelves[3])] == [1, 2, 2]


@pytest.mark.parametrize("how", ["cascade", "both"])
def test_a_row_that_is_a_pair_and_an_association_object_is_deleted_once(engine: Engine, how: str) -> None:
    base = declarative_base()

    class Moderation(base):
        __tablename__ = "moderation"
        person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
        forum_id: Mapped[int] = mapped_column(ForeignKey("forum.id"), primary_key=True)
        rank: Mapped[int] = mapped_column(server_default="1")

    class Person(base):
        __tablename__ = "person"
        id: Mapped[int] = mapped_column(primary_key=True)
        forums: Mapped[list[Forum]] = relationship(secondary="moderation", back_populates="moderators")
        moderations: Mapped[list[Moderation]] = relationship(cascade="all, delete-orphan")

    class Forum(base):
        __tablename__ = "forum"
        id: Mapped[int] = mapped_column(primary_key=True)
        moderators: Mapped[list[Person]] = relationship(secondary="moderation", back_populates="forums")

    base.metadata.create_all(engine)
    with Session(engine) as session:
        forum, other = Forum(), Forum()
        gone, stays = Person(forums=[forum, other]), Person(forums=[forum])
        session.add_all([gone, stays])
        session.commit()
        if how == "cascade":
            session.delete(gone)
        else:
            moderation = next(m for m in gone.moderations if m.forum_id == forum.id)
            gone.forums.remove(forum)
            gone.forums.remove(other)
            session.delete(moderation)
        session.commit()
        assert forum.moderators == [stays]
        assert session.query(Moderation).count() == 1


def test_a_pending_object_loads_what_its_foreign_keys_refer_to_where_it_is_told_to(engine: Engine) -> None:
    class Own(DeclarativeBase):
        pass

    class Shelf(Own):
        __tablename__ = "shelf"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Book(Own):
        __tablename__ = "book"
        id: Mapped[int] = mapped_column(primary_key=True)
        shelf_id: Mapped[int | None] = mapped_column(ForeignKey("shelf.id"))
        shelf: Mapped[Shelf | None] = relationship(load_on_pending=True, omit_join=False)

    Own.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Shelf(id=1))
        session.commit()
        session.expunge_all()
        book = Book(shelf_id=1)
        assert book.shelf is None
        session.add(book)
        shelf = book.shelf
        assert shelf is session.get(Shelf, 1)
        assert book in session.new
        other = Book(shelf_id=7)
        session.add(other)
        assert other.shelf is None
        # that nothing was found says nothing of what it will refer to
        other.shelf_id = 1
        assert other.shelf is shelf
        third = Book()
        session.add(third)
        assert third.shelf is None
        third.shelf = Shelf(id=2)
        session.commit()
        assert [book.shelf_id, other.shelf_id, third.shelf_id] == [1, 1, 2]
