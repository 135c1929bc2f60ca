"""Mapped dataclasses: mypy and pyright know the arguments of their constructors."""

from __future__ import annotations

from typing import assert_type

from flask_uow import (
    DeclarativeBase,
    ForeignKey,
    Mapped,
    MappedAsDataclass,
    Session,
    String,
    mapped_column,
    relationship,
    select,
)


class Base(MappedAsDataclass, DeclarativeBase):
    pass


class Author(Base):
    id: Mapped[int] = mapped_column(init=False, primary_key=True)
    name: Mapped[str] = mapped_column(String(30))
    email: Mapped[str | None] = mapped_column(default=None)
    books: Mapped[list[Book]] = relationship(back_populates="author", default_factory=list)


class Book(Base, kw_only=True):
    id: Mapped[int] = mapped_column(init=False, primary_key=True)
    title: Mapped[str]
    pages: Mapped[int] = mapped_column(default=0)
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id"), init=False)
    author: Mapped[Author | None] = relationship(back_populates="books", default=None)


def make(session: Session) -> None:
    author = Author("ed", email="e", books=[Book(title="a")])
    assert_type(author.name, str)
    assert_type(author.books[0].author, Author | None)
    assert_type(session.scalars(select(Author)).one().email, str | None)
    assert_type(Book(title="b", pages=3, author=author).pages, int)
    Author()  # wrong
    Author(3)  # wrong
    Author("ed", id=3)  # wrong
    Author("ed", nme="x")  # wrong
    Author("ed", None, [author])  # wrong
    Book("a")  # wrong
    Book(title="a", pages="many")  # wrong
