"""Code as users write it, type-checked and never run. ``# reveals: T`` states the type of the line's ``reveal_type``."""

from __future__ import annotations

from datetime import datetime
from typing import reveal_type

from flask_uow import (
    DeclarativeBase,
    ForeignKey,
    Mapped,
    Session,
    UnitOfWork,
    create_engine,
    mapped_column,
    relationship,
    select,
)


class Base(DeclarativeBase):
    pass


db = UnitOfWork(model_class=Base)


class User(Base):
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    email: Mapped[str | None]
    joined: Mapped[datetime]
    posts: Mapped[list[Post]] = relationship(back_populates="author")


class Post(Base):
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    author: Mapped[User] = relationship(back_populates="posts")


def read_attributes(user: User) -> None:
    reveal_type(user.id)  # reveals: int
    reveal_type(user.email)  # reveals: str | None
    reveal_type(user.joined)  # reveals: datetime.datetime
    reveal_type(user.posts)  # reveals: list[tests.typing.user_code.Post]
    reveal_type(user.posts[0].author)  # reveals: tests.typing.user_code.User


def write_attributes(user: User, post: Post) -> None:
    user.name = "ed"
    user.email = None
    user.posts = [post]
    user.name = 7  # type: ignore[assignment]


def use_session() -> None:
    db.session.add(User(name="ed"))
    db.session.scalars(select(User).where(User.name == "ed", User.id.in_([1, 2])).order_by(User.name.desc()))
    reveal_type(db.get_or_404(User, 1))  # reveals: tests.typing.user_code.User
    with db.unit_of_work() as session:
        reveal_type(session)  # reveals: flask_uow.orm.session.session.Session
    with Session(create_engine("sqlite://")) as own:
        own.commit()


@db.transactional
def count_users() -> int:
    return db.session.query(User).count()


@db.transactional(attempts=5, isolation_level="SERIALIZABLE")
def rename(user: int, name: str) -> User:
    found = db.get_or_404(User, user)
    found.name = name
    return found


def use_transactional() -> None:
    reveal_type(count_users())  # reveals: int
    reveal_type(rename(1, "ed"))  # reveals: tests.typing.user_code.User
    reveal_type(db.run(lambda: 1))  # reveals: int
