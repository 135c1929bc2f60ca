"""The flush: changed objects to ordered, batched statements. :mod:`~flask_uow.orm.flush.flush` has all of it on one screen.

In reading order: flush, changes, orphans; work, collect, half_made; steps, plan, order, keys, unique_values,
unique_order, reused_keys, release, row_switch, plan_text; execute, insert, update, delete, links, tables,
key_changes; settle.
"""
