"""What is missing on either side: asked for, brought back, returned (CATCHUP)."""
