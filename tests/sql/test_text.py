"""Textual SQL: parameters are found where they are, and nothing else in the text is touched."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pytest

from flask_uow import Connection
from flask_uow.exc import ArgumentError, InvalidRequestError
from flask_uow.sql import Date, Integer, bindparam, select, text
from tests.sql.conftest import item, person


@pytest.mark.parametrize(
    ("sql", "parameters", "expected"),
    [
        ("SELECT 1 + :n", {"n": 2}, 3),
        ("SELECT :n + :n", {"n": 2}, 4),
        ("SELECT ':n'", {}, ":n"),
        ("SELECT 'it''s :n'", {}, "it's :n"),
        ("SELECT '100%'", {}, "100%"),
        ("SELECT '%s %(x)s %%'", {}, "%s %(x)s %%"),
        ("SELECT '?'", {}, "?"),
        ("SELECT 7 % 4", {}, 3),
        ("SELECT 7 % :n", {"n": 4}, 3),
        ("SELECT '100%' || :x || '%s ?'", {"x": "%d ?"}, "100%%d ?%s ?"),
        ("SELECT 1 -- :a, it's %s\n + 1", {}, 2),
        ("SELECT 1 /* :a ? %s ' */ + 1", {}, 2),
        ('SELECT 1 AS ":a"', {}, 1),
        ("SELECT name FROM person WHERE name LIKE 'A%' AND id = :id", {"id": 1}, "Ann"),
        ("SELECT CAST(:x AS VARCHAR(50))", {"x": "'; DROP TABLE person; --"}, "'; DROP TABLE person; --"),
        ("SELECT count(*) FROM person WHERE (:x) IS NULL", {"x": None}, 2),
    ],
)
def test_text_reaches_the_database_as_it_is_written(
    connection: Connection, sql: str, parameters: dict[str, Any], expected: Any
) -> None:
    assert connection.execute(sql, parameters).scalar() == expected
    assert connection.execute(text(sql), parameters).scalar() == expected


def test_a_double_colon_is_a_cast_and_a_backslash_makes_a_colon_plain() -> None:
    assert str(text("SELECT x::int, :y")) == "SELECT x::int, :y"
    assert str(text(r"SELECT a[1\:2], \:x")) == "SELECT a[1:2], :x"
    assert text(r"SELECT a[1\:2], \:x").compile().params == {}
    assert str(text("SELECT $$ :a $$, $tag$ :b ' $tag$")) == "SELECT $$ :a $$, $tag$ :b ' $tag$"


@pytest.mark.parametrize("parameters", [{}, None, {"m": 1}])
def test_missing_and_unknown_parameters_are_errors(connection: Connection, parameters: Any) -> None:
    with pytest.raises(InvalidRequestError, match=r":n|:m"):
        connection.execute("SELECT :n", parameters)


def test_values_are_stored_as_those_of_columns_are(connection: Connection) -> None:
    day = dt.date(2020, 1, 1)
    assert connection.execute("SELECT id FROM item WHERE day = :day", {"day": day}).scalar() == 1
    assert connection.execute("SELECT id FROM person WHERE active = :yes", {"yes": True}).scalar() == 1
    assert connection.execute("SELECT id FROM item WHERE price = :p", {"p": Decimal("9.99")}).scalar() == 1
    key = uuid.uuid4()
    assert str(connection.execute("SELECT :key", {"key": key}).scalar()) == str(key)


def test_parameters_can_be_bound_with_values_and_types(connection: Connection) -> None:
    bound = text("SELECT name FROM person WHERE id = :id").bindparams(id=2)
    assert connection.scalar(bound) == "bob"
    assert connection.scalar(bound, {"id": 1}) == "Ann"
    typed = text("SELECT :day", bindparams=[bindparam("day", dt.date(2020, 1, 1), Date)])
    assert str(connection.scalar(typed)) == "2020-01-01"
    mapped = text("SELECT :n + 1", typemap={"n": Integer})
    assert connection.scalar(mapped, {"n": 1}) == 2
    with pytest.raises(ArgumentError, match=r"no parameter :who; it has \['id'\]"):
        text("SELECT :id").bindparams(who=1)
    with pytest.raises(ArgumentError, match="takes a str"):
        text(1)  # type: ignore[arg-type]


def test_text_serves_as_condition_column_and_order(connection: Connection) -> None:
    condition = text("a = :x OR a = :y").bindparams(x=7, y=99)
    assert connection.scalars(select(person.c.id).where(condition, person.c.b == 2)).all() == [1]
    assert connection.scalars(select(person.c.id).where(person.c.b == 3, condition)).all() == []
    assert connection.scalars(select(text("a * 2")).select_from(person).order_by(text("a DESC"))).all() == [14, 10]
    assert connection.scalars(select(item.c.id).where(~text("id < 4"))).all() == [4]


def test_rows_of_text_have_the_names_of_its_columns(connection: Connection) -> None:
    row = connection.execute("SELECT id, name AS who FROM person ORDER BY id").first()
    assert row is not None
    assert (row.id, row.who) == (1, "Ann")


@pytest.mark.parametrize(
    ("sql", "writes"),
    [
        ("SELECT 1", False),
        ("  select 1", False),
        ("VALUES (1)", False),
        ("EXPLAIN SELECT 1", False),
        ("WITH x AS (SELECT 1) SELECT * FROM x", False),
        ("SELECT 1 FOR UPDATE", True),
        ("SELECT 1 FOR NO KEY UPDATE", True),
        ("INSERT INTO t VALUES (1)", True),
        ("WITH x AS (DELETE FROM t RETURNING id) SELECT * FROM x", True),
        ("CREATE TABLE t (id INTEGER)", True),
        ("/* SELECT */ DELETE FROM t", True),
    ],
)
def test_text_that_may_write_opens_a_write_transaction(sql: str, writes: bool) -> None:
    assert text(sql).is_write is writes


def test_a_quote_behind_a_backslash_does_not_end_an_escape_string() -> None:
    pieces = text(r"SELECT E'it\'s :no', '\', :yes, e'\\', :too").pieces
    assert [piece.key for piece in pieces if not isinstance(piece, str)] == ["yes", "too"]


def test_comments_before_a_statement_are_read_in_one_go() -> None:
    comments = "/* one */\n" * 40
    assert text(f"{comments}UPDATE t SET a = 1").is_write
    assert not text(f"{comments}SELECT 1").is_write
    assert text(f"{comments}(SELECT 1)").is_query


def test_a_colon_may_be_escaped_in_quotes_too(connection: Connection) -> None:
    assert connection.scalar(text(r"SELECT '12\:30'")) == "12:30"
    assert connection.scalar(text(r"SELECT '12\:30' || :more"), {"more": "x"}) == "12:30x"
    assert str(text(r"SELECT '\:a' AS \:b")) == "SELECT ':a' AS :b"
