"""The move of a Session's objects from a replica to the primary, before the first write.

What a replica has told may be old. So all that was read is expired, to be loaded anew from the primary. An object that was changed (or marked as
deleted) keeps its changes, which may have been computed from what was read: its row is loaded from the primary, and has to be the one that was
read. That is optimistic locking by all columns that were loaded.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flask_uow.orm.exc import StaleReadError
from flask_uow.orm.loading.column_loader import load_columns
from flask_uow.orm.state.expiry import Keep, expire_all, expire_object
from flask_uow.orm.state.history import is_changed
from flask_uow.orm.state.instance_state import InstanceState, describe
from flask_uow.orm.symbols import NO_VALUE, PENDING

if TYPE_CHECKING:
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.session.session import Session

__all__ = ["forget_what_was_read"]


def forget_what_was_read(session: Session) -> None:
    """Expire all that was read, and make sure of the rows that are to be changed.

    :raises StaleReadError: when such a row is another one now, or gone.
    """
    objects = session.objects
    # finds what has changed in place, too
    objects.has_changes()
    changed: dict[Mapper, dict[InstanceState, Any]] = {}
    for state, obj in [*objects.modified.items(), *objects.deleted.items()]:
        if state.row_key is not None:
            changed.setdefault(type(obj).__mapper__, {})[state] = obj
    expire_all(objects, None, Keep.LOADED if session.observer.keeps_values else Keep.NOTHING, spares_changed=True)
    for mapper, members in changed.items():
        _check_rows(session, mapper, members)
        for state, obj in members.items():
            own = {*(state.changes or ()), *obj.__dict__.get(PENDING, ())}
            expire_object(
                obj,
                state,
                [name for name, _ in mapper.relationships.items() if name in obj.__dict__ and name not in own],
            )


def _check_rows(session: Session, mapper: Mapper, members: dict[InstanceState, Any]) -> None:
    """Load the columns of objects from the primary, but for those that were changed, and compare them with what was read."""
    stored = [name for name, prop in mapper.column_attrs.items() if prop.is_stored]
    read: dict[InstanceState, dict[str, Any]] = {}
    own: dict[InstanceState, dict[str, Any]] = {}
    names: dict[str, None] = {}
    for state, obj in members.items():
        changes = state.changes or {}
        was = read[state] = {
            name: changes.get(name, obj.__dict__.get(name, NO_VALUE))
            for name in stored
            if name in obj.__dict__ or name in changes
        }
        names.update(dict.fromkeys(name for name in was if was[name] is not NO_VALUE))
        own[state] = {name: obj.__dict__[name] for name in changes if name in obj.__dict__}
    if not names:
        return
    # taken out for a moment, since only what is absent is loaded
    before = {
        state: {name: obj.__dict__.pop(name) for name in names if name in obj.__dict__}
        for state, obj in members.items()
    }
    try:
        load_columns(session, mapper, list(members.values()), tuple(names))
        for state, obj in members.items():
            _compare(obj, read[state], names)
    finally:
        for state, obj in members.items():
            for name, value in before[state].items():
                obj.__dict__.setdefault(name, value)
            obj.__dict__.update(own[state])


def _compare(obj: object, read: dict[str, Any], names: Iterable[str]) -> None:
    for name in names:
        now = obj.__dict__.get(name, NO_VALUE)
        if now is NO_VALUE:
            what = "its row is gone"
        elif read.get(name, NO_VALUE) is not NO_VALUE and is_changed(read[name], now):
            what = f"its {name} is another one"
        else:
            continue
        raise StaleReadError(
            f"{describe(obj)} was read from a replica and changed, but in the primary {what}: the change is about values that are old. Read it from"
            " the primary to begin with: a view is marked with @db.use_primary, or calls db.use_primary() before."
        )
