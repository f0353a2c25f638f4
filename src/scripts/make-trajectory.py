"""Write a camera path as sampling-spec.json: a preset, a RealEstate10K sequence, or your own matrices."""

from photonvs.commands.make_trajectory import main
from photonvs.commands.options import run

run(main)
