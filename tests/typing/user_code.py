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
    attribute_mapped_collection,
    column_property,
    composite,
    create_engine,
    declared_attr,
    mapped_column,
    reconstructor,
    relationship,
    select,
    synonym,
    validates,
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


class HasOwner:
    @declared_attr
    def owner_id(cls) -> Mapped[int | None]:
        return mapped_column(ForeignKey("user.id"))


class Point:
    def __init__(self, x: int, y: int) -> None:
        self.x, self.y = x, y

    def __composite_values__(self) -> tuple[int, int]:
        return self.x, self.y


class Shape(HasOwner, Base):
    id: Mapped[int] = mapped_column(primary_key=True)
    x: Mapped[int] = mapped_column()
    y: Mapped[int] = mapped_column()
    place: Mapped[Point] = composite(Point, "x", "y")
    across: Mapped[int] = synonym("x")
    area: Mapped[int] = column_property(x * y)
    marks: Mapped[dict[str, Post]] = relationship(collection_class=attribute_mapped_collection("title"), viewonly=True)

    @validates("x", "y")
    def check_size(self, name: str, value: int) -> int:
        return value

    @reconstructor
    def loaded(self) -> None:
        self.is_new = False


def read_more_attributes(shape: Shape) -> None:
    reveal_type(shape.owner_id)  # reveals: int | None
    reveal_type(shape.place)  # reveals: tests.typing.user_code.Point
    reveal_type(shape.area)  # reveals: int
    reveal_type(shape.marks)  # reveals: dict[str, tests.typing.user_code.Post]
    reveal_type(Shape.across)  # reveals: flask_uow.orm.mapping.annotations.InstrumentedAttribute[int]


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


def use_names_of_the_extension() -> None:
    reveal_type(db.String(30))  # reveals: flask_uow.sql.types.texts.String
    reveal_type(db.func.count())  # reveals: flask_uow.sql.functions.FunctionElement[int]
    reveal_type(db.and_(User.name == "ed"))  # reveals: flask_uow.sql.expressions.ColumnElement[bool]
    db.Colum  # type: ignore[attr-defined]
    db.not_()  # type: ignore[call-arg]
    users = db.session.query(User)
    reveal_type(users)  # reveals: flask_uow.web.query.Query[tests.typing.user_code.User]
    reveal_type(db.session.query(User).first_or_404())  # reveals: tests.typing.user_code.User
    reveal_type(db.session.query(User).get_or_404(1))  # reveals: tests.typing.user_code.User
