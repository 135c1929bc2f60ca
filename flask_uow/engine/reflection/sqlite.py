"""The catalog of SQLite: its pragmas (https://www.sqlite.org/pragma.html), and the text of CREATE TABLE where they say too little."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from flask_uow.engine.dialects.sqlite_types import RECORDS
from flask_uow.engine.dialects.type_records import reflected_words, with_collation
from flask_uow.engine.reflection.catalog import (
    Catalog,
    ReflectedCheck,
    ReflectedColumn,
    ReflectedForeignKey,
    ReflectedIndex,
    ReflectedKey,
)
from flask_uow.engine.reflection.sqlite_definition import TableDefinition, read_definition, read_index
from flask_uow.sql import types
from flask_uow.sql.types import TypeEngine
from flask_uow.sql.types import named as sql_names

__all__ = ["SQLiteCatalog"]

_TYPE = re.compile(r"(?P<name>[^(]*)(?:\((?P<arguments>[\d,\s]+)\))?(?P<rest>.*)\Z", re.DOTALL)


class SQLiteCatalog(Catalog):
    """SQLite's schema table and pragmas.

    :param quote: quotes an identifier.
    """

    def __init__(self, fetch_all: Any, quote: Callable[[str], str]) -> None:
        super().__init__(fetch_all)
        self._quote = quote
        # several questions about one table read its definition once
        self._definitions: dict[tuple[str, str | None], TableDefinition] = {}

    def _master(self, schema: str | None) -> str:
        return f"{self._quote(schema)}.sqlite_master" if schema else "sqlite_master"

    def _pragma(self, name: str, argument: str, schema: str | None) -> list[tuple[Any, ...]]:
        # the function and not the PRAGMA, which takes no parameters
        return self.fetch_all(f"SELECT * FROM pragma_{name}(?, ?)", (argument, schema or "main"))

    def default_schema(self) -> str:
        return "main"

    def schemas(self) -> list[str]:
        return sorted(row[1] for row in self.fetch_all("SELECT * FROM pragma_database_list", ()) if row[1] != "temp")

    def tables(self, schema: str | None) -> list[str]:
        return self._names("table", schema)

    def views(self, schema: str | None) -> list[str]:
        return self._names("view", schema)

    def sequences(self, schema: str | None) -> list[str]:
        return []

    def materialized_views(self, schema: str | None) -> list[str]:
        return []

    def temporary(self, views: bool) -> list[str]:
        rows = self.fetch_all(
            "SELECT name FROM sqlite_temp_master WHERE type = ? ORDER BY 1", ("view" if views else "table",)
        )
        return [name for (name,) in rows]

    def enums(self, schema: str | None) -> list[dict[str, Any]]:
        return []

    def domains(self, schema: str | None) -> list[dict[str, Any]]:
        return []

    def _names(self, kind: str, schema: str | None) -> list[str]:
        rows = self.fetch_all(
            f"SELECT name FROM {self._master(schema)} WHERE type = ? AND name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY 1",
            (kind,),
        )
        return [name for (name,) in rows]

    def _sql(self, name: str, schema: str | None) -> str:
        rows = self.fetch_all(
            # SQLite takes a name in whatever case
            f"SELECT sql FROM {self._master(schema)} WHERE name = ? COLLATE NOCASE AND type IN ('table', 'view')",
            (name,),
        )
        if not rows:
            raise self.no_such_table(name, schema)
        return str(rows[0][0])

    def _definition(self, table: str, schema: str | None) -> TableDefinition:
        known = self._definitions.get((table, schema))
        if known is not None:
            return known
        sql = self._sql(table, schema)
        is_view = sql.lstrip().upper().startswith("CREATE VIEW")
        return self._definitions.setdefault((table, schema), TableDefinition() if is_view else read_definition(sql))

    def view_definition(self, name: str, schema: str | None) -> str:
        return re.sub(r"\A.*?\bAS\b\s*", "", self._sql(name, schema), count=1, flags=re.IGNORECASE | re.DOTALL)

    def columns(self, table: str, schema: str | None) -> list[ReflectedColumn]:
        definition = self._definition(table, schema)
        # 1 is a hidden column of a virtual table; generated ones have 2 and 3
        rows = [row for row in self._pragma("table_xinfo", table, schema) if row[6] != 1]
        keys = [row for row in rows if row[5]]
        found: list[ReflectedColumn] = []
        for _, name, type_text, not_null, default, key, _hidden in rows:
            # exactly these words make a key an alias of the rowid
            is_rowid = bool(key and len(keys) == 1 and type_text.upper() == "INTEGER")
            found.append(
                {
                    "name": name,
                    "type": with_collation(
                        type_of(type_text, definition.collations.get(name)), definition.collations.get(name)
                    ),
                    "nullable": not (not_null or key),
                    "default": default,
                    "computed": definition.computed.get(name),
                    "autoincrement": is_rowid,
                    "comment": None,
                    "identity": None,
                    "sequence": None,
                    "sequence_options": {},
                }
            )
        return found

    def primary_key(self, table: str, schema: str | None) -> ReflectedKey:
        definition = self._definition(table, schema)
        # the pragma numbers the columns of the key, whose order need not be that of the table
        keys = sorted((row[5], row[1]) for row in self._pragma("table_xinfo", table, schema) if row[5])
        name = definition.primary_key.name if definition.primary_key is not None else None
        return _key(name, [column for _, column in keys])

    def uniques(self, table: str, schema: str | None) -> list[ReflectedKey]:
        return [_key(unique.name, unique.columns) for unique in self._definition(table, schema).uniques]

    def checks(self, table: str, schema: str | None) -> list[ReflectedCheck]:
        return [{"name": name, "sqltext": text} for name, text in self._definition(table, schema).checks]

    def foreign_keys(self, table: str, schema: str | None) -> list[ReflectedForeignKey]:
        definition = self._definition(table, schema)
        by_number: dict[int, list[tuple[Any, ...]]] = {}
        for row in self._pragma("foreign_key_list", table, schema):
            by_number.setdefault(row[0], []).append(row)
        written = list(definition.foreign_keys)
        found: list[ReflectedForeignKey] = []
        # the pragma counts backwards
        for _, rows in sorted(by_number.items(), reverse=True):
            columns = [row[3] for row in rows]
            target = rows[0][2]
            referred = [row[4] for row in rows]
            # REFERENCES without columns means the primary key
            if None in referred:
                referred = self.primary_key(target, schema)["column_names"]
            said = next(
                (key for key in written if [c.lower() for c in key.columns] == [c.lower() for c in columns]), None
            )
            if said is not None:
                written.remove(said)
            options = {
                "ondelete": rows[0][6] if rows[0][6] != "NO ACTION" else None,
                "onupdate": rows[0][5] if rows[0][5] != "NO ACTION" else None,
                "deferrable": said.deferrable if said is not None else None,
                "initially": said.initially if said is not None else None,
            }
            found.append(
                {
                    "name": said.name if said is not None else None,
                    "constrained_columns": columns,
                    "referred_schema": schema,
                    "referred_table": target,
                    "referred_columns": referred,
                    "options": {key: value for key, value in options.items() if value is not None},
                }
            )
        return found

    def indexes(self, table: str, schema: str | None) -> list[ReflectedIndex]:
        self._sql(table, schema)
        found: list[ReflectedIndex] = []
        for _, name, unique, origin, partial in self._pragma("index_list", table, schema):
            if origin != "c":
                # a constraint has made it
                continue
            rows = self.fetch_all(f"SELECT sql FROM {self._master(schema)} WHERE type = 'index' AND name = ?", (name,))
            sql = str(rows[0][0])
            columns = [row for row in self._pragma("index_xinfo", name, schema) if row[5]]
            texts, where = read_index(sql)
            found.append(
                {
                    "name": name,
                    "column_names": [row[2] for row in columns],
                    "expressions": texts,
                    "unique": bool(unique),
                    "where": where if partial else None,
                    "using": None,
                    "include": [],
                    "nulls_not_distinct": False,
                }
            )
        return sorted(found, key=lambda index: index["name"])

    def comment(self, table: str, schema: str | None) -> str | None:
        self._sql(table, schema)
        return None

    def table_options(self, table: str, schema: str | None) -> dict[str, Any]:
        return {"sqlite_autoincrement": True} if self._definition(table, schema).autoincrement else {}


_WORDS = reflected_words(RECORDS)


def _key(name: str | None, columns: list[str]) -> ReflectedKey:
    return {"name": name, "column_names": columns, "deferrable": None, "initially": None, "nulls_not_distinct": False}


def type_of(text: str, collation: str | None) -> TypeEngine[Any]:
    """Return the type that a column is declared with; by SQLite's rules of affinity where the word is unknown."""
    match = _TYPE.match(text.strip().upper())
    assert match is not None
    name = " ".join(match.group("name").split())
    arguments: Any = [int(number) for number in (match.group("arguments") or "").split(",") if number.strip()]
    # decimals as early versions of this library declared them
    if collation is not None and collation.lower() == "decimal" and name == "TEXT":
        return sql_names.NUMERIC()
    known = _WORDS.get(name)
    if known is not None:
        return known(*arguments)
    for words, made in (
        ("INT", sql_names.INTEGER),
        ("CHAR CLOB TEXT", sql_names.TEXT),
        ("BLOB", sql_names.BLOB),
        ("REAL FLOA DOUB", sql_names.FLOAT),
    ):
        if any(word in name for word in words.split()):
            return made()
    return types.NullType()
