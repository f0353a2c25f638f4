"""Convert posed images or a posed video of one's own to RealEstate10K's format."""

from photonvs.datasets.convert import main
from photonvs.utils.command_line import run

run(main)
