"""What a command tells the person who ran it when it cannot do its work.

Law: one line: what failed, where, and what to do next. Never a password or a key.
"""


class Trouble(Exception):
    """Cause and remedy in one line, printed as it stands; the command then ends with status 1."""
