"""Loader options: how relationships and columns are loaded by one query.

``query.options(joinedload(User.posts).selectinload(Post.tags), defer(User.bio))``. An option names a path from the queried class;
:func:`load_tree` turns all options of a statement into one tree that the loaders walk.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from flask_uow.exc import ArgumentError, did_you_mean

__all__ = [
    "BatchLoading",
    "EagerLoading",
    "LoadTree",
    "LoaderOption",
    "contains_eager",
    "defer",
    "joinedload",
    "joinedload_all",
    "lazyload",
    "load_only",
    "load_tree",
    "noload",
    "raiseload",
    "selectinload",
    "selectinload_all",
    "subqueryload",
    "subqueryload_all",
    "undefer",
    "undefer_group",
]


class BatchLoading:
    """The option of ``batch_loading()``: whether objects of one result are loaded for together."""

    def __init__(self, enabled: bool) -> None:
        self.enabled = enabled


class EagerLoading:
    """The option of ``enable_eagerloads()``: whether anything is loaded eagerly, by joins or further statements."""

    def __init__(self, enabled: bool) -> None:
        self.enabled = enabled


# strategies that may be given to all relationships, as they are called
_FOR_ALL = {"select": "lazyload", "noload": "noload", "raise": "raiseload"}


class LoadTree:
    """The options for the objects of one class at one place of a query.

    :ivar strategies: the strategy of a relationship, by its attribute.
    :ivar below: the options for the objects that a relationship leads to.
    :ivar sources: for relationships that the query itself has joined, the alias that was joined, or None.
    :ivar columns: True for a column to be loaded at once, False for a deferred one, by its attribute.
    :ivar path: the mappers from the root to here, where that matters; else empty.
    :ivar others: the strategy of relationships that no option names, or None.
    :ivar others_below: likewise, for the objects that relationships lead to.
    :ivar inner: the relationships of which an option says whether to join them plainly, by their attribute.
    :ivar is_lazy: True where nothing is loaded eagerly, whatever options and mappings say.
    """

    __slots__ = ("below", "columns", "inner", "is_lazy", "others", "others_below", "path", "sources", "strategies")

    def __init__(self) -> None:
        self.strategies: dict[str, str] = {}
        self.below: dict[str, LoadTree] = {}
        self.sources: dict[str, Any] = {}
        self.columns: dict[str, bool] = {}
        self.path: tuple[Any, ...] = ()
        self.others: str | None = None
        self.others_below: str | None = None
        self.inner: dict[str, bool] = {}
        self.is_lazy = False

    def child(self, key: str) -> LoadTree:
        """Return the tree below a relationship, made at first need."""
        found = self.below.get(key)
        if found is None:
            found = self.below[key] = LoadTree()
            found.others = found.others_below = self.others_below
            found.is_lazy = self.is_lazy
        return found

    def under(self, key: str) -> LoadTree | None:
        """Return the tree below a relationship, None where no option is about the objects there."""
        return self.below.get(key) if self.others_below is None and not self.is_lazy else self.child(key)

    def strategy(self, key: str) -> str | None:
        """Return the strategy that an option gives to a relationship, or None."""
        return self.strategies.get(key, self.others)

    def set_others(self, strategy: str, everywhere: bool) -> None:
        """Give a strategy to all relationships that no option names; ``everywhere``: to those of related objects, too."""
        self.others = strategy
        if everywhere:
            self.others_below = strategy
            for tree in self.below.values():
                tree.set_others(strategy, True)

    def be_lazy(self) -> None:
        """Load nothing eagerly, here and below."""
        self.is_lazy = True
        for tree in self.below.values():
            tree.be_lazy()


class LoaderOption:
    """One option: a path of attributes, with a strategy for each step. Made by :func:`joinedload` and the like; immutable."""

    def __init__(self, steps: tuple[tuple[Any, str | None, Any], ...]) -> None:
        self._steps = steps

    def _then(self, keys: tuple[Any, ...], strategy: str, every: bool = False, alias: Any = None) -> LoaderOption:
        return LoaderOption((*self._steps, *_steps(keys, strategy, every, alias)))

    def joinedload(self, *keys: Any, innerjoin: bool | None = None) -> LoaderOption:
        """Go on along the path: load by LEFT OUTER JOIN; ``innerjoin`` as for :func:`joinedload`."""
        return self._then(keys, "joined", alias=innerjoin)

    def subqueryload(self, *keys: Any) -> LoaderOption:
        """Go on along the path: load by one more statement that repeats the query as a subquery."""
        return self._then(keys, "subquery")

    def selectinload(self, *keys: Any) -> LoaderOption:
        """Go on along the path: load by one more statement, ``WHERE key IN (...)``."""
        return self._then(keys, "selectin")

    def lazyload(self, *keys: Any) -> LoaderOption:
        """Go on along the path: load at first access."""
        return self._then(keys, "select")

    def noload(self, *keys: Any) -> LoaderOption:
        """Go on along the path: don't load; None or an empty collection instead."""
        return self._then(keys, "noload")

    def raiseload(self, *keys: Any) -> LoaderOption:
        """Go on along the path: an access raises."""
        return self._then(keys, "raise")

    def contains_eager(self, *keys: Any, alias: Any = None) -> LoaderOption:
        """Go on along the path: take it from the joins of the query itself."""
        return self._then(keys, "contains", True, alias)

    def defer(self, *keys: Any) -> LoaderOption:
        """Go on along the path: load this column at first access only."""
        return self._then(keys, "defer")

    def undefer(self, *keys: Any) -> LoaderOption:
        """Go on along the path: load this deferred column at once."""
        return self._then(keys, "undefer")

    def load_only(self, *keys: Any) -> LoaderOption:
        """Go on along the path: load these columns at once, and all others at first access."""
        return LoaderOption((*self._steps, *_only(keys)))

    def fitting(self, mappers: Sequence[Any]) -> list[Any]:
        """Return those of a statement's mappers that the path may begin at.

        A path of names begins at the first; ``"*"`` and groups of columns are about each that has any.
        """
        first, strategy, _ = self._steps[0]
        parent = getattr(first, "parent", None)
        if parent is not None:
            own = parent.mapper
            return [mapper for mapper in mappers if own.isa(mapper) or mapper.isa(own)]
        if strategy == "undefer group":
            return [mapper for mapper in mappers if _group_of(mapper, first)] or list(mappers[:1])
        return list(mappers) if first == "*" else list(mappers[:1])

    def enter(self, tree: LoadTree, mapper: Any) -> None:
        """Enter the option into the tree of a mapper.

        :raises ArgumentError: for a step that is no attribute of the class it is taken from.
        """
        for number, (attribute, strategy, alias) in enumerate(self._steps):
            key: str = attribute if isinstance(attribute, str) else attribute.key
            if key == "*":
                if strategy not in _FOR_ALL:
                    raise ArgumentError(
                        f"loader option: '*' stands for all relationships with {', '.join(_FOR_ALL.values())} only. Name those that are meant."
                    )
                tree.set_others(strategy, everywhere=number == 0)
                continue
            if strategy == "undefer group":
                names = _group_of(mapper, key)
                if not names:
                    raise ArgumentError(f"{mapper.class_.__name__} has no deferred column of the group {key!r}.")
                tree.columns.update(dict.fromkeys(names, True))
                continue
            owner = _owner_of(attribute, key, mapper)
            if strategy == "only":
                tree.columns.update(dict.fromkeys(owner.column_attrs.keys(), False))
                strategy = "undefer"
            if strategy in ("defer", "undefer"):
                _require(key, owner.column_attrs.keys(), owner, "column")
                tree.columns[key] = strategy == "undefer"
                continue
            _require(key, owner.relationships.keys(), owner, "relationship")
            prop = owner.relationships[key]
            if strategy is not None:
                if prop.lazy == "dynamic":
                    raise ArgumentError(f"{prop.name} has lazy='dynamic': it is a query and cannot be loaded eagerly.")
                tree.strategies[key] = strategy
            if strategy == "joined" and alias is not None:
                tree.inner[key] = bool(alias)
            if strategy == "contains":
                # of_type() has said which class the query has joined
                tree.sources[key] = alias if alias is not None else getattr(attribute, "target", None)
            tree = tree.child(key)
            mapper = prop.mapper


def _group_of(mapper: Any, group: str) -> list[str]:
    return [name for name, prop in mapper.column_attrs.items() if prop.group == group]


def _owner_of(attribute: Any, key: str, mapper: Any) -> Any:
    """Return the mapper that has the attribute of a step: the one that the path has come to, or that of a subclass."""
    parent = getattr(attribute, "parent", None)
    own = parent.mapper if parent is not None else mapper
    if key in mapper.attribute_names or own is mapper or not own.isa(mapper):
        return mapper
    return own


def _require(key: str, known: Iterable[str], mapper: Any, what: str) -> None:
    if key not in known:
        name = mapper.class_.__name__
        hint = did_you_mean(key, known)
        raise ArgumentError(
            f"loader option: {name} has no {what} {key!r}.{hint} It has: {', '.join(sorted(known)) or 'none'}."
        )


def _steps(
    keys: tuple[Any, ...], strategy: str, every: bool, alias: Any = None, every_alias: bool = False
) -> tuple[tuple[Any, str | None, Any], ...]:
    path: list[Any] = []
    for key in keys:
        path.extend(key.split(".") if isinstance(key, str) else [key])
    if not path or not all(isinstance(step, str) or hasattr(step, "key") for step in path):
        raise ArgumentError(f"a loader option takes attributes of mapped classes (or their names), got {keys!r}.")
    last = len(path) - 1
    return tuple(
        (step, strategy if every or number == last else None, alias if every_alias or number == last else None)
        for number, step in enumerate(path)
    )


def _only(keys: tuple[Any, ...]) -> tuple[tuple[Any, str | None, Any], ...]:
    if not keys:
        raise ArgumentError("load_only() takes the columns to be loaded, got none.")
    made = [step for key in keys for step in _steps((key,), "undefer", False)]
    return ((made[0][0], "only", None), *made[1:])


def load_tree(options: Iterable[Any], mapper: Any, mappers: Sequence[Any]) -> LoadTree | None:
    """Return the options of a statement that apply to one of its entities, as a tree; None when none does.

    :param mappers: those of all its entities, in order.
    :raises ArgumentError: for an option that fits none of them.
    """
    tree: LoadTree | None = None
    is_lazy = False
    for option in options:
        if isinstance(option, BatchLoading):
            continue
        if isinstance(option, EagerLoading):
            is_lazy = not option.enabled
            continue
        if not isinstance(option, LoaderOption):
            raise ArgumentError(f"options() takes loader options such as joinedload(User.posts), got {option!r}.")
        fitting = option.fitting(mappers)
        if any(mapper is other for other in fitting):
            tree = tree if tree is not None else LoadTree()
            option.enter(tree, mapper)
        elif not fitting:
            first = option._steps[0][0]
            names = ", ".join(dict.fromkeys(other.class_.__name__ for other in mappers))
            raise ArgumentError(
                f"loader option: the path begins at {first!r}, and the query is for {names}."
                " Begin it at an attribute of the queried class."
            )
    if is_lazy:
        tree = tree if tree is not None else LoadTree()
        tree.be_lazy()
    return tree


def joinedload(*keys: Any, innerjoin: bool | None = None) -> LoaderOption:
    """Load a relationship by LEFT OUTER JOIN, in the same statement.

    :param keys: the path to it: attributes (``User.posts, Post.tags``) or their names (``"posts.tags"``); the option is for the last step.
    :param innerjoin: True to join plainly, where every object has such a related one: those without are not found then. What
        ``relationship(innerjoin=)`` says when None.
    :returns: an option for ``query.options()``, with methods for further steps.
    """
    return LoaderOption(_steps(keys, "joined", False, innerjoin))


def joinedload_all(*keys: Any, innerjoin: bool | None = None) -> LoaderOption:
    """Like :func:`joinedload`, for every step of the path."""
    return LoaderOption(_steps(keys, "joined", True, innerjoin, every_alias=True))


def subqueryload(*keys: Any) -> LoaderOption:
    """Load a relationship for all objects by one more statement that repeats the query as a subquery."""
    return LoaderOption(_steps(keys, "subquery", False))


def subqueryload_all(*keys: Any) -> LoaderOption:
    """Like :func:`subqueryload`, for every step of the path."""
    return LoaderOption(_steps(keys, "subquery", True))


def selectinload(*keys: Any) -> LoaderOption:
    """Load a relationship for all objects by one more statement, ``WHERE key IN (...)``; one for every 500 of them."""
    return LoaderOption(_steps(keys, "selectin", False))


def selectinload_all(*keys: Any) -> LoaderOption:
    """Like :func:`selectinload`, for every step of the path."""
    return LoaderOption(_steps(keys, "selectin", True))


def lazyload(*keys: Any) -> LoaderOption:
    """Load a relationship at its first access; ``"*"``: all relationships that no option names."""
    return LoaderOption(_steps(keys, "select", False))


def noload(*keys: Any) -> LoaderOption:
    """Don't load a relationship: None or an empty collection stands in for it; ``"*"``: all relationships that no option names."""
    return LoaderOption(_steps(keys, "noload", False))


def raiseload(*keys: Any) -> LoaderOption:
    """Raise InvalidRequestError when a relationship that is not loaded is read; ``"*"``: any that no option names, of related objects too."""
    return LoaderOption(_steps(keys, "raise", False))


def contains_eager(*keys: Any, alias: Any = None) -> LoaderOption:
    """Take relationships from the joins that the query has itself.

    :param keys: the path; every step of it is in the query.
    :param alias: the alias of the last step's table, where the query has joined one.
    """
    return LoaderOption(_steps(keys, "contains", True, alias))


def defer(*keys: Any) -> LoaderOption:
    """Load a column at its first access only."""
    return LoaderOption(_steps(keys, "defer", False))


def undefer(*keys: Any) -> LoaderOption:
    """Load a deferred column at once."""
    return LoaderOption(_steps(keys, "undefer", False))


def load_only(*keys: Any) -> LoaderOption:
    """Load these columns at once, and with them the primary key; all others at their first access.

    :param keys: attributes of one class, or their names.
    """
    return LoaderOption(_only(keys))


def undefer_group(name: str) -> LoaderOption:
    """Load all deferred columns of a group at once."""
    return LoaderOption(((name, "undefer group", None),))
