"""Validators, attribute extensions, the reconstructor."""

from __future__ import annotations

from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    AttributeExtension,
    Column,
    DeclarativeBase,
    Engine,
    ForeignKey,
    Integer,
    Mapped,
    MetaData,
    Registry,
    Session,
    String,
    Table,
    attribute_mapped_collection,
    column_property,
    declarative_base,
    mapped_column,
    mapper,
    reconstructor,
    relationship,
    validates,
)

Base = declarative_base()


class Account(Base):
    __tablename__ = "account"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str]
    tags: Mapped[list[Label]] = relationship(back_populates="account")

    @validates("email")
    def check_email(self, name: str, value: str) -> str:
        if "@" not in value:
            raise ValueError(f"{name} without @")
        return value.lower()

    @validates("tags")
    def check_tag(self, name: str, tag: Label) -> Label:
        if tag.text == "bad":
            raise ValueError("bad tag")
        return tag

    @reconstructor
    def on_load(self) -> None:
        self.was_loaded = True


class Label(Base):
    __tablename__ = "label"
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    text: Mapped[str]
    account: Mapped[Account | None] = relationship(back_populates="tags")

    @validates("account")
    def check_account(self, name: str, account: Account | None) -> Account | None:
        if account is not None and account.email == "closed@x":
            raise ValueError("closed")
        return account


@pytest.fixture
def session(engine: Engine) -> Any:
    Base.metadata.create_all(engine)
    with Session(bind=engine) as session:
        yield session


def test_a_validator_may_change_a_value_or_refuse_it() -> None:
    account = Account(email="ED@X")
    assert account.email == "ed@x"
    account.email = "JO@X"
    assert account.email == "jo@x"
    with pytest.raises(ValueError, match="email without @"):
        account.email = "nothing"
    assert account.email == "jo@x"
    with pytest.raises(ValueError, match="email without @"):
        Account(email="nothing")


def test_a_validator_sees_what_is_put_into_a_collection() -> None:
    account = Account(email="a@x")
    for put_in in (
        lambda: account.tags.append(Label(text="bad")),
        lambda: account.tags.insert(0, Label(text="bad")),
        lambda: account.tags.extend([Label(text="bad")]),
        lambda: setattr(account, "tags", [Label(text="bad")]),
        lambda: Label(text="bad", account=account),
    ):
        with pytest.raises(ValueError, match="bad tag"):
            put_in()
    account.tags.append(Label(text="good"))
    assert [tag.text for tag in account.tags] == ["good"]


def test_a_validator_of_a_reference_sees_changes_from_the_other_side() -> None:
    with pytest.raises(ValueError, match="closed"):
        Label(text="x", account=Account(email="closed@x"))
    account = Account(email="closed@x")
    with pytest.raises(ValueError, match="closed"):
        account.tags.append(Label(text="x"))


def test_validators_are_not_called_for_what_is_loaded(session: Session) -> None:
    session.execute("INSERT INTO account (id, email) VALUES (1, 'UPPER')")
    assert session.get(Account, 1).email == "UPPER"


def test_a_subclasss_validator_takes_the_place_of_its_bases() -> None:
    class Special(Account):
        __mapper_args__ = {"passive_updates": True}

        @validates("email")
        def check_email(self, name: str, value: str) -> str:
            return value.upper()

    assert Special(email="a").email == "A"
    assert Account(email="A@").email == "a@"


def test_the_reconstructor_is_called_for_loaded_objects_only(session: Session) -> None:
    account = Account(email="a@x")
    session.add(account)
    session.commit()
    assert account.email == "a@x"
    assert not hasattr(account, "was_loaded")
    session.expunge_all()
    assert session.query(Account).one().was_loaded


def test_two_reconstructors_are_a_mistake() -> None:
    def twice() -> type:
        class Twice(Base):
            __tablename__ = "twice"
            id: Mapped[int] = mapped_column(primary_key=True)

            @reconstructor
            def one(self) -> None: ...

            @reconstructor
            def two(self) -> None: ...

        return Twice

    with pytest.raises(ArgumentError, match="marks two methods as @reconstructor"):
        twice()
    with pytest.raises(ArgumentError, match="takes the names of attributes"):
        validates()


class Log(AttributeExtension):
    active_history = True

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def append(self, state: Any, value: Any, initiator: Any) -> Any:
        self.calls.append(("append", type(state.obj).__name__, value.name, initiator.key))
        return value

    def remove(self, state: Any, value: Any, initiator: Any) -> None:
        self.calls.append(("remove", type(state.obj).__name__, value.name, initiator.key))

    def set(self, state: Any, value: Any, oldvalue: Any, initiator: Any) -> Any:
        self.calls.append(("set", value, oldvalue, initiator.key))
        return value.strip() if isinstance(value, str) else value


def test_attribute_extensions_are_told_of_every_change(engine: Engine) -> None:
    metadata, registry = MetaData(), Registry()
    parents = Table("parents", metadata, Column("id", Integer, primary_key=True), Column("name", String(9)))
    children = Table(
        "children", metadata, Column("id", Integer, primary_key=True), Column("name", String(9)),
        Column("parent_id", ForeignKey("parents.id")),
    )  # fmt: skip

    class Thing:
        def __init__(self, name: str) -> None:
            self.name = name

    class Parent(Thing):
        children: Any

    class Child(Thing):
        parent: Any

    names, members, owner = Log(), Log(), Log()
    mapper(
        Parent, parents, registry=registry,
        properties={
            "name": column_property(parents.c.name, extension=names),
            "children": relationship(Child, back_populates="parent", extension=[members]),
        },
    )  # fmt: skip
    mapper(
        Child, children, registry=registry,
        properties={"parent": relationship(Parent, back_populates="children", extension=owner)},
    )  # fmt: skip
    metadata.create_all(engine)
    with Session(bind=engine) as session:
        parent = Parent(" p ")
        assert parent.name == "p"
        child = Child("c")
        parent.children.append(child)
        assert members.calls == [("append", "Parent", "c", "children")]
        assert owner.calls == [("set", parent, None, "parent")]
        session.add(parent)
        session.commit()
        parent.name = "q"
        assert names.calls[-1] == ("set", "q", "p", "name")
        child.parent = None
        assert members.calls[-1] == ("remove", "Parent", "c", "children")
        session.commit()
        assert child.parent is None


def test_extensions_and_validators_on_dynamic_relationships(engine: Engine) -> None:
    base = declarative_base()
    log = Log()

    class Box(base):
        __tablename__ = "box"
        id: Mapped[int] = mapped_column(primary_key=True)
        items: Mapped[list[Item]] = relationship(lazy="dynamic", extension=log)

        @validates("items")
        def check(self, name: str, item: Item) -> Item:
            if item.name == "no":
                raise ValueError("no")
            return item

    class Item(base):
        __tablename__ = "item"
        id: Mapped[int] = mapped_column(primary_key=True)
        box_id: Mapped[int | None] = mapped_column(ForeignKey("box.id"))
        name: Mapped[str]

    box = Box()
    box.items.append(item := Item(name="i"))
    box.items.remove(item)
    assert [call[0] for call in log.calls] == ["append", "remove"]
    with pytest.raises(ValueError, match="no"):
        box.items.append(Item(name="no"))


# -- validators that make the object that is related


@pytest.mark.parametrize("kind", ["list", "set", "dict", "dynamic"])
def test_a_validator_may_make_the_object_that_is_put_into_a_collection(engine: Engine, kind: str) -> None:
    class Base(DeclarativeBase):
        pass

    options: dict[str, Any] = {
        "list": {},
        "set": {"collection_class": set},
        "dict": {"collection_class": attribute_mapped_collection("text")},
        "dynamic": {"lazy": "dynamic"},
    }[kind]

    class Article(Base):
        __tablename__ = "article"
        id: Mapped[int] = mapped_column(primary_key=True)
        keywords: Mapped[Any] = relationship("Keyword", back_populates="article", uselist=True, **options)

        @validates("keywords")
        def make_keyword(self, key: str, value: Any) -> Any:
            return Keyword(text=value) if isinstance(value, str) else value

    class Keyword(Base):
        __tablename__ = "keyword"
        id: Mapped[int] = mapped_column(primary_key=True)
        article_id: Mapped[int | None] = mapped_column(ForeignKey("article.id"))
        text: Mapped[str]
        article: Mapped[Any] = relationship("Article", back_populates="keywords")

        @validates("article")
        def make_article(self, key: str, value: Any) -> Any:
            return Article() if value == "new" else value

    Base.metadata.create_all(engine)

    def texts(article: Any) -> list[str]:
        found = article.keywords.values() if kind == "dict" else article.keywords
        return sorted(keyword.text for keyword in found)

    with Session(engine) as session:
        article = Article()
        session.add(article)
        session.flush()
        if kind == "dict":
            article.keywords["a"] = "a"
            article.keywords.update({"b": "b"})
        elif kind == "set":
            article.keywords.add("a")
            article.keywords |= {"b"}
        else:
            article.keywords.append("a")
            article.keywords.extend(["b"])
        session.commit()
        assert texts(article) == ["a", "b"]
        article.keywords = {"c": "c", "d": "d"} if kind == "dict" else ["c", "d"]
        session.commit()
        assert texts(article) == ["c", "d"]
        keyword = Keyword(text="e", article="new")
        session.add(keyword)
        session.commit()
        assert texts(keyword.article) == ["e"]
        with pytest.raises(ArgumentError, match="takes objects of Keyword, got int"):
            article.keywords = {1: 1} if kind == "dict" else [1]
        with pytest.raises(ArgumentError, match="takes objects of Article, got str"):
            keyword.article = "old"
        assert keyword.article is not None
