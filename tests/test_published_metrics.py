"""LPIPS and Inception's features, without their weights and with random ones.

The real weights cannot be fetched in every test. Random ones of the same shapes take their place,
where PyTorch keeps its downloads. So these tests hold everything but the published numbers.
"""

import sys

import numpy as np
import pytest
import torch

from photonvs.evaluation import published_metrics
from photonvs.evaluation.published_metrics import load_inception, load_lpips, weight_file

pytest.importorskip("torchmetrics", reason="needs torchmetrics")


@pytest.fixture
def downloads(tmp_path, monkeypatch):
    """An empty folder of PyTorch's downloads, and no network."""
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints"


def refuse(*_: object, **__: object) -> None:
    raise published_metrics.URLError("no route")


@pytest.mark.parametrize(("load", "name"), [(load_lpips, "LPIPS"), (load_inception, "FID and KID")])
def test_weights_that_cannot_be_fetched_are_explained(downloads, load, name):
    with pytest.raises(
        FileNotFoundError,
        match=rf"{name}: .*not be fetched .*no route.*put https:\S*\.pth into {downloads}",
    ):
        load()


@pytest.mark.parametrize(
    ("load", "module"),
    [(load_lpips, "torchmetrics.image.lpip"), (load_inception, "torchmetrics.image.fid")],
)
def test_a_missing_package_is_explained(monkeypatch, load, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(FileNotFoundError, match=r'pip install "photonvs\[metrics\]"'):
        load()


@pytest.mark.slow
def test_lpips_with_weights_in_the_folder_of_downloads(downloads):
    from torchvision.models import alexnet

    torch.save(alexnet().state_dict(), weight_file(published_metrics.ALEXNET_URL))
    lpips = load_lpips()
    frame = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    near, far = (np.clip(frame + step, 0, 255).astype(np.uint8) for step in (4, 60))
    assert lpips(frame, frame) == 0
    assert 0 < lpips(frame, near) < lpips(frame, far)
    assert lpips(frame, near) == pytest.approx(lpips(near, frame), rel=1e-4)


@pytest.mark.slow
def test_inception_with_weights_in_the_folder_of_downloads(downloads):
    """FID of torchmetrics and ours of the same features agree."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    from torchmetrics.image.fid import FrechetInceptionDistance

    from photonvs.evaluation.set_distances import frechet_distance

    class Random(FeatureExtractorInceptionV3):
        def load_state_dict(self, state_dict, **_):
            """Leave the random weights."""

    torch.save({}, downloads / "nothing.pth")
    state = Random("inception-v3-compat", ["2048"], str(downloads / "nothing.pth")).state_dict()
    for (
        name,
        tensor,
    ) in state.items():  # He's scale: what fades away becomes denormal numbers, which take minutes
        if name.endswith("conv.weight"):
            tensor.normal_(std=(2 / tensor[0].numel()) ** 0.5)
    torch.save(state, weight_file(published_metrics.INCEPTION_URL))
    features = load_inception()
    images = np.random.default_rng(0).integers(0, 256, (2, 2, 32, 40, 3), dtype=np.uint8)
    found = [features(part) for part in images]
    assert found[0].shape == (2, 2048) and np.isfinite(found[0]).all() and found[0].std() > 0
    metric = FrechetInceptionDistance(feature=2048, antialias=False).set_dtype(torch.float64)
    for part, real in zip(images, (True, False), strict=True):
        metric.update(torch.from_numpy(part).permute(0, 3, 1, 2), real=real)
    assert frechet_distance(*found) == pytest.approx(metric.compute().item(), rel=1e-3)
