"""Siblings: the objects of one result, for which what is absent is loaded together.

The first access to an unloaded relationship or column of one of them loads it for the others as well (batched lazy loading; the idea
is that of Hibernate's ``@BatchSize`` and of Django's ``fetch_mode=FETCH_PEERS``). A state refers to its :class:`Siblings`, and these to the
states; a state is a weak reference, so nobody keeps an object alive.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from flask_uow.orm.state.instance_state import InstanceState

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.loading.load_tree import LoadTree

__all__ = ["BATCH_SIZE", "Siblings", "siblings_that"]

# how many objects are loaded for with one statement; databases limit the number of parameters
BATCH_SIZE: Final = 500


class Siblings:
    """The objects of one result.

    :ivar states: in the order of the result.
    :ivar options: loader options of the statement that apply to these objects, or None.
    :ivar batch: False where each object is to be loaded for alone.
    :ivar values: the values of the statement's parameters, where its options have criteria.
    """

    __slots__ = ("batch", "options", "states", "values")

    def __init__(self, options: LoadTree | None = None, batch: bool = True, values: Sequence[Any] = ()) -> None:
        self.states: list[InstanceState] = []
        self.options = options
        self.batch = batch
        self.values = values

    def adopt(self, state: InstanceState) -> None:
        """Take in an object that was in the Session before; one that has options from elsewhere keeps them."""
        present = state.siblings
        if present is not None and present.options is not None and self.options is None:
            return
        state.siblings = self
        self.states.append(state)


def siblings_that(state: InstanceState, obj: MappedObject, wanted: Callable[[Any], bool]) -> list[Any]:
    """Return an object and those of its siblings for which something is to be loaded, at most ``BATCH_SIZE``.

    The others are those that come after it in the result, then those before; only those that are alive, in the same Session, with a row.

    :param wanted: tells of an object whether it is one of them.
    """
    found = [obj]
    siblings = state.siblings
    if siblings is None or not siblings.batch or len(siblings.states) < 2:
        return found
    states = siblings.states
    owner = state.owner
    start = next((number for number, other in enumerate(states) if other is state), 0)
    # those behind it first: a loop over the result comes to them next
    for other in (*states[start + 1 :], *states[:start]):
        # an object may have left the Session since, or have come with another result
        if other.owner is not owner or other.row_key is None or other.siblings is not siblings:
            continue
        sibling = other()
        if sibling is not None and wanted(sibling):
            found.append(sibling)
            if len(found) == BATCH_SIZE:
                break
    return found
