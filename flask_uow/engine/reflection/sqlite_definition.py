"""Reads CREATE TABLE and CREATE INDEX statements: SQLite keeps the text, and tells the names of constraints nowhere else.

The text is cut into tokens, and these into the definitions between the commas of the outermost parentheses; what is read is the names
of constraints, conditions of checks, when foreign keys are checked, collations and AUTOINCREMENT. All else the pragmas tell
(https://www.sqlite.org/lang_createtable.html).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask_uow.engine.reflection.catalog import ReflectedComputed

__all__ = ["TableDefinition", "read_definition", "read_index"]

# a comment matches without the group, by which it is told from a token and left out
_TOKEN = re.compile(
    r"""--[^\n]*|/\*.*?\*/|(?P<token>'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|[(),]|[^\s(),'"`\[]+)""",
    re.DOTALL,
)
_CONSTRAINTS = frozenset(("CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"))
_QUOTES = {'"': '"', "`": "`", "[": "]", "'": "'"}


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    start: int
    end: int

    @property
    def word(self) -> str:
        """The token in upper case, as a keyword."""
        # a quoted name keeps its quotes here, so that it is never taken for one
        return self.text.upper()

    @property
    def name(self) -> str:
        """The token as an identifier, without its quotes."""
        close = _QUOTES.get(self.text[0])
        if close is None:
            return self.text
        inner = self.text[1:-1]
        return inner if close == "]" else inner.replace(close * 2, close)


@dataclass(slots=True)
class KeyDefinition:
    """A primary key, unique constraint or foreign key: its name, its columns, and for a foreign key when it is checked."""

    name: str | None
    columns: list[str]
    deferrable: bool | None = None
    initially: str | None = None


@dataclass(slots=True)
class TableDefinition:
    """The parts of a table that the text of its CREATE TABLE alone tells.

    :ivar primary_key: the primary key, None without one.
    :ivar uniques: the unique constraints.
    :ivar foreign_keys: the foreign keys, by the names of their columns.
    :ivar checks: name and condition of each check constraint.
    :ivar collations: the collation of each column that has one.
    :ivar computed: what each column that the database works out is worked out of.
    :ivar autoincrement: True where AUTOINCREMENT is written.
    """

    primary_key: KeyDefinition | None = None
    uniques: list[KeyDefinition] = field(default_factory=list)
    foreign_keys: list[KeyDefinition] = field(default_factory=list)
    checks: list[tuple[str | None, str]] = field(default_factory=list)
    collations: dict[str, str] = field(default_factory=dict)
    computed: dict[str, ReflectedComputed] = field(default_factory=dict)
    autoincrement: bool = False


def read_definition(sql: str) -> TableDefinition:
    """Return the parts of a CREATE TABLE statement."""
    found = TableDefinition()
    for definition in _definitions(_tokens(sql)):
        _Reader(sql, definition, found).read()
    return found


def read_index(sql: str) -> tuple[list[str], str | None]:
    """Return the parts of a CREATE INDEX statement: the text of each column or expression, and that of its condition."""
    tokens = _tokens(sql)
    start = next(number for number, token in enumerate(tokens) if token.word == "ON")
    inside = _definitions(tokens[start:])
    texts = [sql[part[0].start : part[-1].end] for part in inside if part]
    last = inside[-1][-1].end
    where = next((token for token in tokens if token.start >= last and token.word == "WHERE"), None)
    return texts, sql[where.end :].strip() if where is not None else None


def _tokens(sql: str) -> list[_Token]:
    return [
        _Token(m.group("token"), m.start("token"), m.end("token")) for m in _TOKEN.finditer(sql) if m.group("token")
    ]


def _definitions(tokens: list[_Token]) -> list[list[_Token]]:
    """Return the tokens between the commas of the outermost parentheses."""
    made: list[list[_Token]] = []
    depth = 0
    for token in tokens:
        if token.text == "(":
            depth += 1
            if depth == 1:
                made.append([])
                continue
        elif token.text == ")":
            depth -= 1
            if depth == 0:
                break
        elif token.text == "," and depth == 1:
            made.append([])
            continue
        if depth and made:
            made[-1].append(token)
    return made


class _Reader:
    """Reads one definition."""

    def __init__(self, sql: str, tokens: list[_Token], found: TableDefinition) -> None:
        self._sql = sql
        self._tokens = tokens
        self._found = found
        self._position = 0

    def read(self) -> None:
        """Add what the definition says to the table's."""
        column: str | None = None
        if self._tokens and self._tokens[0].word not in _CONSTRAINTS:
            column = self._tokens[0].name
            self._position = 1
        name: str | None = None
        foreign_key: KeyDefinition | None = None
        while self._position < len(self._tokens):
            token = self._tokens[self._position]
            self._position += 1
            word = token.word
            if word == "CONSTRAINT":
                # it is that of the constraint which follows
                name = self._take().name
                continue
            # the size of a type, a default, the columns of REFERENCES: no word in there begins a clause of the
            # definition
            if word == "(":
                self._skip_group()
                continue
            if word == "CHECK":
                self._found.checks.append((name, self._group_text()))
            elif word == "PRIMARY":
                self._found.primary_key = KeyDefinition(name, self._columns_or(column))
            elif word == "AUTOINCREMENT":
                self._found.autoincrement = True
                continue
            elif word == "UNIQUE":
                self._found.uniques.append(KeyDefinition(name, self._columns_or(column)))
            elif word == "COLLATE" and column is not None:
                self._found.collations[column] = self._take().name
            elif word == "AS" and column is not None:
                expression = self._group_text()
                is_stored = self._position < len(self._tokens) and self._tokens[self._position].word == "STORED"
                self._found.computed[column] = {"sqltext": expression, "persisted": is_stored}
            elif word == "FOREIGN":
                foreign_key = KeyDefinition(name, self._columns_or(None))
                self._found.foreign_keys.append(foreign_key)
            elif word == "REFERENCES" and foreign_key is None:
                foreign_key = KeyDefinition(name, [column] if column is not None else [])
                self._found.foreign_keys.append(foreign_key)
            elif word == "DEFERRABLE" and foreign_key is not None:
                foreign_key.deferrable = self._tokens[self._position - 2].word != "NOT"
                continue
            elif word == "INITIALLY" and foreign_key is not None:
                foreign_key.initially = self._take().word
                continue
            else:
                continue
            name = None

    def _take(self) -> _Token:
        token = self._tokens[self._position]
        self._position += 1
        return token

    def _skip_group(self) -> None:
        depth = 1
        while depth and self._position < len(self._tokens):
            text = self._take().text
            depth += (text == "(") - (text == ")")

    def _group_text(self) -> str:
        """Return the text between the parentheses that follow."""
        start = self._take().end
        self._skip_group()
        return self._sql[start : self._tokens[self._position - 1].start].strip()

    def _columns_or(self, column: str | None) -> list[str]:
        """Return the columns in the parentheses that follow; the column itself where there are none."""
        while self._position < len(self._tokens) and self._tokens[self._position].word == "KEY":
            self._position += 1
        if self._position >= len(self._tokens) or self._tokens[self._position].text != "(":
            return [column] if column is not None else []
        start = self._position + 1
        self._position += 1
        self._skip_group()
        inner = self._tokens[start : self._position - 1]
        names = []
        for number, token in enumerate(inner):
            # behind a name there may be COLLATE, ASC or DESC
            if number == 0 or inner[number - 1].text == ",":
                names.append(token.name)
        return names
