"""The Session and its transaction.

In reading order: session, execution, transactional, transaction, participants, together, binds, routing, reads,
passthrough; merging, moving, lookup, many_rows, arguments, identity_set; unit_observer, orm_execute; factory,
scoping, session_registry, present_session.
"""
