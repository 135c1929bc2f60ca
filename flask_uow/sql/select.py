"""SELECT and its compounds, immutable: each method returns a new statement.

Columns may be mapped classes and their attributes as well: what stands for an entity shows itself through
``__uow_entity__`` (see :class:`flask_uow.sql.interfaces.MappedEntity`), and the orm reads :attr:`Select.entities` to
build objects of the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Never, Self, TypeGuard, overload

from flask_uow.exc import InvalidRequestError
from flask_uow.sql.coercion import coerce_condition, coerce_value
from flask_uow.sql.entities import coerce_groups
from flask_uow.sql.expressions import ColumnElement, LiteralColumn
from flask_uow.sql.filtering_by import named_conditions
from flask_uow.sql.for_update import ForUpdate
from flask_uow.sql.from_statement import FromStatement
from flask_uow.sql.froms import collect_froms, criteria_of, froms_of, implied_from, is_among, refuse_overlap, sources_of
from flask_uow.sql.nodes import NO_OPTIONS, Shape
from flask_uow.sql.operations import and_
from flask_uow.sql.select_base import Exists, SelectBase
from flask_uow.sql.selectable import FromClause, Join, coerce_from, selecting
from flask_uow.sql.typed import T0, T1, T2, T3, T4, T5, T6, T7, TP_co, Ts
from flask_uow.sql.types import INTEGERTYPE, NULLTYPE
from flask_uow.sql.value_errors import named_criteria, unnamed_criteria
from flask_uow.sql.worded_select import WordedSelect
from flask_uow.sql.words import NO_WORDS

if TYPE_CHECKING:
    from flask_uow.sql.interfaces import JoinPath
    from flask_uow.sql.nodes import ClauseElement
    from flask_uow.sql.typed import Item

__all__ = ["Select", "exists", "select"]


class Select(WordedSelect[TP_co]):
    """A SELECT; made by :func:`select`.

    :ivar entities: what was passed to ``select()``: columns, tables, mapped classes, attributes.
    :ivar loader_options: options of loading, for the orm.
    :ivar for_update_clause: how rows are locked, or None.
    :ivar words: words of SQL that were given beside, hints, the style of labels.
    :ivar correlation: elements of FROM, and whether just these (or all but these) are taken from the statement around this one; None
        where nothing was said.
    """

    __slots__ = ("correlation", "for_update_clause", "loader_options")
    __visit_name__ = "select"

    def __init__(self, entities: tuple[Any, ...]) -> None:
        self.where_clauses = ()
        self.given_froms = ()
        self._entity_criteria = ()
        self.group_by_clauses = ()
        self.having_clauses = ()
        self.order_by_clauses = ()
        self.limit_clause = self.offset_clause = None
        self.distinct_clause = False
        self.for_update_clause: ForUpdate | None = None
        self.loader_options: tuple[Any, ...] = ()
        self.words = NO_WORDS
        self._execution_options = NO_OPTIONS
        self.correlation: tuple[tuple[FromClause, ...], bool] | None = None
        self.joined_last = self.begins_at = None
        self._stand_ins = self.joined_entities = ()
        self._set_entities(entities)

    def _parts(self) -> tuple[Any, ...]:
        return (
            self.columns_clause, self.where_clauses, self.given_froms, self.order_by_clauses, self.limit_clause,
            self.offset_clause, self.group_by_clauses, self.having_clauses, self.distinct_clause,
        )  # fmt: skip

    def collect_shape(self, shape: Shape) -> None:
        key = shape.key
        key.append("select")
        if self._stand_ins:
            key.append(self._stand_ins)
        # a mapped class is one atom instead of a dozen columns: its columns are the same every time
        for entity in self.entities:
            atom = getattr(entity, "__uow_entity__", None)
            if atom is not None and atom.shape_atom is not None:
                key.append(atom.shape_atom)
            else:
                for column in self.columns_of_item(entity):
                    column.collect_shape(shape)
                if atom is not None:
                    # the rows become objects, not values
                    key.append(atom.plan_atom)
                name = getattr(entity, "key", None)
                if isinstance(name, str) and not isinstance(entity, ColumnElement):
                    # an attribute gives the result column its own name
                    key.append(name)
                    if getattr(entity, "bundle_members", None) is not None:
                        key.append(entity.plan_atom)
        if self._entity_froms:
            key.extend(("entity from", len(self._entity_froms)))
            for element in self._entity_froms:
                element.collect_shape(shape)
        for name, clauses in (
            ("where", self.where_clauses),
            ("from", self.given_froms),
            ("order", self.order_by_clauses),
        ):
            if clauses:
                key.append(name)
                for clause in clauses:
                    clause.collect_shape(shape)
        if self.limit_clause is not None or self.offset_clause is not None:
            key.append(
                "limit" if self.offset_clause is None else "offset" if self.limit_clause is None else "limit offset"
            )
            for count in (self.limit_clause, self.offset_clause):
                if count is not None:
                    count.collect_shape(shape)
        # what few statements have is asked for together
        if (
            self.group_by_clauses
            or self.having_clauses
            or self.distinct_clause
            or self.for_update_clause is not None
            or self.correlation is not None
            or self.words is not NO_WORDS
        ):
            self._collect_rare(shape)
        key.append("end")

    def _collect_rare(self, shape: Shape) -> None:
        distinct = self.distinct_clause if isinstance(self.distinct_clause, tuple) else ()
        for clauses in (self.group_by_clauses, self.having_clauses, distinct):
            shape.key.append(len(clauses))
            for clause in clauses:
                clause.collect_shape(shape)
        shape.key.append(bool(self.distinct_clause))
        if self.words is not NO_WORDS:
            shape.key.append(self.has_ties)
            self.words.collect(shape)
        if self.for_update_clause is not None:
            self.for_update_clause.collect_shape(shape)
        if self.correlation is not None:
            elements, only = self.correlation
            shape.key.append(("correlate", only, len(elements)))
            for element in elements:
                element.collect_shape(shape)

    def own_froms(self) -> tuple[Any, ...]:
        if self.correlation is None:
            return tuple(collect_froms(self.explicit_froms, self.columns_clause))
        elements, only = self.correlation
        return tuple(element for element in self.froms if not is_among(element, elements)) if only else elements

    def with_replaced(self, original: ClauseElement) -> Self:
        assert isinstance(original, Select)
        self.entities = self.columns_clause
        if self.correlation is not None and self.correlation[1]:
            # what stands for something of the statement around this one is of that statement, too
            before, (elements, only) = original.froms, self.correlation
            self.correlation = ((*elements, *(element for element in self.froms if element not in before)), only)
        return self

    # -- building

    def where(self, *conditions: Any, **named: Never) -> Self:
        """Return the statement with conditions added by AND."""
        if named:
            raise named_criteria("where", named, "filter_by")
        clone = self._clone()
        given = tuple(coerce_condition(condition) for condition in conditions)
        clone.where_clauses = (*self.where_clauses, *(self._restated(given) if self._stand_ins else given))
        return clone

    def order_by(self, *criteria: Any) -> Self:
        made = super().order_by(*criteria)
        if self._stand_ins:
            made.order_by_clauses = self._restated(made.order_by_clauses)
        return made

    filter = where

    def where_exists(self, *conditions: Any) -> Self:
        """Return the statement with conditions on rows that it does not select, for EXISTS.

        What tells the rows of a mapped class from others in its table is added for each class whose attributes they name.
        """
        given = tuple(coerce_condition(condition) for condition in conditions)
        return self._clone()._where_exists(self._restated(given))

    def _where_exists(self, conditions: tuple[ColumnElement[Any], ...]) -> Self:
        self.where_clauses = (*self.where_clauses, *conditions)
        for source in [node.source for condition in conditions for node in sources_of(condition)]:
            self._add_criteria(source, source.own_criteria)
        return self

    def select_from(self, *elements: Any) -> Self:
        """Return the statement with elements put into FROM explicitly."""
        return self._clone()._select_from(elements)

    def _select_from(self, elements: tuple[Any, ...]) -> Self:
        self.given_froms = (*self.given_froms, *(coerce_from(element) for element in elements))
        for element in elements:
            if hasattr(element, "__uow_entity__"):
                self.begins_at = self.begins_at or element
                self._add_source(element.__uow_entity__)
            for entity in getattr(element, "outer_entities", ()):
                self._leave_to_join(entity)
        if self._stand_ins:
            self._restate()
        return self

    def join(self, target: object, onclause: object = None, *, isouter: bool = False, full: bool = False) -> Self:
        """Return the statement with ``JOIN target`` added.

        :param target: a table, an alias, a mapped class, or a relationship (``User.posts``).
        :param onclause: the condition, or the relationship that leads to ``target`` (to a table of its class, too); None takes the
            relationship's, or that of the one foreign key between the two sides.
        :raises ArgumentError: for a relationship that does not lead to ``target``.
        """
        return self._clone()._join(target, onclause, isouter, full)

    def _join(self, target: object, onclause: object, isouter: bool, full: bool) -> Self:
        if _is_path(target):
            path = target.within(self._sources(), self.given_froms)
            self._begin_at(path)
            self._add_steps(path.join_steps(onclause, isouter=isouter and not full), isouter, full)
            self._note_joined(path.joined_entity, isouter and not full)
            return self
        if _is_path(onclause):
            # of a table (an alias of one, a join, a SELECT) the relationship gives the condition only
            entity = getattr(target, "__uow_entity__", None)
            if entity is None:
                entity = target = coerce_from(target)
            path = onclause.within(self._sources(), self.given_froms)
            self._begin_at(path)
            self._add_steps(path.join_steps(None, entity, isouter and not full), isouter, full)
        else:
            entity = getattr(target, "__uow_entity__", None)
            criteria: Sequence[Any] = ()
            if entity is not None:
                self._note_stand_ins(entity)
                criteria = entity.own_criteria
            self._add_join(None, coerce_from(target), onclause, isouter, full, criteria)
        self._note_joined(target, isouter and not full)
        return self

    def outerjoin(self, target: object, onclause: object = None, *, full: bool = False) -> Self:
        """Return the statement with ``LEFT OUTER JOIN target`` added."""
        return self.join(target, onclause, isouter=True, full=full)

    def join_from(
        self,
        left: object,
        target: object,
        onclause: object = None,
        *,
        isouter: bool = False,
        full: bool = False,
    ) -> Self:
        """Return the statement with ``left JOIN target`` added to FROM."""
        return self._clone()._join_from(left, target, onclause, isouter, full)

    def _join_from(self, left: object, target: object, onclause: object, isouter: bool, full: bool) -> Self:
        for element in (left, target):
            entity = getattr(element, "__uow_entity__", None)
            if entity is not None:
                self._note_stand_ins(entity)
        self._add_join(coerce_from(left), coerce_from(target), onclause, isouter, full, criteria_of(target))
        self._note_joined(target, isouter and not full)
        return self

    def outerjoin_from(self, left: object, target: object, onclause: object = None, *, full: bool = False) -> Self:
        """Return the statement with ``left LEFT OUTER JOIN target`` added to FROM."""
        return self.join_from(left, target, onclause, isouter=True, full=full)

    def correlate(self, *elements: Any) -> Self:
        """Return the statement that, inside another, takes just these elements of FROM from the one around it; None for none.

        Without this, a subquery takes over every element that the statement around it has, unless it would be left without any.
        """
        clone = self._clone()
        given = () if elements == (None,) else elements
        clone.correlation = (_parts_of(given), True)
        return clone

    def correlate_except(self, *elements: Any) -> Self:
        """Return the statement that, inside another, takes all elements of FROM that the one around it has, but these."""
        clone = self._clone()
        clone.correlation = (_parts_of(elements), False)
        return clone

    def _add_steps(self, steps: Sequence[tuple[Any, Any, Any]], isouter: bool, full: bool) -> None:
        """Add the joins along a relationship, which starts or ends at something in the statement."""
        present = self._parts_present()
        ends = [
            part for left, right, _ in steps for end in (left, right) if end is not None for part in end.from_objects()
        ]
        if present and not any(id(part) in present for part in ends):
            raise InvalidRequestError(
                f"join() along a relationship between {steps[0][0].description} and {steps[-1][1].description}, and neither is in the statement: every"
                " row would be combined with every other. Begin at what is selected, or call select_from() first."
            )
        for number, (left, right, condition) in enumerate(steps, 1):
            self._add_join(left, right, condition, isouter, full, is_link=number < len(steps))

    def _add_join(
        self,
        left: FromClause | None,
        right: FromClause,
        onclause: object,
        isouter: bool,
        full: bool,
        criteria: Sequence[Any] = (),
        is_link: bool = False,
    ) -> Self:
        position = self._join_position(left, right, onclause)
        if position is None and isinstance(left, Join) and self._join_missing(left, isouter):
            position = self._join_position(left, right, onclause)
        if position is not None:
            start: FromClause = self.given_froms[position]
        elif left is not None:
            start = left
        else:
            start = implied_from(self.columns_clause, self._entity_froms, right, onclause)
        refuse_overlap(start, right)
        made = Join(start, right, onclause, isouter, full)
        if criteria or self._stand_ins:
            condition = and_(made.onclause, *criteria) if criteria else made.onclause
            (condition,) = self._restated((condition,), start, right)
            made = Join(start, right, condition, isouter, full)
        made.is_link = is_link
        if position is not None:
            self.given_froms = (*self.given_froms[:position], made, *self.given_froms[position + 1 :])
        else:
            self.given_froms = (*self.given_froms, made)
        return self

    def _join_missing(self, left: Join, isouter: bool) -> bool:
        """Join the tables of a subclass to that of its base, where only this is in FROM; return False where it is not."""
        links = [left]
        while self._position_of([links[-1].left]) is None:
            inner = links[-1].left
            if not isinstance(inner, Join):
                return False
            links.append(inner)
        for link in reversed(links):
            self._add_join(link.left, link.right, link.onclause, isouter, False, is_link=True)
        return True

    def with_join(
        self, left: FromClause | None, right: FromClause, onclause: ClauseElement, *, isouter: bool = False
    ) -> Self:
        """Return the statement with one element joined; which entity criteria are about from now on does not change.

        :param left: what it is joined to; None for what stands last in FROM.
        :param right: the element.
        :param onclause: the condition; None for that of the one foreign key between the two sides.
        """
        return self._clone()._add_join(left, right, onclause, isouter, False)

    def _join_position(self, left: FromClause | None, right: FromClause, onclause: object) -> int | None:
        if left is None:
            return len(self.given_froms) - 1 if self.given_froms else None
        position = self._position_of([left])
        if position is None and isinstance(left, Join) and onclause is not None:
            # an inherited relationship starts from what its class is queried with; here are the tables of a subclass
            there = tuple(right.from_objects())
            needed = [element for element in froms_of(coerce_condition(onclause)) if not is_among(element, there)]
            position = self._position_of(needed) if needed else None
        return position

    def _position_of(self, wanted: Sequence[FromClause]) -> int | None:
        for position, element in enumerate(self.given_froms):
            if all(is_among(table, tuple(element.from_objects())) for table in wanted):
                return position
        for element in self._entity_froms:
            if all(is_among(table, tuple(element.from_objects())) for table in wanted):
                self.given_froms = (*self.given_froms, element)
                return len(self.given_froms) - 1
        return None

    def group_by(self, *criteria: Any) -> Self:
        """Return the statement grouped by more expressions; a mapped class or a table stands for its columns."""
        clone = self._clone()
        clone.group_by_clauses = (*self.group_by_clauses, *self._restated(coerce_groups(criteria)))
        return clone

    def having(self, *conditions: Any, **named: Never) -> Self:
        """Return the statement with conditions on groups added by AND."""
        if named:
            raise named_criteria("having", named)
        clone = self._clone()
        given = tuple(coerce_condition(condition) for condition in conditions)
        clone.having_clauses = (*self.having_clauses, *self._restated(given))
        return clone

    def distinct(self, *columns: Any) -> Self:
        """Return the statement with DISTINCT (``DISTINCT ON (columns)`` where columns are given)."""
        clone = self._clone()
        clone.distinct_clause = self._restated(tuple(coerce_value(c, NULLTYPE) for c in columns)) if columns else True
        return clone

    def with_for_update(
        self,
        *,
        read: bool = False,
        nowait: bool = False,
        skip_locked: bool = False,
        of: object = (),
        key_share: bool = False,
    ) -> Self:
        """Return the statement locking the rows it reads; a database without row locks (SQLite) begins a write transaction.

        :param read: FOR SHARE instead of FOR UPDATE.
        :param nowait: fail at once where a row is locked by another.
        :param skip_locked: leave out rows that are locked by others.
        :param of: lock only the rows of these tables, aliases or mapped classes.
        :param key_share: FOR NO KEY UPDATE (FOR KEY SHARE with ``read``): others may refer to the rows meanwhile.
        """
        clone = self._clone()
        elements = of if isinstance(of, (list, tuple)) else (of,)
        locked = tuple(coerce_from(element) for element in elements)
        clone.for_update_clause = ForUpdate(read, nowait, skip_locked, locked, key_share)
        return clone

    @overload
    def with_only_columns(self, a: Item[T0], /) -> Select[tuple[T0]]: ...

    @overload
    def with_only_columns(self, a: Item[T0], b: Item[T1], /) -> Select[tuple[T0, T1]]: ...

    @overload
    def with_only_columns(self, a: Item[T0], b: Item[T1], c: Item[T2], /) -> Select[tuple[T0, T1, T2]]: ...

    @overload
    def with_only_columns(
        self, a: Item[T0], b: Item[T1], c: Item[T2], d: Item[T3], /
    ) -> Select[tuple[T0, T1, T2, T3]]: ...

    @overload
    def with_only_columns(
        self, a: Item[T0], b: Item[T1], c: Item[T2], d: Item[T3], e: Item[T4], /
    ) -> Select[tuple[T0, T1, T2, T3, T4]]: ...

    @overload
    def with_only_columns(
        self, a: Item[T0], b: Item[T1], c: Item[T2], d: Item[T3], e: Item[T4], f: Item[T5], /
    ) -> Select[tuple[T0, T1, T2, T3, T4, T5]]: ...

    @overload
    def with_only_columns(
        self, a: Item[T0], b: Item[T1], c: Item[T2], d: Item[T3], e: Item[T4], f: Item[T5], g: Item[T6], /
    ) -> Select[tuple[T0, T1, T2, T3, T4, T5, T6]]: ...

    @overload
    def with_only_columns(
        self, a: Item[T0], b: Item[T1], c: Item[T2], d: Item[T3], e: Item[T4], f: Item[T5], g: Item[T6], h: Item[T7], /
    ) -> Select[tuple[T0, T1, T2, T3, T4, T5, T6, T7]]: ...

    @overload
    def with_only_columns(self, *entities: Any, maintain_column_froms: bool = False) -> Select: ...

    def with_only_columns(self, *entities: Any, maintain_column_froms: bool = False) -> Select:
        """Return the statement with other columns.

        :param maintain_column_froms: keep in FROM what the present columns have brought there, and what WHERE says of their classes.
        """
        if maintain_column_froms:
            return self.with_columns_of_same_rows(*entities)
        made = self._clone()._set_entities(entities)
        return made._without_absent() if made._entity_criteria else made

    def with_columns_of_same_rows(self, *entities: Any) -> Self:
        """Return the statement with other columns, FROM and WHERE staying as the present ones need them."""
        return self._clone()._of_same_rows(entities)

    def _of_same_rows(self, entities: tuple[Any, ...]) -> Self:
        self.given_froms = tuple(collect_froms(self.explicit_froms, self.columns_clause))
        self._set_columns(entities)
        return self

    @overload
    def add_columns(self: Select[tuple[*Ts]], a: Item[T0], /) -> Select[tuple[*Ts, T0]]: ...

    @overload
    def add_columns(self: Select[tuple[*Ts]], a: Item[T0], b: Item[T1], /) -> Select[tuple[*Ts, T0, T1]]: ...

    @overload
    def add_columns(
        self: Select[tuple[*Ts]], a: Item[T0], b: Item[T1], c: Item[T2], /
    ) -> Select[tuple[*Ts, T0, T1, T2]]: ...

    @overload
    def add_columns(
        self: Select[tuple[*Ts]], a: Item[T0], b: Item[T1], c: Item[T2], d: Item[T3], /
    ) -> Select[tuple[*Ts, T0, T1, T2, T3]]: ...

    @overload
    def add_columns(self, *entities: Any) -> Select: ...

    def add_columns(self, *entities: Any) -> Select:
        """Return the statement with more columns."""
        return self.with_only_columns(*self.entities, *entities)

    def from_statement(self, statement: object) -> FromStatement[TP_co]:
        """Return a statement for the same entities whose rows come from one of your own: ``text()`` or a SELECT.

        :raises ArgumentError: for something that is no statement.
        """
        made: FromStatement[TP_co] = FromStatement(self.entities, statement, self.loader_options)
        return made.execution_options(**self._execution_options)

    def options(self, *options: Any) -> Self:
        """Return the statement with loader options of the orm."""
        clone = self._clone()
        clone.loader_options = (*self.loader_options, *options)
        return clone

    def filter_by(self, *unnamed: Never, **values: Any) -> Self:
        """Return the statement with ``attribute == value`` added, for what was joined last, or for the class of ``select_from()``, or the first entity.

        :raises InvalidRequestError: for a name that the entity does not have.
        """
        if unnamed:
            raise unnamed_criteria(len(unnamed))
        return self.where(*named_conditions(self, values))

    @property
    def whereclause(self) -> ColumnElement[bool] | None:
        """All conditions as one, or None."""
        return and_(*self.where_clauses) if self.where_clauses else None

    @property
    def is_correlated(self) -> bool:
        """True where ``correlate()`` or ``correlate_except()`` says what is taken from the statement around this one."""
        return self.correlation is not None

    @property
    def froms(self) -> list[FromClause]:
        """The elements of FROM: those given, and those that columns and conditions bring in."""
        return collect_froms(self.explicit_froms, (*self.columns_clause, *self.where_clauses))

    def get_final_froms(self) -> list[FromClause]:
        """Return the elements of FROM as they are written; see :attr:`all_froms`."""
        return self.all_froms

    @property
    def all_froms(self) -> list[FromClause]:
        """The elements of FROM as they are written: those that the order and groups bring in, too."""
        others = (
            *self.columns_clause,
            *self.where_clauses,
            *self.order_by_clauses,
            *self.group_by_clauses,
            *self.having_clauses,
        )
        return collect_froms(self.explicit_froms, others)


def _parts_of(elements: Sequence[Any]) -> tuple[FromClause, ...]:
    """Return elements of FROM with their parts; of a mapped class, what it is selected from and the tables that this stands for."""
    found: list[FromClause] = []
    for element in elements:
        found.extend(coerce_from(element).from_objects())
        stand_ins = element.__uow_entity__.stand_ins if hasattr(element, "__uow_entity__") else None
        found.extend(column.table for column in (stand_ins.originals if stand_ins is not None else ()))
    return tuple({id(part): part for part in found}.values())


def _is_path(target: object) -> TypeGuard[JoinPath]:
    """Return True for a relationship, which leads from one class to another."""
    return not isinstance(target, FromClause) and getattr(target, "join_steps", None) is not None


@overload
def select(a: Item[T0], /) -> Select[tuple[T0]]: ...


@overload
def select(a: Item[T0], b: Item[T1], /) -> Select[tuple[T0, T1]]: ...


@overload
def select(a: Item[T0], b: Item[T1], c: Item[T2], /) -> Select[tuple[T0, T1, T2]]: ...


@overload
def select(a: Item[T0], b: Item[T1], c: Item[T2], d: Item[T3], /) -> Select[tuple[T0, T1, T2, T3]]: ...


@overload
def select(a: Item[T0], b: Item[T1], c: Item[T2], d: Item[T3], e: Item[T4], /) -> Select[tuple[T0, T1, T2, T3, T4]]: ...


@overload
def select(
    a: Item[T0], b: Item[T1], c: Item[T2], d: Item[T3], e: Item[T4], f: Item[T5], /
) -> Select[tuple[T0, T1, T2, T3, T4, T5]]: ...


@overload
def select(
    a: Item[T0], b: Item[T1], c: Item[T2], d: Item[T3], e: Item[T4], f: Item[T5], g: Item[T6], /
) -> Select[tuple[T0, T1, T2, T3, T4, T5, T6]]: ...


@overload
def select(
    a: Item[T0], b: Item[T1], c: Item[T2], d: Item[T3], e: Item[T4], f: Item[T5], g: Item[T6], h: Item[T7], /
) -> Select[tuple[T0, T1, T2, T3, T4, T5, T6, T7]]: ...


@overload
def select(*entities: Any) -> Select: ...


def select(*entities: Any) -> Select:
    """Return a SELECT of columns, tables, mapped classes or their attributes.

    >>> from flask_uow.sql import literal_column
    >>> str(select(literal_column("1")))
    'SELECT 1'
    """
    if len(entities) == 1 and isinstance(entities[0], (list, tuple)):
        entities = tuple(entities[0])
    return Select(entities)


def exists(argument: object = None) -> Exists:
    """Return ``EXISTS (...)`` of a SELECT, or of ``SELECT 1`` to which conditions are added by ``where()``."""
    if isinstance(argument, SelectBase):
        return Exists(argument)
    if argument is None:
        return Exists(Select((LiteralColumn("1", INTEGERTYPE),)))
    return Exists(Select((argument,)))


selecting.select = select
