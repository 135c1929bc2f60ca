"""The names under which mappers, properties and attributes show themselves to code that looks at models: serializers, admin pages, form makers."""

from __future__ import annotations

from typing import Any

import pytest

from flask_uow import (
    ASSOCIATION_PROXY,
    HYBRID_METHOD,
    HYBRID_PROPERTY,
    MANYTOMANY,
    MANYTOONE,
    ONETOMANY,
    ArgumentError,
    Column,
    ColumnProperty,
    CompositeProperty,
    DeclarativeBase,
    DeclarativeBaseNoMeta,
    Engine,
    ForeignKey,
    InstanceState,
    InstrumentedAttribute,
    InstrumentedList,
    Integer,
    InvalidRequestError,
    Mapped,
    Mapper,
    MapperProperty,
    RelationshipProperty,
    Session,
    SynonymProperty,
    Table,
    UnmappedClassError,
    add_mapped_attribute,
    aliased,
    as_declarative,
    association_proxy,
    column_keyed_dict,
    column_property,
    composite,
    declarative_mixin,
    has_inherited_table,
    hybrid_method,
    hybrid_property,
    inspect,
    keyfunc_mapping,
    mapped_column,
    registry,
    relationship,
    select,
    synonym,
    synonym_for,
    validates,
)


class Base(DeclarativeBase):
    pass


class Span:
    def __init__(self, low: int, high: int) -> None:
        self.low, self.high = low, high

    def __composite_values__(self) -> tuple[int, int]:
        return self.low, self.high


bird_tag = Table(
    "bird_tag",
    Base.metadata,
    Column("bird_id", ForeignKey("bird.id"), primary_key=True),
    Column("tag_id", ForeignKey("tag.id"), primary_key=True),
)


class Bird(Base):
    __tablename__ = "bird"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column("bird_name", index=True, unique=True, info={"label": "Name"}, comment="as called")
    kind: Mapped[str]
    low: Mapped[int] = mapped_column(default=0, onupdate=7)
    high: Mapped[int] = mapped_column(server_default="0")
    nest_id: Mapped[int | None] = mapped_column(ForeignKey("nest.id"))
    nest: Mapped[Nest | None] = relationship(back_populates="birds", info={"label": "Nest"})
    tags: Mapped[list[Tag]] = relationship(secondary=bird_tag)
    span: Mapped[Span] = composite(Span, "low", "high")
    called: Mapped[str] = synonym("name")
    twice: Mapped[int] = column_property(low * 2)
    labels = association_proxy("tags", "text")
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "bird"}

    @hybrid_property
    def width(self) -> Any:
        return self.high - self.low

    @hybrid_method
    def is_above(self, low: int) -> Any:
        return self.low > low

    @validates("name")
    def check_name(self, key: str, value: str) -> str:
        return value

    @synonym_for("low")
    @property
    def least(self) -> int:
        return self.low + 100


class Owl(Bird):
    __mapper_args__ = {"polymorphic_identity": "owl"}


class Gull(Bird):
    __mapper_args__ = {"polymorphic_identity": "gull"}


class Nest(Base):
    __tablename__ = "nest"
    id: Mapped[int] = mapped_column(primary_key=True)
    birds: Mapped[list[Bird]] = relationship(back_populates="nest", cascade="all, delete-orphan")


class Tag(Base):
    __tablename__ = "tag"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


birds: Any = Bird.__table__
nests: Any = Nest.__table__
tags: Any = Tag.__table__


def test_a_relationship_tells_which_way_it_goes() -> None:
    nest, of_nest, bird_tags = (
        inspect(cls).relationships[name] for cls, name in [(Bird, "nest"), (Nest, "birds"), (Bird, "tags")]
    )
    assert [prop.direction for prop in (nest, of_nest, bird_tags)] == [MANYTOONE, ONETOMANY, MANYTOMANY]
    assert [prop.direction.name for prop in (nest, of_nest, bird_tags)] == ["MANYTOONE", "ONETOMANY", "MANYTOMANY"]
    assert [prop.uselist for prop in (nest, of_nest, bird_tags)] == [False, True, True]
    assert [prop.entity.class_ for prop in (nest, of_nest, bird_tags)] == [Nest, Bird, Tag]
    assert [prop.target for prop in (nest, of_nest, bird_tags)] == [nests, birds, tags]
    assert (nest.back_populates, of_nest.back_populates, bird_tags.secondary) == ("birds", "nest", bird_tag)


def test_a_relationship_tells_its_columns() -> None:
    nest, of_nest, bird_tags = (
        inspect(cls).relationships[name] for cls, name in [(Bird, "nest"), (Nest, "birds"), (Bird, "tags")]
    )
    c, s = birds.c, bird_tag.c
    assert nest.local_remote_pairs == [(c.nest_id, nests.c.id)]
    assert (
        nest.synchronize_pairs == of_nest.synchronize_pairs == of_nest.local_remote_pairs == [(nests.c.id, c.nest_id)]
    )
    assert (nest.local_columns, nest.remote_side) == ({c.nest_id}, {nests.c.id})
    assert bird_tags.synchronize_pairs == [(c.id, s.bird_id)]
    assert bird_tags.secondary_synchronize_pairs == [(tags.c.id, s.tag_id)]
    assert bird_tags.local_remote_pairs == [(c.id, s.bird_id), (tags.c.id, s.tag_id)]
    assert (bird_tags.local_columns, bird_tags.remote_side) == ({c.id}, {s.bird_id, s.tag_id})
    assert (str(nest.primaryjoin), nest.secondaryjoin) == (str(c.nest_id == nests.c.id), None)
    assert (str(bird_tags.primaryjoin), str(bird_tags.secondaryjoin)) == (
        str(c.id == s.bird_id),
        str(tags.c.id == s.tag_id),
    )


def test_the_joins_that_a_relationship_tells_can_be_used(engine: Engine) -> None:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Owl(name="ola", tags=[Tag(text="grey")], nest=Nest()))
        session.flush()
        prop = inspect(Bird).relationships.tags
        statement = select(Bird.name, Tag.text).where(prop.primaryjoin, prop.secondaryjoin)
        assert session.execute(statement).all() == [("ola", "grey")]
        assert session.scalars(select(Bird.name).join(Nest, inspect(Bird).relationships.nest.primaryjoin)).all() == [
            "ola"
        ]


def test_cascades_are_a_set_of_names() -> None:
    cascade = inspect(Nest).relationships.birds.cascade
    assert cascade == {"save-update", "merge", "refresh-expire", "expunge", "delete", "delete-orphan"}
    assert (cascade.delete, "delete" in cascade, sorted(cascade) == list(cascade), len(cascade)) == (
        True,
        True,
        True,
        6,
    )
    assert inspect(Bird).relationships.nest.cascade == {"save-update", "merge"} != cascade


def test_a_mapper_tells_of_its_family() -> None:
    base, owl, gull = map(inspect, (Bird, Owl, Gull))
    assert base.polymorphic_map == {"bird": base, "owl": owl, "gull": gull}
    assert base.self_and_descendants == [base, owl, gull]
    assert (owl.is_sibling(gull), owl.is_sibling(base), owl.is_sibling(inspect(Nest))) == (True, False, False)
    assert (owl.base_mapper, owl.inherits, owl.isa(base), owl.polymorphic_identity) == (base, base, True, "owl")
    assert (base.configured, base.entity_namespace, base.with_polymorphic_mappers) == (True, Bird, [base])


def test_a_mapper_tells_of_its_properties() -> None:
    mapper = inspect(Bird)
    kinds = {prop.key: type(prop) for prop in mapper.iterate_properties}
    assert {name: kinds[name] for name in ("name", "nest", "span", "called", "twice")} == {
        "name": ColumnProperty, "nest": RelationshipProperty, "span": CompositeProperty, "called": SynonymProperty, "twice": ColumnProperty,
    }  # fmt: skip
    assert all(
        isinstance(prop, MapperProperty) and prop.is_property and prop.parent is mapper
        for prop in mapper.iterate_properties
    )
    assert mapper.get_property("name") is mapper.attrs.name is Bird.name.property is Bird.name.prop
    assert mapper.attrs.name.class_attribute is Bird.name
    assert mapper.attrs.name.info == {"label": "Name"} == Bird.name.info
    assert mapper.attrs.nest.info == {"label": "Nest"} == Bird.nest.info
    mapper.attrs.twice.info["shown"] = True
    assert Bird.twice.info == {"shown": True}
    assert list(mapper.validators) == ["name"]


def test_an_attribute_tells_of_its_column() -> None:
    name: Any = Bird.name
    assert (name.nullable, name.unique, name.index, name.comment, name.primary_key) == (
        False,
        True,
        True,
        "as called",
        False,
    )
    assert (Bird.id.primary_key, Bird.nest_id.nullable, Bird.high.server_default) == (True, True, "0")
    assert (Bird.low.default.arg, Bird.low.onupdate.arg, Bird.name.default) == (0, 7, None)
    default = Bird.low.default
    assert (default.is_scalar, default.is_callable, default.is_clause_element) == (True, False, False)
    assert [key.target_fullname for key in Bird.nest_id.foreign_keys] == ["nest.id"]


def test_attributes_are_told_from_other_things_by_their_class() -> None:
    for attribute in (Bird.name, Bird.nest, Bird.tags, Bird.span, aliased(Bird).name, aliased(Bird).nest, Bird.called):
        assert isinstance(attribute, InstrumentedAttribute), attribute
    assert not isinstance(Bird.__table__.c.id, InstrumentedAttribute)
    assert isinstance(inspect(Bird), Mapper)
    assert isinstance(inspect(Bird()), InstanceState)
    assert isinstance(Bird().tags, InstrumentedList)


def test_what_inspect_gives_says_what_it_is() -> None:
    found: dict[str, Any] = {
        "is_mapper": inspect(Bird), "is_instance": inspect(Bird()), "is_aliased_class": inspect(aliased(Bird)),
        "is_attribute": Bird.name, "is_property": inspect(Bird).attrs.nest,
    }  # fmt: skip
    for name, subject in found.items():
        assert [other for other in found if getattr(subject, other)] == [name]
    alias = inspect(aliased(Bird))
    assert (alias.persist_selectable, alias.local_table, alias.class_) == (birds, birds, Bird)
    assert alias.polymorphic_on.name == "kind"
    assert alias.polymorphic_on.table is alias.selectable


def test_descriptors_that_no_mapper_knows_say_what_they_are() -> None:
    found = inspect(Bird).all_orm_descriptors
    kinds = {name: found[name].extension_type for name in ("width", "is_above", "labels")}
    assert kinds == {"width": HYBRID_PROPERTY, "is_above": HYBRID_METHOD, "labels": ASSOCIATION_PROXY}
    found["width"].info["label"] = "Width"
    assert inspect(Bird).all_orm_descriptors["width"].info == {"label": "Width"}


def test_a_cascade_can_be_walked(engine: Engine) -> None:
    nest, owl, gull = Nest(), Owl(name="ola"), Gull(name="gia")
    nest.birds = [owl, gull]
    mapper = inspect(Nest)
    assert [obj for obj, *_ in mapper.cascade_iterator("save-update", inspect(nest))] == [owl, gull]
    (_, found, state, values), _ = mapper.cascade_iterator("delete", nest)
    assert (found, state, values["name"]) == (inspect(Owl), inspect(owl), "ola")
    with pytest.raises(ArgumentError, match="no walk goes along the cascade 'delete-orphan'"):
        list(mapper.cascade_iterator("delete-orphan", nest))


def test_the_identity_key_of_a_row(engine: Engine) -> None:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        owl = Owl(name="ola")
        session.add(owl)
        session.flush()
        row = session.execute(select(birds)).one()
        key = inspect(Bird).identity_key_from_row(row)
        assert key == (Bird, (owl.id,)) == inspect(owl).key
        assert session.identity_map.items() == [(key, owl)]
        assert session.identity_map.all_states() == [inspect(owl)]
        assert session.identity_map.contains_state(inspect(owl))
        assert not session.identity_map.contains_state(inspect(Owl(name="other")))


def test_synonym_for_a_property() -> None:
    assert Bird(low=3).least == 103
    assert str(Bird.least == 1) == str(Bird.low == 1)


@pytest.mark.parametrize("base_class", [DeclarativeBase, DeclarativeBaseNoMeta])
def test_an_attribute_can_be_mapped_later(engine: Engine, base_class: Any) -> None:
    class OwnBase(base_class):  # type: ignore[misc]
        pass

    class Stone(OwnBase):
        __tablename__ = "stone"
        id: Mapped[int] = mapped_column(primary_key=True)

    add_mapped_attribute(Stone, "weight", mapped_column(Integer, default=3))
    add_mapped_attribute(Stone, "double", column_property(Stone.weight * 2))  # type: ignore[attr-defined]
    OwnBase.metadata.create_all(engine)
    with Session(engine) as session:
        stone = Stone()
        session.add(stone)
        session.commit()
        assert (stone.weight, stone.double) == (3, 6)
    with pytest.raises(ArgumentError, match="has a column 'weight' already"):
        add_mapped_attribute(Stone, "weight", mapped_column(Integer))
    with pytest.raises(UnmappedClassError):
        add_mapped_attribute(dict, "weight", mapped_column(Integer))


def test_bases_made_by_decorators() -> None:
    reg = registry()

    @as_declarative(registry=reg)
    class First:
        def told(self) -> str:
            return type(self).__name__

    @reg.as_declarative_base()
    class Second:
        pass

    reg.update_type_annotation_map({int: Tag.__table__.c.text.type})

    @declarative_mixin
    class WithNumber:
        number: Mapped[int]

    class Thing(WithNumber, First):
        __tablename__ = "thing"
        id: Mapped[int] = mapped_column(Tag.__table__.c.id.type, primary_key=True)

    class Other(Second):
        __tablename__ = "other"
        id: Mapped[int] = mapped_column(Tag.__table__.c.id.type, primary_key=True)

    assert (Thing().told(), Thing.registry, Other.registry) == ("Thing", reg, reg)
    assert type(Thing.__table__.c.number.type).__name__ == "String"


def test_has_inherited_table() -> None:
    assert [has_inherited_table(cls) for cls in (Base, Bird, Owl)] == [False, False, True]


def test_dicts_that_leave_out_what_has_no_key() -> None:
    class OwnBase(DeclarativeBase):
        pass

    class Word(OwnBase):
        __tablename__ = "word"
        id: Mapped[int] = mapped_column(primary_key=True)
        text: Mapped[str | None]
        page_id: Mapped[int | None] = mapped_column(ForeignKey("page.id"))
        page: Mapped[Any] = relationship("Page", back_populates="words")

    class Page(OwnBase):
        __tablename__ = "page"
        id: Mapped[int] = mapped_column(primary_key=True)
        words: Mapped[dict[str, Word]] = relationship(
            back_populates="page", collection_class=column_keyed_dict(Word.text, ignore_unpopulated_attribute=True)
        )
        by_length: Mapped[dict[int, Word]] = relationship(
            collection_class=keyfunc_mapping(lambda word: len(word.text)), viewonly=True
        )

    page = Page()
    early, late = Word(page=page), Word(page=page, text="late")
    assert page.words == {}
    other = Word(text="abc", page=page)
    early.text = "early"
    page.words["early"] = early
    assert list(page.words) == ["abc", "early"]
    assert page.words["abc"] is other
    assert late.page is page


def test_an_engine_has_no_identity_key() -> None:
    with pytest.raises(InvalidRequestError, match="no mapped attribute 'wings'"):
        inspect(Bird).get_property("wings")
