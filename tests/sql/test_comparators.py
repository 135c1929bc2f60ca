"""Types bring operators along for their columns and for mapped attributes; what they do not bring means what it always does."""

from __future__ import annotations

from typing import Any

import pytest

from flask_uow import Comparator as HybridComparator
from flask_uow import DeclarativeBase, Engine, Mapped, Session, aliased, hybrid_property, mapped_column
from flask_uow.exc import ArgumentError
from flask_uow.sql import (
    Column,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    TypeDecorator,
    func,
    not_,
    select,
)


class Folded(TypeDecorator):
    """Text that compares whatever its case."""

    impl = String
    cache_ok = True

    class comparator_factory(TypeDecorator.Comparator):
        def __eq__(self, other: object) -> Any:
            return func.lower(self.expr, type_=String) == func.lower(other, type_=String)

        def shout(self, mark: str) -> Any:
            return func.upper(self.expr) + mark

        def __add__(self, other: Any) -> Any:
            return super().__add__(f"<{other}>")


class Unsigned(Integer):
    """A number whose operators all take it without its sign."""

    class comparator_factory(Integer.Comparator):
        def operate(self, op: Any, other: Any = None, **modifiers: Any) -> Any:
            return op(func.abs(self.expr, type_=Integer), other, **modifiers)


class Base(DeclarativeBase):
    pass


class Word(Base):
    __tablename__ = "word"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(Folded)
    plain: Mapped[str]
    number: Mapped[int] = mapped_column(Unsigned)

    @hybrid_property
    def folded(self) -> str:
        return self.plain.lower()

    @folded.comparator
    def folded(cls) -> Any:
        return Lowered(cls.plain)


class Lowered(HybridComparator):
    def operate(self, op: Any, other: Any = None, **modifiers: Any) -> Any:
        return op(func.lower(self.__clause_element__()), func.lower(other), **modifiers)


@pytest.fixture
def session(engine: Engine) -> Any:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Word(text="Ab", plain="Ab", number=3), Word(text="c", plain="c", number=-4)])
        session.flush()
        yield session


def test_operators_of_a_type(session: Session) -> None:
    table = Word.__table__
    assert session.scalars(select(table.c.id).where(table.c.text == "aB")).all() == [1]
    assert session.scalars(select(Word.id).where(Word.text == "aB")).all() == [1]
    assert session.scalars(select(Word.id).where(aliased(Word).text == "zz")).all() == []
    assert session.scalars(select(Word.text + "x").order_by(Word.id)).all() == ["Ab<x>", "c<x>"]
    # what the type does not bring is as ever
    assert session.scalars(select(Word.id).where(Word.text != "aB").order_by(Word.id)).all() == [1, 2]
    assert session.scalars(select(Word.id).where(Word.text.in_(["c"]))).all() == [2]
    assert session.scalars(select(Word.id).where(Word.text.like("A%"))).all() == [1]
    assert session.scalars(select(Word.id).where(Word.plain == "aB")).all() == []
    assert session.scalars(select(Word.id).where(not_(Word.text == "ab"))).all() == [2]


def test_methods_of_a_type(session: Session) -> None:
    assert session.scalars(select(Word.__table__.c.text.shout("!")).order_by(Word.__table__.c.id)).all() == [
        "AB!",
        "C!",
    ]
    assert session.scalars(select(Word.text.shout("?")).order_by(Word.id)).all() == ["AB?", "C?"]
    with pytest.raises(AttributeError, match="shout"):
        Word.plain.shout
    with pytest.raises(AttributeError, match="shuot"):
        Word.__table__.c.text.shuot


def test_all_operators_of_a_type(session: Session) -> None:
    assert session.scalars(select(Word.id).where(Word.number > 3)).all() == [2]
    assert session.scalars(select(Word.number + 1).order_by(Word.id)).all() == [4, 5]


def test_an_operator_is_applied_by_a_hybrid(session: Session) -> None:
    assert session.scalars(select(Word.id).where(Word.folded == "AB")).all() == [1]
    assert session.scalars(select(Word.id).where(Word.folded != "AB")).all() == [2]


def test_a_foreign_key_without_a_type_is_left_alone() -> None:
    own = Table("own", MetaData(), Column("id", Integer, primary_key=True), Column("other_id", ForeignKey("later.id")))
    with pytest.raises(AttributeError, match="shout"):
        own.c.other_id.shout
    assert str(own.c.other_id == own.c.id) == "own.other_id = own.id"


def test_what_types_do_not_have() -> None:
    with pytest.raises(ArgumentError, match=r"derived from Odd\.Comparator"):

        class Odd(String):
            comparator_factory = 5
