"""INSERT, UPDATE and DELETE of one class of a family, as the tables need them.

A statement names a class; its rows may share their table with other classes, or be in several tables. A statement of SQL writes one table: an UPDATE
goes to the one whose columns it sets and finds the rows by a subquery, a DELETE becomes one for each table, for keys that were asked for before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from flask_uow.exc import InvalidRequestError, NoReferencedColumnError, NoReferencedTableError
from flask_uow.orm.dml.bulk import mapping_defaults, transaction_of
from flask_uow.orm.mapping.inheritance import constant
from flask_uow.sql.constructors import tuple_
from flask_uow.sql.dml import Delete, Insert, Update
from flask_uow.sql.dml_statement import DMLStatement
from flask_uow.sql.expressions import BindParameter
from flask_uow.sql.foreign_keys import ForeignKey
from flask_uow.sql.operations import and_
from flask_uow.sql.rewriting import columns_of, rewritten
from flask_uow.sql.schema import Column, Table
from flask_uow.sql.select import Select
from flask_uow.sql.select_base import SelectBase
from flask_uow.sql.selectable import FromClause
from flask_uow.sql.sourced import without_sources
from flask_uow.sql.subqueries import Subquery

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask_uow.engine import Connection
    from flask_uow.orm.mapping.mapped_table import MappedTable
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.session.execution import ExecutingSession
    from flask_uow.sql.expressions import ColumnElement
    from flask_uow.sql.nodes import ClauseElement
    from flask_uow.sql.typed import Parameters

__all__ = [
    "delete_from_tables",
    "inserting_class",
    "is_in_several_tables",
    "is_written_apart",
    "keys_to_return",
    "updating_class",
    "written_column",
]


def updating_class(statement: Update | Delete, mapper: Mapper) -> Update | Delete:
    """Return an UPDATE (or a DELETE of a class in one table) for rows of its class only, and of the table that it writes.

    :raises InvalidRequestError: for values of several tables, or ones that no table of the class stores; for RETURNING of other tables' columns.
    """
    if statement.entity is not mapper:
        # an alias of a table says itself what it is about
        if isinstance(statement.table, Subquery):
            raise InvalidRequestError(
                f"UPDATE writes one table, and this alias of {mapper.class_.__name__} stands for several. Use the class itself."
            )
        return statement
    if isinstance(mapper.mapped_selectable, Table) and _is_about(statement, mapper.mapped_selectable):
        return statement.where(*_missing_criteria(statement))
    part = _written_part(statement, mapper)
    _check_returning(statement, mapper, part.table)
    rows = _rows(statement, mapper, part.key)
    key: Any = part.key[0] if len(part.key) == 1 else tuple_(*part.key)
    changed = statement.with_parts(table=part.table, where_clauses=(key.in_(rows.correlate(None)),))
    if not isinstance(statement, Update):
        return changed
    values = [(_stored(mapper, column), value) for column, value in statement.set_pairs]
    return changed.with_parts(set_pairs=tuple((column, _reaching(value, mapper, part)) for column, value in values))


def is_written_apart(statement: DMLStatement, mapper: Mapper, column: Column[Any]) -> bool:
    """Return True when a column of the class is in another table than what an UPDATE of it sets.

    :raises InvalidRequestError: for values of several tables, or ones that no table of the class stores.
    """
    if statement.entity is not mapper or isinstance(mapper.mapped_selectable, Table):
        return False
    return _stored(mapper, column).table is not _written_part(statement, mapper).table


def keys_to_return(statement: DMLStatement, mapper: Mapper) -> tuple[list[Any], tuple[int, ...]]:
    """Return the columns of the table written that hold the identity, and which part of it each of them is."""
    for part in mapper.stored:
        if part.table is statement.table:
            return list(part.key), part.positions
    keys = [written_column(statement, column) for column in mapper.primary_key]
    return keys, tuple(range(len(keys)))


def written_column(statement: DMLStatement, column: Column[Any]) -> Any:
    """Return a column of the class's tables as the statement, made for the class or an alias of it, calls it."""
    entity: Any = statement.entity
    return column if entity is entity.mapper else entity.column(column)


def is_in_several_tables(mapper: Mapper) -> bool:
    """Return True when rows of the class, or of a subclass, are in several tables."""
    found: bool | None = mapper.memo.get("several tables")
    if found is None:
        found = mapper.memo["several tables"] = len(_tables(mapper)) > 1
    return found


def delete_from_tables(
    session: ExecutingSession, connection: Connection, statement: Delete, params: Any, mapper: Mapper
) -> tuple[int, list[Any]]:
    """Delete the rows of a class from all tables that they are in, those of subclasses first.

    :returns: the number of rows, and their identities.
    :raises InvalidRequestError: for a list of parameter sets, or RETURNING.
    """
    if statement.entities or (params is not None and not isinstance(params, Mapping) and len(params) != 1):
        what = "RETURNING" if statement.entities else "a list of parameter sets"
        raise InvalidRequestError(
            f"DELETE of {mapper.class_.__name__} was given {what}, and its rows are in several tables, so that it takes several statements."
            " Select what is to be deleted first."
        )
    given = params if params is None or isinstance(params, Mapping) else params[0]
    if session.transaction is None:
        # the statements belong together, in autocommit mode as well
        with transaction_of(session):
            return _delete(session.connection_for(mapper, statement), statement, given, mapper)
    return _delete(connection, statement, given, mapper)


def _delete(connection: Connection, statement: Delete, given: Parameters, mapper: Mapper) -> tuple[int, list[Any]]:
    found = connection.execute(_rows(statement, mapper, mapper.primary_key), given).all()
    identities: list[tuple[Any, ...]] = list(dict.fromkeys(map(tuple, found)))
    count = 0
    if identities:
        columns = [list(values) for values in zip(*identities, strict=True)]
        _clear_references(connection, mapper, columns)
        for part in reversed(_tables(mapper)):
            values = [columns[position] for position in part.positions]
            # the table of the base, where every row is, comes last
            count = connection.dialect.batch.delete(connection, part.table, part.key, values)
    return count, [key for (key,) in identities] if len(mapper.primary_key) == 1 else list(identities)


def _clear_references(connection: Connection, mapper: Mapper, columns: list[list[Any]]) -> None:
    """Have rows that are to be deleted refer to none that is deleted before them, or may be in another page of the same table."""
    parts = _tables(mapper)
    place = {part.table: number for number, part in enumerate(parts)}
    for number, part in enumerate(parts):
        own = {id(column) for column in part.key}
        cleared = dict.fromkeys(
            foreign_key.parent
            for foreign_key in part.table.foreign_keys
            if place.get(_referred(foreign_key), -1) >= number
            and foreign_key.parent.nullable
            and id(foreign_key.parent) not in own
        )
        if cleared:
            values = [columns[position] for position in part.positions]
            nulls = [[None] * len(columns[0]) for _ in cleared]
            connection.dialect.batch.update(connection, part.table, part.key, values, list(cleared), nulls)


def _referred(foreign_key: ForeignKey) -> Any:
    try:
        return foreign_key.column.table
    except (NoReferencedTableError, NoReferencedColumnError):
        # of a table that is not declared here, and so in no family
        return None


def inserting_class(statement: Insert, params: object, mapper: Mapper) -> tuple[Insert, Any]:
    """Return an INSERT and its parameters with what the mapping says of new rows (their class, the first version), where that is not given.

    :raises InvalidRequestError: for a class in several tables.
    """
    if len(mapper.stored) > 1:
        raise InvalidRequestError(
            f"INSERT writes one table, and the rows of {mapper.class_.__name__} are in several. Use session.add_all() for it, or give the"
            " values as a list of rows: session.execute(insert(...), [...])."
        )
    for name, make in mapping_defaults(
        mapper, {n: p.column for n, p in mapper.column_attrs.items() if p.is_stored}
    ).items():
        statement, params = _with_default(statement, params, name, mapper.column_attrs[name].column, make)
    return statement, params


def _with_default(
    statement: Insert, params: Any, name: str, column: Column[Any], make: Callable[[], Any]
) -> tuple[Insert, Any]:
    if statement.source_select is not None:
        return _selecting(statement, column, make()), params
    if statement.has_values:
        given = [pair[0] for pair in statement.value_rows[0]]
        if not any(other is column for other in given):
            rows = statement.value_rows
            completed = tuple((*row, (column, BindParameter(make(), column.type))) for row in rows)
            statement = statement.with_parts(value_rows=completed)
        return statement, params
    if not params:
        return statement.values({name: make()}), params
    if isinstance(params, Mapping):
        return statement, _told(params, name, column, make)
    return statement, [_told(row, name, column, make) for row in params]


def _told(row: Mapping[str, Any], name: str, column: Column[Any], make: Callable[[], Any]) -> Mapping[str, Any]:
    return row if name in row or column.name in row else {**row, name: make()}


def _selecting(statement: Insert, column: Column[Any], value: object) -> Insert:
    if any(other is column for other in statement.source_columns):
        return statement
    inner: Any = statement.source_select
    source = inner.subquery()
    return statement.with_parts(
        source_columns=(*statement.source_columns, column),
        source_select=Select((*source.c, constant(value, column.type))).select_from(source),
    )


def _tables(mapper: Mapper) -> list[Any]:
    """Return the tables that rows of the class or of a subclass are in, those of bases first."""
    found: dict[Any, Any] = {}
    for other in mapper.family:
        for part in other.stored:
            found.setdefault(part.table, part)
    return list(found.values())


def _is_about(statement: Update | Delete, table: Table) -> bool:
    """Return True when nothing in the statement is about another table that the class is queried with."""
    if statement.entity.selectable is table:
        return True
    values = [value for _, value in getattr(statement, "set_pairs", ())]
    return all(_is_plain(node, table) for node in (*statement.where_clauses, *values))


def _is_plain(node: ClauseElement, table: Table) -> bool:
    """Return True for an expression over columns of the table only, without subqueries."""
    if isinstance(node, SelectBase):
        return False
    owner = getattr(node, "table", None)
    if isinstance(owner, FromClause):
        return owner is table
    return all(_is_plain(part, table) for part in node.child_nodes())


def _missing_criteria(statement: Update | Delete) -> list[Any]:
    # a query has put them there already
    return [
        c for c in statement.entity.own_criteria if not any(condition is c for condition in statement.where_clauses)
    ]


def _rows(statement: Update | Delete, mapper: Mapper, columns: Sequence[Column[Any]]) -> Select:
    """Return the SELECT of columns of the rows that the statement, made for the class or an alias of it, is about."""
    entity = statement.entity
    conditions = (*_missing_criteria(statement), *statement.where_clauses)
    rows = Select(tuple(entity.column(column) for column in columns)).select_from(entity.selectable)
    rows = rows.standing_in_for(entity).where(*conditions)
    if mapper.stand_ins is None or mapper.discriminator is None or len(mapper.family) == len(mapper.descendants):
        return rows
    # a union of concrete classes has the rows of all of them, and they may have the same keys
    own = [other.polymorphic_identity for other in mapper.family if other.polymorphic_identity is not None]
    return rows.where(entity.column(mapper.column_attrs[mapper.discriminator].column).in_(own))


def _written_part(statement: DMLStatement, mapper: Mapper) -> Any:
    name = mapper.class_.__name__
    tables = {part.table: part for part in mapper.stored}
    values = getattr(statement, "set_pairs", ())
    written = list(dict.fromkeys(_stored(mapper, column).table for column, _ in values))
    for table in written:
        if table not in tables:
            raise InvalidRequestError(
                f"UPDATE of {name} sets columns of {table.description}, which its rows are not stored in. Update that table instead."
            )
    if len(written) > 1:
        names = " and ".join(repr(table.name) for table in written)
        raise InvalidRequestError(
            f"UPDATE writes one table, and this one of {name} sets columns of the tables {names}. Make it a statement for each of them."
        )
    if not written and len(tables) != 1:
        raise InvalidRequestError(f"UPDATE of {name} has nothing to set. Pass values.")
    return tables[written[0]] if written else mapper.stored[0]


def _check_returning(statement: DMLStatement, mapper: Mapper, table: Table) -> None:
    for returned in statement.returning_columns:
        for column in columns_of(returned):
            if column.table is not table:
                raise InvalidRequestError(
                    f"this UPDATE of {mapper.class_.__name__} writes {table.description}, and RETURNING gives columns of that table only, not"
                    f" {column.table.description}.{column.name}. Select the rows afterwards."
                )


def _stored(mapper: Mapper, column: ColumnElement[Any]) -> Any:
    """Return a column as a table of the class has it, for one of a union that the class is queried from."""
    for name, prop in mapper.column_attrs.items():
        if any(other is column for other in prop.columns):
            is_stored = isinstance(column, Column) and any(column.table is part.table for part in mapper.stored)
            return column if is_stored else next((p.columns[name] for p in mapper.stored if name in p.columns), column)
    return column


def _reaching(value: Any, mapper: Mapper, part: MappedTable) -> Any:
    """Return a new value with a subquery for each column that is in another table of the class."""
    others = {other.table: other for other in mapper.stored if other is not part}

    def reach(node: ClauseElement) -> ClauseElement | None:
        if hasattr(node, "select_element"):
            # a subquery has columns of its own
            return node
        if not isinstance(getattr(node, "table", None), FromClause):
            return None
        stored = _stored(mapper, cast("ColumnElement[Any]", node))
        table = stored.table
        if table is part.table:
            found: ClauseElement = stored
            return found
        other = others.get(table)
        if other is None:
            raise InvalidRequestError(
                f"UPDATE of {mapper.class_.__name__} takes a value from {table.description}, and the rows of the class are in several tables."
                " Give the value as a scalar subquery."
            )
        own = dict(zip(part.positions, part.key, strict=True))
        pairs = [column == own[position] for position, column in zip(other.positions, other.key, strict=True)]
        apart: ClauseElement = Select((stored,)).where(and_(*pairs)).scalar_subquery()
        return apart

    return rewritten(without_sources(value), reach)
