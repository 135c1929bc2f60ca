"""Proxies of mapped objects (``current_user``) are taken wherever an object is, and are never kept in its place."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from werkzeug.local import LocalProxy

from flask_uow import (
    ArgumentError,
    DeclarativeBase,
    Engine,
    ForeignKey,
    Mapped,
    Session,
    func,
    inspect,
    make_transient,
    mapped_column,
    object_mapper,
    relationship,
    select,
    update,
)
from flask_uow.orm import attribute_mapped_collection, collection, validates
from flask_uow.orm.exc import UnmappedInstanceError
from tests.orm.models import Node, Post, Profile, Tag, Team, User


class Passing:
    """A proxy as a user would write one: it passes on attributes and tells the class of its object, and is equal to itself alone."""

    def __init__(self, obj: Any) -> None:
        object.__setattr__(self, "_held", obj)

    @property
    def __class__(self) -> Any:
        return self._held.__class__

    def __getattribute__(self, name: str) -> Any:
        held = object.__getattribute__(self, "_held")
        return held if name == "_held" else getattr(held, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._held, name, value)


@pytest.fixture(params=["werkzeug", "another"])
def proxy_of(request: pytest.FixtureRequest) -> Any:
    """Makes a proxy of an object."""
    return Passing if request.param == "another" else lambda obj: LocalProxy(lambda: obj)


@pytest.fixture
def ed(session: Session) -> User:
    """A user with two posts, committed."""
    user = User(name="ed", posts=[Post(title="a"), Post(title="b")])
    session.add(user)
    session.commit()
    return user


# -- the Session


def test_a_new_object_is_added_by_its_proxy(session: Session, proxy_of: Any) -> None:
    user = User(name="ed", posts=[Post(title="a")])
    session.add(proxy_of(user))
    assert list(session.new) == [user, user.posts[0]]
    assert proxy_of(user) in session.new
    session.flush()
    assert inspect(user).persistent
    assert session.identity_map[(User, (user.id,))] is user


def test_several_are_added_by_their_proxies(session: Session, proxy_of: Any) -> None:
    users = [User(name="ed"), User(name="mo")]
    session.add_all(map(proxy_of, users))
    session.commit()
    assert [user.id for user in users] == [1, 2]


def test_a_detached_object_is_added_by_its_proxy(session: Session, ed: User, proxy_of: Any) -> None:
    session.expunge(proxy_of(ed))
    assert inspect(ed).detached
    assert proxy_of(ed) not in session
    session.add(proxy_of(ed))
    assert inspect(ed).persistent
    assert proxy_of(ed) in session


def test_an_object_is_deleted_by_its_proxy_with_its_cascades(session: Session, ed: User, proxy_of: Any) -> None:
    session.delete(proxy_of(ed))
    assert set(session.deleted) == {ed, *ed.posts}
    assert proxy_of(ed) in session.deleted
    session.commit()
    assert (session.query(User).count(), session.query(Post).count()) == (0, 0)


def test_an_object_is_refreshed_and_expired_by_its_proxy(session: Session, ed: User, proxy_of: Any) -> None:
    session.execute("UPDATE \"user\" SET name = 'mo'")
    session.refresh(proxy_of(ed))
    assert ed.__dict__["name"] == "mo"
    session.refresh(proxy_of(ed), ["posts"])
    assert "posts" in ed.__dict__
    session.expire(proxy_of(ed), ["name"])
    assert "name" not in ed.__dict__
    session.expire(proxy_of(ed))
    assert "id" not in ed.__dict__


def test_merge_takes_a_proxy_and_returns_the_object(make_session: Any, ed: User, proxy_of: Any) -> None:
    session, other = Session.object_session(ed), make_session()
    assert session.merge(proxy_of(ed)) is ed
    ed.name = "mo"
    merged = other.merge(proxy_of(ed))
    assert type(merged) is User
    assert (merged.name, merged is ed) == ("mo", False)


def test_flush_takes_proxies_of_the_objects_to_be_flushed(session: Session, proxy_of: Any) -> None:
    first, second = User(name="a"), User(name="b")
    session.add_all([first, second])
    session.flush([proxy_of(first)])
    assert (inspect(first).persistent, inspect(second).pending) == (True, True)


def test_what_tells_of_an_object_takes_its_proxy(session: Session, ed: User, proxy_of: Any) -> None:
    assert Session.object_session(proxy_of(ed)) is session
    assert inspect(proxy_of(ed)) is inspect(ed)
    assert object_mapper(proxy_of(ed)) is inspect(User)
    assert session.get_bind(instance=proxy_of(ed)) is session.get_bind(User)
    assert not session.is_modified(proxy_of(ed))
    proxy_of(ed).name = "mo"
    assert session.is_modified(proxy_of(ed))
    assert proxy_of(ed) in session.dirty


def test_a_new_object_is_inspected_by_its_proxy(proxy_of: Any) -> None:
    user = User(name="ed")
    assert inspect(proxy_of(user)).obj is user


def test_an_object_is_made_transient_by_its_proxy(session: Session, ed: User, proxy_of: Any) -> None:
    assert ed.name == "ed"
    make_transient(proxy_of(ed))
    assert inspect(ed).transient
    assert ed.name == "ed"


def test_bulk_operations_take_proxies_as_rows(session: Session, ed: User, proxy_of: Any) -> None:
    session.bulk_insert(User, [proxy_of(User(name="mo"))])
    session.copy_from(User, [proxy_of(User(name="zoe"))])
    ed.name = "edward"
    session.bulk_update(User, [proxy_of(ed)])
    session.expire_all()
    assert list(session.scalars(select(User.name).order_by(User.name))) == ["edward", "mo", "zoe"]


# -- relationships


def test_a_reference_is_set_to_the_object_behind_a_proxy(session: Session, ed: User, proxy_of: Any) -> None:
    post = Post(title="c", author=proxy_of(ed))
    assert post.__dict__["author"] is ed
    assert post in ed.posts
    assert post in session
    session.commit()
    assert post.author_id == ed.id
    profile = Profile(text="x")
    profile.user = proxy_of(ed)
    assert ed.profile is profile
    ed.profile = proxy_of(Profile(text="y"))
    assert type(ed.__dict__["profile"]) is Profile
    assert profile.user is None


def test_a_proxy_of_none_clears_a_reference(session: Session, ed: User) -> None:
    profile = Profile(text="x", user=ed)
    session.add(profile)
    session.commit()
    profile.user = LocalProxy(lambda: None)
    assert profile.__dict__["user"] is None
    session.commit()
    assert profile.user_id is None


@pytest.mark.parametrize(
    "put_in",
    [
        lambda posts, item: posts.append(item),
        lambda posts, item: posts.extend([item]),
        lambda posts, item: posts.insert(0, item),
        lambda posts, item: posts.__setitem__(0, item),
        lambda posts, item: posts.__setitem__(slice(1, 2), [item]),
        lambda posts, item: posts.__iadd__([item]),
    ],
    ids=["append", "extend", "insert", "index", "slice", "+="],
)
def test_a_list_takes_in_the_object_behind_a_proxy(session: Session, ed: User, proxy_of: Any, put_in: Any) -> None:
    post = Post(title="c")
    put_in(ed.posts, proxy_of(post))
    assert [type(item) for item in ed.posts] == [Post] * len(ed.posts)
    assert any(item is post for item in ed.posts)
    assert post.author is ed
    session.commit()
    assert post.author_id == ed.id


def test_an_assigned_list_holds_the_objects_behind_proxies(session: Session, ed: User, proxy_of: Any) -> None:
    first, second = ed.posts
    third = Post(title="c")
    ed.posts = [proxy_of(third), proxy_of(second)]
    assert [item is wanted for item, wanted in zip(ed.posts, [third, second], strict=True)] == [True, True]
    assert second.author is ed
    session.commit()
    assert [post.title for post in ed.posts] == ["b", "c"]
    assert inspect(first).detached


def test_an_object_is_taken_out_of_a_list_by_its_proxy(session: Session, ed: User, proxy_of: Any) -> None:
    first = ed.posts[0]
    ed.posts.remove(proxy_of(first))
    assert first.author is None
    session.commit()
    assert [post.title for post in ed.posts] == ["b"]


def test_many_to_many_takes_proxies_on_both_sides(session: Session, ed: User, proxy_of: Any) -> None:
    tag = Tag(label="new")
    post = ed.posts[0]
    post.tags.append(proxy_of(tag))
    tag.posts.append(proxy_of(ed.posts[1]))
    session.commit()
    assert [len(post.tags) for post in ed.posts] == [1, 1]
    tag.posts.remove(proxy_of(post))
    session.commit()
    assert [len(post.tags) for post in ed.posts] == [0, 1]


def test_a_set_takes_objects_in_and_out_by_their_proxies(session: Session) -> None:
    member_class = inspect(Team).relationships["members"].target_class
    team, member = Team(), member_class(name="a")
    proxy = LocalProxy(lambda: member)
    team.members.add(proxy)
    team.members.add(member)
    team.members.update([proxy])
    assert [item is member for item in team.members] == [True]
    session.add(team)
    session.commit()
    assert member.team_id == team.id
    team.members.remove(proxy)
    session.commit()
    assert member.team_id is None
    team.members = {proxy}
    assert [item is member for item in team.members] == [True]
    team.members.discard(proxy)
    assert not team.members


@pytest.fixture
def garden(engine: Engine) -> Iterator[SimpleNamespace]:
    """Beds, whose plants are in a dict, a dynamic relationship and a collection of a class of its own; a Session."""

    class Base(DeclarativeBase):
        pass

    class Row:
        def __init__(self) -> None:
            self.things: list[Any] = []

        @collection.appender
        def put(self, thing: Any) -> None:
            self.things.append(thing)

        @collection.remover
        def take(self, thing: Any) -> None:
            self.things.remove(thing)

        @collection.iterator
        def each(self) -> Iterator[Any]:
            return iter(self.things)

    class Bed(Base):
        __tablename__ = "bed"
        id: Mapped[int] = mapped_column(primary_key=True)
        by_name = relationship("Herb", collection_class=attribute_mapped_collection("name"), back_populates="bed")
        flowers = relationship("Flower", lazy="dynamic", back_populates="bed")
        row = relationship("Tree", collection_class=Row, back_populates="bed")
        favourite_id: Mapped[int | None] = mapped_column(ForeignKey("bed.id"))
        favourite = relationship("Bed", remote_side="Bed.id")

        chosen: Any = None

        @validates("favourite")
        def choose(self, name: str, value: Any) -> Any:
            return value if self.chosen is None else self.chosen

    class Herb(Base):
        __tablename__ = "herb"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]
        bed_id: Mapped[int | None] = mapped_column(ForeignKey("bed.id"))
        bed = relationship("Bed", back_populates="by_name")

    class Flower(Base):
        __tablename__ = "flower"
        id: Mapped[int] = mapped_column(primary_key=True)
        bed_id: Mapped[int | None] = mapped_column(ForeignKey("bed.id"))
        bed = relationship("Bed", back_populates="flowers")

    class Tree(Base):
        __tablename__ = "tree"
        id: Mapped[int] = mapped_column(primary_key=True)
        bed_id: Mapped[int | None] = mapped_column(ForeignKey("bed.id"))
        bed = relationship("Bed", back_populates="row")

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        bed = Bed()
        session.add(bed)
        session.commit()
        yield SimpleNamespace(session=session, bed=bed, Bed=Bed, Herb=Herb, Flower=Flower, Tree=Tree)


def test_a_dict_takes_objects_in_and_out_by_their_proxies(garden: SimpleNamespace, proxy_of: Any) -> None:
    bed, mint, sage = garden.bed, garden.Herb(name="mint"), garden.Herb(name="sage")
    bed.by_name["mint"] = proxy_of(mint)
    bed.by_name.set(proxy_of(sage))
    assert [type(herb) for herb in bed.by_name.values()] == [garden.Herb, garden.Herb]
    assert (mint.bed, sage.bed) == (bed, bed)
    garden.session.commit()
    bed.by_name.remove(proxy_of(mint))
    assert mint.bed is None
    bed.by_name = {"mint": proxy_of(mint)}
    assert bed.by_name["mint"] is mint
    assert sage.bed is None


def test_a_dynamic_relationship_takes_objects_in_and_out_by_their_proxies(
    garden: SimpleNamespace, proxy_of: Any
) -> None:
    bed, rose, tulip = garden.bed, garden.Flower(), garden.Flower()
    bed.flowers.append(proxy_of(rose))
    tulip.bed = proxy_of(bed)
    garden.session.commit()
    assert set(bed.flowers) == {rose, tulip}
    bed.flowers.remove(proxy_of(rose))
    garden.session.commit()
    assert list(bed.flowers) == [tulip]
    bed.flowers = [proxy_of(tulip), proxy_of(rose)]
    garden.session.commit()
    assert set(bed.flowers) == {rose, tulip}


def test_a_collection_of_a_class_of_its_own_takes_objects_in_and_out_by_their_proxies(
    garden: SimpleNamespace, proxy_of: Any
) -> None:
    bed, tree = garden.bed, garden.Tree()
    bed.row.put(proxy_of(tree))
    assert bed.row.things[0] is tree
    garden.session.commit()
    assert tree.bed_id == bed.id
    bed.row.take(proxy_of(tree))
    assert tree.bed is None


def test_a_validator_may_return_a_proxy(garden: SimpleNamespace, proxy_of: Any) -> None:
    bed, other = garden.bed, garden.Bed()
    bed.chosen = proxy_of(other)
    bed.favourite = garden.Bed()
    assert bed.__dict__["favourite"] is other


# -- criteria


def test_criteria_take_a_proxy_where_they_take_the_object(session: Session, ed: User, proxy_of: Any) -> None:
    session.add(User(name="mo", posts=[Post(title="c")]))
    session.commit()
    tag = Tag(label="new", posts=[ed.posts[0]])
    session.add(tag)
    session.flush()
    me, posts = proxy_of(ed), session.query(Post).order_by(Post.id)

    def titles(query: Any) -> list[str]:
        return [post.title for post in query]

    assert titles(posts.filter_by(author=me)) == ["a", "b"]
    assert titles(posts.filter(Post.author == me)) == ["a", "b"]
    assert titles(posts.filter(Post.author != me)) == ["c"]
    assert titles(posts.filter(Post.author.is_(me))) == ["a", "b"]
    assert titles(posts.with_parent(me)) == ["a", "b"]
    assert titles(posts.with_parent(me, "posts")) == ["a", "b"]
    assert titles(posts.filter(Post.tags.contains(proxy_of(tag)))) == ["a"]
    assert titles(posts.filter(Post.author.has(User.posts.contains(proxy_of(ed.posts[1]))))) == ["a", "b"]
    assert session.query(User).filter(User.posts.any(author=me)).one() is ed
    assert session.scalars(select(Post.title).where(Post.author == me).order_by(Post.id)).all() == ["a", "b"]
    assert posts.filter(Post.author == LocalProxy(lambda: None)).count() == 0


def test_update_with_a_proxy_in_its_criteria_changes_loaded_objects_too(
    session: Session, ed: User, proxy_of: Any
) -> None:
    first, second = ed.posts
    session.query(Post).filter(Post.author == proxy_of(ed)).update({"title": "z"}, synchronize_session="evaluate")
    assert (first.__dict__["title"], second.__dict__["title"]) == ("z", "z")


def test_a_proxy_of_a_text_is_taken_for_the_text(session: Session) -> None:
    name = LocalProxy(lambda: "ed")
    session.add(User(name=name))
    session.commit()
    user = session.query(User).filter(User.name == name).one()
    assert session.scalars(select(func.length(User.name)).where(User.name.in_([name]))).all() == [2]
    assert type(user.name) is str
    session.execute(update(User).values(name=LocalProxy(lambda: "fred")))
    assert session.scalars(select(User.name)).all() == ["fred"]


# -- what is no proxy of a mapped object


@pytest.mark.parametrize("wrong", [LocalProxy(lambda: 1), LocalProxy(lambda: None), Mock(spec=User), 1, User])
def test_what_stands_for_no_mapped_object_is_refused(session: Session, ed: User, wrong: Any) -> None:
    for use in (
        session.add,
        session.__contains__,
        session.delete,
        session.merge,
        session.expunge,
        session.refresh,
        inspect,
    ):
        if use is inspect and wrong is User:
            continue
        with pytest.raises(UnmappedInstanceError):
            use(wrong)
    with pytest.raises(ArgumentError, match=r"Post\.tags takes objects of Tag"):
        ed.posts[0].tags.append(wrong)


def test_a_proxy_of_an_object_of_another_class_is_refused_by_the_name_of_that_class(ed: User, proxy_of: Any) -> None:
    with pytest.raises(ArgumentError, match=r"Post\.author takes objects of User, got Tag"):
        ed.posts[0].author = proxy_of(Tag(label="x"))
    with pytest.raises(ArgumentError, match=r"Post\.author takes objects of User, got Tag"):
        _ = Post.author == proxy_of(Tag(label="x"))


def test_a_proxy_that_has_no_object_at_present_says_so(session: Session) -> None:
    def unbound() -> Any:
        raise RuntimeError("outside of a request")

    with pytest.raises(RuntimeError, match="outside of a request"):
        session.add(LocalProxy(unbound))


def test_a_tree_takes_proxies_at_both_ends(session: Session, proxy_of: Any) -> None:
    root, left, right = Node(name="root"), Node(name="left"), Node(name="right")
    left.parent = proxy_of(root)  # type: ignore[attr-defined]
    root.children.append(proxy_of(right))
    assert [type(child) for child in root.children] == [Node, Node]
    session.add(proxy_of(left))
    session.commit()
    assert (left.parent_id, right.parent_id) == (root.id, root.id)
