"""From foreign keys to a relationship: which side holds them, and which columns go together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask_uow.exc import ArgumentError
from flask_uow.orm.mapping.column_mapping import terms_of
from flask_uow.orm.symbols import Direction
from flask_uow.sql import operators as ops
from flask_uow.sql.expressions import BinaryExpression
from flask_uow.sql.foreign_keys import ForeignKeyConstraint
from flask_uow.sql.froms import froms_of
from flask_uow.sql.operations import and_
from flask_uow.sql.rewriting import columns_of
from flask_uow.sql.schema import Column, Table
from flask_uow.sql.selectable import base_column

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flask_uow.orm.interfaces import AnyColumn
    from flask_uow.sql.expressions import ColumnElement
    from flask_uow.sql.nodes import ClauseElement
    from flask_uow.sql.selectable import FromClause

__all__ = ["JoinCondition", "Side", "find_join_condition", "given_join_condition"]


@dataclass(frozen=True, slots=True)
class JoinCondition:
    """How two mapped tables are connected.

    :ivar direction: seen from the parent.
    :ivar pairs: ``(parent's column, target's column)``; with a secondary table ``(parent's column, secondary's column)``.
    :ivar secondary_pairs: ``(target's column, secondary's column)``; empty without a secondary table.
    :ivar on: the whole condition, where it is more than the pairs; else None. With a secondary table, its near half.
    :ivar far: the far half of ``on``, with a secondary table.
    :ivar extra: what ``on`` has besides the pairs.
    :ivar remote: the columns of ``on`` that are on the far side, where a table refers to itself.
    :ivar through_parent: True where the related rows can be told only by joining the parent's table.
    :ivar between: further tables that ``on`` is about, of neither side.
    :ivar chosen: ``(column of one of these, target's column)``, where the relationship leads to what the former has of the class: they tell the row.
    :ivar same: columns of a table that refers to itself whose values are the same on both sides, and are not written.
    """

    direction: Direction
    pairs: tuple[tuple[Column[Any], Column[Any]], ...]
    secondary_pairs: tuple[tuple[Column[Any], Column[Any]], ...] = ()
    on: Any = None
    far: Any = None
    extra: tuple[Any, ...] = ()
    remote: tuple[Any, ...] = ()
    through_parent: bool = False
    between: tuple[Any, ...] = ()
    chosen: tuple[tuple[Any, Any], ...] = ()
    same: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Side:
    """The tables of one side of a relationship.

    :ivar tables: the tables that the class is mapped to, its own before those it inherits.
    :ivar equated: columns that are kept equal to another one within the side; their foreign keys are no relationship.
    :ivar joined: those of them that the join equates to which the class itself is mapped.
    """

    tables: tuple[Any, ...]
    equated: Mapping[Any, Any]
    joined: Mapping[Any, Any]

    def has(self, column: AnyColumn) -> bool:
        """Return True when the column is of one of the tables."""
        return any(column.table is table for table in self.tables)


def find_join_condition(
    name: str,
    parent: Side,
    target: Side,
    secondary: Table | None,
    foreign_keys: list[Column[Any]],
    remote_side: list[Column[Any]],
    primaryjoin: ColumnElement[bool] | None = None,
    secondaryjoin: ColumnElement[bool] | None = None,
    viewonly: bool = False,
) -> JoinCondition:
    """Return the condition that is given, or else the one that the foreign keys give.

    :param name: the relationship as messages call it, ``Class.attribute``.
    :param foreign_keys: columns that tell several foreign keys apart; empty where not given.
    :param remote_side: the columns on the far side of a self-referential relationship.
    :raises ArgumentError: when no foreign key connects the tables, or several do.
    """
    if primaryjoin is not None or secondaryjoin is not None:
        return given_join_condition(
            name, parent, target, secondary, foreign_keys, remote_side, primaryjoin, secondaryjoin, viewonly
        )
    if secondary is not None:
        return _through_secondary(name, parent, target, secondary, foreign_keys, remote_side)
    # a foreign key inside the join to which one class is mapped may lead to the class of one of its tables, where no other does
    for within_join in (False, True):
        for near in parent.tables:
            for far in target.tables:
                found = _outgoing_and_incoming(near, far, parent, target, foreign_keys, within_join)
                if any(found):
                    return _one_of(name, near, far, *found, remote_side)
    raise _not_one(name, parent.tables[0], target.tables[0], [])


def _through_secondary(
    name: str, parent: Side, target: Side, secondary: Table, foreign_keys: list[Any], remote_side: list[Any]
) -> JoinCondition:
    def referred(side: Side) -> Any:
        return next((table for table in side.tables if _between(secondary, table, foreign_keys)), side.tables[0])

    near, far = referred(parent), referred(target)
    if near is far:
        own, other = _two(name, secondary, near, remote_side)
    else:
        own, other = _one(name, secondary, near, foreign_keys), _one(name, secondary, far, foreign_keys)
    return JoinCondition(Direction.MANY_TO_MANY, _flipped(own), _flipped(other))


@dataclass(frozen=True, slots=True)
class _Reference:
    """A foreign key between two elements, by the columns that stand for those of the tables.

    :ivar pairs: ``(column that refers, column referred to)``.
    """

    pairs: tuple[tuple[Any, Any], ...]

    @property
    def columns(self) -> list[Any]:
        return [column for column, _ in self.pairs]

    def is_inside(self, equated: Mapping[Any, Any]) -> bool:
        """Return True where the columns are kept equal within a side anyway."""
        return all(equated.get(column) is target for column, target in self.pairs)


def _references(holder: FromClause, referred: FromClause) -> list[_Reference]:
    """Return the foreign keys between two tables, or what is selected from them."""
    if isinstance(holder, Table) and isinstance(referred, Table):
        constraints = [
            c for c in holder.constraints if isinstance(c, ForeignKeyConstraint) and c.referred_table is referred
        ]
        return [_Reference(_pairs_of(constraint)) for constraint in constraints]
    # the column of a subquery has no foreign keys: the column that it is made of has them
    own = {base_column(column): column for column in holder.c}
    far = {base_column(column): column for column in referred.c}
    found: dict[int, ForeignKeyConstraint] = {
        id(key.constraint): key.constraint for column in own for key in getattr(column, "foreign_keys", ())
    }
    every = [_pairs_of(constraint) for constraint in found.values()]
    return [
        _Reference(tuple((own[column], far[target]) for column, target in pairs))
        for pairs in every
        if all(column in own and target in far for column, target in pairs)
    ]


def _pairs_of(constraint: ForeignKeyConstraint) -> tuple[tuple[Any, Any], ...]:
    return tuple((column, key.column) for column, key in zip(constraint.columns, constraint.elements, strict=True))


def _outgoing_and_incoming(
    near: FromClause, far: FromClause, parent: Side, target: Side, foreign_keys: list[Any], within_join: bool
) -> tuple[list[_Reference], list[_Reference]]:
    def is_wanted(reference: _Reference) -> bool:
        sides = [side for side in (parent, target) if reference.is_inside(side.equated)]
        return not sides or (within_join and len(sides) == 1 and reference.is_inside(sides[0].joined))

    def between(holder: FromClause, referred: FromClause) -> list[_Reference]:
        return [reference for reference in _between(holder, referred, foreign_keys) if is_wanted(reference)]

    return between(near, far), [] if near is far else between(far, near)


def _one_of(
    name: str,
    near: FromClause,
    far: FromClause,
    outgoing: list[_Reference],
    incoming: list[_Reference],
    remote_side: list[Any],
) -> JoinCondition:
    if len(outgoing) + len(incoming) != 1:
        raise _not_one(name, near, far, [*outgoing, *incoming])
    # within one table the key leads both ways, and remote_side tells which one is meant
    if near is far:
        reference = outgoing[0]
        is_remote_key = any(target is column for _, target in reference.pairs for column in remote_side)
        if is_remote_key:
            return JoinCondition(Direction.MANY_TO_ONE, reference.pairs)
        return JoinCondition(Direction.ONE_TO_MANY, _flipped(reference))
    if outgoing:
        return JoinCondition(Direction.MANY_TO_ONE, outgoing[0].pairs)
    return JoinCondition(Direction.ONE_TO_MANY, _flipped(incoming[0]))


def _flipped(reference: _Reference) -> tuple[tuple[Any, Any], ...]:
    return tuple((target, column) for column, target in reference.pairs)


def _between(holder: FromClause, referred: FromClause, foreign_keys: list[Column[Any]]) -> list[_Reference]:
    found = _references(holder, referred)
    if foreign_keys:
        given = {key for key in foreign_keys if key.table is holder}
        wanted = [c for c in found if given.intersection(c.columns)]
        # of foreign keys that share columns, the one that consists of those given; else the one that has them all
        for chosen in ([c for c in wanted if given == set(c.columns)], [c for c in wanted if given <= set(c.columns)]):
            if len(chosen) == 1:
                return chosen
        # the argument is about this table, and rules out the keys that it does not name
        if wanted or any(key.table is holder for key in foreign_keys):
            return wanted
        return [] if any(key.table is referred for key in foreign_keys) else found
    return found


def _one(name: str, holder: FromClause, referred: FromClause, foreign_keys: list[Column[Any]]) -> _Reference:
    found = _between(holder, referred, foreign_keys)
    if len(found) != 1:
        raise _not_one(name, holder, referred, found)
    return found[0]


def _two(
    name: str, secondary: FromClause, parent: FromClause, remote_side: list[Column[Any]]
) -> tuple[_Reference, _Reference]:
    found = _between(secondary, parent, [])
    if len(found) != 2:
        raise _not_one(name, secondary, parent, found)
    # the first one is the parent's own unless remote_side says otherwise
    own, far = found
    if any(column is remote for column in own.columns for remote in remote_side):
        own, far = far, own
    return own, far


def _not_one(name: str, holder: FromClause, referred: FromClause, found: list[_Reference]) -> ArgumentError:
    if not found:
        return ArgumentError(
            f"relationship {name}: no foreign key connects {_called(holder)} and {_called(referred)}."
            f" Add a ForeignKey to one of them, or pass secondary= for a many-to-many relationship."
        )

    def shown(column: AnyColumn) -> str:
        table = column.table
        return f"{getattr(table, 'fullname', None) or getattr(table, 'name', None) or table.description}.{column.name}"

    candidates = "; ".join(
        ", ".join(f"{shown(column)} -> {shown(target)}" for column, target in reference.pairs) for reference in found
    )
    return ArgumentError(
        f"relationship {name}: several foreign keys connect {_called(holder)} and {_called(referred)}: {candidates}."
        " Say which one is meant with foreign_keys=[column]."
    )


def _called(element: FromClause) -> str:
    return repr(element.fullname) if isinstance(element, Table) else str(element.description)


def columns_to_clear(columns: Sequence[Column[Any]]) -> list[Column[Any]]:
    """Return the columns of a foreign key that become NULL when it refers to nothing any more.

    One NULL is enough. A column that has other things to say stays as it is: the ``tenant_id`` that is part of the row's own key, too, or
    of its other foreign keys.
    """
    nullable = [column for column in columns if column.nullable and not column.primary_key]
    alone = [column for column in nullable if not _has_other_use(column, set(columns))]
    return alone or nullable or list(columns)


def _has_other_use(column: Column[Any], key: set[Column[Any]]) -> bool:
    return any(
        isinstance(constraint, ForeignKeyConstraint) and column in constraint.columns and set(constraint.columns) != key
        for constraint in getattr(column.table, "constraints", ())
    )


# -- conditions of the user's own


def _equated(term: ClauseElement) -> tuple[Any, Any] | None:
    """Return the two columns that a term equates, None when it is something else."""
    if isinstance(term, BinaryExpression) and term.operator is ops.EQ:
        if term.left.__visit_name__ == term.right.__visit_name__ == "column":
            return term.left, term.right
    return None


def _equated_within(term: ClauseElement) -> tuple[Any, Any] | None:
    """Return the two columns of which a term equates a cast, or whatever expression of one column; None when it is something else."""
    if not isinstance(term, BinaryExpression) or term.operator is not ops.EQ:
        return None
    left, right = list(dict.fromkeys(columns_of(term.left))), list(dict.fromkeys(columns_of(term.right)))
    return (left[0], right[0]) if len(left) == len(right) == 1 else None


def _is_foreign_key(column: AnyColumn, other: AnyColumn, foreign_keys: list[Any]) -> bool:
    if foreign_keys:
        return any(column is key for key in foreign_keys)
    return any(key.column is base_column(other) for key in column.foreign_keys)


def given_join_condition(
    name: str,
    parent: Side,
    target: Side,
    secondary: Table | None,
    foreign_keys: list[Any],
    remote_side: list[Any],
    primaryjoin: ColumnElement[bool] | None,
    secondaryjoin: ColumnElement[bool] | None,
    viewonly: bool,
) -> JoinCondition:
    """Return the condition that ``primaryjoin=`` and ``secondaryjoin=`` give.

    :raises ArgumentError: when it does not say which columns of the two sides are kept equal.
    """
    if secondary is not None:
        return _given_secondary(name, parent, target, secondary, primaryjoin, secondaryjoin, remote_side)
    assert primaryjoin is not None
    is_own_table = any(table is other for table in parent.tables for other in target.tables)
    _check_sides(name, parent, target, foreign_keys, remote_side, primaryjoin, is_own_table)
    pairs, rest, directions, same = [], [], set(), []
    for term in terms_of(primaryjoin):
        found = _equated(term)
        # a column equated with itself: the two rows have the same value there
        if found is not None and found[0] is found[1] and is_own_table and _is_among(found[0], remote_side):
            same.append(found[0])
            continue
        pair = _pair(found, parent, target, foreign_keys, remote_side) if found is not None else None
        if pair is None:
            rest.append(term)
            # what is read by a cast or a function is written as it is
            found = _equated_within(term) if found is None and not viewonly else None
            pair = _pair(found, parent, target, foreign_keys, remote_side) if found is not None else None
        if pair is not None:
            pairs.append(pair[:2])
            directions.add(pair[2])
    if len(directions) > 1 or (not pairs and not viewonly):
        raise ArgumentError(
            f"relationship {name}: primaryjoin={primaryjoin} does not tell which foreign key connects {_called(parent.tables[0])} and"
            f" {_called(target.tables[0])}. It should equate a foreign key with what it refers to; name the key with foreign_keys=[column]"
            " where no ForeignKey is declared (and the far column with remote_side= where a table refers to itself), or pass viewonly=True."
        )
    if not pairs and is_own_table and not remote_side:
        raise ArgumentError(
            f"relationship {name}: primaryjoin={primaryjoin} is about {_called(parent.tables[0])} on both sides, and nothing says which columns are on"
            " the far one. Name them with remote_side=[column]."
        )
    direction = directions.pop() if directions else Direction.ONE_TO_MANY
    remote = tuple(remote_side) or tuple(far for _, far in pairs)
    uses_parent = any(_names_parent(term, parent, target, remote) for term in rest)
    sides = (*parent.tables, *target.tables)
    between = dict.fromkeys(table for table in froms_of(primaryjoin) if not any(table is side for side in sides))
    if same:
        primaryjoin = and_(*(term for term in terms_of(primaryjoin) if not _is_of_same(term, same)))
    return JoinCondition(
        direction, tuple(pairs), on=primaryjoin if rest or same else None, extra=tuple(rest), remote=remote,
        through_parent=uses_parent or not pairs or bool(between) or bool(same), between=tuple(between), same=tuple(same),
    )  # fmt: skip


def _check_sides(
    name: str,
    parent: Side,
    target: Side,
    foreign_keys: list[Any],
    remote_side: list[Any],
    primaryjoin: ColumnElement[bool],
    is_own_table: bool,
) -> None:
    """Refuse arguments that contradict the condition, or each other.

    :raises ArgumentError: where both columns that are equated are to be foreign keys, or the far side is to be on both.
    """
    for term in terms_of(primaryjoin):
        found = _equated(term)
        if found is not None and found[0] is not found[1] and all(_is_among(column, foreign_keys) for column in found):
            raise ArgumentError(
                f"relationship {name}: foreign_keys= names both sides of {term}, and only one of them refers to the other. Leave the one out that is"
                " referred to."
            )
    near = [column for column in remote_side if parent.has(column)]
    if not is_own_table and near and any(target.has(column) for column in remote_side):
        raise ArgumentError(
            f"relationship {name}: remote_side= names columns of both {_called(parent.tables[0])} and {_called(target.tables[0])}; the far side is"
            f" {_called(target.tables[0])}. Leave out {', '.join(str(column) for column in near)}."
        )


def _is_of_same(term: ClauseElement, same: list[Any]) -> bool:
    found = _equated(term)
    return found is not None and found[0] is found[1] and _is_among(found[0], same)


def _is_among(column: AnyColumn, columns: list[Any]) -> bool:
    return any(column is other for other in columns)


def _pair(
    columns: tuple[Any, Any], parent: Side, target: Side, foreign_keys: list[Any], remote_side: list[Any]
) -> tuple[Any, Any, Direction] | None:
    """Return ``(parent's column, target's column, direction)`` of two columns that are equated."""
    for key, referred in (columns, columns[::-1]):
        if not _is_foreign_key(key, referred, foreign_keys):
            continue
        outgoing, incoming = parent.has(key) and target.has(referred), target.has(key) and parent.has(referred)
        # columns of one table fit both ways, and remote_side tells which one is meant
        if outgoing and incoming:
            outgoing = any(referred is column for column in remote_side)
        if outgoing:
            return key, referred, Direction.MANY_TO_ONE
        if incoming:
            return referred, key, Direction.ONE_TO_MANY
    return None


def _names_parent(term: ClauseElement, parent: Side, target: Side, remote: tuple[Any, ...]) -> bool:
    return any(
        parent.has(column) and (not target.has(column) or not any(column is far for far in remote))
        for column in columns_of(term)
    )


def _given_secondary(
    name: str,
    parent: Side,
    target: Side,
    secondary: Table,
    primaryjoin: ColumnElement[bool] | None,
    secondaryjoin: ColumnElement[bool] | None,
    remote_side: list[Any],
) -> JoinCondition:
    pairs: tuple[Any, ...] = ()
    secondary_pairs: tuple[Any, ...] = ()
    if primaryjoin is None or secondaryjoin is None:
        derived = find_join_condition(name, parent, target, secondary, [], remote_side)
        pairs, secondary_pairs = derived.pairs, derived.secondary_pairs

    def read(on: ClauseElement, side: Side) -> tuple[tuple[Any, Any], ...]:
        pairs = []
        for term in terms_of(on):
            found = _equated(term)
            for own, other in (found, found[::-1]) if found is not None else ():
                if side.has(own) and other.table is secondary:
                    pairs.append((own, other))
        if not pairs:
            raise ArgumentError(
                f"relationship {name}: the condition {on} equates no column of {_called(side.tables[0])} with one of {_called(secondary)}."
                " primaryjoin= connects this table with the secondary one, secondaryjoin= the secondary one with the target."
            )
        return tuple(pairs)

    def plain(pairs: Iterable[tuple[AnyColumn, AnyColumn]]) -> Any:
        return and_(*(own == other for own, other in pairs))

    own = read(primaryjoin, parent) if primaryjoin is not None else pairs
    far = read(secondaryjoin, target) if secondaryjoin is not None else secondary_pairs
    on = primaryjoin if primaryjoin is not None else plain(own)
    beyond = secondaryjoin if secondaryjoin is not None else plain(far)
    if len(terms_of(on)) == len(own) and len(terms_of(beyond)) == len(far):
        return JoinCondition(Direction.MANY_TO_MANY, own, far)
    return JoinCondition(Direction.MANY_TO_MANY, own, far, on=on, far=beyond, through_parent=True)
