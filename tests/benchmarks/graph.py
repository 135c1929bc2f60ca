"""A flush of many pending objects in ten tables, each of which refers to the one before.

Measured by ``scale``. The models are written once: flask_uow and SQLAlchemy have the same names for what is used here. The
tables, and the queries that check them, are plain SQL.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Sequence
from typing import Any

from tests.benchmarks.data import CHILDREN_PER_PARENT, Database
from tests.benchmarks.peers import Clock

TABLES = 10


def create_nodes(database: Database) -> None:
    """Make the ten tables, empty."""
    database.create("CREATE TABLE node_0 (id {key}, name VARCHAR(50) NOT NULL);")
    for level in range(1, TABLES):
        database.create(
            f"CREATE TABLE node_{level} (id {{key}}, name VARCHAR(50) NOT NULL,"
            f" parent_id INTEGER NOT NULL REFERENCES node_{level - 1} (id));"
            f"CREATE INDEX node_{level}_parent_id ON node_{level} (parent_id);"
        )


def drop_nodes(database: Database) -> None:
    for level in reversed(range(TABLES)):
        database.execute(f"DROP TABLE node_{level}")


def wrong_nodes(database: Database, size: int) -> list[str]:
    """Return what is wrong in the tables after the flush of ``size`` objects."""
    expected = size // TABLES
    wrong = []
    for level in range(TABLES):
        sql = f"SELECT count(DISTINCT child.name) FROM node_{level} AS child"
        if level:
            sql += (
                f" JOIN node_{level - 1} AS parent ON parent.id = child.parent_id WHERE CAST(substr(parent.name, 3) AS INTEGER)"
                f" = CAST(substr(child.name, 3) AS INTEGER) / {CHILDREN_PER_PARENT}"
            )
        if (found := database.row(sql)[0]) != expected:
            wrong.append(f"{found} rows of node_{level} are right, expected {expected}")
    return wrong


@functools.cache
def node_classes(core_name: str, orm_name: str) -> list[Any]:
    """Return the mapped classes of the ten tables, from the library whose modules are named."""
    core, orm = importlib.import_module(core_name), importlib.import_module(orm_name)
    base: Any = type("NodeBase", (orm.DeclarativeBase,), {})
    classes: list[Any] = []
    for level in range(TABLES):
        body: dict[str, Any] = {
            "__tablename__": f"node_{level}",
            "__module__": __name__,
            "id": orm.mapped_column(core.Integer, primary_key=True),
            "name": orm.mapped_column(core.String(50), nullable=False),
        }
        if level:
            body["parent_id"] = orm.mapped_column(core.ForeignKey(f"node_{level - 1}.id"), nullable=False)
            body["parent"] = orm.relationship(f"Node{level - 1}", back_populates="children")
        if level < TABLES - 1:
            body["children"] = orm.relationship(f"Node{level + 1}", back_populates="parent")
        classes.append(type(f"Node{level}", (base,), body))
    return classes


def flush_pending(session: Any, classes: Sequence[Any], clock: Clock, size: int) -> list[int]:
    """Take the time of one flush of ``size`` new objects, the last table's added first; then commit.

    :param session: one that does not expire objects at commit.
    :returns: the number of objects, and of those that have a key and the key of their parent.
    """
    levels: list[list[Any]] = []
    for level, node in enumerate(classes):
        nodes = [node(name=f"{level} {index}") for index in range(size // TABLES)]
        if levels:
            for index, each in enumerate(nodes):
                each.parent = levels[-1][index // CHILDREN_PER_PARENT]
        levels.append(nodes)
    for nodes in reversed(levels):
        session.add_all(nodes)
    with clock:
        session.flush()
    session.commit()
    right = sum(1 for each in levels[0] if each.id)
    right += sum(1 for nodes in levels[1:] for each in nodes if each.id and each.parent_id == each.parent.id)
    return [sum(map(len, levels)), right]
