"""Decimals in SQLite files: which columns other programs cannot read as numbers, and which keep floats."""

from __future__ import annotations

import re
from collections.abc import Iterator

from flask_uow.engine import Connection
from flask_uow.sql import MetaData
from flask_uow.sql.types import Numeric
from flask_uow.web.doctor.findings import Finding
from flask_uow.web.doctor.schema import tables_there

__all__ = ["examine_decimals"]

# digits that an IEEE double keeps of every decimal
_DIGITS_OF_A_FLOAT = 15
_OURS = re.compile(r"COLLATE\s+[\"'`\[]?decimal\b|\b(decimal_(?!text\b)\w+|moment_as)\s*\(", re.IGNORECASE)


def examine_decimals(connection: Connection, metadata: MetaData, bind: str) -> Iterator[Finding]:
    """Find the columns of a SQLite file; those of other databases are fine.

    :param bind: the name of its bind, as the command line has it.
    """
    if connection.dialect.name != "sqlite":
        return
    there = tables_there(connection, metadata)
    for table in metadata.sorted_tables:
        if table.fullname not in there:
            continue
        rows = connection.fetch_all(
            "SELECT name, type FROM pragma_table_xinfo(?, ?)", (table.name, table.schema or "main")
        )
        declared = {name: str(type_).upper() for name, type_ in rows}
        for column in table.columns:
            type_ = connection.dialect.stored_as(column.type)
            if not isinstance(type_, Numeric) or column.name not in declared:
                continue
            place = f"{bind}: {table.fullname}.{column.name}"
            if any(part in declared[column.name] for part in ("TEXT", "CHAR", "CLOB")):
                yield Finding(
                    "decimals",
                    place,
                    "its decimals are kept as exact text, which other programs (SQLAlchemy, spreadsheets) do not read as numbers.",
                    "Where others read the file, give them a view with CAST(... AS REAL), or keep whole numbers (cents) in an Integer;"
                    " where nobody does, leave it and pass --skip decimals.",
                )
            elif (type_.precision or 0) > _DIGITS_OF_A_FLOAT:
                yield Finding(
                    "decimals",
                    place,
                    f"it is declared {declared[column.name]}, which keeps floats: {_DIGITS_OF_A_FLOAT} of its {type_.precision} digits are exact.",
                    "Make the table anew (`flask uow ddl` has the SQL), and copy the rows.",
                )
    yield from _examine_definitions(connection, bind)


def _examine_definitions(connection: Connection, bind: str) -> Iterator[Finding]:
    """Find what names a collation or a function that only flask_uow's connections have."""
    rows = connection.fetch_all("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")
    for kind, name, sql in rows:
        if match := _OURS.search(sql):
            yield Finding(
                "decimals",
                f"{bind}: {kind} {name}",
                f"its definition has `{match[0]}`, which other programs do not know: they cannot write to it, nor sort by it.",
                "Make it anew (`flask uow ddl` has the SQL), and copy the rows.",
            )
