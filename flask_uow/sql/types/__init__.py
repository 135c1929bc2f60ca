"""Column types: which Python values a type takes, and what expressions of it yield.

In reading order: plain, expressing, base; then by family numbers, texts, enums, moments, binary, documents, arrays; postgresql (types that it alone
has); decorated (types of users), named_types and domains (types made by a name), named (SQL's own names), lookup.
"""

from typing import TYPE_CHECKING

from flask_uow.sql.types.arrays import ARRAY as ARRAY
from flask_uow.sql.types.base import NULLTYPE as NULLTYPE
from flask_uow.sql.types.base import NativeType as NativeType
from flask_uow.sql.types.base import NullType as NullType
from flask_uow.sql.types.base import TypeEngine as TypeEngine
from flask_uow.sql.types.base import type_for_value as type_for_value
from flask_uow.sql.types.binary import LargeBinary as LargeBinary
from flask_uow.sql.types.binary import Uuid as Uuid
from flask_uow.sql.types.decorated import PickleType as PickleType
from flask_uow.sql.types.decorated import TypeDecorator as TypeDecorator
from flask_uow.sql.types.decorated import UserDefinedType as UserDefinedType
from flask_uow.sql.types.documents import JSON as JSON
from flask_uow.sql.types.documents import JSONB as JSONB
from flask_uow.sql.types.domains import DOMAIN as DOMAIN
from flask_uow.sql.types.domains import named_types_of as named_types_of
from flask_uow.sql.types.enums import Enum as Enum
from flask_uow.sql.types.lookup import TypeArgument as TypeArgument
from flask_uow.sql.types.lookup import to_instance as to_instance
from flask_uow.sql.types.lookup import type_for_annotation as type_for_annotation
from flask_uow.sql.types.moments import Date as Date
from flask_uow.sql.types.moments import DateTime as DateTime
from flask_uow.sql.types.moments import Interval as Interval
from flask_uow.sql.types.moments import Time as Time
from flask_uow.sql.types.named import *  # noqa: F403
from flask_uow.sql.types.named import __all__ as _named
from flask_uow.sql.types.numbers import BOOLEANTYPE as BOOLEANTYPE
from flask_uow.sql.types.numbers import INTEGERTYPE as INTEGERTYPE
from flask_uow.sql.types.numbers import BigInteger as BigInteger
from flask_uow.sql.types.numbers import Boolean as Boolean
from flask_uow.sql.types.numbers import Double as Double
from flask_uow.sql.types.numbers import Float as Float
from flask_uow.sql.types.numbers import Integer as Integer
from flask_uow.sql.types.numbers import Numeric as Numeric
from flask_uow.sql.types.numbers import SmallInteger as SmallInteger
from flask_uow.sql.types.postgresql import *  # noqa: F403
from flask_uow.sql.types.postgresql import __all__ as _postgresql
from flask_uow.sql.types.ranges import *  # noqa: F403
from flask_uow.sql.types.ranges import __all__ as _ranges
from flask_uow.sql.types.texts import STRINGTYPE as STRINGTYPE
from flask_uow.sql.types.texts import String as String
from flask_uow.sql.types.texts import Text as Text
from flask_uow.sql.types.texts import Unicode as Unicode
from flask_uow.sql.types.texts import UnicodeText as UnicodeText

if not TYPE_CHECKING:
    # type checkers take what is imported above: an __all__ that is put together is beyond them
    __all__ = [
        "ARRAY", "BOOLEANTYPE", "BigInteger", "Boolean", "DOMAIN", "Date", "DateTime", "Double", "Enum", "Float", "INTEGERTYPE", "Integer",
        "Interval", "JSON", "JSONB", "LargeBinary", "NULLTYPE", "NativeType", "NullType", "Numeric", "PickleType", "STRINGTYPE",
        "SmallInteger", "String", "Text", "Time", "TypeDecorator", "TypeEngine", "Unicode", "UnicodeText", "UserDefinedType", "Uuid",
        "to_instance", "type_for_annotation", "type_for_value",
    ]  # fmt: skip
    __all__ += _named
    __all__ += _postgresql
    __all__ += _ranges
