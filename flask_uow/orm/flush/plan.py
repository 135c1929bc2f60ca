"""The plan of a flush: its steps in order, made from a work list without writing anything.

The order, where nothing else is needed: for each group of families, parents first, UPDATEs, then INSERTs, then UPDATEs that refer to new rows of the
group; the foreign keys of relationships with ``post_update``; rows of secondary tables, those to be deleted first; then DELETEs, children first.
Where a row takes a key or unique values that a deleted one frees, the deletions come first: see :mod:`~flask_uow.orm.flush.reused_keys`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flask_uow.orm.flush.keys import carried_values, link_pairs, references_of
from flask_uow.orm.flush.order import (
    Group,
    after_new_keys,
    group_mappers,
    refers_to_itself,
    sort_levels,
    split_by_reference,
    waiting_for_new_keys,
)
from flask_uow.orm.flush.plan_text import plan_lines
from flask_uow.orm.flush.release import (
    exchanged_values,
    references_to_release,
    rows_to_take_over,
    values_to_release,
)
from flask_uow.orm.flush.reused_keys import families_to_delete_first, updates_to_make_first
from flask_uow.orm.flush.row_switch import find_switches
from flask_uow.orm.flush.steps import (
    DeleteLinks,
    DeleteRows,
    InsertLinks,
    InsertRows,
    SetLateKeys,
    Step,
    SwitchRows,
    UpdateRows,
)
from flask_uow.orm.flush.unique_order import in_turns, those_that_take
from flask_uow.orm.flush.unique_values import unique_names
from flask_uow.orm.flush.work import ByFamily, Link, WorkList, by_family, by_mapper
from flask_uow.orm.state.cascades import related
from flask_uow.orm.symbols import STATE, Direction

if TYPE_CHECKING:
    from flask_uow.orm.mapping.mapper import Mapper

__all__ = ["FlushPlan", "make_plan"]


class FlushPlan(tuple[Step, ...]):
    """The steps of a flush, in order. ``print()`` shows them with tables, columns, numbers of rows and reasons."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<FlushPlan of {len(self)} steps>"

    def __str__(self) -> str:
        return "\n".join(plan_lines(self)) or "nothing to write"


def make_plan(work: WorkList) -> FlushPlan:
    """Return the steps that write a work list.

    :raises CircularDependencyError: when objects wait for each other, or rows exchange unique values.
    """
    planner = _Planner(work)
    planner.plan()
    return FlushPlan(planner.steps)


def _members(group: Group, families: ByFamily) -> list[Any]:
    return [obj for base in group for obj in families.get(base, ())]


def _row_may_hold(obj: Any, name: str) -> bool:
    """Return True where the row of an object has a value in a column, or gets one; the object may have been changed since."""
    return getattr(obj, name) is not None or (obj.__dict__[STATE].changes or {}).get(name) is not None


class _Planner:
    """Puts the objects of a work list into steps.

    :ivar steps: the steps so far.
    :ivar changed: the objects that are still to be updated, without those that were updated first.
    :ivar deleted: the objects whose rows are still to be deleted.
    :ivar switched: deleted objects whose rows new ones take over, by the ids of these.
    """

    def __init__(self, work: WorkList) -> None:
        self.work = work
        self.steps: list[Step] = []
        self.groups = group_mappers(work.families())
        self.switched: dict[int, Any] = find_switches(work) if work.deleted and work.new else {}
        self.changed: ByFamily = work.changed
        self.deleted: ByFamily = work.deleted
        # their rows stay, with other values: to delete them would have the database cascade to rows that stay as well
        if self.switched:
            kept = {id(obj) for obj in self.switched.values()}
            self.deleted = {base: [o for o in objects if id(o) not in kept] for base, objects in work.deleted.items()}

    def plan(self) -> None:
        """Add the steps, in order."""
        work, first = self.work, {}
        clearing: SetLateKeys | None = None
        if self.deleted:
            if links := self._keys_to_clear():
                clearing = SetLateKeys(links, "post_update: before the rows are deleted")
            # a flush that only deletes frees keys for nobody
            if work.new or work.changed:
                first = families_to_delete_first(work, self.deleted)
        if self.switched:
            self.steps += rows_to_take_over(work, self.switched, self.deleted)
        if first:
            self._delete_first(first, clearing)
        for group in self.groups:
            self._write_group(group)
        if work.late_links:
            self.steps.append(SetLateKeys(work.late_links, "post_update: when all rows are there"))
        if work.link_rows and not first:
            self._delete_links()
        # link rows hold the keys of both sides, which are known when all INSERTs are done
        for rows in work.link_rows:
            if rows.added:
                self.steps.append(InsertLinks(rows.prop, rows.added))
        # rows that refer to each other cannot be deleted in any order; with one foreign key empty, they can
        if clearing is not None and not first:
            self.steps.append(clearing)
        # children first, the reverse of writing. At the end, since what was updated may have referred to the deleted
        # rows until now.
        for group in reversed(self.groups) if self.deleted else ():
            self._delete_group(group, {base: "" for base in group if base not in first})

    # -- deletions that come first

    def _delete_first(self, first: dict[Mapper, str], clearing: SetLateKeys | None) -> None:
        """Add the deletions that free keys for other rows, with all that has to let go of the rows before."""
        self._delete_links()
        early = updates_to_make_first(self.work, self.deleted, first)
        for group in self.groups:
            if objects := _members(group, early):
                why = "before rows are deleted to which it refers, or did"
                self._update_all(objects, why, refers_to_itself(group))
        done = {id(obj) for objects in early.values() for obj in objects}
        # the work list is shared with whoever shows the plan, so a copy is changed
        self.changed = {base: [obj for obj in members if id(obj) not in done] for base, members in self.changed.items()}
        if clearing is not None:
            self.steps.append(clearing)
        self.steps += references_to_release(
            self.work, self.changed, {base: self.deleted[base] for base in first if base in self.deleted}
        )
        for group in reversed(self.groups):
            self._delete_group(group, first, frees_keys=True)

    def _delete_links(self) -> None:
        for rows in self.work.link_rows:
            if rows.removed:
                self.steps.append(DeleteLinks(rows.prop, rows.removed))

    def _keys_to_clear(self) -> list[Link]:
        """Return the foreign keys by which objects that are to be deleted refer to each other, where ``post_update`` says so."""
        links: list[Link] = []
        deleted = self.work.changes.deleted
        for base, family in self.deleted.items():
            for mapper, objects in by_mapper(base, family).items():
                late = [prop for prop in mapper.relationships.values() if prop.post_update]
                for prop in late:
                    if prop.direction is Direction.MANY_TO_ONE and not prop.viewonly:
                        links += [
                            Link(prop, obj, None)
                            for obj in objects
                            if any(_row_may_hold(obj, own) for own in prop.names_to_clear)
                        ]
                for prop in late:
                    if prop.direction is Direction.ONE_TO_MANY and prop.reverse is None:
                        links += [
                            Link(prop, child, None)
                            for obj in objects
                            for child in related(obj, prop, load=True)
                            if child.__dict__[STATE] in deleted
                        ]
        return links

    # -- INSERTs and UPDATEs

    def _write_group(self, group: Group) -> None:
        work, base = self.work, group[0]
        if len(group) == 1:
            new, changed = work.new.get(base, []), self.changed.get(base, [])
            if not refers_to_itself(group):
                # UPDATEs first: they may free a unique value that a new row takes, and new rows free none
                if changed:
                    self._update(base, changed, "")
                if new:
                    self._insert(base, new, "")
                return
        else:
            new, changed = _members(group, work.new), _members(group, self.changed)
        if not new:
            if changed:
                self._update_all(changed, "")
            return
        early, late = split_by_reference(changed, new, self.work) if changed else ([], [])
        # who has to wait makes others wait, until nothing changes any more
        while early and late:
            early, late = self._after_those_that_leave(early, late)
            wait = waiting_for_new_keys(early, late, self.work)
            if not wait:
                break
            late += [obj for obj in early if id(obj) in wait]
            early = [obj for obj in early if id(obj) not in wait]
        self._update_all(early, "before the INSERTs of its own table, since it refers to no new row")
        members = by_family(new)
        for base, waiting in by_family(late).items() if late else ():
            self.steps += values_to_release(self.work, base, waiting, members.get(base, []))
        later = "after the rows of its own table to which it refers" if len(group) == 1 else ""
        for number, level in enumerate(sort_levels(group, new, self.work)):
            self._insert_all(level, later if number else "")
        self._update_all(late, "after the new rows to which it refers")

    def _after_those_that_leave(self, early: list[Any], late: list[Any]) -> tuple[list[Any], list[Any]]:
        """Have those of the early objects wait that take a unique value which a late one leaves."""
        waiting: set[int] = set()
        session, members = self.work.changes.session, by_family(early)
        for base, leaving in by_family(late).items():
            carried = carried_values(self.work.links.get(base, ()))
            waiting.update(map(id, those_that_take(session, base, members.get(base, []), leaving, carried)))
        if not waiting:
            return early, late
        return [obj for obj in early if id(obj) not in waiting], [*late, *(obj for obj in early if id(obj) in waiting)]

    def _insert_all(self, objects: list[Any], why: str) -> None:
        for base, family in by_family(objects).items():
            self._insert(base, family, why)

    def _insert(self, base: Mapper, objects: list[Any], why: str) -> None:
        if self.switched:
            taking = [obj for obj in objects if id(obj) in self.switched]
            objects = [obj for obj in objects if id(obj) not in self.switched]
            if taking:
                self.steps.append(SwitchRows(base, taking, [self.switched[id(obj)] for obj in taking]))
        if objects:
            self.steps.append(InsertRows(base, objects, why))

    def _update_all(self, objects: list[Any], why: str, is_linked: bool = True) -> None:
        # the database checks a foreign key when the row is written: the new key has to be there
        levels = after_new_keys(objects, self.work) if is_linked and len(objects) > 1 else [objects]
        if len(levels) == 1:
            for base, family in by_family(levels[0]).items():
                self._update(base, family, why)
            return
        for number, level in enumerate(levels):
            waiting = by_family([obj for later in levels[number + 1 :] for obj in later])
            for base, family in by_family(level).items():
                if base in waiting:
                    self.steps += values_to_release(self.work, base, waiting[base], family)
                self._update(base, family, "after the rows with new keys to which it refers" if number else why)

    def _update(self, base: Mapper, objects: list[Any], why: str) -> None:
        links = self.work.links.get(base, ())
        members = by_mapper(base, objects)
        if len(objects) == 1:
            mapper = next(iter(members))
            self.steps.append(UpdateRows(mapper, objects, links, None, not mapper.has_hooks, why))
            return
        turns = [objects]
        names = self._changed_names(base, objects, links)
        # hooks may change unique values, so that the objects of one class with hooks are put into turns when these were called
        is_settled = len(members) > 1 or not base.has_hooks
        if is_settled and not unique_names(base).isdisjoint(names):
            order = in_turns(self.work.changes.session, base, objects, carried_values(links))
            self.steps += exchanged_values(order)
            turns = order.turns
        # a hook of any class may change any object, also one that is not its own
        known = None if self._has_hooks() else names
        for number, turn in enumerate(turns):
            reason = "takes unique values that the UPDATE before it leaves" if number else why
            for mapper, own in members.items() if len(turns) == 1 else by_mapper(base, turn).items():
                self.steps.append(UpdateRows(mapper, own, links, known, not mapper.has_hooks, reason))

    def _has_hooks(self) -> bool:
        """Return True where hooks may change objects while the flush is on, so that nothing can be left out beforehand."""
        bases = (*self.work.new, *self.work.changed, *self.work.deleted)
        return any(mapper.has_hooks for base in bases for mapper in (base.descendants if base.subclasses else (base,)))

    def _changed_names(self, base: Mapper, objects: list[Any], links: Sequence[Link]) -> set[str]:
        """Return the attributes that have changed, or are foreign keys that follow from that, of all objects together."""
        names = {name for obj in objects for name in obj.__dict__[STATE].changes or ()}
        for link in links:
            names.update(own for own, _ in link_pairs(link))
        for mapper in base.descendants if base.subclasses else (base,):
            for prop in references_of(mapper):
                if prop.key in names:
                    names.update(own for own, _ in prop.pairs)
        return names

    # -- DELETEs

    def _delete_group(self, group: Group, families: Mapping[Mapper, str], frees_keys: bool = False) -> None:
        """Add the deletions of a group, children first.

        :param families: those whose rows are deleted now, each with the reason.
        """
        doomed = [obj for base in group if base in families for obj in self.deleted.get(base, ())]
        if not doomed:
            return
        # the levels of writing, taken from the end: what refers to a row goes before it
        levels = sort_levels(group, doomed, self.work) if refers_to_itself(group) else [doomed]
        later = "after the rows of its own table that refer to it" if len(group) == 1 else ""
        for number, level in enumerate(reversed(levels)):
            for base, objects in by_family(level).items():
                why = families[base] or (later if number else "")
                for mapper, own in by_mapper(base, objects).items():
                    self.steps.append(DeleteRows(mapper, own, frees_keys, why))
