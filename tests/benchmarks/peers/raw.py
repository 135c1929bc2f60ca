"""The limit: hand-written driver code that sends the fastest SQL known for the task and builds plain objects.

PostgreSQL: UNNEST of array literals made by hand (the driver's own adaptation of each value is what costs most).
SQLite: multi-row VALUES. Both without any checks, tracking or identity map. What is a unit of work for the peers (a page with a session of its
own, a request) is a transaction here as well, as it is for psycopg2 by default; BEGIN goes out with the first statement.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import flask
import psycopg2

from tests.benchmarks.data import CHILDREN_PER_PARENT, PARENTS_PER_PAGE, connect_sqlite, is_sqlite, item_values
from tests.benchmarks.peers import (
    BenchmarkPeer,
    Clock,
    item_figures,
    new_graph_figures,
    new_item_figures,
    parent_figures,
    read_many,
    write_figures,
    write_many,
)
from tests.benchmarks.requests import flask_functions, run_gets, run_posts
from tests.benchmarks.rows import filtered_item, parents_of_pages

SQLITE_PAGE = 100
POSTGRESQL_PAGE = 5000
SELECT_ITEMS = "SELECT id, name, email, age, score, active, created FROM item"


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


class Peer(BenchmarkPeer):
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
        self.place = "?" if self.sqlite else "%s"
        self.get, self.post = flask_functions(self._app())

    def close(self) -> None:
        self.connection.close()

    def _begun(self, sql: str) -> str:
        """Return the first statement of a transaction that only reads; on SQLite that is a statement by itself, as for the driver."""
        return sql if self.sqlite else f"BEGIN; {sql}"

    def _end(self, sql: str) -> None:
        if not self.sqlite:
            self.cursor.execute(sql)

    def _begin(self) -> None:
        self.cursor.execute("BEGIN IMMEDIATE" if self.sqlite else "BEGIN")

    def _commit(self) -> None:
        self.cursor.execute("COMMIT")

    def insert_flat(self, clock: Clock, size: int) -> Any:
        values = [item_values(index) for index in range(size)]
        with clock:
            items = [Item(None, **value) for value in values]
            self._begin()
            self._insert_items(items)
            self._commit()
        return new_item_figures(items)

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

    def insert_graph(self, clock: Clock, size: int) -> Any:
        with clock:
            parents = []
            for index in range(size // CHILDREN_PER_PARENT):
                parent = Parent(f"parent {index}")
                parent.children = [
                    Child(f"child {index * CHILDREN_PER_PARENT + position}", position)
                    for position in range(CHILDREN_PER_PARENT)
                ]
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
        return new_graph_figures(len(parents), children)

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

    def _items(self, rows: list[tuple[Any, ...]]) -> list[Item]:
        if not self.sqlite:
            return [Item(*row) for row in rows]
        parse = datetime.fromisoformat
        return [
            Item(id, name, email, age, score, bool(active), parse(created))
            for id, name, email, age, score, active, created in rows
        ]

    def _load_items(self, rows: int | None = None) -> list[Item]:
        tail = "" if rows is None else f" ORDER BY id LIMIT {rows}"
        self.cursor.execute(f"{SELECT_ITEMS}{tail}")
        return self._items(self.cursor.fetchall())

    @contextmanager
    def holding(self, rows: int) -> Iterator[Sequence[Item]]:
        yield self._load_items(rows)

    def load_entities(self, clock: Clock, size: int) -> Any:
        with clock:
            items = self._load_items()
        return item_figures(items)

    def load_scan_columns(self, clock: Clock, size: int) -> Any:
        with clock:
            self.cursor.execute("SELECT id, name, age FROM item")
            rows = self.cursor.fetchall()
        return [len(rows), sum(row[0] for row in rows), sum(len(row[1]) for row in rows), sum(row[2] for row in rows)]

    def get_miss(self, clock: Clock, size: int) -> Any:
        keys = range(1, size * 10, 10)
        sql = f"{SELECT_ITEMS} WHERE id = {self.place}"
        with clock:
            items = []
            for key in keys:
                self.cursor.execute(sql, (key,))
                items.append(self._items([self.cursor.fetchone()])[0])
        return [len(items), sum(item.id or 0 for item in items), sum(item.age for item in items)]

    def get_hit(self, clock: Clock, size: int) -> Any:
        identity_map = {item.id: item for item in self._load_items()}
        keys = list(identity_map) * 10
        item: Item | None = None
        with clock:
            for key in keys:
                item = identity_map[key]
        assert item is identity_map[keys[-1]]
        return [len(keys), item.id]

    def attr_read(self, clock: Clock, size: int) -> Any:
        item = self._load_items()[-1]
        with clock:
            read = read_many(item, size)
        return [read, item.age]

    def attr_write(self, clock: Clock, size: int) -> Any:
        items = self._load_items()
        with clock:
            write_many(items)
        return write_figures(items, None)

    def update_dirty(self, clock: Clock, size: int) -> Any:
        items = self._load_items()
        with clock:
            for item in items:
                item.name = f"changed {item.id}"
            self._begin()
            self._update_names(items)
            self._commit()
        return len(items)

    def update_mixed(self, clock: Clock, size: int) -> Any:
        items = self._load_items()
        with clock:
            renamed, aged = [], []
            for item in items:
                id = item.id or 0
                if id % 2:
                    item.age = id + 1000
                    item.score = id + 0.5
                    aged.append(item)
                else:
                    item.name = f"changed {id}"
                    renamed.append(item)
            self._begin()
            self._update_names(renamed)
            self._update_ages(aged)
            self._commit()
        return len(items)

    def _update_names(self, items: list[Item]) -> None:
        if not self.sqlite:
            self.cursor.execute(
                "UPDATE item SET name = v.name FROM unnest(%s::integer[], %s::text[]) AS v (id, name)"
                " WHERE item.id = v.id",
                (number_array([item.id for item in items]), text_array([item.name for item in items])),
            )
            return
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

    def _update_ages(self, items: list[Item]) -> None:
        if not self.sqlite:
            self.cursor.execute(
                "UPDATE item SET age = v.age, score = v.score FROM unnest(%s::integer[], %s::integer[], %s::float8[])"
                " AS v (id, age, score) WHERE item.id = v.id",
                (
                    number_array([item.id for item in items]),
                    number_array([item.age for item in items]),
                    number_array([item.score for item in items]),
                ),
            )
            return
        for start in range(0, len(items), SQLITE_PAGE):
            page = items[start : start + SQLITE_PAGE]
            parameters: list[Any] = []
            for item in page:
                parameters += (item.id, item.age, item.score)
            places = ",".join(["(?,?,?)"] * len(page))
            self.cursor.execute(
                f"UPDATE item SET age = v.column2, score = v.column3 FROM (VALUES {places}) AS v"
                " WHERE item.id = v.column1",
                parameters,
            )

    def delete_objects(self, clock: Clock, size: int) -> Any:
        items = self._load_items(size)
        with clock:
            self._begin()
            if self.sqlite:
                for start in range(0, len(items), 1000):
                    keys = [item.id for item in items[start : start + 1000]]
                    self.cursor.execute(f"DELETE FROM item WHERE id IN ({','.join('?' * len(keys))})", keys)
            else:
                keys = [item.id for item in items]
                self.cursor.execute("DELETE FROM item WHERE id = ANY(%s::integer[])", (number_array(keys),))
            self._commit()
        return len(items)

    def _load_parents(self) -> list[Parent]:
        self.cursor.execute("SELECT id, name FROM parent")
        return [Parent(name, id) for id, name in self.cursor.fetchall()]

    def lazy_children(self, clock: Clock, size: int) -> Any:
        total = 0
        sql = f"SELECT id, parent_id, title, position FROM child WHERE parent_id = {self.place} ORDER BY id"
        with clock:
            for parent in self._load_parents():
                self.cursor.execute(sql, (parent.id,))
                for id, parent_id, title, position in self.cursor.fetchall():
                    parent.children.append(Child(title, position, id, parent_id))
                total += sum(child.id for child in parent.children)
        return total

    def lazy_parent(self, clock: Clock, size: int) -> Any:
        total = 0
        sql = f"SELECT id, name FROM parent WHERE id = {self.place}"
        with clock:
            self.cursor.execute("SELECT id, parent_id, title, position FROM child")
            children = [Child(title, position, id, parent) for id, parent, title, position in self.cursor.fetchall()]
            parents: dict[int, Parent] = {}
            for child in children:
                child.parent = parents.get(child.parent_id)
                if child.parent is None:
                    self.cursor.execute(sql, (child.parent_id,))
                    id, name = self.cursor.fetchone()
                    child.parent = parents[id] = Parent(name, id)
                total += len(child.parent.name)
        return total

    def _load_children(self, parents: list[Parent]) -> None:
        by_key = {parent.id: parent.children for parent in parents}
        keys = list(by_key)
        columns = "SELECT id, parent_id, title, position FROM child WHERE parent_id"
        for start in range(0, len(keys), 500):
            page = keys[start : start + 500]
            if self.sqlite:
                self.cursor.execute(f"{columns} IN ({','.join('?' * len(page))}) ORDER BY id", page)
            else:
                self.cursor.execute(f"{columns} = ANY(%s::integer[]) ORDER BY id", (number_array(page),))
            for id, parent_id, title, position in self.cursor.fetchall():
                by_key[parent_id].append(Child(title, position, id, parent_id))

    def eager_children(self, clock: Clock, size: int) -> Any:
        with clock:
            parents = self._load_parents()
            self._load_children(parents)
        return parent_figures(parents)

    def eager_parent(self, clock: Clock, size: int) -> Any:
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
        return [len(children), sum(len(child.parent.name) for child in children if child.parent)]

    def page_eager(self, clock: Clock, size: int) -> Any:
        total = 0
        modulus = parents_of_pages(size)
        sql = self._begun(f"SELECT id, name FROM parent WHERE id > {self.place} ORDER BY id LIMIT {self.place}")
        with clock:
            for page in range(size):
                self.cursor.execute(sql, (page * PARENTS_PER_PAGE % modulus, PARENTS_PER_PAGE))
                parents = [Parent(name, id) for id, name in self.cursor.fetchall()]
                self._load_children(parents)
                total += sum(child.id for parent in parents for child in parent.children)
                self._end("ROLLBACK")
        return total

    def filter_query(self, clock: Clock, size: int) -> Any:
        total = 0
        active = "active = 1" if self.sqlite else "active"
        with clock:
            for index in range(size):
                self.cursor.execute(
                    f"{SELECT_ITEMS} WHERE id > {self.place} AND {active} ORDER BY id LIMIT {self.place}",
                    (filtered_item(index, size * 5), 3),
                )
                total += sum(item.id or 0 for item in self._items(self.cursor.fetchall()))
        return total

    def _app(self) -> flask.Flask:
        app = flask.Flask(__name__)
        place = self.place
        parent_sql = self._begun(f"SELECT id, name FROM parent WHERE id = {place}")
        children_sql = f"SELECT id, title, position FROM child WHERE parent_id = {place} ORDER BY id"

        @app.get("/parents/<int:id>")
        def show(id: int) -> dict[str, Any]:
            try:
                self.cursor.execute(parent_sql, (id,))
                key, name = self.cursor.fetchone() or flask.abort(404)
                self.cursor.execute(children_sql, (id,))
                children = [{"id": row[0], "title": row[1], "position": row[2]} for row in self.cursor.fetchall()]
            finally:
                self._end("COMMIT")
            return {"id": key, "name": name, "children": children}

        @app.post("/parents/<int:id>")
        def change(id: int) -> tuple[dict[str, Any], int]:
            data = flask.request.get_json()
            self._begin()
            try:
                self.cursor.execute(f"SELECT id, name FROM parent WHERE id = {place}", (id,))
                self.cursor.fetchone() or flask.abort(404)
                self.cursor.execute(f"UPDATE parent SET name = {place} WHERE id = {place}", (data["name"], id))
                self.cursor.execute(
                    f"INSERT INTO child (parent_id, title, position) VALUES ({place}, {place}, {place}) RETURNING id",
                    (id, data["title"], 10),
                )
                key = self.cursor.fetchone()[0]
                self._commit()
            except BaseException:
                self.cursor.execute("ROLLBACK")
                raise
            return {"id": key}, 201

        return app

    def request_get(self, clock: Clock, size: int) -> Any:
        return run_gets(self.get, clock, size)

    def request_post(self, clock: Clock, size: int) -> Any:
        return run_posts(self.get, self.post, clock, size)
