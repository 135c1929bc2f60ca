"""The quick form of the benchmarks: hand-written code and flask_uow do the same work, whose results are checked, not timed."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from tests.benchmarks.__main__ import QUICK_SCALE, main
from tests.benchmarks.machine import describe
from tests.benchmarks.rows import ROWS, Row
from tests.benchmarks.runner import OURS, PEERS, RAW, Cell, PeerKind, Run, as_json, write_json


@pytest.fixture
def lines() -> list[str]:
    """What the run says on its progress."""
    return []


def test_flask_uow_and_hand_written_code_give_the_right_results_for_every_row(
    database: str, database_uri: str, lines: list[str]
) -> None:
    run = Run(list(ROWS), [RAW, OURS], QUICK_SCALE, 1, lines.append)
    run.on(database, database_uri)
    assert {key: cell.error for key, cell in run.cells.items() if cell.error} == {}
    assert set(run.cells) == {(database, row, peer) for row in ROWS for peer in (RAW, OURS)}
    assert all(len(cell.values) == 1 for cell in run.cells.values())


def test_a_peer_that_does_not_do_the_work_fails_and_is_not_timed(
    database: str, database_uri: str, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ROWS, "update_dirty", _expecting_other_names("update_dirty"))
    monkeypatch.setitem(ROWS, "get_miss", _expecting_other_figures("get_miss"))
    run = Run(["update_dirty", "get_miss", "load_entities"], [RAW], QUICK_SCALE, 1, lines.append)
    run.on(database, database_uri)
    errors = {row: cell.error or "" for (_, row, _), cell in run.cells.items()}
    assert "wrong rows in the database" in errors["update_dirty"]
    assert "wrong figures" in errors["get_miss"]
    assert errors["load_entities"] == ""
    assert [bool(cell.values) for cell in run.cells.values()] == [False, False, True]


def test_a_peer_whose_process_ends_is_reported_and_the_others_go_on(
    tmp_path: Path, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PEERS, "gone", PeerKind("no_such_peer"))
    run = Run(["get_hit"], ["gone", RAW], QUICK_SCALE, 1, lines.append)
    run.on("sqlite", f"sqlite:///{tmp_path / 'test.db'}")
    assert run.cells["sqlite", "get_hit", "gone"].error
    assert run.cells["sqlite", "get_hit", RAW].values
    assert any("DID NOT START" in line for line in lines)


def test_a_file_of_results_becomes_tables_that_name_who_is_ahead_missing_or_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run(["get_miss", "load_entities"], [RAW, OURS, "django"], 1.0, 3, print)
    for row, peer, values in (
        ("get_miss", RAW, [0.010, 0.011, 0.012]),
        ("get_miss", OURS, [0.022, 0.011, 0.033]),
        ("get_miss", "django", [0.0055, 0.0055, 0.0055]),
        ("load_entities", RAW, [0.02, 0.02, 0.02]),
    ):
        run.cells["sqlite", row, peer] = Cell("sqlite", row, peer, 100, values)
    run.cells["sqlite", "load_entities", OURS] = Cell("sqlite", "load_entities", OURS, 100, [], "Error\nits reason")
    results = tmp_path / "results.json"
    write_json(results, as_json(run, describe(), {"pony": ["pony"]}))
    assert json.loads(results.read_text())["repetitions"] == 3

    assert main(["--report", str(results)]) == 0
    tables = capsys.readouterr().out
    assert "| get_miss | 11.0 (10.0-12.0) | 2.00 (1.00-3.00) | **0.50 (0.50-0.50)** |" in tables
    assert "| load_entities | 20.0 (20.0-20.0) | FAILED | - |" in tables
    assert "NOT MEASURED: pony: pony not installed" in tables
    assert "FAILED: load_entities by flask_uow on SQLite: its reason" in tables


def test_unknown_rows_peers_and_databases_are_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["insert_fast"], ["--peers", "raw,hibernate"], ["--databases", "oracle"]):
        with pytest.raises(SystemExit):
            main(arguments)
        assert f"unknown name {arguments[-1].rpartition(',')[2]!r}" in capsys.readouterr().err


def _expecting_other_names(row: str) -> Row:
    return dataclasses.replace(ROWS[row], left=lambda size, figures: ("SELECT min(name) FROM item", ("x",)))


def _expecting_other_figures(row: str) -> Row:
    return dataclasses.replace(ROWS[row], expected=lambda size: [0, 0, 0])
