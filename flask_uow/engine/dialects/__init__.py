"""The dialects: all that a database must give, and the two databases that do.

In reading order: base (Dialect), values (conversions in common), batch (many rows at a time), reserved; postgresql with
its types, arrays, batch and compiler; sqlite with its types, loaders, decimal and moment functions, batch and compiler. A
dialect's module imports its driver, so that engines import it only when a URL asks for it.
"""
