"""What people and machines run: the `referral` command, the demo, the benchmarks.

This package stands on top of the others and may import any of them; none of them imports it. It
holds no rule of the exchange itself: a command here parses what was typed, calls the node, the
directory or the protocol, and prints what came of it.
"""
