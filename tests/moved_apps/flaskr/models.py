from datetime import datetime

from flask_uow import ForeignKey, String, Text, func
from flask_uow import Mapped, mapped_column, relationship
from werkzeug.security import check_password_hash, generate_password_hash

from . import db


class User(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(String(80), unique=True)
    password_hash: Mapped[str] = mapped_column("password")

    posts: Mapped[list["Post"]] = relationship(back_populates="author")

    @property
    def password(self):
        raise AttributeError("password is write only")

    @password.setter
    def password(self, value):
        self.password_hash = generate_password_hash(value, method="pbkdf2:sha256:1000")

    def check_password(self, value):
        return check_password_hash(self.password_hash, value)


class Post(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    created: Mapped[datetime] = mapped_column(server_default=func.current_timestamp())
    title: Mapped[str]
    body: Mapped[str] = mapped_column(Text)

    # the page of posts shows the name of each author
    author: Mapped[User] = relationship(lazy="joined", back_populates="posts")
