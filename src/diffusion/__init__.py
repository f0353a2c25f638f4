"""The variance-exploding diffusion process, its loss, and the samplers; they work on any callable `score(x, sigma)`."""
