"""How fast: each figure beside what the bare primitives and the disk gave in the same run."""
