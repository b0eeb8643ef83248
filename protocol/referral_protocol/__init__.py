"""The protocol: every byte that two members exchange, and every rule about it.

Law: this package is pure. Bytes, times and random bytes come in as arguments; values and bytes go
out. It reads no clock, opens no file and no socket, and draws no randomness (the one exception: the
library that seals draws its own). The same input gives the same answer on every machine, so two
nodes that hold the same statements show the same state. `SPEC.md` says the same in prose, and where
the two differ, one of them has a fault.

Whatever a decoder is given, it returns a value or raises the protocol's own error with its code.
Times are integer milliseconds UTC.
"""
