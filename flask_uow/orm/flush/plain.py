"""A flush of few objects that need no plan, as most requests make them: the order of their tables says all.

Such objects are new or changed, and nothing about them has to be carried, cleared or ordered object by object: at most one changed object of
a class, no key that changes, no reference that changes or leads to a new row, no collection that is written from its own side. Their
statements are those that a plan would have; ``Session.plan_flush()`` shows that plan.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from flask_uow.orm.flush.changes import Changes
from flask_uow.orm.flush.collect import collected_relationships
from flask_uow.orm.flush.insert import insert_objects
from flask_uow.orm.flush.keys import carry_keys, references_of
from flask_uow.orm.flush.order import group_mappers, refers_to_itself
from flask_uow.orm.flush.orphans import orphaning_relationships
from flask_uow.orm.flush.update import update_objects
from flask_uow.orm.flush.work import ByFamily, WorkList
from flask_uow.orm.symbols import STATE, UNDONE

if TYPE_CHECKING:
    from flask_uow.orm.extensions import FlushContext
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.mapping.relationship_property import RelationshipProperty
    from flask_uow.orm.session.session import Session

__all__ = ["write_plain"]

# with more objects a plan is cheap beside their statements
_MOST_OBJECTS = 10


class _PlainClass(NamedTuple):
    """A class whose objects may be written without a plan.

    :ivar when_new: what in the ``__dict__`` of a new object asks for one.
    :ivar when_changed: attributes whose change asks for one.
    :ivar references: the relationships that give a new object its foreign keys.
    """

    when_new: frozenset[str]
    when_changed: frozenset[str]
    references: tuple[RelationshipProperty, ...]


def write_plain(session: Session, context: FlushContext) -> WorkList | None:
    """Write the changes of a Session table by table, parents first, where that needs no plan.

    :param context: is told the objects before they are written.
    :returns: the work list; None, having written nothing, where the flush needs a plan.
    """
    found = _plain_work(session)
    if found is None:
        return None
    work, referring = found
    families = work.families()
    groups = group_mappers(families)
    if len(groups) != len(families):
        # tables that refer to each other in a circle
        return None
    context.begin(work.objects)
    new, changed = work.new, work.changed
    for (mapper,) in groups:
        # UPDATEs first: they may free a unique value that a new row takes, and new rows free none
        if mapper in changed:
            update_objects(session, mapper, changed[mapper])
        if mapper in new:
            if mapper in referring:
                carry_keys(work, mapper, new[mapper], only_changed=False)
            insert_objects(session, mapper, new[mapper])
    return work


def _plain_work(session: Session) -> tuple[WorkList, set[Mapper]] | None:
    """Return the work list of a flush that needs no plan, and the classes of new objects that relationships give foreign keys; else None."""
    objects = session.objects
    if objects.deleted or objects.taken_back or len(objects.new) + len(objects.modified) > _MOST_OBJECTS:
        return None
    new: ByFamily = {}
    changed: ByFamily = {}
    referring: set[Mapper] = set()
    for states, families in ((objects.new, new), (objects.modified, changed)):
        for state, obj in states.items():
            mapper = type(obj).__mapper__
            plain = _plain_class(mapper)
            if plain is None or mapper.has_hooks:
                return None
            if families is new:
                values = obj.__dict__
                if not plain.when_new.isdisjoint(values):
                    return None
                for prop in plain.references:
                    target = values.get(prop.key)
                    if target is not None:
                        if not _has_row(target):
                            return None
                        referring.add(mapper)
                new.setdefault(mapper, []).append(obj)
            elif mapper in changed or UNDONE in obj.__dict__ or not plain.when_changed.isdisjoint(state.changes or ()):
                return None
            else:
                changed[mapper] = [obj]
    return WorkList(Changes.of(session), new, changed, {}, {}), referring


def _plain_class(mapper: Mapper) -> _PlainClass | None:
    memo = mapper.memo
    if "plain" not in memo:
        memo["plain"] = _find_plain_class(mapper)
    found: _PlainClass | None = memo["plain"]
    return found


def _find_plain_class(mapper: Mapper) -> _PlainClass | None:
    if mapper.inherits is not None or mapper.subclasses or refers_to_itself((mapper,)):
        return None
    collected = collected_relationships(mapper)
    # what waits for a dynamic collection is written from its own side, without a change that tells of it
    if any(prop.is_dynamic for prop in collected):
        return None
    references = references_of(mapper)
    names = {prop.key for prop in collected}
    when_changed = names.union(orphaning_relationships(mapper), mapper.primary_key_names)
    return _PlainClass(
        frozenset({*names, UNDONE}), frozenset({*when_changed, *(prop.key for prop in references)}), references
    )


def _has_row(target: Any) -> bool:
    state = target.__dict__.get(STATE)
    return state is not None and state.row_key is not None
