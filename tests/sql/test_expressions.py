"""Expressions mean the same in Python and on both databases: operators, precedence, LIKE, CASE, CAST."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_uow import Connection
from flask_uow.exc import ArgumentError
from flask_uow.sql import (
    Boolean,
    Float,
    Integer,
    String,
    and_,
    between,
    bindparam,
    case,
    cast,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    tuple_,
)
from tests.sql.conftest import item, person

c = person.c


def value(connection: Connection, expression: Any) -> Any:
    """The expression's value in the row of Ann: a is 7, b is 2, active is true, boss is NULL."""
    return connection.scalar(select(expression).where(c.id == 1))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (c.a + c.b * 2, 11),
        ((c.a + c.b) * 2, 18),
        (c.a - (c.b + 1), 4),
        (c.a - (c.b - 1), 6),
        (c.a - c.b - 1, 4),
        (c.a * (c.a / c.b), 24.5),
        (c.a * (c.a % c.b), 7),
        (c.a / (c.b * 2), 1.75),
        (c.a / c.b * 2, 7),
        (20 - c.a, 13),
        (20 / c.b, 10),
        (2 * c.a, 14),
        (-(c.a + c.b), -9),
        (-(-c.a), 7),  # noqa: B002
        (c.a - -c.b, 9),
        (c.a - literal(-3), 10),
        (-literal(-5), 5),
        (item.c.day + (item.c.day - dt.date(2019, 12, 31)), dt.date(2020, 1, 2)),
    ],
)
def test_arithmetic_keeps_the_grouping_that_python_has(connection: Connection, expression: Any, expected: Any) -> None:
    assert connection.scalar(select(expression).where(c.id == 1, item.c.id == 1)) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (c.active == (c.a > c.b), True),
        ((c.a > c.b) == c.active, True),
        (c.active == c.name.like("A%"), True),
        ((c.a == 8) == c.name.like("B%"), True),
        ((c.b == 3) == c.a.in_([9]), True),
        ((c.b == 3) == c.a.between(8, 9), True),
        ((c.b == 3) == c.a.in_([]), True),
        (c.a.in_([]) == (c.b == 3), True),
        (c.a.in_([]) != c.a.in_([7]), True),
        (c.a.not_in([]) == c.active, True),
        (c.a.in_([]).is_(None), False),
        (c.a.not_in([]).is_not(None), True),
        ((c.a == 7) == and_(), True),
        (or_() == (c.a == 8), True),
        (c.active.is_distinct_from(c.a.in_([])), True),
        (~(c.a.in_([]) == c.active), True),
        (c.a.in_([]).in_([False]), True),
        (~and_(), False),
        ((c.a > 1).in_([True]), True),
        (c.boss.is_(None) == c.active, True),
        (c.active.is_distinct_from(c.a == 7), False),
        (c.active.is_not_distinct_from(c.a == 7), True),
        ((c.a == 7).is_(True), True),
        ((c.a == 7).is_not(False), True),
        (~c.active, False),
        (~(c.a == 7), False),
        (~~(c.a == 7), True),
        (not_(c.name.like("A%")), False),
        (not_(and_(c.a == 7, c.b == 3)), True),
        (or_(c.a == 7, and_(c.a == 8, c.b == 3)), True),
        (and_(or_(c.a == 7, c.a == 8), c.b == 3), False),
        ((c.a == 8) & (c.b == 3) | (c.a == 7), True),
        ((c.a == 7) | ((c.a == 8) & (c.b == 3)), True),
        (between(c.a, 7, 7), True),
        (~c.a.between(1, 6), True),
        (literal(3).between(c.b, c.a), True),
    ],
)
def test_conditions_within_conditions_are_never_regrouped(
    connection: Connection, expression: Any, expected: Any
) -> None:
    result = value(connection, expression)
    assert result is expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (c.name + "!", "Ann!"),
        ("<" + c.name + ">", "<Ann>"),
        (c.name + c.name, "AnnAnn"),
        (c.name.concat("x"), "Annx"),
        (c.name.concat(c.a + c.b), "Ann9"),
        (c.name + cast(c.a * c.b, String), "Ann14"),
        (literal("a") + "b", "ab"),
    ],
)
def test_text_is_added_by_concatenation(connection: Connection, expression: Any, expected: str) -> None:
    assert value(connection, expression) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (c.a.in_([]), False),
        (c.a.not_in([]), True),
        (~c.a.in_([]), True),
        (c.a.in_([1, 7]), True),
        (c.a.in_((1, 2)), False),
        (c.a.in_({7}), True),
        (c.a.in_(x for x in (6, 7)), True),
        (c.a.not_in([1, 2]), True),
        (c.a.notin_([7]), False),
        (c.a.in_(select(person.c.a).where(person.c.id == 1)), True),
        (c.a.in_(select(item.c.quantity)), False),
        (c.a.not_in(select(item.c.quantity)), True),
        (c.a.in_([c.b + 5]), True),
        (tuple_(c.a, c.name).in_([(7, "Ann"), (1, "x")]), True),
        (tuple_(c.a, c.name).not_in([(7, "Ann")]), False),
    ],
)
def test_in_takes_values_expressions_and_selects(connection: Connection, expression: Any, expected: bool) -> None:
    assert value(connection, expression) is expected


@pytest.mark.parametrize("wrong", [5, "text", b"bytes", None])
def test_in_refuses_what_is_no_list(wrong: Any) -> None:
    with pytest.raises(ArgumentError, match="in_"):
        c.a.in_(wrong)


@pytest.mark.parametrize("text", ["100%", "a_b", "a/b", "a\\b", "//", "/%", "\\%", "%s", "'", '"', "?", ":x", "{}"])
def test_contains_and_its_kin_take_special_characters_literally(connection: Connection, text: str) -> None:
    stored = literal(f"<{text}>")
    other = literal("<" + "z" * len(text) + ">")
    assert value(connection, stored.contains(text)) is True
    assert value(connection, other.contains(text)) is False
    assert value(connection, stored.startswith("<" + text)) is True
    assert value(connection, other.startswith("<" + text)) is False
    assert value(connection, stored.endswith(text + ">")) is True
    assert value(connection, other.endswith(text + ">")) is False


def test_like_has_wildcards_and_an_escape_character_of_ones_own(connection: Connection) -> None:
    assert value(connection, c.name.like("A_n")) is True
    assert value(connection, c.name.not_like("%n")) is False
    assert value(connection, literal("5%").like("5!%", escape="!")) is True
    assert value(connection, literal("55").like("5!%", escape="!")) is False
    assert value(connection, literal("5%").contains("%", autoescape=False)) is True
    assert value(connection, c.name.ilike("aNN")) is True
    assert value(connection, c.name.not_ilike("a%")) is False
    assert value(connection, literal("5%X").ilike("5!%x", escape="!")) is True
    assert value(connection, c.name.contains(c.name)) is True
    assert value(connection, c.name.startswith(func.substr(c.name, 1, 2))) is True


def test_null_is_compared_by_is(connection: Connection) -> None:
    assert value(connection, c.boss == None) is True  # noqa: E711
    assert value(connection, c.boss != None) is False  # noqa: E711
    assert value(connection, c.boss == null()) is True
    assert value(connection, c.boss.isnot(None)) is False
    assert value(connection, c.boss == 1) is None
    assert value(connection, ~(c.boss == None)) is False  # noqa: E711


def test_case_chooses_the_first_condition_that_holds(connection: Connection) -> None:
    assert value(connection, case((c.a > 5, "many"), (c.a > 1, "some"), else_="none")) == "many"
    assert value(connection, case((c.a > 100, "many"))) is None
    assert value(connection, case([(c.active, "yes")], else_="no")) == "yes"
    assert value(connection, case((c.a > 100, c.a), else_=c.b) + 1) == 3
    with pytest.raises(ArgumentError, match="at least one"):
        case()


def test_cast_changes_the_type_of_the_result(connection: Connection) -> None:
    assert value(connection, cast(c.a, String)) == "7"
    assert value(connection, cast("12", Integer) + 1) == 13
    assert value(connection, cast(c.b, Float)) == 2.0
    assert type(value(connection, cast(c.b, Float))) is float
    assert value(connection, cast(literal("99"), Integer)) == 99


def test_floats_stay_floats(connection: Connection) -> None:
    for expression, expected in (
        (literal(1.5), 1.5),
        (-literal(-1.5), 1.5),
        (c.b * 1.5, 3.0),
        (literal(0.1) + 0.2, 0.1 + 0.2),
        (literal(Decimal("1.5")) - literal(0.5), 1.0),
    ):
        result = value(connection, expression)
        assert (type(result), result) == (float, expected)


def test_conditions_are_bools_in_results(connection: Connection) -> None:
    row = connection.execute(select(c.a > 1, c.a.in_([]), c.boss.is_(None), literal(True)).where(c.id == 1)).one()
    assert list(row) == [True, False, True, True]
    assert {type(flag) for flag in row} == {bool}
    assert type(select(c.a > 1).result_columns()[0][1].type) is Boolean


def test_named_parameters_are_given_at_execution(connection: Connection) -> None:
    statement = select(c.name).where(or_(c.id == bindparam("who"), c.boss == bindparam("who"))).order_by(c.id)
    assert connection.scalars(statement, {"who": 1}).all() == ["Ann", "bob"]
    assert connection.scalars(statement, {"who": 2}).all() == ["bob"]
    with_value = select(c.name).where(c.id == bindparam("who", 2))
    assert connection.scalar(with_value) == "bob"
    assert connection.scalar(with_value, {"who": 1}) == "Ann"


def test_operators_of_the_database_can_be_used(connection: Connection) -> None:
    assert value(connection, c.a.op("&")(3)) == 3
    assert value(connection, c.a.op("&")(c.b + 1) + 1) == 4
    assert value(connection, c.a.op("<>", is_comparison=True)(7)) is False


def test_an_expression_has_no_truth_value() -> None:
    for expression in (c.a > 1, c.a.in_([1]), and_(c.a == 1, c.b == 2), c.name, func.count(), ~c.active):
        with pytest.raises(TypeError, match="truth value"):
            bool(expression)


numbers = st.integers(min_value=-9, max_value=9)


@st.composite
def arithmetic(draw: st.DrawFn, depth: int = 3) -> tuple[Any, int]:
    """An expression of integers, and its value."""
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        number = draw(numbers)
        return literal(number), number
    left, left_value = draw(arithmetic(depth - 1))
    right, right_value = draw(arithmetic(depth - 1))
    op = draw(st.sampled_from("+-*n"))
    if op == "+":
        return left + right, left_value + right_value
    if op == "-":
        return left - right, left_value - right_value
    return (left * right, left_value * right_value) if op == "*" else (-left, -left_value)


@st.composite
def conditions(draw: st.DrawFn, depth: int = 3) -> tuple[Any, bool]:
    """A condition, and its truth."""
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        left, left_value = draw(arithmetic(1))
        right, right_value = draw(arithmetic(1))
        return draw(
            st.sampled_from(
                [
                    (left < right, left_value < right_value),
                    (left >= right, left_value >= right_value),
                    (left == right, left_value == right_value),
                    (left.in_([right, 3]), left_value in (right_value, 3)),
                    (left.between(right, 5), right_value <= left_value <= 5),
                ]
            )
        )
    one, one_value = draw(conditions(depth - 1))
    other, other_value = draw(conditions(depth - 1))
    return draw(
        st.sampled_from(
            [
                (one & other, one_value and other_value),
                (one | other, one_value or other_value),
                (~one, not one_value),
                (one == other, one_value == other_value),
                (one != other, one_value != other_value),
                (one.is_distinct_from(other), one_value != other_value),
            ]
        )
    )


@settings(deadline=None, max_examples=80, suppress_health_check=list(HealthCheck))
@given(made=arithmetic(), condition=conditions())
def test_random_expressions_have_the_value_that_python_computes(
    connection: Connection, made: tuple[Any, int], condition: tuple[Any, bool]
) -> None:
    assert connection.scalar(select(made[0])) == made[1]
    assert connection.scalar(select(cast(condition[0], Boolean))) is condition[1]
