"""Writes a work list to the database: batches of INSERT, UPDATE and DELETE, in order, keys carried along.

Order of one flush: for each group of mappers, parents first, INSERTs and then UPDATEs; then rows of secondary tables, those to
be deleted first; then DELETEs, children first. So a unique key that a deleted object frees can be used again only after a flush.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask_uow.orm.exc import FlushError, StaleDataError
from flask_uow.orm.flush.collect import SecondaryRows, WorkList, require_in_session
from flask_uow.orm.flush.insert import insert_objects
from flask_uow.orm.flush.order import group_mappers, refers_to_itself, sort_levels
from flask_uow.orm.flush.update import set_column, update_objects
from flask_uow.orm.instrumentation.state import describe
from flask_uow.orm.symbols import STATE, Direction

__all__ = ["execute_work"]


def execute_work(session: Any, work: WorkList) -> None:
    """Write everything; the objects' bookkeeping follows each statement.

    :raises FlushError: when a key that a row needs is missing.
    :raises StaleDataError: when fewer rows were found than objects.
    :raises CircularDependencyError: when objects wait for each other.
    """
    groups = group_mappers(work.mappers())
    for group in groups:
        for objects_new, objects_changed in _steps(group, work):
            for mapper, objects in _by_mapper(objects_new).items():
                carry_keys(session, mapper, objects, work, only_changed=False)
                if mapper.has_hooks:
                    with_hooks("insert", insert_objects, session, mapper, objects)
                else:
                    insert_objects(session, mapper, objects)
            for mapper, objects in _by_mapper(objects_changed).items():
                carry_keys(session, mapper, objects, work, only_changed=True)
                if mapper.has_hooks:
                    with_hooks("update", update_objects, session, mapper, objects)
                else:
                    update_objects(session, mapper, objects)
    for rows in work.secondary:
        delete_secondary(session, rows)
    for rows in work.secondary:
        insert_secondary(session, rows)
    for group in reversed(groups):
        doomed = [obj for mapper in group for obj in work.deleted.get(mapper, ())]
        if not doomed:
            continue
        levels = sort_levels(group, doomed, work) if refers_to_itself(group) else [doomed]
        for level in reversed(levels):
            for mapper, objects in _by_mapper(level).items():
                if mapper.has_hooks:
                    with_hooks("delete", delete_objects, session, mapper, objects)
                else:
                    delete_objects(session, mapper, objects)


def with_hooks(
    kind: str, write: Callable[[Any, Any, list[Any]], None], session: Any, mapper: Any, objects: list[Any]
) -> None:
    """Write objects between calls of the mapper's extensions: ``before_insert`` and so on."""
    connection = session._connection_for(mapper)
    for obj in objects:
        mapper.hooks.call(f"before_{kind}", mapper, connection, obj)
    write(session, mapper, objects)
    for obj in objects:
        mapper.hooks.call(f"after_{kind}", mapper, connection, obj)


def _steps(group: Any, work: WorkList) -> list[tuple[list[Any], list[Any]]]:
    new = [obj for mapper in group for obj in work.new.get(mapper, ())]
    changed = [obj for mapper in group for obj in work.changed.get(mapper, ())]
    if not new or not refers_to_itself(group):
        return [(new, changed)] if new or changed else []
    steps: list[tuple[list[Any], list[Any]]] = [(level, []) for level in sort_levels(group, new, work)]
    return [*steps, ([], changed)]


def _by_mapper(objects: list[Any]) -> dict[Any, list[Any]]:
    found: dict[Any, list[Any]] = {}
    for obj in objects:
        mapper = type(obj).__mapper__
        members = found.get(mapper)
        if members is None:
            members = found[mapper] = []
        members.append(obj)
    return found


def carry_keys(session: Any, mapper: Any, objects: list[Any], work: WorkList, only_changed: bool) -> None:
    """Set the foreign keys of objects from the objects that their relationships lead to."""
    for prop in mapper.relationships.values():
        if prop.direction is Direction.MANY_TO_ONE and not prop.viewonly:
            _carry_many_to_one(session, prop, objects, only_changed)
    links = work.links.get(mapper)
    if links:
        members = {id(obj) for obj in objects}
        for link in links:
            if id(link.child) in members:
                for far, own in link.prop.pairs:
                    set_column(
                        link.child, own, _key_value(link.prop, link.parent, far) if link.parent is not None else None
                    )


def _carry_many_to_one(session: Any, prop: Any, objects: list[Any], only_changed: bool) -> None:
    key = prop.key
    for obj in objects:
        values = obj.__dict__
        if key not in values:
            continue
        target = values[key]
        if only_changed:
            changes = values[STATE].changes
            if changes is None or key not in changes:
                continue
        if target is None:
            if only_changed:
                for own, _ in prop.pairs:
                    set_column(obj, own, None)
            continue
        state = target.__dict__.get(STATE)
        if state is None or state.owner is None:
            require_in_session(session, obj, prop, target)
        for own, far in prop.pairs:
            value = target.__dict__.get(far)
            if value is None:
                value = _key_value(prop, target, far)
            if only_changed:
                set_column(obj, own, value)
            else:
                values[own] = value


def _key_value(prop: Any, obj: Any, name: str) -> Any:
    value = getattr(obj, name)
    if value is None:
        raise FlushError(
            f"cannot flush {prop.name}: {describe(obj)} has no value for {name!r}, which the foreign key needs."
            " Give it one, or let the database make it (an integer primary key)."
        )
    return value


def delete_objects(session: Any, mapper: Any, objects: list[Any]) -> None:
    """DELETE the rows of objects.

    :raises StaleDataError: when rows are gone already.
    """
    connection = session._connection_for(mapper)
    table = mapper.local_table
    identities = [obj.__dict__[STATE].identity for obj in objects]
    keys = [identities] if len(mapper.primary_key) == 1 else [list(column) for column in zip(*identities, strict=True)]
    found = connection.dialect.batch.delete(connection, table, mapper.primary_key, keys)
    if found != len(objects):
        raise StaleDataError(
            f"DELETE from {table.fullname!r} found {found} of {len(objects)} rows: {_name_some(objects)}. "
            "Someone else has deleted the others; roll back and load the objects again."
        )


def _name_some(objects: list[Any]) -> str:
    shown = ", ".join(describe(obj) for obj in objects[:5])
    return shown if len(objects) <= 5 else f"{shown} and {len(objects) - 5} more"


def _secondary_values(rows: SecondaryRows, pairs: list[tuple[Any, Any]]) -> tuple[list[Any], list[list[Any]]]:
    prop = rows.prop
    columns = [prop.secondary.c[name] for _, name in (*prop.secondary_pairs, *prop.remote_pairs)]
    values = [[_key_value(prop, left, own) for left, _ in pairs] for own, _ in prop.secondary_pairs]
    values += [[_key_value(prop, right, far) for _, right in pairs] for far, _ in prop.remote_pairs]
    return columns, values


def insert_secondary(session: Any, rows: SecondaryRows) -> None:
    """INSERT rows of a secondary table."""
    if rows.added:
        columns, values = _secondary_values(rows, rows.added)
        connection = session._connection_for(rows.prop.parent)
        connection.dialect.batch.insert(connection, rows.prop.secondary, columns, values, generated_key=None)


def delete_secondary(session: Any, rows: SecondaryRows) -> None:
    """DELETE rows of a secondary table.

    :raises StaleDataError: when rows are gone already.
    """
    if not rows.removed:
        return
    columns, values = _secondary_values(rows, rows.removed)
    connection = session._connection_for(rows.prop.parent)
    found = connection.dialect.batch.delete(connection, rows.prop.secondary, columns, values)
    if found != len(rows.removed):
        raise StaleDataError(
            f"DELETE from {rows.prop.secondary.fullname!r} (relationship {rows.prop.name}) found {found} of {len(rows.removed)} rows."
            " Someone else has changed the relationship; roll back and load the objects again."
        )
