"""How calls of functions, and what stands behind them, become text."""

from __future__ import annotations

from typing import Any

from flask_uow.sql.arrays import AggregateOrderBy, ArrayLiteral
from flask_uow.sql.compiler.base import ExpressionCompiler
from flask_uow.sql.expressions import ColumnElement
from flask_uow.sql.extract import Extract
from flask_uow.sql.functions import FunctionColumn, FunctionElement
from flask_uow.sql.selectable import RowOf
from flask_uow.sql.sequences import NextValue
from flask_uow.sql.types import Numeric
from flask_uow.sql.windows import FunctionFilter, Over, WithinGroup

__all__ = ["FunctionCompiler"]

_DECIMAL_AGGREGATES = ("sum", "max", "min", "avg")


class FunctionCompiler(ExpressionCompiler):
    """Writes functions, windows and filters of aggregates."""

    def visit_function(self, node: FunctionElement) -> str:
        name = node.function_name
        if self.dialect.exact_decimal_text and name.lower() in _DECIMAL_AGGREGATES:
            if isinstance(node.type.stored_type, Numeric):
                name = f"decimal_{name.lower()}"
        if node.is_bare:
            return name
        if name.lower() == "aggregate_strings":
            name = self.string_aggregate
        elif name.lower() == "grouping_sets":
            # two words of GROUP BY, and no function
            name = "GROUPING SETS"
        if name.lower() == "count" and not node.arguments:
            return f"{name}(*)"
        return f"{name}({', '.join(self.process(argument) for argument in node.arguments)})"

    # the aggregate that joins texts
    string_aggregate = "string_agg"

    def visit_aggregate_order_by(self, node: AggregateOrderBy) -> str:
        order = ", ".join(self.window_term(term) for term in node.order_by)
        return f"{self.process(node.element)} ORDER BY {order}"

    def visit_function_column(self, node: FunctionColumn) -> str:
        return f"({self.process(node.element)}).{self.dialect.quote(str(node.name))}"

    def visit_row_of(self, node: RowOf) -> str:
        return self.table_name(node.table)

    def visit_array_literal(self, node: ArrayLiteral) -> str:
        text = f"ARRAY[{', '.join(map(self.process, node.items))}]"
        return text if node.items else f"CAST({text} AS {self.cast_text(node.type)})"

    def visit_extract(self, node: Extract) -> str:
        return f"EXTRACT({node.field} FROM {self.process(node.element)})"

    def visit_next_value(self, node: NextValue) -> str:
        name = self.plain_table(node.sequence).replace("'", "''")
        return f"nextval('{name}')"

    def visit_over(self, node: Over) -> str:
        parts = []
        if node.partition_by:
            parts.append("PARTITION BY " + ", ".join(self.window_term(term) for term in node.partition_by))
        if node.order_by:
            parts.append("ORDER BY " + ", ".join(self.window_term(term) for term in node.order_by))
        if node.frame is not None:
            unit, start, end = node.frame
            parts.append(f"{unit} BETWEEN {_bound(start, 'PRECEDING')} AND {_bound(end, 'FOLLOWING')}")
            if node.exclude is not None:
                parts.append(f"EXCLUDE {node.exclude}")
        return f"{self.process(node.element)} OVER ({' '.join(parts)})"

    def window_term(self, node: ColumnElement[Any]) -> str:
        """Return a criterion of a window, which cannot name the result's columns."""
        outer = self.result_types, self.compound_columns
        self.result_types, self.compound_columns = {}, {}
        columns, self.result_columns = self.result_columns, {}
        text = self.order_term(node)
        self.result_types, self.compound_columns = outer
        self.result_columns = columns
        return text

    def visit_function_filter(self, node: FunctionFilter) -> str:
        return f"{self.process(node.element)} FILTER (WHERE {self.process(node.condition)})"

    def visit_within_group(self, node: WithinGroup) -> str:
        order = ", ".join(self.window_term(term) for term in node.order_by)
        return f"{self.process(node.element)} WITHIN GROUP (ORDER BY {order})"


def _bound(rows: int | None, side: str) -> str:
    if rows is None:
        return f"UNBOUNDED {side}"
    if rows == 0:
        return "CURRENT ROW"
    return f"{-rows} PRECEDING" if rows < 0 else f"{rows} FOLLOWING"
