"""Files, random numbers, checkpoints, pictures: what knows nothing of cameras or networks."""
