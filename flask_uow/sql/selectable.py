"""The FROM side of a statement: aliases, joins and their columns.

Tables (in :mod:`flask_uow.sql.schema`) and SELECTs in FROM (in :mod:`flask_uow.sql.subqueries`) build on :class:`FromClause`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from flask_uow.exc import ArgumentError, InvalidRequestError
from flask_uow.sql.coercion import coerce_condition, coerce_value
from flask_uow.sql.column_collection import ColumnCollection
from flask_uow.sql.expressions import ColumnElement
from flask_uow.sql.nodes import ClauseElement, Shape
from flask_uow.sql.operations import and_
from flask_uow.sql.types import NULLTYPE, TypeEngine

if TYPE_CHECKING:
    from flask_uow.sql.columns import Column

__all__ = [
    "Alias",
    "ColumnClause",
    "ColumnCollection",
    "FromClause",
    "Join",
    "TableSample",
    "alias",
    "join",
    "lateral",
    "outerjoin",
    "selecting",
    "tablesample",
]

C = TypeVar("C", bound="ColumnElement[Any]")


class _Selecting:
    """Holds the function that makes a SELECT; :mod:`flask_uow.sql.select`, which stands above the elements of FROM, fills it."""

    select: Callable[..., Any]


selecting = _Selecting()


class FromClause(ClauseElement):
    """Something that rows come from."""

    __slots__ = ()
    schema: str | None = None

    @property
    def c(self) -> ColumnCollection:
        """The columns."""
        raise NotImplementedError

    @property
    def columns(self) -> ColumnCollection:
        """The columns; another name of :attr:`c`."""
        return self.c

    @property
    def description(self) -> str:
        """How error messages call it."""
        return type(self).__name__.lower()

    def from_objects(self) -> Iterator[FromClause]:
        """Yield the elements that this one brings into FROM."""
        yield self

    def alias(self, name: str | None = None) -> Alias:
        """Return this element under another name; a name is made up when None."""
        return Alias(self, name)

    @property
    def exported_columns(self) -> ColumnCollection:
        """The columns; another name of :attr:`c`."""
        return self.c

    @property
    def foreign_keys(self) -> Any:
        """The foreign keys of its columns."""
        return {key for column in _flat_columns(self) for key in column.foreign_keys}

    def select(self) -> Any:
        """Return a SELECT of all its columns."""
        return selecting.select(self)

    def lateral(self, name: str | None = None) -> FromClause:
        """Return it as a LATERAL element of FROM: a SELECT of it that may refer to the elements before it (PostgreSQL)."""
        made: FromClause = self.select().lateral(name)
        return made

    def table_valued(self) -> ColumnElement[Any]:
        """Return a whole row as one value (PostgreSQL): ``func.row_to_json(author.table_valued())``."""
        return RowOf(self)

    def tablesample(self, sampling: object, name: str | None = None, seed: object = None) -> TableSample:
        """Return a sample of its rows (PostgreSQL); see :func:`tablesample`."""
        return TableSample(self, sampling, name, seed)

    def is_derived_from(self, fromclause: FromClause | None) -> bool:
        """Return True where it is another element of FROM, an alias of that, or a join or SELECT with it."""
        return self is fromclause or any(inner.is_derived_from(fromclause) for inner in self.inner_froms())

    def inner_froms(self) -> Sequence[FromClause]:
        """Return the elements of FROM that this one is made of: what an alias is one of, the sides of a join."""
        return ()

    def corresponding_column(self, column: ColumnElement[Any], require_embedded: bool = False) -> Any:
        """Return the column that stands here for one of a table, or of what this was made of; None where none does.

        :param require_embedded: True for one that is really taken from here; always so.
        """
        element = column.__clause_element__() if hasattr(column, "__clause_element__") else column
        return _corresponding(self, base_column(element))

    def join(self, right: object, onclause: object = None, isouter: bool = False, full: bool = False) -> Join:
        """Return ``self JOIN right``; see :func:`join`."""
        return Join(self, coerce_from(right), onclause, isouter, full)

    def outerjoin(self, right: object, onclause: object = None, full: bool = False) -> Join:
        """Return ``self LEFT OUTER JOIN right``."""
        return Join(self, coerce_from(right), onclause, True, full)


class ColumnClause(ColumnElement[Any]):
    """A named column of a FROM element that is not a table of the schema.

    :ivar table: the element it belongs to; None where only its name is known.
    :ivar original: the column that it stands for there.
    :ivar key: the name under which the element has it, where that is another one.
    """

    __slots__ = ("_name", "key", "original", "table")
    __visit_name__ = "column"

    def __init__(
        self,
        name: str,
        type_: TypeEngine[Any],
        table: FromClause | None,
        original: ColumnElement[Any] | None = None,
        key: str | None = None,
    ) -> None:
        self._name = name
        self.key = key if key is not None else name
        self.type = type_
        self.table: Any = table
        self.original = original

    @property
    def name(self) -> str:
        return self._name

    @property
    def primary_key(self) -> bool:
        """True where the original is part of its table's primary key."""
        return bool(getattr(self.original, "primary_key", False))

    @property
    def nullable(self) -> bool:
        """False where the original never is NULL."""
        return bool(getattr(base_column(self.original), "nullable", True))

    @property
    def foreign_keys(self) -> Any:
        """The foreign keys of the original."""
        return getattr(self.original, "foreign_keys", ())

    def _parts(self) -> tuple[Any, ...]:
        return (self.table, self._name)


class RowOf(ColumnElement[Any]):
    """A whole row of an element of FROM, by the name that the element has there.

    :ivar table: the element.
    """

    __slots__ = ("table",)
    __visit_name__ = "row_of"

    def __init__(self, table: Any) -> None:
        self.table: Any = table
        function = getattr(table, "function", None)
        self.type = NULLTYPE if function is None else function.type

    @property
    def name(self) -> str | None:
        return getattr(self.table, "name", None)

    def _parts(self) -> tuple[Any, ...]:
        return (self.table, self.type.cache_key)


class Alias(FromClause):
    """A FROM element under another name."""

    __slots__ = ("_c", "element", "name")
    __visit_name__ = "alias"

    def __init__(self, element: FromClause, name: str | None = None) -> None:
        self.element = element
        self.name = name
        self._c: ColumnCollection | None = None

    @property
    def c(self) -> ColumnCollection:
        if self._c is None:
            columns = (
                (key, ColumnClause(column.name, column.type, self, column, key))
                for key, column in self.element.c.items()
            )
            self._c = ColumnCollection(self.description, columns, self.element.c.others)
        return self._c

    @property
    def primary_key(self) -> list[Any]:
        """The columns that tell its rows apart, in order: those that stand for the columns of tables' keys."""
        return _key_of(self)

    @property
    def description(self) -> str:
        return f"alias {self.name!r}" if self.name else f"an alias of {self.element.description}"

    @property
    def base_name(self) -> str:
        """The word that a made-up name starts with."""
        return str(getattr(self.element, "name", None) or "anon")

    def inner_froms(self) -> Sequence[FromClause]:
        return (self.element,)

    def _parts(self) -> tuple[Any, ...]:
        return (self.element, self.name)

    def collect_shape(self, shape: Shape) -> None:
        if shape.enter(self):
            super().collect_shape(shape)


class TableSample(Alias):
    """A sample of the rows of a table, under a name of its own; made by :func:`tablesample`.

    :ivar sampling: the method with its arguments, a call of a function.
    :ivar seed: the seed of the method, None for another sample each time.
    """

    __slots__ = ("sampling", "seed")
    __visit_name__ = "tablesample"

    def __init__(self, element: FromClause, sampling: object, name: str | None = None, seed: object = None) -> None:
        super().__init__(element, name)
        if isinstance(sampling, bool) or not isinstance(sampling, (int, float, ColumnElement)):
            raise ArgumentError(
                f"tablesample({sampling!r}): expected a percentage of the rows, 10 say, or a method: func.bernoulli(10)."
            )
        self.sampling: float | ColumnElement[Any] = sampling
        self.seed: ColumnElement[Any] | None = coerce_value(seed, NULLTYPE) if seed is not None else None

    def _parts(self) -> tuple[Any, ...]:
        return (self.element, self.name, self.sampling, self.seed)


def base_column(column: object) -> Any:
    """Return the column of a table that a column of an alias or a subquery stands for; the column itself where there is none."""
    inner: Any = column
    while True:
        below = getattr(inner, "original", None)
        if below is None and getattr(inner, "__visit_name__", None) in ("label", "sourced"):
            below = inner.element
        if below is None:
            return inner if getattr(inner, "table", None) is not None else column
        inner = below


class Join(FromClause):
    """``left JOIN right ON onclause``.

    :param onclause: the condition; None looks for the one foreign key between the two sides.
    :ivar is_link: True where the right side is a secondary table, and what it links to is joined next.
    """

    __slots__ = ("_c", "full", "is_link", "isouter", "left", "onclause", "right")
    __visit_name__ = "join"

    def __init__(
        self, left: FromClause, right: FromClause, onclause: object = None, isouter: bool = False, full: bool = False
    ) -> None:
        self.left = left
        self.right = right
        self.isouter = isouter
        self.full = full
        self.onclause = coerce_condition(onclause) if onclause is not None else join_condition(left, right)
        self.is_link = False
        self._c: ColumnCollection | None = None

    @property
    def description(self) -> str:
        return f"the join of {self.left.description} and {self.right.description}"

    @property
    def c(self) -> ColumnCollection:
        if self._c is None:
            self._c = ColumnCollection("the join")
            for side in (self.left, self.right):
                prefix = getattr(side, "name", None)
                for key, column in side.c.items():
                    self._c.add(self._c.free_name(f"{prefix}_{key}" if prefix else key), column)
        return self._c

    @property
    def primary_key(self) -> list[Any]:
        """The columns that tell its rows apart, in order: those that stand for the columns of tables' keys."""
        return _key_of(self)

    def inner_froms(self) -> Sequence[FromClause]:
        return (self.left, self.right)

    def from_objects(self) -> Iterator[FromClause]:
        yield self
        yield from self.left.from_objects()
        yield from self.right.from_objects()

    def _parts(self) -> tuple[Any, ...]:
        return (self.left, self.right, self.onclause, self.isouter, self.full)


def join_condition(left: FromClause, right: FromClause) -> ColumnElement[bool]:
    """Return the ON clause that the foreign keys between two elements give.

    :raises InvalidRequestError: when there is no foreign key between them, or more than one.
    """
    # by constraint: a key of several columns is one condition, and two keys are two ways to join
    found: dict[Any, list[Any]] = {}
    for one, other in ((left, right), (right, left)):
        for column in _flat_columns(one):
            for foreign_key in column.foreign_keys:
                target = _corresponding(other, foreign_key.column)
                if target is not None:
                    found.setdefault(foreign_key.constraint_identity, []).append(column == target)
        # the keys of the right side count only where the left one has none
        if found:
            break
    names = f"{left.description} and {right.description}"
    if not found:
        raise InvalidRequestError(f"cannot join {names}: no foreign key connects them. Pass the condition as onclause.")
    if len(found) > 1:
        candidates = "; ".join(str(and_(*conditions)) for conditions in found.values())
        raise InvalidRequestError(
            f"cannot join {names}: several foreign keys connect them ({candidates}). Pass the one that is meant as onclause."
        )
    return and_(*next(iter(found.values())))


def _key_of(element: FromClause) -> list[Any]:
    """Return the columns of keys, but those that refer to another one among them."""
    keys = [column for column in _flat_columns(element) if getattr(column, "primary_key", False)]
    present = {base_column(column) for column in keys}

    def is_repeated(column: Column[Any]) -> bool:
        return any(key.column in present and key.column is not base_column(column) for key in column.foreign_keys)

    return [column for column in keys if not is_repeated(column)]


def _flat_columns(element: FromClause) -> Iterator[Any]:
    if isinstance(element, Join):
        yield from _flat_columns(element.left)
        yield from _flat_columns(element.right)
    else:
        yield from element.c


def _corresponding(element: FromClause, column: object) -> Any:
    for candidate in _flat_columns(element):
        if candidate is column or base_column(candidate) is column:
            return candidate
    return None


def coerce_from(value: object) -> FromClause:
    """Return ``value`` as a FROM element: a table, an alias, a join, a SELECT (as a subquery), a function that gives rows, or a mapped class.

    :raises ArgumentError: for anything else.
    """
    if isinstance(value, FromClause):
        return value
    entity = getattr(value, "__uow_entity__", None)
    if entity is not None:
        selectable = entity.selectable
        if isinstance(selectable, FromClause):
            return selectable
    subquery = getattr(value, "subquery", None)
    if isinstance(value, ClauseElement) and subquery is not None:
        made = subquery()
        if isinstance(made, FromClause):
            return made
    as_from = getattr(value, "as_from", None)
    if as_from is not None and isinstance(value, ClauseElement):
        function: FromClause = as_from()
        return function
    raise ArgumentError(
        f"something to select from was expected (a table, an alias, a SELECT or a mapped class), got {value!r}."
    )


def alias(element: object, name: str | None = None) -> Alias:
    """Return a FROM element under another name."""
    return coerce_from(element).alias(name)


def lateral(element: object, name: str | None = None) -> FromClause:
    """Return a SELECT, a Query, a function or another element of FROM as a LATERAL one: it may refer to the elements before it (PostgreSQL)."""
    own = getattr(element, "lateral", None)
    made: FromClause = own(name) if own is not None else coerce_from(element).lateral(name)
    return made


def tablesample(selectable: object, sampling: object, name: str | None = None, seed: object = None) -> TableSample:
    """Return a sample of the rows of a table or a mapped class (PostgreSQL): ``aliased(User, tablesample(User, 10))``.

    :param sampling: how much of the table, in percent, by ``SYSTEM``; or a method: ``func.bernoulli(10)``.
    :param name: a name for the sample, made up when None.
    :param seed: a number by which the same rows are chosen again.
    :raises ArgumentError: for another ``sampling``.
    """
    return TableSample(coerce_from(selectable), sampling, name, seed)


def join(left: object, right: object, onclause: object = None, isouter: bool = False, full: bool = False) -> Join:
    """Return ``left JOIN right``.

    :param onclause: the condition; None looks for the one foreign key between the two.
    :raises InvalidRequestError: where the foreign keys give no condition, or several.
    """
    return Join(coerce_from(left), coerce_from(right), onclause, isouter, full)


def outerjoin(left: object, right: object, onclause: object = None, full: bool = False) -> Join:
    """Return ``left LEFT OUTER JOIN right``."""
    return Join(coerce_from(left), coerce_from(right), onclause, True, full)
