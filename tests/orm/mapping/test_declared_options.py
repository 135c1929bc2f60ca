"""Options of columns and bases that are declared: ``raiseload``, ``active_history``, ``expire_on_flush``, ``info``, constructors, metaclasses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    DeclarativeBase,
    DeclarativeMeta,
    Engine,
    Integer,
    InvalidRequestError,
    Mapped,
    MappedAsDataclass,
    Session,
    String,
    column_property,
    declarative_base,
    deferred,
    event,
    inspect,
    mapped_column,
    select,
    synonym,
    undefer,
)
from flask_uow.orm.attributes import get_history


class Base(DeclarativeBase):
    pass


class Page(Base):
    __tablename__ = "declared_page"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str | None] = mapped_column(deferred=True, deferred_raiseload=True)
    notes = deferred(mapped_column(String, nullable=True), raiseload=True)
    size: Mapped[int] = mapped_column()
    double: Mapped[int] = column_property(size * 2, info={"unit": "px"})
    kept: Mapped[int] = column_property(size * 3, expire_on_flush=False)
    big: Mapped[int] = column_property(size * 100, deferred=True, raiseload=True)


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Page(text="long", notes="few", size=2))
        session.commit()
        session.expunge_all()
        yield session


def test_a_deferred_column_may_be_one_whose_access_is_an_error(session: Session) -> None:
    page = session.scalars(select(Page)).one()
    for name in ("text", "notes", "big"):
        with pytest.raises(InvalidRequestError, match=rf"Page\.{name} .* may not be loaded at access"):
            getattr(page, name)
    session.refresh(page, ["text"])
    assert page.text == "long"
    session.expunge_all()
    page = session.scalars(select(Page).options(undefer(Page.text), undefer(Page.notes), undefer(Page.big))).one()
    assert (page.text, page.notes, page.big) == ("long", "few", 200)
    page.text = "new"
    session.commit()
    assert session.scalar(select(Page.text)) == "new"
    with pytest.raises(ArgumentError, match="Pass deferred=True as well"):
        column_property(Page.size, raiseload=True)


def test_the_value_of_an_expression_may_outlast_an_update(session: Session) -> None:
    page = session.scalars(select(Page)).one()
    page.size = 5
    session.flush()
    assert (page.double, page.kept) == (10, 6)
    session.commit()
    assert page.kept == 15


def test_notes_about_expressions() -> None:
    assert inspect(Page).attrs.double.info == {"unit": "px"} == Page.double.info


def test_active_history_of_a_column_property(engine: Engine) -> None:
    class OwnBase(DeclarativeBase):
        pass

    class Thing(OwnBase):
        __tablename__ = "declared_thing"
        id: Mapped[int] = mapped_column(primary_key=True)
        name = column_property(mapped_column("called", String), active_history=True)

    heard: list[Any] = []

    def hear(thing: Any, value: Any, old: Any, initiator: Any) -> None:
        heard.append((value, old))

    OwnBase.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Thing(name="a"))
        session.commit()
        thing = session.scalars(select(Thing)).one()
        event.listen(Thing.name, "set", hear)
        session.expire(thing)
        thing.name = "b"
        assert (heard[0][0], get_history(thing, "name")) == ("b", (["b"], [], ["a"]))


def test_expressions_of_mapped_dataclasses_may_have_defaults() -> None:
    class OwnBase(MappedAsDataclass, DeclarativeBase):
        pass

    class Box(OwnBase):
        __tablename__ = "declared_box"
        id: Mapped[int] = mapped_column(init=False, primary_key=True)
        size: Mapped[int]
        text: Mapped[str] = column_property(mapped_column("words", String), default="none", repr=False)

    assert repr(Box(4)).endswith("Box(id=None, size=4)")
    assert Box(4).text == "none"


def test_options_without_an_effect_are_refused() -> None:
    class OwnBase(DeclarativeBase):
        pass

    with pytest.raises(ArgumentError, match=r"arguments of a dataclass \(default\)"):

        class Box(OwnBase):
            __tablename__ = "declared_box"
            id: Mapped[int] = mapped_column(primary_key=True)
            twice: Mapped[int] = column_property(id * 2, default=3)

    with pytest.raises(ArgumentError, match="an expression is only read"):
        column_property(Page.size * 2, active_history=True)


def test_a_base_may_have_a_constructor_and_a_metaclass_of_its_own() -> None:
    class Meta(DeclarativeMeta):
        def shout(cls) -> str:
            return cls.__name__.upper()

    def construct(self: Any, **values: Any) -> None:
        for name, value in values.items():
            setattr(self, name, value * 2)

    base = declarative_base(constructor=construct, metaclass=Meta)

    class Word(base):  # type: ignore[misc,valid-type]
        __tablename__ = "declared_word"
        id = mapped_column(Integer, primary_key=True)

    assert (Word(id=3).id, Word.shout()) == (6, "WORD")
    bare = declarative_base(constructor=None)

    class Bare(bare):  # type: ignore[misc,valid-type]
        __tablename__ = "declared_bare"
        id = mapped_column(Integer, primary_key=True)

    with pytest.raises(TypeError):
        Bare(id=3)
    assert Bare().id is None


def test_the_identity_key_of_a_row_by_the_session(session: Session) -> None:
    row = session.execute(select(Page.__table__)).one()
    assert session.identity_key(Page, row=row) == session.identity_key(Page, row.id)


def test_a_column_that_raises_is_deferred(engine: Engine) -> None:
    base: Any = declarative_base()

    class Letter(base):
        __tablename__ = "letter"
        id: Mapped[int] = mapped_column(primary_key=True)
        key: Mapped[int] = synonym("id")
        text: Mapped[str] = mapped_column(deferred_raiseload=True)

    base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Letter(text="t"))
        session.commit()
        session.expunge_all()
        letter = session.get(Letter, {"key": 1})
        assert letter is session.get(Letter, {"id": 1})
        with pytest.raises(InvalidRequestError, match="may not be"):
            letter.text
        assert session.query(Letter).options(undefer(Letter.text)).populate_existing().one().text == "t"
        with pytest.raises(ArgumentError, match=r"the primary key of Letter is \(id\)"):
            session.get(Letter, {"text": 1})
