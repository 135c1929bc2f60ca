"""``insert(Class)`` with a list of rows: rows of different keys, of a class in several tables, with RETURNING.

Without RETURNING and ON CONFLICT the rows go the way of ``session.bulk_insert()``. Else those of the same attributes are one statement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flask_uow.engine import Result
from flask_uow.engine.inserted import NO_KEYS
from flask_uow.engine.returning import insert_and_return
from flask_uow.engine.rows import row_class
from flask_uow.exc import ArgumentError, InvalidRequestError
from flask_uow.orm.dml.bulk import bulk_insert, stored_columns, transaction_of, values_of
from flask_uow.orm.dml.families import inserting_class
from flask_uow.orm.dml.versions import counted_upsert
from flask_uow.orm.loading.column_loader import key_of
from flask_uow.orm.loading.planning import plain_plan, result_names
from flask_uow.orm.loading.results import load_result, results_of
from flask_uow.orm.loading.run import QueryRun
from flask_uow.orm.loading.statements import keys_condition
from flask_uow.orm.mapping.mapped_table import is_expression
from flask_uow.orm.state.keys import identity_values
from flask_uow.orm.state.siblings import BATCH_SIZE
from flask_uow.sql.dml import Insert
from flask_uow.sql.select import Select
from flask_uow.sql.selectable import base_column

if TYPE_CHECKING:
    from flask_uow.engine import Connection
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.session.execution import ExecutingSession

__all__ = ["insert_rows", "takes_rows"]

# the values of one row, by attribute
Values = dict[str, Any]


def takes_rows(statement: Insert, params: Any, mapper: Mapper) -> bool:
    """Return True when parameters are rows for :func:`insert_rows`: several, or of a class in several tables."""
    if statement.entity is not mapper or (statement.has_values and not _has_fixed_values(statement, params)):
        return False
    return (not isinstance(params, Mapping) and len(params) > 1) or len(mapper.stored) > 1


def _has_fixed_values(statement: Insert, params: Any) -> bool:
    """Return True where the values of a statement go into each of several rows that it returns; others have parameters in their values."""
    if not statement.entities or statement.is_list or len(statement.value_rows) != 1 or isinstance(params, Mapping):
        return False
    named = {bind.key for bind in statement.shape().binds}
    return len(params) > 1 and named.isdisjoint(params[0])


def insert_rows(session: ExecutingSession, statement: Insert, rows: Sequence[Any], mapper: Mapper) -> Result:
    """Insert rows of a class, in the Session's transaction.

    :param rows: mappings by attribute.
    :raises InvalidRequestError: for a name that is no column attribute of the class.
    """
    named = [_by_attribute(statement, row, mapper) for row in rows]
    if statement.has_values:
        statement, named = _with_own_values(statement, named, mapper)
    if len(mapper.stored) > 1:
        return _insert_into_tables(session, statement, named, mapper)
    if not statement.entities and statement.conflict is None and not statement.fixed_pairs:
        return Result(None, (), bulk_insert(session, mapper, named, False, None, nulls=True), None, NO_KEYS)
    with transaction_of(session):
        return _insert_groups(session, session.connection_for(mapper, statement), statement, named, mapper)


def _with_own_values(statement: Insert, rows: list[Values], mapper: Mapper) -> tuple[Insert, list[Values]]:
    """Return a statement with values that go into every row, and rows; what some rows have themselves goes into the others alone."""
    given = set().union(*rows)
    own = {_attribute_of(statement, column, mapper): value for column, value in statement.value_rows[0]}
    common = {name: getattr(value, "value", value) for name, value in own.items() if name in given}
    return statement.fixed(common), [{**common, **row} for row in rows] if common else rows


def _by_attribute(statement: Insert, row: Mapping[str, Any], mapper: Mapper) -> Values:
    """Return the values of a row by attribute; synonyms and columns stand for what they name."""
    columns = stored_columns(mapper)
    if not isinstance(row, Mapping) or all(name in columns for name in row):
        return values_of(mapper, row, columns)
    found: Values = {}
    for given, value in statement.assignments(row):
        name = given if isinstance(given, str) and given in columns else _attribute_of(statement, given, mapper)
        found[name] = value
    return values_of(mapper, found, columns)


def _attribute_of(statement: Insert, given: object, mapper: Mapper) -> str:
    column: Any = statement.column_of(given)
    meant = base_column(column)
    for name, prop in mapper.column_attrs.items():
        if prop.is_stored and any(other is meant for other in prop.columns):
            return name
    if getattr(column, "table", None) is not None:
        raise ArgumentError(
            f"insert({mapper.class_.__name__}) got the column {column.name!r} of {column.table.description}, which its rows are not stored in. Insert into"
            " that table by another statement."
        )
    return given if isinstance(given, str) else str(getattr(given, "key", given))


def _insert_groups(
    session: ExecutingSession, connection: Connection, statement: Insert, rows: list[Values], mapper: Mapper
) -> Result:
    groups: dict[Any, list[int]] = {}
    for number, row in enumerate(rows):
        # an expression is part of the statement, which therefore is one of its own
        key = (number,) if any(map(is_expression, row.values())) else tuple(row)
        groups.setdefault(frozenset(key), []).append(number)
    found: list[tuple[list[int], list[Any]]] = []
    count = 0
    for numbers in groups.values():
        members = [rows[number] for number in numbers]
        prepared, given = _prepared(statement, members, mapper)
        if not statement.entities:
            count += connection.execute(prepared, given).rowcount
            continue
        compiled, raw = insert_and_return(connection, prepared, given)
        plan = plain_plan(statement, compiled, connection.dialect)
        # the rows were written just now: what objects hold of them is replaced
        made = results_of(QueryRun(session, connection.dialect, plan, populate=True), raw, "rows")
        found.append((numbers, made))
        count += len(made)
    if not statement.entities:
        return Result(None, (), count, None, NO_KEYS)
    return Result(_in_order(statement, found), result_names(statement), count, None, NO_KEYS)


def _prepared(statement: Insert, members: list[Values], mapper: Mapper) -> tuple[Insert, list[Mapping[str, Any]]]:
    """Return the statement for rows of the same attributes, and its parameters."""
    if any(map(is_expression, members[0].values())):
        prepared, _ = inserting_class(statement.values(members[0]), None, mapper)
        return counted_upsert(prepared, mapper), [{}]
    prepared, given = inserting_class(statement, members, mapper)
    return counted_upsert(prepared.for_parameters(list(given[0])), mapper), given


def _in_order(statement: Insert, found: list[tuple[list[int], list[Any]]]) -> list[Any]:
    """Return the rows of several statements as one list; in the order of the parameters where each of these has given one."""
    if not statement.is_sorted or any(len(numbers) != len(made) for numbers, made in found):
        return [row for _, made in found for row in made]
    by_number = {number: row for numbers, made in found for number, row in zip(numbers, made, strict=True)}
    return [by_number[number] for number in sorted(by_number)]


def _insert_into_tables(session: ExecutingSession, statement: Insert, rows: list[Values], mapper: Mapper) -> Result:
    """Insert rows of a class in several tables; what RETURNING asks for is selected afterwards."""
    if statement.conflict is not None:
        raise InvalidRequestError(
            f"ON CONFLICT is about one table, and the rows of {mapper.class_.__name__} are in several. Insert into the tables one by one."
        )
    for column, given in statement.fixed_pairs:
        # what every row has, whatever else it is given
        for row in rows:
            row[_attribute_of(statement, column, mapper)] = getattr(given, "value", given)
    if not statement.entities:
        return Result(None, (), bulk_insert(session, mapper, rows, False, None, nulls=True), None, NO_KEYS)
    with transaction_of(session):
        # as the rows have them: 12 for the text "12"
        made = bulk_insert(session, mapper, rows, True, None, nulls=True)
        keys = [key_of(mapper, identity_values(key)) for key in made]
        connection = session.connection_for(mapper, statement)
        width = len(mapper.primary_key)
        by_key: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        names: tuple[str, ...] = ()
        pages = [keys[start : start + BATCH_SIZE] for start in range(0, len(keys), BATCH_SIZE)]
        for page in pages:
            condition = keys_condition(mapper.primary_key, page)
            written = Select((*statement.entities, *mapper.primary_key)).where(condition)
            names, loaded = load_result(session, connection, written, None, "rows")
            by_key.update((tuple(row[-width:]), tuple(row[:-width])) for row in loaded)
            if len(page) > 1:
                # the row may have another form of a key
                pages += [[key] for key in page if key not in by_key]
            elif page[0] not in by_key:
                by_key[page[0]] = tuple(loaded[0][:-width])
    make = row_class(names[:-width])
    return Result([make(by_key[key]) for key in keys], names[:-width], len(keys), None, NO_KEYS)
