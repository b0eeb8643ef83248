"""What the directory serves to everybody, and what members may send to it."""
