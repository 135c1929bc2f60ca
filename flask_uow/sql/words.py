"""Additions that few statements have: words of SQL before and behind, hints, the style of labels, CTEs that nothing refers to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_uow.exc import ArgumentError
from flask_uow.sql.expressions import ColumnElement
from flask_uow.sql.nodes import Shape
from flask_uow.sql.selectable import FromClause
from flask_uow.sql.subqueries import CTE

__all__ = [
    "LABEL_STYLE_DEFAULT", "LABEL_STYLE_DISAMBIGUATE_ONLY", "LABEL_STYLE_NONE", "LABEL_STYLE_TABLENAME_PLUS_COL", "NO_WORDS", "Words",
    "checked_ctes", "known_dialect",
]  # fmt: skip

#: columns of one name are told apart by numbers: ``id``, ``id_1``
LABEL_STYLE_DISAMBIGUATE_ONLY = "disambiguate_only"
LABEL_STYLE_DEFAULT = LABEL_STYLE_DISAMBIGUATE_ONLY
#: columns have their own names; of one name they are told apart all the same
LABEL_STYLE_NONE = "own_names"
#: columns have the names of their tables before theirs: ``user_id``, ``post_id``
LABEL_STYLE_TABLENAME_PLUS_COL = "tablename_plus_col"


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """Words of SQL, and the like, that a statement was given.

    :ivar prefixes: words between SELECT (or INSERT and so on) and what follows, each with the database that it is for.
    :ivar suffixes: words at the end.
    :ivar hints: elements of FROM, what is to be written beside them, and for which database.
    :ivar ties_of: the limit that takes in rows that are equal to the last one; None for none.
    :ivar label_style: how columns of the result are named.
    :ivar ctes: common table expressions that belong to the statement, whether something refers to them or not.
    """

    prefixes: tuple[tuple[str, str | None], ...] = ()
    suffixes: tuple[tuple[str, str | None], ...] = ()
    hints: tuple[tuple[FromClause, str, str | None], ...] = ()
    ties_of: ColumnElement[Any] | None = None
    label_style: str = LABEL_STYLE_DEFAULT
    ctes: tuple[CTE, ...] = ()

    def collect(self, shape: Shape) -> None:
        """Add the words to the shape of their statement."""
        shape.key.append(("words", self.prefixes, self.suffixes, len(self.hints), self.label_style, len(self.ctes)))
        for element, text, dialect in self.hints:
            shape.key.append((text, dialect))
            element.collect_shape(shape)
        for cte in self.ctes:
            cte.collect_shape(shape)

    def __reduce__(self) -> Any:
        return "NO_WORDS" if self is NO_WORDS else super().__reduce__()


NO_WORDS = Words()


def known_dialect(name: str | None) -> str | None:
    """Return the name of the database that words are for, any database's; None where they are for all, which ``"*"`` says, too."""
    return None if name == "*" else name


def checked_ctes(ctes: tuple[Any, ...]) -> tuple[CTE, ...]:
    """Return the arguments as common table expressions.

    :raises ArgumentError: for something else.
    """
    for cte in ctes:
        if not isinstance(cte, CTE):
            raise ArgumentError(f"add_cte() takes what cte() of a statement gives, got {cte!r}.")
    return ctes
