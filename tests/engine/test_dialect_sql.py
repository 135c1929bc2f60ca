"""Expressions mean the same on both databases, however each has to write them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from flask_uow.engine import Connection, Engine
from flask_uow.engine.dialects.sqlite_decimal import collate_decimal
from flask_uow.sql.functions import func
from flask_uow.sql.schema import Column, MetaData, Table
from flask_uow.sql.select import select
from flask_uow.sql.types import BigInteger, Date, DateTime, Float, Integer, Interval, Numeric, String, Time

UTC = dt.UTC
TABLE = Table(
    "things", MetaData(), Column("id", Integer, primary_key=True), Column("name", String(50)), Column("price", Numeric(12, 2)),
    Column("day", Date), Column("at", DateTime), Column("clock", Time), Column("span", Interval), Column("big", BigInteger),
    Column("ratio", Float),
)  # fmt: skip
C = TABLE.c
ROWS = [
    ("Apple", Decimal("9.50"), dt.date(2020, 1, 1), dt.datetime(2020, 1, 1, 12), dt.time(23), dt.timedelta(hours=2), 1, 0.5),
    ("apricot", Decimal("10.00"), dt.date(2020, 2, 1), dt.datetime(2020, 1, 3), dt.time(1), dt.timedelta(days=1), 2, 1.5),
    ("Cherry", Decimal("100.10"), dt.date(2019, 1, 1), dt.datetime(2019, 1, 1), dt.time(2), dt.timedelta(0), 3, 2.5),
    (None, None, None, None, None, None, None, None),
]  # fmt: skip


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.begin() as connection:
        TABLE.metadata.create_all(connection)
        columns = [column for column in TABLE.c if column.name != "id"]
        connection.dialect.batch.insert(
            connection, TABLE, columns, [list(values) for values in zip(*ROWS, strict=True)], generated_key=C.id
        )
        yield connection


def values(connection: Connection, expression: Any, *conditions: Any) -> list[Any]:
    return connection.scalars(select(expression).where(*conditions).order_by(C.id)).all()


def test_decimals_compare_and_sort_as_numbers(connection: Connection) -> None:
    assert values(connection, C.id, C.price > Decimal("9.9")) == [2, 3]
    assert values(connection, C.id, C.price == Decimal("10")) == [2]
    assert values(connection, C.id, C.price.in_([Decimal("10.0"), 100])) == [2]
    assert values(connection, C.id, C.price.between(9, Decimal("10.000"))) == [1, 2]
    ordered = connection.scalars(select(C.price).where(C.price.is_not(None)).order_by(C.price.desc())).all()
    assert ordered == [Decimal("100.10"), Decimal("10.00"), Decimal("9.50")]


def test_decimals_compute_exactly(connection: Connection) -> None:
    assert values(connection, C.price + Decimal("0.1"), C.id == 1) == [Decimal("9.6")]
    assert values(connection, C.price * 3 - 1, C.id == 3) == [Decimal("299.30")]
    assert values(connection, -C.price, C.id == 1) == [Decimal("-9.5")]
    assert values(connection, C.price / 4, C.id == 2) == [Decimal("2.5")]
    assert values(connection, C.price + 1, C.id == 4) == [None]
    assert values(connection, func.round(C.price, 1), C.id == 3) == [Decimal("100.1")]
    assert values(connection, func.abs(-C.price), C.id == 1) == [Decimal("9.5")]


def test_decimals_are_aggregated_exactly(connection: Connection) -> None:
    row = connection.execute(
        select(func.sum(C.price), func.min(C.price), func.max(C.price), func.count(C.price)).where(C.id < 4)
    ).one()
    assert row == (Decimal("119.60"), Decimal("9.50"), Decimal("100.10"), 3)
    assert connection.scalar(select(func.avg(C.price)).where(C.id < 3)) == Decimal("9.75")
    empty = connection.execute(select(func.sum(C.price), func.min(C.price), func.avg(C.price)).where(C.id > 4)).one()
    assert empty == (None, None, None)


def test_decimal_sums_run_over_windows(connection: Connection) -> None:
    function = "decimal_sum" if connection.dialect.exact_decimal_text else "sum"
    sql = f"SELECT {function}(price) OVER (ORDER BY id ROWS 1 PRECEDING) FROM things WHERE id < 4 ORDER BY id"
    assert [Decimal(value) for (value,) in connection.fetch_all(sql)] == [
        Decimal("9.5"),
        Decimal("19.5"),
        Decimal("110.1"),
    ]


def test_the_collation_orders_numbers_before_other_texts() -> None:
    texts = ["x", "10", "9.0", "-1", "1e1", "a", "NaN"]
    assert collate_decimal("10", "1e1") == 0
    assert collate_decimal("1.50", "1.5") == 0
    assert sorted(texts, key=_as_key) == ["-1", "9.0", "10", "1e1", "NaN", "a", "x"]


class _as_key:
    def __init__(self, text: str) -> None:
        self.text = text

    def __lt__(self, other: _as_key) -> bool:
        return collate_decimal(self.text, other.text) < 0


def test_dates_and_times_are_moved_by_intervals(connection: Connection) -> None:
    assert values(connection, C.at + C.span, C.id == 1) == [dt.datetime(2020, 1, 1, 14)]
    assert values(connection, C.at - dt.timedelta(days=1), C.id == 2) == [dt.datetime(2020, 1, 2)]
    assert values(connection, C.span + C.at, C.id == 2) == [dt.datetime(2020, 1, 4)]
    assert values(connection, C.day + dt.timedelta(hours=36), C.id == 1) == [dt.datetime(2020, 1, 2, 12)]
    assert values(connection, C.day + 31, C.id == 1) == [dt.date(2020, 2, 1)]
    assert values(connection, C.clock + dt.timedelta(hours=2), C.id == 1) == [dt.time(1)]
    assert values(connection, C.at + C.span, C.id == 4) == [None]
    assert values(connection, C.day + 1, C.id == 4) == [None]


def test_the_difference_of_moments_is_an_interval_and_that_of_dates_a_number_of_days(connection: Connection) -> None:
    assert values(connection, C.at - dt.datetime(2020, 1, 1), C.id == 1) == [dt.timedelta(hours=12)]
    assert values(connection, C.clock - dt.time(22), C.id == 1) == [dt.timedelta(hours=1)]
    assert values(connection, C.day - dt.date(2019, 12, 31), C.id < 3) == [1, 32]
    assert values(connection, C.at - C.at, C.id == 4) == [None]
    assert values(connection, C.day - C.day, C.id == 4) == [None]


def test_intervals_add_and_scale(connection: Connection) -> None:
    assert values(connection, C.span + dt.timedelta(hours=1), C.id == 1) == [dt.timedelta(hours=3)]
    assert values(connection, C.span * 3, C.id == 1) == [dt.timedelta(hours=6)]
    assert values(connection, C.span * 0.5, C.id == 1) == [dt.timedelta(hours=1)]
    assert values(connection, C.id, C.span > dt.timedelta(hours=1)) == [1, 2]


def test_the_clock_of_the_database_is_zoned(connection: Connection) -> None:
    for function in (func.now(), func.current_timestamp()):
        now = connection.scalar(select(function))
        assert now.tzinfo is UTC
        assert abs(dt.datetime.now(UTC) - now) < dt.timedelta(days=1)
    assert type(connection.scalar(select(func.current_date()))) is dt.date


def test_a_default_of_the_databases_clock_fits_zoned_and_unzoned_columns(connection: Connection) -> None:
    table = Table(
        "stamps", MetaData(), Column("id", Integer, primary_key=True), Column("n", Integer),
        Column("naive", DateTime, server_default=func.now()),
        Column("zoned", DateTime(timezone=True), server_default=func.now()),
    )  # fmt: skip
    table.metadata.create_all(connection)
    connection.execute("INSERT INTO stamps (n) VALUES (1)")
    row = connection.execute(select(table.c.naive, table.c.zoned)).one()
    assert row.naive.tzinfo is None
    assert row.zoned == row.naive.replace(tzinfo=UTC)


def test_texts_are_searched_without_regard_to_case(connection: Connection) -> None:
    assert values(connection, C.id, C.name.ilike("AP%")) == [1, 2]
    assert values(connection, C.id, C.name.not_ilike("AP%")) == [3]
    assert values(connection, C.id, C.name.ilike("a/pple", escape="/")) == [1]


def test_rows_can_be_skipped_without_a_limit(connection: Connection) -> None:
    assert connection.scalars(select(C.id).order_by(C.id).offset(2)).all() == [3, 4]
    assert connection.scalars(select(C.id).order_by(C.id).limit(1).offset(2)).all() == [3]


def test_members_of_a_union_may_have_an_order_and_a_limit(connection: Connection) -> None:
    last = select(C.id).order_by(C.id.desc()).limit(1)
    assert sorted(connection.scalars(select(C.id).where(C.id == 1).union(last))) == [1, 4]


def test_functions_go_by_one_name(connection: Connection) -> None:
    assert values(connection, func.char_length(C.name), C.id == 1) == [5]
    assert values(connection, func.greatest(C.id, 3), C.id < 3) == [3, 3]


def test_means_and_sums_have_the_class_that_their_type_says(connection: Connection) -> None:
    mean = connection.scalar(select(func.avg(C.big)))
    total = connection.scalar(select(func.sum(C.big)))
    assert (type(mean), mean, type(total), total) == (float, 2.0, int, 6)
