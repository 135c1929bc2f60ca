"""Random families of classes and random edits: what is loaded, and what queries of each class answer, equals what was in memory."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_uow import (
    Column,
    Engine,
    ForeignKeyConstraint,
    Integer,
    Session,
    String,
    Table,
    aliased,
    and_,
    backref,
    column_property,
    declarative_base,
    func,
    joinedload,
    mapped_column,
    outerjoin,
    relationship,
    select,
    selectinload,
    subqueryload,
)
from flask_uow.orm import polymorphic_union
from tests.orm.session.test_random_models import Memory

_numbers = itertools.count(1)

KEYS = ("generated", "natural", "pair")
LINKS = ("one", "one", "one-to-one", "alone", "set", "dynamic", "post")
LAZY = ("select", "select", "joined", "selectin", "subquery")
# what stands for the tables of the family
SOURCES = ("outer join", "aliases", "labels", "union", "cte")
# the class outside the family, which comes first
OUTSIDE = 0
ROOT = 1


@st.composite
def families(draw: st.DrawFn) -> dict[str, Any]:
    """Return the description of a family: its key, its classes with their parents, and links between them and a class outside."""
    classes: list[dict[str, Any]] = [{"parent": None, "how": "own"}, {"parent": None, "how": "own"}]
    for number in range(2, 2 + draw(st.integers(1, 4))):
        classes.append(
            {
                "parent": draw(st.integers(ROOT, number - 1)),
                "how": draw(st.sampled_from(("joined", "single"))),
                "renamed": draw(st.booleans()),
                "deferred": draw(st.booleans()),
                "load": draw(st.sampled_from((None, None, "inline", "selectin"))),
            }
        )
    ends = st.integers(0, len(classes) - 1)
    links = draw(st.lists(st.tuples(st.sampled_from(LINKS), ends, ends, st.sampled_from(LAZY)), max_size=4))
    return {
        "key": draw(st.sampled_from(KEYS)),
        "number identities": draw(st.booleans()),
        "with_polymorphic": draw(st.sampled_from((None, None, "*", *SOURCES))),
        "classes": classes,
        "links": links,
    }


class Family:
    """The mapped classes of one description, in tables with names of their own."""

    def __init__(self, described: dict[str, Any]) -> None:
        self.base = declarative_base()
        self.prefix = f"f{next(_numbers)}_"
        self.description = described
        self.described = described["classes"]
        self.classes: list[Any] = []
        self.links: list[tuple[int, str, str, int]] = []
        for number in range(len(self.described)):
            self._declare(number)
        self.base.registry.configure()

    def key_names(self, number: int) -> tuple[str, ...]:
        return ("a", "b") if number != OUTSIDE and self.description["key"] == "pair" else ("id",)

    def described_key(self, number: int) -> str:
        return "generated" if number == OUTSIDE else str(self.description["key"])

    def _key_type(self, number: int) -> Any:
        return String(20) if self.described_key(number) == "natural" else Integer

    def table(self, number: int) -> str:
        described = self.described[number]
        return self.table(described["parent"]) if described["how"] == "single" else f"{self.prefix}{number}"

    def lineage(self, number: int) -> list[int]:
        parent = self.described[number]["parent"]
        return [*(self.lineage(parent) if parent is not None else ()), number]

    def values_of(self, number: int) -> list[str]:
        """The attributes with a number, inherited ones included."""
        return [f"v{n}" for n in self.lineage(number)]

    def links_of(self, number: int) -> list[tuple[str, str, int]]:
        return [(name, kind, target) for owner, name, kind, target in self.links if owner in self.lineage(number)]

    def isa(self, number: int, other: int) -> bool:
        return other in self.lineage(number)

    # -- declaring

    def _declare(self, number: int) -> None:
        described = self.described[number]
        body: dict[str, Any] = {"__module__": __name__}
        constraints: list[Any] = []
        parent = described["parent"]
        if parent is None:
            body["label"] = mapped_column(String(20))
            for name in self.key_names(number):
                generated = self.described_key(number) == "generated"
                body[name] = mapped_column(self._key_type(number), primary_key=True, autoincrement=generated)
        elif described["how"] == "joined":
            names = [f"{name}{number}" if described["renamed"] else name for name in self.key_names(number)]
            for name in names:
                body[name] = mapped_column(self._key_type(number), primary_key=True, autoincrement=False)
            constraints.append(
                ForeignKeyConstraint(names, [f"{self.table(parent)}.{self._stored_key(parent, n)}" for n in self.key_names(number)])
            )  # fmt: skip
        body[f"v{number}"] = mapped_column(Integer, nullable=True, deferred=described.get("deferred", False))
        if parent is not None:
            first, own = body.setdefault, f"v{number}"
            first(f"sum{number}", column_property(lambda: getattr(self.classes[number], own) + self.classes[ROOT].v1))
        for position, (kind, owner, target, lazy) in enumerate(self.description["links"]):
            if owner == number:
                self._link(body, constraints, f"link{position}", kind, owner, target, lazy)
        if described["how"] != "single":
            body["__tablename__"] = self.table(number)
            body["__table_args__"] = tuple(constraints)
        if number != OUTSIDE:
            arguments = body["__mapper_args__"] = {"polymorphic_identity": self.identity(number)}
            if parent is not None:
                arguments["polymorphic_load"] = described["load"]
            if number == ROOT:
                body["kind"] = mapped_column(Integer if self.description["number identities"] else String(9))
                arguments.update(polymorphic_on="kind", with_polymorphic=self._with_polymorphic())
        bases = (self.classes[parent],) if parent is not None else (self.base,)
        self.classes.append(type(f"C{number}", bases, body))

    def identity(self, number: int) -> Any:
        return number if self.description["number identities"] else f"c{number}"

    def _with_polymorphic(self) -> Any:
        chosen = self.description["with_polymorphic"]
        return ("*", lambda: self._source(chosen)) if chosen in SOURCES else chosen

    def _source(self, chosen: str) -> Any:
        """Return what stands for the tables of the family."""
        metadata = self.base.metadata
        numbers = [n for n, described in enumerate(self.described) if n != OUTSIDE and described["how"] != "single"]
        named = {n: metadata.tables[self.table(n)] for n in numbers}
        if chosen == "union":
            return polymorphic_union({n: self._rows_of(n, named) for n in numbers}, None, f"{self.prefix}union")
        elements: dict[int, Any] = (
            {n: table.alias() for n, table in named.items()} if chosen == "aliases" else dict(named)
        )
        source: Any = elements[ROOT]
        for number in numbers[1:]:
            source = source.outerjoin(elements[number], self._on_key(number, elements))
        if chosen in ("outer join", "aliases"):
            return source
        columns = (column.label(f"{table.name}_{column.name}") for table in named.values() for column in table.c)
        made = select(*columns).select_from(source)
        return made.cte(f"{self.prefix}cte") if chosen == "cte" else made

    def _on_key(self, number: int, elements: dict[int, Any]) -> Any:
        """The condition between the table of a joined class and that of the nearest class above it with a table of its own."""
        parent = next(n for n in reversed(self.lineage(number)[:-1]) if n in elements)
        return and_(
            *(
                elements[number].c[self._stored_key(number, key)] == elements[parent].c[self._stored_key(parent, key)]
                for key in self.key_names(number)
            )
        )

    def _rows_of(self, number: int, named: dict[int, Any]) -> Any:
        """The SELECT of the rows whose last table is that of a class."""
        lineage = [n for n in self.lineage(number) if n in named]
        source: Any = named[lineage[0]]
        for lower in lineage[1:]:
            source = source.join(named[lower], self._on_key(lower, named))
        columns = {column.name: column for n in reversed(lineage) for column in named[n].c}
        own = [n for n in range(ROOT, len(self.described)) if self.table(n) == self.table(number)]
        kinds = named[ROOT].c.kind.in_([self.identity(n) for n in own])
        return select(*columns.values()).select_from(source).where(kinds)

    def _stored_key(self, number: int, name: str) -> str:
        """The name of a column of the key in the table of a class."""
        described = self.described[number]
        if described["how"] == "single":
            return self._stored_key(described["parent"], name)
        return f"{name}{number}" if described.get("renamed") else name

    def _link(
        self, body: dict[str, Any], constraints: list[Any], name: str, kind: str, owner: int, target: int, lazy: str
    ) -> None:
        target_name = f"C{target}"
        if kind == "set":
            body[name] = self._many_to_many(name, owner, target, lazy)
            self.links.append((owner, name, "set", target))
            return
        keys = self.key_names(target)
        columns = [f"{name}_{key}" for key in keys]
        # a table that is made later cannot be referred to
        stored = self.described[owner]["how"] != "single" and target <= owner
        if stored:
            constraints.append(
                ForeignKeyConstraint(columns, [f"{self.table(target)}.{self._stored_key(target, key)}" for key in keys])
            )
        for column in columns:
            body[column] = mapped_column(self._key_type(target), nullable=True)

        def condition() -> Any:
            own = self.classes[owner]
            return and_(*(getattr(own, c) == self._key_column(target, k) for c, k in zip(columns, keys, strict=True)))

        options: dict[str, Any] = {
            "primaryjoin": condition,
            "foreign_keys": lambda: [getattr(self.classes[owner], column) for column in columns],
            "remote_side": lambda: [self._key_column(target, key) for key in keys],
            "lazy": lazy,
            "join_depth": 1,
        }
        there: dict[str, Any] = {"join_depth": 1}
        if kind == "one-to-one":
            there["uselist"] = False
        if kind == "dynamic":
            there["lazy"] = "dynamic"
        if kind == "post":
            options["post_update"] = True
        if kind not in ("alone", "post"):
            options["backref"] = backref(f"back_{name}", **there)
        body[name] = relationship(target_name, **options)
        self.links.append((owner, name, "post" if kind == "post" else "one", target))

    def _many_to_many(self, name: str, owner: int, target: int, lazy: str) -> Any:
        sides = (("left", owner), ("right", target))
        middle = Table(
            f"{self.prefix}{name}", self.base.metadata,
            *(Column(f"{side}_{key}", self._key_type(end), primary_key=True) for side, end in sides for key in self.key_names(end)),
        )  # fmt: skip

        def condition(side: str, end: int) -> Callable[[], Any]:
            return lambda: and_(
                *(self._key_column(end, key) == middle.c[f"{side}_{key}"] for key in self.key_names(end))
            )

        return relationship(
            f"C{target}", secondary=middle, collection_class=set, backref=f"back_{name}", lazy=lazy, join_depth=1,
            primaryjoin=condition("left", owner), secondaryjoin=condition("right", target),
            foreign_keys=lambda: list(middle.c),
        )  # fmt: skip

    def _key_column(self, number: int, name: str) -> Any:
        """The column of a class's key in its own table."""
        owner = next(n for n in reversed(self.lineage(number)) if self.described[n]["how"] != "single")
        return self.base.metadata.tables[self.table(owner)].c[self._stored_key(owner, name)]


class FamilyMemory(Memory):
    """Objects by label, with what they should hold, and answers to queries worked out from that."""

    def __init__(self, family: Family) -> None:
        super().__init__(family)  # type: ignore[arg-type]
        self.family = family
        self.values: dict[tuple[str, str], int | None] = {}
        self.saved: Any = None

    def create(self, session: Session, number: int, unfinished: Callable[[Any], None] | None = None) -> str:
        label = super().create(session, number, unfinished)
        for name in self.family.values_of(number):
            self.values[label, name] = None
        return label

    def delete(self, session: Session, label: str) -> None:
        super().delete(session, label)
        self._forget(label)

    def _forget(self, label: str) -> None:
        for key in [key for key in self.values if key[0] == label]:
            del self.values[key]

    def save(self) -> None:
        refs = {key: set(held) if isinstance(held, set) else held for key, held in self.refs.items()}
        self.saved = (dict(self.objects), dict(self.numbers), dict(self.extras), refs, dict(self.values))

    def restore(self) -> None:
        self.objects, self.numbers, self.extras, self.refs, self.values = (dict(part) for part in self.saved)
        self.save()
        self.refs = {key: set(held) if isinstance(held, set) else held for key, held in self.refs.items()}

    def members(self, number: int) -> set[str]:
        return {label for label, n in self.numbers.items() if self.family.isa(n, number)}

    def delete_by_query(self, session: Session, number: int, label: str, way: Any) -> None:
        for (owner, name), held in list(self.refs.items()):
            if held == label:
                self.relate(owner, name, self.kind_of(owner, name), None)
            elif isinstance(held, set) and (label in held or owner == label):
                self.relate(owner, name, "set", None)
        for name, kind, _ in self.family.links_of(self.numbers[label]):
            self.relate(label, name, kind, None)
        session.flush()
        class_ = self.family.classes[number]
        assert session.query(class_).filter(class_.label == label).delete(way) == 1
        obj = self.objects[label]
        if way is False:
            session.expunge(obj)
        assert obj not in session
        for table in (self.objects, self.numbers, self.extras):
            del table[label]  # type: ignore[attr-defined]
        for key in [key for key in self.refs if key[0] == label]:
            del self.refs[key]
        self._forget(label)
        session.expire_all()

    def update_by_query(self, session: Session, number: int, asked: str, name: str, limit: int, way: Any) -> None:
        class_ = self.family.classes[number]
        fits = {label for label in self.members(number) if self._above(label, asked, limit)}
        query = session.query(class_).filter(getattr(class_, asked) > limit)
        assert query.update({name: getattr(class_, asked) + 1}, way) == len(fits)
        new = {label: (self.values[label, asked] or 0) + 1 for label in fits}
        self.values.update(((label, name), value) for label, value in new.items())
        if way is False:
            session.expire_all()
        for label in fits:
            assert getattr(self.objects[label], name) == new[label]

    def _above(self, label: str, name: str, limit: int) -> bool:
        value = self.values[label, name]
        return value is not None and value > limit

    # -- comparing

    def _compare_object(self, label: str, obj: Any) -> None:
        number = self.numbers[label]
        assert type(obj) is self.family.classes[number]
        for name in self.family.values_of(number):
            assert getattr(obj, name) == self.values[label, name]
        for name, kind, _ in self.family.links_of(number):
            held, wanted = getattr(obj, name), self.refs[label, name]
            if kind == "set":
                assert {other.label for other in held} == wanted
            else:
                assert (held.label if held is not None else None) == wanted

    def compare_queries(self, session: Session) -> None:
        for number in range(len(self.family.classes)):
            self._compare_class(session, number)
            for name, kind, target in self.family.links_of(number):
                self._compare_link(session, number, name, kind, target)

    def _compare_class(self, session: Session, number: int) -> None:
        class_, members = self.family.classes[number], self.members(number)
        assert {obj.label for obj in session.query(class_)} == members
        assert session.query(class_).count() == session.query(func.count(class_.label)).scalar() == len(members)
        assert {label for (label,) in session.query(class_.label)} == members
        alias = aliased(class_)
        assert (
            {obj.label for obj in session.query(alias)} == {label for (label,) in session.query(alias.label)} == members
        )
        assert {obj.label for obj in session.query(class_).from_self().filter(class_.label != "")} == members
        for selected in (class_, alias):
            keys = [getattr(selected, name) for name in self.family.key_names(number)]
            assert {obj.label for obj in session.query(selected).distinct().order_by(*keys).limit(99)} == members
        for name in self.family.values_of(number):
            attribute = getattr(class_, name)
            held = {label: self.values[label, name] for label in members}
            given_ = [value for value in held.values() if value is not None]
            assert dict(session.query(class_.label, attribute).all()) == held  # type: ignore[arg-type]
            for selected in (class_, alias):
                inner = session.query(selected.label, getattr(selected, name)).subquery()
                assert dict(session.query(inner.c.label, inner.c[name]).all()) == held
            assert session.query(func.sum(attribute)).scalar() == (sum(given_) if given_ else None)
            assert {obj.label for obj in session.query(class_).filter(attribute > 4)} == {
                label for label, value in held.items() if value is not None and value > 4
            }
            ordered = session.query(class_).filter(attribute != None).order_by(attribute.desc(), class_.label)  # noqa: E711
            wanted = sorted((-value, label) for label, value in held.items() if value is not None)
            assert [obj.label for obj in ordered] == [label for _, label in wanted]
            assert [obj.label for obj in ordered.limit(2)] == [label for _, label in wanted[:2]]
        if number != OUTSIDE and self.family.description["with_polymorphic"] is not None:
            self._compare_with_subclasses(session, number)
        if self.family.described[number]["parent"] is not None:
            sums = {label: self._sum(label, number) for label in members}
            total = getattr(class_, f"sum{number}")
            assert dict(session.query(class_.label, total).all()) == sums  # type: ignore[arg-type]
            assert {obj.label for obj in session.query(class_).filter(total > 5)} == {
                label for label, value in sums.items() if value is not None and value > 5
            }

    def _compare_with_subclasses(self, session: Session, number: int) -> None:
        """Compare what queries of a class say by attributes and tables of its subclasses, and of its bases."""
        class_, members = self.family.classes[number], self.members(number)
        table = self.family.base.metadata.tables[self.family.table(ROOT)]
        by_label = session.query(class_).order_by(table.c.label.desc())
        assert [obj.label for obj in by_label] == sorted(members, reverse=True)
        for other in range(ROOT, len(self.family.classes)):
            name = f"v{other}"
            fits = {label for label in self.members(other) & members if (self.values[label, name] or 0) > 4}
            attribute = getattr(self.family.classes[other], name)
            below = self.family.isa(other, number)
            if below and (number == ROOT or other == number):
                assert {obj.label for obj in session.query(class_).filter(attribute > 4)} == fits
                assert {obj.label for obj in session.query(class_).filter(attribute > 4).from_self()} == fits
            elif self.family.isa(number, other):
                assert {obj.label for obj in session.query(class_).filter(attribute > 4)} == fits
                column = session.query(class_.label).filter(attribute > 4)
                assert {label for (label,) in column} == fits

    def _sum(self, label: str, number: int) -> int | None:
        own, root = self.values[label, f"v{number}"], self.values[label, "v1"]
        return None if own is None or root is None else own + root

    def _compare_link(self, session: Session, number: int, name: str, kind: str, target: int) -> None:
        class_, other = self.family.classes[number], self.family.classes[target]
        link, first = getattr(class_, name), f"v{1 if target else 0}"
        held = {label: self.refs[label, name] for label in self.members(number)}
        related = {
            label: set() if value is None else value if isinstance(value, set) else {value}
            for label, value in held.items()
        }
        exists = link.any if kind == "set" else link.has
        assert {obj.label for obj in session.query(class_).filter(exists())} == {
            label for label, r in related.items() if r
        }
        assert {obj.label for obj in session.query(class_).filter(exists(getattr(other, first) > 4))} == {
            label for label, r in related.items() if any((self.values[o, first] or 0) > 4 for o in r)
        }
        alias = aliased(other)
        pairs = session.query(class_.label, alias.label).join(alias, link)
        assert set(pairs.all()) == {(label, o) for label, r in related.items() for o in r}
        _compare_outer_join(session, class_, alias, link, related)
        fitting = {label: {o for o in r if (self.values[o, first] or 0) > 4} for label, r in related.items()}
        alias = aliased(other)
        _compare_outer_join(session, class_, alias, link.and_(getattr(other, first) > 4), fitting)
        for subclass, described in enumerate(self.family.described):
            if described["parent"] is not None and self.family.isa(subclass, target):
                narrow = link.of_type(self.family.classes[subclass])
                found = session.query(class_).filter(narrow.any() if kind == "set" else narrow.has())
                assert {obj.label for obj in found} == {
                    label for label, r in related.items() if r & self.members(subclass)
                }
                narrow_alias = aliased(self.family.classes[subclass])
                some = {label: r & self.members(subclass) for label, r in related.items()}
                _compare_outer_join(session, class_, narrow_alias, link, some)
        for option in (joinedload, selectinload, subqueryload):
            loaded = session.query(class_).options(option(link)).order_by(class_.label).limit(3).all()
            assert [obj.label for obj in loaded] == sorted(held)[:3]
            for obj in loaded:
                now = getattr(obj, name)
                assert {o.label for o in (now if kind == "set" else [now] if now else [])} == related[obj.label]
        if hasattr(other, f"back_{name}") and kind in ("one", "set"):
            back = getattr(other, f"back_{name}")
            many = kind == "set" or back.property.uselist
            back = back.of_type(class_)
            found = session.query(other).filter(back.any() if many else back.has())
            assert {obj.label for obj in found} == {o for r in related.values() for o in r}


def _compare_outer_join(session: Session, class_: Any, alias: Any, link: Any, related: Any) -> None:
    """Compare the rows of an outer join: one for each related object, and one for each object without any."""
    wanted = sorted((label, other or "") for label, r in related.items() for other in r or {None})
    for query in (
        session.query(class_.label, alias.label).outerjoin(alias, link),
        session.query(class_.label, alias.label).outerjoin(link.of_type(alias)),
        session.query(class_.label, alias.label).select_from(outerjoin(class_, alias, link)),
    ):
        assert sorted((label, other or "") for label, other in query) == wanted


@pytest.mark.slow
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(described=families(), data=st.data())
def test_what_is_loaded_and_asked_of_a_family_equals_what_was_in_memory(
    engine: Engine, described: Any, data: Any
) -> None:
    family = Family(described)
    family.base.metadata.create_all(engine)
    try:
        _edit_at_random(engine, family, data)
    finally:
        family.base.metadata.drop_all(engine)


STEPS = (
    "create", "create", "relate", "relate", "value", "value", "delete", "flush", "commit", "expire", "rollback", "reload", "merge", "update",
    "remove", "create by a link",
)  # fmt: skip


def _edit_at_random(engine: Engine, family: Family, data: Any) -> None:
    memory = FamilyMemory(family)
    memory.save()
    with Session(bind=engine) as session:
        for _ in range(data.draw(st.integers(3, 25), label="steps")):
            step = data.draw(st.sampled_from(STEPS))
            labels = sorted(memory.objects)
            if step == "create" or not labels:
                memory.create(session, data.draw(st.integers(0, len(family.classes) - 1)))
            elif step in ("flush", "commit", "expire", "rollback", "reload"):
                _end(engine, session, memory, step)
            else:
                _edit(engine, session, memory, data, step, labels)
        _end(engine, session, memory, "commit")


def _end(engine: Engine, session: Session, memory: FamilyMemory, step: str) -> None:
    if step == "rollback":
        session.rollback()
        memory.restore()
        for obj in memory.objects.values():
            # a rollback brings no object back that was expunged
            if obj not in session:
                session.add(obj)
                session.expire(obj)
        return
    session.flush()
    memory.compare_queries(session)
    if step == "expire":
        session.expire_all()
    elif step in ("commit", "reload"):
        session.commit()
        memory.save()
        memory.compare(engine)
        with Session(bind=engine) as fresh:
            memory.compare_queries(fresh)
    if step == "reload":
        session.expunge_all()
        for class_ in memory.family.classes[:2]:
            memory.objects.update({obj.label: obj for obj in session.query(class_)})
        memory.save()


def _create_by_link(session: Session, memory: FamilyMemory, data: Any, other: str) -> None:
    """Make an object that comes into the Session along with another one, before it has its key and while queries run."""
    family = memory.family
    links = [
        (number, link, kind)
        for number in range(len(family.classes))
        for link, kind, target in family.links_of(number)
        if kind in ("one", "post") and family.isa(memory.numbers[other], target)
    ]
    if not links:
        return
    number, link, kind = data.draw(st.sampled_from(links))

    def unfinished(obj: Any) -> None:
        setattr(obj, link, memory.objects[other])
        if family.described_key(number) != "generated":
            # without its key it cannot be written, and queries don't try
            session.query(family.classes[number]).all()

    memory.relate(memory.create(session, number, unfinished), link, kind, other)


def _edit(engine: Engine, session: Session, memory: FamilyMemory, data: Any, step: str, labels: list[str]) -> None:
    family = memory.family
    label = data.draw(st.sampled_from(labels))
    number = memory.numbers[label]
    name = data.draw(st.sampled_from(family.values_of(number)))
    ways = st.sampled_from(("auto", "evaluate", "fetch", False))
    classes = st.sampled_from(family.lineage(number))
    if step == "create by a link":
        _create_by_link(session, memory, data, label)
    elif step == "relate":
        links = family.links_of(number)
        if links:
            link, kind, target = data.draw(st.sampled_from(links))
            others = [other for other in labels if family.isa(memory.numbers[other], target)]
            memory.relate(label, link, kind, data.draw(st.sampled_from([None, *others])))
    elif step == "value":
        memory.values[label, name] = data.draw(st.integers(0, 9))
        setattr(memory.objects[label], name, memory.values[label, name])
    elif step == "delete":
        memory.delete(session, label)
    elif step == "merge":
        _end(engine, session, memory, "commit")
        with Session(bind=engine) as other:
            detached = other.query(family.classes[data.draw(classes)]).filter_by(label=label).one()
        setattr(detached, name, data.draw(st.integers(0, 9)))
        memory.values[label, name] = getattr(detached, name)
        assert session.merge(detached) is memory.objects[label]
    elif step == "update":
        asked = data.draw(st.sampled_from(family.values_of(number)))
        memory.update_by_query(session, number, asked, name, data.draw(st.integers(-1, 9)), data.draw(ways))
    else:
        memory.delete_by_query(session, data.draw(classes), label, data.draw(ways))
