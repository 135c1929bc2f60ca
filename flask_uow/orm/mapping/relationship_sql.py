"""A relationship as SQL: criteria on it, joins along it, and the SELECT of what it leads to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

from flask_uow.exc import ArgumentError, InvalidRequestError, UnfitArgumentError, UnsupportedOperatorError
from flask_uow.orm.mapping.entity import EntityView, alias_of
from flask_uow.orm.mapping.join_ends import ends_within
from flask_uow.orm.mapping.object_values import ObjectValue
from flask_uow.orm.mapping.view_attributes import ViewRelationship, target_of
from flask_uow.orm.state.proxies import real_value
from flask_uow.orm.symbols import Direction
from flask_uow.sql import operators as ops
from flask_uow.sql.coercion import coerce_condition
from flask_uow.sql.constructors import literal, literal_column, null
from flask_uow.sql.expressions import ColumnElement, Null
from flask_uow.sql.nodes import ClauseElement
from flask_uow.sql.operations import and_, not_, or_
from flask_uow.sql.rewriting import rewritten
from flask_uow.sql.schema import Column
from flask_uow.sql.select import Select
from flask_uow.sql.select_base import Exists
from flask_uow.sql.selectable import FromClause, Join

if TYPE_CHECKING:
    from flask_uow.orm.instrumentation.relationship_attributes import RelationshipAttribute
    from flask_uow.orm.interfaces import AnyColumn, Entity
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.mapping.relationship_property import RelationshipProperty
    from flask_uow.sql.operators import Operator

__all__ = ["RelationshipSQL"]

_NONE: Mapping[Any, Any] = {}


class _HasColumns(Protocol):
    """One side of a join condition: gives the columns of its class."""

    def column(self, column: AnyColumn) -> ColumnElement[Any]:
        """Return the side's own form of a column."""
        ...


class RelationshipSQL:
    """The SQL side of one relationship."""

    def __init__(self, prop: RelationshipProperty) -> None:
        self._property = prop

    # -- criteria

    def comparison(self, op: Operator, other: object, parent: Entity | None = None) -> ColumnElement[Any]:
        """Return ``Class.attribute == other`` (or ``!=``) as a condition.

        :param other: an object; None or ``null()`` for no object, of a collection for no member.
        :param parent: the entity on this side; the relationship's own when None.
        :raises UnfitArgumentError: for a collection and an object.
        :raises UnsupportedOperatorError: for another operator.
        """
        prop = self._property
        other = None if isinstance(other, Null) else real_value(other)
        if op is not ops.EQ and op is not ops.NE and op is not ops.IS and op is not ops.IS_NOT:
            raise UnsupportedOperatorError(
                f"{prop.name} is a relationship; it can be compared with == and != only, got {op.name}. Combine comparisons by or_(), or write"
                " has(criterion) and any(criterion)."
            )
        is_equal = op is ops.EQ or op is ops.IS
        if prop.uselist:
            if other is not None:
                raise UnfitArgumentError(
                    f"{prop.name} is a collection and cannot be compared with {other!r}: == None and != None ask whether it is empty. Use"
                    " contains(obj) or any(criterion)."
                )
            condition = self.exists(None, {}, True, parent)
            return not_(condition) if is_equal else condition
        if prop.mapper is None or prop.direction is not Direction.MANY_TO_ONE or prop.condition.on is not None:
            condition = self.exists(None, {}, False, parent) if other is None else self.contains(other, parent)
            return not_(condition) if (other is None) == is_equal else condition
        near = parent if parent is not None else prop.parent
        columns = [near.said_of(column) for column, _ in prop.condition.pairs]
        if other is None:
            # a key of which one part is NULL refers to nothing
            condition = or_(*(column == null() for column in columns))
        else:
            other = prop.attribute.check(other)
            what = f"{prop.name} == obj"
            pairs = [
                (column, ObjectValue(other, prop.mapper, name, prop.mapper.column_attrs[name].column.type, what))
                for column, (_, name) in zip(columns, prop.pairs, strict=True)
            ]
            if not is_equal:
                # a row that refers to nothing does not refer to the object either
                nulls = (column == null() for column in columns if getattr(column, "nullable", True))
                return or_(*(column != value for column, value in pairs), *nulls)
            condition = and_(*(column == value for column, value in pairs))
        return condition if is_equal else not_(condition)

    def contains(self, other: object, parent: Entity | None = None) -> ColumnElement[bool]:
        """Return the condition that ``other`` is related; ``parent`` as for :meth:`comparison`."""
        prop = self._property
        mapper = prop.mapper
        other = prop.attribute.check(other)
        what = f"{prop.name}.contains()"
        keys = [
            ObjectValue(other, mapper, name, column.type, what)
            for name, column in zip(mapper.primary_key_names, mapper.primary_key, strict=True)
        ]
        return self.exists(
            and_(*(mapper.column(c) == value for c, value in zip(mapper.primary_key, keys, strict=True))),
            {},
            None,
            parent,
        )

    def leads_from(self, instance: object, target: Entity | None = None) -> ColumnElement[bool]:
        """Return the condition on rows of the far side that they are related to an object.

        :param target: the entity on the far side, an alias say; the relationship's own when None.
        """
        prop = self._property
        between = self.aliases_between()
        conditions = self.conditions_for(instance, target, between)
        through = [prop.secondary] if prop.secondary is not None else list(between.values())
        if not through:
            return and_(*conditions)
        select = Select((literal(1),)).select_from(*through).correlate_except(*through)
        return Exists(select.where(*conditions))

    def exists(
        self,
        criterion: object,
        values: dict[str, Any],
        expect_list: bool | None,
        parent: Entity | None = None,
        target: Entity | None = None,
    ) -> ColumnElement[bool]:
        """Return ``EXISTS`` over the related rows.

        :param criterion: a condition on them, or None.
        :param values: attributes of theirs that must have these values.
        :param expect_list: whether a collection is expected, None when either will do.
        :param parent: the entity on this side; the relationship's own when None.
        :param target: the entity on the far side, where that was named.
        """
        prop = self._property
        mapper = prop.mapper
        if expect_list is not None and expect_list is not prop.uselist:
            right, wrong = ("any", "has") if prop.uselist else ("has", "any")
            raise InvalidRequestError(
                f"{prop.name} is {'a collection' if prop.uselist else 'not a collection'}: use {right}(), not {wrong}()."
            )
        near = parent if parent is not None else prop.parent
        named: Entity = target if target is not None else mapper
        conditions = [named.attribute_for_filter(name) == value for name, value in values.items()]
        if criterion is not None:
            conditions.append(coerce_condition(criterion))
        far = named
        if not isinstance(named, EntityView):
            if near.selectable is named.selectable or any(table in named.tables for table in prop.parent.tables):
                # the table refers to itself: the far side, and the criteria on it, get another name
                far = EntityView(named, alias_of(named.selectable), named.loaded_names)
                conditions = [far.adapt(condition) for condition in conditions]
        conditions.extend(far.own_criteria)
        select = Select((literal(1),)).select_from(far.selectable).standing_in_for(far).with_parts(begins_at=far)
        own = [far.selectable]
        secondary = prop.secondary
        if secondary is not None:
            select = select.select_from(secondary)
            own.append(secondary)
        between = self.aliases_between()
        if between:
            select = select.select_from(*between.values())
            own.extend(between.values())
            conditions = [self.said_between(condition, between) for condition in conditions]
        # the statement around it may have the related table too, and rows of its own in mind
        select = select.correlate_except(*own)
        return Exists(select.where(*self.conditions(_Said(near), far, secondary, between), *conditions))

    # -- joins

    def aliases_between(self) -> dict[Any, Any]:
        """Return the tables of neither side that the condition is about, each with an alias that stands for it."""
        return {table: table.alias() for table in self._property.condition.between}

    def sources_between(self, present: Iterable[FromClause]) -> dict[Any, Any]:
        """Return the same for a join of the user's: the alias that the relationship leads to stands for itself where it is not joined yet.

        :param present: what is in FROM.
        """
        source = self._property.source
        found = self.aliases_between()
        if source in found and not any(part is source for element in present for part in element.from_objects()):
            found[source] = source
        return found

    def said_between(self, criterion: ColumnElement[Any], between: Mapping[Any, Any]) -> ColumnElement[Any]:
        """Return a criterion on the alias that the relationship leads to as it is about what stands for that.

        :param between: what stands for the tables of neither side.
        """
        source = self._property.source
        if source is None or between.get(source, source) is source:
            return criterion

        def replace(node: ClauseElement) -> ClauseElement | None:
            column: Any = node
            return between[source].c[str(column.key)] if getattr(node, "table", None) is source else None

        return rewritten(criterion, replace, keep_own=True)

    def aliases(self) -> dict[Any, Any]:
        """Return the secondary table and those of neither side, each with an alias that stands for it."""
        aliases = self.aliases_between()
        if self._property.secondary is not None:
            aliases[self._property.secondary] = self._property.secondary.alias()
        return aliases

    def order_by(self, view: Entity, between: Mapping[Any, Any]) -> list[ColumnElement[Any]]:
        """Return the order of the related rows in a statement in which ``view`` stands for their class.

        :param between: what stands for the secondary table, and for tables of neither side.
        """

        def replace(node: ClauseElement) -> ClauseElement | None:
            column: Any = node
            table = getattr(column, "table", None)
            found: ClauseElement | None = between[table].c[str(column.key)] if table in between else None
            return found

        # the order that loading at first access gives
        order = self._property.order_by or self._property.mapper.order_by
        adapted = [view.adapt(criterion) for criterion in order]
        return [rewritten(criterion, replace, keep_own=True) for criterion in adapted] if between else adapted

    def conditions(
        self, parent: _HasColumns, target: _HasColumns, secondary: FromClause | None, between: Mapping[Any, Any] = _NONE
    ) -> tuple[ColumnElement[bool], ...]:
        """Return the join condition; two where there is a secondary table.

        :param parent: the entity on this side: a mapper, or a view of it.
        :param target: the entity on the far side.
        :param secondary: the secondary table or an alias of it.
        :param between: what stands for tables of neither side; themselves where it says nothing.
        """
        prop = self._property
        condition = prop.condition
        if prop.secondary is None:
            if condition.on is not None:
                # a column with the same value on both sides is told apart by the side only
                same = [parent.column(column) == target.column(column) for column in condition.same]
                for column, far in condition.chosen:
                    chosen = between[column.table].c[str(column.key)] if column.table in between else column
                    own = target.column(far)
                    # of the alias itself, which needs no row of the class beside it
                    if chosen is not own:
                        same.append(chosen == own)
                on = self._adapted(condition.on, parent, target, None, between)
                return (and_(on, *same),) if same else (on,)
            return (and_(*(parent.column(own) == target.column(far) for own, far in condition.pairs)),)

        def there(column: AnyColumn) -> Any:
            return column if secondary is None or secondary is prop.secondary else secondary.c[str(column.key)]

        if condition.on is None or condition.far is None:
            own = and_(*(parent.column(column) == there(other) for column, other in condition.pairs))
            far = and_(*(target.column(column) == there(other) for column, other in condition.secondary_pairs))
            return own, far
        return (
            self._adapted(condition.on, parent, None, secondary),
            self._adapted(condition.far, None, target, secondary),
        )

    def _adapted(
        self,
        on: ColumnElement[bool],
        parent: _HasColumns | None,
        target: _HasColumns | None,
        secondary: FromClause | None,
        between: Mapping[Any, Any] = _NONE,
    ) -> ColumnElement[bool]:
        prop = self._property
        own, far = prop.parent.elements, prop.mapper.elements
        remote = {id(column) for column in prop.condition.remote}

        def replace(node: ClauseElement) -> ClauseElement | None:
            table: Any = getattr(node, "table", None)
            if table is None:
                return None
            if secondary is not None and table is prop.secondary:
                column: Any = node
                other: ClauseElement = column if secondary is prop.secondary else secondary.c[str(column.key)]
                return other
            if table in between:
                between_column: ClauseElement = between[table].c[str(cast("AnyColumn", node).key)]
                return between_column
            is_near = any(table is other for other in own)
            named = cast("AnyColumn", node)
            if target is not None and any(table is other for other in far):
                # where a table refers to itself, both sides have the column, and only the mark tells them apart
                if not is_near or parent is None or id(node) in remote:
                    return target.column(named)
            return parent.column(named) if parent is not None and is_near else None

        return rewritten(on, replace, keep_own=True)

    def join_steps(
        self,
        onclause: ColumnElement[bool] | None = None,
        parent: Entity | None = None,
        target: Entity | FromClause | None = None,
        between: Mapping[Any, Any] | None = None,
        criteria: Sequence[ColumnElement[bool]] = (),
        isouter: bool = False,
    ) -> Sequence[tuple[Any, Any, Any]]:
        """Return the joins along the relationship, as ``(left, right, condition)``.

        :param parent: the entity on this side; the relationship's own when None.
        :param target: the entity on the far side, or an element of FROM that has the columns of its table.
        :param between: what stands for the secondary table, and for tables of neither side; aliases when None.
        :param criteria: further conditions on the far side.
        :param isouter: True for joins that keep rows without a partner: where rows of the secondary table may have none on the far side, the two
            are one element then, which has a row or is left out as a whole.
        :raises ArgumentError: for another class than the relationship's, and for an element that lacks a column.
        """
        prop = self._property
        near = parent if parent is not None else prop.parent
        there: Entity | _Element
        if isinstance(target, FromClause):
            there = _Element(prop, target)
        elif target is None:
            there = prop.mapper
        else:
            there = target
            if target is not prop.mapper:
                target_of(prop, target)
        left, right = near.selectable, there.selectable
        if prop.secondary is None:
            if between is None:
                # joined as the alias that the relationship leads to
                itself = prop.source is not None and there.selectable is prop.source
                between = {**self.aliases_between(), prop.source: prop.source} if itself else self.aliases_between()
            (condition,) = self.conditions(near, there, None, between)
            for table in between.values() if onclause is None else ():
                # inside the right side, so that an outer join leaves all of it out
                right = right.join(table, literal_column("1 = 1")) if table is not right else right
            chosen = onclause if onclause is not None else condition
            return [(left, right, and_(chosen, *there.own_criteria, *criteria))]
        secondary = between[prop.secondary] if between is not None else prop.secondary.alias()
        own, far = self.conditions(near, there, secondary)
        far = and_(onclause if onclause is not None else far, *there.own_criteria, *criteria)
        # SQLite works a join in parentheses out for all rows: only where it is needed
        if isouter and (onclause is not None or criteria or not self._has_all(there)):
            return [(left, Join(secondary, right, far), own)]
        unsure = [secondary.c[str(column.key)] for _, column in prop.condition.secondary_pairs if column.nullable]
        if isouter and unsure:
            # a row of the secondary table that refers to nothing is no partner
            own = and_(own, *(column.is_not(None) for column in unsure))
        return [(left, secondary, own), (left, right, far)]

    def _has_all(self, there: Entity | _Element) -> bool:
        """Return True where the far side of a join has each object that rows of the secondary table refer to."""
        prop = self._property
        if there.own_criteria or prop.condition.far is not None or isinstance(there, _Element):
            return False
        if not all(column.foreign_keys for _, column in prop.condition.secondary_pairs):
            return False
        mapper = there.mapper
        if mapper.inherits is not None:
            return False
        return there is mapper or mapper.selectable in (there.selectable, getattr(there.selectable, "element", None))

    def of_type(self, attribute: RelationshipAttribute, target: object) -> ViewRelationship:
        """Return the relationship leading to an alias of its class."""
        return ViewRelationship(attribute, attribute.heir, target_of(self._property, target))

    def with_criteria(self, attribute: RelationshipAttribute, criteria: Sequence[object]) -> ViewRelationship:
        """Return the relationship to those related objects that fulfil criteria, too."""
        return ViewRelationship(attribute, attribute.heir).and_(*criteria)

    def within(self, attribute: RelationshipAttribute, sources: Sequence[Any], froms: Sequence[FromClause]) -> Any:
        """Return the relationship, or a view of it between what a statement is about; see :func:`ends_within`."""
        start, target = ends_within(self._property, attribute.parent, None, sources, froms)
        is_itself = start is attribute.parent and target is None and self._property.source is None
        return attribute if is_itself else ViewRelationship(attribute, start, target, (), froms)

    def ends_within(
        self, start: Entity, target: Entity | None, sources: Sequence[Any], froms: Sequence[FromClause]
    ) -> tuple[Any, Any]:
        """Return the two ends of a join along the relationship within a statement; see :func:`ends_within`."""
        return ends_within(self._property, start, target, sources, froms)

    def starting_at(self, attribute: RelationshipAttribute, view: EntityView) -> ViewRelationship:
        """Return the relationship starting from a view of its class."""
        return ViewRelationship(attribute, view)

    # -- what it leads to

    def select_related(self, select: Select) -> tuple[Select, list[Any]]:
        """Return a SELECT of the related objects joined with what tells their parent, and the columns that do."""
        prop = self._property
        condition = prop.condition
        target = prop.mapper
        if condition.through_parent:
            near = EntityView(prop.parent, alias_of(prop.parent.selectable), prop.parent.loaded_names)
            # by their own names, so that order_by= may name them
            itself = {table: table for table in (*condition.between, prop.secondary) if table is not None}
            for left, right, on in self.join_steps(None, near, target, itself):
                select = select.join_from(left, right, on)
            return select, [near.column(column) for column in prop.parent.primary_key]
        if prop.secondary is not None:
            _, far = self.conditions(prop.parent, target, prop.secondary)
            select = select.select_from(target.selectable.join(prop.secondary, far))
            return select, [other for _, other in condition.pairs]
        if condition.extra:
            select = select.where(*condition.extra)
        return select, [target.column(far) for _, far in condition.pairs]

    def conditions_for(
        self, obj: object, target: Entity | None = None, between: Mapping[Any, Any] = _NONE
    ) -> tuple[ColumnElement[bool], ...]:
        """Return the conditions on the related rows of one object; its own values are parameters, read when the statement runs.

        With a secondary table, that has to be in FROM.

        :param target: the entity on the far side; the relationship's own when None.
        :param between: what stands for tables of neither side; themselves where it says nothing.
        """
        prop = self._property
        there = target if target is not None else _Said(prop.mapper)
        return self.conditions(_Values(obj, prop.parent), there, prop.secondary, between)


class _Element:
    """An element of FROM in the place of the entity on the far side of a join: a table of the class, an alias of one, a SELECT."""

    own_criteria = ()

    def __init__(self, prop: RelationshipProperty, selectable: FromClause) -> None:
        self._property = prop
        self.selectable = selectable

    def column(self, column: AnyColumn) -> ColumnElement[Any]:
        mapper = self._property.mapper
        wanted = [column]
        if mapper.maps_column(column):
            # a joined table's key is that of its base, too
            wanted.extend(mapper.column_attrs[mapper.name_of_column(column)].columns)
        for one in wanted:
            found: AnyColumn
            for found in self.selectable.c:
                if found is one or _original(found) is one:
                    return found
        for one in wanted:
            named: AnyColumn | None = self.selectable.c.get(str(one.key))
            if named is not None and not isinstance(_original(named), Column):
                return named
        raise ArgumentError(
            f"{self._property.name} leads to {mapper.class_.__name__}, and {self.selectable.description} has no column {column.key!r}."
            f" Its columns: {', '.join(self.selectable.c.keys())}. Join a table of the class, an alias of one, or the class itself."
        )


def _original(column: AnyColumn) -> Any:
    """Return the column of a table that a column of an alias stands for."""
    while (original := getattr(column, "original", None)) is not None:
        column = original
    return column


class _Said:
    """An entity in a criterion, which says what stands for its columns once it is in a statement."""

    def __init__(self, entity: Entity) -> None:
        self.column = entity.said_of


class _Values:
    """One object in the place of the entity on this side of a join: its columns are its values."""

    def __init__(self, obj: object, mapper: Mapper) -> None:
        self._obj = obj
        self._mapper = mapper

    def column(self, column: AnyColumn) -> ColumnElement[Any]:
        name = self._mapper.name_of_column(column)
        what = "with_parent()" if name in self._mapper.primary_key_names else None
        return ObjectValue(self._obj, self._mapper, name, column.type, what)
