"""``query_expression()`` and ``with_expression()``: attributes whose values a query gives."""

from __future__ import annotations

import decimal
from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    DeclarativeBase,
    Engine,
    ForeignKey,
    InvalidRequestError,
    Load,
    Mapped,
    Numeric,
    Session,
    aliased,
    func,
    inspect,
    joinedload,
    literal,
    mapped_column,
    query_expression,
    relationship,
    select,
    selectinload,
    text,
    with_expression,
)


class Base(DeclarativeBase):
    pass


class Shop(Base):
    __tablename__ = "expression_shop"
    id: Mapped[int] = mapped_column(primary_key=True)
    goods: Mapped[list[Good]] = relationship(back_populates="shop", order_by="Good.id")


class Good(Base):
    __tablename__ = "expression_good"
    id: Mapped[int] = mapped_column(primary_key=True)
    price: Mapped[decimal.Decimal] = mapped_column(Numeric(10, 2))
    amount: Mapped[int]
    shop_id: Mapped[int | None] = mapped_column(ForeignKey("expression_shop.id"))
    shop: Mapped[Shop | None] = relationship(back_populates="goods")
    total: Mapped[decimal.Decimal | None] = query_expression()
    rank: Mapped[int] = query_expression(literal(5))


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        goods = [Good(price=decimal.Decimal(p), amount=a) for p, a in (("1.50", 2), ("3.25", 4))]
        session.add(Shop(goods=goods))
        session.commit()
        session.expunge_all()
        yield session


def totals(found: Any) -> list[Any]:
    return [good.total for good in found]


TOTALS = [decimal.Decimal("3.00"), decimal.Decimal("13.00")]


def test_a_query_gives_the_value(session: Session) -> None:
    statement = select(Good).order_by(Good.id)
    kept = session.scalars(statement.options(with_expression(Good.total, Good.price * Good.amount))).all()
    assert totals(kept) == TOTALS
    assert [type(total) for total in totals(kept)] == [decimal.Decimal] * 2
    assert [good.rank for good in kept] == [5, 5]
    # what is there stays, unless it is to be overwritten
    doubled = statement.options(with_expression(Good.total, Good.price * 2))
    assert totals(session.scalars(doubled)) == TOTALS
    again = session.scalars(doubled, execution_options={"populate_existing": True})
    assert totals(again) == [decimal.Decimal("3.00"), decimal.Decimal("6.50")]


def test_objects_of_other_queries_have_none_or_the_default(session: Session) -> None:
    good = session.scalars(select(Good).order_by(Good.id)).first()
    assert good is not None
    assert (good.total, good.rank, Good().total, Good().rank) == (None, 5, None, None)
    session.expunge(good)
    assert good.total is None
    ranked = select(Good).options(with_expression(Good.rank, Good.amount * 10)).order_by(Good.id)
    assert [each.rank for each in session.scalars(ranked)] == [20, 40]
    with session.no_autoflush:
        good = session.scalars(ranked).first()
        session.expire(good)
        assert (good.total, good.rank) == (None, 5)  # type: ignore[union-attr]
    assert inspect(Good).attrs.total.takes_expressions


def test_aggregates_subqueries_and_aliases(session: Session) -> None:
    grouped = select(Good).options(with_expression(Good.rank, func.count())).group_by(Good.id).order_by(Good.id)
    assert [good.rank for good in session.scalars(grouped)] == [1, 1]
    session.expunge_all()
    alias = aliased(Good)
    own = select(alias).options(with_expression(alias.total, alias.price * alias.amount)).order_by(alias.id)
    assert totals(session.scalars(own)) == TOTALS
    session.expunge_all()
    largest = select(func.max(Good.amount)).where(Good.shop_id == Shop.id)
    assert session.scalars(select(Shop).options(selectinload(Shop.goods))).one().goods
    counted = select(Good).options(with_expression(Good.rank, select(func.count(Shop.id)))).order_by(Good.id)
    assert [good.rank for good in session.scalars(counted, execution_options={"populate_existing": True})] == [1, 1]
    assert session.scalar(select(largest.scalar_subquery()).select_from(Shop)) == 4


def test_beside_eager_loading_and_limits(session: Session) -> None:
    total = with_expression(Good.total, Good.price * Good.amount)
    joined = select(Good, Good.amount).options(total, joinedload(Good.shop).joinedload(Shop.goods)).order_by(Good.id)
    rows = session.execute(joined.limit(1)).unique().all()
    assert [(good.total, amount, len(good.shop.goods)) for good, amount in rows] == [(TOTALS[0], 2, 2)]
    session.expunge_all()
    pages = list(session.scalars(joined.execution_options(yield_per=1)).partitions())
    assert [totals(page) for page in pages] == [[TOTALS[0]], [TOTALS[1]]]
    session.expunge_all()
    assert totals(session.query(Good).options(total).order_by(Good.id)) == TOTALS
    assert "Good.total: column" in str(session.plan_query(session.query(Good).options(total)))


def test_values_of_parameters_are_those_of_each_execution(session: Session) -> None:
    for factor in (1, 2, 3):
        session.expunge_all()
        found = session.scalars(
            select(Good).options(with_expression(Good.total, Good.price * factor)).order_by(Good.id)
        )
        assert found.first().total == decimal.Decimal("1.50") * factor  # type: ignore[union-attr]


def test_what_takes_no_expression_is_refused(session: Session) -> None:
    with pytest.raises(ArgumentError, match=r"Good\.price is loaded from a column"):
        session.scalars(select(Good).options(with_expression(Good.price, Good.amount)))
    with pytest.raises(ArgumentError, match="takes an SQL expression"):
        with_expression(Good.total, 3)
    with pytest.raises(ArgumentError, match="by a relationship"):
        session.scalars(select(Shop).options(selectinload(Shop.goods).with_expression(Good.total, Good.amount)))
    given = select(Good).from_statement(text("SELECT * FROM expression_good"))
    with pytest.raises(InvalidRequestError, match="do not go together"):
        session.scalars(given.options(with_expression(Good.total, Good.amount)))


def test_a_query_around_another_gives_the_values_of_its_own_rows(session: Session) -> None:
    alias = aliased(Good)
    for entity in (Good, alias):
        option = with_expression(entity.total, entity.price * 2)
        query = session.query(entity)
        for around in (
            query.union(session.query(entity)).options(option),
            query.options(option).union_all(session.query(entity).filter(entity.id < 0)),
            query.intersect(session.query(entity)).options(
                Load(entity).with_expression(entity.total, entity.price * 2)
            ),
            query.from_self().options(option),
            query.options(option).from_self().limit(2),
        ):
            session.expunge_all()
            found = around.all()
            assert len(found) >= 2
            assert [good.total for good in found] == [good.price * 2 for good in found]
