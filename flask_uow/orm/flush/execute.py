"""Writes a work list to the database: batches of INSERT, UPDATE and DELETE, in order, keys carried along.

Order of one flush: for each group of families, parents first, UPDATEs and then INSERTs, and UPDATEs that refer to new rows after these; then
foreign keys of relationships with ``post_update``; then rows of secondary tables, those to be deleted first; then DELETEs, children first. Where
a new or changed row takes a primary key or unique values that a deleted one frees, the deletions come first: see :mod:`~flask_uow.orm.flush.reused_keys`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flask_uow.orm.exc import FlushError, StaleDataError
from flask_uow.orm.flush.collect import (
    Link,
    SecondaryRows,
    WorkList,
    by_mapper,
    require_in_session,
    require_stored,
    waits,
)
from flask_uow.orm.flush.insert import insert_objects
from flask_uow.orm.flush.order import Group, group_mappers, refers_to_itself, sort_levels, split_by_reference
from flask_uow.orm.flush.reused_keys import families_to_delete_first, updates_to_make_first
from flask_uow.orm.flush.row_switch import find_switches, switch_rows
from flask_uow.orm.flush.unique_order import in_turns, those_that_take
from flask_uow.orm.flush.unique_values import carried_values
from flask_uow.orm.flush.update import has_null, not_among, set_column, stale_rows, update_objects, versioned_key
from flask_uow.orm.mapping.mapped_table import MappedTable
from flask_uow.orm.state.cascades import related
from flask_uow.orm.state.instance_state import describe
from flask_uow.orm.state.keys import identity_values
from flask_uow.orm.symbols import STATE, Direction
from flask_uow.sql.dml import Delete

__all__ = ["execute_work"]


def execute_work(session: Any, work: WorkList) -> None:
    """Write everything; the objects' bookkeeping follows each statement.

    :raises FlushError: when a key that a row needs is missing.
    :raises StaleDataError: when fewer rows were found than objects.
    :raises CircularDependencyError: when objects wait for each other.
    """
    groups = group_mappers(work.families())
    if work.deleted and work.new:
        find_switches(session, work)
    _delete_first(session, groups, work)
    for group in groups:
        for objects_new, objects_changed in _steps(group, work):
            # UPDATEs first: they may free a unique value that a new row takes, and new rows free none
            for base, objects in _by_family(objects_changed).items():
                _update(session, base, objects, work)
            for base, objects in _by_family(objects_new).items():
                _insert(session, base, objects, work)
    _write_late_links(session, work.late_links)
    for rows in work.secondary:
        delete_secondary(session, rows)
    for rows in work.secondary:
        insert_secondary(session, rows)
    _clear_late_links(session, work)
    _delete_groups(session, groups, work, {base for group in groups for base in group})


def _insert(session: Any, base: Any, objects: list[Any], work: WorkList) -> None:
    if work.switched:
        taking = [obj for obj in objects if id(obj) in work.switched]
        objects = [obj for obj in objects if id(obj) not in work.switched]
        if taking:
            _switch(session, base, taking, work)
        if not objects:
            return
    members = by_mapper(base, objects)
    for mapper, own in members.items():
        carry_keys(session, mapper, own, work, only_changed=False)
    if any(mapper.has_hooks for mapper in members):
        with_hooks("insert", lambda some: insert_objects(session, base, some), session, objects)
    else:
        insert_objects(session, base, objects)


def _switch(session: Any, base: Any, objects: list[Any], work: WorkList) -> None:
    """Write new objects into the rows of deleted ones; for extensions this is a deletion and an insertion."""
    members = by_mapper(base, objects)
    for mapper, own in members.items():
        carry_keys(session, mapper, own, work, only_changed=False)
    if any(mapper.has_hooks for mapper in members):
        with_hooks("delete", lambda some: None, session, [work.switched[id(obj)] for obj in objects])
        with_hooks("insert", lambda some: switch_rows(session, base, some, work), session, objects)
    else:
        switch_rows(session, base, objects, work)


def _update(session: Any, base: Any, objects: list[Any], work: WorkList) -> None:
    members = by_mapper(base, objects)
    for mapper, own in members.items():
        carry_keys(session, mapper, own, work, only_changed=True)
    # objects of one class are put in order together with their columns
    for turn in in_turns(session, base, objects) if len(members) > 1 else [objects]:
        for mapper, own in by_mapper(base, turn).items():
            if mapper.has_hooks:
                with_hooks("update", lambda some, m=mapper: update_objects(session, m, some), session, own)  # type: ignore[misc]
            else:
                update_objects(session, mapper, own)


def _delete_groups(session: Any, groups: list[Group], work: WorkList, families: set[Any]) -> None:
    for group in reversed(groups):
        doomed = [obj for base in group if base in families for obj in work.deleted.get(base, ())]
        if not doomed:
            continue
        levels = sort_levels(group, doomed, work) if refers_to_itself(group) else [doomed]
        for level in reversed(levels):
            for base, objects in _by_family(level).items():
                for mapper, own in by_mapper(base, objects).items():
                    if mapper.has_hooks:
                        with_hooks("delete", lambda some, m=mapper: delete_objects(session, m, some), session, own)  # type: ignore[misc]
                    else:
                        delete_objects(session, mapper, own)


def _delete_first(session: Any, groups: list[Group], work: WorkList) -> None:
    """Delete the objects whose keys are reused in this flush, and those that refer to them."""
    families = families_to_delete_first(session, work, groups) if work.deleted and (work.new or work.changed) else set()
    if not families:
        return
    for rows in work.secondary:
        delete_secondary(session, rows)
        rows.removed = []
    for base, objects in updates_to_make_first(work, families).items():
        _update(session, base, objects, work)
    _clear_late_links(session, work)
    _delete_groups(session, groups, work, families)
    for base in families:
        for obj in work.deleted.pop(base, ()):
            session.transaction.deleted[obj.__dict__[STATE]] = obj
            obj.__dict__[STATE].owner.remove(obj.__dict__[STATE])
            work.deleted_first.append(obj)


def with_hooks(kind: str, write: Callable[[list[Any]], None], session: Any, objects: list[Any]) -> None:
    """Write objects between calls of their mappers' extensions: ``before_insert`` and so on.

    Around all of them; with ``batch=False`` around each.
    """
    mappers = {type(obj).__mapper__ for obj in objects}
    if len(objects) > 1 and not all(mapper.batch for mapper in mappers):
        for obj in objects:
            with_hooks(kind, write, session, [obj])
        return
    connections = {mapper: session.connection_for(mapper) for mapper in mappers}
    for obj in objects:
        mapper = type(obj).__mapper__
        mapper.hooks.call(f"before_{kind}", mapper, connections[mapper], obj)
    write(objects)
    for obj in objects:
        mapper = type(obj).__mapper__
        mapper.hooks.call(f"after_{kind}", mapper, connections[mapper], obj)


def _steps(group: Group, work: WorkList) -> list[tuple[list[Any], list[Any]]]:
    """Return the new and the changed objects of a group, step by step; in each the changed ones are written first."""
    new = [obj for base in group for obj in work.new.get(base, ())]
    changed = [obj for base in group for obj in work.changed.get(base, ())]
    if not new or not refers_to_itself(group):
        return [(new, changed)] if new or changed else []
    early, late = split_by_reference(changed, new, work) if changed else ([], [])
    if early and late:
        early, late = _after_those_that_leave(early, late, work)
    steps: list[tuple[list[Any], list[Any]]] = [(level, []) for level in sort_levels(group, new, work)]
    return [([], early), *steps, ([], late)]


def _after_those_that_leave(early: list[Any], late: list[Any], work: WorkList) -> tuple[list[Any], list[Any]]:
    """Have those of the early objects wait that take a unique value which a late one leaves."""
    waiting: set[int] = set()
    members = _by_family(early)
    for base, leaving in _by_family(late).items():
        carried = carried_values(work.links.get(base, ()))
        waiting.update(map(id, those_that_take(base, members.get(base, []), leaving, carried)))
    if not waiting:
        return early, late
    return [obj for obj in early if id(obj) not in waiting], [*late, *(obj for obj in early if id(obj) in waiting)]


def _by_family(objects: list[Any]) -> dict[Any, list[Any]]:
    found: dict[Any, list[Any]] = {}
    for obj in objects:
        base = type(obj).__mapper__.base_mapper
        members = found.get(base)
        if members is None:
            members = found[base] = []
        members.append(obj)
    return found


def carry_keys(session: Any, mapper: Any, objects: list[Any], work: WorkList, only_changed: bool) -> None:
    """Set the foreign keys of objects from the objects that their relationships lead to."""
    for prop in mapper.relationships.values():
        if prop.direction is Direction.MANY_TO_ONE and not prop.viewonly and not prop.post_update:
            _carry_many_to_one(session, prop, objects, work, only_changed)
    links = work.links.get(mapper.base_mapper)
    if links:
        members = {id(obj) for obj in objects}
        for link in links:
            if id(link.child) in members:
                _set_foreign_key(link, [(own, far) for far, own in link.prop.pairs])


def _carry_many_to_one(session: Any, prop: Any, objects: list[Any], work: WorkList, only_changed: bool) -> None:
    key, waiting = prop.key, work.waiting
    # where an object of a subclass may come that would not be loaded as one
    is_strict = prop.takes_no_subclass and bool(prop.mapper.subclasses)
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
            if only_changed and not _was_given_a_key_since(prop, values[STATE].changes):
                _clear_foreign_key(prop, obj)
            continue
        if waiting and waits(work, target):
            work.kept.append((obj, prop))
            continue
        state = target.__dict__.get(STATE)
        if is_strict or state is None or state.owner is None:
            require_in_session(session, obj, prop, target)
        for own, far in prop.pairs:
            value = target.__dict__.get(far)
            if value is None:
                value = _key_value(prop, target, far)
            if only_changed:
                set_column(obj, own, value)
            else:
                values[own] = value


def _was_given_a_key_since(prop: Any, changes: dict[str, Any]) -> bool:
    """Return True where a reference was None before, was set to None again, and its foreign key was set by hand after that."""
    if changes[prop.key] is not None:
        return False
    # changes are noted in the order in which they were first made
    names = iter(changes)
    for name in names:
        if name == prop.key:
            break
    return not set(names).isdisjoint(prop.names_to_clear)


def _clear_foreign_key(prop: Any, child: Any) -> None:
    """Clear the foreign key of an object that refers to nothing any more.

    :raises FlushError: when that is part of its primary key.
    """
    for own in prop.names_to_clear:
        state = child.__dict__[STATE]
        if state.row_key is not None and own in type(child).__mapper__.primary_key_names:
            raise FlushError(
                f"cannot flush {prop.name}: {describe(child)} is to refer to nothing any more, and {own!r} is part of its primary key, which cannot"
                " be empty. Delete the object, or give it another one to refer to (the cascade 'all, delete-orphan' deletes it by itself)."
            )
        set_column(child, own, None)


def _set_foreign_key(link: Link, pairs: Iterable[tuple[str, str]]) -> None:
    """Set the foreign key of a link's child, by pairs of attributes: the child's and the parent's."""
    if link.parent is None:
        _clear_foreign_key(link.prop, link.child)
        return
    for own, far in pairs:
        set_column(link.child, own, _key_value(link.prop, link.parent, far))


def _key_value(prop: Any, obj: Any, name: str) -> Any:
    value = getattr(obj, name)
    if value is None:
        raise FlushError(
            f"cannot flush {prop.name}: {describe(obj)} has no value for {name!r}, which the foreign key needs."
            " Give it one, or let the database make it (an integer primary key)."
        )
    return value


def _write_late_links(session: Any, links: list[Link]) -> None:
    """Write the foreign keys of relationships with ``post_update``, when all rows are there."""
    children: dict[Any, dict[int, Any]] = {}
    written: list[tuple[Any, str]] = []
    for link in links:
        mapper = type(link.child).__mapper__
        pairs = link.prop.pairs
        if link.prop.direction is Direction.ONE_TO_MANY:
            pairs = tuple((own, far) for far, own in pairs)
        _set_foreign_key(link, pairs)
        written.extend((link.child, own) for own, _ in pairs)
        children.setdefault(mapper, {})[id(link.child)] = link.child
    for mapper, objects in children.items():
        update_objects(session, mapper, list(objects.values()))
    for child, name in written:
        state = child.__dict__[STATE]
        if state.changes is not None:
            state.changes.pop(name, None)
            if not state.changes and state in session.objects.new:
                state.changes = None
                state.owner.modified.pop(state, None)


def _clear_late_links(session: Any, work: WorkList) -> None:
    """Clear the foreign keys by which objects that are to be deleted refer to each other, where ``post_update`` says so."""
    links = []
    for base, family in work.deleted.items():
        for mapper, objects in by_mapper(base, family).items():
            for prop in mapper.relationships.values():
                if not prop.post_update or prop.viewonly or prop.direction is not Direction.MANY_TO_ONE:
                    continue
                for obj in objects:
                    if any(getattr(obj, own) is not None for own in prop.names_to_clear):
                        links.append(Link(prop, obj, None))
            for prop in mapper.relationships.values():
                if prop.post_update and prop.reverse is None and prop.direction is Direction.ONE_TO_MANY:
                    links.extend(
                        Link(prop, child, None)
                        for obj in objects
                        for child in related(obj, prop, load=True)
                        if child.__dict__[STATE] in session.objects.deleted
                    )
    _write_late_links(session, links)


def delete_objects(session: Any, mapper: Any, objects: list[Any]) -> None:
    """DELETE the rows of objects, from the table of the class up to that of its base.

    :raises StaleDataError: when rows are gone already, or have another version by now.
    :raises FlushError: when no table of the class can be written to.
    """
    connection = session.connection_for(mapper)
    batch = connection.dialect.batch
    require_stored(mapper, objects[0], "deleted")
    for part in reversed(mapper.stored):
        versioning = mapper.versioning
        if versioning is not None and versioning.name in part.columns:
            key, values = versioned_key(part, versioning, objects)
            if has_null(values):
                _delete_one_by_one(connection, part, key, values, objects)
                continue
            rows = batch.delete_returning(connection, part.table, key, values, part.key)
            if len(rows) != len(objects):
                gone = not_among(connection, part, objects, rows)
                raise stale_rows(part, "DELETE from", objects, gone, len(rows))
            continue
        key, values = versioned_key(part, None, objects)
        if has_null(values):
            _delete_one_by_one(connection, part, key, values, objects)
            continue
        found = batch.delete(connection, part.table, key, values)
        if found != len(objects):
            raise StaleDataError(
                f"DELETE from {part.table.fullname!r} found {found} of {len(objects)} rows: {_name_some(objects)}. "
                "Someone else has deleted the others; roll back and load the objects again."
            )


def _delete_one_by_one(
    connection: Any, part: MappedTable, key: list[Any], values: list[list[Any]], objects: list[Any]
) -> None:
    # with NULL in a key, or for a version: that takes another condition
    for obj, identity in zip(objects, zip(*values, strict=True), strict=True):
        row = Delete(part.table).where(*(column == value for column, value in zip(key, identity, strict=True)))
        if connection.execute(row).rowcount != 1:
            raise stale_rows(part, "DELETE from", [obj], [obj], 0)


def _name_some(objects: list[Any]) -> str:
    shown = ", ".join(describe(obj) for obj in objects[:5])
    return shown if len(objects) <= 5 else f"{shown} and {len(objects) - 5} more"


def _secondary_values(
    rows: SecondaryRows, pairs: list[tuple[Any, Any]], value_of: Callable[[Any, Any, str], Any]
) -> tuple[list[Any], list[list[Any]]]:
    prop = rows.prop
    columns = [prop.secondary.c[name] for _, name in (*prop.secondary_pairs, *prop.remote_pairs)]
    values = [[value_of(prop, left, own) for left, _ in pairs] for own, _ in prop.secondary_pairs]
    values += [[value_of(prop, right, far) for _, right in pairs] for far, _ in prop.remote_pairs]
    return columns, values


def _stored_value(prop: Any, obj: Any, name: str) -> Any:
    """Return the part of a key that rows of a secondary table have: a new one counts when it was written."""
    state = obj.__dict__[STATE]
    names = type(obj).__mapper__.primary_key_names
    if state.changes and name in state.changes and name in names and state.row_key is not None:
        return identity_values(state.row_key)[names.index(name)]
    return _key_value(prop, obj, name)


def insert_secondary(session: Any, rows: SecondaryRows) -> None:
    """INSERT rows of a secondary table."""
    if rows.added:
        columns, values = _secondary_values(rows, rows.added, _key_value)
        connection = session.connection_for(rows.prop.parent)
        connection.dialect.batch.insert(connection, rows.prop.secondary, columns, values, generated_key=None)


def delete_secondary(session: Any, rows: SecondaryRows) -> None:
    """DELETE rows of a secondary table.

    :raises StaleDataError: when rows are gone already.
    """
    if not rows.removed:
        return
    columns, values = _secondary_values(rows, rows.removed, _stored_value)
    connection = session.connection_for(rows.prop.parent)
    found = connection.dialect.batch.delete(connection, rows.prop.secondary, columns, values)
    if found != len(rows.removed):
        raise StaleDataError(
            f"DELETE from {rows.prop.secondary.fullname!r} (relationship {rows.prop.name}) found {found} of {len(rows.removed)} rows."
            " Someone else has changed the relationship; roll back and load the objects again."
        )
