"""Which databases create_all(), drop_all() and reflect() are about, and how db.engines names them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from flask_uow import ArgumentError, Mapped, UnitOfWork, inspect, mapped_column, text
from tests.web.apps import dispose, make_app


@pytest.fixture
def db() -> UnitOfWork:
    """An extension with a model in the default database and one in ``audit``; there is a third database without models."""
    db = UnitOfWork()

    class Plain(db.Model):  # type: ignore[misc]
        id: Mapped[int] = mapped_column(primary_key=True)

    class Entry(db.Model):  # type: ignore[misc]
        __bind_key__ = "audit"
        id: Mapped[int] = mapped_column(primary_key=True)

    return db


@pytest.fixture
def app(db: UnitOfWork, database_uri: str, second_database_uri: str) -> Iterator[Flask]:
    app = make_app(db, database_uri, create=False, UOW_BINDS={"audit": second_database_uri, "memory": "sqlite://"})
    with app.app_context():
        yield app
    dispose(db, app)


def _tables(db: UnitOfWork) -> dict[str | None, list[str]]:
    return {key: inspect(engine).get_table_names() for key, engine in db.engines.items()}


@pytest.mark.parametrize(
    ("keys", "made"),
    [
        (["audit"], {"audit"}),
        (["audit", "default"], {"audit", None}),
        ([None, "audit", "audit"], {"audit", None}),
        (("default",), {None}),
        ("default", {None}),
        ({"audit"}, {"audit"}),
        ([], set()),
        ("__all__", {"audit", None}),
        (None, {None}),
    ],
)
def test_tables_of_some_databases_are_made_and_dropped(db: UnitOfWork, app: Flask, keys: Any, made: set[str]) -> None:
    db.create_all(keys)
    assert {key for key, names in _tables(db).items() if names} == made
    db.create_all()
    db.drop_all(keys)
    assert {key for key, names in _tables(db).items() if not names} == made | {"memory"}


@pytest.mark.parametrize("call", ["create_all", "drop_all", "reflect"])
@pytest.mark.parametrize("keys", [["audit", "adit"], "adit", [7], 7, [["audit"]], ["__all__"]])
def test_an_unknown_key_is_refused_before_anything_is_done(db: UnitOfWork, app: Flask, call: str, keys: Any) -> None:
    with pytest.raises(ArgumentError):
        getattr(db, call)(keys)
    assert not any(_tables(db).values())


def test_the_default_engine_is_found_by_the_name_that_the_command_line_has_for_it(db: UnitOfWork, app: Flask) -> None:
    engines = db.engines
    assert engines["default"] is engines[None] is engines.get("default") is db.engine
    assert "default" in engines
    assert list(engines) == [None, "audit", "memory"]
    assert engines.get("adit") is None
    with pytest.raises(KeyError, match=r"'adit'.*Did you mean 'audit'"):
        engines["adit"]


def _make_old_tables(db: UnitOfWork) -> None:
    for key, name in [("default", "old_stock"), ("audit", "old_log"), ("memory", "old_cache")]:
        with db.engines[key].begin() as connection:
            connection.execute(text(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, label VARCHAR(10))"))


def test_reflected_tables_are_mapped_and_reach_their_database(db: UnitOfWork, app: Flask) -> None:
    _make_old_tables(db)
    db.reflect()
    assert list(db.metadata.tables["old_stock"].c.keys()) == ["id", "label"]
    assert {key: sorted(db.metadatas[key].tables) for key in ("audit", "memory")} == {
        "audit": ["entry", "old_log"],
        "memory": ["old_cache"],
    }
    Old = type(db.Model)("Old", (db.Model,), {"__table__": db.metadatas["audit"].tables["old_log"]})
    db.session.add(Old(id=1, label="x"))
    db.session.commit()
    with db.engines["audit"].connect() as connection:
        assert connection.scalar(text("SELECT label FROM old_log")) == "x"


def test_tables_of_one_database_are_reflected(db: UnitOfWork, app: Flask) -> None:
    _make_old_tables(db)
    db.reflect(["memory", "audit"])
    assert "old_stock" not in db.metadata.tables
    assert "old_cache" in db.metadatas["memory"].tables
    db.reflect(None)
    assert "old_stock" in db.metadata.tables


@pytest.mark.parametrize("binds", [["default"], {"default": "audit"}])
def test_a_unit_of_work_may_name_the_default_database_so(db: UnitOfWork, app: Flask, binds: Any) -> None:
    db.create_all()
    Plain = db.metadata.tables["plain"]
    target = db.engines["audit" if isinstance(binds, dict) else "default"]
    Plain.create(target, checkfirst=True)
    with db.unit_of_work(binds=binds) as session:
        session.execute(Plain.insert().values(id=4))
    with target.connect() as connection:
        assert connection.execute(Plain.select()).all() == [(4,)]
    if isinstance(binds, dict):
        Plain.drop(target)
