"""Primary keys that are SQL expressions: the database works them out, and the objects have what it made."""

from __future__ import annotations

from typing import Any

import pytest

from flask_uow import (
    Column,
    Engine,
    ForeignKey,
    Integer,
    Mapped,
    Session,
    String,
    Uuid,
    declarative_base,
    func,
    inspect,
    literal,
    mapped_column,
    relationship,
    select,
    text,
)
from flask_uow.sql.types import TypeEngine


def defaults(engine: Engine) -> dict[str, tuple[TypeEngine[Any], Any]]:
    """Return types with defaults that differ from row to row."""
    if engine.dialect.name == "postgresql":
        return {
            "function": (Uuid(), func.gen_random_uuid()),
            "text": (String(), text("gen_random_uuid()::text")),
            "arithmetic": (Integer(), func.abs(func.hashtext(func.gen_random_uuid().cast(String))) + 1),
        }
    return {
        "function": (String(), func.lower(func.hex(func.randomblob(8)))),
        "text": (String(), text("lower(hex(randomblob(8)))")),
        "arithmetic": (Integer(), func.abs(func.random()) % 1_000_000_000 + 1),
    }


def family(engine: Engine, kind: str, is_composite: bool) -> tuple[Any, Any, Any]:
    """Return a class whose key has a default of a kind, a joined subclass of it, and a class that refers to it."""
    type_, default = defaults(engine)[kind]
    base: Any = declarative_base()

    class Crate(base):
        __tablename__ = "crate"
        id = Column(type_, primary_key=True, default=default)
        shelf = Column(Integer, primary_key=is_composite, autoincrement=False)
        name = Column(String)
        kind = Column(String)
        labels: Mapped[list[Any]] = relationship(
            "Label", primaryjoin="Crate.id == foreign(Label.crate_id)", back_populates="crate"
        )
        __mapper_args__ = {"polymorphic_on": kind, "polymorphic_identity": "crate"}

    class Cooled(Crate):
        __tablename__ = "cooled"
        id = Column(type_, primary_key=True)
        if is_composite:
            shelf = Column(Integer, primary_key=True, autoincrement=False)
        degrees = Column(Integer)
        __mapper_args__ = {
            "polymorphic_identity": "cooled",
            "inherit_condition": (id == Crate.id) & (shelf == Crate.shelf) if is_composite else id == Crate.id,
        }

    class Label(base):
        __tablename__ = "label"
        id: Mapped[int] = mapped_column(primary_key=True)
        crate_id = Column(type_)
        crate: Mapped[Any] = relationship(
            Crate, primaryjoin="Crate.id == foreign(Label.crate_id)", back_populates="labels"
        )

    base.metadata.create_all(engine)
    return Crate, Cooled, Label


@pytest.mark.parametrize("kind", ["function", "text", "arithmetic"])
@pytest.mark.parametrize("is_composite", [False, True])
def test_a_key_may_have_an_expression_as_its_default(engine: Engine, kind: str, is_composite: bool) -> None:
    Crate, Cooled, Label = family(engine, kind, is_composite)
    with Session(engine) as session:
        crates = [
            Crate(shelf=1, name="a", labels=[Label(), Label()]),
            Cooled(shelf=1, name="b", degrees=4, labels=[Label()]),
            Crate(shelf=2, name="c"),
        ]
        session.add_all(crates)
        session.commit()
        assert len({inspect(crate).identity for crate in crates}) == 3
        assert [crate.name for crate in crates] == ["a", "b", "c"]
        assert [len(crate.labels) for crate in crates] == [2, 1, 0]
        assert [session.get(Crate, inspect(crate).identity) for crate in crates] == crates
        assert crates[1].degrees == 4
        late = Crate(shelf=3, name="d")
        session.add(late)
        session.flush()
        first = late.id
        session.rollback()
        assert "id" not in vars(late)
        session.add(late)
        session.commit()
        assert late.id != first
        assert session.get(Crate, inspect(late).identity) is late


def test_a_key_may_be_set_to_an_expression(engine: Engine) -> None:
    base: Any = declarative_base()

    class Node(base):
        __tablename__ = "node"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str | None]
        parent_id: Mapped[int | None] = mapped_column(ForeignKey("node.id", onupdate="CASCADE"))
        children: Mapped[list[Node]] = relationship(back_populates="parent", order_by="Node.id")
        parent: Mapped[Node | None] = relationship(back_populates="children", remote_side=[id])

    base.metadata.create_all(engine)
    with Session(engine) as session:
        root: Any = Node(
            id=func.abs(-40), name="root", children=[Node(name="one"), Node(id=literal(59) + 1, name="two")]
        )
        session.add(root)
        session.flush()
        session.rollback()
        assert root.id == 40
        session.add(root)
        session.commit()
        assert (root.id, [child.name for child in root.children]) == (40, ["one", "two"])
        two = session.get(Node, 60)
        assert two is root.children[1]
        root.id = Node.id + 100
        session.commit()
        assert (root.id, root.name, [child.parent_id for child in root.children]) == (140, "root", [140, 140])
        assert session.get(Node, 140) is root
        assert session.get(Node, 40) is None
        root.id = Node.id + 1
        session.flush()
        session.rollback()
        assert root.id == 140
        two.parent_id = select(Node.id).where(Node.name == "one").scalar_subquery()
        session.commit()
        assert two.parent.name == "one"
