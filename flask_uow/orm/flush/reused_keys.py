"""Keys that a deleted object frees and another one takes in the same flush: which deletions have to come first.

A unit of work in which ``ed`` is deleted and another user named ``ed`` is added is right as a whole, and only an order of statements could make
it fail. So the rows whose primary key or unique values are taken again are deleted before anything is inserted, together with the rows that
refer to them; what refers to them and stays is updated before that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask_uow.orm.flush.collect import Link, WorkList, by_mapper
from flask_uow.orm.flush.order import Group, referring_families, split_by_reference
from flask_uow.orm.loading.column_loader import identity_values
from flask_uow.orm.symbols import NO_VALUE, STATE, Direction
from flask_uow.sql.constraints import UniqueConstraint
from flask_uow.sql.schema import Column

__all__ = ["families_to_delete_first", "updates_to_make_first"]


def families_to_delete_first(work: WorkList, groups: list[Group]) -> set[Any]:
    """Return the families whose deletions have to come before the insertions."""
    found: set[Any] = set()
    for base, doomed in work.deleted.items():
        others = [*work.new.get(base, ()), *work.changed.get(base, ())]
        if _reuses_key(base, doomed, others, work.links.get(base, ())):
            found.add(base)
    waiting = list(found)
    for base in waiting:
        for other in referring_families(base, work.deleted):
            if other not in found:
                found.add(other)
                waiting.append(other)
    return found


def updates_to_make_first(work: WorkList, families: set[Any]) -> dict[Any, list[Any]]:
    """Return the changed objects that may refer to rows that are deleted first, and refer to nothing that is still to be inserted."""
    found: dict[Any, list[Any]] = {}
    referring = {other for base in families for other in referring_families(base, work.changed)}
    new = [obj for members in work.new.values() for obj in members]
    for base in work.changed:
        if base not in referring:
            continue
        doomed = work.deleted.get(base, ())
        links = work.links.get(base, ())
        early, late = split_by_reference(work.changed[base], new, work)
        late += [obj for obj in early if _reuses_key(base, doomed, [obj], links)]
        waiting = {id(obj) for obj in late}
        early = [obj for obj in early if id(obj) not in waiting]
        found[base] = early
        work.changed[base] = late
        work.updated_first.extend(early)
    return found


def _unique_keys(mapper: Any) -> tuple[tuple[str, ...], ...]:
    """Return the attributes of each primary key and unique constraint of a mapper's tables."""
    found: tuple[tuple[str, ...], ...] | None = mapper.memo.get("unique keys")
    if found is None:
        keys = {mapper.primary_key_names: None}
        for part in mapper.stored:
            unique = [c.columns for c in part.table.constraints if isinstance(c, UniqueConstraint)]
            # a partial index, too: a deletion that comes first without need does no harm
            unique += [index.expressions for index in part.table.indexes if index.unique]
            for columns in unique:
                if columns and all(isinstance(c, Column) and mapper.maps_column(c) for c in columns):
                    keys[tuple(mapper.name_of_column(column) for column in columns)] = None
        found = mapper.memo["unique keys"] = tuple(keys)
    return found


def _reuses_key(base: Any, doomed: Any, others: list[Any], links: Sequence[Link]) -> bool:
    """Return True when one of the objects will have a unique key that a doomed one has.

    :param links: what foreign keys of the objects follow from collections.
    """
    if not doomed or not others:
        return False
    carried: dict[int, dict[str, Any]] = {}
    for link in links:
        if link.parent is not None:
            values = carried.setdefault(id(link.child), {})
            values.update((own, _present_value(link.parent, far)) for far, own in link.prop.pairs)
    freed: dict[tuple[str, ...], set[Any]] = {}
    for mapper, members in by_mapper(base, list(doomed)).items():
        for names in _unique_keys(mapper):
            freed.setdefault(names, set()).update(_stored_key(obj, names) for obj in members)
    for mapper, members in by_mapper(base, others).items():
        for names in _unique_keys(mapper):
            keys = freed.get(names)
            if not keys:
                continue
            if any(_future_key(obj, names, carried.get(id(obj), {})) in keys for obj in members):
                return True
    return False


def _stored_key(obj: Any, names: tuple[str, ...]) -> tuple[Any, ...]:
    state = obj.__dict__[STATE]
    values, changes = obj.__dict__, state.changes or {}
    identity = dict(zip(type(obj).__mapper__.primary_key_names, identity_values(state.identity), strict=True))
    found = []
    for name in names:
        if name in identity:
            # known also where the object is expired
            found.append(identity[name])
            continue
        value = changes.get(name, values.get(name, NO_VALUE))
        found.append(getattr(obj, name) if value is NO_VALUE else value)
    return tuple(found)


def _future_key(obj: Any, names: tuple[str, ...], carried: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """Return the values that an object will have, those of foreign keys from what it refers to; None where one is missing.

    :param carried: those that follow from collections that it is in.
    """
    found = tuple(carried[name] if name in carried else _future_value(obj, name) for name in names)
    return None if None in found else found


def _future_value(obj: Any, name: str) -> Any:
    for prop in type(obj).__mapper__.relationships.values():
        if prop.direction is Direction.MANY_TO_ONE and obj.__dict__.get(prop.key) is not None:
            for own, far in prop.pairs:
                if own == name:
                    return _present_value(obj.__dict__[prop.key], far)
    return _present_value(obj, name)


def _present_value(obj: Any, name: str) -> Any:
    """Return a value without loading it; a key is known also of an expired object."""
    value = obj.__dict__.get(name)
    if value is None and (state := obj.__dict__.get(STATE)) is not None and state.identity is not None:
        keys = type(obj).__mapper__.primary_key_names
        if name in keys and name not in obj.__dict__:
            return identity_values(state.identity)[keys.index(name)]
    return value
