"""Models that derive from ``db.Model``: pyright knows their types; mypy takes no base class that is an attribute of an object."""

from __future__ import annotations

from typing import assert_type

from flask_uow import ForeignKey, Mapped, UnitOfWork, mapped_column, relationship, select

db = UnitOfWork()


class User(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    posts: Mapped[list[Post]] = relationship(back_populates="author")


class Post(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    author: Mapped[User] = relationship(back_populates="posts")


def read() -> None:
    user = db.session.scalars(select(User)).one()
    assert_type(user.name, str | None)
    assert_type(user.posts[0].author.id, int)
    assert_type(User.query.filter_by(name="ed").first_or_404(), User)
    assert_type(db.paginate(select(User)).items, list[User])
    user.nme  # wrong
    user.name = 3  # wrong
