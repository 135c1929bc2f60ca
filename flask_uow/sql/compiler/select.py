"""How SELECT, compounds and FROM elements become text."""

from __future__ import annotations

from typing import Any

from flask_uow.exc import CompileError, did_you_mean
from flask_uow.sql.compiler.base import ExpressionCompiler
from flask_uow.sql.compiler.compiled import ResultColumn
from flask_uow.sql.expressions import ColumnElement, Label, OrderName
from flask_uow.sql.for_update import ForUpdate
from flask_uow.sql.from_statement import FromStatement
from flask_uow.sql.lightweight import RowsSelect, is_table
from flask_uow.sql.nodes import ClauseElement
from flask_uow.sql.rewriting import without_direction
from flask_uow.sql.select import Select
from flask_uow.sql.select_base import CompoundSelect, SelectBase
from flask_uow.sql.selectable import Alias, FromClause, Join, TableSample
from flask_uow.sql.subqueries import CTE, Lateral, Subquery
from flask_uow.sql.table_functions import TableFunction
from flask_uow.sql.text import TextFrom, TextualSelect
from flask_uow.sql.types import NULLTYPE, TypeEngine

__all__ = ["SelectCompiler"]


class SelectCompiler(ExpressionCompiler):
    """Writes SELECT and what stands in FROM."""

    def visit_select(self, select: Select) -> str:
        select = select.said_of_what_is_selected(self.froms_stack)
        select.refuse_doubles()
        names = select.result_columns()
        if not names:
            raise CompileError("select() got no columns. Pass a column, a table or a mapped class.")
        types, self.member_types = self.member_types, None
        at_top, self.at_top = self.at_top, False
        # written although nothing may refer to them
        for cte in select.words.ctes:
            self.process(cte)
        outer_nested = self.nested_ctes
        nested = self.nested_ctes = {}
        outer_hints, self.hints = self.hints, {**self.hints, **self._hints(select)}
        froms = self._without_correlated(select.all_froms, select.correlation)
        covered = {id(part) for element in froms for part in element.from_objects()}
        select = select.of_rows_of_named_classes(covered)
        # subqueries take these from here
        self.froms_stack.append(covered)
        _refuse_unknown_names(select, froms, (*select.order_by_clauses, *select.group_by_clauses))
        outer = self.result_types, self.result_columns, self.compound_columns, self.in_compound
        self.result_types, self.compound_columns = {name: column.type for name, column in names}, {}
        self.result_columns, self.in_compound = dict(names), False
        head = f"{self.prefixes(select.words.prefixes)}{self.distinct_prefix(select)}"
        self.at_top = at_top
        parts = [f"SELECT {head}{self._columns(names, types, select.distinct_clause is True)}"]
        self.at_top = False
        if froms:
            parts.append("FROM " + ", ".join(self.process(element) for element in froms))
        if select.where_clauses:
            parts.append("WHERE " + self._conditions(select.where_clauses))
        if select.group_by_clauses:
            parts.append(
                "GROUP BY " + ", ".join(self._group_term(criterion, froms) for criterion in select.group_by_clauses)
            )
        if select.having_clauses:
            parts.append("HAVING " + self._conditions(select.having_clauses))
        parts.extend(self._order_and_limit(select))
        lock = self.for_update(select.for_update_clause) if select.for_update_clause is not None else ""
        if lock:
            parts.append(lock)
        parts.extend(self.words(select.words.suffixes))
        if nested:
            parts.insert(0, self.with_ctes(nested.values()))
            self.nested_known.difference_update(nested)
        self.nested_ctes, self.hints = outer_nested, outer_hints
        self.froms_stack.pop()
        self.result_types, self.result_columns, self.compound_columns, self.in_compound = outer
        self.result = tuple(ResultColumn(name, column.type, column) for name, column in names)
        self.at_top = at_top
        return " ".join(parts)

    def _group_term(self, criterion: ColumnElement[Any], froms: list[Any]) -> str:
        # in GROUP BY the name of a column that is read wins over a label of that name
        if isinstance(criterion, Label):
            elements = (part for element in froms for part in element.from_objects())
            if any(column.name == criterion.name for element in elements for column in element.c):
                criterion = criterion.element
        return self.order_term(criterion)

    def _without_correlated(self, froms: list[Any], correlate: tuple[tuple[FromClause, ...], bool] | None) -> list[Any]:
        """Return the elements of FROM that a subquery has of its own.

        :param correlate: what was said by ``correlate()`` or ``correlate_except()``: it reaches every statement around this one. Without
            it, a subquery that has several elements takes those of the SELECT directly around it.
        :raises CompileError: when none would be left.
        """
        if not self.froms_stack or not froms:
            return froms
        if correlate is None:
            if len(froms) == 1:
                return froms
            taken = self.froms_stack[-1]
        else:
            elements, only = correlate
            named = {id(element) for element in elements}
            taken = set().union(*self.froms_stack)
            taken = taken & named if only else taken - named
        own = [element for element in froms if id(element) not in taken]
        if not own:
            names = ", ".join(element.description for element in froms)
            raise CompileError(
                f"a subquery takes all its elements of FROM ({names}) from the statement around it, and has none of its own. Say which are its"
                " own with correlate_except(...), which it takes with correlate(...); correlate(None) takes none."
            )
        return own

    def _columns(self, names: list[tuple[str, Any]], types: list[Any] | None, is_distinct: bool) -> str:
        written = []
        for position, (name, column) in enumerate(names):
            in_one_form = (is_distinct or types is not None) and self.has_forms(column)
            around = self.column_around(column)
            if around is not None:
                text, in_one_form = around, True
            elif types is not None:
                text = self.member_value(column, types[position])
            else:
                text = self.told_apart(column) if in_one_form else self.process(column)
            written_name = self.result_name(name)
            kept = written_name == self.dialect.quote(name) and not in_one_form
            # the database gives a column of a table this name by itself
            natural = kept and column.name == name and column.__visit_name__ == "column"
            needs_name = not natural and (
                column.name is not None
                or column.__visit_name__ in ("label", "scalar_select")
                or (self.names_needed and column.__visit_name__ != "text")
            )
            bare = kept and column.__visit_name__ in ("literal_column", "text") and column.name == name
            written.append(f"{text} AS {written_name}" if needs_name and not bare else text)
        return ", ".join(written)

    def member_value(self, node: ColumnElement[Any], type_: TypeEngine[Any]) -> str:
        """Return a column of a SELECT whose rows stand beside others, in a compound or on the right of IN."""
        return self.as_type(node, type_)

    def _conditions(self, conditions: tuple[Any, ...]) -> str:
        if len(conditions) == 1:
            return self.process(conditions[0])
        return " AND ".join(self._conjunct(condition) for condition in conditions)

    def _conjunct(self, condition: ClauseElement) -> str:
        text = self.process(condition)
        return f"({text})" if getattr(condition, "precedence", 20) <= 1 else text

    def _hints(self, select: Select) -> dict[int, str]:
        """Return the words to be written beside elements of FROM on this database, by their ids."""
        given = select.words.hints
        return {id(element): text for element, text, dialect in given if dialect in (None, self.dialect.name)}

    def distinct_prefix(self, select: Select) -> str:
        """Return ``DISTINCT`` and the like."""
        if not select.distinct_clause:
            return ""
        if isinstance(select.distinct_clause, tuple):
            return f"DISTINCT ON ({', '.join(self.process(column) for column in select.distinct_clause)}) "
        return "DISTINCT "

    def _order_and_limit(self, select: SelectBase) -> list[str]:
        parts = []
        order = select.order_among_selected if isinstance(select, Select) else select.order_by_clauses
        if order:
            parts.append("ORDER BY " + ", ".join(self.order_term(criterion) for criterion in order))
        limit = self.limit_clause(select)
        if limit:
            parts.append(limit)
        return parts

    def limit_clause(self, select: SelectBase) -> str:
        """Return ``LIMIT n OFFSET m``."""
        parts = []
        has_ties = isinstance(select, Select) and select.has_ties
        if select.limit_clause is not None and not has_ties:
            parts.append(f"LIMIT {self.process(select.limit_clause)}")
        if select.offset_clause is not None:
            parts.append(f"OFFSET {self.process(select.offset_clause)}")
        # FETCH FIRST has its place behind OFFSET
        if has_ties and select.limit_clause is not None:
            parts.append(self.ties(select))
        return " ".join(parts)

    def ties(self, select: SelectBase) -> str:
        """Return the limit that takes in the rows that are equal to the last one.

        :raises CompileError: without an order, by which they would be equal.
        """
        if not select.order_by_clauses or select.limit_clause is None:
            raise CompileError(
                "fetch(with_ties=True) takes in rows that the order has for equal, and the statement has none. Call order_by()."
            )
        return f"FETCH FIRST ({self.process(select.limit_clause)}) ROWS WITH TIES"

    def for_update(self, lock: ForUpdate) -> str:
        """Return the locking clause; nothing where the database has none."""
        if not self.dialect.supports_for_update:
            return ""
        if lock.key_share:
            text = "FOR KEY SHARE" if lock.read else "FOR NO KEY UPDATE"
        else:
            text = "FOR SHARE" if lock.read else "FOR UPDATE"
        if lock.of:
            text += " OF " + ", ".join(self._lock_name(element) for element in lock.of)
        if lock.nowait:
            text += " NOWAIT"
        if lock.skip_locked:
            text += " SKIP LOCKED"
        return text

    def _lock_name(self, element: FromClause) -> str:
        # a table is named without its schema here
        if is_table(element) and id(element) not in self.apart:
            return self.dialect.quote(element.name)
        return self.table_name(element)

    def visit_from_statement(self, statement: FromStatement) -> str:
        return self.process(statement.element)

    def visit_textual_select(self, select: TextualSelect) -> str:
        text = self.process(select.element)
        self.result = tuple(ResultColumn(name, column.type, column) for name, column in select.result_columns())
        return text

    def visit_compound_select(self, compound: CompoundSelect) -> str:
        names = compound.result_columns()
        types, texts = self.member_types or [column.type for _, column in names], []
        # set anew for each, since a SELECT forgets them for what is inside of it
        for member in compound.selects:
            self.member_types = types
            texts.append(self.compound_member(member))
        self.member_types = None
        _refuse_unknown_names(compound, [], compound.order_by_clauses)
        outer = self.result_types, self.result_columns, self.compound_columns, self.in_compound
        self.result_types, self.result_columns, self.in_compound = (
            {n: column.type for n, column in names},
            dict(names),
            True,
        )
        self.compound_columns = {id(column): name for name, column in compound.selects[0].result_columns()}
        parts = [f" {compound.keyword} ".join(texts), *self._order_and_limit(compound)]
        self.result_types, self.result_columns, self.compound_columns, self.in_compound = outer
        self.result = tuple(ResultColumn(name, column.type, column) for name, column in names)
        return " ".join(parts)

    def compound_member(self, member: SelectBase) -> str:
        """Return one SELECT of a compound, in parentheses where it has an order or a limit of its own."""
        text = self.process(member)
        own = (
            member.order_by_clauses
            or member.limit_clause is not None
            or member.offset_clause is not None
            or member.__visit_name__ == "compound_select"
        )
        return f"({text})" if own else text

    # -- FROM

    def visit_alias(self, alias: Alias) -> str:
        element: Any = alias.element
        while element.__visit_name__ == "alias":
            element = element.element
        named = element.__visit_name__ == "subquery"
        if named:
            text = f"({self.derived(element.select_element)})"
        else:
            text = self.plain_table(element) if element.__visit_name__ == "table" else self.process(element)
        text = f"{text} AS {self.dialect.quote(self.anonymous_name(alias))}"
        return self.hinted(text, self.hints[id(alias)]) if id(alias) in self.hints else text

    def visit_subquery(self, subquery: Subquery) -> str:
        return f"({self.derived(subquery.select_element)}) AS {self.dialect.quote(self.anonymous_name(subquery))}"

    def visit_rows(self, rows: RowsSelect) -> str:
        """Write rows as a SELECT from VALUES, whose columns both databases call ``column1`` and so on."""
        if not rows.rows:
            raise CompileError(
                "values() has no rows. Give them by data([...]); where there is none, leave the statement out."
            )
        quote = self.dialect.quote
        names = ", ".join(f"column{number} AS {quote(column.name)}" for number, column in enumerate(rows.columns, 1))
        # the first row says what the types of the columns are
        first = ", ".join(
            self.process(value)
            if column.type is NULLTYPE
            else f"CAST({self.process(value)} AS {self.dialect.cast_name(column.type)})"
            for value, column in zip(rows.rows[0], rows.columns, strict=True)
        )
        others = (f", ({', '.join(map(self.process, row))})" for row in rows.rows[1:])
        self.result = tuple(ResultColumn(column.name, column.type, column) for column in rows.columns)
        return f"SELECT {names} FROM (VALUES ({first}){''.join(others)}) AS given"

    def visit_table_function(self, rows: TableFunction) -> str:
        name = self.dialect.quote(self.anonymous_name(rows))
        text = f"{self.process(rows.function)}{self.ordinality(rows)}"
        named = f"({', '.join(self._derived_column(rows, column) for column in rows.c)})" if rows.is_derived else ""
        return f"{text} AS {name}{named}"

    def _derived_column(self, rows: TableFunction, column: ColumnElement[Any]) -> str:
        name = self.dialect.quote(str(column.name))
        return f"{name} {self.cast_text(column.type)}" if rows.with_types else name

    def ordinality(self, rows: TableFunction) -> str:
        """Return the words that number the rows of a function."""
        return " WITH ORDINALITY" if rows.ordinality is not None else ""

    def visit_tablesample(self, sample: TableSample) -> str:
        sampling = sample.sampling
        method = self.process(sampling) if isinstance(sampling, ColumnElement) else f"system({sampling})"
        seed = f" REPEATABLE ({self.process(sample.seed)})" if sample.seed is not None else ""
        return f"{self.visit_alias(sample)} TABLESAMPLE {method}{seed}"

    def visit_lateral(self, lateral: Lateral) -> str:
        return (
            f"LATERAL ({self.subselect(lateral.select_element)}) AS {self.dialect.quote(self.anonymous_name(lateral))}"
        )

    def derived(self, select: ClauseElement) -> str:
        """Return a SELECT in FROM, which cannot see the enclosing statement's elements."""
        outer = self.froms_stack, self.names_needed
        self.froms_stack, self.names_needed = [], True
        text = self.subselect(select)
        self.froms_stack, self.names_needed = outer
        return text

    def visit_cte(self, cte: CTE) -> str:
        name = self.dialect.quote(self.anonymous_name(cte))
        if id(cte) not in self.ctes and id(cte) not in self.nested_known:
            if not cte.select_element.is_select:
                self.refuse_writing_cte(cte)
                self.writes = True
            found = self.ctes
            if cte.nesting and self.nested_ctes is not None:
                found = self.nested_ctes
                self.nested_known.add(id(cte))
            # known before it is written, since a recursive one refers to itself
            found[id(cte)] = (name, "", cte.recursive)
            text = f"({self.derived(cte.select_element)})"
            before, behind = self.prefixes(cte.prefixes), "".join(f" {word}" for word in self.words(cte.suffixes))
            # those that this one refers to must come before it
            del found[id(cte)]
            found[id(cte)] = (name, f"{before}{text}{behind}", cte.recursive)
        return name

    def refuse_writing_cte(self, cte: CTE) -> None:
        """Refuse INSERT, UPDATE and DELETE as a common table expression, where the database does not take them."""

    def visit_text_from(self, node: TextFrom) -> str:
        return self.process(node.element)

    def visit_join(self, join: Join) -> str:
        right = self.process(join.right)
        if join.right.__visit_name__ == "join":
            right = f"({right})"
        keyword = "FULL OUTER JOIN" if join.full else "LEFT OUTER JOIN" if join.isouter else "JOIN"
        return f"{self.process(join.left)} {keyword} {right} ON {self.process(join.onclause)}"


def _refuse_unknown_names(select: SelectBase, froms: list[Any], criteria: tuple[Any, ...]) -> None:
    """Refuse an order by a name that nothing has: SQLite takes it for a text, which sorts nothing.

    :raises CompileError: naming the columns that there are.
    """
    bases = map(without_direction, criteria)
    named = [base.name for base in bases if isinstance(base, OrderName)]
    if not named:
        return
    selected = select.result_columns()
    if any(column.__visit_name__ in ("text", "literal_column") for _, column in selected):
        # SQL text may name its columns as it likes
        return
    if any(
        part.__visit_name__ in ("text_from", "table_function") for element in froms for part in element.from_objects()
    ):
        # as may a function
        return
    known = {name for name, _ in selected}
    known.update(column.name for element in froms for part in element.from_objects() for column in part.c)
    for name in named:
        if name not in known:
            raise CompileError(
                f"order_by() or group_by() got the name {name!r}, and no column in the result or the tables has it.{did_you_mean(name, known)} A str"
                f" is one column's name; a direction is given by desc('name'), other SQL by text(...). There are: {', '.join(sorted(known))}."
            )
