"""How parts of documents and arrays become text for SQLite: with its own operators where they tell the same, else with functions of ours."""

from __future__ import annotations

import sqlite3
from typing import Any

from flask_uow.engine.dialects.sqlite_comparing import ComparingCompiler
from flask_uow.exc import CompileError
from flask_uow.sql import operators as ops
from flask_uow.sql.compiler.compiled import Slot
from flask_uow.sql.expressions import (
    BinaryExpression,
    BindParameter,
    ColumnElement,
    ExpandingParameter,
    ExpandingRows,
    ExpressionList,
)
from flask_uow.sql.operators import Operator
from flask_uow.sql.parts import ArraySlice, JsonValue, Match, Quantified
from flask_uow.sql.table_functions import TableFunction
from flask_uow.sql.types import ARRAY, LargeBinary, Numeric, Uuid

__all__ = ["PartsInSQLite"]

# since when it has -> and ->>
_HAS_ARROW = sqlite3.sqlite_version_info >= (3, 38, 0)


def _path_of(key: object) -> str | None:
    """Return the path (https://www.sqlite.org/json1.html#path_arguments) of a key or a position."""
    if key is None:
        return None
    if isinstance(key, int):
        return f"$[{key}]" if key >= 0 else f"$[#{key}]"
    return f'$."{key}"'


def _item_path(position: object) -> str | None:
    """Return the path of an item of an array, the first of which is 1; what lies before it is as absent as what lies behind the last."""
    if not isinstance(position, int):
        return None
    return f"$[{position - 1}]" if position > 0 else "$[#]"


def _test(value: str, op: Operator) -> str:
    """Return the comparison with an item that is called ``value``."""
    if op is ops.ILIKE or op is ops.NOT_ILIKE:
        return f"lower({value}) {'LIKE' if op is ops.ILIKE else 'NOT LIKE'} lower(value)"
    return f"{value} {op.sql} value"


class PartsInSQLite(ComparingCompiler):
    """Writes parts of documents and arrays."""

    # -- documents

    def binary_json_get(self, node: BinaryExpression[object]) -> str:
        key = node.right
        if not _HAS_ARROW or not isinstance(key, BindParameter):
            return self.binary_json_get_odd(node)
        left = self.operand(node.left, ops.JSON_GET)
        if self.literal_binds:
            return f"{left} -> {self.literal(_path_of(key.value))}"
        return f"{left} -> {self.place(Slot(self.index_of(key), key.key, _path_of, key.required))}"

    def binary_json_get_odd(self, node: BinaryExpression[object]) -> str:
        """Write a part by a key that paths do not tell in every version, or by an expression."""
        return f"document_part({self.process(node.left)}, {self.process(node.right)})"

    def visit_json_value(self, node: JsonValue) -> str:
        text = f"document_as('{node.kind}', {self.process(node.element)})"
        if isinstance(node.type, Numeric) and node.type.scale is not None:
            return f"decimal_round({text}, {node.type.scale})"
        return text

    def binary_json_has_key(self, node: BinaryExpression[object]) -> str:
        """Write the question for a key."""
        return f"document_has({self.process(node.left)}, {self.process(node.right)})"

    def binary_json_contains(self, node: BinaryExpression[object]) -> str:
        """Write the containment of documents."""
        return f"document_contains({self.process(node.left)}, {self.process(node.right)})"

    def binary_json_contained_by(self, node: BinaryExpression[object]) -> str:
        """Write the containment the other way round."""
        return f"document_contains({self.process(node.right)}, {self.process(node.left)})"

    # -- arrays

    def binary_array_get(self, node: BinaryExpression[object]) -> str:
        position = node.right
        array = self.process(node.left)
        if isinstance(position, BindParameter) and not self.literal_binds:
            return f"json_extract({array}, {self.place(Slot(self.index_of(position), position.key, _item_path, position.required))})"
        # what lies before the first item is as absent as what lies behind the last
        number = self.operand(position, ops.SUB)
        return f"json_extract({array}, '$[' || iif({number} > 0, {number} - 1, '#') || ']')"

    def visit_array_slice(self, node: ArraySlice) -> str:
        return f"array_slice({self.process(node.element)}, {self.process(node.first)}, {self.process(node.last)})"

    def visit_quantified(self, node: Quantified) -> str:
        # NULL where no item decides and one is NULL, as in PostgreSQL
        if node.element.__visit_name__ == "scalar_select":
            return self._quantified_rows(node)
        array = self.process(node.element)
        test = _test(self._item_value(node.value), node.operator)
        decided = f"total({test}) > 0" if node.quantifier == "ANY" else f"total(NOT ({test})) > 0"
        found, others = ("1", "0") if node.quantifier == "ANY" else ("0", "1")
        return (
            f"(SELECT CASE WHEN {decided} THEN {found} WHEN count({test}) < count(*) THEN NULL ELSE {others} END"
            f" FROM json_each({array}) WHERE {array} IS NOT NULL HAVING {array} IS NOT NULL)"
        )

    def _quantified_rows(self, node: Quantified) -> str:
        """Write the comparison with the rows of a subquery."""
        among = {(ops.EQ, "ANY"): ops.IN, (ops.NE, "ALL"): ops.NOT_IN}.get((node.operator, node.quantifier))
        if among is not None:
            return self.process(BinaryExpression(node.value, among, node.element, node.type))
        rows = self.selected(node.element, [node.value.type])
        value = self.told_apart(node.value) if self.has_forms(node.value) else self.operand(node.value, ops.EQ, True)
        test = _test(value, node.operator)
        decided, others = ("1", "0") if node.quantifier == "ANY" else ("0", "1")
        deciding = test if node.quantifier == "ANY" else f"NOT ({test})"
        return (
            f"(WITH given(value) AS {rows} SELECT CASE WHEN total({deciding}) > 0 THEN {decided} WHEN count({test}) < count(*) THEN NULL"
            f" ELSE {others} END FROM given)"
        )

    def _item_value(self, node: ColumnElement[object]) -> str:
        text = self.operand(node, ops.EQ, strict=True)
        return f"{text} COLLATE decimal" if isinstance(node.type.stored_type, Numeric) else text

    def binary_array_contains(self, node: BinaryExpression[object]) -> str:
        """Write the containment of arrays."""
        return f"array_contains({self.process(node.left)}, {self.process(node.right)})"

    def binary_array_contained_by(self, node: BinaryExpression[object]) -> str:
        """Write the containment the other way round."""
        return f"array_contains({self.process(node.right)}, {self.process(node.left)})"

    def binary_array_overlaps(self, node: BinaryExpression[object]) -> str:
        """Write whether arrays have an item in common."""
        return f"array_overlaps({self.process(node.left)}, {self.process(node.right)})"

    def binary_joined(self, node: BinaryExpression[object]) -> str:
        """Write two arrays, or documents, as one."""
        return f"joined({self.process(node.left)}, {self.process(node.right)})"

    # -- numbers, texts and lists

    def binary_floordiv(self, node: BinaryExpression[object]) -> str:
        return f"floor_div({self.process(node.left)}, {self.process(node.right)})"

    def binary_regexp_match(self, node: BinaryExpression[object]) -> str:
        word = "REGEXP" if node.operator is ops.REGEXP_MATCH else "NOT REGEXP"
        return f"{self.operand(node.left, node.operator)} {word} {self.operand(node.right, ops.CONCAT, strict=True)}"

    binary_not_regexp_match = binary_regexp_match

    def visit_match(self, node: Match) -> str:
        if node.regconfig is not None:
            raise CompileError(
                f"match(postgresql_regconfig={node.regconfig!r}): SQLite has no such configurations. Leave it out; a table of FTS5 says"
                " itself how words are read."
            )
        return f"{self.operand(node.left, node.operator)} MATCH {self.operand(node.right, node.operator, strict=True)}"

    def binary_bitwise_xor(self, node: BinaryExpression[object]) -> str:
        """Write the exclusive or, which SQLite does not have, by what it has."""
        left, right = (self.operand(part, ops.CONCAT, strict=True) for part in (node.left, node.right))
        return f"(({left} | {right}) - ({left} & {right}))"

    def ordinality(self, rows: TableFunction) -> str:
        if rows.ordinality is not None or rows.is_derived:
            raise CompileError(
                f"SQLite has no WITH ORDINALITY, and names no columns of a function: {rows.description} are asked for them. Select the columns"
                " that the function has: table_valued('key', 'value')."
            )
        return ""

    def list_in_text(self, node: ExpandingParameter) -> str:
        return f"(SELECT {self._item_around(node)} FROM json_each({self.process(node)}))"

    def _item_around(self, node: ExpandingParameter) -> str:
        """Return an item of a list with what its type puts around it."""
        array = node.type.stored_type
        return self.value_around(array.item_type, "value") if isinstance(array, ARRAY) else "value"

    def binary_in(self, node: BinaryExpression[object]) -> str:
        """Write IN; of a parameter that is a list, over the items of its JSON."""
        given = node.right
        if isinstance(given, ExpandingRows) and isinstance(node.left, ExpressionList):
            return self._in_rows(node.left, node.operator, given)
        if not isinstance(given, ExpandingParameter):
            return self.binary_of(node)
        item_type = self.dialect.stored_as(given.type.stored_type.item_type)  # type: ignore[attr-defined]
        if isinstance(item_type, LargeBinary):
            raise CompileError(
                "SQLite takes no bytes in a parameter of IN that is a list. Give the values themselves: in_([...])."
            )
        around = self._item_around(given)
        item = around if around == "value" else f"{around} AS value"
        rows = f"SELECT {item} FROM json_each({self.process(given)})"
        if isinstance(item_type, Uuid):
            # other libraries have kept them without dashes
            rows = f"WITH given AS ({rows}) SELECT value FROM given UNION ALL SELECT replace(value, '-', '') FROM given"
        left = self.told_apart(node.left) if self.has_forms(node.left) else self.operand(node.left, node.operator)
        return f"{left} {node.operator.sql} ({rows})"

    binary_not_in = binary_in

    def _in_rows(self, left: ExpressionList, op: Operator, given: ExpandingRows) -> str:
        dialect: Any = self.dialect
        for item, type_ in zip(left.items, given.types, strict=True):
            stored = dialect.stored_as(type_)
            if self.has_forms(item) or isinstance(stored, (LargeBinary, Numeric, Uuid)):
                raise CompileError(
                    f"SQLite keeps values of {type_!r} in several forms, or takes none in a list: a parameter of rows cannot be compared with them."
                    " Give the rows themselves: in_([(1, 2), ...])."
                )
        texts = self.columns_of_rows(given)
        values = [self.value_around(type_, f"given{n}.value") for n, type_ in enumerate(given.types)]
        others = "".join(
            f" JOIN json_each({text}) AS given{n} ON given{n}.key = given0.key" for n, text in enumerate(texts[1:], 1)
        )
        rows = f"SELECT {', '.join(values)} FROM json_each({texts[0]}) AS given0{others}"
        return f"{self.process(left)} {op.sql} ({rows})"
