"""One module for each group of pages; its ``routes`` are named in ``web.app``."""
