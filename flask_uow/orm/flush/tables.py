"""Rows of the tables that objects are stored in: which INSERTs and UPDATEs write them, how a statement tells them, and what to say of those that
it did not find.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask_uow.orm.exc import FlushError, StaleDataError
from flask_uow.orm.loading.statements import keys_condition
from flask_uow.orm.mapping.mapped_table import MappedTable
from flask_uow.orm.state.instance_state import describe
from flask_uow.orm.state.keys import identity_values
from flask_uow.orm.state.siblings import BATCH_SIZE
from flask_uow.orm.symbols import NO_VALUE, STATE
from flask_uow.sql.select import Select
from flask_uow.sql.sequences import FetchedValue

if TYPE_CHECKING:
    from flask_uow.engine import Connection
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.mapping.versioning import Versioning
    from flask_uow.sql.schema import Column

__all__ = [
    "ClassUpdate",
    "TableInsert",
    "TableUpdate",
    "class_update",
    "fetch_versions",
    "follows_by_itself",
    "has_null",
    "not_among",
    "require_stored",
    "stale_rows",
    "stored_keys",
    "take_versions",
    "table_insert",
    "versioned_key",
]


# sets of attributes that a class remembers the statements of: a program writes a handful, but a form may leave out any
_MOST_SETS = 500


@dataclass(slots=True)
class TableInsert:
    """The INSERT of some attributes of a class in one of its tables: everything that is the same for all objects.

    :ivar part: the table.
    :ivar names: the attributes that are written.
    :ivar columns: their columns.
    :ivar integers: the places of integers among them.
    :ivar generated: the column of the key that the database makes, None where the key is given.
    :ivar fetched: other attributes that the database gives values.
    :ivar by_triggers: those of them that a trigger may make.
    :ivar may_be_known: True where the keys may be those of objects that the Session has.
    """

    part: MappedTable
    names: tuple[str, ...]
    columns: list[Column[Any]]
    integers: list[int]
    generated: Column[Any] | None
    fetched: list[str]
    by_triggers: list[str]
    may_be_known: bool


def table_insert(base: Mapper, part: MappedTable, names: tuple[str, ...]) -> TableInsert:
    """Return the INSERT of attributes in a table, which the mapper at the head of the family remembers."""
    known: dict[tuple[MappedTable, tuple[str, ...]], TableInsert] | None = base.memo.get("inserts")
    if known is None or len(known) >= _MOST_SETS:
        known = base.memo["inserts"] = {}
    found = known.get((part, names))
    if found is None:
        columns, made = part.columns, part.generated
        generated = columns[made] if made is not None and made not in names else None
        fetched = [name for name in part.optional if name not in names and name != made]
        by_triggers = [name for name in fetched if type(columns[name].server_default) is FetchedValue]
        may_be_known = generated is None and part.table is base.stored[0].table
        written, integers = [columns[name] for name in names], part.integer_positions(names)
        found = known[part, names] = TableInsert(
            part, names, written, integers, generated, fetched, by_triggers, may_be_known
        )
    return found


@dataclass(slots=True)
class TableUpdate:
    """The UPDATE of some attributes of a class in one of its tables: everything that is the same for all objects.

    :ivar part: the table.
    :ivar names: the attributes that are written, the version last (as it is, where it is the database that makes a new one of that).
    :ivar columns: their columns.
    :ivar integers: the places of integers among them.
    :ivar key: the columns of the WHERE clause: the key, and then the version.
    :ivar onupdate: those of the attributes that a default is filled in for, and the default.
    :ivar versioning: the version column, where this table has it.
    :ivar has_new_keys: the rows have the objects' new keys already, since the database has carried them there.
    :ivar made_anew: attributes that the database changes with each UPDATE by itself.
    :ivar computed: attributes that SQL expressions make of the row.
    """

    part: MappedTable
    names: tuple[str, ...]
    columns: list[Column[Any]]
    integers: list[int]
    key: list[Column[Any]]
    onupdate: list[tuple[str, Any]]
    versioning: Versioning | None
    has_new_keys: bool
    made_anew: list[str]
    computed: tuple[str, ...]

    @classmethod
    def of(
        cls,
        mapper: Mapper,
        part: MappedTable,
        names: tuple[str, ...],
        onupdate: list[tuple[str, Any]],
        has_new_keys: bool = False,
    ) -> TableUpdate | None:
        """Return the UPDATE of attributes in a table; None where nothing is written there.

        :param names: attributes of the table.
        :param onupdate: those of them that a default is to be filled in for.
        """
        versioning = mapper.versioning
        if versioning is None or versioning.name not in part.columns:
            versioning = None
            if not names:
                return None
        else:
            is_kept = versioning.is_given and bool(names) and versioning.name not in names
            names = (*(name for name in names if name != versioning.name), *(() if is_kept else (versioning.name,)))
        columns = part.columns
        return cls(
            part,
            names,
            [columns[name] for name in names],
            part.integer_positions(names),
            [*part.key] if versioning is None else [*part.key, columns[versioning.name]],
            onupdate,
            versioning,
            has_new_keys,
            [
                name
                for name, column in columns.items()
                if column.server_onupdate is not None
                and name not in names
                and (versioning is None or name != versioning.name)
            ],
            mapper.computed_names,
        )


@dataclass(slots=True)
class ClassUpdate:
    """The UPDATEs of some attributes of a class.

    :ivar tables: one for each table that has some of them, in order.
    :ivar moves_key: True where the primary key is among the attributes.
    :ivar unwritten: those that no table of the class has, for a message.
    """

    tables: list[TableUpdate]
    moves_key: bool
    unwritten: list[str]


def class_update(mapper: Mapper, names: tuple[str, ...]) -> ClassUpdate:
    """Return the UPDATEs of attributes of a class, which it remembers."""
    known: dict[tuple[str, ...], ClassUpdate] | None = mapper.memo.get("updates")
    if known is None or len(known) >= _MOST_SETS:
        known = mapper.memo["updates"] = {}
    found = known.get(names)
    if found is None:
        found = known[names] = _find_class_update(mapper, names)
    return found


def _find_class_update(mapper: Mapper, names: tuple[str, ...]) -> ClassUpdate:
    moves_key = not set(mapper.primary_key_names).isdisjoint(names)
    tables = []
    if moves_key and not mapper.passive_updates:
        # the key of a joined table goes by another name
        names = (*names, *(own for part in mapper.stored for own, source in part.copied if source in names))
    for part in mapper.stored:
        own = tuple(name for name in names if name in part.columns and not follows_by_itself(mapper, part, name))
        onupdate = [(name, default) for name, default in part.onupdate if own and name not in own]
        if onupdate:
            chosen = {*own, *(name for name, _ in onupdate)}
            own = tuple(name for name in part.columns if name in chosen)
        # the database has carried a new key to the tables of subclasses by then
        has_new_keys = moves_key and mapper.passive_updates and part is not mapper.stored[0]
        found = TableUpdate.of(mapper, part, own, onupdate, has_new_keys)
        if found is not None:
            tables.append(found)
    unwritten = sorted(name for name in names if not any(name in part.columns for part in mapper.stored))
    return ClassUpdate(tables, moves_key, unwritten)


def follows_by_itself(mapper: Mapper, part: MappedTable, name: str) -> bool:
    """Return True for the key of a joined table that the database changes with its base's (ON UPDATE CASCADE)."""
    return mapper.passive_updates and part is not mapper.stored[0] and part.columns[name] in mapper.equated


def require_stored(mapper: Mapper, obj: MappedObject, what: str) -> None:
    """Refuse to write an object of a class that no table stores.

    :param what: what was to be done with it, as the message says it.
    :raises FlushError: naming the object.
    """
    if not mapper.stored:
        raise FlushError(
            f"{describe(obj)} cannot be {what}: {mapper.class_.__name__} is mapped to {mapper.local_table.description}, and no table"
            " of it can be written to with the mapped columns. Map its primary key, or treat the class as read-only."
        )


def versioned_key(
    part: MappedTable, versioning: Versioning | None, objects: list[Any]
) -> tuple[list[Column[Any]], list[list[Any]]]:
    """Return the columns of a WHERE clause, the key and then the version that was loaded, and their values, column by column."""
    columns = list(part.key)
    if versioning is not None:
        columns.append(part.columns[versioning.name])
    return columns, stored_keys(part, versioning, objects)


def stored_keys(part: MappedTable, versioning: Versioning | None, objects: list[Any]) -> list[list[Any]]:
    """Return the values of the keys that rows have, and of the versions that were loaded, column by column."""
    values = part.key_values([obj.__dict__[STATE].row_key for obj in objects])
    if versioning is not None:
        values.append([_loaded_version(obj, versioning.name) for obj in objects])
    return values


def has_null(key_values: list[list[Any]]) -> bool:
    """Return True for keys, or versions, that are NULL in part, so that no comparison with values finds their rows."""
    return len(key_values) > 1 and any(None in column for column in key_values)


def _loaded_version(obj: MappedObject, name: str) -> Any:
    changes = obj.__dict__[STATE].changes or {}
    before = changes.get(name, NO_VALUE)
    return getattr(obj, name) if before is NO_VALUE else before


def stale_rows(part: MappedTable, what: str, objects: list[Any], gone: list[Any], found: int) -> StaleDataError:
    """Return the error for rows that were not found under the key and version that were loaded.

    :param gone: the objects that they belong to, as far as that is known.
    """
    names = ", ".join(describe(obj) for obj in gone[:5]) or "unknown"
    more = f" and {len(gone) - 5} more" if len(gone) > 5 else ""
    return StaleDataError(
        f"{what} {part.table.fullname!r} found {found} of {len(objects)} rows; gone: {names}{more}."
        " Someone else has deleted them, or changed them since they were loaded; roll back and load the objects again."
    )


def not_among(connection: Connection, part: MappedTable, objects: list[Any], keys: list[tuple[Any, ...]]) -> list[Any]:
    """Return the objects whose keys are not among those that a statement has returned."""
    processors = [connection.dialect.result_processor(column.type) for column in part.key]
    found = {tuple(p(v) if p is not None else v for p, v in zip(processors, key, strict=True)) for key in keys}

    def key_of(obj: MappedObject) -> tuple[Any, ...]:
        identity = identity_values(obj.__dict__[STATE].row_key)
        return tuple(identity[position] for position in part.positions)

    return [obj for obj in objects if key_of(obj) not in found]


def take_versions(
    connection: Connection, mapper: Mapper, part: MappedTable, objects: list[Any], rows: list[tuple[Any, ...]]
) -> None:
    """Give objects the versions that their rows have, as the database has made them.

    :param rows: the driver's values of the key and the version. An object that they do not have loads its version at the next access.
    """
    versioning = mapper.versioning
    assert versioning is not None
    name = versioning.name
    processors = [connection.dialect.result_processor(c.type) for c in (*part.key, part.columns[name])]
    values = (tuple(p(v) if p is not None else v for p, v in zip(processors, row, strict=True)) for row in rows)
    versions = {row[:-1]: row[-1] for row in values}
    _set_versions(mapper, part, objects, versions)


def _set_versions(mapper: Mapper, part: MappedTable, objects: list[Any], versions: Mapping[Any, Any]) -> None:
    assert mapper.versioning is not None
    name = mapper.versioning.name
    for obj in objects:
        version = versions.get(_present_key(mapper, part, obj), NO_VALUE)
        if version is NO_VALUE:
            obj.__dict__.pop(name, None)
        else:
            obj.__dict__[name] = version


def _present_key(mapper: Mapper, part: MappedTable, obj: MappedObject) -> tuple[Any, ...]:
    """Return the key that a row has by now, while that of the object may have changed and be entered later."""
    values, names = obj.__dict__, mapper.primary_key_names
    identity = identity_values(values[STATE].row_key)
    return tuple([values.get(names[position], identity[position]) for position in part.positions])


def fetch_versions(connection: Connection, mapper: Mapper, objects: list[Any]) -> None:
    """Read the versions of rows that were just written, where the statement could not return them."""
    versioning = mapper.versioning
    part = next((p for p in mapper.stored if versioning is not None and versioning.name in p.columns), None)
    if part is None or not objects or versioning is None:
        return
    for start in range(0, len(objects), BATCH_SIZE):
        page = objects[start : start + BATCH_SIZE]
        keys = [_present_key(mapper, part, obj) for obj in page]
        select = Select((*part.key, part.columns[versioning.name])).where(keys_condition(part.key, keys))
        _set_versions(mapper, part, page, {tuple(row[:-1]): row[-1] for row in connection.execute(select)})
