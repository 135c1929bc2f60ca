"""The garbage collector rests while many rows become objects."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import (
    DeclarativeBase,
    Engine,
    Integer,
    Mapped,
    Session,
    TypeDecorator,
    mapped_column,
    reconstructor,
    select,
)


class Watching(TypeDecorator):
    """Notes of each value that is read whether the collector was on."""

    impl = Integer
    cache_ok = True
    seen: list[bool] = []

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        self.seen.append(gc.isenabled())
        if value == 666:
            raise RuntimeError("no such number")
        return value


class Base(DeclarativeBase):
    pass


class Counted(Base):
    __tablename__ = "counted"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(Watching)


class Rebuilt(Base):
    __tablename__ = "rebuilt"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(Watching)

    @reconstructor
    def rebuild(self) -> None:
        Watching.seen.append(gc.isenabled())


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Counted(number=number) for number in range(200)])
        session.add_all([Rebuilt(number=number) for number in range(200)])
        session.commit()
    Watching.seen.clear()
    with Session(engine) as session:
        yield session


@pytest.fixture(autouse=True)
def collector_as_it_was() -> Iterator[None]:
    was_on = gc.isenabled()
    yield
    (gc.enable if was_on else gc.disable)()


def test_it_rests_while_many_rows_become_objects_and_goes_on_afterwards(session: Session) -> None:
    assert len(session.scalars(select(Counted)).all()) == 200
    assert Watching.seen == [False] * 200
    assert gc.isenabled()


def test_it_goes_on_after_an_error(session: Session) -> None:
    session.add(Counted(number=666))
    session.flush()
    session.expire_all()
    with pytest.raises(RuntimeError, match="no such number"):
        session.scalars(select(Counted)).all()
    assert gc.isenabled()


def test_it_stays_off_where_the_program_has_switched_it_off(session: Session) -> None:
    gc.disable()
    assert len(session.scalars(select(Counted)).all()) == 200
    assert not gc.isenabled()


def test_for_a_few_rows_it_goes_on(session: Session) -> None:
    assert len(session.scalars(select(Counted).limit(10)).all()) == 10
    assert Watching.seen == [True] * 10


def test_what_is_told_of_loaded_objects_and_may_take_long_has_it_on(session: Session) -> None:
    assert len(session.scalars(select(Rebuilt)).all()) == 200
    assert Watching.seen == [True] * 400


def test_objects_that_are_added_together(engine: Engine, session: Session) -> None:
    seen: list[bool] = []

    class Noting(list[Counted]):
        def __iter__(self) -> Iterator[Counted]:
            for item in super().__iter__():
                seen.append(gc.isenabled())
                yield item

    session.add_all(Noting(Counted(number=number) for number in range(70)))
    assert seen == [False] * 70
    assert gc.isenabled()
    seen.clear()
    # what gives the objects one by one may take long over each
    session.add_all(iter(Noting(Counted(number=number) for number in range(70))))
    assert seen == [True] * 70
    assert len(session.new) == 140
