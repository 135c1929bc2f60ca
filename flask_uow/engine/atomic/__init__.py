"""One transaction over several databases that is saved in all of them or in none, whatever dies meanwhile.

In reading order: identifiers (how a prepared transaction is called), decisions (the table that says what became of it), commit (the
protocol), recovery (what is done about what a crash has left). docs/atomic-commits.md tells the whole story for users.
"""

from flask_uow.engine.atomic.commit import AtomicCommit, Branch
from flask_uow.engine.atomic.decisions import identify_early, prepare_database
from flask_uow.engine.atomic.recovery import InDoubt, Recovery, Settled, in_doubt, recover

__all__ = [
    "AtomicCommit",
    "Branch",
    "InDoubt",
    "Recovery",
    "Settled",
    "identify_early",
    "in_doubt",
    "prepare_database",
    "recover",
]
