"""The rows of `suite.py`: what users wait for, each beside a reference.

A row is a function that prepares and returns a `Row`. What it prepares is not timed.
"""

from collections.abc import Callable
from importlib.util import find_spec

import torch
import torch.nn.functional as F
from arithmetic import teraflops
from parts import Row, published_denoiser
from plain_network import PlainNetwork
from rows_of_data import pairs_from_video, pose_index, start_of_a_command, tsed_of_a_sequence
from rows_of_training import training_step, whole_step
from torch import Tensor

from photonvs.cameras.paths import orbit
from photonvs.cameras.spec import SamplingSpec
from photonvs.config import ModelConfig
from photonvs.diffusion.registry import SAMPLERS
from photonvs.diffusion.sde import VarianceExploding
from photonvs.models import Denoiser, build_first_stage, load_denoiser, load_first_stage
from photonvs.models.places import SHIPPED_DENOISER, SHIPPED_FIRST_STAGE
from photonvs.models.score_network import Given
from photonvs.sampling.draw import Drawn, decode, draw
from photonvs.sampling.drawing import Drawing
from photonvs.sampling.method import Method
from photonvs.utils.distributed import device_of


def convolution(device: torch.device) -> Row:
    """The machine's limit: 3x3 convolutions of 256 channels, beside matrix products."""
    x, weight = torch.randn(8, 256, 32, 32, device=device), torch.randn(256, 256, 3, 3)
    weight, square = weight.to(device), torch.randn(2048, 2048, device=device)
    x = x.contiguous(memory_format=torch.channels_last)
    count = teraflops(lambda: F.conv2d(x, weight, padding=1))
    # The products take as many operations: 2 * 2048^2 each column.
    columns = round(count * 1e12 / (2 * 2048**2))
    other = torch.randn(2048, columns, device=device)
    return Row(
        lambda: F.conv2d(x, weight, padding=1), lambda: square @ other, "matrix products", count
    )


def evaluation(device: torch.device, pairs: int, precision: str = "float32") -> Row:
    """One evaluation of the published network, a frame's views prepared."""
    denoiser = published_denoiser(device)
    x, cond = torch.randn(2, pairs, 4, 32, 32, device=device)
    rays = tuple(torch.randn(pairs, 128, 32, 32, device=device) for _ in range(3))
    sigma, sigma_cond = (torch.full((pairs,), level, device=device) for level in (3.0, 0.01))
    low = torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")
    plain = PlainNetwork(denoiser.state_dict())
    with low:
        given = denoiser.prepare(cond, rays)

    def ours() -> Tensor:
        with low:
            return denoiser.score_given(x, sigma, given)

    def written_down() -> Tensor:
        with low:
            return plain.scores(x, cond, sigma, sigma_cond, rays)[0]

    count = teraflops(lambda: denoiser.score_given(x, sigma, given))
    return Row(ours, written_down, "the network as it is described", count)


def shipped_evaluation(device: torch.device) -> Row:
    """One evaluation of the shipped network, prepared and not."""
    denoiser = load_denoiser(SHIPPED_DENOISER).to(device)
    shape = denoiser.config.latent_shape
    x, cond = torch.randn(2, 1, *shape, device=device)
    grid, channels = denoiser.config.denoiser.grid_size, denoiser.config.denoiser.ray_channels[0]
    rays = tuple(torch.randn(1, channels, grid, grid, device=device) for _ in range(3))
    given = denoiser.prepare(cond, rays)
    return Row(
        lambda: denoiser.score_given(x, 3.0, given),
        lambda: denoiser.scores(x, cond, 3.0, 0.01, rays)[0],
        "both views' scores, nothing kept",
        teraflops(lambda: denoiser.score_given(x, 3.0, given)),
    )


def frame(device: torch.device, sampler: str) -> Row:
    """The latent of one frame by a sampler, its default steps; beside as many bare evaluations."""
    denoiser = load_denoiser(SHIPPED_DENOISER).to(device)
    method, entry = Method(sampler=sampler), SAMPLERS[sampler]
    steps = min(method.steps, 50)
    poses = torch.from_numpy(orbit(frames=2))
    focal_y = torch.tensor([0.9], dtype=poses.dtype)
    rays = denoiser.embed_cameras(poses[1:].to(device), poses[:1].to(device), focal_y.to(device))
    cond = torch.randn(1, *denoiser.config.latent_shape, device=device)
    given = denoiser.prepare(cond, rays)
    sde = VarianceExploding.from_config(denoiser.config.diffusion)

    def ours() -> Tensor:
        return entry.function(
            lambda x, sigma: denoiser.score_given(x, sigma.expand(1), given),
            cond * sde.sigma_max,
            sde,
            steps,
            noise=lambda shape: torch.randn(shape, device=device),
        )

    def evaluations() -> None:
        for _ in range(entry.evaluations(steps)):
            denoiser.score_given(cond, 1.0, given)

    return Row(ours, evaluations, f"its {entry.evaluations(steps)} evaluations alone")


def whole_frame(device: torch.device, paths: int) -> Row:
    """A frame of each path by `draw`, with its image; beside the evaluations and decoding alone.

    What is over: views, cameras, noise, and the sampler's arithmetic.
    """
    denoiser = load_denoiser(SHIPPED_DENOISER).to(device)
    stage = load_first_stage(SHIPPED_FIRST_STAGE).to(device)
    spec, photo = SamplingSpec(0.9, orbit(frames=2), (1,), (None, (0,))), torch.randn(4, 32, 32)
    method = Method().fitted(denoiser.config)
    x, given = prepared(denoiser, paths)

    def ours() -> list[Drawn]:
        drawings = [Drawing(spec, {0: photo}, run) for run in range(paths)]
        return list(draw(drawings, denoiser, stage, method, batch_size=paths))

    def evaluations() -> None:
        for _ in range(method.evaluations):
            denoiser.score_given(x, 1.0, given)
        for latent in x:
            decode(stage, latent)

    return Row(ours, evaluations, f"{method.evaluations} evaluations and decoding alone")


def prepared(denoiser: Denoiser, pairs: int) -> tuple[Tensor, Given]:
    """Any latents (pairs, …), and what an evaluation needs of as many views."""
    device, config = device_of(denoiser), denoiser.config.denoiser
    cond = torch.randn(pairs, *denoiser.config.latent_shape, device=device)
    size = pairs, config.ray_channels[0], config.grid_size, config.grid_size
    rays = tuple(torch.randn(size, device=device) for _ in range(3))
    return cond, denoiser.prepare(cond, rays)


def eight_paths(device: torch.device) -> Row:
    """Eight pairs in one evaluation of the shipped network, beside one after the other."""
    denoiser = load_denoiser(SHIPPED_DENOISER).to(device)
    together, singly = prepared(denoiser, 8), [prepared(denoiser, 1) for _ in range(8)]
    return Row(
        lambda: denoiser.score_given(together[0], 3.0, together[1]),
        lambda: [denoiser.score_given(x, 3.0, given) for x, given in singly],
        "one after the other",
    )


def first_stage(device: torch.device, decode: bool) -> Row:
    """Encoding or decoding a frame with the published first stage."""
    stage = build_first_stage(ModelConfig().first_stage).eval().to(device)
    image = torch.rand(1, 3, 256, 256, device=device) * 2 - 1
    latent = stage.encode(image)

    def ours() -> Tensor:
        return stage.decode(latent) if decode else stage.encode(image)

    count = teraflops(ours)
    if find_spec("taming") is None:
        return Row(ours, teraflops=count)
    from taming.modules.diffusionmodules.model import Decoder, Encoder

    sizes = {"ch": 128, "out_ch": 3, "ch_mult": (1, 2, 2, 4), "num_res_blocks": 2}
    sizes |= {"attn_resolutions": [], "in_channels": 3, "resolution": 256, "z_channels": 4}
    part = (Decoder if decode else Encoder)(**sizes, double_z=False).eval().to(device)
    given = latent if decode else image
    return Row(ours, lambda: part(given), "taming-transformers", count)


ROWS: dict[str, Callable[[torch.device], Row]] = {
    "convolution": convolution,
    "evaluation": lambda device: evaluation(device, 1),
    "evaluation-8": lambda device: evaluation(device, 8),
    "evaluation-bfloat16": lambda device: evaluation(device, 1, "bfloat16"),
    "evaluation-8-bfloat16": lambda device: evaluation(device, 8, "bfloat16"),
    "evaluation-shipped": shipped_evaluation,
    "eight-paths": eight_paths,
    "whole-frame": lambda device: whole_frame(device, 1),
    "whole-frame-8": lambda device: whole_frame(device, 8),
    **{f"frame-{name}": lambda device, name=name: frame(device, name) for name in SAMPLERS},
    "training-step": training_step,
    "training-step-checkpointed": lambda device: training_step(device, checkpointed=True),
    "training-step-8-bfloat16": lambda device: training_step(device, 8, "bfloat16"),
    "training-step-whole": whole_step,
    "encode": lambda device: first_stage(device, decode=False),
    "decode": lambda device: first_stage(device, decode=True),
    "pairs-from-video": pairs_from_video,
    "pose-index": pose_index,
    "tsed": tsed_of_a_sequence,
    "start": start_of_a_command,
}
# Minutes on a CPU, which has them by name only.
OF_A_GPU = "evaluation-8-bfloat16", "training-step-8-bfloat16"
