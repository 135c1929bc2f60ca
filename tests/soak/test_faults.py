"""Faults under load: nobody is told a lie, no unit of work is there by half, nothing is left behind. All of them are the soak's."""

from __future__ import annotations

import warnings

import pytest

from tests.soak.faults import FAULTS, measure

IN_CI = ("immediate stop, start",)


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        *((name, 0.5) for name in IN_CI),
        *(pytest.param(name, 5.0, marks=pytest.mark.soak) for name in FAULTS),
    ],
)
def test_clients_are_told_the_truth_while_servers_come_and_go(name: str, seconds: float) -> None:
    try:
        told = measure(name, seconds)
    except RuntimeError as error:
        if "pooler" not in name:
            raise
        warnings.warn(f"PgBouncer cannot be had, and nothing was tested with it: {error}", stacklevel=1)
        pytest.skip(f"PgBouncer cannot be had: {error}")
    assert told.is_right, told
