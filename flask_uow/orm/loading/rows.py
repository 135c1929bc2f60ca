"""Rows to objects: one function for each mapper and dialect, generated as source.

This is the hot path of every query (benchmark: load_entities), hence generated code: what is decided per mapper is not decided
per row. A generated function takes the driver's rows and the identity map, and returns the objects in order; a row whose object
is in the identity map already yields that object, with absent values filled in and present ones left alone.
``print(loader_source(mapper, dialect)[0])`` shows what it looks like.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from flask_uow.engine.collector import MANY_ROWS, with_collector_at_rest
from flask_uow.exc import InvalidRequestError
from flask_uow.orm.loading.parts import ColumnPart, EntityLoader, EntityPart, Rows
from flask_uow.orm.mapping.entity import Layout
from flask_uow.orm.state.instance_state import InstanceState, describe, forget
from flask_uow.orm.state.mutables import remember
from flask_uow.orm.state.siblings import Siblings
from flask_uow.orm.symbols import STATE
from flask_uow.sql.stored_values import StoredValueError, column_label, of_some_column

if TYPE_CHECKING:
    from flask_uow.engine.dialects.base import Dialect
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.session.execution import ExecutingSession
    from flask_uow.orm.state.identity import FamilyIdentities

__all__ = ["EntityLoader", "entity_loader", "load_objects", "load_plainly", "loader_for", "loader_source"]

# attributes by the position of their columns; None for a column that is none of the class's
Columns = tuple[str | None, ...]
# from that many rows on, a loader for rows of just this width is worth its compilation
_MANY: Final = 64


def entity_loader(mapper: Mapper, dialect: Dialect, columns: Columns, repeats: bool = False) -> EntityLoader:
    """Return the function that turns rows into objects of a mapper.

    :param columns: the attributes that the rows hold, in order; None for a column that is none of this class's.
    :param repeats: True where rows that follow one another are often of one object, as a join makes them.
    """
    memo = ("entity loader", dialect.name, columns, repeats)
    loader: EntityLoader | None = mapper.memo.get(memo)
    if loader is None:
        source, names = loader_source(mapper, dialect, columns, repeats)
        exec(compile(source, f"<loader of {mapper.class_.__name__}>", "exec"), names)
        made: EntityLoader = names["load"]
        mapper.memo[memo] = made
        return made
    return loader


def _ignore(state: InstanceState) -> None:
    """Stand in for ``append`` where a result has no siblings."""


def load_objects(
    part: EntityPart,
    rows: Rows,
    session: ExecutingSession,
    dialect: Dialect,
    batch: bool | None = None,
    values: Sequence[Any] = (),
) -> list[Any]:
    """Return the object of each row for a part; the objects are siblings.

    :param rows: the driver's rows, whole.
    :param batch: False where each is to be loaded for alone; None leaves that to the Session.
    :param values: the values of the statement's parameters.
    """
    if session.hooks.loaded_as_persistent:
        return _tell_loaded(part, rows, session, dialect, batch, values)
    return _load_objects(part, rows, session, dialect, batch, values)


def _tell_loaded(
    part: EntityPart, rows: Rows, session: ExecutingSession, dialect: Dialect, batch: bool | None, values: Sequence[Any]
) -> list[Any]:
    """Load objects, and tell the Session's listeners of those that it did not have."""
    entries = session.objects.identities_of(part.mapper).entries
    # held, so that none of them goes and comes back
    before = {id(obj): obj for state in list(entries.values()) if (obj := state()) is not None}
    objects = _load_objects(part, rows, session, dialect, batch, values)
    for obj in {id(obj): obj for obj in objects if obj is not None and id(obj) not in before}.values():
        session.objects.tell("loaded_as_persistent", obj)
    return objects


def _load_objects(
    part: EntityPart, rows: Rows, session: ExecutingSession, dialect: Dialect, batch: bool | None, values: Sequence[Any]
) -> list[Any]:
    mapper, tree, load = part.mapper, part.tree, part.load
    siblings = None
    # one object has no siblings, but what the options say goes with them
    if len(rows) > 1 or tree is not None:
        siblings = Siblings(tree, session.batch_loading if batch is None else batch)
        if tree is not None and tree.given:
            siblings.values = values
    if load is None:
        own = rows if part.is_whole else [row[part.start : part.stop] for row in rows]
        return _load_family(own, mapper, dialect, session, siblings, part.layout)
    if not part.is_whole:
        if len(rows) < _MANY:
            rows = [row[part.start : part.stop] for row in rows]
        else:
            # a function of its own that skips the other columns beats a slice of each row
            before, after = part.start, part.row_width - part.stop
            columns = (*(None,) * before, *part.layout.names, *(None,) * after)
            load = entity_loader(mapper, dialect, columns, repeats=True)
    objects = _load_by(load, mapper, rows, session.objects.identities_of(mapper), siblings)
    if mapper.base_mapper is not mapper:
        _check_classes(objects, mapper)
    return objects


def load_plainly(
    load: EntityLoader, mapper: Mapper, rows: Rows, session: ExecutingSession, batch: bool | None
) -> list[Any]:
    """Return the object of each row, like :func:`load_objects`, for rows that are about nothing else; see ``QueryPlan.load``."""
    siblings = Siblings(None, session.batch_loading if batch is None else batch) if len(rows) > 1 else None
    return _load_by(load, mapper, rows, session.objects.identities_of(mapper), siblings)


def _load_by(
    load: EntityLoader, mapper: Mapper, rows: Rows, identities: FamilyIdentities, siblings: Siblings | None
) -> list[Any]:
    # what listens to objects being loaded may send statements, for which the collector is not to wait
    if len(rows) < MANY_ROWS or mapper.events.reconstruct is not None or mapper.hooks.refresh:
        return load(rows, identities, siblings)
    return with_collector_at_rest(load, rows, identities, siblings)


def loader_for(mapper: Mapper, layout: Layout, dialect: Dialect) -> EntityLoader | None:
    """Return the function that makes objects of rows with this layout; None where a column of theirs tells the classes of the objects."""
    if mapper.discriminator is not None or layout.discriminator is not None:
        return None
    return entity_loader(mapper, dialect, layout.names)


def _check_classes(objects: list[Any], mapper: Mapper) -> None:
    """Refuse objects that the Session holds as ones of a base: without a discriminator a query of that does not know better.

    :raises InvalidRequestError: naming the object.
    """
    for obj in objects:
        if obj is not None and not isinstance(obj, mapper.class_):
            raise InvalidRequestError(
                f"{describe(obj)} is a row of {mapper.class_.__name__}, and this Session has loaded it as a {type(obj).__name__}, since no"
                f" polymorphic_on= tells the class of a row. Give {mapper.base_mapper.class_.__name__} one, or expunge the object first."
            )


def _load_family(
    rows: Rows, mapper: Mapper, dialect: Dialect, session: ExecutingSession, siblings: Siblings | None, layout: Layout
) -> list[Any]:
    """Group rows by their discriminator, let the loader of each class make its objects, and restore the order."""
    if layout.discriminator is not None:
        index, column = layout.width - 1, layout.discriminator
    else:
        assert mapper.discriminator is not None
        index, column = layout.names.index(mapper.discriminator), mapper.column_attrs[mapper.discriminator].column
    # grouped by what the driver gives, so that one value of each group has to be converted
    numbers_by_value: dict[Any, list[int]] = {}
    for number, row in enumerate(rows):
        numbers_by_value.setdefault(row[index], []).append(number)
    teller = ColumnPart(index, dialect.result_processor(column.type), column)
    objects: list[Any] = [None] * len(rows)
    for value, numbers in numbers_by_value.items():
        target = _class_for(mapper, None if value is None else teller.value(rows[numbers[0]]))
        loader = entity_loader(target, dialect, _columns_for(target, layout))
        own = rows if len(numbers) == len(rows) else [rows[number] for number in numbers]
        found = _load_by(loader, target, own, session.objects.identities_of(target), siblings)
        if own is rows:
            return found
        for number, obj in zip(numbers, found, strict=True):
            objects[number] = obj
    return objects


def _class_for(mapper: Mapper, identity: object) -> Mapper:
    target: Mapper | None = mapper.polymorphic_map.get(identity)
    if target is None:
        if identity is None:
            # a row of an outer join without a partner, or of a class that has no identity of its own
            return mapper
        known = ", ".join(repr(key) for key in mapper.polymorphic_map) or "none"
        raise InvalidRequestError(
            f"a row of {mapper.class_.__name__} has {mapper.discriminator or 'its discriminator'}={identity!r}, and no class is mapped with that"
            f" polymorphic_identity. Known are: {known}. Import the module that maps the class, or correct the row."
        )
    return target if target.isa(mapper) else mapper


def _columns_for(target: Mapper, layout: Layout) -> Columns:
    """Return which attributes of a class the columns of rows hold that were selected for a base of it."""
    own = [name if name in target.column_attrs else None for name in layout.names]
    extra = (extra.name if target.isa(extra.mapper) else None for extra in layout.extra)
    return (*own, *extra, None) if layout.discriminator is not None else (*own, *extra)


def loader_source(
    mapper: Mapper, dialect: Dialect, columns: Columns | None = None, repeats: bool = False
) -> tuple[str, dict[str, Any]]:
    """Return the source of a mapper's loader, and the names that it uses; see :func:`entity_loader`."""
    class_ = mapper.class_
    names: dict[str, Any] = {
        "cls": class_, "new": class_.__new__, "State": InstanceState, "forget": forget, "ignore": _ignore,
        "remember": remember, "Unfit": StoredValueError, "reconstruct": mapper.events.reconstruct, "refreshed": mapper.hooks.refresh,
    }  # fmt: skip
    order = list(columns if columns is not None else mapper.loaded_names)
    variables = [f"c{number}" for number in range(len(order))]
    converted: dict[str, str] = {}
    for number, name in enumerate(order):
        if name is None:
            continue
        processor = dialect.result_processor(mapper.column_attrs[name].column.type)
        if processor is not None:
            names[f"p{number}"] = processor
            converted[name] = f"p{number}(c{number})"
        else:
            converted[name] = f"c{number}"
    names["located"] = partial(_located, mapper, order, [names.get(f"p{number}") for number in range(len(order))])
    key_variables = [f"c{order.index(name)}" for name in mapper.primary_key_names]
    key_values = [converted[name] for name in mapper.primary_key_names]
    key = key_values[0] if len(key_values) == 1 else f"({', '.join(key_values)})"
    either = " and " if mapper.allow_partial_pks else " or "
    lines = [
        "def load(rows, identities, siblings):",
        "    entries = identities.entries",
        "    find = entries.get",
        "    strong = identities.strong",
        "    add = siblings.states.append if siblings is not None else ignore",
        "    objects = []",
        "    append = objects.append",
        *(["    last = objects"] if repeats else []),
        "    try:",
        *(
            f"    {line}"
            for line in (
                f"    for {', '.join(variables)}{',' if len(variables) == 1 else ''} in rows:",
                f"        identity = {key}",
                *(_REPEATED if repeats else ()),
                # the identity map holds objects weakly: an entry whose object is gone counts as none
                "        state = find(identity)",
                "        if state is None or (obj := state()) is None:",
                f"            if {either.join(f'{v} is None' for v in key_variables)}:",
                *(["                obj = None"] if repeats else []),
                "                append(None)",
                "                continue",
                *_new_object(mapper, converted, key),
                "        else:",
                *_known_object(mapper, converted),
                "        append(obj)",
            )
        ),
        # no cost where nothing is wrong
        "    except Unfit as error:",
        f"        raise located(error, ({', '.join(variables)},)) from error.__cause__",
        "    return objects",
    ]
    return "\n".join(lines) + "\n", names


def _located(
    mapper: Mapper,
    names: list[str | None],
    processors: list[Callable[[Any], Any] | None],
    error: StoredValueError,
    row: tuple[Any, ...],
) -> StoredValueError:
    """Return an error of a loader with the attribute whose value is wrong, and its column."""

    def label(number: int) -> str:
        name = names[number]
        assert name is not None
        return f"{mapper.class_.__name__}.{name} (column {column_label(mapper.column_attrs[name].column)})"

    return of_some_column(error, processors, label, row)


# a row of the object that the row before it was of, as a join repeats them
_REPEATED = (
    "        if identity == last:",
    "            append(obj)",
    "            continue",
    "        last = identity",
)


def _new_object(mapper: Mapper, converted: Mapping[str, str], key: str) -> list[str]:
    """Return the lines that make an object: without its ``__init__``, with its values, known to the identity map."""
    return [
        "            obj = new(cls)",
        "            state = State(obj, forget)",
        "            state.row_key = identity",
        "            state.owner = identities",
        "            state.changes = None",
        "            state.siblings = siblings",
        "            add(state)",
        "            values = obj.__dict__",
        *(
            f"            values[{name!r}] = {'identity' if expression == key else expression}"
            for name, expression in converted.items()
        ),
        f"            values[{STATE!r}] = state",
        "            entries[identity] = state",
        "            if strong is not None:",
        "                strong[state] = obj",
        *(["            remember(state, obj)"] if mapper.mutable_types else []),
        *(["            reconstruct(obj)"] if mapper.events.reconstruct is not None else []),
    ]


def _known_object(mapper: Mapper, converted: Mapping[str, str]) -> list[str]:
    """Return the lines that fill in what an object lacks which the Session has already; what it has is not overwritten."""
    missing = " or ".join(f"{name!r} not in values" for name in converted)
    return [
        "            if siblings is not None and state.siblings is not siblings:",
        "                siblings.adopt(state)",
        "            values = obj.__dict__",
        f"            if {missing}:",
        *(
            [f"                absent = {{{', '.join(map(repr, converted))}}} - values.keys()"]
            if mapper.hooks.refresh
            else []
        ),
        *(f"                values.setdefault({name!r}, {expression})" for name, expression in converted.items()),
        *(
            ["                for hook in refreshed:", "                    hook(obj, None, absent)"]
            if mapper.hooks.refresh
            else []
        ),
        *(["                remember(state, obj)"] if mapper.mutable_types else []),
    ]
