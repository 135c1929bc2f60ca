"""Rows to objects: one function for each mapper and dialect, generated as source.

This is the hot path of every query (benchmark: load_entities), hence generated code: what is decided per mapper is not decided
per row. A generated function takes the driver's rows and the identity map, and returns the objects in order; a row whose object
is in the identity map already yields that object, with absent values filled in and present ones left alone.
``print(loader_source(mapper, dialect)[0])`` shows what it looks like.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask_uow.orm.identity import Identities
from flask_uow.orm.instrumentation.state import InstanceState, forget
from flask_uow.orm.symbols import STATE

__all__ = ["EntityLoader", "entity_loader", "loader_source"]

EntityLoader = Callable[[Any, Identities], list[Any]]


def entity_loader(mapper: Any, dialect: Any) -> EntityLoader:
    """Return the function that turns rows with all columns of a mapper, in order, into objects."""
    memo = ("entity loader", dialect.name)
    loader = mapper.memo.get(memo)
    if loader is None:
        source, names = loader_source(mapper, dialect)
        exec(compile(source, f"<loader of {mapper.class_.__name__}>", "exec"), names)
        loader = mapper.memo[memo] = names["load"]
    return loader  # type: ignore[no-any-return]


def loader_source(mapper: Any, dialect: Any) -> tuple[str, dict[str, Any]]:
    """Return the source of a mapper's loader, and the names that it uses."""
    class_ = mapper.class_
    names: dict[str, Any] = {
        "cls": class_, "new": class_.__new__, "State": InstanceState, "forget": forget,
    }  # fmt: skip
    variables, converted = [], {}
    for number, (name, prop) in enumerate(mapper.columns.items()):
        variables.append(f"c{number}")
        processor = dialect.result_processor(prop.column.type)
        if processor is not None:
            names[f"p{number}"] = processor
            converted[name] = f"p{number}(c{number})"
        else:
            converted[name] = f"c{number}"
    order = list(mapper.columns)
    key_variables = [f"c{order.index(name)}" for name in mapper.primary_key_names]
    key_values = [converted[name] for name in mapper.primary_key_names]
    key = key_values[0] if len(key_values) == 1 else f"({', '.join(key_values)})"
    missing = " or ".join(f"{name!r} not in values" for name in order)
    lines = [
        "def load(rows, identities):",
        "    entries = identities.entries",
        "    find = entries.get",
        "    strong = identities.strong",
        "    objects = []",
        "    append = objects.append",
        f"    for {', '.join(variables)}{',' if len(variables) == 1 else ''} in rows:",
        f"        identity = {key}",
        "        state = find(identity)",
        "        if state is None or (obj := state()) is None:",
        f"            if {' or '.join(f'{v} is None' for v in key_variables)}:",
        "                append(None)",
        "                continue",
        "            obj = new(cls)",
        "            state = State(obj, forget)",
        "            state.identity = identity",
        "            state.owner = identities",
        "            state.changes = None",
        "            values = obj.__dict__",
        *(
            f"            values[{name!r}] = {'identity' if expression == key else expression}"
            for name, expression in converted.items()
        ),
        f"            values[{STATE!r}] = state",
        "            entries[identity] = state",
        "            if strong is not None:",
        "                strong[state] = obj",
        "        else:",
        "            values = obj.__dict__",
        f"            if {missing}:",
        *(f"                values.setdefault({name!r}, {expression})" for name, expression in converted.items()),
        "        append(obj)",
        "    return objects",
    ]
    return "\n".join(lines) + "\n", names
