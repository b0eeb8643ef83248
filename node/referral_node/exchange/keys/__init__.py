"""Our own keys while they are in use: made ahead, replaced, destroyed on time."""
