"""The building side of Query: each method returns a new Query with a changed SELECT.

What is said of a class's columns is said of what stands for them: of the subquery after ``from_self()`` and ``union()``, of the alias after
``join(aliased=True)``. Read :mod:`~flask_uow.orm.query.enclosing` first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Never, Self, TypedDict, TypeVar, Unpack

from flask_uow.exc import ArgumentError, InvalidRequestError
from flask_uow.orm.aliased import aliased, with_polymorphic
from flask_uow.orm.loading.column_loader import check_lock_mode, with_lock
from flask_uow.orm.loading.options import BatchLoading, EagerLoading
from flask_uow.orm.loading.results import first_mapper, in_default_order
from flask_uow.orm.query.enclosing import Adaption, enclosed
from flask_uow.orm.query.joins import NOTHING_JOINED, Joined, join_targets, joined
from flask_uow.orm.query.labels import with_table_names
from flask_uow.orm.query.parents import leads_to
from flask_uow.orm.query.worded import WordedQuery
from flask_uow.sql.constructors import literal
from flask_uow.sql.entities import expand_groups, key_of_item
from flask_uow.sql.filtering_by import named_conditions
from flask_uow.sql.from_statement import FromStatement
from flask_uow.sql.nodes import ClauseElement, copier_of
from flask_uow.sql.rewriting import with_values
from flask_uow.sql.select import Select
from flask_uow.sql.select_base import CompoundSelect, Exists, SelectBase, coerce_select
from flask_uow.sql.subqueries import CTE, Subquery
from flask_uow.sql.value_errors import named_criteria, unnamed_criteria

if TYPE_CHECKING:
    from flask_uow.orm.session.session import Session

__all__ = ["BuildingQuery"]

T = TypeVar("T")


class _Parts(TypedDict, total=False):
    """The parts of a query that its methods change, see :class:`BuildingQuery`."""

    select: Select
    criteria_given: bool
    order_given: bool
    adaption: Adaption | None
    joined: Joined
    params: Mapping[str, Any]
    from_statement: FromStatement | None
    autoflush: bool
    labels_tables: bool
    assertions: bool


class BuildingQuery(WordedQuery, Generic[T]):
    """Base of :class:`~flask_uow.orm.query.query.Query`. Immutable.

    :param entities: mapped classes, their attributes, aliases, columns.
    :param session: the Session.
    """

    # what listens to events of queries; set by flask_uow.orm.events
    before_compile_hooks: ClassVar[tuple[Callable[..., Any], ...]] = ()

    __slots__ = (
        "_adaption", "_assertions", "_autoflush", "_criteria_given", "_from_statement", "_joined", "_labels_tables", "_order_given",
        "_params", "_select", "session",
    )  # fmt: skip

    def __init__(self, entities: object, session: Session | None = None) -> None:
        given = tuple(entities) if isinstance(entities, (list, tuple)) else (entities,)
        # configures the mappers
        first_mapper(given)
        self.session: Session | None = session
        self._select = Select(given)
        self._criteria_given = False
        # True where order_by() has decided on the order, None included; the class's own is for queries that say nothing
        self._order_given = False
        # what stands for the columns of the classes in the query that this one encloses; what join() has come to
        self._adaption: Adaption | None = None
        self._joined: Joined = NOTHING_JOINED
        self._params: Mapping[str, Any] = {}
        self._from_statement: FromStatement | None = None
        self._autoflush = True
        self._labels_tables = False
        self._assertions = True

    def _clone(self) -> Self:
        # copy.copy() takes several times as long, and every step of a query makes one
        clone = object.__new__(type(self))
        _copy_parts(self, clone)
        if type(self).__dictoffset__:
            for name, value in self.__dict__.items():
                # of a subclass of the user's own
                setattr(clone, name, value)
        return clone

    def _changed(self, **parts: Unpack[_Parts]) -> Self:
        clone = self._clone()
        for name, part in parts.items():
            setattr(clone, f"_{name}", part)
        return clone

    def _with(
        self,
        select: Select,
        criteria_given: bool | None = None,
        order_given: bool | None = None,
        joined: Joined | None = None,
    ) -> Self:
        """Return the query with another SELECT, and what else changes with that; None for what does not."""
        if self._from_statement is not None:
            raise InvalidRequestError(
                "this query takes its rows from a statement of its own: nothing can be added to it."
            )
        # by hand: this is every step of a query
        clone = self._clone()
        clone._select = select
        if criteria_given is not None:
            clone._criteria_given = criteria_given
        if order_given is not None:
            clone._order_given = order_given
        if joined is not None:
            clone._joined = joined
        return clone

    @property
    def _has_limit(self) -> bool:
        return self._select.limit_clause is not None or self._select.offset_clause is not None

    @property
    def _is_ordered(self) -> bool:
        return bool(self._select.order_by_clauses)

    def _refuse_limit(self, method: str) -> None:
        """Refuse what would be about other rows than the limited ones: SQL limits what is left after everything else.

        :raises InvalidRequestError: when the query has a limit or an offset.
        """
        select = self._select
        if (select.limit_clause is not None or select.offset_clause is not None) and self._assertions:
            raise InvalidRequestError(
                f"{method}() comes after limit(), offset() or a slice, and would change which rows these are counted from. Call {method}() first; or"
                f" call from_self() in between (select from a subquery), and {method}() is about the limited rows."
            )

    def _known(self) -> list[Adaption]:
        adaptions = self._joined.adaptions
        return [*adaptions, self._adaption] if self._adaption is not None else list(adaptions)

    def _adapted(self, expressions: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return criteria said of what stands for the classes' columns."""
        if self._adaption is None and not self._joined.adaptions:
            return expressions
        for adaption in self._known():
            expressions = tuple(adaption.adapt(expression) for expression in expressions)
        return expressions

    # -- as a statement

    @property
    def statement(self) -> SelectBase:
        """The SELECT that the query stands for, with the values of :meth:`params`.

        :raises ArgumentError: when the query was made without any class or column, and was given none since.
        """
        return self._with_values(self._sent)

    def _with_values(self, statement: SelectBase) -> SelectBase:
        """Return the SELECT as one that goes on without the query, and thus needs the values that :meth:`params` was given."""
        if not self._params or self._from_statement is not None:
            return statement
        return with_values(statement, self._params, as_far_as_known=True)

    @property
    def _sent(self) -> SelectBase:
        """The SELECT as the query executes it, which passes the values along."""
        if not self._select.entities:
            raise ArgumentError(
                "query() takes at least one mapped class or column, unless value() or add_columns() names what to ask for."
            )
        if self.before_compile_hooks:
            return self._told()._own_statement
        return self._own_statement

    @property
    def _own_statement(self) -> SelectBase:
        if self._from_statement is not None:
            return self._from_statement
        return self._select if self._order_given else in_default_order(self._select)

    def _told(self) -> Self:
        """Return the query that what listens to ``before_compile`` makes of this one."""
        query = self
        for hook in self.before_compile_hooks:
            answer = hook(query)
            query = query if answer is None else answer
        return query

    @property
    def selectable(self) -> SelectBase:
        """The SELECT that the query stands for."""
        return self.statement

    def __clause_element__(self) -> SelectBase:
        return self.statement

    def subquery(self, name: str | None = None, with_labels: bool = False) -> Subquery:
        """Return the query as an element of FROM.

        :param with_labels: True as :meth:`with_labels`.
        """
        query = self.with_labels() if with_labels else self
        return query._for_from().subquery(name)

    alias = subquery

    def with_labels(self) -> Self:
        """Return the query whose :meth:`subquery` and :meth:`cte` have the names of the tables in those of the columns: ``user_name``."""
        return self._changed(labels_tables=True)

    apply_labels = with_labels

    def _for_from(self) -> SelectBase:
        return with_table_names(self.statement) if self._labels_tables else self.statement

    def cte(self, name: str | None = None, recursive: bool = False) -> CTE:
        """Return the query as a common table expression (WITH).

        :param recursive: for a CTE that ``union_all()`` is to extend by a SELECT that refers to it.
        """
        return self._for_from().cte(name, recursive)

    def scalar_subquery(self) -> Any:
        """Return the query as one value."""
        return self.statement.scalar_subquery()

    as_scalar = scalar_subquery

    def label(self, name: str) -> Any:
        """Return the query as one value, under a name."""
        return self.statement.label(name)

    def exists(self) -> Exists:
        """Return ``EXISTS (query)``."""
        if not self._select.entities:
            # of query().select_from(...), which columns there are makes no difference
            return Exists(self._with_values(self._select.with_only_columns(literal(1))))
        return Exists(self.statement)

    @property
    def whereclause(self) -> Any:
        """All criteria as one expression, or None."""
        return self._select.whereclause

    # -- what is selected

    def _coerced_items(self, entities: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return further items of the query, said of what stands for the classes."""
        known = self._known()
        if not known:
            return entities
        made: list[Any] = []
        for item in entities:
            entity = getattr(item, "__uow_entity__", None)
            if entity is not None:
                view = next((a.views[entity] for a in known if entity in a.views), None)
                made.append(view if view is not None else item)
                continue
            adapted: Any = self._adapted((item,))[0]
            # an attribute goes on giving the result column its own name
            key = key_of_item(item) if not isinstance(item, ClauseElement) else None
            made.append(adapted.label(key) if key is not None and adapted.name != key else adapted)
        return tuple(made)

    def add_columns(self, *columns: Any) -> Any:
        """Return the query with further columns, attributes or mapped classes in each row."""
        return self._with(self._select.add_columns(*self._coerced_items(columns)))

    def add_column(self, column: object) -> Any:
        """Return the query with one more column in each row."""
        return self.add_columns(column)

    def add_entity(self, entity: object, alias: object = None) -> Any:
        """Return the query with one more mapped class (or an alias of one) in each row.

        :param alias: what the class's rows come from: an alias of it, or of its table, a subquery.
        :raises ArgumentError: for something that is not mapped, or an ``alias`` that lacks columns of the class.
        """
        given = alias if alias is not None else entity
        if hasattr(entity, "__uow_entity__") and not hasattr(given, "__uow_entity__"):
            given = aliased(entity, given)
        if not hasattr(given, "__uow_entity__"):
            raise ArgumentError(f"add_entity() takes a mapped class or an alias of one, got {given!r}.")
        return self.add_columns(given)

    def with_entities(self, *entities: Any) -> Any:
        """Return the query for other things than before, with the same criteria."""
        return self._with(self._select.with_only_columns(*self._coerced_items(entities)))

    def with_polymorphic(
        self,
        classes: object,
        selectable: object = None,
        polymorphic_on: object = None,
        *,
        discriminator: object = None,
    ) -> Self:
        """Return the query with the columns of subclasses of its first entity loaded in the same statement.

        :param classes: a subclass, several, or ``"*"`` for all of them; see :func:`~flask_uow.orm.aliased.with_polymorphic`.
        :param selectable: what the rows come from, a polymorphic union say; None for outer joins of the tables.
        :param polymorphic_on: the column of ``selectable`` that tells the class of a row.
        :param discriminator: another name of ``polymorphic_on``.
        :raises ArgumentError: for a class that is no subclass, and where no column tells the class of a row.
        :raises InvalidRequestError: where the first entity is an alias, or the query has joins already.
        """
        first, *others = self._select.entities
        entity = getattr(first, "__uow_entity__", None)
        if entity is None or entity is not entity.mapper or self._select.given_froms:
            raise InvalidRequestError(
                "with_polymorphic() is for queries whose first entity is a mapped class, and comes before join() and select_from()."
            )
        on = polymorphic_on if polymorphic_on is not None else discriminator
        made = with_polymorphic(first, classes, selectable, on)
        return self._with(self._select.without_stand_ins(entity).with_only_columns(made, *others))

    # -- criteria

    def filter(self, *criteria: Any, **named: Never) -> Self:
        """Return the query with conditions added by AND: ``filter(User.name == "ed", User.id > 5)``."""
        if named:
            raise named_criteria("filter", named, "filter_by")
        self._refuse_limit("filter")
        return self._with(self._select.where(*self._adapted(criteria)), True)

    where = filter

    def filter_by(self, *unnamed: Never, **values: Any) -> Self:
        """Return the query with ``attribute == value`` added, for what was joined last, or for the class of ``select_from()``, or the first entity.

        :raises InvalidRequestError: for a name that the entity does not have.
        """
        if unnamed:
            raise unnamed_criteria(len(unnamed))
        return self.filter(*named_conditions(self._select, values))

    def order_by(self, *criteria: Any) -> Self:
        """Return the query ordered by more criteria, in place of the order that ``mapper(order_by=...)`` gives the class.

        A single None (or False) removes the ordering.
        """
        self._refuse_limit("order_by")
        criteria = spread(criteria)
        given = (None,) if len(criteria) == 1 and criteria[0] is False else criteria
        return self._with(self._select.order_by(*self._adapted(given)), order_given=self._order_given or bool(criteria))

    def group_by(self, *criteria: Any) -> Self:
        """Return the query grouped by more expressions; a mapped class or a table stands for its columns."""
        self._refuse_limit("group_by")
        return self._with(self._select.group_by(*self._adapted(expand_groups(spread(criteria)))))

    def having(self, *criteria: Any, **named: Never) -> Self:
        """Return the query with conditions on groups added by AND."""
        self._refuse_limit("having")
        return self._with(self._select.having(*self._adapted(criteria), **named))

    def distinct(self, *columns: Any) -> Self:
        """Return the query with DISTINCT (``DISTINCT ON (columns)`` where columns are given, on PostgreSQL)."""
        self._refuse_limit("distinct")
        return self._with(self._select.distinct(*self._adapted(columns)))

    def limit(self, limit: int | None) -> Self:
        """Return the query limited to that many rows."""
        return self._with(self._select.limit(limit))

    def offset(self, offset: int | None) -> Self:
        """Return the query without its first rows."""
        return self._with(self._select.offset(offset))

    def slice(self, start: int | None, stop: int | None) -> Self:
        """Return the query for the rows from ``start`` up to ``stop``, like ``query[start:stop]``; of a limited query, of its rows.

        :raises InvalidRequestError: where the query's limit or offset is an expression, whose value is not known here.
        """
        return self._with(self._select.slice(start, stop))

    def params(self, values: Mapping[str, Any] | None = None, **named: Any) -> Self:
        """Return the query with values for its ``bindparam()``s."""
        return self._changed(params={**self._params, **(values or {}), **named})

    def with_parent(self, instance: object, property: object = None, from_entity: object = None) -> Self:
        """Return the query for the objects that a relationship of ``instance`` leads to.

        :param property: the relationship, a synonym of one, or the name of either; the one that leads to the queried class when None.
        :param from_entity: the class, or the alias of it, of the query that is meant; the first one when None.
        :raises UnmappedInstanceError: for an object of a class that is not mapped.
        :raises ArgumentError: for something that is no relationship of the object's class.
        :raises InvalidRequestError: where none leads there, or several, and where the object has no primary key yet.
        """
        given = self._select.entities if from_entity is None else (from_entity,)
        items = (getattr(i, "__uow_entity__", None) or getattr(i, "parent", None) for i in given)
        entity = next((entity for entity in items if getattr(entity, "mapper", None) is not None), None)
        return self.filter(leads_to(instance, property, entity))

    # -- FROM

    def join(
        self,
        *targets: Any,
        onclause: object = None,
        isouter: bool = False,
        full: bool = False,
        aliased: bool = False,
        from_joinpoint: bool = False,
    ) -> Self:
        """Return the query joined to relationships, mapped classes or tables.

        ``join(User.posts)`` or ``join("posts")``; a path, ``join(User.posts, Post.tags)``; ``join(Post, Post.author_id == User.id)``;
        ``join(alias, User.posts)`` and ``join(User.posts.of_type(alias))``. Pairs of target and condition (or relationship, then in either
        order) are tuples: ``join((alias, User.posts), (Tag, Tag.id == 5))``. Where the target of a relationship is a table, an alias of one
        or a join of tables, the relationship gives the condition only.

        A path begins at what the query selects (or ``select_from()`` names), and only where that has no such relationship at what was
        joined last. A step that was joined before is not joined again: ``join("posts").join("posts", "tags")``.

        :param onclause: the condition, for a single target.
        :param isouter: LEFT OUTER JOIN.
        :param full: FULL OUTER JOIN.
        :param aliased: join aliases that are made up; what follows is said of them, until :meth:`reset_joinpoint` or another ``join()``.
        :param from_joinpoint: begin where the last path ended.
        :raises ArgumentError: for something that cannot be joined.
        :raises InvalidRequestError: for a name that no class in question has.
        """
        self._refuse_limit("join")
        select, now = joined(
            self._select,
            self._joined,
            self._adaption,
            join_targets(spread(targets), onclause),
            aliased=aliased,
            from_joinpoint=from_joinpoint,
            isouter=isouter,
            full=full,
        )
        return self._with(select, joined=now)

    def outerjoin(self, *targets: Any, **options: Any) -> Self:
        """Return the query joined by LEFT OUTER JOIN; see :meth:`join`."""
        return self.join(*targets, isouter=True, **options)

    def reset_joinpoint(self) -> Self:
        """Return the query whose further criteria are about its own classes again, not about aliases or what was joined last."""
        return self._with(self._select.with_parts(joined_last=None), joined=self._joined._replace(adaptions=()))

    def select_from(self, *elements: Any) -> Self:
        """Return the query with elements put into FROM explicitly."""
        self._refuse_limit("select_from")
        elements = spread(elements)
        return self._with(self._select.select_from(*elements), joined=self._joined.starting_from(elements))

    def correlate(self, *elements: Any) -> Self:
        """Return the query that, as a subquery, takes just these classes or tables from the statement around it; None for none."""
        return self._with(self._select.correlate(*elements))

    def from_self(self, *entities: Any) -> Any:
        """Return a query of this one as a subquery: ``SELECT ... FROM (this query)``.

        :param entities: what to select from it; all that this query selects when left out.
        """
        select, adaption = enclosed(self.statement, self.statement.entities)
        clone = self._enclosing(select, adaption)._changed(from_statement=None)
        return clone.with_entities(*entities) if entities else clone

    def _enclosing(self, select: Select, adaption: Adaption) -> Self:
        """Return the query around a SELECT that encloses this one; ``adaption`` says what stands for its columns there."""
        return self._changed(
            select=select,
            order_given=False,
            joined=NOTHING_JOINED,
            adaption=adaption if self._adaption is None else self._adaption.then(adaption),
        )

    def _compound(self, keyword: str, others: tuple[Any, ...]) -> Any:
        # how to load is up to the query around, which gets the options of the first member
        members = [_without_options(coerce_select(_member(member))) for member in (self, *others)]
        select, adaption = enclosed(CompoundSelect(keyword, members), self._select.entities)
        options = adaption.adapt_options(self._select.loader_options)
        return self._enclosing(select.options(*options), adaption)._changed(criteria_given=True)

    def union(self, *others: Any) -> Any:
        """Return the query of the rows of this one and others, each once."""
        return self._compound("UNION", others)

    def union_all(self, *others: Any) -> Any:
        """Return the query of all rows of this one and others."""
        return self._compound("UNION ALL", others)

    def intersect(self, *others: Any) -> Any:
        """Return the query of the rows that this one and the others have in common."""
        return self._compound("INTERSECT", others)

    def intersect_all(self, *others: Any) -> Any:
        """Like :meth:`intersect`, with rows as often as they occur in both (PostgreSQL)."""
        return self._compound("INTERSECT ALL", others)

    def except_(self, *others: Any) -> Any:
        """Return the query of the rows of this one that the others don't have."""
        return self._compound("EXCEPT", others)

    def except_all(self, *others: Any) -> Any:
        """Like :meth:`except_`, counting how often a row occurs (PostgreSQL)."""
        return self._compound("EXCEPT ALL", others)

    def from_statement(self, statement: object) -> Self:
        """Return the query whose rows come from a statement of your own: ``text()``, with or without ``columns()``, or a SELECT.

        The columns are found by their names; attributes whose columns are missing are loaded at first access.

        :raises InvalidRequestError: when the query has criteria, joins, groups, an order or a limit already.
        """
        select = self._select
        if self._assertions and (
            self._criteria_given
            or self._has_limit
            or self._is_ordered
            or select.given_froms
            or select.group_by_clauses
            or select.having_clauses
            or select.distinct_clause
        ):
            raise InvalidRequestError(
                "from_statement() replaces the whole query, and this one has criteria already, or joins, groups, an order or a limit. Write them into the"
                " statement."
            )
        return self._changed(from_statement=self._select.from_statement(statement))

    # -- execution

    def with_session(self, session: Session) -> Self:
        """Return the query for another Session."""
        clone = self._clone()
        clone.session = session
        return clone

    def with_lockmode(self, mode: str | None) -> Self:
        """Return the query locking its rows: ``"read"``, ``"update"``, ``"update_nowait"``, or None.

        :raises ArgumentError: for another mode.
        """
        check_lock_mode(mode)
        return self._with(with_lock(self._select, mode))

    def with_for_update(self, **options: Any) -> Self:
        """Return the query locking its rows; see :meth:`flask_uow.sql.select.Select.with_for_update`."""
        return self._with(self._select.with_for_update(**options))

    def options(self, *options: Any) -> Self:
        """Return the query with loader options: ``options(joinedload(User.posts), defer(User.bio))``.

        :raises ArgumentError: at execution, for an option that does not fit the query's classes.
        """
        return self._with_options(
            *(o for option in options for o in (option if isinstance(option, (list, tuple)) else [option]))
        )

    def _with_options(self, *options: Any) -> Self:
        given = self._from_statement
        options = self._adaption.adapt_options(options) if self._adaption is not None else options
        return self._changed(
            select=self._select.options(*options), from_statement=given.options(*options) if given is not None else None
        )

    def enable_eagerloads(self, value: bool) -> Self:
        """Turn eager loading on or off for this query; with False each relationship is loaded at first access.

        :param value: False to go without, whatever options and mappings say. What ``contains_eager()`` takes from the query's own joins is
            loaded all the same.
        """
        return self._with_options(EagerLoading(value))

    def batch_loading(self, enabled: bool) -> Self:
        """Turn batched lazy loading on or off for this query's objects.

        :param enabled: False to load each object alone at the first access to what is absent.
        """
        return self._with_options(BatchLoading(enabled))

    def execution_options(self, **options: Any) -> Self:
        """Return the query with options for its execution; see :meth:`flask_uow.sql.select_base.SelectBase.execution_options`."""
        given = self._from_statement
        return self._changed(
            select=self._select.execution_options(**options),
            from_statement=given.execution_options(**options) if given is not None else None,
            autoflush=bool(options.get("autoflush", self._autoflush)),
        )

    def populate_existing(self) -> Self:
        """Return the query that overwrites what is loaded, changes that were not flushed included, by what it finds."""
        return self.execution_options(populate_existing=True)

    def yield_per(self, count: int) -> Self:
        """Return the query that, iterated, fetches and makes ``count`` objects at a time: memory stays bounded.

        :param count: rows at a time.
        :raises ArgumentError: for a count below 1.
        """
        if count < 1:
            raise ArgumentError(f"yield_per({count!r}): expected 1 row at a time, or more.")
        return self.execution_options(yield_per=count)

    def enable_assertions(self, value: bool) -> Self:
        """Turn the checks on or off that refuse what would be ignored, or would change what a limit is about.

        With False, ``filter()`` and its like are taken after ``limit()``, and apply before it; ``get()`` and ``from_statement()`` ignore the
        criteria that are there.
        """
        return self._changed(assertions=value)

    def autoflush(self, setting: bool) -> Self:
        """Turn the flush before this query on or off."""
        return self._changed(autoflush=setting)

    def __str__(self) -> str:
        return str(self.statement)


# copies all parts but those of a subclass of the user's own
_copy_parts = copier_of(BuildingQuery)


def spread(given: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return arguments that were given one by one, or (as it was written once) as one list."""
    return tuple(given[0]) if len(given) == 1 and isinstance(given[0], list) else given


def _member(given: object) -> Any:
    """Return the member of a compound: of a query, its SELECT, in the class's own order only where that decides on the rows."""
    if isinstance(given, BuildingQuery) and given._from_statement is None:
        select = given._select
        has_limit = select.limit_clause is not None or select.offset_clause is not None
        return given.statement if has_limit else given._with_values(select)
    return given


def _without_options(select: SelectBase) -> SelectBase:
    if isinstance(select, Select) and select.loader_options:
        return select.with_parts(loader_options=())
    return select
