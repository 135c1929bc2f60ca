"""Column types: which Python values a type takes, and what expressions of it yield.

In reading order: basic, arrays, decorated (TypeDecorator and PickleType), named (SQL's own names), lookup.
"""

from typing import TYPE_CHECKING

from flask_uow.sql.types.arrays import ARRAY as ARRAY
from flask_uow.sql.types.basic import *  # noqa: F403
from flask_uow.sql.types.basic import BOOLEANTYPE as BOOLEANTYPE
from flask_uow.sql.types.basic import INTEGERTYPE as INTEGERTYPE
from flask_uow.sql.types.basic import NULLTYPE as NULLTYPE
from flask_uow.sql.types.basic import STRINGTYPE as STRINGTYPE
from flask_uow.sql.types.basic import __all__ as _basic
from flask_uow.sql.types.decorated import PickleType as PickleType
from flask_uow.sql.types.decorated import TypeDecorator as TypeDecorator
from flask_uow.sql.types.lookup import to_instance as to_instance
from flask_uow.sql.types.lookup import type_for_annotation as type_for_annotation
from flask_uow.sql.types.named import *  # noqa: F403
from flask_uow.sql.types.named import __all__ as _named

if not TYPE_CHECKING:
    # type checkers take what is imported above: an __all__ that is put together is beyond them
    __all__ = ["ARRAY", "BOOLEANTYPE", "INTEGERTYPE", "NULLTYPE", "STRINGTYPE", "PickleType", "TypeDecorator"]
    __all__ += ["to_instance", "type_for_annotation"]
    __all__ += _basic
    __all__ += _named
