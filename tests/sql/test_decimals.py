"""Decimals are exact on both databases: compared, sorted, grouped, computed and summed without a float."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_uow import Connection
from flask_uow.exc import CompileError
from flask_uow.sql import (
    Integer,
    Numeric,
    String,
    case,
    cast,
    distinct,
    func,
    insert,
    literal,
    select,
)
from tests.sql.conftest import item

D = Decimal
k = item.c


def values(connection: Connection, statement: Any) -> list[Any]:
    return list(connection.scalars(statement))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (k.price == D("9.990"), [1]),
        (k.price != D("9.99"), [2, 4]),
        (k.price > D("9.99"), [2]),
        (k.price >= D("9.990"), [1, 2]),
        (k.price < 10, [1, 4]),
        (D("10") < k.price, [2]),
        (k.price.in_([D("10.010"), D("0.1"), 5]), [2, 4]),
        (k.price.not_in([D("10.010")]), [1, 4]),
        (k.price.in_(select(k.price * 1)), [1, 2, 4]),
        (k.price.between(D("9"), D("10.00")), [1]),
        (~k.price.between(D("9"), D("10.00")), [2, 4]),
        (literal(D("9.5")).between(k.quantity, k.price), [1, 2]),
        (k.price.is_distinct_from(D("9.990")), [2, 3, 4]),
        (k.price * 2 > D("19.98"), [2]),
        (k.price > k.quantity, [1, 2]),
        (k.quantity < k.price, [1, 2]),
        (k.quantity == D("1.00"), [1, 2, 4]),
        (k.quantity + 1 > D("2.5"), [3]),
        ((k.quantity + 1).in_([D("3.0")]), [3]),
        (k.quantity.between(D("1.5"), D("10.5")), [3]),
        (func.coalesce(k.price, 0) == 0, [3]),
        (func.coalesce(k.price, k.quantity) == 2, [3]),
        (case((k.price > 1, k.price), else_=100) > D("20"), [3, 4]),
        (case((k.price.is_(None), 0), else_=k.price) < D("9"), [3, 4]),
        (k.price > select(func.avg(k.price)).scalar_subquery(), [1, 2]),
    ],
)
def test_decimals_are_compared_as_numbers(connection: Connection, condition: Any, expected: list[int]) -> None:
    assert values(connection, select(k.id).where(condition).order_by(k.id)) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (k.price + D("0.01"), D("10.00")),
        (k.price - 1, D("8.99")),
        (k.price * 3, D("29.97")),
        (k.price * k.quantity, D("9.99")),
        (k.price / 3, D("3.33")),
        (-k.price, D("-9.99")),
        (k.price - (k.price - 1), D("1.00")),
        (func.abs(-k.price), D("9.99")),
        (func.round(k.price, 1), D("10.0")),
        (func.coalesce(k.price, 0), D("9.99")),
        (func.nullif(k.price, D("9.990")), None),
        (func.greatest(k.price, D("10.5"), 2), D("10.5")),
        (func.least(k.price, 10), D("9.99")),
        (cast(k.quantity, Numeric(10, 2)) + D("0.5"), D("1.50")),
        (cast("1.50", Numeric(10, 2)) * 2, D("3.00")),
        (literal(D("0.1")) + literal(D("0.2")), D("0.3")),
    ],
)
def test_arithmetic_of_decimals_is_exact(connection: Connection, expression: Any, expected: Decimal | None) -> None:
    result = connection.scalar(select(expression).where(k.id == 1))
    assert type(result) is type(expected)
    assert result == expected


def test_decimals_become_integers_and_text_by_cast(connection: Connection) -> None:
    row = connection.execute(select(cast(k.price, Integer), cast(k.price, String)).where(k.id == 1)).one()
    assert row == (10, "9.99")


def test_decimals_are_sorted_as_numbers_wherever_they_come_from(connection: Connection) -> None:
    expected = [D("0.10"), D("9.99"), D("10.01")]
    times_one = (k.price * 1).label("x")
    base = select(times_one).where(k.price.is_not(None))
    assert values(connection, select(k.price).where(k.price.is_not(None)).order_by(k.price)) == expected
    assert values(connection, base.order_by(times_one)) == expected
    assert values(connection, base.order_by("x")) == expected
    assert values(connection, base.order_by(times_one.desc())) == expected[::-1]
    for derived in (base.subquery(), base.cte(), base.subquery().alias()):
        assert values(connection, select(derived.c.x).order_by(derived.c.x)) == expected
        assert values(connection, select(derived.c.x).where(derived.c.x > D("9.9")).order_by("x")) == expected[1:]
    halves = [select(k.price * 1).where(k.id == number) for number in (1, 2, 4)]
    compound = halves[0].union_all(*halves[1:])
    assert values(connection, select(compound.subquery().c.anon).order_by("anon")) == expected


@pytest.mark.parametrize(
    "texts",
    [
        lambda text: case((k.price > 0, text), else_="none"),
        lambda text: case((k.price.between(0, 100), text), (k.price.in_([D("0.1")]), "none")),
        lambda text: func.coalesce(case((k.price != 0, text)), "none"),
        lambda text: text + cast(k.price <= 0, String),
    ],
    ids=["case", "between", "coalesce", "cast"],
)
def test_texts_are_compared_as_texts_where_a_decimal_decides_which(connection: Connection, texts: Any) -> None:
    # as numbers they would be two, in another order
    written = case((k.id == 1, "10"), (k.id == 2, "9"), else_="10.0")
    made = texts(written)
    found = values(connection, select(made).where(k.price.is_not(None)).order_by(made))
    assert found == sorted(found)
    assert len(values(connection, select(made).where(k.price.is_not(None)).distinct())) == 3
    assert len(values(connection, select(func.count()).where(k.price.is_not(None)).group_by(made))) == 3
    assert values(connection, select(func.max(made)).where(k.price.is_not(None))) == found[-1:]
    assert len(values(connection, select(k.id).where(made == found[0]))) == 1


def test_aggregates_of_decimals_are_exact(connection: Connection) -> None:
    row = connection.execute(select(func.sum(k.price), func.max(k.price), func.min(k.price), func.count(k.price))).one()
    assert row == (D("20.10"), D("10.01"), D("0.10"), 3)
    assert connection.scalar(select(func.avg(k.price))) == D("6.7")
    assert connection.scalar(select(func.sum(k.price)).where(k.id > 99)) is None
    assert connection.scalar(select(func.sum(case((k.price > 5, k.price), else_=0)))) == D("20.00")
    assert connection.scalar(select(func.sum(case((k.price.is_(None), 0), else_=k.price)))) == D("20.10")
    assert connection.scalar(select(func.count(distinct(k.price * D("1.0"))))) == 3
    doubled = select(k.price * 2, func.count()).where(k.price.is_not(None)).group_by(k.price * 2).order_by(k.price * 2)
    assert connection.execute(doubled).all() == [(D("0.20"), 1), (D("19.98"), 1), (D("20.02"), 1)]


def test_a_remainder_of_decimals_is_refused_where_it_would_not_be_exact(connection: Connection) -> None:
    statement = select(k.price % 3).where(k.id == 1)
    if connection.dialect.name == "sqlite":
        with pytest.raises(CompileError, match="no exact %"):
            connection.execute(statement)
    else:
        assert connection.scalar(statement) == D("0.99")


def test_text_sql_compares_decimals_exactly_where_it_says_so(connection: Connection) -> None:
    # the schema has no collation of ours, which other programs would not know
    collation = " COLLATE decimal" if connection.dialect.exact_decimal_text else ""
    assert connection.execute(f"SELECT id FROM item WHERE price = :p{collation}", {"p": D("9.990")}).scalar() == 1
    assert connection.execute(f"SELECT count(*) FROM item WHERE price > :p{collation}", {"p": D("9.9")}).scalar() == 2


amounts = st.decimals(min_value=-(10**7), max_value=10**7, places=2, allow_nan=False, allow_infinity=False)


@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(given_amounts=st.lists(amounts, min_size=1, max_size=6), bound=amounts)
def test_any_decimals_are_summed_sorted_and_filtered_as_python_does(
    connection: Connection, given_amounts: list[Decimal], bound: Decimal
) -> None:
    with connection.begin_nested() as savepoint:
        connection.execute(insert(item), [{"price": amount, "quantity": 77} for amount in given_amounts])
        chosen = k.quantity == 77
        assert connection.scalar(select(func.sum(k.price)).where(chosen)) == sum(given_amounts)
        assert values(connection, select(k.price).where(chosen).order_by(k.price)) == sorted(given_amounts)
        smaller = select(k.price).where(chosen, k.price < bound).order_by(k.price.desc())
        assert values(connection, smaller) == sorted((a for a in given_amounts if a < bound), reverse=True)
        savepoint.rollback()
