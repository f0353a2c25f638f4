"""Training: the loop that all networks share, and what is trained."""
