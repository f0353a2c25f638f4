"""Where weights are looked for."""

from pathlib import Path

from ..utils.checkpoint import list_checkpoints, newest_whole, own_step

PUBLISHED_DENOISER = "2000-00000000.pth"
PUBLISHED_FIRST_STAGE = "taming-32-4-realestate-256.ckpt"
OWN_FIRST_STAGE = "first-stage.safetensors"
SHIPPED = Path(__file__).parents[1] / "shipped"
SHIPPED_DENOISER = SHIPPED / "rooms-denoiser.safetensors"
SHIPPED_FIRST_STAGE = SHIPPED / "rooms-first-stage.safetensors"
WHERE_TO_GET_WEIGHTS = "photonvs download-weights fetches the published files; or train your own"


def find_denoiser(instance_data: Path, epoch: int | None = None) -> Path:
    """The denoiser's weights: those of `find_checkpoint`, else those that come with photonvs.

    Raises FileNotFoundError saying where to get weights and put them.
    """
    try:
        return find_checkpoint(instance_data, epoch)
    except FileNotFoundError:
        if epoch is None and SHIPPED_DENOISER.is_file():
            return SHIPPED_DENOISER
        raise


def find_checkpoint(instance_data: Path, epoch: int | None = None) -> Path:
    """The published weights if they are there, else the newest whole training checkpoint.

    epoch: the last checkpoint of this epoch. Raises FileNotFoundError saying where to get weights
    and put them, and ValueError where all are damaged.
    """
    directory = instance_data / "checkpoints"
    checkpoints = list_checkpoints(directory)
    if epoch is not None:
        checkpoints = [path for path in checkpoints if path.name.startswith(f"{epoch:04d}-")]
    else:
        published = directory / PUBLISHED_DENOISER
        # A training on few data reaches the epoch in that name too.
        if published.is_file() and own_step(published) is None:
            checkpoints = [published]
    if not checkpoints:
        wanted = PUBLISHED_DENOISER if epoch is None else f"{epoch:04d}-*.pth"
        raise FileNotFoundError(
            f"no weights {wanted} in {directory}; {WHERE_TO_GET_WEIGHTS}: scripts/train.py; "
            "then put the file there"
        )
    return newest_whole(checkpoints)


def first_stages(instance_data: Path) -> list[Path]:
    """The first stages' weights that are there, the published file first."""
    paths = [instance_data / name for name in (PUBLISHED_FIRST_STAGE, OWN_FIRST_STAGE)]
    return [path for path in paths if path.is_file()]


def find_first_stage(instance_data: Path) -> Path:
    """The first stage's weights: the published file, or one of ours; raises as above."""
    for path in first_stages(instance_data):
        return path
    raise FileNotFoundError(
        f"no first-stage weights {PUBLISHED_FIRST_STAGE} or {OWN_FIRST_STAGE} in {instance_data}; "
        f"{WHERE_TO_GET_WEIGHTS}: scripts/train-first-stage.py; then put the file there"
    )
