"""SELECT and its parts on both databases: joins, grouping, order, subqueries, common table expressions, compounds."""

from __future__ import annotations

from typing import Any

import pytest

from flask_uow import Connection
from flask_uow.exc import ArgumentError, CompileError, InvalidRequestError
from flask_uow.sql import (
    Column,
    ForeignKey,
    Integer,
    MetaData,
    Table,
    alias,
    and_,
    asc,
    desc,
    exists,
    func,
    join,
    label,
    literal,
    literal_column,
    null,
    outerjoin,
    select,
    text,
    union,
    union_all,
)
from tests.sql.conftest import item, person

c, k = person.c, item.c


def rows(connection: Connection, statement: Any) -> list[Any]:
    return connection.execute(statement).all()


def values(connection: Connection, statement: Any) -> list[Any]:
    return list(connection.scalars(statement))


# -- columns, order, limits


def test_columns_have_names_that_do_not_clash(connection: Connection) -> None:
    row = connection.execute(select(c.id, k.id, c.name.label("who")).where(k.owner == c.id).order_by(k.id)).first()
    assert row is not None
    assert row._mapping == {"id": 1, "id_1": 1, "who": "Ann"}


def test_a_select_needs_no_table(connection: Connection) -> None:
    assert rows(connection, select(literal(1), literal("x"), null(), literal_column("2 + 3"))) == [(1, "x", None, 5)]


def test_columns_can_be_added_and_replaced(connection: Connection) -> None:
    statement = select(c.id).where(c.id == 1)
    assert rows(connection, statement.add_columns(c.name)) == [(1, "Ann")]
    assert rows(connection, statement.with_only_columns(c.name, c.a)) == [("Ann", 7)]
    assert rows(connection, person.select().where(c.id == 2)) == [(2, "bob", 5, 2, False, 1)]
    assert rows(connection, select([c.id, c.name]).where(c.id == 2)) == [(2, "bob")]


def test_order_by_takes_columns_labels_names_and_directions(connection: Connection) -> None:
    total = (c.a + c.b).label("total")
    assert values(connection, select(c.id).order_by(c.a)) == [2, 1]
    assert values(connection, select(c.id, total).order_by(total)) == [2, 1]
    assert values(connection, select(c.id, total).order_by(desc(total))) == [1, 2]
    assert values(connection, select(c.id, total).order_by("total")) == [2, 1]
    assert values(connection, select(c.id, total).order_by(desc("total"))) == [1, 2]
    assert values(connection, select(c.id).order_by(total)) == [2, 1]
    assert values(connection, select(c.id).order_by(c.b, asc(c.a))) == [2, 1]
    assert values(connection, select(c.id).order_by(c.a).order_by(None).order_by(c.a.desc())) == [1, 2]
    assert values(connection, select(k.id).order_by(k.price.desc().nulls_last())) == [2, 1, 4, 3]
    assert values(connection, select(k.id).order_by(k.price.asc().nulls_first())) == [3, 4, 1, 2]
    binary = "BINARY" if connection.dialect.name == "sqlite" else "C"
    assert values(connection, select(c.name).order_by(c.name.collate(binary))) == ["Ann", "bob"]


def test_limit_and_offset_count_rows(connection: Connection) -> None:
    ordered = select(k.id).order_by(k.id)
    assert values(connection, ordered.limit(2)) == [1, 2]
    assert values(connection, ordered.limit(2).offset(1)) == [2, 3]
    assert values(connection, ordered.offset(3)) == [4]
    assert values(connection, ordered.limit(0)) == []
    assert values(connection, ordered.limit(1).limit(None)) == [1, 2, 3, 4]
    assert values(connection, ordered.limit(literal(1) + 1)) == [1, 2]
    for wrong in (-1, "1", 1.5, True):
        with pytest.raises(ArgumentError, match="whole number of rows"):
            ordered.limit(wrong)
        with pytest.raises(ArgumentError, match="whole number of rows"):
            ordered.offset(wrong)


def test_distinct_drops_equal_rows(connection: Connection) -> None:
    assert values(connection, select(c.b).distinct()) == [2]
    assert connection.scalar(select(func.count(c.b.distinct()))) == 1
    on = select(k.id).distinct(k.owner).order_by(k.owner, k.id)
    if connection.dialect.name == "sqlite":
        with pytest.raises(CompileError, match="DISTINCT ON"):
            connection.execute(on)
    else:
        assert values(connection, on) == [1, 3]


def test_groups_are_counted_and_filtered(connection: Connection) -> None:
    counts = select(k.owner, func.count().label("n"), func.sum(k.quantity)).group_by(k.owner)
    assert rows(connection, counts.order_by(k.owner)) == [(1, 2, 2), (2, 2, 3)]
    assert rows(connection, counts.having(func.sum(k.quantity) > 2)) == [(2, 2, 3)]
    assert rows(connection, counts.having(func.count() > 1, func.sum(k.quantity) < 3)) == [(1, 2, 2)]


def test_a_label_groups_by_its_expression_even_where_it_hides_a_column(connection: Connection) -> None:
    name = func.substr(c.name, 4).label("name")
    assert rows(connection, select(name, func.count()).group_by(name)) == [("", 2)]
    other = (c.b * 2).label("twice")
    assert rows(connection, select(other, func.count()).group_by(other)) == [(4, 2)]
    assert rows(connection, select(other, func.count()).group_by("twice")) == [(4, 2)]


def test_conditions_are_joined_by_and(connection: Connection) -> None:
    statement = select(c.id).where(c.b == 2, (c.a == 7) | (c.a == 5)).where(text("a = 7 OR a = 8")).filter(c.id < 9)
    assert values(connection, statement) == [1]
    assert values(connection, select(c.id).where(False)) == []
    assert values(connection, select(c.id).where(True).order_by(c.id)) == [1, 2]
    assert values(connection, select(person).filter_by(name="bob", a=5)) == [2]
    assert str(select(c.id).where(c.a == 1, c.b == 2).whereclause) == "person.a = :param_1 AND person.b = :param_2"
    assert select(c.id).whereclause is None


# -- joins


def test_a_join_finds_its_condition_by_the_foreign_key(connection: Connection) -> None:
    expected = [("Ann", 1), ("Ann", 2), ("bob", 3), ("bob", 4)]
    for statement in (
        select(c.name, k.id).join(item),
        select(c.name, k.id).join(item, k.owner == c.id),
        select(c.name, k.id).join_from(person, item),
        select(c.name, k.id).join_from(item, person),
        select(c.name, k.id).select_from(person.join(item)),
        select(c.name, k.id).select_from(join(item, person)),
    ):
        assert rows(connection, statement.order_by(k.id)) == expected


def test_a_join_from_a_join_takes_a_plain_condition(connection: Connection) -> None:
    other = person.alias("other")
    statement = select(k.id, other.c.id).join_from(join(item, person), other, True).where(k.id == 1)
    assert rows(connection, statement.order_by(other.c.id)) == [(1, 1), (1, 2)]


def test_an_outer_join_keeps_rows_without_a_partner(connection: Connection) -> None:
    on = and_(k.owner == c.id, k.id > 2)
    expected = [("Ann", None), ("bob", 3), ("bob", 4)]
    for statement in (
        select(c.name, k.id).outerjoin(item, on),
        select(c.name, k.id).join(item, on, isouter=True),
        select(c.name, k.id).select_from(outerjoin(person, item, on)),
        select(c.name, k.id).select_from(person.outerjoin(item, on)),
    ):
        assert rows(connection, statement.order_by(c.id, k.id)) == expected


def test_a_join_without_or_with_several_foreign_keys_is_refused() -> None:
    meta = MetaData()
    city = Table("city", meta, Column("id", Integer, primary_key=True))
    trip = Table("trip", meta, Column("start", ForeignKey("city.id")), Column("goal", ForeignKey("city.id")))
    lonely = Table("lonely", meta, Column("id", Integer, primary_key=True))
    with pytest.raises(
        InvalidRequestError, match=r"several foreign keys.*trip\.start = city\.id; trip\.goal = city\.id"
    ):
        select(trip.c.start).join(city)
    with pytest.raises(InvalidRequestError, match="no foreign key connects them"):
        select(city.c.id).join(lonely)
    with pytest.raises(ArgumentError, match="nothing to join"):
        select(literal(1)).join(city)
    with pytest.raises(ArgumentError, match="something to select from"):
        select(city.c.id).join("trip")


def test_aliases_join_a_table_to_itself(connection: Connection) -> None:
    boss = alias(person, "boss")
    statement = select(c.name, boss.c.name.label("boss")).join(boss, c.boss == boss.c.id)
    assert rows(connection, statement) == [("bob", "Ann")]
    one, two = person.alias(), person.alias()
    pairs = select(one.c.id, two.c.id).where(one.c.id < two.c.id)
    assert rows(connection, pairs) == [(1, 2)]
    by_key = select(c.name, boss.c.name).select_from(boss.join(person, c.boss == boss.c.id).outerjoin(item, k.id == 99))
    assert rows(connection, by_key) == [("bob", "Ann")]


def test_a_chain_of_joins_reads_from_left_to_right(connection: Connection) -> None:
    boss = person.alias("boss")
    statement = (
        select(boss.c.name, func.count(k.id))
        .select_from(boss)
        .join(person, c.boss == boss.c.id)
        .join(item, k.owner == c.id)
        .group_by(boss.c.name)
    )
    assert rows(connection, statement) == [("Ann", 2)]
    nested = select(c.name, k.id).select_from(person.outerjoin(item.join(boss, k.owner == boss.c.id), k.owner == c.id))
    assert len(rows(connection, nested)) == 4


# -- statements within statements


def test_a_subquery_is_a_table(connection: Connection) -> None:
    counts = select(k.owner, func.count().label("n")).group_by(k.owner).subquery("counts")
    assert rows(connection, select(c.name, counts.c.n).join(counts).order_by(c.id)) == [("Ann", 2), ("bob", 2)]
    assert connection.scalar(select(func.count()).select_from(select(c.id).alias())) == 2
    with pytest.raises(AttributeError, match="Did you mean 'owner'"):
        _ = counts.c.ownr


def test_a_scalar_subquery_is_a_value_and_correlates(connection: Connection) -> None:
    count = select(func.count(k.id)).where(k.owner == c.id, k.quantity == 1)
    assert rows(connection, select(c.name, count.label("n")).order_by(c.id)) == [("Ann", 2), ("bob", 1)]
    assert values(connection, select(c.name).where(count.scalar_subquery() == 1)) == ["bob"]
    assert values(connection, select(c.name).order_by(count.as_scalar())) == ["bob", "Ann"]
    highest = select(func.max(c.a)).scalar_subquery()
    other = person.alias()
    assert values(connection, select(other.c.name).where(other.c.a == highest)) == ["Ann"]
    assert rows(connection, select(label("m", select(func.max(c.a)).scalar_subquery()))) == [(7,)]


def test_exists_correlates_with_the_enclosing_statement(connection: Connection) -> None:
    many = exists().where(k.owner == c.id, k.quantity > 1)
    assert values(connection, select(c.name).where(many)) == ["bob"]
    assert values(connection, select(c.name).where(~many)) == ["Ann"]
    assert values(connection, select(c.name).where(select(k.id).where(k.owner == c.id, k.id == 1).exists())) == ["Ann"]
    assert rows(connection, select(c.id, many).order_by(c.id)) == [(1, False), (2, True)]
    assert values(connection, select(c.name).where(exists(k.id).where(k.owner == c.id, k.id == 3))) == ["bob"]
    assert connection.scalar(select(exists().select_from(item))) is True
    with pytest.raises(ArgumentError, match="compound"):
        exists(union(select(c.id), select(k.id))).where(c.id == 1)


def test_subqueries_nest(connection: Connection) -> None:
    other = item.alias()
    dearest = select(func.max(other.c.price)).where(other.c.owner == c.id)
    statement = select(c.name).where(exists().where(k.owner == c.id, k.price.in_(dearest), k.id < 3))
    assert values(connection, statement) == ["Ann"]


def test_an_alias_of_an_alias_or_a_subquery_has_the_last_name(connection: Connection) -> None:
    again = person.alias("one").alias("two")
    assert str(select(again.c.id)) == "SELECT two.id FROM person AS two"
    rich = select(c.id).where(c.a > 5).subquery("one").alias("two")
    assert str(select(rich.c.id)) == (
        "SELECT two.id FROM (SELECT person.id FROM person WHERE person.a > :param_1) AS two"
    )
    richest = rich.alias("three")
    assert rows(connection, select(richest.c.id, again.c.id).where(richest.c.id == again.c.id)) == [(1, 1)]


def test_a_cte_can_be_used_twice_and_by_another(connection: Connection) -> None:
    rich = select(c.id, c.a).where(c.a > 4).cte("rich")
    richest = select(func.max(rich.c.a).label("a")).cte("richest")
    other = rich.alias()
    statement = select(rich.c.id, other.c.id).where(rich.c.a == richest.c.a, other.c.id != rich.c.id)
    assert rows(connection, statement) == [(1, 2)]
    assert str(statement).count("rich AS (") == 1
    unnamed = select(c.id).cte()
    assert connection.scalar(select(func.count()).select_from(unnamed)) == 2


def test_a_recursive_cte_walks_a_tree_and_counts(connection: Connection) -> None:
    up = select(c.id, c.boss).where(c.id == 2).cte("up", recursive=True)
    up = up.union_all(select(c.id, c.boss).join(up, up.c.boss == c.id))
    assert sorted(values(connection, select(up.c.id))) == [1, 2]
    numbers = select(literal(1).label("n")).cte("numbers", recursive=True)
    numbers = numbers.union(select(numbers.c.n + 1).where(numbers.c.n < 10))
    assert connection.scalar(select(func.sum(numbers.c.n))) == 55


def test_a_lateral_subquery_sees_what_stands_before_it(connection: Connection) -> None:
    newest = select(k.id).where(k.owner == c.id).order_by(k.id.desc()).limit(1).lateral("newest")
    statement = select(c.name, newest.c.id).select_from(person).join(newest, literal(True)).order_by(c.id)
    if connection.dialect.name == "sqlite":
        with pytest.raises(CompileError, match="LATERAL"):
            connection.execute(statement)
    else:
        assert rows(connection, statement) == [("Ann", 2), ("bob", 4)]


def test_compounds_join_selects_and_have_an_order_of_their_own(connection: Connection) -> None:
    people, items = select(c.id), select(k.id)
    assert values(connection, people.union(items).order_by("id")) == [1, 2, 3, 4]
    assert values(connection, people.union(items).order_by(c.id.desc())) == [4, 3, 2, 1]
    assert values(connection, people.union_all(items).order_by(c.id).limit(3)) == [1, 1, 2]
    assert values(connection, union_all(people, items).order_by(desc("id")).offset(4)) == [1, 1]
    assert values(connection, items.except_(people).order_by("id")) == [3, 4]
    assert values(connection, items.intersect(people).order_by("id")) == [1, 2]
    last, first = items.order_by(k.id.desc()).limit(1), people.order_by(c.id).limit(1)
    assert values(connection, union(last, first).order_by("id")) == [1, 4]
    assert values(connection, items.except_(union(last, first)).order_by("id")) == [2, 3]
    labelled = select(c.id.label("n")).union(select(k.id))
    assert values(connection, labelled.order_by(desc("n"))) == [4, 3, 2, 1]


def test_compounds_can_be_used_like_selects(connection: Connection) -> None:
    both = union(select(c.id), select(k.id))
    assert connection.scalar(select(func.count()).select_from(both.subquery())) == 4
    assert values(connection, select(k.id).where(k.id.in_(both)).order_by(k.id)) == [1, 2, 3, 4]
    named = both.cte("both")
    assert connection.scalar(select(func.max(named.c.id))) == 4


def test_locks_are_taken_where_the_database_has_them(connection: Connection) -> None:
    for lock in ({}, {"nowait": True}, {"skip_locked": True, "of": person}, {"read": True, "of": [person, item]}):
        statement = select(c.name).join(item).where(k.id == 1).with_for_update(**lock)
        assert values(connection, statement) == ["Ann"]
    written = str(select(c.id).with_for_update(of=person, skip_locked=True).compile(connection.dialect))
    clause = "" if connection.dialect.name == "sqlite" else " FOR UPDATE OF person SKIP LOCKED"
    assert written == f"SELECT person.id FROM person{clause}"


def test_what_cannot_be_selected_is_refused() -> None:
    with pytest.raises(ArgumentError, match="columns, tables and mapped classes"):
        select("name")
    with pytest.raises(ArgumentError, match="Is the class mapped"):
        select(object)
    with pytest.raises(ArgumentError, match="a condition was expected"):
        select(c.id).where("id = 1")
    with pytest.raises(ArgumentError, match="cannot be used as a column"):
        select(c.id).where(c.id == person)


def test_from_lists_what_is_read() -> None:
    assert select(c.id).where(k.id == 1).froms == [person, item]
    joined = select(c.id).join(item)
    assert [str(element) for element in joined.froms] == ["person JOIN item ON item.owner = person.id"]


def test_an_order_by_a_name_that_nothing_has_is_refused() -> None:
    query = select(c.name.label("called"), c.id)
    assert str(query.order_by("called", desc("id"), "a")).endswith("ORDER BY called, id DESC, a")
    for name in ("calld", "name desc", ""):
        with pytest.raises(CompileError, match=f"name {name!r}.*There are: .*called"):
            str(query.order_by(name))
    with pytest.raises(CompileError, match="Did you mean 'called'"):
        str(query.group_by("calld"))
    both = query.union(query)
    assert str(both.order_by(desc("called"))).endswith("ORDER BY called DESC")
    with pytest.raises(CompileError, match="'age'"):
        str(both.order_by("age"))
    assert str(select(text("lower(name) AS low")).select_from(person).order_by("low")).endswith("ORDER BY low")
