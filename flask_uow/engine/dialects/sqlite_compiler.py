"""SQL as SQLite writes it, where that differs from the standard, and functions for the operators that it does not have.

Decimals and moments are kept as text (:mod:`flask_uow.engine.dialects.sqlite_types`); arithmetic on them calls the
functions that each connection registers (``sqlite_decimal``, ``sqlite_moments``).
"""

from __future__ import annotations

import math
import re
import sqlite3
from functools import partial
from typing import TYPE_CHECKING, Any, TypeGuard

from flask_uow.engine.dialects.sqlite_comparing import kind_of, kind_of_type
from flask_uow.engine.dialects.sqlite_parts import PartsInSQLite
from flask_uow.exc import ArgumentError, CompileError
from flask_uow.sql import operators as ops
from flask_uow.sql.compiler.compiled import Slot
from flask_uow.sql.expressions import BindParameter, Cast
from flask_uow.sql.functions import FunctionElement
from flask_uow.sql.nodes import ClauseElement
from flask_uow.sql.select import Select
from flask_uow.sql.types import (
    JSON,
    NULLTYPE,
    Boolean,
    Date,
    DateTime,
    Enum,
    Float,
    Integer,
    LargeBinary,
    Numeric,
    String,
    Time,
    TypeEngine,
    Uuid,
    type_for_value,
)
from flask_uow.sql.windows import function_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flask_uow.sql.arrays import AggregateOrderBy, ArrayLiteral
    from flask_uow.sql.columns import Column
    from flask_uow.sql.constraints import Constraint, UniqueConstraint
    from flask_uow.sql.constructors import Case
    from flask_uow.sql.ddl import AddConstraint, CommentOn, CreateSchema, CreateSequence, DropConstraint, DropSchema
    from flask_uow.sql.dml import Insert
    from flask_uow.sql.dml_statement import DMLStatement
    from flask_uow.sql.exclusion import ExcludeConstraint
    from flask_uow.sql.expressions import BinaryExpression, ColumnElement
    from flask_uow.sql.extract import Extract
    from flask_uow.sql.foreign_keys import ForeignKeyConstraint
    from flask_uow.sql.functions import FunctionColumn
    from flask_uow.sql.indexes import Index
    from flask_uow.sql.schema import Table
    from flask_uow.sql.select_base import SelectBase
    from flask_uow.sql.selectable import TableSample
    from flask_uow.sql.sequences import Computed, NextValue
    from flask_uow.sql.subqueries import Lateral
    from flask_uow.sql.windows import FunctionFilter, Over, WithinGroup

__all__ = ["SQLiteCompiler"]

_MOMENTS = frozenset(("date", "time", "datetime"))
_NUMBERS = frozenset(("integer", "small_integer", "big_integer", "float", "real", "numeric"))
# of microseconds; the division of integers cuts off, as PostgreSQL does with negative spans
_PARTS_OF_SPANS = {
    "day": "({} / 86400000000)",
    "hour": "({} % 86400000000 / 3600000000)",
    "minute": "({} % 3600000000 / 60000000)",
    "second": "({} % 60000000 / 1000000.0)",
    "epoch": "({} / 1000000.0)",
}
# UTC with microseconds, the form in which zoned moments are stored
_NOW = "(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000+00:00')"
# the same for columns of other types, in functions that every program with SQLite has
_NOW_AS = {
    "datetime": "(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000')",
    "date": "date('now')",
    "time": "(strftime('%H:%M:%f', 'now') || '000')",
}
_RENAMED = {
    "char_length": "length",
    "character_length": "length",
    "greatest": "max",
    "least": "min",
    "substring": "substr",
}
_HINT = re.compile(r"(indexed\s+by\s+\S+|not\s+indexed)\Z", re.IGNORECASE)
# what only SQLite would add up, texts by the digits at their beginning
_NOT_ADDED = (String, Boolean, Enum, Date, DateTime, Time, LargeBinary, JSON, Uuid)
_ALIKE = frozenset(("coalesce", "nullif", "greatest", "least"))
_EXACT_FUNCTIONS = frozenset(("abs", "round"))


def _makes_array(node: ClauseElement) -> TypeGuard[FunctionElement]:
    return isinstance(node, FunctionElement) and node.function_name.lower() == "array_agg"


def _refuse_sum(name: str, arguments: Sequence[ColumnElement[Any]]) -> None:
    for argument in arguments[:1]:
        if isinstance(argument.type.stored_type, _NOT_ADDED):
            raise CompileError(
                f"{name}() takes numbers and spans of time, got {argument.type!r}. Cast it to a number, if it is one: {name}(cast(..., Integer))."
            )


def _one_value(key: str | None, processor: Callable[[Any], Any] | None, value: Any) -> Any:
    if isinstance(value, (list, tuple, set, frozenset)):
        raise ArgumentError(
            f":{key} stands in brackets after IN, for one value, and got {value!r}. A list in SQL text needs a parameter that expands, without brackets:"
            f" text('... IN :{key}').bindparams(bindparam({key!r}, expanding=True))."
        )
    return value if processor is None else processor(value)


class SQLiteCompiler(PartsInSQLite):
    """Writes statements for SQLite."""

    def value_in_list(self, node: BindParameter[Any]) -> str:
        if self.literal_binds or not (node.type is NULLTYPE or node.type is type_for_value([])):
            return super().value_in_list(node)
        # a list would be sent as the text of a document, which equals no value: no rows, and no error
        checked = partial(_one_value, node.key, self.dialect.bind_processor(node.type))
        return self.place(Slot(self.index_of(node), node.key, checked, node.required, None, self.target))

    def set_apart(self, table: Table) -> tuple[str, str]:
        # RETURNING would not know an alias
        name = f"main.{self.dialect.quote(table.name)}"
        return name, name

    def value_text(self, value: object) -> str:
        if isinstance(value, float) and not math.isfinite(value):
            # a number that is too large is infinite, and SQLite has no other
            return "NULL" if math.isnan(value) else "9e999" if value > 0 else "(-9e999)"
        return super().value_text(value)

    def inline_primary_key(self, table: Table) -> bool:
        return table.generated_key is not None and len(table.primary_key.columns) == 1

    def column_definition(self, column: Column[Any]) -> str:
        if column is column.table.generated_key and self.inline_primary_key(column.table):
            # only exactly these words make the key an alias of the rowid (https://www.sqlite.org/lang_createtable.html)
            autoincrement = " AUTOINCREMENT" if column.table.sqlite_autoincrement else ""
            name = self._constraint_name(column.table.primary_key)
            return f"{self.dialect.quote(column.name)} INTEGER {name}PRIMARY KEY{autoincrement}"
        self._defined = column
        return super().column_definition(column)

    # the column that is being defined
    _defined: Any = None

    def computed_text(self, computed: Computed) -> str:
        type_ = self._defined.type.stored_type
        scale = getattr(type_, "scale", None)
        if not isinstance(type_, Numeric) or scale is None:
            return super().computed_text(computed)
        # worked out by functions that every program has, hence in floats
        text = self.text_or_expression(computed.sqltext)
        stored = "STORED" if computed.persisted else "VIRTUAL"
        return f" GENERATED ALWAYS AS (printf('%.{scale}f', {text})) {stored}"

    def identity_text(self, column: Column[Any]) -> str:
        raise CompileError(
            f"SQLite numbers the rows of an integer primary key only, and {column.table.name}.{column.name} is none. Number them yourself."
        )

    def visit_next_value(self, node: NextValue | CreateSequence) -> str:
        raise CompileError(
            f"SQLite has no sequences, and {node.sequence.fullname!r} is one. Use an integer primary key."
        )

    def visit_create_sequence(self, create: CreateSequence) -> str:
        return self.visit_next_value(create)

    def exclude_text(self, constraint: ExcludeConstraint) -> str:
        assert constraint.table is not None
        raise CompileError(
            f"SQLite has no exclusion constraints, and {constraint.table.description} has one. Say ExcludeConstraint(...).ddl_if('postgresql') where"
            " the table is to live here, too."
        )

    def visit_add_constraint(self, add: AddConstraint) -> str:
        return self._refuse_alter(add.constraint)

    def visit_drop_constraint(self, drop: DropConstraint) -> str:
        return self._refuse_alter(drop.constraint)

    def _refuse_alter(self, constraint: Constraint) -> str:
        assert constraint.table is not None
        raise CompileError(
            f"SQLite adds no constraint to a table that is there, and drops none: a {type(constraint).__name__} of"
            f" {constraint.table.description}. Create the table anew, and copy its rows."
        )

    def visit_comment_on(self, comment: CommentOn) -> str:
        raise CompileError(
            f"SQLite keeps no comments, and {comment.table.description} is to get one. Say execute_if(dialect='postgresql')."
        )

    def visit_create_schema(self, create: CreateSchema) -> str:
        raise CompileError(f"SQLite has no schemas to create; ATTACH a database as {create.name!r} instead.")

    def visit_drop_schema(self, drop: DropSchema) -> str:
        raise CompileError(f"SQLite has no schemas to drop; DETACH the database {drop.name!r} instead.")

    def index_names(self, index: Index) -> tuple[str, str]:
        # the schema stands before the index's name, and the table is in the same one
        table, quote = index.table, self.dialect.quote
        assert table is not None
        schema = f"{quote(table.schema)}." if table.schema else ""
        return f"{schema}{quote(index.name)}", quote(table.name)

    def index_method(self, index: object) -> tuple[str, str]:
        return "", ""

    def match_text(self, constraint: ForeignKeyConstraint) -> str:
        if constraint.match == "FULL" and len(constraint.columns) > 1:
            raise CompileError(
                f"the foreign key over {', '.join(column.name for column in constraint.columns)} says match='FULL', which SQLite does not heed: a row"
                " with some of them NULL would pass. Leave match= out, and say it with a CheckConstraint."
            )
        # of one column, the two are the same
        return ""

    def nulls_text(self, unique: UniqueConstraint | Index) -> str:
        if unique.nulls_not_distinct:
            assert unique.table is not None
            raise CompileError(
                f"{type(unique).__name__} of {unique.table.description} says nulls_not_distinct=True, and to SQLite each NULL is a value"
                " of its own. Leave it out, or make the columns NOT NULL."
            )
        return ""

    def foreign_key_text(self, constraint: ForeignKeyConstraint) -> str:
        # a table of another schema could not be referred to, and the own one is not named
        text = super().foreign_key_text(constraint)
        target = constraint.referred_table
        if target.schema:
            text = text.replace(
                f"REFERENCES {self.visit_table(target)}", f"REFERENCES {self.dialect.quote(target.name)}", 1
            )
        return text

    def default_text(self, default: object, column: Column[Any]) -> str:
        # here an expression needs parentheses, whatever it is
        if not isinstance(default, ClauseElement):
            return self.literal(default)
        now = self._now_as(default, column)
        return f"({now if now is not None else self.expression(default)})"

    def _now_as(self, value: ClauseElement, column: ColumnElement[Any]) -> str | None:
        """Return the present moment as a column keeps moments; None for every other value."""
        is_now = (
            isinstance(value, FunctionElement)
            and value.function_name.lower() in ("now", "current_timestamp")
            and not value.arguments
        )
        return _NOW_AS.get(kind_of(column) or "") if is_now else None

    def stored(self, column: ColumnElement[Any], value: Any) -> str:
        now = self._now_as(value, column)
        if now is not None:
            return now
        fraction = isinstance(value.type.stored_type, (Float, Numeric)) and not isinstance(value, BindParameter)
        if fraction and isinstance(column.type.stored_type, Integer):
            # SQLite would keep the fraction in the column of integers
            return super().stored(column, Cast(value, column.type))
        kind, own = kind_of(column), kind_of(value)
        is_other = kind is not None and own is not None and kind != own and value.__visit_name__ != "bindparam"
        return f"moment_as('{kind}', {super().stored(column, value)})" if is_other else super().stored(column, value)

    def limit_clause(self, select: SelectBase) -> str:
        # SQLite has no OFFSET without LIMIT, and -1 stands for no limit
        if select.limit_clause is None and select.offset_clause is not None:
            return f"LIMIT -1 OFFSET {self.process(select.offset_clause)}"
        return super().limit_clause(select)

    def compound_member(self, member: SelectBase) -> str:
        # a SELECT in parentheses is not allowed here, one in FROM is
        text = super().compound_member(member)
        return f"SELECT * FROM {text}" if text.startswith("(") else text

    def binary_ilike(self, node: BinaryExpression[Any]) -> str:
        """LIKE ignores the case of ASCII letters already; lower() keeps it so whatever the pragmas say."""
        return self._ilike(node, "LIKE")

    def binary_not_ilike(self, node: BinaryExpression[Any]) -> str:
        """The negation of ILIKE."""
        return self._ilike(node, "NOT LIKE")

    def _ilike(self, node: BinaryExpression[Any], operator: str) -> str:
        text = f"lower({self.process(node.left)}) {operator} lower({self.process(node.right)})"
        return f"{text} ESCAPE {self.literal(node.escape)}" if node.escape is not None else text

    def plain_binary(self, node: BinaryExpression[Any]) -> str:
        return self._moment_arithmetic(node) or self.compared(node) or super().plain_binary(node)

    def _moment_arithmetic(self, node: BinaryExpression[Any]) -> str | None:
        """Write arithmetic on dates, times and intervals; None for everything else."""
        op, left, right = node.operator, node.left.type.stored_type.lookup_name, node.right.type.stored_type.lookup_name
        if op is ops.ADD:
            if left in _MOMENTS:
                return self._moved(node.left, node.right)
            if right in _MOMENTS:
                return self._moved(node.right, node.left)
        elif op is ops.SUB and left in _MOMENTS:
            if right in _MOMENTS:
                function = "moment_days" if left == right == "date" else "moment_diff"
                return f"{function}({self.moment(node.left)}, {self.moment(node.right)})"
            return self._moved(node.left, node.right, "-")
        elif op in (ops.MUL, ops.DIV) and "interval" in (left, right) and {left, right} & _NUMBERS:
            if self.has_forms(node.left) or self.has_forms(node.right):
                return f"CAST(round(({self.moment(node.left)}) {op.sql} ({self.moment(node.right)})) AS INTEGER)"
            return f"CAST(round({super().plain_binary(node)}) AS INTEGER)"
        return None

    def _moved(self, moment: ColumnElement[Any], by: ColumnElement[Any], sign: str = "") -> str:
        function = "moment_add" if by.type.stored_type.lookup_name == "interval" else "moment_add_days"
        amount = f"{sign}({self.moment(by)})" if sign else self.moment(by)
        return f"{function}({self.moment(moment)}, {amount})"

    def visit_extract(self, node: Extract) -> str:
        if node.element.type.stored_type.lookup_name == "interval":
            return _PARTS_OF_SPANS[node.field].format(f"({self.moment(node.element)})")
        return f"moment_part('{node.field}', {self.moment(node.element)})"

    def visit_cast(self, node: Cast[Any]) -> str:
        if isinstance(node.type.stored_type, Integer) and isinstance(node.element.type.stored_type, Numeric):
            # CAST would cut the fraction off
            return f"CAST(decimal_round({self.process(node.element)}) AS INTEGER)"
        if isinstance(node.type.stored_type, Integer) and isinstance(node.element.type.stored_type, Float):
            return f"CAST(float_round({self.process(node.element)}) AS INTEGER)"
        kind, own = kind_of(node), kind_of(node.element)
        if kind is not None and own is not None and kind != own:
            return f"moment_as('{kind}', {self.process(node.element)})"
        return self.as_own_text(node, super().visit_cast(node))

    def visit_case(self, node: Case[Any]) -> str:
        whens = " ".join(
            f"WHEN {self.process(condition)} THEN {self.as_type(value, node.type)}" for condition, value in node.whens
        )
        otherwise = f" ELSE {self.as_type(node.else_, node.type)}" if node.else_ is not None else ""
        return self.as_own_text(node, f"CASE {whens}{otherwise} END")

    def as_type(self, node: ColumnElement[Any], type_: TypeEngine[Any]) -> str:
        if isinstance(type_.stored_type, Numeric):
            return self.decimal_operand(node, ops.COMMA)
        kind = kind_of_type(type_)
        text = self.process(node) if kind is None else self.as_kind(node, kind)
        # an integer would go on being one, and be divided as one
        mixed = isinstance(type_.stored_type, Float) and isinstance(node.type.stored_type, (Integer, Numeric))
        return f"CAST({text} AS REAL)" if mixed else text

    def conflict_constraint(self, name: str) -> str:
        raise CompileError(
            f"SQLite cannot name the constraint {name!r} in ON CONFLICT. Pass index_elements=[its columns], or the constraint itself."
        )

    def insert_source(self, insert: Insert) -> str:
        text = super().insert_source(insert)
        select = insert.source_select
        if insert.conflict is None or (isinstance(select, Select) and select.where_clauses):
            return text
        # without WHERE, ON would be taken for that of a join (https://www.sqlite.org/lang_upsert.html, "Parsing Ambiguity")
        return f"SELECT * FROM ({text}) WHERE true"

    def returning(self, statement: DMLStatement) -> str:
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

    def distinct_prefix(self, select: Select) -> str:
        if isinstance(select.distinct_clause, tuple):
            raise CompileError("SQLite has no DISTINCT ON. Group by the columns, or use row_number() in a subquery.")
        return super().distinct_prefix(select)

    def refuse_writing_cte(self, cte: object) -> None:
        raise CompileError(
            "SQLite takes no INSERT, UPDATE or DELETE in a common table expression. Execute it first, with RETURNING, and use its rows."
        )

    def ties(self, select: SelectBase) -> str:
        raise CompileError(
            "SQLite has no WITH TIES. Number the rows by func.rank().over(order_by=...) in a subquery, and select those up to the limit."
        )

    def visit_tablesample(self, sample: TableSample) -> str:
        raise CompileError(
            f"SQLite has no TABLESAMPLE, and {sample.element.description} is to be sampled. Take rows at random:"
            " order_by(func.random()).limit(n)."
        )

    def hinted(self, text: str, hint: str) -> str:
        if not _HINT.match(hint):
            raise CompileError(
                f"with_hint({hint!r}): SQLite takes 'INDEXED BY name' and 'NOT INDEXED'. Say by dialect_name which database a hint is for."
            )
        return super().hinted(text, hint)

    def visit_lateral(self, lateral: Lateral) -> str:
        raise CompileError("SQLite has no LATERAL. Use a scalar subquery, or a join with a grouped subquery.")

    # the function that a window is written for
    _windowed: Any = None

    def visit_over(self, node: Over) -> str:
        outer, self._windowed = self._windowed, function_of(node)
        text = super().visit_over(node)
        self._windowed = outer
        return text

    def visit_function_column(self, node: FunctionColumn) -> str:
        raise CompileError(
            f"SQLite has no rows as values, and {node.name!r} of one is asked for. Select from the function: table_valued({node.name!r})."
        )

    string_aggregate = "group_concat"

    def visit_aggregate_order_by(self, node: AggregateOrderBy) -> str:
        if sqlite3.sqlite_version_info < (3, 44):
            raise CompileError(
                f"SQLite {sqlite3.sqlite_version} has no ORDER BY in aggregates; 3.44 has. Select from a subquery whose rows are ordered."
            )
        return super().visit_aggregate_order_by(node)

    def visit_array_literal(self, node: ArrayLiteral) -> str:
        return f"json_array({', '.join(map(self.process, node.items))})"

    def visit_function_filter(self, node: FunctionFilter[Any]) -> str:
        function = node.element
        if not _makes_array(function):
            return super().visit_function_filter(node)
        condition = f" FILTER (WHERE {self.process(node.condition)})"
        return self._array_of_rows(function, condition)

    def _array_of_rows(self, node: FunctionElement, condition: str = "") -> str:
        """Write the aggregate that makes an array, NULL where there are no rows."""
        items = ", ".join(self.process(argument) for argument in node.arguments)
        made = f"json_group_array({items}){condition}"
        return f"CASE WHEN count(*){condition} > 0 THEN {made} END" if node is not self._windowed else made

    def visit_within_group(self, node: WithinGroup) -> str:
        raise CompileError("SQLite has no WITHIN GROUP. Order the rows in a subquery and take the one that is meant.")

    def visit_function(self, node: FunctionElement) -> str:
        name = node.function_name.lower()
        if name == "array_agg":
            return self._array_of_rows(node)
        if name in ("sum", "avg"):
            _refuse_sum(name, node.arguments)
        if node is self._windowed and name in ("min", "max") and isinstance(node.type.stored_type, Numeric):
            # the functions of decimals have no windows; SQLite's own go by the collation
            return f"{name}({self.operand(node.arguments[0], ops.COLLATE)} COLLATE decimal)"
        if name in _ALIKE and (isinstance(node.type.stored_type, (Numeric, Float)) or kind_of(node) is not None):
            first, *others = (self.as_type(argument, node.type) for argument in node.arguments)
            collation = " COLLATE decimal" if isinstance(node.type.stored_type, Numeric) else ""
            return f"{_RENAMED.get(name, name)}({', '.join([f'{first}{collation}', *others])})"
        if name in ("now", "current_timestamp") and not node.arguments:
            return _NOW
        if (
            name in ("min", "max", "sum", "avg")
            and any(self.has_forms(argument) for argument in node.arguments)
            and not isinstance(node.type.stored_type, Numeric)
        ):
            return f"{name}({', '.join(self.told_apart(argument) for argument in node.arguments)})"
        if name in _EXACT_FUNCTIONS and isinstance(node.type.stored_type, Numeric):
            return f"decimal_{name}({', '.join(self.process(argument) for argument in node.arguments)})"
        if name in _RENAMED:
            return f"{_RENAMED[name]}({', '.join(self.process(argument) for argument in node.arguments)})"
        return super().visit_function(node)
