"""Classes that are mapped again after registry.dispose(): nothing of the first mapping is left on them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

import flask_uow
from flask_uow import (
    Column,
    DeclarativeBase,
    Engine,
    ForeignKey,
    Integer,
    Mapped,
    MetaData,
    Sequence,
    Session,
    String,
    Table,
    class_mapper,
    column_property,
    composite,
    inspect,
    mapped_column,
    reconstructor,
    relationship,
    synonym,
    validates,
)
from flask_uow.orm import Registry


@pytest.fixture
def registry() -> Iterator[Registry]:
    made = Registry()
    yield made
    made.dispose()


@pytest.fixture
def mapper(registry: Registry) -> Any:
    """The function, for mappers that are gone after the test."""
    return partial(flask_uow.mapper, registry=registry)


class Point:
    def __init__(self, x: int, y: int) -> None:
        self.x, self.y = x, y

    def __composite_values__(self) -> tuple[int, int]:
        return self.x, self.y


def tables() -> tuple[MetaData, Table, Table]:
    metadata = MetaData()
    a = Table(
        "a",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("x", Integer),
        Column("y", Integer),
        Column("kind", String(5)),
    )
    b = Table(
        "b",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("a_id", ForeignKey("a.id")),
        Column("a", String(5)),
    )
    return metadata, a, b  # fmt: skip


def classes() -> tuple[Any, Any, Any]:
    class A:
        own = "the class's own"

        def __init__(self, x: int | None = None) -> None:
            self.x = x

        @property
        def bs(self) -> str:
            return "a property"

        @validates("y")
        def _check(self, key: str, value: int) -> int:
            return value

        @reconstructor
        def _loaded(self) -> None:
            self.loaded = True

    class Sub(A):
        pass

    class B:
        pass

    return A, Sub, B


def test_nothing_of_a_mapping_is_left_on_classes(mapper: Any, registry: Registry) -> None:
    A, Sub, B = classes()
    before = [dict(vars(cls)) for cls in (A, Sub, B)]
    for configured in (False, True):
        _, a, b = tables()
        mapper(A, a, polymorphic_on=a.c.kind, polymorphic_identity="a", properties={
            "bs": relationship(B, backref="parent"), "z": synonym("x"), "point": composite(Point, a.c.x, a.c.y),
            "twice": column_property(a.c.x * 2), "own": relationship(B, viewonly=True),
        })  # fmt: skip
        mapper(Sub, inherits=A, polymorphic_identity="sub")
        mapper(B, b, properties={"name": b.c.a, "a": relationship(A, viewonly=True)})
        if configured:
            registry.configure()
        registry.dispose()
        assert [dict(vars(cls)) for cls in (A, Sub, B)] == before
    assert (A().bs, A.own, A(5).x, hasattr(B(), "parent")) == ("a property", "the class's own", 5, False)


@pytest.mark.parametrize("configured", [False, True])
def test_a_class_may_be_mapped_again_with_less_or_more(
    engine: Engine, configured: bool, mapper: Any, registry: Registry
) -> None:
    class A:
        pass

    class B:
        pass

    _, a, b = tables()
    mapper(A, a, properties={"bs": relationship(B, backref="of")})
    mapper(B, b)
    if configured:
        registry.configure()
    registry.dispose()
    metadata, a, b = tables()
    mapper(A, a)
    mapper(B, b)
    registry.configure()
    assert not hasattr(A(), "bs")
    assert not hasattr(B(), "of")
    registry.dispose()
    metadata, a, b = tables()
    mapper(A, a, properties={"bs": relationship(B, backref="of", order_by=b.c.id)})
    mapper(B, b)
    metadata.create_all(engine)
    with Session(engine) as session:
        parent: Any = A()
        parent.bs = [B(), B()]
        session.add(parent)
        session.commit()
        session.expunge_all()
        found: Any = session.query(A).one()
        assert [child.of for child in found.bs] == [found, found]


def test_concrete_subclasses_may_be_mapped_again(mapper: Any, registry: Registry) -> None:
    class A:
        pass

    class B(A):
        pass

    before = set(vars(B))
    for _ in range(2):
        _, a, b = tables()
        mapper(A, a, properties={"bs": relationship(B)})
        mapper(B, b, inherits=A, concrete=True)
        registry.configure()
        with pytest.raises(AttributeError, match="concrete=True"):
            _ = B().bs  # type: ignore[attr-defined]
        registry.dispose()
        assert not hasattr(B(), "bs")
        assert set(vars(B)) == before


def test_an_attribute_of_a_mapping_that_failed_says_so_once() -> None:
    class Base(DeclarativeBase):
        pass

    class Lonely(Base):
        __tablename__ = "lonely"
        id: Mapped[int] = mapped_column(primary_key=True)
        others: Mapped[list[Any]] = relationship("Nobody")

    unconfigured = vars(Lonely)["others"]
    Base.registry.dispose()
    Lonely.others = unconfigured
    with pytest.raises(AttributeError, match="is not mapped any more"):
        _ = Lonely.others


def test_a_relationship_may_lead_to_a_mapper(engine: Engine, mapper: Any) -> None:
    class A:
        pass

    class B:
        pass

    metadata, a, b = tables()
    target = mapper(B, b)
    mapper(A, a, properties={"bs": relationship(target), "latest": relationship(lambda: target, viewonly=True)})
    metadata.create_all(engine)
    with Session(engine) as session:
        parent: Any = A()
        parent.bs = [B()]
        session.add(parent)
        session.commit()
        assert [type(child) for child in parent.latest] == [B]
    assert class_mapper(A).get_property("bs").mapper is target


def test_an_optional_sequence_is_for_columns_that_are_not_numbered_anyway(
    engine: Engine, database: str, mapper: Any
) -> None:
    metadata = MetaData()
    plain = Table("plain", metadata, Column("id", Integer, Sequence("plain_numbers", optional=True), primary_key=True))
    pair = Table(
        "pair", metadata,
        Column("a", Integer, primary_key=True), Column("b", Integer, Sequence("pair_numbers", optional=True), primary_key=True),
    )  # fmt: skip
    text_key = Table("text_key", metadata, Column("id", Integer, Sequence("own", start=7), primary_key=True))
    metadata.create_all(engine)
    assert inspect(engine).get_sequence_names() == (["own", "pair_numbers"] if database == "postgresql" else [])
    assert (plain.c.id.sequence, pair.c.b.sequence is not None, text_key.c.id.sequence is not None) == (
        None,
        True,
        True,
    )
    copied = plain.to_metadata(MetaData())
    assert copied.c.id.sequence is None

    class Plain:
        id: Any

    mapper(Plain, plain)
    with Session(engine) as session:
        session.add_all([Plain(), Plain()])
        session.commit()
        assert sorted(each.id for each in session.query(Plain)) == [1, 2]
