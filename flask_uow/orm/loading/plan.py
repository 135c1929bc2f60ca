"""The plan of a query: its compiled statement, what its rows become, and which statements follow.

A plan is derived once for a statement's shape and its loader options, and kept with the compiled statement; ``print(plan)`` shows it. It holds
nothing of one execution: values come in through :meth:`QueryPlan.parameters`, objects are kept by a
:class:`~flask_uow.orm.loading.run.QueryRun`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from flask_uow.engine.rows import RowMaker
from flask_uow.orm.loading.parts import ColumnPart, EntityLoader, EntityPart, Part
from flask_uow.sql.compiler import Compiled
from flask_uow.sql.expressions import BindParameter
from flask_uow.sql.value_errors import unfit_parameters

__all__ = ["Bundled", "QueryPlan", "Source"]

# where a value of the compiled statement comes from: the position among those that are given, or a parameter of the mapping's own
Source = int | BindParameter[Any]


class Bundled(NamedTuple):
    """How the values of several parts become one item of a row.

    :ivar width: the number of the parts.
    :ivar make: makes the item of a tuple of their values; None for the value of one part as it is.
    :ivar is_single: True where a query of the item alone gives it in place of rows.
    """

    width: int
    make: Callable[[tuple[Any, ...]], Any] | None
    is_single: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class QueryPlan:
    """How a statement is executed and its rows are read. Immutable, shared between threads.

    :ivar compiled: the statement as it is sent: joined eager loading included.
    :ivar parts: one for each item of ``select()``.
    :ivar names: their names in a result row.
    :ivar entities: the parts that give objects, those that are joined included, parents first.
    :ivar sources: where the values of ``compiled`` come from; None takes those that are given, as they are.
    :ivar may_repeat: False where no two rows can be of the same objects.
    :ivar is_multiplied: True where a joined collection repeats the rows of the query.
    :ivar batch: whether later loads of the objects are batched; None where the statement does not say.
    :ivar positions: the columns to be read, in order, where a statement of the user's own gives others as well.
    :ivar bundles: for each item of ``select()`` how many parts are its own, and what makes one value of theirs; None where no item has several.
    :ivar expressions: of the parts at the end, those that give values to attributes of objects: the number of the object's part, and the attribute.
    :ivar load: makes objects of rows that are nothing but one entity's columns, and which no further statement follows (benchmark: get_miss);
        else None.
    :ivar make_rows: makes rows of the driver's where each is nothing but its columns (benchmark: load_scan_columns); else None.
    """

    compiled: Compiled
    parts: tuple[Part, ...]
    names: tuple[str, ...]
    entities: tuple[EntityPart, ...]
    sources: tuple[Source, ...] | None = None
    may_repeat: bool = True
    is_multiplied: bool = False
    batch: bool | None = None
    positions: tuple[int, ...] | None = None
    bundles: tuple[Bundled, ...] | None = None
    expressions: tuple[tuple[int, str], ...] = ()
    load: EntityLoader | None = None
    make_rows: RowMaker | None = None

    @property
    def sql(self) -> str:
        """The text of the statement, with the driver's placeholders."""
        return self.compiled.sql

    @property
    def columns(self) -> list[ColumnPart]:
        """The parts that give values."""
        return [part for part in self.parts if isinstance(part, ColumnPart)]

    @property
    def single_entity(self) -> bool:
        """True when each row is one object."""
        return len(self.parts) - len(self.expressions) == 1 and isinstance(self.parts[0], EntityPart)

    @property
    def gives_objects(self) -> bool:
        """True when an item of each row is an object."""
        # joined relationships, and what options select, come after the items
        return any(isinstance(part, EntityPart) and part.prop is None for part in self.parts)

    @property
    def gives_items(self) -> bool:
        """True when each row of a query is its one item: an object, or a bundle that says so."""
        return self.single_entity or (self.bundles is not None and len(self.bundles) == 1 and self.bundles[0].is_single)

    def bundled(self, columns: list[list[Any]]) -> list[list[Any]]:
        """Return the columns of the items, of those of the parts."""
        if self.bundles is None:
            return columns
        made: list[list[Any]] = []
        position = 0
        for width, make, _ in self.bundles:
            own = columns[position : position + width]
            made.append(own[0] if make is None else [make(values) for values in zip(*own, strict=True)])
            position += width
        return made

    def parameters(self, values: Sequence[Any], given: Mapping[str, Any] | None = None) -> tuple[Any, ...]:
        """Return the driver's parameters for one execution.

        :param values: the values of the statement's bind parameters, or of the keys that are asked for, in order.
        :param given: values given at execution, by name.
        :raises ArgumentError: for values without names.
        """
        if given and not isinstance(given, Mapping):
            raise unfit_parameters(given)
        if self.sources is not None:
            values = [values[source] if type(source) is int else source.value for source in self.sources]  # type: ignore[union-attr]
        return self.compiled.parameters(values, given)

    def __str__(self) -> str:
        lines = [self.compiled.sql]
        for part, name in zip(self.parts, self.names, strict=False):
            if isinstance(part, EntityPart):
                lines.extend(_described(part, name, 1))
            else:
                lines.append(f"  {name}: column {part.position}")
        lines.extend(
            f"  {self.names[number]}.{name}: column {part.position if isinstance(part, ColumnPart) else part.start}"
            for (number, name), part in zip(self.expressions, self.parts[-len(self.expressions) :], strict=False)
        )
        if self.bundles is None and not self.expressions:
            lines.extend(f"  {self._key_of_parents(part)}" for part in self.parts[len(self.names) :])
        return "\n".join(lines)

    def _key_of_parents(self, part: Part) -> str:
        position = part.position if isinstance(part, ColumnPart) else part.start
        return f"(key of the parent: column {position})"


def _described(part: EntityPart, name: str, depth: int) -> Iterator[str]:
    indent = "  " * depth
    class_name = part.mapper.class_.__name__
    is_class = f", a {class_name}" if name != class_name else ""
    attributes = [*part.layout.names, *(f"{e.mapper.class_.__name__}.{e.name}" for e in part.layout.extra)]
    yield f"{indent}{name}{is_class}: columns {part.start} to {part.stop - 1} ({', '.join(attributes)})"
    for joined in part.joined:
        assert joined.prop is not None
        how = "joined" if joined.is_ours else "joined by the query"
        yield from _described(joined, f"{joined.prop.key}, {how}", depth + 1)
    for columns in part.columns:
        of = columns.mapper.class_.__name__
        yield f"{indent}  then columns of {of} ({', '.join(columns.names)}): SELECT of {of} by the keys of these objects"
    for following in part.following:
        by = "the query as a subquery" if following.by_subquery else "the keys of these objects"
        target = following.prop.mapper.class_.__name__
        how = f"SELECT of {target} by {by}" if following.strategy != "present" else "from the identity map"
        yield f"{indent}  then {following.prop.key}, {following.strategy}: {how}"
        if following.below is not None:
            yield from (f"{indent}    {line}" for line in following.below.described())
