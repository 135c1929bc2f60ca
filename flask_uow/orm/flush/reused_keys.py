"""Keys that a deleted object frees and another one takes in the same flush: which deletions have to come first.

A unit of work in which ``ed`` is deleted and another user named ``ed`` is added is right as a whole, and only an order of statements could make
it fail. So the rows whose primary key or unique values are taken again are deleted before anything is inserted, together with the rows that
refer to them; what refers to them and stays is updated before that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_uow.orm.flush.collect import Link, WorkList, by_mapper
from flask_uow.orm.flush.order import Group, referring_families, split_by_reference
from flask_uow.orm.flush.unique_order import those_that_take
from flask_uow.orm.flush.unique_values import carried_values, find_originals, future_key, stored_key, unique_keys

__all__ = ["families_to_delete_first", "updates_to_make_first"]


def families_to_delete_first(session: Any, work: WorkList, groups: list[Group]) -> set[Any]:
    """Return the families whose deletions have to come before the insertions."""
    found: set[Any] = set()
    for base, doomed in work.deleted.items():
        others = [*work.new.get(base, ()), *work.changed.get(base, ())]
        if others:
            find_originals(session, base, doomed)
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
        if late:
            late += those_that_take(base, [o for o in early if id(o) not in waiting], late, carried_values(links))
            waiting = {id(obj) for obj in late}
        early = [obj for obj in early if id(obj) not in waiting]
        found[base] = early
        work.changed[base] = late
        work.updated_first.extend(early)
    return found


def _reuses_key(base: Any, doomed: Any, others: list[Any], links: Sequence[Link]) -> bool:
    """Return True when one of the objects will have a unique key that a doomed one has.

    :param links: what foreign keys of the objects follow from collections.
    """
    if not doomed or not others:
        return False
    carried = carried_values(links)
    freed: dict[tuple[str, ...], set[Any]] = {}
    for mapper, members in by_mapper(base, list(doomed)).items():
        for names in unique_keys(mapper):
            freed.setdefault(names, set()).update(stored_key(obj, names) for obj in members)
    for mapper, members in by_mapper(base, others).items():
        for names in unique_keys(mapper):
            keys = freed.get(names)
            if not keys:
                continue
            if any(future_key(obj, names, carried.get(id(obj), {})) in keys for obj in members):
                return True
    return False
