"""The types of plain Python values, of annotations and of arithmetic results, as each family of types declares them.

A family calls :meth:`PlainTypes.add` where it defines its types, so that a type is named in one module. The base of all types asks
:data:`PLAIN`, which knows no type by itself.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask_uow.sql.types.base import TypeEngine

__all__ = ["PLAIN", "PlainTypes"]

Chooser = Callable[[Any], "TypeEngine[Any]"]


class PlainTypes:
    """Finds the type of a plain value, of an annotation, and of a family of arithmetic results.

    :ivar unknown: the type of what nothing is known about.
    """

    def __init__(self) -> None:
        self.unknown: TypeEngine[Any]
        self._of_values: dict[type[Any], TypeEngine[Any]] = {}
        self._choosers: dict[type[Any], Chooser] = {}
        self._of_annotations: dict[type[Any], TypeEngine[Any]] = {}
        self._of_families: dict[str, TypeEngine[Any]] = {}

    def add(
        self,
        type_: TypeEngine[Any],
        values: Iterable[type[Any]] = (),
        *,
        choose: Chooser | None = None,
        annotates: bool = True,
        family: str | None = None,
    ) -> None:
        """Declare a type.

        :param values: the Python classes whose values are of the type when nothing else is said.
        :param choose: chooses the type by the value, where its class does not tell.
        :param annotates: whether the classes, as annotations of attributes, mean the type too.
        :param family: the name under which :mod:`~flask_uow.sql.type_arithmetic` has it.
        """
        for cls in values:
            if choose is not None:
                self._choosers[cls] = choose
            else:
                self._of_values[cls] = type_
            if annotates:
                self._of_annotations[cls] = type_
        if family is not None:
            self._of_families[family] = type_

    def of_value(self, value: object) -> TypeEngine[Any]:
        """Return the type that a plain value has by itself; the unknown type for None and for unknown classes."""
        cls = type(value)
        known = self._of_values.get(cls)
        if known is not None:
            return known
        # an enum of texts is an enum before it is a text
        for kind in (enum.Enum, *cls.__mro__) if isinstance(value, enum.Enum) else cls.__mro__:
            choose = self._choosers.get(kind)
            if choose is not None:
                return choose(value)
            known = self._of_values.get(kind)
            if known is not None:
                return known
        return self.unknown

    def of_annotation(self, cls: type[Any]) -> TypeEngine[Any] | None:
        """Return the type of an attribute that is annotated with a class; None where there is none."""
        return self._of_annotations.get(cls)

    def of_family(self, family: str) -> TypeEngine[Any]:
        """Return the type of a family of arithmetic results."""
        return self._of_families[family]


PLAIN = PlainTypes()
