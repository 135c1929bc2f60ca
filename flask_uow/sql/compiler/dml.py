"""How INSERT, UPDATE and DELETE become text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_uow.exc import CompileError
from flask_uow.sql.compiler.base import ExpressionCompiler
from flask_uow.sql.compiler.compiled import ResultColumn, Slot
from flask_uow.sql.conflicts import Excluded, OnConflict
from flask_uow.sql.dml import Delete, Insert, Update
from flask_uow.sql.dml_statement import DMLStatement
from flask_uow.sql.froms import collect_froms

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import AnyColumn
    from flask_uow.sql.columns import ColumnDefault
    from flask_uow.sql.expressions import ColumnElement
    from flask_uow.sql.nodes import ClauseElement
    from flask_uow.sql.schema import Table

__all__ = ["DMLCompiler"]


class DMLCompiler(ExpressionCompiler):
    """Writes INSERT, UPDATE and DELETE. Columns to be set are written without their table's name."""

    def visit_insert(self, insert: Insert) -> str:
        quote = self.dialect.quote
        self._check_target("INSERT", insert)
        target = self.visit_table(insert.table)
        verb = f"INSERT {self._words_of(insert)}INTO"
        if insert.source_select is not None:
            columns, source = self._source(insert)
            return f"{verb} {target} ({columns}) {source}{self._conflict(insert)}{self.returning(insert)}"
        rows_given = insert.value_rows or ((),)
        given = [column for column, _ in rows_given[0]]
        defaults = self._defaults(insert.table, given)
        numbered = self._numbered(insert.table, given)
        # both databases refuse an empty list of values
        if not given and not defaults and not numbered:
            end = f"{self._conflict(insert)}{self.returning(insert)}{self.key_returning(insert, {})}"
            return f"{verb} {target} DEFAULT VALUES{end}"
        names = ", ".join(quote(str(c.name)) for c in (*given, *(c for c, _ in defaults), *(c for c, _ in numbered)))
        rows = []
        values: list[str] = []
        for row in rows_given:
            values = [self.stored(column, value) for column, value in row]
            values.extend(self._default_value(column, default) for column, default in defaults)
            values.extend(text for _, text in numbered)
            rows.append(f"({', '.join(values)})")
        end = f"{self._conflict(insert)}{self.returning(insert)}"
        # of several rows, or inside another statement, no key is told
        if len(rows) == 1 and self.is_executed and insert is self.statement:
            sources = [*rows_given[0], *((c, None if default.is_sql else default) for c, default in defaults)]
            spots = {
                column.name: self.placeholders.spot_in(text)
                for (column, source), text in zip(sources, values, strict=False)
                if source is not None and getattr(source, "__visit_name__", "bindparam") == "bindparam"
            }
            end += self.key_returning(insert, spots)
            rows[0] = self.placeholders.as_row(rows[0])
        return f"{verb} {target} ({names}) VALUES {', '.join(rows)}{end}"

    def _words_of(self, statement: DMLStatement) -> str:
        """Return the words behind INSERT, UPDATE or DELETE; the common table expressions that the statement has are written first."""
        for cte in statement.words.ctes:
            self.process(cte)
        return self.prefixes(statement.words.prefixes)

    def _source(self, insert: Insert) -> tuple[str, str]:
        """Return the columns that a SELECT fills, with those that have defaults made in Python, and the SELECT."""
        columns: list[Any] = list(insert.source_columns)
        added: list[str] = []
        if insert.has_source_defaults:
            for column, default in self._defaults(insert.table, columns):
                columns.append(column)
                added.append(self._default_value(column, default))
            for column, text in self._numbered(insert.table, columns):
                columns.append(column)
                added.append(text)
        names = ", ".join(self.dialect.quote(str(column.name)) for column in columns)
        if not added:
            return names, self.insert_source(insert)
        # the condition is for SQLite, which would take ON CONFLICT for that of a join
        assert insert.source_select is not None
        source = f"SELECT given.*, {', '.join(added)} FROM ({self.subselect(insert.source_select)}) AS given WHERE true"
        return names, source

    def key_returning(self, insert: Insert, spots: dict[str, int]) -> str:
        """Note where the primary key of the row comes from; return the RETURNING clause for what the database alone knows of it.

        :param spots: the numbers of the spots of the row's values by column; not of what the database works out.
        """
        table = insert.table
        if (
            not self.is_executed
            or insert is not self.statement
            or insert.returning_columns
            or table.__visit_name__ != "table"
        ):
            return ""
        key = table.primary_key.columns
        # else there may be no new row, and the last one's number is another's
        is_plain = not insert.conflict and not insert.words.prefixes
        for column in key:
            spot = spots.get(column.name)
            if spot is not None:
                self.key_sources.append(("value", spot))
            elif self.dialect.tells_rowid and column is table.generated_key and len(key) == 1 and is_plain:
                self.key_sources.append(("rowid", 0))
            else:
                self.key_sources.append(("returned", len(self.key_returned)))
                self.key_returned.append(column)
        if not self.key_returned:
            return ""
        if insert.is_inline or not getattr(table, "implicit_returning", True):
            self.key_sources, self.key_returned = [], []
            return ""
        return f" RETURNING {', '.join(self._read(column) or self.dialect.quote(column.name) for column in self.key_returned)}"

    def _numbered(self, table: Table, given: list[Any]) -> list[tuple[Any, str]]:
        """Return the key that a sequence numbers, where the INSERT does not give it; the table may have no default of its own."""
        key = table.generated_key if table.__visit_name__ == "table" else None
        if key is None or key.sequence is None or not self.dialect.supports_sequences:
            return []
        return [] if any(column is key for column in given) else [(key, self.process(key.sequence.next_value()))]

    def insert_source(self, insert: Insert) -> str:
        """Return the SELECT that rows are inserted from."""
        assert insert.source_select is not None
        return self.subselect(insert.source_select)

    def _conflict(self, insert: Insert) -> str:
        if insert.conflict is None:
            return ""
        # subqueries take the row that is there already from here
        self.froms_stack.append({id(insert.table)})
        text = self.process(insert.conflict)
        self.froms_stack.pop()
        return f" {text}"

    def visit_on_conflict(self, conflict: OnConflict) -> str:
        text = "ON CONFLICT"
        if conflict.constraint is not None:
            text += f" {self.conflict_constraint(conflict.constraint)}"
        elif conflict.elements:
            text += f" ({', '.join(self.index_element(element) for element in conflict.elements)})"
            if conflict.index_where is not None:
                text += f" WHERE {self._unqualified(conflict.index_where)}"
        if conflict.pairs is None:
            return f"{text} DO NOTHING"
        pairs = ", ".join(
            f"{self.dialect.quote(str(column.name))} = {self.stored(column, value)}" for column, value in conflict.pairs
        )
        where = f" WHERE {self.process(conflict.where)}" if conflict.where is not None else ""
        return f"{text} DO UPDATE SET {pairs}{where}"

    def conflict_constraint(self, name: str) -> str:
        """Return the name of a constraint as the key that is meant."""
        return f"ON CONSTRAINT {self.dialect.quote(name)}"

    def index_element(self, element: ClauseElement) -> str:
        """Return a column, or an expression in parentheses, as an index has it."""
        text = self._unqualified(element)
        return text if element.__visit_name__ in ("column", "unary", "collate") else f"({text})"

    def _unqualified(self, expression: ClauseElement) -> str:
        outer, self.qualify = self.qualify, False
        text = self.process(expression)
        self.qualify = outer
        return text

    def visit_excluded(self, excluded: Excluded) -> str:
        return "excluded"

    def _defaults(self, table: Table, given: list[Any], attribute: str = "default") -> list[tuple[Any, Any]]:
        taken = {column.name for column in given}
        return [
            (c, getattr(c, attribute))
            for c in table.c
            if getattr(c, attribute, None) is not None and c.name not in taken
        ]

    def _default_value(self, column: AnyColumn, default: ColumnDefault) -> str:
        if default.is_sql:
            return self._inline(column, default.argument)
        processor = self.dialect.bind_processor(column.type)
        return self.value_around(
            column.type, self.place(Slot(-1, None, processor, False, default, self.described(column)))
        )

    def _read(self, column: ColumnElement[Any]) -> str | None:
        """Return a column of RETURNING with what its type puts around it; None for the column alone."""
        outer, self.qualify = self.qualify, False
        text = self.column_around(column)
        self.qualify = outer
        return text

    def described(self, column: ColumnElement[Any]) -> str:
        """Return a column as messages name it."""
        table = getattr(column, "table", None)
        return f"{table.name}.{column.name}" if table is not None else str(column.name)

    def stored(self, column: ColumnElement[Any], value: Any) -> str:
        """Return the text of a value that is stored in a column."""
        outer, self.target = self.target, self.described(column)
        text = self.process(value)
        self.target = outer
        return text

    def _inline(self, column: AnyColumn, expression: ClauseElement) -> str:
        # the expression belongs to the column, not to the statement, so its values are not among the statement's
        outer, self.literal_binds = self.literal_binds, True
        text = self.stored(column, expression)
        self.literal_binds = outer
        return text

    def visit_update(self, update: Update) -> str:
        self._check_target("UPDATE", update)
        quote = self.dialect.quote
        words = self._words_of(update)
        given = [column for column, _ in update.set_pairs]
        others = self._other_froms(update, [value for _, value in update.set_pairs])
        # subqueries take the row to be changed from here
        self.froms_stack.append(
            {id(update.table), *(id(part) for element in others for part in element.from_objects())}
        )
        pairs = [f"{quote(str(column.name))} = {self.stored(column, value)}" for column, value in update.set_pairs]
        for column, default in self._defaults(update.table, given, "onupdate"):
            pairs.append(f"{quote(column.name)} = {self._default_value(column, default)}")
        if not pairs:
            raise CompileError(f"UPDATE of {update.table.description} has nothing to set. Call values() first.")
        source = f" FROM {', '.join(self.process(element) for element in others)}" if others else ""
        where = self._where(update)
        self.froms_stack.pop()
        returning = self.returning(update)
        return f"UPDATE {words}{self.dml_target(update.table)} SET {', '.join(pairs)}{source}{where}{returning}"

    def visit_delete(self, delete: Delete) -> str:
        self._check_target("DELETE", delete)
        words = self._words_of(delete)
        others = self._other_froms(delete, [])
        self.froms_stack.append(
            {id(delete.table), *(id(part) for element in others for part in element.from_objects())}
        )
        using = self.using(others) if others else ""
        where = self._where(delete)
        self.froms_stack.pop()
        return f"DELETE {words}FROM {self.dml_target(delete.table)}{using}{where}{self.returning(delete)}"

    def _check_target(self, verb: str, statement: DMLStatement) -> None:
        if statement.table.__visit_name__ not in ("table", "alias"):
            raise CompileError(
                f"{verb} writes one table, and was given {statement.table.description}. A class in several tables is written through a Session:"
                " session.execute(), query.update() and query.delete()."
            )

    def dml_target(self, table: Table) -> str:
        """Return the table that is changed; an alias of one where the statement was made for that."""
        return self.process(table)

    def using(self, elements: list[Any]) -> str:
        """Return the clause by which a DELETE takes rows of other tables."""
        return f" USING {', '.join(self.process(element) for element in elements)}"

    def _other_froms(self, statement: Update | Delete, expressions: list[Any]) -> list[Any]:
        given = statement.using_froms if isinstance(statement, Delete) else ()
        found = collect_froms(given, (*statement.where_clauses, *expressions))
        return [element for element in found if element is not statement.table]

    def _where(self, statement: Update | Delete) -> str:
        if not statement.where_clauses:
            return ""
        conditions = " AND ".join(
            f"({self.process(c)})" if getattr(c, "precedence", 20) <= 1 else self.process(c)
            for c in statement.where_clauses
        )
        return f" WHERE {conditions}"

    def returning(self, statement: DMLStatement) -> str:
        """Return ``RETURNING ...``."""
        if not statement.returning_columns:
            self.result = ()
            return ""
        written = []
        # subqueries take the row that was written from here
        self.froms_stack.append({id(statement.table)})
        around = [self.column_around(column) for column in statement.returning_columns]
        texts = [
            whole if whole is not None else self.process(column)
            for column, whole in zip(statement.returning_columns, around, strict=True)
        ]
        self.froms_stack.pop()
        for column, text, whole in zip(statement.returning_columns, texts, around, strict=True):
            is_plain = whole is None and column.__visit_name__ in ("column", "literal_column", "text")
            labelled = column.name is not None and not is_plain
            written.append(f"{text} AS {self.dialect.quote(str(column.name))}" if labelled else text)
        self.result = tuple(
            ResultColumn(str(column.name or "anon"), column.type, column) for column in statement.returning_columns
        )
        return " RETURNING " + ", ".join(written)
