"""Where a join along a relationship begins and ends: at which of the entities that a statement is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from flask_uow.orm.mapping.entity import EntityView

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import Entity
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.mapping.relationship_property import RelationshipProperty
    from flask_uow.sql.selectable import FromClause

__all__ = ["ends_within"]


def ends_within(
    prop: RelationshipProperty,
    start: Entity,
    target: Entity | None,
    sources: Sequence[Any],
    froms: Sequence[FromClause],
) -> tuple[Any, Any]:
    """Return the two ends of a join along a relationship: of those that a statement is about, where it names a base of theirs.

    A relationship that a class has inherited starts from the class that declares it, and may lead to the base of what is selected.

    :param start: the entity that it starts from.
    :param target: the entity that it was told to lead to, or None.
    :param sources: the entities of the statement.
    :param froms: what was put into FROM; an entity that is there is no far end, which is about to be joined.
    """

    def stands_for(entity: Entity, mapper: Mapper) -> bool:
        return bool((not isinstance(entity, EntityView) or entity.is_plain) and entity.mapper.isa(mapper))

    if start is start.mapper and not any(source is start for source in sources):
        heir = next((source for source in sources if stands_for(source, prop.parent)), None)
        start = heir if heir is not None else _stood_for(prop, start, sources)
    if target is None and not any(source is prop.mapper for source in sources):
        present = {id(part) for element in froms for part in element.from_objects()}
        for source in sources:
            if source is not start and stands_for(source, prop.mapper) and id(source.selectable) not in present:
                target = source
                break
    if target is None and prop.chosen is not None:
        there = {id(part) for element in (*froms, start.selectable) for part in element.from_objects()}
        if any(id(part) in there for part in prop.mapper.selectable.from_objects()):
            # the class itself is there already: the alias that the relationship leads to is joined alone
            target = prop.chosen
    return start, target


def _stood_for(prop: RelationshipProperty, start: Entity, sources: Sequence[Any]) -> Entity:
    """Return the view of a subclass in what stands for the tables of a base that is selected; the entity itself where nothing does."""
    local = [column for column, _ in prop.condition.pairs]
    for source in sources:
        stand_ins = source.stand_ins
        if stand_ins is None or not start.mapper.isa(source.mapper):
            continue
        if all(stand_ins.column(column) is not column for column in local):
            view = EntityView(start.mapper, source.selectable, (), is_plain=True)
            view.stand_ins = stand_ins
            return view
    return start
