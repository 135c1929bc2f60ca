"""mypy --strict and pyright accept user code, see the types that it states, and report its mistakes."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from mypy import api

from flask_uow.sql.columns import Column, NamedColumnOptions

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
# db.Model is beyond mypy
FILES = ["declarations", "mapped_dataclasses", "mistakes", "star_import", "statements", "user_code"]
FILES_OF_PYRIGHT = [*FILES, "models_of_the_extension"]

Found = dict[str, dict[int, list[str]]]


def _path(name: str) -> Path:
    return FOLDER / f"{name}.py"


def _lines(name: str) -> list[str]:
    return _path(name).read_text(encoding="utf-8").splitlines()


def _plain(revealed: str) -> str:
    """Return a type as a person would write it, whatever mypy's version decorates it with."""
    return revealed.replace("builtins.", "").replace("*", "").replace("?", "")


@pytest.fixture(scope="module")
def mypy_output() -> str:
    files = [str(_path(name)) for name in FILES]
    output, errors, _ = api.run(["--strict", "--no-error-summary", f"--config-file={ROOT}/pyproject.toml", *files])
    assert errors == ""
    return output


@pytest.fixture(scope="module")
def found_by_mypy(mypy_output: str) -> Found:
    found: Found = {}
    for line in mypy_output.splitlines():
        match = re.match(r"(?:.*/)?(\w+)\.py:(\d+)(?::\d+)?: error: (.*)", line)
        if match:
            found.setdefault(match[1], {}).setdefault(int(match[2]), []).append(match[3])
    return found


@pytest.fixture(scope="module")
def found_by_pyright() -> Found:
    program = Path(sys.executable).with_name("pyright")
    files = [str(_path(name)) for name in FILES_OF_PYRIGHT]
    command = [str(program), "--outputjson", "--pythonpath", sys.executable, *files]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    found: Found = {}
    for each in json.loads(done.stdout[done.stdout.index("{") :])["generalDiagnostics"]:
        if each["severity"] == "error":
            lines = found.setdefault(Path(each["file"]).stem, {})
            lines.setdefault(each["range"]["start"]["line"] + 1, []).append(each["message"])
    return found


@pytest.fixture(params=["mypy", "pyright"])
def found(request: pytest.FixtureRequest) -> Found:
    result: Found = request.getfixturevalue(f"found_by_{request.param}")
    return result


@pytest.fixture
def problems(found: Found) -> Callable[[str], list[str]]:
    """Tell the lines of a file that are reported and should not be, and those that should be and are not."""

    def compared(name: str) -> list[str]:
        wrong = {number for number, line in enumerate(_lines(name), 1) if line.endswith("# wrong")}
        reported = found.get(name, {})
        return [
            *(f"line {number}: {messages}" for number, messages in reported.items() if number not in wrong),
            *(f"line {number} is not reported: {_lines(name)[number - 1]}" for number in wrong - set(reported)),
        ]

    return compared


@pytest.mark.slow
def test_mypy_sees_the_types_that_user_code_states(mypy_output: str) -> None:
    own = [line for line in mypy_output.splitlines() if "user_code.py" in line]
    revealed = {
        int(match[1]): _plain(match[2])
        for line in own
        if (match := re.search(r'user_code\.py:(\d+).*note: Revealed type is "(.*)"', line))
    }
    expected = {
        number: line.partition("# reveals: ")[2]
        for number, line in enumerate(_lines("user_code"), 1)
        if "# reveals: " in line and "reveal_type(" in line
    }
    assert revealed == expected
    assert [line for line in own if "error:" in line] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["declarations", "statements", "star_import"])
def test_both_type_checkers_know_what_declarations_and_statements_give(
    problems: Callable[[str], list[str]], name: str
) -> None:
    assert problems(name) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mistakes", "mapped_dataclasses"])
def test_both_type_checkers_report_mistakes(problems: Callable[[str], list[str]], name: str) -> None:
    assert problems(name) == []


@pytest.mark.slow
def test_pyright_knows_the_models_that_derive_from_the_model_of_the_extension(found_by_pyright: Found) -> None:
    name = "models_of_the_extension"
    wrong = {number for number, line in enumerate(_lines(name), 1) if line.endswith("# wrong")}
    assert set(found_by_pyright.get(name, {})) == wrong


def test_the_keywords_of_a_column_are_those_that_type_checkers_know() -> None:
    parameters = inspect.signature(Column.__init__).parameters.values()
    known = NamedColumnOptions.__required_keys__ | NamedColumnOptions.__optional_keys__ | {"type_"}
    assert {p.name for p in parameters if p.kind is p.KEYWORD_ONLY} == known
