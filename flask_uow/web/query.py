"""The queries of ``db.session``: those of the orm, with what views ask of them: 404 instead of None, and pages.

A query class of the user's own (``query_class=``, ``query_cls``) gets the same methods beside its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, overload

from flask import abort

from flask_uow.exc import DataError
from flask_uow.orm import Query as OrmQuery
from flask_uow.orm.exc import MultipleResultsFound, NoResultFound
from flask_uow.web.pagination import DEFAULT_MAX_PER_PAGE, paginate

if TYPE_CHECKING:
    from flask_uow.web.pagination import KeysetOptions, KeysetPagination, PageOptions, Pagination

__all__ = ["Query", "is_unknown_key", "with_helpers"]

T = TypeVar("T")


class Query(OrmQuery[T]):
    """A Query of a Flask app: ``User.query``, ``db.session.query(User)``, a dynamic relationship."""

    __slots__ = ()

    def get_or_404(self, ident: object, description: str | None = None) -> T:
        """Return the object of a primary key, or abort with 404, as :meth:`UnitOfWork.get_or_404` does.

        :param description: the text of the error page.
        """
        found = None
        try:
            found = self.get(ident)
        except DataError as error:
            if not is_unknown_key(error, ident):
                raise
        if found is None:
            abort(404, description=description)
        return found

    def first_or_404(self, description: str | None = None) -> T:
        """Return the first result, or abort with 404."""
        found = self.first()
        if found is None:
            abort(404, description=description)
        return found

    def one_or_404(self, description: str | None = None) -> T:
        """Return the only result; abort with 404 when there is none, or more than one."""
        try:
            return self.one()
        except (NoResultFound, MultipleResultsFound):
            abort(404, description=description)

    @overload
    def paginate(self, **options: Unpack[PageOptions]) -> Pagination[T]: ...

    @overload
    def paginate(self, *, keyset: Sequence[Any], **options: Unpack[KeysetOptions]) -> KeysetPagination[T]: ...

    def paginate(
        self,
        *,
        page: int | None = None,
        per_page: int | None = None,
        max_per_page: int | None = DEFAULT_MAX_PER_PAGE,
        error_out: bool = True,
        count: bool = True,
        keyset: object = None,
        after: str | None = None,
    ) -> Any:
        """Return one page of the results; the parameters are those of :meth:`UnitOfWork.paginate`."""
        return paginate(
            self._needed_session(), self, page=page, per_page=per_page, max_per_page=max_per_page, error_out=error_out, count=count,
            keyset=keyset, after=after,
        )  # fmt: skip


# query class -> the one with the helpers: the same whenever it is asked for
_with_helpers: dict[type[OrmQuery[Any]], type[OrmQuery[Any]]] = {OrmQuery: Query}


def with_helpers(query_class: type[OrmQuery[Any]]) -> type[OrmQuery[Any]]:
    """Return the class with the methods of a Flask app's queries; what it defines itself wins."""
    if issubclass(query_class, Query):
        return query_class
    found = _with_helpers.get(query_class)
    if found is not None:
        return found
    body = {"__slots__": (), "__module__": query_class.__module__, "__qualname__": query_class.__qualname__}
    bases: tuple[Any, ...] = (query_class, Query)
    made = type(query_class.__name__, bases, {**body, "__doc__": query_class.__doc__})
    # another thread may have made it meanwhile, and there must be one class
    return _with_helpers.setdefault(query_class, made)


def is_unknown_key(error: DataError, ident: object) -> bool:
    """Return True when a primary key was refused as one that no row can have, rather than as one of another kind (a date for an Integer column)."""
    # found before anything was sent: the value was out of range (ValueError), or not of the column's kind (TypeError)
    return isinstance(error.orig, ValueError) or (isinstance(error.orig, TypeError) and _has_text(ident))


def _has_text(ident: object) -> bool:
    """Return True where a key, or a part of it, is a text, as parts of URLs are."""
    parts = ident.values() if isinstance(ident, Mapping) else ident if isinstance(ident, (tuple, list)) else (ident,)
    return any(isinstance(part, str) for part in parts)
