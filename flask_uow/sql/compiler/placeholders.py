"""Placeholders of a text that is being written: they are numbered when all of it is there.

The order of the parameters is known at the end only: a common table expression moves to the front, and its parameters with it. Until then a
spot stands in the text for each of them, its number between two NULs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from flask_uow.sql.compiler.compiled import RowText, Slot

__all__ = ["Finished", "Placeholders"]

# no SQL text holds this character, and the databases refuse it in values as well
_NUL = "\x00"
_ROW_BEGINS, _ROW_ENDS = "(", ")"


class Finished(NamedTuple):
    """A text with its placeholders.

    :ivar sql: the text.
    :ivar slots: what goes into its placeholders, in their order.
    :ivar numbers: the number of the slot by that of its spot.
    :ivar row: the row of an INSERT that was marked; None where none was.
    """

    sql: str
    slots: tuple[Slot, ...]
    numbers: dict[int, int]
    row: RowText | None


class Placeholders:
    """The parameters that the text at hand has so far."""

    __slots__ = ("_slots",)

    def __init__(self) -> None:
        self._slots: list[Slot] = []

    def spot_for(self, slot: Slot) -> str:
        """Return the mark that stands in the text for a placeholder until its number is known."""
        self._slots.append(slot)
        return f"{_NUL}{len(self._slots) - 1}{_NUL}"

    def spot_in(self, text: str) -> int:
        """Return the number of the spot in the text of one value, not of a constant that stands around it."""
        numbers = map(int, text.split(_NUL)[1::2])
        return next(number for number in numbers if not getattr(self._slots[number].default, "is_constant", False))

    def as_row(self, text: str) -> str:
        """Return the row of an INSERT, marked so that it can be told from what stands around it."""
        return f"{_NUL}{_ROW_BEGINS}{_NUL}{text}{_NUL}{_ROW_ENDS}{_NUL}"

    def finish(self, text: str, write: Callable[[Slot, int], str], escapes_percent: bool) -> Finished:
        """Return a text with placeholders in its spots.

        :param write: returns the placeholder of a slot, which it is given with the number of its spot.
        :param escapes_percent: True where a literal ``%`` is doubled beside placeholders.
        """
        slots: list[Slot] = []
        numbers: dict[int, int] = {}
        bounds: list[tuple[int, int]] = []
        out: list[str] = []
        for position, piece in enumerate(text.split(_NUL)):
            if not position % 2:
                out.append(piece.replace("%", "%%") if escapes_percent else piece)
            elif piece in (_ROW_BEGINS, _ROW_ENDS):
                bounds.append((len(out), len(slots)))
            else:
                number = int(piece)
                slot = self._slots[number]
                numbers[number] = len(slots)
                slots.append(slot)
                out.append(write(slot, number))
        row = None
        if bounds:
            (first, begin), (last, end) = bounds
            row = RowText("".join(out[:first]), "".join(out[first:last]), "".join(out[last:]), begin, end)
        return Finished("".join(out), tuple(slots), numbers, row)
