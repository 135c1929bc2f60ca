"""Ranges in Python: what PostgreSQL says of two ranges, they say themselves."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_uow import (
    DATERANGE,
    INT4RANGE,
    NUMRANGE,
    TSRANGE,
    ArgumentError,
    Connection,
    DataError,
    Range,
    create_engine,
    func,
    literal,
    select,
)

BOUNDS = st.sampled_from(["[)", "[]", "(]", "()"])
# few of them, so that ends meet
VALUES: dict[str, tuple[Any, Callable[[int], Any]]] = {
    "integers": (INT4RANGE(), lambda number: number),
    "decimals": (NUMRANGE(), Decimal),
    "days": (DATERANGE(), lambda number: dt.date(2024, 2, 27) + dt.timedelta(days=number)),
    "moments": (TSRANGE(), lambda number: dt.datetime(2024, 2, 27) + dt.timedelta(days=number)),
}
OPERATORS: dict[str, str] = {
    "contains": "@>",
    "contained_by": "<@",
    "overlaps": "&&",
    "strictly_left_of": "<<",
    "strictly_right_of": ">>",
    "not_extend_right_of": "&<",
    "not_extend_left_of": "&>",
    "adjacent_to": "-|-",
}
RESULTS = {"union": "+", "intersection": "*", "difference": "-"}


@pytest.fixture
def connection(postgresql_uri: str) -> Iterator[Connection]:
    engine = create_engine(postgresql_uri)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@st.composite
def ranges(draw: st.DrawFn) -> Range[int]:
    lower = draw(st.none() | st.integers(0, 5))
    upper = draw(st.none() | st.integers(lower or 0, 5))
    return Range(lower, upper, draw(BOUNDS)) if draw(st.integers(0, 9)) else Range(empty=True)


def of_values(given: Range[int], make: Callable[[int], Any]) -> Range[Any]:
    ends = [None if end is None else make(end) for end in (given.lower, given.upper)]
    return Range(ends[0], ends[1], given.bounds, given.empty)


@pytest.mark.parametrize("kind", VALUES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=ranges(), second=ranges())
def test_ranges_say_of_each_other_what_the_database_says(
    connection: Connection, kind: str, first: Range[int], second: Range[int]
) -> None:
    type_, make = VALUES[kind]
    one, two = of_values(first, make), of_values(second, make)
    sent = [literal(each, type_).cast(type_) for each in (one, two)]
    answers = [sent[0].op(sign, is_comparison=True)(sent[1]).label(name) for name, sign in OPERATORS.items()]
    # by the methods of columns of ranges, beside a range of Python's
    answers.extend(getattr(sent[0], name)(two).label(f"by_{name}") for name in OPERATORS)
    empties = [func.isempty(each).label(f"empty{number}") for number, each in enumerate(sent)]
    row = connection.execute(select(*answers, *empties)).one()._mapping
    for name in OPERATORS:
        assert getattr(one, name)(two) is row[name] is row[f"by_{name}"], (name, str(one), str(two))
    assert (one.is_empty, two.is_empty) == (row["empty0"], row["empty1"])
    for name, sign in RESULTS.items():
        made = sent[0].op(sign)(sent[1]).cast(type_)
        savepoint = connection.begin_nested()
        try:
            expected = connection.execute(select(made)).scalar_one()
        except DataError:
            savepoint.rollback()
            with pytest.raises(ValueError, match="no one range"):
                getattr(one, name)(two)
            continue
        savepoint.commit()
        found = getattr(one, name)(two)
        # as the database has it when it is sent there
        again = connection.execute(select(literal(found, type_).cast(type_))).scalar_one()
        assert again == expected, (name, str(one), str(two), str(found))


def test_ranges_have_operators_and_say_which_ends_they_have() -> None:
    assert Range(1, 4) << Range(4, 6)
    assert Range(4, 6) >> Range(1, 4)
    assert Range(1, 4) + Range(3, 6) == Range(1, 6)
    assert Range(1, 4) * Range(3, 6) == Range(3, 4)
    assert Range(1, 4) - Range(3, 6) == Range(1, 3)
    assert Range(1, 4).contains(3)
    assert not Range(1, 4).contains(4)
    assert (Range(1, None).upper_inf, Range(1, None).lower_inf, Range(empty=True).lower_inf) == (True, False, False)
    assert [str(each) for each in (Range(1, 4), Range(None, 4, "(]"), Range(empty=True))] == ["[1,4)", "(,4]", "empty"]
    with pytest.raises(ValueError, match="there is a gap between them"):
        Range(1, 2).union(Range(5, 6))
    with pytest.raises(ValueError, match="something is left on both sides"):
        Range(1, 9).difference(Range(3, 4))
    with pytest.raises(ArgumentError, match="bounds"):
        Range(1, 2, "[|")
