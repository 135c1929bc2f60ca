"""Validators and listeners of a relationship that subclasses inherit, and what ``@validates`` may be asked besides."""

from __future__ import annotations

from typing import Any

import pytest

from flask_uow import DeclarativeBase, ForeignKey, Mapped, event, mapped_column, relationship, validates


class Base(DeclarativeBase):
    pass


class Vehicle(Base):
    __tablename__ = "vehicle"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("owner.id"))
    parts: Mapped[list[Part]] = relationship(back_populates="vehicle")
    owner: Mapped[Owner | None] = relationship()
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "vehicle"}

    @validates("owner")
    def note_owner(self, key: str, owner: Any) -> Any:
        told.append(("vehicle", key, owner))
        return owner


class Truck(Vehicle):
    __mapper_args__ = {"polymorphic_identity": "truck"}

    @validates("parts")
    def check_part(self, key: str, part: Any) -> Any:
        told.append(("truck", key, part))
        if part.name == "bad":
            raise ValueError("a bad part")
        return part


class Lorry(Truck):
    __mapper_args__ = {"polymorphic_identity": "lorry"}

    @validates("owner")
    def note_owner(self, key: str, owner: Any) -> Any:
        told.append(("lorry", key, owner))
        return owner


class Part(Base):
    __tablename__ = "part"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(default="good")
    vehicle_id: Mapped[int | None] = mapped_column(ForeignKey("vehicle.id"))
    vehicle: Mapped[Vehicle | None] = relationship(back_populates="parts")


class Owner(Base):
    __tablename__ = "owner"
    id: Mapped[int] = mapped_column(primary_key=True)
    cards: Mapped[list[Card]] = relationship(back_populates="owner")
    own_cards: Mapped[list[Card]] = relationship(viewonly=True)

    @validates("cards", include_removes=True)
    def note_card(self, key: str, card: Any, is_remove: bool) -> Any:
        told.append((key, card, is_remove))
        return card


class Card(Base):
    __tablename__ = "card"
    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("owner.id"))
    owner: Mapped[Owner | None] = relationship(back_populates="cards")

    @validates("owner", include_backrefs=False)
    def note_owner(self, key: str, owner: Any) -> Any:
        told.append((key, owner))
        return owner


told: list[Any] = []


@pytest.fixture(autouse=True)
def _empty() -> None:
    told.clear()


@pytest.mark.parametrize("class_", [Truck, Lorry])
def test_a_validator_of_a_subclass_has_charge_of_an_inherited_collection(class_: Any) -> None:
    truck, vehicle, parts = class_(), Vehicle(), [Part() for _ in range(3)]
    vehicle.parts = [Part(name="bad")]
    truck.parts.append(parts[0])
    parts[1].vehicle = truck
    truck.parts = [*truck.parts, parts[2]]
    assert told == [("truck", "parts", part) for part in parts]
    with pytest.raises(ValueError, match="a bad part"):
        truck.parts.append(Part(name="bad"))
    assert truck.parts == parts


def test_a_validator_that_overrides_that_of_its_base_is_called_in_its_place() -> None:
    owner = Owner()
    vehicle, truck, lorry = Vehicle(), Truck(), Lorry()
    for each in (vehicle, truck, lorry):
        each.owner = owner
    assert told == [("vehicle", "owner", owner), ("vehicle", "owner", owner), ("lorry", "owner", owner)]


def test_a_class_that_is_mapped_later_listens_too() -> None:
    Vehicle().parts.append(Part())

    class Van(Vehicle):
        __mapper_args__ = {"polymorphic_identity": "van"}

        @validates("parts")
        def check_part(self, key: str, part: Any) -> Any:
            raise ValueError("no parts for vans")

    with pytest.raises(ValueError, match="no parts for vans"):
        Part().vehicle = Van()
    Vehicle().parts.append(Part())


def test_a_listener_to_a_relationship_hears_of_subclasses_where_it_is_propagated() -> None:
    heard: list[Any] = []

    def hear(vehicle: Any, part: Any, initiator: Any) -> None:
        heard.append(type(vehicle))

    event.listen(Vehicle.parts, "append", hear)
    vehicle, truck = Vehicle(), Truck()
    vehicle.parts.append(Part())
    truck.parts.append(Part())
    event.remove(Vehicle.parts, "append", hear)
    event.listen(Vehicle.parts, "append", hear, propagate=True)
    truck.parts.append(Part())
    event.remove(Vehicle.parts, "append", hear)
    truck.parts.append(Part())
    assert heard == [Vehicle, Truck]


def test_a_validator_that_includes_removes_is_told_of_both() -> None:
    owner, first, second = Owner(), Card(), Card()
    owner.cards.append(first)
    second.owner = owner
    told.clear()
    owner.cards.remove(first)
    second.owner = None
    owner.cards = [first]
    owner.cards = []
    assert [entry for entry in told if entry[0] == "cards"] == [
        ("cards", first, True), ("cards", second, True), ("cards", first, False), ("cards", first, True),
    ]  # fmt: skip


def test_a_validator_without_backrefs_hears_of_its_own_side_only() -> None:
    owner, card = Owner(), Card()
    owner.cards.append(card)
    owner.cards.remove(card)
    assert ("owner", owner) not in told
    card.owner = owner
    assert ("owner", owner) in told


def test_what_is_taken_out_on_the_other_side_is_told_as_none() -> None:
    heard: list[Any] = []

    def hear(card: Any, value: Any, old: Any, initiator: Any) -> None:
        heard.append((value, old))

    owner, card = Owner(), Card()
    event.listen(Card.owner, "set", hear)
    owner.cards.append(card)
    owner.cards.remove(card)
    event.remove(Card.owner, "set", hear)
    assert heard == [(owner, None), (None, owner)]
