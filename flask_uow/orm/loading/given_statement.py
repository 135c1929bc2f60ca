"""Statements of the user's own that give the rows of entities: which of their columns is which, and what loader options say of the objects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flask_uow.engine.result import has_text
from flask_uow.exc import InvalidRequestError
from flask_uow.orm.loading.joined import EntityNode, Item
from flask_uow.orm.loading.options import collect_options
from flask_uow.orm.loading.plan import QueryPlan
from flask_uow.orm.loading.planning import batch_option, bundles_of, items_of, plan_of_items, result_names
from flask_uow.orm.mapping.registry import mapping_version
from flask_uow.sql.compiler import Compiled
from flask_uow.sql.expressions import ColumnElement, Label
from flask_uow.sql.from_statement import FromStatement
from flask_uow.sql.nodes import Shape

if TYPE_CHECKING:
    from flask_uow.engine.dialects.base import Dialect

__all__ = ["GivenColumns", "plan_given", "values_with_options"]


class GivenColumns:
    """The columns that a statement of the user's own gives.

    A column is the one that the statement says it is; else the one of its name, or of its name behind that of its table (``user_id``).

    :param compiled: the statement.
    :param described: the names of its columns, from the driver, where the statement itself does not say.
    :ivar names: the names.
    """

    def __init__(self, compiled: Compiled, described: tuple[str, ...]) -> None:
        known = () if has_text(compiled) else compiled.columns
        self.names = tuple(column.name for column in known) or described
        self._by_identity = {id(column.element): position for position, column in enumerate(known)}
        self._by_name: dict[str, list[int]] = {}
        for position, name in enumerate(self.names):
            self._by_name.setdefault(name, []).append(position)
        # how many of the items look for a column of this name, and which column a place was taken for
        self._wanted: Counter[str] = Counter()
        self._taken: dict[int, object] = {}

    def expect(self, items: Iterable[Item]) -> None:
        """Note which names the items of a query have in common."""
        for item in items:
            if isinstance(item, EntityNode):
                props = item.view.mapper.column_attrs.values()
                self._wanted.update({str(prop.column.name) for prop in props if prop.is_stored})
            else:
                self._wanted[str(item.name)] += 1

    def find(self, *columns: ColumnElement[object]) -> int | None:
        """Return the position of a column.

        :param columns: the column, also as what stands for it is called.
        :raises InvalidRequestError: where several columns have its name.
        """
        for column in columns:
            found = self.find_itself(column)
            if found is not None:
                return found
        # what an alias calls it tells more than its table does
        labels = [label for column in reversed(columns) if (label := _label_of(column)) is not None]
        names = list(dict.fromkeys(str(column.name) for column in columns))
        # a name that several look for tells less than one with the table's name before it
        order = [*labels, *names] if any(self._wanted[name] > 1 for name in names) else [*names, *labels]
        return self._named(order, columns[-1])

    def find_labelled(self, *columns: ColumnElement[object]) -> int | None:
        """Return the position of a column that the statement says it is, or that has the name of its table before its own."""
        for column in columns:
            found = self.find_itself(column)
            if found is not None:
                return found
        return self._named([label for c in reversed(columns) if (label := _label_of(c)) is not None], columns[-1])

    def find_itself(self, column: ColumnElement[object]) -> int | None:
        """Return the position of the column that the statement says it is."""
        return self._by_identity.get(id(column))

    def require(self, column: ColumnElement[object]) -> int:
        """Return the position of a column.

        :raises InvalidRequestError: when it is not among those of the statement, or several have its name.
        """
        found = self.find(column)
        if found is None and isinstance(column, Label):
            # a synonym: the statement may know the column by its own name
            found = self.find(column.element)
        if found is None:
            raise self.not_among(str(column.name))
        return found

    def _named(self, names: Iterable[str], column: ColumnElement[object]) -> int | None:
        found = [(name, self._by_name[name]) for name in names if name in self._by_name]
        for _, places in found:
            if len(places) == 1 and self._taken.setdefault(places[0], column) is column:
                return places[0]
        if not found:
            return None
        label, name = _label_of(column), found[0][0]
        how = f", such as {label!r}" if label is not None else ""
        raise InvalidRequestError(
            f"from_statement(): which column of the statement is {column.name!r} cannot be told by the name {name!r}, which means several; it gives"
            f" {', '.join(self.names)}. Say what the columns are with text(...).columns(...), or give each a name with that of its table before it{how}."
        )

    def not_among(self, name: str) -> InvalidRequestError:
        """Return the error for a column that the statement lacks."""
        return InvalidRequestError(
            f"from_statement(): the statement gives no column {name!r}; it gives {', '.join(self.names)}. Name the column so in the statement, or "
            "say what the columns are with text(...).columns(...)."
        )


def _label_of(column: ColumnElement[object]) -> str | None:
    """Return the name of a column with that of its table before it; None for one of no table, or of an alias without a name."""
    table = getattr(getattr(column, "table", None), "name", None)
    return f"{table}_{column.name}" if table is not None else None


def plan_given(select: FromStatement, described: tuple[str, ...], compiled: Compiled, dialect: Dialect) -> QueryPlan:
    """Return the plan of a statement of the user's own, from its memo after the first time.

    A column is the one that the statement says it is (``text().columns(User.id)``), or the one of that name. What ``contains_eager()`` names is
    taken from the statement's columns; what would be joined is loaded by one more statement.

    :param described: the names of its columns, from the driver.
    :raises InvalidRequestError: where the key of an entity, or of what options say that the rows contain, is not among the columns.
    """
    shape = select.shape() if select.loader_options else Shape()
    is_told_apart = collect_options(select.loader_options, shape)
    key = ("plan", described, mapping_version(), *shape.key)
    plan: QueryPlan | None = compiled.memo.get(key) if is_told_apart else None
    if plan is None:
        plan = _plan(select, GivenColumns(compiled, described), compiled, dialect)
        for part in plan.entities:
            if part.tree is not None and part.prop is None:
                part.tree.note_given(shape)
        if is_told_apart:
            compiled.memo[key] = plan
    return plan


def values_with_options(select: FromStatement) -> list[Any]:
    """Return the values of the parameters of a statement, those of its options behind them."""
    if not select.loader_options:
        return []
    shape = select.shape()
    collect_options(select.loader_options, shape)
    return [bind.value for bind in shape.binds]


def _plan(select: FromStatement, given: GivenColumns, compiled: Compiled, dialect: Dialect) -> QueryPlan:
    items = items_of(select)
    given.expect(items)
    own: list[int] = []
    contained: list[int] = []
    for item in items:
        if not isinstance(item, EntityNode):
            own.append(given.require(item))
            continue
        if item.tree is not None and item.tree.expressions:
            raise InvalidRequestError(
                f"with_expression({', '.join(item.tree.expressions)}) and from_statement() do not go together: the statement is sent as it is. Select the"
                " value as a column beside the class."
            )
        for node in (item, *item.walk()):
            # nothing can be joined to a statement that is sent as it is: what we would have joined is loaded by further
            # ones
            node.joined = [joined for joined in node.joined if not joined.is_ours]
        own.extend(_choose(item, given))
        for node in item.walk():
            contained.extend(_choose(node, given))
    positions = (*own, *contained)
    return plan_of_items(
        items,
        compiled,
        dialect,
        names=result_names(select),
        batch=batch_option(select),
        takes_joins=False,
        follows=bool(select.loader_options),
        bundles=bundles_of(select),
        positions=None if positions == tuple(range(len(given.names))) else positions,
    )


def _choose(node: EntityNode, given: GivenColumns) -> list[int]:
    """Restrict a node to the columns that there are; return their positions."""
    view = node.view
    mapper = view.mapper
    chosen = node.tree.columns if node.tree is not None else {}
    found: dict[str, int] = {}
    for name, prop in mapper.column_attrs.items():
        column = view.column(prop.column) if prop.is_stored else prop.column
        # of what is joined, a name alone tells nothing: it may be that of another table's column
        called = (prop.column,) if column is prop.column else (prop.column, column)
        place = given.find(*called) if node.prop is None else given.find_labelled(*called)
        is_key = name in mapper.primary_key_names
        if place is None and is_key:
            if node.prop is None:
                raise given.not_among(str(prop.column.name))
            raise InvalidRequestError(
                f"contains_eager({node.prop.name}): the statement does not say which of its columns is {mapper.class_.__name__}.{name}; it gives"
                f" {', '.join(given.names)}. Say it with text(...).columns({mapper.class_.__name__}.{name}, ...), or pass a SELECT of the class."
            )
        if place is not None and (is_key or name == mapper.discriminator or chosen.get(name, True)):
            found[name] = place
    view.names, view.extra, view.discriminator = tuple(found), (), None
    return list(found.values())
