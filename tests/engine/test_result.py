"""Result and Row."""

from __future__ import annotations

import contextlib
import datetime as dt
import gc
import pickle
import sys
from collections.abc import Callable
from typing import Any

import pytest

from flask_uow.engine import Connection, Engine, Result, Row
from flask_uow.engine.rows import row_class
from flask_uow.exc import (
    ArgumentError,
    DBAPIError,
    InvalidRequestError,
    MultipleResultsFound,
    NoResultFound,
    NoSuchColumnError,
    ResourceClosedError,
)
from flask_uow.orm import exc as orm_exc
from flask_uow.sql import (
    Column,
    ColumnElement,
    Date,
    FromClause,
    Integer,
    MetaData,
    Select,
    String,
    Table,
    column,
    func,
    literal,
    literal_column,
    select,
    text,
    union_all,
)
from flask_uow.sql.nodes import Executable
from tests.statements import StatementLog

THREE = "SELECT 1 AS n, 'a' AS name UNION ALL SELECT 2, 'b' UNION ALL SELECT 3, 'c' ORDER BY 1"
NONE = "SELECT 1 AS n, 'a' AS name WHERE 1 = 0"


def fetch(engine: Engine, sql: str) -> Result:
    with engine.connect() as connection:
        return connection.execute(sql)


def test_rows_are_tuples_with_names(engine: Engine) -> None:
    first = fetch(engine, THREE).all()[0]
    assert (first.n, first.name, first[1], first._fields) == (1, "a", "a", ("n", "name"))
    assert dict(first._mapping) == first._asdict() == {"n": 1, "name": "a"}
    assert first == (1, "a")
    assert hash(first) == hash((1, "a"))
    assert repr(first) == "(1, 'a')"
    n, name = first
    assert (n, name) == (1, "a")


def test_a_result_is_consumed_from_the_front(engine: Engine) -> None:
    result = fetch(engine, THREE)
    assert result.fetchone() == (1, "a")
    assert result.fetchmany(1) == [(2, "b")]
    assert result.fetchall() == [(3, "c")]
    assert result.fetchone() is None
    assert result.all() == []
    assert list(fetch(engine, THREE)) == [(1, "a"), (2, "b"), (3, "c")]


def test_a_result_stays_readable_after_its_connection_is_gone(engine: Engine) -> None:
    assert len(fetch(engine, THREE).all()) == 3


def test_one_wants_exactly_one_row(engine: Engine) -> None:
    assert fetch(engine, "SELECT 5 AS n").one() == (5,)
    assert fetch(engine, "SELECT 5 AS n").one_or_none() == (5,)
    assert fetch(engine, NONE).one_or_none() is None
    assert fetch(engine, NONE).first() is None
    with pytest.raises(NoResultFound, match="there was none"):
        fetch(engine, NONE).one()
    with pytest.raises(MultipleResultsFound, match="there were 3"):
        fetch(engine, THREE).one()
    with pytest.raises(MultipleResultsFound):
        fetch(engine, THREE).one_or_none()
    assert orm_exc.NoResultFound is NoResultFound


def test_scalars_are_the_values_of_one_column(engine: Engine) -> None:
    assert fetch(engine, THREE).scalars().all() == [1, 2, 3]
    assert fetch(engine, THREE).scalars(1).first() == "a"
    assert fetch(engine, THREE).scalar() == 1
    assert fetch(engine, NONE).scalar() is None
    assert fetch(engine, "SELECT 5 AS n").scalar_one() == 5
    assert fetch(engine, NONE).scalar_one_or_none() is None
    assert fetch(engine, "SELECT 5 AS n").scalar_one_or_none() == 5
    with pytest.raises(InvalidRequestError, match="2 columns"):
        fetch(engine, THREE).scalars(2)


def test_mappings_are_read_only_dicts_by_column_name(engine: Engine) -> None:
    mapping = fetch(engine, THREE).mappings().all()[1]
    assert mapping == {"n": 2, "name": "b"}
    assert (mapping["name"], len(mapping), list(mapping), repr(mapping)) == (
        "b",
        2,
        ["n", "name"],
        "{'n': 2, 'name': 'b'}",
    )
    with pytest.raises(KeyError, match="Did you mean 'name'"):
        mapping["nam"]


def test_an_unknown_column_gets_a_hint(engine: Engine) -> None:
    row = fetch(engine, THREE).first()
    with pytest.raises(AttributeError, match=r"no column 'nmae'; its columns are n, name\. Did you mean 'name'"):
        row.nmae  # type: ignore[union-attr]


def test_a_name_that_occurs_twice_can_only_be_had_by_position(engine: Engine) -> None:
    row = fetch(engine, "SELECT 1 AS n, 2 AS n").one()
    assert (row[0], row[1]) == (1, 2)
    with pytest.raises(InvalidRequestError, match="several columns 'n'"):
        row.n
    with pytest.raises(InvalidRequestError, match="several columns 'n'"):
        row._mapping["n"]


def test_columns_may_be_called_like_methods_of_a_tuple() -> None:
    row = row_class(("count", "index", "keys", "_fields", "__class__", "a b"))((1, 2, 3, 4, 5, 6))
    assert [getattr(row, name) for name in ("count", "index", "keys")] == [1, 2, 3]
    assert row._fields == ("count", "index", "keys", "_fields", "__class__", "a b")
    assert row._mapping["_fields"] == 4
    assert row._mapping["a b"] == 6
    assert isinstance(row, tuple)


def test_rows_can_be_pickled(engine: Engine) -> None:
    row = fetch(engine, THREE).first()
    again = pickle.loads(pickle.dumps(row))
    assert again == row
    assert again.name == "a"


def test_a_statement_without_rows_says_so(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.run("CREATE TABLE numbers (n INTEGER)")
        result = connection.execute("INSERT INTO numbers (n) VALUES (1), (2)")
        assert (result.returns_rows, result.rowcount, result.keys()) == (False, 2, ())
        with pytest.raises(ResourceClosedError, match="returns_rows"):
            result.all()
        returned = connection.execute("DELETE FROM numbers RETURNING n")
        assert (returned.returns_rows, returned.rowcount) == (True, 2)
        assert sorted(returned.scalars()) == [1, 2]


def test_a_closed_result_has_no_rows(engine: Engine) -> None:
    result = fetch(engine, THREE)
    assert (result.rowcount, result.keys()) == (3, ("n", "name"))
    result.close()
    with pytest.raises(ResourceClosedError):
        result.all()


def test_the_rowid_of_an_insert_is_known_on_sqlite(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.run("CREATE TABLE numbers (n INTEGER PRIMARY KEY)")
        result = connection.execute("INSERT INTO numbers (n) VALUES (7)")
        assert result.lastrowid == (None if engine.dialect.begins_with_statement else 7)


def test_rows_that_a_loop_has_left_are_not_taken_for_none(engine: Engine) -> None:
    numbers = union_all(*(select(literal(n).label("n")) for n in range(5))).execution_options(yield_per=2)
    with engine.connect() as connection, connection.begin():
        streamed = connection.execute(numbers)
        for row in streamed:
            assert row == (0,)
            break
        with pytest.raises(InvalidRequestError, match="loop over these rows was left"):
            streamed.all()
        rows = iter(connection.execute(numbers))
        assert next(rows) == (0,)
        assert [n for (n,) in rows] == [1, 2, 3, 4]
        again = connection.execute(numbers)
        assert [again.fetchone(), *again.fetchmany(2), *again] == [(0,), (1,), (2,), (3,), (4,)]
        assert again.all() == []


def test_partitions_give_what_is_left_in_lists(engine: Engine) -> None:
    assert list(fetch(engine, THREE).partitions(2)) == [[(1, "a"), (2, "b")], [(3, "c")]]
    assert list(fetch(engine, THREE).scalars().partitions(1)) == [[1], [2], [3]]
    assert [[row["n"] for row in part] for part in fetch(engine, THREE).mappings().partitions(3)] == [[1, 2, 3]]
    result = fetch(engine, THREE)
    assert result.fetchone() == (1, "a")
    assert list(result.partitions()) == [[(2, "b"), (3, "c")]]
    assert list(fetch(engine, NONE).partitions(2)) == list(fetch(engine, NONE).partitions()) == []
    for size in (0, -1):
        with pytest.raises(ArgumentError, match="Pass a positive size"):
            fetch(engine, THREE).partitions(size)


def test_some_columns_of_a_result_are_chosen_by_name_or_position(engine: Engine) -> None:
    chosen = fetch(engine, THREE).columns("name", 0)
    assert chosen.keys() == ("name", "n")
    first = chosen.fetchone()
    assert first is not None
    assert (first, first.name, first.n) == (("a", 1), "a", 1)
    assert chosen.scalars().all() == ["b", "c"]
    assert fetch(engine, THREE).columns(-1).all() == [("a",), ("b",), ("c",)]
    assert fetch(engine, NONE).columns("n").all() == []


def test_columns_that_a_result_cannot_give_are_refused(engine: Engine) -> None:
    result = fetch(engine, THREE)
    with pytest.raises(InvalidRequestError, match=r"no column 'nam'.*Did you mean 'name'"):
        result.columns("nam")
    with pytest.raises(InvalidRequestError, match="has 2 columns"):
        result.columns(2)
    with pytest.raises(ArgumentError, match="without columns"):
        result.columns()
    with pytest.raises(ArgumentError, match="names and positions"):
        result.columns(literal(1))  # type: ignore[arg-type]
    assert len(result.all()) == 3
    with pytest.raises(InvalidRequestError, match="several columns 'n'"):
        fetch(engine, "SELECT 1 AS n, 2 AS n").columns("n")
    with engine.connect() as connection:
        transaction = connection.begin()
        without_rows = connection.execute("CREATE TEMPORARY TABLE passing (n INTEGER)")
        with pytest.raises(ResourceClosedError):
            without_rows.columns(0)
        transaction.rollback()


def test_rows_of_a_result_are_tuples_where_they_are_asked_for_as_such(engine: Engine) -> None:
    assert fetch(engine, THREE).tuples().all() == [(1, "a"), (2, "b"), (3, "c")]


def test_a_frozen_result_gives_its_rows_again_and_again(engine: Engine) -> None:
    result = fetch(engine, THREE)
    result.fetchone()
    frozen = result.freeze()
    assert result.all() == []
    once = frozen()
    assert once.fetchone() == (2, "b")
    assert (once.keys(), once.rowcount) == (("n", "name"), 3)
    assert frozen().scalars().all() == [2, 3]
    frozen().all().clear()
    assert frozen().columns("name").all() == [("b",), ("c",)]
    assert once.all() == [(3, "c")]


TWICE = (
    "SELECT 1 AS n, 'a' AS name UNION ALL SELECT 1, 'b' UNION ALL SELECT 2, 'a' UNION ALL SELECT 1, 'a' ORDER BY 1, 2"
)


def test_a_unique_result_gives_each_row_once(engine: Engine) -> None:
    result = fetch(engine, TWICE)
    assert result.unique() is result
    assert (result.fetchone(), result.fetchmany(5)) == ((1, "a"), [(1, "b"), (2, "a")])
    assert fetch(engine, TWICE).unique().scalars().all() == fetch(engine, TWICE).scalars().unique().all() == [1, 2]
    assert fetch(engine, TWICE).unique().columns("name").all() == [("a",), ("b",)]
    assert fetch(engine, TWICE).columns("n").unique().scalars().all() == [1, 2]
    assert (
        len(fetch(engine, TWICE).mappings().unique().all()) == len(fetch(engine, TWICE).unique().mappings().all()) == 3
    )
    assert list(fetch(engine, TWICE).scalars().unique().partitions(1)) == [[1], [2]]
    assert fetch(engine, TWICE).unique(lambda row: row.n).all() == [(1, "a"), (2, "a")]
    assert fetch(engine, NONE).unique().all() == []
    assert fetch(engine, "SELECT 5 AS n UNION ALL SELECT 5").unique().one() == (5,)
    left = fetch(engine, TWICE)
    left.fetchone()
    assert left.unique().all() == [(1, "a"), (1, "b"), (2, "a")]


def test_values_without_a_hash_need_a_strategy_to_be_unique(engine: Engine) -> None:
    listed = Result([row_class(("v",))([[1]]), row_class(("v",))([[1]])], ("v",), 2)
    with pytest.raises(InvalidRequestError, match=r"Pass a strategy, such as unique\(repr\)"):
        listed.unique()
    assert listed.unique(repr).scalars().all() == [[1]]


# -- the same methods on all results


def test_what_a_loop_leaves_can_be_had_afterwards(engine: Engine) -> None:
    result = fetch(engine, THREE)
    for row in result:
        assert row == (1, "a")
        break
    assert next(result) == (2, "b")
    assert result.all() == [(3, "c")]
    with pytest.raises(StopIteration):
        next(result)
    values = fetch(engine, THREE).scalars()
    assert (next(values), list(values)) == (1, [2, 3])
    assert next(fetch(engine, THREE).mappings())["name"] == "a"


def test_a_result_may_stand_in_a_with_block(engine: Engine) -> None:
    with fetch(engine, THREE) as result:
        assert not result.closed
        assert result.fetchone() == (1, "a")
    assert result.closed
    assert result.returns_rows
    with pytest.raises(ResourceClosedError):
        next(result)
    assert not fetch(engine, NONE).closed


def test_columns_are_named_by_position_name_or_what_was_selected(engine: Engine) -> None:
    with engine.connect() as connection:
        n, name = literal(1).label("n"), literal("a").label("name")

        def run() -> Result:
            return connection.execute(select(n, name))

        assert run().scalars("name").all() == run().scalars(name).all() == run().scalars(-1).all() == ["a"]
        assert run().columns(name, "n").one() == ("a", 1)
        assert run().mappings().columns("name").all() == [{"name": "a"}]
        assert run().mappings().keys() == ("n", "name")
        row = run().one()
        assert (row._mapping[name], row._mapping["n"]) == ("a", 1)
        for wrong in ("nam", 2, -3):
            with pytest.raises(InvalidRequestError):
                run().scalars(wrong)
        with pytest.raises(ArgumentError, match=r"scalars\(\) takes names and positions"):
            run().scalars(object())
        with pytest.raises(KeyError, match="the row has the columns n, name"):
            row._mapping[object()]  # type: ignore[index]


def test_a_row_is_its_own_tuple(engine: Engine) -> None:
    row = fetch(engine, THREE).first()
    assert row is not None
    assert row.t == row.tuple() == row._t == row._tuple() == (1, "a")
    assert row._fields == ("n", "name")
    named = row_class(("t", "tuple"))((5, 6))
    assert (named.t, named.tuple, named._tuple()) == (5, 6, (5, 6))


NUMBERS = union_all(*(select(literal(n % 3).label("n"), literal(str(n)).label("name")) for n in range(6)))


def test_streamed_rows_do_what_fetched_ones_do(engine: Engine) -> None:
    with engine.connect() as connection:

        def run() -> Any:
            return connection.execute(NUMBERS.execution_options(yield_per=2))

        rows = [(n % 3, str(n)) for n in range(6)]
        assert run().all() == run().tuples().all() == list(run()) == rows
        assert run().keys() == run().mappings().keys() == ("n", "name")
        assert run().mappings().columns("name").fetchmany(2) == [{"name": "0"}, {"name": "1"}]
        assert [row["n"] for row in run().mappings()] == run().scalars().all() == [0, 1, 2, 0, 1, 2]
        assert run().scalars("name").fetchone() == run().columns("name").scalar() == "0"
        assert run().scalars().unique().all() == run().columns("n").unique().scalars().all() == [0, 1, 2]
        assert run().unique(lambda row: row.n).all() == rows[:3]
        assert [len(part) for part in run().partitions(4)] == [4, 2]
        assert [len(part) for part in run().partitions()] == [2, 2, 2]
        frozen = run().freeze()
        assert frozen().all() == frozen().all() == rows
        streamed = run()
        assert (next(streamed), streamed.fetchone(), streamed.first()) == tuple(rows[:3])
        assert streamed.all() == []
        for method in ("one", "one_or_none", "scalar_one", "scalar_one_or_none"):
            with pytest.raises(MultipleResultsFound, match="there were 6"):
                getattr(run(), method)()
        single = NUMBERS.limit(1).execution_options(yield_per=2)
        assert connection.execute(single).one() == rows[0]
        assert connection.execute(single).scalar_one() == connection.execute(single).scalars().one() == 0
        assert connection.execute(NUMBERS.limit(0).execution_options(yield_per=2)).scalar_one_or_none() is None
        closed = run()
        closed.close()
        assert closed.closed
        with pytest.raises(ResourceClosedError, match="this result was closed"):
            closed.all()
        with pytest.raises(ArgumentError, match="Pass a positive size"):
            run().partitions(0)
        listed = run()
        listed.fetchone()
        assert listed.unique(lambda row: row.n).all() == [rows[1], rows[2], rows[3]]


SQL_NUMBERS = "SELECT 0 AS n, 'a' AS name UNION ALL SELECT 1, 'b' UNION ALL SELECT 2, 'c' ORDER BY n"


@pytest.mark.parametrize("options", [{"yield_per": 2}, {"stream_results": True}])
def test_sql_text_is_streamed_too(engine: Engine, statements: StatementLog, options: dict[str, Any]) -> None:
    with engine.connect() as connection:

        def run(sql: str = SQL_NUMBERS) -> Any:
            return connection.execute(text(sql).execution_options(**options))

        streamed = run()
        # the names are known before anything else is taken
        assert streamed.keys() == ("n", "name")
        assert [(row.n, row.name) for row in streamed] == [(0, "a"), (1, "b"), (2, "c")]
        assert any("CURSOR FOR" in sql for sql in statements.sql) == engine.dialect.is_server
        assert run().scalars("name").all() == ["a", "b", "c"]
        pages = [2, 1] if "yield_per" in options else [3]
        assert [len(part) for part in run().partitions()] == pages
        nothing = run("SELECT 1 AS n WHERE 1 = 0")
        assert (nothing.keys(), nothing.all()) == (("n",), [])
        assert connection.execution_options(**options).execute("VALUES (1), (2)").scalars().all() == [1, 2]
        run().close()


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO numbers VALUES (3) RETURNING n",
        "WITH more AS (SELECT 4 AS n) INSERT INTO numbers SELECT n FROM more RETURNING n",
        "EXPLAIN SELECT * FROM numbers",
    ],
)
def test_text_that_is_no_query_is_not_streamed(engine: Engine, statements: StatementLog, sql: str) -> None:
    with engine.begin() as connection:
        connection.run("CREATE TABLE numbers (n INTEGER)")
        statements.clear()
        connection.execute(text(sql).execution_options(yield_per=1)).all()
        assert statements.sql == [sql]


def end_connection(connection: Connection, how: str) -> None:
    """Have a connection end while rows are still being read from it."""
    if how == "closed and disposed of":
        connection.close()
        connection.engine.dispose()
    elif how == "invalidated":
        connection.invalidate()
    else:
        raw: Any = connection.connection.driver_connection
        if connection.dialect.is_server:
            with connection.engine.connect() as other:
                other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": raw.info.backend_pid})
        else:
            raw.close()


@pytest.mark.parametrize("how", ["closed and disposed of", "invalidated", "lost"])
@pytest.mark.parametrize("end", ["close", "with block", "first", "collector", "loop"])
def test_a_streamed_result_can_be_closed_when_its_connection_is_gone(
    engine: Engine, how: str, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    unraisable: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    connection = engine.connect()
    streamed = connection.execute(NUMBERS.execution_options(yield_per=2))
    loop = iter(streamed.partitions())
    next(loop)
    end_connection(connection, how)
    if end == "close":
        streamed.close()
    elif end == "first":
        with pytest.raises((InvalidRequestError, DBAPIError)):
            streamed.first()
        streamed.close()
    elif end == "with block":
        with pytest.raises(LookupError), streamed:
            raise LookupError
    elif end == "loop":
        with contextlib.suppress(InvalidRequestError, DBAPIError):
            for _ in loop:
                break
    del loop, streamed
    gc.collect()
    assert unraisable == []
    connection.close()
    assert fetch(engine, "SELECT 1 AS n").scalar() == 1


def test_columns_that_are_called_alike_are_told_apart_by_the_column_itself(engine: Engine) -> None:
    metadata = MetaData()
    author = Table("author", metadata, Column("id", Integer, primary_key=True), Column("name", String))
    book = Table("book", metadata, Column("id", Integer, primary_key=True), Column("db_title", String, key="title"))
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(author.insert(), {"id": 1, "name": "Ann"})
        connection.execute(book.insert(), {"id": 20, "title": "One"})
    statement = select(author, book).where(author.c.id == 1, book.c.id == 20)
    with engine.connect() as connection:
        # the second time by what was kept of the first
        for _ in range(2):
            row = connection.execute(statement).one()
            assert (row._mapping[author.c.id], row._mapping[book.c.id]) == (1, 20)
            assert row._mapping[book.c.title] == "One"
            assert author.c.id in row._mapping
            assert book.c.id in row._mapping
            assert pickle.loads(pickle.dumps(row)) == row
            assert connection.scalars(select(author.c.id, book.c.id)).all() == [1]
            assert connection.execute(select(author.c.id, book.c.id)).scalars(book.c.id).all() == [20]
            chosen = connection.execute(statement).columns(book.c.id, author.c.name, author.c.id)
            assert chosen.keys() == ("id_1", "name", "id")
            picked = chosen.one()
            assert (picked, picked._mapping[author.c.id], picked._mapping[book.c.id]) == ((20, "Ann", 1), 1, 20)
            streamed = connection.execute(statement, execution_options={"yield_per": 1})
            assert [row._mapping[book.c.id] for row in streamed] == [20]
        other, third = author.alias("other"), author.alias("third")
        for _ in range(2):
            found = connection.execute(
                select(other.c.id, (third.c.id + 5).label("id_2"), third.c.name, author.c.id)
            ).one()
            assert (found._mapping[other.c.id], found._mapping[author.c.id]) == (1, 1)
            twice = connection.execute(select(other.c.id, author.c.id, author.c.id)).one()
            assert twice._mapping[other.c.id] == 1
            with pytest.raises(InvalidRequestError, match="several columns 'id'"):
                _ = twice._mapping[author.c.id]


@pytest.mark.parametrize("options", [{}, {"yield_per": 1}])
def test_aliases_without_a_name_are_told_apart_in_each_statement(engine: Engine, options: dict[str, int]) -> None:
    author = Table("author", MetaData(), Column("id", Integer, primary_key=True), Column("name", String))
    author.create(engine)
    with engine.begin() as connection:
        connection.execute(author.insert(), [{"id": 1, "name": "Ann"}, {"id": 2, "name": "Bob"}])

        def found(statement: Select) -> Row:
            return connection.execute(statement, execution_options=options).one()

        # made anew each time, of one text: the compiled form of the first is used again
        made: list[Callable[[], FromClause]] = [
            lambda: author.alias(),
            lambda: select(author).subquery(),
            lambda: select(author).cte(),
        ]
        for make in made:
            rows = []
            for _ in range(3):
                one, two = make(), make()
                row = found(select(two.c.id, one.c.name, one.c.id).where(one.c.id == 1, two.c.id == 2))
                rows.append((row, one, two))
            for row, one, two in rows:
                assert (row._mapping[one.c.id], row._mapping[two.c.id], row._mapping[one.c.name]) == (1, 2, "Ann")
                with pytest.raises(NoSuchColumnError):
                    _ = row._mapping[make().c.id]
        # the same ones in other places of statements of one text
        one, two = author.alias(), author.alias()
        rows_of_both = []
        for _ in range(3):
            rows_of_both.append(found(select(one.c.id, two.c.id).where(one.c.id == 1, two.c.id == 2)))
            rows_of_both.append(found(select(two.c.id, one.c.id).where(two.c.id == 2, one.c.id == 1)))
        for row in rows_of_both:
            assert (row._mapping[one.c.id], row._mapping[two.c.id]) == (1, 2)
        # expressions, by themselves
        for _ in range(3):
            least, most, sums = func.min(author.c.id), func.min(author.c.name), func.sum(author.c.id) + 5
            row = found(select(least, sums, most))
            assert (row._mapping[least], row._mapping[most], row._mapping[sums]) == (1, "Ann", 8)
        again = [
            connection.execute(select(one.c.id, two.c.id).limit(1)) for one, two in [(author.alias(), author.alias())]
        ]
        assert again[0].columns(1, 0).keys() == ("id_1", "id")


def test_a_column_that_was_not_selected_is_no_other_of_its_name(engine: Engine) -> None:
    metadata = MetaData()
    author = Table("author", metadata, Column("id", Integer, primary_key=True), Column("name", String))
    book = Table("book", metadata, Column("id", Integer, primary_key=True), Column("name", String))
    metadata.create_all(engine)
    other = author.alias()
    refused: list[tuple[Executable, ColumnElement[Any]]] = [
        (select(author), book.c.id),
        (select(author.c.id), book.c.id),
        (select(other.c.id), author.alias().c.id),
        (select(select(author).subquery()), book.c.id),
        (select(author.c.name.label("id")), author.c.id),
        (select(author.c.id).union(select(author.c.id)), book.c.id),
        (text("SELECT id, name FROM author").columns(author.c.id, author.c.name), book.c.id),
    ]
    within = select(author).subquery()
    taken: list[tuple[Executable, Any]] = [
        (select(author), author.c.id),
        (select(author), "id"),
        (select(author), column("id")),
        (select(other), author.c.id),
        (select(author), other.c.id),
        (select(within), author.c.id),
        (select(author.c.id.label("number")), author.c.id),
        (select((author.c.id + 0).label("id")), literal(5).label("id")),
        (select(literal_column("1").label("id")).select_from(author), author.c.id),
        (select(author.c.id).union_all(select(author.c.id + 1)).limit(1).order_by("id"), author.c.id),
        (text("SELECT id, name FROM author"), author.c.id),
        (text("SELECT id, name FROM author").columns(author.c.id, author.c.name), author.c.id),
        (text("SELECT id, name FROM author").columns(id=Integer), author.c.id),
        (select(author), Table("author", MetaData(), Column("id", Integer)).c.id),
    ]
    with engine.begin() as connection:
        connection.execute(author.insert(), {"id": 1, "name": "Ann"})
        for _ in range(2):
            for statement, wanted in taken:
                row = connection.execute(statement).one()
                assert row._mapping[wanted] == 1
                assert wanted in row._mapping
                assert connection.execute(statement).scalars(wanted).all() == [1]
            for statement, wrong in refused:
                row = connection.execute(statement).one()
                assert wrong not in row._mapping
                keys = connection.execute(statement).keys()
                assert wrong not in keys
                uses: list[Callable[[], object]] = [
                    lambda row=row, wrong=wrong: row._mapping[wrong],  # type: ignore[misc]
                    lambda statement=statement, wrong=wrong: connection.execute(statement).scalars(wrong),  # type: ignore[misc]
                    lambda statement=statement, wrong=wrong: connection.execute(statement).columns(wrong),  # type: ignore[misc]
                ]
                for use in uses:
                    with pytest.raises(NoSuchColumnError, match="this column was not selected"):
                        use()
        inserted = connection.execute(author.insert().values(id=2, name="Bob").returning(author.c.id)).one()
        assert inserted._mapping[author.c.id] == inserted.id
        with pytest.raises(KeyError, match="this column was not selected"):
            _ = inserted._mapping[book.c.id]


def test_the_names_of_columns_compare_with_lists_and_know_columns(engine: Engine) -> None:
    thing = Table("thing", MetaData(), Column("id", Integer, primary_key=True), Column("name", String))
    thing.create(engine)
    with engine.connect() as connection:
        for options in ({}, {"yield_per": 5}):
            keys = connection.execute(select(thing), execution_options=options).keys()
            assert keys == ["id", "name"]
            assert keys == ("id", "name")
            assert keys != ["name", "id"]
            assert keys != "id"
            assert (thing.c.id in keys, "name" in keys, "nothing" in keys, 5 in keys) == (True, True, False, False)
            assert hash(keys) == hash(("id", "name"))
        assert connection.execute(select(thing)).mappings().keys() == ["id", "name"]


@pytest.mark.parametrize("options", [{}, {"yield_per": 2}])
def test_yield_per_of_a_result_is_the_size_of_its_partitions(engine: Engine, options: dict[str, int]) -> None:
    with engine.connect() as connection:
        for take in (lambda r: r, lambda r: r.scalars(), lambda r: r.mappings()):
            result = take(connection.execute(text(THREE), execution_options=options)).yield_per(1)
            assert [len(part) for part in result.partitions()] == [1, 1, 1]
            result = take(connection.execute(text(THREE), execution_options=options)).yield_per(1)
            assert [len(part) for part in result.partitions(3)] == [3]
            with pytest.raises(ArgumentError, match="positive size"):
                result.yield_per(0)


def test_text_among_the_columns_may_stand_for_several(engine: Engine) -> None:
    thing = Table("thing", MetaData(), Column("id", Integer, primary_key=True), Column("day", Date))
    thing.create(engine)
    day = dt.date(2020, 2, 2)
    with engine.connect() as connection:
        connection.execute(thing.insert(), {"id": 1, "day": day})
        for star in (text("*"), literal_column("thing.*"), text("id, day")):
            for options in ({}, {"yield_per": 5}):
                result = connection.execute(select(star).select_from(thing), execution_options=options)
                assert result.keys() == ["id", "day"]
                assert result.one()[0] == 1
        # those beside it keep their types
        row = connection.execute(select(thing.c.day.label("first"), text("thing.*"), thing.c.day.label("last"))).one()
        assert (row.first, row.id, row.last) == (day, 1, day)
        found = connection.execute(
            select(text("coalesce(id, 0)"), literal_column("coalesce(id, 0)", Integer)).select_from(thing)
        )
        assert found.one() == (1, 1)
        assert connection.execute(select(text("id")).select_from(text("thing")).order_by("id")).scalars().all() == [1]
        assert connection.execute(select(text("*")).select_from(text("thing AS t")).where(text("t.id = 1"))).keys() == [
            "id",
            "day",
        ]


def test_a_column_under_another_name_stands_for_itself(engine: Engine) -> None:
    thing = Table("thing", MetaData(), Column("id", Integer, primary_key=True), Column("name", String))
    thing.create(engine)
    with engine.begin() as connection:
        connection.execute(thing.insert(), {"id": 1, "name": "a"})
        row = connection.execute(
            select(thing.c.id.label("number"), thing.c.name, func.lower(thing.c.name).label("low"))
        ).one()
        assert (row._mapping[thing.c.id], row._mapping["number"], row._mapping[thing.c.name]) == (1, 1, "a")
        assert thing.c.id in row._mapping
        assert "id" not in row._mapping
        with pytest.raises(KeyError, match="number, name, low"):
            _ = row._mapping["id"]
        twice = connection.execute(select(thing.c.id.label("one"), thing.c.id.label("two"))).one()
        with pytest.raises(InvalidRequestError, match="several columns 'id'"):
            _ = twice._mapping[thing.c.id]


@pytest.mark.parametrize("options", [{}, {"yield_per": 1}])
def test_types_by_name_are_those_of_the_columns_of_these_names(engine: Engine, options: dict[str, int]) -> None:
    literal_day = "DATE '2020-01-02'" if engine.dialect.name == "postgresql" else "'2020-01-02'"
    sql = text(f"SELECT 1 AS n, {literal_day} AS day, 'a' AS name")
    with engine.connect() as connection:
        row = connection.execute(sql.columns(name=String, day=Date, n=Integer), execution_options=options).one()
        assert row._asdict() == {"n": 1, "day": dt.date(2020, 1, 2), "name": "a"}
        # as few as are to be converted
        row = connection.execute(sql.columns(day=Date), execution_options=options).one()
        assert row._asdict() == {"n": 1, "day": dt.date(2020, 1, 2), "name": "a"}
        row = connection.execute(sql.columns(column("name"), day=Date), execution_options=options).one()
        assert (row.name, row.day, row.n) == ("a", dt.date(2020, 1, 2), 1)
        inner = sql.columns(day=Date, n=Integer).subquery()
        assert connection.execute(select(inner.c.n, inner.c.day), execution_options=options).one() == (
            1,
            dt.date(2020, 1, 2),
        )
        with pytest.raises(
            InvalidRequestError, match=r"names a column 'days', which the statement does not give.*Did you mean 'day'"
        ):
            connection.execute(sql.columns(days=Date), execution_options=options).all()
