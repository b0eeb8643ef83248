"""What somebody has to be told: found in clear rows, kept until it was told to whoever is there."""
