"""The objects of a Session, and the bookkeeping of each. In reading order: instance_state, identity, session_objects, cascades, history, members,
mutables, siblings, expiry, keeping, proxies. Knows of mapped classes only by their mappers' attributes."""
