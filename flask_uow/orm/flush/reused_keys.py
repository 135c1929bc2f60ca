"""Keys that a deleted object frees and another one takes in the same flush: which deletions have to come first.

A unit of work in which ``ed`` is deleted and another user named ``ed`` is added is right as a whole, and only an order of statements could make
it fail. So the rows whose primary key or unique values are taken again are deleted before anything is inserted, together with the rows that
refer to them; what refers to them and stays is updated before that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from flask_uow.orm.flush.keys import carried_values
from flask_uow.orm.flush.order import referring_families, split_by_reference, waiting_for_new_keys
from flask_uow.orm.flush.unique_order import those_that_take
from flask_uow.orm.flush.unique_values import find_originals, future_key, left_key, unique_keys
from flask_uow.orm.flush.work import ByFamily, Link, WorkList, by_mapper

if TYPE_CHECKING:
    from flask_uow.orm.mapping.mapper import Mapper

__all__ = ["families_to_delete_first", "updates_to_make_first"]


def families_to_delete_first(work: WorkList, deleted: ByFamily) -> dict[Mapper, str]:
    """Return the families whose deletions have to come before the insertions, each with the reason.

    :param deleted: the objects whose rows are to be deleted.
    """
    first: dict[Mapper, str] = {}
    for base, doomed in deleted.items():
        others = [*work.new.get(base, ()), *work.changed.get(base, ())]
        if others:
            # a key that was set before it was loaded may be the very one that is taken again
            find_originals(work.changes.session, base, doomed)
        if _reuses_key(base, doomed, others, work.links.get(base, ())):
            first[base] = "first, since its key or unique values are taken again"
    waiting = list(first)
    # grows as it is gone through: what refers to a family that is deleted first has to go before it
    for base in waiting:
        for other in referring_families(base, deleted):
            if other not in first:
                first[other] = (
                    f"first, since it refers to {base.stored[0].table.fullname}, whose rows are deleted first"
                )
                waiting.append(other)
    return first


def updates_to_make_first(work: WorkList, deleted: ByFamily, first: dict[Mapper, str]) -> ByFamily:
    """Return the changed objects that may refer to rows that are deleted first, and refer to nothing that is still to be inserted."""
    early: ByFamily = {}
    referring = {other for base in first for other in referring_families(base, work.changed)}
    new = [obj for members in work.new.values() for obj in members]
    for base in work.changed:
        if base not in referring:
            continue
        doomed = deleted.get(base, [])
        links = work.links.get(base, ())
        before, after = split_by_reference(work.changed[base], new, work)
        after += [obj for obj in before if _reuses_key(base, doomed, [obj], links)]
        waiting = {id(obj) for obj in after}
        if after:
            rest = [obj for obj in before if id(obj) not in waiting]
            # who waits for a value that a late one leaves is late as well
            after += those_that_take(work.changes.session, base, rest, after, carried_values(links))
            waiting = {id(obj) for obj in after}
        early[base] = [obj for obj in before if id(obj) not in waiting]
    changed = [obj for objects in work.changed.values() for obj in objects]
    # once more each time: those that have become late may be the ones that others wait for
    while waiting := waiting_for_new_keys([obj for objects in early.values() for obj in objects], changed, work):
        for base, objects in early.items():
            late = [obj for obj in objects if id(obj) in waiting]
            if late:
                carried = carried_values(work.links.get(base, ()))
                rest = [obj for obj in objects if id(obj) not in waiting]
                taking = {id(obj) for obj in those_that_take(work.changes.session, base, rest, late, carried)}
                early[base] = [obj for obj in rest if id(obj) not in taking]
    return early


def _reuses_key(base: Mapper, doomed: list[Any], others: list[Any], links: Sequence[Link]) -> bool:
    """Return True when one of the objects will have a unique key that a doomed one has.

    :param links: the foreign keys of the objects that follow from collections.
    """
    if not doomed or not others:
        return False
    carried = carried_values(links)
    freed: dict[tuple[str, ...], set[Any]] = {}
    for mapper, members in by_mapper(base, doomed).items():
        for names in unique_keys(mapper):
            freed.setdefault(names, set()).update(left_key(obj, names) for obj in members)
    for mapper, members in by_mapper(base, others).items():
        for names in unique_keys(mapper):
            keys = freed.get(names)
            if not keys:
                continue
            if any(future_key(obj, names, carried.get(id(obj), {})) in keys for obj in members):
                return True
    return False
