"""The CPythons of this machine on which the suite can run: on the PATH, or kept by pyenv.

``python -m tests.interpreters`` prints the path of the newest one that is newer than the one running it, or nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SUPPORTED = ("3.11", "3.12", "3.13", "3.14")


def find(version: str) -> Path | None:
    """Return the interpreter of a minor version such as ``3.14``, one that can make virtual environments; None without one."""
    name = f"python{version}"
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    kept = sorted(
        pyenv.glob(f"{version}.*"), key=lambda folder: [int(n) for n in folder.name.split(".") if n.isdigit()]
    )
    on_path = [Path(folder) / name for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    for candidate in (*on_path, *(folder / "bin" / name for folder in reversed(kept))):
        if candidate.is_file() and _works(candidate, version):
            return candidate
    return None


def _works(candidate: Path, version: str) -> bool:
    # pyenv puts a script of every version that it knows on the PATH, and a system's CPython may come without ensurepip
    told = subprocess.run(
        [candidate, "-c", "import ensurepip, sqlite3, sys; print('%d.%d' % sys.version_info[:2])"],
        capture_output=True,
        text=True,
        check=False,
    )
    return told.returncode == 0 and told.stdout.strip() == version


def newest() -> Path | None:
    """Return the newest supported interpreter after the running one, or None."""
    running = f"{sys.version_info[0]}.{sys.version_info[1]}"
    newer = SUPPORTED[SUPPORTED.index(running) + 1 :] if running in SUPPORTED else ()
    return next((found for version in reversed(newer) if (found := find(version)) is not None), None)


if __name__ == "__main__":
    print(newest() or "")  # noqa: T201
