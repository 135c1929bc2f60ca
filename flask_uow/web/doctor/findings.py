"""A finding of the doctor: what is wrong where, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CHECKS", "Finding"]

#: The checks, in their order, by the names that ``--skip`` takes.
CHECKS = {
    "configuration": "keys of other extensions that flask_uow does not read",
    "imports": "imports of SQLAlchemy and its extensions in the app's package",
    "tables": "tables of models that the database does not have",
    "columns": "columns that differ from the database: missing, left over, of another type, NULL or not",
    "decimals": "decimals in SQLite files that other programs cannot read, or that lose digits",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    :ivar check: the check that found it, one of :data:`CHECKS`.
    :ivar place: where it is: a line of a file, a key, a column.
    :ivar fact: what is wrong.
    :ivar cure: what to do.
    """

    check: str
    place: str
    fact: str
    cure: str

    def __str__(self) -> str:
        return f"{self.check}: {self.place}: {self.fact} {self.cure}"
