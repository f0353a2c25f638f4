"""photonvs: frames along a camera path from one photo, by a latent diffusion model."""

__version__ = "0.1.0"
