"""What mixins, abstract bases and bases of one's own give each class: columns that know each other, proxies, tables, hooks."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import pytest

from flask_uow import (
    ArgumentError,
    CheckConstraint,
    Column,
    ColumnProperty,
    DeclarativeBase,
    DeclarativeMeta,
    Engine,
    ForeignKey,
    Index,
    Integer,
    Mapped,
    MetaData,
    RelationshipProperty,
    Session,
    String,
    Table,
    UniqueConstraint,
    association_proxy,
    column_property,
    configure_mappers,
    declared_attr,
    func,
    hybrid_property,
    inspect,
    join,
    mapped_column,
    registry,
    relationship,
    select,
    synonym,
)

Key = Annotated[int, mapped_column(primary_key=True)]
Name = Annotated[str, mapped_column(String(30))]


class Tree:
    id: Mapped[Key]
    width: Mapped[int]
    height: Mapped[int] = mapped_column("high")
    name: Mapped[Name] = mapped_column(index=True)

    @declared_attr
    def area(cls) -> Mapped[int]:
        return column_property(cls.width * cls.height)

    @declared_attr
    def parent_id(cls) -> Mapped[int | None]:
        return mapped_column(ForeignKey(cls.id))

    @declared_attr
    def parent(cls) -> Mapped[Any]:
        return relationship(lambda: cls, remote_side=[cls.id], foreign_keys=[cls.parent_id])

    @declared_attr
    def version(cls) -> Any:
        return Column(Integer)

    @declared_attr.directive
    def __table_args__(cls) -> Any:
        return (Index(f"ix_{cls.__name__}", cls.width, cls.parent_id), UniqueConstraint(cls.height))  # type: ignore[attr-defined]

    @declared_attr.directive
    def __mapper_args__(cls) -> Any:
        return {"version_id_col": cls.version}


def test_methods_of_a_mixin_find_the_columns_of_the_class(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    class Oak(Tree, Base):
        __tablename__ = "oak"
        acorns: Mapped[int | None]

    class Elm(Tree, Base):
        __tablename__ = "elm"

    configure_mappers()
    for cls in (Oak, Elm):
        columns = cls.__table__.c
        assert columns.parent_id.references(columns.id)
        assert columns.name.type.length == 30
        assert sorted([c.name for c in index.columns] for index in cls.__table__.indexes) == [
            ["name"],
            ["width", "parent_id"],
        ]
        assert cls.__mapper__.version_id_col is columns.version
    Base.metadata.create_all(engine)
    try:
        with Session(engine) as session:
            old = Elm(width=2, height=3, name="old")
            session.add(Elm(width=4, height=5, name="young", parent=old))
            session.commit()
            young = session.scalars(select(Elm).where(Elm.area == 20)).one()
            assert (young.parent, old.area, young.version) == (old, 6, 1)
    finally:
        Base.metadata.drop_all(engine)


def test_methods_of_a_mixin_make_proxies_hybrids_and_values(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    class Tagged:
        @declared_attr
        def tag_names(cls) -> Any:
            return association_proxy("tags", "name", creator=lambda name: Tag(name=name))

        @declared_attr
        def next_id(cls) -> Any:
            return hybrid_property(lambda self: self.id + 1)

        @declared_attr
        def label(cls) -> Any:
            return cls.__name__.lower()  # type: ignore[attr-defined]

    class Page(Tagged, Base):
        __tablename__ = "page"
        id: Mapped[int] = mapped_column(primary_key=True)
        tags: Mapped[list[Tag]] = relationship()

    class Tag(Base):
        __tablename__ = "tag"
        id: Mapped[int] = mapped_column(primary_key=True)
        page_id: Mapped[int] = mapped_column(ForeignKey("page.id"))
        name: Mapped[str]

    Base.metadata.create_all(engine)
    try:
        with Session(engine) as session:
            session.add(Page(tag_names=["a", "b"]))
            session.commit()
            page = session.scalars(select(Page).where(Page.tag_names == "b", Page.next_id == 2)).one()
            assert (page.tag_names, page.next_id, page.label) == (["a", "b"], 2, "page")
    finally:
        Base.metadata.drop_all(engine)


def test_a_base_makes_the_table_of_each_class() -> None:
    class Base(DeclarativeBase):
        @declared_attr.directive
        def __table__(cls) -> Table:
            return Table(cls.__name__.lower(), cls.metadata, Column("id", Integer, primary_key=True))  # type: ignore[attr-defined]

    class Page(Base):
        pass

    class Line(Base):
        pass

    assert [Page.__table__.name, Line.__table__.name] == ["page", "line"]
    assert set(Base.metadata.tables) == {"page", "line"}


def test_a_base_may_have_the_metaclass_and_derive_from_nothing(engine: Engine) -> None:
    family = registry()

    class Base(metaclass=DeclarativeMeta):
        __abstract__ = True
        registry = family
        metadata = family.metadata
        __init__ = family.constructor

    class Page(Base):
        __tablename__ = "page"
        id = Column(Integer, primary_key=True)
        title = Column(String(20))

    class Counted(Base):
        __abstract__ = True
        count = Column(Integer)

    class Line(Counted):
        __tablename__ = "line"
        id = Column(Integer, primary_key=True)

    Page.size = Column(Integer)  # type: ignore[attr-defined]
    family.metadata.create_all(engine)
    try:
        with Session(engine) as session:
            session.add_all([Page(title="one", size=3), Line(count=4)])  # type: ignore[call-arg,misc]
            session.commit()
            assert session.query(Page.title, Page.size).all() == [("one", 3)]  # type: ignore[attr-defined]
            assert session.query(Line.count).all() == [(4,)]
    finally:
        family.metadata.drop_all(engine)


def test_the_registry_of_a_base_maps_classes_without_it() -> None:
    class Base(DeclarativeBase):
        pass

    @Base.registry.mapped  # type: ignore[attr-defined, untyped-decorator]
    class Page:
        __tablename__ = "page"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Line:
        pass

    table = Table("line", Base.metadata, Column("id", Integer, primary_key=True))
    Base.registry.map_imperatively(Line, table)  # type: ignore[attr-defined]
    assert [mapper.class_ for mapper in Base.registry.mappers] == [Page, Line]


def test_classes_are_told_before_and_after_they_are_configured(engine: Engine) -> None:
    told = []

    class Base(DeclarativeBase):
        pass

    class Doubled:
        @classmethod
        def __declare_last__(cls) -> None:
            told.append(("last", cls.__name__))
            cls.double = column_property(cls.size * 2)  # type: ignore[attr-defined]

    class Page(Doubled, Base):
        __tablename__ = "page"
        id: Mapped[int] = mapped_column(primary_key=True)
        size: Mapped[int]

        @classmethod
        def __declare_first__(cls) -> None:
            told.append(("first", cls.__name__))
            cls.more = column_property(cls.size + 1)  # type: ignore[attr-defined]

    class Line(Doubled, Base):
        __tablename__ = "line"
        id: Mapped[int] = mapped_column(primary_key=True)
        size: Mapped[int]

    Base.metadata.create_all(engine)
    try:
        with Session(engine) as session:
            session.add_all([Page(size=1), Line(size=4)])
            session.commit()
            page = session.scalars(select(Page)).one()
            assert (page.more, page.double, session.scalars(select(Line)).one().double) == (2, 2, 8)  # type: ignore[attr-defined]
        assert told == [("first", "Page"), ("last", "Page"), ("last", "Line")]
    finally:
        Base.metadata.drop_all(engine)


def test_the_key_of_a_class_may_be_named() -> None:
    for number, key in enumerate(("a", ["a", "b"], lambda a, b: a, lambda a, b: (a, b))):

        class Base(DeclarativeBase):
            pass

        class Page(Base):
            __tablename__ = "page"
            a: Mapped[int] = mapped_column()
            b: Mapped[int] = mapped_column()
            __mapper_args__ = {"primary_key": key(a, b) if callable(key) else key}

        assert [column.name for column in Page.__mapper__.primary_key] == (["a", "b"] if number % 2 else ["a"])
    with pytest.raises(ArgumentError, match="names no column attribute"):

        class Wrong(DeclarativeBase):
            pass

        class Line(Wrong):
            __tablename__ = "line"
            a: Mapped[int] = mapped_column()
            __mapper_args__ = {"primary_key": "c"}


def test_a_table_is_named_without_the_schema_of_its_metadata() -> None:
    class Base(DeclarativeBase):
        metadata = MetaData(schema="shop")

    class Page(Base):
        __tablename__ = "page"
        id: Mapped[int] = mapped_column(primary_key=True)
        tags: Mapped[list[Tag]] = relationship(secondary="page_tag")

    class Tag(Base):
        __tablename__ = "tag"
        id: Mapped[int] = mapped_column(primary_key=True)

    pairs = Table(
        "page_tag",
        Base.metadata,
        Column("page_id", ForeignKey(Page.id), primary_key=True),
        Column("tag_id", ForeignKey(Tag.id), primary_key=True),
    )
    configure_mappers()
    assert Page.tags.property.secondary is pairs


def test_a_class_takes_the_place_of_what_its_mixin_says() -> None:
    class Base(DeclarativeBase):
        pass

    class Named:
        size: Mapped[int] = mapped_column()
        color = Column(String(10))

        @declared_attr
        def name(cls) -> Any:
            return Column(String(10))

    class Page(Named, Base):
        __tablename__ = "page"
        id: Mapped[int] = mapped_column(primary_key=True)
        size = None  # type: ignore[assignment]
        color = None  # type: ignore[assignment]

        def name(self) -> str:
            return "page"

    class Line(Page):
        __tablename__ = "line"
        id: Mapped[int] = mapped_column(ForeignKey(Page.id), primary_key=True)

    assert Page.__table__.c.keys() == Line.__table__.c.keys() == ["id"]
    assert (Line().name(), Line.size, Page.color) == ("page", None, None)


def test_options_of_a_mapper_may_name_what_a_method_makes() -> None:
    class Base(DeclarativeBase):
        pass

    class Kind:
        @declared_attr
        def kind(cls) -> Any:
            return Column(String(10))

        __mapper_args__ = {"polymorphic_on": kind}

    class Page(Kind, Base):
        __tablename__ = "page"
        id: Mapped[int] = mapped_column(primary_key=True)

    assert Page.__mapper__.polymorphic_on is Page.__table__.c.kind


def test_an_attribute_is_called_as_in_its_class_whatever_the_key_of_its_column(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    class Page(Base):
        __tablename__ = "page"
        id: Mapped[int] = mapped_column(primary_key=True)
        mail = Column(String(10), key="mail_key")
        other = mapped_column("another", String(10), key="other_key")

    assert list(Page.__mapper__.column_attrs.keys()) == ["id", "mail", "other"]
    assert Page.__table__.c.keys() == ["id", "mail_key", "other_key"]
    Base.metadata.create_all(engine)
    try:
        with Session(engine) as session:
            session.add(Page(mail="m", other="o"))
            session.commit()
            assert session.execute(select(Page.mail, Page.other)).one() == ("m", "o")
            assert session.query(Page).filter_by(mail="m").one().other == "o"
    finally:
        Base.metadata.drop_all(engine)


def test_a_class_of_a_join_names_columns_of_its_tables(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    pages = Table("page", Base.metadata, Column("id", Integer, primary_key=True), Column("title", String(10)))
    lines = Table(
        "line",
        Base.metadata,
        Column("id", Integer, primary_key=True),
        Column("page_id", Integer, ForeignKey(pages.c.id)),
        Column("text", String(10)),
    )

    class PageLine(Base):
        __table__ = join(pages, lines)
        id = column_property(pages.c.id, lines.c.page_id)
        line_id = lines.c.id

    Base.metadata.create_all(engine)
    try:
        with Session(engine) as session:
            session.add(PageLine(title="t", text="x"))  # type: ignore[call-arg]
            session.commit()
            found = session.scalars(select(PageLine).where(PageLine.line_id == 1)).one()
            assert (found.id, found.line_id, found.title, found.text) == (1, 1, "t", "x")  # type: ignore[attr-defined]
    finally:
        Base.metadata.drop_all(engine)


def test_texts_name_tables_with_their_schema() -> None:
    class Base(DeclarativeBase):
        pass

    class Page(Base):
        __tablename__ = "page"
        __table_args__ = {"schema": "shop"}
        id: Mapped[int] = mapped_column(primary_key=True)
        tags: Mapped[list[Tag]] = relationship(
            secondary="shop.page_tag",
            primaryjoin="Page.id == shop.page_tag.c.page_id",
            secondaryjoin="shop.page_tag.c.tag_id == shop.tag.c.id",
        )

    class Tag(Base):
        __tablename__ = "tag"
        __table_args__ = {"schema": "shop"}
        id: Mapped[int] = mapped_column(primary_key=True)

    pairs = Table(
        "page_tag",
        Base.metadata,
        Column("page_id", ForeignKey(Page.id), primary_key=True),
        Column("tag_id", ForeignKey(Tag.id), primary_key=True),
        schema="shop",
    )
    configure_mappers()
    assert Page.tags.property.secondary is pairs


def test_a_base_may_make_tables_of_its_own() -> None:
    class Base(DeclarativeBase):
        @classmethod
        def __table_cls__(cls, name: str, *args: Any, **options: Any) -> Table:
            return Table(f"app_{name}", *args, **options)

    class Page(Base):
        __tablename__ = "page"
        id: Mapped[int] = mapped_column(primary_key=True)

    assert Page.__table__.name == "app_page"


def test_an_index_may_come_after_the_class_and_name_its_attributes() -> None:
    class Base(DeclarativeBase):
        pass

    class Page(Base):
        __tablename__ = "page"
        id: Mapped[int] = mapped_column(primary_key=True)
        title: Mapped[str]

    index = Index("ix_title", Page.title, func.lower(Page.title))
    assert index in Page.__table__.indexes
    assert index.columns.keys() == ["title"]


def test_a_class_is_mapped_with_what_its_fields_and_its_mapper_arguments_say(engine: Engine) -> None:
    family = registry()

    @family.mapped
    @dataclasses.dataclass
    class Page:
        __table__ = Table("page", family.metadata, Column("id", Integer, primary_key=True), Column("title", String(10)))
        id: int = dataclasses.field(init=False)
        title: str | None = None
        lines: list[Any] = dataclasses.field(default_factory=list)
        __mapper_args__ = {"properties": {"lines": relationship("Line")}}

    @dataclasses.dataclass
    class Kept:
        __sa_dataclass_metadata_key__ = "sa"
        id: int = dataclasses.field(init=False, metadata={"sa": Column(Integer, primary_key=True)})
        page_id: int = dataclasses.field(init=False, metadata={"sa": lambda: Column(ForeignKey("page.id"))})

    @family.mapped
    @dataclasses.dataclass
    class Line(Kept):
        __tablename__ = "line"
        text: str | None = dataclasses.field(default=None, metadata={"sa": Column(String(10))})
        page: Page | None = dataclasses.field(default=None, metadata={"sa": relationship("Page", viewonly=True)})

    family.metadata.create_all(engine)
    try:
        with Session(engine) as session:
            session.add(Page("p", [Line("one"), Line(text="two")]))
            session.commit()
            page = session.scalars(select(Page)).one()
            assert [(line.text, line.page) for line in page.lines] == [("one", page), ("two", page)]
            assert [field.name for field in dataclasses.fields(Line)] == ["id", "page_id", "text", "page"]
    finally:
        family.metadata.drop_all(engine)


def test_a_class_that_is_mapped_to_a_table_has_the_constructor_of_its_registry() -> None:
    family = registry()
    table = Table("page", family.metadata, Column("id", Integer, primary_key=True), Column("title", String(10)))

    class Page:
        pass

    family.map_imperatively(Page, table, properties={"name": synonym("title", info={"unit": "text"})})
    assert Page(title="a").name == "a"  # type: ignore[call-arg,attr-defined]
    assert inspect(Page).synonyms["name"].info == {"unit": "text"}
    family.dispose(cascade=True)
    assert "__init__" not in vars(Page)
    family.map_imperatively(Page, table)
    family.configure(cascade=True)
    assert Page(title="b").title == "b"  # type: ignore[call-arg,attr-defined]


def test_properties_name_the_comparators_that_their_factories_derive_from(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    class Folded(ColumnProperty.Comparator):
        def __eq__(self, other: object) -> Any:
            return func.lower(self.__clause_element__()) == func.lower(other)

    class Lines(RelationshipProperty.Comparator):
        def none(self) -> Any:
            return ~self.any()

    class Page(Base):
        __tablename__ = "page"
        id: Mapped[int] = mapped_column(primary_key=True)
        title = column_property(Column(String(10)), comparator_factory=Folded)
        lines: Mapped[list[Line]] = relationship(comparator_factory=Lines)

    class Line(Base):
        __tablename__ = "line"
        id: Mapped[int] = mapped_column(primary_key=True)
        page_id: Mapped[int] = mapped_column(ForeignKey("page.id"))

    Base.metadata.create_all(engine)
    try:
        with Session(engine) as session:
            session.add_all([Page(title="ONE", lines=[Line(id=7)]), Page(title="two")])
            session.commit()
            assert session.scalars(select(Page.id).where(Page.title == "one")).all() == [1]
            assert session.scalars(select(Page.id).where(Page.lines.none())).all() == [2]  # type: ignore[attr-defined]
            assert session.scalars(select(Page.id).where(Page.lines.any(Line.id == 7))).all() == [1]
            assert session.scalars(select(Page.id).where(Page.lines.contains(session.get(Line, 7)))).all() == [1]
    finally:
        Base.metadata.drop_all(engine)


def test_constraints_and_indexes_in_the_body_of_a_class_are_those_of_its_table() -> None:
    class Base(DeclarativeBase):
        pass

    class Page(Base):
        __tablename__ = "page"
        id: Mapped[int] = mapped_column(primary_key=True)
        x = Column(Integer)
        y: Mapped[int] = mapped_column()
        Index("ix_x", x)
        Index("ix_lower", func.lower(y), x, unique=True)
        UniqueConstraint(x, y, name="uq_xy")
        CheckConstraint(y > 5, name="ck_y")
        __table_args__ = (Index("ix_args", x), UniqueConstraint(x, name="uq_args"))

    assert sorted(index.name for index in Page.__table__.indexes) == ["ix_args", "ix_lower", "ix_x"]
    assert sorted(str(each.name) for each in Page.__table__.constraints if each.name) == ["ck_y", "uq_args", "uq_xy"]
    column = Column("a", Integer)
    table = Table("line", MetaData(), column, UniqueConstraint(column, name="uq"), Index("ix", column))
    assert len(table.indexes) == len([each for each in table.constraints if each.name == "uq"]) == 1


def test_mapper_arguments_of_a_method_may_ask_for_the_table(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    class Counted:
        @declared_attr.directive
        def __tablename__(cls) -> str:
            return cls.__name__.lower()  # type: ignore[attr-defined, no-any-return]

        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str]
        revision: Mapped[int]

        @declared_attr.directive
        def __mapper_args__(cls) -> dict[str, Any]:
            columns = cls.__table__.c  # type: ignore[attr-defined]
            found = {"polymorphic_identity": cls.__name__.lower()}  # type: ignore[attr-defined]
            if "kind" in columns:
                found |= {"polymorphic_on": columns.kind, "version_id_col": columns.revision}
            return found

    class Paper(Counted, Base):
        title: Mapped[str]

    class Letter(Paper):
        id: Mapped[int] = mapped_column(ForeignKey("paper.id"), primary_key=True)
        town: Mapped[str]

    class Own(Base):
        __tablename__ = "own"
        id: Mapped[int] = mapped_column(primary_key=True)
        at: Mapped[int]

        @declared_attr.directive
        def __mapper_args__(cls) -> dict[str, Any]:
            return {"version_id_col": cls.__table__.c.at}

    assert inspect(Own).version_id_col is Own.__table__.c.at
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Paper(title="p"), Letter(title="l", town="t")])
        session.commit()
        assert session.query(Paper.kind, Paper.revision).order_by(Paper.kind).all() == [("letter", 1), ("paper", 1)]
        assert [letter.town for letter in session.query(Letter)] == ["t"]


@pytest.mark.parametrize("is_first", [True, False])
def test_a_mixin_of_a_base_may_say_metadata_and_registry(is_first: bool) -> None:
    tables = MetaData(naming_convention={"pk": "%(table_name)s_pk"})

    class WithTables:
        metadata = tables

    class WithRegistry:
        registry = registry(metadata=tables)

    for mixin in (WithTables, WithRegistry):
        bases = (mixin, DeclarativeBase) if is_first else (DeclarativeBase, mixin)
        base: Any = type("Base", bases, {})
        made: Any = type(
            "Made", (base,), {"__tablename__": mixin.__name__, "id": mapped_column(Integer, primary_key=True)}
        )
        assert base.metadata is base.registry.metadata is tables
        assert tables.tables[mixin.__name__] is made.__table__
    assert base.registry is WithRegistry.registry
    # a base is a family of its own, whatever else it derives from
    other: Any = type("Other", (type("Plain", (), {}), DeclarativeBase), {})
    assert other.metadata is not tables
