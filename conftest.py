"""Makes pytest run the Python blocks of README.md and docs/ (Sybil). Fixtures are in tests/conftest.py.

The blocks of a page are one program, and each is a test of its own. Under xdist they are spread over workers, so a block first runs those
above it that this process has not run yet: a page gives the same results in one process, in several, and when one block is chosen.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import suppress
from types import ModuleType
from typing import Any
from unittest import SkipTest

from sybil import Document, Example, Region, Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser


class _BlocksInOrder(PythonCodeBlockParser):
    """Python blocks that run once each, in the order of the page."""

    def __call__(self, document: Document) -> Iterable[Region]:
        done: set[int] = set()
        regions = list(super().__call__(document))
        for region in regions:
            region.evaluator = self._once(done, region.evaluator)
        return regions

    def _once(self, done: set[int], evaluate: Any) -> Any:
        def in_order(example: Example) -> Any:
            if example.start in done:
                return None
            # before it runs: what stands above must not come back here, and a block that fails is reported once
            done.add(example.start)
            for earlier in example.document.examples():
                if earlier.start >= example.start:
                    break
                if earlier.start not in done:
                    with suppress(SkipTest):
                        earlier.evaluate()
            # by way of the document, since a mark above may say that this block is skipped
            example.document.evaluate(example, evaluate)
            return None

        return in_order


def _as_module(namespace: dict[str, Any]) -> None:
    """Let the blocks of a page be a module that Flask finds its root path by, and pickle its classes."""
    module = ModuleType("page")
    module.__file__ = __file__

    def lookup(name: str) -> Any:
        if name in namespace:
            return namespace[name]
        raise AttributeError(name)

    vars(module)["__getattr__"] = lookup
    sys.modules["page"] = module
    namespace["__name__"] = "page"


pytest_collect_file = Sybil(
    parsers=[_BlocksInOrder(), SkipParser()],
    patterns=["README.md", "docs/*.md", "docs/**/*.md"],
    setup=_as_module,
).pytest()
