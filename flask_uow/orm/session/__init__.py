"""The Session and its transaction. In reading order: transaction, binds, expiry, session, passthrough, factory, scoping."""
