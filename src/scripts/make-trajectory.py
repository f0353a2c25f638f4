"""Write a camera path as sampling-spec.json: a preset, a RealEstate10K sequence, or your own matrices."""

from photonvs.make_trajectory import main
from photonvs.utils.command_line import run

run(main)
