"""Executes one step of a flush: carries keys, calls the hooks of mappers, sends the statements.

The objects' bookkeeping follows each statement, see :mod:`~flask_uow.orm.flush.settle`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from flask_uow.orm.flush.delete import delete_objects
from flask_uow.orm.flush.insert import insert_objects
from flask_uow.orm.flush.keys import carry_keys, link_pairs, set_foreign_key
from flask_uow.orm.flush.links import delete_links, insert_links
from flask_uow.orm.flush.row_switch import switch_rows
from flask_uow.orm.flush.settle import free_keys
from flask_uow.orm.flush.steps import (
    DeleteLinks,
    DeleteRows,
    InsertLinks,
    InsertRows,
    ReleaseRows,
    SetLateKeys,
    Step,
    SwitchRows,
    UpdateRows,
)
from flask_uow.orm.flush.update import release_rows, update_objects
from flask_uow.orm.flush.work import WorkList, by_mapper
from flask_uow.orm.symbols import STATE

if TYPE_CHECKING:
    from flask_uow.orm.session.session import Session

__all__ = ["execute"]


def execute(session: Session, work: WorkList, step: Step) -> None:
    """Write the rows of one step.

    :raises FlushError: when a key that a row needs is missing.
    :raises StaleDataError: when fewer rows were found than objects.
    """
    _WRITERS[type(step)](session, work, step)


def _insert(session: Session, work: WorkList, step: InsertRows) -> None:
    base = step.mapper
    members = by_mapper(base, step.objects)
    has_hooks = False
    # just before the rows are written: the keys that they refer to were made by the steps before this one
    for mapper, own in members.items():
        carry_keys(work, mapper, own, only_changed=False)
        has_hooks = has_hooks or mapper.has_hooks
    if has_hooks:
        _with_hooks("insert", partial(insert_objects, session, base), session, step.objects)
    else:
        insert_objects(session, base, step.objects)


def _switch(session: Session, work: WorkList, step: SwitchRows) -> None:
    base = step.mapper
    members = by_mapper(base, step.objects)
    for mapper, own in members.items():
        carry_keys(work, mapper, own, only_changed=False)
    old_of = {id(obj): old for obj, old in zip(step.objects, step.replaced, strict=True)}

    def write(objects: list[Any]) -> None:
        switch_rows(session, base, objects, [old_of[id(obj)] for obj in objects])

    if any(mapper.has_hooks for mapper in members):
        # for extensions this is a deletion and an insertion
        _with_hooks("delete", lambda some: None, session, step.replaced)
        _with_hooks("insert", write, session, step.objects)
    else:
        write(step.objects)


def _update(session: Session, work: WorkList, step: UpdateRows) -> None:
    mapper = step.mapper
    carry_keys(work, mapper, step.objects, only_changed=True, names=step.names)
    if mapper.has_hooks:
        write = partial(update_objects, session, mapper, are_in_turn=step.are_in_turn)
        _with_hooks("update", write, session, step.objects)
    else:
        update_objects(session, mapper, step.objects, step.are_in_turn)


def _delete(session: Session, work: WorkList, step: DeleteRows) -> None:
    mapper = step.mapper
    if mapper.has_hooks:
        _with_hooks("delete", partial(delete_objects, session, mapper), session, step.objects)
    else:
        delete_objects(session, mapper, step.objects)
    if step.frees_keys:
        free_keys(session, step.objects)


def _insert_links(session: Session, work: WorkList, step: InsertLinks) -> None:
    insert_links(session, step.prop, step.pairs)


def _delete_links(session: Session, work: WorkList, step: DeleteLinks) -> None:
    delete_links(session, step.prop, step.pairs)


def _release(session: Session, work: WorkList, step: ReleaseRows) -> None:
    release_rows(session, step.mapper, step.objects, step.values)


def _set_late_keys(session: Session, work: WorkList, step: SetLateKeys) -> None:
    """Write foreign keys by UPDATEs of their own."""
    links = step.links
    children: dict[Any, dict[int, Any]] = {}
    written: dict[Any, dict[str, None]] = {}
    for link in links:
        mapper = type(link.child).__mapper__
        set_foreign_key(link)
        written.setdefault(mapper, {}).update(dict.fromkeys(own for own, _ in link_pairs(link)))
        children.setdefault(mapper, {})[id(link.child)] = link.child
    for mapper, objects in children.items():
        names = written[mapper]
        update_objects(session, mapper, list(objects.values()), only=names.keys())
    # they are written, so that no later UPDATE of the same flush, or of the next one, writes them again
    for link in links:
        state = link.child.__dict__[STATE]
        if state.changes is None:
            continue
        for own, _ in link_pairs(link):
            state.changes.pop(own, None)
        if not state.changes and state in session.objects.new:
            state.changes = None
            state.owner.modified.pop(state, None)


def _with_hooks(kind: str, write: Callable[[list[Any]], None], session: Session, objects: list[Any]) -> None:
    """Write objects between calls of their mappers' extensions: ``before_insert`` and so on.

    Around all of them; with ``batch=False`` around each.
    """
    mappers = {type(obj).__mapper__ for obj in objects}
    # with batch=False a hook is to find the rows of the objects before written
    if len(objects) > 1 and not all(mapper.batch for mapper in mappers):
        for obj in objects:
            _with_hooks(kind, write, session, [obj])
        return
    # hooks get the connection of the flush, so that what they send is part of its transaction
    connections = {mapper: session.connection_for(mapper) for mapper in mappers}
    for obj in objects:
        mapper = type(obj).__mapper__
        mapper.hooks.call(f"before_{kind}", mapper, connections[mapper], obj)
    write(objects)
    for obj in objects:
        mapper = type(obj).__mapper__
        mapper.hooks.call(f"after_{kind}", mapper, connections[mapper], obj)


_WRITERS: dict[type[Step], Callable[[Session, WorkList, Any], None]] = {
    UpdateRows: _update,
    InsertRows: _insert,
    DeleteRows: _delete,
    InsertLinks: _insert_links,
    DeleteLinks: _delete_links,
    ReleaseRows: _release,
    SetLateKeys: _set_late_keys,
    SwitchRows: _switch,
}
