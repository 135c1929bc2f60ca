"""The documentation is complete where a test can tell."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flask_uow import exc
from flask_uow.orm import exc as orm_exc
from tests.wrapping import long_lines, pages, wrapped

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


def test_the_page_of_errors_names_every_error_class() -> None:
    text = (DOCS / "errors.md").read_text(encoding="utf-8")
    names = {name for name in (*exc.__all__, *orm_exc.__all__) if name[0].isupper()}
    assert {name for name in names if f"`{name}`" not in text} == set()


@pytest.mark.parametrize("page", sorted([*DOCS.rglob("*.md"), ROOT / "README.md"]), ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_glossary_defines_the_words_that_only_this_project_uses() -> None:
    text = (DOCS / "glossary.md").read_text(encoding="utf-8")
    defined = {word.lower() for word in re.findall(r"\*\*([^*]+)\*\*", text)}
    words = (
        "accounts", "atom", "bind key", "commit point", "family", "gate", "half-made", "layout", "level", "link", "mark",
        "memo", "observer", "outcome", "owner", "page", "part", "participant", "replay", "row switch", "scope", "settle",
        "shape", "sibling", "source", "stand-in", "step", "strategy", "token", "turn", "view", "work list",
    )  # fmt: skip
    assert [word for word in words if word not in defined] == []


def test_the_glossary_names_modules_that_there_are() -> None:
    named = re.findall(r"`([\w/]+\.py)`", (DOCS / "glossary.md").read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / "flask_uow" / name).exists()] == []
    assert len(named) > 3


def test_the_two_lists_of_the_glossary_are_in_alphabetical_order() -> None:
    for part in (DOCS / "glossary.md").read_text(encoding="utf-8").split("\n## "):
        entries = [entry.lower() for entry in re.findall(r"^- \*\*([^*]+)\*\*", part, re.MULTILINE)]
        assert entries == sorted(entries)


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_lines_of_text_have_120_characters_at_most(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert long_lines(text) == [], "wrap them: python -m tests.wrapping"
    # what is short enough stays as it is
    assert wrapped(text) == text


def test_wrapping_keeps_items_tables_and_code_apart() -> None:
    word = "word " * 30
    text = f"# Title\n\n- {word}\n  - {word}- x\n- short\n\n| {word} |\n\n```\n{word}\n```\n"
    made = wrapped(text)
    assert made.split() == text.split()
    assert long_lines(made) == []
    assert [line[:5] for line in made.splitlines()[2:7]] == ["- wor", "  wor", "  - w", "    w", "- sho"]
    assert f"| {word} |" in made
    assert f"```\n{word}\n```" in made
