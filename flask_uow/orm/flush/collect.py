"""Collects what a flush has to do: new, changed and deleted objects by family, with what follows from their relationships.

Nothing is written here, and nothing about objects or their Session changes. Collections of deleted objects may have to be loaded, so as to know
whose foreign keys to clear and which rows of secondary tables to delete.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from flask_uow.orm.flush.half_made import half_made
from flask_uow.orm.flush.keys import require_in_session
from flask_uow.orm.flush.unique_values import stored_key
from flask_uow.orm.flush.work import ByFamily, Link, LinkRows, WorkList, by_family, by_mapper
from flask_uow.orm.loading.further import load_relationship
from flask_uow.orm.state.cascades import related
from flask_uow.orm.state.history import History, get_history, stays
from flask_uow.orm.state.members import contains_identical, members_of
from flask_uow.orm.symbols import NO_VALUE, PENDING, STATE, UNDONE, Direction

if TYPE_CHECKING:
    from flask_uow.orm.flush.changes import Automatic, Changes
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.mapping.relationship_property import RelationshipProperty
    from flask_uow.orm.state.instance_state import InstanceState

__all__ = ["collect", "collected_relationships"]


def collect(
    changes: Changes, spared: dict[int, Any], only: Iterable[Any] | None = None, automatic: Automatic | None = None
) -> WorkList:
    """Return the work list of a flush.

    :param spared: objects that it leaves alone, by id.
    :param only: restrict the flush to these objects, and the new ones in their collections.
    :param automatic: said of a flush that comes by itself: it leaves out what is half made.
    :raises FlushError: when a relationship leads to an object that is not in the Session.
    """
    if only is not None:
        chosen = _with_new_children(changes, only)
        # new objects that were not asked for get no row, so that nothing may refer to them yet
        waiting = {id(obj): obj for obj in changes.new.values() if id(obj) not in chosen}
        return _gather(changes, chosen, {**waiting, **spared})
    waiting = spared
    work = _gather(changes, None, waiting)
    if automatic is not None and changes.unasked:
        # what is left out may leave out what refers to it in turn
        while unfinished := half_made(work):
            waiting = {**waiting, **unfinished}
            work = _gather(changes, None, waiting)
    return work


def _with_new_children(changes: Changes, objects: Iterable[Any]) -> set[int]:
    chosen = {id(obj): obj for obj in objects}
    queue = list(chosen.values())
    for obj in queue:
        for prop in type(obj).__mapper__.relationships.values():
            if prop.viewonly or prop.direction is not Direction.ONE_TO_MANY:
                continue
            for item in related(obj, prop, load=False):
                if id(item) not in chosen and item.__dict__.get(STATE) in changes.new:
                    chosen[id(item)] = item
                    queue.append(item)
    return set(chosen)


def _gather(changes: Changes, chosen: Collection[int] | None, waiting: dict[int, Any]) -> WorkList:
    """Return the work list of the chosen objects, of all where None are given, without those that wait."""
    count = len(changes.modified)
    groups = [list(changes.new.values()), changes.changed(), list(changes.deleted.values())]
    if chosen is not None:
        groups = [[obj for obj in objects if id(obj) in chosen] for objects in groups]
    if waiting:
        groups = [[obj for obj in objects if id(obj) not in waiting] for objects in groups]
    new, changed, deleted = groups
    work = WorkList(changes, by_family(new), by_family(changed), by_family(deleted), waiting)
    found = _Relationships(changes, work)
    found.of_written(work.new)
    found.of_written(work.changed)
    if work.deleted:
        found.of_deleted()
    # others than the chosen objects stay as they are, though they have changed
    if chosen is None and len(changes.modified) != count:
        found.collect_changed_meanwhile()
    if found.link_rows:
        for rows in found.link_rows.values():
            _leave_to_mapped_rows(work, rows)
        work.link_rows += found.link_rows.values()
    return work


class _OfFamily(NamedTuple):
    """The relationships of a family that new and changed objects are looked at for.

    The foreign keys of other references are set when their rows are written, by ``carry_keys()``; and where the children of a collection know
    their parent, their own references say what to set.

    :ivar collected: by mapper.
    :ivar may_be_forgotten: True where there are collections whose members know their parent, and may have forgotten it, by a rollback say.
    """

    collected: dict[Mapper, tuple[RelationshipProperty, ...]]
    may_be_forgotten: bool


def _relationships_of(base: Mapper) -> _OfFamily:
    found: _OfFamily | None = base.memo.get("collected")
    if found is None:
        collected = {mapper: props for mapper in base.descendants if (props := collected_relationships(mapper))}
        may_be_forgotten = any(map(_has_members_that_know, base.descendants))
        found = base.memo["collected"] = _OfFamily(collected, may_be_forgotten)
    return found


def collected_relationships(mapper: Mapper) -> tuple[RelationshipProperty, ...]:
    """Return the relationships of a mapper that new and changed objects are looked at for."""
    return tuple(filter(_is_collected, mapper.relationships.values()))


def _is_collected(prop: RelationshipProperty) -> bool:
    if prop.direction is Direction.MANY_TO_ONE:
        return prop.post_update and not prop.viewonly
    return not prop.viewonly and (prop.direction is Direction.MANY_TO_MANY or prop.reverse is None)


def _has_members_that_know(mapper: Mapper) -> bool:
    return any(_is_known_by_members(prop) for prop in mapper.relationships.values())


def _is_known_by_members(prop: RelationshipProperty) -> bool:
    return prop.direction is Direction.ONE_TO_MANY and prop.reverse is not None and not prop.viewonly


class _Relationships:
    """Finds what follows from the relationships of the objects of a work list, and adds it to that.

    :ivar link_rows: rows of secondary tables, by the relationship.
    """

    def __init__(self, changes: Changes, work: WorkList) -> None:
        self.changes = changes
        self.session = changes.session
        self.work = work
        self.link_rows: dict[RelationshipProperty, LinkRows] = {}
        self._seen_pairs: set[tuple[int, int, int, bool]] = set()

    def of_written(self, families: ByFamily) -> None:
        """Go through the relationships of new or changed objects."""
        # a copy: links to children bring in further families on the way
        for base, family in list(families.items()):
            collected, may_be_forgotten = _relationships_of(base)
            for mapper, objects in by_mapper(base, family).items() if collected else ():
                for prop in collected.get(mapper, ()):
                    if prop.direction is Direction.MANY_TO_MANY:
                        self._pairs(prop, objects)
                    elif prop.direction is Direction.MANY_TO_ONE:
                        self._late_references(prop, objects)
                    else:
                        self._links(prop, objects)
            if may_be_forgotten:
                self._forgotten_parents(family)

    def of_deleted(self) -> None:
        """Go through the relationships of the objects that are to be deleted."""
        for base, family in list(self.work.deleted.items()):
            for mapper, objects in by_mapper(base, family).items():
                for prop in mapper.relationships.values():
                    if prop.viewonly:
                        continue
                    if prop.direction is Direction.MANY_TO_MANY:
                        for obj in objects:
                            # left to ON DELETE of the secondary table
                            if prop.passive_deletes and prop.key not in obj.__dict__:
                                continue
                            for item in _members_in_database(obj, prop):
                                self._add_pair(prop, obj, item, False)
                    elif prop.direction is Direction.ONE_TO_MANY:
                        self._release_children(prop, objects)

    def collect_changed_meanwhile(self) -> None:
        """Take in objects that have changed on the way: collections that were loaded have taken in what waited for them."""
        work = self.work
        known = set(map(id, (*chain(*work.new.values()), *chain(*work.changed.values()))))
        known |= work.waiting.keys()
        while changed := [obj for obj in self.changes.changed() if id(obj) not in known]:
            group: ByFamily = {}
            for obj in changed:
                known.add(id(obj))
                group.setdefault(type(obj).__mapper__.base_mapper, []).append(obj)
                work.add_changed(obj)
            self.of_written(group)

    # -- many-to-many

    def _add_pair(self, prop: RelationshipProperty, obj: MappedObject, item: MappedObject, added: bool) -> None:
        # a row between the two went with the row of a deleted object; neither None nor a new object had one
        if not added and (state := item.__dict__.get(STATE)) is not None and state.was_deleted:
            return
        # both sides may have noted the pair: it is one row, told by one order of its objects
        canonical = prop.canonical
        left, right = (obj, item) if canonical is prop else (item, obj)
        mark = (id(canonical), id(left), id(right), added)
        if mark in self._seen_pairs:
            return
        self._seen_pairs.add(mark)
        rows = self.link_rows.get(canonical)
        if rows is None:
            rows = self.link_rows[canonical] = LinkRows(canonical)
        (rows.added if added else rows.removed).append((left, right))

    def _pairs(self, prop: RelationshipProperty, objects: list[Any]) -> None:
        work, session, deleted = self.work, self.session, self.changes.deleted
        for obj in objects:
            history = _history_to_write(obj, prop)
            if history is None:
                continue
            if prop.uselist and not prop.is_dynamic and _has_repeated(obj.__dict__[prop.key]):
                work.repeated.append((obj, prop))
            if work.waiting and _leads_to_waiting(work, prop, obj, history):
                history = _without_waiting(work, history)
            for item in history.added:
                if item is None:
                    continue
                require_in_session(session, obj, prop, item)
                state = item.__dict__[STATE]
                # no row is made that connects an object with one that goes
                if state not in deleted and not session.objects.was_deleted(state):
                    self._add_pair(prop, obj, item, True)
            for item in history.deleted:
                self._add_pair(prop, obj, item, False)

    # -- foreign keys

    def _late_references(self, prop: RelationshipProperty, objects: list[Any]) -> None:
        """Note references that are written after everything else."""
        work = self.work
        for obj in objects:
            history = _history_to_write(obj, prop)
            if history is None or not history.has_changes():
                continue
            parent = obj.__dict__[prop.key]
            if parent is not None:
                if work.waits(parent):
                    work.kept.append((obj, prop))
                    continue
                require_in_session(self.session, obj, prop, parent)
            work.late_links.append(Link(prop, obj, parent))

    def _links(self, prop: RelationshipProperty, objects: list[Any]) -> None:
        # the child does not know its parent, so the parent's collection says what to set
        work = self.work
        for obj in objects:
            history = _history_to_write(obj, prop)
            if history is None:
                continue
            if work.waiting and _leads_to_waiting(work, prop, obj, history):
                history = _without_waiting(work, history)
            for child in history.deleted:
                if child is not NO_VALUE:
                    self._link(prop, child, None)
            for child in history.added:
                if child is not None:
                    require_in_session(self.session, obj, prop, child)
                    self._link(prop, child, obj)

    def _link(self, prop: RelationshipProperty, child: object, parent: object) -> None:
        state: InstanceState = child.__dict__[STATE]
        if state in self.changes.deleted or state.owner is None:
            return
        if prop.post_update:
            self.work.late_links.append(Link(prop, child, parent))
            return
        # a new child gets its foreign key with its INSERT
        if self.work.add_link(Link(prop, child, parent)) and state.row_key is not None:
            self.work.add_changed(child)

    def _forgotten_parents(self, parents: list[Any]) -> None:
        # the parents have kept their collections when their INSERTs were undone, or they were made transient, and the members know nothing of it
        for parent in parents:
            if UNDONE not in parent.__dict__:
                continue
            for prop in filter(_is_known_by_members, type(parent).__mapper__.relationships.values()):
                back = prop.reverse
                assert back is not None
                for child in related(parent, prop, load=False):
                    state: InstanceState = child.__dict__[STATE]
                    is_free = (
                        state.session is self.session
                        and not stays(parent, prop.key, child)
                        and state not in self.changes.deleted
                        and back.key not in (state.changes or () if state.row_key is not None else child.__dict__)
                    )
                    if is_free:
                        if child.__dict__.get(back.key) is not parent:
                            self.work.forgotten.append((child, back, parent))
                        self._link(prop, child, parent)

    def _release_children(self, prop: RelationshipProperty, objects: list[Any]) -> None:
        # children that stay behind when their parent is deleted: their foreign keys become NULL
        if prop.passive_deletes == "all":
            return
        for obj in objects:
            is_cascaded = prop.cascade.delete and not self.changes.taken_back
            if is_cascaded and prop.key not in (obj.__dict__[STATE].changes or ()):
                # they are to be deleted, too
                continue
            if prop.key not in obj.__dict__ and (prop.passive_deletes or prop.cascade.delete):
                continue
            for child in _members_in_database(obj, prop):
                state = child.__dict__[STATE]
                if state in self.changes.deleted or state.owner is None:
                    continue
                if _was_given_another_key(prop, obj, child):
                    continue
                parent = child.__dict__.get(prop.reverse.key, NO_VALUE) if prop.reverse is not None else NO_VALUE
                # at once, also with post_update: the row that is referred to goes in this flush
                if (parent is NO_VALUE or parent is obj or parent is None) and self.work.add_link(
                    Link(prop, child, None)
                ):
                    self.work.add_changed(child)


def _leave_to_mapped_rows(work: WorkList, rows: LinkRows) -> None:
    # an association object may be mapped to the secondary table as well, and is deleted as an object then
    prop, secondary = rows.prop, rows.prop.secondary
    for base, doomed in work.deleted.items():
        if not rows.removed or secondary is None or base.local_table is not secondary:
            continue
        columns = [secondary.c[name] for _, name in (*prop.secondary_pairs, *prop.remote_pairs)]
        if not all(base.maps_column(column) for column in columns):
            continue
        names = [base.name_of_column(column) for column in columns]
        deleted = {tuple(getattr(obj, name) for name in names) for obj in doomed}
        near, far = [own for own, _ in prop.secondary_pairs], [own for own, _ in prop.remote_pairs]
        rows.removed = [
            (left, right)
            for left, right in rows.removed
            if (*(getattr(left, own) for own in near), *(getattr(right, own) for own in far)) not in deleted
        ]


def _history_to_write(obj: MappedObject, prop: RelationshipProperty) -> History | None:
    """Return the history of a relationship since the last flush, None when nothing can have changed."""
    state = obj.__dict__[STATE]
    if prop.is_dynamic:
        return get_history(obj, prop.key, passive=True) if prop.key in obj.__dict__.get(PENDING, {}) else None
    changes = state.changes or ()
    if prop.key not in obj.__dict__ and prop.key in changes and prop.key in obj.__dict__.get(PENDING, ()):
        # the other side has forgotten its own: what waits for this one is applied when it is loaded
        load_relationship(state.session, prop, [obj])
        changes = state.changes or ()
    # of an object with a row only noted changes are written; of a new one all that it holds
    if prop.key not in obj.__dict__ or (state.row_key is not None and prop.key not in changes):
        return None
    return get_history(obj, prop.key, passive=True)


def _has_repeated(collection: object) -> bool:
    items = members_of(collection)
    return len(items) != len({id(item) for item in items})


def _leads_to_waiting(work: WorkList, prop: RelationshipProperty, obj: MappedObject, history: History) -> bool:
    """Return True when a relationship was changed about an object that this flush leaves out, and note to look at it again."""
    if any(id(item) in work.waiting for item in (*history.added, *history.deleted)):
        work.kept.append((obj, prop))
        return True
    return False


def _without_waiting(work: WorkList, history: History) -> History:
    added, deleted = ([o for o in part if id(o) not in work.waiting] for part in (history.added, history.deleted))
    return History(added, history.unchanged, deleted)


def _was_given_another_key(prop: RelationshipProperty, parent: MappedObject, child: MappedObject) -> bool:
    """Return True where the foreign key of a child was set by hand, to something else than its parent, and its reference was left alone."""
    changes = child.__dict__[STATE].changes
    if not changes or (prop.reverse is not None and prop.reverse.key in changes):
        return False
    pairs = [(own, far) for far, own in prop.pairs if own in changes]
    if not pairs or any(child.__dict__.get(own) is None for own, _ in pairs):
        return False
    names = [far for _, far in pairs]
    return stored_key(parent, tuple(names)) != tuple(child.__dict__[own] for own, _ in pairs)


def _members_in_database(obj: MappedObject, prop: RelationshipProperty) -> list[Any]:
    """Return the objects that the database knows as related: those loaded before any change."""
    members = related(obj, prop, load=True)
    if prop.is_dynamic:
        added, removed = obj.__dict__.get(PENDING, {}).get(prop.key, ((), ()))
        return [*(item for item in members if not contains_identical(added, item)), *removed]
    changes = obj.__dict__[STATE].changes or {}
    original = changes.get(prop.key, NO_VALUE)
    if original is NO_VALUE:
        return members
    if isinstance(original, list):
        return original
    return [original] if original is not None else []
