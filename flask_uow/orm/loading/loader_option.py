"""One loader option: a path of attributes with what is to be done at each step, and how it is entered into a tree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from flask_uow.exc import ArgumentError, did_you_mean
from flask_uow.orm.loading.load_tree import LoadTree
from flask_uow.orm.state.siblings import BATCH_SIZE
from flask_uow.sql.column_operators import ColumnOperators
from flask_uow.sql.constructors import tuple_
from flask_uow.sql.expressions import ColumnElement
from flask_uow.sql.nodes import Shape
from flask_uow.sql.select import Select
from flask_uow.sql.select_base import SelectBase
from flask_uow.sql.selectable import FromClause

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import Entity
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.mapping.relationship_property import RelationshipProperty

__all__ = ["ALL", "LoaderOption", "further_of", "members_of_option", "only_steps", "steps_of"]

# stands for all relationships, or for all columns
ALL: Final = "*"
# the strategies that may be given to all relationships, as they are called
_FOR_ALL = {
    "select": "lazyload", "noload": "noload", "raise": "raiseload", "raise_on_sql": "raiseload", "selectin": "selectinload",
    "joined": "joinedload", "subquery": "subqueryload", "immediate": "immediateload",
}  # fmt: skip
# what is done with a column
_COLUMNS = {"defer": (False, False), "defer raise": (False, True), "undefer": (True, False)}

# an attribute or its name; what is to be done with it, None for what the mapping says; the alias, or the argument of that
Step = tuple[Any, str | None, Any]


class LoaderOption:
    """One option: a path of attributes, with a strategy for each step. Made by :func:`joinedload` and the like; immutable.

    :param steps: the path.
    :param root: the class that the path begins at, or an alias of it, where that was said.
    """

    def __init__(self, steps: tuple[Step, ...], root: Entity | None = None) -> None:
        self._steps = steps
        self._root = root
        # options for the objects that a number of steps lead to
        self.nested: tuple[tuple[int, LoaderOption], ...] = ()

    def _with(self, steps: tuple[Step, ...]) -> LoaderOption:
        made = LoaderOption(steps, self._root)
        made.nested = self.nested
        return made

    def _then(
        self, keys: tuple[Any, ...], strategy: str | None, every: bool = False, alias: object = None
    ) -> LoaderOption:
        return self._with((*self._steps, *steps_of(keys, strategy, every, alias)))

    def joinedload(self, *keys: Any, innerjoin: bool | None = None) -> LoaderOption:
        """Go on along the path: load by LEFT OUTER JOIN; ``innerjoin`` as for :func:`joinedload`."""
        return self._then(keys, "joined", alias=innerjoin)

    def subqueryload(self, *keys: Any) -> LoaderOption:
        """Go on along the path: load by one more statement that repeats the query as a subquery."""
        return self._then(keys, "subquery")

    def selectinload(
        self, *keys: Any, recursion_depth: int | None = None, chunksize: int | None = None
    ) -> LoaderOption:
        """Go on along the path: load by one more statement, ``WHERE key IN (...)``; the arguments as for :func:`selectinload`."""
        return self._then(keys, "selectin", alias=further_of("selectinload", recursion_depth, chunksize))

    def immediateload(self, *keys: Any, recursion_depth: int | None = None) -> LoaderOption:
        """Go on along the path: load as at first access, but at once; ``recursion_depth`` as for :func:`selectinload`."""
        return self._then(keys, "immediate", alias=further_of("immediateload", recursion_depth))

    def defaultload(self, *keys: Any) -> LoaderOption:
        """Go on along the path: load as the mapping says; for the options of the objects there."""
        return self._then(keys, None)

    def lazyload(self, *keys: Any) -> LoaderOption:
        """Go on along the path: load at first access."""
        return self._then(keys, "select")

    def noload(self, *keys: Any) -> LoaderOption:
        """Go on along the path: don't load; None or an empty collection instead."""
        return self._then(keys, "noload")

    def raiseload(self, *keys: Any, sql_only: bool = False) -> LoaderOption:
        """Go on along the path: an access raises; ``sql_only`` as for :func:`raiseload`."""
        return self._then(keys, "raise_on_sql" if sql_only else "raise")

    def contains_eager(self, *keys: Any, alias: object = None) -> LoaderOption:
        """Go on along the path: take it from the joins of the query itself."""
        return self._then(keys, "contains", True, alias)

    def defer(self, *keys: Any, raiseload: bool = False) -> LoaderOption:
        """Go on along the path: load this column at first access only; ``raiseload`` as for :func:`defer`."""
        return self._then(keys, "defer raise" if raiseload else "defer")

    def undefer(self, *keys: Any) -> LoaderOption:
        """Go on along the path: load this deferred column at once."""
        return self._then(keys, "undefer")

    def undefer_group(self, name: str) -> LoaderOption:
        """Go on along the path: load all deferred columns of a group at once."""
        return self._with((*self._steps, (name, "undefer group", None)))

    def load_only(self, *keys: Any, raiseload: bool = False) -> LoaderOption:
        """Go on along the path: load these columns at once, and all others at first access; ``raiseload`` as for :func:`load_only`."""
        return self._with((*self._steps, *only_steps(keys, raiseload)))

    def with_expression(self, key: Any, expression: object) -> LoaderOption:
        """Select an expression for an attribute of :func:`query_expression`; see :func:`with_expression`."""
        return self._with((*self._steps, (key, "expression", coerce_expression(expression))))

    def adapted(self, adapt: Callable[[Any], Any]) -> LoaderOption:
        """Return the option for a query around the one that it was made for.

        :param adapt: returns what stands there for an expression; the paths stay as they are.
        """
        nested = tuple((depth, option.adapted(adapt)) for depth, option in self.nested)
        if not nested and not any(strategy == "expression" for _, strategy, _ in self._steps):
            return self
        made = self._with(
            tuple(
                (key, strategy, adapt(argument) if strategy == "expression" else argument)
                for key, strategy, argument in self._steps
            )
        )
        made.nested = nested
        return made

    def selectin_polymorphic(self, classes: Iterable[Any]) -> LoaderOption:
        """Go on along the path: load the columns of these subclasses by one more statement for each."""
        return self._with((*self._steps, (ALL, "selectin columns", members_of_option(classes))))

    def options(self, *options: LoaderOption) -> LoaderOption:
        """Add options for the objects that the path has come to: ``selectinload(User.posts).options(joinedload(Post.tags), defer(Post.text))``.

        :raises ArgumentError: for something else than a loader option.
        """
        for option in options:
            if not isinstance(option, LoaderOption):
                raise ArgumentError(f"options() takes loader options such as joinedload(User.posts), got {option!r}.")
        made = self._with(self._steps)
        made.nested = (*self.nested, *((len(self._steps), option) for option in options))
        return made

    def collect(self, shape: Shape) -> bool:
        """Add the option to the shape of its statement; see :func:`collect_options`."""
        key = shape.key
        start = self._start()
        key.append((len(self._steps), _mapper_of(self._root), len(self.nested)))
        if start is not None and start is not start.mapper and not _collect_entity(start, shape):
            return False
        for attribute, strategy, argument in self._steps:
            parent = getattr(attribute, "parent", None)
            if strategy == "expression":
                key.append((attribute if isinstance(attribute, str) else attribute.key, strategy, _mapper_of(parent)))
                argument.collect_shape(shape)
                continue
            name = attribute if isinstance(attribute, str) else attribute.key
            is_plain = isinstance(argument, (bool, int, tuple))
            # repr(), since True and 1 are one key and mean different things here
            key.append(
                (
                    name,
                    strategy,
                    repr(argument) if isinstance(argument, int) else argument if is_plain else None,
                    _mapper_of(parent),
                )
            )
            for source in (None if is_plain else argument, getattr(attribute, "target", None)):
                if not (source is None or _collect_source(source, shape)):
                    return False
            for criterion in getattr(attribute, "criteria", ()):
                criterion.collect_shape(shape)
        for number, option in self.nested:
            key.append(number)
            if not option.collect(shape):
                return False
        return True

    def _start(self) -> Entity | None:
        """Return the class that the path begins at, or the alias of it, where the option says that."""
        if self._root is not None or not self._steps:
            return self._root
        parent: Entity | None = getattr(self._steps[0][0], "parent", None)
        return parent

    def fitting(self, entities: Sequence[Entity]) -> list[Entity]:
        """Return those of a statement's entities that the path may begin at.

        A path from an alias, or from a class itself, is about that where the statement has it. A path of names begins at the first entity; ``"*"``
        and groups of columns are about each that has any.
        """
        start = self._start()
        if start is not None:
            root = start.mapper
            if start is not root and any(entity is start for entity in entities):
                return [start]
            found = [entity for entity in entities if root.isa(entity.mapper) or entity.mapper.isa(root)]
            itself = [entity for entity in found if entity is entity.mapper] if start is root else []
            return itself or found
        first, strategy, _ = self._steps[0]
        if strategy == "undefer group":
            return [entity for entity in entities if _group_of(entity.mapper, first)] or list(entities[:1])
        return list(entities) if first == ALL else list(entities[:1])

    def is_about(self, entity: Entity) -> bool:
        """Return True where the path was said to begin at just this class, or this alias of it."""
        return self._start() is entity

    def described_start(self) -> str:
        """Return where the path begins, for messages."""
        return self._root.mapper.class_.__name__ if self._root is not None else repr(self._steps[0][0])

    def enter(self, tree: LoadTree, mapper: Mapper, is_root: bool = True) -> None:
        """Enter the option into the tree of a mapper.

        :param is_root: True for the tree of the query itself.
        :raises ArgumentError: for a step that is no attribute of the class it is taken from.
        """
        for number, step in enumerate(self._steps):
            self._enter_nested(number, tree, mapper)
            if step[1] == "expression" and not (is_root and number == 0):
                raise ArgumentError(
                    f"with_expression() is about objects that a query selects itself, and the path has come to {mapper.class_.__name__} by a relationship."
                    " Select that class, or load the value by a column_property()."
                )
            # all relationships of related objects are meant as well where nothing is named before
            tree, mapper = _enter_step(step, tree, mapper, everywhere=is_root and number == 0 and self._root is None)
        self._enter_nested(len(self._steps), tree, mapper)

    def _enter_nested(self, number: int, tree: LoadTree, mapper: Mapper) -> None:
        for position, option in self.nested:
            if position == number:
                if not option.fitting([mapper]):
                    raise ArgumentError(
                        f"loader option: the path in options() begins at {option.described_start()}, and the objects there are of"
                        f" {mapper.class_.__name__}. Begin it at an attribute of that class."
                    )
                option.enter(tree, mapper, is_root=False)


def _mapper_of(entity: Entity | None) -> Mapper | None:
    return entity.mapper if entity is not None else None


def _enter_step(step: Step, tree: LoadTree, mapper: Mapper, everywhere: bool) -> tuple[LoadTree, Mapper]:
    """Enter one step into a tree, and return the tree and the mapper that the path has come to."""
    attribute, strategy, argument = step
    key: str = mapper.name_behind(attribute) if isinstance(attribute, str) else attribute.key
    if strategy == "selectin columns":
        _enter_subclasses(argument, tree, mapper)
        return tree, mapper
    if key == ALL:
        _enter_all(strategy, argument, tree, mapper, everywhere)
        return tree, mapper
    if strategy == "undefer group":
        names = _group_of(mapper, key)
        if not names:
            raise ArgumentError(f"{mapper.class_.__name__} has no deferred column of the group {key!r}.")
        tree.choose(names, True)
        return tree, mapper
    owner = _owner_of(attribute, key, mapper)
    if strategy == "expression":
        _require(key, owner.column_attrs.keys(), owner, "attribute of query_expression()")
        if not owner.column_attrs[key].takes_expressions:
            raise ArgumentError(
                f"with_expression(): {owner.class_.__name__}.{key} is loaded from a column. Declare the attribute by query_expression()."
            )
        tree.choose((key,), False)
        tree.expressions[key] = argument
        return tree, mapper
    if strategy in ("only", "only raise"):
        tree.choose(owner.column_attrs.keys(), False, strategy == "only raise")
        strategy = "undefer"
    if strategy in _COLUMNS:
        # a composite stands for its columns
        members: tuple[str, ...] = getattr(owner.descriptors.get(key), "names", None) or (key,)
        for name in members:
            _require(name, owner.column_attrs.keys(), owner, "column")
        tree.choose(members, *_COLUMNS[strategy])
        return tree, mapper
    _require(key, owner.relationships.keys(), owner, "relationship")
    return _enter_relationship(owner.relationships[key], attribute, strategy, argument, tree)


def _enter_relationship(
    prop: RelationshipProperty, attribute: object, strategy: str | None, argument: Any, tree: LoadTree
) -> tuple[LoadTree, Mapper]:
    """Enter how a relationship is loaded, and return the tree of what is below it and the mapper there."""
    key = prop.key
    if strategy is not None:
        if prop.lazy == "dynamic":
            raise ArgumentError(f"{prop.name} has lazy='dynamic': it is a query and cannot be loaded eagerly.")
        tree.strategies[key] = strategy
        # what an option before this one has said of the relationship holds no longer
        tree.depths.pop(key, None)
        tree.chunks.pop(key, None)
    depth, chunk = argument if strategy in ("selectin", "immediate") and argument is not None else (None, None)
    if chunk is not None:
        tree.chunks[key] = chunk
    if depth is not None:
        if prop.mapper.base_mapper is not prop.parent.base_mapper:
            raise ArgumentError(
                f"{strategy}load({prop.name}, recursion_depth=): {prop.name} leads to {prop.mapper.class_.__name__}, and only a relationship of a class"
                " with itself can be followed again. Go on with a method: .selectinload(...)."
            )
        tree.depths[key] = depth
    if strategy == "joined" and argument is not None:
        tree.inner[key] = bool(argument)
    if strategy == "contains":
        # of_type() has said which class the query has joined; a step on the way to another says nothing of the alias
        source = argument if argument is not None else getattr(attribute, "target", None)
        if source is not None or key not in tree.sources:
            tree.sources[key] = source
    below = tree.child(key)
    criteria: tuple[ColumnElement[bool], ...] = getattr(attribute, "criteria", ())
    if criteria and strategy == "contains":
        raise ArgumentError(
            f"contains_eager({prop.name}.and_(...)): the join of the query says which objects are taken. Write the criteria there:"
            f" .join({prop.name}.and_(...))."
        )
    target: Entity | None = getattr(attribute, "target", None)
    if target is not None and strategy != "contains":
        _enter_target(target, prop.mapper, below)
        criteria = _said_of_target(target, prop.mapper, criteria)
    below.own_criteria = (*below.own_criteria, *criteria)
    return below, prop.mapper


def _enter_target(target: Entity, mapper: Mapper, below: LoadTree) -> None:
    """Have the columns of the classes that ``of_type()`` names loaded at once, with those of the class that the relationship leads to."""
    members = getattr(target, "with_polymorphic_mappers", ()) if target is not target.mapper else ()
    for member in (target.mapper, *members):
        if member is not mapper and member.isa(mapper):
            below.subclasses[member] = None


def _said_of_target(
    target: Entity, mapper: Mapper, criteria: tuple[ColumnElement[bool], ...]
) -> tuple[ColumnElement[bool], ...]:
    """Return conditions on the class or alias that ``of_type()`` names, said of the rows of the class that the relationship leads to."""
    if not criteria or target is mapper:
        return criteria
    keys = tuple(target.column(column) for column in mapper.primary_key)
    inner = Select(keys).select_from(target.selectable).where(*target.own_criteria, *criteria).correlate(None)
    key = mapper.primary_key
    return ((key[0] if len(key) == 1 else tuple_(*key)).in_(inner),)


def _enter_all(strategy: str | None, argument: object, tree: LoadTree, mapper: Mapper, everywhere: bool) -> None:
    if strategy in _COLUMNS:
        # a column that another option names stays what that says
        others = mapper.column_attrs.keys() - tree.columns.keys()
        tree.choose(others, *_COLUMNS[strategy])
    elif strategy not in _FOR_ALL or argument is not None:
        raise ArgumentError(
            f"loader option: '*' stands for all relationships with {', '.join(dict.fromkeys(_FOR_ALL.values()))}, for all columns with defer and"
            " undefer, and with no further argument. Name those that are meant."
        )
    else:
        tree.set_others(strategy, everywhere)


def _enter_subclasses(classes: Iterable[Mapper], tree: LoadTree, mapper: Mapper) -> None:
    for member in classes:
        if not member.isa(mapper):
            raise ArgumentError(
                f"selectin_polymorphic(): {member.class_.__name__} is no subclass of {mapper.class_.__name__}, whose objects are loaded."
                " Name subclasses of it."
            )
        tree.subclasses[member] = None


def coerce_expression(expression: object) -> ColumnElement[Any]:
    """Return the expression that ``with_expression()`` is given.

    :raises ArgumentError: for something else.
    """
    if isinstance(expression, SelectBase):
        return expression.scalar_subquery()
    found = expression.as_operand() if isinstance(expression, ColumnOperators) else expression
    if not isinstance(found, ColumnElement):
        raise ArgumentError(f"with_expression() takes an SQL expression, such as Book.x + Book.y, got {expression!r}.")
    return found


def further_of(name: str, recursion_depth: object, chunksize: object = None) -> tuple[int | None, int | None] | None:
    """Return ``recursion_depth=`` and ``chunksize=`` of an option as they are, when they are valid; None where neither is given.

    :param name: the option, as messages call it.
    :raises ArgumentError: for something else than None and a positive number, or -1 for the depth.
    """
    if recursion_depth is None and chunksize is None:
        return None
    if recursion_depth is not None and (
        type(recursion_depth) is not int or recursion_depth == 0 or recursion_depth < -1
    ):
        raise ArgumentError(
            f"{name}(recursion_depth={recursion_depth!r}): a number of further levels was expected, -1 for all, or None for no more than one."
        )
    if chunksize is not None and (type(chunksize) is not int or chunksize < 1):
        raise ArgumentError(
            f"{name}(chunksize={chunksize!r}): a number of objects was expected for whose keys one statement asks, or None for {BATCH_SIZE}."
        )
    return recursion_depth, chunksize


def members_of_option(classes: Iterable[Any]) -> tuple[Mapper, ...]:
    """Return the mappers of the classes that ``selectin_polymorphic()`` names.

    :raises ArgumentError: for something else than mapped classes.
    """
    given = list(classes) if isinstance(classes, Iterable) and not isinstance(classes, (str, type)) else [classes]
    mappers = [_mapper_of(getattr(class_, "__uow_entity__", None)) for class_ in given]
    found = [mapper for mapper in mappers if mapper is not None]
    if not found or len(found) < len(mappers):
        raise ArgumentError(
            f"selectin_polymorphic() takes a list of mapped subclasses, such as [Manager, Engineer]; got {classes!r}."
        )
    return tuple(found)


def _group_of(mapper: Mapper, group: str) -> list[str]:
    return [name for name, prop in mapper.column_attrs.items() if prop.group == group]


def _owner_of(attribute: object, key: str, mapper: Mapper) -> Mapper:
    """Return the mapper that has the attribute of a step: the one that the path has come to, or that of a subclass."""
    parent = getattr(attribute, "parent", None)
    own = parent.mapper if parent is not None else mapper
    if key in mapper.attribute_names or own is mapper or not own.isa(mapper):
        return mapper
    return own


def _require(key: str, known: Iterable[str], mapper: Mapper, what: str) -> None:
    if key not in known:
        name = mapper.class_.__name__
        hint = did_you_mean(key, known)
        raise ArgumentError(
            f"loader option: {name} has no {what} {key!r}.{hint} It has: {', '.join(sorted(known)) or 'none'}."
        )


def steps_of(
    keys: tuple[Any, ...], strategy: str | None, every: bool, alias: object = None, every_alias: bool = False
) -> tuple[Step, ...]:
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


def only_steps(keys: tuple[Any, ...], raises: bool) -> tuple[Step, ...]:
    """Return the steps of ``load_only()``.

    :raises ArgumentError: for no columns.
    """
    if not keys:
        raise ArgumentError("load_only() takes the columns to be loaded, got none.")
    made = [step for key in keys for step in steps_of((key,), "undefer", False)]
    return ((made[0][0], "only raise" if raises else "only", None), *made[1:])


def _collect_entity(entity: Entity, shape: Shape) -> bool:
    shape.key.append(entity.plan_atom)
    return _collect_element(entity.selectable, shape)


def _collect_source(source: object, shape: Shape) -> bool:
    entity = getattr(source, "__uow_entity__", None)
    return _collect_element(source, shape) if entity is None else _collect_entity(entity, shape)


def _collect_element(element: object, shape: Shape) -> bool:
    if not isinstance(element, FromClause):
        return False
    element.collect_shape(shape)
    return True
