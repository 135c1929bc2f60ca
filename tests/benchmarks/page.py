"""``python -m tests.benchmarks.page``: writes the tables of docs/performance.md anew from the files that the commands have left in build/.

What stands between ``<!-- NAME: begin -->`` and ``<!-- NAME: end -->`` is replaced; where there is no file, it stays.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks import report, round_trips, scale, segments, threads
from tests.benchmarks.machine import ROOT
from tests.wrapping import wrapped

PAGE = ROOT / "docs" / "performance.md"

# the file of results and the function that makes tables of it, by the name of the place
SOURCES: dict[str, tuple[str, Callable[[dict[str, Any]], str]]] = {
    "rows": ("benchmarks.json", lambda content: report.tables(content, markdown=True)),
    "scale": ("scale.json", scale.tables),
    "segments": ("segments.json", segments.tables),
    "round_trips": ("round_trips.json", round_trips.tables),
    "threads": ("threads.json", threads.tables),
}


def main() -> None:
    """Rewrite the page."""
    texts = {}
    for name, (file, tables) in SOURCES.items():
        path = Path("build", file)
        if not path.exists():
            print(f"{name}: there is no {path}; its tables stay as they are", file=sys.stderr)
            continue
        content = json.loads(path.read_text(encoding="utf-8"))
        about = "" if name == "rows" else f"{report.about(content['machine'])}.\n\n"
        texts[name] = about + tables(content)
    PAGE.write_text(wrapped(filled_in(PAGE.read_text(encoding="utf-8"), texts)), encoding="utf-8")


def filled_in(page: str, texts: Mapping[str, str]) -> str:
    """Return the page with other texts in its marked places.

    :raises ValueError: when a place is not there once.
    """
    for name, text in texts.items():
        place = re.compile(rf"(?<=<!-- {name}: begin -->\n).*?(?=<!-- {name}: end -->)", re.DOTALL)
        before, *others = place.split(page)
        if len(others) != 1:
            found = f"{len(others)} places between '<!-- {name}: begin -->' and '<!-- {name}: end -->'"
            raise ValueError(f"{found} instead of 1 in the page; mend its marks")
        page = f"{before}\n{text.strip()}\n\n{others[0]}"
    return page


if __name__ == "__main__":
    main()
