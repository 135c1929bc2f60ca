"""Column types: what they take, and the types of compared values and of arithmetic."""

from __future__ import annotations

import datetime as dt
import enum
import math
import uuid
from decimal import Decimal
from typing import Any

import pytest

from flask_uow.exc import ArgumentError, DataError
from flask_uow.sql import types
from flask_uow.sql.types import (
    ARRAY,
    JSON,
    NULLTYPE,
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
    SmallInteger,
    String,
    Text,
    Time,
    TypeDecorator,
    TypeEngine,
    UserDefinedType,
    Uuid,
    to_instance,
    type_for_annotation,
    type_for_value,
)
from flask_uow.sql.types import named as named_types

UTC = dt.UTC


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Empty(enum.Enum):
    pass


@pytest.mark.parametrize(
    ("type_", "value", "said"),
    [
        (Integer(), "1.0", "expected an int"),
        (Integer(), "01", "expected an int"),
        (Integer(), " 1", "expected an int"),
        (Integer(), "1_000", "expected an int"),
        (Integer(), "9" * 30, "expected an int"),
        (Integer(), 1.0, "expected an int"),
        (Integer(), 2**31, "Use BigInteger"),
        (SmallInteger(), 2**15, "-32768 to 32767"),
        (BigInteger(), 2**63, "Use Numeric"),
        (String(), 1, "expected a str"),
        (String(2), "abc", "expected 2 at most"),
        (Text(), b"x", "expected a str"),
        (Boolean(), 2, "True or False"),
        (Boolean(), "yes", "True or False"),
        (Float(), "1.5", "expected a float"),
        (Float(), Decimal("1.5"), "use Numeric"),
        (Float(), 10**400, "Use Numeric"),
        (Numeric(), 0.1, "no float is exact"),
        (Numeric(), "1.5", "a Decimal or an int"),
        (Numeric(), Decimal("NaN"), "a finite number"),
        (Numeric(4, 2), Decimal("Infinity"), "a finite number"),
        (Numeric(4, 2), Decimal("1.005"), "4 digits, 2 of them behind the point"),
        (Numeric(4, 2), 100, "4 digits, 2 of them behind the point"),
        (Numeric(4), 2.5, "4 digits, 0 of them behind the point"),
        (Numeric(4, 2), math.inf, "a finite number"),
        (Numeric(), True, "a Decimal or an int"),
        (Numeric(asdecimal=False), "1", "a Decimal or an int"),
        (Date(), "2020-01-01", "date.fromisoformat"),
        (Date(), dt.datetime(2020, 1, 1), "Take .date()"),
        (DateTime(), "2020-01-01", "datetime.fromisoformat"),
        (DateTime(), dt.datetime(2020, 1, 1, tzinfo=UTC), "without a time zone"),
        (DateTime(timezone=True), dt.datetime(2020, 1, 1), "with a time zone"),
        (DateTime(timezone=True), dt.date(2020, 1, 1), "which midnight"),
        (Time(), dt.time(1, tzinfo=UTC), "without a time zone"),
        (Interval(), 5, "timedelta(seconds=...)"),
        (LargeBinary(), "x", "Encode a str"),
        (Uuid(), "x", "uuid.UUID(value)"),
        (Uuid(), "{00000000-0000-0000-0000-000000000001}", "uuid.UUID(value)"),
        (Enum(Color), "BLUE", "Pass Color.BLUE."),
        (Enum(Color), 2, "Pass Color.BLUE."),
        (Enum(Color), "PINK", "Pass Color.RED, say."),
        (Enum("a", "b"), "c", "one of 'a', 'b'"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_its_type_and_a_cure(
    type_: TypeEngine[Any], value: Any, said: str
) -> None:
    with pytest.raises(DataError) as caught:
        type_.check(value)
    assert said in str(caught.value)
    assert repr(type_) in str(caught.value)
    assert isinstance(caught.value.orig, (TypeError, ValueError))


def test_what_loses_nothing_is_converted() -> None:
    key = uuid.UUID(int=7)
    for type_, value, expected in (
        (Integer(), "12", 12),
        (BigInteger(), "-9007199254740993", -9007199254740993),
        (Integer(), True, 1),
        (Boolean(), 0, False),
        (Float(), 3, 3.0),
        (Numeric(10, 2), 3, Decimal(3)),
        (Numeric(10, 2), 2.5, Decimal("2.5")),
        (Numeric(10, 2), Decimal("2.500"), Decimal("2.5")),
        (Numeric(10, 2, asdecimal=False), 0.1, 0.1),
        (DateTime(), dt.date(2020, 1, 1), dt.datetime(2020, 1, 1)),
        (LargeBinary(), bytearray(b"x"), b"x"),
        (Uuid(), str(key), key),
        (Uuid(), key.hex, key),
    ):
        found = type_.to_stored(value)
        assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (Integer(), True),
        (Integer(), -(2**31)),
        (BigInteger(), 2**63 - 1),
        (String(3), "abc"),
        (Boolean(), 1),
        (Float(), 3),
        (Numeric(), 3),
        (Numeric(asdecimal=False), 1.5),
        (Date(), dt.date(2020, 1, 1)),
        (DateTime(timezone=True), dt.datetime(2020, 1, 1, tzinfo=UTC)),
        (Time(timezone=True), dt.time(1, tzinfo=UTC)),
        (Interval(), dt.timedelta(1)),
        (LargeBinary(), bytearray(b"x")),
        (Uuid(), uuid.UUID(int=1)),
        (Enum(Color), Color.RED),
        (Enum("a", "b"), "a"),
    ],
)
def test_a_value_that_fits_is_taken_and_so_is_none(type_: TypeEngine[Any], value: Any) -> None:
    assert type_.check(value) is None  # type: ignore[func-returns-value]
    assert type_.check(None) is None  # type: ignore[func-returns-value]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, Integer),
        (True, Boolean),
        (2**40, BigInteger),
        (2**70, Numeric),
        ("x", String),
        (1.5, Float),
        (Decimal(1), Numeric),
        (b"x", LargeBinary),
        (dt.date(2020, 1, 1), Date),
        (dt.datetime(2020, 1, 1), DateTime),
        (dt.time(1), Time),
        (dt.timedelta(1), Interval),
        (uuid.UUID(int=1), Uuid),
        ({"a": 1}, JSON),
        ([1], JSON),
        (Color.RED, Enum),
        (None, types.NullType),
        (object(), types.NullType),
    ],
)
def test_a_plain_value_has_the_type_of_its_class(value: Any, expected: type[TypeEngine[Any]]) -> None:
    assert type(type_for_value(value)) is expected


def test_a_zone_makes_a_moment_zoned() -> None:
    assert repr(type_for_value(dt.datetime(2020, 1, 1, tzinfo=UTC))) == "DateTime(timezone=True)"
    assert repr(type_for_value(dt.time(1, tzinfo=UTC))) == "Time(timezone=True)"


def test_subclasses_of_python_types_have_the_type_of_their_base() -> None:
    class Name(str):
        pass

    class Level(enum.IntEnum):
        LOW = 1

    assert type(type_for_value(Name("x"))) is String
    assert type(type_for_value(Level.LOW)) is Enum


def test_a_compared_value_that_no_row_can_hold_gets_a_type_that_can() -> None:
    assert type(Integer().coerce_compared(2**40)) is BigInteger
    assert repr(String(2).coerce_compared("longer")) == "String()"
    assert repr(Numeric(4, 2).coerce_compared(Decimal("1.23456"))) == "Numeric()"
    assert type(Integer().coerce_compared(1.5)) is Float
    assert type(DateTime().coerce_compared(dt.timedelta(1))) is Interval
    assert type(Enum(Color).coerce_compared("x%")) is String


def test_a_compared_value_that_fits_keeps_the_type_of_the_column() -> None:
    for type_, value in (
        (Integer(), 1),
        (Enum(Color), Color.RED),
        (Enum("a"), "a"),
        (JSON(), {"a": 1}),
        (Uuid(), uuid.uuid4()),
    ):
        assert type_.coerce_compared(value) is type_


@pytest.mark.parametrize(
    ("left", "op", "right", "expected"),
    [
        (Integer(), "add", Integer(), BigInteger),
        (Integer(), "add", Float(), Float),
        (Integer(), "mul", Numeric(4, 2), Numeric),
        (Numeric(4, 2), "add", Float(), Float),
        (Date(), "sub", Date(), BigInteger),
        (Date(), "add", Interval(), DateTime),
        (DateTime(), "sub", DateTime(), Interval),
        (Interval(), "mul", Integer(), Interval),
        (Integer(), "mul", Interval(), Interval),
        (NULLTYPE, "add", Float(), Float),
        (Float(), "add", NULLTYPE, Float),
        (String(5), "add", Integer(), String),
    ],
)
def test_arithmetic_has_the_type_that_sql_gives_it(
    left: TypeEngine[Any], op: str, right: TypeEngine[Any], expected: type[TypeEngine[Any]]
) -> None:
    assert type(left.combined_with(right, op)) is expected


def test_equal_types_have_equal_cache_keys_and_others_have_not() -> None:
    assert String(5).cache_key == String(5).cache_key
    keys = {
        t.cache_key for t in (String(5), String(6), Text(), DateTime(), DateTime(timezone=True), Enum("a"), Enum("b"))
    }
    assert len(keys) == 7


def test_annotations_name_types() -> None:
    for python_type, expected in (
        (int, Integer), (str, String), (bool, Boolean), (float, Float), (Decimal, Numeric), (bytes, LargeBinary),
        (dt.date, Date), (dt.time, Time), (dt.datetime, DateTime), (dt.timedelta, Interval), (uuid.UUID, Uuid),
        (dict[str, int], JSON), (list, JSON), (Color, Enum),
    ):  # fmt: skip
        assert type(type_for_annotation(python_type)) is expected
    assert type_for_annotation(object) is None
    assert type_for_annotation("int") is None


def test_to_instance_makes_an_instance_of_a_class_and_refuses_anything_else() -> None:
    given = String(5)
    assert to_instance(given) is given
    assert type(to_instance(Integer)) is Integer
    with pytest.raises(ArgumentError, match="a column type was expected"):
        to_instance(int)
    with pytest.raises(ArgumentError, match="expected one enum class"):
        to_instance(Enum)

    class NeedsOne(TypeEngine[Any]):
        def __init__(self, argument: int) -> None:
            super().__init__()

    with pytest.raises(ArgumentError, match="NeedsOne needs arguments"):
        to_instance(NeedsOne)


def test_wrong_parameters_of_a_type_are_refused() -> None:
    with pytest.raises(ArgumentError, match="positive int"):
        String(0)
    with pytest.raises(ArgumentError, match="a scale needs a precision"):
        Numeric(scale=2)
    with pytest.raises(ArgumentError, match="a scale needs a precision"):
        Numeric(2, 3)
    for wrong in ((), (Empty,), ("a", 1)):
        with pytest.raises(ArgumentError, match="expected one enum class"):
            Enum(*wrong)


def test_a_type_prints_as_it_is_written() -> None:
    assert repr(Numeric(10, 2)) == "Numeric(precision=10, scale=2)"
    assert repr(String()) == "String()"
    assert repr(Enum(Color)) == "Enum(of='Color')"
    assert repr(Float(24)) == "Float(precision=24)"


def test_sql_names_are_subclasses_of_the_types_they_name() -> None:
    for name in named_types.__all__:
        assert issubclass(getattr(named_types, name), TypeEngine)
    assert named_types.VARCHAR(5).length == 5
    assert issubclass(named_types.TIMESTAMP, DateTime)


def test_a_type_prints_as_standard_sql_writes_it() -> None:
    class Place(UserDefinedType):
        def get_col_spec(self, **kw: object) -> str:
            return "POINT"

    class Lowered(TypeDecorator):
        impl = String(7)

    printed = {
        String(30): "VARCHAR(30)", String(): "VARCHAR", Numeric(10, 2): "NUMERIC(10, 2)", BigInteger(): "BIGINT", LargeBinary(): "BLOB",
        ARRAY(String(3)): "VARCHAR(3)[]", Place(): "POINT", Lowered(): "VARCHAR(7)", Boolean(): "BOOLEAN",
    }  # fmt: skip
    assert [str(type_) for type_ in printed] == list(printed.values())
    assert [type_.compile() for type_ in printed] == list(printed.values())
    assert repr(String(30)) == "String(length=30)"
