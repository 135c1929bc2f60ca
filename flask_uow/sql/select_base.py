"""The base of SELECT and its compounds, and the ways of using a SELECT inside another statement."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any, Never, Self, TypeVar, overload

from flask_uow.exc import ArgumentError, InvalidRequestError
from flask_uow.sql import operators as ops
from flask_uow.sql.common_type import common_type
from flask_uow.sql.entities import coerce_orders, expand_entity, members_of_bundle
from flask_uow.sql.expressions import BindParameter, ColumnElement, Label
from flask_uow.sql.nodes import NO_OPTIONS, ChainedStatement
from flask_uow.sql.selectable import ColumnCollection, selecting
from flask_uow.sql.subqueries import CTE, Lateral, Subquery
from flask_uow.sql.typed import ReturnsRows, TP_co
from flask_uow.sql.types import BOOLEANTYPE, NULLTYPE, BigInteger, TypeEngine
from flask_uow.sql.value_errors import named_criteria

__all__ = [
    "CompoundSelect", "Exists", "ScalarSelect", "SelectBase", "coerce_select", "except_", "except_all", "intersect",
    "intersect_all", "union", "union_all",
]  # fmt: skip


T = TypeVar("T")
TP = TypeVar("TP", bound=tuple[Any, ...])

# a limit or an offset beyond the rows there are is no error
_ROW_COUNT = BigInteger()


class SelectBase(ChainedStatement, ReturnsRows[TP_co]):
    """The base of SELECT and its compounds: order, limit, and use inside another statement.

    :ivar order_by_clauses: the criteria of ORDER BY.
    :ivar limit_clause: the number of rows, as an expression; None without a limit.
    :ivar offset_clause: how many rows are left out at the beginning; None for none.
    :ivar entities: the items that it selects: columns, mapped classes, aliases.
    """

    __slots__ = ("limit_clause", "offset_clause", "order_by_clauses")
    is_select = True
    order_by_clauses: tuple[ColumnElement[Any], ...]
    limit_clause: ColumnElement[Any] | None
    offset_clause: ColumnElement[Any] | None
    entities: tuple[Any, ...]

    def result_columns(self) -> list[tuple[str, ColumnElement[Any]]]:
        """Return names and expressions of the result's columns, in order; names are made unique."""
        raise NotImplementedError

    def order_by(self, *criteria: Any) -> Self:
        """Return the statement ordered by more criteria; a single None removes the ordering."""
        clone = self._clone()
        if len(criteria) == 1 and criteria[0] is None:
            clone.order_by_clauses = ()
        else:
            clone.order_by_clauses = (*self.order_by_clauses, *coerce_orders(criteria))
        return clone

    def limit(self, limit: object) -> Self:
        """Return the statement limited to that many rows; None removes the limit."""
        clone = self._clone()
        clone.limit_clause = _row_count("limit", limit)
        return clone

    def fetch(self, count: object, with_ties: bool = False, percent: bool = False) -> Self:
        """Return the statement limited to that many rows, as :meth:`limit` does.

        :param with_ties: take in all rows that the order takes for equal to the last one (PostgreSQL).
        :param percent: not to be had; for True an error says so.
        :raises ArgumentError: for ``percent``, and for ``with_ties`` of a compound.
        """
        if percent:
            raise ArgumentError(
                "fetch(percent=True): neither PostgreSQL nor SQLite limits rows by percent. Count them first, or select where percent_rank() of a"
                " subquery is small enough."
            )
        if with_ties:
            raise ArgumentError(
                f"fetch(with_ties=True) of a {type(self).__name__}: select from its subquery(), and call fetch() of that."
            )
        return self.limit(count)

    def offset(self, offset: object) -> Self:
        """Return the statement without its first rows."""
        clone = self._clone()
        clone.offset_clause = _row_count("offset", offset)
        return clone

    def slice(self, start: int | None, stop: int | None) -> Self:
        """Return the statement for the rows from ``start`` up to ``stop`` of those that it gives, within a limit and an offset it has.

        :raises InvalidRequestError: where the statement's limit or offset is an expression, whose value is not known here.
        """
        first = start or 0
        if self.limit_clause is None and self.offset_clause is None:
            made = self.offset(first) if first else self
            return made.limit(max(stop - first, 0)) if stop is not None else made
        skipped, most = _known_count(self.offset_clause), _known_count(self.limit_clause)
        if (skipped is None and self.offset_clause is not None) or (most is None and self.limit_clause is not None):
            raise InvalidRequestError(
                "a slice of a statement whose limit or offset is an expression: which rows these are is only known to the database. Select"
                " from the statement as a subquery (from_self() of a query), and slice that."
            )
        ends = [end - first for end in (most, stop) if end is not None]
        return self.offset((skipped or 0) + first).limit(max(min(ends), 0) if ends else None)

    def union(self, *others: Any) -> CompoundSelect[TP_co]:
        """Return ``self UNION others``."""
        return CompoundSelect("UNION", (self, *others))

    def union_all(self, *others: Any) -> CompoundSelect[TP_co]:
        """Return ``self UNION ALL others``."""
        return CompoundSelect("UNION ALL", (self, *others))

    def intersect(self, *others: Any) -> CompoundSelect[TP_co]:
        """Return ``self INTERSECT others``."""
        return CompoundSelect("INTERSECT", (self, *others))

    def intersect_all(self, *others: Any) -> CompoundSelect[TP_co]:
        """Return ``self INTERSECT ALL others`` (PostgreSQL)."""
        return CompoundSelect("INTERSECT ALL", (self, *others))

    def except_(self, *others: Any) -> CompoundSelect[TP_co]:
        """Return ``self EXCEPT others``."""
        return CompoundSelect("EXCEPT", (self, *others))

    def except_all(self, *others: Any) -> CompoundSelect[TP_co]:
        """Return ``self EXCEPT ALL others`` (PostgreSQL)."""
        return CompoundSelect("EXCEPT ALL", (self, *others))

    def subquery(self, name: str | None = None) -> Subquery:
        """Return the statement as an element of FROM."""
        return Subquery(self, name)

    def alias(self, name: str | None = None) -> Subquery:
        """Return the statement as an element of FROM; another name of :meth:`subquery`."""
        return Subquery(self, name)

    def lateral(self, name: str | None = None) -> Lateral:
        """Return the statement as a LATERAL element of FROM."""
        return Lateral(self, name)

    def cte(self, name: str | None = None, recursive: bool = False, nesting: bool = False) -> CTE:
        """Return the statement as a common table expression.

        :param recursive: True where a part of it, to be added by ``union_all()``, refers to it.
        :param nesting: True writes it in the SELECT that refers to it, in place of the beginning of the whole statement.
        """
        return CTE(self, name, recursive, nesting)

    def scalar_subquery(self: SelectBase[tuple[T, *tuple[Any, ...]]]) -> ScalarSelect[T]:
        """Return the statement as one value: its first column in its only row."""
        return ScalarSelect(self)

    as_scalar = scalar_subquery

    def label(self: SelectBase[tuple[T, *tuple[Any, ...]]], name: str) -> Label[T]:
        """Return the statement as one value, under a name."""
        return self.scalar_subquery().label(name)

    def exists(self) -> Exists:
        """Return ``EXISTS (self)``."""
        return Exists(self)


class CompoundSelect(SelectBase[TP_co]):
    """SELECTs joined by UNION, INTERSECT or EXCEPT.

    :raises ArgumentError: for something that is no SELECT, or SELECTs with different numbers of columns.
    """

    __slots__ = ("keyword", "selects")
    __visit_name__ = "compound_select"

    def __init__(self, keyword: str, selects: Iterable[Any]) -> None:
        self.keyword = keyword
        self.selects: tuple[SelectBase, ...] = tuple(coerce_select(select) for select in selects)
        widths = {len(select.result_columns()) for select in self.selects}
        if len(widths) != 1:
            raise ArgumentError(
                f"{keyword} takes SELECTs with one number of columns, got {sorted(widths)}. Select the same columns in each."
                if widths
                else f"{keyword} got no SELECT; pass at least one."
            )
        self._execution_options = NO_OPTIONS
        self.order_by_clauses = ()
        self.limit_clause = self.offset_clause = None

    def set_label_style(self, style: str) -> Self:
        """Return the statement with its columns named in another style; see :meth:`Select.set_label_style`."""
        clone = self._clone()
        selects: tuple[Any, ...] = self.selects
        clone.selects = tuple(each.set_label_style(style) for each in selects)
        return clone

    def get_label_style(self) -> str:
        """Return the style in which columns are named: that of the first SELECT."""
        first: Any = self.selects[0]
        style: str = first.get_label_style()
        return style

    def add_cte(self, *ctes: CTE) -> Self:
        """Return the statement with common table expressions that it has whether it refers to them or not; see :meth:`Select.add_cte`."""
        clone = self._clone()
        first: Any = self.selects[0]
        clone.selects = (first.add_cte(*ctes), *self.selects[1:])
        return clone

    def with_for_update(self, **options: Any) -> Never:
        """Raise an error: no database locks the rows of such a statement.

        :raises InvalidRequestError: always.
        """
        raise InvalidRequestError(
            f"{self.keyword} cannot lock the rows that it reads. Lock them by their keys:"
            " select(User).where(User.id.in_(union)).with_for_update()."
        )

    @property
    def selected_columns(self) -> ColumnCollection:
        """The columns of the result, by name; those of the first SELECT."""
        return ColumnCollection("the compound", self.result_columns())

    exported_columns = selected_columns

    def options(self, *options: Any) -> Self:
        """Return the compound with options of the orm for each of its SELECTs, such as ``with_loader_criteria()``."""
        clone = self._clone()
        members: tuple[Any, ...] = self.selects
        clone.selects = tuple(select.options(*options) for select in members)
        return clone

    def _parts(self) -> tuple[Any, ...]:
        return (self.keyword, self.selects, self.order_by_clauses, self.limit_clause, self.offset_clause)

    @property
    def entities(self) -> tuple[Any, ...]:  # type: ignore[override] # made of its first SELECT, and never set
        """The entities of the first SELECT, its columns with the types that they have in the compound."""
        given = tuple(getattr(self.selects[0], "entities", ()))
        columns = iter([column for _, column in self.result_columns()])
        made: list[Any] = []
        for entity in given:
            own = expand_entity(entity)
            found = list(islice(columns, len(own)))
            is_column = len(own) == 1 and not hasattr(entity, "__uow_entity__") and members_of_bundle(entity) is None
            made.append(found[0] if is_column and found[0].type is not own[0].type else entity)
        return tuple(made)

    def result_columns(self) -> list[tuple[str, ColumnElement[Any]]]:
        first, *others = (select.result_columns() for select in self.selects)
        return [
            (name, _of_type(name, column, common_type([column, *(columns[position][1] for columns in others)])))
            for position, (name, column) in enumerate(first)
        ]


def _of_type(name: str, column: ColumnElement[Any], type_: TypeEngine[Any]) -> ColumnElement[Any]:
    if type_ is column.type:
        return column
    # a number beside decimals is a decimal, and NULL is whatever stands in the other SELECTs
    made: Label[Any] = Label(name, column)
    made.type = type_
    return made


class ScalarSelect(ColumnElement[T]):
    """A SELECT used as one value."""

    __slots__ = ("select_element",)
    __visit_name__ = "scalar_select"

    def __init__(self, select_element: SelectBase) -> None:
        self.select_element = select_element
        columns = select_element.result_columns()
        self.type = columns[0][1].type if columns else NULLTYPE

    def _parts(self) -> tuple[Any, ...]:
        return (self.select_element,)

    def where(self, *conditions: Any) -> ScalarSelect[T]:
        """Return the value of the SELECT with conditions added."""
        select: Any = self.select_element
        return ScalarSelect(select.where(*conditions))

    def correlate(self, *elements: Any) -> ScalarSelect[T]:
        """Return the value of the SELECT that takes just these elements from the statement around it; see :meth:`Select.correlate`."""
        select: Any = self.select_element
        return ScalarSelect(select.correlate(*elements))

    def correlate_except(self, *elements: Any) -> ScalarSelect[T]:
        """Return the value of the SELECT that takes all but these elements from the statement around it."""
        select: Any = self.select_element
        return ScalarSelect(select.correlate_except(*elements))


class Exists(ColumnElement[bool]):
    """``EXISTS (SELECT ...)``."""

    __slots__ = ("select_element",)
    __visit_name__ = "exists"

    def __init__(self, select_element: SelectBase) -> None:
        self.select_element = select_element
        self.type = BOOLEANTYPE

    @property
    def precedence(self) -> int:
        return ops.EXISTS.precedence

    def _parts(self) -> tuple[Any, ...]:
        return (self.select_element,)

    def select(self) -> Any:
        """Return a SELECT of the truth value."""
        return selecting.select(self)

    def correlate_except(self, *elements: Any) -> Exists:
        """Return EXISTS whose SELECT takes all but these elements from the statement around it; see :meth:`Select.correlate_except`."""
        select: Any = self.select_element
        return Exists(select.correlate_except(*elements))

    def correlate(self, *elements: Any) -> Exists:
        """Return EXISTS whose SELECT takes just these elements from the statement around it; see :meth:`Select.correlate`."""
        select: Any = self.select_element
        return Exists(select.correlate(*elements))

    def where(self, *conditions: Any, **named: Never) -> Exists:
        """Return EXISTS with conditions added to its SELECT."""
        if named:
            raise named_criteria("where", named)
        if isinstance(self.select_element, CompoundSelect):
            raise ArgumentError("where() needs a plain SELECT inside exists(), and this one is a compound.")
        select: Any = self.select_element
        return Exists(select.where_exists(*conditions))

    def select_from(self, *elements: Any) -> Exists:
        """Return EXISTS with elements put into the FROM of its SELECT."""
        if isinstance(self.select_element, CompoundSelect):
            raise ArgumentError("select_from() needs a plain SELECT inside exists(), and this one is a compound.")
        select: Any = self.select_element
        return Exists(select.select_from(*elements))


def coerce_select(value: object) -> SelectBase:
    """Return ``value``, a SELECT or what stands for one (a Query), as a SELECT.

    :raises ArgumentError: for anything else.
    """
    as_select = getattr(value, "__clause_element__", None)
    found = value if as_select is None else as_select()
    if not isinstance(found, SelectBase):
        raise ArgumentError(f"a SELECT was expected, got {value!r}.")
    return found


@overload
def union(*selects: SelectBase[TP]) -> CompoundSelect[TP]: ...


@overload
def union(*selects: Any) -> CompoundSelect: ...


def union(*selects: Any) -> CompoundSelect:
    """Return the SELECTs joined by UNION."""
    return CompoundSelect("UNION", selects)


@overload
def union_all(*selects: SelectBase[TP]) -> CompoundSelect[TP]: ...


@overload
def union_all(*selects: Any) -> CompoundSelect: ...


def union_all(*selects: Any) -> CompoundSelect:
    """Return the SELECTs joined by UNION ALL."""
    return CompoundSelect("UNION ALL", selects)


@overload
def intersect(*selects: SelectBase[TP]) -> CompoundSelect[TP]: ...


@overload
def intersect(*selects: Any) -> CompoundSelect: ...


def intersect(*selects: Any) -> CompoundSelect:
    """Return the SELECTs joined by INTERSECT."""
    return CompoundSelect("INTERSECT", selects)


@overload
def intersect_all(*selects: SelectBase[TP]) -> CompoundSelect[TP]: ...


@overload
def intersect_all(*selects: Any) -> CompoundSelect: ...


def intersect_all(*selects: Any) -> CompoundSelect:
    """Return the SELECTs joined by INTERSECT ALL (PostgreSQL)."""
    return CompoundSelect("INTERSECT ALL", selects)


@overload
def except_(*selects: SelectBase[TP]) -> CompoundSelect[TP]: ...


@overload
def except_(*selects: Any) -> CompoundSelect: ...


def except_(*selects: Any) -> CompoundSelect:
    """Return the SELECTs joined by EXCEPT."""
    return CompoundSelect("EXCEPT", selects)


@overload
def except_all(*selects: SelectBase[TP]) -> CompoundSelect[TP]: ...


@overload
def except_all(*selects: Any) -> CompoundSelect: ...


def except_all(*selects: Any) -> CompoundSelect:
    """Return the SELECTs joined by EXCEPT ALL (PostgreSQL)."""
    return CompoundSelect("EXCEPT ALL", selects)


def _known_count(count: ColumnElement[Any] | None) -> int | None:
    return count.value if isinstance(count, BindParameter) and count.key is None else None


def _row_count(what: str, count: object) -> ColumnElement[Any] | None:
    if count is None or isinstance(count, ColumnElement):
        return count
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise ArgumentError(f"{what}() takes a whole number of rows, 0 or more, or None; got {count!r}.")
    return BindParameter(count, _ROW_COUNT)
