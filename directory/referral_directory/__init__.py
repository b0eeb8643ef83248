"""The directory: the members' public keys, contacts and services, in a log that only grows.

Law: the directory never learns of a case, nor who writes to whom; it cannot, for it serves everyone
the whole. It promises nothing that a member must believe: each entry is signed, each checkpoint
extends the one before, and every node verifies both and goes on working when the directory is down.

Inside: `main -> server | console -> log`. It meets the nodes on the wire only, never by import.
"""
