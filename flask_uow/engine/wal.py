"""Positions in PostgreSQL's write-ahead log (WAL): whether a standby has replayed what a client has written.

A position is a timeline and a log sequence number (LSN), see https://www.postgresql.org/docs/current/datatype-pg-lsn.html. A promotion
begins another timeline, whose log goes on from where that server was. Asked over connections by :mod:`flask_uow.engine.replicas`.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Self

__all__ = ["POSITION_SQL", "REPLAYED_SQL", "Progress", "WalPosition", "parse_lsn"]

# the insert position and not pg_current_wal_lsn(), which does not know of a commit yet that was made with synchronous_commit = off;
# the name of its file begins with the timeline
POSITION_SQL = "SELECT at.lsn::text, pg_catalog.pg_walfile_name(at.lsn) FROM (SELECT pg_catalog.pg_current_wal_insert_lsn() AS lsn OFFSET 0) AS at"
# which timeline a standby replays is told nowhere to everybody: its control file says so some time after a promotion, and its receiver at
# once, but only to roles with the rights of pg_read_all_stats. Each of the three is that of what was replayed, or an earlier one
REPLAYED_SQL = (
    "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.pg_last_wal_replay_lsn()::text,"
    " GREATEST((SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()),"
    " (SELECT min_recovery_end_timeline FROM pg_catalog.pg_control_recovery()),"
    " (SELECT received_tli FROM pg_catalog.pg_stat_get_wal_receiver()))"
)
_TEXT = re.compile(r"([0-9A-Fa-f]{1,8})-([0-9A-Fa-f]{1,8})/([0-9A-Fa-f]{1,8})\Z")
_PAGE = 8192
_PAGE_HEADERS = (24, 40)


class Progress(enum.Enum):
    """How far a standby is, as seen from a position."""

    REACHED = "it has replayed what was written before the position"
    BEHIND = "it has not, and may soon"
    APART = "it is on another timeline, so that waiting may be in vain"


@dataclass(frozen=True, slots=True)
class WalPosition:
    """A place in the log of a server.

    :ivar timeline: the number of the timeline.
    :ivar lsn: the log sequence number, in bytes.
    """

    timeline: int
    lsn: int

    @classmethod
    def of(cls, lsn: str, file_name: str) -> Self:
        """Return the position that :data:`POSITION_SQL` has told.

        :param lsn: as in ``0/16B3748``.
        :param file_name: the name of the log's file, which begins with the timeline.
        """
        found = parse_lsn(lsn)
        if found % _PAGE in _PAGE_HEADERS:
            # nothing but the header of its page lies before the position, and who has replayed all before that page is there
            found -= found % _PAGE
        return cls(int(file_name[:8], 16), found)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the position that ``str()`` has written.

        :raises ValueError: for another text.
        """
        match = _TEXT.match(text)
        if match is None:
            raise ValueError(f"{text!r} is no position: expected the form '1-0/16B3748'.")
        return cls(int(match[1], 16), int(match[2], 16) << 32 | int(match[3], 16))

    def __str__(self) -> str:
        return f"{self.timeline:X}-{self.lsn >> 32:X}/{self.lsn & 0xFFFFFFFF:X}"

    def seen_from(self, timeline: int, replayed: int) -> Progress:
        """Return how far a standby is that has replayed so much.

        On an earlier timeline its numbers are about another log. On a later one it has everything that was not lost with the failover, once
        it is as far; how far that is nobody knows, so waiting makes no sense.

        :param timeline: the timeline that it replays, or an earlier one.
        :param replayed: the LSN of what it has replayed last.
        """
        # A standby of a primary that was given up may have replayed a higher number, and not the row. A later timeline
        # begins where the promoted standby had got to, which may be before the position: no replay will ever bring it
        # there.
        if timeline < self.timeline:
            return Progress.APART
        if replayed >= self.lsn:
            return Progress.REACHED
        return Progress.BEHIND if timeline == self.timeline else Progress.APART


def parse_lsn(text: str) -> int:
    """Return an LSN in bytes."""
    high, _, low = text.partition("/")
    return int(high, 16) << 32 | int(low, 16)
