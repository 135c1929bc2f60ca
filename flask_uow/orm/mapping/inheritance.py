"""Inheritance between mapped classes: which columns connect a subclass's table with its base's, and what stands for a family in FROM.

Three ways (Fowler, Patterns of Enterprise Application Architecture, 2002: Single, Class and Concrete Table Inheritance): a subclass
without a table of its own lives in its parent's, one with a table is joined to it, and with ``concrete=True`` its table holds everything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from flask_uow.exc import ArgumentError, NoReferencedTableError
from flask_uow.orm.mapping.column_mapping import equated_columns, flat_columns, tables_in
from flask_uow.orm.mapping.properties import ColumnDeclaration, labelled
from flask_uow.sql.constructors import cast_, literal, null, type_coerce
from flask_uow.sql.expressions import ColumnElement, Label
from flask_uow.sql.foreign_keys import ForeignKeyConstraint
from flask_uow.sql.operations import and_
from flask_uow.sql.schema import Column, Table
from flask_uow.sql.select import Select
from flask_uow.sql.select_base import SelectBase, union_all
from flask_uow.sql.selectable import FromClause, Join, coerce_from
from flask_uow.sql.sourced import without_sources
from flask_uow.sql.subqueries import Subquery

if TYPE_CHECKING:
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.mapping.source import MappedSource
    from flask_uow.sql.types import TypeEngine

__all__ = [
    "check_identity",
    "check_polymorphic_options",
    "chosen_of",
    "constant",
    "declared_discriminator",
    "discriminator_of",
    "identity_without_column",
    "inherited_join",
    "polymorphic_source",
    "polymorphic_union",
    "with_polymorphic_members",
]


def inherited_join(mapper: MappedSource, parent: Mapper, condition: object, foreign_keys: Collection[Any] = ()) -> Join:
    """Return the join of a subclass's table with what its parent is mapped to.

    :param condition: ``inherit_condition=``; None looks for the foreign key.
    :param foreign_keys: ``inherit_foreign_keys=``, the columns of the condition, or of the foreign key that is meant, which refer to the others.
    :raises ArgumentError: when no foreign key, or several, connect them; and for a column that is none of the condition's.
    """
    name, table = mapper.class_.__name__, mapper.local_table
    if condition is not None:
        given: Any = condition() if callable(condition) else condition
        # an attribute of a class further up is about that class; the tables' columns are meant
        join = Join(parent.mapped_selectable, table, without_sources(given))
        equated = equated_columns(join, foreign_keys)
        strange = [column for column in foreign_keys if column not in equated]
        if strange:
            raise ArgumentError(
                f"{name}: inherit_foreign_keys= names {', '.join(str(c) for c in strange)}, and inherit_condition={condition} does not equate that with"
                " a column of the other side. Name columns of the condition, of one side each."
            )
        if not any(column.table is table for pair in equated.items() for column in pair):
            raise ArgumentError(
                f"{name}: inherit_condition={condition} equates no column of {table.description} with one of its parent's. Write it as"
                f" parent.c.id == {table.name}.c.id."
            )
        return join
    if not isinstance(table, Table):
        raise ArgumentError(
            f"{name} inherits from {parent.class_.__name__} and is mapped to {table.description}: pass inherit_condition=."
        )
    # the nearest table first: a key to the parent's own table counts before one to its base's
    for referred in reversed(tables_in(parent.mapped_selectable)):
        found = [c for c in table.constraints if isinstance(c, ForeignKeyConstraint) and _refers_to(c, referred)]
        found = [c for c in found if all(column in c.columns for column in foreign_keys)]
        keys = [c for c in found if all(column.primary_key for column in c.columns)]
        chosen = keys if len(keys) == 1 else found
        if len(chosen) == 1:
            pairs = zip(chosen[0].columns, chosen[0].elements, strict=True)
            return Join(parent.mapped_selectable, table, and_(*(element.column == column for column, element in pairs)))
        if chosen:
            candidates = "; ".join(", ".join(f"{table.name}.{c.name}" for c in key.columns) for key in chosen)
            raise ArgumentError(
                f"{name} inherits from {parent.class_.__name__}, and several foreign keys connect {table.description} with"
                f" {referred.description}: {candidates}. Say which one with inherit_condition=."
            )
    for constraint in table.constraints:
        if isinstance(constraint, ForeignKeyConstraint):
            # one to a table that does not exist says so itself
            assert constraint.referred_table is not None
    raise ArgumentError(
        f"{name} inherits from {parent.class_.__name__}, and no foreign key connects {table.description} with its parent's. Give its primary key"
        f" a ForeignKey to the parent's, leave its table out (single-table inheritance), or pass concrete=True."
    )


def _refers_to(constraint: ForeignKeyConstraint, table: Table) -> bool:
    try:
        return constraint.referred_table is table
    except NoReferencedTableError:
        # another table, whose class comes later
        return False


def check_identity(mapper: MappedSource, known: Mapping[Any, Any], identity: object) -> None:
    """Refuse a polymorphic identity that another class of the family has, or that is no plain value.

    :raises ArgumentError: naming that class.
    """
    if isinstance(identity, (list, dict, set)):
        raise ArgumentError(
            f"{mapper.class_.__name__}: polymorphic_identity= takes one value of the discriminator, got {identity!r}."
        )
    other = known.get(identity)
    if other is not None and other.class_ is not mapper.class_:
        raise ArgumentError(
            f"{mapper.class_.__name__} and {other.class_.__name__} both have polymorphic_identity={identity!r}. Each class of a family needs"
            " one of its own."
        )


def check_polymorphic_options(mapper: Mapper, identity: object) -> None:
    """Refuse what ``polymorphic_load=`` and ``polymorphic_abstract=`` cannot mean.

    :raises ArgumentError: for an unknown way to load, for one of a class that inherits nothing, and for an abstract class with an identity.
    """
    name, load = mapper.class_.__name__, mapper.polymorphic_load
    if load not in (None, "inline", "selectin"):
        raise ArgumentError(
            f"{name}: polymorphic_load={load!r} is unknown. It is 'inline' (a query of the base selects the columns of this class, too) or"
            " 'selectin' (it is followed by one more statement for them)."
        )
    if load is not None and mapper.inherits is None:
        raise ArgumentError(f"{name}: polymorphic_load= is for a subclass, and {name} inherits from no mapped class.")
    if mapper.polymorphic_abstract and identity is not None:
        raise ArgumentError(
            f"{name}: polymorphic_abstract=True says that no row is of this class, and polymorphic_identity={identity!r} which rows are. Leave one out."
        )


def identity_without_column(mapper: MappedSource) -> ArgumentError:
    """Return the error for a polymorphic identity that no column holds."""
    return ArgumentError(
        f"{mapper.class_.__name__} has polymorphic_identity={mapper.polymorphic_identity!r}, and no class that it inherits from says with polymorphic_on="
        " which column tells the class of a row. Give the base polymorphic_on=, or leave the identity out."
    )


def chosen_of(given: object) -> tuple[Any, Any]:
    """Return the classes that ``with_polymorphic=`` names, and the selectable (or a function that returns it), or None: a pair of these, or classes."""
    if not isinstance(given, (list, tuple)) or len(given) != 2 or hasattr(given[1], "__uow_entity__"):
        return given, None
    classes, source = given
    if source is None:
        return classes, None
    if isinstance(source, FromClause) or (callable(source) and not isinstance(source, type)):
        return classes, source
    return (classes, coerce_from(source)) if hasattr(source, "subquery") else (given, None)


def with_polymorphic_members(mapper: MappedSource, classes: object) -> list[Any]:
    """Return the mappers of the classes that ``with_polymorphic=`` names: one class, several, or ``"*"`` for all.

    :raises ArgumentError: for something else than subclasses.
    """
    if isinstance(classes, str) and classes == "*":
        return list(mapper.descendants[1:])
    if classes is None:
        return []
    given = classes if isinstance(classes, (list, tuple, set, frozenset)) else [classes]
    return [with_polymorphic_member(mapper, member) for member in given]


def with_polymorphic_member(mapper: MappedSource, member: object) -> Any:
    """Return the mapper of a class that ``with_polymorphic=`` lists.

    :raises ArgumentError: for something else than a subclass.
    """
    found = getattr(getattr(member, "__uow_entity__", None), "mapper", None)
    if found is None or not found.isa(mapper):
        raise ArgumentError(
            f"{mapper.class_.__name__}: with_polymorphic= takes '*' or a list of mapped subclasses, and {member!r} is none."
        )
    return found


def polymorphic_source(mapper: MappedSource, mappers: Iterable[Any]) -> FromClause:
    """Return the FROM element of a class together with subclasses: its own source, outer joined with their tables."""
    source: FromClause = mapper.mapped_selectable
    present = set(tables_in(source))
    # a table that several subclasses have in common is joined once
    for other in mappers:
        for step in other.lineage:
            table = step.local_table
            if step.own_join is not None and table not in present and isinstance(table, Table):
                present.add(table)
                source = source.outerjoin(table, step.own_join.onclause)
    return source


def polymorphic_union(
    table_map: Mapping[Any, Any], typecolname: str | None, aliasname: str | None = "p_union", cast_nulls: bool = True
) -> Subquery:
    """Return a UNION ALL of tables, for the mapping of a class with concrete subclasses; a column that one lacks is NULL there.

    :param table_map: tables (or SELECTs) by polymorphic identity.
    :param typecolname: the name of a column to be added that holds the identity; None when they have one.
    :param aliasname: the name of the subquery.
    :param cast_nulls: False for a plain NULL in the place of a column that one lacks; PostgreSQL takes that for a text where no member before it
        tells the type.
    :raises ArgumentError: for an empty ``table_map``.
    """
    if not table_map:
        raise ArgumentError("polymorphic_union() takes tables by polymorphic identity, got none.")
    sources: dict[Any, FromClause] = {
        identity: table.subquery() if isinstance(table, SelectBase) else table for identity, table in table_map.items()
    }
    # the columns of joined tables go by their own keys: of those with the same key, the first stands for the others
    members = {identity: _by_key(source) for identity, source in sources.items()}
    types: dict[str, Any] = {}
    for known in members.values():
        for key, column in known.items():
            types.setdefault(key, column.type)
    selects = []
    # a class without an identity has NULL in the place of that
    type_of_identity = literal(next((identity for identity in sources if identity is not None), "")).type
    for identity, source in sources.items():
        columns: list[ColumnElement[Any]] = []
        for key, type_ in types.items():
            found = members[identity].get(key)
            lacking: ColumnElement[Any] = cast_(null(), type_) if cast_nulls else type_coerce(null(), type_)
            columns.append(found if found is not None else Label(key, lacking))
        if typecolname is not None:
            columns.append(Label(typecolname, constant(identity, type_of_identity if identity is None else None)))
        selects.append(Select(tuple(columns)).select_from(source))
    if len(selects) == 1:
        return selects[0].subquery(aliasname)
    return union_all(*selects).subquery(aliasname)


def _by_key(source: FromClause) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, column in flat_columns(source):
        found.setdefault(key, column)
    return found


def constant(identity: object, type_: TypeEngine[Any] | None = None) -> ColumnElement[Any]:
    """Return a polymorphic identity as a column of a SELECT, of the discriminator's type where that is given."""
    value = literal(identity)
    # a parameter in a SELECT list has no type of its own on PostgreSQL
    return cast_(value, value.type if type_ is None else type_)


def declared_discriminator(polymorphic_on: object, declared: Mapping[str, Any]) -> object:
    """Return ``polymorphic_on=``; where it is, or names, an attribute of ``column_property()``, the column or expression of that.

    :param declared: the declarations of the class, by name.
    """
    given = declared.get(polymorphic_on) if isinstance(polymorphic_on, str) else polymorphic_on
    if not isinstance(given, ColumnDeclaration) or (given.stored and isinstance(polymorphic_on, str)):
        return polymorphic_on
    if given.stored:
        return given.stored[0]
    expression = labelled("", given.columns[0], "polymorphic_on=")
    return expression.element if isinstance(expression, Label) else expression


def discriminator_of(mapper: MappedSource, polymorphic_on: Any) -> Any:
    """Return the column or expression that ``polymorphic_on=`` names.

    :raises ArgumentError: for an attribute that the class does not have.
    """
    if isinstance(polymorphic_on, str):
        prop = mapper.column_attrs.get(polymorphic_on)
        if prop is None:
            raise ArgumentError(
                f"{mapper.class_.__name__}: polymorphic_on={polymorphic_on!r} names no column attribute. It has: {', '.join(mapper.column_attrs.keys())}."
            )
        return prop.column
    found = polymorphic_on.__clause_element__() if hasattr(polymorphic_on, "__clause_element__") else polymorphic_on
    if not isinstance(found, (Column, ColumnElement)):
        raise ArgumentError(f"{mapper.class_.__name__}: polymorphic_on= takes a column, got {polymorphic_on!r}.")
    return found
