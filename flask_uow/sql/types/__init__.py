"""Column types: which Python values a type takes, and what expressions of it yield.

In reading order: basic, arrays, decorated (TypeDecorator and PickleType), named (SQL's own names), lookup.
"""

from flask_uow.sql.types.arrays import ARRAY
from flask_uow.sql.types.basic import *  # noqa: F403
from flask_uow.sql.types.basic import BOOLEANTYPE, INTEGERTYPE, NULLTYPE, STRINGTYPE
from flask_uow.sql.types.basic import __all__ as _basic
from flask_uow.sql.types.decorated import PickleType, TypeDecorator
from flask_uow.sql.types.lookup import to_instance, type_for_annotation
from flask_uow.sql.types.named import *  # noqa: F403
from flask_uow.sql.types.named import __all__ as _named

__all__ = ["ARRAY", "BOOLEANTYPE", "INTEGERTYPE", "NULLTYPE", "STRINGTYPE", "PickleType", "TypeDecorator"]
__all__ += ["to_instance", "type_for_annotation"]
__all__ += _basic
__all__ += _named
