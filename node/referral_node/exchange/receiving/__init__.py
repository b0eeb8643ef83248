"""What other members send: checked and held when it comes, opened when a keyholder is there."""
