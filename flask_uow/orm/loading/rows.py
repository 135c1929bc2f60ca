"""Rows to objects: one function for each mapper and dialect, generated as source.

This is the hot path of every query (benchmark: load_entities), hence generated code: what is decided per mapper is not decided
per row. A generated function takes the driver's rows and the identity map, and returns the objects in order; a row whose object
is in the identity map already yields that object, with absent values filled in and present ones left alone.
``print(loader_source(mapper, dialect)[0])`` shows what it looks like.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask_uow.exc import InvalidRequestError
from flask_uow.orm.mapping.entity import Layout
from flask_uow.orm.state.identity import FamilyIdentities
from flask_uow.orm.state.instance_state import InstanceState, describe, forget
from flask_uow.orm.state.mutables import remember
from flask_uow.orm.state.siblings import Siblings
from flask_uow.orm.symbols import STATE

__all__ = ["EntityLoader", "entity_loader", "load_objects", "loader_source"]

EntityLoader = Callable[[Any, FamilyIdentities, "Siblings | None"], list[Any]]


def entity_loader(mapper: Any, dialect: Any, columns: tuple[str | None, ...] | None = None) -> EntityLoader:
    """Return the function that turns rows into objects of a mapper.

    :param columns: the attributes that the rows hold, in order, None for a column of another class; all that are not deferred when None.
    """
    memo = ("entity loader", dialect.name, columns)
    loader = mapper.memo.get(memo)
    if loader is None:
        source, names = loader_source(mapper, dialect, columns)
        exec(compile(source, f"<loader of {mapper.class_.__name__}>", "exec"), names)
        loader = mapper.memo[memo] = names["load"]
    return loader  # type: ignore[no-any-return]


def _ignore(state: InstanceState) -> None:
    """Stand in for ``append`` where a result has no siblings."""


def load_objects(
    rows: Any,
    mapper: Any,
    dialect: Any,
    session: Any,
    options: Any = None,
    batch: bool | None = None,
    layout: Layout | None = None,
) -> list[Any]:
    """Return the objects of rows; those of several rows are siblings.

    :param options: loader options that apply to them.
    :param batch: False where each is to be loaded for alone; None leaves that to the Session.
    :param layout: the attributes that the rows hold; None for all that are not deferred.
    """
    siblings = None
    if len(rows) > 1 or options is not None:
        siblings = Siblings(options, session.batch_loading if batch is None else batch)
    if mapper.discriminator is not None or (layout is not None and layout.discriminator is not None):
        return _load_family(rows, mapper, dialect, session, siblings, layout or mapper.layout)
    loader = entity_loader(mapper, dialect, layout.names if layout is not None else None)
    found: list[Any] = loader(rows, session.objects.identities_of(mapper), siblings)
    if mapper.base_mapper is not mapper:
        _check_classes(found, mapper)
    return found


def _check_classes(objects: list[Any], mapper: Any) -> None:
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
    rows: Any, mapper: Any, dialect: Any, session: Any, siblings: Siblings | None, layout: Layout
) -> list[Any]:
    """Return objects of several classes: of each row, that which its discriminator names. The rows go to the classes' loaders in groups."""
    if layout.discriminator is not None:
        index, type_ = layout.width - 1, layout.discriminator.type
    else:
        index, type_ = layout.names.index(mapper.discriminator), mapper.column_attrs[mapper.discriminator].column.type
    numbers_by_value: dict[Any, list[int]] = {}
    for number, row in enumerate(rows):
        numbers_by_value.setdefault(row[index], []).append(number)
    processor = dialect.result_processor(type_)
    objects: list[Any] = [None] * len(rows)
    for value, numbers in numbers_by_value.items():
        target = _class_for(mapper, value if processor is None or value is None else processor(value))
        loader = entity_loader(target, dialect, _columns_for(target, layout))
        own = rows if len(numbers) == len(rows) else [rows[number] for number in numbers]
        found = loader(own, session.objects.identities_of(target), siblings)
        if own is rows:
            return found
        for number, obj in zip(numbers, found, strict=True):
            objects[number] = obj
    return objects


def _class_for(mapper: Any, identity: Any) -> Any:
    target = mapper.polymorphic_map.get(identity)
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


def _columns_for(target: Any, layout: Layout) -> tuple[str | None, ...]:
    """Return which attributes of a class the columns of rows hold that were selected for a base of it."""
    own = [name if name in target.column_attrs else None for name in layout.names]
    extra = (extra.name if target.isa(extra.mapper) else None for extra in layout.extra)
    return (*own, *extra, None) if layout.discriminator is not None else (*own, *extra)


def loader_source(
    mapper: Any, dialect: Any, columns: tuple[str | None, ...] | None = None
) -> tuple[str, dict[str, Any]]:
    """Return the source of a mapper's loader, and the names that it uses."""
    class_ = mapper.class_
    names: dict[str, Any] = {
        "cls": class_, "new": class_.__new__, "State": InstanceState, "forget": forget, "ignore": _ignore,
        "remember": remember, "reconstruct": mapper.events.reconstruct,
    }  # fmt: skip
    variables, converted = [], {}
    order = list(columns if columns is not None else mapper.loaded_names)
    for number, name in enumerate(order):
        variables.append(f"c{number}")
        if name is None:
            continue
        processor = dialect.result_processor(mapper.column_attrs[name].column.type)
        if processor is not None:
            names[f"p{number}"] = processor
            converted[name] = f"p{number}(c{number})"
        else:
            converted[name] = f"c{number}"
    key_variables = [f"c{order.index(name)}" for name in mapper.primary_key_names]
    key_values = [converted[name] for name in mapper.primary_key_names]
    key = key_values[0] if len(key_values) == 1 else f"({', '.join(key_values)})"
    missing = " or ".join(f"{name!r} not in values" for name in converted)
    either = " and " if mapper.allow_partial_pks else " or "
    lines = [
        "def load(rows, identities, siblings):",
        "    entries = identities.entries",
        "    find = entries.get",
        "    strong = identities.strong",
        "    add = siblings.states.append if siblings is not None else ignore",
        "    objects = []",
        "    append = objects.append",
        f"    for {', '.join(variables)}{',' if len(variables) == 1 else ''} in rows:",
        f"        identity = {key}",
        "        state = find(identity)",
        "        if state is None or (obj := state()) is None:",
        f"            if {either.join(f'{v} is None' for v in key_variables)}:",
        "                append(None)",
        "                continue",
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
        "        else:",
        "            if siblings is not None and state.siblings is not siblings:",
        "                siblings.adopt(state)",
        "            values = obj.__dict__",
        f"            if {missing}:",
        *(f"                values.setdefault({name!r}, {expression})" for name, expression in converted.items()),
        *(["                remember(state, obj)"] if mapper.mutable_types else []),
        "        append(obj)",
        "    return objects",
    ]
    return "\n".join(lines) + "\n", names
