"""Every public name comes along with ``from flask_uow import *``; read by mypy and pyright, and never run."""

from typing import assert_type

from flask_uow import *

name: str = "x"
name_column = Column(String(3))
statement = select(func.count()).where(or_(literal(1) == 1, not_(null().is_(None))))
assert_type(statement, Select[tuple[int]])
db = UnitOfWork()
session: ScopedSession = db.session


class Base(DeclarativeBase):
    pass


class Thing(Base):
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    name: Mapped[str] = mapped_column(String(30))


def read() -> Thing | None:
    try:
        return Thing.query.one()
    except (NoResultFound, MultipleResultsFound, IntegrityError, FlaskUowError):
        return None
