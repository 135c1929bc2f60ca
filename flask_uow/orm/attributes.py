"""``flask_uow.orm.attributes``: the functions and names that have to do with the attributes of one object.

What is here is defined elsewhere; this is the place where users of SQLAlchemy look for it.
"""

from __future__ import annotations

from typing import Any

from flask_uow.orm.instrumentation.attributes import Attribute
from flask_uow.orm.instrumentation.class_manager import ClassManager
from flask_uow.orm.instrumentation.collection_attribute import CollectionAdapter
from flask_uow.orm.instrumentation.flagging import (
    del_attribute,
    flag_dirty,
    flag_modified,
    get_attribute,
    init_collection,
    set_attribute,
    set_committed_value,
)
from flask_uow.orm.mapping.annotations import InstrumentedAttribute, Mapped, QueryableAttribute
from flask_uow.orm.mapping.mapper import class_mapper
from flask_uow.orm.state.history import History, get_history, has_net_changes
from flask_uow.orm.state.instance_state import InstanceState, instance_state
from flask_uow.orm.symbols import NO_VALUE

__all__ = [
    "NO_VALUE", "Attribute", "ClassManager", "CollectionAdapter", "History", "InstanceState", "InstrumentedAttribute", "Mapped",
    "QueryableAttribute", "del_attribute", "flag_dirty", "flag_modified", "get_attribute", "get_history", "has_net_changes", "init_collection",
    "instance_dict", "instance_state", "manager_of_class", "set_attribute", "set_committed_value",
]  # fmt: skip


def instance_dict(instance: object) -> dict[str, Any]:
    """Return the ``__dict__`` of a mapped object, where values are that are loaded or set.

    :raises UnmappedInstanceError: when the object's class is not mapped.
    """
    return instance_state(instance).dict


def manager_of_class(class_: type) -> ClassManager:
    """Return the manager of the hooks of a mapped class.

    :raises UnmappedClassError: when it is not mapped.
    """
    manager: ClassManager = class_mapper(class_, configure=False).manager
    return manager
