"""The shape of the package: what an import pulls in, and how long a module may get."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import flask_uow

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


def test_every_public_name_of_the_package_is_there() -> None:
    missing = [name for name in flask_uow.__all__ if not hasattr(flask_uow, name)]
    assert missing == []


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
