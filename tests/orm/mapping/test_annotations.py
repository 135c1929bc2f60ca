"""Annotations: classes of any name, defined before or after, here or elsewhere; JSON for dicts and lists; types of the base's own."""

from __future__ import annotations

import datetime
import enum
import sys
import types
from collections.abc import Iterator
from typing import Any, Literal, Union

import pytest

from flask_uow import (
    JSON,
    ArgumentError,
    BigInteger,
    DateTime,
    DeclarativeBase,
    Engine,
    Enum,
    ForeignKey,
    Integer,
    KeyFuncDict,  # noqa: F401 - what an annotation below names
    Mapped,
    Session,
    String,
    attribute_keyed_dict,
    declarative_base,
    mapped_column,
    relationship,
    select,
)

# names that typing, builtins or flask_uow have as well
NAMES = ("Match", "Counter", "Text", "Collection", "List", "Dict", "Any", "type")
TO_MANY = ("list['{}']", "List['{}']", "'set[{}]'")
TO_ONE = ("'{}'", "Optional['{}']", "'{} | None'")
HEADS = {
    "a few names": "from flask_uow import ForeignKey, Mapped, mapped_column, relationship\nfrom typing import List, Optional\n",
    "all names": "from flask_uow import *\nfrom typing import List, Optional\n",
    "names for type checkers only": (
        "from flask_uow import ForeignKey, mapped_column, relationship\nfrom typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from flask_uow import Mapped\n    from typing import List, Optional\n"
    ),
}


@pytest.fixture
def modules() -> Iterator[list[str]]:
    """Names of modules that are forgotten after the test."""
    names: list[str] = []
    yield names
    for name in names:
        del sys.modules[name]


def run(base: Any, modules: list[str], name: str, source: str) -> types.ModuleType:
    """Run the source of a module of that name."""
    module = sys.modules.get(name)
    if module is None:
        module = sys.modules[name] = types.ModuleType(name)
        modules.append(name)
        vars(module)["Base"] = base
    exec(compile(source, name, "exec", dont_inherit=True), vars(module))
    return module


def league_of(annotation: str, to_many: bool) -> str:
    column = "" if to_many else "    thing_id: Mapped[int] = mapped_column(ForeignKey('thing.id'))\n"
    return (
        "class League(Base):\n    __tablename__ = 'league'\n    id: Mapped[int] = mapped_column(primary_key=True)\n"
        f"{column}    things: Mapped[{annotation}] = relationship(back_populates='league')\n"
    )


def thing_called(name: str, to_many: bool) -> str:
    column = "    league_id: Mapped[int] = mapped_column(ForeignKey('league.id'))\n" if to_many else ""
    inner = "League" if to_many else "list[League]"
    return (
        f"class {name}(Base):\n    __tablename__ = 'thing'\n    id: Mapped[int] = mapped_column(primary_key=True)\n"
        f"{column}    league: Mapped['{inner}'] = relationship(back_populates='things')\n"
    )


@pytest.mark.parametrize("in_one_module", [True, False], ids=["one module", "two modules"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", [*TO_MANY, *TO_ONE])
def test_a_class_may_have_a_name_that_typing_or_python_has(
    name: str, form: str, in_one_module: bool, modules: list[str]
) -> None:
    to_many = form in TO_MANY
    checked = 0
    for head in HEADS.values():
        for future in ("", "from __future__ import annotations\n"):
            is_lazy = "TYPE_CHECKING" in head
            if is_lazy and not future:
                # Python itself reads these annotations
                continue
            for is_later in (True, False):
                if name == "List" and "List[" in form:
                    continue

                class Base(DeclarativeBase):
                    pass

                sources = [
                    ("models_a", league_of(form.format(name), to_many)),
                    ("models_a" if in_one_module else "models_b", thing_called(name, to_many)),
                ]
                for module, source in sources if is_later else sources[::-1]:
                    run(Base, modules, module, future + head + source)
                league, thing = (next(c for c in Base.registry.classes() if c.__name__ == n) for n in ("League", name))
                things = league.__mapper__.get_property("things")
                assert things.mapper.class_ is thing
                assert things.given_uselist is to_many
                for module in modules:
                    del sys.modules[module]
                modules.clear()
                checked += 1
    assert checked or (name, form) == ("List", "List['{}']")


def test_a_name_that_no_class_has_is_named_though_typing_has_it() -> None:
    class Base(DeclarativeBase):
        pass

    class League(Base):
        __tablename__ = "league"
        id: Mapped[int] = mapped_column(primary_key=True)
        match: Mapped[Match] = relationship()  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(
        ArgumentError, match=r"League\.match: no mapped class or table is called 'Match'.*Import the module"
    ):
        League()
    Base.registry.dispose()


def test_an_error_in_an_annotation_can_be_shown_with_its_frames() -> None:
    class Base(DeclarativeBase):
        pass

    body = {"__tablename__": "x", "__annotations__": {"id": "Mapped[Optional.nothing[int]]"}, "__module__": __name__}
    with pytest.raises(ArgumentError, match="cannot be read") as caught:
        type("Wrong", (Base,), body)
    # pytest asks each frame for __tracebackhide__, as debuggers ask for names of theirs
    assert "Wrong.id" in str(caught.getrepr(style="long", showlocals=False))


def test_an_error_in_the_text_of_a_relationship_can_be_shown_with_its_frames() -> None:
    class Base(DeclarativeBase):
        pass

    class Node(Base):
        __tablename__ = "node"
        id: Mapped[int] = mapped_column(primary_key=True)
        up_id: Mapped[int] = mapped_column(ForeignKey("node.id"))
        up: Mapped[Node] = relationship(primaryjoin="Node.id + 1 / 0 == Node.up_id", remote_side="Node.id")

    with pytest.raises(ArgumentError, match="division by zero") as caught:
        Node()
    assert "Node.up" in str(caught.getrepr(style="long", showlocals=False))
    Base.registry.dispose()


def test_dicts_and_lists_are_json(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    class Page(Base):
        __tablename__ = "page"
        id: Mapped[int] = mapped_column(primary_key=True)
        meta: Mapped[dict[str, Any]]
        words: Mapped[list[str]]
        tree: Mapped[list[dict[str, list[int]]] | None]
        plain: Mapped[dict | None]  # type: ignore[type-arg]

    columns = Page.__table__.c
    assert all(isinstance(columns[name].type, JSON) for name in ("meta", "words", "tree", "plain"))
    assert [columns[name].nullable for name in ("meta", "words", "tree", "plain")] == [False, False, True, True]
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Page(id=1, meta={"a": {"b": [1, None]}}, words=["x", "y"], tree=[{"k": [1, 2]}]))
        session.commit()
        page = session.scalars(select(Page)).one()
        assert (page.meta, page.words, page.tree, page.plain) == (
            {"a": {"b": [1, None]}},
            ["x", "y"],
            [{"k": [1, 2]}],
            None,
        )


@pytest.mark.parametrize(
    "annotation", ["list[Author]", "list['Author']", "list['Later']", "set[str]", "dict[str, Author]"]
)
def test_a_collection_of_a_mapped_class_is_no_json(annotation: str) -> None:
    class Base(DeclarativeBase):
        pass

    class Author(Base):
        __tablename__ = "author"
        id: Mapped[int] = mapped_column(primary_key=True)

    assert Author.__table__.name == "author"
    body = {"__tablename__": "book", "__annotations__": {"id": "Mapped[int]", "by": f"Mapped[{annotation}]"}}
    with pytest.raises(ArgumentError, match=r"Book\.by is annotated as a collection and is not a relationship"):
        type("Book", (Base,), {**body, "id": mapped_column(primary_key=True), "__module__": __name__})


def test_the_base_says_which_types_annotations_stand_for() -> None:
    class Base(DeclarativeBase):
        type_annotation_map = {str: String(120), datetime.datetime: DateTime(timezone=True), dict[str, int]: String}

    class Big(Base):
        __abstract__ = True
        type_annotation_map = {int: BigInteger}

    class Letter(Base):
        __tablename__ = "letter"
        id: Mapped[int] = mapped_column(primary_key=True)
        subject: Mapped[str]
        short: Mapped[str] = mapped_column(String(3))
        sent: Mapped[datetime.datetime | None]
        counts: Mapped[dict[str, int]]
        other: Mapped[dict[str, str]]

    class Star(Big):
        __tablename__ = "star"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]

    columns = Letter.__table__.c
    assert (columns.subject.type.length, columns.short.type.length, columns.sent.type.timezone) == (120, 3, True)
    assert (type(columns.counts.type), type(columns.other.type)) == (String, JSON)
    assert isinstance(Star.__table__.c.id.type, BigInteger)
    assert Star.__table__.c.name.type.length == 120


@pytest.mark.skipif(sys.version_info < (3, 14), reason="older Pythons read annotations when the class is made")
def test_annotations_may_name_later_classes_without_quotes(modules: list[str]) -> None:
    class Base(DeclarativeBase):
        pass

    head = HEADS["a few names"]
    sources = [league_of("list[Counter]", True), thing_called("Counter", True)]
    module = run(Base, modules, "models_a", head + "".join(sources))
    assert module.League.__mapper__.get_property("things").mapper.class_ is module.Counter


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Size(enum.StrEnum):
    SMALL = "s"
    LARGE = "l"


def test_the_base_says_what_enums_literals_and_unions_are(engine: Engine) -> None:
    class Own(DeclarativeBase):
        type_annotation_map = {
            enum.Enum: Enum(enum.Enum, length=12, create_constraint=True),
            Literal: Enum(enum.Enum, length=30),
            Union[int, str]: JSON,  # noqa: UP007
            str: String(7),
        }

    class Shirt(Own):
        __tablename__ = "shirt"
        id: Mapped[int] = mapped_column(primary_key=True)
        color: Mapped[Color]
        size: Mapped[Size | None]
        fit: Mapped[Literal["wide", "slim"]]
        mark: Mapped[int | str | None]
        extra: Mapped[list[int] | dict[str, int]] = mapped_column(JSON)

    columns = Shirt.__table__.c
    assert (columns.color.type.enum_class, columns.color.type.length) == (Color, 12)
    assert (columns.size.type.enum_class, columns.size.nullable) == (Size, True)
    assert (columns.fit.type.enums, columns.fit.type.length) == (["wide", "slim"], 30)
    assert isinstance(columns.mark.type, JSON)
    assert columns.mark.nullable
    Own.metadata.create_all(engine)
    try:
        with Session(engine) as session:
            session.add(Shirt(color=Color.BLUE, size=Size.LARGE, fit="slim", mark="m", extra=[1]))
            session.commit()
            shirt = session.scalars(select(Shirt)).one()
            assert (shirt.color, shirt.size, shirt.fit, shirt.mark, shirt.extra) == (
                Color.BLUE, Size.LARGE, "slim", "m", [1],
            )  # fmt: skip
    finally:
        Own.metadata.drop_all(engine)
    with pytest.raises(ArgumentError, match="has no members"):
        mapped_column(Enum(enum.Enum))


def test_a_union_says_nothing_of_where_a_relationship_leads() -> None:
    class Own(DeclarativeBase):
        pass

    with pytest.raises(ArgumentError, match="union of several classes"):

        class Shirt(Own):
            __tablename__ = "shirt"
            id: Mapped[int] = mapped_column(primary_key=True)
            made_of: Mapped[Union[Wool, Silk]] = relationship()  # type: ignore[name-defined]  # noqa: F821, UP007


_CONTAINERS = [
    ("Sequence['Leaf']", None, list), ("Sequence['Leaf']", list, list), ("MutableSequence['Leaf']", None, list),
    ("Collection['Leaf']", None, list), ("AbstractSet['Leaf']", None, set), ("MutableSet['Leaf']", set, set),
    ("Optional[Sequence['Leaf']]", None, list), ("Mapping[str, 'Leaf']", attribute_keyed_dict("name"), dict),
    ("KeyFuncDict[str, 'Leaf']", attribute_keyed_dict("name"), dict),
]  # fmt: skip


@pytest.mark.parametrize(("annotation", "collection_class", "expected"), _CONTAINERS)
def test_a_collection_may_be_annotated_by_what_it_is_used_as(
    annotation: str, collection_class: Any, expected: type
) -> None:
    base: Any = declarative_base()
    given = {
        "__module__": __name__, "__tablename__": "tree", "id": mapped_column(Integer, primary_key=True),
        "__annotations__": {"leaves": f"Mapped[{annotation}]"}, "leaves": relationship(collection_class=collection_class),
    }  # fmt: skip
    tree: Any = type("Tree", (base,), given)
    leaf: Any = type(
        "Leaf", (base,),
        {"__tablename__": "leaf", "id": mapped_column(Integer, primary_key=True), "name": mapped_column(String),
         "tree_id": mapped_column(ForeignKey("tree.id"))},
    )  # fmt: skip
    base.registry.configure()
    assert tree.leaves.property.mapper.class_ is leaf
    assert isinstance(tree().leaves, expected)
