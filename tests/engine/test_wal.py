"""Positions in the write-ahead log."""

from __future__ import annotations

import pytest

from flask_uow.engine.wal import Progress, WalPosition

FILE = "000000030000000000000001"


def test_a_position_is_written_and_read() -> None:
    position = WalPosition.of("1F/16B3748", FILE)
    assert (position.timeline, position.lsn) == (3, 0x1F016B3748)
    assert WalPosition.parse(str(position)) == position
    assert str(position) == "3-1F/16B3748"


@pytest.mark.parametrize(
    "text", ["", "1", "1-0", "1-0/", "1-g/0", "1-0/123456789", "123456789-0/0", "1-0/0\n", "-1-0/0", "1-0/0 "]
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no position"):
        WalPosition.parse(text)


def test_a_position_behind_the_header_of_a_page_is_that_page() -> None:
    assert WalPosition.of("0/2000018", FILE).lsn == 0x2000000
    assert WalPosition.of("0/2000028", FILE).lsn == 0x2000000
    assert WalPosition.of("0/2000030", FILE).lsn == 0x2000030


@pytest.mark.parametrize(
    ("timeline", "replayed", "progress"),
    [
        (2, 100, Progress.REACHED),
        (2, 101, Progress.REACHED),
        (2, 99, Progress.BEHIND),
        # it has followed a primary that was lost: its numbers are about other rows
        (1, 500, Progress.APART),
        (3, 100, Progress.REACHED),
        # the position may be one that was lost with the failover
        (3, 99, Progress.APART),
        (0, 500, Progress.APART),
    ],
)
def test_how_far_a_standby_is(timeline: int, replayed: int, progress: Progress) -> None:
    assert WalPosition(2, 100).seen_from(timeline, replayed) is progress
