"""Train the score network on frame pairs."""

from photonvs.train_command import main
from photonvs.utils.command_line import run

if __name__ == "__main__":
    run(main)
