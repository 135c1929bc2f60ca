"""Relationships with ``lazy="dynamic"`` and ``"write_only"``: objects are put in and taken out without loading any.

What was put in or taken out waits on the object until the flush, as it does for a collection that is not loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from flask_uow.exc import ArgumentError, InvalidRequestError
from flask_uow.orm.instrumentation.relationship_attributes import RelationshipAttribute
from flask_uow.orm.state.instance_state import describe, ensure_state
from flask_uow.orm.state.members import contains_identical, members_of, remove_identical
from flask_uow.orm.state.proxies import real_object
from flask_uow.orm.symbols import NO_VALUE, PENDING, STATE
from flask_uow.sql.dml import Delete, Insert, Update
from flask_uow.sql.select import Select

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.query import Query

__all__ = ["AppenderQuery", "DynamicAttribute", "WriteOnlyAttribute", "WriteOnlyCollection"]

T = TypeVar("T")


class AppenderQuery(Generic[T]):
    """The related objects of one object, as a query: every method of :class:`Query` works, each time on the database's present state.

    It flushes first, where the Session has autoflush, as every query does. Of an object that has no row and gets none by that, iteration,
    ``count()``, indexes and slices are about what was put in.
    """

    def __init__(self, attribute: DynamicAttribute, obj: MappedObject) -> None:
        self._attribute = attribute
        self._obj = obj

    def append(self, item: T) -> None:
        """Put an object in."""
        self._attribute.put_in(self._obj, item)

    add = append

    def add_all(self, items: Iterable[T]) -> None:
        """Put several objects in."""
        self.extend(items)

    def extend(self, items: Iterable[Any]) -> None:
        """Put several objects in."""
        # a copy, since putting one in may take it out of the very collection that was passed
        for item in list(items):
            self.append(item)

    def remove(self, item: T) -> None:
        """Take an object out."""
        self._attribute.take_out(self._obj, item)

    @property
    def query(self) -> Query[T]:
        """The query.

        :raises DetachedInstanceError: when the object is in no Session.
        """
        query: Query[Any] = self._attribute.query_of(self._obj)
        return query

    def __iter__(self) -> Iterator[T]:
        self._attribute.has_row(self._obj)
        return iter(self._attribute.members(self._obj, load=True))

    def __getitem__(self, item: int | slice) -> Any:
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


class WriteOnlyCollection(Generic[T]):
    """The related objects of one object, for collections that are too large to be loaded: they are put in and taken out, and asked for by statements.

    The statements are to be executed by the Session: ``session.scalars(user.posts.select().where(...).limit(10))``.
    """

    def __init__(self, attribute: WriteOnlyAttribute, obj: MappedObject) -> None:
        self._attribute = attribute
        self._obj = obj

    def add(self, item: T) -> None:
        """Put an object in."""
        self._attribute.put_in(self._obj, item)

    def add_all(self, items: Iterable[T]) -> None:
        """Put several objects in."""
        for item in list(items):
            self.add(item)

    def remove(self, item: T) -> None:
        """Take an object out."""
        self._attribute.take_out(self._obj, item)

    def select(self) -> Select[tuple[T]]:
        """Return a SELECT of the related objects, in the order of the relationship.

        :raises InvalidRequestError: when the object has no row yet.
        """
        prop = self._attribute.relationship
        statement = Select((prop.target_class,))
        if prop.secondary is not None:
            statement = statement.select_from(prop.mapper.selectable, prop.secondary)
        statement = statement.where(*self._attribute.conditions_of(self._obj, "select()"))
        return statement.order_by(*prop.order_by) if prop.order_by else statement

    def insert(self) -> Insert:
        """Return an INSERT of related objects, for a list of rows: the foreign key to this object is set in each.

        :raises InvalidRequestError: when the object has no row yet, and for a relationship with a secondary table, whose rows it would not write.
        """
        return Insert(self._written("insert()")).in_every_row(self._key_values("insert()"))

    def update(self) -> Update:
        """Return an UPDATE of the related objects.

        :raises InvalidRequestError: when the object has no row yet.
        """
        return Update(self._attribute.relationship.target_class).where(*self._own_rows("update()"))

    def delete(self) -> Delete:
        """Return a DELETE of the related objects.

        :raises InvalidRequestError: when the object has no row yet.
        """
        return Delete(self._attribute.relationship.target_class).where(*self._own_rows("delete()"))

    def _own_rows(self, method: str) -> tuple[Any, ...]:
        prop = self._attribute.relationship
        conditions = self._attribute.conditions_of(self._obj, method)
        if prop.secondary is None:
            return conditions
        # the rows of the secondary table are asked for in a statement of their own
        related = Select(tuple(prop.mapper.primary_key)).select_from(prop.mapper.selectable, prop.secondary)
        first, *others = prop.mapper.primary_key
        if others:
            raise InvalidRequestError(
                f"{prop.name}.{method} would have to tell rows by a key of several columns through a secondary table. Write the statement by hand."
            )
        return (first.in_(related.where(*conditions)),)

    def _written(self, method: str) -> Any:
        prop = self._attribute.relationship
        if prop.secondary is not None:
            raise InvalidRequestError(
                f"{prop.name}.{method} cannot write the rows of the secondary table {prop.secondary.fullname!r}. Put objects in with add_all(), or insert"
                " into both tables by hand."
            )
        return prop.target_class

    def _key_values(self, method: str) -> dict[str, Any]:
        self._attribute.conditions_of(self._obj, method)
        return {far: getattr(self._obj, own) for own, far in self._attribute.relationship.pairs}

    def __iter__(self) -> NoReturn:
        name = self._attribute.relationship.name
        raise TypeError(
            f"{name} is write-only and cannot be iterated: it may be large. Execute session.scalars(obj.{self._attribute.key}.select())."
        )

    def __repr__(self) -> str:
        return f"<write-only collection {self._attribute.class_.__name__}.{self._attribute.key}>"


class DynamicAttribute(RelationshipAttribute):
    """An attribute that is a query of the related objects."""

    def __get__(self, obj: Any, owner: type | None = None) -> Any:
        return super().__get__(None, owner) if obj is None else self.collection_of(obj)

    def collection_of(self, obj: MappedObject) -> Any:
        """Return the value of the attribute on an object."""
        return AppenderQuery(self, obj)

    def conditions_of(self, obj: MappedObject, method: str) -> tuple[Any, ...]:
        """Return the conditions that the rows of an object's related objects fulfil.

        :param method: who asks, for the message.
        :raises InvalidRequestError: when the object has no row.
        """
        if not self.has_row(obj):
            raise InvalidRequestError(
                f"{self.relationship.name}.{method} needs the key of {describe(obj)}, which has no row yet. Add it to a Session and flush first."
            )
        prop = self.relationship
        return (prop.sql.leads_from(obj),) if prop.condition.between else tuple(prop.sql.conditions_for(obj))

    def query_of(self, obj: MappedObject) -> Any:
        """Return the query of an object's related objects; of a pending one it finds the key when it is executed, after the autoflush.

        :raises DetachedInstanceError: when the object is in no Session.
        """
        state = obj.__dict__.get(STATE)
        session = state.session_to_ask() if state is not None else None
        if session is None:
            raise self.detached(obj)
        prop = self.relationship
        query = (
            prop.query_class((prop.target_class,), session) if prop.query_class else session.query(prop.target_class)
        )
        if prop.secondary is not None:
            query = query.select_from(prop.mapper.selectable, prop.secondary)
        conditions = (prop.sql.leads_from(obj),) if prop.condition.between else prop.sql.conditions_for(obj)
        query = query.filter(*conditions)
        return query.order_by(*prop.order_by) if prop.order_by else query

    def has_row(self, obj: MappedObject) -> bool:
        """Return whether an object has a row, after the flush that a statement of its Session begins with."""
        state = obj.__dict__.get(STATE)
        if state is None or state.session is None:
            # one that is detached has a row, and no Session to ask
            return state is not None and state.row_key is not None
        if state.row_key is None:
            state.session.autoflush_now()
        return state.row_key is not None

    def members(self, obj: MappedObject, load: bool) -> list[Any]:
        """Return the related objects; without ``load`` only those that wait to be written."""
        if not load or not self.has_row(obj):
            return list(self._waiting(obj)[0])
        found = self.query_of(obj).all()
        added, removed = self._waiting(obj)
        # without autoflush the database does not know them yet
        found = [item for item in found if not contains_identical(removed, item)]
        return [*found, *(item for item in added if not contains_identical(found, item))]

    def _waiting(self, obj: MappedObject) -> tuple[list[Any], list[Any]]:
        found: tuple[list[Any], list[Any]] = obj.__dict__.get(PENDING, {}).get(self.key, ([], []))
        return found

    def _note(self, obj: MappedObject, item: MappedObject, added: bool) -> None:
        state = ensure_state(obj)
        waiting = obj.__dict__.setdefault(PENDING, {}).setdefault(self.key, ([], []))
        # what was taken out and is put in again has not changed, and the other way round
        into, out_of = waiting if added else reversed(waiting)
        if remove_identical(out_of, item):
            return
        if not contains_identical(into, item):
            into.append(item)
        # a new object is looked at by the flush in any case
        if state.row_key is not None:
            state.noted_changes(obj).setdefault(self.key, NO_VALUE)

    def put_in(self, obj: MappedObject, item: object) -> None:
        """Put an object in, as the user does."""
        related = real_object(item)
        if self.listeners is not None:
            related = self.listeners.append(obj, ensure_state(obj), related, self)
        related = self.check(related)
        self.refuse_stranger(obj.__dict__.get(STATE), related)
        self._note(obj, related, added=True)
        self.fire_append(obj, related)

    def take_out(self, obj: MappedObject, item: object) -> None:
        """Take an object out, as the user does."""
        related = real_object(item)
        self._note(obj, related, added=False)
        self.fire_remove(obj, related)

    def set(self, obj: MappedObject, value: object) -> None:
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

    def silently_add(self, obj: MappedObject, item: MappedObject) -> None:
        if self.listeners is not None:
            self.listeners.append(obj, ensure_state(obj), item, self, told=True)
        self._note(obj, item, added=True)

    def silently_remove(self, obj: MappedObject, item: MappedObject) -> None:
        if self.listeners is not None:
            self.listeners.remove(ensure_state(obj), item, self, told=True)
        self._note(obj, item, added=False)


class WriteOnlyAttribute(DynamicAttribute):
    """An attribute that takes related objects in and out and gives statements about them, and loads none."""

    def collection_of(self, obj: MappedObject) -> Any:
        return WriteOnlyCollection(self, obj)

    def set(self, obj: MappedObject, value: object) -> None:
        state = obj.__dict__.get(STATE)
        if state is not None and state.row_key is not None:
            raise InvalidRequestError(
                f"{self.relationship.name} is write-only, so what is in it is not known and cannot be replaced. Put objects in with add() and take them"
                " out with remove()."
            )
        super().set(obj, value)
