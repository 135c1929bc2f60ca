"""SQL functions: ``func.count(User.id)``, ``func.lower(...)`` and any other by its name."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload

from flask_uow.exc import ArgumentError
from flask_uow.sql.coercion import coerce_value
from flask_uow.sql.common_type import coerce_alike, common_type
from flask_uow.sql.expressions import ColumnElement
from flask_uow.sql.operations import and_
from flask_uow.sql.selectable import selecting
from flask_uow.sql.table_functions import TableFunction
from flask_uow.sql.typed import T0, V
from flask_uow.sql.types import (
    ARRAY,
    BOOLEANTYPE,
    NULLTYPE,
    TSQUERY,
    TSVECTOR,
    Date,
    DateTime,
    Float,
    Integer,
    Interval,
    Numeric,
    String,
    TypeArgument,
    TypeEngine,
    to_instance,
)
from flask_uow.sql.windows import FunctionFilter, Over, WithinGroup, criteria, make_over

__all__ = ["FunctionElement", "func", "funcfilter", "over", "within_group"]

T = TypeVar("T")

_INTEGER, _STRING, _FLOAT = Integer(), String(), Float()
_FIXED: dict[str, TypeEngine[Any]] = {
    "count": _INTEGER, "length": _INTEGER, "char_length": _INTEGER, "lower": _STRING, "upper": _STRING, "trim": _STRING,
    "concat": _STRING, "substr": _STRING, "replace": _STRING, "random": _FLOAT, "row_number": _INTEGER, "rank": _INTEGER,
    "dense_rank": _INTEGER, "ntile": _INTEGER, "percent_rank": _FLOAT, "cume_dist": _FLOAT,
    "now": DateTime(timezone=True), "current_timestamp": DateTime(timezone=True), "current_date": Date(),
    "to_tsvector": TSVECTOR(), "setweight": TSVECTOR(), "ts_rank": _FLOAT, "ts_rank_cd": _FLOAT, "ts_headline": _STRING,
    **dict.fromkeys(("to_tsquery", "plainto_tsquery", "phraseto_tsquery", "websearch_to_tsquery"), TSQUERY()),
    **dict.fromkeys(("current_user", "session_user", "group_concat", "string_agg", "aggregate_strings", "ltrim", "rtrim", "initcap", "reverse"), _STRING),
    **dict.fromkeys(("array_length", "cardinality", "array_position", "octet_length", "instr", "strpos"), _INTEGER),
}  # fmt: skip
_OF_ARGUMENT = frozenset(
    ("max", "min", "sum", "abs", "round", "first_value", "last_value", "nth_value", "lag", "lead", "mode")
)
# their arguments are of one type, which is the result's
_ALIKE = frozenset(("coalesce", "nullif", "greatest", "least"))
# written without parentheses in SQL:1999
_BARE = frozenset(
    ("current_timestamp", "current_date", "current_time", "current_user", "session_user", "localtime", "localtimestamp")
)
# the classes of an application's own functions, by what stands after func., in small letters
known_classes: dict[str, Callable[..., FunctionElement[Any]]] = {}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*\Z")


class FunctionElement(ColumnElement[V]):
    """A call of an SQL function.

    :param function_name: the function's name, as SQL writes it.
    :param arguments: expressions.
    """

    __slots__ = ("arguments", "function_name")
    __visit_name__ = "function"

    def __init__(self, function_name: str, arguments: tuple[ColumnElement[Any], ...], type_: TypeEngine[Any]) -> None:
        self.function_name = function_name
        self.arguments = arguments
        self.type = type_

    @property
    def name(self) -> str | None:
        return self.function_name

    def alias(self, name: str | None = None) -> TableFunction:
        """Return the rows that the function gives under a name, to select from; its columns are not known.

        ``rows = func.unnest(Order.tags).alias("tag")`` is for ``select(rows.column)``: a function that gives one value in each row (PostgreSQL).
        See :meth:`table_valued` for columns by name.

        :param name: the name, made up when None.
        """
        return TableFunction(self, (), name)

    def as_comparison(self, left_index: int, right_index: int) -> ColumnElement[bool]:
        """Return the call as a condition that compares two of its arguments: the ``primaryjoin=`` of a ``viewonly`` relationship.

        ``primaryjoin=func.instr(remote(foreign(Page.path)), Folder.path).as_comparison(1, 2)``.

        :param left_index: which argument is of one side, counted from 1.
        :param right_index: which is of the other.
        :raises ArgumentError: for an argument that the call does not have.
        """
        for index in (left_index, right_index):
            if not 1 <= index <= len(self.arguments):
                raise ArgumentError(
                    f"{self.function_name}().as_comparison({left_index}, {right_index}): the call has {len(self.arguments)} arguments, counted from 1."
                )
        return FunctionElement(self.function_name, self.arguments, BOOLEANTYPE)

    def lateral(self, name: str | None = None) -> TableFunction:
        """Return the rows that the function gives under a name; see :meth:`alias`. In FROM it may refer to the elements before it in any case."""
        return self.alias(name)

    def as_from(self) -> TableFunction:
        """Return the rows that the function gives, for a FROM that it was put into itself; databases name them after the function."""
        return TableFunction(self, (), self.function_name.rpartition(".")[2])

    @property
    def clauses(self) -> Any:
        """The arguments, in order."""
        return self.arguments

    @property
    def is_bare(self) -> bool:
        """True for the few functions that SQL writes without parentheses."""
        return not self.arguments and self.function_name.lower() in _BARE

    def _parts(self) -> tuple[Any, ...]:
        return (self.function_name, self.arguments, self.type.cache_key)

    def over(
        self,
        partition_by: object = None,
        order_by: object = None,
        rows: object = None,
        range_: object = None,
        groups: object = None,
        exclude: str | None = None,
    ) -> Over[V]:
        """Return the call over a window: ``func.sum(Post.views).over(partition_by=Post.author_id, order_by=Post.id)``.

        :param partition_by: an expression, or a list of them.
        :param order_by: likewise.
        :param rows: the frame as a pair ``(start, end)`` of rows counted from the current one, ``(-2, 0)`` say; None has no bound.
        :param range_: the frame in values of the order.
        :param groups: the frame in groups of rows that the order takes as equal.
        :param exclude: what of the frame is left out: ``"CURRENT ROW"``, ``"GROUP"``, ``"TIES"`` or ``"NO OTHERS"``.
        :raises ArgumentError: for a malformed frame, or several.
        """
        return make_over(self, partition_by, order_by, rows, range_, groups, exclude)

    def filter(self, *conditions: Any) -> FunctionFilter[V]:
        """Return the aggregate over the rows that fulfil the conditions: ``func.count().filter(Post.views > 10)``."""
        return FunctionFilter(self, and_(*conditions))

    def table_valued(
        self,
        *columns: str | ColumnElement[Any],
        name: str | None = None,
        with_ordinality: str | None = None,
        joins_implicitly: bool = False,
    ) -> TableFunction:
        """Return the rows that the function gives, to select from: ``func.json_each(Order.data).table_valued("key", "value")``.

        :param columns: the names of its columns, or ``column(name, type)``.
        :param name: a name for the rows, made up when None.
        :param with_ordinality: the name of a column that numbers the rows (PostgreSQL).
        :param joins_implicitly: not heeded: nothing here asks for a condition between elements of FROM.
        :raises ArgumentError: without any column.
        """
        if not columns:
            raise ArgumentError(
                f"table_valued() of {self.function_name}() got no column. Pass the names of those that the function gives; alias() is for rows"
                " whose columns are not known."
            )
        return TableFunction(self, columns, name, with_ordinality)

    def column_valued(self, name: str | None = None, joins_implicitly: bool = False) -> ColumnElement[Any]:
        """Return the one column of a function that gives a value in each row (PostgreSQL): ``func.generate_series(1, 3).column_valued("n")``.

        :param joins_implicitly: not heeded, as in :meth:`table_valued`.
        """
        column = name or self.function_name.rpartition(".")[2]
        made: ColumnElement[Any] = TableFunction(self, (column,), name, is_derived=True).c[column]
        return made

    def select(self) -> Any:
        """Return a SELECT of the call."""
        return selecting.select(self)

    def scalar_table_valued(self, name: str, type_: TypeArgument | None = None) -> ColumnElement[Any]:
        """Return one column of a row that the function gives (PostgreSQL): ``func.json_each(Order.data).scalar_table_valued("key")``.

        :param name: the name of the column.
        :param type_: its type.
        """
        return FunctionColumn(self, name, to_instance(type_) if type_ is not None else NULLTYPE)

    def within_group(self, *order_by: Any) -> WithinGroup:
        """Return an aggregate of ordered values: ``func.percentile_cont(0.5).within_group(Post.views)`` (PostgreSQL)."""
        return WithinGroup(self, criteria(order_by))


def over(element: ColumnElement[V], **window: Any) -> Over[V]:
    """Return a call over a window; ``over(func.rank(), order_by=Post.id)`` is ``func.rank().over(order_by=Post.id)``.

    :param window: see :meth:`FunctionElement.over`.
    """
    call: Any = element
    made: Over[V] = call.over(**window)
    return made


def funcfilter(element: FunctionElement[V], *conditions: Any) -> FunctionFilter[V]:
    """Return an aggregate over the rows that fulfil conditions; see :meth:`FunctionElement.filter`."""
    return element.filter(*conditions)


def within_group(element: FunctionElement[V], *order_by: Any) -> WithinGroup:
    """Return an aggregate over its rows in an order; see :meth:`FunctionElement.within_group`."""
    return element.within_group(*order_by)


class FunctionColumn(ColumnElement[Any]):
    """One column of a row that a function gives, ``(function(...)).name``."""

    __slots__ = ("_name", "element")
    __visit_name__ = "function_column"

    def __init__(self, element: FunctionElement[Any], name: str, type_: TypeEngine[Any]) -> None:
        self.element, self._name = element, name
        self.type = type_

    @property
    def name(self) -> str | None:
        return self._name

    def _parts(self) -> tuple[Any, ...]:
        return (self.element, self._name, self.type.cache_key)


class _FunctionFactory:
    """``func.<name>(...)`` makes a call of the SQL function of that name."""

    def __init__(self, path: str = "") -> None:
        self._path = path

    def __getattr__(self, name: str) -> _FunctionFactory:
        # copy, inspect and their like ask for special methods, which are no functions of SQL
        if name.startswith("__"):
            raise AttributeError(name)
        # func.any_ and the like, whose names are words of Python
        name = name.rstrip("_")
        return _FunctionFactory(f"{self._path}.{name}" if self._path else name)

    def __call__(self, *arguments: Any, type_: TypeArgument | None = None) -> FunctionElement:
        """Return the call; ``type_`` says what type the result has, where it is not known."""
        if known_classes:
            own = known_classes.get(self._path.lower())
            if own is not None:
                return own(*arguments, type_=type_) if type_ is not None else own(*arguments)
        if not _NAME.match(self._path):
            raise ArgumentError(f"{self._path!r} is not the name of an SQL function.")
        made = (
            coerce_alike(arguments)
            if self._path.lower() in _ALIKE
            else tuple(coerce_value(argument, NULLTYPE) for argument in arguments)
        )
        return FunctionElement(self._path, made, _result_type(self._path.lower(), made, type_))


def _array_of(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    if isinstance(type_, ARRAY):
        return ARRAY(type_.item_type, dimensions=(type_.dimensions or 1) + 1)
    return ARRAY(type_)


def _result_type(name: str, arguments: tuple[ColumnElement[Any], ...], given: object) -> TypeEngine[Any]:
    if given is not None:
        return to_instance(given)
    if name in _ALIKE:
        return common_type(arguments)
    if name in _OF_ARGUMENT:
        return next((argument.type for argument in arguments if argument.type is not NULLTYPE), NULLTYPE)
    if name == "array_agg":
        return _array_of(arguments[0].type if arguments else NULLTYPE)
    if name == "avg":
        return (
            arguments[0].type
            if arguments and isinstance(arguments[0].type.stored_type, (Numeric, Interval))
            else _FLOAT
        )
    return _FIXED.get(name, NULLTYPE)


if TYPE_CHECKING:

    class _Of(Protocol[T]):
        """A function whose result is of one type."""

        def __call__(self, *arguments: Any, type_: TypeArgument | None = None) -> FunctionElement[T]: ...

    class _AsArgument(Protocol):
        """A function whose result is of the type of its first argument."""

        @overload
        def __call__(self, first: ColumnElement[T0], /, *others: Any) -> FunctionElement[T0]: ...

        @overload
        def __call__(self, *arguments: Any, type_: TypeArgument | None = None) -> FunctionElement[Any]: ...

    class _FirstValue(Protocol):
        """A function whose result is the first of its arguments that is not NULL."""

        @overload
        def __call__(
            self, first: ColumnElement[T | None], second: ColumnElement[T] | T, /, *others: Any
        ) -> FunctionElement[T]: ...

        @overload
        def __call__(self, *arguments: Any, type_: TypeArgument | None = None) -> FunctionElement[Any]: ...

    class _KnownFunctions(_FunctionFactory):
        """The functions whose results have types that type checkers can know; of any other one it is Any."""

        count: _Of[int]
        length: _Of[int]
        char_length: _Of[int]
        row_number: _Of[int]
        rank: _Of[int]
        dense_rank: _Of[int]
        ntile: _Of[int]
        lower: _Of[str]
        upper: _Of[str]
        trim: _Of[str]
        concat: _Of[str]
        substr: _Of[str]
        replace: _Of[str]
        random: _Of[float]
        percent_rank: _Of[float]
        cume_dist: _Of[float]
        now: _Of[dt.datetime]
        current_timestamp: _Of[dt.datetime]
        current_date: _Of[dt.date]
        coalesce: _FirstValue
        max: _AsArgument
        min: _AsArgument
        sum: _AsArgument
        abs: _AsArgument
        first_value: _AsArgument
        last_value: _AsArgument
        lag: _AsArgument
        lead: _AsArgument
        mode: _AsArgument

    func: _KnownFunctions
else:
    func = _FunctionFactory()
