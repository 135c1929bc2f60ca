"""Pages of a SELECT: by number, or by the values of the last row (keyset).

``db.paginate`` makes either kind. A page by number counts all rows and skips those before it, which gets slower with each page;
a page by keyset goes on where the last one ended, through an index, and is as fast on page 10,000 as on the first
(https://use-the-index-luke.com/no-offset). Templates iterate both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypedDict, TypeVar

from flask import abort

from flask_uow.exc import ArgumentError
from flask_uow.orm import Query
from flask_uow.orm.loading.run import each_once
from flask_uow.sql import func, select
from flask_uow.sql.select_base import SelectBase
from flask_uow.sql.typed import V
from flask_uow.web.keyset import Keyset
from flask_uow.web.scope import current_request

__all__ = ["DEFAULT_MAX_PER_PAGE", "KeysetPagination", "Pagination", "paginate"]

T = TypeVar("T")

if TYPE_CHECKING:
    from flask_uow.orm import Session
    from flask_uow.web.typed import QueryingSession

    class KeysetOptions(TypedDict, total=False):
        """The arguments of ``paginate()`` for either kind of page."""

        page: int | None
        per_page: int | None
        max_per_page: int | None
        error_out: bool
        count: bool
        after: str | None

    class PageOptions(KeysetOptions, total=False):
        """The arguments of ``paginate()`` for pages by number."""

        keyset: None


DEFAULT_PER_PAGE = 20


class _ClientLimit(int):
    """A limit for what clients ask for: it says nothing of a number that a view gives."""


DEFAULT_MAX_PER_PAGE = _ClientLimit(100)
# beyond it the OFFSET could exceed 64 bits, which is an error of the database and not a page that is not there
_LARGEST_PAGE = 2**31


class _Page(Generic[T]):
    """Base of pages of both kinds: their items can be iterated and counted. A page is true, also an empty one: ``{% if page %}`` asks
    whether there is one, ``{% if page.items %}`` whether it has something to show."""

    items: list[T]

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __bool__(self) -> bool:
        return True


class _Source:
    """The statement that pages are taken from.

    :param statement: a ``select()`` or a Query.
    :raises ArgumentError: for something else.
    """

    def __init__(self, session: Session | QueryingSession, statement: object) -> None:
        self.session = session
        self.params: Mapping[str, Any] | None = None
        if isinstance(statement, Query):
            self.params = statement._params or None
            statement = statement.statement
        if not isinstance(statement, SelectBase):
            raise ArgumentError(
                f"paginate() takes a select() or a Query, got {statement!r}. Write db.paginate(select(User))."
            )
        self.statement: Any = statement
        entities: tuple[Any, ...] = getattr(statement, "entities", ())
        # of one class or one column the items are its objects or values, of several they are rows
        self.has_objects = len(entities) == 1 and hasattr(entities[0], "__uow_entity__")
        self.has_rows = not self.has_objects and len(statement.result_columns()) > 1

    def fetch(self, statement: SelectBase) -> list[Any]:
        """Return an object, a value or a row for each row."""
        if self.has_rows:
            return list(self.session.execute(statement, self.params))
        return list(self.session.scalars(statement, self.params))

    def items(self, rows: list[Any]) -> list[Any]:
        """Return the items of a page: an object once, where a join repeats it."""
        return each_once(rows) if self.has_objects else rows

    def total(self) -> int:
        """Return the number of rows."""
        # an order does not change the number, and costs a sort
        counted = self.statement.order_by(None).subquery()
        statement = select(func.count()).select_from(counted)
        statement = statement.execution_options(**self.statement.get_execution_options())
        found = self.session.scalar(statement, self.params, mapper=_entity_of(self.statement))
        assert found is not None
        return found


class Pagination(_Page[V]):
    """One page of results; iterating it gives its items.

    :ivar items: the results of this page.
    :ivar page: its number, from 1.
    :ivar per_page: how many results a page has at most.
    :ivar total: how many results there are in all; None where they were not counted.
    """

    def __init__(self, source: _Source, page: int, per_page: int, total: int | None, rows: list[Any]) -> None:
        self._source = source
        self.page = page
        self.per_page = per_page
        self.total = total
        # where nothing is counted, one more row was asked for, which tells whether there is a next page
        self._has_more = len(rows) > per_page
        self.items: list[V] = source.items(rows[:per_page])

    @property
    def pages(self) -> int | None:
        """How many pages there are; None where the results were not counted."""
        return None if self.total is None else -(-self.total // self.per_page)

    @property
    def has_prev(self) -> bool:
        """Whether there is a page before this one."""
        return self.page > 1

    @property
    def prev_num(self) -> int | None:
        """The number of the page before, or None."""
        return self.page - 1 if self.has_prev else None

    @property
    def has_next(self) -> bool:
        """Whether there is a page after this one."""
        pages = self.pages
        return self._has_more if pages is None else self.page < pages

    @property
    def next_num(self) -> int | None:
        """The number of the page after, or None."""
        return self.page + 1 if self.has_next else None

    @property
    def first(self) -> int:
        """The number of the first result on this page, from 1; 0 when the page is empty."""
        return (self.page - 1) * self.per_page + 1 if self.items else 0

    @property
    def last(self) -> int:
        """The number of the last result on this page; 0 when the page is empty."""
        return self.first + len(self.items) - 1 if self.items else 0

    def prev(self, *, error_out: bool = False) -> Pagination[V]:
        """Return the page before this one; ``error_out`` as for ``db.paginate``."""
        return self._other(self.page - 1, error_out)

    def next(self, *, error_out: bool = False) -> Pagination[V]:
        """Return the page after this one; ``error_out`` as for ``db.paginate``."""
        return self._other(self.page + 1, error_out)

    def _other(self, page: int, error_out: bool) -> Pagination[V]:
        return _load_page(self._source, page, self.per_page, error_out, self.total is not None, self.total)

    def iter_pages(
        self, *, left_edge: int = 2, left_current: int = 2, right_current: int = 4, right_edge: int = 2
    ) -> Iterator[int | None]:
        """Yield the page numbers for a navigation bar, with None for each gap.

        :param left_edge: how many pages to show at the beginning.
        :param left_current: how many before the present one.
        :param right_current: how many after it.
        :param right_edge: how many at the end.
        """
        pages = self.pages
        if pages is None:
            pages = self.page + (1 if self.has_next else 0)
        shown = {*range(1, left_edge + 1), *range(self.page - left_current, self.page + right_current + 1)}
        shown |= set(range(pages - right_edge + 1, pages + 1))
        previous = 0
        for number in sorted(shown):
            if not 1 <= number <= pages:
                continue
            if number != previous + 1:
                yield None
            yield number
            previous = number

    def __repr__(self) -> str:
        return f"<Pagination page {self.page} of {'?' if self.pages is None else self.pages}>"


class KeysetPagination(_Page[V]):
    """One page of results, found by where the last one ended; iterating it gives its items.

    :ivar items: the results of this page.
    :ivar per_page: how many results a page has at most.
    :ivar total: None: nothing is counted.
    :ivar has_next: whether there is a page after this one.
    :ivar next: the text to pass as ``after=`` for that page, None on the last one. It holds the key values of the last row: no secret,
        and not signed.
    """

    total = None

    def __init__(self, source: _Source, keyset: Keyset, per_page: int, rows: list[Any]) -> None:
        self.per_page = per_page
        self.items: list[V] = source.items(rows[:per_page])
        self.has_next = len(rows) > per_page
        last: Any = self.items[-1] if self.has_next else None
        self.next = keyset.token(last[0] if source.has_rows else last) if last is not None else None

    def __repr__(self) -> str:
        return f"<KeysetPagination of {len(self.items)} items{', more follow' if self.has_next else ''}>"


def paginate(
    session: Session | QueryingSession,
    statement: object,
    *,
    page: int | None,
    per_page: int | None,
    max_per_page: int | None,
    error_out: bool,
    count: bool,
    keyset: object,
    after: str | None,
) -> Any:
    """Return a page; the parameters are those of ``UnitOfWork.paginate``."""
    source = _Source(session, statement)
    for name, given in (("page", page), ("per_page", per_page), ("max_per_page", max_per_page)):
        if given is not None and (isinstance(given, bool) or not isinstance(given, int)):
            raise ArgumentError(
                f"paginate() got {name}={given!r}: a whole number was expected, or None. Convert it with int()."
            )
    if max_per_page is not None and max_per_page < 1:
        raise ArgumentError(
            f"paginate() got max_per_page={max_per_page}: 1 or more was expected, or None for no limit."
        )
    size = _number("per_page", per_page, DEFAULT_PER_PAGE, error_out)
    if max_per_page is not None and (per_page is None or not isinstance(max_per_page, _ClientLimit)):
        size = min(size, max_per_page)
    if keyset is None:
        if after is not None:
            raise ArgumentError("after= is for pages by keyset: name the columns of the order with keyset=[...].")
        return _load_page(source, _number("page", page, 1, error_out), size, error_out, count, None)
    if page is not None:
        raise ArgumentError("a page by keyset has no number: leave out page=, and pass after= instead.")
    keys = Keyset(source.statement, keyset)
    if after is None:
        request = current_request()
        after = request.args.get("after") if request is not None else None
    try:
        # the token comes from the client, who may have changed it
        found = keys.rows_after(after)
    except ArgumentError:
        if error_out and after is not None:
            abort(404)
        raise
    return KeysetPagination(source, keys, size, source.fetch(found.limit(size + 1)))


def _load_page(
    source: _Source, page: int, per_page: int, error_out: bool, count: bool, total: int | None
) -> Pagination:
    if page < 1 or page > _LARGEST_PAGE:
        if error_out:
            abort(404)
        page = 1
    start = (page - 1) * per_page
    # within the limit that the statement may have of its own
    rows = source.fetch(source.statement.slice(start, start + per_page + (0 if count else 1)))
    # a list without items has one page, which is empty; any other does not exist
    if not rows and page != 1 and error_out:
        abort(404)
    if count and total is None:
        total = source.total()
    return Pagination(source, page, per_page, total if count else None, rows)


def _entity_of(statement: SelectBase) -> Any:
    """Return the mapped class whose engine serves the statement: its count, over a subquery, may not tell."""
    return next((entity for entity in getattr(statement, "entities", ()) if hasattr(entity, "__mapper__")), None)


def _number(name: str, given: object, default: int, error_out: bool) -> int:
    """Return a number that the caller has given, or the request's query string; bounds are checked."""
    request = current_request()
    text = request.args.get(name) if given is None and request is not None else None
    if given is None and text is None:
        return default
    try:
        number = int(text) if text is not None else given
    except ValueError:
        number = 0
    if isinstance(number, int) and not isinstance(number, bool) and number >= 1:
        return number
    if error_out:
        abort(404)
    return default
