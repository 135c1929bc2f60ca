"""Sessions on a connection that is in a transaction already, and values of new objects over savepoints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    Connection,
    Engine,
    ForeignKey,
    IntegrityError,
    InvalidRequestError,
    Mapped,
    Session,
    create_session,
    declarative_base,
    mapped_column,
    relationship,
    select,
    sessionmaker,
)

Base = declarative_base()


class Stamp(Base):
    __tablename__ = "stamp"
    id: Mapped[int] = mapped_column(primary_key=True)
    motif: Mapped[str] = mapped_column(unique=True)
    price: Mapped[int | None]
    prints: Mapped[list[Print]] = relationship(back_populates="stamp", cascade="all, delete-orphan")


class Print(Base):
    __tablename__ = "print"
    id: Mapped[int] = mapped_column(primary_key=True)
    stamp_id: Mapped[int] = mapped_column(ForeignKey("stamp.id"))
    place: Mapped[str]
    stamp: Mapped[Stamp] = relationship(back_populates="prints")


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    Base.metadata.create_all(engine)
    with engine.connect() as connection:
        yield connection


def motifs(connection: Any) -> list[str]:
    return sorted(connection.scalars(select(Stamp.motif)))


# what is left of "outer" and "inner" within, and whether the transaction and the savepoint around are still active, after each end
OUTCOMES = {
    ("rollback_only", "plain"): {
        "commit": (["inner", "outer"], True, None),
        "rollback": ([], False, None),
        "close": (["inner", "outer"], True, None),
    },
    ("rollback_only", "savepoint"): {
        "commit": (["inner", "outer"], True, True),
        "rollback": (["outer"], True, False),
        "close": (["inner", "outer"], True, True),
    },
    ("control_fully", "plain"): {
        "commit": (["inner", "outer"], False, None),
        "rollback": ([], False, None),
        "close": ([], False, None),
    },
    ("control_fully", "savepoint"): {
        "commit": (["inner", "outer"], True, False),
        "rollback": (["outer"], True, False),
        "close": (["outer"], True, False),
    },
    ("create_savepoint", "plain"): {
        "commit": (["inner", "outer"], True, None),
        "rollback": (["outer"], True, None),
        "close": (["outer"], True, None),
    },
    ("create_savepoint", "savepoint"): {
        "commit": (["inner", "outer"], True, True),
        "rollback": (["outer"], True, True),
        "close": (["outer"], True, True),
    },
    ("conditional_savepoint", "plain"): {
        "commit": (["inner", "outer"], True, None),
        "rollback": ([], False, None),
        "close": (["inner", "outer"], True, None),
    },
    ("conditional_savepoint", "savepoint"): {
        "commit": (["inner", "outer"], True, True),
        "rollback": (["outer"], True, True),
        "close": (["outer"], True, True),
    },
}


@pytest.mark.parametrize(
    ("mode", "around", "end"), [(*how, end) for how, outcomes in OUTCOMES.items() for end in outcomes]
)
def test_each_mode_says_which_ends_reach_the_transaction_around(
    connection: Connection, mode: str, around: str, end: str
) -> None:
    outer = connection.begin()
    connection.execute("INSERT INTO stamp (motif) VALUES ('outer')")
    savepoint = connection.begin_nested() if around == "savepoint" else None
    session = Session(connection, join_transaction_mode=mode)
    session.add(Stamp(motif="inner"))
    session.flush()
    getattr(session, end)()
    found = (motifs(connection), outer.is_active, savepoint.is_active if savepoint is not None else None)
    assert found == OUTCOMES[mode, around][end]


def test_a_rollback_reaches_the_transaction_around_by_default(connection: Connection) -> None:
    for make in (Session, sessionmaker(), sessionmaker(bind=connection), create_session):
        outer = connection.begin()
        session = make(bind=connection)
        transaction = session.begin() if session.autocommit else session
        session.add(Stamp(motif="crow"))
        session.flush()
        transaction.rollback()
        assert not outer.is_active
        assert motifs(connection) == []
        session.close()


def test_after_a_failed_flush_and_a_rollback_the_session_is_usable(connection: Connection) -> None:
    outer = connection.begin()
    session = Session(connection)
    session.add(Stamp(motif="crow"))
    session.commit()
    session.add(Stamp(motif="crow"))
    with pytest.raises(IntegrityError):
        session.flush()
    session.rollback()
    assert not outer.is_active
    assert session.query(Stamp).count() == 0
    session.add(Stamp(motif="owl"))
    session.commit()
    assert motifs(connection) == ["owl"]


@pytest.mark.parametrize("savepoint_around", [False, True])
def test_a_failed_flush_in_a_savepoint_of_the_sessions_own_leaves_the_transaction_around(
    connection: Connection, savepoint_around: bool
) -> None:
    outer = connection.begin()
    if savepoint_around:
        connection.begin_nested()
    mode = "conditional_savepoint" if savepoint_around else "create_savepoint"
    session = sessionmaker(bind=connection, join_transaction_mode=mode)()
    session.add(Stamp(motif="crow"))
    session.commit()
    session.add(Stamp(motif="crow"))
    with pytest.raises(IntegrityError):
        session.flush()
    session.rollback()
    with session.begin_nested():
        session.add(Stamp(motif="owl"))
    with pytest.raises(IntegrityError), session.begin_nested():
        session.add(Stamp(motif="owl"))
    session.commit()
    assert motifs(connection) == ["crow", "owl"]
    session.close()
    outer.rollback()
    assert motifs(connection) == []


def test_savepoints_of_the_session_are_inside_the_transaction_around(connection: Connection) -> None:
    with connection.begin() as outer:
        session = Session(connection)
        session.add(Stamp(motif="crow"))
        with pytest.raises(IntegrityError), session.begin_nested():
            session.add(Stamp(motif="crow"))
        assert outer.is_active
        session.commit()
    assert motifs(connection) == ["crow"]


def test_sessions_on_one_connection_share_its_transaction(connection: Connection) -> None:
    outer = connection.begin()
    one, other = Session(connection), Session(connection)
    one.add(Stamp(motif="one"))
    one.commit()
    other.add(Stamp(motif="other"))
    other.commit()
    assert motifs(one) == motifs(other) == ["one", "other"]
    other.rollback()
    assert not outer.is_active
    with pytest.raises(InvalidRequestError, match="was ended from outside"):
        one.query(Stamp).all()
    one.rollback()
    assert one.query(Stamp).all() == []


def test_nothing_is_written_by_itself_when_the_transaction_around_has_ended(connection: Connection) -> None:
    outer = connection.begin()
    session = Session(connection)
    session.add(Stamp(motif="crow"))
    session.flush()
    outer.commit()
    session.add(Stamp(motif="owl"))
    with pytest.raises(InvalidRequestError, match="was ended from outside"):
        session.flush()
    session.rollback()
    assert motifs(connection) == ["crow"]


def test_everything_inside_a_transaction_for_tests(connection: Connection) -> None:
    engine = connection.engine
    with engine.rolled_back():
        with engine.connect() as inside:
            outer = inside.begin()
            session = Session(inside)
            session.add(Stamp(motif="crow"))
            session.commit()
            session.add(Stamp(motif="crow"))
            with pytest.raises(IntegrityError):
                session.flush()
            session.rollback()
            assert not outer.is_active
            assert motifs(session) == []
        with Session(engine) as session:
            session.add(Stamp(motif="owl"))
            session.commit()
            session.add(Stamp(motif="owl"))
            with pytest.raises(IntegrityError):
                session.commit()
            session.rollback()
            assert motifs(session) == ["owl"]
    assert motifs(connection) == []


def test_a_transaction_from_outside_cannot_be_prepared(connection: Connection) -> None:
    for mode in ("rollback_only", "create_savepoint"):
        with connection.begin():
            session = Session(connection, twophase=True, join_transaction_mode=mode)
            session.add(Stamp(motif=mode))
            with pytest.raises(InvalidRequestError, match="was begun outside"):
                session.prepare()
            session.close()


def test_an_unknown_mode_is_refused(connection: Connection) -> None:
    with pytest.raises(ArgumentError, match=r"'rolback_only' is unknown\. Did you mean 'rollback_only'"):
        Session(connection, join_transaction_mode="rolback_only")


# -- values over savepoints


def test_a_new_object_has_its_values_after_a_savepoint_and_all_around_it_were_rolled_back(
    connection: Connection,
) -> None:
    session = Session(connection.engine)
    stamp = Stamp(motif="crow", price=1, prints=[Print(place="Rome")])
    session.add(stamp)
    savepoint = session.begin_nested()
    stamp.price = 2
    session.flush()
    stamp.price = 3
    stamp.prints.append(Print(place="Oslo"))
    session.flush()
    stamp.motif = "not flushed"
    savepoint.rollback()
    session.begin_nested().rollback()
    session.rollback()
    assert (stamp.id, stamp.motif, stamp.price) == (None, "crow", 1)
    assert [(p.place, p.stamp) for p in stamp.prints] == [("Rome", stamp)]
    session.add(stamp)
    session.commit()
    assert (stamp.motif, stamp.price, [p.place for p in stamp.prints]) == ("crow", 1, ["Rome"])
    session.close()


def test_values_are_those_before_the_savepoint_of_each_object(connection: Connection) -> None:
    session = Session(connection.engine)
    first = Stamp(motif="first")
    session.add(first)
    with session.begin_nested():
        second = Stamp(motif="second")
        session.add(second)
        inner = session.begin_nested()
        first.price, second.price = 1, 2
        session.flush()
        inner.rollback()
        second.price = 3
    first.price = 4
    session.flush()
    session.begin_nested().rollback()
    session.rollback()
    assert [(s.motif, s.price) for s in (first, second)] == [("first", 4), ("second", 3)]
    session.close()


def test_a_failed_insert_in_a_savepoint_takes_no_values_of_others(connection: Connection) -> None:
    session = Session(connection.engine)
    session.add(Stamp(motif="crow"))
    session.commit()
    owl = Stamp(motif="owl")
    session.add(owl)
    with pytest.raises(IntegrityError), session.begin_nested():
        owl.price = 5
        session.add(Stamp(motif="crow"))
    session.rollback()
    assert (owl.motif, owl.price) == ("owl", None)
    session.close()
