"""``ConcreteBase``: a family of classes with a table each, which is queried by a union of the tables that nobody has to write."""

from __future__ import annotations

from typing import ClassVar

__all__ = ["ConcreteBase", "discriminator_of_concrete"]


class ConcreteBase:
    """Derive the first class of a family from it, and from the declarative base: ``class Employee(ConcreteBase, Base)``.

    The class and its subclasses have ``__tablename__``, all their columns, a ``polymorphic_identity`` and ``"concrete": True`` in
    ``__mapper_args__``. A query of the class is one of the union of all tables, and gives objects of all classes. The union has a column that
    tells the class of a row.

    :cvar _concrete_discriminator_name: the name of that column.
    """

    _concrete_discriminator_name: ClassVar[str] = "type"


def discriminator_of_concrete(cls: type, parent: object) -> str | None:
    """Return the name of the column that tells the classes of a family, where a class is its first one; else None."""
    if parent is not None or not issubclass(cls, ConcreteBase):
        return None
    name: str = cls._concrete_discriminator_name
    return name
