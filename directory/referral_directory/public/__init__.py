"""What the directory shows everybody: the pages of what members chose to publish, nothing else."""
