"""Statements as text: operators, precedence, SELECT and its parts, DML. No database is needed here."""

from __future__ import annotations

from typing import Any

import pytest

from flask_uow.exc import ArgumentError, CompileError, InvalidRequestError, NoSuchTableError
from flask_uow.sql import (
    Column,
    ForeignKey,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    and_,
    asc,
    bindparam,
    case,
    delete,
    desc,
    distinct,
    exists,
    func,
    insert,
    literal,
    literal_column,
    not_,
    null,
    or_,
    select,
    text,
    tuple_,
    union,
    update,
)
from flask_uow.sql.ddl import CreateTable

metadata = MetaData()
user = Table(
    "users", metadata, Column("id", Integer, primary_key=True), Column("name", String(50)), Column("age", Integer)
)
post = Table(
    "post",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("author_id", ForeignKey("users.id")),
    Column("title", String),
)
u, p = user.c, post.c


@pytest.mark.parametrize(
    ("expression", "sql"),
    [
        (u.age == 1, "users.age = :param_1"),
        (u.age != 1, "users.age != :param_1"),
        (u.name == None, "users.name IS NULL"),  # noqa: E711
        (u.name != None, "users.name IS NOT NULL"),  # noqa: E711
        (u.name.is_(None), "users.name IS NULL"),
        (u.name.is_not(None), "users.name IS NOT NULL"),
        (u.age < u.id, "users.age < users.id"),
        (u.age > 1, "users.age > :param_1"),
        (u.age.between(1, 2), "users.age BETWEEN :param_1 AND :param_2"),
        (~u.age.between(1, 2), "users.age NOT BETWEEN :param_1 AND :param_2"),
        (u.age.in_([1, 2]), "users.age IN (:param_1, :param_2)"),
        (u.age.in_([]), "1 = 0"),
        (u.age.not_in([]), "1 = 1"),
        (~u.age.in_([1]), "users.age NOT IN (:param_1)"),
        (u.id.in_(select(p.author_id)), "users.id IN (SELECT post.author_id FROM post)"),
        (
            tuple_(u.id, u.age).in_([(1, 2), (3, 4)]),
            "(users.id, users.age) IN ((:param_1, :param_2), (:param_3, :param_4))",
        ),
        (u.name.like("a%"), "users.name LIKE :param_1"),
        (u.name.contains("a"), "users.name LIKE :param_1 ESCAPE '/'"),
        (u.name.startswith(u.name), "users.name LIKE users.name || '%'"),
        (u.name + "x", "users.name || :param_1"),
        ("x" + u.name, ":param_1 || users.name"),
        (u.age + 1 * u.id, "users.age + :param_1 * users.id"),
        ((u.age + 1) * 2, "(users.age + :param_1) * :param_2"),
        (u.age - (u.id - 1), "users.age - (users.id - :param_1)"),
        (-u.age, "-users.age"),
        (-(u.age.__neg__()), "-(-users.age)"),
        (
            and_(u.age == 1, or_(u.id == 2, u.id == 3)),
            "users.age = :param_1 AND (users.id = :param_2 OR users.id = :param_3)",
        ),
        (
            (u.age == 1) & (u.id == 2) | (u.id == 3),
            "users.age = :param_1 AND users.id = :param_2 OR users.id = :param_3",
        ),
        (not_(or_(u.age == 1, u.id == 2)), "NOT (users.age = :param_1 OR users.id = :param_2)"),
        (~(u.age == 1), "users.age != :param_1"),
        (and_(), "1 = 1"),
        (or_(), "1 = 0"),
        (case((u.age > 1, "old"), else_="young"), "CASE WHEN users.age > :param_1 THEN :param_2 ELSE :param_3 END"),
        (func.count(), "count(*)"),
        (func.count(distinct(u.name)), "count(DISTINCT users.name)"),
        (func.lower(u.name).label("l"), "lower(users.name)"),
        (func.current_date(), "current_date"),
        (u.name.collate("C"), 'users.name COLLATE "C"'),
        (u.name.op("~")("^a"), "users.name ~ :param_1"),
        (null(), "NULL"),
        (literal(1), ":param_1"),
        (bindparam("who"), ":who"),
        (literal_column("1 + 1"), "1 + 1"),
    ],
)
def test_expressions_are_written_with_the_parentheses_they_need(expression: Any, sql: str) -> None:
    assert str(expression) == sql


@pytest.mark.parametrize(
    ("statement", "sql"),
    [
        (select(u.id, u.name.label("n")), "SELECT users.id, users.name AS n FROM users"),
        (select(user).where(u.id == 1).limit(2).offset(3), "SELECT users.id, users.name, users.age FROM users"
         " WHERE users.id = :param_1 LIMIT :param_2 OFFSET :param_3"),
        (select(u.id).distinct().order_by(desc(u.age), asc("name")), "SELECT DISTINCT users.id FROM users ORDER BY users.age DESC, name ASC"),
        (select(u.age, func.count().label("n")).group_by(u.age).having(func.count() > 1).order_by(desc("n")),
         "SELECT users.age, count(*) AS n FROM users GROUP BY users.age HAVING count(*) > :param_1 ORDER BY n DESC"),
        (select(u.id).join(post), "SELECT users.id FROM users JOIN post ON post.author_id = users.id"),
        (select(u.id).outerjoin(post, p.title == u.name), "SELECT users.id FROM users LEFT OUTER JOIN post ON post.title = users.name"),
        (select(u.id, p.id), "SELECT users.id, post.id AS id_1 FROM users, post"),
        (select(u.id).where(exists(select(p.id).where(p.author_id == u.id))),
         "SELECT users.id FROM users WHERE EXISTS (SELECT post.id FROM post WHERE post.author_id = users.id)"),
        (select(select(func.max(u.age)).scalar_subquery().label("m")), "SELECT (SELECT max(users.age) AS max FROM users) AS m"),
        (select(u.id).union_all(select(p.id)).order_by("id"), "SELECT users.id FROM users UNION ALL SELECT post.id FROM post ORDER BY id"),
        (union(select(u.id), select(p.id).limit(1)), "SELECT users.id FROM users UNION (SELECT post.id FROM post LIMIT :param_1)"),
        (select(u.id).with_for_update(nowait=True), "SELECT users.id FROM users FOR UPDATE NOWAIT"),
        (select(u.id).with_for_update(read=True, of=user), "SELECT users.id FROM users FOR SHARE OF users"),
        (select(text("now()")), "SELECT now()"),
        (insert(user).values(name="a"), "INSERT INTO users (name) VALUES (:param_1)"),
        (insert(user).values([{"name": "a"}, {"name": "b"}]), "INSERT INTO users (name) VALUES (:param_1), (:param_2)"),
        (insert(user), "INSERT INTO users DEFAULT VALUES"),
        (insert(user).from_select(["name"], select(p.title)), "INSERT INTO users (name) SELECT post.title FROM post"),
        (update(user).where(u.id == 1).values(age=u.age + 1), "UPDATE users SET age = users.age + :param_1 WHERE users.id = :param_2"),
        (delete(user).where(or_(u.id == 1, u.id == 2)), "DELETE FROM users WHERE (users.id = :param_1 OR users.id = :param_2)"),
        (delete(user).returning(u.id), "DELETE FROM users RETURNING users.id"),
    ],
)  # fmt: skip
def test_statements_are_written_readably(statement: Any, sql: str) -> None:
    assert str(statement) == sql


def test_aliases_subqueries_and_ctes_have_names() -> None:
    a, b = user.alias(), user.alias("boss")
    assert str(select(a.c.id).where(a.c.age > b.c.age)) == (
        "SELECT users_1.id FROM users AS users_1, users AS boss WHERE users_1.age > boss.age"
    )
    old = select(u.id).where(u.age > 60).subquery("old")
    assert str(select(p.title).join(old, old.c.id == p.author_id)) == (
        "SELECT post.title FROM post JOIN (SELECT users.id FROM users WHERE users.age > :param_1) AS old"
        " ON old.id = post.author_id"
    )
    cte = select(u.id).where(u.age > 60).cte("old")
    assert (
        str(select(cte.c.id))
        == "WITH old AS (SELECT users.id FROM users WHERE users.age > :param_1) SELECT old.id FROM old"
    )


def test_values_are_parameters_and_never_text() -> None:
    compiled = select(u.id).where(u.name == "'; DROP TABLE users; --").compile()
    assert "DROP" not in str(compiled)
    assert list(compiled.params.values()) == ["'; DROP TABLE users; --"]


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("SELECT :a, :b", {"a", "b"}),
        ("SELECT ':a', \"x:b\", c::text -- :d\n, /* :e */ :f", {"f"}),
        (r"SELECT '10\:30', \:x, :y", {"y"}),
        ("SELECT $$ :a $$, $q$ :b $q$, :c", {"c"}),
        ("SELECT :a + :a", {"a"}),
    ],
)
def test_text_finds_its_parameters_and_nothing_else(sql: str, names: set[str]) -> None:
    clause = text(sql)
    assert {piece.key for piece in clause.pieces if not isinstance(piece, str)} == names


def test_text_parameters_can_be_given_values() -> None:
    assert text("SELECT :a").bindparams(a=1).compile().params == {"a": 1}
    with pytest.raises(ArgumentError, match="no parameter :b"):
        text("SELECT :a").bindparams(b=1)


def test_statements_are_immutable() -> None:
    base = select(u.id)
    base.where(u.id == 1).order_by(u.id).limit(1)
    assert str(base) == "SELECT users.id FROM users"


def test_a_truth_value_is_refused_and_a_look_up_is_not() -> None:
    with pytest.raises(TypeError, match="and_"):
        bool(u.age > 1)
    assert u.age in [u.name, u.age]
    assert u.age not in [u.name]
    assert {u.age: 1}[u.age] == 1


def test_mistakes_are_named() -> None:
    with pytest.raises(AttributeError, match=r"table 'users' has no column 'nmae'\. Did you mean 'name'"):
        _ = u.nmae
    with pytest.raises(ArgumentError, match="Did you mean 'name'"):
        insert(user).values(nmae="x")
    with pytest.raises(ArgumentError, match="a condition was expected"):
        select(user).where("id = 1")
    with pytest.raises(ArgumentError, match="in_"):
        u.id.in_(5)
    with pytest.raises(ArgumentError, match="same columns"):
        insert(user).values([{"name": "a"}, {"age": 1}])
    with pytest.raises(ArgumentError, match="not the name of an SQL function"):
        getattr(func, "lower(x); --")()
    with pytest.raises(InvalidRequestError, match="no foreign key connects"):
        select(u.id).join(Table("lonely", MetaData(), Column("id", Integer)))
    with pytest.raises(CompileError, match="has no columns"):
        str(CreateTable(Table("empty", MetaData())))


def test_several_foreign_keys_make_a_join_ambiguous() -> None:
    meta = MetaData()
    city = Table("city", meta, Column("id", Integer, primary_key=True))
    trip = Table("trip", meta, Column("a", ForeignKey("city.id")), Column("b", ForeignKey("city.id")))
    with pytest.raises(InvalidRequestError, match=r"several foreign keys.*trip\.a = city\.id.*trip\.b = city\.id"):
        trip.join(city)
    assert str(trip.join(city, trip.c.a == city.c.id)) == "trip JOIN city ON trip.a = city.id"


def test_a_column_without_a_type_takes_that_of_its_foreign_key() -> None:
    meta = MetaData()
    child = Table("child", meta, Column("parent_id", ForeignKey("parent.id")))
    Table("parent", meta, Column("id", Numeric(5), primary_key=True))
    assert isinstance(child.c.parent_id.type, Numeric)
    orphan = Table("orphan", meta, Column("x", ForeignKey("nowhere.id")))
    with pytest.raises(NoSuchTableError, match="nowhere"):
        _ = orphan.c.x.type
    with pytest.raises(ArgumentError, match=r"'table\.column'"):
        _ = Table("bad", meta, Column("x", ForeignKey("parent"))).c.x.type


def test_tables_are_sorted_by_their_foreign_keys() -> None:
    meta = MetaData()
    Table("c", meta, Column("id", Integer, primary_key=True), Column("b", ForeignKey("b.id")))
    Table("b", meta, Column("id", Integer, primary_key=True), Column("a", ForeignKey("a.id")))
    Table("a", meta, Column("id", Integer, primary_key=True), Column("c", ForeignKey("a.id")))
    assert [table.name for table in meta.sorted_tables] == ["a", "b", "c"]
    with pytest.raises(InvalidRequestError, match="defined already"):
        Table("a", meta, Column("id", Integer, primary_key=True))


def test_plain_values_can_be_selected() -> None:
    assert str(select(1, None, 2.5)) == "SELECT :param_1, NULL, :param_2"
    assert str(select(1).union_all(select(2))) == "SELECT :param_1 UNION ALL SELECT :param_2"
