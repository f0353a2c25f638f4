"""The perceptual distance on random weights, and beside the published package."""

import sys
import types

import pytest
import torch
import torch.nn.functional as F
from torchvision.models.vgg import cfgs, make_layers

from photonvs.models import perceptual
from photonvs.models.perceptual import PerceptualDistance, load_perceptual


@pytest.fixture(scope="module")
def images() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    image = torch.rand(2, 3, 32, 32) * 2 - 1
    return image, (image + 0.2 * torch.randn_like(image)).clamp(-1, 1)


@pytest.mark.parametrize("shift_tolerant", [False, True])
def test_a_distance(images, shift_tolerant):
    distance = PerceptualDistance(shift_tolerant)
    first, second = images
    found = distance(first, second)
    assert found.shape == (2,) and (found > 0).all()
    torch.testing.assert_close(distance(first, first), torch.zeros(2))
    torch.testing.assert_close(distance(second, first), found)
    torch.testing.assert_close(distance(first[:1], second[:1]), found[:1], rtol=1e-4, atol=1e-7)
    nearer = first + (second - first) / 4
    assert (distance(first, nearer) < found).all()


def test_gradients_reach_the_image_and_no_weight(images):
    distance = PerceptualDistance()
    image = images[1].clone().requires_grad_()
    distance(images[0], image).sum().backward()
    assert image.grad.isfinite().all() and image.grad.any()
    assert not any(parameter.requires_grad for parameter in distance.parameters())


def test_pixels_without_features_have_finite_gradients():
    """Where all features are zero, a plain square root would give NaN."""
    distance = PerceptualDistance()
    for block in distance.blocks:
        block[-2].bias.fill_(-100)
    image = torch.zeros(1, 3, 32, 32, requires_grad=True)
    distance(image, torch.ones(1, 3, 32, 32)).sum().backward()
    assert image.grad.isfinite().all()


def test_the_published_formula_on_torchvisions_network(images):
    """Zhang et al. 2018, equation 1, on the last ReLU of each block of torchvision's VGG-16."""
    features = make_layers(cfgs["D"]).eval()
    calibration = [torch.rand(1, channels, 1, 1) for channels in (64, 128, 256, 512, 512)]
    distance = PerceptualDistance()
    distance.copy_weights(list(features.state_dict().values()), calibration)
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
    x, y = ((image - shift[:, None, None]) / scale[:, None, None] for image in images)
    expected = torch.zeros(2)
    with torch.no_grad():
        for number, layer in enumerate(features[:30]):
            x, y = layer(x), layer(y)
            if number in (3, 8, 15, 22, 29):
                unit_x, unit_y = (
                    part / part.norm(dim=1, keepdim=True).clamp(min=1e-10) for part in (x, y)
                )
                expected += (calibration.pop(0) * (unit_x - unit_y) ** 2).sum(1).mean((1, 2))
    torch.testing.assert_close(distance(*images), expected, rtol=1e-4, atol=1e-6)


def test_antialiased_pooling():
    """A maximum over 2x2 places, then (1, 2, 1) / 4 both ways at every second place."""
    x = torch.rand(1, 3, 8, 8)
    found = perceptual._antialiased_pool(3)(x)
    padded = F.pad(F.max_pool2d(x, 2, stride=1), (2, 2, 2, 2), mode="reflect")
    kernel = torch.tensor([[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]) / 16
    for row, column in [(0, 0), (1, 3), (4, 4)]:
        window = padded[:, :, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
        torch.testing.assert_close(found[:, :, row, column], (window * kernel).sum((2, 3)))
    assert found.shape == (1, 3, 5, 5)


def test_weights_come_from_an_installed_package(tmp_path, monkeypatch, images):
    """A package of the published layout that must not be imported."""
    source = PerceptualDistance(shift_tolerant=True)
    state = {"scaling_layer.shift": torch.zeros(1)}
    filters = [p for block in source.blocks for p in block.parameters()]
    for number, tensor in enumerate(filters):
        state[f"net.slice1.{number}"] = tensor
        state[f"net.slice1.{number}.filt"] = torch.zeros(1)
    for number, weights in enumerate(source.calibration):
        state[f"lin{number}.model.1.weight"] = torch.rand(1, len(weights), 1, 1)
    folder = tmp_path / "stlpips_pytorch"
    (folder / "weights" / "vST0.0").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('imported')\n")
    torch.save(state, folder / "weights" / "vST0.0" / "vgg_shift_tolerant.pth")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "stlpips_pytorch", raising=False)
    loaded = load_perceptual("stlpips")
    for weights, key in zip(loaded.calibration, range(5), strict=True):
        source.calibration[key].copy_(state[f"lin{key}.model.1.weight"].flatten())
        assert torch.equal(weights, source.calibration[key])
    torch.testing.assert_close(loaded(*images), source(*images))
    del state["lin4.model.1.weight"]
    torch.save(state, folder / "weights" / "vST0.0" / "vgg_shift_tolerant.pth")
    with pytest.raises(ValueError, match="30 tensors of other shapes than VGG-16's 31"):
        load_perceptual("stlpips")


def test_it_is_that_of_the_package(images, monkeypatch):
    for name, attribute in (
        ("IPython", "embed"),
        ("torchsummary", "summary"),
    ):  # which it imports, and doesn't use
        monkeypatch.setitem(sys.modules, name, types.SimpleNamespace(**{attribute: None}))
    package = pytest.importorskip(
        "stlpips_pytorch.stlpips", reason="stlpips-pytorch is not installed"
    )
    theirs = package.LPIPS(net="vgg", variant="shift_tolerant", verbose=False)
    with torch.no_grad():
        torch.testing.assert_close(
            load_perceptual("stlpips")(*images), theirs(*images).flatten(), rtol=1e-4, atol=1e-7
        )


def test_none_and_mistakes(monkeypatch):
    assert load_perceptual("none") is None
    with pytest.raises(ValueError, match="perceptual 'vgg': expected one of lpips, stlpips, none"):
        load_perceptual("vgg")
    monkeypatch.setattr(perceptual, "find_spec", lambda name: None)
    with pytest.raises(
        FileNotFoundError, match="pip install --no-deps stlpips-pytorch, or .*perceptual=none"
    ):
        load_perceptual("stlpips")


def test_no_network_is_said(monkeypatch):
    def refuse(**_: object) -> None:
        raise perceptual.URLError("no route")

    monkeypatch.setattr(perceptual, "vgg16", refuse)
    monkeypatch.setattr(perceptual, "_package_weights", lambda *_: {})
    with pytest.raises(
        FileNotFoundError,
        match=r"could not fetch VGG-16 .*no route.* put https:.*vgg16.*\.pth into .*checkpoints",
    ):
        load_perceptual("lpips")
