"""Textual SQL with ``:named`` parameters."""

from __future__ import annotations

import re
from typing import Any

from flask_uow.exc import ArgumentError
from flask_uow.sql.expressions import BindParameter, ColumnElement
from flask_uow.sql.nodes import Executable
from flask_uow.sql.types import NULLTYPE, to_instance, type_for_value

__all__ = ["TextClause", "text"]

# a quoted literal, a quoted identifier, a dollar-quoted body, a comment, a cast (::) or an escaped colon pass untouched
_TOKENS = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | \$(\w*)\$.*?\$\1\$ | --[^\n]* | /\*.*?\*/ | :: | \\: | (?<![\w:]):(?P<name>[A-Za-z_]\w*)""",
    re.VERBOSE | re.DOTALL,
)
_READS = re.compile(r"\s*(?:SELECT|VALUES|EXPLAIN|SHOW|TABLE|PRAGMA)\b", re.IGNORECASE)
_WITH = re.compile(r"\s*WITH\b", re.IGNORECASE)
_WRITES = re.compile(r"\b(?:INSERT|UPDATE|DELETE|REPLACE|MERGE)\b", re.IGNORECASE)
_LOCKS = re.compile(r"\bFOR\s+(?:NO\s+KEY\s+)?(?:UPDATE|SHARE|KEY\s+SHARE)\b", re.IGNORECASE)


class TextClause(Executable, ColumnElement[Any]):
    """SQL text; as a statement of its own, or as a condition, a column or an ordering within another.

    :ivar pieces: text and bind parameters in turn.
    """

    __slots__ = ("pieces", "text")
    __visit_name__ = "text"

    def __init__(self, sql: str, pieces: tuple[str | BindParameter[Any], ...]) -> None:
        self.text = sql
        self.pieces = pieces
        self.type = NULLTYPE

    @property
    def is_write(self) -> bool:
        """True unless the text surely only reads."""
        if _WITH.match(self.text):
            return bool(_WRITES.search(self.text))
        return not _READS.match(self.text) or bool(_LOCKS.search(self.text))

    @property
    def precedence(self) -> int:
        return 0

    def _parts(self) -> tuple[Any, ...]:
        return (self.pieces,)

    def bindparams(self, *parameters: BindParameter[Any], **values: Any) -> TextClause:
        """Return the text with values (and types) given to its parameters.

        :raises ArgumentError: for a name that does not occur in the text.
        """
        given = {parameter.key: parameter for parameter in parameters}
        given.update({name: BindParameter(value, type_for_value(value), name) for name, value in values.items()})
        names = {piece.key for piece in self.pieces if isinstance(piece, BindParameter)}
        for name in given:
            if name not in names:
                raise ArgumentError(f"the text has no parameter :{name}; it has {sorted(str(n) for n in names)}.")
        pieces = tuple(given.get(p.key, p) if isinstance(p, BindParameter) else p for p in self.pieces)
        return TextClause(self.text, pieces)


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
            plain.append(":" if match.group() == "\\:" else match.group())
            continue
        pieces.append("".join(plain))
        plain = []
        if name not in made:
            made[name] = BindParameter(None, types.get(name, NULLTYPE), name, required=True)
        pieces.append(made[name])
    plain.append(sql[position:])
    pieces.append("".join(plain))
    return TextClause(sql, tuple(pieces))
