"""Values have one type wherever they stand, on both databases: in the columns of a result, in arithmetic, beside others."""

from __future__ import annotations

import datetime as dt
import enum
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_uow import ArgumentError, CompileError, Connection, ProgrammingError, Session
from flask_uow.sql import (
    JSON,
    BigInteger,
    Date,
    DateTime,
    Float,
    Integer,
    Time,
    case,
    cast,
    desc,
    func,
    literal,
    null,
    or_,
    select,
    tuple_,
    union,
    union_all,
    update,
)
from tests.sql.conftest import item, person


class Color(enum.Enum):
    RED = 1


DAY = dt.date(2020, 2, 29)
MOMENT = dt.datetime(2020, 2, 29, 12, 30, 1, 5)
VALUES = [
    Decimal(2), Decimal("2.50"), UUID(int=5), 1, 1.5, "x", True, b"\0", DAY, MOMENT, dt.time(1), dt.timedelta(days=1), Color.RED,
]  # fmt: skip


def _same(found: Any, expected: Any) -> bool:
    return found == expected and type(found) is type(expected)


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_that_is_selected_comes_back_as_it_was(connection: Connection, value: Any) -> None:
    made = select(literal(value).label("v")).cte("made")
    for statement in (
        select(literal(value)),
        select(func.coalesce(None, value)),
        select(case((literal(1) == 1, value), else_=value)),
        select(made.c.v),
        select(null().label("v")).where(literal(1) == 2).union_all(select(literal(value))),
    ):
        assert _same(connection.scalar(statement), value)
        assert _same(Session(bind=connection).execute(statement).scalar(), value)


def test_json_that_is_selected_comes_back_as_it_was(connection: Connection) -> None:
    assert connection.scalar(select(literal({"k%s": [1]}, JSON()))) == {"k%s": [1]}


def test_whole_decimals_are_divided_as_decimals(connection: Connection) -> None:
    row = connection.execute(
        select(literal(Decimal(7)) / 2, 7 / literal(Decimal(2)), person.c.a / Decimal(2)).where(person.c.id == 1)
    ).one()
    assert row == (Decimal("3.5"),) * 3
    # an index on a column of integers is of use still
    compared = select(person.c.id).where(or_(person.c.id == Decimal(1), person.c.id.in_([Decimal(2)])))
    assert "numeric" not in str(compared.compile(connection.dialect))
    assert len(connection.execute(compared).all()) == 2


def test_integers_are_divided_as_in_python(connection: Connection) -> None:
    a = person.c.a
    row = connection.execute(
        select(a / 2, 15 / a, a / literal(2), (a + 1) / (a - 3), a / 2 / 2, func.count() / 4, -a / 2)
        .where(person.c.id == 1)
        .group_by(a)
    ).one()
    assert tuple(row) == (3.5, 15 / 7, 3.5, 2.0, 1.75, 0.25, -3.5)
    assert connection.scalar(select(person.c.id).where(a / 2 > 3.4, a / 2 < 3.6)) == 1
    assert connection.scalar(select(a / 2 + 1).where(person.c.id == 1)) == 4.5


def test_a_fraction_is_rounded_in_a_column_of_integers(connection: Connection) -> None:
    for new, stored in ((person.c.a / 2, 4), (person.c.a * 1.5, 10), (person.c.a - Decimal("0.4"), 7)):
        with connection.begin_nested():
            connection.execute(update(person).where(person.c.id == 1).values(a=new))
            value = connection.scalar(select(person.c.a).where(person.c.id == 1))
            assert (value, type(value)) == (stored, int)
            connection.execute(update(person).where(person.c.id == 1).values(a=7))


def test_integers_beside_floats_become_floats(connection: Connection) -> None:
    half = case((person.c.id == 1, 1), else_=2.5) / 2
    quarter = func.coalesce(person.c.a, 1.5) / 4
    assert connection.execute(select(half, quarter).order_by(person.c.id)).all() == [(0.5, 1.75), (1.25, 1.25)]


def test_the_columns_of_a_compound_are_of_one_type(connection: Connection) -> None:
    numbers = union(
        select(person.c.a.label("n")), select(item.c.price), select(literal(Decimal(5))), select(literal(None))
    )
    found = connection.execute(numbers.order_by(desc("n").nulls_last())).scalars().all()
    assert [str(n) for n in found] == ["10.01", "9.99", "7", "5", "0.10", "None"]
    days = union_all(select(person.c.id, null().label("day")).where(person.c.id == 1), select(item.c.id, item.c.day))
    derived = days.subquery()
    for statement in (days.order_by("day"), select(derived.c.day)):
        assert dt.date(2020, 1, 1) in [row[-1] for row in connection.execute(statement)]
        assert dt.date(2020, 1, 1) in [row[-1] for row in Session(bind=connection).execute(statement)]
    nested = union_all(select(literal(25).label("n")), union_all(select(literal(1)), select(literal(1.5)))).subquery()
    assert connection.execute(select(nested.c.n / 2).order_by(nested.c.n)).scalars().all() == [0.5, 0.75, 12.5]


@pytest.mark.parametrize(
    ("value", "type_", "expected"),
    [
        (MOMENT, Date(), DAY),
        (MOMENT, Time(), MOMENT.time()),
        (DAY, DateTime(), dt.datetime(2020, 2, 29)),
        (MOMENT, DateTime(timezone=True), MOMENT.replace(tzinfo=dt.UTC)),
        (MOMENT.replace(tzinfo=dt.UTC), DateTime(), MOMENT),
        (2.5, Integer(), 2),
        (-3.5, BigInteger(), -4),
        (3, Float(), 3.0),
    ],
)
def test_a_cast_gives_a_value_of_its_type(connection: Connection, value: Any, type_: Any, expected: Any) -> None:
    assert _same(connection.scalar(select(cast(literal(value), type_))), expected)
    assert connection.scalar(select(cast(literal(value), type_) == expected)) is True


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (lambda day: day == dt.datetime(2020, 1, 1), True),
        (lambda day: day >= dt.datetime(2020, 1, 1), True),
        (lambda day: day < dt.datetime(2020, 1, 1, 1), True),
        (lambda day: day.in_([dt.datetime(2020, 1, 1), DAY]), True),
        (lambda day: day.not_in([dt.datetime(2020, 1, 1)]), False),
        (lambda day: day.between(dt.datetime(2020, 1, 1), dt.datetime(2020, 1, 2)), True),
        (lambda day: day.in_(select(literal(dt.datetime(2020, 1, 1)))), True),
        (lambda day: day.is_distinct_from(dt.datetime(2020, 1, 1)), False),
        (lambda day: literal(dt.datetime(2020, 1, 1)) <= day, True),
        (lambda day: day == literal(dt.datetime(2020, 1, 1, tzinfo=dt.UTC)), True),
    ],
)
def test_dates_compare_with_dates_and_times(connection: Connection, condition: Any, expected: bool) -> None:
    assert connection.scalar(select(condition(item.c.day)).where(item.c.id == 1)) is expected
    assert connection.scalar(select(condition(item.c.day)).where(item.c.id == 2)) in (
        None,
        condition(literal(DAY)).operator.name == "is_distinct_from",
    )


def test_limits_and_offsets_may_be_beyond_32_bits(connection: Connection) -> None:
    assert len(connection.execute(select(person.c.id).limit(2**62)).all()) == 2
    assert connection.execute(select(person.c.id).offset(2**62)).all() == []


def test_operators_of_different_precedence_are_different_statements(connection: Connection) -> None:
    loose = person.c.a.op("-", precedence=8)(person.c.b) * 2
    tight = person.c.a.op("-", precedence=9)(person.c.b) * 2
    found = [connection.scalar(select(expression).where(person.c.id == 1)) for expression in (loose, tight)]
    assert found == [(7 - 2) * 2, 7 - 2 * 2]


def test_row_values_are_looked_up_by_the_thousand(connection: Connection) -> None:
    rows = [(1, "Ann"), *((n, "nobody") for n in range(20_000))]
    key = tuple_(person.c.id, person.c.name)
    assert connection.execute(select(person.c.id).where(key.in_(rows))).all() == [(1,)]
    assert connection.execute(select(person.c.id).where(key.not_in(rows))).all() == [(2,)]
    prices = [(None, None), (Decimal("9.99"), DAY), *((Decimal(n), DAY) for n in range(2000))]
    found = select(item.c.id).where(tuple_(item.c.price, item.c.day).in_(prices))
    assert connection.execute(found).all() == []
    halves = tuple_(person.c.id, person.c.name).in_([(Decimal("0.5"), "Ann"), *rows[2:], (2, "bob")])
    assert connection.execute(select(person.c.id).where(halves)).all() == [(2,)]


def test_what_python_makes_of_and_is_refused_where_it_would_drop_a_condition() -> None:
    for mistake in (lambda: person.c.id == 1 and person.c.a == 2, lambda: person.c.id != 1 and person.c.a == 2):
        with pytest.raises(TypeError, match="Use and_"):
            mistake()
    # comparisons of columns tell whether they are the same
    assert person.c.id in [person.c.a, person.c.id]
    assert person.c.id not in [person.c.a, person.c.b]


def test_mistakes_are_named_where_they_are_made(connection: Connection) -> None:
    row = tuple_(person.c.id, person.c.name)
    for value in (1, "ab"):
        with pytest.raises(ArgumentError, match="stands beside a row of 2 columns"):
            row.in_([value])
    found = connection.execute(select(row.items[0], row.items[1]))
    assert len(connection.execute(select(person.c.id).where(row.in_(found))).all()) == 2
    assert connection.execute(select(person.c.id).where(row.in_(pair for pair in [(2, "bob")]))).all() == [(2,)]
    with pytest.raises(CompileError, match="got no columns"):
        connection.execute(select())


def test_case_compares_a_value_with_the_keys_of_a_dict(connection: Connection) -> None:
    words = case({1: "one", 2: "two"}, value=person.c.id, else_="more")
    assert connection.execute(select(words).order_by(person.c.id)).scalars().all() == ["one", "two"]
    assert connection.scalar(select(case((5, "five"), value=person.c.a)).where(person.c.id == 2)) == "five"


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    numbers=st.tuples(*[st.decimals(-9, 9, places=2) | st.sampled_from([Decimal("-0"), Decimal(0)])] * 2),
    floats=st.lists(st.floats(allow_nan=False, width=32), min_size=1, max_size=5),
    seconds=st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=5),
)
def test_generated_numbers_are_reckoned_and_compared_as_in_python(
    connection: Connection, numbers: tuple[Decimal, Decimal], floats: list[float], seconds: list[int]
) -> None:
    one, two = numbers
    row = connection.execute(
        select(literal(one) * literal(two), literal(one) - literal(two), -literal(one), func.abs(literal(one)))
    ).one()
    assert tuple(row) == (one * two, one - two, -one, abs(one))
    # SQL knows one zero
    assert not any(str(number).startswith("-0") and not number for number in row)

    rows = union_all(*(select(literal(number, Float()).label("number")) for number in floats)).subquery()
    for condition, wanted in (
        (rows.c.number < literal(one), [number for number in floats if number < one]),
        (rows.c.number >= literal(one), [number for number in floats if number >= one]),
    ):
        assert sorted(connection.scalars(select(rows.c.number).where(condition))) == sorted(wanted)

    spans = union_all(*(select(literal(dt.timedelta(seconds=s)).label("span")) for s in seconds)).subquery()
    mean = connection.scalar(select(func.avg(spans.c.span)))
    assert abs(mean - dt.timedelta(seconds=sum(seconds)) / len(seconds)) < dt.timedelta(microseconds=2)


@pytest.mark.parametrize("name", ["sum", "avg"])
@pytest.mark.parametrize("value", ["1", True, DAY, MOMENT, UUID(int=5), Color.RED, b"1"], ids=repr)
def test_what_is_no_number_is_not_added_up(connection: Connection, name: str, value: Any) -> None:
    with pytest.raises((CompileError, ProgrammingError), match=name):
        connection.scalar(select(getattr(func, name)(literal(value))))
