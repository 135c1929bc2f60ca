"""The arguments of ``query.join()``, in all their forms, as joins of the SELECT; and where a path of joins goes on.

Each call begins at the query's own class, a later step of a path at what the step before has joined. A call whose class (or name) the query
does not have itself begins at what was joined last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

from flask_uow.exc import ArgumentError, UnfitArgumentError
from flask_uow.orm.entity_joins import joined_entities
from flask_uow.orm.mapping.entity import EntityView, alias_of
from flask_uow.orm.query.enclosing import Adaption
from flask_uow.sql.select import Select
from flask_uow.sql.selectable import FromClause

if TYPE_CHECKING:
    from flask_uow.orm.instrumentation.relationship_attributes import RelationshipAttribute
    from flask_uow.orm.interfaces import Entity
    from flask_uow.orm.mapping.view_attributes import ViewRelationship

__all__ = ["NOTHING_JOINED", "Joined", "Target", "join_targets", "joined"]


class Joined(NamedTuple):
    """The state of a query's joins. Immutable.

    :ivar adaptions: what stands for the columns of classes that ``join(aliased=True)`` has joined, the latest first.
    :ivar steps: the relationships that were joined, as (where it starts, the relationship, what was joined), each with the kind of the join.
    :ivar entities: all mapped entities that were joined.
    :ivar starts: those that were given to ``select_from()``.
    """

    adaptions: tuple[Adaption, ...] = ()
    steps: tuple[tuple[tuple[Any, Any, Any], tuple[bool, bool]], ...] = ()
    entities: tuple[Any, ...] = ()
    starts: tuple[Any, ...] = ()

    def starting_from(self, elements: Sequence[Any]) -> Joined:
        """Return the same with elements of ``select_from()``, which names are looked up in first."""
        given = (entity for element in elements for entity in joined_entities(element))
        return self._replace(starts=(*self.starts, *given))


NOTHING_JOINED = Joined()


class Target(NamedTuple):
    """One target of a call.

    :ivar target: a relationship or the name of one, a mapped class or an alias, an element of FROM.
    :ivar onclause: a condition, a relationship or the name of one, or None.
    """

    target: Any
    onclause: Any = None


def join_targets(given: Sequence[Any], onclause: object) -> list[Target]:
    """Return the targets of one call.

    ``join(User.posts)``, ``join("posts")``; a path, ``join(User.posts, Post.tags)``; ``join(Post, condition)``, ``join(Post,
    User.posts)``, and pairs of them, ``join((Post, condition), (Tag, Post.tags))``, the two of a relationship in either order.

    :raises ArgumentError: without any target, and for a tuple that is no pair.
    """
    if onclause is not None:
        if len(given) != 1:
            raise ArgumentError("join() takes one target together with onclause.")
        return [_pair(given[0], onclause)]
    if len(given) == 2 and not _is_step(given[0]) and not any(isinstance(item, tuple) for item in given):
        first, second = given
        return [Target(first), Target(second)] if _is_element(second) else [Target(first, second)]
    made: list[Target] = []
    for item in given:
        if isinstance(item, tuple):
            if len(item) != 2:
                raise ArgumentError(f"join() takes tuples (target, condition), got {item!r}.")
            made.append(_pair(*item))
        elif isinstance(item, str):
            made.extend(Target(name) for name in item.split("."))
        else:
            made.append(Target(item))
    if not made:
        raise ArgumentError("join() takes a relationship, a mapped class or a table; got nothing.")
    return made


def _pair(target: object, onclause: object) -> Target:
    return Target(onclause, target) if _is_step(target) and _is_element(onclause) else Target(target, onclause)


def _is_step(target: object) -> bool:
    return isinstance(target, str) or _is_relationship(target)


def _is_relationship(target: object) -> TypeGuard[RelationshipAttribute | ViewRelationship]:
    return hasattr(target, "join_steps")


def _is_element(target: object) -> bool:
    return isinstance(target, FromClause) or hasattr(target, "__uow_entity__")


def joined(
    select: Select,
    before: Joined,
    adaption: Adaption | None,
    targets: Sequence[Target],
    *,
    aliased: bool,
    from_joinpoint: bool,
    isouter: bool,
    full: bool,
) -> tuple[Select, Joined]:
    """Return the SELECT with the joins of one call, and what the joins have come to.

    :param before: what earlier calls have joined.
    :param adaption: what stands for the query's own classes, where it encloses another query.
    :param from_joinpoint: begin where the last call has ended, also where the query has the class itself.
    :raises ArgumentError: for something that cannot be aliased.
    :raises InvalidRequestError: for a name that none of the classes in question has (UnfitArgumentError without any class).
    """
    call = _Call(select, before, adaption, from_joinpoint, isouter, full)
    # a relationship and the class it leads to are one join in the old spelling, not two
    if len(targets) == 2 and targets[0].onclause is None and targets[1].onclause is None:
        relationship = call.found(targets[0].target)
        if _leads_to(relationship, targets[1].target):
            targets = [Target(targets[1].target, relationship)]
    for number, target in enumerate(targets):
        call.join(target, aliased, is_last=number == len(targets) - 1)
    return call.select, call.outcome()


def _leads_to(relationship: object, target: object) -> bool:
    entity = getattr(target, "__uow_entity__", None)
    if entity is None or not _is_relationship(relationship):
        return False
    led_to: Entity = relationship.joined_entity
    return entity.mapper.base_mapper is led_to.mapper.base_mapper


class _Call:
    """One call of ``join()`` under way."""

    def __init__(
        self,
        select: Select,
        before: Joined,
        adaption: Adaption | None,
        from_joinpoint: bool,
        isouter: bool,
        full: bool,
    ) -> None:
        self.select = select
        self._steps = dict(before.steps)
        self._entities = list(before.entities)
        self._starts = before.starts
        self._enclosing = [adaption] if adaption is not None else []
        self._adaptions = [a for a in before.adaptions if from_joinpoint or not self._has(a)]
        self._starts_at_root = not from_joinpoint
        self._kind = (isouter, full)

    def _has(self, adaption: Adaption) -> bool:
        """Return True where the query has the classes itself that an alias stands for."""
        known = [*self._roots(), *self._entities]
        for enclosing in self._enclosing:
            known.extend(enclosing.views)
        own = [entity for entity in known if entity is entity.mapper]
        return any(entity.isa(mapper) for entity in own for mapper in adaption.views)

    def outcome(self) -> Joined:
        """Return the state of the joins after the call."""
        return Joined(tuple(self._adaptions), tuple(self._steps.items()), tuple(self._entities), self._starts)

    def found(self, target: object) -> Any:
        """Return a target itself; a name is looked up in the classes in question."""
        return self._named(target) if isinstance(target, str) else target

    def _named(self, name: str) -> Any:
        last = self.select.joined_last
        items = self.select.entities if last is None else (last,)
        candidates = [item.__uow_entity__ for item in items if hasattr(item, "__uow_entity__")][:1]
        if self._starts_at_root or not candidates:
            candidates = [*self._roots(), *candidates]
        if not candidates:
            raise UnfitArgumentError(
                f"join({name!r}): the query has no mapped class that the name could belong to. Call select_from(Class) first."
            )
        for entity in candidates:
            if name in entity.mapper.attribute_names or name in entity.mapper.descriptors:
                found = entity.attribute_for_filter(name)
                if _is_relationship(found):
                    return found
        return candidates[0].attribute_for_filter(name)

    def _roots(self) -> list[Any]:
        """Return where a path may begin: what select_from() was given, then the classes of what is selected."""
        found = (getattr(i, "__uow_entity__", None) or getattr(i, "parent", None) for i in self.select.entities)
        return [*self._starts, *(entity for entity in found if getattr(entity, "mapper", None) is not None)]

    def join(self, given: Target, aliased: bool, is_last: bool) -> None:
        """Join one target."""
        target, onclause = self.found(given.target), self.found(given.onclause)
        view = _alias_of(target) if aliased else None
        known = [*self._adaptions, *self._enclosing]
        if _is_relationship(target):
            along = target = _from_view(target, known)
            entity = view if view is not None else target.joined_entity
        else:
            along = _from_view(onclause, known) if _is_relationship(onclause) else None
            entity = view if view is not None else getattr(target, "__uow_entity__", None)
        condition = onclause if not _is_relationship(onclause) else None
        self._starts_at_root = False
        step = (along.parent, along.relationship, entity) if along is not None and condition is None else None
        # joined before: the call only says where the next one goes on
        if step is not None and self._is_there(step, is_last):
            self.select = self.select.with_parts(joined_last=entity)
            return
        if condition is not None:
            for adaption in (Adaption.to_view(view), *known) if view is not None else known:
                condition = adaption.adapt(condition)
        isouter, full = self._kind
        # the relationship is the condition, where what it joins to is not its own target
        if condition is None and (along is not target or view is not None):
            condition = along
        self.select = self.select.join(view if view is not None else target, condition, isouter=isouter, full=full)
        if view is not None:
            self._adaptions.insert(0, Adaption.to_view(view))
        elif entity is not None:
            self._entities.append(entity)
            # what follows is about the class itself again
            self._adaptions = [a for a in self._adaptions if not any(map(entity.mapper.isa, a.views))]
        if step is not None:
            self._steps[step] = self._kind

    def _is_there(self, step: tuple[Any, Any, Any], is_last: bool) -> bool:
        """Return True where a step was joined before; as the end of a path it has to be joined in the same way."""
        kind = self._steps.get(step)
        return kind is not None and (not is_last or kind == self._kind)


def _alias_of(target: object) -> EntityView:
    entity = target.joined_entity if _is_relationship(target) else getattr(target, "__uow_entity__", None)
    if entity is None:
        raise ArgumentError(f"join(aliased=True) takes relationships and mapped classes, got {target!r}.")
    mapper = entity.mapper
    return EntityView(mapper, alias_of(mapper.selectable), mapper.loaded_names)


def _from_view(relationship: RelationshipAttribute | ViewRelationship, known: Sequence[Adaption]) -> Any:
    """Return a relationship that starts from what stands for its class."""
    for adaption in known:
        view = adaption.views.get(relationship.parent)
        if view is None and relationship.parent is relationship.parent.mapper:
            # a relationship that a class has inherited starts from the class that declares it
            heirs = [
                other for other in adaption.views if other is other.mapper and other.isa(relationship.parent.mapper)
            ]
            view = adaption.views[heirs[0]] if len(heirs) == 1 else None
        if view is not None:
            return relationship.starting_at(view)
    return relationship
