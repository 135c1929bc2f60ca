"""Makes pytest run the Python blocks of README.md and docs/ (Sybil). Fixtures are in tests/conftest.py."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser


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
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=["README.md", "docs/*.md", "docs/**/*.md"],
    setup=_as_module,
).pytest()
