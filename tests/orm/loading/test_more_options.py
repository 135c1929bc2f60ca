"""Loader options beside the strategies: defaults, immediate loads, options within options, levels, columns that raise."""

from __future__ import annotations

from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    DeclarativeBase,
    Engine,
    ForeignKey,
    InvalidRequestError,
    Load,
    Mapped,
    Session,
    aliased,
    bindparam,
    contains_eager,
    defaultload,
    defer,
    deferred,
    func,
    immediateload,
    inspect,
    joinedload,
    lazyload,
    load_only,
    mapped_column,
    raiseload,
    relationship,
    select,
    selectinload,
    subqueryload,
    undefer,
)
from tests.orm.models import Node, Post, Profile, Tag, User
from tests.statements import StatementLog


@pytest.fixture
def filled(session: Session) -> Session:
    ann, bo = User(name="ann", email="a@x"), User(name="bo")
    tag = Tag(label="t")
    ann.posts = [Post(title="one", tags=[tag]), Post(title="two")]
    ann.profile = Profile(text="hello")
    session.add_all([ann, bo])
    nodes = [Node(name="root")]
    for number in range(6):
        nodes.append(Node(name=str(number), parent=nodes[-1]))
    session.add_all(nodes)
    session.commit()
    session.expunge_all()
    return session


def names_in(obj: Any) -> set[str]:
    return {name for name in vars(obj) if not name.startswith("_")}


def levels_of(node: Any) -> int:
    """Count the levels of children that are loaded below a node."""
    count = 0
    while "children" in vars(node):
        count += 1
        if not node.children:
            break
        node = node.children[0]
    return count


def test_defaultload_leads_to_options_and_leaves_the_loading_as_it_is(
    filled: Session, statements: StatementLog
) -> None:
    with statements.expect(1):
        ann = filled.scalars(
            select(User).options(defaultload(User.posts).load_only(Post.title)).where(User.id == 1)
        ).one()
    with statements.expect(1):
        assert names_in(ann.posts[0]) == {"id", "title"}


def test_immediateload_takes_from_the_session_what_is_there(filled: Session, statements: StatementLog) -> None:
    with statements.expect(2):
        posts = filled.query(Post).options(immediateload(Post.author)).all()
        assert {post.author.name for post in posts} == {"ann"}
    for post in posts:
        filled.expunge(post)
    with statements.expect(1):
        assert {p.author.name for p in filled.query(Post).options(immediateload(Post.author))} == {"ann"}


def test_immediateload_goes_on_below(filled: Session, statements: StatementLog) -> None:
    with statements.expect(3):
        users = filled.query(User).options(immediateload(User.posts).immediateload(Post.tags)).order_by(User.id).all()
        assert [tag.label for post in users[0].posts for tag in post.tags] == ["t"]
        assert users[1].posts == []


def test_lazy_immediate_is_a_strategy_of_the_mapping(engine: Engine, statements: StatementLog) -> None:
    class Base(DeclarativeBase):
        pass

    class Parent(Base):
        __tablename__ = "parent"
        id: Mapped[int] = mapped_column(primary_key=True)
        children: Mapped[list[Child]] = relationship(lazy="immediate")

    class Child(Base):
        __tablename__ = "child"
        id: Mapped[int] = mapped_column(primary_key=True)
        parent_id: Mapped[int | None] = mapped_column(ForeignKey("parent.id"))
        parent: Mapped[Parent | None] = relationship(lazy="raise_on_sql", viewonly=True)

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Parent(children=[Child(), Child()]), Child()])
        session.commit()
        session.expunge_all()
        with statements.expect(2):
            (parent,) = session.query(Parent)
            assert len(vars(parent)["children"]) == 2
        assert parent.children[0].parent is parent
        session.expunge_all()
        first, _, alone = session.query(Child).order_by(Child.id)
        assert alone.parent is None
        with pytest.raises(InvalidRequestError, match=r"Child\.parent .* \(raiseload\(sql_only=True\)\)"):
            first.parent


def test_raiseload_of_statements_only_lets_the_session_answer(filled: Session, statements: StatementLog) -> None:
    for option in (
        raiseload(Post.author, sql_only=True),
        raiseload("*", sql_only=True),
        Load(Post).raiseload("*", sql_only=True),
    ):
        filled.expunge_all()
        post = filled.query(Post).options(option).first()
        with pytest.raises(InvalidRequestError, match="may not be loaded at access"):
            post.author
        held = filled.get(User, post.author_id)
        with statements.expect(0):
            assert post.author is held


def test_options_within_an_option_are_about_its_objects(filled: Session, statements: StatementLog) -> None:
    nested = joinedload(Post.author).options(load_only(User.name), selectinload(User.profile))
    with statements.expect(2):
        post = filled.scalars(select(Post).options(nested).where(Post.id == 1)).one()
        assert names_in(post.author) == {"id", "name", "profile"}
    filled.expunge_all()
    deep = selectinload(User.posts).options(selectinload(Post.tags).options(defer(Tag.label)), defer(Post.title))
    ann = filled.scalars(select(User).options(deep).where(User.id == 1)).one()
    assert "title" not in vars(ann.posts[0])
    assert names_in(ann.posts[0].tags[0]) == {"id"}


def test_a_path_goes_on_behind_options_within_it(filled: Session) -> None:
    option = selectinload(User.posts).options(load_only(Post.title)).selectinload(Post.tags)
    ann = filled.scalars(select(User).options(option).where(User.id == 1)).one()
    assert names_in(ann.posts[0]) == {"id", "title", "tags"}


def test_plans_of_options_within_options_are_told_apart(filled: Session) -> None:
    for nested, expected in (
        (load_only(Post.title), {"id", "title"}),
        (load_only(Post.author_id), {"id", "author_id"}),
    ):
        filled.expunge_all()
        ann = filled.scalars(select(User).options(selectinload(User.posts).options(nested)).where(User.id == 1)).one()
        assert names_in(ann.posts[0]) == expected


def test_options_of_another_class_within_an_option_are_refused(filled: Session) -> None:
    with pytest.raises(ArgumentError, match="the objects there are of Post"):
        filled.query(User).options(selectinload(User.posts).options(defer(Tag.label))).all()
    with pytest.raises(ArgumentError, match="takes loader options"):
        selectinload(User.posts).options("tags")  # type: ignore[arg-type]


def test_load_begins_at_a_class(filled: Session, statements: StatementLog) -> None:
    option = Load(User).load_only(User.name).selectinload(User.posts).defer(Post.title)
    with statements.expect(2):
        ann = filled.scalars(select(User).options(option).where(User.id == 1)).one()
        assert names_in(ann) == {"id", "name", "posts"}
        assert "title" not in vars(ann.posts[0])
    filled.expunge_all()
    row = filled.execute(select(Post, User).join(Post.author).options(Load(User).defer("email"))).first()
    assert "email" not in vars(row.User)
    assert "title" in vars(row.Post)


def test_load_is_about_the_relationships_of_its_class_only(filled: Session) -> None:
    ann = filled.scalars(
        select(User).options(Load(User).raiseload("*"), selectinload(User.posts)).where(User.id == 1)
    ).one()
    with pytest.raises(InvalidRequestError, match="raiseload"):
        ann.profile
    assert [tag.label for tag in ann.posts[0].tags] == ["t"]


@pytest.mark.parametrize(("depth", "levels", "count"), [(1, 2, 3), (3, 4, 5), (-1, 7, 8), (None, 1, 2)])
def test_a_class_that_refers_to_itself_is_loaded_level_by_level(
    filled: Session, statements: StatementLog, depth: int | None, levels: int, count: int
) -> None:
    with statements.expect(count):
        root = filled.scalars(
            select(Node).options(selectinload(Node.children, recursion_depth=depth)).where(Node.name == "root")
        ).one()
    assert levels_of(root) == levels


def test_levels_go_on_below_objects_that_were_there(filled: Session) -> None:
    root = filled.scalars(select(Node).where(Node.name == "root")).one()
    assert root.children
    filled.scalars(
        select(Node).options(selectinload(Node.children, recursion_depth=-1)).where(Node.name == "root")
    ).one()
    assert levels_of(root) == 7


def test_levels_end_where_objects_are_their_own_ancestors(filled: Session) -> None:
    root = filled.scalars(select(Node).where(Node.name == "root")).one()
    last = filled.scalars(select(Node).where(Node.name == "5")).one()
    root.parent, last_id = last, last.id
    filled.commit()
    filled.expunge_all()
    nodes = (
        filled.query(Node).options(selectinload(Node.children, recursion_depth=-1)).filter(Node.name == "root").all()
    )
    assert nodes[0].children[0].children[0].name == "1"
    assert vars(filled.get(Node, last_id))["children"] == nodes


def test_levels_have_the_options_that_follow(filled: Session) -> None:
    option = selectinload(Node.children, recursion_depth=2).load_only(Node.name)
    root = filled.scalars(select(Node).options(option).where(Node.name == "root")).one()
    assert names_in(root.children[0].children[0]) == {"id", "name", "children"}


@pytest.mark.parametrize("depth", [0, -2, True, "3"])
def test_a_depth_that_is_no_number_of_levels_is_refused(depth: Any) -> None:
    with pytest.raises(ArgumentError, match="recursion_depth"):
        selectinload(Node.children, recursion_depth=depth)


def test_a_depth_is_for_a_class_that_refers_to_itself(filled: Session) -> None:
    with pytest.raises(ArgumentError, match=r"User\.posts leads to Post"):
        filled.query(User).options(selectinload(User.posts, recursion_depth=2)).all()


def test_a_star_loads_all_relationships_but_the_way_back(filled: Session, statements: StatementLog) -> None:
    for star in (selectinload("*"), joinedload("*"), immediateload("*"), Load(User).selectinload("*")):
        filled.expunge_all()
        ann = filled.scalars(select(User).options(star).where(User.id == 1)).one()
        with statements.expect(0):
            assert [post.title for post in ann.posts] == ["one", "two"]
            assert ann.profile.text == "hello"


def test_a_named_option_goes_before_a_star(filled: Session, statements: StatementLog) -> None:
    ann = filled.scalars(select(User).options(selectinload("*"), lazyload(User.posts)).where(User.id == 1)).one()
    assert "posts" not in vars(ann)
    assert "profile" in vars(ann)
    filled.expunge_all()
    ann = filled.scalars(select(User).options(defaultload(User.posts).selectinload("*")).where(User.id == 1)).one()
    assert "posts" not in vars(ann)
    with statements.expect(2):
        assert [tag.label for tag in ann.posts[0].tags] == ["t"]


def test_a_star_defers_all_columns_that_no_option_names(filled: Session) -> None:
    for options in ((defer("*"), undefer(User.name)), (undefer(User.name), defer("*"))):
        filled.expunge_all()
        ann = filled.scalars(select(User).options(*options).where(User.id == 1)).one()
        assert names_in(ann) == {"id", "name"}


@pytest.mark.parametrize(
    "option",
    [
        defer(User.email, raiseload=True),
        load_only(User.name, raiseload=True),
        Load(User).load_only(User.name, raiseload=True),
        Load(User).defer(User.email, raiseload=True),
        defer("*", raiseload=True),
    ],
)
def test_a_deferred_column_can_raise(filled: Session, option: Any) -> None:
    ann = filled.scalars(select(User).options(option).where(User.id == 1)).one()
    with pytest.raises(InvalidRequestError, match=r"User\.email .*raiseload=True"):
        ann.email
    ann.email = "new"
    filled.commit()
    filled.expunge_all()
    # a later option takes it back
    ann = filled.scalars(select(User).options(option, undefer(User.email)).where(User.id == 1)).one()
    assert ann.email == "new"


def test_columns_of_related_objects_can_raise(filled: Session) -> None:
    option = selectinload(User.posts).defer(Post.title, raiseload=True)
    ann = filled.scalars(select(User).options(option).where(User.id == 1)).one()
    with pytest.raises(InvalidRequestError, match=r"Post\.title"):
        ann.posts[0].title


def test_a_column_that_raises_can_be_refreshed(filled: Session) -> None:
    ann = filled.scalars(select(User).options(defer(User.email, raiseload=True)).where(User.id == 1)).one()
    filled.refresh(ann, ["email"])
    assert ann.email == "a@x"


def test_what_a_query_has_joined_is_not_joined_to_later_statements(filled: Session) -> None:
    filled.add(User(name="cy", profile=Profile(text="c"), posts=[Post(title="three")]))
    filled.flush()
    for option in (
        contains_eager(Post.author).contains_eager(User.profile),
        defaultload(Post.author).contains_eager(User.profile),
        selectinload(Post.author).contains_eager(User.profile),
        subqueryload(Post.author).contains_eager(User.profile),
        joinedload(Post.author).contains_eager(User.profile),
    ):
        filled.expunge_all()
        posts = (
            filled.query(Post).join(Post.author).join(User.profile).options(option, contains_eager(Post.author)).all()
        )
        for _ in range(2):
            found = {(post.title, post.author.name, post.author.profile.text) for post in posts}
            assert found == {("one", "ann", "hello"), ("two", "ann", "hello"), ("three", "cy", "c")}
            filled.expire_all()


def test_selectinload_asks_for_as_many_objects_at_once_as_it_is_told(filled: Session, statements: StatementLog) -> None:
    filled.add_all([User(name=f"user {number}", posts=[Post(title="t")]) for number in range(8)])
    filled.commit()
    filled.expunge_all()
    with statements.expect(4):
        users = filled.scalars(select(User).options(selectinload(User.posts, chunksize=4)).order_by(User.id)).all()
        assert [len(user.posts) for user in users] == [2, 0] + [1] * 8
    filled.expunge_all()
    # users, their posts, and the tags of 10 posts
    with statements.expect(5):
        option = selectinload(User.posts).selectinload(Post.tags, chunksize=4)
        users = filled.scalars(select(User).options(option).order_by(User.id)).all()
        assert [tag.label for user in users for post in user.posts for tag in post.tags] == ["t"]
    for wrong in (0, -1, "4"):
        with pytest.raises(ArgumentError, match="chunksize"):
            selectinload(User.posts, chunksize=wrong)  # type: ignore[arg-type]


def test_immediateload_goes_down_as_many_levels_as_it_is_told(filled: Session, statements: StatementLog) -> None:
    with statements.expect(3):
        root = filled.scalars(
            select(Node).where(Node.name == "root").options(immediateload(Node.children, recursion_depth=1))
        ).one()
        assert levels_of(root) == 2
    with pytest.raises(ArgumentError, match=r"immediateload\(recursion_depth=0\)"):
        immediateload(Node.children, recursion_depth=0)


@pytest.mark.parametrize("load", [joinedload, selectinload, subqueryload, immediateload])
def test_populate_existing_is_about_what_is_loaded_eagerly_too(filled: Session, load: Any) -> None:
    filled.autoflush = False
    ann = filled.scalars(select(User).where(User.name == "ann")).one()
    ann.posts[0].title, ann.email, ann.posts[1].author.name = "changed", "b@x", "ann two"
    statement = select(User).where(User.id == ann.id).options(load(User.posts).options(load(Post.author)))
    again = filled.scalars(statement.execution_options(populate_existing=True)).unique().one()
    assert again is ann
    assert (ann.name, ann.email, [post.title for post in ann.posts]) == ("ann", "a@x", ["one", "two"])
    ann.name = ann.posts[0].title = "changed"
    statement = select(Post).where(Post.title == "two").options(load(Post.author).options(load(User.posts)))
    post = filled.scalars(statement.execution_options(populate_existing=True)).unique().one()
    assert (post.author.name, post.author.posts[0].title) == ("ann", "one")
    assert not filled.dirty


def test_populate_existing_keeps_what_the_same_query_has_loaded(filled: Session, statements: StatementLog) -> None:
    filled.query(Node).all()
    statement = select(Node).options(selectinload(Node.children)).execution_options(populate_existing=True)
    with statements.expect(2):
        for node in filled.scalars(statement).all():
            expected = [] if node.name == "5" else ["0"] if node.name == "root" else [str(int(node.name or 0) + 1)]
            assert [child.name for child in node.children] == expected


def test_subqueryload_takes_the_parameters_that_are_given_by_name(filled: Session) -> None:
    named = User.name == bindparam("wanted")
    statement = select(User).where(named).options(subqueryload(User.posts).subqueryload(Post.tags))
    for name, count in (("ann", 2), ("bo", 0)):
        filled.expunge_all()
        assert len(filled.scalars(statement, {"wanted": name}).one().posts) == count
        query = filled.query(User).filter(named).options(subqueryload(User.posts))
        filled.expunge_all()
        assert len(query.params(wanted=name).one().posts) == count


def test_the_load_of_an_expression_flushes_first(engine: Engine) -> None:
    class Own(DeclarativeBase):
        pass

    class Shelf(Own):
        __tablename__ = "shelf"
        id: Mapped[int] = mapped_column(primary_key=True)
        place: Mapped[str] = mapped_column(default="here")

    class Book(Own):
        __tablename__ = "book"
        id: Mapped[int] = mapped_column(primary_key=True)
        shelf_id: Mapped[int] = mapped_column(ForeignKey("shelf.id"))

    Shelf.count = deferred(  # type: ignore[attr-defined]
        select(func.count(Book.id)).where(Book.shelf_id == Shelf.id).scalar_subquery()
    )
    Own.metadata.create_all(engine)
    try:
        with Session(engine) as session:
            shelf = Shelf(id=1)
            session.add(shelf)
            session.commit()
            session.add(Book(shelf_id=1))
            assert shelf.place == "here"
            assert session.new
            assert shelf.count == 1  # type: ignore[attr-defined]
            assert not session.new
            session.add(Book(shelf_id=1))
            session.expire(shelf, ["count"])
            with session.no_autoflush:
                assert shelf.count == 1  # type: ignore[attr-defined]
    finally:
        Own.metadata.drop_all(engine)


def test_a_relationship_tells_what_it_leads_to() -> None:
    other = aliased(Post)
    assert User.posts.entity is User.posts.mapper is inspect(Post)
    assert aliased(User).posts.of_type(other).entity is inspect(other)
    assert aliased(User).posts.mapper is inspect(Post)


def test_both_sides_of_a_relationship_may_be_immediate(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    class Parent(Base):
        __tablename__ = "parent"
        id: Mapped[int] = mapped_column(primary_key=True)
        children: Mapped[list[Child]] = relationship(back_populates="parent", lazy="immediate")

    class Child(Base):
        __tablename__ = "child"
        id: Mapped[int] = mapped_column(primary_key=True)
        parent_id: Mapped[int | None] = mapped_column(ForeignKey("parent.id"))
        parent: Mapped[Parent | None] = relationship(back_populates="children", lazy="immediate")

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Parent(children=[Child(), Child()]), Child()])
        session.commit()
        session.expunge_all()
        parent = session.query(Parent).one()
    # the Session is closed, and the children know their parent all the same
    assert all(child.parent is parent for child in parent.children)
    with Session(engine) as session:
        children = session.query(Child).order_by(Child.id).all()
    assert sum(child.parent is not None for child in children) == 2
