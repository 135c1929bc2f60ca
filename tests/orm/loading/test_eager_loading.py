"""How relationships and columns are loaded: joined, subquery, select-in, noload, raise, contains_eager, deferred."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    Column,
    Engine,
    ForeignKey,
    Integer,
    InvalidRequestError,
    Mapped,
    MetaData,
    Registry,
    Session,
    String,
    Table,
    contains_eager,
    declarative_base,
    defer,
    deferred,
    desc,
    eagerload,
    eagerload_all,
    func,
    joinedload,
    joinedload_all,
    lazyload,
    load_only,
    mapped_column,
    mapper,
    noload,
    outerjoin,
    raiseload,
    relationship,
    select,
    selectinload,
    selectinload_all,
    subqueryload,
    subqueryload_all,
    undefer,
    undefer_group,
)
from tests.orm.models import Member, Node, Post, Profile, Tag, Team, User
from tests.statements import StatementLog


@pytest.fixture
def filled(session: Session) -> Session:
    """Three users with two, one and no posts; tags on the posts."""
    red, green = Tag(label="red"), Tag(label="green")
    session.add_all(
        [
            User(name="ann", posts=[Post(title="a1", tags=[red, green]), Post(title="a2")], profile=Profile(text="A")),
            User(name="bob", posts=[Post(title="b1", tags=[green])]),
            User(name="cid"),
        ]
    )
    session.commit()
    session.expunge_all()
    return session


def shape(users: Any) -> list[tuple[str, list[tuple[str, list[str]]]]]:
    return [(u.name, [(p.title, [t.label for t in p.tags]) for p in u.posts]) for u in users]


EVERYTHING = [("ann", [("a1", ["red", "green"]), ("a2", [])]), ("bob", [("b1", ["green"])]), ("cid", [])]


@pytest.mark.parametrize(
    ("option", "count"),
    [
        (joinedload_all("posts.tags"), 1),
        (eagerload_all("posts.tags"), 1),
        (joinedload(User.posts).joinedload(Post.tags), 1),
        (joinedload(User.posts).selectinload(Post.tags), 2),
        (joinedload(User.posts).subqueryload(Post.tags), 2),
        (selectinload(User.posts).joinedload(Post.tags), 2),
        (selectinload_all("posts.tags"), 3),
        (selectinload(User.posts).selectinload(Post.tags), 3),
        (subqueryload(User.posts).subqueryload(Post.tags), 3),
        (subqueryload_all(User.posts, Post.tags), 3),
        (subqueryload(User.posts).joinedload(Post.tags), 2),
        (lazyload(User.posts), 3),
        (lazyload(User.posts).joinedload(Post.tags), 2),
        (joinedload(User.posts, Post.tags), 2),
        (eagerload("posts"), 2),
    ],
)
def test_each_strategy_loads_the_same_with_its_number_of_statements(
    filled: Session, statements: StatementLog, option: Any, count: int
) -> None:
    with statements.expect(count):
        assert shape(filled.query(User).order_by(User.id).options(option)) == EVERYTHING
    filled.expunge_all()
    with statements.expect(count):
        assert shape(filled.scalars(select(User).order_by(User.id).options(option))) == EVERYTHING


@pytest.mark.parametrize("load", [joinedload, selectinload, subqueryload])
def test_limits_count_objects_and_not_joined_rows(filled: Session, statements: StatementLog, load: Any) -> None:
    query = filled.query(User).options(load(User.posts)).order_by(User.name.desc())
    with statements.expect(1 if load is joinedload else 2):
        assert [(u.name, len(u.posts)) for u in query.limit(2)] == [("cid", 0), ("bob", 1)]
    filled.expunge_all()
    assert [(u.name, len(u.posts)) for u in query.offset(1).limit(5)] == [("bob", 1), ("ann", 2)]
    filled.expunge_all()
    first = query.order_by(None).order_by("name").first()
    assert first is not None
    assert (first.name, len(first.posts)) == ("ann", 2)
    filled.expunge_all()
    assert [u.name for u in query.distinct()] == ["cid", "bob", "ann"]


def test_a_query_of_which_objects_are_joined_is_ordered_by_the_names_of_its_columns(filled: Session) -> None:
    filled.expunge_all()
    count = func.count(Post.id).label("posts_there")
    query = filled.query(User, count).outerjoin(User.posts).group_by(User.id).order_by(desc("posts_there"), "name")
    rows = query.options(joinedload(User.posts)).all()
    assert [(user.name, n, len(user.posts)) for user, n in rows] == [("ann", 2, 2), ("bob", 1, 1), ("cid", 0, 0)]
    lengths = filled.query(User, (User.name + "!").label("loud")).order_by(desc("loud")).options(joinedload(User.posts))
    assert [loud for _, loud in lengths.limit(2)] == ["cid!", "bob!"]
    by_label = filled.query(User, func.length(User.name).label("length")).group_by("length", User.id).order_by("id")
    assert [n for _, n in by_label.options(joinedload(User.posts))] == [3, 3, 3]


def test_many_to_one_and_one_to_one_are_joined(filled: Session, statements: StatementLog) -> None:
    with statements.expect(1):
        posts = filled.query(Post).order_by(Post.id).options(joinedload(Post.author).joinedload(User.profile)).all()
        assert [(p.author.name, p.author.profile and p.author.profile.text) for p in posts] == [
            ("ann", "A"),
            ("ann", "A"),
            ("bob", None),
        ]
    assert posts[0].author is posts[1].author


def test_two_collections_are_joined_side_by_side(session: Session, statements: StatementLog) -> None:
    session.add(Node(name="r", children=[Node(name="a"), Node(name="b", children=[Node(name="c")])]))
    session.commit()
    session.expunge_all()
    with statements.expect(1):
        root = (
            session.query(Node)
            .filter(Node.name == "r")
            .options(joinedload(Node.children).joinedload(Node.children), joinedload("parent"))
            .one()
        )
        assert [(n.name, [c.name for c in n.children]) for n in root.children] == [("a", []), ("b", ["c"])]
        assert root.parent is None


def test_sets_are_filled(session: Session, statements: StatementLog) -> None:
    session.add(Team(members={Member(name="a"), Member(name="b")}))
    session.commit()
    session.expunge_all()
    with statements.expect(1):
        team = session.query(Team).options(joinedload(Team.members)).one()
        assert {member.name for member in team.members} == {"a", "b"}


def test_entities_beside_columns_keep_their_rows(filled: Session, statements: StatementLog) -> None:
    with statements.expect(1):
        rows = filled.query(User, User.name.label("n")).options(joinedload(User.posts)).order_by(User.id).all()
        assert [(user.name, n, len(user.posts)) for user, n in rows] == [
            ("ann", "ann", 2),
            ("bob", "bob", 1),
            ("cid", "cid", 0),
        ]
    filled.expunge_all()
    with statements.expect(1):
        rows = filled.query(User.name, User).options(joinedload(User.posts)).order_by(User.id).limit(1).all()
        assert [(name, len(user.posts)) for name, user in rows] == [("ann", 2)]
    filled.expunge_all()
    with statements.expect(2):
        pairs = filled.query(User, Post).filter(User.id == Post.author_id)
        found = pairs.options(joinedload(User.profile), selectinload(Post.tags)).order_by(Post.id).all()
        assert [(u.name, u.profile is not None, len(p.tags)) for u, p in found] == [
            ("ann", True, 2),
            ("ann", True, 0),
            ("bob", False, 1),
        ]


def test_what_is_loaded_or_changed_already_is_left_alone(filled: Session) -> None:
    ann = filled.query(User).filter_by(name="ann").one()
    ann.posts[1].title = "changed"
    removed = ann.posts.pop(0)
    with filled.no_autoflush:
        filled.query(User).options(joinedload(User.posts)).all()
        assert [post.title for post in ann.posts] == ["changed"]
    assert removed not in ann.posts


def test_contains_eager_takes_the_joins_of_the_query(filled: Session, statements: StatementLog) -> None:
    query = filled.query(User).outerjoin(User.posts).options(contains_eager(User.posts))
    with statements.expect(1):
        users = query.filter(Post.title != "a2").all()
        assert [(u.name, [p.title for p in u.posts]) for u in users] == [("ann", ["a1"]), ("bob", ["b1"])]


def test_contains_eager_of_an_alias(filled: Session, statements: StatementLog) -> None:
    posts = Post.__table__.alias()
    query = (
        filled.query(User).outerjoin(posts, posts.c.author_id == User.id).options(contains_eager("posts", alias=posts))
    )
    with statements.expect(1):
        assert {u.name: len(u.posts) for u in query} == {"ann": 2, "bob": 1, "cid": 0}


def test_raiseload_and_noload(filled: Session, statements: StatementLog) -> None:
    ann = filled.query(User).options(raiseload(User.posts), noload(User.profile)).filter_by(name="ann").one()
    with statements.expect(0):
        with pytest.raises(InvalidRequestError, match=r"User\.posts.*raiseload.*selectinload"):
            assert ann.posts
        assert ann.profile is None
    filled.expire_all()
    filled.expunge_all()
    other = filled.query(User).options(noload("posts")).filter_by(name="ann").one()
    assert other.posts == []
    filled.expunge_all()
    deep = filled.query(User).options(selectinload(User.posts).raiseload(Post.tags)).filter_by(name="ann").one()
    with pytest.raises(InvalidRequestError, match=r"Post\.tags"):
        assert deep.posts[0].tags


def test_options_hold_for_what_is_loaded_later(filled: Session, statements: StatementLog) -> None:
    users = filled.query(User).options(lazyload(User.posts).raiseload(Post.tags)).all()
    assert users[0].posts
    with pytest.raises(InvalidRequestError, match=r"Post\.tags"):
        assert users[0].posts[0].tags


def test_options_that_lead_nowhere_are_named(filled: Session) -> None:
    for option, message in [
        (joinedload("post"), r"User has no relationship 'post'.*posts"),
        (joinedload(User.name), r"User has no relationship 'name'"),
        (joinedload("posts.tag"), r"Post has no relationship 'tag'.*tags"),
        (joinedload(Post.tags), r"begins at .*Post\.tags.*for User"),
        (defer("nam"), r"User has no column 'nam'.*name"),
        (undefer_group("texts"), r"no deferred column of the group 'texts'"),
        ("posts", r"options\(\) takes loader options"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            filled.query(User).options(option).all()
    with pytest.raises(ArgumentError, match="takes attributes"):
        joinedload(5)
    with pytest.raises(ArgumentError, match="takes attributes"):
        selectinload()
    with pytest.raises(ArgumentError, match=r"lazy='later' is unknown.*'selectin'"):
        relationship(lazy="later")


def test_a_relationship_that_every_object_has_may_be_joined_plainly(engine: Engine, statements: StatementLog) -> None:
    base: Any = declarative_base()

    class City(base):
        __tablename__ = "city"
        id: Mapped[int] = mapped_column(primary_key=True)
        mayor_id: Mapped[int | None] = mapped_column(ForeignKey("mayor.id"))
        mayor: Mapped[Mayor | None] = relationship(lazy="joined", innerjoin=True)
        streets: Mapped[list[Street]] = relationship(back_populates="city")

    class Mayor(base):
        __tablename__ = "mayor"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Street(base):
        __tablename__ = "street"
        id: Mapped[int] = mapped_column(primary_key=True)
        city_id: Mapped[int | None] = mapped_column(ForeignKey("city.id"))
        city: Mapped[City | None] = relationship(back_populates="streets")

    base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([City(mayor=Mayor(), streets=[Street()]), City(), Street()])
        session.commit()

        def joins(query: Any) -> tuple[int, int]:
            statements.clear()
            session.expunge_all()
            query.all()
            sql = statements.sql[-1]
            return sql.count("LEFT OUTER JOIN"), sql.count("JOIN") - sql.count("LEFT OUTER JOIN")

        cities, streets = session.query(City), session.query(Street)
        assert joins(cities) == (0, 1)
        assert len(cities.all()) == 1, "a city without a mayor is not found: the mapping says that there is none"
        assert joins(cities.limit(5)) == (0, 1)
        assert joins(cities.options(joinedload(City.mayor, innerjoin=False))) == (1, 0)
        assert len(cities.options(joinedload(City.mayor, innerjoin=False)).all()) == 2
        assert joins(streets.options(joinedload(Street.city))) == (2, 0), "behind an outer join"
        assert joins(streets.options(joinedload(Street.city, innerjoin=True))) == (0, 2)
        assert joins(streets.options(joinedload_all("city.mayor", innerjoin=True))) == (0, 2)
        assert joins(streets.options(lazyload("city").joinedload("mayor", innerjoin=True))) == (0, 0)
        both = session.query(Street, City).outerjoin(Street.city)
        assert joins(both) == (2, 0)
        assert len(both.all()) == 2
        of_city = session.query(City).select_from(outerjoin(Street, City, "city")).filter(City.mayor_id.is_(None))
        assert joins(of_city) == (2, 0)


def test_eager_loading_is_turned_off_for_a_query(
    library: Any, filled: Session, engine: Engine, statements: StatementLog
) -> None:
    with Session(engine) as session:
        query = session.query(library.Shelf).enable_eagerloads(False)
        with statements.expect(1):
            shelf = query.first()
        assert "books" not in shelf.__dict__
        assert "signs" not in shelf.__dict__
        assert "shelf" not in shelf.books[0].__dict__ or shelf.books[0].shelf is shelf
        session.expunge_all()
        again = query.enable_eagerloads(True).first()
        assert {"books", "signs"} <= set(again.__dict__)
    users = filled.query(User).options(joinedload("posts").selectinload("tags")).enable_eagerloads(False)
    with statements.expect(1):
        assert all("posts" not in user.__dict__ for user in users)
    filled.expunge_all()
    assert all("posts" not in user.__dict__ for user in users.yield_per(10))
    filled.expunge_all()
    contained = filled.query(Post).join(Post.author).options(contains_eager(Post.author), raiseload(Post.tags))
    post = contained.enable_eagerloads(False).first()
    assert "author" in post.__dict__
    with pytest.raises(InvalidRequestError):
        _ = post.tags


@pytest.mark.parametrize("streamed", [False, True])
def test_a_path_of_names_begins_at_the_first_class_of_the_query(
    filled: Session, statements: StatementLog, streamed: bool
) -> None:
    both = filled.query(User, Post).filter(Post.author_id == User.id).order_by(User.id, Post.id)
    for option in ("posts", "posts.tags"):
        filled.expunge_all()
        query = both.options(selectinload_all(option), defer("email"))
        query = query.yield_per(10) if streamed else query
        rows = list(query)
        assert [(user.name, post.title) for user, post in rows] == [("ann", "a1"), ("ann", "a2"), ("bob", "b1")]
        assert all("posts" in user.__dict__ and "email" not in user.__dict__ for user, _ in rows)
    reverse = filled.query(Post, User).filter(Post.author_id == User.id).options(joinedload("tags"), defer("title"))
    filled.expunge_all()
    assert all("tags" in post.__dict__ and "posts" not in user.__dict__ for post, user in reverse)
    counted = filled.query(func.count(Post.id), User).join(Post, User.posts).group_by(User.id).options(defer("name"))
    assert sorted(number for number, _ in counted) == [1, 2]
    with pytest.raises(ArgumentError, match="User has no relationship 'tags'"):
        both.options(joinedload("tags")).all()
    with pytest.raises(ArgumentError, match=r"begins at .*Tag\.posts.*for User, Post"):
        both.options(joinedload(Tag.posts)).all()
    with pytest.raises(ArgumentError, match="no deferred column of the group 'texts'"):
        both.options(undefer_group("texts")).all()


def test_a_group_of_columns_is_that_of_every_class_that_has_it(library: Any, engine: Engine) -> None:
    with Session(engine) as session:
        session.add(library.Shelf(name="s", books=[library.Book(title="b", text="t")], signs=[library.Sign()]))
        session.commit()
        rows = session.query(library.Sign, library.Book).options(undefer_group("long")).all()
        assert {("text" in book.__dict__, "blurb" in book.__dict__) for _, book in rows} == {(True, False)}


def test_a_compound_select_of_entities_takes_no_joins(filled: Session) -> None:
    both = select(User).where(User.name == "ann").union(select(User).where(User.name == "bob"))
    assert {user.name for user in filled.scalars(both)} == {"ann", "bob"}


def test_counts_are_not_changed_by_options(filled: Session) -> None:
    query = filled.query(User).options(joinedload(User.posts))
    assert query.count() == 3
    assert query.filter(User.posts.any()).count() == 2
    assert filled.query(func.count(User.id)).scalar() == 3


# -- strategies of the mapping


@pytest.fixture
def library(engine: Engine) -> Iterator[Any]:
    base: Any = declarative_base()

    class Shelf(base):
        __tablename__ = "shelf"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]
        books: Mapped[list[Book]] = relationship(back_populates="shelf", lazy="joined", order_by=lambda: Book.id.desc())
        signs: Mapped[list[Sign]] = relationship(lazy="selectin")

    class Book(base):
        __tablename__ = "book"
        id: Mapped[int] = mapped_column(primary_key=True)
        shelf_id: Mapped[int | None] = mapped_column(ForeignKey("shelf.id"))
        parent_id: Mapped[int | None] = mapped_column(ForeignKey("book.id"))
        title: Mapped[str]
        blurb: Mapped[str | None] = mapped_column(deferred=True)
        text: Mapped[str | None] = deferred(mapped_column(), group="long")
        notes: Mapped[str | None] = mapped_column(deferred_group="long")
        shelf: Mapped[Shelf | None] = relationship(back_populates="books", lazy="joined")
        parts: Mapped[list[Book]] = relationship(lazy="joined", join_depth=2)

    class Sign(base):
        __tablename__ = "sign"
        id: Mapped[int] = mapped_column(primary_key=True)
        shelf_id: Mapped[int] = mapped_column(ForeignKey("shelf.id"))
        hidden: Mapped[list[Spot]] = relationship(lazy="raise")
        empty: Mapped[list[Spot]] = relationship(lazy="noload", viewonly=True)

    class Spot(base):
        __tablename__ = "spot"
        id: Mapped[int] = mapped_column(primary_key=True)
        sign_id: Mapped[int] = mapped_column(ForeignKey("sign.id"))

    base.metadata.create_all(engine)
    with Session(engine) as session:
        leaf = Book(title="leaf")
        tree = Book(title="root", blurb="b", text="long", notes="n", parts=[Book(title="part", parts=[leaf])])
        session.add(Shelf(name="s", books=[tree, Book(title="other")], signs=[Sign(hidden=[Spot()])]))
        session.commit()
    base.Shelf, base.Book, base.Sign = Shelf, Book, Sign
    yield base
    base.metadata.drop_all(engine)
    base.registry.dispose()


def test_lazy_joined_and_selectin_of_the_mapping(library: Any, engine: Engine, statements: StatementLog) -> None:
    with Session(engine) as session:
        with statements.expect(2):
            shelf = session.query(library.Shelf).one()
            assert [book.title for book in shelf.books] == ["other", "root"]
            assert len(shelf.signs) == 1
            assert all(book.shelf is shelf for book in shelf.books)
        session.expunge_all()
        with statements.expect(2):
            shelf = session.get(library.Shelf, shelf.id)
            assert len(shelf.books) == 2
        session.expunge_all()
        with statements.expect(1):
            shelf = session.query(library.Shelf).options(lazyload("books"), lazyload("signs")).one()
        with statements.expect(1):
            assert len(shelf.books) == 2


def test_a_relationship_to_the_own_class_is_joined_join_depth_deep(
    library: Any, engine: Engine, statements: StatementLog
) -> None:
    with Session(engine) as session:
        root = session.query(library.Book).filter_by(title="root").one()
        with statements.expect(0):
            leaf = root.parts[0].parts[0]
        with statements.expect(1):
            assert leaf.parts == []


def test_lazy_raise_and_noload_of_the_mapping(library: Any, engine: Engine) -> None:
    with Session(engine) as session:
        sign = session.query(library.Sign).one()
        assert sign.empty == []
        with pytest.raises(InvalidRequestError, match=r"Sign\.hidden"):
            assert sign.hidden
        session.expunge_all()
        assert len(session.query(library.Sign).options(selectinload("hidden")).one().hidden) == 1


def test_deferred_columns_are_loaded_at_access_with_their_group(
    library: Any, engine: Engine, statements: StatementLog
) -> None:
    Book = library.Book
    with Session(engine) as session:
        books = session.query(Book).options(lazyload("shelf"), lazyload("parts")).order_by(Book.id).all()
        with statements.expect(1, "blurb"):
            assert sorted(book.blurb or "" for book in books) == ["", "", "", "b"]
        assert "text" not in books[0].__dict__
        with statements.expect(1, "text", "notes"):
            assert {book.text for book in books} == {None, "long"}
            assert {book.notes for book in books} == {None, "n"}
        assert not any("text" in sql and "title" in sql for sql in statements.sql[-1:])
        session.commit()
        with statements.expect(1):
            assert books[0].title
        assert "blurb" not in books[0].__dict__
        books[0].blurb = "new"
        session.commit()
        assert books[0].blurb == "new"


def test_defer_and_undefer(library: Any, engine: Engine, statements: StatementLog) -> None:
    Book = library.Book
    with Session(engine) as session:
        quiet = session.query(Book).options(lazyload("shelf"), lazyload("parts")).filter(Book.title == "root")
        with statements.expect(1):
            book = quiet.options(undefer("blurb"), undefer_group("long")).one()
            assert (book.blurb, book.text, book.notes) == ("b", "long", "n")
        session.expunge_all()
        book = quiet.options(defer(Book.title), undefer(Book.blurb)).one()
        assert "title" not in book.__dict__
        assert "blurb" in book.__dict__
        with statements.expect(1, "title"):
            assert book.title == "root"
        session.expunge_all()
        shelf = session.query(library.Shelf).options(joinedload("books").defer("title").undefer("text")).one()
        with statements.expect(0):
            assert {"text"} == {n for n in ("text", "title") if n in shelf.books[0].__dict__}


def test_deferred_columns_of_a_classical_mapping(engine: Engine, statements: StatementLog) -> None:
    metadata = MetaData()
    table = Table("leaflet", metadata, Column("id", Integer, primary_key=True), Column("body", String))

    class Leaflet:
        pass

    registry = Registry()
    mapper(Leaflet, table, properties={"text": deferred(table.c.body)}, registry=registry)
    metadata.create_all(engine)
    try:
        with Session(engine) as session:
            leaflet: Any = Leaflet()
            leaflet.text = "t"
            session.add(leaflet)
            session.commit()
            session.expunge_all()
            found: Any = session.query(Leaflet).one()
            assert "text" not in found.__dict__
            with statements.expect(1, "body"):
                assert found.text == "t"
    finally:
        metadata.drop_all(engine)
        registry.dispose()


# -- options for all relationships, and for some columns


def test_raiseload_of_all_relationships_spares_those_that_are_named(filled: Session, statements: StatementLog) -> None:
    for options in ((raiseload("*"), selectinload(User.posts)), (selectinload(User.posts), raiseload("*"))):
        filled.expunge_all()
        with statements.expect(2):
            ann = filled.query(User).options(*options).order_by(User.id).first()
            assert [post.title for post in ann.posts] == ["a1", "a2"]
        with statements.expect(0):
            with pytest.raises(InvalidRequestError, match=r"User\.profile .*raiseload"):
                _ = ann.profile
            # of related objects, too
            with pytest.raises(InvalidRequestError, match=r"Post\.tags .*raiseload"):
                _ = ann.posts[0].tags


def test_an_option_for_all_relationships_at_one_place_of_a_path(filled: Session) -> None:
    ann = filled.query(User).options(selectinload(User.posts).raiseload("*")).order_by(User.id).first()
    assert ann.profile.text == "A"
    with pytest.raises(InvalidRequestError, match=r"Post\.tags"):
        _ = ann.posts[0].tags
    filled.expunge_all()
    ann = filled.query(User).options(noload("*")).order_by(User.id).first()
    assert (ann.posts, ann.profile) == ([], None)


def test_lazyload_of_all_relationships_overrides_the_mapping(engine: Engine, statements: StatementLog) -> None:
    base: Any = declarative_base()

    class Parent(base):
        __tablename__ = "parent"
        id: Mapped[int] = mapped_column(primary_key=True)
        children: Mapped[list[Child]] = relationship(lazy="joined")

    class Child(base):
        __tablename__ = "child"
        id: Mapped[int] = mapped_column(primary_key=True)
        parent_id: Mapped[int] = mapped_column(ForeignKey("parent.id"))

    base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Parent(children=[Child()]))
        session.commit()
        session.expunge_all()
        parent = session.query(Parent).options(lazyload("*")).one()
        assert "JOIN" not in statements.sql[-1]
        assert len(parent.children) == 1


def test_a_star_does_not_stand_for_joins_of_the_query_itself(filled: Session) -> None:
    with pytest.raises(ArgumentError, match="'\\*' stands for all relationships with lazyload, noload, raiseload"):
        filled.query(User).options(contains_eager("*")).all()
    with pytest.raises(ArgumentError, match="no further argument"):
        filled.query(User).options(selectinload("*", recursion_depth=2)).all()


def test_load_only_leaves_other_columns_to_their_first_access(filled: Session, statements: StatementLog) -> None:
    post = filled.query(Post).options(load_only(Post.title)).order_by(Post.id).first()
    assert {name for name in vars(post) if not name.startswith("_")} == {"id", "title"}
    with statements.expect(1):
        assert post.author_id == 1
    filled.expunge_all()
    ann = filled.query(User).options(selectinload("posts").load_only("title")).order_by(User.id).first()
    assert {name for name in vars(ann.posts[0]) if not name.startswith("_")} == {"id", "title"}
    for keys, message in (((), "got none"), (("titel",), "Did you mean 'title'"), ((Post.tags,), "no column 'tags'")):
        with pytest.raises(ArgumentError, match=message):
            filled.query(Post).options(load_only(*keys)).all()


def test_get_takes_options_and_locks(filled: Session, statements: StatementLog) -> None:
    with statements.expect(1):
        ann = filled.get(User, 1, options=[joinedload(User.posts), noload(User.profile)])
        assert len(ann.posts) == 2
    with statements.expect(0):
        assert filled.get(User, {"id": 1}, options=joinedload(User.posts)) is ann
    filled.execute("UPDATE \"user\" SET name = 'eve' WHERE id = 1")
    assert filled.get(User, 1).name == "ann"
    assert filled.get(User, 1, populate_existing=True) is ann
    assert ann.name == "eve"
    with statements.expect(1):
        assert filled.get(User, 1, with_for_update={"nowait": True}) is ann
    assert filled.get(User, 99, options=[joinedload(User.posts)]) is None
    for ident in ({"idd": 1}, {"id": 1, "name": "x"}, (1, 2)):
        for options in ((), [joinedload(User.posts)]):
            with pytest.raises(ArgumentError, match=r"the primary key of User is \(id\), got"):
                filled.get(User, ident, options=options)
