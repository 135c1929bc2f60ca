"""What a flush has to do: new, changed, deleted and orphaned objects, sorted by mapper, with the links between them.

Nothing is written here. Collections of deleted objects may have to be loaded, so as to know whose foreign keys to clear and which
rows of secondary tables to delete.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from flask_uow.orm.exc import FlushError
from flask_uow.orm.flush.half_made import half_made
from flask_uow.orm.flush.orphans import delete_orphans
from flask_uow.orm.state.cascades import related
from flask_uow.orm.state.history import History, get_history
from flask_uow.orm.state.instance_state import InstanceState, describe
from flask_uow.orm.state.members import contains_identical, members_of
from flask_uow.orm.symbols import NO_VALUE, PENDING, STATE, UNDONE, Direction

__all__ = ["Automatic", "Link", "SecondaryRows", "WorkList", "by_mapper", "collect", "require_stored", "waits"]


@dataclass(slots=True)
class SecondaryRows:
    """Rows of the table between the two sides of a many-to-many relationship.

    :ivar prop: the relationship, seen from the objects that stand first in the pairs.
    """

    prop: Any
    added: list[tuple[Any, Any]] = field(default_factory=list)
    removed: list[tuple[Any, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Link:
    """A foreign key to be set on ``child`` from ``parent`` (cleared, when that is None), for a one-to-many relationship."""

    prop: Any
    child: Any
    parent: Any


@dataclass(slots=True)
class WorkList:
    """The objects of one flush, by family: under the base mapper of their classes.

    :ivar new: to be inserted, in the order in which they were added.
    :ivar changed: to be updated if there is a net change.
    :ivar deleted: to be deleted.
    :ivar links: foreign keys that follow from a collection, by the child's family.
    :ivar late_links: those of relationships with ``post_update``, written after everything else.
    :ivar secondary: rows of secondary tables.
    :ivar deleted_first: objects whose rows were deleted before anything else; ``updated_first``: those that were updated for that.
    :ivar waiting: objects that this flush leaves out although they are new or changed, by id.
    :ivar kept: relationships that lead to some of these, as ``(object, relationship)``: the next flush looks at them again.
    :ivar switched: deleted objects whose rows new ones take over, by the ids of these.
    """

    new: dict[Any, list[Any]] = field(default_factory=dict)
    changed: dict[Any, list[Any]] = field(default_factory=dict)
    deleted: dict[Any, list[Any]] = field(default_factory=dict)
    links: dict[Any, list[Link]] = field(default_factory=dict)
    late_links: list[Link] = field(default_factory=list)
    secondary: list[SecondaryRows] = field(default_factory=list)
    deleted_first: list[Any] = field(default_factory=list)
    updated_first: list[Any] = field(default_factory=list)
    waiting: dict[int, Any] = field(default_factory=dict)
    kept: list[tuple[Any, Any]] = field(default_factory=list)
    switched: dict[int, Any] = field(default_factory=dict)
    _changed_ids: set[int] = field(default_factory=set)
    _linked: set[tuple[int, Any]] = field(default_factory=set)

    def add_link(self, link: Link) -> bool:
        """Add a foreign key to be set, or to be cleared unless the child has a link of the relationship already; True when added."""
        mark = (id(link.child), link.prop)
        if link.parent is None and mark in self._linked:
            return False
        self._linked.add(mark)
        self.links.setdefault(type(link.child).__mapper__.base_mapper, []).append(link)
        return True

    def add_changed(self, obj: Any) -> None:
        """Add an object to those that are to be updated, once."""
        if not self._changed_ids:
            self._changed_ids.update(id(other) for members in self.changed.values() for other in members)
        if id(obj) not in self._changed_ids:
            self._changed_ids.add(id(obj))
            self.changed.setdefault(type(obj).__mapper__.base_mapper, []).append(obj)

    def objects(self) -> tuple[tuple[Any, ...], tuple[Any, ...], tuple[Any, ...]]:
        """The new, changed and deleted objects of all families."""
        groups = (self.new, self.changed, self.deleted)
        new, changed, deleted = (tuple(o for members in group.values() for o in members) for group in groups)
        return new, changed, deleted

    def families(self) -> list[Any]:
        """The base mappers of all objects, each once."""
        return list(dict.fromkeys((*self.new, *self.changed, *self.deleted)))


def by_mapper(base: Any, objects: list[Any]) -> dict[Any, list[Any]]:
    """Return the objects of one family by the mappers of their classes."""
    if not base.subclasses:
        return {base: objects}
    found: dict[Any, list[Any]] = {}
    for obj in objects:
        found.setdefault(type(obj).__mapper__, []).append(obj)
    return found


def require_stored(mapper: Any, obj: Any, what: str) -> None:
    """Refuse to write an object of a class that no table stores.

    :param what: what was to be done with it, as the message says it.
    :raises FlushError: naming the object.
    """
    if not mapper.stored:
        raise FlushError(
            f"{describe(obj)} cannot be {what}: {mapper.class_.__name__} is mapped to {mapper.local_table.description}, and no table"
            " of it can be written to with the mapped columns. Map its primary key, or treat the class as read-only."
        )


@dataclass(slots=True)
class Automatic:
    """A flush that nobody has asked for: something is to be read.

    :ivar loading: the relationship that is being loaded, or None.
    """

    loading: Any = None


def collect(session: Any, only: Iterable[Any] | None = None, automatic: Automatic | None = None) -> WorkList:
    """Return what a flush of the Session has to do.

    :param only: restrict the flush to these objects, and the new ones in their collections.
    :param automatic: said of a flush that comes by itself: it leaves out what is half made.
    :raises FlushError: when a relationship leads to an object that is not in the Session.
    """
    spared = delete_orphans(session, automatic.loading if automatic is not None else None)
    if only is not None:
        chosen = _with_new_children(session, only)
        waiting = {id(obj): obj for obj in session.objects.new.values() if id(obj) not in chosen}
        return _gather(session, chosen, {**waiting, **spared})
    waiting = spared
    work = _gather(session, None, waiting)
    if automatic is not None and session.objects.unasked:
        while found := half_made(session, work):
            waiting = {**waiting, **found}
            work = _gather(session, None, waiting)
    return work


def _with_new_children(session: Any, objects: Iterable[Any]) -> set[int]:
    chosen = {id(obj): obj for obj in objects}
    queue = list(chosen.values())
    for obj in queue:
        for prop in type(obj).__mapper__.relationships.values():
            if prop.viewonly or prop.direction is not Direction.ONE_TO_MANY:
                continue
            for item in related(obj, prop, load=False):
                if id(item) not in chosen and item.__dict__.get(STATE) in session.objects.new:
                    chosen[id(item)] = item
                    queue.append(item)
    return set(chosen)


def _gather(session: Any, chosen: set[int] | None, waiting: dict[int, Any]) -> WorkList:
    work = WorkList(waiting=waiting)
    for attribute, states in (
        ("deleted", session.objects.deleted),
        ("new", session.objects.new),
        ("changed", session.objects.modified),
    ):
        families: dict[Any, list[Any]] = getattr(work, attribute)
        for state, obj in list(states.items()):
            if (chosen is not None and id(obj) not in chosen) or (waiting and id(obj) in waiting):
                continue
            if attribute == "changed" and state in session.objects.deleted:
                continue
            base = type(obj).__mapper__.base_mapper
            members = families.get(base)
            if members is None:
                members = families[base] = []
            members.append(obj)
    _collect_relationships(session, work, chosen is not None)
    return work


# -- relationships


def _collect_relationships(session: Any, work: WorkList, restricted: bool) -> None:
    secondary: dict[Any, SecondaryRows] = {}
    seen: set[tuple[int, int, int, bool]] = set()

    def add_pair(prop: Any, obj: Any, item: Any, added: bool) -> None:
        canonical = prop.canonical
        left, right = (obj, item) if canonical is prop else (item, obj)
        mark = (id(canonical), id(left), id(right), added)
        if mark in seen:
            return
        seen.add(mark)
        rows = secondary.get(canonical)
        if rows is None:
            rows = secondary[canonical] = SecondaryRows(canonical)
        (rows.added if added else rows.removed).append((left, right))

    def collect_group(group: dict[Any, list[Any]]) -> None:
        for base, family in list(group.items()):
            for mapper, objects in by_mapper(base, family).items():
                for prop in mapper.relationships.values():
                    if prop.viewonly or (prop.direction is Direction.MANY_TO_ONE and not prop.post_update):
                        continue
                    if prop.direction is Direction.MANY_TO_MANY:
                        _collect_pairs(session, work, prop, objects, add_pair)
                    elif prop.direction is Direction.MANY_TO_ONE:
                        _collect_late(session, work, prop, objects)
                    elif prop.reverse is None:
                        _collect_links(session, work, prop, objects)
                    elif undone := [obj for obj in objects if UNDONE in obj.__dict__]:
                        _remind_children(session, prop, undone)

    collect_group(work.new)
    collect_group(work.changed)
    for base, family in list(work.deleted.items()):
        for mapper, objects in by_mapper(base, family).items():
            for prop in mapper.relationships.values():
                if prop.viewonly:
                    continue
                if prop.direction is Direction.MANY_TO_MANY:
                    for obj in objects:
                        if prop.passive_deletes and prop.key not in obj.__dict__:
                            continue
                        for item in _members_in_database(obj, prop):
                            add_pair(prop, obj, item, False)
                elif prop.direction is Direction.ONE_TO_MANY:
                    _release_children(session, work, prop, objects)
    if session.objects.modified and not restricted:
        known = set(map(id, (*chain(*work.new.values()), *chain(*work.changed.values()))))
        # collections that were loaded on the way have taken in what waited for them, and so have changed
        known |= work.waiting.keys()
        while changed := [
            o for s, o in session.objects.modified.items() if id(o) not in known and s not in session.objects.deleted
        ]:
            group: dict[Any, list[Any]] = {}
            for obj in changed:
                known.add(id(obj))
                group.setdefault(type(obj).__mapper__.base_mapper, []).append(obj)
                work.add_changed(obj)
            collect_group(group)
    for rows in secondary.values():
        _leave_to_mapped_rows(work, rows)
    work.secondary = list(secondary.values())


def _leave_to_mapped_rows(work: WorkList, rows: SecondaryRows) -> None:
    # an association object may be mapped to the secondary table as well, and is deleted as an object then
    prop = rows.prop
    for base, doomed in work.deleted.items():
        if not rows.removed or base.local_table is not prop.secondary:
            continue
        columns = [prop.secondary.c[name] for _, name in (*prop.secondary_pairs, *prop.remote_pairs)]
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


def _history_to_write(obj: Any, prop: Any) -> History | None:
    """Return what has changed about a relationship since the last flush, None when nothing can have."""
    state = obj.__dict__[STATE]
    if prop.is_dynamic:
        return get_history(obj, prop.key, passive=True) if prop.key in obj.__dict__.get(PENDING, {}) else None
    if prop.key not in obj.__dict__ or (state.identity is not None and prop.key not in (state.changes or ())):
        return None
    return get_history(obj, prop.key, passive=True)


def _collect_pairs(session: Any, work: WorkList, prop: Any, objects: list[Any], add_pair: Any) -> None:
    for obj in objects:
        history = _history_to_write(obj, prop)
        if history is None:
            continue
        if prop.uselist and not prop.is_dynamic:
            _take_out_repeated(obj.__dict__[prop.key])
        if work.waiting and _leads_to_waiting(work, prop, obj, history):
            history = _without_waiting(work, history)
        for item in history.added:
            if item is None:
                continue
            require_in_session(session, obj, prop, item)
            state = item.__dict__[STATE]
            if state not in session.objects.deleted and not session.objects.was_deleted(state):
                add_pair(prop, obj, item, True)
        for item in history.deleted:
            add_pair(prop, obj, item, False)


def _take_out_repeated(collection: Any) -> None:
    # a pair of objects is one row, whichever side has said it how often
    items = members_of(collection)
    if len(items) == len({id(item) for item in items}):
        return
    seen: set[int] = set()
    for item in items:
        if id(item) in seen:
            collection.__uow_take__(item)
        seen.add(id(item))


def _leads_to_waiting(work: WorkList, prop: Any, obj: Any, history: History) -> bool:
    """Return True when a relationship was changed about an object that this flush leaves out, and note to look at it again."""
    if any(id(item) in work.waiting for item in (*history.added, *history.deleted)):
        work.kept.append((obj, prop))
        return True
    return False


def _without_waiting(work: WorkList, history: History) -> History:
    added, deleted = ([o for o in part if id(o) not in work.waiting] for part in (history.added, history.deleted))
    return History(added, history.unchanged, deleted)


def _collect_late(session: Any, work: WorkList, prop: Any, objects: list[Any]) -> None:
    """Note references that are written after everything else."""
    for obj in objects:
        history = _history_to_write(obj, prop)
        if history is None or not history.has_changes():
            continue
        parent = obj.__dict__[prop.key]
        if parent is not None:
            if waits(work, parent):
                work.kept.append((obj, prop))
                continue
            require_in_session(session, obj, prop, parent)
        work.late_links.append(Link(prop, obj, parent))


def _collect_links(session: Any, work: WorkList, prop: Any, objects: list[Any]) -> None:
    # the child does not know its parent, so the parent's collection says what to set
    for obj in objects:
        history = _history_to_write(obj, prop)
        if history is None:
            continue
        if work.waiting and _leads_to_waiting(work, prop, obj, history):
            history = _without_waiting(work, history)
        for child in history.deleted:
            if child is not NO_VALUE:
                _link(session, work, prop, child, None)
        for child in history.added:
            if child is not None:
                require_in_session(session, obj, prop, child)
                _link(session, work, prop, child, obj)


def _remind_children(session: Any, prop: Any, objects: list[Any]) -> None:
    # the objects have kept their collections when their INSERTs were undone, and the members have forgotten them
    back = prop.reverse.key
    for obj in objects:
        for child in related(obj, prop, load=False):
            state = child.__dict__[STATE]
            is_free = state.identity is not None and state.session is session and state not in session.objects.deleted
            if is_free and back not in (state.changes or ()) and child.__dict__.get(back) is not obj:
                prop.reverse.attribute.silently_add(child, obj)


def _link(session: Any, work: WorkList, prop: Any, child: Any, parent: Any) -> None:
    state: InstanceState = child.__dict__[STATE]
    if state in session.objects.deleted or state.owner is None:
        return
    if prop.post_update:
        work.late_links.append(Link(prop, child, parent))
        return
    if work.add_link(Link(prop, child, parent)) and state.identity is not None:
        work.add_changed(child)


def _release_children(session: Any, work: WorkList, prop: Any, objects: list[Any]) -> None:
    # children that stay behind when their parent is deleted: their foreign keys become NULL
    if prop.passive_deletes == "all":
        return
    deleted = session.objects.deleted
    for obj in objects:
        if (
            prop.cascade.delete
            and not session.objects.taken_back
            and prop.key not in (obj.__dict__[STATE].changes or ())
        ):
            # they are to be deleted, too
            continue
        if prop.key not in obj.__dict__ and (prop.passive_deletes or prop.cascade.delete):
            continue
        for child in _members_in_database(obj, prop):
            state = child.__dict__[STATE]
            if state in deleted or state.owner is None:
                continue
            parent = child.__dict__.get(prop.reverse.key, NO_VALUE) if prop.reverse is not None else NO_VALUE
            if parent is NO_VALUE or parent is obj or parent is None:
                _release(session, work, prop, child)


def _release(session: Any, work: WorkList, prop: Any, child: Any) -> None:
    # at once, also with post_update: the row that is referred to goes in this flush
    if work.add_link(Link(prop, child, None)):
        work.add_changed(child)


def _members_in_database(obj: Any, prop: Any) -> list[Any]:
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


def waits(work: WorkList, obj: Any) -> bool:
    """Return True for a new object that this flush leaves out."""
    return id(obj) in work.waiting and obj.__dict__[STATE].identity is None


def require_in_session(session: Any, obj: Any, prop: Any, item: Any) -> None:
    """Refuse a relationship that leads out of the Session.

    :raises FlushError: when ``item`` is not in the Session, or of a subclass as which it would not be loaded again.
    """
    state = item.__dict__.get(STATE)
    if state is None or state.owner is None or state.session is not session:
        if state is not None and state.identity is not None and state.owner is None:
            return
        raise FlushError(
            f"cannot flush {prop.name}: {describe(item)} is not in this session; every object that a relationship reaches must be."
            f" Call session.add(obj) for it, or give {prop.name} the cascade 'save-update'."
        )
    if prop.takes_no_subclass and type(item).__mapper__ is not prop.mapper:
        name, base = type(item).__name__, prop.target_class.__name__
        raise FlushError(
            f"cannot flush {prop.name}: {describe(item)} is of the subclass {name} of {base}, whose rows do not tell the class, so that it would be"
            f" loaded as {base}. Give {base} polymorphic_on=, or pass enable_typechecks=False to the relationship."
        )
