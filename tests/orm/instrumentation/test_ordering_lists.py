"""ordering_list: whatever changes a list numbers its objects, in memory and in their rows."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_uow import (
    DeclarativeBase,
    Engine,
    ForeignKey,
    Mapped,
    OrderingList,
    Session,
    create_engine,
    mapped_column,
    ordering_list,
    relationship,
    select,
)


class Base(DeclarativeBase):
    pass


class Playlist(Base):
    __tablename__ = "playlist"
    id: Mapped[int] = mapped_column(primary_key=True)
    entries: Mapped[list[Entry]] = relationship(
        back_populates="playlist",
        order_by="Entry.place",
        collection_class=ordering_list("place"),
        cascade="all, delete-orphan",
    )
    letters: Mapped[list[Letter]] = relationship(
        order_by="Letter.mark",
        collection_class=ordering_list(
            "mark", ordering_func=lambda index, members: f"{chr(97 + index)}/{len(members)}"
        ),
    )
    tens: Mapped[list[Ten]] = relationship(
        order_by="Ten.place", collection_class=ordering_list("place", count_from=10, reorder_on_append=True)
    )


class Entry(Base):
    __tablename__ = "entry"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    place: Mapped[int | None]
    playlist_id: Mapped[int] = mapped_column(ForeignKey("playlist.id"))
    playlist: Mapped[Playlist] = relationship(back_populates="entries")


class Letter(Base):
    __tablename__ = "letter"
    id: Mapped[int] = mapped_column(primary_key=True)
    mark: Mapped[str | None]
    playlist_id: Mapped[int | None] = mapped_column(ForeignKey("playlist.id"))


class Ten(Base):
    __tablename__ = "ten"
    id: Mapped[int] = mapped_column(primary_key=True)
    place: Mapped[int | None]
    playlist_id: Mapped[int | None] = mapped_column(ForeignKey("playlist.id"))


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        yield session


def stored(session: Session) -> list[tuple[str, int | None]]:
    return [tuple(row) for row in session.execute(select(Entry.title, Entry.place).order_by(Entry.place, Entry.id))]


CHANGES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "append": (lambda e: e.append(Entry(title="d")), "abcd"),
    "insert": (lambda e: e.insert(1, Entry(title="d")), "adbc"),
    "extend": (lambda e: e.extend([Entry(title="d"), Entry(title="e")]), "abcde"),
    "pop": (lambda e: e.pop(0), "bc"),
    "remove": (lambda e: e.remove(e[1]), "ac"),
    "delete": (lambda e: e.__delitem__(0), "bc"),
    "delete slice": (lambda e: e.__delitem__(slice(0, 2)), "c"),
    "set": (lambda e: e.__setitem__(0, Entry(title="d")), "dbc"),
    "set slice": (lambda e: e.__setitem__(slice(0, 2), [Entry(title="d")]), "dc"),
    "sort": (lambda e: e.sort(key=lambda entry: entry.title, reverse=True), "cba"),
    "reverse": (lambda e: e.reverse(), "cba"),
    "move": (lambda e: e.insert(2, e.pop(0)), "bca"),
    "clear": (lambda e: e.clear(), ""),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("loaded", [True, False])
def test_every_change_numbers_the_objects(session: Session, change: str, loaded: bool) -> None:
    playlist = Playlist(entries=[Entry(title=title) for title in "abc"])
    session.add(playlist)
    if loaded:
        session.commit()
    act, expected = CHANGES[change]
    act(playlist.entries)
    assert [entry.title for entry in playlist.entries] == list(expected)
    session.commit()
    assert stored(session) == [(title, place) for place, title in enumerate(expected)]
    assert [entry.title for entry in playlist.entries] == list(expected)


def test_a_list_that_is_assigned_is_numbered_in_its_order(session: Session) -> None:
    playlist = Playlist(entries=[Entry(title=title) for title in "abc"])
    session.add(playlist)
    session.commit()
    playlist.entries = [playlist.entries[2], playlist.entries[0], Entry(title="d")]
    session.commit()
    assert stored(session) == [("c", 0), ("a", 1), ("d", 2)]


def test_the_other_side_numbers_too(session: Session) -> None:
    playlist = Playlist(entries=[Entry(title="a")])
    session.add(playlist)
    session.commit()
    assert len(playlist.entries) == 1
    Entry(title="b", playlist=playlist)
    session.commit()
    assert stored(session) == [("a", 0), ("b", 1)]


def test_loading_changes_nothing(session: Session) -> None:
    playlist = Playlist(entries=[Entry(title=title) for title in "ab"])
    session.add(playlist)
    session.commit()
    assert len(playlist.entries) == 2
    assert not session.dirty


def test_numbers_of_ones_own(session: Session) -> None:
    playlist = Playlist(letters=[Letter(), Letter()], tens=[Ten(place=5), Ten()])
    session.add(playlist)
    assert [letter.mark for letter in playlist.letters] == ["a/2", "b/2"]
    assert [ten.place for ten in playlist.tens] == [10, 11]
    playlist.letters.insert(0, Letter())
    assert [letter.mark for letter in playlist.letters] == ["a/3", "b/3", "c/3"]
    playlist.tens.append(Ten(place=3))
    session.commit()
    assert [ten.place for ten in playlist.tens] == [10, 11, 12]


def test_reorder_mends_numbers_that_were_set_by_hand(session: Session) -> None:
    playlist = Playlist(entries=[Entry(title=title) for title in "ab"])
    playlist.entries[0].place = 7
    playlist.entries.reorder()  # type: ignore[attr-defined]
    session.add(playlist)
    session.commit()
    assert stored(session) == [("a", 0), ("b", 1)]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.sampled_from(["insert", "pop", "move", "sort", "commit"]), st.integers(0, 5)), max_size=12)
)
def test_any_row_of_changes_leaves_the_numbers_of_a_plain_list(steps: list[tuple[str, int]]) -> None:
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        playlist = Playlist()
        session.add(playlist)
        plain: list[str] = []
        for number, (step, index) in enumerate(steps):
            if step == "insert":
                playlist.entries.insert(index, Entry(title=f"t{number}"))
                plain.insert(index, f"t{number}")
            elif step == "pop" and plain:
                playlist.entries.pop(index % len(plain))
                plain.pop(index % len(plain))
            elif step == "move" and plain:
                playlist.entries.append(playlist.entries.pop(index % len(plain)))
                plain.append(plain.pop(index % len(plain)))
                playlist.entries.reorder()  # type: ignore[attr-defined]
            elif step == "sort":
                playlist.entries.sort(key=lambda entry: entry.title)
                plain.sort()
            elif step == "commit":
                session.commit()
        session.commit()
        assert stored(session) == [(title, place) for place, title in enumerate(plain)]
    engine.dispose()


def test_a_list_by_itself_can_be_pickled() -> None:
    numbered = OrderingList("place", reorder_on_append=True)
    again = pickle.loads(pickle.dumps(numbered))
    assert (again, vars(again)) == (numbered, vars(numbered))
    assert type(again) is OrderingList
    numbered.append(Item())
    again = copy.copy(numbered)
    again.append(Item())
    assert [item.place for item in again] == [0, 1]


class Item:
    place: int | None = None
