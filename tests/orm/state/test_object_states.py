"""Random sequences of operations on single objects, against a plain model of their states, values and rows.

Beside tests/orm/session/test_state_machine.py, which follows relationships and flushes at every step, this machine leaves things pending:
each object is transient, pending, persistent, deleted or detached, and its value may be expired or changed, while levels of the
transaction (root, SAVEPOINT, subtransaction) begin and end around it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from flask_uow import Engine, FlushError, IntegrityError, InvalidRequestError, Session, inspect, make_transient
from tests.orm.models import Base, Place

EXPIRED = "<expired>"
labels = st.sampled_from(["a", "b", "c"])


@dataclass(eq=False)
class Entry:
    """An object, and what the model says of it.

    :ivar state: transient, pending, persistent, deleted (its DELETE was flushed) or detached.
    :ivar birth: the number of the INSERT that made its row, None without one.
    :ivar loaded: True for an object that came from the row, and not the row from it.
    :ivar original: the value before the change, where it is changed.
    :ivar kept: the value that the rollback of a SAVEPOINT has expired, and a rollback of the INSERT gives back.
    :ivar gone: the DELETE of its row was committed, and nothing was done with the object since.
    """

    obj: Place
    key: tuple[int, int]
    label: str | None
    state: str
    birth: int | None = None
    changed: bool = False
    marked: bool = False
    loaded: bool = False
    original: str | None = None
    kept: str | None = None
    gone: bool = False


@dataclass
class Level:
    """One level of the transaction: the rows when it began, the births within it, and the values of objects before they were changed in it."""

    kind: str
    rows: dict[tuple[int, int], tuple[str, int]]
    births: set[int] = field(default_factory=set)
    originals: dict[int, str | None] = field(default_factory=dict)


class ObjectMachine(RuleBasedStateMachine):
    """Drives a Session without autoflush, and the model beside it."""

    engine: Engine
    weak = True

    @initialize()
    def begin(self) -> None:
        with self.engine.begin() as connection:
            connection.execute("DELETE FROM place")
        # each object by itself: siblings would be refreshed along with it
        self.session = Session(self.engine, autoflush=False, weak_identity_map=self.weak, batch_loading=False)
        self.entries: list[Entry] = []
        self.rows: dict[tuple[int, int], tuple[str, int]] = {}
        self.levels = [Level("root", {})]
        self.births = 0
        self.keys = 0

    def teardown(self) -> None:
        if hasattr(self, "session"):
            self.session.close()

    # -- the model

    def in_state(self, *states: str) -> list[Entry]:
        return [entry for entry in self.entries if entry.state in states]

    def real_level(self) -> Level:
        return next(level for level in reversed(self.levels) if level.kind != "sub")

    def present(self, key: tuple[int, int]) -> Entry | None:
        return next((entry for entry in self.in_state("persistent") if entry.key == key), None)

    def model_flush(self) -> None:
        for entry in self.in_state("pending"):
            self.births += 1
            entry.birth = self.births
            entry.kept = None
            entry.label = entry.label or "nowhere"
            entry.state = "persistent"
            entry.changed = False
            self.rows[entry.key] = (entry.label, self.births)
            self.real_level().births.add(self.births)
        for entry in self.in_state("persistent"):
            if entry.marked:
                del self.rows[entry.key]
                entry.state, entry.marked, entry.changed = "deleted", False, False
            elif entry.changed:
                assert entry.birth is not None
                assert entry.label is not None
                self.rows[entry.key] = (entry.label, entry.birth)
                self.real_level().originals.setdefault(entry.birth, entry.original)
                entry.changed = False

    def model_rollback(self) -> None:
        level = self.real_level()
        if level.kind == "nested":
            self.model_keep(level)
        for entry in self.entries:
            born_here = entry.birth in level.births
            if entry.loaded and entry.state == "detached":
                continue  # the Session knows nothing of it any more
            if entry.state == "pending" or (born_here and entry.state != "transient"):
                if entry.label == EXPIRED:
                    entry.label = entry.kept
                self.model_transient(entry)
            elif entry.state == "deleted":
                if level.rows.get(entry.key, (None, None))[1] == entry.birth:
                    entry.state, entry.label = "persistent", EXPIRED
            elif entry.state == "persistent":
                entry.label, entry.changed, entry.marked = EXPIRED, False, False
        self.rows = dict(level.rows)
        level.births.clear()
        level.originals.clear()

    def model_keep(self, level: Level) -> None:
        born_outside = {birth for outer in self.levels if outer is not level for birth in outer.births}
        for entry in self.in_state("persistent", "deleted", "detached"):
            if entry.birth in born_outside and not entry.loaded:
                before = entry.original if entry.changed else entry.label
                value = level.originals.get(entry.birth, before)
                if value != EXPIRED:
                    entry.kept = value

    def model_transient(self, entry: Entry) -> None:
        entry.state, entry.birth, entry.changed, entry.marked, entry.loaded = "transient", None, False, False, False
        if entry.label == EXPIRED:
            entry.label = None

    # -- steps on objects

    @rule(label=st.none() | labels)
    def make(self, label: str | None) -> None:
        self.keys += 1
        key = (self.keys, 1)
        obj = Place(x=key[0], y=key[1]) if label is None else Place(x=key[0], y=key[1], label=label)
        self.entries.append(Entry(obj, key, label, "transient"))

    @precondition(lambda self: self.entries)
    @rule(data=st.data())
    def add(self, data: Any) -> None:
        entry = data.draw(st.sampled_from(self.entries))
        if entry.state == "deleted":
            with pytest.raises(InvalidRequestError, match="make_transient"):
                self.session.add(entry.obj)
            return
        if entry.state == "detached":
            other = self.present(entry.key)
            if other is not None:
                with pytest.raises(InvalidRequestError, match="another object with this key"):
                    self.session.add(entry.obj)
                return
            if self.rows.get(entry.key, (None, None))[1] != entry.birth:
                return  # its row is gone, and nobody told the object
            entry.state = "persistent"
        elif entry.state == "transient":
            if entry.key in self.rows or any(e.key == entry.key for e in self.in_state("pending")):
                return  # two rows of one key: see fail()
            if entry.label is None:
                entry.obj.__dict__.pop("label", None)
            entry.obj.x, entry.obj.y = entry.key
            entry.state = "pending"
        entry.marked = entry.gone = False
        self.session.add(entry.obj)

    @precondition(lambda self: self.entries)
    @rule(data=st.data(), label=labels)
    def change(self, data: Any, label: str) -> None:
        entry = data.draw(st.sampled_from(self.entries))
        if entry.state == "deleted":
            return
        if not entry.changed:
            entry.original = entry.label
        entry.obj.label = label
        entry.label = label
        entry.changed = entry.state in ("persistent", "detached")

    @precondition(lambda self: self.in_state("persistent"))
    @rule(data=st.data())
    def delete(self, data: Any) -> None:
        entry = data.draw(st.sampled_from(self.in_state("persistent")))
        self.session.delete(entry.obj)
        entry.marked = True

    @precondition(lambda self: self.in_state("persistent", "pending"))
    @rule(data=st.data())
    def expunge(self, data: Any) -> None:
        entry = data.draw(st.sampled_from(self.in_state("persistent", "pending")))
        self.session.expunge(entry.obj)
        entry.state = "detached" if entry.state == "persistent" else "transient"
        entry.marked = False

    @precondition(lambda self: self.in_state("persistent"))
    @rule(data=st.data(), now=st.booleans())
    def expire_or_refresh(self, data: Any, now: bool) -> None:
        entry = data.draw(st.sampled_from(self.in_state("persistent")))
        if now:
            self.session.refresh(entry.obj)
            entry.label = self.rows[entry.key][0]
        else:
            self.session.expire(entry.obj)
            entry.label = EXPIRED
        entry.changed = False

    @rule()
    def expire_all(self) -> None:
        self.session.expire_all()
        for entry in self.in_state("persistent"):
            entry.label, entry.changed = EXPIRED, False

    @rule()
    def expunge_all(self) -> None:
        self.session.expunge_all()
        for entry in self.in_state("persistent", "pending"):
            entry.state = "detached" if entry.state == "persistent" else "transient"
            entry.marked = False

    @precondition(lambda self: self.entries)
    @rule(data=st.data())
    def make_transient(self, data: Any) -> None:
        entry = data.draw(st.sampled_from(self.entries))
        if entry.state == "persistent" or (entry.state == "detached" and entry.birth is not None):
            return  # its row would be in the way when it is added again
        make_transient(entry.obj)
        self.model_transient(entry)
        entry.gone = False

    @precondition(lambda self: self.rows)
    @rule(data=st.data())
    def get(self, data: Any) -> None:
        key = data.draw(st.sampled_from(sorted(self.rows)))
        entry = self.present(key)
        found = self.session.get(Place, key)
        assert found is not None
        if entry is None:
            label, birth = self.rows[key]
            self.entries.append(Entry(found, key, label, "persistent", birth, loaded=True))
        else:
            assert found is entry.obj
            if entry.label == EXPIRED:
                entry.label = self.rows[key][0]

    @precondition(lambda self: self.rows)
    @rule(data=st.data(), label=labels, other=st.booleans())
    def merge(self, data: Any, label: str, other: bool) -> None:
        self.flush()
        if other or not self.rows:
            self.keys += 1
        key = (self.keys, 1) if other or not self.rows else data.draw(st.sampled_from(sorted(self.rows)))
        entry = self.present(key)
        merged = self.session.merge(Place(x=key[0], y=key[1], label=label))
        if entry is None:
            before = self.rows.get(key)
            entry = Entry(merged, key, before[0] if before else label, "persistent" if before else "pending")
            entry.birth = before[1] if before else None
            entry.loaded = before is not None
            self.entries.append(entry)
        elif entry.label == EXPIRED:
            entry.label = self.rows[key][0]
        assert merged is entry.obj
        if entry.state == "persistent" and entry.label != label:
            entry.original = entry.original if entry.changed else entry.label
            entry.label, entry.changed = label, True

    # -- steps of the transaction

    @rule()
    def flush(self) -> None:
        self.session.flush()
        self.model_flush()

    @precondition(lambda self: len(self.levels) < 5)
    @rule(nested=st.booleans())
    def begin_level(self, nested: bool) -> None:
        if nested:
            self.model_flush()
            self.session.begin_nested()
        else:
            self.session.begin(subtransactions=True)
        self.levels.append(Level("nested" if nested else "sub", dict(self.rows)))

    @rule()
    def commit(self) -> None:
        self.session.commit()
        self.model_flush()
        level = self.levels[-1]
        if level.kind == "nested":
            self.levels.pop()
            self.real_level().births |= level.births
            for birth, original in level.originals.items():
                self.real_level().originals.setdefault(birth, original)
        elif level.kind == "sub":
            self.levels.pop()
        else:
            self.levels = [Level("root", dict(self.rows))]
            for entry in self.in_state("persistent"):
                entry.label = EXPIRED
            for entry in self.in_state("deleted"):
                self.model_transient(entry)
                entry.gone = True
            self.check_rows()

    @rule()
    def rollback(self) -> None:
        self.session.rollback()
        self.model_rollback()
        while self.levels[-1].kind == "sub":
            # the levels around a subtransaction are to be rolled back one by one
            self.levels.pop()
            assert not self.session.is_active
            self.session.rollback()
        if self.levels[-1].kind == "nested":
            self.levels.pop()
        assert self.session.is_active

    @precondition(lambda self: self.rows)
    @rule(data=st.data())
    def fail(self, data: Any) -> None:
        key = data.draw(st.sampled_from(sorted(self.rows)))
        if any(entry.marked for entry in self.entries):
            self.flush()
        if key not in self.rows:
            return
        self.session.add(Place(x=key[0], y=key[1], label="twice"))
        with pytest.raises((IntegrityError, FlushError)):
            self.session.flush()
        assert not self.session.is_active
        self.rollback()

    # -- what must hold

    @rule()
    def check_rows(self) -> None:
        found = self.session.execute("SELECT x, y, label FROM place").all()
        assert {(x, y): label for x, y, label in found} == {key: label for key, (label, _) in self.rows.items()}

    @rule()
    def check_values(self) -> None:
        for entry in self.in_state("persistent"):
            if entry.label == EXPIRED:
                entry.label = self.rows[entry.key][0]
            assert entry.obj.label == entry.label
            assert (entry.obj.x, entry.obj.y) == entry.key

    @invariant()
    def objects_are_as_the_model_says(self) -> None:
        for entry in getattr(self, "entries", ()):
            state = inspect(entry.obj)
            assert state.status == ("detached" if entry.state == "deleted" or entry.gone else entry.state), entry
            assert state.was_deleted == (entry.state == "deleted" or entry.gone), entry
            assert (entry.obj in self.session) == (entry.state in ("pending", "persistent"))
            assert (entry.obj in self.session.new) == (entry.state == "pending")
            assert (entry.obj in self.session.deleted) == entry.marked
            if entry.state == "persistent":
                assert ("label" in entry.obj.__dict__) == (entry.label != EXPIRED), entry
                if entry.changed and not entry.marked:
                    assert entry.obj in self.session.dirty
            if entry.label != EXPIRED and entry.state != "deleted":
                assert entry.obj.__dict__.get("label") == entry.label


@pytest.mark.parametrize("weak", [True, False], ids=["weak", "strong"])
def test_objects_states_values_and_rows_are_always_those_of_a_plain_model(engine: Engine, weak: bool) -> None:
    Base.metadata.create_all(engine)
    machine = type("Machine", (ObjectMachine,), {"engine": engine, "weak": weak})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
