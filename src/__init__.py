"""photonvs: frames along a camera path from one photo, with a pose-conditioned latent diffusion model."""

__version__ = "0.1.0"
