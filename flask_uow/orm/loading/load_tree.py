"""The options of a statement as the loaders see them: a tree of what is loaded how, by the relationships that lead there."""

from __future__ import annotations

import copy
from collections.abc import Hashable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from flask_uow.sql.nodes import Shape

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import Entity
    from flask_uow.orm.loading.class_criteria import ClassCriteria
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.sql.expressions import BindParameter, ColumnElement

__all__ = ["LoadTree"]


class LoadTree:
    """The options for the objects of one class at one place of a query.

    :ivar strategies: the strategy of a relationship, by its attribute.
    :ivar below: the options for the objects that a relationship leads to.
    :ivar sources: for relationships that the query itself has joined, the alias that was joined, or None.
    :ivar columns: True for a column to be loaded at once, False for a deferred one, by its attribute.
    :ivar path: the mappers from the root to here; empty until a plan has come here. It stops the recursion where eager relationships form a
        cycle.
    :ivar others: the strategy of relationships that no option names, or None.
    :ivar others_below: likewise, for the objects that relationships lead to.
    :ivar inner: the relationships of which an option says whether to join them plainly, by their attribute.
    :ivar is_lazy: True where nothing is loaded eagerly, whatever options and mappings say.
    :ivar chunks: of how many parents a further statement loads a relationship, by its attribute, where an option says so.
    :ivar depths: how many levels further a relationship of a class with itself is loaded, by its attribute; -1 for all.
    :ivar expressions: what is selected for attributes that take expressions, by their names.
    :ivar raising: the columns whose access is an error where they are not loaded.
    :ivar subclasses: the subclasses whose columns one more statement for each loads.
    :ivar own_criteria: conditions on the objects here that the option which leads to them has.
    :ivar criteria: conditions on all objects of some classes, here and below.
    :ivar given: the parameters of the statement that the tree was made for, options included, in order, None for those that no criterion has; one
        list for all trees of a statement, empty where there are no criteria. Another execution gives its values in the same order.
    :ivar plans: plans of the statements that load the objects here, kept by whoever makes them. They live as long as the tree, which the plan
        of the query keeps.
    """

    __slots__ = (
        "below",
        "chunks",
        "columns",
        "criteria",
        "depths",
        "expressions",
        "given",
        "inner",
        "is_lazy",
        "others",
        "others_below",
        "own_criteria",
        "path",
        "plans",
        "raising",
        "sources",
        "strategies",
        "subclasses",
    )

    def __init__(self) -> None:
        self.strategies: dict[str, str] = {}
        self.below: dict[str, LoadTree] = {}
        self.sources: dict[str, Any] = {}
        self.columns: dict[str, bool] = {}
        self.path: tuple[Mapper, ...] = ()
        self.others: str | None = None
        self.others_below: str | None = None
        self.inner: dict[str, bool] = {}
        self.chunks: dict[str, int] = {}
        self.depths: dict[str, int] = {}
        self.raising: set[str] = set()
        self.subclasses: dict[Mapper, None] = {}
        self.expressions: dict[str, ColumnElement[Any]] = {}
        self.is_lazy = False
        self.own_criteria: tuple[ColumnElement[bool], ...] = ()
        self.criteria: list[ClassCriteria] = []
        self.given: list[BindParameter[Any] | None] = []
        self.plans: dict[Hashable, Any] = {}

    def child(self, key: str) -> LoadTree:
        """Return the tree below a relationship, made at first need."""
        found = self.below.get(key)
        if found is None:
            found = self.below[key] = LoadTree()
            found.others = found.others_below = self.others_below
            found.is_lazy = self.is_lazy
            found.criteria, found.given = self.criteria, self.given
        return found

    def under(self, key: str) -> LoadTree | None:
        """Return the tree below a relationship, None where no option is about the objects there."""
        is_told = self.others_below is not None or self.is_lazy or self.criteria
        return self.child(key) if is_told else self.below.get(key)

    def apart(self) -> LoadTree:
        """Return the options for a statement of its own, which has not joined what the query has (``contains_eager()``)."""
        if not self._joins_itself():
            return self
        found: LoadTree | None = self.plans.get("apart")
        if found is None:
            found = self.plans["apart"] = copy.copy(self)
            found.plans, found.sources = {}, {}
            found.strategies = {key: chosen for key, chosen in self.strategies.items() if chosen != "contains"}
            found.below = {key: tree.apart() for key, tree in self.below.items()}
        found.path = self.path
        return found

    def _joins_itself(self) -> bool:
        return "contains" in self.strategies.values() or any(tree._joins_itself() for tree in self.below.values())

    def criteria_of(self, view: Entity, is_lazy: bool = False) -> list[ColumnElement[bool]]:
        """Return the conditions on the objects here, said of an entity.

        :param is_lazy: True for a load at first access.
        """
        plain = view is view.mapper
        own = [one if plain else view.adapt(one) for one in self.own_criteria]
        return [*own, *(one for criteria in self.criteria for one in criteria.conditions_for(view, is_lazy))]

    @property
    def is_filtered(self) -> bool:
        """True where there may be conditions on the objects here."""
        return bool(self.criteria or self.own_criteria)

    @property
    def has_criteria(self) -> bool:
        """True where there are conditions on objects here or below, so that the values of an execution are needed."""
        return bool(self.criteria or self.own_criteria) or any(tree.has_criteria for tree in self.below.values())

    def strategy(self, key: str) -> str | None:
        """Return the strategy that an option gives to a relationship, or None."""
        return self.strategies.get(key, self.others)

    def note_given(self, shape: Shape) -> None:
        """Note the parameters of the statement, where criteria have some.

        :param shape: of the statement with its options.
        """
        if self.has_criteria:
            criteria = Shape()
            self._collect_criteria(criteria)
            # the others are not kept: their values may be objects
            known = {id(bind) for bind in criteria.binds}
            self.given.extend(bind if id(bind) in known else None for bind in shape.binds)

    def _collect_criteria(self, shape: Shape) -> None:
        for criterion in self.own_criteria:
            criterion.collect_shape(shape)
        for criteria in self.criteria:
            criteria.collect(shape)
        for tree in self.below.values():
            tree._collect_criteria(shape)

    def choose(self, names: Iterable[str], is_loaded: bool, raises: bool = False) -> None:
        """Say of columns whether they are loaded at once; ``raises``: whether their access is an error where they are not."""
        for name in names:
            self.columns[name] = is_loaded
            if raises:
                self.raising.add(name)
            else:
                self.raising.discard(name)

    def set_others(self, strategy: str, everywhere: bool) -> None:
        """Give a strategy to all relationships that no option names; ``everywhere``: to those of related objects, too."""
        self.others = strategy
        if everywhere:
            self.others_below = strategy
            for tree in self.below.values():
                tree.set_others(strategy, True)

    def described(self) -> Iterator[str]:
        """Yield what the options say, line by line."""
        for key, strategy in self.strategies.items():
            yield f"{key}: {strategy}"
            yield from (f"  {line}" for line in (self.below[key].described() if key in self.below else ()))
        for key, is_loaded in self.columns.items():
            yield f"{key}: {'loaded' if is_loaded else 'raises' if key in self.raising else 'deferred'}"
        for mapper in self.subclasses:
            yield f"columns of {mapper.class_.__name__}: selectin"
        if self.others is not None:
            yield f"*: {self.others}"

    def be_lazy(self) -> None:
        """Load nothing eagerly, here and below."""
        self.is_lazy = True
        for tree in self.below.values():
            tree.be_lazy()
