"""The work of one flush: its objects by family, and the foreign keys and rows of secondary tables that follow from relationships."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

from flask_uow.orm.symbols import STATE

if TYPE_CHECKING:
    from flask_uow.orm.flush.changes import Changes
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.mapping.relationship_property import RelationshipProperty

__all__ = ["ByFamily", "Link", "LinkRows", "WorkList", "by_family", "by_mapper", "links_by_child"]

# objects by the base mapper of their classes
ByFamily = dict["Mapper", list[Any]]


@dataclass(slots=True)
class LinkRows:
    """Rows of the table between the two sides of a many-to-many relationship.

    :ivar prop: the relationship, seen from the objects that stand first in the pairs.
    """

    prop: RelationshipProperty
    added: list[tuple[Any, Any]] = field(default_factory=list)
    removed: list[tuple[Any, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Link:
    """A foreign key to be set from ``parent`` (cleared, when that is None), along a relationship.

    :ivar prop: one-to-many, or many-to-one where it is written apart from the row (``post_update``).
    :ivar child: the object whose row has the foreign key.
    """

    prop: RelationshipProperty
    child: Any
    parent: Any


class WorkList:
    """The objects of one flush, by family: under the base mapper of their classes.

    :ivar changes: what it was collected from.
    :ivar new: to be inserted, in the order in which they were added.
    :ivar changed: to be updated if there is a net change.
    :ivar deleted: to be deleted.
    :ivar links: foreign keys that follow from a collection, by the child's family.
    :ivar late_links: those of relationships with ``post_update``, written after everything else.
    :ivar link_rows: rows of secondary tables.
    :ivar waiting: objects that this flush leaves out although they are new or changed, by id.
    :ivar kept: relationships that lead to some of these, as ``(object, relationship)``: the next flush looks at them again.
    :ivar repeated: collections that have an object more than once, as ``(object, relationship)``; the flush takes it out.
    :ivar forgotten: children that have forgotten their parent by a rollback, as ``(child, relationship to it, parent)``.
    """

    __slots__ = (
        "_changed_ids", "_linked", "changed", "changes", "deleted", "forgotten", "kept", "late_links", "link_rows", "links", "new", "repeated",
        "waiting",
    )  # fmt: skip

    def __init__(
        self, changes: Changes, new: ByFamily, changed: ByFamily, deleted: ByFamily, waiting: dict[int, Any]
    ) -> None:
        self.changes = changes
        self.new = new
        self.changed = changed
        self.deleted = deleted
        self.waiting = waiting
        self.links: dict[Mapper, list[Link]] = {}
        self.late_links: list[Link] = []
        self.link_rows: list[LinkRows] = []
        self.kept: list[tuple[Any, RelationshipProperty]] = []
        self.repeated: list[tuple[Any, RelationshipProperty]] = []
        self.forgotten: list[tuple[Any, RelationshipProperty, Any]] = []
        self._changed_ids: set[int] = set()
        self._linked: dict[tuple[int, RelationshipProperty], Link] = {}

    def add_link(self, link: Link) -> bool:
        """Add a foreign key to be set, or to be cleared unless the child has a link of the relationship already; True when added.

        One that was to be cleared, since the child has left a collection, is set where the child has come into another one.
        """
        mark = (id(link.child), link.prop)
        present = self._linked.get(mark)
        if present is not None:
            if link.parent is None:
                return False
            if present.parent is None:
                present.parent = link.parent
                return True
        self._linked[mark] = link
        self.links.setdefault(type(link.child).__mapper__.base_mapper, []).append(link)
        return True

    def add_changed(self, obj: Any) -> None:
        """Add an object to those that are to be updated, once."""
        # made at its first use: most flushes add no object
        if not self._changed_ids:
            self._changed_ids.update(id(other) for members in self.changed.values() for other in members)
        if id(obj) not in self._changed_ids:
            self._changed_ids.add(id(obj))
            self.changed.setdefault(type(obj).__mapper__.base_mapper, []).append(obj)

    def waits(self, obj: MappedObject) -> bool:
        """Return True for a new object that this flush leaves out."""
        return id(obj) in self.waiting and obj.__dict__[STATE].row_key is None

    def objects(self) -> tuple[tuple[Any, ...], ...]:
        """Return the new, changed and deleted objects of all families."""
        return tuple(tuple(chain(*group.values())) for group in (self.new, self.changed, self.deleted))

    def families(self) -> list[Mapper]:
        """Return the base mappers of all objects, each once."""
        return list(dict.fromkeys((*self.new, *self.changed, *self.deleted)))


def by_mapper(base: Mapper, objects: list[Any]) -> dict[Mapper, list[Any]]:
    """Return the objects of one family by the mappers of their classes."""
    if not base.subclasses:
        return {base: objects}
    members: dict[Mapper, list[Any]] = {}
    for obj in objects:
        members.setdefault(type(obj).__mapper__, []).append(obj)
    return members


def links_by_child(links: Iterable[Link]) -> dict[int, list[Link]]:
    """Return links by the ids of the children."""
    found: dict[int, list[Link]] = {}
    for link in links:
        found.setdefault(id(link.child), []).append(link)
    return found


def by_family(objects: list[Any]) -> ByFamily:
    """Return objects by the base mappers of their classes."""
    if len(objects) == 1:
        return {type(objects[0]).__mapper__.base_mapper: objects}
    families: ByFamily = {}
    class_: type | None = None
    members: list[Any] = []
    for obj in objects:
        # objects of one class mostly follow one another
        if type(obj) is not class_:
            class_ = type(obj)
            members = families.setdefault(class_.__mapper__.base_mapper, [])
        members.append(obj)
    return families
