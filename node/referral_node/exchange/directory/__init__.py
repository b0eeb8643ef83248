"""What this node knows of the members, and what it tells them of itself."""
