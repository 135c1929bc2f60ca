"""The objects of a Session, and the bookkeeping of each. Knows of mapped classes only by their mappers' attributes.

In reading order: instance_state, keys, identity, session_objects, accounts, cascades, history, attribute_state,
members, mutables, siblings, expiry, keeping, by_hand, proxies.
"""
