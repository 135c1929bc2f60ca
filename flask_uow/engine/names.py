"""The names of a result's columns, and which of them a column that was selected is meant by.

Where two columns are called alike (``select(author.c.id, book.c.id)`` gives ``id`` and ``id_1``), the name of a column alone does not say which
value is its own: :class:`TwinNames` knows what the columns are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from flask_uow.sql.entities import key_of_item

__all__ = ["ColumnChoice", "ResultKeys", "TwinNames", "has_name", "name_of", "names_of"]

# how a column of a result is named: by its position, its name, or what was selected (a column, an attribute, a mapped class)
ColumnChoice: TypeAlias = object


class ResultKeys(tuple[str, ...]):
    """The names of a result's columns: equal to a tuple or a list of them, and a column that was selected is one of them."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return tuple.__eq__(self, tuple(other) if isinstance(other, list) else other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = tuple.__hash__

    def __contains__(self, column: object) -> bool:
        return has_name(self, column)


class TwinNames(tuple[str, ...]):
    """Names of columns some of which are called alike; each knows what it is the name of.

    :ivar elements: what was selected, in order.
    :ivar row_class: the class of rows with these names, once it is made.
    """

    elements: tuple[object, ...]
    row_class: Any = None

    @classmethod
    def of(cls, names: Sequence[str], elements: Sequence[object]) -> TwinNames:
        """Return names with what they are names of."""
        made = cls(names)
        made.elements = tuple(elements)
        return made

    def positions_of(self, column: object, name: str | None) -> list[int]:
        """Return the positions at which a column may be: one where that is known.

        :param name: the column's name.
        """
        called = [number for number, element in enumerate(self.elements) if name_of(element) == name]
        same = [number for number in called if _is_same(column, self.elements[number])]
        if same:
            return same
        # under the name of a label, and another may have the name of this column
        labels = ((number, _labelled(element)) for number, element in enumerate(self.elements))
        return [number for number, inner in labels if inner is not None and _is_same(column, inner)] or called

    def __reduce__(self) -> tuple[Any, ...]:
        # a row is pickled without the statement that it came from
        return tuple, (tuple(self),)


def names_of(names: Sequence[str], elements: Sequence[object]) -> tuple[str, ...]:
    """Return the names of a result's columns, which know what they are names of where that is needed.

    :param elements: the columns, in order.
    """
    own = [name_of(element) for element in elements]
    is_plain = len(set(names)) == len(names) and all(
        given is None or given == name for given, name in zip(own, names, strict=True)
    )
    # a column under another name stands for itself, too
    is_plain = is_plain and not any(_labelled(element) is not None for element in elements)
    return tuple(names) if is_plain else TwinNames.of(names, elements)


def has_name(names: tuple[str, ...], column: object) -> bool:
    """Return True where a name, or a column that was selected, is among names."""
    # by hand: an == of columns would make an expression
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


def _is_same(column: object, element: object) -> bool:
    """Return True where two expressions are the same column of the same element of FROM."""
    if column is element:
        return True
    one, other = _plain(column), _plain(element)
    if one is other:
        return True
    if one.__class__ is not other.__class__ or getattr(one, "name", None) != getattr(other, "name", None):
        return False
    table, others = getattr(one, "table", None), getattr(other, "table", None)
    if table is None or others is None:
        return False
    # an alias that was made anew for a statement of the same text
    return table is others or (
        table.__class__ is others.__class__
        and getattr(table, "name", None) is not None
        and table.name == others.name
        and table.__visit_name__ != "table"
    )


def _plain(column: Any) -> Any:
    made = column.__clause_element__() if hasattr(column, "__clause_element__") else column
    while getattr(made, "__visit_name__", None) == "sourced":
        made = made.element
    return made
