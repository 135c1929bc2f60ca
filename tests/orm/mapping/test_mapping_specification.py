"""The parameters of ``mapper()``, ``relationship()`` and Query: in the code, and in docs/spec-coverage.md with a test that exists.

And what they do where no other test shows it.
"""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import flask_uow
from flask_uow import (
    ArgumentError,
    Column,
    Engine,
    ForeignKey,
    Integer,
    Mapper,
    MapperExtension,
    MetaData,
    Query,
    Registry,
    Session,
    String,
    Table,
    backref,
    func,
    join,
    joinedload,
    literal,
    mapper,
    relationship,
    selectinload,
)
from tests.orm.mapping_specification import NOT_TAKEN, PARAMETERS
from tests.orm.models import Node, Post, Tag, User
from tests.statements import StatementLog

PAGE = Path(__file__).parents[3] / "docs" / "spec-coverage.md"
_TAKEN = re.compile(r"^\| `(.+?)` \| (.*?) \| (.+?) \| \[(.+?)\]\((.+?)\) \|$")
_NOT_TAKEN = re.compile(r"^\| `(.+?)` \| (.*?) \| (.+?) \|$")


def tables_of_the_page() -> tuple[list[str], list[str]]:
    part = PAGE.read_text(encoding="utf-8").partition("## Mappers, relationships and queries")[2]
    taken, _, left = part.partition("## Older spellings")[0].partition("These are not taken")
    return tuple([line for line in text.splitlines() if line.startswith("| `")] for text in (taken, left))  # type: ignore[return-value]


def test_no_row_of_the_mapping_table_is_missing_and_each_names_a_test_that_exists() -> None:
    taken, left = tables_of_the_page()
    rows = [match.groups() for line in taken if (match := _TAKEN.match(line))]
    others = [match.groups() for line in left if (match := _NOT_TAKEN.match(line))]
    assert (len(rows), len(others)) == (len(taken), len(left))
    expected = {(name, "") for name in PARAMETERS}
    expected |= {(name, parameter) for name, parameters in PARAMETERS.items() for parameter in parameters}
    absent = {name for name, parameter in NOT_TAKEN if not parameter}
    assert {(name, parameter.strip("`")) for name, parameter, *_ in others} == set(NOT_TAKEN)
    found = [(name, parameter.strip("`")) for name, parameter, *_ in rows]
    assert len(found) == len(set(found))
    assert set(found) == {pair for pair in expected if pair not in NOT_TAKEN and pair[0] not in absent}
    functions: dict[str, set[str]] = {}
    for *_, test, path in rows:
        if path not in functions:
            tree = ast.parse((PAGE.parent / path).read_text(encoding="utf-8"))
            functions[path] = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert test in functions[path], f"{path} has no {test}"


def accepted(function: Any) -> set[str]:
    """Return the names of the parameters that a function takes by keyword."""
    star = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return {name for name, parameter in inspect.signature(function).parameters.items() if parameter.kind not in star}


@pytest.mark.parametrize("name", PARAMETERS)
def test_each_parameter_of_that_time_is_taken_by_its_name(name: str) -> None:
    owner, _, attribute = name.rpartition(".")
    if (name, "") in NOT_TAKEN:
        assert not hasattr(getattr(flask_uow, owner), attribute)
        return
    if owner == "Mapper" and not callable(getattr(Mapper, attribute, None)):
        assert hasattr(User.__mapper__, attribute)
        return
    found = getattr(getattr(flask_uow, owner), attribute) if owner else getattr(flask_uow, name)
    if isinstance(found, property):
        return
    names = accepted(found)
    if name == "mapper":
        names |= accepted(Mapper) | {"allow_null_pks"}
    if name.endswith("outerjoin"):
        names |= accepted(Query.join)
    wanted = {parameter for parameter in PARAMETERS[name] if not parameter.startswith("*")}
    missing = {parameter for parameter in wanted - names if (name, parameter) not in NOT_TAKEN}
    # these are given by their position, and are called otherwise or come in any number here
    assert missing <= {"criterion", "cls_or_mappers", "key"}
    assert not {parameter for other, parameter in NOT_TAKEN if other == name} & names


# -- mapper()


def plain() -> Any:
    """Return two plain classes and the tables of a shelf and its books."""
    metadata = MetaData()
    shelves = Table("shelf", metadata, Column("id", Integer, primary_key=True), Column("name", String(9)))
    books = Table(
        "book",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("shelf_id", Integer, ForeignKey("shelf.id")),
        Column("title", String(9)),
    )
    shelf_class, book_class = type("Shelf", (), {}), type("Book", (), {})
    return metadata, shelves, books, shelf_class, book_class


def test_a_mapper_takes_one_extension_or_several(engine: Engine) -> None:
    registry = Registry()
    metadata, shelves, books, shelf_class, book_class = plain()
    told: list[str] = []

    class Telling(MapperExtension):
        def __init__(self, name: str) -> None:
            self.name = name

        def before_insert(self, mapper: Any, connection: Any, instance: Any) -> None:
            told.append(self.name)

    mapper(shelf_class, shelves, extension=Telling("one"), registry=registry)
    mapper(book_class, books, extension=[Telling("first"), Telling("second")], registry=registry)
    metadata.create_all(engine)
    with Session(engine) as session:
        session.add(shelf_class())
        session.flush()
        session.add(book_class())
        session.flush()
    assert told == ["one", "first", "second"]


def test_a_mapper_shows_what_it_maps() -> None:
    registry = Registry()
    _, shelves, _, shelf_class, _ = plain()
    made = mapper(shelf_class, shelves, registry=registry)
    assert made.class_ is shelf_class
    assert list(made.primary_key) == [shelves.c.id]
    assert User.__mapper__.class_ is User


def test_older_spellings_mean_what_they_are_called_now(filled: Session, statements: StatementLog) -> None:
    assert flask_uow.relation is relationship
    assert flask_uow.eagerload is joinedload
    _, shelves, _, shelf_class, _ = plain()
    with pytest.raises(ArgumentError, match="one parameter under two names"):
        mapper(shelf_class, shelves, allow_null_pks=False, allow_partial_pks=True)
    assert mapper(shelf_class, shelves, registry=Registry(), allow_null_pks=False).allow_partial_pks is False
    users = filled.query(User)
    for older, newer in (
        (users.join(["posts", "tags"]), users.join("posts", "tags")),
        (users.join([User.posts, Post.tags]), users.join(User.posts, Post.tags)),
        (users.outerjoin([User.posts]), users.outerjoin(User.posts)),
        (users.order_by([User.email, User.name]), users.order_by(User.email, User.name)),
        (users.select_from([join(User, Post)]), users.select_from(join(User, Post))),
        (
            filled.query(Post.author_id, func.count()).group_by([Post.author_id]),
            filled.query(Post.author_id, func.count()).group_by(Post.author_id),
        ),
    ):
        assert str(older) == str(newer)
        assert older.all() == newer.all()
    for lazy, name in ((True, "select"), (False, "joined"), (None, "noload")):
        assert relationship(Post, lazy=lazy).lazy == name  # type: ignore[attr-defined]


# -- relationship()


def test_an_attribute_has_the_documentation_that_it_was_given() -> None:
    registry = Registry()
    _, shelves, books, shelf_class, book_class = plain()
    mapper(book_class, books, registry=registry)
    mapper(
        shelf_class,
        shelves,
        registry=registry,
        properties={"books": relationship(book_class, doc="what stands on it")},
    )
    registry.configure()
    assert shelf_class.books.__doc__ == "what stands on it"
    assert shelf_class.books.property.doc == "what stands on it"


def test_a_relationship_for_viewing_is_never_written(engine: Engine, statements: StatementLog) -> None:
    registry = Registry()
    metadata, shelves, books, shelf_class, book_class = plain()
    mapper(book_class, books, registry=registry)
    mapper(shelf_class, shelves, registry=registry, properties={"books": relationship(book_class, viewonly=True)})
    metadata.create_all(engine)
    with Session(engine) as session:
        shelf, book = shelf_class(), book_class()
        session.add_all([shelf, book])
        session.commit()
        shelf.books.append(book)
        session.commit()
        assert session.query(book_class).one().shelf_id is None
        session.query(book_class).update({"shelf_id": shelf.id})
        session.expire_all()
        assert shelf.books == [book]
        shelf.books.remove(book)
        session.commit()
        assert session.query(book_class).one().shelf_id == shelf.id


def test_a_backref_takes_options_of_a_relationship(engine: Engine) -> None:
    registry = Registry()
    metadata, shelves, books, shelf_class, book_class = plain()
    mapper(shelf_class, shelves, registry=registry)
    back = backref("books", order_by=books.c.title.desc(), collection_class=list, lazy="joined", cascade="all")
    mapper(book_class, books, registry=registry, properties={"shelf": relationship(shelf_class, backref=back)})
    registry.configure()
    metadata.create_all(engine)
    with Session(engine) as session:
        shelf = shelf_class()
        for title in "acb":
            book = book_class()
            book.title, book.shelf = title, shelf
        session.add(shelf)
        session.commit()
        session.expunge_all()
        found = session.query(shelf_class).one()
        assert "books" in found.__dict__
        assert [book.title for book in found.books] == ["c", "b", "a"]
        session.delete(found)
        session.flush()
        assert session.query(book_class).count() == 0


# -- Query


@pytest.fixture
def filled(session: Session) -> Session:
    """User n has n posts, the post n.m the tag m; a tree of nodes."""
    tags = [Tag(label=f"t{n}") for n in range(3)]
    for n in range(3):
        session.add(User(name=f"u{n}", posts=[Post(title=f"p{n}.{m}", tags=[tags[m]]) for m in range(n)]))
    session.add(Node(name="root", children=[Node(name="a", children=[Node(name="a1")]), Node(name="b")]))
    session.commit()
    return session


def test_filter_and_having_take_one_criterion_or_several(filled: Session) -> None:
    users = filled.query(User)
    assert users.filter(User.name > "u0", User.name < "u2").one().name == "u1"
    assert users.filter(User.name > "u0").filter(User.name < "u2").one().name == "u1"
    counted = filled.query(Post.author_id, func.count()).group_by(Post.author_id)
    assert counted.having(func.count() > 1).one()[1] == 2
    assert counted.having(func.count() > 0, func.count() < 2).one()[1] == 1
    assert counted.having(func.count() > 0).having(func.count() < 2).one()[1] == 1


def test_a_query_is_a_value_under_a_name(filled: Session) -> None:
    count = filled.query(func.count(Post.id)).filter(Post.author_id == User.id).correlate(User).label("posts")
    rows = filled.query(User.name, count).order_by(User.name).all()
    assert [(row.name, row.posts) for row in rows] == [("u0", 0), ("u1", 1), ("u2", 2)]
    assert filled.query(User.name).order_by(count.desc()).first() == ("u2",)


def test_limits_offsets_and_slices_are_taken_back(filled: Session) -> None:
    names = filled.query(User.name).order_by(User.name)
    assert names.limit(1).all() == [("u0",)]
    assert names.limit(1).limit(None).count() == 3
    assert names.limit(5).offset(2).all() == [("u2",)]
    assert names.limit(5).offset(2).offset(None).count() == 3
    assert names.slice(1, 2).all() == names[1:2] == [("u1",)]
    assert names.slice(1, None).count() == names.slice(None, 2).count() == 2
    assert names.slice(2, 2).all() == []


def test_options_come_one_by_one_or_as_a_list(filled: Session) -> None:
    users = filled.query(User)
    for query in (
        users.options(joinedload("posts"), selectinload("profile")),
        users.options([joinedload("posts"), selectinload("profile")]),
        users.options(joinedload("posts")).options((selectinload("profile"),)),
    ):
        filled.expunge_all()
        assert all({"posts", "profile"} <= set(user.__dict__) for user in query)


def test_an_outer_join_takes_what_a_join_takes(filled: Session) -> None:
    nodes = filled.query(Node).outerjoin("children", aliased=True)
    assert sorted(node.name for node in nodes.filter(Node.id.is_(None))) == ["a1", "b"]
    deeper = nodes.outerjoin("children", aliased=True, from_joinpoint=True)
    assert [node.name for node in deeper.filter(Node.name == "a1")] == ["root"]
    assert {node.name for node in deeper.filter(Node.id.is_(None))} == {"root", "a", "a1", "b"}
    again = nodes.outerjoin("children", aliased=True)
    assert [node.name for node in again.filter(Node.name == "a1")] == ["a"]


def test_the_criteria_of_a_query_are_one_expression(filled: Session) -> None:
    assert filled.query(User).whereclause is None
    one = filled.query(User).filter(User.name > "u0").whereclause
    both = filled.query(User).filter(User.name > "u0").filter_by(email=None).whereclause
    assert filled.query(User).filter(one).count() == 2
    assert filled.query(User).filter(both, literal(1) == 1).count() == 2
    assert str(both) == str((User.name > "u0") & (User.email == None))  # noqa: E711
