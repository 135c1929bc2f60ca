"""The page for people who come from Flask-SQLAlchemy: what its tables call ours exists, and they leave nothing out."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import flask_uow
from flask_uow import UnitOfWork, create_engine, exc, signals
from flask_uow.web.config import KEYS
from flask_uow.web.doctor.configuration import KEYS_OF_OTHERS

PAGE = Path(__file__).parent.parent / "docs" / "coming-from-flask-sqlalchemy.md"
TEXT = PAGE.read_text(encoding="utf-8")


def rows(heading: str) -> list[tuple[str, str]]:
    section = TEXT.partition(f"{heading}\n")[2].partition("\n#")[0]
    cells = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")]
    found = [(there, here) for there, here in cells[2:]]
    assert found, heading
    return found


ROWS = [row for heading in ("## Names", "## Configuration", "### Sessions and scopes") for row in rows(heading)]


def is_there(code: str) -> bool:
    """Return whether a piece of code of the right column names nothing but what exists."""
    db = UnitOfWork()
    names = re.findall(r"(?<![\w.])db\.(\w+)", code)
    if names:
        return all(name in dir(db) for name in names)
    if match := re.fullmatch(r"from flask_uow import (\w+)", code):
        return match[1] in flask_uow.__all__
    if match := re.fullmatch(r"signals\.(\w+)", code):
        return match[1] in signals.__all__
    if code.startswith("UOW_"):
        return code in KEYS
    if match := re.match(r"db = (\w+)\((.*)\)", code):
        parameters = inspect.signature(UnitOfWork).parameters
        return match[1] == "UnitOfWork" and all(name in parameters for name in re.findall(r"(\w+)=", match[2]))
    engine_options = {"pool_size", "max_overflow", "pool_timeout", "pool_recycle"}
    return (
        code in flask_uow.__all__
        or code == 'app.extensions["uow"]'
        or (code in engine_options and bool(create_engine("sqlite://", **{code: 1})))
    )


@pytest.mark.parametrize(("there", "here"), ROWS, ids=[there for there, _ in ROWS])
def test_the_new_name_of_every_row_exists(there: str, here: str) -> None:
    assert [code for code in re.findall(r"`([^`]+)`", here) if not is_there(code)] == []


def test_what_no_name_is_not_taken_for_one() -> None:
    assert not any(
        map(is_there, ("db.create_al", "from flask_uow import SQLAlchemy", "SQLAlchemyError", "UOW_NOTHING", "size"))
    )


def test_the_arguments_that_are_the_same_are_there() -> None:
    (there,) = [there for there, here in rows("## Names") if here == "the same arguments of `UnitOfWork`"]
    named = re.findall(r"(\w+)=", there)
    assert named
    assert set(named) <= set(inspect.signature(UnitOfWork).parameters)


def test_every_name_that_is_called_otherwise_has_a_row() -> None:
    text = "\n".join(there for there, _ in rows("## Names"))
    assert {name for name in exc.RENAMED if not re.search(rf"\b{name}\b", text)} - {"create_scoped_session"} == set()


def test_every_name_that_is_called_otherwise_is_called_so_by_its_row() -> None:
    for there, here in rows("## Names"):
        for name in re.findall(r"\w+", there):
            if name in exc.RENAMED and "(" not in here:
                assert re.search(rf"\b{exc.RENAMED[name]}\b", here), name


def test_every_key_of_the_configuration_has_a_row_that_the_command_agrees_with() -> None:
    found: dict[str, set[str]] = {}
    for there, here in rows("## Configuration"):
        for key in re.findall(r"SQLALCHEMY_\w+", there):
            found[key] = set(re.findall(r"UOW_\w+", here))
    assert set(found) == set(KEYS_OF_OTHERS)
    for key, instead in KEYS_OF_OTHERS.items():
        assert found[key] == set(re.findall(r"UOW_\w+", instead or "")), key


def test_what_has_the_same_name_has_it() -> None:
    section: Any = re.search(r"The same names, with the same meaning, have: (.*?)\n\n", TEXT, re.DOTALL)
    names = re.findall(r"`db\.(\w+)", section[1])
    assert len(names) > 10
    assert set(names) <= set(dir(UnitOfWork()))
    for name in ("get_or_404", "first_or_404", "one_or_404", "paginate"):
        assert hasattr(UnitOfWork().Query, name)
