"""The sources of a SELECT: the mapped classes among its items and joins, what FROM and WHERE need for them, and the stand-ins of their tables.

The base of :class:`~flask_uow.sql.select.Select`. What stands for an entity shows itself through ``__uow_entity__``, see
:class:`flask_uow.sql.interfaces.MappedEntity`; where it is selected from something that stands for its tables, all that is said of those
tables is said of it (:mod:`~flask_uow.sql.stand_ins`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Self

from flask_uow.sql.coercion import coerce_value
from flask_uow.sql.entities import expand_entity, members_of_bundle
from flask_uow.sql.expressions import ColumnElement, ColumnOperators, Label
from flask_uow.sql.froms import collect_froms, froms_of, is_among, refuse_overlap, sources_of
from flask_uow.sql.interfaces import EntitySource, JoinPath, MappedEntity
from flask_uow.sql.nodes import ClauseElement
from flask_uow.sql.rewriting import rewritten
from flask_uow.sql.select_base import Exists, ScalarSelect, SelectBase
from flask_uow.sql.selectable import FromClause, Join
from flask_uow.sql.sourced import Sourced
from flask_uow.sql.stand_ins import Restating, StandIns
from flask_uow.sql.typed import TP_co
from flask_uow.sql.types import NULLTYPE

__all__ = ["SourcedSelect"]

# the parts of a SELECT that say something of columns
_CLAUSES = ("where_clauses", "order_by_clauses", "group_by_clauses", "having_clauses", "distinct_clause")


class SourcedSelect(SelectBase[TP_co]):
    """The items of a SELECT and the clauses that say something of columns.

    :ivar entities: what was passed to ``select()``: columns, tables, mapped classes, attributes.
    :ivar columns_clause: the columns that these stand for.
    :ivar given_froms: the elements that were put into FROM by ``select_from()`` and joins.
    :ivar where_clauses: the conditions of WHERE, to be joined by AND.
    :ivar group_by_clauses: the expressions of GROUP BY.
    :ivar having_clauses: the conditions of HAVING, to be joined by AND.
    :ivar distinct_clause: True for DISTINCT, the expressions of DISTINCT ON, or False.
    :ivar joined_last: the class or table that was joined last, which ``filter_by()`` is about.
    :ivar begins_at: the first class of ``select_from()``, which it is about before anything is joined; None where there is none.
    :ivar joined_entities: the mapped classes that were joined.
    """

    __slots__ = (
        "_entity_criteria", "_entity_froms", "_stand_ins", "begins_at", "columns_clause", "distinct_clause", "entities", "given_froms",
        "group_by_clauses", "having_clauses", "joined_entities", "joined_last", "where_clauses",
    )  # fmt: skip
    entities: tuple[Any, ...]
    columns_clause: tuple[ColumnElement[Any], ...]
    given_froms: tuple[FromClause, ...]
    where_clauses: tuple[ColumnElement[Any], ...]
    group_by_clauses: tuple[ColumnElement[Any], ...]
    having_clauses: tuple[ColumnElement[Any], ...]
    distinct_clause: bool | tuple[ColumnElement[Any], ...]
    # (entity, those of its criteria that WHERE has)
    _entity_criteria: tuple[tuple[Any, tuple[Any, ...]], ...]
    _entity_froms: tuple[FromClause, ...]
    joined_last: Any
    joined_entities: tuple[Any, ...]
    begins_at: Any
    # what stands for tables of classes that are selected from something else
    _stand_ins: tuple[StandIns, ...]

    def _set_columns(self, entities: tuple[Any, ...]) -> None:
        self._entity_froms = ()
        if len(entities) == 1 and hasattr(entities[0], "__uow_entity__"):
            self.entities, self.columns_clause = entities, expand_entity(entities[0])
            return
        # a plain value becomes one bind parameter, not another one each time it is looked at
        self.entities = tuple(
            coerce_value(entity, NULLTYPE) if entity is None or isinstance(entity, (int, float)) else entity
            for entity in entities
        )
        self.columns_clause = tuple(column for entity in self.entities for column in expand_entity(entity))

    def _set_entities(self, entities: tuple[Any, ...]) -> Self:
        self._set_columns(entities)
        # before the attributes are looked at: the class that brings in their tables may come behind them
        if len(self.entities) > 1:
            for entity in self.entities:
                if hasattr(entity, "__uow_entity__"):
                    self._note_stand_ins(entity.__uow_entity__)
        waiting: list[Sourced[Any]] = []
        self._take_sources(self.entities, waiting)
        if waiting:
            self._add_stood_for(waiting)
        if self._stand_ins:
            self._restate()
        return self

    def _take_sources(self, items: tuple[Any, ...], waiting: list[Sourced[Any]]) -> None:
        """Take in what items of the statement are about.

        :param waiting: takes the attributes whose tables something else stands for.
        """
        for entity in items:
            if hasattr(entity, "__uow_entity__"):
                self._add_source(entity.__uow_entity__)
            elif isinstance(entity, ColumnOperators):
                if entity.bundle_members is not None:
                    self._take_sources(entity.bundle_members, waiting)
                    continue
                for node in sources_of(entity.as_operand()):
                    if node.source.stand_ins is not None:
                        waiting.append(node)
                    elif not self._has_for_entity(node):
                        self._add_source(node.source, node.is_expression)
            elif isinstance(entity, Join) and not is_among(entity, self._entity_froms):
                # its columns alone would bring its tables in one by one
                self._entity_froms = (*self._entity_froms, entity)
            else:
                self._take_sources(members_of_bundle(entity) or (), waiting)

    def _has_for_entity(self, node: Sourced[Any]) -> bool:
        """Return True where a class that is selected as a whole brings in what an attribute of a subclass needs."""
        if any(stand_ins.covers(node.element) for stand_ins in self._stand_ins):
            return True
        needed = {id(part) for part in node.source.selectable.from_objects() if not isinstance(part, Join)}
        for entity in self.entities if len(needed) > 1 and len(self.entities) > 1 else ():
            if hasattr(entity, "__uow_entity__") and entity.__uow_entity__ is not node.source:
                if needed <= {id(part) for part in entity.__uow_entity__.selectable.from_objects()}:
                    return True
        return False

    def _add_stood_for(self, nodes: Sequence[Sourced[Any]]) -> None:
        """Take in the classes of attributes whose tables something else stands for, unless those tables are here for another class."""
        present = {id(part) for element in self._mapped_froms() for part in element.from_objects()}
        for node in nodes:
            tables = list(froms_of(node.element))
            if not tables or not all(id(table) in present for table in tables):
                self._add_source(node.source, node.is_expression)

    def _note_stand_ins(self, source: EntitySource) -> None:
        found = source.stand_ins
        if found is not None and not is_among(found, self._stand_ins):
            self._stand_ins = (*self._stand_ins, found)

    def _mapped_froms(self) -> list[FromClause]:
        """The elements of FROM that were put there, or that mapped classes need; not those that columns bring in."""
        entities = (entity.__uow_entity__ for entity in self.entities if hasattr(entity, "__uow_entity__"))
        return [*self.explicit_froms, *(entity.selectable for entity in entities)]

    def _sources(self) -> list[Any]:
        """The mapped classes that the statement is about so far: those that are selected, also by attributes of theirs, and the last joined."""
        found: list[Any] = []
        for item in (*self.entities, self.joined_last):
            entity = getattr(item, "__uow_entity__", None)
            if entity is not None:
                found.append(entity)
            elif isinstance(item, ColumnOperators) or members_of_bundle(item) is not None:
                found.extend(node.source for operand in _operands(item) for node in sources_of(operand))
        return found

    def all_sources(self) -> list[Any]:
        """Return the mapped classes whose rows the statement reads, as far as it was told them as such: by items, FROM, joins and criteria."""
        starts = [self.begins_at.__uow_entity__] if self.begins_at is not None else []
        return [*self._sources(), *starts, *self.joined_entities, *(source for source, _ in self._entity_criteria)]

    def _restated(self, expressions: tuple[Any, ...], *beside: FromClause) -> tuple[Any, ...]:
        """Return expressions with what stands for the columns of tables here.

        :param beside: an element that is about to be joined.
        """
        if not self._stand_ins:
            return expressions
        return tuple(map(Restating(self._stand_ins, (*self._mapped_froms(), *beside)), expressions))

    def _restate(self) -> None:
        """Say what was said so far of what stands for the columns of tables now."""
        restate = Restating(self._stand_ins, self._mapped_froms())
        columns: list[ColumnElement[Any]] = []
        for entity in self.entities:
            if hasattr(entity, "__uow_entity__"):
                columns.extend(expand_entity(entity))
            else:
                columns.extend(_named_alike(column, restate(column)) for column in _operands(entity))
        self.columns_clause = tuple(columns)
        for name in _CLAUSES:
            clauses = getattr(self, name)
            if isinstance(clauses, tuple):
                setattr(self, name, tuple(map(restate, clauses)))

    @property
    def order_among_selected(self) -> tuple[ColumnElement[Any], ...]:
        """The criteria of ORDER BY, with selected columns in place of those that are kept equal to them: DISTINCT and GROUP BY know no others."""
        order = self.order_by_clauses
        entities = [item.__uow_entity__ for item in self.entities if hasattr(item, "__uow_entity__")]
        if not order or not entities or not (self.distinct_clause is True or self.group_by_clauses):
            return order
        equal = {id(column): selected for entity in entities for column, selected in entity.equal_columns()}
        if not equal:
            return order
        return tuple(rewritten(criterion, lambda node: equal.get(id(node)), keep_own=True) for criterion in order)

    def columns_of_item(self, item: object) -> tuple[ColumnElement[Any], ...]:
        """Return the columns that one of the :attr:`entities` stands for in this statement."""
        if not self._stand_ins or hasattr(item, "__uow_entity__"):
            return expand_entity(item)
        return self._restated(_operands(item))

    def standing_in_for(self, entity: MappedEntity) -> Self:
        """Return the statement, whose FROM has a mapped class, with what is said of its tables said of what it is selected from."""
        return self if entity.stand_ins is None else self._clone()._restated_for([entity])

    def _restated_for(self, sources: Iterable[EntitySource]) -> Self:
        """Say what was said of the tables of mapped classes of what they are selected from."""
        for source in sources:
            self._note_stand_ins(source)
        self._restate()
        return self

    def without_stand_ins(self, entity: MappedEntity) -> Self:
        """Return the statement saying of a class's tables again what it says of what the class is selected from."""
        found = entity.stand_ins
        if found is None:
            return self
        clauses = {name: getattr(self, name) for name in _CLAUSES}
        return self.with_parts(
            _stand_ins=tuple(other for other in self._stand_ins if other is not found),
            **{name: tuple(map(found.undone, given)) for name, given in clauses.items() if isinstance(given, tuple)},
        )

    def _parts_present(self) -> set[int]:
        """Return the ids of the elements that columns and ``select_from()`` bring into FROM, the sides of joins among them."""
        froms = collect_froms(self.explicit_froms, self.columns_clause)
        return {id(part) for element in froms for part in element.from_objects()}

    def said_of_what_is_selected(self, enclosing: Sequence[set[int]]) -> Self:
        """Return the statement with conditions on classes that are not selected here said of what these are selected from, too.

        :param enclosing: the ids of the elements of FROM of the statements around this one, whose rows it may be about.
        """
        nodes = [node for clause in (*self.where_clauses, *self.having_clauses) for node in sources_of(clause)]
        found = {id(node.source): node for node in nodes if node.source.stand_ins is not None}
        if not found:
            return self
        present = self._parts_present().union(*enclosing)
        return self._clone()._restated_for(
            node.source for node in found.values() if not any(id(table) in present for table in froms_of(node.element))
        )

    def of_rows_of_named_classes(self, own: set[int]) -> Self:
        """Return the statement with what tells the rows of a class from others in its table, where only its conditions name that class.

        :param own: the ids of the elements of FROM that it does not take from a statement around it.
        """
        conditions = (*self.where_clauses, *self.having_clauses)
        sources = [node.source for condition in conditions for node in sources_of(condition)]
        named = {id(source.selectable): source for source in sources if source.own_criteria}
        if not named:
            return self
        present = self._parts_present()
        made = self._clone()
        for key, source in named.items():
            is_ours = key in own and key not in present
            if is_ours and not any(_names_otherwise(condition, source) for condition in conditions):
                made._add_criteria(source, source.own_criteria)
        return made

    def _add_source(self, source: EntitySource, with_table: bool = False) -> None:
        """Take in what selecting a mapped class needs beside its columns: a join of tables, and what tells its rows from others.

        :param with_table: True where no column of the class's table is selected that would bring it in.
        """
        if source.stand_ins is not None:
            self._note_stand_ins(source)
        froms = (source.selectable,) if with_table else source.entity_froms
        if froms:
            self._entity_froms = (*self._entity_froms, *(f for f in froms if not is_among(f, self._entity_froms)))
        self._add_criteria(source, source.criteria)

    def _add_criteria(self, source: EntitySource, criteria: Sequence[Any]) -> None:
        # once for each entity, also where columns are chosen anew
        if criteria and not any(source is known for known, _ in self._entity_criteria):
            self._entity_criteria = (*self._entity_criteria, (source, tuple(criteria)))
            self.where_clauses = (*self.where_clauses, *criteria)

    def _without_absent(self) -> Self:
        """Return this statement without the criteria of classes that neither its present columns nor anything else brings into FROM."""
        present = self._parts_present()
        for source, criteria in self._entity_criteria if present else ():
            tables = {id(part) for part in source.selectable.from_objects()}
            others = [condition for condition in self.where_clauses if not is_among(condition, criteria)]
            named = {id(element) for condition in others for element in froms_of(condition)}
            if criteria and not tables & (present | named):
                self.where_clauses = tuple(others)
                self._entity_criteria = tuple(pair for pair in self._entity_criteria if pair[0] is not source)
        return self

    def _begin_at(self, path: JoinPath) -> None:
        """Add what tells the rows of the class that a join begins at from others in its table, where only the join brings it in."""
        start = path.parent
        criteria = start.own_criteria
        if criteria and id(start.selectable) not in self._parts_present():
            self._add_criteria(start, criteria)

    def _note_joined(self, target: object, keeps_all: bool) -> None:
        """Take note of what was joined last.

        :param keeps_all: True for an outer join. It leaves an entity's criteria to its ON clause: in WHERE they would drop the rows without
            a partner.
        """
        self.joined_last = target
        entity = getattr(target, "__uow_entity__", None)
        if entity is None:
            return
        self.joined_entities = (*self.joined_entities, entity)
        if entity.stand_ins is not None:
            self._note_stand_ins(entity)
            self._restate()
        if keeps_all:
            self._leave_to_join(entity)

    def _leave_to_join(self, entity: MappedEntity) -> None:
        """Take an entity's criteria out of WHERE, for an outer join whose ON clause has them."""
        if not entity.own_criteria:
            return
        taken = tuple(
            criterion for known, criteria in self._entity_criteria if known is entity for criterion in criteria
        )
        self.where_clauses = tuple(condition for condition in self.where_clauses if not is_among(condition, taken))
        others = tuple(pair for pair in self._entity_criteria if pair[0] is not entity)
        # known still, so that nobody puts its criteria into WHERE again
        self._entity_criteria = (*others, (entity, ()))

    @property
    def explicit_froms(self) -> tuple[FromClause, ...]:
        """The elements that were put into FROM, and those that mapped classes need there and no other contains already."""
        if not self._entity_froms:
            return self.given_froms
        if not self.given_froms and len(self._entity_froms) == 1:
            return self._entity_froms
        found: list[FromClause] = []
        for element in self._entity_froms:
            if not any(_holds_rows_of(element, other) for other in (*self.given_froms, *found)):
                # the tables of a class are those of its subclass, too
                found = [*(other for other in found if not _holds_rows_of(other, element)), element]
        return (*found, *self.given_froms)

    def refuse_doubles(self) -> None:
        """Refuse to have one table twice under one name, by what was joined and by what mapped classes need.

        :raises InvalidRequestError: naming it.
        """
        elements = self.explicit_froms
        for number, element in enumerate(elements if self._entity_froms else ()):
            for other in elements[:number]:
                refuse_overlap(other, element)


def _names_otherwise(node: ClauseElement, source: EntitySource) -> bool:
    """Return True for an expression that has a column of what a class is selected from, and has it not from this class."""
    if isinstance(node, (SelectBase, ScalarSelect, Exists)):
        return False
    if isinstance(node, Sourced):
        return node.source is not source and any(element is source.selectable for element in froms_of(node))
    is_column = getattr(node, "table", None) is source.selectable
    return is_column or any(_names_otherwise(child, source) for child in node.child_nodes())


def _holds_rows_of(element: FromClause, join: FromClause) -> bool:
    """Return True when the rows of a join have those of an element: it, or all its tables with no outer join between them."""
    parts = {id(part) for part in join.from_objects()}
    if id(element) in parts:
        return True
    tables = {id(part) for part in element.from_objects() if not isinstance(part, Join)}
    return tables <= parts and not _is_parted(tables, join)


def _is_parted(tables: set[int], join: FromClause) -> bool:
    if not isinstance(join, Join):
        return False
    left, right = ({id(part) for part in side.from_objects()} for side in (join.left, join.right))
    if (join.isouter or join.full) and tables & left and tables & right:
        return True
    return _is_parted(tables & left, join.left) or _is_parted(tables & right, join.right)


def _named_alike(column: ColumnElement[Any], restated: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the stand-in of a column under the column's name, which is that of the result's column."""
    name = column.name
    is_column = restated is not column and getattr(restated, "table", None) is not None
    return Label(name, restated) if is_column and name is not None and restated.name != name else restated


def _operands(item: object) -> tuple[ColumnElement[Any], ...]:
    """Return the columns that an item of ``select()`` stands for, as they stand within an expression."""
    members = members_of_bundle(item)
    if members is not None:
        return tuple(operand for member in members for operand in _operands(member))
    if isinstance(item, ColumnOperators) and not isinstance(item, ColumnElement):
        name = getattr(item, "selected_name", None)
        return (item.as_operand() if name is None else Label(name, item.as_operand()),)
    return expand_entity(item)
