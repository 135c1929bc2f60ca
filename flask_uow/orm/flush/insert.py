"""INSERTs of a flush: one batch for each table and set of columns (benchmarks: insert_flat, insert_graph).

Every column without a server-side default is named, absent values being NULL, so that a table normally has one set of columns. None is as absent as what
was never set, where a column has a default; null() is NULL. Values
travel column by column, as the batch writers of the dialects want them. The objects of a family of classes go into its tables together, the
base's first.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from types import NoneType
from typing import TYPE_CHECKING, Any

from flask_uow.engine.dialects.batch import NewRows
from flask_uow.orm.exc import FlushError
from flask_uow.orm.flush.settle import accounts_of, enter_inserted, level_of, refuse_known_keys
from flask_uow.orm.flush.tables import TableInsert, fetch_versions, require_stored, table_insert
from flask_uow.orm.flush.work import by_mapper
from flask_uow.orm.mapping.mapped_table import (
    MappedTable,
    have_expressions,
    is_expression,
    kinds_of,
    stored_value,
    take_texts,
)
from flask_uow.orm.state.instance_state import describe
from flask_uow.orm.state.mutables import write_composites
from flask_uow.orm.symbols import STATE
from flask_uow.sql.dml import Insert

if TYPE_CHECKING:
    from flask_uow.engine import Connection
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.session.session import Session
    from flask_uow.orm.session.transaction import Filled
    from flask_uow.sql.schema import Column, Table

__all__ = ["insert_objects", "prepare"]

# the objects of one statement: all of one set of columns of one table
Group = tuple[MappedTable, tuple[str, ...], list[Any]]


def insert_objects(session: Session, base: Mapper, objects: list[Any]) -> None:
    """INSERT objects of one family, and make them persistent.

    :param base: the mapper at the head of the family.
    :raises FlushError: when a primary key is missing that the database does not make, or is in use by another object.
    """
    classes = by_mapper(base, objects)
    for mapper, members in classes.items():
        prepare(mapper, members)
    connection = session.connection_for(base)
    if len(classes) == 1:
        # the objects of one class go into its tables as they are
        for part in next(iter(classes)).stored:
            _insert_into_table(session, connection, base, [(part, objects)], objects)
    else:
        tables: dict[Table, list[tuple[MappedTable, list[Any]]]] = {}
        for mapper, members in classes.items():
            for part in mapper.stored:
                tables.setdefault(part.table, []).append((part, members))
        for parts in tables.values():
            _insert_into_table(session, connection, base, parts, _in_order(objects, parts))
    enter_inserted(session, base, objects)
    for mapper, members in classes.items():
        if mapper.versioning is not None and mapper.versioning.is_given:
            unknown = [obj for obj in members if mapper.versioning.name not in obj.__dict__]
            fetch_versions(connection, mapper, unknown)


def prepare(mapper: Mapper, objects: list[Any]) -> None:
    """Set what the mapping says of new objects: discriminator, version, composites that were changed in place."""
    require_stored(mapper, objects[0], "inserted")
    name, identity = mapper.discriminator, mapper.polymorphic_identity
    if name is not None and identity is not None and mapper.column_attrs[name].is_stored:
        for obj in objects:
            if obj.__dict__.get(name) is None:
                obj.__dict__[name] = identity
    elif name is not None and mapper.inherits is not None and mapper.column_attrs[name].is_stored:
        _require_identity(mapper, name, objects)
    if mapper.versioning is not None and not mapper.versioning.is_given:
        for obj in objects:
            obj.__dict__[mapper.versioning.name] = mapper.versioning.next_version(None)
    if mapper.composites:
        for obj in objects:
            write_composites(obj)


def _require_identity(mapper: Mapper, name: str, objects: list[Any]) -> None:
    """Refuse rows that nothing would tell the class of.

    :raises FlushError: naming what is missing.
    """
    column = mapper.column_attrs[name].column
    if column.default is not None or column.server_default is not None:
        return
    for obj in objects:
        if obj.__dict__.get(name) is None:
            raise FlushError(
                f"cannot insert {describe(obj)}: {mapper.class_.__name__} has no polymorphic_identity, and {name!r} tells the class of a row. Give"
                f" the class one ('polymorphic_identity' in __mapper_args__), or set {name!r}."
            )


def _in_order(objects: list[Any], parts: list[tuple[MappedTable, list[Any]]]) -> list[Any]:
    members = {id(obj) for _, own in parts for obj in own}
    return [obj for obj in objects if id(obj) in members]


def _insert_into_table(
    session: Session,
    connection: Connection,
    base: Mapper,
    parts: list[tuple[MappedTable, list[Any]]],
    objects: list[Any],
) -> None:
    for part, members in parts:
        for own, source in part.copied:
            for obj in members:
                obj.__dict__[own] = obj.__dict__.get(source)
        if part.defaults:
            _apply_defaults(part, members, level_of(session).filled)
    groups = _groups(parts, objects)
    if len(groups) > 1:
        generated = next((part.generated for part, _ in parts if part.generated is not None), None)
        if generated is not None:
            _allocate_in_order(session, connection, parts[0][0], generated, objects, groups)
            groups = _groups(parts, objects)
    for part, names, members in groups:
        _insert_batch(session, connection, table_insert(base, part, names), members)


def _apply_defaults(part: MappedTable, objects: list[Any], filled: list[Filled]) -> None:
    for name, default in part.defaults:
        unset: list[dict[str, Any]] = []
        nones: list[dict[str, Any]] = []
        # a default that fails has filled in what came before it
        filled.append((name, unset, nones))
        for obj in objects:
            values = obj.__dict__
            if values.get(name) is None:
                (nones if name in values else unset).append(values)
                values[name] = default.value(values)


def _groups(parts: list[tuple[MappedTable, list[Any]]], objects_in_order: list[Any]) -> list[Group]:
    """Return the objects by the columns that their INSERT names."""
    if len(parts) == 1:
        part, objects = parts[0]
        return _by_names(part, objects)
    groups: dict[Any, Group] = {}
    for part, objects in parts:
        for group in _by_names(part, objects):
            names = group[1]
            key = (names, tuple(part.columns[name] for name in names))
            groups.setdefault(key, (part, names, []))[2].extend(group[2])
    # of several classes in one statement, and yet in the order in which they were added
    position = {id(obj): number for number, obj in enumerate(objects_in_order)}
    for _, _, members in groups.values():
        members.sort(key=lambda obj: position[id(obj)])
    return list(groups.values())


def _by_names(part: MappedTable, objects: list[Any]) -> list[Group]:
    optional, generated = part.optional, part.generated
    if not optional:
        return [(part, part.always, objects)]
    if optional == (generated,):
        # the usual case: a key that the database makes, and nothing else that may be left out
        without = [obj for obj in objects if obj.__dict__.get(generated) is None]
        if len(without) == len(objects):
            return [(part, part.always, objects)]
        with_key = [obj for obj in objects if obj.__dict__.get(generated) is not None]
        own: list[Group] = [(part, part.always, without)] if without else []
        return [*own, (part, part.all, with_key)]
    groups: dict[tuple[str, ...], list[Any]] = {}
    for obj in objects:
        values = obj.__dict__
        present = tuple(n for n in part.columns if n not in optional or values.get(n) is not None)
        groups.setdefault(present, []).append(obj)
    return [(part, names, members) for names, members in groups.items()]


def _allocate_in_order(
    session: Session, connection: Connection, part: MappedTable, name: str, objects: list[Any], groups: list[Group]
) -> None:
    # several batches, and yet the keys follow the order in which the objects were added
    inserted = accounts_of(session).inserted
    waiting = [obj for obj in objects if obj.__dict__.get(name) is None]
    if len(waiting) == len(objects) or sum(1 for _, names, _ in groups if name not in names) > 1:
        keys = connection.dialect.batch.allocate_keys(connection, part.table, part.columns[name], len(waiting))
        for obj in waiting:
            inserted[obj.__dict__[STATE]] = name
        for obj, key in zip(waiting, keys or (), strict=keys is not None):
            obj.__dict__[name] = key


def _insert_batch(session: Session, connection: Connection, insert: TableInsert, objects: list[Any]) -> None:
    """INSERT the objects of one group, and take over the key that the database makes."""
    part, names, generated = insert.part, insert.names, insert.generated
    dicts = [obj.__dict__ for obj in objects]
    values = [[d.get(name) for d in dicts] for name in names]
    kinds = kinds_of(values)
    # the common case costs one pass over the classes of the values
    if str in kinds:
        take_texts(names, insert.integers, values, objects)
    if insert.may_be_known:
        refuse_known_keys(session, type(objects[0]).__mapper__.base_mapper, objects)
    batch, columns = connection.dialect.batch, insert.columns
    keys: Sequence[Any] | None
    if have_expressions(kinds) or part.has_unmapped_expressions:
        keys = _insert_one_by_one(session, connection, part, names, objects, generated)
    else:
        if NoneType in kinds:
            # the row has NULL there, so the object has None, and nothing is to be loaded
            for name, column in zip(names, values, strict=True):
                # by class, since == of a user's values may say anything
                if NoneType in map(type, column):
                    for d in dicts:
                        d.setdefault(name, None)
        if part.unmapped_defaults:
            columns = [*columns]
            part.add_unmapped_defaults(columns, values, len(dicts))
        fetched = insert.fetched
        if fetched:
            level_of(session).filled.extend((name, dicts, ()) for name in fetched)
            if insert.by_triggers and connection.dialect.triggers_follow_returning:
                fetched = [name for name in fetched if name not in insert.by_triggers]
                for name in insert.by_triggers:
                    for d in dicts:
                        d.pop(name, None)
        if fetched:
            keys = _insert_and_fetch(connection, part, columns, values, generated, fetched, dicts)
        elif not columns:
            keys = batch.insert_defaults(connection, part.table, len(objects), generated_key=generated)
        else:
            keys = batch.insert(connection, part.table, columns, values, generated_key=generated)
    if generated is not None:
        inserted, made = accounts_of(session).inserted, part.generated
        for d, key in zip(dicts, keys or (), strict=True):
            d[made] = key
            inserted[d[STATE]] = made


def _insert_and_fetch(
    connection: Connection,
    part: MappedTable,
    columns: list[Column[Any]],
    values: list[list[Any]],
    generated: Column[Any] | None,
    fetched: list[str],
    dicts: list[dict[str, Any]],
) -> Any:
    """INSERT rows, and take over what the database has made of columns with a server-side default."""
    wanted = [part.columns[name] for name in fetched]
    new = NewRows(columns, values, len(dicts), part.key, generated, wanted)
    keys, rows = connection.dialect.batch.insert_and_fetch(connection, part.table, new)
    processors = [connection.dialect.result_processor(column.type) for column in wanted]
    for d, row in zip(dicts, rows, strict=True):
        # a row that could not be told is loaded at the first access
        if row is None:
            for name in fetched:
                d.pop(name, None)
        else:
            for name, processor, value in zip(fetched, processors, row, strict=True):
                d[name] = processor(value) if processor is not None else value
    return keys


def _insert_one_by_one(
    session: Session,
    connection: Connection,
    part: MappedTable,
    names: tuple[str, ...],
    objects: list[Any],
    generated: Column[Any] | None,
) -> list[Any]:
    # values that the database works out need a statement of their own; but for keys they are loaded at the next access
    keys, level = [], level_of(session)
    by_default = {id(values) for name, *some in level.filled if name in part.key_names for values in chain(*some)}
    for obj in objects:
        given = obj.__dict__
        values = {part.columns[name]: stored_value(given.get(name)) for name in names}
        # columns without an attribute take their defaults from the statement
        statement = Insert(part.table).values(values)
        worked_out = [name for name in part.key_names if is_expression(given.get(name))]
        returned = [part.columns[name] for name in worked_out]
        if generated is not None:
            returned.append(generated)
        row: Any = connection.execute(statement.returning(*returned) if returned else statement)
        row = row.one() if returned else ()
        keys.append(row[-1] if generated is not None else None)
        for name in part.columns:
            if name not in names and name != part.generated:
                # made by the database
                given.pop(name, None)
            elif is_expression(given.get(name)):
                del given[name]
        for name, value in zip(worked_out, row, strict=False):
            given[name] = value
            # nobody's value when the row is taken back
            if id(given) in by_default:
                level.accounts.inserted[given[STATE]] = name
    return keys
