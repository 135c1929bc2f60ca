"""Further statements: what is loaded for objects that are there, for many parents at once.

Eager loading comes here after each run (:func:`load_further`), lazy loading at the first access to a relationship. Both end in
:func:`load_relationship`, whose statement is a run of its own, with what follows it: this is the one place where loading recurses.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

from flask_uow.orm.instrumentation.collection_attribute import CollectionAttribute
from flask_uow.orm.loading.column_loader import load_columns
from flask_uow.orm.loading.load_tree import LoadTree
from flask_uow.orm.loading.parts import Following, FollowingColumns
from flask_uow.orm.loading.plan import QueryPlan, Source
from flask_uow.orm.loading.planning import (
    KeyedSelect,
    columns_of_subclasses,
    following_of,
    plan_beside,
    planned_once,
    root_of,
    sources_in,
)
from flask_uow.orm.loading.rows import load_plainly
from flask_uow.orm.loading.run import QueryRun, each_once
from flask_uow.orm.loading.several import warn_of_several
from flask_uow.orm.loading.statements import asked_keys, types_of_keys, unknown_keys_condition
from flask_uow.orm.state.keys import identity_values
from flask_uow.orm.state.members import members_of
from flask_uow.orm.state.siblings import BATCH_SIZE
from flask_uow.orm.symbols import NO_VALUE, STATE, Direction
from flask_uow.sql.constructors import tuple_
from flask_uow.sql.nodes import Shape
from flask_uow.sql.select import Select

if TYPE_CHECKING:
    from flask_uow.engine.dialects.base import Dialect
    from flask_uow.orm.interfaces import Entity, MappedObject
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.mapping.relationship_property import RelationshipProperty
    from flask_uow.orm.session.execution import ExecutingSession
    from flask_uow.sql.selectable import FromClause

__all__ = ["load_below", "load_further", "load_relationship", "present", "store"]

# of a query's parameters, in order
Values = Sequence[Any]
# the value of a parent's key, a tuple of values where it has several columns
Key = Any


def load_further(run: QueryRun) -> None:
    """Load what further statements give for the objects of a run, level by level."""
    for part, objects in run.found:
        unique = [obj for obj in each_once(objects) if obj is not None]
        if part.columns:
            # before what they may lead to
            _follow_columns(run.session, part.columns, unique)
        for following in part.following:
            source = run if following.by_subquery else None
            _follow(
                run.session, following, unique, run.batch, source, run.values, run.populated if run.populate else None
            )


def load_below(
    session: ExecutingSession,
    mapper: Mapper,
    objects: list[Any],
    below: LoadTree,
    batch: bool | None,
    values: Values = (),
    populated: set[Any] | None = None,
) -> None:
    """Apply options to objects that were loaded before, so that nothing can be joined to them any more.

    :param values: as for :func:`load_relationship`, and so is ``populated``.
    """
    # kept with the tree of the options, which lives as long as the plan of the statement
    found: tuple[tuple[FollowingColumns, ...], tuple[Following, ...]] | None = below.plans.get(("below", mapper))
    if found is None:
        relationships = tuple(following_of(mapper, below, below.path or (mapper,), joined_too=True))
        found = below.plans["below", mapper] = tuple(columns_of_subclasses(mapper, below, None)), relationships
    columns, followings = found
    _follow_columns(session, columns, objects)
    for following in followings:
        _follow(session, following, objects, batch, None, values, populated)


def _follow_columns(session: ExecutingSession, columns: tuple[FollowingColumns, ...], objects: list[Any]) -> None:
    for following in columns:
        due = following.due(objects)
        if due:
            load_columns(session, following.mapper, due, following.names)


def _follow(
    session: ExecutingSession,
    following: Following,
    objects: list[Any],
    batch: bool | None,
    source: QueryRun | None,
    values: Values,
    populated: set[Any] | None,
) -> None:
    levels = following.levels
    if levels == 1:
        _follow_once(session, following, objects, batch, source, values, populated)
        return
    # of a relationship that leads back to its own class (join_depth): rows may refer to each other in a circle, so
    # each object is followed once
    seen = {id(obj) for obj in objects}
    while objects:
        _follow_once(session, following, objects, batch, source, values, populated)
        levels -= 1
        if not levels:
            break
        # one level further; objects that are their own ancestors were there before
        source, class_ = None, following.prop.parent.class_
        objects = [obj for obj in _related(following.prop, objects) if id(obj) not in seen and isinstance(obj, class_)]
        seen.update(map(id, objects))


def _follow_once(
    session: ExecutingSession,
    following: Following,
    objects: list[Any],
    batch: bool | None,
    source: QueryRun | None,
    values: Values,
    populated: set[Any] | None,
) -> None:
    prop, below = following.prop, following.below
    due = following.due(objects)
    if following.strategy == "present":
        for key, members in _by_key(prop, due).items():
            found = present(session, prop, key)
            for obj in members if found is not None else ():
                store(prop, obj, [found])
        return
    if due:
        asked = (following, source) if source is not None else None
        load_relationship(session, prop, due, below, batch, asked, values, populated=populated, chunk=following.chunk)
    if below is not None and len(due) < len(objects):
        # the others have the relationship; what the options say of the objects there is still to be done
        load_below(session, prop.mapper, _related(prop, objects), below, batch, values, populated)


def _related(prop: RelationshipProperty, parents: list[Any]) -> list[Any]:
    related: dict[int, Any] = {}
    for parent in parents:
        value = parent.__dict__.get(prop.key)
        members = () if value is None else members_of(value) if prop.uselist else (value,)
        related.update((id(obj), obj) for obj in members)
    return list(related.values())


# -- one relationship of many objects


def load_relationship(
    session: ExecutingSession,
    prop: RelationshipProperty,
    objects: Iterable[Any],
    below: LoadTree | None = None,
    batch: bool | None = None,
    source: tuple[Following, QueryRun] | None = None,
    values: Values = (),
    is_lazy: bool = False,
    populated: set[Any] | None = None,
    chunk: int = BATCH_SIZE,
) -> None:
    """Load a relationship of objects that don't have it yet.

    :param below: loader options for the related objects.
    :param batch: False where each of these is to be loaded for alone later on.
    :param source: the run that has loaded the objects; its statement, as a subquery, then takes the place of their keys.
    :param values: the values of the query's parameters, for the criteria of its options.
    :param is_lazy: True for a load at first access.
    :param populated: where what is loaded is overwritten (``populate_existing()``), the states of those that this has done already.
    :param chunk: for how many keys one statement asks.
    """
    # many parents may refer to one object: it is asked for once
    waiting = _by_key(prop, objects)
    found: dict[Key, list[Any]] = {}
    # criteria ask the database
    if (
        prop.uses_get
        and populated is None
        and not (below is not None and below.is_filtered and below.criteria_of(prop.mapper, is_lazy))
    ):
        for key in waiting:
            obj = present(session, prop, key)
            if obj is not None:
                found[key] = [obj]
        if below is not None and found:
            load_below(session, prop.mapper, [obj for (obj,) in found.values()], below, batch, values, populated)
    missing = [key for key in waiting if key not in found] if found else list(waiting)
    if source is not None and missing:
        _fetch_by_subquery(session, prop, source, below, batch, found, populated)
    else:
        # databases limit the number of parameters
        for start in range(0, len(missing), chunk):
            _fetch(session, prop, missing[start : start + chunk], below, batch, found, values, is_lazy, populated)
    if len(missing) > 1:
        for key in _to_ask_alone(prop, waiting, missing, found, asked_for_more=source is not None):
            _fetch(session, prop, [key], below, batch, found, values, is_lazy, populated)
    if prop.repeats:
        # there is a row for each row of the tables between
        found = {key: each_once(members) for key, members in found.items()}
    attribute = prop.attribute
    if isinstance(attribute, CollectionAttribute):
        for key, members in waiting.items():
            attribute.store_loaded_of(members, found.get(key, []))
        return
    for key, members in waiting.items():
        related = found.get(key, ())
        for obj in members:
            # what was set while the statement was under way, by a hook say, wins over what was loaded
            if prop.key not in obj.__dict__:
                store(prop, obj, related)


def _to_ask_alone(
    prop: RelationshipProperty,
    waiting: dict[Key, list[Any]],
    asked: list[Key],
    found: dict[Key, list[Any]],
    asked_for_more: bool,
) -> list[Key]:
    """Return the keys that the database may hold equal to others than these are here, so that the rows cannot tell whose they are.

    Texts of another case for example, where a collation ignores that, or those that a CHAR column has filled up with blanks.

    :param asked_for_more: rows of other parents may have been found, too.
    """
    if not found.keys() <= waiting.keys():
        if not asked_for_more:
            return asked
        forms = {form for key in found.keys() - waiting.keys() if (form := _plain_form(key)) is not None}
        return [key for key in asked if _plain_form(key) in forms]
    if prop.direction is not Direction.MANY_TO_ONE or len(found) == len(waiting):
        return []
    # both forms of a key were asked for, and its row has one of them
    present_forms = {form for key in found if (form := _plain_form(key)) is not None}
    return [key for key in asked if key not in found and _plain_form(key) in present_forms]


def _plain_form(key: Key) -> Key:
    """Return the form that all forms of a text share, of a tuple of values the tuple of that; None for another key."""
    if isinstance(key, str):
        return key.rstrip().casefold()
    if type(key) is tuple:
        return tuple([_plain_form(part) if isinstance(part, str) else part for part in key])
    return None


def _by_key(prop: RelationshipProperty, objects: Iterable[Any]) -> dict[Key, list[Any]]:
    """Return objects by the key that their related rows have; one without such a key gets an empty relationship at once."""
    names = prop.local_names
    name = names[0] if len(names) == 1 else None
    other_side = prop.direction is not Direction.MANY_TO_ONE
    waiting: dict[Key, list[Any]] = {}
    for obj in objects:
        key: Key = getattr(obj, name) if name is not None else tuple([getattr(obj, n) for n in names])
        # the rows of the other side still refer to the old key; for a reference of the object's own its present value
        # counts
        if other_side and obj.__dict__[STATE].changes:
            key = _stored_key(prop, obj, key)
        # NULL refers to nothing, which no statement has to tell
        if key is None or (name is None and None in key):
            store(prop, obj, ())
        elif (members := waiting.get(key)) is not None:
            members.append(obj)
        else:
            waiting[key] = [obj]
    return waiting


def _stored_key(prop: RelationshipProperty, obj: MappedObject, key: Key) -> Key:
    """Return the key under which the rows of the other side refer to an object whose key was changed and is not written yet."""
    state = obj.__dict__[STATE]
    stored = {name: value for name, value in state.changes.items() if value is not NO_VALUE}
    mapper = type(obj).__mapper__
    stored.update(zip(mapper.primary_key_names, identity_values(state.row_key), strict=True))
    names = prop.local_names
    if len(names) == 1:
        return stored.get(names[0], key)
    return tuple([stored.get(name, value) for name, value in zip(names, key, strict=True)])


def present(session: ExecutingSession, prop: RelationshipProperty, key: Key) -> Any:
    """Return the object that a reference leads to from the identity map, or None.

    :param key: the object's primary key.
    """
    target = prop.mapper
    found = session.objects.identities_of(target).get(key)
    # the identity map is one for the whole family, and the key may be that of another subclass
    return found if isinstance(found, target.class_) else None


def store(prop: RelationshipProperty, obj: MappedObject, related: Sequence[Any]) -> Any:
    """Store what was loaded for a relationship of an object, and return its value."""
    attribute = prop.attribute
    if isinstance(attribute, CollectionAttribute):
        return attribute.store_loaded(obj, related if isinstance(related, list) else list(related))
    if related and prop.direction is Direction.ONE_TO_MANY:
        related = [item for item in related if not attribute.has_left(obj, item)]
    if len(related) > 1:
        warn_of_several(prop, obj, related)
    value = obj.__dict__[prop.key] = related[0] if related else None
    return value


# -- the statement


def _fetch(
    session: ExecutingSession,
    prop: RelationshipProperty,
    keys: list[Key],
    below: LoadTree | None,
    batch: bool | None,
    found: dict[Key, list[Any]],
    values: Values,
    is_lazy: bool,
    populated: set[Any] | None,
) -> None:
    """Load what is related to parents with these keys, and enter the objects into ``found`` under the key of their parent."""
    target = prop.mapper
    connection = session.connection_for(target, reads=True)
    dialect = connection.dialect
    count, asked = asked_keys(dialect, keys)
    # what the options below the relationship say belongs to the query's plan, and what is planned for them lives as long
    plans = target.memo if below is None else below.plans
    given = below.given if below is not None else ()
    key = (prop, count, is_lazy) if given else (prop, count)
    plan = planned_once(plans, key, dialect, lambda: _select_of(prop, count, below, is_lazy), given)
    sent = [*asked, *values] if given else asked
    rows = connection.fetch_all(plan.compiled.sql, plan.parameters(sent), write=False)
    if plan.load is not None and populated is None and not session.hooks.loaded_as_persistent:
        # benchmarks: page_eager, lazy_children
        objects = load_plainly(plan.load, target, rows, session, batch)
        if count == 1:
            found[keys[0]] = objects
        else:
            _enter(objects, [part.values(rows) for part in plan.columns], found)
        return
    run = QueryRun(session, dialect, plan, populated is not None, batch, None, values, None, populated)
    if count == 1:
        # all rows are of the one parent, however the database has compared the keys
        objects = run.read_objects(rows)
        load_further(run)
        found[keys[0]] = each_once(objects) if plan.is_multiplied else objects
    else:
        _read(run, rows, found)


def _read(run: QueryRun, rows: list[tuple[Any, ...]], found: dict[Key, list[Any]]) -> None:
    objects, *columns = run.read(rows)
    load_further(run)
    _enter(objects, columns, found)
    if run.plan.is_multiplied:
        # a joined collection repeats neither the objects nor their parents
        found.update({key: each_once(members) for key, members in found.items()})


def _enter(objects: list[Any], columns: list[list[Any]], found: dict[Key, list[Any]]) -> None:
    """Enter objects under the keys of their parents.

    :param columns: the columns of the keys, with a value for each object.
    """
    last: Key = None
    members: list[Any] = []
    for key, obj in zip(columns[0] if len(columns) == 1 else zip(*columns, strict=True), objects, strict=True):
        # the rows of one parent mostly follow one another
        if key != last or not members:
            last, members = key, found.setdefault(key, [])
        members.append(obj)


def _select_of(prop: RelationshipProperty, count: int | None, below: LoadTree | None, is_lazy: bool) -> KeyedSelect:
    """Return the SELECT of the objects that are related to parents, and the columns that hold the parent's key.

    :param count: as :func:`asked_keys` returns it.
    """
    target = prop.mapper
    select, columns = prop.sql.select_related(Select((target,)))
    near = [prop.parent.column_attrs[name].column.type for name in prop.local_names]
    select = select.where(unknown_keys_condition(columns, count, types_of_keys(columns, near)))
    if below is not None:
        select = select.where(*below.criteria_of(target, is_lazy))
    order = prop.order_by or target.order_by
    return KeyedSelect(
        select.order_by(*order) if order else select,
        root_of(target, below.apart() if below is not None else None),
        columns,
    )


def _fetch_by_subquery(
    session: ExecutingSession,
    prop: RelationshipProperty,
    source: tuple[Following, QueryRun],
    below: LoadTree | None,
    batch: bool | None,
    found: dict[Key, list[Any]],
    populated: set[Any] | None,
) -> None:
    """Like :func:`_fetch`, for the parents that a statement selects."""
    following, parents = source
    connection = session.connection_for(prop.mapper, reads=True)
    dialect = connection.dialect
    plan = following.plans.get(dialect.name)
    if plan is None:
        assert parents.statement is not None
        plan = following.plans[dialect.name] = _plan_by_subquery(prop, parents.statement, below, dialect)
    named = {name: value for name, value in (parents.given or {}).items() if name in plan.compiled.names}
    rows = connection.fetch_all(plan.compiled.sql, plan.parameters(parents.values, named), write=False)
    run = QueryRun(session, dialect, plan, populated is not None, batch, None, parents.values, None, populated)
    _read(run, rows, found)


def _plan_by_subquery(
    prop: RelationshipProperty, statement: Select, below: LoadTree | None, dialect: Dialect
) -> QueryPlan:
    # the subquery only says which parents there are
    parents = statement.with_parts(loader_options=(), for_update_clause=None)
    # an order without a limit changes nothing of which parents there are, and costs a sort
    if parents.limit_clause is None and parents.offset_clause is None:
        parents = parents.order_by(None)
    inner = parents.subquery()
    names = _names_in(inner, statement.entities[0].__uow_entity__)
    keys = [inner.c[names[name]] for name in prop.local_names]
    select, columns = prop.sql.select_related(Select((prop.mapper,)))
    wanted = Select(tuple(keys)).select_from(inner)
    select = select.where(columns[0].in_(wanted) if len(columns) == 1 else tuple_(*columns).in_(wanted))
    if below is not None:
        select = select.where(*below.criteria_of(prop.mapper))
    order = prop.order_by or prop.mapper.order_by
    if order:
        select = select.order_by(*order)
    given = statement.shape()
    apart = below.apart() if below is not None else None
    if below is not None and below.given:
        # criteria are as they were when the tree was made, at another execution
        places: dict[int, Source] = {id(bind): place for place, bind in enumerate(below.given) if bind is not None}
        places.update((id(bind), place) for place, bind in enumerate(given.binds))
        keyed = KeyedSelect(select, root_of(prop.mapper, apart), columns)

        def sources(made: Shape) -> tuple[Source, ...]:
            return tuple(cast("Source", places.get(id(bind), bind)) for bind in made.binds)

        return plan_beside(keyed, dialect, sources)
    keyed = KeyedSelect(select, root_of(prop.mapper, apart), columns)
    return plan_beside(keyed, dialect, lambda made: sources_in(made, given))


def _names_in(subquery: FromClause, entity: Entity) -> dict[str, str]:
    """Return the names that a subquery of one entity gives to the entity's attributes."""
    return dict(zip(entity.layout.names, subquery.c.keys(), strict=False))
