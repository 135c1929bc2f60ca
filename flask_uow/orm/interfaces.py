"""Protocols by which the low modules of the orm reach what stands above them.

Attributes, collections and the flush ask a Session for little; what they ask is written here, so that they need not
import it.
"""

from __future__ import annotations

from typing import Any, Protocol

__all__ = ["AttributeLoader", "SessionLike"]


class SessionLike(Protocol):
    """What instrumentation and loading need of a Session."""

    autoflush: bool
    batch_loading: bool

    def add(self, instance: Any) -> None:
        """Put an object into the Session."""

    def _cascade_add(self, instance: Any) -> None:
        """Put an object into the Session because one that is there refers to it."""

    def _autoflush(self, loading: Any = None) -> bool:
        """Flush when something has changed and autoflush is on; return True then."""
        raise NotImplementedError

    def _identities_of(self, mapper: Any) -> Any:
        """Return the identity map of a mapper."""

    def _connection_for(self, mapper: Any, *, reads: bool = False) -> Any:
        """Return the connection of the current transaction for a mapper; ``reads`` for a load that locks nothing."""

    def get(self, entity: Any, ident: Any) -> Any:
        """Return an object by its primary key, or None."""


class AttributeLoader(Protocol):
    """Gives the value of an attribute that is absent from its object's ``__dict__``."""

    def load(self, obj: Any, state: Any) -> Any:
        """Load the attribute of a persistent object, store it in its ``__dict__`` and return it."""
