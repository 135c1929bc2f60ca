"""The commands beside the table of rows, at a size that measures nothing: what they count and check is right."""

from __future__ import annotations

from contextlib import closing

import psycopg2
import pytest

from tests.benchmarks import page, round_trips, scale, segments, threads
from tests.benchmarks.data import Database
from tests.benchmarks.graph import create_nodes, wrong_nodes
from tests.benchmarks.places import Places
from tests.benchmarks.proxy import ProtocolProxy
from tests.benchmarks.runner import OURS, RAW


def test_a_flush_in_ten_tables_leaves_every_row_with_its_parent(database: str, database_uri: str) -> None:
    (cell,) = scale.flushes(database, database_uri, [OURS], 200, 1)
    assert cell["error"] is None
    assert len(cell["values"]) == 1


def test_a_flush_whose_rows_have_not_their_parents_is_found_out(database_uri: str) -> None:
    checked = Database(database_uri)
    create_nodes(checked)
    for level in range(10):
        column, value = (", parent_id", ", 1") if level else ("", "")
        checked.execute(f"INSERT INTO node_{level} (name{column}) VALUES ('{level} 0'{value}), ('{level} 90'{value})")
    found = wrong_nodes(checked, 20)
    checked.close()
    assert found == [f"1 rows of node_{level} are right, expected 2" for level in range(1, 10)]


def test_scale_runs_the_rows_at_each_size_and_tells_microseconds_a_row() -> None:
    with Places({}) as places:
        cells = scale.cells(places, "sqlite", ["insert_flat", "delete_objects"], [RAW, OURS], 100, 1)
    assert {cell["error"] for cell in cells} == {None}
    for cell in cells:
        cell["values"] = [0.001]
    content = {
        "repetitions": 1,
        "missing": {},
        "cells": cells,
        "graph": [],
        "imports": scale.imports(["import json"], 1),
    }
    text = scale.tables(content)
    assert "| insert, 100 | 10.0 | 10.0 |" in text
    assert "| delete, 100 | 10.0 | 10.0 |" in text
    assert "| `import json` |" in text


def test_the_proxy_notes_what_was_sent_before_each_wait_on_any_connection(postgresql_uri: str) -> None:
    with ProtocolProxy(postgresql_uri) as proxy:
        with closing(psycopg2.connect(proxy.uri, sslmode="disable", gssencmode="disable")) as connection:
            proxy.clear()
            with connection.cursor() as cursor:
                cursor.execute("SELECT repeat('x', 100000); SELECT 2")
                cursor.execute("SELECT 3")
            connection.commit()
            noted = [wait.messages for wait in proxy.waits]
        with closing(psycopg2.connect(proxy.uri, sslmode="disable", gssencmode="disable")):
            pass
    assert noted == [["BEGIN"], ["SELECT repeat('x', 100000); SELECT 2"], ["SELECT 3"], ["COMMIT"]]


def test_a_request_waits_for_the_server_no_more_often_than_it_must(postgresql_uri: str) -> None:
    cells = round_trips.counted(postgresql_uri, [RAW, OURS])
    assert {(cell["row"], cell["peer"]): cell["waits"] for cell in cells} == {
        ("request_get", RAW): 3.0,
        ("request_post", RAW): 5.0,
        ("request_get", OURS): 3.0,
        ("request_post", OURS): 4.0,
    }
    get, post = (cell["messages"] for cell in cells if cell["peer"] == OURS)
    assert [wait[0].split()[0] for wait in get] == ["BEGIN;", "SELECT", "COMMIT"]
    assert [wait[0].split()[0] for wait in post] == ["BEGIN;", "UPDATE", "INSERT", "COMMIT"]
    text = round_trips.tables({"cells": cells, "missing": {}})
    assert "| flask_uow | 3 | 4 |" in text
    assert "| 3 | `COMMIT` |" in text


def test_each_step_of_a_request_gives_the_right_answers_and_has_a_line(database: str, database_uri: str) -> None:
    found = segments.measured(database_uri, 1, 3)
    assert set(found) == {*segments.STEPS, *segments.BY_HAND}
    for number, name in enumerate(found):
        found[name] = {"processor": 100.0 * (number + 1), "passed": 1000.0 * (number + 1)}
    text = segments.tables({"rounds": 1, "requests": 3, "segments": {database: found}})
    assert "| the extension, whose Session nobody asks for | 100 | 1000 | 200 | 2000 |" in text
    assert "flush, commit (request_post) | 500 | 5000 | 600 | 6000 |" in text


def test_apps_under_gunicorn_write_what_they_have_answered(postgresql_uri: str) -> None:
    with closing(Database(postgresql_uri)) as database:
        cells = [
            threads.measured(database, postgresql_uri, name, 4, 80 / threads.REQUESTS_OF_A_SECOND, None)
            for name in ("psycopg2", "flask_uow")
        ]
    assert [(cell["app"], cell["error"], cell["requests"]) for cell in cells] == [
        ("psycopg2", None, 80),
        ("flask_uow", None, 80),
    ]
    for cell in cells:
        cell.update(per_second=50.0, p50=20.0, p99=40.0)
    text = threads.tables({"load": "wrk", "seconds": 1, "cells": cells, "missing": {}})
    assert "| 4 | 50.0 | 50.0 |" in text
    assert "| 4 | 40.0 | 40.0 |" in text


def test_children_that_are_missing_from_the_database_are_found_out(
    postgresql_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "_WRITTEN", "SELECT 0")
    with closing(Database(postgresql_uri)) as database:
        cell = threads.measured(database, postgresql_uri, "psycopg2", 1, 16 / threads.REQUESTS_OF_A_SECOND, None)
    assert "children were made by the answers, 0 are in the database" in cell["error"]
    assert "p50" not in cell


def test_the_page_has_a_place_for_the_tables_of_each_command() -> None:
    before = page.PAGE.read_text(encoding="utf-8")
    after = page.filled_in(before, {name: f"Tables of {name}." for name in page.SOURCES})
    for name in page.SOURCES:
        assert f"<!-- {name}: begin -->\n\nTables of {name}.\n\n<!-- {name}: end -->" in after
    assert page.filled_in(after, {"rows": "Others."}).count("Tables of") == len(page.SOURCES) - 1
    with pytest.raises(ValueError, match="0 places between '<!-- rows: begin -->'"):
        page.filled_in("# Performance\n", {"rows": "Others."})
