"""How parts of documents and arrays, and the operators that look into them, become text: as PostgreSQL writes them."""

from __future__ import annotations

from flask_uow.exc import CompileError
from flask_uow.sql import operators as ops
from flask_uow.sql.compiler.base import ExpressionCompiler
from flask_uow.sql.compiler.compiled import Slot
from flask_uow.sql.expressions import (
    BinaryExpression,
    BindParameter,
    ColumnElement,
    ExpandingParameter,
    ExpandingRows,
)
from flask_uow.sql.parts import (
    ArraySlice,
    JsonValue,
    Match,
    Quantified,
    Quantifier,
    RangeEnd,
    RegexpReplace,
    TypeCoerce,
)
from flask_uow.sql.text import TextClause
from flask_uow.sql.types import ARRAY, TSQUERY, BigInteger, Integer, Numeric

__all__ = ["PartsCompiler"]

_INTEGER = "^(0|-?[1-9][0-9]{0,17}|-?[1-8][0-9]{18})$"
_NUMBER = "^-?[0-9]+([.][0-9]+)?([eE][-+]?[0-9]+)?$"
_BIGINTEGER, _NUMERIC = BigInteger(), Numeric()


class PartsCompiler(ExpressionCompiler):
    """Writes parts of documents and arrays, floor division and parameters that are lists."""

    def visit_type_coerce(self, node: TypeCoerce) -> str:
        return self.process(node.element)

    def visit_range_end(self, node: RangeEnd) -> str:
        return f"CAST({self.process(node.element)} AS {self.cast_text(node.type)})"

    # -- SQL text of the application's

    def visit_text(self, node: TextClause) -> str:
        return "".join(
            piece
            if isinstance(piece, str)
            else self.list_in_text(piece)
            if isinstance(piece, ExpandingParameter)
            else self.value_in_list(piece)
            if listed
            else self.process(piece)
            for piece, listed in zip(node.pieces, node.listed, strict=True)
        )

    def value_in_list(self, node: BindParameter[object]) -> str:
        """Return the placeholder of one of the values in the brackets of an IN that the application has written itself."""
        return self.process(node)

    def list_in_text(self, node: ExpandingParameter) -> str:
        """Return a list of values on the right of an IN that the application has written itself, parentheses included."""
        return f"({self.process(node)})"

    # -- documents

    def binary_json_get(self, node: BinaryExpression[object]) -> str:
        """Write ``document -> key``."""
        return f"{self.operand(node.left, ops.JSON_GET)} -> {self.operand(node.right, ops.JSON_GET, strict=True)}"

    binary_json_get_odd = binary_json_get

    def visit_json_value(self, node: JsonValue) -> str:
        text = f"{self.operand(node.element.left, ops.JSON_GET)} ->> {self.operand(node.element.right, ops.JSON_GET, strict=True)}"
        if node.kind == "string":
            return f"({text})"
        if node.kind == "boolean":
            return f"CASE {text} WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE END"
        pattern, type_ = (_INTEGER, node.type) if node.kind == "integer" else (_NUMBER, node.type)
        # what is written as something else is no error: documents differ
        cast = f"CAST({text} AS {self.cast_text(type_)})"
        if isinstance(type_, Numeric) and type_.scale is not None:
            cast = f"round({cast}, {type_.scale})"
        return f"CASE WHEN ({text}) ~ '{pattern}' THEN {cast} END"

    # -- arrays

    def binary_array_get(self, node: BinaryExpression[object]) -> str:
        """Write ``array[position]``, of nested arrays with all their positions at once."""
        positions: list[str] = []
        array: ColumnElement[object] = node
        while isinstance(array, BinaryExpression) and array.operator is ops.ARRAY_GET:
            positions.insert(0, f"[{self.process(array.right)}]")
            array = array.left
        return f"({self.process(array)}){''.join(positions)}"

    def visit_array_slice(self, node: ArraySlice) -> str:
        return f"({self.process(node.element)})[{self.process(node.first)}:{self.process(node.last)}]"

    def visit_quantified(self, node: Quantified) -> str:
        value, text = self.operand(node.value, node.operator), self.process(node.element)
        # in two pairs of parentheses, a subquery would be the value of an array
        given = text if node.element.__visit_name__ == "scalar_select" else f"({text})"
        return f"{value} {node.operator.sql} {node.quantifier} {given}"

    def visit_quantifier(self, node: Quantifier) -> str:
        word = node.quantifier.lower()
        raise CompileError(
            f"{word}_() stands on one side of a comparison, literal(5) == {word}_(...) say, and nowhere else."
        )

    # -- searching

    def visit_match(self, node: Match) -> str:
        right = self.process(node.right)
        if not isinstance(node.right.type.stored_type, TSQUERY):
            config = f"{self.literal(node.regconfig)}, " if node.regconfig is not None else ""
            right = f"plainto_tsquery({config}{right})"
        return f"{self.operand(node.left, node.operator)} {node.operator.sql} {right}"

    def visit_regexp_replace(self, node: RegexpReplace) -> str:
        texts = [self.process(part) for part in (node.element, node.pattern, node.replacement)]
        if node.flags is not None:
            texts.append(self.literal(node.flags))
        return f"regexp_replace({', '.join(texts)})"

    # -- numbers and lists

    def binary_floordiv(self, node: BinaryExpression[object]) -> str:
        """Write the largest whole number that is not above the quotient."""
        left, right = (self.operand(part, ops.DIV, strict=True) for part in (node.left, node.right))
        if isinstance(node.left.type.stored_type, Integer) and isinstance(node.right.type.stored_type, Integer):
            exact = f"CAST({self.process(node.left)} AS {self.cast_text(_NUMERIC)})"
            return f"CAST(floor({exact} / {right}) AS {self.cast_text(_BIGINTEGER)})"
        return f"floor({left} / {right})"

    def binary_regexp_match(self, node: BinaryExpression[object]) -> str:
        """Write the match of a regular expression."""
        op = node.operator
        return f"{self.operand(node.left, op)} {op.sql} {self.operand(node.right, ops.CONCAT, strict=True)}"

    binary_not_regexp_match = binary_regexp_match

    def visit_expanding_bindparam(self, node: ExpandingParameter) -> str:
        return self.visit_bindparam(node)

    def visit_expanding_rows(self, node: ExpandingRows) -> str:
        return self.visit_bindparam(node)

    def columns_of_rows(self, node: ExpandingRows) -> list[str]:
        """Return a placeholder for each column of a list of rows: an array of the column's values."""
        texts = []
        for position, type_ in enumerate(node.types):
            bind = self.dialect.bind_processor(ARRAY(type_))
            values = node.values_of(position, bind if bind is not None else list)
            texts.append(self.place(Slot(self.index_of(node), node.key, values, node.required, None, self.target)))
        return texts
