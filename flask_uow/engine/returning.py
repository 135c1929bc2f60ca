"""INSERT of a list of rows with RETURNING: the rows go out in pages, and what is returned comes in the order of the list where that is asked for.

RETURNING promises no order (https://www.postgresql.org/docs/current/sql-insert.html says nothing of one,
https://www.sqlite.org/lang_returning.html says there is none), so that rows in order are told by their keys: the ones that are given, or ones
that are drawn beforehand. Where neither can be, each row is a statement of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, groupby, islice
from typing import TYPE_CHECKING, Any

from flask_uow.exc import InternalError
from flask_uow.sql.compiler import Compiled, RowText, compile_statement
from flask_uow.sql.dml import Insert
from flask_uow.sql.expressions import BindParameter
from flask_uow.sql.types import Integer, Uuid

if TYPE_CHECKING:
    from flask_uow.engine.connection import Connection
    from flask_uow.sql.columns import Column

__all__ = ["insert_and_return"]

_PAGE = 1000

Rows = list[tuple[Any, ...]]
Sets = Sequence[Mapping[str, Any]]


def insert_and_return(connection: Connection, statement: Insert, sets: Sets) -> tuple[Compiled, Rows]:
    """Insert rows and return what RETURNING gives for them, as the driver's tuples.

    :param statement: an INSERT with RETURNING whose values are parameters, or known.
    :param sets: the values of each row by name.
    """
    compiled, values = compile_statement(statement, connection.dialect, connection.engine.compiled_cache)
    if not connection.in_transaction():
        with connection.begin():
            return compiled, _insert(connection, statement, compiled, values, sets)
    return compiled, _insert(connection, statement, compiled, values, sets)


def _insert(connection: Connection, statement: Insert, compiled: Compiled, values: list[Any], sets: Sets) -> Rows:
    if compiled.row is None:
        return _one_by_one(connection, compiled, values, sets)
    if not statement.is_sorted or len(sets) < 2:
        return _in_pages(connection, compiled, values, sets)
    found = _in_order(connection, statement, compiled, sets)
    return _one_by_one(connection, compiled, values, sets) if found is None else found


def _one_by_one(connection: Connection, compiled: Compiled, values: list[Any], sets: Sets) -> Rows:
    found: Rows = []
    for given in sets:
        found.extend(connection.fetch_all(compiled.sql, compiled.parameters(values, given), write=True))
    return found


def _in_pages(connection: Connection, compiled: Compiled, values: list[Any], sets: Sets) -> Rows:
    row = compiled.row
    assert row is not None
    # parameters beside the row, in RETURNING say, are sent once for all rows of a page
    around = (*compiled.slots[: row.begin], *compiled.slots[row.end :])
    size = min(_PAGE, max(1, (connection.dialect.max_parameters - len(around)) // max(1, row.end - row.begin)))
    found: Rows = []
    given = (compiled.parameters(values, one) for one in sets)
    for parameters in _pages(given, size, row if any(slot.key is not None for slot in around) else None):
        first = parameters[0]
        middle = chain.from_iterable(one[row.begin : row.end] for one in parameters)
        found.extend(
            connection.fetch_all(
                row.repeated(len(parameters)), (*first[: row.begin], *middle, *first[row.end :]), write=True
            )
        )
    return found


def _pages(given: Iterator[tuple[Any, ...]], size: int, row: RowText | None) -> Iterator[Rows]:
    """Yield the parameters of rows in pages.

    :param row: where the rows' own parameters are, if those beside them may differ: a page is of rows that have the same ones.
    """
    alike = [given] if row is None else (rows for _, rows in groupby(given, partial(_beside, row)))
    for rows in alike:
        while page := list(islice(rows, size)):
            yield page


def _beside(row: RowText, parameters: tuple[Any, ...]) -> tuple[Any, ...]:
    return (*parameters[: row.begin], *parameters[row.end :])


def _in_order(connection: Connection, statement: Insert, compiled: Compiled, sets: Sets) -> Rows | None:
    """Insert in pages, and order the returned rows by their keys; None, with nothing sent, where that cannot be.

    :raises InternalError: where a row came back under another key than its own.
    """
    key = statement.table.primary_key.columns if statement.table.__visit_name__ == "table" else ()
    given_names = {column.name: value for column, value in statement.value_rows[0]}
    missing = [column for column in key if column.name not in given_names]
    # of these types a key comes back equal to what was sent; a text may come back padded, a moment rounded
    kinds = (Integer, Uuid)
    # with ON CONFLICT there are rows that do not come back at all
    if not key or statement.conflict is not None or not all(isinstance(column.type, kinds) for column in key):
        return None
    if missing:
        drawn = _with_drawn_keys(connection, statement, missing, sets)
        if drawn is None:
            return None
        statement, sets = drawn
        given_names = {column.name: value for column, value in statement.value_rows[0]}
    names: list[Any] = [getattr(given_names[column.name], "key", None) for column in key]
    if not all(name is not None and all(name in given for given in sets) for name in names):
        return None
    wanted = [tuple(given[name] for name in names) for given in sets]
    if not all(
        isinstance(value, column.type.value_class)
        for values in wanted
        for column, value in zip(key, values, strict=True)
    ):
        return None
    width = len(compiled.columns)
    returning = statement.returning(*key)
    compiled, values = compile_statement(returning, connection.dialect, connection.engine.compiled_cache)
    processors = [connection.dialect.result_processor(column.type) for column in key]
    by_key = {
        tuple(p(v) if p is not None else v for p, v in zip(processors, row[width:], strict=True)): row[:width]
        for row in _in_pages(connection, compiled, values, sets)
    }
    if by_key.keys() != set(wanted):
        raise InternalError(
            f"{len(sets)} rows were inserted into {statement.table.name}, and what came back is not under their keys. Look for a trigger or a rule"
            " on the table that drops rows or changes their key, or leave sort_by_parameter_order out."
        )
    return [by_key[identity] for identity in wanted]


def _with_drawn_keys(
    connection: Connection, statement: Insert, missing: list[Any], sets: Sets
) -> tuple[Insert, Sets] | None:
    """Return the statement and its rows with keys that the database would make next; None where it cannot tell them."""
    column = statement.table.generated_key
    names = {name for given in sets for name in given}
    if (
        len(missing) != 1
        or missing[0] is not column
        or column.name in names
        or _is_always_made(column)
        or connection.is_autocommit
    ):
        return None
    keys = connection.dialect.batch.allocate_keys(connection, statement.table, column, len(sets))
    if keys is None:
        return None
    (row,) = statement.value_rows
    completed = (*row, (column, BindParameter(None, column.type, column.name, required=True)))
    return statement.with_parts(value_rows=(completed,)), [
        {**given, column.name: made} for given, made in zip(sets, keys, strict=True)
    ]


def _is_always_made(column: Column[Any]) -> bool:
    return column.identity is not None and bool(column.identity.always)
