"""The catalog of PostgreSQL (https://www.postgresql.org/docs/current/catalogs.html)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from flask_uow.engine.dialects.postgresql_types import RECORDS
from flask_uow.engine.dialects.type_records import reflected_words, with_collation
from flask_uow.engine.reflection.catalog import (
    Catalog,
    FetchAll,
    ReflectedCheck,
    ReflectedColumn,
    ReflectedForeignKey,
    ReflectedIndex,
    ReflectedKey,
)
from flask_uow.sql import types
from flask_uow.sql.types import TypeEngine

__all__ = ["PostgreSQLCatalog"]

_VISIBLE = (
    "(n.nspname = %s OR (%s IS NULL AND pg_table_is_visible(c.oid) AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
    " AND n.nspname !~ '^pg_toast'))"
)
_RELATIONS = (
    "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = ANY(%s)"
    f" AND {_VISIBLE}"
)
# the names of columns, in the order of an array of their numbers
_NAMES = (
    "(SELECT array_agg(a.attname::text ORDER BY u.position) FROM unnest({numbers}) WITH ORDINALITY AS u(number, position)"
    " JOIN pg_catalog.pg_attribute a ON a.attrelid = {table} AND a.attnum = u.number)"
)
# columns that newer servers have, asked for so that older ones take the question
_NULLS_NOT_DISTINCT = "coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false)"
_DELETED_COLUMNS = (
    "(SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY u.position)"
    " FROM jsonb_array_elements_text(nullif(to_jsonb(k) -> 'confdelsetcols', 'null'))"
    " WITH ORDINALITY AS u(number, position) JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number::int)"
)
# collation, operator class and its options, where they are not the usual ones of the column
_INDEX_EXTRAS = (
    "ARRAY(SELECT coalesce((SELECT ' COLLATE ' || l.collname_full FROM (SELECT l.oid, CASE WHEN pg_collation_is_visible(l.oid) THEN '' ELSE"
    " quote_ident(n.nspname) || '.' END || quote_ident(l.collname) AS collname_full FROM pg_catalog.pg_collation l"
    " JOIN pg_catalog.pg_namespace n ON n.oid = l.collnamespace) l"
    " WHERE l.oid = i.indcollation[n - 1] AND l.oid <> coalesce((SELECT a.attcollation FROM pg_catalog.pg_attribute a"
    " WHERE a.attrelid = i.indrelid AND a.attnum = i.indkey[n - 1] AND a.attnum > 0), 100)), '')"
    " || coalesce((SELECT ' ' || CASE WHEN pg_opclass_is_visible(o.oid) THEN '' ELSE quote_ident(s.nspname) || '.' END || quote_ident(o.opcname)"
    " || coalesce('(' || x.options || ')', '') FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_namespace s ON s.oid = o.opcnamespace,"
    " LATERAL (SELECT (SELECT string_agg(split_part(p, '=', 1) || '=' || quote_literal(substr(p, strpos(p, '=') + 1)), ', ')"
    " FROM pg_catalog.pg_attribute b, unnest(b.attoptions) AS p WHERE b.attrelid = i.indexrelid AND b.attnum = n) AS options) x"
    " WHERE o.oid = i.indclass[n - 1] AND (NOT o.opcdefault OR x.options IS NOT NULL)), '')"
    " FROM generate_series(1, i.indnkeyatts) AS n ORDER BY n)"
)
_LIMITS = {
    "smallint": (-(2**15), 2**15 - 1), "integer": (-(2**31), 2**31 - 1), "bigint": (-(2**63), 2**63 - 1),
}  # fmt: skip
# of the schema that is named, or of those on the search path
_TYPE_IN_SCHEMA = "CASE WHEN %s::text IS NULL THEN pg_catalog.pg_type_is_visible(t.oid) ELSE n.nspname = %s END"
_ACTIONS = {"a": None, "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
_NEXTVAL = re.compile(r"nextval\('(.+)'::regclass\)\Z")
_TYPE = re.compile(
    r"(?P<name>[^(\[]+?)(?:\((?P<arguments>[\d,\s]+)\))?(?P<rest> with(?:out)? time zone)?(?P<array>(?:\[\])*)\Z"
)
# the columns of a table by its number
_COLUMNS = (
    "SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attidentity,"
    " col_description(a.attrelid, a.attnum), i.indrelid IS NOT NULL, a.attndims, a.attgenerated,"
    " format_type(y.typbasetype, y.typtypmod), y.typdefault, y.typnotnull,"
    # of the items of an array
    " (SELECT format_type(d.typbasetype, d.typtypmod) FROM pg_catalog.pg_type t JOIN pg_catalog.pg_type d ON d.oid = t.typelem"
    " WHERE t.oid = a.atttypid AND d.typtype = 'd' AND t.typcategory = 'A'),"
    # where it is not that of the type
    " (SELECT l.collname FROM pg_catalog.pg_collation l JOIN pg_catalog.pg_type t ON t.oid = a.atttypid"
    " WHERE l.oid = a.attcollation AND a.attcollation <> t.typcollation AND pg_collation_is_visible(l.oid)),"
    " s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcycle, s.seqcache, format_type(s.seqtypid, NULL)"
    " FROM pg_catalog.pg_attribute a"
    " LEFT JOIN pg_catalog.pg_type y ON y.oid = a.atttypid AND y.typtype = 'd'"
    " LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum"
    # the sequence inside an identity column, or that which the column's default draws from
    " LEFT JOIN pg_catalog.pg_sequence s ON s.seqrelid = coalesce("
    "(SELECT p.objid FROM pg_catalog.pg_depend p WHERE p.refclassid = 'pg_class'::regclass AND p.refobjid = a.attrelid"
    " AND p.refobjsubid = a.attnum AND p.deptype = 'i' AND p.classid = 'pg_class'::regclass),"
    " (SELECT p.refobjid FROM pg_catalog.pg_depend p JOIN pg_catalog.pg_class q ON q.oid = p.refobjid AND q.relkind = 'S'"
    " WHERE p.classid = 'pg_attrdef'::regclass AND p.objid = d.oid AND p.refclassid = 'pg_class'::regclass LIMIT 1))"
    " LEFT JOIN pg_catalog.pg_index i ON i.indrelid = a.attrelid AND i.indisprimary AND a.attnum = ANY(i.indkey)"
    " WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
)


class PostgreSQLCatalog(Catalog):
    """PostgreSQL's ``pg_catalog``."""

    def __init__(self, fetch_all: FetchAll) -> None:
        super().__init__(fetch_all)
        # several questions about one table look it up once
        self._oids: dict[tuple[str, str | None], int] = {}

    def default_schema(self) -> str:
        return str(self.fetch_all("SELECT current_schema()", ())[0][0])

    def schemas(self) -> list[str]:
        rows = self.fetch_all(
            "SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY 1",
            (),
        )
        return [name for (name,) in rows]

    def tables(self, schema: str | None) -> list[str]:
        return self._relations("rpf", schema)

    def views(self, schema: str | None) -> list[str]:
        return self._relations("vm", schema)

    def materialized_views(self, schema: str | None) -> list[str]:
        return self._relations("m", schema)

    def temporary(self, views: bool) -> list[str]:
        rows = self.fetch_all(
            'SELECT relname FROM pg_catalog.pg_class WHERE relnamespace = pg_my_temp_schema() AND relkind = ANY(%s::"char"[]) ORDER BY 1',
            (["v"] if views else ["r", "p"],),
        )
        return [name for (name,) in rows]

    def enums(self, schema: str | None) -> list[dict[str, Any]]:
        rows = self.fetch_all(
            "SELECT t.typname, n.nspname, (SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum e"
            " WHERE e.enumtypid = t.oid)"
            f" FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE t.typtype = 'e' AND {_TYPE_IN_SCHEMA}"
            " ORDER BY 2, 1",
            (schema, schema),
        )
        return [{"name": name, "schema": own, "labels": labels} for name, own, labels in rows]

    def domains(self, schema: str | None) -> list[dict[str, Any]]:
        rows = self.fetch_all(
            "SELECT t.typname, n.nspname, format_type(t.typbasetype, t.typtypmod), NOT t.typnotnull, t.typdefault,"
            # no name has this character in it
            " (SELECT array_agg(c.conname::text || chr(1) || pg_get_constraintdef(c.oid) ORDER BY c.conname) FROM pg_catalog.pg_constraint c"
            " WHERE c.contypid = t.oid AND c.contype = 'c')"
            f" FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE t.typtype = 'd' AND {_TYPE_IN_SCHEMA}"
            " ORDER BY 2, 1",
            (schema, schema),
        )
        return [
            {
                "name": name, "schema": own, "type": type_, "nullable": nullable, "default": default,
                "constraints": [{"name": check.partition("\x01")[0], "check": _condition(check.partition("\x01")[2])} for check in checks or ()],
            }
            for name, own, type_, nullable, default, checks in rows
        ]  # fmt: skip

    def sequences(self, schema: str | None) -> list[str]:
        # a sequence of an identity column is an internal part of it
        internal = "NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d WHERE d.objid = c.oid AND d.deptype = 'i')"
        rows = self.fetch_all(f"SELECT c.relname {_RELATIONS} AND {internal} ORDER BY 1", (["S"], schema, schema))
        return [name for (name,) in rows]

    def _relations(self, kinds: str, schema: str | None) -> list[str]:
        rows = self.fetch_all(f"SELECT c.relname {_RELATIONS} ORDER BY 1", (list(kinds), schema, schema))
        return [name for (name,) in rows]

    def _oid(self, table: str, schema: str | None) -> int:
        known = self._oids.get((table, schema))
        if known is not None:
            return known
        rows = self.fetch_all(f"SELECT c.oid {_RELATIONS} AND c.relname = %s", (list("rpfvm"), schema, schema, table))
        if not rows:
            raise self.no_such_table(table, schema)
        return self._oids.setdefault((table, schema), int(rows[0][0]))

    def view_definition(self, name: str, schema: str | None) -> str:
        rows = self.fetch_all("SELECT pg_get_viewdef(%s::oid, true)", (self._oid(name, schema),))
        return str(rows[0][0]).strip().rstrip(";")

    def columns(self, table: str, schema: str | None) -> list[ReflectedColumn]:
        rows = self.fetch_all(_COLUMNS, (self._oid(table, schema),))
        found: list[ReflectedColumn] = []
        for (
            name,
            type_text,
            not_null,
            default,
            identity,
            comment,
            in_key,
            dimensions,
            generated,
            base_text,
            domain_default,
            domain_not_null,
            item_base_text,
            collation,
            *numbers,
        ) in rows:
            drawn = _NEXTVAL.match(default) if default is not None else None
            is_drawn = drawn is not None and not generated
            found.append(
                {
                    "name": name,
                    "type": domain_of(type_text, base_text)
                    if base_text is not None
                    else with_collation(type_of(type_text, dimensions, item_base_text), collation),
                    "nullable": not (not_null or domain_not_null),
                    "default": None if generated else default if default is not None else domain_default,
                    "computed": {"sqltext": str(default), "persisted": generated == "s"} if generated else None,
                    "autoincrement": bool(in_key and (identity or drawn is not None)),
                    "comment": comment,
                    "identity": {"always": identity == "a", **_numbering(numbers, numbers[6])} if identity else None,
                    "sequence": _unquoted(drawn.group(1)) if drawn is not None else None,
                    # made anew, it counts in bigint, whatever the column's type
                    "sequence_options": _numbering(numbers, "bigint") if is_drawn and numbers[0] is not None else {},
                }
            )
        return found

    def _constraints(self, table: str, schema: str | None, kind: str, *more: str) -> list[tuple[Any, ...]]:
        columns = _NAMES.format(numbers="k.conkey", table="k.conrelid")
        return self.fetch_all(
            f"SELECT k.conname, {columns}, k.condeferrable, k.condeferred{''.join(f', {item}' for item in more)}"
            " FROM pg_catalog.pg_constraint k WHERE k.conrelid = %s AND k.contype = %s ORDER BY k.oid",
            (self._oid(table, schema), kind),
        )

    def primary_key(self, table: str, schema: str | None) -> ReflectedKey:
        rows = self._constraints(table, schema, "p")
        return _key(*rows[0]) if rows else _key(None, [], False, False)

    def uniques(self, table: str, schema: str | None) -> list[ReflectedKey]:
        nulls = f"(SELECT {_NULLS_NOT_DISTINCT} FROM pg_catalog.pg_index i WHERE i.indexrelid = k.conindid)"
        return [_key(*row) for row in self._constraints(table, schema, "u", nulls)]

    def checks(self, table: str, schema: str | None) -> list[ReflectedCheck]:
        rows = self._constraints(table, schema, "c", "pg_get_expr(k.conbin, k.conrelid)")
        return [{"name": row[0], "sqltext": _without_parentheses(row[4])} for row in rows]

    def foreign_keys(self, table: str, schema: str | None) -> list[ReflectedForeignKey]:
        referred = _NAMES.format(numbers="k.confkey", table="k.confrelid")
        rows = self._constraints(
            table, schema, "f", "k.confdeltype", "k.confupdtype", referred,
            "(SELECT c.relname FROM pg_catalog.pg_class c WHERE c.oid = k.confrelid)",
            "(SELECT n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = k.confrelid)",
            "pg_table_is_visible(k.confrelid)", "k.confmatchtype", _DELETED_COLUMNS,
        )  # fmt: skip
        found: list[ReflectedForeignKey] = []
        for (
            name, columns, deferrable, deferred, delete, update, targets, target, target_schema, visible, match, only,
        ) in rows:  # fmt: skip
            options: dict[str, Any] = {"ondelete": _ACTIONS[delete], "onupdate": _ACTIONS[update]}
            if only:
                options["ondelete"] += f" ({only})"
            options["match"] = "FULL" if match == "f" else None
            key = _key(name, columns, deferrable, deferred)
            options.update(deferrable=key["deferrable"], initially=key["initially"])
            found.append(
                {
                    "name": name,
                    "constrained_columns": list(columns),
                    # as the table would be named in the schema at hand
                    "referred_schema": target_schema if target_schema == schema or not visible else None,
                    "referred_table": target,
                    "referred_columns": list(targets),
                    "options": {key: value for key, value in options.items() if value is not None},
                }
            )
        return found

    def indexes(self, table: str, schema: str | None) -> list[ReflectedIndex]:
        # without the indexes of constraints, which are told as these
        rows = self.fetch_all(
            "SELECT c.relname, i.indisunique, m.amname, pg_get_expr(i.indpred, i.indrelid), i.indnkeyatts,"
            " ARRAY(SELECT pg_get_indexdef(i.indexrelid, n, true) FROM generate_series(1, i.indnatts) AS n),"
            f" i.indkey::smallint[], i.indoption::smallint[], {_NULLS_NOT_DISTINCT}, {_INDEX_EXTRAS},"
            " ARRAY(SELECT a.attname::text FROM generate_series(1, i.indnatts) AS n LEFT JOIN pg_catalog.pg_attribute a"
            " ON a.attrelid = i.indrelid AND a.attnum = i.indkey[n - 1] ORDER BY n)"
            " FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_am m ON m.oid = c.relam"
            " WHERE i.indrelid = %s AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_constraint k WHERE k.conindid = i.indexrelid"
            " AND k.contype IN ('p', 'u', 'x')) ORDER BY c.relname",
            (self._oid(table, schema),),
        )
        found: list[ReflectedIndex] = []
        for name, unique, method, where, keys, texts, numbers, options, nulls, extras, names in rows:
            found.append(
                {
                    "name": name,
                    "column_names": [names[n] if numbers[n] else None for n in range(keys)],
                    "expressions": [f"{texts[n]}{extras[n] or ''}{_direction(options[n])}" for n in range(keys)],
                    "unique": unique,
                    "where": _without_parentheses(where) if where is not None else None,
                    "using": method if method != "btree" else None,
                    "include": [names[n] for n in range(keys, len(texts))],
                    "nulls_not_distinct": bool(nulls),
                }
            )
        return found

    def comment(self, table: str, schema: str | None) -> str | None:
        rows = self.fetch_all("SELECT obj_description(%s::oid, 'pg_class')", (self._oid(table, schema),))
        found: str | None = rows[0][0]
        return found

    def table_options(self, table: str, schema: str | None) -> dict[str, Any]:
        return {}


def _condition(definition: str) -> str:
    """Return the condition of ``CHECK ((...))``."""
    return _without_parentheses(_without_parentheses(definition.removeprefix("CHECK ").removesuffix(" NOT VALID")))


def _key(
    name: str | None, columns: list[str], deferrable: bool, deferred: bool, nulls_not_distinct: bool | None = False
) -> ReflectedKey:
    return {
        "name": name,
        "column_names": list(columns),
        "deferrable": True if deferrable else None,
        "initially": "DEFERRED" if deferred else None,
        "nulls_not_distinct": bool(nulls_not_distinct),
    }


def _numbering(numbers: Sequence[Any], type_: str) -> dict[str, Any]:
    """Return the options of a sequence that do not go without saying.

    :param numbers: its start, increment, smallest and largest number, whether it cycles, and its cache.
    """
    start, increment, smallest, largest, cycle, cache = numbers[:6]
    lower, upper = _LIMITS[type_]
    usual_smallest, usual_largest = (1, upper) if increment > 0 else (lower, -1)
    given: dict[str, tuple[Any, Any]] = {
        "start": (start, smallest if increment > 0 else largest),
        "increment": (increment, 1),
        "minvalue": (smallest, usual_smallest),
        "maxvalue": (largest, usual_largest),
        "cycle": (cycle, False),
        "cache": (cache, 1),
    }
    return {key: value for key, (value, usual) in given.items() if value != usual}


def _direction(option: int) -> str:
    # bit 0: descending, bit 1: NULLs first; each direction has a place for NULLs that goes without saying
    return {0: "", 1: " DESC NULLS LAST", 2: " NULLS FIRST", 3: " DESC"}[option]


def _without_parentheses(text: str) -> str:
    if text.startswith("(") and text.endswith(")"):
        depth = 0
        for position, character in enumerate(text):
            depth += (character == "(") - (character == ")")
            # not a pair: (a) AND (b)
            if depth == 0 and position < len(text) - 1:
                return text
        return text[1:-1]
    return text


def _unquoted(name: str) -> str:
    return ".".join(
        part.strip('"').replace('""', '"') for part in re.findall(r'"(?:[^"]|"")+"|[^.]+', name.replace("''", "'"))
    )


_WORDS = reflected_words(RECORDS)


def domain_of(name: str, base: str) -> TypeEngine[Any]:
    """Return the type that a domain is made of, under the domain's name."""
    type_ = type_of(base)
    if isinstance(type_, types.NativeType):
        return types.NativeType(name)
    type_.native_name = name
    return type_


def type_of(text: str, dimensions: int = 1, item_base: str | None = None) -> TypeEngine[Any]:
    """Return the type that ``format_type()`` has written; a NativeType for one that has no counterpart here.

    :param dimensions: with how many dimensions an array was declared, which ``format_type()`` does not tell.
    :param item_base: what the domain is made of that an array is of.
    """
    match = _TYPE.match(text)
    if match is None:
        return types.NativeType(text)
    name = match.group("name").strip()
    arguments: Any = [int(number) for number in (match.group("arguments") or "").split(",") if number.strip()]
    array = match.group("array") or ""
    make = _WORDS.get(f"{name} {(match.group('rest') or '').strip()}".strip())
    item = make(*arguments) if make is not None else types.NativeType(text.removesuffix(array))
    if not array:
        return item
    if item_base is not None:
        item = domain_of(text.removesuffix(array), item_base)
    return types.ARRAY(item, dimensions=dimensions if dimensions > 1 else None)
