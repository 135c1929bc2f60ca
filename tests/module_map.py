"""The map of the package in docs/architecture/index.md: each module with the first sentence of its docstring.

``python -m tests.module_map`` writes it anew. The order of the page is kept: a module that is new comes last
in its folder, from where it is moved by hand; one that is gone goes.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "architecture" / "index.md"

_MAP = re.compile(r"(?<=```text\n)flask_uow/\n.*?(?=```)", re.DOTALL)
_ENTRY = re.compile(r"^(?P<indent> *)(?P<name>\w+(?:\.py|/))(?: |$)", re.MULTILINE)
_TEXT_COLUMN = 28
_WIDTH = 120


def modules_on_the_page() -> list[str]:
    """Return the paths of the modules and folders that the page names, in its order."""
    path: list[str] = []
    found = []
    for entry in _ENTRY.finditer(_current()):
        level = len(entry["indent"]) // 2
        path[level:] = [entry["name"].rstrip("/")]
        found.append("/".join(path))
    return found


def modules_of_the_package() -> set[str]:
    """Return the paths of the modules that there are."""
    return {str(path.relative_to(ROOT)) for path in (ROOT / "flask_uow").rglob("*.py") if path.name != "__init__.py"}


def made_anew() -> str:
    """Return the text of the map as it ought to be."""
    order = {path: number for number, path in enumerate(modules_on_the_page())}
    return "flask_uow/\n" + "".join(_lines(ROOT / "flask_uow", order))


def _current() -> str:
    found = _MAP.search(PAGE.read_text(encoding="utf-8"))
    assert found is not None, "the page has no map that begins with flask_uow/"
    return found[0]


def _lines(folder: Path, order: dict[str, int]) -> Iterator[str]:
    parts = [
        path
        for path in folder.iterdir()
        if (path.suffix == ".py" and path.name != "__init__.py") or (path / "__init__.py").exists()
    ]
    parts.sort(key=lambda path: (order.get(str(path.relative_to(ROOT)), len(order)), path.name))
    for path in parts:
        indent = "  " * (len(path.relative_to(ROOT).parts) - 1)
        if path.is_dir():
            yield f"{indent}{path.name}/\n"
            yield from _lines(path, order)
            continue
        head = f"{indent}{path.name}".ljust(_TEXT_COLUMN - 1) + " "
        yield (
            textwrap.fill(_first_sentence(path), _WIDTH, initial_indent=head, subsequent_indent=" " * _TEXT_COLUMN)
            + "\n"
        )


def _first_sentence(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    paragraph = " ".join(text.split("\n\n")[0].split())
    # "UPDATE ... FROM" is no end of a sentence
    sentence = re.split(r"(?<=[^.]\.) (?=[A-Z`])", paragraph)[0]
    plain = re.sub(r":\w+:`~?(?:[\w.]*\.)?(\w+)`", r"\1", sentence)
    return plain.replace("``", "").rstrip(".")


if __name__ == "__main__":
    PAGE.write_text(_MAP.sub(lambda found: made_anew(), PAGE.read_text(encoding="utf-8")), encoding="utf-8")
