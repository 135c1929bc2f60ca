"""What ``query.join()`` takes, in all the forms that it is written in, as joins of the SELECT."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_uow.exc import ArgumentError
from flask_uow.orm.mapping.entity import EntityView, alias_of
from flask_uow.orm.query.enclosing import Adaption
from flask_uow.sql.select import Select

__all__ = ["join_targets", "joined"]


def join_targets(given: Sequence[Any], onclause: Any) -> list[tuple[Any, Any]]:
    """Return the targets of one call as pairs ``(target, onclause)``.

    ``join(User.posts)``, ``join("posts")``; a path, ``join(User.posts, Post.tags)``; ``join(Post, condition)``, ``join(Post,
    User.posts)`` and ``join((Post, condition), ...)``.

    :raises ArgumentError: without any target.
    """
    if onclause is not None:
        if len(given) != 1:
            raise ArgumentError("join() takes one target together with onclause.")
        return [(given[0], onclause)]
    if len(given) == 2 and not _is_step(given[0]) and not isinstance(given[0], tuple):
        return [(given[0], given[1])]
    pairs: list[tuple[Any, Any]] = []
    for target in given:
        if isinstance(target, tuple):
            if len(target) != 2:
                raise ArgumentError(f"join() takes tuples (target, condition), got {target!r}.")
            pairs.append((target[0], target[1]))
        elif isinstance(target, str):
            pairs.extend((name, None) for name in target.split("."))
        else:
            pairs.append((target, None))
    if not pairs:
        raise ArgumentError("join() takes a relationship, a mapped class or a table; got nothing.")
    return pairs


def _is_step(target: Any) -> bool:
    return isinstance(target, str) or _is_relationship(target)


def joined(
    select: Select,
    target: Any,
    onclause: Any,
    known: Sequence[Adaption],
    aliased: bool,
    isouter: bool,
    full: bool,
) -> tuple[Select, Adaption | None]:
    """Return the SELECT with one join, and what stands for the target's columns where it was aliased.

    :param known: what stands for the columns of classes already: aliases that were joined before, the query that is enclosed.
    :raises ArgumentError: for a name that is no relationship, or something that cannot be aliased.
    """
    target = _named(select, target) if isinstance(target, str) else target
    onclause = _named(select, onclause) if isinstance(onclause, str) else onclause
    view = _alias_of(target) if aliased else None
    if _is_relationship(target):
        target = _from_view(target, known)
        along = target if view is not None else None
    else:
        along = _from_view(onclause, known) if _is_relationship(onclause) else None
    condition = onclause if not _is_relationship(onclause) else None
    for adaption in (Adaption.to_view(view), *known) if view is not None else known:
        condition = adaption.adapt(condition) if condition is not None else None
    made = select.join(view if view is not None else target, along or condition, isouter=isouter, full=full)
    return made, Adaption.to_view(view) if view is not None else None


def _is_relationship(target: Any) -> bool:
    return hasattr(target, "join_steps")


def _alias_of(target: Any) -> EntityView:
    entity = target.joined_entity if _is_relationship(target) else getattr(target, "__uow_entity__", None)
    if entity is None:
        raise ArgumentError(f"join(aliased=True) takes relationships and mapped classes, got {target!r}.")
    mapper = entity.mapper
    return EntityView(mapper, alias_of(mapper.selectable), mapper.loaded_names)


def _from_view(relationship: Any, known: Sequence[Adaption]) -> Any:
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


def _named(select: Select, name: str) -> Any:
    entity = select.filter_entity
    if entity is None:
        raise ArgumentError(f"join({name!r}): the query has no mapped class that the name could belong to.")
    return entity.attribute_for_filter(name)
