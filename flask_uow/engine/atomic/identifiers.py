"""How a prepared transaction is called: which database decides about it, which unit of work it is of, and which part of that.

The names follow X/Open's: a global identifier of the unit of work (*gtrid*) and a qualifier of the branch (*bqual*), each of 64 bytes at
most. PostgreSQL takes one text of up to 199 bytes (https://www.postgresql.org/docs/current/sql-prepare-transaction.html), so both
stand in it. The form is fixed: transactions that an older version has prepared must be found by a newer one.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote

__all__ = ["BranchIdentifier", "new_database_id", "new_gtrid"]

_LONGEST_BRANCH = 64
_FORM = re.compile(r"(uow1-([0-9a-f]{16})-[0-9a-f]{32})-(.{0,64})", re.DOTALL)


def new_database_id() -> str:
    """Return a name for a database that no other one has."""
    return secrets.token_hex(8)


def new_gtrid(database_id: str) -> str:
    """Return the name of a new unit of work, which nobody can guess.

    :param database_id: the database that will hold the decision.
    """
    return f"uow1-{database_id}-{secrets.token_hex(16)}"


@dataclass(frozen=True, slots=True)
class BranchIdentifier:
    """The name of one prepared transaction.

    :ivar gtrid: the unit of work that it is part of.
    :ivar database_id: the database that decides about that.
    :ivar branch: the bind, as :func:`quoted` in an URL; a digest of it where it is too long.
    """

    gtrid: str
    database_id: str
    branch: str

    @classmethod
    def of(cls, gtrid: str, bind: str) -> Self:
        """Return the name of the part that a bind has in a unit of work."""
        branch = quote(bind, safe="")
        if len(branch) > _LONGEST_BRANCH:
            branch = hashlib.sha256(bind.encode()).hexdigest()
        return cls(gtrid, gtrid.split("-")[1], branch)

    @classmethod
    def parse(cls, xid: str) -> Self | None:
        """Return the parts of an identifier, None for one of another program's."""
        match = _FORM.fullmatch(xid)
        return cls(match[1], match[2], match[3]) if match else None

    def __str__(self) -> str:
        return f"{self.gtrid}-{self.branch}"
