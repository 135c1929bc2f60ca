"""Query: asks a Session for objects and columns, built step by step; each method returns a new Query.

A Query holds a :class:`~flask_uow.sql.select.Select`; ``session.query(User)`` and ``session.scalars(select(User))`` reach the same
compiler and the same loaders. How it is built is in :mod:`~flask_uow.orm.query.building`; here is what it gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, overload

from flask_uow.exc import InvalidRequestError, MultipleResultsFound, NoResultFound, did_you_mean
from flask_uow.orm.exclusive import exclusively
from flask_uow.orm.loading.class_criteria import with_class_criteria
from flask_uow.orm.loading.column_loader import check_version, has_version, key_of
from flask_uow.orm.loading.results import ResultKind, first_mapper, is_gathered, is_same_result
from flask_uow.orm.query.building import BuildingQuery
from flask_uow.orm.query.bulk_context import BulkContext
from flask_uow.orm.state.keys import identity_from
from flask_uow.sql.describing import described
from flask_uow.sql.dml import Delete, Update
from flask_uow.sql.functions import func
from flask_uow.sql.schema import Table
from flask_uow.sql.select import Select

if TYPE_CHECKING:
    from flask_uow.engine.rows import TypedRow
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.session.session import Session
    from flask_uow.sql.select_base import SelectBase

__all__ = ["Query"]

T = TypeVar("T")
R = TypeVar("R")
S = TypeVar("S")


class Query(BuildingQuery[T]):
    """A query in a Session. Made by ``session.query(...)``; immutable, for the Session's thread.

    A query of one mapped class gives each object once, however many rows a join makes of it; one of a class and something else gives each row of the
    same objects and equal values once; one of columns alone gives all rows. A limit, an offset and :meth:`count` are about the rows of the database.

    :param entities: mapped classes, their attributes, aliases, columns.
    :param session: the Session.
    """

    __slots__ = ()

    # what listens to events of queries; set by flask_uow.orm.events
    before_compile_update_hooks: ClassVar[tuple[Callable[..., Any], ...]] = ()
    before_compile_delete_hooks: ClassVar[tuple[Callable[..., Any], ...]] = ()

    def __call__(self) -> Self:
        """Return the query itself: of a class that ``ScopedSession.mapper()`` has mapped, ``Leaf.query()`` is ``Leaf.query``."""
        return self

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            known = [known for known in dir(type(self)) if not known.startswith("_")]
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r}.{did_you_mean(name, known)} What is asked of a query's objects, say"
                " after it was executed: query.first()."
            )

    # -- what others ask of it

    @property
    def column_descriptions(self) -> list[dict[str, Any]]:
        """For each thing that is selected: ``name`` in rows, ``type``, ``aliased``, ``expr``, and the ``entity``, the class or alias that it is of."""
        return described(self._select.entities)

    @property
    def is_single_entity(self) -> bool:
        """Whether the results are objects of one mapped class, not rows."""
        return len(self._select.entities) == 1 and hasattr(self._select.entities[0], "__uow_entity__")

    def get_execution_options(self) -> Mapping[str, Any]:
        """Return the options that :meth:`execution_options` has set."""
        return self._sent.get_execution_options()

    def tuples(self) -> Self:
        """Return the query itself: its rows are tuples already."""
        return self

    def with_transformation(self, function: Callable[[Self], R]) -> R:
        """Return the result of a function of the query: ``query.with_transformation(only_published)``."""
        return function(self)

    # -- results

    def _load_all(self, select: SelectBase, what: ResultKind = "query") -> list[Any]:
        return self._needed_session().load_query(select, self._params, self._autoflush, what)

    def _needed_session(self) -> Session:
        if self.session is None:
            raise InvalidRequestError("this query belongs to no Session. Call with_session(session) first.")
        session: Session = self.session
        return session

    def all(self) -> list[T]:
        """Return all results as a list."""
        return self._load_all(self._sent)

    def __iter__(self) -> Iterator[T]:
        size = self._sent.get_execution_options().get("yield_per")
        if size is None:
            return iter(self._load_all(self._sent))
        pages = self._needed_session().stream_query(self._sent, self._params, self._autoflush, "query", size)
        return (item for page in pages for item in page)

    def first(self) -> T | None:
        """Return the first result, or None."""
        found = self._load_all(self._with_rows_at_most(1))
        return found[0] if found else None

    def _with_rows_at_most(self, rows: int) -> Any:
        """Return the SELECT with a limit, where it can have one and has none."""
        statement: Any = self._sent
        return statement.limit(rows) if isinstance(statement, Select) and statement.limit_clause is None else statement

    def one(self) -> T:
        """Return the only result.

        :raises NoResultFound: when there is none.
        :raises MultipleResultsFound: when there are several.
        """
        found = self._at_most_one()
        if not found:
            raise NoResultFound("one() found no row. Use first() or one_or_none() where there may be none.")
        return found[0]

    def one_or_none(self) -> T | None:
        """Return the only result, or None.

        :raises MultipleResultsFound: when there are several.
        """
        found = self._at_most_one()
        return found[0] if found else None

    def _at_most_one(self) -> list[T]:
        select: Any = self._sent
        if not is_gathered(select):
            # two rows tell that there are several
            select = self._with_rows_at_most(2)
        found = self._load_all(select, "each row")
        if len(found) > 1 and all(is_same_result(found[0], item) for item in found):
            # the same objects in several rows; where only two were asked for, others may follow
            found = found[:1] if select is self._sent else self.all()
        if len(found) > 1:
            raise MultipleResultsFound(
                "one row was expected, and there are several. Use first(), or make the criteria narrower."
            )
        return found

    @overload
    def scalar(self: Query[TypedRow[S, *tuple[Any, ...]]]) -> S | None: ...

    @overload
    def scalar(self) -> Any: ...

    def scalar(self) -> Any:
        """Return the first item of the only result, None when there is none.

        :raises MultipleResultsFound: when there are several.
        """
        found: Any = self.one_or_none()
        return found[0] if isinstance(found, tuple) else found

    def values(self, *columns: Any) -> Iterator[Any]:
        """Return an iterator of rows of columns (or attributes), in place of what the query is for; without any, of nothing."""
        if not columns:
            return iter(())
        found: Iterator[Any] = iter(self.with_entities(*columns))
        return found

    def value(self, column: object) -> Any:
        """Return the value of a column in the first row; None when there is no row."""
        found = self.with_entities(column).first()
        return found[0] if found is not None else None

    def get(self, ident: object) -> T | None:
        """Return the object of a primary key, from the identity map if it is there; None when there is none.

        With :meth:`populate_existing` or a lock it is loaded anew. An object with a version that is there and is to be locked stays as it is,
        changes included, if it has the version of its row.

        :param ident: the key's value, or a tuple for a composite key.
        :raises InvalidRequestError: when the query is not of exactly one mapped class, or has criteria, joins, groups or a limit.
        :raises StaleDataError: with a lock, for an object that is there with another version than its row.
        """
        select = self._select
        if len(select.entities) != 1 or not hasattr(select.entities[0], "__uow_entity__"):
            raise InvalidRequestError("get() asks for one object: it needs a query of exactly one mapped class.")
        if self._assertions and (
            self._criteria_given
            or self._has_limit
            or select.given_froms
            or select.group_by_clauses
            or self._from_statement is not None
        ):
            raise InvalidRequestError(
                "get() asks for a primary key and ignores criteria, and this query has some. Use filter(...).first()."
            )
        session = self._needed_session()
        if self._autoflush:
            return self._load_by_key(session, ident)
        with session.no_autoflush:
            return self._load_by_key(session, ident)

    def _load_by_key(self, session: Session, ident: object) -> T | None:
        locks = self._select.for_update_clause is not None
        fresh = locks or self._select.get_execution_options().get("populate_existing")
        entity = self._select.entities[0]
        # functions that are told of statements may ask for the options of this one
        is_told = bool(session.hooks.do_orm_execute and self._select.get_execution_options())
        if not (fresh or is_told or self._select.loader_options):
            return session.get(entity, ident)
        mapper = entity.__uow_entity__.mapper
        key = key_of(mapper, ident)
        found = session.objects.identities_of(mapper).get(identity_from(key))
        # options are about loading, and this one is loaded
        if found is not None and not fresh:
            return session.get(entity, ident)
        query = self.filter(*(mapper.column(c) == value for c, value in zip(mapper.primary_key, key, strict=True)))
        if locks and found is not None and has_version(found):
            return query._lock_version(mapper, found)
        return query.populate_existing().one_or_none() if fresh else query.one_or_none()

    def merge_result(self, iterator: Iterable[Any], load: bool = True) -> list[Any]:
        """Return results of such a query that come from elsewhere (a cache, another Session), with its objects merged into the Session.

        :param iterator: objects, or rows of the query's items, as :meth:`all` has given them.
        :param load: as for :meth:`Session.merge`: False takes the objects' state as it is, without asking the database.
        """
        session = self._needed_session()
        items = self._sent.entities
        places = [place for place, item in enumerate(items) if hasattr(item, "__uow_entity__")]
        if len(items) == 1 and places:
            return [obj if obj is None else session.merge(obj, load=load) for obj in iterator]
        found: list[Any] = []
        for row in iterator:
            values = list(row)
            for place in places:
                if values[place] is not None:
                    values[place] = session.merge(values[place], load=load)
            found.append(type(row)(values))
        return found

    def _lock_version(self, mapper: Mapper, obj: MappedObject) -> T | None:
        """Lock the row of an object that is there, and return the object if it has the version of the row.

        :raises StaleDataError: when it has another one.
        """
        own = type(obj).__mapper__
        assert own.versioning is not None
        found: Any = self.add_columns(mapper.column(own.column_attrs[own.versioning.name].column)).one_or_none()
        if found is None:
            return None
        check_version(obj, found[1])
        locked: T = found[0]
        return locked

    def count(self) -> int:
        """Return the number of rows."""
        session = self._needed_session()
        statement: Any = self._sent
        if isinstance(statement, Select) and statement.limit_clause is None and statement.offset_clause is None:
            # an order does not change the number, and costs a sort
            statement = statement.order_by(None)
        if isinstance(statement, Select):
            statement = _countable(with_class_criteria(statement))
        # what listens to statements, and connections, are told what they are told of the query itself
        counted = Select((func.count(),)).select_from(statement.subquery())
        counted = counted.execution_options(**{**session.execution_options, **self.get_execution_options()})
        mapper = first_mapper(self._select.entities)
        found = exclusively(session, session.execute_now, counted, self._params or None, mapper, {}, self._autoflush)
        count: Any = found.scalar()
        return int(count)

    def __getitem__(self, item: Any) -> Any:
        if isinstance(item, slice):
            if item.step not in (None, 1) or (item.start or 0) < 0 or (item.stop or 0) < 0:
                return self.all()[item]
            return self.slice(item.start, item.stop).all()
        if item < 0:
            return self.all()[item]
        return self.slice(item, item + 1).all()[0]

    # -- UPDATE and DELETE by criteria

    def delete(self, synchronize_session: object = "auto") -> int:
        """DELETE the matching rows, without loading them.

        :param synchronize_session: how the Session's objects are brought in step, see :meth:`update`; objects whose rows are gone
            leave the Session.
        :returns: the number of rows.
        """
        query = self._told_of_bulk(self.before_compile_delete_hooks, {}) if self.before_compile_delete_hooks else self
        return query._bulk_statement(Delete(query._bulk_target()), synchronize_session, "after_bulk_delete")

    def update(self, values: Mapping[Any, Any], synchronize_session: object = "auto") -> int:
        """UPDATE the matching rows, without loading them.

        :param values: new values or expressions, by attribute or by name.
        :param synchronize_session: how objects of the Session that match are brought in step: ``"evaluate"`` applies the criteria and
            the values in Python; ``"fetch"`` asks the database which rows matched; ``"auto"`` evaluates where it can and else fetches;
            False leaves the objects as they are.
        :returns: the number of rows.
        :raises InvalidRequestError: with ``"evaluate"``, for criteria that Python cannot evaluate.
        """
        query = self
        if self.before_compile_update_hooks:
            values = dict(values)
            query = self._told_of_bulk(self.before_compile_update_hooks, values)
        return query._bulk_statement(
            Update(query._bulk_target()).values(values), synchronize_session, "after_bulk_update"
        )

    def _told_of_bulk(self, hooks: tuple[Callable[..., Any], ...], values: dict[Any, Any]) -> Self:
        """Return the query that what listens makes of this one, before it updates or deletes.

        :param values: what is set, which may be changed.
        """
        query = self
        for hook in hooks:
            answer = hook(query, BulkContext(query._needed_session(), query, None, None, values))
            query = query if answer is None else answer
        return query

    def _bulk_target(self) -> Any:
        select = self._select
        target = select.entities[0] if len(select.entities) == 1 else None
        if not hasattr(target, "__uow_entity__") and not isinstance(target, Table):
            raise InvalidRequestError("update() and delete() need a query of exactly one mapped class, or of a table.")
        if (
            self._from_statement is not None
            or self._has_limit
            or self._is_ordered
            or select.group_by_clauses
            or select.having_clauses
            or select.given_froms
            or select.distinct_clause
        ):
            raise InvalidRequestError(
                "update() and delete() take filter() only, no limit, offset, order, grouping or joins: filter by the keys of a subquery instead."
            )
        return target

    def _bulk_statement(self, statement: Update | Delete, synchronize_session: object, hook_name: str) -> int:
        session = self._needed_session()
        # rows are written in their tables, whatever the class is selected from
        entity = getattr(self._select.entities[0], "__uow_entity__", None)
        select = self._select if entity is None else self._select.without_stand_ins(entity)
        statement = statement.where(*select.where_clauses).execution_options(synchronize_session=synchronize_session)
        result = session.execute(statement, self._params or None)
        for hook in getattr(session.hooks, hook_name):
            hook(session, self, statement, result)
        return result.rowcount


def _countable(select: Select) -> Select:
    """Return a SELECT whose rows are as many, without what only matters to objects."""
    return select.with_parts(loader_options=(), for_update_clause=None)
