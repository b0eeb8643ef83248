"""The node's store: one SQLite file, one writer, numbered migrations. See :mod:`.database`."""

from referral_node.store.database import Store, Tx
from referral_node.store.errors import StoreError

__all__ = ["Store", "StoreError", "Tx"]
