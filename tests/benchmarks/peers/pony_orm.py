"""Pony, written as its documentation recommends: db_session, prefetch, bulk deletion.

A collection has no order in Pony; where JSON needs one it is sorted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import flask
from pony.orm import (
    Database,
    ObjectNotFound,
    PrimaryKey,
    Required,
    Set,
    commit,
    db_session,
    desc,
    flush,
    rollback,
    select,
)

from tests.benchmarks.data import CHILDREN_PER_PARENT, PARENTS_PER_PAGE, is_sqlite, item_values
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

db = Database()


class Item(db.Entity):
    _table_ = "item"
    id = PrimaryKey(int, auto=True)
    name = Required(str)
    email = Required(str)
    age = Required(int)
    score = Required(float)
    active = Required(bool)
    created = Required(datetime)


class Parent(db.Entity):
    _table_ = "parent"
    id = PrimaryKey(int, auto=True)
    name = Required(str)
    children = Set("Child")


class Child(db.Entity):
    _table_ = "child"
    id = PrimaryKey(int, auto=True)
    parent = Required(Parent, column="parent_id")
    title = Required(str)
    position = Required(int)


class Peer(BenchmarkPeer):
    """The ORM on its connection of the thread, which stays open."""

    def __init__(self, uri: str) -> None:
        if is_sqlite(uri):
            db.bind(provider="sqlite", filename=uri.removeprefix("sqlite:///"))
        else:
            db.bind("postgres", uri)
        db.generate_mapping(create_tables=False)
        self.get, self.post = flask_functions(self._app())

    def close(self) -> None:
        db.disconnect()

    def insert_flat(self, clock: Clock, size: int) -> Any:
        values = [item_values(index) for index in range(size)]
        with db_session:
            with clock:
                items = [Item(**value) for value in values]
                commit()
            return new_item_figures(items)

    def insert_graph(self, clock: Clock, size: int) -> Any:
        with db_session:
            with clock:
                parents, children = [], []
                for index in range(size // CHILDREN_PER_PARENT):
                    parent = Parent(name=f"parent {index}")
                    parents.append(parent)
                    for position in range(CHILDREN_PER_PARENT):
                        title = f"child {index * CHILDREN_PER_PARENT + position}"
                        children.append(Child(title=title, position=position, parent=parent))
                commit()
            return new_graph_figures(len(parents), children)

    @contextmanager
    def holding(self, rows: int) -> Iterator[Sequence[Item]]:
        with db_session:
            yield list(Item.select().order_by(Item.id).limit(rows))

    def load_entities(self, clock: Clock, size: int) -> Any:
        with db_session, clock:
            items = list(Item.select())
        return item_figures(items)

    def load_scan_columns(self, clock: Clock, size: int) -> Any:
        with db_session, clock:
            rows = list(select((item.id, item.name, item.age) for item in Item))
        return [len(rows), sum(row[0] for row in rows), sum(len(row[1]) for row in rows), sum(row[2] for row in rows)]

    def get_miss(self, clock: Clock, size: int) -> Any:
        keys = range(1, size * 10, 10)
        with db_session, clock:
            items = [Item[key] for key in keys]
        return [len(items), sum(item.id for item in items), sum(item.age for item in items)]

    def get_hit(self, clock: Clock, size: int) -> Any:
        with db_session:
            items = list(Item.select().order_by(Item.id))
            keys = [item.id for item in items] * 10
            item: Any = None
            with clock:
                for key in keys:
                    item = Item[key]
            assert item is items[-1]
            return [len(keys), item.id]

    def attr_read(self, clock: Clock, size: int) -> Any:
        with db_session:
            item = Item.select().order_by(desc(Item.id)).first()
            with clock:
                read = read_many(item, size)
            return [read, item.age]

    def attr_write(self, clock: Clock, size: int) -> Any:
        with db_session:
            items = list(Item.select())
            with clock:
                write_many(items)
            figures = write_figures(items, None)
            # that they are tracked shows when they are written
            flush()
            assert Item.select(lambda item: item.age == 19).count() == len(items)
            rollback()
            return figures

    def update_dirty(self, clock: Clock, size: int) -> Any:
        with db_session:
            items = list(Item.select())
            with clock:
                for item in items:
                    item.name = f"changed {item.id}"
                commit()
        return len(items)

    def update_mixed(self, clock: Clock, size: int) -> Any:
        with db_session:
            items = list(Item.select())
            with clock:
                for item in items:
                    id = item.id
                    if id % 2:
                        item.age = id + 1000
                        item.score = id + 0.5
                    else:
                        item.name = f"changed {id}"
                commit()
        return len(items)

    def delete_objects(self, clock: Clock, size: int) -> Any:
        with db_session:
            items = list(Item.select().order_by(Item.id).limit(size))
            with clock:
                for start in range(0, size, 1000):
                    keys = [item.id for item in items[start : start + 1000]]
                    select(item for item in Item if item.id in keys).delete(bulk=True)
                commit()
        return len(items)

    def lazy_children(self, clock: Clock, size: int) -> Any:
        total = 0
        with db_session, clock:
            for parent in Parent.select():
                total += sum(child.id for child in parent.children)
        return total

    def lazy_parent(self, clock: Clock, size: int) -> Any:
        total = 0
        with db_session, clock:
            for child in Child.select():
                total += len(child.parent.name)
        return total

    def eager_children(self, clock: Clock, size: int) -> Any:
        with db_session, clock:
            parents = list(Parent.select().prefetch(Parent.children))
        return parent_figures(parents)

    def eager_parent(self, clock: Clock, size: int) -> Any:
        with db_session, clock:
            children = list(Child.select().prefetch(Child.parent))
        return [len(children), sum(len(child.parent.name) for child in children)]

    def page_eager(self, clock: Clock, size: int) -> Any:
        total = 0
        modulus = parents_of_pages(size)
        with clock:
            for page in range(size):
                last = page * PARENTS_PER_PAGE % modulus
                with db_session:
                    query = Parent.select(lambda parent: parent.id > last).order_by(Parent.id)  # noqa: B023
                    parents = list(query.prefetch(Parent.children).limit(PARENTS_PER_PAGE))
                    total += sum(child.id for parent in parents for child in parent.children)
        return total

    def filter_query(self, clock: Clock, size: int) -> Any:
        total = 0
        with db_session, clock:
            for index in range(size):
                above = filtered_item(index, size * 5)
                query = Item.select(lambda item: item.id > above and item.active)  # noqa: B023
                total += sum(item.id for item in query.order_by(Item.id).limit(3))
        return total

    def _app(self) -> flask.Flask:
        app = flask.Flask(__name__)

        @app.get("/parents/<int:id>")
        @db_session
        def show(id: int) -> dict[str, Any]:
            parent = _parent(id)
            children = [
                {"id": child.id, "title": child.title, "position": child.position}
                for child in sorted(parent.children, key=lambda child: child.id)
            ]
            return {"id": parent.id, "name": parent.name, "children": children}

        @app.post("/parents/<int:id>")
        @db_session
        def change(id: int) -> tuple[dict[str, Any], int]:
            data = flask.request.get_json()
            parent = _parent(id)
            parent.name = data["name"]
            child = Child(title=data["title"], position=10, parent=parent)
            flush()
            return {"id": child.id}, 201

        return app

    def request_get(self, clock: Clock, size: int) -> Any:
        return run_gets(self.get, clock, size)

    def request_post(self, clock: Clock, size: int) -> Any:
        return run_posts(self.get, self.post, clock, size)


def _parent(id: int) -> Any:
    try:
        return Parent[id]
    except ObjectNotFound:
        flask.abort(404)
