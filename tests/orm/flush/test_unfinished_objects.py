"""New objects that came into a Session along with others: an autoflush leaves them alone until they can be written."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flask_uow import (
    Column,
    DeclarativeBase,
    Engine,
    ForeignKey,
    ForeignKeyConstraint,
    IntegrityError,
    Mapped,
    Session,
    Table,
    UniqueConstraint,
    func,
    mapped_column,
    relationship,
    select,
)
from tests.statements import StatementLog


class Base(DeclarativeBase):
    """The models of this file."""


club_town = Table(
    "club_town", Base.metadata,
    Column("club_id", ForeignKey("club.id"), primary_key=True),
    Column("town_id", ForeignKey("town.id"), primary_key=True),
)  # fmt: skip


class Club(Base):
    """Has members by a set, a badge, a dynamic relationship, and one that does not lead back."""

    __tablename__ = "club"
    id: Mapped[int] = mapped_column(primary_key=True)
    members: Mapped[set[Member]] = relationship(back_populates="club")
    badge: Mapped[Badge | None] = relationship(back_populates="club", uselist=False)
    visits = relationship("Visit", back_populates="club", lazy="dynamic")
    notes: Mapped[list[Note]] = relationship()
    towns: Mapped[list[Town]] = relationship(secondary=club_town, back_populates="clubs")


class User(Base):
    """The other one that a member needs."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    members: Mapped[list[Member]] = relationship(back_populates="user")
    visits = relationship("Visit", back_populates="user", lazy="dynamic")


class Member(Base):
    """Has a key that is made of two others."""

    __tablename__ = "member"
    club_id: Mapped[int] = mapped_column(ForeignKey("club.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    club: Mapped[Club] = relationship(back_populates="members")
    user: Mapped[User] = relationship(back_populates="members")
    cards: Mapped[list[Card]] = relationship(back_populates="member")


class Card(Base):
    """Refers to a member, and need not."""

    __tablename__ = "card"
    id: Mapped[int] = mapped_column(primary_key=True)
    club_id: Mapped[int | None]
    user_id: Mapped[int | None]
    member: Mapped[Member | None] = relationship(back_populates="cards")
    __table_args__ = (ForeignKeyConstraint(["club_id", "user_id"], ["member.club_id", "member.user_id"]),)


class Badge(Base):
    """The one of a club; needs a text."""

    __tablename__ = "badge"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]
    club_id: Mapped[int] = mapped_column(ForeignKey("club.id"))
    club: Mapped[Club] = relationship(back_populates="badge")


class Visit(Base):
    """In two dynamic relationships."""

    __tablename__ = "visit"
    id: Mapped[int] = mapped_column(primary_key=True)
    club_id: Mapped[int] = mapped_column(ForeignKey("club.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    club: Mapped[Club] = relationship(back_populates="visits")
    user: Mapped[User] = relationship(back_populates="visits")


class Note(Base):
    """Does not know its club."""

    __tablename__ = "note"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]
    club_id: Mapped[int] = mapped_column(ForeignKey("club.id"))


class Town(Base):
    """On the far side of a many-to-many relationship; needs a name."""

    __tablename__ = "town"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    clubs: Mapped[list[Club]] = relationship(secondary=club_town, back_populates="towns")


class Rank(Base):
    """Has a place of its own in a club."""

    __tablename__ = "rank"
    id: Mapped[int] = mapped_column(primary_key=True)
    club_id: Mapped[int] = mapped_column(ForeignKey("club.id"))
    place: Mapped[int] = mapped_column(default=0)
    club: Mapped[Club] = relationship(backref="ranks")
    __table_args__ = (UniqueConstraint("club_id", "place"),)


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Club(), User()])
        session.commit()
        yield session


Step = Callable[[Session, Any, Club, User], None]


def step_club(session: Session, made: Any, club: Club, user: User) -> None:
    made.club = club


def step_club_members(session: Session, made: Any, club: Club, user: User) -> None:
    club.members.add(made) if isinstance(made, Member) else club.visits.append(made)


def step_user(session: Session, made: Any, club: Club, user: User) -> None:
    made.user = user


def step_user_members(session: Session, made: Any, club: Club, user: User) -> None:
    (user.members if isinstance(made, Member) else user.visits).append(made)


def query(session: Session, made: Any, club: Club, user: User) -> None:
    session.query(Town).count()
    session.expire(club)
    session.query(Club).one()


def add(session: Session, made: Any, club: Club, user: User) -> None:
    session.add(made)


ORDERS = [
    order
    for one, other in itertools.product((step_club, step_club_members), (step_user, step_user_members))
    for order in itertools.permutations((one, query, other))
]


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: "-".join(step.__name__ for step in order))
@pytest.mark.parametrize("class_", [Member, Visit])
@pytest.mark.parametrize("add_at_the_end", [True, False])
def test_an_object_with_two_parents_is_made_in_any_order_of_lines(
    session: Session, statements: StatementLog, order: tuple[Step, ...], class_: Any, add_at_the_end: bool
) -> None:
    club, user = session.query(Club).one(), session.query(User).one()
    made = class_()
    for step in (*order, add) if add_at_the_end else order:
        step(session, made, club, user)
    session.commit()
    assert [(found.club, found.user) for found in session.query(class_)] == [(club, user)]
    assert len([sql for sql in statements.sql if f"INSERT INTO {class_.__tablename__}" in sql]) == 1


def test_an_unfinished_object_is_in_the_session_and_waits(session: Session) -> None:
    member = Member(club=session.query(Club).one())
    session.query(User).all()
    assert member in session
    assert member in session.new
    member.user = session.query(User).one()
    session.flush()
    assert member not in session.new


def test_a_flush_writes_unfinished_objects(session: Session) -> None:
    Badge(club=session.query(Club).one())
    session.query(User).all()
    with pytest.raises(IntegrityError):
        session.flush()
    session.rollback()


def test_a_commit_writes_what_nobody_has_added(session: Session) -> None:
    badge = Badge(club=session.query(Club).one())
    session.query(User).all()
    badge.text = "x"
    session.commit()
    assert session.query(Badge).one() is badge


def test_what_was_added_is_written_by_each_autoflush(session: Session) -> None:
    badge = Badge(club=session.query(Club).one())
    session.query(User).all()
    session.add(badge)
    with pytest.raises(IntegrityError):
        session.query(User).all()
    session.rollback()


def test_what_is_reached_from_an_added_object_counts_as_added(session: Session) -> None:
    member = Member(club=session.query(Club).one())
    session.query(User).all()
    session.add(Card(member=member))
    with pytest.raises(Exception, match="user_id"):
        session.query(User).all()
    session.rollback()


def test_a_finished_object_is_seen_by_queries_although_nobody_has_added_it(session: Session) -> None:
    club = session.query(Club).one()
    Badge(club=club, text="x")
    assert session.query(Badge).count() == 1
    assert session.scalars(select(Badge.text)).all() == ["x"]
    club.notes.append(Note(text="n"))
    assert session.query(Note).count() == 1


def test_what_refers_to_an_unfinished_object_waits_with_it(session: Session) -> None:
    member = Member(club=session.query(Club).one())
    card = Card(member=member)
    session.query(User).all()
    assert {member, card} <= set(session.new)
    member.user = session.query(User).one()
    assert session.query(Card).one().member is member
    assert (card.club_id, card.user_id) == (member.club_id, member.user_id)


def test_a_row_that_is_to_refer_to_an_unfinished_object_is_updated_twice(session: Session) -> None:
    card = Card()
    session.add(card)
    session.commit()
    member = Member(club=session.query(Club).one())
    card.member = member
    assert session.query(Card).one() is card
    assert card.user_id is None
    assert card.member is member
    member.user = session.query(User).one()
    session.commit()
    assert card.member is member
    assert card.user_id is not None


def test_a_collection_keeps_an_unfinished_object_for_later(session: Session, statements: StatementLog) -> None:
    club = session.query(Club).one()
    note = Note()
    club.notes.append(note)
    club.notes.append(Note(text="b"))
    assert [found.text for found in session.query(Note)] == ["b"]
    assert note in session.new
    note.text = "a"
    session.commit()
    assert sorted(note.text for note in club.notes) == ["a", "b"]


def test_a_new_parent_keeps_an_unfinished_object_for_later(session: Session) -> None:
    club = Club()
    session.add(club)
    note = Note()
    club.notes.append(note)
    session.query(User).all()
    assert club not in session.new
    assert note in session.new
    assert club.notes == [note]
    note.text = "a"
    session.commit()
    assert club.notes == [note]


@pytest.mark.parametrize("from_the_town", [True, False])
def test_a_many_to_many_relationship_keeps_an_unfinished_object_for_later(
    session: Session, from_the_town: bool
) -> None:
    club = session.query(Club).one()
    town = Town()
    if from_the_town:
        town.clubs.append(club)
    else:
        club.towns.append(town)
    club.towns.append(Town(name="b"))
    assert session.query(Town).count() == 1
    town.name = "a"
    session.commit()
    assert sorted(town.name for town in club.towns) == ["a", "b"]
    assert session.scalar(select(func.count()).select_from(club_town)) == 2


def test_an_unfinished_object_that_is_taken_out_again_is_forgotten(session: Session) -> None:
    club = session.query(Club).one()
    note = Note()
    club.notes.append(note)
    session.query(User).all()
    club.notes.remove(note)
    session.expunge(note)
    session.commit()
    assert session.query(Note).count() == 0


def test_a_place_that_is_still_to_be_chosen_is_not_taken_by_its_default(session: Session) -> None:
    club = session.query(Club).one()
    session.add(Rank(club=club))
    session.commit()
    rank = Rank(club=club)
    rank.place = session.scalar(select(func.max(Rank.place))) + 1
    session.commit()
    assert sorted(rank.place for rank in session.query(Rank)) == [0, 1]


def test_an_unfinished_object_is_gone_after_a_rollback(session: Session) -> None:
    member = Member(club=session.query(Club).one())
    session.query(User).all()
    session.rollback()
    assert member not in session
    session.query(User).all()
    session.commit()
    assert session.query(Member).count() == 0


def test_the_object_that_a_new_one_was_made_for_may_be_replaced(session: Session) -> None:
    club, other = session.query(Club).one(), Club()
    badge = Badge(club=club)
    session.query(User).all()
    badge.club = other
    badge.text = "x"
    session.commit()
    assert badge.club is other
    assert club.badge is None
