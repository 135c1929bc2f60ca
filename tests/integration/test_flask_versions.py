"""The tests of the web layer again, with other versions of Flask, Werkzeug and Click (marked ``matrix``).

Each version gets a virtual environment of its own, in a temporary folder: Flask and what it needs are installed there, everything else is
that of the environment in which the tests run. A version that cannot be installed is a failure, and says so: it is never left out.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# what pip is asked for; the oldest of each minor version and its newest, old and new Click, and whatever comes next
VERSIONS = {
    "flask 3.0.0, click 8.1": ["flask==3.0.0", "click==8.1.*", "werkzeug==3.0.*"],
    "flask 3.0, newest click": ["flask==3.0.*", "click"],
    "flask 3.1.0, click 8.1": ["flask==3.1.0", "click==8.1.*"],
    "flask 3.1": ["flask==3.1.*"],
    "newest release or pre-release": ["--pre", "flask"],
}


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
    )


@pytest.mark.matrix
@pytest.mark.parametrize("wanted", VERSIONS)
def test_the_lifecycle_holds_on_every_supported_flask(
    wanted: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "venv"
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    installed = run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *VERSIONS[wanted])
    if installed.returncode != 0:
        pytest.fail(
            f"{wanted} COULD NOT BE INSTALLED, so nothing is known about it:\n{installed.stdout}", pytrace=False
        )
    # behind the environment's own packages
    (packages,) = (folder / "lib").glob("python*/site-packages")
    (packages / "tests.pth").write_text(f"{sysconfig.get_path('purelib')}\n{ROOT}\n", encoding="utf-8")
    versions = run(
        python, "-c",
        "from importlib.metadata import version as v; import flask; print(flask.__file__, *(f'{n} {v(n)}' for n in ('flask', 'werkzeug', 'click')))",
    )  # fmt: skip
    assert str(folder) in versions.stdout, versions.stdout
    with capsys.disabled():
        sys.stdout.write(f"\n{wanted}: {versions.stdout.partition(' ')[2].strip()}\n")
    tests = [
        "tests/web",
        "tests/example_app",
        "tests/integration/test_real_servers.py",
        "tests/integration/test_faults.py",
    ]
    result = run(
        python, "-m", "pytest", "--no-cov", "-q", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'tests'}", *tests
    )
    assert result.returncode == 0, result.stdout[-8000:]
    passed = re.search(r"(\d+) passed", result.stdout)
    assert passed is not None, result.stdout[-8000:]
    assert int(passed[1]) > 400, result.stdout[-8000:]
