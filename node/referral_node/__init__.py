"""A node: one organisation's own server, which holds its cases and speaks for it.

Law: a case is readable only while a keyholder is signed in. On disk, in logs, in metrics, in mail
and on the administrator's screen there is never a word of one. A message is committed to disk
before anything is said about it: no receipt, request or answer leaves before its transaction.

Inside, `main` puts the parts together and alone chooses clock, entropy, paths and transport:
`main -> web | api | delivery -> exchange -> store | vault`. A node meets the directory on the wire
only, never by import.
"""
