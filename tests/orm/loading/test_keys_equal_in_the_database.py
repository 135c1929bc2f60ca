"""Keys that the database holds equal and Python does not: texts in another case, blanks at the end, values that a type changes on their way."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from flask_uow import (
    CHAR,
    BigInteger,
    Column,
    DateTime,
    Engine,
    Float,
    ForeignKey,
    Integer,
    Mapped,
    Numeric,
    Session,
    String,
    Table,
    TypeDecorator,
    declarative_base,
    event,
    joinedload,
    mapped_column,
    relationship,
    select,
    selectinload,
    subqueryload,
    text,
)
from tests.statements import StatementLog

LOADING: dict[str, Callable[[Any], Any]] = {
    "lazy": lambda attribute: selectinload(attribute),
    "selectin": selectinload,
    "subquery": subqueryload,
    "joined": joinedload,
}


@pytest.fixture
def models(engine: Engine) -> tuple[Any, Any, Any]:
    """Lands with towns, and guides who know some lands, by keys in other forms than those of the lands."""
    is_sqlite = engine.dialect.name == "sqlite"
    short, long = (String(10, collation="NOCASE"),) * 2 if is_sqlite else (CHAR(2), CHAR(5))
    base: Any = declarative_base()
    known = Table(
        "known",
        base.metadata,
        Column("guide_id", ForeignKey("guide.id"), primary_key=True),
        Column("code", long, ForeignKey("land.code"), primary_key=True),
    )

    class Land(base):
        __tablename__ = "land"
        code = Column(short, primary_key=True)
        towns: Mapped[list[Any]] = relationship("Town", back_populates="land", order_by="Town.id")
        guides: Mapped[list[Any]] = relationship("Guide", secondary=known, back_populates="lands", order_by="Guide.id")

    class Town(base):
        __tablename__ = "town"
        id: Mapped[int] = mapped_column(primary_key=True)
        code = Column(long, ForeignKey("land.code"))
        land: Mapped[Any] = relationship("Land", back_populates="towns")

    class Guide(base):
        __tablename__ = "guide"
        id: Mapped[int] = mapped_column(primary_key=True)
        lands: Mapped[list[Any]] = relationship("Land", secondary=known, back_populates="guides", order_by="Land.code")

    base.metadata.create_all(engine)
    forms = ("BE", "be", "fr", "Fr") if is_sqlite else ("be", "be ", "fr", "fr  ")
    with Session(engine) as session:
        session.add_all([Land(code="be"), Land(code="fr")])
        session.flush()
        session.add_all([Town(code=code) for code in (*forms, None)])
        session.add_all([Guide(), Guide()])
        session.flush()
        session.execute(
            known.insert(), [{"guide_id": n, "code": code} for n, code in [(1, forms[0]), (1, forms[2]), (2, forms[3])]]
        )
        session.commit()
    return Land, Town, Guide


@pytest.mark.parametrize("how", LOADING)
def test_relationships_have_the_rows_that_the_database_finds(
    engine: Engine, models: tuple[Any, Any, Any], how: str
) -> None:
    Land, Town, Guide = models

    def load(entity: Any, name: str) -> list[Any]:
        query = select(entity).order_by(entity.code if entity is Land else entity.id)
        with Session(engine) as session:
            given = query if how == "lazy" else query.options(LOADING[how](getattr(entity, name)))
            found = session.scalars(given).unique().all()
            values = [getattr(obj, name) for obj in found]
            return [
                [getattr(item, "id", None) or item.code for item in value]
                if isinstance(value, list)
                else value and value.code
                for value in values
            ]

    assert load(Land, "towns") == [[1, 2], [3, 4]]
    assert load(Town, "land") == ["be", "be", "fr", "fr", None]
    assert load(Land, "guides") == [[1], [1, 2]]
    assert load(Guide, "lands") == [["be", "fr"], ["fr"]]


def test_equal_keys_are_loaded_in_one_statement_as_ever(
    engine: Engine, models: tuple[Any, Any, Any], statements: StatementLog
) -> None:
    Land, Town, _ = models
    with Session(engine) as session:
        if engine.dialect.name == "postgresql":
            session.execute(text("ALTER TABLE town ALTER code TYPE char(2)"))
        session.execute(text("UPDATE town SET code = land.code FROM land WHERE town.code = land.code"))
        lands = session.scalars(select(Land).order_by(Land.code)).all()
        with statements.expect(1):
            assert [len(land.towns) for land in lands] == [2, 2]
        session.expunge_all()
        towns = session.scalars(select(Town).order_by(Town.id)).all()
        with statements.expect(1):
            assert [town.land and town.land.code for town in towns] == ["be", "be", "fr", "fr", None]


@pytest.mark.parametrize("how", ["selectin", "subquery"])
def test_rows_of_parents_that_have_theirs_already_cost_no_statements(
    engine: Engine, models: tuple[Any, Any, Any], statements: StatementLog, how: str
) -> None:
    Land, _, _ = models
    with Session(engine) as session:
        session.execute(text("DELETE FROM town"))
        if engine.dialect.name == "postgresql":
            session.execute(text("ALTER TABLE town ALTER code TYPE char(2)"))
        session.add_all([Land(code=f"l{n}"[:2]) for n in range(3)])
        session.flush()
        session.execute(text("INSERT INTO town (id, code) SELECT row_number() OVER (ORDER BY code), code FROM land"))
        session.commit()
        lands = session.scalars(select(Land).order_by(Land.code)).all()
        session.scalars(select(Land).where(Land.code < "l1").options(LOADING["selectin"](Land.towns))).all()
        assert ["towns" in vars(land) for land in lands] == [True, True, True, False, False]
        with statements.expect(2):
            session.scalars(select(Land).options(LOADING[how](Land.towns))).all()
        assert [len(land.towns) for land in lands] == [1] * 5


class Seconds(TypeDecorator):
    """Moments without fractions of a second."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> Any:
        return None if value is None else value.replace(microsecond=0)


class Label:
    """A value that is equal to itself alone."""

    def __init__(self, text: str) -> None:
        self.text = text


class Labels(TypeDecorator):
    """Labels, as texts."""

    impl = String(10)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> Any:
        return getattr(value, "text", value)

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return None if value is None else Label(value)


@pytest.mark.parametrize(
    ("type_", "values"),
    [
        (CHAR(3), ["a", "bb", "ccc"]),
        (Seconds(), [dt.datetime(2024, 5, day, 12, 0, 0, 250) for day in (1, 2, 3)]),
        (Labels(), [Label("a"), Label("b"), Label("c")]),
    ],
)
@pytest.mark.parametrize("is_composite", [False, True])
def test_objects_are_read_again_whose_key_comes_back_as_another(
    engine: Engine, type_: Any, values: list[Any], is_composite: bool
) -> None:
    base: Any = declarative_base()

    class Item(base):
        __tablename__ = "item"
        key = Column(type_, primary_key=True)
        part = Column(Integer, primary_key=is_composite)
        place = Column(Integer)

    base.metadata.create_all(engine)
    told: list[Any] = []
    event.listen(Item, "refresh", lambda target, context, names: told.append(target.__dict__["place"]))
    with Session(engine) as session:
        items = [Item(key=value, part=1, place=n) for n, value in enumerate(values)]
        session.add_all(items)
        session.commit()
        assert [item.place for item in items] == [0, 1, 2]
        assert told == [0, 1, 2]
        for item in items:
            item.place += 10
        session.commit()
        session.delete(items[0])
        session.flush()
        session.expire_all()
        assert [item.place for item in items[1:]] == [11, 12]


@pytest.mark.parametrize("how", LOADING)
@pytest.mark.parametrize(
    ("near", "far", "keys"),
    [
        (BigInteger, Integer, [1, 2, 2**40]),
        (Numeric(12, 0), BigInteger, [Decimal(1), Decimal(2), Decimal(2**35)]),
        (Float, Integer, [1.0, 2.0, 2.5]),
        (String(20), String(3), ["abc", "de", "longer than three"]),
    ],
)
def test_a_key_may_be_none_that_the_column_on_the_other_side_could_hold(
    engine: Engine, near: Any, far: Any, keys: list[Any], how: str
) -> None:
    base: Any = declarative_base()

    class Owner(base):
        __tablename__ = "owner"
        code = Column(near, primary_key=True)
        things: Mapped[list[Any]] = relationship(
            "Thing", primaryjoin="Owner.code == foreign(Thing.code)", back_populates="owner", order_by="Thing.id"
        )

    class Thing(base):
        __tablename__ = "thing"
        id: Mapped[int] = mapped_column(primary_key=True)
        code = Column(far)
        owner: Mapped[Any] = relationship(
            Owner, primaryjoin="Owner.code == foreign(Thing.code)", back_populates="things"
        )

    base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Owner(code=key) for key in keys])
        values = [key if isinstance(key, str) else int(key) for key in (keys[0], keys[1], keys[1])]
        session.add_all([Thing(code=value) for value in values])
        session.commit()
        session.expunge_all()
        query = select(Owner).order_by(Owner.code)
        owners = session.scalars(query if how == "lazy" else query.options(LOADING[how](Owner.things))).unique().all()
        assert [[thing.id for thing in owner.things] for owner in owners] == [[1], [2, 3], []]
        session.expire_all()
        assert [len(owner.things) for owner in owners[-1:]] == [0]
        session.expunge_all()
        things = session.scalars(select(Thing).order_by(Thing.id)).all()
        assert [thing.owner and thing.owner.code for thing in things] == [keys[0], keys[1], keys[1]]
