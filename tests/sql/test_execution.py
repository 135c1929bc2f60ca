"""Statements and schema on real databases: SQLite and PostgreSQL give the same answers."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_uow import ArgumentError, Connection, DataError, Engine, IntegrityError, InvalidRequestError
from flask_uow.sql import (
    CheckConstraint,
    Column,
    Enum,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    UniqueConstraint,
    bindparam,
    case,
    cast,
    column,
    delete,
    desc,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    tuple_,
    union,
    update,
)


class Schema:
    """Two tables with a few rows."""

    def __init__(self) -> None:
        self.metadata = MetaData()
        self.person = Table(
            "person",
            self.metadata,
            Column("id", Integer, primary_key=True),
            Column("name", String),
            Column("age", Integer),
            Column("boss", ForeignKey("person.id")),
        )
        self.item = Table(
            "item",
            self.metadata,
            Column("id", Integer, primary_key=True),
            Column("owner", ForeignKey("person.id")),
            Column("price", Numeric(10, 2)),
            Column("label", String, default="none"),
        )


@pytest.fixture
def schema(engine: Engine) -> Schema:
    schema = Schema()
    schema.metadata.create_all(engine)
    with engine.begin() as connection:
        people = [
            {"name": "ann", "age": 50, "boss": None},
            {"name": "bob", "age": 30, "boss": 1},
            {"name": "100%", "age": 20, "boss": 2},
        ]
        connection.execute(insert(schema.person), people)
        for number, price in enumerate(("9.99", "10.01", "0.10", "100.00"), 1):
            connection.execute(insert(schema.item).values(owner=1 + number % 2, price=Decimal(price)))
    return schema


@pytest.fixture
def connection(engine: Engine, schema: Schema) -> Iterator[Connection]:
    with engine.connect() as connection:
        yield connection


def names(connection: Connection, schema: Schema, *conditions: Any) -> list[str]:
    statement = select(schema.person.c.name).where(*conditions).order_by(schema.person.c.id)
    return list(connection.scalars(statement))


def test_operators_choose_the_same_rows(connection: Connection, schema: Schema) -> None:
    c = schema.person.c
    assert names(connection, schema, c.name == "bob") == ["bob"]
    assert names(connection, schema, c.boss == None) == ["ann"]  # noqa: E711
    assert names(connection, schema, c.boss.is_not(None), c.age < 30) == ["100%"]
    assert names(connection, schema, c.age.in_([20, 50, 99])) == ["ann", "100%"]
    assert names(connection, schema, c.age.in_([])) == []
    assert names(connection, schema, c.age.not_in([])) == ["ann", "bob", "100%"]
    assert names(connection, schema, c.age.between(20, 30)) == ["bob", "100%"]
    assert names(connection, schema, c.name.contains("%")) == ["100%"]
    assert names(connection, schema, c.name.contains("0_")) == []
    assert names(connection, schema, c.name.startswith("a") | c.name.endswith("b")) == ["ann", "bob"]
    assert names(connection, schema, c.name.ilike("AN_")) == ["ann"]
    assert names(connection, schema, ~(c.age > 20)) == ["100%"]
    assert names(connection, schema, (c.age + 10) * 2 == 80) == ["bob"]
    assert names(connection, schema, c.name + "!" == "bob!") == ["bob"]
    assert names(connection, schema, c.boss.is_distinct_from(1)) == ["ann", "100%"]
    assert names(connection, schema, c.id.in_(select(c.boss).where(c.boss.is_not(None)))) == ["ann", "bob"]
    assert names(connection, schema, text("age = :age").bindparams(age=50)) == ["ann"]
    assert names(connection, schema, text("name LIKE '100%'")) == ["100%"]


def test_aggregates_case_cast_and_functions(connection: Connection, schema: Schema) -> None:
    c = schema.person.c
    assert connection.execute(select(func.count(), func.max(c.age), func.min(c.name))).one() == (3, 50, "100%")
    kinds = select(case((c.age >= 50, "old"), (c.age >= 30, "grown"), else_="young")).order_by(c.id)
    assert connection.scalars(kinds).all() == ["old", "grown", "young"]
    assert connection.scalar(select(cast(c.age, String)).where(c.id == 1)) == "50"
    assert connection.scalar(select(func.upper(c.name)).where(c.id == 2)) == "BOB"
    assert connection.scalar(select(func.coalesce(c.boss, 0)).where(c.id == 1)) == 0
    assert connection.scalar(select(literal("a%b"))) == "a%b"


def test_an_empty_list_keeps_its_column_s_table(connection: Connection, schema: Schema) -> None:
    c = schema.person.c
    count = select(func.count())
    assert connection.scalar(count.where(c.id.not_in([]))) == 3
    assert connection.scalar(count.where(~c.id.in_([]))) == 3
    assert connection.scalar(count.where(c.id.in_([]))) == 0
    assert connection.scalar(count.where(tuple_(c.id, c.age).not_in([]))) == 3
    connection.execute(delete(schema.item))
    assert connection.scalar(select(exists().where(schema.item.c.id.not_in([])))) in (False, 0)


def test_means_and_floats_are_rounded_to_digits(connection: Connection, schema: Schema) -> None:
    c = schema.person.c
    assert connection.scalar(select(func.round(func.avg(c.age), 1))) == 33.3
    assert connection.scalar(select(func.round(func.avg(c.age) / 3, 2))) == 11.11
    assert connection.scalar(select(func.round(cast(literal(2.349), Float), 1) + 1)) == 3.3
    assert connection.scalar(select(func.round(cast(literal(2.6), Float)))) == 3.0


def test_joins_aliases_subqueries_and_ctes(connection: Connection, schema: Schema) -> None:
    person, boss = schema.person, schema.person.alias("boss")
    pairs = (
        select(person.c.name, boss.c.name.label("boss"))
        .outerjoin(boss, person.c.boss == boss.c.id)
        .order_by(person.c.id)
    )
    assert connection.execute(pairs).all() == [("ann", None), ("bob", "ann"), ("100%", "bob")]
    owners = exists(select(schema.item.c.id).where(schema.item.c.owner == person.c.id))
    assert names(connection, schema, owners) == ["ann", "bob"]
    counts = select(schema.item.c.owner, func.count().label("n")).group_by(schema.item.c.owner).subquery()
    assert connection.execute(
        select(person.c.name, counts.c.n).join(counts, counts.c.owner == person.c.id).order_by("name")
    ).all() == [
        ("ann", 2),
        ("bob", 2),
    ]
    chain = select(person.c.id, person.c.boss).where(person.c.id == 3).cte("chain", recursive=True)
    chain = chain.union_all(select(person.c.id, person.c.boss).join(chain, chain.c.boss == person.c.id))
    assert sorted(connection.scalars(select(chain.c.id))) == [1, 2, 3]
    both = (
        union(select(person.c.id).where(person.c.id < 3), select(person.c.id).where(person.c.id > 1))
        .order_by("id")
        .limit(2)
    )
    assert connection.scalars(both).all() == [1, 2]


def test_decimals_are_exact_in_comparison_order_and_arithmetic(connection: Connection, schema: Schema) -> None:
    price = schema.item.c.price
    ordered = connection.scalars(select(price).order_by(price.desc())).all()
    assert ordered == [Decimal("100.00"), Decimal("10.01"), Decimal("9.99"), Decimal("0.10")]
    assert connection.scalars(select(price).where(price > Decimal("9.99")).order_by(price)).all() == [
        Decimal("10.01"),
        Decimal("100"),
    ]
    assert connection.scalar(select(func.sum(price))) == Decimal("120.10")
    assert connection.scalar(select(func.max(price))) == Decimal("100.00")
    assert connection.scalar(select(price * 3).where(schema.item.c.id == 3)) == Decimal("0.30")
    assert connection.scalar(select(price + Decimal("0.20")).where(schema.item.c.id == 3)) == Decimal("0.30")
    assert connection.scalars(select(price).where(price.in_([Decimal("9.990")]))).all() == [Decimal("9.99")]
    with pytest.raises(DataError, match="float"):
        connection.execute(insert(schema.item).values(price=0.1))


def test_insert_update_delete_and_returning(connection: Connection, schema: Schema) -> None:
    person, item = schema.person, schema.item
    with connection.begin() as transaction:
        made = connection.execute(
            insert(person).values([{"name": "x"}, {"name": "y"}]).returning(person.c.id, person.c.name)
        ).all()
        assert [row.name for row in made] == ["x", "y"]
        assert connection.execute(update(person).where(person.c.name == "x").values(age=person.c.id + 1)).rowcount == 1
        assert connection.scalar(select(person.c.age).where(person.c.name == "x")) == made[0].id + 1
        connection.execute(insert(item).from_select(["owner"], select(person.c.id).where(person.c.name == "y")))
        assert (
            connection.execute(delete(item).where(item.c.owner == made[1].id).returning(item.c.owner)).scalar()
            == made[1].id
        )
        connection.execute(item.insert(), {"owner": 1})
        assert connection.scalar(select(item.c.label).order_by(item.c.id.desc()).limit(1)) == "none"
        connection.execute(item.insert(), [{"owner": 1, "label": "a"}, {"owner": 2, "label": "b"}])
        assert connection.scalar(select(func.count()).select_from(item).where(item.c.label.in_(["a", "b"]))) == 2
        assert connection.execute("DELETE FROM person WHERE name = :n", {"n": "x"}).rowcount == 1
        transaction.rollback()
    assert connection.scalar(select(func.count()).select_from(person)) == 3


def test_an_unknown_column_among_the_values_is_an_error(connection: Connection, schema: Schema) -> None:
    for parameters in ({"nmae": "x"}, [{"nmae": "x"}, {"nmae": "y"}]):
        with pytest.raises(Exception, match="nmae"):
            connection.execute(insert(schema.person), parameters)
    with pytest.raises(InvalidRequestError, match="age"):
        connection.execute(insert(schema.person), [{"name": "x", "age": 1}, {"name": "y"}])


def test_statements_of_one_shape_share_their_text_and_differ_in_values(connection: Connection, schema: Schema) -> None:
    cache = connection.engine.compiled_cache
    c = schema.person.c
    one = literal("ann")
    assert names(connection, schema, c.name == one, c.name == one) == ["ann"]
    before = len(cache)
    assert names(connection, schema, c.name == "ann", c.name == "bob") == []
    assert len(cache) == before + 1, "one value twice is another shape than two values"
    assert names(connection, schema, c.name == "bob", c.name == "bob") == ["bob"]
    assert len(cache) == before + 1
    for count in (1, 2, 2):
        connection.execute(select(c.id).where(c.id.in_(list(range(count)))).limit(count + 5))
    assert len(cache) == before + 3


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(value=st.text(alphabet=st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12))
def test_any_text_comes_back_equal_and_never_becomes_sql(connection: Connection, schema: Schema, value: str) -> None:
    with connection.begin() as transaction:
        connection.execute(insert(schema.person).values(name=value, age=77))
        assert connection.scalar(select(schema.person.c.name).where(schema.person.c.age == 77)) == value
        assert (
            connection.scalar(select(func.count()).where(schema.person.c.name == value, schema.person.c.age == 77)) == 1
        )
        assert (
            connection.scalar(
                select(func.count()).where(schema.person.c.name.contains(value), schema.person.c.age == 77)
            )
            == 1
        )
        transaction.rollback()


# -- schema


def test_odd_names_are_quoted(engine: Engine) -> None:
    metadata = MetaData()
    table = Table(
        "order",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("select", String),
        Column("a space", String),
        Column('quo"te', String),
        Column("100%", String),
        Column("MixedCase", String),
    )
    metadata.create_all(engine)
    row = {"select": "a", "a space": "b", 'quo"te': "c", "100%": "d", "MixedCase": "e"}
    with engine.begin() as connection:
        connection.execute(insert(table).values(row))
        assert connection.execute(
            select(*(table.c[name] for name in row)).where(table.c["100%"] == "d")
        ).one() == tuple(row.values())
    metadata.drop_all(engine)


def test_create_all_makes_constraints_and_indexes_that_hold(engine: Engine) -> None:
    metadata = MetaData()
    parent = Table("parent", metadata, Column("id", Integer, primary_key=True), Column("code", String, unique=True))
    child = Table(
        "child",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("parent_id", ForeignKey("parent.id", ondelete="CASCADE"), nullable=False),
        Column("n", Integer, index=True),
        Column("kind", String, server_default="plain"),
        UniqueConstraint("parent_id", "n", name="uq_child"),
        CheckConstraint("n > 0", name="ck_child"),
    )
    Index("ix_lower", func.lower(child.c.kind), where=child.c.n > 1)
    metadata.create_all(engine)
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(parent).values(id=1, code="a"))
        connection.execute(insert(child).values(parent_id=1, n=1))
        assert connection.scalar(select(child.c.kind)) == "plain"
    wrong = [
        insert(parent).values(code="a"),
        insert(child).values(parent_id=1, n=1),
        insert(child).values(parent_id=1, n=0),
        insert(child).values(parent_id=99, n=5),
        insert(child).values(n=5),
    ]
    for statement in wrong:
        with engine.connect() as connection, pytest.raises(IntegrityError):
            connection.execute(statement)
    with engine.begin() as connection:
        connection.execute(delete(parent))
        assert connection.scalar(select(func.count()).select_from(child)) == 0
        assert set(connection.table_names()) == {"parent", "child"}
    metadata.drop_all(engine)
    with engine.connect() as connection:
        assert connection.table_names() == []


def test_tables_that_refer_to_each_other_are_created_and_dropped(engine: Engine) -> None:
    metadata = MetaData()
    a = Table("a", metadata, Column("id", Integer, primary_key=True), Column("b_id", ForeignKey("b.id")))
    b = Table("b", metadata, Column("id", Integer, primary_key=True), Column("a_id", ForeignKey("a.id")))
    pair = Table("pair", metadata, Column("x", Integer, primary_key=True), Column("y", Integer, primary_key=True))
    Table(
        "uses",
        metadata,
        Column("x", Integer),
        Column("y", Integer),
        ForeignKeyConstraint(["x", "y"], ["pair.x", "pair.y"]),
    )
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(a).values(id=1))
        connection.execute(insert(b).values(id=1, a_id=1))
        connection.execute(update(a).values(b_id=1))
        connection.execute(insert(pair).values(x=1, y=2))
    with engine.connect() as connection, pytest.raises(IntegrityError):
        connection.execute(update(a).values(b_id=99))
    metadata.drop_all(engine)
    with engine.connect() as connection:
        assert connection.table_names() == []


def test_a_call_of_a_function_is_a_statement(engine: Engine, connection: Connection, schema: Schema) -> None:
    person = schema.person
    assert connection.execute(func.count(person.c.id)).scalar() == 3
    assert connection.scalar(func.max(person.c.age)) == 50
    assert connection.scalars(func.lower("ABC")).all() == ["abc"]
    assert connection.execute(func.lower(bindparam("x")), {"x": "ABC"}).scalar_one() == "abc"
    assert connection.execute(func.lower("ABC"), execution_options={"yield_per": 5}).scalar_one() == "abc"
    for wrong in (person, person.c.id, case((person.c.id == 1, 2)), func.count(person.c.id).over()):
        with pytest.raises(ArgumentError, match=r"Wrap a class or a table in select\(\)"):
            connection.execute(wrong)


def test_the_rows_of_a_function_without_known_columns(engine: Engine, connection: Connection) -> None:
    if engine.dialect.name == "sqlite":
        rows = func.json_each("[5, 6]").alias("found")
        assert connection.execute(select(column("value")).select_from(rows).order_by("value")).all() == [(5,), (6,)]
        found = connection.execute(select(column("value")).select_from(func.json_each("[7]")))
        assert found.all() == [(7,)]
        return
    for name in ("n", None):
        rows = func.generate_series(1, 3).alias(name)
        assert connection.scalars(select(rows.column).where(rows.column > 1).order_by(rows.column)).all() == [2, 3]
        assert connection.scalars(select(rows).order_by(desc(rows.column))).all() == [3, 2, 1]
    assert connection.scalars(select(rows.c.generate_series).limit(1)).all() == [1]
    assert connection.scalars(select(text("*")).select_from(func.pg_catalog.generate_series(1, 2))).all() == [1, 2]
    with pytest.raises(ArgumentError, match=r"got no column"):
        func.generate_series(1, 2).table_valued()


def test_parameters_take_their_values_from_functions_and_may_be_nobody_elses(
    connection: Connection, schema: Schema
) -> None:
    person, item = schema.person, schema.item
    ages = iter((50, 30, 0))
    statement = select(person.c.name).where(person.c.age == bindparam("age", callable_=lambda: next(ages)))
    assert [connection.scalar(statement) for _ in range(2)] == ["ann", "bob"]
    assert connection.scalar(statement, {"age": 20}) == "100%"
    # it goes the way of the column's values
    price = bindparam("price", callable_=lambda: Decimal("9.99"))
    assert connection.scalar(select(func.count(item.c.id)).where(item.c.price <= price)) == 2
    either = select(person.c.name).where(
        or_(person.c.age == bindparam("age", 50, unique=True), person.c.age == bindparam("age", 30, unique=True))
    )
    assert connection.scalars(either.order_by(person.c.id)).all() == ["ann", "bob"]
    needed = select(person.c.name).where(person.c.age == bindparam("age", 50, required=True))
    with pytest.raises(InvalidRequestError, match="no value was given"):
        connection.execute(needed)
    assert connection.scalar(needed, {"age": 30}) == "bob"
    optional = select(person.c.name).where(person.c.age == bindparam("age", required=False, literal_execute=True))
    assert (connection.scalar(optional), connection.scalar(optional, {"age": 30})) == (None, "bob")
    with pytest.raises(ArgumentError, match="Pass one of them"):
        bindparam("age", 5, callable_=lambda: 5)
    with pytest.raises(ArgumentError, match="unique=True"):
        bindparam("age", unique=True)


def test_texts_with_a_comment_before_them_read_and_stream_as_others(engine: Engine, connection: Connection) -> None:
    for before in ("-- which\n ", "/* a; b */ ", " -- one\n/* two */ -- three\n"):
        statement = text(f"{before}SELECT id FROM person ORDER BY id")
        assert not statement.is_write
        result: Any = connection.execute(statement, execution_options={"stream_results": True})
        assert type(result).__name__ == "StreamedRowResult"
        assert result.scalars().all() == [1, 2, 3]
        assert text(f"{before}UPDATE person SET age = 1").is_write
        assert text(f"{before}WITH x AS (SELECT 1) DELETE FROM person").is_write
    if engine.dialect.name == "postgresql":
        streamed: Any = connection.execute(text("(SELECT 1) UNION (SELECT 1)"), execution_options={"yield_per": 1})
        assert streamed.all() == [(1,)]


def test_a_parameter_in_values_has_the_type_of_its_column(connection: Connection, schema: Schema) -> None:
    item = schema.item
    price = Decimal("5.00")
    connection.execute(update(item).where(item.c.id == 1).values(price=bindparam("p")), {"p": price})
    connection.execute(insert(item).values(id=50, owner=1, price=bindparam("p", price)))
    connection.execute(insert(item).values(id=51, owner=1, price=bindparam("p", callable_=lambda: price)))
    found = select(item.c.id).where(item.c.price == price).order_by(item.c.id)
    assert connection.scalars(found).all() == [1, 50, 51]
    assert connection.scalars(select(item.c.price).where(item.c.id.in_([1, 50, 51]))).all() == [price] * 3
    with pytest.raises(DataError, match=r"item\.price"):
        connection.execute(update(item).values(price=bindparam("p")), {"p": "much"})


def test_whole_rows_and_records_of_functions(engine: Engine, connection: Connection, schema: Schema) -> None:
    if engine.dialect.name == "sqlite":
        assert str(select(func.f(schema.person.table_valued()))) == "SELECT f(person) AS f FROM person"
        return
    boss = select(schema.person.c.name, schema.person.c.age).where(schema.person.c.id == 1)
    for rows in (boss.subquery(), boss.subquery("boss"), boss.cte("boss")):
        assert connection.scalar(select(func.row_to_json(rows.table_valued()))) == {"name": "ann", "age": 50}
    found = connection.scalar(select(func.row_to_json(schema.person.table_valued())).where(schema.person.c.id == 2))
    assert found == {"id": 2, "name": "bob", "age": 30, "boss": 1}
    given = func.json_to_recordset('[{"a": 1, "price": "1.50"}]').table_valued(
        column("a", Integer), column("price", Numeric(5, 2))
    )
    records = given.render_derived(name="records", with_types=True)
    assert connection.execute(select(records).where(records.c.price > 1)).all() == [(1, Decimal("1.50"))]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(1, 4), st.sampled_from(["ann", "bob", "100%", "it's \"{,", None])), max_size=5))
def test_a_parameter_may_be_a_list_of_rows(
    connection: Connection, schema: Schema, rows: list[tuple[int, str | None]]
) -> None:
    person = schema.person
    left = tuple_(person.c.id, person.c.name)
    for condition, written in (
        (left.in_(bindparam("rows", expanding=True)), left.in_(rows)),
        (left.not_in(bindparam("rows", expanding=True)), left.not_in(rows)),
    ):
        expected = connection.scalars(select(person.c.id).where(written).order_by(person.c.id)).all()
        found = connection.scalars(select(person.c.id).where(condition).order_by(person.c.id), {"rows": rows}).all()
        assert found == expected


def test_the_rows_of_a_parameter_fit_the_row_beside_it(connection: Connection, schema: Schema) -> None:
    person = schema.person
    statement = select(person.c.id).where(tuple_(person.c.id, person.c.name).in_(bindparam("rows", [(1, "ann")])))
    assert connection.scalars(statement).all() == [1]
    for wrong in ([(1,)], [(1, "ann", 3)], [5]):
        with pytest.raises(ArgumentError, match=r":rows stands beside a row of 2 columns"):
            connection.execute(statement, {"rows": wrong})
    with pytest.raises(DataError, match="the parameter :rows"):
        connection.execute(statement, {"rows": [("one", "ann")]})


def test_a_function_that_gives_a_list_for_in_is_called_at_each_execution(
    connection: Connection, schema: Schema
) -> None:
    person = schema.person
    lists = iter([[1], [1, 2], [], [2], [1]])

    def following() -> list[int]:
        return next(lists)

    ids = select(person.c.id).where(person.c.id.in_(bindparam("ids", callable_=following))).order_by(person.c.id)
    assert [connection.scalars(ids).all() for _ in range(2)] == [[1], [1, 2]]
    written = text("SELECT id FROM person WHERE id IN :ids").bindparams(
        bindparam("ids", callable_=following, expanding=True, type_=Integer)
    )
    assert [connection.scalars(written).all() for _ in range(2)] == [[], [2]]
    assert connection.scalars(ids, {"ids": [2]}).all() == [2]
    rows = iter([[(1, 1)], [(1, 1), (2, 2)]])
    both = tuple_(person.c.id, person.c.id).in_(bindparam("rows", callable_=lambda: next(rows)))
    named = select(person.c.id).where(both).order_by(person.c.id)
    assert [connection.scalars(named).all() for _ in range(2)] == [[1], [1, 2]]


@pytest.mark.parametrize("rows", [iter([(1, 1)]), None, "ab", 3])
def test_rows_for_in_are_a_list(connection: Connection, schema: Schema, rows: object) -> None:
    person = schema.person
    statement = select(person.c.id).where(tuple_(person.c.id, person.c.age).in_(bindparam("rows")))
    with pytest.raises(ArgumentError, match="the parameter :rows is a list of rows"):
        connection.execute(statement, {"rows": rows})


def test_a_value_that_is_given_goes_before_that_of_the_statement(connection: Connection, schema: Schema) -> None:
    person = schema.person
    statement = insert(person).values(name="own", age=1)
    connection.execute(statement, {"id": 90, "name": "given"})
    connection.execute(statement, [{"id": 91, "name": "first"}, {"id": 92, "name": "second"}])
    connection.execute(statement, {"id": 93})
    names = select(person.c.name, person.c.age).where(person.c.id >= 90).order_by(person.c.id)
    assert connection.execute(names).all() == [("given", 1), ("first", 1), ("second", 1), ("own", 1)]


@pytest.mark.parametrize("strict", [True, False])
def test_enums_that_let_strings_pass_are_not_taken_for_those_that_do_not(connection: Connection, strict: bool) -> None:
    for validates in (strict, not strict):
        type_ = Enum("a", "b", validate_strings=validates)
        statement = select(cast(literal("other", type_), String))
        if validates:
            with pytest.raises(DataError, match="'other' does not fit"):
                connection.execute(statement)
        else:
            assert connection.scalar(statement) == "other"


def test_rows_for_in_hold_values_of_a_type_of_the_database(connection: Connection) -> None:
    table = Table(
        "of_own_type",
        MetaData(),
        Column("id", Integer, primary_key=True),
        Column("size", Enum("small", "large", name="own_size", native_enum=True)),
    )
    table.create(connection)
    connection.execute(insert(table), [{"id": 1, "size": "small"}, {"id": 2, "size": "large"}, {"id": 3, "size": None}])
    pair = tuple_(table.c.id, table.c.size)
    found = select(table.c.id).where(pair.in_(bindparam("rows")))
    assert connection.scalars(found, {"rows": [(1, "small"), (2, "small"), (3, None)]}).all() == [1]
    others = select(table.c.id).where(pair.not_in(bindparam("rows"))).order_by(table.c.id)
    assert connection.scalars(others, {"rows": []}).all() == [1, 2, 3]


def test_a_column_of_a_row_is_found_where_another_has_its_name(connection: Connection, schema: Schema) -> None:
    person = schema.person
    crossed = select(person.c.name.label("age"), person.c.age.label("name")).where(person.c.id == 1)
    row = connection.execute(crossed).one()
    assert (row.age, row.name) == ("ann", 50)
    assert (row._mapping[person.c.name], row._mapping[person.c.age]) == ("ann", 50)
    assert connection.execute(crossed).scalars(person.c.age).all() == [50]
