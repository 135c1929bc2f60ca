"""Textual SQL with ``:named`` parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Self

from flask_uow.exc import ArgumentError
from flask_uow.sql.expressions import (
    BindParameter,
    CalledList,
    CalledParameter,
    ColumnElement,
    ExpandingParameter,
    ListParameter,
    UniqueParameter,
    UniqueUntypedParameter,
    UntypedListParameter,
)
from flask_uow.sql.nodes import NO_OPTIONS, Executable
from flask_uow.sql.select_base import SelectBase
from flask_uow.sql.selectable import ColumnCollection, FromClause
from flask_uow.sql.types import ARRAY, NULLTYPE, TypeEngine, to_instance, type_for_value

__all__ = ["TextClause", "TextColumn", "TextualSelect", "text"]

# a quoted literal (PostgreSQL's E'...' has escapes), a quoted identifier, a dollar-quoted body, a comment, a cast (::) or an
# escaped colon are no parameters
_TOKENS = re.compile(
    r"""(?<!\w)[eE]'(?:[^'\\]|\\.|'')*'
    | '(?:[^']|'')*' | "(?:[^"]|"")*" | \$(\w*)\$.*?\$\1\$ | --[^\n]* | /\*.*?\*/ | :: | \\: | (?<![\w:]):(?P<name>[A-Za-z_]\w*)""",
    re.VERBOSE | re.DOTALL,
)
# what may stand before the first word of a statement: comments, and brackets around a query
_BEFORE = r"(?:\s|--[^\n]*(?:\n|\Z)|/\*(?>.*?\*/)|\()*"
_READS = re.compile(_BEFORE + r"(?:SELECT|VALUES|EXPLAIN|SHOW|TABLE|PRAGMA)\b", re.IGNORECASE | re.DOTALL)
_WITH = re.compile(_BEFORE + r"WITH\b", re.IGNORECASE | re.DOTALL)
_WRITES = re.compile(r"\b(?:INSERT|UPDATE|DELETE|REPLACE|MERGE)\b", re.IGNORECASE)
_LOCKS = re.compile(r"\bFOR\s+(?:NO\s+KEY\s+)?(?:UPDATE|SHARE|KEY\s+SHARE)\b", re.IGNORECASE)
# from IN on to a parameter in its brackets
_IN_BRACKETS = re.compile(r"\bIN\s*\(([^()]*)\Z", re.IGNORECASE)
_A_QUERY = re.compile(_BEFORE + r"(?:SELECT|VALUES|WITH|TABLE)\b", re.IGNORECASE | re.DOTALL)
# a second statement, or rows that go into a table of their own
_MORE_THAN_A_QUERY = re.compile(r";\s*\S|\bINTO\b", re.IGNORECASE)


class TextClause(Executable, ColumnElement[Any]):
    """SQL text; as a statement of its own, or as a condition, a column or an ordering within another.

    :ivar pieces: text and bind parameters in turn.
    """

    __slots__ = ("_execution_options", "pieces", "text")
    __visit_name__ = "text"

    def __init__(
        self, sql: str, pieces: tuple[str | BindParameter[Any], ...], options: Mapping[str, Any] = NO_OPTIONS
    ) -> None:
        self.text = sql
        self.pieces = pieces
        self.type = NULLTYPE
        self._execution_options = options

    @property
    def is_write(self) -> bool:
        """True unless the text surely only reads."""
        if _WITH.match(self.text):
            return bool(_WRITES.search(self.text))
        return not _READS.match(self.text) or bool(_LOCKS.search(self.text))

    @property
    def is_query(self) -> bool:
        """True for a text that is surely one query and nothing else, so that its rows can be fetched page by page."""
        begins = _A_QUERY.match(self.text)
        if begins is None:
            return False
        rest = self.text[begins.end() :]
        return not (_WRITES.search(rest) or _MORE_THAN_A_QUERY.search(rest))

    @property
    def precedence(self) -> int:
        # it may be anything, and so gets parentheses beside every operator
        return 0

    def _parts(self) -> tuple[Any, ...]:
        return (self.pieces,)

    @property
    def listed(self) -> tuple[bool, ...]:
        """For each piece whether it is a parameter in brackets after IN, where one value stands."""
        found, before = [], ""
        for piece in self.pieces:
            is_plain = isinstance(piece, str)
            opened = None if is_plain else _IN_BRACKETS.search(before)
            found.append(opened is not None and _A_QUERY.match(opened.group(1)) is None)
            before += piece if isinstance(piece, str) else "?"
        return tuple(found)

    def as_from(self) -> TextFrom:
        """Return the text as an element of FROM: ``select(text("*")).select_from(text("authors"))``."""
        return TextFrom(self)

    def bindparams(self, *parameters: BindParameter[Any], **values: Any) -> TextClause:
        """Return the text with values (and types) given to its parameters.

        :raises ArgumentError: for a name that does not occur in the text.
        """
        given: dict[str | None, BindParameter[Any]] = {_key_of(parameter): parameter for parameter in parameters}
        given.update({name: BindParameter(value, type_for_value(value), name) for name, value in values.items()})
        names = {piece.key for piece in self.pieces if isinstance(piece, BindParameter)}
        for name in given:
            if name not in names:
                raise ArgumentError(f"the text has no parameter :{name}; it has {sorted(str(n) for n in names)}.")
        given = {name: _as_list(parameter) for name, parameter in given.items()}
        pieces = tuple(given.get(p.key, p) if isinstance(p, BindParameter) else p for p in self.pieces)
        return TextClause(self.text, pieces)

    def execution_options(self, **options: Any) -> TextClause:
        """Return the text with options for its execution added; see :meth:`ChainedStatement.execution_options`."""
        return TextClause(self.text, self.pieces, {**self._execution_options, **options})

    def columns(self, *columns: Any, **types: Any) -> TextualSelect:
        """Return the text as a SELECT whose columns are known: ``text("SELECT id, name ...").columns(User.id, User.name)``.

        :param columns: columns (or mapped attributes) in the order of the text; the results have their names and types.
        :param types: the types of columns by name, ``columns(created=DateTime)``: in any order, and of as many as are to be converted. With
            them ``columns`` are found by their names, too.
        :raises ArgumentError: without any column.
        """
        known: list[Any] = [
            column.__clause_element__() if hasattr(column, "__clause_element__") else column for column in columns
        ]
        by_name = (TextColumn(name, to_instance(type_), is_named=True) for name, type_ in types.items())
        return TextualSelect(self, (*known, *by_name))


class TextFrom(FromClause):
    """SQL text in FROM; nothing is known of its columns."""

    __slots__ = ("element",)
    __visit_name__ = "text_from"

    def __init__(self, element: TextClause) -> None:
        self.element = element

    @property
    def c(self) -> ColumnCollection:
        return ColumnCollection(f"the text {self.element.text!r}")

    @property
    def description(self) -> str:
        return f"the text {self.element.text!r}"

    def _parts(self) -> tuple[Any, ...]:
        return (self.element,)


def _key_of(parameter: BindParameter[Any]) -> str | None:
    if isinstance(parameter, (UniqueParameter, UniqueUntypedParameter)):
        return parameter.own_name
    return parameter.key


def _as_list(parameter: BindParameter[Any]) -> BindParameter[Any]:
    """Return a parameter; one that was said to be a list, as the text in parentheses on the right of IN."""
    if isinstance(parameter, (ListParameter, UntypedListParameter)):
        return ExpandingParameter(parameter.value, ARRAY(parameter.type), parameter.key, parameter.required)
    if isinstance(parameter, CalledParameter) and parameter.is_list:
        return CalledList(parameter, NULLTYPE)
    return parameter


class TextColumn(ColumnElement[Any]):
    """A column of textual SQL, by its name.

    :ivar is_named: True where the name alone says which of the columns it is, and not its place among them.
    """

    __slots__ = ("_name", "is_named")
    __visit_name__ = "order_name"

    def __init__(self, name: str, type_: TypeEngine[Any], is_named: bool = False) -> None:
        self._name = name
        self.type = type_
        self.is_named = is_named

    @property
    def name(self) -> str:
        return self._name

    def _parts(self) -> tuple[Any, ...]:
        return (self._name, self.type.cache_key, self.is_named)


class TextualSelect(SelectBase):
    """A textual SELECT whose columns are known; made by :meth:`TextClause.columns`.

    It can be executed, stand in FROM (``subquery()``, ``cte()``), and give the rows of mapped classes (``from_statement()``).
    """

    __slots__ = ("element", "entities")
    __visit_name__ = "textual_select"

    def __init__(self, element: TextClause, columns: tuple[ColumnElement[Any], ...]) -> None:
        if not columns:
            raise ArgumentError("columns() got no column; pass those of the text, in order.")
        self.element = element
        self.entities = columns
        self._execution_options = NO_OPTIONS
        self.order_by_clauses = ()
        self.limit_clause = self.offset_clause = None

    def _parts(self) -> tuple[Any, ...]:
        return (self.element, self.entities)

    def bindparams(self, *parameters: BindParameter[Any], **values: Any) -> TextualSelect:
        """Return the SELECT with values given to its parameters; see :meth:`TextClause.bindparams`."""
        return TextualSelect(self.element.bindparams(*parameters, **values), self.entities)

    @property
    def is_write(self) -> bool:
        """True unless the text surely only reads."""
        return self.element.is_write

    def result_columns(self) -> list[tuple[str, ColumnElement[Any]]]:
        return [(column.name or "anon", column) for column in self.entities]

    @property
    def selected_columns(self) -> ColumnCollection:
        """The columns, by name."""
        return ColumnCollection("the text", self.result_columns())

    exported_columns = selected_columns

    def order_by(self, *criteria: Any) -> Self:
        raise ArgumentError(_FIXED)

    def limit(self, limit: object) -> Self:
        raise ArgumentError(_FIXED)

    def offset(self, offset: object) -> Self:
        raise ArgumentError(_FIXED)


_FIXED = "order and limit are part of the text here. Write them there, or select from the text's subquery()."


def text(
    sql: str, bindparams: list[BindParameter[Any]] | None = None, typemap: dict[str, Any] | None = None
) -> TextClause:
    """Return SQL text as a clause; ``:name`` marks a parameter, ``\\:`` a literal colon.

    :param sql: the text. It goes to the database as it is: give values as parameters, never inside the text.
    :param bindparams: parameters with values or types of their own.
    :param typemap: the types of parameters, by name.

    >>> str(text("SELECT * FROM users WHERE name = :name"))
    'SELECT * FROM users WHERE name = :name'
    """
    if not isinstance(sql, str):
        raise ArgumentError(f"text() takes a str, got {sql!r}.")
    types = {name: to_instance(type_) for name, type_ in (typemap or {}).items()}
    pieces: list[str | BindParameter[Any]] = []
    made: dict[str, BindParameter[Any]] = {str(parameter.key): parameter for parameter in bindparams or ()}
    position = 0
    plain: list[str] = []
    for match in _TOKENS.finditer(sql):
        plain.append(sql[position : match.start()])
        position = match.end()
        name = match.group("name")
        if name is None:
            # in quotes, too: there programs escape what elsewhere would be taken for a parameter
            plain.append(match.group().replace("\\:", ":"))
            continue
        pieces.append("".join(plain))
        plain = []
        if name not in made:
            made[name] = BindParameter(None, types.get(name, NULLTYPE), name, required=True)
        pieces.append(made[name])
    plain.append(sql[position:])
    pieces.append("".join(plain))
    return TextClause(sql, tuple(pieces))
