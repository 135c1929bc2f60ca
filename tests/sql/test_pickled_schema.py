"""Pickles of tables, columns, expressions and statements."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from flask_uow import (
    CheckConstraint,
    Column,
    Engine,
    Enum,
    ForeignKey,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    UniqueConstraint,
    bindparam,
    case,
    exists,
    func,
    insert,
    null,
    select,
    text,
    tuple_,
    union_all,
    update,
)
from flask_uow.sql import operators
from flask_uow.sql.types.base import NULLTYPE

metadata = MetaData(naming_convention={"pk": "pk_%(table_name)s"})
author = Table(
    "author",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(50), index=True, default="nobody", comment="as it is written"),
    Column("kind", Enum("living", "dead", name="kind")),
    Column("fee", Numeric(10, 2), server_default="0"),
    CheckConstraint("id > 0", name="positive"),
    comment="who writes",
)
book = Table(
    "book",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("author_id", ForeignKey("author.id")),
    UniqueConstraint("author_id", "id"),
)
a, b = author.c, book.c


def again(given: Any) -> Any:
    return pickle.loads(pickle.dumps(given))


def test_a_metadata_comes_back_whole(engine: Engine) -> None:
    made = again(metadata)
    tables = made.tables
    assert list(tables) == ["author", "book"]
    assert tables["author"].comment == "who writes"
    assert tables["author"].c.name.comment == "as it is written"
    (key,) = tables["book"].foreign_keys
    assert key.column is tables["author"].c.id
    assert tables["author"].primary_key.name == "pk_author"
    made.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(tables["author"]).values(kind="dead"))
        assert connection.execute(select(tables["author"])).one() == (1, "nobody", "dead", 0)
    made.drop_all(engine)


def test_a_column_brings_its_table_along() -> None:
    table, column = again((author, a.name))
    assert table.c.name is column
    assert column.table is table
    assert again(a.name).table.c.keys() == ["id", "name", "kind", "fee"]


x = author.alias()
within = select(author).subquery()


@pytest.mark.parametrize(
    "element",
    [
        a.name == "x",
        (a.id + 1).label("next"),
        a.name.op("~*")("x"),
        a.id.in_([1, 2]),
        tuple_(a.id, a.name).in_([(1, "x")]),
        case((a.id == 1, "one"), else_=null()),
        func.row_number().over(order_by=a.name.desc()),
        func.coalesce(a.name, "x"),
        select(author)
        .where(a.id > 1, a.name == bindparam("n"))
        .order_by(a.name.desc().nulls_last())
        .limit(3)
        .offset(1),
        select(a.kind, func.count()).group_by(a.kind).having(func.count() > 1).distinct(),
        select(x, author).join(x, x.c.id == a.id),
        select(within).where(within.c.id == 1),
        select(select(author).cte("z")),
        select(author).where(exists().where(b.author_id == a.id)),
        union_all(select(a.id), select(b.id)).order_by("id"),
        insert(author).values(name="x").returning(a.id),
        update(author).where(a.id == 1).values(fee=a.fee + 1),
        book.delete().where(b.author_id.is_(None)),
        text("SELECT :n").bindparams(n=1),
    ],
    ids=lambda element: str(element).replace("\n", " ")[:40],
)
def test_expressions_and_statements_come_back_as_they_are(element: Any) -> None:
    made = again(element)
    assert str(made) == str(element)
    assert made.compile().params == element.compile().params
    assert again(made) is not made


def test_a_statement_that_comes_back_is_executed(engine: Engine) -> None:
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(again(insert(author)), [{"name": "Ann", "fee": 1}, {"name": "Bob", "fee": 2}])
        statement = again(select(a.name, a.fee).where(a.name != "x").order_by(a.name.desc()))
        assert connection.execute(statement).all() == [("Bob", 2), ("Ann", 1)]
    metadata.drop_all(engine)


def test_what_is_told_apart_by_identity_comes_back_as_itself() -> None:
    for operator in vars(operators).values():
        if isinstance(operator, operators.Operator):
            assert again(operator) is operator
    assert again(NULLTYPE) is NULLTYPE
    statement = again(select(author))
    with pytest.raises(TypeError, match="cannot be changed"):
        statement.get_execution_options()["x"] = 1
