"""Random models (keys, relationships, self-references, inheritance) and random edits: a fresh Session finds what was in memory."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_uow import (
    Column,
    Engine,
    ForeignKey,
    Integer,
    Session,
    String,
    Table,
    declarative_base,
    mapped_column,
    relationship,
)
from tests.statements import StatementLog

_numbers = itertools.count(1)

# how a class is keyed
KEYS = ("generated", "natural", "pair")
# how a class refers to another one: (kind, options)
LINKS = ("many-to-one", "one-to-many", "both", "one-to-one", "many-to-many", "post-update", "dynamic")


@st.composite
def models(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Return descriptions of classes: key, parent class and kind of inheritance, links to classes before it or itself."""
    described: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, 4))):
        parents = [n for n, d in enumerate(described) if d["key"] != "pair"]
        parent = draw(st.sampled_from(parents)) if parents and draw(st.integers(0, 2)) == 0 else None
        # what others refer to is in the table of its own class
        targets = list(range(number + 1)) if parent is None else list(range(number))
        targets = [n for n in targets if n == number or described[n]["key"] != "pair"]
        links = (
            draw(st.lists(st.tuples(st.sampled_from(LINKS), st.sampled_from(targets)), max_size=2)) if targets else []
        )
        key = described[parent]["key"] if parent is not None else draw(st.sampled_from(KEYS))
        if key == "pair":
            links = [link for link in links if link[1] != number]
        described.append(
            {"key": key, "parent": parent, "how": draw(st.sampled_from(("joined", "single"))), "links": links}
        )
    return described


class World:
    """The mapped classes of one description, in tables with names of their own."""

    def __init__(self, described: list[dict[str, Any]]) -> None:
        self.base = declarative_base()
        self.prefix = f"w{next(_numbers)}_"
        self.described = described
        self.classes: list[Any] = []
        self.links: list[tuple[int, str, str, int]] = []
        for number, description in enumerate(described):
            self._declare(number, description)
        self.base.registry.configure()

    def table(self, number: int) -> str:
        parent = self.described[number]["parent"]
        if parent is not None and self.described[number]["how"] == "single":
            return self.table(parent)
        return f"{self.prefix}{number}"

    def _key_type(self, number: int) -> Any:
        return Integer if self.described[number]["key"] == "generated" else String(20)

    def _declare(self, number: int, description: dict[str, Any]) -> None:
        parent = description["parent"]
        body: dict[str, Any] = {"__module__": __name__}
        identity = f"c{number}"
        if parent is None:
            body["__tablename__"] = self.table(number)
            body["__mapper_args__"] = {"polymorphic_on": "kind", "polymorphic_identity": identity}
            body["kind"] = mapped_column(String(9))
            body["label"] = mapped_column(String(20))
            # each object of a family has a place of its own in it
            body["place"] = mapped_column(Integer, unique=True)
            if description["key"] == "pair":
                body["a"] = mapped_column(Integer, primary_key=True, autoincrement=False)
                body["b"] = mapped_column(Integer, primary_key=True)
            else:
                body["id"] = mapped_column(self._key_type(number), primary_key=True)
        else:
            body["__mapper_args__"] = {"polymorphic_identity": identity}
            if description["how"] == "joined":
                body["__tablename__"] = self.table(number)
                body["id"] = mapped_column(
                    self._key_type(number), ForeignKey(f"{self.table(parent)}.id", onupdate="CASCADE"), primary_key=True
                )
            body[f"extra{number}"] = mapped_column(Integer, nullable=True)
        for position, (kind, target) in enumerate(description["links"]):
            self._link(body, number, position, kind, target)
        bases = (self.classes[parent],) if parent is not None else (self.base,)
        self.classes.append(type(f"C{number}", bases, body))

    def _link(self, body: dict[str, Any], number: int, position: int, kind: str, target: int) -> None:
        name, column = f"link{number}_{position}", f"fk{number}_{position}"
        target_name = f"C{target}"
        remote = f"{target_name}.id"
        if kind == "many-to-many":
            if self.described_key(number) == "pair":
                return
            middle = Table(
                f"{self.prefix}m{number}_{position}", self.base.metadata,
                Column("left", self._key_type(number), ForeignKey(f"{self.table(number)}.id", onupdate="CASCADE"), primary_key=True),
                Column("right", self._key_type(target), ForeignKey(f"{self.table(target)}.id", onupdate="CASCADE"), primary_key=True),
            )  # fmt: skip
            body[name] = relationship(
                target_name, secondary=middle, collection_class=set, backref=f"back_{name}",
                primaryjoin=lambda: self.key_column(number) == middle.c.left,
                secondaryjoin=lambda: self.key_column(target) == middle.c.right,
            )  # fmt: skip
            self.links.append((number, name, "set", target))
            return
        body[column] = mapped_column(
            self._key_type(target), ForeignKey(f"{self.table(target)}.id", onupdate="CASCADE"), nullable=True
        )

        def own() -> Any:
            return getattr(self.classes[number], column)

        options: dict[str, Any] = {
            "foreign_keys": own,
            "remote_side": remote,
            "primaryjoin": lambda: own() == self.key_column(target),
        }
        if kind == "one-to-many":
            # declared on the side of the many only by its backref
            kind = "both"
        back = f"back_{name}"
        if kind == "many-to-one":
            body[name] = relationship(target_name, **options)
        elif kind == "post-update":
            body[name] = relationship(target_name, post_update=True, **options)
        elif kind == "one-to-one":
            from_there = {"uselist": False}
            body[name] = relationship(target_name, backref=_backref(back, **from_there), **options)
        elif kind == "dynamic":
            body[name] = relationship(target_name, backref=_backref(back, lazy="dynamic"), **options)
        else:
            body[name] = relationship(target_name, backref=back, **options)
        self.links.append((number, name, "post" if kind == "post-update" else "one", target))

    def described_key(self, number: int) -> str:
        key: str = self.described[number]["key"]
        return key

    def key_column(self, number: int) -> Any:
        mapper = self.classes[number].__mapper__
        return next(part.key[0] for part in mapper.stored if part.table.name == self.table(number))

    def links_of(self, number: int) -> list[tuple[str, str, int]]:
        """The links of a class, those of its parents included."""
        lineage = []
        current: int | None = number
        while current is not None:
            lineage.append(current)
            current = self.described[current]["parent"]
        return [(name, kind, target) for owner, name, kind, target in self.links if owner in lineage]

    def isa(self, number: int, other: int) -> bool:
        return issubclass(self.classes[number], self.classes[other])


def _backref(name: str, **options: Any) -> Any:
    from flask_uow import backref  # noqa: PLC0415 - the name would hide the keyword's in the callers

    return backref(name, **options)


class Memory:
    """Objects by label, with what they should hold."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.objects: dict[str, Any] = {}
        self.numbers: dict[str, int] = {}
        self.extras: dict[str, int | None] = {}
        self.refs: dict[tuple[str, str], Any] = {}
        self.places: dict[str, int] = {}
        self.freed: list[tuple[int, int]] = []
        self.made = 0

    def create(self, session: Session, number: int, unfinished: Callable[[Any], None] | None = None) -> str:
        """Make an object and add it; return its label.

        :param unfinished: called with the object before it has its key.
        """
        self.made += 1
        label = f"o{self.made}"
        obj = self.world.classes[number](label=label)
        if unfinished is not None:
            unfinished(obj)
        key = self.world.described_key(number)
        if key == "natural":
            obj.id = f"k{self.made}"
        elif key == "pair":
            obj.a, obj.b = self.made, -self.made
        if hasattr(type(obj), "place"):
            self.places[label] = obj.place = self.free_place(self.root(number))
        session.add(obj)
        self.objects[label], self.numbers[label] = obj, number
        self.extras[label] = None
        for name, kind, _ in self.world.links_of(number):
            self.refs[label, name] = set() if kind == "set" else None
        return label

    def root(self, number: int) -> int:
        parent = self.world.described[number]["parent"]
        return number if parent is None else self.root(parent)

    def free_place(self, root: int) -> int:
        """Return a place in a family: one that a deleted object leaves, in this flush perhaps, or a new one."""
        taken = [place for label, place in self.places.items() if self.root(self.numbers[label]) == root]
        left = [place for family, place in self.freed if family == root and place not in taken]
        self.freed = [(family, place) for family, place in self.freed if family != root]
        return left[0] if left else max(taken, default=0) + 1

    def move_places(self, label: str, step: int, changes_only: bool) -> None:
        """Have the objects of a family move up or down by some places, each to where another one has been."""
        root = self.root(self.numbers[label])
        for other in sorted(self.objects, key=lambda other: self.places.get(other, 0)):
            if other in self.places and self.root(self.numbers[other]) == root:
                if not changes_only:
                    assert self.objects[other].place == self.places[other]
                self.places[other] += step
                self.objects[other].place = self.places[other]
        self.freed = [(family, place) for family, place in self.freed if family != root]

    def change_key(self, label: str) -> None:
        """Give an object with a natural key another one; the database carries it on."""
        if self.world.described_key(self.numbers[label]) == "natural":
            self.made += 1
            self.objects[label].id = f"k{self.made}"

    def reaches(self, start: str, goal: str) -> bool:
        """Return True when references lead from one object to another; a circle without post_update cannot be flushed."""
        seen, queue = {start}, [start]
        for label in queue:
            if label == goal:
                return True
            for (owner, name), held in self.refs.items():
                if owner == label and isinstance(held, str) and held not in seen and self.kind_of(label, name) == "one":
                    seen.add(held)
                    queue.append(held)
        return False

    def kind_of(self, label: str, name: str) -> str:
        return next(kind for n, kind, _ in self.world.links_of(self.numbers[label]) if n == name)

    def relate(self, label: str, name: str, kind: str, other: str | None) -> None:
        obj = self.objects[label]
        if kind == "set":
            if other is None:
                getattr(obj, name).clear()
                self.refs[label, name] = set()
            elif other in self.refs[label, name]:
                getattr(obj, name).discard(self.objects[other])
                self.refs[label, name].discard(other)
            else:
                getattr(obj, name).add(self.objects[other])
                self.refs[label, name].add(other)
            return
        if other is not None and kind == "one" and (other == label or self.reaches(other, label)):
            return
        setattr(obj, name, self.objects[other] if other is not None else None)
        self.refs[label, name] = other
        self._drop_others(label, name, other)

    def _drop_others(self, label: str, name: str, other: str | None) -> None:
        # the other side of a one-to-one relationship has one partner
        prop = type(self.objects[label]).__mapper__.relationships[name]
        if other is None or prop.reverse is None or prop.reverse.uselist:
            return
        for key, held in self.refs.items():
            if key[1] == name and key[0] != label and held == other:
                self.refs[key] = None

    def delete(self, session: Session, label: str) -> None:
        # what refers to the row lets go of it first
        for (owner, name), held in list(self.refs.items()):
            if owner == label:
                continue
            if held == label:
                self.relate(owner, name, self.kind_of(owner, name), None)
            elif isinstance(held, set) and label in held:
                self.relate(owner, name, "set", label)
        if _is_saved(self.objects[label]):
            session.delete(self.objects[label])
        else:
            # what it refers to must not lead back to an object that is in no Session
            for name, kind, _ in self.world.links_of(self.numbers[label]):
                self.relate(label, name, kind, None)
            session.expunge(self.objects[label])
        if label in self.places:
            self.freed.append((self.root(self.numbers[label]), self.places.pop(label)))
        for table in (self.objects, self.numbers, self.extras):
            del table[label]  # type: ignore[attr-defined]
        for key in [key for key in self.refs if key[0] == label]:
            del self.refs[key]

    def compare(self, engine: Engine) -> None:
        """Compare everything with what a fresh Session loads."""
        with Session(bind=engine) as session:
            for number, class_ in enumerate(self.world.classes):
                if self.world.described[number]["parent"] is not None:
                    continue
                found = {obj.label: obj for obj in session.query(class_)}
                wanted = {label for label, n in self.numbers.items() if self.world.isa(n, number)}
                assert set(found) == wanted
                for label, obj in found.items():
                    self._compare_object(label, obj)

    def _compare_object(self, label: str, obj: Any) -> None:
        number = self.numbers[label]
        assert type(obj) is self.world.classes[number]
        if label in self.places:
            assert obj.place == self.places[label]
        if self.world.described[number]["parent"] is not None:
            assert getattr(obj, f"extra{number}") == self.extras[label]
        for name, kind, _ in self.world.links_of(number):
            held, wanted = getattr(obj, name), self.refs[label, name]
            if kind == "set":
                assert {other.label for other in held} == wanted
            else:
                assert (held.label if held is not None else None) == wanted


def _is_saved(obj: Any) -> bool:
    return bool(obj.__dict__["_uow_state"].identity is not None)


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(described=models(), data=st.data())
def test_what_a_fresh_session_loads_equals_what_was_in_memory(engine: Engine, described: Any, data: Any) -> None:
    world = World(described)
    world.base.metadata.create_all(engine)
    try:
        _edit_at_random(engine, world, data)
    finally:
        world.base.metadata.drop_all(engine)


def _flush_as_planned(engine: Engine, session: Session) -> None:
    """Flush, and compare the tables that are written, in the order of their first statements, with those of the plan."""
    plan = session.plan_flush()
    assert str(session.plan_flush()) == str(plan)
    planned = [(step.operation, rows.table.name) for step in plan for rows in step.rows()]
    log = StatementLog().attach(engine)
    try:
        session.flush()
    finally:
        log.detach()
    writes = re.compile(r'\b(INSERT|UPDATE|DELETE)(?: INTO| FROM)? "?(\w+)')
    sent = [match.groups() for statement in log.sql if (match := writes.search(statement))]
    assert list(dict.fromkeys(sent)) == list(dict.fromkeys(planned))


def _edit_at_random(engine: Engine, world: World, data: Any) -> None:
    memory = Memory(world)
    with Session(bind=engine) as session:
        for _ in range(data.draw(st.integers(3, 25), label="steps")):
            step = data.draw(
                st.sampled_from(
                    (
                        "create",
                        "create",
                        "relate",
                        "relate",
                        "extra",
                        "delete",
                        "places",
                        "key",
                        "flush",
                        "commit",
                        "expire",
                        "query",
                    )
                )
            )
            labels = sorted(memory.objects)
            if step == "create" or not labels:
                memory.create(session, data.draw(st.integers(0, len(world.classes) - 1)))
                continue
            label = data.draw(st.sampled_from(labels))
            if step == "relate":
                links = world.links_of(memory.numbers[label])
                if links:
                    name, kind, target = data.draw(st.sampled_from(links))
                    others = [other for other in labels if world.isa(memory.numbers[other], target)]
                    memory.relate(label, name, kind, data.draw(st.sampled_from([None, *others])))
            elif step == "extra":
                number = memory.numbers[label]
                if world.described[number]["parent"] is not None:
                    memory.extras[label] = data.draw(st.integers(0, 9))
                    setattr(memory.objects[label], f"extra{number}", memory.extras[label])
            elif step == "places":
                memory.move_places(label, data.draw(st.integers(-2, 2)), changes_only=data.draw(st.booleans()))
                if world.links:
                    # a new row cannot take the place of one that waits for it
                    session.flush()
            elif step == "key":
                memory.change_key(label)
            elif step == "query":
                session.query(world.classes[0]).all()
            elif step == "delete":
                memory.delete(session, label)
            elif step == "flush":
                _flush_as_planned(engine, session)
            elif step == "commit":
                session.commit()
                memory.compare(engine)
            elif step == "expire":
                session.flush()
                session.expire_all()
        session.commit()
    memory.compare(engine)
