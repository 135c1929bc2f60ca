"""``with_loader_criteria()``: conditions on the objects of a class wherever a statement, or what is loaded after it, selects them.

Also the options of the application's own, which say nothing to the loading.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar, cast

from flask_uow.exc import ArgumentError, InvalidRequestError
from flask_uow.orm.mapping.bundles import Bundle
from flask_uow.sql.coercion import coerce_condition
from flask_uow.sql.dml import Delete, Update
from flask_uow.sql.dml_statement import DMLStatement
from flask_uow.sql.entities import expand_entity, members_of_bundle
from flask_uow.sql.expressions import ColumnElement
from flask_uow.sql.froms import collect_froms, is_among
from flask_uow.sql.nodes import ClauseElement, Shape
from flask_uow.sql.operations import and_
from flask_uow.sql.rewriting import rewritten
from flask_uow.sql.schema import Table
from flask_uow.sql.select import Select
from flask_uow.sql.select_base import CompoundSelect, SelectBase
from flask_uow.sql.selectable import Alias, FromClause, Join
from flask_uow.sql.subqueries import CTE, Lateral, Subquery

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import Entity
    from flask_uow.orm.mapping.mapper import Mapper

__all__ = [
    "ClassCriteria",
    "UserDefinedOption",
    "with_class_criteria",
    "with_criteria_of_options",
    "with_loader_criteria",
]

S = TypeVar("S")
D = TypeVar("D", bound=DMLStatement)
# the parts of a SELECT with expressions that may have SELECTs in them
_CLAUSES = ("where_clauses", "having_clauses", "order_by_clauses")


class UserDefinedOption:
    """The base of options of the application's own, which a function that listens to ``do_orm_execute`` finds in ``user_defined_options``.

    :ivar payload: what the option was made with.
    """

    # taken for programs that say it; what is loaded at first access is not told of
    propagate_to_loaders = False

    def __init__(self, payload: Any = None) -> None:
        self.payload = payload

    def collect(self, shape: Shape) -> bool:
        """Add nothing to the shape of the statement, which is executed as without the option."""
        return True


class ClassCriteria:
    """The option of :func:`with_loader_criteria`; immutable.

    :ivar conditions: by the mapper of each class that is meant.
    :ivar alias: the alias that alone is meant, or None.
    """

    def __init__(
        self,
        conditions: dict[Mapper, ColumnElement[bool]],
        include_aliases: bool,
        propagates: bool,
        alias: Entity | None = None,
    ) -> None:
        self.conditions = conditions
        self.alias = alias
        self.include_aliases = include_aliases
        self.propagates = propagates

    def collect(self, shape: Shape) -> bool:
        """Add the option to the shape of its statement; see :func:`~flask_uow.orm.loading.options.collect_options`."""
        shape.key.append(("criteria", self.include_aliases, self.propagates, self.alias is None, *self.conditions))
        for condition in self.conditions.values():
            condition.collect_shape(shape)
        return True

    def includes(self, entity: Entity) -> bool:
        """Return True where an entity of the statement itself may be meant."""
        return entity.is_of_class or self.include_aliases or entity is self.alias

    def conditions_for(self, entity: Entity, is_lazy: bool = False) -> Iterator[ColumnElement[bool]]:
        """Yield the conditions on an entity, said of it.

        :param is_lazy: True for a load at first access.
        """
        if self.alias is not None:
            if entity is self.alias:
                yield from self.conditions.values()
            return
        if is_lazy and not self.propagates:
            return
        for mapper, condition in self.conditions.items():
            if entity.mapper.isa(mapper):
                yield entity.adapt(condition)

    def conditions_on(self, element: FromClause) -> Iterator[ColumnElement[bool]]:
        """Yield the conditions on the rows of a table, or of an alias of one."""
        if self.alias is not None:
            if element is self.alias.selectable:
                yield from self.conditions.values()
            return
        if isinstance(element, Alias) and not self.include_aliases:
            return
        table = element.element if isinstance(element, Alias) else element
        for mapper, condition in self.conditions.items():
            # the table of a subclass without one of its own has other rows as well
            if table is mapper.local_table and not mapper.own_criteria and isinstance(table, Table):
                yield condition if table is element else _said_of(condition, table, element)


def _said_of(condition: ColumnElement[bool], table: Table, alias: FromClause) -> ColumnElement[bool]:
    def replace(node: ClauseElement) -> ClauseElement | None:
        return alias.c[str(node.key)] if getattr(node, "table", None) is table else None  # type: ignore[attr-defined]

    return rewritten(condition, replace, keep_own=True)


def with_loader_criteria(
    entity: object, criteria: object, *, include_aliases: bool = False, propagate_to_loaders: bool = True
) -> ClassCriteria:
    """Select the objects of a class only where they fulfil criteria: in a statement, and in all that it loads, eagerly or at first access.

    :param entity: a mapped class; or a base or mixin, mapped or not, of mapped classes; or an alias of a class in the statement, which alone is
        meant then.
    :param criteria: the condition; or a function that is called with each class and returns it, which a mixin needs.
    :param include_aliases: True for ``aliased()`` classes in the statement, too; aliases that loading makes always fulfil them.
    :param propagate_to_loaders: False to leave out what is loaded at first access.
    :returns: an option for ``select().options()`` and ``query.options()``, or for a statement that ``do_orm_execute`` is told of.
    :raises ArgumentError: for a class that is neither mapped nor has mapped subclasses.

    >>> select(Post).options(with_loader_criteria(Post, Post.deleted.is_(False)))               # doctest: +SKIP
    >>> select(Post).options(with_loader_criteria(SoftDelete, lambda cls: cls.deleted.is_(False)))  # doctest: +SKIP
    """
    found = getattr(entity, "__uow_entity__", None)
    mappers = [found.mapper] if found is not None else _mapped_below(entity)
    if not mappers:
        raise ArgumentError(
            f"with_loader_criteria() takes a mapped class, or a base of mapped classes, got {entity!r}. Map the class first."
        )
    if callable(criteria) and not hasattr(criteria, "__clause_element__"):
        classes = [entity] if found is not None else [mapper.class_ for mapper in mappers]
        conditions = {
            mapper: coerce_condition(criteria(class_)) for mapper, class_ in zip(mappers, classes, strict=True)
        }
    else:
        conditions = dict.fromkeys(mappers, coerce_condition(criteria))
    alias = found if found is not None and found is not found.mapper and not found.is_plain else None
    return ClassCriteria(conditions, include_aliases, propagate_to_loaders, alias)


def _mapped_below(base: object) -> list[Mapper]:
    """Return the mappers of the first mapped classes below a class."""
    found: dict[Mapper, None] = {}
    subclasses: list[type] = base.__subclasses__() if isinstance(base, type) else []
    for class_ in subclasses:
        mapper = vars(class_).get("__mapper__")
        found.update(dict.fromkeys([mapper] if mapper is not None else _mapped_below(class_)))
    return list(found)


def with_class_criteria(statement: S) -> S:
    """Return a statement with the conditions that its options have for the classes it selects."""
    if not isinstance(statement, Select) or not statement.loader_options:
        if isinstance(statement, CompoundSelect):
            members = tuple(map(with_class_criteria, statement.selects))
            if any(made is not member for made, member in zip(members, statement.selects, strict=True)):
                return cast("S", statement.with_parts(selects=members))
        return statement
    criteria = [option for option in statement.loader_options if isinstance(option, ClassCriteria)]
    made: Any = _Filtering(criteria).select(statement, is_outermost=True) if criteria else statement
    return cast("S", made)


def with_criteria_of_options(statement: D) -> D:
    """Return an INSERT, UPDATE or DELETE of a mapped class with the conditions that its options have for the classes in it.

    :raises InvalidRequestError: for an option that says how something is loaded.
    """
    for option in statement.loader_options:
        if not isinstance(option, (ClassCriteria, UserDefinedOption)):
            raise InvalidRequestError(
                f"options() of an INSERT, UPDATE or DELETE takes with_loader_criteria(), got {option!r}. What RETURNING gives loads its relationships at"
                " first access."
            )
    criteria = [option for option in statement.loader_options if isinstance(option, ClassCriteria)]
    if not criteria or not isinstance(statement, (Update, Delete)):
        return statement
    within = _Filtering(criteria).within
    entity = statement.entity
    conditions = [one for option in criteria if option.includes(entity) for one in option.conditions_for(entity)]
    parts: dict[str, Any] = {"where_clauses": tuple(rewritten(clause, within) for clause in statement.where_clauses)}
    if isinstance(statement, Update):
        parts["set_pairs"] = tuple((column, rewritten(value, within)) for column, value in statement.set_pairs)
    made: Any = statement.with_parts(**parts)
    return cast("D", made.where(*conditions) if conditions else made)


def _with_conditions(element: FromClause, replace: Callable[[ClauseElement], ClauseElement | None]) -> FromClause:
    """Return a join with what ``replace`` says of columns in its conditions."""
    if not isinstance(element, Join):
        return element
    left, right = _with_conditions(element.left, replace), _with_conditions(element.right, replace)
    return Join(left, right, rewritten(element.onclause, replace), element.isouter, element.full)


def _as_selected(item: Any, columns: Sequence[ColumnElement[Any]]) -> Any:
    """Return an item of a SELECT whose columns are now these: expressions are these columns, entities tell themselves what they are."""
    if isinstance(item, Bundle) and len(item.exprs) == len(columns):
        made = copy.copy(item)
        made.exprs = tuple(columns)
        return made
    is_whole = hasattr(item, "__uow_entity__") or members_of_bundle(item) is not None or len(columns) != 1
    return item if is_whole else columns[0]


class _Filtering:
    """Puts conditions into one statement, and into the SELECTs within its expressions."""

    def __init__(self, criteria: Sequence[ClassCriteria]) -> None:
        self._criteria = criteria
        self._entities: dict[int, Any] = {}
        # tables that are selected as such, with all their rows
        self._tables: set[int] = set()
        self._subqueries: dict[int, FromClause] = {}
        # what stands for SELECTs in FROM, each with the one that it was made of: several SELECTs may name one CTE
        self._made: dict[int, tuple[FromClause, FromClause]] = {}
        # the elements of FROM of the SELECTs around the present one
        self._around: frozenset[int] = frozenset()

    def select(self, select: Select, is_outermost: bool = False) -> Select:
        """Return a SELECT with the conditions.

        :param is_outermost: False for one within another, whose conditions may be about rows of that.
        """
        # a SELECT within this one has entities of its own, and comes back here
        outside, tables, subqueries, around = self._entities, self._tables, self._subqueries, self._around
        elements = select.froms if is_outermost else self._own_froms(select)
        self._around = around.union(id(part) for element in elements for part in element.from_objects())
        self._subqueries = {}
        self._entities = {}
        for entity in select.all_sources():
            known = self._entities.setdefault(id(entity.selectable), entity)
            # classes in one table: the rows are those of the subclass
            if entity.mapper.isa(known.mapper):
                self._entities[id(entity.selectable)] = entity
        self._tables = {id(item) for item in select.entities if isinstance(item, (Table, Alias))}
        made = select._clone()
        for name in _CLAUSES:
            setattr(made, name, tuple(rewritten(clause, self.within) for clause in getattr(select, name)))
        made.columns_clause = tuple(self._columns_of(select))
        replaced: dict[int, FromClause] = {}
        conditions: list[ColumnElement[bool]] = []
        # LATERAL ones may name those beside them
        for element in sorted(elements, key=_is_lateral):
            replaced[id(element)], found = self._element(element)
            conditions.extend(found)
        for name in ("given_froms", "_entity_froms"):
            setattr(made, name, tuple(replaced.get(id(element), element) for element in getattr(select, name)))
        if self._subqueries:
            self._say_of_subqueries(made)
        if any(new is not old for new, old in zip(made.columns_clause, select.columns_clause, strict=True)):
            columns = iter(made.columns_clause)
            items = [(item, list(islice(columns, len(expand_entity(item))))) for item in made.entities]
            made.entities = tuple(_as_selected(item, own) for item, own in items)
        self._entities, self._tables, self._subqueries, self._around = outside, tables, subqueries, around
        return made.where(*conditions) if conditions else made

    def _columns_of(self, select: Select) -> Iterator[ColumnElement[Any]]:
        columns = iter(select.columns_clause)
        for item in select.entities:
            own = islice(columns, len(expand_entity(item)))
            # an attribute that is a SELECT has one value, however its object is loaded
            yield from own if hasattr(item, "__uow_entity__") else (rewritten(column, self.within) for column in own)

    def _own_froms(self, select: Select) -> list[FromClause]:
        """Return the elements of FROM of a SELECT within another: what only its conditions bring in is its own where that does not have it."""
        named = tuple(collect_froms(select.explicit_froms, select.columns_clause))
        others = [] if select.is_correlated else [f for f in select.froms if id(f) not in self._around]
        return [*named, *(element for element in others if not is_among(element, named))]

    def _say_of_subqueries(self, made: Select) -> None:
        """Say of the subqueries in FROM that have got conditions what was said of those they stand for."""
        replace = self._of_replaced
        for name in (*_CLAUSES, "group_by_clauses", "distinct_clause", "columns_clause"):
            clauses = getattr(made, name)
            if isinstance(clauses, tuple):
                setattr(made, name, tuple(rewritten(clause, replace) for clause in clauses))
        made.given_froms = tuple(_with_conditions(element, replace) for element in made.given_froms)

    def _of_replaced(self, node: ClauseElement) -> ClauseElement | None:
        found = self._subqueries.get(id(getattr(node, "table", None)))
        return found.c[str(node.key)] if found is not None else None  # type: ignore[attr-defined]

    def within(self, node: ClauseElement) -> ClauseElement | None:
        """Return a SELECT that stands in an expression with the conditions; None for any other node."""
        return self.select(node) if isinstance(node, Select) else None

    def _element(self, element: FromClause) -> tuple[FromClause, list[ColumnElement[bool]]]:
        """Return an element of FROM with the conditions that its joins take, and those that are left for what is around it."""
        entity = self._entities.get(id(element))
        if isinstance(element, Join) and entity is None:
            left, of_left = self._element(element.left)
            right, of_right = self._element(element.right)
            if element.full:
                # of a FULL JOIN either side may be missing, so that the conditions on both belong into ON
                of_left, of_right = [], [*of_left, *of_right]
            if left is element.left and right is element.right and not of_right:
                return element, of_left
            # in ON: in WHERE they would drop the rows without a partner
            condition = and_(element.onclause, *of_right)
            link = element.left
            if of_right and element.isouter and isinstance(link, Join) and isinstance(left, Join) and link.is_link:
                # a row of the secondary table whose object is left out is left out with it
                linked = Join(left.right, right, condition)
                return Join(left.left, linked, left.onclause, left.isouter, left.full), of_left
            return Join(left, right, condition, element.isouter, element.full), of_left
        filtered = self._filtered(element) if entity is None else None
        if filtered is not None:
            self._subqueries[id(element)] = filtered
            return filtered, []
        found: list[ColumnElement[bool]] = []
        for criteria in self._criteria:
            if entity is None:
                if id(element) not in self._tables:
                    found.extend(criteria.conditions_on(element))
            elif criteria.includes(entity) or any(map(criteria.includes, _sources_inside(element))):
                found.extend(criteria.conditions_for(entity))
        return element, found

    def _filtered(self, element: FromClause) -> FromClause | None:
        """Return a SELECT in FROM, or an alias of one, with the conditions in it; None for any other element."""
        known = self._made.get(id(element))
        if known is not None:
            return known[1]
        made: FromClause
        if type(element) is Alias and isinstance(element.element, Subquery):
            inner = self._filtered(element.element)
            if inner is None:
                return None
            made = Alias(inner, element.name)
        elif type(element) is Subquery:
            made = Subquery(self._by_itself(element.select_element), element.name)
        elif type(element) is Lateral:
            inner_select = rewritten(element.select_element, self.within)
            made = Lateral(
                rewritten(inner_select, self._of_replaced) if self._subqueries else inner_select, element.name
            )
        elif type(element) is CTE and isinstance(element.select_element, SelectBase):
            made = CTE(element.select_element, element.name, element.recursive, element.nesting)
            made.prefixes, made.suffixes = element.prefixes, element.suffixes
            # a recursive one is found within itself
            self._made[id(element)] = element, made
            made.select_element = self._by_itself(element.select_element)
        else:
            return None
        self._made[id(element)] = element, made
        return made

    def _by_itself(self, select: S) -> S:
        """Return a SELECT in FROM, which takes nothing from those around it, with the conditions."""
        around, self._around = self._around, frozenset()
        made = rewritten(cast("Any", select), self.within)
        self._around = around
        return cast("S", made)


def _is_lateral(element: FromClause) -> bool:
    return any(isinstance(part, Lateral) for part in element.from_objects())


def _sources_inside(element: FromClause) -> list[Entity]:
    """Return the entities that a SELECT in FROM, which an alias of a class is selected from, reads."""
    inner = getattr(element, "select_element", None)
    members = inner.selects if isinstance(inner, CompoundSelect) else [inner]
    return [source for member in members if isinstance(member, Select) for source in member.all_sources()]
