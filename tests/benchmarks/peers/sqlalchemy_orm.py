"""SQLAlchemy 2.1 ORM on psycopg2 and sqlite3, written as its documentation recommends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import flask
from sqlalchemy import ForeignKey, create_engine, event, select
from sqlalchemy.engine import make_url
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    joinedload,
    mapped_column,
    relationship,
    scoped_session,
    selectinload,
    sessionmaker,
)

from tests.benchmarks.data import CHILDREN_PER_PARENT, PARENTS_PER_PAGE, item_values
from tests.benchmarks.graph import flush_pending, node_classes
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


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "item"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str]
    age: Mapped[int]
    score: Mapped[float]
    active: Mapped[bool]
    created: Mapped[datetime]


class Parent(Base):
    __tablename__ = "parent"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    children: Mapped[list[Child]] = relationship(back_populates="parent", order_by="Child.id")


class Child(Base):
    __tablename__ = "child"
    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int] = mapped_column(ForeignKey("parent.id"))
    title: Mapped[str]
    position: Mapped[int]
    parent: Mapped[Parent] = relationship(back_populates="children")


class Peer(BenchmarkPeer):
    """The ORM on an engine of its own; for requests a scoped session that teardown removes.

    :param driver: on PostgreSQL, the name of SQLAlchemy's dialect for it.
    """

    def __init__(self, uri: str, driver: str = "psycopg2") -> None:
        url = make_url(uri)
        if url.get_backend_name() == "postgresql":
            url = url.set(drivername=f"postgresql+{driver}")
        self.engine = create_engine(url)
        if url.get_backend_name() == "sqlite":
            event.listen(self.engine, "connect", _enable_foreign_keys)
        self.get, self.post = flask_functions(self._app())

    def close(self) -> None:
        self.engine.dispose()

    def insert_flat(self, clock: Clock, size: int) -> Any:
        values = [item_values(index) for index in range(size)]
        with Session(self.engine, expire_on_commit=False) as session, clock:
            items = [Item(**value) for value in values]
            session.add_all(items)
            session.commit()
        return new_item_figures(items)

    def insert_graph(self, clock: Clock, size: int) -> Any:
        with Session(self.engine, expire_on_commit=False) as session, clock:
            parents = []
            for index in range(size // CHILDREN_PER_PARENT):
                first = index * CHILDREN_PER_PARENT
                children = [Child(title=f"child {first + position}", position=position) for position in range(10)]
                parents.append(Parent(name=f"parent {index}", children=children))
            session.add_all(parents)
            session.commit()
        return new_graph_figures(len(parents), [child for parent in parents for child in parent.children])

    def flush_graph(self, clock: Clock, size: int) -> Any:
        with Session(self.engine, expire_on_commit=False) as session:
            return flush_pending(session, node_classes("sqlalchemy", "sqlalchemy.orm"), clock, size)

    @contextmanager
    def holding(self, rows: int) -> Iterator[Sequence[Item]]:
        with Session(self.engine) as session:
            yield session.scalars(select(Item).order_by(Item.id).limit(rows)).all()

    def load_entities(self, clock: Clock, size: int) -> Any:
        with Session(self.engine) as session, clock:
            items = session.scalars(select(Item)).all()
        return item_figures(items)

    def load_scan_columns(self, clock: Clock, size: int) -> Any:
        with Session(self.engine) as session, clock:
            rows = session.execute(select(Item.id, Item.name, Item.age)).all()
        return [len(rows), sum(row.id for row in rows), sum(len(row.name) for row in rows), sum(row[2] for row in rows)]

    def get_miss(self, clock: Clock, size: int) -> Any:
        keys = range(1, size * 10, 10)
        with Session(self.engine) as session, clock:
            items = [session.get_one(Item, key) for key in keys]
        return [len(items), sum(item.id for item in items), sum(item.age for item in items)]

    def get_hit(self, clock: Clock, size: int) -> Any:
        with Session(self.engine) as session:
            items = session.scalars(select(Item)).all()
            keys = [item.id for item in items] * 10
            item: Item | None = None
            with clock:
                for key in keys:
                    item = session.get(Item, key)
            assert item is items[-1]
            return [len(keys), item.id]

    def attr_read(self, clock: Clock, size: int) -> Any:
        with Session(self.engine) as session:
            item = session.scalars(select(Item)).all()[-1]
            with clock:
                read = read_many(item, size)
            return [read, item.age]

    def attr_write(self, clock: Clock, size: int) -> Any:
        with Session(self.engine) as session:
            items = session.scalars(select(Item)).all()
            with clock:
                write_many(items)
            return write_figures(items, len(session.dirty))

    def update_dirty(self, clock: Clock, size: int) -> Any:
        with Session(self.engine) as session:
            items = session.scalars(select(Item)).all()
            with clock:
                for item in items:
                    item.name = f"changed {item.id}"
                session.commit()
        return len(items)

    def update_mixed(self, clock: Clock, size: int) -> Any:
        with Session(self.engine) as session:
            items = session.scalars(select(Item)).all()
            with clock:
                for item in items:
                    id = item.id
                    if id % 2:
                        item.age = id + 1000
                        item.score = id + 0.5
                    else:
                        item.name = f"changed {id}"
                session.commit()
        return len(items)

    def delete_objects(self, clock: Clock, size: int) -> Any:
        with Session(self.engine) as session:
            items = session.scalars(select(Item).order_by(Item.id).limit(size)).all()
            with clock:
                for item in items:
                    session.delete(item)
                session.commit()
        return len(items)

    def lazy_children(self, clock: Clock, size: int) -> Any:
        total = 0
        with Session(self.engine) as session, clock:
            for parent in session.scalars(select(Parent)).all():
                total += sum(child.id for child in parent.children)
        return total

    def lazy_parent(self, clock: Clock, size: int) -> Any:
        total = 0
        with Session(self.engine) as session, clock:
            for child in session.scalars(select(Child)).all():
                total += len(child.parent.name)
        return total

    def eager_children(self, clock: Clock, size: int) -> Any:
        with Session(self.engine) as session, clock:
            parents = session.scalars(select(Parent).options(selectinload(Parent.children))).all()
        return parent_figures(parents)

    def eager_parent(self, clock: Clock, size: int) -> Any:
        with Session(self.engine) as session, clock:
            children = session.scalars(select(Child).options(joinedload(Child.parent))).all()
        return [len(children), sum(len(child.parent.name) for child in children)]

    def page_eager(self, clock: Clock, size: int) -> Any:
        total = 0
        modulus = parents_of_pages(size)
        with clock:
            for page in range(size):
                with Session(self.engine) as session:
                    last = page * PARENTS_PER_PAGE % modulus
                    query = select(Parent).where(Parent.id > last).order_by(Parent.id).limit(PARENTS_PER_PAGE)
                    parents = session.scalars(query.options(selectinload(Parent.children))).all()
                    total += sum(child.id for parent in parents for child in parent.children)
        return total

    def filter_query(self, clock: Clock, size: int) -> Any:
        total = 0
        with Session(self.engine) as session, clock:
            for index in range(size):
                above = filtered_item(index, size * 5)
                query = select(Item).where(Item.id > above, Item.active.is_(True)).order_by(Item.id).limit(3)
                total += sum(item.id for item in session.scalars(query))
        return total

    def _app(self) -> flask.Flask:
        app = flask.Flask(__name__)
        session = scoped_session(sessionmaker(self.engine))

        @app.teardown_appcontext
        def remove_session(error: BaseException | None) -> None:
            session.remove()

        @app.get("/parents/<int:id>")
        def show(id: int) -> dict[str, Any]:
            parent = session.get(Parent, id) or flask.abort(404)
            children = [{"id": child.id, "title": child.title, "position": child.position} for child in parent.children]
            return {"id": parent.id, "name": parent.name, "children": children}

        @app.post("/parents/<int:id>")
        def change(id: int) -> tuple[dict[str, Any], int]:
            data = flask.request.get_json()
            parent = session.get(Parent, id) or flask.abort(404)
            parent.name = data["name"]
            child = Child(title=data["title"], position=10, parent_id=parent.id)
            session.add(child)
            session.flush()
            answer = {"id": child.id}
            session.commit()
            return answer, 201

        return app

    def request_get(self, clock: Clock, size: int) -> Any:
        return run_gets(self.get, clock, size)

    def request_post(self, clock: Clock, size: int) -> Any:
        return run_posts(self.get, self.post, clock, size)


def _enable_foreign_keys(connection: Any, record: Any) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
