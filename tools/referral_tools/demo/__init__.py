"""A directory and three organisations on this machine, each its own process, for a try.

Law: the demo does nothing that a person could not: it starts the real commands, plays the registrar
with the fingerprints that the nodes' own `init` printed, and looks at the pages with a browser. It
reads no key and no database, and what it started it ends, whatever happens.
"""
