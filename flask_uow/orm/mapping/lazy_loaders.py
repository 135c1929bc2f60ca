"""The loaders of absent attributes, as the mapping needs them: it gives one to each attribute, and loading stands above it.

Loading provides its classes when the package is imported, see :mod:`flask_uow.orm`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from flask_uow.orm.interfaces import AttributeLoader, RelatedLoader

if TYPE_CHECKING:
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.mapping.relationship_property import RelationshipProperty

__all__ = ["LazyLoaders", "lazy_loaders"]


class LazyLoaders:
    """Makes the loaders of attributes.

    :ivar column: makes that of a column attribute, given its mapper and its name.
    :ivar relationship: makes that of a relationship.
    """

    column: Callable[[Mapper, str], AttributeLoader]
    relationship: Callable[[RelationshipProperty], RelatedLoader]


lazy_loaders = LazyLoaders()
