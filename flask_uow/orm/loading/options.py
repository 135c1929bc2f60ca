"""Loader options: how relationships and columns are loaded by one query.

``query.options(joinedload(User.posts).selectinload(Post.tags), defer(User.bio))``. An option names a path from the queried class;
:func:`load_tree` turns all options of a statement into one tree that the loaders walk.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from flask_uow.exc import ArgumentError
from flask_uow.orm.loading.class_criteria import ClassCriteria, UserDefinedOption
from flask_uow.orm.loading.load_tree import LoadTree
from flask_uow.orm.loading.loader_option import LoaderOption, further_of, only_steps, steps_of
from flask_uow.sql.nodes import Shape

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import Entity

__all__ = [
    "BatchLoading",
    "EagerLoading",
    "Load",
    "collect_options",
    "contains_eager",
    "defaultload",
    "defer",
    "immediateload",
    "joinedload",
    "joinedload_all",
    "lazyload",
    "load_only",
    "load_tree",
    "noload",
    "raiseload",
    "selectin_polymorphic",
    "selectinload",
    "selectinload_all",
    "subqueryload",
    "subqueryload_all",
    "undefer",
    "undefer_group",
    "with_expression",
]


class BatchLoading:
    """The option of ``batch_loading()``: whether objects of one result are loaded for together."""

    def __init__(self, enabled: bool) -> None:
        self.enabled = enabled

    def collect(self, shape: Shape) -> bool:
        """Add the option to the shape of its statement; see :func:`collect_options`."""
        shape.key.append(("batch loading", self.enabled))
        return True


class EagerLoading:
    """The option of ``enable_eagerloads()``: whether anything is loaded eagerly, by joins or further statements."""

    def __init__(self, enabled: bool) -> None:
        self.enabled = enabled

    def collect(self, shape: Shape) -> bool:
        """Add the option to the shape of its statement; see :func:`collect_options`."""
        shape.key.append(("eager loading", self.enabled))
        return True


def collect_options(options: Iterable[Any], shape: Shape) -> bool:
    """Add the options of a statement to its shape, after the statement itself; return False where they cannot be told apart by it.

    An alias that an option names is told by its place in the statement, not by its identity, as the rest of the shape is.
    """
    shape.key.append("options")
    return all(
        isinstance(o, (LoaderOption, BatchLoading, EagerLoading, ClassCriteria)) and o.collect(shape) for o in options
    )


def load_tree(options: Iterable[Any], entity: Entity, entities: Sequence[Entity], is_first: bool) -> LoadTree | None:
    """Return the options of a statement that apply to one of its entities, as a tree; None when none does.

    :param entities: all its entities, in order.
    :param is_first: False for a further entity of a class, which only options that name it are for.
    :raises ArgumentError: for an option that fits none of them.
    """
    tree: LoadTree | None = None
    is_lazy = False
    # criteria first: what is below has them, too
    for option in sorted(options, key=lambda one: not isinstance(one, ClassCriteria)):
        if isinstance(option, (BatchLoading, UserDefinedOption)):
            continue
        if isinstance(option, ClassCriteria):
            tree = tree if tree is not None else LoadTree()
            tree.criteria.append(option)
            continue
        if isinstance(option, EagerLoading):
            is_lazy = not option.enabled
            continue
        if not isinstance(option, LoaderOption):
            raise ArgumentError(f"options() takes loader options such as joinedload(User.posts), got {option!r}.")
        fitting = option.fitting(entities)
        if any(entity is other for other in fitting) and (is_first or option.is_about(entity)):
            tree = tree if tree is not None else LoadTree()
            option.enter(tree, entity.mapper)
        elif not fitting:
            names = ", ".join(dict.fromkeys(other.mapper.class_.__name__ for other in entities))
            raise ArgumentError(
                f"loader option: the path begins at {option.described_start()}, and the query is for {names}."
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
    return LoaderOption(steps_of(keys, "joined", False, innerjoin))


def joinedload_all(*keys: Any, innerjoin: bool | None = None) -> LoaderOption:
    """Like :func:`joinedload`, for every step of the path."""
    return LoaderOption(steps_of(keys, "joined", True, innerjoin, every_alias=True))


def subqueryload(*keys: Any) -> LoaderOption:
    """Load a relationship for all objects by one more statement that repeats the query as a subquery."""
    return LoaderOption(steps_of(keys, "subquery", False))


def subqueryload_all(*keys: Any) -> LoaderOption:
    """Like :func:`subqueryload`, for every step of the path."""
    return LoaderOption(steps_of(keys, "subquery", True))


def selectinload(*keys: Any, recursion_depth: int | None = None, chunksize: int | None = None) -> LoaderOption:
    """Load a relationship for all objects by one more statement, ``WHERE key IN (...)``; one for every 500 of them.

    :param keys: the path to it, as for :func:`joinedload`.
    :param recursion_depth: of a relationship of a class with itself, how many levels further it is loaded, with a statement for each level; -1 for all.
    :param chunksize: for how many objects there is a statement, in place of 500.
    :raises ArgumentError: for another depth, and a size below 1.
    """
    return LoaderOption(steps_of(keys, "selectin", False, further_of("selectinload", recursion_depth, chunksize)))


def selectinload_all(*keys: Any) -> LoaderOption:
    """Like :func:`selectinload`, for every step of the path."""
    return LoaderOption(steps_of(keys, "selectin", True))


def lazyload(*keys: Any) -> LoaderOption:
    """Load a relationship at its first access; ``"*"``: all relationships that no option names."""
    return LoaderOption(steps_of(keys, "select", False))


def noload(*keys: Any) -> LoaderOption:
    """Don't load a relationship: None or an empty collection stands in for it; ``"*"``: all relationships that no option names."""
    return LoaderOption(steps_of(keys, "noload", False))


def immediateload(*keys: Any, recursion_depth: int | None = None) -> LoaderOption:
    """Load a relationship as at first access, but with the query: what the Session has is taken from it, the rest is one more statement.

    :param recursion_depth: as for :func:`selectinload`.
    """
    return LoaderOption(steps_of(keys, "immediate", False, further_of("immediateload", recursion_depth)))


def defaultload(*keys: Any) -> LoaderOption:
    """Load a relationship as its mapping says: for the options of the objects that it leads to.

    >>> select(User).options(defaultload(User.posts).load_only(Post.title))                     # doctest: +SKIP
    """
    return LoaderOption(steps_of(keys, None, False))


def Load(entity: object) -> LoaderOption:  # noqa: N802 - the field's name for it
    """Return an option without a step, for the objects of a class: ``Load(User).load_only(User.name)``, ``Load(User).raiseload("*")``.

    :param entity: a class of the query, or an alias of one.
    :raises ArgumentError: for something else.
    """
    found = getattr(entity, "__uow_entity__", None)
    if found is None:
        raise ArgumentError(f"Load() takes a mapped class or an alias of one, got {entity!r}.")
    return LoaderOption((), found)


def with_expression(key: object, expression: object) -> LoaderOption:
    """Select an expression for an attribute that the class has by :func:`query_expression`, for the objects of this query.

    Objects that the Session has already keep what they have, unless the query is to overwrite it (``populate_existing``).

    :param key: the attribute.
    :param expression: an SQL expression, a SELECT of one value.
    :raises ArgumentError: for something else.

    >>> select(Book).options(with_expression(Book.total, Book.price * Book.count))              # doctest: +SKIP
    """
    return LoaderOption((), None).with_expression(key, expression)


def selectin_polymorphic(base: object, classes: Iterable[Any]) -> LoaderOption:
    """Load the columns of subclasses for all their objects that a query of their base gives, by one more statement for each.

    :param base: the queried class.
    :param classes: the subclasses.
    :raises ArgumentError: for something else.

    >>> select(Vehicle).options(selectin_polymorphic(Vehicle, [Car, Boat]))                     # doctest: +SKIP
    """
    return Load(base).selectin_polymorphic(classes)


def raiseload(*keys: Any, sql_only: bool = False) -> LoaderOption:
    """Raise InvalidRequestError when a relationship that is not loaded is read; ``"*"``: any that no option names, of related objects too.

    :param keys: the path to it, as for :func:`joinedload`.
    :param sql_only: True to raise only where a statement would be sent; an object that the Session has may be read.
    """
    return LoaderOption(steps_of(keys, "raise_on_sql" if sql_only else "raise", False))


def contains_eager(*keys: Any, alias: object = None) -> LoaderOption:
    """Take relationships from the joins that the query has itself.

    :param keys: the path; every step of it is in the query.
    :param alias: the alias of the last step's table, where the query has joined one.
    """
    return LoaderOption(steps_of(keys, "contains", True, alias))


def defer(*keys: Any, raiseload: bool = False) -> LoaderOption:
    """Load a column at its first access only; ``"*"``: all columns that no option names.

    :param keys: the path to it, as for :func:`joinedload`.
    :param raiseload: True to raise InvalidRequestError at that access.
    """
    return LoaderOption(steps_of(keys, "defer raise" if raiseload else "defer", False))


def undefer(*keys: Any) -> LoaderOption:
    """Load a deferred column at once."""
    return LoaderOption(steps_of(keys, "undefer", False))


def load_only(*keys: Any, raiseload: bool = False) -> LoaderOption:
    """Load these columns at once, and with them the primary key; all others at their first access.

    :param keys: attributes of one class, or their names.
    :param raiseload: True to raise InvalidRequestError at the access of the others.
    """
    return LoaderOption(only_steps(keys, raiseload))


def undefer_group(name: str) -> LoaderOption:
    """Load all deferred columns of a group at once."""
    return LoaderOption(((name, "undefer group", None),))
