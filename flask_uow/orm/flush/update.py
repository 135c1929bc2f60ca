"""UPDATEs of a flush: one batch for each table and set of changed columns (benchmark: update_dirty)."""

from __future__ import annotations

from typing import Any

from flask_uow.orm.exc import FlushError, StaleDataError
from flask_uow.orm.instrumentation.history import is_changed
from flask_uow.orm.instrumentation.state import describe
from flask_uow.orm.loading.column_loader import identity_values
from flask_uow.orm.symbols import NO_VALUE, STATE
from flask_uow.sql.dml import Update
from flask_uow.sql.expressions import ColumnOperators
from flask_uow.sql.functions import func
from flask_uow.sql.select import Select

__all__ = ["set_column", "update_objects"]


def set_column(obj: Any, name: str, value: Any) -> None:
    """Set a column in the course of a flush, with its original value kept."""
    values = obj.__dict__
    state = values[STATE]
    if state.identity is not None:
        present = values.get(name, NO_VALUE)
        if present is not NO_VALUE and present == value:
            return
        if state.changes is None:
            state.changes = {}
            if state.owner is not None:
                state.owner.modified[state] = obj
        state.changes.setdefault(name, present)
    values[name] = value


def update_objects(session: Any, mapper: Any, objects: list[Any]) -> None:
    """UPDATE the rows of objects that have a net change.

    :raises StaleDataError: when fewer rows were found than objects.
    :raises FlushError: when a primary key was set to NULL.
    """
    by_columns: dict[tuple[str, ...], list[Any]] = {}
    for obj in objects:
        names = _changed_columns(mapper, obj)
        if names:
            members = by_columns.get(names)
            if members is None:
                members = by_columns[names] = []
            members.append(obj)
    for names, members in by_columns.items():
        _update_batch(session, mapper, names, members)
        if any(name in names for name in mapper.primary_key_names):
            _move_identities(session, mapper, members)


def _changed_columns(mapper: Any, obj: Any) -> tuple[str, ...]:
    values = obj.__dict__
    changes = values[STATE].changes
    if not changes:
        return ()
    columns = mapper.columns
    names = [name for name, old in changes.items() if name in columns and is_changed(old, values.get(name, NO_VALUE))]
    if not names:
        return ()
    onupdate = mapper.memo.get("onupdate")
    if onupdate is None:
        onupdate = [(name, prop.column.onupdate) for name, prop in columns.items() if prop.column.onupdate is not None]
        mapper.memo["onupdate"] = onupdate
    for name, default in onupdate:
        if name not in names:
            values[name] = default.value()
            names.append(name)
    # one order of columns, so that objects changed in another order share a statement
    return tuple(names) if len(names) == 1 else tuple(name for name in columns if name in names)


def _update_batch(session: Any, mapper: Any, names: tuple[str, ...], objects: list[Any]) -> None:
    connection = session._connection_for(mapper)
    values = [[obj.__dict__[name] for obj in objects] for name in names]
    if any(issubclass(kind, ColumnOperators) for column in values for kind in set(map(type, column))):
        for obj in objects:
            _update_one(connection, mapper, names, obj)
        return
    identities = [obj.__dict__[STATE].identity for obj in objects]
    keys = [identities] if len(mapper.primary_key) == 1 else [list(column) for column in zip(*identities, strict=True)]
    columns = [mapper.columns[name].column for name in names]
    found = connection.dialect.batch.update(connection, mapper.local_table, mapper.primary_key, keys, columns, values)
    if found != len(objects):
        raise _stale(connection, mapper, objects, found)


def _update_one(connection: Any, mapper: Any, names: tuple[str, ...], obj: Any) -> None:
    # a value that the database works out needs a statement of its own; it is loaded at the next access
    values = obj.__dict__
    statement = Update(mapper.local_table).values({mapper.columns[name].column: values[name] for name in names})
    for column, value in zip(mapper.primary_key, identity_values(values[STATE].identity), strict=True):
        statement = statement.where(column == value)
    if connection.execute(statement).rowcount != 1:
        raise _stale(connection, mapper, [obj], 0)
    for name in names:
        if isinstance(values[name], ColumnOperators):
            del values[name]


def _stale(connection: Any, mapper: Any, objects: list[Any], found: int) -> StaleDataError:
    """Return the error that names the objects whose rows are gone."""
    gone = []
    for obj in objects[:1000]:
        identity = identity_values(obj.__dict__[STATE].identity)
        select = Select((func.count(),)).select_from(mapper.local_table)
        for column, value in zip(mapper.primary_key, identity, strict=True):
            select = select.where(column == value)
        if not connection.execute(select).scalar():
            gone.append(describe(obj))
        if len(gone) == 5:
            break
    return StaleDataError(
        f"UPDATE of {mapper.local_table.fullname!r} found {found} of {len(objects)} rows; gone: {', '.join(gone) or 'unknown'}."
        " Someone else has deleted them, or changed their keys; roll back and load the objects again."
    )


def _move_identities(session: Any, mapper: Any, objects: list[Any]) -> None:
    identities = session._identities_of(mapper)
    for obj in objects:
        values = obj.__dict__
        state = values[STATE]
        old = identity_values(state.identity)
        key = tuple(values.get(name, part) for name, part in zip(mapper.primary_key_names, old, strict=True))
        if None in key:
            raise FlushError(
                f"the primary key of {describe(obj)} was set to None. Delete the object instead, or give it another key."
            )
        identities.remove(state)
        session.transaction.moved.setdefault(state, state.identity)
        state.identity = key[0] if len(key) == 1 else key
        identities.put(state, obj)
