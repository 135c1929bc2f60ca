"""What the options of a mapper change about a flush: ``eager_defaults``, ``confirm_deleted_rows``."""

from __future__ import annotations

from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    Computed,
    DeclarativeBase,
    Engine,
    ForeignKey,
    Integer,
    Mapped,
    Session,
    StaleDataError,
    func,
    mapped_column,
)
from tests.statements import StatementLog


class Base(DeclarativeBase):
    pass


class Plain(Base):
    __tablename__ = "option_plain"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    width: Mapped[int]
    twice: Mapped[int] = mapped_column(Computed("width * 2"))
    changes: Mapped[int] = mapped_column(default=0, onupdate=func.abs(-1))
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "plain", "eager_defaults": "auto"}


class Eager(Plain):
    __tablename__ = "option_eager"
    id: Mapped[int] = mapped_column(ForeignKey("option_plain.id"), primary_key=True)
    note: Mapped[str | None] = mapped_column(server_default="there")
    __mapper_args__ = {"polymorphic_identity": "eager", "eager_defaults": True}


class Careless(Base):
    __tablename__ = "option_careless"
    id: Mapped[int] = mapped_column(primary_key=True)
    __mapper_args__ = {"confirm_deleted_rows": False, "eager_defaults": False}


class Careful(Base):
    __tablename__ = "option_careful"
    id: Mapped[int] = mapped_column(primary_key=True)


@pytest.mark.parametrize("class_", [Plain, Eager])
def test_eager_defaults_load_what_an_update_has_made(engine: Engine, statements: StatementLog, class_: Any) -> None:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        first, second = class_(width=3), class_(width=4)
        session.add_all([first, second])
        session.flush()
        assert (first.twice, second.twice, first.changes) == (6, 8, 0)
        first.width, second.width = 10, 20
        session.flush()
        loaded = {"twice", "changes"} <= first.__dict__.keys() & second.__dict__.keys()
        assert loaded is (class_ is Eager)
        with statements.expect(0 if class_ is Eager else 1):
            assert (first.twice, second.twice, first.changes, second.changes) == (20, 40, 1, 1)


def test_another_answer_is_refused() -> None:
    class OwnBase(DeclarativeBase):
        pass

    with pytest.raises(ArgumentError, match="eager_defaults= takes True, False or 'auto', got 'yes'"):

        class Wrong(OwnBase):
            __tablename__ = "option_wrong"
            id = mapped_column(Integer, primary_key=True)
            __mapper_args__ = {"eager_defaults": "yes"}


@pytest.mark.parametrize("class_", [Careful, Careless])
def test_a_row_that_is_gone_is_an_error_where_deletions_are_confirmed(engine: Engine, class_: Any) -> None:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        objects = [class_() for _ in range(3)]
        session.add_all(objects)
        session.flush()
        session.connection().execute(class_.__table__.delete().where(class_.id == objects[0].id))
        session.delete(objects[0])
        session.delete(objects[1])
        if class_ is Careful:
            with pytest.raises(StaleDataError):
                session.flush()
            session.rollback()
        else:
            session.commit()
            assert session.query(class_).all() == [objects[2]]
