"""Random units of work in which rows of a tree hand on names, parents and places: what is written is what the objects say.

Each unit deletes, adds, renames and moves nodes and their leaves in one flush, in any order of lines, by relationships or by foreign keys set by hand, of
objects that are loaded, expired or fresh. Whatever the order of statements has to be, the rows are those of a plain model afterwards; only rows that
exchange values of a column that is NOT NULL may be refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_uow import (
    CircularDependencyError,
    DeclarativeBase,
    Engine,
    ForeignKey,
    Mapped,
    Session,
    UniqueConstraint,
    delete,
    mapped_column,
    relationship,
    select,
    update,
)


class Base(DeclarativeBase):
    """The models of this file."""


class Branch(Base):
    __tablename__ = "handed_branch"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("handed_branch.id"))
    parent: Mapped[Branch | None] = relationship(remote_side=[id], back_populates="children")
    children: Mapped[list[Branch]] = relationship(back_populates="parent")
    leaves: Mapped[list[Leaf]] = relationship(back_populates="branch")


class Leaf(Base):
    __tablename__ = "handed_leaf"
    id: Mapped[int] = mapped_column(primary_key=True)
    branch_id: Mapped[int | None] = mapped_column(ForeignKey("handed_branch.id"))
    place: Mapped[int]
    branch: Mapped[Branch | None] = relationship(back_populates="leaves")
    __table_args__ = (UniqueConstraint("branch_id", "place"),)


@dataclass
class Wanted:
    """What a node is to have: a name and a parent."""

    node: Branch
    name: str
    parent: Branch | None


NAMES = "abcdefgh"
places = st.integers(1, 3)


@pytest.fixture
def tree(engine: Engine) -> Iterator[Engine]:
    Base.metadata.create_all(engine)
    yield engine
    Base.metadata.drop_all(engine)


class Unit:
    """One unit of work on a tree of its own.

    :ivar nodes: what the nodes that are left, and the new ones, are to have.
    :ivar leaves: the leaves that there are to be, each with its branch and place.
    """

    def __init__(self, session: Session, data: st.DataObject) -> None:
        self.session = session
        self.draw: Any = data.draw
        self.nodes: list[Wanted] = []
        self.leaves: list[tuple[Leaf, Branch, int]] = []

    def plant(self) -> tuple[list[Branch], list[Leaf]]:
        """Return a tree and its leaves, committed, and loaded, expired or fresh."""
        session, draw = self.session, self.draw
        session.execute(update(Branch).values(parent_id=None))
        session.execute(delete(Leaf))
        session.execute(delete(Branch))
        branches: list[Branch] = []
        for name in draw(st.permutations(NAMES[:6]))[: draw(st.integers(1, 5))]:
            parent = draw(st.sampled_from([None, *branches]))
            branches.append(Branch(name=name, parent=parent))
        taken = draw(st.sets(st.tuples(st.sampled_from(branches), places), max_size=4))
        leaves = [Leaf(branch=branch, place=place) for branch, place in taken]
        session.add_all([*branches, *leaves])
        session.commit()
        state = draw(st.sampled_from(["loaded", "expired", "fresh"]))
        if state == "fresh":
            session.expunge_all()
        if state != "expired":
            branches = session.scalars(select(Branch).order_by(Branch.id)).all()
            leaves = session.scalars(select(Leaf).order_by(Leaf.id)).all()
        return list(branches), list(leaves)

    def change(self) -> None:
        """Change everything at once, without a flush in between."""
        branches, leaves = self.plant()
        session, draw = self.session, self.draw
        with session.no_autoflush:
            gone = draw(st.lists(st.sampled_from(branches), unique_by=id, max_size=3))
            stay = [branch for branch in branches if not any(branch is other for other in gone)]
            new = [
                Branch(id=draw(st.sampled_from([None, 10**6 + number]))) for number in range(draw(st.integers(0, 2)))
            ]
            session.add_all(new)
            self._want(draw(st.permutations([*stay, *new])))
            for wanted in draw(st.permutations(self.nodes)):
                self._apply(wanted, draw(st.booleans()))
            self._move_leaves(leaves, [*stay, *new])
            for branch in gone:
                session.delete(branch)

    def _want(self, order: list[Branch]) -> None:
        names = self.draw(st.permutations(NAMES))
        for number, branch in enumerate(order):
            # no circles: a parent is one of those before
            parent = self.draw(st.sampled_from([None, *order[:number]]))
            self.nodes.append(Wanted(branch, names[number], parent))

    def _apply(self, wanted: Wanted, name_first: bool) -> None:
        branch, parent = wanted.node, wanted.parent
        if name_first:
            branch.name = wanted.name
        key = parent.id if parent is not None else None
        if (parent is None or key is not None) and self.draw(st.booleans()):
            branch.parent_id = key
        else:
            branch.parent = parent
        branch.name = wanted.name

    def _move_leaves(self, leaves: list[Leaf], branches: list[Branch]) -> None:
        taken: set[tuple[int, int]] = set()
        leaves = [*leaves, *(Leaf() for _ in range(self.draw(st.integers(0, 2))))]
        for leaf in leaves:
            branch = self.draw(st.sampled_from(branches)) if branches else None
            place = self.draw(places)
            if branch is not None and (id(branch), place) not in taken:
                taken.add((id(branch), place))
                leaf.branch, leaf.place = branch, place
                self.session.add(leaf)
                self.leaves.append((leaf, branch, place))
            elif leaf in self.session:
                self.session.delete(leaf)

    def check(self) -> None:
        """Compare the rows with what was wanted."""
        rows = self.session.execute(select(Branch.id, Branch.name, Branch.parent_id)).all()
        assert sorted(map(tuple, rows)) == sorted(
            (wanted.node.id, wanted.name, wanted.parent and wanted.parent.id) for wanted in self.nodes
        )
        found = self.session.execute(select(Leaf.id, Leaf.branch_id, Leaf.place)).all()
        assert sorted(map(tuple, found)) == sorted((leaf.id, branch.id, place) for leaf, branch, place in self.leaves)


def test_rows_hand_on_what_they_have_whatever_waits_for_it(tree: Engine) -> None:
    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def run(data: st.DataObject) -> None:
        with Session(tree) as session:
            unit = Unit(session, data)
            unit.change()
            refusal = None
            try:
                session.commit()
            except CircularDependencyError as error:
                refusal = str(error)
            if refusal is None:
                unit.check()
            else:
                assert "exchange unique values of columns that are NOT NULL" in refusal

    run()
