"""Query: asks a Session for objects and columns, built step by step; each method returns a new Query.

A Query holds a :class:`~flask_uow.sql.select.Select`; ``session.query(User)`` and ``session.scalars(select(User))`` reach the same
compiler and the same loaders.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from flask_uow.exc import ArgumentError, InvalidRequestError, MultipleResultsFound, NoResultFound
from flask_uow.orm.loading.column_loader import check_lock_mode, with_lock
from flask_uow.orm.loading.options import BatchLoading
from flask_uow.orm.loading.plan import first_mapper
from flask_uow.sql.dml import Delete, Update
from flask_uow.sql.functions import func
from flask_uow.sql.select import Select
from flask_uow.sql.select_base import Exists
from flask_uow.sql.selectable import Subquery

if TYPE_CHECKING:
    from flask_uow.orm.session.session import Session

__all__ = ["Query"]

T = TypeVar("T")


class Query(Generic[T]):
    """A query in a Session. Made by ``session.query(...)``; immutable, for the Session's thread.

    :param entities: mapped classes, their attributes, columns.
    :param session: the Session.
    """

    __slots__ = ("_criteria_given", "_select", "session")

    def __init__(self, entities: Any, session: Session | None = None) -> None:
        given = tuple(entities) if isinstance(entities, (list, tuple)) else (entities,)
        if not given:
            raise ArgumentError("query() takes at least one mapped class or column.")
        mapper = first_mapper(given)
        self.session: Any = session
        self._select = Select(given)
        self._criteria_given = False
        if mapper is not None and mapper.order_by and hasattr(given[0], "__uow_entity__"):
            self._select = self._select.order_by(*mapper.order_by)

    def _with(self, select: Select, criteria_given: bool | None = None) -> Query[T]:
        clone: Query[T] = type(self).__new__(type(self))
        clone.session = self.session
        clone._select = select
        clone._criteria_given = self._criteria_given if criteria_given is None else criteria_given
        return clone

    # -- building

    @property
    def statement(self) -> Select:
        """The SELECT that the query stands for."""
        return self._select

    def __clause_element__(self) -> Select:
        return self._select

    def with_session(self, session: Session) -> Query[T]:
        """Return the query for another Session."""
        clone = self._with(self._select)
        clone.session = session
        return clone

    def filter(self, *criteria: Any) -> Query[T]:
        """Return the query with conditions added by AND: ``filter(User.name == "ed", User.id > 5)``."""
        return self._with(self._select.where(*criteria), True)

    where = filter

    def filter_by(self, **values: Any) -> Query[T]:
        """Return the query with ``attribute == value`` added for the first entity.

        :raises InvalidRequestError: for a name that the entity does not have.
        """
        entity = next((e.__uow_entity__ for e in self._select.entities if hasattr(e, "__uow_entity__")), None)
        if entity is None:
            entity = first_mapper(self._select.entities)
        if entity is None:
            raise InvalidRequestError("filter_by() needs a mapped class in the query. Use filter(column == value).")
        return self.filter(*(entity.attribute_for_filter(name) == value for name, value in values.items()))

    def order_by(self, *criteria: Any) -> Query[T]:
        """Return the query ordered by more criteria; a single None removes the ordering."""
        return self._with(self._select.order_by(*criteria))

    def group_by(self, *criteria: Any) -> Query[T]:
        """Return the query grouped by more expressions."""
        return self._with(self._select.group_by(*criteria))

    def having(self, *criteria: Any) -> Query[T]:
        """Return the query with conditions on groups added by AND."""
        return self._with(self._select.having(*criteria))

    def distinct(self, *columns: Any) -> Query[T]:
        """Return the query with DISTINCT."""
        return self._with(self._select.distinct(*columns))

    def limit(self, limit: int | None) -> Query[T]:
        """Return the query limited to that many rows."""
        return self._with(self._select.limit(limit))

    def offset(self, offset: int | None) -> Query[T]:
        """Return the query without its first rows."""
        return self._with(self._select.offset(offset))

    def slice(self, start: int | None, stop: int | None) -> Query[T]:
        """Return the query for the rows from ``start`` up to ``stop``, like ``query[start:stop]``."""
        first = start or 0
        select = self._select.offset(first) if first else self._select
        return self._with(select.limit(max(stop - first, 0)) if stop is not None else select)

    def join(self, target: Any, onclause: Any = None, *, isouter: bool = False) -> Query[T]:
        """Return the query joined to a relationship (``User.posts``), a mapped class or a table."""
        return self._with(self._select.join(target, onclause, isouter=isouter))

    def outerjoin(self, target: Any, onclause: Any = None) -> Query[T]:
        """Return the query joined by LEFT OUTER JOIN."""
        return self._with(self._select.outerjoin(target, onclause))

    def select_from(self, *elements: Any) -> Query[T]:
        """Return the query with elements put into FROM explicitly."""
        return self._with(self._select.select_from(*elements))

    def with_lockmode(self, mode: str | None) -> Query[T]:
        """Return the query locking its rows: ``"read"``, ``"update"``, ``"update_nowait"``, or None.

        :raises ArgumentError: for another mode.
        """
        check_lock_mode(mode)
        return self._with(with_lock(self._select, mode))

    def with_for_update(
        self, *, read: bool = False, nowait: bool = False, skip_locked: bool = False, of: Any = ()
    ) -> Query[T]:
        """Return the query locking its rows."""
        return self._with(self._select.with_for_update(read=read, nowait=nowait, skip_locked=skip_locked, of=of))

    def subquery(self, name: str | None = None) -> Subquery:
        """Return the query as an element of FROM."""
        return self._select.subquery(name)

    def scalar_subquery(self) -> Any:
        """Return the query as one value."""
        return self._select.scalar_subquery()

    def exists(self) -> Exists:
        """Return ``EXISTS (query)``."""
        return Exists(self._select)

    def options(self, *options: Any) -> Query[T]:
        """Return the query with loader options: ``options(joinedload(User.posts), defer(User.bio))``.

        :raises ArgumentError: at execution, for an option that does not fit the query's classes.
        """
        given = [o for option in options for o in (option if isinstance(option, (list, tuple)) else [option])]
        return self._with(self._select.options(*given))

    def batch_loading(self, enabled: bool) -> Query[T]:
        """Return the query whose objects are (or are not) loaded for together at the first access to what is absent."""
        return self._with(self._select.options(BatchLoading(enabled)))

    # -- results

    def _fetch(self, select: Select) -> list[Any]:
        session = self.session
        if session is None:
            raise InvalidRequestError("this query belongs to no Session. Call with_session(session) first.")
        return session._load_query(select)  # type: ignore[no-any-return]

    def all(self) -> list[T]:
        """Return all results as a list."""
        return self._fetch(self._select)

    def __iter__(self) -> Iterator[T]:
        return iter(self._fetch(self._select))

    def first(self) -> T | None:
        """Return the first result, or None."""
        found = self._fetch(self._select.limit(1) if self._select._limit is None else self._select)
        return found[0] if found else None

    def one(self) -> T:
        """Return the only result.

        :raises NoResultFound: when there is none.
        :raises MultipleResultsFound: when there are several.
        """
        found = self.one_or_none()
        if found is None:
            raise NoResultFound("one() found no row. Use first() or one_or_none() where there may be none.")
        return found

    def one_or_none(self) -> T | None:
        """Return the only result, or None.

        :raises MultipleResultsFound: when there are several.
        """
        found = self._fetch(self._select.limit(2) if self._select._limit is None else self._select)
        if len(found) > 1:
            raise MultipleResultsFound(
                "one row was expected, and there are several. Use first(), or make the criteria narrower."
            )
        return found[0] if found else None

    def scalar(self) -> Any:
        """Return the first item of the only result, None when there is none.

        :raises MultipleResultsFound: when there are several.
        """
        found: Any = self.one_or_none()
        return found[0] if isinstance(found, tuple) else found

    def get(self, ident: Any) -> T | None:
        """Return the object of a primary key, from the identity map if it is there; None when there is none.

        :param ident: the key's value, or a tuple for a composite key.
        :raises InvalidRequestError: when the query has criteria already.
        """
        if self._criteria_given or self._select._limit is not None:
            raise InvalidRequestError(
                "get() asks for a primary key and ignores criteria, and this query has some. Use filter(...).first()."
            )
        return self.session.get(self._select.entities[0], ident)  # type: ignore[no-any-return]

    def count(self) -> int:
        """Return the number of rows."""
        self.session._autoflush()
        inner = self._select.order_by(None) if self._select._limit is None else self._select
        found = self.session.scalar(
            Select((func.count(),)).select_from(inner.subquery()), mapper=first_mapper(inner.entities)
        )
        return int(found)

    def __getitem__(self, item: Any) -> Any:
        if isinstance(item, slice):
            if item.step not in (None, 1) or (item.start or 0) < 0 or (item.stop or 0) < 0:
                return self.all()[item]
            return self.slice(item.start, item.stop).all()
        if item < 0:
            return self.all()[item]
        return self.slice(item, item + 1).all()[0]

    def delete(self) -> int:
        """DELETE the matching rows, without loading them; objects of the class in the Session are expired.

        :returns: the number of rows.
        """
        return self._bulk(Delete(self._target()), "after_bulk_delete")

    def update(self, values: dict[Any, Any]) -> int:
        """UPDATE the matching rows, without loading them; objects of the class in the Session are expired.

        :param values: new values or expressions, by attribute or by name.
        :returns: the number of rows.
        """
        return self._bulk(Update(self._target()).values(values), "after_bulk_update")

    def _target(self) -> Any:
        select = self._select
        if len(select.entities) != 1 or not hasattr(select.entities[0], "__uow_entity__"):
            raise InvalidRequestError("update() and delete() need a query of exactly one mapped class.")
        if select._limit is not None or select._offset is not None or select._group_by or select._froms:
            raise InvalidRequestError("update() and delete() take filter() only, no limit, offset, grouping or joins.")
        return select.entities[0]

    def _bulk(self, statement: Any, hook_name: str) -> int:
        session = self.session
        statement = statement.where(*self._select._where)
        result = session.execute(statement)
        for hook in getattr(session._hooks, hook_name):
            hook(session, self, statement, result)
        return result.rowcount  # type: ignore[no-any-return]

    def __str__(self) -> str:
        return str(self._select)
