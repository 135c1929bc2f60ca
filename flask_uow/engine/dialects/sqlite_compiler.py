"""What SQLite writes differently from standard SQL, and what it has no operator for.

Decimals and moments are kept as text (:mod:`flask_uow.engine.dialects.sqlite_types`); arithmetic on them calls the
functions that each connection registers (``sqlite_decimal``, ``sqlite_moments``).
"""

from __future__ import annotations

from typing import Any

from flask_uow.exc import CompileError
from flask_uow.sql import operators as ops
from flask_uow.sql.compiler import StatementCompiler
from flask_uow.sql.constructors import Cast
from flask_uow.sql.expressions import BindParameter
from flask_uow.sql.nodes import ClauseElement
from flask_uow.sql.types import Float, Integer, Numeric, TypeEngine
from flask_uow.sql.windows import function_of

__all__ = ["SQLiteCompiler"]

_MOMENTS = frozenset(("date", "time", "datetime"))
_NUMBERS = frozenset(("integer", "small_integer", "big_integer", "float", "real", "numeric"))
# UTC with microseconds, the form in which zoned moments are stored
_NOW = "(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00:00')"
_RENAMED = {
    "char_length": "length",
    "character_length": "length",
    "greatest": "max",
    "least": "min",
    "substring": "substr",
}
_ALIKE = frozenset(("coalesce", "nullif", "greatest", "least"))
_EXACT_FUNCTIONS = frozenset(("abs", "round"))


class SQLiteCompiler(StatementCompiler):
    """Writes statements for SQLite."""

    def set_apart(self, table: Any) -> tuple[str, str]:
        # RETURNING would not know an alias
        name = f"main.{self.dialect.quote(table.name)}"
        return name, name

    def inline_primary_key(self, table: Any) -> bool:
        return table.generated_key is not None

    def column_definition(self, column: Any) -> str:
        if column is column.table.generated_key:
            # only exactly these words make the key an alias of the rowid (https://www.sqlite.org/lang_createtable.html)
            autoincrement = " AUTOINCREMENT" if column.table.sqlite_autoincrement else ""
            name = self._constraint_name(column.table.primary_key)
            return f"{self.dialect.quote(column.name)} INTEGER {name}PRIMARY KEY{autoincrement}"
        return super().column_definition(column)

    def identity_text(self, column: Any) -> str:
        raise CompileError(
            f"SQLite numbers the rows of an integer primary key only, and {column.table.name}.{column.name} is none. Number them yourself."
        )

    def visit_next_value(self, node: Any) -> str:
        raise CompileError(
            f"SQLite has no sequences, and {node.sequence.fullname!r} is one. Use an integer primary key."
        )

    def visit_create_sequence(self, create: Any) -> str:
        return self.visit_next_value(create)

    def visit_create_schema(self, create: Any) -> str:
        raise CompileError(f"SQLite has no schemas to create; ATTACH a database as {create.name!r} instead.")

    def visit_drop_schema(self, drop: Any) -> str:
        raise CompileError(f"SQLite has no schemas to drop; DETACH the database {drop.name!r} instead.")

    def index_names(self, index: Any) -> tuple[str, str]:
        # the schema stands before the index's name, and the table is in the same one
        quote = self.dialect.quote
        schema = f"{quote(index.table.schema)}." if index.table.schema else ""
        return f"{schema}{quote(index.name)}", quote(index.table.name)

    def index_method(self, index: Any) -> tuple[str, str]:
        return "", ""

    def foreign_key_text(self, constraint: Any) -> str:
        # a table of another schema could not be referred to, and the own one is not named
        text = super().foreign_key_text(constraint)
        target = constraint.referred_table
        if target.schema:
            text = text.replace(
                f"REFERENCES {self.visit_table(target)}", f"REFERENCES {self.dialect.quote(target.name)}", 1
            )
        return text

    def default_text(self, default: Any) -> str:
        # here an expression needs parentheses, whatever it is
        return f"({self.expression(default)})" if isinstance(default, ClauseElement) else self.literal(default)

    def limit_clause(self, select: Any) -> str:
        if select._limit is None and select._offset is not None:
            return f"LIMIT -1 OFFSET {self.process(select._offset)}"
        return super().limit_clause(select)

    def compound_member(self, member: Any) -> str:
        # a SELECT in parentheses is not allowed here, one in FROM is
        text = super().compound_member(member)
        return f"SELECT * FROM {text}" if text.startswith("(") else text

    def binary_array_contains(self, node: Any) -> str:
        """Refuse the operators of arrays, which are kept as JSON here."""
        raise CompileError(
            "SQLite has no operators for arrays. Load the rows and compare in Python, or use json_each()."
        )

    binary_array_overlaps = binary_array_contains

    def binary_ilike(self, node: Any) -> str:
        """LIKE ignores the case of ASCII letters already; lower() keeps it so whatever the pragmas say."""
        return self._ilike(node, "LIKE")

    def binary_not_ilike(self, node: Any) -> str:
        """The negation of ILIKE."""
        return self._ilike(node, "NOT LIKE")

    def _ilike(self, node: Any, operator: str) -> str:
        text = f"lower({self.process(node.left)}) {operator} lower({self.process(node.right)})"
        return f"{text} ESCAPE {self.literal(node.escape)}" if node.escape is not None else text

    def plain_binary(self, node: Any) -> str:
        return self._moment_arithmetic(node) or self._moment_comparison(node) or super().plain_binary(node)

    def visit_between(self, node: Any) -> str:
        kind = _common_kind(node.element, node.low, node.high)
        if kind is None:
            return super().visit_between(node)
        element, low, high = (self._as_kind(part, kind) for part in (node.element, node.low, node.high))
        return f"{element} {node.operator.sql} {low} AND {high}"

    def _moment_comparison(self, node: Any) -> str | None:
        """Write the comparison of a date with a date and time, or of zoned moments with others; None for everything else."""
        if node.operator not in ops.COMPARISONS:
            return None
        right = node.right
        items = right.items if right.__visit_name__ == "expression_list" else (right,)
        kind = _common_kind(node.left, *items)
        if kind is None:
            return None
        left = self._as_kind(node.left, kind)
        if right.__visit_name__ == "scalar_select" and node.operator in (ops.IN, ops.NOT_IN):
            return f"{left} {node.operator.sql} {self.process(right)}"
        texts = ", ".join(self._as_kind(item, kind) for item in items)
        return f"{left} {node.operator.sql} {texts if items == (right,) else f'({texts})'}"

    def _as_kind(self, node: Any, kind: str) -> str:
        own = _kind_of(node)
        if own is None or own == kind:
            return self.operand(node, ops.IN, strict=True)
        return f"moment_as('{kind}', {self.process(node)})"

    def _moment_arithmetic(self, node: Any) -> str | None:
        """Write arithmetic on dates, times and intervals; None for everything else."""
        op, left, right = node.operator, node.left.type.storage.name, node.right.type.storage.name
        if op is ops.ADD:
            if left in _MOMENTS:
                return self._moved(node.left, node.right)
            if right in _MOMENTS:
                return self._moved(node.right, node.left)
        elif op is ops.SUB and left in _MOMENTS:
            if right in _MOMENTS:
                function = "moment_days" if left == right == "date" else "moment_diff"
                return f"{function}({self.process(node.left)}, {self.process(node.right)})"
            return self._moved(node.left, node.right, "-")
        elif op in (ops.MUL, ops.DIV) and "interval" in (left, right) and {left, right} & _NUMBERS:
            return f"CAST(round({super().plain_binary(node)}) AS INTEGER)"
        return None

    def _moved(self, moment: Any, by: Any, sign: str = "") -> str:
        function = "moment_add" if by.type.storage.name == "interval" else "moment_add_days"
        amount = f"{sign}({self.process(by)})" if sign else self.process(by)
        return f"{function}({self.process(moment)}, {amount})"

    def visit_extract(self, node: Any) -> str:
        return f"moment_part('{node.field}', {self.process(node.element)})"

    def visit_cast(self, node: Any) -> str:
        if isinstance(node.type.storage, Integer) and isinstance(node.element.type.storage, Numeric):
            # CAST would cut the fraction off
            return f"CAST(decimal_round({self.process(node.element)}) AS INTEGER)"
        if isinstance(node.type.storage, Integer) and isinstance(node.element.type.storage, Float):
            return f"CAST(float_round({self.process(node.element)}) AS INTEGER)"
        kind, own = _kind_of(node), _kind_of(node.element)
        if kind is not None and own is not None and kind != own:
            return f"moment_as('{kind}', {self.process(node.element)})"
        return super().visit_cast(node)

    def visit_case(self, node: Any) -> str:
        whens = " ".join(
            f"WHEN {self.process(condition)} THEN {self.as_type(value, node.type)}" for condition, value in node.whens
        )
        otherwise = f" ELSE {self.as_type(node.else_, node.type)}" if node.else_ is not None else ""
        return f"CASE {whens}{otherwise} END"

    def new_value(self, column: Any, value: Any) -> str:
        fraction = isinstance(value.type.storage, (Float, Numeric)) and not isinstance(value, BindParameter)
        if fraction and isinstance(column.type.storage, Integer):
            # SQLite would keep the fraction in the column of integers
            return self.process(Cast(value, column.type))
        return super().new_value(column, value)

    def as_type(self, node: Any, type_: TypeEngine[Any]) -> str:
        if isinstance(type_.storage, Numeric):
            return self.decimal_operand(node, ops.COMMA)
        text = self.process(node)
        # an integer would go on being one, and be divided as one
        mixed = isinstance(type_.storage, Float) and isinstance(node.type.storage, (Integer, Numeric))
        return f"CAST({text} AS REAL)" if mixed else text

    def conflict_constraint(self, name: str) -> str:
        raise CompileError(
            f"SQLite cannot name the constraint {name!r} in ON CONFLICT. Pass index_elements=[its columns], or the constraint itself."
        )

    def insert_source(self, insert: Any) -> str:
        text = super().insert_source(insert)
        select = insert._select
        if insert._conflict is None or (select.__visit_name__ == "select" and select._where):
            return text
        # without WHERE, ON would be taken for that of a join (https://www.sqlite.org/lang_upsert.html, "Parsing Ambiguity")
        return f"SELECT * FROM ({text}) WHERE true"

    def returning(self, statement: Any) -> str:
        # RETURNING knows neither the alias nor the schema of the table that is changed
        table = statement.table
        outer, self.qualify = self.qualify, self.qualify and table.__visit_name__ == "table"
        apart = self.apart
        name = self.dialect.quote(table.name) if self.qualify else ""
        self.apart = {**apart, id(table): (name, name)} if name else apart
        text = super().returning(statement)
        self.qualify, self.apart = outer, apart
        return text

    def using(self, elements: list[Any]) -> str:
        names = ", ".join(element.description for element in elements)
        raise CompileError(
            f"SQLite cannot DELETE by the rows of other tables ({names}). Use a condition with in_(select(...)) or exists()."
        )

    def distinct_prefix(self, select: Any) -> str:
        if isinstance(select._distinct, tuple):
            raise CompileError("SQLite has no DISTINCT ON. Group by the columns, or use row_number() in a subquery.")
        return super().distinct_prefix(select)

    def visit_lateral(self, lateral: Any) -> str:
        raise CompileError("SQLite has no LATERAL. Use a scalar subquery, or a join with a grouped subquery.")

    # the function that a window is written for
    _windowed: Any = None

    def visit_over(self, node: Any) -> str:
        outer, self._windowed = self._windowed, function_of(node)
        text = super().visit_over(node)
        self._windowed = outer
        return text

    def visit_within_group(self, node: Any) -> str:
        raise CompileError("SQLite has no WITHIN GROUP. Order the rows in a subquery and take the one that is meant.")

    def visit_function(self, node: Any) -> str:
        name = node.function_name.lower()
        if node is self._windowed and name in ("min", "max") and isinstance(node.type.storage, Numeric):
            # the functions of decimals have no windows; SQLite's own go by the collation
            return f"{name}({self.operand(node.arguments[0], ops.COLLATE)} COLLATE decimal)"
        if name in _ALIKE and isinstance(node.type.storage, (Numeric, Float)):
            first, *others = (self.as_type(argument, node.type) for argument in node.arguments)
            collation = " COLLATE decimal" if isinstance(node.type.storage, Numeric) else ""
            return f"{_RENAMED.get(name, name)}({', '.join([f'{first}{collation}', *others])})"
        if name in ("now", "current_timestamp") and not node.arguments:
            return _NOW
        if name in _EXACT_FUNCTIONS and isinstance(node.type.storage, Numeric):
            return f"decimal_{name}({', '.join(self.process(argument) for argument in node.arguments)})"
        if name in _RENAMED:
            return f"{_RENAMED[name]}({', '.join(self.process(argument) for argument in node.arguments)})"
        return super().visit_function(node)


def _kind_of(node: Any) -> str | None:
    """Return the form in which a moment is kept, None for what is no moment."""
    storage = node.type.storage
    if storage.name == "datetime":
        return "zoned" if storage.timezone else "datetime"
    # a time with a zone is none that others are made of
    return storage.name if storage.name == "date" or (storage.name == "time" and not storage.timezone) else None


def _common_kind(*nodes: Any) -> str | None:
    """Return the form in which moments of several types compare; None where they are of one type, or do not compare."""
    kinds = {kind for kind in map(_kind_of, nodes) if kind is not None}
    if len(kinds) < 2 or "time" in kinds:
        return None
    return "zoned" if "zoned" in kinds else "datetime"
