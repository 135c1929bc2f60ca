"""Accounts: what a transaction has done to the objects of a Session, and how its rollback takes that back.

The root transaction and each SAVEPOINT keep one; a subtransaction has that of the level it is part of. The flush enters what it does
(:mod:`flask_uow.orm.flush.settle`), and :class:`~flask_uow.orm.session.transaction.SessionTransaction` has it undone or handed over. Nothing
here touches the database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_uow.orm.state.expiry import loaded_values, restore_values
from flask_uow.orm.symbols import DELETED, STATE, UNDONE

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.state.instance_state import InstanceState
    from flask_uow.orm.state.session_objects import SessionObjects

__all__ = ["Accounts"]


class Accounts:
    """The accounts of one transaction, or of one SAVEPOINT. For the thread of its Session.

    :ivar inserted: objects that became persistent here, with the attribute whose value the database made (or None).
    :ivar deleted: objects whose rows were deleted here; held strongly, since a rollback makes them persistent again.
    :ivar replaced: deleted objects whose key an object that was inserted later has.
    :ivar moved: the original primary keys of objects whose key was changed here.
    :ivar updated: the original values of objects whose rows were updated here, where this is a SAVEPOINT.
    :ivar kept: values of inserted objects that the rollback of a SAVEPOINT within has expired.
    """

    __slots__ = ("deleted", "inserted", "kept", "moved", "replaced", "updated")

    def __init__(self) -> None:
        self.inserted: dict[InstanceState, str | None] = {}
        self.deleted: dict[InstanceState, Any] = {}
        self.replaced: set[InstanceState] = set()
        self.moved: dict[InstanceState, Any] = {}
        self.updated: dict[InstanceState, dict[str, Any]] = {}
        self.kept: dict[InstanceState, dict[str, Any]] = {}

    def clear(self) -> None:
        """Forget everything: it was undone."""
        for account in (self.inserted, self.deleted, self.replaced, self.moved, self.updated, self.kept):
            account.clear()

    # -- what is noted

    def note_updated(self, state: InstanceState, originals: dict[str, Any] | None) -> None:
        """Note the values that an object had before its row was updated."""
        if originals:
            # the first ones count: later updates began with values of this transaction
            self.updated[state] = {**originals, **self.updated.get(state, {})}

    def note_replaced(self, base: Mapper, keys: AbstractSet[Any]) -> None:
        """Note which objects of a family that were deleted here had keys that objects which were inserted just now have."""
        for state, obj in self.deleted.items():
            if state.row_key in keys and type(obj).__mapper__.base_mapper is base:
                self.replaced.add(state)

    def hand_over(self, outer: Accounts, *, to_savepoint: bool) -> None:
        """Enter all of it into the accounts of the level around a SAVEPOINT that was released.

        :param to_savepoint: whether that level is a SAVEPOINT as well, whose rollback needs the values of updated objects.
        """
        if outer.deleted:
            keys: dict[Mapper, set[Any]] = {}
            for state in self.inserted:
                if state.owner is not None:
                    keys.setdefault(state.owner.mapper, set()).add(state.row_key)
            for base, taken in keys.items():
                outer.note_replaced(base, taken)
        outer.inserted.update(self.inserted)
        outer.deleted.update(self.deleted)
        outer.replaced.update(self.replaced)
        outer.kept.update(self.kept)
        if to_savepoint:
            for state, originals in self.updated.items():
                outer.note_updated(state, originals)
        for state, identity in self.moved.items():
            # the key from before the outermost level wins
            outer.moved.setdefault(state, identity)

    def keep_values(self, outer: Accounts) -> None:
        """Keep the values, as they were before this SAVEPOINT, of objects that are new in a level around it: that may be undone as well."""
        for state in outer.inserted:
            obj = state()
            if obj is not None and state.row_key is not None:
                originals = {**(state.changes or {}), **self.updated.get(state, {})}
                # what an earlier rollback has expired, and nobody has loaded since, is kept already
                outer.kept[state] = {**outer.kept.get(state, {}), **loaded_values(obj, originals)}

    # -- what is undone

    def undo(self, objects: SessionObjects) -> None:
        """Make inserted objects transient, deleted ones persistent, and give moved ones their keys back; new ones are transient, too."""
        pending = list(objects.new)
        moved: list[tuple[InstanceState, Any]] = []
        # out of the identity map until the objects that have taken over their keys meanwhile are out as well
        for state, identity in self.moved.items():
            obj = state()
            if obj is not None and state.owner is not None:
                state.owner.remove(state)
                state.row_key = identity
                moved.append((state, obj))
            elif state in self.deleted:
                # it comes back under the key that its row has again
                state.row_key = identity
        undone = self._undo_inserts(objects)
        for state, obj in moved:
            if state.owner is not None:
                objects.put_back(state, obj, state.owner)
        for state in pending:
            objects.make_transient_again(state)
        objects.new.clear()
        restored: set[tuple[Any, Any]] = set()
        for state, obj in self.deleted.items():
            key = (type(obj).__mapper__.base_mapper, state.row_key)
            # of an object that has moved, another one may have been inserted under either key
            is_new = state in self.inserted if state in self.moved else state not in self.replaced and key in undone
            if is_new:
                # it was inserted and deleted in the same transaction
                objects.make_transient_again(state)
            elif key in restored:
                # of a row that was put in the place of one that had been deleted before, and deleted as well
                obj.__dict__.pop(DELETED, None)
            else:
                restored.add(key)
                objects.restore_deleted(obj, state)
        objects.deleted.clear()

    def _undo_inserts(self, objects: SessionObjects) -> set[tuple[Any, Any]]:
        """Make inserted objects transient again; return the keys of those that nobody holds any more.

        Their rows may have been loaded into other objects since, which are as transient as they were.
        """
        undone: set[tuple[Any, Any]] = set()
        for state, generated in self.inserted.items():
            if state.row_key is None:
                # made transient by the user since
                continue
            # the state is a weak reference: the object may be gone, and then only its family is known
            obj = state()
            base = type(obj).__mapper__.base_mapper if obj is not None else state.owner.mapper if state.owner else None
            if base is None:
                continue
            undone.add((base, state.row_key))
            loaded = objects.identities_of(base).get(state.row_key)
            for gone in (obj, loaded if loaded is not obj else None):
                if gone is None:
                    continue
                own: InstanceState = gone.__dict__[STATE]
                if own.owner is not None:
                    own.owner.remove(own)
                self.deleted.pop(own, None)
                objects.make_transient_again(own)
                gone.__dict__[UNDONE] = True
                if own is state:
                    restore_values(gone, self.kept.get(state, {}))
                if generated is not None:
                    # the database made this key for a row that is gone; the next flush asks for another one
                    gone.__dict__.pop(generated, None)
        return undone

    def undo_flush(self, objects: SessionObjects) -> None:
        """Make the objects that a failed flush has inserted pending again, where no accounting will make them transient."""
        for state, obj in objects.new.items():
            generated = self.inserted.pop(state, None)
            if state.row_key is not None and state.owner is not None:
                state.owner.remove(state)
                state.row_key = None
                if generated is not None:
                    obj.__dict__.pop(generated, None)
