"""Every value that a type takes comes back equal and of the same class, from both databases."""

from __future__ import annotations

import datetime as dt
import enum
import json
import math
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_uow.engine import Connection, Engine, create_engine
from flask_uow.exc import DataError
from flask_uow.sql.dml import Insert
from flask_uow.sql.schema import Column, MetaData, Table
from flask_uow.sql.select import select
from flask_uow.sql.types import (
    ARRAY,
    JSON,
    BigInteger,
    Boolean,
    Date,
    DateTime,
    Enum,
    Float,
    Integer,
    Interval,
    LargeBinary,
    Numeric,
    PickleType,
    SmallInteger,
    String,
    Text,
    Time,
    TypeEngine,
    Unicode,
    Uuid,
)
from flask_uow.sql.types.named import CHAR, REAL

UTC = dt.UTC


class Color(enum.Enum):
    RED = 1
    BLUE = 2


texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"))
zones = st.integers(-12 * 60, 12 * 60).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)))
YEARS = (dt.datetime(2, 1, 1), dt.datetime(9998, 12, 31))
json_values = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | texts | st.floats(-1e6, 1e6).filter(lambda f: f != int(f)),
    lambda inner: st.lists(inner | st.none()) | st.dictionaries(texts, inner | st.none()),
    max_leaves=8,
)
DOMAINS: list[tuple[TypeEngine[Any], st.SearchStrategy[Any]]] = [
    (Integer(), st.integers(-(2**31), 2**31 - 1)),
    (SmallInteger(), st.integers(-(2**15), 2**15 - 1)),
    (BigInteger(), st.integers(-(2**63), 2**63 - 1)),
    (String(), texts),
    (String(5), st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=5)),
    (Text(), texts),
    (Unicode(), texts),
    (CHAR(3), st.text("abc", min_size=3, max_size=3)),
    (Boolean(), st.booleans()),
    (Float(), st.floats(allow_nan=False)),
    (REAL(), st.integers(-(2**15), 2**15).map(float)),
    (Numeric(), st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=12)),
    (Numeric(12, 3), st.decimals(min_value=-(10**8), max_value=10**8, places=3)),
    (Numeric(12, 3, asdecimal=False), st.integers(-(10**6), 10**6).map(lambda number: number / 8)),
    (Numeric(30), st.integers(-(10**29), 10**29).map(Decimal)),
    (Date(), st.dates()),
    (Time(), st.times()),
    (Time(timezone=True), st.builds(dt.time.replace, st.times(), tzinfo=zones)),
    (DateTime(), st.datetimes()),
    (DateTime(timezone=True), st.builds(dt.datetime.replace, st.datetimes(*YEARS), tzinfo=zones)),
    (Interval(), st.timedeltas(dt.timedelta(days=-(10**7)), dt.timedelta(days=10**7))),
    (LargeBinary(), st.binary()),
    (JSON(), json_values),
    (Uuid(), st.uuids()),
    (Enum(Color), st.sampled_from(Color)),
    (Enum("a", "it's", 'quote"d'), st.sampled_from(["a", "it's", 'quote"d'])),
    (ARRAY(Integer), st.lists(st.integers(-(2**31), 2**31 - 1) | st.none())),
    (
        ARRAY(String(9)),
        st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=9) | st.none()),
    ),
    (
        ARRAY(Text, dimensions=2),
        st.integers(1, 3).flatmap(lambda n: st.lists(st.lists(texts, min_size=n, max_size=n), min_size=1)),
    ),
    (ARRAY(Numeric(12, 3)), st.lists(st.decimals(min_value=-(10**8), max_value=10**8, places=3))),
    (ARRAY(DateTime(timezone=True)), st.lists(st.builds(dt.datetime.replace, st.datetimes(*YEARS), tzinfo=zones))),
    (ARRAY(Interval), st.lists(st.timedeltas(dt.timedelta(days=-(10**7)), dt.timedelta(days=10**7)))),
    (ARRAY(Date, as_tuple=True), st.lists(st.dates()).map(tuple)),
    (ARRAY(Uuid), st.lists(st.uuids() | st.none())),
    (ARRAY(Boolean), st.lists(st.booleans())),
    (ARRAY(Float), st.lists(st.floats(allow_nan=False, allow_infinity=False))),
    (ARRAY(Enum(Color)), st.lists(st.sampled_from(Color))),
    (PickleType(), st.lists(st.integers() | texts | st.tuples(st.booleans()))),
]


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        yield connection


def stored(connection: Connection, type_: TypeEngine[Any]) -> Table:
    """Return a new table with one column of the type."""
    table = Table("stored", MetaData(), Column("id", Integer, primary_key=True), Column("value", type_))
    connection.run("DROP TABLE IF EXISTS stored")
    table.metadata.create_all(connection)
    return table


def store(connection: Connection, table: Table, value: Any) -> None:
    connection.execute(Insert(table).with_columns(["value"]), {"value": value})


def same(left: Any, right: Any) -> bool:
    return type(left) is type(right) and left == right


@pytest.mark.parametrize(("type_", "values"), DOMAINS, ids=[repr(type_) for type_, _ in DOMAINS])
def test_values_come_back_equal_and_of_the_same_class(
    connection: Connection, type_: TypeEngine[Any], values: st.SearchStrategy[Any]
) -> None:
    table = stored(connection, type_)
    writer = connection.dialect.batch

    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(values | st.none(), min_size=1, max_size=6))
    def check(wanted: list[Any]) -> None:
        connection.run("DELETE FROM stored")
        for value in wanted[:2]:
            store(connection, table, value)
        writer.insert(connection, table, [table.c.value], [wanted], generated_key=table.c.id)
        found = connection.scalars(select(table.c.value).order_by(table.c.id)).all()
        for before, after in zip([*wanted[:2], *wanted], found, strict=True):
            assert same(before, after), (before, after)

    check()


@pytest.mark.parametrize(("type_", "values"), DOMAINS, ids=[repr(type_) for type_, _ in DOMAINS])
def test_a_stored_value_is_found_by_comparing_with_it(
    connection: Connection, type_: TypeEngine[Any], values: st.SearchStrategy[Any]
) -> None:
    if type_.lookup_name in ("json", "char"):
        # documents and padded texts are not for comparing with =
        return
    table = stored(connection, type_)

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(values)
    def check(value: Any) -> None:
        connection.run("DELETE FROM stored")
        store(connection, table, value)
        assert same(connection.scalar(select(table.c.value).where(table.c.value == value)), value)
        assert connection.scalar(select(table.c.value).where(table.c.value.in_([value]))) == value

    check()


@pytest.mark.parametrize("zoned", [False, True])
def test_a_moment_is_found_and_sorted_in_whatever_text_sqlite_holds_it(connection: Connection, zoned: bool) -> None:
    if connection.dialect.name != "sqlite":
        # PostgreSQL has types for moments, and so one form
        return
    table = stored(connection, DateTime(timezone=zoned))
    column = table.c.value
    offsets = st.integers(-14 * 4, 14 * 4).map(lambda quarters: dt.timezone(dt.timedelta(minutes=15 * quarters)))

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.lists(
            st.tuples(st.datetimes(*YEARS), st.none() | offsets, st.booleans(), st.booleans()), min_size=1, max_size=8
        )
    )
    def check(drawn: list[tuple[dt.datetime, dt.tzinfo | None, bool, bool]]) -> None:
        connection.run("DELETE FROM stored")
        moments = []
        for moment, zone, with_t, is_short in drawn:
            whole = moment.replace(microsecond=0) if is_short else moment
            moments.append(whole.replace(tzinfo=UTC) if zoned else whole)
            shown = whole if zone is None else whole.replace(tzinfo=UTC).astimezone(zone)
            written = shown.isoformat("T" if with_t else " ").replace("+00:00", "Z")
            connection.run("INSERT INTO stored (value) VALUES (?)", (written,))
        found = connection.scalars(select(column).order_by(column)).all()
        assert found == sorted(moments)
        for moment in moments:
            for criterion, expected in (
                (column == moment, moments.count(moment)),
                (column < moment, sum(other < moment for other in moments)),
                (column >= moment, sum(other >= moment for other in moments)),
                (column.in_([moment]), moments.count(moment)),
                (column.between(moment, moment), moments.count(moment)),
            ):
                assert len(connection.scalars(select(table.c.id).where(criterion)).all()) == expected
        assert len(connection.scalars(select(column).distinct()).all()) == len(set(moments))

    check()


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (Integer(), "one"),
        (Integer(), 1.5),
        (Integer(), 2**40),
        (BigInteger(), 2**63),
        (String(), 5),
        (String(3), "abcd"),
        (String(3), "abc "),
        (Boolean(), 7),
        (Float(), "1"),
        (Numeric(), 0.1),
        (Numeric(5, 2), Decimal("1.005")),
        (Numeric(5, 2), Decimal("1234.5")),
        (Numeric(), Decimal("NaN")),
        (Numeric(), Decimal("Infinity")),
        (Date(), "2020-01-01"),
        (Date(), dt.datetime(2020, 1, 1)),
        (Time(), dt.time(1, tzinfo=UTC)),
        (DateTime(), dt.datetime(2020, 1, 1, tzinfo=UTC)),
        (DateTime(timezone=True), dt.datetime(2020, 1, 1)),
        (Interval(), 5),
        (LargeBinary(), "x"),
        (JSON(), {1, 2}),
        (JSON(), math.nan),
        (Uuid(), "00000000000000000000000000000000-1"),
        (Enum(Color), "RED"),
        (Enum("a"), "b"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_singly_and_in_batches(
    connection: Connection, type_: TypeEngine[Any], value: Any
) -> None:
    table = stored(connection, type_)
    with pytest.raises(DataError):
        store(connection, table, value)
    for values in ([value], [value, value], [None, value]):
        with pytest.raises(DataError):
            connection.dialect.batch.insert(connection, table, [table.c.value], [values], generated_key=table.c.id)
    assert connection.scalar("SELECT count(*) FROM stored") == 0


def test_a_refused_value_in_a_batch_names_its_column(connection: Connection) -> None:
    table = stored(connection, Integer())
    with pytest.raises(DataError, match=r"^stored\.value: the str 'x' cannot be stored as Integer\(\)"):
        connection.dialect.batch.insert(connection, table, [table.c.value], [[1, "x"]], generated_key=table.c.id)


def test_values_of_subclasses_are_stored_as_their_base(connection: Connection) -> None:
    class Name(enum.StrEnum):
        ED = "ed"

    class Level(enum.IntEnum):
        LOW = 1

    for type_, value, plain in (
        (String(), Name.ED, "ed"),
        (Integer(), Level.LOW, 1),
        (Integer(), True, 1),
        (Float(), 2, 2.0),
    ):
        table = stored(connection, type_)
        store(connection, table, value)
        connection.dialect.batch.insert(connection, table, [table.c.value], [[value, value]], generated_key=table.c.id)
        for found in connection.scalars(select(table.c.value)):
            assert same(found, plain)


def test_zoned_moments_come_back_in_utc(connection: Connection) -> None:
    table = stored(connection, DateTime(timezone=True))
    moment = dt.datetime(2020, 1, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=5)))
    store(connection, table, moment)
    found = connection.scalar(select(table.c.value))
    assert found.tzinfo is UTC
    assert found == moment


def test_parameters_of_unknown_type_take_the_types_of_their_values(connection: Connection) -> None:
    table = Table(
        "kinds", MetaData(), Column("id", Integer, primary_key=True), Column("u", Uuid), Column("m", DateTime),
        Column("n", Numeric(6, 2)), Column("j", JSON), Column("c", Enum(Color)),
    )  # fmt: skip
    table.metadata.create_all(connection)
    given_values = {
        "u": uuid.UUID(int=7), "m": dt.datetime(2020, 1, 2, 3), "n": Decimal("1.50"), "j": {"a": 1}, "c": Color.BLUE,
    }  # fmt: skip
    connection.execute("INSERT INTO kinds (u, m, n, j, c) VALUES (:u, :m, :n, :j, :c)", given_values)
    row = connection.execute(select(table)).one()
    assert row[1:] == tuple(given_values.values())


def test_textual_json_and_bytes_are_alike_on_both_databases(connection: Connection) -> None:
    table = Table("blobs", MetaData(), Column("id", Integer, primary_key=True), Column("data", LargeBinary))
    table.metadata.create_all(connection)
    connection.execute(Insert(table).values(data=b"\x00\\\xff"))
    assert same(connection.scalar("SELECT data FROM blobs"), b"\x00\\\xff")


def test_a_number_beyond_the_scale_is_never_rounded_in_silence(connection: Connection) -> None:
    table = stored(connection, Numeric(5, 2))
    for value in (Decimal("1.005"), Decimal("1234.5"), Decimal("NaN")):
        with pytest.raises(DataError, match="does not fit"):
            store(connection, table, value)
    store(connection, table, Decimal("1.5"))
    assert str(connection.scalar(select(table.c.value))) == "1.50"


def test_nan_is_kept_by_postgresql_and_refused_by_sqlite(connection: Connection) -> None:
    table = stored(connection, Float())
    if connection.dialect.exact_decimal_text:
        with pytest.raises(DataError, match="SQLite has no NaN"):
            store(connection, table, math.nan)
        return
    store(connection, table, math.nan)
    assert math.isnan(connection.scalar(select(table.c.value)))


def test_an_unknown_name_in_an_enum_column_is_a_clear_error(connection: Connection) -> None:
    table = stored(connection, Enum(Color))
    connection.execute("INSERT INTO stored (value) VALUES ('PINK')")
    with pytest.raises(DataError, match="holds 'PINK', which is no value of Enum"):
        connection.execute(select(table.c.value))


def test_what_sqlite_holds_in_another_form_is_read_or_refused() -> None:
    from_text: list[tuple[TypeEngine[Any], Any, Any]] = [
        (DateTime(), "2020-01-02 03:04:05", dt.datetime(2020, 1, 2, 3, 4, 5)),
        (DateTime(timezone=True), "2020-01-02 03:04:05", dt.datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (DateTime(timezone=True), "2020-01-02 03:04:05+01:00", dt.datetime(2020, 1, 2, 2, 4, 5, tzinfo=UTC)),
        (Numeric(), 5, Decimal(5)),
        (Numeric(), 0.1, Decimal("0.1")),
        (Boolean(), 2, True),
        (JSON(), "[1, null]", [1, None]),
    ]
    dialect = _sqlite_dialect()
    for type_, found, expected in from_text:
        load = dialect.result_processor(type_)
        assert load is not None
        assert same(load(found), expected)
        assert load(None) is None
    for type_, found in (
        (DateTime(), "soon"),
        (DateTime(timezone=True), 5),
        (Date(), "x"),
        (Uuid(), 5),
        (JSON(), "{"),
        (Numeric(), "x"),
    ):
        load = dialect.result_processor(type_)
        assert load is not None
        with pytest.raises(DataError, match="Correct the row"):
            load(found)


def test_moments_that_leave_pythons_years_in_utc_are_refused_by_sqlite() -> None:
    bind = _sqlite_dialect().bind_processor(DateTime(timezone=True))
    with pytest.raises(DataError, match="years 1 to 9999"):
        bind(dt.datetime(1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=5))))
    with pytest.raises(DataError, match="292,000 years"):
        _sqlite_dialect().bind_processor(Interval())(dt.timedelta.max)


def test_json_text_is_compact_and_keeps_its_letters() -> None:
    assert _sqlite_dialect().bind_processor(JSON())({"ä": [1, 2]}) == '{"ä":[1,2]}'
    assert json.loads('{"ä":[1,2]}') == {"ä": [1, 2]}


def _sqlite_dialect() -> Any:
    return create_engine("sqlite://").dialect
