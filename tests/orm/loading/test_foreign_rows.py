"""Rows that other programs, or the database itself, have written: moments, decimals and UUIDs in SQLite's many forms are what they say."""

from __future__ import annotations

import datetime as dt
import sqlite3
import uuid
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flask_uow import (
    CheckConstraint,
    Computed,
    Date,
    DateTime,
    DeclarativeBase,
    Engine,
    ForeignKey,
    Index,
    Mapped,
    Numeric,
    Session,
    Time,
    aliased,
    create_engine,
    extract,
    func,
    inspect,
    literal,
    mapped_column,
    relationship,
    select,
    text,
    tuple_,
    union,
)

UTC = dt.UTC
NOON = dt.datetime(2024, 5, 1, 12)
LATER = dt.datetime(2024, 5, 1, 12, 0, 0, 250_000)
# the texts of one moment
NOONS = [
    "2024-05-01 12:00:00", "2024-05-01T12:00:00", "2024-05-01 12:00", "2024-05-01 12:00:00.0", "2024-05-01T12:00:00.000",
    "2024-05-01 12:00:00.000000", "2024-05-01T12:00:00Z", "2024-05-01 14:00:00+02:00", "2024-05-01T07:30:00.000-04:30",
    "2024-05-02 02:00:00+14:00", "2024-05-01T12:00:00.000000000",
]  # fmt: skip


class Base(DeclarativeBase):
    pass


class Reading(Base):
    __tablename__ = "reading"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[dt.datetime | None] = mapped_column(index=True)
    zoned: Mapped[dt.datetime | None] = mapped_column(DateTime(timezone=True))
    time: Mapped[dt.time | None] = mapped_column(Time)
    day: Mapped[dt.date | None] = mapped_column(Date)


class Made(Base):
    __tablename__ = "made"
    id: Mapped[int] = mapped_column(primary_key=True)
    naive: Mapped[dt.datetime] = mapped_column(server_default=func.now())
    stamped: Mapped[dt.datetime] = mapped_column(server_default=text("CURRENT_TIMESTAMP"))
    zoned: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), server_default=func.current_timestamp())
    by_flush: Mapped[dt.datetime] = mapped_column(default=func.now())
    day: Mapped[dt.date] = mapped_column(server_default=func.now())
    changed: Mapped[dt.datetime] = mapped_column(default=func.now(), onupdate=func.now())


class Event(Base):
    __tablename__ = "event"
    at: Mapped[dt.datetime] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(default="")
    notes: Mapped[list[Note]] = relationship(back_populates="event")


class Note(Base):
    __tablename__ = "note"
    id: Mapped[int] = mapped_column(primary_key=True)
    event_at: Mapped[dt.datetime | None] = mapped_column(ForeignKey("event.at"))
    event: Mapped[Event | None] = relationship(back_populates="notes")


class Fee(Base):
    __tablename__ = "fee"
    id: Mapped[int] = mapped_column(primary_key=True)
    amount: Mapped[Decimal] = mapped_column(Numeric(8, 2), index=True)
    least: Mapped[Decimal] = mapped_column(Numeric(8, 2), default=Decimal(0))
    both: Mapped[Decimal] = mapped_column(Numeric(8, 2), Computed(amount + least))
    __table_args__ = (
        CheckConstraint(least < 10, name="least_below_ten"),
        Index("fee_amounts", amount.desc(), where=least >= 0),
    )


class Device(Base):
    __tablename__ = "device"
    token: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(default="")


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        yield session


def write_readings(session: Session, database: str, texts: list[str], later: str = "2024-05-01T12:00:00.25") -> None:
    """Write rows as another program does: those of one moment, and one that is later."""
    for n, value in enumerate([*texts, later]):
        # PostgreSQL has one form only, and takes the zone of a text for a column without one as nothing
        at = value if database == "sqlite" else (NOON if n < len(texts) else LATER)
        zoned = value if value.endswith("Z") or value[-6] in "+-" else f"{value}Z"
        session.execute(
            "INSERT INTO reading (id, at, zoned, time, day) VALUES (:id, :at, :zoned, :time, :day)",
            {
                "id": n + 1,
                "at": at,
                "zoned": zoned,
                "time": ["12:00", "12:00:00", "12:00:00.000"][n % 3],
                "day": "2024-05-01",
            },
        )
    session.commit()


@pytest.mark.parametrize("name", ["at", "zoned"])
def test_all_texts_of_a_moment_are_that_moment(session: Session, database: str, name: str) -> None:
    write_readings(session, database, NOONS)
    column: Any = getattr(Reading, name)
    zone = UTC if name == "zoned" else None
    noon, later = NOON.replace(tzinfo=zone), LATER.replace(tzinfo=zone)
    every, count = len(NOONS), session.query(Reading).filter
    for criterion, expected in (
        (column == noon, every),
        (column != noon, 1),
        (column <= noon, every),
        (column < noon, 0),
        (column > noon, 1),
        (column >= later, 1),
        (column.in_([noon, later]), every + 1),
        (column.not_in([noon]), 1),
        (column.between(noon, noon), every),
        (column.between(later, later), 1),
        (~column.between(noon, noon), 1),
        (literal(noon) >= column, every),
        (column.is_distinct_from(noon), 1),
        (column.is_not_distinct_from(noon), every),
        (tuple_(column, Reading.day) == (noon, noon.date()), every),
        (tuple_(column, Reading.day).in_([(noon, noon.date())]), every),
        (column.in_(select(column).where(Reading.id == 1)), every),
        (tuple_(column, Reading.day).in_(select(column, Reading.day).where(Reading.id == 1)), every),
        (column == select(func.min(column)).scalar_subquery(), every),
        (func.coalesce(None, column) == noon, every),
        (func.nullif(column, noon) == later, 1),
        (column > Reading.day, every + 1),
        (Reading.day < column, every + 1),
        (Reading.at == Reading.zoned, every + 1),
        (column - noon == dt.timedelta(0), every),
        (column + dt.timedelta(hours=1) == noon + dt.timedelta(hours=1), every),
        (func.max(column).over() == later, None),
    ):
        if expected is not None:
            assert count(criterion).count() == expected, str(criterion)
    assert session.query(Reading).filter(func.abs(1) == 1, Reading.time == dt.time(12)).count() == every + 1


@pytest.mark.parametrize("name", ["at", "zoned"])
def test_moments_are_sorted_grouped_and_told_apart_by_what_they_are(session: Session, database: str, name: str) -> None:
    write_readings(session, database, NOONS)
    column: Any = getattr(Reading, name)
    zone = UTC if name == "zoned" else None
    noon, later = NOON.replace(tzinfo=zone), LATER.replace(tzinfo=zone)
    every = len(NOONS)
    ids = list(range(1, every + 1))
    assert session.scalars(select(Reading.id).order_by(column, Reading.id)).all() == [*ids, every + 1]
    assert session.scalars(select(Reading.id).order_by(column.desc(), Reading.id)).all() == [every + 1, *ids]
    assert session.scalars(select(Reading.id).order_by(column.desc().nulls_last(), Reading.id)).all() == [
        every + 1,
        *ids,
    ]
    by_moment = select(column, func.count()).group_by(column).order_by(column)
    assert session.execute(by_moment).all() == [(noon, every), (later, 1)]
    labelled = column.label("moment")
    for criterion in (labelled, "moment"):
        statement = select(labelled, func.count()).group_by(criterion).order_by(criterion)
        assert session.execute(statement).all() == [(noon, every), (later, 1)]
    assert session.scalars(select(column).distinct().order_by(column)).all() == [noon, later]
    assert session.scalar(select(func.count(column.distinct()))) == 2
    assert session.execute(select(func.min(column), func.max(column))).one() == (noon, later)
    both = union(select(column), select(column.label("x"))).order_by(name)
    assert session.scalars(both).all() == [noon, later]
    inner = select(column.label("m")).subquery()
    assert session.execute(select(inner.c.m, func.count()).group_by(inner.c.m).order_by(inner.c.m)).all() == [
        (noon, every), (later, 1),
    ]  # fmt: skip
    ranked = select(Reading.id, func.rank().over(order_by=column), func.count().over(partition_by=column))
    assert session.execute(ranked.order_by(Reading.id)).all() == [
        *((n, 1, every) for n in ids),
        (every + 1, every + 1, 1),
    ]
    other = aliased(Reading)
    joined = session.query(Reading.id).join(other, getattr(other, name) == column)
    assert joined.count() == every * every + 1
    assert session.scalar(select(func.max(column)).having(func.max(column) == later)) == later


def test_moments_beside_sqls_own_functions(session: Session, database: str) -> None:
    write_readings(session, database, NOONS)
    if database == "sqlite":
        assert (
            session.query(Reading).filter(Reading.at > func.datetime("2024-05-01", "+11 hours")).count()
            == len(NOONS) + 1
        )
        assert session.query(Reading).filter(Reading.at == func.datetime("2024-05-01 12:00:00")).count() == len(NOONS)
        assert session.query(Reading).filter(Reading.at <= text("CURRENT_TIMESTAMP")).count() == len(NOONS) + 1
    assert (
        session.query(Reading).filter(Reading.at < func.now(), Reading.zoned < func.current_timestamp()).count() == 12
    )
    assert session.scalars(select(extract("hour", Reading.zoned)).distinct()).all() == [12]


@pytest.mark.parametrize("name", ["naive", "stamped", "zoned", "by_flush", "day", "changed"])
def test_a_row_is_found_by_what_the_database_has_written_into_it(session: Session, name: str) -> None:
    session.add_all([Made(), Made()])
    session.commit()
    first, second = session.query(Made).order_by(Made.id)
    column, moment = getattr(Made, name), getattr(first, name)
    assert session.query(Made).filter(column == moment, Made.id == first.id).count() == 1
    assert session.query(Made).filter(column < moment, Made.id == first.id).count() == 0
    setattr(second, name, moment)
    session.commit()
    assert session.execute(select(column, func.count()).group_by(column)).all() == [(moment, 2)]
    assert session.query(Made).filter(column <= func.now()).count() == 2


def test_what_the_database_writes_has_the_form_of_its_column(session: Session, database: str) -> None:
    session.add(Made())
    session.commit()
    session.query(Made).update({"changed": func.now()})
    session.commit()
    if database == "sqlite":
        row = session.execute("SELECT naive, zoned, by_flush, day, changed FROM made").one()
        assert [len(value) for value in row] == [26, 32, 26, 10, 26]


def test_keys_that_are_moments_and_the_rows_that_refer_to_them(session: Session, database: str) -> None:
    session.execute("INSERT INTO event (at, name) VALUES ('2024-05-01T12:00:00', 'x'), ('2024-05-02 12:00:00', 'y')")
    session.execute(
        "INSERT INTO note (id, event_at) VALUES (1, '2024-05-01T12:00:00'), (2, '2024-05-01T12:00:00'), (3, '2024-05-02 12:00:00')"
    )
    session.commit()
    event = session.get(Event, NOON)
    assert event is not None
    assert [note.id for note in sorted(event.notes, key=lambda note: note.id)] == [1, 2]
    session.expire_all()
    first, other = session.query(Event).order_by(Event.at)
    assert (first.name, other.name) == ("x", "y")
    first.name = "renamed"
    session.commit()
    first.name, other.name = "a", "b"
    session.commit()
    assert session.scalars(select(Event.name).order_by(Event.at)).all() == ["a", "b"]
    assert {note.event for note in session.query(Note)} == {first, other}
    for note in session.query(Note):
        session.delete(note)
    session.flush()
    session.delete(first)
    session.delete(other)
    session.commit()
    assert session.query(Event).count() == 0


def test_the_index_of_a_moment_is_of_use(session: Session, database: str) -> None:
    if database == "sqlite":
        for criterion in ("at == :x", "at > :x", "at BETWEEN :x AND :x"):
            compiled = {
                "at == :x": Reading.at == NOON, "at > :x": Reading.at > NOON, "at BETWEEN :x AND :x": Reading.at.between(NOON, NOON),
            }[criterion]  # fmt: skip
            sql = str(select(Reading.id).where(compiled).compile(session.get_bind().dialect))
            plan = session.execute(f"EXPLAIN QUERY PLAN {sql.replace('?', chr(39) + str(NOON) + chr(39))}").all()
            assert "USING COVERING INDEX" in str(plan) or "USING INDEX" in str(plan), criterion


def test_moments_at_the_ends_of_the_calendar_are_found(session: Session) -> None:
    ends = [dt.datetime.min, dt.datetime.max, NOON]
    session.add_all([Reading(at=moment) for moment in ends])
    session.commit()
    for moment in ends:
        assert session.query(Reading).filter(Reading.at == moment).count() == 1
    assert session.query(Reading).filter(Reading.at <= dt.datetime.max).count() == 3
    assert session.query(Reading).filter(Reading.at >= dt.datetime.min).count() == 3
    assert session.query(Reading).filter(Reading.at < dt.datetime.max, Reading.at > dt.datetime.min).count() == 1


def test_decimals_of_other_programs_are_told_apart_by_their_value(session: Session) -> None:
    session.execute("INSERT INTO fee (id, amount, least) VALUES (1, '2.50', '0'), (2, '2.5', '0'), (3, '10', '0')")
    session.commit()
    half, ten = Decimal("2.5"), Decimal(10)
    assert session.scalars(select(Fee.amount).distinct().order_by(Fee.amount)).all() == [half, ten]
    assert session.execute(select(Fee.amount, func.count()).group_by(Fee.amount).order_by(Fee.amount)).all() == [
        (half, 2),
        (ten, 1),
    ]
    assert session.scalar(select(func.count(Fee.amount.distinct()))) == 2
    assert session.scalars(union(select(Fee.amount), select(Fee.amount.label("a"))).order_by("amount")).all() == [
        half,
        ten,
    ]
    assert session.query(Fee).filter(Fee.amount == half).count() == 2
    assert session.query(Fee).filter(tuple_(Fee.amount, Fee.least).in_([(half, Decimal(0))])).count() == 2
    assert session.query(Fee).filter(tuple_(Fee.amount, Fee.id) > (half, 1)).count() == 2
    assert session.query(Fee).filter(Fee.amount.in_(select(Fee.amount).where(Fee.id == 2))).count() == 2
    assert session.query(Fee).filter(Fee.amount.between(Decimal("2.49"), 9)).count() == 2


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM fee ORDER BY amount",
        "SELECT DISTINCT amount FROM fee",
        "SELECT amount FROM fee GROUP BY amount",
        "INSERT INTO fee (amount, least) VALUES ('2.00', '1')",
        "UPDATE fee SET amount = '3.00'",
        "DELETE FROM fee",
        "REINDEX",
        "VACUUM",
        "PRAGMA integrity_check",
        "INSERT INTO made (by_flush, changed) VALUES ('2024-05-01T12:00:00Z', CURRENT_TIMESTAMP)",
        "SELECT * FROM made ORDER BY naive",
        "DELETE FROM device",
    ],
)
def test_another_program_can_use_a_file_of_ours(tmp_path: Path, statement: str) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'shared.db'}")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Fee(amount=Decimal("1.50")), Made(), Device(token=uuid.UUID(int=1))])
        session.commit()
    engine.dispose()
    other = sqlite3.connect(tmp_path / "shared.db", isolation_level=None)
    other.execute(statement).fetchall()
    other.close()
    with Session(engine) as session:
        for entity in (Fee, Made, Device):
            session.query(entity).all()
    engine.dispose()


def test_what_is_worked_out_of_decimals_is_one(session: Session) -> None:
    session.add_all([Fee(amount=Decimal("0.10"), least=Decimal("0.20")), Fee(amount=Decimal("10.00"))])
    session.commit()
    assert [str(fee.both) for fee in session.query(Fee).order_by(Fee.both)] == ["0.30", "10.00"]
    assert session.query(Fee).filter(Fee.both == Decimal("0.3")).count() == 1


def test_a_file_that_has_the_collation_in_its_schema_goes_on_working(tmp_path: Path) -> None:
    class Local(DeclarativeBase):
        pass

    class Old(Local):
        __tablename__ = "old"
        id: Mapped[int] = mapped_column(primary_key=True)
        amount: Mapped[Decimal] = mapped_column(Numeric(8, 2))

    engine = create_engine(f"sqlite:///{tmp_path / 'old.db'}")
    with engine.begin() as connection:
        connection.run("CREATE TABLE old (id INTEGER PRIMARY KEY, amount DECIMAL_TEXT(8, 2) COLLATE decimal NOT NULL)")
        connection.run("CREATE INDEX amounts ON old (amount)")
    with Session(engine) as session:
        session.add_all([Old(amount=Decimal("10.00")), Old(amount=Decimal("9.00"))])
        session.commit()
        assert session.scalars(select(Old.amount).order_by(Old.amount)).all() == [Decimal(9), Decimal(10)]
        assert session.query(Old).filter(Old.amount < Decimal("9.5")).count() == 1
    assert repr(inspect(engine).get_columns("old")[1]["type"]) == "NUMERIC(precision=8, scale=2)"
    engine.dispose()


def test_uuids_without_dashes_are_found_changed_and_deleted(session: Session) -> None:
    tokens = [uuid.UUID(int=number) for number in range(1, 6)]
    for token in tokens:
        session.execute("INSERT INTO device (token, name) VALUES (:token, '')", {"token": token.hex})
    session.commit()
    assert session.get(Device, tokens[0]) is session.query(Device).filter(Device.token == tokens[0]).one()
    assert session.query(Device).filter(Device.token != tokens[0]).count() == 4
    assert session.query(Device).filter(Device.token.in_(tokens[:2])).count() == 2
    assert session.query(Device).filter(Device.token.not_in(tokens[:2])).count() == 3
    devices = session.query(Device).order_by(Device.token).all()
    devices[0].name = "one"
    session.commit()
    for device in devices:
        device.name = "all"
    session.commit()
    session.expire_all()
    assert [device.name for device in devices] == ["all"] * 5
    session.delete(devices[0])
    session.commit()
    for device in devices[1:]:
        session.delete(device)
    session.commit()
    assert session.query(Device).count() == 0
