"""INSERT, UPDATE and DELETE on both databases: values in the statement, values at execution, defaults, RETURNING."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_uow import Connection, Engine
from flask_uow.exc import ArgumentError, DataError, InvalidRequestError
from flask_uow.sql import (
    Column,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    bindparam,
    cast,
    column,
    delete,
    func,
    insert,
    select,
    table,
    update,
)
from tests.sql.conftest import item, person

c, k = person.c, item.c


def names(connection: Connection) -> list[str | None]:
    return list(connection.scalars(select(c.name).order_by(c.id)))


# -- INSERT


def test_values_may_be_keywords_mappings_columns_and_expressions(connection: Connection) -> None:
    for statement in (
        insert(person).values(name="x"),
        insert(person).values({"name": "x"}),
        insert(person).values({c.name: "x"}),
        insert(person).values(name=func.lower("X")),
        insert(person).values(name=select(func.lower("X")).scalar_subquery()),
        person.insert().values([{"name": "x"}]),
    ):
        assert connection.execute(statement).rowcount == 1
    assert names(connection) == ["Ann", "bob"] + ["x"] * 6


def test_several_rows_go_in_one_statement(connection: Connection) -> None:
    statement = insert(person).values([{"name": "x", "a": 1}, {"name": "y", "a": None}])
    assert connection.execute(statement).rowcount == 2
    assert connection.execute(select(c.name, c.a).where(c.id > 2).order_by(c.id)).all() == [("x", 1), ("y", None)]


def test_rows_must_have_the_same_columns() -> None:
    with pytest.raises(ArgumentError, match="same columns"):
        insert(person).values([{"name": "x"}, {"a": 1}])


@pytest.mark.parametrize("parameters", [{"name": "x"}, [{"name": "x"}], [{"name": "x"}, {"name": "y"}]])
def test_an_insert_without_values_takes_them_at_execution(connection: Connection, parameters: Any) -> None:
    connection.execute(insert(person), parameters)
    given = parameters if isinstance(parameters, list) else [parameters]
    assert names(connection) == ["Ann", "bob"] + [row["name"] for row in given]


def test_an_empty_list_of_parameters_does_nothing(connection: Connection) -> None:
    assert connection.execute(insert(person), []).rowcount == 0
    assert names(connection) == ["Ann", "bob"]


@pytest.mark.parametrize("parameters", [{"nmae": "x"}, [{"nmae": "x"}], [{"nmae": "x"}, {"nmae": "y"}]])
def test_an_unknown_column_is_an_error_with_a_suggestion(connection: Connection, parameters: Any) -> None:
    for statement in (insert(person), update(person), update(person).where(c.id == bindparam("pk"))):
        with pytest.raises(ArgumentError, match=r"table 'person' has no column 'nmae'\. Did you mean 'name'"):
            connection.execute(statement, parameters)
    with pytest.raises(ArgumentError, match="Did you mean 'name'"):
        insert(person).values(parameters)
    assert names(connection) == ["Ann", "bob"]


def test_an_insert_with_values_takes_further_columns_when_it_is_executed(connection: Connection) -> None:
    connection.execute(insert(person).values(name="x"), {"a": 1})
    assert connection.execute(select(c.name, c.a).where(c.id == 3)).all() == [("x", 1)]


def test_parameters_that_a_statement_has_no_place_for_are_errors(connection: Connection) -> None:
    with pytest.raises(ArgumentError, match="no column 'nothing'"):
        connection.execute(insert(person).values(name="x"), {"nothing": 1})
    with pytest.raises(InvalidRequestError, match="no parameter :a"):
        connection.execute(insert(person), [{"name": "x"}, {"name": "y", "a": 1}])
    with pytest.raises(InvalidRequestError, match="no value was given for it"):
        connection.execute(insert(person), [{"name": "x", "a": 1}, {"name": "y"}])
    with pytest.raises(InvalidRequestError, match=r"no parameter :whu\. Did you mean 'who'"):
        connection.execute(delete(person).where(c.id == bindparam("who")), {"whu": 1})
    assert names(connection) == ["Ann", "bob"]


def test_a_value_that_does_not_fit_its_column_is_an_error_that_shows_the_statement(connection: Connection) -> None:
    for statement, parameters in ((insert(item).values(price=0.1), None), (insert(item), {"price": 0.1})):
        with pytest.raises(DataError, match="no float is exact") as caught:
            connection.execute(statement, parameters)
        assert caught.value.statement is not None
        assert caught.value.statement.startswith("INSERT INTO item")


def test_rows_can_come_from_a_select(connection: Connection) -> None:
    source = select(c.name + "2", c.a).where(c.a > 5)
    assert connection.execute(insert(person).from_select(names=["name", c.a], select=source)).rowcount == 1
    assert connection.execute(select(c.name, c.a).where(c.id == 3)).one() == ("Ann2", 7)
    everyone = select(c.name).cte("everyone")
    connection.execute(insert(person).from_select(["name"], select(everyone.c.name)))
    assert names(connection) == ["Ann", "bob", "Ann2", "Ann", "bob", "Ann2"]


def test_inserted_rows_are_returned(connection: Connection) -> None:
    statement = insert(person).values([{"name": "x"}, {"name": "y"}]).returning(c.id, (c.name + "!").label("loud"))
    made = connection.execute(statement).all()
    assert [(row.id, row.loud) for row in made] == [(3, "x!"), (4, "y!")]
    assert connection.execute(insert(person).returning(person), {"name": "z"}).one()[:2] == (5, "z")
    listed = connection.execute(insert(person).returning(c.id), [{"name": "x"}, {"name": "y"}])
    assert sorted(listed.scalars()) == [6, 7]


def test_defaults_are_used_for_what_is_not_given(engine: Engine) -> None:
    numbers = itertools.count(1)
    metadata = MetaData()
    table = Table(
        "t",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("plain", String, default="it's 100%"),
        Column("made", Integer, default=lambda: next(numbers)),
        Column("computed", String, default=func.lower("ABC%")),
        Column("server", Numeric(4, 2), server_default="1.50"),
        Column("changed", Integer, onupdate=lambda: 9),
        Column("note", String),
    )
    metadata.create_all(engine)
    columns = [column for column in table.c if column.name != "id"]
    with engine.connect() as connection, connection.begin():
        for statement, parameters in (
            (insert(table), None),
            (insert(table), {}),
            (insert(table), {"note": None}),
            (insert(table).values([{"note": None}, {"note": None}]), None),
            (insert(table), [{}, {}]),
        ):
            connection.execute(statement, parameters)
        found = connection.execute(select(*columns).order_by(table.c.id)).all()
        assert [row.made for row in found] == [1, 2, 3, 4, 5, 6, 7]
        assert {(row.plain, row.computed, str(row.server), row.changed, row.note) for row in found} == {
            ("it's 100%", "abc%", "1.50", None, None)
        }
        connection.execute(insert(table).values(plain=None, made=0, computed=None, server=2))
        given = connection.execute(select(*columns).order_by(table.c.id.desc())).first()
        assert given == (None, 0, None, 2, None, None)
        connection.execute(update(table).where(table.c.id < 3).values(note="x"))
        changed = select(table.c.id).where(table.c.changed == 9).order_by(table.c.id)
        assert connection.scalars(changed).all() == [1, 2]
        connection.execute(update(table).where(table.c.id == 1).values(changed=None))
        assert connection.scalars(changed).all() == [2]


def test_a_table_of_nothing_but_a_key_takes_an_empty_row(engine: Engine) -> None:
    metadata = MetaData()
    table = Table("only_key", metadata, Column("id", Integer, primary_key=True))
    metadata.create_all(engine)
    with engine.connect() as connection, connection.begin():
        connection.execute(insert(table))
        connection.execute(insert(table), [{}, {}])
        assert connection.scalars(select(table.c.id).order_by(table.c.id)).all() == [1, 2, 3]


# -- UPDATE and DELETE


def test_update_sets_values_and_expressions_where_the_conditions_hold(connection: Connection) -> None:
    assert connection.execute(update(person).where(c.id == 1).values(a=c.a + c.b, b=None)).rowcount == 1
    assert connection.execute(person.update().where(c.name == "bob").where(c.a == 99).values(b=0)).rowcount == 0
    assert connection.execute(select(c.a, c.b).order_by(c.id)).all() == [(9, None), (5, 2)]
    assert connection.execute(update(person).values({c.name: c.name + "!", "b": 1})).rowcount == 2
    assert names(connection) == ["Ann!", "bob!"]


def test_a_subquery_sees_the_row_that_is_changed_or_deleted(connection: Connection) -> None:
    count = select(func.count(k.id)).where(k.owner == c.id, k.quantity == 1).scalar_subquery()
    connection.execute(update(person).values(b=count))
    assert connection.scalars(select(c.b).order_by(c.id)).all() == [2, 1]
    connection.execute(update(person).where(count == 1).values(name="one"))
    assert names(connection) == ["Ann", "one"]
    owner = select(c.name).where(c.id == k.owner).scalar_subquery()
    connection.execute(delete(item).where(owner == "Ann"))
    assert connection.scalars(select(k.id).order_by(k.id)).all() == [3, 4]


def test_update_takes_its_values_and_the_parameters_of_its_conditions_at_execution(connection: Connection) -> None:
    statement = update(person).where(c.id == bindparam("pk"))
    connection.execute(statement, {"pk": 1, "name": "x", "a": 0})
    connection.execute(statement, [{"pk": 1, "name": "y"}, {"pk": 2, "name": "z"}])
    assert connection.execute(select(c.name, c.a).order_by(c.id)).all() == [("y", 0), ("z", 5)]


def test_an_update_with_values_takes_further_columns_when_it_is_executed(connection: Connection) -> None:
    statement = update(person).where(c.id == 1).values(a=1)
    connection.execute(statement, {"name": "x"})
    assert connection.execute(select(c.name, c.a).order_by(c.id)).all() == [("x", 1), ("bob", 5)]
    # in the place of a value that it has
    connection.execute(statement, {"a": 2, "name": "y"})
    assert connection.execute(select(c.name, c.a).order_by(c.id)).all() == [("y", 2), ("bob", 5)]
    chosen = update(person).where(c.id == bindparam("pk")).values(a=c.a + bindparam("more"))
    connection.execute(chosen, [{"pk": 1, "more": 1, "name": "p"}, {"pk": 2, "more": 2, "name": "q"}])
    assert connection.execute(select(c.name, c.a).order_by(c.id)).all() == [("p", 3), ("q", 7)]
    returned = connection.execute(statement.returning(c.name, c.a), {"name": "z"})
    assert returned.all() == [("z", 1)]
    with pytest.raises(ArgumentError, match="no column 'nothing'"):
        connection.execute(statement, {"nothing": 1})


def test_changed_and_deleted_rows_are_returned(connection: Connection) -> None:
    changed = update(person).where(c.id == 2).values(a=c.a * 2).returning(c.id, c.a)
    assert connection.execute(changed).all() == [(2, 10)]
    gone = delete(item).where(k.quantity == 2).returning(k.id, k.owner)
    assert connection.execute(gone).all() == [(3, 2)]
    assert connection.execute(gone).all() == []


def test_delete_removes_the_rows_that_fit_and_all_without_conditions(connection: Connection) -> None:
    assert connection.execute(delete(item).where(k.owner == 1, k.id > 1)).rowcount == 1
    assert connection.execute(item.delete().filter(k.id.in_(select(k.id).where(k.quantity == 2)))).rowcount == 1
    assert connection.execute(delete(item)).rowcount == 2


def test_a_cte_serves_changes_too(connection: Connection) -> None:
    late = select(k.id).where(k.id > 2).cte("late")
    connection.execute(delete(item).where(k.id.in_(select(late.c.id))))
    assert connection.scalars(select(k.id).order_by(k.id)).all() == [1, 2]


def test_statements_are_immutable() -> None:
    base = update(person)
    base.values(a=1).where(c.id == 1).returning(c.id)
    assert not base.has_values
    assert str(base.values(a=1)) == "UPDATE person SET a = :param_1"
    plain = insert(person)
    plain.values(name="x")
    assert str(plain) == "INSERT INTO person DEFAULT VALUES"
    everything = delete(person)
    everything.where(c.id == 1)
    assert str(everything) == "DELETE FROM person"


def test_rows_of_values_may_name_their_columns_in_any_order(connection: Connection) -> None:
    rows = [{"name": "x", "a": 1}, {"a": 2, "name": "y"}]
    added = insert(person).values(rows).returning(person.c.name, person.c.a)
    assert connection.execute(added).all() == [("x", 1), ("y", 2)]
    with pytest.raises(ArgumentError, match="the first has a, name, another a, b"):
        insert(person).values([*rows, {"a": 3, "b": 4}])
    with pytest.raises(ArgumentError, match="a list without rows"):
        insert(person).values([])
    assert connection.execute(insert(person), []).rowcount == 0


def test_values_given_again_replace_those_of_the_same_column() -> None:
    statement = update(person).values({c.a: 1, c.name: "x"}).values(a=2).values({c.b: 3})
    assert str(statement) == "UPDATE person SET a = :param_1, name = :param_2, b = :param_3"
    assert statement.compile().params == {"param_1": 2, "param_2": "x", "param_3": 3}
    assert str(update(person).values({c.a: 1, "a": 2})) == "UPDATE person SET a = :param_1"
    with pytest.raises(ArgumentError, match="no column 'nmae'"):
        update(person).values(a=1).values(nmae="x")


@pytest.mark.parametrize("rows", [[{"a": 1}], [{"a": 1}, {"a": 2}]])
def test_a_list_of_parameters_needs_criteria(connection: Connection, rows: Any) -> None:
    before = connection.scalars(select(c.a)).all()
    for statement in (update(person), update(person).values(a=bindparam("a")), delete(person)):
        with pytest.raises(ArgumentError, match="has no WHERE"):
            connection.execute(statement, rows)
    assert connection.scalars(select(c.a)).all() == before


def test_values_called_again_says_more_of_the_row_or_adds_to_the_list(connection: Connection) -> None:
    builder = insert(person).values(name="one", a=1)
    assert connection.execute(builder.values(b=5).values({c.name: "other"})).rowcount == 1
    assert connection.execute(insert(person).values({"a": 8}, name="both")).rowcount == 1
    several = insert(person).values([{"name": "x"}]).values([{"name": "y"}, {"name": "z"}])
    assert connection.execute(several).rowcount == 3
    rows = connection.execute(select(c.name, c.a, c.b).where(c.id > 2).order_by(c.id)).all()
    assert rows == [("other", 1, 5), ("both", 8, None), ("x", None, None), ("y", None, None), ("z", None, None)]
    for mixed in (
        lambda: builder.values([{"name": "x"}]),
        lambda: several.values(name="x"),
        lambda: insert(person).values([{"name": "x"}], a=1),
    ):
        with pytest.raises(ArgumentError, match=r"one list of all rows|same columns"):
            mixed()


def test_a_table_by_its_name_is_written_like_another(connection: Connection) -> None:
    by_name = table("person", column("id"), column("name"))
    connection.execute(by_name.insert().values(id=77, name="new"))
    connection.execute(by_name.update().where(by_name.c.id == 77).values(name="newer"))
    assert connection.scalar(by_name.select().where(by_name.c.id == 77).with_only_columns(by_name.c.name)) == "newer"
    connection.execute(by_name.delete().where(by_name.c.id == 77))
    assert connection.execute(by_name.select().where(by_name.c.id == 77)).first() is None


@given(st.lists(st.integers(0, 2), min_size=2, max_size=12))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_each_row_of_a_list_has_its_own_values_beside_the_row_as_well(
    connection: Connection, suffixes: list[int]
) -> None:
    connection.execute(delete(person).where(c.id >= 100))
    rows = [
        {"key": 100 + n, "first": f"f{n}", "second": f"s{suffix}", "mark": f"-{suffix}"}
        for n, suffix in enumerate(suffixes)
    ]
    statement = (
        insert(person)
        .values(id=bindparam("key"), name=bindparam("first"))
        .on_conflict_do_update([c.id], {"name": bindparam("second")})
        .returning(c.id, (c.name + bindparam("mark", type_=String)).label("marked"))
    )
    found = sorted(connection.execute(statement, rows).all())
    assert found == [(row["key"], f"{row['first']}{row['mark']}") for row in rows]
    found = sorted(connection.execute(statement, rows).all())
    assert found == [(row["key"], f"{row['second']}{row['mark']}") for row in rows]


def test_an_insert_does_one_thing_where_a_row_is_there_already() -> None:
    statement = insert(person).values(id=1).on_conflict_do_update([c.id], {"name": "x"})
    with pytest.raises(ArgumentError, match="it takes one"):
        statement.on_conflict_do_nothing()
    with pytest.raises(ArgumentError, match="it takes one"):
        statement.on_conflict_do_update([c.name], {"name": "y"})


@pytest.mark.parametrize("key", [person.c.id + 1, func.upper(person.c.name), cast(person.c.name, Integer)])
@pytest.mark.parametrize("statement", [insert(person), update(person)])
def test_expressions_are_no_columns_to_be_written(statement: Any, key: Any) -> None:
    with pytest.raises(ArgumentError, match="for a column"):
        str(statement.values({key: 1}))
