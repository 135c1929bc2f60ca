"""Relationships to some of a class's rows: to what an alias of it, or another source for it, has of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flask_uow.exc import ArgumentError
from flask_uow.orm.mapping.entity import EntityView
from flask_uow.orm.mapping.join_condition import JoinCondition
from flask_uow.sql.operations import and_
from flask_uow.sql.rewriting import rewritten

if TYPE_CHECKING:
    from flask_uow.sql.nodes import ClauseElement

__all__ = ["about_rows_in_join", "chosen_by"]


def about_rows_in_join(condition: ClauseElement | None, view: EntityView | None, near: Collection[object]) -> Any:
    """Return a condition on the tables of a join as one on the alias of a class that is selected from the join.

    :param view: the view of the alias; where there is none, or it is that of another source, nothing is replaced.
    :param near: the tables of the parent, which are meant themselves.
    """
    if condition is None or view is None or view.join_of is None:
        return condition
    here = {column: view.selectable.c[key] for key, column in view.join_of.c.items() if column.table not in near}
    return rewritten(
        condition, lambda node: here.get(node) if getattr(node, "table", None) is not None else None, keep_own=True
    )


def chosen_by(name: str, condition: JoinCondition, view: EntityView, viewonly: bool) -> JoinCondition:
    """Return a join condition with a view of a class, as one with the class whose rows the view chooses.

    The view is a third element then, between the parent and the class; its key tells which rows of the class are meant. The class's own columns
    are written.

    :param name: the relationship as messages call it, ``Class.attribute``.
    :raises ArgumentError: with a secondary table; and where a column that is to be written is none of the class's.
    """
    mapper, source = view.mapper, view.selectable
    if condition.secondary_pairs:
        raise ArgumentError(
            f"relationship {name} leads to {source.description} and has secondary=, which do not go together. Name the class itself, and say with"
            " secondaryjoin= which of its rows are meant."
        )
    own = {
        view.column(column): column
        for prop in mapper.column_attrs.values()
        for column in reversed(prop.columns)
        if prop.is_stored and view.has(column)
    }
    pairs = tuple((near, own[far]) for near, far in condition.pairs if far in own)
    if len(pairs) < len(condition.pairs) and not viewonly:
        missing = ", ".join(far.name for _, far in condition.pairs if far not in own)
        raise ArgumentError(
            f"relationship {name}: {missing} of {source.description} is no column of {mapper.class_.__name__}, and cannot be written. Pass"
            " viewonly=True, or equate a column that the class has."
        )
    on = condition.on if condition.on is not None else and_(*(near == far for near, far in condition.pairs))
    return replace(
        condition, pairs=pairs, on=on, extra=(), remote=(), through_parent=True, between=(*condition.between, source),
        chosen=tuple((view.column(column), column) for column in mapper.primary_key),
    )  # fmt: skip
