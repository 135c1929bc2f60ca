"""Tables, models and factories as users write them, type-checked by mypy and pyright and never run: each ``assert_type`` has to hold."""

from __future__ import annotations

import datetime as dt
from typing import assert_type

from flask_uow import (
    Boolean,
    Column,
    Date,
    DeclarativeBase,
    DynamicMapped,
    Engine,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    Mapped,
    MetaData,
    Query,
    ScopedSession,
    Session,
    String,
    Table,
    UniqueConstraint,
    WriteOnlyMapped,
    func,
    label,
    mapped_column,
    relationship,
    scoped_session,
    select,
    sessionmaker,
    values,
)

metadata = MetaData(
    naming_convention={Index: "ix_%(column_0_label)s", ForeignKeyConstraint: "fk_%(table_name)s", "pk": "pk"}
)

boxes = Table(
    "box",
    metadata,
    Column("id", Integer, primary_key=True),
    Column(Integer, name="size", index=True),
    Column("outer", ForeignKey("box.id"), type_=Integer, index=True),
    Column(ForeignKey("box.id"), name="inner"),
    Column("beside", None, ForeignKey("box.id")),
    Column("open", Boolean(create_constraint=True), nullable=False),
    UniqueConstraint("size"),
)

assert_type(Column("size", Integer), Column[int])
assert_type(Column(Integer, ForeignKey("box.id"), name="size"), Column[int])
assert_type(Column("size", ForeignKey("box.id"), type_=Integer()), Column[int])
assert_type(Column("label", type_=String), Column[str])


class Base(DeclarativeBase):
    metadata = metadata


class Shelf(Base):
    __tablename__ = "shelf"
    id: Mapped[int] = mapped_column(Integer, name="shelf_id", primary_key=True)
    books: Mapped[list[Book]] = relationship(back_populates="shelf")
    many: WriteOnlyMapped[Book] = relationship(viewonly=True)
    some: DynamicMapped[Book] = relationship(viewonly=True)


class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    shelf_id: Mapped[int | None] = mapped_column(ForeignKey(Shelf.id), type_=Integer)
    shelf: Mapped[Shelf | None] = relationship(back_populates="books")


class OwnSession(Session):
    pass


def make_factory(engine: Engine) -> sessionmaker[OwnSession]:
    return sessionmaker(engine, class_=OwnSession)


def make_scoped(engine: Engine) -> scoped_session[OwnSession]:
    return scoped_session(make_factory(engine))


plain: sessionmaker[Session] = sessionmaker()
scoped: scoped_session[Session] = scoped_session(plain)


class Drawer:
    query = scoped.query_property()


bare: ScopedSession = scoped


def use_factories(engine: Engine, shelf: Shelf) -> None:
    factory = make_factory(engine)
    assert_type(factory(), OwnSession)
    with factory() as session:
        assert_type(session, OwnSession)
    with factory.begin() as session:
        assert_type(session, OwnSession)
    assert_type(make_scoped(engine), ScopedSession[OwnSession])
    assert_type(make_scoped(engine)(), OwnSession)
    assert_type(plain(), Session)
    assert_type(Drawer.query, Query[Drawer])
    assert_type(Drawer.query.first(), Drawer | None)
    assert_type(session.scalars(shelf.many.select()).all()[0].title, str)
    assert_type(shelf.books, list[Book])


def use_statements(session: Session) -> None:
    assert_type(session.scalar(select(label("day", func.max(Book.title), Date))), dt.date | None)
    rows = values(Book.id, Book.title, name="rows").data([(1, "a")])
    session.execute(select(rows.c.title))
    session.execute(select(func.json_each(Book.title).table_valued(Book.id, "value").c.value))
    row = session.execute(select(Book.id, Book.title)).t.one()
    assert_type(row[0], int)
