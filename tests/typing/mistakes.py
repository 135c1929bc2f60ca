"""Mistakes that users make: mypy and pyright report each line that ends with ``# wrong``, and no other."""

from __future__ import annotations

import flask_uow
from flask_uow import (
    Column,
    DeclarativeBase,
    Row,
    Select,
    Session,
    String,
    UnitOfWork,
    mapped_column,
    relationship,
    select,
)
from tests.typing.user_code import Base, Post, User, db


def misspell(session: Session) -> None:
    user = session.scalars(select(User)).one()
    user.nme  # wrong
    User.nme  # wrong
    session.scalars(select(User.nme))  # wrong
    select(User).wher(User.id == 1)  # wrong
    session.query(User).filtr(User.id == 1)  # wrong
    User.query.frst()  # wrong
    db.session.comit()  # wrong
    db.paginate(select(User)).itmes  # wrong
    db.Strng  # wrong
    flask_uow.Nothing  # wrong


def give_wrong_values(session: Session) -> None:
    user = session.get_one(User, 1)
    user.name = 3  # wrong
    user.name = "x"
    user.posts = [User()]  # wrong
    user.posts.append(User())  # wrong
    session.get(User)  # wrong
    number, name, other = session.execute(select(User.id, User.name)).one()  # wrong
    session.execute(select(User.id, User.name)).one()[1].real  # wrong
    for (post,) in session.execute(select(Post)):
        post.name  # wrong
    session.query(User).all()[0].nme  # wrong
    session.scalar(select(User)).name  # wrong


def give_wrong_arguments() -> None:
    relationship(back_populate="x")  # wrong
    mapped_column(primary_kye=True)  # wrong
    mapped_column(String(3), unique=True, index=True, server_default="x", comment="c")
    Column("a", String(3), nulable=False)  # wrong
    Session(autofluhs=False)  # wrong
    UnitOfWork(modelclass=Base)  # wrong
    db.paginate(select(User), per_pge=3)  # wrong
    User.query.paginate(pag=3)  # wrong
    db.get_or_404(User)  # wrong


def execute_what_is_no_statement(session: Session) -> None:
    session.execute(User)  # wrong
    session.scalars(7)  # wrong
    session.scalar(select(User), "ed")  # wrong
    session.execute("SELECT 1")


def return_another(session: Session) -> Select[tuple[User]]:
    def take(row: Row[tuple[int, str]]) -> None:
        pass

    take(session.execute(select(User.name, User.id)).one())  # wrong
    statement = select(Post)
    return statement  # wrong


class Again(DeclarativeBase):
    """A base of its own."""
