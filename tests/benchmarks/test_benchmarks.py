"""Every operation of the benchmarks does the same work for hand-written code and for flask_uow: checked, not timed."""

from __future__ import annotations

import pytest

from tests.benchmarks.worker import OPERATIONS, measure

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("operation", OPERATIONS)
def test_flask_uow_and_hand_written_code_give_the_same_result(operation: str, database_uri: str) -> None:
    results = [measure(peer, operation, database_uri, rows=50, repeats=1)["result"] for peer in ("raw", "uow")]
    assert results[0] == results[1]
