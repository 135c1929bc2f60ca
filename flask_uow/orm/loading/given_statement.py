"""Statements of the user's own that give the rows of entities: which of their columns is which, and what loader options say of the objects."""

from __future__ import annotations

from typing import Any

from flask_uow.exc import InvalidRequestError
from flask_uow.orm.loading.eager import Rows, batch_option, read_rows
from flask_uow.orm.loading.joined import EntityPart, view_of
from flask_uow.orm.loading.options import load_tree
from flask_uow.sql.compiler import Compiled
from flask_uow.sql.entities import expand_entity
from flask_uow.sql.expressions import Label
from flask_uow.sql.from_statement import FromStatement

__all__ = ["GivenColumns", "read_with_options"]


class GivenColumns:
    """The columns that a statement of the user's own gives.

    :param compiled: the statement.
    :param described: the names of its columns, from the driver, where the statement itself does not say.
    :ivar names: the names.
    """

    def __init__(self, compiled: Compiled, described: tuple[str, ...]) -> None:
        self.names = tuple(column.name for column in compiled.columns) or described
        self._by_identity = {id(column.element): position for position, column in enumerate(compiled.columns)}
        self._by_name: dict[str, int] = {}
        for position, name in enumerate(self.names):
            self._by_name.setdefault(name, position)

    def find(self, column: Any) -> int | None:
        """Return the position of the column that the statement says it is, or else of the one of that name."""
        found = self.find_itself(column)
        return found if found is not None else self._by_name.get(str(column.name))

    def find_either(self, column: Any, standing: Any) -> int | None:
        """Return the position of a column, or of what stands for it."""
        found = self.find(column)
        return found if found is not None or standing is column else self.find(standing)

    def find_itself(self, column: Any) -> int | None:
        """Return the position of the column that the statement says it is."""
        return self._by_identity.get(id(column))

    def require(self, column: Any) -> int:
        """Return the position of a column.

        :raises InvalidRequestError: when it is not among those of the statement.
        """
        found = self.find(column)
        if found is None and isinstance(column, Label):
            # a synonym: the statement may know the column by its own name
            found = self.find(column.element)
        if found is None:
            raise self.not_among(str(column.name))
        return found

    def not_among(self, name: str) -> InvalidRequestError:
        """Return the error for a column that the statement lacks."""
        return InvalidRequestError(
            f"from_statement(): the statement gives no column {name!r}; it gives {', '.join(self.names)}. Name the column so in the statement, or "
            "say what the columns are with text(...).columns(...)."
        )


def read_with_options(
    session: Any, dialect: Any, select: FromStatement, given: GivenColumns, rows: Rows, populate: bool
) -> tuple[list[list[Any]], bool]:
    """Return what rows become for each entity or column, and whether the collections that they contain have multiplied them.

    What ``contains_eager()`` names is taken from the statement's columns; what would be joined is loaded by one more statement.

    :raises InvalidRequestError: where the key of an entity, or of what options say that the rows contain, is not among the columns.
    """
    mappers = [item.__uow_entity__.mapper for item in select.entities if hasattr(item, "__uow_entity__")]
    items: list[Any] = []
    own: list[int] = []
    contained: list[int] = []
    seen: set[Any] = set()
    for item in select.entities:
        entity = getattr(item, "__uow_entity__", None)
        if entity is None:
            for column in expand_entity(item):
                items.append(column)
                own.append(given.require(column))
            continue
        mapper = entity.mapper
        # options are for the first entity of a class
        tree = load_tree(select._options, mapper, mappers) if mapper not in seen else None
        seen.add(mapper)
        root = EntityPart(view_of(mapper, entity, tree), tree, (mapper,))
        root.collect()
        for part in (root, *root.walk()):
            part.parts = [child for child in part.parts if not child.is_ours]
        own.extend(_choose(root, given))
        for part in root.walk():
            contained.extend(_choose(part, given))
        items.append(root)
    positions = [*own, *contained]
    picked = [tuple([row[position] for position in positions]) for row in rows]
    return read_rows(session, dialect, items, picked, batch_option(select), populate, None)


def _choose(part: EntityPart, given: GivenColumns) -> list[int]:
    """Restrict a part to the columns that there are; return their positions."""
    view = part.view
    mapper = view.mapper
    chosen = part.tree.columns if part.tree is not None else {}
    found: dict[str, int] = {}
    for name, prop in mapper.column_attrs.items():
        column = view.column(prop.column) if prop.is_stored else prop.column
        # of what is joined, a name tells nothing: it may be that of another table's column
        place = given.find_either(prop.column, column) if part.prop is None else given.find_itself(column)
        is_key = name in mapper.primary_key_names
        if place is None and is_key:
            if part.prop is None:
                raise given.not_among(str(prop.column.name))
            raise InvalidRequestError(
                f"contains_eager({part.prop.name}): the statement does not say which of its columns is {mapper.class_.__name__}.{name}; it gives"
                f" {', '.join(given.names)}. Say it with text(...).columns({mapper.class_.__name__}.{name}, ...), or pass a SELECT of the class."
            )
        if place is not None and (is_key or name == mapper.discriminator or chosen.get(name, True)):
            found[name] = place
    view.names, view.extra = tuple(found), ()
    return list(found.values())
