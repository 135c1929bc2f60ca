"""``flask uow doctor``: looks at an app that is moved over, or whose models have changed, and says what to do.

In reading order: findings, configuration, source, schema, decimals, examination.
"""
