"""The flush: changed objects to ordered, batched statements. :mod:`~flask_uow.orm.flush.flush` has all of it on one screen."""
