"""Backups: one file that only the recovery kit opens, made while the node runs, and the way back.

`format` is the file's bytes, `copying` the consistent copy of the database, `making` what
`referral node backup` does with it, `restoring` what `referral node restore` does, `age` what the
node remembers of both.
"""
