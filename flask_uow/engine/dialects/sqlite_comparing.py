"""How SQLite compares, sorts and groups what it keeps as text: moments, decimals and UUIDs.

One moment has several texts: ours, that of ``CURRENT_TIMESTAMP``, and whatever another program writes (with T, with Z, fewer digits); so has a decimal.
A statement says itself how they are to be compared, since a schema that named a collation or a function of ours would lock other programs out.
Moments are brought into one form by ``moment_as(kind, text)``; decimals have the collation ``decimal``; a UUID is looked up in both forms that it has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from flask_uow.sql import operators as ops
from flask_uow.sql.compiler import StatementCompiler
from flask_uow.sql.compiler.compiled import Slot
from flask_uow.sql.expressions import (
    Between,
    BinaryExpression,
    BindParameter,
    ExpressionList,
    Label,
    OrderName,
    UnaryExpression,
    is_parameter,
)
from flask_uow.sql.functions import FunctionElement
from flask_uow.sql.operators import Operator
from flask_uow.sql.sourced import is_sourced
from flask_uow.sql.text import TextColumn
from flask_uow.sql.types import (
    JSON,
    NULLTYPE,
    Date,
    DateTime,
    Enum,
    Interval,
    Numeric,
    String,
    Time,
    TypeEngine,
    Uuid,
)

if TYPE_CHECKING:
    from flask_uow.sql.expressions import ColumnElement
    from flask_uow.sql.nodes import ClauseElement

__all__ = ["ComparingCompiler", "common_kind", "kind_of", "kind_of_type"]

# kinds of which a column may hold texts in several forms
_KINDS_OF_FORMS = frozenset(("datetime", "zoned", "time", "interval"))
# what gives texts in our own form only
_IN_OUR_FORM = frozenset(("bindparam", "cast"))
_ORDERED = frozenset((ops.EQ, ops.LT, ops.LE, ops.GT, ops.GE))
_MIRRORED = {ops.EQ: ops.EQ, ops.LT: ops.GT, ops.LE: ops.GE, ops.GT: ops.LT, ops.GE: ops.LE}
_BELOW = frozenset((ops.LT, ops.LE))
# with the ends in whichever order; the word in front of it
_EITHER_WAY = {ops.BETWEEN_SYMMETRIC: "", ops.NOT_BETWEEN_SYMMETRIC: "NOT "}
_ROWS = frozenset((ops.IN, ops.NOT_IN))

_TYPES: dict[str, TypeEngine[Any]] = {
    "date": Date(),
    "time": Time(),
    "datetime": DateTime(),
    "zoned": DateTime(timezone=True),
    "interval": Interval(),
}

_TEXTS = (String, Enum, Uuid)

# what equal values of a type share, whatever their text
_COLLATIONS = {"numeric": "decimal", "json": "document"}

Writer = Callable[["ColumnElement[Any]"], str]


def kind_of(node: ColumnElement[Any]) -> str | None:
    """Return the form in which a moment is kept, None for what is no moment."""
    return kind_of_type(node.type)


def kind_of_type(type_: TypeEngine[Any]) -> str | None:
    """Return the form in which values of a type are kept, None where they are no moments."""
    storage: Any = type_.stored_type
    if storage.lookup_name == "datetime":
        return "zoned" if storage.timezone else "datetime"
    # a time with a zone is none that others are made of
    return (
        storage.lookup_name
        if storage.lookup_name in ("date", "interval") or (storage.lookup_name == "time" and not storage.timezone)
        else None
    )


def common_kind(*nodes: ColumnElement[Any]) -> str | None:
    """Return the form in which moments compare; None where nothing needs another form than it has, or they do not compare."""
    kinds = {kind for kind in map(kind_of, nodes) if kind is not None}
    if len(kinds) == 1:
        kind = kinds.pop()
        return kind if any(map(_has_forms, nodes)) else None
    if not kinds or "time" in kinds or "interval" in kinds:
        return None
    return "zoned" if "zoned" in kinds else "datetime"


def _has_forms(node: ColumnElement[Any]) -> bool:
    """Return True for a moment that may be kept in another form than ours."""
    while isinstance(node, Label) or is_sourced(node):
        node = node.element
    if kind_of(node) not in _KINDS_OF_FORMS:
        return False
    if node.__visit_name__ in _IN_OUR_FORM:
        # a span that is kept as a moment is given as one, too
        return is_parameter(node) and not getattr(node.type.stored_type, "is_native", True)
    is_moved = isinstance(node, BinaryExpression) and node.operator in ops.ARITHMETIC
    is_now = isinstance(node, FunctionElement) and node.function_name.lower() in ("now", "current_timestamp")
    return not is_moved and not is_now


def _is_unknown(node: ColumnElement[Any]) -> bool:
    """Return True for SQL of the programmer's own, and functions that nothing is known of: ``func.datetime("now")``."""
    return node.type is NULLTYPE and node.__visit_name__ in ("text", "literal_column", "function")


class ComparingCompiler(StatementCompiler):
    """Writes comparisons, orders and groups."""

    # in CREATE TABLE and CREATE INDEX, which other programs must understand
    in_schema = False

    # -- one form

    def as_kind(self, node: ColumnElement[Any], kind: str) -> str:
        """Return a moment as text in the form of a kind."""
        own = kind_of(node)
        if (own is None and not _is_unknown(node)) or (own == kind and not _has_forms(node)) or self.in_schema:
            return self.operand(node, ops.IN, strict=True)
        return f"moment_as('{kind}', {self.process(node)})"

    def moment(self, node: ColumnElement[Any]) -> str:
        """Return a moment as text in the form of its own kind."""
        kind = kind_of(node)
        return self.process(node) if kind is None else self.as_kind(node, kind)

    def told_apart(self, node: ColumnElement[Any]) -> str:
        if self.in_schema:
            return self.process(node)
        collation = _COLLATIONS.get(node.type.stored_type.lookup_name)
        if collation is not None:
            return f"{self.operand(node, ops.COLLATE)} COLLATE {collation}"
        return self.as_kind(node, kind_of(node) or "") if _has_forms(node) else self.process(node)

    def as_own_text(self, node: ColumnElement[Any], text: str) -> str:
        """Return the text of a node that gives texts, which compare as such whatever is compared within it.

        To SQLite a collation anywhere within an expression is that of the whole: ``CASE WHEN price COLLATE decimal > 5 THEN name END``.
        """
        if " COLLATE d" in text and isinstance(node.type.stored_type, _TEXTS) and not self.in_schema:
            return f"{text} COLLATE BINARY"
        return text

    def member_value(self, node: ColumnElement[Any], type_: TypeEngine[Any]) -> str:
        text = self.as_type(node, type_)
        collation = _COLLATIONS.get(type_.stored_type.lookup_name)
        return f"{text} COLLATE {collation}" if collation is not None else text

    def has_forms(self, node: ColumnElement[Any]) -> bool:
        return not self.in_schema and (node.type.stored_type.lookup_name in _COLLATIONS or _has_forms(node))

    def order_term(self, node: ColumnElement[Any]) -> str:
        text = super().order_term(node)
        if isinstance(node, UnaryExpression) and node.operator in ops.ORDERINGS:
            return text
        if self.in_schema:
            return text.removesuffix(" COLLATE decimal")
        if self._ordered_type(node).stored_type.lookup_name == "json":
            return f"{text} COLLATE document"
        if isinstance(node, (OrderName, TextColumn)):
            named = self.result_columns.get(node.name)
            is_concerned = named is not None and _has_forms(named)
            kind = kind_of(named) if named is not None else None
        else:
            is_concerned, kind = _has_forms(node), kind_of(node)
        if not is_concerned or id(node) in self.compound_columns or self.in_compound:
            # the members of a compound have one form already
            return text
        return f"moment_as('{kind}', {text})"

    def _ordered_type(self, node: ColumnElement[Any]) -> TypeEngine[Any]:
        named = self.result_columns.get(node.name) if isinstance(node, (OrderName, TextColumn)) else node
        return NULLTYPE if named is None else named.type

    def expression(self, expression: ClauseElement) -> str:
        outer, self.in_schema = self.in_schema, True
        text = super().expression(expression)
        self.in_schema = outer
        return text

    def index_element(self, element: ClauseElement) -> str:
        outer, self.in_schema = self.in_schema, True
        text = super().index_element(element)
        self.in_schema = outer
        return text

    # -- comparisons

    def exact_decimal(self, node: BinaryExpression[Any]) -> str | None:
        if not self.in_schema:
            return super().exact_decimal(node)
        if node.operator not in ops.COMPARISONS | ops.ARITHMETIC or not any(
            isinstance(part.type.stored_type, Numeric) for part in (node.left, node.right)
        ):
            return None
        right = node.right.items if isinstance(node.right, ExpressionList) else (node.right,)
        left, *others = (f"CAST({self.process(part)} AS REAL)" for part in (node.left, *right))
        return f"{left} {node.operator.sql} {others[0] if right == (node.right,) else '(' + ', '.join(others) + ')'}"

    def compared(self, node: BinaryExpression[Any]) -> str | None:
        """Write a comparison of texts that have several forms; None for every other one."""
        if node.operator not in ops.COMPARISONS:
            return None
        if isinstance(node.left, ExpressionList):
            return self._rows(node, node.left)
        return self._moments(node) or self._uuids(node) or self._documents(node)

    def visit_between(self, node: Between) -> str:
        either = _EITHER_WAY.get(node.operator)
        if either is not None:
            ways = (
                Between(node.element, *ends, ops.BETWEEN) for ends in ((node.low, node.high), (node.high, node.low))
            )
            return f"({either}({' OR '.join(map(self.visit_between, ways))}))"
        kind = common_kind(node.element, node.low, node.high)
        if kind is None:
            return super().visit_between(node)
        element, low, high = (self.as_kind(part, kind) for part in (node.element, node.low, node.high))
        text = f"{element} {node.operator.sql} {low} AND {high}"
        if node.operator is ops.BETWEEN and kind != "time" and all(map(is_parameter, (node.low, node.high))):
            return f"({self._near(node.element, node.low, ops.GE, kind)} AND {self._near(node.element, node.high, ops.LE, kind)} AND {text})"
        return text

    def _moments(self, node: BinaryExpression[Any]) -> str | None:
        right = node.right
        items = right.items if isinstance(right, ExpressionList) else (right,)
        kind = common_kind(node.left, *items)
        if kind is None:
            return None
        left = self.as_kind(node.left, kind)
        if right.__visit_name__ == "scalar_select" and node.operator in _ROWS:
            return f"{left} {node.operator.sql} {self.selected(right, [_TYPES[kind]])}"
        texts = ", ".join(self.as_kind(item, kind) for item in items)
        text = f"{left} {node.operator.sql} {texts if items == (right,) else f'({texts})'}"
        if kind == "time" or node.operator not in _ORDERED:
            return text
        for column, given, op in ((node.left, right, node.operator), (right, node.left, _MIRRORED[node.operator])):
            if _is_column(column) and is_parameter(given):
                near = [
                    self._near(column, given, bound, kind) for bound in ((ops.GE, ops.LE) if op is ops.EQ else (op,))
                ]
                return f"({' AND '.join(near)} AND {text})"
        return text

    def _near(self, column: ColumnElement[Any], given: ColumnElement[Any], op: Operator, kind: str) -> str:
        """Return a condition that an index can answer: all forms begin with a date, and no zone is further than a day away."""
        if kind == "interval":
            # a number is one in our form; a text comes behind all numbers
            return f"({self.process(column)} {op.sql} {self.as_kind(given, kind)} OR {self.process(column)} >= '')"
        bound, days, far = ("<", "+2 days", "'9999-99'") if op in _BELOW else (">=", "-2 days", "''")
        return f"{self.process(column)} {bound} coalesce(date({self.process(given)}, '{days}'), {far})"

    def selected(self, select: ClauseElement, types: Sequence[TypeEngine[Any]]) -> str:
        """Return a SELECT on the right of IN, its columns in the form of the left side."""
        outer, self.member_types = self.member_types, list(types)
        text = self.process(select)
        self.member_types = outer
        return text

    def _uuids(self, node: BinaryExpression[Any]) -> str | None:
        """Write the look-up of UUIDs with dashes and without: other libraries have kept them so."""
        negated = {ops.EQ: "IN", ops.NE: "NOT IN", ops.IN: "IN", ops.NOT_IN: "NOT IN"}.get(node.operator)
        left, right = node.left, node.right
        if negated is None or self.in_schema or not isinstance(left.type, Uuid):
            return None
        items = right.items if isinstance(right, ExpressionList) else (right,)
        given = [item for item in items if is_parameter(item) and isinstance(item.type, Uuid)]
        if len(given) < len(items):
            return None
        texts = [text for item in given for text in (self.process(item), self._without_dashes(item))]
        return f"{self.operand(left, ops.IN)} {negated} ({', '.join(texts)})"

    def _documents(self, node: BinaryExpression[Any]) -> str | None:
        """Write a comparison of documents, which are equal whatever the order of their keys."""
        if self.in_schema or not any(isinstance(part.type.stored_type, JSON) for part in (node.left, node.right)):
            return None
        right = self.operand(node.right, node.operator, strict=True)
        return f"{self.operand(node.left, ops.COLLATE)} COLLATE document {node.operator.sql} {right}"

    def _without_dashes(self, node: BindParameter[Any]) -> str:
        processor = self.dialect.bind_processor(node.type)

        def bind(value: Any) -> Any:
            text = processor(value) if processor is not None else value
            return text if text is None else text.replace("-", "")

        return self.place(Slot(self.index_of(node), node.key, bind, node.required))

    def _rows(self, node: BinaryExpression[Any], left: ExpressionList) -> str | None:
        """Write the comparison of row values, each of their columns in one form."""
        right = node.right
        if right.__visit_name__ == "scalar_select":
            left_text = ", ".join(self.told_apart(item) for item in left.items)
            return f"({left_text}) {node.operator.sql} {self.selected(right, [item.type for item in left.items])}"
        if not isinstance(right, ExpressionList):
            return None
        given = right.items if node.operator in _ROWS else (right,)
        rows = [row for row in given if isinstance(row, ExpressionList)]
        if len(rows) < len(given):
            return None
        writers = [
            self._writer(item, [row.items[position] for row in rows]) for position, item in enumerate(left.items)
        ]
        left_text = ", ".join(write(item) for (write, _), item in zip(writers, left.items, strict=True))
        texts = [
            f"({', '.join(write(item) for (_, write), item in zip(writers, row.items, strict=True))})" for row in rows
        ]
        right_text = f"({', '.join(texts)})" if node.operator in _ROWS else texts[0]
        return f"({left_text}) {node.operator.sql} {right_text}"

    def _writer(self, item: ColumnElement[Any], others: list[ColumnElement[Any]]) -> tuple[Writer, Writer]:
        """Return how one column of row values is written: of the left one, of the others."""
        if any(isinstance(part.type.stored_type, Numeric) for part in (item, *others)):
            return (
                lambda part: f"{self.decimal_operand(part, ops.COLLATE)} COLLATE decimal",
                lambda part: self.decimal_operand(part, ops.COMMA),
            )
        kind = common_kind(item, *others)
        if kind is None:
            return self.process, self.process

        def write(part: ColumnElement[Any]) -> str:
            return self.as_kind(part, kind)

        return write, write


def _is_column(node: ColumnElement[Any]) -> bool:
    while is_sourced(node):
        node = node.element
    return node.__visit_name__ == "column"
