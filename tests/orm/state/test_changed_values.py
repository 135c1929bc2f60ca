"""Which values are changes: those of classes whose ``==`` says nothing, and of types that compare values in a way of their own."""

from __future__ import annotations

from typing import Any

import pytest

from flask_uow import (
    DeclarativeBase,
    Engine,
    Integer,
    Mapped,
    PickleType,
    Session,
    String,
    TypeDecorator,
    inspect,
    mapped_column,
    select,
)
from tests.statements import StatementLog


class Answer:
    """What ``==`` of a vector gives: no truth value, or one that is refused."""

    def __init__(self, same: list[bool]) -> None:
        self.same = same


class RefusedAnswer(Answer):
    def __bool__(self) -> bool:
        raise ValueError("ambiguous")


class NumpyAnswer(Answer):
    """As numpy.bool_ does it: a truth value that is not True."""

    def __bool__(self) -> bool:
        return all(self.same)


class Vector:
    answer: type[Answer] = Answer

    def __init__(self, *members: int) -> None:
        self.members = members

    def __eq__(self, other: object) -> Any:
        assert isinstance(other, Vector)
        return self.answer([a == b for a, b in zip(self.members, other.members, strict=True)])

    __hash__ = None  # type: ignore[assignment]


class RefusingVector(Vector):
    answer = RefusedAnswer


class TruthfulVector(Vector):
    answer = NumpyAnswer


class IncomparableVector(Vector):
    def __eq__(self, other: object) -> Any:
        raise TypeError("vectors cannot be compared")

    __hash__ = None  # type: ignore[assignment]


class VectorType(TypeDecorator):
    impl = String(50)
    made: type[Vector] = Vector

    def process_bind_param(self, value: Any, dialect: Any) -> Any:
        return None if value is None else ",".join(map(str, value.members))

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return None if value is None else self.made(*map(int, value.split(",")))


class ComparingVectorType(VectorType):
    made = RefusingVector

    def compare_values(self, a: Any, b: Any) -> bool:
        return a is b or (a is not None and b is not None and a.members == b.members)


def point_class(engine: Engine, type_: Any) -> Any:
    class Base(DeclarativeBase):
        pass

    class Point(Base):
        __tablename__ = "point"
        id: Mapped[int] = mapped_column(primary_key=True)
        at: Mapped[Any] = mapped_column(type_, nullable=True)
        label: Mapped[str | None] = mapped_column(String(10))
        number: Mapped[int | None] = mapped_column(Integer)

    Base.metadata.create_all(engine)
    return Point


@pytest.mark.parametrize("class_", [Vector, RefusingVector, TruthfulVector, IncomparableVector])
def test_a_value_whose_comparison_says_nothing_is_a_change(engine: Engine, class_: type[Vector]) -> None:
    class Type(VectorType):
        made = class_

    point_type = point_class(engine, Type())
    with Session(engine) as session:
        point = point_type(at=class_(1, 2))
        session.add(point)
        session.commit()
        assert point.at.members == (1, 2)
        point.at = class_(1, 3)
        assert session.is_modified(point)
        assert len(inspect(point).attrs.at.history.added) == 1
        session.commit()
        assert point.at.members == (1, 3)
        # with others, too
        point.at, point.label = class_(4, 4), "x"
        session.commit()
        assert (point.at.members, point.label) == ((4, 4), "x")
        point.at = None
        session.commit()
        assert point.at is None


def test_a_truth_value_of_another_class_is_taken_for_one(engine: Engine) -> None:
    class Type(VectorType):
        made = TruthfulVector

    point_type = point_class(engine, Type())
    with Session(engine) as session:
        point = point_type(at=TruthfulVector(1, 2))
        session.add(point)
        session.commit()
        assert point.at.members == (1, 2)
        point.at = TruthfulVector(1, 2)
        assert not session.is_modified(point)
        assert len(session.plan_flush()) == 0


@pytest.mark.parametrize(
    "type_", [ComparingVectorType(), PickleType(mutable=False, comparator=lambda a, b: a.members == b.members)]
)
def test_a_type_says_itself_which_values_are_the_same(engine: Engine, type_: Any) -> None:
    point_type = point_class(engine, type_)
    with Session(engine) as session:
        point = point_type(at=RefusingVector(1, 2), label="x")
        session.add(point)
        session.commit()
        assert point.at.members == (1, 2)
        point.at = RefusingVector(1, 2)
        assert not session.is_modified(point)
        assert not inspect(point).attrs.at.history.has_changes()
        assert not [step for step in session.plan_flush() if step.operation == "UPDATE"]
        point.label = "y"
        assert session.plan_flush()[0].columns == ("label",)
        point.at = RefusingVector(2, 2)
        assert session.plan_flush()[0].columns == ("at", "label")
        session.commit()
        assert point.at.members == (2, 2)
        point.at = None
        session.commit()
        assert point.at is None


class Mark:
    """Has no ``==`` of its own."""

    def __init__(self, text: str) -> None:
        self.text = text


@pytest.mark.parametrize("comparator", [None, lambda a, b: a is b, lambda a, b: a == b])
def test_a_pickled_value_that_equals_itself_only_is_written_when_it_has_changed(
    engine: Engine, statements: StatementLog, comparator: Any
) -> None:
    class Base(DeclarativeBase):
        pass

    class Page(Base):
        __tablename__ = "page_with_mark"
        id: Mapped[int] = mapped_column(primary_key=True)
        mark: Mapped[Any] = mapped_column(PickleType(comparator=comparator))

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Page(mark=Mark("a")))
        session.commit()
        page = session.scalars(select(Page)).one()
        with statements.expect(0):
            session.commit()
        page.mark.text = "b"
        session.commit()
        assert page.mark.text == "b"
    Base.metadata.drop_all(engine)
