"""Mapped classes that are dataclasses, bases without a metaclass, and registries that map plain classes."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    Column,
    DeclarativeBase,
    DeclarativeBaseNoMeta,
    Engine,
    ForeignKey,
    Integer,
    Mapped,
    MappedAsDataclass,
    Session,
    String,
    Table,
    mapped_column,
    registry,
    relationship,
    select,
)


class Base(MappedAsDataclass, DeclarativeBase):
    pass


class Timestamped(MappedAsDataclass):
    made: Mapped[str | None] = mapped_column(default=None, kw_only=True)


class Token(Timestamped, Base):
    __tablename__ = "token"
    id: Mapped[int] = mapped_column(init=False, primary_key=True)
    text: Mapped[str]
    uses: Mapped[int] = mapped_column(default=0)
    tags: Mapped[list[Tag]] = relationship(default_factory=list, back_populates="token", repr=False)
    secret: Mapped[str] = mapped_column(default="s", repr=False, compare=False)
    number: Mapped[int] = mapped_column(insert_default=9, default=None)

    shout: Mapped[int] = mapped_column(init=False, default=3)

    def __post_init__(self) -> None:
        self.text = self.text.strip()


class Tag(Base, kw_only=True, order=True):
    __tablename__ = "tag"
    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    token_id: Mapped[int | None] = mapped_column(ForeignKey("token.id"), default=None)
    label: Mapped[str]
    token: Mapped[Token | None] = relationship(back_populates="tags", default=None, repr=False, compare=False)


def test_the_constructor_is_that_of_a_dataclass(engine: Engine) -> None:
    Base.metadata.create_all(engine)
    token = Token(" abc ", made="now")
    assert dataclasses.is_dataclass(Token)
    assert (token.text, token.uses, token.tags, token.made) == ("abc", 0, [], "now")
    assert "text='abc'" in repr(token)
    assert "secret" not in repr(token)
    with Session(engine) as session:
        session.add(token)
        token.tags.append(Tag(label="x"))
        session.commit()
        assert session.scalars(select(Tag.label)).all() == ["x"]
        assert token.tags[0].token is token
        assert session.get_one(Token, token.id).shout == 3
    with pytest.raises(TypeError):
        Token()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Tag("x")  # type: ignore[misc]
    with pytest.raises(TypeError):
        Token("a", id=3)  # type: ignore[call-arg]


def test_objects_are_compared_by_their_fields(engine: Engine) -> None:
    assert Token("a", 1) == Token("a", 1, secret="other")
    assert Token("a", 1) != Token("a", 2)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        first, second = Token("a"), Token("a")
        session.add_all([first, second])
        session.commit()
        assert first.id != second.id
        session.delete(first)
        session.commit()
        assert session.scalars(select(Token)).all() == [second]


def test_a_foreign_key_stays_where_the_relationship_is_left_out(engine: Engine) -> None:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        token = Token("a")
        session.add(token)
        session.commit()
        session.add(Tag(label="x", token_id=token.id))
        session.commit()
        assert [tag.label for tag in token.tags] == ["x"]


def test_a_default_of_the_constructor_and_one_of_the_column(engine: Engine) -> None:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        token = Token("a", number=5)
        session.add(token)
        session.commit()
        assert token.number == 5


def test_arguments_of_dataclasses_are_refused_elsewhere() -> None:
    class Plain(DeclarativeBase):
        pass

    with pytest.raises(ArgumentError, match="arguments of a dataclass \\(init\\)"):

        class Wrong(Plain):
            __tablename__ = "wrong"
            id: Mapped[int] = mapped_column(primary_key=True, init=False)

    with pytest.raises(ArgumentError, match="arguments of a dataclass \\(repr\\)"):

        class Related(Plain):
            __tablename__ = "related"
            id: Mapped[int] = mapped_column(primary_key=True)
            other: Mapped[list[Any]] = relationship("Related", repr=False)


def test_a_base_without_a_metaclass(engine: Engine) -> None:
    class Root(DeclarativeBaseNoMeta):
        type_annotation_map = {str: String(7)}

    class Leaf(Root):
        __tablename__ = "leaf"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]
        tree_id: Mapped[int | None] = mapped_column(ForeignKey("leaf.id"))
        leaves: Mapped[list[Leaf]] = relationship()

    Root.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Leaf(name="a", leaves=[Leaf(name="b")]))
        session.commit()
        assert [leaf.name for leaf in session.get_one(Leaf, 1).leaves] == ["b"]
    assert type(Leaf) is type
    assert Leaf.__table__.c.name.type.length == 7


def test_a_registry_maps_plain_classes(engine: Engine) -> None:
    reg = registry(type_annotation_map={str: String(12)})

    @reg.mapped
    class Fruit:
        __tablename__ = "fruit"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]

    @reg.mapped
    class Pip:
        __tablename__ = "pip"
        id: Mapped[int] = mapped_column(primary_key=True)
        fruit_id: Mapped[int] = mapped_column(ForeignKey("fruit.id"))
        fruit: Mapped[Fruit] = relationship(backref="pips")

        def __init__(self, fruit: Fruit) -> None:
            self.fruit = fruit

    class Nut:
        def __init__(self, shell: str) -> None:
            self.shell = shell

    table = Table("nut", reg.metadata, Column("id", Integer, primary_key=True), Column("shell", String(10)))
    assert reg.map_imperatively(Nut, table).class_ is Nut

    @reg.mapped_as_dataclass(kw_only=True)
    class Berry:
        __tablename__ = "berry"
        id: Mapped[int] = mapped_column(primary_key=True, init=False)
        color: Mapped[str] = mapped_column(default="red")

    made = reg.generate_base(name="Made")

    class Root(made):  # type: ignore[misc, valid-type]
        __tablename__ = "root"
        id: Mapped[int] = mapped_column(primary_key=True)

    reg.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Pip(Fruit(name="fig")), Nut("hard"), Berry(), Root()])  # type: ignore[call-arg]
        session.commit()
        assert session.scalars(select(Nut).where(Nut.shell == "hard")).one().id == 1  # type: ignore[arg-type, attr-defined]
        assert len(session.get_one(Fruit, 1).pips) == 1  # type: ignore[attr-defined]
        assert session.get_one(Berry, 1).color == "red"
    assert Fruit.__table__.c.name.type.length == 12  # type: ignore[attr-defined]
    assert Root.registry is reg
    with pytest.raises(TypeError, match="unknown attribute 'nam'"):
        Fruit(nam="x")  # type: ignore[call-arg]
    with pytest.raises(ArgumentError, match="has no table"):

        @reg.mapped
        class Nothing:
            id: Mapped[int] = mapped_column(primary_key=True)


def test_a_base_may_have_fields_of_its_own(engine: Engine) -> None:
    class Base(MappedAsDataclass, DeclarativeBase):
        trace: int
        tries: int = dataclasses.field(default=3, kw_only=True)

    class Token(Base):
        __tablename__ = "token"
        id: Mapped[int] = mapped_column(primary_key=True, init=False)
        text: Mapped[str]

    token = Token(5, "a")
    assert repr(token).endswith("Token(trace=5, tries=3, id=None, text='a')")
    assert Token(5, "a", tries=4).tries == 4
    assert Token.__table__.c.keys() == ["id", "text"]
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(token)
        session.commit()
        session.expunge_all()
        assert session.query(Token).one().text == "a"
