"""From the columns of what a class is mapped to, to its column properties.

A mapper takes over the properties of the class it inherits from, adds a property for each column of its own table (or join, or SELECT), and
then what ``properties=`` says.
"""

from __future__ import annotations

import types
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from flask_uow.exc import ArgumentError, warn_caller
from flask_uow.orm.instrumentation.attributes import Attribute
from flask_uow.orm.mapping.mapped_table import root_of
from flask_uow.orm.mapping.properties import DECLARED, DEFERRED, RAISES, ColumnDeclaration, ColumnProperty, MappedColumn
from flask_uow.sql import operators as ops
from flask_uow.sql.expressions import BinaryExpression, BooleanList
from flask_uow.sql.schema import Column, Table
from flask_uow.sql.selectable import FromClause, Join, base_column
from flask_uow.sql.sourced import without_sources

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import AnyColumn
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.sql.expressions import ColumnElement
    from flask_uow.sql.foreign_keys import ForeignKeyConstraint
    from flask_uow.sql.nodes import ClauseElement

__all__ = [
    "check_declared",
    "columns_of_declaration",
    "declared_columns",
    "equated_columns",
    "flat_columns",
    "is_inheritance",
    "is_own_descriptor",
    "map_columns",
    "tables_in",
    "terms_of",
]


def columns_of_declaration(prop: object) -> tuple[Any, ...]:
    """Return the columns that ``properties={name: ...}`` maps: of a column, a list of columns or a declaration; else none."""
    if isinstance(prop, ColumnDeclaration):
        return prop.stored
    if isinstance(prop, (list, tuple)):
        return tuple(prop)
    if isinstance(prop, MappedColumn):
        return (prop.column,)
    return (prop,) if isinstance(prop, Column) or _is_selected_column(prop) else ()


def _is_selected_column(prop: object) -> bool:
    return getattr(prop, "__visit_name__", None) == "column"


def declared_columns(given: Mapping[str, Any]) -> dict[Any, str]:
    """Return the attribute names that ``properties=`` gives to columns."""
    return {column: name for name, prop in given.items() for column in columns_of_declaration(prop)}


def flat_columns(element: FromClause) -> Iterator[tuple[str, Any]]:
    """Yield the columns of a FROM element with their keys; those of a join as their tables call them."""
    if isinstance(element, Join):
        yield from flat_columns(element.left)
        yield from flat_columns(element.right)
    else:
        yield from element.c.items()


def tables_in(element: FromClause) -> list[Table]:
    """Return the tables of the schema that a table or a join consists of."""
    if isinstance(element, Join):
        return [*tables_in(element.left), *tables_in(element.right)]
    return [element] if isinstance(element, Table) else []


def terms_of(condition: ClauseElement) -> list[Any]:
    """Return the conditions that AND joins."""
    if isinstance(condition, BooleanList) and condition.operator is ops.AND:
        return list(condition.clauses)
    return [condition]


def equated_columns(element: FromClause, foreign_keys: Collection[Any] = ()) -> dict[Any, Any]:
    """Return the columns that the joins in a FROM element keep equal to another one: the foreign key to what it refers to.

    :param foreign_keys: columns of the outermost join that are to count as foreign keys, whatever their tables say.
    """
    if not isinstance(element, Join):
        return {}
    found = {**equated_columns(element.left), **equated_columns(element.right)}
    for term in terms_of(without_sources(element.onclause)):
        if not isinstance(term, BinaryExpression) or term.operator is not ops.EQ:
            continue
        left, right = term.left, term.right
        if left.__visit_name__ == right.__visit_name__ == "column":
            if left in foreign_keys or (right not in foreign_keys and _refers(left, right, element)):
                found[left] = right
            else:
                found[right] = left
    return found


def _refers(left: ColumnElement[Any], right: ColumnElement[Any], join: Join) -> bool:
    """Return True where the first column is the foreign key; where none is one, that of what is joined."""
    own, far = base_column(left), base_column(right)
    if isinstance(own, Column) and isinstance(far, Column):
        if own.references(far):
            return True
        if far.references(own):
            return False
    return getattr(left, "table", None) is join.right


def is_inheritance(constraint: ForeignKeyConstraint, equated: Mapping[Any, Any]) -> bool:
    """Return True for the foreign key that connects tables of one class or family: all its columns are kept equal anyway."""
    pairs = zip(constraint.columns, constraint.elements, strict=True)
    return all(equated.get(column) is element.column for column, element in pairs)


def map_columns(
    mapper: Mapper,
    given: Mapping[str, Any],
    *,
    include: Iterable[str] | None,
    exclude: Iterable[str] | None,
    prefix: str,
    equated: Mapping[Any, Any],
    inherited_columns: Iterable[Any],
) -> dict[str, ColumnProperty]:
    """Return the properties for the columns of the mapper's own table that are not inherited, by attribute name.

    :param given: ``properties=``.
    :param include: names of columns; all when None. A column of the primary key is always mapped.
    :param exclude: names of columns that are left out.
    :param prefix: what the attributes' names begin with.
    :param equated: columns that are kept equal to another one.
    :param inherited_columns: columns that a property of the parent has already.
    :raises ArgumentError: where two columns would become one attribute.

    A column under whose name the class has a property or a method of its own is not mapped, unless ``properties=`` names it.
    """
    names = declared_columns(given)
    taken = set(inherited_columns)
    wanted, unwanted = set(include) if include is not None else None, set(exclude or ())
    found: dict[str, ColumnProperty] = {}
    for key, column in flat_columns(mapper.local_table):
        # inherited, and not declared anew
        if column in taken and names.get(column) not in mapper.column_attrs:
            continue
        if column not in names and not getattr(column, "primary_key", False):
            if column.name in unwanted or (wanted is not None and column.name not in wanted):
                continue
            if is_own_descriptor(mapper.class_, prefix + (key or column.name)):
                continue
        name = names.get(column) or prefix + (key or column.name)
        if name in given and not columns_of_declaration(given[name]):
            raise ArgumentError(
                f"{mapper.class_.__name__}.{name} is declared as {given[name]!r} and is a column of {mapper.local_table.description} as well."
                f" Give one of them another name: properties={{'_{name}': table.c.{name}}} renames the column's attribute."
            )
        inherited = mapper.column_attrs.get(name)
        if name in found:
            _join_columns(mapper, found[name], column, equated, column in names)
        elif inherited is None or not inherited.is_stored:
            found[name] = _make_property(name, column, given.get(name))
        elif name not in names.values():
            _join_inherited(mapper, inherited, column, equated)
        else:
            found[name] = _make_property(name, column, given[name])
            _take_over(found[name], inherited, equated, given[name])
    return found


def check_declared(mapper: Mapper, given: Mapping[str, Any]) -> None:
    """Refuse columns in ``properties=`` that the class does not have.

    :raises ArgumentError: for a column of another table.
    """
    own = {column for _, column in flat_columns(mapper.mapped_selectable)}
    own.update(column for _, column in flat_columns(mapper.local_table))
    for column, name in declared_columns(given).items():
        if column not in own and column not in mapper.inherited_columns:
            table = getattr(column, "table", None)
            where = f"{table.description}.{column.name}" if table is not None else repr(column)
            raise ArgumentError(
                f"{mapper.class_.__name__}.{name} is declared as {where}, and {mapper.class_.__name__} is mapped to {mapper.local_table.description}."
                " Name a column of that, or lead to the other table by a relationship()."
            )


def is_own_descriptor(class_: type, name: str) -> bool:
    """Return True where the class itself has a property, a method or the like of that name."""
    value = vars(class_).get(name)
    own = (Attribute, MappedColumn, types.MemberDescriptorType, types.GetSetDescriptorType)
    return hasattr(type(value), "__get__") and not isinstance(value, own)


def _make_property(name: str, column: AnyColumn, declared: object) -> ColumnProperty:
    prop = ColumnProperty(name, [column])
    info = getattr(column, "info", {})
    if isinstance(declared, ColumnDeclaration):
        declared.apply(prop)
    elif DECLARED in info:
        info[DECLARED].apply(prop)
    elif DEFERRED in info:
        prop.deferred, prop.group = True, info[DEFERRED]
        prop.raiseload = bool(info.get(RAISES))
    # without its key an object could not be told from others
    if getattr(column, "primary_key", False):
        prop.deferred = prop.raiseload = False
    return prop


def _join_inherited(mapper: Mapper, prop: ColumnProperty, column: Column[Any], equated: Mapping[Any, Any]) -> None:
    """Let an inherited property stand for a column of the class's own table as well; what is not kept equal is written equal."""
    # a SELECT of the base's own table has its columns once more
    selected = base_column(column)
    if any(root_of(column, equated) is root_of(other, equated) or selected is other for other in prop.columns):
        prop.columns.append(column)
        return
    first = prop.columns[0]
    warn_caller(
        f"{mapper.class_.__name__}.{prop.key} stands for two columns, {column.table.description}.{column.name} and"
        f" {first.table.description}.{first.name}, which are both written. Give one of them another attribute, as in"
        f" properties={{'{column.table.name}_{column.name}': table.c.{column.name}}}, or say that this is meant:"
        f" properties={{'{prop.key}': [table.c.{column.name}, parent.c.{first.name}]}}.",
    )
    # of the two the class's own is read
    prop.columns.insert(0, column)


def _take_over(prop: ColumnProperty, inherited: ColumnProperty, equated: Mapping[Any, Any], declared: object) -> None:
    """Let a property that is declared under an inherited name stand for the inherited columns, too.

    Where ``column_property()`` declares it, it takes the inherited one's place, unless the columns are kept equal.
    """
    column = prop.columns[0]
    if isinstance(declared, (list, tuple)):
        known = [*inherited.columns, column]
        prop.columns = [each for each in declared if each in known]
        prop.columns.extend(each for each in known if each not in prop.columns)
    elif any(root_of(column, equated) is root_of(other, equated) for other in inherited.columns):
        # the base's key is made first
        prop.columns[:0] = [each for each in inherited.columns if each is not column]
    elif not isinstance(declared, ColumnDeclaration):
        prop.columns.extend(inherited.columns)


def _join_columns(
    mapper: Mapper, prop: ColumnProperty, column: Column[Any], equated: Mapping[Any, Any], asked: bool
) -> None:
    """Add a column to a property that has one already, if the two are kept equal."""
    # a key may be kept equal to its base's by way of a key with another name between them
    is_equal = any(root_of(column, equated) is root_of(other, equated) for other in prop.columns)
    if not asked and not is_equal:
        first = prop.columns[0]
        raise ArgumentError(
            f"{mapper.class_.__name__}.{prop.key} would stand for two columns, {first.table.description}.{first.name} and"
            f" {column.table.description}.{column.name}, and no foreign key keeps them equal. Give one of them another attribute, as in"
            f" properties={{'{column.table.name}_{column.name}': table.c.{column.name}}}, or leave it out with exclude_properties=."
        )
    prop.columns.append(column)
