"""The ways in which a relationship is loaded: the values of ``relationship(lazy=...)``, and what loader options choose."""

from __future__ import annotations

import enum

from flask_uow.exc import ArgumentError

__all__ = ["EAGER", "Strategy", "strategy_named"]


class Strategy(enum.StrEnum):
    """When and how a relationship is loaded."""

    SELECT = "select"  # at first access
    JOINED = "joined"  # with its parents, by an outer join
    SELECTIN = "selectin"  # with its parents, by one more statement that names their keys
    SUBQUERY = "subquery"  # with its parents, by one more statement that repeats the query
    CONTAINS = "contains"  # with its parents, from a join that the query has made itself
    IMMEDIATE = "immediate"  # with its parents, as at first access
    NOLOAD = "noload"  # never, it is empty
    RAISE = "raise"  # never, the access is an error
    RAISE_ON_SQL = "raise_on_sql"  # never, the access is an error unless the Session has the object
    DYNAMIC = "dynamic"  # never, the attribute is a query
    WRITE_ONLY = "write_only"  # never, the attribute takes objects in and out and gives statements

    def __repr__(self) -> str:
        # as users write it
        return repr(self.value)


EAGER = frozenset({Strategy.JOINED, Strategy.SELECTIN, Strategy.SUBQUERY, Strategy.IMMEDIATE})

# the values of relationship(lazy=...), the older ones included
_LAZY: dict[object, Strategy] = {
    "select": Strategy.SELECT,
    True: Strategy.SELECT,
    "joined": Strategy.JOINED,
    False: Strategy.JOINED,
    "subquery": Strategy.SUBQUERY,
    "selectin": Strategy.SELECTIN,
    "noload": Strategy.NOLOAD,
    None: Strategy.NOLOAD,
    "immediate": Strategy.IMMEDIATE,
    "raise": Strategy.RAISE,
    "raise_on_sql": Strategy.RAISE_ON_SQL,
    "dynamic": Strategy.DYNAMIC,
    "write_only": Strategy.WRITE_ONLY,
}


def strategy_named(lazy: object) -> Strategy:
    """Return the strategy that ``relationship(lazy=...)`` names.

    :raises ArgumentError: for an unknown one.
    """
    try:
        return _LAZY[lazy]
    except (KeyError, TypeError):
        names = ", ".join(repr(name) for name in _LAZY)
        raise ArgumentError(f"lazy={lazy!r} is unknown. It is one of: {names}.") from None
