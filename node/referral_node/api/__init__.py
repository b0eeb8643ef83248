"""The exchange listener: what other nodes may ask of this one, and nothing else."""
