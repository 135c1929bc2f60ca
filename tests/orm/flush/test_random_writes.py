"""Random writes inside transactions that others have begun, against a plain model of the rows and their versions.

What the other machines leave out: Sessions that join a transaction in each of the ways there are, objects that change in place while they are out of
the Session (or pickled, or merged), and statements that write past the unit of work. Every step is flushed; the model says which rows there are, with
which versions, and the objects of the Session have to agree with it.
"""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass, field, replace
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

from flask_uow import (
    JSON,
    Engine,
    ForeignKey,
    Mapped,
    Session,
    StaleDataError,
    bindparam,
    declarative_base,
    insert,
    inspect,
    mapped_column,
    null,
    select,
    update,
)

Base = declarative_base()


class Paper(Base):
    __tablename__ = "paper"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str]
    title: Mapped[str | None] = mapped_column(default="untitled")
    data: Mapped[Any] = mapped_column(JSON(mutable=True))
    version: Mapped[int]
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "paper", "version_id_col": "version"}


class Letter(Paper):
    __tablename__ = "letter"
    id: Mapped[int] = mapped_column(ForeignKey("paper.id"), primary_key=True, autoincrement=False)
    place: Mapped[str | None] = mapped_column(server_default="here")
    more: Mapped[Any] = mapped_column(JSON(mutable=True))
    __mapper_args__ = {"polymorphic_identity": "letter"}


@dataclass(frozen=True)
class Row:
    """What the model says of a row; ``place`` and ``more`` of a letter."""

    kind: str
    title: str | None
    data: tuple[int, ...]
    version: int = 1
    place: str | None = None
    more: tuple[int, ...] = ()


@dataclass(eq=False)
class Outside:
    """An object that has left the Session, with what its row had then, and what was changed in place since."""

    obj: Any
    key: int
    row: Row
    data: tuple[int, ...]
    more: tuple[int, ...]


@dataclass
class World:
    """The rows: as committed, as when the Session's own transaction began, and now."""

    committed: dict[int, Row] = field(default_factory=dict)
    before: dict[int, Row] = field(default_factory=dict)
    rows: dict[int, Row] = field(default_factory=dict)


MODES = ["rollback_only", "control_fully", "create_savepoint", "conditional_savepoint", "conditional_savepoint in one"]
titles = st.sampled_from(["a", "b", "c"])
numbers = st.integers(0, 9)
ways = st.sampled_from(["auto", "evaluate", "fetch"])


class WritingMachine(RuleBasedStateMachine):
    engine: Engine

    @initialize()
    def begin(self) -> None:
        with self.engine.begin() as connection:
            connection.execute("DELETE FROM letter")
            connection.execute("DELETE FROM paper")
        self.world = World()
        self.keys = 0
        self.connection = self.engine.connect()
        self.session: Any = None
        self.outer: Any = None
        self.outside: list[Outside] = []

    def teardown(self) -> None:
        if getattr(self, "session", None) is not None:
            self.session.close()
        if hasattr(self, "connection"):
            self.connection.close()

    # -- the model

    @property
    def rows(self) -> dict[int, Row]:
        return self.world.rows

    def write(self, key: int, **values: Any) -> None:
        row = self.rows[key]
        self.rows[key] = replace(row, **values, version=row.version + 1)

    def draw(self, data: Any, letters: bool = False) -> int:
        return data.draw(
            st.sampled_from(sorted(k for k, row in self.rows.items() if row.kind == "letter" or not letters))
        )  # type: ignore[no-any-return]

    def load(self, key: int) -> Any:
        obj = self.session.get(Paper, key)
        assert obj is not None
        return obj

    # -- the transaction around

    @precondition(lambda self: self.session is None)
    @rule(mode=st.sampled_from(MODES), expire=st.booleans())
    def join(self, mode: str, expire: bool) -> None:
        self.outer = self.connection.begin()
        if mode.endswith("in one"):
            self.connection.begin_nested()
        self.mode = mode
        self.session = Session(
            self.connection, join_transaction_mode=mode.split()[0], expire_on_commit=expire, autoflush=False
        )
        self.world.before = dict(self.rows)

    @property
    def works_in_a_savepoint(self) -> bool:
        return self.mode in ("create_savepoint", "conditional_savepoint in one")

    @precondition(lambda self: self.session is not None)
    @rule(commits=st.booleans())
    def leave(self, commits: bool) -> None:
        self.session.commit()
        self.session.close()
        self.session = None
        self.outside.clear()
        if commits or self.mode == "control_fully":
            if self.outer.is_active:
                self.outer.commit()
            self.world.committed = dict(self.rows)
        elif self.outer.is_active:
            self.outer.rollback()
            self.world.rows = dict(self.world.committed)
        with self.engine.connect() as other:
            assert sorted(other.scalars(select(Paper.id))) == sorted(self.world.committed)

    @precondition(lambda self: self.session is not None)
    @rule()
    def commit(self) -> None:
        self.session.commit()
        self.world.before = dict(self.rows)
        if self.mode == "control_fully":
            assert not self.outer.is_active
            self.world.committed = dict(self.rows)
            self.outer = self.connection.begin()
        assert self.outer.is_active

    @precondition(lambda self: self.session is not None)
    @rule()
    def rollback(self) -> None:
        # only a Session that has used the connection has anything to undo
        self.session.query(Paper.id).all()
        self.session.rollback()
        self.after_rollback()

    def after_rollback(self) -> None:
        assert self.outer.is_active == self.works_in_a_savepoint
        self.world.rows = dict(self.world.before if self.works_in_a_savepoint else self.world.committed)
        if not self.outer.is_active:
            self.outer = self.connection.begin()
            self.world.before = dict(self.rows)
        for obj in list(self.session):
            # inserted and committed by the Session, and undone with the transaction around
            if inspect(obj).row_key not in self.rows:
                self.session.expunge(obj)
        # what an object outside was made of may be undone
        self.outside = [gone for gone in self.outside if self.rows.get(gone.key) == gone.row]

    # -- objects

    @precondition(lambda self: self.session is not None)
    @rule(letter=st.booleans(), title=st.none() | titles, is_null=st.booleans(), number=numbers)
    def add(self, letter: bool, title: str | None, is_null: bool, number: int) -> None:
        self.keys += 1
        given: Any = null() if is_null else title
        values: dict[str, Any] = {"id": self.keys, "title": given, "data": [number]}
        stored = None if is_null else title or "untitled"
        row = Row("paper", stored, (number,))
        if letter:
            values.update(place=given, more=[])
            row = replace(row, kind="letter", place=None if is_null else title or "here")
        self.session.add((Letter if letter else Paper)(**values))
        self.session.flush()
        self.rows[self.keys] = row

    @precondition(lambda self: self.session is not None and self.rows)
    @rule(data=st.data(), number=numbers)
    def change_in_place(self, data: Any, number: int) -> None:
        key = self.draw(data)
        obj = self.load(key)
        obj.data.append(number)
        more = self.rows[key].more
        if self.rows[key].kind == "letter":
            obj.more.append(number)
            more = (*more, number)
        self.session.flush()
        self.write(key, data=(*self.rows[key].data, number), more=more)

    @precondition(lambda self: self.session is not None and self.rows)
    @rule(data=st.data(), title=st.none() | titles)
    def change(self, data: Any, title: str | None) -> None:
        key = self.draw(data)
        obj = self.load(key)
        # what is not loaded is written whatever it was
        assert obj.title == self.rows[key].title
        obj.title = title
        self.session.flush()
        if self.rows[key].title != title:
            self.write(key, title=title)

    @precondition(lambda self: self.session is not None and self.rows)
    @rule(data=st.data())
    def delete(self, data: Any) -> None:
        key = self.draw(data)
        self.session.delete(self.load(key))
        self.session.flush()
        del self.rows[key]

    # -- objects that leave, change in place, and come back

    @precondition(lambda self: self.session is not None and self.rows)
    @rule(data=st.data(), pickled=st.booleans())
    def take_out(self, data: Any, pickled: bool) -> None:
        key = self.draw(data)
        obj, row = self.load(key), self.rows[key]
        # all of it, so that it can be used
        values = [obj.title, obj.data, getattr(obj, "more", None), getattr(obj, "place", None)]
        assert values[1] is obj.data
        self.session.expunge(obj)
        self.outside.append(Outside(pickle.loads(pickle.dumps(obj)) if pickled else obj, key, row, row.data, row.more))

    @precondition(lambda self: self.session is not None and self.outside)
    @rule(data=st.data(), number=numbers)
    def change_outside(self, data: Any, number: int) -> None:
        gone = data.draw(st.sampled_from(self.outside))
        gone.obj.data.append(number)
        gone.data = (*gone.data, number)
        if gone.row.kind == "letter":
            gone.obj.more.append(number)
            gone.more = (*gone.more, number)

    @precondition(lambda self: self.session is not None and self.outside)
    @rule(data=st.data(), merges=st.booleans())
    def bring_back(self, data: Any, merges: bool) -> None:
        gone = self.outside.pop(data.draw(st.integers(0, len(self.outside) - 1)))
        row = self.rows.get(gone.key)
        changed = (gone.data, gone.more) != (gone.row.data, gone.row.more)
        if row is None:
            return
        if merges:
            if row.version != gone.row.version:
                with pytest.raises(StaleDataError):
                    self.session.merge(gone.obj)
                return
            merged = self.session.merge(gone.obj)
            gone.obj.data.append("not shared")
            assert merged.data == list(gone.data)
        else:
            here = self.session.identity_map.get((Paper, (gone.key,)))
            if here is not None:
                self.session.expunge(here)
            self.session.add(gone.obj)
        if row.version != gone.row.version:
            if changed:
                with pytest.raises(StaleDataError):
                    self.session.flush()
                self.session.rollback()
                self.after_rollback()
            else:
                self.session.refresh(gone.obj)
            return
        self.session.flush()
        if changed:
            self.write(gone.key, data=gone.data, more=gone.more)

    # -- statements

    @precondition(lambda self: self.session is not None and self.rows)
    @rule(title=titles, new=titles, way=ways)
    def update_by_criteria(self, title: str, new: str, way: str) -> None:
        concerned = [key for key, row in self.rows.items() if row.title == title]
        count = self.session.query(Paper).filter(Paper.title == title).update({"title": new}, synchronize_session=way)
        assert count == len(concerned)
        for key in concerned:
            self.write(key, title=new)

    @precondition(lambda self: self.session is not None and self.rows)
    @rule(place=titles, new=titles, way=ways)
    def update_a_joined_table(self, place: str, new: str, way: str) -> None:
        concerned = [key for key, row in self.rows.items() if row.place == place]
        count = self.session.query(Letter).filter(Letter.place == place).update({"place": new}, synchronize_session=way)
        assert count == len(concerned)
        for key in concerned:
            self.write(key, place=new)

    @precondition(lambda self: self.session is not None and any(row.kind == "letter" for row in self.rows.values()))
    @rule(data=st.data(), title=titles, place=titles, knows=st.sampled_from(["nothing", "the version", "an old one"]))
    def update_by_key(self, data: Any, title: str, place: str, knows: str) -> None:
        key = self.draw(data, letters=True)
        row: dict[str, Any] = {"id": key, "title": title, "place": place}
        if knows != "nothing":
            row["version"] = self.rows[key].version - (knows == "an old one")
        if knows == "an old one":
            with pytest.raises(StaleDataError):
                self.session.execute(update(Letter), [row])
            self.session.rollback()
            self.after_rollback()
            return
        self.session.execute(update(Letter), [row])
        self.write(key, title=title, place=place)

    @precondition(lambda self: self.session is not None and self.rows)
    @rule(data=st.data(), title=titles)
    def update_with_a_list(self, data: Any, title: str) -> None:
        keys = data.draw(st.lists(st.sampled_from(sorted(self.rows)), min_size=1, max_size=3, unique=True))
        statement = update(Paper).where(Paper.id == bindparam("key"))
        self.session.execute(statement, [{"key": key, "title": title} for key in keys])
        for key in keys:
            self.write(key, title=title)

    @precondition(lambda self: self.session is not None)
    @rule(title=titles, many=st.booleans())
    def insert_by_statement(self, title: str, many: bool) -> None:
        self.keys += 1
        row = {"id": self.keys, "title": title, "data": [0]}
        if many:
            self.session.execute(insert(Paper), [row])
        else:
            new = insert(Paper).values(row)
            self.session.execute(new.on_conflict_do_update([Paper.id], {"title": new.excluded.title}))
        self.rows[self.keys] = Row("paper", title, (0,))

    @precondition(lambda self: self.session is not None and any(row.kind == "paper" for row in self.rows.values()))
    @rule(data=st.data(), title=titles)
    def upsert(self, data: Any, title: str) -> None:
        key = data.draw(st.sampled_from(sorted(k for k, row in self.rows.items() if row.kind == "paper")))
        new = insert(Paper).values(id=key, title=title, data=[0])
        self.session.execute(new.on_conflict_do_update([Paper.id], {"title": new.excluded.title}))
        self.write(key, title=title)

    # -- what must hold

    @invariant()
    def rows_and_objects_are_as_the_model_says(self) -> None:
        if getattr(self, "session", None) is None:
            return
        columns = (Paper.id, Paper.kind, Paper.title, Paper.data, Paper.version)
        found = {key: Row(kind, title, tuple(data), version) for key, kind, title, data, version in
                 self.session.execute(select(*columns))}  # fmt: skip
        table = Letter.__table__
        letters = {
            key: (place, tuple(more))
            for key, place, more in self.session.execute(select(table.c.id, table.c.place, table.c.more))
        }
        for key, (place, more) in letters.items():
            found[key] = replace(found[key], place=place, more=more)
        assert found == self.rows
        for obj in list(self.session):
            row = self.rows[inspect(obj).row_key]
            values = copy.copy(obj.__dict__)
            assert values.get("version", row.version) == row.version
            assert values.get("title", row.title) == row.title
            assert tuple(values.get("data", row.data)) == row.data
            assert tuple(values.get("more", row.more)) == row.more
            assert values.get("place", row.place) == row.place


@pytest.fixture
def papers(engine: Engine) -> Engine:
    Base.metadata.create_all(engine)
    return engine


def test_writes_of_all_kinds_are_always_those_of_a_plain_model(papers: Engine) -> None:
    class Machine(WritingMachine):
        engine = papers

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
