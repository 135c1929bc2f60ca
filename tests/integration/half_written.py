"""An application whose view writes a lot, says so, and then hangs; for test_killed_process."""

from __future__ import annotations

import os
import threading

from flask import Flask

from flask_uow import DeclarativeBase, ForeignKey, Mapped, UnitOfWork, mapped_column, relationship


class Base(DeclarativeBase):
    pass


db = UnitOfWork(model_class=Base)


class Parent(Base):
    id: Mapped[int] = mapped_column(primary_key=True)
    children: Mapped[list[Child]] = relationship(back_populates="parent")


class Child(Base):
    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int] = mapped_column(ForeignKey("parent.id"))
    parent: Mapped[Parent] = relationship(back_populates="children")


def create_app() -> Flask:
    app = Flask(__name__, instance_path=os.environ["HALF_WRITTEN_FOLDER"])
    app.config["UOW_DATABASE_URI"] = os.environ["HALF_WRITTEN_URI"]
    db.init_app(app)

    @app.get("/")
    def index() -> str:
        return "up"

    @app.post("/write")
    def write() -> str:
        db.session.add_all([Parent(children=[Child() for _ in range(10)]) for _ in range(500)])
        db.session.flush()
        return "written"

    @app.post("/hang")
    def hang() -> str:
        write()
        with open(os.path.join(os.environ["HALF_WRITTEN_FOLDER"], "flushed"), "w", encoding="ascii"):
            pass
        threading.Event().wait(60)
        return "never"

    with app.app_context():
        db.create_all()
    return app
