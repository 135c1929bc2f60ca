"""``Bundle``: several expressions that are one item of a row.

A statement selects the members; what makes one value of theirs, :meth:`Bundle.row_maker`, is part of its plan
(:mod:`flask_uow.orm.loading.plan`). A composite attribute is selected in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from flask_uow.engine.rows import Row, row_class
from flask_uow.exc import ArgumentError, did_you_mean
from flask_uow.sql.entities import expand_entity, key_of_item, members_of_bundle

if TYPE_CHECKING:
    from flask_uow.sql.expressions import ColumnElement

__all__ = ["Bundle"]

RowProcessor = Callable[[tuple[Any, ...]], Any]


class BundleColumns:
    """The members of a bundle by name: ``bundle.c.name``, ``bundle.c["name"]``; iteration gives the members."""

    def __init__(self, owner: str, members: dict[str, Any]) -> None:
        self._owner = owner
        self._members = members

    def keys(self) -> list[str]:
        """Return the names."""
        return list(self._members)

    def __getitem__(self, name: str) -> Any:
        return self._members[name]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._members:
            known = ", ".join(self._members)
            hint = did_you_mean(name, self._members)
            raise AttributeError(f"the bundle {self._owner!r} has no member {name!r}.{hint} It has: {known}.")
        return self._members[name]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._members.values())

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, name: object) -> bool:
        return name in self._members


class Bundle:
    """Several expressions as one item of a row: ``select(Bundle("user", User.id, User.name))`` gives rows with ``row.user.name``.

    Derive from it and override :meth:`create_row_processor` for values of another kind than rows. The members by name are in :attr:`c`.

    :param name: the item's name in rows.
    :param exprs: columns, attributes, expressions, further bundles.
    :param single_entity: True has ``session.query(bundle)`` give its values, not rows of one value.
    :ivar exprs: the members.
    :raises ArgumentError: without any, or for a mapped class among them.
    """

    single_entity = False
    is_bundle = True
    is_mapper = is_instance = is_aliased_class = is_attribute = is_property = is_selectable = is_clause_element = False

    def __init__(self, name: str, *exprs: Any, single_entity: bool = False) -> None:
        if not exprs:
            raise ArgumentError(f"Bundle({name!r}) takes the expressions that it is to have, got none.")
        for expr in exprs:
            if hasattr(expr, "__uow_entity__") or (members_of_bundle(expr) is None and len(expand_entity(expr)) != 1):
                raise ArgumentError(
                    f"Bundle({name!r}) takes columns, expressions and bundles, got {expr!r}. Pass its columns."
                )
        self.name = self.key = name
        self.exprs: tuple[Any, ...] = exprs
        self.single_entity = single_entity or type(self).single_entity
        labels = self._labels()
        self.c = self.columns = BundleColumns(name, dict(zip(labels, exprs, strict=True)))

    @property
    def bundle_members(self) -> tuple[Any, ...]:
        """The members, for ``select()``."""
        return self.exprs

    @property
    def parent(self) -> Any:
        """The mapper or alias that the first of the members belongs to; None for other expressions."""
        return getattr(self.exprs[0], "parent", None)

    @property
    def plan_atom(self) -> Hashable:
        """Tells apart what has the same members and makes something else of them."""
        members = (
            m.plan_atom if members_of_bundle(m) is not None else label
            for m, label in zip(self.exprs, self._labels(), strict=True)
        )
        return (type(self), self.name, self.single_entity, *members)

    def _labels(self) -> list[str]:
        found: list[str] = []
        for number, expr in enumerate(self.exprs):
            column: ColumnElement[Any] | None = None if members_of_bundle(expr) is not None else expand_entity(expr)[0]
            found.append(str(key_of_item(expr) or getattr(column, "name", None) or f"column_{number}"))
        return found

    def label(self, name: str) -> Bundle:
        """Return the bundle under another name."""
        return type(self)(name, *self.exprs, single_entity=self.single_entity)

    def create_row_processor(
        self, query: Any, procs: Sequence[RowProcessor], labels: Sequence[str]
    ) -> Callable[[Any], Any]:
        """Return the function that makes the value of a row; override it for values of one's own.

        :param query: None: a value depends on its row alone.
        :param procs: for each member the function that takes its value out of the row.
        :param labels: the names of the members.
        """
        make: type[Row] = row_class(tuple(labels))
        return lambda row: make([proc(row) for proc in procs])

    def row_maker(self) -> RowProcessor:
        """Return the function that makes the value of the members' own values, a tuple."""
        procs: list[RowProcessor] = []
        position = 0
        for expr in self.exprs:
            width = len(expand_entity(expr))
            inner = expr.row_maker() if members_of_bundle(expr) is not None else None
            procs.append(_taking(position, width, inner))
            position += width
        return self.create_row_processor(None, procs, self._labels())

    def __repr__(self) -> str:
        return f"<Bundle {self.name}: {', '.join(self._labels())}>"


def _taking(position: int, width: int, inner: RowProcessor | None) -> RowProcessor:
    if inner is None:
        return lambda row: row[position]
    return lambda row: inner(tuple(row[position : position + width]))
