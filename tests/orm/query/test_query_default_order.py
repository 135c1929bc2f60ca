"""``mapper(order_by=...)``: the order of queries that say nothing of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import (
    Column,
    Engine,
    ForeignKey,
    Integer,
    MetaData,
    Query,
    Registry,
    Session,
    String,
    Table,
    aliased,
    func,
    joinedload,
    lazyload,
    mapper,
    relationship,
    select,
    selectinload,
    subqueryload,
)

metadata = MetaData()
albums = Table("album", metadata, Column("id", Integer, primary_key=True), Column("title", String(9)))
songs = Table(
    "song",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("album_id", Integer, ForeignKey("album.id")),
    Column("title", String(9)),
    Column("seconds", Integer),
    Column("kind", String(9)),
)


class Thing:
    def __init__(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self, name, value)


class Album(Thing):
    pass


class Song(Thing):
    pass


class Hit(Song):
    pass


class Unordered(Song):
    pass


registry = Registry()
mapper(Album, albums, registry=registry, properties={"songs": relationship(Song)})
mapper(
    Song,
    songs,
    registry=registry,
    order_by=songs.c.title.desc(),
    polymorphic_on=songs.c.kind,
    polymorphic_identity="song",
)
mapper(Hit, inherits=Song, polymorphic_identity="hit")
mapper(Unordered, inherits=Song, polymorphic_identity="plain", order_by=False)


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    metadata.create_all(engine)
    with Session(engine) as session:
        album = Album(title="x")
        for title, seconds, kind in (("b", 3, Song), ("a", 2, Hit), ("c", 1, Hit), ("d", 2, Unordered)):
            session.add(kind(title=title, seconds=seconds))
            session.flush()
        album.songs = session.query(Song).all()
        session.add(album)
        session.commit()
        yield session


def titles(found: Any) -> str:
    return "".join(song.title for song in found)


def test_a_query_without_an_order_has_that_of_the_class(session: Session) -> None:
    query = session.query(Song)
    assert titles(query) == titles(query.all()) == "dcba"
    assert query.first().title == "d"
    assert titles(query.limit(2)) == titles(query[:2]) == "dc"
    assert titles(query.filter(Song.seconds < 3).yield_per(1)) == "dca"
    assert titles(session.scalars(select(Song))) == "dcba"
    assert titles(row[0] for row in session.execute(select(Song).execution_options(yield_per=1))) == "dcba"
    assert titles(session.query(Hit)) == "ca", "a subclass is in the order of its base"
    session.expire_all()
    assert titles(session.query(Album).one().songs) == "dcba"


@pytest.mark.parametrize("load", [lazyload, joinedload, selectinload, subqueryload])
def test_a_collection_without_an_order_has_that_of_its_class_however_it_is_loaded(session: Session, load: Any) -> None:
    session.expunge_all()
    album = session.query(Album).options(load(Album.songs)).one()
    assert titles(album.songs) == "dcba"
    session.expunge_all()
    limited = session.query(Album).options(load("songs")).order_by(Album.title.desc()).limit(1).one()
    assert titles(limited.songs) == "dcba"


def test_an_order_of_the_query_takes_its_place(session: Session) -> None:
    query = session.query(Song)
    assert titles(query.order_by(Song.title)) == titles(query.order_by("title")) == "abcd"
    assert (
        titles(query.order_by(Song.seconds).order_by(Song.title))
        == titles(query.order_by(Song.seconds, Song.title))
        == "cadb"
    )
    assert titles(session.scalars(select(Song).order_by(Song.title))) == "abcd"
    assert query.order_by(Song.title).first().title == "a"
    assert titles(query.order_by(Song.title).limit(2)) == "ab"
    assert titles(query.filter_by(seconds=2).order_by(Song.title)) == "ad"


@pytest.mark.parametrize("nothing", [None, False])
def test_none_and_false_take_the_order_away(session: Session, nothing: Any) -> None:
    assert "ORDER BY" not in str(session.query(Song).order_by(nothing))
    assert "ORDER BY" not in str(session.query(Song).order_by(Song.title).order_by(nothing))
    assert "ORDER BY" in str(session.query(Song))
    assert "ORDER BY" not in str(session.query(Unordered)), "mapper(order_by=False) of a subclass"


def test_the_order_is_that_of_the_alias_or_subquery_that_stands_for_the_class(session: Session) -> None:
    song = aliased(Song)
    assert titles(session.query(song)) == "dcba"
    assert titles(session.query(song).order_by(song.title)) == "abcd"
    assert titles(session.query(Song).filter(Song.seconds < 3).from_self()) == "dca"
    assert titles(session.query(Song).order_by(Song.title).limit(2).from_self()) == "ba"
    shortest = session.query(Song).order_by(Song.title).limit(1)
    assert titles(shortest.union(session.query(Song).filter_by(title="c"))) == "ca"
    last = session.query(Song).limit(1)
    assert titles(last.union_all(session.query(Song).filter_by(seconds=3))) == "db"


def test_what_selects_no_objects_has_no_such_order(session: Session, database: str) -> None:
    query = session.query(Song)
    assert sorted(query.with_entities(Song.seconds).distinct()) == [(1,), (2,), (3,)]
    rows = query.with_entities(Song.seconds, func.count()).group_by(Song.seconds).order_by(Song.seconds)
    assert rows.all() == [(1, 1), (2, 2), (3, 1)]
    assert sorted(query.values(Song.seconds)) == [(1,), (2,), (2,), (3,)]
    assert query.count() == 4
    assert session.query(Album, Song).filter(Song.album_id == Album.id).first()[1].title == "d"


def test_update_and_delete_mind_no_such_order(session: Session) -> None:
    assert session.query(Song).filter_by(title="b").update({"seconds": 9}) == 1
    assert session.query(Song).filter_by(title="b").delete() == 1
    assert isinstance(session.query(Song), Query)
