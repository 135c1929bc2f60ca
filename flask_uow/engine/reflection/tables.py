"""From a database's catalog to Table objects: ``Table(..., autoload_with=engine)`` and ``MetaData.reflect(engine)``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from flask_uow.engine.reflection.catalog import Catalog, ReflectedForeignKey
from flask_uow.sql.columns import Column
from flask_uow.sql.constraints import CheckConstraint, PrimaryKeyConstraint, UniqueConstraint
from flask_uow.sql.ddl_events import tell_column
from flask_uow.sql.foreign_keys import ForeignKeyConstraint
from flask_uow.sql.indexes import Index
from flask_uow.sql.naming import conv
from flask_uow.sql.schema import Table
from flask_uow.sql.sequences import Computed, Identity, Sequence
from flask_uow.sql.text import TextClause

if TYPE_CHECKING:
    from flask_uow.sql.interfaces import ReflectionBind

__all__ = ["reflect_table", "reflectable_names"]


def reflectable_names(
    catalog: Catalog, schema: str | None, only: Iterable[str] | Callable[[str], bool] | None, views: bool
) -> list[str]:
    """Return the names of tables (and views) that ``only`` names, or says True of.

    :raises NoSuchTableError: for a name that the database does not have.
    """
    known = [*catalog.tables(schema), *(catalog.views(schema) if views else ())]
    if only is None:
        return known
    if callable(only):
        return [name for name in known if only(name)]
    wanted = [only] if isinstance(only, str) else list(only)
    for name in wanted:
        if name not in known:
            raise catalog.no_such_table(name, schema)
    return wanted


def reflect_table(
    catalog: Catalog,
    bind: ReflectionBind,
    table: Table,
    given: dict[str, Column[Any]],
    include: frozenset[str] | None,
    resolve_fks: bool,
    replace: bool = True,
) -> None:
    """Fill a table that has a name and a schema with what the database has; see :class:`flask_uow.sql.interfaces.ReflectionBind`."""
    name, schema = table.name, table.schema
    key = catalog.primary_key(name, schema)
    known = {column.name for column in table.c}
    for found in catalog.columns(name, schema):
        column_name = found["name"]
        if (include is not None and column_name not in include) or (column_name in known and not replace):
            continue
        column = given.get(column_name)
        if column is None:
            info: dict[str, Any] = {**found, "key": column_name}
            tell_column(bind, table, info)
            column = _column(info, column_name in key["column_names"])
        table.put_column(column)
    _add_keys(catalog, table, key["column_names"], key["name"])
    _add_foreign_keys(catalog, bind, table, resolve_fks)
    checks = {
        (check.given_name, str(check.condition)) for check in table.constraints if isinstance(check, CheckConstraint)
    }
    for found_check in catalog.checks(name, schema):
        if (found_check["name"], found_check["sqltext"]) not in checks:
            check_name = conv(found_check["name"]) if found_check["name"] else None
            CheckConstraint(found_check["sqltext"], check_name).attach_to(table)
    _add_indexes(catalog, table)
    table.comment = table.comment or catalog.comment(name, schema)
    for option, value in catalog.table_options(name, schema).items():
        setattr(table, option, value)


def _column(found: Mapping[str, Any], primary_key: bool) -> Column[Any]:
    items: list[Any] = []
    default = found["default"]
    if found["identity"] is not None:
        items.append(Identity(**found["identity"]))
        default = None
    elif found["sequence"] is not None:
        schema, _, name = found["sequence"].rpartition(".")
        items.append(Sequence(name, schema=schema or None, **found["sequence_options"]))
        default = None
    elif found["computed"] is not None:
        computed = found["computed"]
        items.append(Computed(_verbatim(computed["sqltext"]), persisted=computed["persisted"]))
    column: Column[Any] = Column(
        found["name"],
        found["type"],
        *items,
        key=found["key"],
        primary_key=primary_key,
        nullable=found["nullable"],
        autoincrement=found["autoincrement"] if primary_key else True,
        comment=found["comment"],
    )
    if default is not None:
        column.server_default = _verbatim(default)
    return column


def _verbatim(sql: str) -> TextClause:
    """Return SQL text as it stands: a colon is no parameter."""
    return TextClause(sql, (sql,))


def _add_keys(catalog: Catalog, table: Table, key: list[str], key_name: str | None) -> None:
    keys = _keys_by_name(table)
    if key and all(column in keys for column in key):
        PrimaryKeyConstraint(*(keys[column] for column in key), name=key_name).attach_to(table)
    known = [_names_of(each.columns) for each in table.constraints if isinstance(each, UniqueConstraint)]
    for unique in catalog.uniques(table.name, table.schema):
        names = unique["column_names"]
        if names not in known and all(column in keys for column in names):
            constraint = UniqueConstraint(
                *(keys[name] for name in names),
                name=unique["name"],
                deferrable=unique["deferrable"],
                initially=unique["initially"],
                nulls_not_distinct=unique["nulls_not_distinct"],
            )
            constraint.attach_to(table)


def _keys_by_name(table: Table) -> dict[str, str]:
    """Return how the table calls its columns, by the names that the database has for them."""
    return {column.name: column.key or column.name for column in table.c}


def _names_of(columns: Iterable[Column[Any]]) -> list[str]:
    """Return the names of columns."""
    return [column.name for column in columns]


def _add_foreign_keys(catalog: Catalog, bind: ReflectionBind, table: Table, resolve_fks: bool) -> None:
    # given with a column, or found before
    keys = _keys_by_name(table)
    known = [_names_of(each.columns) for each in table.constraints if isinstance(each, ForeignKeyConstraint)]
    for found in catalog.foreign_keys(table.name, table.schema):
        columns = found["constrained_columns"]
        if columns in known or not all(column in keys for column in columns):
            continue
        schema = _schema_of(catalog, table, found)
        target = f"{schema}.{found['referred_table']}" if schema else found["referred_table"]
        # ends for tables that refer to one another: each is in the MetaData before its keys are read
        if resolve_fks and target not in table.metadata.tables:
            Table(found["referred_table"], table.metadata, schema=schema, autoload_with=bind)
        referred = table.metadata.tables.get(target)
        far = _keys_by_name(referred) if referred is not None else {}
        constraint = ForeignKeyConstraint(
            [keys[column] for column in columns],
            [f"{target}.{far.get(column, column)}" for column in found["referred_columns"]],
            found["name"],
            **found["options"],
        )
        constraint.attach_to(table)


def _schema_of(catalog: Catalog, table: Table, found: ReflectedForeignKey) -> str | None:
    """Return the schema under which the MetaData has, or is to have, the table that a foreign key refers to."""
    schema, name, metadata = found["referred_schema"], found["referred_table"], table.metadata
    if schema is not None or (name in metadata.tables and metadata.schema is None):
        return schema
    # in the schema of the connection, which the MetaData may call by its name
    usual = catalog.default_schema()
    return usual if metadata.schema is not None or f"{usual}.{name}" in metadata.tables else None


def _add_indexes(catalog: Catalog, table: Table) -> None:
    known = {index.name for index in table.indexes}
    keys = _keys_by_name(table)
    for found in catalog.indexes(table.name, table.schema):
        if found["name"] in known:
            continue
        expressions: list[Any] = []
        for name, expression in zip(found["column_names"], found["expressions"], strict=True):
            # more than the column: it has a direction, a collation or an operator class as well
            if name is None or expression.strip('"') != name:
                expressions.append(_verbatim(expression))
            elif name in keys:
                expressions.append(table.c[keys[name]])
            else:
                # without a column that was left out there is no such index
                break
        else:
            index = Index(
                found["name"],
                unique=found["unique"],
                where=found["where"],
                using=found["using"],
                include=found["include"],
                nulls_not_distinct=found["nulls_not_distinct"],
            )
            index.given = tuple(expressions)
            index.attach_to(table)
