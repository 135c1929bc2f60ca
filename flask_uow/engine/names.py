"""The names of a result's columns, and which of them a column that was selected is meant by.

A column is found by what it is and not by its name alone: two may be called alike (``select(author.c.id, book.c.id)`` gives ``id`` and ``id_1``),
and a column of a table that was not selected may have the name of one that was. :class:`ColumnNames` knows what the names stand for.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from operator import is_
from typing import Any, Self, TypeAlias

from flask_uow.sql.entities import expand_entity, key_of_item, members_of_bundle
from flask_uow.sql.selectable import FromClause

__all__ = [
    "ColumnChoice",
    "ColumnNames",
    "ResultKeys",
    "has_name",
    "name_of",
    "names_of",
    "selected_by",
    "unique_names",
]

# how a column of a result is named: by its position, its name, or what was selected (a column, an attribute, a mapped class)
ColumnChoice: TypeAlias = object


class ResultKeys(tuple[str, ...]):
    """The names of a result's columns: equal to a tuple or a list of them, and a column that was selected is one of them."""

    # tuples take no __slots__ with a name
    _names: tuple[str, ...]

    def __new__(cls, names: tuple[str, ...]) -> Self:
        made = super().__new__(cls, names)
        made._names = names
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return ResultKeys, (tuple(self),)

    def __eq__(self, other: object) -> bool:
        return tuple.__eq__(self, tuple(other) if isinstance(other, list) else other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = tuple.__hash__

    def __contains__(self, column: object) -> bool:
        return has_name(self._names, column)


class ColumnNames(tuple[str, ...]):
    """Names of columns; each knows what it is the name of.

    Equal statements share what is compiled of the first of them, and its names. Where a statement has aliases without a name, or expressions
    that only the object tells apart, the next one has others in their places: :meth:`of_statement` notes which stands for which.

    :ivar elements: what was selected, in order.
    :ivar row_class: the class of rows with these names, once it is made.
    :ivar as_given: the names before they were made unique, where that has changed one; None elsewhere.
    :ivar is_fixed: True where the elements of every statement with these names are known by what they are called.
    """

    elements: tuple[object, ...]
    row_class: Any = None
    as_given: ColumnNames | None = None
    is_fixed = True
    # by the id of what stands for an anchor of the elements: a weak reference to it, and the anchor
    _places: dict[int, tuple[weakref.ref[Any], object]]
    _own: set[int]
    _others: list[ColumnNames]

    @classmethod
    def of(cls, names: Sequence[str], elements: Sequence[object]) -> ColumnNames:
        """Return names with what they are names of."""
        made = cls(names)
        made.elements = tuple(elements)
        own = [name_of(element) for element in elements]
        made.is_fixed = all(
            _is_permanent(element, is_alone=name is not None and own.count(name) == 1)
            for name, element in zip(own, elements, strict=True)
        )
        if not made.is_fixed:
            made._places, made._others = {}, []
            made._own = {id(anchor) for element in elements for anchor in _anchors(element)}
        return made

    def chosen(self, positions: Sequence[int]) -> ColumnNames:
        """Return the names at some positions."""
        made = ColumnNames.of([self[position] for position in positions], [self.elements[n] for n in positions])
        if not self.is_fixed and not made.is_fixed:
            made._places, made._own = self._places, self._own
        return made

    def of_statement(self, entities: Sequence[object], whole: bool) -> ColumnNames:
        """Return the names for rows of an equal statement: these, or others that are equal to them.

        :param entities: the items of the statement.
        :param whole: True where an entity is one item of a row.
        """
        elements = selected_by(entities, whole)
        if len(elements) != len(self.elements):
            return self
        pairs = [
            (given, own)
            for element, mine in zip(elements, self.elements, strict=True)
            for given, own in zip(_anchors(element), _anchors(mine), strict=False)
        ]
        if all(self._stands_for(given, own) for given, own in pairs):
            return self
        # what has stood in another place of an equal statement
        given_now = [given for given, _ in pairs]
        for other in self._others:
            if all(map(is_, given_now, (anchor for element in other.elements for anchor in _anchors(element)))):
                return other
        other = ColumnNames.of(self, elements)
        self._others = [*self._others[-9:], other]
        return other

    def _stands_for(self, given: object, own: object) -> bool:
        if given is own:
            return True
        if id(given) in self._own:
            return False
        places, key = self._places, id(given)
        try:
            place = places.setdefault(key, (weakref.ref(given, lambda _: places.pop(key, None)), own))
        except TypeError:
            return True
        return place[1] is own

    def _own_of(self, anchor: object) -> Any:
        """Return the anchor of the elements that another one stands for; the other one itself where it stands for none."""
        if self.is_fixed:
            return anchor
        place = self._places.get(id(anchor))
        return place[1] if place is not None and place[0]() is anchor else anchor

    def positions_of(self, column: object, name: str | None) -> list[int]:
        """Return the positions at which a column may be: one where that is known.

        :param name: the column's name.
        """
        elements = self.elements
        called = [number for number, element in enumerate(elements) if name_of(element) == name]
        same = [number for number in called if self._is_same(column, elements[number])]
        if same:
            return same
        # under the name of a label, and another may have the name of this column
        labels = ((number, _labelled(element)) for number, element in enumerate(elements))
        same = [number for number, inner in labels if inner is not None and self._is_same(column, inner)]
        if same or name is None:
            return same
        found = [number for number in called if _may_be(column, elements[number])]
        return found or ([self.index(name)] if name in self and not called and _table_of(column) is None else [])

    def _is_same(self, column: object, element: object) -> bool:
        """Return True where two expressions are the same column of the same element of FROM."""
        if column is element or self._own_of(column) is element:
            return True
        one, other = _plain(column), _plain(element)
        if one is other or self._own_of(one) is other:
            return True
        if one.__class__ is not other.__class__ or getattr(one, "name", None) != getattr(other, "name", None):
            return False
        table, others = self._own_of(getattr(one, "table", None)), getattr(other, "table", None)
        if table is None or others is None:
            return False
        # an alias that was made anew for a statement of the same text
        return table is others or (
            table.__class__ is others.__class__
            and getattr(table, "name", None) is not None
            and getattr(table, "name", None) == others.name
            and others.__visit_name__ != "table"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        # a row is pickled without the statement that it came from
        return tuple, (tuple(self),)


def names_of(names: Sequence[str], elements: Sequence[object]) -> tuple[str, ...]:
    """Return the names of a result's columns, which know what they are names of where that is known.

    :param elements: the columns, in order.
    """
    return ColumnNames.of(names, elements) if any(element is not None for element in elements) else tuple(names)


def unique_names(names: Sequence[str]) -> list[str]:
    """Return names each of which is there once: those that are there already have a number behind them."""
    made: list[str] = []
    for name in names:
        unique, number = name, 0
        while unique in made or (number and unique in names):
            number += 1
            unique = f"{name}_{number}"
        made.append(unique)
    return made


def selected_by(entities: Sequence[object], whole: bool) -> list[object]:
    """Return the elements that the columns of a statement's rows are, of the items of the statement.

    :param whole: True where an entity, or a bundle, is one item of a row; False where it is all of its columns.
    """
    found: list[object] = []
    for item in entities:
        if whole and (getattr(item, "__uow_entity__", None) is not None or members_of_bundle(item) is not None):
            found.append(item)
        else:
            columns = expand_entity(item)
            found.extend([item] if whole and len(columns) == 1 else columns)
    return found


def has_name(names: tuple[str, ...], column: object) -> bool:
    """Return True where a name, or a column that was selected, is among names."""
    # by hand: an == of columns would make an expression
    if type(names) is ColumnNames and not isinstance(column, str):
        return bool(names.positions_of(column, name_of(column)))
    wanted = column if isinstance(column, str) else name_of(column)
    return wanted is not None and any(name == wanted for name in names)


def name_of(column: ColumnChoice) -> str | None:
    """Return the name of a column, an attribute or a mapped class in rows; None for what has no name."""
    entity = getattr(column, "__uow_entity__", None)
    if entity is not None:
        return getattr(column, "entity_name", None) or getattr(column, "__name__", None)
    name = key_of_item(column) or getattr(column, "name", None)
    return name if isinstance(name, str) else None


def _labelled(element: Any) -> Any:
    """Return the column that a label gives another name; None for everything else."""
    if getattr(element, "__visit_name__", None) != "label":
        return None
    inner = _plain(element.element)
    return element.element if inner.__visit_name__ == "column" and inner.name != element.name else None


def _may_be(column: Any, element: Any) -> bool:
    """Return True where a column that is called like an element may be meant by it: not where both are known to be others."""
    entity, other = getattr(column, "__uow_entity__", None), getattr(element, "__uow_entity__", None)
    if entity is not None or other is not None:
        # of two aliases neither stands for the other
        return entity is None or other is None or entity is entity.mapper or other is other.mapper
    if _table_of(column) is None:
        return True
    chain, others = list(_chain(column)), list(_chain(element))
    if getattr(others[-1], "table", None) is None:
        return True
    return (
        any(_is_column(chain[0], one) for one in others)
        or any(_is_column(others[0], one) for one in chain)
        or _are_of_one_family(column, element)
    )


def _is_column(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if getattr(one, "name", None) != getattr(other, "name", None):
        return False
    table, others = getattr(one, "table", None), getattr(other, "table", None)
    name = getattr(table, "name", None)
    # as it is declared a second time, for other MetaData say
    return table is others or (
        name is not None
        and name == getattr(others, "name", None)
        and getattr(table, "schema", None) == getattr(others, "schema", None)
    )


def _are_of_one_family(one: Any, other: Any) -> bool:
    """Return True for attributes of classes one of which is the other's base, though they come from different tables."""
    mapper, others = getattr(one, "parent", None), getattr(other, "parent", None)
    isa: Any = getattr(mapper, "isa", None)
    of_others: Any = getattr(others, "isa", None)
    return isa is not None and of_others is not None and bool(isa(others) or of_others(mapper))


def _chain(column: Any) -> Iterator[Any]:
    """Yield a column and the columns below it that it stands for."""
    inner = _plain(column)
    while inner is not None:
        kind = getattr(inner, "__visit_name__", None)
        if kind not in ("label", "sourced"):
            yield inner
        below = getattr(inner, "original", None)
        inner = inner.element if below is None and kind in ("label", "sourced") else below


def _table_of(column: Any) -> Any:
    inner = _plain(column)
    return getattr(inner, "table", None) if getattr(inner, "__visit_name__", None) == "column" else None


def _anchors(element: Any) -> tuple[object, ...]:
    """Return the objects that an element is known by: the element of FROM of a column, an entity, or the element itself."""
    entity = getattr(element, "__uow_entity__", None)
    if entity is not None:
        return (element, entity) if entity is not element else (element,)
    inner = _plain(element)
    table = _table_of(inner.element if getattr(inner, "__visit_name__", None) == "label" else inner)
    return (table,) if table is not None else (inner,)


def _is_permanent(element: Any, is_alone: bool) -> bool:
    """Return True for an element that is found in equal statements, too, though they may be made of other objects.

    :param is_alone: True where it has a name, and no other one has it.
    """
    entity = getattr(element, "__uow_entity__", None)
    if entity is not None:
        return entity is entity.mapper
    anchor: Any = _anchors(element)[0]
    if not isinstance(anchor, FromClause):
        return is_alone
    return getattr(anchor, "name", None) is not None or anchor.__visit_name__ == "table"


def _plain(column: Any) -> Any:
    made = column.__clause_element__() if hasattr(column, "__clause_element__") else column
    while getattr(made, "__visit_name__", None) == "sourced":
        made = made.element
    return made
