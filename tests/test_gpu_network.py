"""The published networks on a GPU: as on a CPU, and in lower precision close to that."""

from collections.abc import Iterator

import pytest
import torch
from seeded import reference, seeded_denoiser_state, seeded_first_stage_state, seeded_tensor
from torch import Tensor, nn

from photonvs.config import ModelConfig
from photonvs.models import Denoiser, build_denoiser, build_first_stage
from photonvs.utils.precision import autocast

pytestmark = pytest.mark.gpu

# How far a result may be from the published system's on a CPU in float32, relative.
EXACT, TF32, BFLOAT16, FLOAT16 = 1e-4, 1e-2, 5e-2, 1e-2


@pytest.fixture(scope="module")
def denoiser(device) -> Denoiser:
    denoiser = build_denoiser(ModelConfig()).eval().requires_grad_(False)
    denoiser.load_state_dict(seeded_denoiser_state())
    return denoiser.to(device)


@pytest.fixture(scope="module")
def first_stage(device) -> nn.Module:
    stage = build_first_stage(ModelConfig().first_stage).eval().requires_grad_(False)
    stage.load_state_dict(seeded_first_stage_state())
    return stage.to(device)


@pytest.fixture(params=["exact", "tf32"])
def float32(request, device) -> Iterator[float]:
    """Without and with TF32, which CUDA's convolutions take by default: the error to expect."""
    tf32 = request.param == "tf32"
    if tf32 and device.type != "cuda":
        pytest.skip("TF32 is CUDA's")
    before = torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()
    torch.backends.cudnn.allow_tf32 = tf32
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    yield TF32 if tf32 else EXACT
    torch.backends.cudnn.allow_tf32 = before[0]
    torch.set_float32_matmul_precision(before[1])


def known(name: str) -> Tensor:
    """A camera or a result of the published system."""
    return torch.from_numpy(reference()[name]).float()


def scores(denoiser: Denoiser, device: torch.device) -> tuple[Tensor, Tensor]:
    """Scores of both views of two pairs, from cameras on, as the reference has them."""
    conds = torch.stack([known("pose_cond0"), known("pose_cond1")])
    targets, focal_y = known("pose_target").expand(2, 4, 4), known("focal_y").expand(2)
    rays = denoiser.embed_cameras(targets.to(device), conds.to(device), focal_y.to(device))
    sigma = torch.tensor([3.0, 0.5], device=device)
    x, cond = (seeded_tensor(key, (2, 4, 32, 32)).to(device) for key in ("xa", "xb"))
    return denoiser.scores(x * sigma[:, None, None, None], cond, sigma, 0.01, rays)


def error(found: Tensor, name: str) -> float:
    """Of a result, relative to the published system's."""
    return float((found.cpu() - known(name)).norm() / known(name).norm())


def test_scores_are_the_published_ones(denoiser, device, float32):
    for score, name in zip(scores(denoiser, device), ("score_target", "score_cond"), strict=True):
        assert error(score, name) < float32


@pytest.mark.parametrize(("precision", "most"), [("bfloat16", BFLOAT16), ("float16", FLOAT16)])
def test_scores_in_lower_precision_are_close(denoiser, device, precision, most):
    if precision == "float16" and device.type == "cpu":
        pytest.skip("a CPU takes minutes for it")
    with autocast(device, precision):
        found = scores(denoiser, device)
    for score, name in zip(found, ("score_target", "score_cond"), strict=True):
        assert score.dtype == torch.float32
        assert EXACT < error(score, name) < most


def test_a_frame_is_encoded_as_published(first_stage, device, float32):
    image = torch.tanh(seeded_tensor("image", (1, 3, 256, 256)).cumsum(-1).cumsum(-2) / 64)
    assert error(first_stage.encode(image.to(device)), "latent") < float32


def test_a_frame_is_decoded_as_published(first_stage, device, float32):
    """But for codes: of two that are as near, rounding may take the other one."""
    latent = known("latent").to(device)
    codes = first_stage.quantize.indices(latent)[0].cpu()
    same = codes == torch.from_numpy(reference()["codebook_indices"])
    assert same.float().mean() > 0.99
    assert error(first_stage.decode(latent)[..., ::8, ::8], "decoded_strided") < (
        float32 if same.all() else 0.2
    )
