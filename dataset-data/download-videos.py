"""Fetch the videos of a RealEstate10K split from the site that hosts them: python download-videos.py train."""

from photonvs.commands.download_videos import main
from photonvs.commands.options import run

run(main)
