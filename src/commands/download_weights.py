"""The command download-weights: the two published files of weights."""

import argparse

from .options import add_instance_data


def main(arguments: list[str] | None = None) -> None:
    """Fetch what is not there, check both files, and say where they are."""
    options = parse(arguments)
    from ..models.published import DENOISER, FIRST_STAGE, download_weights

    for published in (FIRST_STAGE, DENOISER):
        new = download_weights(published, options.instance_data)
        path = options.instance_data / published.place
        print(f"{path}: {'fetched' if new else 'was there'}, its weights are complete")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(
        description="Fetch the published weights from Google Drive, the first stage and the score "
        "network, and check them. Started again, the command goes on where it was stopped."
    )
    add_instance_data(parser)
    return parser.parse_args(arguments)
