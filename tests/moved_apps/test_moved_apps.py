"""Apps for Flask-SQLAlchemy work after their imports and their configuration were changed, and nothing else."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest

from tests.moved_apps.walks import WALKS
from tests.web.apps import dispose

HERE = Path(__file__).parent

# app -> lines changed (a line that is replaced or goes counts once), lines in all before the move
LINES = {"social": (9, 300), "roles": (11, 380), "conduit": (9, 472), "flaskr": (8, 222)}

# the changes that the page about the move lists: imports, the name of the extension, keys of the configuration, one exception
_ALLOWED = re.compile(
    r"(from|import) (sqlalchemy|flask_sqlalchemy)\b|db = SQLAlchemy\(|\s*(app\.config.*)?SQLALCHEMY_[A-Z_]+ ?=|.*errorhandler\(SQLAlchemyError\)"
    r"|\s*app\.config\.from_mapping\(.*SQLALCHEMY_"
)


def _hunks(app: str) -> list[tuple[str, int, list[str], list[str]]]:
    """Return the changes of an app: module, number of the first line after the move, lines before, lines after."""
    found: list[tuple[str, int, list[str], list[str]]] = []
    module = ""
    for line in (HERE / app / "moved.diff").read_text(encoding="utf-8").splitlines():
        if line.startswith("+++ "):
            module = line.removeprefix(f"+++ {app}/")
        elif match := re.match(r"@@ -\S+ \+(\d+)(?:,(\d+))? @@", line):
            found.append((module, int(match[1]), [], []))
        elif line.startswith("-") and not line.startswith("--- "):
            found[-1][2].append(line[1:])
        elif line.startswith("+"):
            found[-1][3].append(line[1:])
    return found


@pytest.mark.parametrize("name", WALKS)
def test_a_moved_app_does_what_it_did(name: str, database_uri: str) -> None:
    module: Any = importlib.import_module(f"tests.moved_apps.{name}")
    app = module.create_app({"UOW_DATABASE_URI": database_uri, "SECRET_KEY": "tests"})
    db = app.extensions["uow"]
    with app.app_context():
        db.create_all()
    WALKS[name](app)
    dispose(db, app)


@pytest.mark.parametrize("name", LINES)
def test_the_changes_are_those_of_the_app(name: str) -> None:
    for module, start, before, after in _hunks(name):
        lines = (HERE / name / module).read_text(encoding="utf-8").splitlines()
        assert lines[start - 1 : start - 1 + len(after)] == after, module
        assert len(after) <= len(before)


@pytest.mark.parametrize("name", LINES)
def test_only_imports_and_configuration_were_changed(name: str) -> None:
    changed = [line for _, _, before, _ in _hunks(name) for line in before]
    assert [line for line in changed if not _ALLOWED.match(line)] == []


@pytest.mark.parametrize("name", LINES)
def test_the_number_of_changed_lines_is_known(name: str) -> None:
    hunks = _hunks(name)
    now = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in (HERE / name).glob("*.py"))
    gone = sum(len(before) - len(after) for _, _, before, after in hunks)
    assert (sum(len(before) for _, _, before, _ in hunks), now + gone) == LINES[name]


@pytest.mark.parametrize("name", LINES)
def test_nothing_of_the_other_extension_is_left(name: str) -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in (HERE / name).glob("*.py"))
    assert re.findall(r"sqlalchemy", text, re.IGNORECASE) == []
