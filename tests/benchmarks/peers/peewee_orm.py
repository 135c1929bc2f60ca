"""peewee, written as its documentation recommends for many rows: bulk_create, bulk_update, prefetch, tuples, a pool for requests.

peewee has no identity map; the object itself knows which of its fields were assigned to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import flask
from peewee import (
    AutoField,
    BooleanField,
    CharField,
    DatabaseProxy,
    DateTimeField,
    DoubleField,
    ForeignKeyField,
    IntegerField,
    Model,
    prefetch,
)
from playhouse.pool import PooledPostgresqlDatabase, PooledSqliteDatabase

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

database = DatabaseProxy()
PAGE = 1000


class Base(Model):
    class Meta:
        database = database
        legacy_table_names = False


class Item(Base):
    id = AutoField()
    name = CharField()
    email = CharField()
    age = IntegerField()
    score = DoubleField()
    active = BooleanField()
    created = DateTimeField()


class Parent(Base):
    id = AutoField()
    name = CharField()


class Child(Base):
    id = AutoField()
    parent = ForeignKeyField(Parent, backref="children")
    title = CharField()
    position = IntegerField()


class Peer(BenchmarkPeer):
    """The ORM on a pool; rows without requests keep one connection, which is closed while figures are worked out."""

    cannot = {"get_hit": "has no identity map"}

    def __init__(self, uri: str) -> None:
        if is_sqlite(uri):
            name = uri.removeprefix("sqlite:///")
            pool: Any = PooledSqliteDatabase(
                name, pragmas={"foreign_keys": 1}, returning_clause=True, autoconnect=False
            )
        else:
            pool = PooledPostgresqlDatabase(uri, autoconnect=False)
        database.initialize(pool)
        self.pool = pool
        self.get, self.post = flask_functions(self._app())

    def close(self) -> None:
        self.pool.close_all()

    def insert_flat(self, clock: Clock, size: int) -> Any:
        values = [item_values(index) for index in range(size)]
        with self.pool.connection_context(), clock:
            items = [Item(**value) for value in values]
            with self.pool.atomic():
                Item.bulk_create(items, batch_size=PAGE)
        return new_item_figures(items)

    def insert_graph(self, clock: Clock, size: int) -> Any:
        with self.pool.connection_context(), clock:
            parents, children = [], []
            for index in range(size // CHILDREN_PER_PARENT):
                parent = Parent(name=f"parent {index}")
                parents.append(parent)
                for position in range(CHILDREN_PER_PARENT):
                    title = f"child {index * CHILDREN_PER_PARENT + position}"
                    children.append(Child(title=title, position=position, parent=parent))
            with self.pool.atomic():
                Parent.bulk_create(parents, batch_size=PAGE)
                for child in children:
                    child.parent = child.parent
                Child.bulk_create(children, batch_size=PAGE)
        return new_graph_figures(len(parents), children)

    @contextmanager
    def holding(self, rows: int) -> Iterator[Sequence[Item]]:
        with self.pool.connection_context():
            yield list(Item.select().order_by(Item.id).limit(rows))

    def load_entities(self, clock: Clock, size: int) -> Any:
        with self.pool.connection_context(), clock:
            items = list(Item.select())
        return item_figures(items)

    def load_scan_columns(self, clock: Clock, size: int) -> Any:
        with self.pool.connection_context(), clock:
            rows = list(Item.select(Item.id, Item.name, Item.age).tuples())
        return [len(rows), sum(row[0] for row in rows), sum(len(row[1]) for row in rows), sum(row[2] for row in rows)]

    def get_miss(self, clock: Clock, size: int) -> Any:
        keys = range(1, size * 10, 10)
        with self.pool.connection_context(), clock:
            items = [Item.get_by_id(key) for key in keys]
        return [len(items), sum(item.id for item in items), sum(item.age for item in items)]

    def attr_read(self, clock: Clock, size: int) -> Any:
        with self.pool.connection_context():
            item = list(Item.select())[-1]
        with clock:
            read = read_many(item, size)
        return [read, item.age]

    def attr_write(self, clock: Clock, size: int) -> Any:
        with self.pool.connection_context():
            items = list(Item.select())
        with clock:
            write_many(items)
        return write_figures(items, sum(1 for item in items if item.dirty_fields == [Item.age]))

    def update_dirty(self, clock: Clock, size: int) -> Any:
        with self.pool.connection_context():
            items = list(Item.select())
            with clock:
                for item in items:
                    item.name = f"changed {item.id}"
                with self.pool.atomic():
                    Item.bulk_update(items, [Item.name], batch_size=200)
        return len(items)

    def update_mixed(self, clock: Clock, size: int) -> Any:
        with self.pool.connection_context():
            items = list(Item.select())
            with clock:
                aged, renamed = [], []
                for item in items:
                    id = item.id
                    if id % 2:
                        item.age = id + 1000
                        item.score = id + 0.5
                        aged.append(item)
                    else:
                        item.name = f"changed {id}"
                        renamed.append(item)
                with self.pool.atomic():
                    Item.bulk_update(aged, [Item.age, Item.score], batch_size=200)
                    Item.bulk_update(renamed, [Item.name], batch_size=200)
        return len(items)

    def delete_objects(self, clock: Clock, size: int) -> Any:
        with self.pool.connection_context():
            items = list(Item.select().order_by(Item.id).limit(size))
            with clock, self.pool.atomic():
                for start in range(0, size, PAGE):
                    keys = [item.id for item in items[start : start + PAGE]]
                    Item.delete().where(Item.id.in_(keys)).execute()
        return len(items)

    def lazy_children(self, clock: Clock, size: int) -> Any:
        total = 0
        with self.pool.connection_context(), clock:
            for parent in Parent.select():
                total += sum(child.id for child in parent.children.order_by(Child.id))
        return total

    def lazy_parent(self, clock: Clock, size: int) -> Any:
        total = 0
        with self.pool.connection_context(), clock:
            for child in Child.select():
                total += len(child.parent.name)
        return total

    def eager_children(self, clock: Clock, size: int) -> Any:
        with self.pool.connection_context(), clock:
            parents = prefetch(Parent.select(), Child.select().order_by(Child.id))
        return parent_figures(parents)

    def eager_parent(self, clock: Clock, size: int) -> Any:
        with self.pool.connection_context(), clock:
            children = list(Child.select(Child, Parent).join(Parent))
        return [len(children), sum(len(child.parent.name) for child in children)]

    def page_eager(self, clock: Clock, size: int) -> Any:
        total = 0
        modulus = parents_of_pages(size)
        with self.pool.connection_context(), clock:
            for page in range(size):
                query = Parent.select().where(Parent.id > page * PARENTS_PER_PAGE % modulus).order_by(Parent.id)
                parents = prefetch(query.limit(PARENTS_PER_PAGE), Child.select().order_by(Child.id))
                total += sum(child.id for parent in parents for child in parent.children)
        return total

    def filter_query(self, clock: Clock, size: int) -> Any:
        total = 0
        with self.pool.connection_context(), clock:
            for index in range(size):
                query = Item.select().where(Item.id > filtered_item(index, size * 5), Item.active == True)  # noqa: E712
                total += sum(item.id for item in query.order_by(Item.id).limit(3))
        return total

    def _app(self) -> flask.Flask:
        app = flask.Flask(__name__)
        pool = self.pool

        @app.before_request
        def connect() -> None:
            pool.connect()

        @app.teardown_request
        def give_back(error: BaseException | None) -> None:
            pool.close()

        @app.get("/parents/<int:id>")
        def show(id: int) -> dict[str, Any]:
            parent = Parent.get_or_none(Parent.id == id) or flask.abort(404)
            children = [
                {"id": child.id, "title": child.title, "position": child.position}
                for child in parent.children.order_by(Child.id)
            ]
            return {"id": parent.id, "name": parent.name, "children": children}

        @app.post("/parents/<int:id>")
        def change(id: int) -> tuple[dict[str, Any], int]:
            data = flask.request.get_json()
            with pool.atomic():
                parent = Parent.get_or_none(Parent.id == id) or flask.abort(404)
                parent.name = data["name"]
                parent.save(only=[Parent.name])
                child = Child.create(title=data["title"], position=10, parent=parent)
            return {"id": child.id}, 201

        return app

    def request_get(self, clock: Clock, size: int) -> Any:
        return run_gets(self.get, clock, size)

    def request_post(self, clock: Clock, size: int) -> Any:
        return run_posts(self.get, self.post, clock, size)
