"""Convert posed images or a posed video of one's own to RealEstate10K's format."""

from photonvs.commands.convert_sequence import main
from photonvs.commands.options import run

run(main)
