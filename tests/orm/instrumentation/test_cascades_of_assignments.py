"""What an assignment, or a change of a collection, brings into the Session: by the cascade save-update, from either side."""

from __future__ import annotations

from typing import Any

import pytest

from flask_uow import DeclarativeBase, Engine, ForeignKey, Mapped, Session, inspect, mapped_column, relationship


def classes(engine: Engine, **options: Any) -> tuple[Any, Any]:
    class Base(DeclarativeBase):
        pass

    class Depot(Base):
        __tablename__ = "depot"
        id: Mapped[int] = mapped_column(primary_key=True)
        parcels: Mapped[list[Parcel]] = relationship(back_populates="depot", **options)
        seen: Mapped[list[Parcel]] = relationship(viewonly=True, cascade="all, delete-orphan")

    class Parcel(Base):
        __tablename__ = "parcel"
        id: Mapped[int] = mapped_column(primary_key=True)
        depot_id: Mapped[int | None] = mapped_column(ForeignKey("depot.id"))
        depot: Mapped[Depot | None] = relationship(back_populates="parcels", **options)

    Base.metadata.create_all(engine)
    return Depot, Parcel


@pytest.mark.parametrize("follows", [True, False])
def test_the_other_side_brings_an_object_along_unless_it_is_told_not_to(engine: Engine, follows: bool) -> None:
    depot_class, parcel_class = classes(engine, **({} if follows else {"cascade_backrefs": False}))
    with Session(engine) as session:
        depot, parcel = depot_class(), parcel_class()
        session.add_all([depot, parcel])
        session.commit()
        new, put_in = parcel_class(depot=depot), parcel_class()
        assert (new in session) is follows
        depot.parcels.append(put_in)
        assert put_in in session
        other = depot_class(parcels=[parcel])
        assert (other in session) is follows
        if not follows:
            session.add(other)
        session.commit()
        assert session.query(parcel_class).count() == (3 if follows else 2)
        assert parcel.depot is other


def test_without_the_cascade_of_the_other_side_objects_of_two_sessions_are_still_refused_from_their_own(
    engine: Engine,
) -> None:
    depot_class, parcel_class = classes(engine, cascade_backrefs=False)
    with Session(engine) as first, Session(engine) as second:
        depot, parcel = depot_class(), parcel_class()
        first.add(depot)
        second.add(parcel)
        with pytest.raises(Exception, match="in another Session"):
            depot.parcels.append(parcel)
        with pytest.raises(Exception, match="in another Session"):
            parcel.depot = depot


def test_a_relationship_that_is_only_read_brings_nothing_along_and_deletes_nothing(engine: Engine) -> None:
    depot_class, parcel_class = classes(engine)
    assert inspect(depot_class).relationships["seen"].cascade == {"merge", "refresh-expire", "expunge"}
    with Session(engine) as session:
        depot, parcel = depot_class(), parcel_class()
        session.add(depot)
        session.commit()
        assert depot.seen == []
        depot.seen.append(parcel)
        assert parcel not in session
        session.commit()
        assert session.query(parcel_class).count() == 0
        depot.parcels.append(parcel)
        session.commit()
        assert depot.seen == [parcel]
        depot.seen.remove(parcel)
        session.commit()
        assert session.query(parcel_class).one() is parcel
        pending = parcel_class()
        session.add(pending)
        depot.seen.append(pending)
        depot.seen.remove(pending)
        assert pending in session
