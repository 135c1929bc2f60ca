"""Statements of one shape are compiled once; what tells statements apart is part of the shape."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_uow import Connection
from flask_uow.sql import (
    Column,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    and_,
    bindparam,
    case,
    cast,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    union,
    update,
)
from tests.sql.conftest import item, person

c, k = person.c, item.c


def entries_added(connection: Connection, *statements: Any) -> int:
    cache = connection.engine.compiled_cache
    before = len(cache)
    for statement in statements:
        connection.execute(statement)
    return len(cache) - before


@pytest.mark.parametrize(
    "make",
    [
        lambda n: select(c.id).where(c.a == n),
        lambda n: select(c.id).where(c.a.in_([n, n + 1])),
        lambda n: select(c.id).limit(n).offset(n),
        lambda n: select(case((c.a == n, n), else_=n)),
        lambda n: select(c.id).where(c.name.contains(str(n))),
        lambda n: select(c.id).where(c.a.between(n, n)),
        lambda n: select(literal(n), func.coalesce(c.a, n)),
        lambda n: select(c.id).where(c.id.in_(select(k.owner).where(k.quantity == n))),
        lambda n: union(select(c.id).where(c.a == n), select(k.id)),
        lambda n: select(person.alias().c.id),
        lambda n: select(select(c.id).where(c.a == n).subquery().c.id),
        lambda n: insert(person).values(name=str(n)),
        lambda n: update(person).where(c.id == n).values(a=n),
        lambda n: delete(item).where(k.id == n + 100),
        lambda n: text("SELECT :n").bindparams(n=n),
    ],
)
def test_statements_that_differ_in_values_share_their_sql(connection: Connection, make: Callable[[int], Any]) -> None:
    assert entries_added(connection, make(1), make(2), make(3)) == 1


def test_values_are_not_shared(connection: Connection) -> None:
    for number, expected in ((7, [1]), (5, [2]), (0, [])):
        assert connection.scalars(select(c.id).where(c.a == number)).all() == expected
        assert connection.scalars(select(c.id).where(c.a.in_([number, -1]))).all() == expected
    for limit in (1, 2):
        assert len(connection.execute(select(c.id).limit(limit)).all()) == limit


one = literal("Ann")
shared = bindparam("x", 7)
other_metadata = MetaData()
twin = Table(
    "person",
    other_metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String),
    Column("a", Numeric(5, 1)),
)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (select(c.id).where(c.a == 1), select(c.id).where(c.b == 1)),
        (select(c.id).where(c.a == 1), select(c.id).where(c.a != 1)),
        (select(c.id).where(c.a == 1), select(c.id).where(c.a == None)),  # noqa: E711
        (select(c.id).where(c.name == one, c.name == one), select(c.id).where(c.name == "Ann", c.name == "bob")),
        (select(c.id).where(c.a.in_([1])), select(c.id).where(c.a.in_([1, 2]))),
        (select(c.id).where(c.a.in_([1])), select(c.id).where(c.a.in_([]))),
        (select(c.id).limit(1), select(c.id).offset(1)),
        (select(c.id).limit(1), select(c.id)),
        (select(c.id).order_by(c.a), select(c.id).group_by(c.id, c.a)),
        (select(c.id).order_by(c.a), select(c.id).order_by(c.a.desc())),
        (select(c.id), select(c.id).distinct()),
        (select(c.id), select(c.id).with_for_update()),
        (select(c.id), select(c.id.label("n"))),
        (select(c.id, c.a), select(c.a, c.id)),
        (select(c.id).select_from(person.join(item)), select(c.id).select_from(person.outerjoin(item))),
        (select(person.alias("x").c.id), select(person.alias("y").c.id)),
        (union(select(c.id), select(k.id)), select(c.id).union_all(select(k.id))),
        (select(c.id).where(and_(c.a == 1, c.b == 1)), select(c.id).where(or_(c.a == 1, c.b == 1))),
        (select(cast(c.a, String)), select(cast(c.a, Integer))),
        (select(c.name.like("a", escape="!")), select(c.name.like("a", escape="?"))),
        (select(c.a.op("&")(1)), select(c.a.op("|")(1))),
        (select(func.lower(c.name)), select(func.upper(c.name))),
        (select(c.id).where(c.a == shared, c.b == shared), select(c.id).where(c.a == 1, c.b == 2)),
        (insert(person).values(name="a"), insert(person).values(a=1)),
        (insert(person).values(name="a"), insert(person).values(name="a").returning(c.id)),
        (insert(person).values([{"name": "a"}]), insert(person).values([{"name": "a"}, {"name": "b"}])),
        (update(person).values(a=1), update(person).values(a=c.a + 1)),
        (text("SELECT 1"), text("SELECT 2")),
    ],
)
def test_statements_that_differ_in_shape_do_not_share_their_sql(
    connection: Connection, first: Any, second: Any
) -> None:
    assert entries_added(connection, first, second, first, second) == 2


def test_equal_text_with_other_types_is_converted_differently(connection: Connection) -> None:
    as_number = select(func.replace(literal("1.0"), "x", "y", type_=Numeric(5, 1)))
    as_text = select(func.replace(literal("1.0"), "x", "y", type_=String))
    assert type(connection.scalar(as_text)) is str
    assert connection.dialect.name != "sqlite" or type(connection.scalar(as_number)) is Decimal
    assert type(connection.scalar(as_text)) is str
    assert type(connection.scalar(select(c.a).where(c.id == 1))) is int
    assert entries_added(connection, select(twin.c.a), select(c.a)) == 2


def test_the_cache_is_bounded(connection: Connection) -> None:
    cache = connection.engine.compiled_cache
    for count in range(1, 700):
        connection.execute(select(c.id).where(c.a.in_([0] * count)))
    size = len(cache)
    for count in range(700, 900):
        connection.execute(select(c.id).where(c.a.in_([0] * count)))
        assert len(cache) < 900
    assert connection.scalars(select(c.id).where(c.a.in_([0] * 3 + [7]))).all() == [1]
    assert size > 0


any_text = st.text(
    alphabet=st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=20
)


@settings(deadline=None, max_examples=80, suppress_health_check=list(HealthCheck))
@given(value=any_text)
def test_a_value_comes_back_equal_and_never_becomes_sql(connection: Connection, value: str) -> None:
    marked = f"<<{value}>>"
    with connection.begin_nested() as savepoint:
        statement = insert(person).values(name=marked, a=99)
        assert marked not in str(statement.compile(connection.dialect))
        connection.execute(statement)
        for condition in (
            c.name == marked,
            c.name.in_([marked, "no"]),
            c.name.contains(value),
            c.name.startswith("<<" + value),
            c.name.endswith(value + ">>"),
            func.coalesce(c.name, marked) == marked,
            case((c.name == marked, True), else_=False),
        ):
            found = select(c.name).where(condition, c.a == 99)
            assert marked not in str(found.compile(connection.dialect))
            assert connection.scalars(found).all() == [marked]
        savepoint.rollback()
