"""The shape of the package: what an import pulls in, and how long a module may get."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import flask_uow
from tests.module_map import PAGE, made_anew, modules_of_the_package, modules_on_the_page

PACKAGE = Path(flask_uow.__file__).parent
# Past some 500 lines a module is asking whether there is a seam; this is where the question must have been answered.
MAXIMUM_LINES = 650


@pytest.mark.parametrize("layer", ["exc", "sql", "engine", "orm"])
def test_a_layer_below_web_imports_no_web_framework(layer: str) -> None:
    code = (
        f"import flask_uow.{layer}, sys; "
        "print(sorted({'flask', 'werkzeug', 'click', 'blinker', 'sqlalchemy'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_importing_the_package_loads_flask_only_when_a_web_name_is_used() -> None:
    code = "import flask_uow, sys; print('flask' in sys.modules); flask_uow.UnitOfWork; print('flask' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["False", "True"]


def test_every_public_name_of_the_package_is_there_once() -> None:
    assert [name for name in flask_uow.__all__ if getattr(flask_uow, name, None) is None] == []
    assert len(flask_uow.__all__) == len(set(flask_uow.__all__))


def test_a_misspelt_name_of_the_package_is_an_attribute_error_with_a_suggestion() -> None:
    with pytest.raises(AttributeError, match="Did you mean 'UnitOfWork'"):
        flask_uow.UnitOfwork  # type: ignore[attr-defined]


def test_no_module_has_grown_past_the_question_of_a_seam() -> None:
    lengths = {
        str(path.relative_to(PACKAGE)): len(path.read_text(encoding="utf-8").splitlines())
        for path in PACKAGE.rglob("*.py")
    }
    too_long = {name: length for name, length in lengths.items() if length > MAXIMUM_LINES}
    assert too_long == {}


def test_every_module_opens_with_a_docstring() -> None:
    bare = [
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if not path.read_text(encoding="utf-8").lstrip().startswith(('"""', 'r"""'))
    ]
    assert bare == []


def test_the_map_of_the_code_names_the_modules_that_there_are() -> None:
    on_the_page = {path for path in modules_on_the_page() if path.endswith(".py")}
    assert on_the_page == modules_of_the_package()


def test_the_map_of_the_code_says_of_each_module_what_its_docstring_says() -> None:
    assert made_anew() in PAGE.read_text(encoding="utf-8"), "write it anew: python -m tests.module_map"


@pytest.mark.parametrize("page", sorted(PAGE.parent.glob("*.md")), ids=lambda page: page.name)
def test_pages_on_the_architecture_name_modules_that_there_are(page: Path) -> None:
    named = re.findall(r"`([\w/]+\.py)`", page.read_text(encoding="utf-8"))
    tests = (path.relative_to(PACKAGE.parent) for path in (PACKAGE.parent / "tests").rglob("*.py"))
    there = [f"/{path}" for path in (*modules_of_the_package(), *tests)]
    assert [name for name in named if not any(path.endswith(f"/{name}") for path in there)] == []


def test_the_tests_of_the_orm_lie_in_folders_of_the_names_of_its_packages() -> None:
    packages = {path.parent.name for path in (PACKAGE / "orm").glob("*/__init__.py")}
    tests = PACKAGE.parent / "tests" / "orm"
    assert {path.parent.name for path in tests.glob("*/test_*.py")} == packages
    assert list(tests.glob("test_*.py")) == []


def test_docstrings_begin_with_their_subject() -> None:
    beginning = re.compile(r'"""(?:Return what|What) ')
    found = [
        f"{path.relative_to(PACKAGE)}:{number}"
        for path in PACKAGE.rglob("*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if beginning.search(line)
    ]
    assert found == [], "say what it is: 'The columns ...', 'Return the names ...'"


@pytest.mark.parametrize(
    "folder", sorted(path.parent for path in (PACKAGE / "orm").glob("*/__init__.py")), ids=lambda folder: folder.name
)
def test_the_reading_order_of_a_package_of_the_orm_names_modules_that_there_are(folder: Path) -> None:
    docstring = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))) or ""
    _, _, order = docstring.partition("In reading order: ")
    named = re.findall(r"\w+", order)
    assert set(named) <= {path.stem for path in folder.glob("*.py")}
    assert len(named) > 5
    assert len(named) == len(set(named))
