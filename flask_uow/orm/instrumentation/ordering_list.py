"""``ordering_list``: a list of related objects that keeps their positions in a column of theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, SupportsIndex

__all__ = ["OrderingList", "count_from_0", "count_from_1", "count_from_n_factory", "ordering_list"]

# takes the index of an object in the list, and the list
OrderingFunction = Callable[[int, Sequence[Any]], Any]


def count_from_0(index: int, collection: Sequence[Any]) -> int:
    """Number the objects from 0."""
    return index


def count_from_1(index: int, collection: Sequence[Any]) -> int:
    """Number the objects from 1."""
    return index + 1


def count_from_n_factory(start: int) -> OrderingFunction:
    """Return a function that numbers the objects from ``start``."""

    def count(index: int, collection: Sequence[Any]) -> int:
        return index + start

    return count


def ordering_list(
    attr: str,
    count_from: int | None = None,
    *,
    ordering_func: OrderingFunction | None = None,
    reorder_on_append: bool = False,
) -> Callable[[], OrderingList]:
    """Return a ``collection_class`` for a relationship: a list that sets an attribute of its objects to their position.

    The relationship needs an ``order_by`` of the same attribute, so that the list is loaded in its order. Whatever puts in, takes out, moves or
    sorts numbers the objects anew; an append numbers only the new one.

    :param attr: the name of the attribute.
    :param count_from: the number of the first object; 0 when None.
    :param ordering_func: works the number out from an object's index and the list, in place of counting.
    :param reorder_on_append: an append, too, numbers an object that has a number already. Loading is an append: rows are then numbered
        anew, and written by the next flush.

    >>> entries = relationship(order_by="Entry.place", collection_class=ordering_list("place"))  # doctest: +SKIP
    """
    function = ordering_func if ordering_func is not None else count_from_n_factory(count_from or 0)
    return lambda: OrderingList(attr, function, reorder_on_append)


def _restored(cls: type[OrderingList], attributes: dict[str, Any], items: list[Any]) -> OrderingList:
    made = cls.__new__(cls)
    made.__dict__.update(attributes)
    list.extend(made, items)
    return made


class OrderingList(list[Any]):
    """A list that numbers its objects; made by :func:`ordering_list`.

    :ivar ordering_attr: the name of the attribute.
    :ivar ordering_func: works an object's number out.
    :ivar reorder_on_append: whether an append numbers objects that have a number.
    """

    def __init__(
        self,
        ordering_attr: str | None = None,
        ordering_func: OrderingFunction = count_from_0,
        reorder_on_append: bool = False,
    ) -> None:
        super().__init__()
        self.ordering_attr = ordering_attr or "position"
        self.ordering_func = ordering_func
        self.reorder_on_append = reorder_on_append

    def __reduce__(self) -> Any:
        # pickle would append the objects before it restores how they are numbered
        return _restored, (type(self), self.__dict__, list(self))

    def reorder(self) -> None:
        """Number all objects anew."""
        for index, item in enumerate(self):
            self._number(index, item)

    def after_assignment(self) -> None:
        """Number the objects of a list that was assigned to the relationship, in its order."""
        self.reorder()

    def _number(self, index: int, item: object) -> None:
        wanted = self.ordering_func(index, self)
        if getattr(item, self.ordering_attr) != wanted:
            setattr(item, self.ordering_attr, wanted)

    def append(self, item: object) -> None:
        super().append(item)
        if self.reorder_on_append or getattr(item, self.ordering_attr) is None:
            self._number(len(self) - 1, item)

    def insert(self, index: SupportsIndex, item: object) -> None:
        super().insert(index, item)
        self.reorder()

    def remove(self, item: object) -> None:
        super().remove(item)
        self.reorder()

    def pop(self, index: SupportsIndex = -1) -> Any:
        item = super().pop(index)
        self.reorder()
        return item

    def __setitem__(self, index: SupportsIndex | slice, value: Any) -> None:
        super().__setitem__(index, value)
        self.reorder()

    def __delitem__(self, index: SupportsIndex | slice) -> None:
        super().__delitem__(index)
        self.reorder()

    def sort(self, *, key: Callable[[Any], Any] | None = None, reverse: bool = False) -> None:
        """Sort the list in place, and number the objects in their new order."""
        super().sort(key=key, reverse=reverse)
        self.reorder()

    def reverse(self) -> None:
        """Turn the list round in place, and number the objects in their new order."""
        super().reverse()
        self.reorder()

    def extend(self, items: Iterable[Any]) -> None:
        for item in items:
            self.append(item)
