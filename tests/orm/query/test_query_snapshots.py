"""The SQL text of statements, queries and DDL is what it was when somebody last looked at it; see snapshot_statements."""

from __future__ import annotations

import pytest

from tests.orm.snapshot_statements import DIALECTS, FOLDER, snapshot, statements


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_the_text_of_statements_is_as_it_was_reviewed(dialect: str) -> None:
    kept = (FOLDER / f"{dialect}.sql").read_text(encoding="utf-8")
    assert snapshot(dialect).split("\n\n") == kept.split("\n\n")


def test_a_query_prints_as_its_statement_does() -> None:
    query = statements()["filters"]
    assert str(query) == str(query.statement)
    assert ":param_1" in str(query)
