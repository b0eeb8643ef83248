"""The log and what lies beside it: stored whole, signed before it is shown."""
