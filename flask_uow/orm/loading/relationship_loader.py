"""The value of a relationship at its first access: for the object and its siblings, in one statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_uow.exc import InvalidRequestError
from flask_uow.orm.exclusive import exclusively
from flask_uow.orm.loading.column_loader import session_is_gone
from flask_uow.orm.loading.further import load_relationship, present, store
from flask_uow.orm.loading.load_tree import LoadTree
from flask_uow.orm.state.instance_state import InstanceState, describe
from flask_uow.orm.state.keys import identity_from
from flask_uow.orm.state.siblings import siblings_that
from flask_uow.orm.strategies import EAGER

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.mapping.relationship_property import RelationshipProperty
    from flask_uow.orm.session.execution import ExecutingSession

__all__ = ["RelationshipLoader", "eager_names"]


def eager_names(mapper: Mapper, state: InstanceState) -> list[str]:
    """Return the relationships that are loaded along with an object: as its class has it, or the options of the query that has loaded it."""
    tree: LoadTree | None = state.siblings.options if state.siblings is not None else None
    if tree is None and not mapper.has_eager:
        return []
    return [
        name
        for name, prop in mapper.relationships.items()
        if ((tree.strategy(name) if tree is not None else None) or prop.lazy) in EAGER
    ]


class RelationshipLoader:
    """Loads one relationship when it is read and is not there; of a deleted object, too, until its transaction ends."""

    def __init__(self, prop: RelationshipProperty) -> None:
        self.property = prop
        self.key_names = prop.local_names

    def load(self, obj: MappedObject, state: InstanceState) -> Any:
        """Load the relationship for the object and its siblings, store it in their ``__dict__`` and return the object's.

        :raises InvalidRequestError: where ``raiseload`` or ``lazy="raise"`` forbids it.
        """
        session = state.session
        if session is None:
            session = state.session_to_ask()
        if session is None:
            raise session_is_gone(self.property.name)
        return exclusively(session, self._load, session, obj, state)

    def load_regardless(self, obj: MappedObject, state: InstanceState) -> Any:
        """:meth:`load` for what the Session itself has to know, which no option forbids."""
        session = state.session or state.session_to_ask()
        if session is None:
            raise session_is_gone(self.property.name)
        return exclusively(session, self._load, session, obj, state, True)

    def _load(
        self, session: ExecutingSession, obj: MappedObject, state: InstanceState, regardless: bool = False
    ) -> Any:
        prop = self.property
        siblings = state.siblings
        tree: LoadTree | None = siblings.options if siblings is not None else None
        strategy: str = prop.lazy
        below: LoadTree | None = None
        if tree is not None:
            strategy, below = tree.strategy(prop.key) or strategy, tree.under(prop.key)
        if strategy == "raise" and not regardless:
            raise self._forbidden(obj, "raiseload")
        if strategy == "noload":
            return store(prop, obj, ())
        if prop.uses_get:
            # an object that the Session has needs no statement, nor a flush before it
            key = [getattr(obj, name) for name in self.key_names]
            found = present(session, prop, identity_from(key))
            if found is not None and not (
                below is not None and below.is_filtered and below.criteria_of(prop.mapper, is_lazy=True)
            ):
                return store(prop, obj, (found,))
            if strategy == "raise_on_sql" and None in key:
                # refers to nothing, which no statement has to tell
                return store(prop, obj, ())
        if strategy == "raise_on_sql" and not regardless:
            raise self._forbidden(obj, "raiseload(sql_only=True)")
        session.autoflush_now(prop)
        if prop.mapper.has_eager:
            below = below if below is not None else self._tree_below()
            # the way back is known already, and need not be loaded eagerly
            below.path = below.path or (prop.parent, prop.mapper)
        objects = (
            siblings_that(state, obj, self._is_wanted) if prop.batch_loading and state.owner is not None else [obj]
        )
        batch, values = (siblings.batch, siblings.values) if siblings is not None else (None, ())
        load_relationship(session, prop, objects, below, batch, None, values, is_lazy=True)
        return obj.__dict__[prop.key]

    def _forbidden(self, obj: MappedObject, option: str) -> InvalidRequestError:
        name = self.property.name
        return InvalidRequestError(
            f"{name} of {describe(obj)} is not loaded, and may not be loaded at access ({option}). Load it with the query:"
            f" .options(selectinload({name}))."
        )

    def _tree_below(self) -> LoadTree:
        """Return the tree of what the mapping alone says of the related objects; one for all accesses, since plans are kept with it."""
        memo = self.property.mapper.memo
        found: LoadTree | None = memo.get(("tree below", self.property))
        if found is None:
            found = memo["tree below", self.property] = LoadTree()
        return found

    def _is_wanted(self, other: object) -> bool:
        values = other.__dict__
        # a sibling whose key is absent would cost a statement before this one
        if self.property.key in values or not all(name in values for name in self.key_names):
            return False
        return isinstance(other, self.property.parent.class_)
