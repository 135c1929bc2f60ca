"""How column expressions become text.

The compiler is a visitor: ``visit_<name>`` for each node's ``__visit_name__``. What becomes of bind
parameters, whose order is known at the end only, is in :mod:`~flask_uow.sql.compiler.placeholders`. Dialects subclass
:class:`flask_uow.sql.compiler.StatementCompiler` and override what they write differently.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol, Self, cast
from uuid import UUID

from flask_uow.exc import CompileError
from flask_uow.sql import operators as ops
from flask_uow.sql.compiler.compiled import Compiled, InsertedKey, ResultColumn, Slot
from flask_uow.sql.compiler.placeholders import Placeholders
from flask_uow.sql.compiler.values import ValueCompiler
from flask_uow.sql.custom import ClauseList, Constant, visitor_for, write_type
from flask_uow.sql.expressions import (
    Between,
    BinaryExpression,
    BindParameter,
    BooleanList,
    Collate,
    ColumnElement,
    ExpressionList,
    Label,
    LiteralColumn,
    Null,
    OrderName,
    UnaryExpression,
)
from flask_uow.sql.from_statement import FromStatement
from flask_uow.sql.interfaces import SQLDialect
from flask_uow.sql.lightweight import is_table
from flask_uow.sql.naming import short_name
from flask_uow.sql.nodes import ClauseElement, Shape
from flask_uow.sql.operators import Operator
from flask_uow.sql.selectable import Alias
from flask_uow.sql.text import TextColumn
from flask_uow.sql.types import Float, Integer, Numeric, TypeEngine

if TYPE_CHECKING:
    from flask_uow.sql.constructors import Case
    from flask_uow.sql.expressions import Cast
    from flask_uow.sql.interfaces import SchemaItem
    from flask_uow.sql.schema import Table
    from flask_uow.sql.select_base import Exists, ScalarSelect
    from flask_uow.sql.selectable import ColumnClause, FromClause
    from flask_uow.sql.sourced import Sourced

__all__ = ["ExpressionCompiler"]

# a name of that many characters is surely not too long
_SHORT = 15
# statements of one table each, or about tables that refer to each other
_DDL = frozenset(
    (
        "create_table",
        "create_index",
        "add_constraint",
        "comment_on",
        "drop_table",
        "drop_index",
        "create_sequence",
        "create_enum",
        "create_domain",
        "drop_constraint",
    )
)
_FLOAT = Float()


class NamedSource(Protocol):
    """An element of FROM that has a name of its own, or is given one: an alias, a subquery, the rows of a function."""

    @property
    def name(self) -> str | None:
        """Its name; None where one is made up."""
        ...

    @property
    def base_name(self) -> str:
        """The word that a made-up name starts with."""
        ...


class ExpressionCompiler(ValueCompiler):
    """Writes column expressions.

    :param dialect: the dialect to write for.
    :param literal_binds: write values into the text (for DDL, which takes no parameters).
    :param writes_values: write the values of parameters into the text of a statement, for people.
    :param is_executed: have an INSERT tell the key of its row; not where the text is all that is wanted.
    """

    def __init__(
        self, dialect: SQLDialect, literal_binds: bool = False, is_executed: bool = False, writes_values: bool = False
    ) -> None:
        self.dialect = dialect
        self.literal_binds = literal_binds
        self.is_executed = is_executed
        self.writes_values = writes_values
        self._binds: list[Any] = []
        # how many visitors of an application are at work
        self._custom = 0
        # the statement itself, not one inside of it
        self.statement: Any = None
        # where the key of an INSERT's row comes from: as InsertedKey has it, with the numbers of spots
        self.key_sources: list[tuple[str, int]] = []
        self.key_returned: list[Any] = []
        self.placeholders = Placeholders()
        # the column that a value is stored in, while that is written
        self.target: str | None = None
        self.result: tuple[ResultColumn, ...] = ()
        self._indexes: dict[int, int] = {}
        self._names: dict[int, str] = {}
        self._taken: dict[str, int] = {}
        self.ctes: dict[int, tuple[str, str, bool]] = {}
        # those of the SELECT at hand alone; and all that are known where the compiler is
        self.nested_ctes: dict[int, tuple[str, str, bool]] | None = None
        self.nested_known: set[int] = set()
        # what is written beside elements of FROM, by their ids
        self.hints: dict[int, str] = {}
        # True where a common table expression writes
        self.writes = False
        self.froms_stack: list[set[int]] = []
        # what ORDER BY can name: the result's columns; of a compound, it can name nothing else
        self.result_types: dict[str, TypeEngine[Any]] = {}
        self.result_columns: dict[str, Any] = {}
        self.compound_columns: dict[int, str] = {}
        self.in_compound = False
        # in FROM, a column that has no name of its own is given one, by which the enclosing statement knows it
        self.names_needed = False
        self.qualify = True
        # of the columns of a compound, for each SELECT in it
        self.member_types: list[TypeEngine[Any]] | None = None
        # the tables met, by identity; and those that are set apart from a table of their name in a schema: (in FROM, elsewhere)
        self.tables: dict[int, Any] = {}
        self.apart: dict[int, tuple[str, str]] = {}

    # -- entry

    def compile(self, statement: ClauseElement, shape: Shape) -> Compiled:
        """Compile a whole statement.

        :param shape: the shape of the very same statement object.
        """
        self._binds = shape.binds
        self._indexes = {id(bind): index for index, bind in enumerate(shape.binds)}
        self.statement = statement
        text = self.process(statement)
        # which tables meet is known when all is written, so a statement with namesakes is written twice
        if not self.apart and (namesakes := self._namesakes()) and statement.__visit_name__ not in _DDL:
            again = type(self)(self.dialect, self.literal_binds, self.is_executed, self.writes_values)
            again.apart = {id(table): again.set_apart(table) for table in namesakes}
            return again.compile(statement, shape)
        if self.ctes:
            text = f"{self.with_ctes(self.ctes.values())} {text}"
        escapes_percent = self.dialect.escapes_percent and not self.writes_values
        sql, slots, numbers, row = self.placeholders.finish(text, self.placeholder, escapes_percent)
        is_custom = statement.has_attributes and statement.__visit_name__ == "clause"
        if is_custom:
            # nobody knows what an application's own statement returns
            self.result = ()
        returns_rows = (
            bool(self.result)
            or getattr(statement, "is_select", False)
            or is_custom
            or statement.__visit_name__ == "text"
        )
        return Compiled(
            sql,
            slots,
            self.result,
            self.writes or self.is_write(statement),
            returns_rows,
            self._inserted_key(numbers),
            row,
        )

    def _inserted_key(self, numbers: Mapping[int, int]) -> InsertedKey | None:
        if not self.key_sources:
            return None
        sources = tuple((kind, numbers[n] if kind == "value" else n) for kind, n in self.key_sources)
        processors = tuple(self.dialect.result_processor(column.type) for column in self.key_returned)
        names = tuple(column.name for column in self.statement.table.primary_key.columns)
        return InsertedKey(names, sources, processors)

    def _namesakes(self) -> list[Any]:
        """Return the tables without a schema whose name a table in a schema has, too: ``t.id`` would be about either."""
        named = {table.name for table in self.tables.values() if table.schema} if len(self.tables) > 1 else ()
        return [table for table in self.tables.values() if table.name in named and not table.schema] if named else []

    def set_apart(self, table: Table) -> tuple[str, str]:
        """Return how such a table stands in FROM, and by which name its columns refer to it."""
        self._taken[table.name] = 1
        name = self.dialect.quote(short_name(f"{table.name}_1"))
        return f"{self.dialect.quote(table.name)} AS {name}", name

    def is_write(self, statement: ClauseElement) -> bool:
        """Return True when the statement needs a write transaction."""
        if isinstance(statement, FromStatement):
            return self.is_write(statement.element)
        if getattr(statement, "is_select", True):
            return getattr(statement, "for_update_clause", None) is not None or bool(
                getattr(statement, "is_write", False)
            )
        return bool(getattr(statement, "is_write", True))

    def process(
        self,
        node: ClauseElement,
        *,
        literal_binds: bool | None = None,
        asfrom: bool = False,
        include_table: bool = True,
    ) -> str:
        """Return the text of a node.

        :param node: the node; also an attribute of a mapped class, or a type.
        :param literal_binds: True writes the values of parameters into the text.
        :param asfrom: True for what stands in FROM: a SELECT is written in parentheses.
        :param include_table: False writes columns without their tables.
        :raises CompileError: for what this dialect cannot express.
        """
        if literal_binds is not None or not include_table or asfrom:
            return self._process_so(node, literal_binds, asfrom, include_table)
        visitor = visitor_for(type(node), self.dialect.name)
        if visitor is not None:
            return self._visit_custom(visitor, node)
        visit = getattr(self, f"visit_{getattr(node, '__visit_name__', 'clause')}", None)
        if visit is None:
            return self._process_other(node)
        text: str = visit(node)
        return text

    def _process_so(self, node: ClauseElement, literal_binds: bool | None, asfrom: bool, include_table: bool) -> str:
        outer = self.writes_values, self.qualify
        self.writes_values = self.writes_values if literal_binds is None else literal_binds
        self.qualify = self.qualify and include_table
        text = self.subselect(node) if asfrom and getattr(node, "is_select", False) else self.process(node)
        self.writes_values, self.qualify = outer
        return f"({text})" if asfrom and getattr(node, "is_select", False) else text

    def _visit_custom(self, visitor: Callable[..., str], node: ClauseElement) -> str:
        self._custom += 1
        try:
            text = visitor(node, self)
        finally:
            self._custom -= 1
        if not isinstance(text, str):
            raise CompileError(
                f"the function that writes {type(node).__name__} returned {text!r}, and text was expected. Return the SQL."
            )
        return text

    def _process_other(self, node: object) -> str:
        if isinstance(node, TypeEngine):
            return self.type_text(node)
        element = getattr(node, "__clause_element__", None)
        if element is not None and not isinstance(node, (ClauseElement, type)):
            return self.process(element())
        if getattr(node, "has_attributes", False) or getattr(node, "__visit_name__", "clause") == "clause":
            name = type(node).__name__
            raise CompileError(
                f"nothing says how {name} is written as SQL for {self.dialect.name}. Say it with a function: @compiles({name}), or"
                f" @compiles({name}, {self.dialect.name!r}) for this database alone."
            )
        raise CompileError(f"{type(node).__name__} cannot be written as SQL for {self.dialect.name} in this place.")

    def type_text(self, type_: TypeEngine[Any]) -> str:
        """Return a type as DDL writes it."""
        return write_type(type_, self) or self.dialect.type_ddl(type_)

    def cast_text(self, type_: TypeEngine[Any]) -> str:
        """Return a type as CAST writes it."""
        return write_type(type_, self) or self.dialect.cast_name(type_)

    @property
    def preparer(self) -> Any:
        """The dialect: its ``quote()`` quotes a name where that is needed."""
        return self.dialect

    @property
    def sql_compiler(self) -> Self:
        """This compiler, which writes DDL and expressions alike."""
        return self

    def visit_clause_list(self, node: ClauseList) -> str:
        return ", ".join(self.process(clause) for clause in node.clauses)

    def placeholder(self, slot: Slot, number: int) -> str:
        """Return the placeholder for a slot."""
        return self.dialect.placeholder

    def place(self, slot: Slot) -> str:
        """Return the spot that becomes the slot's placeholder; where values are written, the value."""
        return self._written(slot) if self.writes_values else self.placeholders.spot_for(slot)

    def _written(self, slot: Slot) -> str:
        if slot.default is not None:
            value = slot.default.value()
        elif slot.required:
            raise CompileError(
                f"the parameter :{slot.key} has no value that could be written into the text. Give it one, bindparam({slot.key!r}, value), or compile"
                " without literal_binds."
            )
        else:
            value = self._binds[slot.index].value
        return self.value_text(slot.processor(value) if slot.processor is not None else value)

    def value_text(self, value: object) -> str:
        """Return a value, as the driver would be given it, as text.

        :raises CompileError: for one that has no such form.
        """
        if isinstance(value, (bytes, bytearray, memoryview)):
            return f"X'{bytes(value).hex().upper()}'"
        if isinstance(value, bool) or value is None or not isinstance(value, (int, float, Decimal)):
            try:
                return self.literal(value)
            except CompileError as error:
                raise CompileError(
                    f"the value {value!r} of a parameter cannot be written into the text for {self.dialect.name}. Compile without literal_binds,"
                    " and pass the values with the text."
                ) from error
        text = repr(value) if isinstance(value, float) else str(value)
        # two minus signs would begin a comment
        return f"({text})" if text.startswith("-") else text

    def operand(self, node: ClauseElement, op: Operator, strict: bool = False) -> str:
        """Return the text of an operand, in parentheses where it binds looser than ``op``."""
        text = self.process(node)
        precedence = getattr(node, "precedence", 20)
        if precedence < op.precedence or (strict and precedence == op.precedence):
            return f"({text})"
        return f"({text})" if ops.ambiguous(op, precedence, getattr(node, "operator", op)) else text

    # -- leaves

    def visit_bindparam(self, node: BindParameter[Any]) -> str:
        if self.literal_binds:
            stored = self.dialect.bind_processor(node.type)
            return self.literal(stored(node.value) if stored is not None else node.value)
        processor = self.dialect.bind_processor(node.type)
        # made by a function of an application while it writes, so the shape of the statement does not have it
        if self._custom and id(node) not in self._indexes:
            slot = Slot(-1, None, processor, False, Constant(node.value), self.target)
            # what is compared with a value within the expression of its type is of that type, too
            if self.is_around:
                return self.place(slot)
        else:
            slot = Slot(self.index_of(node), node.key, processor, node.required, None, self.target)
        return self.value_around(node.type, self.place(slot))

    def index_of(self, node: BindParameter[Any]) -> int:
        """Return the number of a bind parameter of the statement."""
        index = self._indexes.get(id(node))
        if index is None:
            raise CompileError(
                "a bind parameter was made while the statement was being compiled; please report this statement."
            )
        return index

    def literal(self, value: object) -> str:
        """Return a value as text, for DDL."""
        if value is None:
            return "NULL"
        if isinstance(value, bool):
            return "TRUE" if value else "FALSE"
        if isinstance(value, (int, float)):
            return repr(value)
        if isinstance(value, (Decimal, date, time, UUID)):
            value = str(value)
        if isinstance(value, str) and "\x00" not in value:
            return "'" + value.replace("'", "''") + "'"
        raise CompileError(f"{value!r} cannot be written into DDL. Use text() with the SQL you mean.")

    def visit_null(self, node: Null) -> str:
        return "NULL"

    def visit_literal_column(self, node: LiteralColumn) -> str:
        return str(node.text)

    def visit_column(self, node: ColumnClause) -> str:
        table = node.table
        if table is None:
            return self.dialect.quote(node.name)
        if not self.qualify:
            return self.dialect.quote(node.name)
        name = short_name(node.name) if len(node.name) > _SHORT and _is_derived(table) else node.name
        return f"{self.table_name(table)}.{self.dialect.quote(name)}"

    def result_name(self, name: str) -> str:
        """Return the quoted name of a column of the result; in FROM, where others refer to it, one that stays whole."""
        return self.dialect.quote(short_name(name) if self.names_needed and len(name) > _SHORT else name)

    def table_name(self, table: FromClause) -> str:
        """Return the name by which columns refer to a FROM element."""
        if is_table(table):
            apart = self.apart.get(id(table))
            return self.plain_table(table) if apart is None else apart[1]
        if table.__visit_name__ == "cte":
            self.process(table)
        # columns refer to no others: those of a join to its sides
        return self.dialect.quote(self.anonymous_name(cast("NamedSource", table)))

    def anonymous_name(self, element: NamedSource) -> str:
        """Return the name of an alias, made up and numbered where it has none."""
        name = self._names.get(id(element))
        if name is None:
            if element.name is not None:
                name = element.name
            else:
                base = element.base_name
                self._taken[base] = self._taken.get(base, 0) + 1
                name = short_name(f"{base}_{self._taken[base]}")
            self._names[id(element)] = name
        return name

    def visit_table(self, table: SchemaItem) -> str:
        apart = self.apart.get(id(table))
        text = self.plain_table(table) if apart is None else apart[0]
        return self.hinted(text, self.hints[id(table)]) if id(table) in self.hints else text

    def hinted(self, text: str, hint: str) -> str:
        """Return an element of FROM with a hint beside it.

        :raises CompileError: for a hint that the database does not take.
        """
        return f"{text} {hint}"

    def plain_table(self, table: SchemaItem) -> str:
        """Return the name of a table (or a sequence) with its schema."""
        self.tables[id(table)] = table
        quote = self.dialect.quote
        return f"{quote(table.schema)}.{quote(table.name)}" if table.schema else quote(table.name)

    # -- operators

    def visit_binary(self, node: BinaryExpression[Any]) -> str:
        op = node.operator
        handler = getattr(self, f"binary_{op.name}", None)
        if handler is not None:
            text: str = handler(node)
            return text
        return self.binary_of(node)

    def binary_of(self, node: BinaryExpression[Any]) -> str:
        """Write ``left op right`` of an operator that has no writer of its own."""
        if self.dialect.exact_decimal_text and (special := self.exact_decimal(node)) is not None:
            return special
        return self.plain_binary(node)

    def plain_binary(self, node: BinaryExpression[Any]) -> str:
        """Write ``left op right``; an integer is divided by another as a float, since the databases would cut the fraction off."""
        op = node.operator
        if (
            op is ops.DIV
            and isinstance(node.left.type.stored_type, Integer)
            and isinstance(node.right.type.stored_type, Integer)
        ):
            left = f"CAST({self.process(node.left)} AS {self.dialect.cast_name(_FLOAT)})"
        else:
            left = self.operand(node.left, op)
        # a * (b / c) is another value than a * b / c
        chained = op.associative and getattr(node.right, "operator", None) is op
        right = self.operand(node.right, op, strict=not chained)
        text = f"{left} {op.sql} {right}"
        return f"{text} ESCAPE {self.literal(node.escape)}" if node.escape is not None else text

    def exact_decimal(self, node: BinaryExpression[Any]) -> str | None:
        """Write arithmetic and comparison of exact decimals that the database keeps as text; None where not concerned."""
        right = node.right
        many = right.items if node.operator in (ops.IN, ops.NOT_IN) and isinstance(right, ExpressionList) else ()
        if not any(isinstance(operand.type.stored_type, Numeric) for operand in (node.left, right, *many)):
            return None
        if node.operator in ops.ARITHMETIC:
            if not isinstance(node.type.stored_type, Numeric):
                return None
            if node.operator is ops.MOD:
                raise CompileError(f"{self.dialect.name} has no exact % for decimals. Compute it in Python.")
            return f"decimal_{node.operator.name}({self.process(node.left)}, {self.process(node.right)})"
        if node.operator in ops.COMPARISONS:
            left = f"{self.decimal_operand(node.left, ops.COLLATE)} COLLATE decimal"
            if many:
                return f"{left} {node.operator.sql} ({', '.join(self.decimal_operand(i, ops.COMMA) for i in many)})"
            return f"{left} {node.operator.sql} {self.decimal_operand(right, node.operator)}"
        return None

    def decimal_operand(self, node: ColumnElement[Any], op: Operator) -> str:
        """Return an operand that is compared with exact decimals kept as text; other numbers become text too."""
        text = self.operand(node, op, strict=True)
        return f"CAST({text} AS TEXT)" if isinstance(node.type.stored_type, (Integer, Float)) else text

    def visit_between(self, node: Between) -> str:
        parts = (node.element, node.low, node.high)
        if self.dialect.exact_decimal_text and any(isinstance(part.type.stored_type, Numeric) for part in parts):
            element = f"{self.decimal_operand(node.element, ops.COLLATE)} COLLATE decimal"
            low, high = (self.decimal_operand(end, node.operator) for end in parts[1:])
        else:
            element = self.operand(node.element, node.operator)
            low, high = (self.operand(end, node.operator, strict=True) for end in parts[1:])
        return f"{element} {node.operator.sql} {low} AND {high}"

    def visit_unary(self, node: UnaryExpression[Any]) -> str:
        op = node.operator
        if op in ops.ORDERINGS:
            return f"{self.order_term(node.element)} {op.sql}"
        if op is ops.NEG and self.dialect.exact_decimal_text and isinstance(node.type.stored_type, Numeric):
            return f"decimal_sub('0', {self.process(node.element)})"
        if op is ops.DISTINCT and self.has_forms(node.element):
            return f"DISTINCT {self.told_apart(node.element)}"
        is_sign = op is ops.NEG or op is ops.BITWISE_NOT
        text = self.operand(node.element, op, strict=is_sign)
        return f"{op.sql}{text}" if is_sign else f"{op.sql} {text}"

    def has_forms(self, node: ColumnElement[Any]) -> bool:
        """Return True where equal values may be written differently, so that :meth:`told_apart` has something to do."""
        return False

    def told_apart(self, node: ColumnElement[Any]) -> str:
        """Return the text of a value in a form that only equal values share."""
        return self.process(node)

    def order_term(self, node: ColumnElement[Any]) -> str:
        """Return an ORDER BY term without its direction; a column of the result is named, not repeated."""
        if isinstance(node, UnaryExpression) and node.operator in ops.ORDERINGS:
            return self.process(node)
        type_ = node.type
        if isinstance(node, (OrderName, TextColumn)):
            type_ = self.result_types.get(node.name, type_)
        named = isinstance(node, Label) and node.name in self.result_types
        name = node.name if named else self.compound_columns.get(id(node))
        text = self.process(node) if name is None else self.result_name(name)
        if self.dialect.exact_decimal_text and isinstance(type_.stored_type, Numeric):
            return f"{text} COLLATE decimal"
        return text

    def visit_order_name(self, node: OrderName) -> str:
        return self.result_name(node.name) if node.name in self.result_types else self.dialect.quote(node.name)

    def visit_boolean_list(self, node: BooleanList) -> str:
        return f" {node.operator.sql} ".join(
            self.operand(clause, node.operator, strict=True) for clause in node.clauses
        )

    def visit_expression_list(self, node: ExpressionList) -> str:
        return "(" + ", ".join(self.process(item) for item in node.items) + ")"

    def visit_collate(self, node: Collate) -> str:
        return f"{self.operand(node.element, ops.COLLATE)} COLLATE {self.dialect.quote(node.collation)}"

    def visit_sourced(self, node: Sourced[Any]) -> str:
        return self.process(node.element)

    def visit_label(self, node: Label[Any]) -> str:
        return self.process(node.element)

    def visit_cast(self, node: Cast[Any]) -> str:
        return f"CAST({self.process(node.element)} AS {self.cast_text(node.type)})"

    def visit_case(self, node: Case[Any]) -> str:
        whens = " ".join(
            f"WHEN {self.process(condition)} THEN {self.process(value)}" for condition, value in node.whens
        )
        otherwise = f" ELSE {self.process(node.else_)}" if node.else_ is not None else ""
        return f"CASE {whens}{otherwise} END"

    def as_type(self, node: ColumnElement[Any], type_: TypeEngine[Any]) -> str:
        """Return the text of a value beside others, all of which are to be of one type; databases see to that themselves."""
        return self.process(node)

    def visit_scalar_select(self, node: ScalarSelect[Any]) -> str:
        return f"({self.subselect(node.select_element)})"

    def visit_exists(self, node: Exists) -> str:
        return f"EXISTS ({self.subselect(node.select_element)})"

    def subselect(self, select: ClauseElement) -> str:
        """Return the text of a SELECT inside another statement, with its own result columns left out of ours."""
        outer = self.result
        text = self.below_top(self.process, select)
        self.result = outer
        return text

    def with_ctes(self, ctes: Iterable[tuple[str, str, bool]]) -> str:
        """Return ``WITH ...`` for common table expressions: the name of each, its text, and whether it is recursive."""
        given = list(ctes)
        recursive = any(is_recursive for _, _, is_recursive in given)
        return f"WITH {'RECURSIVE ' if recursive else ''}{', '.join(f'{name} AS {text}' for name, text, _ in given)}"

    def words(self, given: Iterable[tuple[str, str | None]]) -> list[str]:
        """Return words of SQL, those for this database."""
        return [text for text, dialect in given if dialect in (None, self.dialect.name)]

    def prefixes(self, given: Iterable[tuple[str, str | None]]) -> str:
        """Return the words for this database that stand before something else."""
        return "".join(f"{word} " for word in self.words(given))


def _is_derived(table: FromClause) -> bool:
    """Return True for a subquery or CTE whose columns have the names that we have given them."""
    while isinstance(table, Alias) and table.__visit_name__ == "alias":
        table = table.element
    select = getattr(table, "select_element", None)
    return select is not None and select.__visit_name__ != "textual_select"
