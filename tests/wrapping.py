"""Wraps the text of README.md, CHANGELOG.md, CONTRIBUTING.md and docs/ where a line has more than 120 characters.

``python -m tests.wrapping`` does it. Paragraphs and items of lists that have such a line are filled anew; tables and blocks of code stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
WIDTH = 120

_ITEM = re.compile(r"\s*(?:[-*+]|\d+\.)\s+")
# a line that begins so would be an item of a list, a heading, a quotation or a row of a table
_NOT_FIRST = re.compile(r"[-*+]$|\d+\.$|#+$|>|\|")
_AS_IT_IS = re.compile(r"#|\||```|<|>|\[\^|\[[^\]]+\]:|-{3,}$|={3,}$")


def pages() -> list[Path]:
    """Return the files that are looked at."""
    return [ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def long_lines(text: str) -> list[int]:
    """Return the numbers of the lines of text that are too long."""
    is_code = False
    found: list[int] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            is_code = not is_code
        elif len(line) > WIDTH and not is_code and not line.startswith("|"):
            found.append(number)
    return found


def wrapped(text: str) -> str:
    """Return a page whose paragraphs with lines that are too long are filled anew."""
    made: list[str] = []
    paragraph: list[str] = []
    is_code = False
    for line in text.split("\n"):
        begins_code = line.strip().startswith("```")
        stands_alone = is_code or begins_code or not line.strip() or _AS_IT_IS.match(line.strip()) is not None
        if stands_alone or _ITEM.match(line) or (paragraph and _is_another(paragraph[0], line)):
            made.extend(_filled(paragraph))
            paragraph = []
        if stands_alone:
            made.append(line)
        else:
            paragraph.append(line)
        is_code = is_code != begins_code
    return "\n".join([*made, *_filled(paragraph)])


def _is_another(first: str, line: str) -> bool:
    return _ITEM.match(first) is None and _indent(first) != _indent(line)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _filled(paragraph: list[str]) -> Iterator[str]:
    if all(len(line) <= WIDTH for line in paragraph):
        yield from paragraph
        return
    item = _ITEM.match(paragraph[0])
    line = item[0] if item is not None else " " * _indent(paragraph[0])
    indent = " " * len(line)
    first = paragraph[0][len(line) :]
    is_empty = True
    for word in " ".join([first, *paragraph[1:]]).split():
        if not is_empty and len(line) + 1 + len(word) > WIDTH and not _NOT_FIRST.match(word):
            yield line
            line, is_empty = indent, True
        line += word if is_empty else f" {word}"
        is_empty = False
    yield line


if __name__ == "__main__":
    for page in pages():
        before = page.read_text(encoding="utf-8")
        page.write_text(wrapped(before), encoding="utf-8")
