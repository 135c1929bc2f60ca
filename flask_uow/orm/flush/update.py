"""UPDATEs of a flush: one batch for each table and set of changed columns (benchmark: update_dirty)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

from flask_uow.orm.exc import FlushError
from flask_uow.orm.flush.key_changes import cascade_key_changes, note_values_before, referred_to
from flask_uow.orm.flush.keys import note_written
from flask_uow.orm.flush.settle import move_identity
from flask_uow.orm.flush.tables import (
    TableUpdate,
    class_update,
    fetch_versions,
    has_null,
    not_among,
    require_stored,
    stale_rows,
    stored_keys,
    take_versions,
    versioned_key,
)
from flask_uow.orm.flush.unique_order import in_turns
from flask_uow.orm.flush.unique_values import unique_names
from flask_uow.orm.mapping.mapped_table import (
    MappedTable,
    have_expressions,
    is_expression,
    kinds_of,
    stored_value,
    take_texts,
)
from flask_uow.orm.state.history import comparisons_of, is_changed, is_changed_by_type
from flask_uow.orm.state.instance_state import describe
from flask_uow.orm.state.keys import identity_values
from flask_uow.orm.state.mutables import remember, take_snapshots
from flask_uow.orm.symbols import NO_VALUE, STATE
from flask_uow.sql.dml import Update
from flask_uow.sql.functions import func
from flask_uow.sql.select import Select

if TYPE_CHECKING:
    from flask_uow.engine import Connection
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.session.session import Session
    from flask_uow.sql.schema import Column

__all__ = ["changed_columns", "release_rows", "update_batch", "update_objects"]


def update_objects(
    session: Session,
    mapper: Mapper,
    objects: list[Any],
    are_in_turn: bool = False,
    only: AbstractSet[str] | None = None,
) -> None:
    """UPDATE the rows of objects that have a net change, those that leave unique values before those that take them.

    :param are_in_turn: none takes a unique value that another leaves; the plan has seen to that.
    :param only: write only these attributes; None for all that have changed.

    :raises CircularDependencyError: when rows exchange unique values that cannot be NULL.
    :raises StaleDataError: when fewer rows were found than objects.
    :raises FlushError: when a primary key was set to NULL, or no table of the class can be written to.
    """
    by_columns: dict[tuple[str, ...], list[Any]] = {}
    stored, comparisons = _stored_columns(mapper), comparisons_of(mapper)
    in_order: dict[tuple[str, ...], tuple[str, ...]] = {}
    for obj in objects:
        names = _changed_of(obj, stored, in_order, comparisons)
        if only is not None:
            names = tuple(name for name in names if name in only)
        if names:
            members = by_columns.get(names)
            if members is None:
                members = by_columns[names] = []
            members.append(obj)
    # the databases check unique values row by row, not when all are written
    if len(objects) > 1 and not are_in_turn:
        unique = unique_names(mapper)
        if not all(unique.isdisjoint(names) for names in by_columns):
            order = in_turns(session, mapper.base_mapper, objects, None)
            if len(order.turns) > 1 or order.released:
                for owner, held, some in order.releases():
                    release_rows(session, owner, some, {name: [None] * len(some) for name in held})
                for turn in order.turns:
                    update_objects(session, mapper, turn, are_in_turn=True, only=only)
                return
    for names, members in by_columns.items():
        require_stored(mapper, members[0], "updated")
        update = class_update(mapper, names)
        if update.moves_key:
            _refuse_missing_keys(mapper, members)
        note_values_before(session, mapper, members, names)
        for table in update.tables:
            if update.moves_key:
                _copy_keys(mapper, members)
            update_batch(session, mapper, table, members)
        if update.unwritten:
            raise FlushError(
                f"{describe(members[0])} cannot be updated: {', '.join(update.unwritten)} changed, and the table of it cannot be written to, since"
                f" its primary key is not mapped by {mapper.class_.__name__}."
            )
        if mapper.mutable_types:
            for obj in members:
                take_snapshots(obj, names)
                remember(obj.__dict__[STATE], obj)
        # the identity map, and the rows that refer to these, follow once the rows have their keys
        if update.moves_key:
            moved = _move_identities(session, mapper, members)
            cascade_key_changes(session, mapper, moved)
        elif not referred_to(mapper).isdisjoint(names):
            keys = ((obj, identity_values(obj.__dict__[STATE].row_key)) for obj in members)
            cascade_key_changes(session, mapper, list(keys))


def changed_columns(mapper: Mapper, obj: MappedObject) -> tuple[str, ...]:
    """Return the attributes of columns with a net change."""
    return _changed_of(obj, _stored_columns(mapper), {}, comparisons_of(mapper))


def _stored_columns(mapper: Mapper) -> dict[str, tuple[str]]:
    """Return the attributes of columns in the order in which statements have them, each with the tuple of itself alone."""
    stored: dict[str, tuple[str]] | None = mapper.memo.get("stored columns")
    if stored is None:
        columns = mapper.column_attrs.items()
        stored = mapper.memo["stored columns"] = {name: (name,) for name, prop in columns if prop.is_stored}
    return stored


def _changed_of(
    obj: MappedObject,
    stored: dict[str, tuple[str]],
    in_order: dict[tuple[str, ...], tuple[str, ...]],
    comparisons: Mapping[str, Callable[[Any, Any], object]],
) -> tuple[str, ...]:
    """Return the attributes of columns with a net change, in the order of statements.

    :param in_order: what was put into that order before, as objects changed it; added to.
    :param comparisons: what types of their own say of two values.
    """
    values = obj.__dict__
    changes = values[STATE].changes
    if not changes:
        return ()
    if comparisons:
        names = tuple(
            [
                name
                for name, old in changes.items()
                if name in stored and is_changed_by_type(comparisons.get(name), old, values.get(name, NO_VALUE))
            ]
        )
        return _in_order(names, stored, in_order)
    if len(changes) == 1:
        # most objects (benchmark: update_dirty)
        for name, old in changes.items():
            return stored[name] if name in stored and is_changed(old, values.get(name, NO_VALUE)) else ()
    names = tuple(
        [name for name, old in changes.items() if name in stored and is_changed(old, values.get(name, NO_VALUE))]
    )
    return _in_order(names, stored, in_order)


def _in_order(
    names: tuple[str, ...], stored: dict[str, tuple[str]], in_order: dict[tuple[str, ...], tuple[str, ...]]
) -> tuple[str, ...]:
    if len(names) < 2:
        return names
    # one order of columns, so that objects changed in another order share a statement
    ordered = in_order.get(names)
    if ordered is None:
        ordered = in_order[names] = tuple(name for name in stored if name in names)
    return ordered


def update_batch(session: Session, mapper: Mapper, update: TableUpdate, objects: list[Any]) -> None:
    """UPDATE rows of one table, the same columns in each.

    :raises StaleDataError: when rows are gone, or have another version by now.
    """
    connection = session.connection_for(mapper)
    part, names, key, versioning = update.part, update.names, update.key, update.versioning
    # before a default takes the place of a version
    keys = stored_keys(part, versioning, objects)
    for name, default in update.onupdate:
        for obj in objects:
            obj.__dict__[name] = default.value(obj.__dict__)
    if update.has_new_keys:
        for number, position in enumerate(part.positions):
            name = mapper.primary_key_names[position]
            keys[number] = [obj.__dict__.get(name, old) for obj, old in zip(objects, keys[number], strict=True)]
    if versioning is not None and not versioning.is_given:
        # the last column that tells the rows is the version which was loaded
        for obj, version in zip(objects, keys[-1], strict=True):
            obj.__dict__[versioning.name] = versioning.next_version(version)
    values = [[obj.__dict__[name] for obj in objects] for name in names]
    columns, kinds = update.columns, kinds_of(values)
    # the common case costs one pass over the classes of the values
    if str in kinds:
        take_texts(names, update.integers, values, objects)
    if part.unmapped_onupdate:
        columns = [*columns]
        part.add_unmapped_onupdate(columns, values)
        kinds = kinds_of(values)
    batch = connection.dialect.batch
    if have_expressions(kinds) or has_null(keys):
        for number, obj in enumerate(objects):
            _update_one(connection, part, names, obj, key, [column[number] for column in keys])
        if versioning is not None and versioning.is_given:
            fetch_versions(connection, mapper, objects)
    # the keys that come back tell which rows somebody else has changed
    elif versioning is not None:
        returned = [*part.key, part.columns[versioning.name]] if versioning.is_given else part.key
        rows = batch.update_returning(connection, part.table, key, keys, columns, values, returned)
        if len(rows) != len(objects):
            gone = not_among(connection, part, objects, [row[: len(part.key)] for row in rows])
            raise stale_rows(part, "UPDATE of", objects, gone, len(rows))
        if versioning.by_trigger and connection.dialect.triggers_follow_returning:
            fetch_versions(connection, mapper, objects)
        elif versioning.is_given:
            take_versions(connection, mapper, part, objects, rows)
    else:
        found = batch.update(connection, part.table, key, keys, columns, values)
        if found != len(objects):
            gone = _without_row(connection, part, objects)
            raise stale_rows(part, "UPDATE of", objects, gone, found)
    # what the database itself changes with each UPDATE, or makes of the row by an expression, is loaded at the next access
    for name in update.computed:
        for obj in objects:
            if name not in (obj.__dict__[STATE].changes or ()):
                obj.__dict__.pop(name, None)
    for name in update.made_anew:
        for obj in objects:
            obj.__dict__.pop(name, None)


def release_rows(session: Session, mapper: Mapper, objects: list[Any], values: dict[str, list[Any]]) -> None:
    """UPDATE some columns of rows ahead of the objects' own UPDATE. The objects keep their values, and what differs from the row is written then.

    :param values: by attribute, in the order of the objects.
    :raises StaleDataError: when fewer rows were found than objects.
    """
    connection = session.connection_for(mapper)
    for part in mapper.stored:
        names = [name for name in part.columns if name in values]
        if not names:
            continue
        key, key_values = versioned_key(part, None, objects)
        columns = [part.columns[name] for name in names]
        found = connection.dialect.batch.update(
            connection, part.table, key, key_values, columns, [values[name] for name in names]
        )
        if found != len(objects):
            raise stale_rows(part, "UPDATE of", objects, _without_row(connection, part, objects), found)
    for name, written in values.items():
        for obj, value in zip(objects, written, strict=True):
            note_written(obj, name, value)


def _update_one(
    connection: Connection,
    part: MappedTable,
    names: tuple[str, ...],
    obj: MappedObject,
    key: list[Column[Any]],
    identity: list[Any],
) -> None:
    # a value that the database works out needs a statement of its own; it is loaded at the next access
    values = obj.__dict__
    # columns without an attribute take their onupdate from the statement
    statement = Update(part.table).values({part.columns[name]: stored_value(values[name]) for name in names})
    statement = statement.where(*(column == value for column, value in zip(key, identity, strict=True)))
    worked_out = [name for name in names if is_expression(values[name])]
    # the identity map goes by the new key
    new_key = [name for name in worked_out if name in part.key_names]
    if new_key:
        rows: list[Any] = connection.execute(statement.returning(*(part.columns[name] for name in new_key))).all()
        found = len(rows)
    else:
        rows, found = [()], connection.execute(statement).rowcount
    if found != 1:
        raise stale_rows(part, "UPDATE of", [obj], [obj], 0)
    for name in worked_out:
        del values[name]
    values.update(zip(new_key, rows[0], strict=True))


def _without_row(connection: Connection, part: MappedTable, objects: list[Any]) -> list[Any]:
    """Return the objects whose rows are gone, the first few of them."""
    gone = []
    # bounded: the message names five of them at most
    for obj in objects[:1000]:
        identity = identity_values(obj.__dict__[STATE].row_key)
        select = Select((func.count(),)).select_from(part.table)
        keyed = zip(part.key, part.positions, strict=True)
        if not connection.execute(select.where(*(c == identity[position] for c, position in keyed))).scalar():
            gone.append(obj)
        if len(gone) == 5:
            break
    return gone


def _refuse_missing_keys(mapper: Mapper, objects: list[Any]) -> None:
    # before any SQL: each database has words of its own for a key of NULL
    for obj in objects:
        values = obj.__dict__
        if any(values.get(name, name) is None for name in mapper.primary_key_names):
            raise FlushError(
                f"the primary key of {describe(obj)} was set to None. Delete the object instead, or give it another key."
            )


def _copy_keys(mapper: Mapper, objects: list[Any]) -> None:
    """Give the keys of joined tables that go by another name the value of their base's."""
    for own, source in [pair for part in mapper.stored for pair in part.copied]:
        for obj in objects:
            values = obj.__dict__
            if source in values:
                values[own] = values[source]


def _move_identities(session: Session, mapper: Mapper, objects: list[Any]) -> list[tuple[Any, tuple[Any, ...]]]:
    """Give objects the identity that their key columns say; return each with the key it had."""
    identities = session.objects.identities_of(mapper)
    moved = []
    for obj in objects:
        values = obj.__dict__
        state = values[STATE]
        old = identity_values(state.row_key)
        key = tuple(values.get(name, part) for name, part in zip(mapper.primary_key_names, old, strict=True))
        move_identity(session, identities, obj, key)
        moved.append((obj, old))
    return moved
