"""flask_uow, through its public names only, written as its users would write it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import flask

from flask_uow import (
    DeclarativeBase,
    ForeignKey,
    Mapped,
    Session,
    UnitOfWork,
    create_engine,
    joinedload,
    mapped_column,
    relationship,
    select,
    selectinload,
)
from tests.benchmarks.data import CHILDREN_PER_PARENT, PARENTS_PER_PAGE, item_values
from tests.benchmarks.peers import Clock
from tests.benchmarks.peers.raw import run_requests


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


class Peer:
    """The ORM on an engine of its own; the Flask extension for request_get."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.engine = create_engine(uri)

    def close(self) -> None:
        self.engine.dispose()

    def insert_flat(self, clock: Clock, rows: int) -> Any:
        values = [item_values(index) for index in range(rows)]
        with Session(self.engine, expire_on_commit=False) as session:
            with clock:
                items = [Item(**value) for value in values]
                session.add_all(items)
                session.commit()
            return len(items), sum(item.id for item in items)

    def insert_graph(self, clock: Clock, rows: int) -> Any:
        with Session(self.engine, expire_on_commit=False) as session:
            with clock:
                parents = []
                for index in range(rows // CHILDREN_PER_PARENT):
                    children = [Child(title=f"child {position}", position=position) for position in range(10)]
                    parents.append(Parent(name=f"parent {index}", children=children))
                session.add_all(parents)
                session.commit()
            keys = sum(child.id for parent in parents for child in parent.children)
            return len(parents), sum(parent.id for parent in parents), keys

    def load_entities(self, clock: Clock, rows: int) -> Any:
        with Session(self.engine) as session:
            with clock:
                items = session.scalars(select(Item)).all()
            return len(items), sum(item.age for item in items), max(item.created for item in items).isoformat()

    def eager_children(self, clock: Clock, rows: int) -> Any:
        with Session(self.engine) as session:
            with clock:
                parents = session.scalars(select(Parent).options(selectinload(Parent.children))).all()
            return len(parents), sum(child.id for parent in parents for child in parent.children)

    def eager_parent(self, clock: Clock, rows: int) -> Any:
        with Session(self.engine) as session:
            with clock:
                children = session.scalars(select(Child).options(joinedload(Child.parent))).all()
            return len(children), sum(child.parent.id for child in children)

    def page_eager(self, clock: Clock, rows: int) -> Any:
        total = 0
        with clock:
            for last in range(0, rows // CHILDREN_PER_PARENT, PARENTS_PER_PAGE):
                with Session(self.engine) as session:
                    page = select(Parent).where(Parent.id > last).order_by(Parent.id).limit(PARENTS_PER_PAGE)
                    parents = session.scalars(page.options(selectinload(Parent.children))).all()
                    total += sum(parent.children[-1].id for parent in parents)
        return total

    def get_hit(self, clock: Clock, rows: int) -> Any:
        with Session(self.engine) as session:
            items = session.scalars(select(Item)).all()
            keys = [item.id for item in items] * 10
            item: Item | None = None
            with clock:
                for key in keys:
                    item = session.get(Item, key)
            assert item is not None
            return len(keys), item.id

    def update_dirty(self, clock: Clock, rows: int) -> Any:
        with Session(self.engine) as session:
            items = session.scalars(select(Item)).all()
            with clock:
                for item in items:
                    item.name = f"changed {item.id}"
                session.commit()
            return len(items)

    def request_get(self, clock: Clock, rows: int) -> Any:
        app = flask.Flask(__name__)
        app.config["UOW_DATABASE_URI"] = self.uri
        db = UnitOfWork(app, model_class=Base)

        @app.get("/parents/<int:id>")
        def show(id: int) -> dict[str, Any]:
            parent = db.get_or_404(Parent, id)
            children = [{"id": child.id, "title": child.title, "position": child.position} for child in parent.children]
            return {"id": parent.id, "name": parent.name, "children": children}

        total = run_requests(app, clock, rows)
        with app.app_context():
            db.engine.dispose()
        return total
