"""mypy --strict accepts user code, and sees the types that it should."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mypy import api

USER_CODE = Path(__file__).with_name("user_code.py")


def _plain(revealed: str) -> str:
    """Return a type as a person would write it, whatever mypy's version decorates it with."""
    return revealed.replace("builtins.", "").replace("*", "").replace("?", "")


@pytest.mark.slow
def test_mypy_sees_the_types_that_user_code_states() -> None:
    root = str(USER_CODE.parents[2])
    output, errors, _ = api.run(
        ["--strict", "--no-error-summary", f"--config-file={root}/pyproject.toml", str(USER_CODE)]
    )
    assert errors == ""
    own = [line for line in output.splitlines() if "user_code.py" in line]
    revealed = {
        int(match[1]): _plain(match[2])
        for line in own
        if (match := re.search(r'user_code\.py:(\d+).*note: Revealed type is "(.*)"', line))
    }
    expected = {
        number: line.partition("# reveals: ")[2]
        for number, line in enumerate(USER_CODE.read_text(encoding="utf-8").splitlines(), 1)
        if "# reveals: " in line and "reveal_type(" in line
    }
    assert revealed == expected
    assert [line for line in own if "error:" in line] == []
