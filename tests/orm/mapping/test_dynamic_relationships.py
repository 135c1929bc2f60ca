"""Relationships whose attribute is a query."""

from __future__ import annotations

from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    Column,
    DetachedInstanceError,
    Engine,
    ForeignKey,
    Mapped,
    Query,
    Session,
    Table,
    attributes,
    declarative_base,
    dynamic_loader,
    joinedload,
    mapped_column,
    relationship,
)
from tests.statements import StatementLog

Base = declarative_base()

song_genre = Table(
    "song_genre",
    Base.metadata,
    Column("song_id", ForeignKey("song.id"), primary_key=True),
    Column("genre_id", ForeignKey("genre.id"), primary_key=True),
)


class LoudQuery(Query[Any]):
    def loud(self) -> list[str]:
        return [song.name.upper() for song in self]


class Singer(Base):
    __tablename__ = "singer"
    id: Mapped[int] = mapped_column(primary_key=True)
    songs: Mapped[Any] = dynamic_loader("Song", order_by="Song.name", back_populates="singer", query_class=LoudQuery)
    owned: Mapped[Any] = relationship("Prize", lazy="dynamic", cascade="all, delete-orphan")


class Song(Base):
    __tablename__ = "song"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    singer_id: Mapped[int | None] = mapped_column(ForeignKey("singer.id"))
    singer: Mapped[Singer | None] = relationship(back_populates="songs")
    genres: Mapped[Any] = relationship("Genre", secondary=song_genre, lazy="dynamic", back_populates="songs")


class Genre(Base):
    __tablename__ = "genre"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    songs: Mapped[list[Song]] = relationship(secondary=song_genre, back_populates="genres")


class Prize(Base):
    __tablename__ = "prize"
    id: Mapped[int] = mapped_column(primary_key=True)
    singer_id: Mapped[int | None] = mapped_column(ForeignKey("singer.id"))


@pytest.fixture
def session(engine: Engine) -> Any:
    Base.metadata.create_all(engine)
    with Session(bind=engine) as session:
        yield session


@pytest.fixture
def singer(session: Session) -> Singer:
    singer = Singer()
    for name in ("c", "a", "b"):
        singer.songs.append(Song(name=name))
    session.add(singer)
    session.commit()
    return singer


def test_the_attribute_is_a_query(session: Session, singer: Singer, statements: StatementLog) -> None:
    with statements.expect(1):
        assert [song.name for song in singer.songs] == ["a", "b", "c"]
    assert singer.songs.count() == 3
    assert singer.songs.filter(Song.name > "a").first().name == "b"
    assert singer.songs[1].name == "b"
    assert [song.name for song in singer.songs[1:]] == ["b", "c"]
    assert singer.songs.filter_by(name="c").one() in session
    assert singer.songs.loud() == ["A", "B", "C"]
    assert "dynamic collection Singer.songs" in repr(singer.songs)


def test_objects_are_put_in_and_taken_out_without_loading(
    session: Session, singer: Singer, statements: StatementLog
) -> None:
    song = singer.songs.filter_by(name="a").one()
    new = Song(name="d")
    with statements.expect(0):
        singer.songs.append(new)
        singer.songs.remove(song)
        singer.songs.add(other := Song(name="e"))
        singer.songs.remove(other)
    assert new.singer is singer
    assert song.singer is None
    assert singer in session.dirty
    session.commit()
    assert [s.name for s in singer.songs] == ["b", "c", "d"]
    assert session.query(Song).filter_by(name="a").one().singer_id is None


def test_the_other_side_counts_too(session: Session, singer: Singer) -> None:
    session.add(Song(name="x", singer=singer))
    with session.no_autoflush:
        assert [s.name for s in singer.songs] == ["a", "b", "c", "x"]
    session.commit()
    session.query(Song).filter_by(name="x").one().singer = None
    session.commit()
    assert singer.songs.count() == 3


def test_assignment_replaces_the_members(session: Session, singer: Singer) -> None:
    keep = singer.songs.filter_by(name="a").one()
    singer.songs = [keep, Song(name="z")]
    session.commit()
    assert [s.name for s in singer.songs] == ["a", "z"]
    with pytest.raises(ArgumentError, match="got None"):
        singer.songs = None


def test_many_to_many(session: Session) -> None:
    song, pop = Song(name="s"), Genre(name="pop")
    song.genres.extend([pop, Genre(name="rock")])
    assert pop.songs == [song]
    session.add(song)
    session.commit()
    assert sorted(g.name for g in song.genres) == ["pop", "rock"]
    assert song.genres.filter(Genre.name == "pop").one() is pop
    song.genres.remove(pop)
    session.commit()
    assert pop.songs == []
    pop.songs.append(song)
    session.commit()
    assert song.genres.count() == 2
    session.delete(song)
    session.commit()
    assert session.scalar("SELECT count(*) FROM song_genre") == 0


def test_cascades(session: Session, singer: Singer) -> None:
    prize = Prize()
    singer.owned.append(prize)
    session.flush()
    assert prize in session
    singer.owned.remove(prize)
    session.flush()
    assert session.query(Prize).count() == 0
    singer.owned.append(Prize())
    session.flush()
    session.delete(singer)
    session.flush()
    assert session.query(Prize).count() == 0
    assert session.query(Song).filter(Song.singer_id.isnot(None)).count() == 0


def test_an_orphan_that_was_never_saved_leaves_the_session(session: Session, singer: Singer) -> None:
    prize = Prize()
    singer.owned.append(prize)
    singer.owned.remove(prize)
    assert prize not in session


def test_a_rollback_forgets_what_was_put_in(session: Session, singer: Singer) -> None:
    singer.songs.append(Song(name="no"))
    session.rollback()
    assert singer.songs.count() == 3
    assert list(session.new) == []


def test_a_new_object_gives_what_was_put_in(session: Session) -> None:
    singer = Singer()
    song = Song(name="x")
    singer.songs.append(song)
    assert list(singer.songs) == [song]
    assert (singer.songs.count(), singer.songs[0], singer.songs[0:5]) == (1, song, [song])
    with pytest.raises(DetachedInstanceError):
        singer.songs.filter(Song.name == "x")


def test_a_pending_object_is_flushed_when_its_collection_is_asked(session: Session) -> None:
    for ask in (
        lambda songs: songs.count() == 2,
        lambda songs: songs.filter(Song.name > "a").count() == 1,
        lambda songs: songs[1].name == "b",
        lambda songs: [song.name for song in songs] == ["a", "b"],
        lambda songs: songs.loud() == ["A", "B"],
        lambda songs: songs.order_by(None).first() is not None,
    ):
        singer = Singer()
        session.add(singer)
        singer.songs.append(Song(name="b"))
        singer.songs.append(Song(name="a"))
        assert ask(singer.songs)
        assert singer not in session.new


def test_a_pending_object_without_autoflush_gives_what_was_put_in(session: Session) -> None:
    singer = Singer()
    session.add(singer)
    singer.songs.append(Song(name="b"))
    with session.no_autoflush:
        assert singer.songs.count() == 1
        assert singer.songs[0].name == "b"
        assert [song.name for song in singer.songs] == ["b"]


def test_an_object_that_refers_to_an_unwritten_one_is_asked_of_many_to_many(session: Session) -> None:
    song = Song(name="x")
    session.add(song)
    song.genres.append(Genre(name="g"))
    assert song.genres.filter_by(name="g").one().songs == [song]


def test_the_history_tells_what_is_there_and_what_will_be(session: Session, singer: Singer) -> None:
    before = list(singer.songs)
    new = Song(name="new")
    singer.songs.append(new)
    singer.songs.remove(before[0])
    history = attributes.get_history(singer, "songs")
    assert (history.added, history.deleted) == ([new], [before[0]])
    assert set(history.unchanged) == set(before[1:])
    assert new in session.new, "nothing is flushed for it"
    session.flush()
    assert attributes.get_history(singer, "songs") == ([], list(singer.songs), [])
    fresh = Singer()
    fresh.songs.append(new)
    assert attributes.get_history(fresh, "songs") == ([new], [], [])


def test_merge_makes_the_members_those_of_the_given_object(session: Session) -> None:
    a, b, c = Song(name="a"), Song(name="b"), Song(name="c")
    singer = Singer()
    for song in (a, b):
        singer.songs.append(song)
    session.add_all([singer, c])
    session.commit()
    given = Singer(id=singer.id)
    for song in (Song(id=b.id, name="b"), Song(id=c.id, name="c"), Song(name="d")):
        given.songs.append(song)
    assert session.merge(given) is singer
    session.commit()
    assert [song.name for song in singer.songs] == ["b", "c", "d"]
    assert session.merge(Singer(id=singer.id)) is singer
    assert singer.songs.count() == 3, "an object that says nothing of them takes none out"
    song = session.merge(Song(id=a.id, name="a"))
    song.genres.append(Genre(name="g"))
    session.commit()
    other = Song(id=a.id, name="a")
    other.genres.append(Genre(name="h"))
    session.merge(other)
    session.commit()
    assert [genre.name for genre in song.genres] == ["h"]


def test_merge_carries_over_what_a_detached_object_has_changed(
    engine: Engine, session: Session, singer: Singer
) -> None:
    first = singer.songs[0]
    session.expunge_all()
    singer.songs.remove(first)
    singer.songs.append(Song(name="new"))
    session.merge(singer)
    session.commit()
    assert sorted(song.name for song in session.query(Singer).one().songs).count("new") == 1
    assert session.get(Song, first.id).singer is None


def test_a_dynamic_relationship_cannot_be_loaded_eagerly(session: Session) -> None:
    with pytest.raises(ArgumentError, match="lazy='dynamic'"):
        session.query(Singer).options(joinedload(Singer.songs)).all()


def test_a_reference_cannot_be_dynamic() -> None:
    base = declarative_base()

    class A(base):
        __tablename__ = "a"
        id: Mapped[int] = mapped_column(primary_key=True)
        b_id: Mapped[int] = mapped_column(ForeignKey("b.id"))
        b: Mapped[Any] = relationship("B", lazy="dynamic")

    class B(base):
        __tablename__ = "b"
        id: Mapped[int] = mapped_column(primary_key=True)

    with pytest.raises(ArgumentError, match="lazy='dynamic' is for collections"):
        A()
