"""Generated queries against a straightforward evaluation in Python, on both databases.

A query is drawn as plain data: which rows are joined, filters as trees, grouping, order, limit, a subquery. It is written out twice: as a
``Query`` and as loops over lists of dicts with SQL's three-valued logic.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_uow import (
    DeclarativeBase,
    Engine,
    ForeignKey,
    Mapped,
    MultipleResultsFound,
    NoResultFound,
    Numeric,
    Session,
    aliased,
    and_,
    func,
    mapped_column,
    not_,
    or_,
    relationship,
    select,
)


class Base(DeclarativeBase):
    pass


class Owner(Base):
    __tablename__ = "owner"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    age: Mapped[int | None]
    boss_id: Mapped[int | None] = mapped_column(ForeignKey("owner.id"))
    items: Mapped[list[Item]] = relationship(back_populates="owner")


class Item(Base):
    __tablename__ = "item"
    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("owner.id"))
    price: Mapped[int | None]
    label: Mapped[str]
    cost: Mapped[Decimal | None] = mapped_column(Numeric(8, 2))
    at: Mapped[dt.datetime | None]
    owner: Mapped[Owner | None] = relationship(back_populates="items")


OWNERS: list[dict[str, Any]] = [
    {"id": 1, "name": "ann", "age": 30, "boss_id": None},
    {"id": 2, "name": "bob", "age": None, "boss_id": 1},
    {"id": 3, "name": None, "age": 20, "boss_id": 1},
    {"id": 4, "name": "ann", "age": 30, "boss_id": 2},
    {"id": 5, "name": "it's 100%", "age": -5, "boss_id": 2},
]
ITEMS: list[dict[str, Any]] = [
    {
        "id": n, "owner_id": owner, "price": price, "label": label, "cost": None if price is None else Decimal(price) / 4,
        "at": None if owner is None else dt.datetime(2024, 5, owner, 12 * (n % 2)),
    }
    for n, (owner, price, label) in enumerate(
        [(1, 5, "x"), (1, None, "y"), (2, 5, "x"), (4, 0, "a_b"), (4, 7, "a%b"), (4, 7, "x"), (None, 3, "z"), (5, 1, "x")], 1
    )
]  # fmt: skip
NULLS: dict[str, dict[str, Any]] = {"owner": dict.fromkeys(OWNERS[0]), "item": dict.fromkeys(ITEMS[0])}

Row = dict[str, Any]
Env = dict[str, Row]


# -- the query as data


@dataclass(frozen=True)
class Condition:
    """A condition, as SQL and as a function of a row of each joined table.

    :ivar sql: takes the attributes' owner for each table.
    :ivar test: gives True, False or None.
    """

    sql: Callable[[dict[str, Any]], Any]
    test: Callable[[Env], bool | None]
    shown: str

    def __repr__(self) -> str:
        return self.shown


COLUMNS = {
    "owner": {"id": int, "name": str, "age": int, "boss_id": int},
    "item": {"id": int, "owner_id": int, "price": int, "label": str, "cost": Decimal, "at": dt.datetime},
}
VALUES: dict[type, st.SearchStrategy[Any]] = {
    int: st.integers(-6, 31),
    Decimal: st.integers(-4, 30).map(lambda quarters: Decimal(quarters) / 4),
    dt.datetime: st.builds(dt.datetime, st.just(2024), st.just(5), st.integers(1, 6), st.sampled_from([0, 12])),
    str: st.sampled_from(["ann", "bob", "x", "y", "a_b", "a%b", "it's 100%", "", "%", "_"]),
}
# what stands for a value beside a column: itself, or an equal one of a neighbouring type
NEIGHBOURS: dict[type, list[Callable[[Any], Any]]] = {
    int: [int, str, float, Decimal],
    Decimal: [Decimal, float, lambda value: int(value) if value == int(value) else value],
    dt.datetime: [lambda value: value, lambda value: value if value.hour else value.date()],
    str: [str],
}
OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
}


def strict(compute: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *values: None if None in values else compute(*values)


def all3(values: list[bool | None]) -> bool | None:
    return False if False in values else None if None in values else True


def any3(values: list[bool | None]) -> bool | None:
    return True if True in values else None if None in values else False


@st.composite
def comparisons(draw: Any, tables: tuple[str, ...]) -> Condition:
    table = draw(st.sampled_from(tables))
    name = draw(st.sampled_from(sorted(COLUMNS[table])))
    kind = COLUMNS[table][name]
    beside = draw(st.sampled_from(NEIGHBOURS[kind]))
    form = draw(
        st.sampled_from(["operator", "null", "in", "between", "like", "column", "exists", "nested", "subquery"])
    )
    if form == "null":
        negated = draw(st.booleans())
        return Condition(
            lambda e: getattr(e[table], name).is_not(None) if negated else getattr(e[table], name) == None,  # noqa: E711
            lambda env: (env[table][name] is None) is not negated,
            f"{table}.{name} is {'not ' if negated else ''}null",
        )
    if form == "in":
        values = draw(st.lists(VALUES[kind], max_size=3))
        given = [beside(value) for value in values]
        return Condition(
            lambda e: getattr(e[table], name).in_(given),
            lambda env: False if not values else strict(lambda v: v in values)(env[table][name]),
            f"{table}.{name} in {given}",
        )
    if form == "between" and kind is not str:
        low, high = draw(VALUES[kind]), draw(VALUES[kind])
        ends = beside(low), beside(high)
        return Condition(
            lambda e: getattr(e[table], name).between(*ends),
            lambda env: strict(lambda v: low <= v <= high)(env[table][name]),
            f"{table}.{name} between {ends}",
        )
    if form == "like" and kind is str:
        part = draw(VALUES[str])
        way = draw(st.sampled_from(["contains", "startswith", "endswith"]))
        python = {"contains": str.__contains__, "startswith": str.startswith, "endswith": str.endswith}[way]
        return Condition(
            lambda e: getattr(getattr(e[table], name), way)(part),
            lambda env: strict(lambda v: bool(python(v, part)))(env[table][name]),
            f"{table}.{name} {way} {part!r}",
        )
    if form == "exists" and table == "owner":
        price = draw(st.integers(0, 7))
        return Condition(
            lambda e: e["owner"].items.any(Item.price >= price),
            lambda env: any(
                i["owner_id"] == env["owner"]["id"] and strict(lambda p: p >= price)(i["price"]) is True
                for i in (ITEMS if env["owner"]["id"] is not None else ())
            ),
            f"owner.items.any(price >= {price})",
        )
    if form == "nested" and table == "owner":
        age = draw(st.integers(-6, 31))
        return Condition(
            lambda e: e["owner"].items.any(
                select(Owner.id).where(Owner.id == Item.owner_id, Owner.age >= age).exists()
            ),
            lambda env: any(
                i["owner_id"] == env["owner"]["id"] and strict(lambda a: a >= age)(env["owner"]["age"]) is True
                for i in (ITEMS if env["owner"]["id"] is not None else ())
            ),
            f"owner.items.any(its owner's age >= {age})",
        )
    if form == "subquery" and kind is int:
        return Condition(
            lambda e: (
                getattr(e[table], name)
                > select(func.min(Item.price)).where(Item.label == "x").correlate(None).scalar_subquery()
            ),
            lambda env: strict(lambda v: v > 1)(env[table][name]),
            f"{table}.{name} > (select min(price))",
        )
    op = draw(st.sampled_from(["==", "!="] if kind is str else sorted(OPERATORS)))
    if form == "column" and kind is int:
        other_table = draw(st.sampled_from(tables))
        other = draw(st.sampled_from(sorted(n for n, k in COLUMNS[other_table].items() if k is int)))
        plus = draw(st.integers(-3, 3))
        return Condition(
            lambda e: OPERATORS[op](getattr(e[table], name), getattr(e[other_table], other) + plus),
            lambda env: strict(lambda a, b: OPERATORS[op](a, b + plus))(env[table][name], env[other_table][other]),
            f"{table}.{name} {op} {other_table}.{other} + {plus}",
        )
    value = draw(VALUES[kind])
    given = beside(value)
    return Condition(
        lambda e: OPERATORS[op](getattr(e[table], name), given),
        lambda env: strict(lambda v: OPERATORS[op](v, value))(env[table][name]),
        f"{table}.{name} {op} {given!r}",
    )


def conditions(tables: tuple[str, ...]) -> st.SearchStrategy[Condition]:
    def combined(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
        lists = st.lists(inner, min_size=1, max_size=3)
        return st.one_of(
            lists.map(
                lambda cs: Condition(
                    lambda e: and_(*(c.sql(e) for c in cs)), lambda env: all3([c.test(env) for c in cs]), f"and{cs}"
                )
            ),
            lists.map(
                lambda cs: Condition(
                    lambda e: or_(*(c.sql(e) for c in cs)), lambda env: any3([c.test(env) for c in cs]), f"or{cs}"
                )
            ),
            inner.map(
                lambda c: Condition(
                    lambda e: not_(c.sql(e)), lambda env: None if (v := c.test(env)) is None else not v, f"not({c})"
                )
            ),
        )

    return st.recursive(comparisons(tables), combined, max_leaves=5)


@dataclass(frozen=True)
class Plan:
    """A whole query: what is joined, filtered, grouped, cut out."""

    join: str | None
    where: list[Condition]
    distinct: bool
    limit: int | None
    offset: int | None
    nested: bool
    use_alias: bool

    @property
    def tables(self) -> tuple[str, ...]:
        return ("owner", "item") if self.join else ("owner",)


@st.composite
def plans(draw: Any) -> Plan:
    join = draw(st.sampled_from([None, "inner", "outer"]))
    tables = ("owner", "item") if join else ("owner",)
    return Plan(
        join,
        draw(st.lists(conditions(tables), max_size=2)),
        draw(st.booleans()),
        draw(st.none() | st.integers(0, 4)),
        draw(st.none() | st.integers(0, 3)),
        draw(st.booleans()),
        draw(st.booleans()),
    )


# -- the straightforward evaluation


def joined_rows(plan: Plan) -> Iterator[Env]:
    for owner in OWNERS:
        if plan.join is None:
            yield {"owner": owner}
            continue
        found = [item for item in ITEMS if item["owner_id"] == owner["id"]]
        for item in found or ([NULLS["item"]] if plan.join == "outer" else []):
            yield {"owner": owner, "item": item}


def filtered_rows(plan: Plan) -> list[Env]:
    return [env for env in joined_rows(plan) if all(condition.test(env) is True for condition in plan.where)]


def cut(plan: Plan, rows: list[Any]) -> list[Any]:
    start = plan.offset or 0
    return rows[start : start + plan.limit] if plan.limit is not None else rows[start:]


def expected_rows(plan: Plan) -> list[tuple[Any, ...]]:
    """Ids, in order, cut out; each once with DISTINCT."""
    rows = [tuple(env[table]["id"] for table in plan.tables) for env in filtered_rows(plan)]
    if plan.distinct:
        rows = list(dict.fromkeys(rows))
    return cut(plan, sorted(rows, key=lambda row: [(value is None, value) for value in row]))


def expected_groups(plan: Plan) -> list[tuple[Any, ...]]:
    """For each name: how many rows, and count, sum, least and greatest of the ages (prices where items are joined)."""
    groups: dict[Any, list[Env]] = {}
    for env in filtered_rows(plan):
        groups.setdefault(env["owner"]["name"], []).append(env)
    made = []
    for name, members in groups.items():
        table, column = ("item", "price") if plan.join else ("owner", "age")
        values = [env[table][column] for env in members if env[table][column] is not None]
        numbers = (sum(values), min(values), max(values)) if values else (None, None, None)
        made.append((name, len(members), len(values), *numbers))
    return sorted(
        (row for row in made if row[1] > 1 or not plan.nested), key=lambda row: (row[0] is None, row[0] or "")
    )


# -- the query itself


def built(plan: Plan, session: Session, *items: Any, entities: dict[str, Any]) -> Any:
    query = session.query(*items)
    if plan.join:
        target = entities["owner"].items.of_type(entities["item"]) if plan.use_alias else entities["owner"].items
        query = query.select_from(entities["owner"]).join(target, isouter=plan.join == "outer")
    return query.filter(*(condition.sql(entities) for condition in plan.where))


@pytest.fixture
def filled(engine: Engine) -> Iterator[Session]:
    Base.metadata.create_all(engine)
    with contextlib.closing(Session(engine)) as session:
        session.bulk_insert(Owner, OWNERS)
        session.bulk_insert(Item, ITEMS)
        session.commit()
        yield session
        session.rollback()
    Base.metadata.drop_all(engine)


def check_objects(plan: Plan, query: Any) -> None:
    """A query of one class gives each object once in every way of asking; counts, limits and offsets are about rows."""
    rows = [env["owner"]["id"] for env in filtered_rows(plan)]
    wanted = list(dict.fromkeys(rows))
    assert [owner.id for owner in query] == [owner.id for owner in query.all()] == wanted
    assert [owner.id for owner in query.yield_per(2)] == wanted
    assert sorted(owner.id for owner in query.from_self()) == wanted
    assert query.count() == len(rows)
    part = list(dict.fromkeys(cut(plan, rows)))
    assert [owner.id for owner in query.limit(plan.limit).offset(plan.offset)] == part
    start = plan.offset or 0
    stop = start + plan.limit if plan.limit is not None else None
    assert [owner.id for owner in query[start:stop]] == part
    assert [owner.id for owner in query.limit(3)[start:stop]] == list(dict.fromkeys(cut(plan, rows[:3])))
    first = query.first()
    assert (first.id if first is not None else None) == (rows[0] if rows else None)
    if len(wanted) == 1:
        assert query.one().id == query.one_or_none().id == wanted[0]
    else:
        with pytest.raises(MultipleResultsFound if wanted else NoResultFound):
            query.one()


def test_generated_queries_give_what_python_works_out(filled: Session) -> None:
    @settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
    @given(plans())
    def check(plan: Plan) -> None:
        entities: dict[str, Any] = {"owner": Owner, "item": Item}
        if plan.use_alias:
            entities = {"owner": aliased(Owner), "item": aliased(Item)}
        keys = [entities[table].id for table in plan.tables]
        query = built(plan, filled, *keys, entities=entities)
        query = query.distinct() if plan.distinct else query
        # with DISTINCT, PostgreSQL orders by what is selected only
        terms = [(key.nulls_last(),) if plan.distinct else (key.is_(None), key) for key in keys]
        ordered = query.order_by(*itertools.chain.from_iterable(terms))
        rows = ordered.limit(plan.limit).offset(plan.offset)
        wanted = expected_rows(plan)
        assert [tuple(row) for row in rows] == wanted
        assert rows.count() == len(wanted)
        if plan.nested:
            assert sorted(map(tuple, rows.from_self()), key=repr) == sorted(wanted, key=repr)
            assert rows.from_self(func.count()).scalar() == len(wanted)
        check_objects(plan, built(plan, filled, entities["owner"], entities=entities).order_by(entities["owner"].id))

    check()


def test_generated_aggregates_give_what_python_works_out(filled: Session) -> None:
    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(plans())
    def check(plan: Plan) -> None:
        entities: dict[str, Any] = {"owner": Owner, "item": Item}
        value = Item.price if plan.join else Owner.age
        plan = Plan(plan.join, plan.where, False, None, None, plan.nested, False)
        query = built(
            plan, filled, Owner.name, func.count(), func.count(value), func.sum(value), func.min(value), func.max(value), entities=entities
        )  # fmt: skip
        query = query.group_by(Owner.name)
        query = query.having(func.count() > 1) if plan.nested else query
        found = sorted(map(tuple, query), key=lambda row: (row[0] is None, row[0] or ""))
        assert found == expected_groups(plan)

    check()
