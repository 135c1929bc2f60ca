"""Relationships with ``lazy="dynamic"``: the attribute is a query of the related objects, and takes objects in and out without loading any.

What was put in or taken out waits on the object until the flush, as it does for a collection that is not loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from flask_uow.exc import ArgumentError
from flask_uow.orm.instrumentation.attributes import RelationshipAttribute
from flask_uow.orm.state.instance_state import ensure_state
from flask_uow.orm.state.members import contains_identical, members_of, remove_identical
from flask_uow.orm.state.proxies import real_object
from flask_uow.orm.symbols import NO_VALUE, PENDING, STATE

if TYPE_CHECKING:
    from flask_uow.orm.query import Query

__all__ = ["DynamicAttribute", "DynamicCollection"]


class DynamicCollection:
    """The related objects of one object, as a query: every method of :class:`Query` works, each time on the database's present state.

    It flushes first, where the Session has autoflush, as every query does. Of an object that has no row and gets none by that, iteration,
    ``count()``, indexes and slices are about what was put in.
    """

    def __init__(self, attribute: DynamicAttribute, obj: Any) -> None:
        self._attribute = attribute
        self._obj = obj

    def append(self, item: Any) -> None:
        """Put an object in."""
        self._attribute.put_in(self._obj, item)

    add = append

    def extend(self, items: Iterable[Any]) -> None:
        """Put several objects in."""
        for item in list(items):
            self.append(item)

    def remove(self, item: Any) -> None:
        """Take an object out."""
        self._attribute.take_out(self._obj, item)

    @property
    def query(self) -> Query[Any]:
        """The query.

        :raises DetachedInstanceError: when the object is in no Session.
        """
        return self._attribute.query_of(self._obj)  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[Any]:
        self._attribute.has_row(self._obj)
        return iter(self._attribute.members(self._obj, load=True))

    def __getitem__(self, item: Any) -> Any:
        if self._attribute.has_row(self._obj):
            return self.query[item]
        return self._attribute.members(self._obj, load=False)[item]

    def count(self) -> int:
        """Return the number of related objects."""
        if self._attribute.has_row(self._obj):
            return self.query.count()
        return len(self._attribute.members(self._obj, load=False))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.query, name)

    def __repr__(self) -> str:
        return f"<dynamic collection {self._attribute.class_.__name__}.{self._attribute.key}>"


class DynamicAttribute(RelationshipAttribute):
    """An attribute that is a query of the related objects."""

    def __get__(self, obj: Any, owner: type | None = None) -> Any:
        return super().__get__(None, owner) if obj is None else DynamicCollection(self, obj)

    def query_of(self, obj: Any) -> Any:
        """Return the query of an object's related objects; of a pending one it finds the key when it is executed, after the autoflush.

        :raises DetachedInstanceError: when the object is in no Session.
        """
        state = obj.__dict__.get(STATE)
        if state is None or state.session is None:
            raise self.detached(obj)
        session = state.session
        prop = self.relationship
        query = (
            prop.query_class((prop.target_class,), session) if prop.query_class else session.query(prop.target_class)
        )
        if prop.secondary is not None:
            query = query.select_from(prop.mapper.selectable, prop.secondary)
        conditions = (prop.sql.leads_from(obj),) if prop.condition.between else prop.sql.conditions_for(obj)
        query = query.filter(*conditions)
        return query.order_by(*prop.order_by) if prop.order_by else query

    def has_row(self, obj: Any) -> bool:
        """Return whether an object has a row, after the flush that a statement of its Session begins with."""
        state = obj.__dict__.get(STATE)
        if state is None or state.session is None:
            # one that is detached has a row, and no Session to ask
            return state is not None and state.identity is not None
        if state.identity is None:
            state.session.autoflush_now()
        return state.identity is not None

    def members(self, obj: Any, load: bool) -> list[Any]:
        """Return the related objects; without ``load`` only those that wait to be written."""
        if not load or not self.has_row(obj):
            return list(self._waiting(obj)[0])
        found = self.query_of(obj).all()
        added, removed = self._waiting(obj)
        # without autoflush the database does not know them yet
        found = [item for item in found if not contains_identical(removed, item)]
        return [*found, *(item for item in added if not contains_identical(found, item))]

    def _waiting(self, obj: Any) -> tuple[list[Any], list[Any]]:
        found: tuple[list[Any], list[Any]] = obj.__dict__.get(PENDING, {}).get(self.key, ([], []))
        return found

    def _note(self, obj: Any, item: Any, added: bool) -> None:
        state = ensure_state(obj)
        waiting = obj.__dict__.setdefault(PENDING, {}).setdefault(self.key, ([], []))
        into, out_of = waiting if added else reversed(waiting)
        if remove_identical(out_of, item):
            return
        if not contains_identical(into, item):
            into.append(item)
        if state.identity is not None:
            if state.changes is None:
                state.changes = {}
                if state.owner is not None:
                    state.owner.modified[state] = obj
            state.changes.setdefault(self.key, NO_VALUE)

    def put_in(self, obj: Any, item: Any) -> None:
        """Put an object in, as the user does."""
        item = self.check(item)
        if self.listeners is not None:
            item = real_object(self.listeners.append(obj, ensure_state(obj), item, self))
        self._note(obj, item, added=True)
        self.fire_append(obj, item)

    def take_out(self, obj: Any, item: Any) -> None:
        """Take an object out, as the user does."""
        item = real_object(item)
        self._note(obj, item, added=False)
        self.fire_remove(obj, item)

    def set(self, obj: Any, value: Any) -> None:
        if value is None:
            raise ArgumentError(
                f"{self.class_.__name__}.{self.key} is a collection and takes an iterable of objects, got None. To empty it, assign []."
            )
        items = [real_object(item) for item in members_of(value)]
        present = self.members(obj, load=True)
        for item in present:
            if not contains_identical(items, item):
                self.take_out(obj, item)
        for item in items:
            if not contains_identical(present, item):
                self.put_in(obj, item)

    def silently_add(self, obj: Any, item: Any) -> None:
        if self.listeners is not None:
            self.listeners.append(obj, ensure_state(obj), item, self)
        self._note(obj, item, added=True)

    def silently_remove(self, obj: Any, item: Any) -> None:
        if self.listeners is not None:
            self.listeners.remove(ensure_state(obj), item, self)
        self._note(obj, item, added=False)
