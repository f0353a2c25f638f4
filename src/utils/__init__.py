"""Files, random numbers, checkpoints, pictures, the command line: what knows nothing of cameras or networks."""
