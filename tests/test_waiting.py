"""Nobody waits in a step of a sampler: a GPU computes on while the next operations are called."""

import pytest
import torch
from sampling_task import CONFIG, LATENT, GaussianDenoiser
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from photonvs.diffusion.registry import SAMPLERS
from photonvs.models import build_denoiser
from photonvs.samples import Sample
from photonvs.sampling.draw import draw_batch
from photonvs.sampling.drawing import Drawing, Frame
from photonvs.sampling.method import Method

# Operations that need an answer of the device, or send it a number.
ASKING = {
    "aten::_local_scalar_dense",
    "aten::item",
    "aten::nonzero",
    "aten::repeat_interleave.self_Tensor",
    "aten::where.ScalarSelf",
    "aten::where.ScalarOther",
    "aten::detach_",  # how torch.tensor and new_tensor end
}


class Waits(TorchDispatchMode):
    """Counts what makes the CPU wait for a device: tensors sent there, and questions."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **kwargs or {})
        tensors = [one for one in tree_leaves((args, result)) if isinstance(one, torch.Tensor)]
        devices = {one.device.type for one in tensors}
        asks = operation.name() in ASKING and "meta" in devices
        self.count += asks or len(devices) > 1
        return result


class FarDenoiser(GaussianDenoiser):
    """On a device far from the CPU, as far as that can be had everywhere: without any content."""

    def __init__(self):
        super().__init__()
        self.to("meta")

    def embed_cameras(self, *cameras):
        return tuple(part.to("meta") for part in super().embed_cameras(*cameras))


def waits(frames, sampler, views, steps):
    """How often the CPU waits while these frames are drawn."""
    with Waits() as counted:
        draw_batch(frames, FarDenoiser(), Method(sampler, steps, views=views), batch_size=8)
    return counted.count


@pytest.mark.parametrize("views", ["average", "random"])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_no_step_waits_for_the_device(make_task, sampler, views):
    directory = make_task(dependencies=(None, None, (0,), (0, 1)))
    latents = {index: torch.zeros(LATENT) for index in (0, 1)}
    drawing = Drawing(Sample(directory).spec(), latents)
    frames = [Frame(drawing, 2), Frame(drawing, 3)]
    few, many = (waits(frames, sampler, views, steps) for steps in (10, 20))
    assert few > 0  # what is done once a frame is seen
    assert many - few <= 1  # twice the steps: one block of noise more


def test_no_evaluation_waits_for_the_device():
    with torch.device("meta"):
        denoiser = build_denoiser(CONFIG).eval()
        x, rays = torch.zeros(2, *LATENT), (torch.zeros(2, 16, 8, 8),) * 3
        sigma = torch.zeros(())
    with torch.inference_mode():
        given = denoiser.prepare(x, rays, sigma)
        with Waits() as counted:
            denoiser.score_given(x, sigma, given)
    assert counted.count == 0


@pytest.mark.gpu
def test_no_step_synchronizes_with_the_gpu(make_task, device):
    if device.type != "cuda":
        pytest.skip("only CUDA tells that it is waited for")
    drawing = Drawing(Sample(make_task()).spec(), {0: torch.zeros(LATENT)})
    denoiser = build_denoiser(CONFIG).eval().to(device)
    for sampler in SAMPLERS:
        method = Method(sampler, 20)
        try:
            draw_batch(
                [Frame(drawing, 1)],
                denoiser,
                method,
                batch_size=8,
                # From the first step's end. Before it, cameras and views are sent.
                watch=lambda _: torch.cuda.set_sync_debug_mode("error"),
            )
        finally:
            torch.cuda.set_sync_debug_mode("default")
