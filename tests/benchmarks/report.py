"""Medians, ranges and ratios of the cells of a run, as tables for a terminal and for Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from tests.benchmarks.rows import ROWS
from tests.benchmarks.runner import OURS, PEERS, RAW

TITLES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
# differences below this are noise: identical code scores as much against itself on a shared machine
NOISE = 1.25
README_ROWS = (
    "insert_flat",
    "insert_graph",
    "load_entities",
    "get_miss",
    "update_dirty",
    "delete_objects",
    "page_eager",
    "filter_query",
    "request_get",
    "request_post",
)

Cells = dict[tuple[str, str, str], dict[str, Any]]


def tables(results: dict[str, Any], markdown: bool) -> str:
    """Return all that a run has to say.

    :param results: as ``runner.as_json`` makes them, from a run that may still be under way.
    :param markdown: tables of Markdown; else aligned columns.
    """
    cells: Cells = {(cell["database"], cell["row"], cell["peer"]): cell for cell in results["cells"]}
    parts = [_about(results)]
    for database in TITLES:
        rows = _present(cells, database, 1, ROWS)
        peers = _present(cells, database, 2, PEERS)
        if rows:
            body = [_line(cells, database, row, peers) for row in rows]
            parts.append(title(TITLES[database], markdown) + table(["row", *map(_heading, peers)], body, markdown))
    if markdown and any(cell["peer"] == OURS for cell in cells.values()):
        parts.append(title("Summary", markdown) + _summary(cells))
    parts.extend(_failures(results, cells))
    return "\n\n".join(parts) + "\n"


def table(heading: Sequence[str], body: Sequence[Sequence[str]], markdown: bool) -> str:
    """Return a table."""
    if markdown:
        lines = [f"| {' | '.join(heading)} |", f"|{'---|' * len(heading)}"]
        return "\n".join(lines + [f"| {' | '.join(line)} |" for line in body])
    widths = [max(len(line[column]) for line in [heading, *body]) for column in range(len(heading))]
    return "\n".join(
        "  ".join(
            text.ljust(width) if column == 0 else text.rjust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in [heading, *body]
    )


def title(text: str, markdown: bool) -> str:
    """Return a heading, with what must follow it."""
    return f"### {text}\n\n" if markdown else f"{text}\n"


def _present(cells: Cells, database: str, part: int, known: Iterable[str]) -> list[str]:
    there = {key[part] for key in cells if key[0] == database}
    return [name for name in known if name in there]


def about(machine: dict[str, Any]) -> str:
    """Return, in a line, what the figures were measured on."""
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    return (
        f"{machine['date']}, revision {machine['revision']}, {machine['python']}, {machine['processor']}, "
        f"{machine['cores']} cores (load {machine['load']} at the start), SQLite {machine['sqlite']}, PostgreSQL"
        f" {machine.get('postgresql', '-')}, {packages}"
        f"{', TIMES OF THE PROCESSOR ONLY' if machine.get('clock') == 'processor' else ''}"
    )


def _about(results: dict[str, Any]) -> str:
    return (
        f"{about(results['machine'])}; medians of {results['repetitions']} repetitions (smallest-largest),"
        f" scale {results['scale']:g}. Raw is in milliseconds (memory_per_object: bytes); the others are ratios to it,"
        f" with the range that their own values give. load_growth is no ratio to raw."
    )


def _heading(peer: str) -> str:
    return "raw" if peer == RAW else peer


def _line(cells: Cells, database: str, row: str, peers: Sequence[str]) -> list[str]:
    ratios = {peer: ratio for peer in peers if (ratio := _ratio(cells, database, row, peer)) is not None}
    ours = ratios.get(OURS)
    line = [row]
    for peer in peers:
        cell = cells.get((database, row, peer))
        if cell is None:
            line.append("-")
        elif not cell["values"]:
            line.append("FAILED")
        elif peer == RAW or peer not in ratios:
            line.append(_absolute(row, cell["values"]))
        else:
            base = _base(cells, database, row)
            low, high = min(cell["values"]) / base, max(cell["values"]) / base
            text = f"{short(ratios[peer])} ({short(low)}-{short(high)})"
            ahead = peer != OURS and ours is not None and ratios[peer] < ours
            line.append(f"**{text}**" if ahead else text)
    return line


def _base(cells: Cells, database: str, row: str) -> float:
    if ROWS[row].unit == "x":
        return 1.0
    return statistics.median(cells[database, row, RAW]["values"])


def _ratio(cells: Cells, database: str, row: str, peer: str) -> float | None:
    cell, raw = cells.get((database, row, peer)), cells.get((database, row, RAW))
    if cell is None or not cell["values"]:
        return None
    if ROWS[row].unit != "x" and (raw is None or not raw["values"]):
        return None
    return statistics.median(cell["values"]) / _base(cells, database, row)


def _absolute(row: str, values: Sequence[float]) -> str:
    factor = 1000 if ROWS[row].unit == "s" else 1
    middle, low, high = (value * factor for value in (statistics.median(values), min(values), max(values)))
    return f"{short(middle)} ({short(low)}-{short(high)})"


def short(value: float) -> str:
    """Return a number with three digits that count."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _summary(cells: Cells) -> str:
    body = []
    for name in README_ROWS:
        columns = [_of_both(cells, database, name) for database in TITLES]
        if any(columns):
            body.append([f"{name}: {ROWS[name].says}", *(column or "-" for column in columns)])
    return table(["operation", *TITLES.values()], body, markdown=True)


def _of_both(cells: Cells, database: str, row: str) -> str:
    ours = _ratio(cells, database, row, OURS)
    if ours is None:
        return ""
    others = {
        peer: ratio
        for peer in PEERS
        if peer not in (RAW, OURS) and (ratio := _ratio(cells, database, row, peer)) is not None
    }
    if not others:
        return short(ours)
    best = min(others, key=others.__getitem__)
    return f"{short(ours)} ({short(others[best])} {best})"


def _failures(results: dict[str, Any], cells: Cells) -> list[str]:
    parts = [
        f"NOT MEASURED: {peer}: {', '.join(packages)} not installed (pip install --group benchmarks)"
        for peer, packages in results["missing"].items()
    ]
    for (database, row, peer), cell in cells.items():
        if cell["error"]:
            parts.append(f"FAILED: {row} by {peer} on {TITLES[database]}: {cell['error'].strip().splitlines()[-1]}")
    return parts
