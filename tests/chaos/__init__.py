"""Breaking a small exchange on purpose, from a seed, and checking that nothing was lost."""
