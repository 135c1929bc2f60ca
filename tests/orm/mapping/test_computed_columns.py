"""Columns that the database works out of others: in DDL, on objects, in bulk, and reflected."""

from __future__ import annotations

from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    Column,
    Computed,
    Engine,
    Integer,
    Mapped,
    MetaData,
    Session,
    String,
    Table,
    declarative_base,
    func,
    inspect,
    mapped_column,
)
from tests.statements import StatementLog


@pytest.fixture
def line_class(engine: Engine) -> Any:
    base: Any = declarative_base()

    class Line(base):
        __tablename__ = "line"
        id: Mapped[int] = mapped_column(primary_key=True)
        code: Mapped[str] = mapped_column(String(10))
        price: Mapped[int] = mapped_column()
        quantity: Mapped[int] = mapped_column()
        total: Mapped[int] = mapped_column(Computed(price * quantity))
        folded: Mapped[str] = mapped_column(String(10), Computed(func.lower(code)), index=True)
        next_price: Mapped[int] = mapped_column(Computed("price + 1", persisted=False))

    base.metadata.create_all(engine)
    return Line


def test_its_value_comes_with_the_insert_and_follows_changes(
    line_class: Any, engine: Engine, statements: StatementLog
) -> None:
    Line = line_class
    with Session(engine) as session:
        lines = [Line(code="A", price=2, quantity=3), Line(code="B", price=1, quantity=1)]
        session.add_all(lines)
        session.flush()
        with statements.expect(0):
            assert [(line.total, line.folded, line.next_price) for line in lines] == [(6, "a", 3), (1, "b", 2)]
        lines[0].quantity = 5
        session.flush()
        assert lines[0].total == 10
        assert session.query(Line).filter(Line.total > 5, Line.folded == "a").one() is lines[0]
        session.query(Line).update({"price": Line.price + 1})
        assert [line.total for line in lines] == [15, 2]


def test_bulk_writes_leave_it_out(line_class: Any, engine: Engine) -> None:
    Line = line_class
    with Session(engine) as session:
        session.bulk_insert(Line, [{"code": "A", "price": 2, "quantity": 2}])
        session.copy_from(Line, [{"code": "B", "price": 3, "quantity": 3}])
        session.bulk_update(Line, [{"id": 1, "price": 10}])
        assert session.query(Line.total).order_by(Line.id).all() == [(20,), (9,)]


@pytest.mark.usefixtures("line_class")
def test_it_is_found_by_reflection_and_made_again(engine: Engine) -> None:
    metadata = MetaData()
    table = Table("line", metadata, autoload_with=engine)
    found = [(c.name, c.server_default.persisted) for c in table.c if isinstance(c.server_default, Computed)]
    assert found == [("total", True), ("folded", True), ("next_price", False)]
    expressions = {c["name"]: c["computed"] for c in inspect(engine).get_columns("line") if c["computed"] is not None}
    assert expressions["next_price"]["sqltext"].strip("()") == "price + 1"
    assert {name: made["persisted"] for name, made in expressions.items()} == dict(found)
    metadata.drop_all(engine)
    metadata.create_all(engine)
    again: Any = declarative_base(metadata=metadata)

    class Reflected(again):
        __table__ = table

    with Session(engine) as session:
        session.add(line := Reflected(code="C", price=4, quantity=4))
        session.flush()
        assert (line.total, line.folded, line.next_price) == (16, "c", 5)


def test_it_leaves_no_room_for_defaults() -> None:
    for default in ({"default": 1}, {"server_default": "1"}, {"onupdate": 1}):
        with pytest.raises(ArgumentError, match="'x' is Computed, which leaves no room for a default"):
            Column("x", Integer, Computed("1"), **default)
