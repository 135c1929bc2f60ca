"""Attributes that lead to other objects: what both kinds of relationship share, and those that refer to one object.

Relationships keep both sides in step: what happens on one side is told to the other *silently*, so that no event runs in a circle.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, NoReturn

from flask_uow.exc import ArgumentError, InvalidRequestError
from flask_uow.orm.instrumentation.events import Listeners
from flask_uow.orm.state.instance_state import InstanceState, describe, ensure_state
from flask_uow.orm.state.members import contains_identical, members_of
from flask_uow.orm.state.proxies import real_object, real_value
from flask_uow.orm.state.session_objects import in_another_session
from flask_uow.orm.symbols import NO_VALUE, PARENTS, STATE, Direction
from flask_uow.sql.expressions import ColumnElement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flask_uow.orm.interfaces import Entity, MappedObject, RelatedLoader
    from flask_uow.orm.mapping.entity import EntityView
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.mapping.relationship_property import RelationshipProperty
    from flask_uow.orm.session.session import Session
    from flask_uow.sql.nodes import ClauseElement
    from flask_uow.sql.operators import Operator
    from flask_uow.sql.selectable import FromClause

from flask_uow.orm.instrumentation.attributes import Attribute

__all__ = ["RelationshipAttribute", "ScalarRelationshipAttribute"]


class RelationshipAttribute(Attribute):
    """The base of the attributes of relationships, scalar ones and collections.

    :ivar related_loader: the loader, which knows how to load for the Session itself, too.
    :ivar reverse: the attribute of the other side, None for a one-way relationship.
    :ivar listeners: validators and extensions, or None.
    """

    related_loader: RelatedLoader
    reverse: RelationshipAttribute | None = None
    listeners: Listeners | None = None
    # True where this side or the other has single_parent
    is_exclusive: bool = False
    # the mapper of the subclass that it was read from, where that has inherited it
    heir: Mapper | None = None

    def __init__(self, key: str, parent: Mapper, prop: RelationshipProperty) -> None:
        super().__init__(key, parent, prop)
        self.relationship = prop

    @property
    def mapper(self) -> Mapper:
        """The mapper of the class that it leads to; :attr:`entity` is the same."""
        return self.relationship.mapper

    entity = mapper

    def read_from(self, owner: type | None) -> Any:
        mapper = self.parent if owner is None else owner.__dict__.get("__mapper__")
        if mapper is self.parent or mapper is None or self.heir is not None:
            return self
        # the same object each time: options and join targets are told apart by it
        known = mapper.memo.get(self)
        if known is None:
            known = mapper.memo[self] = copy.copy(self)
            known.parent = known.heir = mapper
        return known

    def has_left(self, obj: MappedObject, item: MappedObject) -> bool:
        """Return True where the database has an object among those related to ``obj``, and it refers to another one by now.

        The object's reference was set before anybody knew what it had been, so that the side of ``obj`` could not be told.
        """
        state, reverse = item.__dict__.get(STATE), self.reverse
        if state is None or not state.changes or reverse is None or reverse.key not in state.changes:
            return False
        return reverse.relationship.direction is Direction.MANY_TO_ONE and item.__dict__.get(reverse.key) is not obj

    def read(self, obj: MappedObject) -> Any:
        """Return the value, loaded where it is absent, as a cascade, the flush or ``merge()`` needs it: what a program may not load
        (``raiseload``) is no secret to these.
        """
        values = obj.__dict__
        if self.key in values:
            return values[self.key]
        state: InstanceState | None = values.get(STATE)
        if state is None or state.row_key is None:
            return self.empty(obj)
        return (
            self.without_session(obj, state) if state.owner is None else self.related_loader.load_regardless(obj, state)
        )

    def without_session(self, obj: MappedObject, state: InstanceState) -> Any:
        return self.loader.load(obj, state) if state.deleted else super().without_session(obj, state)

    if not TYPE_CHECKING:  # to a type checker, an attribute that is not there stays an error

        def __getattr__(self, name: str) -> NoReturn:
            message = f"{type(self).__name__!r} object has no attribute {name!r}"
            if not name.startswith("_"):
                own = self.__dict__.get("key", "relationship")
                message += (
                    ": a relationship has no columns of its own. For a condition on the objects that it leads to, join it and name the"
                    f" attribute of their class, or use {own}.has(...) (of a collection: {own}.any(...))."
                )
            raise AttributeError(message, name=name, obj=self)

    def record(self, obj: MappedObject, state: InstanceState | None, original: object) -> None:
        """Keep the original value of the attribute at its first change, and hold the object until it is flushed."""
        # an object without a row has no original values: all that it has is written
        if state is None or state.row_key is None:
            return
        changes = state.noted_changes(obj)
        if self.key not in changes:
            changes[self.key] = members_of(original) if self.relationship.uselist else original

    def check(self, item: object) -> Any:
        """Return an object that may be related; where a proxy is given, the one that it stands for.

        :raises ArgumentError: for an object of a wrong class.
        """
        target = self.relationship.target_class
        if type(item) is target:
            return item
        item = real_object(item)
        if not isinstance(item, target):
            raise ArgumentError(
                f"{self.class_.__name__}.{self.key} takes objects of {target.__name__}, got {item.__class__.__name__}: {item!r}."
            )
        return item

    def claim(self, obj: MappedObject, item: MappedObject) -> None:
        """Note the one parent that an object of a relationship with ``single_parent`` may have.

        :raises InvalidRequestError: when it has another one.
        """
        if not self.relationship.single_parent:
            return
        parents = item.__dict__.setdefault(PARENTS, {})
        known = parents.get(self.key)
        parent = known() if known is not None else None
        if parent is not None and parent is not obj:
            # the parent that was noted may have let go of it since
            held = parent.__dict__.get(self.key)
            if held is item or (
                self.relationship.uselist and held is not None and contains_identical(held.__uow_items__(), item)
            ):
                raise InvalidRequestError(
                    f"{self.class_.__name__}.{self.key} has single_parent=True, and {describe(item)} belongs to {describe(parent)} already. Take it"
                    " out there first."
                )
        # the state, which does not keep the parent alive
        parents[self.key] = ensure_state(obj)

    def claim_for_both(self, obj: MappedObject, item: MappedObject) -> None:
        """Note the one parent that either of two objects may have, before they are put together.

        :raises InvalidRequestError: when it has another one.
        """
        self.claim(obj, item)
        if self.reverse is not None:
            self.reverse.claim(item, obj)

    def note_parent(self, obj: MappedObject, item: MappedObject) -> None:
        """Note the one parent of an object, as the other side tells it."""
        if self.relationship.single_parent:
            item.__dict__.setdefault(PARENTS, {})[self.key] = ensure_state(obj)

    def fire_append(self, obj: MappedObject, item: MappedObject) -> None:
        """Tell the other side, and the Session, that ``item`` was put into the collection of ``obj``."""
        if self.reverse is not None:
            self.reverse.silently_add(item, obj)
        self.cascade_add(obj, item)

    def fire_appends(self, obj: MappedObject, state: InstanceState, items: Iterable[MappedObject]) -> None:
        """:meth:`fire_append` for several objects.

        :param state: that of ``obj``.
        """
        reverse = self.reverse
        for item in items:
            if reverse is not None:
                reverse.silently_add(item, obj)
            # between two objects outside of a Session there is no cascade; looked up for each item, since the one before may have brought
            # the parent into a Session (benchmark: insert_graph)
            if state.owner is None and ((other := item.__dict__.get(STATE)) is None or other.owner is None):
                continue
            self.cascade_add(obj, item)

    def fire_remove(self, obj: MappedObject, item: MappedObject) -> None:
        """Tell the other side that ``item`` was taken out of the collection of ``obj``."""
        if self.listeners is not None:
            self.listeners.remove(ensure_state(obj), item, self)
        if self.reverse is not None:
            self.reverse.silently_remove(item, obj)
        if self.relationship.cascade.delete_orphan:
            expunge_pending(item)

    def cascade_add(self, obj: MappedObject, item: MappedObject) -> None:
        """Put each side into the other's Session, where the relationship says so (cascade save-update).

        What comes in this way was not added by the user yet, see :meth:`Session._bring_along`.
        """
        own = obj.__dict__.get(STATE)
        other = item.__dict__.get(STATE)
        own_owner = own.owner if own is not None else None
        other_owner = other.owner if other is not None else None
        if own_owner is not None and other_owner is None and self.relationship.cascade.save_update:
            session = own_owner.session_ref()
            if session is not None:
                session.objects.bring_along(item)
        elif other_owner is not None and own_owner is None and self.reverse is not None:
            if self.reverse.relationship.cascades_by_reverse:
                session = other_owner.session_ref()
                if session is not None:
                    session.objects.bring_along(obj)
        elif own_owner is not None and other_owner is not None:
            session = own_owner.session_ref()
            if own_owner.session_ref is not other_owner.session_ref:
                self._cascade_from_the_gone(obj, item, session, other_owner.session_ref())
            elif session is not None and session.objects.deleted:
                self._take_back_deleted(session, obj, item)

    def _cascade_from_the_gone(
        self, obj: MappedObject, item: MappedObject, session: Session | None, other: Session | None
    ) -> None:
        """Put one of two objects into the Session of the other one, where its own is gone without having been closed."""
        if other is None and session is not None and self.relationship.cascade.save_update:
            session.objects.bring_along(item)
        elif session is None and other is not None and self.reverse is not None:
            if self.reverse.relationship.cascades_by_reverse:
                other.objects.bring_along(obj)

    def refuse_stranger(self, own: InstanceState | None, item: MappedObject) -> None:
        """Refuse to relate objects of different Sessions, where the cascade save-update would put one into the Session of the other.

        :param own: the state of the object that has the attribute.
        :raises InvalidRequestError: naming the one that would have to come along.
        """
        if own is None or own.owner is None:
            return
        other = item.__dict__.get(STATE)
        if other is None or other.owner is None or other.owner.session_ref is own.owner.session_ref:
            return
        session, holder = own.session, other.session
        # a Session that is gone, and was not closed, holds nothing
        if session is None or holder is None:
            return
        if self.relationship.cascade.save_update:
            raise in_another_session(item, other, holder)
        if self.reverse is not None and self.reverse.relationship.cascades_by_reverse:
            raise in_another_session(own.obj, own, session)

    def _take_back_deleted(self, session: Session, obj: MappedObject, item: MappedObject) -> None:
        """Unmark an object that is to be deleted, when one that owns it (by the cascade delete) and stays has got it."""
        reverse = self.reverse.relationship if self.reverse is not None else None
        for prop, parent, child in ((self.relationship, obj, item), (reverse, item, obj)):
            if prop is None or prop.direction is Direction.MANY_TO_ONE:
                continue
            if (
                not (prop.cascade.save_update and prop.cascade.delete)
                or parent.__dict__[STATE] in session.objects.deleted
            ):
                continue
            if child.__dict__[STATE] in session.objects.deleted and child.__dict__[STATE].session is session:
                session.objects.add(child)

    def set(self, obj: MappedObject, value: object) -> None:
        """Set the attribute as the user does."""
        raise NotImplementedError

    def silently_add(self, obj: MappedObject, item: MappedObject) -> None:
        """Put ``item`` in, as the consequence of a change on the other side."""
        raise NotImplementedError

    def silently_remove(self, obj: MappedObject, item: MappedObject) -> None:
        """Take ``item`` out, as the consequence of a change on the other side."""
        raise NotImplementedError

    def new_collection(self, obj: MappedObject, items: Iterable[Any] = ()) -> Any:
        """Return a collection of ``obj`` with some members, where the relationship is one that has collections."""
        raise NotImplementedError

    def members(self, obj: MappedObject, load: bool) -> list[Any]:
        """Return the related objects, where the relationship is a dynamic one."""
        raise NotImplementedError

    # -- comparisons, as criteria of a query

    def __clause_element__(self) -> ColumnElement[Any]:
        raise ArgumentError(
            f"{self.class_.__name__}.{self.key} is a relationship, not a column. "
            "Compare it with == to an object, or use any(), has(), contains() or join()."
        )

    def operate(self, op: Operator, other: object = None, **modifiers: Any) -> ColumnElement[Any]:
        return self.relationship.sql.comparison(op, other, self.heir)

    def any(self, criterion: object = None, **values: Any) -> ColumnElement[bool]:
        """True where at least one related object fulfils the criterion."""
        return self.relationship.sql.exists(criterion, values, True, self.heir)

    def has(self, criterion: ClauseElement | None = None, **values: Any) -> ColumnElement[bool]:
        """True where the related object exists and fulfils the criterion."""
        return self.relationship.sql.exists(criterion, values, False, self.heir)

    def contains(self, other: object, autoescape: bool | None = None, escape: str | None = None) -> ColumnElement[bool]:
        """True where the object is a member of the collection."""
        return self.relationship.sql.contains(other, self.heir)

    def join_steps(
        self,
        onclause: ColumnElement[Any] | None = None,
        target: Entity | FromClause | None = None,
        isouter: bool = False,
    ) -> Any:
        """Return the joins along the relationship, as ``(left, right, condition)``."""
        return self.relationship.sql.join_steps(onclause, self.heir, target, isouter=isouter)

    def of_type(self, target: object) -> Any:
        """Return the relationship leading to an alias of its class: ``join(User.posts.of_type(alias))``."""
        return self.relationship.sql.of_type(self, target)

    def and_(self, *criteria: Any) -> Any:
        """Return the relationship to those related objects that fulfil criteria, too: for joins and for loader options."""
        return self.relationship.sql.with_criteria(self, criteria)

    def within(self, sources: Sequence[Any], froms: Sequence[FromClause]) -> Any:
        """Return the relationship between the classes that a statement is about, where these are subclasses of its own."""
        return self.relationship.sql.within(self, sources, froms)

    def starting_at(self, view: EntityView) -> Any:
        """Return the relationship starting from a view of its class."""
        return self.relationship.sql.starting_at(self, view)

    @property
    def joined_entity(self) -> Any:
        """The entity that a join along the relationship brings in."""
        return self.relationship.mapper


def expunge_pending(orphan: MappedObject) -> None:
    """Take an object that lost its only parent out of the Session, if it has no row yet: it would be deleted at once."""
    state = orphan.__dict__.get(STATE)
    if state is not None and state.row_key is None and state.owner is not None:
        session = state.owner.session_ref()
        if session is not None:
            session.expunge(orphan)


class ScalarRelationshipAttribute(RelationshipAttribute):
    """An attribute that refers to one object."""

    def current(self, obj: MappedObject) -> Any:
        """Return the present value without any SQL; NO_VALUE where that is not known."""
        values = obj.__dict__
        if self.key in values:
            return values[self.key]
        state = values.get(STATE)
        if state is None or state.row_key is None:
            return None
        return self.relationship.in_memory(obj, state)

    def set(self, obj: MappedObject, value: Any) -> None:
        if value is not None:
            if value is NO_VALUE:
                # the constructor of a dataclass was not given it
                return
            if self.listeners is not None:
                pass
            elif type(value) is not self.relationship.target_class or self.is_exclusive:
                value = self._admit(obj, value)
            else:
                # what refuse_stranger() asks first, without the call: nearly all are of one Session
                other, own = value.__dict__.get(STATE), obj.__dict__.get(STATE)
                if (
                    other is not None
                    and own is not None
                    and other.owner is not None
                    and own.owner is not None
                    and other.owner.session_ref is not own.owner.session_ref
                ):
                    self._admit(obj, value)
        old = self.current(obj)
        values = obj.__dict__
        wanted = self.relationship.active_history or (self.listeners is not None and self.listeners.active_history)
        if old is NO_VALUE and (wanted or self.leaves_another_row):
            old = self._load(obj, values[STATE])
        if self.listeners is not None:
            # a validator may make an object of what is set: of a text, say
            value = self.listeners.set(obj, ensure_state(obj), real_value(value), old, self)
            value = self._admit(obj, value) if value is not None else None
        if value is None and self.relationship.direction is Direction.MANY_TO_ONE:
            self._clear_key(obj)
        if old is value and self.key in values:
            return
        self.record(obj, ensure_state(obj), old)
        values[self.key] = value
        reverse = self.reverse
        if reverse is not None:
            if old is not None and old is not NO_VALUE and old is not value:
                reverse.silently_remove(old, obj)
            if value is not None:
                reverse.silently_add(value, obj)
        self._drop_orphan(old)
        if value is not None:
            self.cascade_add(obj, value)
        elif old is not None and reverse is not None and reverse.relationship.cascade.delete_orphan:
            # what never had a parent has lost none
            expunge_pending(obj)

    def _admit(self, obj: MappedObject, value: Any) -> Any:
        """Check an object that is to be set."""
        if type(value) is not self.relationship.target_class and (value := real_value(value)) is not None:
            value = self.check(value)
        if value is not None:
            if self.is_exclusive:
                self.claim(obj, value)
            self.refuse_stranger(obj.__dict__.get(STATE), value)
        return value

    @property
    def leaves_another_row(self) -> bool:
        """True where a row that was referred to has to be known: it is to lose its foreign key, or is an orphan now."""
        return self.relationship.direction is not Direction.MANY_TO_ONE or self.relationship.cascade.delete_orphan

    def learn_original(self, obj: MappedObject, state: InstanceState) -> None:
        """Load what the attribute referred to before it was set, which was done while the object was in no Session."""
        values, changes = obj.__dict__, state.noted_changes(obj)
        value = values.pop(self.key)
        try:
            old = self._load(obj, state)
        finally:
            values[self.key] = value
        if old is value:
            del changes[self.key]
            return
        changes[self.key] = old
        if old is not None and self.reverse is not None:
            self.reverse.silently_remove(old, obj)

    def _clear_key(self, obj: MappedObject) -> None:
        """Clear a foreign key that was set by hand, or by a flush that was undone: the relationship may not know of it."""
        values = obj.__dict__
        for own in self.relationship.names_to_clear if not self.relationship.viewonly else ():
            if values.get(own) is None:
                continue
            state = ensure_state(obj)
            if state.row_key is None:
                values[own] = None
            elif self.key in values and values[self.key] is None:
                state.noted_changes(obj).setdefault(own, values[own])
                values[own] = None

    def _drop_orphan(self, replaced: Any) -> None:
        if self.relationship.cascade.delete_orphan and replaced is not None and replaced is not NO_VALUE:
            expunge_pending(replaced)

    def _load(self, obj: MappedObject, state: InstanceState) -> Any:
        session = state.session
        if session is None:
            return NO_VALUE
        # an assignment is under way, and half of it must not be written
        with session.no_autoflush:
            return self.related_loader.load_regardless(obj, state)

    def silently_add(self, obj: MappedObject, item: MappedObject) -> None:
        values = obj.__dict__
        if STATE not in values and self.key not in values and self.listeners is None and not self.is_exclusive:
            # a new object in its first collection: nothing is replaced, nothing to record (benchmark: insert_graph)
            values[self.key] = item
            return
        previous = self.current(obj)
        if previous is item and self.key in values:
            return
        if previous is NO_VALUE and self.leaves_another_row:
            previous = self._load(obj, values[STATE])
        if self.listeners is not None:
            self.listeners.set(obj, ensure_state(obj), item, previous, self, told=True)
        self.record(obj, ensure_state(obj), previous)
        values[self.key] = item
        if self.is_exclusive:
            self.note_parent(obj, item)
        if previous is not None and previous is not NO_VALUE and previous is not item and self.reverse is not None:
            self.reverse.silently_remove(previous, obj)
            self._drop_orphan(previous)

    def silently_remove(self, obj: MappedObject, item: MappedObject) -> None:
        current = self.current(obj)
        if current is item or current is NO_VALUE:
            if self.listeners is not None:
                self.listeners.set(obj, ensure_state(obj), None, item, self, told=True)
            if self.relationship.direction is Direction.MANY_TO_ONE:
                self._clear_key(obj)
            self.record(obj, ensure_state(obj), item if current is NO_VALUE else current)
            obj.__dict__[self.key] = None
