"""Where the statements of an engine with ``echo`` are seen: in processes of their own, since pytest sets up logging in this one."""

from __future__ import annotations

import subprocess
import sys

import pytest

from flask_uow import ArgumentError, create_engine

CONNECT = """
with engine.connect() as connection:
    connection.scalar("SELECT 9876 AS told")
"""
CONFIGURE = """
import logging.config
logging.config.dictConfig({
    "version": 1,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
})
"""
BEFORE = "from flask_uow import create_engine\n"
MADE = "engine = create_engine('sqlite://', echo=True)\n"


def output_of(*lines: str) -> str:
    """What a new Python process prints that executes the lines."""
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize(
    "lines",
    [
        (BEFORE, MADE),
        (BEFORE, "engine = create_engine('sqlite://')", "engine.echo = True"),
        (BEFORE, MADE, "create_engine('sqlite://', echo=True)", "engine.echo = True"),
        ("import logging", "logging.basicConfig()", BEFORE, MADE),
        ("import logging", "logging.basicConfig(level='DEBUG')", BEFORE, MADE),
        (BEFORE, MADE, "import logging", "logging.basicConfig()"),
        (BEFORE, CONFIGURE, MADE),
        (
            BEFORE,
            "import logging",
            "logging.getLogger('flask_uow').addHandler(logging.StreamHandler())",
            "logging.getLogger('flask_uow').propagate = False",
            "logging.basicConfig()",
            MADE,
        ),
        (BEFORE, "import logging", "logging.getLogger('flask_uow.engine').setLevel('ERROR')", MADE),
    ],
    ids=[
        "no set-up",
        "set later",
        "two engines",
        "basicConfig",
        "basicConfig at DEBUG",
        "basicConfig afterwards",
        "dictConfig",
        "handler of the package",
        "level",
    ],
)
def test_echo_is_seen_once_whatever_the_set_up_of_logging(lines: tuple[str, ...]) -> None:
    assert output_of(*lines, CONNECT).count("SELECT 9876") == 1


@pytest.mark.parametrize(
    "lines", [("create_engine('sqlite://')",), (MADE.removeprefix("engine = "), "engine.echo = False")]
)
def test_without_echo_nothing_is_printed(lines: tuple[str, ...]) -> None:
    assert "SELECT 9876" not in output_of(BEFORE, f"engine = {lines[0]}", *lines[1:], CONNECT)


def test_echo_debug_tells_the_number_of_rows_too() -> None:
    printed = output_of(
        BEFORE,
        "engine = create_engine('sqlite://', echo='debug')",
        "assert engine.echo == 'debug'",
        "with engine.begin() as connection:",
        "    connection.execute('CREATE TABLE t (a)')",
        "    connection.execute('INSERT INTO t VALUES (1), (2)')",
    )
    assert printed.count("INSERT INTO t") == 1
    assert "DEBUG flask_uow.engine: 2 rows" in printed


def test_the_hidden_values_of_parameters_are_not_printed() -> None:
    printed = output_of(
        BEFORE,
        "engine = create_engine('sqlite://', echo='debug', hide_parameters=True)",
        "engine.connect().scalar('SELECT :x', {'x': 'hush'})",
    )
    assert "SELECT ?" in printed
    assert "hush" not in printed


def test_another_value_of_echo_is_refused() -> None:
    with pytest.raises(ArgumentError, match="echo='yes'"):
        create_engine("sqlite://", echo="yes")  # type: ignore[arg-type]
