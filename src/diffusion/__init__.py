"""The variance-exploding diffusion process, its loss, and samplers of any `score(x, sigma)`."""
