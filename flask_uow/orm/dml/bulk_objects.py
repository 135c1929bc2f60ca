"""The bulk methods of a Session under the names that SQLAlchemy has for them: rows as mappings, and objects that are saved as rows.

They are ways of calling :mod:`~flask_uow.orm.dml.bulk` and :mod:`~flask_uow.orm.dml.keyed`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableMapping
from itertools import groupby
from typing import TYPE_CHECKING, Any

from flask_uow.orm.dml.bulk import bulk_insert, stored_columns
from flask_uow.orm.dml.keyed import update_by_key
from flask_uow.orm.state.history import get_history
from flask_uow.orm.state.instance_state import InstanceState, instance_state
from flask_uow.orm.state.keys import identity_values

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.session.session import Session

__all__ = ["insert_mappings", "save_objects", "update_mappings"]


def insert_mappings(
    session: Session,
    mapper: Mapper,
    mappings: Iterable[MutableMapping[str, Any]],
    return_defaults: bool,
    render_nulls: bool,
) -> None:
    """Insert rows; see :meth:`flask_uow.orm.Session.bulk_insert_mappings`."""
    if not return_defaults:
        bulk_insert(session, mapper, mappings, False, None, render_nulls)
        return
    rows = list(mappings)
    keys = bulk_insert(session, mapper, rows, True, None, render_nulls)
    for row, key in zip(rows, keys, strict=True):
        row.update(zip(mapper.primary_key_names, identity_values(key), strict=True))


def update_mappings(session: Session, mapper: Mapper, mappings: Iterable[Any]) -> None:
    """Update rows by their keys; see :meth:`flask_uow.orm.Session.bulk_update_mappings`."""
    update_by_key(session, mapper, mappings, called="bulk_update_mappings()")


def save_objects(
    session: Session, objects: Iterable[Any], return_defaults: bool, update_changed_only: bool, preserve_order: bool
) -> None:
    """Insert or update the rows of objects; see :meth:`flask_uow.orm.Session.bulk_save_objects`."""
    given = [instance_state(obj) for obj in objects]
    # before anything is read from objects: those of this Session may be written by that, and have another version then
    session.autoflush_now()
    for mapper, has_row, states in _groups(given, preserve_order):
        members = [state.obj for state in states]
        if has_row:
            rows = [_values(state, obj, update_changed_only) for state, obj in zip(states, members, strict=True)]
            update_by_key(session, mapper, [row for row in rows if row], called="bulk_save_objects()")
            continue
        keys = bulk_insert(session, mapper, members, return_defaults, None)
        if return_defaults:
            for obj, key in zip(members, keys, strict=True):
                obj.__dict__.update(zip(mapper.primary_key_names, identity_values(key), strict=True))


def _groups(states: list[InstanceState], preserve_order: bool) -> Iterator[tuple[Any, bool, list[InstanceState]]]:
    """Yield the objects of one class that are all new, or all have a row; neighbours only where the order matters."""

    def kind(state: InstanceState) -> tuple[Any, bool]:
        return (state.mapper, state.has_identity)

    if not preserve_order:
        order: dict[Any, int] = {}
        for state in states:
            order.setdefault(kind(state), len(order))
        states = sorted(states, key=lambda state: order[kind(state)])
    for (mapper, has_row), members in groupby(states, kind):
        yield mapper, has_row, list(members)


def _values(state: InstanceState, obj: MappedObject, changed_only: bool) -> dict[str, Any] | None:
    """Return the key of an object with the values to be written; None where there are none."""
    mapper = state.mapper
    identity = state.identity
    assert identity is not None
    values = obj.__dict__
    names = [name for name in stored_columns(mapper) if name in values]
    if changed_only:
        names = [name for name in names if name in (state.changes or ()) and get_history(obj, name).has_changes()]
        if not names:
            return None
    row = {name: values[name] for name in names}
    version = mapper.versioning.name if mapper.versioning is not None else None
    if version is not None and version in values:
        # that of the row, whatever was set by hand
        row[version] = (state.changes or {}).get(version, values[version])
    return {**row, **dict(zip(mapper.primary_key_names, identity, strict=True))}
