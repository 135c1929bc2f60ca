"""A row that one object gives up and another one takes over: a deleted object, and a new one of the same class and key.

Where nothing refers to the row, a DELETE and an INSERT do. Where objects have moved from the one to the other, the row must stay all the time,
since they refer to it; so it is updated with all the values of the new object.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from flask_uow.orm.flush.insert import prepare
from flask_uow.orm.flush.keys import carried_values
from flask_uow.orm.flush.settle import enter_inserted, free_keys
from flask_uow.orm.flush.tables import TableUpdate
from flask_uow.orm.flush.unique_values import future_key
from flask_uow.orm.flush.update import update_batch
from flask_uow.orm.flush.work import WorkList, by_mapper
from flask_uow.orm.mapping.mapped_table import MappedTable, is_expression, stored_value
from flask_uow.orm.state.keys import identity_values
from flask_uow.orm.symbols import NO_VALUE, STATE, Direction
from flask_uow.sql.constructors import literal
from flask_uow.sql.sequences import Computed, FetchedValue, Identity

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.session.session import Session

__all__ = ["find_switches", "switch_rows"]


def find_switches(work: WorkList) -> dict[int, Any]:
    """Return the deleted objects whose rows new ones take over, by the ids of these; the rows stay."""
    switched: dict[int, Any] = {}
    referred: set[int] | None = None
    for base, doomed in work.deleted.items():
        new = work.new.get(base)
        if not new:
            continue
        by_key = {identity_values(obj.__dict__[STATE].row_key): obj for obj in doomed}
        carried = carried_values(work.links.get(base, ()))
        for obj in new:
            old = by_key.get(future_key(obj, base.primary_key_names, carried.get(id(obj), {})) or ())
            if old is None or type(old).__mapper__ is not type(obj).__mapper__:
                continue
            # only where there is a candidate, since it goes through all changed objects
            if referred is None:
                referred = set(_referred(work))
            if id(obj) in referred:
                switched[id(obj)] = old
    return switched


def _referred(work: WorkList) -> Iterator[int]:
    """Yield the ids of objects to which rows that stay will refer."""
    for members in work.changed.values():
        for obj in members:
            for prop in type(obj).__mapper__.relationships.values():
                if prop.direction is Direction.MANY_TO_ONE and not prop.viewonly:
                    yield id(obj.__dict__.get(prop.key))
    for link in (*(link for links in work.links.values() for link in links), *work.late_links):
        state = link.child.__dict__[STATE]
        if state.row_key is not None and state not in work.changes.deleted:
            yield id(link.parent)


def switch_rows(session: Session, base: Mapper, objects: list[Any], replaced: list[Any]) -> None:
    """Write new objects into the rows of deleted ones, and make them persistent.

    :param objects: the new objects.
    :param replaced: the deleted ones, in the same order.
    :raises StaleDataError: when a row is gone.
    """
    # at once, since the identity map has room for one object of a key
    free_keys(session, replaced)
    old_of = {id(obj): old for obj, old in zip(objects, replaced, strict=True)}
    for mapper, members in by_mapper(base, objects).items():
        prepare(mapper, members)
        for obj in members:
            _take_over(mapper, obj, old_of[id(obj)])
            for part in mapper.stored:
                update = TableUpdate.of(mapper, part, _set_all(mapper, part, obj), [])
                if update is not None:
                    update_batch(session, mapper, update, [obj])
    enter_inserted(session, base, objects)


def _take_over(mapper: Mapper, obj: MappedObject, old: MappedObject) -> None:
    state, before = obj.__dict__[STATE], old.__dict__[STATE]
    state.row_key = before.row_key
    if mapper.versioning is not None:
        name = mapper.versioning.name
        version = (before.changes or {}).get(name, NO_VALUE)
        # the UPDATE looks for the version that was loaded
        state.changes = {name: old.__dict__.get(name) if version is NO_VALUE else version}


def _set_all(mapper: Mapper, part: MappedTable, obj: MappedObject) -> tuple[str, ...]:
    """Give a value to each attribute that a row of its own would have one of; return those that are not the key."""
    values = obj.__dict__
    for own, source in part.copied:
        values[own] = values.get(source)
    for name, default in part.defaults:
        if name not in values:
            values[name] = default.value(values)
    names = []
    versioning = mapper.versioning
    for name, column in part.columns.items():
        if versioning is not None and versioning.is_given and name == versioning.name and name not in values:
            continue
        given = column.server_default
        if column in part.key or isinstance(given, Computed):
            continue
        if name not in values and given is not None:
            if isinstance(given, (FetchedValue, Identity)):
                # what the database makes of it, nobody knows
                continue
            values[name] = stored_value(given) if is_expression(given) else literal(given, column.type)
        values.setdefault(name, None)
        names.append(name)
    return tuple(names)
