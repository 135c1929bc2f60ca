"""Models and what the database has: tables that are not there, and columns that differ."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from flask_uow.engine import Connection, Inspector
from flask_uow.engine.reflection.catalog import ReflectedColumn
from flask_uow.exc import CompileError
from flask_uow.sql import Column, MetaData, Table
from flask_uow.web.doctor.findings import Finding

__all__ = ["examine_schema", "tables_there"]

_SAME_TYPES = {
    "CHARACTER VARYING": "TEXT",
    "VARCHAR": "TEXT",
    "NVARCHAR": "TEXT",
    "CLOB": "TEXT",
    "CHARACTER": "CHAR",
    "CHAR": "CHAR(1)",
    "INT": "INTEGER",
    "INT4": "INTEGER",
    "INT8": "BIGINT",
    "INT2": "SMALLINT",
    "SERIAL": "INTEGER",
    "BIGSERIAL": "BIGINT",
    "SMALLSERIAL": "SMALLINT",
    "DECIMAL": "NUMERIC",
    "DOUBLE": "DOUBLE PRECISION",
    "FLOAT": "DOUBLE PRECISION",
    "BOOL": "BOOLEAN",
    "TIMESTAMP WITHOUT TIME ZONE": "TIMESTAMP",
    "TIME WITHOUT TIME ZONE": "TIME",
}
_KEPT_AS_TEXT = {"CHAR(32)", "CHAR(36)", "VARCHAR(32)", "VARCHAR(36)", "TEXT"}


def tables_there(connection: Connection, metadata: MetaData) -> set[str]:
    """Return the full names of those tables of ``metadata`` that the database has, as a table or a view."""
    inspector = Inspector(connection)
    found: set[str] = set()
    for schema in {table.schema for table in metadata.sorted_tables}:
        names = {*inspector.get_table_names(schema), *inspector.get_view_names(schema)}
        found |= {table.fullname for table in metadata.sorted_tables if table.schema == schema and table.name in names}
    return found


def examine_schema(connection: Connection, metadata: MetaData, bind: str) -> Iterator[Finding]:
    """Compare the tables of models with those of a database.

    :param bind: the name of its bind, as the command line has it.
    """
    there = tables_there(connection, metadata)
    inspector = Inspector(connection)
    for table in metadata.sorted_tables:
        if table.fullname not in there:
            yield Finding(
                "tables",
                f"{bind}: {table.fullname}",
                "the database has no such table.",
                f"Run `flask uow create-all --bind {bind}`.",
            )
            continue
        columns = {column["name"]: column for column in inspector.get_columns(table.name, table.schema)}
        for column in table.columns:
            yield from _examine_column(connection, bind, table, column, columns.pop(column.name, None))
        for left_over in columns.values():
            yield _left_over(connection, bind, table, left_over)


def _examine_column(
    connection: Connection, bind: str, table: Table, column: Column[Any], found: ReflectedColumn | None
) -> Iterator[Finding]:
    dialect = connection.dialect
    place = f"{bind}: {table.fullname}.{column.name}"
    wanted = dialect.type_ddl(column.type)
    if found is None:
        add = f"ALTER TABLE {_quoted(connection, table)} ADD COLUMN {dialect.quote(column.name)} {wanted}"
        needs_value = not column.nullable and column.server_default is None
        hint = (
            " It must not be NULL: give the rows that are there a value first (a DEFAULT, say)." if needs_value else ""
        )
        yield Finding(
            "columns", place, "the database has no such column.", f"Send `{add}`, or remove it from the model.{hint}"
        )
        return
    if not _is_same_type(connection, column, found):
        shown = _ddl(connection, found)
        yield Finding(
            "columns",
            place,
            f"its type is {shown} in the database and {wanted} in the model.",
            _change(connection, table, column, f"TYPE {wanted}") + f", or give the model the type {shown}.",
        )
    if not column.primary_key and bool(column.nullable) != found["nullable"]:
        is_nullable = "may be NULL" if found["nullable"] else "must not be NULL"
        change = "DROP NOT NULL" if column.nullable else "SET NOT NULL"
        yield Finding(
            "columns",
            place,
            f"it {is_nullable} in the database, and {'may' if column.nullable else 'must not'} in the model.",
            _change(connection, table, column, change) + f", or write nullable={found['nullable']} into the model.",
        )


def _left_over(connection: Connection, bind: str, table: Table, found: ReflectedColumn) -> Finding:
    drop = f"ALTER TABLE {_quoted(connection, table)} DROP COLUMN {connection.dialect.quote(found['name'])}"
    is_needed = not (
        found["nullable"] or found["default"] or found["autoincrement"] or found["computed"] or found["identity"]
    )
    fact = "the model has no such column" + (", and no row can be added without a value for it." if is_needed else ".")
    return Finding(
        "columns", f"{bind}: {table.fullname}.{found['name']}", fact, f"Add it to the model, or send `{drop}`."
    )


def _change(connection: Connection, table: Table, column: Column[Any], change: str) -> str:
    if connection.dialect.name == "sqlite":
        return "SQLite changes no column: make a new table, copy the rows, and rename it (https://www.sqlite.org/lang_altertable.html)"
    name = connection.dialect.quote(column.name)
    return f"Send `ALTER TABLE {_quoted(connection, table)} ALTER COLUMN {name} {change}`"


def _quoted(connection: Connection, table: Table) -> str:
    quote = connection.dialect.quote
    return quote(table.name) if table.schema is None else f"{quote(table.schema)}.{quote(table.name)}"


def _ddl(connection: Connection, found: ReflectedColumn) -> str:
    try:
        return connection.dialect.type_ddl(found["type"])
    except CompileError:
        return repr(found["type"])


def _is_same_type(connection: Connection, column: Column[Any], found: ReflectedColumn) -> bool:
    wanted, there = connection.dialect.type_ddl(column.type), _ddl(connection, found)
    if connection.dialect.name == "sqlite":
        wanted, there = _sqlite_form(wanted), _sqlite_form(there)
        # whatever SQLAlchemy has made of a Uuid is read
        return wanted == there or (wanted.startswith("UUID") and there in _KEPT_AS_TEXT)
    return _form(wanted) == _form(there)


def _form(ddl: str) -> str:
    """Return a type as DDL writes it, in one spelling."""
    text = " ".join(ddl.upper().split()).replace(" (", "(").replace(", ", ",")
    if match := re.fullmatch(r"FLOAT\((\d+)\)", text):
        return "REAL" if int(match[1]) <= 24 else "DOUBLE PRECISION"
    if text.endswith("[]"):
        return f"{_form(text[:-2])}[]"
    text = _SAME_TYPES.get(text, text)
    return text.replace("CHARACTER VARYING(", "VARCHAR(").replace("CHARACTER(", "CHAR(").replace("DECIMAL(", "NUMERIC(")


def _sqlite_form(ddl: str) -> str:
    """Return a type as far as it makes a difference to SQLite, which knows no zones, precisions and sizes of numbers."""
    text = _form(ddl)
    if text.startswith(("DATETIME", "TIMESTAMP")):
        return "DATETIME"
    if text.startswith("TIME"):
        return "TIME"
    if text in ("DOUBLE PRECISION", "REAL"):
        return "REAL"
    return "INTEGER" if text in ("BIGINT", "SMALLINT") else text
