"""The documentation is complete where a test can tell."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flask_uow import exc
from flask_uow.orm import exc as orm_exc

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
