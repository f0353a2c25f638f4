"""The command download-weights: the two published files of weights."""

import argparse

from ..utils.optional import MissingPackage
from .options import add_instance_data


def main(arguments: list[str] | None = None) -> None:
    """Fetch what is not there, check both files, and say where they are.

    Raises ValueError, after both, for what could not be fetched.
    """
    options = parse(arguments)
    from ..models.published import DENOISER, FIRST_STAGE, download_weights

    errors = []
    for published in (FIRST_STAGE, DENOISER):
        try:
            new = download_weights(published, options.instance_data)
        except MissingPackage:
            raise
        except ValueError as error:
            errors.append(str(error))
            continue
        path = options.instance_data / published.place
        print(f"{path}: {'fetched' if new else 'was there'}, its weights are complete")
    if errors:
        raise ValueError("; ".join(errors))


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(
        description="Fetch the published weights from Google Drive, the first stage and the score "
        "network, and check them. Started again, the command goes on where it was stopped."
    )
    add_instance_data(parser)
    return parser.parse_args(arguments)
