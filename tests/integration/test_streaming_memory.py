"""yield_per() over a million rows stays within a fixed bound of memory, measured in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.integration.streaming import ROWS

# a million objects take several hundred; a page of a thousand takes less than one
_BOUND = 24 * 2**20


def test_a_million_objects_are_read_within_a_fixed_bound_of_memory(database_uri: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.streaming", database_uri],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout)
    assert measured["count"] == measured["scanned"] == ROWS
    assert measured["total"] == ROWS * (ROWS + 1)
    assert measured["grown"] < _BOUND, measured
