"""Helpers of the extension for views: an object or 404, a page of results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, overload

from flask import abort

from flask_uow.exc import DataError
from flask_uow.orm import Query as OrmQuery
from flask_uow.orm.exc import MultipleResultsFound, NoResultFound
from flask_uow.web.pagination import DEFAULT_MAX_PER_PAGE, paginate
from flask_uow.web.query import is_unknown_key
from flask_uow.web.vocabulary import Vocabulary

if TYPE_CHECKING:
    from flask_uow.engine.rows import TypedRow
    from flask_uow.sql.nodes import Executable
    from flask_uow.sql.typed import T0, T1, ReturnsRows, Ts
    from flask_uow.web.pagination import KeysetOptions, KeysetPagination, PageOptions, Pagination
    from flask_uow.web.typed import QueryingSession

__all__ = ["ViewHelpers"]

T = TypeVar("T")


class ViewHelpers(Vocabulary):
    """Base of :class:`~flask_uow.web.extension.UnitOfWork`: its methods for views."""

    session: QueryingSession

    def get_or_404(
        self,
        entity: type[T],
        ident: object,
        *,
        description: str | None = None,
        options: Sequence[Any] = (),
        populate_existing: bool = False,
        with_for_update: bool | Mapping[str, Any] = False,
    ) -> T:
        """Return an object by its primary key, or abort with 404.

        :param ident: the key; a text, as it stands in URLs, is taken for the int or UUID that it says. A key that the column cannot hold, a text
            that is no number or a number out of range, is a 404 like any that no row has.
        :param description: the text of the error page.
        :param options: as for :meth:`Session.get`, ``populate_existing`` and ``with_for_update`` too.
        :raises DataError: for a key of another kind, such as a date for an Integer column.
        """
        found = None
        try:
            found = self.session.get(entity, ident, options, populate_existing, with_for_update)
        except DataError as error:
            if not is_unknown_key(error, ident):
                raise
        if found is None:
            abort(404, description=description)
        return found

    @overload
    def first_or_404(
        self, statement: ReturnsRows[tuple[T, *tuple[Any, ...]]], *, description: str | None = None
    ) -> T: ...

    @overload
    def first_or_404(
        self, statement: OrmQuery[TypedRow[T, *tuple[Any, ...]]], *, description: str | None = None
    ) -> T: ...

    @overload
    def first_or_404(self, statement: OrmQuery[T], *, description: str | None = None) -> T: ...

    @overload
    def first_or_404(self, statement: Executable, *, description: str | None = None) -> Any: ...

    def first_or_404(
        self, statement: Executable | ReturnsRows | OrmQuery[Any], *, description: str | None = None
    ) -> Any:
        """Return the first object or value of a SELECT or a Query, or abort with 404."""
        if isinstance(statement, OrmQuery):
            found = _first_item(statement.first())
        else:
            found = self.session.scalars(statement).first()
        if found is None:
            abort(404, description=description)
        return found

    @overload
    def one_or_404(
        self, statement: ReturnsRows[tuple[T, *tuple[Any, ...]]], *, description: str | None = None
    ) -> T: ...

    @overload
    def one_or_404(
        self, statement: OrmQuery[TypedRow[T, *tuple[Any, ...]]], *, description: str | None = None
    ) -> T: ...

    @overload
    def one_or_404(self, statement: OrmQuery[T], *, description: str | None = None) -> T: ...

    @overload
    def one_or_404(self, statement: Executable, *, description: str | None = None) -> Any: ...

    def one_or_404(self, statement: Executable | ReturnsRows | OrmQuery[Any], *, description: str | None = None) -> Any:
        """Return the only object or value of a SELECT or a Query; abort with 404 when there is none, or more than one."""
        try:
            if isinstance(statement, OrmQuery):
                return _first_item(statement.one())
            return self.session.scalars(statement).one()
        except (NoResultFound, MultipleResultsFound):
            abort(404, description=description)

    @overload
    def paginate(
        self, statement: ReturnsRows[tuple[T]] | OrmQuery[T], **options: Unpack[PageOptions]
    ) -> Pagination[T]: ...

    @overload
    def paginate(
        self, statement: ReturnsRows[tuple[T]] | OrmQuery[T], *, keyset: Sequence[Any], **options: Unpack[KeysetOptions]
    ) -> KeysetPagination[T]: ...

    @overload
    def paginate(
        self, statement: ReturnsRows[tuple[T0, T1, *Ts]], **options: Unpack[PageOptions]
    ) -> Pagination[TypedRow[T0, T1, *Ts]]: ...

    @overload
    def paginate(
        self, statement: ReturnsRows[tuple[T0, T1, *Ts]], *, keyset: Sequence[Any], **options: Unpack[KeysetOptions]
    ) -> KeysetPagination[TypedRow[T0, T1, *Ts]]: ...

    @overload
    def paginate(self, statement: object, **options: Unpack[PageOptions]) -> Pagination[Any]: ...

    @overload
    def paginate(
        self, statement: object, *, keyset: Sequence[Any], **options: Unpack[KeysetOptions]
    ) -> KeysetPagination[Any]: ...

    def paginate(
        self,
        statement: object,
        *,
        page: int | None = None,
        per_page: int | None = None,
        max_per_page: int | None = DEFAULT_MAX_PER_PAGE,
        error_out: bool = True,
        count: bool = True,
        keyset: object = None,
        after: str | None = None,
    ) -> Any:
        """Return one page of a SELECT's objects or values, which templates can iterate.

        :param statement: a ``select()`` or a Query, with an order where it matters.
        :param page: the number of the page, from 1; None: ``?page=`` of the request, else 1.
        :param per_page: results a page; None: ``?per_page=`` of the request, else 20.
        :param max_per_page: the largest page, whoever asks for it; None for no limit. By default 100 for what clients ask for, and no limit
            for a ``per_page`` that is given.
        :param error_out: abort with 404 for a page that does not exist, or a number that is none; False: page 1 and the defaults.
        :param count: count all results; False leaves ``total`` None, which saves a slow statement on a big table.
        :param keyset: attributes of the mapped class (``[User.name, User.id.desc()]``) that give the order: the page begins after
            a row instead of after a number of rows, and nothing is counted.
        :param after: with ``keyset``: the ``next`` of the page before; None: ``?after=`` of the request, else the beginning.
        :returns: a :class:`Pagination`, or with ``keyset`` a :class:`KeysetPagination`.
        :raises ArgumentError: for arguments that do not go together.
        """
        return paginate(
            self.session, statement, page=page, per_page=per_page, max_per_page=max_per_page, error_out=error_out, count=count,
            keyset=keyset, after=after,
        )  # fmt: skip


def _first_item(found: object) -> Any:
    """Return the object that a query gave, or the first item of a row."""
    return found[0] if isinstance(found, tuple) else found
