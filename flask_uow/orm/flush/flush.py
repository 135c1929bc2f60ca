"""The flush: from the changes of a Session to rows of the database, in one transaction.

Everything up to the plan reads and decides, and changes neither objects nor the Session, but that orphans are marked as deleted. Executing the steps
writes, settling makes objects say what their rows say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_uow.orm.extensions import FlushContext
from flask_uow.orm.flush.changes import Automatic, Changes
from flask_uow.orm.flush.collect import collect
from flask_uow.orm.flush.execute import execute
from flask_uow.orm.flush.orphans import find_orphans, mark_orphans
from flask_uow.orm.flush.plain import write_plain
from flask_uow.orm.flush.plan import FlushPlan, make_plan
from flask_uow.orm.flush.settle import settle, tell_filled
from flask_uow.orm.flush.work import WorkList, by_mapper
from flask_uow.orm.instrumentation.relationship_attributes import ScalarRelationshipAttribute
from flask_uow.orm.loading.column_loader import load_columns
from flask_uow.orm.mapping.class_listeners import HEARD
from flask_uow.orm.symbols import NO_VALUE

if TYPE_CHECKING:
    from flask_uow.orm.session.session import Session

__all__ = ["flush", "plan_flush"]


def flush(session: Session, only: tuple[Any, ...] | None, automatic: Automatic | None) -> FlushContext:
    """Write the changes of a Session to the database.

    :param only: restrict the flush to these objects, and the new ones in their collections.
    :param automatic: said of a flush that comes by itself.
    :returns: what extensions were told of it.
    :raises FlushError: when a relationship leads out of the Session, or a key that a row needs is missing.
    :raises CircularDependencyError: when objects wait for each other, or rows exchange unique values.
    :raises StaleDataError: when fewer rows were found than objects.
    """
    context, hooks = FlushContext(session, only), session.hooks
    # before anything is looked at: what a hook changes is part of this flush
    for hook in hooks.before_flush:
        hook(session, context, only)
    transaction = session.begin_flush()
    try:
        if session.objects.waiting:
            _learn_originals(session)
        work = write_plain(session, context) if only is None and not session.objects.unasked else None
        if work is None:
            work = _write_as_planned(session, context, only, automatic)
        # before settle(): a hook still sees what was new, and what has changed
        for hook in hooks.after_flush:
            hook(session, context)
        settle(session, work)
        _load_made(session, work)
        if "refresh_flush" in HEARD:
            tell_filled(transaction.filled, context)
        transaction.commit()
    except BaseException as error:
        transaction.failure = error
        # defaults that the flush filled in are nobody's values: the next try makes them anew
        transaction.take_back_filled()
        if not session.accounting:
            transaction.accounts.undo_flush(session.objects)
        transaction.rollback()
        raise
    return context


def _write_as_planned(
    session: Session, context: FlushContext, only: tuple[Any, ...] | None, automatic: Automatic | None
) -> WorkList:
    changes = Changes.of(session)
    # before collect(), to which orphans are deleted objects like the others
    orphans = find_orphans(changes, automatic)
    if orphans.doomed or orphans.expunged:
        mark_orphans(session.objects, orphans)
    work = collect(changes, orphans.spared, only, automatic)
    context.begin(work.objects)
    for step in make_plan(work):
        execute(session, work, step)
    return work


def _learn_originals(session: Session) -> None:
    """Load what objects referred to before they were set to refer to something else, while they were in no Session."""
    for state in list(session.objects.waiting):
        obj: Any = state()
        if obj is None:
            continue
        for name, original in list((state.changes or {}).items()):
            prop = type(obj).__mapper__.relationships.get(name)
            if original is NO_VALUE and prop is not None and not prop.viewonly and name in obj.__dict__:
                attribute = prop.attribute
                if isinstance(attribute, ScalarRelationshipAttribute) and attribute.leaves_another_row:
                    attribute.learn_original(obj, state)


def _load_made(session: Session, work: WorkList) -> None:
    """Load what the database has made of changed objects, of classes with ``eager_defaults=True``."""
    for mapper, members in work.changed.items():
        for own, objects in by_mapper(mapper, members).items() if mapper.has_eager_defaults else ():
            names = tuple(name for name in own.loaded_names if any(name not in obj.__dict__ for obj in objects))
            if own.eager_defaults is True and names:
                load_columns(session, own, objects, names)


def plan_flush(session: Session, only: tuple[Any, ...] | None) -> FlushPlan:
    """Return the steps of the flush that would be made now, those that write something."""
    changes = Changes.of(session)
    orphans = find_orphans(changes, None)
    plan = make_plan(collect(changes, orphans.spared, only))
    return FlushPlan(step for step in plan if step.table is not None)
