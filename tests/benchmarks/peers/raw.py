"""The limit: hand-written driver code that sends the fastest SQL known for the task and builds plain objects.

PostgreSQL: UNNEST of array literals made by hand (the driver's own adaptation of each value is what costs most).
SQLite: multi-row VALUES. Both without any checks.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import flask
import psycopg2

from tests.benchmarks.data import CHILDREN_PER_PARENT, PARENTS_PER_PAGE, connect_sqlite, is_sqlite, item_values
from tests.benchmarks.peers import Clock

SQLITE_PAGE = 100
POSTGRESQL_PAGE = 5000


class Item:
    __slots__ = ("id", "name", "email", "age", "score", "active", "created")

    def __init__(self, id: int | None, name: str, email: str, age: int, score: float, active: bool, created: datetime):
        self.id = id
        self.name = name
        self.email = email
        self.age = age
        self.score = score
        self.active = active
        self.created = created


class Parent:
    __slots__ = ("id", "name", "children")

    def __init__(self, name: str, id: int = 0) -> None:
        self.id = id
        self.name = name
        self.children: list[Child] = []


class Child:
    __slots__ = ("id", "parent_id", "title", "position", "parent")

    def __init__(self, title: str, position: int, id: int = 0, parent_id: int = 0) -> None:
        self.id = id
        self.parent_id = parent_id
        self.title = title
        self.position = position
        self.parent: Parent | None = None


def text_array(values: Sequence[str]) -> str:
    """Return a PostgreSQL array literal of texts without NULLs."""
    if any('"' in value or "\\" in value for value in values):
        values = [value.replace("\\", "\\\\").replace('"', '\\"') for value in values]
    return '{"' + '","'.join(values) + '"}'


def number_array(values: Sequence[Any]) -> str:
    return "{" + ",".join(map(str, values)) + "}"


class Peer:
    """Drivers without anything on top; one connection, as a pool would lend it."""

    def __init__(self, uri: str) -> None:
        self.sqlite = is_sqlite(uri)
        self.connection: Any
        if self.sqlite:
            self.connection = connect_sqlite(uri)
        else:
            self.connection = psycopg2.connect(uri)
            self.connection.autocommit = True
        self.cursor = self.connection.cursor()

    def close(self) -> None:
        self.connection.close()

    def _begin(self) -> None:
        self.cursor.execute("BEGIN IMMEDIATE" if self.sqlite else "BEGIN")

    def _commit(self) -> None:
        self.cursor.execute("COMMIT")

    def insert_flat(self, clock: Clock, rows: int) -> Any:
        values = [item_values(index) for index in range(rows)]
        with clock:
            items = [Item(None, **value) for value in values]
            self._begin()
            self._insert_items(items)
            self._commit()
        return len(items), sum(item.id or 0 for item in items)

    def _insert_items(self, items: list[Item]) -> None:
        execute, fetchall = self.cursor.execute, self.cursor.fetchall
        if self.sqlite:
            columns = "INSERT INTO item (name, email, age, score, active, created) VALUES "
            for start in range(0, len(items), SQLITE_PAGE):
                page = items[start : start + SQLITE_PAGE]
                parameters: list[Any] = []
                for item in page:
                    parameters += (
                        item.name,
                        item.email,
                        item.age,
                        item.score,
                        item.active,
                        item.created.isoformat(" "),
                    )
                execute(columns + ",".join(["(?,?,?,?,?,?)"] * len(page)) + " RETURNING id", parameters)
                for item, (key,) in zip(page, sorted(fetchall()), strict=True):
                    item.id = key
            return
        for start in range(0, len(items), POSTGRESQL_PAGE):
            page = items[start : start + POSTGRESQL_PAGE]
            execute(
                "INSERT INTO item (name, email, age, score, active, created) SELECT name, email, age, score, active,"
                " created FROM unnest(%s::text[], %s::text[], %s::integer[], %s::float8[], %s::boolean[],"
                " %s::timestamp[]) WITH ORDINALITY AS u (name, email, age, score, active, created, position)"
                " ORDER BY position RETURNING id",
                (
                    text_array([item.name for item in page]),
                    text_array([item.email for item in page]),
                    number_array([item.age for item in page]),
                    number_array([item.score for item in page]),
                    number_array([item.active for item in page]),
                    text_array([item.created.isoformat() for item in page]),
                ),
            )
            for item, (key,) in zip(page, sorted(fetchall()), strict=True):
                item.id = key

    def insert_graph(self, clock: Clock, rows: int) -> Any:
        with clock:
            parents = []
            for index in range(rows // CHILDREN_PER_PARENT):
                parent = Parent(f"parent {index}")
                parent.children = [Child(f"child {position}", position) for position in range(CHILDREN_PER_PARENT)]
                parents.append(parent)
            self._begin()
            self._insert_parents(parents)
            children = []
            for parent in parents:
                for child in parent.children:
                    child.parent_id = parent.id
                    children.append(child)
            self._insert_children(children)
            self._commit()
        return len(parents), sum(parent.id for parent in parents), sum(child.id for child in children)

    def _insert_parents(self, parents: list[Parent]) -> None:
        if not self.sqlite:
            self.cursor.execute(
                "INSERT INTO parent (name) SELECT name FROM unnest(%s::text[]) WITH ORDINALITY AS u (name, position)"
                " ORDER BY position RETURNING id",
                (text_array([parent.name for parent in parents]),),
            )
            for parent, (key,) in zip(parents, sorted(self.cursor.fetchall()), strict=True):
                parent.id = key
            return
        for start in range(0, len(parents), SQLITE_PAGE):
            page = parents[start : start + SQLITE_PAGE]
            places = ",".join(["(?)"] * len(page))
            self.cursor.execute(
                f"INSERT INTO parent (name) VALUES {places} RETURNING id", [parent.name for parent in page]
            )
            for parent, (key,) in zip(page, sorted(self.cursor.fetchall()), strict=True):
                parent.id = key

    def _insert_children(self, children: list[Child]) -> None:
        size = SQLITE_PAGE if self.sqlite else POSTGRESQL_PAGE
        for start in range(0, len(children), size):
            page = children[start : start + size]
            if self.sqlite:
                parameters: list[Any] = []
                for child in page:
                    parameters += (child.parent_id, child.title, child.position)
                sql = (
                    "INSERT INTO child (parent_id, title, position) VALUES "
                    + ",".join(["(?,?,?)"] * len(page))
                    + " RETURNING id"
                )
            else:
                parameters = [
                    number_array([child.parent_id for child in page]),
                    text_array([child.title for child in page]),
                    number_array([child.position for child in page]),
                ]
                sql = (
                    "INSERT INTO child (parent_id, title, position) SELECT parent_id, title, place FROM"
                    " unnest(%s::integer[], %s::text[], %s::integer[]) WITH ORDINALITY"
                    " AS u (parent_id, title, place, ordinal) ORDER BY ordinal RETURNING id"
                )
            self.cursor.execute(sql, parameters)
            for child, (key,) in zip(page, sorted(self.cursor.fetchall()), strict=True):
                child.id = key

    def _load_items(self) -> list[Item]:
        self.cursor.execute("SELECT id, name, email, age, score, active, created FROM item")
        if not self.sqlite:
            return [Item(*row) for row in self.cursor.fetchall()]
        parse = datetime.fromisoformat
        return [
            Item(id, name, email, age, score, bool(active), parse(created))
            for id, name, email, age, score, active, created in self.cursor.fetchall()
        ]

    def load_entities(self, clock: Clock, rows: int) -> Any:
        with clock:
            items = self._load_items()
        return len(items), sum(item.age for item in items), max(item.created for item in items).isoformat()

    def _load_children(self, parents: list[Parent]) -> None:
        by_key = {parent.id: parent.children for parent in parents}
        keys = list(by_key)
        place = "?" if self.sqlite else "%s"
        for start in range(0, len(keys), 500):
            page = keys[start : start + 500]
            self.cursor.execute(
                "SELECT id, parent_id, title, position FROM child"
                f" WHERE parent_id IN ({','.join([place] * len(page))}) ORDER BY id",
                page,
            )
            for id, parent_id, title, position in self.cursor.fetchall():
                by_key[parent_id].append(Child(title, position, id, parent_id))

    def eager_children(self, clock: Clock, rows: int) -> Any:
        with clock:
            self.cursor.execute("SELECT id, name FROM parent")
            parents = [Parent(name, id) for id, name in self.cursor.fetchall()]
            self._load_children(parents)
        return len(parents), sum(child.id for parent in parents for child in parent.children)

    def eager_parent(self, clock: Clock, rows: int) -> Any:
        with clock:
            self.cursor.execute(
                "SELECT child.id, title, position, parent.id, name FROM child LEFT JOIN parent ON parent_id = parent.id"
            )
            parents: dict[int, Parent] = {}
            children = []
            for id, title, position, parent_id, name in self.cursor.fetchall():
                parent = parents.get(parent_id)
                if parent is None:
                    parent = parents[parent_id] = Parent(name, parent_id)
                child = Child(title, position, id, parent_id)
                child.parent = parent
                children.append(child)
        return len(children), sum(child.parent_id for child in children)

    def page_eager(self, clock: Clock, rows: int) -> Any:
        total = 0
        place = "?" if self.sqlite else "%s"
        page_sql = f"SELECT id, name FROM parent WHERE id > {place} ORDER BY id LIMIT {place}"
        with clock:
            for last in range(0, rows // CHILDREN_PER_PARENT, PARENTS_PER_PAGE):
                self.cursor.execute(page_sql, (last, PARENTS_PER_PAGE))
                parents = [Parent(name, id) for id, name in self.cursor.fetchall()]
                self._load_children(parents)
                total += sum(parent.children[-1].id for parent in parents)
        return total

    def get_hit(self, clock: Clock, rows: int) -> Any:
        identity_map = {item.id: item for item in self._load_items()}
        keys = list(identity_map) * 10
        item: Item | None = None
        with clock:
            for key in keys:
                item = identity_map[key]
        assert item is not None
        return len(keys), item.id

    def update_dirty(self, clock: Clock, rows: int) -> Any:
        items = self._load_items()
        with clock:
            for item in items:
                item.name = f"changed {item.id}"
            self._begin()
            if self.sqlite:
                for start in range(0, len(items), SQLITE_PAGE):
                    page = items[start : start + SQLITE_PAGE]
                    parameters: list[Any] = []
                    for item in page:
                        parameters += (item.id, item.name)
                    places = ",".join(["(?,?)"] * len(page))
                    self.cursor.execute(
                        f"UPDATE item SET name = v.column2 FROM (VALUES {places}) AS v WHERE item.id = v.column1",
                        parameters,
                    )
            else:
                self.cursor.execute(
                    "UPDATE item SET name = v.name FROM unnest(%s::integer[], %s::text[]) AS v (id, name)"
                    " WHERE item.id = v.id",
                    (number_array([item.id for item in items]), text_array([item.name for item in items])),
                )
            self._commit()
        return len(items)

    def request_get(self, clock: Clock, rows: int) -> Any:
        app = flask.Flask(__name__)
        place = "?" if self.sqlite else "%s"
        parent_sql = f"SELECT id, name FROM parent WHERE id = {place}"
        children_sql = f"SELECT id, parent_id, title, position FROM child WHERE parent_id = {place} ORDER BY id"

        @app.get("/parents/<int:id>")
        def show(id: int) -> dict[str, Any]:
            self.cursor.execute(parent_sql, (id,))
            key, name = self.cursor.fetchone()
            self.cursor.execute(children_sql, (id,))
            children = [{"id": row[0], "title": row[2], "position": row[3]} for row in self.cursor.fetchall()]
            return {"id": key, "name": name, "children": children}

        return run_requests(app, clock, rows)


def run_requests(app: flask.Flask, clock: Clock, requests: int) -> Any:
    """Send the requests of request_get to ``app``; return figures on what came back."""
    client = app.test_client()
    paths = [f"/parents/{index % 100 + 1}" for index in range(requests)]
    total = 0
    client.get(paths[0])
    with clock:
        for path in paths:
            body = client.get(path).get_json()
            total += body["id"] + len(body["children"]) + body["children"][-1]["id"]
    return total
