"""On flask_uow."""

from __future__ import annotations

from typing import Any

from flask import Flask, request

from flask_uow import ForeignKey, Mapped, UnitOfWork, mapped_column, relationship
from tests.benchmarks.apps import CONNECTIONS

db = UnitOfWork()


class Parent(db.Model):  # type: ignore[name-defined, misc]
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    children: Mapped[list[Child]] = relationship(back_populates="parent", order_by="Child.id")


class Child(db.Model):  # type: ignore[name-defined, misc]
    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int] = mapped_column(ForeignKey("parent.id"))
    title: Mapped[str]
    position: Mapped[int]
    parent: Mapped[Parent] = relationship(back_populates="children")


def create_app(uri: str) -> Flask:
    app = Flask(__name__)
    app.config["UOW_DATABASE_URI"] = uri
    app.config["UOW_ENGINE_OPTIONS"] = {"pool_size": CONNECTIONS}
    db.init_app(app)

    @app.get("/parents/<int:id>")
    def show(id: int) -> dict[str, Any]:
        parent = db.get_or_404(Parent, id)
        children = [{"id": child.id, "title": child.title, "position": child.position} for child in parent.children]
        return {"id": parent.id, "name": parent.name, "children": children}

    @app.post("/parents/<int:id>")
    def change(id: int) -> tuple[dict[str, Any], int]:
        data = request.get_json()
        parent = db.get_or_404(Parent, id)
        parent.name = data["name"]
        child = Child(title=data["title"], position=10, parent_id=parent.id)
        db.session.add(child)
        db.session.flush()
        return {"id": child.id}, 201

    return app
