"""Reads a million objects in a process of its own, and prints how far its memory has grown meanwhile.

Usage: python -m tests.integration.streaming URI
"""

from __future__ import annotations

import json
import resource
import sys

from flask_uow import DeclarativeBase, Mapped, Session, create_engine, mapped_column, select

ROWS = 1_000_000
PAGE = 1000
_FILL = {
    "postgresql": f"INSERT INTO measurement SELECT n, 'measurement number ' || n, n * 2 FROM generate_series(1, {ROWS}) AS n",
    "sqlite": f"WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {ROWS})"
    " INSERT INTO measurement SELECT n, 'measurement number ' || n, n * 2 FROM s",
}


class Base(DeclarativeBase):
    pass


class Measurement(Base):
    __tablename__ = "measurement"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    value: Mapped[int]


def peak() -> int:
    """The largest resident set of this process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main(uri: str) -> None:
    engine = create_engine(uri)
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.run(_FILL[engine.name])
    session = Session(engine)
    # compiled statements, generated loaders and a page of objects are no growth
    session.query(Measurement).limit(PAGE).all()
    session.expunge_all()
    before = peak()
    count = total = 0
    for measurement in session.query(Measurement).yield_per(PAGE):
        count += 1
        total += measurement.value
    objects = peak() - before
    rows = session.execute(select(Measurement.id).execution_options(yield_per=PAGE))
    scanned = sum(1 for _ in rows)
    grown = peak() - before
    session.close()
    Base.metadata.drop_all(engine)
    engine.dispose()
    json.dump({"count": count, "total": total, "scanned": scanned, "objects": objects, "grown": grown}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
