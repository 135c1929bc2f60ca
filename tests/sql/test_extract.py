"""extract(): parts of dates and times as numbers, the same on both databases."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_uow import ArgumentError, Engine
from flask_uow.sql import (
    Column,
    Date,
    DateTime,
    Integer,
    Interval,
    MetaData,
    String,
    Table,
    Time,
    cast,
    extract,
    func,
    insert,
    literal,
    select,
)

moments = st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1))

EXPECTED: dict[str, Any] = {
    "year": lambda m: m.year,
    "quarter": lambda m: (m.month - 1) // 3 + 1,
    "month": lambda m: m.month,
    "week": lambda m: int(m.strftime("%V")),
    "day": lambda m: m.day,
    "doy": lambda m: int(m.strftime("%j")),
    "dow": lambda m: int(m.strftime("%w")),
    "isodow": lambda m: int(m.strftime("%u")),
    "isoyear": lambda m: int(m.strftime("%G")),
    "hour": lambda m: m.hour,
    "minute": lambda m: m.minute,
    "second": lambda m: m.second + m.microsecond / 1e6,
}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moments)
def test_each_part_is_that_which_python_knows(engine: Engine, moment: dt.datetime) -> None:
    with engine.connect() as connection:
        row = connection.execute(select(*(extract(field, literal(moment)).label(field) for field in EXPECTED))).one()
        assert tuple(row) == pytest.approx(tuple(expected(moment) for expected in EXPECTED.values()))
        assert [type(value) for value in row] == [int] * 11 + [float]
        days = [field for field in EXPECTED if field not in ("hour", "minute", "second")]
        row = connection.execute(select(*(extract(field, literal(moment.date())) for field in days))).one()
        assert tuple(row) == tuple(EXPECTED[field](moment) for field in days)
        zoned = moment.replace(tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=30)))
        hour = connection.scalar(select(extract("hour", cast(literal(zoned), DateTime(timezone=True)))))
        assert hour == zoned.astimezone(dt.UTC).hour
        epoch = connection.scalar(select(extract("epoch", literal(moment))))
        assert epoch == pytest.approx(moment.replace(tzinfo=dt.UTC).timestamp())


def test_it_groups_and_filters_rows(engine: Engine) -> None:
    table = Table(
        "visit", MetaData(), Column("id", Integer, primary_key=True), Column("at", DateTime), Column("t", Time)
    )
    table.metadata.create_all(engine)
    with engine.begin() as connection:
        times = [dt.datetime(2026, 1, 3), dt.datetime(2026, 1, 9), dt.datetime(2026, 7, 1), None]
        connection.execute(insert(table), [{"at": at, "t": dt.time(7, n)} for n, at in enumerate(times)])
        month = extract("month", table.c.at)
        counted = select(month.label("month"), func.count()).where(month != None).group_by(month).order_by("month")  # noqa: E711
        assert connection.execute(counted).all() == [(1, 2), (7, 1)]
        assert connection.execute(select(month).where(table.c.id == 4)).one() == (None,)
        assert connection.execute(select(extract("year", table.c.at)).limit(1)).keys() == ("year",)
        assert connection.scalars(select(extract("minute", table.c.t)).order_by(table.c.id)).all() == [0, 1, 2, 3]


def test_what_it_cannot_take_apart_is_refused() -> None:
    with pytest.raises(ArgumentError, match="no field 'hour'"):
        extract("hour", cast("2026-01-01", Date))
    for element in (cast("x", String), func.foo(), 5):
        with pytest.raises(ArgumentError, match="of the type Date, Time, DateTime or Interval"):
            extract("year", element)
    with pytest.raises(ArgumentError, match="no field 'year'"):
        extract("year", literal(dt.timedelta(1), Interval))
    with pytest.raises(ArgumentError, match="no field 'year; DROP TABLE x'"):
        extract("year; DROP TABLE x", literal(dt.datetime(2026, 1, 1)))


def test_how_it_is_written() -> None:
    at = Column("at", DateTime(timezone=True))
    Table("event", MetaData(), Column("id", Integer, primary_key=True), at)
    assert str(extract("year", at)) == "EXTRACT(year FROM event.at)"


def test_a_database_time_can_be_taken_apart(engine: Engine) -> None:
    with engine.connect() as connection:
        assert connection.scalar(select(extract("year", func.now()))) >= 2026


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.timedeltas(dt.timedelta(days=-4000), dt.timedelta(days=4000)), moments)
def test_spans_of_time_are_taken_apart_alike(engine: Engine, span: dt.timedelta, moment: dt.datetime) -> None:
    sign, whole = (-1 if span < dt.timedelta() else 1), abs(span)
    expected = {
        "epoch": span.total_seconds(),
        "day": sign * whole.days,
        "hour": sign * (whole.seconds // 3600),
        "minute": sign * (whole.seconds // 60 % 60),
        "second": sign * (whole.seconds % 60 + whole.microseconds / 1e6),
    }
    difference = literal(moment + span) - literal(moment)
    with engine.connect() as connection:
        for given_span in (literal(span, Interval), difference):
            row = connection.execute(select(*(extract(field, given_span).label(field) for field in expected))).one()
            assert tuple(row) == pytest.approx(tuple(expected.values()))
        assert connection.scalar(select(extract("epoch", func.now() - func.now()))) == pytest.approx(0, abs=5)
        # what is taken apart may be arithmetic itself
        moved = extract("year", func.now() - dt.timedelta(days=3000))
        assert 2000 < connection.scalar(select(moved)) < dt.datetime.now(dt.UTC).year
