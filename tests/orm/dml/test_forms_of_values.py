"""Values of which the database holds several forms equal: what statements change in the rows, the objects show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flask_uow import (
    CHAR,
    Column,
    Engine,
    ForeignKey,
    Integer,
    Session,
    String,
    declarative_base,
    delete,
    insert,
    select,
    update,
)


@pytest.fixture
def models(engine: Engine) -> tuple[Any, Any, str]:
    """A class with a text as its key, a joined subclass of it, and another form of the key ``ab``."""
    base: Any = declarative_base()
    is_sqlite = engine.dialect.name == "sqlite"
    type_ = String(4, collation="NOCASE") if is_sqlite else CHAR(4)

    class Code(base):
        __tablename__ = "code"
        text = Column(type_, primary_key=True)
        kind = Column(String(9))
        number = Column(Integer)
        version = Column(Integer)
        __mapper_args__ = {"polymorphic_on": kind, "polymorphic_identity": "code", "version_id_col": version}

    class Long(Code):
        __tablename__ = "long"
        text = Column(type_, ForeignKey("code.text"), primary_key=True)
        more = Column(Integer)
        __mapper_args__ = {"polymorphic_identity": "long"}

    base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Code(text="ab", number=1), Code(text="cd", number=2)])
        session.commit()
    return Code, Long, "AB" if is_sqlite else "ab  "


CHANGES: dict[str, Callable[[Session, Any, str], Any]] = {
    "update": lambda s, code, form: s.execute(update(code).where(code.text == form).values(number=9)),
    "update of a list": lambda s, code, form: s.execute(update(code).where(code.text.in_([form])).values(number=9)),
    "update by key": lambda s, code, form: s.execute(update(code), [{"text": form, "number": 9}]),
    "bulk_update": lambda s, code, form: s.bulk_update(code, [{"text": form, "number": 9}]),
    "query.update": lambda s, code, form: s.query(code).filter(code.text == form).update({"number": 9}),
    "fetch": lambda s, code, form: (
        s.query(code).filter_by(text=form).update({"number": 9}, synchronize_session="fetch")
    ),
}


@pytest.mark.parametrize("how", CHANGES)
def test_an_update_by_another_form_of_a_value_is_seen_on_the_object(
    engine: Engine, models: tuple[Any, Any, str], how: str
) -> None:
    Code, _, form = models
    with Session(engine) as session:
        code, other = session.scalars(select(Code).order_by(Code.number)).all()
        assert (code.number, other.number, code.version) == (1, 2, 1)
        CHANGES[how](session, Code, form)
        assert (code.number, other.number, code.version) == (9, 2, 2)
        code.number = 10
        session.commit()
        assert session.scalars(select(Code.number).order_by(Code.number)).all() == [2, 10]


def test_a_delete_by_another_form_of_a_value_takes_the_object_out(engine: Engine, models: tuple[Any, Any, str]) -> None:
    Code, _, form = models
    with Session(engine) as session:
        code, other = session.scalars(select(Code).order_by(Code.number)).all()
        session.execute(delete(Code).where(Code.text == form))
        assert (code in session, other in session) == (False, True)


def test_inserted_rows_of_several_tables_come_back_whatever_form_their_keys_have(
    engine: Engine, models: tuple[Any, Any, str]
) -> None:
    _, Long, _ = models
    with Session(engine) as session:
        rows = [{"text": key, "more": n} for n, key in enumerate(["x", "yy", "zzz"])]
        made = session.scalars(insert(Long).returning(Long), rows).all()
        assert [(long.text.rstrip(), long.more) for long in made] == [("x", 0), ("yy", 1), ("zzz", 2)]


def test_inserted_rows_of_several_tables_come_back_by_keys_that_were_given_as_texts(engine: Engine) -> None:
    base: Any = declarative_base()

    class Part(base):
        __tablename__ = "part"
        id = Column(Integer, primary_key=True)
        kind = Column(String(9))
        __mapper_args__ = {"polymorphic_on": kind, "polymorphic_identity": "part"}

    class Screw(Part):
        __tablename__ = "screw"
        id = Column(Integer, ForeignKey("part.id"), primary_key=True)
        length = Column(Integer)
        __mapper_args__ = {"polymorphic_identity": "screw"}

    base.metadata.create_all(engine)
    with Session(engine) as session:
        rows = [{"id": "12", "length": 1}, {"id": "13", "length": 2}]
        made = session.scalars(insert(Screw).returning(Screw), rows).all()
        assert [(screw.id, screw.length) for screw in made] == [(12, 1), (13, 2)]
