"""Collections for writing only, and DynamicMapped: objects go in and out, and statements ask for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    Column,
    DeclarativeBase,
    DynamicMapped,
    Engine,
    ForeignKey,
    InvalidRequestError,
    Mapped,
    Session,
    Table,
    WriteOnlyMapped,
    foreign,
    func,
    mapped_column,
    relationship,
    remote,
    select,
)


class Base(DeclarativeBase):
    pass


tagging = Table(
    "tagging",
    Base.metadata,
    Column("feed_id", ForeignKey("feed.id"), primary_key=True),
    Column("tag_id", ForeignKey("tag.id"), primary_key=True),
)


class Feed(Base):
    __tablename__ = "feed"
    id: Mapped[int] = mapped_column(primary_key=True)
    items: WriteOnlyMapped[Item] = relationship(
        order_by="Item.id", back_populates="feed", cascade="all, delete-orphan", passive_deletes=True
    )
    recent: DynamicMapped[Item] = relationship(viewonly=True)
    tags: WriteOnlyMapped[Tag] = relationship(secondary=tagging)


class Item(Base):
    __tablename__ = "item"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]
    feed_id: Mapped[int | None] = mapped_column(ForeignKey("feed.id", ondelete="CASCADE"))
    feed: Mapped[Feed | None] = relationship(back_populates="items")


class Tag(Base):
    __tablename__ = "tag"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        yield session


@pytest.fixture
def feed(session: Session) -> Feed:
    feed = Feed(items=[Item(text="a")])
    feed.items.add_all([Item(text="b"), Item(text="c")])
    session.add_all([feed, Feed(items=[Item(text="other")])])
    session.commit()
    return feed


def texts(session: Session, feed: Feed) -> list[Any]:
    return [item.text for item in session.scalars(feed.items.select())]


def test_objects_go_in_and_out_without_being_loaded(session: Session, feed: Feed) -> None:
    assert texts(session, feed) == ["a", "b", "c"]
    first = session.scalars(feed.items.select().limit(1)).one()
    feed.items.remove(first)
    feed.items.add(Item(text="d"))
    session.commit()
    assert texts(session, feed) == ["b", "c", "d"]
    assert session.scalar(select(func.count(Item.id)).where(Item.text == "a")) == 0


def test_the_other_side_is_told(session: Session, feed: Feed) -> None:
    item = Item(text="z")
    feed.items.add(item)
    assert item.feed is feed
    Item(text="y", feed=feed)
    session.commit()
    assert sorted(texts(session, feed)) == ["a", "b", "c", "y", "z"]


def test_statements_of_a_collection_are_about_its_rows(session: Session, feed: Feed) -> None:
    session.execute(feed.items.update().where(Item.text == "b").values(text="B"))
    session.execute(feed.items.delete().where(Item.text == "c"))
    session.execute(feed.items.insert().values(text="new"))
    session.execute(feed.items.insert(), [{"text": "one"}, {"text": "two"}])
    session.execute(feed.items.insert(), {"text": "three"})
    session.commit()
    assert texts(session, feed) == ["a", "B", "new", "one", "two", "three"]
    assert session.scalars(select(Item.text).where(Item.feed_id != feed.id)).all() == ["other"]
    assert session.scalar(select(func.count()).select_from(feed.items.select().subquery())) == 6


def test_a_collection_through_a_secondary_table(session: Session, feed: Feed) -> None:
    feed.tags.add_all([Tag(name="x"), Tag(name="y")])
    session.add(Tag(name="lost"))
    session.commit()
    assert sorted(tag.name for tag in session.scalars(feed.tags.select())) == ["x", "y"]
    session.execute(feed.tags.update().values(name="all"))
    session.commit()
    assert sorted(session.scalars(select(Tag.name))) == ["all", "all", "lost"]
    with pytest.raises(InvalidRequestError, match="cannot write the rows of the secondary table 'tagging'"):
        feed.tags.insert()


def test_what_cannot_be_done_says_so(session: Session, feed: Feed) -> None:
    with pytest.raises(TypeError, match=r"Execute session\.scalars\(obj\.items\.select"):
        list(feed.items)  # type: ignore[call-overload]
    with pytest.raises(InvalidRequestError, match="cannot be replaced"):
        feed.items = []
    with pytest.raises(InvalidRequestError, match="has no row yet"):
        Feed().items.select()


def test_deleting_the_owner_leaves_the_rows_to_the_database(session: Session, feed: Feed) -> None:
    session.delete(feed)
    session.commit()
    assert session.scalars(select(Item.text)).all() in (["other"], ["a", "b", "c", "other"])


def test_a_dynamic_annotation_is_a_query(session: Session, feed: Feed) -> None:
    assert feed.recent.count() == 3
    assert feed.recent.filter_by(text="b").one().text == "b"


def test_an_annotation_and_another_strategy_are_refused() -> None:
    class Own(DeclarativeBase):
        pass

    with pytest.raises(ArgumentError, match="lazy='joined' is given"):

        class Wrong(Own):
            __tablename__ = "wrong"
            id: Mapped[int] = mapped_column(primary_key=True)
            parent_id: Mapped[int | None] = mapped_column(ForeignKey("wrong.id"))
            children: WriteOnlyMapped[Wrong] = relationship(lazy="joined")


@pytest.mark.parametrize("form", ["lambda", "text", "remote"])
def test_the_sides_of_a_join_can_be_marked(engine: Engine, form: str) -> None:
    class Own(DeclarativeBase):
        pass

    joins: dict[str, Any] = {
        "lambda": lambda: Country.iso == foreign(Town.iso),
        "text": "Country.iso == foreign(Town.iso)",
        "remote": lambda: remote(foreign(Town.iso)) == Country.iso,
    }

    class Country(Own):
        __tablename__ = "country"
        id: Mapped[int] = mapped_column(primary_key=True)
        iso: Mapped[str]
        over_id: Mapped[int | None]
        towns: Mapped[list[Town]] = relationship(primaryjoin=joins[form], viewonly=True)
        over: Mapped[Country | None] = relationship(
            primaryjoin=lambda: remote(Country.id) == foreign(Country.over_id), back_populates="under"
        )
        under: Mapped[list[Country]] = relationship(
            primaryjoin="Country.id == remote(foreign(Country.over_id))", back_populates="over"
        )

    class Town(Own):
        __tablename__ = "town"
        id: Mapped[int] = mapped_column(primary_key=True)
        iso: Mapped[str]

    Own.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Country(iso="IT", under=[Country(iso="SM")]), Town(iso="IT"), Town(iso="FR")])
        session.commit()
        country = session.scalars(select(Country).where(Country.iso == "IT")).one()
        assert [town.id for town in country.towns] == [1]
        assert [other.iso for other in country.under] == ["SM"]
        assert country.under[0].over is country
        assert session.scalars(select(Country.iso).where(Country.towns.any(Town.iso == "IT"))).all() == ["IT"]
    with pytest.raises(ArgumentError, match="foreign\\(\\) marks a column"):
        foreign("Town.iso")
