"""The Session and its transaction.

In reading order: participants, transaction, binds, expiry, merging, transactional, execution, session, passthrough,
factory, scoping.
"""
