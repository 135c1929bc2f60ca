"""The whole suite again on every other supported CPython (marked ``matrix``).

Each version gets a virtual environment of its own in a temporary folder. A version that the machine does not have is a failure, and says so:
it is never left out.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.interpreters import SUPPORTED, find

ROOT = Path(__file__).parents[2]
RUNNING = f"{sys.version_info[0]}.{sys.version_info[1]}"


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=3600,
        check=False,
    )


@pytest.mark.matrix
@pytest.mark.parametrize("version", [version for version in SUPPORTED if version != RUNNING])
def test_the_suite_passes_on_every_supported_python(version: str, tmp_path: Path) -> None:
    interpreter = find(version)
    if interpreter is None:
        pytest.fail(f"this machine has no CPython {version}, so nothing is known about it", pytrace=False)
    folder = tmp_path / "venv"
    made = run(interpreter, "-m", "venv", folder)
    assert made.returncode == 0, made.stdout
    python = folder / "bin" / "python"
    installed = run(python, "-m", "pip", "install", "--quiet", "-e", ".", "--group", "tests")
    assert installed.returncode == 0, installed.stdout
    result = run(python, "-m", "pytest", "-q", "--no-cov", "-p", "no:cacheprovider", "-n", "2", "--dist", "worksteal")
    assert result.returncode == 0, f"CPython {version}:\n{result.stdout[-5000:]}"
    assert " passed" in result.stdout
