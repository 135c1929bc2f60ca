"""What the commands beside the table have in common: their options, what they say on the way, the file that they write."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.report import about
from tests.benchmarks.runner import write_json

DATABASES = ("sqlite", "postgresql")


def say(text: str) -> None:
    """Report progress, apart from the results."""
    print(text, file=sys.stderr, flush=True)


def names(text: str) -> list[str]:
    return text.split(",")


def refuse_unknown(parser: argparse.ArgumentParser, given: Sequence[str], known: Sequence[str]) -> None:
    """End the command when a name is not one of ``known``."""
    for name in given:
        if name not in known:
            parser.error(f"unknown name {name!r}; choose from {', '.join(known)}")


def parser_of(command: str, description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options that all of these commands have."""
    parser = argparse.ArgumentParser(prog=f"python -m tests.benchmarks.{command}", description=description)
    parser.add_argument("--peers", type=names, help="comma-separated; default: all that the command knows")
    parser.add_argument("--databases", type=names, default=list(DATABASES), help="sqlite,postgresql")
    parser.add_argument("--repetitions", type=int, help="default: 3")
    parser.add_argument("--quick", action="store_true", help="once, at a size that measures nothing")
    parser.add_argument("--json", type=Path, help="the file of results; default: in build/")
    return parser


def options_of(
    parser: argparse.ArgumentParser,
    arguments: Sequence[str] | None,
    file: str,
    peers: Sequence[str],
    quick: Mapping[str, Any] | None = None,
) -> argparse.Namespace:
    """Return the options.

    :param file: the name of the file of results.
    :param peers: those that the command knows.
    :param quick: options that ``--quick`` stands for.
    """
    options = parser.parse_args(arguments)
    options.peers = options.peers or list(peers)
    refuse_unknown(parser, options.peers, peers)
    refuse_unknown(parser, options.databases, DATABASES)
    options.repetitions = options.repetitions or (1 if options.quick else 3)
    options.json = options.json or Path("build", file)
    if options.quick:
        for name, value in (quick or {}).items():
            setattr(options, name, value)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    return options


def finish(options: argparse.Namespace, content: dict[str, Any], text: str, failed: bool) -> int:
    """Write the file of results, print the tables, return the exit code."""
    write_json(options.json, content)
    print(f"{about(content['machine'])}.\n\n{text}", end="")
    say(f"results: {options.json}")
    return 1 if failed else 0
